// SPDX-License-Identifier: GPL-2.0-only
/* Front-ends and back-ends that come, go and misbehave, with a device made up. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "log.h"
#include "tap.h"

#define GET_FEATURES		1
#define SET_VRING_KICK		12
#define SET_VRING_CALL		13
#define SET_VRING_ERR		14

#define REPLY			(VHOST_USER_VERSION | VHOST_USER_REPLY)

static struct fake fake;
static struct relay relay;
static int listener;		/* of the back-end */
static int peer;		/* its connection */
static unsigned int fds_before;

static void begin(bool connects)
{
	static char path[128];

	fds_before = count_fds();
	fake_init(&fake);
	snprintf(path, sizeof(path), "%s", temporary("socket"));
	memset(&relay, 0, sizeof(relay));
	relay.device = &fake.device;
	backend_init(&relay.backend, "fake", path, connects);
	backend_open(&relay.backend);
	listener = -1;
	peer = -1;
	relay_start(&relay);
}

static void hang_up(void)
{
	if (peer >= 0)
		close(peer);
	peer = -1;
}

static void end(void)
{
	relay_stop(&relay);
	CHECK(fake.pulled || fake.error || !fake.control);
	hang_up();
	if (listener >= 0)
		close(listener);
	fake_free(&fake);
	CHECK(!fake.misuses);
	CHECK(count_fds() == fds_before);
}

/* Until nothing is left to do. Return: as the last step */
static int settle(void)
{
	int ret = 1;

	for (int i = 0; ret > 0 && i < 1000; i++)
		ret = relay_step(&relay);
	return ret;
}

static void accept_peer(void)
{
	hang_up();
	peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(peer >= 0);
}

/* Both are connected, and nothing was said yet. */
static void begin_serving(void)
{
	begin(false);
	listener = peer_listen(relay.backend.path);
	fake_connect(&fake);
	CHECK(settle() == 0);
	accept_peer();
	CHECK(relay.serving);
}

/* What the back-end gets; its descriptors are for who calls, if it can take them */
static unsigned int expect(struct message *got, int *fds)
{
	int unwanted[VHOST_PCI_MAX_RESOURCES];
	unsigned int nr;
	ssize_t n = peer_receive(peer, got->bytes, sizeof(got->bytes),
				 fds ? fds : unwanted, &nr);

	got->length = n > 0 ? n : 0;
	for (unsigned int i = 0; !fds && i < nr; i++)
		close(unwanted[i]);
	return nr;
}

static bool same(const struct message *a, const struct message *b)
{
	return a->length == b->length && !memcmp(a->bytes, b->bytes, a->length);
}

static bool passes(const struct message *message)
{
	struct message got;

	fake_push(&fake, message);
	settle();
	expect(&got, NULL);
	return same(&got, message);
}

static bool replies(const struct message *message)
{
	unsigned int before = fake.nr_sent;

	if (!peer_send(peer, message->bytes, message->length))
		return false;
	settle();
	return fake.nr_sent == before + 1 && same(&fake.sent, message);
}

static bool works(void)
{
	struct message request = make_message(GET_FEATURES, VHOST_USER_VERSION, 0);
	struct message reply = make_message(GET_FEATURES, REPLY, 8);

	return passes(&request) && replies(&reply);
}

/* The front-end was dropped for what the back-end did, and the next one is served. */
static void check_lost(void)
{
	uint32_t generation = fake.generation;

	CHECK(settle() == 0);
	CHECK(!fake.connected && !fake.needs_ack);
	CHECK(fake.cause == VHOST_PCI_CAUSE_DRIVER && fake.renewals == 1);
	CHECK(!relay.serving);
	fake_connect(&fake);
	settle();
	CHECK(fake.generation == generation + 1);
	accept_peer();
	CHECK(works());
}

static void test_garbage(void)
{
	unsigned char bytes[MESSAGE_MAX];

	srand(1);
	for (int round = 0; round < 64; round++) {
		begin_serving();
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = rand();
		/* Other bits say that it is not a reply of this version. */
		bytes[4] &= ~4;
		CHECK(peer_send(peer, bytes, 1 + rand() % sizeof(bytes) + 11));
		check_lost();
		end();
	}
}

static void test_too_big(void)
{
	struct message message = make_message(GET_FEATURES, REPLY, 0);

	begin_serving();
	poke32(&message, 8, MESSAGE_MAX);
	CHECK(peer_send(peer, message.bytes, message.length));
	check_lost();
	CHECK(fake.nr_sent == 1);
	end();
}

