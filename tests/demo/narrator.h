/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The narrator asks the cast to do things, tells what happened, and holds it
 * against what was claimed. Every number is one that was measured.
 */
#ifndef NARRATOR_H
#define NARRATOR_H

#include "actor.h"
#include "cast.h"

#define OWNER_UID	1000
#define NATIVE_VMM_UID	65532
#define VMM_UID		65533
#define PEER_UID	65534
/* Between regions of either window, and granted to nobody */
#define HOLE		0x8000

/* The native VMM has no pid if its scene was left out. */
extern struct actor owner, peer, vmm, native_vmm;

/* Scenes 2 and 3. */
void scene_mapped(int window);
/* The window, or -1 if KVM of this kernel cannot do it */
int scene_native(void);

/* "@what at @iova", with @what in @format; valid until the next call */
const char *tried(const char *format, const char *what, uint64_t iova);
/* What was granted in a window */
void tell_grants(enum window_index index, int window);
uint64_t owner_sees(enum region_index region);
/* The owner's last event must be about this page and this kind of access. */
void owner_was_told(uint64_t iova, uint32_t access);

/* The answer is stage->outcome */
void guest_does(struct actor *machine, enum guest_command command,
		uint64_t iova, uint64_t word);
void guest_reads(struct actor *machine, enum region_index region);
void guest_writes(struct actor *machine, enum region_index region);

void start_loop(struct actor *machine, enum region_index region);
void end_loop(struct actor *machine);
void loop_runs(struct actor *machine, const char *how);
void loop_has_stopped(struct actor *machine, const char *how);
/* The loop runs while its region is revoked and granted again. */
void revoke_under_loop(struct actor *machine, enum region_index region,
		       const char *refusal);

#endif
