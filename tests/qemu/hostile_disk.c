// SPDX-License-Identifier: GPL-2.0-only
/* The disk, over split virtqueues. */
#include <endian.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hostile.h"
#include "reach.h"

#define SECTOR		512
#define MAX_CHAIN	128

/**
 * struct job - A request of the guest
 * @hostile: that does it
 * @queue: that it came in
 * @desc: descriptor table
 * @avail: available ring
 * @used: used ring
 * @chain: its descriptors
 * @length: number of them
 * @written: bytes that were written for the guest
 */
struct job {
	struct hostile *hostile;
	struct queue *queue;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_desc chain[MAX_CHAIN];
	unsigned int length;
	uint32_t written;
};

void disk_config(struct hostile *hostile, uint8_t *bytes)
{
	struct virtio_blk_config config = {
		.capacity = htole64(hostile->sectors),
		.seg_max = htole32(MAX_CHAIN - 2),
		.blk_size = htole32(SECTOR),
		.num_queues = htole16(HOSTILE_QUEUES),
	};

	memcpy(bytes, &config, sizeof(config));
}

/* With an IOTLB their addresses are the guest's. */
static void *find_ring(struct job *job, uint64_t address, uint64_t length)
{
	if (iotlb_used(job->hostile))
		return memory_at(job->hostile, address, length);
	return memory_at_user(job->hostile, address, length);
}

static bool find_rings(struct job *job)
{
	const struct vhost_vring_addr *address = &job->queue->address;
	const unsigned int size = job->queue->size;

	job->desc = find_ring(job, address->desc_user_addr,
			      size * sizeof(*job->desc));
	job->avail = find_ring(job, address->avail_user_addr,
			       sizeof(*job->avail) + size * 2);
	job->used = find_ring(job, address->used_user_addr,
			      sizeof(*job->used) +
			      size * sizeof(*job->used->ring));
	return size && job->desc && job->avail && job->used;
}

static bool take_chain(struct job *job, uint16_t head)
{
	uint16_t next = head;

	for (job->length = 0; job->length < MAX_CHAIN; job->length++) {
		if (next >= job->queue->size)
			return false;
		job->chain[job->length] = job->desc[next];
		if (!(job->chain[job->length].flags & VRING_DESC_F_NEXT)) {
			job->length++;
			return job->length >= 2;
		}
		next = job->chain[job->length].next;
	}
	return false;
}

static void *memory_of(struct job *job, const struct vring_desc *desc)
{
	return memory_at(job->hostile, desc->addr, desc->len);
}

/* System calls, so that memory which is not there is EFAULT */
static bool transfer_part(struct job *job, void *memory, uint32_t length,
			  off_t at, bool to_guest)
{
	if (!memory)
		return false;
	if (to_guest)
		return pread(job->hostile->disk, memory, length, at) == length;
	return pwrite(job->hostile->disk, memory, length, at) == length;
}

static bool transfer_desc(struct job *job, const struct vring_desc *desc,
			  off_t at, bool to_guest)
{
	uint32_t done, part;
	void *memory;

	for (done = 0; done < desc->len; done += part) {
		part = REACH_PAGE - (desc->addr + done) % REACH_PAGE;
		if (part > desc->len - done)
			part = desc->len - done;
		memory = memory_at(job->hostile, desc->addr + done, part);
		if (!transfer_part(job, memory, part, at + done, to_guest))
			return false;
	}
	return true;
}

static uint8_t transfer(struct job *job, uint64_t sector, bool to_guest)
{
	off_t at = sector * SECTOR;
	unsigned int i;

	for (i = 1; i + 1 < job->length; i++) {
		if (!transfer_desc(job, &job->chain[i], at, to_guest))
			return VIRTIO_BLK_S_IOERR;
		at += job->chain[i].len;
		if (to_guest)
			job->written += job->chain[i].len;
	}
	return VIRTIO_BLK_S_OK;
}

static uint8_t tell_name(struct job *job)
{
	char name[VIRTIO_BLK_ID_BYTES] = "hostile";
	void *memory = memory_of(job, &job->chain[1]);

	if (!memory || job->chain[1].len < sizeof(name))
		return VIRTIO_BLK_S_IOERR;
	memcpy(memory, name, sizeof(name));
	job->written += sizeof(name);
	return VIRTIO_BLK_S_OK;
}

static uint8_t do_job(struct job *job)
{
	const struct virtio_blk_outhdr *header = memory_of(job, &job->chain[0]);

	if (!header || job->chain[0].len < sizeof(*header))
		return VIRTIO_BLK_S_IOERR;
	switch (le32toh(header->type)) {
	case VIRTIO_BLK_T_IN:
		return transfer(job, le64toh(header->sector), true);
	case VIRTIO_BLK_T_OUT:
		return transfer(job, le64toh(header->sector), false);
	case VIRTIO_BLK_T_FLUSH:
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		return tell_name(job);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static void put_used(struct job *job, uint32_t id, uint32_t length)
{
	const uint16_t index = job->used->idx;

	job->used->ring[index % job->queue->size] =
		(struct vring_used_elem){ id, length };
	__atomic_store_n(&job->used->idx, (uint16_t)(index + 1),
			 __ATOMIC_RELEASE);
}

static void finish(struct job *job, uint16_t head)
{
	switch (job->hostile->ring_trick) {
	case RING_HONEST:
		put_used(job, head, job->written);
		break;
	case RING_JUMP:
		job->used->idx += 1000;
		break;
	case RING_ID:
		put_used(job, UINT32_MAX, job->written);
		break;
	case RING_LENGTH:
		put_used(job, head, UINT32_MAX);
		break;
	case RING_TWICE:
		put_used(job, head, job->written);
		put_used(job, head, job->written);
		break;
	}
	job->hostile->ring_trick = RING_HONEST;
}

static void serve_one(struct job *job)
{
	const uint16_t size = job->queue->size;
	uint16_t head = job->avail->ring[job->queue->next % size];
	uint8_t *status;

	job->queue->next++;
	job->written = 1;
	if (!take_chain(job, head))
		return;
	status = memory_of(job, &job->chain[job->length - 1]);
	if (status)
		*status = do_job(job);
	finish(job, head);
	job->hostile->served++;
}

static void serve_ring(void *argument)
{
	struct job *job = argument;
	uint16_t available;

	available = __atomic_load_n(&job->avail->idx, __ATOMIC_ACQUIRE);
	while (job->queue->next != available) {
		serve_one(job);
		available = __atomic_load_n(&job->avail->idx, __ATOMIC_ACQUIRE);
	}
}

void disk_serve(struct hostile *hostile, unsigned int index)
{
	struct queue *queue = &hostile->queues[index];
	struct job job = { .hostile = hostile, .queue = queue };
	const unsigned long before = hostile->served;

	if (!queue->addressed || !queue->enabled || !find_rings(&job))
		return;
	if (reach_try(serve_ring, &job))
		hostile->refused++;
	if (hostile->served != before && queue->call >= 0)
		eventfd_write(queue->call, 1);
}

static void count_waiting(void *argument)
{
	struct job *job = argument;

	job->length = (uint16_t)(job->avail->idx - job->queue->next);
}

unsigned int disk_waiting(struct hostile *hostile, unsigned int index)
{
	struct queue *queue = &hostile->queues[index];
	struct job job = { .hostile = hostile, .queue = queue };

	if (!queue->addressed || !queue->enabled || !find_rings(&job) ||
	    reach_try(count_waiting, &job))
		return 0;
	return job.length;
}
