// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

static void usage(FILE *f, const struct options *o)
{
	fprintf(f, "usage: %s [options]\n", program_invocation_short_name);
	fprintf(f, "  -r, --rounds N   rounds of each comparison (%u)\n",
		o->rounds);
	if (o->others)
		fprintf(f, "  -n, --others N   grants that are many (%lu)\n",
			o->others);
	fprintf(f,
		"  -s, --seed N     of the places of pages (%u)\n"
		"  -o, --output F   write machine-readable results too, - for here\n"
		"  -h, --help       this text\n", o->seed);
}

static unsigned long number(const char *text, unsigned long min,
			    unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (*end || !*text || n < min || n > max)
		errx(2, "%s: not a number from %lu to %lu", text, min, max);
	return n;
}

void options_parse(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "others", required_argument, NULL, 'n' },
		{ }
	};
	const struct options defaults = *o;
	int c;

	while ((c = getopt_long(argc, argv, "r:s:o:hn:", options, NULL)) != -1)
		switch (c) {
		case 'r':
			o->rounds = (unsigned int)number(optarg, 1, MAX_ROUNDS);
			break;
		case 's':
			o->seed = (unsigned int)number(optarg, 0, ~0U);
			break;
		case 'o':
			o->output = optarg;
			break;
		case 'n':
			if (!defaults.others)
				errx(2, "--others: there are none here");
			o->others = number(optarg, 2 * MAX_PAGES, 1 << 23);
			break;
		case 'h':
			usage(stdout, &defaults);
			exit(0);
		default:
			usage(stderr, &defaults);
			exit(2);
		}
	if (optind != argc)
		errx(2, "%s: not an option; see --help", argv[optind]);
}
