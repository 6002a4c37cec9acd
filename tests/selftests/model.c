// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls of several owners and peers, each compared with a model: what
 * the call returns, what every kind of peer can read and write after it, and
 * what the counters say. The model is an array of pages for each window.
 *
 * SEED repeats a run. STEPS or SECONDS say how long it is (20 seconds).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kmod/vhost_grant_test.h"
#include "kselftest_harness.h"
#include "mark.h"
#include "peer.h"
#include "probe.h"
#include "proc.h"
#include "source.h"
#include "space.h"

#define TEST_DEVICE "/dev/vhost_grant_test"

#define OWNERS 2
#define WINDOWS 4
#define PEERS 3
#define KINDS 4
#define PAGES 1536
#define SOURCE_PAGES 1024
#define HUGE_PAGES (HUGE / PAGE)
#define MAX_ENTRIES 4
#define ROUNDS 3
#define PROBES 8
#define HISTORY 24

/*
 * Owners and peers are processes that do what they are told.
 */

enum order_op {
	OWNER_CREATE,
	OWNER_MAP,
	OWNER_UNMAP,
	OWNER_DESTROY,
	OWNER_PEEK,
	OWNER_POKE,
	PEER_TAKE,
	PEER_DROP,
	PEER_MMAP,
	PEER_MPROTECT,
	PEER_ACCESS,
};

/* A range of a window, in pages; of a source, for MAP. */
struct entry {
	unsigned int start;
	unsigned int end;
	unsigned int kind;
	unsigned int page;
	uint32_t access;
};

/* An access, and what it found: 0 or a signal or -errno, and the value read. */
struct access {
	unsigned int window;
	unsigned int page;
	bool write;
	int ret;
	uint64_t value;
};

struct order {
	enum order_op op;
	unsigned int window;
	unsigned int nr;
	uint32_t id;
	uint32_t flags;
	uint64_t value;
	struct entry entry[MAX_ENTRIES];
	struct access access[PROBES];
};

struct answer {
	long ret;
	uint64_t value;
	struct access access[PROBES];
};

struct actor {
	pid_t pid;
	int socket;
};

/* State of an owner or a peer, in its own process. */
static struct {
	int socket;
	int space;
	struct source source[KINDS];
	int window[WINDOWS];
	char *area[WINDOWS];
} self_;

static uint64_t *source_at(const struct entry *e)
{
	return (uint64_t *)(self_.source[e->kind].memory + e->page * PAGE);
}

static struct answer owner_create(const struct order *o)
{
	struct window w;
	struct answer answer = {
		.ret = space_window(self_.space, PAGES * PAGE, o->flags, &w),
	};

	if (!answer.ret) {
		answer.value = w.id;
		answer.ret = fd_send(self_.socket, w.fd);
		close(w.fd);
	}
	return answer;
}

static long owner_map(const struct order *o)
{
	struct vhost_grant_map_entry entries[MAX_ENTRIES];
	const struct source *source;
	unsigned int i;
	bool file;

	for (i = 0; i < o->nr; i++) {
		source = &self_.source[o->entry[i].kind];
		file = source->fd >= 0;
		entries[i] = (struct vhost_grant_map_entry){
			.iova = o->entry[i].start * PAGE,
			.length = (o->entry[i].end - o->entry[i].start) * PAGE,
			.source = o->entry[i].page * PAGE +
				  (file ? 0 : (uintptr_t)source->memory),
			.flags = o->entry[i].access |
				 (file ? VHOST_GRANT_SOURCE_FILE : 0),
			.fd = file ? source->fd : 0,
		};
	}
	return space_map_array(self_.space, o->id, entries, o->nr);
}

static long owner_unmap(const struct order *o)
{
	struct vhost_grant_unmap_entry entries[MAX_ENTRIES];
	unsigned int i;

	if (!o->nr)
		return space_unmap_all(self_.space, o->id);
	for (i = 0; i < o->nr; i++)
		entries[i] = (struct vhost_grant_unmap_entry){
			.iova = o->entry[i].start * PAGE,
			.length = (o->entry[i].end - o->entry[i].start) * PAGE,
		};
	return space_unmap_array(self_.space, o->id, entries, o->nr);
}

static struct answer owner_obey(const struct order *o)
{
	struct answer answer = {};

	switch (o->op) {
	case OWNER_CREATE:
		return owner_create(o);
	case OWNER_MAP:
		answer.ret = owner_map(o);
		break;
	case OWNER_UNMAP:
		answer.ret = owner_unmap(o);
		break;
	case OWNER_DESTROY:
		answer.ret = space_destroy(self_.space, o->id);
		break;
	case OWNER_PEEK:
		answer.value = *source_at(&o->entry[0]);
		break;
	case OWNER_POKE:
		*source_at(&o->entry[0]) = o->value;
		break;
	default:
		answer.ret = -ENOSYS;
	}
	return answer;
}

