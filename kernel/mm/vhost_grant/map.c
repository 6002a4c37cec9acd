// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP: check an entry, pin its pages block by block, then publish them all.
 */
#include <linux/capability.h>
#include <linux/sched/signal.h>

#include <trace/events/vhost_grant.h>

#include "internal.h"

#define VG_MAP_FLAGS	(VHOST_GRANT_READ | VHOST_GRANT_WRITE | \
			 VHOST_GRANT_SOURCE_FILE)

/**
 * struct vg_mapping - A MAP entry on its way
 * @w: window
 * @range: pages of the window
 * @pieces: entries that grant them, one for each block
 * @nr_pieces: members of @pieces
 * @left: entries that publishing has left over
 */
struct vg_mapping {
	struct vhost_grant_window *w;
	struct vhost_grant_range range;
	struct list_head pieces;
	unsigned long nr_pieces;
	struct list_head left;
};

static int vg_map_check_flags(const struct vhost_grant_map_entry *entry)
{
	bool file = entry->flags & VHOST_GRANT_SOURCE_FILE;

	if (entry->flags & ~VG_MAP_FLAGS)
		return -EINVAL;
	if (!(entry->flags & VHOST_GRANT_READ) || (!file && entry->fd))
		return -EINVAL;
	return 0;
}

static int vg_map_check_range(struct vhost_grant_window *w,
			      const struct vhost_grant_map_entry *entry)
{
	u64 end, source_end;

	if (!entry->length ||
	    !PAGE_ALIGNED(entry->iova | entry->length | entry->source))
		return -EINVAL;
	if (check_add_overflow(entry->iova, entry->length, &end) ||
	    check_add_overflow(entry->source, entry->length, &source_end))
		return -EOVERFLOW;
	return end > (u64)w->npages << PAGE_SHIFT ? -ERANGE : 0;
}

/*
 * Charged as RDMA does, to mm->pinned_vm, which is atomic. A revoke must not
 * wait for the owner's mmap_lock, and mm->locked_vm needs it.
 */
static int vg_charge(struct vg_space *space, unsigned long npages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	u64 total = atomic64_add_return(npages, &space->mm->pinned_vm);

	if (total > limit && !capable(CAP_IPC_LOCK)) {
		atomic64_sub(npages, &space->mm->pinned_vm);
		return -ENOMEM;
	}
	atomic64_add(npages, &space->pinned);
	return 0;
}

/*
 * KVM before 6.13 takes a reference to what it maps from an mmapped memslot,
 * which the tail of a large folio does not have.
 */
static bool vg_fits_mapped_kvm(struct vhost_grant_window *w, struct vg_entry *e)
{
	unsigned int i;

	if (!(w->flags & VHOST_GRANT_WINDOW_KVM_MAPPED) || VG_KVM_MAPS_HUGE)
		return true;
	if (e->is_huge)
		return false;
	for (i = 0; i < e->nr; i++)
		if (PageCompound(vg_slot_page(e->slots[i])))
			return false;
	return true;
}

static int vg_map_pin_piece(struct vg_mapping *m, struct vg_source *src,
			    pgoff_t start, pgoff_t end)
{
	struct vg_entry *e = vg_source_pin(src, start, end - start);

	if (IS_ERR(e))
		return PTR_ERR(e);
	list_add_tail(&e->link, &m->pieces);
	m->nr_pieces++;
	return vg_fits_mapped_kvm(m->w, e) ? 0 : -EOPNOTSUPP;
}

