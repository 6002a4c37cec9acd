// SPDX-License-Identifier: MIT
/* Each call: what reaches the kernel, and what is made of its answer. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vgrant.h>

#include "seam.h"

#define PAGE		UINT64_C(4096)
#define HUGE		(UINT64_C(2) << 20)
#define MAX_ENTRIES	4
#define WINDOW_LENGTH	(64 * HUGE)

/* What the stand-in for the kernel saw last, and what it is to answer. */
static struct {
	int fd;
	unsigned long request;
	unsigned int calls;
	union {
		uint32_t size;
		struct vhost_grant_create_window create;
		struct vhost_grant_map map;
		struct vhost_grant_unmap unmap;
		struct vhost_grant_destroy_window destroy;
		struct vhost_grant_query query;
		struct vhost_grant_window_info info;
		struct vhost_grant_window_set_hole hole;
	} arg;
	struct vhost_grant_map_entry entry;
	int error;
	/* Of MAP and UNMAP: entries before the bad one, and most per call. */
	unsigned int good;
	unsigned int most;
	unsigned int sizes[16];
} kernel;

static void answer_info(struct vhost_grant_info *info)
{
	assert_int_equal(info->size, sizeof(*info));
	assert_int_equal(info->flags, 0);
	info->out_abi_version = VHOST_GRANT_ABI_VERSION;
	info->out_max_entries = MAX_ENTRIES;
	info->out_page_sizes = HUGE | PAGE;
}

static int answer_array(const struct vhost_grant_map *map)
{
	unsigned int n = map->nr;

	assert_true(kernel.calls <= 16);
	kernel.sizes[kernel.calls - 1] = n;
	if (!kernel.good && n && kernel.error)
		return kernel.error;
	if (n > kernel.good)
		n = kernel.good;
	if (kernel.most && n > kernel.most)
		n = kernel.most;
	kernel.good -= n;
	return n;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == VHOST_GRANT_GET_INFO && fd == kernel.fd) {
		answer_info(arg);
		return kernel.error;
	}
	if (request == VHOST_GRANT_WINDOW_INFO && fd == kernel.fd) {
		struct vhost_grant_window_info *info = arg;

		assert_int_equal(info->size, sizeof(*info));
		info->out_length = WINDOW_LENGTH;
		return kernel.error;
	}
	if (fd != kernel.fd)
		return -ENOTTY;
	kernel.request = request;
	kernel.calls++;
	switch (request) {
	case VHOST_GRANT_CREATE_WINDOW: {
		struct vhost_grant_create_window *create = arg;

		kernel.arg.create = *create;
		create->out_fd = 77;
		create->out_window = 9;
		return kernel.error;
	}
	case VHOST_GRANT_MAP:
		kernel.arg.map = *(struct vhost_grant_map *)arg;
		memcpy(&kernel.entry, (void *)(uintptr_t)kernel.arg.map.entries,
		       sizeof(kernel.entry));
		return answer_array(arg);
	case VHOST_GRANT_UNMAP:
		kernel.arg.unmap = *(struct vhost_grant_unmap *)arg;
		if (kernel.arg.unmap.flags)
			return kernel.error;
		memcpy(&kernel.entry, (void *)(uintptr_t)kernel.arg.unmap.entries,
		       sizeof(struct vhost_grant_unmap_entry));
		return answer_array(arg);
	case VHOST_GRANT_DESTROY_WINDOW:
		kernel.arg.destroy = *(struct vhost_grant_destroy_window *)arg;
		return kernel.error;
	case VHOST_GRANT_QUERY: {
		struct vhost_grant_query *query = arg;

		kernel.arg.query = *query;
		query->out_pages_granted = 12;
		return kernel.error;
	}
	case VHOST_GRANT_WINDOW_SET_HOLE:
		kernel.arg.hole = *(struct vhost_grant_window_set_hole *)arg;
		return kernel.error;
	}
	return -ENOTTY;
}

/* A space on the reading end of a pipe, so that events can be written to it. */
struct fixture {
	struct vgrant_space *space;
	int writer;
};

