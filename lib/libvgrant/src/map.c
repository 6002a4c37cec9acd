// SPDX-License-Identifier: MIT
/* Granting and revoking. */
#include <errno.h>

#include "space.h"

#define SAME_OFFSET(field)						\
	_Static_assert(offsetof(struct vhost_grant_map, field) ==	\
		       offsetof(struct vhost_grant_unmap, field),	\
		       "MAP and UNMAP take the same structure")
SAME_OFFSET(flags);
SAME_OFFSET(window);
SAME_OFFSET(nr);
SAME_OFFSET(entry_size);
SAME_OFFSET(entries);
_Static_assert(sizeof(struct vhost_grant_map) ==
	       sizeof(struct vhost_grant_unmap),
	       "MAP and UNMAP take the same structure");

/* An array for MAP or UNMAP, which take the same structure. */
struct array {
	unsigned long request;
	const void *entries;
	uint32_t entry_size;
	size_t nr;
};

/*
 * The kernel returns a short count when a later entry fails, and its error
 * only if asked to begin there; so go on until that error or the end.
 */
static int array_call(struct vgrant_space *space, uint32_t window,
		      const struct array *array, size_t *done)
{
	struct vhost_grant_map arg = {
		.size = sizeof(arg),
		.window = window,
		.entry_size = array->entry_size,
	};
	size_t n = 0;
	int ret = 0;

	while (n < array->nr) {
		size_t left = array->nr - n, max = space->info.out_max_entries;

		arg.nr = left < max ? left : max;
		arg.entries = (uintptr_t)array->entries + n * array->entry_size;
		ret = vg_ioctl(space->fd, array->request, &arg);
		/* No progress and no error would be for ever. */
		if (!ret)
			ret = -EIO;
		if (ret < 0)
			break;
		n += ret;
		ret = 0;
	}
	if (done)
		*done = n;
	return ret;
}

int vgrant_mapv(struct vgrant_space *space, uint32_t window,
		const struct vhost_grant_map_entry *entries, size_t nr,
		size_t *done)
{
	const struct array array = {
		.request = VHOST_GRANT_MAP,
		.entries = entries,
		.entry_size = sizeof(*entries),
		.nr = nr,
	};

	return array_call(space, window, &array, done);
}

int vgrant_unmapv(struct vgrant_space *space, uint32_t window,
		  const struct vhost_grant_unmap_entry *entries, size_t nr,
		  size_t *done)
{
	const struct array array = {
		.request = VHOST_GRANT_UNMAP,
		.entries = entries,
		.entry_size = sizeof(*entries),
		.nr = nr,
	};

	return array_call(space, window, &array, done);
}

/* Where the source is comes from the function called, not from the caller. */
static int map_one(struct vgrant_space *space, uint32_t window,
		   const struct vhost_grant_map_entry *entry, uint32_t access)
{
	if (access & ~(VHOST_GRANT_READ | VHOST_GRANT_WRITE))
		return -EINVAL;
	return vgrant_mapv(space, window, entry, 1, NULL);
}

int vgrant_map(struct vgrant_space *space, uint32_t window, uint64_t iova,
	       uint64_t length, void *addr, uint32_t access)
{
	const struct vhost_grant_map_entry entry = {
		.iova = iova,
		.length = length,
		.source = (uintptr_t)addr,
		.flags = access,
	};

	return map_one(space, window, &entry, access);
}

int vgrant_map_file(struct vgrant_space *space, uint32_t window, uint64_t iova,
		    uint64_t length, int fd, uint64_t offset, uint32_t access)
{
	const struct vhost_grant_map_entry entry = {
		.iova = iova,
		.length = length,
		.source = offset,
		.flags = access | VHOST_GRANT_SOURCE_FILE,
		.fd = fd,
	};

	return map_one(space, window, &entry, access);
}

int vgrant_unmap(struct vgrant_space *space, uint32_t window, uint64_t iova,
		 uint64_t length)
{
	const struct vhost_grant_unmap_entry entry = {
		.iova = iova,
		.length = length,
	};

	return vgrant_unmapv(space, window, &entry, 1, NULL);
}

int vgrant_unmap_all(struct vgrant_space *space, uint32_t window)
{
	struct vhost_grant_unmap arg = {
		.size = sizeof(arg),
		.flags = VHOST_GRANT_UNMAP_ALL,
		.window = window,
	};

	return vg_ioctl(space->fd, VHOST_GRANT_UNMAP, &arg);
}
