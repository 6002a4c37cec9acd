// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOTLB of a back-end that knows about the guest's IOMMU, as front-ends ask
 * for it that send all memory: what is in it is all that this back-end should use.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <string.h>

#include "hostile.h"
#include "reach.h"

#define ENTRIES		4096
#define ANSWER_MS	10000

/* By page number; none is for page 0, which is in nobody's way. */
static struct entry {
	uint64_t page;
	uint64_t user;
} entries[ENTRIES];

static struct entry *entry_of(uint64_t page)
{
	return &entries[page % ENTRIES];
}

bool iotlb_used(const struct hostile *hostile)
{
	return hostile->features & 1ULL << VIRTIO_F_ACCESS_PLATFORM &&
	       hostile->channel >= 0;
}

void iotlb_forget(void)
{
	memset(entries, 0, sizeof(entries));
}

static void update(const struct vhost_iotlb_msg *message)
{
	uint64_t page = message->iova / REACH_PAGE;
	uint64_t end = page + message->size / REACH_PAGE, user;

	if (end - page > ENTRIES)
		end = page + ENTRIES;
	for (user = message->uaddr; page < end; page++, user += REACH_PAGE)
		*entry_of(page) = (struct entry){ page, user };
}

static void invalidate(const struct vhost_iotlb_msg *message)
{
	const uint64_t first = message->iova / REACH_PAGE;
	const uint64_t last = first + (message->size - 1) / REACH_PAGE;
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		if (entries[i].page >= first && entries[i].page <= last)
			entries[i].page = 0;
}

void iotlb_take(const struct vhost_iotlb_msg *message)
{
	if (message->type == VHOST_IOTLB_UPDATE)
		update(message);
	else if (message->type == VHOST_IOTLB_INVALIDATE)
		invalidate(message);
}

/*
 * The entry comes as a message of the front-end, which wants that answered before
 * it answers here.
 */
static int await_answer(struct hostile *hostile)
{
	struct pollfd polls[] = {
		{ .fd = hostile->front, .events = POLLIN },
		{ .fd = hostile->channel, .events = POLLIN },
	};
	struct vu_message message;
	struct vu_fds fds;
	int ret;

	for (;;) {
		if (poll(polls, 2, ANSWER_MS) < 1)
			return -ETIMEDOUT;
		if (!polls[0].revents)
			break;
		ret = protocol_serve(hostile);
		if (ret)
			return ret;
	}
	ret = wire_receive(hostile->channel, &message, &fds);
	wire_close(&fds);
	return ret;
}

static int ask_for(struct hostile *hostile, uint64_t page, uint8_t access)
{
	struct vu_fds none = {};
	struct vu_message message = {
		.header = { VU_BACKEND_IOTLB_MSG, VU_VERSION | VU_NEED_REPLY,
			    sizeof(message.payload.iotlb) },
		.payload.iotlb = {
			.iova = page * REACH_PAGE,
			.perm = access,
			.type = VHOST_IOTLB_MISS,
		},
	};
	int ret;

	ret = wire_send(hostile->channel, &message, sizeof(message.header) +
			message.header.size, &none);
	return ret ? ret : await_answer(hostile);
}

static bool has(struct hostile *hostile, uint64_t page, uint8_t access)
{
	return entry_of(page)->page == page ||
	       (!ask_for(hostile, page, access) && entry_of(page)->page == page);
}

uint64_t iotlb_user(struct hostile *hostile, uint64_t iova)
{
	const uint64_t page = iova / REACH_PAGE;

	if (!has(hostile, page, VHOST_ACCESS_RO) &&
	    !has(hostile, page, VHOST_ACCESS_WO))
		return 0;
	return entry_of(page)->user + iova % REACH_PAGE;
}
