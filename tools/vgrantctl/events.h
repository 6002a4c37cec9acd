/* SPDX-License-Identifier: GPL-2.0-only */
/* Watching the tracepoints of the module in a tracefs instance of our own. */
#ifndef VGRANTCTL_EVENTS_H
#define VGRANTCTL_EVENTS_H

#include <stdbool.h>

struct watch {
	bool json;
	unsigned long long count;	/* events to print, 0: no limit */
	double timeout;			/* in seconds, 0: none */
};

/* Returns the exit status: 1 if @count events did not come in time. */
int watch_events(const struct watch *watch);

#endif /* VGRANTCTL_EVENTS_H */
