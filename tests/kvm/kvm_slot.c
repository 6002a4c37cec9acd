// SPDX-License-Identifier: GPL-2.0-only
/*
 * Native memslots as such: what KVM refuses and with which errno, and that the
 * window knows of each memslot as long as there is one.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vhost_grant_kvm.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "memory.h"
#include "proc.h"
#include "refusal.h"
#include "vmpeer.h"

/* Since Linux 6.8 */
#ifndef KVM_MEM_GUEST_MEMFD
#define KVM_MEM_GUEST_MEMFD	(1UL << 2)
#endif

#define LENGTH		MIB(8)
#define SOURCE_LENGTH	MIB(4)
#define AT		(3 * PAGE)
/* Not one of those that vmm_add_window() uses */
#define SLOT		20
#define GRANT		KVM_MEM_VHOST_GRANT
#define MAX_BINDINGS	32

typedef struct kvm_userspace_memory_region2 region;

FIXTURE(slot) {
	struct mark mark;
	struct granted owner;
	struct vmm vm;
	uint64_t gpa;
};

FIXTURE_VARIANT(slot) {
	struct sharing sharing;
};

FIXTURE_VARIANT_ADD(slot, native) { NATIVE(SOURCE_ANON) };
FIXTURE_VARIANT_ADD(slot, native_mmio) { NATIVE_MMIO(SOURCE_ANON) };

FIXTURE_SETUP(slot)
{
	int ret;

	mark_begin(&self->mark);
	ret = granted_open(&self->owner, &variant->sharing, LENGTH,
			   SOURCE_LENGTH);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NOT_HERE);
	ASSERT_EQ(0, ret);
	source_fill(&self->owner.source, 7);
	ASSERT_EQ(0, granted_map(&self->owner, 0, SOURCE_LENGTH, RW));
	ASSERT_EQ(0, vmm_create(&self->vm, 1));
	self->gpa = vmm_window_gpa(0);
}

FIXTURE_TEARDOWN_PARENT(slot)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(slot) slot_fixture;

/* What is accepted; tests change one thing of it. */
static region good_region(slot_fixture *self)
{
	return (region) {
		.slot = SLOT,
		.flags = self->owner.way == VMM_NATIVE_MMIO ?
			 GRANT | KVM_MEM_VHOST_GRANT_MMIO : GRANT,
		.guest_phys_addr = self->gpa,
		.memory_size = LENGTH,
		.guest_memfd = self->owner.window.fd,
	};
}

static int set(struct vmm *vm, const region *what)
{
	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION2, what) ? -errno : 0;
}

static int delete(struct vmm *vm, unsigned int slot)
{
	const region gone = { .slot = slot };

	return set(vm, &gone);
}

static long bindings(struct granted *owner)
{
	struct vhost_grant_query query;
	int ret = space_query(owner->space, owner->window.id, &query);

	return ret ? ret : query.out_bindings;
}

static struct vmm_outcome access_word(slot_fixture *self,
				      enum guest_command what, uint64_t gpa,
				      uint64_t value)
{
	const struct guest_mailbox box = {
		.command = what, .address = gpa, .value = value,
	};

	return vmm_run(&self->vm, 0, &box);
}

static uint64_t read_word(slot_fixture *self, uint64_t gpa)
{
	return access_word(self, GUEST_READ, gpa, 0).value;
}

/* By a memslot of which vmm_add_window() does not know. */
static bool is_refused(slot_fixture *self, uint64_t gpa)
{
	struct vmm_outcome outcome = access_word(self, GUEST_READ, gpa, 0);

	if (self->owner.way == VMM_NATIVE_MMIO)
		return outcome.exit_reason == KVM_EXIT_MMIO;
	return refused_hole(self->owner.way, outcome, gpa, ATTEMPT_READ);
}

/* The good region works, and goes again. */
static void expect_good(struct __test_metadata *_metadata, slot_fixture *self)
{
	const region good = good_region(self);

	ASSERT_EQ(0, set(&self->vm, &good));
	EXPECT_EQ(1, bindings(&self->owner));
	EXPECT_EQ(source_word(7, AT), read_word(self, self->gpa + AT));
	ASSERT_EQ(0, delete(&self->vm, SLOT));
	EXPECT_EQ(0, bindings(&self->owner));
}

