// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets every allocation of every call fail, one after the other: the first one
 * of the call, then the second one of the same call, until the call gets
 * through untouched. Each time the call has either done all of its work or has
 * changed nothing; what gives memory back always does all of its work. Whether
 * memory was lost on those ways, kmemleak says to whoever runs the tests.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kmod/vhost_grant_test.h"
#include "kselftest_harness.h"
#include "mark.h"
#include "probe.h"
#include "proc.h"
#include "source.h"
#include "space.h"

#define DEBUG_DIR "/sys/kernel/debug/"
#define TEST_DEVICE "/dev/vhost_grant_test"

#define TIMEOUT 300
#define MAX_NTH 2000
#define WINDOW (4 * HUGE)
#define SOURCE (3 * HUGE)
#define TAG 3
/* Coprime to the pages of a huge page, so that all places in one are seen. */
#define SAMPLE (37 * PAGE)
#define COARSE_SAMPLE (149 * PAGE)

/*
 * Far from all other mappings: a page here needs page tables of its own, which
 * go away with it.
 */
#define FAR_AWAY ((void *)0x200000000000ul)

/* Copies from and to user space can be made to fail in the same way. */
static void inject_usercopy(bool on)
{
	proc_write(DEBUG_DIR "fail_usercopy/stacktrace-depth", "0");
	proc_write(DEBUG_DIR "fail_usercopy/require-start", "%d", on ? 0 : 1);
	proc_write(DEBUG_DIR "fail_usercopy/require-end", "%s",
		   on ? "0xffffffffffffffff" : "1");
}

static bool inject_setup(void)
{
	if (proc_write(DEBUG_DIR "failslab/ignore-gfp-wait", "N") ||
	    proc_write(DEBUG_DIR "failslab/cache-filter", "N") ||
	    proc_write(DEBUG_DIR "fail_page_alloc/ignore-gfp-wait", "N") ||
	    proc_write(DEBUG_DIR "fail_page_alloc/ignore-gfp-highmem", "N") ||
	    proc_write(DEBUG_DIR "fail_page_alloc/min-order", "0"))
		return false;
	proc_write(DEBUG_DIR "failslab/verbose", "0");
	proc_write(DEBUG_DIR "fail_page_alloc/verbose", "0");
	proc_write(DEBUG_DIR "fail_usercopy/verbose", "0");
	inject_usercopy(false);
	return access("/proc/thread-self/fail-nth", W_OK) == 0;
}

static void inject_restore(void)
{
	proc_write(DEBUG_DIR "failslab/ignore-gfp-wait", "Y");
	proc_write(DEBUG_DIR "fail_page_alloc/ignore-gfp-wait", "Y");
	proc_write(DEBUG_DIR "fail_page_alloc/ignore-gfp-highmem", "Y");
	proc_write(DEBUG_DIR "fail_page_alloc/min-order", "1");
	inject_usercopy(true);
}

static bool can_inject;

/* What the calls work on. */
struct stage {
	struct source source;
	struct window w;
	int space;
	int slot;
	int fd;
	char *map;
	char *far_away;
	long pins;
	/* Of the grant that is in question. */
	uint64_t iova;
	uint64_t offset;
	uint64_t length;
};

/* What a call that failed must not have changed. */
struct state {
	uint64_t granted;
	uint64_t pinned;
	uint64_t grants;
	uint64_t reachable;
	uint64_t vmas;
	uint64_t bindings;
	long windows;
	long vm_pin;
	long pins;
	long fds;
	long hole;
	long dead;
};

static uint64_t reachable(const struct stage *s)
{
	uint64_t iova, value, n = 0;

	for (iova = 0; iova < s->w.length; iova += COARSE_SAMPLE)
		n += !probe_read(s->map + iova, &value);
	for (iova = s->iova; iova < s->iova + 4 * PAGE; iova += PAGE)
		n += !probe_read(s->map + iova, &value);
	return n;
}

static struct state state_of(const struct stage *s)
{
	struct vhost_grant_window_info info;
	struct vhost_grant_query query;
	struct state state = {
		.windows = fdinfo_number(s->space, "windows"),
		.vm_pin = proc_status(getpid(), "VmPin"),
		.pins = proc_pins(),
		.fds = proc_fds(),
	};

