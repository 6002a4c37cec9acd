// SPDX-License-Identifier: GPL-2.0-only
/* Pages of a window that are granted and taken back, against the clock. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "bench.h"

static unsigned int state = 1;

void random_seed(unsigned int seed)
{
	state = seed;
}

unsigned long random_below(unsigned long n)
{
	return (((unsigned long)rand_r(&state) << 31) |
		(unsigned long)rand_r(&state)) % n;
}

void shuffle(uint64_t *iova, unsigned int nr)
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

struct vhost_grant_map_entry grant(const void *source, uint64_t iova,
				   uint64_t i)
{
	return (struct vhost_grant_map_entry) {
		.iova = iova,
		.length = PAGE,
		.source = (uintptr_t)source + i % MAX_PAGES * PAGE,
		.flags = VHOST_GRANT_READ | VHOST_GRANT_WRITE,
	};
}

uint64_t time_map(const struct window *w, const void *source,
		  const uint64_t *iova, unsigned int nr, unsigned int batch)
{
	struct vhost_grant_map_entry e[MAX_PAGES];
	uint64_t start;
	unsigned int i;

	for (i = 0; i < nr; i++)
		e[i] = grant(source, iova[i], i);
	start = now_ns();
	for (i = 0; i < nr; i += batch)
		window_map(w, e + i, batch);
	return now_ns() - start;
}

uint64_t time_unmap(const struct window *w, const uint64_t *iova,
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
