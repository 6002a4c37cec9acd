// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many guests, windows, memslots and vCPUs, and all of them coming and going:
 * a revoke reaches each, an end of anything in between harms none, and nothing
 * stays pinned.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "memory.h"
#include "probe.h"
#include "proc.h"
#include "refusal.h"
#include "vmpeer.h"

#define LENGTH	MIB(2)
#define AT	(7 * PAGE)

FIXTURE(life) {
	struct mark mark;
	struct granted owner;
};

FIXTURE_VARIANT(life) {
	struct sharing sharing;
};

FIXTURE_VARIANT_ADD(life, mapped) { MAPPED(SOURCE_ANON) };
FIXTURE_VARIANT_ADD(life, native) { NATIVE(SOURCE_ANON) };
FIXTURE_VARIANT_ADD(life, native_plain) { NATIVE_PLAIN(SOURCE_ANON) };

FIXTURE_SETUP(life)
{
	int ret;

	mark_begin(&self->mark);
	ret = granted_open(&self->owner, &variant->sharing, LENGTH, LENGTH);
	if (ret == -EOPNOTSUPP)
		SKIP(return, NOT_HERE);
	ASSERT_EQ(0, ret);
	*granted_word(&self->owner, AT) = 5;
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
}

FIXTURE_TEARDOWN_PARENT(life)
{
	MARK_END(&self->mark);
}

static struct guest_mailbox command(enum guest_command what, uint64_t gpa,
				    uint64_t value)
{
	return (struct guest_mailbox) {
		.command = what, .address = gpa, .value = value,
		.count = UINT64_MAX, .yield_every = beats_to_yield(),
	};
}

static struct vmm_outcome run(struct vmpeer *vm, enum guest_command what,
			      uint64_t gpa, uint64_t value)
{
	struct guest_mailbox box = command(what, gpa, value);

	return vmpeer_run(vm, 0, &box);
}

static uint64_t gpa(unsigned int window)
{
	return vmm_window_gpa(window) + AT;
}

static bool read_is_refused(struct vmpeer *vm, uint64_t gpa)
{
	return refused_hole(vm->shared->way, run(vm, GUEST_READ, gpa, 0), gpa,
			    ATTEMPT_READ);
}

static bool write_is_refused(struct vmpeer *vm, uint64_t gpa)
{
	return refused_readonly(vm->shared->way, run(vm, GUEST_WRITE, gpa, 9),
				gpa, 9);
}

TEST_F(life, two_vcpus)
{
	struct guest_mailbox box = command(GUEST_LOOP_ADD, gpa(0), 1);
	uint64_t after[2], sum;
	struct vmpeer vm;
	unsigned int cpu;

	*granted_word(&self->owner, AT) = 0;
	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, self->owner.way,
				  &self->owner.window, 2));
	for (cpu = 0; cpu < 2; cpu++)
		ASSERT_EQ(0, vmpeer_begin(&vm, cpu, &box, false));
	for (cpu = 0; cpu < 2; cpu++)
		ASSERT_TRUE(vmpeer_wait_beats(&vm, cpu, 1000));
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	sum = *granted_word(&self->owner, AT);
	for (cpu = 0; cpu < 2; cpu++)
		after[cpu] = vmpeer_heartbeat(&vm, cpu);
	for (cpu = 0; cpu < 2; cpu++) {
		ASSERT_TRUE(refused_hole(self->owner.way,
					 vmpeer_wait(&vm, cpu, 5000), gpa(0),
					 ATTEMPT_UPDATE));
		EXPECT_GE(after[cpu] + 1, vmpeer_heartbeat(&vm, cpu));
	}
	EXPECT_EQ(sum, *granted_word(&self->owner, AT));
	EXPECT_EQ(sum, vmpeer_heartbeat(&vm, 0) + vmpeer_heartbeat(&vm, 1));
	vmpeer_stop(&vm);
}

/*
 * Two VMs of two users, each in its way if the window allows both, and a process:
 * one call takes the page from all.
 */
