// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "ranges.h"

struct vg_node {
	struct vg_range range;
	struct vg_node *left;
	struct vg_node *right;
	uint32_t priority;
};

int vg_pool_init(struct vg_pool *pool)
{
	*pool = (struct vg_pool) { 0 };
	/* A guest chooses addresses; it must not know the priorities too. */
	if (getentropy(&pool->seed, sizeof(pool->seed)) || !pool->seed)
		pool->seed = 2463534242u;
	return vg_pool_reserve(pool, 0);
}

int vg_pool_reserve(struct vg_pool *pool, size_t nr)
{
	while (pool->nr_free < nr + 1) {
		struct vg_node *node = malloc(sizeof(*node));

		if (!node)
			return -ENOMEM;
		node->right = pool->free;
		pool->free = node;
		pool->nr_free++;
	}
	return 0;
}

static void shrink(struct vg_pool *pool, size_t nr)
{
	while (pool->nr_free > nr) {
		struct vg_node *node = pool->free;

		pool->free = node->right;
		pool->nr_free--;
		free(node);
	}
}

void vg_pool_trim(struct vg_pool *pool)
{
	shrink(pool, 1);
}

void vg_pool_destroy(struct vg_pool *pool)
{
	shrink(pool, 0);
}

/* xorshift */
static uint32_t next_priority(struct vg_pool *pool)
{
	uint32_t x = pool->seed;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	pool->seed = x;
	return x;
}

static struct vg_node *pool_get(struct vg_pool *pool,
				const struct vg_range *range)
{
	struct vg_node *node = pool->free;

	pool->free = node->right;
	pool->nr_free--;
	node->range = *range;
	node->left = NULL;
	node->right = NULL;
	node->priority = next_priority(pool);
	return node;
}

/* Rotates left children up, so that it needs neither a stack nor recursion. */
static void pool_put_tree(struct vg_pool *pool, struct vg_node *tree)
{
	while (tree) {
		struct vg_node *next = tree->left;

		if (next) {
			tree->left = next->right;
			next->right = tree;
		} else {
			next = tree->right;
			tree->right = pool->free;
			pool->free = tree;
			pool->nr_free++;
		}
		tree = next;
	}
}

/* What starts before @pos goes to @left, the rest to @right. */
static void split(struct vg_node *tree, uint64_t pos, struct vg_node **left,
		  struct vg_node **right)
{
	while (tree) {
		if (tree->range.start < pos) {
			*left = tree;
			left = &tree->right;
			tree = tree->right;
		} else {
			*right = tree;
			right = &tree->left;
			tree = tree->left;
		}
	}
	*left = NULL;
	*right = NULL;
}

/* All of @left must be before all of @right. */
static struct vg_node *join(struct vg_node *left, struct vg_node *right)
{
	struct vg_node *tree, **link = &tree;

	while (left && right) {
		if (left->priority > right->priority) {
			*link = left;
			link = &left->right;
			left = left->right;
		} else {
			*link = right;
			link = &right->left;
			right = right->left;
		}
	}
	*link = left ? left : right;
	return tree;
}

struct vg_range *vg_ranges_find(const struct vg_ranges *set, uint64_t pos)
{
	struct vg_node *node = set->root;
	struct vg_range *found = NULL;

	while (node) {
		if (node->range.end > pos) {
			found = &node->range;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return found;
}

struct vg_range vg_range_slice(const struct vg_range *range, uint64_t start,
			       uint64_t end)
{
	struct vg_range slice = *range;

	slice.start = start;
	slice.end = end;
	slice.source += start - range->start;
	return slice;
}

static void add(struct vg_ranges *set, const struct vg_range *range)
{
	struct vg_node *before, *after;

	split(set->root, range->start, &before, &after);
	before = join(before, pool_get(set->pool, range));
	set->root = join(before, after);
}

static void cut_at(struct vg_ranges *set, uint64_t pos)
{
	struct vg_range *range = vg_ranges_find(set, pos);
	struct vg_range tail;

	if (!range || range->start >= pos)
		return;
	tail = vg_range_slice(range, pos, range->end);
	range->end = pos;
	add(set, &tail);
}

void vg_ranges_cut(struct vg_ranges *set, uint64_t start, uint64_t end)
{
	cut_at(set, start);
	cut_at(set, end);
}

void vg_ranges_erase(struct vg_ranges *set, uint64_t start, uint64_t end)
{
	struct vg_node *before, *middle, *after;

	vg_ranges_cut(set, start, end);
	split(set->root, start, &before, &after);
	split(after, end, &middle, &after);
	pool_put_tree(set->pool, middle);
	set->root = join(before, after);
}

void vg_ranges_insert(struct vg_ranges *set, const struct vg_range *range)
{
	vg_ranges_erase(set, range->start, range->end);
	add(set, range);
}

void vg_ranges_clear(struct vg_ranges *set)
{
	pool_put_tree(set->pool, set->root);
	set->root = NULL;
}
