// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scan.h"

#define WINDOW_FILE	"anon_inode:[vhost_grant_window]"

/* Far more than the longest description; the rest of a longer one is noise. */
#define FDINFO_MAX	8192

struct process {
	__u64 pid;
	int fd;
	char comm[TEXT_COMM_MAX];
};

struct key {
	const char *name;
	size_t offset;
};

static const struct key space_keys[] = {
	{ "space", offsetof(struct vg_space, space) },
	{ "owner", offsetof(struct vg_space, owner) },
	{ "windows", offsetof(struct vg_space, windows) },
	{ "pages_pinned", offsetof(struct vg_space, pages_pinned) },
	{ "events", offsetof(struct vg_space, events) },
	{ "events_lost", offsetof(struct vg_space, events_lost) },
	{ NULL },
};

static const struct key window_keys[] = {
	{ "space", offsetof(struct vg_window, space) },
	{ "owner", offsetof(struct vg_window, owner) },
	{ "window", offsetof(struct vg_window, window) },
	{ "length", offsetof(struct vg_window, length) },
	{ "flags", offsetof(struct vg_window, flags) },
	{ "dead", offsetof(struct vg_window, dead) },
	{ "vmas", offsetof(struct vg_window, vmas) },
	{ "bindings", offsetof(struct vg_window, bindings) },
	{ "grants", offsetof(struct vg_window, grants) },
	{ "pages_granted", offsetof(struct vg_window, pages_granted) },
	{ "pages_pinned", offsetof(struct vg_window, pages_pinned) },
	{ "pages_mapped", offsetof(struct vg_window, pages_mapped) },
	{ "pages_revoked", offsetof(struct vg_window, pages_revoked) },
	{ "faults", offsetof(struct vg_window, faults) },
	{ "violations_hole", offsetof(struct vg_window, violations_hole) },
	{ "violations_readonly",
	  offsetof(struct vg_window, violations_readonly) },
	{ NULL },
};

static bool vanished(int error)
{
	return error == ENOENT || error == ESRCH || error == ENOTDIR;
}

/*
 * The kernel prints nothing above LLONG_MAX here, and JSON readers could not
 * take it: what is larger is not a number of ours.
 */
static bool parse_number(const char *text, __u64 *number)
{
	int base = strncmp(text, "0x", 2) ? 10 : 16;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, base);
	return !errno && !*end && *number <= LLONG_MAX;
}

/* Copies what follows "@key:" and blanks, up to the end of that line. */
static bool find_value(const char *text, const char *key, char *value,
		       size_t size)
{
	size_t length = strlen(key);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, key, length) || text[length] != ':')
			continue;
		text += length + 1;
		text += strspn(text, " \t");
		length = strcspn(text, "\n");
		if (length >= size || text[length] != '\n')
			return false;
		memcpy(value, text, length);
		value[length] = '\0';
		return true;
	}
	return false;
}

static bool find_number(const char *text, const char *key, __u64 *number)
{
	char value[32];

	return find_value(text, key, value, sizeof(value)) &&
	       parse_number(value, number);
}

static bool parse_keys(const char *text, const struct key *key, void *out)
{
	for (; key->name; key++)
		if (!find_number(text, key->name,
				 (__u64 *)((char *)out + key->offset)))
			return false;
	return true;
}

/* Every file has a line "flags:"; ours come after the line that names us. */
static const char *description(const char *fdinfo, const char *kind)
{
	static const char marker[] = "\nvhost_grant:\t";
	const char *text = strstr(fdinfo, marker);
	size_t length = strlen(kind);

	if (!text)
		return NULL;
	text += strlen(marker);
	return strncmp(text, kind, length) || text[length] != '\n' ?
	       NULL : text + length;
}

static bool parse_space(const char *fdinfo, struct vg_space *space)
{
	const char *text = description(fdinfo, "space");

	return text && parse_keys(text, space_keys, space) &&
	       space->owner <= INT_MAX;
}

static bool parse_window(const char *fdinfo, struct vg_window *window)
{
	const char *text = description(fdinfo, "window");
	char hole[16];

	if (!text || !parse_keys(text, window_keys, window) ||
	    !find_number(fdinfo, "ino", &window->inode) ||
	    !find_value(text, "hole", hole, sizeof(hole)))
		return false;
	window->known = true;
	window->scratch = !strcmp(hole, "scratch");
	return window->owner <= INT_MAX && window->dead <= 1 &&
	       (window->scratch || !strcmp(hole, "fault"));
}

