/* SPDX-License-Identifier: MIT */
/* Where the tests stand in for the kernel and for malloc(). */
#ifndef SEAM_H
#define SEAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Answers ioctl(): 0 or a count, or a negative errno. */
typedef int (*seam_ioctl_fn)(int fd, unsigned long request, void *arg);

extern seam_ioctl_fn seam_ioctl;

/* Answers madvise(), if set. */
typedef int (*seam_madvise_fn)(void *addr, size_t length, int advice);

extern seam_madvise_fn seam_madvise;

/* The n-th allocation of the library from now on fails, and those after it. */
void seam_fail_alloc(unsigned int n);
/* All succeed again. Return: whether one failed. */
bool seam_alloc_failed(void);

#endif