	state.reachable = reachable(s);
	if (space_query(s->space, s->w.id, &query) ||
	    window_info(s->w.fd, &info))
		return (struct state){ .windows = -1 };
	state.granted = query.out_pages_granted;
	state.pinned = query.out_pages_pinned;
	state.grants = query.out_grants;
	state.vmas = query.out_vmas;
	state.bindings = query.out_bindings;
	state.hole = info.out_hole;
	state.dead = info.out_dead;
	return state;
}

static void state_print(const char *name, const struct state *s)
{
	ksft_print_msg("%s: granted %lu pinned %lu grants %lu reachable %lu vmas %lu bindings %lu windows %ld VmPin %ld pins %ld fds %ld hole %ld dead %ld\n",
	       name, s->granted, s->pinned, s->grants, s->reachable, s->vmas,
	       s->bindings, s->windows, s->vm_pin, s->pins, s->fds, s->hole,
	       s->dead);
}

/*
 * A call to sweep. @call makes system calls and nothing else; it returns
 * -errno, or what @done makes of it. @undo runs after each round. Without
 * @may_fail it must succeed whatever happens.
 */
struct op {
	const char *name;
	int (*prepare)(struct stage *s);
	int (*call)(struct stage *s);
	bool (*done)(const struct stage *s, int ret);
	void (*undo)(struct stage *s, int ret);
	bool may_fail;
};

static int nth_open(void)
{
	return open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
}

static bool nth_arm(int fd, unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(fd, text, n, 0) == n;
}

/*
 * Whether it was the call that failed. With usercopy injection, this read and
 * write may be what fails, after a call that got through.
 */
static bool nth_disarm(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	bool injected = n > 0 && atoi(text) == 0;

	while (pwrite(fd, "0", 1, 0) != 1 && errno == EFAULT)
		;
	return injected;
}

static bool errno_allowed(const struct op *op, int ret, bool usercopy)
{
	if (ret >= 0)
		return true;
	return (op->may_fail && ret == -ENOMEM) ||
	       (usercopy && ret == -EFAULT);
}

/* One round; true if an injection hit the call. */
static bool sweep_round(struct __test_metadata *_metadata, struct stage *s,
			const struct op *op, int fd, unsigned int nth,
			bool usercopy)
{
	struct state before, after;
	bool injected;
	int ret;

	if (op->prepare)
		ASSERT_EQ(0, op->prepare(s));
	before = state_of(s);
	ASSERT_TRUE(nth_arm(fd, nth));
	ret = op->call(s);
	injected = nth_disarm(fd);

	ASSERT_TRUE(injected || ret >= 0)
		TH_LOG("%s: %d without an injection", op->name, ret);
	ASSERT_TRUE(errno_allowed(op, ret, usercopy))
		TH_LOG("%s: %d after injection %u", op->name, ret, nth);
	if (ret >= 0) {
		ASSERT_TRUE(op->done(s, ret))
			TH_LOG("%s: %d, but not done after injection %u",
			       op->name, ret, nth);
	} else {
		after = state_of(s);
		ASSERT_EQ(0, memcmp(&before, &after, sizeof(before))) {
			TH_LOG("%s: injection %u changed", op->name, nth);
			state_print("before", &before);
			state_print("after", &after);
		}
	}
	if (op->undo)
		op->undo(s, ret);
	return injected;
}

static void sweep_as(struct __test_metadata *_metadata, struct stage *s,
		     const struct op *op, bool usercopy)
{
	uint64_t start = now_ns();
	unsigned int nth = 0;
	int fd = nth_open();
	bool injected;

	ASSERT_GE(fd, 0);
	inject_usercopy(usercopy);
	do {
		ASSERT_LT(nth, MAX_NTH);
		injected = sweep_round(_metadata, s, op, fd, ++nth, usercopy);
	} while (injected);
	inject_usercopy(false);
	close(fd);
	ksft_print_msg("%s: %u %s failed in turn in %lu ms\n", op->name,
		       nth - 1, usercopy ? "allocations and user copies" :
					   "allocations",
		       (now_ns() - start) / 1000000);
}

static void sweep_allocations(struct __test_metadata *_metadata,
			      struct stage *s, const struct op *op)
{
	sweep_as(_metadata, s, op, false);
	EXPECT_EQ(s->pins, proc_pins());
}

