/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Peers: whoever holds a window. A peer serves calls one after the other, in
 * its own thread or process, and has the whole window mapped for reading and
 * writing. As processes are forks of the test, a call is simply a function.
 *
 * A peer reaches the window only through its view's read() and write(). A
 * guest in a virtual machine is a process whose view goes through its vCPU.
 */
#ifndef PEER_H
#define PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "space.h"

enum peer_kind {
	/* A thread of the owner. */
	PEER_THREAD,
	/* A child of the owner, with all it inherits. */
	PEER_PROCESS,
	/* Another user, who got the window over a socket and nothing else. */
	PEER_STRANGER,
};

#define STRANGER_UID 65534

/* Memory that owner and peer share for the conduct of a test. */
struct peer_shared {
	atomic_int stop;
	atomic_ulong rounds;
	atomic_ulong refused;
	atomic_ulong wrong;
	atomic_ulong words[64];
};

struct peer_view {
	int window;
	uint64_t length;
	char *map;
	struct peer_shared *shared;
	/* 0, or the signal that refused it. */
	int (*read)(struct peer_view *view, uint64_t offset, uint64_t *value);
	int (*write)(struct peer_view *view, uint64_t offset, uint64_t value);
};

typedef long (*peer_function)(struct peer_view *view, unsigned long a,
			      unsigned long b);

struct peer {
	enum peer_kind kind;
	int socket;
	pid_t pid;
	pthread_t thread;
	struct peer_shared *shared;
};

/* What peer_call() returns when the peer is dead. */
#define PEER_DIED (-1000000L)

/* 0, or -errno of the peer's mmap(). */
int peer_start(struct peer *peer, enum peer_kind kind, int window,
	       uint64_t length);
/* Like it, but the peer does not mmap the window. */
int peer_start_unmapped(struct peer *peer, enum peer_kind kind, int window,
			uint64_t length);
void peer_stop(struct peer *peer);
/* Forget a peer that was killed; its wait status. */
int peer_reap(struct peer *peer);

long peer_call(struct peer *peer, peer_function function, unsigned long a,
	       unsigned long b);
/* The same in two steps, while the owner does something else. */
int peer_begin(struct peer *peer, peer_function function, unsigned long a,
	       unsigned long b);
long peer_end(struct peer *peer);

/* 0, or the signal that refused it. */
int peer_read(struct peer *peer, uint64_t offset, uint64_t *value);
int peer_write(struct peer *peer, uint64_t offset, uint64_t value);
/* The value that is read, or the negative signal number. */
int64_t peer_peek(struct peer *peer, uint64_t offset);

/*
 * Calls that run until shared->stop: read, or write, the word at offset @a as
 * fast as possible. Readers count a value of @b as wrong.
 */
long peer_read_loop(struct peer_view *view, unsigned long a, unsigned long b);
long peer_write_loop(struct peer_view *view, unsigned long a, unsigned long b);
/* Wait until a loop has gone round @n times more; false if it never does. */
int peer_progress(struct peer *peer, unsigned long n);

/* Pass and take a file descriptor over a socket; 0 or fd, or -errno. */
int fd_send(int socket, int fd);
int fd_receive(int socket);

#endif
