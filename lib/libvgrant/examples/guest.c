// SPDX-License-Identifier: MIT
/*
 * Gives a window to a guest. This process is everything: the owner of the
 * window, and the VMM of the guest, which reads a page that is granted and one
 * that is not, and then writes to what it may only read.
 *
 * usage: guest [native|mmio|mapped]
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vhost_grant_kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <vgrant.h>

#define PAGE		4096
#define WINDOW_GPA	0x10000
#define WINDOW_LENGTH	(4 * PAGE)
#define PORT		0x10

static const uint8_t guest_code[] = {
	0xa0, 0x00, 0x00,	/* mov al, [0] */
	0xe6, PORT,		/* out PORT, al */
	0xa0, 0x00, 0x10,	/* mov al, [0x1000] */
	0xe6, PORT,		/* out PORT, al */
	0xa2, 0x00, 0x00,	/* mov [0], al */
	0xf4,			/* hlt */
};

/* The owner: two pages, of which the first is granted at once. */
static uint8_t memory[2 * PAGE] __attribute__((aligned(PAGE)));
static struct vgrant_space *space;
static uint32_t window_id;

static int check(enum vgrant_op op, int ret)
{
	if (ret < 0)
		errx(1, "%s", vgrant_strerror(op, ret));
	return ret;
}

static int check_errno(const char *what, int ret)
{
	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

static void grant(unsigned int page)
{
	check(VGRANT_OP_MAP,
	      vgrant_map(space, window_id, page * PAGE, PAGE,
			 &memory[page * PAGE], VHOST_GRANT_READ));
}

static int create_window(void)
{
	check(VGRANT_OP_OPEN, vgrant_open(NULL, 0, &space));
	return check(VGRANT_OP_CREATE_WINDOW,
		     vgrant_create_window(space, WINDOW_LENGTH,
					  VHOST_GRANT_WINDOW_KVM_MAPPED,
					  &window_id));
}

static void add_memory(int vm, uint32_t slot, uint64_t gpa, void *addr,
		       uint64_t length)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = length,
		.userspace_addr = (uintptr_t)addr,
	};

	check_errno("memory of the guest",
		    ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
}

/* Return: whether it is a native slot. */
static bool add_window(int vm, int window, const char *wanted)
{
	uint32_t ways, flags = 0;
	void *addr;

	check(VGRANT_OP_KVM_WAYS, vgrant_kvm_ways(vm, window, &ways));
	if (!wanted)
		wanted = ways & VGRANT_KVM_NATIVE ? "native" : "mapped";
	printf("guest: has the window as a %s slot\n", wanted);
	if (!strcmp(wanted, "mapped")) {
		check(VGRANT_OP_WINDOW_MMAP,
		      vgrant_window_mmap(window, 0, 0, PROT_READ | PROT_WRITE,
					 &addr));
		add_memory(vm, 1, WINDOW_GPA, addr, WINDOW_LENGTH);
		return false;
	}
	if (!strcmp(wanted, "mmio"))
		flags = VGRANT_KVM_SLOT_MMIO;
	check(VGRANT_OP_KVM_SLOT,
	      vgrant_kvm_set_slot(vm, 1, WINDOW_GPA, window, 0, WINDOW_LENGTH,
				  flags));
	return true;
}

/* In real mode, with code at 0 and data in the window. */
static int create_vcpu(int vm)
{
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;
	int vcpu = check_errno("KVM_CREATE_VCPU",
			       ioctl(vm, KVM_CREATE_VCPU, 0));

	check_errno("KVM_GET_SREGS", ioctl(vcpu, KVM_GET_SREGS, &sregs));
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.ds.base = WINDOW_GPA;
	sregs.ds.selector = WINDOW_GPA >> 4;
	check_errno("KVM_SET_SREGS", ioctl(vcpu, KVM_SET_SREGS, &sregs));
	check_errno("KVM_SET_REGS", ioctl(vcpu, KVM_SET_REGS, &regs));
	return vcpu;
}

static void populate(int vcpu)
{
	uint64_t populated;
	int ret = vgrant_kvm_prefault(vcpu, WINDOW_GPA, WINDOW_LENGTH,
				      &populated);

	if (ret)
		printf("guest: %s\n",
		       vgrant_strerror(VGRANT_OP_KVM_PREFAULT, ret));
	else
		printf("guest: %d of 4 pages are populated\n",
		       (int)(populated / PAGE));
}

/* Return: whether it makes sense to enter the guest again. */
static bool refused(const struct kvm_run *run)
{
	struct vhost_grant_kvm_fault fault;

	if (run->exit_reason != KVM_EXIT_MEMORY_FAULT) {
		printf("guest: refused, KVM does not say where\n");
		grant(1);
		return true;
	}
	memcpy(&fault, run->padding, sizeof(fault));
	printf("guest: refused to %s 0x%llx, %s\n",
	       fault.flags & KVM_MEMORY_EXIT_FLAG_WRITE ? "write" : "read",
	       fault.gpa,
	       fault.flags & KVM_MEMORY_EXIT_FLAG_RDONLY ?
	       "which is read-only" : "where nothing is granted");
	if (fault.flags & KVM_MEMORY_EXIT_FLAG_RDONLY)
		return false;
	grant((fault.gpa - WINDOW_GPA) / PAGE);
	return true;
}

static bool emulate(struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		printf("guest: read 0x%02x\n",
		       *((uint8_t *)run + run->io.data_offset));
		return true;
	case KVM_EXIT_MMIO:
		printf("guest: %s 0x%llx as if it were a device's\n",
		       run->mmio.is_write ? "wrote" : "read",
		       run->mmio.phys_addr);
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		return true;
	case KVM_EXIT_HLT:
		return false;
	}
	errx(1, "KVM_RUN: exit reason %u", run->exit_reason);
}

static void run_guest(int vcpu, size_t run_size)
{
	struct kvm_run *run = mmap(NULL, run_size, PROT_READ | PROT_WRITE,
				   MAP_SHARED, vcpu, 0);
	bool again = true;

	if (run == MAP_FAILED)
		err(1, "mmap of the vCPU");
	while (again) {
		if (!ioctl(vcpu, KVM_RUN, 0))
			again = emulate(run);
		else if (errno == EFAULT)
			again = refused(run);
		else
			err(1, "KVM_RUN");
	}
}

int main(int argc, char **argv)
{
	int window = create_window(), kvm, vm, vcpu;
	void *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool native;

	if (code == MAP_FAILED)
		err(1, "mmap");
	memcpy(code, guest_code, sizeof(guest_code));
	memory[0] = 0x11;
	memory[PAGE] = 0x22;
	grant(0);

	kvm = check_errno("/dev/kvm", open("/dev/kvm", O_RDWR | O_CLOEXEC));
	vm = check_errno("KVM_CREATE_VM", ioctl(kvm, KVM_CREATE_VM, 0));
	add_memory(vm, 0, 0, code, PAGE);
	native = add_window(vm, window, argc > 1 ? argv[1] : NULL);
	vcpu = create_vcpu(vm);
	if (native)
		populate(vcpu);
	run_guest(vcpu, check_errno("KVM_GET_VCPU_MMAP_SIZE",
				    ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0)));
	vgrant_close(space);
	return 0;
}
