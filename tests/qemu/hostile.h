/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vhost-user back-end that serves a disk as it should, and tries beside it
 * whatever a back-end can try: to reach memory that it was not given, to keep
 * what it was given, and to harm the front-end by what it answers.
 *
 * It is one thread. Commands come line by line; each is answered with lines that
 * end with one of "ok" or "error: ...".
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vhost_user.h"

#define HOSTILE_QUEUES	8

/**
 * struct region - Memory that the front-end has sent
 * @wire: its place, as told
 * @fd: file it is in
 * @base: all of it, mapped
 */
struct region {
	struct vu_region wire;
	int fd;
	void *base;
};

/**
 * struct queue - A split virtqueue
 * @size: number of descriptors
 * @next: index in the available ring of what is to be served next
 * @address: of the rings, as the front-end calls them
 * @kick: eventfd that the guest signals, or -1
 * @call: eventfd to signal, or -1
 * @addressed: @address is valid
 * @enabled: to be served
 */
struct queue {
	uint16_t size;
	uint16_t next;
	struct vhost_vring_addr address;
	int kick;
	int call;
	bool addressed;
	bool enabled;
};

/**
 * enum trick - What is wrong with an answer
 * @TRICK_NONE: nothing
 * @TRICK_SILENT: it does not come
 * @TRICK_LATE: it comes @argument milliseconds late
 * @TRICK_HALF: half of it comes, and no more
 * @TRICK_SIZE: its size is @argument
 * @TRICK_FLAGS: its flags are @argument
 * @TRICK_REQUEST: it answers another request, @argument
 * @TRICK_VALUE: each of its words is @argument
 * @TRICK_FDS: @argument file descriptors come with it
 * @TRICK_CLOSE: the connection ends instead
 */
enum trick {
	TRICK_NONE,
	TRICK_SILENT,
	TRICK_LATE,
	TRICK_HALF,
	TRICK_SIZE,
	TRICK_FLAGS,
	TRICK_REQUEST,
	TRICK_VALUE,
	TRICK_FDS,
	TRICK_CLOSE,
};

struct planned_trick {
	enum trick trick;
	uint64_t argument;
};

/**
 * enum ring_trick - What is wrong with the next used ring entry
 * @RING_HONEST: nothing
 * @RING_JUMP: the index is far ahead of what was done
 * @RING_ID: the entry is of no descriptor
 * @RING_LENGTH: more was written than there is room
 * @RING_TWICE: the entry comes a second time
 */
enum ring_trick {
	RING_HONEST,
	RING_JUMP,
	RING_ID,
	RING_LENGTH,
	RING_TWICE,
};

/**
 * struct hostile - The back-end
 * @listener: where front-ends connect
 * @front: connection, or -1
 * @channel: for requests of the back-end, or -1
 * @results: file for what is reached
 * @disk: file that is served
 * @sectors: of @disk
 * @offer: protocol features to offer
 * @features: that were agreed on
 * @protocol: protocol features that were agreed on
 * @status: of the device, as the front-end told
 * @nr_regions: of @regions
 * @regions: what was sent last
 * @queues: virtqueues
 * @held: nothing is served now
 * @tricks: what to do at the next such request, by request
 * @ring_trick: what to do at the next used entry
 * @connections: so far
 * @messages: so far
 * @served: requests of the guest done
 * @refused: accesses of the rings that were refused while serving
 * @last: request that came last
 */
struct hostile {
	int listener;
	int front;
	int channel;
	int results;
	int disk;
	uint64_t sectors;
	uint64_t offer;
	uint64_t features;
	uint64_t protocol;
	uint64_t status;
	unsigned int nr_regions;
	struct region regions[VU_MAX_REGIONS];
	struct queue queues[HOSTILE_QUEUES];
	bool held;
	struct planned_trick tricks[VU_REQUESTS];
	enum ring_trick ring_trick;
	unsigned int connections;
	unsigned long messages;
	unsigned long served;
	unsigned long refused;
	uint32_t last;
};

