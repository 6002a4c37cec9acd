/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Enforced, revocable memory sharing for vhost-user and inter-VM devices.
 *
 * An owner opens /dev/vhost_grant, creates windows and hands their file
 * descriptors to peers. The offset in a window is the DMA address (IOVA or
 * guest-physical) that the device uses. Only what is granted at this moment
 * can be reached through a window, with the permission that was granted.
 */
#ifndef _UAPI_LINUX_VHOST_GRANT_H
#define _UAPI_LINUX_VHOST_GRANT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VHOST_GRANT_ABI_VERSION	1

/**
 * DOC: General ioctl format
 *
 * Every argument structure begins with @size, set by the caller to the size of
 * the structure it was compiled with. A structure that is longer than the
 * kernel's is accepted if the tail is zero (else E2BIG); one that is shorter
 * is taken as if its tail were zero, down to the size of the first version of
 * the structure (else EINVAL). Fields named ``out_`` are written by the kernel,
 * up to @size; all others, reserved ones too, are checked. Padding and
 * reserved fields must be zero.
 *
 * A call that fails has changed nothing. %VHOST_GRANT_MAP and
 * %VHOST_GRANT_UNMAP take arrays: they stop at the first entry that fails and
 * return the number of entries done, which stay done, just as write() returns
 * a short count; only if the first entry fails do they return its error. The
 * caller sees the error of a later entry by calling again from that entry on.
 *
 * The errno values have a fixed meaning:
 *
 *  - ENOTTY: the call does not exist on this file
 *  - EINVAL: an unknown flag, a reserved field that is not zero, a length of
 *    zero, an address or length that is not a multiple of the page size, W
 *    without R, a structure or entry that is too short
 *  - E2BIG: a structure with an unknown tail that is not zero, or more entries
 *    in an array than @out_max_entries
 *  - EOVERFLOW: address plus length wraps around
 *  - ERANGE: past the end of the window
 *  - EEXIST: a page of the range is granted already
 *  - ENOENT: no window with this id in this space (never, or no longer)
 *  - EXDEV: the caller is not the owner of the space, the process that made
 *    the first %VHOST_GRANT_CREATE_WINDOW: its memory is what the space grants,
 *    and no other process controls it. (So a manager can open the device and
 *    pass it to the VMM. Owner means memory: threads are one owner, a fork or
 *    an exec is another process.)
 *  - EFAULT: the argument cannot be read or written, or the source is not
 *    ordinary memory of the owner (nothing mapped, device memory, a page that
 *    the kernel reserves, another window)
 *  - EACCES: RW asked for memory that the owner itself may only read, or for a
 *    shared mapping of a file that is neither on tmpfs nor on hugetlbfs; a source
 *    file that is not open for reading; a hole of a hugetlb file that is not
 *    open for writing; an executable mmap of a window
 *  - EPERM: RW asked for a file sealed against writing; an executable mmap of a
 *    window, if the kernel refuses it for all files without a file system;
 *    another hole policy than one that is final
 *  - EBADF: @fd of a map entry is not an open file
 *  - ENODEV: @fd of a map entry is not a memfd, tmpfs or hugetlbfs file; mmap
 *    of a window that is for KVM only
 *  - ENXIO: the range is past the end of the source file
 *  - EOPNOTSUPP: the window is %VHOST_GRANT_WINDOW_KVM_MAPPED and the source is
 *    a huge page, which KVM of this kernel cannot map from an mmapped window
 *  - ENOSPC: a limit of %VHOST_GRANT_GET_INFO is reached: windows, grants; for
 *    mmap(): VMAs; for KVM: bindings
 *  - ENOMEM: RLIMIT_MEMLOCK of the owner, its memory cgroup, or kernel memory.
 *    Granted pages are counted one by one against the limit, as VmPin, beside
 *    what is mlocked; to grant one page of a huge page pins all of it. Never
 *    returned by %VHOST_GRANT_UNMAP and %VHOST_GRANT_DESTROY_WINDOW
 *  - EMFILE, ENFILE: no file descriptor left
 *  - EINTR: a signal arrived; the entry was not done
 */
#define VHOST_GRANT_TYPE	0xBD

