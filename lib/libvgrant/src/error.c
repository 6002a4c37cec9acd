// SPDX-License-Identifier: MIT
/* What an error means for a call, and what to do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "space.h"

struct text {
	int err;
	const char *text;
};

/* Good for every call that has nothing better to say. */
static const struct text common[] = {
	{ 0, "nothing is wrong" },
	{ EINVAL, "an argument is not valid: check flags, and that addresses and lengths are multiples of the page size" },
	{ E2BIG, "the kernel is older than this library: update the vhost_grant module" },
	{ EFAULT, "an argument points to memory that this process does not have: check the pointer" },
	{ ENOTTY, "the kernel does not know this call on this file: check the file descriptor and the module's version" },
	{ EBADF, "the file descriptor is not open: check it" },
	{ ENOENT, "no such window in this space: check its id, and whether it was destroyed" },
	{ EXDEV, "another process made the first window of the space and controls it: open one in this process" },
	{ ENOMEM, "out of memory: free some, or raise the limit of the memory cgroup" },
	{ EMFILE, "this process has too many open files: close some or raise RLIMIT_NOFILE" },
	{ ENFILE, "the system has too many open files: raise fs.file-max" },
	{ EINTR, "interrupted by a signal: call again" },
	{ EIO, "the kernel did nothing and gave no reason: report this as a bug of the vhost_grant module" },
	{ 0, NULL }
};

static const struct text open_texts[] = {
	{ ENOENT, "the device does not exist: load the module with modprobe vhost_grant" },
	{ ENXIO, "the device has no driver: load the module with modprobe vhost_grant" },
	{ ENODEV, "the device has no driver: load the module with modprobe vhost_grant" },
	{ EACCES, "no permission to open the device: give this user read and write access to it" },
	{ EPERM, "opening the device is forbidden: check the device cgroup or sandbox of this process" },
	{ ENOTTY, "the file is not a vhost_grant device: check the path or file descriptor" },
	{ EINVAL, "an unknown flag or kernel structure: only O_NONBLOCK is allowed, and the module must not be older than the library" },
	{ 0, NULL }
};

static const struct text create_texts[] = {
	{ EINVAL, "flags or length are not valid: use known flags, not KVM_ONLY with KVM_MAPPED, and a length that is a multiple of the page size and not zero" },
	{ ERANGE, "the window is too long: the limit is out_max_window_size of vgrant_get_info()" },
	{ ENOSPC, "the space has too many windows: destroy some, or open another space" },
	{ 0, NULL }
};

static const struct text map_texts[] = {
	{ EINVAL, "the grant is not valid: use READ or READ and WRITE, and addresses and lengths that are multiples of the page size and not zero" },
	{ EOVERFLOW, "address plus length wraps around: check both" },
	{ ERANGE, "the range passes the end of the window: check iova and length, or create a longer window" },
	{ EEXIST, "a page of the range is granted already: unmap it first" },
	{ EFAULT, "the source is not ordinary memory of this process: it must be mapped, and not be device memory or a window" },
	{ EACCES, "the source gives less access than was to be granted: grant READ only, or make the memory writable or the file readable" },
	{ EPERM, "the file is sealed against writing: grant READ only, or use a file without the seal" },
	{ EBADF, "the source file is not open: check its file descriptor" },
	{ ENODEV, "the source file is of the wrong kind: use a memfd, tmpfs or hugetlbfs file, or map it and grant its address" },
	{ ENXIO, "the range passes the end of the source file: check offset and length, or extend the file" },
	{ EOPNOTSUPP, "the source has huge pages, which KVM of this kernel cannot map from this window: use vgrant_split_huge(), small pages, or a native memslot" },
	{ ENOSPC, "the window has too many grants: unmap some, or grant longer ranges" },
	{ ENOMEM, "no memory, or no right to lock so much: raise RLIMIT_MEMLOCK or the limit of the memory cgroup, or unmap something" },
	{ 0, NULL }
};

