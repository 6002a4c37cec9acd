/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines from a socket, each awaited for a limited time. */
#ifndef STREAM_H
#define STREAM_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct stream - A socket that lines come from
 * @fd: the socket
 * @text: what has come and was not taken yet, allocated
 * @length: of @text
 */
struct stream {
	int fd;
	char *text;
	size_t length;
};

/* Opens a pair of sockets, of which *@other is for the other end: 0 or -errno */
int stream_open(struct stream *stream, int *other);
/* Connects to a UNIX socket that somebody listens at: 0 or -errno */
int stream_connect(struct stream *stream, const char *path);
void stream_close(struct stream *stream);
int stream_send(struct stream *stream, const char *text);

/*
 * The next line without its end, to be freed: 0, -ETIMEDOUT when the clock of
 * now_ns() reaches @deadline, or -ECONNRESET if the other end is gone.
 */
int stream_line(struct stream *stream, uint64_t deadline, char **line);

#endif /* STREAM_H */