/* First only allocations, so that the errno of those is known. */
static void sweep(struct __test_metadata *_metadata, struct stage *s,
		  const struct op *op)
{
	sweep_allocations(_metadata, s, op);
	sweep_as(_metadata, s, op, true);
	EXPECT_EQ(s->pins, proc_pins());
}

static int stage_open(struct stage *s, enum source_kind kind)
{
	int ret;

	s->slot = -1;
	s->pins = proc_pins();
	probe_init();
	s->space = space_open();
	if (s->space < 0)
		return s->space;
	ret = space_window(s->space, WINDOW, 0, &s->w);
	if (ret)
		return ret;
	s->map = window_mmap(s->w.fd, 0, WINDOW, PROT_READ | PROT_WRITE);
	if (!s->map)
		return -errno;
	ret = source_open(&s->source, kind, SOURCE);
	if (!ret)
		source_fill(&s->source, TAG);
	return ret;
}

static int grant(struct stage *s)
{
	return source_grant(&s->source, s->space, s->w.id, s->iova, s->offset,
			    s->length, RW);
}

static bool granted(const struct stage *s, int ret)
{
	uint64_t at, value;

	for (at = 0; at < s->length; at += SAMPLE)
		if (probe_read(s->map + s->iova + at, &value) ||
		    value != source_word(TAG, s->offset + at))
			return false;
	return ret == 0;
}

static uint64_t pages_granted(const struct stage *s)
{
	struct vhost_grant_query query;

	if (space_query(s->space, s->w.id, &query))
		return ~0ull;
	return query.out_pages_granted;
}

static bool granted_alone(const struct stage *s, int ret)
{
	return pages_granted(s) == s->length / PAGE && granted(s, ret);
}

static void revoke_all(struct stage *s, int ret)
{
	(void)ret;
	space_unmap_all(s->space, s->w.id);
}

static bool all_revoked(const struct stage *s, int ret)
{
	return ret == 0 && pages_granted(s) == 0 && reachable(s) == 0 &&
	       proc_pins() == s->pins && proc_status(getpid(), "VmPin") == 0;
}

static const struct op map_op = {
	.name = "MAP",
	.call = grant,
	.done = granted_alone,
	.undo = revoke_all,
	.may_fail = true,
};

FIXTURE(fail_nth)
{
	struct mark mark;
	struct stage s;
};

FIXTURE_VARIANT(fail_nth)
{
	enum source_kind kind;
};

FIXTURE_VARIANT_ADD(fail_nth, anon) { .kind = SOURCE_ANON };
FIXTURE_VARIANT_ADD(fail_nth, thp) { .kind = SOURCE_THP };
FIXTURE_VARIANT_ADD(fail_nth, memfd) { .kind = SOURCE_MEMFD };
FIXTURE_VARIANT_ADD(fail_nth, hugetlb) { .kind = SOURCE_HUGETLB };

/* That the kernel tells of allocations that failed is what we asked for. */
FIXTURE_SETUP(fail_nth)
{
	int ret;

	mark_begin(&self->mark);
	self->mark.level = MARK_ALERT;
	if (!can_inject)
		SKIP(return, "the kernel has no fault injection");
	ret = stage_open(&self->s, variant->kind);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "no huge pages on this machine");
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN_PARENT(fail_nth)
{
	MARK_END(&self->mark);
}

TEST_F_TIMEOUT(fail_nth, map_page, TIMEOUT)
{
	self->s.iova = 3 * PAGE;
	self->s.offset = PAGE;
	self->s.length = PAGE;
	sweep(_metadata, &self->s, &map_op);
}

TEST_F_TIMEOUT(fail_nth, map_aligned_blocks, TIMEOUT)
{
	self->s.iova = HUGE;
	self->s.length = 2 * HUGE + PAGE * (variant->kind != SOURCE_HUGETLB);
	sweep_allocations(_metadata, &self->s, &map_op);
}

TEST_F_TIMEOUT(fail_nth, map_askew_blocks, TIMEOUT)
{
	self->s.iova = HUGE - 3 * PAGE;
	self->s.offset = PAGE;
	self->s.length = 2 * HUGE + 7 * PAGE;
	sweep_allocations(_metadata, &self->s, &map_op);
}

