// SPDX-License-Identifier: GPL-2.0-only
#include "cast.h"

static struct vmm vm;

long vmm_take(unsigned long fd, unsigned long unused)
{
	int ret = vmm_create(&vm, 1);

	(void)unused;
	if (ret)
		return ret;
	return vmm_add_window(&vm, 0, VMM_MAPPED, fd, 0, WINDOW_LENGTH);
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
