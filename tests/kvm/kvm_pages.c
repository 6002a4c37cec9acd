// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sizes of the pages that KVM maps of a native memslot, by KVM's own count:
 * as large as grant and alignment allow, and never larger than what is granted.
 * And pages that are mapped before the guest asks for them.
 */
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "memory.h"
#include "proc.h"
#include "refusal.h"

#ifndef MFD_HUGE_1GB
#define MFD_HUGE_1GB (30U << 26)
#endif

#define BLOCKS		4
#define LENGTH		(BLOCKS * HUGE)
#define BLOCK_PAGES	(HUGE / PAGE)
#define GIGANTIC	MIB(1024)
#define GIGANTIC_POOL	"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"

/**
 * struct leaves - Pages that are mapped for the guest
 * @small: of 4 KiB
 * @huge: of 2 MiB
 * @gigantic: of 1 GiB
 */
struct leaves {
	int64_t small;
	int64_t huge;
	int64_t gigantic;
};

FIXTURE(pages) {
	struct mark mark;
	struct granted owner;
	struct vmm vm;
	uint64_t gpa;
	/* Those of the guest's ordinary memory */
	struct leaves own;
};

FIXTURE_VARIANT(pages) {
	struct sharing sharing;
};

FIXTURE_VARIANT_ADD(pages, native_thp) { NATIVE(SOURCE_THP) };
FIXTURE_VARIANT_ADD(pages, native_hugetlb) { NATIVE(SOURCE_HUGETLB) };
FIXTURE_VARIANT_ADD(pages, native_plain) { NATIVE_PLAIN(SOURCE_THP) };
FIXTURE_VARIANT_ADD(pages, native_mmio) { NATIVE_MMIO(SOURCE_THP) };

FIXTURE_SETUP(pages)
{
	int ret;

	mark_begin(&self->mark);
	ret = granted_open(&self->owner, &variant->sharing, LENGTH, LENGTH);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NOT_HERE);
	ASSERT_EQ(0, ret);
	source_fill(&self->owner.source, 7);
	ASSERT_EQ(0, vmm_create(&self->vm, 1));
}

FIXTURE_TEARDOWN_PARENT(pages)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(pages) pages_fixture;

static struct leaves all_leaves(pages_fixture *self)
{
	return (struct leaves) {
		.small = vmm_stat(&self->vm, "pages_4k"),
		.huge = vmm_stat(&self->vm, "pages_2m"),
		.gigantic = vmm_stat(&self->vm, "pages_1g"),
	};
}

static struct vmm_outcome run(pages_fixture *self, enum guest_command what,
			      uint64_t gpa, uint64_t length, uint64_t value)
{
	const struct guest_mailbox box = {
		.command = what, .address = gpa, .length = length,
		.value = value,
	};

	return vmm_run(&self->vm, 0, &box);
}

/* Brings in all of the guest's own memory, so that it does not count below. */
static int add_window_at(pages_fixture *self, uint64_t offset, uint64_t length,
			 uint64_t gpa)
{
	int ret;

	self->gpa = gpa;
	ret = vmm_add_window_at(&self->vm, 0, self->owner.way,
				self->owner.window.fd, offset, length, gpa);
	if (ret)
		return ret;
	run(self, GUEST_CHECK_PAGES, PAGE, vmm_ram_length() - PAGE, 0);
	self->own = all_leaves(self);
	return 0;
}

static int add_window(pages_fixture *self)
{
	return add_window_at(self, 0, LENGTH, vmm_window_gpa(0));
}

/* Leaves of the window. */
static void expect_leaves(struct __test_metadata *_metadata,
			  pages_fixture *self, int64_t small, int64_t huge,
			  int64_t gigantic)
{
	struct leaves now = all_leaves(self);

	EXPECT_EQ(small, now.small - self->own.small);
	EXPECT_EQ(huge, now.huge - self->own.huge);
	EXPECT_EQ(gigantic, now.gigantic - self->own.gigantic);
}

/* The guest reads a word of each page, which is that of @offset in the source. */
static void touch(struct __test_metadata *_metadata, pages_fixture *self,
		  uint64_t gpa, uint64_t length, uint64_t offset)
{
	struct vmm_outcome outcome = run(self, GUEST_CHECK_PAGES, gpa, length,
					 source_word(7, offset));

	EXPECT_EQ(VMM_OK, outcome.result)
		TH_LOG("%s at %#lx", vmm_result_name(outcome.result),
		       outcome.gpa);
	EXPECT_EQ(0, outcome.value);
}

