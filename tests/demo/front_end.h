/* SPDX-License-Identifier: GPL-2.0-only */
/* The scenes with QEMU as a front-end; the first of them is in disk.c. */
#ifndef FRONT_END_H
#define FRONT_END_H

void scene_disk(void);

#endif