TEST_F(life, everybody_loses_it_at_once)
{
	const bool mmap = variant->sharing.flags != VHOST_GRANT_WINDOW_KVM_ONLY;
	struct vmpeer stranger, child;
	struct peer process;
	uint64_t value;

	ASSERT_EQ(0, vmpeer_start(&stranger, PEER_STRANGER, self->owner.way,
				  &self->owner.window, 1));
	ASSERT_EQ(0, vmpeer_start(&child, PEER_PROCESS,
				  mmap ? VMM_MAPPED : self->owner.way,
				  &self->owner.window, 1));
	if (mmap)
		ASSERT_EQ(0, peer_start(&process, PEER_PROCESS,
					self->owner.window.fd, LENGTH));
	EXPECT_EQ(VMM_OK, run(&stranger, GUEST_WRITE, gpa(0), 6).result);
	EXPECT_EQ(6, run(&child, GUEST_READ, gpa(0), 0).value);
	if (mmap)
		EXPECT_EQ(6, peer_peek(&process, AT));
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	EXPECT_TRUE(read_is_refused(&stranger, gpa(0)));
	EXPECT_TRUE(read_is_refused(&child, gpa(0)));
	if (mmap)
		EXPECT_EQ(SIGBUS, peer_read(&process, AT, &value));
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, R));
	EXPECT_EQ(6, run(&stranger, GUEST_READ, gpa(0), 0).value);
	EXPECT_EQ(6, run(&child, GUEST_READ, gpa(0), 0).value);
	if (mmap) {
		EXPECT_EQ(6, peer_peek(&process, AT));
		peer_stop(&process);
	}
	vmpeer_stop(&stranger);
	vmpeer_stop(&child);
}

/* One page in two windows of a VM, with different rights. */
TEST_F(life, two_windows_in_a_vm)
{
	struct granted *owner = &self->owner;
	struct window second;
	struct vmpeer vm;

	ASSERT_EQ(0, space_window(owner->space, LENGTH, variant->sharing.flags,
				  &second));
	ASSERT_EQ(0, source_grant(&owner->source, owner->space, second.id, AT,
				  AT, PAGE, R));
	ASSERT_EQ(0, vmpeer_start(&vm, PEER_PROCESS, owner->way,
				  &owner->window, 1));
	ASSERT_EQ(0, vmpeer_add_window(&vm, 1, &second));
	EXPECT_EQ(VMM_OK, run(&vm, GUEST_WRITE, gpa(0), 8).result);
	EXPECT_EQ(8, run(&vm, GUEST_READ, gpa(1), 0).value);
	EXPECT_TRUE(write_is_refused(&vm, gpa(1)));
	ASSERT_EQ(0, granted_unmap(owner, AT, PAGE));
	EXPECT_TRUE(read_is_refused(&vm, gpa(0)));
	EXPECT_EQ(8, run(&vm, GUEST_READ, gpa(1), 0).value);
	EXPECT_TRUE(write_is_refused(&vm, gpa(1)));
	ASSERT_EQ(0, space_destroy(owner->space, second.id));
	EXPECT_TRUE(read_is_refused(&vm, gpa(1)));
	EXPECT_EQ(8, *granted_word(owner, AT));
	vmpeer_stop(&vm);
}

/* One mapping of the window, or one file, behind several memslots. */
TEST_F(life, aliased_memslots)
{
	struct vmpeer vm;
	unsigned int i;

	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, self->owner.way,
				  &self->owner.window, 1));
	for (i = 1; i < VMM_MAX_WINDOWS; i++)
		ASSERT_EQ(0, vmpeer_alias_window(&vm, i));
	for (i = 0; i < VMM_MAX_WINDOWS; i++)
		EXPECT_EQ(VMM_OK, run(&vm, GUEST_WRITE, gpa(i), i).result);
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	for (i = 0; i < VMM_MAX_WINDOWS; i++)
		EXPECT_TRUE(read_is_refused(&vm, gpa(i)));
	vmpeer_stop(&vm);
}

/* Two memslots of one window, which do not begin at the same page of it. */
TEST_F(life, overlapping_memslots)
{
	const uint64_t shift = 4 * PAGE;
	const struct granted *owner = &self->owner;
	struct guest_mailbox box = command(GUEST_WRITE, gpa(0), 8);
	struct vmm vm;

	ASSERT_EQ(0, vmm_create(&vm, 1));
	ASSERT_EQ(0, vmm_add_window(&vm, 0, owner->way, owner->window.fd, 0,
				    LENGTH));
	ASSERT_EQ(0, vmm_add_window(&vm, 1, owner->way, owner->window.fd, shift,
				    LENGTH - shift));
	EXPECT_EQ(VMM_OK, vmm_run(&vm, 0, &box).result);
	box = command(GUEST_READ, gpa(1) - shift, 0);
	EXPECT_EQ(8, vmm_run(&vm, 0, &box).value);
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	EXPECT_TRUE(refused_hole(owner->way, vmm_run(&vm, 0, &box), box.address,
				 ATTEMPT_READ));
	box = command(GUEST_READ, gpa(0), 0);
	EXPECT_TRUE(refused_hole(owner->way, vmm_run(&vm, 0, &box), box.address,
				 ATTEMPT_READ));
	ASSERT_EQ(0, vmm_remove_window(&vm, 0));
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	box = command(GUEST_READ, gpa(1) - shift, 0);
	EXPECT_EQ(8, vmm_run(&vm, 0, &box).value);
	vmm_destroy(&vm);
}

