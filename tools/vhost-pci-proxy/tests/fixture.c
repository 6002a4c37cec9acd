// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static void let_in(struct fake *fake)
{
	if (!fake->knocking || fake->needs_ack || fake->connected || !fake->control)
		return;
	fake->knocking = false;
	fake->connected = true;
	fake->generation++;
}

void fake_connect(struct fake *fake)
{
	fake->knocking = true;
	let_in(fake);
}

void fake_disconnect(struct fake *fake, uint32_t cause)
{
	if (!fake->connected)
		return;
	fake->connected = false;
	fake->needs_ack = true;
	fake->cause = cause;
	fake->queued = 0;
	fake->tx_length = 0;
}

void fake_push(struct fake *fake, const struct message *message)
{
	if (fake->queued == FAKE_QUEUE)
		errx(1, "the queue of the fake device is full");
	fake->queue[fake->queued++] = *message;
}

static void next_message(struct fake *fake)
{
	if (!fake->queued)
		return;
	fake->queued--;
	memmove(fake->queue, fake->queue + 1, fake->queued * sizeof(*fake->queue));
}

static uint32_t status_of(const struct fake *fake)
{
	return (fake->connected ? VHOST_PCI_STATUS_CONNECTED : 0) |
	       (fake->needs_ack ? VHOST_PCI_STATUS_NEEDS_ACK : 0);
}

static uint32_t word_at(const void *bytes, size_t size, size_t offset)
{
	uint32_t word = 0;

	if (offset + sizeof(word) <= size)
		memcpy(&word, (const char *)bytes + offset, sizeof(word));
	return word;
}

static uint32_t read_page(const struct fake *fake, unsigned int offset)
{
	const struct message *message = fake->queue;

	if (!fake->queued)
		return 0;
	if (offset >= VHOST_PCI_RX)
		return word_at(message->bytes, sizeof(message->bytes),
			       offset - VHOST_PCI_RX);
	return word_at(message->resources, sizeof(message->resources),
		       offset - VHOST_PCI_RESOURCES);
}

static int fake_read(void *opaque, unsigned int offset, uint32_t *value)
{
	struct fake *fake = opaque;

	fake->misuses += offset % 4 || offset >= VHOST_PCI_REGISTERS_SIZE;
	switch (offset) {
	case VHOST_PCI_REG_STATUS:
		*value = status_of(fake);
		break;
	case VHOST_PCI_REG_CONTROL:
		*value = fake->control;
		break;
	case VHOST_PCI_REG_GENERATION:
		*value = fake->generation;
		break;
	case VHOST_PCI_REG_CAUSE:
		*value = fake->cause;
		break;
	case VHOST_PCI_REG_RX_LENGTH:
		*value = fake->queued ? fake->queue[0].length : 0;
		break;
	case VHOST_PCI_REG_RX_RESOURCES:
		*value = fake->queued ? fake->queue[0].nr_resources : 0;
		break;
	case VHOST_PCI_REG_TX_LENGTH:
		*value = fake->tx_length;
		break;
	default:
		*value = read_page(fake, offset);
	}
	if (fake->pulled)
		*value = UINT32_MAX;
	return fake->error;
}

void fake_sent(struct fake *fake)
{
	memcpy(fake->sent.bytes, fake->tx, sizeof(fake->tx));
	fake->sent.length = fake->tx_length;
	fake->nr_sent++;
	fake->tx_length = 0;
}

static void write_tx_length(struct fake *fake, uint32_t length)
{
	fake->misuses += fake->tx_length || length < MESSAGE_HEADER ||
			 length > MESSAGE_MAX;
	if (!fake->connected) {
		fake->nr_lost++;
		return;
	}
	fake->tx_length = length;
	if (!fake->tx_slow)
		fake_sent(fake);
}

static void write_ack(struct fake *fake, uint32_t generation)
{
	fake->misuses += !fake->needs_ack || generation != fake->generation;
	if (fake->watched >= 0)
		fake->misuses += !peer_hung_up(fake->watched);
	fake->needs_ack = false;
	let_in(fake);
}

static int fake_write(void *opaque, unsigned int offset, uint32_t value)
{
	struct fake *fake = opaque;

	fake->misuses += offset % 4;
	if (offset >= VHOST_PCI_TX && offset < VHOST_PCI_TX + VHOST_PCI_PAGE) {
		fake->misuses += !!fake->tx_length;
		fake->tx[(offset - VHOST_PCI_TX) / 4] = value;
		return fake->error;
	}
	switch (offset) {
	case VHOST_PCI_REG_CONTROL:
		fake->control = value;
		if (!value)
			fake_disconnect(fake, VHOST_PCI_CAUSE_DRIVER);
		let_in(fake);
		break;
	case VHOST_PCI_REG_ACK:
		write_ack(fake, value);
		break;
	case VHOST_PCI_REG_RX_DONE:
		next_message(fake);
		break;
	case VHOST_PCI_REG_TX_LENGTH:
		write_tx_length(fake, value);
		break;
	default:
		fake->misuses++;
	}
	return fake->error;
}

static int fake_open(void *opaque, const struct vhost_pci_resource *resource)
{
	struct fake *fake = opaque;

	if (fake->open_error)
		return fake->open_error;
	switch (resource->type) {
	case VHOST_PCI_RESOURCE_MEMORY:
		return dup(fake->memory);
	case VHOST_PCI_RESOURCE_KICK:
		return dup(fake->kick[resource->index % FAKE_RINGS]);
	case VHOST_PCI_RESOURCE_CALL:
		return dup(fake->call[resource->index % FAKE_RINGS]);
	default:
		return eventfd(0, EFD_CLOEXEC);
	}
}

