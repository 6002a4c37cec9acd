// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page that is granted read-only is never written on behalf of a guest: not
 * by its own stores, not by KVM that emulates an instruction, not by the CPU
 * that walks page tables in it, and not by the host kernel for a
 * paravirtualised device. What the guest tried is refused, or the scratch page
 * takes it.
 */
#include "kselftest_harness.h"
#include "mark.h"
#include "memory.h"
#include "refusal.h"
#include "vmpeer.h"

#define WINDOW_LENGTH	MIB(8)
#define SOURCE_LENGTH	MIB(2)
#define AT		(3 * PAGE)
#define OLD		0x1122334455667788

/* Of KVM's paravirtual interface */
#define MSR_WALL_CLOCK	0x4b564d00
#define MSR_SYSTEM_TIME	0x4b564d01
#define MSR_STEAL_TIME	0x4b564d03

FIXTURE(readonly) {
	struct mark mark;
	struct granted owner;
	struct vmpeer vm;
};

FIXTURE_VARIANT(readonly) {
	struct sharing sharing;
	/* Whether the guest has read the page before */
	bool present;
};

FIXTURE_VARIANT_ADD(readonly, mapped_anon) { MAPPED(SOURCE_ANON), false };
FIXTURE_VARIANT_ADD(readonly, mapped_anon_present) { MAPPED(SOURCE_ANON), true };
FIXTURE_VARIANT_ADD(readonly, mapped_thp) { MAPPED(SOURCE_THP), false };
FIXTURE_VARIANT_ADD(readonly, mapped_memfd) { MAPPED(SOURCE_MEMFD), false };
FIXTURE_VARIANT_ADD(readonly, mapped_memfd_present) { MAPPED(SOURCE_MEMFD), true };
FIXTURE_VARIANT_ADD(readonly, mapped_hugetlb) { MAPPED(SOURCE_HUGETLB), false };
FIXTURE_VARIANT_ADD(readonly, native_anon) { NATIVE(SOURCE_ANON), false };
FIXTURE_VARIANT_ADD(readonly, native_anon_present) { NATIVE(SOURCE_ANON), true };
FIXTURE_VARIANT_ADD(readonly, native_thp_present) { NATIVE(SOURCE_THP), true };
FIXTURE_VARIANT_ADD(readonly, native_memfd) { NATIVE(SOURCE_MEMFD), false };
FIXTURE_VARIANT_ADD(readonly, native_hugetlb) { NATIVE(SOURCE_HUGETLB), false };
FIXTURE_VARIANT_ADD(readonly, native_plain) { NATIVE_PLAIN(SOURCE_ANON), false };
FIXTURE_VARIANT_ADD(readonly, native_mmio) { NATIVE_MMIO(SOURCE_ANON), true };

typedef FIXTURE_DATA(readonly) readonly_fixture;

static struct vmm_outcome run(readonly_fixture *self, enum guest_command what,
			      uint64_t iova, uint64_t value)
{
	const struct guest_mailbox box = {
		.command = what, .address = vmm_window_gpa(0) + iova,
		.length = 8, .value = value, .other = OLD, .count = 1,
	};

	return vmpeer_run(&self->vm, 0, &box);
}

static bool store_is_refused(readonly_fixture *self, uint64_t iova,
			     uint64_t value)
{
	return refused_readonly(self->owner.way,
				run(self, GUEST_WRITE, iova, value),
				vmm_window_gpa(0) + iova, value);
}

static void fill_page(readonly_fixture *self)
{
	unsigned int i;

	for (i = 0; i < PAGE; i += 8)
		*granted_word(&self->owner, AT + i) = OLD;
}

static bool page_is_unchanged(readonly_fixture *self)
{
	unsigned int i;

	for (i = 0; i < PAGE; i += 8)
		if (*granted_word(&self->owner, AT + i) != OLD)
			return false;
	return true;
}

static int set_up(readonly_fixture *self, const struct sharing *sharing)
{
	int ret = granted_open(&self->owner, sharing, WINDOW_LENGTH,
			       SOURCE_LENGTH);

	if (ret)
		return ret;
	fill_page(self);
	ret = granted_map(&self->owner, AT, PAGE, R);
	if (ret)
		return ret;
	return vmpeer_start(&self->vm, PEER_STRANGER, self->owner.way,
			    &self->owner.window, 1);
}

