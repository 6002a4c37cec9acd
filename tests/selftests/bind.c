// SPDX-License-Identifier: GPL-2.0-only
/*
 * The in-kernel interface, which KVM uses for native memslots, through the test
 * module of tests/kmod: what a binding can reach, and that nothing of it is
 * left when a revoke returns.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kmod/vhost_grant_test.h"
#include "kselftest_harness.h"
#include "mark.h"
#include "peer.h"
#include "proc.h"
#include "source.h"
#include "space.h"

#define TEST_DEVICE "/dev/vhost_grant_test"
#define PAGES 1024
#define TAG 7
#define POISON 0x5015055015055050ull
#define STORM_ROUNDS 300

static int slot_open(void)
{
	int fd = open(TEST_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int slot_bind_slowly(int slot, int window, uint64_t start, uint64_t end,
			    unsigned int invalidate_delay_ms)
{
	struct vhost_grant_test_bind bind = {
		.fd = window,
		.invalidate_delay_ms = invalidate_delay_ms,
		.start = start,
		.end = end,
	};
	int ret = space_call(slot, VHOST_GRANT_TEST_BIND, &bind);

	return ret ? ret : (int)bind.out_npages;
}

/* Pages of the window or -errno. */
static int slot_bind(int slot, int window, uint64_t start, uint64_t end)
{
	return slot_bind_slowly(slot, window, start, end, 0);
}

static int slot_unbind(int slot)
{
	return space_call(slot, VHOST_GRANT_TEST_UNBIND, NULL);
}

static int slot_get_for(int slot, uint64_t index, uint32_t access,
			uint32_t max_order, struct vhost_grant_test_get *get)
{
	*get = (struct vhost_grant_test_get){
		.index = index, .access = access, .max_order = max_order,
	};
	return space_call(slot, VHOST_GRANT_TEST_GET, get);
}

static int slot_get(int slot, uint64_t index, bool write,
		    struct vhost_grant_test_get *get)
{
	return slot_get_for(slot, index,
			    write ? VHOST_GRANT_WRITE : VHOST_GRANT_READ, 9, get);
}

static int slot_access(int slot, uint64_t offset, bool write, uint64_t *value,
		       unsigned int delay_ms)
{
	struct vhost_grant_test_access access = {
		.offset = offset,
		.value = *value,
		.write = write,
		.delay_ms = delay_ms,
	};
	int ret = space_call(slot, VHOST_GRANT_TEST_ACCESS, &access);

	*value = access.value;
	return ret;
}

/* The value, or -errno: the tests use small numbers. */
static int64_t slot_read(int slot, uint64_t offset)
{
	uint64_t value = 0;
	int ret = slot_access(slot, offset, false, &value, 0);

	return ret ? ret : (int64_t)value;
}

static int slot_write(int slot, uint64_t offset, uint64_t value)
{
	return slot_access(slot, offset, true, &value, 0);
}

static struct vhost_grant_test_stats slot_stats(int slot)
{
	struct vhost_grant_test_stats stats;

	if (space_call(slot, VHOST_GRANT_TEST_STATS, &stats))
		stats = (struct vhost_grant_test_stats){ .broken = 1 };
	return stats;
}

static bool stats_last_is(const struct vhost_grant_test_stats *stats,
			  const struct vhost_grant_test_range *ranges,
			  unsigned int nr)
{
	return stats->nr_last == nr &&
	       !memcmp(stats->last, ranges, nr * sizeof(*ranges));
}

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

FIXTURE(bind)
{
	struct mark mark;
	struct source source;
	struct window w;
	int space;
	int slot;
};

FIXTURE_SETUP(bind)
{
	mark_begin(&self->mark);
	if (access(TEST_DEVICE, F_OK))
		run("modprobe vhost_grant_test 2>/dev/null");
	if (access(TEST_DEVICE, F_OK))
		SKIP(return, "vhost_grant_test.ko is not there");
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, space_window(self->space, PAGES * PAGE,
				  VHOST_GRANT_WINDOW_KVM_ONLY, &self->w));
	ASSERT_EQ(0, source_open(&self->source, SOURCE_ANON, PAGES * PAGE));
	source_fill(&self->source, TAG);
	self->slot = slot_open();
	ASSERT_GE(self->slot, 0);
}

FIXTURE_TEARDOWN_PARENT(bind)
{
	MARK_END(&self->mark);
}

/* Grant and bind the first @nr pages, and touch them all. */
static int grant_and_touch(const FIXTURE_DATA(bind) *self, unsigned int nr,
			   uint32_t access)
{
	int ret = source_grant(&self->source, self->space, self->w.id, 0, 0,
			       nr * PAGE, access);
	unsigned int i;

	if (ret)
		return ret;
	ret = slot_bind(self->slot, self->w.fd, 0, nr);
	if (ret < 0)
		return ret;
	for (i = 0; i < nr; i++)
		if (slot_read(self->slot, i * PAGE) !=
		    (int64_t)source_word(TAG, i * PAGE))
			return -EILSEQ;
	return 0;
}

TEST_F(bind, kvm_only_window_is_reached_by_a_binding_only)
{
	EXPECT_EQ(NULL, window_mmap(self->w.fd, 0, PAGE, PROT_READ));
	EXPECT_EQ(ENODEV, errno);
	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0,
				  PAGE, PAGE, RW));
	EXPECT_EQ(-ENOTCONN, slot_read(self->slot, 0));
	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, PAGES));
	EXPECT_EQ(source_word(TAG, PAGE), slot_read(self->slot, 0));
	EXPECT_EQ(0, slot_write(self->slot, 8, 4711));
	EXPECT_EQ(4711, ((uint64_t *)(self->source.memory + PAGE))[1]);
}

