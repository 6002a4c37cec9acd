// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a grant and its revoke cost, as ratios of times that were measured in
 * turn in one run, because times from an emulated machine mean nothing else.
 * It reports and does not judge.
 */
#define _GNU_SOURCE
#include <err.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define MAX_ROUNDS	999
#define FEW		10
#define VMA_PAGES	32

static unsigned int rounds = 31;
static unsigned long others = 1000000;
static unsigned int seed = 1;
static FILE *tsv;
static int space;
static char *source;
static uint32_t max_entries;

/**
 * struct series - Times of two things that are compared
 * @name: of the comparison
 * @what: in words
 * @aim: the ratio to stay below
 * @n: rounds done
 * @a: nanoseconds of the one
 * @b: nanoseconds of the other
 */
struct series {
	const char *name;
	const char *what;
	double aim;
	unsigned int n;
	uint64_t a[MAX_ROUNDS];
	uint64_t b[MAX_ROUNDS];
};

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static int compare(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static void sorted_ratios(const struct series *s, double *ratio)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		ratio[i] = (double)s->a[i] / (double)s->b[i];
	qsort(ratio, s->n, sizeof(*ratio), compare);
}

static void report(const struct series *s)
{
	double ratio[MAX_ROUNDS];
	unsigned int i;

	sorted_ratios(s, ratio);
	printf("%-34s %7.3f  [%6.3f, %7.3f]  %5.2f  %s\n", s->name,
	       ratio[s->n / 2], ratio[0], ratio[s->n - 1], s->aim, s->what);
	fflush(stdout);
	if (!tsv)
		return;
	fprintf(tsv, "%s\tratio\t%.4f\t%.4f", s->name, ratio[s->n / 2], s->aim);
	for (i = 0; i < s->n; i++)
		fprintf(tsv, "\t%llu/%llu", (unsigned long long)s->a[i],
			(unsigned long long)s->b[i]);
	fputc('\n', tsv);
}

static void report_bytes(const char *name, double bytes, double aim,
			 const char *what)
{
	printf("%-34s %7.1f  %17s  %5.0f  %s\n", name, bytes, "bytes", aim,
	       what);
	if (tsv)
		fprintf(tsv, "%s\tbytes\t%.2f\t%.2f\n", name, bytes, aim);
}

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

/* Page @i of the source, whose few pages are granted over and over. */
static struct vhost_grant_map_entry grant(uint64_t iova, uint64_t i)
{
	return (struct vhost_grant_map_entry) {
		.iova = iova,
		.length = PAGE,
		.source = (uintptr_t)source + i % MAX_PAGES * PAGE,
		.flags = VHOST_GRANT_READ | VHOST_GRANT_WRITE,
	};
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
			e[i] = grant((done + i) * stride,
				     pages > 1 ? 0 : done + i);
			e[i].length = pages * PAGE;
		}
		window_map(w, e, (unsigned int)n);
	}
	free(e);
}

static unsigned long random_below(unsigned long n)
{
	return (((unsigned long)rand_r(&seed) << 31) |
		(unsigned long)rand_r(&seed)) % n;
}

static void shuffle(uint64_t *iova, unsigned int nr)
{
	unsigned int i, j;
	uint64_t t;

	for (i = nr - 1; i; i--) {
		j = (unsigned int)random_below(i + 1);
		t = iova[i];
		iova[i] = iova[j];
		iova[j] = t;
	}
}

/* MAP of @nr pages, @batch entries a call: nanoseconds. */
static uint64_t time_map(const struct window *w, const uint64_t *iova,
			 unsigned int nr, unsigned int batch)
{
	struct vhost_grant_map_entry e[MAX_PAGES];
	uint64_t start;
	unsigned int i;

	for (i = 0; i < nr; i++)
		e[i] = grant(iova[i], i);
	start = now_ns();
	for (i = 0; i < nr; i += batch)
		window_map(w, e + i, batch);
	return now_ns() - start;
}

static uint64_t time_unmap(const struct window *w, const uint64_t *iova,
			   unsigned int nr, unsigned int batch)
{
	struct vhost_grant_unmap_entry e[MAX_PAGES];
	uint64_t start;
	unsigned int i;

	for (i = 0; i < nr; i++)
		e[i] = (struct vhost_grant_unmap_entry) { iova[i], PAGE };
	start = now_ns();
	for (i = 0; i < nr; i += batch)
		window_unmap(w, e + i, batch);
	return now_ns() - start;
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

		m[map->n] = time_map(w, iova, MAX_PAGES, 1);
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
	*map = time_map(w, peer->iova, MAX_PAGES, batch);
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
		time_map(w, peer->iova, VMA_PAGES, 1);
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
	printf("# memory.huge: skipped, no free hugetlb page\n");
}

static void usage(FILE *f)
{
	fprintf(f,
		"usage: vgrant_bench [options]\n"
		"  -r, --rounds N   rounds of each comparison (31)\n"
		"  -n, --others N   grants that are many (1000000)\n"
		"  -s, --seed N     of the places of pages (1)\n"
		"  -o, --output F   write machine-readable results too, - for here\n"
		"  -h, --help       this text\n");
}

static unsigned long number(const char *text, unsigned long min,
			    unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (*end || !*text || n < min || n > max)
		errx(2, "%s: not a number from %lu to %lu", text, min, max);
	return n;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "others", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "r:n:s:o:h", options, NULL)) != -1)
		switch (c) {
		case 'r':
			rounds = (unsigned int)number(optarg, 1, MAX_ROUNDS);
			break;
		case 'n':
			others = number(optarg, 2 * MAX_PAGES, 1 << 23);
			break;
		case 's':
			seed = (unsigned int)number(optarg, 0, ~0U);
			break;
		case 'o':
			tsv = strcmp(optarg, "-") ? fopen(optarg, "we") : stdout;
			if (!tsv)
				err(2, "%s", optarg);
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	if (optind != argc)
		errx(2, "%s: not an option; see --help", argv[optind]);
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	space = space_open();
	max_entries = space_info(space).out_max_entries;
	source = source_create(MAX_PAGES * PAGE);
	printf("# %u rounds, %lu other grants, seed %u; times are only good as ratios\n",
	       rounds, others, seed);
	printf("%-34s %7s  %17s  %5s\n", "# comparison", "median", "[min, max]",
	       "aim <");
	bench_batch();
	bench_munmap();
	bench_memory();
	bench_memory_huge();
	bench_others();
	if (tsv && fclose(tsv))
		err(1, "cannot write the results");
	return 0;
}
