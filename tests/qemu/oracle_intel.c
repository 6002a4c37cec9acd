// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of Intel's "Virtualization Technology for Directed I/O", in legacy
 * mode: root table, context table, and second-stage page tables.
 */
#include <errno.h>

#include "oracle.h"

#define STATUS_TRANSLATING	(1U << 31)
#define ROOT_MODE		(3ULL << 10)
#define PRESENT			(1ULL << 0)
#define ADDRESS			0x000ffffffffff000ULL
#define PAGE_SIZE_BIT		(1ULL << 7)
#define TRANSLATION_TYPE(entry)	((entry)[0] >> 2 & 3)
#define ADDRESS_WIDTH(entry)	((entry)[1] & 7)
#define ENTRIES			512

enum translation_type {
	TYPE_TABLES		= 0,
	TYPE_TABLES_AND_ATS	= 1,
	TYPE_PASS_THROUGH	= 2,
};

/**
 * struct walk - Through the page tables
 * @oracle: that is filled
 * @memory: that the tables are in
 */
struct walk {
	struct oracle *oracle;
	const struct guest_memory *memory;
};

static int add_leaf(struct walk *walk, uint64_t entry, uint64_t iova,
		    unsigned int shift, uint32_t access)
{
	const struct guest_range range = {
		.gpa = entry & ADDRESS & -(1ULL << shift),
		.length = 1ULL << shift,
	};

	return oracle_add(walk->oracle, &range, iova, access);
}

/* Bits 0 and 1 of an entry are R and W, as in enum reach_access. */
static int walk_table(struct walk *walk, uint64_t table, unsigned int level,
		      uint64_t iova, uint32_t access)
{
	const unsigned int shift = 12 + 9 * (level - 1);
	uint64_t entries[ENTRIES];
	uint32_t allowed;
	unsigned int i;
	int ret;

	ret = guest_memory_read(walk->memory, table & ADDRESS, entries,
				sizeof(entries));
	for (i = 0; i < ENTRIES && !ret; i++) {
		allowed = access & entries[i];
		if (!allowed)
			continue;
		if (level == 1 || (level <= 3 && entries[i] & PAGE_SIZE_BIT))
			ret = add_leaf(walk, entries[i],
				       iova | (uint64_t)i << shift, shift,
				       allowed);
		else
			ret = walk_table(walk, entries[i], level - 1,
					 iova | (uint64_t)i << shift, allowed);
	}
	return ret;
}

static int read_context(const struct guest_memory *memory,
			const struct intel_iommu *iommu, uint64_t context[2])
{
	uint64_t root[2];
	int ret;

	context[0] = 0;
	ret = guest_memory_read(memory, (iommu->root & ADDRESS) +
				iommu->bus * sizeof(root), root, sizeof(root));
	if (ret || !(root[0] & PRESENT))
		return ret;
	return guest_memory_read(memory, (root[0] & ADDRESS) +
				 iommu->devfn * sizeof(root), context,
				 sizeof(root));
}

int oracle_of_intel(struct oracle *oracle, const struct guest_memory *memory,
		    const struct intel_iommu *iommu)
{
	struct walk walk = { oracle, memory };
	uint64_t context[2];
	int ret;

	oracle->nr = 0;
	if (!(iommu->status & STATUS_TRANSLATING))
		return 0;
	if (iommu->root & ROOT_MODE)
		return -EOPNOTSUPP;
	ret = read_context(memory, iommu, context);
	if (ret || !(context[0] & PRESENT))
		return ret;
	switch (TRANSLATION_TYPE(context)) {
	case TYPE_TABLES:
	case TYPE_TABLES_AND_ATS:
		return walk_table(&walk, context[0],
				  ADDRESS_WIDTH(context) + 2, 0,
				  REACH_READ | REACH_WRITE);
	case TYPE_PASS_THROUGH:
		return 0;
	}
	return -EINVAL;
}
