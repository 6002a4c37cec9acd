// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a hostile peer tries: to keep a page beyond its revoke, to write what
 * it may only read, to reach what was not granted. Each attempt must be
 * refused, or be worth nothing; and it must have changed nothing.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/if_xdp.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"

#define WINDOW_LENGTH MIB(16)
/* Where what is granted how: the rest is holes. */
#define AT_RW 0
#define AT_R PAGE
#define AT_HOLE (2 * PAGE)

#define SECRET 0x5ec2e7c0deul

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

FIXTURE(attack) {
	struct mark mark;
	int space;
	struct window window;
	char *memory;
	struct peer peer;
};

FIXTURE_VARIANT(attack) {
	enum peer_kind peer;
};

FIXTURE_VARIANT_ADD(attack, thread) { .peer = PEER_THREAD };
FIXTURE_VARIANT_ADD(attack, process) { .peer = PEER_PROCESS };
FIXTURE_VARIANT_ADD(attack, stranger) { .peer = PEER_STRANGER };

FIXTURE_SETUP(attack)
{
	mark_begin(&self->mark);
	probe_init();
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0,
				  &self->window));
	self->memory = source_pages(2 * PAGE);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, peer_start(&self->peer, variant->peer, self->window.fd,
				WINDOW_LENGTH));
	/* After the fork, so that no peer has a copy. */
	*(volatile uint64_t *)self->memory = SECRET;
	*(volatile uint64_t *)(self->memory + PAGE) = SECRET;
	ASSERT_EQ(0, space_map(self->space, self->window.id, AT_RW,
			       self->memory, PAGE, RW));
	ASSERT_EQ(0, space_map(self->space, self->window.id, AT_R,
			       self->memory + PAGE, PAGE, R));
}

FIXTURE_TEARDOWN_PARENT(attack)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(attack) attack_fixture;

static uint64_t secret(attack_fixture *self, uint64_t at)
{
	return *(volatile uint64_t *)(self->memory + at);
}

/* Grants as they were, and a revoke that takes everything. */
static void expect_unharmed(struct __test_metadata *_metadata,
			    attack_fixture *self)
{
	EXPECT_EQ(SECRET, secret(self, AT_RW));
	EXPECT_EQ(SECRET, secret(self, AT_R));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_RW));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_R));
	EXPECT_EQ(0, peer_write(&self->peer, AT_RW + 8, 1));
	EXPECT_EQ(SIGBUS, peer_write(&self->peer, AT_R, 1));
	EXPECT_EQ(SECRET, secret(self, AT_R));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, AT_HOLE));
	EXPECT_EQ(0, space_unmap_all(self->space, self->window.id));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, AT_RW));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, AT_R));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

/* An attack that is refused with @ret, on both grants. */
static void expect_refused(struct __test_metadata *_metadata,
			   attack_fixture *self, peer_function attack, int ret)
{
	/* With the page table filled, and before. */
	EXPECT_EQ(ret, peer_call(&self->peer, attack, AT_RW, 0));
	EXPECT_EQ(ret, peer_call(&self->peer, attack, AT_R, 0));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_RW));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_R));
	EXPECT_EQ(ret, peer_call(&self->peer, attack, AT_RW, 0));
	EXPECT_EQ(ret, peer_call(&self->peer, attack, AT_R, 0));
	expect_unharmed(_metadata, self);
}

/* What an attack returns where the kernel lacks the thing to attack with. */
#define NOT_HERE 12345

