/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Back-ends as Debian has them: a disk, which is qemu-storage-daemon with a file,
 * a switch between network ports, which is testpmd of DPDK, and a directory, which
 * is virtiofsd. Functions that can fail return a negative errno.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include "program.h"

#define BACKEND_PORTS	2

/**
 * struct backend - A back-end, running or not
 * @dir: of its sockets, its log and its file
 * @program: what it is
 * @sockets: that it listens at
 * @nr_sockets: how many
 * @image: of the disk, or the shared directory, or empty
 */
struct backend {
	char dir[64];
	struct program program;
	char sockets[BACKEND_PORTS][96];
	unsigned int nr_sockets;
	char image[96];
};

/* A new disk of zeros */
int disk_init(struct backend *disk, unsigned int megabytes, unsigned int queues);
/* A switch of two ports, which with @iotlb is told where memory is by the IOTLB */
int switch_init(struct backend *net, unsigned int queues, bool iotlb);

/* An empty directory */
int share_init(struct backend *share);

/* Until it listens */
int backend_start(struct backend *backend);
/*
 * Makes a switch move packets. It polls for them, and a guest that boots beside
 * that takes several times as long.
 */
int switch_on(struct backend *net);
/* As if it crashed */
void backend_kill(struct backend *backend);
void backend_free(struct backend *backend);
/* As vm_bury() */
void backend_bury(const struct backend *backend, bool failed);

#endif /* BACKEND_H */
