/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of vhost-user: what has to be known of them to pass them on. Both sides
 * are strangers, so nothing is believed before it was checked here.
 */
#ifndef VHOST_PCI_PROXY_MESSAGE_H
#define VHOST_PCI_PROXY_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vhost_pci.h>

#define VHOST_USER_SET_MEM_TABLE	5
#define VHOST_USER_ADD_MEM_REG		37

#define VHOST_USER_VERSION_MASK		3
#define VHOST_USER_VERSION		1
#define VHOST_USER_REPLY		4

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;		/* of what follows */
};

#define MESSAGE_MAX		VHOST_PCI_PAGE
#define MESSAGE_HEADER		sizeof(struct vhost_user_header)

struct message {
	size_t length;		/* header included */
	unsigned char bytes[MESSAGE_MAX];
	unsigned int nr_resources;
	struct vhost_pci_resource resources[VHOST_PCI_MAX_RESOURCES];
};

struct vhost_user_header message_header(const void *bytes);

/*
 * The length of the reply that begins with these bytes, as soon as they tell: 0 if
 * they do not yet, or -EPROTO if that is no reply that fits into a page.
 */
int message_reply_length(const void *bytes, size_t length);

/*
 * Checks a message of the front-end, and makes the offsets of its memory offsets in a
 * file where BAR 0, of @size bytes, begins at @base.
 * Return: NULL, or what is wrong.
 */
const char *message_place(struct message *message, uint64_t base, uint64_t size);

#endif /* VHOST_PCI_PROXY_MESSAGE_H */