FIXTURE_SETUP(readonly)
{
	int ret;

	mark_begin(&self->mark);
	ret = set_up(self, &variant->sharing);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NOT_HERE);
	ASSERT_EQ(0, ret);
	if (variant->present)
		ASSERT_EQ(OLD, run(self, GUEST_READ, AT, 0).value);
}

FIXTURE_TEARDOWN_PARENT(readonly)
{
	MARK_END(&self->mark);
}

TEST_F(readonly, store)
{
	struct vhost_grant_event event;

	drop_events(self->owner.space);
	ASSERT_TRUE(store_is_refused(self, AT + 8, 5));
	EXPECT_TRUE(page_is_unchanged(self));
	ASSERT_TRUE(next_event(self->owner.space, &event));
	EXPECT_EQ(VHOST_GRANT_EVENT_VIOLATION, event.type);
	EXPECT_EQ(self->owner.window.id, event.window);
	EXPECT_EQ(AT, event.iova);
	EXPECT_EQ(VHOST_GRANT_WRITE, event.access);
	EXPECT_EQ(OLD, run(self, GUEST_READ, AT + 8, 0).value);
	EXPECT_TRUE(page_is_unchanged(self));
}

TEST_F(readonly, every_kind_of_store)
{
	static const enum guest_command stores[] = {
		GUEST_WRITE, GUEST_FETCH_ADD, GUEST_COMPARE_EXCHANGE,
		GUEST_FILL, GUEST_COPY, GUEST_INPUT, GUEST_LOOP_WRITE,
		GUEST_LOOP_ADD,
	};
	struct vmm_outcome outcome;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stores); i++) {
		outcome = run(self, stores[i], AT, 5);
		EXPECT_NE(VMM_OK, outcome.result)
			TH_LOG("command %d succeeded", stores[i]);
		EXPECT_TRUE(page_is_unchanged(self))
			TH_LOG("command %d wrote", stores[i]);
	}
	EXPECT_EQ(OLD, run(self, GUEST_READ, AT, 0).value);
}

/* A compare-exchange that fails its comparison writes back what it read. */
TEST_F(readonly, compare_exchange_that_fails)
{
	const struct guest_mailbox box = {
		.command = GUEST_COMPARE_EXCHANGE, .other = ~OLD, .value = 5,
		.address = vmm_window_gpa(0) + AT,
	};

	vmpeer_run(&self->vm, 0, &box);
	EXPECT_TRUE(page_is_unchanged(self));
}

TEST_F(readonly, store_across_the_border)
{
	ASSERT_EQ(0, granted_map(&self->owner, AT + PAGE, PAGE, RW));
	EXPECT_NE(VMM_OK, run(self, GUEST_WRITE, AT + PAGE - 4, -1).result);
	EXPECT_TRUE(page_is_unchanged(self));
}

/* More rights, and fewer, take a new grant; KVM must not remember the old. */
TEST_F(readonly, rights_follow_the_grant)
{
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(store_is_refused(self, AT, 5));
		EXPECT_TRUE(page_is_unchanged(self));
		ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
		ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
		EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, AT, 5).result);
		EXPECT_EQ(5, *granted_word(&self->owner, AT));
		EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, AT, OLD).result);
		ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
		ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, R));
	}
}

/* The same page with both rights, at two places of the window. */
TEST_F(readonly, alias_with_more_rights)
{
	ASSERT_EQ(0, source_grant(&self->owner.source, self->owner.space,
				  self->owner.window.id, 0, AT, PAGE, RW));
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, 0, OLD).result);
	EXPECT_TRUE(store_is_refused(self, AT, 5));
	EXPECT_TRUE(page_is_unchanged(self));
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, 0, 6).result);
	EXPECT_EQ(6, *granted_word(&self->owner, AT));
}

/*
 * The page is a page table of the guest, whose accessed and dirty bits the CPU
 * would set, and KVM too when it walks the table for an instruction that it
 * emulates.
 */
