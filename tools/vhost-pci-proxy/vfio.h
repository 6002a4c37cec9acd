/* SPDX-License-Identifier: GPL-2.0-only */
/* A vhost-pci device in the hands of VFIO */
#ifndef VHOST_PCI_PROXY_VFIO_H
#define VHOST_PCI_PROXY_VFIO_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"

struct vfio_group;

struct vfio_ring {
	int kick;		/* what its vector triggers */
	int call;		/* what rings its doorbell, or -1 */
	bool kick_given;	/* to a back-end */
};

struct vfio_device {
	struct vfio_group *group;
	int fd;
	uint64_t registers;	/* offset in @fd */
	int state_fd;		/* vector 0 */
	int request_fd;		/* the kernel wants the device back */
	unsigned int nr_rings;
	struct vfio_ring *rings;
};

/*
 * Opens the device with that address, which is in that IOMMU group, and makes its
 * interrupts eventfds. Ends the program if that fails.
 */
void vfio_open(struct vfio_device *vfio, struct device *device, const char *address,
	       unsigned int group);
void vfio_close(struct vfio_device *vfio);

#endif /* VHOST_PCI_PROXY_VFIO_H */