static const struct text unmap_texts[] = {
	{ EINVAL, "the range is not valid: use an address and length that are multiples of the page size and not zero" },
	{ EOVERFLOW, "address plus length wraps around: check both" },
	{ ERANGE, "the range passes the end of the window: check iova and length" },
	{ 0, NULL }
};

static const struct text event_texts[] = {
	{ EAGAIN, "no event is queued: wait for one with poll()" },
	{ EINVAL, "no room for an event: pass at least one" },
	{ 0, NULL }
};

static const struct text split_texts[] = {
	{ EINVAL, "the memory cannot be split: it must be page aligned, not locked (mlock), and neither hugetlb nor device memory" },
	{ ENOMEM, "a part of the range is not mapped: check address and length" },
	{ EAGAIN, "the kernel was short of something: call again" },
	{ 0, NULL }
};

static const struct text peer_texts[] = {
	{ ENOTTY, "the file is not a window: check the file descriptor, or what the owner sent" },
	{ 0, NULL }
};

static const struct text hole_texts[] = {
	{ ENOTTY, "the file is not a window: check the file descriptor, or what the owner sent" },
	{ EINVAL, "unknown hole policy: use one of enum vhost_grant_hole that the kernel knows" },
	{ EPERM, "the hole policy of this window is final: a peer depends on it" },
	{ 0, NULL }
};

static const struct text mmap_texts[] = {
	{ ENOTTY, "the file is not a window: check the file descriptor, or what the owner sent" },
	{ EINVAL, "the range is not valid: offset and length must be multiples of the page size and within the window" },
	{ EACCES, "a window cannot be mapped executable: leave out PROT_EXEC" },
	{ ENODEV, "this window is for KVM only: give it to KVM as a native memslot, or ask the owner for another" },
	{ ENOSPC, "the window has too many mappings: unmap some, the limit is out_max_vmas of vgrant_get_info()" },
	{ ENOMEM, "no address space for the mapping: map a part of the window, or raise RLIMIT_AS" },
	{ 0, NULL }
};

static const struct text send_texts[] = {
	{ EPIPE, "the peer closed the socket: wait for it to connect again" },
	{ ECONNRESET, "the peer closed the socket: wait for it to connect again" },
	{ ENOTCONN, "the socket is not connected: connect it first" },
	{ ENOTSOCK, "not a socket: use a UNIX socket" },
	{ EINVAL, "the socket cannot carry file descriptors: use a UNIX socket" },
	{ EAGAIN, "the socket is full: wait until it is writable" },
	{ ETOOMANYREFS, "too many file descriptors on their way: wait until peers receive theirs" },
	{ 0, NULL }
};

static const struct text recv_texts[] = {
	{ ECONNRESET, "the owner closed the socket: connect again" },
	{ EPROTO, "the message has no file descriptor: is the other side an owner that sends a window?" },
	{ ENOTTY, "the file descriptor that was sent is not a window: is the other side an owner?" },
	{ ENOTCONN, "the socket is not connected: connect it first" },
	{ ENOTSOCK, "not a socket: use a UNIX socket" },
	{ EAGAIN, "nothing was sent yet: wait until the socket is readable" },
	{ 0, NULL }
};

static const struct text iotlb_texts[] = {
	{ EINVAL, "the mapping is not valid: check length, flags and access, and that iova and source have the same offset in a page" },
	{ EOVERFLOW, "address plus length wraps around: check both" },
	{ ERANGE, "the range passes the end of the window: check iova and length, or create a longer window" },
	{ EEXIST, "something is granted in the window already: use vgrant_unmap_all() first" },
	{ ENOENT, "nothing there: no such window, or no grant at or after this address" },
	{ 0, NULL }
};

static const struct text kvm_ways_texts[] = {
	{ EBADF, "a file descriptor is not open: check that of KVM, and that of the window or -1" },
	{ EBADFD, "the file is neither /dev/kvm nor a VM: check the first file descriptor" },
	{ ENOTTY, "the file is not a window: check the file descriptor, or what the owner sent" },
	{ EIO, "KVM does not answer: ask in the process that made the VM, as long as the VM is alive" },
	{ 0, NULL }
};

