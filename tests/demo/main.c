// SPDX-License-Identifier: GPL-2.0-only
/* The beginning, scene 1 and the end. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "narrator.h"
#include "proc.h"
#include "story.h"

static long pins_before;

static const char *signal_name(long sig)
{
	static char text[64];

	if (sig)
		snprintf(text, sizeof(text), "refused: SIG%s (%s)",
			 sigabbrev_np(sig), strsignal(sig));
	else
		snprintf(text, sizeof(text), "the access went through");
	return text;
}

static void peer_reads(enum region_index region)
{
	const struct region *r = &regions[region];
	const uint64_t word = word_of("owner 01");
	long sig;

	actor_call(&owner, owner_put, region, word);
	sig = actor_call(&peer, peer_load, r->iova, 0);
	story_step(!sig && stage->value == word,
		   tried("reads %s", r->name, r->iova),
		   "the owner had put %s there, the peer sees %s",
		   text_of(word), sig ? signal_name(sig) : text_of(stage->value));
}

static void peer_writes(enum region_index region)
{
	const struct region *r = &regions[region];
	const uint64_t word = word_of("peer  02");
	long sig = actor_call(&peer, peer_store, r->iova, word);

	story_step(!sig && owner_sees(region) == word,
		   tried("writes %s", r->name, r->iova),
		   "%s: the owner sees %s", sig ? signal_name(sig) : "done",
		   text_of(owner_sees(region)));
}

static void peer_must_not_write(enum region_index region)
{
	const struct region *r = &regions[region];
	const uint64_t before = owner_sees(region);
	long sig;

	sig = actor_call(&peer, peer_store, r->iova, word_of("peer  03"));
	story_step(sig == SIGBUS && owner_sees(region) == before,
		   tried("writes %s", r->name, r->iova),
		   "%s; the owner still sees %s", signal_name(sig),
		   text_of(owner_sees(region)));
}

static void peer_must_not_reach(uint64_t iova)
{
	long sig = actor_call(&peer, peer_load, iova, 0);

	story_step(sig == SIGBUS, tried("reads %s", "what is not granted", iova),
		   "%s", signal_name(sig));
	sig = actor_call(&peer, peer_store, iova, 1);
	story_step(sig == SIGBUS, tried("writes %s", "what is not granted", iova),
		   "%s", signal_name(sig));
}

static void peer_must_not_control(void)
{
	long ret = actor_call(&peer, peer_unmap, 0, 0);

	story_step(ret == -ENOTTY, "calls VHOST_GRANT_UNMAP on the window",
		   "%s", strerror(-ret));
	ret = actor_call(&peer, peer_open_device, 0, 0);
	story_step(ret == -EACCES, "opens /dev/vhost_grant, to be an owner",
		   "%s", ret < 0 ? strerror(-ret) : "it could");
}

static int scene_process(void)
{
	int window;

	story_scene("1. A process that holds the window");
	story_must(actor_start(&owner, OWNER_UID, owner_prepare),
		   "the owner opens /dev/vhost_grant and allocates memory");
	window = actor_take_fd(&owner, owner_window, OPEN_WINDOW, 0);
	story_must(window, "the owner makes a window and grants memory");
	story_say("The owner is process %d, user %u.", owner.pid, owner.uid);
	story_say("It has made a window of %u MiB and grants in it",
		  (unsigned int)(WINDOW_LENGTH >> 20));
	tell_grants(OPEN_WINDOW, window);
	story_must(actor_start(&peer, PEER_UID, NULL), "the peer starts");
	story_must(actor_give_fd(&peer, peer_take, window, 0),
		   "the peer maps the window");
	story_say("The peer is process %d, user %u. It was given the window's file descriptor",
		  peer.pid, peer.uid);
	story_say("over a socket, and nothing else of the owner's.");

	peer_reads(ANON);
	peer_writes(ANON);
	peer_reads(MEMFD);
	peer_writes(MEMFD);
	peer_reads(HUGETLB);
	peer_writes(HUGETLB);
	peer_must_not_reach(HOLE);
	actor_call(&owner, owner_forget_events, 0, 0);
	peer_reads(ANON_RO);
	peer_must_not_write(ANON_RO);
	owner_was_told(regions[ANON_RO].iova, VHOST_GRANT_WRITE);
	peer_reads(MEMFD_RO);
	peer_must_not_write(MEMFD_RO);
	peer_must_not_control();
	return window;
}

static void peer_reaches_nothing(void)
{
	unsigned int i, regions_seen = 0, refused = 0;

	for (i = 0; i < REGIONS; i++) {
		if (regions[i].window != OPEN_WINDOW)
			continue;
		regions_seen++;
		refused += actor_call(&peer, peer_load, regions[i].iova, 0) ==
			   SIGBUS;
	}
	story_step(refused == regions_seen, "the peer reads each of the regions",
		   "%u of %u refused: SIGBUS", refused, regions_seen);
}

static void guest_reaches_nothing(struct actor *machine,
				  enum window_index window,
				  enum vmm_result how, const char *who)
{
	unsigned int i, regions_seen = 0, refused = 0;

	for (i = 0; i < REGIONS; i++) {
		if (regions[i].window != window)
			continue;
		regions_seen++;
		guest_does(machine, GUEST_READ, regions[i].iova, 0);
		refused += stage->outcome.result == how;
	}
	story_step(refused == regions_seen, who, "%u of %u: %s", refused,
		   regions_seen, vmm_result_name(how));
}

static long both(int window, int native_window, const char *counter)
{
	long number = fdinfo_number(window, counter);

	if (native_window >= 0)
		number += fdinfo_number(native_window, counter);
	return number;
}

static void owner_has_pinned(int window, int native_window)
{
	long pages = both(window, native_window, "pages_granted");
	long pinned = proc_status(owner.pid, "VmPin");
	long pins = proc_pins() - pins_before;

	story_step(pins > 0 && pinned == pages * (long)PAGE,
		   "before: how much is pinned",
		   "VmPin of the owner: %ld KiB, which are the %ld pages granted",
		   pinned >> 10, pages);
	story_say("Pins on this machine since the demo began, a huge page being one: %ld",
		  pins);
}

static void window_is_dead(int window, const char *which)
{
	story_step(fdinfo_number(window, "dead") == 1 &&
		   fdinfo_number(window, "pages_granted") == 0 &&
		   fdinfo_number(window, "pages_pinned") == 0, which,
		   "dead: %ld, pages granted: %ld, pages pinned: %ld",
		   fdinfo_number(window, "dead"),
		   fdinfo_number(window, "pages_granted"),
		   fdinfo_number(window, "pages_pinned"));
}

static void kill_under_loops(void)
{
	start_loop(&vmm, ANON);
	if (native_vmm.pid)
		start_loop(&native_vmm, NATIVE_ANON);
	loop_runs(&vmm, "the guest reads in a loop again");
	if (native_vmm.pid)
		loop_runs(&native_vmm,
			  "so does the guest with the native memslot");
	story_say("SIGKILL to the owner, process %d.", owner.pid);
	actor_kill(&owner);
	loop_has_stopped(&vmm, "the guest's loop stops");
	end_loop(&vmm);
	if (native_vmm.pid) {
		loop_has_stopped(&native_vmm, "the other guest's loop stops");
		end_loop(&native_vmm);
	}
}

static void scene_kill(int window, int native_window)
{
	long pins;

	story_scene("4. The owner is killed");
	owner_has_pinned(window, native_window);
	kill_under_loops();
	peer_reaches_nothing();
	guest_reaches_nothing(&vmm, OPEN_WINDOW, VMM_HOLE,
			      "the guest reads each of the regions");
	if (native_vmm.pid)
		guest_reaches_nothing(&native_vmm, KVM_WINDOW, VMM_MEMORY_FAULT,
				      "the guest with the native memslot reads each of its own");
	window_is_dead(window, "the window, which peer and VMM still hold");
	if (native_vmm.pid)
		window_is_dead(native_window, "the other VMM's window");
	pins = proc_pins() - pins_before;
	story_step(pins == 0, "after: pins on this machine since the demo began",
		   "%ld (nr_foll_pin_acquired - nr_foll_pin_released)", pins);
}

int main(void)
{
	int window, native_window;

	printf("\nAn owner shares pages of its memory through a window, which is a file\n"
	       "descriptor. Whoever holds the window, a peer, reaches what is granted in it\n"
	       "at this moment and nothing else, and the owner can take it back by force.\n");
	pins_before = proc_pins();
	story_must(stage_set(), "the narrator sets the stage");
	window = scene_process();
	scene_mapped(window);
	native_window = scene_native();
	scene_kill(window, native_window);
	if (native_vmm.pid)
		actor_kill(&native_vmm);
	actor_kill(&vmm);
	actor_kill(&peer);
	return story_end();
}
