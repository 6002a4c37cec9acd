// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adversary.h"
#include "proc.h"

/* To try every page of a window takes a while on an emulated machine. */
#define ANSWER_NS	(600 * 1000000000ULL)

static int make_file(char *path, size_t size, const char *dir, const char *name,
		     off_t length)
{
	int fd, ret;

	snprintf(path, size, "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = ftruncate(fd, length) ? -errno : 0;
	close(fd);
	return ret;
}

int adversary_init(struct adversary *adversary, unsigned int megabytes,
		   const char *offer)
{
	struct program *program = &adversary->program;
	int ret;

	memset(adversary, 0, sizeof(*adversary));
	adversary->stream.fd = -1;
	strcpy(adversary->dir, "/tmp/hostile-XXXXXX");
	if (!mkdtemp(adversary->dir))
		return -errno;
	snprintf(adversary->socket, sizeof(adversary->socket), "%s/socket",
		 adversary->dir);
	ret = make_file(adversary->image, sizeof(adversary->image),
			adversary->dir, "image", (off_t)megabytes << 20);
	if (!ret)
		ret = make_file(adversary->results, sizeof(adversary->results),
				adversary->dir, "results", 0);
	program_init(program, adversary->dir, "hostile_backend");
	program_add(program, "--listen=%s", adversary->socket);
	program_add(program, "--disk=%s", adversary->image);
	program_add(program, "--results=%s", adversary->results);
	if (offer)
		program_add(program, "--offer=%s", offer);
	return ret;
}

int adversary_start(struct adversary *adversary)
{
	int other, ret;

	ret = stream_open(&adversary->stream, &other);
	if (ret)
		return ret;
	program_add(&adversary->program, "--control=%d", other);
	ret = program_start(&adversary->program, &other, 1);
	close(other);
	if (!ret)
		ret = program_wait_listening(&adversary->program,
					     adversary->socket);
	if (ret)
		show_file(adversary->program.log);
	return ret;
}

int adversary_join(struct adversary *adversary, const char *control,
		   const char *results, struct vm *guest)
{
	int ret;

	memset(adversary, 0, sizeof(*adversary));
	snprintf(adversary->results, sizeof(adversary->results), "%s", results);
	adversary->guest = guest;
	ret = stream_connect(&adversary->stream, control);
	if (ret)
		printf("# %s: %s\n", control, strerror(-ret));
	return ret;
}

void adversary_bury(const struct adversary *adversary, bool failed)
{
	if (!*adversary->dir)
		return;
	program_bury(&adversary->program, failed);
	unlink(adversary->socket);
	unlink(adversary->image);
	unlink(adversary->results);
	unlink(adversary->program.log);
	rmdir(adversary->dir);
}

static int add_line(struct adversary *adversary, const char *line)
{
	char *answer;

	if (asprintf(&answer, "%s%s\n", adversary->answer, line) < 0)
		return -ENOMEM;
	free(adversary->answer);
	adversary->answer = answer;
	return 0;
}

static int read_answer(struct adversary *adversary)
{
	const uint64_t deadline = now_ns() + ANSWER_NS;
	bool done = false;
	char *line;
	int ret = 0;

	free(adversary->answer);
	adversary->answer = strdup("");
	while (!ret && !done) {
		ret = stream_line(&adversary->stream, deadline, &line);
		if (ret)
			break;
		done = !strcmp(line, "ok");
		ret = strncmp(line, "error", 5) ? 0 : -EINVAL;
		if (!done)
			add_line(adversary, line);
		free(line);
	}
	return ret;
}

int adversary_do(struct adversary *adversary, const char *format, ...)
{
	char line[200];
	va_list args;
	int ret;

	va_start(args, format);
	vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	strcat(line, "\n");
	ret = stream_send(&adversary->stream, line);
	if (!ret)
		ret = read_answer(adversary);
	if (ret)
		printf("# the hostile back-end, told to %s# %s: %s\n", line,
		       strerror(-ret), adversary->answer ?: "");
	return ret;
}

/* Names and numbers alternate, on one line or more. */
int64_t adversary_number(const struct adversary *adversary, const char *name)
{
	const char *at = adversary->answer;
	const size_t length = strlen(name);

	while (at && (at = strstr(at, name))) {
		if ((at == adversary->answer || at[-1] == ' ' || at[-1] == '\n') &&
		    at[length] == ' ')
			return strtoll(at + length, NULL, 0);
		at += length;
	}
	return -1;
}

int64_t adversary_state(struct adversary *adversary, const char *name)
{
	if (adversary_do(adversary, "state"))
		return -1;
	return adversary_number(adversary, name);
}

bool adversary_wait(struct adversary *adversary, const char *name, int64_t value)
{
	const uint64_t end = now_ns() + PROGRAM_TIMEOUT_MS * 1000000ULL;

	while (adversary_state(adversary, name) < value) {
		if (now_ns() > end) {
			printf("# still %s is not %ld: %s", name, (long)value,
			       adversary->answer);
			return false;
		}
		sleep_ms(50);
	}
	return true;
}

void adversary_forget(struct adversary *adversary)
{
	free(adversary->reached);
	adversary->reached = NULL;
	adversary->nr = 0;
}

/* The guest has a disk for this alone. */
static int fetch_results(struct adversary *adversary)
{
	if (!adversary->guest)
		return 0;
	return guest_ok(adversary->guest,
			"dd if=/tmp/results of=/dev/vda bs=64k conv=fsync 2>/dev/null") ?
	       0 : -EIO;
}

static int take_results(struct adversary *adversary, size_t pages)
{
	const size_t nr = adversary->nr + pages;
	struct reached *reached;
	size_t got;
	FILE *file;

	reached = realloc(adversary->reached, (nr ?: 1) * sizeof(*reached));
	file = fopen(adversary->results, "re");
	if (!reached || !file)
		return -ENOMEM;
	got = fread(reached + adversary->nr, sizeof(*reached), pages, file);
	fclose(file);
	adversary->reached = reached;
	adversary->nr += got;
	return got == pages ? 0 : -EIO;
}

long adversary_reach(struct adversary *adversary, const char *how,
		     uint64_t first, uint64_t last)
{
	int64_t pages;
	int ret;

	ret = adversary_do(adversary, "reach %s 0x%lx 0x%lx", how, first, last);
	if (ret)
		return ret;
	pages = adversary_number(adversary, "reached");
	ret = fetch_results(adversary);
	if (!ret)
		ret = take_results(adversary, pages);
	return ret ?: pages;
}
