// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a grant gives, and what it does not: every kind of source with every
 * kind of peer, then the shapes that a window's table can take, then the
 * sources that must be refused or that change under a grant.
 */
#include <fcntl.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"

#define WINDOW_LENGTH MIB(64)
#define SOURCE_LENGTH MIB(4)
/* Somewhere in the window, aligned as huge pages like it. */
#define BASE MIB(8)

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

FIXTURE(share) {
	struct mark mark;
	int space;
	struct window window;
	struct source source;
	struct peer peer;
};

FIXTURE_VARIANT(share) {
	enum source_kind source;
	enum peer_kind peer;
};

#define VARIANT(name, source_, peer_)					\
	FIXTURE_VARIANT_ADD(share, name) {				\
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

FIXTURE_SETUP(share)
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
}

FIXTURE_TEARDOWN_PARENT(share)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(share) share_fixture;

static int grant(share_fixture *self, uint64_t iova, uint64_t offset,
		 uint64_t length, uint32_t access)
{
	return source_grant(&self->source, self->space, self->window.id, iova,
			    offset, length, access);
}

static uint64_t *word(share_fixture *self, uint64_t offset)
{
	return (uint64_t *)(self->source.memory + offset);
}

TEST_F(share, data_both_ways)
{
	volatile uint64_t *owners;
	uint64_t offset, value;

	ASSERT_EQ(0, grant(self, BASE, 0, SOURCE_LENGTH, RW));
	for (offset = 0; offset < SOURCE_LENGTH; offset += 37 * PAGE) {
		ASSERT_EQ(0, peer_read(&self->peer, BASE + offset, &value));
		EXPECT_EQ(source_word(1, offset), value);
		owners = word(self, offset + 64);
		ASSERT_EQ(0, peer_write(&self->peer, BASE + offset + 64,
					offset));
		EXPECT_EQ(offset, *owners);
		*owners = ~offset;
		EXPECT_EQ(~offset, peer_peek(&self->peer, BASE + offset + 64));
	}
}

TEST_F(share, readonly_is_readonly)
{
	volatile uint64_t *owners = word(self, PAGE);
	struct vhost_grant_query query;
	int round;

	ASSERT_EQ(0, grant(self, BASE, 0, SOURCE_LENGTH, R));
	for (round = 0; round < 3; round++) {
		/* Before and after a read has filled the page table. */
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, BASE + PAGE, 99));
		EXPECT_EQ(source_word(1, PAGE), *owners);
		EXPECT_EQ(source_word(1, PAGE),
			  peer_peek(&self->peer, BASE + PAGE));
	}
	*owners = 77;
	EXPECT_EQ(77, peer_peek(&self->peer, BASE + PAGE));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_LE(3, query.out_violations_readonly);
	EXPECT_EQ(0, query.out_violations_hole);
	EXPECT_EQ(SOURCE_LENGTH / PAGE, query.out_pages_granted);
}

TEST_F(share, holes_are_refused)
{
	static const uint64_t holes[] = {
		0, BASE - PAGE, BASE + SOURCE_LENGTH, WINDOW_LENGTH - PAGE,
		BASE + SOURCE_LENGTH + HUGE,
	};
	uint64_t value;
	size_t i;

	ASSERT_EQ(0, grant(self, BASE, 0, SOURCE_LENGTH, RW));
	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		EXPECT_EQ(SIGBUS, peer_read(&self->peer, holes[i], &value));
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, holes[i], 1));
	}
	EXPECT_EQ(0, peer_read(&self->peer, BASE, &value));
	EXPECT_EQ(0, peer_read(&self->peer, BASE + SOURCE_LENGTH - PAGE,
			       &value));
}

static long exec_at(struct peer_view *view, unsigned long a, unsigned long b)
{
	(void)b;
	return probe_exec(view->map + a);
}

TEST_F(share, never_executable)
{
	static const unsigned char ret = 0xc3;

	memcpy(word(self, 0), &ret, 1);
	ASSERT_EQ(0, grant(self, BASE, 0, PAGE, RW));
	ASSERT_LE(0, peer_peek(&self->peer, BASE));
	EXPECT_EQ(SIGSEGV, peer_call(&self->peer, exec_at, BASE, 0));
}

/* The offset in the window and in the source have nothing to do. */
TEST_F(share, unrelated_offsets)
{
	uint64_t iova = BASE + 3 * PAGE, offset = 5 * PAGE, i;

	ASSERT_EQ(0, grant(self, iova, offset, HUGE, RW));
	for (i = 0; i < HUGE; i += 61 * PAGE)
		EXPECT_EQ(source_word(1, offset + i),
			  peer_peek(&self->peer, iova + i));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, iova - PAGE));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, iova + HUGE));
}

TEST_F(share, last_page_of_window)
{
	ASSERT_EQ(0, grant(self, WINDOW_LENGTH - PAGE, 7 * PAGE, PAGE, R));
	EXPECT_EQ(source_word(1, 7 * PAGE),
		  peer_peek(&self->peer, WINDOW_LENGTH - PAGE));
}

