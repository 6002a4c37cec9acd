// SPDX-License-Identifier: MIT
/*
 * Keeping a window in step with an IOTLB or a memory map.
 *
 * Two sets of ranges: what the caller wants, to the byte, and what the kernel
 * has, in pages. A third says where the two may differ. A commit walks that
 * third set, plans the difference, does it, and records exactly what was done,
 * so that a failure in the middle leaves the second set true and the third one
 * in place for another try.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ranges.h"
#include "space.h"

#define ACCESS_FLAGS	(VHOST_GRANT_READ | VHOST_GRANT_WRITE)
#define ENTRY_FLAGS	(ACCESS_FLAGS | VHOST_GRANT_SOURCE_FILE)
/* Of a granted range: the same source has other pages now. */
#define STALE		(1u << 31)

struct vgrant_iotlb {
	struct vgrant_iotlb_ops ops;
	void *opaque;
	struct vgrant_space *space;
	uint32_t window;
	uint32_t flags;
	uint64_t length;
	uint64_t page_size;
	struct vg_pool pool;
	struct vg_ranges wanted;
	struct vg_ranges granted;
	struct vg_ranges dirty;
};

/* What a commit is going to do. */
struct plan {
	struct vhost_grant_unmap_entry *unmaps;
	size_t nr_unmaps;
	size_t max_unmaps;
	struct vhost_grant_map_entry *maps;
	size_t nr_maps;
	size_t max_maps;
};

static uint64_t page_down(const struct vgrant_iotlb *tlb, uint64_t pos)
{
	return pos & -tlb->page_size;
}

