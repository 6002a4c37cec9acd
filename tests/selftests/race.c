// SPDX-License-Identifier: GPL-2.0-only
/*
 * What goes wrong only if two things happen at once: a page changes hands while
 * a fault is on its way, its source moves while it is pinned, a huge entry
 * appears beside a small one, an owner is chosen while somebody else is already
 * asking. Where the moment cannot be held still, each test tries for a few
 * seconds.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"

#define SECOND 1000000000ull
#define CGROUP "/sys/fs/cgroup/vhost_grant_race"

/* The seed is printed, and VG_TEST_SEED sets it. */
static uint64_t random_state;

static uint64_t random_below(uint64_t end)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % end;
}

static void random_seed(struct __test_metadata *_metadata)
{
	const char *seed = getenv("VG_TEST_SEED");

	random_state = (seed ? strtoull(seed, NULL, 0) : now_ns()) | 1;
	TH_LOG("VG_TEST_SEED=%lu", random_state);
}

/* A machine that has only one CPU has all of them there. */
static void run_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void spin_us(unsigned int us)
{
	uint64_t end = now_ns() + us * 1000ull;

	while (now_ns() < end)
		;
}

FIXTURE(race) {
	struct mark mark;
	int space;
	struct window window;
	struct peer peer;
};

FIXTURE_SETUP(race)
{
	mark_begin(&self->mark);
	probe_init();
	random_seed(_metadata);
	self->space = space_open();
	ASSERT_GE(self->space, 0);
}

FIXTURE_TEARDOWN_PARENT(race)
{
	rmdir(CGROUP);
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(race) race_fixture;

/* A window, and a stranger who has it mapped. */
static int share_window(race_fixture *self, uint64_t length, uint32_t flags)
{
	int ret = space_window(self->space, length, flags, &self->window);

	return ret ? ret : peer_start(&self->peer, PEER_STRANGER,
				      self->window.fd, length);
}

/*
 * A write to a page that was found read-only is on its way while the page is
 * revoked and another one, writable, granted in its place. If the upgrade puts
 * the new page into the page table, its revoke must know. Many threads on one
 * CPU, so that some are always interrupted on the way.
 */
#define WRITERS 6
#define WRITERS_LENGTH (2 * WRITERS * PAGE)

/* What has once been left in a page table stays there for a while. */
#define LOOK_EVERY 4

struct writer {
	struct peer_view *view;
	uint64_t at;
};

static void *write_ceaselessly(void *argument)
{
	struct writer *writer = argument;
	struct peer_view *view = writer->view;

	run_on_cpu(1);
	while (!view->shared->stop)
		view->write(view, writer->at, 1);
	return NULL;
}

static long start_writers(struct peer_view *view, unsigned long a,
			  unsigned long b)
{
	static struct writer writers[WRITERS];
	pthread_t thread;
	int i;

	(void)a;
	(void)b;
	for (i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ view, 2 * i * PAGE };
		if (pthread_create(&thread, NULL, write_ceaselessly,
				   &writers[i]))
			return -1;
	}
	return 0;
}

/* Neighbours are not granted, so that each page is revoked by itself. */
static bool grant_to_writers(race_fixture *self, char *memory, uint32_t access)
{
	struct vhost_grant_map_entry entries[WRITERS];
	int i;

	for (i = 0; i < WRITERS; i++)
		entries[i] = (struct vhost_grant_map_entry){
			.iova = 2 * i * PAGE,
			.length = PAGE,
			.source = (uintptr_t)memory + 2 * i * PAGE,
			.flags = access,
		};
	return space_map_array(self->space, self->window.id, entries,
			       WRITERS) == WRITERS;
}

static bool revoke_from_writers(race_fixture *self)
{
	struct vhost_grant_unmap_entry entries[WRITERS];
	int i;

	for (i = 0; i < WRITERS; i++)
		entries[i] = (struct vhost_grant_unmap_entry){
			.iova = 2 * i * PAGE,
			.length = PAGE,
		};
	return space_unmap_array(self->space, self->window.id, entries,
				 WRITERS) == WRITERS;
}

