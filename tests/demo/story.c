// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "story.h"

static unsigned int steps, failures;

void story_scene(const char *title)
{
	printf("\n%s\n", title);
	fflush(stdout);
}

void story_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("    ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
}

void story_step(bool ok, const char *tried, const char *format, ...)
{
	va_list args;

	steps++;
	failures += !ok;
	va_start(args, format);
	printf("%s  %s\n          -> ", ok ? "    OK  " : "    FAIL", tried);
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
}

int story_end(void)
{
	if (failures)
		printf("\nThe demo FAILED: %u of %u steps are not as claimed.\n",
		       failures, steps);
	else
		printf("\nAll %u steps are as claimed.\n", steps);
	return failures ? 1 : 0;
}

void story_must(int ret, const char *tried)
{
	if (ret >= 0)
		return;
	story_step(false, tried, "%s", strerror(-ret));
	story_end();
	exit(1);
}

uint64_t word_of(const char *text)
{
	uint64_t word = 0;

	memcpy(&word, text, strnlen(text, sizeof(word)));
	return word;
}

const char *text_of(uint64_t word)
{
	static char texts[4][24];
	static unsigned int next;
	char *text = texts[next++ % 4], letters[8];
	size_t i;

	memcpy(letters, &word, sizeof(letters));
	for (i = 0; i < sizeof(letters); i++) {
		if (!isprint((unsigned char)letters[i])) {
			snprintf(text, sizeof(texts[0]), "0x%" PRIx64, word);
			return text;
		}
	}
	snprintf(text, sizeof(texts[0]), "\"%.8s\"", letters);
	return text;
}
