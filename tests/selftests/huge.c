// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages in a peer's page table, proved by counting faults, and everything
 * that must make the kernel give them up again.
 */
#include <sched.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"

#define WINDOW_LENGTH MIB(32)
#define SOURCE_LENGTH MIB(4)
#define BASE MIB(8)
#define PAGES (HUGE / PAGE)

FIXTURE(huge) {
	struct mark mark;
	int space;
	struct window window;
	struct source source;
	char *map;
};

FIXTURE_VARIANT(huge) {
	enum source_kind source;
};

FIXTURE_VARIANT_ADD(huge, thp) { .source = SOURCE_THP };
FIXTURE_VARIANT_ADD(huge, hugetlb) { .source = SOURCE_HUGETLB };

FIXTURE_SETUP(huge)
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

FIXTURE_TEARDOWN_PARENT(huge)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(huge) huge_fixture;

static int grant(huge_fixture *self, uint64_t iova, uint64_t offset,
		 uint64_t length, uint32_t access)
{
	return source_grant(&self->source, self->space, self->window.id, iova,
			    offset, length, access);
}

static uint64_t faults(huge_fixture *self)
{
	struct vhost_grant_query query;

	return space_query(self->space, self->window.id, &query) ?
	       UINT64_MAX : query.out_faults;
}

/* Faults that it takes to read every page of a range; -1 if one is wrong. */
static long faults_to_read(huge_fixture *self, const char *map,
			   uint64_t offset, uint64_t length)
{
	uint64_t before = faults(self), value, i;

	for (i = 0; i < length; i += PAGE)
		if (probe_read(map + i, &value) ||
		    value != source_word(1, offset + i))
			return -1;
	return faults(self) - before;
}

static bool kernel_has(const char *symbol)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, symbol);
	if (file)
		fclose(file);
	return found;
}

/* Why there are no huge mappings to be counted here, or NULL. */
static const char *no_huge_mappings(huge_fixture *self)
{
	struct vhost_grant_info info;

	if (space_info(self->space, &info) ||
	    !(info.out_features & VHOST_GRANT_FEATURE_HUGE_MMAP))
		return "the kernel does not map huge pages";
	if (self->source.kind == SOURCE_THP &&
	    kernel_has(" __page_table_check_pmd_set"))
		return "PAGE_TABLE_CHECK forbids it for anonymous memory";
	return NULL;
}

TEST_F(huge, one_fault_for_all)
{
	const char *reason = no_huge_mappings(self);
	uint64_t value;

	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, grant(self, BASE, 0, SOURCE_LENGTH, RW));
	EXPECT_EQ(2, faults_to_read(self, self->map + BASE, 0,
				    SOURCE_LENGTH));
	/* Writable from the start, as the grant is. */
	EXPECT_EQ(0, probe_write(self->map + BASE + 8, 1));
	EXPECT_EQ(0, faults_to_read(self, self->map + BASE, 0,
				    SOURCE_LENGTH));
	EXPECT_EQ(2, faults(self));
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	EXPECT_EQ(SIGBUS, probe_read(self->map + BASE, &value));
	EXPECT_EQ(SIGBUS, probe_read(self->map + BASE + HUGE, &value));
}

TEST_F(huge, one_fault_by_writing)
{
	const char *reason = no_huge_mappings(self);
	uint64_t i;

	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, RW));
	for (i = 0; i < HUGE; i += PAGE)
		EXPECT_EQ(0, probe_write(self->map + BASE + i + 8, i));
	EXPECT_EQ(1, faults(self));
	for (i = 0; i < HUGE; i += PAGE)
		EXPECT_EQ(i, *(uint64_t *)(self->source.memory + i + 8));
}

