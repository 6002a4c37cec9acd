/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two virtual machines, of which one serves the other, as a fixture for tests, which
 * include it once
 */
#ifndef PAIR_H
#define PAIR_H

#include "kselftest_harness.h"
#include "mark.h"
#include "service.h"

/* Of a window, unless the test says otherwise: as much as QEMU makes them by itself */
#define WINDOW_SIZE	"512G"

FIXTURE(pair)
{
	struct mark mark;
	struct service service;
	struct vm vm;
};

FIXTURE_VARIANT(pair)
{
	struct vm_config config;
	struct service_config service;
};

FIXTURE_SETUP(pair)
{
	if (vm_sharing() == VM_STOCK)
		SKIP(return, "stock QEMU has no vhost-pci");
	mark_begin(&self->mark);
}

FIXTURE_TEARDOWN_PARENT(pair)
{
	bool failed = _metadata->exit_code == KSFT_FAIL;

	vm_bury(&self->vm, failed);
	service_bury(&self->service, failed);
	MARK_END(&self->mark);
}

static inline int pair_serve(struct service *service,
			     const struct service_config *config)
{
	int ret = service_init(service, config);

	return ret ?: service_start(service);
}

/* A machine with the devices that @service serves */
static inline int pair_use(struct vm *vm, const struct vm_config *config,
			   struct service *service)
{
	const unsigned int queues = service->config.queues;
	unsigned int i;
	int ret;

	ret = vm_init(vm, config);
	if (ret)
		return ret;
	if (service->config.kind == SERVICE_SWITCH)
		for (i = 0; i < service->devices; i++)
			vm_add_nic(vm, i, service->sockets[i], queues);
	else
		vm_add_disk(vm, 0, service->sockets[0], queues);
	ret = vm_start(vm);
	return ret ?: vm_wait_boot(vm);
}

#endif /* PAIR_H */
