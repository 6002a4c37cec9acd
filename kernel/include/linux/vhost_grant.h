/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In-kernel interface of vhost_grant: what KVM needs to back a memslot with a
 * window. KVM takes it with symbol_get(vhost_grant_kvm_ops_get); the window's
 * file, which the memslot holds, keeps the module loaded after that.
 */
#ifndef _LINUX_VHOST_GRANT_H
#define _LINUX_VHOST_GRANT_H

#include <linux/list.h>
#include <linux/types.h>
#include <uapi/linux/vhost_grant.h>

struct file;
struct page;
struct vhost_grant_window;
struct vhost_grant_binding;

/**
 * struct vhost_grant_range - Pages of a window
 * @start: index of the first page
 * @end: index after the last page
 */
struct vhost_grant_range {
	pgoff_t start;
	pgoff_t end;
};

/**
 * struct vhost_grant_binding_ops - What the user of a window provides
 * @invalidate: forget every translation of the @nr ranges, which are sorted and
 *	do not touch, and flush once, before it returns. Later lookups must
 *	see the table as it is then; a lookup that began earlier must not be
 *	installed any more (KVM: mmu_invalidate_seq). May sleep, must neither
 *	allocate nor fail, must not call back into this interface, must not
 *	take a lock that is held around bind() or unbind()
 */
struct vhost_grant_binding_ops {
	void (*invalidate)(struct vhost_grant_binding *binding,
			   const struct vhost_grant_range *ranges,
			   unsigned int nr);
};

/**
 * struct vhost_grant_binding - One user of a part of a window
 * @ops: set by the user before bind()
 * @range: pages of the window that the user translates, set before bind()
 * @node: of the window's list
 */
struct vhost_grant_binding {
	const struct vhost_grant_binding_ops *ops;
	struct vhost_grant_range range;
	struct list_head node;
};

/**
 * struct vhost_grant_page - A page that a window grants
 * @page: the page at the index that was asked for, or the scratch page
 * @order: largest power of two of pages, aligned in window and memory, that is
 *	granted as one around @page with the same access, but not more than
 *	it was before the call: the largest that the caller can use
 * @writable: whether it may be written
 */
struct vhost_grant_page {
	struct page *page;
	unsigned int order;
	bool writable;
};

/**
 * struct vhost_grant_kvm_ops - The interface
 * @window_from_file: the window behind @file and its size in pages, or
 *	ERR_PTR(-EINVAL) if @file is not a window. Valid as long as the caller
 *	holds @file
 * @bind: from now on tell @binding of every revoke. 0, -ERANGE if its range is
 *	not within the window, -ENOSPC if the window has too many. May sleep
 * @unbind: the callback is not running any more and will not be called again
 * @get_page: look up page @index for @access (bits of enum
 *	vhost_grant_access) and take a reference to it, which the caller puts
 *	(put_page) once its translation is installed or dropped. 0, -ENOENT
 *	for a hole, -EACCES for a write to a read-only grant, -ERANGE. What is
 *	refused is a violation, of which the owner is told, unless @access is 0:
 *	nobody has tried anything, the caller prepares. The reference keeps the
 *	page from being reused, it does not keep it granted. May sleep.
 *	A window may show its scratch page instead of refusing. Then a lookup can
 *	find another page than an earlier one without an invalidate in between:
 *	for a write after a read, and because holes come, and go, before the
 *	binding is told. Whoever installs it has to replace what is there
 */
struct vhost_grant_kvm_ops {
	struct vhost_grant_window *(*window_from_file)(struct file *file,
						       pgoff_t *npages);
	int (*bind)(struct vhost_grant_window *window,
		    struct vhost_grant_binding *binding);
	void (*unbind)(struct vhost_grant_window *window,
		       struct vhost_grant_binding *binding);
	int (*get_page)(struct vhost_grant_window *window, pgoff_t index,
			u32 access, struct vhost_grant_page *page);
};

const struct vhost_grant_kvm_ops *vhost_grant_kvm_ops_get(void);

#endif /* _LINUX_VHOST_GRANT_H */