/* Pages that somebody writes to; none should be by now. */
static int written_pages(char *memory)
{
	int i, n = 0;

	for (i = 0; i < WRITERS; i++)
		*(volatile uint64_t *)(memory + 2 * i * PAGE) = 0;
	sleep_ms(12);
	for (i = 0; i < WRITERS; i++)
		n += *(volatile uint64_t *)(memory + 2 * i * PAGE) != 0;
	return n;
}

TEST_F(race, upgrade_meets_another_page)
{
	char *before = source_pages(WRITERS_LENGTH);
	char *after = source_pages(WRITERS_LENGTH);
	uint64_t end = now_ns() + 3 * SECOND;
	int rounds = 0;

	ASSERT_EQ(0, share_window(self, WRITERS_LENGTH, 0));
	memset(before, 0, WRITERS_LENGTH);
	ASSERT_EQ(0, peer_call(&self->peer, start_writers, 0, 0));
	run_on_cpu(0);
	while (now_ns() < end || rounds % LOOK_EVERY) {
		ASSERT_TRUE(grant_to_writers(self, before, R));
		spin_us(2000 + random_below(4000));
		ASSERT_TRUE(revoke_from_writers(self));
		ASSERT_TRUE(grant_to_writers(self, after, RW));
		spin_us(12000 + random_below(4000));
		ASSERT_TRUE(revoke_from_writers(self));
		if (++rounds % LOOK_EVERY == 0)
			ASSERT_EQ(0, written_pages(after));
	}
	ASSERT_EQ(0, written_pages(before));
	TH_LOG("%d rounds", rounds);
	peer_stop(&self->peer);
}

/*
 * The source moves while it is pinned: fork() makes GUP give up what it has and
 * begin again, and then the memory is not there. What was given up must not be
 * unpinned a second time; a kernel that does not check it is found out by its
 * counters.
 */
#define MOVING_PAGES 511
#define MOVING_LENGTH (MOVING_PAGES * PAGE)

struct mover {
	char *memory;
	atomic_int stop;
	atomic_int failed;
};

