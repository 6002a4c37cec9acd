/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest whose devices a back-end on the host serves, as a fixture for tests, which
 * include it once, and set it up with machine_begin().
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "kselftest_harness.h"
#include "backend.h"
#include "mark.h"
#include "vm.h"

FIXTURE(machine)
{
	struct mark mark;
	struct vm_config config;
	struct backend backend;
	struct vm vm;
};

FIXTURE_VARIANT(machine)
{
	struct vm_config config;
	unsigned int queues;	/* of each device; 0 is as 1 */
};

#define MACHINE_VARIANT(name, mem, mmu)					\
	FIXTURE_VARIANT_ADD(machine, name)				\
	{								\
		.config = { .memory = (mem), .iommu = (mmu) },		\
	}

/* Says why there is no such machine, or NULL; with @iotlb, the back-end knows IOMMUs */
static inline const char *machine_begin(FIXTURE_DATA(machine) *self,
					const FIXTURE_VARIANT(machine) *variant,
					bool iotlb)
{
	const char *why;

	self->config = variant->config;
	self->config.sharing = vm_sharing();
	why = vm_impossible(&self->config, iotlb);
	if (!why)
		mark_begin(&self->mark);
	return why;
}

FIXTURE_TEARDOWN_PARENT(machine)
{
	bool failed = _metadata->exit_code == KSFT_FAIL;

	vm_bury(&self->vm, failed);
	backend_bury(&self->backend, failed);
	MARK_END(&self->mark);
}

/* A machine with a disk, which a back-end serves that is started, too */
static inline int machine_start_disk(FIXTURE_DATA(machine) *self,
				     unsigned int megabytes, unsigned int queues)
{
	struct backend *disk = &self->backend;
	struct vm *vm = &self->vm;
	int ret;

	ret = disk_init(disk, megabytes, queues);
	if (!ret)
		ret = backend_start(disk);
	if (!ret)
		ret = vm_init(vm, &self->config);
	if (ret)
		return ret;
	vm_add_disk(vm, 0, disk->sockets[0], queues);
	ret = vm_start(vm);
	return ret ?: vm_wait_boot(vm);
}

#endif /* MACHINE_H */
