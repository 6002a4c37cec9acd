// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything comes and goes at once: descriptors, mappings, children, windows,
 * spaces and processes, while grants are made and revoked. What these tests
 * look for is mostly found by MARK_END(): a warning, or a page left pinned.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "owner.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"

#define WINDOW_LENGTH MIB(16)
#define SECRET 0x5ec2e7ul
#define SECOND 1000000000ull

/* Reproducible: the seed is printed, and VG_TEST_SEED sets it. */
static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void random_seed(struct __test_metadata *_metadata)
{
	const char *seed = getenv("VG_TEST_SEED");

	random_state = (seed ? strtoull(seed, NULL, 0) : now_ns()) | 1;
	TH_LOG("VG_TEST_SEED=%lu", random_state);
}

FIXTURE(life) {
	struct mark mark;
	int space;
	struct window window;
	struct source source;
	struct peer peers[2];
};

FIXTURE_VARIANT(life) {
	enum source_kind source;
	enum peer_kind peer;
};

FIXTURE_VARIANT_ADD(life, anon_process) {
	.source = SOURCE_ANON, .peer = PEER_PROCESS,
};

FIXTURE_VARIANT_ADD(life, thp_process) {
	.source = SOURCE_THP, .peer = PEER_PROCESS,
};

FIXTURE_VARIANT_ADD(life, memfd_stranger) {
	.source = SOURCE_MEMFD, .peer = PEER_STRANGER,
};

FIXTURE_VARIANT_ADD(life, hugetlb_thread) {
	.source = SOURCE_HUGETLB, .peer = PEER_THREAD,
};

FIXTURE_SETUP(life)
{
	int ret, i;

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
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, peer_start(&self->peers[i], variant->peer,
					self->window.fd, WINDOW_LENGTH));
}

FIXTURE_TEARDOWN_PARENT(life)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(life) life_fixture;

static int grant(life_fixture *self)
{
	return source_grant(&self->source, self->space, self->window.id, 0, 0,
			    MIB(4), RW);
}

/* Grant and revoke, whole and in parts, for a while. */
static void churn(struct __test_metadata *_metadata, life_fixture *self)
{
	uint64_t end = now_ns() + SECOND;
	int rounds = 0;

	while (now_ns() < end || rounds < 10) {
		ASSERT_EQ(0, grant(self));
		sched_yield();
		ASSERT_EQ(0, space_unmap(self->space, self->window.id,
					 rounds % 1024 * PAGE, PAGE));
		sched_yield();
		ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
		rounds++;
	}
}

/* Both peers do @function in a loop until the owner has had enough. */
static void churn_against(struct __test_metadata *_metadata,
			  life_fixture *self, peer_function function)
{
	struct vhost_grant_query query;
	uint64_t value;
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, peer_begin(&self->peers[i], function, i, 0));
	churn(_metadata, self);
	for (i = 0; i < 2; i++) {
		self->peers[i].shared->stop = 1;
		EXPECT_EQ(0, peer_end(&self->peers[i]));
		EXPECT_LT(0, self->peers[i].shared->rounds);
		EXPECT_EQ(0, self->peers[i].shared->wrong);
		EXPECT_EQ(SIGBUS, peer_read(&self->peers[i], 0, &value));
	}
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(2, query.out_vmas);
	EXPECT_EQ(0, query.out_pages_pinned);
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	ASSERT_EQ(0, grant(self));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(source_word(1, PAGE),
			  peer_peek(&self->peers[i], PAGE));
}

/* A page that is reached must be the one that was granted there. */
static void look(struct peer_view *view, char *map, uint64_t offset)
{
	uint64_t value;

	if (!probe_read(map + offset, &value) &&
	    value != source_word(1, offset))
		view->shared->wrong++;
	view->shared->rounds++;
}

static long map_and_unmap(struct peer_view *view, unsigned long a,
			  unsigned long b)
{
	unsigned long i = a;
	char *map;

	(void)b;
	while (!view->shared->stop) {
		map = window_mmap(view->window, 0, MIB(4), PROT_READ);
		if (!map)
			return -errno;
		look(view, map, i++ * 7 % 1024 * PAGE);
		look(view, map, i * 13 % 1024 * PAGE);
		munmap(map, MIB(4));
	}
	return 0;
}

