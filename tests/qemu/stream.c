// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proc.h"
#include "stream.h"

int stream_open(struct stream *stream, int *other)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	*stream = (struct stream) { .fd = pair[0] };
	*other = pair[1];
	return 0;
}

int stream_connect(struct stream *stream, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*stream = (struct stream) { .fd = fd };
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) ?
	       -errno : 0;
}

void stream_close(struct stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	free(stream->text);
	*stream = (struct stream) { .fd = -1 };
}

int stream_send(struct stream *stream, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	while (left) {
		n = send(stream->fd, text, left, MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
		text += n;
		left -= n;
	}
	return 0;
}

static int wait_readable(int fd, uint64_t deadline)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint64_t now = now_ns();
	int n = 0;

	if (now < deadline)
		n = poll(&poll_fd, 1, (deadline - now) / 1000000 + 1);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int receive(struct stream *stream, uint64_t deadline)
{
	int ret = wait_readable(stream->fd, deadline);
	char *text;
	ssize_t n;

	if (ret)
		return ret;
	text = realloc(stream->text, stream->length + 4096);
	if (!text)
		return -ENOMEM;
	stream->text = text;
	n = recv(stream->fd, text + stream->length, 4096, 0);
	if (n < 0)
		return -errno;
	stream->length += n;
	return n ? 0 : -ECONNRESET;
}

static char *take_line(struct stream *stream)
{
	char *end = memchr(stream->text, '\n', stream->length);
	size_t length = end ? end - stream->text : 0;
	char *line;

	if (!end)
		return NULL;
	line = strndup(stream->text, length);
	stream->length -= length + 1;
	memmove(stream->text, end + 1, stream->length);
	return line;
}

int stream_line(struct stream *stream, uint64_t deadline, char **line)
{
	int ret;

	while (!stream->length || !(*line = take_line(stream))) {
		ret = receive(stream, deadline);
		if (ret)
			return ret;
	}
	return 0;
}
