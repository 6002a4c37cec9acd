// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest can do with a window that is its memslot: all that is granted,
 * nothing else, and nothing any more once it is revoked.
 */
#include "kselftest_harness.h"
#include "mark.h"
#include "memory.h"
#include "proc.h"
#include "refusal.h"
#include "vmpeer.h"

#define WINDOW_LENGTH	MIB(8)
#define SOURCE_LENGTH	MIB(4)
/* Where most tests grant pages: neither the first nor the last of a block */
#define AT		(HUGE + 5 * PAGE)

FIXTURE(guest) {
	struct mark mark;
	struct granted owner;
	struct vmpeer vm;
};

FIXTURE_VARIANT(guest) {
	struct sharing sharing;
};

FIXTURE_VARIANT_ADD(guest, mapped_anon) { MAPPED(SOURCE_ANON) };
FIXTURE_VARIANT_ADD(guest, mapped_thp) { MAPPED(SOURCE_THP) };
FIXTURE_VARIANT_ADD(guest, mapped_memfd) { MAPPED(SOURCE_MEMFD) };
FIXTURE_VARIANT_ADD(guest, mapped_hugetlb) { MAPPED(SOURCE_HUGETLB) };
FIXTURE_VARIANT_ADD(guest, native_anon) { NATIVE(SOURCE_ANON) };
FIXTURE_VARIANT_ADD(guest, native_thp) { NATIVE(SOURCE_THP) };
FIXTURE_VARIANT_ADD(guest, native_memfd) { NATIVE(SOURCE_MEMFD) };
FIXTURE_VARIANT_ADD(guest, native_hugetlb) { NATIVE(SOURCE_HUGETLB) };
FIXTURE_VARIANT_ADD(guest, native_plain) { NATIVE_PLAIN(SOURCE_ANON) };
FIXTURE_VARIANT_ADD(guest, native_mmio) { NATIVE_MMIO(SOURCE_ANON) };

FIXTURE_SETUP(guest)
{
	int ret;

	mark_begin(&self->mark);
	ret = granted_open(&self->owner, &variant->sharing, WINDOW_LENGTH,
			   SOURCE_LENGTH);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NOT_HERE);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vmpeer_start(&self->vm, PEER_STRANGER, self->owner.way,
				  &self->owner.window, 1));
}

FIXTURE_TEARDOWN_PARENT(guest)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(guest) guest_fixture;

static struct guest_mailbox command(enum guest_command what, uint64_t iova,
				    uint64_t value)
{
	return (struct guest_mailbox) {
		.command = what, .address = vmm_window_gpa(0) + iova,
		.value = value, .count = UINT64_MAX,
		.yield_every = beats_to_yield(),
	};
}

static struct vmm_outcome run(guest_fixture *self, enum guest_command what,
			      uint64_t iova, uint64_t value)
{
	struct guest_mailbox box = command(what, iova, value);

	return vmpeer_run(&self->vm, 0, &box);
}

static struct vmm_outcome run_range(guest_fixture *self,
				    enum guest_command what, uint64_t iova,
				    uint64_t length, uint64_t value)
{
	struct guest_mailbox box = command(what, iova, value);

	box.length = length;
	box.other = vmm_spare_gpa();
	return vmpeer_run(&self->vm, 0, &box);
}

/* mov $42, %eax; ret */
static void put_function(struct granted *owner, uint64_t offset)
{
	static const uint8_t return_42[] = { 0xb8, 42, 0, 0, 0, 0xc3 };

	memcpy((void *)granted_word(owner, offset), return_42,
	       sizeof(return_42));
}

TEST_F(guest, words)
{
	volatile uint64_t *word = granted_word(&self->owner, AT);

	*word = 5;
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	EXPECT_EQ(5, run(self, GUEST_READ, AT, 0).value);
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, AT, 6).result);
	EXPECT_EQ(6, *word);
	EXPECT_EQ(6, run(self, GUEST_FETCH_ADD, AT, 4).value);
	EXPECT_EQ(10, *word);
	*word = 11;
	EXPECT_EQ(11, run(self, GUEST_READ, AT, 0).value);
}

/* The first access of a page is a write, and then an atomic one. */
TEST_F(guest, first_access)
{
	ASSERT_EQ(0, granted_map(&self->owner, AT, 4 * PAGE, RW));
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, AT, 6).result);
	EXPECT_EQ(6, *granted_word(&self->owner, AT));
	EXPECT_EQ(VMM_OK, run(self, GUEST_FETCH_ADD, AT + PAGE, 7).result);
	EXPECT_EQ(7, *granted_word(&self->owner, AT + PAGE));
	put_function(&self->owner, AT + 2 * PAGE);
	EXPECT_EQ(42, run(self, GUEST_EXECUTE, AT + 2 * PAGE, 0).value);
}

