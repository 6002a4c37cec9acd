/* SPDX-License-Identifier: MIT */
/*
 * libvgrant - grant memory to others, and take it back for sure.
 *
 * An owner opens a space, creates windows in it and hands their file
 * descriptors to peers. What it maps in a window the peer can reach, with the
 * permission that was granted, until it is unmapped; nothing else. The offset
 * in a window is the address that the device uses, the IOVA.
 *
 * Rules for all functions:
 *
 *  - A function that can fail returns 0, a file descriptor or a count, or a
 *    negative errno. errno itself is not used. vgrant_strerror() says in one
 *    line what a value means for a call.
 *  - Addresses and lengths are in bytes. All that reach the kernel are
 *    multiples of vgrant_page_size().
 *  - What the kernel can answer is described with the structures in
 *    <linux/vhost_grant.h>. The library sets their size fields.
 *  - A space may be used by several threads at once, a struct vgrant_iotlb by
 *    one at a time.
 */
#ifndef VGRANT_H
#define VGRANT_H

#include <stddef.h>
#include <stdint.h>
#include <linux/vhost_grant.h>

#ifdef __cplusplus
extern "C" {
#endif

/** VGRANT_DEVICE - The device that a space is an open of */
#define VGRANT_DEVICE	"/dev/vhost_grant"

/**
 * struct vgrant_space - The owner's end: the authority over its windows
 */
struct vgrant_space;

/**
 * vgrant_open() - Open a space
 * @path: device to open, NULL for %VGRANT_DEVICE
 * @flags: 0 or O_NONBLOCK, for vgrant_read_events()
 * @space: receives the space, to be closed by vgrant_close()
 *
 * The memory that the space can grant is that of the calling process. A child
 * made by fork(), or a program started by execve(), that inherits the space
 * may ask and read events, but not control it.
 *
 * Return: 0, -EINVAL (unknown flag), -ENOENT or -ENXIO (no module), -EACCES or
 * -EPERM (device permissions), -ENOTTY (@path is something else), -ENOMEM,
 * -EMFILE or -ENFILE.
 */
int vgrant_open(const char *path, int flags, struct vgrant_space **space);

/**
 * vgrant_from_fd() - Use a space that is open already
 * @fd: an open of %VGRANT_DEVICE
 * @space: receives the space, to be closed by vgrant_close()
 *
 * On success @fd belongs to the space. On failure it is untouched.
 *
 * A manager may have opened @fd: the process that creates the first window is
 * the owner. In another one, calls other than vgrant_get_info(), vgrant_query()
 * and vgrant_read_events() then give -EXDEV.
 *
 * Return: 0, -EBADF, -ENOTTY (not a space) or -ENOMEM.
 */
int vgrant_from_fd(int fd, struct vgrant_space **space);

/**
 * vgrant_close() - Close a space
 * @space: the space, or NULL
 *
 * Everything is revoked when this was the last descriptor of the space; a
 * child that inherited it may still hold one.
 */
void vgrant_close(struct vgrant_space *space);

/**
 * vgrant_fd() - File descriptor of a space, for poll()
 * @space: the space, which keeps the descriptor
 *
 * Return: the descriptor. It cannot fail.
 */
int vgrant_fd(const struct vgrant_space *space);

/**
 * vgrant_page_size() - Granularity of every address and length
 * @space: the space
 *
 * Return: bytes, a power of two. It cannot fail.
 */
uint64_t vgrant_page_size(const struct vgrant_space *space);

/**
 * vgrant_get_info() - Version, features and limits of the kernel
 * @space: the space
 * @info: receives the answer
 *
 * Return: 0. It cannot fail on an open space.
 */
int vgrant_get_info(const struct vgrant_space *space,
		    struct vhost_grant_info *info);

/**
 * vgrant_create_window() - Create a window
 * @space: the space
 * @length: size in bytes, a multiple of the page size
 * @flags: of enum vhost_grant_window_flags
 * @window: receives the id that the other calls take
 *
 * Return: a file descriptor, close-on-exec, to be handed to the peer and
 * closed; or -EINVAL, -ERANGE (too long), -EXDEV, -ENOSPC (too many windows),
 * -ENOMEM, -EMFILE or -ENFILE.
 */
int vgrant_create_window(struct vgrant_space *space, uint64_t length,
			 uint32_t flags, uint32_t *window);

/**
 * vgrant_destroy_window() - Revoke everything in a window, for ever
 * @space: the space
 * @window: id of the window
 *
 * Return: 0, -ENOENT or -EXDEV.
 */
int vgrant_destroy_window(struct vgrant_space *space, uint32_t window);

/**
 * vgrant_query() - Counters of a window
 * @space: the space
 * @window: id of the window
 * @query: receives the answer
 *
 * Return: 0 or -ENOENT.
 */
int vgrant_query(struct vgrant_space *space, uint32_t window,
		 struct vhost_grant_query *query);

/**
 * vgrant_map() - Grant memory of this process
 * @space: the space
 * @window: id of the window
 * @iova: start in the window, in bytes
 * @length: in bytes
 * @addr: the memory
 * @access: %VHOST_GRANT_READ, or that and %VHOST_GRANT_WRITE
 *
 * All or nothing.
 *
 * Return: 0, -EINVAL, -EOVERFLOW, -ERANGE, -EEXIST, -ENOENT, -EXDEV, -EFAULT,
 * -EACCES, -EOPNOTSUPP, -ENOSPC, -ENOMEM or -EINTR.
 */
int vgrant_map(struct vgrant_space *space, uint32_t window, uint64_t iova,
	       uint64_t length, void *addr, uint32_t access);

/**
 * vgrant_map_file() - Grant memory of a file
 * @space: the space
 * @window: id of the window
 * @iova: start in the window, in bytes
 * @length: in bytes
 * @fd: a memfd, tmpfs or hugetlbfs file, open for reading, and for writing if
 *	that is granted
 * @offset: in the file, in bytes
 * @access: %VHOST_GRANT_READ, or that and %VHOST_GRANT_WRITE
 *
 * All or nothing. @fd may be closed afterwards.
 *
 * Return: as vgrant_map(), and -EPERM (sealed), -EBADF, -ENODEV (another kind
 * of file) or -ENXIO (past its end).
 */
int vgrant_map_file(struct vgrant_space *space, uint32_t window, uint64_t iova,
		    uint64_t length, int fd, uint64_t offset, uint32_t access);

/**
 * vgrant_mapv() - Grant many ranges
 * @space: the space
 * @window: id of the window
 * @entries: the grants
 * @nr: number of @entries, as many as you like
 * @done: receives the number of entries done, or NULL
 *
 * Calls the kernel as often as it takes, until all is done or an entry fails.
 * The entries before that one stay done, none after it is tried.
 *
 * Return: 0, or the error of @entries[*@done] as for vgrant_map_file().
 */
int vgrant_mapv(struct vgrant_space *space, uint32_t window,
		const struct vhost_grant_map_entry *entries, size_t nr,
		size_t *done);

/**
 * vgrant_unmap() - Revoke a range
 * @space: the space
 * @window: id of the window
 * @iova: start in the window, in bytes
 * @length: in bytes
 *
 * The range may cover holes, several grants and parts of grants. When the
 * call returns nobody can reach the pages through the window.
 *
 * Return: 0, -EINVAL, -EOVERFLOW, -ERANGE, -ENOENT or -EXDEV. It never fails
 * for lack of memory.
 */
int vgrant_unmap(struct vgrant_space *space, uint32_t window, uint64_t iova,
		 uint64_t length);

/**
 * vgrant_unmapv() - Revoke many ranges
 * @space: the space
 * @window: id of the window
 * @entries: the ranges
 * @nr: number of @entries, as many as you like
 * @done: receives the number of entries done, or NULL
 *
 * Return: 0, or the error of @entries[*@done] as for vgrant_unmap().
 */
int vgrant_unmapv(struct vgrant_space *space, uint32_t window,
		  const struct vhost_grant_unmap_entry *entries, size_t nr,
		  size_t *done);

/**
 * vgrant_unmap_all() - Revoke everything in a window
 * @space: the space
 * @window: id of the window, which can be used again
 *
 * Return: 0, -ENOENT or -EXDEV.
 */
int vgrant_unmap_all(struct vgrant_space *space, uint32_t window);

/**
 * vgrant_read_events() - Read what peers did
 * @space: the space
 * @events: receives the events, oldest first
 * @nr: room in @events, at least 1
 *
 * Blocks while there is none, unless the space is non-blocking.
 *
 * Return: number of events, at least 1; or -EAGAIN (none, non-blocking),
 * -EINTR (a signal arrived first), -EINVAL (@nr is 0) or -EFAULT.
 */
int vgrant_read_events(struct vgrant_space *space,
		       struct vhost_grant_event *events, unsigned int nr);

/**
 * vgrant_split_huge() - Split huge pages of this process into small ones
 * @addr: the memory, private and anonymous, a multiple of the page size
 * @length: in bytes, a multiple of the page size
 *
 * For windows with %VHOST_GRANT_WINDOW_KVM_MAPPED: the kernels that need this
 * flag refuse to map huge pages there with -EOPNOTSUPP. Call this before the
 * memory is mapped. It also keeps the range from getting new huge pages.
 *
 * This is advice to the kernel. Memory shared with a child since fork(), or
 * granted or pinned otherwise already, stays as it is; vgrant_map() tells.
 * Locked memory (mlock()) must be unlocked first. hugetlb pages cannot be
 * split: use other memory, or give the peer a window that is not KVM_MAPPED.
 *
 * Return: 0, -EINVAL (alignment, locked memory, hugetlb or device memory),
 * -ENOMEM (a part of the range is not mapped) or another error of madvise().
 */
int vgrant_split_huge(void *addr, size_t length);

/**
 * vgrant_window_info() - Ask a window what it is
 * @fd: file descriptor of the window
 * @info: receives the answer
 *
 * Return: 0, -EBADF or -ENOTTY (not a window).
 */
int vgrant_window_info(int fd, struct vhost_grant_window_info *info);

/**
 * vgrant_window_set_hole() - Choose what a peer finds where nothing is granted
 * @fd: file descriptor of the window
 * @hole: of enum vhost_grant_hole
 *
 * Return: 0, -EBADF, -ENOTTY (not a window), -EINVAL, -ENOMEM or -EPERM (the
 * policy is final).
 */
int vgrant_window_set_hole(int fd, uint32_t hole);

/**
 * vgrant_window_mmap() - Map a part of a window into this process
 * @fd: file descriptor of the window
 * @offset: start in the window, in bytes, a multiple of the page size
 * @length: in bytes; 0 for the rest of the window
 * @prot: PROT_READ and PROT_WRITE; writing is possible only where it is
 *	granted, whatever @prot says
 * @addr: receives the address, to be unmapped by munmap()
 *
 * Picks an address that is the same as @offset modulo 2 MiB, so that huge
 * pages can be mapped as such. Costs address space only.
 *
 * Return: 0, -EBADF, -ENOTTY (not a window), -EINVAL (alignment, past the end
 * of the window), -EACCES (PROT_EXEC), -ENODEV (for KVM only), -ENOSPC (too
 * many mappings of this window) or -ENOMEM (no address space).
 */
int vgrant_window_mmap(int fd, uint64_t offset, size_t length, int prot,
		       void **addr);

/**
 * vgrant_send_window() - Send a window over a UNIX socket
 * @sock: connected UNIX socket
 * @fd: file descriptor of the window, which stays open here
 *
 * Sends one byte with the descriptor (SCM_RIGHTS).
 *
 * Return: 0 or an error of sendmsg().
 */
int vgrant_send_window(int sock, int fd);

/**
 * vgrant_recv_window() - Receive a window over a UNIX socket
 * @sock: connected UNIX socket
 *
 * Return: file descriptor of the window, close-on-exec; or -ECONNRESET (the
 * other side closed), -EPROTO (no descriptor in the message), -ENOTTY (the
 * descriptor is not a window) or an error of recvmsg().
 */
int vgrant_recv_window(int sock);

/**
 * enum vgrant_kvm_ways - Ways of a window into a guest
 * @VGRANT_KVM_MAPPED: the VMM maps the window, vgrant_window_mmap(), and makes
 *	an ordinary memslot of it. Before Linux 6.13 that does not work with huge
 *	pages: the owner creates the window with %VHOST_GRANT_WINDOW_KVM_MAPPED,
 *	and vgrant_get_info() knows whether it has to
 * @VGRANT_KVM_NATIVE: KVM takes the window itself, vgrant_kvm_set_slot()
 * @VGRANT_KVM_NATIVE_MMIO: so with %VGRANT_KVM_SLOT_MMIO
 * @VGRANT_KVM_PREFAULT: vgrant_kvm_prefault() works for native memslots
 */
enum vgrant_kvm_ways {
	VGRANT_KVM_MAPPED	= 1 << 0,
	VGRANT_KVM_NATIVE	= 1 << 1,
	VGRANT_KVM_NATIVE_MMIO	= 1 << 2,
	VGRANT_KVM_PREFAULT	= 1 << 3,
};

/**
 * vgrant_kvm_ways() - Ask in which ways a window can get into a guest
 * @kvm_fd: file descriptor of /dev/kvm or of a VM
 * @window_fd: file descriptor of the window, -1 to ask of KVM alone
 * @ways: receives bits of enum vgrant_kvm_ways
 *
 * Return: 0, -EBADF, -EBADFD (@kvm_fd is neither), -ENOTTY (@window_fd is not a
 * window) or -EIO (another process made the VM).
 */
int vgrant_kvm_ways(int kvm_fd, int window_fd, uint32_t *ways);

/**
 * enum vgrant_kvm_slot_flags - Flags of vgrant_kvm_set_slot()
 * @VGRANT_KVM_SLOT_MMIO: an access that is not granted becomes KVM_EXIT_MMIO, as
 *	one to a device, instead of KVM_EXIT_MEMORY_FAULT
 */
enum vgrant_kvm_slot_flags {
	VGRANT_KVM_SLOT_MMIO	= 1 << 0,
};

/**
 * vgrant_kvm_set_slot() - Make a native memslot of a window
 * @vm_fd: file descriptor of the VM
 * @slot: number of the slot, not in use
 * @gpa: where the guest finds it, in bytes
 * @window_fd: file descriptor of the window, which may be closed afterwards
 * @offset: start in the window, in bytes
 * @length: in bytes
 * @flags: of enum vgrant_kvm_slot_flags
 *
 * The guest reaches what is granted. KVM_RUN tells of other accesses as
 * <linux/vhost_grant_kvm.h> says. Huge pages are mapped as such if @gpa and
 * @offset are the same modulo their size.
 *
 * Return: 0, -EINVAL (unknown flag, alignment, length zero), -EOVERFLOW (the
 * end of the range in the guest wraps around), -ERANGE (past the end of the
 * window), -EOPNOTSUPP (this KVM has no native memslots, or not of this kind),
 * -EBADF, -EBADFD (@vm_fd is not a VM), -ENOTTY (@window_fd is not a window),
 * -ENODEV (no module), -EEXIST (another slot is in the range), -EBUSY (@slot is
 * in use or too high, or @gpa is), -ENOSPC (too many native slots of this
 * window), -ENOMEM or -EIO (another process made the VM).
 */
int vgrant_kvm_set_slot(int vm_fd, uint32_t slot, uint64_t gpa, int window_fd,
			uint64_t offset, uint64_t length, uint32_t flags);

/**
 * vgrant_kvm_delete_slot() - Delete a memslot
 * @vm_fd: file descriptor of the VM
 * @slot: number of the slot, of either kind
 *
 * When the call returns the guest cannot reach the memory through the slot.
 *
 * Return: 0, -ENOENT (no such slot), -EBADF, -EBADFD (@vm_fd is not a VM),
 * -ENOMEM or -EIO (another process made the VM).
 */
int vgrant_kvm_delete_slot(int vm_fd, uint32_t slot);

/**
 * vgrant_kvm_prefault() - Spare a guest the first access to granted pages
 * @vcpu_fd: file descriptor of a vCPU, which is not running
 * @gpa: start in native memslots, in bytes
 * @length: in bytes
 * @populated: receives how many bytes of the range the guest can now read
 *	without an exit, or NULL. Counts on failure too
 *
 * Holes are skipped, which costs a system call for each page of them, and no
 * event. A page that is revoked meanwhile, or later, is a hole as any other.
 *
 * Return: 0, -EINVAL (alignment, length zero), -EOVERFLOW, -EOPNOTSUPP (this KVM
 * cannot), -EBADF, -EBADFD (@vcpu_fd is not a vCPU), -EINTR (a signal arrived),
 * -EAGAIN (a slot of the range is being deleted), -EFAULT (memory of an ordinary
 * memslot cannot be read), -ENOMEM or -EIO (another process made the VM).
 */
int vgrant_kvm_prefault(int vcpu_fd, uint64_t gpa, uint64_t length,
			uint64_t *populated);

/**
 * enum vgrant_op - What failed, for vgrant_strerror()
 * @VGRANT_OP_OPEN: vgrant_open() and vgrant_from_fd()
 * @VGRANT_OP_CREATE_WINDOW: vgrant_create_window()
 * @VGRANT_OP_DESTROY_WINDOW: vgrant_destroy_window()
 * @VGRANT_OP_QUERY: vgrant_query()
 * @VGRANT_OP_MAP: vgrant_map(), vgrant_map_file() and vgrant_mapv()
 * @VGRANT_OP_UNMAP: vgrant_unmap(), vgrant_unmapv() and vgrant_unmap_all()
 * @VGRANT_OP_READ_EVENTS: vgrant_read_events()
 * @VGRANT_OP_SPLIT_HUGE: vgrant_split_huge()
 * @VGRANT_OP_WINDOW_INFO: vgrant_window_info()
 * @VGRANT_OP_WINDOW_SET_HOLE: vgrant_window_set_hole()
 * @VGRANT_OP_WINDOW_MMAP: vgrant_window_mmap()
 * @VGRANT_OP_SEND_WINDOW: vgrant_send_window()
 * @VGRANT_OP_RECV_WINDOW: vgrant_recv_window()
 * @VGRANT_OP_IOTLB: the vgrant_iotlb calls, except that vgrant_iotlb_commit()
 *	fails as %VGRANT_OP_MAP or %VGRANT_OP_UNMAP, and says which
 * @VGRANT_OP_KVM_WAYS: vgrant_kvm_ways()
 * @VGRANT_OP_KVM_SLOT: vgrant_kvm_set_slot() and vgrant_kvm_delete_slot()
 * @VGRANT_OP_KVM_PREFAULT: vgrant_kvm_prefault()
 */
enum vgrant_op {
	VGRANT_OP_OPEN,
	VGRANT_OP_CREATE_WINDOW,
	VGRANT_OP_DESTROY_WINDOW,
	VGRANT_OP_QUERY,
	VGRANT_OP_MAP,
	VGRANT_OP_UNMAP,
	VGRANT_OP_READ_EVENTS,
	VGRANT_OP_SPLIT_HUGE,
	VGRANT_OP_WINDOW_INFO,
	VGRANT_OP_WINDOW_SET_HOLE,
	VGRANT_OP_WINDOW_MMAP,
	VGRANT_OP_SEND_WINDOW,
	VGRANT_OP_RECV_WINDOW,
	VGRANT_OP_IOTLB,
	VGRANT_OP_KVM_WAYS,
	VGRANT_OP_KVM_SLOT,
	VGRANT_OP_KVM_PREFAULT,
};

/**
 * vgrant_strerror() - Say what was wrong and what to do
 * @op: the call that failed
 * @err: what it returned; the sign does not matter
 *
 * Return: one line without a full stop or newline, never NULL, not to be freed.
 */
const char *vgrant_strerror(enum vgrant_op op, int err);

/**
 * struct vgrant_iotlb - Keeps a window in step with what a device may reach
 *
 * The caller tells what should be mapped, as it learns it from an IOMMU or
 * from a memory map, in any order and with any overlap. A commit makes the
 * window so, with as few and small calls as possible: what did not change is
 * not touched, pages that change are revoked before others are granted.
 *
 * Updates need not be aligned. A page is granted only if all its bytes are
 * mapped, to the consecutive bytes of one page of the source, with the same
 * access. So mappings are taken inward to whole pages, and an unmap of one
 * byte takes the page.
 *
 * The window must be changed through this object only. Every operation costs
 * O(log mappings) for each mapping it touches.
 */
struct vgrant_iotlb;

/**
 * enum vgrant_iotlb_flags - Flags of vgrant_iotlb_new()
 * @VGRANT_IOTLB_WRITE_IMPLIES_READ: take a mapping with WRITE alone, as an
 *	IOMMU knows it, as READ and WRITE. No page table can say "write only";
 *	without this flag such mappings are refused with -EINVAL
 */
enum vgrant_iotlb_flags {
	VGRANT_IOTLB_WRITE_IMPLIES_READ	= 1 << 0,
};

/**
 * struct vgrant_iotlb_ops - What a struct vgrant_iotlb does to its window
 * @map: grant @nr ranges, as vgrant_mapv() does
 * @unmap: revoke @nr ranges, as vgrant_unmapv() does
 * @unmap_all: revoke everything, as vgrant_unmap_all() does
 *
 * Each returns 0 or a negative errno; @done, never NULL, receives the number
 * of entries done, which counts on failure too.
 */
struct vgrant_iotlb_ops {
	int (*map)(void *opaque, const struct vhost_grant_map_entry *entries,
		   size_t nr, size_t *done);
	int (*unmap)(void *opaque,
		     const struct vhost_grant_unmap_entry *entries, size_t nr,
		     size_t *done);
	int (*unmap_all)(void *opaque);
};

/**
 * vgrant_iotlb_new() - Keep a window of a space in step
 * @space: the space, which must outlive the object
 * @window: id of the window, in which nothing is granted yet
 * @flags: of enum vgrant_iotlb_flags
 * @tlb: receives the object, to be freed by vgrant_iotlb_free()
 *
 * Return: 0, -EINVAL (unknown flag), -EEXIST (something is granted in the
 * window already), -ENOENT or -ENOMEM.
 */
int vgrant_iotlb_new(struct vgrant_space *space, uint32_t window,
		     uint32_t flags, struct vgrant_iotlb **tlb);

/**
 * vgrant_iotlb_new_ops() - Keep something else in step
 * @ops: what to do; copied
 * @opaque: passed to @ops
 * @length: size of the window in bytes, a multiple of @page_size
 * @page_size: granularity in bytes, a power of two
 * @flags: of enum vgrant_iotlb_flags
 * @tlb: receives the object, to be freed by vgrant_iotlb_free()
 *
 * For tests, and for VMMs that make the calls in another way.
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int vgrant_iotlb_new_ops(const struct vgrant_iotlb_ops *ops, void *opaque,
			 uint64_t length, uint64_t page_size, uint32_t flags,
			 struct vgrant_iotlb **tlb);

/**
 * vgrant_iotlb_free() - Free the object
 * @tlb: the object, or NULL
 *
 * What is granted stays granted: revoke or destroy the window as you see fit.
 */
void vgrant_iotlb_free(struct vgrant_iotlb *tlb);

/**
 * vgrant_iotlb_begin() - Begin a full listing
 * @tlb: the object
 *
 * What is not mapped again until the next commit is revoked by it; what is
 * mapped the same way is left alone. To be used for a replay, or for each
 * transaction of a memory map that lists all its regions. It cannot fail.
 */
void vgrant_iotlb_begin(struct vgrant_iotlb *tlb);

/**
 * vgrant_iotlb_map() - Map a range at the next commit
 * @tlb: the object
 * @entry: the range, any alignment, with its access. With
 *	%VHOST_GRANT_SOURCE_FILE @fd must stay open, and mean the same file,
 *	for as long as the range is mapped here
 *
 * Replaces whatever was mapped in the range.
 *
 * Return: 0, -EINVAL (length zero; unknown flags; no access, or a refused one;
 * iova and source differ in their offset in a page), -EOVERFLOW, -ERANGE (past
 * the end of the window), -EBADF (negative fd) or -ENOMEM: nothing has changed.
 */
int vgrant_iotlb_map(struct vgrant_iotlb *tlb,
		     const struct vhost_grant_map_entry *entry);

/**
 * vgrant_iotlb_unmap() - Unmap a range at the next commit
 * @tlb: the object
 * @iova: start, in bytes, any alignment
 * @length: in bytes. What is past the end of the window is ignored, so
 *	UINT64_MAX means the rest
 *
 * Return: 0, -EINVAL (length zero) or -ENOMEM: nothing has changed.
 */
int vgrant_iotlb_unmap(struct vgrant_iotlb *tlb, uint64_t iova,
		       uint64_t length);

/**
 * vgrant_iotlb_refresh() - Revoke and grant a range anew at the next commit
 * @tlb: the object
 * @iova: start, in bytes, any alignment
 * @length: in bytes, as for vgrant_iotlb_unmap()
 *
 * For sources whose pages were replaced under the same address: a grant is of
 * the pages that were there when it was made (munmap(), MADV_DONTNEED, hole
 * punch, a ballooned or hot-plugged range).
 *
 * Return: 0, -EINVAL (length zero) or -ENOMEM: nothing has changed.
 */
int vgrant_iotlb_refresh(struct vgrant_iotlb *tlb, uint64_t iova,
			 uint64_t length);

/**
 * struct vgrant_iotlb_failure - What a commit could not do
 * @op: %VGRANT_OP_UNMAP, %VGRANT_OP_MAP, or %VGRANT_OP_IOTLB when there was
 *	no memory to begin
 * @entry: the range. With %VGRANT_OP_UNMAP only iova and length are set, with
 *	%VGRANT_OP_IOTLB nothing is
 */
struct vgrant_iotlb_failure {
	enum vgrant_op op;
	struct vhost_grant_map_entry entry;
};

/**
 * vgrant_iotlb_commit() - Make the window so
 * @tlb: the object
 * @failure: receives what failed, or NULL
 *
 * First revokes all that is to go, then grants. It stops at the first failure:
 * what was done is done and known to be done, the rest is tried by the next
 * commit. To go on without a range that cannot be granted, unmap it and commit
 * again.
 *
 * Return: 0; -ENOMEM with %VGRANT_OP_IOTLB (nothing was done, nothing was
 * revoked: retry, or vgrant_iotlb_clear()); or an error of vgrant_mapv() or
 * vgrant_unmapv().
 */
int vgrant_iotlb_commit(struct vgrant_iotlb *tlb,
			struct vgrant_iotlb_failure *failure);

/**
 * vgrant_iotlb_clear() - Unmap and revoke everything now
 * @tlb: the object
 *
 * Needs no commit and no memory. If it fails all is still unmapped, and the
 * next commit revokes it.
 *
 * Return: 0 or an error of vgrant_unmap_all().
 */
int vgrant_iotlb_clear(struct vgrant_iotlb *tlb);

/**
 * vgrant_iotlb_lookup() - What is granted now
 * @tlb: the object
 * @iova: where to look, in bytes
 * @entry: receives the first grant that ends after @iova. It may be a part of
 *	what was mapped, or several mappings that continue each other
 *
 * To see all, begin with 0 and go on with the end of each grant.
 *
 * Return: 0 or -ENOENT (none).
 */
int vgrant_iotlb_lookup(const struct vgrant_iotlb *tlb, uint64_t iova,
			struct vhost_grant_map_entry *entry);

#ifdef __cplusplus
}
#endif

#endif /* VGRANT_H */
