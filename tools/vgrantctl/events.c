// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "traceline.h"

static atomic_bool stopped;
static char instance[PATH_MAX];
static int pipe_fd = -1;

static void stop(int signal)
{
	(void)signal;
	stopped = true;
}

/* The kernel refuses to remove an instance while its pipe is open. */
static void remove_instance(void)
{
	if (pipe_fd >= 0)
		close(pipe_fd);
	if (*instance && rmdir(instance))
		fprintf(stderr, "vgrantctl: %s is left behind (%m): rmdir it\n",
			instance);
}

static int write_setting(const char *name, const char *value)
{
	char path[PATH_MAX + 64];
	ssize_t written;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", instance, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	written = write(fd, value, strlen(value));
	if (written < 0)
		written = -errno;
	close(fd);
	return written < 0 ? (int)written : 0;
}

/* An instance inherits what somebody else has set for the whole host. */
static void set_format(void)
{
	static const char *const options[] = {
		"noraw", "nohex", "nobin", "noverbose", "nofields",
		"nolatency-format", "noirq-info", "norecord-tgid",
		"context-info",
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		int ret = write_setting("trace_options", options[i]);

		/* An option that this kernel does not know is not set. */
		if (ret && ret != -EINVAL)
			errx(1, "cannot set %s of %s: %s", options[i], instance,
			     strerror(-ret));
	}
}

static const char *find_tracefs(void)
{
	static const char *const mounts[] = {
		"/sys/kernel/tracing", "/sys/kernel/debug/tracing",
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		snprintf(path, sizeof(path), "%s/instances", mounts[i]);
		if (!access(path, F_OK))
			return mounts[i];
	}
	errx(1, "tracefs is not mounted: mount -t tracefs nodev %s", mounts[0]);
}

static void create_instance(void)
{
	char path[PATH_MAX];
	const char *mount = find_tracefs();

	snprintf(path, sizeof(path), "%s/events/vhost_grant", mount);
	if (access(path, F_OK))
		errx(1, "the module is not loaded: modprobe vhost_grant");
	snprintf(path, sizeof(path), "%s/instances/vgrantctl.%d", mount,
		 (int)getpid());
	if (mkdir(path, 0700))
		errx(1, "cannot create %s (%m): rmdir it if a killed vgrantctl left it",
		     path);
	memcpy(instance, path, sizeof(path));
	atexit(remove_instance);
}

static void open_pipe(void)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/trace_pipe", instance);
	pipe_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (pipe_fd < 0)
		errx(1, "cannot open %s: %m", path);
}

static void start(void)
{
	int ret;

	set_format();
	/* Wake up for every event, not for a buffer that is half full. */
	ret = write_setting("buffer_percent", "0");
	if (!ret)
		ret = write_setting("trace_clock", "mono");
	if (!ret)
		ret = write_setting("events/vhost_grant/enable", "1");
	if (ret)
		errx(1, "cannot set up %s: %s", instance, strerror(-ret));
	open_pipe();
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Signals only arrive in here, so that none is missed before the wait. */
static bool wait_for_events(double deadline, const sigset_t *unblocked)
{
	struct pollfd poll = { .fd = pipe_fd, .events = POLLIN };
	double left = deadline - now();
	struct timespec limit = { 0 };

	if (left > 0) {
		limit.tv_sec = left;
		limit.tv_nsec = (left - limit.tv_sec) * 1e9;
	}
	if (ppoll(&poll, 1, deadline ? &limit : NULL, unblocked) < 0 &&
	    errno != EINTR)
		errx(1, "cannot wait for events: %m");
	return !stopped && (!deadline || left > 0);
}

struct reader {
	char text[1 << 16];
	size_t used;
	unsigned long long printed;
};

static void print_line(const struct watch *watch, struct reader *reader,
		       const struct traceline *line)
{
	if (watch->json)
		traceline_json(stdout, line);
	else
		traceline_print(stdout, line);
	if (fflush(stdout))
		errx(1, "cannot write: %m");
	if (line->kind == TRACELINE_EVENT)
		reader->printed++;
}

static bool enough(const struct watch *watch, const struct reader *reader)
{
	return watch->count && reader->printed >= watch->count;
}

/*
 * The kernel remembers the names of the threads that ran last, and prints "<...>"
 * for others. Those that still live can be asked.
 */
static void name_thread(struct traceline *line)
{
	char path[64], comm[64];
	FILE *file;
	size_t n;

	if (line->kind != TRACELINE_EVENT || strcmp(line->comm, "<...>"))
		return;
	snprintf(path, sizeof(path), "/proc/%llu/comm", line->pid);
	file = fopen(path, "re");
	if (!file)
		return;
	n = fread(comm, 1, sizeof(comm), file);
	fclose(file);
	if (n > 1)
		text_escape(line->comm, sizeof(line->comm), comm, n - 1);
}

static void print_lines(const struct watch *watch, struct reader *reader)
{
	struct traceline line;
	size_t done = 0, length;

	while (!enough(watch, reader)) {
		length = traceline_next(reader->text + done,
					reader->used - done, &line);
		if (!length)
			break;
		name_thread(&line);
		print_line(watch, reader, &line);
		done += length;
	}
	reader->used -= done;
	memmove(reader->text, reader->text + done, reader->used);
	/* No line is that long: this text is not what we think it is. */
	if (reader->used == sizeof(reader->text))
		reader->used = 0;
}

static void read_events(const struct watch *watch, struct reader *reader)
{
	ssize_t n = read(pipe_fd, reader->text + reader->used,
			 sizeof(reader->text) - reader->used);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		errx(1, "cannot read events: %m");
	if (n > 0)
		reader->used += n;
	print_lines(watch, reader);
}

static void catch_signals(sigset_t *unblocked)
{
	struct sigaction action = { .sa_handler = stop };
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, unblocked);
	/* A shell starts background jobs with SIGINT ignored and may block. */
	sigdelset(unblocked, SIGINT);
	sigdelset(unblocked, SIGTERM);
	sigdelset(unblocked, SIGHUP);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int watch_events(const struct watch *watch)
{
	static struct reader reader;
	double deadline = watch->timeout ? now() + watch->timeout : 0;
	sigset_t unblocked;

	catch_signals(&unblocked);
	create_instance();
	start();
	fputs("vgrantctl: watching\n", stderr);
	while (wait_for_events(deadline, &unblocked) && !enough(watch, &reader))
		read_events(watch, &reader);
	return watch->count && !enough(watch, &reader);
}
