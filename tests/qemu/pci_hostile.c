// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual machine that serves a disk and is hostile: a program in its guest, which has
 * the device's memory through VFIO, or its QEMU. It reaches what the other guest lets its
 * device reach at this moment, and nothing else. Where nothing is granted it finds a
 * scratch page, and so do writes to what is granted read-only; it is known by what was
 * written there.
 */
#include "isolation.h"
#include "proc.h"

#define MOMENTS		6
#define WINDOW_SIZE	"512G"
/* Neither the guest's RAM nor IOVAs of Linux are there. */
#define HOLE		(3UL << 30)

#define PCI_VARIANT(name, mem, mmu, map)					\
	FIXTURE_VARIANT_ADD(isolation, name)					\
	{									\
		.config = {							\
			.sharing = VM_GRANT, .memory = (mem), .iommu = (mmu),	\
			.megabytes = 128, .kvm_mapped = (map),			\
			.bypass = (mmu) == VM_NO_IOMMU ? NULL : "off",		\
		},								\
		.service = {							\
			.kind = SERVICE_HOSTILE, .mapped = (map),		\
			.memory = WINDOW_SIZE,					\
		},								\
	}

PCI_VARIANT(native_intel_iommu, VM_ANON, VM_INTEL_IOMMU, false);
PCI_VARIANT(native, VM_ANON, VM_NO_IOMMU, false);
PCI_VARIANT(mapped_virtio_iommu, VM_MEMFD, VM_VIRTIO_IOMMU, true);

/* From now on for as long as the connection is the same */
static void know_holes(struct __test_metadata *_metadata, struct scene *scene)
{
	ASSERT_EQ(0, adversary_do(&scene->adversary, "scratch 0x%lx", HOLE));
}

/* Only with the last way can it be told what may be written. */
static void judge(struct __test_metadata *_metadata, struct scene *scene,
		  const char *how, struct verdict *verdict, size_t most_runs)
{
	ASSERT_EQ(0, scene_judge(scene, how, verdict));
	if (!strcmp(how, "load")) {
		verdict->same += verdict->access;
		verdict->access = 0;
	}
	expect_just(_metadata, verdict, most_runs);
}

static void judge_quiet(struct __test_metadata *_metadata,
			FIXTURE_DATA(isolation) *self, const char *how)
{
	struct scene *scene = &self->scene;
	struct verdict verdict;

	ASSERT_TRUE(guest_ok(&scene->vm, IDLE));
	ASSERT_EQ(0, scene_freeze(scene));
	judge(_metadata, scene, how, &verdict, 0);
	EXPECT_LT(0, verdict.same);
	EXPECT_EQ(0, scene_reach_elsewhere(scene, "load",
					   rand_r(&self->seed)));
	ASSERT_EQ(0, scene_thaw(scene));
}

static bool lives(struct vm *vm)
{
	json_t *status = vm_qmp(vm, "query-status", NULL);
	bool running = json_is_true(json_object_get(status, "running"));

	json_decref(status);
	return running && guest_ok(vm, "true");
}

/* Instructions of all kinds, at a page that is not the other guest's to write */
static void touch(struct __test_metadata *_metadata, struct scene *scene,
		  uint64_t address)
{
	struct adversary *adversary = &scene->adversary;

	ASSERT_EQ(0, adversary_do(adversary, "touch 0x%lx", address));
	EXPECT_EQ(0, adversary_number(adversary, "refused"));
	if (adversary_number(adversary, "refused"))
		TH_LOG("at %#lx: %s", address, adversary->answer);
	EXPECT_TRUE(lives(&scene->service.vm));
}

static uint64_t find_readonly(const struct adversary *adversary)
{
	size_t i;

	for (i = 0; i < adversary->nr; i++)
		if (adversary->reached[i].access == REACH_READ)
			return adversary->reached[i].address;
	return 0;
}

/*
 * While its guest is stopped, so that its memory is compared with what it was. What the
 * back-end finds at a page that was touched is the scratch page; the rest is as
 * before. It serves nonsense from there, so this is for the end of its work.
 */
static void touch_readonly(struct __test_metadata *_metadata,
			   struct scene *scene)
{
	struct verdict verdict;
	uint64_t address;

	ASSERT_TRUE(guest_ok(&scene->vm, "rm /tmp/enough"));
	ASSERT_TRUE(guest_begin(&scene->vm, "work", WORK));
	ASSERT_EQ(0, scene_freeze_busy(scene, 50));
	judge(_metadata, scene, "change", &verdict, 1);
	EXPECT_LT(0, verdict.readonly);
	address = find_readonly(&scene->adversary);
	EXPECT_NE(0, address);
	touch(_metadata, scene, address);
	know_holes(_metadata, scene);
	ASSERT_EQ(0, scene_judge(scene, "load", &verdict));
	EXPECT_EQ(0, verdict.content);
	EXPECT_EQ(0, verdict.excess);
	ASSERT_EQ(0, scene_thaw(scene));
	EXPECT_TRUE(lives(&scene->vm));
}

