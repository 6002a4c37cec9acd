// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps one VM with one vCPU for as long as the test program lives.
 *
 * KVM patches the scheduler's code when the first VM comes and when the last
 * one goes. An emulated host can run a stale translation of the code that was
 * patched, and dies of its breakpoint; the fewer VMs are the first or the last,
 * the less often.
 */
#include "vmm.h"

static struct vmm kept;

static void __attribute__((constructor)) keep_a_vm(void)
{
	/* A test that needs KVM says so itself if there is none */
	(void)vmm_create(&kept, 1);
}
