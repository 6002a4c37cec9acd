// SPDX-License-Identifier: GPL-2.0-only
/*
 * To be preloaded into Bochs, which opens its files in ways that do not suit a
 * machine that nobody looks at:
 *
 * - It keeps what a serial port has sent until there are 4 KiB of it, so that
 *   the test that hangs would be in the part that is kept.
 * - Its display opens a pseudoterminal and waits for somebody to read from the
 *   other end. The terminal that it was started in is as good.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

FILE *fopen64(const char *path, const char *mode)
{
	FILE *(*next)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen64");
	FILE *file = next(path, mode);

	if (file)
		setvbuf(file, NULL, _IOLBF, 0);
	return file;
}

int open64(const char *path, int flags, ...)
{
	int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
	va_list args;
	int mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, int) : 0;
	va_end(args);
	return next(strcmp(path, "/dev/ptmx") ? path : "/dev/tty", flags, mode);
}
