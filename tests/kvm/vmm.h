/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMM that is just large enough to see what a guest sees of a window.
 *
 * A VM has ordinary memory for its own needs, and windows, which the guest
 * finds at vmm_window_gpa(). A vCPU runs one command at a time (see guest.h),
 * in the caller's thread by vmm_run() or in one of its own by vmm_start().
 * Every way in which a command can end is a struct vmm_outcome; functions that
 * can fail for another reason return a negative errno.
 */
#ifndef VMM_H
#define VMM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"

#define VMM_MAX_VCPUS		4
#define VMM_MAX_WINDOWS		4

/**
 * enum vmm_way - How a window becomes a memslot
 * @VMM_MAPPED: the VMM maps the window and gives KVM the address
 * @VMM_NATIVE: KVM takes the window's file itself
 * @VMM_NATIVE_MMIO: likewise, and what is not granted behaves as a device
 */
enum vmm_way {
	VMM_MAPPED,
	VMM_NATIVE,
	VMM_NATIVE_MMIO,
};

/**
 * enum vmm_result - How a command ended
 * @VMM_OK: done
 * @VMM_HOLE: KVM_RUN failed with EFAULT and does not say where
 * @VMM_READONLY: KVM asks the VMM to emulate a store to @gpa, which is in no
 *	native memslot
 * @VMM_MEMORY_FAULT: KVM_RUN failed with EFAULT and says where
 * @VMM_MMIO: KVM asks the VMM to emulate an access to @gpa, which is in a native
 *	memslot; vmm_resume() goes on as if there was a device
 * @VMM_EMULATION: KVM could not emulate an instruction
 * @VMM_EXCEPTION: the guest took an exception
 * @VMM_INTERRUPTED: vmm_kick()
 * @VMM_RUNNING: it has not ended; only from vmm_wait()
 * @VMM_OTHER: anything else, see @exit_reason and @error
 */
enum vmm_result {
	VMM_OK,
	VMM_HOLE,
	VMM_READONLY,
	VMM_MEMORY_FAULT,
	VMM_MMIO,
	VMM_EMULATION,
	VMM_EXCEPTION,
	VMM_INTERRUPTED,
	VMM_RUNNING,
	VMM_OTHER,
};

/**
 * struct vmm_outcome - End of a command
 * @result: how it ended
 * @value: result of the command; the data of the store of VMM_READONLY and
 *	VMM_MMIO
 * @gpa: of VMM_READONLY, VMM_MEMORY_FAULT and VMM_MMIO
 * @flags: of VMM_MEMORY_FAULT
 * @size: in bytes, of VMM_MEMORY_FAULT and VMM_MMIO
 * @write: VMM_MMIO is a store
 * @vector: of VMM_EXCEPTION
 * @error_code: of VMM_EXCEPTION
 * @fault_address: CR2 of VMM_EXCEPTION
 * @exit_reason: of KVM_RUN
 * @error: errno of KVM_RUN, 0 if it did not fail
 */
struct vmm_outcome {
	enum vmm_result result;
	uint64_t value;
	uint64_t gpa;
	uint64_t flags;
	uint64_t size;
	bool write;
	uint64_t vector;
	uint64_t error_code;
	uint64_t fault_address;
	uint32_t exit_reason;
	int error;
};

/**
 * struct vmm_vcpu - A virtual CPU
 * @fd: of KVM
 * @run: shared with KVM
 * @box: its mailbox, in the guest's memory
 * @thread: that runs it, if @started
 * @outcome: what the thread left
 * @started: vmm_start() was called, vmm_wait() has not seen the end
 * @retry_holes: the thread enters the guest again when a hole stopped it
 * @holes: times it did so
 * @mmio_answer: what a load of VMM_MMIO finds, all ones at first
 * @input: next byte that the guest reads from GUEST_PORT_DATA
 * @output: sum of the bytes that the guest wrote to GUEST_PORT_DATA
 */
struct vmm_vcpu {
	int fd;
	struct kvm_run *run;
	struct guest_mailbox *box;
	pthread_t thread;
	struct vmm_outcome outcome;
	bool started;
	bool retry_holes;
	uint64_t holes;
	uint64_t mmio_answer;
	uint8_t input;
	uint64_t output;
};

