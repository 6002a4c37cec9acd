// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "message.h"

/* As it is in messages, where it is not aligned */
struct region {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t user_addr;
	uint64_t mmap_offset;
};

/* After the header: the number of regions and padding, or padding alone */
#define REGIONS		(MESSAGE_HEADER + 8)

struct vhost_user_header message_header(const void *bytes)
{
	struct vhost_user_header header;

	memcpy(&header, bytes, sizeof(header));
	return header;
}

static bool is_version(const struct vhost_user_header *header)
{
	return (header->flags & VHOST_USER_VERSION_MASK) == VHOST_USER_VERSION;
}

int message_reply_length(const void *bytes, size_t length)
{
	struct vhost_user_header header;

	if (length < MESSAGE_HEADER)
		return 0;
	header = message_header(bytes);
	if (!is_version(&header) || !(header.flags & VHOST_USER_REPLY) ||
	    header.size > MESSAGE_MAX - MESSAGE_HEADER)
		return -EPROTO;
	return MESSAGE_HEADER + header.size;
}

static const char *check_header(const struct message *message)
{
	struct vhost_user_header header;

	if (message->length < MESSAGE_HEADER || message->length > MESSAGE_MAX ||
	    message->nr_resources > VHOST_PCI_MAX_RESOURCES)
		return "it has no such size";
	header = message_header(message->bytes);
	if (header.size != message->length - MESSAGE_HEADER)
		return "its size is not what its header says";
	if (!is_version(&header) || header.flags & VHOST_USER_REPLY)
		return "its flags are not those of a request";
	return NULL;
}

/* More than can be, if the message is too short for what it says. */
static unsigned int count_regions(const struct message *message)
{
	uint32_t nr = 0;

	switch (message_header(message->bytes).request) {
	case VHOST_USER_SET_MEM_TABLE:
		if (message->length < REGIONS)
			return UINT32_MAX;
		memcpy(&nr, message->bytes + MESSAGE_HEADER, sizeof(nr));
		break;
	case VHOST_USER_ADD_MEM_REG:
		nr = 1;
		break;
	default:
		return 0;
	}
	return message->length < REGIONS + nr * sizeof(struct region) ? UINT32_MAX : nr;
}

static unsigned int count_memory(const struct message *message)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < message->nr_resources; i++)
		nr += message->resources[i].type == VHOST_PCI_RESOURCE_MEMORY;
	return nr;
}

static const char *place_region(unsigned char *bytes, uint64_t base, uint64_t size,
				const struct vhost_pci_resource *resource)
{
	struct region region;

	memcpy(&region, bytes, sizeof(region));
	if (resource->offset > size || resource->size > size - resource->offset)
		return "its memory is outside of BAR 0";
	if (region.size > resource->size)
		return "it has more memory than is in BAR 0";
	region.mmap_offset = base + resource->offset;
	memcpy(bytes, &region, sizeof(region));
	return NULL;
}

const char *message_place(struct message *message, uint64_t base, uint64_t size)
{
	const char *wrong = check_header(message);
	unsigned int nr;

	if (wrong)
		return wrong;
	nr = count_regions(message);
	if (nr == UINT32_MAX)
		return "it is too short for its memory";
	if (count_memory(message) != nr || (nr && message->nr_resources != nr))
		return "its resources are not those of its memory";
	for (unsigned int i = 0; i < nr && !wrong; i++)
		wrong = place_region(message->bytes + REGIONS + i * sizeof(struct region),
				     base, size, &message->resources[i]);
	return wrong;
}
