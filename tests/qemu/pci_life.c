// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can happen to two virtual machines of which one serves a disk of the other, while
 * it is in use. The one that serves can reach nothing while the disk does not run,
 * neither dies of what happens to the other, and afterwards all goes on.
 */
#include "pair.h"
#include "work.h"

FIXTURE_VARIANT_ADD(pair, native)
{
	.config = { .memory = VM_ANON, .iommu = VM_INTEL_IOMMU },
	.service = { .kind = SERVICE_DISK, .memory = WINDOW_SIZE },
};

FIXTURE_VARIANT_ADD(pair, mapped)
{
	.config = { .memory = VM_MEMFD, .kvm_mapped = true },
	.service = {
		.kind = SERVICE_DISK, .mapped = true, .memory = WINDOW_SIZE,
	},
};

static void open_pair(struct __test_metadata *_metadata,
		      FIXTURE_DATA(pair) *self,
		      const FIXTURE_VARIANT(pair) *variant,
		      const struct service_config *service)
{
	ASSERT_EQ(0, pair_serve(&self->service, service));
	ASSERT_EQ(0, pair_use(&self->vm, &variant->config, &self->service));
	ASSERT_TRUE(work_begin(&self->vm));
	ASSERT_TRUE(work_goes_on(&self->vm));
}

static bool is_running(struct vm *vm)
{
	json_t *status = vm_qmp(vm, "query-status", NULL);
	bool running = json_is_true(json_object_get(status, "running"));

	json_decref(status);
	return running;
}

static bool lives(struct vm *vm)
{
	return is_running(vm) && guest_ok(vm, "true");
}

/* After the guest has booted again */
static void expect_work_again(struct __test_metadata *_metadata,
			      FIXTURE_DATA(pair) *self)
{
	ASSERT_TRUE(lives(&self->service.vm));
	ASSERT_TRUE(work_begin(&self->vm));
	ASSERT_TRUE(work_goes_on(&self->vm));
	ASSERT_TRUE(work_is_granted(&self->vm));
}

static void reset_front_end(struct __test_metadata *_metadata,
			    FIXTURE_DATA(pair) *self)
{
	struct vm *vm = &self->vm;
	json_t *event;

	TH_LOG("the front-end's machine is reset");
	ASSERT_EQ(0, vm_do(vm, "system_reset", NULL));
	event = vm_wait_event(vm, "RESET");
	ASSERT_NE(NULL, event);
	json_decref(event);
	ASSERT_TRUE(work_is_revoked(vm));
	ASSERT_EQ(0, vm_wait_boot(vm));
	expect_work_again(_metadata, self);
}

static void replace_front_end(struct __test_metadata *_metadata,
			      FIXTURE_DATA(pair) *self, bool kill)
{
	struct service *service = &self->service;
	int64_t generation = service_property(service, 0, "generation");

	TH_LOG("the front-end's QEMU %s", kill ? "is killed" : "quits");
	if (kill) {
		vm_kill(&self->vm);
	} else {
		ASSERT_EQ(0, vm_do(&self->vm, "quit", NULL));
		ASSERT_LE(0, program_wait(&self->vm.qemu, PROGRAM_TIMEOUT_MS));
	}
	ASSERT_TRUE(service_wait_property(service, 0, "connected", 0));
	ASSERT_TRUE(lives(&service->vm));
	ASSERT_EQ(0, vm_start(&self->vm));
	ASSERT_EQ(0, vm_wait_boot(&self->vm));
	expect_work_again(_metadata, self);
	EXPECT_LT(generation, service_property(service, 0, "generation"));
}

static void pull_disk(struct __test_metadata *_metadata,
		      FIXTURE_DATA(pair) *self)
{
	struct vm *vm = &self->vm;

	TH_LOG("the disk is pulled");
	ASSERT_EQ(0, vm_pull(vm, "disk0"));
	ASSERT_TRUE(work_is_revoked(vm));
	ASSERT_TRUE(guest_ok(vm, "await test -e /tmp/load.status"));
	ASSERT_TRUE(lives(&self->service.vm));
	ASSERT_EQ(0, vm_plug_disk(vm, 0, 1));
	expect_work_again(_metadata, self);
}

