// SPDX-License-Identifier: MIT
/* What a struct vgrant_iotlb sends to the kernel in cases that have a name. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <vgrant.h>

#include "seam.h"

#define PAGE	UINT64_C(4096)
#define WINDOW	3
#define RW	(VHOST_GRANT_READ | VHOST_GRANT_WRITE)

/* The calls that were made, in order. */
static struct {
	char what;
	uint64_t iova, length, source;
	uint32_t flags;
	int32_t fd;
} calls[64];
static unsigned int nr_log, nr_calls;
static uint64_t already_granted;
static struct vgrant_space *space;
static struct vgrant_iotlb *tlb;

static int log_array(char what, const struct vhost_grant_map *arg)
{
	const char *entry = (const char *)(uintptr_t)arg->entries;
	struct vhost_grant_map_entry e = { 0 };
	unsigned int i;

	assert_int_equal(arg->window, WINDOW);
	nr_calls++;
	for (i = 0; i < arg->nr; i++, entry += arg->entry_size) {
		memcpy(&e, entry, arg->entry_size);
		assert_true(nr_log < 64);
		calls[nr_log].what = what;
		calls[nr_log].iova = e.iova;
		calls[nr_log].length = e.length;
		calls[nr_log].source = e.source;
		calls[nr_log].flags = e.flags;
		calls[nr_log].fd = e.fd;
		nr_log++;
	}
	return arg->nr;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	struct vhost_grant_info *info = arg;
	struct vhost_grant_query *query = arg;
	struct vhost_grant_unmap *unmap = arg;

	(void)fd;
	switch (request) {
	case VHOST_GRANT_GET_INFO:
		info->out_page_sizes = PAGE;
		info->out_max_entries = 1000;
		return 0;
	case VHOST_GRANT_QUERY:
		if (query->window != WINDOW)
			return -ENOENT;
		query->out_length = 100 * PAGE;
		query->out_pages_granted = already_granted;
		return 0;
	case VHOST_GRANT_MAP:
		return log_array('m', arg);
	case VHOST_GRANT_UNMAP:
		if (unmap->flags) {
			calls[nr_log++].what = 'a';
			return 0;
		}
		return log_array('u', arg);
	}
	return -ENOTTY;
}

