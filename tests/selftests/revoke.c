// SPDX-License-Identifier: GPL-2.0-only
/*
 * A revoke is final when the call returns: for every peer, in every state it
 * may be in, and on every way that ends a grant.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "owner.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"

#define WINDOW_LENGTH MIB(16)
#define SOURCE_LENGTH MIB(4)
#define BASE MIB(4)

#define GOOD 0x900dul
#define POISON 0xbadul
#define CANARY 0xca7a71ul
#define PEERS_MARK 0x9ee7ul

FIXTURE(revoke) {
	struct mark mark;
	int space;
	struct window window;
	struct source source;
	struct peer peer;
	struct peer second;
};

FIXTURE_VARIANT(revoke) {
	enum source_kind source;
	enum peer_kind peer;
};

#define VARIANT(name, source_, peer_)					\
	FIXTURE_VARIANT_ADD(revoke, name) {				\
		.source = source_,					\
		.peer = peer_,						\
	}

VARIANT(anon_thread, SOURCE_ANON, PEER_THREAD);
VARIANT(anon_process, SOURCE_ANON, PEER_PROCESS);
VARIANT(anon_stranger, SOURCE_ANON, PEER_STRANGER);
VARIANT(thp_thread, SOURCE_THP, PEER_THREAD);
VARIANT(thp_process, SOURCE_THP, PEER_PROCESS);
VARIANT(thp_stranger, SOURCE_THP, PEER_STRANGER);
VARIANT(memfd_thread, SOURCE_MEMFD, PEER_THREAD);
VARIANT(memfd_process, SOURCE_MEMFD, PEER_PROCESS);
VARIANT(memfd_stranger, SOURCE_MEMFD, PEER_STRANGER);
VARIANT(hugetlb_thread, SOURCE_HUGETLB, PEER_THREAD);
VARIANT(hugetlb_process, SOURCE_HUGETLB, PEER_PROCESS);
VARIANT(hugetlb_stranger, SOURCE_HUGETLB, PEER_STRANGER);

FIXTURE_SETUP(revoke)
{
	int ret;

	mark_begin(&self->mark);
	probe_init();
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0,
				  &self->window));
	ret = source_open(&self->source, variant->source, SOURCE_LENGTH);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "no huge pages of this kind to be had");
	ASSERT_EQ(0, ret);
	source_fill(&self->source, 1);
	ASSERT_EQ(0, peer_start(&self->peer, variant->peer, self->window.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(0, peer_start(&self->second, variant->peer, self->window.fd,
				WINDOW_LENGTH));
}

FIXTURE_TEARDOWN_PARENT(revoke)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(revoke) revoke_fixture;

static int grant(revoke_fixture *self, uint64_t at, uint64_t length,
		 uint32_t access)
{
	return source_grant(&self->source, self->space, self->window.id,
			    BASE + at, at, length, access);
}

static int take_back(revoke_fixture *self, uint64_t at, uint64_t length)
{
	return space_unmap(self->space, self->window.id, BASE + at, length);
}

/* Pages from @a on, @b bytes, that can be read or written. */
static long count_reachable(struct peer_view *view, unsigned long a,
			    unsigned long b)
{
	unsigned long offset;
	uint64_t value;
	long n = 0;

	for (offset = a; offset < a + b; offset += PAGE) {
		if (!view->read(view, offset, &value))
			n++;
		else if (offset % (16 * PAGE) == 0)
			n += !view->write(view, offset + 8, 0);
	}
	return n;
}

TEST_F(revoke, every_page)
{
	struct vhost_grant_query query;

	ASSERT_EQ(0, grant(self, 0, SOURCE_LENGTH, RW));
	EXPECT_EQ(1024, peer_call(&self->peer, count_reachable, BASE,
				  SOURCE_LENGTH));
	EXPECT_EQ(1024, peer_call(&self->second, count_reachable, BASE,
				  SOURCE_LENGTH));
	EXPECT_EQ((long)SOURCE_LENGTH, proc_status(getpid(), "VmPin"));
	ASSERT_EQ(0, take_back(self, 0, SOURCE_LENGTH));
	EXPECT_EQ(0, peer_call(&self->peer, count_reachable, BASE,
			       SOURCE_LENGTH));
	EXPECT_EQ(0, peer_call(&self->second, count_reachable, BASE,
			       SOURCE_LENGTH));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(self->mark.pins, proc_pins());
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(0, query.out_pages_granted);
	EXPECT_EQ(0, query.out_pages_pinned);
	EXPECT_EQ(0, query.out_grants);
	EXPECT_EQ(1024, query.out_pages_revoked);
	EXPECT_EQ(1024, query.out_pages_mapped);
}

