// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"
#include "probe.h"
#include "proc.h"

struct call {
	peer_function function;
	unsigned long a, b;
};

struct start {
	int socket;
	uint64_t length;
	bool mapped;
	struct peer_shared *shared;
};

int fd_send(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec iov = { "w", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(socket, &msg, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int fd_receive(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -EPIPE;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

static int map_read(struct peer_view *view, uint64_t offset, uint64_t *value)
{
	return probe_read(view->map + offset, value);
}

static int map_write(struct peer_view *view, uint64_t offset, uint64_t value)
{
	return probe_write(view->map + offset, value);
}

static long view_open(struct peer_view *view, const struct start *start)
{
	*view = (struct peer_view){
		.length = start->length,
		.shared = start->shared,
		.read = map_read,
		.write = map_write,
	};
	view->window = fd_receive(start->socket);
	if (view->window < 0)
		return view->window;
	if (!start->mapped)
		return 0;
	view->map = window_mmap(view->window, 0, view->length,
				PROT_READ | PROT_WRITE);
	return view->map ? 0 : -errno;
}

static void view_close(struct peer_view *view)
{
	if (view->map)
		munmap(view->map, view->length);
	close(view->window);
}

static void serve(const struct start *start)
{
	struct peer_view view;
	struct call call;
	long ret = view_open(&view, start);

	while (send(start->socket, &ret, sizeof(ret), MSG_NOSIGNAL) ==
	       sizeof(ret)) {
		if (recv(start->socket, &call, sizeof(call), MSG_WAITALL) !=
		    sizeof(call))
			break;
		ret = call.function(&view, call.a, call.b);
	}
	view_close(&view);
	close(start->socket);
}

static void *serve_thread(void *argument)
{
	serve(argument);
	free(argument);
	return NULL;
}

/* Nothing of the owner but the socket: no descriptor, no user, no group. */
static void become_stranger(int socket)
{
	if (socket > 3)
		syscall(SYS_close_range, 3, socket - 1, 0);
	syscall(SYS_close_range, socket + 1, ~0U, 0);
	if (setgroups(0, NULL) ||
	    setresgid(STRANGER_UID, STRANGER_UID, STRANGER_UID) ||
	    setresuid(STRANGER_UID, STRANGER_UID, STRANGER_UID))
		_exit(1);
	/* So that it may look at itself in /proc, as any new program. */
	prctl(PR_SET_DUMPABLE, 1);
}

static void serve_process(const struct peer *peer, const struct start *start)
{
	if (peer->kind == PEER_STRANGER)
		become_stranger(start->socket);
	else
		close(peer->socket);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	serve(start);
	_exit(0);
}

static int spawn(struct peer *peer, const struct start *start)
{
	struct start *copy;
	pid_t pid;

	if (peer->kind != PEER_THREAD) {
		/* *peer may be in memory that the child shares. */
		pid = fork();
		if (!pid)
			serve_process(peer, start);
		close(start->socket);
		peer->pid = pid;
		return pid < 0 ? -errno : 0;
	}
	copy = malloc(sizeof(*copy));
	*copy = *start;
	return -pthread_create(&peer->thread, NULL, serve_thread, copy);
}

static int peer_start_as(struct peer *peer, enum peer_kind kind, int window,
			 uint64_t length, bool mapped)
{
	struct start start = { .length = length, .mapped = mapped };
	int sockets[2], ret;

	*peer = (struct peer){ .kind = kind };
	peer->shared = mmap(NULL, sizeof(*peer->shared),
			    PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (peer->shared == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	probe_init();
	peer->socket = sockets[0];
	start.socket = sockets[1];
	start.shared = peer->shared;
	ret = spawn(peer, &start);
	if (ret)
		return ret;
	ret = fd_send(peer->socket, window);
	return ret ? ret : peer_end(peer);
}

int peer_start(struct peer *peer, enum peer_kind kind, int window,
	       uint64_t length)
{
	return peer_start_as(peer, kind, window, length, true);
}

int peer_start_unmapped(struct peer *peer, enum peer_kind kind, int window,
			uint64_t length)
{
	return peer_start_as(peer, kind, window, length, false);
}

int peer_reap(struct peer *peer)
{
	int status = 0;

	if (peer->kind == PEER_THREAD)
		pthread_join(peer->thread, NULL);
	else
		waitpid(peer->pid, &status, 0);
	close(peer->socket);
	munmap(peer->shared, sizeof(*peer->shared));
	return status;
}

void peer_stop(struct peer *peer)
{
	peer->shared->stop = 1;
	shutdown(peer->socket, SHUT_RDWR);
	if (peer->kind != PEER_THREAD)
		kill(peer->pid, SIGKILL);
	peer_reap(peer);
}

int peer_begin(struct peer *peer, peer_function function, unsigned long a,
	       unsigned long b)
{
	struct call call = { function, a, b };

	return send(peer->socket, &call, sizeof(call), MSG_NOSIGNAL) ==
	       sizeof(call) ? 0 : -EPIPE;
}

long peer_end(struct peer *peer)
{
	long ret;

	if (recv(peer->socket, &ret, sizeof(ret), MSG_WAITALL) != sizeof(ret))
		return PEER_DIED;
	return ret;
}

long peer_call(struct peer *peer, peer_function function, unsigned long a,
	       unsigned long b)
{
	if (peer_begin(peer, function, a, b))
		return PEER_DIED;
	return peer_end(peer);
}

static long do_read(struct peer_view *view, unsigned long a, unsigned long b)
{
	uint64_t value = 0;
	int sig = view->read(view, a, &value);

	(void)b;
	view->shared->words[0] = value;
	return sig;
}

static long do_write(struct peer_view *view, unsigned long a, unsigned long b)
{
	return view->write(view, a, b);
}

int peer_read(struct peer *peer, uint64_t offset, uint64_t *value)
{
	long ret = peer_call(peer, do_read, offset, 0);

	*value = peer->shared->words[0];
	return ret;
}

int peer_write(struct peer *peer, uint64_t offset, uint64_t value)
{
	return peer_call(peer, do_write, offset, value);
}

int64_t peer_peek(struct peer *peer, uint64_t offset)
{
	uint64_t value;
	int sig = peer_read(peer, offset, &value);

	return sig ? -sig : (int64_t)value;
}

long peer_read_loop(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct peer_shared *shared = view->shared;
	uint64_t value;

	while (!shared->stop) {
		if (view->read(view, a, &value))
			shared->refused++;
		else if (value == b)
			shared->wrong++;
		shared->rounds++;
	}
	return 0;
}

long peer_write_loop(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct peer_shared *shared = view->shared;

	while (!shared->stop) {
		if (view->write(view, a, b))
			shared->refused++;
		shared->rounds++;
	}
	return 0;
}

int peer_progress(struct peer *peer, unsigned long n)
{
	unsigned long start = peer->shared->rounds;
	int tries;

	for (tries = 0; tries < 10000; tries++) {
		if (peer->shared->rounds - start >= n)
			return 1;
		sleep_ms(1);
	}
	return 0;
}
