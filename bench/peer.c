// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peer: a process that does what it is told while the owner waits, both on
 * the first CPU. Its second thread can keep the last CPU busy, so that taking
 * back a page needs an interrupt there, as with a polling back-end.
 */
#define _GNU_SOURCE
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

struct command {
	enum peer_op op;
	unsigned int nr;
};

struct state {
	const struct window *w;
	const uint64_t *iova;
	char *window;
	void *page[MAX_PAGES];
	pthread_t spinner;
	atomic_bool spin;
};

static void *map(const struct state *s, uint64_t iova, uint64_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
		       s->w->fd, (off_t)iova);

	if (p == MAP_FAILED)
		err(1, "peer: mmap at 0x%llx", (unsigned long long)iova);
	return p;
}

static void touch(void *p)
{
	*(volatile char *)p = 1;
}

static void map_pages(struct state *s, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		s->page[i] = map(s, s->iova[i], PAGE);
		touch(s->page[i]);
	}
}

static uint64_t unmap_pages(struct state *s, unsigned int nr)
{
	uint64_t start = now_ns();
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (munmap(s->page[i], PAGE))
			err(1, "peer: munmap");
	return now_ns() - start;
}

static void *spin(void *arg)
{
	struct state *s = arg;

	use_cpu(nr_cpus() - 1);
	while (atomic_load_explicit(&s->spin, memory_order_relaxed))
		__builtin_ia32_pause();
	return NULL;
}

static void spin_start(struct state *s)
{
	atomic_store(&s->spin, true);
	if (pthread_create(&s->spinner, NULL, spin, s))
		errx(1, "peer: pthread_create");
}

static void spin_stop(struct state *s)
{
	atomic_store(&s->spin, false);
	pthread_join(s->spinner, NULL);
}

static uint64_t obey(struct state *s, struct command c)
{
	unsigned int i;

	switch (c.op) {
	case PEER_QUIT:
		_exit(0);
	case PEER_MAP_WINDOW:
		s->window = map(s, 0, s->w->length);
		break;
	case PEER_TOUCH:
		for (i = 0; i < c.nr; i++)
			touch(s->window + s->iova[i]);
		break;
	case PEER_MAP_PAGES:
		map_pages(s, c.nr);
		break;
	case PEER_UNMAP_PAGES:
		return unmap_pages(s, c.nr);
	case PEER_SPIN:
		spin_start(s);
		break;
	case PEER_SLEEP:
		spin_stop(s);
		break;
	}
	return 0;
}

static void peer_main(const struct window *w, const uint64_t *iova, int sock)
{
	struct state s = { .w = w, .iova = iova };
	struct command c;
	uint64_t answer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(w->space);
	while (read(sock, &c, sizeof(c)) == sizeof(c)) {
		answer = obey(&s, c);
		if (write(sock, &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(1);
}

struct peer peer_start(const struct window *w)
{
	struct peer peer;
	int sock[2];

	use_cpu(0);
	peer.iova = mmap(NULL, MAX_PAGES * sizeof(*peer.iova),
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	if (peer.iova == MAP_FAILED)
		err(1, "mmap");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		err(1, "socketpair");
	peer.pid = fork();
	if (peer.pid < 0)
		err(1, "fork");
	if (!peer.pid)
		peer_main(w, peer.iova, sock[1]);
	close(sock[1]);
	peer.sock = sock[0];
	return peer;
}

uint64_t peer_do(const struct peer *peer, enum peer_op op, unsigned int nr)
{
	struct command c = { .op = op, .nr = nr };
	uint64_t answer;

	if (write(peer->sock, &c, sizeof(c)) != sizeof(c) ||
	    read(peer->sock, &answer, sizeof(answer)) != sizeof(answer))
		errx(1, "the peer is gone");
	return answer;
}

void peer_stop(struct peer *peer)
{
	struct command c = { .op = PEER_QUIT };

	if (write(peer->sock, &c, sizeof(c)) != sizeof(c))
		errx(1, "the peer is gone");
	waitpid(peer->pid, NULL, 0);
	close(peer->sock);
	munmap(peer->iova, MAX_PAGES * sizeof(*peer->iova));
}
