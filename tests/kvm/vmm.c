// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine: memory, page tables and vCPUs of a guest that starts in 64-bit
 * mode, and the ways KVM_RUN can come back from it.
 *
 * Guest-physical memory: 1 MiB of ordinary memory at 0, laid out by enum
 * layout, and window i at 1 GiB + i * 512 MiB. The guest's page tables map the
 * low 4 GiB one to one; the 2 MiB at 4 GiB use a page table of the test's
 * choice, see vmm_use_page_table().
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vhost_grant_kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

#define PAGE		0x1000ULL
#define HUGE		0x200000ULL
#define GIGA		0x40000000ULL
#define WINDOW_STRIDE	(GIGA / 2)
#define RAM_SLOT	0
#define BORROWED_VA	(4 * GIGA)
#define KICK_SIGNAL	SIGUSR1

enum layout {
	PML4		= 0x1000,
	PDPT		= 0x2000,
	PDS		= 0x3000,
	BORROWED_PD	= 0x7000,
	GDT		= 0x8000,
	IDT		= 0x9000,
	SPARE		= 0xa000,
	IMAGE		= GUEST_IMAGE_GPA,
	MAILBOXES	= 0x40000,
	STACKS		= 0x50000,
	STACK_SIZE	= 0x4000,
	RAM_SIZE	= 0x100000,
};

enum guest_selector {
	CODE_SELECTOR	= 0x08,
	DATA_SELECTOR	= 0x10,
};

#define PTE_TABLE	0x07ULL		/* present, writable, user */
#define PTE_HUGE	0xe7ULL		/* a leaf, accessed and dirty */
#define CR0_PE_ET_NE_WP_PG	0x80010031ULL
#define CR4_PAE_OSFXSR		0x220ULL
#define EFER_LME_LMA		0x500ULL

extern const uint8_t guest_image[], guest_image_end[];

struct memory_fault {
	uint64_t flags;
	uint64_t gpa;
	uint64_t size;
};

static void *at(struct vmm *vm, uint64_t gpa)
{
	return (uint8_t *)vm->ram + gpa;
}

static int failed(int ret)
{
	return ret < 0 ? -errno : ret;
}

static void set_page_tables(struct vmm *vm)
{
	uint64_t *pdpt = at(vm, PDPT), *pds = at(vm, PDS);
	uint64_t i;

	*(uint64_t *)at(vm, PML4) = PDPT | PTE_TABLE;
	for (i = 0; i < 4; i++)
		pdpt[i] = (PDS + i * PAGE) | PTE_TABLE;
	pdpt[4] = BORROWED_PD | PTE_TABLE;
	for (i = 0; i < 4 * 512; i++)
		pds[i] = i * HUGE | PTE_HUGE;
}

static void set_descriptors(struct vmm *vm)
{
	const struct guest_header *header = at(vm, IMAGE);
	uint64_t *gdt = at(vm, GDT), *idt = at(vm, IDT);
	uint64_t i;

	gdt[CODE_SELECTOR / 8] = 0x00af9b000000ffffULL;
	gdt[DATA_SELECTOR / 8] = 0x00cf93000000ffffULL;
	for (i = 0; i < GUEST_VECTORS; i++) {
		uint64_t stub = header->stubs + i * GUEST_STUB_SIZE;

		idt[2 * i] = (stub & 0xffff) | CODE_SELECTOR << 16 |
			     0x8e00ULL << 32 | (stub >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = stub >> 32;
	}
}

static int set_slot(struct vmm *vm, unsigned int slot, uint64_t gpa,
		    void *address, uint64_t length)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = length,
		.userspace_addr = (uintptr_t)address,
	};

	return failed(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region));
}

static int create_ram(struct vmm *vm)
{
	vm->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vm->ram == MAP_FAILED) {
		vm->ram = NULL;
		return -errno;
	}
	memcpy(at(vm, IMAGE), guest_image, guest_image_end - guest_image);
	set_page_tables(vm);
	set_descriptors(vm);
	return set_slot(vm, RAM_SLOT, 0, vm->ram, RAM_SIZE);
}