static int setup(void **state)
{
	static struct fixture f;
	int fds[2];

	memset(&kernel, 0, sizeof(kernel));
	seam_ioctl = fake_ioctl;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	kernel.fd = fds[0];
	f.writer = fds[1];
	assert_int_equal(vgrant_from_fd(fds[0], &f.space), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	vgrant_close(f->space);
	assert_int_equal(fcntl(kernel.fd, F_GETFD), -1);
	close(f->writer);
	seam_madvise = NULL;
	return 0;
}

static int accept_any(int fd, unsigned long request, void *arg)
{
	assert_int_equal(request, VHOST_GRANT_GET_INFO);
	kernel.fd = fd;
	answer_info(arg);
	return kernel.error;
}

static void open_and_close(void **state)
{
	struct vgrant_space *space = NULL;
	int flags;

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	seam_ioctl = accept_any;
	assert_int_equal(vgrant_open("/dev/null", O_NONBLOCK, &space), 0);
	flags = fcntl(vgrant_fd(space), F_GETFL);
	assert_int_equal(flags & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK);
	assert_int_equal(fcntl(vgrant_fd(space), F_GETFD), FD_CLOEXEC);
	vgrant_close(space);
	assert_int_equal(fcntl(kernel.fd, F_GETFD), -1);
	vgrant_close(NULL);
}

static void open_failures(void **state)
{
	struct vgrant_space *space = NULL;
	int fd;

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	seam_ioctl = accept_any;
	assert_int_equal(vgrant_open("/nowhere/vhost_grant", 0, &space), -ENOENT);
	assert_int_equal(vgrant_open("/dev/null", O_TRUNC, &space), -EINVAL);
	kernel.error = -ENOTTY;
	assert_int_equal(vgrant_open("/dev/null", 0, &space), -ENOTTY);
	assert_int_equal(fcntl(kernel.fd, F_GETFD), -1);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(vgrant_from_fd(fd, &space), -ENOTTY);
	/* The caller's descriptor is still the caller's. */
	assert_int_equal(close(fd), 0);
	kernel.error = 0;
	seam_fail_alloc(0);
	assert_int_equal(vgrant_open("/dev/null", 0, &space), -ENOMEM);
	assert_true(seam_alloc_failed());
	assert_null(space);
}

static void info(void **state)
{
	struct fixture *f = *state;
	struct vhost_grant_info answer;

	assert_int_equal(vgrant_get_info(f->space, &answer), 0);
	assert_int_equal(answer.out_max_entries, MAX_ENTRIES);
	assert_int_equal(vgrant_page_size(f->space), PAGE);
}

static void create_window(void **state)
{
	struct fixture *f = *state;
	uint32_t id = 1;

	assert_int_equal(vgrant_create_window(f->space, 5 * PAGE,
					      VHOST_GRANT_WINDOW_KVM_ONLY, &id),
			 77);
	assert_int_equal(id, 9);
	assert_int_equal(kernel.arg.create.size, sizeof(kernel.arg.create));
	assert_int_equal(kernel.arg.create.flags, VHOST_GRANT_WINDOW_KVM_ONLY);
	assert_int_equal(kernel.arg.create.length, 5 * PAGE);
	id = 1;
	kernel.error = -ENOSPC;
	assert_int_equal(vgrant_create_window(f->space, PAGE, 0, &id), -ENOSPC);
	assert_int_equal(id, 1);
}

static void destroy_and_query(void **state)
{
	struct fixture *f = *state;
	struct vhost_grant_query query = { .out_pages_granted = 1 };

	assert_int_equal(vgrant_destroy_window(f->space, 3), 0);
	assert_int_equal(kernel.arg.destroy.size, sizeof(kernel.arg.destroy));
	assert_int_equal(kernel.arg.destroy.window, 3);
	assert_int_equal(vgrant_query(f->space, 4, &query), 0);
	assert_int_equal(kernel.arg.query.size, sizeof(query));
	assert_int_equal(kernel.arg.query.window, 4);
	assert_int_equal(query.out_pages_granted, 12);
	kernel.error = -ENOENT;
	query.out_pages_granted = 1;
	assert_int_equal(vgrant_destroy_window(f->space, 3), -ENOENT);
	assert_int_equal(vgrant_query(f->space, 4, &query), -ENOENT);
	assert_int_equal(query.out_pages_granted, 1);
}

static void map_address(void **state)
{
	const uint32_t rw = VHOST_GRANT_READ | VHOST_GRANT_WRITE;
	struct fixture *f = *state;

	kernel.good = 1;
	assert_int_equal(vgrant_map(f->space, 3, PAGE, 2 * PAGE,
				    (void *)(7 * PAGE), rw), 0);
	assert_int_equal(kernel.request, VHOST_GRANT_MAP);
	assert_int_equal(kernel.arg.map.size, sizeof(kernel.arg.map));
	assert_int_equal(kernel.arg.map.flags, 0);
	assert_int_equal(kernel.arg.map.window, 3);
	assert_int_equal(kernel.arg.map.nr, 1);
	assert_int_equal(kernel.arg.map.entry_size, sizeof(kernel.entry));
	assert_int_equal(kernel.arg.map.__reserved, 0);
	assert_int_equal(kernel.entry.iova, PAGE);
	assert_int_equal(kernel.entry.length, 2 * PAGE);
	assert_int_equal(kernel.entry.source, 7 * PAGE);
	assert_int_equal(kernel.entry.flags, rw);
	assert_int_equal(kernel.entry.fd, 0);
	kernel.error = -EEXIST;
	assert_int_equal(vgrant_map(f->space, 3, PAGE, PAGE, NULL, rw), -EEXIST);
	kernel.calls = 0;
	assert_int_equal(vgrant_map(f->space, 3, PAGE, PAGE, NULL,
				    rw | VHOST_GRANT_SOURCE_FILE), -EINVAL);
	assert_int_equal(kernel.calls, 0);
}

static void map_file(void **state)
{
	struct fixture *f = *state;

	kernel.good = 1;
	assert_int_equal(vgrant_map_file(f->space, 3, PAGE, 2 * PAGE, 55,
					 8 * PAGE, VHOST_GRANT_READ), 0);
	assert_int_equal(kernel.entry.source, 8 * PAGE);
	assert_int_equal(kernel.entry.fd, 55);
	assert_int_equal(kernel.entry.flags,
			 VHOST_GRANT_READ | VHOST_GRANT_SOURCE_FILE);
	kernel.calls = 0;
	assert_int_equal(vgrant_map_file(f->space, 3, 0, PAGE, 55, 0, 1 << 3),
			 -EINVAL);
	assert_int_equal(kernel.calls, 0);
}

static void unmap(void **state)
{
	struct fixture *f = *state;

	kernel.good = 1;
	assert_int_equal(vgrant_unmap(f->space, 3, PAGE, 2 * PAGE), 0);
	assert_int_equal(kernel.request, VHOST_GRANT_UNMAP);
	assert_int_equal(kernel.arg.unmap.entry_size,
			 sizeof(struct vhost_grant_unmap_entry));
	assert_int_equal(kernel.entry.iova, PAGE);
	assert_int_equal(kernel.entry.length, 2 * PAGE);
	assert_int_equal(vgrant_unmap_all(f->space, 5), 0);
	assert_int_equal(kernel.arg.unmap.size, sizeof(kernel.arg.unmap));
	assert_int_equal(kernel.arg.unmap.window, 5);
	assert_int_equal(kernel.arg.unmap.flags, VHOST_GRANT_UNMAP_ALL);
	assert_int_equal(kernel.arg.unmap.nr, 0);
	assert_int_equal(kernel.arg.unmap.entry_size, 0);
	assert_int_equal(kernel.arg.unmap.entries, 0);
	kernel.error = -EXDEV;
	assert_int_equal(vgrant_unmap_all(f->space, 5), -EXDEV);
}

static struct vhost_grant_map_entry entries[11];
static const struct vhost_grant_unmap_entry ranges[11];

static void array_is_split(void **state)
{
	struct fixture *f = *state;
	size_t done = 99;

	kernel.good = 11;
	assert_int_equal(vgrant_mapv(f->space, 1, entries, 11, &done), 0);
	assert_int_equal(done, 11);
	assert_int_equal(kernel.calls, 3);
	assert_int_equal(kernel.sizes[0], MAX_ENTRIES);
	assert_int_equal(kernel.sizes[2], 3);
	assert_ptr_equal((void *)(uintptr_t)kernel.arg.map.entries, &entries[8]);
	kernel.calls = 0;
	assert_int_equal(vgrant_mapv(f->space, 1, entries, 0, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(kernel.calls, 0);
}

static void short_count_then_error(void **state)
{
	struct fixture *f = *state;
	size_t done = 99;

	kernel.good = 6;
	kernel.error = -EFAULT;
	assert_int_equal(vgrant_mapv(f->space, 1, entries, 11, &done), -EFAULT);
	assert_int_equal(done, 6);
	/* 4 of 4, 2 of 4, and the bad one first. */
	assert_int_equal(kernel.calls, 3);
	assert_ptr_equal((void *)(uintptr_t)kernel.arg.map.entries, &entries[6]);
	kernel.good = 6;
	assert_int_equal(vgrant_unmapv(f->space, 1, ranges, 11, &done), -EFAULT);
	assert_int_equal(done, 6);
	assert_ptr_equal((void *)(uintptr_t)kernel.arg.unmap.entries, &ranges[6]);
	kernel.good = 0;
	assert_int_equal(vgrant_mapv(f->space, 1, entries, 11, NULL), -EFAULT);
}

static void short_count_goes_on(void **state)
{
	struct fixture *f = *state;
	size_t done = 99;

	kernel.good = 11;
	kernel.most = 1;
	assert_int_equal(vgrant_unmapv(f->space, 1, ranges, 11, &done), 0);
	assert_int_equal(done, 11);
	assert_int_equal(kernel.calls, 11);
}

static void no_progress_ends(void **state)
{
	struct fixture *f = *state;
	size_t done = 99;

	kernel.good = 5;
	assert_int_equal(vgrant_mapv(f->space, 1, entries, 11, &done), -EIO);
	assert_int_equal(done, 5);
}

static void events(void **state)
{
	struct fixture *f = *state;
	struct vhost_grant_event in[3] = {
		{ .type = VHOST_GRANT_EVENT_VIOLATION, .iova = PAGE },
		{ .type = VHOST_GRANT_EVENT_PEER_GONE, .window = 7 },
		{ .type = VHOST_GRANT_EVENT_OVERFLOW, .count = 8 },
	};
	struct vhost_grant_event out[4];

	assert_int_equal(vgrant_read_events(f->space, out, 4), -EAGAIN);
	assert_int_equal(vgrant_read_events(f->space, out, 0), -EINVAL);
	assert_int_equal(write(f->writer, in, sizeof(in)), sizeof(in));
	assert_int_equal(vgrant_read_events(f->space, out, 2), 2);
	assert_memory_equal(out, in, 2 * sizeof(*in));
	assert_int_equal(vgrant_read_events(f->space, out, 4), 1);
	assert_memory_equal(out, &in[2], sizeof(*in));
}

static void window_calls(void **state)
{
	struct vhost_grant_window_info answer = { .out_dead = 5 };

	(void)state;
	assert_int_equal(vgrant_window_info(kernel.fd, &answer), 0);
	assert_int_equal(answer.out_length, WINDOW_LENGTH);
	assert_int_equal(vgrant_window_set_hole(kernel.fd,
						VHOST_GRANT_HOLE_SCRATCH), 0);
	assert_int_equal(kernel.arg.hole.size, sizeof(kernel.arg.hole));
	assert_int_equal(kernel.arg.hole.hole, VHOST_GRANT_HOLE_SCRATCH);
	answer.out_dead = 5;
	assert_int_equal(vgrant_window_info(kernel.fd + 100, &answer), -ENOTTY);
	assert_int_equal(answer.out_dead, 5);
	kernel.error = -EINVAL;
	assert_int_equal(vgrant_window_set_hole(kernel.fd, 9), -EINVAL);
}

/* The lines of /proc/self/maps, to see mappings that stay behind. */
static unsigned int count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned int n = 0;
	int c;

	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static void window_mmap(void **state)
{
	int pipe_fd = kernel.fd, memfd = memfd_create("window", MFD_CLOEXEC);
	unsigned int before;
	void *addr = NULL;

	(void)state;
	assert_int_equal(ftruncate(memfd, WINDOW_LENGTH), 0);
	assert_int_equal(pwrite(memfd, "x", 1, HUGE + PAGE), 1);
	kernel.fd = memfd;
	count_mappings();
	before = count_mappings();
	assert_int_equal(vgrant_window_mmap(memfd, HUGE + PAGE, HUGE, PROT_READ,
					    &addr), 0);
	assert_int_equal((uintptr_t)addr % HUGE, PAGE);
	assert_int_equal(*(char *)addr, 'x');
	assert_int_equal(count_mappings(), before + 1);
	assert_int_equal(munmap(addr, HUGE), 0);
	assert_int_equal(vgrant_window_mmap(memfd, HUGE, 0, PROT_READ, &addr), 0);
	assert_int_equal((uintptr_t)addr % HUGE, 0);
	/* To the end of the window, and no further. */
	assert_int_equal(munmap(addr, WINDOW_LENGTH - HUGE), 0);
	assert_int_equal(count_mappings(), before);
	close(memfd);
	kernel.fd = pipe_fd;
}

static void window_mmap_failures(void **state)
{
	unsigned int before;
	void *addr = NULL;
	int fd = kernel.fd;

	(void)state;
	assert_int_equal(vgrant_window_mmap(fd, WINDOW_LENGTH, 0, 0, &addr),
			 -EINVAL);
	assert_int_equal(vgrant_window_mmap(fd, HUGE, WINDOW_LENGTH, 0, &addr),
			 -EINVAL);
	assert_int_equal(vgrant_window_mmap(fd, 1, PAGE, 0, &addr), -EINVAL);
	assert_int_equal(vgrant_window_mmap(fd, 0, PAGE + 1, 0, &addr), -EINVAL);
	assert_int_equal(vgrant_window_mmap(fd, 0, PAGE, PROT_EXEC, &addr), -EACCES);
	assert_int_equal(vgrant_window_mmap(fd + 100, 0, 0, 0, &addr), -ENOTTY);
	count_mappings();
	before = count_mappings();
	/* A pipe cannot be mapped; the reservation must go too. */
	assert_int_equal(vgrant_window_mmap(fd, 0, PAGE, PROT_READ, &addr),
			 -ENODEV);
	assert_int_equal(count_mappings(), before);
	assert_null(addr);
}

static struct {
	unsigned int nohuge, cold;
	uintptr_t last;
	int error, nohuge_error;
} advice;

static int fake_madvise(void *addr, size_t length, int what)
{
	if (what == MADV_NOHUGEPAGE) {
		assert_int_equal(advice.cold, 0);
		assert_int_equal(length, 9 * PAGE);
		advice.nohuge++;
		return advice.nohuge_error;
	}
	assert_int_equal(what, MADV_COLD);
	assert_int_equal(length, PAGE);
	/* One page of each four that could be one folio. */
	assert_true(!advice.cold || (uintptr_t)addr % (4 * PAGE) == 0);
	assert_true((uintptr_t)addr - advice.last <= 4 * PAGE || !advice.cold);
	advice.last = (uintptr_t)addr;
	advice.cold++;
	return advice.error;
}

static void split_huge_advice(void **state)
{
	(void)state;
	memset(&advice, 0, sizeof(advice));
	seam_madvise = fake_madvise;
	assert_int_equal(vgrant_split_huge((void *)(7 * PAGE), 9 * PAGE), 0);
	assert_int_equal(advice.nohuge, 1);
	assert_int_equal(advice.cold, 3);
	assert_int_equal(advice.last, 12 * PAGE);
	assert_int_equal(vgrant_split_huge((void *)PAGE, 0), -EINVAL);
	assert_int_equal(vgrant_split_huge((void *)1, PAGE), -EINVAL);
	assert_int_equal(vgrant_split_huge((void *)PAGE, 1), -EINVAL);
	assert_int_equal(vgrant_split_huge((void *)PAGE, -PAGE), -EINVAL);
	advice.cold = 0;
	advice.nohuge_error = -EINVAL;
	assert_int_equal(vgrant_split_huge((void *)(7 * PAGE), 9 * PAGE), 0);
	advice.cold = 0;
	advice.error = -EINVAL;
	assert_int_equal(vgrant_split_huge((void *)(7 * PAGE), 9 * PAGE),
			 -EINVAL);
	assert_int_equal(advice.cold, 1);
	advice.cold = 0;
	advice.nohuge_error = -ENOMEM;
	assert_int_equal(vgrant_split_huge((void *)(7 * PAGE), 9 * PAGE),
			 -ENOMEM);
	assert_int_equal(advice.cold, 0);
}

/* AnonHugePages of the mapping at @addr, in KiB. */
static unsigned int anon_huge_kib(const void *addr)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long start;
	unsigned int kib = 0;
	char line[256];
	bool here = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-", &start) == 1 && strchr(line, '-'))
			here = start == (uintptr_t)addr;
		if (here && sscanf(line, "AnonHugePages: %u", &kib) == 1)
			break;
	}
	fclose(f);
	return kib;
}

static void split_huge_for_real(void **state)
{
	char *base = mmap(NULL, 5 * HUGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *addr = (char *)(((uintptr_t)base + HUGE - 1) & -HUGE);
	uint64_t i;

	(void)state;
	assert_ptr_not_equal(base, MAP_FAILED);
	munmap(base, addr - base);
	if (madvise(addr, 4 * HUGE, MADV_HUGEPAGE))
		skip();
	for (i = 0; i < 4 * HUGE; i += PAGE)
		addr[i] = i / PAGE;
	if (!anon_huge_kib(addr))
		skip();
	assert_int_equal(vgrant_split_huge(addr, 4 * HUGE), 0);
	assert_int_equal(anon_huge_kib(addr), 0);
	for (i = 0; i < 4 * HUGE; i += PAGE)
		assert_int_equal(addr[i], (char)(i / PAGE));
	munmap(addr, 4 * HUGE);
}

static int lowest_free_fd(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static void send_and_receive(void **state)
{
	int pair[2], fd = kernel.fd, next;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
			 0);
	assert_int_equal(vgrant_send_window(pair[0], STDIN_FILENO), 0);
	/* Not a window: refused, and closed. */
	next = lowest_free_fd();
	assert_int_equal(vgrant_recv_window(pair[1]), -ENOTTY);
	assert_int_equal(lowest_free_fd(), next);
	assert_int_equal(vgrant_send_window(pair[0], STDIN_FILENO), 0);
	/* The kernel stand-in takes the descriptor that comes for a window. */
	kernel.fd = next;
	assert_int_equal(vgrant_recv_window(pair[1]), next);
	assert_int_equal(fcntl(next, F_GETFD), FD_CLOEXEC);
	close(next);
	kernel.fd = fd;
	assert_int_equal(write(pair[0], "x", 1), 1);
	assert_int_equal(vgrant_recv_window(pair[1]), -EPROTO);
	assert_int_equal(vgrant_send_window(pair[0], -1), -EBADF);
	close(pair[0]);
	assert_int_equal(vgrant_recv_window(pair[1]), -ECONNRESET);
	assert_int_equal(vgrant_send_window(pair[1], kernel.fd), -EPIPE);
	close(pair[1]);
	assert_int_equal(vgrant_recv_window(pair[1]), -EBADF);
}

/* The structures are the ABI: a change of size is a change of it. */
static void abi_sizes(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct vhost_grant_info), 64);
	assert_int_equal(sizeof(struct vhost_grant_create_window), 24);
	assert_int_equal(sizeof(struct vhost_grant_map_entry), 32);
	assert_int_equal(sizeof(struct vhost_grant_map), 32);
	assert_int_equal(sizeof(struct vhost_grant_unmap_entry), 16);
	assert_int_equal(sizeof(struct vhost_grant_unmap), 32);
	assert_int_equal(sizeof(struct vhost_grant_destroy_window), 8);
	assert_int_equal(sizeof(struct vhost_grant_query), 96);
	assert_int_equal(sizeof(struct vhost_grant_event), 32);
	assert_int_equal(sizeof(struct vhost_grant_window_info), 32);
	assert_int_equal(sizeof(struct vhost_grant_window_set_hole), 8);
	assert_int_equal(sizeof(struct vgrant_iotlb_failure), 40);
	assert_int_equal(sizeof(struct vgrant_iotlb_ops), 24);
}

#define test(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(abi_sizes),
		cmocka_unit_test(open_and_close),
		cmocka_unit_test(open_failures),
		test(info),
		test(create_window),
		test(destroy_and_query),
		test(map_address),
		test(map_file),
		test(unmap),
		test(array_is_split),
		test(short_count_then_error),
		test(short_count_goes_on),
		test(no_progress_ends),
		test(events),
		test(window_calls),
		test(window_mmap),
		test(window_mmap_failures),
		test(split_huge_advice),
		test(split_huge_for_real),
		test(send_and_receive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