TEST_F(bind, holes_and_permissions)
{
	struct vhost_grant_query before, after;
	struct vhost_grant_test_get get;

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  PAGE, R));
	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, PAGES));
	ASSERT_EQ(0, space_query(self->space, self->w.id, &before));

	EXPECT_EQ(source_word(TAG, 0), slot_read(self->slot, 0));
	EXPECT_EQ(-EACCES, slot_write(self->slot, 0, 1));
	EXPECT_EQ(source_word(TAG, 0), *(uint64_t *)self->source.memory);
	EXPECT_EQ(-ENOENT, slot_read(self->slot, PAGE));
	EXPECT_EQ(-ENOENT, slot_write(self->slot, PAGE, 1));
	EXPECT_EQ(0, slot_get(self->slot, 0, false, &get));
	EXPECT_EQ(0, get.out_writable);
	EXPECT_EQ(-ERANGE, slot_get(self->slot, PAGES, false, &get));
	EXPECT_EQ(-ERANGE, slot_get(self->slot, ~0ull, true, &get));

	ASSERT_EQ(0, space_query(self->space, self->w.id, &after));
	EXPECT_EQ(1, after.out_violations_readonly -
		     before.out_violations_readonly);
	EXPECT_EQ(2, after.out_violations_hole - before.out_violations_hole);
}

/* A lookup that nobody has asked for finds what there is, and blames nobody. */
TEST_F(bind, preparing_is_no_violation)
{
	struct vhost_grant_query before, after;
	struct vhost_grant_test_get get;

	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, PAGES));
	ASSERT_EQ(0, space_query(self->space, self->w.id, &before));
	EXPECT_EQ(-ENOENT, slot_get_for(self->slot, 0, 0, 9, &get));
	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  PAGE, R));
	EXPECT_EQ(0, slot_get_for(self->slot, 0, 0, 9, &get));
	EXPECT_EQ(0, get.out_writable);
	EXPECT_EQ(-ENOENT, slot_get_for(self->slot, 1, 0, 9, &get));
	ASSERT_EQ(0, space_query(self->space, self->w.id, &after));
	EXPECT_EQ(before.out_violations_hole, after.out_violations_hole);
	EXPECT_EQ(before.out_violations_readonly,
		  after.out_violations_readonly);
	EXPECT_EQ(before.out_pages_mapped + 1, after.out_pages_mapped);
}

TEST_F(bind, only_windows_and_only_within_them)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	EXPECT_EQ(-EINVAL, slot_bind(self->slot, null, 0, 1));
	EXPECT_EQ(-EINVAL, slot_bind(self->slot, self->space, 0, 1));
	EXPECT_EQ(-EINVAL, slot_bind(self->slot, self->slot, 0, 1));
	EXPECT_EQ(-EBADF, slot_bind(self->slot, -1, 0, 1));
	EXPECT_EQ(-ERANGE, slot_bind(self->slot, self->w.fd, 0, PAGES + 1));
	EXPECT_EQ(-ERANGE, slot_bind(self->slot, self->w.fd, PAGES, PAGES + 1));
	EXPECT_EQ(-ERANGE, slot_bind(self->slot, self->w.fd, 1, ~0ull));
	EXPECT_EQ(PAGES, slot_bind(self->slot, self->w.fd, PAGES - 1, PAGES));
	EXPECT_EQ(-EBUSY, slot_bind(self->slot, self->w.fd, 0, 1));
}

TEST_F(bind, order_of_small_pages)
{
	struct vhost_grant_test_get get;
	unsigned int i;

	ASSERT_EQ(0, grant_and_touch(self, 16, RW));
	for (i = 0; i < 16; i++) {
		EXPECT_EQ(0, slot_get(self->slot, i, true, &get));
		EXPECT_EQ(1, get.out_writable);
		EXPECT_LE(get.out_order, 4);
	}
}

FIXTURE(bind_huge)
{
	struct mark mark;
	struct source source;
	struct window w;
	int space;
	int slot;
};

FIXTURE_VARIANT(bind_huge)
{
	enum source_kind kind;
};

FIXTURE_VARIANT_ADD(bind_huge, thp) { .kind = SOURCE_THP };
FIXTURE_VARIANT_ADD(bind_huge, hugetlb) { .kind = SOURCE_HUGETLB };

#define HUGE_PAGES (HUGE / PAGE)

FIXTURE_SETUP(bind_huge)
{
	int ret;

	mark_begin(&self->mark);
	if (access(TEST_DEVICE, F_OK))
		run("modprobe vhost_grant_test 2>/dev/null");
	if (access(TEST_DEVICE, F_OK))
		SKIP(return, "vhost_grant_test.ko is not there");
	ret = source_open(&self->source, variant->kind, 2 * HUGE);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "no huge pages on this machine");
	ASSERT_EQ(0, ret);
	source_fill(&self->source, TAG);
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, space_window(self->space, 4 * HUGE,
				  VHOST_GRANT_WINDOW_KVM_ONLY, &self->w));
	self->slot = slot_open();
	ASSERT_EQ(4 * HUGE_PAGES,
		  slot_bind(self->slot, self->w.fd, 0, 4 * HUGE_PAGES));
}

FIXTURE_TEARDOWN_PARENT(bind_huge)
{
	MARK_END(&self->mark);
}

