// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the owner learns: events, counters, fdinfo, tracepoints. Counts are
 * exact: each refused access is in one event or in the number of lost ones.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"

#define WINDOW_LENGTH MIB(16)
#define TRACEFS "/sys/kernel/tracing/"

FIXTURE(event) {
	struct mark mark;
	int space;
	struct window window;
	char *memory;
	struct peer peer;
};

FIXTURE_SETUP(event)
{
	mark_begin(&self->mark);
	probe_init();
	self->space = space_open();
	ASSERT_GE(self->space, 0);
	ASSERT_EQ(0, fcntl(self->space, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(0, space_window(self->space, WINDOW_LENGTH, 0,
				  &self->window));
	self->memory = source_pages(16 * PAGE);
	memset(self->memory, 0, 16 * PAGE);
	ASSERT_EQ(0, peer_start(&self->peer, PEER_STRANGER, self->window.fd,
				WINDOW_LENGTH));
}

FIXTURE_TEARDOWN_PARENT(event)
{
	MARK_END(&self->mark);
}

typedef FIXTURE_DATA(event) event_fixture;

/* One event, or -errno. */
static int next_event(int space, struct vhost_grant_event *event)
{
	ssize_t n = read(space, event, sizeof(*event));

	if (n < 0)
		return -errno;
	return n == sizeof(*event) ? 0 : -EIO;
}

static bool readable(int space)
{
	struct pollfd poll_fd = { .fd = space, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents == POLLIN;
}

static struct vhost_grant_query query(event_fixture *self)
{
	struct vhost_grant_query query;

	space_query(self->space, self->window.id, &query);
	return query;
}

TEST_F(event, none_at_first)
{
	struct vhost_grant_event event;

	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       PAGE, RW));
	ASSERT_EQ(0, peer_write(&self->peer, 8, 1));
	EXPECT_FALSE(readable(self->space));
	EXPECT_EQ(-EAGAIN, next_event(self->space, &event));
	EXPECT_EQ(0, query(self).out_violations_hole);
	EXPECT_EQ(0, query(self).out_violations_readonly);
	EXPECT_EQ(1, query(self).out_faults);
}

#define EXPECT_VIOLATION(iova_, count_, access_) do {			\
	struct vhost_grant_event event_;				\
									\
	ASSERT_EQ(0, next_event(self->space, &event_));			\
	EXPECT_EQ(VHOST_GRANT_EVENT_VIOLATION, event_.type);		\
	EXPECT_EQ(self->window.id, event_.window);			\
	EXPECT_EQ(iova_, event_.iova);					\
	EXPECT_EQ(count_, event_.count);				\
	EXPECT_EQ(access_, event_.access);				\
	EXPECT_EQ(0, event_.__reserved);				\
} while (0)

TEST_F(event, read_of_hole)
{
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 5 * PAGE + 128));
	EXPECT_TRUE(readable(self->space));
	EXPECT_VIOLATION(5 * PAGE, 1, VHOST_GRANT_READ);
	EXPECT_FALSE(readable(self->space));
	EXPECT_EQ(1, query(self).out_violations_hole);
}

TEST_F(event, write_of_hole)
{
	EXPECT_EQ(SIGBUS, peer_write(&self->peer, WINDOW_LENGTH - 8, 1));
	EXPECT_VIOLATION(WINDOW_LENGTH - PAGE, 1, VHOST_GRANT_WRITE);
	EXPECT_EQ(1, query(self).out_violations_hole);
}

TEST_F(event, write_of_readonly)
{
	ASSERT_EQ(0, space_map(self->space, self->window.id, PAGE,
			       self->memory, PAGE, R));
	EXPECT_EQ(SIGBUS, peer_write(&self->peer, PAGE + 64, 1));
	EXPECT_VIOLATION(PAGE, 1, VHOST_GRANT_WRITE);
	ASSERT_EQ(0, peer_peek(&self->peer, PAGE));
	EXPECT_EQ(SIGBUS, peer_write(&self->peer, PAGE + 64, 1));
	EXPECT_VIOLATION(PAGE, 1, VHOST_GRANT_WRITE);
	EXPECT_EQ(2, query(self).out_violations_readonly);
	EXPECT_EQ(0, query(self).out_violations_hole);
}

