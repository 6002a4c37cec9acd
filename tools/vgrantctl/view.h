/* SPDX-License-Identifier: GPL-2.0-only */
/* What was read, as tables for people or as JSON for programs. */
#ifndef VGRANTCTL_VIEW_H
#define VGRANTCTL_VIEW_H

#include <stdio.h>

#include <linux/vhost_grant.h>

#include "scan.h"

struct flag_name {
	unsigned long long flag;
	const char *name;
};

/* Both end with a NULL name. */
extern const struct flag_name window_flags[];
extern const struct flag_name features[];

/* What "show" leaves of a scan: everything if @any. */
struct selection {
	bool any;
	bool one_window;
	__u64 number;		/* pid or space; the space of @window */
	__u64 window;
};

bool selects_space(const struct selection *selection,
		   const struct vg_space *space);
bool selects_window(const struct selection *selection,
		    const struct vg_window *window);

void table_list(FILE *out, const struct vg_host *host);
void table_show(FILE *out, const struct vg_host *host,
		const struct selection *selection);
void table_info(FILE *out, const struct vhost_grant_info *info);

void json_host(FILE *out, const struct vg_host *host,
	       const struct selection *selection);
void json_info(FILE *out, const struct vhost_grant_info *info);

#endif /* VGRANTCTL_VIEW_H */