/* Two addresses of one page: each is its own grant. */
TEST_F(share, aliases)
{
	ASSERT_EQ(0, grant(self, BASE, 0, PAGE, RW));
	ASSERT_EQ(0, grant(self, 0, 0, PAGE, R));
	ASSERT_EQ(0, peer_write(&self->peer, BASE, 42));
	EXPECT_EQ(42, peer_peek(&self->peer, 0));
	EXPECT_EQ(SIGBUS, peer_write(&self->peer, 0, 43));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, BASE, PAGE));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, BASE));
	EXPECT_EQ(42, peer_peek(&self->peer, 0));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, 0, PAGE));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

/* Read-only here, read-write there: neither changes the other. */
TEST_F(share, two_windows_two_permissions)
{
	struct window other;
	struct peer writer;

	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0, &other));
	ASSERT_EQ(0, peer_start(&writer, variant->peer, other.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, R));
	ASSERT_EQ(0, source_grant(&self->source, self->space, other.id, BASE,
				  0, HUGE, RW));
	ASSERT_EQ(0, peer_write(&writer, BASE + PAGE, 5));
	EXPECT_EQ(5, peer_peek(&self->peer, BASE + PAGE));
	EXPECT_EQ(SIGBUS, peer_write(&self->peer, BASE + PAGE, 6));
	ASSERT_EQ(0, space_unmap(self->space, other.id, BASE, HUGE));
	EXPECT_EQ(SIGBUS, peer_write(&writer, BASE + PAGE, 7));
	EXPECT_EQ(5, peer_peek(&self->peer, BASE + PAGE));
	EXPECT_EQ(SIGBUS, peer_write(&self->peer, BASE + PAGE, 8));
	ASSERT_EQ(0, source_grant(&self->source, self->space, other.id, BASE,
				  0, HUGE, RW));
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, BASE + PAGE));
	EXPECT_EQ(0, peer_write(&writer, BASE + PAGE, 9));
	EXPECT_EQ(9, *word(self, PAGE));
	peer_stop(&writer);
}

/*
 * The shapes of a table. What is expected of each page is kept beside the
 * window, and compared after every step.
 */
FIXTURE(table) {
	struct mark mark;
	int space;
	struct window window;
	struct source source;
	char *map;
	/* Of each page from BASE on: what was granted, 0 for a hole. */
	uint32_t access[SOURCE_LENGTH / PAGE];
	uint64_t offset[SOURCE_LENGTH / PAGE];
};

FIXTURE_VARIANT(table) {
	enum source_kind source;
};

FIXTURE_VARIANT_ADD(table, anon) { .source = SOURCE_ANON };
FIXTURE_VARIANT_ADD(table, thp) { .source = SOURCE_THP };
FIXTURE_VARIANT_ADD(table, memfd) { .source = SOURCE_MEMFD };
FIXTURE_VARIANT_ADD(table, hugetlb) { .source = SOURCE_HUGETLB };

FIXTURE_SETUP(table)
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
	self->map = source_aligned(WINDOW_LENGTH, MAP_SHARED, self->window.fd);
	ASSERT_NE(NULL, self->map);
}

FIXTURE_TEARDOWN_PARENT(table)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(table) table_fixture;

/* Positions below are relative to BASE, in pages. */
static int table_map(table_fixture *self, uint64_t at, uint64_t nr,
		     uint64_t from, uint32_t access)
{
	int ret = source_grant(&self->source, self->space, self->window.id,
			       BASE + at * PAGE, from * PAGE, nr * PAGE,
			       access);
	uint64_t i;

	for (i = 0; !ret && i < nr; i++) {
		self->access[at + i] = access;
		self->offset[at + i] = (from + i) * PAGE;
	}
	return ret;
}

static int table_unmap(table_fixture *self, uint64_t at, uint64_t nr)
{
	int ret = space_unmap(self->space, self->window.id, BASE + at * PAGE,
			      nr * PAGE);
	uint64_t i;

	for (i = 0; !ret && i < nr; i++)
		self->access[at + i] = 0;
	return ret;
}

/* Whether page @i is as expected. */
static bool page_is_right(table_fixture *self, uint64_t i)
{
	volatile char *page = self->map + BASE + i * PAGE;
	uint64_t value;
	int sig;

	sig = probe_read(page, &value);
	if (sig != (self->access[i] ? 0 : SIGBUS))
		return false;
	if (!sig && value != source_word(1, self->offset[i]))
		return false;
	sig = probe_write(page + 8, i);
	return sig == (self->access[i] == RW ? 0 : SIGBUS);
}

/* At the edges a mistake is likely; elsewhere a sample will do. */
static bool is_interesting(table_fixture *self, uint64_t i)
{
	return i % 8 == 0 || self->access[i] != self->access[i - 1] ||
	       self->offset[i] != self->offset[i - 1] + PAGE ||
	       (i + 1 < SOURCE_LENGTH / PAGE &&
		self->access[i] != self->access[i + 1]);
}

/* The first page that is not as expected, or -1. */
static long table_check(table_fixture *self)
{
	struct vhost_grant_query query;
	uint64_t i, live = 0;

	for (i = 0; i < SOURCE_LENGTH / PAGE; i++) {
		live += !!self->access[i];
		if (is_interesting(self, i) && !page_is_right(self, i))
			return i;
	}
	if (space_query(self->space, self->window.id, &query) ||
	    query.out_pages_granted != live)
		return SOURCE_LENGTH / PAGE;
	return -1;
}