TEST_F(life, munmap_during_revoke)
{
	churn_against(_metadata, self, map_and_unmap);
}

/* Mapped at 2 MiB, where huge pages fit, and cut in the middle. */
static long cut_and_mend(struct peer_view *view, unsigned long a,
			 unsigned long b)
{
	char *map = source_aligned(MIB(4), MAP_SHARED, view->window);
	unsigned long i = a;

	(void)b;
	if (!map)
		return -ENOMEM;
	while (!view->shared->stop) {
		look(view, map, i * 7 % 1024 * PAGE);
		mprotect(map + MIB(1), MIB(2), i & 1 ? PROT_READ : PROT_NONE);
		look(view, map, i++ * 13 % 1024 * PAGE);
		mprotect(map, MIB(4), PROT_READ | PROT_WRITE);
		madvise(map, MIB(4), MADV_DONTNEED);
	}
	munmap(map, MIB(4));
	return 0;
}

TEST_F(life, mprotect_during_revoke)
{
	churn_against(_metadata, self, cut_and_mend);
}

static long ping_pong(struct peer_view *view, unsigned long a,
		      unsigned long b)
{
	char *area = mmap(NULL, MIB(8), PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *map = window_mmap(view->window, 0, MIB(4), PROT_READ), *to;
	unsigned long i = a;

	(void)b;
	while (!view->shared->stop) {
		look(view, map, i++ * 7 % 1024 * PAGE);
		to = mremap(map, MIB(4), MIB(4), MREMAP_MAYMOVE | MREMAP_FIXED,
			    area);
		if (to != MAP_FAILED)
			view->shared->wrong++;
	}
	munmap(map, MIB(4));
	munmap(area, MIB(8));
	return 0;
}

TEST_F(life, mremap_during_revoke)
{
	churn_against(_metadata, self, ping_pong);
}

/* Children that look, map for themselves, and die. */
static long fork_storm(struct peer_view *view, unsigned long a,
		       unsigned long b)
{
	uint64_t value;
	int status;
	pid_t pid;
	char *map;

	(void)b;
	while (!view->shared->stop) {
		pid = fork();
		if (!pid) {
			if (probe_read(view->map, &value) != SIGSEGV)
				_exit(1);
			map = window_mmap(view->window, 0, MIB(4), PROT_READ);
			if (!map)
				_exit(2);
			look(view, map, a * PAGE);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return status ?: -errno;
	}
	return 0;
}

TEST_F(life, fork_storm_during_revoke)
{
	churn_against(_metadata, self, fork_storm);
}

/* The last reference to a window goes while it is revoked. */
TEST_F(life, close_during_revoke)
{
	uint64_t end = now_ns() + SECOND;
	struct vhost_grant_query query;
	struct window window;
	struct peer peer;
	int rounds = 0;

	while (now_ns() < end || rounds < 5) {
		ASSERT_EQ(0, space_window(self->space, MIB(4), 0, &window));
		ASSERT_EQ(0, peer_start(&peer, PEER_PROCESS, window.fd,
					MIB(4)));
		close(window.fd);
		ASSERT_EQ(0, source_grant(&self->source, self->space,
					  window.id, 0, 0, MIB(4), RW));
		ASSERT_EQ(0, peer_begin(&peer, peer_write_loop, 8, 1));
		ASSERT_TRUE(peer_progress(&peer, 1));
		kill(peer.pid, SIGKILL);
		ASSERT_EQ(0, space_unmap(self->space, window.id, 0, MIB(2)));
		ASSERT_EQ(0, space_unmap_all(self->space, window.id));
		peer_reap(&peer);
		ASSERT_EQ(0, space_query(self->space, window.id, &query));
		EXPECT_EQ(0, query.out_vmas);
		ASSERT_EQ(0, space_destroy(self->space, window.id));
		rounds++;
	}
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

/* The window is destroyed under two peers that fault as fast as they can. */
TEST_F(life, destroy_during_faults)
{
	struct window window;
	struct peer peers[2];
	int round, i;

	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, space_window(self->space, MIB(4), 0, &window));
		ASSERT_EQ(0, source_grant(&self->source, self->space,
					  window.id, 0, 0, MIB(4), RW));
		for (i = 0; i < 2; i++) {
			ASSERT_EQ(0, peer_start(&peers[i], variant->peer,
						window.fd, MIB(4)));
			ASSERT_EQ(0, peer_begin(&peers[i], map_and_unmap, i,
						0));
		}
		ASSERT_TRUE(peer_progress(&peers[0], 2));
		ASSERT_EQ(0, space_destroy(self->space, window.id));
		ASSERT_TRUE(peer_progress(&peers[0], 2));
		for (i = 0; i < 2; i++) {
			peers[i].shared->stop = 1;
			EXPECT_EQ(0, peer_end(&peers[i]));
			EXPECT_EQ(0, peers[i].shared->wrong);
			EXPECT_EQ(-SIGBUS, peer_peek(&peers[i], PAGE));
			peer_stop(&peers[i]);
		}
		close(window.fd);
	}
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

/* Threads of one owner do everything to the same windows at once. */
struct crowd {
	life_fixture *self;
	atomic_int stop;
	atomic_uint window;
	atomic_ulong rounds;
	atomic_ulong strange;
};

static void note(struct crowd *crowd, int ret)
{
	crowd->rounds++;
	if (ret < 0 && ret != -ENOENT && ret != -EEXIST)
		crowd->strange++;
}

static void *crowd_map(void *argument)
{
	struct crowd *crowd = argument;
	unsigned int i = 0;

	while (!crowd->stop) {
		uint64_t at = i++ * 11 % 64 * PAGE;

		note(crowd, source_grant(&crowd->self->source,
					 crowd->self->space, crowd->window,
					 at, at, 8 * PAGE, i & 1 ? R : RW));
	}
	return NULL;
}

static void *crowd_unmap(void *argument)
{
	struct crowd *crowd = argument;
	unsigned int i = 0;

	while (!crowd->stop) {
		note(crowd, space_unmap(crowd->self->space, crowd->window,
					i++ * 5 % 64 * PAGE, 16 * PAGE));
		if (i % 16 == 0)
			note(crowd, space_unmap_all(crowd->self->space,
						    crowd->window));
	}
	return NULL;
}

static void *crowd_query(void *argument)
{
	struct crowd *crowd = argument;
	struct vhost_grant_query query;

	while (!crowd->stop) {
		note(crowd, space_query(crowd->self->space, crowd->window,
					&query));
		fdinfo_number(crowd->self->space, "windows");
	}
	return NULL;
}

static void *crowd_replace(void *argument)
{
	struct crowd *crowd = argument;
	struct window window;
	uint32_t old;

	while (!crowd->stop) {
		note(crowd, space_window(crowd->self->space, MIB(4), 0,
					 &window));
		old = crowd->window;
		crowd->window = window.id;
		close(window.fd);
		sleep_ms(20);
		note(crowd, space_destroy(crowd->self->space, old));
	}
	return NULL;
}

TEST_F(life, crowd)
{
	void *(*const members[])(void *) = {
		crowd_map, crowd_map, crowd_unmap, crowd_query, crowd_replace,
	};
	struct crowd crowd = { .self = self };
	pthread_t threads[ARRAY_SIZE(members)];
	struct window window;
	size_t i;

	ASSERT_EQ(0, space_window(self->space, MIB(4), 0, &window));
	crowd.window = window.id;
	for (i = 0; i < ARRAY_SIZE(members); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, members[i],
					    &crowd));
	sleep_ms(1500);
	crowd.stop = 1;
	for (i = 0; i < ARRAY_SIZE(members); i++)
		pthread_join(threads[i], NULL);
	TH_LOG("%lu calls", crowd.rounds);
	EXPECT_EQ(0, crowd.strange);
	EXPECT_LT(0, crowd.rounds);
	EXPECT_EQ(0, space_destroy(self->space, crowd.window));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

/*
 * Memory whose page comes when the test lets it. Returns a userfaultfd, which
 * can be polled only if it does not block.
 */
static int late_memory(char **memory)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	*memory = source_pages(PAGE);
	range.range.start = (uintptr_t)*memory;
	range.range.len = PAGE;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &range))
		return -1;
	return fd;
}

