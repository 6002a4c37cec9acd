// SPDX-License-Identifier: GPL-2.0-only
/* What tables and JSON have in common: names, and what "show" selects. */
#include "view.h"

const struct flag_name window_flags[] = {
	{ VHOST_GRANT_WINDOW_KVM_ONLY, "kvm-only" },
	{ VHOST_GRANT_WINDOW_HOLE_SCRATCH, "hole-scratch" },
	{ VHOST_GRANT_WINDOW_KVM_MAPPED, "kvm-mapped" },
	{ 0, NULL },
};

const struct flag_name features[] = {
	{ VHOST_GRANT_FEATURE_FILE_SOURCE, "file-source" },
	{ VHOST_GRANT_FEATURE_HUGE_MMAP, "huge-mmap" },
	{ VHOST_GRANT_FEATURE_KVM_MAPPED_HUGE, "kvm-mapped-huge" },
	{ VHOST_GRANT_FEATURE_KVM_NATIVE, "kvm-native" },
	{ 0, NULL },
};

static bool holds(const struct vg_holders *holders, __u64 pid)
{
	for (size_t i = 0; i < holders->nr; i++)
		if (holders->list[i].pid == pid)
			return true;
	return false;
}

bool selects_space(const struct selection *selection,
		   const struct vg_space *space)
{
	if (selection->any)
		return true;
	return !selection->one_window &&
	       (space->space == selection->number ||
		space->owner == selection->number ||
		holds(&space->holders, selection->number));
}

bool selects_window(const struct selection *selection,
		    const struct vg_window *window)
{
	if (selection->any)
		return true;
	if (selection->one_window)
		return window->known && window->space == selection->number &&
		       window->window == selection->window;
	return (window->known && (window->space == selection->number ||
				  window->owner == selection->number)) ||
	       holds(&window->holders, selection->number);
}
