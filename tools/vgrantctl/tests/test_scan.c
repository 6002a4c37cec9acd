// SPDX-License-Identifier: GPL-2.0-only
/* The /proc reader and the printers on made-up, partly hostile, proc trees. */
#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scan.h"
#include "tap.h"
#include "view.h"

#define WINDOW_LINK	"anon_inode:[vhost_grant_window]"
#define MAP_LINE	"7f0000000000-7f0000001000 rw-s 00000000 00:0f %d" \
			"                  %s\n"
#define GENERIC		"pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t%d\n"
#define MANY		24

static const char space_info[] =
	GENERIC "vhost_grant:\tspace\nspace:\t%d\nowner:\t%d\nwindows:\t2\n"
	"pages_pinned:\t512\nevents:\t3\nevents_lost:\t4\n";

static const char window_info[] =
	GENERIC "vhost_grant:\twindow\nspace:\t%d\nowner:\t%d\nwindow:\t%d\n"
	"length:\t68719476736\nflags:\t0x4\nhole:\tfault\ndead:\t0\nvmas:\t1\n"
	"bindings:\t2\ngrants:\t3\npages_granted:\t1024\npages_pinned:\t1025\n"
	"pages_mapped:\t6\npages_revoked:\t7\nfaults:\t8\n"
	"violations_hole:\t9\nviolations_readonly:\t10\n";

#define TEMPLATE	"/tmp/vgrantctl-XXXXXX"

static char root[sizeof(TEMPLATE)];
static struct vg_host host;

static int remove_entry(const char *path, const struct stat *status, int type,
			struct FTW *walk)
{
	(void)status;
	(void)type;
	return walk->level ? remove(path) : 0;
}

static void empty_root(void)
{
	if (nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS))
		errx(1, "cannot empty %s: %m", root);
}

static void put_bytes(int pid, const char *name, const void *bytes,
		      size_t length)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/%s", root, pid, name);
	file = fopen(path, "w");
	if (!file || fwrite(bytes, 1, length, file) != length || fclose(file))
		errx(1, "cannot write %s: %m", path);
}

static void put(int pid, const char *name, const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put_bytes(pid, name, text, strlen(text));
}

static void put_directory(int pid, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%d/%s", root, pid, name);
	if (mkdir(path, 0700))
		errx(1, "cannot make %s: %m", path);
}

static void put_link(int pid, const char *name, const char *target)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%d/%s", root, pid, name);
	if (symlink(target, path))
		errx(1, "cannot make %s: %m", path);
}

static void put_process(int pid, const char *comm)
{
	put_directory(pid, "");
	put_directory(pid, "fd");
	put_directory(pid, "fdinfo");
	put(pid, "comm", "%s\n", comm);
	put(pid, "maps", "%s", "");
}

static void put_window(int pid, int fd, int inode, int space, int owner,
		       int window)
{
	char name[32];

	snprintf(name, sizeof(name), "fd/%d", fd);
	put_link(pid, name, WINDOW_LINK);
	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	put(pid, name, window_info, inode, space, owner, window);
}

static void put_space(int pid, int fd, int space, int owner)
{
	char name[32];

	snprintf(name, sizeof(name), "fd/%d", fd);
	put_link(pid, name, "/dev/vhost_grant");
	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	put(pid, name, space_info, 5, space, owner);
}

static void scan_root(void)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY);

	vg_host_free(&host);
	CHECK(vg_scan(fd, &host) == 0);
	close(fd);
}

static void put_owner_and_peers(void)
{
	put_process(100, "owner");
	put_space(100, 3, 1, 100);
	put_window(100, 4, 77, 1, 100, 1);
	put_process(200, "opener");
	put_window(200, 9, 77, 1, 100, 1);
	put_process(300, "mapper");
	put(300, "maps", MAP_LINE MAP_LINE, 77, WINDOW_LINK, 77, WINDOW_LINK);
}