static void expect_refused(struct __test_metadata *_metadata,
			   slot_fixture *self, int error, const region *bad,
			   const char *what)
{
	EXPECT_EQ(-error, set(&self->vm, bad))
		TH_LOG("%s", what);
	EXPECT_EQ(0, bindings(&self->owner));
	/* There is no such memslot, so this is no window's business */
	EXPECT_EQ(VMM_OTHER, access_word(self, GUEST_READ, self->gpa + AT,
					 0).result)
		TH_LOG("%s", what);
}

TEST_F(slot, ranges)
{
	static const struct {
		const char *what;
		int error;
		uint64_t offset, size, gpa;
	} bad[] = {
		{ "offset of a byte", EINVAL, 1, PAGE, 0 },
		{ "offset of half a page", EINVAL, PAGE / 2, PAGE, 0 },
		{ "size of half a page", EINVAL, 0, PAGE / 2, 0 },
		{ "size of a page and a byte", EINVAL, 0, PAGE + 1, 0 },
		{ "address of half a page", EINVAL, 0, PAGE, PAGE / 2 },
		{ "address wraps around", EINVAL, 0, LENGTH, -PAGE },
		{ "larger than any memslot", EINVAL, 0, 1ULL << 46, 0 },
		{ "a page too long", ERANGE, 0, LENGTH + PAGE, 0 },
		{ "a page too far", ERANGE, PAGE, LENGTH, 0 },
		{ "begins at the end", ERANGE, LENGTH, PAGE, 0 },
		{ "begins behind the end", ERANGE, LENGTH + PAGE, PAGE, 0 },
		{ "begins far behind the end", ERANGE, 1ULL << 63, PAGE, 0 },
		{ "end wraps around to zero", ERANGE, -PAGE, PAGE, 0 },
		{ "end wraps around", ERANGE, -PAGE, 2 * PAGE, 0 },
		{ "a TiB", ERANGE, 0, 1ULL << 40, 0 },
	};
	region what;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		what = good_region(self);
		what.guest_memfd_offset = bad[i].offset;
		what.memory_size = bad[i].size;
		what.guest_phys_addr += bad[i].gpa;
		if (bad[i].gpa == -PAGE)
			what.guest_phys_addr = bad[i].gpa;
		expect_refused(_metadata, self, bad[i].error, &what,
			       bad[i].what);
	}
	expect_good(_metadata, self);
}

TEST_F(slot, flags)
{
	static const uint32_t bad[] = {
		GRANT | KVM_MEM_LOG_DIRTY_PAGES,
		GRANT | KVM_MEM_READONLY,
		GRANT | KVM_MEM_GUEST_MEMFD,
		GRANT | KVM_MEM_VHOST_GRANT_MMIO | KVM_MEM_LOG_DIRTY_PAGES,
		GRANT | KVM_MEM_VHOST_GRANT_MMIO | KVM_MEM_READONLY,
		GRANT | KVM_MEM_VHOST_GRANT_MMIO | KVM_MEM_GUEST_MEMFD,
		KVM_MEM_VHOST_GRANT_MMIO,
		KVM_MEM_VHOST_GRANT_MMIO | KVM_MEM_READONLY,
		GRANT | 1 << 3,
		GRANT | 1 << 13,
		GRANT | 1 << 16,
		GRANT | 1U << 31,
		0xffffffff,
	};
	char text[32];
	region what;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		what = good_region(self);
		what.flags = bad[i];
		snprintf(text, sizeof(text), "flags %#x", bad[i]);
		expect_refused(_metadata, self, EINVAL, &what, text);
	}
	expect_good(_metadata, self);
}

/* A host address, even that of a mapping of the window, has no place there. */
TEST_F(slot, host_address)
{
	const uint64_t addresses[] = {
		(uintptr_t)self->owner.source.memory, PAGE, 1, 1ULL << 63,
		-PAGE,
	};
	region what;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		what = good_region(self);
		what.userspace_addr = addresses[i];
		expect_refused(_metadata, self, EINVAL, &what, "address");
	}
	expect_good(_metadata, self);
}

/*
 * What KVM emulates for the guest must not reach the memory that the VMM happens
 * to have where the window has an offset.
 */
TEST_F(slot, no_host_memory)
{
	struct guest_mailbox box = {
		.command = GUEST_OUTPUT, .address = self->gpa + HUGE,
		.length = 8,
	};
	uint64_t *memory = mmap((void *)HUGE, PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS |
				MAP_FIXED_NOREPLACE, -1, 0);

	ASSERT_EQ((void *)HUGE, memory);
	*memory = 99;
	ASSERT_EQ(0, vmm_add_window(&self->vm, 0, self->owner.way,
				    self->owner.window.fd, 0, LENGTH));
	EXPECT_EQ(VMM_MMIO, vmm_run(&self->vm, 0, &box).result);
	EXPECT_EQ(0, self->vm.vcpus[0].output);
	box.command = GUEST_INPUT;
	EXPECT_EQ(VMM_MMIO, vmm_run(&self->vm, 0, &box).result);
	EXPECT_EQ(99, *memory);
}

