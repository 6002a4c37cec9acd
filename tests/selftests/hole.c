// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a peer finds where nothing is granted, and where it writes to what is
 * granted read-only: a fault, or the scratch page of the window. Either way it
 * must never be what was granted there before.
 */
#include <sched.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"

#define WINDOW_LENGTH MIB(64)
#define SECRET 0x5ec2e7ul
#define SCRIBBLE 0x5c21bb1eul

FIXTURE(hole) {
	struct mark mark;
	int space;
	struct window window;
	char *memory;
	struct peer peer;
};

FIXTURE_VARIANT(hole) {
	enum peer_kind peer;
};

FIXTURE_VARIANT_ADD(hole, thread) { .peer = PEER_THREAD };
FIXTURE_VARIANT_ADD(hole, process) { .peer = PEER_PROCESS };
FIXTURE_VARIANT_ADD(hole, stranger) { .peer = PEER_STRANGER };

FIXTURE_SETUP(hole)
{
	mark_begin(&self->mark);
	probe_init();
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0,
				  &self->window));
	self->memory = source_pages(16 * PAGE);
	ASSERT_NE(NULL, self->memory);
	*(volatile uint64_t *)self->memory = SECRET;
	ASSERT_EQ(0, peer_start(&self->peer, variant->peer, self->window.fd,
				WINDOW_LENGTH));
}

FIXTURE_TEARDOWN_PARENT(hole)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(hole) hole_fixture;

/* The policy is the peer's to set. */
static long set_hole(struct peer_view *view, unsigned long a, unsigned long b)
{
	(void)b;
	return window_set_hole(view->window, a);
}

static long scratch_on(hole_fixture *self)
{
	return peer_call(&self->peer, set_hole, VHOST_GRANT_HOLE_SCRATCH, 0);
}

static long scratch_off(hole_fixture *self)
{
	return peer_call(&self->peer, set_hole, VHOST_GRANT_HOLE_FAULT, 0);
}

static int grant(hole_fixture *self, uint64_t iova, uint32_t access)
{
	return space_map(self->space, self->window.id, iova, self->memory,
			 PAGE, access);
}

static int take_back(hole_fixture *self, uint64_t iova)
{
	return space_unmap(self->space, self->window.id, iova, PAGE);
}

TEST_F(hole, faults_by_default)
{
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 0));
	EXPECT_EQ(SIGBUS, peer_write(&self->peer, WINDOW_LENGTH - PAGE, 1));
	ASSERT_EQ(0, scratch_off(self));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 0));
}

TEST_F(hole, scratch_by_flag)
{
	struct vhost_grant_window_info info;
	struct window window;
	struct peer peer;

	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH,
				  VHOST_GRANT_WINDOW_HOLE_SCRATCH, &window));
	ASSERT_EQ(0, window_info(window.fd, &info));
	EXPECT_EQ(VHOST_GRANT_HOLE_SCRATCH, info.out_hole);
	ASSERT_EQ(0, peer_start(&peer, variant->peer, window.fd,
				WINDOW_LENGTH));
	EXPECT_EQ(0, peer_peek(&peer, 0));
	EXPECT_EQ(0, peer_write(&peer, PAGE, SCRIBBLE));
	EXPECT_EQ(SCRIBBLE, peer_peek(&peer, 0));
	/* The other window has not changed. */
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 0));
	ASSERT_EQ(0, peer_call(&peer, set_hole, VHOST_GRANT_HOLE_FAULT, 0));
	EXPECT_EQ(-SIGBUS, peer_peek(&peer, 0));
	EXPECT_EQ(-SIGBUS, peer_peek(&peer, PAGE));
	peer_stop(&peer);
}

/* Zero at first, one page for all holes, and writable. */
TEST_F(hole, scratch_is_one_page)
{
	ASSERT_EQ(0, scratch_on(self));
	EXPECT_EQ(0, peer_peek(&self->peer, 0));
	EXPECT_EQ(0, peer_peek(&self->peer, WINDOW_LENGTH - 8));
	EXPECT_EQ(0, peer_write(&self->peer, 7 * PAGE, SCRIBBLE));
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, 0));
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, WINDOW_LENGTH - PAGE));
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, 9 * PAGE));
}

