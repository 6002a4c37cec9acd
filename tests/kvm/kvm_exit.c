// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the VMM learns of an access to a native memslot that is refused, and how
 * the guest goes on from there.
 */
#include <linux/kvm.h>
#include <linux/vhost_grant_kvm.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "memory.h"
#include "refusal.h"

#define LENGTH	MIB(8)
#define SOURCE_LENGTH MIB(4)
#define AT	(HUGE + 5 * PAGE)
#define ANSWER	0x1122334455667788
#define WORD	0x0102030405060708

#define WRITE_FLAG	KVM_MEMORY_EXIT_FLAG_WRITE
#define EXEC_FLAG	KVM_MEMORY_EXIT_FLAG_EXEC
#define RDONLY_FLAG	KVM_MEMORY_EXIT_FLAG_RDONLY

FIXTURE(exit) {
	struct mark mark;
	struct granted owner;
	struct vmm vm;
	uint64_t gpa;
};

FIXTURE_VARIANT(exit) {
	struct sharing sharing;
};

FIXTURE_VARIANT_ADD(exit, native_anon) { NATIVE(SOURCE_ANON) };
FIXTURE_VARIANT_ADD(exit, native_thp) { NATIVE(SOURCE_THP) };

typedef FIXTURE_DATA(exit) exit_fixture;

static int set_up(exit_fixture *self, const struct sharing *sharing)
{
	int ret = granted_open(&self->owner, sharing, LENGTH, SOURCE_LENGTH);

	if (ret)
		return ret;
	self->gpa = vmm_window_gpa(0) + AT;
	ret = vmm_create(&self->vm, 1);
	if (ret)
		return ret;
	return vmm_add_window(&self->vm, 0, self->owner.way,
			      self->owner.window.fd, 0, LENGTH);
}

FIXTURE_SETUP(exit)
{
	int ret;

	mark_begin(&self->mark);
	ret = set_up(self, &variant->sharing);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NOT_HERE);
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN_PARENT(exit)
{
	MARK_END(&self->mark);
}

static struct vmm_outcome run(exit_fixture *self, enum guest_command what,
			      uint64_t gpa, uint64_t value)
{
	const struct guest_mailbox box = {
		.command = what, .address = gpa, .value = value,
	};

	return vmm_run(&self->vm, 0, &box);
}

static uint64_t instruction_pointer(struct vmm *vm)
{
	struct kvm_regs regs;

	return ioctl(vm->vcpus[0].fd, KVM_GET_REGS, &regs) ? 0 : regs.rip;
}

/* mov $42, %eax; ret */
static void put_function(struct granted *owner, uint64_t offset)
{
	static const uint8_t return_42[] = { 0xb8, 42, 0, 0, 0, 0xc3 };

	memcpy((void *)granted_word(owner, offset), return_42,
	       sizeof(return_42));
}

static void expect_fault(struct __test_metadata *_metadata,
			 struct vmm_outcome outcome, uint64_t gpa,
			 uint64_t flags)
{
	EXPECT_EQ(VMM_MEMORY_FAULT, outcome.result)
		TH_LOG("%s, exit reason %u, errno %d",
		       vmm_result_name(outcome.result), outcome.exit_reason,
		       outcome.error);
	EXPECT_EQ(gpa, outcome.gpa);
	EXPECT_EQ(PAGE, outcome.size);
	EXPECT_EQ(KVM_MEMORY_EXIT_FLAG_GRANT | flags, outcome.flags)
		TH_LOG("flags %#lx", outcome.flags);
}