static void judge_moments(struct __test_metadata *_metadata,
			  FIXTURE_DATA(isolation) *self, bool iommu)
{
	struct adversary *adversary = &self->scene.adversary;
	int64_t served = adversary_state(adversary, "served");
	struct verdict verdict;
	size_t i;

	for (i = 0; i < MOMENTS; i++) {
		served += rand_r(&self->seed) % 16;
		ASSERT_TRUE(adversary_wait(adversary, "served", served));
		ASSERT_EQ(0, scene_freeze_busy(&self->scene,
					       rand_r(&self->seed) % 100));
		served = adversary_state(adversary, "served");
		judge(_metadata, &self->scene, "load", &verdict, iommu ? 1 : 0);
		ASSERT_EQ(0, scene_thaw(&self->scene));
	}
}

/* Everything that it was granted is gone, and what is there instead does no harm. */
static void expect_scratch(struct __test_metadata *_metadata,
			   FIXTURE_DATA(isolation) *self)
{
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, adversary_do(&scene->adversary, "hold"));
	/* What it was doing to the end may have gone to the scratch page. */
	know_holes(_metadata, scene);
	EXPECT_EQ(0, scene_reach(scene, "load"));
	touch(_metadata, scene, 0);
	touch(_metadata, scene, HOLE);
	ASSERT_EQ(0, adversary_do(&scene->adversary, "go"));
}

TEST_F_TIMEOUT(isolation, guest, 900)
{
	const bool iommu = variant->config.iommu != VM_NO_IOMMU;
	struct scene *scene = &self->scene;

	ASSERT_EQ(0, scene_open_served(scene, &variant->config,
				       &variant->service));
	ASSERT_TRUE(guest_ok(&scene->vm, PLANT));
	touch(_metadata, scene, HOLE);
	know_holes(_metadata, scene);
	judge_quiet(_metadata, self, "load");
	EXPECT_EQ(!iommu, !!scene_find(scene, MARKER));

	ASSERT_TRUE(guest_begin(&scene->vm, "work", WORK));
	judge_moments(_metadata, self, iommu);
	ASSERT_TRUE(guest_ok(&scene->vm, "touch /tmp/enough"));
	EXPECT_TRUE(guest_end(&scene->vm, "work"));
	EXPECT_LT(0, adversary_state(&scene->adversary, "served"));
	touch_readonly(_metadata, scene);

	vm_kill(&scene->vm);
	ASSERT_TRUE(service_wait_property(&scene->service, 0, "connected", 0));
	expect_scratch(_metadata, self);
}

/* Nothing of what QEMU is asked for kills it, or shows what is not granted. */
static void ask_qemu(struct __test_metadata *_metadata, struct scene *scene)
{
	const uint64_t memory = service_memory(&scene->service);
	struct vm *vm = &scene->service.vm;
	char path[96];

	ASSERT_NE(0, memory);
	free(scene_monitor(vm, "xp /512gx 0x%lx", memory));
	free(scene_monitor(vm, "xp /512gx 0x%lx", memory + HOLE));
	free(scene_monitor(vm, "gpa2hva 0x%lx", memory + HOLE));
	snprintf(path, sizeof(path), "%s/dump", vm->dir);
	free(scene_monitor(vm, "pmemsave 0x%lx 65536 %s", memory + HOLE, path));
	free(scene_monitor(vm, "dump-guest-memory %s", path));
	unlink(path);
	EXPECT_TRUE(lives(vm));
}

/* A page that can be reached now, which nothing holds but the mapping */
static void keep_a_page(struct __test_metadata *_metadata, struct scene *scene)
{
	struct adversary *adversary = &scene->adversary;

	EXPECT_LT(0, scene_reach(scene, "load"));
	ASSERT_LT(0, adversary->nr);
	ASSERT_EQ(0, adversary_do(adversary, "keep 0x%lx",
				  adversary->reached[0].address));
	EXPECT_GT(0, adversary_number(adversary, "child"));
	EXPECT_GT(0, adversary_number(adversary, "pipe"));
	EXPECT_GT(0, adversary_number(adversary, "ring"));
}

TEST_F_TIMEOUT(isolation, qemu, 900)
{
	struct service_config service = variant->service;
	struct scene *scene = &self->scene;
	struct adversary *adversary = &scene->adversary;

	service.kind = SERVICE_DISK;
	ASSERT_EQ(0, scene_open_infected(scene, &variant->config, &service));
	ASSERT_TRUE(guest_ok(&scene->vm, PLANT));
	ASSERT_EQ(0, adversary_do(adversary, "look"));
	ASSERT_EQ(1, adversary_number(adversary, "windows"));
	expect_no_odd_maps(_metadata, adversary);
	know_holes(_metadata, scene);
	judge_quiet(_metadata, self, "load");
	judge_quiet(_metadata, self, "change");
	EXPECT_EQ(0, scene_reach(scene, "vm-access"));
	EXPECT_EQ(0, scene_reach(scene, "pin"));
	keep_a_page(_metadata, scene);
	ask_qemu(_metadata, scene);

	vm_kill(&scene->vm);
	ASSERT_TRUE(service_wait_property(&scene->service, 0, "connected", 0));
	EXPECT_EQ(0, scene_reach(scene, "load"));
	ask_qemu(_metadata, scene);
}

TEST_HARNESS_MAIN
