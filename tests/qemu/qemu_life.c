// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can happen to a disk while it is in use. Whatever it is, a back-end can
 * reach nothing while the device does not run, and afterwards all goes on with
 * the data that there was.
 */
#include <stdlib.h>

#include "machine.h"
#include "work.h"

#define MEGABYTES	16
#define PLUGGED		128

MACHINE_VARIANT(memfd, VM_MEMFD, VM_NO_IOMMU);
MACHINE_VARIANT(anon_intel_iommu, VM_ANON, VM_INTEL_IOMMU);
MACHINE_VARIANT(huge_virtio_iommu, VM_HUGE, VM_VIRTIO_IOMMU);

FIXTURE_SETUP(machine)
{
	const char *why = machine_begin(self, variant, false);

	if (why)
		SKIP(return, "%s", why);
	self->config.slots = 1;
}

TEST_F_TIMEOUT(machine, stop_and_cont, 840)
{
	struct vm *vm = &self->vm;
	int i;

	ASSERT_EQ(0, machine_start_disk(self, MEGABYTES, 1));
	ASSERT_TRUE(work_begin(vm));
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(work_goes_on(vm));
		ASSERT_TRUE(work_is_granted(vm));
		ASSERT_EQ(0, vm_do(vm, "stop", NULL));
		ASSERT_TRUE(work_is_revoked(vm));
		ASSERT_EQ(0, vm_do(vm, "cont", NULL));
	}
	ASSERT_TRUE(work_goes_on(vm));
	ASSERT_TRUE(work_end(vm));
}

/* Without asking the guest */
TEST_F_TIMEOUT(machine, reset, 840)
{
	struct vm *vm = &self->vm;
	json_t *event;

	ASSERT_EQ(0, machine_start_disk(self, MEGABYTES, 1));
	ASSERT_TRUE(work_begin(vm));
	ASSERT_TRUE(work_goes_on(vm));
	ASSERT_EQ(0, vm_do(vm, "system_reset", NULL));
	event = vm_wait_event(vm, "RESET");
	ASSERT_NE(NULL, event);
	json_decref(event);
	ASSERT_TRUE(work_is_revoked(vm));

	ASSERT_EQ(0, vm_wait_boot(vm));
	ASSERT_TRUE(work_begin(vm));
	ASSERT_TRUE(work_goes_on(vm));
	ASSERT_TRUE(work_is_granted(vm));
	ASSERT_TRUE(work_end(vm));
}

TEST_F_TIMEOUT(machine, unbind_and_bind, 840)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, machine_start_disk(self, MEGABYTES, 1));
	ASSERT_TRUE(work_begin(vm));
	ASSERT_TRUE(work_goes_on(vm));
	ASSERT_TRUE(guest_ok(vm, "basename $(readlink -f /sys/block/vda/device) >/tmp/name"));
	ASSERT_TRUE(guest_ok(vm, "cat /tmp/name >/sys/bus/virtio/drivers/virtio_blk/unbind"));
	ASSERT_TRUE(work_is_revoked(vm));
	/* The disk is gone, so this is an error. */
	ASSERT_TRUE(guest_ok(vm, "await test -e /tmp/load.status"));

	ASSERT_TRUE(guest_ok(vm, "cat /tmp/name >/sys/bus/virtio/drivers/virtio_blk/bind"));
	ASSERT_TRUE(work_begin(vm));
	ASSERT_TRUE(work_goes_on(vm));
	ASSERT_TRUE(work_is_granted(vm));
	ASSERT_TRUE(work_end(vm));
}

TEST_F_TIMEOUT(machine, pull_and_plug, 840)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, machine_start_disk(self, MEGABYTES, 1));
	ASSERT_TRUE(work_begin(vm));
	ASSERT_TRUE(work_goes_on(vm));
	ASSERT_EQ(0, vm_pull(vm, "disk0"));
	ASSERT_TRUE(work_is_revoked(vm));
	ASSERT_TRUE(guest_ok(vm, "await test -e /tmp/load.status"));

	ASSERT_EQ(0, vm_plug_disk(vm, 0, 1));
	ASSERT_TRUE(work_begin(vm));
	ASSERT_TRUE(work_goes_on(vm));
	ASSERT_TRUE(work_is_granted(vm));
	ASSERT_TRUE(work_end(vm));
}

/* The guest notices nothing but a pause. */
TEST_F_TIMEOUT(machine, backend_dies, 840)
{
	struct vm *vm = &self->vm;
	int i;

	ASSERT_EQ(0, machine_start_disk(self, MEGABYTES, 1));
	ASSERT_TRUE(work_begin(vm));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(work_goes_on(vm));
		backend_kill(&self->backend);
		if (vm->config.sharing == VM_GRANT)
			ASSERT_TRUE(vm_wait_window(vm, "disk0", false));
		ASSERT_TRUE(work_is_revoked(vm));
		ASSERT_EQ(0, backend_start(&self->backend));
		ASSERT_TRUE(work_is_granted(vm));
	}
	ASSERT_TRUE(work_goes_on(vm));
	ASSERT_TRUE(work_end(vm));
}

static int plug_memory(struct vm *vm)
{
	static const char * const type[] = {
		[VM_MEMFD]	= "memory-backend-memfd",
		[VM_ANON]	= "memory-backend-ram",
		[VM_HUGE]	= "memory-backend-memfd",
	};
	enum vm_memory memory = vm->config.memory;
	json_t *object;

	object = json_pack("{s:s, s:s, s:I, s:b}", "qom-type", type[memory],
			   "id", "more", "size", (json_int_t)PLUGGED << 20,
			   "share", memory != VM_ANON);
	if (memory == VM_HUGE)
		json_object_set_new(object, "hugetlb", json_true());
	if (vm_do(vm, "object-add", "o", object))
		return -EINVAL;
	return vm_do(vm, "device_add", "{s:s, s:s, s:s}", "driver", "pc-dimm",
		     "id", "dimm", "memdev", "more");
}

/* The load's buffers can be moved, and such pages come from the new memory first. */
static bool memory_has_grown(struct vm *vm, unsigned int before)
{
	return guest_ok(vm, "await sh -c '[ $(memory) -gt %u ]'", before);
}

TEST_F_TIMEOUT(machine, memory_is_plugged, 840)
{
	struct vm_window before, after;
	struct vm *vm = &self->vm;
	unsigned int megabytes;

	self->config.kernel_args = "memhp_default_state=online_movable";
	ASSERT_EQ(0, machine_start_disk(self, MEGABYTES, 1));
	ASSERT_TRUE(guest_ok(vm, "memory"));
	megabytes = atoi(vm->output);
	ASSERT_TRUE(work_begin(vm));
	ASSERT_TRUE(work_goes_on(vm));
	vm_query_window(vm, "disk0", &before);
	ASSERT_EQ(0, plug_memory(vm));
	vm_query_window(vm, "disk0", &after);
	/* All that there is, or what the guest's IOMMU maps */
	if (vm->config.sharing == VM_GRANT &&
	    vm->config.iommu == VM_NO_IOMMU)
		EXPECT_EQ(before.pages_granted + (PLUGGED << 8),
			  after.pages_granted);
	ASSERT_TRUE(memory_has_grown(vm, megabytes));
	ASSERT_TRUE(work_goes_on(vm));
	ASSERT_TRUE(work_goes_on(vm));
	ASSERT_TRUE(work_end(vm));
}

TEST_HARNESS_MAIN