static int set_cpuid(struct vmm *vm, struct vmm_vcpu *vcpu)
{
	const unsigned int nent = 128;
	struct kvm_cpuid2 *cpuid;
	int ret;

	cpuid = calloc(1, sizeof(*cpuid) + nent * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = nent;
	ret = failed(ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid));
	if (!ret)
		ret = failed(ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid));
	free(cpuid);
	return ret;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment) {
		.limit = 0xffffffff, .selector = selector, .type = type,
		.present = 1, .s = 1, .g = 1,
		.l = selector == CODE_SELECTOR, .db = selector != CODE_SELECTOR,
	};
}

static int set_sregs(struct vmm_vcpu *vcpu)
{
	struct kvm_sregs sregs;
	int ret;

	ret = failed(ioctl(vcpu->fd, KVM_GET_SREGS, &sregs));
	if (ret)
		return ret;
	sregs.cs = segment(CODE_SELECTOR, 0xb);
	sregs.ds = segment(DATA_SELECTOR, 0x3);
	sregs.es = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.gdt.base = GDT;
	sregs.gdt.limit = DATA_SELECTOR + 7;
	sregs.idt.base = IDT;
	sregs.idt.limit = GUEST_VECTORS * 16 - 1;
	sregs.cr0 = CR0_PE_ET_NE_WP_PG;
	sregs.cr3 = PML4;
	sregs.cr4 = CR4_PAE_OSFXSR;
	sregs.efer = EFER_LME_LMA;
	return failed(ioctl(vcpu->fd, KVM_SET_SREGS, &sregs));
}

static int create_vcpu(struct vmm *vm, unsigned int cpu)
{
	struct vmm_vcpu *vcpu = &vm->vcpus[cpu];
	int ret;

	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)cpu);
	if (vcpu->fd < 0)
		return -errno;
	vm->nr_vcpus = cpu + 1;
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		return -errno;
	}
	vcpu->box = at(vm, MAILBOXES + cpu * PAGE);
	vcpu->mmio_answer = UINT64_MAX;
	ret = set_cpuid(vm, vcpu);
	return ret ? ret : set_sregs(vcpu);
}

static void ignore_signal(int signal)
{
	(void)signal;
}

/* Without SA_RESTART, so that it gets a vCPU out of KVM_RUN. */
static int catch_kick(void)
{
	struct sigaction action = { .sa_handler = ignore_signal };

	return failed(sigaction(KICK_SIGNAL, &action, NULL));
}

static int open_kvm(struct vmm *vm)
{
	int size;

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		return -errno;
	size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		return -errno;
	vm->run_size = size;
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	return vm->fd < 0 ? -errno : 0;
}

/*
 * Without this an instruction that KVM cannot emulate is taken for an invalid one
 * when the guest is entered again, rather than tried again.
 */
static int exit_on_emulation_failure(struct vmm *vm)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args[0] = 1,
	};

	return failed(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
}

static int build(struct vmm *vm, unsigned int nr_vcpus)
{
	unsigned int cpu;
	int ret;

	ret = catch_kick();
	if (!ret)
		ret = open_kvm(vm);
	if (!ret)
		ret = exit_on_emulation_failure(vm);
	if (!ret)
		ret = create_ram(vm);
	for (cpu = 0; !ret && cpu < nr_vcpus; cpu++)
		ret = create_vcpu(vm, cpu);
	return ret;
}

int vmm_create(struct vmm *vm, unsigned int nr_vcpus)
{
	int ret;

	*vm = (struct vmm) { .kvm = -1, .fd = -1 };
	if (nr_vcpus > VMM_MAX_VCPUS)
		return -EINVAL;
	ret = build(vm, nr_vcpus);
	if (ret)
		vmm_destroy(vm);
	return ret;
}

static void destroy_vcpu(struct vmm *vm, unsigned int cpu)
{
	struct vmm_vcpu *vcpu = &vm->vcpus[cpu];

	if (vcpu->started)
		vmm_kick(vm, cpu);
	if (vcpu->run)
		munmap(vcpu->run, vm->run_size);
	close(vcpu->fd);
}

static void unmap_slot(struct vmm_slot *slot)
{
	if (slot->address)
		munmap(slot->address, slot->length);
	*slot = (struct vmm_slot) { 0 };
}

