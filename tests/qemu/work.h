/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guests of several tests do with their devices, whoever serves these. True if
 * it went well, otherwise it was said what did not.
 */
#ifndef WORK_H
#define WORK_H

#include "vm.h"

/* Of the file system that is made on a disk */
#define WORK_FS_MEGABYTES	16

/* Writes files, and finds them again when nothing of them is in the guest's memory */
bool work_with_files(struct vm *vm);
/* Writes as much behind the file system; its md5sum is then the guest's output */
bool work_behind_files(struct vm *vm, unsigned int megabytes);

/* Makes the two cards those of two machines, as far as the guest's kernel sees it */
bool work_separate(struct vm *vm);
/* Does that, and sends packets both ways */
bool work_with_network(struct vm *vm);
/* What is sent on a CPU comes in by the queue that is that CPU's. */
bool work_with_queue(struct vm *vm, unsigned int queue);

/* Writes and reads on the disk until it is told to stop */
bool work_begin(struct vm *vm);
/* Waits until more has been done than before the call */
bool work_goes_on(struct vm *vm);
bool work_end(struct vm *vm);
/* The disk's back-end has been granted something; waits for it. */
bool work_is_granted(struct vm *vm);
/* It has nothing. */
bool work_is_revoked(struct vm *vm);

#endif /* WORK_H */
