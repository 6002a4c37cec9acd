// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile front-end, which is this test: what it sends is as it should be for the
 * protocol, and is meant to end the QEMU of the machine that serves it.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vhost_grant_kvm.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

#include "pair.h"
#include "hostile.h"
#include "proc.h"
#include "space.h"

#define LENGTH	(64UL << 20)
#define QUEUES	4

FIXTURE_VARIANT_ADD(pair, native)
{
	.service = { .kind = SERVICE_DISK, .memory = "4G", .queues = QUEUES },
};

FIXTURE_VARIANT_ADD(pair, mapped)
{
	.service = {
		.kind = SERVICE_DISK, .memory = "4G", .queues = QUEUES,
		.mapped = true,
	},
};

struct front_end {
	struct stream stream;
	int space;
	struct window window;
};

static void open_all(struct __test_metadata *_metadata,
		     FIXTURE_DATA(pair) *self,
		     const FIXTURE_VARIANT(pair) *variant,
		     struct front_end *front_end)
{
	const uint32_t flags = variant->service.mapped ?
			       VHOST_GRANT_WINDOW_KVM_MAPPED : 0;

	ASSERT_EQ(0, pair_serve(&self->service, &variant->service));
	front_end->space = space_open();
	ASSERT_LE(0, front_end->space);
	ASSERT_EQ(0, space_window(front_end->space, LENGTH, flags,
				  &front_end->window));
	ASSERT_EQ(0, stream_connect(&front_end->stream,
				    self->service.sockets[0]));
	ASSERT_TRUE(service_wait_property(&self->service, 0, "connected", 1));
}

static int send_one(struct front_end *front_end, struct vu_message *message,
		    int fd)
{
	const struct vu_fds fds = { .nr = 1, .fds = { fd } };

	message->header.flags = VU_VERSION;
	return wire_send(front_end->stream.fd, message,
			 sizeof(message->header) + message->header.size, &fds);
}

static int send_table(struct front_end *front_end)
{
	struct vu_message message = {
		.header = {
			.request = VU_SET_MEM_TABLE,
			.size = 8 + sizeof(struct vu_region),
		},
		.payload.memory = { .nr = 1, .regions = { { .size = LENGTH } } },
	};

	return send_one(front_end, &message, front_end->window.fd);
}

static int send_ring(struct front_end *front_end, unsigned int request,
		     unsigned int ring, int fd)
{
	struct vu_message message = {
		.header = { .request = request, .size = sizeof(uint64_t) },
		.payload.u64 = ring,
	};

	return send_one(front_end, &message, fd);
}

static bool wait_final(const struct front_end *front_end)
{
	const uint64_t end = now_ns() + PROGRAM_TIMEOUT_MS * 1000000ULL;
	struct vhost_grant_window_info info;

	do {
		if (window_info(front_end->window.fd, &info))
			return false;
		if (info.out_hole == VHOST_GRANT_HOLE_SCRATCH_FINAL)
			return true;
		sleep_ms(20);
	} while (now_ns() < end);
	return false;
}

static bool lives(struct service *service)
{
	return guest_ok(&service->vm, "running proxy && running back-end");
}

/* Of a virtual machine of the front-end's own; it keeps them until it is closed. */
static int use_up_bindings(const struct front_end *front_end)
{
	struct kvm_userspace_memory_region2 region = {
		.flags = KVM_MEM_VHOST_GRANT, .memory_size = PAGE,
		.guest_memfd = front_end->window.fd,
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	close(kvm);
	if (vm < 0)
		return -errno;
	while (!ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &region)) {
		region.slot++;
		region.guest_phys_addr += PAGE;
	}
	return errno == ENOSPC && region.slot ? vm : -errno;
}

/* QEMU gives up when KVM refuses other memslots. */
TEST_F_TIMEOUT(pair, no_slot_is_left, 600)
{
	struct service *service = &self->service;
	struct front_end front_end;
	int vm;

	open_all(_metadata, self, variant, &front_end);
	vm = use_up_bindings(&front_end);
	ASSERT_LE(0, vm);
	ASSERT_EQ(0, send_table(&front_end));
	ASSERT_TRUE(wait_final(&front_end));
	EXPECT_TRUE(lives(service));
	EXPECT_EQ(!variant->service.mapped,
		  program_said(&service->vm.qemu, "KVM_SET_USER_MEMORY_REGION2"));
	stream_close(&front_end.stream);
	EXPECT_TRUE(service_wait_property(service, 0, "connected", 0));
	EXPECT_TRUE(lives(service));
	close(vm);
}

/* A guest that touches a hole would be stopped otherwise. */
TEST_F_TIMEOUT(pair, holes_stay_harmless, 600)
{
	struct front_end front_end;

	open_all(_metadata, self, variant, &front_end);
	ASSERT_EQ(0, send_table(&front_end));
	ASSERT_TRUE(wait_final(&front_end));
	EXPECT_EQ(-EPERM, window_set_hole(front_end.window.fd,
					  VHOST_GRANT_HOLE_FAULT));
	EXPECT_TRUE(lives(&self->service));
}

/* KVM takes an eventfd for one interrupt only; for what is none QEMU gives up. */
TEST_F_TIMEOUT(pair, files_of_rings, 600)
{
	struct service *service = &self->service;
	int event = eventfd(0, EFD_CLOEXEC), timer;
	struct front_end front_end;
	unsigned int ring;

	open_all(_metadata, self, variant, &front_end);
	for (ring = 0; ring < QUEUES; ring++) {
		ASSERT_EQ(0, send_ring(&front_end, VU_SET_VRING_KICK, ring,
				       event));
		ASSERT_EQ(0, send_ring(&front_end, VU_SET_VRING_CALL, ring,
				       event));
	}
	ASSERT_EQ(0, send_table(&front_end));
	ASSERT_TRUE(wait_final(&front_end));
	EXPECT_TRUE(lives(service));

	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	ASSERT_EQ(0, send_ring(&front_end, VU_SET_VRING_CALL, 0, timer));
	ASSERT_TRUE(service_wait_property(service, 0, "cause", 5));
	EXPECT_TRUE(guest_ok(&service->vm, "running proxy"));
}

TEST_HARNESS_MAIN
