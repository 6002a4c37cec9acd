// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"
#include "scene.h"

#define MIB(n)		((uint64_t)(n) << 20)
#define GIB(n)		((uint64_t)(n) << 30)
/* Linux gives out IOVAs from here downwards. */
#define IOVA_END	GIB(4)
#define IOVA_SPAN	MIB(32)
#define WINDOW_END	GIB(512)
#define MIDDLE_STRIDE	MIB(1)
#define FAR_STRIDE	MIB(64)

#define RTADDR_REG	0xfed90020
#define GSTS_REG	0xfed9001c

struct near_range {
	uint64_t first;
	uint64_t last;
};

char *scene_monitor(struct vm *vm, const char *format, ...)
{
	char line[64], *text = NULL;
	json_t *answer;
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	answer = vm_qmp(vm, "human-monitor-command", "{s:s}", "command-line",
			line);
	if (answer)
		text = strdup(json_string_value(answer));
	json_decref(answer);
	return text;
}

/* Bits of a register in guest-physical memory */
static uint64_t read_register(struct vm *vm, uint64_t address)
{
	char *text = scene_monitor(vm, "xp /1gx 0x%" PRIx64, address);
	const char *value = text ? strstr(text, ": 0x") : NULL;
	uint64_t bits = value ? strtoull(value + 2, NULL, 16) : 0;

	free(text);
	return bits;
}

static int look_at_memory(struct scene *scene)
{
	struct guest_memory *memory = &scene->memory;
	struct guest_range *range;
	char *text = scene_monitor(&scene->vm, "info mtree -f");
	unsigned int i;
	int ret;

	ret = text ? guest_memory_parse(memory, text) : -EIO;
	free(text);
	memory->pid = scene->vm.qemu.pid;
	scene->ram_end = 0;
	for (i = 0; !ret && i < memory->nr; i++) {
		range = &memory->ranges[i];
		text = scene_monitor(&scene->vm, "gpa2hva 0x%" PRIx64, range->gpa);
		range->hva = text ? guest_memory_hva(text) : 0;
		free(text);
		if (!range->hva)
			ret = -EIO;
		if (!range->readonly)
			scene->ram_end = range->gpa + range->length;
	}
	return ret;
}

/* The last directory that is a PCI function is the device, behind its port. */
static bool last_function(const char *path, char *address, size_t size)
{
	const char *at, *next;

	at = strstr(path, "/virtio");
	if (!at)
		return false;
	next = at;
	while (next > path && next[-1] != '/')
		next--;
	snprintf(address, size, "%.*s", (int)(at - next), next);
	return true;
}

int scene_find_device(struct scene *scene, char *address, size_t size)
{
	unsigned int bus, device, function;

	if (!guest_ok(&scene->vm, "readlink -f /sys/block/vda") ||
	    !last_function(scene->vm.output, address, size) ||
	    sscanf(address, "%*x:%x:%x.%u", &bus, &device, &function) != 3)
		return -ENODEV;
	scene->intel.bus = bus;
	scene->intel.devfn = device << 3 | function;
	scene->log.endpoint = bus << 8 | scene->intel.devfn;
	return 0;
}

static void add_trace(struct scene *scene)
{
	struct vm *vm = &scene->vm;
	size_t i;

	snprintf(scene->trace, sizeof(scene->trace), "%s/trace", vm->dir);
	for (i = 0; i < virtio_log_nr_events; i++)
		vm_add(vm, "-trace", "%s", virtio_log_events[i]);
	vm_add(vm, "-D", "%s", scene->trace);
}

static int start(struct scene *scene, const struct vm_config *config,
		 const char *socket)
{
	struct vm *vm = &scene->vm;
	int ret;

	ret = vm_init(vm, config);
	if (ret)
		return ret;
	vm_add_disk(vm, 0, socket, 1);
	if (config->iommu == VM_VIRTIO_IOMMU)
		add_trace(scene);
	ret = vm_start(vm);
	return ret ?: vm_wait_boot(vm);
}

