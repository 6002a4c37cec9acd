// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "proc.h"
#include "vm.h"

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), of_end = strlen(end);

	return length >= of_end && !strcmp(text + length - of_end, end);
}

static uint64_t number(json_t *window, const char *name)
{
	return json_integer_value(json_object_get(window, name));
}

static struct vm_window read_window(json_t *window)
{
	return (struct vm_window) {
		.active = json_is_true(json_object_get(window, "active")),
		.size = number(window, "size"),
		.pages_granted = number(window, "pages-granted"),
		.pages_pinned = number(window, "pages-pinned"),
		.grants = number(window, "grants"),
		.pages_mapped = number(window, "pages-mapped"),
		.pages_revoked = number(window, "pages-revoked"),
		.faults = number(window, "faults"),
		.holes = number(window, "violations-hole"),
		.readonly = number(window, "violations-readonly"),
	};
}

int vm_query_window(struct vm *vm, const char *device, struct vm_window *window)
{
	json_t *all = vm_qmp(vm, "query-vhost-grant", NULL), *one;
	const char *chardev;
	int ret = -ENOENT;
	size_t i;

	json_array_foreach(all, i, one) {
		chardev = json_string_value(json_object_get(one, "chardev"));
		if (!ends_in(chardev, device))
			continue;
		*window = read_window(one);
		ret = 0;
	}
	json_decref(all);
	return ret;
}

/* A device whose back-end is not there may have no window. */
static bool is_active(struct vm *vm, const char *device)
{
	struct vm_window window;

	return vm_query_window(vm, device, &window) == 0 && window.active;
}

bool vm_wait_window(struct vm *vm, const char *device, bool active)
{
	uint64_t end = now_ns() + PROGRAM_TIMEOUT_MS * 1000000ULL;

	while (is_active(vm, device) != active) {
		if (now_ns() > end)
			return false;
		sleep_ms(50);
	}
	return true;
}
