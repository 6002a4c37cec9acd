// SPDX-License-Identifier: GPL-2.0-only
/* Disks of qemu-storage-daemon */
#include "qemu_pair.h"
#include "vgrant_qemu_bench.h"

/* Of the same speed, 0.97 is the least that is aimed at */
#define AIM		(1 / 0.97)

static int make(struct rival *rival, bool mapped)
{
	const struct service_config config = {
		.kind = SERVICE_DISK, .mapped = mapped, .memory = "512G",
	};

	return rival->served ? service_init(&rival->service, &config) :
	       disk_init(&rival->backend, SERVICE_MEGABYTES, 1);
}

static void compare(struct pair *p, bool mapped, const struct contest *contests,
		    unsigned int nr, const struct options *o)
{
	const struct vm_config config = { .kvm_mapped = mapped };
	unsigned int i;

	for (i = 0; i < RIVALS; i++)
		pair_must(p, make(&p->rivals[i], mapped), "making a disk");
	pair_begin(p, &config);
	for (i = 0; i < RIVALS; i++)
		vm_add_disk(&p->vm, i, pair_choose(p, i, 0), 1);
	pair_boot(p);
	for (i = 0; i < RIVALS; i++)
		pair_must(p, !guest_ok(&p->vm, "guest_fill /dev/vd%c %d",
				       'a' + (int)i, SERVICE_MEGABYTES),
			  "filling a disk");
	for (i = 0; i < nr; i++)
		pair_compare(p, &contests[i], o);
	pair_end(p);
}

#define RANDOM	{ "guest_read /dev/vda random 4096 8",			\
		  "guest_read /dev/vdb random 4096 8" }
#define SEQUENTIAL							\
		{ "guest_read /dev/vda sequential 262144 4",		\
		  "guest_read /dev/vdb sequential 262144 4" }

void bench_disk(const struct options *o)
{
	static const struct contest contests[] = {
		{ "qemu.disk.random.4k", "read", AIM, 200, RANDOM },
		{ "qemu.disk.sequential.256k", "read", AIM, 60, SEQUENTIAL },
	};
	struct pair p = { .rivals = {
		{ .name = "window", .sharing = VM_GRANT },
		{ .name = "stock", .sharing = VM_STOCK },
	} };

	compare(&p, false, contests, sizeof(contests) / sizeof(*contests), o);
}

void bench_disk_served(const struct options *o)
{
	static const struct contest native[] = {
		{ "pci.disk.random.4k", "read", 0, 100, RANDOM },
		{ "pci.disk.sequential.256k", "read", 0, 30, SEQUENTIAL },
	}, mapped[] = {
		{ "pci.disk.mapped.random.4k", "read", 0, 100, RANDOM },
	};
	struct pair p = { .rivals = {
		{ .name = "in a VM, native", .served = true },
		{ .name = "on the host" },
	} }, q = { .rivals = {
		{ .name = "in a VM, mapped", .served = true },
		{ .name = "on the host" },
	} };

	compare(&p, false, native, sizeof(native) / sizeof(*native), o);
	compare(&q, true, mapped, sizeof(mapped) / sizeof(*mapped), o);
}