/* Outside of what a peer has mapped, its area is mapped to nothing. */
static char *peer_clear(unsigned int window)
{
	return mmap(self_.area[window], PAGES * PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		    (self_.area[window] ? MAP_FIXED : 0), -1, 0);
}

static long peer_mmap(const struct order *o)
{
	const struct entry *e = &o->entry[0];
	char *at = self_.area[o->window] + e->start * PAGE;

	peer_clear(o->window);
	return mmap(at, (e->end - e->start) * PAGE, o->flags,
		    MAP_SHARED | MAP_FIXED, self_.window[o->window],
		    e->start * PAGE) == at ? 0 : -errno;
}

static long peer_mprotect(const struct order *o)
{
	const struct entry *e = &o->entry[0];

	return mprotect(self_.area[o->window] + e->start * PAGE,
			(e->end - e->start) * PAGE, o->flags) ? -errno : 0;
}

static long peer_take(const struct order *o)
{
	int fd = fd_receive(self_.socket);

	if (fd < 0)
		return fd;
	self_.window[o->window] = fd;
	return 0;
}

static long peer_drop(const struct order *o)
{
	peer_clear(o->window);
	return close(self_.window[o->window]) ? -errno : 0;
}

static void peer_access(const struct order *o, struct answer *answer)
{
	struct access *a;
	unsigned int i;
	char *at;

	memcpy(answer->access, o->access, sizeof(o->access));
	for (i = 0; i < o->nr; i++) {
		a = &answer->access[i];
		at = self_.area[a->window] + a->page * PAGE;
		a->ret = a->write ? probe_write(at, a->value) :
				    probe_read(at, &a->value);
	}
}

static struct answer peer_obey(const struct order *o)
{
	struct answer answer = {};

	switch (o->op) {
	case PEER_TAKE:
		answer.ret = peer_take(o);
		break;
	case PEER_DROP:
		answer.ret = peer_drop(o);
		break;
	case PEER_MMAP:
		answer.ret = peer_mmap(o);
		break;
	case PEER_MPROTECT:
		answer.ret = peer_mprotect(o);
		break;
	case PEER_ACCESS:
		peer_access(o, &answer);
		break;
	default:
		answer.ret = -ENOSYS;
	}
	return answer;
}

static void actor_serve(struct answer (*obey)(const struct order *o))
{
	struct answer answer;
	struct order order;

	while (recv(self_.socket, &order, sizeof(order), MSG_WAITALL) ==
	       sizeof(order)) {
		answer = obey(&order);
		if (send(self_.socket, &answer, sizeof(answer),
			 MSG_NOSIGNAL) != sizeof(answer))
			break;
	}
	_exit(0);
}

/* Tells which kinds of memory this machine has, and passes its space on. */
static void owner_main(unsigned int tag)
{
	struct answer answer = {};
	unsigned int kind;

	self_.space = space_open();
	if (self_.space < 0)
		answer.ret = self_.space;
	for (kind = 0; kind < KINDS; kind++) {
		if (source_open(&self_.source[kind], kind, SOURCE_PAGES * PAGE))
			continue;
		source_fill(&self_.source[kind], tag * KINDS + kind);
		answer.value |= 1 << kind;
	}
	if (!answer.ret)
		answer.ret = fd_send(self_.socket, self_.space);
	send(self_.socket, &answer, sizeof(answer), MSG_NOSIGNAL);
	actor_serve(owner_obey);
}

static void peer_main(unsigned int tag)
{
	struct answer answer = {};
	unsigned int i;

	(void)tag;
	probe_init();
	for (i = 0; i < WINDOWS; i++) {
		self_.area[i] = peer_clear(i);
		if (self_.area[i] == MAP_FAILED)
			answer.ret = -ENOMEM;
	}
	send(self_.socket, &answer, sizeof(answer), MSG_NOSIGNAL);
	actor_serve(peer_obey);
}

/*
 * An actor inherits nothing but its socket, so that nothing of other actors
 * lives on in it.
 */
static int actor_start(struct actor *actor, void (*entry)(unsigned int tag),
		       unsigned int tag)
{
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		return -errno;
	actor->pid = fork();
	if (actor->pid < 0)
		return -errno;
	if (!actor->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		self_.socket = dup2(sockets[1], 3);
		syscall(SYS_close_range, 4, ~0u, 0);
		entry(tag);
	}
	close(sockets[1]);
	actor->socket = sockets[0];
	return 0;
}

