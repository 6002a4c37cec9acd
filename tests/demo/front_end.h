/* SPDX-License-Identifier: GPL-2.0-only */
/* The scenes with QEMU as a front-end, some of which are in disk.c and served.c */
#ifndef FRONT_END_H
#define FRONT_END_H

#include "vm.h"

void scene_disk(void);
void scene_served(void);

/* A guest makes a file system on its disk, and finds there what it has written. */
void disk_is_used(struct vm *guest);

#endif
