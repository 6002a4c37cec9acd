// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "guest_memory.h"

/* The view that the CPUs have, which devices without an IOMMU have, too */
#define VIEW	" AS \"memory\", root: system"
#define PAGE_MASK 0xfffULL

/* A line is "0000-0fff (prio 0, ram): name". */
static bool parse_line(const char *line, struct guest_range *range)
{
	char kind[8];
	uint64_t last;

	if (sscanf(line, " %" SCNx64 "-%" SCNx64 " (prio %*d, %7[a-z]):",
		   &range->gpa, &last, kind) != 3)
		return false;
	if (strcmp(kind, "ram") && strcmp(kind, "rom"))
		return false;
	range->length = last + 1 - range->gpa;
	range->readonly = !strcmp(kind, "rom");
	return !((range->gpa | range->length) & PAGE_MASK);
}

int guest_memory_parse(struct guest_memory *memory, const char *mtree)
{
	const char *line = strstr(mtree, VIEW), *end;

	if (!line)
		return -ENOENT;
	end = strstr(line, "FlatView #");
	if (!end)
		end = line + strlen(line);
	memory->nr = 0;
	for (; line && line < end; line = strchr(line + 1, '\n')) {
		if (memory->nr == GUEST_RANGES)
			return -E2BIG;
		if (parse_line(line, &memory->ranges[memory->nr]))
			memory->nr++;
	}
	return memory->nr ? 0 : -ENOENT;
}

uint64_t guest_memory_hva(const char *answer)
{
	const char *address = strstr(answer, ") is 0x");
	uint64_t hva = 0;

	if (address)
		sscanf(address, ") is %" SCNx64, &hva);
	return hva;
}

int guest_memory_read(const struct guest_memory *memory, uint64_t gpa,
		      void *bytes, size_t length)
{
	const struct guest_range *range;
	struct iovec here = { bytes, length }, there = { NULL, length };
	unsigned int i;

	for (i = 0; i < memory->nr; i++) {
		range = &memory->ranges[i];
		if (gpa < range->gpa || gpa - range->gpa >= range->length ||
		    length > range->length - (gpa - range->gpa))
			continue;
		there.iov_base = (void *)(range->hva + (gpa - range->gpa));
		if (process_vm_readv(memory->pid, &here, 1, &there, 1, 0) ==
		    (ssize_t)length)
			return 0;
		return -EFAULT;
	}
	return -EFAULT;
}
