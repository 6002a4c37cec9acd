/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls of the owner and of a window, as functions that return 0 (or a
 * count) or -errno, so that a test can compare the result in one expression.
 */
#ifndef SPACE_H
#define SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/vhost_grant.h>

#define DEVICE "/dev/vhost_grant"

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define PAGE KIB(4)
#define HUGE MIB(2)

#define R VHOST_GRANT_READ
#define RW (VHOST_GRANT_READ | VHOST_GRANT_WRITE)

struct window {
	int fd;
	uint32_t id;
	uint64_t length;
};

int space_open(void);
int space_info(int space, struct vhost_grant_info *info);
int space_window(int space, uint64_t length, uint32_t flags,
		 struct window *window);
int space_destroy(int space, uint32_t window);
int space_query(int space, uint32_t window, struct vhost_grant_query *query);
int space_call(int fd, unsigned long request, void *argument);

/* Number of entries done or -errno. */
int space_map_array(int space, uint32_t window,
		    const struct vhost_grant_map_entry *entries, uint32_t nr);
int space_unmap_array(int space, uint32_t window,
		      const struct vhost_grant_unmap_entry *entries,
		      uint32_t nr);

/* 0 or -errno. */
int space_map(int space, uint32_t window, uint64_t iova, const void *source,
	      uint64_t length, uint32_t access);
int space_map_file(int space, uint32_t window, uint64_t iova, int fd,
		   uint64_t offset, uint64_t length, uint32_t access);
int space_unmap(int space, uint32_t window, uint64_t iova, uint64_t length);
int space_unmap_all(int space, uint32_t window);

/* The number of a "key: number" line of the fd's fdinfo, or -1. */
long fdinfo_number(int fd, const char *key);
bool fdinfo_string(int fd, const char *key, char *value, size_t size);

int window_info(int window, struct vhost_grant_window_info *info);
int window_set_hole(int window, enum vhost_grant_hole hole);

/* A shared mapping, or NULL with errno set. */
void *window_mmap(int window, uint64_t offset, uint64_t length, int prot);

#endif
