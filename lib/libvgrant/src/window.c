// SPDX-License-Identifier: MIT
/* Windows, as their owner sees them. */
#include "space.h"

int vgrant_create_window(struct vgrant_space *space, uint64_t length,
			 uint32_t flags, uint32_t *window)
{
	struct vhost_grant_create_window arg = {
		.size = sizeof(arg),
		.flags = flags,
		.length = length,
	};
	int ret = vg_ioctl(space->fd, VHOST_GRANT_CREATE_WINDOW, &arg);

	if (ret < 0)
		return ret;
	*window = arg.out_window;
	return arg.out_fd;
}

int vgrant_destroy_window(struct vgrant_space *space, uint32_t window)
{
	struct vhost_grant_destroy_window arg = {
		.size = sizeof(arg),
		.window = window,
	};

	return vg_ioctl(space->fd, VHOST_GRANT_DESTROY_WINDOW, &arg);
}

int vgrant_query(struct vgrant_space *space, uint32_t window,
		 struct vhost_grant_query *query)
{
	struct vhost_grant_query arg = {
		.size = sizeof(arg),
		.window = window,
	};
	int ret = vg_ioctl(space->fd, VHOST_GRANT_QUERY, &arg);

	if (!ret)
		*query = arg;
	return ret;
}
