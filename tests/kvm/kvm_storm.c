// SPDX-License-Identifier: GPL-2.0-only
/*
 * Thousands of grants and revokes while guests use the page as fast as they
 * can. As soon as a revoke has returned the owner fills the page with poison:
 * a guest that ever reads poison, or poison that ever changes, is a page that
 * was reachable after its revoke.
 */
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "memory.h"
#include "proc.h"

#define LENGTH		MIB(2)
#define AT		(11 * PAGE)
#define CLEAN		0x11111111
/* Beats of the vCPU whose clock is written */
#define YIELD_EVERY	100
#define POISON		0xdeadbeef
#define SCRIBBLE	0x22222222

#define MSR_SYSTEM_TIME	0x4b564d01
#define MSR_STEAL_TIME	0x4b564d03

FIXTURE(storm) {
	struct mark mark;
	struct granted owner;
	struct vmm vm;
	unsigned int seed;
	unsigned int rounds;
};

FIXTURE_VARIANT(storm) {
	struct sharing sharing;
	unsigned int rounds;
};

FIXTURE_VARIANT_ADD(storm, mapped_anon) { MAPPED(SOURCE_ANON), 500 };
/* Its revoke is the same; what differs is how the pages are let go */
FIXTURE_VARIANT_ADD(storm, mapped_memfd) { MAPPED(SOURCE_MEMFD), 150 };
FIXTURE_VARIANT_ADD(storm, native_anon) { NATIVE(SOURCE_ANON), 1500 };
FIXTURE_VARIANT_ADD(storm, native_thp) { NATIVE(SOURCE_THP), 150 };
FIXTURE_VARIANT_ADD(storm, native_hugetlb) { NATIVE(SOURCE_HUGETLB), 150 };
/* A revoke looks for mappings as well */
FIXTURE_VARIANT_ADD(storm, native_plain) { NATIVE_PLAIN(SOURCE_MEMFD), 150 };

/*
 * With one CPU owner and guest take turns, and little happens at once. ROUNDS is
 * for those who have more time.
 */
static unsigned int rounds_of(unsigned int rounds)
{
	const char *text = getenv("ROUNDS");

	if (text)
		return strtoul(text, NULL, 0);
	return beats_to_yield() ? rounds / 5 : rounds;
}

/* The VMM is in the owner's process, which sees each heartbeat directly. */
FIXTURE_SETUP(storm)
{
	const char *seed = getenv("SEED");
	int ret;

	mark_begin(&self->mark);
	self->seed = seed ? strtoul(seed, NULL, 0) : (unsigned int)time(NULL);
	self->rounds = rounds_of(variant->rounds);
	ret = granted_open(&self->owner, &variant->sharing, LENGTH, LENGTH);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NOT_HERE);
	ASSERT_EQ(0, ret);
	TH_LOG("SEED=%u", self->seed);
	ASSERT_EQ(0, vmm_create(&self->vm, VMM_MAX_VCPUS));
	ASSERT_EQ(0, vmm_add_window(&self->vm, 0, self->owner.way,
				    self->owner.window.fd, 0, LENGTH));
}

FIXTURE_TEARDOWN_PARENT(storm)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(storm) storm_fixture;

static void fill_page(struct granted *owner, uint64_t offset, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < PAGE; i += 8)
		*granted_word(owner, offset + i) = value;
}

static bool page_is_filled(struct granted *owner, uint64_t offset,
			   uint64_t value)
{
	unsigned int i;

	for (i = 0; i < PAGE; i += 8)
		if (*granted_word(owner, offset + i) != value)
			return false;
	return true;
}

static void fill(struct granted *owner, uint64_t value)
{
	fill_page(owner, AT, value);
}

static bool is_filled(struct granted *owner, uint64_t value)
{
	return page_is_filled(owner, AT, value);
}

/* Over the words of the page, or over one word of each page of the window. */
static int start_loop(storm_fixture *self, unsigned int cpu,
		      enum guest_command what, bool all_pages)
{
	const struct guest_mailbox box = {
		.command = what,
		.address = vmm_window_gpa(0) + (all_pages ? 0 : AT),
		.length = all_pages ? LENGTH : PAGE,
		.stride = all_pages ? PAGE : 0,
		.value = what == GUEST_LOOP_READ ? POISON : SCRIBBLE,
		.count = UINT64_MAX, .yield_every = beats_to_yield(),
	};

