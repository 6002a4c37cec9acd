// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in a guest: reads a disk, past the page cache and with several requests
 * under way, and prints the nanoseconds that took. Each block of the disk begins
 * with its own place, which is checked.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>

#define MAX_DEPTH	64

/**
 * struct load - What is read
 * @fd: of the disk
 * @blocks: that it has
 * @size: of a block
 * @random: blocks come in no order
 * @depth: requests under way
 * @count: requests in all
 * @started: that many of them
 * @seed: of the order
 * @context: of the requests
 * @requests: @depth of them
 */
struct load {
	int fd;
	uint64_t blocks;
	size_t size;
	bool random;
	unsigned int depth;
	unsigned int count;
	unsigned int started;
	unsigned int seed;
	aio_context_t context;
	struct iocb requests[MAX_DEPTH];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static uint64_t next_block(struct load *l)
{
	uint64_t n = l->started++;

	if (l->random)
		n = ((uint64_t)rand_r(&l->seed) << 31) |
		    (uint64_t)rand_r(&l->seed);
	return n % l->blocks;
}

static void submit(struct load *l, struct iocb *request)
{
	request->aio_offset = (int64_t)(next_block(l) * l->size);
	if (syscall(SYS_io_submit, l->context, 1L, &request) != 1)
		err(1, "io_submit");
}

static void check(const struct load *l, const struct io_event *event)
{
	const struct iocb *request = (const void *)(uintptr_t)event->obj;
	const uint64_t *block = (const void *)(uintptr_t)request->aio_buf;

	if (event->res != (int64_t)l->size)
		errx(1, "%lld of %zu bytes at %lld", (long long)event->res,
		     l->size, (long long)request->aio_offset);
	if (*block != (uint64_t)request->aio_offset)
		errx(1, "at %lld there is block %llu",
		     (long long)request->aio_offset, (unsigned long long)*block);
}

static void prepare(struct load *l)
{
	unsigned int i;

	for (i = 0; i < l->depth; i++) {
		char *buffer = aligned_alloc(4096, l->size);

		if (!buffer)
			err(1, "memory");
		memset(buffer, 0, l->size);
		l->requests[i] = (struct iocb) {
			.aio_lio_opcode = IOCB_CMD_PREAD,
			.aio_fildes = (uint32_t)l->fd,
			.aio_buf = (uintptr_t)buffer,
			.aio_nbytes = l->size,
		};
	}
	if (syscall(SYS_io_setup, l->depth, &l->context))
		err(1, "io_setup");
}

static void run(struct load *l)
{
	struct io_event events[MAX_DEPTH];
	unsigned int done = 0;
	long i, n;

	while (l->started < l->depth && l->started < l->count)
		submit(l, &l->requests[l->started]);
	while (done < l->count) {
		n = syscall(SYS_io_getevents, l->context, 1L, (long)l->depth,
			    events, NULL);
		if (n < 0)
			err(1, "io_getevents");
		for (i = 0; i < n; i++, done++) {
			check(l, &events[i]);
			if (l->started < l->count)
				submit(l, (void *)(uintptr_t)events[i].obj);
		}
	}
}

static void open_disk(struct load *l, const char *path)
{
	uint64_t bytes;

	l->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (l->fd < 0 || ioctl(l->fd, BLKGETSIZE64, &bytes))
		err(1, "%s", path);
	l->blocks = bytes / l->size;
}

int main(int argc, char **argv)
{
	static struct load l;
	uint64_t start;

	if (argc != 7)
		errx(2, "usage: guest_read DISK random|sequential SIZE DEPTH COUNT SEED");
	l.random = !strcmp(argv[2], "random");
	l.size = strtoul(argv[3], NULL, 0);
	l.depth = (unsigned int)strtoul(argv[4], NULL, 0);
	l.count = (unsigned int)strtoul(argv[5], NULL, 0);
	l.seed = (unsigned int)strtoul(argv[6], NULL, 0);
	if (!l.size || l.size % 4096 || !l.depth || l.depth > MAX_DEPTH)
		errx(2, "SIZE is in units of 4096, DEPTH at most %d", MAX_DEPTH);
	open_disk(&l, argv[1]);
	if (!l.blocks)
		errx(1, "%s is smaller than a block", argv[1]);
	prepare(&l);
	start = now_ns();
	run(&l);
	printf("%llu\n", (unsigned long long)(now_ns() - start));
	return 0;
}
