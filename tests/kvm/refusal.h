/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How an access ends that is refused, which is not the same for each way into a
 * guest:
 *
 *                  hole                  write to a read-only grant
 *   mapped         VMM_HOLE              VMM_READONLY
 *   native         VMM_MEMORY_FAULT      VMM_MEMORY_FAULT
 *   native, MMIO   VMM_MMIO; for a       VMM_MMIO
 *                  fetch VMM_EMULATION
 *
 * Each function is true if all that the outcome says is right, and prints what
 * is not.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include "vmm.h"

/**
 * enum attempt - What the guest tried
 * @ATTEMPT_READ: a load
 * @ATTEMPT_WRITE: a store
 * @ATTEMPT_UPDATE: a load and a store in one instruction
 * @ATTEMPT_FETCH: to run code
 */
enum attempt {
	ATTEMPT_READ,
	ATTEMPT_WRITE,
	ATTEMPT_UPDATE,
	ATTEMPT_FETCH,
};

/* @gpa of the word that was accessed */
bool refused_hole(enum vmm_way way, struct vmm_outcome outcome, uint64_t gpa,
		  enum attempt attempt);
/* @value that the guest tried to store */
bool refused_readonly(enum vmm_way way, struct vmm_outcome outcome, uint64_t gpa,
		      uint64_t value);
/* Either of them, of any access to anything */
bool refused(enum vmm_way way, struct vmm_outcome outcome);

#endif