/* With a back-end that listens at @socket */
static int open_with(struct scene *scene, const struct vm_config *config,
		     const char *socket)
{
	char address[32];
	int ret;

	ret = start(scene, config, socket);
	if (!ret && config->iommu == VM_VIRTIO_IOMMU)
		ret = virtio_log_open(&scene->log, scene->trace, 0);
	if (!ret)
		ret = scene_find_device(scene, address, sizeof(address));
	return ret ?: look_at_memory(scene);
}

int scene_open(struct scene *scene, const struct vm_config *config,
	       const char *offer)
{
	int ret;

	ret = adversary_init(&scene->adversary, 64, offer);
	if (!ret)
		ret = adversary_start(&scene->adversary);
	return ret ?: open_with(scene, config, scene->adversary.socket);
}

/* A program in the guest ends if nobody is at the other end of its port. */
int scene_open_served(struct scene *scene, const struct vm_config *config,
		      const struct service_config *kind)
{
	struct service *service = &scene->service;
	int ret;

	ret = service_init(service, kind);
	if (!ret)
		ret = vm_start(&service->vm);
	if (!ret)
		ret = adversary_join(&scene->adversary, service->control,
				     service->results, &service->vm);
	if (!ret)
		ret = service_wait_boot(service);
	return ret ?: open_with(scene, config, service->sockets[0]);
}

/* Only that QEMU inherits it. */
static int start_infected(struct service *service)
{
	char library[128];
	int ret;

	snprintf(library, sizeof(library), "%s/lib/hostile_preload.so",
		 program_root());
	setenv("HOSTILE_CONTROL", service->control, 1);
	setenv("HOSTILE_RESULTS", service->results, 1);
	setenv("LD_PRELOAD", library, 1);
	ret = service_start(service);
	unsetenv("LD_PRELOAD");
	return ret;
}

int scene_open_infected(struct scene *scene, const struct vm_config *config,
			const struct service_config *kind)
{
	struct service *service = &scene->service;
	int ret;

	ret = service_init(service, kind);
	if (!ret)
		ret = start_infected(service);
	if (!ret)
		ret = adversary_join(&scene->adversary, service->control,
				     service->results, NULL);
	return ret ?: open_with(scene, config, service->sockets[0]);
}

void scene_bury(const struct scene *scene, bool failed)
{
	if (*scene->trace)
		unlink(scene->trace);
	vm_bury(&scene->vm, failed);
	service_bury(&scene->service, failed);
	adversary_bury(&scene->adversary, failed);
}

static bool thread_stopped(pid_t pid, const char *tid)
{
	char path[64], line[256] = "", *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", pid, tid);
	file = fopen(path, "re");
	if (!file)
		return true;
	fgets(line, sizeof(line), file);
	fclose(file);
	state = strrchr(line, ')');
	return state && state[1] == ' ' && state[2] == 'T';
}

static bool all_stopped(pid_t pid)
{
	struct dirent *entry;
	bool stopped = true;
	char path[32];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks)))
		stopped &= *entry->d_name == '.' ||
			   thread_stopped(pid, entry->d_name);
	if (tasks)
		closedir(tasks);
	return stopped;
}

static int stop_process(pid_t pid)
{
	const uint64_t end = now_ns() + PROGRAM_TIMEOUT_MS * 1000000ULL;

	if (kill(pid, SIGSTOP))
		return -errno;
	while (!all_stopped(pid)) {
		if (now_ns() > end)
			return -ETIMEDOUT;
		sleep_ms(1);
	}
	return 0;
}

static int freeze(struct scene *scene)
{
	struct vm *vm = &scene->vm;

	if (vm->config.iommu == VM_INTEL_IOMMU) {
		scene->intel.root = read_register(vm, RTADDR_REG);
		scene->intel.status = read_register(vm, GSTS_REG);
	}
	return stop_process(vm->qemu.pid);
}

int scene_freeze(struct scene *scene)
{
	int ret = adversary_do(&scene->adversary, "hold");

	return ret ?: freeze(scene);
}

int scene_freeze_busy(struct scene *scene, unsigned int ms)
{
	int ret = adversary_do(&scene->adversary, "hold");

	if (ret)
		return ret;
	if (!adversary_wait(&scene->adversary, "waiting", 1))
		return -ETIMEDOUT;
	sleep_ms(ms);
	return freeze(scene);
}

int scene_thaw(struct scene *scene)
{
	if (kill(scene->vm.qemu.pid, SIGCONT))
		return -errno;
	return adversary_do(&scene->adversary, "go");
}