static void test_empty(void)
{
	scan_root();
	CHECK(!host.nr_spaces && !host.nr_windows);
	CHECK(!host.unreadable && !host.malformed);
}

static void test_unreadable_root(void)
{
	CHECK(vg_scan(-1, &host) < 0);
	CHECK(!host.nr_spaces && !host.nr_windows);
}

static void test_owner_and_peers(void)
{
	const struct vg_window *window;

	put_owner_and_peers();
	scan_root();
	window = host.windows;
	CHECK(host.nr_spaces == 1 && host.nr_windows == 1);
	CHECK(host.spaces->owner == 100 && host.spaces->pages_pinned == 512);
	CHECK(host.spaces->events == 3 && host.spaces->events_lost == 4);
	CHECK(window->known && window->space == 1 && window->window == 1);
	CHECK(window->length == 64ULL << 30 && window->flags == 4);
	CHECK(window->vmas == 1 && window->bindings == 2);
	CHECK(window->grants == 3 && window->pages_granted == 1024);
	CHECK(window->pages_pinned == 1025 && window->pages_mapped == 6);
	CHECK(window->pages_revoked == 7 && window->faults == 8);
	CHECK(window->violations_hole == 9);
	CHECK(window->violations_readonly == 10);
	CHECK(window->holders.nr == 3);
	CHECK(vg_owner(&host, 1, 100) && !vg_owner(&host, 1, 200));
	CHECK(!vg_owner(&host, 2, 100));
}

/* Whichever of mapping and descriptor is met first, it is one window. */
static void test_mapped_and_open(void)
{
	for (int pid = 1; pid <= MANY; pid++) {
		put_process(pid, "peer");
		put(pid, "maps", MAP_LINE, 77, WINDOW_LINK);
	}
	put_window(MANY / 2, 3, 77, 1, 999, 5);
	scan_root();
	CHECK(host.nr_windows == 1 && host.windows->known);
	CHECK(host.windows->holders.nr == MANY);
}

static void test_only_mapped(void)
{
	put_process(300, "mapper");
	put(300, "maps", MAP_LINE, 77, WINDOW_LINK);
	scan_root();
	CHECK(host.nr_windows == 1 && !host.windows->known);
	CHECK(host.windows->inode == 77 && host.windows->holders.nr == 1);
	CHECK(host.windows->holders.list->mappings == 1);
}

static void test_same_id_two_spaces(void)
{
	put_process(100, "a");
	put_window(100, 3, 77, 1, 100, 1);
	put_process(200, "b");
	put_window(200, 3, 78, 2, 200, 1);
	scan_root();
	CHECK(host.nr_windows == 2);
	CHECK(host.windows[0].space == 1 && host.windows[1].space == 2);
}

static void test_holder_counts(void)
{
	const struct vg_holder *holder;

	put_process(100, "owner");
	put_window(100, 3, 77, 1, 100, 1);
	put_window(100, 4, 77, 1, 100, 1);
	put_process(101, "other");
	scan_root();
	holder = host.windows->holders.list;
	CHECK(host.windows->holders.nr == 1 && holder->fds == 2);
	CHECK(!vg_is_peer(host.windows, holder));
	put(100, "maps", MAP_LINE, 77, WINDOW_LINK);
	scan_root();
	CHECK(vg_is_peer(host.windows, host.windows->holders.list));
}

static void test_vanished(void)
{
	put_directory(100, "");
	put_process(200, "closing");
	put_link(200, "fd/3", WINDOW_LINK);
	put_link(200, "fd/4", "/dev/vhost_grant");
	scan_root();
	CHECK(!host.nr_spaces && !host.nr_windows);
	CHECK(!host.unreadable && !host.malformed);
}

static void test_unreadable_process(void)
{
	put_directory(100, "");
	put(100, "comm", "x\n");
	put_link(100, "fd", "fd");
	scan_root();
	CHECK(host.unreadable == 1);
}