/* To whom the front-end's machine belongs is at the mercy of nobody. */
TEST_F_TIMEOUT(pair, front_end, 900)
{
	open_pair(_metadata, self, variant, &variant->service);
	replace_front_end(_metadata, self, true);
	if (!variant->service.mapped) {
		reset_front_end(_metadata, self);
		pull_disk(_metadata, self);
		replace_front_end(_metadata, self, false);
	}
	vm_kill(&self->vm);
	ASSERT_TRUE(service_wait_property(&self->service, 0, "connected", 0));
	service_kill(&self->service);
}

/* The guest notices nothing but a pause. */
static void expect_pause(struct __test_metadata *_metadata,
			 FIXTURE_DATA(pair) *self)
{
	ASSERT_TRUE(vm_wait_window(&self->vm, "disk0", false));
	ASSERT_TRUE(work_is_revoked(&self->vm));
	ASSERT_TRUE(lives(&self->vm));
}

static void expect_end_of_pause(struct __test_metadata *_metadata,
				FIXTURE_DATA(pair) *self)
{
	ASSERT_TRUE(work_is_granted(&self->vm));
	ASSERT_TRUE(work_goes_on(&self->vm));
	ASSERT_TRUE(lives(&self->vm));
}

static void replace_programs(struct __test_metadata *_metadata,
			     FIXTURE_DATA(pair) *self)
{
	struct service *service = &self->service;

	TH_LOG("the back-end is killed");
	ASSERT_TRUE(service_end_backend(service));
	expect_pause(_metadata, self);
	ASSERT_TRUE(service_start_backend(service));
	expect_end_of_pause(_metadata, self);
	TH_LOG("the proxy is killed");
	ASSERT_TRUE(service_end_proxy(service));
	expect_pause(_metadata, self);
	ASSERT_TRUE(service_start_proxy(service));
	expect_end_of_pause(_metadata, self);
}

/*
 * The image is in the guest's memory, so what was written is lost and the load in the
 * other guest will see it: it is started again.
 */
static void boot_service_again(struct __test_metadata *_metadata,
			       FIXTURE_DATA(pair) *self)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, service_wait_boot(&self->service));
	ASSERT_TRUE(work_is_granted(vm));
	ASSERT_TRUE(guest_ok(vm, "touch /tmp/enough; await test -e /tmp/load.status"));
	expect_work_again(_metadata, self);
}

static void reboot_service(struct __test_metadata *_metadata,
			   FIXTURE_DATA(pair) *self)
{
	struct service *service = &self->service;

	TH_LOG("the back-end's guest boots again");
	/* Later, so that it can still say that it is done */
	ASSERT_TRUE(guest_begin(&service->vm, "reboot", "sleep 1; reboot -f"));
	ASSERT_TRUE(vm_wait_window(&self->vm, "disk0", false));
	boot_service_again(_metadata, self);
}

static void replace_service(struct __test_metadata *_metadata,
			    FIXTURE_DATA(pair) *self)
{
	TH_LOG("the back-end's QEMU is killed");
	service_kill(&self->service);
	expect_pause(_metadata, self);
	ASSERT_EQ(0, vm_start(&self->service.vm));
	boot_service_again(_metadata, self);
}

TEST_F_TIMEOUT(pair, back_end, 900)
{
	open_pair(_metadata, self, variant, &variant->service);
	if (!variant->service.mapped) {
		replace_programs(_metadata, self);
		reboot_service(_metadata, self);
	}
	replace_service(_metadata, self);
	service_kill(&self->service);
	expect_pause(_metadata, self);
	vm_kill(&self->vm);
}

/* The device of the back-end's machine, by whoever controls that */
TEST_F_TIMEOUT(pair, back_end_pulled, 900)
{
	struct service_config config = variant->service;
	struct service *service = &self->service;

	config.port = true;
	open_pair(_metadata, self, variant, &config);
	ASSERT_EQ(0, vm_pull(&service->vm, "pci0"));
	expect_pause(_metadata, self);
	ASSERT_TRUE(lives(&service->vm));

	ASSERT_EQ(0, service_plug(service));
	ASSERT_TRUE(guest_ok(&service->vm, "await sh -c '[ -n \"$(vhost-pci)\" ]'"));
	ASSERT_TRUE(guest_ok(&service->vm, "! running proxy || end proxy"));
	ASSERT_TRUE(service_start_proxy(service));
	expect_end_of_pause(_metadata, self);
	ASSERT_TRUE(work_end(&self->vm));
}

TEST_HARNESS_MAIN
