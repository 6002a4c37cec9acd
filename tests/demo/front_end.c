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

static struct scene scene;

static void disk_works(void)
{
	const bool works = guest_ok(&scene.vm, CHECK);

	story_step(works, "the guest writes 2 MiB to the disk and reads it back",
		   "it is %s", works ? "the same" : "something else");
}

/* Nothing is under way meanwhile, or the comparison would be with a moving target. */
static void back_end_reaches(bool window)
{
	const size_t all = scene.vm.config.megabytes << 8;
	struct verdict verdict;

	story_must(scene_freeze(&scene), "everything stops for a moment");
	story_must(scene_judge(&scene, "cpu", &verdict), "the back-end tries");
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

static void tell(const struct vm_config *config, bool window)
{
	memset(&scene, 0, sizeof(scene));
	story_must(scene_open(&scene, config, "all"), "QEMU starts a guest");
	story_say("QEMU is process %d; the guest has an IOMMU and a disk, which process %d",
		  scene.vm.qemu.pid, scene.adversary.program.pid);
	story_say("serves: over vhost-user, as a back-end.");
	disk_works();
	guest_hides();
	back_end_reaches(window);
	back_end_searches(window, "the back-end searches all it can reach for the secret");
	vm_kill(&scene.vm);
	story_say("QEMU is killed. The back-end still has what it was given.");
	back_end_searches(window, "the back-end searches once more");
	program_kill(&scene.adversary.program);
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
	tell(&stock, false);
	story_scene("7. The same back-end, with a window: -device vhost-user-blk-pci,grant=g0");
	tell(&granting, true);
	return story_end();
}
