// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"
#include "service.h"

/* More than there can be pages that are reached */
#define RESULTS		(4 << 20)
/* Where the guest's back-ends listen */
#define SOCKET		"/tmp/socket"
#define LISTENS		"await sh -c 'grep -q " SOCKET "%u /proc/net/unix || ! running back-end'; running back-end"

static void add_device(struct service *service, unsigned int number)
{
	const struct service_config *config = &service->config;
	struct vm *vm = &service->vm;
	char place[32];

	if (config->port)
		strcpy(place, "bus=port-pci");
	else
		snprintf(place, sizeof(place), "addr=0x%x", 0x10 + number);
	vm_add(vm, "-chardev", "socket,id=socket-pci%u,path=%s,server=on,wait=off",
	       number, service->sockets[number]);
	vm_add(vm, "-device",
	       "vhost-pci,id=pci%u,%s,chardev=socket-pci%u,mem-size=%s,native=%s%s",
	       number, place, number, config->memory,
	       config->mapped ? "off" : "on", config->options ?: "");
}

static void add_devices(struct service *service)
{
	unsigned int i;

	if (service->config.port)
		vm_add(&service->vm, "-device",
		       "pcie-root-port,id=port-pci,chassis=1,slot=1,pref64-reserve=%s",
		       service->config.memory);
	service->devices = service->config.kind == SERVICE_SWITCH ?
			   BACKEND_PORTS : 1;
	for (i = 0; i < service->devices; i++) {
		snprintf(service->sockets[i], sizeof(service->sockets[i]),
			 "%s/socket%u", service->vm.dir, i);
		add_device(service, i);
	}
}