static const struct text kvm_slot_texts[] = {
	{ EINVAL, "the slot is not valid: use known flags, and a guest address, offset and length that are multiples of the page size, the length not zero" },
	{ EOVERFLOW, "guest address plus length wraps around: check both" },
	{ ERANGE, "the range passes the end of the window: check offset and length, or ask the owner for a longer window" },
	{ EOPNOTSUPP, "KVM of this kernel cannot take a window, or not with this flag: load the patched kvm modules, or map the window and make an ordinary slot of it" },
	{ EBADF, "a file descriptor is not open: check that of the VM and that of the window" },
	{ EBADFD, "the file is not a VM: use what KVM_CREATE_VM returned" },
	{ ENOTTY, "the file is not a window: check the file descriptor, or what the owner sent" },
	{ ENODEV, "the module vhost_grant is not loaded, so no file can be a window: load it, and have the owner create one" },
	{ EEXIST, "the guest has another slot in this range: delete that one, or choose another guest address" },
	{ EBUSY, "the slot number is in use or too high, or the guest address is: delete that slot first, as slots cannot be changed, or choose others" },
	{ ENOSPC, "the window has too many native slots: delete some, the limit is out_max_bindings of vgrant_get_info()" },
	{ ENOENT, "the VM has no such slot: check its number, and whether it was deleted" },
	{ EIO, "KVM refuses to change the VM: do it in the process that made the VM, as long as the VM is alive" },
	{ 0, NULL }
};

static const struct text kvm_prefault_texts[] = {
	{ EINVAL, "the range is not valid: use a guest address and length that are multiples of the page size, the length not zero" },
	{ EOVERFLOW, "guest address plus length wraps around: check both" },
	{ EOPNOTSUPP, "KVM of this kernel or machine cannot populate: go without, or use Linux 6.11 or later with EPT or NPT" },
	{ EBADFD, "the file is not a vCPU: use what KVM_CREATE_VCPU returned" },
	{ EAGAIN, "a slot of the range is being deleted or moved: try again" },
	{ EFAULT, "the range has an ordinary slot whose memory cannot be read: leave that slot out" },
	{ EIO, "KVM did nothing: do it in the process that made the VM, as long as the VM is alive" },
	{ 0, NULL }
};

static const struct text no_texts[] = { { 0, NULL } };

static const struct text *const texts[] = {
	[VGRANT_OP_OPEN] = open_texts,
	[VGRANT_OP_CREATE_WINDOW] = create_texts,
	[VGRANT_OP_DESTROY_WINDOW] = no_texts,
	[VGRANT_OP_QUERY] = no_texts,
	[VGRANT_OP_MAP] = map_texts,
	[VGRANT_OP_UNMAP] = unmap_texts,
	[VGRANT_OP_READ_EVENTS] = event_texts,
	[VGRANT_OP_SPLIT_HUGE] = split_texts,
	[VGRANT_OP_WINDOW_INFO] = peer_texts,
	[VGRANT_OP_WINDOW_SET_HOLE] = hole_texts,
	[VGRANT_OP_WINDOW_MMAP] = mmap_texts,
	[VGRANT_OP_SEND_WINDOW] = send_texts,
	[VGRANT_OP_RECV_WINDOW] = recv_texts,
	[VGRANT_OP_IOTLB] = iotlb_texts,
	[VGRANT_OP_KVM_WAYS] = kvm_ways_texts,
	[VGRANT_OP_KVM_SLOT] = kvm_slot_texts,
	[VGRANT_OP_KVM_PREFAULT] = kvm_prefault_texts,
};

static const char *find(const struct text *text, int err)
{
	for (; text->text; text++) {
		if (text->err == err)
			return text->text;
	}
	return NULL;
}

const char *vgrant_strerror(enum vgrant_op op, int err)
{
	const char *text = NULL;

	err = abs(err);
	if ((size_t)op < sizeof(texts) / sizeof(*texts))
		text = find(texts[op], err);
	if (!text)
		text = find(common, err);
	return text ? text : strerror(err);
}
