// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a window costs a guest of QEMU whose devices are back-ends, and what it
 * costs to have those in a virtual machine: ratios, as vgrant_bench has them, each
 * of two devices of the same guest.
 */
#include <stdio.h>

#include "bench.h"
#include "vgrant_qemu_bench.h"

int main(int argc, char **argv)
{
	struct options o = { .rounds = 9, .seed = 1 };

	options_parse(&o, argc, argv);
	printf("# %u rounds with guests of QEMU, seed %u; times are only good as ratios\n",
	       o.rounds, o.seed);
	results_begin(o.output);
	bench_disk(&o);
	bench_net(&o);
	bench_net_iommu(&o);
	bench_disk_served(&o);
	bench_net_served(&o);
	results_end();
	return 0;
}
