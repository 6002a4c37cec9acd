// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"
#include "vm.h"

#define TIMEOUT_NS	(PROGRAM_TIMEOUT_MS * 1000000ULL)

/* The lines of @text that a command has printed, each with a newline */
static void keep(struct vm *vm, const char *line)
{
	char *output;

	if (asprintf(&output, "%s%s\n", vm->output, line) < 0)
		abort();
	free(vm->output);
	vm->output = output;
}

/* The newline before the mark ends what is not ended; else it is one too many. */
static void drop_last_newline(char *text)
{
	size_t length = strlen(text);

	if (length)
		text[length - 1] = '\0';
}

/* Until the mark behind the output of a command, of which 0 is the boot */
static int read_output(struct vm *vm, unsigned int number)
{
	uint64_t deadline = now_ns() + TIMEOUT_NS;
	unsigned int of;
	int status, ret;
	char *line;

	free(vm->output);
	vm->output = strdup("");
	while (!(ret = stream_line(&vm->guest, deadline, &line))) {
		if (sscanf(line, "%%%% %u %d", &of, &status) == 2) {
			free(line);
			drop_last_newline(vm->output);
			return of == number ? status : -ECONNRESET;
		}
		keep(vm, line);
		free(line);
	}
	return ret;
}

int vm_wait_boot(struct vm *vm)
{
	int ret = read_output(vm, 0);

	if (ret)
		printf("# the guest does not boot: %s\n", strerror(-ret));
	return ret;
}

/* With VERBOSE in the environment a test that is slow tells where. */
static void tell(const char *command)
{
	if (!getenv("VERBOSE"))
		return;
	printf("# %lu s: guest: %s\n", now_ns() / 1000000000, command);
	fflush(stdout);
}

static int run(struct vm *vm, const char *command)
{
	char *line;
	int ret;

	tell(command);
	if (asprintf(&line, "%u %s\n", ++vm->commands, command) < 0)
		abort();
	ret = stream_send(&vm->guest, line);
	free(line);
	return ret ?: read_output(vm, vm->commands);
}

static char *print(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		abort();
	return text;
}

int guest_run(struct vm *vm, const char *format, ...)
{
	char *command;
	va_list args;
	int ret;

	va_start(args, format);
	command = print(format, args);
	va_end(args);
	ret = run(vm, command);
	free(command);
	return ret;
}

static bool ok(struct vm *vm, const char *command)
{
	char *rest, *line, *output;
	int ret = run(vm, command);

	if (!ret)
		return true;
	printf("# guest: %s: %s %d\n", command,
	       ret < 0 ? strerror(-ret) : "status", ret);
	output = rest = strdup(vm->output);
	while ((line = strsep(&rest, "\n")))
		printf("# guest: %s\n", line);
	free(output);
	return false;
}

bool guest_ok(struct vm *vm, const char *format, ...)
{
	char *command;
	va_list args;
	bool done;

	va_start(args, format);
	command = print(format, args);
	va_end(args);
	done = ok(vm, command);
	free(command);
	return done;
}

bool guest_begin(struct vm *vm, const char *name, const char *format, ...)
{
	char *command;
	va_list args;
	bool done;

	va_start(args, format);
	command = print(format, args);
	va_end(args);
	done = guest_ok(vm,
			"rm -f /tmp/%s.*; { { %s; } >/tmp/%s.out 2>&1; echo $? >/tmp/%s.new; mv /tmp/%s.new /tmp/%s.status; } &",
			name, command, name, name, name, name);
	free(command);
	return done;
}

bool guest_end(struct vm *vm, const char *name)
{
	return guest_ok(vm,
			"await test -e /tmp/%s.status; cat /tmp/%s.out; exit $(cat /tmp/%s.status)",
			name, name, name);
}
