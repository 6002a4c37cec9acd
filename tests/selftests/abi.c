// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every rule and errno of <linux/vhost_grant.h>. A call that is refused must
 * have changed nothing, so most tests end with a look at the window.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"

#define WINDOW_LENGTH MIB(16)
#define PAGES 16
#define TAG 0x5eedul

FIXTURE(abi) {
	struct mark mark;
	int space;
	struct window window;
	char *memory;
	char *map;
};

FIXTURE_SETUP(abi)
{
	mark_begin(&self->mark);
	probe_init();
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0,
				  &self->window));
	self->memory = source_pages(PAGES * PAGE);
	ASSERT_NE(NULL, self->memory);
	*(volatile uint64_t *)self->memory = TAG;
	self->map = window_mmap(self->window.fd, 0, WINDOW_LENGTH,
				PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, self->map);
}

FIXTURE_TEARDOWN_PARENT(abi)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(abi) abi_fixture;

/* Nothing is granted, counted, pinned or reachable. */
static bool window_is_empty(abi_fixture *self)
{
	struct vhost_grant_query query;
	uint64_t value;

	return !space_query(self->space, self->window.id, &query) &&
	       !query.out_grants && !query.out_pages_granted &&
	       !query.out_pages_pinned && !query.out_pages_mapped &&
	       proc_status(getpid(), "VmPin") == 0 &&
	       probe_read(self->map, &value) == SIGBUS;
}

/* The window still takes a grant at its start and gives it back. */
static bool window_works(abi_fixture *self)
{
	uint64_t value = 0;

	if (space_map(self->space, self->window.id, 0, self->memory, PAGE, R))
		return false;
	if (probe_read(self->map, &value) || value != TAG)
		return false;
	if (space_unmap(self->space, self->window.id, 0, PAGE))
		return false;
	return probe_read(self->map, &value) == SIGBUS;
}

TEST_F(abi, get_info)
{
	struct vhost_grant_info info;

	ASSERT_EQ(0, space_info(self->space, &info));
	EXPECT_EQ(VHOST_GRANT_ABI_VERSION, info.out_abi_version);
	EXPECT_LE(256, info.out_max_entries);
	EXPECT_EQ(PAGE, info.out_page_sizes & -info.out_page_sizes);
	EXPECT_EQ(1ull << 47, info.out_max_window_size);
	EXPECT_LE(1ull << 20, info.out_max_grants);
	EXPECT_LT(0, info.out_max_windows);
	EXPECT_LT(0, info.out_max_vmas);
	EXPECT_LT(0, info.out_max_bindings);
	EXPECT_LT(0, info.out_max_events);
	EXPECT_TRUE(info.out_features & VHOST_GRANT_FEATURE_FILE_SOURCE);
	EXPECT_EQ(!!(info.out_features & VHOST_GRANT_FEATURE_HUGE_MMAP),
		  !!(info.out_page_sizes & HUGE));
}

/* One valid, harmless argument for each call. */
union argument {
	uint32_t size;
	struct vhost_grant_info info;
	struct vhost_grant_create_window create;
	struct vhost_grant_map map;
	struct vhost_grant_unmap unmap;
	struct vhost_grant_destroy_window destroy;
	struct vhost_grant_query query;
	struct vhost_grant_window_info window_info;
	struct vhost_grant_window_set_hole set_hole;
	char bytes[512];
};

struct call {
	const char *name;
	unsigned long request;
	size_t size;
	bool on_window;
	bool has_out;
};

static const struct call calls[] = {
	{ "GET_INFO", VHOST_GRANT_GET_INFO,
	  sizeof(struct vhost_grant_info), false, true },
	{ "CREATE_WINDOW", VHOST_GRANT_CREATE_WINDOW,
	  sizeof(struct vhost_grant_create_window), false, true },
	{ "MAP", VHOST_GRANT_MAP,
	  sizeof(struct vhost_grant_map), false, false },
	{ "UNMAP", VHOST_GRANT_UNMAP,
	  sizeof(struct vhost_grant_unmap), false, false },
	{ "DESTROY_WINDOW", VHOST_GRANT_DESTROY_WINDOW,
	  sizeof(struct vhost_grant_destroy_window), false, false },
	{ "QUERY", VHOST_GRANT_QUERY,
	  sizeof(struct vhost_grant_query), false, true },
	{ "WINDOW_INFO", VHOST_GRANT_WINDOW_INFO,
	  sizeof(struct vhost_grant_window_info), true, true },
	{ "WINDOW_SET_HOLE", VHOST_GRANT_WINDOW_SET_HOLE,
	  sizeof(struct vhost_grant_window_set_hole), true, false },
};

#define for_each_call(call) \
	for ((call) = calls; (call) < calls + ARRAY_SIZE(calls); (call)++)

static void fill(const struct call *call, abi_fixture *self,
		 union argument *argument)
{
	struct window victim = {};

	memset(argument, 0, sizeof(*argument));
	argument->size = call->size;
	switch (call->request) {
	case VHOST_GRANT_CREATE_WINDOW:
		argument->create.length = PAGE;
		break;
	case VHOST_GRANT_MAP:
		argument->map.window = self->window.id;
		argument->map.entry_size =
			sizeof(struct vhost_grant_map_entry);
		break;
	case VHOST_GRANT_UNMAP:
		argument->unmap.window = self->window.id;
		argument->unmap.entry_size =
			sizeof(struct vhost_grant_unmap_entry);
		break;
	case VHOST_GRANT_DESTROY_WINDOW:
		space_window(self->space, PAGE, 0, &victim);
		close(victim.fd);
		argument->destroy.window = victim.id;
		break;
	case VHOST_GRANT_QUERY:
		argument->query.window = self->window.id;
		break;
	}
}

static int issue(const struct call *call, abi_fixture *self, void *argument)
{
	return space_call(call->on_window ? self->window.fd : self->space,
			  call->request, argument);
}

TEST_F(abi, every_call_works)
{
	const struct call *call;
	union argument argument;

	for_each_call(call) {
		fill(call, self, &argument);
		EXPECT_EQ(0, issue(call, self, &argument))
			TH_LOG("%s", call->name);
	}
}

TEST_F(abi, size_too_short)
{
	const struct call *call;
	union argument argument;
	size_t size;

	for_each_call(call) {
		for (size = 0; size < call->size; size++) {
			fill(call, self, &argument);
			argument.size = size;
			EXPECT_EQ(-EINVAL, issue(call, self, &argument))
				TH_LOG("%s with size %zu", call->name, size);
		}
	}
	EXPECT_TRUE(window_is_empty(self));
}