/* Refused, again and again, and then granted without a word to the VMM. */
static void refuse_and_resume(struct __test_metadata *_metadata,
			      exit_fixture *self, enum guest_command what,
			      uint64_t flags, uint64_t expected)
{
	struct vmm_outcome outcome;
	uint64_t rip;
	int i;

	*granted_word(&self->owner, AT + 8) = WORD;
	expect_fault(_metadata, run(self, what, self->gpa + 8, 5), self->gpa,
		     flags);
	rip = instruction_pointer(&self->vm);
	for (i = 0; i < 3; i++) {
		expect_fault(_metadata, vmm_resume(&self->vm, 0), self->gpa,
			     flags);
		EXPECT_EQ(rip, instruction_pointer(&self->vm));
	}
	if (what == GUEST_EXECUTE)
		put_function(&self->owner, AT + 8);
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	outcome = vmm_resume(&self->vm, 0);
	ASSERT_EQ(VMM_OK, outcome.result);
	EXPECT_EQ(expected, outcome.value);
}

TEST_F(exit, read)
{
	refuse_and_resume(_metadata, self, GUEST_READ, 0, WORD);
}

TEST_F(exit, write)
{
	refuse_and_resume(_metadata, self, GUEST_WRITE, WRITE_FLAG, 0);
	EXPECT_EQ(5, *granted_word(&self->owner, AT + 8));
}

TEST_F(exit, atomic)
{
	refuse_and_resume(_metadata, self, GUEST_FETCH_ADD, WRITE_FLAG, WORD);
	EXPECT_EQ(WORD + 5, *granted_word(&self->owner, AT + 8));
}

TEST_F(exit, fetch)
{
	refuse_and_resume(_metadata, self, GUEST_EXECUTE, EXEC_FLAG, 42);
}

/* No emulator has to know the instruction. */
TEST_F(exit, vector)
{
	const struct guest_mailbox box = {
		.command = GUEST_ADD_VECTOR, .address = self->gpa,
	};

	*granted_word(&self->owner, AT) = WORD;
	expect_fault(_metadata, vmm_run(&self->vm, 0, &box), self->gpa, 0);
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, R));
	EXPECT_EQ(WORD, vmm_resume(&self->vm, 0).value);
}

/* A copy that meets a hole in its middle has done what comes before it. */
TEST_F(exit, copy)
{
	const struct guest_mailbox box = {
		.command = GUEST_COPY, .address = self->gpa + PAGE - 64,
		.length = 128, .other = vmm_spare_gpa(),
	};

	memset(vmm_spare(&self->vm), 0x5a, 128);
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	expect_fault(_metadata, vmm_run(&self->vm, 0, &box), self->gpa + PAGE,
		     WRITE_FLAG);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5a,
		  *granted_word(&self->owner, AT + PAGE - 8));
	EXPECT_EQ(0, *granted_word(&self->owner, AT + PAGE));
	ASSERT_EQ(0, granted_map(&self->owner, AT + PAGE, PAGE, RW));
	EXPECT_EQ(VMM_OK, vmm_resume(&self->vm, 0).result);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5a,
		  *granted_word(&self->owner, AT + PAGE + 56));
	EXPECT_EQ(0, *granted_word(&self->owner, AT + PAGE + 64));
}

/* A word in two pages is refused as a whole, whichever of them is the hole. */
static void straddle(struct __test_metadata *_metadata, exit_fixture *self,
		     uint64_t granted, uint64_t hole)
{
	const uint64_t border = AT + PAGE;
	const uint64_t gpa = self->gpa + PAGE - 4;

	ASSERT_EQ(0, granted_map(&self->owner, granted, PAGE, RW));
	expect_fault(_metadata, run(self, GUEST_READ, gpa, 0),
		     vmm_window_gpa(0) + hole, 0);
	expect_fault(_metadata, run(self, GUEST_WRITE, gpa, -1),
		     vmm_window_gpa(0) + hole, WRITE_FLAG);
	EXPECT_EQ(0, *granted_word(&self->owner, border - 8));
	EXPECT_EQ(0, *granted_word(&self->owner, border));
	ASSERT_EQ(0, granted_map(&self->owner, hole, PAGE, RW));
	EXPECT_EQ(VMM_OK, vmm_resume(&self->vm, 0).result);
	EXPECT_EQ(0xffffffff00000000, *granted_word(&self->owner, border - 8));
	EXPECT_EQ(0xffffffff, *granted_word(&self->owner, border));
}

