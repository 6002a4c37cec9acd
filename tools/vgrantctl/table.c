// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

/* The text is added to a cell of its own, so that its length is free. */
static void add_joined(struct table *table, char *text, size_t length)
{
	table_add(table, "%s", length ? text : "-");
	free(text);
}

static void add_names(struct table *table, const struct flag_name *names,
		      unsigned long long flags)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		errx(1, "out of memory");
	for (; names->name; names++) {
		if (!(flags & names->flag))
			continue;
		fprintf(out, "%s%s", ftell(out) ? "," : "", names->name);
		flags &= ~names->flag;
	}
	if (flags)
		fprintf(out, "%s0x%llx", ftell(out) ? "," : "", flags);
	fclose(out);
	add_joined(table, text, length);
}

static void add_owner(struct table *table, const struct vg_host *host,
		      __u64 space, __u64 owner)
{
	const struct vg_holder *holder = vg_owner(host, space, owner);

	table_add(table, "%llu(%s)", owner,
		  holder ? holder->comm : "?");
}

static void add_peers(struct table *table, const struct vg_window *window)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		errx(1, "out of memory");
	for (size_t i = 0; i < window->holders.nr; i++) {
		const struct vg_holder *holder = &window->holders.list[i];

		if (vg_is_peer(window, holder))
			fprintf(out, "%s%llu(%s)", ftell(out) ? "," : "",
				holder->pid, holder->comm);
	}
	fclose(out);
	add_joined(table, text, length);
}

static void add_number(struct table *table, __u64 number)
{
	table_add(table, "%llu", number);
}

static void add_bytes(struct table *table, __u64 bytes)
{
	char text[TEXT_BYTES_MAX];

	table_add(table, "%s", text_bytes(text, bytes));
}

static void add_titles(struct table *table, const char *const *titles)
{
	for (; *titles; titles++) {
		table_add(table, "%s", *titles);
		table->columns++;
	}
}

static void list_spaces(FILE *out, const struct vg_host *host)
{
	static const char *const titles[] = {
		"SPACE", "WINDOWS", "PINNED", "EVENTS", "LOST", "OWNER", NULL,
	};
	struct table table = { 0 };

	add_titles(&table, titles);
	for (size_t i = 0; i < host->nr_spaces; i++) {
		const struct vg_space *space = &host->spaces[i];

		add_number(&table, space->space);
		add_number(&table, space->windows);
		add_number(&table, space->pages_pinned);
		add_number(&table, space->events);
		add_number(&table, space->events_lost);
		add_owner(&table, host, space->space, space->owner);
	}
	table_print(&table, out);
}

static void list_known(struct table *table, const struct vg_host *host,
		       const struct vg_window *window)
{
	table_add(table, "%llu:%llu", window->space, window->window);
	add_bytes(table, window->length);
	add_names(table, window_flags, window->flags);
	table_add(table, "%s", window->scratch ? "scratch" : "fault");
	table_add(table, "%s", window->dead ? "dead" : "live");
	add_number(table, window->pages_granted);
	add_number(table, window->faults);
	table_add(table, "%llu/%llu", window->violations_hole,
		  window->violations_readonly);
	add_owner(table, host, window->space, window->owner);
	add_peers(table, window);
}

static void list_mapped(struct table *table, const struct vg_window *window)
{
	table_add(table, "inode=%llu", window->inode);
	for (unsigned int i = 1; i < table->columns - 1; i++)
		table_add(table, "?");
	add_peers(table, window);
}

static void list_windows(FILE *out, const struct vg_host *host)
{
	static const char *const titles[] = {
		"WINDOW", "SIZE", "FLAGS", "HOLE", "STATE", "GRANTED", "FAULTS",
		"VIOLATIONS", "OWNER", "PEERS", NULL,
	};
	struct table table = { 0 };

	add_titles(&table, titles);
	for (size_t i = 0; i < host->nr_windows; i++)
		if (host->windows[i].known)
			list_known(&table, host, &host->windows[i]);
		else
			list_mapped(&table, &host->windows[i]);
	table_print(&table, out);
}

void table_list(FILE *out, const struct vg_host *host)
{
	list_spaces(out, host);
	fputc('\n', out);
	list_windows(out, host);
}

static void add_pair(struct table *table, const char *name, __u64 number)
{
	table_add(table, "  %s", name);
	add_number(table, number);
}

