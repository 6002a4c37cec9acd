// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "seam.h"

seam_ioctl_fn seam_ioctl;
seam_madvise_fn seam_madvise;

static unsigned int allocs_left;
static bool alloc_limited, alloc_failed;

int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_madvise(void *addr, size_t length, int advice);
int __real_madvise(void *addr, size_t length, int advice);
void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t nr, size_t size);
void *__real_calloc(size_t nr, size_t size);
void *__wrap_reallocarray(void *old, size_t nr, size_t size);
void *__real_reallocarray(void *old, size_t nr, size_t size);

static int as_syscall(int ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	assert_non_null(seam_ioctl);
	return as_syscall(seam_ioctl(fd, request, arg));
}

int __wrap_madvise(void *addr, size_t length, int advice)
{
	if (!seam_madvise)
		return __real_madvise(addr, length, advice);
	return as_syscall(seam_madvise(addr, length, advice));
}

void seam_fail_alloc(unsigned int n)
{
	alloc_limited = true;
	alloc_failed = false;
	allocs_left = n;
}

bool seam_alloc_failed(void)
{
	alloc_limited = false;
	return alloc_failed;
}

static bool may_alloc(void)
{
	if (!alloc_limited)
		return true;
	if (allocs_left) {
		allocs_left--;
		return true;
	}
	alloc_failed = true;
	errno = ENOMEM;
	return false;
}

void *__wrap_malloc(size_t size)
{
	return may_alloc() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t nr, size_t size)
{
	return may_alloc() ? __real_calloc(nr, size) : NULL;
}

void *__wrap_reallocarray(void *old, size_t nr, size_t size)
{
	return may_alloc() ? __real_reallocarray(old, nr, size) : NULL;
}