#define CHECK_TABLE() EXPECT_EQ(-1, table_check(self))

TEST_F(table, split_at_head)
{
	ASSERT_EQ(0, table_map(self, 0, 1024, 0, RW));
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 0, 1));
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 1, 511));
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 512, 17));
	CHECK_TABLE();
}

TEST_F(table, split_at_tail)
{
	ASSERT_EQ(0, table_map(self, 0, 1024, 0, R));
	ASSERT_EQ(0, table_unmap(self, 1023, 1));
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 500, 523));
	CHECK_TABLE();
}

TEST_F(table, split_in_middle)
{
	ASSERT_EQ(0, table_map(self, 0, 1024, 0, RW));
	ASSERT_EQ(0, table_unmap(self, 256, 1));
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 511, 2));
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 600, 100));
	ASSERT_EQ(0, table_unmap(self, 900, 1));
	CHECK_TABLE();
}

/* Holes are filled with other pages and another permission. */
TEST_F(table, fill_holes)
{
	ASSERT_EQ(0, table_map(self, 0, 1024, 0, RW));
	ASSERT_EQ(0, table_unmap(self, 100, 50));
	ASSERT_EQ(0, table_unmap(self, 500, 50));
	CHECK_TABLE();
	ASSERT_EQ(0, table_map(self, 100, 50, 900, R));
	ASSERT_EQ(0, table_map(self, 500, 20, 100, R));
	CHECK_TABLE();
	ASSERT_EQ(0, table_map(self, 530, 20, 0, RW));
	ASSERT_EQ(0, table_map(self, 520, 10, 10, R));
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 110, 400));
	CHECK_TABLE();
}

TEST_F(table, every_other_page)
{
	uint64_t i;

	ASSERT_EQ(0, table_map(self, 0, 1024, 0, RW));
	for (i = 0; i < 1024; i += 2)
		ASSERT_EQ(0, table_unmap(self, i, 1));
	CHECK_TABLE();
	for (i = 0; i < 1024; i += 4)
		ASSERT_EQ(0, table_map(self, i, 1, 1023 - i, R));
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 1, 1022));
	CHECK_TABLE();
}

/* What is refused leaves every page as it was, also those before the clash. */
TEST_F(table, exist)
{
	ASSERT_EQ(0, table_map(self, 100, 10, 0, R));
	EXPECT_EQ(-EEXIST, table_map(self, 100, 10, 0, R));
	EXPECT_EQ(-EEXIST, table_map(self, 105, 1, 50, RW));
	EXPECT_EQ(-EEXIST, table_map(self, 0, 101, 0, RW));
	EXPECT_EQ(-EEXIST, table_map(self, 109, 100, 0, RW));
	EXPECT_EQ(-EEXIST, table_map(self, 0, 1024, 0, RW));
	CHECK_TABLE();
	EXPECT_EQ(10 * PAGE, proc_status(getpid(), "VmPin"));
	ASSERT_EQ(0, table_map(self, 0, 100, 0, RW));
	ASSERT_EQ(0, table_map(self, 110, 914, 0, RW));
	CHECK_TABLE();
}

TEST_F(table, exist_in_huge)
{
	ASSERT_EQ(0, table_map(self, 0, 512, 0, RW));
	EXPECT_EQ(-EEXIST, table_map(self, 511, 1, 0, R));
	EXPECT_EQ(-EEXIST, table_map(self, 0, 1024, 0, R));
	ASSERT_EQ(0, table_unmap(self, 0, 511));
	EXPECT_EQ(-EEXIST, table_map(self, 0, 512, 0, R));
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 511, 1));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	ASSERT_EQ(0, table_map(self, 0, 512, 512, R));
	CHECK_TABLE();
}

TEST_F(table, unmap_over_holes)
{
	struct vhost_grant_query query;

	ASSERT_EQ(0, table_unmap(self, 0, 1024));
	ASSERT_EQ(0, table_map(self, 10, 10, 0, R));
	ASSERT_EQ(0, table_map(self, 600, 10, 0, RW));
	ASSERT_EQ(0, table_unmap(self, 0, 1024));
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 0, 1024));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(0, query.out_grants);
	EXPECT_EQ(0, query.out_pages_pinned);
	EXPECT_EQ(20, query.out_pages_revoked);
}

TEST_F(table, unmap_all)
{
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	ASSERT_EQ(0, table_map(self, 1, 1000, 0, R));
	ASSERT_EQ(0, table_map(self, 1010, 2, 0, RW));
	CHECK_TABLE();
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	memset(self->access, 0, sizeof(self->access));
	CHECK_TABLE();
	ASSERT_EQ(0, table_map(self, 0, 1024, 0, RW));
	CHECK_TABLE();
}

#define BATCH 256