void vmm_destroy(struct vmm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		destroy_vcpu(vm, i);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm >= 0)
		close(vm->kvm);
	for (i = 0; i < VMM_MAX_WINDOWS; i++)
		unmap_slot(&vm->slots[i]);
	if (vm->ram)
		munmap(vm->ram, RAM_SIZE);
	*vm = (struct vmm) { .kvm = -1, .fd = -1 };
}

uint64_t vmm_window_gpa(unsigned int index)
{
	return GIGA + index * WINDOW_STRIDE;
}

/* KVM uses huge pages only if host and guest address agree modulo 2 MiB. */
static void *map_aligned(int fd, uint64_t offset, uint64_t length)
{
	uint8_t *start, *aligned;
	void *address;

	start = mmap(NULL, length + HUGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		return MAP_FAILED;
	aligned = (uint8_t *)(((uintptr_t)start + HUGE - 1) & ~(HUGE - 1));
	address = mmap(aligned, length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, fd, offset);
	if (address == MAP_FAILED) {
		munmap(start, length + HUGE);
		return MAP_FAILED;
	}
	if (aligned > start)
		munmap(start, aligned - start);
	munmap(aligned + length, start + HUGE - aligned);
	return address;
}

static int map_slot(struct vmm_slot *slot)
{
	slot->address = map_aligned(slot->fd, slot->offset, slot->length);
	if (slot->address != MAP_FAILED)
		return 0;
	slot->address = NULL;
	return -errno;
}

int vmm_native_features(struct vmm *vm)
{
	return failed(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_VHOST_GRANT));
}

static int set_native_slot(struct vmm *vm, unsigned int id,
			   const struct vmm_slot *slot)
{
	struct kvm_userspace_memory_region2 region = {
		.slot = id,
		.flags = KVM_MEM_VHOST_GRANT,
		.guest_phys_addr = slot->gpa,
		.memory_size = slot->length,
		.guest_memfd = slot->fd,
		.guest_memfd_offset = slot->offset,
	};
	uint32_t features = vmm_native_features(vm);

	if (!(features & KVM_VHOST_GRANT_SLOTS))
		return -EOPNOTSUPP;
	if (slot->way == VMM_NATIVE_MMIO) {
		if (!(features & KVM_VHOST_GRANT_MMIO))
			return -EOPNOTSUPP;
		region.flags |= KVM_MEM_VHOST_GRANT_MMIO;
	}
	return failed(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION2, &region));
}

static int set_window(struct vmm *vm, unsigned int index,
		      const struct vmm_slot *slot)
{
	if (slot->way != VMM_MAPPED)
		return set_native_slot(vm, 1 + index, slot);
	return set_slot(vm, 1 + index, slot->gpa, slot->address, slot->length);
}

int vmm_add_window_at(struct vmm *vm, unsigned int index, enum vmm_way way,
		      int fd, uint64_t offset, uint64_t length, uint64_t gpa)
{
	struct vmm_slot slot = {
		.way = way, .fd = fd, .offset = offset, .gpa = gpa,
		.length = length,
	};
	int ret = 0;

	if (index >= VMM_MAX_WINDOWS || vm->slots[index].length ||
	    gpa + length > vmm_window_gpa(VMM_MAX_WINDOWS))
		return -EINVAL;
	if (way == VMM_MAPPED)
		ret = map_slot(&slot);
	if (!ret)
		ret = set_window(vm, index, &slot);
	if (ret)
		unmap_slot(&slot);
	vm->slots[index] = slot;
	return ret;
}

int vmm_add_window(struct vmm *vm, unsigned int index, enum vmm_way way,
		   int fd, uint64_t offset, uint64_t length)
{
	return vmm_add_window_at(vm, index, way, fd, offset, length,
				 vmm_window_gpa(index));
}

/* The mapping, if there is one, is not the alias's to unmap. */
int vmm_alias_window(struct vmm *vm, unsigned int index, unsigned int of)
{
	struct vmm_slot slot = vm->slots[of];
	int ret;

	slot.gpa = vmm_window_gpa(index);
	ret = set_window(vm, index, &slot);
	if (ret)
		return ret;
	slot.address = NULL;
	vm->slots[index] = slot;
	return 0;
}

int vmm_remove_window(struct vmm *vm, unsigned int index)
{
	int ret = set_slot(vm, 1 + index, vm->slots[index].gpa, NULL, 0);

	unmap_slot(&vm->slots[index]);
	return ret;
}

