/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests ask of /dev/vhost_grant_test, which uses a window as KVM would
 * for a memslot. One open of the device holds at most one binding. A mapping of
 * the device is of a page that the kernel has reserved.
 */
#ifndef VHOST_GRANT_TEST_H
#define VHOST_GRANT_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VHOST_GRANT_TEST_RANGES		32
#define VHOST_GRANT_TEST_MAX_DELAY_MS	5000

/**
 * struct vhost_grant_test_bind - ioctl(VHOST_GRANT_TEST_BIND)
 * @fd: of the window
 * @invalidate_delay_ms: sleep that long at the end of each invalidate()
 * @start: first page of the window to translate
 * @end: page after the last
 * @out_npages: size of the window in pages
 *
 * Return: 0 or -1 with errno set to EBUSY (bound already), EOPNOTSUPP
 * (vhost_grant is not loaded), EBADF, EINVAL (not a window, an empty range), or
 * what bind() says.
 */
struct vhost_grant_test_bind {
	__s32 fd;
	__u32 invalidate_delay_ms;
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 out_npages;
};

/**
 * struct vhost_grant_test_get - ioctl(VHOST_GRANT_TEST_GET)
 * @index: page of the window, which need not be in the bound range
 * @access: as get_page() takes it
 * @out_order: as get_page() says
 * @out_pfn: of the page
 * @out_writable: as get_page() says
 * @max_order: largest order to ask for
 *
 * Return: 0 or -1 with errno set to ENOTCONN (not bound), EPROTO (the answer
 * breaks the rules of the interface), or what get_page() says.
 */
struct vhost_grant_test_get {
	__aligned_u64 index;
	__u32 access;
	__u32 out_order;
	__aligned_u64 out_pfn;
	__u32 out_writable;
	__u32 max_order;
};

/**
 * struct vhost_grant_test_access - ioctl(VHOST_GRANT_TEST_ACCESS)
 * @offset: in the window, in bytes, a multiple of 8
 * @value: to write, or what was read
 * @write: 1 to write
 * @delay_ms: between lookup and installation wait for an invalidate(), at most
 *	that long. Only before the first attempt
 *
 * Uses the cached translation, or looks one up and caches it.
 *
 * Return: 0 or -1 with errno set to ENOTCONN (not bound), EINVAL (misaligned),
 * ERANGE (outside the bound range), EINTR, EPROTO, or what get_page() says.
 */
struct vhost_grant_test_access {
	__aligned_u64 offset;
	__aligned_u64 value;
	__u32 write;
	__u32 delay_ms;
};

/**
 * struct vhost_grant_test_range - Pages of the window, end open
 * @start: first page
 * @end: page after the last
 */
struct vhost_grant_test_range {
	__aligned_u64 start;
	__aligned_u64 end;
};

/**
 * struct vhost_grant_test_stats - ioctl(VHOST_GRANT_TEST_STATS)
 * @calls: calls of invalidate() since the device was opened
 * @ranges: ranges of all of them
 * @pages: pages of all of them
 * @running: invalidate() calls that have not returned
 * @broken: ranges that were empty, not sorted, touching, or not within the
 *	bound range, and calls without a range
 * @stale: lookups that were thrown away because invalidate() came between
 * @cached: translations that are cached now
 * @delayed: accesses that wait between lookup and installation now
 * @nr_last: ranges of the last call; only the first ones are in @last
 * @last: ranges of the last call
 *
 * Return: 0 or -1 with errno set to EFAULT.
 */
struct vhost_grant_test_stats {
	__aligned_u64 calls;
	__aligned_u64 ranges;
	__aligned_u64 pages;
	__aligned_u64 broken;
	__aligned_u64 stale;
	__u32 running;
	__u32 cached;
	__u32 delayed;
	__u32 nr_last;
	struct vhost_grant_test_range last[VHOST_GRANT_TEST_RANGES];
};

#define VHOST_GRANT_TEST_TYPE	0xBE
#define VHOST_GRANT_TEST_BIND \
	_IOWR(VHOST_GRANT_TEST_TYPE, 0, struct vhost_grant_test_bind)
#define VHOST_GRANT_TEST_UNBIND	_IO(VHOST_GRANT_TEST_TYPE, 1)
#define VHOST_GRANT_TEST_GET \
	_IOWR(VHOST_GRANT_TEST_TYPE, 2, struct vhost_grant_test_get)
#define VHOST_GRANT_TEST_ACCESS \
	_IOWR(VHOST_GRANT_TEST_TYPE, 3, struct vhost_grant_test_access)
#define VHOST_GRANT_TEST_STATS \
	_IOR(VHOST_GRANT_TEST_TYPE, 4, struct vhost_grant_test_stats)

#endif /* VHOST_GRANT_TEST_H */
