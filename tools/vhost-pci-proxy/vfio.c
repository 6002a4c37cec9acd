// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vfio.h"

#define CONTAINER	"/dev/vfio/vfio"
#define MAX_VECTORS	(1 + VHOST_PCI_MAX_RINGS)

/* VFIO lets a group be opened once, and several devices may be in it. */
struct vfio_group {
	struct vfio_group *next;
	unsigned int number;
	unsigned int users;
	int fd;
	int container;
};

static struct vfio_group *groups;

static int open_container(void)
{
	int fd = open(CONTAINER, O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		errx(1, "may not open " CONTAINER ": be root, or be allowed to");
	if (fd < 0)
		errx(1, "cannot open " CONTAINER " (%m): modprobe vfio-pci");
	if (ioctl(fd, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		errx(1, CONTAINER " is of another version: use another kernel");
	if (ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		errx(1, "VFIO does not know this IOMMU: modprobe vfio_iommu_type1");
	return fd;
}

/* The back-end of a proxy that was killed lets go of the device soon after. */
static int open_patiently(const char *path)
{
	static const struct timespec pause = { .tv_nsec = 100 * 1000000 };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 50 && fd < 0 && errno == EBUSY; i++) {
		nanosleep(&pause, NULL);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	return fd;
}

static int open_group(unsigned int number)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%u", number);
	fd = open_patiently(path);
	if (fd >= 0)
		return fd;
	switch (errno) {
	case EACCES:
	case EPERM:
		errx(1, "may not open %s: be root, or be allowed to", path);
	case EBUSY:
		errx(1, "%s is in use: end the back-end or proxy that has it, a group has one",
		     path);
	default:
		errx(1, "cannot open %s (%m): use --bind, or modprobe vfio-pci", path);
	}
}

static void check_viable(const struct vfio_group *group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	if (ioctl(group->fd, VFIO_GROUP_GET_STATUS, &status))
		err(1, "cannot ask for the state of IOMMU group %u", group->number);
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		errx(1, "IOMMU group %u is not viable: unbind what else is in %s%u/devices",
		     group->number, "/sys/kernel/iommu_groups/", group->number);
}

static void use_group(struct vfio_group *group)
{
	if (ioctl(group->fd, VFIO_GROUP_SET_CONTAINER, &group->container))
		err(1, "VFIO refuses IOMMU group %u, see the kernel log", group->number);
	if (!ioctl(group->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return;
	if (errno == EPERM)
		errx(1, "interrupts are not remapped: give this VM intel-iommu with intremap=on");
	err(1, "VFIO cannot use the IOMMU of group %u, see the kernel log",
	    group->number);
}

static struct vfio_group *get_group(unsigned int number)
{
	struct vfio_group *group;

	for (group = groups; group; group = group->next) {
		if (group->number == number) {
			group->users++;
			return group;
		}
	}
	group = calloc(1, sizeof(*group));
	if (!group)
		errx(1, "out of memory");
	group->number = number;
	group->users = 1;
	group->container = open_container();
	group->fd = open_group(number);
	check_viable(group);
	use_group(group);
	group->next = groups;
	groups = group;
	return group;
}

static void put_group(struct vfio_group *group)
{
	struct vfio_group **link = &groups;

	if (--group->users)
		return;
	while (*link != group)
		link = &(*link)->next;
	*link = group->next;
	close(group->fd);
	close(group->container);
	free(group);
}

static int check_length(ssize_t n)
{
	if (n < 0)
		return -errno;
	return n == sizeof(uint32_t) ? 0 : -EIO;
}

static int vfio_read(void *opaque, unsigned int offset, uint32_t *value)
{
	struct vfio_device *vfio = opaque;

	return check_length(pread(vfio->fd, value, sizeof(*value),
				  vfio->registers + offset));
}

static int vfio_write(void *opaque, unsigned int offset, uint32_t value)
{
	struct vfio_device *vfio = opaque;

	return check_length(pwrite(vfio->fd, &value, sizeof(value),
				   vfio->registers + offset));
}

/* As those of front-ends are, whose back-ends may rely on it */
static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int duplicate(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

/* 0, or a negative errno, or a number of vectors if there are only so many */
static int set_irqs(int fd, unsigned int index, unsigned int start,
		    unsigned int count, const int *fds)
{
	struct {
		struct vfio_irq_set set;
		int fds[MAX_VECTORS];
	} arg = {
		.set.argsz = sizeof(arg.set) + count * sizeof(*fds),
		.set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.set.index = index,
		.set.start = start,
		.set.count = count,
	};
	int ret;

	memcpy(arg.fds, fds, count * sizeof(*fds));
	ret = ioctl(fd, VFIO_DEVICE_SET_IRQS, &arg);
	return ret < 0 ? -errno : ret;
}

/* With a negative @fd the doorbell is not rung any more. */
static int set_doorbell(struct vfio_device *vfio, unsigned int ring, int fd)
{
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = vfio->registers + VHOST_PCI_DOORBELL(ring),
		.data = ring,
		.fd = fd,
	};

	return ioctl(vfio->fd, VFIO_DEVICE_IOEVENTFD, &arg) ? -errno : 0;
}

static int open_kick(struct vfio_ring *ring)
{
	ring->kick_given = true;
	return duplicate(ring->kick);
}

static int open_call(struct vfio_device *vfio, unsigned int index)
{
	struct vfio_ring *ring = &vfio->rings[index];
	int fd, ret;

	if (ring->call >= 0)
		return duplicate(ring->call);
	fd = new_eventfd();
	if (fd < 0)
		return fd;
	ret = set_doorbell(vfio, index, fd);
	if (ret) {
		close(fd);
		return ret;
	}
	ring->call = fd;
	return duplicate(fd);
}

static int vfio_open_resource(void *opaque, const struct vhost_pci_resource *resource)
{
	struct vfio_device *vfio = opaque;
	unsigned int index = resource->index;

	switch (resource->type) {
	case VHOST_PCI_RESOURCE_MEMORY:
		return duplicate(vfio->fd);
	case VHOST_PCI_RESOURCE_KICK:
		return index < vfio->nr_rings ? open_kick(&vfio->rings[index]) : -ERANGE;
	case VHOST_PCI_RESOURCE_CALL:
		return index < vfio->nr_rings ? open_call(vfio, index) : -ERANGE;
	case VHOST_PCI_RESOURCE_ERROR:
		return new_eventfd();
	default:
		return -EPROTO;
	}
}

static int renew_kick(struct vfio_device *vfio, unsigned int index)
{
	struct vfio_ring *ring = &vfio->rings[index];
	int fd, ret;

	if (!ring->kick_given)
		return 0;
	fd = new_eventfd();
	if (fd < 0)
		return fd;
	ret = set_irqs(vfio->fd, VFIO_PCI_MSIX_IRQ_INDEX, VHOST_PCI_VECTOR_RING(index),
		       1, &fd);
	if (ret) {
		close(fd);
		return ret < 0 ? ret : -ENOSPC;
	}
	close(ring->kick);
	ring->kick = fd;
	ring->kick_given = false;
	return 0;
}

static int end_call(struct vfio_device *vfio, unsigned int index)
{
	struct vfio_ring *ring = &vfio->rings[index];
	int ret;

	if (ring->call < 0)
		return 0;
	ret = set_doorbell(vfio, index, -1);
	close(ring->call);
	ring->call = -1;
	return ret;
}

static int vfio_renew(void *opaque)
{
	struct vfio_device *vfio = opaque;
	int ret = 0;

	for (unsigned int i = 0; i < vfio->nr_rings && !ret; i++) {
		ret = renew_kick(vfio, i);
		if (!ret)
			ret = end_call(vfio, i);
	}
	return ret;
}

static const struct device_ops vfio_ops = {
	.read = vfio_read,
	.write = vfio_write,
	.open = vfio_open_resource,
	.renew = vfio_renew,
};

static void open_device(struct vfio_device *vfio, const char *address,
			unsigned int group)
{
	vfio->group = get_group(group);
	vfio->fd = ioctl(vfio->group->fd, VFIO_GROUP_GET_DEVICE_FD, address);
	if (vfio->fd < 0)
		err(1, "VFIO does not give %s, see the kernel log", address);
}

static struct vfio_region_info region_of(struct vfio_device *vfio, const char *address,
					 unsigned int index)
{
	struct vfio_region_info region = { .argsz = sizeof(region), .index = index };

	if (ioctl(vfio->fd, VFIO_DEVICE_GET_REGION_INFO, &region))
		err(1, "VFIO does not describe region %u of %s", index, address);
	return region;
}

static void find_regions(struct vfio_device *vfio, struct device *device)
{
	struct vfio_region_info region;

	region = region_of(vfio, device->name, VHOST_PCI_BAR_MEMORY);
	if (!(region.flags & VFIO_REGION_INFO_FLAG_MMAP))
		errx(1, "BAR 0 of %s cannot be mapped: does it fit into this VM's PCI window?",
		     device->name);
	device->memory_base = region.offset;
	device->memory_size = region.size;
	region = region_of(vfio, device->name, VHOST_PCI_BAR_REGISTERS);
	if (region.size < VHOST_PCI_REGISTERS_SIZE)
		errx(1, "BAR 2 of %s has no room for registers: see the kernel log",
		     device->name);
	vfio->registers = region.offset;
}

/* Interrupts are writes to memory: they need the bus. */
static void enable_bus(struct vfio_device *vfio, const char *address)
{
	struct vfio_region_info config = region_of(vfio, address,
						   VFIO_PCI_CONFIG_REGION_INDEX);
	uint16_t command;

	if (pread(vfio->fd, &command, 2, config.offset + PCI_COMMAND) != 2)
		err(1, "cannot read the configuration of %s", address);
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(vfio->fd, &command, 2, config.offset + PCI_COMMAND) != 2)
		err(1, "cannot write the configuration of %s", address);
}

static void identify(struct vfio_device *vfio, struct device *device)
{
	uint32_t magic = device_read(device, VHOST_PCI_REG_MAGIC);
	uint32_t version = device_read(device, VHOST_PCI_REG_VERSION);

	vfio->nr_rings = device_read(device, VHOST_PCI_REG_RINGS);
	if (device->error)
		errx(1, "cannot read the registers of %s: %s", device->name,
		     strerror(-device->error));
	if (magic != VHOST_PCI_MAGIC || vfio->nr_rings > VHOST_PCI_MAX_RINGS)
		errx(1, "%s is another device with this experimental id: give the right address",
		     device->name);
	if (version != VHOST_PCI_VERSION)
		errx(1, "%s is of version %u, this program of %u: use that of the VMM's release",
		     device->name, version, VHOST_PCI_VERSION);
}

static unsigned int count_irqs(struct vfio_device *vfio, unsigned int index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	return ioctl(vfio->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) ? 0 : info.count;
}

static int make_eventfd(const char *address)
{
	int fd = new_eventfd();

	if (fd < 0)
		errx(1, "no eventfd for %s (%s): allow more open files, ulimit -n",
		     address, strerror(-fd));
	return fd;
}

static void make_rings(struct vfio_device *vfio, const char *address)
{
	vfio->rings = calloc(vfio->nr_rings + 1, sizeof(*vfio->rings));
	if (!vfio->rings)
		errx(1, "out of memory");
	for (unsigned int i = 0; i < vfio->nr_rings; i++) {
		vfio->rings[i].kick = make_eventfd(address);
		vfio->rings[i].call = -1;
	}
}

/* All at once: VFIO allocates vectors only when it enables the first. */
static void enable_vectors(struct vfio_device *vfio, const char *address)
{
	unsigned int nr = 1 + vfio->nr_rings;
	int fds[MAX_VECTORS], ret;

	if (count_irqs(vfio, VFIO_PCI_MSIX_IRQ_INDEX) < nr)
		errx(1, "%s has no MSI-X, or less than %u vectors: boot this VM without pci=nomsi",
		     address, nr);
	make_rings(vfio, address);
	vfio->state_fd = make_eventfd(address);
	fds[VHOST_PCI_VECTOR_STATE] = vfio->state_fd;
	for (unsigned int i = 0; i < vfio->nr_rings; i++)
		fds[VHOST_PCI_VECTOR_RING(i)] = vfio->rings[i].kick;
	ret = set_irqs(vfio->fd, VFIO_PCI_MSIX_IRQ_INDEX, 0, nr, fds);
	if (ret > 0)
		errx(1, "%s has %d of %u interrupts: give it fewer rings, or this VM more CPUs",
		     address, ret, nr);
	if (ret)
		errx(1, "%s gets no %u interrupts (%s): give it fewer rings, or this VM more CPUs",
		     address, nr, strerror(-ret));
}

static void watch_request(struct vfio_device *vfio, const char *address)
{
	int ret;

	vfio->request_fd = -1;
	if (!count_irqs(vfio, VFIO_PCI_REQ_IRQ_INDEX))
		return;
	vfio->request_fd = make_eventfd(address);
	ret = set_irqs(vfio->fd, VFIO_PCI_REQ_IRQ_INDEX, 0, 1, &vfio->request_fd);
	if (ret)
		errx(1, "VFIO will not tell when %s is to go: %s", address,
		     strerror(-ret));
}

void vfio_open(struct vfio_device *vfio, struct device *device, const char *address,
	       unsigned int group)
{
	device->name = address;
	device->ops = &vfio_ops;
	device->opaque = vfio;
	open_device(vfio, address, group);
	find_regions(vfio, device);
	enable_bus(vfio, address);
	identify(vfio, device);
	enable_vectors(vfio, address);
	watch_request(vfio, address);
}

/* The kernel frees the device when back-ends, too, have let go of its memory. */
void vfio_close(struct vfio_device *vfio)
{
	for (unsigned int i = 0; i < vfio->nr_rings; i++) {
		close(vfio->rings[i].kick);
		if (vfio->rings[i].call >= 0)
			close(vfio->rings[i].call);
	}
	free(vfio->rings);
	close(vfio->state_fd);
	if (vfio->request_fd >= 0)
		close(vfio->request_fd);
	close(vfio->fd);
	put_group(vfio->group);
}
