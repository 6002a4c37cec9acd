// SPDX-License-Identifier: GPL-2.0-only
/*
 * What cannot work is refused when QEMU starts, in words that say what to change.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "kselftest_harness.h"
#include "backend.h"
#include "mark.h"
#include "vm.h"

#define NOBODY	65534

FIXTURE(refuse)
{
	struct mark mark;
	struct backend disk;
	struct vm vm;
};

/*
 * The options of the object, of an IOMMU if there is one, and of the disk, and
 * what QEMU says to them
 */
FIXTURE_VARIANT(refuse)
{
	const char *object;
	const char *iommu;
	const char *disk;
	const char *says;
	const char *hint;	/* if that alone does not tell what to change */
};

#define BEHIND_IOMMU ",iommu_platform=on,disable-legacy=on"

FIXTURE_VARIANT_ADD(refuse, window_smaller_than_ram)
{
	.object = ",window-size=64M",
	.disk = "",
	.says = "beyond the end of a window",
	.hint = "Set a larger window-size",
};

FIXTURE_VARIANT_ADD(refuse, window_of_half_a_page)
{
	.object = ",window-size=2048",
	.disk = "",
	.says = "window-size must be a multiple of 4096",
};

FIXTURE_VARIANT_ADD(refuse, window_of_nothing)
{
	.object = ",window-size=0",
	.disk = "",
	.says = "window-size must be a multiple of 4096",
};

FIXTURE_VARIANT_ADD(refuse, window_larger_than_possible)
{
	.object = ",window-size=256T",
	.disk = "",
	.says = "window-size must be at most",
};

FIXTURE_VARIANT_ADD(refuse, window_smaller_than_iova)
{
	.object = ",window-size=64G",
	.iommu = "intel-iommu,intremap=off,caching-mode=on,aw-bits=39",
	.disk = BEHIND_IOMMU,
	.says = "a guest can use I/O addresses of 39 bits",
	.hint = "or window-size of the vhost-grant object",
};

FIXTURE_VARIANT_ADD(refuse, no_caching_mode)
{
	.object = "",
	.iommu = "intel-iommu,intremap=off,aw-bits=39",
	.disk = BEHIND_IOMMU,
	.says = "vhost-grant",
	.hint = "Use intel-iommu with caching-mode=on",
};

FIXTURE_VARIANT_ADD(refuse, no_bypass_without_iommu)
{
	.object = ",bypass=off",
	.disk = "",
	.says = "with bypass=off nothing is granted",
	.hint = "Give the machine an IOMMU",
};

FIXTURE_VARIANT_ADD(refuse, another_file)
{
	.object = ",fd=0",
	.disk = "",
	.says = "the file is not /dev/vhost_grant",
};

FIXTURE_VARIANT_ADD(refuse, no_such_object)
{
	.disk = "",
	.says = "Device 'g0' not found",
};

FIXTURE_SETUP(refuse)
{
	mark_begin(&self->mark);
}

FIXTURE_TEARDOWN_PARENT(refuse)
{
	bool failed = _metadata->exit_code == KSFT_FAIL;

	vm_bury(&self->vm, failed);
	backend_bury(&self->disk, false);
	MARK_END(&self->mark);
}

/* The device and the object are the test's, and are not added by the harness. */
static int prepare(struct backend *disk, struct vm *vm)
{
	static const struct vm_config config = {
		.sharing = VM_STOCK,
		.memory = VM_ANON,
	};
	int ret;

	ret = disk_init(disk, 1, 1);
	if (!ret)
		ret = backend_start(disk);
	if (!ret)
		ret = vm_init(vm, &config);
	return ret;
}

static void add_disk(struct vm *vm, const struct backend *disk,
		     const char *options)
{
	vm_add(vm, "-chardev", "socket,id=c0,path=%s", disk->sockets[0]);
	vm_add(vm, "-device", "vhost-user-blk-pci,id=disk0,chardev=c0,grant=g0%s",
	       options);
}

TEST_F_TIMEOUT(refuse, options, 300)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, prepare(&self->disk, vm));
	if (variant->object)
		vm_add(vm, "-object", "vhost-grant,id=g0%s", variant->object);
	if (variant->iommu)
		vm_add(vm, "-device", "%s", variant->iommu);
	add_disk(vm, &self->disk, variant->disk);
	ASSERT_TRUE(vm_is_refused(vm));
	EXPECT_TRUE(program_said(&vm->qemu, variant->says));
	if (variant->hint)
		EXPECT_TRUE(program_said(&vm->qemu, variant->hint));
}

FIXTURE(device)
{
	struct mark mark;
	struct backend disk;
	struct vm vm;
};

FIXTURE_SETUP(device)
{
	mark_begin(&self->mark);
}

FIXTURE_TEARDOWN_PARENT(device)
{
	bool failed = _metadata->exit_code == KSFT_FAIL;

	vm_bury(&self->vm, failed);
	backend_bury(&self->disk, false);
	MARK_END(&self->mark);
}

/* What QEMU finds below /dev if the module is not loaded */
static int hide_device(void)
{
	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/dev", "tmpfs", 0, NULL))
		return -errno;
	if (mknod("/dev/kvm", S_IFCHR | 0666, makedev(10, 232)) ||
	    mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) ||
	    mknod("/dev/urandom", S_IFCHR | 0666, makedev(1, 9)))
		return -errno;
	return 0;
}

TEST_F_TIMEOUT(device, is_missing, 300)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, prepare(&self->disk, vm));
	vm_add(vm, "-object", "%s", "vhost-grant,id=g0");
	add_disk(vm, &self->disk, "");
	ASSERT_EQ(0, hide_device());
	ASSERT_TRUE(vm_is_refused(vm));
	EXPECT_TRUE(program_said(&vm->qemu, "/dev/vhost_grant"));
	EXPECT_TRUE(program_said(&vm->qemu,
				 "Load the kernel module vhost_grant"));
}

TEST_F_TIMEOUT(device, is_not_allowed, 300)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, prepare(&self->disk, vm));
	ASSERT_EQ(0, chown(vm->dir, NOBODY, NOBODY));
	vm->qemu.user = NOBODY;
	vm_add(vm, "-object", "%s", "vhost-grant,id=g0");
	add_disk(vm, &self->disk, "");
	ASSERT_TRUE(vm_is_refused(vm));
	EXPECT_TRUE(program_said(&vm->qemu, "Permission denied"));
	EXPECT_TRUE(program_said(&vm->qemu, "Let this user open /dev/vhost_grant"));
}

TEST_HARNESS_MAIN