struct late_map {
	life_fixture *self;
	char *memory;
	int ret;
};

static void *map_late(void *argument)
{
	struct late_map *map = argument;

	map->ret = space_map(map->self->space, map->self->window.id, 0,
			     map->memory, PAGE, RW);
	return NULL;
}

/* A MAP that is under way must not grant in a window that is no more. */
TEST_F(life, destroy_during_map)
{
	struct uffdio_zeropage zero = { .range.len = PAGE };
	struct pollfd fault = { .events = POLLIN };
	struct late_map map = { .self = self };
	pthread_t thread;

	fault.fd = late_memory(&map.memory);
	if (fault.fd < 0)
		SKIP(return, "the kernel has no userfaultfd");
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_late, &map));
	ASSERT_EQ(1, poll(&fault, 1, 10000));
	ASSERT_EQ(POLLIN, fault.revents);
	ASSERT_EQ(0, space_destroy(self->space, self->window.id));
	zero.range.start = (uintptr_t)map.memory;
	ASSERT_EQ(0, ioctl(fault.fd, UFFDIO_ZEROPAGE, &zero));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(-ENOENT, map.ret);
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peers[0], 0));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

/* Two threads grant the same page: one of them does. */
struct racer {
	life_fixture *self;
	pthread_barrier_t *barrier;
	int rounds;
	int won;
	int strange;
};

