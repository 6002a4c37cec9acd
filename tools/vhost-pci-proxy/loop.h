/* SPDX-License-Identifier: GPL-2.0-only */
/* Serving all devices, by one thread */
#ifndef VHOST_PCI_PROXY_LOOP_H
#define VHOST_PCI_PROXY_LOOP_H

#include <stdbool.h>

#include "relay.h"
#include "sysfs.h"
#include "vfio.h"

struct port {
	char address[ADDRESS_SIZE];
	const char *path;
	bool listen;		/* on @path, or connect to it */
	bool open;		/* false once the device has been given back */
	struct vfio_device vfio;
	struct device device;
	struct relay relay;
};

/*
 * Returns the exit status: 0 when a signal that @signal_fd tells of, or the end of
 * the last device, ended it; 1 if a device failed.
 */
int loop(struct port *ports, unsigned int nr_ports, int signal_fd);

#endif /* VHOST_PCI_PROXY_LOOP_H */
