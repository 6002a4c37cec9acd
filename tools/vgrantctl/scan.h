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

#include "text.h"

struct vg_holder {
	__u64 pid;
	char comm[TEXT_COMM_MAX];	/* escaped */
	unsigned int fds;
	unsigned int mappings;
};

struct vg_holders {
	size_t nr;
	struct vg_holder *list;
};

struct vg_space {
	__u64 space;
	__u64 owner;
	__u64 windows;
	__u64 pages_pinned;
	__u64 events;
	__u64 events_lost;
	struct vg_holders holders;
};

struct vg_window {
	__u64 inode;
	bool known;			/* what follows, but for holders */
	__u64 space;
	__u64 owner;
	__u64 window;
	__u64 length;
	__u64 flags;
	__u64 scratch;
	__u64 dead;
	__u64 vmas;
	__u64 bindings;
	__u64 grants;
	__u64 pages_granted;
	__u64 pages_pinned;
	__u64 pages_mapped;
	__u64 pages_revoked;
	__u64 faults;
	__u64 violations_hole;
	__u64 violations_readonly;
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
const struct vg_holder *vg_owner(const struct vg_host *host, __u64 space,
				 __u64 owner);

/* An owner that only keeps the descriptor it hands out is no peer. */
bool vg_is_peer(const struct vg_window *window, const struct vg_holder *holder);

#endif /* VGRANTCTL_SCAN_H */
