/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc tells about the spaces and windows of a host.
 *
 * A space is seen where a process has it open, a window where a process has it
 * open or mapped. Both describe themselves in fdinfo, which needs a file
 * descriptor: of a window that is only mapped nothing is known but its inode
 * and the processes.
 */
#ifndef VGRANTCTL_SCAN_H
#define VGRANTCTL_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct vg_holder {
	uint64_t pid;
	char comm[TEXT_COMM_MAX];	/* escaped */
	unsigned int fds;
	unsigned int mappings;
};

struct vg_holders {
	size_t nr;
	struct vg_holder *list;
};

struct vg_space {
	uint64_t space;
	uint64_t owner;
	uint64_t windows;
	uint64_t pages_pinned;
	uint64_t events;
	uint64_t events_lost;
	struct vg_holders holders;
};

struct vg_window {
	uint64_t inode;
	bool known;			/* what follows, but for holders */
	uint64_t space;
	uint64_t owner;
	uint64_t window;
	uint64_t length;
	uint64_t flags;
	uint64_t scratch;
	uint64_t dead;
	uint64_t vmas;
	uint64_t bindings;
	uint64_t grants;
	uint64_t pages_granted;
	uint64_t pages_pinned;
	uint64_t pages_mapped;
	uint64_t pages_revoked;
	uint64_t faults;
	uint64_t violations_hole;
	uint64_t violations_readonly;
	struct vg_holders holders;
};

struct vg_host {
	size_t nr_spaces;
	struct vg_space *spaces;
	size_t nr_windows;
	struct vg_window *windows;
	unsigned int unreadable;	/* processes that may not be looked at */
	unsigned int malformed;		/* descriptions that make no sense */
};

/*
 * Reads the processes below @proc_fd, a directory like /proc, and sorts by id.
 * A process or file descriptor that vanishes meanwhile is left out. Returns 0
 * or -errno if @proc_fd itself cannot be read.
 */
int vg_scan(int proc_fd, struct vg_host *host);
void vg_host_free(struct vg_host *host);

/* The owner as a process that still has the space open, or NULL. */
const struct vg_holder *vg_owner(const struct vg_host *host, uint64_t space,
				 uint64_t owner);

/* An owner that only keeps the descriptor it hands out is no peer. */
bool vg_is_peer(const struct vg_window *window, const struct vg_holder *holder);

#endif /* VGRANTCTL_SCAN_H */