	return vmm_start(&self->vm, cpu, &box, true);
}

/* From none at all, so that faults meet the revoke, to a few thousand beats. */
static void pause_a_little(storm_fixture *self)
{
	struct timespec time = { 0, rand_r(&self->seed) % 400 * 1000 };

	if (rand_r(&self->seed) % 3)
		nanosleep(&time, NULL);
}

static void round_of_poison(struct __test_metadata *_metadata,
			    storm_fixture *self)
{
	fill(&self->owner, CLEAN);
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	pause_a_little(self);
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	fill(&self->owner, POISON);
	pause_a_little(self);
	ASSERT_TRUE(is_filled(&self->owner, POISON));
}

/* One page is taken out of a block, which is mapped as one if it is huge. */
static void round_in_a_block(struct __test_metadata *_metadata,
			     storm_fixture *self)
{
	const uint64_t page = rand_r(&self->seed) % (LENGTH / PAGE) * PAGE;

	fill_page(&self->owner, page, CLEAN);
	ASSERT_EQ(0, granted_map(&self->owner, 0, LENGTH, RW));
	pause_a_little(self);
	ASSERT_EQ(0, granted_unmap(&self->owner, page, PAGE));
	fill_page(&self->owner, page, POISON);
	pause_a_little(self);
	ASSERT_TRUE(page_is_filled(&self->owner, page, POISON));
	ASSERT_EQ(0, space_unmap_all(self->owner.space, self->owner.window.id));
	ASSERT_TRUE(page_is_filled(&self->owner, page, POISON));
	fill_page(&self->owner, page, CLEAN);
}

#define SCATTERED (LENGTH / PAGE / 2)

/* Every second page, all in one call. */
static void round_of_a_batch(struct __test_metadata *_metadata,
			     storm_fixture *self)
{
	struct vhost_grant_unmap_entry entries[SCATTERED];
	struct granted *owner = &self->owner;
	unsigned int i;

	for (i = 0; i < SCATTERED; i++)
		entries[i] = (struct vhost_grant_unmap_entry) {
			.iova = 2 * i * PAGE, .length = PAGE,
		};
	for (i = 0; i < SCATTERED; i++)
		fill_page(owner, entries[i].iova, CLEAN);
	ASSERT_EQ(0, granted_map(owner, 0, LENGTH, RW));
	pause_a_little(self);
	ASSERT_EQ(SCATTERED, space_unmap_array(owner->space, owner->window.id,
					       entries, SCATTERED));
	for (i = 0; i < SCATTERED; i++)
		fill_page(owner, entries[i].iova, POISON);
	pause_a_little(self);
	for (i = 0; i < SCATTERED; i++)
		ASSERT_TRUE(page_is_filled(owner, entries[i].iova, POISON));
	ASSERT_EQ(0, space_unmap_all(owner->space, owner->window.id));
}

/* Guest and owner have met often enough. */
static bool has_met(storm_fixture *self, unsigned int cpu, unsigned int times)
{
	return vmm_heartbeat(&self->vm, cpu) > times &&
	       vmm_holes(&self->vm, cpu) > times / 10;
}

static bool all_have_met(storm_fixture *self, unsigned int nr,
			 unsigned int times)
{
	while (nr--)
		if (!has_met(self, nr, times))
			return false;
	return true;
}

/* Whether the loop has gone on to the end, as it must. */
static bool stop_loop(struct __test_metadata *_metadata, storm_fixture *self,
		      unsigned int cpu, unsigned int times)
{
	struct vmm_outcome end = vmm_kick(&self->vm, cpu);

	if (end.result == VMM_INTERRUPTED) {
		EXPECT_TRUE(has_met(self, cpu, times));
		return true;
	}
	TH_LOG("vCPU %u: %s, exit reason %u, errno %d, gpa %#lx, vector %lu",
	       cpu, vmm_result_name(end.result), end.exit_reason, end.error,
	       end.gpa, end.vector);
	return false;
}

typedef void (*storm_round)(struct __test_metadata *_metadata,
			    storm_fixture *self);

/*
 * Each vCPU has a loop; none may see the poison. A busy machine may not have let
 * the vCPUs run much, so there can be more rounds.
 */
