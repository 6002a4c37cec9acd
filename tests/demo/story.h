/* SPDX-License-Identifier: GPL-2.0-only */
/* How the demo tells what is tried, what happened, and whether it was right. */
#ifndef STORY_H
#define STORY_H

#include <stdbool.h>
#include <stdint.h>

void story_scene(const char *title);
void story_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One step: what was tried, and what happened, printed as OK or FAIL. */
void story_step(bool ok, const char *tried, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The end: 0 if every step was OK. */
int story_end(void);

/* A step without which nothing makes sense: ends the demo. */
void story_must(int ret, const char *tried);

/* Eight letters are a word of memory. */
uint64_t word_of(const char *text);
/* The letters, or the number if there are none; valid until the fourth call. */
const char *text_of(uint64_t word);

#endif
