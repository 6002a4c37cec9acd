// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cast.h"
#include "proc.h"

const struct region regions[REGIONS] = {
	[ANON] = { "anonymous memory", SOURCE_ANON, OPEN_WINDOW, 0, KIB(16),
		   RW },
	[ANON_RO] = { "anonymous memory, read-only", SOURCE_ANON, OPEN_WINDOW,
		      0x10000, PAGE, R },
	[MEMFD] = { "a memfd", SOURCE_MEMFD, OPEN_WINDOW, 0x100000, KIB(16),
		    RW },
	[MEMFD_RO] = { "a memfd, read-only", SOURCE_MEMFD, OPEN_WINDOW,
		       0x110000, PAGE, R },
	[HUGETLB] = { "a hugetlb page", SOURCE_HUGETLB, OPEN_WINDOW, 0x200000,
		      HUGE, RW },
	[NATIVE_ANON] = { "anonymous memory", SOURCE_ANON, KVM_WINDOW, 0,
			  KIB(16), RW },
	[NATIVE_MEMFD_RO] = { "a memfd, read-only", SOURCE_MEMFD, KVM_WINDOW,
			      0x10000, PAGE, R },
	[NATIVE_THP] = { "a transparent huge page", SOURCE_THP, KVM_WINDOW,
			 0x200000, HUGE, RW },
	[NATIVE_HUGETLB] = { "a hugetlb page", SOURCE_HUGETLB, KVM_WINDOW,
			     0x400000, HUGE, RW },
	[NATIVE_MANY] = { "anonymous memory, page by page", SOURCE_ANON,
			  KVM_WINDOW, 0x600000, MANY_PAGES * PAGE, RW },
};

struct stage *stage;

static int space;
static struct window windows[WINDOWS];
static struct source sources[REGIONS];

int stage_set(void)
{
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return stage == MAP_FAILED ? -errno : 0;
}

/* A machine can be set up to have no transparent huge pages. */
static int open_region(unsigned int region)
{
	struct source *source = &sources[region];
	int ret = source_open(source, regions[region].kind,
			      regions[region].length);

	if (ret != -EOPNOTSUPP || source->kind != SOURCE_THP)
		return ret;
	source_close(source);
	source->memory = NULL;
	return 0;
}

int owner_prepare(void)
{
	unsigned int i;
	int ret = 0;

	space = space_open();
	if (space < 0)
		return space;
	for (i = 0; !ret && i < REGIONS; i++)
		ret = open_region(i);
	return ret;
}

long owner_has(unsigned long region, unsigned long unused)
{
	(void)unused;
	return !!sources[region].memory;
}

static uint32_t window_of(unsigned long region)
{
	return windows[regions[region].window].id;
}

long owner_map(unsigned long region, unsigned long unused)
{
	const struct region *r = &regions[region];

	(void)unused;
	return source_grant(&sources[region], space, window_of(region), r->iova,
			    0, r->length, r->access);
}

long owner_window(unsigned long index, unsigned long unused)
{
	const uint32_t flags = index == KVM_WINDOW ?
			       VHOST_GRANT_WINDOW_KVM_ONLY : 0;
	unsigned int i;
	int ret;

	ret = space_window(space, WINDOW_LENGTH, flags, &windows[index]);
	for (i = 0; !ret && i < REGIONS; i++)
		if (regions[i].window == index && owner_has(i, unused))
			ret = owner_map(i, unused);
	return ret ? ret : windows[index].fd;
}

static int revoke_range(unsigned long region, uint64_t offset, uint64_t length)
{
	uint64_t start = now_ns();
	int ret;

	ret = space_unmap(space, window_of(region),
			  regions[region].iova + offset, length);
	stage->nanoseconds = now_ns() - start;
	return ret;
}

long owner_unmap(unsigned long region, unsigned long unused)
{
	(void)unused;
	return revoke_range(region, 0, regions[region].length);
}

long owner_unmap_page(unsigned long region, unsigned long offset)
{
	return revoke_range(region, offset, PAGE);
}

long owner_unmap_batch(unsigned long first, unsigned long unused)
{
	struct vhost_grant_unmap_entry entries[MANY_PAGES / 2];
	uint64_t start, iova = regions[NATIVE_MANY].iova + first * PAGE;
	unsigned int i;
	int ret;

	(void)unused;
	for (i = 0; i < MANY_PAGES / 2; i++)
		entries[i] = (struct vhost_grant_unmap_entry) {
			.iova = iova + 2 * i * PAGE, .length = PAGE,
		};
	start = now_ns();
	ret = space_unmap_array(space, window_of(NATIVE_MANY), entries,
				MANY_PAGES / 2);
	stage->nanoseconds = now_ns() - start;
	return ret;
}

long owner_unmap_each(unsigned long first, unsigned long unused)
{
	const uint64_t start = now_ns();
	unsigned long i;
	long ret = 0;

	(void)unused;
	for (i = first; !ret && i < MANY_PAGES; i += 2)
		ret = owner_unmap_page(NATIVE_MANY, i * PAGE);
	stage->nanoseconds = now_ns() - start;
	return ret;
}

static volatile uint64_t *first_word(unsigned long region)
{
	return (volatile uint64_t *)sources[region].memory;
}

long owner_put(unsigned long region, unsigned long word)
{
	*first_word(region) = word;
	return 0;
}

long owner_get(unsigned long region, unsigned long unused)
{
	(void)unused;
	stage->value = *first_word(region);
	return 0;
}

long owner_event(unsigned long unused, unsigned long unused2)
{
	struct pollfd pollfd = { .fd = space, .events = POLLIN };

	(void)unused;
	(void)unused2;
	if (poll(&pollfd, 1, 5000) != 1)
		return -ENOMSG;
	return read(space, &stage->event, sizeof(stage->event)) ==
	       sizeof(stage->event) ? 0 : -ENOMSG;
}

long owner_forget_events(unsigned long unused, unsigned long unused2)
{
	struct pollfd pollfd = { .fd = space, .events = POLLIN };

	while (poll(&pollfd, 1, 0) == 1 && !owner_event(unused, unused2))
		;
	return 0;
}

long owner_knows_huge(unsigned long unused, unsigned long unused2)
{
	struct vhost_grant_info info;
	int ret = space_info(space, &info);

	(void)unused;
	(void)unused2;
	if (ret)
		return ret;
	return !!(info.out_features & VHOST_GRANT_FEATURE_KVM_MAPPED_HUGE);
}

long owner_map_huge_for_kvm(unsigned long unused, unsigned long unused2)
{
	struct window other;
	int ret;

	(void)unused;
	(void)unused2;
	ret = space_window(space, HUGE, VHOST_GRANT_WINDOW_KVM_MAPPED, &other);
	if (ret)
		return ret;
	ret = source_grant(&sources[HUGETLB], space, other.id, 0, 0, HUGE, R);
	space_destroy(space, other.id);
	close(other.fd);
	return ret;
}