TEST_F(slot, files)
{
	char path[32];
	const struct {
		const char *what;
		int error, fd;
	} bad[] = {
		{ "memfd", EINVAL, source_memfd(LENGTH, 0) },
		{ "eventfd", EINVAL, eventfd(0, EFD_CLOEXEC) },
		{ "space", EINVAL, self->owner.space },
		{ "another space", EINVAL, space_open() },
		{ "/dev/kvm", EINVAL, self->vm.kvm },
		{ "VM", EINVAL, self->vm.fd },
		{ "vCPU", EINVAL, self->vm.vcpus[0].fd },
		{ "/dev/null", EINVAL, open("/dev/null", O_RDWR) },
		{ "directory", EINVAL, open("/", O_RDONLY | O_DIRECTORY) },
		{ "closed", EBADF, 1000 },
		{ "-1", EBADF, -1 },
		{ "-100", EBADF, -100 },
		{ "O_PATH", EBADF, (snprintf(path, sizeof(path),
					     "/proc/self/fd/%d",
					     self->owner.window.fd),
				    open(path, O_PATH)) },
	};
	region what;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		what = good_region(self);
		what.guest_memfd = bad[i].fd;
		expect_refused(_metadata, self, bad[i].error, &what,
			       bad[i].what);
	}
	expect_good(_metadata, self);
}

TEST_F(slot, numbers)
{
	region what = good_region(self);

	what.slot = 0x7fff;
	expect_refused(_metadata, self, EINVAL, &what, "slot number");
	what.slot = SLOT | 7 << 16;
	expect_refused(_metadata, self, EINVAL, &what, "address space");
	expect_good(_metadata, self);
}

TEST_F(slot, overlaps)
{
	region what = good_region(self);

	/* The guest's ordinary memory */
	what.guest_phys_addr = 0;
	expect_refused(_metadata, self, EEXIST, &what, "ordinary memslot");

	what = good_region(self);
	ASSERT_EQ(0, set(&self->vm, &what));
	what.slot = SLOT + 1;
	EXPECT_EQ(-EEXIST, set(&self->vm, &what));
	what.guest_phys_addr += LENGTH - PAGE;
	EXPECT_EQ(-EEXIST, set(&self->vm, &what));
	EXPECT_EQ(1, bindings(&self->owner));
	EXPECT_EQ(source_word(7, AT), read_word(self, self->gpa + AT));
	ASSERT_EQ(0, delete(&self->vm, SLOT));
	expect_good(_metadata, self);
}

/* The older call has no place for a file. */
TEST_F(slot, older_call)
{
	struct kvm_userspace_memory_region old = {
		.slot = SLOT, .guest_phys_addr = self->gpa,
		.memory_size = LENGTH,
		.userspace_addr = (uintptr_t)self->owner.source.memory,
	};
	static const uint32_t flags[] = {
		GRANT, KVM_MEM_VHOST_GRANT_MMIO,
		GRANT | KVM_MEM_VHOST_GRANT_MMIO,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		old.flags = flags[i];
		EXPECT_EQ(-1, ioctl(self->vm.fd, KVM_SET_USER_MEMORY_REGION,
				    &old));
		EXPECT_EQ(EINVAL, errno);
	}
	old.userspace_addr = 0;
	old.flags = GRANT;
	EXPECT_EQ(-1, ioctl(self->vm.fd, KVM_SET_USER_MEMORY_REGION, &old));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, bindings(&self->owner));
	expect_good(_metadata, self);
}

