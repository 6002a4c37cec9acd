/* SPDX-License-Identifier: GPL-2.0-only */
/* What sd_notify(3) does, without its library */
#ifndef VHOST_PCI_PROXY_NOTIFY_H
#define VHOST_PCI_PROXY_NOTIFY_H

void notify(const char *state);

#endif /* VHOST_PCI_PROXY_NOTIFY_H */
