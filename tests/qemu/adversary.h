/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hostile back-end as a test sees it: a program that is told line by line what
 * to try, see hostile_backend.c. It has its own process and no authority.
 * Functions that can fail return a negative errno and have said why.
 */
#ifndef ADVERSARY_H
#define ADVERSARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "program.h"
#include "reach.h"
#include "stream.h"
#include "vm.h"

/**
 * struct adversary - A hostile back-end
 * @dir: of its files
 * @socket: that it listens at
 * @image: of the disk that it serves
 * @results: file for the pages it reaches
 * @program: what it is
 * @stream: to and from it
 * @answer: to the last command, allocated
 * @guest: that it runs in, or NULL
 * @nr: of @reached
 * @reached: by adversary_reach(), allocated
 */
struct adversary {
	char dir[64];
	char socket[96];
	char image[96];
	char results[96];
	struct program program;
	struct stream stream;
	char *answer;
	struct vm *guest;
	size_t nr;
	struct reached *reached;
};

/* @offer: see its options, NULL for an ordinary back-end */
int adversary_init(struct adversary *adversary, unsigned int megabytes,
		   const char *offer);
int adversary_start(struct adversary *adversary);
/*
 * One that is started elsewhere and is commanded over the socket @control. If it is in
 * a guest, that copies its results to @results.
 */
int adversary_join(struct adversary *adversary, const char *control,
		   const char *results, struct vm *guest);
/* As vm_bury() */
void adversary_bury(const struct adversary *adversary, bool failed);

/* 0 if it did, with @adversary->answer */
int adversary_do(struct adversary *adversary, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The number that follows @name in the answer, -1 if it is not there */
int64_t adversary_number(const struct adversary *adversary, const char *name);
/* That number of its state */
int64_t adversary_state(struct adversary *adversary, const char *name);
/* Waits until that is at least @value; false if it does not become so */
bool adversary_wait(struct adversary *adversary, const char *name,
		    int64_t value);

void adversary_forget(struct adversary *adversary);
/* Adds to @adversary->reached what can be reached; pages, or a negative errno */
long adversary_reach(struct adversary *adversary, const char *how,
		     uint64_t first, uint64_t last);

#endif /* ADVERSARY_H */