static int setup(void **state)
{
	(void)state;
	seam_ioctl = fake_ioctl;
	already_granted = 0;
	nr_log = 0;
	nr_calls = 0;
	assert_int_equal(vgrant_from_fd(open("/dev/null", O_RDWR | O_CLOEXEC),
					&space), 0);
	assert_int_equal(vgrant_iotlb_new(space, WINDOW, 0, &tlb), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vgrant_iotlb_free(tlb);
	vgrant_close(space);
	return 0;
}

static int map_bytes(uint64_t iova, uint64_t length, uint64_t source,
		     uint32_t flags)
{
	const struct vhost_grant_map_entry entry = {
		.iova = iova,
		.length = length,
		.source = source,
		.flags = flags,
	};

	return vgrant_iotlb_map(tlb, &entry);
}

static void map(uint64_t page, uint64_t pages, uint64_t source, uint32_t flags)
{
	assert_int_equal(map_bytes(page * PAGE, pages * PAGE, source * PAGE,
				   flags), 0);
}

static void unmap(uint64_t page, uint64_t pages)
{
	assert_int_equal(vgrant_iotlb_unmap(tlb, page * PAGE, pages * PAGE), 0);
}

static void commit(void)
{
	nr_log = 0;
	nr_calls = 0;
	assert_int_equal(vgrant_iotlb_commit(tlb, NULL), 0);
}

static void expect_log(unsigned int at, char what, uint64_t page,
		       uint64_t pages, uint64_t source, uint32_t flags)
{
	assert_true(at < nr_log);
	assert_int_equal(calls[at].what, what);
	assert_int_equal(calls[at].iova, page * PAGE);
	assert_int_equal(calls[at].length, pages * PAGE);
	assert_int_equal(calls[at].source, source * PAGE);
	assert_int_equal(calls[at].flags, flags);
}

static void new_checks(void **state)
{
	struct vgrant_iotlb *other = NULL;
	struct vgrant_iotlb_ops ops = { 0 };
	unsigned int n;

	(void)state;
	assert_int_equal(vgrant_iotlb_new(space, 99, 0, &other), -ENOENT);
	assert_int_equal(vgrant_iotlb_new(space, WINDOW, 2, &other), -EINVAL);
	already_granted = 1;
	assert_int_equal(vgrant_iotlb_new(space, WINDOW, 0, &other), -EEXIST);
	assert_int_equal(vgrant_iotlb_new_ops(&ops, NULL, 0, PAGE, 0, &other),
			 -EINVAL);
	assert_int_equal(vgrant_iotlb_new_ops(&ops, NULL, PAGE + 1, PAGE, 0,
					      &other), -EINVAL);
	assert_int_equal(vgrant_iotlb_new_ops(&ops, NULL, 3, 3, 0, &other),
			 -EINVAL);
	for (n = 0; n < 2; n++) {
		seam_fail_alloc(n);
		assert_int_equal(vgrant_iotlb_new_ops(&ops, NULL, PAGE, PAGE, 0,
						      &other), -ENOMEM);
		assert_true(seam_alloc_failed());
	}
	assert_null(other);
	vgrant_iotlb_free(NULL);
}

static void argument_checks(void **state)
{
	struct vhost_grant_map_entry file = {
		.length = PAGE,
		.flags = VHOST_GRANT_READ | VHOST_GRANT_SOURCE_FILE,
		.fd = -1,
	};

	(void)state;
	assert_int_equal(map_bytes(0, 0, 0, RW), -EINVAL);
	assert_int_equal(map_bytes(0, PAGE, 1, RW), -EINVAL);
	assert_int_equal(map_bytes(0, PAGE, 0, 0), -EINVAL);
	assert_int_equal(map_bytes(0, PAGE, 0, VHOST_GRANT_WRITE), -EINVAL);
	assert_int_equal(map_bytes(0, PAGE, 0, RW | 8), -EINVAL);
	assert_int_equal(map_bytes(-PAGE, 2 * PAGE, 0, RW), -EOVERFLOW);
	assert_int_equal(map_bytes(0, 2 * PAGE, -PAGE, RW), -EOVERFLOW);
	assert_int_equal(map_bytes(99 * PAGE, 2 * PAGE, 0, RW), -ERANGE);
	assert_int_equal(vgrant_iotlb_map(tlb, &file), -EBADF);
	file.flags = VHOST_GRANT_READ;
	assert_int_equal(vgrant_iotlb_map(tlb, &file), -EINVAL);
	assert_int_equal(vgrant_iotlb_unmap(tlb, 0, 0), -EINVAL);
	assert_int_equal(vgrant_iotlb_refresh(tlb, 0, 0), -EINVAL);
	assert_int_equal(vgrant_iotlb_unmap(tlb, 200 * PAGE, PAGE), 0);
	assert_int_equal(vgrant_iotlb_unmap(tlb, UINT64_MAX, UINT64_MAX), 0);
	commit();
	assert_int_equal(nr_calls, 0);
}

static void unchanged_is_left_alone(void **state)
{
	(void)state;
	map(10, 10, 50, RW);
	commit();
	assert_int_equal(nr_log, 1);
	expect_log(0, 'm', 10, 10, 50, RW);
	map(10, 10, 50, RW);
	commit();
	assert_int_equal(nr_calls, 0);
	/* Gone and back before the commit: the same pages, nothing to do. */
	unmap(12, 3);
	map(12, 3, 52, RW);
	commit();
	assert_int_equal(nr_calls, 0);
}

static void overlap_replaces_the_part(void **state)
{
	(void)state;
	map(10, 10, 50, RW);
	commit();
	map(14, 2, 80, RW);
	commit();
	assert_int_equal(nr_calls, 2);
	assert_int_equal(nr_log, 2);
	expect_log(0, 'u', 14, 2, 0, 0);
	expect_log(1, 'm', 14, 2, 80, RW);
}

static void permission_change(void **state)
{
	(void)state;
	map(10, 10, 50, RW);
	commit();
	map(10, 10, 50, VHOST_GRANT_READ);
	commit();
	assert_int_equal(nr_log, 2);
	expect_log(0, 'u', 10, 10, 0, 0);
	expect_log(1, 'm', 10, 10, 50, VHOST_GRANT_READ);
}

static void aliases(void **state)
{
	(void)state;
	map(10, 1, 50, RW);
	map(20, 1, 50, RW);
	commit();
	assert_int_equal(nr_log, 2);
	unmap(10, 1);
	commit();
	assert_int_equal(nr_log, 1);
	expect_log(0, 'u', 10, 1, 0, 0);
}

static void unmaps_over_holes_join(void **state)
{
	(void)state;
	map(10, 2, 50, RW);
	map(12, 2, 90, RW);
	map(20, 2, 60, RW);
	commit();
	assert_int_equal(nr_calls, 1);
	unmap(0, 100);
	commit();
	assert_int_equal(nr_calls, 1);
	assert_int_equal(nr_log, 2);
	expect_log(0, 'u', 10, 4, 0, 0);
	expect_log(1, 'u', 20, 2, 0, 0);
}

static void pages_join(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 30; i++)
		map(i, 1, 50 + i, RW);
	commit();
	assert_int_equal(nr_log, 1);
	expect_log(0, 'm', 0, 30, 50, RW);
}

