// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that is itself a hypervisor, and puts the control block of its own
 * guest into a window. KVM would have to map the page for as long as that guest
 * runs, so it refuses.
 *
 * The control block is all zeros, which is not valid: if KVM can have it, it says
 * so in its exit code, and the guest goes on.
 *
 * With the first nested guest KVM also begins to keep account of what maps each
 * page of a memslot, which it must do for slots that are just being deleted, too.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "memory.h"
#include "proc.h"

#define LENGTH	MIB(2)
#define AT	(3 * PAGE)

#define MSR_EFER	0xc0000080
#define EFER_LMA_LME_SVME 0x1500
#define MSR_VM_HSAVE_PA	0xc0010117
#define EXIT_CODE	0x70
#define EXIT_INVALID	UINT64_MAX
#define GENERAL_PROTECTION 13

FIXTURE(nested) {
	struct mark mark;
	struct granted owner;
	struct vmm vm;
	uint64_t gpa;
};

FIXTURE_VARIANT(nested) {
	struct sharing sharing;
};

FIXTURE_VARIANT_ADD(nested, mapped_anon) { MAPPED(SOURCE_ANON) };
FIXTURE_VARIANT_ADD(nested, native_anon) { NATIVE(SOURCE_ANON) };
FIXTURE_VARIANT_ADD(nested, native_thp) { NATIVE(SOURCE_THP) };
FIXTURE_VARIANT_ADD(nested, native_mmio) { NATIVE_MMIO(SOURCE_ANON) };

typedef FIXTURE_DATA(nested) nested_fixture;

static struct vmm_outcome run(nested_fixture *self, enum guest_command what,
			      uint64_t address, uint64_t other, uint64_t value)
{
	const struct guest_mailbox box = {
		.command = what, .address = address, .other = other,
		.value = value,
	};

	return vmm_run(&self->vm, 0, &box);
}

static bool be_hypervisor(nested_fixture *self)
{
	return run(self, GUEST_WRITE_MSR, 0, MSR_EFER,
		   EFER_LMA_LME_SVME).result == VMM_OK &&
	       run(self, GUEST_WRITE_MSR, 0, MSR_VM_HSAVE_PA,
		   vmm_spare_gpa() + PAGE).result == VMM_OK;
}

FIXTURE_SETUP(nested)
{
	int ret;

	mark_begin(&self->mark);
	ret = granted_open(&self->owner, &variant->sharing, LENGTH, LENGTH);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NOT_HERE);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	ASSERT_EQ(0, vmm_create(&self->vm, 1));
	ASSERT_EQ(0, vmm_add_window(&self->vm, 0, self->owner.way,
				    self->owner.window.fd, 0, LENGTH));
	self->gpa = vmm_window_gpa(0) + AT;
	if (!be_hypervisor(self))
		SKIP(return, "guests cannot have SVM here");
}

FIXTURE_TEARDOWN_PARENT(nested)
{
	MARK_END(&self->mark);
}

/* Control: in the guest's ordinary memory. */
TEST_F(nested, ordinary_memory)
{
	const uint8_t *page = vmm_spare(&self->vm);

	ASSERT_EQ(VMM_OK, run(self, GUEST_RUN_NESTED, vmm_spare_gpa(), 0,
			      0).result);
	EXPECT_EQ(EXIT_INVALID, *(uint64_t *)(page + EXIT_CODE));
}

/* KVM tells the guest, or, newer ones, the VMM. */
static bool is_refused(const struct vmm_outcome *outcome)
{
	return outcome->result == VMM_EMULATION ||
	       (outcome->result == VMM_EXCEPTION &&
		outcome->vector == GENERAL_PROTECTION);
}

