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

#endif /* _MM_VHOST_GRANT_COMPAT_H */
