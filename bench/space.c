// SPDX-License-Identifier: GPL-2.0-only
/* The owner's side: thin wrappers that do not come back after an error. */
#include <err.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"

int space_open(void)
{
	int fd = open("/dev/vhost_grant", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, "/dev/vhost_grant (load vhost_grant.ko, run as root)");
	return fd;
}

struct vhost_grant_info space_info(int space)
{
	struct vhost_grant_info info = { .size = sizeof(info) };

	if (ioctl(space, VHOST_GRANT_GET_INFO, &info))
		err(1, "GET_INFO");
	return info;
}

struct window window_create(int space, uint64_t length)
{
	struct vhost_grant_create_window create = {
		.size = sizeof(create),
		.length = length,
	};

	if (ioctl(space, VHOST_GRANT_CREATE_WINDOW, &create))
		err(1, "CREATE_WINDOW of %llu MiB", create.length >> 20);
	return (struct window) {
		.space = space,
		.fd = create.out_fd,
		.id = create.out_window,
		.length = length,
	};
}

void window_destroy(struct window *w)
{
	struct vhost_grant_destroy_window destroy = {
		.size = sizeof(destroy),
		.window = w->id,
	};

	if (ioctl(w->space, VHOST_GRANT_DESTROY_WINDOW, &destroy))
		err(1, "DESTROY_WINDOW");
	close(w->fd);
	w->fd = -1;
}

void window_map(const struct window *w, struct vhost_grant_map_entry *e,
		unsigned int nr)
{
	struct vhost_grant_map map = {
		.size = sizeof(map),
		.window = w->id,
		.nr = nr,
		.entry_size = sizeof(*e),
		.entries = (uintptr_t)e,
	};
	int done = ioctl(w->space, VHOST_GRANT_MAP, &map);

	if (done < 0)
		err(1, "MAP at 0x%llx", e->iova);
	if ((unsigned int)done != nr)
		errx(1, "MAP stopped at 0x%llx", e[done].iova);
}

void window_unmap(const struct window *w, struct vhost_grant_unmap_entry *e,
		  unsigned int nr)
{
	struct vhost_grant_unmap unmap = {
		.size = sizeof(unmap),
		.window = w->id,
		.nr = nr,
		.entry_size = sizeof(*e),
		.entries = (uintptr_t)e,
	};

	if (ioctl(w->space, VHOST_GRANT_UNMAP, &unmap) != (int)nr)
		err(1, "UNMAP at 0x%llx", e->iova);
}

void window_unmap_all(const struct window *w)
{
	struct vhost_grant_unmap unmap = {
		.size = sizeof(unmap),
		.flags = VHOST_GRANT_UNMAP_ALL,
		.window = w->id,
	};

	if (ioctl(w->space, VHOST_GRANT_UNMAP, &unmap))
		err(1, "UNMAP of everything");
}