/* It stays what it is until it is deleted. */
TEST_F(slot, cannot_be_changed)
{
	struct window second;
	region good = good_region(self), what[8];
	size_t i;

	ASSERT_EQ(0, space_window(self->owner.space, LENGTH, 0, &second));
	for (i = 0; i < ARRAY_SIZE(what); i++)
		what[i] = good;
	what[0].guest_phys_addr += HUGE;
	what[1].flags ^= KVM_MEM_VHOST_GRANT_MMIO;
	what[2].flags |= KVM_MEM_LOG_DIRTY_PAGES;
	what[3].memory_size -= PAGE;
	what[4].guest_memfd = second.fd;
	/* An ordinary one in its place */
	what[5].flags = 0;
	what[5].userspace_addr = (uintptr_t)self->owner.source.memory;
	what[6].flags = KVM_MEM_READONLY;
	what[6].userspace_addr = (uintptr_t)self->owner.source.memory;
	/* what[7]: the same once more */

	ASSERT_EQ(0, set(&self->vm, &good));
	for (i = 0; i < ARRAY_SIZE(what); i++) {
		EXPECT_EQ(-EINVAL, set(&self->vm, &what[i]))
			TH_LOG("change %zu", i);
		EXPECT_EQ(1, bindings(&self->owner));
		EXPECT_EQ(source_word(7, AT), read_word(self, self->gpa + AT));
	}
	ASSERT_EQ(0, delete(&self->vm, SLOT));
	EXPECT_EQ(0, bindings(&self->owner));
	EXPECT_EQ(-EINVAL, delete(&self->vm, SLOT));
	expect_good(_metadata, self);
}

TEST_F(slot, ordinary_one_cannot_become_native)
{
	region ordinary = {
		.slot = SLOT, .guest_phys_addr = self->gpa,
		.memory_size = SOURCE_LENGTH,
		.userspace_addr = (uintptr_t)self->owner.source.memory,
	};
	region native = good_region(self);

	ASSERT_EQ(0, set(&self->vm, &ordinary));
	EXPECT_EQ(-EINVAL, set(&self->vm, &native));
	native.memory_size = SOURCE_LENGTH;
	EXPECT_EQ(-EINVAL, set(&self->vm, &native));
	native.guest_phys_addr += LENGTH;
	EXPECT_EQ(-EINVAL, set(&self->vm, &native));
	EXPECT_EQ(0, bindings(&self->owner));
	EXPECT_EQ(source_word(7, AT), read_word(self, self->gpa + AT));
	ASSERT_EQ(0, delete(&self->vm, SLOT));
	expect_good(_metadata, self);
}

/* One number, taken in turn by native and ordinary memslots at one address. */
TEST_F(slot, number_is_used_again)
{
	char *memory = source_pages(PAGE);
	const region ordinary = {
		.slot = SLOT, .guest_phys_addr = self->gpa, .memory_size = PAGE,
		.userspace_addr = (uintptr_t)memory,
	};
	region native = good_region(self);
	int i;

	ASSERT_NE(NULL, memory);
	*(uint64_t *)memory = 99;
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, set(&self->vm, &native));
		EXPECT_EQ(source_word(7, 0), read_word(self, self->gpa));
		ASSERT_EQ(0, delete(&self->vm, SLOT));
		EXPECT_EQ(VMM_OTHER, access_word(self, GUEST_READ, self->gpa,
						 0).result);
		ASSERT_EQ(0, set(&self->vm, &ordinary));
		EXPECT_EQ(99, read_word(self, self->gpa));
		ASSERT_EQ(0, delete(&self->vm, SLOT));
		EXPECT_EQ(0, bindings(&self->owner));
	}
}

/* A part of the window, where the guest finds the pages of that part only. */
TEST_F(slot, part_of_a_window)
{
	region part = good_region(self);
	const uint64_t gpa = self->gpa;

	part.guest_memfd_offset = HUGE + 5 * PAGE;
	part.memory_size = 2 * PAGE;
	ASSERT_EQ(0, set(&self->vm, &part));
	EXPECT_EQ(source_word(7, HUGE + 5 * PAGE), read_word(self, gpa));
	EXPECT_EQ(source_word(7, HUGE + 6 * PAGE), read_word(self, gpa + PAGE));
	EXPECT_EQ(VMM_OTHER, access_word(self, GUEST_READ, gpa + 2 * PAGE,
					 0).result);
	/* Revokes before, behind and inside of it */
	ASSERT_EQ(0, granted_unmap(&self->owner, HUGE, 5 * PAGE));
	ASSERT_EQ(0, granted_unmap(&self->owner, HUGE + 7 * PAGE, 9 * PAGE));
	EXPECT_EQ(source_word(7, HUGE + 5 * PAGE), read_word(self, gpa));
	ASSERT_EQ(0, granted_unmap(&self->owner, HUGE + 6 * PAGE, PAGE));
	EXPECT_EQ(source_word(7, HUGE + 5 * PAGE), read_word(self, gpa));
	EXPECT_TRUE(is_refused(self, gpa + PAGE));
	/* One that reaches over both ends */
	ASSERT_EQ(0, granted_map(&self->owner, HUGE + 6 * PAGE, PAGE, RW));
	EXPECT_EQ(source_word(7, HUGE + 6 * PAGE), read_word(self, gpa + PAGE));
	ASSERT_EQ(0, granted_unmap(&self->owner, 0, LENGTH));
	EXPECT_TRUE(is_refused(self, gpa));
	EXPECT_TRUE(is_refused(self, gpa + PAGE));
	ASSERT_EQ(0, delete(&self->vm, SLOT));
	EXPECT_EQ(0, bindings(&self->owner));
}