TEST_F(nested, window)
{
	struct vmm_outcome outcome;

	/* Linux before 6.13 has to be patched for this */
	if (self->owner.way == VMM_MAPPED && !kvm_knows_way(VMM_NATIVE) &&
	    !kvm_maps_huge(self->owner.space))
		SKIP(return, "KVM of this kernel takes any page");
	EXPECT_EQ(VMM_OK, run(self, GUEST_WRITE, self->gpa + 8, 0, 5).result);
	outcome = run(self, GUEST_RUN_NESTED, self->gpa, 0, 0);
	EXPECT_TRUE(is_refused(&outcome))
		TH_LOG("%s", vmm_result_name(outcome.result));
	EXPECT_EQ(0, *granted_word(&self->owner, AT + EXIT_CODE));
	EXPECT_EQ(5, *granted_word(&self->owner, AT + 8));
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	outcome = run(self, GUEST_RUN_NESTED, self->gpa, 0, 0);
	EXPECT_TRUE(is_refused(&outcome));
}

/* A nested guest that halts at once, with nested page tables of its own. */
#define HALT_GPA	(vmm_spare_gpa() + 2 * PAGE)
#define PAGE_TABLE	0x1000
#define EXIT_HALT	0x78

static void put(uint8_t *block, unsigned int offset, uint64_t value,
		unsigned int bytes)
{
	memcpy(block + offset, &value, bytes);
}

static void make_control_block(struct vmm *vm)
{
	uint8_t *block = vmm_spare(vm);

	memset(block, 0, PAGE);
	put(block, 0x00c, 1 << 24, 4);		/* intercept HLT */
	put(block, 0x010, 1 << 0, 4);		/* and VMRUN, as one has to */
	put(block, 0x058, 1, 4);		/* address space */
	put(block, 0x090, 1, 8);		/* nested paging, */
	put(block, 0x0b0, PAGE_TABLE, 8);	/* one to one */
	put(block, 0x412, 0xa9b, 2);		/* 64-bit code segment */
	put(block, 0x414, 0xffffffff, 4);
	put(block, 0x422, 0xc93, 2);		/* stack segment */
	put(block, 0x424, 0xffffffff, 4);
	put(block, 0x4d0, 0x1500, 8);		/* EFER: SVME, LMA, LME */
	put(block, 0x548, 0x20, 8);		/* CR4: PAE */
	put(block, 0x550, PAGE_TABLE, 8);	/* CR3 */
	put(block, 0x558, 0x80010031, 8);	/* CR0 */
	put(block, 0x560, 0x400, 8);		/* DR7 */
	put(block, 0x568, 0xffff0ff0, 8);	/* DR6 */
	put(block, 0x570, 2, 8);		/* RFLAGS */
	put(block, 0x578, HALT_GPA, 8);		/* RIP */
	put(block, 0x668, 0x0007040600070406, 8); /* PAT */
	block[2 * PAGE] = 0xf4;			/* HLT */
}

/**
 * struct race - A memslot whose deletion does not come to its end
 * @vm: of the slot
 * @pager: userfaultfd of the memory that a vCPU waits for, inside KVM
 * @memory: that memory
 * @deleter: thread that deletes the first window
 * @tid: of the thread
 */
struct race {
	struct vmm *vm;
	int pager;
	void *memory;
	pthread_t deleter;
	pid_t tid;
};

static void *delete_slot(void *data)
{
	struct race *race = data;

	__atomic_store_n(&race->tid, gettid(), __ATOMIC_SEQ_CST);
	vmm_remove_window(race->vm, 0);
	return NULL;
}

/* Memory that the guest can only have when the test lets it. */
static int withhold(struct race *race)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = memfd_create("withheld", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, PAGE) ||
	    vmm_add_window(race->vm, 1, VMM_MAPPED, fd, 0, PAGE))
		return -errno;
	close(fd);
	race->memory = race->vm->slots[1].address;
	range.range.start = (uintptr_t)race->memory;
	range.range.len = PAGE;
	race->pager = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (race->pager < 0 || ioctl(race->pager, UFFDIO_API, &api) ||
	    ioctl(race->pager, UFFDIO_REGISTER, &range))
		return -errno;
	return 0;
}

static bool release(struct race *race)
{
	struct uffdio_zeropage zero = {
		.range = { (uintptr_t)race->memory, PAGE },
	};

	return !ioctl(race->pager, UFFDIO_ZEROPAGE, &zero);
}

static char thread_state(pid_t tid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state;
}

