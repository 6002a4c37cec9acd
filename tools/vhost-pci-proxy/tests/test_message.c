// SPDX-License-Identifier: GPL-2.0-only
/* What is taken for a message, of a front-end and of a back-end, and what is not. */
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "tap.h"

#define SIZEOF(array)	(sizeof(array) / sizeof(*(array)))

static bool is_refused(struct message message)
{
	return message_place(&message, FAKE_BASE, FAKE_MEMORY);
}

static void test_wrong_lengths(void)
{
	static const size_t lengths[] = {
		0, 1, 11, 13, 4095, 4096, 4097, 0xffffffff, 1ULL << 32, SIZE_MAX,
	};
	struct message message = make_message(1, VHOST_USER_VERSION, 0);

	for (size_t i = 0; i < SIZEOF(lengths); i++) {
		message.length = lengths[i];
		CHECK(is_refused(message));
	}
	message.length = MESSAGE_HEADER;
	CHECK(!is_refused(message));
	poke32(&message, 8, 1);
	CHECK(is_refused(message));
	poke32(&message, 8, UINT32_MAX);
	CHECK(is_refused(message));
}

static void test_wrong_flags(void)
{
	static const uint32_t flags[] = { 0, 2, 3, 5, 0xfffffffe, 0xffffffff };

	for (size_t i = 0; i < SIZEOF(flags); i++)
		CHECK(is_refused(make_message(1, flags[i], 8)));
	CHECK(!is_refused(make_message(1, VHOST_USER_VERSION | 8, 8)));
}

static void test_too_many_resources(void)
{
	struct message message = make_ring(12, VHOST_PCI_RESOURCE_KICK, 0);

	CHECK(!is_refused(message));
	message.nr_resources = VHOST_PCI_MAX_RESOURCES + 1;
	CHECK(is_refused(message));
	message.nr_resources = UINT32_MAX;
	CHECK(is_refused(message));
}

static void test_memory_elsewhere(void)
{
	struct message message = make_ring(12, VHOST_PCI_RESOURCE_MEMORY, 0);

	CHECK(is_refused(message));
	message = make_memory(38, 1);
	CHECK(is_refused(message));
}

static void test_wrong_counts(void)
{
	static const uint32_t counts[] = { 0, 1, 3, 8, 9, 0x08000000, 0xffffffff };
	struct message message = make_memory(VHOST_USER_SET_MEM_TABLE, 2);

	for (size_t i = 0; i < SIZEOF(counts); i++) {
		poke32(&message, MESSAGE_HEADER, counts[i]);
		CHECK(is_refused(message));
	}
	message = make_memory(VHOST_USER_SET_MEM_TABLE, 2);
	message.nr_resources = 1;
	CHECK(is_refused(message));
	message.nr_resources = 3;
	CHECK(is_refused(message));
	message.nr_resources = 2;
	message.resources[1].type = VHOST_PCI_RESOURCE_KICK;
	CHECK(is_refused(message));
}

static void test_too_short_for_memory(void)
{
	struct message message;

	for (unsigned int size = 0; size < 8 + 32; size++) {
		message = make_memory(VHOST_USER_SET_MEM_TABLE, 1);
		message.length = MESSAGE_HEADER + size;
		poke32(&message, 8, size);
		CHECK(is_refused(message));
		poke32(&message, 0, VHOST_USER_ADD_MEM_REG);
		CHECK(is_refused(message));
	}
}

static void test_outside_of_bar(void)
{
	static const struct { uint64_t offset, size; } wrong[] = {
		{ FAKE_MEMORY, 1 << 30 }, { FAKE_MEMORY - 4096, 8192 },
		{ UINT64_MAX, 1 << 30 }, { -4096ULL, 8192 }, { 0, UINT64_MAX },
		{ 0, FAKE_MEMORY + 1 }, { 4096, FAKE_MEMORY }, { 0, 4096 },
		{ 0, 0 },
	};
	struct message message = make_memory(VHOST_USER_ADD_MEM_REG, 1);

	for (size_t i = 0; i < SIZEOF(wrong); i++) {
		message.resources[0].offset = wrong[i].offset;
		message.resources[0].size = wrong[i].size;
		CHECK(is_refused(message));
	}
	message.resources[0].offset = FAKE_MEMORY - (1 << 30);
	message.resources[0].size = 1 << 30;
	CHECK(!is_refused(message));
	poke(&message, REGION(0, 1), (1 << 30) + 1);
	CHECK(is_refused(message));
}

static void check_placed(uint32_t request, unsigned int nr)
{
	struct message before = make_memory(request, nr), after = before;

	CHECK(!message_place(&after, FAKE_BASE, FAKE_MEMORY));
	for (unsigned int i = 0; i < nr; i++) {
		CHECK(peek(&after, REGION(i, 3)) == FAKE_BASE + ((uint64_t)i << 30));
		poke(&after, REGION(i, 3), peek(&before, REGION(i, 3)));
	}
	CHECK(!memcmp(&before, &after, sizeof(before)));
}

static void test_placed(void)
{
	for (unsigned int nr = 0; nr <= VHOST_PCI_MAX_RESOURCES; nr++)
		check_placed(VHOST_USER_SET_MEM_TABLE, nr);
	check_placed(VHOST_USER_ADD_MEM_REG, 1);
}

static int reply_length(uint32_t flags, uint32_t size)
{
	struct message message = make_message(1, flags, 0);

	poke32(&message, 8, size);
	return message_reply_length(message.bytes, message.length);
}

static void test_wrong_replies(void)
{
	CHECK(reply_length(5, 4085) == -EPROTO);
	CHECK(reply_length(5, INT32_MAX) == -EPROTO);
	CHECK(reply_length(5, UINT32_MAX) == -EPROTO);
	CHECK(reply_length(5, UINT32_MAX - 11) == -EPROTO);
	CHECK(reply_length(1, 8) == -EPROTO);
	CHECK(reply_length(4, 8) == -EPROTO);
	CHECK(reply_length(6, 8) == -EPROTO);
	CHECK(reply_length(7, 8) == -EPROTO);
	CHECK(reply_length(0, 0) == -EPROTO);
}

static void test_replies(void)
{
	struct message message = make_message(1, 5, 8);

	for (size_t length = 0; length < MESSAGE_HEADER; length++)
		CHECK(message_reply_length(message.bytes, length) == 0);
	CHECK(message_reply_length(message.bytes, MESSAGE_HEADER) == 20);
	CHECK(reply_length(5, 0) == 12);
	CHECK(reply_length(5, 4084) == 4096);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "lengths that a message cannot have", test_wrong_lengths },
		{ "flags that a request cannot have", test_wrong_flags },
		{ "more resources than there are", test_too_many_resources },
		{ "memory with a message that has none", test_memory_elsewhere },
		{ "regions and resources that do not go together", test_wrong_counts },
		{ "messages too short for their regions", test_too_short_for_memory },
		{ "memory outside of BAR 0", test_outside_of_bar },
		{ "regions are placed in BAR 0, and nothing else changes", test_placed },
		{ "replies that are none", test_wrong_replies },
		{ "the length of replies", test_replies },
	};

	return tap_run(cases, SIZEOF(cases));
}
