// SPDX-License-Identifier: GPL-2.0-only
/* Scene 3: a guest with a native memslot, whose VMM has no mapping at all. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/vhost_grant_kvm.h>

#include "narrator.h"
#include "story.h"

#define EXIT_READ	KVM_MEMORY_EXIT_FLAG_GRANT
#define EXIT_WRITE	(EXIT_READ | KVM_MEMORY_EXIT_FLAG_WRITE)
#define EXIT_EXECUTE	(EXIT_READ | KVM_MEMORY_EXIT_FLAG_EXEC)
#define EXIT_READONLY	(EXIT_WRITE | KVM_MEMORY_EXIT_FLAG_RDONLY)

/* In the middle of a huge page */
#define ONE_PAGE	(37 * PAGE)

static const char *flags_text(uint64_t flags)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s",
		 flags & KVM_MEMORY_EXIT_FLAG_GRANT ? "GRANT" : "none",
		 flags & KVM_MEMORY_EXIT_FLAG_WRITE ? " WRITE" : "",
		 flags & KVM_MEMORY_EXIT_FLAG_EXEC ? " EXEC" : "",
		 flags & KVM_MEMORY_EXIT_FLAG_RDONLY ? " RDONLY" : "");
	return text;
}

/* KVM says where, how large the page is and what was tried. */
static void guest_is_refused(enum guest_command command, const char *what,
			     uint64_t iova, uint64_t flags)
{
	const struct vmm_outcome *outcome = &stage->outcome;

	guest_does(&native_vmm, command, iova, word_of("guest 13"));
	story_step(outcome->result == VMM_MEMORY_FAULT &&
		   outcome->gpa == vmm_window_gpa(0) + iova &&
		   outcome->size == PAGE && outcome->flags == flags,
		   tried("the guest %s", what, iova),
		   "%s: gpa 0x%" PRIx64 ", size 0x%" PRIx64 ", flags %s",
		   vmm_result_name(outcome->result), outcome->gpa,
		   outcome->size, flags_text(outcome->flags));
}

static void guest_must_not_write(enum region_index region)
{
	const uint64_t before = owner_sees(region);

	guest_is_refused(GUEST_WRITE, "writes what is read-only",
			 regions[region].iova, EXIT_READONLY);
	story_step(owner_sees(region) == before, "the owner looks at the page",
		   "it still sees %s", text_of(owner_sees(region)));
}

static long statistic(const char *name)
{
	return actor_call(&native_vmm, vmm_statistic, (unsigned long)name, 0);
}

static void huge_page_is_one(enum region_index region)
{
	long before = statistic("pages_2m"), after;

	guest_reads(&native_vmm, region);
	after = statistic("pages_2m");
	story_step(after == before + 1, "KVM has mapped the 2 MiB as one",
		   "its statistics: pages_2m %ld -> %ld", before, after);
}

static void one_page_of_it_goes(enum region_index region)
{
	const uint64_t iova = regions[region].iova + ONE_PAGE;
	long before = statistic("pages_2m"), after, small;

	story_must(actor_call(&owner, owner_unmap_page, region, ONE_PAGE),
		   "the owner revokes a page");
	after = statistic("pages_2m");
	small = statistic("pages_4k");
	story_step(after == before - 1,
		   tried("the owner revokes %s", "one of its pages", iova),
		   "pages_2m %ld -> %ld", before, after);
	guest_is_refused(GUEST_READ, "reads it", iova, EXIT_READ);
	guest_reads(&native_vmm, region);
	after = statistic("pages_4k");
	story_step(after == small + 1, "the rest is mapped page by page",
		   "pages_4k %ld -> %ld", small, after);
	story_must(actor_call(&owner, owner_unmap, region, 0),
		   "the owner revokes the rest");
	story_must(actor_call(&owner, owner_map, region, 0), "the owner grants");
	story_say("The owner revokes the rest, and grants all of it again.");
	huge_page_is_one(region);
}

static void guest_and_huge_pages(void)
{
	huge_page_is_one(NATIVE_HUGETLB);
	if (actor_call(&owner, owner_has, NATIVE_THP, 0) != 1) {
		story_say("This machine has no transparent huge pages.");
		one_page_of_it_goes(NATIVE_HUGETLB);
		return;
	}
	huge_page_is_one(NATIVE_THP);
	one_page_of_it_goes(NATIVE_THP);
}

