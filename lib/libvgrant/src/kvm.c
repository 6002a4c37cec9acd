// SPDX-License-Identifier: MIT
/* Windows as memslots, for a VMM that is a peer. */
#include <errno.h>
#include <linux/kvm.h>
#include <linux/vhost_grant_kvm.h>
#include <stdbool.h>
#include <unistd.h>

#include "space.h"

static int kvm_extension(int fd, unsigned long extension)
{
	int ret = vg_ioctl(fd, KVM_CHECK_EXTENSION, (void *)extension);

	return ret == -ENOTTY || ret == -EINVAL ? -EBADFD : ret;
}

/* A vCPU and a VM do not know the call; /dev/kvm, easily mixed up, does. */
static bool is_dev_kvm(int fd)
{
	return vg_ioctl(fd, KVM_GET_API_VERSION, NULL) >= 0;
}

static int native_ways(int fd)
{
	int ret = kvm_extension(fd, KVM_CAP_VHOST_GRANT), ways = 0;

	if (ret < 0)
		return ret;
	if (ret & KVM_VHOST_GRANT_SLOTS)
		ways |= VGRANT_KVM_NATIVE;
	if (ways && ret & KVM_VHOST_GRANT_MMIO)
		ways |= VGRANT_KVM_NATIVE_MMIO;
	return ways;
}

/* A file that does not know the call at all is as little a window. */
static int window_flags(int fd, uint32_t *flags)
{
	struct vhost_grant_window_info info;
	int ret = vgrant_window_info(fd, &info);

	if (!ret)
		*flags = info.out_flags;
	return ret == -EINVAL ? -ENOTTY : ret;
}

int vgrant_kvm_ways(int kvm_fd, int window_fd, uint32_t *ways)
{
	uint32_t flags = 0;
	int ret = 0, native;

	if (window_fd != -1)
		ret = window_flags(window_fd, &flags);
	if (ret)
		return ret;
	native = native_ways(kvm_fd);
	if (native < 0)
		return native;
	if (native && kvm_extension(kvm_fd, KVM_CAP_PRE_FAULT_MEMORY) > 0)
		native |= VGRANT_KVM_PREFAULT;
	*ways = native;
	if (!(flags & VHOST_GRANT_WINDOW_KVM_ONLY))
		*ways |= VGRANT_KVM_MAPPED;
	return 0;
}

static bool aligned(uint64_t value)
{
	return !(value & (sysconf(_SC_PAGESIZE) - 1));
}

static int check_guest_range(uint64_t gpa, uint64_t length)
{
	if (!length || !aligned(gpa | length))
		return -EINVAL;
	return gpa + length < gpa ? -EOVERFLOW : 0;
}

/* KVM says EINVAL to many things. What is left of them when it said so: */
static int why_not(int vm_fd, int window_fd)
{
	uint32_t flags;
	int ret;

	if (is_dev_kvm(vm_fd))
		return -EBADFD;
	ret = window_flags(window_fd, &flags);
	return ret ? ret : -EBUSY;
}

int vgrant_kvm_set_slot(int vm_fd, uint32_t slot, uint64_t gpa, int window_fd,
			uint64_t offset, uint64_t length, uint32_t flags)
{
	struct kvm_userspace_memory_region2 region = {
		.slot = slot,
		.flags = KVM_MEM_VHOST_GRANT,
		.guest_phys_addr = gpa,
		.memory_size = length,
		.guest_memfd = window_fd,
		.guest_memfd_offset = offset,
	};
	int need = VGRANT_KVM_NATIVE, ret = check_guest_range(gpa, length);

	if (ret)
		return ret;
	if (flags & ~VGRANT_KVM_SLOT_MMIO || !aligned(offset))
		return -EINVAL;
	if (flags & VGRANT_KVM_SLOT_MMIO) {
		region.flags |= KVM_MEM_VHOST_GRANT_MMIO;
		need |= VGRANT_KVM_NATIVE_MMIO;
	}
	ret = native_ways(vm_fd);
	if (ret < 0)
		return ret;
	if ((ret & need) != need)
		return -EOPNOTSUPP;
	ret = vg_ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION2, &region);
	return ret == -EINVAL ? why_not(vm_fd, window_fd) : ret;
}

/* The older call, which every KVM has, deletes slots of either kind. */
int vgrant_kvm_delete_slot(int vm_fd, uint32_t slot)
{
	struct kvm_userspace_memory_region region = { .slot = slot };
	int ret = vg_ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region);

	if (ret == -ENOTTY)
		return -EBADFD;
	if (ret == -EINVAL)
		return kvm_extension(vm_fd, KVM_CAP_USER_MEMORY) < 0 ||
		       is_dev_kvm(vm_fd) ? -EBADFD : -ENOENT;
	return ret;
}

/* KVM stops at a hole, with ENOENT if that is the first page. */
static int prefault_some(int fd, struct kvm_pre_fault_memory *range,
			 uint64_t *done)
{
	uint64_t page = sysconf(_SC_PAGESIZE), left = range->size;
	int ret = vg_ioctl(fd, KVM_PRE_FAULT_MEMORY, range);

	if (ret == -ENOENT) {
		range->gpa += page;
		range->size -= page;
		return 0;
	}
	if (ret)
		return ret;
	/* No progress and no error would be for ever. */
	if (range->size >= left)
		return -EIO;
	*done += left - range->size;
	return 0;
}

int vgrant_kvm_prefault(int vcpu_fd, uint64_t gpa, uint64_t length,
			uint64_t *populated)
{
	struct kvm_pre_fault_memory range = { .gpa = gpa, .size = length };
	int ret = check_guest_range(gpa, length);
	uint64_t unused;

	if (!populated)
		populated = &unused;
	*populated = 0;
	if (ret)
		return ret;
	while (!ret && range.size)
		ret = prefault_some(vcpu_fd, &range, populated);
	if (ret == -ENOTTY || (ret == -EINVAL && is_dev_kvm(vcpu_fd)))
		return -EBADFD;
	return ret == -EINVAL ? -EOPNOTSUPP : ret;
}
