/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The back-end's end: an ordinary vhost-user socket, and at most one connection.
 * Nothing here waits for the back-end.
 */
#ifndef VHOST_PCI_PROXY_BACKEND_H
#define VHOST_PCI_PROXY_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

#include "message.h"

struct backend {
	const char *device;	/* that it serves, for what is said */
	const char *path;
	bool connects;		/* the back-end does, and we listen; or the reverse */
	int listener;		/* ours, or -1 */
	int fd;			/* of the connection, or -1 */
	bool told_waiting;
	bool full;		/* the socket, when last tried */
	/* Replies as they come in */
	unsigned char in[MESSAGE_MAX];
	size_t in_used;
	/* What the socket did not take of the last message */
	unsigned char out[MESSAGE_MAX];
	size_t out_used;
};

void backend_init(struct backend *backend, const char *device, const char *path,
		  bool connects);
/* Begins to listen, if the back-end is to connect. Ends the program if that fails. */
void backend_open(struct backend *backend);
/* Ends the connection: the back-end lets go of the memory. */
void backend_drop(struct backend *backend);
void backend_close(struct backend *backend);

/* Takes a back-end that connects, and refuses those that do while there is one. */
void backend_accept(struct backend *backend);
/* Return: whether there is a connection; a new one if need and back-end be. */
bool backend_connect(struct backend *backend);
/* Whether the back-end has ended its connection, even if more is to be read */
bool backend_gone(const struct backend *backend);

/* The following return -1 when they have said why the connection has to end. */

/* Return: 1 if a message can be sent, or 0 */
int backend_writable(struct backend *backend);
/* Only when backend_writable(). The descriptors stay the caller's. */
int backend_send(struct backend *backend, const struct message *message,
		 const int *fds, unsigned int nr_fds);
/* Return: the length of a whole reply at the beginning of @in, or 0 */
int backend_receive(struct backend *backend);
void backend_consume(struct backend *backend, size_t length);

/* What to poll its connection for */
short backend_events(const struct backend *backend);

#endif /* VHOST_PCI_PROXY_BACKEND_H */
