// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits hold exactly, and what hits one has changed nothing: locked memory of
 * the owner, its memory cgroup, and the mappings of a window.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"

#define WINDOW_LENGTH MIB(256)
#define CGROUP "/sys/fs/cgroup/vhost_grant_test"

FIXTURE(memlock) {
	struct mark mark;
	int space;
	struct window window;
	struct source source;
};

FIXTURE_VARIANT(memlock) {
	enum source_kind source;
};

FIXTURE_VARIANT_ADD(memlock, anon) { .source = SOURCE_ANON };
FIXTURE_VARIANT_ADD(memlock, thp) { .source = SOURCE_THP };
FIXTURE_VARIANT_ADD(memlock, memfd) { .source = SOURCE_MEMFD };
FIXTURE_VARIANT_ADD(memlock, hugetlb) { .source = SOURCE_HUGETLB };

#define LIMIT MIB(2)

/* The space is opened by root; the limit is met by somebody who is not. */
FIXTURE_SETUP(memlock)
{
	struct rlimit limit = { LIMIT, LIMIT };
	int ret;

	mark_begin(&self->mark);
	probe_init();
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0,
				  &self->window));
	ret = source_open(&self->source, variant->source, MIB(4));
	if (ret == -EOPNOTSUPP)
		SKIP(return, "no huge pages of this kind to be had");
	ASSERT_EQ(0, ret);
	source_fill(&self->source, 1);
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, setresgid(STRANGER_UID, STRANGER_UID, STRANGER_UID));
	ASSERT_EQ(0, setresuid(STRANGER_UID, STRANGER_UID, STRANGER_UID));
}

FIXTURE_TEARDOWN_PARENT(memlock)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(memlock) memlock_fixture;

static int grant(memlock_fixture *self, uint64_t iova, uint64_t offset,
		 uint64_t length)
{
	return source_grant(&self->source, self->space, self->window.id, iova,
			    offset, length, RW);
}

static uint64_t granted(memlock_fixture *self)
{
	struct vhost_grant_query query;

	return space_query(self->space, self->window.id, &query) ?
	       UINT64_MAX : query.out_pages_granted * PAGE;
}

TEST_F(memlock, exact)
{
	EXPECT_EQ(-ENOMEM, grant(self, 0, 0, LIMIT + PAGE));
	EXPECT_EQ(0, granted(self));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	ASSERT_EQ(0, grant(self, 0, 0, LIMIT));
	EXPECT_EQ((long)LIMIT, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(-ENOMEM, grant(self, MIB(8), LIMIT, PAGE));
	EXPECT_EQ(LIMIT, granted(self));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, 0, LIMIT));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(0, grant(self, MIB(8), 0, LIMIT));
}

TEST_F(memlock, page_by_page)
{
	uint64_t i;

	ASSERT_EQ(0, grant(self, PAGE, PAGE, LIMIT - 8 * PAGE));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, grant(self, MIB(8) + i * PAGE, i * PAGE, PAGE));
	EXPECT_EQ((long)LIMIT, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(-ENOMEM, grant(self, MIB(16), 0, PAGE));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id,
				 MIB(8) + 3 * PAGE, PAGE));
	EXPECT_EQ(0, grant(self, MIB(16), 0, PAGE));
	EXPECT_EQ(-ENOMEM, grant(self, MIB(16) + PAGE, 0, PAGE));
	EXPECT_EQ(LIMIT, granted(self));
}

/* One page in two places is two pins. */
TEST_F(memlock, aliases)
{
	ASSERT_EQ(0, grant(self, PAGE, 0, LIMIT / 2));
	ASSERT_EQ(0, grant(self, MIB(8) + PAGE, 0, LIMIT / 2));
	EXPECT_EQ(-ENOMEM, grant(self, MIB(16), 0, PAGE));
	EXPECT_EQ((long)LIMIT, proc_status(getpid(), "VmPin"));
}

/* All windows and spaces of the process share its limit. */
TEST_F(memlock, of_the_process)
{
	struct window other;

	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0, &other));
	ASSERT_EQ(0, grant(self, 0, 0, LIMIT));
	EXPECT_EQ(-ENOMEM, source_grant(&self->source, self->space, other.id,
					0, 0, PAGE, R));
	ASSERT_EQ(0, space_destroy(self->space, self->window.id));
	EXPECT_EQ(0, source_grant(&self->source, self->space, other.id, 0, 0,
				  LIMIT, R));
	ASSERT_EQ(0, close(self->space));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

