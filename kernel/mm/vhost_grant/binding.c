// SPDX-License-Identifier: GPL-2.0-only
/*
 * The in-kernel interface: a window as the backing of KVM memslots.
 */
#include <linux/export.h>
#include <linux/mm.h>

#include <trace/events/vhost_grant.h>

#include "internal.h"

/* Drops the ranges before and after those that overlap a binding. */
static unsigned int vg_ranges_select(const struct vhost_grant_range *in,
				     struct vhost_grant_range **ranges,
				     unsigned int nr)
{
	while (nr && (*ranges)->end <= in->start) {
		++*ranges;
		nr--;
	}
	while (nr && (*ranges)[nr - 1].start >= in->end)
		nr--;
	return nr;
}

/* Clips the outer ranges for the call only: the array serves all bindings. */
static void vg_binding_invalidate(struct vhost_grant_binding *b,
				  struct vhost_grant_range *ranges,
				  unsigned int nr)
{
	pgoff_t start, end;

	nr = vg_ranges_select(&b->range, &ranges, nr);
	if (!nr)
		return;
	start = ranges[0].start;
	end = ranges[nr - 1].end;
	ranges[0].start = max(start, b->range.start);
	ranges[nr - 1].end = min(end, b->range.end);
	b->ops->invalidate(b, ranges, nr);
	ranges[0].start = start;
	ranges[nr - 1].end = end;
}

void vg_bindings_invalidate(struct vhost_grant_window *w,
			    struct vhost_grant_range *ranges, unsigned int nr)
{
	struct vhost_grant_binding *b;

	down_read(&w->bindings_lock);
	list_for_each_entry(b, &w->bindings, node)
		vg_binding_invalidate(b, ranges, nr);
	up_read(&w->bindings_lock);
}

static struct vhost_grant_window *vg_window_from_file(struct file *file,
						      pgoff_t *npages)
{
	struct vhost_grant_window *w = file->private_data;

	if (!vg_file_is_window(file))
		return ERR_PTR(-EINVAL);
	*npages = w->npages;
	return w;
}

/*
 * What is over the limit does not even wait for the lock: a revoke would wait
 * behind it.
 */
static int vg_bind(struct vhost_grant_window *w, struct vhost_grant_binding *b)
{
	if (b->range.start >= b->range.end || b->range.end > w->npages)
		return -ERANGE;
	if (!atomic_add_unless(&w->nr_bindings, 1, VG_MAX_BINDINGS))
		return -ENOSPC;
	down_write(&w->bindings_lock);
	list_add(&b->node, &w->bindings);
	up_write(&w->bindings_lock);
	return 0;
}

/* The lock waits for callbacks that are running. */
static void vg_unbind(struct vhost_grant_window *w,
		      struct vhost_grant_binding *b)
{
	down_write(&w->bindings_lock);
	list_del(&b->node);
	up_write(&w->bindings_lock);
	atomic_dec(&w->nr_bindings);
}

/*
 * Touches all that is granted as one around a page. Returns its order, which is
 * not above @max.
 */
static unsigned int vg_touch_around(struct vhost_grant_window *w,
				    const struct vg_found *f, unsigned int max)
{
	struct vg_entry *e = f->entry;

	if (max < VG_BLOCK_ORDER || !vg_entry_is_whole(e)) {
		vg_touch(w, f);
		return 0;
	}
	if (max >= VG_GIANT_ORDER && vg_touch_giant(w, e))
		return VG_GIANT_ORDER;
	vg_touch_huge(w, e);
	return VG_BLOCK_ORDER;
}

static void vg_give_granted(struct vhost_grant_window *w, const struct vg_found *f,
			    struct vhost_grant_page *page)
{
	page->page = f->page;
	page->writable = f->writable;
	page->order = vg_touch_around(w, f, page->order);
	atomic64_inc(&w->faults);
}

static int vg_give_scratch(struct page *scratch, struct vhost_grant_page *page)
{
	*page = (struct vhost_grant_page) { .page = scratch, .writable = true };
	return 0;
}

static int vg_give_hole(struct vhost_grant_window *w, pgoff_t index, u32 access,
			struct vhost_grant_page *page)
{
	struct page *scratch = vg_hole_page(w);

	if (access)
		vg_event_violation(w, index, access, false);
	return scratch ? vg_give_scratch(scratch, page) : -ENOENT;
}

static int vg_give_readonly(struct vhost_grant_window *w, pgoff_t index, u32 access,
			    const struct vg_found *f, struct vhost_grant_page *page)
{
	struct page *scratch = vg_hole_page_for(w, f);

	vg_event_violation(w, index, access, true);
	return scratch ? vg_give_scratch(scratch, page) : -EACCES;
}

static int vg_give_page(struct vhost_grant_window *w, pgoff_t index, u32 access,
			struct vhost_grant_page *page)
{
	struct vg_found f;

	if (!vg_table_lookup(w, index, &f))
		return vg_give_hole(w, index, access, page);
	if ((access & VHOST_GRANT_WRITE) && !f.writable)
		return vg_give_readonly(w, index, access, &f, page);
	vg_give_granted(w, &f, page);
	return 0;
}

static int vg_get_page(struct vhost_grant_window *w, pgoff_t index, u32 access,
		       struct vhost_grant_page *page)
{
	int ret;

	if (index >= w->npages)
		return -ERANGE;
	down_read(&w->table_lock);
	ret = vg_give_page(w, index, access, page);
	if (!ret)
		get_page(page->page);
	up_read(&w->table_lock);
	trace_vhost_grant_fault(w->space->id, w->id, (u64)index << PAGE_SHIFT,
				access, ret ? 0 : page->order, ret);
	return ret;
}

static const struct vhost_grant_kvm_ops vg_kvm_ops = {
	.window_from_file = vg_window_from_file,
	.bind = vg_bind,
	.unbind = vg_unbind,
	.get_page = vg_get_page,
};

/**
 * vhost_grant_kvm_ops_get() - The interface for KVM
 *
 * Return: functions, valid as long as the module is loaded.
 */
const struct vhost_grant_kvm_ops *vhost_grant_kvm_ops_get(void)
{
	return &vg_kvm_ops;
}
EXPORT_SYMBOL_GPL(vhost_grant_kvm_ops_get);