TEST_F(bind_huge, aligned_is_order_9)
{
	struct vhost_grant_test_get first, get;
	unsigned int i;

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, HUGE,
				  0, HUGE, RW));
	ASSERT_EQ(0, slot_get(self->slot, HUGE_PAGES, true, &first));
	for (i = 0; i < HUGE_PAGES; i++) {
		ASSERT_EQ(0, slot_get(self->slot, HUGE_PAGES + i, i & 1, &get));
		ASSERT_EQ(9, get.out_order);
		ASSERT_EQ(1, get.out_writable);
		ASSERT_EQ(first.out_pfn + i, get.out_pfn);
	}
	EXPECT_EQ(source_word(TAG, PAGE), slot_read(self->slot, HUGE + PAGE));
	EXPECT_EQ(source_word(TAG, HUGE - PAGE),
		  slot_read(self->slot, 2 * HUGE - PAGE));
	EXPECT_EQ(1, slot_stats(self->slot).cached);
	EXPECT_EQ(-ENOENT, slot_read(self->slot, HUGE - PAGE));
	EXPECT_EQ(-ENOENT, slot_read(self->slot, 2 * HUGE));
}

/* Who can use only small pages is given one, and no more counts as touched. */
TEST_F(bind_huge, order_is_not_above_what_was_asked_for)
{
	struct vhost_grant_query query;
	struct vhost_grant_test_get get;
	uint64_t mapped;

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  HUGE, RW));
	ASSERT_EQ(0, space_query(self->space, self->w.id, &query));
	mapped = query.out_pages_mapped;
	ASSERT_EQ(0, slot_get_for(self->slot, 7, VHOST_GRANT_READ, 8, &get));
	EXPECT_EQ(0, get.out_order);
	ASSERT_EQ(0, space_query(self->space, self->w.id, &query));
	EXPECT_EQ(mapped + 1, query.out_pages_mapped);
	ASSERT_EQ(0, slot_get_for(self->slot, 7, VHOST_GRANT_READ, 18, &get));
	EXPECT_EQ(9, get.out_order);
	ASSERT_EQ(0, space_query(self->space, self->w.id, &query));
	EXPECT_EQ(mapped + HUGE_PAGES, query.out_pages_mapped);
}

TEST_F(bind_huge, misaligned_is_order_0)
{
	struct vhost_grant_test_get get;
	unsigned int i;

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, PAGE,
				  0, HUGE, R));
	for (i = 1; i <= HUGE_PAGES; i++) {
		ASSERT_EQ(0, slot_get(self->slot, i, false, &get));
		ASSERT_EQ(0, get.out_order);
		ASSERT_EQ(0, get.out_writable);
		ASSERT_EQ(source_word(TAG, (i - 1) * PAGE),
			  slot_read(self->slot, i * PAGE));
	}
}

TEST_F(bind_huge, order_never_reaches_a_revoked_page)
{
	const uint64_t hole = 77;
	struct vhost_grant_test_get get;
	uint64_t i, mask;

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  HUGE, RW));
	EXPECT_EQ(source_word(TAG, 0), slot_read(self->slot, 0));
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, hole * PAGE, PAGE));
	EXPECT_EQ(0, slot_stats(self->slot).cached);
	EXPECT_EQ(-ENOENT, slot_read(self->slot, hole * PAGE));
	for (i = 0; i < HUGE_PAGES; i++) {
		if (i == hole)
			continue;
		ASSERT_EQ(0, slot_get(self->slot, i, true, &get));
		mask = ~((1ull << get.out_order) - 1);
		ASSERT_NE(hole & mask, i & mask);
		ASSERT_EQ(source_word(TAG, i * PAGE),
			  slot_read(self->slot, i * PAGE));
	}
}

TEST_F(bind_huge, hole_of_a_huge_page_is_granted_anew)
{
	struct vhost_grant_test_get get;

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  HUGE, RW));
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, 5 * PAGE, 2 * PAGE));
	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id,
				  5 * PAGE, HUGE + PAGE, PAGE, R));
	EXPECT_EQ(source_word(TAG, HUGE + PAGE),
		  slot_read(self->slot, 5 * PAGE));
	EXPECT_EQ(-EACCES, slot_write(self->slot, 5 * PAGE, 1));
	EXPECT_EQ(-ENOENT, slot_read(self->slot, 6 * PAGE));
	EXPECT_EQ(0, slot_write(self->slot, 4 * PAGE, 1));
	ASSERT_EQ(0, slot_get(self->slot, 5, false, &get));
	EXPECT_EQ(0, get.out_order);
	ASSERT_EQ(0, slot_get(self->slot, 7, true, &get));
	EXPECT_EQ(0, get.out_order);
}

TEST_F(bind, one_invalidate_per_unmap)
{
	const struct vhost_grant_unmap_entry entries[] = {
		{ 9 * PAGE, PAGE },
		{ 1 * PAGE, PAGE },
		{ 5 * PAGE, PAGE },
		{ 2 * PAGE, 2 * PAGE },
		{ 1 * PAGE, 2 * PAGE },
	};
	const struct vhost_grant_test_range expected[] = {
		{ 1, 4 }, { 5, 6 }, { 9, 10 },
	};
	struct vhost_grant_test_stats stats;

	ASSERT_EQ(0, grant_and_touch(self, 12, RW));
	ASSERT_EQ(5, space_unmap_array(self->space, self->w.id, entries, 5));
	stats = slot_stats(self->slot);
	EXPECT_EQ(1, stats.calls);
	EXPECT_EQ(0, stats.broken);
	EXPECT_EQ(5, stats.pages);
	EXPECT_TRUE(stats_last_is(&stats, expected, 3));
	EXPECT_EQ(7, stats.cached);
	EXPECT_EQ(-ENOENT, slot_read(self->slot, 3 * PAGE));
	EXPECT_EQ(source_word(TAG, 4 * PAGE), slot_read(self->slot, 4 * PAGE));
}