TEST_F(pages, first_touch)
{
	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, granted_map(&self->owner, 0, LENGTH, RW));
	expect_leaves(_metadata, self, 0, 0, 0);
	/* Neither the first page of the block nor of the window */
	touch(_metadata, self, self->gpa + HUGE + 9 * PAGE, PAGE,
	      HUGE + 9 * PAGE);
	expect_leaves(_metadata, self, 0, 1, 0);
	touch(_metadata, self, self->gpa, LENGTH, 0);
	expect_leaves(_metadata, self, 0, BLOCKS, 0);
	EXPECT_EQ(VMM_OK, run(self, GUEST_FILL, self->gpa, LENGTH, 3).result);
	expect_leaves(_metadata, self, 0, BLOCKS, 0);
	ASSERT_EQ(0, granted_unmap(&self->owner, 0, LENGTH));
	expect_leaves(_metadata, self, 0, 0, 0);
}

TEST_F(pages, one_page_is_revoked)
{
	const uint64_t page = HUGE + 9 * PAGE;
	struct vmm_outcome outcome;

	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, granted_map(&self->owner, 0, LENGTH, RW));
	touch(_metadata, self, self->gpa, LENGTH, 0);
	expect_leaves(_metadata, self, 0, BLOCKS, 0);

	/* The block is gone as a whole when the call returns */
	ASSERT_EQ(0, granted_unmap(&self->owner, page, PAGE));
	expect_leaves(_metadata, self, 0, BLOCKS - 1, 0);
	touch(_metadata, self, self->gpa + HUGE, page - HUGE, HUGE);
	touch(_metadata, self, self->gpa + page + PAGE, 2 * HUGE - page - PAGE,
	      page + PAGE);
	expect_leaves(_metadata, self, BLOCK_PAGES - 1, BLOCKS - 1, 0);
	outcome = run(self, GUEST_READ, self->gpa + page, 0, 0);
	EXPECT_TRUE(refused_hole(self->owner.way, outcome, self->gpa + page,
				 ATTEMPT_READ));
	expect_leaves(_metadata, self, BLOCK_PAGES - 1, BLOCKS - 1, 0);
	/* The neighbours are as they were */
	touch(_metadata, self, self->gpa, HUGE, 0);
	touch(_metadata, self, self->gpa + 2 * HUGE, 2 * HUGE, 2 * HUGE);
	expect_leaves(_metadata, self, BLOCK_PAGES - 1, BLOCKS - 1, 0);

	/* Granted again, a page is a page */
	ASSERT_EQ(0, granted_map(&self->owner, page, PAGE, RW));
	touch(_metadata, self, self->gpa + HUGE, HUGE, HUGE);
	expect_leaves(_metadata, self, BLOCK_PAGES, BLOCKS - 1, 0);

	/* Granted anew, the block is a block */
	ASSERT_EQ(0, granted_unmap(&self->owner, HUGE, HUGE));
	expect_leaves(_metadata, self, 0, BLOCKS - 1, 0);
	ASSERT_EQ(0, granted_map(&self->owner, HUGE, HUGE, RW));
	touch(_metadata, self, self->gpa + HUGE, HUGE, HUGE);
	expect_leaves(_metadata, self, 0, BLOCKS, 0);
}

TEST_F(pages, part_of_a_block_is_granted)
{
	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, granted_map(&self->owner, 0, HUGE - PAGE, RW));
	ASSERT_EQ(0, granted_map(&self->owner, HUGE + PAGE, HUGE - PAGE, RW));
	touch(_metadata, self, self->gpa, HUGE - PAGE, 0);
	touch(_metadata, self, self->gpa + HUGE + PAGE, HUGE - PAGE,
	      HUGE + PAGE);
	expect_leaves(_metadata, self, 2 * (BLOCK_PAGES - 1), 0, 0);
}