TEST_F(revoke, some_pages)
{
	ASSERT_EQ(0, grant(self, 0, SOURCE_LENGTH, RW));
	ASSERT_EQ(1024, peer_call(&self->peer, count_reachable, BASE,
				  SOURCE_LENGTH));
	ASSERT_EQ(0, take_back(self, 100 * PAGE, PAGE));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, BASE + 100 * PAGE));
	EXPECT_EQ(1023, peer_call(&self->peer, count_reachable, BASE,
				  SOURCE_LENGTH));
	ASSERT_EQ(0, take_back(self, 0, HUGE));
	EXPECT_EQ(512, peer_call(&self->peer, count_reachable, BASE,
				 SOURCE_LENGTH));
	EXPECT_EQ(512, peer_call(&self->second, count_reachable, BASE,
				 SOURCE_LENGTH));
	EXPECT_EQ((long)HUGE, proc_status(getpid(), "VmPin"));
}

/* Writable pages come back read-only, in the same place. */
TEST_F(revoke, regrant_with_less)
{
	int round;

	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, grant(self, 0, SOURCE_LENGTH, RW));
		EXPECT_EQ(0, peer_write(&self->peer, BASE + PAGE, round));
		ASSERT_EQ(0, take_back(self, 0, SOURCE_LENGTH));
		ASSERT_EQ(0, grant(self, 0, SOURCE_LENGTH, R));
		EXPECT_EQ(round, peer_peek(&self->peer, BASE + PAGE));
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, BASE + PAGE, 99));
		EXPECT_EQ(round, peer_peek(&self->second, BASE + PAGE));
		ASSERT_EQ(0, take_back(self, 0, SOURCE_LENGTH));
		EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, BASE + PAGE));
	}
}

/* Both peers hammer on the page; after the call each access is refused. */
TEST_F(revoke, under_load)
{
	unsigned long good;
	int round;

	ASSERT_EQ(0, peer_begin(&self->peer, peer_read_loop, BASE, POISON));
	ASSERT_EQ(0, peer_begin(&self->second, peer_write_loop, BASE + 8, 1));
	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, grant(self, 0, HUGE, RW));
		ASSERT_TRUE(peer_progress(&self->peer, 5));
		ASSERT_TRUE(peer_progress(&self->second, 5));
		ASSERT_EQ(0, take_back(self, 0, HUGE));
		/* The access that was under way has been counted by then. */
		ASSERT_TRUE(peer_progress(&self->peer, 2));
		good = self->peer.shared->rounds - self->peer.shared->refused;
		ASSERT_TRUE(peer_progress(&self->peer, 5));
		EXPECT_GE(good + 1, self->peer.shared->rounds -
				    self->peer.shared->refused);
	}
	self->peer.shared->stop = 1;
	self->second.shared->stop = 1;
	EXPECT_EQ(0, peer_end(&self->peer));
	EXPECT_EQ(0, peer_end(&self->second));
	EXPECT_LT(0, self->peer.shared->refused);
	EXPECT_LT(0, self->second.shared->refused);
}

/* After the call the page is the owner's alone: nobody sees or hits it. */
static bool is_alone(volatile uint64_t *page)
{
	bool alone;
	int i;

	page[0] = POISON;
	page[1] = CANARY;
	for (i = 0; i < 20; i++)
		sched_yield();
	alone = page[1] == CANARY;
	page[0] = GOOD;
	return alone;
}

