/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What sysfs knows of a device, and the driver that it has. @bus is a descriptor of
 * /sys/bus/pci. All of this ends the program, with what to do, if it fails.
 */
#ifndef VHOST_PCI_PROXY_SYSFS_H
#define VHOST_PCI_PROXY_SYSFS_H

/* Maps BAR 0 as memory; the kernel's own maps it as registers. */
#define DRIVER		"vhost-vfio-pci"
#define PLAIN_DRIVER	"vfio-pci"

#define ADDRESS_SIZE	sizeof("0000:00:00.0")

int sysfs_open(void);
/* That the device is there, is a vhost-pci device, and is behind an IOMMU */
void sysfs_check(int bus, const char *address);
void sysfs_load_drivers(void);
/* Gives the device the best driver there is. */
void sysfs_bind(int bus, const char *address);
/* That it has a driver of VFIO */
void sysfs_check_driver(int bus, const char *address);
unsigned int sysfs_group(int bus, const char *address);

#endif /* VHOST_PCI_PROXY_SYSFS_H */
