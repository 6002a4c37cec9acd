// SPDX-License-Identifier: MIT
/*
 * Random streams of updates against a model that knows nothing of ranges: for
 * each quarter of a page what is wanted there, for each page what the kernel
 * has. SEED=n repeats a run, STEPS=n makes it longer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <vgrant.h>

#include "seam.h"

#define PAGE	4096u
#define CELL	1024u
#define PAGES	48u
#define CELLS	(PAGES * PAGE / CELL)
#define PER_PAGE (PAGE / CELL)
#define NEVER	UINT32_MAX

/* What is at a place: flags is 0 for nothing. */
struct place {
	uint64_t source;
	uint32_t flags;
	int32_t fd;
	bool stale;
};

struct model {
	struct place wanted[CELLS];
	struct place kernel[PAGES];
	unsigned int unmap_calls, map_calls;
	unsigned int unmap_entries, map_entries;
	unsigned int pages_unmapped, pages_mapped;
	uint32_t fail_unmap_at, fail_map_at;
	uint64_t failed_iova;
	struct vgrant_iotlb *tlb;
};

static uint64_t rng;

static uint32_t rnd(uint32_t below)
{
	rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (rng >> 33) % below;
}

static bool same(const struct place *a, const struct place *b)
{
	return a->flags == b->flags && a->fd == b->fd && a->source == b->source;
}

static bool continues(const struct place *a, const struct place *b,
		      uint64_t distance)
{
	return a->flags == b->flags && a->fd == b->fd &&
	       a->source + distance == b->source;
}

static int model_unmap(void *opaque,
		       const struct vhost_grant_unmap_entry *entries, size_t nr,
		       size_t *done)
{
	struct model *m = opaque;

	m->unmap_calls++;
	assert_int_equal(m->map_calls, 0);
	for (*done = 0; *done < nr; (*done)++) {
		const struct vhost_grant_unmap_entry *e = &entries[*done];

		assert_true(e->length && !(e->iova % PAGE) && !(e->length % PAGE));
		assert_true(e->iova + e->length <= PAGES * PAGE);
		if (m->unmap_entries == m->fail_unmap_at) {
			m->failed_iova = e->iova;
			return -ENOENT;
		}
		m->unmap_entries++;
		m->pages_unmapped += e->length / PAGE;
		memset(&m->kernel[e->iova / PAGE], 0,
		       e->length / PAGE * sizeof(*m->kernel));
	}
	return 0;
}

static int model_map(void *opaque, const struct vhost_grant_map_entry *entries,
		     size_t nr, size_t *done)
{
	struct model *m = opaque;
	uint64_t i;

	m->map_calls++;
	for (*done = 0; *done < nr; (*done)++) {
		const struct vhost_grant_map_entry *e = &entries[*done];

		assert_true(e->length && !(e->iova % PAGE) &&
			    !(e->length % PAGE) && !(e->source % PAGE));
		assert_true(e->iova + e->length <= PAGES * PAGE);
		if (m->map_entries == m->fail_map_at) {
			m->failed_iova = e->iova;
			return -EFAULT;
		}
		m->map_entries++;
		for (i = 0; i < e->length; i += PAGE, m->pages_mapped++) {
			struct place *p = &m->kernel[(e->iova + i) / PAGE];

			assert_int_equal(p->flags, 0);
			p->source = e->source + i;
			p->flags = e->flags;
			p->fd = e->fd;
		}
	}
	return 0;
}

static int model_unmap_all(void *opaque)
{
	struct model *m = opaque;

	if (m->fail_unmap_at != NEVER)
		return -EXDEV;
	memset(m->kernel, 0, sizeof(m->kernel));
	return 0;
}

static const struct vgrant_iotlb_ops ops = {
	.map = model_map,
	.unmap = model_unmap,
	.unmap_all = model_unmap_all,
};

/* A page is wanted if its quarters continue each other on one source page. */
static struct place page_wanted(const struct model *m, unsigned int page)
{
	const struct place *p = &m->wanted[page * PER_PAGE];
	unsigned int i;

	for (i = 1; i < PER_PAGE; i++) {
		if (!continues(&p[0], &p[i], i * CELL))
			return (struct place) { 0 };
	}
	return p->flags ? *p : (struct place) { 0 };
}

/* What the next commit should do, counted from the model. */
struct expect {
	unsigned int unmap_entries, pages_unmapped;
	unsigned int map_entries, pages_mapped;
};

static struct expect expectation(const struct model *m)
{
	struct expect e = { 0 };
	struct place last = { 0 };
	bool unmapping = false, mapping = false;
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		struct place want = page_wanted(m, i);
		const struct place *have = &m->kernel[i];
		bool keep = same(have, &want) && !have->stale;
		bool unmap = have->flags && !keep, map = want.flags && !keep;

