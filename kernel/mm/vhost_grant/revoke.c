// SPDX-License-Identifier: GPL-2.0-only
/*
 * Revoke: take pages out of the table, out of every page table, and only then
 * unpin them. Neither allocates nor fails.
 */
#include <linux/sort.h>

#include <trace/events/vhost_grant.h>

#include "internal.h"

/**
 * struct vg_revoke - A revoke on its way
 * @w: window
 * @dead: entries that are empty now, out of the table
 * @partial: small entries that live on have slots to unpin
 * @granted: pages that were granted and are not any more
 * @unpinned: pages that were let go
 */
struct vg_revoke {
	struct vhost_grant_window *w;
	struct list_head dead;
	bool partial;
	unsigned long granted;
	unsigned long unpinned;
};

void vg_uncharge(struct vg_space *space, unsigned long npages)
{
	atomic64_sub(npages, &space->mm->pinned_vm);
	atomic64_sub(npages, &space->pinned);
}

/* Widens @hull, which is empty at first, to include a page. */
static void vg_hull_add(struct vhost_grant_range *hull, pgoff_t index)
{
	hull->start = min(hull->start, index);
	hull->end = max(hull->end, index + 1);
}

/*
 * Makes holes of the pages [start, end) of a small entry. What they hold stays
 * in the slots, to be unpinned later.
 */
static void vg_mark_small(struct vg_revoke *r, struct vg_entry *e,
			  pgoff_t start, pgoff_t end,
			  struct vhost_grant_range *touched)
{
	pgoff_t i;

	start = max(start, e->start);
	end = min(end, vg_entry_end(e));
	for (i = start; i < end; i++) {
		unsigned long *slot = &e->slots[i - e->start];

		if (!*slot)
			continue;
		if (*slot & BIT(VG_SLOT_TOUCHED_BIT))
			vg_hull_add(touched, i);
		*slot |= BIT(VG_SLOT_REVOKING_BIT);
		e->live--;
		r->granted++;
	}
}

static void vg_mark_huge(struct vg_revoke *r, struct vg_entry *e,
			 pgoff_t start, pgoff_t end,
			 struct vhost_grant_range *touched)
{
	unsigned long i = max(start, e->start) - e->start;
	unsigned long last = min(end, vg_entry_end(e)) - e->start;

	for_each_set_bit_from(i, e->huge->live, last) {
		if (test_bit(i, e->huge->touched))
			vg_hull_add(touched, e->start + i);
		__clear_bit(i, e->huge->live);
		e->live--;
		r->granted++;
	}
}

static void vg_mark_tree(struct vg_revoke *r, struct rb_root *tree,
			 const struct vhost_grant_range *range,
			 struct vhost_grant_range *touched)
{
	struct vg_entry *e, *next;

	for (e = vg_tree_first(tree, range->start, range->end); e; e = next) {
		next = vg_tree_next(e, range->end);
		if (e->is_huge)
			vg_mark_huge(r, e, range->start, range->end, touched);
		else
			vg_mark_small(r, e, range->start, range->end, touched);
		if (!e->live) {
			rb_erase(&e->node, tree);
			list_add(&e->link, &r->dead);
			r->w->nr_entries--;
		} else {
			r->partial |= !e->is_huge;
		}
		cond_resched();
	}
}

/* From here on a lookup finds holes. Returns what peers may still have. */
static struct vhost_grant_range vg_mark(struct vg_revoke *r,
					const struct vhost_grant_range *range)
{
	struct vhost_grant_range touched = { ULONG_MAX, 0 };
	struct vhost_grant_window *w = r->w;

	down_write(&w->table_lock);
	vg_mark_tree(r, &w->small, range, &touched);
	vg_mark_tree(r, &w->huge, range, &touched);
	up_write(&w->table_lock);
	return touched;
}

/*
 * Takes the ranges out of every page table. Ranges are sorted and do not
 * touch. On return no CPU has a translation of them that is older than the
 * call.
 */
void vg_window_invalidate(struct vhost_grant_window *w, struct vhost_grant_range *ranges,
			  unsigned int nr)
{
	unsigned int i;

	vg_bindings_invalidate(w, ranges, nr);
	for (i = 0; i < nr; i++)
		unmap_mapping_pages(w->inode->i_mapping, ranges[i].start,
				    ranges[i].end - ranges[i].start, false);
}