static void pages_are(const char *what, unsigned long first, long read)
{
	const long refused = MANY_PAGES / 2 - read;

	actor_call(&native_vmm, vmm_read_pages, first, 0);
	story_step(stage->pages_read == read && stage->pages_refused == refused,
		   what, "%ld read, %ld refused with their address",
		   stage->pages_read, stage->pages_refused);
}

/* How often KVM had the TLBs flushed meanwhile. */
static long flushes_of(actor_function revoke, unsigned long first)
{
	long before = statistic("remote_tlb_flush_requests");

	story_must(actor_call(&owner, revoke, first, 0), "the owner revokes");
	return statistic("remote_tlb_flush_requests") - before;
}

/* KVM may flush early if somebody waits for the CPU or for its lock. */
static void revoke_many(void)
{
	const long half = MANY_PAGES / 2;
	long flushes;

	pages_are("the guest reads pages 0, 2, 4 and so on from 0x600000", 0, half);
	pages_are("the guest reads the pages in between", 1, half);
	flushes = flushes_of(owner_unmap_batch, 0);
	story_step(flushes > 0 && flushes < half / 8,
		   "the owner revokes pages 0, 2, 4 and so on in one call",
		   "%ld pages, TLB flushes of KVM: %ld, %" PRIu64 " us in this machine",
		   half, flushes, stage->nanoseconds / 1000);
	pages_are("the guest reads them", 0, 0);
	pages_are("the guest reads the pages in between", 1, half);
	flushes = flushes_of(owner_unmap_each, 1);
	story_step(flushes >= half, "the owner revokes these with a call for each",
		   "%ld pages, TLB flushes of KVM: %ld, %" PRIu64 " us in this machine",
		   half, flushes, stage->nanoseconds / 1000);
	pages_are("the guest reads them", 1, 0);
}

static int start_native(void)
{
	int window;

	window = actor_take_fd(&owner, owner_window, KVM_WINDOW, 0);
	story_must(window, "the owner makes another window and grants memory");
	story_say("The owner has made another window of %u MiB, for KVM only, and grants in it",
		  (unsigned int)(WINDOW_LENGTH >> 20));
	tell_grants(KVM_WINDOW, window);
	story_must(actor_give_fd(&native_vmm, vmm_take_native, window, 0),
		   "the VMM gives the window to KVM");
	story_say("The VMM is process %d, user %u. It has given the window's file descriptor to",
		  native_vmm.pid, native_vmm.uid);
	story_say("KVM: KVM_MEM_VHOST_GRANT, at guest address 0x%" PRIx64 ".",
		  vmm_window_gpa(0));
	return window;
}

static void vmm_must_not_map(void)
{
	long ret = actor_call(&native_vmm, vmm_mmap, 0, 0);

	story_step(ret == -ENODEV, "the VMM itself maps the window", "%s",
		   ret < 0 ? strerror(-ret) : "it could");
}

static void tell_guest(void)
{
	vmm_must_not_map();
	guest_reads(&native_vmm, NATIVE_ANON);
	guest_writes(&native_vmm, NATIVE_ANON);
	actor_call(&owner, owner_forget_events, 0, 0);
	guest_is_refused(GUEST_READ, "reads what is not granted", HOLE,
			 EXIT_READ);
	owner_was_told(HOLE, VHOST_GRANT_READ);
	guest_is_refused(GUEST_WRITE, "writes what is not granted", HOLE,
			 EXIT_WRITE);
	guest_is_refused(GUEST_EXECUTE, "executes what is not granted", HOLE,
			 EXIT_EXECUTE);
	guest_reads(&native_vmm, NATIVE_MEMFD_RO);
	guest_must_not_write(NATIVE_MEMFD_RO);
	guest_and_huge_pages();
	revoke_under_loop(&native_vmm, NATIVE_ANON, "KVM_EXIT_MEMORY_FAULT");
	revoke_many();
}

int scene_native(void)
{
	long features;
	int window;

	story_scene("3. A KVM guest whose memslot is the window itself");
	story_must(actor_start(&native_vmm, NATIVE_VMM_UID, NULL),
		   "another VMM starts");
	features = actor_call(&native_vmm, vmm_can, 0, 0);
	story_must(features, "it makes a VM");
	if (!(features & KVM_VHOST_GRANT_SLOTS)) {
		story_say("Left out: KVM of this kernel does not have KVM_CAP_VHOST_GRANT. It has to be");
		story_say("patched for that, see 'make kvm' and 'make install-kvm'.");
		actor_kill(&native_vmm);
		native_vmm.pid = 0;
		return -1;
	}
	window = start_native();
	tell_guest();
	return window;
}
