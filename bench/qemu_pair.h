/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of QEMU that has each device twice, with back-ends of two kinds: one that
 * has a window, and one that has all memory of the guest, as QEMU does it without
 * the project; or one in a virtual machine of its own. A call that fails ends the
 * program.
 */
#ifndef QEMU_PAIR_H
#define QEMU_PAIR_H

#include "backend.h"
#include "bench.h"
#include "service.h"
#include "vm.h"

/* The two that are compared, in the order of what is reported */
#define RIVALS		2

/**
 * struct rival - Back-ends of one kind
 * @name: of the kind, in a word or two
 * @sharing: how they reach the guest's memory
 * @served: they are in @service, otherwise @backend
 * @backend: on the host
 * @service: in a virtual machine
 */
struct rival {
	const char *name;
	enum vm_sharing sharing;
	bool served;
	struct backend backend;
	struct service service;
};

/**
 * struct pair - A guest, and back-ends of its devices
 * @vm: the guest, on the first CPU
 * @rivals: on the second, where one is idle while the other is measured
 */
struct pair {
	struct vm vm;
	struct rival rivals[RIVALS];
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
void pair_begin(struct pair *p, const struct vm_config *config);
/* The socket of one of them. Devices that are added from now on are for it. */
const char *pair_choose(struct pair *p, unsigned int who, unsigned int number);
void pair_boot(struct pair *p);
void pair_end(struct pair *p);

/* Times of all rounds, and then how much there is to do for it */
void pair_compare(struct pair *p, const struct contest *c,
		  const struct options *o);

/* If what @ret is of failed, ends the program, with the logs of the guest. */
void pair_must(struct pair *p, int ret, const char *what);

#endif /* QEMU_PAIR_H */
