// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"
#include "program.h"

#define SHOWN	(6 << 10)

const char *program_root(void)
{
	static char path[PATH_MAX];
	ssize_t n;

	if (*path)
		return path;
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n < 0)
		abort();
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	*strrchr(path, '/') = '\0';
	return path;
}

void program_init(struct program *program, const char *directory,
		  const char *name)
{
	memset(program, 0, sizeof(*program));
	program->input = -1;
	snprintf(program->log, sizeof(program->log), "%s/%s.log", directory,
		 name);
	program_add(program, "%s/bin/%s", program_root(), name);
}

void program_add(struct program *program, const char *format, ...)
{
	va_list args;

	if (program->argc == PROGRAM_ARGUMENTS)
		abort();
	va_start(args, format);
	if (vasprintf(&program->argv[program->argc++], format, args) < 0)
		abort();
	va_end(args);
}

void program_drop(struct program *program, int argc)
{
	while (program->argc > argc) {
		free(program->argv[--program->argc]);
		program->argv[program->argc] = NULL;
	}
}

static void become(struct program *program, int input, const int *fds,
		   unsigned int keep)
{
	int log = open(program->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	unsigned int i;

	if (program->user && (setgroups(0, NULL) || setgid(program->user) ||
			      setuid(program->user)))
		_exit(126);
	/* After the change of the user, which would undo it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(input, 0);
	dup2(log, 1);
	dup2(log, 2);
	for (i = 0; i < keep; i++)
		fcntl(fds[i], F_SETFD, 0);
	execvp(program->argv[0], program->argv);
	perror(program->argv[0]);
	_exit(127);
}

int program_start(struct program *program, const int *fds, unsigned int keep)
{
	int input[2];
	pid_t pid;

	if (pipe2(input, O_CLOEXEC))
		return -errno;
	/* What both can write to is the parent's. */
	pid = fork();
	if (pid == 0)
		become(program, input[0], fds, keep);
	close(input[0]);
	program->input = input[1];
	program->pid = pid;
	return pid < 0 ? -errno : 0;
}

int program_say(struct program *program, const char *text)
{
	return dprintf(program->input, "%s", text) < 0 ? -errno : 0;
}

static void ended(struct program *program)
{
	program->pid = 0;
	close(program->input);
	program->input = -1;
}

int program_wait(struct program *program, unsigned int milliseconds)
{
	uint64_t end = now_ns() + milliseconds * 1000000ULL;
	int status;

	while (waitpid(program->pid, &status, WNOHANG) == 0) {
		if (now_ns() > end)
			return -ETIMEDOUT;
		sleep_ms(10);
	}
	ended(program);
	return status;
}

bool program_runs(struct program *program)
{
	return program->pid > 0 && program_wait(program, 0) == -ETIMEDOUT;
}

void program_kill(struct program *program)
{
	if (program->pid <= 0)
		return;
	kill(program->pid, SIGKILL);
	waitpid(program->pid, NULL, 0);
	ended(program);
}

void program_free(struct program *program)
{
	program_kill(program);
	program_drop(program, 0);
}

static char *read_end(const char *path, long most)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, most + 1);

	if (file) {
		fseek(file, 0, SEEK_END);
		fseek(file, ftell(file) > most ? -most : -ftell(file), SEEK_END);
		fread(text, 1, most, file);
		fclose(file);
	}
	return text;
}

void show_file(const char *path)
{
	char *text = read_end(path, SHOWN), *rest = text, *line;

	printf("# --- the end of %s:\n", path);
	while ((line = strsep(&rest, "\n")))
		printf("#   %s\n", line);
	fflush(stdout);
	free(text);
}

void program_bury(const struct program *program, bool failed)
{
	if (program->pid > 0) {
		kill(program->pid, SIGKILL);
		if (waitpid(program->pid, NULL, 0) < 0)
			while (!kill(program->pid, 0))
				sleep_ms(10);
	}
	if (failed)
		show_file(program->log);
}

bool program_said(const struct program *program, const char *text)
{
	char *said = read_end(program->log, 1 << 20);
	bool found = strstr(said, text);

	free(said);
	return found;
}

static bool is_listening(const char *path)
{
	FILE *file = fopen("/proc/net/unix", "re");
	char line[256], name[128];
	bool found = false;
	unsigned int flags;

	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*s %*s %*s %x %*s %*s %*s %127s",
			       &flags, name) == 2 &&
			(flags & 0x10000) && !strcmp(name, path);
	fclose(file);
	return found;
}

int program_wait_listening(struct program *program, const char *path)
{
	uint64_t end = now_ns() + PROGRAM_TIMEOUT_MS * 1000000ULL;

	while (!is_listening(path)) {
		if (!program_runs(program))
			return -ESRCH;
		if (now_ns() > end)
			return -ETIMEDOUT;
		sleep_ms(20);
	}
	return 0;
}