static region small_slot(slot_fixture *self, unsigned int i)
{
	region small = good_region(self);

	small.slot = SLOT + i;
	small.guest_phys_addr += i * PAGE;
	small.memory_size = PAGE;
	small.guest_memfd_offset = i * PAGE;
	return small;
}

/* All VMs together have so many for each window. */
TEST_F(slot, bindings_are_capped)
{
	struct vhost_grant_info info;
	struct vmm other;
	unsigned int i;
	region small;

	ASSERT_EQ(0, space_info(self->owner.space, &info));
	ASSERT_EQ(MAX_BINDINGS, info.out_max_bindings);
	ASSERT_EQ(0, vmm_create(&other, 1));
	for (i = 0; i < MAX_BINDINGS; i++) {
		small = small_slot(self, i);
		ASSERT_EQ(0, set(i & 1 ? &other : &self->vm, &small));
		ASSERT_EQ(i + 1, bindings(&self->owner));
	}
	small = small_slot(self, i);
	EXPECT_EQ(-ENOSPC, set(&self->vm, &small));
	EXPECT_EQ(-ENOSPC, set(&other, &small));
	EXPECT_EQ(MAX_BINDINGS, bindings(&self->owner));
	EXPECT_EQ(source_word(7, 2 * PAGE),
		  read_word(self, self->gpa + 2 * PAGE));

	ASSERT_EQ(0, delete(&self->vm, SLOT));
	EXPECT_EQ(MAX_BINDINGS - 1, bindings(&self->owner));
	EXPECT_EQ(0, set(&self->vm, &small));
	EXPECT_EQ(source_word(7, i * PAGE),
		  read_word(self, self->gpa + i * PAGE));
	vmm_destroy(&other);
	EXPECT_EQ(MAX_BINDINGS / 2, bindings(&self->owner));
	vmm_destroy(&self->vm);
	EXPECT_EQ(0, bindings(&self->owner));
}

/* 0, or the bindings that have stayed. */
static long bindings_left(struct granted *owner)
{
	int tries;

	for (tries = 0; tries < 100 && bindings(owner); tries++)
		sleep_ms(20);
	return bindings(owner);
}

TEST_F(slot, vmm_is_killed)
{
	struct vmpeer vm;

	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, self->owner.way,
				  &self->owner.window, 1));
	EXPECT_EQ(1, bindings(&self->owner));
	ASSERT_EQ(0, kill(vm.peer.pid, SIGKILL));
	EXPECT_EQ(0, bindings_left(&self->owner));
	peer_reap(&vm.peer);
}

TEST_F(slot, window_is_closed)
{
	const region good = good_region(self);
	struct vhost_grant_event event;

	ASSERT_EQ(0, set(&self->vm, &good));
	ASSERT_EQ(0, close(self->owner.window.fd));
	EXPECT_EQ(source_word(7, AT), read_word(self, self->gpa + AT));
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	EXPECT_TRUE(is_refused(self, self->gpa + AT));
	drop_events(self->owner.space);
	ASSERT_EQ(0, delete(&self->vm, SLOT));
	ASSERT_TRUE(next_event(self->owner.space, &event));
	EXPECT_EQ(VHOST_GRANT_EVENT_PEER_GONE, event.type);
	EXPECT_EQ(0, bindings(&self->owner));
}

/* Its file is still a window, with nothing in it for ever. */
TEST_F(slot, window_is_destroyed)
{
	region good = good_region(self);

	ASSERT_EQ(0, set(&self->vm, &good));
	EXPECT_EQ(source_word(7, AT), read_word(self, self->gpa + AT));
	ASSERT_EQ(0, space_destroy(self->owner.space, self->owner.window.id));
	EXPECT_TRUE(is_refused(self, self->gpa + AT));
	good.slot = SLOT + 1;
	good.guest_phys_addr += LENGTH;
	ASSERT_EQ(0, set(&self->vm, &good));
	EXPECT_TRUE(is_refused(self, self->gpa + LENGTH + AT));
	ASSERT_EQ(0, delete(&self->vm, SLOT));
	ASSERT_EQ(0, delete(&self->vm, SLOT + 1));
	/* The file can still serve others */
	EXPECT_EQ(0, close(self->owner.space));
}