/* Half a block may be written, half of it only be read. */
TEST_F(pages, two_rights_in_a_block)
{
	struct vmm_outcome outcome;
	const uint64_t half = HUGE / 2;

	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, granted_map(&self->owner, 0, half, RW));
	ASSERT_EQ(0, granted_map(&self->owner, half, half, R));
	touch(_metadata, self, self->gpa, HUGE, 0);
	expect_leaves(_metadata, self, BLOCK_PAGES, 0, 0);
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, self->gpa + half - 8, 0,
			      5).result);
	outcome = run(self, GUEST_WRITE, self->gpa + half + 8, 0, 5);
	EXPECT_TRUE(refused_readonly(self->owner.way, outcome,
				     self->gpa + half + 8, 5));
}

TEST_F(pages, readonly_block)
{
	struct vmm_outcome outcome;
	const uint64_t gpa = vmm_window_gpa(0) + 9 * PAGE;

	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, granted_map(&self->owner, 0, HUGE, R));
	touch(_metadata, self, self->gpa, HUGE, 0);
	expect_leaves(_metadata, self, 0, 1, 0);
	outcome = run(self, GUEST_WRITE, gpa, 0, 5);
	EXPECT_TRUE(refused_readonly(self->owner.way, outcome, gpa, 5));
	touch(_metadata, self, self->gpa, HUGE, 0);
	expect_leaves(_metadata, self, 0, 1, 0);
	EXPECT_EQ(source_word(7, 9 * PAGE),
		  *granted_word(&self->owner, 9 * PAGE));

	ASSERT_EQ(0, granted_unmap(&self->owner, 0, HUGE));
	ASSERT_EQ(0, granted_map(&self->owner, 0, HUGE, RW));
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, gpa, 0, 5).result);
	EXPECT_EQ(5, *granted_word(&self->owner, 9 * PAGE));
	expect_leaves(_metadata, self, 0, 1, 0);
}

/* Window, guest and memory have to agree on where a block begins. */
TEST_F(pages, window_is_shifted)
{
	ASSERT_EQ(0, add_window_at(self, PAGE, 2 * HUGE, vmm_window_gpa(0)));
	ASSERT_EQ(0, granted_map(&self->owner, 0, LENGTH, RW));
	touch(_metadata, self, self->gpa, 2 * HUGE, PAGE);
	expect_leaves(_metadata, self, 2 * BLOCK_PAGES, 0, 0);
	ASSERT_EQ(0, space_unmap_all(self->owner.space, self->owner.window.id));
	expect_leaves(_metadata, self, 0, 0, 0);
}

TEST_F(pages, guest_is_shifted)
{
	ASSERT_EQ(0, add_window_at(self, 0, 2 * HUGE, vmm_window_gpa(0) + PAGE));
	ASSERT_EQ(0, granted_map(&self->owner, 0, LENGTH, RW));
	touch(_metadata, self, self->gpa, 2 * HUGE, 0);
	expect_leaves(_metadata, self, 2 * BLOCK_PAGES, 0, 0);
}

TEST_F(pages, memory_is_shifted)
{
	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, source_grant(&self->owner.source, self->owner.space,
				  self->owner.window.id, 0, PAGE, 2 * HUGE, RW));
	touch(_metadata, self, self->gpa, 2 * HUGE, PAGE);
	expect_leaves(_metadata, self, 2 * BLOCK_PAGES, 0, 0);
}

/* Then there are blocks, but for those that the memslot has only in part. */
TEST_F(pages, window_and_guest_are_shifted_alike)
{
	const uint64_t length = 2 * HUGE;

	ASSERT_EQ(0, add_window_at(self, PAGE, length,
				   vmm_window_gpa(0) + PAGE));
	ASSERT_EQ(0, granted_map(&self->owner, 0, LENGTH, RW));
	touch(_metadata, self, self->gpa, length, PAGE);
	expect_leaves(_metadata, self, BLOCK_PAGES, 1, 0);
	EXPECT_EQ(VMM_OTHER, run(self, GUEST_READ, self->gpa + length, 0,
				 0).result);
	EXPECT_EQ(VMM_OTHER, run(self, GUEST_READ, self->gpa - 8, 0, 0).result);
}

TEST_F(pages, scratch_page_is_small)
{
	ASSERT_EQ(0, window_set_hole(self->owner.window.fd,
				     VHOST_GRANT_HOLE_SCRATCH));
	ASSERT_EQ(0, add_window(self));
	EXPECT_EQ(VMM_OK, run(self, GUEST_READ, self->gpa, 0, 0).result);
	expect_leaves(_metadata, self, 1, 0, 0);
	ASSERT_EQ(0, granted_map(&self->owner, 0, HUGE, RW));
	touch(_metadata, self, self->gpa, HUGE, 0);
	expect_leaves(_metadata, self, 0, 1, 0);
}

