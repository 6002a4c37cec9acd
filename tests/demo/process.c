// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cast.h"
#include "probe.h"

static int window;
static char *map;

long peer_take(unsigned long fd, unsigned long unused)
{
	(void)unused;
	probe_init();
	window = fd;
	map = window_mmap(window, 0, WINDOW_LENGTH, PROT_READ | PROT_WRITE);
	return map ? 0 : -errno;
}

long peer_load(unsigned long iova, unsigned long unused)
{
	(void)unused;
	return probe_read(map + iova, &stage->value);
}

long peer_store(unsigned long iova, unsigned long word)
{
	return probe_write(map + iova, word);
}

long peer_open_device(unsigned long unused, unsigned long unused2)
{
	int fd = space_open();

	(void)unused;
	(void)unused2;
	if (fd >= 0)
		close(fd);
	return fd;
}

long peer_unmap(unsigned long iova, unsigned long unused)
{
	(void)unused;
	return space_unmap(window, 1, iova, PAGE);
}
