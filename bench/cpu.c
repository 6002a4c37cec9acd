// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <err.h>
#include <sched.h>

#include "bench.h"

/* Those that the program was started on: the lab's machines keep one for themselves. */
static cpu_set_t allowed;

__attribute__((constructor))
static void find_allowed(void)
{
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		err(1, "sched_getaffinity");
}

int nr_cpus(void)
{
	return CPU_COUNT(&allowed);
}

static int number_of(int cpu)
{
	int number;

	for (number = 0; number < CPU_SETSIZE; number++)
		if (CPU_ISSET(number, &allowed) && !cpu--)
			return number;
	errx(1, "this takes more than %d CPUs", nr_cpus());
}

void use_cpu(int cpu)
{
	const int number = number_of(cpu);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(number, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "sched_setaffinity to CPU %d", number);
}