/* There is no dirty log, neither the bitmap nor a way to clear it. */
TEST_F(slot, dirty_log)
{
	static uint64_t bitmap[LENGTH / PAGE / 64];
	struct kvm_dirty_log log = {
		.slot = SLOT, .dirty_bitmap = bitmap,
	};
	struct kvm_clear_dirty_log clear = {
		.slot = SLOT, .num_pages = LENGTH / PAGE,
		.dirty_bitmap = bitmap,
	};
	const region good = good_region(self);

	ASSERT_EQ(0, set(&self->vm, &good));
	EXPECT_EQ(-1, ioctl(self->vm.fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(-1, ioctl(self->vm.fd, KVM_CLEAR_DIRTY_LOG, &clear));
	EXPECT_EQ(VMM_OK, access_word(self, GUEST_WRITE, self->gpa + AT,
				      5).result);
	EXPECT_EQ(5, *granted_word(&self->owner, AT));
}

/* Two windows side by side, and no memslot between them. */
TEST_F(slot, neighbours)
{
	struct granted *owner = &self->owner;
	region first = good_region(self), second = first;
	struct window window;

	ASSERT_EQ(0, space_window(owner->space, LENGTH, 0, &window));
	ASSERT_EQ(0, source_grant(&owner->source, owner->space, window.id, 0,
				  AT, PAGE, RW));
	second.slot = SLOT + 1;
	second.guest_phys_addr += LENGTH;
	second.guest_memfd = window.fd;
	ASSERT_EQ(0, set(&self->vm, &first));
	ASSERT_EQ(0, set(&self->vm, &second));
	EXPECT_EQ(source_word(7, AT), read_word(self, self->gpa + LENGTH));
	ASSERT_EQ(0, space_unmap_all(owner->space, owner->window.id));
	EXPECT_EQ(source_word(7, AT), read_word(self, self->gpa + LENGTH));
	EXPECT_TRUE(is_refused(self, self->gpa + LENGTH - 8));
	EXPECT_TRUE(is_refused(self, self->gpa + LENGTH + PAGE));
	ASSERT_EQ(0, space_unmap_all(owner->space, window.id));
	EXPECT_TRUE(is_refused(self, self->gpa + LENGTH));
}

/* What a program finds that asks first. */
TEST_F(slot, capability)
{
	const int all = KVM_VHOST_GRANT_SLOTS | KVM_VHOST_GRANT_MMIO;

	EXPECT_EQ(all, vmm_native_features(&self->vm));
	EXPECT_EQ(all, ioctl(self->vm.kvm, KVM_CHECK_EXTENSION,
			     KVM_CAP_VHOST_GRANT));
}

FIXTURE(other_kvm) {
	struct mark mark;
	struct granted owner;
	struct vmm vm;
};

FIXTURE_SETUP(other_kvm)
{
	const struct sharing sharing = { .flags = 0 };

	mark_begin(&self->mark);
	if (kvm_knows_way(VMM_NATIVE))
		SKIP(return, "this KVM knows windows");
	ASSERT_EQ(0, granted_open(&self->owner, &sharing, LENGTH, PAGE));
	ASSERT_EQ(0, vmm_create(&self->vm, 1));
}

FIXTURE_TEARDOWN_PARENT(other_kvm)
{
	MARK_END(&self->mark);
}

/* A KVM without the patch. */
TEST_F(other_kvm, knows_no_windows)
{
	const region native = {
		.slot = SLOT, .flags = GRANT, .memory_size = LENGTH,
		.guest_phys_addr = vmm_window_gpa(0),
		.guest_memfd = self->owner.window.fd,
	};

	EXPECT_EQ(0, vmm_native_features(&self->vm));
	EXPECT_EQ(-EINVAL, set(&self->vm, &native));
	EXPECT_EQ(-EOPNOTSUPP, vmm_add_window(&self->vm, 0, VMM_NATIVE,
					      self->owner.window.fd, 0,
					      LENGTH));
	EXPECT_EQ(0, bindings(&self->owner));
}

TEST_HARNESS_MAIN
