/* SPDX-License-Identifier: GPL-2.0-only */
/* Text: safe to print, human to read, columns, and the way out on errors. */
#ifndef VGRANTCTL_TEXT_H
#define VGRANTCTL_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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
const char *text_bytes(char out[TEXT_BYTES_MAX], uint64_t bytes);

void table_add(struct table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void table_print(struct table *table, FILE *out);

void *xrealloc(void *old, size_t nr, size_t size);
void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#endif /* VGRANTCTL_TEXT_H */