static void test_backend_sends_descriptors(void)
{
	struct message message = make_message(GET_FEATURES, REPLY, 8);

	begin_serving();
	peer_send_fd(peer, message.bytes, message.length, fake.memory);
	check_lost();
	CHECK(fake.nr_sent == 1);
	end();
}

static void test_backend_closes(void)
{
	struct message message = make_message(GET_FEATURES, REPLY, 8);

	for (size_t length = 0; length < message.length; length++) {
		begin_serving();
		if (length)
			CHECK(peer_send(peer, message.bytes, length));
		settle();
		CHECK(fake.connected);
		hang_up();
		check_lost();
		end();
	}
}

static void test_backend_closes_with_request_in_mailbox(void)
{
	struct message request = make_message(GET_FEATURES, VHOST_USER_VERSION, 0);

	begin_serving();
	hang_up();
	fake_push(&fake, &request);
	check_lost();
	end();
}

static void test_backend_closes_while_sending(void)
{
	struct message message = make_message(GET_FEATURES, REPLY, 8);

	begin_serving();
	fake.tx_slow = true;
	for (int i = 0; i < 3; i++)
		CHECK(peer_send(peer, message.bytes, message.length));
	settle();
	CHECK(fake.tx_length == message.length);
	/* It is not listened to meanwhile, but it is seen to be gone. */
	CHECK(!(relay_events(&relay) & POLLIN));
	hang_up();
	fake.tx_slow = false;
	check_lost();
	end();
}

static void test_backend_does_not_read(void)
{
	struct message message = make_message(GET_FEATURES, VHOST_USER_VERSION, 4084);
	struct message got;
	unsigned int passed = 0, nr = 0;

	begin_serving();
	for (; nr < 1000; nr++) {
		poke32(&message, MESSAGE_HEADER, nr);
		fake_push(&fake, &message);
		CHECK(settle() == 0);
		if (fake.queued)
			break;
	}
	CHECK(fake.queued == 1 && relay_events(&relay) == (POLLIN | POLLOUT));
	while (passed <= nr) {
		expect(&got, NULL);
		poke32(&message, MESSAGE_HEADER, passed++);
		CHECK(same(&got, &message));
		CHECK(settle() == 0);
	}
	CHECK(!fake.queued && relay_events(&relay) == POLLIN);
	CHECK(works());
	end();
}

static void check_not_passed(const struct message *message)
{
	struct message got;

	begin_serving();
	fake_push(&fake, message);
	CHECK(settle() == 0);
	CHECK(expect(&got, NULL) == 0 && got.length == 0 && peer_hung_up(peer));
	check_lost();
	end();
}

static void test_wrong_requests(void)
{
	struct message message;

	message = make_message(GET_FEATURES, REPLY, 0);
	check_not_passed(&message);
	message = make_message(GET_FEATURES, VHOST_USER_VERSION, 0);
	message.length = UINT32_MAX - 1;
	check_not_passed(&message);
	message = make_ring(SET_VRING_KICK, VHOST_PCI_RESOURCE_KICK, 0);
	message.nr_resources = UINT32_MAX - 1;
	check_not_passed(&message);
	message = make_memory(VHOST_USER_SET_MEM_TABLE, 1);
	message.resources[0].offset = FAKE_MEMORY;
	check_not_passed(&message);
}

static void test_resource_fails(void)
{
	struct message message = make_memory(VHOST_USER_SET_MEM_TABLE, 8);
	struct message got;

	begin_serving();
	fake.open_error = -ENOSPC;
	fake_push(&fake, &message);
	settle();
	CHECK(expect(&got, NULL) == 0 && got.length == 0);
	fake.open_error = 0;
	check_lost();
	end();
}

static void test_device_pulled(void)
{
	begin_serving();
	fake.pulled = true;
	CHECK(settle() == -ENODEV);
	end();
}

static void test_device_fails(void)
{
	begin_serving();
	fake.error = -EIO;
	CHECK(settle() == -EIO);
	CHECK(settle() == -EIO);
	end();
}

/* Nothing that can be read of a device makes it be used wrongly. */
static void test_unknown_cause(void)
{
	begin_serving();
	fake_disconnect(&fake, UINT32_MAX);
	CHECK(settle() == 0);
	fake_connect(&fake);
	settle();
	accept_peer();
	CHECK(works());
	end();
}