#define ATTACK_REFUSED(name, ret)					\
	TEST_F(attack, name)						\
	{								\
		if (peer_call(&self->peer, do_##name, AT_RW, 0) ==	\
		    NOT_HERE)						\
			SKIP(return, "this peer cannot try " #name);	\
		expect_refused(_metadata, self, do_##name, ret);	\
	}

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

static long do_vmsplice(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	struct iovec iov = { view->map + a, PAGE };
	int pipes[2];
	long ret;

	(void)b;
	if (pipe(pipes))
		return 1;
	ret = result(vmsplice(pipes[1], &iov, 1, 0));
	close(pipes[0]);
	close(pipes[1]);
	return ret;
}
ATTACK_REFUSED(vmsplice, -EFAULT)

static long do_process_vm_readv(struct peer_view *view, unsigned long a,
				unsigned long b)
{
	uint64_t value;
	struct iovec local = { &value, sizeof(value) };
	struct iovec remote = { view->map + a, sizeof(value) };

	(void)b;
	return result(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
}
ATTACK_REFUSED(process_vm_readv, -EFAULT)

static long do_process_vm_writev(struct peer_view *view, unsigned long a,
				 unsigned long b)
{
	uint64_t value = 666;
	struct iovec local = { &value, sizeof(value) };
	struct iovec remote = { view->map + a, sizeof(value) };

	(void)b;
	return result(process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
}
ATTACK_REFUSED(process_vm_writev, -EFAULT)

/* Writing there forces its way through read-only pages, where it can. */
static long do_proc_mem_write(struct peer_view *view, unsigned long a,
			      unsigned long b)
{
	int fd = open("/proc/self/mem", O_RDWR);
	uint64_t value = 666;
	long ret;

	(void)b;
	if (fd < 0)
		return NOT_HERE;
	ret = result(pwrite(fd, &value, 8, (unsigned long)view->map + a));
	close(fd);
	return ret;
}
ATTACK_REFUSED(proc_mem_write, -EIO)

static long do_proc_mem_read(struct peer_view *view, unsigned long a,
			     unsigned long b)
{
	int fd = open("/proc/self/mem", O_RDONLY);
	uint64_t value;
	long ret;

	(void)b;
	if (fd < 0)
		return NOT_HERE;
	ret = result(pread(fd, &value, 8, (unsigned long)view->map + a));
	close(fd);
	return ret;
}
ATTACK_REFUSED(proc_mem_read, -EIO)

static long do_io_uring_buffer(struct peer_view *view, unsigned long a,
			       unsigned long b)
{
	struct io_uring_params params = {};
	struct iovec iov = { view->map + a, PAGE };
	int ring = syscall(SYS_io_uring_setup, 4, &params);
	long ret;

	(void)b;
	if (ring < 0)
		return NOT_HERE;
	ret = result(syscall(SYS_io_uring_register, ring,
			     IORING_REGISTER_BUFFERS, &iov, 1));
	close(ring);
	return ret;
}
ATTACK_REFUSED(io_uring_buffer, -EFAULT)

static long do_xdp_umem(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	struct xdp_umem_reg umem = {
		.addr = (uintptr_t)view->map + a,
		.len = PAGE,
		.chunk_size = PAGE,
	};
	int fd = socket(AF_XDP, SOCK_RAW, 0);
	long ret;

	(void)b;
	if (fd < 0)
		return NOT_HERE;
	ret = result(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem,
				sizeof(umem)));
	close(fd);
	return ret;
}
ATTACK_REFUSED(xdp_umem, -EFAULT)

/* A futex that is shared between processes is a reference to the page. */
static long do_shared_futex(struct peer_view *view, unsigned long a,
			    unsigned long b)
{
	struct timespec timeout = { 0, 1000000 };

	(void)b;
	return result(syscall(SYS_futex, view->map + a, FUTEX_WAIT,
			      (uint32_t)SECRET, &timeout, NULL, 0));
}
ATTACK_REFUSED(shared_futex, -EFAULT)

static long do_dofork(struct peer_view *view, unsigned long a,
		      unsigned long b)
{
	(void)b;
	return result(madvise(view->map + a, PAGE, MADV_DOFORK));
}
ATTACK_REFUSED(dofork, -EINVAL)

static long do_mprotect_exec(struct peer_view *view, unsigned long a,
			     unsigned long b)
{
	(void)b;
	return result(mprotect(view->map + a, PAGE, PROT_READ | PROT_EXEC));
}
ATTACK_REFUSED(mprotect_exec, -EACCES)

static long do_private_mapping(struct peer_view *view, unsigned long a,
			       unsigned long b)
{
	void *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			 view->window, a);

	(void)b;
	return map == MAP_FAILED ? -errno : 1;
}
ATTACK_REFUSED(private_mapping, -EINVAL)

/* As the gntdev bug had it: read-only at first, so that nobody minds. */
static long do_private_readonly_mapping(struct peer_view *view,
					unsigned long a, unsigned long b)
{
	void *map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, view->window, a);

	(void)b;
	return map == MAP_FAILED ? -errno : 1;
}
ATTACK_REFUSED(private_readonly_mapping, -EINVAL)

/* The window's descriptor leads nowhere else. */
static long do_reopen(struct peer_view *view, unsigned long a,
		      unsigned long b)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", view->window);
	fd = open(path, O_RDWR);
	if (fd >= 0)
		return fd;
	fd = open(path, O_RDONLY);
	(void)a;
	(void)b;
	/* Who is not its owner is stopped by the mode of the inode before. */
	return fd < 0 && errno == EACCES && geteuid() ? -ENXIO : result(fd);
}
ATTACK_REFUSED(reopen, -ENXIO)

static long do_splice(struct peer_view *view, unsigned long a,
		      unsigned long b)
{
	loff_t offset = a;
	int pipes[2];
	long ret;

	(void)b;
	if (pipe(pipes))
		return 1;
	ret = result(splice(view->window, &offset, pipes[1], NULL, PAGE, 0));
	if (ret == -EINVAL && write(pipes[1], "x", 1) == 1)
		ret = result(splice(pipes[0], NULL, view->window, &offset, 1,
				    0));
	close(pipes[0]);
	close(pipes[1]);
	return ret;
}
ATTACK_REFUSED(splice, -EINVAL)

static long do_sendfile(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	int memfd = memfd_create("stolen", MFD_CLOEXEC | 0x10);
	off_t offset = a;
	long ret;

	(void)b;
	ret = result(sendfile(memfd, view->window, &offset, PAGE));
	close(memfd);
	return ret;
}
ATTACK_REFUSED(sendfile, -ESPIPE)

static long do_userfaultfd(struct peer_view *view, unsigned long a,
			   unsigned long b)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { (uintptr_t)view->map + a, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	long ret;

	(void)b;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		return NOT_HERE;
	ret = result(ioctl(fd, UFFDIO_REGISTER, &range));
	if (ret == -EINVAL) {
		range.mode = UFFDIO_REGISTER_MODE_WP;
		ret = result(ioctl(fd, UFFDIO_REGISTER, &range));
	}
	close(fd);
	return ret;
}
ATTACK_REFUSED(userfaultfd, -EINVAL)

/*
 * Asynchronous write protection may be registered on any mapping: it must not
 * make anything writable, nor outlive a revoke.
 */
static int wp_fd = -1;

static long wp_register(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC,
	};
	struct uffdio_register range = {
		.range = { (uintptr_t)view->map + a, b },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	wp_fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (wp_fd < 0 || ioctl(wp_fd, UFFDIO_API, &api))
		return NOT_HERE;
	return result(ioctl(wp_fd, UFFDIO_REGISTER, &range));
}

static long wp_set(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct uffdio_writeprotect range = {
		.range = { (uintptr_t)view->map + a, PAGE }, .mode = b,
	};

	return result(ioctl(wp_fd, UFFDIO_WRITEPROTECT, &range));
}

TEST_F(attack, userfaultfd_wp_async)
{
	long ret = peer_call(&self->peer, wp_register, 0, WINDOW_LENGTH);
	int round;

	if (ret == NOT_HERE)
		SKIP(return, "the kernel has no asynchronous wp");
	if (ret)
		TH_LOG("the kernel refuses to register a window (%ld)", ret);
	for (round = 0; !ret && round < 3; round++) {
		peer_call(&self->peer, wp_set, AT_RW,
			  UFFDIO_WRITEPROTECT_MODE_WP);
		peer_call(&self->peer, wp_set, AT_R,
			  UFFDIO_WRITEPROTECT_MODE_WP);
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, AT_R, 666));
		/* Such a mapping is refused, whatever is granted. */
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, AT_RW + 8, 1));
		peer_call(&self->peer, wp_set, AT_R, 0);
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, AT_R, 666));
		peer_call(&self->peer, wp_set, AT_HOLE,
			  UFFDIO_WRITEPROTECT_MODE_WP);
		EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, AT_HOLE));
	}
	expect_unharmed(_metadata, self);
}