static char *map_moving(void *where, int flags)
{
	char *memory = mmap(where, MOVING_LENGTH, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | flags,
			    -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void *fork_ceaselessly(void *argument)
{
	struct mover *mover = argument;
	pid_t pid;

	run_on_cpu(1);
	while (!mover->stop) {
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			mover->failed = 1;
	}
	return NULL;
}

static void *protect_ceaselessly(void *argument)
{
	struct mover *mover = argument;

	run_on_cpu(0);
	while (!mover->stop) {
		if (mprotect(mover->memory, MOVING_LENGTH, PROT_NONE) ||
		    mprotect(mover->memory, MOVING_LENGTH,
			     PROT_READ | PROT_WRITE))
			mover->failed = 1;
		usleep(50);
	}
	return NULL;
}

/* Nobody else maps anything meanwhile, so that the place stays free. */
static void *unmap_ceaselessly(void *argument)
{
	struct mover *mover = argument;

	run_on_cpu(0);
	while (!mover->stop) {
		if (munmap(mover->memory, MOVING_LENGTH) ||
		    !map_moving(mover->memory, MAP_FIXED_NOREPLACE))
			mover->failed = 1;
		usleep(50);
	}
	return NULL;
}

/* Each mapping that fork() copies is a moment in which GUP gives up. */
static void make_fork_slow(void)
{
	int i;

	for (i = 0; i < 40; i++) {
		char *memory = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memset(memory, 1, 64 * PAGE);
		mprotect(memory, PAGE, PROT_READ);
	}
}

/* Grant what is there; what is not is refused, and that must be all. */
static void grant_moving(struct __test_metadata *_metadata, race_fixture *self,
			 char *memory)
{
	uint64_t end = now_ns() + 3 * SECOND;
	int ret, granted = 0, refused = 0;

	while (now_ns() < end || !granted || !refused) {
		ret = space_map(self->space, self->window.id, 0, memory,
				MOVING_LENGTH, RW);
		if (ret) {
			/* It may be readable again when it is looked at. */
			ASSERT_TRUE(ret == -EFAULT || ret == -EACCES);
			refused++;
			continue;
		}
		granted++;
		ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	}
	TH_LOG("%d granted, %d refused", granted, refused);
}

static void grant_while(struct __test_metadata *_metadata, race_fixture *self,
			void *(*move)(void *))
{
	struct mover mover = { .memory = map_moving(NULL, 0) };
	pthread_t threads[2];

	ASSERT_NE(NULL, mover.memory);
	madvise(mover.memory, MOVING_LENGTH, MADV_NOHUGEPAGE);
	make_fork_slow();
	ASSERT_EQ(0, space_window(self->space, HUGE, 0, &self->window));
	ASSERT_EQ(0, pthread_create(&threads[0], NULL, fork_ceaselessly,
				    &mover));
	ASSERT_EQ(0, pthread_create(&threads[1], NULL, move, &mover));
	run_on_cpu(0);
	grant_moving(_metadata, self, mover.memory);
	mover.stop = 1;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	EXPECT_EQ(0, mover.failed);
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(self->mark.pins, proc_pins());
}

TEST_F(race, source_is_forked_and_protected)
{
	grant_while(_metadata, self, protect_ceaselessly);
}

TEST_F(race, source_is_forked_and_unmapped)
{
	grant_while(_metadata, self, unmap_ceaselessly);
}

/*
 * A peer can be as slow as it likes when it allocates: beyond memory.high of
 * its cgroup the kernel makes it sleep up to 2 seconds, in the middle of a
 * system call if that goes on. A visit of one byte in each 2 MiB costs a page
 * table each.
 */
#define BLOCKS 512
/* Where no other visitor will come to. */
#define FAR_AWAY (64 * BLOCKS)

/* Words of a peer's shared memory */
enum { VISITOR, VISITING, VISITED, VISITS };

/*
 * One datagram from each block. Unlike a copy of them all, the call does not
 * try again where it has failed.
 */
static void visit_once(struct peer_view *view, uint64_t first, int fd)
{
	static __thread struct mmsghdr messages[BLOCKS];
	static __thread struct iovec iov[BLOCKS];
	long n;
	int i;

	for (i = 0; i < BLOCKS; i++) {
		iov[i] = (struct iovec){
			view->map + (first + i) * HUGE % view->length, 1,
		};
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	/* What may still make it sleep after this is the visit itself. */
	view->shared->words[VISITING] = 1;
	n = sendmmsg(fd, messages, BLOCKS, 0);
	view->shared->words[VISITED] = n;
	view->shared->words[VISITS]++;
}

/* A socket that sends to itself, and throws away what it has no room for. */
static int open_sink(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return bind(fd, (struct sockaddr *)&address, length) ||
	       getsockname(fd, (struct sockaddr *)&address, &length) ||
	       connect(fd, (struct sockaddr *)&address, length) ? -1 : fd;
}

static void *visit_ceaselessly(void *argument)
{
	static atomic_uint visitors;
	struct peer_view *view = argument;
	uint64_t first = visitors++ * FAR_AWAY;
	int fd = open_sink();

	view->shared->words[VISITOR] = syscall(SYS_gettid);
	run_on_cpu(1);
	while (fd >= 0 && !view->shared->stop) {
		visit_once(view, first, fd);
		first += BLOCKS;
	}
	return NULL;
}

static long start_visitors(struct peer_view *view, unsigned long a,
			   unsigned long b)
{
	pthread_t thread;

	(void)b;
	while (a--)
		if (pthread_create(&thread, NULL, visit_ceaselessly, view))
			return -1;
	return 0;
}

/* Why the peer cannot be throttled, or NULL. */
static const char *throttle(struct peer *peer)
{
	if (access("/sys/fs/cgroup/cgroup.controllers", R_OK))
		return "cgroup2 is not mounted at /sys/fs/cgroup";
	proc_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0755) && errno != EEXIST)
		return "cannot make a cgroup";
	if (proc_write(CGROUP "/memory.high", "4096"))
		return "there is no memory controller";
	if (proc_write(CGROUP "/cgroup.procs", "%d", peer->pid))
		return "cannot put the peer into the cgroup";
	return NULL;
}

/* Whether a visitor sleeps in a visit, so that only SIGKILL can wake it. */
static bool visitor_sleeps(struct peer *peer)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%lu/stat", peer->pid,
		 peer->shared->words[VISITOR]);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (file)
		fclose(file);
	return state == 'D' && peer->shared->words[VISITING];
}

