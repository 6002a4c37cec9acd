/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of vgrant_bench share. A call that fails ends the program. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <linux/vhost_grant.h>

#define PAGE		4096ULL
#define MAX_PAGES	256

/**
 * struct window - A window and the space it belongs to
 * @space: file descriptor of the space
 * @fd: file descriptor of the window
 * @id: of the window
 * @length: in bytes
 */
struct window {
	int space;
	int fd;
	uint32_t id;
	uint64_t length;
};

int space_open(void);
struct vhost_grant_info space_info(int space);
struct window window_create(int space, uint64_t length);
void window_destroy(struct window *w);
void window_map(const struct window *w, struct vhost_grant_map_entry *e,
		unsigned int nr);
void window_unmap(const struct window *w, struct vhost_grant_unmap_entry *e,
		  unsigned int nr);
void window_unmap_all(const struct window *w);

uint64_t now_ns(void);

/**
 * struct peer - A process that uses a window
 * @pid: of the process
 * @sock: commands and answers
 * @iova: pages the next command is about, shared with the process
 */
struct peer {
	int pid;
	int sock;
	uint64_t *iova;
};

/**
 * enum peer_op - What a peer can be told
 * @PEER_QUIT: exit
 * @PEER_MAP_WINDOW: mmap the whole window
 * @PEER_TOUCH: write to the pages through the mapping of the window
 * @PEER_MAP_PAGES: mmap each page on its own and write to it
 * @PEER_UNMAP_PAGES: munmap each of them, and say how long that took
 * @PEER_SPIN: have a thread that never sleeps
 * @PEER_SLEEP: have none any more
 */
enum peer_op {
	PEER_QUIT,
	PEER_MAP_WINDOW,
	PEER_TOUCH,
	PEER_MAP_PAGES,
	PEER_UNMAP_PAGES,
	PEER_SPIN,
	PEER_SLEEP,
};

struct peer peer_start(const struct window *w);
uint64_t peer_do(const struct peer *peer, enum peer_op op, unsigned int nr);
void peer_stop(struct peer *peer);

/* Bytes of kernel memory in use, and where that number is from. */
int64_t kernel_memory(void);
const char *kernel_memory_source(void);

#endif /* BENCH_H */
