// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel memory in use: the counter of a memory cgroup of our own, where only
 * what is allocated for us is counted, else what /proc/meminfo says of all.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define ROOT	"/sys/fs/cgroup"
#define GROUP	ROOT "/vgrant_bench"

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) > 0;
	close(fd);
	return ok;
}

static bool enter_group(void)
{
	if (access(ROOT "/cgroup.controllers", R_OK) &&
	    mount("cgroup2", ROOT, "cgroup2", 0, NULL))
		return false;
	put(ROOT "/cgroup.subtree_control", "+memory");
	if (mkdir(GROUP, 0755) && errno != EEXIST)
		return false;
	return !access(GROUP "/memory.stat", R_OK) &&
	       put(GROUP "/cgroup.procs", "0");
}

static bool in_group(void)
{
	static enum { UNKNOWN, NO, YES } state;

	if (state == UNKNOWN)
		state = enter_group() ? YES : NO;
	return state == YES;
}

/* Sum of the values of @key1 and @key2 in @path. */
static int64_t sum(const char *path, const char *key1, const char *key2)
{
	FILE *f = fopen(path, "re");
	char line[256], key[64];
	long long value;
	int64_t total = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63[^ :]%*[ :]%lld", key, &value) == 2 &&
		    (!strcmp(key, key1) || !strcmp(key, key2)))
			total += value;
	fclose(f);
	return total;
}

int64_t kernel_memory(void)
{
	if (in_group())
		return sum(GROUP "/memory.stat", "kernel", "kernel");
	return sum("/proc/meminfo", "Slab", "VmallocUsed") * 1024;
}

const char *kernel_memory_source(void)
{
	if (in_group())
		return "kernel in memory.stat of a memory cgroup";
	return "Slab and VmallocUsed in /proc/meminfo";
}
