/* SPDX-License-Identifier: GPL-2.0-only */
/* The registers and mailboxes of a vhost-pci device, however they are reached. */
#ifndef VHOST_PCI_PROXY_DEVICE_H
#define VHOST_PCI_PROXY_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"

/* What VFIO does, and the device that the tests make up. Errors are negative errnos. */
struct device_ops {
	int (*read)(void *opaque, unsigned int offset, uint32_t *value);
	int (*write)(void *opaque, unsigned int offset, uint32_t value);
	/* A new descriptor of what the resource stands for */
	int (*open)(void *opaque, const struct vhost_pci_resource *resource);
	/* What open() has given so far has no effect, and hears of nothing, any more. */
	int (*renew)(void *opaque);
};

struct device {
	const char *name;
	const struct device_ops *ops;
	void *opaque;
	/* BAR 0 in the descriptors of memory */
	uint64_t memory_base;
	uint64_t memory_size;
	/* The first one. A device that failed once is not used any more. */
	int error;
};

/* All ones after an error, as of a device that was pulled. */
uint32_t device_read(struct device *device, unsigned int offset);
void device_write(struct device *device, unsigned int offset, uint32_t value);

/* Whether there is a message. It stays where it is until device_done(). */
bool device_receive(struct device *device, struct message *message);
void device_done(struct device *device);

/* False if the last message is still being sent. */
bool device_send(struct device *device, const void *bytes, size_t length);

int device_open(struct device *device, const struct vhost_pci_resource *resource);
void device_renew(struct device *device);

#endif /* VHOST_PCI_PROXY_DEVICE_H */