static void actor_kill(struct actor *actor)
{
	kill(actor->pid, SIGKILL);
	waitpid(actor->pid, NULL, 0);
	close(actor->socket);
}

static struct answer actor_listen(const struct actor *actor)
{
	struct answer answer;

	if (recv(actor->socket, &answer, sizeof(answer), MSG_WAITALL) !=
	    sizeof(answer))
		answer = (struct answer){ .ret = -EPIPE };
	return answer;
}

static void actor_tell(const struct actor *actor, const struct order *order)
{
	send(actor->socket, order, sizeof(*order), MSG_NOSIGNAL);
}

static struct answer actor_do(const struct actor *actor,
			      const struct order *order)
{
	actor_tell(actor, order);
	return actor_listen(actor);
}

/*
 * The model.
 */

/* A page of a window; a hole if @access is 0. */
struct m_page {
	uint32_t access;
	unsigned int kind;
	unsigned int page;
};

struct m_window {
	struct m_page page[PAGES];
	unsigned int owner;
	int fd;
	uint32_t id;
	bool scratch;
	uint64_t scratch_value;
	uint64_t revoked;
};

struct m_owner {
	struct actor actor;
	int space;
	unsigned int kinds;
	uint64_t value[KINDS][SOURCE_PAGES];
};

/*
 * What a peer has mapped of a window; nothing if @end is 0. It has written to
 * what is granted read-only where @scratch says so.
 */
struct m_map {
	unsigned int start;
	unsigned int end;
	int prot;
	bool scratch[PAGES];
};

static struct {
	struct m_owner owner[OWNERS];
	struct m_window window[WINDOWS];
	struct actor peer[PEERS];
	struct m_map map[PEERS][WINDOWS];
	/* The peer that is not a process: a binding for each window. */
	int slot[WINDOWS];
	struct m_map bound[WINDOWS];
	unsigned int tag;
	/* Where to probe after a step. */
	unsigned int hot_window, hot_start, hot_end;
	uint64_t random;
	unsigned long step;
	unsigned long probes;
	char history[HISTORY][160];
	bool failed;
} m;

static uint64_t random_next(void)
{
	m.random ^= m.random << 13;
	m.random ^= m.random >> 7;
	m.random ^= m.random << 17;
	return m.random;
}

static unsigned int random_below(unsigned int n)
{
	return (random_next() >> 16) % n;
}

static bool one_in(unsigned int n)
{
	return random_below(n) == 0;
}

static void __attribute__((format(printf, 1, 2)))
say(const char *format, ...)
{
	char *line = m.history[m.step % HISTORY];
	size_t used = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + used, sizeof(m.history[0]) - used, format, args);
	va_end(args);
}

static void show_history(void)
{
	unsigned long i = m.step < HISTORY ? 0 : m.step - HISTORY + 1;

	for (; i <= m.step; i++)
		ksft_print_msg("step %lu: %s\n", i, m.history[i % HISTORY]);
}

/* The first difference ends the run. */
static bool __attribute__((format(printf, 2, 3)))
expect(bool ok, const char *format, ...)
{
	char text[256];
	va_list args;

	if (ok || m.failed)
		return ok;
	m.failed = true;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	show_history();
	ksft_print_msg("step %lu: %s\n", m.step, text);
	return false;
}

static void expect_ret(const char *what, long expected, long seen)
{
	expect(expected == seen, "%s: %ld expected, is %ld", what, expected,
	       seen);
}

static void heat(unsigned int window, unsigned int start, unsigned int end)
{
	m.hot_window = window;
	m.hot_start = start;
	m.hot_end = end;
}

static uint64_t *m_value(const struct m_window *w, unsigned int page)
{
	const struct m_page *p = &w->page[page];

	return &m.owner[w->owner].value[p->kind][p->page];
}

static unsigned int m_granted(const struct m_window *w)
{
	unsigned int i, n = 0;

	for (i = 0; i < PAGES; i++)
		n += w->page[i].access != 0;
	return n;
}

/* Every page shows what is granted there again. */
static void m_forget_scratch(unsigned int window, unsigned int start,
			     unsigned int end)
{
	unsigned int i;

	for (i = 0; i < PEERS; i++)
		memset(&m.map[i][window].scratch[start], 0, end - start);
	memset(&m.bound[window].scratch[start], 0, end - start);
}

static void m_revoke(struct m_window *w, unsigned int start, unsigned int end)
{
	m_forget_scratch(w - m.window, start, end);
	for (; start < end; start++) {
		w->revoked += w->page[start].access != 0;
		w->page[start].access = 0;
	}
}