static ssize_t read_small(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, text + used, size - 1 - used);
		if (n > 0)
			used += n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	n = n < 0 ? -errno : (ssize_t)used;
	close(fd);
	text[used] = '\0';
	return n;
}

static struct vg_holder *holder_of(struct vg_holders *holders,
				   const struct process *process)
{
	struct vg_holder *holder;

	/* Processes are read one after the other. */
	if (holders->nr && holders->list[holders->nr - 1].pid == process->pid)
		return &holders->list[holders->nr - 1];
	holders->list = xrealloc(holders->list, holders->nr + 1,
				 sizeof(*holders->list));
	holder = &holders->list[holders->nr++];
	memset(holder, 0, sizeof(*holder));
	holder->pid = process->pid;
	memcpy(holder->comm, process->comm, sizeof(holder->comm));
	return holder;
}

static struct vg_space *space_of(struct vg_host *host,
				 const struct vg_space *found)
{
	struct vg_space *space;

	for (size_t i = 0; i < host->nr_spaces; i++)
		if (host->spaces[i].space == found->space)
			return &host->spaces[i];
	host->spaces = xrealloc(host->spaces, host->nr_spaces + 1,
				sizeof(*host->spaces));
	space = &host->spaces[host->nr_spaces++];
	*space = *found;
	return space;
}

static struct vg_window *new_window(struct vg_host *host,
				    const struct vg_window *found)
{
	host->windows = xrealloc(host->windows, host->nr_windows + 1,
				 sizeof(*host->windows));
	host->windows[host->nr_windows] = *found;
	return &host->windows[host->nr_windows++];
}

static struct vg_window *mapped_window(struct vg_host *host, __u64 inode)
{
	struct vg_window found = { .inode = inode };

	for (size_t i = 0; i < host->nr_windows; i++)
		if (host->windows[i].inode == inode)
			return &host->windows[i];
	return new_window(host, &found);
}

/* It may have been met as a mapping before, when only its inode was known. */
static struct vg_window *open_window(struct vg_host *host,
				     struct vg_window *found)
{
	for (size_t i = 0; i < host->nr_windows; i++) {
		struct vg_window *window = &host->windows[i];

		if (window->known && window->space == found->space &&
		    window->window == found->window)
			return window;
		if (!window->known && window->inode == found->inode) {
			found->holders = window->holders;
			*window = *found;
			return window;
		}
	}
	return new_window(host, found);
}

static void add_space(struct vg_host *host, const struct process *process,
		      const char *fdinfo)
{
	struct vg_space found = { 0 };

	if (!parse_space(fdinfo, &found))
		host->malformed++;
	else
		holder_of(&space_of(host, &found)->holders, process)->fds++;
}

static void add_window(struct vg_host *host, const struct process *process,
		       const char *fdinfo)
{
	struct vg_window found = { 0 };

	if (!parse_window(fdinfo, &found))
		host->malformed++;
	else
		holder_of(&open_window(host, &found)->holders, process)->fds++;
}

/*
 * The link is judged by its text, never followed: that could block on a file
 * system which is gone. Only the kernel makes links that do not begin with a
 * slash; a space can be anywhere that a device node can.
 */
static void read_fd(struct vg_host *host, const struct process *process,
		    int dir, const char *name)
{
	char link[PATH_MAX], path[32], fdinfo[FDINFO_MAX];
	ssize_t length = readlinkat(dir, name, link, sizeof(link) - 1);
	bool window;

	if (length < 0)
		return;
	link[length] = '\0';
	window = !strcmp(link, WINDOW_FILE);
	if (!window && *link != '/' && *link != '(')
		return;
	snprintf(path, sizeof(path), "fdinfo/%.16s", name);
	if (read_small(process->fd, path, fdinfo, sizeof(fdinfo)) < 0)
		return;
	if (window)
		add_window(host, process, fdinfo);
	else if (strstr(fdinfo, "\nvhost_grant:"))
		add_space(host, process, fdinfo);
}

static DIR *open_directory(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream;

	if (fd < 0)
		return NULL;
	stream = fdopendir(fd);
	if (!stream)
		close(fd);
	return stream;
}