static long do_close_window(struct peer_view *view, unsigned long a,
			    unsigned long b)
{
	(void)a;
	(void)b;
	return close(view->window);
}

static bool peer_is_gone(struct granted *owner)
{
	struct vhost_grant_query query;

	return !space_query(owner->space, owner->window.id, &query) &&
	       query.out_peer_gone;
}

/* The mapping, and the memslot with it, outlives every file descriptor. */
TEST_F(life, window_closed)
{
	struct vhost_grant_event event;
	struct vmpeer vm;

	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, self->owner.way,
				  &self->owner.window, 1));
	ASSERT_EQ(0, peer_call(&vm.peer, do_close_window, 0, 0));
	ASSERT_EQ(0, close(self->owner.window.fd));
	EXPECT_EQ(5, run(&vm, GUEST_READ, gpa(0), 0).value);
	EXPECT_FALSE(peer_is_gone(&self->owner));
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	EXPECT_TRUE(read_is_refused(&vm, gpa(0)));
	ASSERT_EQ(0, granted_map(&self->owner, AT, PAGE, RW));
	EXPECT_EQ(5, run(&vm, GUEST_READ, gpa(0), 0).value);
	drop_events(self->owner.space);
	vmpeer_stop(&vm);
	ASSERT_TRUE(next_event(self->owner.space, &event));
	EXPECT_EQ(VHOST_GRANT_EVENT_PEER_GONE, event.type);
	EXPECT_EQ(self->owner.window.id, event.window);
	EXPECT_TRUE(peer_is_gone(&self->owner));
}

TEST_F(life, vmm_killed_in_a_loop)
{
	struct guest_mailbox box = command(GUEST_LOOP_WRITE, gpa(0), 1);
	struct vhost_grant_event event;
	struct vmpeer vm;

	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, self->owner.way,
				  &self->owner.window, 1));
	ASSERT_EQ(0, close(self->owner.window.fd));
	ASSERT_EQ(0, vmpeer_begin(&vm, 0, &box, false));
	ASSERT_TRUE(vmpeer_wait_beats(&vm, 0, 1000));
	ASSERT_EQ(0, kill(vm.peer.pid, SIGKILL));
	ASSERT_TRUE(next_event(self->owner.space, &event));
	EXPECT_EQ(VHOST_GRANT_EVENT_PEER_GONE, event.type);
	ASSERT_EQ(0, granted_unmap(&self->owner, AT, PAGE));
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	peer_reap(&vm.peer);
}

/* Ends of the owner's side under a running vCPU. */
static void end_under_loop(struct __test_metadata *_metadata,
			   struct granted *owner, void (*end)(struct granted *))
{
	struct guest_mailbox box = command(GUEST_LOOP_WRITE, gpa(0), 1);
	struct vmpeer vm;
	uint64_t after;

	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, owner->way,
				  &owner->window, 1));
	ASSERT_EQ(0, vmpeer_begin(&vm, 0, &box, false));
	ASSERT_TRUE(vmpeer_wait_beats(&vm, 0, 1000));
	end(owner);
	after = vmpeer_heartbeat(&vm, 0);
	EXPECT_EQ(0, proc_status(getpid(), "VmPin"));
	EXPECT_TRUE(refused_hole(owner->way, vmpeer_wait(&vm, 0, 5000), gpa(0),
				 ATTEMPT_WRITE));
	EXPECT_GE(after + 1, vmpeer_heartbeat(&vm, 0));
	EXPECT_TRUE(refused_hole(owner->way, vmpeer_resume(&vm, 0), gpa(0),
				 ATTEMPT_WRITE));
	vmpeer_stop(&vm);
}

static void end_by_destroy(struct granted *owner)
{
	space_destroy(owner->space, owner->window.id);
}

static void end_by_close(struct granted *owner)
{
	close(owner->space);
}

TEST_F(life, window_destroyed_under_loop)
{
	end_under_loop(_metadata, &self->owner, end_by_destroy);
}