static int make_results(struct service *service)
{
	int fd, ret;

	fd = open(service->results, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = ftruncate(fd, RESULTS) ? -errno : 0;
	close(fd);
	return ret;
}

/* It is talked to by a port of its own; its results go to a disk that the test reads. */
static int add_hostile(struct service *service)
{
	struct vm *vm = &service->vm;

	vm_add(vm, "-chardev", "socket,id=control,path=%s,server=on,wait=off",
	       service->control);
	vm_add(vm, "-device", "%s", "virtio-serial-pci");
	vm_add(vm, "-device", "%s", "virtserialport,chardev=control");
	vm_add(vm, "-drive", "file=%s,format=raw,if=none,id=results",
	       service->results);
	vm_add(vm, "-device", "%s", "virtio-blk-pci,drive=results");
	return make_results(service);
}

int service_init(struct service *service, const struct service_config *config)
{
	const struct vm_config machine = {
		.sharing = VM_STOCK, .memory = VM_ANON, .back_end = true,
		.megabytes = config->kind == SERVICE_SWITCH ? 320 : 192,
	};
	int ret;

	memset(service, 0, sizeof(*service));
	ret = vm_init(&service->vm, &machine);
	if (ret)
		return ret;
	service->config = *config;
	service->config.queues = config->queues ?: 1;
	snprintf(service->control, sizeof(service->control), "%s/control",
		 service->vm.dir);
	snprintf(service->results, sizeof(service->results), "%s/results",
		 service->vm.dir);
	add_devices(service);
	return config->kind == SERVICE_HOSTILE ? add_hostile(service) : 0;
}

/* As a shell takes them */
static char *join(const struct program *program)
{
	char *line = strdup(""), *longer;
	int i;

	for (i = 0; i < program->argc; i++) {
		if (asprintf(&longer, "%s '%s'", line, program->argv[i]) < 0)
			abort();
		free(line);
		line = longer;
	}
	return line;
}

static void describe_switch(const struct service *service,
			    struct program *program)
{
	const struct switch_config config = {
		.root = "", .lcores = "(0,1)@0",
		.sockets = { SOCKET "0", SOCKET "1" },
		.queues = service->config.queues,
	};

	program_add(program, "dpdk-testpmd");
	switch_describe(program, &config);
}

static void describe(const struct service *service, struct program *program)
{
	switch (service->config.kind) {
	case SERVICE_DISK:
		program_add(program, "qemu-storage-daemon");
		disk_describe(program, "/tmp/image", SOCKET "0",
			      service->config.queues);
		break;
	case SERVICE_SWITCH:
		describe_switch(service, program);
		break;
	case SERVICE_HOSTILE:
		program_add(program, "sh");
		program_add(program, "-c");
		program_add(program,
			    "exec hostile_backend --listen=" SOCKET "0 --disk=/tmp/image --results=/tmp/results --offer=all --control=3 3<>/dev/vport0p1");
		break;
	case SERVICE_NOBODY:
		break;
	}
}

/* The image outlives who serves it, but not the guest. */
bool service_start_backend(struct service *service)
{
	struct program program = {};
	char *line;
	bool done;

	describe(service, &program);
	line = join(&program);
	done = guest_ok(&service->vm, "rm -f " SOCKET "*; [ -e /tmp/image ] || truncate -s %dM /tmp/image",
			SERVICE_MEGABYTES) &&
		guest_ok(&service->vm, "daemon back-end%s", line) &&
		guest_ok(&service->vm, LISTENS, service->devices - 1);
	free(line);
	program_drop(&program, 0);
	return done;
}

bool service_end_backend(struct service *service)
{
	return guest_ok(&service->vm, "end back-end");
}

/* Without a back-end, a front-end would be disconnected. */
static bool proxy_waits(struct service *service)
{
	unsigned int i;

	for (i = 0; i < service->devices; i++)
		if (!service_wait_property(service, i, "driver", 1))
			return guest_ok(&service->vm, "cat /tmp/proxy.log; false");
	return true;
}

bool service_start_proxy(struct service *service)
{
	return guest_ok(&service->vm,
			"n=0; set --; for d in $(vhost-pci); do set -- \"$@\" -d $d -c " SOCKET "$n; n=$((n + 1)); done; daemon proxy vhost-pci-proxy --bind \"$@\"") &&
		proxy_waits(service);
}

bool service_end_proxy(struct service *service)
{
	return guest_ok(&service->vm, "end proxy");
}

bool service_switch_on(struct service *service)
{
	return guest_ok(&service->vm, "echo start >/tmp/back-end.in");
}

bool service_sum(struct service *service, unsigned int from_megabyte)
{
	return guest_ok(&service->vm,
			"dd if=/tmp/image bs=1M skip=%u 2>/dev/null | md5sum",
			from_megabyte);
}

int service_wait_boot(struct service *service)
{
	int ret = vm_wait_boot(&service->vm);

	if (ret || service->config.kind == SERVICE_NOBODY)
		return ret;
	if (!service_start_backend(service) || !service_start_proxy(service))
		return -EIO;
	return 0;
}

int service_start(struct service *service)
{
	int ret = vm_start(&service->vm);

	return ret ?: service_wait_boot(service);
}

void service_kill(struct service *service)
{
	vm_kill(&service->vm);
}

void service_bury(const struct service *service, bool failed)
{
	unsigned int i;

	if (!*service->vm.dir)
		return;
	for (i = 0; i < service->devices; i++)
		unlink(service->sockets[i]);
	unlink(service->control);
	unlink(service->results);
	vm_bury(&service->vm, failed);
}

int service_plug(struct service *service)
{
	const struct service_config *config = &service->config;

	return vm_do(&service->vm, "device_add", "{s:s, s:s, s:s, s:s, s:I, s:s}",
		     "driver", "vhost-pci", "id", "pci0", "bus", "port-pci",
		     "chardev", "socket-pci0", "mem-size",
		     (json_int_t)strtoll(config->memory, NULL, 10) << 30,
		     "native", config->mapped ? "off" : "on");
}

int64_t service_property(struct service *service, unsigned int device,
			 const char *name)
{
	char path[32];
	json_t *value;
	int64_t number;

	snprintf(path, sizeof(path), "/machine/peripheral/pci%u", device);
	value = vm_qmp(&service->vm, "qom-get", "{s:s, s:s}", "path", path,
		       "property", name);
	number = json_is_integer(value) ? json_integer_value(value) :
		 json_is_boolean(value) ? json_is_true(value) : -1;
	json_decref(value);
	return number;
}

bool service_wait_property(struct service *service, unsigned int device,
			   const char *name, int64_t value)
{
	const uint64_t end = now_ns() + PROGRAM_TIMEOUT_MS * 1000000ULL;
	int64_t now;

	while ((now = service_property(service, device, name)) != value) {
		if (now_ns() > end) {
			printf("# pci%u: %s is %ld, not %ld\n", device, name,
			       (long)now, (long)value);
			return false;
		}
		sleep_ms(50);
	}
	return true;
}

uint64_t service_memory(struct service *service)
{
	if (!guest_ok(&service->vm,
		      "head -n 1 /sys/bus/pci/devices/$(vhost-pci)/resource"))
		return 0;
	return strtoull(service->vm.output, NULL, 16);
}
