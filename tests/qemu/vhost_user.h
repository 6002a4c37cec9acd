/* SPDX-License-Identifier: GPL-2.0-only */
/* The wire format of vhost-user, as far as a back-end meets it. */
#ifndef VHOST_USER_H
#define VHOST_USER_H

#include <linux/vhost_types.h>
#include <stdint.h>

#define VU_VERSION		0x1
#define VU_VERSION_MASK		0x3
#define VU_REPLY		0x4
#define VU_NEED_REPLY		0x8

#define VU_VRING_INDEX_MASK	0xff
#define VU_VRING_NO_FD		0x100

/* More than any front-end sends, or takes */
#define VU_MAX_FDS		64
#define VU_MAX_REGIONS		32
#define VU_MAX_CONFIG		256

enum vu_request {
	VU_GET_FEATURES			= 1,
	VU_SET_FEATURES			= 2,
	VU_SET_OWNER			= 3,
	VU_RESET_OWNER			= 4,
	VU_SET_MEM_TABLE		= 5,
	VU_SET_LOG_BASE			= 6,
	VU_SET_LOG_FD			= 7,
	VU_SET_VRING_NUM		= 8,
	VU_SET_VRING_ADDR		= 9,
	VU_SET_VRING_BASE		= 10,
	VU_GET_VRING_BASE		= 11,
	VU_SET_VRING_KICK		= 12,
	VU_SET_VRING_CALL		= 13,
	VU_SET_VRING_ERR		= 14,
	VU_GET_PROTOCOL_FEATURES	= 15,
	VU_SET_PROTOCOL_FEATURES	= 16,
	VU_GET_QUEUE_NUM		= 17,
	VU_SET_VRING_ENABLE		= 18,
	VU_SET_BACKEND_REQ_FD		= 21,
	VU_IOTLB_MSG			= 22,
	VU_GET_CONFIG			= 24,
	VU_SET_CONFIG			= 25,
	VU_POSTCOPY_ADVISE		= 28,
	VU_POSTCOPY_LISTEN		= 29,
	VU_POSTCOPY_END			= 30,
	VU_GET_INFLIGHT_FD		= 31,
	VU_SET_INFLIGHT_FD		= 32,
	VU_RESET_DEVICE			= 34,
	VU_GET_MAX_MEM_SLOTS		= 36,
	VU_ADD_MEM_REG			= 37,
	VU_REM_MEM_REG			= 38,
	VU_SET_STATUS			= 39,
	VU_GET_STATUS			= 40,
	VU_REQUESTS			= 64,
};

/* What a back-end asks of the front-end, on a channel of its own */
enum vu_backend_request {
	VU_BACKEND_IOTLB_MSG		= 1,
	VU_BACKEND_CONFIG_CHANGE	= 2,
	VU_BACKEND_HOST_NOTIFIER	= 3,
	VU_BACKEND_SHARED_OBJECT_ADD	= 6,
	VU_BACKEND_SHARED_OBJECT_REMOVE	= 7,
	VU_BACKEND_SHARED_OBJECT_LOOKUP	= 8,
};

enum vu_protocol_feature {
	VU_F_MQ				= 1 << 0,
	VU_F_LOG_SHMFD			= 1 << 1,
	VU_F_REPLY_ACK			= 1 << 3,
	VU_F_BACKEND_REQ		= 1 << 5,
	VU_F_PAGEFAULT			= 1 << 8,
	VU_F_CONFIG			= 1 << 9,
	VU_F_BACKEND_SEND_FD		= 1 << 10,
	VU_F_HOST_NOTIFIER		= 1 << 11,
	VU_F_INFLIGHT_SHMFD		= 1 << 12,
	VU_F_RESET_DEVICE		= 1 << 13,
	VU_F_CONFIGURE_MEM_SLOTS	= 1 << 15,
	VU_F_STATUS			= 1 << 16,
	VU_F_SHARED_OBJECT		= 1 << 18,
	VU_F_DEVICE_STATE		= 1 << 19,
};

/* Bit of the virtio features that says that there are protocol features */
#define VU_FEATURE_PROTOCOL	(1ULL << 30)

struct vu_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user;
	uint64_t mmap_offset;
};

struct vu_memory {
	uint32_t nr;
	uint32_t padding;
	struct vu_region regions[VU_MAX_REGIONS];
};

struct vu_one_region {
	uint64_t padding;
	struct vu_region region;
};

struct vu_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t bytes[VU_MAX_CONFIG];
};

struct vu_inflight {
	uint64_t mmap_size;
	uint64_t mmap_offset;
	uint16_t queues;
	uint16_t queue_size;
};

struct vu_area {
	uint64_t u64;
	uint64_t size;
	uint64_t offset;
};

struct vu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

union vu_payload {
	uint64_t u64;
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vhost_iotlb_msg iotlb;
	struct vu_memory memory;
	struct vu_one_region one_region;
	struct vu_config config;
	struct vu_inflight inflight;
	struct vu_area area;
	uint8_t uuid[16];
	uint8_t bytes[2048];
};

/* On the wire the payload follows the header immediately. */
struct vu_message {
	struct vu_header header;
	union vu_payload payload;
};

#endif
