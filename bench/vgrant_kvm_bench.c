// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a window costs a KVM guest and its owner: ratios, as vgrant_bench has
 * them, in both ways in which a guest can have a window. The owner is on the
 * first CPU, vCPUs are on the ones after it.
 */
#include <stdio.h>

#include "bench.h"
#include "vgrant_kvm_bench.h"

int main(int argc, char **argv)
{
	struct options o = { .rounds = 31, .seed = 1 };
	int space;

	options_parse(&o, argc, argv);
	random_seed(o.seed);
	use_cpu(0);
	space = space_open();
	printf("# %u rounds with guests of KVM, seed %u; times are only good as ratios\n",
	       o.rounds, o.seed);
	results_begin(o.output);
	bench_revoke(space, o.rounds);
	bench_batch(space, o.rounds);
	bench_others(space, o.rounds);
	bench_bandwidth(space, o.rounds);
	bench_touch(space, o.rounds);
	results_end();
	return 0;
}
