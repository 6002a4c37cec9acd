// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mark.h"
#include "proc.h"

#define LOG_FACILITY_KERNEL 0

/* Whatever their level, these say that the kernel is in trouble. */
#define TROUBLE "WARNING|BUG|KASAN|KCSAN|UBSAN|lockdep is|possible recursive|" \
	"INFO: .*(hung|rcu|task|non-static)|kmemleak: [0-9]+ new|Oops|stall|" \
	"general protection|unable to handle|Bad page|refcount_t|ODEBUG"

/* Records of other parts of the kernel that our tests provoke on purpose. */
static const struct {
	const char *text;
	const char *reason;
} harmless[] = {
	{ "uses deprecated remap_file_pages() syscall",
	  "printed at the first use after boot, which is a test of ours" },
	{ "hrtimer: interrupt took",
	  "an emulated machine lost time on its host" },
	{ "clocksource: ",
	  "an emulated machine lost time on its host" },
	{ "kvm: emulating exchange as write",
	  "once after boot, of a guest's atomic access to read-only memory" },
	{ "Unhandled WRMSR(0xc001000",
	  "a guest looks for counters of an old AMD processor" },
	{ "kmemleak: Automatic memory scanning thread",
	  "a switch, not a leak" },
};

/*
 * One open for all tests of the program: they are forks of it, and so share
 * the position in the log.
 */
static int kmsg = -1;

static void __attribute__((constructor)) mark_open(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static long taint(void)
{
	return proc_number("/proc/sys/kernel/tainted");
}

void mark_begin(struct mark *mark)
{
	lseek(kmsg, 0, SEEK_END);
	mark->taint = taint();
	mark->pins = proc_pins();
	mark->level = MARK_WARNING;
}

static bool is_harmless(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (strstr(text, harmless[i].text))
			return true;
	return false;
}

static bool is_trouble(const char *text)
{
	static regex_t regex;
	static bool ready;

	if (!ready)
		ready = !regcomp(&regex, TROUBLE, REG_EXTENDED | REG_NOSUB);
	return !ready || !regexec(&regex, text, 0, NULL, 0);
}

/* A record is "priority,sequence,time,flags;text". */
static bool is_bad(const struct mark *mark, const char *record)
{
	unsigned int priority;
	const char *text = strchr(record, ';');

	if (!text || sscanf(record, "%u", &priority) != 1)
		return true;
	if (priority >> 3 != LOG_FACILITY_KERNEL || is_harmless(text))
		return false;
	return (int)(priority & 7) <= mark->level || is_trouble(text);
}

/* The first bad record stays for the report; the rest is only read past. */
static const char *bad_record(const struct mark *mark)
{
	static char first[8192];
	char record[8192];
	bool found = false;
	ssize_t n;

	while ((n = read(kmsg, record, sizeof(record) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		if (n < 0)
			n = sprintf(record, "4,0,0,-;records were lost");
		record[n] = '\0';
		if (!is_bad(mark, record))
			continue;
		printf("# kernel: %s", record);
		if (!found)
			memcpy(first, record, n + 1);
		found = true;
	}
	return found ? first : NULL;
}

/* Peers that were killed with their owner may still be on their way out. */
static bool pins_are_back(const struct mark *mark)
{
	int tries;

	for (tries = 0; tries < 50; tries++) {
		if (proc_pins() == mark->pins)
			return true;
		sleep_ms(50);
	}
	return false;
}

const char *mark_end(const struct mark *mark)
{
	static char text[128];
	const char *record;

	if (kmsg < 0)
		return "/dev/kmsg cannot be read: run as root";
	record = bad_record(mark);
	if (record)
		return record;
	if (taint() != mark->taint) {
		snprintf(text, sizeof(text), "taint %ld became %ld",
			 mark->taint, taint());
		return text;
	}
	if (!pins_are_back(mark)) {
		snprintf(text, sizeof(text), "%ld pages stayed pinned",
			 proc_pins() - mark->pins);
		return text;
	}
	return NULL;
}
