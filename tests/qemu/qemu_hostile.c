// SPDX-License-Identifier: GPL-2.0-only
/*
 * A back-end that answers wrongly, late, or not at all, and what it does to rings:
 * QEMU goes on, what the back-end had is gone, and with a back-end that behaves
 * again the guest has its disk again.
 */
#include <dirent.h>
#include <stdio.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "proc.h"
#include "scene.h"

/* How long QEMU waits for an answer; much less than the test waits for QEMU */
#define PATIENCE	"on,reply-timeout=3000"

FIXTURE(hostile)
{
	struct mark mark;
	struct scene scene;
	char address[32];
};

FIXTURE_VARIANT(hostile)
{
	struct vm_config config;
};

FIXTURE_VARIANT_ADD(hostile, anon)
{
	.config = {
		.sharing = VM_GRANT, .memory = VM_ANON, .bypass = PATIENCE,
		.megabytes = 128,
	},
};

FIXTURE_SETUP(hostile)
{
	mark_begin(&self->mark);
}

FIXTURE_TEARDOWN_PARENT(hostile)
{
	scene_bury(&self->scene, _metadata->exit_code == KSFT_FAIL);
	MARK_END(&self->mark);
}

static void open_scene(struct __test_metadata *_metadata,
		       FIXTURE_DATA(hostile) *self,
		       const struct vm_config *config)
{
	ASSERT_EQ(0, scene_open(&self->scene, config, "all"));
	ASSERT_EQ(0, scene_find_device(&self->scene, self->address,
				       sizeof(self->address)));
}

/* In the background: with a back-end that does not answer it may take a while. */
static bool guest_drives(struct scene *scene, const char *address, bool drive)
{
	return guest_begin(&scene->vm, "drive",
			   "echo %s >/sys/bus/pci/drivers/virtio-pci/%sbind",
			   address, drive ? "" : "un");
}

static bool disk_works(struct vm *vm)
{
	return guest_ok(vm, "dd if=/dev/zero of=/dev/vda bs=64k count=4 conv=fsync && echo 3 >/proc/sys/vm/drop_caches && dd if=/dev/vda of=/dev/null bs=64k count=4");
}

static bool qemu_answers(struct vm *vm)
{
	return !vm_do(vm, "query-status", NULL);
}

static int open_files(pid_t pid)
{
	char path[32];
	DIR *files;
	int nr = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	files = opendir(path);
	while (files && readdir(files))
		nr++;
	if (files)
		closedir(files);
	return nr;
}

/* A page in each of these bytes is enough here: all or nothing is granted. */
#define STRIDE		(256 << 10)

/* Whatever has become of the device, a back-end without rings reaches nothing. */
static void expect_just(struct __test_metadata *_metadata, struct scene *scene)
{
	struct adversary *adversary = &scene->adversary;

	ASSERT_EQ(0, scene_freeze(scene));
	if (!adversary_state(adversary, "started")) {
		ASSERT_EQ(0, adversary_do(adversary, "reach cpu 0 0x%lx 0x%x",
					  scene->ram_end - 1, STRIDE));
		EXPECT_EQ(0, adversary_number(adversary, "reached"));
	}
	ASSERT_EQ(0, scene_thaw(scene));
}

/* From a new connection on the back-end behaves. */
static void recover(struct __test_metadata *_metadata,
		    FIXTURE_DATA(hostile) *self)
{
	struct scene *scene = &self->scene;
	int64_t connections = adversary_state(&scene->adversary, "connections");

	ASSERT_EQ(0, adversary_do(&scene->adversary, "disconnect"));
	ASSERT_TRUE(adversary_wait(&scene->adversary, "connections",
				   connections + 1));
	ASSERT_TRUE(guest_ok(&scene->vm,
			     "cd /sys/bus/pci/drivers/virtio-pci; [ ! -e %s ] || echo %s >unbind; echo %s >bind; until [ -e /dev/vda ]; do usleep 100000; done",
			     self->address, self->address, self->address));
	EXPECT_TRUE(disk_works(&scene->vm));
}

