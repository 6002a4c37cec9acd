// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "notify.h"

static const char usage[] =
	"usage: vhost-pci-proxy [--bind] [--verbose] BACK-END...\n"
	"where BACK-END is\n"
	"       --device ADDRESS --connect PATH     the back-end listens on PATH\n"
	"       --device ADDRESS --listen PATH      the back-end connects to PATH\n";

struct options {
	bool bind;
	struct port *ports;
	unsigned int nr_ports;
};

static void __attribute__((noreturn)) misused(const char *why, const char *what)
{
	fprintf(stderr, "vhost-pci-proxy: %s%s\n%s", what, why, usage);
	exit(2);
}

static void parse_address(char *address, const char *text)
{
	unsigned int domain, bus, slot, function;
	char whole[32], end;

	/* The domain may be left out. */
	snprintf(whole, sizeof(whole), "%s%s",
		 strchr(text, ':') == strrchr(text, ':') ? "0:" : "", text);
	/* sscanf() would take signs and blanks, too. */
	if (whole[strspn(whole, "0123456789abcdefABCDEF:.")] ||
	    sscanf(whole, "%4x:%2x:%2x.%1u%c", &domain, &bus, &slot, &function, &end) != 4 ||
	    slot > 31 || function > 7)
		misused(" is no PCI address, such as 0000:00:05.0", text);
	snprintf(address, ADDRESS_SIZE, "%04x:%02x:%02x.%u", domain & 0xffff,
		 bus & 0xff, slot, function);
}

static void add_port(struct options *options, const char *text)
{
	struct port *port;

	options->ports = realloc(options->ports,
				 (options->nr_ports + 1) * sizeof(*options->ports));
	if (!options->ports)
		errx(1, "out of memory");
	port = &options->ports[options->nr_ports];
	memset(port, 0, sizeof(*port));
	parse_address(port->address, text);
	for (unsigned int i = 0; i < options->nr_ports; i++)
		if (!strcmp(options->ports[i].address, port->address))
			misused(" is there twice", text);
	options->nr_ports++;
}

static void set_path(struct options *options, const char *path, bool listen)
{
	struct port *port = &options->ports[options->nr_ports - 1];

	if (!options->nr_ports)
		misused(" comes before the --device that it is for", path);
	if (port->path)
		misused(" is a second socket for one device", path);
	if (!*path)
		misused(" has no path of a socket", port->address);
	port->path = path;
	port->listen = listen;
}

static void parse_option(struct options *options, int option)
{
	switch (option) {
	case 'd':
		add_port(options, optarg);
		break;
	case 'c':
	case 'l':
		set_path(options, optarg, option == 'l');
		break;
	case 'b':
		options->bind = true;
		break;
	case 'v':
		log_level = LOG_MESSAGES;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static void parse_options(struct options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "connect", required_argument, NULL, 'c' },
		{ "listen", required_argument, NULL, 'l' },
		{ "bind", no_argument, NULL, 'b' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "d:c:l:bvh", long_options, NULL)) != -1)
		parse_option(options, option);
	if (optind < argc)
		misused(" is not expected", argv[optind]);
	if (!options->nr_ports)
		misused("which device? see lspci -D -d 1af4:10f0", "");
	for (unsigned int i = 0; i < options->nr_ports; i++)
		if (!options->ports[i].path)
			misused(" needs --connect or --listen", options->ports[i].address);
}

/* A device has up to 1024 rings, with two eventfds each. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int catch_signals(void)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (fd < 0)
		err(1, "no signalfd");
	return fd;
}

static void check_devices(const struct options *options)
{
	int bus = sysfs_open();

	for (unsigned int i = 0; i < options->nr_ports; i++)
		sysfs_check(bus, options->ports[i].address);
	if (options->bind)
		sysfs_load_drivers();
	for (unsigned int i = 0; i < options->nr_ports; i++) {
		if (options->bind)
			sysfs_bind(bus, options->ports[i].address);
		sysfs_check_driver(bus, options->ports[i].address);
	}
	close(bus);
}

static void open_port(struct port *port, int bus)
{
	vfio_open(&port->vfio, &port->device, port->address,
		  sysfs_group(bus, port->address));
	port->relay.device = &port->device;
	backend_init(&port->relay.backend, port->address, port->path, port->listen);
	backend_open(&port->relay.backend);
	port->open = true;
}

static void open_ports(struct options *options)
{
	int bus = sysfs_open();

	for (unsigned int i = 0; i < options->nr_ports; i++)
		open_port(&options->ports[i], bus);
	for (unsigned int i = 0; i < options->nr_ports; i++)
		relay_start(&options->ports[i].relay);
	close(bus);
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	int signal_fd, status;

	parse_options(&options, argc, argv);
	raise_limit();
	check_devices(&options);
	signal_fd = catch_signals();
	open_ports(&options);
	fputs("vhost-pci-proxy: ready\n", stderr);
	notify("READY=1");
	status = loop(options.ports, options.nr_ports, signal_fd);
	close(signal_fd);
	free(options.ports);
	return status;
}