/* Read-only pages stay so whatever the mapping is made to be. */
static long protect(struct peer_view *view, unsigned long a, unsigned long b)
{
	(void)a;
	return result(mprotect(view->map, 4 * PAGE, b));
}

TEST_F(attack, mprotect_to_and_fro)
{
	int round;

	for (round = 0; round < 5; round++) {
		EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_R));
		EXPECT_EQ(0, peer_write(&self->peer, AT_RW + 8, round));
		ASSERT_EQ(0, peer_call(&self->peer, protect, 0, PROT_READ));
		EXPECT_EQ(SIGSEGV, peer_write(&self->peer, AT_RW, 666));
		EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_R));
		ASSERT_EQ(0, peer_call(&self->peer, protect, 0,
				       PROT_READ | PROT_WRITE));
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, AT_R, 666));
		ASSERT_EQ(0, peer_call(&self->peer, protect, 0, PROT_NONE));
		EXPECT_EQ(-SIGSEGV, peer_peek(&self->peer, AT_R));
		ASSERT_EQ(0, peer_call(&self->peer, protect, 0,
				       PROT_READ | PROT_WRITE));
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, AT_R, 666));
	}
	expect_unharmed(_metadata, self);
}

/* The kernel storing on behalf of the peer: how many got through. */
static long store_by_call(struct peer_view *view, unsigned long a,
			  unsigned long b)
{
	char *at = view->map + a;
	int pipes[2], n = 0;

	(void)b;
	if (pipe(pipes) || write(pipes[1], "01234567", 8) != 8)
		return -1;
	n += read(pipes[0], at, 8) >= 0;
	n += syscall(SYS_clock_gettime, CLOCK_MONOTONIC, at) == 0;
	n += syscall(SYS_newfstatat, 0, "", at, AT_EMPTY_PATH) == 0;
	n += syscall(SYS_getcwd, at, 64) >= 0;
	n += syscall(SYS_futex, at, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, 0,
		     at, FUTEX_OP(FUTEX_OP_SET, 66, FUTEX_OP_CMP_EQ, 0)) >= 0;
	n += syscall(SYS_set_robust_list, at, 0) == 0;
	close(pipes[0]);
	close(pipes[1]);
	return n;
}

