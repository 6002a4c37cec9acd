// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last scenes, a program of their own: a virtual machine in QEMU has a disk,
 * and whoever serves the disk looks for a secret of the guest that it has no
 * business with. First QEMU is as everybody has it, then the disk has a window.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "front_end.h"
#include "scene.h"
#include "story.h"

#define CHECK	"dd if=/dev/urandom of=/tmp/data bs=64k count=32 2>/dev/null && " \
		"dd if=/tmp/data of=/dev/vda bs=64k conv=fsync 2>/dev/null && "	 \
		"echo 3 >/proc/sys/vm/drop_caches && "				 \
		"dd if=/dev/vda bs=64k count=32 2>/dev/null | cmp - /tmp/data"

/* Neither the guest's RAM nor addresses that Linux gives to devices are there. */
#define HOLE	(3UL << 30)

static struct scene scene;

static void disk_works(void)
{
	const bool works = guest_ok(&scene.vm, CHECK);

	story_step(works, "the guest writes 2 MiB to the disk and reads it back",
		   "it is %s", works ? "the same" : "something else");
}

/*
 * Nothing is under way meanwhile, or the comparison would be with a moving target. In
 * a machine nothing is refused, and what may be written is what changes.
 */
static void back_end_reaches(bool window)
{
	const bool machine = scene.adversary.guest;
	const size_t all = scene.vm.config.megabytes << 8;
	struct verdict verdict;

	story_must(scene_freeze(&scene), "everything stops for a moment");
	story_must(scene_judge(&scene, machine ? "change" : "cpu", &verdict),
		   "the back-end tries");
	story_must(scene_thaw(&scene), "everything goes on");
	if (window)
		story_step(verdict.same && !verdict.excess && !verdict.missing &&
			   !verdict.access && !verdict.content,
			   "the back-end tries every page there may be",
			   "it reaches %zu, just those of the guest's IOMMU tables",
			   verdict.same);
	else
		story_step(scene.adversary.nr == all,
			   "the back-end tries every page there may be",
			   "it reaches %zu: all %u MiB of the guest's RAM",
			   scene.adversary.nr, scene.vm.config.megabytes);
}

static void back_end_searches(bool window, const char *when)
{
	const long times = scene_find(&scene, MARKER);

	story_must(times, "the back-end searches");
	story_step(window ? !times : times > 0, when, "it %s it, %ld times",
		   times ? "finds" : "does not find", times);
}

static void guest_hides(void)
{
	story_must(guest_ok(&scene.vm, PLANT) ? 0 : -EIO,
		   "a program in the guest has a secret");
	story_say("A program in the guest has a secret in its memory, \"%s\".", MARKER);
}

/* The back-end tries while QEMU lives, and after. */
static void back_end_attacks(bool window)
{
	disk_works();
	guest_hides();
	back_end_reaches(window);
	back_end_searches(window, "the back-end searches all it can reach for the secret");
	vm_kill(&scene.vm);
	story_say("QEMU is killed. The back-end still has what it was given.");
	back_end_searches(window, "the back-end searches once more");
}

static void scene_hostile(const struct vm_config *config, bool window)
{
	memset(&scene, 0, sizeof(scene));
	story_must(scene_open(&scene, config, "all"), "QEMU starts a guest");
	story_say("QEMU is process %d; the guest has an IOMMU and a disk, which process %d",
		  scene.vm.qemu.pid, scene.adversary.program.pid);
	story_say("serves: over vhost-user, as a back-end.");
	back_end_attacks(window);
	program_kill(&scene.adversary.program);
	scene_bury(&scene, false);
}

static void scene_hostile_machine(const struct vm_config *config)
{
	static const struct service_config service = {
		.kind = SERVICE_HOSTILE, .memory = "512G",
	};

	memset(&scene, 0, sizeof(scene));
	story_must(scene_open_served(&scene, config, &service),
		   "QEMU starts two guests");
	story_say("The disk of the guest of process %d is served by root in the guest of process %d,",
		  scene.vm.qemu.pid, scene.service.vm.qemu.pid);
	story_say("who has mapped the memory of the vhost-pci device through VFIO.");
	story_must(adversary_do(&scene.adversary, "scratch 0x%lx", HOLE),
		   "the back-end learns what a hole looks like");
	back_end_attacks(true);
	story_step(guest_ok(&scene.service.vm, "true"),
		   "does the machine that tried all that still work?", "it does");
	service_kill(&scene.service);
	scene_bury(&scene, false);
}

int main(void)
{
	static const struct vm_config stock = {
		.sharing = VM_STOCK, .memory = VM_MEMFD, .iommu = VM_INTEL_IOMMU,
	}, granting = {
		.sharing = VM_GRANT, .memory = VM_ANON, .iommu = VM_INTEL_IOMMU,
		.bypass = "off",
	};

	scene_disk();
	story_scene("6. A guest's disk whose back-end is hostile, with QEMU as it is");
	scene_hostile(&stock, false);
	story_scene("7. The same back-end, with a window: -device vhost-user-blk-pci,grant=g0");
	scene_hostile(&granting, true);
	scene_served();
	story_scene("9. A hostile back-end in another virtual machine");
	scene_hostile_machine(&granting);
	return story_end();
}
