// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>

#include "log.h"

enum log_level log_level = LOG_CONNECTIONS;

void say(enum log_level level, const char *device, const char *format, ...)
{
	char text[512];
	va_list args;

	if (level > log_level)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "vhost-pci-proxy: %s: %s\n", device, text);
}
