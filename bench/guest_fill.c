// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in a guest: writes to a disk what guest_read expects there, each block's own
 * place.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK	(256 << 10)
#define BLOCK	4096

static char chunk[CHUNK];

/* Each block is at a multiple of its size. */
static void mark(uint64_t place)
{
	unsigned int i;

	for (i = 0; i < CHUNK; i += BLOCK)
		*(uint64_t *)(void *)(chunk + i) = place + i;
}

int main(int argc, char **argv)
{
	uint64_t place, size;
	int fd;

	if (argc != 3)
		errx(2, "usage: guest_fill DISK MEGABYTES");
	fd = open(argv[1], O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", argv[1]);
	size = strtoull(argv[2], NULL, 0) << 20;
	for (place = 0; place < size; place += CHUNK) {
		mark(place);
		if (pwrite(fd, chunk, CHUNK, (off_t)place) != CHUNK)
			err(1, "%s", argv[1]);
	}
	if (fsync(fd))
		err(1, "%s", argv[1]);
	return 0;
}