/* Again and again at one page is one event. */
TEST_F(event, coalesced)
{
	int i;

	for (i = 0; i < 10; i++)
		EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 3 * PAGE + 8 * i));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(SIGBUS, peer_write(&self->peer, 3 * PAGE, i));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 4 * PAGE));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 3 * PAGE));
	EXPECT_VIOLATION(3 * PAGE, 10, VHOST_GRANT_READ);
	EXPECT_VIOLATION(3 * PAGE, 5, VHOST_GRANT_WRITE);
	EXPECT_VIOLATION(4 * PAGE, 3, VHOST_GRANT_READ);
	EXPECT_VIOLATION(3 * PAGE, 1, VHOST_GRANT_READ);
	EXPECT_FALSE(readable(self->space));
	EXPECT_EQ(19, query(self).out_violations_hole);
}

/* Two windows tell their violations apart. */
TEST_F(event, of_two_windows)
{
	struct vhost_grant_event event;
	struct window other;
	struct peer peer;

	ASSERT_EQ(0, space_window(self->space, PAGE, 0, &other));
	ASSERT_EQ(0, peer_start(&peer, PEER_PROCESS, other.fd, PAGE));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 0));
	EXPECT_EQ(-SIGBUS, peer_peek(&peer, 0));
	EXPECT_VIOLATION(0, 1, VHOST_GRANT_READ);
	ASSERT_EQ(0, next_event(self->space, &event));
	EXPECT_EQ(other.id, event.window);
	EXPECT_EQ(1, event.count);
	peer_stop(&peer);
}

TEST_F(event, read_sizes)
{
	struct vhost_grant_event events[4];
	int i;

	EXPECT_EQ(-1, read(self->space, events, sizeof(events[0]) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, read(self->space, events, 0));
	EXPECT_EQ(EINVAL, errno);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, i * PAGE));
	EXPECT_EQ(-1, read(self->space, events, sizeof(events[0]) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(sizeof(events[0]),
		  read(self->space, events, 2 * sizeof(events[0]) - 1));
	EXPECT_EQ(0, events[0].iova);
	EXPECT_EQ(2 * sizeof(events[0]),
		  read(self->space, events, sizeof(events)));
	EXPECT_EQ(PAGE, events[0].iova);
	EXPECT_EQ(2 * PAGE, events[1].iova);
	EXPECT_EQ(-1, read(self->space, events, sizeof(events)));
	EXPECT_EQ(EAGAIN, errno);
}

/* An event that could not be delivered must not be silently forgotten. */
TEST_F(event, read_unwritable)
{
	char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	struct vhost_grant_event event;
	uint64_t seen = 0;

	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 0));
	EXPECT_EQ(-1, read(self->space, page, PAGE));
	EXPECT_EQ(EFAULT, errno);
	while (!next_event(self->space, &event))
		seen += event.count;
	EXPECT_EQ(1, seen);
}

static long fault_later(struct peer_view *view, unsigned long a,
			unsigned long b)
{
	uint64_t value;

	(void)b;
	sleep_ms(200);
	return view->read(view, a, &value);
}

TEST_F(event, read_blocks)
{
	struct vhost_grant_event event;
	uint64_t start = now_ns();

	ASSERT_EQ(0, fcntl(self->space, F_SETFL, 0));
	ASSERT_EQ(0, peer_begin(&self->peer, fault_later, PAGE, 0));
	EXPECT_EQ(0, next_event(self->space, &event));
	EXPECT_EQ(PAGE, event.iova);
	EXPECT_LT(100000000ull, now_ns() - start);
	EXPECT_EQ(SIGBUS, peer_end(&self->peer));
}

