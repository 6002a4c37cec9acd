// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "events.h"
#include "view.h"

#define DEVICE	"/dev/vhost_grant"

static const char usage[] =
	"usage: vgrantctl list [--json]\n"
	"       vgrantctl show PID|SPACE[:WINDOW] [--json]\n"
	"       vgrantctl events [--json] [--count N] [--timeout SECONDS]\n"
	"       vgrantctl info [--json]\n";

struct options {
	const char *command;
	const char *target;
	struct watch watch;
};

static unsigned long long parse_count(const char *text, const char *what)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end)
		errx(1, "%s is not %s: give a whole number", text, what);
	return value;
}

static double parse_seconds(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0) || value > 1e9)
		errx(1, "%s is not a timeout: give seconds, more than 0", text);
	return value;
}

static void parse_option(struct options *options, int option)
{
	switch (option) {
	case 'j':
		options->watch.json = true;
		break;
	case 'c':
		options->watch.count = parse_count(optarg, "a count");
		break;
	case 't':
		options->watch.timeout = parse_seconds(optarg);
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
		{ "json", no_argument, NULL, 'j' },
		{ "count", required_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_option(options, option);
	if (optind < argc)
		options->command = argv[optind++];
	if (optind < argc)
		options->target = argv[optind++];
	if (!options->command || optind < argc)
		parse_option(options, '?');
}

static void scan(struct vg_host *host)
{
	int proc;

	if (geteuid())
		errx(1, "only root may look into all processes: run it as root");
	if (access("/sys/module/vhost_grant", F_OK))
		errx(1, "the module is not loaded: modprobe vhost_grant");
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0 || vg_scan(proc, host))
		errx(1, "cannot read /proc (%m): mount -t proc nodev /proc");
	close(proc);
}

static void complain(const struct vg_host *host)
{
	if (host->unreadable)
		fprintf(stderr, "vgrantctl: %u processes unreadable: be root of the host\n",
			host->unreadable);
	if (host->malformed)
		fprintf(stderr, "vgrantctl: %u fdinfo malformed: update vgrantctl\n",
			host->malformed);
}

static void finish(struct vg_host *host)
{
	complain(host);
	vg_host_free(host);
	if (fflush(stdout) || ferror(stdout))
		errx(1, "cannot write: %m");
}

static int run_list(const struct options *options)
{
	static const struct selection all = { .any = true };
	struct vg_host host;

	scan(&host);
	if (options->watch.json)
		json_host(stdout, &host, &all);
	else
		table_list(stdout, &host);
	finish(&host);
	return 0;
}

static void parse_target(struct selection *selection, const char *target)
{
	char *copy = strdup(target);
	char *window;

	if (!copy)
		errx(1, "out of memory");
	window = strchr(copy, ':');
	if (window) {
		*window++ = '\0';
		selection->one_window = true;
		selection->window = parse_count(window, "a window");
	}
	selection->number = parse_count(copy, "a pid or space");
	free(copy);
}

static bool nothing_selected(const struct vg_host *host,
			     const struct selection *selection)
{
	for (size_t i = 0; i < host->nr_spaces; i++)
		if (selects_space(selection, &host->spaces[i]))
			return false;
	for (size_t i = 0; i < host->nr_windows; i++)
		if (selects_window(selection, &host->windows[i]))
			return false;
	return true;
}

static int run_show(const struct options *options)
{
	struct selection selection = { 0 };
	struct vg_host host;

	if (!options->target)
		errx(1, "show what? give a pid, a space, or space:window of vgrantctl list");
	parse_target(&selection, options->target);
	scan(&host);
	if (nothing_selected(&host, &selection))
		errx(1, "no process, space or window %s: see vgrantctl list",
		     options->target);
	if (options->watch.json)
		json_host(stdout, &host, &selection);
	else
		table_show(stdout, &host, &selection);
	finish(&host);
	return 0;
}

static int run_events(const struct options *options)
{
	if (geteuid())
		errx(1, "only root may use tracefs: run it as root");
	return watch_events(&options->watch);
}

static int run_info(const struct options *options)
{
	struct vhost_grant_info info = { .size = sizeof(info) };
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		errx(1, "may not open " DEVICE ": run it as root, or join its group");
	if (fd < 0)
		errx(1, "cannot open " DEVICE " (%m): modprobe vhost_grant");
	if (ioctl(fd, VHOST_GRANT_GET_INFO, &info))
		errx(1, DEVICE " does not answer (%m): load the module of this version");
	close(fd);
	if (options->watch.json)
		json_info(stdout, &info);
	else
		table_info(stdout, &info);
	if (fflush(stdout) || ferror(stdout))
		errx(1, "cannot write: %m");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct options *options);
	} commands[] = {
		{ "list", run_list }, { "show", run_show },
		{ "events", run_events }, { "info", run_info },
	};
	struct options options = { 0 };

	parse_options(&options, argc, argv);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(options.command, commands[i].name))
			return commands[i].run(&options);
	errx(1, "no command %s: see vgrantctl --help", options.command);
}
