// SPDX-License-Identifier: GPL-2.0-only
/*
 * The narrator. It asks the cast to do things, tells what happened, and holds
 * it against what was claimed. Every number is one that was measured.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor.h"
#include "cast.h"
#include "proc.h"
#include "story.h"

#define OWNER_UID	1000
#define PEER_UID	65534
#define VMM_UID		65533
/* Between regions, and granted to nobody */
#define HOLE		0x8000

static struct actor owner, peer, vmm;
static long pins_before;

static const char *tried(const char *format, const char *what, uint64_t iova)
{
	static char text[160];
	int n;

	n = snprintf(text, sizeof(text), format, what);
	snprintf(text + n, sizeof(text) - n, " at 0x%06" PRIx64, iova);
	return text;
}

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

static uint64_t owner_sees(enum region_index region)
{
	actor_call(&owner, owner_get, region, 0);
	return stage->value;
}

static void guest_does(enum guest_command command, uint64_t iova, uint64_t word)
{
	stage->command = (struct guest_mailbox) {
		.command = command, .address = vmm_window_gpa(0) + iova,
		.value = word,
	};
	stage->outcome = (struct vmm_outcome) { .result = VMM_OTHER };
	actor_call(&vmm, vmm_do, 0, 0);
}

/* The owner's last event must be about this page and this kind of access. */
static void owner_was_told(uint64_t iova, uint32_t access)
{
	const struct vhost_grant_event *event = &stage->event;
	bool told = !actor_call(&owner, owner_event, 0, 0);

	if (!told) {
		story_step(false, "the owner is told of it", "it was not");
		return;
	}
	story_step(event->type == VHOST_GRANT_EVENT_VIOLATION &&
		   event->iova == iova && event->access == access,
		   "the owner is told of it",
		   "violation: %s at 0x%06" PRIx64 ", window %u",
		   event->access == VHOST_GRANT_WRITE ? "write" : "read",
		   (uint64_t)event->iova, event->window);
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

static void tell_grants(int window)
{
	const struct region *r;

	story_say("The owner is process %d, user %u.", owner.pid, owner.uid);
	story_say("It has made a window of %u MiB and grants in it",
		  (unsigned int)(WINDOW_LENGTH >> 20));
	for (r = regions; r < regions + REGIONS; r++)
		story_say("  at 0x%06" PRIx64 "  %4u KiB of %s", r->iova,
			  (unsigned int)(r->length >> 10), r->name);
	story_say("The rest is holes. The kernel counts %ld pages as granted.",
		  fdinfo_number(window, "pages_granted"));
}

static int scene_process(void)
{
	int window;

	story_scene("1. A process that holds the window");
	story_must(actor_start(&owner, OWNER_UID, owner_prepare),
		   "the owner opens /dev/vhost_grant and allocates memory");
	window = actor_take_fd(&owner, owner_window, 0, 0);
	story_must(window, "the owner makes a window and grants memory");
	tell_grants(window);
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

static void guest_reads(enum region_index region)
{
	const struct region *r = &regions[region];
	const uint64_t word = word_of("owner 11");

	actor_call(&owner, owner_put, region, word);
	guest_does(GUEST_READ, r->iova, 0);
	story_step(stage->outcome.result == VMM_OK &&
		   stage->outcome.value == word,
		   tried("the guest reads %s", r->name, r->iova),
		   "%s: it sees %s", vmm_result_name(stage->outcome.result),
		   text_of(stage->outcome.value));
}

static void guest_writes(enum region_index region)
{
	const struct region *r = &regions[region];
	const uint64_t word = word_of("guest 12");

	guest_does(GUEST_WRITE, r->iova, word);
	story_step(stage->outcome.result == VMM_OK &&
		   owner_sees(region) == word,
		   tried("the guest writes %s", r->name, r->iova),
		   "%s: the owner sees %s",
		   vmm_result_name(stage->outcome.result),
		   text_of(owner_sees(region)));
}

static void guest_must_not_write(enum region_index region)
{
	const struct region *r = &regions[region];
	const uint64_t before = owner_sees(region);

	guest_does(GUEST_WRITE, r->iova, word_of("guest 13"));
	story_step(stage->outcome.result == VMM_READONLY &&
		   stage->outcome.gpa == vmm_window_gpa(0) + r->iova &&
		   owner_sees(region) == before,
		   tried("the guest writes %s", r->name, r->iova),
		   "%s for 0x%" PRIx64 "; the owner still sees %s",
		   vmm_result_name(stage->outcome.result), stage->outcome.gpa,
		   text_of(owner_sees(region)));
}

static void guest_must_not_reach(enum guest_command command, uint64_t iova)
{
	const char *format = command == GUEST_READ ? "the guest reads %s" :
			     command == GUEST_WRITE ? "the guest writes %s" :
						      "the guest executes %s";

	guest_does(command, iova, 1);
	story_step(stage->outcome.result == VMM_HOLE,
		   tried(format, "what is not granted", iova), "%s",
		   vmm_result_name(stage->outcome.result));
}

/* What KVM cannot do is said beforehand, by GET_INFO and by MAP. */
static void guest_and_huge_pages(void)
{
	const struct region *r = &regions[HUGETLB];
	long ret;

	if (actor_call(&owner, owner_knows_huge, 0, 0) == 1) {
		guest_reads(HUGETLB);
		guest_writes(HUGETLB);
		return;
	}
	story_say("VHOST_GRANT_GET_INFO says that KVM of this kernel cannot map huge pages");
	story_say("from a window (KVM before Linux 6.13). So it is:");
	guest_does(GUEST_READ, r->iova + r->length - PAGE, 0);
	story_step(stage->outcome.result == VMM_HOLE,
		   tried("the guest reads %s", r->name,
			 r->iova + r->length - PAGE),
		   "%s", vmm_result_name(stage->outcome.result));
	ret = actor_call(&owner, owner_map_huge_for_kvm, 0, 0);
	story_step(ret == -EOPNOTSUPP,
		   "the owner grants a hugetlb page in a window that is declared to be for KVM",
		   "%s", ret < 0 ? strerror(-ret) : "it could");
}

static void start_loop(void)
{
	stage->command = (struct guest_mailbox) {
		.command = GUEST_LOOP_READ, .count = UINT64_MAX,
		.address = vmm_window_gpa(0) + regions[ANON].iova,
		.length = PAGE,
		.yield_every = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 0 : 1000,
	};
	story_must(actor_call(&vmm, vmm_loop, 0, 0), "the guest starts a loop");
}

/* Accesses in the time that is returned, which is longer on a busy machine. */
static long beats_of_loop(uint64_t *milliseconds)
{
	const uint64_t start = now_ns();
	long before = actor_call(&vmm, vmm_beats, 0, 0), beats;

	do {
		sleep_ms(100);
		beats = actor_call(&vmm, vmm_beats, 0, 0) - before;
		*milliseconds = (now_ns() - start) / 1000000;
	} while (beats < 1000 && *milliseconds < 10000);
	return beats;
}

static void loop_runs(const char *how)
{
	uint64_t milliseconds;
	long beats = beats_of_loop(&milliseconds);

	story_step(beats >= 1000, how, "%ld accesses in %" PRIu64 " ms", beats,
		   milliseconds);
}

/* One access may have been done before, and is counted after. */
static void loop_has_stopped(const char *how)
{
	long before = actor_call(&vmm, vmm_beats, 0, 0), beats;

	sleep_ms(300);
	beats = actor_call(&vmm, vmm_beats, 0, 0) - before;
	story_step(beats <= 1, how, "%ld accesses in the next 300 ms", beats);
}

static void next_access_is_refused(long refusals_before)
{
	long refusals;
	int tries = 100;

	do {
		sleep_ms(100);
		refusals = actor_call(&vmm, vmm_refusals, 0, 0) - refusals_before;
	} while (!refusals && --tries);
	story_step(refusals > 0, "the next access is refused",
		   "KVM_RUN failed with EFAULT, each of the %ld times it was called",
		   refusals);
}

static void revoke_under_loop(void)
{
	long refusals;

	start_loop();
	loop_runs("the guest reads the page at 0x000000 in a loop");
	actor_call(&owner, owner_forget_events, 0, 0);
	refusals = actor_call(&vmm, vmm_refusals, 0, 0);
	story_must(actor_call(&owner, owner_unmap, ANON, 0), "the owner revokes");
	loop_has_stopped("the owner revokes it: the loop stops at once");
	story_say("The call took %" PRIu64 " us in this machine.",
		  stage->nanoseconds / 1000);
	next_access_is_refused(refusals);
	owner_was_told(regions[ANON].iova, VHOST_GRANT_READ);
	story_must(actor_call(&owner, owner_map, ANON, 0), "the owner grants");
	loop_runs("the owner grants it again, the VMM only calls KVM_RUN as before");
}

static void scene_guest(int window)
{
	story_scene("2. A KVM guest whose memory is the window");
	story_must(actor_start(&vmm, VMM_UID, NULL), "the VMM starts");
	story_must(actor_give_fd(&vmm, vmm_take, window, 0),
		   "the VMM makes the window a memslot of its VM");
	story_say("The VMM is process %d, user %u. It has mapped the same window and given the",
		  vmm.pid, vmm.uid);
	story_say("mapping to KVM as an ordinary memslot, at guest address 0x%" PRIx64 ".",
		  vmm_window_gpa(0));

	guest_reads(ANON);
	guest_writes(ANON);
	guest_reads(MEMFD);
	guest_writes(MEMFD);
	guest_and_huge_pages();
	guest_must_not_reach(GUEST_READ, HOLE);
	guest_must_not_reach(GUEST_WRITE, HOLE);
	guest_must_not_reach(GUEST_EXECUTE, HOLE);
	guest_reads(ANON_RO);
	guest_must_not_write(ANON_RO);
	guest_must_not_write(MEMFD_RO);
	revoke_under_loop();
}

static void nothing_is_reachable(void)
{
	unsigned int i, refused = 0, guest_refused = 0;

	for (i = 0; i < REGIONS; i++)
		refused += actor_call(&peer, peer_load, regions[i].iova, 0) ==
			   SIGBUS;
	story_step(refused == REGIONS, "the peer reads each of the regions",
		   "%u of %u refused: SIGBUS", refused, REGIONS);
	for (i = 0; i < REGIONS; i++) {
		guest_does(GUEST_READ, regions[i].iova, 0);
		guest_refused += stage->outcome.result == VMM_HOLE;
	}
	story_step(guest_refused == REGIONS, "the guest reads each of the regions",
		   "%u of %u refused: KVM_RUN failed with EFAULT", guest_refused,
		   REGIONS);
}

static void scene_kill(int window)
{
	long pages = fdinfo_number(window, "pages_granted");
	long pinned = proc_status(owner.pid, "VmPin");
	long pins = proc_pins() - pins_before;

	story_scene("3. The owner is killed");
	story_step(pins > 0 && pinned == pages * (long)PAGE,
		   "before: how much is pinned",
		   "VmPin of the owner: %ld KiB, which are the %ld pages granted",
		   pinned >> 10, pages);
	story_say("Pins on this machine since the demo began, a huge page being one: %ld",
		  pins);
	story_say("The guest is still in its loop. SIGKILL to the owner, process %d.",
		  owner.pid);
	actor_kill(&owner);
	loop_has_stopped("the guest's loop stops");
	actor_call(&vmm, vmm_end_loop, 0, 0);
	nothing_is_reachable();
	story_step(fdinfo_number(window, "dead") == 1 &&
		   fdinfo_number(window, "pages_granted") == 0 &&
		   fdinfo_number(window, "pages_pinned") == 0,
		   "the window, which peer and VMM still hold",
		   "dead: %ld, pages granted: %ld, pages pinned: %ld",
		   fdinfo_number(window, "dead"),
		   fdinfo_number(window, "pages_granted"),
		   fdinfo_number(window, "pages_pinned"));
	pins = proc_pins() - pins_before;
	story_step(pins == 0, "after: pins on this machine since the demo began",
		   "%ld (nr_foll_pin_acquired - nr_foll_pin_released)", pins);
}

int main(void)
{
	int window;

	printf("\nAn owner shares pages of its memory through a window, which is a file\n"
	       "descriptor. Whoever holds the window, a peer, reaches what is granted in it\n"
	       "at this moment and nothing else, and the owner can take it back by force.\n");
	pins_before = proc_pins();
	story_must(stage_set(), "the narrator sets the stage");
	window = scene_process();
	scene_guest(window);
	scene_kill(window);
	actor_kill(&vmm);
	actor_kill(&peer);
	return story_end();
}
