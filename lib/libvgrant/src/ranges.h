/* SPDX-License-Identifier: MIT */
/*
 * A set of ranges that do not overlap, each with what it translates to.
 *
 * A treap: it needs no more than splitting and joining, both of them loops, and
 * taking a whole range out of it is one of each. What libc has (tsearch)
 * allocates while it inserts, but here an insertion that follows what the
 * kernel has done already must not fail. So nodes come from a pool, and
 * whoever is going to change a set reserves them first.
 */
#ifndef VG_RANGES_H
#define VG_RANGES_H

#include <stddef.h>
#include <stdint.h>

/* Addresses in [start, end) are @source and what follows it. */
struct vg_range {
	uint64_t start;
	uint64_t end;
	uint64_t source;
	uint32_t flags;
	int32_t fd;
};

struct vg_node;

/* Free nodes, for any number of sets. */
struct vg_pool {
	struct vg_node *free;
	size_t nr_free;
	uint32_t seed;
};

struct vg_ranges {
	struct vg_node *root;
	struct vg_pool *pool;
};

/* Nodes that one call takes from the pool at most. */
#define VG_CUT_NODES	2
#define VG_ERASE_NODES	VG_CUT_NODES
#define VG_INSERT_NODES	(VG_ERASE_NODES + 1)

/* Return: 0 or -ENOMEM. */
int vg_pool_init(struct vg_pool *pool);

/* All sets must have been cleared. */
void vg_pool_destroy(struct vg_pool *pool);

/*
 * Make sure that the pool has @nr nodes, and one more which is there from the
 * beginning, for the caller that cannot fail. Return: 0 or -ENOMEM.
 */
int vg_pool_reserve(struct vg_pool *pool, size_t nr);

/* Free the nodes that are in no set, but for that one. */
void vg_pool_trim(struct vg_pool *pool);

/* The first range that ends after @pos, or NULL. */
struct vg_range *vg_ranges_find(const struct vg_ranges *set, uint64_t pos);

/* Let no range straddle @start or @end. */
void vg_ranges_cut(struct vg_ranges *set, uint64_t start, uint64_t end);

/*
 * Take [start, end) out of the set. It uses up one node if the range was in the
 * middle of another, else none.
 */
void vg_ranges_erase(struct vg_ranges *set, uint64_t start, uint64_t end);

/* Put a range in the place of all that it overlaps. */
void vg_ranges_insert(struct vg_ranges *set, const struct vg_range *range);

/* Give all nodes back to the pool. */
void vg_ranges_clear(struct vg_ranges *set);

/* The part of a range from @start to @end. */
struct vg_range vg_range_slice(const struct vg_range *range, uint64_t start,
			       uint64_t end);

#endif