static void walk(struct __test_metadata *_metadata, readonly_fixture *self,
		 uint64_t bits)
{
	static const enum guest_command commands[] = {
		GUEST_READ, GUEST_WRITE, GUEST_FETCH_ADD, GUEST_INPUT,
		GUEST_OUTPUT,
	};
	const uint64_t entry = vmm_spare_gpa() | bits;
	struct guest_mailbox box = { .length = 8 };
	uint64_t va;
	size_t i;

	/* The guest may have a read-only mapping of the table, or none */
	*granted_word(&self->owner, AT) = entry;
	va = vmpeer_use_page_table(&self->vm, vmm_window_gpa(0) + AT);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		box.command = commands[i];
		box.address = va;
		vmpeer_run(&self->vm, 0, &box);
		EXPECT_EQ(entry, *granted_word(&self->owner, AT))
			TH_LOG("command %d changed the entry", commands[i]);
	}
	*granted_word(&self->owner, AT) = OLD;
	EXPECT_TRUE(page_is_unchanged(self));
}

TEST_F(readonly, page_table_without_accessed)
{
	walk(_metadata, self, 0x07);
}

TEST_F(readonly, page_table_without_dirty)
{
	walk(_metadata, self, 0x27);
}

/* Control: with the right to write, the same walk does set the bits. */
TEST_F(readonly, page_table_in_a_writable_page)
{
	struct guest_mailbox box = { .command = GUEST_WRITE, .value = 1 };

	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	*granted_word(&self->owner, AT) = vmm_spare_gpa() | 0x07;
	box.address = vmpeer_use_page_table(&self->vm, vmm_window_gpa(0) + AT);
	ASSERT_EQ(VMM_OK, vmpeer_run(&self->vm, 0, &box).result);
	EXPECT_EQ(vmm_spare_gpa() | 0x67, *granted_word(&self->owner, AT));
}

/* The host kernel itself writes to pages that the guest names in these MSRs. */
TEST_F(readonly, paravirtual_clock)
{
	static const uint32_t msrs[] = {
		MSR_WALL_CLOCK, MSR_SYSTEM_TIME, MSR_STEAL_TIME,
	};
	struct guest_mailbox box = { .command = GUEST_WRITE_MSR };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		box.other = msrs[i];
		box.value = (vmm_window_gpa(0) + AT) |
			    (msrs[i] != MSR_WALL_CLOCK);
		vmpeer_run(&self->vm, 0, &box);
		run(self, GUEST_READ, AT, 0);
		EXPECT_TRUE(page_is_unchanged(self))
			TH_LOG("MSR 0x%x", msrs[i]);
	}
}

/*
 * Control: with the right to write, the host does write there, unless it has no
 * address for it.
 */
TEST_F(readonly, paravirtual_clock_in_a_writable_page)
{
	const struct guest_mailbox box = {
		.command = GUEST_WRITE_MSR, .other = MSR_SYSTEM_TIME,
		.value = (vmm_window_gpa(0) + AT) | 1,
	};

	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	vmpeer_run(&self->vm, 0, &box);
	run(self, GUEST_READ, AT, 0);
	EXPECT_EQ(self->owner.way != VMM_MAPPED, page_is_unchanged(self));
}

/* A window that is to show its scratch page rather than to refuse. */
FIXTURE(scratch) {
	readonly_fixture is;
	bool present;
};

FIXTURE_VARIANT(scratch) {
	struct sharing sharing;
	bool present;
};

FIXTURE_VARIANT_ADD(scratch, mapped_anon) { MAPPED(SOURCE_ANON), false };
FIXTURE_VARIANT_ADD(scratch, mapped_anon_present) { MAPPED(SOURCE_ANON), true };
FIXTURE_VARIANT_ADD(scratch, mapped_thp_present) { MAPPED(SOURCE_THP), true };
FIXTURE_VARIANT_ADD(scratch, native_anon) { NATIVE(SOURCE_ANON), false };
FIXTURE_VARIANT_ADD(scratch, native_anon_present) { NATIVE(SOURCE_ANON), true };
FIXTURE_VARIANT_ADD(scratch, native_thp_present) { NATIVE(SOURCE_THP), true };
FIXTURE_VARIANT_ADD(scratch, native_hugetlb) { NATIVE(SOURCE_HUGETLB), false };
FIXTURE_VARIANT_ADD(scratch, native_mmio) { NATIVE_MMIO(SOURCE_ANON), true };

