// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in a guest: sends packets on one network card until a number of them has
 * come in at another one. Prints the nanoseconds that took, and how many had to be
 * sent: a back-end may lose some.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* IEEE 802's for local experiments */
#define PROTOCOL	0x88b5
#define BURST		32U
#define PATIENCE_MS	60000

/**
 * struct packet - As it is sent, with what makes it longer behind it
 * @header: of Ethernet
 * @seed: of the run that it belongs to
 */
struct packet {
	struct ethhdr header;
	uint32_t seed;
	char rest[ETH_DATA_LEN - sizeof(uint32_t)];
} __attribute__((packed));

/**
 * struct load - What is sent
 * @out: socket of the card that sends
 * @in: socket of the other one
 * @packet: that is sent
 * @size: of it
 * @depth: packets that may wait to be sent, about
 * @count: packets to receive
 * @sent: until now
 * @received: likewise
 */
struct load {
	int out;
	int in;
	struct packet packet;
	size_t size;
	unsigned int depth;
	unsigned int count;
	unsigned int sent;
	unsigned int received;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static int open_card(const char *name, uint16_t protocol)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "%s", name);
	return fd;
}

/*
 * What the card itself sends is not what it receives. Memory of packets that wait
 * is counted, in which there is more than the data, and the kernel doubles it.
 */
static void set_options(const struct load *l)
{
	const int yes = 1, bytes = 8 << 20;
	const int waiting = (int)(l->depth * (l->size + 768) / 2);

	if (setsockopt(l->out, SOL_PACKET, PACKET_QDISC_BYPASS, &yes,
		       sizeof(yes)) ||
	    setsockopt(l->in, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes,
		       sizeof(yes)) ||
	    setsockopt(l->out, SOL_SOCKET, SO_SNDBUF, &waiting,
		       sizeof(waiting)) ||
	    setsockopt(l->in, SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
		       sizeof(bytes)))
		err(1, "setsockopt");
}

static void address(int fd, const char *name, unsigned char *mac)
{
	struct ifreq request = { };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		err(1, "%s", name);
	memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
}

/* As many as there is room for: false if for none */
static bool transmit(struct load *l)
{
	struct iovec iov = { &l->packet, l->size };
	struct mmsghdr messages[BURST];
	unsigned int i;
	int done;

	for (i = 0; i < BURST; i++)
		messages[i] = (struct mmsghdr) {
			.msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 },
		};
	done = sendmmsg(l->out, messages, BURST, MSG_DONTWAIT);
	if (done < 0 && errno != ENOBUFS && errno != EAGAIN)
		err(1, "send");
	if (done > 0)
		l->sent += (unsigned int)done;
	return done > 0;
}

static void receive(struct load *l)
{
	static struct packet packets[BURST];
	struct mmsghdr messages[BURST];
	struct iovec iov[BURST];
	unsigned int i;
	int n;

	for (i = 0; i < BURST; i++) {
		iov[i] = (struct iovec) { &packets[i], sizeof(packets[i]) };
		messages[i] = (struct mmsghdr) {
			.msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 },
		};
	}
	n = recvmmsg(l->in, messages, BURST, MSG_DONTWAIT, NULL);
	if (n < 0 && errno != EAGAIN)
		err(1, "receive");
	for (i = 0; (int)i < n; i++)
		l->received += messages[i].msg_len == l->size &&
			       packets[i].seed == l->packet.seed;
}

static void await(const struct load *l)
{
	struct pollfd sockets[] = {
		{ .fd = l->in, .events = POLLIN },
		{ .fd = l->out, .events = POLLOUT },
	};

	if (poll(sockets, 2, PATIENCE_MS) < 0)
		err(1, "poll");
}

/* Those that have been sent may be lost, all of them, too. */
static void run(struct load *l)
{
	uint64_t last = now_ns();
	unsigned int before;

	while (l->received < l->count) {
		before = l->received;
		if (!transmit(l))
			await(l);
		receive(l);
		if (l->received != before)
			last = now_ns();
		else if (now_ns() - last > PATIENCE_MS * 1000000ULL)
			errx(1, "%u packets were sent, %u came", l->sent,
			     l->received);
	}
}

int main(int argc, char **argv)
{
	static struct load l;
	uint64_t start;

	if (argc != 7)
		errx(2, "usage: guest_send FROM TO SIZE DEPTH COUNT SEED");
	l.out = open_card(argv[1], 0);
	l.in = open_card(argv[2], PROTOCOL);
	l.size = strtoul(argv[3], NULL, 0);
	l.depth = (unsigned int)strtoul(argv[4], NULL, 0);
	l.count = (unsigned int)strtoul(argv[5], NULL, 0);
	l.packet.seed = (uint32_t)strtoul(argv[6], NULL, 0);
	if (l.size < ETH_ZLEN || l.size > sizeof(l.packet) || !l.depth)
		errx(2, "SIZE is from %d to %zu", ETH_ZLEN, sizeof(l.packet));
	l.packet.header.h_proto = htons(PROTOCOL);
	address(l.out, argv[1], l.packet.header.h_source);
	address(l.in, argv[2], l.packet.header.h_dest);
	set_options(&l);
	start = now_ns();
	run(&l);
	printf("%llu %u\n", (unsigned long long)(now_ns() - start), l.sent);
	return 0;
}