TEST_F(exit, straddle_into_a_hole)
{
	straddle(_metadata, self, AT, AT + PAGE);
}

TEST_F(exit, straddle_out_of_a_hole)
{
	straddle(_metadata, self, AT + PAGE, AT);
}

TEST_F(exit, readonly)
{
	static const enum guest_command stores[] = {
		GUEST_WRITE, GUEST_FETCH_ADD, GUEST_COMPARE_EXCHANGE,
	};
	size_t i;

	*granted_word(&self->owner, AT + 8) = WORD;
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, R));
	for (i = 0; i < ARRAY_SIZE(stores); i++) {
		/* With the page mapped, and not mapped yet */
		expect_fault(_metadata, run(self, stores[i], self->gpa + 8, 5),
			     self->gpa, WRITE_FLAG | RDONLY_FLAG);
		EXPECT_EQ(WORD, run(self, GUEST_READ, self->gpa + 8, 0).value);
		expect_fault(_metadata, run(self, stores[i], self->gpa + 8, 5),
			     self->gpa, WRITE_FLAG | RDONLY_FLAG);
		EXPECT_EQ(WORD, *granted_word(&self->owner, AT + 8));
	}
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	EXPECT_EQ(VMM_OK, vmm_resume(&self->vm, 0).result);
}

TEST_F(exit, straddle_into_readonly)
{
	const uint64_t gpa = self->gpa + PAGE - 4;

	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	ASSERT_EQ(0, granted_map(&self->owner, AT + PAGE, PAGE, R));
	EXPECT_EQ(VMM_OK, run(self, GUEST_READ, gpa, 0).result);
	expect_fault(_metadata, run(self, GUEST_WRITE, gpa, -1),
		     self->gpa + PAGE, WRITE_FLAG | RDONLY_FLAG);
	EXPECT_EQ(0, *granted_word(&self->owner, AT + PAGE - 8));
	EXPECT_EQ(0, *granted_word(&self->owner, AT + PAGE));
}

/*
 * The CPU walks a page table that is in a hole. Whether it wants to write to it,
 * for the accessed bit, depends on the CPU.
 */
TEST_F(exit, page_walk)
{
	const uint64_t va = vmm_use_page_table(&self->vm, self->gpa);
	struct vmm_outcome outcome;

	*(uint64_t *)vmm_spare(&self->vm) = WORD;
	outcome = run(self, GUEST_READ, va, 0);
	expect_fault(_metadata, outcome, self->gpa,
		     outcome.flags & WRITE_FLAG);
	*granted_word(&self->owner, AT) = vmm_spare_gpa() | 7;
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	EXPECT_EQ(WORD, vmm_resume(&self->vm, 0).value);
}

/* One attempt is one violation, and none is told of what is granted. */
TEST_F(exit, event)
{
	struct vhost_grant_query before, after;
	struct vhost_grant_event event;

	ASSERT_EQ(0, granted_map(&self->owner, AT + PAGE, PAGE, R));
	ASSERT_EQ(0, space_query(self->owner.space, self->owner.window.id,
				 &before));
	drop_events(self->owner.space);
	EXPECT_EQ(VMM_MEMORY_FAULT, run(self, GUEST_READ, self->gpa, 0).result);
	EXPECT_EQ(VMM_OK, run(self, GUEST_READ, self->gpa + PAGE, 0).result);
	EXPECT_EQ(VMM_MEMORY_FAULT, run(self, GUEST_WRITE, self->gpa + PAGE,
					0).result);
	ASSERT_EQ(0, space_query(self->owner.space, self->owner.window.id,
				 &after));
	EXPECT_EQ(before.out_violations_hole + 1, after.out_violations_hole);
	EXPECT_EQ(before.out_violations_readonly + 1,
		  after.out_violations_readonly);
	ASSERT_TRUE(next_event(self->owner.space, &event));
	EXPECT_EQ(AT, event.iova);
	EXPECT_EQ(VHOST_GRANT_READ, event.access);
	EXPECT_EQ(1, event.count);
	ASSERT_TRUE(next_event(self->owner.space, &event));
	EXPECT_EQ(AT + PAGE, event.iova);
	EXPECT_EQ(VHOST_GRANT_WRITE, event.access);
	EXPECT_EQ(1, event.count);
}