/* What a program does that was compiled with a newer header. */
TEST_F(abi, size_longer_zero_tail)
{
	const struct call *call;
	union argument argument;
	size_t i;

	for_each_call(call) {
		fill(call, self, &argument);
		argument.size = sizeof(argument);
		EXPECT_EQ(0, issue(call, self, &argument))
			TH_LOG("%s", call->name);
		for (i = call->size; i < sizeof(argument); i++)
			EXPECT_EQ(0, argument.bytes[i]);
	}
}

TEST_F(abi, size_longer_nonzero_tail)
{
	const struct call *call;
	union argument argument;

	for_each_call(call) {
		fill(call, self, &argument);
		argument.size = call->size + 1;
		argument.bytes[call->size] = 1;
		EXPECT_EQ(-E2BIG, issue(call, self, &argument))
			TH_LOG("%s, first byte", call->name);
		fill(call, self, &argument);
		argument.size = sizeof(argument);
		argument.bytes[sizeof(argument) - 1] = 1;
		EXPECT_EQ(-E2BIG, issue(call, self, &argument))
			TH_LOG("%s, last byte", call->name);
	}
	EXPECT_EQ(1, fdinfo_number(self->space, "windows") -
		     2 /* victims of DESTROY_WINDOW that had to survive */);
}

TEST_F(abi, size_absurd)
{
	const struct call *call;
	union argument argument;
	int ret;

	for_each_call(call) {
		fill(call, self, &argument);
		argument.size = UINT32_MAX;
		ret = issue(call, self, &argument);
		EXPECT_TRUE(ret == -E2BIG || ret == -EFAULT || ret == -EINVAL)
			TH_LOG("%s returned %d", call->name, ret);
	}
}

TEST_F(abi, argument_unreadable)
{
	const struct call *call;
	union argument argument;
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(0, munmap(pages + PAGE, PAGE));
	for_each_call(call) {
		EXPECT_EQ(-EFAULT, issue(call, self, NULL));
		EXPECT_EQ(-EFAULT, issue(call, self, pages + PAGE));
		EXPECT_EQ(-EFAULT, issue(call, self, (void *)(-PAGE)));
		/* The size can be read, the rest cannot. */
		fill(call, self, &argument);
		memcpy(pages + PAGE - 4, &argument, 4);
		EXPECT_EQ(-EFAULT, issue(call, self, pages + PAGE - 4))
			TH_LOG("%s", call->name);
	}
	EXPECT_TRUE(window_is_empty(self));
}

/* The argument need not be aligned: it is copied. */
TEST_F(abi, argument_unaligned)
{
	char bytes[sizeof(union argument) + 1];
	const struct call *call;
	union argument argument;

	for_each_call(call) {
		fill(call, self, &argument);
		memcpy(bytes + 1, &argument, sizeof(argument));
		EXPECT_EQ(0, issue(call, self, bytes + 1))
			TH_LOG("%s", call->name);
	}
}

/* State and report agree: what cannot be reported has not happened. */
TEST_F(abi, argument_readonly)
{
	const struct call *call;
	union argument *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds = proc_fds();
	long windows;

	for_each_call(call) {
		ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ | PROT_WRITE));
		fill(call, self, page);
		windows = fdinfo_number(self->space, "windows");
		ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ));
		EXPECT_EQ(call->has_out ? -EFAULT : 0,
			  issue(call, self, page))
			TH_LOG("%s", call->name);
		if (call->request == VHOST_GRANT_DESTROY_WINDOW)
			windows--;
		EXPECT_EQ(windows, fdinfo_number(self->space, "windows"))
			TH_LOG("%s", call->name);
		EXPECT_EQ(fds, proc_fds());
	}
}

TEST_F(abi, entries_readonly)
{
	struct vhost_grant_map_entry *entry = mmap(NULL, PAGE,
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t value = 0;

	*entry = (struct vhost_grant_map_entry){
		.length = PAGE, .source = (uintptr_t)self->memory, .flags = R,
	};
	ASSERT_EQ(0, mprotect(entry, PAGE, PROT_READ));
	EXPECT_EQ(1, space_map_array(self->space, self->window.id, entry, 1));
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(TAG, value);
}

TEST_F(abi, reserved_get_info)
{
	struct vhost_grant_info info = { .size = sizeof(info), .flags = 1 };

	EXPECT_EQ(-EINVAL, space_call(self->space, VHOST_GRANT_GET_INFO,
				      &info));
	EXPECT_EQ(0, info.out_max_entries);
	info.flags = 1u << 31;
	EXPECT_EQ(-EINVAL, space_call(self->space, VHOST_GRANT_GET_INFO,
				      &info));
	/* What the kernel writes, it does not check. */
	memset(&info, 0xff, sizeof(info));
	info.size = sizeof(info);
	info.flags = 0;
	EXPECT_EQ(0, space_call(self->space, VHOST_GRANT_GET_INFO, &info));
	EXPECT_EQ(VHOST_GRANT_ABI_VERSION, info.out_abi_version);
}

TEST_F(abi, reserved_window_calls)
{
	struct vhost_grant_window_info info = {
		.size = sizeof(info), .flags = 1,
	};

	EXPECT_EQ(-EINVAL, space_call(self->window.fd,
				      VHOST_GRANT_WINDOW_INFO, &info));
	EXPECT_EQ(-EINVAL, window_set_hole(self->window.fd, 3));
	EXPECT_EQ(-EINVAL, window_set_hole(self->window.fd, UINT32_MAX));
	ASSERT_EQ(0, window_info(self->window.fd, &info));
	EXPECT_EQ(WINDOW_LENGTH, info.out_length);
	EXPECT_EQ(0, info.out_flags);
	EXPECT_EQ(VHOST_GRANT_HOLE_FAULT, info.out_hole);
	EXPECT_EQ(self->window.id, info.out_window);
	EXPECT_EQ(0, info.out_dead);
	ASSERT_EQ(0, space_destroy(self->space, self->window.id));
	ASSERT_EQ(0, window_info(self->window.fd, &info));
	EXPECT_EQ(1, info.out_dead);
	EXPECT_EQ(WINDOW_LENGTH, info.out_length);
}

TEST_F(abi, create_window_refusals)
{
	static const struct {
		uint64_t length;
		uint32_t flags;
		int ret;
	} cases[] = {
		{ 0, 0, -EINVAL },
		{ 1, 0, -EINVAL },
		{ PAGE - 1, 0, -EINVAL },
		{ PAGE + 1, 0, -EINVAL },
		{ (1ull << 47) + 1, 0, -EINVAL },
		{ (1ull << 47) + PAGE, 0, -ERANGE },
		{ 1ull << 63, 0, -ERANGE },
		{ -PAGE, 0, -ERANGE },
		{ PAGE, 1u << 31, -EINVAL },
		{ PAGE, 1u << 3, -EINVAL },
		{ PAGE, VHOST_GRANT_WINDOW_KVM_ONLY |
			VHOST_GRANT_WINDOW_KVM_MAPPED, -EINVAL },
	};
	int fds = proc_fds();
	struct window window;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].ret,
			  space_window(self->space, cases[i].length,
				       cases[i].flags, &window))
			TH_LOG("case %zu", i);
	}
	EXPECT_EQ(fds, proc_fds());
	EXPECT_EQ(1, fdinfo_number(self->space, "windows"));
}