/* Nothing else makes it sleep for so long. */
static bool wait_for_sleep(struct peer *peer)
{
	int tries, asleep = 0;

	for (tries = 0; tries < 2000 && asleep < 5; tries++) {
		asleep = visitor_sleeps(peer) ? asleep + 1 : 0;
		sleep_ms(5);
	}
	return asleep == 5;
}

/*
 * In nanoseconds; UINT64_MAX if a call failed. Revokes page by page what was
 * granted before: a MAP in between would do the waiting.
 */
static uint64_t longest_unmap(race_fixture *self, uint64_t iova, unsigned int n)
{
	uint64_t end = now_ns() + 5 * SECOND, start, longest = 0;

	for (; n-- && now_ns() < end; iova += PAGE) {
		start = now_ns();
		if (space_unmap(self->space, self->window.id, iova, PAGE))
			return UINT64_MAX;
		start = now_ns() - start;
		if (start > longest)
			longest = start;
		sleep_ms(1);
	}
	return longest;
}

/*
 * The sleep is of 2 seconds, and one of so many revokes, if it waited, would
 * meet nearly all of it. A revoke that does not wait took half a second at
 * worst, on a machine that was emulated and overloaded: 1.5 seconds are between
 * the two, and what a machine is slower even without such a peer is allowed on
 * top.
 */
#define STOPPED_REVOKES 500
#define THROTTLED_REVOKES 2500

TEST_F_TIMEOUT(race, revoke_beside_a_throttled_peer, 60)
{
	char *memory = source_pages(THROTTLED_REVOKES * PAGE);
	const char *reason;
	uint64_t stopped, throttled;

	ASSERT_EQ(0, share_window(self, 1ull << 39,
				  VHOST_GRANT_WINDOW_HOLE_SCRATCH));
	reason = throttle(&self->peer);
	if (reason)
		SKIP(return, "%s", reason);
	run_on_cpu(0);
	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, memory,
			       STOPPED_REVOKES * PAGE, RW));
	ASSERT_EQ(0, kill(self->peer.pid, SIGSTOP));
	stopped = longest_unmap(self, 0, STOPPED_REVOKES);
	ASSERT_EQ(0, kill(self->peer.pid, SIGCONT));
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, memory,
			       THROTTLED_REVOKES * PAGE, RW));
	ASSERT_EQ(0, peer_call(&self->peer, start_visitors, 4, 0));
	ASSERT_TRUE(wait_for_sleep(&self->peer));
	throttled = longest_unmap(self, 0, THROTTLED_REVOKES);
	TH_LOG("longest UNMAP: %lu us, %lu us with the peer stopped",
	       throttled / 1000, stopped / 1000);
	EXPECT_GT(4 * stopped + 3 * SECOND / 2, throttled);
	EXPECT_EQ(0, space_unmap_all(self->space, self->window.id));
	peer_stop(&self->peer);
}

/* Grant one huge page in every block. */
static int grant_blocks(race_fixture *self, const struct source *source,
			int nr, uint32_t access)
{
	struct vhost_grant_map_entry *entries = calloc(nr, sizeof(*entries));
	int i, ret;

	for (i = 0; i < nr; i++)
		entries[i] = (struct vhost_grant_map_entry){
			.iova = i * HUGE,
			.length = HUGE,
			.flags = access | VHOST_GRANT_SOURCE_FILE,
			.fd = source->fd,
		};
	ret = space_map_array(self->space, self->window.id, entries, nr);
	free(entries);
	return ret;
}

