// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proc.h"

static long number_of(const char *path, const char *format)
{
	char line[256];
	long number = -1;
	FILE *file = fopen(path, "re");

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, format, &number) == 1)
			break;
	fclose(file);
	return number;
}

long proc_number(const char *path)
{
	return number_of(path, "%ld");
}

long proc_vmstat(const char *name)
{
	char format[64];

	snprintf(format, sizeof(format), "%s %%ld", name);
	return number_of("/proc/vmstat", format);
}

/* The counters are per CPU; reading stat_refresh folds them. */
long proc_pins(void)
{
	proc_number("/proc/sys/vm/stat_refresh");
	return proc_vmstat("nr_foll_pin_acquired") -
	       proc_vmstat("nr_foll_pin_released");
}

static long kilobytes_of(const char *path, const char *name)
{
	char format[64];
	long kib;

	snprintf(format, sizeof(format), "%s: %%ld", name);
	kib = number_of(path, format);
	return kib < 0 ? -1 : kib * 1024;
}

long proc_status(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return kilobytes_of(path, name);
}

long proc_meminfo(const char *name)
{
	return kilobytes_of("/proc/meminfo", name);
}

/* A kB line of the mapping at @address, in bytes; -1 if there is none. */
static long smaps_of(const void *address, const char *name)
{
	unsigned long start, end, at = (unsigned long)address;
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512], format[64];
	long kib = -1;
	int inside = 0;

	if (!file)
		return -1;
	snprintf(format, sizeof(format), "%s: %%ld", name);
	while (kib < 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= at && at < end;
		else if (inside)
			sscanf(line, format, &kib);
	}
	fclose(file);
	return kib < 0 ? -1 : kib * 1024;
}

long proc_anonymous(const void *address)
{
	return smaps_of(address, "Anonymous");
}

long proc_anon_huge(const void *address)
{
	return smaps_of(address, "AnonHugePages");
}

int proc_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int proc_write(const char *path, const char *format, ...)
{
	char text[256];
	va_list args;
	int fd, n, ret;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, text, n) == n ? 0 : -errno;
	close(fd);
	return ret;
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000l };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}
