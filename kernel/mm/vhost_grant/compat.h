/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that the module is built for.
 */
#ifndef _MM_VHOST_GRANT_COMPAT_H
#define _MM_VHOST_GRANT_COMPAT_H

#include <linux/version.h>

/*
 * Before 6.13 KVM took a reference to each page that it mapped from an mmapped
 * memslot (virt/kvm/kvm_main.c, kvm_try_get_pfn()), which a tail page refuses.
 */
#define VG_KVM_MAPS_HUGE	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0))

#endif /* _MM_VHOST_GRANT_COMPAT_H */
