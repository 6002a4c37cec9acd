// SPDX-License-Identifier: GPL-2.0-only
/* The socket of the back-end, and back-ends that do what they should not. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "log.h"
#include "tap.h"

static struct backend backend;
static int peer;

static void begin(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
		CHECK(false);
	backend_init(&backend, "fake", "", false);
	backend.fd = fds[0];
	peer = fds[1];
}

static void end(void)
{
	backend_drop(&backend);
	close(peer);
}

static void test_garbage(void)
{
	unsigned char bytes[MESSAGE_MAX];

	for (int value = 0; value < 256; value++) {
		/* Four such bytes as flags are those of a reply, with a size too big. */
		memset(bytes, value, sizeof(bytes));
		begin();
		CHECK(peer_send(peer, bytes, sizeof(bytes)));
		CHECK(backend_receive(&backend) == -1);
		end();
	}
}

static void test_too_big(void)
{
	struct message message = make_message(1, 5, MESSAGE_MAX - MESSAGE_HEADER);

	begin();
	poke32(&message, 8, MESSAGE_MAX - MESSAGE_HEADER + 1);
	CHECK(peer_send(peer, message.bytes, MESSAGE_HEADER));
	CHECK(backend_receive(&backend) == -1);
	end();
}

static void test_sends_descriptors(void)
{
	struct message message = make_message(1, 5, 8);
	unsigned int fds = count_fds();

	for (size_t length = 1; length <= message.length; length++) {
		begin();
		peer_send_fd(peer, message.bytes, length, STDOUT_FILENO);
		CHECK(backend_receive(&backend) == -1);
		end();
	}
	/* With the last byte, after a beginning that was right */
	begin();
	CHECK(peer_send(peer, message.bytes, message.length - 1));
	CHECK(backend_receive(&backend) == 0);
	peer_send_fd(peer, message.bytes + message.length - 1, 1, STDOUT_FILENO);
	CHECK(backend_receive(&backend) == -1);
	end();
	CHECK(count_fds() == fds);
}

static void test_closes(void)
{
	struct message message = make_message(1, 5, 8);

	for (size_t length = 0; length < message.length; length++) {
		begin();
		if (length)
			CHECK(peer_send(peer, message.bytes, length));
		CHECK(!backend_gone(&backend));
		CHECK(backend_receive(&backend) == 0);
		close(peer);
		CHECK(backend_gone(&backend));
		CHECK(backend_receive(&backend) == -1);
		backend_drop(&backend);
	}
}

static void test_send_to_closed(void)
{
	struct message message = make_message(1, 1, 8);

	begin();
	close(peer);
	CHECK(backend_send(&backend, &message, NULL, 0) == -1);
	backend_drop(&backend);
}

static void test_byte_by_byte(void)
{
	struct message message = make_message(1, 5, 8);

	begin();
	for (size_t i = 0; i < message.length; i++) {
		CHECK(backend_receive(&backend) == 0);
		CHECK(peer_send(peer, message.bytes + i, 1));
	}
	CHECK(backend_receive(&backend) == (int)message.length);
	CHECK(!memcmp(backend.in, message.bytes, message.length));
	backend_consume(&backend, message.length);
	CHECK(backend_receive(&backend) == 0);
	end();
}

static void test_several_at_once(void)
{
	struct message message = make_message(1, 5, 2000);

	begin();
	for (uint32_t i = 0; i < 20; i++) {
		poke32(&message, MESSAGE_HEADER, i);
		CHECK(peer_send(peer, message.bytes, message.length));
	}
	for (uint32_t i = 0; i < 20; i++) {
		while (!backend_receive(&backend))
			;
		poke32(&message, MESSAGE_HEADER, i);
		CHECK(!memcmp(backend.in, message.bytes, message.length));
		backend_consume(&backend, message.length);
	}
	CHECK(backend_receive(&backend) == 0);
	end();
}

static void test_largest(void)
{
	struct message message = make_message(1, 5, MESSAGE_MAX - MESSAGE_HEADER);

	begin();
	CHECK(peer_send(peer, message.bytes, message.length));
	CHECK(backend_receive(&backend) == MESSAGE_MAX);
	CHECK(!(backend_events(&backend) & POLLIN));
	CHECK(backend_receive(&backend) == MESSAGE_MAX);
	backend_consume(&backend, MESSAGE_MAX);
	CHECK(backend_events(&backend) == POLLIN);
	end();
}

/*
 * Sends until the socket takes a part of a message. Which size of its buffer makes it
 * do that is for the kernel to know. Return: the number of messages
 */
