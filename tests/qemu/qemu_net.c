// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two network cards of one guest, which testpmd of DPDK connects: what goes out
 * of one comes in at the other, unchanged, both ways.
 */
#include "machine_kinds.h"
#include "work.h"

FIXTURE_SETUP(machine)
{
	const char *why = machine_begin(self, variant, true);

	if (why)
		SKIP(return, "%s", why);
}

/* Stock QEMU leaves an IOMMU to the back-end. */
static int start(FIXTURE_DATA(machine) *self, unsigned int queues)
{
	const struct vm_config *config = &self->config;
	struct backend *net = &self->backend;
	struct vm *vm = &self->vm;
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

TEST_F_TIMEOUT(machine, both_ways, 840)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, start(self, variant->queues ?: 1));
	ASSERT_TRUE(work_with_network(vm));
}

/* What is sent on a CPU comes in by the queue that is that CPU's. */
TEST_F_TIMEOUT(machine, every_queue, 840)
{
	unsigned int queues = variant->queues, i;
	struct vm *vm = &self->vm;

	if (!queues)
		SKIP(return, "of more than one queue");
	ASSERT_EQ(0, start(self, queues));
	ASSERT_TRUE(work_separate(vm));
	for (i = 0; i < queues; i++)
		ASSERT_TRUE(work_with_queue(vm, i));
}

TEST_HARNESS_MAIN
