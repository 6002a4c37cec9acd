/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A peer (see selftests/peer.h) that has given its window to a guest. The test
 * is the owner; the VMM is another process, or another thread, and does what
 * the calls below ask of it. They are those of vmm.h.
 */
#ifndef VMPEER_H
#define VMPEER_H

#include "peer.h"
#include "vmm.h"

/**
 * struct vmpeer_shared - What owner and VMM share for the conduct of a test
 * @way: of the windows
 * @command: to run next
 * @retry_holes: of vmm_start()
 * @milliseconds: of vmm_wait()
 * @outcome: of the last command
 * @vm: of the VMM. Its pointers are of no use to the owner
 */
struct vmpeer_shared {
	enum vmm_way way;
	struct guest_mailbox command;
	bool retry_holes;
	unsigned int milliseconds;
	struct vmm_outcome outcome;
	struct vmm vm;
};

struct vmpeer {
	struct peer peer;
	struct vmpeer_shared *shared;
};

/*
 * The window becomes the VM's first one. 0 or -errno; -EOPNOTSUPP if KVM of
 * this kernel does not know the way.
 */
int vmpeer_start(struct vmpeer *guest, enum peer_kind kind, enum vmm_way way,
		 const struct window *window, unsigned int nr_vcpus);
void vmpeer_stop(struct vmpeer *guest);

struct vmm_outcome vmpeer_run(struct vmpeer *guest, unsigned int cpu,
			      const struct guest_mailbox *command);
struct vmm_outcome vmpeer_resume(struct vmpeer *guest, unsigned int cpu);
int vmpeer_begin(struct vmpeer *guest, unsigned int cpu,
		 const struct guest_mailbox *command, bool retry_holes);
int vmpeer_begin_resume(struct vmpeer *guest, unsigned int cpu);
struct vmm_outcome vmpeer_wait(struct vmpeer *guest, unsigned int cpu,
			       unsigned int milliseconds);
struct vmm_outcome vmpeer_kick(struct vmpeer *guest, unsigned int cpu);
uint64_t vmpeer_heartbeat(struct vmpeer *guest, unsigned int cpu);
uint64_t vmpeer_hits(struct vmpeer *guest, unsigned int cpu);
uint64_t vmpeer_holes(struct vmpeer *guest, unsigned int cpu);
bool vmpeer_wait_beats(struct vmpeer *guest, unsigned int cpu, uint64_t beats);
uint64_t vmpeer_use_page_table(struct vmpeer *guest, uint64_t table_gpa);
/* More memslots: another window that the VMM has inherited, or the first again */
int vmpeer_add_window(struct vmpeer *guest, unsigned int index,
		      const struct window *window);
int vmpeer_alias_window(struct vmpeer *guest, unsigned int index);
int vmpeer_remove_window(struct vmpeer *guest, unsigned int index);

#endif