static long zeros_in_page(struct peer_view *view, unsigned long a,
			  unsigned long b)
{
	unsigned long offset;
	uint64_t value;
	long n = 0;

	(void)b;
	for (offset = a; offset < a + PAGE; offset += 8)
		n += !view->read(view, offset, &value) && !value;
	return n;
}

TEST_F(hole, scratch_starts_zero)
{
	ASSERT_EQ(0, scratch_on(self));
	EXPECT_EQ(PAGE / 8, peer_call(&self->peer, zeros_in_page, PAGE, 0));
}

TEST_F(hole, scratch_is_of_one_window)
{
	struct window other;
	struct peer peer;

	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH,
				  VHOST_GRANT_WINDOW_HOLE_SCRATCH, &other));
	ASSERT_EQ(0, peer_start(&peer, variant->peer, other.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, peer_write(&self->peer, 0, SCRIBBLE));
	EXPECT_EQ(0, peer_peek(&peer, 0));
	ASSERT_EQ(0, peer_write(&peer, 0, 1));
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, 0));
	peer_stop(&peer);
}

TEST_F(hole, all_peers_of_the_window)
{
	struct peer other;

	ASSERT_EQ(0, peer_start(&other, variant->peer, self->window.fd,
				WINDOW_LENGTH));
	EXPECT_EQ(-SIGBUS, peer_peek(&other, 0));
	ASSERT_EQ(0, scratch_on(self));
	EXPECT_EQ(0, peer_peek(&other, 0));
	ASSERT_EQ(0, peer_write(&self->peer, PAGE, SCRIBBLE));
	EXPECT_EQ(SCRIBBLE, peer_peek(&other, 0));
	ASSERT_EQ(0, scratch_off(self));
	EXPECT_EQ(-SIGBUS, peer_peek(&other, 0));
	EXPECT_EQ(-SIGBUS, peer_peek(&other, PAGE));
	peer_stop(&other);
}

/* In the call that grants, the scratch page makes room. */
TEST_F(hole, grant_over_touched_scratch)
{
	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, peer_write(&self->peer, PAGE, SCRIBBLE));
	ASSERT_EQ(0, peer_write(&self->peer, 2 * PAGE, SCRIBBLE));
	ASSERT_EQ(0, grant(self, PAGE, R));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, PAGE));
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, 2 * PAGE));
	ASSERT_EQ(0, grant(self, 2 * PAGE, RW));
	EXPECT_EQ(0, peer_write(&self->peer, 2 * PAGE + 8, 5));
	EXPECT_EQ(5, ((volatile uint64_t *)self->memory)[1]);
}

/* In the call that revokes, the hole is back, and not the page. */
TEST_F(hole, revoke_returns_to_scratch)
{
	int round;

	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, peer_write(&self->peer, 0, SCRIBBLE));
	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, grant(self, PAGE, round % 2 ? R : RW));
		ASSERT_EQ((int64_t)SECRET, peer_peek(&self->peer, PAGE));
		ASSERT_EQ(0, take_back(self, PAGE));
		EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, PAGE));
		EXPECT_EQ(0, peer_write(&self->peer, PAGE, SCRIBBLE));
		EXPECT_EQ(SECRET, *(volatile uint64_t *)self->memory);
	}
}

static uint64_t refused_writes(hole_fixture *self)
{
	struct vhost_grant_query query;

	if (space_query(self->space, self->window.id, &query))
		return UINT64_MAX;
	return query.out_violations_readonly;
}

static bool page_is_secret(hole_fixture *self)
{
	return *(volatile uint64_t *)self->memory == SECRET;
}

/* A write to a read-only grant ends in the scratch page, and is told of once. */
static void write_readonly(struct __test_metadata *_metadata,
			   hole_fixture *self, uint64_t iova, uint64_t value)
{
	uint64_t before = refused_writes(self);

	EXPECT_EQ(0, peer_write(&self->peer, iova, value));
	EXPECT_EQ(before + 1, refused_writes(self));
	EXPECT_EQ((int64_t)value, peer_peek(&self->peer, iova));
	EXPECT_EQ(0, peer_write(&self->peer, iova, value));
	EXPECT_EQ(before + 1, refused_writes(self));
	EXPECT_TRUE(page_is_secret(self));
}

