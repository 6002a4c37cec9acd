// SPDX-License-Identifier: MIT
/* Windows, as their peers see them. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "space.h"

#define HUGE_SIZE	(UINT64_C(2) << 20)

int vgrant_window_info(int fd, struct vhost_grant_window_info *info)
{
	struct vhost_grant_window_info arg = { .size = sizeof(arg) };
	int ret = vg_ioctl(fd, VHOST_GRANT_WINDOW_INFO, &arg);

	if (!ret)
		*info = arg;
	return ret;
}

int vgrant_window_set_hole(int fd, uint32_t hole)
{
	struct vhost_grant_window_set_hole arg = {
		.size = sizeof(arg),
		.hole = hole,
	};

	return vg_ioctl(fd, VHOST_GRANT_WINDOW_SET_HOLE, &arg);
}

/*
 * Reserve addresses, put the window at the one that suits, give the rest back.
 * Asking for an address without a reservation would race with other threads.
 */
static int mmap_aligned(int fd, uint64_t offset, size_t length, int prot,
			void **addr)
{
	size_t total = length + HUGE_SIZE, lead;
	char *base, *start;

	if (total < length)
		return -ENOMEM;
	base = mmap(NULL, total, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	lead = (offset - (uintptr_t)base) & (HUGE_SIZE - 1);
	start = base + lead;
	if (mmap(start, length, prot, MAP_SHARED | MAP_FIXED, fd, offset) ==
	    MAP_FAILED) {
		int err = errno;

		munmap(base, total);
		return -err;
	}
	if (lead)
		munmap(base, lead);
	munmap(start + length, HUGE_SIZE - lead);
	*addr = start;
	return 0;
}

int vgrant_window_mmap(int fd, uint64_t offset, size_t length, int prot,
		       void **addr)
{
	struct vhost_grant_window_info info;
	int ret = vgrant_window_info(fd, &info);

	if (ret)
		return ret;
	/* The kernel's errno for it differs between versions. */
	if (prot & PROT_EXEC)
		return -EACCES;
	if (offset >= info.out_length || length > info.out_length - offset)
		return -EINVAL;
	if (!length)
		length = info.out_length - offset;
	if ((offset | length) & (sysconf(_SC_PAGESIZE) - 1))
		return -EINVAL;
	return mmap_aligned(fd, offset, length, prot, addr);
}
