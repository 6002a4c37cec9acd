// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cast.h"
#include "proc.h"

const struct region regions[REGIONS] = {
	[ANON] = { "anonymous memory", SOURCE_ANON, 0, KIB(16), RW },
	[ANON_RO] = { "anonymous memory, read-only", SOURCE_ANON, 0x10000,
		      PAGE, R },
	[MEMFD] = { "a memfd", SOURCE_MEMFD, 0x100000, KIB(16), RW },
	[MEMFD_RO] = { "a memfd, read-only", SOURCE_MEMFD, 0x110000, PAGE, R },
	[HUGETLB] = { "a hugetlb page", SOURCE_HUGETLB, 0x200000, HUGE, RW },
};

struct stage *stage;

static int space;
static struct window window;
static struct source sources[REGIONS];

int stage_set(void)
{
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return stage == MAP_FAILED ? -errno : 0;
}

int owner_prepare(void)
{
	unsigned int i;
	int ret = 0;

	space = space_open();
	if (space < 0)
		return space;
	for (i = 0; !ret && i < REGIONS; i++)
		ret = source_open(&sources[i], regions[i].kind,
				  regions[i].length);
	return ret;
}

long owner_map(unsigned long region, unsigned long unused)
{
	const struct region *r = &regions[region];

	(void)unused;
	return source_grant(&sources[region], space, window.id, r->iova, 0,
			    r->length, r->access);
}

long owner_window(unsigned long unused, unsigned long unused2)
{
	unsigned int i;
	int ret;

	(void)unused2;
	ret = space_window(space, WINDOW_LENGTH, 0, &window);
	for (i = 0; !ret && i < REGIONS; i++)
		ret = owner_map(i, unused);
	return ret ? ret : window.fd;
}

long owner_unmap(unsigned long region, unsigned long unused)
{
	uint64_t start = now_ns();
	int ret;

	(void)unused;
	ret = space_unmap(space, window.id, regions[region].iova,
			  regions[region].length);
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