TEST_F(event, poll_wakes)
{
	struct pollfd poll_fd = { .fd = self->space, .events = POLLIN };

	EXPECT_EQ(0, poll(&poll_fd, 1, 10));
	ASSERT_EQ(0, peer_begin(&self->peer, fault_later, PAGE, 0));
	EXPECT_EQ(1, poll(&poll_fd, 1, 10000));
	EXPECT_EQ(POLLIN, poll_fd.revents);
	EXPECT_EQ(SIGBUS, peer_end(&self->peer));
}

static void on_alarm(int sig)
{
	(void)sig;
}

TEST_F(event, read_interrupted)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct vhost_grant_event event;

	ASSERT_EQ(0, fcntl(self->space, F_SETFL, 0));
	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	EXPECT_EQ(-EINTR, next_event(self->space, &event));
}

/* Any process that holds the space may listen, but not control. */
TEST_F(event, read_in_child)
{
	struct vhost_grant_event event;
	int status;
	pid_t pid;

	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 0));
	pid = fork();
	if (!pid)
		_exit(next_event(self->space, &event) || event.count != 1 ||
		      query(self).out_violations_hole != 1);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(-EAGAIN, next_event(self->space, &event));
}

TEST_F(event, peer_gone)
{
	struct vhost_grant_event event;

	EXPECT_EQ(0, query(self).out_peer_gone);
	close(self->window.fd);
	EXPECT_EQ(-EAGAIN, next_event(self->space, &event));
	EXPECT_EQ(0, query(self).out_peer_gone);
	peer_stop(&self->peer);
	/* The last reference goes when the dead process does. */
	while (!readable(self->space))
		sleep_ms(10);
	ASSERT_EQ(0, next_event(self->space, &event));
	EXPECT_EQ(VHOST_GRANT_EVENT_PEER_GONE, event.type);
	EXPECT_EQ(self->window.id, event.window);
	EXPECT_EQ(1, query(self).out_peer_gone);
	EXPECT_EQ(0, query(self).out_vmas);
	EXPECT_EQ(-EAGAIN, next_event(self->space, &event));
	/* The window is still there to be granted into, and to be destroyed. */
	EXPECT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       PAGE, R));
	EXPECT_EQ(0, space_destroy(self->space, self->window.id));
	EXPECT_EQ(-EAGAIN, next_event(self->space, &event));
}

static long close_window(struct peer_view *view, unsigned long a,
			 unsigned long b)
{
	(void)a;
	(void)b;
	return close(view->window);
}

static long unmap_window(struct peer_view *view, unsigned long a,
			 unsigned long b)
{
	(void)a;
	(void)b;
	return munmap(view->map, view->length);
}

/* A mapping is a peer as much as a descriptor is. */
TEST_F(event, peer_stays_with_a_mapping)
{
	struct vhost_grant_event event;

	close(self->window.fd);
	ASSERT_EQ(0, peer_call(&self->peer, close_window, 0, 0));
	EXPECT_EQ(-EAGAIN, next_event(self->space, &event));
	EXPECT_EQ(0, query(self).out_peer_gone);
	EXPECT_EQ(1, query(self).out_vmas);
	ASSERT_EQ(0, peer_call(&self->peer, unmap_window, 0, 0));
	while (!readable(self->space))
		sleep_ms(10);
	ASSERT_EQ(0, next_event(self->space, &event));
	EXPECT_EQ(VHOST_GRANT_EVENT_PEER_GONE, event.type);
}

/* Fault once on each of @b pages from @a on. */
static long fault_on_pages(struct peer_view *view, unsigned long a,
			   unsigned long b)
{
	uint64_t value;
	unsigned long i;

	for (i = 0; i < b; i++)
		if (!view->read(view, a + i * PAGE, &value))
			return i;
	return b;
}