/* A batch of single pages, @step pages apart, mapped and unmapped. */
static void batch(struct __test_metadata *_metadata, table_fixture *self,
		  int step)
{
	struct vhost_grant_unmap_entry unmap[BATCH];
	struct vhost_grant_map_entry map[BATCH];
	bool file = self->source.fd >= 0;
	int i;

	for (i = 0; i < BATCH; i++) {
		uint64_t at = (uint64_t)i * step * PAGE;

		map[i] = (struct vhost_grant_map_entry){
			.iova = BASE + at,
			.length = PAGE,
			.source = at + (file ? 0 :
					(uintptr_t)self->source.memory),
			.flags = RW | (file ? VHOST_GRANT_SOURCE_FILE : 0),
			.fd = file ? self->source.fd : 0,
		};
		unmap[i].iova = BASE + at;
		unmap[i].length = PAGE;
		self->access[i * step] = RW;
		self->offset[i * step] = at;
	}
	ASSERT_EQ(BATCH, space_map_array(self->space, self->window.id, map,
					 BATCH));
	CHECK_TABLE();
	ASSERT_EQ(BATCH, space_unmap_array(self->space, self->window.id,
					   unmap, BATCH));
	memset(self->access, 0, sizeof(self->access));
	CHECK_TABLE();
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

TEST_F(table, batch_contiguous)
{
	batch(_metadata, self, 1);
}

TEST_F(table, batch_scattered)
{
	batch(_metadata, self, 4);
}

/* What the same memory means when it is given by its address. */
TEST_F(table, source_by_address)
{
	uint64_t i;

	ASSERT_EQ(0, space_map(self->space, self->window.id, BASE,
			       self->source.memory, SOURCE_LENGTH, RW));
	for (i = 0; i < SOURCE_LENGTH / PAGE; i++) {
		self->access[i] = RW;
		self->offset[i] = i * PAGE;
	}
	CHECK_TABLE();
	ASSERT_EQ(0, table_unmap(self, 300, 400));
	CHECK_TABLE();
}

/* Sources that must be refused, and sources that change. */
FIXTURE(source) {
	struct mark mark;
	int space;
	struct window window;
	char *map;
};

FIXTURE_SETUP(source)
{
	mark_begin(&self->mark);
	probe_init();
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0,
				  &self->window));
	self->map = source_aligned(WINDOW_LENGTH, MAP_SHARED, self->window.fd);
	ASSERT_NE(NULL, self->map);
}

FIXTURE_TEARDOWN_PARENT(source)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(source) source_fixture;

static int map_memory(source_fixture *self, const void *memory,
		      uint64_t length, uint32_t access)
{
	return space_map(self->space, self->window.id, 0, memory, length,
			 access);
}

static int map_file(source_fixture *self, int fd, uint64_t length,
		    uint32_t access)
{
	return space_map_file(self->space, self->window.id, 0, fd, 0, length,
			      access);
}

static bool nothing_granted(source_fixture *self)
{
	struct vhost_grant_query query;
	uint64_t value;

	return !space_query(self->space, self->window.id, &query) &&
	       !query.out_grants && !query.out_pages_pinned &&
	       proc_status(getpid(), "VmPin") == 0 &&
	       probe_read(self->map, &value) == SIGBUS;
}

TEST_F(source, biggest_window)
{
	uint64_t length = 1ull << 47, value, i;
	static const uint64_t iovas[] = {
		0, MIB(1024), 1ull << 40, (1ull << 46) + PAGE,
		(1ull << 47) - PAGE,
	};
	char *memory = source_pages(PAGE), *map;
	struct vhost_grant_query query;
	struct window window;

	*memory = 42;
	ASSERT_EQ(0, space_window(self->space, length, 0, &window));
	for (i = 0; i < ARRAY_SIZE(iovas); i++)
		ASSERT_EQ(0, space_map(self->space, window.id, iovas[i],
				       memory, PAGE, R));
	for (i = 0; i < ARRAY_SIZE(iovas); i++) {
		map = window_mmap(window.fd, iovas[i], PAGE, PROT_READ);
		ASSERT_NE(NULL, map);
		EXPECT_EQ(0, probe_read(map, &value));
		EXPECT_EQ(42, value);
	}
	EXPECT_EQ(-ERANGE, space_map(self->space, window.id, length, memory,
				     PAGE, R));
	ASSERT_EQ(0, space_unmap(self->space, window.id, PAGE, length - PAGE));
	EXPECT_EQ(SIGBUS, probe_read(map, &value));
	ASSERT_EQ(0, space_query(self->space, window.id, &query));
	EXPECT_EQ(1, query.out_pages_granted);
	ASSERT_EQ(0, space_unmap(self->space, window.id, 0, length));
}

TEST_F(source, readonly_memory)
{
	char *memory = source_pages(4 * PAGE);
	uint64_t value;

	memset(memory, 1, 4 * PAGE);
	ASSERT_EQ(0, mprotect(memory + 2 * PAGE, PAGE, PROT_READ));
	EXPECT_EQ(-EACCES, map_memory(self, memory + 2 * PAGE, PAGE, RW));
	EXPECT_EQ(-EACCES, map_memory(self, memory, 4 * PAGE, RW));
	EXPECT_TRUE(nothing_granted(self));
	EXPECT_EQ(0, map_memory(self, memory, 4 * PAGE, R));
	EXPECT_EQ(0, probe_read(self->map + 2 * PAGE, &value));
	EXPECT_EQ(SIGBUS, probe_write(self->map + 2 * PAGE, 0));
}

