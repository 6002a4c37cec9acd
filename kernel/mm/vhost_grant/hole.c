// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a peer finds where nothing is granted, or not what it tries.
 */
#include <linux/gfp.h>

#include "internal.h"

/* The page that fills holes, or NULL if they fault; table_lock is held. */
struct page *vg_hole_page(struct vhost_grant_window *w)
{
	lockdep_assert_held(&w->table_lock);
	if (w->hole == VHOST_GRANT_HOLE_FAULT)
		return NULL;
	WRITE_ONCE(w->scratch_used, true);
	return w->scratch;
}

/*
 * The page for a write to what is granted read-only, or NULL if that is refused.
 * The grant counts as touched, so that its revoke takes this page away, too.
 */
struct page *vg_hole_page_for(struct vhost_grant_window *w, const struct vg_found *f)
{
	struct page *scratch = vg_hole_page(w);

	if (scratch)
		vg_touch(w, f);
	return scratch;
}

static void vg_hole_change(struct vhost_grant_window *w, u32 hole, struct page *scratch)
{
	down_write(&w->table_lock);
	w->hole = hole;
	if (scratch)
		w->scratch = scratch;
	up_write(&w->table_lock);
}

/*
 * In parts, of which each holds the locks that a revoke needs, too, only as long
 * as a revoke of that size would. The policy has changed before: behind the
 * part that is being invalidated no new translations of the scratch page appear.
 */
static void vg_hole_forget_scratch(struct vhost_grant_window *w)
{
	struct vhost_grant_range part;

	for (part.start = 0; part.start < w->npages; part.start = part.end) {
		part.end = min(part.start + VG_HOLE_PART, w->npages);
		vg_window_invalidate(w, &part, 1);
		cond_resched();
	}
}

/*
 * Takes hole_lock rather than revoke_lock: a peer that calls this all the time
 * must not be in the way of a revoke.
 */
static int vg_hole_set_locked(struct vhost_grant_window *w, u32 hole)
{
	struct page *scratch = NULL;

	lockdep_assert_held(&w->hole_lock);
	if (hole == w->hole)
		return 0;
	if (w->hole == VHOST_GRANT_HOLE_SCRATCH_FINAL)
		return hole == VHOST_GRANT_HOLE_SCRATCH ? 0 : -EPERM;
	if (hole != VHOST_GRANT_HOLE_FAULT && !w->scratch) {
		scratch = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!scratch)
			return -ENOMEM;
	}
	vg_hole_change(w, hole, scratch);
	if (hole == VHOST_GRANT_HOLE_FAULT && READ_ONCE(w->scratch_used))
		vg_hole_forget_scratch(w);
	return 0;
}

/* VHOST_GRANT_WINDOW_SET_HOLE */
int vg_hole_set(void *window, struct vg_ucmd *ucmd)
{
	struct vhost_grant_window_set_hole *cmd = ucmd->arg;
	struct vhost_grant_window *w = window;
	int ret;

	if (cmd->hole > VHOST_GRANT_HOLE_SCRATCH_FINAL)
		return -EINVAL;
	mutex_lock(&w->hole_lock);
	ret = vg_hole_set_locked(w, cmd->hole);
	mutex_unlock(&w->hole_lock);
	return ret;
}

int vg_hole_init(struct vhost_grant_window *w)
{
	mutex_init(&w->hole_lock);
	if (!(w->flags & VHOST_GRANT_WINDOW_HOLE_SCRATCH))
		return 0;
	w->scratch = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!w->scratch)
		return -ENOMEM;
	w->hole = VHOST_GRANT_HOLE_SCRATCH;
	return 0;
}

void vg_hole_destroy(struct vhost_grant_window *w)
{
	if (w->scratch)
		__free_page(w->scratch);
}
