// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk that is served in another virtual machine, by a back-end that knows neither
 * of windows nor of that.
 */
#include <errno.h>
#include <inttypes.h>

#include "front_end.h"
#include "service.h"
#include "story.h"

/* Goes on for as long as it takes to look at it. */
#define WRITE	"umount /mnt && until [ -e /tmp/enough ]; do dd if=/dev/urandom "	\
		"of=/dev/vda bs=64k count=64 conv=fsync 2>/dev/null || exit; "		\
		"echo >>/tmp/written; done"

static struct service service;
static struct vm vm;

static void start(void)
{
	static const struct service_config serving = {
		.kind = SERVICE_DISK, .memory = "512G",
	};
	static const struct vm_config config = {
		.sharing = VM_GRANT, .memory = VM_ANON, .iommu = VM_INTEL_IOMMU,
	};

	story_must(service_init(&service, &serving), "there is a machine that serves");
	story_must(service_start(&service), "it starts, and its back-end");
	story_must(vm_init(&vm, &config), "there is a machine");
	vm_add_disk(&vm, 0, service.sockets[0], 1);
	story_must(vm_start(&vm), "QEMU starts");
	story_must(vm_wait_boot(&vm), "the guest boots");
	story_say("Process %d is a QEMU with -device vhost-pci. In its guest, vhost-pci-proxy drives",
		  service.vm.qemu.pid);
	story_say("that device, and the qemu-storage-daemon of Debian serves a disk. Process %d is",
		  vm.qemu.pid);
	story_say("the QEMU of the guest that has the disk, with an IOMMU.");
}

/* Neither has its QEMU. */
static void memory_is_native(void)
{
	story_step(service_property(&service, 0, "is-native") == 1,
		   "has the QEMU of the machine that serves mapped the memory?",
		   "it has not, KVM has it from the window");
}

static void little_is_granted(void)
{
	const uint64_t all = (uint64_t)vm.config.megabytes << 8;
	struct vm_window window = { };

	story_must(vm_query_window(&vm, "disk0", &window), "QEMU tells");
	story_step(window.active && window.pages_granted * 10 < all,
		   "how much of the guest's memory does the other machine have?",
		   "%" PRIu64 " of %" PRIu64 " pages", window.pages_granted, all);
}

static void server_dies(void)
{
	story_must(guest_begin(&vm, "write", "%s", WRITE) &&
		   guest_ok(&vm, "await test -e /tmp/written") ? 0 : -EIO,
		   "the guest begins to write");
	story_say("The guest writes to its disk. The machine that serves is killed.");
	service_kill(&service);
	story_step(vm_wait_window(&vm, "disk0", false) &&
		   guest_ok(&vm, "true"),
		   "the guest that was being served", "lives, and waits for its disk");
	story_must(service_start(&service), "the machine that serves starts again");
	story_must(vm_wait_window(&vm, "disk0", true) ? 0 : -ETIMEDOUT,
		   "the front-end connects again");
	story_step(guest_ok(&vm, "touch /tmp/enough") && guest_end(&vm, "write"),
		   "the machine that serves is started again", "the guest goes on writing");
}

void scene_served(void)
{
	story_scene("8. The back-end in another virtual machine: -device vhost-pci");
	start();
	memory_is_native();
	disk_is_used(&vm);
	little_is_granted();
	server_dies();
	vm_free(&vm);
	service_kill(&service);
	service_bury(&service, false);
}