/* What read() says of violations, and of the lost ones. */
static void drain(int space, uint64_t *delivered, uint64_t *lost,
		  uint64_t *events)
{
	struct vhost_grant_event event;

	while (!next_event(space, &event)) {
		++*events;
		if (event.type == VHOST_GRANT_EVENT_OVERFLOW)
			*lost += event.count;
		else
			*delivered += event.count;
	}
}

TEST_F(event, overflow)
{
	uint64_t delivered = 0, lost = 0, events = 0, n;
	struct vhost_grant_event event;
	struct vhost_grant_info info;

	ASSERT_EQ(0, space_info(self->space, &info));
	n = info.out_max_events + 100;
	ASSERT_EQ(n, peer_call(&self->peer, fault_on_pages, 0, n));
	EXPECT_EQ(n, query(self).out_violations_hole);
	drain(self->space, &delivered, &lost, &events);
	EXPECT_LT(0, lost);
	EXPECT_EQ(n, delivered + lost);
	EXPECT_GE(info.out_max_events + 1, events);
	/* The overflow is over. */
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 9 * PAGE));
	ASSERT_EQ(0, next_event(self->space, &event));
	EXPECT_EQ(VHOST_GRANT_EVENT_VIOLATION, event.type);
	EXPECT_EQ(9 * PAGE, event.iova);
}

TEST_F(event, overflow_event_fields)
{
	struct vhost_grant_event event;
	struct vhost_grant_info info;
	uint64_t n, overflows = 0;

	ASSERT_EQ(0, space_info(self->space, &info));
	n = info.out_max_events + 10;
	ASSERT_EQ(n, peer_call(&self->peer, fault_on_pages, 0, n));
	while (!next_event(self->space, &event)) {
		EXPECT_EQ(0, event.__reserved);
		if (event.type != VHOST_GRANT_EVENT_OVERFLOW)
			continue;
		overflows++;
		EXPECT_EQ(0, event.window);
		EXPECT_LE(10, event.count);
	}
	EXPECT_EQ(1, overflows);
}

static long fault_loop(struct peer_view *view, unsigned long a,
		       unsigned long b)
{
	unsigned long i = a;
	uint64_t value;

	while (!view->shared->stop) {
		if (view->read(view, i++ * b % view->length, &value))
			view->shared->refused++;
		view->shared->rounds++;
	}
	return 0;
}

/* The owner works on, and every refused access is accounted for. */
TEST_F(event, storm)
{
	uint64_t end = now_ns() + 1500000000ull;
	uint64_t delivered = 0, lost = 0, events = 0, rounds = 0, refused;
	struct peer other;

	ASSERT_EQ(0, peer_start(&other, PEER_PROCESS, self->window.fd,
				WINDOW_LENGTH));
	ASSERT_EQ(0, peer_begin(&self->peer, fault_loop, 1, PAGE));
	ASSERT_EQ(0, peer_begin(&other, fault_loop, 2, 3 * PAGE));
	while (now_ns() < end || rounds < 10) {
		ASSERT_EQ(0, space_map(self->space, self->window.id, 0,
				       self->memory, 16 * PAGE, RW));
		ASSERT_EQ(0, space_unmap(self->space, self->window.id, 0,
					 16 * PAGE));
		if (rounds++ % 8 == 0)
			drain(self->space, &delivered, &lost, &events);
	}
	self->peer.shared->stop = 1;
	other.shared->stop = 1;
	EXPECT_EQ(0, peer_end(&self->peer));
	EXPECT_EQ(0, peer_end(&other));
	drain(self->space, &delivered, &lost, &events);
	refused = self->peer.shared->refused + other.shared->refused;
	TH_LOG("%lu refused, %lu delivered in %lu events, %lu lost, %lu rounds",
	       refused, delivered, events, lost, rounds);
	EXPECT_LT(0, refused);
	EXPECT_EQ(query(self).out_violations_hole, delivered + lost);
	EXPECT_EQ(refused, query(self).out_violations_hole);
	peer_stop(&other);
}

