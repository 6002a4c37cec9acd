// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control: the same hostile back-end with the RAM of the guest in a file, as QEMU
 * shares it without windows. It reaches all, and keeps it. What the other tests ask
 * must come out otherwise here, or it would say nothing there.
 */
#include "kselftest_harness.h"
#include "mark.h"
#include "scene.h"

FIXTURE(stock)
{
	struct mark mark;
	struct scene scene;
};

FIXTURE_VARIANT(stock)
{
	struct vm_config config;
};

#define STOCK_VARIANT(name, mmu)						\
	FIXTURE_VARIANT_ADD(stock, name)					\
	{									\
		.config = {							\
			.sharing = VM_STOCK, .memory = VM_MEMFD, .iommu = (mmu),\
			.megabytes = 128,					\
		},								\
	}

STOCK_VARIANT(memfd, VM_NO_IOMMU);
STOCK_VARIANT(memfd_intel_iommu, VM_INTEL_IOMMU);
STOCK_VARIANT(memfd_virtio_iommu, VM_VIRTIO_IOMMU);

FIXTURE_SETUP(stock)
{
	mark_begin(&self->mark);
}

FIXTURE_TEARDOWN_PARENT(stock)
{
	scene_bury(&self->scene, _metadata->exit_code == KSFT_FAIL);
	MARK_END(&self->mark);
}

static void expect_kept(struct __test_metadata *_metadata,
			struct adversary *adversary, const char *verb)
{
	ASSERT_EQ(0, adversary_do(adversary, "%s", verb));
	EXPECT_EQ(0, adversary_number(adversary, "mapping"));
	EXPECT_EQ(0, adversary_number(adversary, "second-mapping"));
	EXPECT_EQ(0, adversary_number(adversary, "child"));
	EXPECT_EQ(0, adversary_number(adversary, "pipe"));
	EXPECT_EQ(0, adversary_number(adversary, "ring"));
}

TEST_F_TIMEOUT(stock, reaches_all, 600)
{
	struct scene *scene = &self->scene;
	struct adversary *adversary = &scene->adversary;
	struct verdict verdict;
	long pages;

	ASSERT_EQ(0, scene_open(scene, &variant->config, "all"));
	pages = scene->vm.config.megabytes << 8;
	EXPECT_NE(0, adversary_state(adversary, "protocol") & FORBIDDEN);
	ASSERT_TRUE(guest_ok(&scene->vm, PLANT));
	ASSERT_EQ(0, scene_freeze(scene));
	EXPECT_EQ(pages, scene_reach(scene, "cpu"));
	EXPECT_EQ(pages, scene_reach(scene, "copy"));
	EXPECT_EQ(pages, scene_reach(scene, "vm-access"));
	EXPECT_EQ(pages, scene_reach(scene, "pin"));
	ASSERT_EQ(0, scene_judge(scene, "cpu", &verdict));
	EXPECT_LT(0, verdict.access + verdict.excess);
	ASSERT_EQ(0, scene_thaw(scene));
	EXPECT_LT(0, scene_find(scene, MARKER));

	expect_kept(_metadata, adversary, "keep 0x1000000");
	vm_kill(&scene->vm);
	expect_kept(_metadata, adversary, "kept");
	EXPECT_LT(0, scene_find(scene, MARKER));
}

TEST_HARNESS_MAIN