TEST_F(huge, readonly)
{
	uint64_t i;

	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, R));
	EXPECT_LE(1, faults_to_read(self, self->map + BASE, 0, HUGE));
	for (i = 0; i < HUGE; i += 41 * PAGE)
		EXPECT_EQ(SIGBUS, probe_write(self->map + BASE + i, 666));
	EXPECT_LE(0, faults_to_read(self, self->map + BASE, 0, HUGE));
	for (i = 0; i < HUGE; i += PAGE)
		ASSERT_EQ(source_word(1, i),
			  *(uint64_t *)(self->source.memory + i));
}

TEST_F(huge, readonly_one_fault)
{
	const char *reason = no_huge_mappings(self);

	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, R));
	EXPECT_EQ(1, faults_to_read(self, self->map + BASE, 0, HUGE));
}

static bool source_is_unchanged(huge_fixture *self)
{
	uint64_t i;

	for (i = 0; i < HUGE; i += PAGE)
		if (*(uint64_t *)(self->source.memory + i) != source_word(1, i))
			return false;
	return true;
}

/* Pages that show neither the source nor, where they were written, @scratch */
static int wrong_pages(huge_fixture *self, int step, uint64_t scratch)
{
	uint64_t value;
	int i, n = 0;

	for (i = 0; i < PAGES; i++)
		n += probe_read(self->map + BASE + i * PAGE, &value) ||
		     value != (i % step ? source_word(1, i * PAGE) : scratch);
	return n;
}

/* A write takes the scratch page, and the huge page apart, for this page only. */
TEST_F(huge, readonly_with_scratch)
{
	int i, round;

	ASSERT_EQ(0, window_set_hole(self->window.fd,
				     VHOST_GRANT_HOLE_SCRATCH));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, grant(self, BASE, 0, HUGE, R));
		if (round)
			EXPECT_LE(1, faults_to_read(self, self->map + BASE, 0,
						    HUGE));
		for (i = 0; i < PAGES; i += 64)
			EXPECT_EQ(0, probe_write(self->map + BASE + i * PAGE,
						 666));
		EXPECT_EQ(0, wrong_pages(self, 64, 666));
		EXPECT_TRUE(source_is_unchanged(self));
		ASSERT_EQ(0, space_unmap(self->space, self->window.id, BASE,
					 HUGE));
		ASSERT_EQ(0, grant(self, BASE, 0, HUGE, R));
		EXPECT_LE(0, faults_to_read(self, self->map + BASE, 0, HUGE));
		ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	}
}

/* What is not revoked stays as it was, and the policy takes it away. */
TEST_F(huge, readonly_with_scratch_in_part)
{
	char *page = self->map + BASE + 64 * PAGE;
	uint64_t value;

	ASSERT_EQ(0, window_set_hole(self->window.fd,
				     VHOST_GRANT_HOLE_SCRATCH));
	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, R));
	ASSERT_LE(1, faults_to_read(self, self->map + BASE, 0, HUGE));
	ASSERT_EQ(0, probe_write(page, 666));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id,
				 BASE + 64 * PAGE, PAGE));
	ASSERT_EQ(0, grant(self, BASE + 64 * PAGE, 64 * PAGE, PAGE, R));
	EXPECT_LE(0, faults_to_read(self, self->map + BASE, 0, HUGE));
	ASSERT_EQ(0, probe_write(page + PAGE, 667));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, BASE, PAGE));
	EXPECT_EQ(0, probe_read(page + PAGE, &value));
	EXPECT_EQ(667, value);
	ASSERT_EQ(0, grant(self, BASE, 0, PAGE, R));
	ASSERT_EQ(0, window_set_hole(self->window.fd, VHOST_GRANT_HOLE_FAULT));
	EXPECT_LE(0, faults_to_read(self, self->map + BASE, 0, HUGE));
	EXPECT_EQ(SIGBUS, probe_write(page + PAGE, 668));
	EXPECT_TRUE(source_is_unchanged(self));
}