static void put_text(const char *text, size_t length)
{
	empty_root();
	put_process(100, "owner");
	put_link(100, "fd/3", WINDOW_LINK);
	put_bytes(100, "fdinfo/3", text, length);
	scan_root();
}

static void test_truncated(void)
{
	char text[1024];
	int length = snprintf(text, sizeof(text), window_info, 77, 1, 100, 1);

	for (int i = 0; i < length; i++) {
		put_text(text, i);
		CHECK(!host.nr_windows && host.malformed == 1);
	}
	put_text(text, length);
	CHECK(host.nr_windows == 1 && !host.malformed);
}

static void test_missing_keys(void)
{
	char text[1024], cut[1024];
	char *line, *end;

	snprintf(text, sizeof(text), window_info, 77, 1, 100, 1);
	for (line = strstr(text, "ino:"); *line; line = end + 1) {
		end = strchr(line, '\n');
		snprintf(cut, sizeof(cut), "%.*s%s", (int)(line - text), text,
			 end + 1);
		put_text(cut, strlen(cut));
		CHECK(!host.nr_windows && host.malformed == 1);
	}
}

static void test_wrong_values(void)
{
	static const char *const values[] = {
		"", "-1", "18446744073709551616", "9223372036854775808", "1x",
		"0xffffffffffffffff", "0x", "99999999999999999999999999999999",
		"1 2", "\x1b[2J", "NaN", "+1",
	};
	char text[1024], changed[2048];
	char *line, *value, *end;

	snprintf(text, sizeof(text), window_info, 77, 1, 100, 1);
	for (line = strstr(text, "space:"); *line; line = end + 1) {
		value = strchr(line, '\t') + 1;
		end = strchr(line, '\n');
		for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
			snprintf(changed, sizeof(changed), "%.*s%s%s",
				 (int)(value - text), text, values[i], end);
			put_text(changed, strlen(changed));
			CHECK(!host.nr_windows && host.malformed == 1);
		}
	}
}

static void test_noise(void)
{
	size_t size = 1 << 20;
	char *noise = xrealloc(NULL, size, 1);

	memset(noise, 0, size);
	put_text(noise, size);
	CHECK(!host.nr_windows && host.malformed == 1);
	memset(noise, '\n', size);
	put_text(noise, size);
	CHECK(!host.nr_windows && host.malformed == 1);
	memset(noise, 0xff, size);
	put_text(noise, size);
	put_bytes(100, "maps", noise, size);
	scan_root();
	CHECK(!host.nr_windows && host.malformed == 1);
	free(noise);
}

static void test_wrong_maps(void)
{
	static const char *const lines[] = {
		"7f00-7f01 rw-s 00000000 00:0f 77 /" WINDOW_LINK "\n",
		"7f00-7f01 rw-s 00000000 00:0f 77 x " WINDOW_LINK "\n",
		"7f00-7f01 rw-s 00000000 00:0f 77 " WINDOW_LINK " (deleted)\n",
		"7f00-7f01 rw-s 00000000 00:0f 77 " WINDOW_LINK,
		"7f00-7f01 rw-s 00000000 00:0f " WINDOW_LINK "\n",
		"7f00-7f01 rw-s 00000000 00:0f 99999999999999999999 "
			WINDOW_LINK "\n",
		"7f00-7f01 rw-s 00000000 00:0f -1 " WINDOW_LINK "\n",
		"\n", "", " ", "-",
	};

	put_process(100, "peer");
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		put(100, "maps", "%s", lines[i]);
		scan_root();
		CHECK(!host.nr_windows);
	}
}

static void test_other_files(void)
{
	put_process(100, "forger");
	put_link(100, "fd/3", "/tmp/" WINDOW_LINK);
	put(100, "fdinfo/3", GENERIC "lock:\t1: vhost_grant:\twindow\n", 3);
	put_link(100, "fd/4", "socket:[1]");
	put(100, "fdinfo/4", space_info, 5, 1, 100);
	put_link(100, "fd/5", "anon_inode:[eventfd]");
	put(100, "fdinfo/5", window_info, 77, 1, 100, 1);
	scan_root();
	CHECK(!host.nr_spaces && !host.nr_windows && !host.malformed);
}

