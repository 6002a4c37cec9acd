/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memslots that are backed by a window of vhost_grant: how kvm_main.c makes and
 * frees them. What page fault handlers need is in linux/kvm_host.h.
 */
#ifndef __KVM_VHOSTPCI_MMU_H__
#define __KVM_VHOSTPCI_MMU_H__

#include <linux/kvm_host.h>

#ifdef CONFIG_KVM_VHOST_GRANT
int kvm_vhost_grant_check_region(const struct kvm_userspace_memory_region2 *mem);
int kvm_vhost_grant_prepare(struct kvm *kvm, struct kvm_memory_slot *slot,
			    const struct kvm_userspace_memory_region2 *mem);
void kvm_vhost_grant_release(struct kvm_memory_slot *slot);
void kvm_vhost_grant_release_all(struct kvm *kvm);
#else
static inline int
kvm_vhost_grant_check_region(const struct kvm_userspace_memory_region2 *mem)
{
	return 0;
}

static inline int
kvm_vhost_grant_prepare(struct kvm *kvm, struct kvm_memory_slot *slot,
			const struct kvm_userspace_memory_region2 *mem)
{
	return 0;
}

static inline void kvm_vhost_grant_release(struct kvm_memory_slot *slot) {}
static inline void kvm_vhost_grant_release_all(struct kvm *kvm) {}
#endif /* CONFIG_KVM_VHOST_GRANT */

#endif /* __KVM_VHOSTPCI_MMU_H__ */
