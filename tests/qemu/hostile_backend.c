// SPDX-License-Identifier: GPL-2.0-only
/*
 * Usage: hostile_backend --listen SOCKET --disk FILE [--results FILE] [--offer BITS]
 *                        [--control FD]
 *
 * A hostile back-end for vhost-user-blk; see hostile.h. --offer is the protocol
 * features to offer, "all" for every one there is. With --control it is commanded
 * over a socket that it has inherited. Commands are those of hostile_command.c, and
 *
 *   state                    what has come of it so far
 *   hold, go                 serve nothing; serve
 *   trick REQUEST KIND [N]   spoil the next answer to a request
 *   ring KIND                spoil the next entry of a used ring
 *   ask REQUEST [VALUE [fd]] ask the front-end for something
 *   disconnect               end the connection
 *   quit                     end
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostile.h"
#include "reach.h"

#define HONEST (VU_F_MQ | VU_F_REPLY_ACK | VU_F_CONFIG)
/* All but the one that is about Xen, and in-band notifications, which are another way */
#define GREEDY (0xfffffULL & ~(1 << 17) & ~(1 << 14) & ~(1 << 7) & ~(1 << 6))

static struct hostile hostile = {
	.front = -1, .channel = -1, .results = -1, .offer = HONEST,
};

static unsigned int started_queues(struct hostile *hostile)
{
	unsigned int i, started = 0;

	for (i = 0; i < HOSTILE_QUEUES; i++)
		started += hostile->queues[i].addressed;
	return started;
}

static unsigned int waiting_requests(struct hostile *hostile)
{
	unsigned int i, waiting = 0;

	for (i = 0; i < HOSTILE_QUEUES; i++)
		waiting += disk_waiting(hostile, i);
	return waiting;
}

static const char *do_state(struct hostile *hostile, char **words)
{
	(void)words;
	tell("connected %d connections %u messages %lu last %u\n",
	     hostile->front >= 0, hostile->connections, hostile->messages,
	     hostile->last);
	tell("features 0x%" PRIx64 " protocol 0x%" PRIx64 " channel %d\n",
	     hostile->features, hostile->protocol, hostile->channel >= 0);
	tell("regions %u started %u waiting %u served %lu refused %lu\n",
	     hostile->nr_regions, started_queues(hostile),
	     waiting_requests(hostile), hostile->served, hostile->refused);
	return NULL;
}

static void serve_all(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < HOSTILE_QUEUES; i++)
		disk_serve(hostile, i);
}

static const char *do_hold(struct hostile *hostile, char **words)
{
	(void)words;
	hostile->held = true;
	return NULL;
}

static const char *do_go(struct hostile *hostile, char **words)
{
	(void)words;
	hostile->held = false;
	serve_all(hostile);
	return NULL;
}

static const char *do_trick(struct hostile *hostile, char **words)
{
	static const char *const names[] = {
		"none", "silent", "late", "half", "size", "flags", "request",
		"value", "fds", "close",
	};
	int kind = command_index(words[2], names,
				 sizeof(names) / sizeof(names[0]));
	uint64_t request = command_number(words[1]);

	if (request >= VU_REQUESTS || kind < 0)
		return "there is no such request or trick";
	hostile->tricks[request].trick = kind;
	hostile->tricks[request].argument = command_number(words[3]);
	return NULL;
}

static const char *do_ring(struct hostile *hostile, char **words)
{
	static const char *const names[] = {
		"honest", "jump", "id", "length", "twice",
	};
	int kind = command_index(words[1], names,
				 sizeof(names) / sizeof(names[0]));

	if (kind < 0)
		return "there is no such trick";
	hostile->ring_trick = kind;
	return NULL;
}

static const char *do_ask(struct hostile *hostile, char **words)
{
	int fd = words[2] && words[3] ? open("/dev/zero", O_RDWR) : -1;
	int ret;

	ret = protocol_ask(hostile, command_number(words[1]),
			   command_number(words[2]), fd);
	if (fd >= 0)
		close(fd);
	return ret ? strerror(-ret) : NULL;
}

