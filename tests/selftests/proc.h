/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc and /sys say of the machine and of a process. */
#ifndef PROC_H
#define PROC_H

#include <stdint.h>
#include <sys/types.h>

/* A number of /proc/vmstat, up to date on every CPU; -1 if there is none. */
long proc_vmstat(const char *name);

/* Pages that are pinned by anybody on the machine now. */
long proc_pins(void);

/* A kB line of /proc/PID/status or /proc/meminfo, in bytes; -1 if none. */
long proc_status(pid_t pid, const char *name);
long proc_meminfo(const char *name);

/* Bytes of anonymous memory, and of huge pages in it, mapped at @address. */
long proc_anonymous(const void *address);
long proc_anon_huge(const void *address);

/* Open file descriptors of this process. */
int proc_fds(void);

/* First number in a file, or -1. */
long proc_number(const char *path);

/* 0 or -errno. */
int proc_write(const char *path, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

uint64_t now_ns(void);
void sleep_ms(unsigned int ms);

#endif