static void storm(struct __test_metadata *_metadata, storm_fixture *self,
		  const enum guest_command *loops, unsigned int nr,
		  storm_round round, unsigned int rounds)
{
	unsigned int cpu, i;

	for (cpu = 0; cpu < nr; cpu++)
		ASSERT_EQ(0, start_loop(self, cpu, loops[cpu],
					round != round_of_poison));
	for (i = 0; i < rounds || (i < 50 * rounds &&
				   !all_have_met(self, nr, rounds / nr)); i++)
		round(_metadata, self);
	for (cpu = 0; cpu < nr; cpu++)
		EXPECT_TRUE(stop_loop(_metadata, self, cpu, rounds / nr));
	for (cpu = 0; cpu < nr; cpu++)
		if (loops[cpu] == GUEST_LOOP_READ)
			EXPECT_EQ(0, vmm_hits(&self->vm, cpu));
	TH_LOG("%lu accesses, stopped %lu times", vmm_heartbeat(&self->vm, 0),
	       vmm_holes(&self->vm, 0));
}

TEST_F_TIMEOUT(storm, reader, 300)
{
	static const enum guest_command loops[] = { GUEST_LOOP_READ };

	storm(_metadata, self, loops, 1, round_of_poison, self->rounds / 4);
}

TEST_F_TIMEOUT(storm, writer, 300)
{
	static const enum guest_command loops[] = { GUEST_LOOP_WRITE };

	storm(_metadata, self, loops, 1, round_of_poison, self->rounds / 4);
}

TEST_F_TIMEOUT(storm, reader_and_writer, 300)
{
	static const enum guest_command loops[] = {
		GUEST_LOOP_READ, GUEST_LOOP_WRITE,
	};

	storm(_metadata, self, loops, 2, round_of_poison, self->rounds);
}

/* More than the machine has CPUs, so that some are not running. */
TEST_F_TIMEOUT(storm, four_vcpus, 300)
{
	static const enum guest_command loops[VMM_MAX_VCPUS] = {
		GUEST_LOOP_READ, GUEST_LOOP_WRITE, GUEST_LOOP_READ,
		GUEST_LOOP_ADD,
	};

	storm(_metadata, self, loops, VMM_MAX_VCPUS, round_of_poison,
	      self->rounds / 4);
}

TEST_F_TIMEOUT(storm, page_of_a_block, 300)
{
	static const enum guest_command loops[] = {
		GUEST_LOOP_READ, GUEST_LOOP_WRITE,
	};

	storm(_metadata, self, loops, 2, round_in_a_block, self->rounds / 4);
}

TEST_F_TIMEOUT(storm, batch_of_scattered_pages, 300)
{
	static const enum guest_command loops[] = {
		GUEST_LOOP_READ, GUEST_LOOP_WRITE,
	};

	storm(_metadata, self, loops, 2, round_of_a_batch, self->rounds / 10);
}

/* Two whole pages that take turns at one place: no guest sees the other one. */
TEST_F_TIMEOUT(storm, pages_take_turns, 300)
{
	struct granted *owner = &self->owner;
	unsigned int i;

	fill(owner, CLEAN);
	memset((void *)granted_word(owner, AT + PAGE), 0x33, PAGE);
	ASSERT_EQ(0, start_loop(self, 0, GUEST_LOOP_ADD, false));
	for (i = 0; i < self->rounds / 4; i++) {
		uint64_t from = AT + (i & 1 ? PAGE : 0);
		uint64_t other = AT + (i & 1 ? 0 : PAGE);
		uint64_t before = *granted_word(owner, other);

		ASSERT_EQ(0, source_grant(&owner->source, owner->space,
					  owner->window.id, AT, from, PAGE, RW));
		pause_a_little(self);
		ASSERT_EQ(before, *granted_word(owner, other));
		ASSERT_EQ(0, granted_unmap(owner, AT, PAGE));
	}
	EXPECT_EQ(VMM_INTERRUPTED, vmm_kick(&self->vm, 0).result);
}

/*
 * Readers and writers of what is granted read-only, in a window that shows its
 * scratch page: each finds one page or the other, of which no CPU may have kept
 * what is revoked. None is stopped, unless a KVM that is not ours has lost the page
 * between the fault handler and its own look.
 */