TEST_F(attack, store_by_system_call)
{
	EXPECT_EQ(0, peer_call(&self->peer, store_by_call, AT_R, 0));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_R));
	EXPECT_EQ(0, peer_call(&self->peer, store_by_call, AT_R, 0));
	EXPECT_EQ(0, peer_call(&self->peer, store_by_call, AT_HOLE, 0));
	EXPECT_EQ(5, peer_call(&self->peer, store_by_call, AT_RW + 64, 0));
	expect_unharmed(_metadata, self);
}

/* A child has nothing of the window but what it maps for itself. */
static long child_reads(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	int status = 0;
	pid_t pid = fork();
	uint64_t value;

	if (!pid) {
		/* @b more generations. */
		if (b)
			_exit(child_reads(view, a, b - 1));
		_exit(view->read(view, a, &value));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(attack, fork)
{
	ASSERT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_RW));
	EXPECT_EQ(SIGSEGV, peer_call(&self->peer, child_reads, AT_RW, 0));
	EXPECT_EQ(SIGSEGV, peer_call(&self->peer, child_reads, AT_R, 0));
	EXPECT_EQ(SIGSEGV, peer_call(&self->peer, child_reads, AT_HOLE, 0));
	EXPECT_EQ(SIGSEGV, peer_call(&self->peer, child_reads, AT_RW, 2));
	expect_unharmed(_metadata, self);
}

/* A child's own mapping is one more, and goes with the others. */
static pid_t grandchild;

static long child_maps(struct peer_view *view, unsigned long a,
		       unsigned long b)
{
	uint64_t value;
	char *map;

	(void)b;
	view->shared->words[1] = 0;
	grandchild = fork();
	if (grandchild)
		return grandchild;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	map = window_mmap(view->window, a, PAGE, PROT_READ);
	if (!map)
		_exit(1);
	for (;;) {
		view->shared->words[1] = probe_read(map, &value) ? 2 : 1;
		sched_yield();
	}
}

