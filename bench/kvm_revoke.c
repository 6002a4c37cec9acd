// SPDX-License-Identifier: GPL-2.0-only
/*
 * A revoke while the guest runs: against what a VMM could do without windows,
 * many pages at once, and beside other machines.
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "kvm_machine.h"
#include "vgrant_kvm_bench.h"

/* In a round */
#define REVOKES		15
/* Pages that a guest uses */
#define FEW		64
#define MANY		2048
/* As far apart as the window can be long */
#define SCATTER		(2ULL << 20)
#define MANY_VMS	8

/**
 * struct use - What the guest does with the window meanwhile
 * @name: of the comparison
 * @what: in words
 * @vcpus: of the machine
 * @running: they write to the pages over and over, rather than once
 * @pages: that they use
 */
struct use {
	const char *name;
	const char *what;
	unsigned int vcpus;
	bool running;
	unsigned int pages;
};

static void use_begin(struct vmm *vm, const struct use *use, unsigned int index)
{
	if (use->running)
		machine_loop(vm, index, 0, use->pages);
}

/* The guest has all of the pages now. */
static void use_all(struct vmm *vm, const struct use *use, unsigned int index)
{
	if (use->running)
		machine_await(vm, use->pages);
	else
		machine_touch(vm, index, PAGE, use->pages);
}

static void use_end(struct vmm *vm, const struct use *use)
{
	if (use->running)
		machine_stop(vm);
}

/* UNMAP of one of the pages, which is granted again then */
static uint64_t time_revoke(struct vmm *vm, const struct use *use,
			    const struct window *w, const struct ram *ram)
{
	uint64_t time[REVOKES], iova;
	unsigned int i;

	use_begin(vm, use, WINDOW);
	for (i = 0; i < REVOKES; i++) {
		iova = random_below(use->pages) * PAGE;
		use_all(vm, use, WINDOW);
		time[i] = time_unmap(w, &iova, 1, 1);
		time_map(w, ram->address + iova, &iova, 1, 1);
	}
	use_end(vm, use);
	return undisturbed(time, REVOKES);
}

/* The ordinary memslot, which is as large, goes away and comes back. */
static uint64_t time_replug(struct vmm *vm, const struct use *use,
			    const struct ram *ram)
{
	uint64_t time[REVOKES], start;
	unsigned int i;

	use_begin(vm, use, ORDINARY);
	for (i = 0; i < REVOKES; i++) {
		use_all(vm, use, ORDINARY);
		start = now_ns();
		machine_unplug(vm);
		machine_plug(vm, ram);
		time[i] = now_ns() - start;
	}
	use_end(vm, use);
	return undisturbed(time, REVOKES);
}

static void revoke_round(struct vmm *vm, const struct use *use,
			 const struct window *w, const struct ram *ram,
			 struct series *s)
{
	if (s->n & 1) {
		s->b[s->n] = time_replug(vm, use, ram);
		s->a[s->n] = time_revoke(vm, use, w, ram);
	} else {
		s->a[s->n] = time_revoke(vm, use, w, ram);
		s->b[s->n] = time_replug(vm, use, ram);
	}
	s->n++;
}

static void bench_revoke_as(int space, unsigned int rounds, enum vmm_way way,
			    const struct use *use)
{
	static struct series s;
	const uint64_t length = use->pages * PAGE;
	struct window w = window_create(space, length);
	char name[48], what[96];
	struct ram ram;
	struct vmm vm;

	snprintf(name, sizeof(name), "kvm.revoke.%s.%s", way_name(way),
		 use->name);
	snprintf(what, sizeof(what), "UNMAP / delete and add a memslot, %s",
		 use->what);
	s = (struct series) { .name = name, .what = what, .aim = 0.05 };
	ram_create(&ram, length, false);
	ram_grant(&ram, &w);
	machine_create(&vm, use->vcpus);
	machine_give(&vm, WINDOW, way, &w);
	machine_plug(&vm, &ram);
	while (s.n < rounds)
		revoke_round(&vm, use, &w, &ram, &s);
	report(&s);
	vmm_destroy(&vm);
	window_destroy(&w);
	ram_destroy(&ram);
}

static const struct use idle = { "idle", "the vCPU outside", 1, false, FEW };
static const struct use one = { "1", "1 vCPU runs", 1, true, FEW };
static const struct use two = { "2", "2 vCPUs run", 2, true, FEW };
static const struct use large = { "large", "1 runs, in 8 MiB", 1, true, MANY };

void bench_revoke(int space, unsigned int rounds)
{
	enum vmm_way way;

	for (way = VMM_MAPPED; way <= VMM_NATIVE; way++) {
		if (!machine_can(way, "kvm.revoke"))
			continue;
		bench_revoke_as(space, rounds, way, &idle);
		bench_revoke_as(space, rounds, way, &one);
		bench_revoke_as(space, rounds, way, &two);
		bench_revoke_as(space, rounds, way, &large);
	}
}