typedef FIXTURE_DATA(scratch) scratch_fixture;

static int set_hole(readonly_fixture *is, enum vhost_grant_hole hole)
{
	return window_set_hole(is->owner.window.fd, hole);
}

/* As at first: the guest has read the page, or not. */
static void renew(struct __test_metadata *_metadata, scratch_fixture *self)
{
	readonly_fixture *is = &self->is;

	ASSERT_EQ(0, granted_unmap(&is->owner, AT, PAGE));
	ASSERT_EQ(0, granted_map(&is->owner, AT, PAGE, R));
	if (self->present)
		ASSERT_EQ(OLD, run(is, GUEST_READ, AT, 0).value);
}

FIXTURE_SETUP(scratch)
{
	readonly_fixture *is = &self->is;
	int ret;

	mark_begin(&is->mark);
	self->present = variant->present;
	ret = set_up(is, &variant->sharing);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NOT_HERE);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, set_hole(is, VHOST_GRANT_HOLE_SCRATCH));
	renew(_metadata, self);
}

FIXTURE_TEARDOWN_PARENT(scratch)
{
	MARK_END(&self->is.mark);
}

static void write_to_scratch(struct __test_metadata *_metadata,
			     readonly_fixture *is, uint64_t value)
{
	EXPECT_EQ(VMM_OK, run(is, GUEST_WRITE, AT, value).result);
	EXPECT_EQ(value, run(is, GUEST_READ, AT, 0).value);
	EXPECT_EQ(value, run(is, GUEST_READ, 0, 0).value);
	EXPECT_TRUE(page_is_unchanged(is));
}

TEST_F(scratch, store)
{
	readonly_fixture *is = &self->is;
	struct vhost_grant_event event;

	drop_events(is->owner.space);
	ASSERT_EQ(VMM_OK, run(is, GUEST_WRITE, AT, 5).result);
	ASSERT_TRUE(next_event(is->owner.space, &event));
	EXPECT_EQ(VHOST_GRANT_EVENT_VIOLATION, event.type);
	EXPECT_EQ(AT, event.iova);
	EXPECT_EQ(1, event.count);
	EXPECT_EQ(VHOST_GRANT_WRITE, event.access);
	write_to_scratch(_metadata, is, 6);
}

/*
 * KVM that is not ours emulates a store where the guest has read before in the
 * mapped way, and not every one can be emulated. In the native way it has no
 * address for what it emulates anyway.
 */
static bool kvm_can(scratch_fixture *self, enum guest_command what)
{
	const bool mapped = self->is.owner.way == VMM_MAPPED;

	if (what == GUEST_INPUT)
		return mapped;
	return what != GUEST_STORE_VECTOR || !mapped || !self->present ||
	       kvm_knows_way(VMM_NATIVE);
}

TEST_F(scratch, every_kind_of_store)
{
	static const enum guest_command stores[] = {
		GUEST_WRITE, GUEST_FETCH_ADD, GUEST_COMPARE_EXCHANGE,
		GUEST_FILL, GUEST_COPY, GUEST_INPUT, GUEST_STORE_VECTOR,
		GUEST_LOOP_WRITE, GUEST_LOOP_ADD,
	};
	struct guest_mailbox box = {
		.address = vmm_window_gpa(0) + AT, .length = 8, .value = 5,
		.other = vmm_spare_gpa(), .count = 1,
	};
	readonly_fixture *is = &self->is;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stores); i++) {
		if (!kvm_can(self, stores[i]))
			continue;
		renew(_metadata, self);
		box.command = stores[i];
		EXPECT_EQ(VMM_OK, vmpeer_run(&is->vm, 0, &box).result)
			TH_LOG("command %d did not succeed", stores[i]);
		EXPECT_TRUE(page_is_unchanged(is))
			TH_LOG("command %d wrote", stores[i]);
	}
}

