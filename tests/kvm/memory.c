// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"
#include "proc.h"

bool kvm_maps_huge(int space)
{
	struct vhost_grant_info info;

	return !space_info(space, &info) &&
	       info.out_features & VHOST_GRANT_FEATURE_KVM_MAPPED_HUGE;
}

/* The kernel splits a huge page when it is told something about a part of it. */
int split_huge_pages(const struct source *source)
{
	uint64_t offset;

	for (offset = 0; offset < source->length; offset += HUGE)
		if (madvise(source->memory + offset, PAGE, MADV_COLD))
			return -errno;
	return proc_anon_huge(source->memory) ? -EBUSY : 0;
}

static int prepare_source(struct granted *granted, enum source_kind kind,
			  uint64_t length)
{
	int ret;

	if (kind == SOURCE_HUGETLB && !kvm_maps_huge(granted->space))
		return -EOPNOTSUPP;
	ret = source_open(&granted->source, kind, length);
	if (ret || kind != SOURCE_THP || kvm_maps_huge(granted->space))
		return ret;
	return split_huge_pages(&granted->source);
}

int granted_open(struct granted *granted, enum source_kind kind,
		 uint64_t window_length, uint64_t source_length)
{
	int ret;

	granted->space = space_open();
	if (granted->space < 0)
		return granted->space;
	ret = prepare_source(granted, kind, source_length);
	if (!ret)
		ret = space_window(granted->space, window_length,
				   VHOST_GRANT_WINDOW_KVM_MAPPED,
				   &granted->window);
	if (ret)
		close(granted->space);
	return ret;
}

void granted_close(struct granted *granted)
{
	close(granted->window.fd);
	close(granted->space);
	source_close(&granted->source);
}

int granted_map(struct granted *granted, uint64_t offset, uint64_t length,
		uint32_t access)
{
	return source_grant(&granted->source, granted->space,
			    granted->window.id, offset, offset, length, access);
}

int granted_unmap(struct granted *granted, uint64_t offset, uint64_t length)
{
	return space_unmap(granted->space, granted->window.id, offset, length);
}

volatile uint64_t *granted_word(struct granted *granted, uint64_t offset)
{
	return (volatile uint64_t *)(granted->source.memory + offset);
}

bool next_event(int space, struct vhost_grant_event *event)
{
	struct pollfd pollfd = { .fd = space, .events = POLLIN };

	if (poll(&pollfd, 1, 1000) != 1)
		return false;
	return read(space, event, sizeof(*event)) == sizeof(*event);
}

void drop_events(int space)
{
	struct pollfd pollfd = { .fd = space, .events = POLLIN };
	struct vhost_grant_event event;

	while (poll(&pollfd, 1, 0) == 1 &&
	       read(space, &event, sizeof(event)) == sizeof(event))
		;
}

uint32_t beats_to_yield(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 0 : 1000;
}
