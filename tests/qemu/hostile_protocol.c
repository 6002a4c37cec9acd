// SPDX-License-Identifier: GPL-2.0-only
/* What the front-end says, and how it is answered: well, or as was planned. */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"

/* A reply is the message itself, changed. */
struct exchange {
	struct vu_message message;
	struct vu_fds fds;
	struct vu_fds reply_fds;
	bool reply;
};

static int take_fd(struct exchange *exchange)
{
	int fd;

	if (!exchange->fds.nr)
		return -1;
	fd = exchange->fds.fds[0];
	exchange->fds.fds[0] = -1;
	return fd;
}

static void answer(struct exchange *exchange, uint64_t value)
{
	exchange->message.payload.u64 = value;
	exchange->message.header.size = sizeof(value);
	exchange->reply = true;
}

static uint64_t virtio_features(struct hostile *hostile)
{
	uint64_t features = 1ULL << VIRTIO_F_VERSION_1 | VU_FEATURE_PROTOCOL |
			    1ULL << VIRTIO_BLK_F_SEG_MAX |
			    1ULL << VIRTIO_BLK_F_BLK_SIZE |
			    1ULL << VIRTIO_BLK_F_FLUSH |
			    1ULL << VIRTIO_BLK_F_MQ;

	if (hostile->offer & VU_F_LOG_SHMFD)
		features |= 1ULL << VHOST_F_LOG_ALL;
	if (hostile->offer & VU_F_BACKEND_REQ)
		features |= 1ULL << VIRTIO_F_ACCESS_PLATFORM;
	return features;
}

static void replace_fd(int *fd, int new)
{
	if (*fd >= 0)
		close(*fd);
	*fd = new;
}

static struct queue *queue_of(struct hostile *hostile, uint64_t index)
{
	return &hostile->queues[index % HOSTILE_QUEUES];
}

static void set_vring_fd(struct hostile *hostile, struct exchange *exchange)
{
	uint64_t value = exchange->message.payload.u64;
	struct queue *queue = queue_of(hostile, value & VU_VRING_INDEX_MASK);
	int fd = take_fd(exchange);

	switch (exchange->message.header.request) {
	case VU_SET_VRING_KICK:
		replace_fd(&queue->kick, fd);
		if (fd >= 0)
			fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		break;
	case VU_SET_VRING_CALL:
		replace_fd(&queue->call, fd);
		break;
	default:
		replace_fd(&fd, -1);
	}
}

static void set_vring(struct hostile *hostile, struct exchange *exchange)
{
	const struct vhost_vring_state *state = &exchange->message.payload.state;
	struct queue *queue = queue_of(hostile, state->index);

	switch (exchange->message.header.request) {
	case VU_SET_VRING_NUM:
		queue->size = state->num;
		break;
	case VU_SET_VRING_BASE:
		queue->next = state->num;
		break;
	case VU_SET_VRING_ENABLE:
		queue->enabled = state->num;
		break;
	case VU_SET_VRING_ADDR:
		queue->address = exchange->message.payload.addr;
		queue->addressed = true;
		break;
	}
}

static void get_vring_base(struct hostile *hostile, struct exchange *exchange)
{
	struct vhost_vring_state *state = &exchange->message.payload.state;
	struct queue *queue = queue_of(hostile, state->index);

	state->num = queue->next;
	queue->addressed = false;
	replace_fd(&queue->kick, -1);
	exchange->reply = true;
}

static int set_memory(struct hostile *hostile, struct exchange *exchange)
{
	const struct vu_memory *memory = &exchange->message.payload.memory;
	unsigned int i;
	int ret = 0;

	memory_clear(hostile);
	for (i = 0; i < memory->nr && i < exchange->fds.nr && !ret; i++) {
		ret = memory_add(hostile, &memory->regions[i],
				 exchange->fds.fds[i]);
		if (!ret)
			exchange->fds.fds[i] = -1;
	}
	return ret;
}

