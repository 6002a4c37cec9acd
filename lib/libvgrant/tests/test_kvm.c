// SPDX-License-Identifier: MIT
/* Native memslots: what reaches KVM, and what is made of its answer. */
#include <errno.h>
#include <linux/kvm.h>
#include <linux/vhost_grant_kvm.h>
#include <string.h>
#include <vgrant.h>

#include "seam.h"

#define PAGE		UINT64_C(4096)
#define WINDOW_LENGTH	(16 * PAGE)
#define NR_PAGES	16
#define NR_SLOTS	8

enum { DEV_KVM = 100, VM, VCPU, WINDOW, MEMFD, CLOSED };

/* A KVM that is made up. */
static struct {
	int capability;
	int prefault_capability;
	uint32_t window_flags;
	/* The answer to all that KVM has checked and found good */
	int error;
	bool used[NR_SLOTS];
	unsigned int slot_calls;
	struct kvm_userspace_memory_region2 region;
	unsigned int prefault_calls;
	/* Pages that are granted, and after how many calls KVM fails */
	bool granted[NR_PAGES];
	unsigned int good;
} kvm;

static int check_extension(int fd, unsigned long extension)
{
	if (fd == VCPU)
		return -EINVAL;
	if (fd != DEV_KVM && fd != VM)
		return -ENOTTY;
	switch (extension) {
	case KVM_CAP_VHOST_GRANT:
		return kvm.capability;
	case KVM_CAP_PRE_FAULT_MEMORY:
		return kvm.prefault_capability;
	case KVM_CAP_USER_MEMORY:
		return 1;
	}
	return 0;
}

static int window_info(int fd, struct vhost_grant_window_info *info)
{
	if (fd == DEV_KVM || fd == VCPU)
		return -EINVAL;
	if (fd != WINDOW)
		return -ENOTTY;
	assert_int_equal(info->size, sizeof(*info));
	info->out_length = WINDOW_LENGTH;
	info->out_flags = kvm.window_flags;
	return 0;
}

/* The order of the checks is KVM's. */
static int make_slot(const struct kvm_userspace_memory_region2 *region)
{
	kvm.region = *region;
	if (!(kvm.capability & KVM_VHOST_GRANT_SLOTS))
		return -EINVAL;
	if (region->slot >= NR_SLOTS || kvm.used[region->slot])
		return -EINVAL;
	if (region->guest_memfd == CLOSED)
		return -EBADF;
	if (kvm.error)
		return kvm.error;
	if (region->guest_memfd != WINDOW)
		return -EINVAL;
	if (region->guest_memfd_offset + region->memory_size > WINDOW_LENGTH)
		return -ERANGE;
	kvm.used[region->slot] = true;
	return 0;
}

static int set_region2(int fd, const struct kvm_userspace_memory_region2 *region)
{
	kvm.slot_calls++;
	if (fd == VM)
		return make_slot(region);
	return fd == DEV_KVM || fd == VCPU ? -EINVAL : -ENOTTY;
}

static int delete_region(int fd, const struct kvm_userspace_memory_region *region)
{
	assert_int_equal(region->memory_size, 0);
	assert_int_equal(region->flags, 0);
	if (fd == DEV_KVM || fd == VCPU)
		return -EINVAL;
	if (fd != VM)
		return -ENOTTY;
	if (region->slot >= NR_SLOTS || !kvm.used[region->slot])
		return -EINVAL;
	kvm.used[region->slot] = false;
	return kvm.error;
}

static int pre_fault(int fd, struct kvm_pre_fault_memory *range)
{
	uint64_t before = range->size;

	if (fd == DEV_KVM || (fd == VCPU && !kvm.prefault_capability))
		return -EINVAL;
	if (fd != VCPU)
		return -ENOTTY;
	assert_int_equal(range->flags, 0);
	assert_true(range->size && range->gpa / PAGE < NR_PAGES);
	kvm.prefault_calls++;
	if (kvm.error && !kvm.good--)
		return kvm.error;
	while (range->size && kvm.granted[range->gpa / PAGE]) {
		range->gpa += PAGE;
		range->size -= PAGE;
	}
	return range->size == before ? -ENOENT : 0;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	if (fd == CLOSED)
		return -EBADF;
	switch (request) {
	case KVM_GET_API_VERSION:
		assert_null(arg);
		return fd == DEV_KVM ? 12 : -ENOTTY;
	case KVM_CHECK_EXTENSION:
		return check_extension(fd, (unsigned long)arg);
	case VHOST_GRANT_WINDOW_INFO:
		return window_info(fd, arg);
	case KVM_SET_USER_MEMORY_REGION2:
		return set_region2(fd, arg);
	case KVM_SET_USER_MEMORY_REGION:
		return delete_region(fd, arg);
	case KVM_PRE_FAULT_MEMORY:
		return pre_fault(fd, arg);
	}
	fail();
	return -ENOTTY;
}

