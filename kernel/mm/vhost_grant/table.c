// SPDX-License-Identifier: GPL-2.0-only
/*
 * The grant table of a window: entries, and finding them.
 *
 * Changed only with both revoke_lock and table_lock held, so either is enough
 * to read it.
 */
#include <linux/slab.h>

#include "internal.h"

static struct kmem_cache *vg_entry_cache;

int __init vg_table_init(void)
{
	vg_entry_cache = KMEM_CACHE(vg_entry, SLAB_ACCOUNT);
	return vg_entry_cache ? 0 : -ENOMEM;
}

void vg_table_exit(void)
{
	kmem_cache_destroy(vg_entry_cache);
}

/* A small entry whose slots are holes. */
struct vg_entry *vg_entry_alloc(pgoff_t start, unsigned int nr)
{
	struct vg_entry *e;

	e = kmem_cache_zalloc(vg_entry_cache, GFP_KERNEL);
	if (!e)
		return NULL;
	e->start = start;
	e->nr = nr;
	e->slots = nr == 1 ? &e->slot : kcalloc(nr, sizeof(*e->slots),
						GFP_KERNEL_ACCOUNT);
	if (e->slots)
		return e;
	kmem_cache_free(vg_entry_cache, e);
	return NULL;
}

void vg_entry_free_slots(struct vg_entry *e)
{
	if (e->slots != &e->slot)
		kfree(e->slots);
}

void vg_entry_free(struct vg_entry *e)
{
	if (e->is_huge)
		kfree(e->huge);
	else
		vg_entry_free_slots(e);
	kmem_cache_free(vg_entry_cache, e);
}

/* The first entry that overlaps [start, end). */
struct vg_entry *vg_tree_first(struct rb_root *tree, pgoff_t start, pgoff_t end)
{
	struct rb_node *node = tree->rb_node;
	struct vg_entry *e, *first = NULL;

	while (node) {
		e = rb_entry(node, struct vg_entry, node);
		if (vg_entry_end(e) <= start) {
			node = node->rb_right;
		} else {
			first = e;
			if (e->start <= start)
				break;
			node = node->rb_left;
		}
	}
	return first && first->start < end ? first : NULL;
}

/* The entry after @e, if it begins before @end. */
struct vg_entry *vg_tree_next(struct vg_entry *e, pgoff_t end)
{
	struct vg_entry *next;

	if (vg_entry_end(e) >= end)
		return NULL;
	next = rb_entry_safe(rb_next(&e->node), struct vg_entry, node);
	return next && next->start < end ? next : NULL;
}

static bool vg_entry_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct vg_entry, node)->start <
	       rb_entry(b, struct vg_entry, node)->start;
}

void vg_tree_insert(struct rb_root *tree, struct vg_entry *e)
{
	rb_add(&e->node, tree, vg_entry_less);
}

static bool vg_find_small(struct vhost_grant_window *w, pgoff_t index,
			  struct vg_found *f)
{
	struct vg_entry *e = vg_tree_first(&w->small, index, index + 1);
	unsigned long slot;

	if (!e)
		return false;
	slot = READ_ONCE(e->slots[index - e->start]);
	if (!vg_slot_live(slot))
		return false;
	*f = (struct vg_found) {
		.page = vg_slot_page(slot),
		.writable = slot & BIT(VG_SLOT_WRITABLE_BIT),
		.touched = slot & BIT(VG_SLOT_TOUCHED_BIT),
		.entry = e,
		.i = index - e->start,
	};
	return true;
}

static bool vg_find_huge(struct vhost_grant_window *w, pgoff_t index,
			 struct vg_found *f)
{
	struct vg_entry *e = vg_tree_first(&w->huge, index, index + 1);
	unsigned int i = index % VG_BLOCK_PAGES;

	if (!e || !test_bit(i, e->huge->live))
		return false;
	*f = (struct vg_found) {
		.page = nth_page(e->huge->head, i),
		.writable = e->writable,
		.touched = test_bit(i, e->huge->touched),
		.entry = e,
		.i = i,
	};
	return true;
}

static void vg_assert_table_held(struct vhost_grant_window *w)
{
	lockdep_assert(lockdep_is_held(&w->table_lock) ||
		       lockdep_is_held(&w->revoke_lock));
}

/**
 * vg_table_lookup() - What is granted at a page
 * @w: window; table_lock or revoke_lock is held
 * @index: of the page
 * @f: where to tell
 *
 * Return: false for a hole.
 */
bool vg_table_lookup(struct vhost_grant_window *w, pgoff_t index, struct vg_found *f)
{
	vg_assert_table_held(w);
	return vg_find_small(w, index, f) || vg_find_huge(w, index, f);
}

