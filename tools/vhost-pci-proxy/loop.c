// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"

/* How often to look for a back-end that is not there */
#define RETRY_MS	250

enum {
	POLL_STATE,
	POLL_REQUEST,
	POLL_LISTENER,
	POLL_BACKEND,
	POLL_NR,
};

static void watch_port(const struct port *port, struct pollfd *fds)
{
	const struct backend *backend = &port->relay.backend;

	for (unsigned int i = 0; i < POLL_NR; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	if (!port->open)
		return;
	fds[POLL_STATE].fd = port->vfio.state_fd;
	fds[POLL_REQUEST].fd = port->vfio.request_fd;
	fds[POLL_LISTENER].fd = backend->listener;
	fds[POLL_BACKEND].fd = backend->fd;
	fds[POLL_BACKEND].events = relay_events(&port->relay);
}

static void close_port(struct port *port)
{
	relay_stop(&port->relay);
	vfio_close(&port->vfio);
	port->open = false;
}

/* The counter has to be emptied before the registers are read. */
static void drain(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

static void end_port(struct port *port, const char *why)
{
	say(LOG_CONNECTIONS, port->address, "given back: %s", why);
	close_port(port);
}

/* Return: as relay_step() */
static int serve_port(struct port *port, const struct pollfd *fds)
{
	int ret;

	if (!port->open)
		return 0;
	if (fds[POLL_REQUEST].revents & POLLIN) {
		end_port(port, "the kernel asks for it");
		return 0;
	}
	if (fds[POLL_STATE].revents & POLLIN)
		drain(port->vfio.state_fd);
	ret = relay_step(&port->relay);
	if (ret < 0)
		end_port(port, strerror(-ret));
	return ret;
}

struct loop {
	struct port *ports;
	unsigned int nr_ports;
	struct pollfd *fds;
	bool failed;
};

static int choose_timeout(const struct loop *loop, bool busy)
{
	if (busy)
		return 0;
	for (unsigned int i = 0; i < loop->nr_ports; i++)
		if (loop->ports[i].relay.waiting)
			return RETRY_MS;
	return -1;
}

/* Return: whether there is more to do at once */
static bool serve_all(struct loop *loop)
{
	bool busy = false;

	for (unsigned int i = 0; i < loop->nr_ports; i++) {
		int ret = serve_port(&loop->ports[i], loop->fds + i * POLL_NR);

		busy |= ret > 0;
		loop->failed |= ret < 0 && ret != -ENODEV;
	}
	return busy;
}

static bool any_open(const struct loop *loop)
{
	for (unsigned int i = 0; i < loop->nr_ports; i++)
		if (loop->ports[i].open)
			return true;
	return false;
}

static void wait_for_events(struct loop *loop, int signal_fd, bool busy)
{
	unsigned int last = loop->nr_ports * POLL_NR;

	for (unsigned int i = 0; i < loop->nr_ports; i++)
		watch_port(&loop->ports[i], loop->fds + i * POLL_NR);
	loop->fds[last] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
	if (poll(loop->fds, last + 1, choose_timeout(loop, busy)) < 0 && errno != EINTR)
		err(1, "cannot wait for events");
}

int loop(struct port *ports, unsigned int nr_ports, int signal_fd)
{
	struct loop loop = { .ports = ports, .nr_ports = nr_ports };
	bool busy = true;

	loop.fds = calloc(nr_ports * POLL_NR + 1, sizeof(*loop.fds));
	if (!loop.fds)
		errx(1, "out of memory");
	while (any_open(&loop)) {
		wait_for_events(&loop, signal_fd, busy);
		if (loop.fds[nr_ports * POLL_NR].revents)
			break;
		busy = serve_all(&loop);
	}
	for (unsigned int i = 0; i < nr_ports; i++)
		if (ports[i].open)
			close_port(&ports[i]);
	free(loop.fds);
	return loop.failed;
}