static int setup(void **state)
{
	(void)state;
	memset(&kvm, 0, sizeof(kvm));
	kvm.capability = KVM_VHOST_GRANT_SLOTS | KVM_VHOST_GRANT_MMIO;
	kvm.prefault_capability = 1;
	seam_ioctl = fake_ioctl;
	return 0;
}

static uint32_t ways_of(int kvm_fd, int window_fd)
{
	uint32_t ways = ~0U;

	assert_int_equal(vgrant_kvm_ways(kvm_fd, window_fd, &ways), 0);
	return ways;
}

static void ways(void **state)
{
	const uint32_t native = VGRANT_KVM_NATIVE | VGRANT_KVM_PREFAULT;

	(void)state;
	assert_int_equal(ways_of(DEV_KVM, -1), VGRANT_KVM_MAPPED | native |
					       VGRANT_KVM_NATIVE_MMIO);
	assert_int_equal(ways_of(VM, WINDOW), ways_of(DEV_KVM, -1));
	kvm.window_flags = VHOST_GRANT_WINDOW_KVM_ONLY;
	assert_int_equal(ways_of(VM, WINDOW), native | VGRANT_KVM_NATIVE_MMIO);
	kvm.capability = KVM_VHOST_GRANT_SLOTS;
	assert_int_equal(ways_of(VM, WINDOW), native);
	kvm.prefault_capability = 0;
	assert_int_equal(ways_of(VM, WINDOW), VGRANT_KVM_NATIVE);
	/* A kernel without the patch: what it may prefault is nothing native. */
	kvm.prefault_capability = 1;
	kvm.capability = 0;
	assert_int_equal(ways_of(VM, -1), VGRANT_KVM_MAPPED);
	assert_int_equal(ways_of(VM, WINDOW), 0);
}

static void ways_failures(void **state)
{
	uint32_t answer = 99;

	(void)state;
	assert_int_equal(vgrant_kvm_ways(CLOSED, -1, &answer), -EBADF);
	assert_int_equal(vgrant_kvm_ways(VM, CLOSED, &answer), -EBADF);
	assert_int_equal(vgrant_kvm_ways(MEMFD, WINDOW, &answer), -EBADFD);
	assert_int_equal(vgrant_kvm_ways(VCPU, WINDOW, &answer), -EBADFD);
	assert_int_equal(vgrant_kvm_ways(VM, MEMFD, &answer), -ENOTTY);
	assert_int_equal(vgrant_kvm_ways(VM, DEV_KVM, &answer), -ENOTTY);
	kvm.capability = -EIO;
	assert_int_equal(vgrant_kvm_ways(VM, WINDOW, &answer), -EIO);
	assert_int_equal(answer, 99);
}

static void make_and_delete(void **state)
{
	const struct kvm_userspace_memory_region2 expected = {
		.slot = 3,
		.flags = KVM_MEM_VHOST_GRANT,
		.guest_phys_addr = 7 * PAGE,
		.memory_size = 2 * PAGE,
		.guest_memfd = WINDOW,
		.guest_memfd_offset = 5 * PAGE,
	};

	(void)state;
	assert_int_equal(vgrant_kvm_set_slot(VM, 3, 7 * PAGE, WINDOW, 5 * PAGE,
					     2 * PAGE, 0), 0);
	assert_memory_equal(&kvm.region, &expected, sizeof(expected));
	assert_int_equal(vgrant_kvm_set_slot(VM, 4, 0, WINDOW, 0, WINDOW_LENGTH,
					     VGRANT_KVM_SLOT_MMIO), 0);
	assert_int_equal(kvm.region.flags, KVM_MEM_VHOST_GRANT |
					   KVM_MEM_VHOST_GRANT_MMIO);
	assert_int_equal(vgrant_kvm_delete_slot(VM, 3), 0);
	assert_false(kvm.used[3]);
	assert_true(kvm.used[4]);
}