TEST_F(event, counters)
{
	struct vhost_grant_query q = query(self);

	EXPECT_EQ(WINDOW_LENGTH, q.out_length);
	EXPECT_EQ(0, q.out_flags);
	EXPECT_EQ(1, q.out_vmas);
	EXPECT_EQ(0, q.out_bindings);
	EXPECT_EQ(0, q.out_grants);
	EXPECT_EQ(0, q.out_pages_granted);
	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       10 * PAGE, RW));
	q = query(self);
	EXPECT_EQ(1, q.out_grants);
	EXPECT_EQ(10, q.out_pages_granted);
	EXPECT_EQ(10, q.out_pages_pinned);
	EXPECT_EQ(0, q.out_pages_mapped);
	EXPECT_EQ(0, q.out_faults);
	ASSERT_EQ(0, peer_peek(&self->peer, 0));
	ASSERT_EQ(0, peer_peek(&self->peer, PAGE));
	ASSERT_EQ(0, peer_peek(&self->peer, PAGE));
	q = query(self);
	EXPECT_EQ(2, q.out_pages_mapped);
	EXPECT_EQ(2, q.out_faults);
	EXPECT_EQ(0, q.out_pages_revoked);
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, PAGE,
				 3 * PAGE));
	q = query(self);
	EXPECT_EQ(7, q.out_pages_granted);
	EXPECT_EQ(7, q.out_pages_pinned);
	EXPECT_EQ(3, q.out_pages_revoked);
	ASSERT_EQ(0, space_unmap_all(self->space, self->window.id));
	q = query(self);
	EXPECT_EQ(0, q.out_grants);
	EXPECT_EQ(0, q.out_pages_pinned);
	EXPECT_EQ(10, q.out_pages_revoked);
	EXPECT_EQ(2, q.out_pages_mapped);
	EXPECT_EQ(2, q.out_faults);
}

static bool fdinfo_is(int fd, const char *key, const char *expected)
{
	char value[64] = "(none)";

	if (fdinfo_string(fd, key, value, sizeof(value)) &&
	    !strcmp(value, expected))
		return true;
	printf("# %s is %s, not %s\n", key, value, expected);
	return false;
}

TEST_F(event, fdinfo_of_space)
{
	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       10 * PAGE, RW));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 11 * PAGE));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 12 * PAGE));
	EXPECT_TRUE(fdinfo_is(self->space, "vhost_grant", "space"));
	EXPECT_LE(1, fdinfo_number(self->space, "space"));
	EXPECT_EQ(getpid(), fdinfo_number(self->space, "owner"));
	EXPECT_EQ(1, fdinfo_number(self->space, "windows"));
	EXPECT_EQ(10, fdinfo_number(self->space, "pages_pinned"));
	EXPECT_EQ(2, fdinfo_number(self->space, "events"));
	EXPECT_EQ(0, fdinfo_number(self->space, "events_lost"));
}

