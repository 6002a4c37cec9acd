// SPDX-License-Identifier: GPL-2.0-only
/* What is said of devices that cannot be used, on a /sys/bus/pci that is made up. */
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "log.h"
#include "sysfs.h"
#include "tap.h"

#define ADDRESS		"0000:00:05.0"

static int bus = -1;

static void put(const char *path, const char *text)
{
	int fd = openat(bus, path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "cannot write %s", path);
	close(fd);
}

static void put_directory(const char *path)
{
	if (mkdirat(bus, path, 0700))
		err(1, "cannot make %s", path);
}

static void put_link(const char *path, const char *target)
{
	unlinkat(bus, path, 0);
	if (target && symlinkat(target, bus, path))
		err(1, "cannot make %s", path);
}

static void begin(void)
{
	static unsigned int number;
	char name[32];

	snprintf(name, sizeof(name), "bus-%u", number++);
	if (bus >= 0)
		close(bus);
	if (mkdir(temporary(name), 0700))
		err(1, "cannot make %s", name);
	bus = open(temporary(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_directory("drivers");
	put_directory("drivers/e1000");
	put("drivers/e1000/unbind", "");
	put("drivers_probe", "");
	put_directory("devices");
	put_directory("devices/" ADDRESS);
	put("devices/" ADDRESS "/vendor", "0x1af4\n");
	put("devices/" ADDRESS "/device", "0x10f0\n");
	put("devices/" ADDRESS "/driver_override", "");
	put_link("devices/" ADDRESS "/iommu_group", "../../../../kernel/iommu_groups/23");
}

static void put_driver(const char *name)
{
	char target[64];

	snprintf(target, sizeof(target), "../../drivers/%s", name);
	put_link("devices/" ADDRESS "/driver", target);
}

static bool holds(const char *path, const char *text)
{
	char found[64] = "";
	int fd = openat(bus, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, found, sizeof(found) - 1);

	close(fd);
	return n >= 0 && !strcmp(found, text);
}

static void check(void)
{
	sysfs_check(bus, ADDRESS);
}

static void check_driver(void)
{
	sysfs_check_driver(bus, ADDRESS);
}

static void bind(void)
{
	sysfs_bind(bus, ADDRESS);
}

/* It ends, or goes on, with one line that has the pattern in it, or without any. */
static bool says(void (*run)(void), int expected, const char *pattern)
{
	char said[1024];
	int status = run_child(run, said, sizeof(said));
	const char *end = strchr(said, '\n');

	if (status == expected && (!pattern ? !*said : end && !end[1] &&
				   strstr(said, pattern) && strstr(said, ADDRESS)))
		return true;
	printf("# status %d: %s\n", status, said);
	return false;
}

static void test_no_device(void)
{
	begin();
	CHECK(says(check, 0, NULL));
	CHECK(sysfs_group(bus, ADDRESS) == 23);
	if (renameat(bus, "devices/" ADDRESS, bus, "devices/0000:00:06.0"))
		CHECK(false);
	CHECK(says(check, 1, "no device " ADDRESS ": see lspci -D -d 1af4:10f0"));
}

static void test_other_device(void)
{
	begin();
	put("devices/" ADDRESS "/device", "0x1041\n");
	CHECK(says(check, 1, "is no vhost-pci device (1af4:1041)"));
	begin();
	put("devices/" ADDRESS "/vendor", "0x8086\n");
	CHECK(says(check, 1, "is no vhost-pci device (8086:10f0)"));
	put("devices/" ADDRESS "/vendor", "");
	CHECK(says(check, 1, "is no vhost-pci device (0000:10f0)"));
}

static void test_no_iommu(void)
{
	begin();
	put_link("devices/" ADDRESS "/iommu_group", NULL);
	CHECK(says(check, 1, "intel-iommu with intremap=on"));
}

static void test_drivers(void)
{
	begin();
	CHECK(says(check_driver, 1, "has no driver: use --bind"));
	put_driver("e1000");
	CHECK(says(check_driver, 1, "is bound to e1000: use --bind"));
	put_driver(PLAIN_DRIVER);
	CHECK(says(check_driver, 0, "uncached"));
	put_driver(DRIVER);
	CHECK(says(check_driver, 0, NULL));
}

static void bind_without_driver(void)
{
	char said[1024];

	CHECK(run_child(bind, said, sizeof(said)) == 1);
	CHECK(strstr(said, "modprobe vhost_vfio_pci, or vfio-pci"));
}

static void test_bind(void)
{
	begin();
	bind_without_driver();
	put_directory("drivers/" PLAIN_DRIVER);
	CHECK(says(bind, 0, NULL));
	CHECK(holds("devices/" ADDRESS "/driver_override", PLAIN_DRIVER));
	CHECK(holds("drivers_probe", ADDRESS));
	put_directory("drivers/" DRIVER);
	CHECK(says(bind, 0, NULL));
	CHECK(holds("devices/" ADDRESS "/driver_override", DRIVER));
}

static void test_rebind(void)
{
	begin();
	put_directory("drivers/" DRIVER);
	put_driver(DRIVER);
	CHECK(says(bind, 0, NULL));
	CHECK(holds("drivers_probe", ""));
	put_driver("e1000");
	CHECK(says(bind, 0, NULL));
	CHECK(holds("drivers/e1000/unbind", ADDRESS));
	CHECK(holds("drivers_probe", ADDRESS));
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "no such device", test_no_device },
		{ "a device that is not vhost-pci", test_other_device },
		{ "no IOMMU", test_no_iommu },
		{ "no driver, the wrong one, the slow one, the right one", test_drivers },
		{ "the best driver is bound", test_bind },
		{ "a driver before is unbound", test_rebind },
	};

	return tap_run(cases, sizeof(cases) / sizeof(*cases));
}
