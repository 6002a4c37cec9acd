// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "relay.h"

static void drop_frontend(struct relay *relay)
{
	device_write(relay->device, VHOST_PCI_REG_CONTROL, 0);
	relay->driver = false;
	relay->serving = false;
}

/* Whoever is connected was so with a program that did not end as it should. */
void relay_start(struct relay *relay)
{
	drop_frontend(relay);
}

static int let_in(struct relay *relay)
{
	device_write(relay->device, VHOST_PCI_REG_CONTROL, VHOST_PCI_CONTROL_DRIVER);
	relay->driver = true;
	return 1;
}

void relay_stop(struct relay *relay)
{
	backend_close(&relay->backend);
	drop_frontend(relay);
	relay->waiting = false;
}

static const char *describe_cause(uint32_t cause)
{
	static const char *const causes[] = {
		[VHOST_PCI_CAUSE_NONE] = "for no reason",
		[VHOST_PCI_CAUSE_CLOSED] = "by the front-end",
		[VHOST_PCI_CAUSE_DRIVER] = "from here",
		[VHOST_PCI_CAUSE_PROTOCOL] = "because the front-end violates the protocol",
		[VHOST_PCI_CAUSE_MEMORY] = "because the memory cannot be used",
		[VHOST_PCI_CAUSE_FILE] = "because the front-end sent what is no eventfd",
		[VHOST_PCI_CAUSE_REPLY] = "because the back-end's reply is none",
	};

	if (cause < sizeof(causes) / sizeof(*causes) && causes[cause])
		return causes[cause];
	return "for a reason that is not known";
}

/* The back-end has to let go of the memory before anybody else's takes its place. */
static int end_connection(struct relay *relay)
{
	struct device *device = relay->device;
	uint32_t generation = device_read(device, VHOST_PCI_REG_GENERATION);

	say(LOG_CONNECTIONS, device->name, "connection %u was ended %s", generation,
	    describe_cause(device_read(device, VHOST_PCI_REG_CAUSE)));
	backend_drop(&relay->backend);
	drop_frontend(relay);
	device_renew(device);
	device_write(device, VHOST_PCI_REG_ACK, generation);
	return 1;
}

/* A front-end knows how to go on when its back-end is lost: it connects anew. */
static int lose_backend(struct relay *relay)
{
	backend_drop(&relay->backend);
	drop_frontend(relay);
	return 1;
}

static void close_all(const int *fds, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		close(fds[i]);
}

static int send_with_fds(struct relay *relay)
{
	const struct message *message = &relay->message;
	int fds[VHOST_PCI_MAX_RESOURCES], ret;
	unsigned int nr;

	for (nr = 0; nr < message->nr_resources; nr++) {
		fds[nr] = device_open(relay->device, &message->resources[nr]);
		if (fds[nr] < 0)
			break;
	}
	if (nr == message->nr_resources) {
		ret = backend_send(&relay->backend, message, fds, nr);
	} else {
		say(LOG_CONNECTIONS, relay->device->name,
		    "no descriptor for a resource of type %u, index %u: %s",
		    message->resources[nr].type, message->resources[nr].index,
		    strerror(-fds[nr]));
		ret = -1;
	}
	close_all(fds, nr);
	return ret;
}

static void tell_message(const struct relay *relay, const char *from,
			 const void *bytes, unsigned int nr_resources)
{
	struct vhost_user_header header = message_header(bytes);

	say(LOG_MESSAGES, relay->device->name,
	    "%s: request %u, flags %#x, %u bytes, %u descriptors", from,
	    header.request, header.flags, header.size, nr_resources);
}

static int pass_to_backend(struct relay *relay)
{
	struct message *message = &relay->message;
	struct device *device = relay->device;
	const char *wrong;
	int ret = backend_writable(&relay->backend);

	if (ret <= 0)
		return ret;
	if (!device_receive(device, message))
		return 0;
	wrong = message_place(message, device->memory_base, device->memory_size);
	if (wrong) {
		say(LOG_CONNECTIONS, device->name,
		    "a message of the front-end is not passed on: %s", wrong);
		return -1;
	}
	tell_message(relay, "front-end", message->bytes, message->nr_resources);
	ret = send_with_fds(relay);
	device_done(device);
	return ret ? ret : 1;
}

static int pass_to_frontend(struct relay *relay)
{
	struct backend *backend = &relay->backend;
	int length = backend_receive(backend);

	if (length <= 0)
		return length;
	if (!device_send(relay->device, backend->in, length))
		return 0;
	tell_message(relay, "back-end", backend->in, 0);
	backend_consume(backend, length);
	return 1;
}

static int pass_messages(struct relay *relay)
{
	int there = pass_to_backend(relay);
	int back = there < 0 ? 0 : pass_to_frontend(relay);

	if (there < 0 || back < 0)
		return lose_backend(relay);
	return there || back;
}

static void begin_serving(struct relay *relay)
{
	if (relay->serving)
		return;
	relay->serving = true;
	say(LOG_CONNECTIONS, relay->device->name,
	    "connection %u: front-end and back-end are there",
	    device_read(relay->device, VHOST_PCI_REG_GENERATION));
}

static int step(struct relay *relay, uint32_t status)
{
	struct backend *backend = &relay->backend;

	relay->waiting = false;
	if (status & VHOST_PCI_STATUS_NEEDS_ACK)
		return end_connection(relay);
	if (backend_gone(backend)) {
		say(LOG_CONNECTIONS, relay->device->name, "the back-end is gone");
		return lose_backend(relay);
	}
	backend_accept(backend);
	if (!backend_connect(backend)) {
		relay->waiting = !backend->connects;
		return 0;
	}
	if (!relay->driver)
		return let_in(relay);
	if (!(status & VHOST_PCI_STATUS_CONNECTED))
		return 0;
	begin_serving(relay);
	return pass_messages(relay);
}

int relay_step(struct relay *relay)
{
	uint32_t status = device_read(relay->device, VHOST_PCI_REG_STATUS);
	int ret;

	/* What is read of a device that was pulled */
	if (!relay->device->error && status == UINT32_MAX)
		return -ENODEV;
	ret = relay->device->error ? 0 : step(relay, status);
	return relay->device->error ? relay->device->error : ret;
}

/* A back-end that talks before it is asked is not listened to. */
short relay_events(const struct relay *relay)
{
	return relay->serving ? backend_events(&relay->backend) : 0;
}
