/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest and a hostile back-end, frozen at a moment: what the back-end reaches
 * then is compared with what the guest lets its device reach.
 */
#ifndef SCENE_H
#define SCENE_H

#include "adversary.h"
#include "oracle.h"
#include "service.h"
#include "vhost_user.h"
#include "vm.h"

#define MARKER		"the-secret-of-this-guest"
/* So that the shell which plants it has it nowhere else, not even in its command */
#define PLANT		"printf 'the-%%s-of-this-guest' secret >/dev/shm/secret"

/* Protocol features with which more is shared than a window */
#define FORBIDDEN	(VU_F_LOG_SHMFD | VU_F_BACKEND_REQ | VU_F_PAGEFAULT | \
			 VU_F_BACKEND_SEND_FD | VU_F_HOST_NOTIFIER |	      \
			 VU_F_INFLIGHT_SHMFD | VU_F_CONFIGURE_MEM_SLOTS |     \
			 VU_F_SHARED_OBJECT | VU_F_DEVICE_STATE)

/**
 * struct scene - The two, and what is known of the guest
 * @vm: the guest, with a disk
 * @adversary: the disk's back-end, or somebody else who has its memory
 * @service: the virtual machine that the back-end is in, if it is in one
 * @memory: of the guest
 * @oracle: what the device may reach, from scene_judge()
 * @intel: with such an IOMMU
 * @log: likewise
 * @trace: file that QEMU traces to
 * @ram_end: address behind the guest's memory
 */
struct scene {
	struct vm vm;
	struct adversary adversary;
	struct service service;
	struct guest_memory memory;
	struct oracle oracle;
	struct intel_iommu intel;
	struct virtio_log log;
	char trace[96];
	uint64_t ram_end;
};

/* Functions that can fail return a negative errno and have said why. */
int scene_open(struct scene *scene, const struct vm_config *config,
	       const char *offer);
/* With a hostile back-end in a virtual machine */
int scene_open_served(struct scene *scene, const struct vm_config *config,
		      const struct service_config *service);
/* With an honest one in a virtual machine whose QEMU is hostile, by a library */
int scene_open_infected(struct scene *scene, const struct vm_config *config,
			const struct service_config *service);
/* As vm_bury() */
void scene_bury(const struct scene *scene, bool failed);

/* The PCI address of the disk in the guest, as sysfs has it */
int scene_find_device(struct scene *scene, char *address, size_t size);

/* Nothing but the test runs until the thaw. */
int scene_freeze(struct scene *scene);
/* Likewise, @ms milliseconds after a request has come that is not served any more */
int scene_freeze_busy(struct scene *scene, unsigned int ms);
int scene_thaw(struct scene *scene);

/* Compare, while frozen, every page where memory and IOVAs are: 0 or -errno */
int scene_judge(struct scene *scene, const char *how, struct verdict *verdict);
/* Pages that can be reached there; or a negative errno */
long scene_reach(struct scene *scene, const char *how);
/* Of the rest of the window, of which a page here and there is tried as @seed has it */
long scene_reach_elsewhere(struct scene *scene, const char *how,
			   unsigned int seed);
/* Times that a text is found there; or a negative errno */
long scene_find(struct scene *scene, const char *text);

/* What QEMU's human monitor prints, to be freed; of either machine */
char *scene_monitor(struct vm *vm, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* SCENE_H */