TEST_F(abi, create_window_forms)
{
	static const uint32_t flags[] = {
		0, VHOST_GRANT_WINDOW_KVM_ONLY, VHOST_GRANT_WINDOW_KVM_MAPPED,
		VHOST_GRANT_WINDOW_HOLE_SCRATCH,
		VHOST_GRANT_WINDOW_HOLE_SCRATCH | VHOST_GRANT_WINDOW_KVM_ONLY,
	};
	static const uint64_t lengths[] = { PAGE, 3 * PAGE, 1ull << 47 };
	struct vhost_grant_window_info info;
	struct vhost_grant_query query;
	struct window window;
	struct stat st;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		for (j = 0; j < ARRAY_SIZE(lengths); j++) {
			ASSERT_EQ(0, space_window(self->space, lengths[j],
						  flags[i], &window));
			EXPECT_EQ(FD_CLOEXEC, fcntl(window.fd, F_GETFD));
			ASSERT_EQ(0, window_info(window.fd, &info));
			EXPECT_EQ(lengths[j], info.out_length);
			EXPECT_EQ(flags[i], info.out_flags);
			EXPECT_EQ(window.id, info.out_window);
			ASSERT_EQ(0, space_query(self->space, window.id,
						 &query));
			EXPECT_EQ(lengths[j], query.out_length);
			EXPECT_EQ(flags[i], query.out_flags);
			EXPECT_EQ(0, query.out_peer_gone);
			EXPECT_EQ(0, fstat(window.fd, &st));
			EXPECT_EQ(lengths[j], st.st_size);
			EXPECT_EQ(4096, st.st_blksize);
			EXPECT_EQ(lengths[j], lseek(window.fd, 0, SEEK_END));
			EXPECT_EQ(0, lseek(window.fd, 0, SEEK_SET));
			close(window.fd);
		}
	}
}

/* Two windows are two inodes: a revoke in one must not be seen in another. */
TEST_F(abi, windows_have_own_inodes)
{
	struct stat a, b, c;
	struct window other;
	int event;

	ASSERT_EQ(0, space_window(self->space, PAGE, 0, &other));
	event = eventfd(0, 0);
	ASSERT_EQ(0, fstat(self->window.fd, &a));
	ASSERT_EQ(0, fstat(other.fd, &b));
	EXPECT_NE(a.st_ino, b.st_ino);
	ASSERT_LE(0, event);
	ASSERT_EQ(0, fstat(event, &c));
	EXPECT_TRUE(a.st_ino != c.st_ino || a.st_dev != c.st_dev);
}

static int map_request(abi_fixture *self, struct vhost_grant_map request)
{
	return space_call(self->space, VHOST_GRANT_MAP, &request);
}

static int unmap_request(abi_fixture *self, struct vhost_grant_unmap request)
{
	return space_call(self->space, VHOST_GRANT_UNMAP, &request);
}

static struct vhost_grant_map_entry good_entry(abi_fixture *self)
{
	return (struct vhost_grant_map_entry){
		.length = PAGE,
		.source = (uintptr_t)self->memory,
		.flags = R,
	};
}

TEST_F(abi, map_header_refusals)
{
	struct vhost_grant_map_entry entry = good_entry(self);
	struct vhost_grant_map good = {
		.size = sizeof(good),
		.window = self->window.id,
		.nr = 1,
		.entry_size = sizeof(entry),
		.entries = (uintptr_t)&entry,
	}, bad;
	struct vhost_grant_info info;

	ASSERT_EQ(0, space_info(self->space, &info));
	bad = good, bad.flags = 1;
	EXPECT_EQ(-EINVAL, map_request(self, bad));
	bad = good, bad.flags = 1u << 31;
	EXPECT_EQ(-EINVAL, map_request(self, bad));
	bad = good, bad.__reserved = 1;
	EXPECT_EQ(-EINVAL, map_request(self, bad));
	bad = good, bad.entry_size = 0;
	EXPECT_EQ(-EINVAL, map_request(self, bad));
	bad = good, bad.entry_size = sizeof(entry) - 1;
	EXPECT_EQ(-EINVAL, map_request(self, bad));
	bad = good, bad.nr = info.out_max_entries + 1;
	EXPECT_EQ(-E2BIG, map_request(self, bad));
	bad = good, bad.nr = UINT32_MAX;
	EXPECT_EQ(-E2BIG, map_request(self, bad));
	bad = good, bad.entries = 0;
	EXPECT_EQ(-EFAULT, map_request(self, bad));
	bad = good, bad.entries = -PAGE;
	EXPECT_EQ(-EFAULT, map_request(self, bad));
	bad = good, bad.nr = 0;
	EXPECT_EQ(0, map_request(self, bad));
	EXPECT_TRUE(window_is_empty(self));
	EXPECT_TRUE(window_works(self));
}