TEST_F(life, space_closed_under_loop)
{
	end_under_loop(_metadata, &self->owner, end_by_close);
}

/* The owner of the next test, which is not the test itself. */
static void be_owner(int socket, const struct sharing *sharing)
{
	struct granted owner;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (granted_open(&owner, sharing, LENGTH, LENGTH) ||
	    granted_map(&owner, 0, LENGTH, RW) ||
	    fd_send(socket, owner.window.fd))
		_exit(1);
	pause();
	_exit(0);
}

static bool pins_become(long pins)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (proc_pins() == pins)
			return true;
		sleep_ms(20);
	}
	return false;
}

TEST_F(life, owner_killed_under_loop)
{
	struct guest_mailbox box = command(GUEST_LOOP_WRITE, gpa(0), 1);
	const enum vmm_way way = self->owner.way;
	long pins = proc_pins();
	int sockets[2], window;
	struct vmm vm;
	uint64_t after;
	pid_t owner;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	owner = fork();
	if (!owner)
		be_owner(sockets[1], &variant->sharing);
	window = fd_receive(sockets[0]);
	ASSERT_LE(0, window);
	EXPECT_EQ(pins + LENGTH / PAGE, proc_pins());
	ASSERT_EQ(0, vmm_create(&vm, 1));
	ASSERT_EQ(0, vmm_add_window(&vm, 0, way, window, 0, LENGTH));
	ASSERT_EQ(0, vmm_start(&vm, 0, &box, false));
	ASSERT_TRUE(vmm_wait_beats(&vm, 0, 1000));
	ASSERT_EQ(0, kill(owner, SIGKILL));
	ASSERT_EQ(owner, waitpid(owner, NULL, 0));
	after = vmm_heartbeat(&vm, 0);
	EXPECT_TRUE(refused_hole(way, vmm_wait(&vm, 0, 5000), gpa(0),
				 ATTEMPT_WRITE));
	EXPECT_GE(after + 1, vmm_heartbeat(&vm, 0));
	EXPECT_TRUE(pins_become(pins));
	EXPECT_TRUE(refused_hole(way, vmm_resume(&vm, 0), gpa(0),
				 ATTEMPT_WRITE));
	vmm_destroy(&vm);
}

static int revoke_and_grant(struct granted *owner, int times)
{
	int ret = 0;

	while (!ret && times--) {
		ret = granted_unmap(owner, AT, PAGE);
		if (!ret)
			ret = granted_map(owner, AT, PAGE, RW);
	}
	return ret;
}

static bool bindings_are_gone(struct granted *owner)
{
	struct vhost_grant_query query;
	int tries;

	for (tries = 0; tries < 250; tries++) {
		if (space_query(owner->space, owner->window.id, &query))
			return false;
		if (!query.out_bindings && !query.out_vmas)
			return true;
		sleep_ms(20);
	}
	return false;
}

/* Its vCPU faults all the time, the owner revokes all the time. */
TEST_F_TIMEOUT(life, vmm_killed_during_revokes, 120)
{
	struct guest_mailbox box = command(GUEST_LOOP_WRITE, gpa(0), 1);
	struct vmpeer vm;
	int i;

	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, self->owner.way,
					  &self->owner.window, 1));
		ASSERT_EQ(0, vmpeer_begin(&vm, 0, &box, true));
		ASSERT_TRUE(vmpeer_wait_beats(&vm, 0, 10));
		ASSERT_EQ(0, revoke_and_grant(&self->owner, 5 * i));
		ASSERT_EQ(0, kill(vm.peer.pid, SIGKILL));
		ASSERT_EQ(0, revoke_and_grant(&self->owner, 20));
		peer_reap(&vm.peer);
	}
	EXPECT_TRUE(bindings_are_gone(&self->owner));
}