TEST_F_TIMEOUT(storm, readonly_with_scratch, 300)
{
	static const enum guest_command loops[VMM_MAX_VCPUS] = {
		GUEST_LOOP_READ, GUEST_LOOP_WRITE, GUEST_LOOP_READ,
		GUEST_LOOP_ADD,
	};
	struct granted *owner = &self->owner;
	unsigned int cpu, i;

	ASSERT_EQ(0, window_set_hole(owner->window.fd,
				     VHOST_GRANT_HOLE_SCRATCH));
	for (cpu = 0; cpu < VMM_MAX_VCPUS; cpu++)
		ASSERT_EQ(0, start_loop(self, cpu, loops[cpu], false));
	for (i = 0; i < self->rounds / 4; i++) {
		fill(owner, CLEAN);
		ASSERT_EQ(0, granted_map(owner, 0, LENGTH, R));
		pause_a_little(self);
		ASSERT_EQ(0, granted_unmap(owner, AT, PAGE));
		ASSERT_TRUE(is_filled(owner, CLEAN));
		fill(owner, POISON);
		pause_a_little(self);
		ASSERT_TRUE(is_filled(owner, POISON));
		ASSERT_EQ(0, space_unmap_all(owner->space, owner->window.id));
	}
	for (cpu = 0; cpu < VMM_MAX_VCPUS; cpu++) {
		EXPECT_EQ(VMM_INTERRUPTED, vmm_kick(&self->vm, cpu).result);
		if (kvm_knows_way(VMM_NATIVE))
			EXPECT_EQ(0, vmm_holes(&self->vm, cpu));
		EXPECT_LT(0, vmm_heartbeat(&self->vm, cpu));
	}
	EXPECT_EQ(0, vmm_hits(&self->vm, 0));
	EXPECT_EQ(0, vmm_hits(&self->vm, 2));
}

/* Makes KVM write the time of every vCPU again. */
static int update_clock(struct vmm *vm)
{
	struct kvm_clock_data clock = { 0 };

	return ioctl(vm->fd, KVM_SET_CLOCK, &clock);
}

/* Now and then long enough for the vCPU to leave the guest and to enter it again. */
static void let_the_host_write(storm_fixture *self, unsigned int round)
{
	if (round % 8)
		pause_a_little(self);
	else
		vmm_wait_beats(&self->vm, 0, 2 * YIELD_EVERY);
}

/*
 * The page is named in an MSR, so the host kernel writes to it, at times of
 * its own; but never to a page of a native memslot, granted or not. Another
 * page, which stays, keeps the vCPU busy.
 */
static void clock_storm(struct __test_metadata *_metadata, storm_fixture *self,
			uint32_t msr)
{
	struct guest_mailbox box = {
		.command = GUEST_WRITE_MSR, .other = msr,
		.value = (vmm_window_gpa(0) + AT) | 1,
	};
	const bool mapped = self->owner.way == VMM_MAPPED;
	struct vmm_outcome outcome;
	unsigned int i, written = 0;

	ASSERT_EQ(0, granted_map(&self->owner, 0, PAGE, RW));
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	outcome = vmm_run(&self->vm, 0, &box);
	if (mapped)
		ASSERT_EQ(VMM_OK, outcome.result);
	box = (struct guest_mailbox) {
		.command = GUEST_LOOP_READ, .address = vmm_window_gpa(0),
		.count = UINT64_MAX, .yield_every = YIELD_EVERY,
	};
	ASSERT_EQ(0, vmm_start(&self->vm, 0, &box, true));
	for (i = 0; i < self->rounds / 4; i++) {
		fill(&self->owner, CLEAN);
		ASSERT_EQ(0, update_clock(&self->vm));
		let_the_host_write(self, i);
		ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
		written += !is_filled(&self->owner, CLEAN);
		fill(&self->owner, POISON);
		ASSERT_EQ(0, update_clock(&self->vm));
		pause_a_little(self);
		ASSERT_TRUE(is_filled(&self->owner, POISON));
		ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	}
	EXPECT_EQ(mapped, written > 0);
	TH_LOG("the host wrote to the page in %u of %u rounds", written, i);
	EXPECT_EQ(VMM_INTERRUPTED, vmm_kick(&self->vm, 0).result);
}

TEST_F_TIMEOUT(storm, paravirtual_clock, 300)
{
	clock_storm(_metadata, self, MSR_SYSTEM_TIME);
}

TEST_F_TIMEOUT(storm, steal_time, 300)
{
	clock_storm(_metadata, self, MSR_STEAL_TIME);
}

TEST_HARNESS_MAIN