/* The huge entry around a page, if all of it is still granted. */
struct vg_entry *vg_table_lookup_huge(struct vhost_grant_window *w, pgoff_t index)
{
	struct vg_entry *e;

	vg_assert_table_held(w);
	e = vg_tree_first(&w->huge, index, index + 1);
	return e && vg_entry_is_whole(e) ? e : NULL;
}

static bool vg_small_busy(struct vg_entry *e, pgoff_t start, pgoff_t end)
{
	pgoff_t i;

	start = max(start, e->start);
	end = min(end, vg_entry_end(e));
	for (i = start; i < end; i++)
		if (READ_ONCE(e->slots[i - e->start]))
			return true;
	return false;
}

static bool vg_huge_busy(struct vg_entry *e, pgoff_t start, pgoff_t end)
{
	unsigned long first = max(start, e->start) - e->start;
	unsigned long last = min(end, vg_entry_end(e)) - e->start;

	return find_next_bit(e->huge->live, last, first) < last;
}

/**
 * vg_table_busy() - Whether a page is granted that an entry is to grant
 * @w: window, revoke_lock is held
 * @new: the entry; told whether it has to absorb others
 */
bool vg_table_busy(struct vhost_grant_window *w, struct vg_entry *new)
{
	pgoff_t start = new->start, end = vg_entry_end(new);
	struct vg_entry *e;

	lockdep_assert_held(&w->revoke_lock);
	e = vg_tree_first(&w->small, start, end);
	new->absorbs = e;
	for (; e; e = vg_tree_next(e, end))
		if (vg_small_busy(e, start, end))
			return true;
	e = vg_tree_first(&w->huge, start, end);
	return e && vg_huge_busy(e, start, end);
}

/*
 * Note that a peer gets access to the page: what was never touched need not be
 * zapped. Called with table_lock held for reading, so by several at once.
 */
void vg_touch(struct vhost_grant_window *w, const struct vg_found *f)
{
	bool was;

	lockdep_assert_held(&w->table_lock);
	if (f->touched)
		return;
	if (f->entry->is_huge)
		was = test_and_set_bit(f->i, f->entry->huge->touched);
	else
		was = test_and_set_bit(VG_SLOT_TOUCHED_BIT,
				       &f->entry->slots[f->i]);
	if (!was)
		atomic64_inc(&w->mapped);
}

/* The same for all pages of a huge entry, a word of them at a time. */
void vg_touch_huge(struct vhost_grant_window *w, struct vg_entry *e)
{
	unsigned long *touched = e->huge->touched;
	unsigned int i, n = 0;

	lockdep_assert_held(&w->table_lock);
	for (i = 0; i < BITS_TO_LONGS(VG_BLOCK_PAGES); i++)
		if (READ_ONCE(touched[i]) != ULONG_MAX)
			n += BITS_PER_LONG -
			     hweight_long(xchg(&touched[i], ULONG_MAX));
	atomic64_add(n, &w->mapped);
}

/* The first entry of the part of the window that a giant page would cover */
static struct vg_entry *vg_giant_first(struct vhost_grant_window *w,
				       const struct vg_entry *e)
{
	pgoff_t start = round_down(e->start, VG_GIANT_PAGES);
	struct vg_entry *first;

	if (folio_nr_pages(page_folio(e->huge->head)) < VG_GIANT_PAGES)
		return NULL;
	first = vg_tree_first(&w->huge, start, start + 1);
	if (!first || !IS_ALIGNED(page_to_pfn(first->huge->head), VG_GIANT_PAGES))
		return NULL;
	return first;
}

/* The number of entries, from @first on, that continue it in all respects. */
static unsigned int vg_giant_length(struct vg_entry *first)
{
	pgoff_t end = first->start + VG_GIANT_PAGES;
	struct vg_entry *e;
	unsigned int n = 0;

	for (e = first; e; e = vg_tree_next(e, end), n++)
		if (!vg_entry_is_whole(e) || e->writable != first->writable ||
		    e->huge->head != nth_page(first->huge->head,
					      e->start - first->start))
			break;
	return n;
}

/**
 * vg_touch_giant() - Touch all blocks of a giant page, if they are one
 * @w: window, table_lock is held
 * @e: one of them
 *
 * Return: whether they are: granted as a whole, with the same permission, and
 * together an aligned part of one folio.
 */
bool vg_touch_giant(struct vhost_grant_window *w, struct vg_entry *e)
{
	struct vg_entry *first;

	lockdep_assert_held(&w->table_lock);
	first = vg_giant_first(w, e);
	if (!first || vg_giant_length(first) < VG_GIANT_PAGES / VG_BLOCK_PAGES)
		return false;
	for (e = first; e; e = vg_tree_next(e, first->start + VG_GIANT_PAGES))
		vg_touch_huge(w, e);
	return true;
}
