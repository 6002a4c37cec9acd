// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots that are backed by a window of vhost_grant.
 *
 * Such a slot has no host address. A fault of the guest asks the window what is
 * granted at this moment, and maps exactly that; KVM itself never touches the
 * memory. A revoke calls back, and returns when the guest has lost the pages.
 *
 * The slot refers to a binding, the binding to the file of the window. The window
 * knows the binding, for its callbacks, but holds neither the VM nor the slot,
 * so there is no cycle: the binding goes with the slot.
 *
 * Why no fault can outlive a revoke: the window takes a page out of its table
 * before it calls back, and the callback raises mmu_invalidate_seq with mmu_lock
 * held. A fault reads the sequence, then the table, and installs with mmu_lock
 * held only if the sequence has not moved. So it is either zapped by the
 * callback, or sees the sequence, or sees the hole.
 *
 * Locks, outermost first: kvm->slots_lock, the window's lock of its bindings,
 * kvm->srcu, kvm->mmu_lock. And kvm->srcu, the lock of the window's table.
 */
#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/version.h>
#include <linux/vhost_grant.h>

#include "kvm_mm.h"
#include "vhostpci_mmu.h"

/**
 * struct kvm_vhost_grant - What a slot has instead of a host address
 * @binding: to the window
 * @ops: of vhost_grant
 * @window: the window
 * @file: of the window, held
 * @kvm: the VM of the slot
 * @base_gfn: first frame of the slot
 * @as_id: its address space
 * @id: its number in that
 * @max_order: of pages that are aligned alike in guest and window
 */
struct kvm_vhost_grant {
	struct vhost_grant_binding binding;
	const struct vhost_grant_kvm_ops *ops;
	struct vhost_grant_window *window;
	struct file *file;
	struct kvm *kvm;
	gfn_t base_gfn;
	u16 as_id;
	short id;
	unsigned int max_order;
};

/* Renamed between 6.12 and 7.3 */
static void kvm_vhost_grant_invalidate_start(struct kvm *kvm)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	kvm_mmu_invalidate_begin(kvm);
#else
	kvm_mmu_invalidate_start(kvm);
#endif
}

/*
 * The slot as vCPUs see it, with kvm->srcu held. While a slot is being deleted
 * that is a copy, and what the MMU needs to zap may have been given to the copy
 * alone. NULL if vCPUs do not see it yet, or not any more: then nothing is mapped.
 */
static struct kvm_memory_slot *
kvm_vhost_grant_slot(const struct kvm_vhost_grant *grant)
{
	return id_to_memslot(__kvm_memslots(grant->kvm, grant->as_id),
			     grant->id);
}

static gfn_t kvm_vhost_grant_gfn(const struct kvm_vhost_grant *grant,
				 pgoff_t index)
{
	return grant->base_gfn + (index - grant->binding.range.start);
}

static bool kvm_vhost_grant_zap(struct kvm_vhost_grant *grant,
				const struct vhost_grant_range *range)
{
	struct kvm_gfn_range gfn_range = {
		.slot = kvm_vhost_grant_slot(grant),
		.start = kvm_vhost_grant_gfn(grant, range->start),
		.end = kvm_vhost_grant_gfn(grant, range->end),
		.may_block = true,
	};

	return gfn_range.slot && kvm_mmu_unmap_gfn_range(grant->kvm, &gfn_range);
}

/*
 * What is zapped is flushed at the end, though zapping the next range may drop
 * mmu_lock: until the invalidation ends no vCPU maps anything between the ranges,
 * and whoever else finds the leaves gone does not depend on their being flushed.
 */
static void kvm_vhost_grant_zap_all(struct kvm_vhost_grant *grant,
				    const struct vhost_grant_range *ranges,
				    unsigned int nr)
{
	struct kvm *kvm = grant->kvm;
	bool flush = false;
	unsigned int i;

	kvm_vhost_grant_invalidate_start(kvm);
	/* KVM wants to see a range of each, also if there is no slot to zap. */
	kvm_mmu_invalidate_range_add(kvm, kvm_vhost_grant_gfn(grant, ranges[0].start),
				     kvm_vhost_grant_gfn(grant, ranges[nr - 1].end));
	for (i = 0; i < nr; i++)
		flush |= kvm_vhost_grant_zap(grant, &ranges[i]);
	if (flush)
		kvm_flush_remote_tlbs(kvm);
	kvm_mmu_invalidate_end(kvm);
}

/*
 * Called by the window, for all ranges of a revoke.
 *
 * If the slot is not to be seen yet, no fault can have looked up what the revoke
 * has taken out of the window's table: it would have seen the slot first, and
 * the lock of the table makes that known here.
 *
 * An SEV guest may have left encrypted cache lines behind, which would be
 * written back over what the owner puts there; the architecture flushes them,
 * as it does when an MMU notifier takes memory away.
 */
