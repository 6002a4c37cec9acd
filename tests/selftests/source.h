/* SPDX-License-Identifier: GPL-2.0-only */
/* The kinds of memory that an owner can grant. */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdint.h>

#include "space.h"

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif

enum source_kind {
	SOURCE_ANON,
	SOURCE_THP,
	SOURCE_MEMFD,
	SOURCE_HUGETLB,
};

struct source {
	enum source_kind kind;
	uint64_t length;
	/* The owner's own mapping, aligned to 2 MiB. */
	char *memory;
	/* -1 when the kind has none. */
	int fd;
};

/*
 * 0 or -errno; -EOPNOTSUPP when the machine has no huge pages to give. The
 * memory is not inherited by children, so that a peer has nothing but the
 * window.
 */
int source_open(struct source *source, enum source_kind kind, uint64_t length);
void source_close(struct source *source);

/* Fill every page with a number of its own. */
void source_fill(struct source *source, uint64_t tag);
uint64_t source_word(uint64_t tag, uint64_t offset);

/* Grant @length bytes from @offset on, by file where the kind has one. */
int source_grant(const struct source *source, int space, uint32_t window,
		 uint64_t iova, uint64_t offset, uint64_t length,
		 uint32_t access);

/* A memfd of @length bytes, or -errno. @flags of memfd_create(). */
int source_memfd(uint64_t length, unsigned int flags);

/* Anonymous pages of 4 KiB; NULL if there are none. */
char *source_pages(uint64_t length);

/* Memory that is aligned to 2 MiB. */
char *source_aligned(uint64_t length, int flags, int fd);

/* Make sure that @bytes of 2 MiB hugetlb pages are free; 0 or -errno. */
int source_reserve_hugetlb(uint64_t bytes);
/* Pages of the pool that are free, and that are promised to mappings. */
long source_free_hugetlb(void);
long source_reserved_hugetlb(void);

#endif