/* Blocks whose first word is not @a. */
static long count_wrong_blocks(struct peer_view *view, unsigned long a,
			       unsigned long b)
{
	uint64_t value, offset;
	long n = 0;

	(void)b;
	for (offset = 0; offset < view->length; offset += HUGE)
		n += view->read(view, offset, &value) || value != a;
	return n;
}

static bool wait_for_visit(struct peer *peer)
{
	int tries;

	peer->shared->stop = 1;
	for (tries = 0; tries < 2000; tries++) {
		if (peer->shared->words[VISITS])
			return true;
		sleep_ms(5);
	}
	return false;
}

/*
 * A fault that found a hole sleeps while it allocates a page table. Meanwhile
 * the hole is filled with a huge page, and another thread has it mapped.
 */
TEST_F_TIMEOUT(race, fault_in_a_hole_meets_a_huge_entry, 60)
{
	struct vhost_grant_query query;
	struct source source;
	const char *reason;

	if (source_open(&source, SOURCE_HUGETLB, HUGE))
		SKIP(return, "no free hugetlb pages");
	source_fill(&source, 1);
	ASSERT_EQ(0, share_window(self, BLOCKS * HUGE,
				  VHOST_GRANT_WINDOW_HOLE_SCRATCH));
	reason = throttle(&self->peer);
	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, peer_call(&self->peer, start_visitors, 1, 0));
	ASSERT_TRUE(wait_for_sleep(&self->peer));
	/* The visitor sleeps on, but nobody else will. */
	ASSERT_EQ(0, proc_write(CGROUP "/memory.high", "max"));
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	ASSERT_EQ(BLOCKS, grant_blocks(self, &source, BLOCKS, RW));
	EXPECT_EQ(0, peer_call(&self->peer, count_wrong_blocks,
			       source_word(1, 0), 0));
	if (self->peer.shared->words[VISITS] ||
	    query.out_violations_hole >= BLOCKS)
		SKIP(return, "the visitor did not sleep for long enough");
	ASSERT_TRUE(wait_for_visit(&self->peer));
	EXPECT_EQ(BLOCKS, self->peer.shared->words[VISITED]);
	peer_stop(&self->peer);
}

/*
 * A huge page is granted read-only. One thread of the peer writes there, which
 * is for the small pages to refuse, while another reads, which puts a huge
 * entry in place. Each block is good for one try, so there are many, and they
 * are mapped afresh each time.
 */
#define DUEL_BLOCKS 128
#define DUEL_LENGTH (DUEL_BLOCKS * HUGE)

struct duel {
	struct peer_view *view;
	char *map;
	int pipes[2];
	uint64_t expected;
	uint64_t end;
	atomic_uint arrived;
	bool over;
	long rounds;
	long wrong;
};

/* Both leave at the same moment, or as near to it as can be. */
static void meet(struct duel *duel, unsigned int *meetings)
{
	unsigned int spins = 0;

	*meetings += 1;
	duel->arrived++;
	while (duel->arrived < 2 * *meetings)
		if (++spins % 4096 == 0)
			sched_yield();
}

static void delay(unsigned int turns)
{
	volatile unsigned int i;

	for (i = 0; i < turns; i++)
		;
}

static bool read_is_right(struct duel *duel, int block)
{
	char *at = duel->map + block * HUGE;
	uint64_t value;

	/* The CPU and the kernel are told of a failed fault in different ways. */
	if (block % 2)
		return write(duel->pipes[1], at, 8) == 8 &&
		       read(duel->pipes[0], &value, 8) == 8 &&
		       value == duel->expected;
	return !probe_read(at, &value) && value == duel->expected;
}

static void *read_in_duel(void *argument)
{
	struct duel *duel = argument;
	unsigned int meetings = 0;
	int i;

	run_on_cpu(0);
	for (meet(duel, &meetings); !duel->over; meet(duel, &meetings)) {
		for (i = 0; i < DUEL_BLOCKS; i++) {
			meet(duel, &meetings);
			duel->wrong += !read_is_right(duel, i);
		}
		meet(duel, &meetings);
	}
	return NULL;
}

static void map_afresh(struct duel *duel)
{
	void *map = mmap(duel->map, DUEL_LENGTH, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, duel->view->window, 0);

	duel->over = map != duel->map || now_ns() > duel->end;
}