TEST_F(bind, one_invalidate_per_unmap_of_256_pages)
{
	struct vhost_grant_unmap_entry entries[256];
	struct vhost_grant_test_stats stats;
	unsigned int i;

	ASSERT_EQ(0, grant_and_touch(self, 512, RW));
	for (i = 0; i < 256; i++)
		entries[i] = (struct vhost_grant_unmap_entry){
			.iova = (i * 101 % 256) * 2 * PAGE,
			.length = PAGE,
		};
	ASSERT_EQ(256, space_unmap_array(self->space, self->w.id, entries,
					 256));
	stats = slot_stats(self->slot);
	EXPECT_EQ(1, stats.calls);
	EXPECT_EQ(256, stats.ranges);
	EXPECT_EQ(256, stats.pages);
	EXPECT_EQ(0, stats.broken);
	for (i = 0; i < 512; i++)
		ASSERT_EQ(i & 1 ? (int64_t)source_word(TAG, i * PAGE) : -ENOENT,
			  slot_read(self->slot, i * PAGE));
}

TEST_F(bind, invalidate_is_clipped_to_the_binding)
{
	const struct vhost_grant_test_range low = { 4, 6 }, high = { 6, 8 };
	const struct vhost_grant_unmap_entry outside[] = {
		{ 0, 2 * PAGE }, { 12 * PAGE, 4 * PAGE },
	};
	struct vhost_grant_test_stats stats;
	int part = slot_open();

	ASSERT_EQ(0, grant_and_touch(self, 16, RW));
	ASSERT_EQ(PAGES, slot_bind(part, self->w.fd, 4, 8));
	EXPECT_EQ(-ERANGE, slot_read(part, 3 * PAGE));
	EXPECT_EQ(-ERANGE, slot_read(part, 8 * PAGE));

	ASSERT_EQ(2, space_unmap_array(self->space, self->w.id, outside, 2));
	EXPECT_EQ(0, slot_stats(part).calls);
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, 2 * PAGE, 4 * PAGE));
	stats = slot_stats(part);
	EXPECT_TRUE(stats_last_is(&stats, &low, 1));
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, 6 * PAGE, 6 * PAGE));
	stats = slot_stats(part);
	EXPECT_TRUE(stats_last_is(&stats, &high, 1));
	EXPECT_EQ(2, stats.calls);
	EXPECT_EQ(0, stats.broken);
	EXPECT_EQ(3, slot_stats(self->slot).calls);
	EXPECT_EQ(0, slot_stats(self->slot).broken);
}

TEST_F(bind, every_binding_of_the_page_is_told)
{
	int same = slot_open(), other = slot_open();

	ASSERT_EQ(0, grant_and_touch(self, 8, RW));
	ASSERT_EQ(PAGES, slot_bind(same, self->w.fd, 2, 4));
	ASSERT_EQ(PAGES, slot_bind(other, self->w.fd, 4, 8));
	EXPECT_EQ(source_word(TAG, 3 * PAGE), slot_read(same, 3 * PAGE));
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, 3 * PAGE, PAGE));
	EXPECT_EQ(-ENOENT, slot_read(self->slot, 3 * PAGE));
	EXPECT_EQ(-ENOENT, slot_read(same, 3 * PAGE));
	EXPECT_EQ(1, slot_stats(self->slot).calls);
	EXPECT_EQ(1, slot_stats(same).calls);
	EXPECT_EQ(0, slot_stats(other).calls);
}

TEST_F(bind, revoke_of_a_fresh_grant_forgets_the_old_one)
{
	ASSERT_EQ(0, grant_and_touch(self, 2, RW));
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, 0, PAGE));
	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0,
				  5 * PAGE, PAGE, R));
	EXPECT_EQ(source_word(TAG, 5 * PAGE), slot_read(self->slot, 0));
	EXPECT_EQ(-EACCES, slot_write(self->slot, 0, 1));
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, 0, PAGE));
	EXPECT_EQ(-ENOENT, slot_read(self->slot, 0));
}

/* An access that is held up between its lookup and its installation. */
struct held_access {
	pthread_t thread;
	int slot;
	uint64_t offset;
	bool write;
	uint64_t value;
	int ret;
};

static void *held_run(void *argument)
{
	struct held_access *held = argument;

	held->ret = slot_access(held->slot, held->offset, held->write,
				&held->value, VHOST_GRANT_TEST_MAX_DELAY_MS);
	return NULL;
}

static bool held_start(struct held_access *held)
{
	unsigned int i;

	if (pthread_create(&held->thread, NULL, held_run, held))
		return false;
	for (i = 0; i < 2000; i++) {
		if (slot_stats(held->slot).delayed)
			return true;
		sleep_ms(1);
	}
	return false;
}

TEST_F(bind, stale_lookup_is_not_installed)
{
	struct held_access held = { .slot = self->slot, .offset = 3 * PAGE };
	struct vhost_grant_test_stats stats;

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  8 * PAGE, RW));
	ASSERT_EQ(PAGES, slot_bind_slowly(self->slot, self->w.fd, 0, 8, 50));
	ASSERT_TRUE(held_start(&held));
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, 3 * PAGE, PAGE));
	ASSERT_EQ(0, madvise(self->source.memory + 3 * PAGE, PAGE,
			     MADV_DONTNEED));
	pthread_join(held.thread, NULL);
	EXPECT_EQ(-ENOENT, held.ret);
	stats = slot_stats(self->slot);
	EXPECT_EQ(1, stats.stale);
	EXPECT_EQ(0, stats.cached);
}

