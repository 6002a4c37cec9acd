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

/**
 * struct switch_config - What kind of switch
 * @root: directory of lib/, which its drivers are in
 * @lcores: where its two threads run, as DPDK takes it
 * @sockets: of its ports
 * @queues: of each port
 * @iotlb: it is told where memory is by the IOTLB
 */
struct switch_config {
	const char *root;
	const char *lcores;
	const char *sockets[BACKEND_PORTS];
	unsigned int queues;
	bool iotlb;
};

/* Add the arguments of such programs, which may run anywhere. */
void disk_describe(struct program *program, const char *image,
		   const char *socket, unsigned int queues);
void switch_describe(struct program *program,
		     const struct switch_config *config);

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
