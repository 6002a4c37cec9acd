// SPDX-License-Identifier: GPL-2.0-only
/* Disks of qemu-storage-daemon */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <unistd.h>

#include "qemu_pair.h"
#include "vgrant_qemu_bench.h"

#define MEGABYTES	64
/* Of the same speed, 0.97 is the least that is aimed at */
#define AIM		(1 / 0.97)

/* Each of its blocks begins with its own place. */
static void fill(const char *image)
{
	static uint64_t block[PAGE / sizeof(uint64_t)];
	int fd = open(image, O_WRONLY | O_CLOEXEC);

	for (; block[0] < (uint64_t)MEGABYTES << 20; block[0] += PAGE)
		if (pwrite(fd, block, PAGE, (off_t)block[0]) != (ssize_t)PAGE)
			err(1, "%s", image);
	block[0] = 0;
	close(fd);
}

void bench_disk(const struct options *o)
{
	static const struct contest contests[] = {
		{
			"qemu.disk.random.4k", "read", AIM, 200,
			{ "guest_read /dev/vda random 4096 8",
			  "guest_read /dev/vdb random 4096 8" },
		}, {
			"qemu.disk.sequential.256k", "read", AIM, 60,
			{ "guest_read /dev/vda sequential 262144 4",
			  "guest_read /dev/vdb sequential 262144 4" },
		},
	};
	struct pair p = { };
	enum rival who;
	unsigned int i;

	for (who = BY_WINDOW; who < RIVALS; who++) {
		pair_must(&p, disk_init(&p.backends[who], MEGABYTES, 1),
			  "making a disk");
		fill(p.backends[who].image);
	}
	pair_begin(&p, VM_NO_IOMMU);
	for (who = BY_WINDOW; who < RIVALS; who++) {
		pair_choose(&p, who);
		vm_add_disk(&p.vm, who, p.backends[who].sockets[0], 1);
	}
	pair_boot(&p);
	for (i = 0; i < sizeof(contests) / sizeof(*contests); i++)
		pair_compare(&p, &contests[i], o);
	pair_end(&p);
}