TEST_F(hole, write_readonly_unread)
{
	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, grant(self, PAGE, R));
	write_readonly(_metadata, self, PAGE, SCRIBBLE);
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, 9 * PAGE));
}

TEST_F(hole, write_readonly_after_read)
{
	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, grant(self, PAGE, R));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, PAGE));
	write_readonly(_metadata, self, PAGE, SCRIBBLE);
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, 9 * PAGE));
}

/* The page comes back with another grant, in the call that makes it. */
TEST_F(hole, write_readonly_until_granted_again)
{
	int round;

	ASSERT_EQ(0, scratch_on(self));
	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, grant(self, PAGE, R));
		if (round % 3)
			EXPECT_EQ((int64_t)SECRET,
				  peer_peek(&self->peer, PAGE));
		write_readonly(_metadata, self, PAGE, SCRIBBLE + round);
		ASSERT_EQ(0, take_back(self, PAGE));
		if (round % 2)
			EXPECT_EQ((int64_t)SCRIBBLE + round,
				  peer_peek(&self->peer, PAGE));
		ASSERT_EQ(0, grant(self, PAGE, RW));
		EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, PAGE));
		EXPECT_EQ(0, peer_write(&self->peer, PAGE, 5));
		EXPECT_EQ(5, *(volatile uint64_t *)self->memory);
		*(volatile uint64_t *)self->memory = SECRET;
		ASSERT_EQ(0, take_back(self, PAGE));
	}
}

/* A revoke that leaves the rest of the grant leaves what was done there, too. */
TEST_F(hole, write_readonly_and_revoke_a_part)
{
	uint64_t i;

	ASSERT_EQ(0, scratch_on(self));
	for (i = 0; i < 4; i++)
		*(volatile uint64_t *)(self->memory + i * PAGE) = SECRET;
	ASSERT_EQ(0, space_map(self->space, self->window.id, PAGE,
			       self->memory, 4 * PAGE, R));
	write_readonly(_metadata, self, 2 * PAGE, SCRIBBLE);
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, 3 * PAGE));
	ASSERT_EQ(0, take_back(self, 2 * PAGE));
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, 2 * PAGE));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, PAGE));
	write_readonly(_metadata, self, 3 * PAGE, SCRIBBLE);
	ASSERT_EQ(0, grant(self, 2 * PAGE, R));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, 2 * PAGE));
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, 3 * PAGE));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(SECRET,
			  *(volatile uint64_t *)(self->memory + i * PAGE));
}

/* Without the policy the page is back, and a write is refused. */
TEST_F(hole, write_readonly_and_change_the_policy)
{
	int round;

	ASSERT_EQ(0, grant(self, PAGE, R));
	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, scratch_on(self));
		write_readonly(_metadata, self, PAGE, SCRIBBLE);
		ASSERT_EQ(0, scratch_off(self));
		if (round % 2)
			EXPECT_EQ((int64_t)SECRET,
				  peer_peek(&self->peer, PAGE));
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, PAGE, 1));
		EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, PAGE));
		EXPECT_TRUE(page_is_secret(self));
	}
}

/* It is the mapping of the peer that has written, and no other. */
TEST_F(hole, write_readonly_of_another_peer)
{
	struct peer other;

	ASSERT_EQ(0, peer_start(&other, variant->peer, self->window.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, grant(self, PAGE, R));
	ASSERT_EQ(0, grant(self, 2 * PAGE, R));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&other, PAGE));
	write_readonly(_metadata, self, PAGE, SCRIBBLE);
	write_readonly(_metadata, self, 2 * PAGE, SCRIBBLE);
	EXPECT_EQ((int64_t)SECRET, peer_peek(&other, PAGE));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&other, 2 * PAGE));
	ASSERT_EQ(0, take_back(self, PAGE));
	EXPECT_EQ(SCRIBBLE, peer_peek(&other, PAGE));
	peer_stop(&other);
}