/* Writes that got through are the result. */
static long write_in_duel(struct duel *duel)
{
	unsigned int meetings = 0;
	long written = 0;
	int i;

	run_on_cpu(1);
	for (;;) {
		map_afresh(duel);
		meet(duel, &meetings);
		if (duel->over)
			return written;
		for (i = 0; i < DUEL_BLOCKS; i++) {
			meet(duel, &meetings);
			delay(random_below(400));
			written += probe_write(duel->map + i * HUGE, 666) !=
				   SIGBUS;
		}
		meet(duel, &meetings);
		duel->rounds++;
	}
}

/* Results in words[]: rounds, reads that went wrong, writes that did not. */
static long run_duel(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct duel duel = {
		.view = view,
		.map = source_aligned(DUEL_LENGTH, MAP_SHARED, view->window),
		.expected = a,
		.end = now_ns() + b,
	};
	pthread_t thread;

	if (!duel.map || pipe(duel.pipes) ||
	    pthread_create(&thread, NULL, read_in_duel, &duel))
		return -1;
	view->shared->words[2] = write_in_duel(&duel);
	pthread_join(thread, NULL);
	view->shared->words[0] = duel.rounds;
	view->shared->words[1] = duel.wrong;
	return 0;
}

TEST_F(race, write_beside_read_of_a_huge_page)
{
	struct source source;

	if (source_open(&source, SOURCE_HUGETLB, HUGE))
		SKIP(return, "no free hugetlb pages");
	source_fill(&source, 1);
	ASSERT_EQ(0, share_window(self, DUEL_LENGTH, 0));
	ASSERT_EQ(DUEL_BLOCKS, grant_blocks(self, &source, DUEL_BLOCKS, R));
	ASSERT_EQ(0, peer_call(&self->peer, run_duel, source_word(1, 0),
			       4 * SECOND));
	TH_LOG("%lu rounds", self->peer.shared->words[0]);
	EXPECT_LT(0, self->peer.shared->words[0]);
	EXPECT_EQ(0, self->peer.shared->words[1]);
	EXPECT_EQ(0, self->peer.shared->words[2]);
	EXPECT_EQ(source_word(1, 0), *(uint64_t *)source.memory);
	peer_stop(&self->peer);
}

/*
 * A space has no owner until the first window is made. Somebody who holds it,
 * too, begins a call before, with an argument that the kernel cannot read yet,
 * and lets it be read afterwards.
 */
FIXTURE(latecomer) {
	struct mark mark;
	int space;
	struct window window;
	char *memory;
	struct peer peer;
};

FIXTURE_VARIANT(latecomer) {
	unsigned long request;
};

FIXTURE_VARIANT_ADD(latecomer, create_window) {
	.request = VHOST_GRANT_CREATE_WINDOW,
};

FIXTURE_VARIANT_ADD(latecomer, map) { .request = VHOST_GRANT_MAP };
FIXTURE_VARIANT_ADD(latecomer, unmap) { .request = VHOST_GRANT_UNMAP };

FIXTURE_VARIANT_ADD(latecomer, destroy_window) {
	.request = VHOST_GRANT_DESTROY_WINDOW,
};

/* The peer holds the space instead of a window. */
FIXTURE_SETUP(latecomer)
{
	mark_begin(&self->mark);
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	self->memory = source_pages(PAGE);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, peer_start_unmapped(&self->peer, PEER_PROCESS,
					 self->space, 0));
}

FIXTURE_TEARDOWN_PARENT(latecomer)
{
	MARK_END(&self->mark);
}

struct late_call {
	int space;
	int userfaultfd;
	unsigned long request;
	char *argument;
	pthread_t thread;
	atomic_int done;
	int result;
};

/* Of the peer */
static struct late_call late_call;

static void *do_late_call(void *argument)
{
	struct late_call *call = argument;

	call->result = space_call(call->space, call->request, call->argument);
	call->done = 1;
	return NULL;
}