static void kvm_vhost_grant_invalidate(struct vhost_grant_binding *binding,
				       const struct vhost_grant_range *ranges,
				       unsigned int nr)
{
	struct kvm_vhost_grant *grant =
		container_of(binding, struct kvm_vhost_grant, binding);
	struct kvm *kvm = grant->kvm;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	if (kvm_vhost_grant_slot(grant)) {
		KVM_MMU_LOCK(kvm);
		kvm_vhost_grant_zap_all(grant, ranges, nr);
		KVM_MMU_UNLOCK(kvm);
		kvm_arch_guest_memory_reclaimed(kvm);
	}
	srcu_read_unlock(&kvm->srcu, idx);
}

static const struct vhost_grant_binding_ops kvm_vhost_grant_ops = {
	.invalidate = kvm_vhost_grant_invalidate,
};

/**
 * kvm_vhost_grant_check_region() - Check what user space asks of a new slot
 * @mem: with KVM_MEM_VHOST_GRANT, and flags that are valid together
 *
 * Return: 0 or -EINVAL.
 */
int kvm_vhost_grant_check_region(const struct kvm_userspace_memory_region2 *mem)
{
	if (!(mem->flags & KVM_MEM_VHOST_GRANT))
		return 0;
	if (mem->userspace_addr || !PAGE_ALIGNED(mem->guest_memfd_offset))
		return -EINVAL;
	return 0;
}

/* The file keeps vhost_grant loaded; until there is one the symbol does. */
static int kvm_vhost_grant_take_file(struct kvm_vhost_grant *grant,
				     struct file *file, u64 length)
{
	const struct vhost_grant_kvm_ops *(*get)(void);
	pgoff_t npages;

	get = symbol_get(vhost_grant_kvm_ops_get);
	if (!get)
		return -ENODEV;
	grant->ops = get();
	grant->window = grant->ops->window_from_file(file, &npages);
	symbol_put(vhost_grant_kvm_ops_get);
	if (IS_ERR(grant->window))
		return PTR_ERR(grant->window);
	grant->file = file;
	return length > (u64)npages << PAGE_SHIFT ? -ERANGE : 0;
}

static int kvm_vhost_grant_open(struct kvm_vhost_grant *grant,
				const struct kvm_userspace_memory_region2 *mem)
{
	struct file *file;
	u64 end;
	int ret;

	if (check_add_overflow(mem->guest_memfd_offset, mem->memory_size, &end))
		return -ERANGE;
	file = fget(mem->guest_memfd);
	if (!file)
		return -EBADF;
	ret = kvm_vhost_grant_take_file(grant, file, end);
	if (ret)
		fput(file);
	return ret;
}

/*
 * An address that is none to every user of host addresses, for it is one of the
 * kernel, and that an MMU notifier names only if it means everything. The low bits
 * are those of the offset in the window: KVM looks at them to find out where huge
 * pages fit.
 */
static unsigned long kvm_vhost_grant_address(pgoff_t start)
{
	return KVM_HVA_ERR_BAD + PUD_SIZE + ((start << PAGE_SHIFT) & ~PUD_MASK);
}

static void kvm_vhost_grant_init(struct kvm_vhost_grant *grant, struct kvm *kvm,
				 const struct kvm_memory_slot *slot, u64 offset)
{
	pgoff_t start = offset >> PAGE_SHIFT;

	grant->kvm = kvm;
	grant->base_gfn = slot->base_gfn;
	grant->as_id = slot->as_id;
	grant->id = slot->id;
	grant->binding.ops = &kvm_vhost_grant_ops;
	grant->binding.range.start = start;
	grant->binding.range.end = start + slot->npages;
	grant->max_order = __ffs((start ^ slot->base_gfn) |
				 BIT(PUD_SHIFT - PAGE_SHIFT));
}

/**
 * kvm_vhost_grant_prepare() - Give a window to a slot that is being made
 * @kvm: the VM, slots_lock held
 * @slot: the slot, not in use yet. Other slots are left as they are
 * @mem: what user space asked for, checked
 *
 * Return: 0, -EBADF, -EINVAL (not a window), -ENODEV (vhost_grant is not loaded),
 * -ERANGE (past the end of the window), -ENOSPC (the window has too many
 * bindings), -ENOMEM.
 */
