// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two network cards of one guest, which testpmd of DPDK connects in another: what goes
 * out of one comes in at the other, unchanged, both ways.
 */
#include "pair.h"
#include "work.h"

/*
 * There is no place for two of the usual windows below 1 TB, where the lab's machines
 * end. Without an IOMMU a window ends where RAM does; an intel-iommu cannot have less.
 */
#define RAM_WINDOW	"4G"
#define IOVA_BITS	36
#define IOVA_WINDOW	"64G"

FIXTURE_VARIANT_ADD(pair, native)
{
	.config = { .memory = VM_ANON, .window = RAM_WINDOW },
	.service = { .kind = SERVICE_SWITCH, .memory = RAM_WINDOW },
};

FIXTURE_VARIANT_ADD(pair, native_virtio_iommu)
{
	.config = {
		.memory = VM_ANON, .iommu = VM_VIRTIO_IOMMU,
		.iova_bits = IOVA_BITS, .window = IOVA_WINDOW,
	},
	.service = { .kind = SERVICE_SWITCH, .memory = IOVA_WINDOW },
};

FIXTURE_VARIANT_ADD(pair, mapped)
{
	.config = {
		.memory = VM_MEMFD, .window = RAM_WINDOW, .kvm_mapped = true,
	},
	.service = {
		.kind = SERVICE_SWITCH, .mapped = true, .memory = RAM_WINDOW,
	},
};

FIXTURE_VARIANT_ADD(pair, queues_packed)
{
	.config = {
		.memory = VM_ANON, .window = RAM_WINDOW, .cpus = 2,
		.packed = true,
	},
	.service = {
		.kind = SERVICE_SWITCH, .queues = 2, .memory = RAM_WINDOW,
	},
};

TEST_F_TIMEOUT(pair, both_ways, 840)
{
	struct vm *vm = &self->vm;
	unsigned int i;

	ASSERT_EQ(0, pair_serve(&self->service, &variant->service));
	ASSERT_EQ(0, pair_use(vm, &variant->config, &self->service));
	ASSERT_TRUE(service_switch_on(&self->service));
	ASSERT_TRUE(work_with_network(vm));
	for (i = 0; i < variant->service.queues; i++)
		ASSERT_TRUE(work_with_queue(vm, i));
}

TEST_HARNESS_MAIN