/* The first value of the statistic, whose name follows its descriptor. */
static int64_t find_stat(int fd, const char *name)
{
	struct kvm_stats_header header;
	struct {
		struct kvm_stats_desc desc;
		char name[128];
	} entry;
	uint64_t value;
	uint32_t i;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    header.name_size > sizeof(entry.name))
		return -EIO;
	for (i = 0; i < header.num_desc; i++) {
		size_t size = sizeof(entry.desc) + header.name_size;

		if (pread(fd, &entry, size, header.desc_offset + i * size) !=
		    (ssize_t)size)
			return -EIO;
		if (strcmp(entry.desc.name, name))
			continue;
		if (pread(fd, &value, sizeof(value), header.data_offset +
			  entry.desc.offset) != sizeof(value))
			return -EIO;
		return value;
	}
	return -ENOENT;
}

static int64_t stat_of(int fd, const char *name)
{
	int stats = ioctl(fd, KVM_GET_STATS_FD, NULL);
	int64_t value;

	if (stats < 0)
		return -errno;
	value = find_stat(stats, name);
	close(stats);
	return value;
}

int64_t vmm_stat(struct vmm *vm, const char *name)
{
	return stat_of(vm->fd, name);
}

int64_t vmm_vcpu_stat(struct vmm *vm, unsigned int cpu, const char *name)
{
	return stat_of(vm->vcpus[cpu].fd, name);
}

int64_t vmm_prefault(struct vmm *vm, unsigned int cpu, uint64_t gpa,
		     uint64_t length)
{
	struct kvm_pre_fault_memory range = { .gpa = gpa, .size = length };

	if (ioctl(vm->vcpus[cpu].fd, KVM_PRE_FAULT_MEMORY, &range))
		return -errno;
	return range.gpa - gpa;
}

uint64_t vmm_use_page_table(struct vmm *vm, uint64_t table_gpa)
{
	*(uint64_t *)at(vm, BORROWED_PD) = table_gpa | PTE_TABLE;
	return BORROWED_VA;
}

uint64_t vmm_spare_gpa(void)
{
	return SPARE;
}

uint64_t vmm_ram_length(void)
{
	return RAM_SIZE;
}

void *vmm_spare(struct vmm *vm)
{
	return at(vm, SPARE);
}

static void report_exception(struct vmm *vm, struct vmm_vcpu *vcpu,
			     struct vmm_outcome *outcome)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	const uint64_t *stack;

	outcome->result = VMM_OTHER;
	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) ||
	    regs.rsp > RAM_SIZE - PAGE)
		return;
	stack = at(vm, regs.rsp);
	outcome->result = VMM_EXCEPTION;
	outcome->vector = stack[0];
	outcome->error_code = stack[1];
	outcome->fault_address = sregs.cr2;
}

static void transfer_data(struct vmm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t i;

	for (i = 0; i < run->io.size * run->io.count; i++) {
		if (run->io.direction == KVM_EXIT_IO_IN)
			data[i] = vcpu->input++;
		else
			vcpu->output += data[i];
	}
}

/* Returns true if the guest has to be entered again for the command to go on. */
static bool handle_port(struct vmm *vm, struct vmm_vcpu *vcpu,
			struct vmm_outcome *outcome)
{
	switch (vcpu->run->io.port) {
	case GUEST_PORT_DONE:
		outcome->result = VMM_OK;
		outcome->value = vcpu->box->result;
		return false;
	case GUEST_PORT_EXCEPTION:
		report_exception(vm, vcpu, outcome);
		return false;
	case GUEST_PORT_DATA:
		transfer_data(vcpu);
		return true;
	case GUEST_PORT_YIELD:
		return true;
	}
	return false;
}

static bool in_native_slot(const struct vmm *vm, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < VMM_MAX_WINDOWS; i++)
		if (gpa >= vm->slots[i].gpa &&
		    gpa - vm->slots[i].gpa < vm->slots[i].length)
			return vm->slots[i].way != VMM_MAPPED;
	return false;
}

/* What a load finds is taken from @run when the guest is entered again. */
static void handle_mmio(const struct vmm *vm, struct vmm_vcpu *vcpu,
			struct vmm_outcome *outcome)
{
	struct kvm_run *run = vcpu->run;

