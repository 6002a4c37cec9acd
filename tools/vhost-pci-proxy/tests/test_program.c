// SPDX-License-Identifier: GPL-2.0-only
/* Wrong use of the program, which is beside this one, and what it tells systemd. */
#include <err.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixture.h"
#include "notify.h"
#include "tap.h"

#define MAX_ARGUMENTS	8

static char program[PATH_MAX];
static char *arguments[MAX_ARGUMENTS + 2] = { "vhost-pci-proxy" };

static void run_program(void)
{
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execv(program, arguments);
	err(127, "cannot run %s", program);
}

static bool runs(int expected, const char *pattern, ...)
{
	char said[2048];
	va_list args;
	int i = 0, status;

	va_start(args, pattern);
	do {
		arguments[++i] = va_arg(args, char *);
	} while (arguments[i] && i <= MAX_ARGUMENTS);
	va_end(args);
	status = run_child(run_program, said, sizeof(said));
	if (status == expected && strstr(said, pattern))
		return true;
	printf("# status %d: %s\n", status, said);
	return false;
}

#define RUNS(...)	runs(__VA_ARGS__, NULL)

static void test_usage(void)
{
	CHECK(RUNS(0, "usage: vhost-pci-proxy", "--help"));
	CHECK(RUNS(2, "which device?"));
	CHECK(RUNS(2, "usage: vhost-pci-proxy", "--no-such-option"));
	CHECK(RUNS(2, "usage: vhost-pci-proxy", "-d"));
	CHECK(RUNS(2, "extra is not expected", "-d", "5:0.0", "-c", "/s", "extra"));
}

static void test_addresses(void)
{
	static const char *const wrong[] = {
		"", "x", "00:05", "00:05.8", "00:20.0", "0000:00:05.0x", "0:0:0:0.0",
		"00:05.", "00000:00:05.0", "/dev/vfio/1", "-1:05.0", "00:05.0 ",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK(RUNS(2, "is no PCI address", "-d", wrong[i], "-c", "/s"));
}

static void test_sockets(void)
{
	CHECK(RUNS(2, "0000:00:05.0 needs --connect or --listen", "-d", "00:05.0"));
	CHECK(RUNS(2, "0000:00:05.0 needs --connect or --listen", "-d", "00:05.0",
		   "-d", "00:06.0", "-c", "/s"));
	CHECK(RUNS(2, "/s comes before the --device", "-c", "/s", "-d", "00:05.0"));
	CHECK(RUNS(2, "/t is a second socket", "-d", "00:05.0", "-c", "/s", "-l", "/t"));
	CHECK(RUNS(2, "has no path", "-d", "00:05.0", "-c", ""));
	CHECK(RUNS(2, "is there twice", "-d", "00:05.0", "-c", "/s", "-d",
		   "0000:00:05.0", "-c", "/t"));
}

static void test_no_device(void)
{
	CHECK(RUNS(1, "no device fffe:ff:1f.7: see lspci", "-d", "fffe:ff:1f.7", "-c",
		   "/s"));
	CHECK(RUNS(1, "no device fffe:ff:1f.7: see lspci", "--verbose", "--bind",
		   "--device", "fffe:ff:1f.7", "--listen", "/s"));
}

/* Return: whether what is sent to this address is received */
static bool notifies(const char *name, const char *path, size_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char got[32] = "";

	memcpy(address.sun_path, path, length);
	if (bind(fd, (struct sockaddr *)&address,
		 offsetof(struct sockaddr_un, sun_path) + length))
		err(1, "cannot bind %s", name);
	setenv("NOTIFY_SOCKET", name, 1);
	notify("READY=1");
	if (recv(fd, got, sizeof(got) - 1, 0) < 0)
		*got = '\0';
	close(fd);
	return !strcmp(got, "READY=1");
}

static void test_notify(void)
{
	const char *path = temporary("notify");
	char name[64];

	unsetenv("NOTIFY_SOCKET");
	notify("READY=1");
	CHECK(notifies(path, path, strlen(path)));
	snprintf(name, sizeof(name), "@vhost-pci-proxy-test-%d", getpid());
	path = strdupa(name);
	*(char *)path = '\0';
	CHECK(notifies(name, path, strlen(name)));
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "wrong use", test_usage },
		{ "what is no address", test_addresses },
		{ "sockets and devices that do not go together", test_sockets },
		{ "no such device", test_no_device },
		{ "systemd is told", test_notify },
	};

	(void)argc;
	snprintf(program, sizeof(program), "%s/vhost-pci-proxy", dirname(*argv));
	return tap_run(cases, sizeof(cases) / sizeof(*cases));
}