/* What MAP says to an entry. */
static int m_map_entry(struct m_window *w, const struct entry *e)
{
	unsigned int i;

	if (e->end > PAGES)
		return -ERANGE;
	for (i = e->start; i < e->end; i++)
		if (w->page[i].access)
			return -EEXIST;
	for (i = e->start; i < e->end; i++)
		w->page[i] = (struct m_page){
			.access = e->access,
			.kind = e->kind,
			.page = e->page + i - e->start,
		};
	return 0;
}

/* What an access finds: 0, or how it is refused. Writes change the model. */
static int m_access(struct m_window *w, struct m_map *map, unsigned int page,
		    bool write, uint64_t *value)
{
	const struct m_page *p = &w->page[page];
	uint64_t *at;

	if (!p->access && !w->scratch)
		return -ENOENT;
	if (p->access && write && !(p->access & VHOST_GRANT_WRITE)) {
		if (!w->scratch)
			return -EACCES;
		map->scratch[page] = true;
	}
	at = p->access && !map->scratch[page] ? m_value(w, page) :
						&w->scratch_value;
	if (write)
		*at = *value;
	else
		*value = *at;
	return 0;
}

/* The same for a process: a signal instead, and its own mapping before all. */
static int m_peer_access(unsigned int peer, unsigned int window,
			 unsigned int page, bool write, uint64_t *value)
{
	struct m_map *map = &m.map[peer][window];

	if (page < map->start || page >= map->end ||
	    !(map->prot & (write ? PROT_WRITE : PROT_READ)))
		return SIGSEGV;
	return m_access(&m.window[window], map, page, write, value) ? SIGBUS : 0;
}

static int m_slot_access(unsigned int window, unsigned int page, bool write,
			 uint64_t *value)
{
	struct m_map *map = &m.bound[window];

	if (!map->end)
		return -ENOTCONN;
	if (page < map->start || page >= map->end)
		return -ERANGE;
	return m_access(&m.window[window], map, page, write, value);
}

/* A binding keeps few pages, and may find what is granted when it looks anew. */
static bool m_slot_forgot(const struct access *a, uint64_t seen)
{
	return m.bound[a->window].scratch[a->page] &&
	       seen == *m_value(&m.window[a->window], a->page);
}

static void slots_access(const struct order *o, struct answer *answer)
{
	struct vhost_grant_test_access access;
	struct access *a;
	unsigned int i;

	memcpy(answer->access, o->access, sizeof(o->access));
	for (i = 0; i < o->nr; i++) {
		a = &answer->access[i];
		access = (struct vhost_grant_test_access){
			.offset = a->page * PAGE,
			.value = a->value,
			.write = a->write,
		};
		a->ret = space_call(m.slot[a->window],
				    VHOST_GRANT_TEST_ACCESS, &access);
		a->value = access.value;
	}
}

/* @seen is what peer number @peer found when it did what is in @a. */
static void compare_access(unsigned int peer, struct access *a,
			   const struct access *seen)
{
	if (peer < PEERS)
		a->ret = m_peer_access(peer, a->window, a->page, a->write,
				       &a->value);
	else
		a->ret = m_slot_access(a->window, a->page, a->write,
				       &a->value);
	m.probes++;
	expect(seen->ret == a->ret,
	       "peer %u %s page %u of window %u: %d expected, is %d", peer,
	       a->write ? "writes" : "reads", a->page, a->window, a->ret,
	       seen->ret);
	expect(a->ret || a->write || seen->value == a->value ||
	       (peer == PEERS && m_slot_forgot(a, seen->value)),
	       "peer %u reads 0x%lx in page %u of window %u, not 0x%lx", peer,
	       seen->value, a->page, a->window, a->value);
}

/* Peer number PEERS is the bindings. */
static void probe(unsigned int peer, struct order *o)
{
	struct answer answer = {};
	unsigned int i;

	o->op = PEER_ACCESS;
	for (i = 0; i < o->nr; i++) {
		o->access[i].write = one_in(2);
		if (o->access[i].write)
			o->access[i].value = random_next();
	}
	if (peer < PEERS)
		answer = actor_do(&m.peer[peer], o);
	else
		slots_access(o, &answer);
	for (i = 0; i < o->nr; i++)
		compare_access(peer, &o->access[i], &answer.access[i]);
}

/* In or next to where something has happened, or anywhere. */
static unsigned int hot_page(void)
{
	unsigned int near = m.hot_start + random_below(3);

	if (one_in(3))
		near = m.hot_end + random_below(3);
	else if (one_in(2))
		near = m.hot_start + 1 +
		       random_below(m.hot_end - m.hot_start + 1);
	return near ? (near - 1) % PAGES : 0;
}

