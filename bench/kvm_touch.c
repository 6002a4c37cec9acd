// SPDX-License-Identifier: GPL-2.0-only
/* The first access to pages, with and without a prefault. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kvm_machine.h"
#include "vgrant_kvm_bench.h"

#define PAGES	2048U

/**
 * struct touches - Nanoseconds for all the pages
 * @cold: write to each, and KVM has none of them
 * @prefault: have KVM prepare them
 * @warm: write to each then
 * @ordinary: @cold of an ordinary memslot of the same memory
 */
struct touches {
	uint64_t cold;
	uint64_t prefault;
	uint64_t warm;
	uint64_t ordinary;
};

/**
 * struct ground - What is touched
 * @vm: a machine with one vCPU
 * @w: its window
 * @ram: all granted in the window, and an ordinary memslot
 */
struct ground {
	struct vmm vm;
	struct window w;
	struct ram ram;
};

static void ground_create(struct ground *g, int space, enum vmm_way way)
{
	g->w = window_create(space, PAGES * PAGE);
	ram_create(&g->ram, PAGES * PAGE, false);
	ram_grant(&g->ram, &g->w);
	machine_create(&g->vm, 1);
	machine_give(&g->vm, WINDOW, way, &g->w);
	machine_plug(&g->vm, &g->ram);
}

static void ground_destroy(struct ground *g)
{
	vmm_destroy(&g->vm);
	window_destroy(&g->w);
	ram_destroy(&g->ram);
}

static void grant_anew(struct ground *g)
{
	ram_take_back(&g->ram, &g->w);
	ram_grant(&g->ram, &g->w);
}

static uint64_t time_prefault(struct ground *g)
{
	const uint64_t gpa = vmm_window_gpa(WINDOW), length = g->ram.length;
	uint64_t start = now_ns();
	int64_t done = vmm_prefault(&g->vm, 0, gpa, length);
	uint64_t end = now_ns();

	if (done < 0)
		errx(1, "KVM_PRE_FAULT_MEMORY: %s", strerror((int)-done));
	if ((uint64_t)done != length)
		errx(1, "KVM_PRE_FAULT_MEMORY stopped after %lld bytes",
		     (long long)done);
	return end - start;
}

static void touch_round(struct ground *g, bool prefault, struct touches *t)
{
	grant_anew(g);
	t->cold = machine_touch(&g->vm, WINDOW, PAGE, PAGES);
	machine_unplug(&g->vm);
	machine_plug(&g->vm, &g->ram);
	t->ordinary = machine_touch(&g->vm, ORDINARY, PAGE, PAGES);
	if (!prefault)
		return;
	grant_anew(g);
	t->prefault = time_prefault(g);
	t->warm = machine_touch(&g->vm, WINDOW, PAGE, PAGES);
}

static void add(struct series *s, uint64_t a, uint64_t b)
{
	s->a[s->n] = a;
	s->b[s->n] = b;
	s->n++;
}

/* A kernel before 6.11 has none, nor has one that cannot do it with this slot. */
static bool can_prefault(struct ground *g, enum vmm_way way)
{
	int64_t done = vmm_prefault(&g->vm, 0, vmm_window_gpa(WINDOW), PAGE);
	char name[48];

	if (done > 0)
		return true;
	snprintf(name, sizeof(name), "kvm.prefault.%s", way_name(way));
	report_skip(name, strerror((int)-done));
	return false;
}

static void bench_touch_as(int space, unsigned int rounds, enum vmm_way way)
{
	static struct series first, prefault, warm, both;
	struct touches t;
	struct ground g;
	char name[4][48];
	bool can;

	snprintf(name[0], sizeof(*name), "kvm.first.%s", way_name(way));
	snprintf(name[1], sizeof(*name), "kvm.prefault.%s", way_name(way));
	snprintf(name[2], sizeof(*name), "kvm.prefaulted.%s", way_name(way));
	snprintf(name[3], sizeof(*name), "kvm.prefault+touch.%s", way_name(way));
	first = (struct series) {
		.name = name[0], .aim = 1.3,
		.what = "first touch of a page, window / ordinary memslot",
	};
	prefault = (struct series) {
		.name = name[1], .aim = 0.5,
		.what = "prefault / first touch without",
	};
	warm = (struct series) {
		.name = name[2], .aim = 0.1,
		.what = "first touch after a prefault / without",
	};
	both = (struct series) {
		.name = name[3], .aim = 0.5,
		.what = "prefault and first touch / first touch without",
	};
	ground_create(&g, space, way);
	for (can = can_prefault(&g, way); first.n < rounds;) {
		touch_round(&g, can, &t);
		add(&first, t.cold, t.ordinary);
		if (!can)
			continue;
		add(&prefault, t.prefault, t.cold);
		add(&warm, t.warm, t.cold);
		add(&both, t.prefault + t.warm, t.cold);
	}
	ground_destroy(&g);
	report(&first);
	if (!can)
		return;
	report(&prefault);
	report(&warm);
	report(&both);
}

void bench_touch(int space, unsigned int rounds)
{
	enum vmm_way way;

	for (way = VMM_MAPPED; way <= VMM_NATIVE; way++)
		if (machine_can(way, "kvm.first"))
			bench_touch_as(space, rounds, way);
}
