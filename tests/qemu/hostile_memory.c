// SPDX-License-Identifier: GPL-2.0-only
/* The memory that the front-end sends, and what of it can be mapped in which way. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostile.h"
#include "reach.h"

int memory_add(struct hostile *hostile, const struct vu_region *wire, int fd)
{
	struct region *region = &hostile->regions[hostile->nr_regions];

	if (hostile->nr_regions == VU_MAX_REGIONS)
		return -ENOSPC;
	region->base = mmap(NULL, wire->size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_NORESERVE, fd, wire->mmap_offset);
	if (region->base == MAP_FAILED)
		return -errno;
	region->wire = *wire;
	region->fd = fd;
	hostile->nr_regions++;
	return 0;
}

static void forget(struct region *region)
{
	munmap(region->base, region->wire.size);
	close(region->fd);
}

void memory_remove(struct hostile *hostile, const struct vu_region *wire)
{
	unsigned int i;

	for (i = 0; i < hostile->nr_regions; i++) {
		if (hostile->regions[i].wire.gpa != wire->gpa)
			continue;
		forget(&hostile->regions[i]);
		hostile->regions[i] = hostile->regions[--hostile->nr_regions];
		return;
	}
}

void memory_clear(struct hostile *hostile)
{
	while (hostile->nr_regions)
		forget(&hostile->regions[--hostile->nr_regions]);
}

static bool inside(uint64_t start, uint64_t size, uint64_t at, uint64_t length)
{
	return at >= start && at - start < size && length <= size - (at - start);
}

void *memory_at_gpa(struct hostile *hostile, uint64_t gpa, uint64_t length)
{
	struct region *region;
	unsigned int i;

	for (i = 0; i < hostile->nr_regions; i++) {
		region = &hostile->regions[i];
		if (inside(region->wire.gpa, region->wire.size, gpa, length))
			return region->base + (gpa - region->wire.gpa);
	}
	return NULL;
}

void *memory_at_user(struct hostile *hostile, uint64_t user, uint64_t length)
{
	struct region *region;
	unsigned int i;

	for (i = 0; i < hostile->nr_regions; i++) {
		region = &hostile->regions[i];
		if (inside(region->wire.user, region->wire.size, user, length))
			return region->base + (user - region->wire.user);
	}
	return NULL;
}

void *memory_at(struct hostile *hostile, uint64_t address, uint64_t length)
{
	if (!iotlb_used(hostile))
		return memory_at_gpa(hostile, address, length);
	return memory_at_user(hostile, iotlb_user(hostile, address), length);
}

static void tell_file(int fd)
{
	char path[64], target[128];
	struct stat stat = {};
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, target, sizeof(target) - 1);
	target[length < 0 ? 0 : length] = '\0';
	fstat(fd, &stat);
	tell(" file %s length 0x%" PRIx64 "\n", target, (uint64_t)stat.st_size);
}

void memory_tell(struct hostile *hostile)
{
	struct region *region;
	unsigned int i;

	for (i = 0; i < hostile->nr_regions; i++) {
		region = &hostile->regions[i];
		tell("region gpa 0x%" PRIx64 " size 0x%" PRIx64
		     " user 0x%" PRIx64 " offset 0x%" PRIx64,
		     region->wire.gpa, region->wire.size, region->wire.user,
		     region->wire.mmap_offset);
		tell_file(region->fd);
	}
}

/**
 * struct odd_map - A way to map a file that no back-end needs
 * @name: for the answer
 * @prot: of mmap()
 * @flags: of mmap()
 * @beyond: where, counted from the end of the region
 */
struct odd_map {
	const char *name;
	int prot;
	int flags;
	bool beyond;
};

static const struct odd_map odd_maps[] = {
	{ "populated", PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, false },
	{ "locked", PROT_READ | PROT_WRITE, MAP_SHARED | MAP_LOCKED, false },
	{ "executable", PROT_READ | PROT_EXEC, MAP_SHARED, false },
	{ "private", PROT_READ | PROT_WRITE, MAP_PRIVATE, false },
	{ "private-readonly", PROT_READ, MAP_PRIVATE, false },
	{ "beyond", PROT_READ | PROT_WRITE, MAP_SHARED, true },
};

static int try_map(const struct region *region, const struct odd_map *odd)
{
	uint64_t offset = region->wire.mmap_offset;
	void *base;

	if (odd->beyond)
		offset += region->wire.size;
	base = mmap(NULL, REACH_PAGE, odd->prot, odd->flags, region->fd, offset);
	if (base == MAP_FAILED)
		return -errno;
	munmap(base, REACH_PAGE);
	return 0;
}

/* A second mapping takes the place of half the first, and is taken back. */
static int try_map_over_half(const struct region *region)
{
	uint64_t half = region->wire.size / 2 & -(2UL << 20);
	void *at = region->base + half;

	if (mmap(at, region->wire.size - half, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_NORESERVE | MAP_FIXED, region->fd,
		 region->wire.mmap_offset + half) == MAP_FAILED)
		return -errno;
	return 0;
}

void memory_tell_maps(struct hostile *hostile)
{
	const struct region *region;
	unsigned int i;
	size_t k;

	for (i = 0; i < hostile->nr_regions; i++) {
		region = &hostile->regions[i];
		for (k = 0; k < sizeof(odd_maps) / sizeof(odd_maps[0]); k++)
			tell("map %s %d\n", odd_maps[k].name,
			     try_map(region, &odd_maps[k]));
		tell("map over-half %d\n", try_map_over_half(region));
	}
}

/* What the front-end has in a file that others can shorten is gone for it, too. */
void memory_truncate(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < hostile->nr_regions; i++)
		tell("truncate %d\n",
		     ftruncate(hostile->regions[i].fd, 0) ? -errno : 0);
}
