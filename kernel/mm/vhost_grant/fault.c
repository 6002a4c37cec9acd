// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer's mapping of a window.
 *
 * Page tables get special entries only, so that nothing but this file and a
 * revoke decides what they hold: pages cannot be pinned, copied by fork, moved
 * by mremap or read by ptrace through them.
 */
#include <linux/mm.h>
#include <linux/page_table_check.h>
#include <linux/pgalloc.h>
#include <linux/userfaultfd_k.h>

#include <trace/events/vhost_grant.h>

#include "internal.h"

static u32 vg_fault_access(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_WRITE ? VHOST_GRANT_WRITE :
					       VHOST_GRANT_READ;
}

/*
 * Puts in place the page table that __do_fault() has allocated, so that nothing
 * is allocated under table_lock: a peer can make that take as long as it likes,
 * by the limits of its memory cgroup. It is done under table_lock because
 * vmf_insert_pfn_pmd() must not meet it; see pmd_install() for the barrier.
 */
static void vg_populate(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	spinlock_t *ptl = pmd_lock(mm, vmf->pmd);

	if (pmd_none(*vmf->pmd)) {
		mm_inc_nr_ptes(mm);
		smp_wmb(); /* The table is clear before it can be seen. */
		pmd_populate(mm, vmf->pmd, vmf->prealloc_pte);
		vmf->prealloc_pte = NULL;
	}
	spin_unlock(ptl);
}

/* Not if another thread has put a huge entry there meanwhile: try again. */
static bool vg_has_page_table(struct vm_fault *vmf)
{
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);

	if (!pmd_none(pmd))
		return !pmd_leaf(pmd);
	if (!vmf->prealloc_pte)
		return false;
	vg_populate(vmf);
	return true;
}

/*
 * A page that may be written is mapped writable at once, also for a read: KVM
 * takes what it finds in the page table for the permission. As there is a
 * pfn_mkwrite, vm_page_prot is never writable and cannot be used.
 */
static vm_fault_t vg_insert(struct vm_fault *vmf, struct page *page,
			    bool writable)
{
	unsigned long flags = vmf->vma->vm_flags;

	if (!vg_has_page_table(vmf))
		return VM_FAULT_NOPAGE;
	if (!writable)
		flags &= ~VM_WRITE;
	return vmf_insert_pfn_prot(vmf->vma, vmf->address & PAGE_MASK,
				   page_to_pfn(page), vm_get_page_prot(flags));
}

/*
 * The only way a small granted page gets into a page table: what is not marked
 * as touched will not be zapped by its revoke.
 */
static vm_fault_t vg_insert_granted(struct vhost_grant_window *w, struct vm_fault *vmf,
				    const struct vg_found *f)
{
	vg_touch(w, f);
	return vg_insert(vmf, f->page, f->writable);
}

static vm_fault_t vg_fault_hole(struct vhost_grant_window *w, struct vm_fault *vmf)
{
	struct page *scratch = vg_hole_page(w);

	vg_event_violation(w, vmf->pgoff, vg_fault_access(vmf), false);
	return scratch ? vg_insert(vmf, scratch, true) : VM_FAULT_SIGBUS;
}

/*
 * A write to a read-only grant, if the scratch page does not take it, maps it
 * read-only: the retry then ends in pfn_mkwrite, and KVM, which does not retry,
 * always finds a page table entry to tell it why. The user's own access is
 * counted there, KVM's here.
 */
static vm_fault_t vg_fault_granted(struct vhost_grant_window *w, struct vm_fault *vmf,
				   const struct vg_found *f)
{
	bool readonly = (vmf->flags & FAULT_FLAG_WRITE) && !f->writable;
	struct page *scratch = readonly ? vg_hole_page_for(w, f) : NULL;

	if (scratch || (readonly && !(vmf->flags & FAULT_FLAG_USER)))
		vg_event_violation(w, vmf->pgoff, VHOST_GRANT_WRITE, true);
	if (scratch)
		return vg_insert(vmf, scratch, true);
	atomic64_inc(&w->faults);
	return vg_insert_granted(w, vmf, f);
}