static void probe_round(unsigned int peer)
{
	struct order o = { .nr = PROBES };
	bool anywhere;
	unsigned int i;

	for (i = 0; i < PROBES; i++) {
		anywhere = one_in(4);
		o.access[i].window = anywhere ? random_below(WINDOWS) :
						m.hot_window;
		o.access[i].page = anywhere ? random_below(PAGES) : hot_page();
	}
	probe(peer, &o);
}

static void probe_some(void)
{
	unsigned int i, peers = PEERS + (m.slot[0] >= 0);

	for (i = 0; i < ROUNDS && !m.failed; i++)
		probe_round(random_below(peers));
}

/* Writes of peers have arrived, and those that were refused have not. */
static void peek_some(void)
{
	struct m_owner *owner = &m.owner[random_below(OWNERS)];
	struct order order = { .op = OWNER_PEEK };
	struct entry *e = &order.entry[0];
	struct answer answer;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		e->kind = random_below(KINDS);
		e->page = random_below(SOURCE_PAGES);
		if (!(owner->kinds & 1 << e->kind))
			continue;
		answer = actor_do(&owner->actor, &order);
		expect(answer.value == owner->value[e->kind][e->page],
		       "page %u of source %u is 0x%lx, not 0x%lx", e->page,
		       e->kind, answer.value, owner->value[e->kind][e->page]);
	}
}

static unsigned int m_vmas(unsigned int window)
{
	unsigned int i, n = 0;

	for (i = 0; i < PEERS; i++)
		n += m.map[i][window].end != 0;
	return n;
}

static void compare_query(unsigned int window)
{
	const struct m_window *w = &m.window[window];
	struct vhost_grant_query q;
	unsigned int granted = m_granted(w);

	expect_ret("QUERY", 0, space_query(m.owner[w->owner].space, w->id, &q));
	expect(q.out_pages_granted == granted,
	       "window %u has %llu pages, not %u", window, q.out_pages_granted,
	       granted);
	expect(q.out_pages_revoked == w->revoked,
	       "window %u had %llu pages revoked, not %lu", window,
	       q.out_pages_revoked, w->revoked);
	expect(q.out_pages_pinned >= granted &&
	       (granted || !q.out_pages_pinned),
	       "window %u pins %llu pages for %u", window, q.out_pages_pinned,
	       granted);
	expect(q.out_vmas == m_vmas(window), "window %u has %u mappings, not %u",
	       window, q.out_vmas, m_vmas(window));
	expect(q.out_bindings == (m.bound[window].end != 0),
	       "window %u has %u bindings", window, q.out_bindings);
	expect(!(q.out_flags & VHOST_GRANT_WINDOW_HOLE_SCRATCH) == !w->scratch,
	       "window %u: flags 0x%x", window, q.out_flags);
}

/*
 * The steps.
 */

static void random_range(unsigned int limit, struct entry *e)
{
	static const unsigned int lengths[] = { 1, 1, 2, 5, 17, 64, 512, 900 };
	unsigned int length = lengths[random_below(8)];

	if (length > 1)
		length = 1 + random_below(length);
	e->start = random_below(limit);
	e->end = e->start + length;
}

/* A whole huge page, aligned on both sides. */
static void random_huge(struct entry *e)
{
	e->start = random_below(PAGES / HUGE_PAGES) * HUGE_PAGES;
	e->end = e->start + HUGE_PAGES;
	e->page = random_below(SOURCE_PAGES / HUGE_PAGES) * HUGE_PAGES;
}

static void random_grant(const struct m_owner *owner, struct entry *e)
{
	do {
		e->kind = random_below(KINDS);
	} while (!(owner->kinds & 1 << e->kind));
	e->access = one_in(3) ? R : RW;
	if (one_in(4)) {
		random_huge(e);
		return;
	}
	random_range(PAGES, e);
	e->page = random_below(SOURCE_PAGES - (e->end - e->start));
	/* Past the end is seldom interesting. */
	if (e->end > PAGES && !one_in(8))
		e->end = PAGES;
}

static void say_entries(const struct order *o)
{
	unsigned int i;

	for (i = 0; i < o->nr; i++)
		say(" [%u, %u) %u@%u/%u", o->entry[i].start, o->entry[i].end,
		    o->entry[i].access, o->entry[i].kind, o->entry[i].page);
}

