// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"
#include "vm.h"

#define TIMEOUT_NS	(PROGRAM_TIMEOUT_MS * 1000000ULL)

static void set_error(struct vm *vm, const char *what, const char *why)
{
	snprintf(vm->error, sizeof(vm->error), "%s: %s", what, why);
}

static int send_command(struct vm *vm, const char *command, json_t *arguments)
{
	json_t *message = json_pack("{s:s}", "execute", command);
	char *text;
	int ret;

	if (arguments)
		json_object_set_new(message, "arguments", arguments);
	text = json_dumps(message, JSON_COMPACT);
	ret = stream_send(&vm->qmp, text);
	if (!ret)
		ret = stream_send(&vm->qmp, "\n");
	free(text);
	json_decref(message);
	return ret;
}

/* The next message but greetings; events are put aside. */
static int next_message(struct vm *vm, uint64_t deadline, json_t **message)
{
	char *line;
	int ret;

	ret = stream_line(&vm->qmp, deadline, &line);
	if (ret)
		return ret;
	*message = json_loads(line, 0, NULL);
	free(line);
	if (json_object_get(*message, "event"))
		json_array_append(vm->events, *message);
	return *message ? 0 : -EPROTO;
}

/* To be freed */
static json_t *await_reply(struct vm *vm, const char *command)
{
	uint64_t deadline = now_ns() + TIMEOUT_NS;
	json_t *message;
	int ret;

	while (!(ret = next_message(vm, deadline, &message))) {
		if (json_object_get(message, "return") ||
		    json_object_get(message, "error"))
			return message;
		json_decref(message);
	}
	set_error(vm, command, strerror(-ret));
	return NULL;
}

static json_t *execute(struct vm *vm, const char *command, json_t *arguments)
{
	json_t *reply, *result, *error;
	int ret;

	ret = send_command(vm, command, arguments);
	if (ret) {
		set_error(vm, command, strerror(-ret));
		return NULL;
	}
	reply = await_reply(vm, command);
	error = json_object_get(reply, "error");
	if (error)
		set_error(vm, command,
			  json_string_value(json_object_get(error, "desc")));
	result = json_incref(json_object_get(reply, "return"));
	json_decref(reply);
	return result;
}

static json_t *pack(const char *format, va_list args)
{
	json_t *arguments = format ? json_vpack_ex(NULL, 0, format, args) : NULL;

	if (format && !arguments)
		abort();
	return arguments;
}

json_t *vm_qmp(struct vm *vm, const char *command, const char *format, ...)
{
	json_t *arguments;
	va_list args;

	va_start(args, format);
	arguments = pack(format, args);
	va_end(args);
	return execute(vm, command, arguments);
}

int vm_do(struct vm *vm, const char *command, const char *format, ...)
{
	json_t *arguments, *result;
	va_list args;

	va_start(args, format);
	arguments = pack(format, args);
	va_end(args);
	result = execute(vm, command, arguments);
	json_decref(result);
	if (!result)
		printf("# QMP: %s\n", vm->error);
	return result ? 0 : -EINVAL;
}

static bool is_about(json_t *event, const char *name, const char *device)
{
	const char *of = json_string_value(json_object_get(event, "event"));
	json_t *data = json_object_get(event, "data");

	if (strcmp(of, name))
		return false;
	of = json_string_value(json_object_get(data, "device"));
	return !device || (of && !strcmp(of, device));
}

static json_t *take_event(struct vm *vm, const char *name, const char *device)
{
	json_t *event;
	size_t i;

	json_array_foreach(vm->events, i, event) {
		if (!is_about(event, name, device))
			continue;
		json_incref(event);
		json_array_remove(vm->events, i);
		return event;
	}
	return NULL;
}

json_t *vm_wait_device_event(struct vm *vm, const char *name,
			     const char *device)
{
	uint64_t deadline = now_ns() + TIMEOUT_NS;
	json_t *event, *message;
	int ret;

	while (!(event = take_event(vm, name, device))) {
		ret = next_message(vm, deadline, &message);
		if (ret) {
			printf("# QMP: waiting for %s: %s\n", name,
			       strerror(-ret));
			break;
		}
		json_decref(message);
	}
	return event;
}

json_t *vm_wait_event(struct vm *vm, const char *name)
{
	return vm_wait_device_event(vm, name, NULL);
}
