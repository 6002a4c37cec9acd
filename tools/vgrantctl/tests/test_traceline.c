// SPDX-License-Identifier: GPL-2.0-only
/* The text of a trace_pipe, with names that try to forge events. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "traceline.h"

#define FIELDS	"space=1 window=2 iova=0x1000 length=4096 flags=0x3 ret=-17"
#define EVENT	"-1234    [001]    12.345678: vhost_grant_map: " \
		FIELDS "\n"

#define ACCESS	"-7 [000] 1.000002: vhost_grant_map: " \
		"space=1 iova=0x1000 access=R|W ret=-17 noise\n"

static struct traceline line;

static size_t next(const char *text)
{
	return traceline_next(text, strlen(text), &line);
}

static void test_event(void)
{
	static const char text[] = "            qemu" EVENT;

	CHECK(next(text) == strlen(text));
	CHECK(line.kind == TRACELINE_EVENT);
	CHECK(line.pid == 1234 && line.cpu == 1);
	CHECK(!strcmp(line.comm, "qemu"));
	CHECK(!strcmp(line.time, "12.345678"));
	CHECK(!strcmp(line.name, "vhost_grant_map"));
	CHECK(!strcmp(line.fields, FIELDS));
}

static void test_every_prefix(void)
{
	static const char text[] = "            qemu" EVENT;

	for (size_t i = 0; i < strlen(text); i++)
		CHECK(traceline_next(text, i, &line) == 0);
}

static void test_two(void)
{
	static const char text[] = "            qemu" EVENT "         rust-vm" EVENT;
	size_t first = next(text);

	CHECK(next(text + first) == strlen(text) - first);
	CHECK(line.kind == TRACELINE_EVENT && !strcmp(line.comm, "rust-vm"));
}

static void check_comm(const char *comm, const char *escaped)
{
	char text[512];

	snprintf(text, sizeof(text), "%16s" EVENT, comm);
	CHECK(next(text) == strlen(text));
	CHECK(line.kind == TRACELINE_EVENT && line.pid == 1234);
	CHECK(!strcmp(line.comm, escaped));
}

static void test_comm(void)
{
	check_comm("a-1 [0] 1.0: x:", "a-1\\x20[0]\\x201.0:\\x20x:");
	check_comm("\n\n\n", "\\x0a\\x0a\\x0a");
	check_comm("CPU:1 [LOST 9\n", "CPU:1\\x20[LOST\\x209\\x0a");
	check_comm("\x1b[2J\xff", "\\x1b[2J\\xff");
	check_comm("<...>", "<...>");
	check_comm("", "");
}

static void test_lost(void)
{
	CHECK(next("CPU:1 [LOST 12 EVENTS]\n") == 23);
	CHECK(line.kind == TRACELINE_LOST && line.lost == 12);
	CHECK(next("CPU:1 [LOST EVENTS]\n") == 20);
	CHECK(line.kind == TRACELINE_LOST && line.lost == 0);
}

static void test_other(void)
{
	static const char *const texts[] = {
		"some other text that is no event\n",
		"            qemu-\n",
		"            qemu-x [0] 1.2: a: b\n",
		"            qemu-1 [0] 1.2 vhost_grant_map\n",
		"            qemu-99999999999999999999 [0] 1.2: a: b\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		CHECK(next(texts[i]) == strlen(texts[i]));
		CHECK(line.kind == TRACELINE_OTHER);
	}
}

static void test_long(void)
{
	static char text[1 << 16];

	memset(text, 'x', sizeof(text));
	text[16] = '-';
	text[sizeof(text) - 1] = '\n';
	CHECK(traceline_next(text, sizeof(text), &line) == sizeof(text));
	CHECK(line.kind == TRACELINE_OTHER);
	memcpy(text, "            qemu-1 [0] 1.2: a: ", 31);
	memset(text + 31, 0x1b, 900);
	text[931] = '\n';
	CHECK(traceline_next(text, 932, &line) == 932);
	CHECK(line.kind == TRACELINE_EVENT);
	CHECK(strlen(line.fields) < sizeof(line.fields));
}

static char *printed(void (*print)(FILE *out, const struct traceline *line))
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	print(out, &line);
	fclose(out);
	return text;
}

static void test_print(void)
{
	char *text;

	next("             a\nb" EVENT);
	text = printed(traceline_print);
	CHECK(!strcmp(text, "12.345678 vhost_grant_map 1234(a\\x0ab) " FIELDS "\n"));
	free(text);
	next("CPU:1 [LOST 12 EVENTS]\n");
	text = printed(traceline_print);
	CHECK(!strcmp(text, "- lost events=12\n"));
	free(text);
	next("some other text that is no event\n");
	text = printed(traceline_print);
	CHECK(!*text);
	free(text);
}

static void test_json(void)
{
	const char *event = "", *comm = "", *access = "";
	int pid = 0, space = 0, iova = 0, ret = 0;
	json_t *json;
	char *text;

	next("          \xff\"q\" x" ACCESS);
	text = printed(traceline_json);
	CHECK(strchr(text, '\n') == text + strlen(text) - 1);
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	CHECK(!json_unpack(json, "{s:s,s:s,s:i,s:i,s:i,s:i,s:s}", "event",
			   &event, "comm", &comm, "pid", &pid, "space", &space,
			   "iova", &iova, "ret", &ret, "access", &access));
	CHECK(!strcmp(event, "vhost_grant_map") && pid == 7 && space == 1);
	CHECK(!strcmp(comm, "\\xff\"q\"\\x20x") && iova == 4096 && ret == -17);
	CHECK(!strcmp(access, "R|W"));
	json_decref(json);
	free(text);
}

#define CASE(function)	{ #function, test_ ## function }

static const struct tap_case cases[] = {
	CASE(event), CASE(every_prefix), CASE(two), CASE(comm), CASE(lost),
	CASE(other), CASE(long), CASE(print), CASE(json),
};

int main(void)
{
	return tap_run(cases, sizeof(cases) / sizeof(*cases));
}