TEST_F_TIMEOUT(life, window_destroyed_during_faults, 120)
{
	struct guest_mailbox box = command(GUEST_LOOP_WRITE, gpa(0), 1);
	struct granted *owner = &self->owner;
	struct window window;
	struct vmpeer vm;
	uint64_t holes;
	int i, j;

	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, space_window(owner->space, LENGTH,
					  variant->sharing.flags, &window));
		ASSERT_EQ(0, vmpeer_start(&vm, PEER_PROCESS, owner->way,
					  &window, 1));
		ASSERT_EQ(0, vmpeer_begin(&vm, 0, &box, true));
		for (j = 0; j < 10 + i; j++) {
			ASSERT_EQ(0, source_grant(&owner->source, owner->space,
						  window.id, AT, AT, PAGE, RW));
			if (j < 9 + i)
				ASSERT_EQ(0, space_unmap_all(owner->space,
							     window.id));
		}
		ASSERT_EQ(0, space_destroy(owner->space, window.id));
		*granted_word(owner, AT) = 5;
		holes = vmpeer_holes(&vm, 0);
		while (vmpeer_holes(&vm, 0) < holes + 3)
			sleep_ms(1);
		EXPECT_EQ(VMM_INTERRUPTED, vmpeer_kick(&vm, 0).result);
		EXPECT_EQ(5, *granted_word(owner, AT));
		vmpeer_stop(&vm);
		ASSERT_EQ(0, close(window.fd));
	}
}

/* The owner of the next test. */
static void be_busy_owner(int socket, const struct sharing *sharing)
{
	struct granted owner;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (granted_open(&owner, sharing, LENGTH, LENGTH) ||
	    granted_map(&owner, 0, LENGTH, RW) ||
	    fd_send(socket, owner.window.fd))
		_exit(1);
	while (!revoke_and_grant(&owner, 100))
		;
	_exit(1);
}

TEST_F_TIMEOUT(life, owner_killed_during_revokes, 120)
{
	struct guest_mailbox box = command(GUEST_LOOP_WRITE, gpa(0), 1);
	long pins = proc_pins();
	int sockets[2], window, i;
	struct vmm vm;
	uint64_t after;
	pid_t owner;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
		owner = fork();
		if (!owner)
			be_busy_owner(sockets[1], &variant->sharing);
		window = fd_receive(sockets[0]);
		ASSERT_LE(0, window);
		ASSERT_EQ(0, vmm_create(&vm, 1));
		ASSERT_EQ(0, vmm_add_window(&vm, 0, self->owner.way, window, 0,
					    LENGTH));
		ASSERT_EQ(0, vmm_start(&vm, 0, &box, true));
		ASSERT_TRUE(vmm_wait_beats(&vm, 0, 10 + 100 * i));
		ASSERT_EQ(0, kill(owner, SIGKILL));
		ASSERT_EQ(owner, waitpid(owner, NULL, 0));
		after = vmm_heartbeat(&vm, 0);
		EXPECT_TRUE(pins_become(pins));
		sleep_ms(5);
		EXPECT_GE(after + 1, vmm_heartbeat(&vm, 0));
		EXPECT_EQ(VMM_INTERRUPTED, vmm_kick(&vm, 0).result);
		vmm_destroy(&vm);
		close(window);
		close(sockets[0]);
		close(sockets[1]);
	}
}

/* VMs come and go in the peer, each with a vCPU that looks at the page. */
static long churn_vms(struct peer_view *view, unsigned long a, unsigned long b)
{
	struct guest_mailbox box = command(GUEST_LOOP_READ, gpa(0), 0);
	struct vmm vm;
	int ret = 0;

	(void)b;
	while (!ret && !view->shared->stop) {
		ret = vmm_create(&vm, 1);
		if (!ret)
			ret = vmm_add_window(&vm, 0, a, view->window, 0,
					     view->length);
		if (!ret)
			ret = vmm_start(&vm, 0, &box, true);
		vmm_destroy(&vm);
		view->shared->rounds++;
	}
	return ret;
}

/* The memslot comes and goes under a vCPU. */
static long churn_memslots(struct peer_view *view, unsigned long a,
			   unsigned long b)
{
	struct guest_mailbox box = command(GUEST_LOOP_READ, gpa(0), 0);
	struct vmm vm;
	int ret;

	(void)b;
	ret = vmm_create(&vm, 1);
	while (!ret && !view->shared->stop) {
		ret = vmm_add_window(&vm, 0, a, view->window, 0, view->length);
		if (!ret)
			ret = vmm_start(&vm, 0, &box, true);
		if (!ret)
			ret = vmm_remove_window(&vm, 0);
		/* No memslot is no hole, so the thread must have ended */
		if (!ret)
			vmm_kick(&vm, 0);
		view->shared->rounds++;
	}
	vmm_destroy(&vm);
	return ret;
}

