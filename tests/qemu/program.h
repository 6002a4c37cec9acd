/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program that runs beside the test and does not outlive it. What it prints
 * is kept in a file. Functions that can fail return a negative errno.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROGRAM_ARGUMENTS	96
/* A loaded machine that emulates another one is in no hurry. */
#define PROGRAM_TIMEOUT_MS	240000

/**
 * struct program - A program, running or not
 * @argv: its arguments, allocated
 * @argc: how many there are
 * @log: file of its output, which a new start adds to
 * @user: that it runs as, 0 for the test's own
 * @pid: 0 if it does not run
 * @input: to its standard input, which stays open for as long as it runs
 */
struct program {
	char *argv[PROGRAM_ARGUMENTS + 1];
	int argc;
	char log[96];
	uid_t user;
	pid_t pid;
	int input;
};

/*
 * The directory that has the programs in bin/ and their data beside it: the one
 * above this program's
 */
const char *program_root(void);

void program_init(struct program *program, const char *directory,
		  const char *name);
/* Adds an argument */
void program_add(struct program *program, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* All arguments but the first @argc */
void program_drop(struct program *program, int argc);

/* With @keep descriptors of this process left open, which are listed in @fds */
int program_start(struct program *program, const int *fds, unsigned int keep);
int program_say(struct program *program, const char *text);
bool program_runs(struct program *program);
/* The wait status, or -ETIMEDOUT if it still runs */
int program_wait(struct program *program, unsigned int milliseconds);
/* Kills it at once; the arguments stay, to start it again */
void program_kill(struct program *program);
void program_free(struct program *program);
/*
 * Waits for the end of a program whose process may have died, of which it dies.
 * With @failed prints the end of its log.
 */
void program_bury(const struct program *program, bool failed);

/* Prints the end of a file as comments */
void show_file(const char *path);
bool program_said(const struct program *program, const char *text);

/* Waits until it, or anybody else, listens to the UNIX socket at @path */
int program_wait_listening(struct program *program, const char *path);

#endif /* PROGRAM_H */