static void *race(void *argument)
{
	struct racer *racer = argument;
	life_fixture *self = racer->self;
	int i, ret;

	for (i = 0; i < racer->rounds; i++) {
		pthread_barrier_wait(racer->barrier);
		ret = source_grant(&self->source, self->space, self->window.id,
				   i * PAGE, 0, 3 * PAGE, R);
		racer->won += !ret;
		racer->strange += ret && ret != -EEXIST;
		pthread_barrier_wait(racer->barrier);
		space_unmap(self->space, self->window.id, i * PAGE, 3 * PAGE);
	}
	return NULL;
}

TEST_F(life, one_grant_wins)
{
	pthread_barrier_t barrier;
	struct racer racers[2] = {
		{ self, &barrier, 200, 0, 0 }, { self, &barrier, 200, 0, 0 },
	};
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	ASSERT_EQ(0, pthread_create(&thread, NULL, race, &racers[0]));
	race(&racers[1]);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, racers[0].strange + racers[1].strange);
	EXPECT_EQ(200, racers[0].won + racers[1].won);
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
}

/* Owners and peers that are killed at any moment. */
FIXTURE(death) {
	struct mark mark;
};

FIXTURE_VARIANT(death) {
	enum source_kind source;
};

FIXTURE_VARIANT_ADD(death, anon) { .source = SOURCE_ANON };
FIXTURE_VARIANT_ADD(death, thp) { .source = SOURCE_THP };
FIXTURE_VARIANT_ADD(death, memfd) { .source = SOURCE_MEMFD };
FIXTURE_VARIANT_ADD(death, hugetlb) { .source = SOURCE_HUGETLB };

FIXTURE_SETUP(death)
{
	mark_begin(&self->mark);
	probe_init();
}

FIXTURE_TEARDOWN_PARENT(death)
{
	MARK_END(&self->mark);
}

enum victim { OWNER, PEER, BOTH };

static void wait_randomly(void)
{
	struct timespec pause = { 0, random_next() % 20000000 };

	nanosleep(&pause, NULL);
}

static void death(struct __test_metadata *_metadata, const char *what,
		  enum source_kind kind, enum victim victim)
{
	uint64_t end = now_ns() + 2 * SECOND, value;
	struct vhost_grant_window_info info;
	struct owner owner;
	struct peer peer;
	int rounds = 0, ret;
	char *map;