static void add_holders(struct table *table, const char *name,
			const struct vg_holders *holders)
{
	for (size_t i = 0; i < holders->nr; i++) {
		const struct vg_holder *holder = &holders->list[i];

		table_add(table, "  %s", name);
		table_add(table, "%llu(%s) fds=%u mappings=%u",
			  holder->pid, holder->comm, holder->fds,
			  holder->mappings);
	}
}

static void show_space(FILE *out, const struct vg_host *host,
		       const struct vg_space *space)
{
	struct table table = { .columns = 2 };

	fprintf(out, "space %llu\n", space->space);
	table_add(&table, "  owner");
	add_owner(&table, host, space->space, space->owner);
	add_pair(&table, "windows", space->windows);
	add_pair(&table, "pages pinned", space->pages_pinned);
	add_pair(&table, "events queued", space->events);
	add_pair(&table, "events lost", space->events_lost);
	add_holders(&table, "holder", &space->holders);
	table_print(&table, out);
}

static void add_counters(struct table *table, const struct vg_window *window)
{
	add_pair(table, "mappings", window->vmas);
	add_pair(table, "KVM memslots", window->bindings);
	add_pair(table, "table entries", window->grants);
	add_pair(table, "pages granted", window->pages_granted);
	add_pair(table, "pages pinned", window->pages_pinned);
	add_pair(table, "pages mapped, ever", window->pages_mapped);
	add_pair(table, "pages revoked, ever", window->pages_revoked);
	add_pair(table, "faults", window->faults);
	add_pair(table, "violations, hole", window->violations_hole);
	add_pair(table, "violations, read-only", window->violations_readonly);
}

static void show_window(FILE *out, const struct vg_host *host,
			const struct vg_window *window)
{
	struct table table = { .columns = 2 };

	if (window->known) {
		fprintf(out, "window %llu:%llu\n", window->space,
			window->window);
		table_add(&table, "  owner");
		add_owner(&table, host, window->space, window->owner);
		table_add(&table, "  size");
		add_bytes(&table, window->length);
		table_add(&table, "  flags");
		add_names(&table, window_flags, window->flags);
		table_add(&table, "  hole");
		table_add(&table, "%s", window->scratch ? "scratch" : "fault");
		table_add(&table, "  state");
		table_add(&table, "%s", window->dead ? "dead" : "live");
		add_counters(&table, window);
	} else {
		fprintf(out, "window of unknown space, only mapped\n");
	}
	add_pair(&table, "inode", window->inode);
	add_holders(&table, "holder", &window->holders);
	table_print(&table, out);
}

void table_show(FILE *out, const struct vg_host *host,
		const struct selection *selection)
{
	for (size_t i = 0; i < host->nr_spaces; i++)
		if (selects_space(selection, &host->spaces[i]))
			show_space(out, host, &host->spaces[i]);
	for (size_t i = 0; i < host->nr_windows; i++)
		if (selects_window(selection, &host->windows[i]))
			show_window(out, host, &host->windows[i]);
}

static void info_pair(struct table *table, const char *name, __u64 number)
{
	table_add(table, "%s", name);
	add_number(table, number);
}

static void add_page_sizes(struct table *table, __u64 sizes)
{
	char text[TEXT_BYTES_MAX];
	size_t length;
	char *joined;
	FILE *out = open_memstream(&joined, &length);

	if (!out)
		errx(1, "out of memory");
	for (; sizes; sizes &= sizes - 1)
		fprintf(out, "%s%s", ftell(out) ? "," : "",
			text_bytes(text, sizes & -sizes));
	fclose(out);
	add_joined(table, joined, length);
}

void table_info(FILE *out, const struct vhost_grant_info *info)
{
	struct table table = { .columns = 2 };

	info_pair(&table, "ABI version", info->out_abi_version);
	table_add(&table, "features");
	add_names(&table, features, info->out_features);
	table_add(&table, "page sizes");
	add_page_sizes(&table, info->out_page_sizes);
	table_add(&table, "window size, at most");
	add_bytes(&table, info->out_max_window_size);
	info_pair(&table, "entries in a call", info->out_max_entries);
	info_pair(&table, "windows of a space", info->out_max_windows);
	info_pair(&table, "table entries of a window", info->out_max_grants);
	info_pair(&table, "mappings of a window", info->out_max_vmas);
	info_pair(&table, "KVM memslots of a window", info->out_max_bindings);
	info_pair(&table, "events queued", info->out_max_events);
	table_print(&table, out);
}