TEST_F(abi, unmap_header_refusals)
{
	struct vhost_grant_unmap_entry entry = { .length = PAGE };
	struct vhost_grant_unmap good = {
		.size = sizeof(good),
		.window = self->window.id,
		.nr = 1,
		.entry_size = sizeof(entry),
		.entries = (uintptr_t)&entry,
	}, bad, all = {
		.size = sizeof(all),
		.flags = VHOST_GRANT_UNMAP_ALL,
		.window = self->window.id,
	};
	struct vhost_grant_info info;
	uint64_t value;

	ASSERT_EQ(0, space_info(self->space, &info));
	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       PAGE, R));
	bad = good, bad.flags = 2;
	EXPECT_EQ(-EINVAL, unmap_request(self, bad));
	bad = good, bad.flags = 1u << 31;
	EXPECT_EQ(-EINVAL, unmap_request(self, bad));
	bad = good, bad.__reserved = 1;
	EXPECT_EQ(-EINVAL, unmap_request(self, bad));
	bad = good, bad.entry_size = 0;
	EXPECT_EQ(-EINVAL, unmap_request(self, bad));
	bad = good, bad.entry_size = sizeof(entry) - 1;
	EXPECT_EQ(-EINVAL, unmap_request(self, bad));
	bad = good, bad.nr = info.out_max_entries + 1;
	EXPECT_EQ(-E2BIG, unmap_request(self, bad));
	bad = good, bad.nr = UINT32_MAX;
	EXPECT_EQ(-E2BIG, unmap_request(self, bad));
	bad = good, bad.entries = 0;
	EXPECT_EQ(-EFAULT, unmap_request(self, bad));
	bad = all, bad.nr = 1;
	EXPECT_EQ(-EINVAL, unmap_request(self, bad));
	bad = all, bad.entry_size = sizeof(entry);
	EXPECT_EQ(-EINVAL, unmap_request(self, bad));
	bad = all, bad.entries = (uintptr_t)&entry;
	EXPECT_EQ(-EINVAL, unmap_request(self, bad));
	bad = all, bad.flags |= 2;
	EXPECT_EQ(-EINVAL, unmap_request(self, bad));
	bad = good, bad.nr = 0;
	EXPECT_EQ(0, unmap_request(self, bad));
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(0, unmap_request(self, all));
	EXPECT_EQ(SIGBUS, probe_read(self->map, &value));
	EXPECT_EQ(0, unmap_request(self, all));
}

/* The values that integer arithmetic gets wrong. */
TEST_F(abi, map_entry_refusals)
{
	const uint64_t memory = (uintptr_t)self->memory;
	const struct {
		struct vhost_grant_map_entry entry;
		int ret;
	} cases[] = {
		/* iova, length, source, flags, fd */
		{ { 0, 0, memory, R, 0 }, -EINVAL },
		{ { 1, PAGE, memory, R, 0 }, -EINVAL },
		{ { PAGE - 1, PAGE, memory, R, 0 }, -EINVAL },
		{ { 0, 1, memory, R, 0 }, -EINVAL },
		{ { 0, PAGE + 1, memory, R, 0 }, -EINVAL },
		{ { 0, PAGE, memory + 1, R, 0 }, -EINVAL },
		{ { 0, PAGE, memory + 8, R, 0 }, -EINVAL },
		{ { 0, PAGE, memory, 0, 0 }, -EINVAL },
		{ { 0, PAGE, memory, VHOST_GRANT_WRITE, 0 }, -EINVAL },
		{ { 0, PAGE, memory, R | 1 << 3, 0 }, -EINVAL },
		{ { 0, PAGE, memory, RW | 1u << 31, 0 }, -EINVAL },
		{ { 0, PAGE, memory, R, 1 }, -EINVAL },
		{ { 0, PAGE, memory, R, -1 }, -EINVAL },
		{ { -PAGE, 2 * PAGE, memory, R, 0 }, -EOVERFLOW },
		{ { PAGE, -PAGE, memory, R, 0 }, -EOVERFLOW },
		{ { WINDOW_LENGTH - PAGE, -(WINDOW_LENGTH - 2 * PAGE), memory,
		    R, 0 }, -EOVERFLOW },
		{ { 0, 2 * PAGE, -PAGE, R, 0 }, -EOVERFLOW },
		{ { WINDOW_LENGTH, PAGE, memory, R, 0 }, -ERANGE },
		{ { WINDOW_LENGTH - PAGE, 2 * PAGE, memory, R, 0 }, -ERANGE },
		{ { 0, WINDOW_LENGTH + PAGE, memory, R, 0 }, -ERANGE },
		{ { 1ull << 47, PAGE, memory, R, 0 }, -ERANGE },
		{ { 1ull << 63, PAGE, memory, R, 0 }, -ERANGE },
		{ { 1ull << 44, PAGE, memory, R, 0 }, -ERANGE },
		{ { 0, PAGE, 0, R, 0 }, -EFAULT },
		{ { 0, PAGE, 1ull << 47, R, 0 }, -EFAULT },
		{ { 0, PAGE, 0xffff888000000000, R, 0 }, -EFAULT },
		{ { 0, PAGE, 0xffffffff81000000, RW, 0 }, -EFAULT },
		{ { 0, (PAGES + 1) * PAGE, memory, R, 0 }, -EFAULT },
		{ { 0, PAGE, memory - PAGE, R, 0 }, -EFAULT },
	};
	int ret;
	size_t i;

	/* Around the source there must be nothing. */
	munmap(self->memory - PAGE, PAGE);
	munmap(self->memory + PAGES * PAGE, PAGE);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ret = space_map_array(self->space, self->window.id,
				      &cases[i].entry, 1);
		EXPECT_EQ(cases[i].ret, ret)
			TH_LOG("case %zu", i);
	}
	EXPECT_TRUE(window_is_empty(self));
	EXPECT_TRUE(window_works(self));
}

TEST_F(abi, unmap_entry_refusals)
{
	const struct {
		struct vhost_grant_unmap_entry entry;
		int ret;
	} cases[] = {
		{ { 0, 0 }, -EINVAL },
		{ { 1, PAGE }, -EINVAL },
		{ { 0, 1 }, -EINVAL },
		{ { 0, PAGE + 1 }, -EINVAL },
		{ { PAGE / 2, PAGE }, -EINVAL },
		{ { -PAGE, 2 * PAGE }, -EOVERFLOW },
		{ { PAGE, -PAGE }, -EOVERFLOW },
		{ { WINDOW_LENGTH, PAGE }, -ERANGE },
		{ { 0, WINDOW_LENGTH + PAGE }, -ERANGE },
		{ { 1ull << 63, PAGE }, -ERANGE },
	};
	uint64_t value;
	size_t i;

	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       PAGE, R));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].ret,
			  space_unmap_array(self->space, self->window.id,
					    &cases[i].entry, 1))
			TH_LOG("case %zu", i);
	}
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(TAG, value);
}