TEST_F(hole, write_readonly_is_told)
{
	struct vhost_grant_event event;

	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, grant(self, PAGE, R));
	ASSERT_EQ(0, peer_write(&self->peer, PAGE, 1));
	ASSERT_EQ(sizeof(event), read(self->space, &event, sizeof(event)));
	EXPECT_EQ(VHOST_GRANT_EVENT_VIOLATION, event.type);
	EXPECT_EQ(self->window.id, event.window);
	EXPECT_EQ(PAGE, event.iova);
	EXPECT_EQ(1, event.count);
	EXPECT_EQ(VHOST_GRANT_WRITE, event.access);
	/* After the revoke it is a hole, and told of as such. */
	ASSERT_EQ(0, take_back(self, PAGE));
	EXPECT_EQ(1, peer_peek(&self->peer, PAGE));
	ASSERT_EQ(sizeof(event), read(self->space, &event, sizeof(event)));
	EXPECT_EQ(PAGE, event.iova);
	EXPECT_EQ(VHOST_GRANT_READ, event.access);
}

TEST_F(hole, to_and_fro)
{
	struct vhost_grant_window_info info;
	struct vhost_grant_query query;
	int64_t value;
	int round;

	ASSERT_EQ(0, grant(self, 8 * PAGE, RW));
	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, scratch_on(self));
		ASSERT_EQ(0, window_info(self->window.fd, &info));
		EXPECT_EQ(VHOST_GRANT_HOLE_SCRATCH, info.out_hole);
		EXPECT_EQ(0, info.out_flags);
		ASSERT_EQ(0, space_query(self->space, self->window.id,
					 &query));
		EXPECT_EQ(VHOST_GRANT_WINDOW_HOLE_SCRATCH, query.out_flags);
		value = peer_peek(&self->peer, 0);
		EXPECT_TRUE(value == 0 || value == SCRIBBLE);
		EXPECT_EQ(0, peer_write(&self->peer, PAGE, SCRIBBLE));
		EXPECT_EQ((int64_t)SECRET,
			  peer_peek(&self->peer, 8 * PAGE));
		ASSERT_EQ(0, scratch_off(self));
		EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 0));
		EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, PAGE));
		EXPECT_EQ((int64_t)SECRET,
			  peer_peek(&self->peer, 8 * PAGE));
		ASSERT_EQ(0, space_query(self->space, self->window.id,
					 &query));
		EXPECT_EQ(0, query.out_flags);
	}
}

static long touch_all(struct peer_view *view, unsigned long a,
		      unsigned long b)
{
	unsigned long offset;
	long n = 0;

	for (offset = a; offset < b; offset += PAGE)
		n += !view->write(view, offset, SCRIBBLE);
	return n;
}

/* However much a peer touches, it is one page. */
TEST_F(hole, scratch_costs_one_page)
{
	long before, after;

	ASSERT_EQ(0, scratch_on(self));
	before = proc_meminfo("MemFree");
	EXPECT_EQ(MIB(16) / PAGE,
		  peer_call(&self->peer, touch_all, 0, MIB(16)));
	after = proc_meminfo("MemFree");
	EXPECT_GT((long)MIB(8), before - after);
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	ASSERT_EQ(0, scratch_off(self));
	EXPECT_EQ(0, peer_call(&self->peer, touch_all, 0, MIB(1)));
	EXPECT_EQ(0, peer_call(&self->peer, touch_all, MIB(15), MIB(16)));
}

/* The owner hears of accesses to scratch, too. */
TEST_F(hole, scratch_is_counted)
{
	struct vhost_grant_query query;

	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, peer_peek(&self->peer, 0));
	ASSERT_EQ(0, peer_peek(&self->peer, PAGE));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_LE(2, query.out_violations_hole);
	EXPECT_EQ(0, query.out_faults);
	EXPECT_EQ(0, query.out_pages_mapped);
}

/* A system call that meets a hole fails; it does not kill. */
static long write_to_pipe(struct peer_view *view, unsigned long a,
			  unsigned long b)
{
	int pipes[2];
	long ret;

	if (pipe(pipes))
		return -1;
	ret = write(pipes[1], view->map + a, b) < 0 ? -errno : 0;
	close(pipes[0]);
	close(pipes[1]);
	return ret;
}

