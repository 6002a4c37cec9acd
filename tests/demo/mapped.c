// SPDX-License-Identifier: GPL-2.0-only
/* Scene 2: a guest whose VMM has mapped the window, with KVM as it always was. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "narrator.h"
#include "story.h"

static void guest_must_not_write(enum region_index region)
{
	const struct region *r = &regions[region];
	const uint64_t before = owner_sees(region);

	guest_does(&vmm, GUEST_WRITE, r->iova, word_of("guest 13"));
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

	guest_does(&vmm, command, iova, 1);
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
		guest_reads(&vmm, HUGETLB);
		guest_writes(&vmm, HUGETLB);
		return;
	}
	story_say("VHOST_GRANT_GET_INFO says that KVM of this kernel cannot map huge pages");
	story_say("from a window that is mapped (KVM before Linux 6.13). So it is:");
	guest_does(&vmm, GUEST_READ, r->iova + r->length - PAGE, 0);
	story_step(stage->outcome.result == VMM_HOLE,
		   tried("the guest reads %s", r->name,
			 r->iova + r->length - PAGE),
		   "%s", vmm_result_name(stage->outcome.result));
	ret = actor_call(&owner, owner_map_huge_for_kvm, 0, 0);
	story_step(ret == -EOPNOTSUPP,
		   "the owner grants a hugetlb page in a window that is declared to be for KVM",
		   "%s", ret < 0 ? strerror(-ret) : "it could");
}

void scene_mapped(int window)
{
	story_scene("2. A KVM guest whose VMM has mapped the window");
	story_must(actor_start(&vmm, VMM_UID, NULL), "the VMM starts");
	story_must(actor_give_fd(&vmm, vmm_take, window, 0),
		   "the VMM makes the window a memslot of its VM");
	story_say("The VMM is process %d, user %u. It has mapped the same window and given the",
		  vmm.pid, vmm.uid);
	story_say("mapping to KVM as an ordinary memslot, at guest address 0x%" PRIx64 ".",
		  vmm_window_gpa(0));

	guest_reads(&vmm, ANON);
	guest_writes(&vmm, ANON);
	guest_reads(&vmm, MEMFD);
	guest_writes(&vmm, MEMFD);
	guest_and_huge_pages();
	guest_must_not_reach(GUEST_READ, HOLE);
	guest_must_not_reach(GUEST_WRITE, HOLE);
	guest_must_not_reach(GUEST_EXECUTE, HOLE);
	guest_reads(&vmm, ANON_RO);
	guest_must_not_write(ANON_RO);
	guest_must_not_write(MEMFD_RO);
	revoke_under_loop(&vmm, ANON, "EFAULT");
}
