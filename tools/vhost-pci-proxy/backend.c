// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend.h"
#include "log.h"

#define SOCKET_TYPE	(SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

void backend_init(struct backend *backend, const char *device, const char *path,
		  bool connects)
{
	memset(backend, 0, sizeof(*backend));
	backend->device = device;
	backend->path = path;
	backend->connects = connects;
	backend->listener = -1;
	backend->fd = -1;
}

static int complain(const struct backend *backend, const char *what)
{
	say(LOG_CONNECTIONS, backend->device, "the back-end %s", what);
	return -1;
}

static int complain_errno(const struct backend *backend, const char *what)
{
	say(LOG_CONNECTIONS, backend->device, "cannot %s the back-end: %s", what,
	    strerror(errno));
	return -1;
}

static struct sockaddr_un address_of(const struct backend *backend)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(backend->path) >= sizeof(address.sun_path))
		errx(1, "%s is too long for a socket: at most %zu characters",
		     backend->path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, backend->path);
	return address;
}

/* Return: a socket that is connected to the path, or -1 and errno */
static int connect_socket(const struct backend *backend)
{
	struct sockaddr_un address = address_of(backend);
	int fd = socket(AF_UNIX, SOCKET_TYPE, 0);
	int error;

	if (fd < 0)
		return -1;
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* A program that was killed leaves its socket behind, with nobody there. */
static void remove_stale(const struct backend *backend)
{
	struct stat status;
	int fd;

	if (lstat(backend->path, &status))
		return;
	if (!S_ISSOCK(status.st_mode))
		errx(1, "%s is no socket: remove it, or choose another path",
		     backend->path);
	fd = connect_socket(backend);
	if (fd >= 0 || errno != ECONNREFUSED)
		errx(1, "%s is in use: stop who listens there, or choose another path",
		     backend->path);
	unlink(backend->path);
}

void backend_open(struct backend *backend)
{
	struct sockaddr_un address = address_of(backend);

	if (!backend->connects)
		return;
	remove_stale(backend);
	backend->listener = socket(AF_UNIX, SOCKET_TYPE, 0);
	if (backend->listener < 0 ||
	    bind(backend->listener, (struct sockaddr *)&address, sizeof(address)))
		err(1, "cannot make the socket %s, choose another path", backend->path);
	if (listen(backend->listener, 1))
		err(1, "cannot listen on %s", backend->path);
}

void backend_drop(struct backend *backend)
{
	if (backend->fd >= 0)
		close(backend->fd);
	backend->fd = -1;
	backend->full = false;
	backend->in_used = 0;
	backend->out_used = 0;
}

void backend_close(struct backend *backend)
{
	backend_drop(backend);
	if (backend->listener < 0)
		return;
	close(backend->listener);
	backend->listener = -1;
	unlink(backend->path);
}

void backend_accept(struct backend *backend)
{
	int fd;

	if (backend->listener < 0)
		return;
	fd = accept4(backend->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (backend->fd < 0) {
		backend->fd = fd;
		return;
	}
	close(fd);
	say(LOG_CONNECTIONS, backend->device,
	    "refused a second back-end on %s: one serves already", backend->path);
}

static void tell_waiting(struct backend *backend, const char *why)
{
	if (backend->told_waiting)
		return;
	backend->told_waiting = true;
	say(LOG_CONNECTIONS, backend->device, "waiting for a back-end to %s %s%s",
	    backend->connects ? "connect to" : "listen on", backend->path, why);
}

bool backend_connect(struct backend *backend)
{
	char why[128];

	if (backend->fd < 0 && backend->connects)
		tell_waiting(backend, "");
	if (backend->fd < 0 && !backend->connects) {
		backend->fd = connect_socket(backend);
		snprintf(why, sizeof(why), " (%s)", strerror(errno));
		if (backend->fd < 0)
			tell_waiting(backend, why);
	}
	if (backend->fd < 0)
		return false;
	backend->told_waiting = false;
	return true;
}

static short poll_now(const struct backend *backend, short events)
{
	struct pollfd poll_fd = { .fd = backend->fd, .events = events };

	return poll(&poll_fd, 1, 0) > 0 ? poll_fd.revents : 0;
}

bool backend_gone(const struct backend *backend)
{
	return poll_now(backend, 0) & (POLLHUP | POLLERR);
}

static int flush_out(struct backend *backend)
{
	ssize_t n = send(backend->fd, backend->out, backend->out_used,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return complain_errno(backend, "send to");
	if (n > 0) {
		backend->out_used -= n;
		memmove(backend->out, backend->out + n, backend->out_used);
	}
	return 0;
}

int backend_writable(struct backend *backend)
{
	if (backend->out_used && flush_out(backend))
		return -1;
	backend->full = backend->out_used || !(poll_now(backend, POLLOUT) & POLLOUT);
	return !backend->full;
}

/* Aligned for a struct cmsghdr */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int) * VHOST_PCI_MAX_RESOURCES)];
};

static void put_fds(struct msghdr *hdr, union control *control, const int *fds,
		    unsigned int nr_fds)
{
	struct cmsghdr *cmsg;

	if (!nr_fds)
		return;
	memset(control, 0, sizeof(*control));
	hdr->msg_control = control;
	hdr->msg_controllen = CMSG_SPACE(sizeof(int) * nr_fds);
	cmsg = CMSG_FIRSTHDR(hdr);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nr_fds);
	memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nr_fds);
}

int backend_send(struct backend *backend, const struct message *message,
		 const int *fds, unsigned int nr_fds)
{
	struct iovec iov = { (void *)message->bytes, message->length };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t n;

	put_fds(&hdr, &control, fds, nr_fds);
	n = sendmsg(backend->fd, &hdr, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return complain_errno(backend, "send to");
	/* The descriptors went with the first byte. */
	backend->out_used = message->length - n;
	memcpy(backend->out, message->bytes + n, backend->out_used);
	return 0;
}

/*
 * No feature that is in use lets a back-end send descriptors. There is no room for
 * them here, so the kernel closes them, and says that it did.
 */
static int read_in(struct backend *backend)
{
	struct iovec iov = { backend->in + backend->in_used,
			     sizeof(backend->in) - backend->in_used };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(backend->fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 :
			complain_errno(backend, "read from");
	if (hdr.msg_flags & MSG_CTRUNC)
		return complain(backend, "sent file descriptors, which it must not");
	if (!n)
		return complain(backend, backend->in_used ?
				"closed the connection within a message" :
				"closed the connection");
	backend->in_used += n;
	return 0;
}

static int whole_reply(const struct backend *backend)
{
	int length = message_reply_length(backend->in, backend->in_used);

	return length > (int)backend->in_used ? 0 : length;
}

int backend_receive(struct backend *backend)
{
	int length = whole_reply(backend);

	if (!length) {
		if (read_in(backend))
			return -1;
		length = whole_reply(backend);
	}
	if (length < 0)
		return complain(backend, "sent what is no reply of vhost-user");
	return length;
}

void backend_consume(struct backend *backend, size_t length)
{
	backend->in_used -= length;
	memmove(backend->in, backend->in + length, backend->in_used);
}

short backend_events(const struct backend *backend)
{
	return (whole_reply(backend) ? 0 : POLLIN) | (backend->full ? POLLOUT : 0);
}