static long read_from_zero(struct peer_view *view, unsigned long a,
			   unsigned long b)
{
	int pipes[2];
	long ret;

	if (pipe(pipes) || write(pipes[1], "01234567", 8) != 8)
		return -1;
	ret = read(pipes[0], view->map + a, b) < 0 ? -errno : 0;
	close(pipes[0]);
	close(pipes[1]);
	return ret;
}

TEST_F(hole, system_calls)
{
	ASSERT_EQ(0, grant(self, PAGE, RW));
	ASSERT_EQ(0, grant(self, 2 * PAGE, R));
	EXPECT_EQ(0, peer_call(&self->peer, write_to_pipe, PAGE, 8));
	EXPECT_EQ(0, peer_call(&self->peer, read_from_zero, PAGE, 8));
	EXPECT_EQ(-EFAULT, peer_call(&self->peer, write_to_pipe, 0, 8));
	EXPECT_EQ(-EFAULT, peer_call(&self->peer, read_from_zero, 0, 8));
	EXPECT_EQ(0, peer_call(&self->peer, write_to_pipe, 2 * PAGE, 8));
	EXPECT_EQ(-EFAULT, peer_call(&self->peer, read_from_zero, 2 * PAGE,
				     8));
	EXPECT_EQ(0, memcmp(self->memory, "01234567", 8));
	*(volatile uint64_t *)self->memory = SECRET;
	ASSERT_EQ(0, scratch_on(self));
	EXPECT_EQ(0, peer_call(&self->peer, write_to_pipe, 0, 8));
	EXPECT_EQ(0, peer_call(&self->peer, read_from_zero, 0, 8));
	EXPECT_EQ(0, peer_call(&self->peer, write_to_pipe, 2 * PAGE, 8));
	EXPECT_TRUE(page_is_secret(self));
}

/* Whether there is a page table entry for it or not */
TEST_F(hole, system_call_writes_readonly)
{
	uint64_t before, iova;

	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, grant(self, PAGE, R));
	ASSERT_EQ(0, grant(self, 2 * PAGE, R));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, 2 * PAGE));
	for (iova = PAGE; iova <= 2 * PAGE; iova += PAGE) {
		before = refused_writes(self);
		EXPECT_EQ(0, peer_call(&self->peer, read_from_zero, iova, 8));
		EXPECT_EQ(before + 1, refused_writes(self));
		EXPECT_EQ(0x3736353433323130, peer_peek(&self->peer, iova));
		EXPECT_TRUE(page_is_secret(self));
	}
	ASSERT_EQ(0, scratch_off(self));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, PAGE));
	EXPECT_EQ(-EFAULT, peer_call(&self->peer, read_from_zero, PAGE, 8));
}

/*
 * Toggling, granting and revoking at once: a reader may see the page, the
 * scratch page or a fault, but never what is put into the page when it is not
 * granted.
 */
static long toggle_loop(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	(void)a;
	(void)b;
	while (!view->shared->stop) {
		window_set_hole(view->window, VHOST_GRANT_HOLE_SCRATCH);
		window_set_hole(view->window, VHOST_GRANT_HOLE_FAULT);
		view->shared->rounds++;
	}
	return 0;
}