TEST_F(bind, stale_lookup_sees_the_next_grant)
{
	struct held_access reader = { .slot = self->slot };
	struct held_access writer = {
		.slot = self->slot, .offset = PAGE, .write = true,
		.value = POISON,
	};
	const struct vhost_grant_unmap_entry entry = { 0, 2 * PAGE };

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  2 * PAGE, RW));
	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, 8));
	ASSERT_TRUE(held_start(&reader));
	ASSERT_TRUE(held_start(&writer));
	ASSERT_EQ(1, space_unmap_array(self->space, self->w.id, &entry, 1));
	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0,
				  4 * PAGE, 2 * PAGE, R));
	pthread_join(reader.thread, NULL);
	pthread_join(writer.thread, NULL);
	EXPECT_TRUE(reader.ret == -ENOENT ||
		    (!reader.ret && reader.value == source_word(TAG, 4 * PAGE)));
	EXPECT_TRUE(writer.ret == -ENOENT || writer.ret == -EACCES);
	EXPECT_EQ(source_word(TAG, PAGE),
		  *(uint64_t *)(self->source.memory + PAGE));
	EXPECT_EQ(source_word(TAG, 5 * PAGE),
		  *(uint64_t *)(self->source.memory + 5 * PAGE));
}

TEST_F(bind, lookup_that_waits_delays_no_revoke)
{
	struct held_access held = { .slot = self->slot };
	uint64_t start;

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  PAGE, RW));
	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, 1));
	ASSERT_TRUE(held_start(&held));
	start = now_ns();
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, 0, PAGE));
	EXPECT_LT(now_ns() - start,
		  VHOST_GRANT_TEST_MAX_DELAY_MS * 1000000ull / 2);
	pthread_join(held.thread, NULL);
	EXPECT_EQ(-ENOENT, held.ret);
}

/* A revoke that is held up by the callback of a binding. */
struct held_revoke {
	pthread_t thread;
	int space;
	uint32_t window;
	int ret;
};

static void *held_revoke_run(void *argument)
{
	struct held_revoke *held = argument;

	held->ret = space_unmap(held->space, held->window, 2 * PAGE, 4 * PAGE);
	return NULL;
}

static bool held_revoke_start(struct held_revoke *held, int slot)
{
	unsigned int i;

	if (pthread_create(&held->thread, NULL, held_revoke_run, held))
		return false;
	for (i = 0; i < 2000; i++) {
		if (slot_stats(slot).running)
			return true;
		sleep_ms(1);
	}
	return false;
}

/* What a holder has not let go of yet is pinned, but not to be had any more. */
TEST_F(bind, pages_are_pinned_until_all_have_let_go)
{
	struct held_revoke held = {
		.space = self->space, .window = self->w.id,
	};
	struct vhost_grant_test_get get;
	long pins = proc_pins();
	uint64_t i;

	/* The revoke takes a part of one grant, and all of another. */
	for (i = 0; i < 6; i += 3)
		ASSERT_EQ(0, source_grant(&self->source, self->space,
					  self->w.id, i * PAGE, i * PAGE,
					  3 * PAGE, RW));
	ASSERT_EQ(PAGES, slot_bind_slowly(self->slot, self->w.fd, 0, 8, 1000));
	for (i = 0; i < 6; i++)
		ASSERT_EQ(source_word(TAG, i * PAGE),
			  slot_read(self->slot, i * PAGE));
	ASSERT_TRUE(held_revoke_start(&held, self->slot));
	EXPECT_EQ(pins + 6, proc_pins());
	for (i = 0; i < 6; i++)
		EXPECT_EQ(i < 2 ? 0 : -ENOENT,
			  slot_get(self->slot, i, true, &get));
	ASSERT_EQ(1, slot_stats(self->slot).running);
	pthread_join(held.thread, NULL);
	EXPECT_EQ(0, held.ret);
	EXPECT_EQ(pins + 2, proc_pins());
}

TEST_F(bind, bindings_are_capped)
{
	struct vhost_grant_query query;
	struct vhost_grant_info info;
	int slots[256];
	unsigned int i;

	ASSERT_EQ(0, space_info(self->space, &info));
	ASSERT_LT(info.out_max_bindings, 256);
	for (i = 0; i <= info.out_max_bindings; i++) {
		slots[i] = slot_open();
		ASSERT_EQ(i < info.out_max_bindings ? PAGES : -ENOSPC,
			  slot_bind(slots[i], self->w.fd, 0, PAGES));
	}
	ASSERT_EQ(0, space_query(self->space, self->w.id, &query));
	EXPECT_EQ(info.out_max_bindings, query.out_bindings);
	EXPECT_EQ(info.out_max_bindings,
		  fdinfo_number(self->w.fd, "bindings"));
	EXPECT_EQ(0, slot_unbind(slots[0]));
	EXPECT_EQ(PAGES, slot_bind(slots[i - 1], self->w.fd, 0, PAGES));
}

struct storm {
	const FIXTURE_DATA(bind) *self;
	atomic_bool stop;
	atomic_ulong wrong;
	atomic_ulong done;
};

