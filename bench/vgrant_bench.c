// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a grant and its revoke cost, as ratios of times that were measured in
 * turn in one run, because times from an emulated machine mean nothing else.
 * It reports and does not judge.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define FEW		10
#define VMA_PAGES	32

static unsigned int rounds;
static unsigned long others;
static int space;
/* Its few pages are granted over and over. */
static char *source;
static uint32_t max_entries;

static void *source_create(size_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap of %zu KiB", length >> 10);
	madvise(p, length, MADV_NOHUGEPAGE);
	memset(p, 1, length);
	return p;
}

/* @nr grants of @pages pages, one every @stride bytes. */
static void fill(const struct window *w, unsigned long nr, unsigned int pages,
		 uint64_t stride)
{
	struct vhost_grant_map_entry *e = calloc(max_entries, sizeof(*e));
	unsigned long done, i, n;

	if (!e)
		err(1, "calloc");
	for (done = 0; done < nr; done += n) {
		n = nr - done < max_entries ? nr - done : max_entries;
		for (i = 0; i < n; i++) {
			e[i] = grant(source, (done + i) * stride,
				     pages > 1 ? 0 : done + i);
			e[i].length = pages * PAGE;
		}
		window_map(w, e, (unsigned int)n);
	}
	free(e);
}

/* The others are at even pages, so that an odd page is always a hole. */
static void others_place(uint64_t *iova, bool scattered)
{
	uint64_t first = random_below(others - MAX_PAGES);
	unsigned int i;

	for (i = 0; i < MAX_PAGES; i++)
		iova[i] = scattered ? random_below(others / MAX_PAGES) +
				      others / MAX_PAGES * i : first + i;
	for (i = 0; i < MAX_PAGES; i++)
		iova[i] = iova[i] * 2 * PAGE + PAGE;
	if (scattered)
		shuffle(iova, MAX_PAGES);
}

static void others_round(const struct window *few, const struct window *many,
			 bool scattered, struct series *map,
			 struct series *unmap)
{
	unsigned int i, first = map->n & 1;
	uint64_t iova[MAX_PAGES];

	others_place(iova, scattered);
	for (i = 0; i < 2; i++) {
		const struct window *w = i == first ? few : many;
		uint64_t *m = i == first ? map->b : map->a;
		uint64_t *u = i == first ? unmap->b : unmap->a;

		m[map->n] = time_map(w, source, iova, MAX_PAGES, 1);
		u[map->n] = time_unmap(w, iova, MAX_PAGES, 1);
	}
	map->n++;
	unmap->n++;
}

static void bench_others_as(const struct window *few,
			    const struct window *many, bool scattered)
{
	static struct series map, unmap;

	map = (struct series) {
		.name = scattered ? "map.others.scattered" :
				    "map.others.neighbours",
		.what = "MAP among many grants / among 10",
		.aim = 1.3,
	};
	unmap = (struct series) {
		.name = scattered ? "unmap.others.scattered" :
				    "unmap.others.neighbours",
		.what = "UNMAP among many grants / among 10",
		.aim = 1.3,
	};
	while (map.n < rounds)
		others_round(few, many, scattered, &map, &unmap);
	report(&map);
	report(&unmap);
}

static void bench_others(void)
{
	uint64_t length = others * 2 * PAGE;
	struct window few = window_create(space, length);
	struct window many = window_create(space, length);

	fill(&few, FEW, 1, length / FEW / (2 * PAGE) * (2 * PAGE));
	fill(&many, others, 1, 2 * PAGE);
	bench_others_as(&few, &many, false);
	bench_others_as(&few, &many, true);
	window_destroy(&few);
	window_destroy(&many);
}

enum touch { UNTOUCHED, SLEEPING, SPINNING };

static void batch_half(const struct window *w, const struct peer *peer,
		       enum touch touch, unsigned int batch, uint64_t *map,
		       uint64_t *unmap)
{
	*map = time_map(w, source, peer->iova, MAX_PAGES, batch);
	if (touch != UNTOUCHED)
		peer_do(peer, PEER_TOUCH, MAX_PAGES);
	*unmap = time_unmap(w, peer->iova, MAX_PAGES, batch);
}

static void batch_rounds(const struct window *w, const struct peer *peer,
			 enum touch touch, struct series *map,
			 struct series *unmap)
{
	unsigned int n, i;

	for (n = 0; n < rounds; n++)
		for (i = 0; i < 2; i++) {
			bool batch = (n + i) & 1;

			batch_half(w, peer, touch, batch ? MAX_PAGES : 1,
				   batch ? &map->a[n] : &map->b[n],
				   batch ? &unmap->a[n] : &unmap->b[n]);
		}
	map->n = rounds;
	unmap->n = rounds;
}

static void batch_place(const struct peer *peer, bool scattered)
{
	unsigned int i;

	for (i = 0; i < MAX_PAGES; i++)
		peer->iova[i] = scattered ? i * 1027ULL * PAGE : i * PAGE;
	if (scattered)
		shuffle(peer->iova, MAX_PAGES);
}

static void bench_batch_as(const struct window *w, bool scattered,
			   enum touch touch)
{
	static const char * const state[] = { "untouched", "touched", "busy" };
	static struct series map, unmap;
	struct peer peer = peer_start(w);
	const char *place = scattered ? "scattered" : "contiguous";
	char name[2][48];

