/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine whose devices are back-ends: QEMU, controlled over QMP, with
 * a Linux guest that runs the commands it is sent.
 *
 * vm_init(), then vm_add_disk() and the like for what the machine has, then
 * vm_start() and vm_wait_boot(). Everything can be called with sharing as QEMU
 * has it without the project, too, which is how the two are compared. Functions
 * that can fail return a negative errno and have said why.
 */
#ifndef VM_H
#define VM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "program.h"
#include "stream.h"

/**
 * enum vm_sharing - How back-ends reach the guest's RAM
 * @VM_GRANT: through a window, page by page
 * @VM_STOCK: they are handed all of it
 */
enum vm_sharing {
	VM_GRANT,
	VM_STOCK,
};

enum vm_memory {
	VM_MEMFD,
	VM_ANON,
	VM_HUGE,
};

enum vm_iommu {
	VM_NO_IOMMU,
	VM_INTEL_IOMMU,
	VM_VIRTIO_IOMMU,
};

/**
 * struct vm_config - What kind of machine
 * @sharing: how back-ends reach the guest's RAM
 * @memory: what that RAM is
 * @iommu: that the guest has
 * @megabytes: of RAM, 0 for 256
 * @cpus: 0 for 1
 * @slots: for memory that is plugged in later, in all at most 4 GB
 * @window: size of the window as QEMU takes it, NULL for the default
 * @bypass: what the object is told of it, NULL for the default
 * @iova_bits: of the addresses that a virtio-iommu gives out, 0 for 39
 * @kvm_mapped: back-ends are virtual machines that map the window
 * @packed: the network cards have packed rings
 * @back_end: the guest is one that serves others, see service.h
 * @kernel_args: added to the guest's command line, or NULL
 */
struct vm_config {
	enum vm_sharing sharing;
	enum vm_memory memory;
	enum vm_iommu iommu;
	unsigned int megabytes;
	unsigned int cpus;
	unsigned int slots;
	const char *window;
	const char *bypass;
	unsigned int iova_bits;
	bool kvm_mapped;
	bool packed;
	bool back_end;
	const char *kernel_args;
};

/**
 * struct vm - A virtual machine
 * @config: what kind
 * @dir: of its sockets and logs
 * @qemu: the program
 * @qmp: QEMU's monitor
 * @guest: what the guest's commands print
 * @events: that QEMU has sent and nobody has waited for yet
 * @error: what QEMU said to the last command that failed
 * @output: of the guest's last command, allocated
 * @commands: that the guest was sent
 * @ports: for devices that can be pulled
 * @lasting: arguments of @qemu that are good for more than one start, 0 before the
 *	first
 */
struct vm {
	struct vm_config config;
	char dir[64];
	struct program qemu;
	struct stream qmp;
	struct stream guest;
	json_t *events;
	char error[256];
	char *output;
	unsigned int commands;
	unsigned int ports;
	int lasting;
};

/* VM_STOCK if the environment has SHARING=stock, otherwise VM_GRANT */
enum vm_sharing vm_sharing(void);
/* Why there cannot be such a machine with such a back-end, or NULL */
const char *vm_impossible(const struct vm_config *config, bool iotlb);

int vm_init(struct vm *vm, const struct vm_config *config);
/* An option of QEMU, and its argument */
void vm_add(struct vm *vm, const char *option, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What a device with a back-end has more because of the machine's kind */
const char *vm_device_options(const struct vm *vm);

/*
 * A disk whose back-end listens at @path, and is connected to again when it fails.
 * The device is "disk" with a number, behind a port of its own.
 */
void vm_add_disk(struct vm *vm, unsigned int number, const char *path,
		 unsigned int queues);
/* A network card, likewise, "nic" with a number */
void vm_add_nic(struct vm *vm, unsigned int number, const char *path,
		unsigned int queues);
/* A directory, likewise, with the tag "share" */
void vm_add_share(struct vm *vm, const char *path);
/* Plugs such a disk in again that was pulled */
int vm_plug_disk(struct vm *vm, unsigned int number, unsigned int queues);
/* Pulls a device, until the guest has let go of it */
int vm_pull(struct vm *vm, const char *device);

/* Until QEMU takes commands; once more after vm_kill(), or when it has ended */
int vm_start(struct vm *vm);
/* Starts it, and waits for it to end by itself, with an error */
bool vm_is_refused(struct vm *vm);
/* Until the guest takes commands, after a start or a reset */
int vm_wait_boot(struct vm *vm);
/* Ends QEMU at once */
void vm_kill(struct vm *vm);
/* Ends it, and removes all traces */
void vm_free(struct vm *vm);
/*
 * Waits for the end of a machine whose process is gone, and with it QEMU, which
 * may still be on its way out. Removes its files, of which @failed shows the end.
 */
void vm_bury(const struct vm *vm, bool failed);

/*
 * What a QMP command returns, to be freed, or NULL: then @vm->error says why.
 * @format is of json_pack(), NULL if there are no arguments.
 */
json_t *vm_qmp(struct vm *vm, const char *command, const char *format, ...);
/* A QMP command that returns nothing of interest: 0 or -EINVAL */
int vm_do(struct vm *vm, const char *command, const char *format, ...);
/* Waits for an event, which is to be freed; earlier ones of its name count */
json_t *vm_wait_event(struct vm *vm, const char *name);
json_t *vm_wait_device_event(struct vm *vm, const char *name,
			     const char *device);

/*
 * Runs a shell command in the guest: its exit status, with the output in
 * @vm->output, or -ETIMEDOUT, -ECONNRESET if QEMU is gone or the guest booted.
 */
int guest_run(struct vm *vm, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, if only success will do; another status is printed with the output */
bool guest_ok(struct vm *vm, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Starts a command in the background, by a name of its own, and awaits its end */
bool guest_begin(struct vm *vm, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool guest_end(struct vm *vm, const char *name);

/**
 * struct vm_window - What query-vhost-grant says of a device's window
 * @active: grants exist
 * @size: of the window, in bytes
 * @pages_granted: now
 * @pages_pinned: now
 * @grants: now
 * @pages_mapped: ever
 * @pages_revoked: ever
 * @faults: ever
 * @holes: violations of this kind, ever
 * @readonly: likewise
 */
struct vm_window {
	bool active;
	uint64_t size;
	uint64_t pages_granted;
	uint64_t pages_pinned;
	uint64_t grants;
	uint64_t pages_mapped;
	uint64_t pages_revoked;
	uint64_t faults;
	uint64_t holes;
	uint64_t readonly;
};

/* Of "disk" or "nic" with a number: 0, or -ENOENT if it has none */
int vm_query_window(struct vm *vm, const char *device,
		    struct vm_window *window);
/* Waits until it is active, or not; false if it does not become so */
bool vm_wait_window(struct vm *vm, const char *device, bool active);

#endif /* VM_H */
