// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keep a page that can be reached now, in every way that might outlive its
 * revocation, and see later what has become of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"
#include "reach.h"

/**
 * struct ring - An io_uring with one buffer
 * @fd: of it
 * @area: submission and completion queue
 * @entries: of the submission queue
 * @params: where what is
 */
struct ring {
	int fd;
	void *area;
	struct io_uring_sqe *entries;
	struct io_uring_params params;
};

static struct kept {
	void *page;
	int pipes[2];
	struct ring ring;
	void *second;
	pid_t child;
	int child_socket;
} kept = { .pipes = { -1, -1 }, .ring.fd = -1 };

static void read_page(void *argument)
{
	volatile char *page = *(void **)argument;

	(void)*page;
}

/* 0 if the page can be read, or why not */
static int readable(void *page)
{
	return reach_try(read_page, &page) ? -EFAULT : 0;
}

/* What a child has of its parent's memory when it is asked */
static pid_t start_child(void *page, int *socket)
{
	int pair[2], answer;
	pid_t pid;
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (pid) {
		close(pair[1]);
		*socket = pair[0];
		return pid;
	}
	close(pair[0]);
	while (read(pair[1], &byte, 1) == 1) {
		answer = readable(page);
		if (write(pair[1], &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

static int ask_child(void)
{
	int answer;

	if (write(kept.child_socket, "?", 1) != 1 ||
	    read(kept.child_socket, &answer, sizeof(answer)) != sizeof(answer))
		return -ECHILD;
	return answer;
}

static int open_ring(struct ring *ring, void *page)
{
	struct iovec buffer = { page, REACH_PAGE };
	struct io_uring_params *params = &ring->params;
	size_t size;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, 4, params);
	if (ring->fd < 0)
		return -errno;
	if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS,
		    &buffer, 1))
		return -errno;
	size = params->cq_off.cqes +
	       params->cq_entries * sizeof(struct io_uring_cqe);
	ring->area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  ring->fd, IORING_OFF_SQ_RING);
	ring->entries = mmap(NULL, params->sq_entries * sizeof(*ring->entries),
			     PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			     IORING_OFF_SQES);
	if (ring->area != MAP_FAILED && ring->entries != MAP_FAILED)
		return 0;
	ring->entries = NULL;
	return -ENOMEM;
}

static uint32_t *in_ring(struct ring *ring, uint32_t offset)
{
	return ring->area + offset;
}

/* The kernel writes to a file from the page that it has pinned. */
static int write_fixed(struct ring *ring, void *page, int file)
{
	uint32_t *tail = in_ring(ring, ring->params.sq_off.tail);
	uint32_t *head = in_ring(ring, ring->params.cq_off.head);
	uint32_t mask = *in_ring(ring, ring->params.sq_off.ring_mask);
	struct io_uring_cqe *done = ring->area + ring->params.cq_off.cqes;

	ring->entries[*tail & mask] = (struct io_uring_sqe){
		.opcode = IORING_OP_WRITE_FIXED, .fd = file,
		.addr = (uintptr_t)page, .len = REACH_PAGE,
	};
	in_ring(ring, ring->params.sq_off.array)[*tail & mask] = *tail & mask;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1,
		    IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	mask = *in_ring(ring, ring->params.cq_off.ring_mask);
	done += *head & mask;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return done->res;
}

static int ask_ring(void)
{
	int file, ret;

	if (!kept.ring.entries)
		return -ENXIO;
	file = memfd_create("fixed", MFD_CLOEXEC);
	ret = write_fixed(&kept.ring, kept.page, file);
	close(file);
	return ret == REACH_PAGE ? 0 : ret < 0 ? ret : -EIO;
}

/* The page stays in the pipe, for the next time. */
static int ask_pipe(void)
{
	char copy[REACH_PAGE];
	int pipes[2], ret = 0;

	if (pipe2(pipes, O_NONBLOCK | O_CLOEXEC))
		return -errno;
	if (tee(kept.pipes[0], pipes[1], REACH_PAGE, SPLICE_F_NONBLOCK) < 0)
		ret = -errno;
	else if (read(pipes[0], copy, sizeof(copy)) != sizeof(copy))
		ret = -EIO;
	close(pipes[0]);
	close(pipes[1]);
	return ret;
}

static int pin_in_pipe(void *page)
{
	struct iovec iov = { page, REACH_PAGE };

	if (pipe2(kept.pipes, O_NONBLOCK | O_CLOEXEC))
		return -errno;
	return vmsplice(kept.pipes[1], &iov, 1, SPLICE_F_NONBLOCK) < 0 ?
	       -errno : 0;
}

static const struct region *region_of(struct hostile *hostile, uint64_t gpa)
{
	const struct region *region;
	unsigned int i;

	for (i = 0; i < hostile->nr_regions; i++) {
		region = &hostile->regions[i];
		if (gpa - region->wire.gpa < region->wire.size)
			return region;
	}
	return NULL;
}

static int map_again(struct hostile *hostile, uint64_t gpa)
{
	const struct region *region = region_of(hostile, gpa);
	uint64_t offset = gpa - region->wire.gpa + region->wire.mmap_offset;

	kept.second = mmap(NULL, REACH_PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_POPULATE, region->fd, offset);
	return kept.second == MAP_FAILED ? -errno : readable(kept.second);
}

static void let_go(void)
{
	if (kept.child > 0) {
		close(kept.child_socket);
		waitpid(kept.child, NULL, 0);
	}
	if (kept.ring.fd >= 0)
		close(kept.ring.fd);
	close(kept.pipes[0]);
	close(kept.pipes[1]);
}

void keep_page(struct hostile *hostile, uint64_t gpa)
{
	void *page = memory_at_gpa(hostile, gpa, REACH_PAGE);

	if (!page) {
		tell("keep nothing\n");
		return;
	}
	let_go();
	kept.page = page;
	kept.child = start_child(page, &kept.child_socket);
	tell("keep mapping %d\n", readable(page));
	tell("keep second-mapping %d\n", map_again(hostile, gpa));
	tell("keep child %d\n", ask_child());
	tell("keep pipe %d\n", pin_in_pipe(page));
	tell("keep ring %d\n", open_ring(&kept.ring, page));
}

void keep_tell(void)
{
	if (!kept.page)
		return;
	tell("kept mapping %d\n", readable(kept.page));
	tell("kept second-mapping %d\n", readable(kept.second));
	tell("kept child %d\n", ask_child());
	tell("kept pipe %d\n", ask_pipe());
	tell("kept ring %d\n", ask_ring());
}
