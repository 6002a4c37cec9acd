// SPDX-License-Identifier: GPL-2.0-only
/* Network cards that testpmd of DPDK connects in pairs */
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qemu_pair.h"
#include "vgrant_qemu_bench.h"

/* Without an IOMMU at least 0.97 of the packets, with one 1.2 times as many */
#define AIM		(1 / 0.97)
#define AIM_IOMMU	(1 / 1.2)

/* Two devices with more would not fit into the addresses of the emulated CPU. */
#define SERVED_MEMORY	"4G"

/* Of the comparison with an IOTLB */
#define TRIES		3

/* The first two cards are those that windows are for. */
#define FROM(size)							\
	{ "guest_send eth0 eth1 " #size " 64",				\
	  "guest_send eth2 eth3 " #size " 64" }

static void add_cards(struct pair *p, unsigned int who)
{
	unsigned int i;

	for (i = 0; i < BACKEND_PORTS; i++)
		vm_add_nic(&p->vm, who * BACKEND_PORTS + i,
			   pair_choose(p, who, i), 1);
}

/* No packets but ours */
static void bring_up(struct pair *p)
{
	pair_must(p, !guest_ok(&p->vm,
			       "for i in 0 1 2 3; do echo 1 >/proc/sys/net/ipv6/conf/eth$i/disable_ipv6 && ip link set eth$i up || exit; done"),
		  "bringing up the network");
}

/* Stock QEMU leaves an IOMMU to the back-end. */
static int make(struct rival *rival, const struct vm_config *config)
{
	const struct service_config service = {
		.kind = SERVICE_SWITCH, .memory = SERVED_MEMORY,
		.mapped = config->kvm_mapped,
	};

	return rival->served ? service_init(&rival->service, &service) :
	       switch_init(&rival->backend, 1,
			   config->iommu && rival->sharing == VM_STOCK);
}

static int begin(struct rival *rival)
{
	if (rival->served)
		return service_switch_on(&rival->service) ? 0 : -EIO;
	return switch_on(&rival->backend);
}

static void compare(struct pair *p, const struct vm_config *config,
		    const struct contest *contests, unsigned int nr,
		    const struct options *o)
{
	unsigned int i;

	for (i = 0; i < RIVALS; i++)
		pair_must(p, make(&p->rivals[i], config), "making a switch");
	pair_begin(p, config);
	for (i = 0; i < RIVALS; i++)
		add_cards(p, i);
	pair_boot(p);
	for (i = 0; i < RIVALS; i++)
		pair_must(p, begin(&p->rivals[i]), "starting a switch");
	bring_up(p);
	for (i = 0; i < nr; i++)
		pair_compare(p, &contests[i], o);
	pair_end(p);
}

void bench_net(const struct options *o)
{
	static const struct contest contests[] = {
		{ "qemu.net.64", "packet", AIM, 3000, FROM(64) },
		{ "qemu.net.1500", "packet", AIM, 3000, FROM(1500) },
	};
	struct pair p = { .rivals = {
		{ .name = "window", .sharing = VM_GRANT },
		{ .name = "stock", .sharing = VM_STOCK },
	} };

	compare(&p, &(struct vm_config) { }, contests,
		sizeof(contests) / sizeof(*contests), o);
}

static void compare_iotlb(const struct options *o)
{
	static const struct contest contest = {
		"qemu.net.iommu.64", "packet", AIM_IOMMU, 100, FROM(64),
	};
	struct pair p = { .rivals = {
		{ .name = "window", .sharing = VM_GRANT },
		{ .name = "IOTLB", .sharing = VM_STOCK },
	} };

	compare(&p, &(struct vm_config) { .iommu = VM_INTEL_IOMMU }, &contest, 1,
		o);
}

static bool ends_well(void (*what)(const struct options *o),
		      const struct options *o)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		what(o);
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/*
 * The back-end with the IOTLB may give back a buffer twice, after which its guest
 * does not use the card any more ("is not a head!"). Nothing is left to be compared
 * then, in a process that has to begin anew.
 */
void bench_net_iommu(const struct options *o)
{
	unsigned int i;

	for (i = 0; i < TRIES; i++)
		if (ends_well(compare_iotlb, o))
			return;
	printf("# qemu.net.iommu: not measured, %d times a switch did not serve to the end\n",
	       TRIES);
}

void bench_net_served(const struct options *o)
{
	static const struct contest native = {
		"pci.net.64", "packet", 0, 1000, FROM(64),
	}, mapped = {
		"pci.net.mapped.64", "packet", 0, 1000, FROM(64),
	};
	struct pair p = { .rivals = {
		{ .name = "in a VM, native", .served = true },
		{ .name = "on the host" },
	} }, q = { .rivals = {
		{ .name = "in a VM, mapped", .served = true },
		{ .name = "on the host" },
	} };

	compare(&p, &(struct vm_config) { .window = SERVED_MEMORY }, &native, 1,
		o);
	compare(&q, &(struct vm_config) {
			.window = SERVED_MEMORY, .kvm_mapped = true,
		}, &mapped, 1, o);
}
