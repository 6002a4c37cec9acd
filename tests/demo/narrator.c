// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "narrator.h"
#include "proc.h"
#include "story.h"

struct actor owner, peer, vmm, native_vmm;

const char *tried(const char *format, const char *what, uint64_t iova)
{
	static char text[160];
	int n;

	n = snprintf(text, sizeof(text), format, what);
	snprintf(text + n, sizeof(text) - n, " at 0x%06" PRIx64, iova);
	return text;
}

void tell_grants(enum window_index index, int window)
{
	unsigned int i;

	for (i = 0; i < REGIONS; i++)
		if (regions[i].window == index &&
		    actor_call(&owner, owner_has, i, 0) == 1)
			story_say("  at 0x%06" PRIx64 "  %4u KiB of %s",
				  regions[i].iova,
				  (unsigned int)(regions[i].length >> 10),
				  regions[i].name);
	story_say("The rest is holes. The kernel counts %ld pages as granted.",
		  fdinfo_number(window, "pages_granted"));
}

uint64_t owner_sees(enum region_index region)
{
	actor_call(&owner, owner_get, region, 0);
	return stage->value;
}

void owner_was_told(uint64_t iova, uint32_t access)
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

void guest_does(struct actor *machine, enum guest_command command,
		uint64_t iova, uint64_t word)
{
	stage->command = (struct guest_mailbox) {
		.command = command, .address = vmm_window_gpa(0) + iova,
		.value = word,
	};
	stage->outcome = (struct vmm_outcome) { .result = VMM_OTHER };
	actor_call(machine, vmm_do, 0, 0);
}

void guest_reads(struct actor *machine, enum region_index region)
{
	const struct region *r = &regions[region];
	const uint64_t word = word_of("owner 11");

	actor_call(&owner, owner_put, region, word);
	guest_does(machine, GUEST_READ, r->iova, 0);
	story_step(stage->outcome.result == VMM_OK &&
		   stage->outcome.value == word,
		   tried("the guest reads %s", r->name, r->iova),
		   "%s: it sees %s", vmm_result_name(stage->outcome.result),
		   text_of(stage->outcome.value));
}

void guest_writes(struct actor *machine, enum region_index region)
{
	const struct region *r = &regions[region];
	const uint64_t word = word_of("guest 12");

	guest_does(machine, GUEST_WRITE, r->iova, word);
	story_step(stage->outcome.result == VMM_OK &&
		   owner_sees(region) == word,
		   tried("the guest writes %s", r->name, r->iova),
		   "%s: the owner sees %s",
		   vmm_result_name(stage->outcome.result),
		   text_of(owner_sees(region)));
}

void start_loop(struct actor *machine, enum region_index region)
{
	stage->command = (struct guest_mailbox) {
		.command = GUEST_LOOP_READ, .count = UINT64_MAX,
		.address = vmm_window_gpa(0) + regions[region].iova,
		.length = PAGE,
		.yield_every = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 0 : 1000,
	};
	story_must(actor_call(machine, vmm_loop, 0, 0),
		   "the guest starts a loop");
}

void end_loop(struct actor *machine)
{
	actor_call(machine, vmm_end_loop, 0, 0);
}

/* Accesses in the time that is returned, which is longer on a busy machine. */
static long beats_of_loop(struct actor *machine, uint64_t *milliseconds)
{
	const uint64_t start = now_ns();
	long before = actor_call(machine, vmm_beats, 0, 0), beats;

	do {
		sleep_ms(100);
		beats = actor_call(machine, vmm_beats, 0, 0) - before;
		*milliseconds = (now_ns() - start) / 1000000;
	} while (beats < 1000 && *milliseconds < 10000);
	return beats;
}

void loop_runs(struct actor *machine, const char *how)
{
	uint64_t milliseconds;
	long beats = beats_of_loop(machine, &milliseconds);

	story_step(beats >= 1000, how, "%ld accesses in %" PRIu64 " ms", beats,
		   milliseconds);
}

/* One access may have been done before, and is counted after. */
void loop_has_stopped(struct actor *machine, const char *how)
{
	long before = actor_call(machine, vmm_beats, 0, 0), beats;

	sleep_ms(300);
	beats = actor_call(machine, vmm_beats, 0, 0) - before;
	story_step(beats <= 1, how, "%ld accesses in the next 300 ms", beats);
}

static void next_access_is_refused(struct actor *machine, long refusals_before,
				   const char *refusal)
{
	long refusals;
	int tries = 100;

	do {
		sleep_ms(100);
		refusals = actor_call(machine, vmm_refusals, 0, 0) -
			   refusals_before;
	} while (!refusals && --tries);
	story_step(refusals > 0, "the next access is refused",
		   "KVM_RUN failed with %s, each of the %ld times it was called",
		   refusal, refusals);
}

void revoke_under_loop(struct actor *machine, enum region_index region,
		       const char *refusal)
{
	const uint64_t iova = regions[region].iova;
	long refusals;

	start_loop(machine, region);
	loop_runs(machine, tried("the guest reads %s", "in a loop", iova));
	actor_call(&owner, owner_forget_events, 0, 0);
	refusals = actor_call(machine, vmm_refusals, 0, 0);
	story_must(actor_call(&owner, owner_unmap, region, 0),
		   "the owner revokes");
	loop_has_stopped(machine, "the owner revokes it: the loop stops at once");
	story_say("The call took %" PRIu64 " us in this machine.",
		  stage->nanoseconds / 1000);
	next_access_is_refused(machine, refusals, refusal);
	owner_was_told(iova, VHOST_GRANT_READ);
	story_must(actor_call(&owner, owner_map, region, 0), "the owner grants");
	loop_runs(machine,
		  "the owner grants it again, the VMM only calls KVM_RUN as before");
	end_loop(machine);
}