/* One page goes: its neighbours stay, and it does not come back. */
TEST_F(huge, revoke_one_page)
{
	char *page = self->map + BASE + 5 * PAGE;
	uint64_t value, i;

	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, RW));
	ASSERT_LE(1, faults_to_read(self, self->map + BASE, 0, HUGE));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id,
				 BASE + 5 * PAGE, PAGE));
	EXPECT_EQ(SIGBUS, probe_read(page, &value));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(i == 5 ? SIGBUS : 0,
			  probe_read(self->map + BASE + i * PAGE, &value));
	/* No fault around it may bring the huge page back. */
	for (i = 0; i < PAGES; i += 3)
		EXPECT_EQ(i == 5 ? SIGBUS : 0,
			  probe_write(self->map + BASE + i * PAGE + 8, 1));
	EXPECT_EQ(SIGBUS, probe_write(page, 666));
	EXPECT_EQ(source_word(1, 5 * PAGE),
		  *(uint64_t *)(self->source.memory + 5 * PAGE));
}

/* The same before anybody has touched it. */
TEST_F(huge, revoke_one_page_untouched)
{
	uint64_t value, i;

	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, RW));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id,
				 BASE + 511 * PAGE, PAGE));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(i == 511 ? SIGBUS : 0,
			  probe_read(self->map + BASE + i * PAGE, &value));
}

/* Another page, with another permission, in the hole of a huge page. */
TEST_F(huge, grant_in_its_hole)
{
	uint64_t value;

	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, RW));
	ASSERT_LE(1, faults_to_read(self, self->map + BASE, 0, HUGE));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id,
				 BASE + 5 * PAGE, 2 * PAGE));
	ASSERT_EQ(0, grant(self, BASE + 5 * PAGE, HUGE, PAGE, R));
	EXPECT_EQ(0, probe_read(self->map + BASE + 5 * PAGE, &value));
	EXPECT_EQ(source_word(1, HUGE), value);
	EXPECT_EQ(SIGBUS, probe_write(self->map + BASE + 5 * PAGE, 1));
	EXPECT_EQ(SIGBUS, probe_read(self->map + BASE + 6 * PAGE, &value));
	EXPECT_EQ(0, probe_write(self->map + BASE + 7 * PAGE + 8, 1));
	EXPECT_EQ(-EEXIST, grant(self, BASE + 5 * PAGE, HUGE, 2 * PAGE, R));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, BASE, HUGE));
	EXPECT_EQ(SIGBUS, probe_read(self->map + BASE + 5 * PAGE, &value));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

/* The pin is of the huge page, and goes with the last of its pages. */
TEST_F(huge, pin_of_the_whole)
{
	struct vhost_grant_query query;
	uint64_t i;

	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, RW));
	for (i = 0; i < PAGES - 1; i++)
		ASSERT_EQ(0, space_unmap(self->space, self->window.id,
					 BASE + i * PAGE, PAGE));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(1, query.out_pages_granted);
	EXPECT_LE(1, query.out_pages_pinned);
	EXPECT_EQ(query.out_pages_pinned * PAGE,
		  proc_status(getpid(), "VmPin"));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id,
				 BASE + (PAGES - 1) * PAGE, PAGE));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(self->mark.pins, proc_pins());
}

/* After all is revoked the place can have a huge page again. */
TEST_F(huge, grant_again)
{
	const char *reason = no_huge_mappings(self);
	int round;

	if (reason)
		SKIP(return, "%s", reason);
	for (round = 0; round < 20; round++) {
		uint64_t offset = round % 2 ? HUGE : 0;

		ASSERT_EQ(0, grant(self, BASE, offset, HUGE,
				   round % 3 ? RW : R));
		EXPECT_EQ(1, faults_to_read(self, self->map + BASE, offset,
					    HUGE));
		if (round % 3)
			probe_write(self->map + BASE + 8, round);
		ASSERT_EQ(0, space_unmap(self->space, self->window.id, BASE,
					 HUGE));
	}
}

