// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu_pair.h"

/* Of each in a round */
#define PASSES		4

/**
 * struct effort - What is done for a number of I/Os
 * @exits: of the guest's CPUs, from KVM
 * @served: of those of the machine that serves
 * @handled: those of them that its QEMU sees, of accesses to devices
 * @messages: between QEMU and the back-end, from QEMU's log as all that follows
 * @maps: grants made
 * @unmaps: and revoked
 * @tries: what the guest says that it took, if it does
 */
struct effort {
	long exits;
	long served;
	long handled;
	long messages;
	long maps;
	long unmaps;
	long tries;
};

/* Of messages that QEMU sends, receives, and receives unasked: what it logs */
static const struct {
	const char *event;
	const char *text;
} messages[] = {
	{ "vhost_user_write", "vhost_user_write " },
	{ "vhost_user_read", "vhost_user_read " },
	{ "vhost_iotlb_miss", " step 1" },
};

void pair_must(struct pair *p, int ret, const char *what)
{
	unsigned int who;

	if (!ret)
		return;
	fprintf(stderr, "%s failed\n", what);
	vm_bury(&p->vm, true);
	for (who = 0; who < RIVALS; who++) {
		backend_bury(&p->rivals[who].backend, true);
		service_bury(&p->rivals[who].service, true);
	}
	exit(1);
}

static int start(struct rival *rival)
{
	return rival->served ? service_start(&rival->service) :
	       backend_start(&rival->backend);
}

void pair_begin(struct pair *p, const struct vm_config *config)
{
	unsigned int who;

	use_cpu(1);
	for (who = 0; who < RIVALS; who++)
		pair_must(p, start(&p->rivals[who]), "starting a back-end");
	use_cpu(0);
	pair_must(p, vm_init(&p->vm, config), "making a machine");
}

/* The machine has the object, but a device that is not told of it is stock. */
const char *pair_choose(struct pair *p, unsigned int who, unsigned int number)
{
	const struct rival *rival = &p->rivals[who];

	p->vm.config.sharing = rival->sharing;
	return rival->served ? rival->service.sockets[number] :
	       rival->backend.sockets[number];
}

void pair_boot(struct pair *p)
{
	pair_must(p, vm_start(&p->vm), "starting QEMU");
	pair_must(p, vm_wait_boot(&p->vm), "booting the guest");
}

void pair_end(struct pair *p)
{
	unsigned int who;

	vm_free(&p->vm);
	for (who = 0; who < RIVALS; who++) {
		if (!p->rivals[who].served) {
			backend_free(&p->rivals[who].backend);
			continue;
		}
		service_kill(&p->rivals[who].service);
		service_bury(&p->rivals[who].service, false);
	}
}

static void set_policy(pid_t pid, int policy)
{
	const struct sched_param param = { };
	struct dirent *entry;
	char path[32];
	DIR *tasks;
	int tid;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		err(1, "%s", path);
	while ((entry = readdir(tasks))) {
		tid = atoi(entry->d_name);
		if (tid && sched_setscheduler(tid, policy, &param))
			err(1, "sched_setscheduler");
	}
	closedir(tasks);
}

static pid_t process_of(const struct rival *rival)
{
	return rival->served ? rival->service.vm.qemu.pid :
	       rival->backend.program.pid;
}

/*
 * One that polls would take the CPU from the other. It still has to answer when
 * QEMU has something to say to it.
 */
static void prefer(const struct pair *p, unsigned int who)
{
	set_policy(process_of(&p->rivals[!who]), SCHED_IDLE);
	set_policy(process_of(&p->rivals[who]), SCHED_OTHER);
}

/* Nanoseconds */
static uint64_t run(struct pair *p, const struct contest *c, unsigned int who,
		    unsigned int count, unsigned int seed)
{
	bool done;

	prefer(p, who);
	done = guest_ok(&p->vm, "%s %u %u", c->commands[who], count, seed);
	pair_must(p, !done, c->commands[who]);
	return strtoull(p->vm.output, NULL, 10);
}

/* In turn, each first as often as the other */
static void compare_round(struct pair *p, const struct contest *c,
			  unsigned int seed, struct series *s)
{
	uint64_t time[RIVALS][PASSES];
	unsigned int i;

	for (i = 0; i < PASSES; i++) {
		unsigned int first = (s->n + i) & 1;

		time[first][i] = run(p, c, first, c->count, seed + i);
		time[!first][i] = run(p, c, !first, c->count, seed + i);
	}
	s->a[s->n] = undisturbed(time[0], PASSES);
	s->b[s->n] = undisturbed(time[1], PASSES);
	s->n++;
}

static void trace(struct pair *p, const char *event, bool enable)
{
	pair_must(p, vm_do(&p->vm, "trace-event-set-state", "{s:s, s:b}",
			   "name", event, "enable", enable), "tracing");
}