/* Where holes behave as a device does that has nothing to say. */
FIXTURE(mmio) {
	struct mark mark;
	exit_fixture is;
};

FIXTURE_VARIANT(mmio) {
	struct sharing sharing;
};

FIXTURE_VARIANT_ADD(mmio, native_anon) { NATIVE_MMIO(SOURCE_ANON) };
FIXTURE_VARIANT_ADD(mmio, native_thp) { NATIVE_MMIO(SOURCE_THP) };

FIXTURE_SETUP(mmio)
{
	int ret;

	mark_begin(&self->mark);
	ret = set_up(&self->is, &variant->sharing);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NOT_HERE);
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN_PARENT(mmio)
{
	MARK_END(&self->mark);
}

static void expect_mmio(struct __test_metadata *_metadata,
			struct vmm_outcome outcome, uint64_t gpa, bool write,
			uint64_t value)
{
	EXPECT_EQ(VMM_MMIO, outcome.result)
		TH_LOG("%s, exit reason %u, errno %d",
		       vmm_result_name(outcome.result), outcome.exit_reason,
		       outcome.error);
	EXPECT_EQ(gpa, outcome.gpa);
	EXPECT_EQ(write, outcome.write);
	EXPECT_EQ(value, outcome.value);
}

static void expect_done(struct __test_metadata *_metadata,
			struct vmm_outcome outcome, uint64_t value)
{
	EXPECT_EQ(VMM_OK, outcome.result)
		TH_LOG("%s, exit reason %u, errno %d",
		       vmm_result_name(outcome.result), outcome.exit_reason,
		       outcome.error);
	EXPECT_EQ(value, outcome.value);
}

TEST_F(mmio, read)
{
	exit_fixture *is = &self->is;
	struct vmm_outcome outcome = run(is, GUEST_READ, is->gpa + 8, 0);

	expect_mmio(_metadata, outcome, is->gpa + 8, false, 0);
	EXPECT_EQ(8, outcome.size);
	expect_done(_metadata, vmm_resume(&is->vm, 0), UINT64_MAX);
	is->vm.vcpus[0].mmio_answer = ANSWER;
	expect_mmio(_metadata, run(is, GUEST_READ, is->gpa, 0), is->gpa, false,
		    0);
	expect_done(_metadata, vmm_resume(&is->vm, 0), ANSWER);
}

TEST_F(mmio, write)
{
	exit_fixture *is = &self->is;
	struct vmm_outcome outcome = run(is, GUEST_WRITE, is->gpa + 8, ANSWER);

	expect_mmio(_metadata, outcome, is->gpa + 8, true, ANSWER);
	EXPECT_EQ(8, outcome.size);
	expect_done(_metadata, vmm_resume(&is->vm, 0), 0);
	/* It has gone to the device, and to no page that is granted later */
	ASSERT_EQ(0, granted_map(&is->owner, AT, PAGE, RW));
	expect_done(_metadata, run(is, GUEST_READ, is->gpa + 8, 0), 0);
}

TEST_F(mmio, update)
{
	exit_fixture *is = &self->is;

	is->vm.vcpus[0].mmio_answer = 5;
	expect_mmio(_metadata, run(is, GUEST_FETCH_ADD, is->gpa, 3), is->gpa,
		    false, 0);
	expect_mmio(_metadata, vmm_resume(&is->vm, 0), is->gpa, true, 8);
	expect_done(_metadata, vmm_resume(&is->vm, 0), 5);
}

