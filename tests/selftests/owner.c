// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "owner.h"
#include "peer.h"

#define KEEPER "VG_TEST_KEEP_OPEN"

struct household {
	int socket;
	int space;
	struct window window;
	struct source source;
};

/* What OWNER_EXEC becomes: this program again, doing nothing. */
static void __attribute__((constructor)) keep_open(void)
{
	if (!getenv(KEEPER))
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	send(atoi(getenv(KEEPER)), &(int){ 0 }, sizeof(int), 0);
	for (;;)
		pause();
}

static void become_another(struct household *h)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", h->socket);
	setenv(KEEPER, number, 1);
	fcntl(h->space, F_SETFD, 0);
	fcntl(h->socket, F_SETFD, 0);
	execl("/proc/self/exe", "keeper", NULL);
	_exit(1);
}

static int leave_child(void)
{
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? -errno : pid;
	for (;;)
		pause();
}

static int grant_all(struct household *h)
{
	return source_grant(&h->source, h->space, h->window.id, 0, 0,
			    h->source.length, RW);
}

static void churn(struct household *h)
{
	for (;;) {
		space_unmap(h->space, h->window.id, 0, h->source.length);
		grant_all(h);
	}
}

static int obey(struct household *h, char order)
{
	switch (order) {
	case OWNER_LEAVE_CHILD:
		return leave_child();
	case OWNER_CLOSE_SPACE:
		return close(h->space);
	case OWNER_DESTROY:
		return space_destroy(h->space, h->window.id);
	case OWNER_CHURN:
		churn(h);
		break;
	case OWNER_EXEC:
		become_another(h);
		break;
	case OWNER_EXIT:
		_exit(0);
	}
	return -EINVAL;
}

static int move_in(struct household *h, enum source_kind kind, uint64_t length)
{
	int ret;

	h->space = space_open();
	if (h->space < 0)
		return h->space;
	ret = space_window(h->space, length, 0, &h->window);
	if (ret)
		return ret;
	ret = source_open(&h->source, kind, length);
	if (ret)
		return ret;
	source_fill(&h->source, OWNER_TAG);
	return grant_all(h);
}

static void keep_house(int socket, enum source_kind kind, uint64_t length)
{
	struct household h = { .socket = socket };
	char order;
	int ret = move_in(&h, kind, length);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	send(socket, &ret, sizeof(ret), MSG_NOSIGNAL);
	if (ret)
		_exit(1);
	fd_send(socket, h.window.fd);
	close(h.window.fd);
	while (recv(socket, &order, 1, 0) == 1) {
		ret = obey(&h, order);
		send(socket, &ret, sizeof(ret), MSG_NOSIGNAL);
	}
	_exit(0);
}

static int answer(struct owner *owner)
{
	int ret;

	return recv(owner->socket, &ret, sizeof(ret), MSG_WAITALL) ==
	       sizeof(ret) ? ret : -EPIPE;
}

int owner_start(struct owner *owner, enum source_kind kind, uint64_t length)
{
	int sockets[2], ret;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	/* *owner may be in memory that the child shares. */
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		close(sockets[0]);
		keep_house(sockets[1], kind, length);
	}
	owner->pid = pid;
	owner->length = length;
	owner->socket = sockets[0];
	close(sockets[1]);
	ret = answer(owner);
	if (ret)
		return ret;
	owner->window = fd_receive(owner->socket);
	return owner->window < 0 ? owner->window : 0;
}

int owner_tell(struct owner *owner, enum owner_order order)
{
	char letter = order;

	return send(owner->socket, &letter, 1, MSG_NOSIGNAL) == 1 ? 0 : -EPIPE;
}

int owner_do(struct owner *owner, enum owner_order order)
{
	int ret = owner_tell(owner, order);

	return ret ? ret : answer(owner);
}

void owner_wait(struct owner *owner)
{
	waitpid(owner->pid, NULL, 0);
	close(owner->socket);
}

void owner_kill(struct owner *owner)
{
	kill(owner->pid, SIGKILL);
	owner_wait(owner);
}