static void check_comm(const void *bytes, size_t length, const char *expected)
{
	empty_root();
	put_process(300, "");
	put_bytes(300, "comm", bytes, length);
	put(300, "maps", MAP_LINE, 77, WINDOW_LINK);
	scan_root();
	CHECK(!strcmp(host.windows->holders.list->comm, expected));
}

static void test_comm(void)
{
	char full[65];

	check_comm("plain\n", 6, "plain");
	check_comm("a b\n", 4, "a\\x20b");
	check_comm("\x1b[31m\n", 6, "\\x1b[31m");
	check_comm("a\nb\n", 4, "a\\x0ab");
	check_comm("\\x41\n", 5, "\\\\x41");
	check_comm("\xff\xc3\n", 3, "\\xff\\xc3");
	check_comm("\0\n", 2, "\\x00");
	check_comm("", 0, "");
	memset(full, 0xff, sizeof(full));
	full[64] = '\n';
	check_comm(full, sizeof(full),
		   "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff"
		   "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff"
		   "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff"
		   "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff"
		   "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff"
		   "\\xff\\xff\\xff\\xff");
}

static void test_bytes(void)
{
	char text[TEXT_BYTES_MAX];

	CHECK(!strcmp(text_bytes(text, 0), "0B"));
	CHECK(!strcmp(text_bytes(text, 4096), "4K"));
	CHECK(!strcmp(text_bytes(text, 12288ULL << 10), "12M"));
	CHECK(!strcmp(text_bytes(text, (1ULL << 47) - 4096), "137438953468K"));
	CHECK(!strcmp(text_bytes(text, 1ULL << 47), "128T"));
	CHECK(!strcmp(text_bytes(text, ~0ULL), "18446744073709551615B"));
}

static char *printed_list(void)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	table_list(out, &host);
	fclose(out);
	return text;
}

static void test_table(void)
{
	static const char expected[] =
		"SPACE  WINDOWS  PINNED  EVENTS  LOST  OWNER\n"
		"1      2        512     3       4     100(owner)\n"
		"\n"
		"WINDOW  SIZE  FLAGS       HOLE   STATE  GRANTED  FAULTS  VIOLATIONS  OWNER       PEERS\n"
		"1:1     64G   kvm-mapped  fault  live   1024     8       9/10        100(owner)  ";
	char *text;

	put_owner_and_peers();
	scan_root();
	text = printed_list();
	CHECK(!strncmp(text, expected, strlen(expected)));
	CHECK(strstr(text, "200(opener)") && strstr(text, "300(mapper)"));
	CHECK(!strstr(text, "100(owner)  1"));
	free(text);
}

static void test_table_hostile(void)
{
	size_t lines = 0;
	char *text;

	put_process(300, "a\n1:1 forged\x1b[2J");
	put(300, "maps", MAP_LINE, 77, WINDOW_LINK);
	scan_root();
	text = printed_list();
	for (char *c = text; *c; c++) {
		lines += *c == '\n';
		CHECK(*c == '\n' || (*c >= ' ' && *c < 0x7f));
	}
	CHECK(lines == 4 && strstr(text, "inode=77"));
	free(text);
}

static json_t *printed_json(const struct selection *selection)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);
	json_t *json;

	json_host(out, &host, selection);
	fclose(out);
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	return json;
}