static void replay_is_minimal(void **state)
{
	(void)state;
	map(10, 10, 50, RW);
	map(30, 10, 80, RW);
	map(60, 1, 10, RW);
	commit();
	vgrant_iotlb_begin(tlb);
	map(10, 10, 50, RW);
	map(32, 10, 82, RW);
	map(70, 1, 10, RW);
	commit();
	assert_int_equal(nr_calls, 2);
	assert_int_equal(nr_log, 4);
	expect_log(0, 'u', 30, 2, 0, 0);
	expect_log(1, 'u', 60, 1, 0, 0);
	expect_log(2, 'm', 40, 2, 90, RW);
	expect_log(3, 'm', 70, 1, 10, RW);
}

static void only_whole_pages(void **state)
{
	(void)state;
	assert_int_equal(map_bytes(100, 3 * PAGE, 7 * PAGE + 100, RW), 0);
	commit();
	assert_int_equal(nr_log, 1);
	expect_log(0, 'm', 1, 2, 8, RW);
	/* The rest of the first page makes it whole. */
	assert_int_equal(map_bytes(0, 100, 7 * PAGE, RW), 0);
	commit();
	assert_int_equal(nr_log, 1);
	expect_log(0, 'm', 0, 1, 7, RW);
	/* One byte less, and it is not. */
	assert_int_equal(vgrant_iotlb_unmap(tlb, PAGE + 5, 1), 0);
	commit();
	assert_int_equal(nr_log, 1);
	expect_log(0, 'u', 1, 1, 0, 0);
	/* A run that goes on past the range looked at has no page there. */
	assert_int_equal(map_bytes(8 * PAGE - 1, 2, 8 * PAGE - 1, RW), 0);
	assert_int_equal(vgrant_iotlb_unmap(tlb, 7 * PAGE, 1), 0);
	commit();
	assert_int_equal(nr_calls, 0);
}