TEST_F(guest, execute)
{
	put_function(&self->owner, AT);
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, R));
	EXPECT_EQ(42, run(self, GUEST_EXECUTE, AT, 0).value);
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	EXPECT_TRUE(refused_hole(self->owner.way,
				 run(self, GUEST_EXECUTE, AT, 0),
				 vmm_window_gpa(0) + AT, ATTEMPT_FETCH));
}

/* Last page first: on a huge page that is where KVM has had its trouble. */
TEST_F(guest, every_page)
{
	struct vmm_outcome outcome;

	source_fill(&self->owner.source, 3);
	ASSERT_EQ(0, granted_map(&self->owner, 0, SOURCE_LENGTH, RW));
	outcome = run_range(self, GUEST_CHECK_PAGES, 0, SOURCE_LENGTH,
			    source_word(3, 0));
	ASSERT_EQ(VMM_OK, outcome.result);
	EXPECT_EQ(0, outcome.value);
	ASSERT_EQ(VMM_OK, run_range(self, GUEST_FILL, 0, SOURCE_LENGTH,
				    9).result);
	EXPECT_EQ(9, *granted_word(&self->owner, 0));
	EXPECT_EQ(9, *granted_word(&self->owner, SOURCE_LENGTH - 8));
	*granted_word(&self->owner, HUGE + 8) = 8;
	EXPECT_EQ(1, run_range(self, GUEST_CHECK, 0, SOURCE_LENGTH, 9).value);
}

/* The guest is refused, and the owner learns where and how it tried. */
static void expect_hole(struct __test_metadata *_metadata, guest_fixture *self,
			enum guest_command what, uint64_t iova,
			enum attempt attempt)
{
	const bool write = attempt == ATTEMPT_WRITE || attempt == ATTEMPT_UPDATE;
	struct vhost_grant_event event;

	drop_events(self->owner.space);
	EXPECT_TRUE(refused_hole(self->owner.way, run(self, what, iova, 1),
				 vmm_window_gpa(0) + iova, attempt))
		TH_LOG("command %d at 0x%lx", what, iova);
	ASSERT_TRUE(next_event(self->owner.space, &event));
	EXPECT_EQ(VHOST_GRANT_EVENT_VIOLATION, event.type);
	EXPECT_EQ(self->owner.window.id, event.window);
	EXPECT_EQ(iova & ~(PAGE - 1), event.iova);
	EXPECT_EQ(write ? VHOST_GRANT_WRITE : VHOST_GRANT_READ, event.access);
	EXPECT_LE(1, event.count);
}

TEST_F(guest, hole)
{
	expect_hole(_metadata, self, GUEST_READ, AT, ATTEMPT_READ);
	expect_hole(_metadata, self, GUEST_WRITE, AT + PAGE, ATTEMPT_WRITE);
	expect_hole(_metadata, self, GUEST_FETCH_ADD, AT + 2 * PAGE,
		    ATTEMPT_UPDATE);
	expect_hole(_metadata, self, GUEST_EXECUTE, AT + 3 * PAGE,
		    ATTEMPT_FETCH);
	expect_hole(_metadata, self, GUEST_READ, WINDOW_LENGTH - 8,
		    ATTEMPT_READ);
}

TEST_F(guest, neighbours_of_a_grant)
{
	ASSERT_EQ(0, granted_map(&self->owner, AT, 2 * PAGE, RW));
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, AT, 1).result);
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, AT + 2 * PAGE - 8, 1).result);
	expect_hole(_metadata, self, GUEST_READ, AT - 8, ATTEMPT_READ);
	expect_hole(_metadata, self, GUEST_WRITE, AT + 2 * PAGE,
		    ATTEMPT_WRITE);
	/* An access across the end must not do its first half */
	run(self, GUEST_WRITE, AT + 2 * PAGE - 8, 0);
	EXPECT_NE(VMM_OK, run(self, GUEST_WRITE, AT + 2 * PAGE - 4,
			      -1).result);
	EXPECT_EQ(0, *granted_word(&self->owner, AT + 2 * PAGE - 8));
}

/*
 * Instructions that KVM emulates go through the VMM's mapping of the window. If
 * there is none, KVM does not touch the memory, granted or not.
 */
TEST_F(guest, hole_emulated)
{
	const enum vmm_result granted =
		self->owner.way == VMM_MAPPED ? VMM_OK : VMM_MMIO;

	EXPECT_NE(VMM_OK, run_range(self, GUEST_INPUT, AT, 8, 0).result);
	EXPECT_NE(VMM_OK, run_range(self, GUEST_OUTPUT, AT, 8, 0).result);
	EXPECT_EQ(0, self->vm.shared->vm.vcpus[0].output);
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	EXPECT_EQ(granted, run_range(self, GUEST_INPUT, AT, 8, 0).result);
	EXPECT_EQ(granted, run_range(self, GUEST_OUTPUT, AT, 8, 0).result);
	if (granted == VMM_MMIO)
		EXPECT_EQ(0, *granted_word(&self->owner, AT));
}