static void step_map(unsigned int window)
{
	struct m_window *w = &m.window[window];
	struct order o = {
		.op = OWNER_MAP,
		.id = w->id,
		.nr = one_in(2) ? 1 : 1 + random_below(MAX_ENTRIES),
	};
	long expected = 0, error = 0;
	unsigned int i;

	for (i = 0; i < o.nr; i++)
		random_grant(&m.owner[w->owner], &o.entry[i]);
	say("MAP %u", window);
	say_entries(&o);
	for (i = 0; i < o.nr && !error; i++) {
		error = m_map_entry(w, &o.entry[i]);
		expected += !error;
	}
	i = random_below(o.nr);
	heat(window, o.entry[i].start, o.entry[i].end);
	expect_ret("MAP", expected ? expected : error,
		   actor_do(&m.owner[w->owner].actor, &o).ret);
}

/* A revoke is only put to the test by pages that a peer has just used. */
static void step_unmap(unsigned int window)
{
	struct m_window *w = &m.window[window];
	struct order o = {
		.op = OWNER_UNMAP,
		.id = w->id,
		.nr = 1 + random_below(MAX_ENTRIES),
	};
	struct entry *e = o.entry;
	unsigned int i;

	for (i = 0; i < o.nr; i++) {
		random_range(PAGES, &e[i]);
		if (e[i].end > PAGES)
			e[i].end = PAGES;
	}
	say("UNMAP %u", window);
	say_entries(&o);
	heat(window, e->start, e->end);
	probe_some();
	for (i = 0; i < o.nr; i++)
		m_revoke(w, e[i].start, e[i].end);
	expect_ret("UNMAP", o.nr, actor_do(&m.owner[w->owner].actor, &o).ret);
}

static void step_unmap_all(unsigned int window)
{
	struct m_window *w = &m.window[window];
	const struct order o = { .op = OWNER_UNMAP, .id = w->id };

	say("UNMAP %u all", window);
	heat(window, 0, PAGES);
	m_revoke(w, 0, PAGES);
	expect_ret("UNMAP all", 0,
		   actor_do(&m.owner[w->owner].actor, &o).ret);
}

static void peer_forget(unsigned int peer, unsigned int window)
{
	const struct order o = { .op = PEER_DROP, .window = window };

	expect_ret("munmap and close", 0, actor_do(&m.peer[peer], &o).ret);
	m.map[peer][window] = (struct m_map){};
}

static void peer_give(unsigned int peer, unsigned int window)
{
	const struct order o = { .op = PEER_TAKE, .window = window };

	actor_tell(&m.peer[peer], &o);
	expect_ret("fd_send", 0,
		   fd_send(m.peer[peer].socket, m.window[window].fd));
	expect_ret("fd_receive", 0, actor_listen(&m.peer[peer]).ret);
}

static void random_part(struct m_map *map)
{
	map->start = one_in(2) ? 0 : random_below(PAGES);
	map->end = one_in(2) ? PAGES :
		   map->start + 1 + random_below(PAGES - map->start);
}

static void peer_remap(unsigned int peer, unsigned int window)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
	};
	struct m_map *map = &m.map[peer][window];
	struct order o = { .op = PEER_MMAP, .window = window };

	*map = (struct m_map){};
	random_part(map);
	map->prot = prots[random_below(5)];
	say("peer %u mmap %u [%u, %u) %d", peer, window, map->start, map->end,
	    map->prot);
	o.flags = map->prot;
	o.entry[0] = (struct entry){ .start = map->start, .end = map->end };
	heat(window, map->start, map->end);
	expect_ret("mmap", 0, actor_do(&m.peer[peer], &o).ret);
}

static void slot_forget(unsigned int window)
{
	if (!m.bound[window].end)
		return;
	expect_ret("unbind", 0, space_call(m.slot[window],
					   VHOST_GRANT_TEST_UNBIND, NULL));
	m.bound[window] = (struct m_map){};
}

static void slot_rebind(unsigned int window)
{
	struct vhost_grant_test_bind bind = { .fd = m.window[window].fd };
	struct m_map *map = &m.bound[window];

	if (m.slot[window] < 0)
		return;
	slot_forget(window);
	random_part(map);
	bind.start = map->start;
	bind.end = map->end;
	say("bind %u [%u, %u)", window, map->start, map->end);
	heat(window, map->start, map->end);
	expect_ret("bind", 0, space_call(m.slot[window],
					 VHOST_GRANT_TEST_BIND, &bind));
}

static void window_forget(unsigned int window)
{
	unsigned int i;

	for (i = 0; i < PEERS; i++)
		peer_forget(i, window);
	slot_forget(window);
	close(m.window[window].fd);
}