static int64_t page_faults(pages_fixture *self)
{
	return vmm_vcpu_stat(&self->vm, 0, "pf_taken");
}

static uint64_t violations(struct granted *owner)
{
	struct vhost_grant_query query;

	if (space_query(owner->space, owner->window.id, &query))
		return UINT64_MAX;
	return query.out_violations_hole + query.out_violations_readonly;
}

TEST_F(pages, prefault)
{
	int64_t faults;

	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, granted_map(&self->owner, 0, LENGTH, RW));
	ASSERT_EQ(LENGTH, vmm_prefault(&self->vm, 0, self->gpa, LENGTH));
	expect_leaves(_metadata, self, 0, BLOCKS, 0);
	faults = page_faults(self);
	touch(_metadata, self, self->gpa, LENGTH, 0);
	EXPECT_EQ(VMM_OK, run(self, GUEST_FILL, self->gpa, LENGTH, 3).result);
	EXPECT_EQ(faults, page_faults(self));
	expect_leaves(_metadata, self, 0, BLOCKS, 0);
	/* Again, it changes nothing */
	EXPECT_EQ(LENGTH, vmm_prefault(&self->vm, 0, self->gpa, LENGTH));
	expect_leaves(_metadata, self, 0, BLOCKS, 0);
}

/* A vCPU that has not run since must not take its old page table for good. */
TEST_F(pages, prefault_after_a_slot_was_deleted)
{
	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, granted_map(&self->owner, 0, LENGTH, RW));
	touch(_metadata, self, self->gpa, LENGTH, 0);
	ASSERT_EQ(0, vmm_remove_window(&self->vm, 0));
	ASSERT_EQ(0, vmm_add_window_at(&self->vm, 0, self->owner.way,
				       self->owner.window.fd, 0, LENGTH,
				       self->gpa));
	EXPECT_EQ(LENGTH, vmm_prefault(&self->vm, 0, self->gpa, LENGTH));
}

TEST_F(pages, prefault_of_pages)
{
	const uint64_t first = 3 * PAGE, nr = 16;
	int64_t faults;

	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, granted_map(&self->owner, first, nr * PAGE, RW));
	ASSERT_EQ(nr * PAGE, vmm_prefault(&self->vm, 0, self->gpa + first,
					  nr * PAGE));
	expect_leaves(_metadata, self, nr, 0, 0);
	faults = page_faults(self);
	touch(_metadata, self, self->gpa + first, nr * PAGE, first);
	EXPECT_EQ(faults, page_faults(self));
	ASSERT_EQ(0, granted_unmap(&self->owner, first, nr * PAGE));
	expect_leaves(_metadata, self, 0, 0, 0);
}

/* It ends at a hole, which is nobody's violation. */
TEST_F(pages, prefault_meets_a_hole)
{
	const uint64_t hole = 4 * PAGE;

	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, granted_map(&self->owner, 0, hole, RW));
	ASSERT_EQ(0, granted_map(&self->owner, hole + PAGE, PAGE, R));
	drop_events(self->owner.space);
	EXPECT_EQ(hole, vmm_prefault(&self->vm, 0, self->gpa, 8 * PAGE));
	expect_leaves(_metadata, self, 4, 0, 0);
	EXPECT_EQ(-ENOENT, vmm_prefault(&self->vm, 0, self->gpa + hole,
					4 * PAGE));
	EXPECT_EQ(PAGE, vmm_prefault(&self->vm, 0, self->gpa + hole + PAGE,
				     4 * PAGE));
	expect_leaves(_metadata, self, 5, 0, 0);
	EXPECT_EQ(-ENOENT, vmm_prefault(&self->vm, 0, self->gpa + HUGE, HUGE));
	expect_leaves(_metadata, self, 5, 0, 0);
	EXPECT_EQ(0, violations(&self->owner));
	ASSERT_EQ(0, space_unmap_all(self->owner.space, self->owner.window.id));
	EXPECT_EQ(-ENOENT, vmm_prefault(&self->vm, 0, self->gpa, PAGE));
	EXPECT_EQ(0, violations(&self->owner));
	expect_leaves(_metadata, self, 0, 0, 0);
}