static void test_no_backend(void)
{
	begin(false);
	fake_connect(&fake);
	for (int i = 0; i < 10; i++)
		CHECK(settle() == 0 && relay.waiting && !fake.connected && !fake.control);
	listener = peer_listen(relay.backend.path);
	CHECK(settle() == 0 && !relay.waiting && relay.serving);
	accept_peer();
	CHECK(works());
	end();
}

/* Its machine would wait for an answer otherwise. */
static void test_backend_stays_away(void)
{
	begin_serving();
	CHECK(works());
	close(listener);
	hang_up();
	fake.knocking = true;
	for (int i = 0; i < 10; i++)
		CHECK(settle() == 0 && relay.waiting && !fake.connected && !fake.control);
	CHECK(fake.renewals == 1 && !fake.needs_ack);
	listener = peer_listen(relay.backend.path);
	settle();
	accept_peer();
	CHECK(works() && fake.generation == 2);
	end();
}

static void test_no_frontend(void)
{
	begin(false);
	listener = peer_listen(relay.backend.path);
	CHECK(settle() == 0 && !relay.waiting && fake.control);
	accept_peer();
	hang_up();
	close(listener);
	listener = -1;
	CHECK(settle() == 0 && relay.waiting && !fake.control && !fake.renewals);
	end();
}

static void test_both_ways(void)
{
	begin_serving();
	for (int i = 0; i < 100; i++)
		CHECK(works());
	CHECK(fake.generation == 1 && fake.nr_sent == 100);
	end();
}