/* Permission is of the mapping: the same file is writable elsewhere. */
TEST_F(source, readonly_file_mapping)
{
	int memfd = source_memfd(PAGE, 0), readonly;
	char path[64], *memory;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	readonly = open(path, O_RDONLY);
	ASSERT_LE(0, readonly);
	memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, readonly, 0);
	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(-EACCES, map_memory(self, memory, PAGE, RW));
	EXPECT_TRUE(nothing_granted(self));
	EXPECT_EQ(0, map_memory(self, memory, PAGE, R));
	EXPECT_EQ(SIGBUS, probe_write(self->map, 1));
}

/* A private mapping of a file: what is granted is the owner's copy. */
TEST_F(source, private_file_mapping)
{
	int memfd = source_memfd(PAGE, 0);
	uint64_t value = 7;
	char *memory;

	ASSERT_EQ(8, pwrite(memfd, &value, 8, 0));
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, memfd,
		      0);
	ASSERT_EQ(0, map_memory(self, memory, PAGE, RW));
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(7, value);
	EXPECT_EQ(0, probe_write(self->map, 8));
	EXPECT_EQ(8, *(volatile uint64_t *)memory);
	ASSERT_EQ(8, pread(memfd, &value, 8, 0));
	EXPECT_EQ(7, value);
}

TEST_F(source, no_memory)
{
	char *none = mmap(NULL, 4 * PAGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(-EFAULT, map_memory(self, none, PAGE, R));
	ASSERT_EQ(0, munmap(pages + PAGE, PAGE));
	EXPECT_EQ(-EFAULT, map_memory(self, pages + PAGE, PAGE, R));
	EXPECT_EQ(-EFAULT, map_memory(self, pages, 4 * PAGE, R));
	EXPECT_EQ(-EFAULT, map_memory(self, pages, 2 * PAGE, RW));
	EXPECT_TRUE(nothing_granted(self));
	EXPECT_EQ(0, map_memory(self, pages, PAGE, RW));
}

/* A window cannot be laundered into another grant. */
TEST_F(source, another_window)
{
	char *memory = source_pages(PAGE), *window;
	struct window other;

	*memory = 1;
	ASSERT_EQ(0, space_window(self->space, PAGE, 0, &other));
	ASSERT_EQ(0, space_map(self->space, other.id, 0, memory, PAGE, RW));
	window = window_mmap(other.fd, 0, PAGE, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, window);
	EXPECT_EQ(-EFAULT, map_memory(self, window, PAGE, R));
	EXPECT_EQ(1, *(volatile char *)window);
	EXPECT_EQ(-EFAULT, map_memory(self, window, PAGE, R));
	EXPECT_EQ(-EFAULT, map_memory(self, window, PAGE, RW));
	EXPECT_EQ(-EFAULT, map_memory(self, self->map, PAGE, R));
	EXPECT_EQ(-ENODEV, map_file(self, other.fd, PAGE, R));
	ASSERT_EQ(0, space_unmap(self->space, other.id, 0, PAGE));
	EXPECT_TRUE(nothing_granted(self));
}

static char *find_mapping(const char *name)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned long start = 0;
	char line[512];

	while (file && !start && fgets(line, sizeof(line), file))
		if (strstr(line, name))
			sscanf(line, "%lx", &start);
	if (file)
		fclose(file);
	return (char *)start;
}

/*
 * Newer kernels map these like any other pages, so that they can be pinned.
 * Everybody has them and may read them, and nobody may write to them.
 */
TEST_F(source, kernel_pages)
{
	char *vvar = find_mapping("[vvar]");
	int ret;

	if (!vvar)
		SKIP(return, "this process has no vvar");
	ret = map_memory(self, vvar, PAGE, RW);
	EXPECT_TRUE(ret == -EFAULT || ret == -EACCES);
	EXPECT_TRUE(nothing_granted(self));
	ret = map_memory(self, vvar, PAGE, R);
	if (ret) {
		EXPECT_EQ(-EFAULT, ret);
		EXPECT_TRUE(nothing_granted(self));
	} else {
		EXPECT_EQ(SIGBUS, probe_write(self->map, 0));
	}
}

/* Pages of the kernel that are mapped privately: a grant is of a copy. */
TEST_F(source, vdso)
{
	char *vdso = find_mapping("[vdso]");
	uint64_t value;

	if (!vdso)
		SKIP(return, "this process has no vdso");
	EXPECT_EQ(-EACCES, map_memory(self, vdso, PAGE, RW));
	EXPECT_TRUE(nothing_granted(self));
	ASSERT_EQ(0, map_memory(self, vdso, PAGE, R));
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(*(uint64_t *)vdso, value);
	EXPECT_EQ(SIGBUS, probe_write(self->map, 0));
	/* Nobody else's vdso has become ours. */
	EXPECT_LT(0, proc_anonymous(vdso));
}

/* The zero page is the kernel's; a grant of untouched memory gets its own. */
TEST_F(source, untouched_memory)
{
	char *memory = source_pages(4 * PAGE);
	uint64_t value = 1;

	/* Map the zero page, by reading. */
	EXPECT_EQ(0, *(volatile char *)memory);
	ASSERT_EQ(0, map_memory(self, memory, 4 * PAGE, R));
	EXPECT_EQ(0, probe_pages(self->map, 4 * PAGE, 0));
	*(volatile uint64_t *)memory = 3;
	*(volatile uint64_t *)(memory + PAGE) = 4;
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(3, value);
	EXPECT_EQ(0, probe_read(self->map + PAGE, &value));
	EXPECT_EQ(4, value);
}