/* What was mapped in advance is revoked as anything else. */
TEST_F(pages, prefault_and_revoke)
{
	struct vmm_outcome outcome;

	ASSERT_EQ(0, add_window(self));
	ASSERT_EQ(0, granted_map(&self->owner, 0, HUGE, R));
	ASSERT_EQ(HUGE, vmm_prefault(&self->vm, 0, self->gpa, HUGE));
	outcome = run(self, GUEST_WRITE, self->gpa + 8, 0, 5);
	EXPECT_TRUE(refused_readonly(self->owner.way, outcome, self->gpa + 8,
				     5));
	ASSERT_EQ(0, granted_unmap(&self->owner, 0, PAGE));
	expect_leaves(_metadata, self, 0, 0, 0);
	outcome = run(self, GUEST_READ, self->gpa, 0, 0);
	EXPECT_TRUE(refused_hole(self->owner.way, outcome, self->gpa,
				 ATTEMPT_READ));
}

/* Hugetlb pages of 1 GiB, if the machine can find one. */
static int open_gigantic(struct source *source)
{
	*source = (struct source) {
		.kind = SOURCE_HUGETLB, .length = GIGANTIC, .fd = -1,
	};
	if (proc_write(GIGANTIC_POOL, "1") || proc_number(GIGANTIC_POOL) < 1)
		return -EOPNOTSUPP;
	source->fd = source_memfd(GIGANTIC, MFD_HUGETLB | MFD_HUGE_1GB);
	if (source->fd < 0)
		return source->fd;
	source->memory = mmap(NULL, GIGANTIC, PROT_READ | PROT_WRITE,
			      MAP_SHARED, source->fd, 0);
	return source->memory == MAP_FAILED ? -errno : 0;
}

FIXTURE(gigantic) {
	struct mark mark;
	pages_fixture is;
};

FIXTURE_SETUP(gigantic)
{
	struct granted *owner = &self->is.owner;
	int ret;

	mark_begin(&self->mark);
	owner->way = VMM_NATIVE;
	if (!kvm_knows_way(owner->way))
		SKIP(return, NOT_HERE);
	ret = open_gigantic(&owner->source);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "no page of 1 GiB on this machine");
	ASSERT_EQ(0, ret);
	owner->space = space_open();
	ASSERT_LE(0, owner->space);
	ASSERT_EQ(0, space_window(owner->space, 2 * GIGANTIC,
				  VHOST_GRANT_WINDOW_KVM_ONLY, &owner->window));
	ASSERT_EQ(0, vmm_create(&self->is.vm, 1));
	ASSERT_EQ(0, add_window_at(&self->is, 0, GIGANTIC, vmm_window_gpa(0)));
}

FIXTURE_TEARDOWN_PARENT(gigantic)
{
	proc_write(GIGANTIC_POOL, "0");
	MARK_END(&self->mark);
}

TEST_F_TIMEOUT(gigantic, page, 120)
{
	pages_fixture *is = &self->is;
	const uint64_t gpa = is->gpa + 77 * HUGE + 9 * PAGE;

	*granted_word(&is->owner, 77 * HUGE + 9 * PAGE) = 5;
	ASSERT_EQ(0, granted_map(&is->owner, 0, GIGANTIC, RW));
	EXPECT_EQ(5, run(is, GUEST_READ, gpa, 0, 0).value);
	expect_leaves(_metadata, is, 0, 0, 1);
	ASSERT_EQ(0, granted_unmap(&is->owner, 77 * HUGE, PAGE));
	expect_leaves(_metadata, is, 0, 0, 0);
	EXPECT_TRUE(refused_hole(is->owner.way,
				 run(is, GUEST_READ, is->gpa + 77 * HUGE, 0, 0),
				 is->gpa + 77 * HUGE, ATTEMPT_READ));
	EXPECT_EQ(5, run(is, GUEST_READ, gpa, 0, 0).value);
	expect_leaves(_metadata, is, 1, 0, 0);
	EXPECT_EQ(VMM_OK, run(is, GUEST_WRITE, is->gpa + 78 * HUGE, 0,
			      6).result);
	EXPECT_EQ(6, *granted_word(&is->owner, 78 * HUGE));
	expect_leaves(_metadata, is, 1, 1, 0);
}

TEST_HARNESS_MAIN