static long kill_child(struct peer_view *view, unsigned long a,
		       unsigned long b)
{
	(void)view;
	(void)a;
	(void)b;
	kill(grandchild, SIGKILL);
	return waitpid(grandchild, NULL, 0) == grandchild ? 0 : -1;
}

TEST_F(attack, mapping_of_a_child)
{
	struct peer_shared *shared = self->peer.shared;

	ASSERT_LT(0, peer_call(&self->peer, child_maps, AT_R, 0));
	while (shared->words[1] != 1)
		sched_yield();
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, AT_R, PAGE));
	while (shared->words[1] != 2)
		sched_yield();
	ASSERT_EQ(0, space_map(self->space, self->window.id, AT_R,
			       self->memory + PAGE, PAGE, R));
	while (shared->words[1] != 1)
		sched_yield();
	EXPECT_EQ(0, peer_call(&self->peer, kill_child, 0, 0));
	expect_unharmed(_metadata, self);
}

/* Move, grow, duplicate: nothing, in any form, ends elsewhere. */
static long try_mremap(struct peer_view *view, unsigned long a,
		       unsigned long b)
{
	size_t length = b ? view->length : PAGE;
	char *target = mmap(NULL, 2 * view->length, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *from = view->map + a;
	uint64_t value;
	long n = 0;

	n += mremap(from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
		    target) != MAP_FAILED;
	n += mremap(from, 0, PAGE, MREMAP_MAYMOVE) != MAP_FAILED;
	n += mremap(from, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) !=
	     MAP_FAILED;
	n += mremap(from, length, length, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
		    NULL) != MAP_FAILED;
	n += mremap(from, length, length, MREMAP_MAYMOVE | MREMAP_DONTUNMAP |
		    MREMAP_FIXED, target) != MAP_FAILED;
	n += mremap(from, length, view->length * 2, MREMAP_MAYMOVE) !=
	     MAP_FAILED;
	n += mremap(from, length, view->length * 2, 0) != MAP_FAILED;
	/* MREMAP_FIXED may have unmapped the target; nothing was put there. */
	n += probe_read(target, &value) == 0;
	munmap(target, 2 * view->length);
	return n;
}

TEST_F(attack, mremap)
{
	struct vhost_grant_query query;

	EXPECT_EQ(0, peer_call(&self->peer, try_mremap, 0, 1));
	EXPECT_EQ(0, peer_call(&self->peer, try_mremap, AT_RW, 0));
	EXPECT_EQ(0, peer_call(&self->peer, try_mremap, AT_R, 0));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_LE(1, query.out_vmas);
	expect_unharmed(_metadata, self);
}

/* All advices there are or may be; the stranger must not poison memory. */
static long all_advices(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	unsigned long advice;

	for (advice = 0; advice < 160; advice++) {
		if (advice == 100 || advice == 101)
			if (geteuid() == 0)
				continue;
		madvise(view->map + a, b, advice);
	}
	return 0;
}

TEST_F(attack, madvise)
{
	ASSERT_EQ(0, peer_call(&self->peer, all_advices, 0, 4 * PAGE));
	ASSERT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_R));
	ASSERT_EQ(0, peer_call(&self->peer, all_advices, AT_R, PAGE));
	ASSERT_EQ(0, peer_call(&self->peer, all_advices, 0, WINDOW_LENGTH));
	expect_unharmed(_metadata, self);
}

static long lock_memory(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	void *map;

	(void)a;
	(void)b;
	mlock(view->map, 4 * PAGE);
	mlock2(view->map, 4 * PAGE, MLOCK_ONFAULT);
	mlockall(MCL_CURRENT);
	map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_POPULATE | MAP_LOCKED, view->window, 0);
	if (map != MAP_FAILED)
		munmap(map, 4 * PAGE);
	return munlockall();
}

TEST_F(attack, mlock_and_populate)
{
	EXPECT_EQ(0, peer_call(&self->peer, lock_memory, 0, 0));
	expect_unharmed(_metadata, self);
}

static long remap_pages(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	(void)a;
	(void)b;
	/* Page 2 of the mapping is to show page 1 of the window. */
	return result(remap_file_pages(view->map + AT_HOLE, PAGE, 0,
				       AT_R / PAGE, 0));
}