/**
 * struct answer - A wrong answer
 * @request: that is answered
 * @trick: how, as the back-end calls it
 * @argument: of that
 */
struct answer {
	enum vu_request request;
	const char *trick;
	uint64_t argument;
};

/* QEMU asks the first when the device stops, the others when it starts. */
static const struct answer answers[] = {
	{ VU_GET_VRING_BASE, "silent", 0 },
	{ VU_GET_VRING_BASE, "half", 0 },
	{ VU_GET_VRING_BASE, "size", UINT32_MAX },
	{ VU_GET_VRING_BASE, "size", 4 },
	{ VU_GET_VRING_BASE, "flags", 0 },
	{ VU_GET_VRING_BASE, "request", VU_GET_FEATURES },
	{ VU_GET_VRING_BASE, "value", UINT64_MAX },
	{ VU_GET_VRING_BASE, "fds", VU_MAX_FDS },
	{ VU_GET_VRING_BASE, "close", 0 },
	{ VU_SET_MEM_TABLE, "silent", 0 },
	{ VU_SET_MEM_TABLE, "value", 1 },
	{ VU_SET_MEM_TABLE, "late", 1000 },
	{ VU_SET_MEM_TABLE, "close", 0 },
	{ VU_SET_VRING_KICK, "close", 0 },
};

static void answer_wrongly(struct __test_metadata *_metadata,
			   FIXTURE_DATA(hostile) *self,
			   const struct answer *answer)
{
	struct scene *scene = &self->scene;

	TH_LOG("request %d: %s %#lx", answer->request, answer->trick,
	       answer->argument);
	ASSERT_EQ(0, adversary_do(&scene->adversary, "trick %d %s 0x%lx",
				  answer->request, answer->trick,
				  answer->argument));
	ASSERT_TRUE(guest_drives(scene, self->address, false));
	ASSERT_TRUE(guest_end(&scene->vm, "drive"));
	EXPECT_TRUE(qemu_answers(&scene->vm));
	expect_just(_metadata, scene);
	ASSERT_TRUE(guest_drives(scene, self->address, true));
	EXPECT_TRUE(qemu_answers(&scene->vm));
	expect_just(_metadata, scene);
	ASSERT_EQ(0, adversary_do(&scene->adversary, "trick %d none",
				  answer->request));
	recover(_metadata, self);
}

TEST_F_TIMEOUT(hostile, answers, 900)
{
	struct scene *scene = &self->scene;
	unsigned int i;
	int files;

	open_scene(_metadata, self, &variant->config);
	recover(_metadata, self);
	files = open_files(scene->vm.qemu.pid);
	for (i = 0; i < ARRAY_SIZE(answers); i++)
		answer_wrongly(_metadata, self, &answers[i]);
	EXPECT_EQ(files, open_files(scene->vm.qemu.pid));
}

/* What comes in the course of a new connection, up to an end at each request */
static const struct answer greetings[] = {
	{ VU_GET_FEATURES, "close", 0 },
	{ VU_GET_FEATURES, "size", 0 },
	{ VU_GET_FEATURES, "silent", 0 },
	{ VU_GET_PROTOCOL_FEATURES, "close", 0 },
	{ VU_GET_PROTOCOL_FEATURES, "value", UINT64_MAX },
	{ VU_SET_PROTOCOL_FEATURES, "close", 0 },
	{ VU_GET_QUEUE_NUM, "close", 0 },
	{ VU_GET_QUEUE_NUM, "value", UINT64_MAX },
	{ VU_GET_QUEUE_NUM, "value", 0 },
	{ VU_SET_OWNER, "close", 0 },
	{ VU_GET_CONFIG, "close", 0 },
	{ VU_GET_CONFIG, "size", 0 },
	{ VU_GET_CONFIG, "value", UINT64_MAX },
	{ VU_GET_CONFIG, "half", 0 },
};