static bool is_memory(int fd)
{
	struct stat here, there;

	return !fstat(fd, &there) && !fstat(fake.memory, &here) &&
	       here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

static void test_memory(void)
{
	struct message message = make_memory(VHOST_USER_SET_MEM_TABLE, 8), got;
	int fds[VHOST_PCI_MAX_RESOURCES];

	begin_serving();
	fake_push(&fake, &message);
	settle();
	CHECK(expect(&got, fds) == 8);
	for (unsigned int i = 0; i < 8; i++) {
		CHECK(is_memory(fds[i]));
		close(fds[i]);
		CHECK(peek(&got, REGION(i, 0)) == peek(&message, REGION(i, 0)));
		CHECK(peek(&got, REGION(i, 3)) == FAKE_BASE + ((uint64_t)i << 30));
	}
	end();
}

/* Return: the eventfd that the back-end got */
static int pass_ring(uint32_t request, uint32_t type, uint32_t index)
{
	struct message message = make_ring(request, type, index), got;
	int fds[VHOST_PCI_MAX_RESOURCES] = { -1 };

	fake_push(&fake, &message);
	settle();
	CHECK(expect(&got, fds) == 1 && same(&got, &message));
	return fds[0];
}

static bool is_connected(int from, int to)
{
	uint64_t count = 3;

	if (write(from, &count, sizeof(count)) != sizeof(count))
		return false;
	count = 0;
	return read(to, &count, sizeof(count)) == sizeof(count) && count == 3;
}

static void test_rings(void)
{
	int fd;

	begin_serving();
	for (unsigned int i = 0; i < FAKE_RINGS; i++) {
		fd = pass_ring(SET_VRING_KICK, VHOST_PCI_RESOURCE_KICK, i);
		CHECK(is_connected(fake.kick[i], fd));
		close(fd);
		fd = pass_ring(SET_VRING_CALL, VHOST_PCI_RESOURCE_CALL, i);
		CHECK(is_connected(fd, fake.call[i]));
		close(fd);
		fd = pass_ring(SET_VRING_ERR, VHOST_PCI_RESOURCE_ERROR, i);
		CHECK(fd >= 0);
		close(fd);
	}
	end();
}

/* The device sends, while the back-end has more to say. */
static void test_slow_frontend(void)
{
	struct message message = make_message(GET_FEATURES, REPLY, 3001);

	begin_serving();
	fake.tx_slow = true;
	for (uint32_t i = 0; i < 10; i++) {
		poke32(&message, MESSAGE_HEADER, i);
		CHECK(peer_send(peer, message.bytes, message.length));
	}
	for (uint32_t i = 0; i < 10; i++) {
		CHECK(settle() == 0);
		CHECK(fake.tx_length == message.length && fake.nr_sent == i);
		fake_sent(&fake);
		poke32(&message, MESSAGE_HEADER, i);
		CHECK(same(&fake.sent, &message));
	}
	settle();
	CHECK(!fake.tx_length);
	end();
}

static void test_reply_byte_by_byte(void)
{
	struct message message = make_message(GET_FEATURES, REPLY, 8);

	begin_serving();
	for (size_t i = 0; i < message.length; i++) {
		CHECK(fake.nr_sent == 0 && relay_events(&relay) == POLLIN);
		CHECK(peer_send(peer, message.bytes + i, 1));
		CHECK(settle() == 0);
	}
	CHECK(fake.nr_sent == 1 && same(&fake.sent, &message));
	end();
}

/* The ACK is given when the back-end's connection is closed: the fake device looks. */
static void test_frontend_reconnects(void)
{
	begin_serving();
	for (uint32_t i = 1; i < 20; i++) {
		CHECK(fake.generation == i && works());
		fake.watched = peer;
		fake_disconnect(&fake, VHOST_PCI_CAUSE_CLOSED);
		fake_connect(&fake);
		CHECK(!fake.connected);
		settle();
		CHECK(peer_hung_up(peer) && fake.renewals == i);
		CHECK(fake.connected && relay.serving);
		fake.watched = -1;
		accept_peer();
	}
	CHECK(works());
	end();
}

static void test_reply_to_the_next(void)
{
	struct message message = make_message(GET_FEATURES, REPLY, 8);

	begin_serving();
	CHECK(peer_send(peer, message.bytes, message.length - 1));
	settle();
	CHECK(peer_send(peer, message.bytes + message.length - 1, 1));
	fake_disconnect(&fake, VHOST_PCI_CAUSE_CLOSED);
	fake_connect(&fake);
	settle();
	accept_peer();
	CHECK(fake.nr_sent == 0 && fake.nr_lost == 0);
	CHECK(works() && fake.nr_sent == 1);
	end();
}

/* A program before this one was killed, and its front-end is still there. */
static void test_start_with_frontend(void)
{
	begin_serving();
	relay_start(&relay);
	CHECK(!fake.connected && fake.needs_ack && !fake.control);
	fake_connect(&fake);
	settle();
	CHECK(fake.generation == 2);
	accept_peer();
	CHECK(works());
	end();
}

static void test_listen(void)
{
	begin(true);
	fake_connect(&fake);
	CHECK(settle() == 0 && !relay.waiting && !fake.control && !fake.connected);
	peer = peer_connect(relay.backend.path);
	CHECK(settle() == 0 && relay.serving);
	CHECK(works());
	fake_disconnect(&fake, VHOST_PCI_CAUSE_CLOSED);
	settle();
	CHECK(peer_hung_up(peer));
	end();
}

static void test_listen_early(void)
{
	struct message reply = make_message(GET_FEATURES, REPLY, 8);

	begin(true);
	peer = peer_connect(relay.backend.path);
	CHECK(settle() == 0 && !relay.serving);
	/* Talk that nobody asked for is not read before there is a front-end. */
	CHECK(peer_send(peer, reply.bytes, reply.length));
	CHECK(settle() == 0 && relay_events(&relay) == 0 && !fake.nr_lost);
	hang_up();
	CHECK(settle() == 0 && relay.backend.fd < 0);
	CHECK(!fake.control && !fake.renewals);
	peer = peer_connect(relay.backend.path);
	settle();
	fake_connect(&fake);
	settle();
	CHECK(relay.serving && works() && fake.generation == 1);
	end();
}

static void test_listen_second(void)
{
	int second;

	begin(true);
	fake_connect(&fake);
	peer = peer_connect(relay.backend.path);
	settle();
	second = peer_connect(relay.backend.path);
	settle();
	CHECK(peer_hung_up(second) && works());
	close(second);
	hang_up();
	settle();
	CHECK(!fake.connected);
	peer = peer_connect(relay.backend.path);
	fake_connect(&fake);
	settle();
	CHECK(works() && fake.generation == 2);
	end();
}

/* A front-end that never stops does not keep others from being served. */
static void test_one_at_a_time(void)
{
	struct message request = make_message(GET_FEATURES, VHOST_USER_VERSION, 0);

	begin_serving();
	for (int i = 0; i < FAKE_QUEUE; i++)
		fake_push(&fake, &request);
	for (int i = FAKE_QUEUE; i > 0; i--) {
		CHECK(fake.queued == (unsigned int)i);
		CHECK(relay_step(&relay) == 1);
	}
	CHECK(relay_step(&relay) == 0);
	end();
}

static void random_frontend(void)
{
	struct message message = make_message(GET_FEATURES, VHOST_USER_VERSION, 200);

	if (rand() % 4 == 0)
		message = make_memory(VHOST_USER_SET_MEM_TABLE, rand() % 10);
	if (rand() % 16 == 0)
		poke32(&message, 4 * (rand() % 4), rand());
	if (fake.connected && fake.queued < FAKE_QUEUE)
		fake_push(&fake, &message);
}

static void random_backend(void)
{
	struct message message = make_message(GET_FEATURES, REPLY, 100);
	unsigned char bytes[500];
	int fds[VHOST_PCI_MAX_RESOURCES];
	unsigned int nr = 0;

	if (rand() % 16 == 0)
		poke32(&message, 4 * (rand() % 3), rand());
	if (rand() % 16 == 0)
		peer_send(peer, message.bytes, rand() % message.length);
	else
		peer_send(peer, message.bytes, message.length);
	peer_receive(peer, bytes, sizeof(bytes), fds, &nr);
	while (nr)
		close(fds[--nr]);
}

static void random_event(void)
{
	switch (rand() % 16) {
	case 0:
		fake_disconnect(&fake, VHOST_PCI_CAUSE_CLOSED);
		break;
	case 1:
		hang_up();
		break;
	case 2 ... 4:
		if (fake.tx_length)
			fake_sent(&fake);
		fake.tx_slow = rand() % 2;
		break;
	case 5 ... 7:
		if (peer < 0 || peer_hung_up(peer)) {
			hang_up();
			peer = peer_connect(relay.backend.path);
		}
		break;
	case 8 ... 11:
		random_frontend();
		break;
	default:
		if (peer >= 0 && !peer_hung_up(peer))
			random_backend();
		break;
	}
	if (!fake.connected && !fake.knocking)
		fake_connect(&fake);
}

static void test_random(void)
{
	const char *seed = getenv("SEED");
	unsigned int number = seed ? atoi(seed) : 1;

	printf("# SEED=%u\n", number);
	srand(number);
	begin(true);
	for (int i = 0; i < 20000; i++) {
		random_event();
		if (rand() % 4)
			CHECK(relay_step(&relay) >= 0);
	}
	fake.tx_slow = false;
	if (fake.tx_length)
		fake_sent(&fake);
	fake_disconnect(&fake, VHOST_PCI_CAUSE_CLOSED);
	hang_up();
	CHECK(settle() == 0);
	peer = peer_connect(relay.backend.path);
	fake_connect(&fake);
	settle();
	CHECK(works());
	end();
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "a back-end sends garbage", test_garbage },
		{ "a back-end announces more than fits", test_too_big },
		{ "a back-end sends descriptors", test_backend_sends_descriptors },
		{ "a back-end closes, also within a reply", test_backend_closes },
		{ "a back-end closes, with a request in the mailbox",
		  test_backend_closes_with_request_in_mailbox },
		{ "a back-end closes while its reply is being sent",
		  test_backend_closes_while_sending },
		{ "a back-end that does not read", test_backend_does_not_read },
		{ "requests that are not passed on", test_wrong_requests },
		{ "a resource that cannot be had", test_resource_fails },
		{ "the device is pulled", test_device_pulled },
		{ "the device fails", test_device_fails },
		{ "a cause that is not known", test_unknown_cause },
		{ "a device with a program before this one", test_start_with_frontend },
		{ "no front-end is let in before there is a back-end", test_no_backend },
		{ "nor when the back-end has gone", test_backend_stays_away },
		{ "a back-end comes and goes without a front-end", test_no_frontend },
		{ "requests and replies", test_both_ways },
		{ "memory is that of the device, where it is in BAR 0", test_memory },
		{ "kicks, calls and errors of rings", test_rings },
		{ "replies wait for the front-end", test_slow_frontend },
		{ "a reply byte by byte", test_reply_byte_by_byte },
		{ "front-ends come and go, and back-ends with them",
		  test_frontend_reconnects },
		{ "no reply goes to the next front-end", test_reply_to_the_next },
		{ "one message of each side at a time", test_one_at_a_time },
		{ "the back-end connects", test_listen },
		{ "the back-end connects before there is a front-end", test_listen_early },
		{ "a second back-end connects", test_listen_second },
		{ "at random", test_random },
	};

	log_level = LOG_NOTHING;
	return tap_run(cases, sizeof(cases) / sizeof(*cases));
}