/* A refused write splits the mapping: whatever is granted next is right. */
TEST_F(huge, grant_again_after_refusal)
{
	int round;

	for (round = 0; round < 6; round++) {
		uint64_t offset = round % 2 ? HUGE : 0;

		ASSERT_EQ(0, grant(self, BASE, offset, HUGE,
				   round % 3 ? RW : R));
		EXPECT_LE(1, faults_to_read(self, self->map + BASE, offset,
					    HUGE));
		EXPECT_EQ(round % 3 ? 0 : SIGBUS,
			  probe_write(self->map + BASE + 8, round));
		ASSERT_EQ(0, space_unmap(self->space, self->window.id, BASE,
					 HUGE));
		EXPECT_EQ(-1, faults_to_read(self, self->map + BASE, offset,
					     HUGE));
	}
}

/* Whatever does not fit together is mapped in small pages. */
TEST_F(huge, misaligned_iova)
{
	ASSERT_EQ(0, grant(self, BASE + PAGE, 0, HUGE, RW));
	EXPECT_EQ(PAGES, faults_to_read(self, self->map + BASE + PAGE, 0,
					HUGE));
}

TEST_F(huge, misaligned_source)
{
	ASSERT_EQ(0, grant(self, BASE, PAGE, HUGE, RW));
	EXPECT_EQ(PAGES, faults_to_read(self, self->map + BASE, PAGE, HUGE));
}

TEST_F(huge, part_of_a_page)
{
	uint64_t value;

	ASSERT_EQ(0, grant(self, BASE, 0, HUGE - PAGE, RW));
	EXPECT_EQ(PAGES - 1, faults_to_read(self, self->map + BASE, 0,
					    HUGE - PAGE));
	EXPECT_EQ(SIGBUS, probe_read(self->map + BASE + HUGE - PAGE, &value));
}

TEST_F(huge, misaligned_mapping)
{
	char *area = source_aligned(MIB(8), MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *map = mmap(area + PAGE, HUGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, self->window.fd, BASE);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, RW));
	EXPECT_EQ(PAGES, faults_to_read(self, map, 0, HUGE));
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	EXPECT_EQ(-1, faults_to_read(self, map, 0, HUGE));
}

/* A mapping that ends within the huge page must not map all of it. */
TEST_F(huge, short_mapping)
{
	char *area = source_aligned(MIB(8), MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *map = mmap(area + HUGE, HUGE - PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, self->window.fd, BASE);
	volatile uint64_t *after = (void *)(map + HUGE - PAGE);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, RW));
	*after = 5;
	EXPECT_EQ(PAGES - 1, faults_to_read(self, map, 0, HUGE - PAGE));
	EXPECT_EQ(5, *after);
}

/* A peer that asked for less has less, until it asks for more. */
TEST_F(huge, readonly_mapping)
{
	char *map = mmap(self->map, WINDOW_LENGTH, PROT_READ,
			 MAP_SHARED | MAP_FIXED, self->window.fd, 0);

	ASSERT_EQ(self->map, map);
	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, RW));
	EXPECT_LE(1, faults_to_read(self, map + BASE, 0, HUGE));
	EXPECT_EQ(SIGSEGV, probe_write(map + BASE + 8, 1));
	ASSERT_EQ(0, mprotect(map, WINDOW_LENGTH, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, probe_write(map + BASE + 8, 1));
	EXPECT_EQ(0, probe_write(map + BASE + HUGE - PAGE + 8, 1));
}

