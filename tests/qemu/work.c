// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "work.h"

#define KILOBYTES	1000

bool work_with_files(struct vm *vm)
{
	return guest_ok(vm, "mke2fs -F /dev/vda %d", WORK_FS_MEGABYTES << 10) &&
		guest_ok(vm, "mount -t ext2 /dev/vda /mnt") &&
		guest_ok(vm, "for n in 1 2 3 4 5 6; do head -c 1001000 /dev/urandom >/tmp/$n; done") &&
		guest_ok(vm, "cp /tmp/[1-6] /mnt && cd /tmp && md5sum [1-6] >sums") &&
		guest_ok(vm, "umount /mnt && echo 3 >/proc/sys/vm/drop_caches") &&
		guest_ok(vm, "mount -t ext2 /dev/vda /mnt") &&
		guest_ok(vm, "cd /mnt && md5sum -c /tmp/sums") &&
		guest_ok(vm, "umount /mnt");
}

bool work_behind_files(struct vm *vm, unsigned int megabytes)
{
	return guest_ok(vm, "dd if=/dev/urandom of=/tmp/raw bs=1M count=%u",
			megabytes) &&
		guest_ok(vm, "dd if=/tmp/raw of=/dev/vda bs=1M seek=%d conv=fsync",
			 WORK_FS_MEGABYTES) &&
		guest_ok(vm, "md5sum </tmp/raw");
}

/* The cards as two machines would have them */
bool work_separate(struct vm *vm)
{
	return guest_ok(vm, "separate eth1") &&
		guest_ok(vm, "ip addr add 10.0.0.1/24 dev eth0") &&
		guest_ok(vm, "ip link set eth0 up") &&
		guest_ok(vm, "other ip addr add 10.0.0.2/24 dev eth1") &&
		guest_ok(vm, "other ip link set eth1 up");
}

/* Sends a file to a listener that makes its checksum. */
static bool transfer(struct vm *vm, const char *from, const char *to,
		     const char *address)
{
	return guest_ok(vm, "dd if=/dev/urandom of=/tmp/data bs=1k count=%d",
			KILOBYTES) &&
		guest_begin(vm, "listen",
			    "%s nc -l -p 7000 -e sh -c 'md5sum >/tmp/sum'", to) &&
		guest_ok(vm, "await sh -c '%s netstat -ltn | grep -q :7000'", to) &&
		guest_ok(vm, "%s nc %s 7000 </tmp/data", from, address) &&
		guest_end(vm, "listen") &&
		guest_ok(vm, "md5sum </tmp/data; cat /tmp/sum; md5sum </tmp/data | cmp - /tmp/sum");
}

bool work_with_network(struct vm *vm)
{
	return work_separate(vm) &&
		guest_ok(vm, "ping -c 3 -W 30 10.0.0.2") &&
		guest_ok(vm, "other ping -c 3 -W 30 -s 1400 10.0.0.1") &&
		transfer(vm, "", "other", "10.0.0.2") &&
		transfer(vm, "other", "", "10.0.0.1");
}

/* How many interrupts the cards had from a queue, or -1 */
static long interrupts(struct vm *vm, unsigned int queue)
{
	if (!guest_ok(vm,
		      "awk '/virtio.*-input\\.%u$/ { n += $2 + $3 } END { print n + 0 }' /proc/interrupts",
		      queue))
		return -1;
	return atol(vm->output);
}

bool work_with_queue(struct vm *vm, unsigned int queue)
{
	const long before = interrupts(vm, queue);

	return before >= 0 &&
		guest_ok(vm, "taskset %x ping -c 3 -W 30 10.0.0.2", 1 << queue) &&
		interrupts(vm, queue) > before;
}

/* The state of the window is the device's. Stock QEMU has none to be wrong. */
bool work_is_granted(struct vm *vm)
{
	return vm->config.sharing == VM_STOCK ||
		vm_wait_window(vm, "disk0", true);
}

/* At once: nothing is left for later. */
bool work_is_revoked(struct vm *vm)
{
	struct vm_window window = { .active = true };

	if (vm->config.sharing == VM_STOCK)
		return true;
	if (vm_query_window(vm, "disk0", &window) == -ENOENT)
		return true;
	if (window.active || window.grants || window.pages_granted ||
	    window.pages_pinned)
		printf("# window: active %d, %lu grants, %lu pages granted, %lu pinned\n",
		       window.active, window.grants, window.pages_granted,
		       window.pages_pinned);
	return !window.active && !window.grants && !window.pages_granted &&
		!window.pages_pinned;
}

bool work_begin(struct vm *vm)
{
	return guest_ok(vm, "rm -f /tmp/rounds; await test -b /dev/vda") &&
		guest_begin(vm, "load", "load /dev/vda");
}

/* Since now, so that they are of after what has happened */
bool work_goes_on(struct vm *vm)
{
	return guest_ok(vm, "rm -f /tmp/rounds; await test -e /tmp/rounds -o -e /tmp/load.status") &&
		guest_ok(vm, "[ ! -e /tmp/load.status ] || { cat /tmp/load.out; exit 1; }");
}

bool work_end(struct vm *vm)
{
	return guest_ok(vm, "touch /tmp/enough") && guest_end(vm, "load");
}
