// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk whose back-end is qemu-storage-daemon: what the guest writes comes to be
 * in the file, and what is in the file is what the guest reads.
 */
#include <stdio.h>

#include "machine_kinds.h"
#include "work.h"

#define MEGABYTES	20

FIXTURE_SETUP(machine)
{
	const char *why = machine_begin(self, variant, false);

	if (why)
		SKIP(return, "%s", why);
}

/* The checksum of what the file has behind the file system, as the guest's md5sum */
static bool host_sum(const struct backend *disk, char *sum, size_t size)
{
	char command[256];
	bool done;
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "dd if=%s bs=1M skip=%d 2>/dev/null | md5sum", disk->image,
		 WORK_FS_MEGABYTES);
	pipe = popen(command, "re");
	if (!pipe)
		return false;
	done = fgets(sum, size, pipe);
	pclose(pipe);
	return done;
}

TEST_F_TIMEOUT(machine, files_survive, 840)
{
	struct vm *vm = &self->vm;
	char sum[64];

	ASSERT_EQ(0, machine_start_disk(self, MEGABYTES, variant->queues ?: 1));
	ASSERT_TRUE(work_with_files(vm));
	ASSERT_TRUE(work_behind_files(vm, MEGABYTES - WORK_FS_MEGABYTES));
	ASSERT_TRUE(host_sum(&self->backend, sum, sizeof(sum)));
	EXPECT_STREQ(sum, vm->output);
}

TEST_HARNESS_MAIN
