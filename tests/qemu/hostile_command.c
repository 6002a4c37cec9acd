// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands, which come line by line. Those that need nothing but memory of a
 * front-end, wherever it comes from:
 *
 *   regions, maps            the memory; odd ways to map it
 *   truncate                 shorten its files
 *   reach HOW FIRST LAST [N] try each page of a range, or one every N bytes; into
 *                            the file of results. HOW is cpu, quick, load, change,
 *                            copy, vm-access or pin
 *   find TEXT [FIRST LAST]   search what can be reached, all or a range
 *   scratch ADDRESS          nothing is there; a page that looks like it from now
 *                            on is not reached
 *   touch ADDRESS            run instructions of all kinds on a page
 *   keep ADDRESS, kept       keep a page in all ways; what each gives now
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"
#include "reach.h"

#define MAX_WORDS 5

static FILE *answers;

void tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(answers, format, args);
	va_end(args);
}

uint64_t command_number(const char *word)
{
	return word ? strtoull(word, NULL, 0) : 0;
}

int command_index(const char *name, const char *const *names, size_t nr)
{
	size_t i;

	for (i = 0; name && i < nr; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

static const char *do_regions(struct hostile *hostile, char **words)
{
	(void)words;
	memory_tell(hostile);
	return NULL;
}

static const char *do_maps(struct hostile *hostile, char **words)
{
	(void)words;
	memory_tell_maps(hostile);
	return NULL;
}

static const char *do_truncate(struct hostile *hostile, char **words)
{
	(void)words;
	memory_truncate(hostile);
	return NULL;
}

static const char *do_reach(struct hostile *hostile, char **words)
{
	struct reach_range range = {
		.first = command_number(words[2]) & -REACH_PAGE,
		.last = command_number(words[3]),
		.stride = REACH_PAGE,
	};
	long pages;

	if (!words[3])
		return "how, and which pages?";
	if (words[4] && command_number(words[4]) >= REACH_PAGE)
		range.stride = command_number(words[4]) & -REACH_PAGE;
	if (hostile->results < 0)
		return "there is no file for results";
	if (ftruncate(hostile->results, 0) ||
	    lseek(hostile->results, 0, SEEK_SET))
		return strerror(errno);
	pages = reach_range(hostile, words[1], &range);
	if (pages < 0)
		return "there is no such way";
	tell("reached %ld\n", pages);
	return NULL;
}

static const char *do_find(struct hostile *hostile, char **words)
{
	struct reach_range range = { .last = UINT64_MAX };
	uint64_t at = 0;
	long times;

	if (!words[1])
		return "what?";
	if (words[2] && words[3]) {
		range.first = command_number(words[2]) & -REACH_PAGE;
		range.last = command_number(words[3]);
	}
	times = reach_find(hostile, words[1], &range, &at);
	tell("found %ld at 0x%" PRIx64 "\n", times, at);
	return NULL;
}

static const char *do_scratch(struct hostile *hostile, char **words)
{
	return reach_scratch(hostile, command_number(words[1]) & -REACH_PAGE) ?
	       "that cannot be written" : NULL;
}

static const char *do_touch(struct hostile *hostile, char **words)
{
	void *page = memory_at_gpa(hostile,
				   command_number(words[1]) & -REACH_PAGE,
				   REACH_PAGE);

	if (!page)
		return "that is not in the memory";
	touch_page(page);
	return NULL;
}

static const char *do_keep(struct hostile *hostile, char **words)
{
	keep_page(hostile, command_number(words[1]));
	return NULL;
}

static const char *do_kept(struct hostile *hostile, char **words)
{
	(void)hostile;
	(void)words;
	keep_tell();
	return NULL;
}

static const struct command commands[] = {
	{ "regions", do_regions },
	{ "maps", do_maps },
	{ "truncate", do_truncate },
	{ "reach", do_reach },
	{ "find", do_find },
	{ "scratch", do_scratch },
	{ "touch", do_touch },
	{ "keep", do_keep },
	{ "kept", do_kept },
	{}
};

static const struct command *look_up(const struct command *command,
				     const char *name)
{
	while (command->name && strcmp(command->name, name))
		command++;
	return command->name ? command : NULL;
}

static const char *run(struct hostile *hostile, char **words,
		       const struct command *more)
{
	const struct command *command = NULL;

	if (words[0])
		command = look_up(more, words[0]) ?:
			  look_up(commands, words[0]);
	return command ? command->run(hostile, words) :
			 "there is no such command";
}

/* An answer has its end in one write, so that a reader sees all of it or none. */
bool command_obey(struct hostile *hostile, FILE *in, FILE *out,
		  const struct command *more)
{
	char *words[MAX_WORDS + 1] = {}, line[256], *rest = line;
	const char *error;
	int i;

	if (!fgets(line, sizeof(line), in))
		return false;
	for (i = 0; i < MAX_WORDS; i++)
		words[i] = strtok_r(rest, "\n ", &rest);
	answers = out;
	error = run(hostile, words, more);
	if (error)
		tell("error: %s\n", error);
	else
		tell("ok\n");
	fflush(out);
	return true;
}
