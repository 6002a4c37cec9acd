// SPDX-License-Identifier: GPL-2.0-only
/*
 * Usage: hostile_backend --listen SOCKET --disk FILE [--results FILE] [--offer BITS]
 *                        [--control FD]
 *
 * A hostile back-end for vhost-user-blk; see hostile.h. --offer is the protocol
 * features to offer, "all" for every one there is. With --control it is commanded
 * over a socket that it has inherited. Commands:
 *
 *   state                    what has come of it so far
 *   regions, maps            the memory that was sent; odd ways to map it
 *   truncate                 shorten the files of the memory
 *   reach HOW FIRST LAST [N] try each page of a range, or one every N bytes; into
 *                            the file of results. HOW is cpu, quick, load, copy,
 *                            vm-access or pin
 *   find TEXT [FIRST LAST]   search what can be reached, all or a range
 *   keep ADDRESS, kept       keep a page in all ways; what each gives now
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

#define MAX_WORDS 5

static struct hostile hostile = {
	.front = -1, .channel = -1, .results = -1, .offer = HONEST,
};

static uint64_t number(const char *word)
{
	return word ? strtoull(word, NULL, 0) : 0;
}

static int index_of(const char *name, const char *const *names, size_t nr)
{
	size_t i;

	for (i = 0; name && i < nr; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

static unsigned int started_queues(void)
{
	unsigned int i, started = 0;

	for (i = 0; i < HOSTILE_QUEUES; i++)
		started += hostile.queues[i].addressed;
	return started;
}

static unsigned int waiting_requests(void)
{
	unsigned int i, waiting = 0;

	for (i = 0; i < HOSTILE_QUEUES; i++)
		waiting += disk_waiting(&hostile, i);
	return waiting;
}

static const char *do_state(char **words)
{
	(void)words;
	printf("connected %d connections %u messages %lu last %u\n",
	       hostile.front >= 0, hostile.connections, hostile.messages,
	       hostile.last);
	printf("features 0x%" PRIx64 " protocol 0x%" PRIx64 " channel %d\n",
	       hostile.features, hostile.protocol, hostile.channel >= 0);
	printf("regions %u started %u waiting %u served %lu refused %lu\n",
	       hostile.nr_regions, started_queues(), waiting_requests(),
	       hostile.served, hostile.refused);
	return NULL;
}

static const char *do_regions(char **words)
{
	(void)words;
	memory_tell(&hostile);
	return NULL;
}

static const char *do_maps(char **words)
{
	(void)words;
	memory_tell_maps(&hostile);
	return NULL;
}

static const char *do_truncate(char **words)
{
	(void)words;
	memory_truncate(&hostile);
	return NULL;
}

static const char *do_reach(char **words)
{
	struct reach_range range = {
		.first = number(words[2]) & -REACH_PAGE,
		.last = number(words[3]),
		.stride = REACH_PAGE,
	};
	long pages;

	if (!words[3])
		return "how, and which pages?";
	if (words[4] && number(words[4]) >= REACH_PAGE)
		range.stride = number(words[4]) & -REACH_PAGE;
	if (hostile.results < 0)
		return "there is no file for results";
	if (ftruncate(hostile.results, 0) || lseek(hostile.results, 0, SEEK_SET))
		return strerror(errno);
	pages = reach_range(&hostile, words[1], &range);
	if (pages < 0)
		return "there is no such way";
	printf("reached %ld\n", pages);
	return NULL;
}

static const char *do_find(char **words)
{
	struct reach_range range = { .last = UINT64_MAX };
	uint64_t at = 0;
	long times;

	if (!words[1])
		return "what?";
	if (words[2] && words[3]) {
		range.first = number(words[2]) & -REACH_PAGE;
		range.last = number(words[3]);
	}
	times = reach_find(&hostile, words[1], &range, &at);
	printf("found %ld at 0x%" PRIx64 "\n", times, at);
	return NULL;
}

static const char *do_keep(char **words)
{
	keep_page(&hostile, number(words[1]));
	return NULL;
}

static const char *do_kept(char **words)
{
	(void)words;
	keep_tell();
	return NULL;
}

static void serve_all(void)
{
	unsigned int i;

	for (i = 0; i < HOSTILE_QUEUES; i++)
		disk_serve(&hostile, i);
}

static const char *do_hold(char **words)
{
	(void)words;
	hostile.held = true;
	return NULL;
}

static const char *do_go(char **words)
{
	(void)words;
	hostile.held = false;
	serve_all();
	return NULL;
}

static const char *do_trick(char **words)
{
	static const char *const names[] = {
		"none", "silent", "late", "half", "size", "flags", "request",
		"value", "fds", "close",
	};
	int kind = index_of(words[2], names, sizeof(names) / sizeof(names[0]));
	uint64_t request = number(words[1]);

	if (request >= VU_REQUESTS || kind < 0)
		return "there is no such request or trick";
	hostile.tricks[request].trick = kind;
	hostile.tricks[request].argument = number(words[3]);
	return NULL;
}

static const char *do_ring(char **words)
{
	static const char *const names[] = {
		"honest", "jump", "id", "length", "twice",
	};
	int kind = index_of(words[1], names, sizeof(names) / sizeof(names[0]));

	if (kind < 0)
		return "there is no such trick";
	hostile.ring_trick = kind;
	return NULL;
}

static const char *do_ask(char **words)
{
	int fd = words[2] && words[3] ? open("/dev/zero", O_RDWR) : -1;
	int ret;

	ret = protocol_ask(&hostile, number(words[1]), number(words[2]), fd);
	if (fd >= 0)
		close(fd);
	return ret ? strerror(-ret) : NULL;
}

static const char *do_disconnect(char **words)
{
	(void)words;
	protocol_end(&hostile);
	return NULL;
}

static const char *do_quit(char **words)
{
	(void)words;
	exit(0);
}

static const struct command {
	const char *name;
	const char *(*run)(char **words);
} commands[] = {
	{ "state", do_state },
	{ "regions", do_regions },
	{ "maps", do_maps },
	{ "truncate", do_truncate },
	{ "reach", do_reach },
	{ "find", do_find },
	{ "keep", do_keep },
	{ "kept", do_kept },
	{ "hold", do_hold },
	{ "go", do_go },
	{ "trick", do_trick },
	{ "ring", do_ring },
	{ "ask", do_ask },
	{ "disconnect", do_disconnect },
	{ "quit", do_quit },
};

static const char *run(char **words)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (words[0] && !strcmp(words[0], commands[i].name))
			return commands[i].run(words);
	return "there is no such command";
}

/* An answer has its end in one write, so that a reader sees all of it or none. */
static void obey(void)
{
	char *words[MAX_WORDS + 1] = {}, line[256], *rest = line;
	const char *error;
	int i;

	if (!fgets(line, sizeof(line), stdin))
		exit(0);
	for (i = 0; i < MAX_WORDS; i++)
		words[i] = strtok_r(rest, "\n ", &rest);
	error = run(words);
	if (error)
		printf("error: %s\n", error);
	else
		printf("ok\n");
	fflush(stdout);
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
		serve_all();
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
					number(optarg) : GREEDY;
		else if (option == 'c')
			use_control(number(optarg));
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