/* A grant of which the pages in the middle were revoked. */
static int prepare_hole(struct stage *s)
{
	int ret = source_grant(&s->source, s->space, s->w.id, HUGE, 0, HUGE,
			       R);

	return ret ? ret : space_unmap(s->space, s->w.id, s->iova, s->length);
}

static bool hole_is_granted(const struct stage *s, int ret)
{
	return pages_granted(s) == HUGE / PAGE && granted(s, ret);
}

TEST_F_TIMEOUT(fail_nth, map_hole_of_a_grant, TIMEOUT)
{
	const struct op op = {
		.name = "MAP into a hole",
		.prepare = prepare_hole,
		.call = grant,
		.done = hole_is_granted,
		.undo = revoke_all,
		.may_fail = true,
	};

	self->s.iova = HUGE + 17 * PAGE;
	self->s.offset = HUGE + PAGE;
	self->s.length = 3 * PAGE;
	sweep(_metadata, &self->s, &op);
}

#define ARRAY 4

static int grant_array(struct stage *s)
{
	struct vhost_grant_map_entry entries[ARRAY];
	bool file = s->source.fd >= 0;
	unsigned int i;

	for (i = 0; i < ARRAY; i++)
		entries[i] = (struct vhost_grant_map_entry){
			.iova = i * HUGE,
			.length = 2 * PAGE,
			.source = (file ? 0 : (uintptr_t)s->source.memory) +
				  i * 2 * PAGE,
			.flags = RW | (file ? VHOST_GRANT_SOURCE_FILE : 0),
			.fd = file ? s->source.fd : 0,
		};
	return space_map_array(s->space, s->w.id, entries, ARRAY);
}

/* As many entries as it says, and not a page of the others. */
static bool array_is_granted(const struct stage *s, int ret)
{
	uint64_t value;
	int i, sig;

	if (ret == 0 || pages_granted(s) != (uint64_t)ret * 2)
		return false;
	for (i = 0; i < ARRAY; i++) {
		sig = probe_read(s->map + i * HUGE + PAGE, &value);
		if (!sig != (i < ret))
			return false;
		if (!sig && value != source_word(TAG, (i * 2 + 1) * PAGE))
			return false;
	}
	return true;
}

TEST_F_TIMEOUT(fail_nth, map_array, TIMEOUT)
{
	const struct op op = {
		.name = "MAP of an array",
		.call = grant_array,
		.done = array_is_granted,
		.undo = revoke_all,
		.may_fail = true,
	};

	sweep(_metadata, &self->s, &op);
}

static void far_close(struct stage *s, int ret)
{
	(void)ret;
	munmap(s->far_away, WINDOW);
}

static int prepare_far_away(struct stage *s)
{
	s->far_away = mmap(FAR_AWAY, WINDOW, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED_NOREPLACE, s->w.fd, 0);
	return s->far_away == MAP_FAILED ? -errno : 0;
}

/* The kernel tries a fault again that had no memory: the peer never sees it. */
static int touch_read(struct stage *s)
{
	uint64_t value;

	return -probe_read(s->far_away + s->iova, &value);
}

static int touch_write(struct stage *s)
{
	return -probe_write(s->far_away + s->iova + 8, 1);
}

static bool touched(const struct stage *s, int ret)
{
	uint64_t value;

	return ret == 0 && !probe_read(s->far_away + s->iova, &value) &&
	       value == source_word(TAG, s->offset);
}

static void sweep_touch(struct __test_metadata *_metadata, struct stage *s,
			int (*touch)(struct stage *s), const char *name)
{
	const struct op op = {
		.name = name,
		.prepare = prepare_far_away,
		.call = touch,
		.done = touched,
		.undo = far_close,
	};

	sweep_as(_metadata, s, &op, false);
}

TEST_F_TIMEOUT(fail_nth, first_touch, TIMEOUT)
{
	self->s.iova = 2 * HUGE;
	self->s.length = HUGE;
	ASSERT_EQ(0, grant(&self->s));
	sweep_touch(_metadata, &self->s, touch_read, "read fault");
	sweep_touch(_metadata, &self->s, touch_write, "write fault");
	revoke_all(&self->s, 0);
	EXPECT_EQ(self->s.pins, proc_pins());
}

