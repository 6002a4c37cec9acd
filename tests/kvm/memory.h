/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every test of a guest starts with: a space, a window for KVM, memory of
 * one kind to grant, and the owner's events.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "source.h"
#include "vmm.h"

/**
 * struct sharing - How memory gets into a guest
 * @way: of the window
 * @source: what is granted
 * @flags: of the window
 */
struct sharing {
	enum vmm_way way;
	enum source_kind source;
	uint32_t flags;
};

/* The variants of a fixture */
#define MAPPED(kind) \
	{ VMM_MAPPED, (kind), VHOST_GRANT_WINDOW_KVM_MAPPED }
#define NATIVE(kind) \
	{ VMM_NATIVE, (kind), VHOST_GRANT_WINDOW_KVM_ONLY }
/* The VMM could mmap it as well */
#define NATIVE_PLAIN(kind) { VMM_NATIVE, (kind), 0 }
#define NATIVE_MMIO(kind) \
	{ VMM_NATIVE_MMIO, (kind), VHOST_GRANT_WINDOW_KVM_ONLY }

/**
 * struct granted - An owner with one window
 * @way: in which guests get it
 * @space: its space
 * @window: at which guests look
 * @source: memory to grant, for which KVM of this kernel can serve a guest
 */
struct granted {
	enum vmm_way way;
	int space;
	struct window window;
	struct source source;
};

/*
 * 0 or -errno; -EOPNOTSUPP if the machine has no such memory, or KVM of this
 * kernel does not know the way or cannot map the memory in it.
 */
int granted_open(struct granted *granted, const struct sharing *sharing,
		 uint64_t window_length, uint64_t source_length);
/* What to say then */
#define NOT_HERE "no such memory here, or KVM cannot have it in this way"
void granted_close(struct granted *granted);

/* Grant, and take back, pages of the source at the same offset in the window. */
int granted_map(struct granted *granted, uint64_t offset, uint64_t length,
		uint32_t access);
int granted_unmap(struct granted *granted, uint64_t offset, uint64_t length);
volatile uint64_t *granted_word(struct granted *granted, uint64_t offset);

/* KVM of this kernel can map huge pages from an mmapped window. */
bool kvm_maps_huge(int space);
/* KVM of this kernel knows the way. */
bool kvm_knows_way(enum vmm_way way);
/* Make 4 KiB pages of anonymous huge ones, in place. 0 or -errno. */
int split_huge_pages(const struct source *source);

/* The next event within a second; false if there is none. */
bool next_event(int space, struct vhost_grant_event *event);
void drop_events(int space);

/* Beats after which a guest's loop should yield, for a host with one CPU. */
uint32_t beats_to_yield(void);

#endif