/*
 * The vCPU has written to all of them, and stays with a page beside the first
 * that is not taken back, so that it runs in the guest all the time.
 */
static uint64_t time_batch(struct vmm *vm, const struct window *w,
			   const struct ram *ram, const uint64_t *iova,
			   unsigned int batch)
{
	uint64_t time;

	time_map(w, ram->address, iova, MAX_PAGES, MAX_PAGES);
	machine_touch(vm, WINDOW, SCATTER, MAX_PAGES);
	machine_loop(vm, WINDOW, PAGE, 1);
	machine_await(vm, 1);
	time = time_unmap(w, iova, MAX_PAGES, batch);
	machine_stop(vm);
	return time;
}

static void batch_rounds(struct vmm *vm, const struct window *w,
			 const struct ram *ram, unsigned int rounds,
			 struct series *s)
{
	const uint64_t stays = PAGE;
	uint64_t iova[MAX_PAGES];
	unsigned int i;

	for (i = 0; i < MAX_PAGES; i++)
		iova[i] = i * SCATTER;
	shuffle(iova, MAX_PAGES);
	time_map(w, ram->address, &stays, 1, 1);
	for (; s->n < rounds; s->n++)
		for (i = 0; i < 2; i++)
			if ((s->n + i) & 1)
				s->a[s->n] = time_batch(vm, w, ram, iova,
							MAX_PAGES);
			else
				s->b[s->n] = time_batch(vm, w, ram, iova, 1);
}

static void bench_batch_as(int space, unsigned int rounds, enum vmm_way way)
{
	static struct series s;
	struct window w = window_create(space, MAX_PAGES * SCATTER);
	char name[48];
	struct ram ram;
	struct vmm vm;

	snprintf(name, sizeof(name), "kvm.batch.%s", way_name(way));
	s = (struct series) {
		.name = name,
		.what = "UNMAP of 256 scattered pages, one call / 256 calls",
		.aim = 0.35,
	};
	ram_create(&ram, MAX_PAGES * PAGE, false);
	machine_create(&vm, 1);
	machine_give(&vm, WINDOW, way, &w);
	batch_rounds(&vm, &w, &ram, rounds, &s);
	report(&s);
	vmm_destroy(&vm);
	window_destroy(&w);
	ram_destroy(&ram);
}

void bench_batch(int space, unsigned int rounds)
{
	enum vmm_way way;

	for (way = VMM_MAPPED; way <= VMM_NATIVE; way++)
		if (machine_can(way, "kvm.batch"))
			bench_batch_as(space, rounds, way);
}

/**
 * struct other - A machine that has a window of its own, and is idle
 * @vm: the machine
 * @w: all granted, and the guest has written to each page
 */
struct other {
	struct vmm vm;
	struct window w;
};

static struct other others[MANY_VMS];
static unsigned int nr_others;

static void other_create(struct other *o, int space, enum vmm_way way,
			 const struct ram *ram)
{
	o->w = window_create(space, FEW * PAGE);
	ram_grant(ram, &o->w);
	machine_create(&o->vm, 1);
	machine_give(&o->vm, WINDOW, way, &o->w);
	machine_touch(&o->vm, WINDOW, PAGE, FEW);
}

static void other_destroy(struct other *o)
{
	vmm_destroy(&o->vm);
	window_destroy(&o->w);
}

static void have_others(unsigned int nr, int space, enum vmm_way way,
			const struct ram *ram)
{
	while (nr_others < nr)
		other_create(&others[nr_others++], space, way, ram);
	while (nr_others > nr)
		other_destroy(&others[--nr_others]);
}

static void bench_others_as(int space, unsigned int rounds, enum vmm_way way)
{
	static struct series s;
	char name[48];
	struct other us;
	struct ram ram;
	unsigned int i;

	snprintf(name, sizeof(name), "kvm.others.%s", way_name(way));
	s = (struct series) {
		.name = name,
		.what = "UNMAP with 8 VMs on other windows / with 1",
		.aim = 1.1,
	};
	ram_create(&ram, FEW * PAGE, false);
	other_create(&us, space, way, &ram);
	for (; s.n < rounds; s.n++)
		for (i = 0; i < 2; i++) {
			const bool many = (s.n + i) & 1;
			uint64_t *time = many ? s.a : s.b;

			have_others(many ? MANY_VMS : 1, space, way, &ram);
			time[s.n] = time_revoke(&us.vm, &one, &us.w, &ram);
		}
	report(&s);
	have_others(0, space, way, &ram);
	other_destroy(&us);
	ram_destroy(&ram);
}

void bench_others(int space, unsigned int rounds)
{
	enum vmm_way way;

	for (way = VMM_MAPPED; way <= VMM_NATIVE; way++)
		if (machine_can(way, "kvm.others"))
			bench_others_as(space, rounds, way);
}