/* What a page may say is its word, or that it is a hole. */
static void *storm_rebind(void *argument)
{
	struct storm *storm = argument;
	int slot = slot_open();
	int64_t value;

	while (!storm->stop) {
		if (slot_bind_slowly(slot, storm->self->w.fd, 0, 4, 1) != PAGES)
			storm->wrong++;
		value = slot_read(slot, PAGE);
		if (value != -ENOENT &&
		    value != (int64_t)source_word(TAG, PAGE))
			storm->wrong++;
		if (slot_unbind(slot) || slot_stats(slot).running ||
		    slot_stats(slot).cached || slot_stats(slot).broken)
			storm->wrong++;
		storm->done++;
	}
	close(slot);
	return NULL;
}

TEST_F(bind, unbind_during_revokes)
{
	struct storm storm = { .self = self };
	struct vhost_grant_query query;
	pthread_t threads[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, storm_rebind,
					    &storm));
	for (i = 0; i < STORM_ROUNDS || storm.done < STORM_ROUNDS; i++) {
		ASSERT_EQ(0, source_grant(&self->source, self->space,
					  self->w.id, 0, 0, 4 * PAGE, RW));
		ASSERT_EQ(0, space_unmap(self->space, self->w.id, 0, 4 * PAGE));
	}
	storm.stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, storm.wrong);
	ASSERT_EQ(0, space_query(self->space, self->w.id, &query));
	EXPECT_EQ(0, query.out_bindings);
}

/* The first word is the owner's, the second one is for the peer to write. */
static void *storm_use(void *argument)
{
	struct storm *storm = argument;
	unsigned long i;
	int64_t value;
	int ret;

	for (i = 0; !storm->stop; i++) {
		value = slot_read(storm->self->slot, i % 4 * PAGE);
		if (value != -ENOENT &&
		    value != (int64_t)source_word(TAG, i % 4 * PAGE))
			storm->wrong++;
		ret = slot_write(storm->self->slot, i % 4 * PAGE + 8, i);
		if (ret && ret != -ENOENT)
			storm->wrong++;
		storm->done++;
	}
	return NULL;
}

static void storm_fill(const FIXTURE_DATA(bind) *self, bool poison)
{
	volatile uint64_t *word;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		word = (uint64_t *)(self->source.memory + i * PAGE);
		word[0] = poison ? POISON : source_word(TAG, i * PAGE);
		word[1] = poison ? POISON : 0;
	}
}

static bool storm_untouched(const FIXTURE_DATA(bind) *self)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		if (((volatile uint64_t *)(self->source.memory +
					   i * PAGE))[1] != POISON)
			return false;
	return true;
}

TEST_F(bind, poison_after_unmap_is_never_seen)
{
	struct storm storm = { .self = self };
	pthread_t threads[2];
	unsigned int i;

	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, 4));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, storm_use,
					    &storm));
	for (i = 0; i < STORM_ROUNDS || storm.done < STORM_ROUNDS; i++) {
		storm_fill(self, false);
		ASSERT_EQ(0, source_grant(&self->source, self->space,
					  self->w.id, 0, 0, 4 * PAGE, RW));
		sched_yield();
		ASSERT_EQ(0, space_unmap_all(self->space, self->w.id));
		storm_fill(self, true);
		sched_yield();
		ASSERT_TRUE(storm_untouched(self));
	}
	storm.stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, storm.wrong);
	EXPECT_EQ(0, slot_stats(self->slot).broken);
}

TEST_F(bind, destroyed_window_is_empty_for_ever)
{
	int late = slot_open();

	ASSERT_EQ(0, grant_and_touch(self, 4, RW));
	ASSERT_EQ(0, space_destroy(self->space, self->w.id));
	EXPECT_EQ(0, slot_stats(self->slot).cached);
	EXPECT_EQ(-ENOENT, slot_read(self->slot, 0));
	EXPECT_EQ(PAGES, slot_bind(late, self->w.fd, 0, 4));
	EXPECT_EQ(-ENOENT, slot_read(late, 0));
	EXPECT_EQ(0, slot_unbind(late));
	EXPECT_EQ(0, slot_unbind(self->slot));
}

TEST_F(bind, closed_space_revokes)
{
	ASSERT_EQ(0, grant_and_touch(self, 4, RW));
	close(self->space);
	EXPECT_EQ(0, slot_stats(self->slot).cached);
	EXPECT_EQ(-ENOENT, slot_read(self->slot, 0));
}

/* An owner that grants a page, sends its window, and waits to be killed. */
static void doomed_owner(int socket)
{
	struct source source;
	struct window w;
	int space = space_open();

	if (space < 0 || space_window(space, PAGE, 0, &w) ||
	    source_open(&source, SOURCE_ANON, PAGE))
		_exit(1);
	source_fill(&source, TAG);
	if (source_grant(&source, space, w.id, 0, 0, PAGE, RW) ||
	    fd_send(socket, w.fd))
		_exit(1);
	for (;;)
		pause();
}

TEST_F(bind, killed_owner_revokes)
{
	int sockets[2], window;
	pid_t owner;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	owner = fork();
	if (!owner)
		doomed_owner(sockets[1]);
	close(sockets[1]);
	window = fd_receive(sockets[0]);
	ASSERT_GE(window, 0);
	ASSERT_EQ(1, slot_bind(self->slot, window, 0, 1));
	EXPECT_EQ(source_word(TAG, 0), slot_read(self->slot, 0));
	EXPECT_EQ(1, slot_stats(self->slot).cached);

	kill(owner, SIGKILL);
	ASSERT_EQ(owner, waitpid(owner, NULL, 0));
	EXPECT_EQ(0, slot_stats(self->slot).cached);
	EXPECT_EQ(-ENOENT, slot_read(self->slot, 0));
	EXPECT_EQ(self->mark.pins, proc_pins());
}