static unsigned int fill(struct message *message)
{
	int fd = STDOUT_FILENO;

	for (int size = 3000; size < 5000; size += 50) {
		unsigned int nr = 0;

		begin();
		setsockopt(backend.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		do {
			poke32(message, MESSAGE_HEADER, nr++);
		} while (!backend_send(&backend, message, &fd, 1) && !backend.out_used);
		if (backend.out_used)
			return nr;
		end();
	}
	CHECK(false);
	return 0;
}

/* Reads them as the back-end does, with what is kept being sent meanwhile. */
static void read_whole(struct message *message)
{
	struct message got;
	size_t done = 0;
	int fds[VHOST_PCI_MAX_RESOURCES];
	unsigned int nr_fds, all = 0;

	for (int tries = 0; done < message->length && tries < 1000; tries++) {
		ssize_t n = peer_receive(peer, got.bytes + done, message->length - done,
					 fds, &nr_fds);

		CHECK(!nr_fds || !done);
		if (nr_fds)
			close(fds[0]);
		all += nr_fds;
		done += n > 0 ? n : 0;
		CHECK(backend_writable(&backend) >= 0);
	}
	CHECK(all == 1);
	CHECK(!memcmp(got.bytes, message->bytes, message->length));
}

static void test_does_not_read(void)
{
	struct message message = make_message(1, 1, MESSAGE_MAX - MESSAGE_HEADER);
	unsigned int nr = fill(&message);

	CHECK(backend_writable(&backend) == 0);
	CHECK(backend_events(&backend) & POLLOUT);
	for (unsigned int i = 0; i < nr; i++) {
		poke32(&message, MESSAGE_HEADER, i);
		read_whole(&message);
	}
	CHECK(backend_writable(&backend) == 1);
	CHECK(!(backend_events(&backend) & POLLOUT));
	end();
}

static void test_does_not_read_and_closes(void)
{
	struct message message = make_message(1, 1, MESSAGE_MAX - MESSAGE_HEADER);

	fill(&message);
	close(peer);
	CHECK(backend_writable(&backend) == -1);
	backend_drop(&backend);
	CHECK(!backend.out_used && !backend.full);
}

static const char *path;

static void open_listener(void)
{
	backend_init(&backend, "fake", path, true);
	backend_open(&backend);
}

static void open_connector(void)
{
	backend_init(&backend, "fake", path, false);
	backend_open(&backend);
}

static bool refused(void (*run)(void), const char *pattern)
{
	char said[1024];
	int status = run_child(run, said, sizeof(said));

	if (status == 1 && strstr(said, pattern))
		return true;
	printf("# status %d: %s\n", status, said);
	return false;
}

static void test_wrong_paths(void)
{
	char longest[200];
	int fd;

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	path = longest;
	CHECK(refused(open_listener, "at most 107 characters"));
	CHECK(refused(open_connector, "at most 107 characters"));
	path = temporary("nowhere/socket");
	CHECK(refused(open_listener, "choose another path"));
	path = temporary("file");
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK(refused(open_listener, "is no socket: remove it"));
	path = temporary("used");
	fd = peer_listen(path);
	CHECK(refused(open_listener, "is in use: stop who listens"));
	close(fd);
}

static void test_stale_socket(void)
{
	struct stat status;

	path = temporary("stale");
	close(peer_listen(path));
	open_listener();
	peer = peer_connect(path);
	backend_accept(&backend);
	CHECK(backend_connect(&backend));
	backend_close(&backend);
	CHECK(peer_hung_up(peer));
	CHECK(stat(path, &status) && errno == ENOENT);
	close(peer);
}

static void test_second_refused(void)
{
	int second;

	path = temporary("second");
	open_listener();
	backend_accept(&backend);
	CHECK(!backend_connect(&backend));
	peer = peer_connect(path);
	second = peer_connect(path);
	backend_accept(&backend);
	backend_accept(&backend);
	CHECK(peer_hung_up(second) && !peer_hung_up(peer));
	CHECK(backend_connect(&backend));
	close(second);
	backend_drop(&backend);
	CHECK(peer_hung_up(peer));
	close(peer);
	peer = peer_connect(path);
	backend_accept(&backend);
	CHECK(backend_connect(&backend) && !backend_gone(&backend));
	close(peer);
	backend_close(&backend);
}

static void test_connects_later(void)
{
	unsigned int fds = count_fds();
	int listener;

	path = temporary("later");
	open_connector();
	for (int i = 0; i < 100; i++)
		CHECK(!backend_connect(&backend));
	CHECK(count_fds() == fds);
	listener = peer_listen(path);
	CHECK(backend_connect(&backend) && backend_connect(&backend));
	peer = accept(listener, NULL, NULL);
	CHECK(peer >= 0 && accept(listener, NULL, NULL) < 0);
	close(peer);
	close(listener);
	CHECK(backend_gone(&backend));
	backend_close(&backend);
	CHECK(!backend_connect(&backend));
	CHECK(count_fds() == fds);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "garbage is no reply", test_garbage },
		{ "a reply that does not fit is refused by its header", test_too_big },
		{ "descriptors are refused, and closed", test_sends_descriptors },
		{ "a back-end that closes, also within a message", test_closes },
		{ "sending to a back-end that closed", test_send_to_closed },
		{ "a back-end that does not read is not waited for", test_does_not_read },
		{ "it closes then", test_does_not_read_and_closes },
		{ "paths that cannot be used", test_wrong_paths },
		{ "a reply byte by byte", test_byte_by_byte },
		{ "several replies at once", test_several_at_once },
		{ "the largest reply", test_largest },
		{ "the socket of a killed program is replaced", test_stale_socket },
		{ "a second back-end is refused, the next one is not", test_second_refused },
		{ "a back-end that listens later is found", test_connects_later },
	};

	log_level = LOG_NOTHING;
	return tap_run(cases, sizeof(cases) / sizeof(*cases));
}