		e.pages_unmapped += unmap;
		e.pages_mapped += map;
		e.unmap_entries += unmap && !unmapping;
		e.map_entries += map &&
			!(mapping && continues(&last, &want, PAGE));
		unmapping = unmap;
		mapping = map;
		last = want;
	}
	return e;
}

/* The object must know of exactly what the kernel has. */
static void check_view(const struct model *m)
{
	struct vhost_grant_map_entry e;
	struct place seen[PAGES] = { 0 };
	uint64_t pos = 0, i;
	unsigned int page;

	while (!vgrant_iotlb_lookup(m->tlb, pos, &e)) {
		assert_true(e.iova >= pos && e.iova + e.length > pos);
		for (i = 0; i < e.length; i += PAGE)
			seen[(e.iova + i) / PAGE] = (struct place) {
				.source = e.source + i,
				.flags = e.flags,
				.fd = e.fd,
			};
		pos = e.iova + e.length;
	}
	for (page = 0; page < PAGES; page++)
		assert_true(same(&seen[page], &m->kernel[page]));
}

static void check_synced(const struct model *m)
{
	unsigned int page;

	for (page = 0; page < PAGES; page++) {
		struct place want = page_wanted(m, page);

		assert_true(same(&want, &m->kernel[page]));
		assert_false(m->kernel[page].stale);
	}
}

static void reset_counts(struct model *m)
{
	m->unmap_calls = 0;
	m->map_calls = 0;
	m->unmap_entries = 0;
	m->map_entries = 0;
	m->pages_unmapped = 0;
	m->pages_mapped = 0;
	m->fail_unmap_at = NEVER;
	m->fail_map_at = NEVER;
}

static void clean_commit(struct model *m)
{
	struct expect e = expectation(m);

	reset_counts(m);
	assert_int_equal(vgrant_iotlb_commit(m->tlb, NULL), 0);
	assert_int_equal(m->pages_unmapped, e.pages_unmapped);
	assert_int_equal(m->pages_mapped, e.pages_mapped);
	assert_int_equal(m->unmap_entries, e.unmap_entries);
	assert_int_equal(m->map_entries, e.map_entries);
	assert_int_equal(m->unmap_calls, e.unmap_entries != 0);
	assert_int_equal(m->map_calls, e.map_entries != 0);
	check_synced(m);
	check_view(m);
}

static void failing_commit(struct model *m)
{
	struct vgrant_iotlb_failure failure;
	struct expect e = expectation(m);
	int ret;

	reset_counts(m);
	if (rnd(3))
		m->fail_map_at = rnd(e.map_entries + 1);
	else
		m->fail_unmap_at = rnd(e.unmap_entries + 1);
	ret = vgrant_iotlb_commit(m->tlb, &failure);
	if (m->fail_unmap_at < e.unmap_entries) {
		assert_int_equal(ret, -ENOENT);
		assert_int_equal(failure.op, VGRANT_OP_UNMAP);
		assert_int_equal(m->map_calls, 0);
		assert_int_equal(failure.entry.iova, m->failed_iova);
	} else if (m->fail_map_at < e.map_entries) {
		assert_int_equal(ret, -EFAULT);
		assert_int_equal(failure.op, VGRANT_OP_MAP);
		assert_int_equal(failure.entry.iova, m->failed_iova);
		assert_int_equal(m->pages_unmapped, e.pages_unmapped);
	} else {
		assert_int_equal(ret, 0);
		check_synced(m);
	}
	check_view(m);
}

static void starved_commit(struct model *m)
{
	struct vgrant_iotlb_failure failure;
	int ret;

	reset_counts(m);
	seam_fail_alloc(rnd(6));
	ret = vgrant_iotlb_commit(m->tlb, &failure);
	if (seam_alloc_failed()) {
		assert_int_equal(ret, -ENOMEM);
		assert_int_equal(failure.op, VGRANT_OP_IOTLB);
		assert_int_equal(m->unmap_calls + m->map_calls, 0);
	} else {
		assert_int_equal(ret, 0);
		check_synced(m);
	}
	check_view(m);
}

static void set_wanted(struct model *m, const struct vhost_grant_map_entry *e)
{
	uint64_t i;

	for (i = 0; i < e->length; i += CELL)
		m->wanted[(e->iova + i) / CELL] = (struct place) {
			.source = e->source + i,
			.flags = e->flags & VHOST_GRANT_WRITE ?
				 e->flags | VHOST_GRANT_READ : e->flags,
			.fd = e->fd,
		};
}

/* Few sources and files, so that aliases and continuations are common. */
static struct vhost_grant_map_entry random_entry(void)
{
	static const uint32_t access[] = {
		VHOST_GRANT_READ,
		VHOST_GRANT_WRITE,
		VHOST_GRANT_READ | VHOST_GRANT_WRITE,
	};
	struct vhost_grant_map_entry e = { .iova = rnd(CELLS) * CELL };
	uint32_t room = CELLS - e.iova / CELL;

