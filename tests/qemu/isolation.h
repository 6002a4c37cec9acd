/* SPDX-License-Identifier: GPL-2.0-only */
/* A hostile back-end behind a window, as a fixture for tests, which include it once */
#ifndef ISOLATION_H
#define ISOLATION_H

#include <stdlib.h>
#include <time.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "scene.h"

/* Everything that must not happen, at once */
static inline void expect_just(struct __test_metadata *_metadata,
			       const struct verdict *verdict, size_t most_runs)
{
	if (verdict->access || verdict->content || verdict->runs > most_runs)
		TH_LOG("first at %#lx: %zu too many, %zu missing, in %zu runs; access of %zu, content of %zu",
		       verdict->first, verdict->excess, verdict->missing,
		       verdict->runs, verdict->access, verdict->content);
	EXPECT_EQ(0, verdict->access);
	EXPECT_EQ(0, verdict->content);
	EXPECT_LE(verdict->runs, most_runs);
}

static inline unsigned int seed_of_test(void)
{
	const char *seed = getenv("SEED");

	return seed ? strtoul(seed, NULL, 0) : (unsigned int)time(NULL);
}

FIXTURE(isolation)
{
	struct mark mark;
	struct scene scene;
	unsigned int seed;
};

FIXTURE_VARIANT(isolation)
{
	struct vm_config config;
	struct service_config service;	/* if there is one */
};

#define WINDOW_VARIANT(name, mem, mmu)						\
	FIXTURE_VARIANT_ADD(isolation, name)					\
	{									\
		.config = {							\
			.sharing = VM_GRANT, .memory = (mem), .iommu = (mmu),	\
			.megabytes = 128,					\
			.bypass = (mmu) == VM_NO_IOMMU ? NULL : "off",		\
		},								\
	}

FIXTURE_SETUP(isolation)
{
	self->seed = seed_of_test();
	TH_LOG("SEED=%u", self->seed);
	mark_begin(&self->mark);
}

FIXTURE_TEARDOWN_PARENT(isolation)
{
	scene_bury(&self->scene, _metadata->exit_code == KSFT_FAIL);
	MARK_END(&self->mark);
}

/* Writes and reads until it is told to stop; fails if it reads something else. */
#define WORK									\
	"dd if=/dev/urandom of=/tmp/data bs=64k count=96 && until [ -e /tmp/enough ]; do " \
	"dd if=/tmp/data of=/dev/vda bs=64k conv=fsync && "			\
	"echo 3 >/proc/sys/vm/drop_caches && "					\
	"dd if=/dev/vda bs=64k count=96 | cmp - /tmp/data || exit 1; done"

/* Of readahead, too; what ends here is not mapped any more. */
#define IDLE	"until [ $(tr -d ' ' </sys/block/vda/inflight) = 00 ]; do usleep 10000; done"

/* No requests are under way, so that nothing differs even for a moment. */
static inline void expect_quiet(struct __test_metadata *_metadata,
				FIXTURE_DATA(isolation) *self, const char *how)
{
	struct verdict verdict;

	ASSERT_TRUE(guest_ok(&self->scene.vm, IDLE));
	ASSERT_EQ(0, scene_freeze(&self->scene));
	ASSERT_EQ(0, scene_judge(&self->scene, how, &verdict));
	expect_just(_metadata, &verdict, 0);
	EXPECT_LT(0, verdict.same);
	EXPECT_EQ(0, scene_reach_elsewhere(&self->scene, how,
					   rand_r(&self->seed)));
	ASSERT_EQ(0, scene_thaw(&self->scene));
}

static inline void expect_nothing(struct __test_metadata *_metadata,
				  FIXTURE_DATA(isolation) *self)
{
	struct adversary *adversary = &self->scene.adversary;

	EXPECT_LT(0, adversary_state(adversary, "regions"));
	ASSERT_EQ(0, adversary_do(adversary, "hold"));
	EXPECT_EQ(0, scene_reach(&self->scene, "quick"));
	ASSERT_EQ(0, adversary_do(adversary, "go"));
}

static inline void expect_no_odd_maps(struct __test_metadata *_metadata,
				      struct adversary *adversary)
{
	ASSERT_EQ(0, adversary_do(adversary, "maps"));
	EXPECT_EQ(0, adversary_number(adversary, "populated"));
	EXPECT_GT(0, adversary_number(adversary, "executable"));
	EXPECT_GT(0, adversary_number(adversary, "private"));
	EXPECT_GT(0, adversary_number(adversary, "private-readonly"));
	EXPECT_GT(0, adversary_number(adversary, "beyond"));
	ASSERT_EQ(0, adversary_do(adversary, "truncate"));
	EXPECT_GT(0, adversary_number(adversary, "truncate"));
}

#endif /* ISOLATION_H */
