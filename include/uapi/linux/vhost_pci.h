/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The vhost-pci device, through which a back-end in a virtual machine serves a
 * vhost-user front-end outside of it.
 *
 * BAR 0 is the memory that the front-end shares. BAR 2 has registers, a page for
 * the message that was received, one for the message to send, and doorbells. BAR 4
 * is for MSI-X.
 *
 * The driver exchanges vhost-user messages with the front-end as they are on the
 * socket. What is a file descriptor there is a resource here: a part of BAR 0, a
 * doorbell, or a vector.
 */
#ifndef _UAPI_LINUX_VHOST_PCI_H
#define _UAPI_LINUX_VHOST_PCI_H

#include <linux/types.h>

#define VHOST_PCI_VENDOR_ID		0x1af4
#define VHOST_PCI_DEVICE_ID		0x10f0

#define VHOST_PCI_BAR_MEMORY		0
#define VHOST_PCI_BAR_REGISTERS		2
#define VHOST_PCI_BAR_MSIX		4

/*
 * Registers, offsets in BAR 2. All have 32 bits, are little-endian and are accessed
 * as a whole; a LO and a HI make a number of 64 bits. "ro" cannot be written, "wo"
 * reads as 0. What is not listed reads as 0.
 */
#define VHOST_PCI_REG_MAGIC		0x00	/* ro VHOST_PCI_MAGIC */
#define VHOST_PCI_REG_VERSION		0x04	/* ro VHOST_PCI_VERSION */
#define VHOST_PCI_REG_STATUS		0x08	/* ro VHOST_PCI_STATUS_* */
#define VHOST_PCI_REG_CONTROL		0x0c	/* rw VHOST_PCI_CONTROL_* */
#define VHOST_PCI_REG_GENERATION	0x10	/* ro number of this connection */
#define VHOST_PCI_REG_CAUSE		0x14	/* ro why the last one ended */
#define VHOST_PCI_REG_ACK		0x18	/* wo generation whose end was seen */
#define VHOST_PCI_REG_RINGS		0x1c	/* ro doorbells, and vectors but one */
#define VHOST_PCI_REG_MEMORY_LO		0x20	/* ro bytes of BAR 0 that are in use */
#define VHOST_PCI_REG_MEMORY_HI		0x24
#define VHOST_PCI_REG_RX_LENGTH		0x28	/* ro bytes of the message, or 0 */
#define VHOST_PCI_REG_RX_RESOURCES	0x2c	/* ro that come with it */
#define VHOST_PCI_REG_RX_DONE		0x30	/* wo anything: the next one, please */
#define VHOST_PCI_REG_TX_LENGTH		0x34	/* rw bytes to send; 0 when they are sent */

#define VHOST_PCI_RESOURCES		0x100	/* ro struct vhost_pci_resource[] */
#define VHOST_PCI_RX			0x1000	/* ro page of the message received */
#define VHOST_PCI_TX			0x2000	/* rw page of the message to send */
#define VHOST_PCI_DOORBELL(ring)	(0x4000 + 4 * (ring))	/* wo anything */

#define VHOST_PCI_MAGIC			0x43504856	/* "VHPC" */
#define VHOST_PCI_VERSION		1
#define VHOST_PCI_PAGE			4096
#define VHOST_PCI_MAX_RESOURCES		8
#define VHOST_PCI_MAX_RINGS		256
#define VHOST_PCI_REGISTERS_SIZE	0x8000

/* A front-end is connected, and this is its generation */
#define VHOST_PCI_STATUS_CONNECTED	(1 << 0)
/* A connection ended. The next one waits until this is acknowledged. */
#define VHOST_PCI_STATUS_NEEDS_ACK	(1 << 1)
/* The memory is a native memslot: QEMU has no access to it either */
#define VHOST_PCI_STATUS_NATIVE		(1 << 2)

/* There is a driver. Without one, front-ends are disconnected. */
#define VHOST_PCI_CONTROL_DRIVER	(1 << 0)

/* Why a connection ended */
#define VHOST_PCI_CAUSE_NONE		0	/* none has ended */
#define VHOST_PCI_CAUSE_CLOSED		1	/* by the front-end */
#define VHOST_PCI_CAUSE_DRIVER		2	/* by the driver, or a reset */
#define VHOST_PCI_CAUSE_PROTOCOL	3	/* the front-end violates the protocol */
#define VHOST_PCI_CAUSE_MEMORY		4	/* its memory cannot be used */
#define VHOST_PCI_CAUSE_FILE		5	/* it sent what is no eventfd */
#define VHOST_PCI_CAUSE_REPLY		6	/* the driver sent what is no message */

/* Vector 0: status, RX_LENGTH or TX_LENGTH changed. Vector 1 + n: kick of ring n. */
#define VHOST_PCI_VECTOR_STATE		0
#define VHOST_PCI_VECTOR_RING(ring)	(1 + (ring))

/* Resources: what stands for the file descriptors of a message, in their order */
#define VHOST_PCI_RESOURCE_MEMORY	1	/* a part of BAR 0 */
#define VHOST_PCI_RESOURCE_KICK		2	/* the vector of ring @index */
#define VHOST_PCI_RESOURCE_CALL		3	/* the doorbell of ring @index */
#define VHOST_PCI_RESOURCE_ERROR	4	/* nothing: errors of rings are not told */

/*
 * @index is the number of the region or of the ring; @offset and
 * @size, in bytes, are of BAR 0.
 */
struct vhost_pci_resource {
	__le32 type;
	__le32 index;
	__le64 offset;
	__le64 size;
	__le64 reserved;
};

#endif /* _UAPI_LINUX_VHOST_PCI_H */