/* A batch stops where the limit is, and says so. */
TEST_F(memlock, short_count)
{
	struct vhost_grant_map_entry entries[2] = {
		{ .iova = 0, .length = LIMIT, .flags = RW },
		{ .iova = MIB(8), .length = PAGE, .flags = RW },
	};
	int i;

	for (i = 0; i < 2; i++) {
		if (self->source.fd >= 0) {
			entries[i].flags |= VHOST_GRANT_SOURCE_FILE;
			entries[i].fd = self->source.fd;
		} else {
			entries[i].source = (uintptr_t)self->source.memory;
		}
	}
	EXPECT_EQ(1, space_map_array(self->space, self->window.id, entries,
				     2));
	EXPECT_EQ(-ENOMEM, space_map_array(self->space, self->window.id,
					   entries + 1, 1));
	EXPECT_EQ(LIMIT, granted(self));
}

/* Against the limit again and again: nothing adds up. */
TEST_F(memlock, storm)
{
	uint64_t end = now_ns() + 500000000ull;
	int rounds = 0;

	while (now_ns() < end || rounds < 20) {
		ASSERT_EQ(0, grant(self, 0, 0, LIMIT));
		ASSERT_EQ(-ENOMEM, grant(self, MIB(8), 0, LIMIT));
		ASSERT_EQ(-ENOMEM, grant(self, MIB(8), 0, PAGE));
		ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
		rounds++;
	}
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(0, granted(self));
}

/* The pin of a huge page is of all of it, and so is the charge. */
TEST_F(memlock, part_of_a_huge_page)
{
	struct vhost_grant_query query;

	ASSERT_EQ(0, grant(self, 0, 0, LIMIT));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, 0, PAGE));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(query.out_pages_pinned * PAGE,
		  proc_status(getpid(), "VmPin"));
	EXPECT_EQ(query.out_pages_pinned == LIMIT / PAGE ? -ENOMEM : 0,
		  grant(self, MIB(8), 0, PAGE));
	EXPECT_GE((long)LIMIT, proc_status(getpid(), "VmPin"));
}

FIXTURE(limit) {
	struct mark mark;
	int space;
	struct window window;
};

FIXTURE_SETUP(limit)
{
	mark_begin(&self->mark);
	probe_init();
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0,
				  &self->window));
}

FIXTURE_TEARDOWN_PARENT(limit)
{
	rmdir(CGROUP);
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(limit) limit_fixture;

/* CAP_IPC_LOCK is what the limit does not hold for. */
TEST_F(limit, memlock_not_for_root)
{
	struct rlimit limit = { PAGE, PAGE };
	struct source source;

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, source_open(&source, SOURCE_ANON, MIB(1)));
	EXPECT_EQ(0, source_grant(&source, self->space, self->window.id, 0, 0,
				  MIB(1), RW));
	EXPECT_EQ((long)MIB(1), proc_status(getpid(), "VmPin"));
}

/*
 * Put this process in a cgroup with so much memory. The OOM killer has nobody
 * to kill there, so that the allocation fails instead.
 */
static const char *enter_cgroup(uint64_t max)
{
	if (access("/sys/fs/cgroup/cgroup.controllers", R_OK))
		return "cgroup2 is not mounted at /sys/fs/cgroup";
	proc_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0755) && errno != EEXIST)
		return "cannot make a cgroup";
	if (proc_write(CGROUP "/memory.max", "%lu", max))
		return "there is no memory controller";
	proc_write(CGROUP "/memory.swap.max", "0");
	if (proc_write("/proc/self/oom_score_adj", "-1000") ||
	    proc_write(CGROUP "/cgroup.procs", "%d", getpid()))
		return "cannot enter the cgroup";
	return NULL;
}

static void leave_cgroup(void)
{
	proc_write("/sys/fs/cgroup/cgroup.procs", "%d", getpid());
}

/* Pages that MAP itself makes are the owner's: holes of a file. */
TEST_F(limit, memcg_of_file_holes)
{
	struct vhost_grant_query query;
	const char *reason;
	uint64_t value;
	char *map;
	int memfd;

	/* That there is nobody to kill is logged as a warning. */
	self->mark.level = MARK_ALERT;
	map = window_mmap(self->window.fd, 0, MIB(64), PROT_READ);
	ASSERT_NE(NULL, map);
	memfd = source_memfd(MIB(64), 0);
	reason = enter_cgroup(MIB(16));
	if (reason)
		SKIP(return, "%s", reason);
	EXPECT_EQ(-ENOMEM, space_map_file(self->space, self->window.id, 0,
					  memfd, 0, MIB(64), RW));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(0, query.out_pages_granted);
	EXPECT_EQ(0, query.out_pages_pinned);
	EXPECT_EQ(0, query.out_grants);
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(SIGBUS, probe_read(map, &value));
	EXPECT_EQ(self->mark.pins, proc_pins());
	ASSERT_EQ(0, ftruncate(memfd, 0));
	ASSERT_EQ(0, ftruncate(memfd, MIB(1)));
	EXPECT_EQ(0, space_map_file(self->space, self->window.id, 0, memfd, 0,
				    MIB(1), RW));
	EXPECT_EQ(0, probe_read(map, &value));
	leave_cgroup();
}

