// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/vhost_pci.h>

#include "log.h"
#include "sysfs.h"

#define SYSFS	"/sys/bus/pci"

extern char **environ;

int sysfs_open(void)
{
	int bus = open(SYSFS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (bus < 0)
		err(1, "cannot open " SYSFS ", mount -t sysfs nodev /sys");
	return bus;
}

static void name_file(char *path, const char *address, const char *file)
{
	snprintf(path, PATH_MAX, "devices/%s/%s", address, file);
}

static unsigned long read_number(int bus, const char *address, const char *file)
{
	char path[PATH_MAX], text[32] = "";
	int fd;

	name_file(path, address, file);
	fd = openat(bus, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		err(1, "cannot read " SYSFS "/%s", path);
	close(fd);
	return strtoul(text, NULL, 0);
}

/* The last part of what the link points to; false if there is no link. */
static bool read_link(int bus, const char *address, const char *file, char *name)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	name_file(path, address, file);
	n = readlinkat(bus, path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	strcpy(name, strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	return true;
}

unsigned int sysfs_group(int bus, const char *address)
{
	static const char todo[] =
		"give this VM intel-iommu with intremap=on, and its kernel intel_iommu=on";
	char name[PATH_MAX];

	if (!read_link(bus, address, "iommu_group", name))
		errx(1, "%s has no IOMMU group, which VFIO needs: %s", address, todo);
	return strtoul(name, NULL, 10);
}

void sysfs_check(int bus, const char *address)
{
	unsigned long vendor, device;
	char path[PATH_MAX];

	name_file(path, address, "");
	if (faccessat(bus, path, F_OK, 0))
		errx(1, "there is no device %s: see lspci -D -d %04x:%04x", address,
		     VHOST_PCI_VENDOR_ID, VHOST_PCI_DEVICE_ID);
	vendor = read_number(bus, address, "vendor");
	device = read_number(bus, address, "device");
	if (vendor != VHOST_PCI_VENDOR_ID || device != VHOST_PCI_DEVICE_ID)
		errx(1, "%s is no vhost-pci device (%04lx:%04lx): see lspci -D -d %04x:%04x",
		     address, vendor, device, VHOST_PCI_VENDOR_ID,
		     VHOST_PCI_DEVICE_ID);
	sysfs_group(bus, address);
}

/* What cannot be loaded may be built in, or missed when it is needed. */
static void load_module(const char *name)
{
	char *const arguments[] = { "modprobe", "-q", (char *)name, NULL };
	pid_t pid;

	if (!posix_spawnp(&pid, "modprobe", NULL, NULL, arguments, environ))
		waitpid(pid, NULL, 0);
}

void sysfs_load_drivers(void)
{
	load_module("vfio_iommu_type1");
	load_module("vfio-pci");
	load_module("vhost_vfio_pci");
}

static void write_file(int bus, const char *path, const char *text)
{
	int fd = openat(bus, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "cannot write %s to " SYSFS "/%s, be root, with sysfs writable",
		    text, path);
	close(fd);
}

static const char *best_driver(int bus)
{
	if (!faccessat(bus, "drivers/" DRIVER, F_OK, 0))
		return DRIVER;
	if (!faccessat(bus, "drivers/" PLAIN_DRIVER, F_OK, 0))
		return PLAIN_DRIVER;
	errx(1, "no driver of VFIO is loaded: modprobe vhost_vfio_pci, or vfio-pci");
}

void sysfs_bind(int bus, const char *address)
{
	const char *best = best_driver(bus);
	char path[PATH_MAX], name[PATH_MAX];
	bool bound = read_link(bus, address, "driver", name);

	if (bound && !strcmp(name, best))
		return;
	name_file(path, address, "driver_override");
	write_file(bus, path, best);
	if (bound) {
		name_file(path, address, "driver/unbind");
		write_file(bus, path, address);
	}
	write_file(bus, "drivers_probe", address);
}

void sysfs_check_driver(int bus, const char *address)
{
	char name[PATH_MAX];

	if (!read_link(bus, address, "driver", name))
		errx(1, "%s has no driver: use --bind, or see why in the kernel log",
		     address);
	if (!strcmp(name, DRIVER))
		return;
	if (strcmp(name, PLAIN_DRIVER))
		errx(1, "%s is bound to %s: use --bind, or bind it to " DRIVER, address,
		     name);
	say(LOG_CONNECTIONS, address,
	    "vfio-pci maps memory uncached, slow on AMD hosts: load vhost_vfio_pci, use --bind");
}