	batch_place(&peer, scattered);
	peer_do(&peer, PEER_MAP_WINDOW, 0);
	if (touch == SPINNING)
		peer_do(&peer, PEER_SPIN, 0);
	snprintf(name[0], sizeof(name[0]), "map.batch.%s.%s", place,
		 state[touch]);
	snprintf(name[1], sizeof(name[1]), "unmap.batch.%s.%s", place,
		 state[touch]);
	map = (struct series) {
		.name = name[0],
		.what = "MAP of 256 pages, one call / 256 calls",
		.aim = 0.35,
	};
	unmap = (struct series) {
		.name = name[1],
		.what = "UNMAP of 256 pages, one call / 256 calls",
		.aim = 0.35,
	};
	batch_rounds(w, &peer, touch, &map, &unmap);
	report(&map);
	report(&unmap);
	if (touch == SPINNING)
		peer_do(&peer, PEER_SLEEP, 0);
	peer_stop(&peer);
}

static void bench_batch(void)
{
	struct window w = window_create(space, 2048 * MAX_PAGES * PAGE);
	enum touch touch;

	for (touch = UNTOUCHED; touch <= SPINNING; touch++) {
		bench_batch_as(&w, false, touch);
		bench_batch_as(&w, true, touch);
	}
	window_destroy(&w);
}

/* The peer has each page in a mapping of its own: munmap takes whole ones. */
static void munmap_round(const struct window *w, const struct peer *peer,
			 struct series *s)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		time_map(w, source, peer->iova, VMA_PAGES, 1);
		peer_do(peer, PEER_MAP_PAGES, VMA_PAGES);
		if ((s->n + i) & 1) {
			s->a[s->n] = time_unmap(w, peer->iova, VMA_PAGES, 1);
			peer_do(peer, PEER_UNMAP_PAGES, VMA_PAGES);
		} else {
			s->b[s->n] = peer_do(peer, PEER_UNMAP_PAGES, VMA_PAGES);
			time_unmap(w, peer->iova, VMA_PAGES, 1);
		}
	}
	s->n++;
}

static void bench_munmap(void)
{
	static struct series sleeping = {
		.name = "unmap.munmap.touched",
		.what = "UNMAP / munmap by the peer itself",
		.aim = 1.5,
	};
	static struct series busy = {
		.name = "unmap.munmap.busy",
		.what = "same, another thread of it is busy",
		.aim = 1.5,
	};
	struct window w = window_create(space, 2048 * MAX_PAGES * PAGE);
	struct peer peer = peer_start(&w);

	batch_place(&peer, true);
	while (sleeping.n < rounds)
		munmap_round(&w, &peer, &sleeping);
	peer_do(&peer, PEER_SPIN, 0);
	while (busy.n < rounds)
		munmap_round(&w, &peer, &busy);
	peer_do(&peer, PEER_SLEEP, 0);
	report(&sleeping);
	report(&busy);
	peer_stop(&peer);
	window_destroy(&w);
}

/* Bytes that one grant of @pages pages takes, from @nr of them. */
static double bytes_per_grant(unsigned long nr, unsigned int pages,
			      uint64_t stride)
{
	struct window w = window_create(space, nr * stride);
	int64_t before = kernel_memory();
	double bytes;

	fill(&w, nr, pages, stride);
	bytes = (double)(kernel_memory() - before) / (double)nr;
	window_destroy(&w);
	return bytes;
}

static void bench_memory(void)
{
	unsigned int pages = MAX_PAGES;
	double single = bytes_per_grant(others, 1, 2 * PAGE);
	double large = bytes_per_grant(others / pages + 1, pages,
				       2 * pages * PAGE);
	double page = (large - single) / (pages - 1);

	report_bytes("memory.grant", single - page, 64, "a grant without pages");
	report_bytes("memory.page", page, 8, "each page of a grant");
	report_bytes("memory.single", single, 72, "a grant of one page");
	printf("# memory: %s\n", kernel_memory_source());
}

static void bench_memory_huge(void)
{
	uint64_t huge = 2ULL << 20;
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	char *old = source;

	if (fd < 0 || ftruncate(fd, (off_t)huge))
		goto skip;
	source = mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (source == MAP_FAILED) {
		source = old;
		goto skip;
	}
	report_bytes("memory.huge", bytes_per_grant(10000, 512, huge),
		     64 + 8 * 512, "a grant of one huge page");
	munmap(source, huge);
	source = old;
	close(fd);
	return;
skip:
	if (fd >= 0)
		close(fd);
	report_skip("memory.huge", "no free hugetlb page");
}

int main(int argc, char **argv)
{
	struct options o = { .rounds = 31, .others = 1000000, .seed = 1 };

	options_parse(&o, argc, argv);
	rounds = o.rounds;
	others = o.others;
	random_seed(o.seed);
	space = space_open();
	max_entries = space_info(space).out_max_entries;
	source = source_create(MAX_PAGES * PAGE);
	printf("# %u rounds, %lu other grants, seed %u; times are only good as ratios\n",
	       rounds, others, o.seed);
	results_begin(o.output);
	bench_batch();
	bench_munmap();
	bench_memory();
	bench_memory_huge();
	bench_others();
	results_end();
	return 0;
}
