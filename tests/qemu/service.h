/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Back-ends in a virtual machine of their own, which front-ends connect to as they
 * do to back-ends on the host: its vhost-pci devices listen, vhost-pci-proxy in the
 * guest connects them to back-ends that know nothing of it. Functions that can fail
 * return a negative errno and have said why.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "backend.h"
#include "vm.h"

/**
 * enum service_kind - Who serves
 * @SERVICE_DISK: qemu-storage-daemon
 * @SERVICE_SWITCH: testpmd, which has a device for each of its ports
 * @SERVICE_HOSTILE: a disk of hostile_backend, see adversary_join()
 * @SERVICE_NOBODY: the guest is left alone
 */
enum service_kind {
	SERVICE_DISK,
	SERVICE_SWITCH,
	SERVICE_HOSTILE,
	SERVICE_NOBODY,
};

/**
 * struct service_config - What kind of service
 * @kind: who serves
 * @queues: 0 for 1
 * @mapped: QEMU maps the windows; otherwise they are native memslots
 * @port: the device is behind a port, from which it can be pulled
 * @memory: size of a device's memory, at least that of the windows, with a G
 * @options: more for each device, beginning with a comma, or NULL
 */
struct service_config {
	enum service_kind kind;
	unsigned int queues;
	bool mapped;
	bool port;
	const char *memory;
	const char *options;
};

/**
 * struct service - A virtual machine that serves
 * @config: what kind
 * @vm: the machine
 * @sockets: that its devices listen at
 * @devices: how many
 * @control: socket to what is hostile in it
 * @results: file that it writes to
 */
struct service {
	struct service_config config;
	struct vm vm;
	char sockets[BACKEND_PORTS][96];
	unsigned int devices;
	char control[96];
	char results[96];
};

/* Of each disk */
#define SERVICE_MEGABYTES	20

int service_init(struct service *service, const struct service_config *config);
/* Until everybody in it is there; once more after service_kill() */
int service_start(struct service *service);
/* The same for a guest that boots again by itself */
int service_wait_boot(struct service *service);
/* Ends QEMU at once */
void service_kill(struct service *service);
/* As vm_bury() */
void service_bury(const struct service *service, bool failed);

/* The two programs in the guest, each of which can be ended and started again */
bool service_start_backend(struct service *service);
bool service_end_backend(struct service *service);
bool service_start_proxy(struct service *service);
bool service_end_proxy(struct service *service);
/* Makes a switch move packets */
bool service_switch_on(struct service *service);
/* The checksum of the end of a disk, as md5sum prints it, is the guest's output. */
bool service_sum(struct service *service, unsigned int from_megabyte);

/* Plugs the device in again that was pulled from its port */
int service_plug(struct service *service);
/* What a device says of itself, a number or a boolean; -1 if it does not */
int64_t service_property(struct service *service, unsigned int device,
			 const char *name);
/* Waits until that is @value */
bool service_wait_property(struct service *service, unsigned int device,
			   const char *name, int64_t value);
/* Where the guest has the memory of its first device, 0 if nowhere */
uint64_t service_memory(struct service *service);

#endif /* SERVICE_H */