/* What is wrong with the arguments alone never reaches KVM. */
static void slot_arguments(void **state)
{
	static const struct {
		uint64_t gpa, offset, length;
		uint32_t flags;
		int error;
	} bad[] = {
		/* KVM would take this for a deletion. */
		{ 0, 0, 0, 0, -EINVAL },
		{ 1, 0, PAGE, 0, -EINVAL },
		{ 0, PAGE / 2, PAGE, 0, -EINVAL },
		{ 0, 0, PAGE - 1, 0, -EINVAL },
		{ 0, 0, PAGE, 1 << 1, -EINVAL },
		{ 0, 0, PAGE, KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY,
		  -EINVAL },
		{ -PAGE, 0, PAGE, 0, -EOVERFLOW },
		{ -PAGE, 0, 2 * PAGE, 0, -EOVERFLOW },
	};
	size_t i;

	(void)state;
	kvm.used[1] = true;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(vgrant_kvm_set_slot(VM, 1, bad[i].gpa, WINDOW,
						     bad[i].offset, bad[i].length,
						     bad[i].flags),
				 bad[i].error);
	assert_int_equal(kvm.slot_calls, 0);
	assert_true(kvm.used[1]);
}

static int slot_of(int vm_fd, uint32_t slot, int window_fd, uint64_t offset)
{
	return vgrant_kvm_set_slot(vm_fd, slot, 0, window_fd, offset, PAGE, 0);
}

static void slot_refused(void **state)
{
	static const int errors[] = { -ENODEV, -ENOSPC, -EEXIST, -ENOMEM };
	size_t i;

	(void)state;
	assert_int_equal(slot_of(CLOSED, 1, WINDOW, 0), -EBADF);
	assert_int_equal(slot_of(VM, 1, CLOSED, 0), -EBADF);
	assert_int_equal(slot_of(MEMFD, 1, WINDOW, 0), -EBADFD);
	assert_int_equal(slot_of(VCPU, 1, WINDOW, 0), -EBADFD);
	assert_int_equal(slot_of(DEV_KVM, 1, WINDOW, 0), -EBADFD);
	assert_int_equal(slot_of(VM, 1, MEMFD, 0), -ENOTTY);
	assert_int_equal(slot_of(VM, 1, VCPU, 0), -ENOTTY);
	assert_int_equal(slot_of(VM, 1, WINDOW, WINDOW_LENGTH), -ERANGE);
	assert_int_equal(slot_of(VM, NR_SLOTS, WINDOW, 0), -EBUSY);
	kvm.used[1] = true;
	assert_int_equal(slot_of(VM, 1, WINDOW, 0), -EBUSY);
	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		kvm.error = errors[i];
		assert_int_equal(slot_of(VM, 2, WINDOW, 0), errors[i]);
	}
	assert_false(kvm.used[2]);
}

static void slot_unknown_to_kvm(void **state)
{
	(void)state;
	kvm.capability = KVM_VHOST_GRANT_SLOTS;
	assert_int_equal(vgrant_kvm_set_slot(VM, 1, 0, WINDOW, 0, PAGE,
					     VGRANT_KVM_SLOT_MMIO), -EOPNOTSUPP);
	assert_int_equal(slot_of(VM, 1, WINDOW, 0), 0);
	kvm.capability = 0;
	kvm.slot_calls = 0;
	assert_int_equal(slot_of(VM, 2, WINDOW, 0), -EOPNOTSUPP);
	assert_int_equal(slot_of(VM, 2, MEMFD, 0), -EOPNOTSUPP);
	assert_int_equal(kvm.slot_calls, 0);
}

static void delete_failures(void **state)
{
	(void)state;
	assert_int_equal(vgrant_kvm_delete_slot(VM, 1), -ENOENT);
	assert_int_equal(vgrant_kvm_delete_slot(CLOSED, 1), -EBADF);
	assert_int_equal(vgrant_kvm_delete_slot(MEMFD, 1), -EBADFD);
	assert_int_equal(vgrant_kvm_delete_slot(DEV_KVM, 1), -EBADFD);
	assert_int_equal(vgrant_kvm_delete_slot(VCPU, 1), -EBADFD);
	kvm.used[1] = true;
	kvm.error = -EIO;
	assert_int_equal(vgrant_kvm_delete_slot(VM, 1), -EIO);
}

static void grant(unsigned int first, unsigned int nr)
{
	memset(&kvm.granted[first], true, nr);
}

static void prefault(void **state)
{
	uint64_t populated = 99;

	(void)state;
	grant(0, NR_PAGES);
	assert_int_equal(vgrant_kvm_prefault(VCPU, PAGE, 3 * PAGE, &populated),
			 0);
	assert_int_equal(populated, 3 * PAGE);
	assert_int_equal(kvm.prefault_calls, 1);
	assert_int_equal(vgrant_kvm_prefault(VCPU, 0, PAGE, NULL), 0);
}