TEST_F(source, dev_zero)
{
	int fd = open("/dev/zero", O_RDWR);
	char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			    fd, 0);
	uint64_t value;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, map_memory(self, memory, PAGE, RW));
	ASSERT_EQ(0, probe_write(self->map, 5));
	EXPECT_EQ(5, *(volatile uint64_t *)memory);
	EXPECT_EQ(0, probe_read(self->map, &value));
}

/* The owner's writes are seen however its page tables change by fork. */
TEST_F(source, owner_forks)
{
	volatile uint64_t *memory = (void *)source_pages(2 * PAGE);
	uint64_t value;
	int status;
	pid_t pid;

	ASSERT_EQ(0, madvise((void *)memory, 2 * PAGE, MADV_DOFORK));
	*memory = 1;
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	/* The page is shared with the child now: the grant must not be. */
	ASSERT_EQ(0, map_memory(self, (void *)memory, PAGE, R));
	*memory = 2;
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(2, value);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	pid = fork();
	if (!pid) {
		*memory = 666;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	*memory += 1;
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(3, value);
}

TEST_F(source, sealed_against_writing)
{
	static const int seals[] = { F_SEAL_WRITE, F_SEAL_FUTURE_WRITE };
	uint64_t value = 9;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(seals); i++) {
		int memfd = source_memfd(PAGE, 0);

		ASSERT_EQ(8, pwrite(memfd, &value, 8, 0));
		ASSERT_EQ(0, fcntl(memfd, F_ADD_SEALS, seals[i]));
		EXPECT_EQ(-EPERM, map_file(self, memfd, PAGE, RW));
		EXPECT_TRUE(nothing_granted(self));
		EXPECT_EQ(0, map_file(self, memfd, PAGE, R));
		EXPECT_EQ(0, probe_read(self->map, &value));
		EXPECT_EQ(9, value);
		EXPECT_EQ(SIGBUS, probe_write(self->map, 1));
		ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
		close(memfd);
	}
}

/* A read-only map of a sealed file, by address, is not a way round. */
TEST_F(source, sealed_mapping)
{
	int memfd = source_memfd(PAGE, 0);
	char *memory;

	ASSERT_EQ(0, fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE));
	memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, memfd, 0);
	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(-EACCES, map_memory(self, memory, PAGE, RW));
	EXPECT_TRUE(nothing_granted(self));
}

