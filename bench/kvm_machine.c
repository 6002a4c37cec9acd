// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vhost_grant_kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm_machine.h"

/* Beyond those that the VMM uses for windows */
#define ORDINARY_SLOT	100

bool ram_create(struct ram *ram, uint64_t length, bool huge)
{
	const unsigned int flags = huge ? MFD_HUGETLB : 0;

	*ram = (struct ram) {
		.fd = memfd_create("ram", MFD_CLOEXEC | flags),
		.length = length,
	};
	if (ram->fd < 0 || ftruncate(ram->fd, (off_t)length))
		err(1, "memfd of %llu MiB", (unsigned long long)length >> 20);
	ram->address = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, ram->fd, 0);
	if (ram->address != MAP_FAILED)
		return true;
	if (!huge)
		err(1, "mmap of %llu MiB", (unsigned long long)length >> 20);
	close(ram->fd);
	return false;
}

void ram_destroy(struct ram *ram)
{
	munmap(ram->address, ram->length);
	close(ram->fd);
}

void ram_grant(const struct ram *ram, const struct window *w)
{
	struct vhost_grant_map_entry e = grant(ram->address, 0, 0);

	e.length = ram->length;
	window_map(w, &e, 1);
}

void ram_take_back(const struct ram *ram, const struct window *w)
{
	struct vhost_grant_unmap_entry e = { 0, ram->length };

	window_unmap(w, &e, 1);
}

static bool kvm_can(enum vmm_way way)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), can = 0;

	if (kvm < 0)
		return false;
	if (way == VMM_NATIVE)
		can = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_VHOST_GRANT);
	close(kvm);
	return way == VMM_MAPPED || (can > 0 && can & KVM_VHOST_GRANT_SLOTS);
}

const char *way_name(enum vmm_way way)
{
	return way == VMM_MAPPED ? "mapped" : "native";
}

bool machine_can(enum vmm_way way, const char *what)
{
	char name[48];

	if (kvm_can(way))
		return true;
	snprintf(name, sizeof(name), "%s.%s", what, way_name(way));
	report_skip(name, way == VMM_MAPPED ? "no /dev/kvm" :
		    "KVM of this machine has no native memslots");
	return false;
}

void machine_create(struct vmm *vm, unsigned int vcpus)
{
	int ret = vmm_create(vm, vcpus);

	if (ret)
		errx(1, "no virtual machine: %s", strerror(-ret));
}

void machine_give(struct vmm *vm, unsigned int index, enum vmm_way way,
		  const struct window *w)
{
	int ret = vmm_add_window(vm, index, way, w->fd, 0, w->length);

	if (ret)
		errx(1, "no %s memslot: %s", way_name(way), strerror(-ret));
}

static void set_ordinary(struct vmm *vm, const struct ram *ram)
{
	struct kvm_userspace_memory_region region = {
		.slot = ORDINARY_SLOT,
		.guest_phys_addr = vmm_window_gpa(ORDINARY),
		.memory_size = ram ? ram->length : 0,
		.userspace_addr = ram ? (uintptr_t)ram->address : 0,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "KVM_SET_USER_MEMORY_REGION");
}

void machine_plug(struct vmm *vm, const struct ram *ram)
{
	set_ordinary(vm, ram);
}

void machine_unplug(struct vmm *vm)
{
	set_ordinary(vm, NULL);
}

uint64_t machine_do(struct vmm *vm, const struct guest_mailbox *command)
{
	uint64_t start = now_ns();
	struct vmm_outcome o = vmm_run(vm, 0, command);
	uint64_t end = now_ns();

	if (o.result != VMM_OK)
		errx(1, "the guest: %s at 0x%llx (exit %u, errno %d)",
		     vmm_result_name(o.result), (unsigned long long)o.gpa,
		     o.exit_reason, o.error);
	return end - start;
}

uint64_t machine_touch(struct vmm *vm, unsigned int index, uint64_t stride,
		       unsigned int pages)
{
	return machine_do(vm, &(struct guest_mailbox) {
		.command = GUEST_LOOP_WRITE,
		.address = vmm_window_gpa(index),
		.length = pages * stride,
		.stride = stride,
		.count = pages,
	});
}

struct looper {
	struct vmm *vm;
	unsigned int cpu;
};

static struct looper loopers[VMM_MAX_VCPUS];

/* The guest got to something that is not there at the moment. */
static bool stopped_by_hole(const struct vmm_outcome *o)
{
	return o->result == VMM_HOLE || o->result == VMM_MEMORY_FAULT ||
	       o->result == VMM_READONLY;
}

/* Our own thread has the first CPU, which it shares if there are too few. */
static void *looper_main(void *arg)
{
	const struct looper *l = arg;
	struct vmm_outcome o;

	use_cpu((int)(l->cpu + 1) % nr_cpus());
	do {
		o = vmm_resume(l->vm, l->cpu);
	} while (stopped_by_hole(&o));
	l->vm->vcpus[l->cpu].outcome = o;
	return NULL;
}

/* The thread of vmm_start() ends at an exit, so ours takes its place. */
static void looper_start(struct vmm *vm, unsigned int cpu,
			 const struct guest_mailbox *command)
{
	struct vmm_vcpu *vcpu = &vm->vcpus[cpu];

	if (vmm_start(vm, cpu, command, false))
		errx(1, "cannot start a vCPU");
	vmm_kick(vm, cpu);
	loopers[cpu] = (struct looper) { vm, cpu };
	if (pthread_create(&vcpu->thread, NULL, looper_main, &loopers[cpu]))
		errx(1, "pthread_create");
	vcpu->started = true;
}

void machine_loop(struct vmm *vm, unsigned int index, uint64_t offset,
		  unsigned int pages)
{
	const struct guest_mailbox command = {
		.command = GUEST_LOOP_WRITE,
		/* A machine with one CPU has to get to us, too. */
		.yield_every = nr_cpus() > 1 ? 0 : 1000,
		.address = vmm_window_gpa(index) + offset,
		.length = pages * PAGE,
		.stride = PAGE,
		.count = UINT64_MAX,
	};
	unsigned int cpu;

	for (cpu = 0; cpu < vm->nr_vcpus; cpu++)
		looper_start(vm, cpu, &command);
}

/*
 * Sleeps longer and longer: where we share the vCPU's CPU and that is slow, our
 * waking up would otherwise be all that it does.
 */
static bool await_beats(struct vmm *vm, unsigned int cpu, uint64_t beats)
{
	const uint64_t until = vmm_heartbeat(vm, cpu) + beats;
	useconds_t sleep;

	for (sleep = 250; sleep < 30 * 1000 * 1000; sleep *= 2) {
		if (vmm_heartbeat(vm, cpu) >= until)
			return true;
		usleep(sleep);
	}
	return false;
}

void machine_await(struct vmm *vm, unsigned int pages)
{
	struct vmm_outcome o;
	unsigned int cpu;

	for (cpu = 0; cpu < vm->nr_vcpus; cpu++) {
		if (await_beats(vm, cpu, pages + 1))
			continue;
		o = vmm_wait(vm, cpu, 0);
		errx(1, "vCPU %u does not get on: %s at 0x%llx (exit %u, errno %d)",
		     cpu, vmm_result_name(o.result), (unsigned long long)o.gpa,
		     o.exit_reason, o.error);
	}
}

void machine_stop(struct vmm *vm)
{
	unsigned int cpu;

	for (cpu = 0; cpu < vm->nr_vcpus; cpu++)
		vmm_kick(vm, cpu);
}
