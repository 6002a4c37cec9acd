// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "traceline.h"

/* The kernel prints a comm right-justified in 16 columns, then "-pid". */
#define COMM_WIDTH	16

static void parse_fields(struct traceline *line, const char *text)
{
	char *out = line->fields;
	char *end = out + sizeof(line->fields);

	while (*text && out + 1 < end) {
		size_t length = strcspn(text, " ");

		text_escape(out, end - out, text, length);
		out += strlen(out);
		text += length;
		if (!*text || out + 1 >= end)
			break;
		*out++ = *text++;
		*out = '\0';
	}
}

/* "pid [cpu] seconds.microseconds: event: fields" */
static bool parse_event(struct traceline *line, const char *text)
{
	int fields = 0;

	if (sscanf(text, "%10llu [%10llu] %31[0-9.]: %63[a-z_]:%n",
		   &line->pid, &line->cpu, line->time, line->name,
		   &fields) != 4 || !fields)
		return false;
	text += fields;
	parse_fields(line, text + strspn(text, " "));
	return true;
}

static enum traceline_kind parse_other(struct traceline *line, const char *text)
{
	if (sscanf(text, "CPU:%*u [LOST %20llu EVENTS]",
		   &line->lost) == 1)
		return TRACELINE_LOST;
	return strstr(text, " [LOST EVENTS]") ? TRACELINE_LOST :
						TRACELINE_OTHER;
}

static void parse(struct traceline *line, const char *text, size_t length,
		  bool has_comm)
{
	char copy[1024];

	if (length >= sizeof(copy))
		return;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (!has_comm)
		line->kind = parse_other(line, copy);
	else if (parse_event(line, copy + COMM_WIDTH + 1))
		line->kind = TRACELINE_EVENT;
}

static void parse_comm(struct traceline *line, const char *text)
{
	size_t blanks = 0;

	while (blanks < COMM_WIDTH && text[blanks] == ' ')
		blanks++;
	text_escape(line->comm, sizeof(line->comm), text + blanks,
		    COMM_WIDTH - blanks);
}

/*
 * A comm may contain a newline, a dash, or a whole line that looks like an
 * event: it is found by its width, and the end of the line behind it.
 */
size_t traceline_next(const char *text, size_t length, struct traceline *line)
{
	bool has_comm = length > COMM_WIDTH && text[COMM_WIDTH] == '-';
	size_t start = has_comm ? COMM_WIDTH : 0;
	const char *end;

	memset(line, 0, sizeof(*line));
	if (length <= COMM_WIDTH)
		return 0;
	end = memchr(text + start, '\n', length - start);
	if (!end)
		return 0;
	if (has_comm)
		parse_comm(line, text);
	parse(line, text, end - text, has_comm);
	return end + 1 - text;
}

void traceline_print(FILE *out, const struct traceline *line)
{
	if (line->kind == TRACELINE_EVENT)
		fprintf(out, "%s %s %llu(%s) %s\n", line->time,
			line->name, line->pid, line->comm, line->fields);
	else if (line->kind == TRACELINE_LOST)
		fprintf(out, "- lost events=%llu\n", line->lost);
}

static json_t *json_value(const char *text)
{
	int base = strncmp(text, "0x", 2) ? 10 : 16;
	long long number;
	char *end;

	errno = 0;
	number = strtoll(text, &end, base);
	if (!errno && end != text && !*end)
		return json_integer(number);
	return json_string(text);
}

static void add_fields(json_t *object, const struct traceline *line)
{
	char copy[sizeof(line->fields)];
	char *rest = copy, *field, *value;

	memcpy(copy, line->fields, sizeof(copy));
	while ((field = strsep(&rest, " "))) {
		value = strchr(field, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (json_object_set_new(object, field, json_value(value)))
			errx(1, "out of memory");
	}
}

void traceline_json(FILE *out, const struct traceline *line)
{
	json_t *object;

	if (line->kind == TRACELINE_OTHER)
		return;
	if (line->kind == TRACELINE_LOST)
		object = json_pack("{s:s,s:I}", "event", "lost", "events",
				   (json_int_t)line->lost);
	else
		object = json_pack("{s:s,s:s,s:I,s:s,s:I}", "event", line->name,
				   "time", line->time, "pid",
				   (json_int_t)line->pid, "comm", line->comm,
				   "cpu", (json_int_t)line->cpu);
	if (!object)
		errx(1, "out of memory");
	if (line->kind == TRACELINE_EVENT)
		add_fields(object, line);
	if (json_dumpf(object, out, JSON_COMPACT))
		errx(1, "cannot write: %m");
	fputc('\n', out);
	json_decref(object);
}