static int fake_renew(void *opaque)
{
	struct fake *fake = opaque;

	fake->misuses += !fake->needs_ack;
	fake->renewals++;
	return 0;
}

static const struct device_ops fake_ops = {
	.read = fake_read,
	.write = fake_write,
	.open = fake_open,
	.renew = fake_renew,
};

void fake_init(struct fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->device.name = "fake";
	fake->device.ops = &fake_ops;
	fake->device.opaque = fake;
	fake->device.memory_base = FAKE_BASE;
	fake->device.memory_size = FAKE_MEMORY;
	fake->watched = -1;
	fake->memory = memfd_create("BAR 0", MFD_CLOEXEC);
	for (unsigned int i = 0; i < FAKE_RINGS; i++) {
		fake->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		fake->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
}

void fake_free(struct fake *fake)
{
	close(fake->memory);
	for (unsigned int i = 0; i < FAKE_RINGS; i++) {
		close(fake->kick[i]);
		close(fake->call[i]);
	}
}

uint64_t peek(const struct message *message, size_t offset)
{
	uint64_t value;

	memcpy(&value, message->bytes + offset, sizeof(value));
	return value;
}

void poke(struct message *message, size_t offset, uint64_t value)
{
	memcpy(message->bytes + offset, &value, sizeof(value));
}

void poke32(struct message *message, size_t offset, uint32_t value)
{
	memcpy(message->bytes + offset, &value, sizeof(value));
}

struct message make_message(uint32_t request, uint32_t flags, size_t size)
{
	struct message message = { .length = MESSAGE_HEADER + size };

	poke32(&message, 0, request);
	poke32(&message, 4, flags);
	poke32(&message, 8, size);
	for (size_t i = MESSAGE_HEADER; i < message.length && i < MESSAGE_MAX; i++)
		message.bytes[i] = i * 7;
	return message;
}

struct message make_ring(uint32_t request, uint32_t type, uint32_t index)
{
	struct message message = make_message(request, VHOST_USER_VERSION, 8);

	poke(&message, MESSAGE_HEADER, index);
	message.nr_resources = 1;
	message.resources[0].type = type;
	message.resources[0].index = index;
	return message;
}

struct message make_memory(uint32_t request, unsigned int nr)
{
	struct message message = make_message(request, VHOST_USER_VERSION, 8 + nr * 32);

	poke(&message, MESSAGE_HEADER, request == VHOST_USER_SET_MEM_TABLE ? nr : 0);
	for (unsigned int i = 0; i < nr; i++) {
		struct vhost_pci_resource *resource =
			&message.resources[i % VHOST_PCI_MAX_RESOURCES];

		for (unsigned int field = 0; field < 4; field++)
			poke(&message, REGION(i, field), 0x10000 * (i + 1) + field);
		resource->type = VHOST_PCI_RESOURCE_MEMORY;
		resource->index = i;
		resource->offset = (uint64_t)i << 30;
		resource->size = 1 << 30;
	}
	message.nr_resources = nr;
	return message;
}

static struct sockaddr_un socket_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

int peer_connect(const char *path)
{
	struct sockaddr_un address = socket_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "cannot connect to %s", path);
	return fd;
}

int peer_listen(const char *path)
{
	struct sockaddr_un address = socket_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 8))
		err(1, "cannot listen on %s", path);
	return fd;
}

ssize_t peer_receive(int fd, void *bytes, size_t size, int *fds, unsigned int *nr_fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * VHOST_PCI_MAX_RESOURCES)];
	} control;
	struct iovec iov = { bytes, size };
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *cmsg = n < 0 ? NULL : CMSG_FIRSTHDR(&hdr);

	*nr_fds = 0;
	if (cmsg) {
		*nr_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(cmsg), *nr_fds * sizeof(int));
	}
	return n;
}

bool peer_send(int fd, const void *bytes, size_t length)
{
	return send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
}

void peer_send_fd(int fd, const void *bytes, size_t length, int sent)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = {
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int)),
	} };
	struct iovec iov = { (void *)bytes, length };
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &sent, sizeof(sent));
	if (sendmsg(fd, &hdr, MSG_NOSIGNAL) < 0)
		err(1, "cannot send a descriptor");
}

bool peer_hung_up(int fd)
{
	struct pollfd poll_fd = { .fd = fd };

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLHUP;
}

unsigned int count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int nr = 0;

	while (readdir(directory))
		nr++;
	closedir(directory);
	return nr;
}

#define TEMPLATE	"/tmp/vhost-pci-proxy-XXXXXX"

static char directory[sizeof(TEMPLATE)];

static int remove_entry(const char *path, const struct stat *status, int type,
			struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static void remove_directory(void)
{
	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *temporary(const char *name)
{
	static char paths[4][128];
	static unsigned int next;

	if (!*directory) {
		strcpy(directory, TEMPLATE);
		if (!mkdtemp(directory) || atexit(remove_directory))
			err(1, "no temporary directory");
	}
	next = (next + 1) % 4;
	snprintf(paths[next], sizeof(paths[next]), "%s/%s", directory, name);
	return paths[next];
}

int run_child(void (*run)(void), char *said, size_t size)
{
	size_t used = 0;
	int pipe_fds[2], status;
	ssize_t n;
	pid_t pid;

	fflush(stdout);
	if (pipe2(pipe_fds, O_CLOEXEC))
		err(1, "no pipe");
	pid = fork();
	if (!pid) {
		dup2(pipe_fds[1], STDERR_FILENO);
		/* The directory is the parent's. */
		*directory = '\0';
		run();
		exit(0);
	}
	close(pipe_fds[1]);
	while ((n = read(pipe_fds[0], said + used, size - 1 - used)) > 0)
		used += n;
	said[used] = '\0';
	close(pipe_fds[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
