// SPDX-License-Identifier: GPL-2.0-only
/*
 * The code in the guest: 64-bit, no interrupts, memory mapped one to one.
 */
#include "guest.h"

typedef void (*guest_handler)(struct guest_mailbox *box);

static void out(uint16_t port)
{
	__asm__ volatile("outb %%al, %0" : : "Nd"(port) : "memory");
}

static volatile uint64_t *word_at(uint64_t address)
{
	return (volatile uint64_t *)address;
}

static void do_read(struct guest_mailbox *box)
{
	box->result = *word_at(box->address);
}

static void do_write(struct guest_mailbox *box)
{
	*word_at(box->address) = box->value;
}

static void do_fetch_add(struct guest_mailbox *box)
{
	box->result = __atomic_fetch_add(word_at(box->address), box->value,
					 __ATOMIC_SEQ_CST);
}

static void do_compare_exchange(struct guest_mailbox *box)
{
	uint64_t old = box->other;

	__atomic_compare_exchange_n(word_at(box->address), &old, box->value, 0,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	box->result = old;
}

static void do_execute(struct guest_mailbox *box)
{
	box->result = ((uint64_t (*)(void))box->address)();
}

static void do_fill(struct guest_mailbox *box)
{
	uint64_t i;

	for (i = 0; i < box->length; i += 8)
		*word_at(box->address + i) = box->value;
}

static void do_check(struct guest_mailbox *box)
{
	uint64_t i, wrong = 0;

	for (i = 0; i < box->length; i += 8)
		wrong += *word_at(box->address + i) != box->value;
	box->result = wrong;
}

static void do_check_pages(struct guest_mailbox *box)
{
	uint64_t i, wrong = 0;

	for (i = box->length / GUEST_PAGE; i--;)
		wrong += *word_at(box->address + i * GUEST_PAGE) != box->value + i;
	box->result = wrong;
}

static void do_copy(struct guest_mailbox *box)
{
	uint64_t to = box->address, from = box->other, left = box->length;

	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(left) : : "memory");
}

static void do_input(struct guest_mailbox *box)
{
	uint64_t to = box->address, left = box->length;

	__asm__ volatile("rep insb"
			 : "+D"(to), "+c"(left) : "d"(GUEST_PORT_DATA) : "memory");
}

static void do_output(struct guest_mailbox *box)
{
	uint64_t from = box->address, left = box->length;

	__asm__ volatile("rep outsb"
			 : "+S"(from), "+c"(left) : "d"(GUEST_PORT_DATA) : "memory");
}

/* The compiler does not use the register, so it need not know. */
static void do_add_vector(struct guest_mailbox *box)
{
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\t"
			 "paddd (%1), %%xmm0\n\t"
			 "movq %%xmm0, %0"
			 : "=r"(box->result) : "r"(box->address) : "memory");
}

static void do_store_vector(struct guest_mailbox *box)
{
	__asm__ volatile("movq %0, %%xmm0\n\t"
			 "movlps %%xmm0, (%1)"
			 : : "r"(box->value), "r"(box->address) : "memory");
}

static void do_write_msr(struct guest_mailbox *box)
{
	__asm__ volatile("wrmsr" : : "c"((uint32_t)box->other),
			 "a"((uint32_t)box->value),
			 "d"((uint32_t)(box->value >> 32)) : "memory");
}

static void do_run_nested(struct guest_mailbox *box)
{
	__asm__ volatile("vmrun %%rax\n\tstgi" : : "a"(box->address) : "memory");
}

/* Counts a beat whose access is done, and goes to the next word of the range. */
static uint64_t beat(struct guest_mailbox *box, uint64_t offset)
{
	uint64_t beats = box->heartbeat + 1;

	*(volatile uint64_t *)&box->heartbeat = beats;
	if (box->yield_every && beats % box->yield_every == 0)
		out(GUEST_PORT_YIELD);
	offset += box->stride ? box->stride : 8;
	return offset < box->length ? offset : 0;
}

static void do_loop_read(struct guest_mailbox *box)
{
	uint64_t offset = 0;

	while (box->heartbeat < box->count) {
		if (*word_at(box->address + offset) == box->value)
			box->hits++;
		offset = beat(box, offset);
	}
	box->result = box->heartbeat;
}

static void do_loop_write(struct guest_mailbox *box)
{
	uint64_t offset = 0;

	while (box->heartbeat < box->count) {
		*word_at(box->address + offset) = box->value;
		offset = beat(box, offset);
	}
	box->result = box->heartbeat;
}

static void do_loop_add(struct guest_mailbox *box)
{
	uint64_t offset = 0;

	while (box->heartbeat < box->count) {
		__atomic_fetch_add(word_at(box->address + offset), box->value,
				   __ATOMIC_SEQ_CST);
		offset = beat(box, offset);
	}
	box->result = box->heartbeat;
}

static void do_loop_execute(struct guest_mailbox *box)
{
	while (box->heartbeat < box->count) {
		((uint64_t (*)(void))box->address)();
		beat(box, 0);
	}
	box->result = box->heartbeat;
}

static const guest_handler handlers[GUEST_COMMANDS] = {
	[GUEST_READ]			= do_read,
	[GUEST_WRITE]			= do_write,
	[GUEST_FETCH_ADD]		= do_fetch_add,
	[GUEST_COMPARE_EXCHANGE]	= do_compare_exchange,
	[GUEST_EXECUTE]			= do_execute,
	[GUEST_FILL]			= do_fill,
	[GUEST_CHECK]			= do_check,
	[GUEST_CHECK_PAGES]		= do_check_pages,
	[GUEST_COPY]			= do_copy,
	[GUEST_INPUT]			= do_input,
	[GUEST_OUTPUT]			= do_output,
	[GUEST_ADD_VECTOR]		= do_add_vector,
	[GUEST_STORE_VECTOR]		= do_store_vector,
	[GUEST_WRITE_MSR]		= do_write_msr,
	[GUEST_RUN_NESTED]		= do_run_nested,
	[GUEST_LOOP_READ]		= do_loop_read,
	[GUEST_LOOP_WRITE]		= do_loop_write,
	[GUEST_LOOP_ADD]		= do_loop_add,
	[GUEST_LOOP_EXECUTE]		= do_loop_execute,
};

void guest_main(struct guest_mailbox *box);

void guest_main(struct guest_mailbox *box)
{
	handlers[box->command](box);
	for (;;)
		out(GUEST_PORT_DONE);
}