/* hostile_command.c */
struct command {
	const char *name;
	/* What is wrong, or NULL */
	const char *(*run)(struct hostile *hostile, char **words);
};

/* A line, of which @more knows commands, too; false at the end of the input */
bool command_obey(struct hostile *hostile, FILE *in, FILE *out,
		  const struct command *more);
uint64_t command_number(const char *word);
/* The place of a name, or -1 */
int command_index(const char *name, const char *const *names, size_t nr);
/* A part of the answer */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* hostile_wire.c: 0, or -errno; -EPIPE when the connection is over */
struct vu_fds {
	unsigned int nr;
	int fds[VU_MAX_FDS];
};

int wire_listen(const char *path);
int wire_receive(int socket, struct vu_message *message, struct vu_fds *fds);
/* The first @length bytes of a message */
int wire_send(int socket, const struct vu_message *message, size_t length,
	      const struct vu_fds *fds);
void wire_close(struct vu_fds *fds);

/* hostile_protocol.c: serve one message; -errno ends the connection */
int protocol_serve(struct hostile *hostile);
void protocol_end(struct hostile *hostile);
/*
 * Ask the front-end for something, on the channel for that, or, if there is none,
 * where it expects answers: 0 or -errno
 */
int protocol_ask(struct hostile *hostile, uint32_t request, uint64_t value,
		 int fd);

/* hostile_memory.c */
int memory_add(struct hostile *hostile, const struct vu_region *wire, int fd);
void memory_remove(struct hostile *hostile, const struct vu_region *wire);
void memory_clear(struct hostile *hostile);
/*
 * Where the guest's driver means by an address; NULL if it is not all in one
 * region. Only within a page it is sure to be in one piece.
 */
void *memory_at(struct hostile *hostile, uint64_t address, uint64_t length);
void *memory_at_gpa(struct hostile *hostile, uint64_t gpa, uint64_t length);
void *memory_at_user(struct hostile *hostile, uint64_t user, uint64_t length);
void memory_tell(struct hostile *hostile);
void memory_tell_maps(struct hostile *hostile);
void memory_truncate(struct hostile *hostile);

/* hostile_iotlb.c */
bool iotlb_used(const struct hostile *hostile);
void iotlb_take(const struct vhost_iotlb_msg *message);
void iotlb_forget(void);
/* 0 if the front-end does not tell */
uint64_t iotlb_user(struct hostile *hostile, uint64_t iova);

/* hostile_disk.c */
void disk_config(struct hostile *hostile, uint8_t *bytes);
void disk_serve(struct hostile *hostile, unsigned int index);
/* Requests of the guest that wait in a queue */
unsigned int disk_waiting(struct hostile *hostile, unsigned int index);

/* Pages to try: those at @first, @first + @stride and so on, up to @last */
struct reach_range {
	uint64_t first;
	uint64_t last;
	uint64_t stride;
};

/* hostile_reach.c: number of pages reached; -1 if there is no such way */
long reach_range(struct hostile *hostile, const char *how,
		 const struct reach_range *range);
/* Times that @text is found in a range; the first place in @at */
long reach_find(struct hostile *hostile, const char *text,
		const struct reach_range *range, uint64_t *at);

/*
 * Fill a page that nothing is granted at, to know what holes look like if they do not
 * fault: 0, or the signal
 */
int reach_scratch(struct hostile *hostile, uint64_t gpa);

/* Run what may be refused: 0, or the signal. What it changes is static or its own. */
int reach_try(void (*access)(void *argument), void *argument);

/* hostile_touch.c: run instructions of all kinds on a page, and tell what came of it */
void touch_page(void *page);

/* hostile_keep.c */
void keep_page(struct hostile *hostile, uint64_t gpa);
void keep_tell(void);

#endif