TEST_F(mmio, write_to_readonly)
{
	exit_fixture *is = &self->is;

	*granted_word(&is->owner, AT) = WORD;
	ASSERT_EQ(0, granted_map(&is->owner, AT, PAGE, R));
	expect_mmio(_metadata, run(is, GUEST_WRITE, is->gpa, ANSWER), is->gpa,
		    true, ANSWER);
	expect_done(_metadata, vmm_resume(&is->vm, 0), 0);
	expect_done(_metadata, run(is, GUEST_READ, is->gpa, 0), WORD);
	EXPECT_EQ(WORD, *granted_word(&is->owner, AT));
}

/* KVM has no address for the granted half either. */
TEST_F(mmio, straddle)
{
	exit_fixture *is = &self->is;
	const uint64_t gpa = is->gpa + PAGE - 4;

	ASSERT_EQ(0, granted_map(&is->owner, AT, PAGE, RW));
	expect_mmio(_metadata, run(is, GUEST_WRITE, gpa, -1), gpa, true,
		    0xffffffff);
	expect_mmio(_metadata, vmm_resume(&is->vm, 0), gpa + 4, true,
		    0xffffffff);
	expect_done(_metadata, vmm_resume(&is->vm, 0), 0);
	EXPECT_EQ(0, *granted_word(&is->owner, AT + PAGE - 8));
}

/* Refused with an error that no device could give, and fine once granted. */
static void cannot_be_emulated(struct __test_metadata *_metadata,
			       exit_fixture *is, enum guest_command what,
			       uint64_t expected)
{
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(VMM_EMULATION, run(is, what, is->gpa, 0).result);
		EXPECT_EQ(VMM_EMULATION, vmm_resume(&is->vm, 0).result);
		ASSERT_EQ(0, granted_map(&is->owner, AT, PAGE, RW));
		/* From where it stopped, and from the beginning */
		expect_done(_metadata, vmm_resume(&is->vm, 0), expected);
		expect_done(_metadata, run(is, what, is->gpa, 0), expected);
		ASSERT_EQ(0, granted_unmap(&is->owner, AT, PAGE));
	}
}

TEST_F(mmio, vector)
{
	*granted_word(&self->is.owner, AT) = WORD;
	cannot_be_emulated(_metadata, &self->is, GUEST_ADD_VECTOR, WORD);
}

TEST_F(mmio, fetch)
{
	put_function(&self->is.owner, AT);
	cannot_be_emulated(_metadata, &self->is, GUEST_EXECUTE, 42);
}

static int64_t mmio_exits(exit_fixture *is)
{
	return vmm_vcpu_stat(&is->vm, 0, "mmio_exits");
}

/* KVM must not remember a hole, nor what was granted. */
TEST_F(mmio, follows_the_grant)
{
	exit_fixture *is = &self->is;
	struct guest_mailbox loop = {
		.command = GUEST_LOOP_ADD, .address = is->gpa, .value = 1,
		.count = 1000,
	};
	int64_t exits;
	uint64_t i;

	for (i = 0; i < 3; i++) {
		*granted_word(&is->owner, AT) = 0;
		expect_mmio(_metadata, run(is, GUEST_READ, is->gpa, 0), is->gpa,
			    false, 0);
		expect_done(_metadata, vmm_resume(&is->vm, 0), UINT64_MAX);
		expect_mmio(_metadata, run(is, GUEST_WRITE, is->gpa, i),
			    is->gpa, true, i);
		ASSERT_EQ(0, granted_map(&is->owner, AT, PAGE, RW));
		expect_done(_metadata, vmm_resume(&is->vm, 0), 0);
		exits = mmio_exits(is);
		ASSERT_LE(0, exits);
		expect_done(_metadata, vmm_run(&is->vm, 0, &loop), 1000);
		EXPECT_EQ(1000, *granted_word(&is->owner, AT));
		EXPECT_EQ(exits, mmio_exits(is));
		ASSERT_EQ(0, granted_unmap(&is->owner, AT, PAGE));
	}
}

