// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile library in the QEMU of a back-end's virtual machine. It looks for a window
 * among the files of the process and tries what hostile_command.c can, commanded
 * over the socket $HOSTILE_CONTROL, with results in the file $HOSTILE_RESULTS. More
 * commands:
 *
 *   look                     take the newest window; how many there are
 *   state                    what there is of it
 *   hold, go                 nothing is served here
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/vhost_grant.h>

#include "hostile.h"

static struct hostile hostile = { .results = -1 };

static uint64_t window_length(int fd)
{
	struct vhost_grant_window_info info = { .size = sizeof(info) };

	return ioctl(fd, VHOST_GRANT_WINDOW_INFO, &info) ? 0 : info.out_length;
}

/* A file of our own for it, so that it stays when QEMU closes its own */
static int take_window(int fd)
{
	const struct vu_region wire = { .size = window_length(fd) };

	memory_clear(&hostile);
	return memory_add(&hostile, &wire, dup(fd));
}

static bool is_ours(int fd)
{
	return hostile.nr_regions && hostile.regions[0].fd == fd;
}

static const char *do_look(struct hostile *hostile, char **words)
{
	DIR *files = opendir("/proc/self/fd");
	int fd, newest = -1, windows = 0;
	struct dirent *entry;

	(void)hostile;
	(void)words;
	while (files && (entry = readdir(files))) {
		fd = atoi(entry->d_name);
		if (is_ours(fd) || !window_length(fd))
			continue;
		newest = fd;
		windows++;
	}
	if (files)
		closedir(files);
	tell("windows %d\n", windows);
	if (newest >= 0 && take_window(newest))
		return "it cannot be mapped";
	return NULL;
}

static const char *do_state(struct hostile *hostile, char **words)
{
	(void)words;
	tell("regions %u started %u\n", hostile->nr_regions,
	     hostile->nr_regions);
	return NULL;
}

static const char *do_nothing(struct hostile *hostile, char **words)
{
	(void)hostile;
	(void)words;
	return NULL;
}

static const struct command commands[] = {
	{ "look", do_look },
	{ "state", do_state },
	{ "hold", do_nothing },
	{ "go", do_nothing },
	{}
};

static void *obey(void *argument)
{
	const int listener = (long)argument;
	const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");

	setvbuf(in, NULL, _IONBF, 0);
	while (command_obey(&hostile, in, out, commands))
		;
	return NULL;
}

/* What QEMU's threads wait for must not come to this one. */
static void __attribute__((constructor)) infect(void)
{
	const char *control = getenv("HOSTILE_CONTROL");
	const char *results = getenv("HOSTILE_RESULTS");
	sigset_t all, before;
	pthread_t thread;
	long listener;

	if (!control || !results)
		return;
	listener = wire_listen(control);
	hostile.results = open(results, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGSEGV);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_create(&thread, NULL, obey, (void *)listener);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
