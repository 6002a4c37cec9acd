// SPDX-License-Identifier: MIT
/* Splitting huge pages, for KVM that cannot map them from a window. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "space.h"

/* The smallest anonymous folio that Linux makes, above a single page: order 2. */
#define SMALLEST_FOLIO_PAGES	4

int vgrant_split_huge(void *addr, size_t length)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t step = SMALLEST_FOLIO_PAGES * page;
	uintptr_t pos = (uintptr_t)addr, end = pos + length;

	if (!length || end < pos || (pos | length) & (page - 1))
		return -EINVAL;
	/* EINVAL: this kernel has no huge pages, or MADV_COLD will say more. */
	if (madvise(addr, length, MADV_NOHUGEPAGE) && errno != EINVAL)
		return -errno;
	/*
	 * Linux splits a folio when this advice is for a part of it only. One
	 * page in each place where a folio could be is a part of all of them.
	 */
	for (; pos < end; pos = (pos + step) & -step) {
		if (madvise((void *)pos, page, MADV_COLD))
			return -errno;
	}
	return 0;
}
