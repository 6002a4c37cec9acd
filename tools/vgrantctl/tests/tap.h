/* SPDX-License-Identifier: GPL-2.0-only */
/* TAP for the tests that need no kernel: a list of cases, checks in each. */
#ifndef VGRANTCTL_TAP_H
#define VGRANTCTL_TAP_H

#include <stdbool.h>
#include <stdio.h>

struct tap_case {
	const char *name;
	void (*run)(void);
};

static unsigned int tap_failures;

static void tap_check(bool ok, const char *what, int line)
{
	if (ok)
		return;
	tap_failures++;
	printf("# line %d: not true: %s\n", line, what);
}

#define CHECK(condition)	tap_check(condition, #condition, __LINE__)

static int tap_run(const struct tap_case *cases, unsigned int nr)
{
	unsigned int failed = 0;

	printf("TAP version 13\n1..%u\n", nr);
	for (unsigned int i = 0; i < nr; i++) {
		tap_failures = 0;
		cases[i].run();
		failed += !!tap_failures;
		printf("%sok %u %s\n", tap_failures ? "not " : "", i + 1,
		       cases[i].name);
		fflush(stdout);
	}
	return !!failed;
}

#endif /* VGRANTCTL_TAP_H */
