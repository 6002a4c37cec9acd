/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a guest, as QEMU has it: seen from outside, by its process id and
 * what its monitor says of where which address is.
 */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GUEST_RANGES	64

/**
 * struct guest_range - A part of it that is in one piece
 * @gpa: guest-physical address
 * @length: in bytes
 * @hva: address in QEMU
 * @readonly: the guest cannot write there
 */
struct guest_range {
	uint64_t gpa;
	uint64_t length;
	uint64_t hva;
	bool readonly;
};

/**
 * struct guest_memory - All of it
 * @pid: of QEMU
 * @nr: of @ranges
 * @ranges: by address
 */
struct guest_memory {
	pid_t pid;
	unsigned int nr;
	struct guest_range ranges[GUEST_RANGES];
};

/*
 * From what "info mtree -f" prints; @hva of the ranges is left to the caller. 0 or
 * -errno
 */
int guest_memory_parse(struct guest_memory *memory, const char *mtree);
/* From what "gpa2hva" prints; 0 if it is none */
uint64_t guest_memory_hva(const char *answer);

/* 0, or -EFAULT if not all of it is memory */
int guest_memory_read(const struct guest_memory *memory, uint64_t gpa,
		      void *bytes, size_t length);

#endif
