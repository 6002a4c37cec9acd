// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk whose back-end is qemu-storage-daemon: what the guest writes comes to be
 * in the file, and what is in the file is what the guest reads.
 */
#include <stdio.h>

#include "kselftest_harness.h"
#include "backend.h"
#include "machine.h"
#include "mark.h"
#include "work.h"

#define MEGABYTES	20

FIXTURE(block)
{
	struct mark mark;
	struct vm_config config;
	struct backend disk;
	struct vm vm;
};

FIXTURE_VARIANT(block)
{
	struct vm_config config;
	unsigned int queues;
};

MACHINE_VARIANT(block, VM_MEMFD, VM_NO_IOMMU, memfd);
MACHINE_VARIANT(block, VM_MEMFD, VM_INTEL_IOMMU, memfd_intel_iommu);
MACHINE_VARIANT(block, VM_MEMFD, VM_VIRTIO_IOMMU, memfd_virtio_iommu);
MACHINE_VARIANT(block, VM_ANON, VM_NO_IOMMU, anon);
MACHINE_VARIANT(block, VM_ANON, VM_INTEL_IOMMU, anon_intel_iommu);
MACHINE_VARIANT(block, VM_ANON, VM_VIRTIO_IOMMU, anon_virtio_iommu);
MACHINE_VARIANT(block, VM_HUGE, VM_NO_IOMMU, huge);
MACHINE_VARIANT(block, VM_HUGE, VM_INTEL_IOMMU, huge_intel_iommu);
MACHINE_VARIANT(block, VM_HUGE, VM_VIRTIO_IOMMU, huge_virtio_iommu);
FIXTURE_VARIANT_ADD(block, queues)
{
	.config = { .memory = VM_MEMFD, .cpus = 2 },
	.queues = 2,
};

static int start(struct backend *disk, struct vm *vm,
		 const struct vm_config *config, unsigned int queues)
{
	int ret;

	ret = disk_init(disk, MEGABYTES, queues);
	if (!ret)
		ret = backend_start(disk);
	if (!ret)
		ret = vm_init(vm, config);
	if (ret)
		return ret;
	vm_add_disk(vm, 0, disk->sockets[0], queues);
	ret = vm_start(vm);
	return ret ?: vm_wait_boot(vm);
}

FIXTURE_SETUP(block)
{
	const char *why;

	self->config = variant->config;
	self->config.sharing = vm_sharing();
	why = vm_impossible(&self->config, false);
	if (why)
		SKIP(return, "%s", why);
	mark_begin(&self->mark);
}

FIXTURE_TEARDOWN_PARENT(block)
{
	bool failed = _metadata->exit_code == KSFT_FAIL;

	vm_bury(&self->vm, failed);
	backend_bury(&self->disk, failed);
	MARK_END(&self->mark);
}

/* The checksum of what the file has behind the file system, as the guest's md5sum */
static bool host_sum(const struct backend *disk, char *sum, size_t size)
{
	char command[256];
	bool done;
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "dd if=%s bs=1M skip=%d 2>/dev/null | md5sum", disk->image,
		 WORK_FS_MEGABYTES);
	pipe = popen(command, "re");
	if (!pipe)
		return false;
	done = fgets(sum, size, pipe);
	pclose(pipe);
	return done;
}

TEST_F_TIMEOUT(block, files_survive, 840)
{
	struct vm *vm = &self->vm;
	char sum[64];

	ASSERT_EQ(0, start(&self->disk, vm, &self->config,
			   variant->queues ?: 1));
	ASSERT_TRUE(work_with_files(vm));
	ASSERT_TRUE(work_behind_files(vm, MEGABYTES - WORK_FS_MEGABYTES));
	ASSERT_TRUE(host_sum(&self->disk, sum, sizeof(sum)));
	EXPECT_STREQ(sum, vm->output);
}

TEST_HARNESS_MAIN