/* A page that whoever reads it has to wait for; 0 or -1. */
static int open_userfaultfd(struct late_call *call)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	call->userfaultfd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	call->argument = source_pages(PAGE);
	range.range.start = (uintptr_t)call->argument;
	range.range.len = PAGE;
	return call->userfaultfd < 0 ||
	       ioctl(call->userfaultfd, UFFDIO_API, &api) ||
	       ioctl(call->userfaultfd, UFFDIO_REGISTER, &range) ? -1 : 0;
}

/* Returns once the call hangs or is refused; -1 if it cannot be made. */
static long begin_late_call(struct peer_view *view, unsigned long a,
			    unsigned long b)
{
	struct late_call *call = &late_call;
	struct pollfd fault = { .events = POLLIN };
	int tries;

	(void)b;
	call->space = view->window;
	call->request = a;
	if (open_userfaultfd(call) ||
	    pthread_create(&call->thread, NULL, do_late_call, call))
		return -1;
	fault.fd = call->userfaultfd;
	for (tries = 0; tries < 1000 && !call->done; tries++)
		if (poll(&fault, 1, 10) == 1)
			return 0;
	return call->done ? 0 : -1;
}

static void fill_argument(struct late_call *call, char *page, uint32_t window)
{
	static struct vhost_grant_map_entry entry = {
		.iova = PAGE, .length = PAGE, .flags = RW,
	};

	entry.source = (uintptr_t)source_pages(PAGE);
	if (call->request == VHOST_GRANT_CREATE_WINDOW)
		*(struct vhost_grant_create_window *)page =
			(struct vhost_grant_create_window){
			.size = sizeof(struct vhost_grant_create_window),
			.length = PAGE };
	if (call->request == VHOST_GRANT_MAP)
		*(struct vhost_grant_map *)page = (struct vhost_grant_map){
			.size = sizeof(struct vhost_grant_map),
			.window = window, .nr = 1,
			.entry_size = sizeof(entry),
			.entries = (uintptr_t)&entry };
	if (call->request == VHOST_GRANT_UNMAP)
		*(struct vhost_grant_unmap *)page = (struct vhost_grant_unmap){
			.size = sizeof(struct vhost_grant_unmap),
			.flags = VHOST_GRANT_UNMAP_ALL, .window = window };
	if (call->request == VHOST_GRANT_DESTROY_WINDOW)
		*(struct vhost_grant_destroy_window *)page =
			(struct vhost_grant_destroy_window){
			.size = sizeof(struct vhost_grant_destroy_window),
			.window = window };
}

/* What came of it, now that there is an owner and window @a. */
static long end_late_call(struct peer_view *view, unsigned long a,
			  unsigned long b)
{
	struct late_call *call = &late_call;
	static char page[PAGE] __attribute__((aligned(PAGE)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)call->argument,
		.src = (uintptr_t)page,
		.len = PAGE,
	};

	(void)view;
	(void)b;
	fill_argument(call, page, a);
	if (!call->done && ioctl(call->userfaultfd, UFFDIO_COPY, &copy))
		return 1;
	pthread_join(call->thread, NULL);
	return call->result;
}

TEST_F(latecomer, controls_nothing)
{
	struct vhost_grant_query query;
	long ret;

	if (peer_call(&self->peer, begin_late_call, variant->request, 0))
		SKIP(return, "the kernel has no userfaultfd");
	ASSERT_EQ(0, space_window(self->space, HUGE, 0, &self->window));
	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       PAGE, RW));
	ret = peer_call(&self->peer, end_late_call, self->window.id, 0);
	EXPECT_TRUE(ret == -EXDEV || ret == -ENOENT) {
		TH_LOG("the call returned %ld", ret);
	}
	ASSERT_EQ(0, space_query(self->space, self->window.id, &query));
	EXPECT_EQ(1, query.out_pages_granted);
	EXPECT_EQ((long)PAGE, proc_status(getpid(), "VmPin"));
	EXPECT_EQ(0, proc_status(self->peer.pid, "VmPin"));
	EXPECT_EQ(1, fdinfo_number(self->space, "windows"));
	peer_stop(&self->peer);
}

TEST_HARNESS_MAIN