static int vg_map_pin(struct vg_mapping *m, struct vg_source *src)
{
	pgoff_t start, end;
	int ret = 0;

	for (start = m->range.start; start < m->range.end && !ret; start = end) {
		end = min(m->range.end, round_down(start, VG_BLOCK_PAGES) +
					VG_BLOCK_PAGES);
		ret = vg_map_pin_piece(m, src, start, end);
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return ret;
}

/* Entries that were never in the table. */
static void vg_map_drop(struct vg_mapping *m)
{
	struct vg_entry *e, *next;

	list_for_each_entry_safe(e, next, &m->pieces, link) {
		vg_unpin_entry(e);
		vg_entry_free(e);
		cond_resched();
	}
}

/* What @e and the small entries that it overlaps cover together. */
static struct vhost_grant_range vg_map_hull(struct vhost_grant_window *w,
					    struct vg_entry *e)
{
	struct vhost_grant_range hull = { e->start, vg_entry_end(e) };
	struct vg_entry *old;

	for (old = vg_tree_first(&w->small, e->start, vg_entry_end(e)); old;
	     old = vg_tree_next(old, vg_entry_end(e))) {
		hull.start = min(hull.start, old->start);
		hull.end = max(hull.end, vg_entry_end(old));
	}
	return hull;
}

static void vg_move_slots(struct vg_entry *to, struct vg_entry *from)
{
	unsigned int i, shift = from->start - to->start;

	for (i = 0; i < from->nr; i++)
		if (from->slots[i])
			to->slots[i + shift] = from->slots[i];
	to->live += from->live;
}

/* The small entry that has room for all of @e, if there is one. */
static struct vg_entry *vg_map_target(struct vhost_grant_window *w, struct vg_entry *e)
{
	struct vg_entry *old;

	old = vg_tree_first(&w->small, e->start, vg_entry_end(e));
	if (old->start > e->start || vg_entry_end(old) < vg_entry_end(e))
		return NULL;
	return old;
}

/* Makes room in @e for the entries that it will absorb. */
static int vg_map_widen(struct vg_mapping *m, struct vg_entry *e)
{
	struct vhost_grant_range hull;
	struct vg_entry *wide;

	if (vg_map_target(m->w, e))
		return 0;
	hull = vg_map_hull(m->w, e);
	wide = vg_entry_alloc(hull.start, hull.end - hull.start);
	if (!wide)
		return -ENOMEM;
	wide->absorbs = true;
	vg_move_slots(wide, e);
	list_replace(&e->link, &wide->link);
	vg_entry_free(e);
	return 0;
}

static int vg_map_prepare_piece(struct vg_mapping *m, struct vg_entry *e)
{
	if (vg_table_busy(m->w, e))
		return -EEXIST;
	return e->absorbs ? vg_map_widen(m, e) : 0;
}

/* Everything that can fail, before anything is published. */
static int vg_map_prepare(struct vg_mapping *m)
{
	struct vhost_grant_window *w = m->w;
	struct vg_entry *e, *next;
	int ret;

	lockdep_assert_held(&w->revoke_lock);
	if (w->dead)
		return -ENOENT;
	if (w->nr_entries + m->nr_pieces > VG_MAX_GRANTS)
		return -ENOSPC;
	list_for_each_entry_safe(e, next, &m->pieces, link) {
		ret = vg_map_prepare_piece(m, e);
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

static void vg_map_absorb(struct vg_mapping *m, struct vg_entry *e)
{
	struct vhost_grant_window *w = m->w;
	struct vg_entry *old;

	while ((old = vg_tree_first(&w->small, e->start, vg_entry_end(e)))) {
		vg_move_slots(e, old);
		rb_erase(&old->node, &w->small);
		list_add(&old->link, &m->left);
		w->nr_entries--;
	}
}

static void vg_map_publish_small(struct vg_mapping *m, struct vg_entry *e)
{
	struct vhost_grant_window *w = m->w;
	struct vg_entry *target = e->absorbs ? vg_map_target(w, e) : NULL;

	if (target) {
		vg_move_slots(target, e);
		list_add(&e->link, &m->left);
		return;
	}
	if (e->absorbs)
		vg_map_absorb(m, e);
	vg_tree_insert(&w->small, e);
	w->nr_entries++;
}

static void vg_map_publish_piece(struct vg_mapping *m, struct vg_entry *e)
{
	struct vhost_grant_window *w = m->w;

	down_write(&w->table_lock);
	if (e->is_huge) {
		vg_tree_insert(&w->huge, e);
		w->nr_entries++;
	} else {
		vg_map_publish_small(m, e);
	}
	up_write(&w->table_lock);
}

static void vg_map_publish(struct vg_mapping *m)
{
	struct vhost_grant_window *w = m->w;
	unsigned long npages = m->range.end - m->range.start;
	struct vg_entry *e, *next;

	lockdep_assert_held(&w->revoke_lock);
	list_for_each_entry_safe(e, next, &m->pieces, link) {
		list_del(&e->link);
		vg_map_publish_piece(m, e);
		cond_resched();
	}
	WRITE_ONCE(w->granted, w->granted + npages);
	WRITE_ONCE(w->pinned, w->pinned + npages);
}

/* A peer that has the scratch page there must see the grant from now on. */
static void vg_map_hide_scratch(struct vg_mapping *m)
{
	if (READ_ONCE(m->w->scratch_used))
		vg_window_invalidate(m->w, &m->range, 1);
}

/* Their slots, if they had any, are in other entries. */
static void vg_map_free_left(struct vg_mapping *m)
{
	struct vg_entry *e, *next;

	list_for_each_entry_safe(e, next, &m->left, link) {
		vg_entry_free(e);
		cond_resched();
	}
}

static int vg_map_commit(struct vg_mapping *m)
{
	int ret;

	mutex_lock(&m->w->revoke_lock);
	ret = vg_map_prepare(m);
	if (!ret) {
		vg_map_publish(m);
		vg_map_hide_scratch(m);
	}
	mutex_unlock(&m->w->revoke_lock);
	vg_map_free_left(m);
	return ret;
}

static int vg_map_source(struct vhost_grant_window *w,
			 const struct vhost_grant_map_entry *entry)
{
	struct vg_mapping m = {
		.w = w,
		.range.start = entry->iova >> PAGE_SHIFT,
		.range.end = (entry->iova + entry->length) >> PAGE_SHIFT,
		.pieces = LIST_HEAD_INIT(m.pieces),
		.left = LIST_HEAD_INIT(m.left),
	};
	struct vg_source src;
	int ret;

	ret = vg_source_open(&src, entry);
	if (ret)
		return ret;
	ret = vg_map_pin(&m, &src);
	vg_source_close(&src);
	if (!ret)
		ret = vg_map_commit(&m);
	if (ret)
		vg_map_drop(&m);
	return ret;
}

static int vg_map_entry(struct vhost_grant_window *w,
			const struct vhost_grant_map_entry *entry)
{
	unsigned long npages = entry->length >> PAGE_SHIFT;
	int ret;

	ret = vg_map_check_flags(entry);
	if (!ret)
		ret = vg_map_check_range(w, entry);
	if (!ret)
		ret = vg_charge(w->space, npages);
	if (ret)
		return ret;
	ret = vg_map_source(w, entry);
	if (ret)
		vg_uncharge(w->space, npages);
	trace_vhost_grant_map(w->space->id, w->id, entry->iova, entry->length,
			      entry->flags, ret);
	return ret;
}

static int vg_map_entries(struct vhost_grant_window *w,
			  const struct vhost_grant_map *cmd)
{
	struct vhost_grant_map_entry entry;
	int ret = 0;
	u32 i;

	for (i = 0; i < cmd->nr; i++) {
		ret = vg_copy_entry(&entry, sizeof(entry), cmd->entries,
				    cmd->entry_size, i);
		if (!ret)
			ret = vg_map_entry(w, &entry);
		if (ret)
			break;
		cond_resched();
	}
	return i ? i : ret;
}

/* VHOST_GRANT_MAP */
int vg_map(void *space, struct vg_ucmd *ucmd)
{
	struct vhost_grant_map *cmd = ucmd->arg;
	struct vhost_grant_window *w;
	int ret;

	if (cmd->flags || cmd->__reserved)
		return -EINVAL;
	if (cmd->nr > VG_MAX_ENTRIES)
		return -E2BIG;
	w = vg_space_get_window(space, cmd->window);
	if (!w)
		return -ENOENT;
	ret = vg_map_entries(w, cmd);
	vg_window_put(w);
	return ret;
}
