// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads and writes of a guest, when all its page tables are there: one machine
 * has the same memory of the owner through windows and as an ordinary memslot.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>

#include "kvm_machine.h"
#include "vgrant_kvm_bench.h"

#define LENGTH		(16ULL << 20)
/* Short enough to be done before anything else gets the CPU */
#define PIECE		(2ULL << 20)
/* Of each in a round, in turn */
#define PASSES		32
/* Beside WINDOW, which is mapped, and ORDINARY */
#define NATIVE		2
/* Of the same bandwidth, 0.98 is the least that is aimed at */
#define AIM		(1 / 0.98)

static uint64_t pass(struct vmm *vm, unsigned int index, uint64_t offset,
		     uint64_t length, bool write)
{
	const struct guest_mailbox command = {
		.command = write ? GUEST_FILL : GUEST_CHECK,
		.address = vmm_window_gpa(index) + offset,
		.length = length,
		.value = 1,
	};
	uint64_t time = machine_do(vm, &command);

	if (!write && vm->vcpus[0].box->result)
		errx(1, "the guest reads what is not there");
	return time;
}

static void bandwidth_round(struct vmm *vm, unsigned int index, bool write,
			    struct series *s)
{
	uint64_t a[PASSES], b[PASSES];
	unsigned int i;

	for (i = 0; i < PASSES; i++) {
		const uint64_t offset = i * PIECE % LENGTH;

		if ((s->n + i) & 1)
			a[i] = pass(vm, index, offset, PIECE, write);
		b[i] = pass(vm, ORDINARY, offset, PIECE, write);
		if (!((s->n + i) & 1))
			a[i] = pass(vm, index, offset, PIECE, write);
	}
	s->a[s->n] = undisturbed(a, PASSES);
	s->b[s->n] = undisturbed(b, PASSES);
	s->n++;
}

static void bench_access(struct vmm *vm, unsigned int rounds, enum vmm_way way,
			 const char *size, bool write)
{
	const unsigned int index = way == VMM_MAPPED ? WINDOW : NATIVE;
	static struct series s;
	char name[48], what[64];

	snprintf(name, sizeof(name), "kvm.%s.%s.%s", write ? "write" : "read",
		 way_name(way), size);
	snprintf(what, sizeof(what), "%s, window / ordinary memslot",
		 write ? "writing" : "reading");
	s = (struct series) { .name = name, .what = what, .aim = AIM };
	while (s.n < rounds)
		bandwidth_round(vm, index, write, &s);
	report(&s);
}

static void bench_way(struct vmm *vm, unsigned int rounds, enum vmm_way way,
		      const struct window *w, const char *size)
{
	const unsigned int index = way == VMM_MAPPED ? WINDOW : NATIVE;

	machine_give(vm, index, way, w);
	pass(vm, ORDINARY, 0, LENGTH, true);
	pass(vm, index, 0, LENGTH, true);
	bench_access(vm, rounds, way, size, false);
	bench_access(vm, rounds, way, size, true);
}

static bool can_map_huge(int space, bool huge)
{
	if (!huge || space_info(space).out_features &
		     VHOST_GRANT_FEATURE_KVM_MAPPED_HUGE)
		return true;
	report_skip("kvm.read.mapped.huge, kvm.write.mapped.huge",
		    "KVM cannot map them from a mapped window");
	return false;
}

static void bench_size(int space, unsigned int rounds, bool huge)
{
	const char *size = huge ? "huge" : "4k";
	struct window w;
	struct ram ram;
	struct vmm vm;

	if (!ram_create(&ram, LENGTH, huge)) {
		report_skip("kvm.read, kvm.write of huge pages",
			    "not enough free hugetlb pages");
		return;
	}
	w = window_create(space, LENGTH);
	ram_grant(&ram, &w);
	machine_create(&vm, 1);
	machine_plug(&vm, &ram);
	if (can_map_huge(space, huge))
		bench_way(&vm, rounds, VMM_MAPPED, &w, size);
	if (machine_can(VMM_NATIVE, huge ? "kvm.huge" : "kvm.4k"))
		bench_way(&vm, rounds, VMM_NATIVE, &w, size);
	vmm_destroy(&vm);
	window_destroy(&w);
	ram_destroy(&ram);
}

void bench_bandwidth(int space, unsigned int rounds)
{
	if (!machine_can(VMM_MAPPED, "kvm.bandwidth"))
		return;
	bench_size(space, rounds, false);
	bench_size(space, rounds, true);
}