/**
 * struct vmm_slot - A window of the VM
 * @way: how it became one
 * @address: where the VMM has mapped it, or NULL
 * @fd: of the window, which the VMM may have closed since
 * @offset: of its start in the window
 * @gpa: where the guest finds it
 * @length: in bytes, 0 if there is none
 */
struct vmm_slot {
	enum vmm_way way;
	void *address;
	int fd;
	uint64_t offset;
	uint64_t gpa;
	uint64_t length;
};

/**
 * struct vmm - A virtual machine
 * @kvm: /dev/kvm
 * @fd: of the VM
 * @ram: the guest's ordinary memory
 * @run_size: of a vCPU's struct kvm_run
 * @nr_vcpus: of @vcpus
 * @vcpus: virtual CPUs
 * @slots: windows, by index
 */
struct vmm {
	int kvm;
	int fd;
	void *ram;
	size_t run_size;
	unsigned int nr_vcpus;
	struct vmm_vcpu vcpus[VMM_MAX_VCPUS];
	struct vmm_slot slots[VMM_MAX_WINDOWS];
};

int vmm_create(struct vmm *vm, unsigned int nr_vcpus);
void vmm_destroy(struct vmm *vm);

/* -EOPNOTSUPP: KVM of this kernel does not know this way */
int vmm_add_window(struct vmm *vm, unsigned int index, enum vmm_way way,
		   int fd, uint64_t offset, uint64_t length);
/* Elsewhere than at vmm_window_gpa() */
int vmm_add_window_at(struct vmm *vm, unsigned int index, enum vmm_way way,
		      int fd, uint64_t offset, uint64_t length, uint64_t gpa);
/* The same part of a window that has a memslot already, once more for the guest */
int vmm_alias_window(struct vmm *vm, unsigned int index, unsigned int of);
int vmm_remove_window(struct vmm *vm, unsigned int index);
uint64_t vmm_window_gpa(unsigned int index);
/* What KVM_CHECK_EXTENSION(KVM_CAP_VHOST_GRANT) says */
int vmm_native_features(struct vmm *vm);

/* A statistic by its name in KVM's binary interface; -errno if there is none */
int64_t vmm_stat(struct vmm *vm, const char *name);
int64_t vmm_vcpu_stat(struct vmm *vm, unsigned int cpu, const char *name);
/* Maps pages before the guest's first access: bytes done, or -errno if none */
int64_t vmm_prefault(struct vmm *vm, unsigned int cpu, uint64_t gpa,
		     uint64_t length);

/*
 * A guest-virtual address whose last-level page table is the page at
 * @table_gpa, to be called before the guest first uses it.
 */
uint64_t vmm_use_page_table(struct vmm *vm, uint64_t table_gpa);
/* The guest's ordinary memory begins at 0 */
uint64_t vmm_ram_length(void);
/* A page of it that the guest's own use leaves alone */
uint64_t vmm_spare_gpa(void);
void *vmm_spare(struct vmm *vm);

struct vmm_outcome vmm_run(struct vmm *vm, unsigned int cpu,
			   const struct guest_mailbox *command);
/* Enter the guest where it stopped, with nothing changed */
struct vmm_outcome vmm_resume(struct vmm *vm, unsigned int cpu);

int vmm_start(struct vmm *vm, unsigned int cpu,
	      const struct guest_mailbox *command, bool retry_holes);
int vmm_start_resume(struct vmm *vm, unsigned int cpu);
struct vmm_outcome vmm_wait(struct vmm *vm, unsigned int cpu,
			    unsigned int milliseconds);
/* Stops a running vCPU and waits for it */
struct vmm_outcome vmm_kick(struct vmm *vm, unsigned int cpu);

uint64_t vmm_heartbeat(struct vmm *vm, unsigned int cpu);
uint64_t vmm_hits(struct vmm *vm, unsigned int cpu);
uint64_t vmm_holes(struct vmm *vm, unsigned int cpu);
/* Waits until the loop has made @beats more beats; false if it did not */
bool vmm_wait_beats(struct vmm *vm, unsigned int cpu, uint64_t beats);

const char *vmm_result_name(enum vmm_result result);

#endif /* VMM_H */