/* Every kind of descriptor that is not a memfd. */
TEST_F(abi, map_wrong_files)
{
	int sockets[2], pipes[2], fds[16], n = 0, i;
	struct { int fd; int ret; } cases[16];
	int memfd = source_memfd(PAGE, 0);

	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	fds[n++] = pipes[0];
	fds[n++] = pipes[1];
	fds[n++] = sockets[0];
	fds[n++] = open("/dev/null", O_RDWR);
	fds[n++] = open("/dev/zero", O_RDWR);
	fds[n++] = open("/proc/self/maps", O_RDONLY);
	fds[n++] = open("/proc", O_RDONLY | O_DIRECTORY);
	fds[n++] = open("/dev", O_RDONLY | O_DIRECTORY);
	fds[n++] = eventfd(0, 0);
	fds[n++] = self->space;
	fds[n++] = self->window.fd;
	for (i = 0; i < n; i++) {
		ASSERT_LE(0, fds[i]);
		cases[i].fd = fds[i];
		cases[i].ret = -ENODEV;
	}
	cases[n].fd = -1, cases[n++].ret = -EBADF;
	cases[n].fd = 1 << 20, cases[n++].ret = -EBADF;
	cases[n].fd = INT32_MIN, cases[n++].ret = -EBADF;
	for (i = 0; i < n; i++) {
		EXPECT_EQ(cases[i].ret,
			  space_map_file(self->space, self->window.id, 0,
					 cases[i].fd, 0, PAGE, R))
			TH_LOG("case %d", i);
	}
	EXPECT_TRUE(window_is_empty(self));
	EXPECT_EQ(0, space_map_file(self->space, self->window.id, 0, memfd, 0,
				    PAGE, R));
}

/* The descriptor's mode counts, not what the caller could open. */
TEST_F(abi, map_file_modes)
{
	int memfd = source_memfd(2 * PAGE, 0), readable, writable, path;
	char name[64];

	ASSERT_LE(0, memfd);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", memfd);
	readable = open(name, O_RDONLY);
	writable = open(name, O_WRONLY);
	path = open(name, O_PATH);
	ASSERT_LE(0, readable);
	ASSERT_LE(0, writable);
	ASSERT_LE(0, path);
	EXPECT_EQ(-EACCES, space_map_file(self->space, self->window.id, 0,
					  readable, 0, PAGE, RW));
	EXPECT_EQ(-EACCES, space_map_file(self->space, self->window.id, 0,
					  writable, 0, PAGE, R));
	EXPECT_EQ(-EACCES, space_map_file(self->space, self->window.id, 0,
					  writable, 0, PAGE, RW));
	EXPECT_EQ(-EBADF, space_map_file(self->space, self->window.id, 0,
					 path, 0, PAGE, R));
	EXPECT_TRUE(window_is_empty(self));
	EXPECT_EQ(0, space_map_file(self->space, self->window.id, 0, readable,
				    0, PAGE, R));
}

TEST_F(abi, map_file_ranges)
{
	static const struct {
		uint64_t offset, length;
		int ret;
	} cases[] = {
		{ 2 * PAGE, PAGE, -ENXIO },
		{ PAGE, 2 * PAGE, -ENXIO },
		{ 0, MIB(4), -ENXIO },
		{ 1ull << 62, PAGE, -ENXIO },
		{ (1ull << 63) - PAGE, PAGE, -ENXIO },
		{ -PAGE, 2 * PAGE, -EOVERFLOW },
		{ 1, PAGE, -EINVAL },
		{ PAGE / 2, PAGE, -EINVAL },
	};
	int memfd = source_memfd(2 * PAGE, 0), empty = source_memfd(0, 0);
	size_t i;

	ASSERT_LE(0, memfd);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].ret,
			  space_map_file(self->space, self->window.id, 0,
					 memfd, cases[i].offset,
					 cases[i].length, R))
			TH_LOG("case %zu", i);
	}
	EXPECT_EQ(-ENXIO, space_map_file(self->space, self->window.id, 0,
					 empty, 0, PAGE, R));
	EXPECT_TRUE(window_is_empty(self));
	EXPECT_EQ(0, space_map_file(self->space, self->window.id, 0, memfd,
				    PAGE, PAGE, RW));
}

/* A page that the file has only in part is past its end. */
TEST_F(abi, map_file_last_page)
{
	int memfd = source_memfd(PAGE + 100, 0);

	ASSERT_LE(0, memfd);
	EXPECT_EQ(-ENXIO, space_map_file(self->space, self->window.id, 0,
					 memfd, 0, 2 * PAGE, R));
	EXPECT_EQ(-ENXIO, space_map_file(self->space, self->window.id, 0,
					 memfd, PAGE, PAGE, R));
	EXPECT_TRUE(window_is_empty(self));
	EXPECT_EQ(0, space_map_file(self->space, self->window.id, 0, memfd, 0,
				    PAGE, R));
}

TEST_F(abi, map_short_count)
{
	struct vhost_grant_map_entry entries[3] = {
		good_entry(self), good_entry(self), good_entry(self),
	};
	struct vhost_grant_query query;
	uint64_t value = 0;

	entries[1].length = 0;
	entries[2].iova = 2 * PAGE;
	EXPECT_EQ(1, space_map_array(self->space, self->window.id, entries,
				     3));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(1, query.out_pages_granted);
	EXPECT_EQ(1, query.out_pages_pinned);
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(TAG, value);
	EXPECT_EQ(SIGBUS, probe_read(self->map + 2 * PAGE, &value));
	/* As documented: go on from there to learn why. */
	EXPECT_EQ(-EINVAL, space_map_array(self->space, self->window.id,
					   entries + 1, 2));
	EXPECT_EQ(1, space_map_array(self->space, self->window.id,
				     entries + 2, 1));
}

TEST_F(abi, unmap_short_count)
{
	struct vhost_grant_unmap_entry entries[3] = {
		{ 0, PAGE }, { 0, 1 }, { 2 * PAGE, PAGE },
	};
	uint64_t value;

	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       3 * PAGE, R));
	EXPECT_EQ(1, space_unmap_array(self->space, self->window.id, entries,
				       3));
	EXPECT_EQ(SIGBUS, probe_read(self->map, &value));
	EXPECT_EQ(0, probe_read(self->map + PAGE, &value));
	EXPECT_EQ(0, probe_read(self->map + 2 * PAGE, &value));
	EXPECT_EQ(-EINVAL, space_unmap_array(self->space, self->window.id,
					     entries + 1, 2));
	EXPECT_EQ(0, probe_read(self->map + 2 * PAGE, &value));
}

