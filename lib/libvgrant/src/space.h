/* SPDX-License-Identifier: MIT */
#ifndef VG_SPACE_H
#define VG_SPACE_H

#include <vgrant.h>

struct vgrant_space {
	int fd;
	struct vhost_grant_info info;
};

/* The ioctl, with its error as a negative return value. */
int vg_ioctl(int fd, unsigned long request, void *arg);

#endif
