// SPDX-License-Identifier: GPL-2.0-only
/*
 * What cannot work with a vhost-pci device is refused, in words that say what to change:
 * when QEMU starts, or when a front-end comes whose memory will not do.
 */
#include "pair.h"
#include "proc.h"

FIXTURE(refuse)
{
	struct mark mark;
	struct vm vm;
};

/* The options of the device, of a second one if there is one, and what QEMU says */
FIXTURE_VARIANT(refuse)
{
	const char *chardev;
	const char *device;
	const char *second;
	const char *says;
	const char *hint;	/* if that alone does not tell what to change */
};

FIXTURE_VARIANT_ADD(refuse, no_chardev)
{
	.device = "mem-size=1G",
	.says = "chardev is missing",
};

FIXTURE_VARIANT_ADD(refuse, no_such_chardev)
{
	.device = "chardev=c1,mem-size=1G",
	.says = "c1",
};

FIXTURE_VARIANT_ADD(refuse, no_socket)
{
	.chardev = "null,id=c0",
	.device = "chardev=c0,mem-size=1G",
	.says = "socket",
};

FIXTURE_VARIANT_ADD(refuse, two_devices_on_one_chardev)
{
	.device = "chardev=c0,mem-size=1G",
	.second = "chardev=c0,mem-size=1G",
	.says = "in use",
};

FIXTURE_VARIANT_ADD(refuse, memory_of_odd_size)
{
	.device = "chardev=c0,mem-size=3G",
	.says = "mem-size",
	.hint = "power of two",
};

FIXTURE_VARIANT_ADD(refuse, memory_of_nothing)
{
	.device = "chardev=c0,mem-size=0",
	.says = "mem-size",
};

/* The lab's CPU has addresses of 40 bits. */
FIXTURE_VARIANT_ADD(refuse, memory_larger_than_address_space)
{
	.device = "chardev=c0,mem-size=2T",
	.says = "mem-size",
	.hint = "40",
};

FIXTURE_VARIANT_ADD(refuse, no_rings)
{
	.device = "chardev=c0,mem-size=1G,rings=0",
	.says = "rings",
};

FIXTURE_VARIANT_ADD(refuse, too_many_rings)
{
	.device = "chardev=c0,mem-size=1G,rings=257",
	.says = "rings",
	.hint = "256",
};

FIXTURE_SETUP(refuse)
{
	if (vm_sharing() == VM_STOCK)
		SKIP(return, "stock QEMU has no vhost-pci");
	mark_begin(&self->mark);
}

FIXTURE_TEARDOWN_PARENT(refuse)
{
	vm_bury(&self->vm, _metadata->exit_code == KSFT_FAIL);
	MARK_END(&self->mark);
}

static void add_chardev(struct vm *vm, const char *options)
{
	if (options)
		vm_add(vm, "-chardev", "%s", options);
	else
		vm_add(vm, "-chardev",
		       "socket,id=c0,path=%s/socket,server=on,wait=off", vm->dir);
}

TEST_F_TIMEOUT(refuse, options, 300)
{
	static const struct vm_config config = {
		.sharing = VM_STOCK, .memory = VM_ANON, .back_end = true,
	};
	struct vm *vm = &self->vm;
	char path[96];

	ASSERT_EQ(0, vm_init(vm, &config));
	add_chardev(vm, variant->chardev);
	vm_add(vm, "-device", "vhost-pci,%s", variant->device);
	if (variant->second)
		vm_add(vm, "-device", "vhost-pci,%s", variant->second);
	EXPECT_TRUE(vm_is_refused(vm));
	snprintf(path, sizeof(path), "%s/socket", vm->dir);
	unlink(path);
	EXPECT_TRUE(program_said(&vm->qemu, variant->says));
	if (variant->hint)
		EXPECT_TRUE(program_said(&vm->qemu, variant->hint));
}

/* Of the front-end, whose device is never ready; its guest does not come far. */
static int begin_front_end(struct vm *vm, const struct vm_config *config,
			   struct service *service)
{
	int ret = vm_init(vm, config);

	if (ret)
		return ret;
	vm_add_disk(vm, 0, service->sockets[0], 1);
	return vm_start(vm);
}

static bool wait_said(const struct program *program, const char *text)
{
	const uint64_t end = now_ns() + PROGRAM_TIMEOUT_MS * 1000000ULL;

	while (!program_said(program, text)) {
		if (now_ns() > end)
			return false;
		sleep_ms(100);
	}
	return true;
}

FIXTURE_VARIANT_ADD(pair, files)
{
	.config = { .sharing = VM_STOCK, .memory = VM_MEMFD },
	.service = { .kind = SERVICE_DISK, .memory = "4G" },
};

FIXTURE_VARIANT_ADD(pair, window_for_another_kvm)
{
	.config = { .memory = VM_MEMFD },
	.service = {
		.kind = SERVICE_DISK, .memory = WINDOW_SIZE, .mapped = true,
	},
};

FIXTURE_VARIANT_ADD(pair, window_larger_than_memory)
{
	.config = { .memory = VM_ANON },
	.service = { .kind = SERVICE_DISK, .memory = "4G" },
};

/* In the order of the variants' properties: what to change */
static const char *hint_of(const FIXTURE_VARIANT(pair) *variant)
{
	if (variant->config.sharing == VM_STOCK)
		return "x-allow-memfd";
	return variant->service.mapped ? "kvm-mapped" : "mem-size";
}

TEST_F_TIMEOUT(pair, front_end, 600)
{
	struct service *service = &self->service;

	ASSERT_EQ(0, pair_serve(service, &variant->service));
	ASSERT_EQ(0, begin_front_end(&self->vm, &variant->config, service));
	EXPECT_TRUE(wait_said(&service->vm.qemu, hint_of(variant)));
	EXPECT_TRUE(guest_ok(&service->vm, "running proxy && running back-end"));
	EXPECT_EQ(0, vm_do(&self->vm, "query-status", NULL));
}

/* What was refused works if that is wanted. */
TEST_F_TIMEOUT(pair, unless_allowed, 600)
{
	struct service_config config = variant->service;

	if (variant->config.sharing != VM_STOCK)
		SKIP(return, "only files can be allowed");
	config.options = ",x-allow-memfd=on";
	ASSERT_EQ(0, pair_serve(&self->service, &config));
	ASSERT_EQ(0, pair_use(&self->vm, &variant->config, &self->service));
	EXPECT_TRUE(guest_ok(&self->vm, "dd if=/dev/vda of=/dev/null bs=64k count=4"));
}

TEST_HARNESS_MAIN