static void churn(struct __test_metadata *_metadata, struct granted *owner,
		  peer_function function)
{
	struct peer peer;
	int i;

	ASSERT_EQ(0, peer_start_unmapped(&peer, PEER_STRANGER, owner->window.fd,
					 LENGTH));
	ASSERT_EQ(0, peer_begin(&peer, function, owner->way, 0));
	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(0, granted_unmap(owner, AT, PAGE));
		ASSERT_EQ(0, granted_map(owner, AT, PAGE, i & 1 ? R : RW));
	}
	EXPECT_TRUE(peer_progress(&peer, 20));
	peer.shared->stop = 1;
	EXPECT_EQ(0, peer_end(&peer));
	peer_stop(&peer);
}

TEST_F_TIMEOUT(life, vms_come_and_go_during_revokes, 120)
{
	churn(_metadata, &self->owner, churn_vms);
}

TEST_F_TIMEOUT(life, memslots_come_and_go_during_revokes, 120)
{
	churn(_metadata, &self->owner, churn_memslots);
}

/* With a scratch page the guest never stops, and never sees the old page. */
TEST_F(life, scratch_keeps_the_guest_running)
{
	struct granted *owner = &self->owner;
	struct guest_mailbox box = command(GUEST_LOOP_READ, gpa(0), 5);
	struct vhost_grant_event event;
	struct vmpeer vm;
	uint64_t hits;

	ASSERT_EQ(0, window_set_hole(owner->window.fd,
				     VHOST_GRANT_HOLE_SCRATCH));
	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, owner->way,
				  &owner->window, 1));
	ASSERT_EQ(0, vmpeer_begin(&vm, 0, &box, false));
	ASSERT_TRUE(vmpeer_wait_beats(&vm, 0, 1000));
	drop_events(owner->space);
	ASSERT_EQ(0, granted_unmap(owner, AT, PAGE));
	hits = vmpeer_hits(&vm, 0);
	EXPECT_TRUE(vmpeer_wait_beats(&vm, 0, 1000));
	EXPECT_GE(hits + 1, vmpeer_hits(&vm, 0));
	ASSERT_TRUE(next_event(owner->space, &event));
	EXPECT_EQ(VHOST_GRANT_EVENT_VIOLATION, event.type);
	EXPECT_EQ(AT, event.iova);
	ASSERT_EQ(0, granted_map(owner, AT, PAGE, RW));
	hits = vmpeer_hits(&vm, 0);
	EXPECT_TRUE(vmpeer_wait_beats(&vm, 0, 1000));
	EXPECT_LT(hits, vmpeer_hits(&vm, 0));
	EXPECT_EQ(VMM_INTERRUPTED, vmpeer_kick(&vm, 0).result);
	vmpeer_stop(&vm);
}

TEST_F(life, scratch_is_one_private_page)
{
	struct granted *owner = &self->owner;
	struct vmpeer vm;

	ASSERT_EQ(0, window_set_hole(owner->window.fd,
				     VHOST_GRANT_HOLE_SCRATCH));
	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, owner->way,
				  &owner->window, 1));
	EXPECT_EQ(0, run(&vm, GUEST_READ, gpa(0) + PAGE, 0).value);
	EXPECT_EQ(VMM_OK, run(&vm, GUEST_WRITE, gpa(0) + PAGE, 77).result);
	EXPECT_EQ(77, run(&vm, GUEST_READ, gpa(0) + 9 * PAGE, 0).value);
	EXPECT_EQ(5, run(&vm, GUEST_READ, gpa(0), 0).value);
	ASSERT_EQ(0, granted_unmap(owner, AT, PAGE));
	EXPECT_EQ(77, run(&vm, GUEST_READ, gpa(0), 0).value);
	EXPECT_EQ(VMM_OK, run(&vm, GUEST_WRITE, gpa(0), 78).result);
	EXPECT_EQ(5, *granted_word(owner, AT));
	ASSERT_EQ(0, granted_map(owner, AT, PAGE, R));
	EXPECT_EQ(5, run(&vm, GUEST_READ, gpa(0), 0).value);
	EXPECT_EQ(VMM_OK, run(&vm, GUEST_WRITE, gpa(0), 79).result);
	EXPECT_EQ(79, run(&vm, GUEST_READ, gpa(0) + PAGE, 0).value);
	EXPECT_EQ(5, *granted_word(owner, AT));
	ASSERT_EQ(0, window_set_hole(owner->window.fd, VHOST_GRANT_HOLE_FAULT));
	EXPECT_TRUE(read_is_refused(&vm, gpa(0) + PAGE));
	EXPECT_EQ(5, run(&vm, GUEST_READ, gpa(0), 0).value);
	EXPECT_TRUE(write_is_refused(&vm, gpa(0)));
	vmpeer_stop(&vm);
}

TEST_HARNESS_MAIN