TEST_F(revoke, poison)
{
	volatile uint64_t *page = (void *)(self->source.memory + 5 * PAGE);
	uint64_t end = now_ns() + 700000000ull;
	unsigned long rounds = 0, hit = 0;

	page[0] = GOOD;
	ASSERT_EQ(0, peer_begin(&self->peer, peer_read_loop, BASE + 5 * PAGE,
				POISON));
	ASSERT_EQ(0, peer_begin(&self->second, peer_write_loop,
				BASE + 5 * PAGE + 8, PEERS_MARK));
	while (now_ns() < end || rounds < 10) {
		ASSERT_EQ(0, grant(self, 0, HUGE, RW));
		if (rounds % 4 == 0)
			ASSERT_TRUE(peer_progress(&self->second, 2));
		ASSERT_EQ(0, rounds % 2 ? take_back(self, 5 * PAGE, PAGE) :
					  take_back(self, 0, HUGE));
		hit += !is_alone(page);
		ASSERT_EQ(0, take_back(self, 0, HUGE));
		rounds++;
	}
	self->peer.shared->stop = 1;
	self->second.shared->stop = 1;
	EXPECT_EQ(0, peer_end(&self->peer));
	EXPECT_EQ(0, peer_end(&self->second));
	TH_LOG("%lu rounds, %lu reads, %lu writes", rounds,
	       self->peer.shared->rounds - self->peer.shared->refused,
	       self->second.shared->rounds - self->second.shared->refused);
	EXPECT_EQ(0, hit);
	EXPECT_EQ(0, self->peer.shared->wrong);
	EXPECT_LT(0, self->second.shared->rounds -
		     self->second.shared->refused);
}

TEST_F(revoke, destroy_window)
{
	struct vhost_grant_window_info info;
	struct vhost_grant_query query;

	ASSERT_EQ(0, grant(self, 0, SOURCE_LENGTH, RW));
	ASSERT_EQ(1024, peer_call(&self->peer, count_reachable, BASE,
				  SOURCE_LENGTH));
	ASSERT_EQ(0, space_destroy(self->space, self->window.id));
	EXPECT_EQ(0, peer_call(&self->peer, count_reachable, BASE,
			       SOURCE_LENGTH));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(-ENOENT, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(-ENOENT, grant(self, 0, PAGE, R));
	EXPECT_EQ(0, window_info(self->window.fd, &info));
	EXPECT_EQ(1, info.out_dead);
	/* Valid, and empty for ever. */
	EXPECT_NE(NULL, window_mmap(self->window.fd, 0, PAGE, PROT_READ));
}

static long close_in_peer(struct peer_view *view, unsigned long a,
			  unsigned long b)
{
	(void)view;
	(void)b;
	return close(a);
}

TEST_F(revoke, close_space)
{
	struct vhost_grant_window_info info;

	ASSERT_EQ(0, grant(self, 0, SOURCE_LENGTH, RW));
	ASSERT_EQ(1024, peer_call(&self->peer, count_reachable, BASE,
				  SOURCE_LENGTH));
	/* Only the last close counts, and children inherit descriptors. */
	if (variant->peer == PEER_PROCESS) {
		EXPECT_EQ(0, peer_call(&self->peer, close_in_peer,
				       self->space, 0));
		EXPECT_EQ(0, peer_call(&self->second, close_in_peer,
				       self->space, 0));
	}
	ASSERT_EQ(0, close(self->space));
	EXPECT_EQ(0, peer_call(&self->peer, count_reachable, BASE,
			       SOURCE_LENGTH));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(self->mark.pins, proc_pins());
	EXPECT_EQ(0, window_info(self->window.fd, &info));
	EXPECT_EQ(1, info.out_dead);
}

/* Many holders of one window: all lose the page in one call. */
FIXTURE(holders) {
	struct mark mark;
	int space;
	struct window window;
	char *memory;
};

FIXTURE_SETUP(holders)
{
	mark_begin(&self->mark);
	probe_init();
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0,
				  &self->window));
	self->memory = source_pages(4 * PAGE);
	*(volatile uint64_t *)self->memory = GOOD;
	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       PAGE, RW));
}

FIXTURE_TEARDOWN_PARENT(holders)
{
	MARK_END(&self->mark);
}

