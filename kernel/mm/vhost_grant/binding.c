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

static int vg_bind(struct vhost_grant_window *w, struct vhost_grant_binding *b)
{
	int ret = 0;

	if (b->range.start >= b->range.end || b->range.end > w->npages)
		return -ERANGE;
	down_write(&w->bindings_lock);
	if (w->nr_bindings < VG_MAX_BINDINGS) {
		list_add(&b->node, &w->bindings);
		WRITE_ONCE(w->nr_bindings, w->nr_bindings + 1);
	} else {
		ret = -ENOSPC;
	}
	up_write(&w->bindings_lock);
	return ret;
}

/* The lock waits for callbacks that are running. */
static void vg_unbind(struct vhost_grant_window *w,
		      struct vhost_grant_binding *b)
{
	down_write(&w->bindings_lock);
	list_del(&b->node);
	WRITE_ONCE(w->nr_bindings, w->nr_bindings - 1);
	up_write(&w->bindings_lock);
}

static void vg_give_granted(struct vhost_grant_window *w, const struct vg_found *f,
			    struct vhost_grant_page *out)
{
	struct vg_entry *e = f->entry;

	out->page = f->page;
	out->writable = f->writable;
	out->order = 0;
	if (e->is_huge && e->live == VG_BLOCK_PAGES) {
		out->order = VG_BLOCK_ORDER;
		vg_touch_huge(w, e);
	} else {
		vg_touch(w, f);
	}
	atomic64_inc(&w->faults);
}

static int vg_give_hole(struct vhost_grant_window *w, pgoff_t index, u32 access,
			struct vhost_grant_page *out)
{
	struct page *scratch = vg_hole_page(w);

	vg_event_violation(w, index, access, false);
	if (!scratch)
		return -ENOENT;
	*out = (struct vhost_grant_page) { .page = scratch, .writable = true };
	return 0;
}

static int vg_give_page(struct vhost_grant_window *w, pgoff_t index, bool write,
			struct vhost_grant_page *out)
{
	u32 access = write ? VHOST_GRANT_WRITE : VHOST_GRANT_READ;
	struct vg_found f;

	if (!vg_table_lookup(w, index, &f))
		return vg_give_hole(w, index, access, out);
	if (write && !f.writable) {
		vg_event_violation(w, index, access, true);
		return -EACCES;
	}
	vg_give_granted(w, &f, out);
	return 0;
}

static int vg_get_page(struct vhost_grant_window *w, pgoff_t index, bool write,
		       struct vhost_grant_page *out)
{
	int ret;

	if (index >= w->npages)
		return -ERANGE;
	down_read(&w->table_lock);
	ret = vg_give_page(w, index, write, out);
	if (!ret)
		get_page(out->page);
	up_read(&w->table_lock);
	trace_vhost_grant_fault(w->space->id, w->id, (u64)index << PAGE_SHIFT,
				write ? VHOST_GRANT_WRITE : VHOST_GRANT_READ,
				ret ? 0 : out->order, ret);
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
