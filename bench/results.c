// SPDX-License-Identifier: GPL-2.0-only
/* What was measured: for people, and in a file for a program. */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static FILE *tsv;

void results_begin(const char *path)
{
	if (path) {
		tsv = strcmp(path, "-") ? fopen(path, "we") : stdout;
		if (!tsv)
			err(2, "%s", path);
	}
	printf("%-34s %7s  %17s  %5s\n", "# comparison", "median", "[min, max]",
	       "aim <");
}

void results_end(void)
{
	if (tsv && fclose(tsv))
		err(1, "cannot write the results");
}

static int compare_times(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return (a > b) - (a < b);
}

uint64_t undisturbed(uint64_t *time, unsigned int n)
{
	qsort(time, n, sizeof(*time), compare_times);
	return time[n / 4];
}

static int compare_ratios(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static void sorted_ratios(const struct series *s, double *ratio)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		ratio[i] = (double)s->a[i] / (double)s->b[i];
	qsort(ratio, s->n, sizeof(*ratio), compare_ratios);
}

void report(const struct series *s)
{
	double ratio[MAX_ROUNDS];
	char aim[16] = "";
	unsigned int i;

	if (s->aim > 0)
		snprintf(aim, sizeof(aim), "%.2f", s->aim);
	sorted_ratios(s, ratio);
	printf("%-34s %7.3f  [%6.3f, %7.3f]  %5s  %s\n", s->name,
	       ratio[s->n / 2], ratio[0], ratio[s->n - 1], aim, s->what);
	fflush(stdout);
	if (!tsv)
		return;
	fprintf(tsv, "%s\tratio\t%.4f\t%.4f", s->name, ratio[s->n / 2], s->aim);
	for (i = 0; i < s->n; i++)
		fprintf(tsv, "\t%llu/%llu", (unsigned long long)s->a[i],
			(unsigned long long)s->b[i]);
	fputc('\n', tsv);
}

void report_bytes(const char *name, double bytes, double aim, const char *what)
{
	printf("%-34s %7.1f  %17s  %5.0f  %s\n", name, bytes, "bytes", aim,
	       what);
	if (tsv)
		fprintf(tsv, "%s\tbytes\t%.2f\t%.2f\n", name, bytes, aim);
}

void report_rate(const char *name, double a, double b, const char *what)
{
	char other[24];

	snprintf(other, sizeof(other), "beside %.3f", b);
	printf("%-34s %7.3f  %17s  %5s  %s\n", name, a, other, "", what);
	fflush(stdout);
	if (tsv)
		fprintf(tsv, "%s\trate\t%.4f\t%.4f\n", name, a, b);
}

void report_skip(const char *name, const char *why)
{
	printf("# %s: skipped, %s\n", name, why);
	fflush(stdout);
}