static void refresh(void **state)
{
	(void)state;
	map(10, 10, 50, RW);
	commit();
	assert_int_equal(vgrant_iotlb_refresh(tlb, 12 * PAGE + 1, PAGE), 0);
	commit();
	assert_int_equal(nr_log, 2);
	expect_log(0, 'u', 12, 2, 0, 0);
	expect_log(1, 'm', 12, 2, 52, RW);
	commit();
	assert_int_equal(nr_calls, 0);
}

static void clear(void **state)
{
	struct vhost_grant_map_entry entry;

	(void)state;
	map(10, 10, 50, RW);
	commit();
	map(30, 10, 50, RW);
	nr_log = 0;
	assert_int_equal(vgrant_iotlb_clear(tlb), 0);
	assert_int_equal(nr_log, 1);
	assert_int_equal(calls[0].what, 'a');
	assert_int_equal(vgrant_iotlb_lookup(tlb, 0, &entry), -ENOENT);
	commit();
	assert_int_equal(nr_calls, 0);
}

static void lookup(void **state)
{
	struct vhost_grant_map_entry entry;

	(void)state;
	map(10, 10, 50, VHOST_GRANT_READ);
	assert_int_equal(vgrant_iotlb_lookup(tlb, 0, &entry), -ENOENT);
	commit();
	assert_int_equal(vgrant_iotlb_lookup(tlb, 12 * PAGE, &entry), 0);
	assert_int_equal(entry.iova, 10 * PAGE);
	assert_int_equal(entry.length, 10 * PAGE);
	assert_int_equal(entry.source, 50 * PAGE);
	assert_int_equal(entry.flags, VHOST_GRANT_READ);
	assert_int_equal(vgrant_iotlb_lookup(tlb, 20 * PAGE, &entry), -ENOENT);
}

struct count {
	size_t calls, entries;
	uint64_t next;
};

static int count_map(void *opaque, const struct vhost_grant_map_entry *entries,
		     size_t nr, size_t *done)
{
	struct count *count = opaque;

	count->calls++;
	for (*done = 0; *done < nr; (*done)++) {
		assert_true(entries[*done].iova >= count->next);
		count->next = entries[*done].iova + entries[*done].length;
	}
	count->entries += nr;
	return 0;
}

static int count_unmap(void *opaque,
		       const struct vhost_grant_unmap_entry *entries, size_t nr,
		       size_t *done)
{
	struct count *count = opaque;

	(void)entries;
	count->calls++;
	count->entries += nr;
	*done = nr;
	return 0;
}

/* Ascending, descending and scattered: many ranges, few calls, in order. */
static void many(void **state)
{
	const struct vgrant_iotlb_ops ops = {
		.map = count_map,
		.unmap = count_unmap,
	};
	const uint64_t n = 200000;
	struct count count = { 0 };
	uint64_t i;

	(void)state;
	vgrant_iotlb_free(tlb);
	assert_int_equal(vgrant_iotlb_new_ops(&ops, &count, 3 * n * PAGE, PAGE,
					      0, &tlb), 0);
	for (i = 0; i < n; i++) {
		uint64_t at = i % 3 == 0 ? i : i % 3 == 1 ? n - i :
			      i * 7919 % n;

		map(2 * at, 1, 5, RW);
	}
	assert_int_equal(vgrant_iotlb_commit(tlb, NULL), 0);
	assert_int_equal(count.calls, 1);
	assert_true(count.entries > n / 3);
	i = count.entries;
	count = (struct count) { 0 };
	vgrant_iotlb_begin(tlb);
	assert_int_equal(vgrant_iotlb_commit(tlb, NULL), 0);
	assert_int_equal(count.calls, 1);
	assert_int_equal(count.entries, i);
}

#define test(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(new_checks),
		test(argument_checks),
		test(unchanged_is_left_alone),
		test(overlap_replaces_the_part),
		test(permission_change),
		test(aliases),
		test(unmaps_over_holes_join),
		test(pages_join),
		test(replay_is_minimal),
		test(only_whole_pages),
		test(refresh),
		test(clear),
		test(lookup),
		test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
