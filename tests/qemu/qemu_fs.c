// SPDX-License-Identifier: GPL-2.0-only
/*
 * A directory whose back-end is virtiofsd, a device that has no use for a lost
 * connection: files go both ways, and when the back-end is gone, so is what it
 * was granted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"
#include "proc.h"

MACHINE_VARIANT(anon, VM_ANON, VM_NO_IOMMU);
MACHINE_VARIANT(memfd_intel_iommu, VM_MEMFD, VM_INTEL_IOMMU);
MACHINE_VARIANT(anon_virtio_iommu, VM_ANON, VM_VIRTIO_IOMMU);

FIXTURE_SETUP(machine)
{
	const char *why = machine_begin(self, variant, false);

	if (why)
		SKIP(return, "%s", why);
}

static int start(FIXTURE_DATA(machine) *self)
{
	struct backend *share = &self->backend;
	struct vm *vm = &self->vm;
	int ret;

	ret = share_init(share);
	if (!ret)
		ret = backend_start(share);
	if (!ret)
		ret = vm_init(vm, &self->config);
	if (ret)
		return ret;
	vm_add_share(vm, share->sockets[0]);
	ret = vm_start(vm);
	return ret ?: vm_wait_boot(vm);
}

/* QEMU has to hear of it first. */
static bool wait_no_window(struct vm *vm, const char *device)
{
	const uint64_t end = now_ns() + PROGRAM_TIMEOUT_MS * 1000000ULL;
	struct vm_window window;

	while (vm_query_window(vm, device, &window) != -ENOENT) {
		if (now_ns() > end)
			return false;
		sleep_ms(50);
	}
	return true;
}

/* Runs @command in the shared directory, on the side of the back-end */
static int host_run(const struct backend *share, const char *command)
{
	char line[256];

	snprintf(line, sizeof(line), "cd %s && %s", share->image, command);
	return system(line);
}

TEST_F_TIMEOUT(machine, files_go_both_ways, 600)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, host_run(&self->backend,
			      "head -c 1001000 /dev/urandom >a && md5sum a >sums"));
	ASSERT_TRUE(guest_ok(vm, "mount -t virtiofs share /mnt"));
	ASSERT_TRUE(guest_ok(vm, "cd /mnt && md5sum -c sums"));
	ASSERT_TRUE(guest_ok(vm, "cd /mnt && head -c 1001000 /dev/urandom >b && md5sum b >sums2"));
	ASSERT_TRUE(guest_ok(vm, "umount /mnt"));
	EXPECT_EQ(0, host_run(&self->backend, "md5sum -c sums2 >/dev/null"));
}

TEST_F_TIMEOUT(machine, nothing_is_left_of_the_dead, 600)
{
	struct vm *vm = &self->vm;
	struct vm_window window;

	ASSERT_EQ(0, start(self));
	ASSERT_TRUE(guest_ok(vm, "mount -t virtiofs share /mnt && ls /mnt"));
	if (vm->config.sharing == VM_STOCK)
		return;
	ASSERT_TRUE(vm_wait_window(vm, "share", true));
	ASSERT_EQ(0, vm_query_window(vm, "share", &window));
	EXPECT_LT(0, window.pages_granted);
	backend_kill(&self->backend);
	EXPECT_TRUE(wait_no_window(vm, "share"));
}

TEST_HARNESS_MAIN
