/* SPDX-License-Identifier: GPL-2.0-only */
/* What the benchmarks share. A call that fails ends the program. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <linux/vhost_grant.h>

#define PAGE		4096ULL
#define MAX_PAGES	256
#define MAX_ROUNDS	999

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

/**
 * struct options - What the command line says
 * @rounds: of each comparison
 * @others: grants that are many, 0 if the program has no use for them
 * @seed: of the places of pages
 * @output: file for machine-readable results, - for stdout, NULL for none
 */
struct options {
	unsigned int rounds;
	unsigned long others;
	unsigned int seed;
	const char *output;
};

/* @o has the defaults. */
void options_parse(struct options *o, int argc, char **argv);

/**
 * struct series - Times of two things that are compared
 * @name: of the comparison
 * @what: in words
 * @aim: the ratio to stay below, 0 if there is none
 * @n: rounds done
 * @a: nanoseconds of the one
 * @b: nanoseconds of the other
 */
struct series {
	const char *name;
	const char *what;
	double aim;
	unsigned int n;
	uint64_t a[MAX_ROUNDS];
	uint64_t b[MAX_ROUNDS];
};

uint64_t now_ns(void);
int nr_cpus(void);
/* The calling thread stays there from now on. They count from 0. */
void use_cpu(int cpu);
/*
 * Of times of the same thing, which it sorts, the lower quartile: what disturbs
 * them makes them longer, and the least are luck, too.
 */
uint64_t undisturbed(uint64_t *time, unsigned int n);

void results_begin(const char *path);
void results_end(void);
void report(const struct series *s);
void report_bytes(const char *name, double bytes, double aim, const char *what);
/* How often something is done by two that are compared */
void report_rate(const char *name, double a, double b, const char *what);
void report_skip(const char *name, const char *why);

void random_seed(unsigned int seed);
unsigned long random_below(unsigned long n);
void shuffle(uint64_t *iova, unsigned int nr);

/* Page @i of the source, which has MAX_PAGES and goes round. */
struct vhost_grant_map_entry grant(const void *source, uint64_t iova,
				   uint64_t i);
/* MAP or UNMAP of @nr pages, @batch entries a call: nanoseconds. */
uint64_t time_map(const struct window *w, const void *source,
		  const uint64_t *iova, unsigned int nr, unsigned int batch);
uint64_t time_unmap(const struct window *w, const uint64_t *iova,
		    unsigned int nr, unsigned int batch);

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