/* The array itself ends in nothing after the first entry. */
TEST_F(abi, short_count_unreadable)
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vhost_grant_map_entry *map = (void *)(pages + PAGE);
	struct vhost_grant_unmap_entry *unmap = (void *)(pages + PAGE);
	uint64_t value;

	ASSERT_EQ(0, munmap(pages + PAGE, PAGE));
	map[-1] = good_entry(self);
	EXPECT_EQ(1, space_map_array(self->space, self->window.id, map - 1,
				     2));
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(-EFAULT, space_map_array(self->space, self->window.id, map,
					   1));
	unmap[-1] = (struct vhost_grant_unmap_entry){ 0, PAGE };
	EXPECT_EQ(1, space_unmap_array(self->space, self->window.id,
				       unmap - 1, 2));
	EXPECT_EQ(SIGBUS, probe_read(self->map, &value));
	EXPECT_EQ(-EFAULT, space_unmap_array(self->space, self->window.id,
					     unmap, 1));
}

/* Entries of a newer header: longer, with a tail that must be zero. */
TEST_F(abi, entry_size_longer)
{
	struct { struct vhost_grant_map_entry known; uint64_t tail[3]; }
		map[2] = { { .known = good_entry(self) },
			   { .known = good_entry(self), .tail = { 0, 0, 1 } } };
	struct { struct vhost_grant_unmap_entry known; uint64_t tail; }
		unmap[2] = { { .known = { 0, PAGE } },
			     { .known = { PAGE, PAGE }, .tail = 1ull << 63 } };
	struct vhost_grant_map map_call = {
		.size = sizeof(map_call), .window = self->window.id, .nr = 2,
		.entry_size = sizeof(map[0]), .entries = (uintptr_t)map,
	};
	struct vhost_grant_unmap unmap_call = {
		.size = sizeof(unmap_call), .window = self->window.id, .nr = 2,
		.entry_size = sizeof(unmap[0]), .entries = (uintptr_t)unmap,
	};
	uint64_t value;

	map[1].known.iova = PAGE;
	EXPECT_EQ(1, map_request(self, map_call));
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(SIGBUS, probe_read(self->map + PAGE, &value));
	map_call.entries = (uintptr_t)&map[1];
	map_call.nr = 1;
	EXPECT_EQ(-E2BIG, map_request(self, map_call));
	map[1].tail[2] = 0;
	EXPECT_EQ(1, map_request(self, map_call));
	EXPECT_EQ(1, unmap_request(self, unmap_call));
	EXPECT_EQ(SIGBUS, probe_read(self->map, &value));
	EXPECT_EQ(0, probe_read(self->map + PAGE, &value));
}

TEST_F(abi, wrong_file_for_call)
{
	const struct call *call;
	union argument argument;

	for_each_call(call) {
		fill(call, self, &argument);
		EXPECT_EQ(-ENOTTY, space_call(call->on_window ? self->space :
					      self->window.fd, call->request,
					      &argument))
			TH_LOG("%s", call->name);
	}
	EXPECT_TRUE(window_is_empty(self));
}

TEST_F(abi, unknown_calls)
{
	unsigned int nr, other_type = VHOST_GRANT_TYPE + 1;
	union argument argument = { .size = sizeof(argument) };

	for (nr = 0; nr < 256; nr++) {
		if (nr > (VHOST_GRANT_QUERY & 0xff))
			EXPECT_EQ(-ENOTTY, space_call(self->space,
				_IO(VHOST_GRANT_TYPE, nr), &argument))
				TH_LOG("call %u on a space", nr);
		if (nr != (VHOST_GRANT_WINDOW_INFO & 0xff) &&
		    nr != (VHOST_GRANT_WINDOW_SET_HOLE & 0xff))
			EXPECT_EQ(-ENOTTY, space_call(self->window.fd,
				_IO(VHOST_GRANT_TYPE, nr), &argument))
				TH_LOG("call %u on a window", nr);
		EXPECT_EQ(-ENOTTY, space_call(self->space,
					      _IO(other_type, nr), &argument));
	}
	/* Our numbers with a direction are other calls. */
	EXPECT_EQ(-ENOTTY, space_call(self->space,
		_IOWR(VHOST_GRANT_TYPE, 0, struct vhost_grant_info),
		&argument));
}

/*
 * Another mm is another authority, whoever it is: the child has the descriptor
 * and the same user.
 */
static int try_control(abi_fixture *self, int space)
{
	struct vhost_grant_query query;
	struct vhost_grant_info info;
	struct window window;

	if (space_window(space, PAGE, 0, &window) != -EXDEV)
		return 1;
	if (space_map(space, self->window.id, PAGE, self->memory, PAGE, R) !=
	    -EXDEV)
		return 2;
	if (space_unmap(space, self->window.id, 0, PAGE) != -EXDEV)
		return 3;
	if (space_unmap_all(space, self->window.id) != -EXDEV)
		return 4;
	if (space_destroy(space, self->window.id) != -EXDEV)
		return 5;
	if (space_query(space, self->window.id, &query) ||
	    query.out_pages_granted != 1)
		return 6;
	if (space_info(space, &info))
		return 7;
	return 0;
}

TEST_F(abi, control_from_child)
{
	uint64_t value = 0;
	int status;
	pid_t pid;

	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       PAGE, R));
	pid = fork();
	if (!pid)
		_exit(try_control(self, self->space));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, probe_read(self->map, &value));
	EXPECT_EQ(TAG, value);
	EXPECT_EQ(1, fdinfo_number(self->space, "windows"));
}

TEST_F(abi, control_over_socket)
{
	int sockets[2], status;
	uint64_t value;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       PAGE, R));
	pid = fork();
	if (!pid)
		_exit(setresuid(STRANGER_UID, STRANGER_UID, STRANGER_UID) ||
		      try_control(self, fd_receive(sockets[1])));
	ASSERT_EQ(0, fd_send(sockets[0], self->space));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, probe_read(self->map, &value));
}

