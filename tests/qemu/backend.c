// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"

static int init(struct backend *backend, const char *program,
		unsigned int sockets)
{
	unsigned int i;

	memset(backend, 0, sizeof(*backend));
	strcpy(backend->dir, "/tmp/backend-XXXXXX");
	if (!mkdtemp(backend->dir))
		return -errno;
	backend->nr_sockets = sockets;
	for (i = 0; i < sockets; i++)
		snprintf(backend->sockets[i], sizeof(backend->sockets[i]),
			 "%s/socket%u", backend->dir, i);
	program_init(&backend->program, backend->dir, program);
	return 0;
}

static int make_image(struct backend *disk, unsigned int megabytes)
{
	int fd, ret;

	snprintf(disk->image, sizeof(disk->image), "%s/image", disk->dir);
	fd = open(disk->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = ftruncate(fd, (off_t)megabytes << 20) ? -errno : 0;
	close(fd);
	return ret;
}

void disk_describe(struct program *program, const char *image,
		   const char *socket, unsigned int queues)
{
	program_add(program, "--blockdev");
	program_add(program, "driver=file,node-name=file,filename=%s", image);
	program_add(program, "--blockdev");
	program_add(program, "driver=raw,node-name=disk,file=file");
	program_add(program, "--export");
	program_add(program,
		    "type=vhost-user-blk,id=export,node-name=disk,writable=on,num-queues=%u,addr.type=unix,addr.path=%s",
		    queues, socket);
}

int disk_init(struct backend *disk, unsigned int megabytes, unsigned int queues)
{
	int ret;

	ret = init(disk, "qemu-storage-daemon", 1);
	if (!ret)
		ret = make_image(disk, megabytes);
	if (!ret)
		disk_describe(&disk->program, disk->image, disk->sockets[0],
			      queues);
	return ret;
}

/* Its own namespace would need a root that is not an initramfs. */
int share_init(struct backend *share)
{
	struct program *program = &share->program;
	int ret;

	ret = init(share, "virtiofsd", 1);
	if (ret)
		return ret;
	snprintf(share->image, sizeof(share->image), "%s/share", share->dir);
	if (mkdir(share->image, 0700))
		return -errno;
	program_add(program, "-f");
	program_add(program, "--socket-path=%s", share->sockets[0]);
	program_add(program, "-o");
	program_add(program, "source=%s,sandbox=chroot,cache=none",
		    share->image);
	return 0;
}

static void add_driver(struct program *program, const char *root,
		       const char *name)
{
	program_add(program, "-d");
	program_add(program, "%s/lib/librte_%s.so.23", root, name);
}

static void add_port(struct program *program, const struct switch_config *config,
		     unsigned int port)
{
	program_add(program, "--vdev");
	program_add(program, "net_vhost%u,iface=%s,queues=%u,iommu-support=%d",
		    port, config->sockets[port], config->queues, config->iotlb);
}

/* One thread waits for commands, one moves packets. */
void switch_describe(struct program *program,
		     const struct switch_config *config)
{
	unsigned int i;

	add_driver(program, config->root, "mempool_ring");
	add_driver(program, config->root, "net_vhost");
	program_add(program, "--no-huge");
	program_add(program, "--no-pci");
	program_add(program, "--no-telemetry");
	program_add(program, "--no-shconf");
	program_add(program, "-m");
	program_add(program, "96");
	program_add(program, "--lcores");
	program_add(program, "%s", config->lcores);
	for (i = 0; i < BACKEND_PORTS; i++)
		add_port(program, config, i);
	program_add(program, "--");
	program_add(program, "--interactive");
	program_add(program, "--forward-mode=io");
	program_add(program, "--total-num-mbufs=16384");
	program_add(program, "--rxq=%u", config->queues);
	program_add(program, "--txq=%u", config->queues);
	program_add(program, "--no-flush-rx");
}

int switch_init(struct backend *net, unsigned int queues, bool iotlb)
{
	const struct switch_config config = {
		/* The lab's first CPU is not for tests. */
		.root = program_root(), .lcores = "0@1,1@2",
		.sockets = { net->sockets[0], net->sockets[1] },
		.queues = queues, .iotlb = iotlb,
	};
	int ret;

	ret = init(net, "dpdk-testpmd", BACKEND_PORTS);
	if (!ret)
		switch_describe(&net->program, &config);
	return ret;
}

int backend_start(struct backend *backend)
{
	unsigned int i;
	int ret;

	for (i = 0; i < backend->nr_sockets; i++)
		unlink(backend->sockets[i]);
	ret = program_start(&backend->program, NULL, 0);
	for (i = 0; i < backend->nr_sockets && !ret; i++)
		ret = program_wait_listening(&backend->program,
					     backend->sockets[i]);
	return ret;
}

int switch_on(struct backend *net)
{
	return program_say(&net->program, "start\n");
}

void backend_kill(struct backend *backend)
{
	program_kill(&backend->program);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_files(const struct backend *backend)
{
	unsigned int i;

	for (i = 0; i < backend->nr_sockets; i++)
		unlink(backend->sockets[i]);
	if (*backend->image)
		nftw(backend->image, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	unlink(backend->program.log);
	rmdir(backend->dir);
}

void backend_free(struct backend *backend)
{
	program_free(&backend->program);
	remove_files(backend);
}

void backend_bury(const struct backend *backend, bool failed)
{
	if (!*backend->dir)
		return;
	program_bury(&backend->program, failed);
	remove_files(backend);
}