static bool write_refused(const struct stage *s, int ret)
{
	uint64_t value;

	return ret == -SIGBUS && !probe_read(s->far_away + s->iova, &value) &&
	       value == source_word(TAG, s->offset) &&
	       probe_write(s->far_away + s->iova, 1) == SIGBUS;
}

/* A failed page table allocation is no way around a read-only grant. */
TEST_F_TIMEOUT(fail_nth, write_to_read_only, TIMEOUT)
{
	struct stage *s = &self->s;
	unsigned int nth = 0;
	int ret, fd = nth_open();
	bool injected;

	s->iova = 2 * HUGE;
	ASSERT_EQ(0, source_grant(&s->source, s->space, s->w.id, s->iova, 0,
				  HUGE, R));
	do {
		ASSERT_EQ(0, prepare_far_away(s));
		ASSERT_TRUE(nth_arm(fd, ++nth));
		ret = -probe_write(s->far_away + s->iova, 1);
		injected = nth_disarm(fd);
		ASSERT_TRUE(write_refused(s, ret));
		far_close(s, 0);
	} while (injected);
	revoke_all(s, 0);
	EXPECT_EQ(s->pins, proc_pins());
}

/* Grant, and have every way to a page in use. */
static int prepare_used(struct stage *s)
{
	int ret = grant(s);

	return ret ? ret : -!granted(s, 0);
}

static int revoke_part(struct stage *s)
{
	return space_unmap(s->space, s->w.id, s->iova, s->length - PAGE);
}

static bool part_is_revoked(const struct stage *s, int ret)
{
	uint64_t last = s->iova + s->length - PAGE, value;

	return ret == 0 && pages_granted(s) == 1 &&
	       probe_read(s->map + s->iova, &value) == SIGBUS &&
	       probe_read(s->map + last - PAGE, &value) == SIGBUS &&
	       probe_read(s->map + last, &value) == 0;
}

static int unmap_all(struct stage *s)
{
	return space_unmap_all(s->space, s->w.id);
}

static void sweep_revoke(struct __test_metadata *_metadata, struct stage *s)
{
	const struct op part = {
		.name = "UNMAP of a part",
		.prepare = prepare_used,
		.call = revoke_part,
		.done = part_is_revoked,
		.undo = revoke_all,
	};
	const struct op all = {
		.name = "UNMAP of all",
		.prepare = prepare_used,
		.call = unmap_all,
		.done = all_revoked,
		.undo = revoke_all,
	};

	sweep(_metadata, s, &part);
	sweep(_metadata, s, &all);
}

TEST_F_TIMEOUT(fail_nth, unmap, TIMEOUT)
{
	self->s.iova = HUGE;
	self->s.length = HUGE;
	sweep_revoke(_metadata, &self->s);
	self->s.iova = HUGE - 3 * PAGE;
	self->s.offset = PAGE;
	self->s.length = HUGE + 7 * PAGE;
	sweep_revoke(_metadata, &self->s);
}

/* A window with a grant that is in use, mapped far away. */
static int prepare_window(struct stage *s, int space, struct window *w)
{
	uint64_t value;
	int ret = space_window(space, WINDOW, 0, w);

	if (ret)
		return ret;
	ret = source_grant(&s->source, space, w->id, HUGE, 0, HUGE + PAGE, RW);
	if (ret)
		return ret;
	s->far_away = mmap(FAR_AWAY, WINDOW, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED_NOREPLACE, w->fd, 0);
	if (s->far_away == MAP_FAILED)
		return -errno;
	return -probe_read(s->far_away + HUGE, &value);
}

static struct window second;
static int second_space;

static int prepare_second(struct stage *s)
{
	return prepare_window(s, s->space, &second);
}

static int destroy_second(struct stage *s)
{
	return space_destroy(s->space, second.id);
}

static bool second_is_dead(const struct stage *s, int ret)
{
	uint64_t value;

	return ret == 0 && proc_pins() == s->pins &&
	       probe_read(s->far_away + HUGE, &value) == SIGBUS &&
	       probe_read(s->far_away + 2 * HUGE, &value) == SIGBUS;
}

static void close_second(struct stage *s, int ret)
{
	far_close(s, 0);
	close(second.fd);
	if (ret)
		space_destroy(s->space, second.id);
}