TEST_F(limit, memcg_of_anonymous_memory)
{
	struct vhost_grant_query query;
	const char *reason;
	char *memory;

	self->mark.level = MARK_ALERT;
	memory = source_pages(MIB(64));
	reason = enter_cgroup(MIB(16));
	if (reason)
		SKIP(return, "%s", reason);
	EXPECT_EQ(-ENOMEM, space_map(self->space, self->window.id, 0, memory,
				     MIB(64), RW));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(0, query.out_pages_granted);
	EXPECT_EQ(0, query.out_pages_pinned);
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(self->mark.pins, proc_pins());
	leave_cgroup();
}

/*
 * The table is the owner's memory, too: one page granted at very many places
 * costs a slot for each.
 */
TEST_F(limit, memcg_of_the_table)
{
	char *memory = source_pages(PAGE);
	struct vhost_grant_map_entry *entries;
	const unsigned int n = 8192;
	const char *reason;
	unsigned int i;
	long before, after;

	entries = calloc(n, sizeof(*entries));
	for (i = 0; i < n; i++)
		entries[i] = (struct vhost_grant_map_entry){
			.iova = i * PAGE, .length = PAGE,
			.source = (uintptr_t)memory, .flags = R,
		};
	*memory = 1;
	reason = enter_cgroup(MIB(64));
	if (reason)
		SKIP(return, "%s", reason);
	before = proc_number(CGROUP "/memory.current");
	ASSERT_EQ(n, space_map_array(self->space, self->window.id, entries,
				     n));
	after = proc_number(CGROUP "/memory.current");
	TH_LOG("%ld bytes for each of %u pages", (after - before) / n, n);
	EXPECT_LE(4l * n, after - before);
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	leave_cgroup();
}

/* The cap is of the window, whoever maps it, and however. */
TEST_F(limit, mappings)
{
	struct vhost_grant_query query;
	struct vhost_grant_info info;
	uint32_t i, n = 0;
	struct peer peers[3];
	void *map = NULL;

	ASSERT_EQ(0, space_info(self->space, &info));
	for (i = 0; i < ARRAY_SIZE(peers); i++, n++)
		ASSERT_EQ(0, peer_start(&peers[i], i, self->window.fd,
					WINDOW_LENGTH));
	for (; n < info.out_max_vmas; n++) {
		map = window_mmap(self->window.fd, n * PAGE, PAGE, PROT_READ);
		ASSERT_NE(NULL, map);
	}
	EXPECT_EQ(NULL, window_mmap(self->window.fd, 0, PAGE, PROT_READ));
	EXPECT_EQ(ENOSPC, errno);
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(info.out_max_vmas, query.out_vmas);
	ASSERT_EQ(0, munmap(map, PAGE));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(info.out_max_vmas - 1, query.out_vmas);
	EXPECT_NE(NULL, window_mmap(self->window.fd, 0, PAGE, PROT_READ));
	EXPECT_EQ(NULL, window_mmap(self->window.fd, 0, PAGE, PROT_READ));
	/* A peer that goes makes room. */
	peer_stop(&peers[2]);
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(info.out_max_vmas - 1, query.out_vmas);
	EXPECT_NE(NULL, window_mmap(self->window.fd, 0, PAGE, PROT_READ));
}

/* One mapping cut into many is many. */
TEST_F(limit, splits)
{
	char *map = window_mmap(self->window.fd, 0, WINDOW_LENGTH, PROT_READ);
	struct vhost_grant_query query;
	struct vhost_grant_info info;
	uint32_t i, cut = 0;

	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, space_info(self->space, &info));
	for (i = 0; i < 2 * info.out_max_vmas; i++)
		cut += !munmap(map + (2 * i + 1) * PAGE, PAGE);
	for (i = 0; i < 2 * info.out_max_vmas; i++)
		cut += !mprotect(map + MIB(64) + (2 * i + 1) * PAGE, PAGE,
				 PROT_READ | PROT_WRITE);
	TH_LOG("%u cuts were allowed", cut);
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_GE(info.out_max_vmas, query.out_vmas);
	EXPECT_LE(1, query.out_vmas);
	ASSERT_EQ(0, munmap(map, WINDOW_LENGTH));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(0, query.out_vmas);
	/* None was lost in counting. */
	for (i = 0; i < info.out_max_vmas; i++)
		EXPECT_NE(NULL, window_mmap(self->window.fd, 2 * i * PAGE,
					    PAGE, PROT_READ));
	EXPECT_EQ(NULL, window_mmap(self->window.fd, 0, PAGE, PROT_READ));
}

TEST_HARNESS_MAIN