/* A manager opens the device; who makes the first window is the owner. */
static int become_owner(abi_fixture *self, int space, int socket)
{
	struct window window;

	if (space_window(space, PAGE, 0, &window) ||
	    space_map(space, window.id, 0, self->memory, PAGE, R) ||
	    fd_send(socket, window.fd))
		return 1;
	pause();
	return 2;
}

TEST_F(abi, first_window_chooses_owner)
{
	struct vhost_grant_info info;
	struct window window;
	int sockets[2], space = space_open(), fd;
	uint64_t value = 0;
	pid_t pid;
	char *map;

	ASSERT_LE(0, space);
	ASSERT_EQ(0, space_info(space, &info));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, madvise(self->memory, PAGES * PAGE, MADV_DOFORK));
	pid = fork();
	if (!pid)
		_exit(become_owner(self, space, sockets[1]));
	fd = fd_receive(sockets[0]);
	ASSERT_LE(0, fd);
	map = window_mmap(fd, 0, PAGE, PROT_READ);
	ASSERT_NE(NULL, map);
	EXPECT_EQ(0, probe_read(map, &value));
	EXPECT_EQ(TAG, value);
	EXPECT_EQ(-EXDEV, space_window(space, PAGE, 0, &window));
	EXPECT_EQ(1, fdinfo_number(space, "windows"));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(SIGBUS, probe_read(map, &value));
	/* The space is of a process that is no more. */
	EXPECT_EQ(-EXDEV, space_window(space, PAGE, 0, &window));
}

/* The owner is the mm, not the thread. */
static void *map_in_thread(void *argument)
{
	abi_fixture *self = argument;

	return (void *)(long)space_map(self->space, self->window.id, 0,
				       self->memory, PAGE, R);
}

TEST_F(abi, control_from_thread)
{
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, pthread_create(&thread, NULL, map_in_thread, self));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(NULL, ret);
	EXPECT_EQ(0, space_unmap(self->space, self->window.id, 0, PAGE));
}

static void expect_no_window(struct __test_metadata *_metadata,
			     abi_fixture *self, int space, uint32_t id)
{
	struct vhost_grant_query query;

	EXPECT_EQ(-ENOENT, space_map(space, id, 0, self->memory, PAGE, R))
		TH_LOG("window %u", id);
	EXPECT_EQ(-ENOENT, space_unmap(space, id, 0, PAGE));
	EXPECT_EQ(-ENOENT, space_unmap_all(space, id));
	EXPECT_EQ(-ENOENT, space_map_array(space, id, NULL, 0));
	EXPECT_EQ(-ENOENT, space_destroy(space, id));
	EXPECT_EQ(-ENOENT, space_query(space, id, &query));
}

TEST_F(abi, no_such_window)
{
	expect_no_window(_metadata, self, self->space, 0);
	expect_no_window(_metadata, self, self->space, UINT32_MAX);
	expect_no_window(_metadata, self, self->space, INT32_MAX);
	expect_no_window(_metadata, self, self->space, self->window.id + 1000);
	EXPECT_EQ(0, space_destroy(self->space, self->window.id));
	expect_no_window(_metadata, self, self->space, self->window.id);
}

TEST_F(abi, window_of_another_space)
{
	struct window windows[3];
	int other = space_open(), i;
	uint64_t value;

	ASSERT_LE(0, other);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, space_window(other, PAGE, 0, &windows[i]));
	for (i = 0; i < 3; i++)
		if (windows[i].id != self->window.id)
			expect_no_window(_metadata, self, self->space,
					 windows[i].id);
	/* An equal id is another window. */
	for (i = 0; i < 3; i++) {
		void *map = window_mmap(windows[i].fd, 0, PAGE, PROT_READ);

		ASSERT_EQ(0, space_map(other, windows[i].id, 0, self->memory,
				       PAGE, R));
		EXPECT_EQ(0, probe_read(map, &value));
	}
	EXPECT_EQ(SIGBUS, probe_read(self->map, &value));
	EXPECT_EQ(0, space_destroy(other, windows[0].id));
	EXPECT_TRUE(window_works(self));
}

TEST_F(abi, ids_are_not_reused_soon)
{
	enum { N = 200 };
	struct window window;
	uint32_t ids[N];
	int i, j;

	for (i = 0; i < N; i++) {
		ASSERT_EQ(0, space_window(self->space, PAGE, 0, &window));
		ids[i] = window.id;
		EXPECT_NE(0, ids[i]);
		close(window.fd);
		ASSERT_EQ(0, space_destroy(self->space, window.id));
		for (j = 0; j < i; j++)
			ASSERT_NE(ids[j], ids[i]);
	}
	EXPECT_EQ(1, fdinfo_number(self->space, "windows"));
}

TEST_F(abi, limit_windows)
{
	struct vhost_grant_info info;
	struct window window;
	uint32_t i;

	ASSERT_EQ(0, space_info(self->space, &info));
	for (i = 1; i < info.out_max_windows; i++) {
		ASSERT_EQ(0, space_window(self->space, PAGE, 0, &window))
			TH_LOG("window %u of %u", i, info.out_max_windows);
		close(window.fd);
	}
	EXPECT_EQ(-ENOSPC, space_window(self->space, PAGE, 0, &window));
	EXPECT_EQ(info.out_max_windows,
		  fdinfo_number(self->space, "windows"));
	ASSERT_EQ(0, space_destroy(self->space, self->window.id));
	EXPECT_EQ(0, space_window(self->space, PAGE, 0, &window));
	EXPECT_EQ(-ENOSPC, space_window(self->space, PAGE, 0, &window));
}

/* All inodes of the machine; a window has one of its own. */
static long inodes(void)
{
	return proc_number("/proc/sys/fs/inode-nr");
}

TEST_F(abi, windows_go_with_their_space)
{
	enum { N = 512 };
	int space = space_open(), i;
	long before = inodes();
	struct window window;

	for (i = 0; i < N; i++) {
		ASSERT_EQ(0, space_window(space, PAGE, 0, &window));
		close(window.fd);
	}
	EXPECT_LT(before + N / 2, inodes());
	ASSERT_EQ(0, close(space));
	/* They are freed a grace period later. */
	for (i = 0; i < 100 && inodes() > before + N / 2; i++)
		sleep_ms(50);
	EXPECT_GT(before + N / 2, inodes());
}