TEST_F_TIMEOUT(fail_nth, destroy_window, TIMEOUT)
{
	const struct op op = {
		.name = "DESTROY_WINDOW",
		.prepare = prepare_second,
		.call = destroy_second,
		.done = second_is_dead,
		.undo = close_second,
	};

	sweep(_metadata, &self->s, &op);
}

static int prepare_second_space(struct stage *s)
{
	second_space = space_open();
	return second_space < 0 ? second_space :
	       prepare_window(s, second_space, &second);
}

static int close_second_space(struct stage *s)
{
	(void)s;
	return close(second_space) ? -errno : 0;
}

static void close_second_window(struct stage *s, int ret)
{
	(void)ret;
	far_close(s, 0);
	close(second.fd);
}

TEST_F_TIMEOUT(fail_nth, close_space, TIMEOUT)
{
	const struct op op = {
		.name = "close of a space",
		.prepare = prepare_second_space,
		.call = close_second_space,
		.done = second_is_dead,
		.undo = close_second_window,
	};

	sweep(_metadata, &self->s, &op);
}

/* Calls that have nothing to do with the kind of memory. */
FIXTURE(fail_nth_other)
{
	struct mark mark;
	struct stage s;
};

FIXTURE_SETUP(fail_nth_other)
{
	mark_begin(&self->mark);
	self->mark.level = MARK_ALERT;
	if (!can_inject)
		SKIP(return, "the kernel has no fault injection");
	ASSERT_EQ(0, stage_open(&self->s, SOURCE_ANON));
}

FIXTURE_TEARDOWN_PARENT(fail_nth_other)
{
	MARK_END(&self->mark);
}

static int call_open(struct stage *s)
{
	s->fd = space_open();
	return s->fd;
}

static bool opened(const struct stage *s, int ret)
{
	return fdinfo_number(ret, "windows") == 0 && ret == s->fd;
}

static void close_fd(struct stage *s, int ret)
{
	if (ret >= 0)
		close(s->fd);
}

TEST_F_TIMEOUT(fail_nth_other, open, TIMEOUT)
{
	const struct op op = {
		.name = "open",
		.call = call_open,
		.done = opened,
		.undo = close_fd,
		.may_fail = true,
	};

	sweep(_metadata, &self->s, &op);
}

static int create_second(struct stage *s)
{
	return space_window(s->space, WINDOW, VHOST_GRANT_WINDOW_HOLE_SCRATCH,
			    &second);
}

static bool second_is_there(const struct stage *s, int ret)
{
	struct vhost_grant_window_info info;

	return ret == 0 && fdinfo_number(s->space, "windows") == 2 &&
	       window_info(second.fd, &info) == 0 &&
	       info.out_hole == VHOST_GRANT_HOLE_SCRATCH;
}

static void destroy_created(struct stage *s, int ret)
{
	if (ret)
		return;
	space_destroy(s->space, second.id);
	close(second.fd);
}

TEST_F_TIMEOUT(fail_nth_other, create_window, TIMEOUT)
{
	const struct op op = {
		.name = "CREATE_WINDOW",
		.call = create_second,
		.done = second_is_there,
		.undo = destroy_created,
		.may_fail = true,
	};

	sweep(_metadata, &self->s, &op);
}

static int call_mmap(struct stage *s)
{
	s->far_away = mmap(FAR_AWAY, WINDOW, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED_NOREPLACE, s->w.fd, 0);
	return s->far_away == MAP_FAILED ? -errno : 0;
}

static bool mmapped(const struct stage *s, int ret)
{
	struct vhost_grant_query query;

	return ret == 0 && space_query(s->space, s->w.id, &query) == 0 &&
	       query.out_vmas == 2;
}

static void undo_mmap(struct stage *s, int ret)
{
	if (!ret)
		munmap(s->far_away, WINDOW);
}

TEST_F_TIMEOUT(fail_nth_other, mmap, TIMEOUT)
{
	const struct op op = {
		.name = "mmap",
		.call = call_mmap,
		.done = mmapped,
		.undo = undo_mmap,
		.may_fail = true,
	};

	sweep(_metadata, &self->s, &op);
}

/* The scratch page stays once it is there: each round needs a new window. */
static int prepare_hole_window(struct stage *s)
{
	int ret = space_window(s->space, WINDOW, 0, &second);

	if (ret)
		return ret;
	s->far_away = mmap(FAR_AWAY, WINDOW, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED_NOREPLACE, second.fd, 0);
	return s->far_away == MAP_FAILED ? -errno : 0;
}