static const char *do_disconnect(struct hostile *hostile, char **words)
{
	(void)words;
	protocol_end(hostile);
	return NULL;
}

static const char *do_quit(struct hostile *hostile, char **words)
{
	(void)hostile;
	(void)words;
	exit(0);
}

static const struct command commands[] = {
	{ "state", do_state },
	{ "hold", do_hold },
	{ "go", do_go },
	{ "trick", do_trick },
	{ "ring", do_ring },
	{ "ask", do_ask },
	{ "disconnect", do_disconnect },
	{ "quit", do_quit },
	{}
};

static void obey(void)
{
	if (!command_obey(&hostile, stdin, stdout, commands))
		exit(0);
}

static void meet(void)
{
	int fd = accept4(hostile.listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (hostile.front >= 0)
		protocol_end(&hostile);
	hostile.front = fd;
	hostile.connections++;
}

static void serve_kick(unsigned int index)
{
	eventfd_t kicks;

	eventfd_read(hostile.queues[index].kick, &kicks);
	disk_serve(&hostile, index);
}

/* What the guest has asked of the back-end before is not signalled to this one. */
static void serve_front(void)
{
	if (protocol_serve(&hostile))
		protocol_end(&hostile);
	else if (hostile.last == VU_SET_VRING_ENABLE && !hostile.held)
		serve_all(&hostile);
}

static void wait_and_serve(void)
{
	struct pollfd polls[3 + HOSTILE_QUEUES] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = hostile.listener, .events = POLLIN },
		{ .fd = hostile.front, .events = POLLIN },
	};
	unsigned int i;

	for (i = 0; i < HOSTILE_QUEUES; i++) {
		polls[3 + i].fd = hostile.held ? -1 : hostile.queues[i].kick;
		polls[3 + i].events = POLLIN;
	}
	if (poll(polls, 3 + HOSTILE_QUEUES, -1) < 0)
		return;
	for (i = 0; i < HOSTILE_QUEUES; i++)
		if (polls[3 + i].revents)
			serve_kick(i);
	if (polls[2].revents)
		serve_front();
	if (polls[1].revents)
		meet();
	if (polls[0].revents)
		obey();
}

static void die(const char *what, int error)
{
	fprintf(stderr, "hostile_backend: %s: %s\n", what, strerror(error));
	exit(1);
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		die(path, errno);
	return fd;
}

static void open_disk(const char *path)
{
	struct stat stat;

	hostile.disk = open_or_die(path, O_RDWR);
	fstat(hostile.disk, &stat);
	hostile.sectors = stat.st_size / 512;
}

static void use_control(int fd)
{
	if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		die("--control", errno);
	close(fd);
}

static void take_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "disk", required_argument, NULL, 'd' },
		{ "results", required_argument, NULL, 'r' },
		{ "offer", required_argument, NULL, 'o' },
		{ "control", required_argument, NULL, 'c' },
		{}
	};
	int option;

	hostile.listener = -1;
	hostile.disk = -1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'l')
			hostile.listener = wire_listen(optarg);
		else if (option == 'd')
			open_disk(optarg);
		else if (option == 'r')
			hostile.results = open_or_die(optarg, O_RDWR | O_CREAT);
		else if (option == 'o')
			hostile.offer = strcmp(optarg, "all") ?
					command_number(optarg) : GREEDY;
		else if (option == 'c')
			use_control(command_number(optarg));
		else
			exit(2);
	}
	if (hostile.listener < 0)
		die("--listen", -hostile.listener);
	if (hostile.disk < 0)
		die("--disk", ENOENT);
}

int main(int argc, char **argv)
{
	unsigned int i;

	for (i = 0; i < HOSTILE_QUEUES; i++)
		hostile.queues[i].kick = hostile.queues[i].call = -1;
	setvbuf(stdin, NULL, _IONBF, 0);
	signal(SIGPIPE, SIG_IGN);
	take_options(argc, argv);
	for (;;)
		wait_and_serve();
}