/* Lets go of the pages that vg_mark_small() left in an entry that lives on. */
static void vg_reap_small(struct vg_revoke *r, struct vg_entry *e,
			  pgoff_t start, pgoff_t end)
{
	pgoff_t i;

	start = max(start, e->start);
	end = min(end, vg_entry_end(e));
	for (i = start; i < end; i++) {
		unsigned long *p = &e->slots[i - e->start];
		unsigned long slot = READ_ONCE(*p);

		if (!(slot & BIT(VG_SLOT_REVOKING_BIT)))
			continue;
		vg_unpin_slot(slot);
		WRITE_ONCE(*p, 0);
		r->unpinned++;
	}
}

static void vg_reap(struct vg_revoke *r, const struct vhost_grant_range *range)
{
	struct vg_entry *e;

	for (e = vg_tree_first(&r->w->small, range->start, range->end); e;
	     e = vg_tree_next(e, range->end))
		vg_reap_small(r, e, range->start, range->end);
}

static unsigned int vg_entry_pins(const struct vg_entry *e)
{
	unsigned int i, n = 0;

	if (e->is_huge)
		return e->nr;
	for (i = 0; i < e->nr; i++)
		n += !!e->slots[i];
	return n;
}

static void vg_reap_dead(struct vg_revoke *r)
{
	struct vg_entry *e, *next;

	list_for_each_entry_safe(e, next, &r->dead, link) {
		r->unpinned += vg_entry_pins(e);
		vg_unpin_entry(e);
		vg_entry_free(e);
		cond_resched();
	}
}

static void vg_account(struct vg_revoke *r)
{
	struct vhost_grant_window *w = r->w;

	WRITE_ONCE(w->granted, w->granted - r->granted);
	WRITE_ONCE(w->revoked, w->revoked + r->granted);
	WRITE_ONCE(w->pinned, w->pinned - r->unpinned);
	vg_uncharge(w->space, r->unpinned);
}

/*
 * Puts into @touched the parts of the ranges that peers were given access to.
 * They are sorted and do not touch, as the ranges are.
 */
static unsigned int vg_mark_all(struct vg_revoke *r,
				const struct vhost_grant_range *ranges,
				unsigned int nr,
				struct vhost_grant_range *touched)
{
	struct vhost_grant_range t;
	unsigned int i, n = 0;

	for (i = 0; i < nr; i++) {
		t = vg_mark(r, &ranges[i]);
		if (t.start < t.end)
			touched[n++] = t;
	}
	return n;
}

/**
 * vg_revoke() - Revoke ranges with one flush
 * @w: window, revoke_lock held
 * @ranges: sorted, not touching
 * @touched: room for @nr ranges
 * @nr: number of ranges
 *
 * Return: number of pages that were granted.
 */
static unsigned long vg_revoke(struct vhost_grant_window *w,
			       const struct vhost_grant_range *ranges,
			       struct vhost_grant_range *touched,
			       unsigned int nr)
{
	struct vg_revoke r = { .w = w, .dead = LIST_HEAD_INIT(r.dead) };
	unsigned int i, n;

	lockdep_assert_held(&w->revoke_lock);
	n = vg_mark_all(&r, ranges, nr, touched);
	if (n)
		vg_window_invalidate(w, touched, n);
	for (i = 0; i < nr && r.partial; i++)
		vg_reap(&r, &ranges[i]);
	vg_reap_dead(&r);
	vg_account(&r);
	return r.granted;
}

static unsigned long vg_revoke_all(struct vhost_grant_window *w)
{
	struct vhost_grant_range all = { 0, w->npages }, touched;

	return vg_revoke(w, &all, &touched, 1);
}

/* Revoke everything, for good. */
void vg_window_kill(struct vhost_grant_window *w)
{
	unsigned long pages;

	mutex_lock(&w->revoke_lock);
	WRITE_ONCE(w->dead, true);
	pages = vg_revoke_all(w);
	mutex_unlock(&w->revoke_lock);
	trace_vhost_grant_unmap(w->space->id, w->id, 0,
				(u64)w->npages << PAGE_SHIFT, pages);
}

static int vg_range_cmp(const void *a, const void *b)
{
	const struct vhost_grant_range *ra = a, *rb = b;

	return ra->start < rb->start ? -1 : ra->start > rb->start;
}

/* Sorts ranges and joins those that overlap or touch. */
static unsigned int vg_ranges_merge(struct vhost_grant_range *ranges,
				    unsigned int nr)
{
	unsigned int i, n = 0;

	sort(ranges, nr, sizeof(*ranges), vg_range_cmp, NULL);
	for (i = 1; i < nr; i++) {
		if (ranges[i].start <= ranges[n].end)
			ranges[n].end = max(ranges[n].end, ranges[i].end);
		else
			ranges[++n] = ranges[i];
	}
	return nr ? n + 1 : 0;
}