/* A new window in place of an old one, with new mappings of all peers. */
static void window_renew(unsigned int window)
{
	struct m_window *w = &m.window[window];
	struct order o = { .op = OWNER_CREATE };
	const struct actor *owner = &m.owner[window % OWNERS].actor;
	struct answer answer;
	unsigned int i;

	*w = (struct m_window){ .owner = window % OWNERS, .scratch = one_in(3) };
	if (w->scratch)
		o.flags = VHOST_GRANT_WINDOW_HOLE_SCRATCH;
	actor_tell(owner, &o);
	w->fd = fd_receive(owner->socket);
	answer = actor_listen(owner);
	expect_ret("CREATE_WINDOW", 0, answer.ret);
	w->id = answer.value;
	for (i = 0; i < PEERS; i++) {
		peer_give(i, window);
		peer_remap(i, window);
	}
	slot_rebind(window);
}

/* It is empty for ever; only its scratch page is still there. */
static void window_dies(unsigned int window)
{
	heat(window, 0, PAGES);
	m_revoke(&m.window[window], 0, PAGES);
}

static void step_destroy(unsigned int window)
{
	struct m_window *w = &m.window[window];
	struct order o = { .op = OWNER_DESTROY, .id = w->id };

	say("DESTROY %u, ", window);
	expect_ret("DESTROY", 0, actor_do(&m.owner[w->owner].actor, &o).ret);
	window_dies(window);
	probe_some();
	o.op = OWNER_UNMAP;
	expect_ret("UNMAP of a dead window", -ENOENT,
		   actor_do(&m.owner[w->owner].actor, &o).ret);
	window_forget(window);
	window_renew(window);
}

static void owner_start(unsigned int i)
{
	struct m_owner *owner = &m.owner[i];
	unsigned int kind, page, tag = m.tag++ % 8192;
	struct answer answer;

	expect_ret("fork", 0, actor_start(&owner->actor, owner_main, tag));
	owner->space = fd_receive(owner->actor.socket);
	answer = actor_listen(&owner->actor);
	expect_ret("owner", 0, answer.ret);
	owner->kinds = answer.value;
	for (kind = 0; kind < KINDS; kind++)
		for (page = 0; page < SOURCE_PAGES; page++)
			owner->value[kind][page] =
				source_word(tag * KINDS + kind, page * PAGE);
}

static void step_owner_dies(unsigned int window)
{
	unsigned int i, owner = window % OWNERS;

	say("owner %u is killed, ", owner);
	actor_kill(&m.owner[owner].actor);
	for (i = owner; i < WINDOWS; i += OWNERS)
		window_dies(i);
	probe_some();
	for (i = owner; i < WINDOWS; i += OWNERS)
		window_forget(i);
	close(m.owner[owner].space);
	owner_start(owner);
	for (i = owner; i < WINDOWS; i += OWNERS)
		window_renew(i);
}

static void peer_start_one(unsigned int peer)
{
	unsigned int i;

	expect_ret("fork", 0, actor_start(&m.peer[peer], peer_main, 0));
	expect_ret("peer", 0, actor_listen(&m.peer[peer]).ret);
	memset(m.map[peer], 0, sizeof(m.map[peer]));
	for (i = 0; i < WINDOWS && m.step; i++) {
		peer_give(peer, i);
		peer_remap(peer, i);
	}
}

static void step_peer_dies(unsigned int window)
{
	unsigned int peer = random_below(PEERS);

	(void)window;
	say("peer %u is killed, ", peer);
	actor_kill(&m.peer[peer]);
	peer_start_one(peer);
}

static void step_set_hole(unsigned int window)
{
	struct m_window *w = &m.window[window];

	w->scratch = one_in(2);
	if (!w->scratch)
		m_forget_scratch(window, 0, PAGES);
	say("SET_HOLE %u %u", window, w->scratch);
	heat(window, 0, PAGES);
	expect_ret("SET_HOLE", 0,
		   window_set_hole(w->fd, w->scratch ?
				   VHOST_GRANT_HOLE_SCRATCH :
				   VHOST_GRANT_HOLE_FAULT));
}

static void step_poke(unsigned int window)
{
	struct m_owner *owner = &m.owner[window % OWNERS];
	struct order o = { .op = OWNER_POKE, .value = random_next() };

	o.entry[0].page = random_below(SOURCE_PAGES);
	o.entry[0].kind = SOURCE_ANON;
	if (owner->kinds & 1 << SOURCE_MEMFD && one_in(2))
		o.entry[0].kind = SOURCE_MEMFD;
	owner->value[o.entry[0].kind][o.entry[0].page] = o.value;
	say("owner %u writes", window % OWNERS);
	expect_ret("write", 0, actor_do(&owner->actor, &o).ret);
}

