/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vhost-pci device and its front-end that are made up, as include/uapi has them, and
 * what the tests need to play the back-end.
 */
#ifndef VHOST_PCI_PROXY_FIXTURE_H
#define VHOST_PCI_PROXY_FIXTURE_H

#include <stdbool.h>
#include <sys/types.h>

#include "device.h"
#include "relay.h"

#define FAKE_RINGS	4
#define FAKE_QUEUE	16
#define FAKE_MEMORY	(64ULL << 30)
#define FAKE_BASE	0x10000000000ULL

struct fake {
	struct device device;
	uint32_t control;
	uint32_t generation;
	uint32_t cause;
	bool connected;
	bool needs_ack;
	bool knocking;		/* a front-end that is not let in yet */
	struct message queue[FAKE_QUEUE];
	unsigned int queued;
	uint32_t tx[MESSAGE_MAX / 4];
	uint32_t tx_length;
	bool tx_slow;		/* until fake_sent() */
	struct message sent;	/* to the front-end, the last one */
	unsigned int nr_sent;
	unsigned int nr_lost;	/* with nobody to send to */
	unsigned int misuses;
	unsigned int renewals;
	bool pulled;
	int error;		/* of all accesses */
	int open_error;
	int memory;
	int kick[FAKE_RINGS];
	int call[FAKE_RINGS];
	int watched;		/* closed by its other end before an ACK */
};

void fake_init(struct fake *fake);
void fake_free(struct fake *fake);
void fake_connect(struct fake *fake);
void fake_disconnect(struct fake *fake, uint32_t cause);
void fake_push(struct fake *fake, const struct message *message);
void fake_sent(struct fake *fake);

/* A message without payload, and with that of a ring or of memory */
struct message make_message(uint32_t request, uint32_t flags, size_t size);
struct message make_ring(uint32_t request, uint32_t type, uint32_t index);
struct message make_memory(uint32_t request, unsigned int nr);

uint64_t peek(const struct message *message, size_t offset);
void poke(struct message *message, size_t offset, uint64_t value);
void poke32(struct message *message, size_t offset, uint32_t value);

/* Offset in a message of a field, 0 to 3, of a region */
#define REGION(i, field)	(12 + 8 + (i) * 32 + (field) * 8)

/* The back-end: -1 if the connection has ended, or else as recv() */
int peer_connect(const char *path);
int peer_listen(const char *path);
ssize_t peer_receive(int fd, void *bytes, size_t size, int *fds, unsigned int *nr_fds);
bool peer_send(int fd, const void *bytes, size_t length);
void peer_send_fd(int fd, const void *bytes, size_t length, int sent);
bool peer_hung_up(int fd);

unsigned int count_fds(void);
/* In a directory that goes when the test ends */
const char *temporary(const char *name);

/* Exit status of a child that runs this, and what it says on the standard error */
int run_child(void (*run)(void), char *said, size_t size);

#endif /* VHOST_PCI_PROXY_FIXTURE_H */
