// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vhost_grant_kvm.h>
#include <poll.h>
#include <sys/ioctl.h>
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

bool kvm_knows_way(enum vmm_way way)
{
	int kvm, needed, features;

	if (way == VMM_MAPPED)
		return true;
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	features = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_VHOST_GRANT);
	close(kvm);
	needed = KVM_VHOST_GRANT_SLOTS;
	if (way == VMM_NATIVE_MMIO)
		needed |= KVM_VHOST_GRANT_MMIO;
	return features > 0 && (features & needed) == needed;
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

/* A native memslot takes huge pages on every kernel. */
static int prepare_source(struct granted *granted, enum source_kind kind,
			  uint64_t length)
{
	const bool huge = granted->way != VMM_MAPPED ||
			  kvm_maps_huge(granted->space);
	int ret;

	if (kind == SOURCE_HUGETLB && !huge)
		return -EOPNOTSUPP;
	ret = source_open(&granted->source, kind, length);
	if (ret || kind != SOURCE_THP || huge)
		return ret;
	return split_huge_pages(&granted->source);
}

int granted_open(struct granted *granted, const struct sharing *sharing,
		 uint64_t window_length, uint64_t source_length)
{
	int ret;

	if (!kvm_knows_way(sharing->way))
		return -EOPNOTSUPP;
	granted->way = sharing->way;
	granted->space = space_open();
	if (granted->space < 0)
		return granted->space;
	ret = prepare_source(granted, sharing->source, source_length);
	if (!ret)
		ret = space_window(granted->space, window_length,
				   sharing->flags, &granted->window);
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

static int map(struct granted *granted, uint64_t offset, uint64_t length,
	       uint32_t access)
{
	return source_grant(&granted->source, granted->space,
			    granted->window.id, offset, offset, length, access);
}

/*
 * The kernel leaves a huge page as it is, without a word, if somebody is looking at
 * it just then.
 */
int granted_map(struct granted *granted, uint64_t offset, uint64_t length,
		uint32_t access)
{
	int ret = map(granted, offset, length, access);

	if (ret != -EOPNOTSUPP || split_huge_pages(&granted->source))
		return ret;
	return map(granted, offset, length, access);
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