static int change_memory(struct hostile *hostile, struct exchange *exchange)
{
	const struct vu_region *region =
		&exchange->message.payload.one_region.region;
	int fd = take_fd(exchange), ret;

	if (exchange->message.header.request == VU_REM_MEM_REG) {
		memory_remove(hostile, region);
		replace_fd(&fd, -1);
		return 0;
	}
	ret = memory_add(hostile, region, fd);
	if (ret)
		replace_fd(&fd, -1);
	return ret;
}

static void get_config(struct hostile *hostile, struct exchange *exchange)
{
	struct vu_config *config = &exchange->message.payload.config;

	memset(config->bytes, 0, sizeof(config->bytes));
	disk_config(hostile, config->bytes);
	exchange->reply = true;
}

/* A front-end that maps this trusts the back-end with what it finds there. */
static void get_inflight(struct exchange *exchange)
{
	struct vu_inflight *inflight = &exchange->message.payload.inflight;

	inflight->mmap_size = 1 << 16;
	inflight->mmap_offset = 0;
	exchange->reply_fds.fds[0] = memfd_create("inflight", MFD_CLOEXEC);
	exchange->reply_fds.nr = 1;
	if (ftruncate(exchange->reply_fds.fds[0], inflight->mmap_size))
		exchange->reply_fds.nr = 0;
	exchange->reply = true;
}

static void get_something(struct hostile *hostile, struct exchange *exchange)
{
	switch (exchange->message.header.request) {
	case VU_GET_FEATURES:
		answer(exchange, virtio_features(hostile));
		break;
	case VU_GET_PROTOCOL_FEATURES:
		answer(exchange, hostile->offer);
		break;
	case VU_GET_QUEUE_NUM:
		answer(exchange, HOSTILE_QUEUES);
		break;
	case VU_GET_MAX_MEM_SLOTS:
		answer(exchange, VU_MAX_REGIONS);
		break;
	case VU_GET_STATUS:
		answer(exchange, hostile->status);
		break;
	case VU_GET_INFLIGHT_FD:
		get_inflight(exchange);
		break;
	case VU_GET_CONFIG:
		get_config(hostile, exchange);
		break;
	case VU_GET_VRING_BASE:
		get_vring_base(hostile, exchange);
		break;
	}
}

static int set_something(struct hostile *hostile, struct exchange *exchange)
{
	const uint64_t value = exchange->message.payload.u64;

	switch (exchange->message.header.request) {
	case VU_SET_FEATURES:
		hostile->features = value;
		return 0;
	case VU_SET_PROTOCOL_FEATURES:
		hostile->protocol = value;
		return 0;
	case VU_SET_STATUS:
		hostile->status = value;
		return 0;
	case VU_SET_BACKEND_REQ_FD:
		replace_fd(&hostile->channel, take_fd(exchange));
		return 0;
	case VU_IOTLB_MSG:
		iotlb_take(&exchange->message.payload.iotlb);
		return 0;
	case VU_SET_MEM_TABLE:
		return set_memory(hostile, exchange);
	case VU_ADD_MEM_REG:
	case VU_REM_MEM_REG:
		return change_memory(hostile, exchange);
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
	case VU_SET_VRING_ERR:
		set_vring_fd(hostile, exchange);
		return 0;
	default:
		set_vring(hostile, exchange);
		return 0;
	}
}

