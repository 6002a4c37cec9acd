/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machines whose guests use windows, and ordinary memory to compare them with.
 * A call that fails ends the program.
 */
#ifndef KVM_MACHINE_H
#define KVM_MACHINE_H

#include <stdbool.h>

#include "bench.h"
#include "vmm.h"

/* The window that nearly all machines have, and the ordinary memslot. */
#define WINDOW		0
#define ORDINARY	1

/**
 * struct ram - Memory of the owner that windows and memslots can be made of
 * @fd: a memfd
 * @address: of its mapping
 * @length: in bytes
 */
struct ram {
	int fd;
	char *address;
	uint64_t length;
};

/* With @huge, false if there are not enough hugetlb pages. */
bool ram_create(struct ram *ram, uint64_t length, bool huge);
void ram_destroy(struct ram *ram);

/* Grant the whole of it from the start of the window on, in one entry. */
void ram_grant(const struct ram *ram, const struct window *w);
void ram_take_back(const struct ram *ram, const struct window *w);

/* KVM of this machine knows the way; prints that @what is skipped if not. */
bool machine_can(enum vmm_way way, const char *what);
const char *way_name(enum vmm_way way);

void machine_create(struct vmm *vm, unsigned int vcpus);
void machine_give(struct vmm *vm, unsigned int index, enum vmm_way way,
		  const struct window *w);

/* An ordinary memslot at ORDINARY, and its end */
void machine_plug(struct vmm *vm, const struct ram *ram);
void machine_unplug(struct vmm *vm);

/* Have the first vCPU do this in our own thread: nanoseconds. */
uint64_t machine_do(struct vmm *vm, const struct guest_mailbox *command);
/* The same, write to each page of a range of the window or memslot @index */
uint64_t machine_touch(struct vmm *vm, unsigned int index, uint64_t stride,
		       unsigned int pages);

/*
 * All vCPUs write to the pages over and over. What is not there when they get to
 * it makes them leave the guest and enter it again.
 */
void machine_loop(struct vmm *vm, unsigned int index, uint64_t offset,
		  unsigned int pages);
/* Each vCPU has written to each of @pages pages since the call. */
void machine_await(struct vmm *vm, unsigned int pages);
void machine_stop(struct vmm *vm);

#endif /* KVM_MACHINE_H */