/* On the space, an open of /dev/vhost_grant. */
#define VHOST_GRANT_GET_INFO		_IO(VHOST_GRANT_TYPE, 0x00)
#define VHOST_GRANT_CREATE_WINDOW	_IO(VHOST_GRANT_TYPE, 0x01)
#define VHOST_GRANT_MAP			_IO(VHOST_GRANT_TYPE, 0x02)
#define VHOST_GRANT_UNMAP		_IO(VHOST_GRANT_TYPE, 0x03)
#define VHOST_GRANT_DESTROY_WINDOW	_IO(VHOST_GRANT_TYPE, 0x04)
#define VHOST_GRANT_QUERY		_IO(VHOST_GRANT_TYPE, 0x05)

/* On a window. */
#define VHOST_GRANT_WINDOW_INFO		_IO(VHOST_GRANT_TYPE, 0x40)
#define VHOST_GRANT_WINDOW_SET_HOLE	_IO(VHOST_GRANT_TYPE, 0x41)

/**
 * enum vhost_grant_feature - Bits of vhost_grant_info::out_features
 * @VHOST_GRANT_FEATURE_FILE_SOURCE: MAP takes memfd and hugetlb files
 * @VHOST_GRANT_FEATURE_HUGE_MMAP: an mmapped window uses huge page table
 *	entries where source and alignment allow
 * @VHOST_GRANT_FEATURE_KVM_MAPPED_HUGE: KVM of this kernel can map huge pages
 *	from an mmapped window that is used as an ordinary memslot. Without it
 *	such a guest access fails KVM_RUN with EFAULT; create the window with
 *	%VHOST_GRANT_WINDOW_KVM_MAPPED so that MAP refuses such memory instead
 * @VHOST_GRANT_FEATURE_KVM_NATIVE: the module has the interface that native
 *	memslots need. Whether this host's KVM uses it is KVM's to report
 */
enum vhost_grant_feature {
	VHOST_GRANT_FEATURE_FILE_SOURCE		= 1 << 0,
	VHOST_GRANT_FEATURE_HUGE_MMAP		= 1 << 1,
	VHOST_GRANT_FEATURE_KVM_MAPPED_HUGE	= 1 << 2,
	VHOST_GRANT_FEATURE_KVM_NATIVE		= 1 << 3,
};

/**
 * struct vhost_grant_info - ioctl(VHOST_GRANT_GET_INFO)
 * @size: sizeof(struct vhost_grant_info)
 * @flags: must be 0
 * @out_abi_version: %VHOST_GRANT_ABI_VERSION of the kernel
 * @out_max_entries: most entries in one MAP or UNMAP
 * @out_features: bits of enum vhost_grant_feature
 * @out_page_sizes: bitmap of page sizes in bytes that a window can map; the
 *	lowest bit is the granularity of every address and length
 * @out_max_window_size: largest window in bytes
 * @out_max_grants: most table entries of one window. A grant takes one for each
 *	2 MiB aligned block of the window that it touches
 * @out_max_windows: most windows of one space
 * @out_max_vmas: most mappings (VMAs) of one window, of all peers together: give
 *	peers that do not trust each other windows of their own
 * @out_max_bindings: most native KVM memslots of one window
 * @out_max_events: events that are queued until the owner reads them
 *
 * Return: 0 or -1 with errno set to EINVAL, E2BIG or EFAULT.
 */
struct vhost_grant_info {
	__u32 size;
	__u32 flags;
	__u32 out_abi_version;
	__u32 out_max_entries;
	__aligned_u64 out_features;
	__aligned_u64 out_page_sizes;
	__aligned_u64 out_max_window_size;
	__aligned_u64 out_max_grants;
	__u32 out_max_windows;
	__u32 out_max_vmas;
	__u32 out_max_bindings;
	__u32 out_max_events;
};

/**
 * enum vhost_grant_window_flags - Flags of a window
 * @VHOST_GRANT_WINDOW_KVM_ONLY: the peer cannot mmap the window, only give it
 *	to KVM as a native memslot. The strongest form against a hostile VMM
 * @VHOST_GRANT_WINDOW_HOLE_SCRATCH: the window starts with the hole policy
 *	%VHOST_GRANT_HOLE_SCRATCH
 * @VHOST_GRANT_WINDOW_KVM_MAPPED: the peer will mmap the window and use it as
 *	an ordinary KVM memslot. MAP then refuses with EOPNOTSUPP what KVM of
 *	this kernel could not map from there, rather than leave it to the guest
 *	to find out. No effect with %VHOST_GRANT_FEATURE_KVM_MAPPED_HUGE
 */