static void wait_ms(uint64_t ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static void add_fds(struct exchange *exchange, uint64_t nr)
{
	struct vu_fds *fds = &exchange->reply_fds;

	while (fds->nr < nr && fds->nr < VU_MAX_FDS)
		fds->fds[fds->nr++] = open("/dev/zero", O_RDWR | O_CLOEXEC);
}

/* Every word but the index of a ring, without which nobody would look further */
static void fill(struct exchange *exchange, uint64_t value)
{
	struct vu_message *message = &exchange->message;
	size_t at, end = message->header.size;

	at = message->header.request == VU_GET_VRING_BASE ? 4 : 0;
	if (message->header.request == VU_GET_CONFIG)
		at = offsetof(struct vu_config, bytes);
	for (; at < end; at += sizeof(value))
		memcpy(message->payload.bytes + at, &value,
		       end - at < sizeof(value) ? end - at : sizeof(value));
}

/* How much of the message to send, or -errno */
static int64_t spoil(struct exchange *exchange, const struct planned_trick *plan)
{
	struct vu_header *header = &exchange->message.header;
	const size_t length = sizeof(*header) + header->size;

	switch (plan->trick) {
	case TRICK_NONE:
		break;
	case TRICK_SILENT:
		return 0;
	case TRICK_LATE:
		wait_ms(plan->argument);
		break;
	case TRICK_HALF:
		return length / 2;
	case TRICK_SIZE:
		header->size = plan->argument;
		break;
	case TRICK_FLAGS:
		header->flags = plan->argument;
		break;
	case TRICK_REQUEST:
		header->request = plan->argument;
		break;
	case TRICK_VALUE:
		fill(exchange, plan->argument);
		break;
	case TRICK_FDS:
		add_fds(exchange, plan->argument);
		break;
	case TRICK_CLOSE:
		return -ECONNABORTED;
	}
	return length;
}

static int reply(struct hostile *hostile, struct exchange *exchange,
		 const struct planned_trick *plan)
{
	int64_t length;
	int ret = 0;

	exchange->message.header.flags = VU_VERSION | VU_REPLY;
	length = spoil(exchange, plan);
	if (length > 0)
		ret = wire_send(hostile->front, &exchange->message, length,
				&exchange->reply_fds);
	wire_close(&exchange->reply_fds);
	return length < 0 ? length : ret;
}

static bool wants_answer(const struct hostile *hostile, uint32_t flags)
{
	return flags & VU_NEED_REPLY && hostile->protocol & VU_F_REPLY_ACK;
}

static int serve(struct hostile *hostile, struct exchange *exchange)
{
	const uint32_t request = exchange->message.header.request;
	struct planned_trick plan = {}, *planned;
	int ret;

	if (request < VU_REQUESTS) {
		planned = &hostile->tricks[request];
		plan = *planned;
		planned->trick = TRICK_NONE;
	}
	get_something(hostile, exchange);
	if (!exchange->reply) {
		ret = set_something(hostile, exchange);
		if (wants_answer(hostile, exchange->message.header.flags))
			answer(exchange, ret ? 1 : 0);
	}
	if (exchange->reply)
		return reply(hostile, exchange, &plan);
	return plan.trick == TRICK_CLOSE ? -ECONNABORTED : 0;
}

int protocol_serve(struct hostile *hostile)
{
	struct exchange exchange = {};
	int ret;

	ret = wire_receive(hostile->front, &exchange.message, &exchange.fds);
	if (!ret) {
		hostile->messages++;
		hostile->last = exchange.message.header.request;
		ret = serve(hostile, &exchange);
	}
	wire_close(&exchange.fds);
	return ret;
}

/* The memory stays mapped: to keep it is what this is about. */
void protocol_end(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < HOSTILE_QUEUES; i++) {
		replace_fd(&hostile->queues[i].kick, -1);
		replace_fd(&hostile->queues[i].call, -1);
		hostile->queues[i].addressed = false;
		hostile->queues[i].enabled = false;
	}
	iotlb_forget();
	replace_fd(&hostile->channel, -1);
	/* A child that keeps a page has the connection, too. */
	shutdown(hostile->front, SHUT_RDWR);
	replace_fd(&hostile->front, -1);
	hostile->protocol = 0;
	hostile->features = 0;
}

int protocol_ask(struct hostile *hostile, uint32_t request, uint64_t value,
		 int fd)
{
	const int socket = hostile->channel < 0 ? hostile->front :
						  hostile->channel;
	struct vu_fds fds = { .nr = fd >= 0, .fds = { fd } };
	struct vu_message message = {
		.header = { request, VU_VERSION, sizeof(struct vu_area) },
	};

	message.payload.area.u64 = value;
	message.payload.area.size = 4096;
	return wire_send(socket, &message, sizeof(message.header) +
			 message.header.size, &fds);
}