TEST_F(abi, limit_entries)
{
	struct vhost_grant_unmap_entry *entries;
	struct vhost_grant_info info;
	uint32_t i;

	ASSERT_EQ(0, space_info(self->space, &info));
	entries = calloc(info.out_max_entries, sizeof(*entries));
	ASSERT_NE(NULL, entries);
	for (i = 0; i < info.out_max_entries; i++)
		entries[i].length = PAGE;
	EXPECT_EQ(info.out_max_entries,
		  space_unmap_array(self->space, self->window.id, entries,
				    info.out_max_entries));
}

TEST_F(abi, no_descriptor_left)
{
	struct rlimit limit = { 0, 0 };
	struct window window;

	/* What is open stays open; nothing new is to be had. */
	limit.rlim_max = 1024;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, space_window(self->space, PAGE, 0, &window));
	limit.rlim_cur = 1024;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(1, fdinfo_number(self->space, "windows"));
	EXPECT_EQ(0, space_window(self->space, PAGE, 0, &window));
}

static int mmap_errno(int fd, uint64_t offset, uint64_t length, int prot,
		      int flags)
{
	void *map = mmap(NULL, length, prot, flags, fd, offset);

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, length);
	return 0;
}

/*
 * Newer kernels refuse an executable mmap of any file without a file system,
 * before the file is asked. What they say of an eventfd, which cannot be mmapped
 * at all, tells.
 */
static int executable_mmap_errno(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	int ret = mmap_errno(fd, 0, PAGE, PROT_EXEC, MAP_SHARED);

	close(fd);
	return ret == -EPERM ? -EPERM : -EACCES;
}

TEST_F(abi, mmap_refusals)
{
	const int exec_errno = executable_mmap_errno();
	struct vhost_grant_query query;
	struct window kvm_only;
	int fd = self->window.fd;

	EXPECT_EQ(-EINVAL, mmap_errno(fd, 0, PAGE, PROT_READ, MAP_PRIVATE));
	EXPECT_EQ(-EINVAL, mmap_errno(fd, 0, PAGE, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE));
	EXPECT_EQ(exec_errno, mmap_errno(fd, 0, PAGE, PROT_READ | PROT_EXEC,
					 MAP_SHARED));
	EXPECT_EQ(exec_errno, mmap_errno(fd, 0, PAGE, PROT_EXEC, MAP_SHARED));
	EXPECT_EQ(-EINVAL, mmap_errno(fd, WINDOW_LENGTH, PAGE, PROT_READ,
				      MAP_SHARED));
	EXPECT_EQ(-EINVAL, mmap_errno(fd, WINDOW_LENGTH - PAGE, 2 * PAGE,
				      PROT_READ, MAP_SHARED));
	EXPECT_EQ(-EINVAL, mmap_errno(fd, 1ull << 62, PAGE, PROT_READ,
				      MAP_SHARED));
	EXPECT_GT(0, mmap_errno(fd, -PAGE, 2 * PAGE, PROT_READ, MAP_SHARED));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(1, query.out_vmas);
	EXPECT_EQ(0, mmap_errno(fd, WINDOW_LENGTH - PAGE, PAGE, PROT_READ,
				MAP_SHARED));
	EXPECT_EQ(0, mmap_errno(fd, 0, PAGE, PROT_NONE, MAP_SHARED));

	ASSERT_EQ(0, space_window(self->space, PAGE,
				  VHOST_GRANT_WINDOW_KVM_ONLY, &kvm_only));
	EXPECT_EQ(-ENODEV, mmap_errno(kvm_only.fd, 0, PAGE, PROT_READ,
				      MAP_SHARED));
	ASSERT_EQ(0, space_map(self->space, kvm_only.id, 0, self->memory,
			       PAGE, R));
	EXPECT_EQ(-ENODEV, mmap_errno(kvm_only.fd, 0, PAGE, PROT_READ,
				      MAP_SHARED));
}

/* mmap, fstat and seek, and nothing else. */
TEST_F(abi, window_is_not_a_file_to_use)
{
	struct iovec iov = { self->memory, 8 };
	int fd = self->window.fd;
	struct stat st;

	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       PAGE, RW));
	EXPECT_EQ(-1, read(fd, self->memory, 8));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(fd, self->memory, 8));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(fd, self->memory, 8, 0));
	EXPECT_EQ(-1, pwrite(fd, self->memory, 8, 0));
	EXPECT_EQ(-1, readv(fd, &iov, 1));
	EXPECT_EQ(-1, writev(fd, &iov, 1));
	EXPECT_EQ(-1, ftruncate(fd, PAGE));
	EXPECT_EQ(-1, fallocate(fd, 0, 0, PAGE));
	EXPECT_EQ(-1, fallocate(fd, FALLOC_FL_PUNCH_HOLE |
				FALLOC_FL_KEEP_SIZE, 0, PAGE));
	EXPECT_EQ(-1, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(-1, fcntl(fd, F_GET_SEALS));
	EXPECT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(WINDOW_LENGTH, st.st_size);
	EXPECT_EQ(TAG, *(volatile uint64_t *)self->map);
}

/* The other way round: a space is not memory. */
TEST_F(abi, space_is_not_a_file_to_use)
{
	EXPECT_GT(0, mmap_errno(self->space, 0, PAGE, PROT_READ, MAP_SHARED));
	EXPECT_GT(0, mmap_errno(self->space, 0, PAGE, PROT_READ,
				MAP_PRIVATE));
	EXPECT_EQ(-1, write(self->space, self->memory, 8));
	EXPECT_EQ(-1, ftruncate(self->space, PAGE));
}

/* An open through /proc is a new space, with nothing of the old one. */
TEST_F(abi, reopened_space_is_another)
{
	char path[64];
	int other;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->space);
	other = open(path, O_RDWR);
	ASSERT_LE(0, other);
	EXPECT_EQ(0, fdinfo_number(other, "windows"));
	EXPECT_NE(fdinfo_number(self->space, "space"),
		  fdinfo_number(other, "space"));
}

/* Only root may pin memory without being asked. */
TEST_F(abi, device_is_for_root)
{
	struct stat st;
	int status;
	pid_t pid;

	ASSERT_EQ(0, stat(DEVICE, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0, st.st_mode & 07);
	pid = fork();
	if (!pid)
		_exit(setresgid(STRANGER_UID, STRANGER_UID, STRANGER_UID) ||
		      setresuid(STRANGER_UID, STRANGER_UID, STRANGER_UID) ||
		      space_open() != -EACCES);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