static bool peer_gone(int space, uint32_t window)
{
	struct pollfd poll_fd = { .fd = space, .events = POLLIN };
	struct vhost_grant_event event;

	while (poll(&poll_fd, 1, 0) == 1) {
		if (read(space, &event, sizeof(event)) != sizeof(event))
			return false;
		if (event.type == VHOST_GRANT_EVENT_PEER_GONE &&
		    event.window == window)
			return true;
	}
	return false;
}

TEST_F(bind, peer_is_gone_with_its_last_binding)
{
	struct vhost_grant_query query;

	ASSERT_EQ(0, grant_and_touch(self, 1, RW));
	close(self->w.fd);
	ASSERT_EQ(0, space_query(self->space, self->w.id, &query));
	EXPECT_EQ(0, query.out_peer_gone);
	EXPECT_FALSE(peer_gone(self->space, self->w.id));
	EXPECT_EQ(source_word(TAG, 0), slot_read(self->slot, 0));

	ASSERT_EQ(0, slot_unbind(self->slot));
	ASSERT_EQ(0, space_query(self->space, self->w.id, &query));
	EXPECT_EQ(1, query.out_peer_gone);
	EXPECT_EQ(0, query.out_bindings);
	EXPECT_TRUE(peer_gone(self->space, self->w.id));
	EXPECT_EQ(0, space_unmap(self->space, self->w.id, 0, PAGE));
}

TEST_F(bind, violations_name_page_and_access)
{
	struct vhost_grant_event event;

	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, PAGES));
	EXPECT_EQ(-ENOENT, slot_write(self->slot, 9 * PAGE, 1));
	ASSERT_EQ(sizeof(event), read(self->space, &event, sizeof(event)));
	EXPECT_EQ(VHOST_GRANT_EVENT_VIOLATION, event.type);
	EXPECT_EQ(self->w.id, event.window);
	EXPECT_EQ(9 * PAGE, event.iova);
	EXPECT_EQ(VHOST_GRANT_WRITE, event.access);
}

TEST_F(bind, scratch_fills_holes)
{
	struct vhost_grant_test_get hole, other, granted;

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  PAGE, R));
	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, PAGES));
	ASSERT_EQ(0, window_set_hole(self->w.fd, VHOST_GRANT_HOLE_SCRATCH));

	EXPECT_EQ(0, slot_read(self->slot, PAGE));
	EXPECT_EQ(0, slot_write(self->slot, PAGE, 99));
	EXPECT_EQ(99, slot_read(self->slot, 2 * PAGE));
	EXPECT_EQ(source_word(TAG, 0), slot_read(self->slot, 0));
	ASSERT_EQ(0, slot_get(self->slot, 1, true, &hole));
	ASSERT_EQ(0, slot_get(self->slot, PAGES - 1, true, &other));
	ASSERT_EQ(0, slot_get(self->slot, 0, false, &granted));
	EXPECT_EQ(hole.out_pfn, other.out_pfn);
	EXPECT_NE(hole.out_pfn, granted.out_pfn);
	EXPECT_EQ(0, hole.out_order);

	ASSERT_EQ(0, window_set_hole(self->w.fd, VHOST_GRANT_HOLE_FAULT));
	EXPECT_EQ(-ENOENT, slot_read(self->slot, PAGE));
	EXPECT_EQ(-ENOENT, slot_read(self->slot, 2 * PAGE));
	EXPECT_EQ(source_word(TAG, 0), slot_read(self->slot, 0));
}

static uint64_t refused_writes(int space, uint32_t window)
{
	struct vhost_grant_query query;

	return space_query(space, window, &query) ?
	       UINT64_MAX : query.out_violations_readonly;
}

/* The lookup for a write gives another page than the one for a read. */
TEST_F(bind, scratch_takes_refused_writes)
{
	struct vhost_grant_test_get written, granted, hole;

	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  2 * PAGE, R));
	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, PAGES));
	ASSERT_EQ(0, window_set_hole(self->w.fd, VHOST_GRANT_HOLE_SCRATCH));
	ASSERT_EQ(0, slot_get(self->slot, 0, true, &written));
	EXPECT_EQ(1, refused_writes(self->space, self->w.id));
	ASSERT_EQ(0, slot_get(self->slot, 0, false, &granted));
	ASSERT_EQ(0, slot_get(self->slot, 9, false, &hole));
	EXPECT_EQ(hole.out_pfn, written.out_pfn);
	EXPECT_NE(granted.out_pfn, written.out_pfn);
	EXPECT_EQ(0, written.out_order);
	EXPECT_TRUE(written.out_writable);
	EXPECT_FALSE(granted.out_writable);
	EXPECT_EQ(1, refused_writes(self->space, self->w.id));

	EXPECT_EQ(source_word(TAG, 0), slot_read(self->slot, 0));
	EXPECT_EQ(0, slot_write(self->slot, 0, 99));
	EXPECT_EQ(99, slot_read(self->slot, 0));
	EXPECT_EQ(source_word(TAG, 0), *(uint64_t *)self->source.memory);
	EXPECT_EQ(0, slot_write(self->slot, PAGE, 98));
	ASSERT_EQ(0, window_set_hole(self->w.fd, VHOST_GRANT_HOLE_FAULT));
	EXPECT_EQ(source_word(TAG, 0), slot_read(self->slot, 0));
	EXPECT_EQ(source_word(TAG, PAGE), slot_read(self->slot, PAGE));
	EXPECT_EQ(-EACCES, slot_write(self->slot, 0, 1));
}

