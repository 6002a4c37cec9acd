/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses that may be refused. Each returns 0, or the signal that the kernel
 * answered with. Any thread may probe; probe_init() once per process.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdint.h>

void probe_init(void);
int probe_read(const volatile void *address, uint64_t *value);
int probe_write(volatile void *address, uint64_t value);
int probe_exec(void *address);

/* Read every page of a range: 0 if each had @value in its first word. */
int probe_pages(const volatile void *address, uint64_t length, uint64_t value);

/* The address of this thread's last refused access. */
const void *probe_address(void);

#endif