static long remap_pages_back(struct peer_view *view, unsigned long a,
			     unsigned long b)
{
	(void)a;
	(void)b;
	return mmap(view->map + AT_HOLE, PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, view->window, AT_HOLE) ==
	       view->map + AT_HOLE ? 0 : -errno;
}

TEST_F(attack, remap_file_pages)
{
	if (!peer_call(&self->peer, remap_pages, 0, 0)) {
		EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_HOLE));
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, AT_HOLE, 666));
		ASSERT_EQ(0, space_unmap(self->space, self->window.id, AT_R,
					 PAGE));
		EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, AT_HOLE));
		ASSERT_EQ(0, space_map(self->space, self->window.id, AT_R,
				       self->memory + PAGE, PAGE, R));
		ASSERT_EQ(0, peer_call(&self->peer, remap_pages_back, 0, 0));
	}
	expect_unharmed(_metadata, self);
}

/* Where the page is in the machine is nobody's business. */
static long pagemap_entry(struct peer_view *view, unsigned long a,
			  unsigned long b)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0, value;
	long n;

	(void)b;
	view->read(view, a, &value);
	if (fd < 0)
		return 0;
	n = pread(fd, &entry, 8, ((uintptr_t)view->map + a) / PAGE * 8);
	close(fd);
	return n == 8 ? entry & ((1ul << 55) - 1) : 0;
}

TEST_F(attack, pagemap)
{
	if (variant->peer != PEER_STRANGER) {
		/* Root sees frame numbers; that must at least not crash. */
		peer_call(&self->peer, pagemap_entry, AT_R, 0);
	} else {
		EXPECT_EQ(0, peer_call(&self->peer, pagemap_entry, AT_R, 0));
	}
	expect_unharmed(_metadata, self);
}

static long merge_pages(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	(void)a;
	(void)b;
	madvise(view->map, 4 * PAGE, MADV_MERGEABLE);
	prctl(67 /* PR_SET_MEMORY_MERGE */, 1, 0, 0, 0);
	return 0;
}

TEST_F(attack, ksm)
{
	long run = proc_number("/sys/kernel/mm/ksm/run");

	if (run < 0)
		SKIP(return, "the kernel has no KSM");
	EXPECT_EQ(0, peer_call(&self->peer, merge_pages, 0, 0));
	EXPECT_EQ(0, proc_write("/sys/kernel/mm/ksm/run", "1"));
	sleep_ms(300);
	EXPECT_EQ(0, proc_write("/sys/kernel/mm/ksm/run", "%ld", run));
	expect_unharmed(_metadata, self);
}

static long move_pages_away(struct peer_view *view, unsigned long a,
			    unsigned long b)
{
	void *pages[1] = { view->map + a };
	int status[1] = { 0 }, nodes[1] = { 0 };
	unsigned long mask = 1;

	(void)b;
	syscall(SYS_move_pages, 0, 1ul, pages, nodes, status, 2);
	syscall(SYS_mbind, view->map, 4 * PAGE, 2, &mask, 2ul, 6);
	syscall(SYS_migrate_pages, 0, 2ul, &mask, &mask);
	return status[0] >= 0;
}

TEST_F(attack, move_pages)
{
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_R));
	peer_call(&self->peer, move_pages_away, AT_R, 0);
	peer_call(&self->peer, move_pages_away, AT_RW, 0);
	expect_unharmed(_metadata, self);
}

/* Direct I/O on a block device pins what it writes from. */
static const char *block_device(void)
{
	static const char *const names[] = { "/dev/ram0", "/dev/brd0",
					     "/dev/vda", "/dev/sda" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!access(names[i], R_OK))
			return names[i];
	return NULL;
}

static long do_direct_read(struct peer_view *view, unsigned long a,
			   unsigned long b)
{
	const char *device = block_device();
	int fd = device ? open(device, O_RDONLY | O_DIRECT | O_CLOEXEC) : -1;
	long ret;

	(void)b;
	if (fd < 0)
		return NOT_HERE;
	ret = result(pread(fd, view->map + a, PAGE, 0));
	close(fd);
	return ret;
}
ATTACK_REFUSED(direct_read, -EFAULT)

