// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/mman.h>

#include "cast.h"

static struct vmm vm;
static int window;

long vmm_take(unsigned long fd, unsigned long unused)
{
	int ret = vmm_create(&vm, 1);

	(void)unused;
	if (ret)
		return ret;
	return vmm_add_window(&vm, 0, VMM_MAPPED, fd, 0, WINDOW_LENGTH);
}

long vmm_can(unsigned long unused, unsigned long unused2)
{
	int ret = vmm_create(&vm, 1);

	(void)unused;
	(void)unused2;
	return ret ? ret : vmm_native_features(&vm);
}

long vmm_take_native(unsigned long fd, unsigned long unused)
{
	(void)unused;
	window = fd;
	return vmm_add_window(&vm, 0, VMM_NATIVE, fd, 0, WINDOW_LENGTH);
}

long vmm_mmap(unsigned long unused, unsigned long unused2)
{
	(void)unused;
	(void)unused2;
	return window_mmap(window, 0, WINDOW_LENGTH, PROT_READ) ? 0 : -errno;
}

long vmm_statistic(unsigned long name, unsigned long unused)
{
	(void)unused;
	return vmm_stat(&vm, (const char *)name);
}

long vmm_read_pages(unsigned long first, unsigned long unused)
{
	struct guest_mailbox command = { .command = GUEST_READ };
	uint64_t gpa = vmm_window_gpa(0) + regions[NATIVE_MANY].iova;
	struct vmm_outcome outcome;
	unsigned long i;

	(void)unused;
	stage->pages_read = 0;
	stage->pages_refused = 0;
	for (i = first; i < MANY_PAGES; i += 2) {
		command.address = gpa + i * PAGE;
		outcome = vmm_run(&vm, 0, &command);
		stage->pages_read += outcome.result == VMM_OK;
		stage->pages_refused += outcome.result == VMM_MEMORY_FAULT &&
					outcome.gpa == command.address;
	}
	return 0;
}

long vmm_do(unsigned long unused, unsigned long unused2)
{
	(void)unused;
	(void)unused2;
	stage->outcome = vmm_run(&vm, 0, &stage->command);
	return 0;
}

long vmm_loop(unsigned long unused, unsigned long unused2)
{
	(void)unused;
	(void)unused2;
	return vmm_start(&vm, 0, &stage->command, true);
}

long vmm_beats(unsigned long unused, unsigned long unused2)
{
	(void)unused;
	(void)unused2;
	return vmm_heartbeat(&vm, 0);
}

long vmm_refusals(unsigned long unused, unsigned long unused2)
{
	(void)unused;
	(void)unused2;
	return vmm_holes(&vm, 0);
}

long vmm_end_loop(unsigned long unused, unsigned long unused2)
{
	(void)unused;
	(void)unused2;
	stage->outcome = vmm_kick(&vm, 0);
	return 0;
}
