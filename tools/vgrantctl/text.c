// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

void *xrealloc(void *old, size_t nr, size_t size)
{
	void *new = reallocarray(old, nr, size);

	if (!new)
		errx(1, "out of memory");
	return new;
}

/*
 * Whoever runs a process chooses its name: what could move the cursor, break a
 * line or look like another column must not reach a terminal. The result is
 * plain ASCII, so it is valid in JSON whatever the bytes were.
 */
void text_escape(char *out, size_t out_size, const char *in, size_t length)
{
	size_t used = 0;

	for (size_t i = 0; i < length && used + 5 <= out_size; i++) {
		unsigned char c = in[i];

		if (c == '\\')
			used += sprintf(out + used, "\\\\");
		else if (c <= ' ' || c >= 0x7f)
			used += sprintf(out + used, "\\x%02x", c);
		else
			out[used++] = c;
	}
	out[used] = '\0';
}

/* Exact: 2G, 12288K, but never a rounded 1.3G. */
const char *text_bytes(char out[TEXT_BYTES_MAX], __u64 bytes)
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;

	while (bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, TEXT_BYTES_MAX, "%llu%c", (unsigned long long)bytes,
		 units[unit]);
	return out;
}

char **table_cell(struct table *table)
{
	table->cells = xrealloc(table->cells, table->nr + 1,
				sizeof(*table->cells));
	return &table->cells[table->nr++];
}

void table_check(int length)
{
	if (length < 0)
		errx(1, "out of memory");
}

static size_t column_width(const struct table *table, unsigned int column)
{
	size_t width = 0;

	for (size_t i = column; i < table->nr; i += table->columns) {
		size_t length = strlen(table->cells[i]);

		if (length > width)
			width = length;
	}
	return width;
}

/* The last column is not padded, so that no line ends in blanks. */
static void print_column(const struct table *table, size_t *widths, size_t i,
			 FILE *out)
{
	unsigned int column = i % table->columns;

	if (column + 1 == table->columns)
		fprintf(out, "%s\n", table->cells[i]);
	else
		fprintf(out, "%-*s  ", (int)widths[column], table->cells[i]);
}

void table_print(struct table *table, FILE *out)
{
	size_t *widths = xrealloc(NULL, table->columns, sizeof(*widths));

	for (unsigned int i = 0; i < table->columns; i++)
		widths[i] = column_width(table, i);
	for (size_t i = 0; i < table->nr; i++) {
		print_column(table, widths, i, out);
		free(table->cells[i]);
	}
	free(widths);
	free(table->cells);
	table->cells = NULL;
	table->nr = 0;
}