TEST_F(holders, many_mappings)
{
	char *maps[32];
	uint64_t value;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		maps[i] = window_mmap(self->window.fd, 0, PAGE,
				      i % 2 ? PROT_READ :
				      PROT_READ | PROT_WRITE);
		ASSERT_NE(NULL, maps[i]);
		EXPECT_EQ(0, probe_read(maps[i], &value));
		if (i % 2 == 0)
			EXPECT_EQ(0, probe_write(maps[i] + 8, i));
	}
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, 0, PAGE));
	for (i = 0; i < ARRAY_SIZE(maps); i++)
		EXPECT_EQ(SIGBUS, probe_read(maps[i], &value));
}

/* A mapping that begins in the middle of the window. */
TEST_F(holders, mapping_at_an_offset)
{
	char *map = window_mmap(self->window.fd, MIB(8), MIB(1), PROT_READ);
	uint64_t value;

	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, space_map(self->space, self->window.id, MIB(8) + PAGE,
			       self->memory, PAGE, R));
	EXPECT_EQ(0, probe_read(map + PAGE, &value));
	EXPECT_EQ(GOOD, value);
	EXPECT_EQ(SIGBUS, probe_read(map, &value));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, MIB(8) + PAGE,
				 PAGE));
	EXPECT_EQ(SIGBUS, probe_read(map + PAGE, &value));
}

/* The peer hands the window on; the owner has never heard of the third. */
static long pass_on(struct peer_view *view, unsigned long a, unsigned long b)
{
	(void)b;
	return fd_send(a, view->window);
}

TEST_F(holders, passed_on)
{
	struct peer first, third;
	int sockets[2], fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, peer_start(&first, PEER_PROCESS, self->window.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(0, peer_call(&first, pass_on, sockets[1], 0));
	fd = fd_receive(sockets[0]);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, peer_start(&third, PEER_STRANGER, fd, WINDOW_LENGTH));
	EXPECT_EQ(GOOD, peer_peek(&third, 0));
	EXPECT_EQ(GOOD, peer_peek(&first, 0));
	/* The one in the middle may even go. */
	peer_stop(&first);
	EXPECT_EQ(GOOD, peer_peek(&third, 0));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, 0, PAGE));
	EXPECT_EQ(-SIGBUS, peer_peek(&third, 0));
}

/* In a socket buffer a window has no process at all. */
TEST_F(holders, in_flight)
{
	int sockets[2], fd;
	uint64_t value;
	char *map;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, fd_send(sockets[0], self->window.fd));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, 0, PAGE));
	close(self->window.fd);
	fd = fd_receive(sockets[1]);
	ASSERT_LE(0, fd);
	map = window_mmap(fd, 0, PAGE, PROT_READ);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(SIGBUS, probe_read(map, &value));
	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       PAGE, R));
	EXPECT_EQ(0, probe_read(map, &value));
	EXPECT_EQ(GOOD, value);
}

/* One call must not take longer because of what the peer does. */
#define PROMPTLY 2000000000ull

TEST_F(holders, stopped)
{
	struct peer peer;
	uint64_t start;
	int status;

	ASSERT_EQ(0, peer_start(&peer, PEER_STRANGER, self->window.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(0, peer_begin(&peer, peer_write_loop, 8, PEERS_MARK));
	ASSERT_TRUE(peer_progress(&peer, 10));
	kill(peer.pid, SIGSTOP);
	ASSERT_EQ(peer.pid, waitpid(peer.pid, &status, WUNTRACED));
	start = now_ns();
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, 0, PAGE));
	EXPECT_GT(PROMPTLY, now_ns() - start);
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	((volatile uint64_t *)self->memory)[1] = CANARY;
	kill(peer.pid, SIGCONT);
	ASSERT_TRUE(peer_progress(&peer, 10));
	EXPECT_LT(0, peer.shared->refused);
	EXPECT_EQ(CANARY, ((volatile uint64_t *)self->memory)[1]);
	peer_stop(&peer);
}