static long do_direct_write(struct peer_view *view, unsigned long a,
			    unsigned long b)
{
	const char *device = block_device();
	int fd = device ? open(device, O_WRONLY | O_DIRECT | O_CLOEXEC) : -1;
	long ret;

	(void)b;
	if (fd < 0)
		return NOT_HERE;
	ret = result(pwrite(fd, view->map + a, PAGE, 0));
	close(fd);
	return ret;
}
ATTACK_REFUSED(direct_write, -EFAULT)

/* Two ends of a TCP connection to ourselves. */
static int tcp_pair(int fds[2])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ret = -1;

	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!bind(listener, (struct sockaddr *)&address, length) &&
	    !listen(listener, 1) &&
	    !getsockname(listener, (struct sockaddr *)&address, &length) &&
	    !connect(fds[0], (struct sockaddr *)&address, length)) {
		fds[1] = accept(listener, NULL, NULL);
		ret = fds[1] < 0 ? -1 : 0;
	}
	close(listener);
	return ret;
}

static long do_zerocopy_send(struct peer_view *view, unsigned long a,
			     unsigned long b)
{
	int fds[2], one = 1;
	long ret;

	(void)b;
	if (tcp_pair(fds) || setsockopt(fds[0], SOL_SOCKET, SO_ZEROCOPY, &one,
					sizeof(one)))
		return NOT_HERE;
	ret = result(send(fds[0], view->map + a, PAGE, MSG_ZEROCOPY));
	close(fds[0]);
	close(fds[1]);
	return ret;
}
ATTACK_REFUSED(zerocopy_send, -EFAULT)

/* Another process, even root, gets nothing through the peer. */
static long do_nothing(struct peer_view *view, unsigned long a,
		       unsigned long b)
{
	(void)a;
	(void)b;
	return (long)view->map;
}

TEST_F(attack, ptrace)
{
	char *map = (char *)peer_call(&self->peer, do_nothing, 0, 0);
	int status;

	if (variant->peer == PEER_THREAD)
		SKIP(return, "a thread cannot trace its own process");
	ASSERT_EQ((int64_t)SECRET, peer_peek(&self->peer, AT_R));
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, self->peer.pid, NULL, NULL));
	ASSERT_EQ(self->peer.pid, waitpid(self->peer.pid, &status, 0));
	errno = 0;
	EXPECT_EQ(-1, ptrace(PTRACE_PEEKDATA, self->peer.pid, map + AT_R,
			     NULL));
	EXPECT_EQ(EIO, errno);
	errno = 0;
	EXPECT_EQ(-1, ptrace(PTRACE_POKEDATA, self->peer.pid, map + AT_R,
			     666l));
	EXPECT_EQ(EIO, errno);
	errno = 0;
	EXPECT_EQ(-1, ptrace(PTRACE_POKEDATA, self->peer.pid, map + AT_RW,
			     666l));
	EXPECT_EQ(EIO, errno);
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, self->peer.pid, NULL, NULL));
	expect_unharmed(_metadata, self);
}

TEST_F(attack, process_madvise)
{
	static const int advices[] = { MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED,
				       25 /* MADV_COLLAPSE */ };
	struct iovec iov;
	int pidfd, pid;
	size_t i;

	pid = variant->peer == PEER_THREAD ? getpid() : self->peer.pid;
	iov.iov_base = (void *)peer_call(&self->peer, do_nothing, 0, 0);
	iov.iov_len = WINDOW_LENGTH;
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	ASSERT_LE(0, pidfd);
	for (i = 0; i < ARRAY_SIZE(advices); i++)
		syscall(SYS_process_madvise, pidfd, &iov, 1ul, advices[i], 0);
	expect_unharmed(_metadata, self);
}

/* The stranger has nobody's memory and nobody's descriptors. */
static long reach_owner(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	uint64_t value;
	struct iovec local = { &value, 8 }, remote = { (void *)b, 8 };
	char path[64];
	long n = 0;
	int pidfd = syscall(SYS_pidfd_open, (int)a, 0), fd;

	(void)view;
	n += process_vm_readv(a, &local, 1, &remote, 1, 0) > 0;
	for (fd = 0; fd < 32; fd++) {
		if (fd > 2)
			n += syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0;
		snprintf(path, sizeof(path), "/proc/%lu/fd/%d", a, fd);
		n += open(path, O_RDONLY) >= 0;
	}
	snprintf(path, sizeof(path), "/proc/%lu/mem", a);
	n += open(path, O_RDONLY) >= 0;
	n += open(DEVICE, O_RDWR) >= 0;
	return n;
}