	outcome->gpa = run->mmio.phys_addr;
	outcome->size = run->mmio.len;
	outcome->write = run->mmio.is_write;
	if (in_native_slot(vm, outcome->gpa))
		outcome->result = VMM_MMIO;
	else if (outcome->write)
		outcome->result = VMM_READONLY;
	if (outcome->write)
		memcpy(&outcome->value, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, &vcpu->mmio_answer, run->mmio.len);
}

static void handle_failure(const struct kvm_run *run,
			   struct vmm_outcome *outcome)
{
	struct memory_fault fault;

	if (outcome->error == EINTR) {
		outcome->result = VMM_INTERRUPTED;
	} else if (outcome->error == EFAULT &&
		   run->exit_reason == KVM_EXIT_UNKNOWN) {
		outcome->result = VMM_HOLE;
	} else if (outcome->error == EFAULT &&
		   run->exit_reason == KVM_EXIT_MEMORY_FAULT) {
		memcpy(&fault, run->padding, sizeof(fault));
		outcome->result = VMM_MEMORY_FAULT;
		outcome->gpa = fault.gpa;
		outcome->flags = fault.flags;
		outcome->size = fault.size;
	}
}

/* Returns true if the guest has to be entered again for the command to go on. */
static bool enter(struct vmm *vm, struct vmm_vcpu *vcpu,
		  struct vmm_outcome *outcome)
{
	int ret = ioctl(vcpu->fd, KVM_RUN, 0);

	*outcome = (struct vmm_outcome) {
		.result = VMM_OTHER,
		.error = ret < 0 ? errno : 0,
		.exit_reason = vcpu->run->exit_reason,
	};
	if (ret < 0)
		handle_failure(vcpu->run, outcome);
	else if (vcpu->run->exit_reason == KVM_EXIT_IO)
		return handle_port(vm, vcpu, outcome);
	else if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
		handle_mmio(vm, vcpu, outcome);
	else if (vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
		 vcpu->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		outcome->result = VMM_EMULATION;
	return false;
}

static bool stopped_by_hole(const struct vmm_outcome *outcome)
{
	switch (outcome->result) {
	case VMM_HOLE:
	case VMM_MMIO:
		return true;
	case VMM_MEMORY_FAULT:
		return outcome->flags & KVM_MEMORY_EXIT_FLAG_GRANT;
	default:
		return false;
	}
}

struct vmm_outcome vmm_resume(struct vmm *vm, unsigned int cpu)
{
	struct vmm_vcpu *vcpu = &vm->vcpus[cpu];
	struct vmm_outcome outcome;