/* The peer keeps its own mmap_lock taken for writing as long as it can. */
static long populate_loop(struct peer_view *view, unsigned long a,
			  unsigned long b)
{
	void *area;

	(void)b;
	while (!view->shared->stop) {
		area = mmap(NULL, a, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (area == MAP_FAILED)
			return -errno;
		munmap(area, a);
		view->shared->rounds++;
	}
	return 0;
}

TEST_F(holders, busy_with_its_own_memory)
{
	uint64_t start, worst = 0;
	struct peer peer;
	int i;

	ASSERT_EQ(0, peer_start(&peer, PEER_STRANGER, self->window.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(GOOD, peer_peek(&peer, 0));
	ASSERT_EQ(0, peer_begin(&peer, populate_loop, MIB(8), 0));
	ASSERT_TRUE(peer_progress(&peer, 1));
	for (i = 0; i < 50; i++) {
		start = now_ns();
		ASSERT_EQ(0, space_unmap(self->space, self->window.id, 0,
					 PAGE));
		start = now_ns() - start;
		worst = start > worst ? start : worst;
		ASSERT_EQ(0, space_map(self->space, self->window.id, 0,
				       self->memory, PAGE, RW));
	}
	peer.shared->stop = 1;
	EXPECT_EQ(0, peer_end(&peer));
	EXPECT_GT(PROMPTLY, worst);
	peer_stop(&peer);
}

/* A thread of the peer hangs in the kernel, half way through its copy. */
static void *hang(void *argument)
{
	struct iovec *iov = argument;
	int pipes[2];

	if (!pipe(pipes))
		writev(pipes[1], iov, 2);
	return NULL;
}

static long hang_in_userfaultfd(struct peer_view *view, unsigned long a,
				unsigned long b)
{
	static struct iovec iov[2];
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct pollfd fault = { .events = POLLIN };
	pthread_t thread;

	(void)b;
	/* One that blocks cannot be polled. */
	fault.fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	iov[0] = (struct iovec){ view->map + a, 64 };
	iov[1] = (struct iovec){ source_pages(PAGE), 64 };
	range.range.start = (uintptr_t)iov[1].iov_base;
	range.range.len = PAGE;
	if (fault.fd < 0 || ioctl(fault.fd, UFFDIO_API, &api) ||
	    ioctl(fault.fd, UFFDIO_REGISTER, &range))
		return -1;
	if (pthread_create(&thread, NULL, hang, iov))
		return -1;
	return poll(&fault, 1, 10000) == 1 && fault.revents == POLLIN ? 0 : -1;
}

TEST_F(holders, hanging_in_userfaultfd)
{
	struct peer peer;
	uint64_t start;

	ASSERT_EQ(0, peer_start(&peer, PEER_PROCESS, self->window.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(GOOD, peer_peek(&peer, 0));
	if (peer_call(&peer, hang_in_userfaultfd, 0, 0))
		SKIP(return, "the kernel has no userfaultfd");
	start = now_ns();
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, 0, PAGE));
	EXPECT_GT(PROMPTLY, now_ns() - start);
	EXPECT_EQ(-SIGBUS, peer_peek(&peer, 0));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	peer_stop(&peer);
}

/* The owner goes, one way or another. */
FIXTURE(owner) {
	struct mark mark;
	struct owner owner;
	char *map;
};

FIXTURE_VARIANT(owner) {
	enum source_kind source;
};

FIXTURE_VARIANT_ADD(owner, anon) { .source = SOURCE_ANON };
FIXTURE_VARIANT_ADD(owner, thp) { .source = SOURCE_THP };
FIXTURE_VARIANT_ADD(owner, memfd) { .source = SOURCE_MEMFD };
FIXTURE_VARIANT_ADD(owner, hugetlb) { .source = SOURCE_HUGETLB };

FIXTURE_SETUP(owner)
{
	int ret;

	mark_begin(&self->mark);
	probe_init();
	ret = owner_start(&self->owner, variant->source, SOURCE_LENGTH);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "no huge pages of this kind to be had");
	ASSERT_EQ(0, ret);
	self->map = source_aligned(SOURCE_LENGTH, MAP_SHARED,
				   self->owner.window);
	ASSERT_NE(NULL, self->map);
}

FIXTURE_TEARDOWN_PARENT(owner)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(owner) owner_fixture;

static bool all_granted(owner_fixture *self)
{
	uint64_t offset, value;

	for (offset = 0; offset < SOURCE_LENGTH; offset += PAGE)
		if (probe_read(self->map + offset, &value) ||
		    value != source_word(OWNER_TAG, offset))
			return false;
	return true;
}

static bool all_gone(owner_fixture *self)
{
	uint64_t offset, value;

	for (offset = 0; offset < SOURCE_LENGTH; offset += PAGE)
		if (probe_read(self->map + offset, &value) != SIGBUS)
			return false;
	return probe_write(self->map, 1) == SIGBUS;
}

static void expect_end(struct __test_metadata *_metadata, owner_fixture *self)
{
	struct vhost_grant_window_info info;

	EXPECT_TRUE(all_gone(self));
	EXPECT_EQ(self->mark.pins, proc_pins());
	ASSERT_EQ(0, window_info(self->owner.window, &info));
	EXPECT_EQ(1, info.out_dead);
	EXPECT_EQ(SOURCE_LENGTH, info.out_length);
	EXPECT_EQ(0, munmap(self->map, SOURCE_LENGTH));
	self->map = source_aligned(SOURCE_LENGTH, MAP_SHARED,
				   self->owner.window);
	ASSERT_NE(NULL, self->map);
	EXPECT_TRUE(all_gone(self));
}

TEST_F(owner, killed)
{
	ASSERT_TRUE(all_granted(self));
	owner_kill(&self->owner);
	expect_end(_metadata, self);
}

TEST_F(owner, exits)
{
	ASSERT_TRUE(all_granted(self));
	ASSERT_EQ(0, owner_tell(&self->owner, OWNER_EXIT));
	owner_wait(&self->owner);
	expect_end(_metadata, self);
}

TEST_F(owner, closes_space)
{
	ASSERT_TRUE(all_granted(self));
	ASSERT_EQ(0, owner_do(&self->owner, OWNER_CLOSE_SPACE));
	EXPECT_EQ(0, proc_status(self->owner.pid, "VmPin"));
	expect_end(_metadata, self);
	owner_kill(&self->owner);
}

TEST_F(owner, destroys_window)
{
	ASSERT_TRUE(all_granted(self));
	ASSERT_EQ(0, owner_do(&self->owner, OWNER_DESTROY));
	EXPECT_EQ(0, proc_status(self->owner.pid, "VmPin"));
	expect_end(_metadata, self);
	owner_kill(&self->owner);
}

/* A child of the owner still has the space open: memory goes with the mm. */
TEST_F(owner, killed_leaving_child)
{
	pid_t child;

	child = owner_do(&self->owner, OWNER_LEAVE_CHILD);
	ASSERT_LT(0, child);
	ASSERT_TRUE(all_granted(self));
	owner_kill(&self->owner);
	EXPECT_EQ(0, kill(child, 0));
	expect_end(_metadata, self);
	kill(child, SIGKILL);
}

/* The child's end, on the other hand, is nothing to the grants. */
TEST_F(owner, child_killed)
{
	pid_t child = owner_do(&self->owner, OWNER_LEAVE_CHILD);

	ASSERT_LT(0, child);
	kill(child, SIGKILL);
	sleep_ms(100);
	EXPECT_TRUE(all_granted(self));
	owner_kill(&self->owner);
	expect_end(_metadata, self);
}

/* A new program in the same process is not the owner. */
TEST_F(owner, becomes_another_program)
{
	ASSERT_TRUE(all_granted(self));
	ASSERT_EQ(0, owner_do(&self->owner, OWNER_EXEC));
	EXPECT_EQ(0, kill(self->owner.pid, 0));
	expect_end(_metadata, self);
	owner_kill(&self->owner);
}

/* Whatever it was doing at that moment. */
TEST_F(owner, killed_in_the_act)
{
	uint64_t value;

	ASSERT_EQ(0, owner_tell(&self->owner, OWNER_CHURN));
	sleep_ms(50);
	probe_read(self->map, &value);
	owner_kill(&self->owner);
	expect_end(_metadata, self);
}

TEST_HARNESS_MAIN
