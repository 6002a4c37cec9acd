/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that the module is built for.
 */
#ifndef _MM_VHOST_GRANT_COMPAT_H
#define _MM_VHOST_GRANT_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#endif

/*
 * Before 6.13 KVM took a reference to each page that it mapped from an mmapped
 * memslot (virt/kvm/kvm_main.c, kvm_try_get_pfn()), which a tail page refuses.
 */
#define VG_KVM_MAPS_HUGE	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0))

/*
 * Went away in 6.18, when the pages of a folio became contiguous in the memory
 * map of every configuration.
 */
#ifndef nth_page
#define nth_page(page, n)	((page) + (n))
#endif

/* pfn_t went away in 6.17. */
static inline vm_fault_t vg_compat_insert_pmd(struct vm_fault *vmf,
					      struct page *page, bool write)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	return vmf_insert_pfn_pmd(vmf, page_to_pfn_t(page), write);
#else
	return vmf_insert_pfn_pmd(vmf, page_to_pfn(page), write);
#endif
}

/* zap_vma_ptes() got a name that says which mappings it is for in 7.1. */
static inline void vg_compat_zap_page(struct vm_fault *vmf)
{
	unsigned long addr = vmf->address & PAGE_MASK;

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
	zap_vma_ptes(vmf->vma, addr, PAGE_SIZE);
#else
	zap_special_vma_range(vmf->vma, addr, PAGE_SIZE);
#endif
}

#endif /* _MM_VHOST_GRANT_COMPAT_H */