/* It waits for all vCPUs to have let go of the slots, and cannot be disturbed. */
static bool deletion_is_stuck(struct race *race)
{
	unsigned int patience;

	for (patience = 5000; patience; patience--) {
		pid_t tid = __atomic_load_n(&race->tid, __ATOMIC_SEQ_CST);

		if (tid && thread_state(tid) == 'D')
			return true;
		sleep_ms(1);
	}
	return false;
}

FIXTURE(first) {
	struct mark mark;
	struct granted owner;
	struct vmm vm;
	struct race race;
};

FIXTURE_SETUP(first)
{
	static const struct sharing sharing = NATIVE(SOURCE_ANON);
	struct guest_mailbox box = { .command = GUEST_WRITE_MSR };
	int ret;

	mark_begin(&self->mark);
	ASSERT_EQ(0, granted_open(&self->owner, &sharing, LENGTH, LENGTH));
	ASSERT_EQ(0, vmm_create(&self->vm, 2));
	ret = vmm_add_window(&self->vm, 0, VMM_NATIVE, self->owner.window.fd, 0,
			     LENGTH);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "this kernel's KVM has no KVM_CAP_VHOST_GRANT");
	ASSERT_EQ(0, ret);
	box.other = MSR_EFER;
	box.value = EFER_LMA_LME_SVME;
	if (vmm_run(&self->vm, 1, &box).result != VMM_OK)
		SKIP(return, "guests cannot have SVM here");
	box.other = MSR_VM_HSAVE_PA;
	box.value = vmm_spare_gpa() + PAGE;
	ASSERT_EQ(VMM_OK, vmm_run(&self->vm, 1, &box).result);
	self->race.vm = &self->vm;
	make_control_block(&self->vm);
}

FIXTURE_TEARDOWN_PARENT(first)
{
	MARK_END(&self->mark);
}

/* Control: the nested guest runs, and KVM then zaps what it should. */
TEST_F(first, nested_guest)
{
	struct guest_mailbox box = {
		.command = GUEST_RUN_NESTED, .address = vmm_spare_gpa(),
	};

	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	ASSERT_EQ(VMM_OK, vmm_run(&self->vm, 1, &box).result);
	EXPECT_EQ(EXIT_HALT, *(uint64_t *)(vmm_spare(&self->vm) + EXIT_CODE));
	box = (struct guest_mailbox) {
		.command = GUEST_WRITE, .address = vmm_window_gpa(0) + AT,
	};
	EXPECT_EQ(VMM_OK, vmm_run(&self->vm, 1, &box).result);
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	EXPECT_EQ(VMM_MEMORY_FAULT, vmm_run(&self->vm, 1, &box).result);
}

TEST_F(first, comes_while_a_slot_is_deleted)
{
	struct race *race = &self->race;
	struct guest_mailbox box = {
		.command = GUEST_WRITE, .address = vmm_window_gpa(0) + AT,
	};
	struct pollfd asked;

	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	ASSERT_EQ(VMM_OK, vmm_run(&self->vm, 1, &box).result);
	ASSERT_EQ(0, withhold(race));
	box = (struct guest_mailbox) {
		.command = GUEST_READ, .address = vmm_window_gpa(1),
	};
	ASSERT_EQ(0, vmm_start(&self->vm, 0, &box, false));
	asked = (struct pollfd) { .fd = race->pager, .events = POLLIN };
	ASSERT_EQ(1, poll(&asked, 1, 5000));
	ASSERT_EQ(0, pthread_create(&race->deleter, NULL, delete_slot, race));
	ASSERT_TRUE(deletion_is_stuck(race));

	box = (struct guest_mailbox) {
		.command = GUEST_RUN_NESTED, .address = vmm_spare_gpa(),
	};
	EXPECT_EQ(VMM_OK, vmm_run(&self->vm, 1, &box).result);
	EXPECT_EQ(EXIT_HALT, *(uint64_t *)(vmm_spare(&self->vm) + EXIT_CODE));
	EXPECT_EQ(0, granted_unmap(&self->owner, AT, PAGE));

	EXPECT_TRUE(release(race));
	pthread_join(race->deleter, NULL);
	EXPECT_EQ(VMM_OK, vmm_wait(&self->vm, 0, 5000).result);
}

TEST_HARNESS_MAIN