static int ask_oracle(struct scene *scene)
{
	/* With a back-end that has not been told of rings, nothing is shared. */
	if (!adversary_state(&scene->adversary, "started")) {
		scene->oracle.nr = 0;
		return 0;
	}
	switch (scene->vm.config.iommu) {
	case VM_NO_IOMMU:
		return oracle_of_memory(&scene->oracle, &scene->memory);
	case VM_INTEL_IOMMU:
		return oracle_of_intel(&scene->oracle, &scene->memory,
				       &scene->intel);
	case VM_VIRTIO_IOMMU:
		return oracle_of_virtio(&scene->oracle, &scene->log);
	}
	return -EINVAL;
}

/* The parts of the window that something may be in; the guest's RAM is below both */
static unsigned int near_ranges(const struct scene *scene,
				struct near_range ranges[2])
{
	ranges[0] = (struct near_range){ 0, scene->ram_end - 1 };
	ranges[1] = (struct near_range){ IOVA_END - IOVA_SPAN, IOVA_END - 1 };
	return 2;
}

long scene_reach(struct scene *scene, const char *how)
{
	struct near_range ranges[2];
	unsigned int i, nr = near_ranges(scene, ranges);
	long pages, sum = 0;

	adversary_forget(&scene->adversary);
	for (i = 0; i < nr; i++) {
		pages = adversary_reach(&scene->adversary, how, ranges[i].first,
					ranges[i].last);
		if (pages < 0)
			return pages;
		sum += pages;
	}
	return sum;
}

static void judge_range(struct scene *scene, const struct near_range *range,
			struct verdict *verdict)
{
	const struct adversary *adversary = &scene->adversary;
	const struct reached *reached = adversary->reached;
	const struct reached *end = reached + adversary->nr, *from;

	while (reached < end && reached->address < range->first)
		reached++;
	for (from = reached; reached < end && reached->address <= range->last;)
		reached++;
	oracle_judge(&scene->oracle, &scene->memory, from, reached - from,
		     range->first, range->last, verdict);
}

int scene_judge(struct scene *scene, const char *how, struct verdict *verdict)
{
	struct near_range ranges[2];
	unsigned int i, nr = near_ranges(scene, ranges);
	long pages;
	int ret;

	memset(verdict, 0, sizeof(*verdict));
	verdict->first = UINT64_MAX;
	ret = ask_oracle(scene);
	if (ret)
		return ret;
	pages = scene_reach(scene, how);
	if (pages < 0)
		return pages;
	for (i = 0; i < nr; i++)
		judge_range(scene, &ranges[i], verdict);
	return 0;
}

static long reach_strided(struct scene *scene, const char *how, uint64_t first,
			  uint64_t last, uint64_t stride)
{
	struct adversary *adversary = &scene->adversary;
	int ret;

	ret = adversary_do(adversary, "reach %s 0x%" PRIx64 " 0x%" PRIx64
			   " 0x%" PRIx64, how, first, last, stride);
	return ret ?: adversary_number(adversary, "reached");
}

long scene_reach_elsewhere(struct scene *scene, const char *how,
			   unsigned int seed)
{
	long middle, far;

	middle = reach_strided(scene, how, scene->ram_end +
			       seed % (MIDDLE_STRIDE / REACH_PAGE) * REACH_PAGE,
			       IOVA_END - IOVA_SPAN - 1, MIDDLE_STRIDE);
	if (middle < 0)
		return middle;
	far = reach_strided(scene, how, IOVA_END +
			    seed % (FAR_STRIDE / REACH_PAGE) * REACH_PAGE,
			    WINDOW_END - 1, FAR_STRIDE);
	return far < 0 ? far : middle + far;
}

long scene_find(struct scene *scene, const char *text)
{
	struct near_range ranges[2];
	unsigned int i, nr = near_ranges(scene, ranges);
	long times = 0;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = adversary_do(&scene->adversary, "find %s 0x%" PRIx64
				   " 0x%" PRIx64, text, ranges[i].first,
				   ranges[i].last);
		if (ret)
			return ret;
		times += adversary_number(&scene->adversary, "found");
	}
	return times;
}
