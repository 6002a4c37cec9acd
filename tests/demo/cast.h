/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cast: an owner that grants memory, a peer that maps a window, and two VMMs
 * that give one to their guests. Each function below runs in the process that
 * it is named after, asked by actor_call().
 */
#ifndef CAST_H
#define CAST_H

#include <stdint.h>

#include "source.h"
#include "vmm.h"

#define WINDOW_LENGTH	MIB(8)
/* Of NATIVE_MANY */
#define MANY_PAGES	256

/**
 * enum window_index - The owner's windows
 * @OPEN_WINDOW: that its holder may mmap
 * @KVM_WINDOW: that its holder can only give to KVM
 */
enum window_index {
	OPEN_WINDOW,
	KVM_WINDOW,
	WINDOWS,
};

/**
 * struct region - What the owner grants
 * @name: for the story
 * @kind: of memory
 * @window: of enum window_index
 * @iova: where in the window
 * @length: in bytes
 * @access: read, or read and write
 */
struct region {
	const char *name;
	enum source_kind kind;
	enum window_index window;
	uint64_t iova;
	uint64_t length;
	uint32_t access;
};

enum region_index {
	ANON,
	ANON_RO,
	MEMFD,
	MEMFD_RO,
	HUGETLB,
	NATIVE_ANON,
	NATIVE_MEMFD_RO,
	NATIVE_THP,
	NATIVE_HUGETLB,
	NATIVE_MANY,
	REGIONS,
};

extern const struct region regions[REGIONS];

/**
 * struct stage - Memory that the narrator shares with all, for questions and
 *	answers; none of it is ever granted
 * @value: that was read
 * @event: that the owner was told
 * @nanoseconds: that the owner's last revoke took
 * @command: for the guest
 * @outcome: of the guest's command
 * @pages_read: that the guest could read
 * @pages_refused: that it could not, and KVM said which
 */
struct stage {
	uint64_t value;
	struct vhost_grant_event event;
	uint64_t nanoseconds;
	struct guest_mailbox command;
	struct vmm_outcome outcome;
	long pages_read;
	long pages_refused;
};

extern struct stage *stage;

/* 0 or -errno */
int stage_set(void);

/* Opens the device and allocates the memory. 0 or -errno */
int owner_prepare(void);
/* A file descriptor: of the window, which is new, with its regions granted */
long owner_window(unsigned long index, unsigned long unused);
/* 1 if this machine has such memory; else the region is never granted */
long owner_has(unsigned long region, unsigned long unused);
long owner_map(unsigned long region, unsigned long unused);
long owner_unmap(unsigned long region, unsigned long unused);
long owner_unmap_page(unsigned long region, unsigned long offset);
/* Every other page of NATIVE_MANY, in one call or each in its own. -errno */
long owner_unmap_batch(unsigned long first, unsigned long unused);
long owner_unmap_each(unsigned long first, unsigned long unused);
/* The first word of a region, as the owner sees it */
long owner_put(unsigned long region, unsigned long word);
long owner_get(unsigned long region, unsigned long unused);
/* 0 with stage->event, or -ENOMSG */
long owner_event(unsigned long unused, unsigned long unused2);
long owner_forget_events(unsigned long unused, unsigned long unused2);
/* 1 if KVM of this kernel can map huge pages from an mmapped window */
long owner_knows_huge(unsigned long unused, unsigned long unused2);
/* MAP of huge pages into a window that is declared to be for mapped KVM use */
long owner_map_huge_for_kvm(unsigned long unused, unsigned long unused2);

long peer_take(unsigned long window, unsigned long unused);
/* 0, or the signal that refused it */
long peer_load(unsigned long iova, unsigned long unused);
long peer_store(unsigned long iova, unsigned long word);
/* The control that a peer does not have. -errno */
long peer_open_device(unsigned long unused, unsigned long unused2);
long peer_unmap(unsigned long iova, unsigned long unused);

long vmm_take(unsigned long window, unsigned long unused);
/* What KVM can do with windows itself: 0 or a bitmap */
long vmm_can(unsigned long unused, unsigned long unused2);
long vmm_take_native(unsigned long window, unsigned long unused);
/* mmap of the window that it took. 0 or -errno */
long vmm_mmap(unsigned long unused, unsigned long unused2);
/* One of KVM's statistics of the VM; @name is a string constant */
long vmm_statistic(unsigned long name, unsigned long unused);
/* The guest reads every other page of NATIVE_MANY; see struct stage */
long vmm_read_pages(unsigned long first, unsigned long unused);
/* Run stage->command to its end, stage->outcome */
long vmm_do(unsigned long unused, unsigned long unused2);
/*
 * Let the guest loop over stage->command's page; KVM_RUN is called again and
 * again, whatever it returns, and nothing else is done
 */
long vmm_loop(unsigned long unused, unsigned long unused2);
long vmm_beats(unsigned long unused, unsigned long unused2);
long vmm_refusals(unsigned long unused, unsigned long unused2);
long vmm_end_loop(unsigned long unused, unsigned long unused2);

#endif