/* While a peer may write, nobody can promise that nobody does. */
TEST_F(source, seal_while_granted)
{
	int memfd = source_memfd(PAGE, 0);

	ASSERT_EQ(0, map_file(self, memfd, PAGE, RW));
	EXPECT_EQ(-1, fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(0, probe_write(self->map, 1));
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	EXPECT_EQ(0, fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(-EPERM, map_file(self, memfd, PAGE, RW));
}

static void memfd_hole(struct __test_metadata *_metadata,
		       source_fixture *self, unsigned int flags)
{
	int memfd = source_memfd(MIB(4), flags);
	uint64_t value;

	if (memfd < 0)
		SKIP(return, "no such memfd: %s", strerror(-memfd));
	ASSERT_EQ(0, map_file(self, memfd, MIB(4), RW));
	EXPECT_EQ(0, probe_pages(self->map, MIB(4), 0));
	EXPECT_EQ(0, probe_write(self->map + 5 * PAGE, 11));
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	ASSERT_EQ(0, map_file(self, memfd, MIB(4), R));
	EXPECT_EQ(0, probe_read(self->map + 5 * PAGE, &value));
	EXPECT_EQ(11, value);
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	close(memfd);
}

TEST_F(source, hole_of_memfd)
{
	memfd_hole(_metadata, self, 0);
}

/*
 * Pages that fallocate() left in the file have not been cleared yet, and will
 * be by whoever uses them first. That must not be the owner, after the peer.
 */
static void fallocated(struct __test_metadata *_metadata, source_fixture *self,
		       int memfd, uint64_t length)
{
	uint64_t value, i;

	ASSERT_EQ(0, map_file(self, memfd, length, RW));
	for (i = 0; i < length; i += 512) {
		ASSERT_EQ(0, probe_read(self->map + i, &value));
		ASSERT_EQ(0, value);
	}
	for (i = 0; i < length; i += PAGE)
		ASSERT_EQ(0, probe_write(self->map + i, i + 5));
	for (i = 0; i < length; i += PAGE) {
		ASSERT_EQ(8, pread(memfd, &value, 8, i));
		ASSERT_EQ(i + 5, value);
	}
	ASSERT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(5, value);
}

/* Free memory that a page which is not cleared can be told by. */
static void poison_free_memory(uint64_t length)
{
	char *poison = source_aligned(length, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	memset(poison, 0xa5, length);
	munmap(poison, length);
}

TEST_F(source, fallocated_memfd)
{
	int memfd = source_memfd(MIB(1), 0);

	poison_free_memory(MIB(64));
	ASSERT_EQ(0, fallocate(memfd, 0, 0, MIB(1)));
	fallocated(_metadata, self, memfd, MIB(1));
}

#define SHMEM_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* The word in brackets is the present setting. */
static bool shmem_enabled(char setting[16])
{
	FILE *file = fopen(SHMEM_ENABLED, "re");
	bool found = file && fscanf(file, "%*[^[][%15[^]]", setting) == 1;

	if (file)
		fclose(file);
	return found;
}

TEST_F(source, fallocated_huge_memfd)
{
	long before = proc_meminfo("ShmemHugePages"), after;
	int memfd = source_memfd(2 * HUGE, 0), ret;
	char setting[16];

	if (!shmem_enabled(setting))
		SKIP(return, "a memfd cannot have huge pages");
	poison_free_memory(MIB(64));
	ASSERT_EQ(0, proc_write(SHMEM_ENABLED, "force"));
	ret = fallocate(memfd, 0, 0, 2 * HUGE);
	ASSERT_EQ(0, proc_write(SHMEM_ENABLED, "%s", setting));
	ASSERT_EQ(0, ret);
	after = proc_meminfo("ShmemHugePages");
	if (after - before != 2 * HUGE)
		SKIP(return, "no free huge pages");
	fallocated(_metadata, self, memfd, 2 * HUGE);
}

/* Huge pages go back to a pool as they are: fill it with poison first. */
TEST_F(source, hole_of_hugetlb)
{
	struct source poison;
	int round;

	for (round = 0; round < 3; round++) {
		if (source_open(&poison, SOURCE_HUGETLB, MIB(4)))
			SKIP(return, "no free hugetlb pages");
		memset(poison.memory, 0xa5, MIB(4));
		source_close(&poison);
		memfd_hole(_metadata, self, MFD_HUGETLB | MFD_HUGE_2MB);
	}
}

/* Huge pages that others have reserved are not to be had, nor miscounted. */
TEST_F(source, hugetlb_accounting)
{
	long reserved = source_reserved_hugetlb();
	int memfd;

	if (reserved < 0 || source_reserve_hugetlb(2 * HUGE))
		SKIP(return, "no free hugetlb pages");
	memfd = source_memfd(2 * HUGE, MFD_HUGETLB | MFD_HUGE_2MB);
	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, map_file(self, memfd, 2 * HUGE, RW));
	EXPECT_EQ(reserved, source_reserved_hugetlb());
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	EXPECT_EQ(reserved, source_reserved_hugetlb());
	close(memfd);
	EXPECT_EQ(reserved, source_reserved_hugetlb());
}

/* To fill a hole is to write; what is there may be read. */
TEST_F(source, readonly_hugetlb_hole)
{
	int memfd, readonly;
	uint64_t value = 3;
	char path[64];
	void *map;

	if (source_reserve_hugetlb(HUGE))
		SKIP(return, "no free hugetlb pages");
	memfd = source_memfd(HUGE, MFD_HUGETLB | MFD_HUGE_2MB);
	ASSERT_LE(0, memfd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	readonly = open(path, O_RDONLY);
	ASSERT_LE(0, readonly);
	EXPECT_EQ(-EACCES, map_file(self, readonly, HUGE, R));
	EXPECT_TRUE(nothing_granted(self));
	map = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	ASSERT_NE(MAP_FAILED, map);
	*(volatile uint64_t *)map = value;
	EXPECT_EQ(0, map_file(self, readonly, HUGE, R));
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(3, value);
}

TEST_F(source, hugetlb_of_others)
{
	int memfd, others;
	long free_pages;
	char *map;

	if (source_reserve_hugetlb(HUGE))
		SKIP(return, "no free hugetlb pages");
	free_pages = source_free_hugetlb() - source_reserved_hugetlb();
	others = source_memfd(free_pages * HUGE, MFD_HUGETLB | MFD_HUGE_2MB);
	ASSERT_LE(0, others);
	map = mmap(NULL, free_pages * HUGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED, others, 0);
	ASSERT_NE(MAP_FAILED, map);
	memfd = source_memfd(HUGE, MFD_HUGETLB | MFD_HUGE_2MB);
	EXPECT_EQ(-ENOMEM, map_file(self, memfd, HUGE, RW));
	EXPECT_TRUE(nothing_granted(self));
	/* What was promised is kept. */
	memset(map, 1, free_pages * HUGE);
}

/* The tail of a hugetlb page beyond the end of the file does not exist. */
TEST_F(source, past_end_of_hugetlb)
{
	struct source source;

	if (source_open(&source, SOURCE_HUGETLB, HUGE))
		SKIP(return, "no free hugetlb pages");
	EXPECT_EQ(-ENXIO, map_file(self, source.fd, HUGE + PAGE, R));
	EXPECT_TRUE(nothing_granted(self));
}

/*
 * What is granted are pages. That the owner puts others in their place, or
 * none, changes neither the grant nor what is in it.
 */
static void source_goes(struct __test_metadata *_metadata,
			source_fixture *self, enum source_kind kind,
			int (*drop)(struct source *source))
{
	struct source source;
	uint64_t i, value;
	int ret = source_open(&source, kind, MIB(4));

	if (ret == -EOPNOTSUPP)
		SKIP(return, "no huge pages of this kind to be had");
	ASSERT_EQ(0, ret);
	source_fill(&source, 3);
	ASSERT_EQ(0, source_grant(&source, self->space, self->window.id, 0, 0,
				  MIB(4), RW));
	ASSERT_EQ(0, probe_read(self->map, &value));
	ASSERT_EQ(0, drop(&source));
	for (i = 0; i < MIB(4); i += 31 * PAGE) {
		EXPECT_EQ(0, probe_read(self->map + i, &value));
		EXPECT_EQ(source_word(3, i), value);
		EXPECT_EQ(0, probe_write(self->map + i + 8, i));
	}
	EXPECT_EQ((long)MIB(4), proc_status(getpid(), "VmPin"));
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	EXPECT_EQ(SIGBUS, probe_read(self->map, &value));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

static int drop_munmap(struct source *source)
{
	return munmap(source->memory, source->length);
}

static int drop_dontneed(struct source *source)
{
	int ret = madvise(source->memory, source->length, MADV_DONTNEED);
	uint64_t i;

	/* The new pages in its place must not be the granted ones. */
	for (i = 0; i < source->length; i += PAGE)
		*(volatile uint64_t *)(source->memory + i) = 0xbad;
	return ret;
}

static int drop_mmap_over(struct source *source)
{
	return mmap(source->memory, source->length, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	       source->memory ? 0 : -1;
}

static int drop_truncate(struct source *source)
{
	return ftruncate(source->fd, 0) ||
	       ftruncate(source->fd, source->length);
}

static int drop_punch(struct source *source)
{
	return fallocate(source->fd,
			 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 source->length);
}

static int drop_close(struct source *source)
{
	munmap(source->memory, source->length);
	return close(source->fd);
}

static int drop_move(struct source *source)
{
	char *to = source_aligned(source->length,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1);

	return mremap(source->memory, source->length, source->length,
		      MREMAP_MAYMOVE | MREMAP_FIXED, to) == to ? 0 : -1;
}

#define SOURCE_GOES(name, kind, drop)					\
	TEST_F(source, name)						\
	{								\
		source_goes(_metadata, self, kind, drop);		\
	}

SOURCE_GOES(munmap_of_anon, SOURCE_ANON, drop_munmap)
SOURCE_GOES(munmap_of_thp, SOURCE_THP, drop_munmap)
SOURCE_GOES(dontneed_of_anon, SOURCE_ANON, drop_dontneed)
SOURCE_GOES(dontneed_of_thp, SOURCE_THP, drop_dontneed)
SOURCE_GOES(mmap_over_anon, SOURCE_ANON, drop_mmap_over)
SOURCE_GOES(mremap_of_anon, SOURCE_ANON, drop_move)
SOURCE_GOES(mremap_of_thp, SOURCE_THP, drop_move)
SOURCE_GOES(truncate_of_memfd, SOURCE_MEMFD, drop_truncate)
SOURCE_GOES(truncate_of_hugetlb, SOURCE_HUGETLB, drop_truncate)
SOURCE_GOES(punch_of_memfd, SOURCE_MEMFD, drop_punch)
SOURCE_GOES(punch_of_hugetlb, SOURCE_HUGETLB, drop_punch)
SOURCE_GOES(close_of_memfd, SOURCE_MEMFD, drop_close)
SOURCE_GOES(close_of_hugetlb, SOURCE_HUGETLB, drop_close)

/* KVM of this kernel cannot map huge pages from an mmapped window. */
TEST_F(source, kvm_mapped_refuses_huge)
{
	static const enum source_kind kinds[] = { SOURCE_THP, SOURCE_HUGETLB };
	struct vhost_grant_info info;
	struct source source;
	struct window window;
	int expected, tried = 0;
	size_t i;

	ASSERT_EQ(0, space_info(self->space, &info));
	expected = info.out_features & VHOST_GRANT_FEATURE_KVM_MAPPED_HUGE ?
		   0 : -EOPNOTSUPP;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_EQ(0, space_window(self->space, MIB(4),
					  VHOST_GRANT_WINDOW_KVM_MAPPED,
					  &window));
		if (source_open(&source, kinds[i], HUGE))
			continue;
		tried++;
		EXPECT_EQ(expected,
			  source_grant(&source, self->space, window.id, 0, 0,
				       HUGE, RW));
		EXPECT_EQ(expected,
			  source_grant(&source, self->space, window.id, HUGE,
				       0, PAGE, RW));
		EXPECT_EQ(expected,
			  source_grant(&source, self->space, window.id,
				       HUGE + PAGE, 9 * PAGE, PAGE, R));
		ASSERT_EQ(0, space_unmap_all(self->space, window.id));
		source_close(&source);
	}
	EXPECT_TRUE(nothing_granted(self));
	if (!tried)
		SKIP(return, "no huge pages to be had");
}

TEST_F(source, kvm_mapped_takes_small)
{
	static const enum source_kind kinds[] = { SOURCE_ANON, SOURCE_MEMFD };
	struct source source;
	struct window window;
	size_t i;

	ASSERT_EQ(0, space_window(self->space, MIB(4),
				  VHOST_GRANT_WINDOW_KVM_MAPPED, &window));
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_EQ(0, source_open(&source, kinds[i], HUGE));
		source_fill(&source, 1);
		EXPECT_EQ(0, source_grant(&source, self->space, window.id,
					  i * HUGE, 0, HUGE, RW));
	}
}

TEST_HARNESS_MAIN
