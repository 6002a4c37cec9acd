// SPDX-License-Identifier: GPL-2.0-only
/* Network cards that testpmd of DPDK connects in pairs */
#define _GNU_SOURCE
#include "qemu_pair.h"
#include "vgrant_qemu_bench.h"

/* Without an IOMMU at least 0.97 of the packets, with one 1.2 times as many */
#define AIM		(1 / 0.97)
#define AIM_IOMMU	(1 / 1.2)

/* The first two cards are those that windows are for. */
#define FROM(size)							\
	{ "guest_send eth0 eth1 " #size " 64",				\
	  "guest_send eth2 eth3 " #size " 64" }

static void add_cards(struct pair *p, enum rival who)
{
	const struct backend *net = &p->backends[who];
	unsigned int i;

	pair_choose(p, who);
	for (i = 0; i < net->nr_sockets; i++)
		vm_add_nic(&p->vm, who * BACKEND_PORTS + i, net->sockets[i],
			   1);
}

/* No packets but ours */
static void bring_up(struct pair *p)
{
	pair_must(p, !guest_ok(&p->vm,
			       "for i in 0 1 2 3; do echo 1 >/proc/sys/net/ipv6/conf/eth$i/disable_ipv6 && ip link set eth$i up || exit; done"),
		  "bringing up the network");
}

/* Stock QEMU leaves an IOMMU to the back-end. */
static void compare(enum vm_iommu iommu, const struct contest *contests,
		    unsigned int nr, const struct options *o)
{
	struct pair p = { };
	enum rival who;
	unsigned int i;

	for (who = BY_WINDOW; who < RIVALS; who++)
		pair_must(&p, switch_init(&p.backends[who], 1,
					  iommu && who == BY_STOCK),
			  "making a switch");
	pair_begin(&p, iommu);
	for (who = BY_WINDOW; who < RIVALS; who++)
		add_cards(&p, who);
	pair_boot(&p);
	for (who = BY_WINDOW; who < RIVALS; who++)
		pair_must(&p, switch_on(&p.backends[who]), "starting a switch");
	bring_up(&p);
	for (i = 0; i < nr; i++)
		pair_compare(&p, &contests[i], o);
	pair_end(&p);
}

void bench_net(const struct options *o)
{
	static const struct contest contests[] = {
		{ "qemu.net.64", "packet", AIM, 3000, FROM(64) },
		{ "qemu.net.1500", "packet", AIM, 3000, FROM(1500) },
	};

	compare(VM_NO_IOMMU, contests, sizeof(contests) / sizeof(*contests), o);
}

void bench_net_iommu(const struct options *o)
{
	static const struct contest contest = {
		"qemu.net.iommu.64", "packet", AIM_IOMMU, 100, FROM(64),
	};

	compare(VM_INTEL_IOMMU, &contest, 1, o);
}
