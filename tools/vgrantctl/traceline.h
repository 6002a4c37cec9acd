/* SPDX-License-Identifier: GPL-2.0-only */
/* The text that a trace_pipe yields, cut into events. */
#ifndef VGRANTCTL_TRACELINE_H
#define VGRANTCTL_TRACELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "text.h"

enum traceline_kind {
	TRACELINE_OTHER,	/* not understood */
	TRACELINE_EVENT,
	TRACELINE_LOST,		/* the kernel dropped events */
};

struct traceline {
	enum traceline_kind kind;
	__u64 lost;		/* 0: the kernel did not say how many */
	__u64 pid;
	__u64 cpu;
	char comm[TEXT_COMM_MAX];	/* escaped */
	char time[32];
	char name[64];
	char fields[512];	/* escaped but for the blanks between them */
};

/*
 * Takes the first line of @length bytes at @text. Returns how many bytes it
 * was, 0 if there is no whole line yet.
 */
size_t traceline_next(const char *text, size_t length, struct traceline *line);

void traceline_print(FILE *out, const struct traceline *line);
void traceline_json(FILE *out, const struct traceline *line);

#endif /* VGRANTCTL_TRACELINE_H */
