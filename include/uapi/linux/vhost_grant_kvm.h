/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Native memslots: what a KVM that takes windows of vhost_grant has in its
 * <linux/kvm.h>, for programs that are built with the header of another kernel.
 * Also what these programs need of Linux 6.8 and 6.11, under the same names.
 */
#ifndef _UAPI_LINUX_VHOST_GRANT_KVM_H
#define _UAPI_LINUX_VHOST_GRANT_KVM_H

#include <linux/const.h>
#include <linux/kvm.h>
#include <linux/types.h>

/**
 * DOC: Native memslots
 *
 * KVM can take a window itself as a memslot. Its guest then reaches what is
 * granted, through EPT or NPT entries that are made from the table of grants,
 * and the VMM needs no mapping of the window. KVM_CHECK_EXTENSION of
 * %KVM_CAP_VHOST_GRANT, on /dev/kvm or a VM, says whether it can.
 *
 * A slot is made by KVM_SET_USER_MEMORY_REGION2, with these fields of struct
 * kvm_userspace_memory_region2, the others zero:
 *
 *  - slot: its number
 *  - flags: %KVM_MEM_VHOST_GRANT, and %KVM_MEM_VHOST_GRANT_MMIO if wanted
 *  - guest_phys_addr, memory_size: where the guest finds it, multiples of the
 *    page size
 *  - guest_memfd: file descriptor of the window, which can be closed afterwards
 *  - guest_memfd_offset: start in the window, in bytes, a multiple of the page
 *    size
 *
 * Permissions are those of the grants, page by page. A slot like this is deleted as
 * any other, by a memory_size of 0; it cannot be moved or changed. Grants of
 * huge pages are mapped as such where guest_phys_addr and guest_memfd_offset are
 * the same modulo the huge page size.
 *
 * The errno values of making one:
 *
 *  - EINVAL: an address, offset or size that is not a multiple of the page
 *    size; userspace_addr is not 0; the file is not a window; the flag together
 *    with KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY or KVM_MEM_GUEST_MEMFD;
 *    %KVM_MEM_VHOST_GRANT_MMIO alone; KVM_SET_USER_MEMORY_REGION was used; the
 *    slot number is in use, by a slot of either kind; a KVM without this
 *  - EBADF: guest_memfd is not open
 *  - ENODEV: the module vhost_grant is not loaded, so no file can be a window
 *  - ERANGE: past the end of the window, or offset plus size wraps around
 *  - ENOSPC: the window has as many slots as it can, @out_max_bindings of
 *    %VHOST_GRANT_GET_INFO
 *  - EEXIST: the guest has another slot in the range
 *
 * What a guest finds where nothing is granted, and when it writes to what is
 * granted read-only:
 *
 *  - KVM_RUN fails with EFAULT. The exit reason is KVM_EXIT_MEMORY_FAULT, and
 *    memory_fault has the address of the page in gpa, the page size in size, and
 *    in flags which access it was. The guest has not moved: if the page is granted
 *    meanwhile, KVM_RUN goes on as if nothing had been.
 *  - With %KVM_MEM_VHOST_GRANT_MMIO: KVM_EXIT_MMIO, as for a device. The VMM
 *    chooses what a read returns, such as all ones, and ignores a write. KVM
 *    has to emulate the instruction; one that it cannot (most of SSE and AVX, or
 *    a fetch of the instruction itself) is KVM_EXIT_INTERNAL_ERROR with
 *    KVM_INTERNAL_ERROR_EMULATION. With KVM_CAP_EXIT_ON_EMULATION_FAILURE the
 *    instruction is tried again when the guest is entered again, else the
 *    guest gets an invalid opcode exception then.
 *  - If the window has %VHOST_GRANT_HOLE_SCRATCH: the scratch page, in place of a
 *    hole, without an exit.
 *
 * The owner sees an event in each case.
 *
 * KVM itself never touches the memory of such a slot. So an instruction that it
 * emulates for another reason (string I/O) is KVM_EXIT_MMIO on granted memory
 * too, and what it would write there for the guest (kvmclock, steal time) is
 * not written.
 *
 * KVM_PRE_FAULT_MEMORY, on a vCPU, maps what is granted in a range before the
 * guest touches it. A hole ends it: with ENOENT if it is the first page, else
 * with a return value of 0 and gpa and size advanced to the hole. That is no
 * access, so there is no event. (It can be called again from the next page on.)
 */