static int vg_unmap_check(struct vhost_grant_window *w,
			  const struct vhost_grant_unmap_entry *entry)
{
	u64 end;

	if (!entry->length || !PAGE_ALIGNED(entry->iova | entry->length))
		return -EINVAL;
	if (check_add_overflow(entry->iova, entry->length, &end))
		return -EOVERFLOW;
	return end > (u64)w->npages << PAGE_SHIFT ? -ERANGE : 0;
}

static int vg_unmap_read_entry(struct vhost_grant_window *w,
			       const struct vhost_grant_unmap *cmd, u32 i,
			       struct vhost_grant_range *range)
{
	struct vhost_grant_unmap_entry entry;
	int ret;

	ret = vg_copy_entry(&entry, sizeof(entry), cmd->entries,
			    cmd->entry_size, i);
	if (!ret)
		ret = vg_unmap_check(w, &entry);
	if (ret)
		return ret;
	range->start = entry.iova >> PAGE_SHIFT;
	range->end = (entry.iova + entry.length) >> PAGE_SHIFT;
	return 0;
}

static void vg_unmap_trace(struct vhost_grant_window *w,
			   const struct vhost_grant_range *ranges,
			   unsigned int nr, unsigned long pages)
{
	pgoff_t start = ranges[0].start, end = ranges[nr - 1].end;

	trace_vhost_grant_unmap(w->space->id, w->id, (u64)start << PAGE_SHIFT,
				(u64)(end - start) << PAGE_SHIFT, pages);
}

/* Revokes @nr ranges of the space's batch. */
static void vg_unmap_flush(struct vhost_grant_window *w, unsigned int nr)
{
	struct vhost_grant_range *ranges = w->space->batch;
	unsigned long pages;

	if (!nr)
		return;
	nr = vg_ranges_merge(ranges, nr);
	mutex_lock(&w->revoke_lock);
	pages = vg_revoke(w, ranges, ranges + VG_BATCH, nr);
	mutex_unlock(&w->revoke_lock);
	vg_unmap_trace(w, ranges, nr, pages);
}

static int vg_unmap_entries(struct vhost_grant_window *w,
			    const struct vhost_grant_unmap *cmd)
{
	struct vhost_grant_range *ranges = w->space->batch;
	unsigned int n = 0;
	int ret = 0;
	u32 i;

	lockdep_assert_held(&w->space->unmap_lock);
	for (i = 0; i < cmd->nr; i++) {
		ret = vg_unmap_read_entry(w, cmd, i, &ranges[n]);
		if (ret)
			break;
		if (++n < VG_BATCH)
			continue;
		vg_unmap_flush(w, n);
		n = 0;
		cond_resched();
	}
	vg_unmap_flush(w, n);
	return i ? i : ret;
}

static int vg_unmap_all(struct vhost_grant_window *w,
			const struct vhost_grant_unmap *cmd)
{
	unsigned long pages;

	if (cmd->nr || cmd->entry_size || cmd->entries)
		return -EINVAL;
	mutex_lock(&w->revoke_lock);
	pages = vg_revoke_all(w);
	mutex_unlock(&w->revoke_lock);
	trace_vhost_grant_unmap(w->space->id, w->id, 0,
				(u64)w->npages << PAGE_SHIFT, pages);
	return 0;
}

static int vg_unmap_window(struct vhost_grant_window *w,
			   const struct vhost_grant_unmap *cmd)
{
	int ret;

	if (cmd->flags & VHOST_GRANT_UNMAP_ALL)
		return vg_unmap_all(w, cmd);
	mutex_lock(&w->space->unmap_lock);
	ret = vg_unmap_entries(w, cmd);
	mutex_unlock(&w->space->unmap_lock);
	return ret;
}

/* VHOST_GRANT_UNMAP */
int vg_unmap(void *space, struct vg_ucmd *ucmd)
{
	struct vhost_grant_unmap *cmd = ucmd->arg;
	struct vhost_grant_window *w;
	int ret;

	if ((cmd->flags & ~VHOST_GRANT_UNMAP_ALL) || cmd->__reserved)
		return -EINVAL;
	if (cmd->nr > VG_MAX_ENTRIES)
		return -E2BIG;
	w = vg_space_get_window(space, cmd->window);
	if (!w)
		return -ENOENT;
	ret = vg_unmap_window(w, cmd);
	vg_window_put(w);
	return ret;
}