	e.length = (1 + rnd(rnd(4) && room > 16 ? 16 : room)) * CELL;
	if (!rnd(3)) {
		e.iova = e.iova / PAGE * PAGE;
		e.length = (e.length + PAGE - 1) / PAGE * PAGE;
	}
	e.source = e.iova + (1 + rnd(3)) * 7 * PAGE;
	e.flags = access[rnd(4) ? 2 : rnd(3)];
	if (!rnd(3)) {
		e.flags |= VHOST_GRANT_SOURCE_FILE;
		e.fd = 5 + rnd(2);
	}
	return e;
}

static void random_map(struct model *m)
{
	struct vhost_grant_map_entry e = random_entry();

	if (!rnd(20)) {
		e.source += CELL;
		assert_int_equal(vgrant_iotlb_map(m->tlb, &e), -EINVAL);
		return;
	}
	assert_int_equal(vgrant_iotlb_map(m->tlb, &e), 0);
	set_wanted(m, &e);
}

static void random_unmap(struct model *m)
{
	uint64_t start = rnd(CELLS), length = 1 + rnd(24), i;

	if (!rnd(16))
		length = UINT64_MAX / CELL;
	assert_int_equal(vgrant_iotlb_unmap(m->tlb, start * CELL,
					    length * CELL), 0);
	for (i = start; i < CELLS && i - start < length; i++)
		m->wanted[i] = (struct place) { 0 };
}

static void random_refresh(struct model *m)
{
	uint64_t start = rnd(CELLS), length = 1 + rnd(24);
	uint64_t end = start + length > CELLS ? CELLS : start + length, i;

	assert_int_equal(vgrant_iotlb_refresh(m->tlb, start * CELL,
					      length * CELL), 0);
	for (i = start / PER_PAGE; i * PER_PAGE < end; i++)
		m->kernel[i].stale = m->kernel[i].flags;
}

/* A replay: list what was wanted again, one map for each run, some left out. */
static void random_replay(struct model *m)
{
	unsigned int i = 0, n;

	vgrant_iotlb_begin(m->tlb);
	while (i < CELLS) {
		struct place *p = &m->wanted[i];
		struct vhost_grant_map_entry e = {
			.iova = i * CELL,
			.source = p->source,
			.flags = p->flags,
			.fd = p->fd,
		};

		for (n = 1; i + n < CELLS &&
		     continues(p, p + n, p->flags ? n * CELL : 0); n++)
			;
		e.length = n * CELL;
		i += n;
		if (p->flags && rnd(5))
			assert_int_equal(vgrant_iotlb_map(m->tlb, &e), 0);
		else
			memset(p, 0, n * sizeof(*p));
	}
}

/* A failed call has changed nothing, as the next commit will show. */
static void starved_update(struct model *m)
{
	struct vhost_grant_map_entry e = random_entry();
	int ret;

	seam_fail_alloc(rnd(3));
	ret = vgrant_iotlb_map(m->tlb, &e);
	assert_int_equal(ret, seam_alloc_failed() ? -ENOMEM : 0);
	if (!ret)
		set_wanted(m, &e);
}

static void random_clear(struct model *m)
{
	bool fail = rnd(2);
	int ret;

	reset_counts(m);
	if (fail)
		m->fail_unmap_at = 0;
	/* Whatever happens, it asks for no memory. */
	seam_fail_alloc(0);
	ret = vgrant_iotlb_clear(m->tlb);
	assert_false(seam_alloc_failed());
	assert_int_equal(ret, fail ? -EXDEV : 0);
	memset(m->wanted, 0, sizeof(m->wanted));
	check_view(m);
}

static void step(struct model *m)
{
	uint32_t what = rnd(100);

	if (what < 45)
		random_map(m);
	else if (what < 60)
		random_unmap(m);
	else if (what < 64)
		random_refresh(m);
	else if (what < 66)
		random_replay(m);
	else if (what < 67)
		random_clear(m);
	else if (what < 70)
		starved_update(m);
	else if (what < 90)
		clean_commit(m);
	else if (what < 97)
		failing_commit(m);
	else
		starved_commit(m);
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 0) : otherwise;
}

static void random_stream(void **state)
{
	uint64_t seed, steps = env_number("STEPS", 500000), i;
	static struct model m;

	(void)state;
	assert_int_equal(getentropy(&seed, sizeof(seed)), 0);
	seed = env_number("SEED", seed);
	rng = seed;
	printf("# SEED=%llu\n", (unsigned long long)seed);
	assert_int_equal(vgrant_iotlb_new_ops(&ops, &m, PAGES * PAGE, PAGE,
					      VGRANT_IOTLB_WRITE_IMPLIES_READ,
					      &m.tlb), 0);
	for (i = 0; i < steps; i++)
		step(&m);
	clean_commit(&m);
	vgrant_iotlb_free(m.tlb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