enum vhost_grant_window_flags {
	VHOST_GRANT_WINDOW_KVM_ONLY	= 1 << 0,
	VHOST_GRANT_WINDOW_HOLE_SCRATCH	= 1 << 1,
	VHOST_GRANT_WINDOW_KVM_MAPPED	= 1 << 2,
};

/**
 * struct vhost_grant_create_window - ioctl(VHOST_GRANT_CREATE_WINDOW)
 * @size: sizeof(struct vhost_grant_create_window)
 * @flags: of enum vhost_grant_window_flags. KVM_ONLY and KVM_MAPPED exclude
 *	each other
 * @length: size of the window in bytes, a multiple of the page size
 * @out_fd: file descriptor of the window, close-on-exec. It carries access,
 *	never control
 * @out_window: id of the window in this space, not 0. It is not used again until
 *	all others have been
 *
 * The first call makes the caller the owner of the space. When its memory goes
 * away (exit, exec), everything it granted is revoked, even if another process
 * still has the space open.
 *
 * The size costs nothing: memory is used only for what is granted.
 *
 * Return: 0 or -1 with errno set to EINVAL, E2BIG, ERANGE (larger than
 * @out_max_window_size), EXDEV, EFAULT, ENOSPC, ENOMEM, EMFILE, ENFILE or
 * EINTR.
 */
struct vhost_grant_create_window {
	__u32 size;
	__u32 flags;
	__aligned_u64 length;
	__s32 out_fd;
	__u32 out_window;
};

/**
 * enum vhost_grant_access - Access to a page, granted or attempted
 * @VHOST_GRANT_READ: read
 * @VHOST_GRANT_WRITE: write; a grant with WRITE must have READ too
 */
enum vhost_grant_access {
	VHOST_GRANT_READ	= 1 << 0,
	VHOST_GRANT_WRITE	= 1 << 1,
};

/**
 * enum vhost_grant_map_flags - Flags of a map entry, besides its access
 * @VHOST_GRANT_SOURCE_FILE: the source is an offset in the file @fd; otherwise
 *	it is an address of the owner
 */
enum vhost_grant_map_flags {
	VHOST_GRANT_SOURCE_FILE	= 1 << 2,
};

/**
 * struct vhost_grant_map_entry - One grant
 * @iova: start in the window, in bytes
 * @length: in bytes
 * @source: address in the owner's memory, or offset in @fd, in bytes
 * @flags: bits of enum vhost_grant_access and enum vhost_grant_map_flags
 * @fd: with %VHOST_GRANT_SOURCE_FILE a memfd, tmpfs or hugetlbfs file open for
 *	reading, and for writing if WRITE is granted; else must be 0
 *
 * All or nothing: an entry that fails grants no page of its range. A hole of
 * the source file is filled with zeros. The pages stay pinned until they are
 * revoked, whatever happens to the source: memory that the owner replaces
 * (munmap, MADV_DONTNEED, truncate, hole punch) leaves the old pages granted. A
 * file cannot be sealed against writing while a page of it is granted.
 */
struct vhost_grant_map_entry {
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 source;
	__u32 flags;
	__s32 fd;
};

/**
 * struct vhost_grant_map - ioctl(VHOST_GRANT_MAP)
 * @size: sizeof(struct vhost_grant_map)
 * @flags: must be 0
 * @window: id of the window
 * @nr: number of entries, 0 is allowed and does nothing
 * @entry_size: sizeof(struct vhost_grant_map_entry)
 * @__reserved: must be 0
 * @entries: address of an array of struct vhost_grant_map_entry
 *
 * Return: number of entries done, or -1 with errno set to EINVAL, E2BIG,
 * EOVERFLOW, ERANGE, EEXIST, ENOENT, EXDEV, EFAULT, EACCES, EPERM, EBADF,
 * ENODEV, ENXIO, EOPNOTSUPP, ENOSPC, ENOMEM or EINTR.
 */
struct vhost_grant_map {
	__u32 size;
	__u32 flags;
	__u32 window;
	__u32 nr;
	__u32 entry_size;
	__u32 __reserved;
	__aligned_u64 entries;
};

