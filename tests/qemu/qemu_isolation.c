// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile back-end behind a window reaches what the guest lets its device reach
 * at this moment, with the access that the guest gives it, and nothing else.
 */
#include "isolation.h"
#include "proc.h"

WINDOW_VARIANT(anon, VM_ANON, VM_NO_IOMMU);
WINDOW_VARIANT(anon_intel_iommu, VM_ANON, VM_INTEL_IOMMU);
WINDOW_VARIANT(anon_virtio_iommu, VM_ANON, VM_VIRTIO_IOMMU);

#define MOMENTS		24

/* One CPU of the guest maps or unmaps one range at a time. */
static void judge_moments(struct __test_metadata *_metadata,
			  FIXTURE_DATA(isolation) *self, bool iommu)
{
	size_t readonly = 0, pages = 0, exact = 0, i;
	struct adversary *adversary = &self->scene.adversary;
	int64_t served = adversary_state(adversary, "served");
	const uint64_t begin = now_ns();
	struct verdict verdict;

	for (i = 0; i < MOMENTS; i++) {
		served += rand_r(&self->seed) % 16;
		ASSERT_TRUE(adversary_wait(adversary, "served", served));
		ASSERT_EQ(0, scene_freeze_busy(&self->scene,
					       rand_r(&self->seed) % 100));
		served = adversary_state(adversary, "served");
		ASSERT_EQ(0, scene_judge(&self->scene, i % 4 ? "quick" : "copy",
					 &verdict));
		expect_just(_metadata, &verdict, iommu ? 1 : 0);
		ASSERT_EQ(0, scene_thaw(&self->scene));
		readonly += verdict.readonly;
		exact += !verdict.runs;
		pages = verdict.same > pages ? verdict.same : pages;
	}
	TH_LOG("%zu of %d moments exact; at most %zu pages, in all %zu read-only; %lu ms",
	       exact, MOMENTS, pages, readonly, (now_ns() - begin) / 1000000);
	EXPECT_LT(0, readonly);
	EXPECT_LT(MOMENTS / 2, exact);
	EXPECT_LT(32, pages);
}

TEST_F_TIMEOUT(isolation, during_io, 900)
{
	const bool iommu = variant->config.iommu != VM_NO_IOMMU;
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, scene_open(scene, &variant->config, "all"));
	ASSERT_TRUE(guest_ok(&scene->vm, PLANT));
	expect_quiet(_metadata, self, "quick");
	EXPECT_EQ(!iommu, !!scene_find(scene, MARKER));

	ASSERT_TRUE(guest_begin(&scene->vm, "work", WORK));
	judge_moments(_metadata, self, iommu);
	ASSERT_TRUE(guest_ok(&scene->vm, "touch /tmp/enough"));
	EXPECT_TRUE(guest_end(&scene->vm, "work"));
	EXPECT_LT(0, adversary_state(&scene->adversary, "served"));
	expect_quiet(_metadata, self, "copy");

	ASSERT_TRUE(guest_ok(&scene->vm, "rm /tmp/enough"));
	ASSERT_TRUE(guest_begin(&scene->vm, "work", WORK));
	ASSERT_EQ(0, scene_freeze_busy(scene, 50));
	EXPECT_LT(0, scene_reach(scene, "quick"));
	vm_kill(&scene->vm);
	expect_nothing(_metadata, self);
}

TEST_HARNESS_MAIN
