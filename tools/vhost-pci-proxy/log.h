/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines on the standard error, each about one device. */
#ifndef VHOST_PCI_PROXY_LOG_H
#define VHOST_PCI_PROXY_LOG_H

enum log_level {
	LOG_NOTHING,
	LOG_CONNECTIONS,
	LOG_MESSAGES,
};

extern enum log_level log_level;

void say(enum log_level level, const char *device, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* VHOST_PCI_PROXY_LOG_H */