/**
 * struct vhost_grant_unmap_entry - One range to revoke
 * @iova: start in the window, in bytes
 * @length: in bytes
 */
struct vhost_grant_unmap_entry {
	__aligned_u64 iova;
	__aligned_u64 length;
};

/**
 * enum vhost_grant_unmap_flags - Flags of VHOST_GRANT_UNMAP
 * @VHOST_GRANT_UNMAP_ALL: revoke the whole window. @nr, @entry_size and
 *	@entries must be 0
 */
enum vhost_grant_unmap_flags {
	VHOST_GRANT_UNMAP_ALL	= 1 << 0,
};

/**
 * struct vhost_grant_unmap - ioctl(VHOST_GRANT_UNMAP)
 * @size: sizeof(struct vhost_grant_unmap)
 * @flags: of enum vhost_grant_unmap_flags
 * @window: id of the window
 * @nr: number of entries, 0 is allowed and does nothing
 * @entry_size: sizeof(struct vhost_grant_unmap_entry)
 * @__reserved: must be 0
 * @entries: address of an array of struct vhost_grant_unmap_entry
 *
 * A range may cover holes, several grants, and parts of grants. When the call
 * returns, nothing can read or write the pages through the window and the
 * pages are unpinned; of a huge page that was granted as one, the pin goes
 * with the last of its pages.
 *
 * Return: number of entries done (0 with ALL), or -1 with errno set to EINVAL,
 * E2BIG, EOVERFLOW, ERANGE, ENOENT, EXDEV or EFAULT.
 */
struct vhost_grant_unmap {
	__u32 size;
	__u32 flags;
	__u32 window;
	__u32 nr;
	__u32 entry_size;
	__u32 __reserved;
	__aligned_u64 entries;
};

/**
 * struct vhost_grant_destroy_window - ioctl(VHOST_GRANT_DESTROY_WINDOW)
 * @size: sizeof(struct vhost_grant_destroy_window)
 * @window: id of the window
 *
 * Revokes everything. The peer's file stays valid, and empty for ever.
 *
 * Return: 0 or -1 with errno set to EINVAL, E2BIG, ENOENT, EXDEV or EFAULT.
 */
struct vhost_grant_destroy_window {
	__u32 size;
	__u32 window;
};

/**
 * struct vhost_grant_query - ioctl(VHOST_GRANT_QUERY)
 * @size: sizeof(struct vhost_grant_query)
 * @window: id of the window
 * @out_length: size of the window in bytes
 * @out_flags: the window's flags, enum vhost_grant_window_flags, with
 *	HOLE_SCRATCH following the present hole policy
 * @out_vmas: mappings of the window now
 * @out_bindings: native KVM memslots of the window now
 * @out_peer_gone: 1 when the last file descriptor, mapping and KVM memslot of
 *	the window are gone
 * @out_grants: table entries now, see @out_max_grants
 * @out_pages_granted: pages that are granted now
 * @out_pages_pinned: pages that are pinned and charged to the owner now
 * @out_pages_mapped: pages that peers were given access to, ever, or to the
 *	scratch page for a write
 * @out_pages_revoked: pages that were revoked, ever
 * @out_faults: accesses of peers to granted pages that had to be resolved
 * @out_violations_hole: refused accesses, or accesses to the scratch page that
 *	had to be resolved, where nothing was granted
 * @out_violations_readonly: writes to read-only grants that were refused, or
 *	had to be resolved to the scratch page
 *
 * Any process that holds the space may ask.
 *
 * Return: 0 or -1 with errno set to EINVAL, E2BIG, ENOENT or EFAULT.
 */
struct vhost_grant_query {
	__u32 size;
	__u32 window;
	__aligned_u64 out_length;
	__u32 out_flags;
	__u32 out_vmas;
	__u32 out_bindings;
	__u32 out_peer_gone;
	__aligned_u64 out_grants;
	__aligned_u64 out_pages_granted;
	__aligned_u64 out_pages_pinned;
	__aligned_u64 out_pages_mapped;
	__aligned_u64 out_pages_revoked;
	__aligned_u64 out_faults;
	__aligned_u64 out_violations_hole;
	__aligned_u64 out_violations_readonly;
};