	for (;;) {
		while (enter(vm, vcpu, &outcome))
			;
		if (!vcpu->retry_holes || !stopped_by_hole(&outcome))
			return outcome;
		__atomic_fetch_add(&vcpu->holes, 1, __ATOMIC_RELAXED);
	}
}

/*
 * KVM finishes the instruction of the last exit only when it is entered again,
 * a string instruction in several steps.
 */
static int finish_exit(struct vmm_vcpu *vcpu)
{
	int ret;

	vcpu->run->immediate_exit = 1;
	do {
		ret = ioctl(vcpu->fd, KVM_RUN, 0);
	} while (!ret);
	vcpu->run->immediate_exit = 0;
	return errno == EINTR ? 0 : -errno;
}

static int set_command(struct vmm *vm, unsigned int cpu,
		       const struct guest_mailbox *command)
{
	const struct guest_header *header = at(vm, IMAGE);
	struct vmm_vcpu *vcpu = &vm->vcpus[cpu];
	struct kvm_regs regs = {
		.rip = header->entry,
		.rdi = MAILBOXES + cpu * PAGE,
		/* As after a call: the return address would be there */
		.rsp = STACKS + (cpu + 1) * STACK_SIZE - 8,
		.rflags = 2,
	};
	int ret;

	ret = finish_exit(vcpu);
	if (ret)
		return ret;
	*vcpu->box = *command;
	vcpu->box->heartbeat = 0;
	vcpu->box->hits = 0;
	vcpu->holes = 0;
	return failed(ioctl(vcpu->fd, KVM_SET_REGS, &regs));
}

struct vmm_outcome vmm_run(struct vmm *vm, unsigned int cpu,
			   const struct guest_mailbox *command)
{
	int ret = set_command(vm, cpu, command);

	if (ret)
		return (struct vmm_outcome) { .result = VMM_OTHER, .error = -ret };
	vm->vcpus[cpu].retry_holes = false;
	return vmm_resume(vm, cpu);
}

struct thread_arg {
	struct vmm *vm;
	unsigned int cpu;
};

static void *vcpu_thread(void *data)
{
	struct thread_arg arg = *(struct thread_arg *)data;

	free(data);
	arg.vm->vcpus[arg.cpu].outcome = vmm_resume(arg.vm, arg.cpu);
	return NULL;
}

static int start(struct vmm *vm, unsigned int cpu, bool retry_holes)
{
	struct vmm_vcpu *vcpu = &vm->vcpus[cpu];
	struct thread_arg *arg;
	int ret;

	arg = malloc(sizeof(*arg));
	if (!arg)
		return -ENOMEM;
	*arg = (struct thread_arg) { vm, cpu };
	vcpu->retry_holes = retry_holes;
	ret = pthread_create(&vcpu->thread, NULL, vcpu_thread, arg);
	if (ret)
		free(arg);
	vcpu->started = !ret;
	return -ret;
}

int vmm_start(struct vmm *vm, unsigned int cpu,
	      const struct guest_mailbox *command, bool retry_holes)
{
	int ret = set_command(vm, cpu, command);

	return ret ? ret : start(vm, cpu, retry_holes);
}

int vmm_start_resume(struct vmm *vm, unsigned int cpu)
{
	return start(vm, cpu, false);
}

struct vmm_outcome vmm_wait(struct vmm *vm, unsigned int cpu,
			    unsigned int milliseconds)
{
	struct vmm_vcpu *vcpu = &vm->vcpus[cpu];
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += milliseconds % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	if (!vcpu->started ||
	    pthread_timedjoin_np(vcpu->thread, NULL, &until))
		return (struct vmm_outcome) { .result = VMM_RUNNING };
	vcpu->started = false;
	return vcpu->outcome;
}

struct vmm_outcome vmm_kick(struct vmm *vm, unsigned int cpu)
{
	struct vmm_vcpu *vcpu = &vm->vcpus[cpu];

	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, KICK_SIGNAL);
	pthread_join(vcpu->thread, NULL);
	vcpu->run->immediate_exit = 0;
	vcpu->started = false;
	return vcpu->outcome;
}

uint64_t vmm_heartbeat(struct vmm *vm, unsigned int cpu)
{
	return __atomic_load_n(&vm->vcpus[cpu].box->heartbeat, __ATOMIC_ACQUIRE);
}

uint64_t vmm_hits(struct vmm *vm, unsigned int cpu)
{
	return __atomic_load_n(&vm->vcpus[cpu].box->hits, __ATOMIC_ACQUIRE);
}

uint64_t vmm_holes(struct vmm *vm, unsigned int cpu)
{
	return __atomic_load_n(&vm->vcpus[cpu].holes, __ATOMIC_ACQUIRE);
}

bool vmm_wait_beats(struct vmm *vm, unsigned int cpu, uint64_t beats)
{
	const uint64_t until = vmm_heartbeat(vm, cpu) + beats;
	int patience;

	for (patience = 10000; patience; patience--) {
		if (vmm_heartbeat(vm, cpu) >= until)
			return true;
		usleep(1000);
	}
	return false;
}

const char *vmm_result_name(enum vmm_result result)
{
	static const char * const names[] = {
		[VMM_OK]		= "done",
		[VMM_HOLE]		= "refused, KVM_RUN failed with EFAULT",
		[VMM_READONLY]		= "store refused, KVM_EXIT_MMIO",
		[VMM_MEMORY_FAULT]	= "refused, KVM_EXIT_MEMORY_FAULT",
		[VMM_MMIO]		= "refused, KVM_EXIT_MMIO",
		[VMM_EMULATION]		= "KVM cannot emulate the instruction",
		[VMM_EXCEPTION]		= "exception in the guest",
		[VMM_INTERRUPTED]	= "interrupted by the VMM",
		[VMM_RUNNING]		= "still running",
		[VMM_OTHER]		= "unexpected exit",
	};

	return names[result];
}
