// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk whose back-end is qemu-storage-daemon in another virtual machine. One machine
 * serves others of all kinds, one after the other.
 */
#include "pair.h"
#include "work.h"

#define MEGABYTES	20


FIXTURE_VARIANT_ADD(pair, native)
{
	.config = { .memory = VM_ANON },
	.service = { .kind = SERVICE_DISK, .memory = WINDOW_SIZE },
};

/* KVM cannot have huge pages in this way: see VHOST_GRANT_WINDOW_KVM_MAPPED */
FIXTURE_VARIANT_ADD(pair, mapped)
{
	.config = { .memory = VM_MEMFD, .kvm_mapped = true },
	.service = {
		.kind = SERVICE_DISK, .mapped = true, .memory = WINDOW_SIZE,
	},
};

FIXTURE_VARIANT_ADD(pair, queues)
{
	.config = { .memory = VM_ANON, .cpus = 2 },
	.service = {
		.kind = SERVICE_DISK, .queues = 2, .memory = WINDOW_SIZE,
	},
};

static void expect_work(struct __test_metadata *_metadata, struct vm *vm,
			struct service *service)
{
	ASSERT_TRUE(work_with_files(vm));
	ASSERT_TRUE(work_behind_files(vm, MEGABYTES - WORK_FS_MEGABYTES));
	ASSERT_TRUE(service_sum(service, WORK_FS_MEGABYTES));
	EXPECT_STREQ(service->vm.output, vm->output);
}

TEST_F_TIMEOUT(pair, files_survive, 840)
{
	static const char * const names[] = { "no", "intel", "virtio" };
	struct vm_config config = variant->config;
	unsigned int i, kinds = variant->service.queues ? 1 : 3;

	ASSERT_EQ(0, pair_serve(&self->service, &variant->service));
	for (i = 0; i < kinds; i++) {
		config.iommu = i;
		TH_LOG("with %s IOMMU", names[i]);
		ASSERT_EQ(0, pair_use(&self->vm, &config, &self->service));
		EXPECT_EQ(!variant->service.mapped,
			  service_property(&self->service, 0, "is-native"));
		expect_work(_metadata, &self->vm, &self->service);
		vm_free(&self->vm);
	}
}

TEST_HARNESS_MAIN