/* mprotect to and fro must not make a read-only page writable. */
TEST_F(huge, readonly_after_mprotect)
{
	char *map = self->map;
	int round;

	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, R));
	ASSERT_EQ(0, grant(self, BASE + HUGE, HUGE, HUGE, RW));
	for (round = 0; round < 3; round++) {
		EXPECT_LE(0, faults_to_read(self, map + BASE, 0, HUGE));
		EXPECT_EQ(0, probe_write(map + BASE + HUGE + 8, 1));
		ASSERT_EQ(0, mprotect(map, WINDOW_LENGTH, PROT_READ));
		EXPECT_EQ(SIGSEGV, probe_write(map + BASE + 8, 1));
		ASSERT_EQ(0, mprotect(map, WINDOW_LENGTH,
				      PROT_READ | PROT_WRITE));
		EXPECT_EQ(SIGBUS, probe_write(map + BASE + 8, 1));
		EXPECT_EQ(0, probe_write(map + BASE + HUGE + 8, 1));
	}
	EXPECT_EQ(0, *(uint64_t *)(self->source.memory + 8));
}

/* The peer itself takes the mapping apart in the middle of the page. */
TEST_F(huge, split_by_peer)
{
	char *map = self->map;
	uint64_t value;

	ASSERT_EQ(0, grant(self, BASE, 0, HUGE, RW));
	ASSERT_LE(1, faults_to_read(self, map + BASE, 0, HUGE));
	if (munmap(map + BASE + 100 * PAGE, PAGE))
		SKIP(return, "a mapping cannot be split");
	EXPECT_EQ(SIGSEGV, probe_read(map + BASE + 100 * PAGE, &value));
	EXPECT_LE(0, faults_to_read(self, map + BASE, 0, 100 * PAGE));
	EXPECT_LE(0, faults_to_read(self, map + BASE + 101 * PAGE, 101 * PAGE,
				    HUGE - 101 * PAGE));
	EXPECT_EQ(0, mprotect(map + BASE, PAGE, PROT_READ));
	EXPECT_EQ(SIGSEGV, probe_write(map + BASE + 8, 1));
	EXPECT_EQ(0, probe_write(map + BASE + PAGE + 8, 1));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, BASE, HUGE));
	EXPECT_EQ(SIGBUS, probe_read(map + BASE, &value));
	EXPECT_EQ(SIGBUS, probe_read(map + BASE + HUGE - PAGE, &value));
}

/*
 * Small and huge faults of one block race: peers enter it at every page, while
 * the owner takes single pages out and grants them again.
 */
static long wander(struct peer_view *view, unsigned long a, unsigned long b)
{
	uint64_t value, i = b;

	while (!view->shared->stop) {
		i = (i * 5 + 1) % PAGES;
		if (view->read(view, a + i * PAGE, &value))
			view->shared->refused++;
		else if (value != source_word(1, i * PAGE))
			view->shared->wrong++;
		view->shared->rounds++;
	}
	return 0;
}

TEST_F(huge, faults_race_with_revoke)
{
	uint64_t end = now_ns() + 1500000000ull, at;
	struct peer peers[2];
	unsigned int rounds = 0;
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, peer_start(&peers[i], PEER_STRANGER,
					self->window.fd, WINDOW_LENGTH));
		ASSERT_EQ(0, peer_begin(&peers[i], wander, BASE, i * 17));
	}
	while (now_ns() < end || rounds < 10) {
		ASSERT_EQ(0, grant(self, BASE, 0, HUGE, rounds % 2 ? R : RW));
		sched_yield();
		at = rounds * 7 % PAGES * PAGE;
		ASSERT_EQ(0, space_unmap(self->space, self->window.id,
					 BASE + at, PAGE));
		sched_yield();
		ASSERT_EQ(0, grant(self, BASE + at, at, PAGE, R));
		sched_yield();
		ASSERT_EQ(0, space_unmap(self->space, self->window.id, BASE,
					 HUGE));
		rounds++;
	}
	for (i = 0; i < 2; i++) {
		peers[i].shared->stop = 1;
		EXPECT_EQ(0, peer_end(&peers[i]));
		EXPECT_EQ(0, peers[i].shared->wrong);
		EXPECT_LT(0, peers[i].shared->rounds);
	}
}

TEST_HARNESS_MAIN