static void test_json(void)
{
	struct selection all = { .any = true };
	json_t *json, *window;
	int space = 0, pid = 0;
	json_int_t length = 0;
	const char *comm = "", *flag = "";

	put_owner_and_peers();
	put_process(400, "\xff\"\\\n");
	put(400, "maps", MAP_LINE, 78, WINDOW_LINK);
	scan_root();
	json = printed_json(&all);
	window = json_array_get(json_object_get(json, "windows"), 0);
	CHECK(!json_unpack(window, "{s:i,s:I,s:{s:i,s:s},s:[s]}", "space",
			   &space, "length", &length, "owner", "pid", &pid,
			   "comm", &comm, "flags", &flag));
	CHECK(space == 1 && pid == 100 && length == 64LL << 30);
	CHECK(!strcmp(comm, "owner") && !strcmp(flag, "kvm-mapped"));
	CHECK(json_array_size(json_object_get(window, "peers")) == 2);
	window = json_array_get(json_object_get(json, "windows"), 1);
	CHECK(json_is_null(json_object_get(window, "space")));
	CHECK(!json_unpack(window, "{s:[{s:s}]}", "peers", "comm", &comm));
	CHECK(!strcmp(comm, "\\xff\"\\\\\\x0a"));
	json_decref(json);
}

static size_t selected(const struct selection *selection, const char *what)
{
	json_t *json = printed_json(selection);
	size_t size = json_array_size(json_object_get(json, what));

	json_decref(json);
	return size;
}

static void test_selection(void)
{
	struct selection pid = { .number = 300 }, space = { .number = 1 };
	struct selection none = { .number = 12345 };
	struct selection window = {
		.one_window = true, .number = 1, .window = 1,
	};

	put_owner_and_peers();
	scan_root();
	CHECK(selected(&pid, "windows") == 1 && selected(&pid, "spaces") == 0);
	CHECK(selected(&space, "windows") == 1);
	CHECK(selected(&space, "spaces") == 1);
	CHECK(!selected(&none, "windows") && !selected(&none, "spaces"));
	CHECK(selected(&window, "windows") == 1);
	CHECK(selected(&window, "spaces") == 0);
	window.window = 2;
	CHECK(selected(&window, "windows") == 0);
}

/* Forgotten bits of a newer module must not disappear. */
static void test_unknown_bits(void)
{
	struct vhost_grant_info info = {
		.out_abi_version = 1, .out_page_sizes = 0x201000,
		.out_features = VHOST_GRANT_FEATURE_FILE_SOURCE | 1ULL << 40,
	};
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	table_info(out, &info);
	json_info(out, &info);
	fclose(out);
	CHECK(strstr(text, "file-source,0x10000000000"));
	CHECK(strstr(text, "4K,2M"));
	CHECK(strstr(text, "\"0x10000000000\""));
	free(text);
}

#define CASE(function)	{ #function, test_ ## function }

static const struct tap_case cases[] = {
	CASE(empty), CASE(unreadable_root), CASE(owner_and_peers),
	CASE(mapped_and_open), CASE(only_mapped), CASE(same_id_two_spaces),
	CASE(holder_counts), CASE(vanished), CASE(unreadable_process),
	CASE(truncated), CASE(missing_keys), CASE(wrong_values), CASE(noise),
	CASE(wrong_maps), CASE(other_files), CASE(comm), CASE(bytes),
	CASE(table), CASE(table_hostile), CASE(json), CASE(selection),
	CASE(unknown_bits),
};

static struct tap_case clean_cases[sizeof(cases) / sizeof(*cases)];
static unsigned int next;

static void run_clean(void)
{
	empty_root();
	cases[next++].run();
}

int main(void)
{
	unsigned int nr = sizeof(cases) / sizeof(*cases);
	int ret;

	memcpy(root, TEMPLATE, sizeof(root));
	if (!mkdtemp(root))
		errx(1, "cannot make %s: %m", root);
	for (unsigned int i = 0; i < nr; i++)
		clean_cases[i] = (struct tap_case){ cases[i].name, run_clean };
	ret = tap_run(clean_cases, nr);
	empty_root();
	rmdir(root);
	vg_host_free(&host);
	return ret;
}
