/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of the machine when a test starts, and what must still be true
 * when its process is gone: the kernel has logged no warning and is not more
 * tainted, and no page has stayed pinned.
 *
 * MARK_END() belongs into FIXTURE_TEARDOWN_PARENT(), which runs after the test
 * process has exited, so that what happens on the way out is seen too.
 */
#ifndef MARK_H
#define MARK_H

#include <stddef.h>

struct mark {
	long taint;
	long pins;
	/* Records of this level and more urgent ones are failures. */
	int level;
};

#define MARK_WARNING 4
#define MARK_ALERT 1

void mark_begin(struct mark *mark);

/* What is wrong now, or NULL. */
const char *mark_end(const struct mark *mark);

#define MARK_END(mark) do {						\
	const char *wrong_ = mark_end(mark);				\
									\
	if (wrong_)							\
		TH_LOG("the machine has changed: %s", wrong_);		\
	EXPECT_EQ(NULL, wrong_);					\
} while (0)

#endif
