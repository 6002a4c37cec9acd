/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Brings together the front-end of a device and a back-end, for one connection of
 * each at a time:
 *
 *   back-end is there  -> front-ends are let in (DRIVER)
 *   front-end connects -> messages are passed, both ways
 *   either is gone     -> DRIVER is taken away, the back-end is dropped, the device
 *                         told so (ACK), and a back-end is waited for
 *
 * So a front-end that finds no back-end is refused, as where the back-end itself
 * listens; it would wait for an answer otherwise, and its machine with it. And memory
 * comes to the device only after a back-end that has nothing of the last connection
 * has answered in this one.
 */
#ifndef VHOST_PCI_PROXY_RELAY_H
#define VHOST_PCI_PROXY_RELAY_H

#include <stdbool.h>

#include "backend.h"
#include "device.h"

struct relay {
	struct device *device;
	struct backend backend;
	bool driver;		/* front-ends are let in */
	bool serving;		/* there is a connection of each */
	bool waiting;		/* for a back-end to listen, which nothing tells */
	struct message message;
};

/* Once everything is ready: front-ends are let in as soon as there is a back-end. */
void relay_start(struct relay *relay);
void relay_stop(struct relay *relay);

/*
 * Does what can be done without waiting, a message each way at most.
 * Return: 1 if something was done and there may be more to do, 0 if there is nothing
 * before the next event, or a negative errno if the device cannot be used any more.
 */
int relay_step(struct relay *relay);

/* What to poll the connection of the back-end for */
short relay_events(const struct relay *relay);

#endif /* VHOST_PCI_PROXY_RELAY_H */