static void vg_fault_trace(struct vhost_grant_window *w, struct vm_fault *vmf,
			   unsigned int order, vm_fault_t ret)
{
	trace_vhost_grant_fault(w->space->id, w->id,
				(u64)vmf->pgoff << PAGE_SHIFT,
				vg_fault_access(vmf), order, (__force int)ret);
}

/*
 * With userfaultfd write protection, a page table may hold a marker where
 * nothing can be inserted, and a system call of the peer would fault there for
 * ever.
 */
static bool vg_vma_is_refused(struct vm_area_struct *vma)
{
	return userfaultfd_wp(vma);
}

static vm_fault_t vg_fault(struct vm_fault *vmf)
{
	struct vhost_grant_window *w = vmf->vma->vm_private_data;
	struct vg_found f;
	vm_fault_t ret;

	if (vg_vma_is_refused(vmf->vma))
		return VM_FAULT_SIGBUS;
	down_read(&w->table_lock);
	if (vg_table_lookup(w, vmf->pgoff, &f))
		ret = vg_fault_granted(w, vmf, &f);
	else
		ret = vg_fault_hole(w, vmf);
	up_read(&w->table_lock);
	vg_fault_trace(w, vmf, 0, ret);
	return ret;
}

static vm_fault_t vg_mkwrite_scratch(struct vm_fault *vmf, struct page *scratch)
{
	vg_compat_zap_page(vmf);
	return vg_insert(vmf, scratch, true);
}

/* A hole here is a revoke on its way: let the access find out. */
static vm_fault_t vg_mkwrite_hole(struct vhost_grant_window *w, struct vm_fault *vmf)
{
	struct page *scratch = vg_hole_page(w);

	return scratch ? vg_mkwrite_scratch(vmf, scratch) : VM_FAULT_NOPAGE;
}

static vm_fault_t vg_mkwrite_readonly(struct vhost_grant_window *w, struct vm_fault *vmf,
				      const struct vg_found *f)
{
	struct page *scratch = vg_hole_page_for(w, f);

	vg_event_violation(w, vmf->pgoff, VHOST_GRANT_WRITE, true);
	return scratch ? vg_mkwrite_scratch(vmf, scratch) : VM_FAULT_SIGBUS;
}

/*
 * The page that was found read-only may have been revoked since, and another
 * one granted. The upgrade is made here, under the lock: to let the caller do
 * it would leave a moment in which that happens again.
 */
static vm_fault_t vg_mkwrite_granted(struct vhost_grant_window *w, struct vm_fault *vmf,
				     const struct vg_found *f)
{
	if (!f->writable)
		return vg_mkwrite_readonly(w, vmf, f);
	vg_compat_zap_page(vmf);
	return vg_insert_granted(w, vmf, f);
}

static vm_fault_t vg_pfn_mkwrite(struct vm_fault *vmf)
{
	struct vhost_grant_window *w = vmf->vma->vm_private_data;
	struct vg_found f;
	vm_fault_t ret;

	if (vg_vma_is_refused(vmf->vma))
		return VM_FAULT_SIGBUS;
	down_read(&w->table_lock);
	if (vg_table_lookup(w, vmf->pgoff, &f))
		ret = vg_mkwrite_granted(w, vmf, &f);
	else
		ret = vg_mkwrite_hole(w, vmf);
	up_read(&w->table_lock);
	vg_fault_trace(w, vmf, 0, ret);
	return ret;
}

/*
 * With userfaultfd write protection, page tables may appear without our lock,
 * and inserting over one is a warning: such mappings are refused.
 */
static bool vg_vma_takes_huge(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PMD_MASK;
	pgoff_t first = linear_page_index(vma, addr);

	return addr >= vma->vm_start && addr + PMD_SIZE <= vma->vm_end &&
	       IS_ALIGNED(first, VG_BLOCK_PAGES) && !vg_vma_is_refused(vma);
}

/*
 * PAGE_TABLE_CHECK knows special PTEs, but takes a special PMD for a second
 * writable mapping of the owner's anonymous memory, and stops the machine.
 */
