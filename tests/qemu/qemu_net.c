// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two network cards of one guest, which testpmd of DPDK connects: what goes out
 * of one comes in at the other, unchanged, both ways.
 */
#include "kselftest_harness.h"
#include "backend.h"
#include "machine.h"
#include "mark.h"
#include "work.h"

FIXTURE(net)
{
	struct mark mark;
	struct vm_config config;
	struct backend net;
	struct vm vm;
};

FIXTURE_VARIANT(net)
{
	struct vm_config config;
	unsigned int queues;
};

MACHINE_VARIANT(net, VM_MEMFD, VM_NO_IOMMU, memfd);
MACHINE_VARIANT(net, VM_MEMFD, VM_INTEL_IOMMU, memfd_intel_iommu);
MACHINE_VARIANT(net, VM_MEMFD, VM_VIRTIO_IOMMU, memfd_virtio_iommu);
MACHINE_VARIANT(net, VM_ANON, VM_NO_IOMMU, anon);
MACHINE_VARIANT(net, VM_ANON, VM_INTEL_IOMMU, anon_intel_iommu);
MACHINE_VARIANT(net, VM_ANON, VM_VIRTIO_IOMMU, anon_virtio_iommu);
MACHINE_VARIANT(net, VM_HUGE, VM_NO_IOMMU, huge);
MACHINE_VARIANT(net, VM_HUGE, VM_INTEL_IOMMU, huge_intel_iommu);
MACHINE_VARIANT(net, VM_HUGE, VM_VIRTIO_IOMMU, huge_virtio_iommu);
FIXTURE_VARIANT_ADD(net, queues)
{
	.config = { .memory = VM_MEMFD, .cpus = 2 },
	.queues = 2,
};

FIXTURE_SETUP(net)
{
	const char *why;

	self->config = variant->config;
	self->config.sharing = vm_sharing();
	why = vm_impossible(&self->config, true);
	if (why)
		SKIP(return, "%s", why);
	mark_begin(&self->mark);
}

FIXTURE_TEARDOWN_PARENT(net)
{
	bool failed = _metadata->exit_code == KSFT_FAIL;

	vm_bury(&self->vm, failed);
	backend_bury(&self->net, failed);
	MARK_END(&self->mark);
}

/* Stock QEMU leaves an IOMMU to the back-end. */
static int start(struct backend *net, struct vm *vm,
		 const struct vm_config *config, unsigned int queues)
{
	bool iotlb = config->sharing == VM_STOCK &&
		config->iommu != VM_NO_IOMMU;
	unsigned int i;
	int ret;

	ret = switch_init(net, queues, iotlb);
	if (!ret)
		ret = backend_start(net);
	if (!ret)
		ret = vm_init(vm, config);
	if (ret)
		return ret;
	for (i = 0; i < BACKEND_PORTS; i++)
		vm_add_nic(vm, i, net->sockets[i], queues);
	ret = vm_start(vm);
	if (!ret)
		ret = vm_wait_boot(vm);
	return ret ?: switch_on(net);
}

TEST_F_TIMEOUT(net, both_ways, 840)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, start(&self->net, vm, &self->config, variant->queues ?: 1));
	ASSERT_TRUE(work_with_network(vm));
}

/* What is sent on a CPU comes in by the queue that is that CPU's. */
TEST_F_TIMEOUT(net, every_queue, 840)
{
	unsigned int queues = variant->queues, i;
	struct vm *vm = &self->vm;

	if (!queues)
		SKIP(return, "of more than one queue");
	ASSERT_EQ(0, start(&self->net, vm, &self->config, queues));
	ASSERT_TRUE(work_separate(vm));
	for (i = 0; i < queues; i++)
		ASSERT_TRUE(work_with_queue(vm, i));
}

TEST_HARNESS_MAIN
