// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMM and its guest on ordinary shared memory: what the other tests see of
 * a window is the window's doing only if all of this works without one.
 */
#include <sys/mman.h>

#include "vmm.h"
#include "kselftest_harness.h"

#define PAGE	4096UL
#define LENGTH	(16 * PAGE)

FIXTURE(guest) {
	struct vmm vm;
	uint64_t *memory;
	int fd;
};

FIXTURE_SETUP(guest)
{
	self->fd = memfd_create("vmm", MFD_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, LENGTH));
	self->memory = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED,
			    self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	ASSERT_EQ(0, vmm_create(&self->vm, 2));
	ASSERT_EQ(0, vmm_add_window(&self->vm, 0, VMM_MAPPED, self->fd, 0,
				    LENGTH));
}

FIXTURE_TEARDOWN(guest)
{
	vmm_destroy(&self->vm);
	munmap(self->memory, LENGTH);
	close(self->fd);
}

static struct vmm_outcome run(struct vmm *vm, enum guest_command command,
			      uint64_t length, uint64_t value, uint64_t other)
{
	const struct guest_mailbox box = {
		.command = command, .address = vmm_window_gpa(0),
		.length = length, .value = value, .other = other,
	};

	return vmm_run(vm, 0, &box);
}

TEST_F(guest, words)
{
	self->memory[0] = 5;
	ASSERT_EQ(5, run(&self->vm, GUEST_READ, 0, 0, 0).value);
	ASSERT_EQ(VMM_OK, run(&self->vm, GUEST_WRITE, 0, 6, 0).result);
	EXPECT_EQ(6, self->memory[0]);
	EXPECT_EQ(6, run(&self->vm, GUEST_FETCH_ADD, 0, 1, 0).value);
	EXPECT_EQ(7, run(&self->vm, GUEST_COMPARE_EXCHANGE, 0, 9, 7).value);
	EXPECT_EQ(9, run(&self->vm, GUEST_COMPARE_EXCHANGE, 0, 1, 7).value);
	EXPECT_EQ(9, self->memory[0]);
}

TEST_F(guest, ranges)
{
	ASSERT_EQ(VMM_OK, run(&self->vm, GUEST_FILL, LENGTH, 3, 0).result);
	EXPECT_EQ(3, self->memory[LENGTH / 8 - 1]);
	self->memory[17] = 4;
	EXPECT_EQ(1, run(&self->vm, GUEST_CHECK, LENGTH, 3, 0).value);
	memset(vmm_spare(&self->vm), 0x11, PAGE);
	ASSERT_EQ(VMM_OK, run(&self->vm, GUEST_COPY, PAGE, 0,
			      vmm_spare_gpa()).result);
	EXPECT_EQ(0x1111111111111111, self->memory[PAGE / 8 - 1]);
}

TEST_F(guest, string_io)
{
	self->vm.vcpus[0].input = 1;
	ASSERT_EQ(VMM_OK, run(&self->vm, GUEST_INPUT, 8, 0, 0).result);
	EXPECT_EQ(0x0807060504030201, self->memory[0]);
	ASSERT_EQ(VMM_OK, run(&self->vm, GUEST_OUTPUT, 8, 0, 0).result);
	EXPECT_EQ(1 + 2 + 3 + 4 + 5 + 6 + 7 + 8, self->vm.vcpus[0].output);
}

/* mov $42, %eax; ret */
static const uint8_t return_42[] = { 0xb8, 42, 0, 0, 0, 0xc3 };

TEST_F(guest, execute)
{
	memcpy(self->memory, return_42, sizeof(return_42));
	EXPECT_EQ(42, run(&self->vm, GUEST_EXECUTE, 0, 0, 0).value);
}

TEST_F(guest, exception)
{
	struct vmm_outcome outcome;

	/* ud2 */
	memcpy(self->memory, "\x0f\x0b", 2);
	outcome = run(&self->vm, GUEST_EXECUTE, 0, 0, 0);
	ASSERT_EQ(VMM_EXCEPTION, outcome.result);
	EXPECT_EQ(6, outcome.vector);
	EXPECT_EQ(VMM_OK, run(&self->vm, GUEST_READ, 0, 0, 0).result);
}

TEST_F(guest, page_table)
{
	struct guest_mailbox box = { .command = GUEST_READ };

	self->memory[512] = 0x77;
	self->memory[3] = (vmm_window_gpa(0) + PAGE) | 7;
	box.address = vmm_use_page_table(&self->vm, vmm_window_gpa(0)) + 3 * PAGE;
	EXPECT_EQ(0x77, vmm_run(&self->vm, 0, &box).value);
	/* The CPU sets the accessed bit, so page tables really are in use */
	EXPECT_EQ((vmm_window_gpa(0) + PAGE) | 0x27, self->memory[3]);
	box.address += PAGE;
	EXPECT_EQ(VMM_EXCEPTION, vmm_run(&self->vm, 0, &box).result);
}

TEST_F(guest, outside_of_every_memslot)
{
	const struct guest_mailbox box = {
		.command = GUEST_WRITE, .value = 0x55,
		.address = vmm_window_gpa(0) + LENGTH,
	};
	struct vmm_outcome outcome = vmm_run(&self->vm, 0, &box);

	ASSERT_EQ(VMM_READONLY, outcome.result);
	EXPECT_EQ(box.address, outcome.gpa);
	EXPECT_EQ(0x55, outcome.value);
}

TEST_F(guest, hole)
{
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(VMM_HOLE, run(&self->vm, GUEST_READ, 0, 0, 0).result);
	ASSERT_EQ(0, ftruncate(self->fd, LENGTH));
	EXPECT_EQ(VMM_OK, vmm_resume(&self->vm, 0).result);
}

TEST_F(guest, two_loops)
{
	struct guest_mailbox box = {
		.command = GUEST_LOOP_ADD, .address = vmm_window_gpa(0),
		.value = 1, .count = 20000,
	};

	ASSERT_EQ(0, vmm_start(&self->vm, 0, &box, false));
	ASSERT_EQ(0, vmm_start(&self->vm, 1, &box, false));
	EXPECT_EQ(20000, vmm_wait(&self->vm, 0, 10000).value);
	EXPECT_EQ(20000, vmm_wait(&self->vm, 1, 10000).value);
	EXPECT_EQ(40000, self->memory[0]);
}

TEST_F(guest, kick)
{
	const struct guest_mailbox box = {
		.command = GUEST_LOOP_READ, .address = vmm_window_gpa(0),
		.count = UINT64_MAX, .yield_every = 1000,
	};

	ASSERT_EQ(0, vmm_start(&self->vm, 0, &box, false));
	ASSERT_TRUE(vmm_wait_beats(&self->vm, 0, 10000));
	ASSERT_EQ(VMM_RUNNING, vmm_wait(&self->vm, 0, 1).result);
	EXPECT_EQ(VMM_INTERRUPTED, vmm_kick(&self->vm, 0).result);
	EXPECT_EQ(VMM_OK, run(&self->vm, GUEST_READ, 0, 0, 0).result);
}

TEST_HARNESS_MAIN
