// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/mman.h>

#include "proc.h"
#include "vmpeer.h"

/* Served in the VMM's process, where the shared memory has the same address. */
static struct vmpeer_shared *shared_at(unsigned long address)
{
	return (struct vmpeer_shared *)address;
}

static long call(struct vmpeer *guest, peer_function function, unsigned int cpu)
{
	return peer_call(&guest->peer, function, (uintptr_t)guest->shared, cpu);
}

static struct vmm_outcome call_for_outcome(struct vmpeer *guest,
					   peer_function function,
					   unsigned int cpu)
{
	if (call(guest, function, cpu) == PEER_DIED)
		return (struct vmm_outcome) { .result = VMM_OTHER, .error = EPIPE };
	return guest->shared->outcome;
}

static long do_create(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct vmpeer_shared *shared = shared_at(a);
	int ret = vmm_create(&shared->vm, b);

	if (ret)
		return ret;
	return vmm_add_window(&shared->vm, 0, shared->way, view->window, 0,
			      view->length);
}

static long do_destroy(struct peer_view *view, unsigned long a, unsigned long b)
{
	(void)view;
	(void)b;
	vmm_destroy(&shared_at(a)->vm);
	return 0;
}

static long do_run(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct vmpeer_shared *shared = shared_at(a);

	(void)view;
	shared->outcome = vmm_run(&shared->vm, b, &shared->command);
	return 0;
}

static long do_resume(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct vmpeer_shared *shared = shared_at(a);

	(void)view;
	shared->outcome = vmm_resume(&shared->vm, b);
	return 0;
}

static long do_begin(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct vmpeer_shared *shared = shared_at(a);

	(void)view;
	return vmm_start(&shared->vm, b, &shared->command, shared->retry_holes);
}

static long do_begin_resume(struct peer_view *view, unsigned long a,
			    unsigned long b)
{
	(void)view;
	return vmm_start_resume(&shared_at(a)->vm, b);
}

static long do_wait(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct vmpeer_shared *shared = shared_at(a);

	(void)view;
	shared->outcome = vmm_wait(&shared->vm, b, shared->milliseconds);
	return 0;
}

static long do_kick(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct vmpeer_shared *shared = shared_at(a);

	(void)view;
	shared->outcome = vmm_kick(&shared->vm, b);
	return 0;
}

static long do_heartbeat(struct peer_view *view, unsigned long a,
			 unsigned long b)
{
	(void)view;
	return vmm_heartbeat(&shared_at(a)->vm, b);
}

static long do_hits(struct peer_view *view, unsigned long a, unsigned long b)
{
	(void)view;
	return vmm_hits(&shared_at(a)->vm, b);
}

static long do_holes(struct peer_view *view, unsigned long a, unsigned long b)
{
	(void)view;
	return vmm_holes(&shared_at(a)->vm, b);
}

static long do_use_page_table(struct peer_view *view, unsigned long a,
			      unsigned long b)
{
	(void)view;
	return vmm_use_page_table(&shared_at(a)->vm, b);
}

static long do_alias(struct peer_view *view, unsigned long a, unsigned long b)
{
	(void)view;
	return vmm_alias_window(&shared_at(a)->vm, b, 0);
}

static long do_remove(struct peer_view *view, unsigned long a, unsigned long b)
{
	(void)view;
	return vmm_remove_window(&shared_at(a)->vm, b);
}

/* The inherited file descriptor and the index share a word. */
static long do_add(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct vmpeer_shared *shared = shared_at(a);

	(void)view;
	return vmm_add_window(&shared->vm, b & 0xff, shared->way, b >> 8, 0,
			      shared->command.length);
}

int vmpeer_start(struct vmpeer *guest, enum peer_kind kind, enum vmm_way way,
		 const struct window *window, unsigned int nr_vcpus)
{
	int ret;

	guest->shared = mmap(NULL, sizeof(*guest->shared),
			     PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (guest->shared == MAP_FAILED)
		return -errno;
	guest->shared->way = way;
	ret = peer_start_unmapped(&guest->peer, kind, window->fd,
				  window->length);
	if (ret)
		return ret;
	return call(guest, do_create, nr_vcpus);
}

void vmpeer_stop(struct vmpeer *guest)
{
	call(guest, do_destroy, 0);
	peer_stop(&guest->peer);
	munmap(guest->shared, sizeof(*guest->shared));
}

struct vmm_outcome vmpeer_run(struct vmpeer *guest, unsigned int cpu,
			      const struct guest_mailbox *command)
{
	guest->shared->command = *command;
	return call_for_outcome(guest, do_run, cpu);
}

struct vmm_outcome vmpeer_resume(struct vmpeer *guest, unsigned int cpu)
{
	return call_for_outcome(guest, do_resume, cpu);
}

int vmpeer_begin(struct vmpeer *guest, unsigned int cpu,
		 const struct guest_mailbox *command, bool retry_holes)
{
	guest->shared->command = *command;
	guest->shared->retry_holes = retry_holes;
	return call(guest, do_begin, cpu);
}

int vmpeer_begin_resume(struct vmpeer *guest, unsigned int cpu)
{
	return call(guest, do_begin_resume, cpu);
}

struct vmm_outcome vmpeer_wait(struct vmpeer *guest, unsigned int cpu,
			       unsigned int milliseconds)
{
	guest->shared->milliseconds = milliseconds;
	return call_for_outcome(guest, do_wait, cpu);
}

struct vmm_outcome vmpeer_kick(struct vmpeer *guest, unsigned int cpu)
{
	return call_for_outcome(guest, do_kick, cpu);
}

uint64_t vmpeer_heartbeat(struct vmpeer *guest, unsigned int cpu)
{
	return call(guest, do_heartbeat, cpu);
}

uint64_t vmpeer_hits(struct vmpeer *guest, unsigned int cpu)
{
	return call(guest, do_hits, cpu);
}

uint64_t vmpeer_holes(struct vmpeer *guest, unsigned int cpu)
{
	return call(guest, do_holes, cpu);
}

bool vmpeer_wait_beats(struct vmpeer *guest, unsigned int cpu, uint64_t beats)
{
	const uint64_t until = vmpeer_heartbeat(guest, cpu) + beats;
	int patience;

	for (patience = 10000; patience; patience--) {
		if (vmpeer_heartbeat(guest, cpu) >= until)
			return true;
		sleep_ms(1);
	}
	return false;
}

uint64_t vmpeer_use_page_table(struct vmpeer *guest, uint64_t table_gpa)
{
	return peer_call(&guest->peer, do_use_page_table,
			 (uintptr_t)guest->shared, table_gpa);
}

int vmpeer_add_window(struct vmpeer *guest, unsigned int index,
		      const struct window *window)
{
	guest->shared->command.length = window->length;
	return call(guest, do_add, window->fd << 8 | index);
}

int vmpeer_alias_window(struct vmpeer *guest, unsigned int index)
{
	return call(guest, do_alias, index);
}

int vmpeer_remove_window(struct vmpeer *guest, unsigned int index)
{
	return call(guest, do_remove, index);
}
