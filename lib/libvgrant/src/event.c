// SPDX-License-Identifier: MIT
/* What peers did. */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "space.h"

int vgrant_read_events(struct vgrant_space *space,
		       struct vhost_grant_event *events, unsigned int nr)
{
	ssize_t len;

	if (!nr || nr > INT_MAX)
		return -EINVAL;
	len = read(space->fd, events, nr * sizeof(*events));
	if (len < 0)
		return -errno;
	return len / sizeof(*events);
}
