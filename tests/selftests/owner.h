/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An owner in a process of its own, for tests of its death. It opens a space,
 * makes one window, fills and grants all of a source at offset 0, and hands
 * the window over; then it does what it is told by single letters.
 */
#ifndef OWNER_H
#define OWNER_H

#include <sys/types.h>

#include "source.h"

#define OWNER_TAG 7

struct owner {
	pid_t pid;
	int socket;
	int window;
	uint64_t length;
};

enum owner_order {
	/* Fork a child that keeps the space open until it is killed. */
	OWNER_LEAVE_CHILD = 'f',
	OWNER_CLOSE_SPACE = 'c',
	OWNER_DESTROY = 'd',
	/* Revoke and grant again, for ever. */
	OWNER_CHURN = 'r',
	/* Become another program that keeps the space open. */
	OWNER_EXEC = 'x',
	OWNER_EXIT = 'e',
};

/* 0 or -errno. */
int owner_start(struct owner *owner, enum source_kind kind, uint64_t length);
/* 0, or the pid of the child, once it is done; -errno. */
int owner_do(struct owner *owner, enum owner_order order);
/* The same for an order that does not come back. */
int owner_tell(struct owner *owner, enum owner_order order);
/* SIGKILL, and wait for the end of it. */
void owner_kill(struct owner *owner);
void owner_wait(struct owner *owner);

#endif