TEST_F(event, fdinfo_of_window)
{
	int fd = self->window.fd;

	ASSERT_EQ(0, space_map(self->space, self->window.id, 0, self->memory,
			       10 * PAGE, R));
	ASSERT_EQ(0, peer_peek(&self->peer, 0));
	EXPECT_EQ(SIGBUS, peer_write(&self->peer, 0, 1));
	EXPECT_EQ(-SIGBUS, peer_peek(&self->peer, 11 * PAGE));
	EXPECT_TRUE(fdinfo_is(fd, "vhost_grant", "window"));
	EXPECT_EQ(fdinfo_number(self->space, "space"),
		  fdinfo_number(fd, "space"));
	EXPECT_EQ(getpid(), fdinfo_number(fd, "owner"));
	EXPECT_EQ(self->window.id, fdinfo_number(fd, "window"));
	EXPECT_EQ(WINDOW_LENGTH, fdinfo_number(fd, "length"));
	EXPECT_EQ(0, fdinfo_number(fd, "dead"));
	EXPECT_TRUE(fdinfo_is(fd, "hole", "fault"));
	EXPECT_EQ(1, fdinfo_number(fd, "vmas"));
	EXPECT_EQ(0, fdinfo_number(fd, "bindings"));
	EXPECT_EQ(1, fdinfo_number(fd, "grants"));
	EXPECT_EQ(10, fdinfo_number(fd, "pages_granted"));
	EXPECT_EQ(10, fdinfo_number(fd, "pages_pinned"));
	EXPECT_EQ(1, fdinfo_number(fd, "pages_mapped"));
	EXPECT_EQ(0, fdinfo_number(fd, "pages_revoked"));
	EXPECT_EQ(1, fdinfo_number(fd, "faults"));
	EXPECT_EQ(1, fdinfo_number(fd, "violations_hole"));
	EXPECT_EQ(1, fdinfo_number(fd, "violations_readonly"));
	ASSERT_EQ(0, window_set_hole(fd, VHOST_GRANT_HOLE_SCRATCH));
	EXPECT_TRUE(fdinfo_is(fd, "hole", "scratch"));
	ASSERT_EQ(0, space_destroy(self->space, self->window.id));
	EXPECT_EQ(1, fdinfo_number(fd, "dead"));
	EXPECT_EQ(0, fdinfo_number(fd, "pages_granted"));
}

/* Whether a line of the trace has all of the words. */
static bool traced(const char *event, const char *words)
{
	FILE *file = fopen(TRACEFS "trace", "re");
	char line[1024];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, event) && strstr(line, words);
	if (file)
		fclose(file);
	return found;
}

#define EXPECT_TRACED(event, format, ...) do {				\
	char words_[128];						\
									\
	snprintf(words_, sizeof(words_), format, ##__VA_ARGS__);	\
	EXPECT_TRUE(traced("vhost_grant_" event ":", words_))		\
		TH_LOG("not in the trace: %s with %s", event, words_);	\
} while (0)

TEST_F(event, tracepoints)
{
	struct window window;

	if (access(TRACEFS "events/vhost_grant/enable", W_OK))
		SKIP(return, "tracefs is not mounted or has no vhost_grant");
	ASSERT_EQ(0, proc_write(TRACEFS "trace", " "));
	ASSERT_EQ(0, proc_write(TRACEFS "events/vhost_grant/enable", "1"));
	ASSERT_EQ(0, space_window(self->space, PAGE, 0, &window));
	ASSERT_EQ(0, space_map(self->space, self->window.id, PAGE,
			       self->memory, PAGE, R));
	ASSERT_EQ(0, peer_peek(&self->peer, PAGE));
	ASSERT_EQ(SIGBUS, peer_write(&self->peer, PAGE, 1));
	ASSERT_EQ(-SIGBUS, peer_peek(&self->peer, 0));
	ASSERT_EQ(0, space_unmap(self->space, self->window.id, PAGE, PAGE));
	ASSERT_EQ(0, space_destroy(self->space, window.id));
	close(window.fd);
	ASSERT_EQ(0, proc_write(TRACEFS "events/vhost_grant/enable", "0"));
	EXPECT_TRACED("window_create", "window=%u", window.id);
	EXPECT_TRACED("window_destroy", "window=%u", window.id);
	EXPECT_TRACED("map", "window=%u iova=0x1000", self->window.id);
	EXPECT_TRACED("unmap", "window=%u iova=0x1000", self->window.id);
	EXPECT_TRACED("fault", "window=%u iova=0x1000", self->window.id);
	EXPECT_TRACED("violation", "window=%u iova=0x1000", self->window.id);
	EXPECT_TRACED("violation", "window=%u iova=0x0", self->window.id);
	EXPECT_TRACED("map", "space=%ld", fdinfo_number(self->space, "space"));
	EXPECT_EQ(0, proc_write(TRACEFS "trace", " "));
}

TEST_HARNESS_MAIN
