// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"
#include "vm.h"

#define KERNEL_ARGS "console=ttyS0 quiet panic=-1 oops=panic mitigations=off "	\
	"nowatchdog no_timer_check tsc=reliable iommu.strict=1 intel_iommu=on"

/*
 * Newer ones of QEMU's machines leave 12 GB below 1 TB to AMD's HyperTransport. There
 * would be no place for a BAR of 512 GB: the lab's CPU has addresses of 40 bits.
 */
#define BACK_END_MACHINE "pc-q35-7.0"

enum vm_sharing vm_sharing(void)
{
	const char *sharing = getenv("SHARING");

	return sharing && !strcmp(sharing, "stock") ? VM_STOCK : VM_GRANT;
}

const char *vm_impossible(const struct vm_config *config, bool iotlb)
{
	if (config->sharing != VM_STOCK)
		return NULL;
	if (config->memory == VM_ANON)
		return "stock QEMU can share files only";
	if (config->iommu != VM_NO_IOMMU && !iotlb)
		return "stock QEMU has no IOMMU for back-ends without IOTLB";
	return NULL;
}

void vm_add(struct vm *vm, const char *option, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	program_add(&vm->qemu, "%s", option);
	program_add(&vm->qemu, "%s", text);
	free(text);
}

static void add_machine(struct vm *vm)
{
	const bool back_end = vm->config.back_end;

	vm_add(vm, "-L", "%s/share", program_root());
	vm_add(vm, "-machine",
	       "%s,accel=kvm,kernel-irqchip=%s,memory-backend=ram,usb=off,sata=off,smbus=off,vmport=off,hpet=off,i8042=off",
	       back_end ? BACK_END_MACHINE : "q35", back_end ? "split" : "on");
	vm_add(vm, "-cpu", "host");
	vm_add(vm, "-smp", "%u", vm->config.cpus);
	program_add(&vm->qemu, "-nodefaults");
	vm_add(vm, "-display", "none");
}

static void add_memory(struct vm *vm)
{
	static const char * const backend[] = {
		[VM_MEMFD]	= "memory-backend-memfd,share=on",
		[VM_ANON]	= "memory-backend-ram,share=off",
		[VM_HUGE]	= "memory-backend-memfd,share=on,hugetlb=on,hugetlbsize=2M",
	};
	const struct vm_config *config = &vm->config;

	vm_add(vm, "-object", "%s,id=ram,size=%uM", backend[config->memory],
	       config->megabytes);
	if (config->slots)
		vm_add(vm, "-m", "%uM,slots=%u,maxmem=4G", config->megabytes,
		       config->slots);
	else
		vm_add(vm, "-m", "%uM", config->megabytes);
}

static void add_grant(struct vm *vm)
{
	const struct vm_config *config = &vm->config;

	if (config->sharing == VM_GRANT)
		vm_add(vm, "-object", "vhost-grant,id=g0%s%s%s%s%s",
		       config->window ? ",window-size=" : "",
		       config->window ?: "",
		       config->bypass ? ",bypass=" : "",
		       config->bypass ?: "",
		       config->kvm_mapped ? ",kvm-mapped=on" : "");
}

/* It has to be there before the devices that it serves. */
static void add_iommu(struct vm *vm)
{
	switch (vm->config.iommu) {
	case VM_NO_IOMMU:
		/* VFIO wants one, and its interrupts remapped. */
		if (vm->config.back_end)
			vm_add(vm, "-device", "intel-iommu,intremap=on");
		break;
	case VM_INTEL_IOMMU:
		vm_add(vm, "-device", "intel-iommu,intremap=off,caching-mode=on,aw-bits=39");
		break;
	case VM_VIRTIO_IOMMU:
		vm_add(vm, "-device", "virtio-iommu-pci,aw-bits=%u",
		       vm->config.iova_bits ?: 39);
		break;
	}
}

