// SPDX-License-Identifier: MIT
/*
 * Keeps a window in step with a stream of updates, as a VMM with an IOMMU does.
 * The stream comes from standard input, a command in a line:
 *
 *	map IOVA LENGTH OFFSET r|rw	OFFSET in 16 MiB of memory
 *	unmap IOVA LENGTH
 *	begin				a full listing follows
 *	commit				make the window so and show it
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vgrant.h>

#define MEMORY_LENGTH	(UINT64_C(16) << 20)
#define WINDOW_LENGTH	(UINT64_C(1) << 40)

struct vmm {
	struct vgrant_space *space;
	struct vgrant_iotlb *tlb;
	uint32_t window;
	char *memory;
};

static void check(enum vgrant_op op, const char *what, int ret)
{
	if (ret < 0) {
		fprintf(stderr, "iotlb: %s: %s\n", what,
			vgrant_strerror(op, ret));
		exit(1);
	}
}

static int map(struct vmm *vmm, uint64_t iova, uint64_t length, uint64_t offset,
	       const char *access)
{
	const struct vhost_grant_map_entry entry = {
		.iova = iova,
		.length = length,
		.source = (uintptr_t)vmm->memory + offset,
		.flags = VHOST_GRANT_READ |
			 (strcmp(access, "rw") ? 0 : VHOST_GRANT_WRITE),
	};

	if (offset > MEMORY_LENGTH || length > MEMORY_LENGTH - offset) {
		printf("  past the end of the memory: it has 16 MiB\n");
		return 0;
	}
	return vgrant_iotlb_map(vmm->tlb, &entry);
}

static void show(const struct vmm *vmm)
{
	struct vhost_grant_map_entry entry = { 0 };
	struct vhost_grant_query query;

	while (!vgrant_iotlb_lookup(vmm->tlb, entry.iova + entry.length, &entry))
		printf("  %#" PRIx64 "-%#" PRIx64 " offset %#" PRIx64 " %s\n",
		       (uint64_t)entry.iova,
		       (uint64_t)(entry.iova + entry.length),
		       (uint64_t)(entry.source - (uintptr_t)vmm->memory),
		       entry.flags & VHOST_GRANT_WRITE ? "rw" : "r");
	check(VGRANT_OP_QUERY, "query",
	      vgrant_query(vmm->space, vmm->window, &query));
	printf("  granted %" PRIu64 " pages, revoked %" PRIu64 " so far\n",
	       (uint64_t)query.out_pages_granted,
	       (uint64_t)query.out_pages_revoked);
}

/* A range that cannot be granted is left out, and the rest goes on. */
static void commit(struct vmm *vmm)
{
	struct vgrant_iotlb_failure failure;
	int ret;

	while ((ret = vgrant_iotlb_commit(vmm->tlb, &failure))) {
		if (failure.op != VGRANT_OP_MAP)
			check(failure.op, "commit", ret);
		printf("  %#" PRIx64 " not granted: %s\n",
		       (uint64_t)failure.entry.iova,
		       vgrant_strerror(failure.op, ret));
		check(VGRANT_OP_IOTLB, "unmap",
		      vgrant_iotlb_unmap(vmm->tlb, failure.entry.iova,
					 failure.entry.length));
	}
	show(vmm);
}

static void command(struct vmm *vmm, const char *line)
{
	uint64_t iova, length, offset;
	char access[3];
	int ret = 0;

	if (sscanf(line, "map %" SCNi64 " %" SCNi64 " %" SCNi64 " %2s",
		   &iova, &length, &offset, access) == 4)
		ret = map(vmm, iova, length, offset, access);
	else if (sscanf(line, "unmap %" SCNi64 " %" SCNi64, &iova, &length) == 2)
		ret = vgrant_iotlb_unmap(vmm->tlb, iova, length);
	else if (!strncmp(line, "begin", 5))
		vgrant_iotlb_begin(vmm->tlb);
	else if (!strncmp(line, "commit", 6))
		commit(vmm);
	else
		printf("  not understood: use map, unmap, begin or commit\n");
	if (ret)
		printf("  %s\n", vgrant_strerror(VGRANT_OP_IOTLB, ret));
}

int main(void)
{
	struct vmm vmm;
	char line[128];
	int fd;

	vmm.memory = mmap(NULL, MEMORY_LENGTH, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vmm.memory == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	check(VGRANT_OP_OPEN, VGRANT_DEVICE, vgrant_open(NULL, 0, &vmm.space));
	fd = vgrant_create_window(vmm.space, WINDOW_LENGTH, 0, &vmm.window);
	check(VGRANT_OP_CREATE_WINDOW, "create window", fd);
	check(VGRANT_OP_IOTLB, "iotlb",
	      vgrant_iotlb_new(vmm.space, vmm.window, 0, &vmm.tlb));
	while (fgets(line, sizeof(line), stdin))
		command(&vmm, line);
	vgrant_iotlb_free(vmm.tlb);
	close(fd);
	vgrant_close(vmm.space);
	return 0;
}