/**
 * enum vhost_grant_event_type - What happened
 * @VHOST_GRANT_EVENT_VIOLATION: a peer accessed a hole, or wrote to a page that
 *	is granted read-only
 * @VHOST_GRANT_EVENT_PEER_GONE: the last file descriptor, mapping and KVM
 *	memslot of a window are gone; not told of a destroyed window
 * @VHOST_GRANT_EVENT_OVERFLOW: @count events were lost because the owner did
 *	not read; the counters of %VHOST_GRANT_QUERY have them all
 */
enum vhost_grant_event_type {
	VHOST_GRANT_EVENT_VIOLATION	= 1,
	VHOST_GRANT_EVENT_PEER_GONE	= 2,
	VHOST_GRANT_EVENT_OVERFLOW	= 3,
};

/**
 * struct vhost_grant_event - What read() of the space returns
 * @type: of enum vhost_grant_event_type
 * @window: id of the window, 0 for an overflow
 * @iova: page of a violation, in bytes
 * @count: violations of the same kind at this page, one after the other, that
 *	this event stands for; events lost, for an overflow
 * @access: bits of enum vhost_grant_access, what was attempted
 * @__reserved: 0
 *
 * read() returns as many whole events as fit, oldest first, and blocks while
 * there is none unless O_NONBLOCK is set (EAGAIN). A buffer smaller than one
 * event is EINVAL. poll() reports POLLIN. Events will always have this size;
 * skip those of a type that you do not know.
 */
struct vhost_grant_event {
	__u32 type;
	__u32 window;
	__aligned_u64 iova;
	__aligned_u64 count;
	__u32 access;
	__u32 __reserved;
};

/**
 * enum vhost_grant_hole - What a peer finds where nothing is granted, and where
 *	it writes to what is granted read-only
 * @VHOST_GRANT_HOLE_FAULT: SIGBUS for a process, EFAULT for a system call, an
 *	exit of KVM_RUN for a guest
 * @VHOST_GRANT_HOLE_SCRATCH: one page of memory, private to this window, zero
 *	at first, the same page in every hole and for every peer of the window.
 *	It also takes writes to read-only grants, so that nothing a peer does in
 *	the window is refused. After such a write, reads through the same mapping
 *	or by the same guest may find the scratch page there, too, until the
 *	page is revoked or the policy changes
 * @VHOST_GRANT_HOLE_SCRATCH_FINAL: the same, for ever: a peer that depends on
 *	it need not trust the owner and the other peers not to change it
 */
enum vhost_grant_hole {
	VHOST_GRANT_HOLE_FAULT		= 0,
	VHOST_GRANT_HOLE_SCRATCH	= 1,
	VHOST_GRANT_HOLE_SCRATCH_FINAL	= 2,
};

/**
 * struct vhost_grant_window_info - ioctl(VHOST_GRANT_WINDOW_INFO) on a window
 * @size: sizeof(struct vhost_grant_window_info)
 * @flags: must be 0
 * @out_length: size of the window in bytes
 * @out_flags: as given at its creation, enum vhost_grant_window_flags
 * @out_hole: hole policy now, enum vhost_grant_hole
 * @out_window: id of the window in the owner's space
 * @out_dead: 1 when the owner has destroyed the window or is gone: nothing
 *	will ever be granted again
 *
 * Return: 0 or -1 with errno set to EINVAL, E2BIG or EFAULT.
 */
struct vhost_grant_window_info {
	__u32 size;
	__u32 flags;
	__aligned_u64 out_length;
	__u32 out_flags;
	__u32 out_hole;
	__u32 out_window;
	__u32 out_dead;
};

/**
 * struct vhost_grant_window_set_hole - ioctl(VHOST_GRANT_WINDOW_SET_HOLE)
 * @size: sizeof(struct vhost_grant_window_set_hole)
 * @hole: of enum vhost_grant_hole
 *
 * Holds for the whole window and every peer of it, from the return of the call
 * on. Does not change what is granted.
 *
 * Return: 0 or -1 with errno set to EINVAL, E2BIG, EFAULT, ENOMEM or EPERM (the
 * policy is final and another one).
 */
struct vhost_grant_window_set_hole {
	__u32 size;
	__u32 hole;
};

#endif /* _UAPI_LINUX_VHOST_GRANT_H */