static bool vg_page_takes_huge(struct page *page)
{
#ifdef CONFIG_PAGE_TABLE_CHECK
	if (PageAnon(page) && !static_branch_likely(&page_table_check_disabled))
		return false;
#endif
	return true;
}

static bool vg_pmd_takes_huge(struct vm_fault *vmf, struct page *page)
{
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);

	return pmd_none(pmd) ||
	       (pmd_leaf(pmd) && pmd_pfn(pmd) == page_to_pfn(page));
}

static vm_fault_t vg_insert_huge(struct vhost_grant_window *w, struct vm_fault *vmf,
				 struct vg_entry *e)
{
	bool write = e->writable && (vmf->vma->vm_flags & VM_WRITE);
	struct page *head = e->huge->head;

	if (!vg_page_takes_huge(head) || !vg_pmd_takes_huge(vmf, head))
		return VM_FAULT_FALLBACK;
	vg_touch_huge(w, e);
	atomic64_inc(&w->faults);
	return vg_compat_insert_pmd(vmf, head, write);
}

/*
 * Exclusive, because vmf_insert_pfn_pmd() must not meet a page table that a
 * fault for a small page puts there. A write to a read-only grant is left to
 * the small pages, which know what to do.
 */
static vm_fault_t vg_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vhost_grant_window *w = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_FALLBACK;
	struct vg_entry *e;

	if (order != VG_BLOCK_ORDER || !vg_vma_takes_huge(vmf) ||
	    RB_EMPTY_ROOT(&w->huge))
		return VM_FAULT_FALLBACK;

	down_write(&w->table_lock);
	e = vg_table_lookup_huge(w, vmf->pgoff);
	if (e && (e->writable || !(vmf->flags & FAULT_FLAG_WRITE)))
		ret = vg_insert_huge(w, vmf, e);
	up_write(&w->table_lock);
	if (ret != VM_FAULT_FALLBACK)
		vg_fault_trace(w, vmf, order, ret);
	return ret;
}

static void vg_vma_open(struct vm_area_struct *vma)
{
	struct vhost_grant_window *w = vma->vm_private_data;

	atomic_inc(&w->nr_vmas);
}

static void vg_vma_close(struct vm_area_struct *vma)
{
	struct vhost_grant_window *w = vma->vm_private_data;

	atomic_dec(&w->nr_vmas);
}

/*
 * A revoke walks all mappings, so their number is limited. Splits that race can
 * exceed the limit by one for each process that has a mapping.
 */
static int vg_vma_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	struct vhost_grant_window *w = vma->vm_private_data;

	return atomic_read(&w->nr_vmas) < VG_MAX_VMAS ? 0 : -ENOSPC;
}

static int vg_vma_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

static const struct vm_operations_struct vg_vm_ops = {
	.open = vg_vma_open,
	.close = vg_vma_close,
	.may_split = vg_vma_may_split,
	.mremap = vg_vma_mremap,
	.fault = vg_fault,
	.huge_fault = vg_huge_fault,
	.pfn_mkwrite = vg_pfn_mkwrite,
};

static int vg_mmap_check(struct vhost_grant_window *w, struct vm_area_struct *vma)
{
	if (w->flags & VHOST_GRANT_WINDOW_KVM_ONLY)
		return -ENODEV;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EACCES;
	if (vma->vm_pgoff > w->npages ||
	    vma_pages(vma) > w->npages - vma->vm_pgoff)
		return -EINVAL;
	return 0;
}

/*
 * Writable whatever is granted: back-ends map read-write even what they may
 * only read. VM_HUGEPAGE, because the owner's pages decide about huge entries,
 * not the host's THP setting.
 */
int vg_window_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vhost_grant_window *w = file->private_data;
	int ret;

	ret = vg_mmap_check(w, vma);
	if (ret)
		return ret;
	if (atomic_inc_return(&w->nr_vmas) > VG_MAX_VMAS) {
		atomic_dec(&w->nr_vmas);
		return -ENOSPC;
	}
	vm_flags_mod(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP |
			  VM_DONTCOPY | VM_HUGEPAGE, VM_MAYEXEC);
	vma->vm_private_data = w;
	vma->vm_ops = &vg_vm_ops;
	return 0;
}
