// SPDX-License-Identifier: GPL-2.0-only
/* A disk with a window, which a back-end serves that knows nothing of windows. */
#include <inttypes.h>

#include "backend.h"
#include "front_end.h"
#include "story.h"
#include "vm.h"

#define MEGABYTES	16

static struct backend disk;
static struct vm vm;

/*
 * The firmware uses the disk, too, and knows nothing of the IOMMU: without bypass
 * such a back-end would not survive it.
 */
static void start(void)
{
	static const struct vm_config config = {
		.sharing = VM_GRANT, .memory = VM_ANON, .iommu = VM_INTEL_IOMMU,
	};

	story_must(disk_init(&disk, MEGABYTES, 1), "there is a disk");
	story_must(backend_start(&disk), "qemu-storage-daemon starts");
	story_must(vm_init(&vm, &config), "there is a machine");
	vm_add_disk(&vm, 0, disk.sockets[0], 1);
	story_must(vm_start(&vm), "QEMU starts");
	story_must(vm_wait_boot(&vm), "the guest boots");
	story_say("QEMU is process %d. Its guest has Linux, an IOMMU, memory that is shared with",
		  vm.qemu.pid);
	story_say("nobody, and a disk: -device vhost-user-blk-pci,grant=g0. It is served by process");
	story_say("%d, the qemu-storage-daemon of Debian, which was sent a window.",
		  disk.program.pid);
}

static void guest_does(struct vm *guest, const char *tried, const char *done,
		       const char *command)
{
	const bool ok = guest_ok(guest, "%s", command);

	story_step(ok, tried, "%s", ok ? done : "it cannot");
}

/* What it reads again cannot be from its own cache. */
void disk_is_used(struct vm *guest)
{
	guest_does(guest, "the guest makes a file system on the disk", "mounted",
		   "mke2fs -F /dev/vda >/dev/null && mount -t ext2 /dev/vda /mnt");
	guest_does(guest, "it writes files", "4 files of 1 MB",
		   "cd /mnt && for n in 1 2 3 4; do head -c 1000000 /dev/urandom >$n || exit; done && md5sum [1-4] >/tmp/sums");
	guest_does(guest, "it unmounts it, drops its caches, and mounts it again",
		   "mounted",
		   "umount /mnt && echo 3 >/proc/sys/vm/drop_caches && mount -t ext2 /dev/vda /mnt");
	guest_does(guest, "it reads the files", "their checksums are the same",
		   "cd /mnt && md5sum -c /tmp/sums");
}

/* What was under way is over: the rings are left, and pages of a few buffers. */
static void little_is_granted(void)
{
	const uint64_t all = (uint64_t)vm.config.megabytes << 8;
	struct vm_window window = { };

	story_must(vm_query_window(&vm, "disk0", &window), "QEMU tells");
	story_step(window.active && window.pages_granted &&
		   window.pages_granted * 10 < all,
		   "how much of its memory does the back-end have now?",
		   "%" PRIu64 " of %" PRIu64 " pages", window.pages_granted,
		   all);
	story_step(!window.holes && !window.readonly,
		   "did it ever try to reach anything else?",
		   "%" PRIu64 " times", window.holes + window.readonly);
}

static void nothing_is_granted(void)
{
	struct vm_window window = { };

	guest_does(&vm, "the guest unmounts it and gives up the disk",
		   "its driver is unbound",
		   "umount /mnt && cd /sys/bus/virtio/drivers/virtio_blk && for d in virtio*; do echo $d >unbind || exit; done");
	story_must(vm_query_window(&vm, "disk0", &window), "QEMU tells");
	story_step(!window.pages_granted && !window.pages_pinned,
		   "how much does the back-end have now?",
		   "%" PRIu64 " pages, and %" PRIu64 " are pinned",
		   window.pages_granted, window.pages_pinned);
}

void scene_disk(void)
{
	story_scene("5. A guest of QEMU whose disk has a window, with an unmodified back-end");
	start();
	disk_is_used(&vm);
	little_is_granted();
	nothing_is_granted();
	vm_free(&vm);
	backend_free(&disk);
}
