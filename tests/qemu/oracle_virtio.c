// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio-iommu has no tables in the guest's memory, only requests. QEMU's device,
 * which knows nothing of windows, can log them as they come.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

/* An unmapping is done when its range is not translated any more. */
const char *const virtio_log_events[] = {
	"virtio_iommu_attach",
	"virtio_iommu_detach_endpoint_from_domain",
	"virtio_iommu_put_domain",
	"virtio_iommu_map",
	"virtio_iommu_unmap_done",
};

const size_t virtio_log_nr_events =
	sizeof(virtio_log_events) / sizeof(virtio_log_events[0]);

/**
 * struct virtio_mapping - A mapping
 * @domain: that it is in
 * @access: bits of enum reach_access, which are those of the request
 * @first: address of the first byte
 * @last: address of the last byte
 * @gpa: where it leads
 */
struct virtio_mapping {
	uint32_t domain;
	uint32_t access;
	uint64_t first;
	uint64_t last;
	uint64_t gpa;
};

int virtio_log_open(struct virtio_log *log, const char *path,
		    uint32_t endpoint)
{
	memset(log, 0, sizeof(*log));
	log->endpoint = endpoint;
	log->file = fopen(path, "re");
	return log->file ? 0 : -errno;
}

static int add(struct virtio_log *log, const struct virtio_mapping *mapping)
{
	struct virtio_mapping *mappings = log->mappings;

	if (log->nr == log->room) {
		log->room = log->room ? log->room * 2 : 256;
		mappings = realloc(mappings, log->room * sizeof(*mappings));
		if (!mappings)
			return -ENOMEM;
		log->mappings = mappings;
	}
	mappings[log->nr++] = *mapping;
	return 0;
}

static void drop(struct virtio_log *log, uint32_t domain, uint64_t first,
		 uint64_t last)
{
	struct virtio_mapping *mapping = log->mappings;

	while (mapping < log->mappings + log->nr) {
		if (mapping->domain == domain && mapping->first >= first &&
		    mapping->last <= last)
			*mapping = log->mappings[--log->nr];
		else
			mapping++;
	}
}

/* What comes next is that it is detached from another domain, if it was in one. */
static void attach(struct virtio_log *log, uint32_t domain)
{
	log->domain = domain;
	log->attached = true;
}

static int take_line(struct virtio_log *log, const char *line)
{
	struct virtio_mapping mapping = {};
	uint32_t domain, endpoint;

	if (sscanf(line, "virtio_iommu_map domain=%" SCNu32 " virt_start=%" SCNx64
		   " virt_end=%" SCNx64 " phys_start=%" SCNx64 " flags=%" SCNu32,
		   &mapping.domain, &mapping.first, &mapping.last, &mapping.gpa,
		   &mapping.access) == 5)
		return add(log, &mapping);
	if (sscanf(line, "virtio_iommu_unmap_done domain=%" SCNu32
		   " virt_start=%" SCNx64 " virt_end=%" SCNx64, &domain,
		   &mapping.first, &mapping.last) == 3)
		drop(log, domain, mapping.first, mapping.last);
	else if (sscanf(line, "virtio_iommu_put_domain Free domain=%" SCNu32,
			&domain) == 1)
		drop(log, domain, 0, UINT64_MAX);
	else if (sscanf(line, "virtio_iommu_attach domain=%" SCNu32
			" endpoint=%" SCNu32, &domain, &endpoint) == 2 &&
		 endpoint == log->endpoint)
		attach(log, domain);
	else if (sscanf(line, "virtio_iommu_detach_endpoint_from_domain domain=%"
			SCNu32 " endpoint=%" SCNu32, &domain, &endpoint) == 2 &&
		 endpoint == log->endpoint && domain == log->domain)
		log->attached = false;
	return 0;
}

/* The last line may not be all there yet. */
static int take_news(struct virtio_log *log)
{
	char line[256];
	long at = ftell(log->file);
	int ret = 0;

	while (!ret && fgets(line, sizeof(line), log->file) &&
	       strchr(line, '\n')) {
		ret = take_line(log, line);
		at = ftell(log->file);
	}
	fseek(log->file, at, SEEK_SET);
	return ret;
}

static int by_iova(const void *a, const void *b)
{
	const struct oracle_page *left = a, *right = b;

	return left->iova < right->iova ? -1 : left->iova > right->iova;
}

int oracle_of_virtio(struct oracle *oracle, struct virtio_log *log)
{
	const struct virtio_mapping *mapping;
	struct guest_range range;
	int ret;

	oracle->nr = 0;
	ret = take_news(log);
	if (!log->attached)
		return ret;
	for (mapping = log->mappings; !ret && mapping < log->mappings + log->nr;
	     mapping++) {
		if (mapping->domain != log->domain)
			continue;
		range.gpa = mapping->gpa;
		range.length = mapping->last + 1 - mapping->first;
		ret = oracle_add(oracle, &range, mapping->first,
				 mapping->access & (REACH_READ | REACH_WRITE));
	}
	qsort(oracle->pages, oracle->nr, sizeof(*oracle->pages), by_iova);
	return ret;
}