TEST_F(guest, revoke)
{
	ASSERT_EQ(0, granted_map(&self->owner, AT, 3 * PAGE, RW));
	EXPECT_EQ(VMM_OK, run_range(self, GUEST_FILL, AT, 3 * PAGE, 1).result);
	ASSERT_EQ(0, granted_unmap(&self->owner, AT + PAGE, PAGE));
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, AT, 2).result);
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, AT + 2 * PAGE, 2).result);
	expect_hole(_metadata, self, GUEST_READ, AT + PAGE, ATTEMPT_READ);
	expect_hole(_metadata, self, GUEST_WRITE, AT + PAGE, ATTEMPT_WRITE);
	EXPECT_EQ(1, *granted_word(&self->owner, AT + PAGE));
	ASSERT_EQ(0, space_unmap_all(self->owner.space, self->owner.window.id));
	expect_hole(_metadata, self, GUEST_READ, AT, ATTEMPT_READ);
}

/*
 * The vCPU is in the guest when the page goes, and has no reason to leave it:
 * one beat may have done its access before, and counts after.
 */
static void revoke_under_loop(struct __test_metadata *_metadata,
			      guest_fixture *self, enum guest_command what,
			      enum attempt attempt)
{
	struct guest_mailbox box = command(what, AT, 1);
	const enum vmm_way way = self->owner.way;
	uint64_t after;

	put_function(&self->owner, AT);
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	ASSERT_EQ(0, vmpeer_begin(&self->vm, 0, &box, false));
	ASSERT_TRUE(vmpeer_wait_beats(&self->vm, 0, 1000));
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	after = vmpeer_heartbeat(&self->vm, 0);
	ASSERT_TRUE(refused_hole(way, vmpeer_wait(&self->vm, 0, 5000), box.address,
				 attempt));
	EXPECT_GE(after + 1, vmpeer_heartbeat(&self->vm, 0));

	/* Still refused if the guest is entered again, where a device answers */
	after = vmpeer_heartbeat(&self->vm, 0);
	EXPECT_TRUE(refused(way, vmpeer_resume(&self->vm, 0)));
	EXPECT_GE(after + (way == VMM_NATIVE_MMIO),
		  vmpeer_heartbeat(&self->vm, 0));

	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	ASSERT_EQ(0, vmpeer_begin_resume(&self->vm, 0));
	EXPECT_TRUE(vmpeer_wait_beats(&self->vm, 0, 1000));
	EXPECT_EQ(VMM_INTERRUPTED, vmpeer_kick(&self->vm, 0).result);
}

TEST_F(guest, revoke_under_read)
{
	revoke_under_loop(_metadata, self, GUEST_LOOP_READ, ATTEMPT_READ);
}

TEST_F(guest, revoke_under_write)
{
	revoke_under_loop(_metadata, self, GUEST_LOOP_WRITE, ATTEMPT_WRITE);
}

TEST_F(guest, revoke_under_atomic)
{
	revoke_under_loop(_metadata, self, GUEST_LOOP_ADD, ATTEMPT_UPDATE);
}

TEST_F(guest, revoke_under_execute)
{
	revoke_under_loop(_metadata, self, GUEST_LOOP_EXECUTE, ATTEMPT_FETCH);
}

/* No access is lost or done twice over revokes and new grants. */
TEST_F_TIMEOUT(guest, loop_is_exact_over_revokes, 120)
{
	struct guest_mailbox box = command(GUEST_LOOP_ADD, AT, 1);
	int i;

	if (self->owner.way == VMM_NATIVE_MMIO)
		SKIP(return, "what goes to a hole goes to a device, and is lost");
	box.count = 200000;
	*granted_word(&self->owner, AT) = 0;
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	ASSERT_EQ(0, vmpeer_begin(&self->vm, 0, &box, true));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
		sleep_ms(2);
		ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
		sleep_ms(2);
	}
	EXPECT_EQ(200000, vmpeer_wait(&self->vm, 0, 100000).value);
	EXPECT_EQ(200000, *granted_word(&self->owner, AT));
}

/* After a revoke and a new grant the guest sees the new page, not the old. */
TEST_F(guest, another_page_at_the_same_place)
{
	struct granted *owner = &self->owner;

	*granted_word(owner, 0) = 10;
	*granted_word(owner, PAGE) = 11;
	ASSERT_EQ(0, source_grant(&owner->source, owner->space,
				  owner->window.id, AT, 0, PAGE, RW));
	EXPECT_EQ(10, run(self, GUEST_READ, AT, 0).value);
	ASSERT_EQ(0, granted_unmap(owner, AT, PAGE));
	ASSERT_EQ(0, source_grant(&owner->source, owner->space,
				  owner->window.id, AT, PAGE, PAGE, RW));
	EXPECT_EQ(11, run(self, GUEST_READ, AT, 0).value);
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, AT, 12).result);
	EXPECT_EQ(10, *granted_word(owner, 0));
	EXPECT_EQ(12, *granted_word(owner, PAGE));
}

TEST_HARNESS_MAIN
