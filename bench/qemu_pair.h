/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of QEMU that has each device twice: one whose back-end has a window,
 * and one whose back-end has all memory of the guest, as QEMU does it without
 * the project. A call that fails ends the program.
 */
#ifndef QEMU_PAIR_H
#define QEMU_PAIR_H

#include "backend.h"
#include "bench.h"
#include "vm.h"

/**
 * enum rival - Who is compared
 * @BY_WINDOW: a back-end that has a window
 * @BY_STOCK: one that has the guest's memory
 */
enum rival {
	BY_WINDOW,
	BY_STOCK,
	RIVALS,
};

/**
 * struct pair - A guest, and back-ends of its devices
 * @vm: the guest, on the first CPU
 * @backends: on the second, where one is idle while the other is measured
 */
struct pair {
	struct vm vm;
	struct backend backends[RIVALS];
};

/**
 * struct contest - What the guest does with the devices of either back-end
 * @name: of the comparison
 * @what: is done, in one word
 * @aim: for the ratio of times to stay below
 * @count: how often it is done in one go
 * @commands: of the guest, which are given the count and a seed
 */
struct contest {
	const char *name;
	const char *what;
	double aim;
	unsigned int count;
	const char *commands[RIVALS];
};

/* Starts the back-ends, which are made already, and makes a machine for them */
void pair_begin(struct pair *p, enum vm_iommu iommu);
/* Devices that are added from now on are for this one. */
void pair_choose(struct pair *p, enum rival who);
void pair_boot(struct pair *p);
void pair_end(struct pair *p);

/* Times of all rounds, and then how much there is to do for it */
void pair_compare(struct pair *p, const struct contest *c,
		  const struct options *o);

/* If what @ret is of failed, ends the program, with the logs of the guest. */
void pair_must(struct pair *p, int ret, const char *what);

#endif /* QEMU_PAIR_H */