static void add_guest(struct vm *vm)
{
	const char *args = vm->config.kernel_args;

	vm_add(vm, "-kernel", "%s/guest/vmlinux", program_root());
	vm_add(vm, "-initrd", "%s/guest/%s", program_root(),
	       vm->config.back_end ? "back-end" : "initramfs");
	vm_add(vm, "-append", KERNEL_ARGS " %s", args ?: "");
	vm_add(vm, "-serial", "file:%s/console", vm->dir);
}

int vm_init(struct vm *vm, const struct vm_config *config)
{
	memset(vm, 0, sizeof(*vm));
	vm->config = *config;
	vm->config.megabytes = config->megabytes ?: 256;
	vm->config.cpus = config->cpus ?: 1;
	vm->qmp.fd = vm->guest.fd = -1;
	strcpy(vm->dir, "/tmp/vm-XXXXXX");
	if (!mkdtemp(vm->dir))
		return -errno;
	vm->events = json_array();
	program_init(&vm->qemu, vm->dir, "qemu-system-x86_64");
	add_machine(vm);
	add_memory(vm);
	add_grant(vm);
	add_iommu(vm);
	add_guest(vm);
	return 0;
}

const char *vm_device_options(const struct vm *vm)
{
	bool grant = vm->config.sharing == VM_GRANT;

	if (vm->config.iommu == VM_NO_IOMMU)
		return grant ? ",grant=g0" : "";
	return grant ? ",grant=g0,iommu_platform=on,disable-legacy=on" :
		",iommu_platform=on,disable-legacy=on";
}

static void add_chardev(struct vm *vm, const char *id, const char *path)
{
	vm_add(vm, "-chardev", "socket,id=%s,path=%s,reconnect-ms=500", id, path);
}

static void add_port(struct vm *vm, const char *device)
{
	unsigned int number = ++vm->ports;

	vm_add(vm, "-device", "pcie-root-port,id=port-%s,chassis=%u,slot=%u",
	       device, number, number);
}

void vm_add_disk(struct vm *vm, unsigned int number, const char *path,
		 unsigned int queues)
{
	char id[16], chardev[32];

	snprintf(id, sizeof(id), "disk%u", number);
	snprintf(chardev, sizeof(chardev), "socket-%s", id);
	add_chardev(vm, chardev, path);
	add_port(vm, id);
	vm_add(vm, "-device",
	       "vhost-user-blk-pci,id=%s,bus=port-%s,chardev=%s,num-queues=%u%s",
	       id, id, chardev, queues, vm_device_options(vm));
}

void vm_add_nic(struct vm *vm, unsigned int number, const char *path,
		unsigned int queues)
{
	char id[16], chardev[32];

	snprintf(id, sizeof(id), "nic%u", number);
	snprintf(chardev, sizeof(chardev), "socket-%s", id);
	add_chardev(vm, chardev, path);
	add_port(vm, id);
	vm_add(vm, "-netdev", "vhost-user,id=net-%s,chardev=%s,queues=%u%s", id,
	       chardev, queues,
	       vm->config.sharing == VM_GRANT ? ",grant=g0" : "");
	vm_add(vm, "-device",
	       "virtio-net-pci,romfile=,id=%s,bus=port-%s,netdev=net-%s,mac=52:54:00:00:00:%02x,mq=%s,vectors=%u,packed=%s%s",
	       id, id, id, number + 1, queues > 1 ? "on" : "off",
	       2 * queues + 2, vm->config.packed ? "on" : "off",
	       vm->config.iommu == VM_NO_IOMMU ? "" :
	       ",iommu_platform=on,disable-legacy=on");
}

/* QEMU does not connect to such a back-end again; the device is never a legacy one. */
void vm_add_share(struct vm *vm, const char *path)
{
	vm_add(vm, "-chardev", "socket,id=socket-share,path=%s", path);
	add_port(vm, "share");
	vm_add(vm, "-device",
	       "vhost-user-fs-pci,id=share,bus=port-share,chardev=socket-share,tag=share%s%s",
	       vm->config.sharing == VM_GRANT ? ",grant=g0" : "",
	       vm->config.iommu == VM_NO_IOMMU ? "" : ",iommu_platform=on");
}