static void greet_wrongly(struct __test_metadata *_metadata,
			  FIXTURE_DATA(hostile) *self,
			  const struct answer *answer)
{
	struct adversary *adversary = &self->scene.adversary;
	int64_t connections = adversary_state(adversary, "connections");

	TH_LOG("request %d: %s %#lx", answer->request, answer->trick,
	       answer->argument);
	ASSERT_EQ(0, adversary_do(adversary, "trick %d %s 0x%lx",
				  answer->request, answer->trick,
				  answer->argument));
	ASSERT_EQ(0, adversary_do(adversary, "disconnect"));
	ASSERT_TRUE(adversary_wait(adversary, "connections", connections + 1));
	EXPECT_TRUE(qemu_answers(&self->scene.vm));
	expect_just(_metadata, &self->scene);
	ASSERT_EQ(0, adversary_do(adversary, "trick %d none", answer->request));
	recover(_metadata, self);
}

TEST_F_TIMEOUT(hostile, greetings, 900)
{
	unsigned int i;

	open_scene(_metadata, self, &variant->config);
	for (i = 0; i < ARRAY_SIZE(greetings); i++)
		greet_wrongly(_metadata, self, &greetings[i]);
}

/* Who had the window of a connection that ended has nothing of the next one. */
TEST_F_TIMEOUT(hostile, old_window, 600)
{
	struct adversary *adversary = &self->scene.adversary;

	open_scene(_metadata, self, &variant->config);
	ASSERT_EQ(0, adversary_do(adversary, "keep 0x1000000"));
	EXPECT_EQ(0, adversary_number(adversary, "second-mapping"));
	recover(_metadata, self);
	ASSERT_EQ(0, adversary_do(adversary, "kept"));
	EXPECT_GT(0, adversary_number(adversary, "second-mapping"));
	ASSERT_EQ(0, adversary_do(adversary, "keep 0x1000000"));
	EXPECT_EQ(0, adversary_number(adversary, "mapping"));
}

/* Requests that nobody waits for, where answers are expected */
TEST_F_TIMEOUT(hostile, unasked, 600)
{
	static const enum vu_backend_request requests[] = {
		VU_BACKEND_IOTLB_MSG, VU_BACKEND_CONFIG_CHANGE,
		VU_BACKEND_HOST_NOTIFIER, VU_BACKEND_SHARED_OBJECT_ADD,
		VU_BACKEND_SHARED_OBJECT_LOOKUP,
	};
	struct scene *scene = &self->scene;
	unsigned int i;

	open_scene(_metadata, self, &variant->config);
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		ASSERT_EQ(0, adversary_do(&scene->adversary, "ask %d 0 fd",
					  requests[i]));
		ASSERT_TRUE(guest_drives(scene, self->address, false));
		ASSERT_TRUE(guest_end(&scene->vm, "drive"));
		EXPECT_TRUE(qemu_answers(&scene->vm));
		expect_just(_metadata, scene);
		recover(_metadata, self);
	}
}

/* The guest's driver gives the device up; QEMU and the rest of the guest do not care. */
TEST_F_TIMEOUT(hostile, rings, 600)
{
	static const char * const tricks[] = { "jump", "id", "length", "twice" };
	struct scene *scene = &self->scene;
	unsigned int i;

	open_scene(_metadata, self, &variant->config);
	for (i = 0; i < ARRAY_SIZE(tricks); i++) {
		ASSERT_EQ(0, adversary_do(&scene->adversary, "ring %s",
					  tricks[i]));
		ASSERT_TRUE(guest_begin(&scene->vm, "read",
					"echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/vda of=/dev/null bs=4k count=1"));
		sleep_ms(500);
		EXPECT_TRUE(qemu_answers(&scene->vm));
		expect_just(_metadata, scene);
		ASSERT_TRUE(guest_ok(&scene->vm, "true"));
		ASSERT_EQ(0, vm_do(&scene->vm, "system_reset", NULL));
		ASSERT_EQ(0, vm_wait_boot(&scene->vm));
		EXPECT_TRUE(disk_works(&scene->vm));
	}
}

TEST_HARNESS_MAIN
