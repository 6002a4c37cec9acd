/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of vgrant_kvm_bench measure. */
#ifndef VGRANT_KVM_BENCH_H
#define VGRANT_KVM_BENCH_H

void bench_revoke(int space, unsigned int rounds);
void bench_batch(int space, unsigned int rounds);
void bench_others(int space, unsigned int rounds);
void bench_bandwidth(int space, unsigned int rounds);
void bench_touch(int space, unsigned int rounds);

#endif /* VGRANT_KVM_BENCH_H */