/* What was only ever written has to be taken away by the revoke, too. */
TEST_F(bind, revoke_after_a_refused_write)
{
	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, PAGES));
	ASSERT_EQ(0, window_set_hole(self->w.fd, VHOST_GRANT_HOLE_SCRATCH));
	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  PAGE, R));
	EXPECT_EQ(0, slot_write(self->slot, 0, 99));
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, 0, PAGE));
	EXPECT_EQ(0, slot_stats(self->slot).cached);
	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, 0, 0,
				  PAGE, R));
	EXPECT_EQ(source_word(TAG, 0), slot_read(self->slot, 0));
	EXPECT_EQ(source_word(TAG, 0), *(uint64_t *)self->source.memory);
}

TEST_F(bind, grant_and_revoke_replace_scratch)
{
	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, PAGES));
	ASSERT_EQ(0, window_set_hole(self->w.fd, VHOST_GRANT_HOLE_SCRATCH));
	EXPECT_EQ(0, slot_write(self->slot, PAGE, 99));
	ASSERT_EQ(0, source_grant(&self->source, self->space, self->w.id, PAGE,
				  PAGE, PAGE, RW));
	EXPECT_EQ(source_word(TAG, PAGE), slot_read(self->slot, PAGE));
	EXPECT_EQ(0, slot_write(self->slot, PAGE, 1));
	ASSERT_EQ(0, space_unmap(self->space, self->w.id, PAGE, PAGE));
	EXPECT_EQ(99, slot_read(self->slot, PAGE));
	EXPECT_EQ(1, *(uint64_t *)(self->source.memory + PAGE));
}

TEST_F(bind, lookup_that_waits_over_a_change_of_policy)
{
	struct held_access held = { .slot = self->slot };

	ASSERT_EQ(PAGES, slot_bind(self->slot, self->w.fd, 0, 8));
	ASSERT_EQ(0, window_set_hole(self->w.fd, VHOST_GRANT_HOLE_SCRATCH));
	ASSERT_TRUE(held_start(&held));
	ASSERT_EQ(0, window_set_hole(self->w.fd, VHOST_GRANT_HOLE_FAULT));
	pthread_join(held.thread, NULL);
	EXPECT_EQ(-ENOENT, held.ret);
	EXPECT_EQ(0, slot_stats(self->slot).cached);
}

/* A page that is ordinary to pin_user_pages(), but not the owner's to give. */
TEST_F(bind, reserved_pages_are_not_granted)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  self->slot, 0);
	long pins = proc_pins();

	ASSERT_NE(MAP_FAILED, page);
	*(volatile char *)page = 1;
	EXPECT_EQ(-EFAULT, space_map(self->space, self->w.id, 0, page, PAGE,
				     R));
	EXPECT_EQ(-EFAULT, space_map(self->space, self->w.id, 0, page, PAGE,
				     RW));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(pins, proc_pins());
}

static int unload(void)
{
	return syscall(SYS_delete_module, "vhost_grant", O_NONBLOCK) ?
	       -errno : 0;
}

/* The last reference may be dropped a moment after the call that does it. */
static int unload_patiently(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < 100; i++) {
		ret = unload();
		if (ret != -EAGAIN)
			return ret;
		sleep_ms(20);
	}
	return ret;
}

TEST_F(bind, module_stays_while_it_is_used)
{
	struct window w;
	void *map;
	int space;

	ASSERT_EQ(0, space_window(self->space, PAGE, 0, &w));
	EXPECT_EQ(-EAGAIN, unload());
	ASSERT_EQ(0, grant_and_touch(self, 1, RW));
	close(self->space);
	EXPECT_EQ(-EAGAIN, unload());
	close(self->w.fd);
	map = window_mmap(w.fd, 0, PAGE, PROT_READ);
	ASSERT_NE(NULL, map);
	close(w.fd);
	EXPECT_EQ(-EAGAIN, unload());
	munmap(map, PAGE);
	EXPECT_EQ(-EAGAIN, unload());
	EXPECT_EQ(-ENOENT, slot_read(self->slot, 0));
	ASSERT_EQ(0, slot_unbind(self->slot));

	ASSERT_EQ(0, unload_patiently());
	EXPECT_EQ(-EOPNOTSUPP, slot_bind(self->slot, self->slot, 0, 1));
	ASSERT_EQ(0, run("modprobe vhost_grant"));
	space = space_open();
	ASSERT_GE(space, 0);
	ASSERT_EQ(0, space_window(space, PAGE, 0, &w));
	EXPECT_EQ(1, slot_bind(self->slot, w.fd, 0, 1));
}

TEST_F(bind, device_withstands_nonsense)
{
	struct vhost_grant_test_access access = { .offset = 4 };
	struct vhost_grant_test_bind bind = { .fd = self->w.fd };

	EXPECT_EQ(-ENOTTY, space_call(self->slot, VHOST_GRANT_MAP, NULL));
	EXPECT_EQ(-ENOTCONN, slot_unbind(self->slot));
	EXPECT_EQ(-EFAULT, space_call(self->slot, VHOST_GRANT_TEST_BIND, NULL));
	EXPECT_EQ(-EFAULT, space_call(self->slot, VHOST_GRANT_TEST_GET, NULL));
	EXPECT_EQ(-EFAULT, space_call(self->slot, VHOST_GRANT_TEST_STATS,
				      NULL));
	EXPECT_EQ(-EINVAL, space_call(self->slot, VHOST_GRANT_TEST_BIND,
				      &bind));
	EXPECT_EQ(-EINVAL, space_call(self->slot, VHOST_GRANT_TEST_ACCESS,
				      &access));
}

TEST_HARNESS_MAIN