static int read_fds(struct vg_host *host, const struct process *process)
{
	DIR *dir = open_directory(process->fd, "fd");
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (*entry->d_name >= '0' && *entry->d_name <= '9')
			read_fd(host, process, dirfd(dir), entry->d_name);
	closedir(dir);
	return 0;
}

/* "start-end perms offset major:minor inode   path" */
static bool parse_mapping(const char *line, __u64 *inode)
{
	int path = 0;

	if (sscanf(line, "%*x-%*x %*4s %*x %*x:%*x %20llu %n", inode,
		   &path) != 1 || !path)
		return false;
	return *inode <= LLONG_MAX && !strcmp(line + path, WINDOW_FILE "\n");
}

static int read_maps(struct vg_host *host, const struct process *process)
{
	int fd = openat(process->fd, "maps", O_RDONLY | O_CLOEXEC);
	FILE *maps = fd < 0 ? NULL : fdopen(fd, "r");
	struct vg_window *window;
	char *line = NULL;
	size_t size = 0;
	__u64 inode;

	if (!maps)
		return -errno;
	while (getline(&line, &size, maps) > 0) {
		if (!parse_mapping(line, &inode))
			continue;
		window = mapped_window(host, inode);
		holder_of(&window->holders, process)->mappings++;
	}
	free(line);
	fclose(maps);
	return 0;
}

static void read_comm(struct process *process)
{
	char comm[TEXT_COMM_MAX];
	ssize_t length = read_small(process->fd, "comm", comm, sizeof(comm));

	if (length > 0 && comm[length - 1] == '\n')
		length--;
	text_escape(process->comm, sizeof(process->comm), comm,
		    length > 0 ? length : 0);
}

/* The directory stays that of one process even if its pid is used again. */
static void read_process(struct vg_host *host, int proc_fd, const char *name)
{
	struct process process = { 0 };
	int ret;

	if (!parse_number(name, &process.pid))
		return;
	process.fd = openat(proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process.fd < 0)
		return;
	read_comm(&process);
	ret = read_fds(host, &process);
	if (!ret)
		ret = read_maps(host, &process);
	if (ret && !vanished(-ret))
		host->unreadable++;
	close(process.fd);
}

static int compare(__u64 a, __u64 b)
{
	return a < b ? -1 : a > b;
}

static int compare_spaces(const void *a, const void *b)
{
	return compare(((const struct vg_space *)a)->space,
		       ((const struct vg_space *)b)->space);
}

static int compare_windows(const void *a, const void *b)
{
	const struct vg_window *x = a, *y = b;
	int order = compare(y->known, x->known);

	if (!order)
		order = compare(x->space, y->space);
	if (!order)
		order = compare(x->window, y->window);
	return order ? order : compare(x->inode, y->inode);
}

int vg_scan(int proc_fd, struct vg_host *host)
{
	DIR *proc = open_directory(proc_fd, ".");
	struct dirent *entry;

	memset(host, 0, sizeof(*host));
	if (!proc)
		return -errno;
	while ((entry = readdir(proc)))
		read_process(host, proc_fd, entry->d_name);
	closedir(proc);
	if (host->nr_spaces)
		qsort(host->spaces, host->nr_spaces, sizeof(*host->spaces),
		      compare_spaces);
	if (host->nr_windows)
		qsort(host->windows, host->nr_windows, sizeof(*host->windows),
		      compare_windows);
	return 0;
}

void vg_host_free(struct vg_host *host)
{
	for (size_t i = 0; i < host->nr_spaces; i++)
		free(host->spaces[i].holders.list);
	for (size_t i = 0; i < host->nr_windows; i++)
		free(host->windows[i].holders.list);
	free(host->spaces);
	free(host->windows);
	memset(host, 0, sizeof(*host));
}

const struct vg_holder *vg_owner(const struct vg_host *host, __u64 space,
				 __u64 owner)
{
	for (size_t i = 0; i < host->nr_spaces; i++) {
		const struct vg_holders *holders = &host->spaces[i].holders;

		if (host->spaces[i].space != space)
			continue;
		for (size_t j = 0; j < holders->nr; j++)
			if (holders->list[j].pid == owner)
				return &holders->list[j];
	}
	return NULL;
}

bool vg_is_peer(const struct vg_window *window, const struct vg_holder *holder)
{
	return !window->known || holder->pid != window->owner ||
	       holder->mappings;
}
