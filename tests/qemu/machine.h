/* SPDX-License-Identifier: GPL-2.0-only */
/* A kind of machine that a test runs on, as a variant of its fixture. */
#ifndef MACHINE_H
#define MACHINE_H

#include "vm.h"

#define MACHINE_VARIANT(fixture, mem, mmu, name)			\
	FIXTURE_VARIANT_ADD(fixture, name)				\
	{								\
		.config = { .memory = (mem), .iommu = (mmu) },		\
	}

#endif /* MACHINE_H */
