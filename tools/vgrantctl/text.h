/* SPDX-License-Identifier: GPL-2.0-only */
/* Text that is safe to print, in columns; and memory. */
#ifndef VGRANTCTL_TEXT_H
#define VGRANTCTL_TEXT_H

#include <stddef.h>
#include <stdio.h>
#include <linux/types.h>

/* A comm has at most 63 bytes (kernel threads), each at most "\xNN". */
#define TEXT_COMM_MAX	(4 * 64 + 1)

/* Longest result of text_bytes(): 2^64 - 1 and a unit. */
#define TEXT_BYTES_MAX	24

struct table {
	unsigned int columns;
	size_t nr;
	char **cells;
};

void text_escape(char *out, size_t out_size, const char *in, size_t length);
const char *text_bytes(char out[TEXT_BYTES_MAX], __u64 bytes);

/* A macro, so that the compiler checks the format. */
#define table_add(table, ...)	\
	table_check(asprintf(table_cell(table), __VA_ARGS__))

char **table_cell(struct table *table);
void table_check(int length);
void table_print(struct table *table, FILE *out);

void *xrealloc(void *old, size_t nr, size_t size);

#endif /* VGRANTCTL_TEXT_H */