static int call_set_hole(struct stage *s)
{
	(void)s;
	return window_set_hole(second.fd, VHOST_GRANT_HOLE_SCRATCH);
}

static bool hole_is_scratch(const struct stage *s, int ret)
{
	uint64_t value;

	return ret == 0 && !probe_write(s->far_away + PAGE, 5) &&
	       !probe_read(s->far_away, &value) && value == 5;
}

static void undo_set_hole(struct stage *s, int ret)
{
	uint64_t value;

	if (ret && probe_read(s->far_away, &value) != SIGBUS)
		abort();
	munmap(s->far_away, WINDOW);
	space_destroy(s->space, second.id);
	close(second.fd);
}

TEST_F_TIMEOUT(fail_nth_other, set_hole, TIMEOUT)
{
	const struct op op = {
		.name = "SET_HOLE",
		.prepare = prepare_hole_window,
		.call = call_set_hole,
		.done = hole_is_scratch,
		.undo = undo_set_hole,
		.may_fail = true,
	};

	sweep(_metadata, &self->s, &op);
}

static int prepare_untouched(struct stage *s)
{
	return madvise(s->source.memory, SOURCE, MADV_DONTNEED) ? -errno : 0;
}

static bool untouched_is_granted(const struct stage *s, int ret)
{
	uint64_t at, value;

	for (at = 0; at < s->length; at += PAGE)
		if (probe_read(s->map + s->iova + at, &value) || value)
			return false;
	return ret == 0 && pages_granted(s) == s->length / PAGE;
}

static const struct op map_untouched_op = {
	.name = "MAP of memory that is not there yet",
	.prepare = prepare_untouched,
	.call = grant,
	.done = untouched_is_granted,
	.undo = revoke_all,
	.may_fail = true,
};

TEST_F_TIMEOUT(fail_nth_other, map_untouched, TIMEOUT)
{
	self->s.iova = HUGE - 4 * PAGE;
	self->s.length = 8 * PAGE;
	sweep(_metadata, &self->s, &map_untouched_op);
}

static int prepare_sparse(struct stage *s)
{
	return ftruncate(s->source.fd, 0) || ftruncate(s->source.fd, SOURCE) ?
	       -errno : 0;
}

TEST_F_TIMEOUT(fail_nth_other, map_sparse_file, TIMEOUT)
{
	struct op op = map_untouched_op;

	source_close(&self->s.source);
	ASSERT_EQ(0, source_open(&self->s.source, SOURCE_MEMFD, SOURCE));
	op.name = "MAP of holes of a file";
	op.prepare = prepare_sparse;
	self->s.iova = HUGE - 4 * PAGE;
	self->s.length = 8 * PAGE;
	sweep(_metadata, &self->s, &op);
}

static int call_bind(struct stage *s)
{
	struct vhost_grant_test_bind bind = {
		.fd = s->w.fd,
		.end = WINDOW / PAGE,
	};

	return space_call(s->slot, VHOST_GRANT_TEST_BIND, &bind);
}

static bool bound(const struct stage *s, int ret)
{
	struct vhost_grant_query query;

	return ret == 0 && space_query(s->space, s->w.id, &query) == 0 &&
	       query.out_bindings == 1;
}

static void undo_bind(struct stage *s, int ret)
{
	if (!ret)
		space_call(s->slot, VHOST_GRANT_TEST_UNBIND, NULL);
}

TEST_F_TIMEOUT(fail_nth_other, bind, TIMEOUT)
{
	const struct op op = {
		.name = "binding",
		.call = call_bind,
		.done = bound,
		.undo = undo_bind,
		.may_fail = true,
	};

	if (access(TEST_DEVICE, F_OK) &&
	    system("modprobe vhost_grant_test 2>/dev/null"))
		SKIP(return, "vhost_grant_test.ko is not there");
	self->s.slot = open(TEST_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->s.slot, 0);
	sweep(_metadata, &self->s, &op);
}

int main(int argc, char **argv)
{
	int ret;

	can_inject = inject_setup();
	ret = test_harness_run(argc, argv);
	if (can_inject)
		inject_restore();
	return ret;
}