TEST_F(attack, reach_the_owner)
{
	if (variant->peer != PEER_STRANGER)
		SKIP(return, "the same user may");
	EXPECT_EQ(0, peer_call(&self->peer, reach_owner, getpid(),
			       (uintptr_t)self->memory));
	expect_unharmed(_metadata, self);
}

/* What the window says of itself must not be a way to the source. */
static long find_in_maps(struct peer_view *view, unsigned long a,
			 unsigned long b)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned long start;
	char line[512];
	long n = 0;

	(void)a;
	(void)b;
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%lx-", &start) == 1 &&
		    start == (unsigned long)view->map)
			n += !!strstr(line, "[vhost_grant");
	if (file)
		fclose(file);
	return n;
}

TEST_F(attack, maps)
{
	EXPECT_EQ(1, peer_call(&self->peer, find_in_maps, 0, 0));
	expect_unharmed(_metadata, self);
}

/* A mapping has a second name in /proc, for those who may use it. */
static long do_map_files(struct peer_view *view, unsigned long a,
			 unsigned long b)
{
	char path[128];
	int fd;

	(void)a;
	(void)b;
	if (geteuid())
		return NOT_HERE;
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)view->map,
		 (unsigned long)view->map + view->length);
	fd = open(path, O_RDWR);
	return result(fd);
}
ATTACK_REFUSED(map_files, -ENXIO)

/* When a peer dies, its core has no page of the window. */
static long dump_core(struct peer_view *view, unsigned long a,
		      unsigned long b)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	(void)b;
	setrlimit(RLIMIT_CORE, &unlimited);
	prctl(PR_SET_DUMPABLE, 1);
	proc_write("/proc/self/coredump_filter", "0x1ff");
	(void)*(volatile char *)(view->map + a);
	if (chdir("/tmp/vhost_grant_core"))
		return -errno;
	signal(SIGABRT, SIG_DFL);
	abort();
}

static long find_in_file(const char *path, uint64_t word)
{
	FILE *file = fopen(path, "re");
	uint64_t seen;
	long n = 0;

	if (!file)
		return -1;
	while (fread(&seen, sizeof(seen), 1, file) == 1)
		n += seen == word;
	fclose(file);
	return n;
}

TEST_F(attack, core_dump)
{
	static const char core[] = "/tmp/vhost_grant_core/core";
	static const char pattern[] = "/proc/sys/kernel/core_pattern";
	char old[256] = {};
	uint64_t made_up;
	FILE *file;
	int status;

	if (variant->peer == PEER_THREAD)
		SKIP(return, "it is the owner's core, too");
	file = fopen(pattern, "re");
	if (!file || !fgets(old, sizeof(old), file))
		SKIP(return, "the kernel writes no cores");
	fclose(file);
	/* A word that is nowhere but in the page. */
	made_up = now_ns() * 0x9e3779b97f4a7c15ull;
	*(volatile uint64_t *)(self->memory + 16) = made_up;
	mkdir("/tmp/vhost_grant_core", 0777);
	chmod("/tmp/vhost_grant_core", 0777);
	ASSERT_EQ(0, proc_write(pattern, "core"));
	proc_write("/proc/sys/kernel/core_uses_pid", "0");
	EXPECT_EQ(PEER_DIED, peer_call(&self->peer, dump_core, AT_RW, 0));
	status = peer_reap(&self->peer);
	EXPECT_EQ(0, proc_write(pattern, "%s", old));
	EXPECT_EQ(SIGABRT, WTERMSIG(status));
	if (!WCOREDUMP(status))
		SKIP(return, "the kernel wrote no core");
	EXPECT_EQ(0, find_in_file(core, made_up));
	unlink(core);
	rmdir("/tmp/vhost_grant_core");
}

TEST_HARNESS_MAIN
