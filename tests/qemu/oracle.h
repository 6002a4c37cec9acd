/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a device may reach at one moment, found out without asking the code that is
 * under test: from the guest's own tables and requests. QEMU is to be stopped.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "guest_memory.h"
#include "reach.h"

/**
 * struct oracle_page - A page that the device may reach
 * @iova: as the device calls it
 * @gpa: what is there
 * @access: bits of enum reach_access
 */
struct oracle_page {
	uint64_t iova;
	uint64_t gpa;
	uint32_t access;
};

/**
 * struct oracle - All of them
 * @nr: of @pages
 * @room: in @pages
 * @pages: by @iova, allocated
 */
struct oracle {
	size_t nr;
	size_t room;
	struct oracle_page *pages;
};

int oracle_add(struct oracle *oracle, const struct guest_range *range,
	       uint64_t iova, uint32_t access);

/* Without an IOMMU: all memory */
int oracle_of_memory(struct oracle *oracle, const struct guest_memory *memory);

/**
 * struct intel_iommu - What is known of the guest's intel-iommu
 * @root: its register RTADDR_REG
 * @status: its register GSTS_REG
 * @bus: where the device is
 * @devfn: likewise
 */
struct intel_iommu {
	uint64_t root;
	uint32_t status;
	uint8_t bus;
	uint8_t devfn;
};

/*
 * From the tables in the guest's memory: 0, or -errno if they make no sense. A
 * device whose addresses are not translated may reach nothing, as with bypass=off.
 */
int oracle_of_intel(struct oracle *oracle, const struct guest_memory *memory,
		    const struct intel_iommu *iommu);

/**
 * struct virtio_log - What the guest has asked of its virtio-iommu
 * @file: that QEMU's trace events of it go to
 * @endpoint: the device
 * @domain: that it is attached to, if @attached
 * @attached: it is attached
 * @nr: of @mappings
 * @room: in @mappings
 * @mappings: of all domains, allocated
 */
struct virtio_log {
	FILE *file;
	uint32_t endpoint;
	uint32_t domain;
	bool attached;
	size_t nr;
	size_t room;
	struct virtio_mapping *mappings;
};

/* The events of QEMU that make it */
extern const char *const virtio_log_events[];
extern const size_t virtio_log_nr_events;

int virtio_log_open(struct virtio_log *log, const char *path,
		    uint32_t endpoint);
/* Reads what has come since the last time; what is not translated is as above */
int oracle_of_virtio(struct oracle *oracle, struct virtio_log *log);

/**
 * struct verdict - How what was reached compares with what may be
 * @same: pages that are as they may be
 * @readonly: of these, pages that may only be read
 * @missing: pages that may be reached, and were not
 * @excess: pages that were reached, and may not be
 * @access: pages with more or less access than they may have
 * @content: pages with other bytes than the guest's
 * @runs: ranges that the missing and excess pages are in
 * @first: address of the first page that is wrong in any way
 */
struct verdict {
	size_t same;
	size_t readonly;
	size_t missing;
	size_t excess;
	size_t access;
	size_t content;
	size_t runs;
	uint64_t first;
};

/* Of the pages from @first to @last; both are by address */
void oracle_judge(const struct oracle *oracle, const struct guest_memory *memory,
		  const struct reached *reached, size_t nr, uint64_t first,
		  uint64_t last, struct verdict *verdict);

#endif