/*
 * The CPU walks a page table that is in a hole: no device can answer for it. How
 * the guest ends is KVM's to say; it ends, and goes on when it is granted.
 */
TEST_F(mmio, page_walk)
{
	exit_fixture *is = &self->is;
	const uint64_t va = vmm_use_page_table(&is->vm, is->gpa);

	*(uint64_t *)vmm_spare(&is->vm) = WORD;
	EXPECT_NE(VMM_OK, run(is, GUEST_READ, va, 0).result);
	EXPECT_NE(VMM_OK, run(is, GUEST_WRITE, va, 1).result);
	EXPECT_EQ(WORD, *(uint64_t *)vmm_spare(&is->vm));
	*granted_word(&is->owner, AT) = vmm_spare_gpa() | 7;
	ASSERT_EQ(0, granted_map(&is->owner, AT, PAGE, RW));
	expect_done(_metadata, run(is, GUEST_READ, va, 0), WORD);
}

/* The window's own policy comes first: with a scratch page there is no hole. */
TEST_F(mmio, scratch)
{
	exit_fixture *is = &self->is;

	expect_mmio(_metadata, run(is, GUEST_READ, is->gpa, 0), is->gpa, false,
		    0);
	ASSERT_EQ(0, window_set_hole(is->owner.window.fd,
				     VHOST_GRANT_HOLE_SCRATCH));
	expect_done(_metadata, run(is, GUEST_READ, is->gpa, 0), 0);
	expect_done(_metadata, run(is, GUEST_WRITE, is->gpa, 77), 0);
	expect_done(_metadata, run(is, GUEST_READ, is->gpa + PAGE, 0), 77);
	ASSERT_EQ(0, granted_map(&is->owner, AT, PAGE, R));
	expect_done(_metadata, run(is, GUEST_READ, is->gpa, 0), 0);
	expect_done(_metadata, run(is, GUEST_WRITE, is->gpa, 78), 0);
	expect_done(_metadata, run(is, GUEST_READ, is->gpa + PAGE, 0), 78);
	EXPECT_EQ(0, *granted_word(&is->owner, AT));
	ASSERT_EQ(0, window_set_hole(is->owner.window.fd,
				     VHOST_GRANT_HOLE_FAULT));
	expect_mmio(_metadata, run(is, GUEST_WRITE, is->gpa, 78), is->gpa, true,
		    78);
	expect_mmio(_metadata, run(is, GUEST_READ, is->gpa + PAGE, 0),
		    is->gpa + PAGE, false, 0);
}

/* A loop that meets holes now and then never stops, and never sees the page. */
TEST_F(mmio, loop_during_revokes)
{
	exit_fixture *is = &self->is;
	const struct guest_mailbox box = {
		.command = GUEST_LOOP_READ, .address = is->gpa, .value = WORD,
		.count = UINT64_MAX, .yield_every = beats_to_yield(),
	};
	int i;

	ASSERT_EQ(0, vmm_start(&is->vm, 0, &box, true));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, granted_map(&is->owner, AT, PAGE, RW));
		ASSERT_TRUE(vmm_wait_beats(&is->vm, 0, 2));
		ASSERT_EQ(0, granted_unmap(&is->owner, AT, PAGE));
		*granted_word(&is->owner, AT) = WORD;
		ASSERT_TRUE(vmm_wait_beats(&is->vm, 0, 2));
		*granted_word(&is->owner, AT) = 0;
	}
	EXPECT_EQ(0, vmm_hits(&is->vm, 0));
	EXPECT_LT(50, vmm_holes(&is->vm, 0));
	EXPECT_EQ(VMM_INTERRUPTED, vmm_kick(&is->vm, 0).result);
}

TEST_HARNESS_MAIN
