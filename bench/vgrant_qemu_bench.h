/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of vgrant_qemu_bench. */
#ifndef VGRANT_QEMU_BENCH_H
#define VGRANT_QEMU_BENCH_H

#include "bench.h"

/* A disk of qemu-storage-daemon, and network cards of DPDK's testpmd. */
void bench_disk(const struct options *o);
void bench_net(const struct options *o);
/* The same with an IOMMU, beside DPDK's own IOTLB */
void bench_net_iommu(const struct options *o);
/* The same, with back-ends in a virtual machine beside some on the host */
void bench_disk_served(const struct options *o);
void bench_net_served(const struct options *o);

#endif /* VGRANT_QEMU_BENCH_H */
