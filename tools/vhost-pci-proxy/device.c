// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "device.h"

static void note_error(struct device *device, int error)
{
	if (error < 0 && !device->error)
		device->error = error;
}

uint32_t device_read(struct device *device, unsigned int offset)
{
	uint32_t value = UINT32_MAX;

	if (!device->error)
		note_error(device, device->ops->read(device->opaque, offset, &value));
	return device->error ? UINT32_MAX : value;
}

void device_write(struct device *device, unsigned int offset, uint32_t value)
{
	if (!device->error)
		note_error(device, device->ops->write(device->opaque, offset, value));
}

static void read_bytes(struct device *device, unsigned int offset, void *bytes,
		       size_t length)
{
	for (size_t i = 0; i < length; i += sizeof(uint32_t)) {
		uint32_t word = device_read(device, offset + i);
		size_t left = length - i;

		memcpy(bytes + i, &word, left < sizeof(word) ? left : sizeof(word));
	}
}

static void write_bytes(struct device *device, unsigned int offset,
			const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i += sizeof(uint32_t)) {
		size_t left = length - i;
		uint32_t word = 0;

		memcpy(&word, bytes + i, left < sizeof(word) ? left : sizeof(word));
		device_write(device, offset + i, word);
	}
}

/* Impossible sizes are kept, for message_place() to refuse. */
bool device_receive(struct device *device, struct message *message)
{
	message->length = device_read(device, VHOST_PCI_REG_RX_LENGTH);
	message->nr_resources = device_read(device, VHOST_PCI_REG_RX_RESOURCES);
	if (device->error || !message->length)
		return false;
	if (message->length <= MESSAGE_MAX)
		read_bytes(device, VHOST_PCI_RX, message->bytes, message->length);
	if (message->nr_resources <= VHOST_PCI_MAX_RESOURCES)
		read_bytes(device, VHOST_PCI_RESOURCES, message->resources,
			   message->nr_resources * sizeof(*message->resources));
	return !device->error;
}

void device_done(struct device *device)
{
	device_write(device, VHOST_PCI_REG_RX_DONE, 1);
}

bool device_send(struct device *device, const void *bytes, size_t length)
{
	if (device_read(device, VHOST_PCI_REG_TX_LENGTH))
		return false;
	write_bytes(device, VHOST_PCI_TX, bytes, length);
	device_write(device, VHOST_PCI_REG_TX_LENGTH, length);
	return !device->error;
}

int device_open(struct device *device, const struct vhost_pci_resource *resource)
{
	return device->ops->open(device->opaque, resource);
}

void device_renew(struct device *device)
{
	if (!device->error)
		note_error(device, device->ops->renew(device->opaque));
}
