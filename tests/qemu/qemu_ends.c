// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a hostile back-end is given, how little of it can be held, and that all of it
 * is gone when the guest or QEMU is done with the device, in whatever way.
 */
#include "isolation.h"

WINDOW_VARIANT(anon, VM_ANON, VM_NO_IOMMU);
WINDOW_VARIANT(anon_intel_iommu, VM_ANON, VM_INTEL_IOMMU);
WINDOW_VARIANT(anon_virtio_iommu, VM_ANON, VM_VIRTIO_IOMMU);

/* What is sent, and what is agreed on, though the back-end offers everything */
static void expect_little(struct __test_metadata *_metadata,
			  FIXTURE_DATA(isolation) *self)
{
	struct adversary *adversary = &self->scene.adversary;
	int64_t protocol = adversary_state(adversary, "protocol");

	EXPECT_EQ(0, protocol & FORBIDDEN);
	EXPECT_EQ(VU_F_REPLY_ACK, protocol & VU_F_REPLY_ACK);
	EXPECT_EQ(0, adversary_state(adversary, "channel"));
	EXPECT_EQ(1, adversary_state(adversary, "regions"));
	ASSERT_EQ(0, adversary_do(adversary, "regions"));
	EXPECT_EQ(0, adversary_number(adversary, "gpa"));
	EXPECT_EQ(0, adversary_number(adversary, "user"));
	EXPECT_EQ(0, adversary_number(adversary, "offset"));
	EXPECT_EQ(adversary_number(adversary, "length"),
		  adversary_number(adversary, "size"));
}

/* Nothing is pinned by way of the window, nor read as a debugger does. */
static void expect_no_other_way(struct __test_metadata *_metadata,
				FIXTURE_DATA(isolation) *self)
{
	struct adversary *adversary = &self->scene.adversary;
	uint64_t address;
	size_t i, nr;

	ASSERT_EQ(0, scene_freeze(&self->scene));
	EXPECT_LT(0, scene_reach(&self->scene, "quick"));
	nr = adversary->nr < 64 ? adversary->nr : 64;
	for (i = 0; i < nr; i++) {
		address = adversary->reached[i].address;
		EXPECT_EQ(0, adversary_reach(adversary, "vm-access", address,
					     address));
		EXPECT_EQ(0, adversary_reach(adversary, "pin", address,
					     address));
	}
	ASSERT_EQ(0, scene_thaw(&self->scene));
}

/* A page that can be reached now, the same in each of the ways to keep it */
static void keep_a_page(struct __test_metadata *_metadata,
			FIXTURE_DATA(isolation) *self)
{
	struct adversary *adversary = &self->scene.adversary;

	EXPECT_LT(0, scene_reach(&self->scene, "quick"));
	ASSERT_LT(0, adversary->nr);
	ASSERT_EQ(0, adversary_do(adversary, "keep 0x%lx",
				  adversary->reached[0].address));
	EXPECT_EQ(0, adversary_number(adversary, "mapping"));
	EXPECT_EQ(0, adversary_number(adversary, "second-mapping"));
	EXPECT_GT(0, adversary_number(adversary, "child"));
	EXPECT_GT(0, adversary_number(adversary, "pipe"));
	EXPECT_GT(0, adversary_number(adversary, "ring"));
}

static void expect_lost(struct __test_metadata *_metadata,
			FIXTURE_DATA(isolation) *self)
{
	static const char * const ways[] = {
		"mapping", "second-mapping", "child", "pipe", "ring",
	};
	struct adversary *adversary = &self->scene.adversary;
	size_t i;

	ASSERT_EQ(0, adversary_do(adversary, "kept"));
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (adversary_number(adversary, ways[i]) >= 0)
			TH_LOG("kept by %s", ways[i]);
		EXPECT_GT(0, adversary_number(adversary, ways[i]));
	}
	expect_nothing(_metadata, self);
}

TEST_F_TIMEOUT(isolation, ends, 900)
{
	struct scene *scene = &self->scene;
	struct vm *vm = &scene->vm;
	char address[32];

	ASSERT_EQ(0, scene_open(scene, &variant->config, "all"));
	expect_little(_metadata, self);
	expect_no_odd_maps(_metadata, &scene->adversary);
	expect_no_other_way(_metadata, self);

	ASSERT_EQ(0, scene_find_device(scene, address, sizeof(address)));
	keep_a_page(_metadata, self);
	ASSERT_TRUE(guest_ok(vm, "echo %s >/sys/bus/pci/drivers/virtio-pci/unbind",
			     address));
	expect_lost(_metadata, self);
	ASSERT_TRUE(guest_ok(vm, "echo %s >/sys/bus/pci/drivers/virtio-pci/bind",
			     address));
	expect_quiet(_metadata, self, "quick");

	keep_a_page(_metadata, self);
	ASSERT_EQ(0, vm_do(vm, "stop", NULL));
	expect_lost(_metadata, self);
	ASSERT_EQ(0, vm_do(vm, "cont", NULL));
	ASSERT_TRUE(guest_ok(vm, "dd if=/dev/vda of=/dev/null bs=64k count=1"));
	expect_quiet(_metadata, self, "quick");

	keep_a_page(_metadata, self);
	ASSERT_EQ(0, vm_do(vm, "stop", NULL));
	ASSERT_EQ(0, vm_do(vm, "system_reset", NULL));
	expect_lost(_metadata, self);
	ASSERT_EQ(0, vm_do(vm, "cont", NULL));
	ASSERT_EQ(0, vm_wait_boot(vm));
	expect_quiet(_metadata, self, "quick");
}

TEST_F_TIMEOUT(isolation, pulled, 900)
{
	struct scene *scene = &self->scene;
	struct vm *vm = &scene->vm;
	char address[32];

	ASSERT_EQ(0, scene_open(scene, &variant->config, "all"));
	ASSERT_EQ(0, scene_find_device(scene, address, sizeof(address)));
	keep_a_page(_metadata, self);
	/*
	 * "info mtree -f", which the scene asks for, leaks references in QEMU 10.0, so
	 * there will be no DEVICE_DELETED.
	 */
	ASSERT_EQ(0, vm_do(vm, "device_del", "{s:s}", "id", "disk0"));
	ASSERT_TRUE(guest_ok(vm, "while [ -e /sys/bus/pci/devices/%s ]; do usleep 100000; done",
			     address));
	expect_lost(_metadata, self);
}

TEST_HARNESS_MAIN