/* For KVM_CHECK_EXTENSION, which returns the bits below, 0 of any other KVM */
#ifndef KVM_CAP_VHOST_GRANT
#define KVM_CAP_VHOST_GRANT		0x7667
#endif
/* KVM_MEM_VHOST_GRANT is there. */
#ifndef KVM_VHOST_GRANT_SLOTS
#define KVM_VHOST_GRANT_SLOTS		_BITUL(0)
#endif
/* KVM_MEM_VHOST_GRANT_MMIO is there. */
#ifndef KVM_VHOST_GRANT_MMIO
#define KVM_VHOST_GRANT_MMIO		_BITUL(1)
#endif

/* Flags of struct kvm_userspace_memory_region2 */

/* An access that is not granted is KVM_EXIT_MMIO. Only with the next one. */
#ifndef KVM_MEM_VHOST_GRANT_MMIO
#define KVM_MEM_VHOST_GRANT_MMIO	_BITUL(14)
#endif
/* The slot is backed by the window guest_memfd. */
#ifndef KVM_MEM_VHOST_GRANT
#define KVM_MEM_VHOST_GRANT		_BITUL(15)
#endif

/* Flags of memory_fault in struct kvm_run */

/* The slot is backed by a window: set for each exit of such a slot. */
#ifndef KVM_MEMORY_EXIT_FLAG_GRANT
#define KVM_MEMORY_EXIT_FLAG_GRANT	_BITULL(32)
#endif
/* The guest wanted to write. */
#ifndef KVM_MEMORY_EXIT_FLAG_WRITE
#define KVM_MEMORY_EXIT_FLAG_WRITE	_BITULL(33)
#endif
/* The guest wanted to execute. */
#ifndef KVM_MEMORY_EXIT_FLAG_EXEC
#define KVM_MEMORY_EXIT_FLAG_EXEC	_BITULL(34)
#endif
/* The page is granted read-only; without this flag it is a hole. */
#ifndef KVM_MEMORY_EXIT_FLAG_RDONLY
#define KVM_MEMORY_EXIT_FLAG_RDONLY	_BITULL(35)
#endif

/* Of Linux 6.8 */

#ifndef KVM_SET_USER_MEMORY_REGION2
struct kvm_userspace_memory_region2 {
	__u32 slot;
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;
	__u64 userspace_addr;
	__u64 guest_memfd_offset;
	__u32 guest_memfd;
	__u32 pad1;
	__u64 pad2[14];
};

#define KVM_SET_USER_MEMORY_REGION2 \
	_IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif

#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT		39
#endif

/* Of Linux 6.11 */

#ifndef KVM_CAP_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY	236
#endif

#ifndef KVM_PRE_FAULT_MEMORY
struct kvm_pre_fault_memory {
	__u64 gpa;
	__u64 size;
	__u64 flags;
	__u64 padding[5];
};

#define KVM_PRE_FAULT_MEMORY \
	_IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

/**
 * struct vhost_grant_kvm_fault - memory_fault of struct kvm_run
 * @flags: of %KVM_MEMORY_EXIT_FLAG_GRANT and the flags that follow it
 * @gpa: address of the page, for the guest
 * @size: of the page
 *
 * For headers older than Linux 6.8, which lack this member of the union. There
 * it can be copied from @padding of struct kvm_run, which begins at the same
 * place.
 */
struct vhost_grant_kvm_fault {
	__u64 flags;
	__u64 gpa;
	__u64 size;
};

#endif /* _UAPI_LINUX_VHOST_GRANT_KVM_H */