static void step_mprotect(unsigned int window)
{
	unsigned int peer = random_below(PEERS);
	struct m_map *map = &m.map[peer][window];
	struct order o = { .op = PEER_MPROTECT, .window = window };

	if (!map->end)
		return;
	map->prot = one_in(2) ? PROT_READ : PROT_READ | PROT_WRITE;
	say("peer %u mprotect %u %d", peer, window, map->prot);
	o.flags = map->prot;
	o.entry[0] = (struct entry){ .start = map->start, .end = map->end };
	heat(window, map->start, map->end);
	expect_ret("mprotect", 0, actor_do(&m.peer[peer], &o).ret);
}

static void step_mmap(unsigned int window)
{
	peer_remap(random_below(PEERS), window);
}

/* The test holds the spaces, but is no owner. */
static void step_stranger(unsigned int window)
{
	const struct m_window *w = &m.window[window];
	int space = m.owner[w->owner].space;

	say("a stranger calls");
	expect_ret("foreign UNMAP", -EXDEV, space_unmap_all(space, w->id));
	expect_ret("foreign DESTROY", -EXDEV, space_destroy(space, w->id));
}

static const struct {
	void (*step)(unsigned int window);
	unsigned int weight;
} steps[] = {
	{ step_map, 40 },
	{ step_unmap, 26 },
	{ step_unmap_all, 2 },
	{ step_destroy, 2 },
	{ step_owner_dies, 1 },
	{ step_peer_dies, 1 },
	{ step_set_hole, 4 },
	{ step_poke, 8 },
	{ step_mprotect, 6 },
	{ step_mmap, 5 },
	{ slot_rebind, 3 },
	{ step_stranger, 1 },
};

#define NR_STEPS (sizeof(steps) / sizeof(steps[0]))

static void step_any(void)
{
	unsigned int i, total = 0, pick, window = random_below(WINDOWS);

	for (i = 0; i < NR_STEPS; i++)
		total += steps[i].weight;
	pick = random_below(total);
	for (i = 0; pick >= steps[i].weight; i++)
		pick -= steps[i].weight;
	m.history[m.step % HISTORY][0] = '\0';
	steps[i].step(window);
	probe_some();
	peek_some();
	compare_query(window);
}

static void world_open(void)
{
	unsigned int i;

	for (i = 0; i < WINDOWS; i++)
		m.slot[i] = open(TEST_DEVICE, O_RDWR | O_CLOEXEC);
	for (i = 0; i < OWNERS; i++)
		owner_start(i);
	for (i = 0; i < PEERS; i++)
		peer_start_one(i);
	for (i = 0; i < WINDOWS; i++)
		window_renew(i);
}

static void world_close(void)
{
	unsigned int i;

	for (i = 0; i < PEERS; i++)
		actor_kill(&m.peer[i]);
	for (i = 0; i < OWNERS; i++)
		actor_kill(&m.owner[i].actor);
	for (i = 0; i < WINDOWS; i++)
		close(m.slot[i]);
}

/* All over every window, by every peer that is a process. */
static void probe_all(void)
{
	unsigned int peer, window, page, i;
	struct order o;

	for (peer = 0; peer < PEERS; peer++)
		for (window = 0; window < WINDOWS; window++)
			for (page = 0; page < PAGES && !m.failed;
			     page += 7 * PROBES) {
				o = (struct order){ .nr = PROBES };
				for (i = 0; i < PROBES; i++) {
					o.access[i].window = window;
					o.access[i].page =
						(page + i * 7) % PAGES;
				}
				probe(peer, &o);
			}
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

FIXTURE(model)
{
	struct mark mark;
};

FIXTURE_SETUP(model)
{
	mark_begin(&self->mark);
	if (access(TEST_DEVICE, F_OK) &&
	    system("modprobe vhost_grant_test 2>/dev/null"))
		ksft_print_msg("without bindings: no vhost_grant_test.ko\n");
}

FIXTURE_TEARDOWN_PARENT(model)
{
	MARK_END(&self->mark);
}

TEST_F_TIMEOUT(model, random_calls, 3600)
{
	unsigned long steps_max = number("STEPS", ~0ul);
	unsigned long seconds = number("SECONDS", getenv("STEPS") ? 3600 : 20);
	uint64_t end = now_ns() + seconds * 1000000000ull;
	uint64_t seed = number("SEED", now_ns());

	ksft_print_msg("SEED=%lu\n", seed);
	m.random = seed * 0x9e3779b97f4a7c15ull | 1;
	world_open();
	for (m.step = 1; m.step <= steps_max && now_ns() < end && !m.failed;
	     m.step++)
		step_any();
	probe_all();
	world_close();
	ksft_print_msg("%lu steps, %lu probes\n", m.step - 1, m.probes);
	ASSERT_FALSE(m.failed)
		TH_LOG("repeat with SEED=%lu STEPS=%lu", seed, m.step - 1);
	EXPECT_LT(10, m.step);
}

TEST_HARNESS_MAIN
