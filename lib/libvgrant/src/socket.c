// SPDX-License-Identifier: MIT
/* Handing a window to a peer. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "space.h"

/* One byte and one descriptor. */
struct message {
	char byte;
	struct iovec iov;
	struct msghdr hdr;
	/* Aligned for a struct cmsghdr. */
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned));
};

static void message_init(struct message *m)
{
	memset(m, 0, sizeof(*m));
	m->iov.iov_base = &m->byte;
	m->iov.iov_len = 1;
	m->hdr.msg_iov = &m->iov;
	m->hdr.msg_iovlen = 1;
	m->hdr.msg_control = m->control;
	/* CMSG_SPACE() has padding that could take a second descriptor. */
	m->hdr.msg_controllen = CMSG_LEN(sizeof(int));
}

int vgrant_send_window(int sock, int fd)
{
	struct message m;
	struct cmsghdr *c;

	message_init(&m);
	c = CMSG_FIRSTHDR(&m.hdr);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &m.hdr, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* There is room for one descriptor only: the kernel closes any others. */
static int message_fd(struct message *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(&m->hdr);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

int vgrant_recv_window(int sock)
{
	struct vhost_grant_window_info info;
	struct message m;
	ssize_t len;
	int fd, ret;

	message_init(&m);
	len = recvmsg(sock, &m.hdr, MSG_CMSG_CLOEXEC);
	if (len < 0)
		return -errno;
	if (!len)
		return -ECONNRESET;
	fd = message_fd(&m);
	if (fd < 0)
		return fd;
	ret = vgrant_window_info(fd, &info);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}
