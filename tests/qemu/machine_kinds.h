/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All kinds of memory with all kinds of IOMMU, and a guest of two CPUs, as variants of
 * the machine, for tests that are to work with each
 */
#ifndef MACHINE_KINDS_H
#define MACHINE_KINDS_H

#include "machine.h"

MACHINE_VARIANT(memfd, VM_MEMFD, VM_NO_IOMMU);
MACHINE_VARIANT(memfd_intel_iommu, VM_MEMFD, VM_INTEL_IOMMU);
MACHINE_VARIANT(memfd_virtio_iommu, VM_MEMFD, VM_VIRTIO_IOMMU);
MACHINE_VARIANT(anon, VM_ANON, VM_NO_IOMMU);
MACHINE_VARIANT(anon_intel_iommu, VM_ANON, VM_INTEL_IOMMU);
MACHINE_VARIANT(anon_virtio_iommu, VM_ANON, VM_VIRTIO_IOMMU);
MACHINE_VARIANT(huge, VM_HUGE, VM_NO_IOMMU);
MACHINE_VARIANT(huge_intel_iommu, VM_HUGE, VM_INTEL_IOMMU);
MACHINE_VARIANT(huge_virtio_iommu, VM_HUGE, VM_VIRTIO_IOMMU);

FIXTURE_VARIANT_ADD(machine, queues)
{
	.config = { .memory = VM_MEMFD, .cpus = 2 },
	.queues = 2,
};

#endif /* MACHINE_KINDS_H */