static void trace_all(struct pair *p, bool enable)
{
	unsigned int i;

	for (i = 0; i < sizeof(messages) / sizeof(*messages); i++)
		trace(p, messages[i].event, enable);
	trace(p, "vhost_grant_window_*map", enable);
}

/* Of all CPUs of a machine until now: a statistic of KVM */
static long count(struct pair *p, struct vm *vm, const char *name)
{
	json_t *all, *one, *stat;
	long sum = 0;
	size_t i;

	all = vm_qmp(vm, "query-stats", "{s:s, s:[{s:s, s:[s]}]}", "target",
		     "vcpu", "providers", "provider", "kvm", "names", name);
	pair_must(p, !json_array_size(all), "query-stats");
	json_array_foreach(all, i, one) {
		stat = json_array_get(json_object_get(one, "stats"), 0);
		sum += json_integer_value(json_object_get(stat, "value"));
	}
	json_decref(all);
	return sum;
}

static void count_line(struct effort *e, const char *line)
{
	unsigned int i;

	for (i = 0; i < sizeof(messages) / sizeof(*messages); i++)
		e->messages += !!strstr(line, messages[i].text);
	e->maps += !!strstr(line, "vhost_grant_window_map ");
	e->unmaps += !!strstr(line, "vhost_grant_window_unmap ");
}

/* Until now, of the guest, and of the machine that serves it */
static struct effort effort(struct pair *p, struct rival *rival)
{
	struct effort e = { .exits = count(p, &p->vm, "exits") };
	FILE *log = fopen(p->vm.qemu.log, "re");
	char line[256];

	if (!log)
		err(1, "%s", p->vm.qemu.log);
	while (fgets(line, sizeof(line), log))
		count_line(&e, line);
	fclose(log);
	if (rival->served) {
		e.served = count(p, &rival->service.vm, "exits");
		e.handled = count(p, &rival->service.vm, "mmio_exits");
	}
	return e;
}

static long tries(const struct pair *p)
{
	long number;

	return sscanf(p->vm.output, "%*u %ld", &number) == 1 ? number : 0;
}

static struct effort effort_of(struct pair *p, const struct contest *c,
			       unsigned int who, unsigned int seed)
{
	struct effort before, after;

	trace_all(p, true);
	before = effort(p, &p->rivals[who]);
	run(p, c, who, c->count, seed);
	after = effort(p, &p->rivals[who]);
	trace_all(p, false);
	return (struct effort) {
		.exits = after.exits - before.exits,
		.served = after.served - before.served,
		.handled = after.handled - before.handled,
		.messages = after.messages - before.messages,
		.maps = after.maps - before.maps,
		.unmaps = after.unmaps - before.unmaps,
		.tries = tries(p),
	};
}

static void report_effort(const struct contest *c, const char *of,
			  const char *what, long a, long b,
			  unsigned int count)
{
	char name[48], text[64];

	snprintf(name, sizeof(name), "%s.%s", c->name, of);
	snprintf(text, sizeof(text), "%s per %s", what, c->what);
	report_rate(name, (double)a / count, (double)b / count, text);
}

static void compare_effort(struct pair *p, const struct contest *c,
			   unsigned int seed)
{
	const unsigned int count = c->count;
	struct effort a, b;

	a = effort_of(p, c, 0, seed);
	b = effort_of(p, c, 1, seed);
	report_effort(c, "exits", "VM exits", a.exits, b.exits, count);
	report_effort(c, "messages", "vhost-user messages", a.messages,
		      b.messages, count);
	report_effort(c, "ioctls", "MAP and UNMAP calls", a.maps + a.unmaps,
		      b.maps + b.unmaps, count);
	if (a.tries && b.tries)
		report_effort(c, "tries", "tries", a.tries, b.tries, count);
	if (!a.served && !b.served)
		return;
	report_effort(c, "served", "exits of the VM that serves", a.served,
		      b.served, count);
	report_effort(c, "handled", "of them MMIO that its QEMU handles",
		      a.handled, b.handled, count);
}

/* Each pass has its own seed: packets of another one may be under way still. */
void pair_compare(struct pair *p, const struct contest *c,
		  const struct options *o)
{
	static struct series s;
	char what[64];

	snprintf(what, sizeof(what), "time of a %s, %s / %s", c->what,
		 p->rivals[0].name, p->rivals[1].name);
	s = (struct series) { .name = c->name, .what = what, .aim = c->aim };
	run(p, c, 0, c->count, o->seed);
	run(p, c, 1, c->count, o->seed);
	while (s.n < o->rounds)
		compare_round(p, c, o->seed + 1 + s.n * PASSES, &s);
	report(&s);
	compare_effort(p, c, o->seed + 1 + s.n * PASSES);
}