static uint64_t page_up(const struct vgrant_iotlb *tlb, uint64_t pos)
{
	return page_down(tlb, pos + tlb->page_size - 1);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int window_map(void *opaque, const struct vhost_grant_map_entry *entries,
		      size_t nr, size_t *done)
{
	struct vgrant_iotlb *tlb = opaque;

	return vgrant_mapv(tlb->space, tlb->window, entries, nr, done);
}

static int window_unmap(void *opaque,
			const struct vhost_grant_unmap_entry *entries,
			size_t nr, size_t *done)
{
	struct vgrant_iotlb *tlb = opaque;

	return vgrant_unmapv(tlb->space, tlb->window, entries, nr, done);
}

static int window_unmap_all(void *opaque)
{
	struct vgrant_iotlb *tlb = opaque;

	return vgrant_unmap_all(tlb->space, tlb->window);
}

static const struct vgrant_iotlb_ops window_ops = {
	.map = window_map,
	.unmap = window_unmap,
	.unmap_all = window_unmap_all,
};

int vgrant_iotlb_new_ops(const struct vgrant_iotlb_ops *ops, void *opaque,
			 uint64_t length, uint64_t page_size, uint32_t flags,
			 struct vgrant_iotlb **tlb)
{
	struct vgrant_iotlb *t;

	if (flags & ~VGRANT_IOTLB_WRITE_IMPLIES_READ)
		return -EINVAL;
	if (!page_size || page_size & (page_size - 1) || !length ||
	    length & (page_size - 1))
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	if (vg_pool_init(&t->pool)) {
		free(t);
		return -ENOMEM;
	}
	t->ops = *ops;
	t->opaque = opaque;
	t->flags = flags;
	t->length = length;
	t->page_size = page_size;
	t->wanted.pool = &t->pool;
	t->granted.pool = &t->pool;
	t->dirty.pool = &t->pool;
	*tlb = t;
	return 0;
}

int vgrant_iotlb_new(struct vgrant_space *space, uint32_t window,
		     uint32_t flags, struct vgrant_iotlb **tlb)
{
	struct vhost_grant_query query;
	int ret = vgrant_query(space, window, &query);

	if (ret)
		return ret;
	if (query.out_pages_granted)
		return -EEXIST;
	ret = vgrant_iotlb_new_ops(&window_ops, NULL, query.out_length,
				   vgrant_page_size(space), flags, tlb);
	if (ret)
		return ret;
	(*tlb)->opaque = *tlb;
	(*tlb)->space = space;
	(*tlb)->window = window;
	return 0;
}

void vgrant_iotlb_free(struct vgrant_iotlb *tlb)
{
	if (!tlb)
		return;
	vg_ranges_clear(&tlb->wanted);
	vg_ranges_clear(&tlb->granted);
	vg_ranges_clear(&tlb->dirty);
	vg_pool_destroy(&tlb->pool);
	free(tlb);
}

/* Takes VG_INSERT_NODES. */
static void mark_dirty(struct vgrant_iotlb *tlb, uint64_t start, uint64_t end)
{
	const struct vg_range range = {
		.start = page_down(tlb, start),
		.end = page_up(tlb, end),
	};

	vg_ranges_insert(&tlb->dirty, &range);
}

/*
 * Cannot fail: the pool keeps a node free for the only range that is left of
 * the dirty ones.
 */
void vgrant_iotlb_begin(struct vgrant_iotlb *tlb)
{
	vg_ranges_clear(&tlb->wanted);
	vg_ranges_clear(&tlb->dirty);
	mark_dirty(tlb, 0, tlb->length);
}

static int check_flags(const struct vgrant_iotlb *tlb,
		       const struct vhost_grant_map_entry *entry)
{
	uint32_t access = entry->flags & ACCESS_FLAGS;

	if (entry->flags & ~ENTRY_FLAGS || !access)
		return -EINVAL;
	if (access == VHOST_GRANT_WRITE &&
	    !(tlb->flags & VGRANT_IOTLB_WRITE_IMPLIES_READ))
		return -EINVAL;
	if (!(entry->flags & VHOST_GRANT_SOURCE_FILE))
		return entry->fd ? -EINVAL : 0;
	return entry->fd < 0 ? -EBADF : 0;
}

static int check_entry(const struct vgrant_iotlb *tlb,
		       const struct vhost_grant_map_entry *entry)
{
	if (!entry->length ||
	    (entry->iova - entry->source) & (tlb->page_size - 1))
		return -EINVAL;
	if (entry->iova + entry->length < entry->iova ||
	    entry->source + entry->length < entry->source)
		return -EOVERFLOW;
	if (entry->iova + entry->length > tlb->length)
		return -ERANGE;
	return check_flags(tlb, entry);
}

int vgrant_iotlb_map(struct vgrant_iotlb *tlb,
		     const struct vhost_grant_map_entry *entry)
{
	const struct vg_range range = {
		.start = entry->iova,
		.end = entry->iova + entry->length,
		.source = entry->source,
		.flags = entry->flags |
			 (entry->flags & VHOST_GRANT_WRITE ?
			  VHOST_GRANT_READ : 0),
		.fd = entry->fd,
	};
	int ret = check_entry(tlb, entry);

	if (ret)
		return ret;
	if (vg_pool_reserve(&tlb->pool, 2 * VG_INSERT_NODES))
		return -ENOMEM;
	vg_ranges_insert(&tlb->wanted, &range);
	mark_dirty(tlb, range.start, range.end);
	return 0;
}

/* Where a range ends that may wrap around or pass the end of the window. */
static uint64_t clip_end(const struct vgrant_iotlb *tlb, uint64_t iova,
			 uint64_t length)
{
	if (iova >= tlb->length)
		return iova;
	return length > tlb->length - iova ? tlb->length : iova + length;
}

int vgrant_iotlb_unmap(struct vgrant_iotlb *tlb, uint64_t iova, uint64_t length)
{
	uint64_t end = clip_end(tlb, iova, length);

	if (!length)
		return -EINVAL;
	if (end == iova)
		return 0;
	if (vg_pool_reserve(&tlb->pool, VG_ERASE_NODES + VG_INSERT_NODES))
		return -ENOMEM;
	vg_ranges_erase(&tlb->wanted, iova, end);
	mark_dirty(tlb, iova, end);
	return 0;
}

int vgrant_iotlb_refresh(struct vgrant_iotlb *tlb, uint64_t iova,
			 uint64_t length)
{
	uint64_t end = clip_end(tlb, iova, length);
	struct vg_range *range;
	uint64_t pos;

	if (!length)
		return -EINVAL;
	if (end == iova)
		return 0;
	if (vg_pool_reserve(&tlb->pool, VG_CUT_NODES + VG_INSERT_NODES))
		return -ENOMEM;
	pos = page_down(tlb, iova);
	end = page_up(tlb, end);
	mark_dirty(tlb, pos, end);
	vg_ranges_cut(&tlb->granted, pos, end);
	while ((range = vg_ranges_find(&tlb->granted, pos)) &&
	       range->start < end) {
		range->flags |= STALE;
		pos = range->end;
	}
	return 0;
}

static bool same_translation(const struct vg_range *a, const struct vg_range *b)
{
	return a->flags == b->flags && a->fd == b->fd &&
	       a->source - a->start == b->source - b->start;
}

/* Room for one more of @size in an array that doubles as it grows, or NULL. */
static void *grow(void *array, size_t nr, size_t *max, size_t size)
{
	size_t want = *max ? 2 * *max : 16;

	if (nr < *max)
		return array;
	array = reallocarray(array, want, size);
	if (array)
		*max = want;
	return array;
}

static int plan_unmap(struct plan *plan, uint64_t start, uint64_t end)
{
	struct vhost_grant_unmap_entry *all = plan->unmaps;
	size_t nr = plan->nr_unmaps;

	if (nr && all[nr - 1].iova + all[nr - 1].length == start) {
		all[nr - 1].length += end - start;
		return 0;
	}
	all = grow(all, nr, &plan->max_unmaps, sizeof(*all));
	if (!all)
		return -ENOMEM;
	plan->unmaps = all;
	all[plan->nr_unmaps++] = (struct vhost_grant_unmap_entry) {
		.iova = start,
		.length = end - start,
	};
	return 0;
}

static struct vg_range entry_range(const struct vhost_grant_map_entry *entry)
{
	return (struct vg_range) {
		.start = entry->iova,
		.end = entry->iova + entry->length,
		.source = entry->source,
		.flags = entry->flags,
		.fd = entry->fd,
	};
}

static struct vhost_grant_map_entry range_entry(const struct vg_range *range)
{
	return (struct vhost_grant_map_entry) {
		.iova = range->start,
		.length = range->end - range->start,
		.source = range->source,
		.flags = range->flags & ~STALE,
		.fd = range->fd,
	};
}

static int plan_map(struct plan *plan, const struct vg_range *range)
{
	struct vhost_grant_map_entry *all = plan->maps;
	size_t nr = plan->nr_maps;

	if (nr) {
		struct vg_range last = entry_range(&all[nr - 1]);

		if (last.end == range->start && same_translation(&last, range)) {
			all[nr - 1].length += range->end - range->start;
			return 0;
		}
	}
	all = grow(all, nr, &plan->max_maps, sizeof(*all));
	if (!all)
		return -ENOMEM;
	plan->maps = all;
	all[plan->nr_maps++] = range_entry(range);
	return 0;
}

/*
 * The next whole pages from @pos on, before @limit, that are wanted with one
 * translation; at @limit and empty if there are none. @pos and @limit are page
 * boundaries, so that no page is seen in part.
 */
static struct vg_range next_run(const struct vgrant_iotlb *tlb, uint64_t pos,
				uint64_t limit)
{
	const struct vg_range *next = vg_ranges_find(&tlb->wanted, pos);

	while (next && next->start < limit && pos < limit) {
		uint64_t start = next->start > pos ? next->start : pos;
		struct vg_range run =
			vg_range_slice(next, start, min_u64(next->end, limit));

		while ((next = vg_ranges_find(&tlb->wanted, run.end)) &&
		       next->start == run.end && run.end < limit &&
		       same_translation(&run, next))
			run.end = min_u64(next->end, limit);
		start = page_up(tlb, run.start);
		if (start < page_down(tlb, run.end))
			return vg_range_slice(&run, start,
					      page_down(tlb, run.end));
		pos = run.end;
	}
	return (struct vg_range) { .start = limit, .end = limit };
}

/*
 * Go from one place to the next where the one or the other set changes. In
 * between, all pages are alike.
 */
static int plan_range(const struct vgrant_iotlb *tlb, uint64_t pos,
		      uint64_t end, struct plan *plan)
{
	struct vg_range run = { .end = pos };

	while (pos < end) {
		const struct vg_range *have = vg_ranges_find(&tlb->granted, pos);
		bool granted = have && have->start <= pos, wanted;
		uint64_t stop = end;

		if (run.end <= pos)
			run = next_run(tlb, pos, end);
		wanted = run.start <= pos;
		stop = min_u64(stop, wanted ? run.end : run.start);
		if (have)
			stop = min_u64(stop, granted ? have->end : have->start);
		if (!granted || !wanted || !same_translation(have, &run)) {
			struct vg_range part = vg_range_slice(&run, pos, stop);

			if (granted && plan_unmap(plan, pos, stop))
				return -ENOMEM;
			if (wanted && plan_map(plan, &part))
				return -ENOMEM;
		}
		pos = stop;
	}
	return 0;
}

static int make_plan(struct vgrant_iotlb *tlb, struct plan *plan)
{
	const struct vg_range *dirty;
	uint64_t pos = 0;

	while ((dirty = vg_ranges_find(&tlb->dirty, pos))) {
		if (plan_range(tlb, dirty->start, dirty->end, plan))
			return -ENOMEM;
		pos = dirty->end;
	}
	/* Each entry leaves one node more at most, the last one takes a few. */
	return vg_pool_reserve(&tlb->pool, plan->nr_unmaps + plan->nr_maps +
			       VG_INSERT_NODES);
}

static int do_unmaps(struct vgrant_iotlb *tlb, const struct plan *plan,
		     struct vgrant_iotlb_failure *failure)
{
	size_t done = 0, i;
	int ret;

	if (!plan->nr_unmaps)
		return 0;
	ret = tlb->ops.unmap(tlb->opaque, plan->unmaps, plan->nr_unmaps, &done);
	for (i = 0; i < done; i++)
		vg_ranges_erase(&tlb->granted, plan->unmaps[i].iova,
				plan->unmaps[i].iova + plan->unmaps[i].length);
	if (ret)
		*failure = (struct vgrant_iotlb_failure) {
			.op = VGRANT_OP_UNMAP,
			.entry.iova = plan->unmaps[done].iova,
			.entry.length = plan->unmaps[done].length,
		};
	return ret;
}

static int do_maps(struct vgrant_iotlb *tlb, const struct plan *plan,
		   struct vgrant_iotlb_failure *failure)
{
	size_t done = 0, i;
	int ret;

	if (!plan->nr_maps)
		return 0;
	ret = tlb->ops.map(tlb->opaque, plan->maps, plan->nr_maps, &done);
	for (i = 0; i < done; i++) {
		const struct vg_range range = entry_range(&plan->maps[i]);

		vg_ranges_insert(&tlb->granted, &range);
	}
	if (ret)
		*failure = (struct vgrant_iotlb_failure) {
			.op = VGRANT_OP_MAP,
			.entry = plan->maps[done],
		};
	return ret;
}

int vgrant_iotlb_commit(struct vgrant_iotlb *tlb,
			struct vgrant_iotlb_failure *failure)
{
	struct vgrant_iotlb_failure why = { .op = VGRANT_OP_IOTLB };
	struct plan plan = { 0 };
	int ret = make_plan(tlb, &plan);

	if (!ret)
		ret = do_unmaps(tlb, &plan, &why);
	if (!ret)
		ret = do_maps(tlb, &plan, &why);
	if (!ret)
		vg_ranges_clear(&tlb->dirty);
	else if (failure)
		*failure = why;
	vg_pool_trim(&tlb->pool);
	free(plan.unmaps);
	free(plan.maps);
	return ret;
}

int vgrant_iotlb_clear(struct vgrant_iotlb *tlb)
{
	int ret = tlb->ops.unmap_all(tlb->opaque);

	vgrant_iotlb_begin(tlb);
	if (ret)
		return ret;
	vg_ranges_clear(&tlb->granted);
	vg_ranges_clear(&tlb->dirty);
	vg_pool_trim(&tlb->pool);
	return 0;
}

int vgrant_iotlb_lookup(const struct vgrant_iotlb *tlb, uint64_t iova,
			struct vhost_grant_map_entry *entry)
{
	const struct vg_range *range = vg_ranges_find(&tlb->granted, iova);

	if (!range)
		return -ENOENT;
	*entry = range_entry(range);
	return 0;
}