	random_seed(_metadata);
	while (now_ns() < end || rounds < 5) {
		ret = owner_start(&owner, kind, MIB(2));
		if (ret == -EOPNOTSUPP)
			SKIP(return, "no huge pages of this kind to be had");
		ASSERT_EQ(0, ret);
		ASSERT_EQ(0, peer_start(&peer, PEER_PROCESS, owner.window,
					MIB(2)));
		ASSERT_EQ(0, peer_begin(&peer, map_and_unmap, 0, 0));
		ASSERT_EQ(0, owner_tell(&owner, OWNER_CHURN));
		wait_randomly();
		if (victim != PEER)
			kill(owner.pid, SIGKILL);
		if (victim != OWNER)
			kill(peer.pid, SIGKILL);
		if (victim == PEER) {
			peer_reap(&peer);
			owner_kill(&owner);
		} else {
			owner_wait(&owner);
			peer_stop(&peer);
		}
		ASSERT_EQ(0, window_info(owner.window, &info));
		EXPECT_EQ(1, info.out_dead);
		map = window_mmap(owner.window, 0, MIB(2), PROT_READ);
		EXPECT_EQ(SIGBUS, probe_read(map, &value));
		munmap(map, MIB(2));
		close(owner.window);
		rounds++;
	}
	TH_LOG("%s was killed %d times", what, rounds);
}

TEST_F(death, of_owner)
{
	death(_metadata, "the owner", variant->source, OWNER);
}

TEST_F(death, of_peer)
{
	death(_metadata, "the peer", variant->source, PEER);
}

TEST_F(death, of_both)
{
	death(_metadata, "both", variant->source, BOTH);
}

/* The owner closes the space while peers fault into the window. */
TEST_F(death, of_space)
{
	struct owner owner;
	struct peer peer;
	int round, ret;

	for (round = 0; round < 5; round++) {
		ret = owner_start(&owner, variant->source, MIB(4));
		if (ret == -EOPNOTSUPP)
			SKIP(return, "no huge pages of this kind to be had");
		ASSERT_EQ(0, ret);
		ASSERT_EQ(0, peer_start(&peer, PEER_STRANGER, owner.window,
					MIB(4)));
		ASSERT_EQ(0, peer_begin(&peer, map_and_unmap, 0, 0));
		ASSERT_TRUE(peer_progress(&peer, 3));
		ASSERT_EQ(0, owner_do(&owner, OWNER_CLOSE_SPACE));
		EXPECT_EQ(0, proc_status(owner.pid, "VmPin"));
		ASSERT_TRUE(peer_progress(&peer, 3));
		peer.shared->stop = 1;
		EXPECT_EQ(0, peer_end(&peer));
		EXPECT_EQ(-SIGBUS, peer_peek(&peer, 0));
		peer_stop(&peer);
		owner_kill(&owner);
		close(owner.window);
	}
}

/* Many at once, and none of them knows of another. */
TEST_F(death, of_many_spaces)
{
	enum { N = 32 };
	struct window windows[N][4];
	struct source source;
	int spaces[N], i, j;
	uint64_t value;
	char *map;

	if (source_open(&source, variant->source, MIB(4)))
		SKIP(return, "no huge pages of this kind to be had");
	source_fill(&source, 1);
	for (i = 0; i < N; i++) {
		spaces[i] = space_open();
		ASSERT_LE(0, spaces[i]);
		for (j = 0; j < 4; j++) {
			ASSERT_EQ(0, space_window(spaces[i], MIB(4), 0,
						  &windows[i][j]));
			ASSERT_EQ(0, source_grant(&source, spaces[i],
						  windows[i][j].id, 0, 0,
						  16 * PAGE, R));
		}
	}
	EXPECT_EQ((long)(N * 4 * 16 * PAGE), proc_status(getpid(), "VmPin"));
	for (i = 0; i < N; i += 2)
		close(spaces[i]);
	EXPECT_EQ((long)(N * 2 * 16 * PAGE), proc_status(getpid(), "VmPin"));
	for (i = 0; i < N; i++) {
		map = window_mmap(windows[i][i % 4].fd, 0, MIB(4), PROT_READ);
		ASSERT_NE(NULL, map);
		EXPECT_EQ(i % 2 ? 0 : SIGBUS, probe_read(map, &value));
		munmap(map, MIB(4));
	}
}

TEST_HARNESS_MAIN
