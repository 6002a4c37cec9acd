// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <jansson.h>

#include "view.h"

/* jansson reports a failed allocation once, when the parts are put together. */
static json_t *checked(json_t *json)
{
	if (!json)
		errx(1, "out of memory");
	return json;
}

static void append(json_t *array, json_t *item)
{
	if (json_array_append_new(array, checked(item)))
		errx(1, "out of memory");
}

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, checked(value)))
		errx(1, "out of memory");
}

static json_t *number(__u64 value)
{
	return json_integer((json_int_t)value);
}

/* Bits without a name are kept as a number at the end. */
static json_t *names(const struct flag_name *name, unsigned long long flags)
{
	json_t *array = checked(json_array());

	for (; name->name; name++) {
		if (!(flags & name->flag))
			continue;
		append(array, json_string(name->name));
		flags &= ~name->flag;
	}
	if (flags)
		append(array, json_sprintf("0x%llx", flags));
	return array;
}

static json_t *json_owner(const struct vg_host *host, __u64 space,
			  __u64 owner)
{
	const struct vg_holder *holder = vg_owner(host, space, owner);
	json_t *object = checked(json_object());

	set(object, "pid", number(owner));
	set(object, "comm", holder ? json_string(holder->comm) : json_null());
	return object;
}

static json_t *json_holder(const struct vg_holder *holder)
{
	json_t *object = checked(json_object());

	set(object, "pid", number(holder->pid));
	set(object, "comm", json_string(holder->comm));
	set(object, "fds", number(holder->fds));
	set(object, "mappings", number(holder->mappings));
	return object;
}

static json_t *json_space(const struct vg_host *host,
			  const struct vg_space *space)
{
	json_t *object = checked(json_object());
	json_t *holders = checked(json_array());

	for (size_t i = 0; i < space->holders.nr; i++)
		append(holders, json_holder(&space->holders.list[i]));
	set(object, "space", number(space->space));
	set(object, "owner", json_owner(host, space->space, space->owner));
	set(object, "windows", number(space->windows));
	set(object, "pages_pinned", number(space->pages_pinned));
	set(object, "events", number(space->events));
	set(object, "events_lost", number(space->events_lost));
	set(object, "holders", holders);
	return object;
}

static void set_known(json_t *object, const struct vg_host *host,
		      const struct vg_window *window)
{
	set(object, "space", number(window->space));
	set(object, "window", number(window->window));
	set(object, "owner", json_owner(host, window->space, window->owner));
	set(object, "length", number(window->length));
	set(object, "flags", names(window_flags, window->flags));
	set(object, "hole", json_string(window->scratch ? "scratch" : "fault"));
	set(object, "dead", json_boolean(window->dead));
	set(object, "vmas", number(window->vmas));
	set(object, "bindings", number(window->bindings));
	set(object, "grants", number(window->grants));
	set(object, "pages_granted", number(window->pages_granted));
	set(object, "pages_pinned", number(window->pages_pinned));
	set(object, "pages_mapped", number(window->pages_mapped));
	set(object, "pages_revoked", number(window->pages_revoked));
	set(object, "faults", number(window->faults));
	set(object, "violations_hole", number(window->violations_hole));
	set(object, "violations_readonly",
	    number(window->violations_readonly));
}

static json_t *json_window(const struct vg_host *host,
			   const struct vg_window *window)
{
	json_t *object = checked(json_object());
	json_t *peers = checked(json_array());

	for (size_t i = 0; i < window->holders.nr; i++)
		if (vg_is_peer(window, &window->holders.list[i]))
			append(peers, json_holder(&window->holders.list[i]));
	if (window->known) {
		set_known(object, host, window);
	} else {
		set(object, "space", json_null());
		set(object, "window", json_null());
		set(object, "owner", json_null());
	}
	set(object, "inode", number(window->inode));
	set(object, "peers", peers);
	return object;
}

static void print(FILE *out, json_t *json)
{
	if (json_dumpf(json, out, JSON_INDENT(2)))
		errx(1, "cannot write: %m");
	fputc('\n', out);
	json_decref(json);
}

void json_host(FILE *out, const struct vg_host *host,
	       const struct selection *selection)
{
	json_t *object = checked(json_object());
	json_t *spaces = checked(json_array());
	json_t *windows = checked(json_array());

	for (size_t i = 0; i < host->nr_spaces; i++)
		if (selects_space(selection, &host->spaces[i]))
			append(spaces, json_space(host, &host->spaces[i]));
	for (size_t i = 0; i < host->nr_windows; i++)
		if (selects_window(selection, &host->windows[i]))
			append(windows, json_window(host, &host->windows[i]));
	set(object, "spaces", spaces);
	set(object, "windows", windows);
	set(object, "unreadable", number(host->unreadable));
	set(object, "malformed", number(host->malformed));
	print(out, object);
}

static json_t *page_sizes(__u64 sizes)
{
	json_t *array = checked(json_array());

	for (; sizes; sizes &= sizes - 1)
		append(array, number(sizes & -sizes));
	return array;
}

void json_info(FILE *out, const struct vhost_grant_info *info)
{
	json_t *object = checked(json_object());

	set(object, "abi_version", number(info->out_abi_version));
	set(object, "features", names(features, info->out_features));
	set(object, "page_sizes", page_sizes(info->out_page_sizes));
	set(object, "max_window_size", number(info->out_max_window_size));
	set(object, "max_entries", number(info->out_max_entries));
	set(object, "max_windows", number(info->out_max_windows));
	set(object, "max_grants", number(info->out_max_grants));
	set(object, "max_vmas", number(info->out_max_vmas));
	set(object, "max_bindings", number(info->out_max_bindings));
	set(object, "max_events", number(info->out_max_events));
	print(out, object);
}
