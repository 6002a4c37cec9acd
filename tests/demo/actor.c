// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"
#include "peer.h"

enum fd_direction {
	NO_FD,
	GIVE_FD,
	TAKE_FD,
};

struct request {
	actor_function function;
	unsigned long a, b;
	enum fd_direction direction;
};

static bool say(int socket, long ret)
{
	return send(socket, &ret, sizeof(ret), MSG_NOSIGNAL) == sizeof(ret);
}

static bool serve_one(int socket)
{
	struct request request;
	long ret;

	if (recv(socket, &request, sizeof(request), MSG_WAITALL) !=
	    sizeof(request))
		return false;
	if (request.direction == GIVE_FD)
		request.a = fd_receive(socket);
	ret = request.function(request.a, request.b);
	if (!say(socket, ret))
		return false;
	if (request.direction == TAKE_FD && ret >= 0)
		fd_send(socket, ret);
	return true;
}

/* The group of /dev/kvm is kept, as that of a VMM would be. */
static int drop_to(uid_t uid)
{
	struct stat kvm;
	gid_t group;
	int ngroups = !stat("/dev/kvm", &kvm);

	group = ngroups ? kvm.st_gid : 0;
	if (setgroups(group ? ngroups : 0, &group) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

static void be_actor(int socket, uid_t uid, int (*prepare)(void))
{
	long ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (socket > 3)
		syscall(SYS_close_range, 3, socket - 1, 0);
	syscall(SYS_close_range, socket + 1, ~0U, 0);
	ret = prepare ? prepare() : 0;
	if (!ret)
		ret = drop_to(uid);
	/* Dropping privileges forgets it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	say(socket, ret);
	while (!ret && serve_one(socket))
		;
	_exit(0);
}

static long reply(struct actor *actor)
{
	long ret;

	if (recv(actor->socket, &ret, sizeof(ret), MSG_WAITALL) != sizeof(ret))
		return ACTOR_DIED;
	return ret;
}

static long send_request(struct actor *actor, const struct request *request)
{
	return send(actor->socket, request, sizeof(*request), MSG_NOSIGNAL) ==
	       sizeof(*request) ? 0 : ACTOR_DIED;
}

int actor_start(struct actor *actor, uid_t uid, int (*prepare)(void))
{
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	*actor = (struct actor) { .uid = uid, .socket = sockets[0] };
	actor->pid = fork();
	if (actor->pid < 0)
		return -errno;
	if (!actor->pid)
		be_actor(sockets[1], uid, prepare);
	close(sockets[1]);
	return reply(actor);
}

long actor_call(struct actor *actor, actor_function function, unsigned long a,
		unsigned long b)
{
	const struct request request = { function, a, b, NO_FD };

	if (send_request(actor, &request))
		return ACTOR_DIED;
	return reply(actor);
}

long actor_give_fd(struct actor *actor, actor_function function, int fd,
		   unsigned long b)
{
	const struct request request = { function, 0, b, GIVE_FD };

	if (send_request(actor, &request) || fd_send(actor->socket, fd))
		return ACTOR_DIED;
	return reply(actor);
}

int actor_take_fd(struct actor *actor, actor_function function, unsigned long a,
		  unsigned long b)
{
	const struct request request = { function, a, b, TAKE_FD };
	long ret;

	if (send_request(actor, &request))
		return -EPIPE;
	ret = reply(actor);
	return ret < 0 ? ret : fd_receive(actor->socket);
}

void actor_kill(struct actor *actor)
{
	kill(actor->pid, SIGKILL);
	waitpid(actor->pid, NULL, 0);
	close(actor->socket);
}
