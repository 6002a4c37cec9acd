// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc.h"
#include "source.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define HUGETLB_DIR "/sys/kernel/mm/hugepages/hugepages-2048kB/"

char *source_aligned(uint64_t length, int flags, int fd)
{
	char *area, *start;

	area = mmap(NULL, length + HUGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		return NULL;
	start = (char *)(((uintptr_t)area + HUGE - 1) & ~(HUGE - 1));
	if (start > area)
		munmap(area, start - area);
	munmap(start + length, area + HUGE - start);
	start = mmap(start, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED,
		     fd, 0);
	if (start == MAP_FAILED)
		return NULL;
	madvise(start, length, MADV_DONTFORK);
	return start;
}

char *source_pages(uint64_t length)
{
	char *memory = source_aligned(length, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (memory)
		madvise(memory, length, MADV_NOHUGEPAGE);
	return memory;
}

/* MFD_EXEC says what is the default anyway, and keeps the kernel log quiet. */
int source_memfd(uint64_t length, unsigned int flags)
{
	int fd = memfd_create("source", flags | MFD_CLOEXEC | MFD_EXEC |
					MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, length)) {
		close(fd);
		return -errno;
	}
	return fd;
}

long source_free_hugetlb(void)
{
	return proc_number(HUGETLB_DIR "free_hugepages");
}

long source_reserved_hugetlb(void)
{
	return proc_number(HUGETLB_DIR "resv_hugepages");
}

static bool has_hugetlb(uint64_t bytes)
{
	return source_free_hugetlb() - source_reserved_hugetlb() >=
	       (long)(bytes / HUGE);
}

int source_reserve_hugetlb(uint64_t bytes)
{
	long total = proc_number(HUGETLB_DIR "nr_hugepages");

	if (total < 0)
		return -EOPNOTSUPP;
	if (!has_hugetlb(bytes))
		proc_write(HUGETLB_DIR "nr_hugepages", "%ld",
			   total + (long)(bytes / HUGE));
	return has_hugetlb(bytes) ? 0 : -EOPNOTSUPP;
}

static int open_thp(struct source *source)
{
	source->memory = source_aligned(source->length,
					MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!source->memory)
		return -ENOMEM;
	if (madvise(source->memory, source->length, MADV_HUGEPAGE))
		return -EOPNOTSUPP;
	memset(source->memory, 0, source->length);
	if (proc_anon_huge(source->memory) != (long)source->length)
		return -EOPNOTSUPP;
	return 0;
}

static int open_file(struct source *source, unsigned int flags)
{
	source->fd = source_memfd(source->length, flags);
	if (source->fd < 0)
		return source->fd;
	source->memory = source_aligned(source->length, MAP_SHARED,
					source->fd);
	return source->memory ? 0 : -ENOMEM;
}

static int open_kind(struct source *source)
{
	switch (source->kind) {
	case SOURCE_ANON:
		source->memory = source_pages(source->length);
		return source->memory ? 0 : -ENOMEM;
	case SOURCE_THP:
		return open_thp(source);
	case SOURCE_MEMFD:
		return open_file(source, 0);
	case SOURCE_HUGETLB:
		if (source_reserve_hugetlb(source->length))
			return -EOPNOTSUPP;
		return open_file(source, MFD_HUGETLB | MFD_HUGE_2MB);
	}
	return -EINVAL;
}

int source_open(struct source *source, enum source_kind kind, uint64_t length)
{
	*source = (struct source){ .kind = kind, .length = length, .fd = -1 };
	return open_kind(source);
}

void source_close(struct source *source)
{
	munmap(source->memory, source->length);
	if (source->fd >= 0)
		close(source->fd);
	source->fd = -1;
}

uint64_t source_word(uint64_t tag, uint64_t offset)
{
	return tag << 48 | offset / PAGE;
}

void source_fill(struct source *source, uint64_t tag)
{
	uint64_t offset;

	for (offset = 0; offset < source->length; offset += PAGE)
		*(volatile uint64_t *)(source->memory + offset) =
			source_word(tag, offset);
}

int source_grant(const struct source *source, int space, uint32_t window,
		 uint64_t iova, uint64_t offset, uint64_t length,
		 uint32_t access)
{
	if (source->fd >= 0)
		return space_map_file(space, window, iova, source->fd, offset,
				      length, access);
	return space_map(space, window, iova, source->memory + offset, length,
			 access);
}
