/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a back-end found when it tried pages, as the hostile back-end writes it
 * to its file of results and the tests read it.
 */
#ifndef REACH_H
#define REACH_H

#include <stddef.h>
#include <stdint.h>

#define REACH_PAGE	4096UL

enum reach_access {
	REACH_READ	= 1 << 0,
	REACH_WRITE	= 1 << 1,
};

/**
 * struct reached - A page that could be accessed in some way
 * @address: as the front-end calls it, IOVA or guest-physical
 * @sum: reach_sum() of what was read, 0 if it could only be written
 * @access: bits of enum reach_access
 * @reserved: 0
 */
struct reached {
	uint64_t address;
	uint64_t sum;
	uint32_t access;
	uint32_t reserved;
};

/* Of the bytes of a page: pages that differ will differ in it. */
static inline uint64_t reach_sum(const volatile void *page)
{
	const volatile uint64_t *word = page;
	uint64_t sum = 0xcbf29ce484222325;
	size_t i;

	for (i = 0; i < REACH_PAGE / sizeof(*word); i++)
		sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15 + (sum >> 29);
	return sum;
}

#endif