static void prefault_skips_holes(void **state)
{
	uint64_t populated = 99;

	(void)state;
	assert_int_equal(vgrant_kvm_prefault(VCPU, 0, 4 * PAGE, &populated), 0);
	assert_int_equal(populated, 0);
	assert_int_equal(kvm.prefault_calls, 4);
	/* At both ends, and in the middle */
	grant(1, 2);
	grant(4, 5);
	kvm.prefault_calls = 0;
	assert_int_equal(vgrant_kvm_prefault(VCPU, 0, NR_PAGES * PAGE,
					     &populated), 0);
	assert_int_equal(populated, 7 * PAGE);
	/* One for each hole, one for each grant */
	assert_int_equal(kvm.prefault_calls, 9 + 2);
	assert_int_equal(vgrant_kvm_prefault(VCPU, 2 * PAGE, 3 * PAGE,
					     &populated), 0);
	assert_int_equal(populated, 2 * PAGE);
}

static void prefault_failures(void **state)
{
	uint64_t populated = 99;

	(void)state;
	assert_int_equal(vgrant_kvm_prefault(VCPU, 0, 0, &populated), -EINVAL);
	assert_int_equal(vgrant_kvm_prefault(VCPU, 1, PAGE, NULL), -EINVAL);
	assert_int_equal(vgrant_kvm_prefault(VCPU, 0, 1, NULL), -EINVAL);
	assert_int_equal(vgrant_kvm_prefault(VCPU, -PAGE, PAGE, NULL),
			 -EOVERFLOW);
	assert_int_equal(populated, 0);
	assert_int_equal(vgrant_kvm_prefault(CLOSED, 0, PAGE, NULL), -EBADF);
	assert_int_equal(vgrant_kvm_prefault(VM, 0, PAGE, NULL), -EBADFD);
	assert_int_equal(vgrant_kvm_prefault(DEV_KVM, 0, PAGE, NULL), -EBADFD);
	assert_int_equal(vgrant_kvm_prefault(MEMFD, 0, PAGE, NULL), -EBADFD);
	kvm.prefault_capability = 0;
	assert_int_equal(vgrant_kvm_prefault(VCPU, 0, PAGE, NULL), -EOPNOTSUPP);
	assert_int_equal(kvm.prefault_calls, 0);
}

static void prefault_is_interrupted(void **state)
{
	uint64_t populated = 99;

	(void)state;
	grant(0, 2);
	grant(3, 1);
	kvm.error = -EINTR;
	kvm.good = 2;
	assert_int_equal(vgrant_kvm_prefault(VCPU, 0, 4 * PAGE, &populated),
			 -EINTR);
	assert_int_equal(populated, 2 * PAGE);
}

/* A KVM that does nothing and says nothing */
static int do_nothing(int fd, unsigned long request, void *arg)
{
	(void)arg;
	assert_int_equal(fd, VCPU);
	assert_int_equal(request, KVM_PRE_FAULT_MEMORY);
	return 0;
}

static void prefault_ends(void **state)
{
	uint64_t populated = 99;

	(void)state;
	seam_ioctl = do_nothing;
	assert_int_equal(vgrant_kvm_prefault(VCPU, 0, PAGE, &populated), -EIO);
	assert_int_equal(populated, 0);
}

/* The structures and constants are KVM's ABI. */
static void abi(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct kvm_userspace_memory_region2), 160);
	assert_int_equal(sizeof(struct kvm_pre_fault_memory), 64);
	assert_int_equal(sizeof(struct vhost_grant_kvm_fault), 24);
	assert_int_equal(KVM_SET_USER_MEMORY_REGION2, 0x40a0ae49);
	assert_int_equal(KVM_PRE_FAULT_MEMORY, 0xc040aed5);
	assert_int_equal(KVM_CAP_VHOST_GRANT, 0x7667);
	assert_int_equal(KVM_MEM_VHOST_GRANT_MMIO, 0x4000);
	assert_int_equal(KVM_MEM_VHOST_GRANT, 0x8000);
	assert_int_equal(KVM_MEMORY_EXIT_FLAG_GRANT, 0x100000000);
	assert_int_equal(KVM_MEMORY_EXIT_FLAG_WRITE, 0x200000000);
	assert_int_equal(KVM_MEMORY_EXIT_FLAG_EXEC, 0x400000000);
	assert_int_equal(KVM_MEMORY_EXIT_FLAG_RDONLY, 0x800000000);
}

#define test(f)	cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(abi),
		test(ways),
		test(ways_failures),
		test(make_and_delete),
		test(slot_arguments),
		test(slot_refused),
		test(slot_unknown_to_kvm),
		test(delete_failures),
		test(prefault),
		test(prefault_skips_holes),
		test(prefault_failures),
		test(prefault_is_interrupted),
		test(prefault_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
