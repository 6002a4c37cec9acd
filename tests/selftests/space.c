// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "space.h"

int space_call(int fd, unsigned long request, void *argument)
{
	int ret = ioctl(fd, request, argument);

	return ret < 0 ? -errno : ret;
}

int space_open(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int space_info(int space, struct vhost_grant_info *info)
{
	*info = (struct vhost_grant_info){ .size = sizeof(*info) };
	return space_call(space, VHOST_GRANT_GET_INFO, info);
}

int space_window(int space, uint64_t length, uint32_t flags,
		 struct window *window)
{
	struct vhost_grant_create_window create = {
		.size = sizeof(create),
		.flags = flags,
		.length = length,
		.out_fd = -1,
	};
	int ret = space_call(space, VHOST_GRANT_CREATE_WINDOW, &create);

	if (ret)
		return ret;
	*window = (struct window){
		.fd = create.out_fd,
		.id = create.out_window,
		.length = length,
	};
	return 0;
}

int space_destroy(int space, uint32_t window)
{
	struct vhost_grant_destroy_window destroy = {
		.size = sizeof(destroy),
		.window = window,
	};

	return space_call(space, VHOST_GRANT_DESTROY_WINDOW, &destroy);
}

int space_query(int space, uint32_t window, struct vhost_grant_query *query)
{
	*query = (struct vhost_grant_query){
		.size = sizeof(*query),
		.window = window,
	};
	return space_call(space, VHOST_GRANT_QUERY, query);
}

int space_map_array(int space, uint32_t window,
		    const struct vhost_grant_map_entry *entries, uint32_t nr)
{
	struct vhost_grant_map map = {
		.size = sizeof(map),
		.window = window,
		.nr = nr,
		.entry_size = sizeof(*entries),
		.entries = (uintptr_t)entries,
	};

	return space_call(space, VHOST_GRANT_MAP, &map);
}

int space_unmap_array(int space, uint32_t window,
		      const struct vhost_grant_unmap_entry *entries,
		      uint32_t nr)
{
	struct vhost_grant_unmap unmap = {
		.size = sizeof(unmap),
		.window = window,
		.nr = nr,
		.entry_size = sizeof(*entries),
		.entries = (uintptr_t)entries,
	};

	return space_call(space, VHOST_GRANT_UNMAP, &unmap);
}

/* One entry is done or has failed: 0 entries done would be neither. */
static int one_done(int ret)
{
	if (ret == 0)
		return -ENODATA;
	return ret == 1 ? 0 : ret;
}

int space_map(int space, uint32_t window, uint64_t iova, const void *source,
	      uint64_t length, uint32_t access)
{
	struct vhost_grant_map_entry entry = {
		.iova = iova,
		.length = length,
		.source = (uintptr_t)source,
		.flags = access,
	};

	return one_done(space_map_array(space, window, &entry, 1));
}

int space_map_file(int space, uint32_t window, uint64_t iova, int fd,
		   uint64_t offset, uint64_t length, uint32_t access)
{
	struct vhost_grant_map_entry entry = {
		.iova = iova,
		.length = length,
		.source = offset,
		.flags = access | VHOST_GRANT_SOURCE_FILE,
		.fd = fd,
	};

	return one_done(space_map_array(space, window, &entry, 1));
}

int space_unmap(int space, uint32_t window, uint64_t iova, uint64_t length)
{
	struct vhost_grant_unmap_entry entry = {
		.iova = iova,
		.length = length,
	};

	return one_done(space_unmap_array(space, window, &entry, 1));
}

int space_unmap_all(int space, uint32_t window)
{
	struct vhost_grant_unmap unmap = {
		.size = sizeof(unmap),
		.flags = VHOST_GRANT_UNMAP_ALL,
		.window = window,
	};

	return space_call(space, VHOST_GRANT_UNMAP, &unmap);
}

bool fdinfo_string(int fd, const char *key, char *value, size_t size)
{
	char path[64], line[256], format[64];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(format, sizeof(format), "%s:%%*[\t ]%%%zus", key, size - 1);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, format, value) == 1;
	fclose(file);
	return found;
}

long fdinfo_number(int fd, const char *key)
{
	char value[64];
	long number;

	if (!fdinfo_string(fd, key, value, sizeof(value)))
		return -1;
	return sscanf(value, "%li", &number) == 1 ? number : -1;
}

int window_info(int window, struct vhost_grant_window_info *info)
{
	*info = (struct vhost_grant_window_info){ .size = sizeof(*info) };
	return space_call(window, VHOST_GRANT_WINDOW_INFO, info);
}

int window_set_hole(int window, enum vhost_grant_hole hole)
{
	struct vhost_grant_window_set_hole set = {
		.size = sizeof(set),
		.hole = hole,
	};

	return space_call(window, VHOST_GRANT_WINDOW_SET_HOLE, &set);
}

void *window_mmap(int window, uint64_t offset, uint64_t length, int prot)
{
	void *map = mmap(NULL, length, prot, MAP_SHARED, window, offset);

	return map == MAP_FAILED ? NULL : map;
}
