// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the frequency of the time stamp counter in kHz. An emulated machine
 * shows the counter of this one, and if this one is busy while the guest's
 * kernel measures it, the guest's clock runs wrong for as long as it lives.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct sample {
	uint64_t ns;
	uint64_t ticks;
	uint64_t width;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* The clock between two reads of the counter, as close together as can be. */
static struct sample take_sample(void)
{
	struct sample s, best = { .width = UINT64_MAX };
	int i;

	for (i = 0; i < 1000; i++) {
		s.ticks = __rdtsc();
		s.ns = now_ns();
		s.width = __rdtsc() - s.ticks;
		if (s.width < best.width)
			best = s;
	}
	return best;
}

int main(void)
{
	struct timespec pause = { .tv_nsec = 100000000 };
	struct sample from = take_sample(), to;

	nanosleep(&pause, NULL);
	to = take_sample();
	printf("%.0f\n", (to.ticks - from.ticks) * 1e6 / (to.ns - from.ns));
	return 0;
}
