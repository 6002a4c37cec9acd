// SPDX-License-Identifier: MIT
/* A space: an open of the device, and what the kernel said of itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "space.h"

int vg_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int vgrant_from_fd(int fd, struct vgrant_space **space)
{
	struct vgrant_space *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->info.size = sizeof(s->info);
	ret = vg_ioctl(fd, VHOST_GRANT_GET_INFO, &s->info);
	if (ret < 0) {
		free(s);
		return ret;
	}
	*space = s;
	return 0;
}

int vgrant_open(const char *path, int flags, struct vgrant_space **space)
{
	int fd, ret;

	if (flags & ~O_NONBLOCK)
		return -EINVAL;
	fd = open(path ? path : VGRANT_DEVICE, O_RDWR | O_CLOEXEC | flags);
	if (fd < 0)
		return -errno;
	ret = vgrant_from_fd(fd, space);
	if (ret)
		close(fd);
	return ret;
}

void vgrant_close(struct vgrant_space *space)
{
	if (!space)
		return;
	close(space->fd);
	free(space);
}

int vgrant_fd(const struct vgrant_space *space)
{
	return space->fd;
}

uint64_t vgrant_page_size(const struct vgrant_space *space)
{
	return space->info.out_page_sizes & -space->info.out_page_sizes;
}

int vgrant_get_info(const struct vgrant_space *space,
		    struct vhost_grant_info *info)
{
	*info = space->info;
	return 0;
}