int kvm_vhost_grant_prepare(struct kvm *kvm, struct kvm_memory_slot *slot,
			    const struct kvm_userspace_memory_region2 *mem)
{
	struct kvm_vhost_grant *grant;
	int ret;

	if (!kvm_slot_is_vhost_grant(slot))
		return 0;
	grant = kzalloc(sizeof(*grant), GFP_KERNEL_ACCOUNT);
	if (!grant)
		return -ENOMEM;
	ret = kvm_vhost_grant_open(grant, mem);
	if (ret)
		goto err_free;
	kvm_vhost_grant_init(grant, kvm, slot, mem->guest_memfd_offset);
	ret = grant->ops->bind(grant->window, &grant->binding);
	if (ret)
		goto err_fput;

	slot->vhost_grant = grant;
	slot->userspace_addr = kvm_vhost_grant_address(grant->binding.range.start);
	return 0;

err_fput:
	fput(grant->file);
err_free:
	kfree(grant);
	return ret;
}

/**
 * kvm_vhost_grant_release() - Let go of the window of a slot
 * @slot: of which nothing is mapped any more
 *
 * Waits for a callback that is running. Does nothing the second time.
 */
void kvm_vhost_grant_release(struct kvm_memory_slot *slot)
{
	struct kvm_vhost_grant *grant;

	if (!kvm_slot_is_vhost_grant(slot) || !slot->vhost_grant)
		return;
	grant = slot->vhost_grant;
	slot->vhost_grant = NULL;
	grant->ops->unbind(grant->window, &grant->binding);
	fput(grant->file);
	kfree(grant);
}

/**
 * kvm_vhost_grant_release_all() - Let go of the windows of all slots
 * @kvm: a VM that is being destroyed, with everything zapped
 *
 * Its slots are freed later, when a callback would find the MMU in no state to
 * be called.
 */
void kvm_vhost_grant_release_all(struct kvm *kvm)
{
	struct kvm_memory_slot *slot;
	int i, bkt;

	for (i = 0; i < kvm_arch_nr_memslot_as_ids(kvm); i++)
		kvm_for_each_memslot(slot, bkt, __kvm_memslots(kvm, i))
			kvm_vhost_grant_release(slot);
}

static u32 kvm_vhost_grant_access(const struct kvm_vhost_grant_fault *fault)
{
	if (fault->prefault)
		return 0;
	return fault->write ? VHOST_GRANT_WRITE : VHOST_GRANT_READ;
}

/* Tells the VMM of an access that was refused. */
static void kvm_vhost_grant_exit(struct kvm_vcpu *vcpu,
				 const struct kvm_vhost_grant_fault *fault,
				 bool readonly)
{
	u64 flags = KVM_MEMORY_EXIT_FLAG_GRANT;

	if (fault->write)
		flags |= KVM_MEMORY_EXIT_FLAG_WRITE;
	if (fault->exec)
		flags |= KVM_MEMORY_EXIT_FLAG_EXEC;
	if (readonly)
		flags |= KVM_MEMORY_EXIT_FLAG_RDONLY;
	kvm_prepare_memory_fault_exit(vcpu, gfn_to_gpa(fault->gfn), PAGE_SIZE,
				      fault->write, fault->exec, false);
	vcpu->run->memory_fault.flags |= flags;
}

/**
 * kvm_vhost_grant_fault() - Find out what to map
 * @vcpu: that faults, kvm->srcu held
 * @slot: the slot
 * @fault: the page; with what to map if 0 is returned. The caller puts the
 *	page's reference
 *
 * The answer may be stale as soon as it is given: the caller has read
 * mmu_invalidate_seq before and compares it before it maps anything.
 *
 * Return: 0; -ENOENT if a page cannot be mapped in advance; -EFAULT if the access
 * is refused, and the VMM is to be told, as is prepared; -EREMOTEIO if it is
 * refused, and to be emulated as one to a device (KVM_MEM_VHOST_GRANT_MMIO).
 */
int kvm_vhost_grant_fault(struct kvm_vcpu *vcpu, struct kvm_memory_slot *slot,
			  struct kvm_vhost_grant_fault *fault)
{
	struct kvm_vhost_grant *grant = slot->vhost_grant;
	struct vhost_grant_page page;
	pgoff_t index;
	int ret;

	/* The copy of a slot that is being deleted has none, and no faults. */
	if (WARN_ON_ONCE(!grant))
		return -EFAULT;
	index = grant->binding.range.start + (fault->gfn - grant->base_gfn);
	page.order = grant->max_order;
	ret = grant->ops->get_page(grant->window, index,
				   kvm_vhost_grant_access(fault), &page);
	if (!ret) {
		fault->page = page.page;
		fault->order = page.order;
		fault->writable = page.writable;
		return 0;
	}
	if (fault->prefault)
		return -ENOENT;
	if (slot->flags & KVM_MEM_VHOST_GRANT_MMIO)
		return -EREMOTEIO;
	kvm_vhost_grant_exit(vcpu, fault, ret == -EACCES);
	return -EFAULT;
}
