// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm.h>
#include <linux/vhost_grant_kvm.h>
#include <stdio.h>

#include "refusal.h"

#define PAGE_MASK (~0xfffULL)

static bool say(const struct vmm_outcome *outcome, const char *what,
		uint64_t expected, uint64_t got)
{
	if (expected == got)
		return true;
	printf("# %s: expected %s %#lx, got %#lx; exit reason %u, errno %d\n",
	       vmm_result_name(outcome->result), what, expected, got,
	       outcome->exit_reason, outcome->error);
	return false;
}

static bool has_result(const struct vmm_outcome *outcome,
		       enum vmm_result expected)
{
	return say(outcome, "result", expected, outcome->result);
}

static bool memory_fault(const struct vmm_outcome *outcome, uint64_t gpa,
			 uint64_t flags)
{
	return has_result(outcome, VMM_MEMORY_FAULT) &&
	       say(outcome, "address", gpa & PAGE_MASK, outcome->gpa) &&
	       say(outcome, "size", 0x1000, outcome->size) &&
	       say(outcome, "flags", KVM_MEMORY_EXIT_FLAG_GRANT | flags,
		   outcome->flags);
}

static bool mmio(const struct vmm_outcome *outcome, uint64_t gpa, bool write)
{
	return has_result(outcome, VMM_MMIO) &&
	       say(outcome, "address", gpa, outcome->gpa) &&
	       say(outcome, "direction", write, outcome->write);
}

bool refused_hole(enum vmm_way way, struct vmm_outcome outcome, uint64_t gpa,
		  enum attempt attempt)
{
	static const uint64_t flags[] = {
		[ATTEMPT_WRITE]		= KVM_MEMORY_EXIT_FLAG_WRITE,
		[ATTEMPT_UPDATE]	= KVM_MEMORY_EXIT_FLAG_WRITE,
		[ATTEMPT_FETCH]		= KVM_MEMORY_EXIT_FLAG_EXEC,
	};

	switch (way) {
	case VMM_MAPPED:
		return has_result(&outcome, VMM_HOLE);
	case VMM_NATIVE:
		return memory_fault(&outcome, gpa, flags[attempt]);
	case VMM_NATIVE_MMIO:
		if (attempt == ATTEMPT_FETCH)
			return has_result(&outcome, VMM_EMULATION);
		return mmio(&outcome, gpa, attempt == ATTEMPT_WRITE);
	}
	return false;
}

bool refused_readonly(enum vmm_way way, struct vmm_outcome outcome, uint64_t gpa,
		      uint64_t value)
{
	switch (way) {
	case VMM_MAPPED:
		return has_result(&outcome, VMM_READONLY) &&
		       say(&outcome, "address", gpa, outcome.gpa) &&
		       say(&outcome, "value", value, outcome.value);
	case VMM_NATIVE:
		return memory_fault(&outcome, gpa, KVM_MEMORY_EXIT_FLAG_WRITE |
						   KVM_MEMORY_EXIT_FLAG_RDONLY);
	case VMM_NATIVE_MMIO:
		return mmio(&outcome, gpa, true) &&
		       say(&outcome, "value", value, outcome.value);
	}
	return false;
}

bool refused(enum vmm_way way, struct vmm_outcome outcome)
{
	switch (outcome.result) {
	case VMM_HOLE:
	case VMM_READONLY:
		return way == VMM_MAPPED;
	case VMM_MEMORY_FAULT:
		return way == VMM_NATIVE;
	case VMM_MMIO:
		return way != VMM_MAPPED;
	case VMM_EMULATION:
		return way == VMM_NATIVE_MMIO;
	default:
		return false;
	}
}