/* In the call that grants, the page is back. */
TEST_F(scratch, until_granted_again)
{
	readonly_fixture *is = &self->is;
	int i;

	for (i = 0; i < 4; i++) {
		write_to_scratch(_metadata, is, 5 + i);
		ASSERT_EQ(0, granted_unmap(&is->owner, AT, PAGE));
		if (i % 2)
			EXPECT_EQ(5 + i, run(is, GUEST_READ, AT, 0).value);
		ASSERT_EQ(0, granted_map(&is->owner, AT, PAGE, RW));
		EXPECT_EQ(OLD, run(is, GUEST_READ, AT, 0).value);
		EXPECT_EQ(VMM_OK, run(is, GUEST_WRITE, AT, 7).result);
		EXPECT_EQ(7, *granted_word(&is->owner, AT));
		*granted_word(&is->owner, AT) = OLD;
		renew(_metadata, self);
	}
}

TEST_F(scratch, until_the_policy_changes)
{
	readonly_fixture *is = &self->is;

	write_to_scratch(_metadata, is, 5);
	ASSERT_EQ(0, set_hole(is, VHOST_GRANT_HOLE_FAULT));
	EXPECT_EQ(OLD, run(is, GUEST_READ, AT, 0).value);
	EXPECT_TRUE(store_is_refused(is, AT, 6));
	EXPECT_TRUE(page_is_unchanged(is));
	ASSERT_EQ(0, set_hole(is, VHOST_GRANT_HOLE_SCRATCH));
	write_to_scratch(_metadata, is, 7);
}

/* Pages of the block that do not show what is granted */
static uint64_t other_pages(readonly_fixture *is)
{
	const struct guest_mailbox box = {
		.command = GUEST_CHECK_PAGES, .address = vmm_window_gpa(0),
		.length = HUGE, .value = OLD,
	};

	return vmpeer_run(&is->vm, 0, &box).value;
}

static void write_in_block(struct __test_metadata *_metadata,
			   readonly_fixture *is, uint64_t value)
{
	uint64_t others;

	EXPECT_EQ(VMM_OK, run(is, GUEST_WRITE, AT, value).result);
	EXPECT_EQ(value, run(is, GUEST_READ, AT, 0).value);
	others = other_pages(is);
	EXPECT_GE(1, others);
	if (is->owner.way == VMM_MAPPED)
		EXPECT_EQ(1, others);
}

/*
 * The other pages of a huge one are as they were. If one of them is read, KVM may
 * map the block as a whole in the native way, and then the guest finds what is
 * granted.
 */
TEST_F(scratch, page_of_a_block)
{
	readonly_fixture *is = &self->is;
	struct granted *owner = &is->owner;
	uint64_t page;
	int i;

	ASSERT_EQ(0, granted_unmap(owner, AT, PAGE));
	for (page = 0; page < HUGE / PAGE; page++)
		*granted_word(owner, page * PAGE) = OLD + page;
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, granted_map(owner, 0, HUGE, R));
		if (self->present)
			EXPECT_EQ(0, other_pages(is));
		write_in_block(_metadata, is, 5);
		write_in_block(_metadata, is, 6);
		EXPECT_EQ(OLD + AT / PAGE, *granted_word(owner, AT));
		ASSERT_EQ(0, granted_unmap(owner, 0, HUGE));
		ASSERT_EQ(0, granted_map(owner, 0, HUGE, R));
		EXPECT_EQ(0, other_pages(is));
		ASSERT_EQ(0, granted_unmap(owner, 0, HUGE));
	}
}

/* It is the guest that has written, and no other. */
TEST_F(scratch, of_one_guest)
{
	readonly_fixture *is = &self->is, other = *is;

	ASSERT_EQ(0, vmpeer_start(&other.vm, PEER_STRANGER, is->owner.way,
				  &is->owner.window, 1));
	EXPECT_EQ(OLD, run(&other, GUEST_READ, AT, 0).value);
	write_to_scratch(_metadata, is, 5);
	EXPECT_EQ(OLD, run(&other, GUEST_READ, AT, 0).value);
	ASSERT_EQ(0, granted_unmap(&is->owner, AT, PAGE));
	EXPECT_EQ(5, run(&other, GUEST_READ, AT, 0).value);
	vmpeer_stop(&other.vm);
}

TEST_F(scratch, page_table_without_dirty)
{
	walk(_metadata, &self->is, 0x27);
}

TEST_HARNESS_MAIN
