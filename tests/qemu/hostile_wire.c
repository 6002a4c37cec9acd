// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hostile.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
};

int wire_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 1)) {
		close(fd);
		return -errno;
	}
	return fd;
}

static void take_fds(struct msghdr *header, struct vu_fds *fds)
{
	struct cmsghdr *control;

	for (control = CMSG_FIRSTHDR(header); control;
	     control = CMSG_NXTHDR(header, control)) {
		if (control->cmsg_level != SOL_SOCKET ||
		    control->cmsg_type != SCM_RIGHTS)
			continue;
		fds->nr = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds->fds, CMSG_DATA(control), fds->nr * sizeof(int));
	}
}

/* The descriptors come with the first byte. */
static int receive(int socket, void *bytes, size_t length, struct vu_fds *fds)
{
	union control control;
	struct iovec iov = { bytes, length };
	struct msghdr header = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = fds ? sizeof(control) : 0,
	};
	ssize_t got;

	while (iov.iov_len) {
		got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EPIPE;
		if (fds)
			take_fds(&header, fds);
		fds = NULL;
		header.msg_controllen = 0;
		iov.iov_base += got;
		iov.iov_len -= got;
	}
	return 0;
}

int wire_receive(int socket, struct vu_message *message, struct vu_fds *fds)
{
	int ret;

	fds->nr = 0;
	memset(message, 0, sizeof(*message));
	ret = receive(socket, &message->header, sizeof(message->header), fds);
	if (ret)
		return ret;
	if (message->header.size > sizeof(message->payload))
		return -EMSGSIZE;
	return receive(socket, &message->payload, message->header.size, NULL);
}

static void put_fds(struct msghdr *header, union control *control,
		    const struct vu_fds *fds)
{
	struct cmsghdr *first;

	header->msg_control = control;
	header->msg_controllen = CMSG_SPACE(fds->nr * sizeof(int));
	first = CMSG_FIRSTHDR(header);
	first->cmsg_level = SOL_SOCKET;
	first->cmsg_type = SCM_RIGHTS;
	first->cmsg_len = CMSG_LEN(fds->nr * sizeof(int));
	memcpy(CMSG_DATA(first), fds->fds, fds->nr * sizeof(int));
}

int wire_send(int socket, const struct vu_message *message, size_t length,
	      const struct vu_fds *fds)
{
	char bytes[sizeof(message->header) + sizeof(message->payload)];
	union control control = {};
	struct iovec iov = { bytes, length };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	memcpy(bytes, &message->header, sizeof(message->header));
	memcpy(bytes + sizeof(message->header), &message->payload,
	       sizeof(message->payload));
	if (fds->nr)
		put_fds(&header, &control, fds);
	while (iov.iov_len) {
		sent = sendmsg(socket, &header, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		header.msg_control = NULL;
		header.msg_controllen = 0;
		iov.iov_base += sent;
		iov.iov_len -= sent;
	}
	return 0;
}

void wire_close(struct vu_fds *fds)
{
	unsigned int i;

	for (i = 0; i < fds->nr; i++)
		if (fds->fds[i] >= 0)
			close(fds->fds[i]);
	fds->nr = 0;
}
