// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a vhost-pci device is RAM, and cached as such where the guest has the
 * driver for it. The emulated machine is as fast either way, so it is the kernel's list
 * of memory types that tells.
 */
#include <inttypes.h>

#include "pair.h"

#define TYPES	"/sys/kernel/debug/x86/pat_memtype_list"
#define TO_VFIO_PCI								\
	"cd /sys/bus/pci/devices/$(vhost-pci) && echo vfio-pci >driver_override && " \
	"echo ${PWD##*/} >driver/unbind && echo ${PWD##*/} >/sys/bus/pci/drivers_probe"
#define PROXY									\
	"daemon proxy vhost-pci-proxy -d $(vhost-pci) -c /tmp/socket0"

FIXTURE_VARIANT_ADD(pair, machine)
{
	.config = { .memory = VM_MEMFD, .kvm_mapped = true },
	.service = { .kind = SERVICE_DISK, .memory = WINDOW_SIZE },
};

/* Of what begins where the memory does, which is there while a back-end has it mapped */
static bool is_cached(struct service *service)
{
	return guest_run(&service->vm,
			 "grep -i 'mem 0x%016" PRIx64 "-' " TYPES " | grep write-back",
			 service_memory(service)) == 0;
}

TEST_F_TIMEOUT(pair, memory_is_cached, 600)
{
	struct service *service = &self->service;

	ASSERT_EQ(0, pair_serve(service, &variant->service));
	ASSERT_EQ(0, pair_use(&self->vm, &variant->config, service));
	ASSERT_TRUE(guest_ok(&self->vm, "dd if=/dev/vda of=/dev/null bs=64k count=1"));
	EXPECT_TRUE(is_cached(service));
	vm_free(&self->vm);

	/* The control: with VFIO's own driver it is not, which the proxy tells. */
	ASSERT_TRUE(service_end_proxy(service));
	ASSERT_TRUE(guest_ok(&service->vm, TO_VFIO_PCI));
	ASSERT_TRUE(guest_ok(&service->vm, PROXY));
	ASSERT_TRUE(service_wait_property(service, 0, "driver", 1));
	EXPECT_TRUE(guest_ok(&service->vm, "grep uncached /tmp/proxy.log"));
	ASSERT_EQ(0, pair_use(&self->vm, &variant->config, service));
	ASSERT_TRUE(guest_ok(&self->vm, "dd if=/dev/vda of=/dev/null bs=64k count=1"));
	EXPECT_FALSE(is_cached(service));
}

TEST_HARNESS_MAIN
