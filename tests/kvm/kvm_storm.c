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
	enum source_kind source;
	unsigned int rounds;
};

FIXTURE_VARIANT_ADD(storm, anon) { SOURCE_ANON, 2000 };
/* Its revoke is the same; what differs is how the pages are let go */
FIXTURE_VARIANT_ADD(storm, memfd) { SOURCE_MEMFD, 500 };

/* The VMM is in the owner's process, which sees each heartbeat directly. */
FIXTURE_SETUP(storm)
{
	const char *seed = getenv("SEED");

	mark_begin(&self->mark);
	self->seed = seed ? strtoul(seed, NULL, 0) : (unsigned int)time(NULL);
	self->rounds = variant->rounds;
	TH_LOG("SEED=%u", self->seed);
	ASSERT_EQ(0, granted_open(&self->owner, variant->source, LENGTH,
				  LENGTH));
	ASSERT_EQ(0, vmm_create(&self->vm, 2));
	ASSERT_EQ(0, vmm_add_window(&self->vm, 0, VMM_MAPPED,
				    self->owner.window.fd, 0, LENGTH));
}

FIXTURE_TEARDOWN_PARENT(storm)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(storm) storm_fixture;

static void fill(struct granted *owner, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < PAGE; i += 8)
		*granted_word(owner, AT + i) = value;
}

static bool is_filled(struct granted *owner, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < PAGE; i += 8)
		if (*granted_word(owner, AT + i) != value)
			return false;
	return true;
}

static int start_loop(storm_fixture *self, unsigned int cpu,
		      enum guest_command what, uint64_t value)
{
	const struct guest_mailbox box = {
		.command = what, .address = vmm_window_gpa(0) + AT,
		.length = PAGE, .value = value, .count = UINT64_MAX,
		.yield_every = beats_to_yield(),
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

/* Whether the loop has gone on to the end, as it must. */
static bool stop_loop(struct __test_metadata *_metadata, storm_fixture *self,
		      unsigned int cpu)
{
	struct vmm_outcome end = vmm_kick(&self->vm, cpu);

	if (end.result == VMM_INTERRUPTED) {
		EXPECT_LT(self->rounds, vmm_heartbeat(&self->vm, cpu));
		EXPECT_LT(self->rounds / 10, vmm_holes(&self->vm, cpu));
		return true;
	}
	TH_LOG("vCPU %u: %s, exit reason %u, errno %d, gpa %#lx, vector %lu",
	       cpu, vmm_result_name(end.result), end.exit_reason, end.error,
	       end.gpa, end.vector);
	return false;
}

/* Each vCPU has a loop; none may see the poison. */
static bool storm_once(struct __test_metadata *_metadata, storm_fixture *self,
		       const enum guest_command *loops, unsigned int nr)
{
	unsigned int cpu, i;
	bool ended = true;

	for (cpu = 0; cpu < nr; cpu++)
		ASSERT_EQ(0, start_loop(self, cpu, loops[cpu],
					loops[cpu] == GUEST_LOOP_READ ? POISON :
									SCRIBBLE));
	for (i = 0; i < self->rounds; i++)
		round_of_poison(_metadata, self);
	for (cpu = 0; cpu < nr; cpu++)
		ended &= stop_loop(_metadata, self, cpu);
	for (cpu = 0; cpu < nr; cpu++)
		if (loops[cpu] == GUEST_LOOP_READ)
			EXPECT_EQ(0, vmm_hits(&self->vm, cpu));
	TH_LOG("%lu accesses, stopped %lu times", vmm_heartbeat(&self->vm, 0),
	       vmm_holes(&self->vm, 0));
	return ended;
}

/*
 * Once in more than a hundred thousand rounds a loop has ended with an exit that
 * nobody asked for, in an emulated machine, and never again. A second time in a
 * row it is no accident.
 */
static void storm(struct __test_metadata *_metadata, storm_fixture *self,
		  const enum guest_command *loops, unsigned int nr)
{
	if (!storm_once(_metadata, self, loops, nr))
		EXPECT_TRUE(storm_once(_metadata, self, loops, nr));
}

TEST_F_TIMEOUT(storm, reader, 300)
{
	static const enum guest_command loops[] = { GUEST_LOOP_READ };

	storm(_metadata, self, loops, 1);
}

TEST_F_TIMEOUT(storm, writer, 300)
{
	static const enum guest_command loops[] = { GUEST_LOOP_WRITE };

	storm(_metadata, self, loops, 1);
}

TEST_F_TIMEOUT(storm, reader_and_writer, 300)
{
	static const enum guest_command loops[] = {
		GUEST_LOOP_READ, GUEST_LOOP_WRITE,
	};

	storm(_metadata, self, loops, 2);
}

/* Two whole pages that take turns at one place: no guest sees the other one. */
TEST_F_TIMEOUT(storm, pages_take_turns, 300)
{
	struct granted *owner = &self->owner;
	unsigned int i;

	fill(owner, CLEAN);
	memset((void *)granted_word(owner, AT + PAGE), 0x33, PAGE);
	ASSERT_EQ(0, start_loop(self, 0, GUEST_LOOP_ADD, 1));
	for (i = 0; i < self->rounds; i++) {
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

/* Makes KVM write the time of every vCPU again. */
static int update_clock(struct vmm *vm)
{
	struct kvm_clock_data clock = { 0 };

	return ioctl(vm->fd, KVM_SET_CLOCK, &clock);
}

/*
 * The page is named in an MSR, so the host kernel writes to it, at times of
 * its own. Another page, which stays, keeps the vCPU busy.
 */
static void clock_storm(struct __test_metadata *_metadata, storm_fixture *self,
			uint32_t msr)
{
	struct guest_mailbox box = {
		.command = GUEST_WRITE_MSR, .other = msr,
		.value = (vmm_window_gpa(0) + AT) | 1,
	};
	unsigned int i, written = 0;

	ASSERT_EQ(0, granted_map(&self->owner, 0, PAGE, RW));
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	ASSERT_EQ(VMM_OK, vmm_run(&self->vm, 0, &box).result);
	box = (struct guest_mailbox) {
		.command = GUEST_LOOP_READ, .address = vmm_window_gpa(0),
		.count = UINT64_MAX, .yield_every = 100,
	};
	ASSERT_EQ(0, vmm_start(&self->vm, 0, &box, true));
	for (i = 0; i < self->rounds / 2; i++) {
		fill(&self->owner, CLEAN);
		ASSERT_EQ(0, update_clock(&self->vm));
		pause_a_little(self);
		ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
		written += !is_filled(&self->owner, CLEAN);
		fill(&self->owner, POISON);
		ASSERT_EQ(0, update_clock(&self->vm));
		pause_a_little(self);
		ASSERT_TRUE(is_filled(&self->owner, POISON));
		ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	}
	EXPECT_LT(0, written);
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