TEST_F(hole, toggled_under_load)
{
	volatile uint64_t *page = (void *)self->memory;
	uint64_t end = now_ns() + 1000000000ull;
	struct peer reader;
	int rounds = 0;

	ASSERT_EQ(0, peer_start(&reader, variant->peer, self->window.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(0, peer_begin(&self->peer, toggle_loop, 0, 0));
	ASSERT_EQ(0, peer_begin(&reader, peer_read_loop, PAGE, 0xbad));
	while (now_ns() < end || rounds < 10) {
		*page = SECRET;
		ASSERT_EQ(0, grant(self, PAGE, RW));
		sched_yield();
		ASSERT_EQ(0, take_back(self, PAGE));
		*page = 0xbad;
		sched_yield();
		rounds++;
	}
	self->peer.shared->stop = 1;
	reader.shared->stop = 1;
	EXPECT_EQ(0, peer_end(&self->peer));
	EXPECT_EQ(0, peer_end(&reader));
	EXPECT_EQ(0, reader.shared->wrong);
	EXPECT_LT(0, reader.shared->rounds);
	EXPECT_LT(0, self->peer.shared->rounds);
	peer_stop(&reader);
}

/*
 * One peer writes to what is granted read-only, another reads there, and the
 * page is granted and revoked: nobody ever sees it when it is not granted, and
 * nothing is ever written to it.
 */
TEST_F(hole, write_readonly_under_load)
{
	volatile uint64_t *page = (void *)self->memory;
	uint64_t end = now_ns() + 1000000000ull;
	struct peer reader;
	int rounds = 0;

	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, peer_start(&reader, variant->peer, self->window.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(0, peer_begin(&self->peer, peer_write_loop, PAGE, 0));
	ASSERT_EQ(0, peer_begin(&reader, peer_read_loop, PAGE, 0xbad));
	while (now_ns() < end || rounds < 10) {
		*page = SECRET;
		ASSERT_EQ(0, grant(self, PAGE, R));
		sched_yield();
		ASSERT_EQ(0, take_back(self, PAGE));
		ASSERT_EQ(SECRET, *page);
		*page = 0xbad;
		sched_yield();
		ASSERT_EQ(0xbad, *page);
		rounds++;
	}
	self->peer.shared->stop = 1;
	reader.shared->stop = 1;
	EXPECT_EQ(0, peer_end(&self->peer));
	EXPECT_EQ(0, peer_end(&reader));
	EXPECT_EQ(0, reader.shared->wrong);
	EXPECT_EQ(0, self->peer.shared->refused);
	EXPECT_LT(0, self->peer.shared->rounds);
	EXPECT_LT(0, refused_writes(self));
	peer_stop(&reader);
}

/* A peer that depends on the policy does not depend on who else has the window. */
TEST_F(hole, final)
{
	struct vhost_grant_window_info info;

	EXPECT_EQ(-EINVAL, window_set_hole(self->window.fd,
					   VHOST_GRANT_HOLE_SCRATCH_FINAL + 1));
	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ(0, scratch_off(self));
	ASSERT_EQ(0, peer_call(&self->peer, set_hole,
			       VHOST_GRANT_HOLE_SCRATCH_FINAL, 0));
	EXPECT_EQ(-EPERM, window_set_hole(self->window.fd,
					  VHOST_GRANT_HOLE_FAULT));
	EXPECT_EQ(-EPERM, scratch_off(self));
	ASSERT_EQ(0, window_info(self->window.fd, &info));
	EXPECT_EQ(VHOST_GRANT_HOLE_SCRATCH_FINAL, info.out_hole);
	EXPECT_EQ(0, peer_peek(&self->peer, 0));
	EXPECT_EQ(0, scratch_on(self));
	EXPECT_EQ(0, peer_write(&self->peer, 7 * PAGE, SCRIBBLE));
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, PAGE));
	ASSERT_EQ(0, grant(self, PAGE, RW));
	EXPECT_EQ((int64_t)SECRET, peer_peek(&self->peer, PAGE));
	ASSERT_EQ(0, space_destroy(self->space, self->window.id));
	EXPECT_EQ(-EPERM, scratch_off(self));
	EXPECT_EQ(SCRIBBLE, peer_peek(&self->peer, PAGE));
}

/* A dead window keeps the policy, and has only holes. */
TEST_F(hole, after_destroy)
{
	ASSERT_EQ(0, grant(self, PAGE, RW));
	ASSERT_EQ(0, scratch_on(self));
	ASSERT_EQ((int64_t)SECRET, peer_peek(&self->peer, PAGE));
	ASSERT_EQ(0, space_destroy(self->space, self->window.id));
	EXPECT_EQ(0, peer_peek(&self->peer, PAGE));
	ASSERT_EQ(0, scratch_off(self));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, PAGE));
}

TEST_HARNESS_MAIN