int vm_plug_disk(struct vm *vm, unsigned int number, unsigned int queues)
{
	bool iommu = vm->config.iommu != VM_NO_IOMMU;
	char id[16], bus[32], chardev[32];
	json_t *options;

	snprintf(id, sizeof(id), "disk%u", number);
	snprintf(bus, sizeof(bus), "port-%s", id);
	snprintf(chardev, sizeof(chardev), "socket-%s", id);
	options = json_pack("{s:s, s:s, s:s, s:s, s:i}", "driver",
			    "vhost-user-blk-pci", "id", id, "bus", bus,
			    "chardev", chardev, "num-queues", queues);
	if (vm->config.sharing == VM_GRANT)
		json_object_set_new(options, "grant", json_string("g0"));
	if (iommu)
		json_object_update_new(options,
				       json_pack("{s:b, s:s}", "iommu_platform",
						 1, "disable-legacy", "on"));
	return vm_do(vm, "device_add", "o", options);
}

int vm_pull(struct vm *vm, const char *device)
{
	json_t *event;

	if (vm_do(vm, "device_del", "{s:s}", "id", device))
		return -EINVAL;
	event = vm_wait_device_event(vm, "DEVICE_DELETED", device);
	json_decref(event);
	return event ? 0 : -ETIMEDOUT;
}

/*
 * QEMU's ends of the sockets are descriptors, so that none has to be found. They are
 * others when it is started again.
 */
static int launch(struct vm *vm, int qmp, int guest)
{
	int fds[] = { qmp, guest };

	if (vm->lasting)
		program_drop(&vm->qemu, vm->lasting);
	vm->lasting = vm->qemu.argc;
	vm_add(vm, "-chardev", "socket,id=qmp,fd=%d", qmp);
	vm_add(vm, "-mon", "chardev=qmp,mode=control");
	vm_add(vm, "-chardev", "socket,id=guest,fd=%d", guest);
	vm_add(vm, "-serial", "chardev:guest");
	return program_start(&vm->qemu, fds, 2);
}

/* Nothing of an earlier start is left. */
static void begin(struct vm *vm)
{
	stream_close(&vm->qmp);
	stream_close(&vm->guest);
	json_array_clear(vm->events);
}

int vm_start(struct vm *vm)
{
	int qmp = -1, guest = -1;
	int ret;

	begin(vm);
	ret = stream_open(&vm->qmp, &qmp);
	if (!ret)
		ret = stream_open(&vm->guest, &guest);
	if (!ret)
		ret = launch(vm, qmp, guest);
	if (qmp >= 0)
		close(qmp);
	if (guest >= 0)
		close(guest);
	return ret ?: vm_do(vm, "qmp_capabilities", NULL);
}

bool vm_is_refused(struct vm *vm)
{
	int status;

	if (vm_start(vm) == 0)
		return false;
	status = program_wait(&vm->qemu, PROGRAM_TIMEOUT_MS);
	return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

void vm_kill(struct vm *vm)
{
	program_kill(&vm->qemu);
}

static void remove_files(const struct vm *vm)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/console", vm->dir);
	unlink(path);
	unlink(vm->qemu.log);
	rmdir(vm->dir);
}

void vm_free(struct vm *vm)
{
	program_free(&vm->qemu);
	remove_files(vm);
	stream_close(&vm->qmp);
	stream_close(&vm->guest);
	json_decref(vm->events);
	free(vm->output);
}

void vm_bury(const struct vm *vm, bool failed)
{
	char path[96];

	if (!*vm->dir)
		return;
	program_bury(&vm->qemu, failed);
	if (failed) {
		if (*vm->error)
			printf("# QEMU's last error: %s\n", vm->error);
		snprintf(path, sizeof(path), "%s/console", vm->dir);
		show_file(path);
	}
	remove_files(vm);
}
