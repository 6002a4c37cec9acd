/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the VMM and the code in its guest agree on.
 *
 * The guest runs one command each time it is entered: it takes it from the
 * mailbox of its vCPU, which is ordinary guest memory and no part of a window,
 * and tells the end by a write to GUEST_PORT_DONE.
 */
#ifndef VMM_GUEST_H
#define VMM_GUEST_H

#define GUEST_IMAGE_GPA		0x10000
#define GUEST_PAGE		0x1000
#define GUEST_VECTORS		32
#define GUEST_STUB_SIZE		16

#define GUEST_PORT_DONE		0xe0
/* Gives the CPU back to the host, for hosts that have only one */
#define GUEST_PORT_YIELD	0xe1
#define GUEST_PORT_EXCEPTION	0xe2
/* What INS reads and OUTS writes */
#define GUEST_PORT_DATA		0xe3

#ifndef __ASSEMBLER__

#include <stdint.h>

/**
 * enum guest_command - What the guest can do
 * @GUEST_READ: load the word at @address
 * @GUEST_WRITE: store @value at @address
 * @GUEST_FETCH_ADD: add @value to the word at @address, result is the old word
 * @GUEST_COMPARE_EXCHANGE: replace @other by @value at @address, result is the
 *	old word
 * @GUEST_EXECUTE: call the function at @address, result is what it returns
 * @GUEST_FILL: store @value in every word of the range
 * @GUEST_CHECK: result is the number of words of the range that are not @value
 * @GUEST_CHECK_PAGES: look at the first word of each page of the range, the last
 *	page first; result is the number that are not @value plus the page's
 *	index in the range
 * @GUEST_COPY: copy the range from @other with REP MOVSB
 * @GUEST_INPUT: fill the range with REP INSB, which KVM emulates
 * @GUEST_OUTPUT: write the range to a port with REP OUTSB, which KVM emulates
 * @GUEST_ADD_VECTOR: load 16 bytes with PADDD, which KVM cannot emulate; result
 *	is the first word
 * @GUEST_STORE_VECTOR: store @value with MOVLPS, which KVM cannot emulate either
 * @GUEST_WRITE_MSR: write @value to the MSR @other
 * @GUEST_RUN_NESTED: VMRUN with the control block at @address, which is refused
 *	as invalid if it can be had at all
 * @GUEST_LOOP_READ: load the words of the range one after the other, @count
 *	times in all; hits counts the words that were @value
 * @GUEST_LOOP_WRITE: store @value in the words of the range, likewise
 * @GUEST_LOOP_ADD: add @value to the words of the range, likewise
 * @GUEST_LOOP_EXECUTE: call the function at @address @count times
 */
enum guest_command {
	GUEST_READ,
	GUEST_WRITE,
	GUEST_FETCH_ADD,
	GUEST_COMPARE_EXCHANGE,
	GUEST_EXECUTE,
	GUEST_FILL,
	GUEST_CHECK,
	GUEST_CHECK_PAGES,
	GUEST_COPY,
	GUEST_INPUT,
	GUEST_OUTPUT,
	GUEST_ADD_VECTOR,
	GUEST_STORE_VECTOR,
	GUEST_WRITE_MSR,
	GUEST_RUN_NESTED,
	GUEST_LOOP_READ,
	GUEST_LOOP_WRITE,
	GUEST_LOOP_ADD,
	GUEST_LOOP_EXECUTE,
	GUEST_COMMANDS,
};

/**
 * struct guest_mailbox - A command and its result
 * @command: of enum guest_command
 * @yield_every: beats of a loop after which it yields, 0 for never
 * @address: guest-physical address, which is also the virtual one
 * @length: of the range at @address in bytes, a multiple of 8; for a loop 0
 *	stands for one word
 * @stride: between the words of a loop, 0 stands for 8
 * @value: see enum guest_command
 * @other: see enum guest_command
 * @count: beats of a loop
 * @result: see enum guest_command; the beats done, for a loop
 * @heartbeat: beats of the loop so far, each counted after its access
 * @hits: of GUEST_LOOP_READ so far
 */
struct guest_mailbox {
	uint32_t command;
	uint32_t yield_every;
	uint64_t address;
	uint64_t length;
	uint64_t stride;
	uint64_t value;
	uint64_t other;
	uint64_t count;
	uint64_t result;
	uint64_t heartbeat;
	uint64_t hits;
};

/**
 * struct guest_header - Start of the guest's image
 * @entry: function that takes a mailbox and runs its command
 * @stubs: handlers of the exceptions, GUEST_STUB_SIZE apart, which leave the
 *	vector and then the CPU's exception frame, always with an error code,
 *	on the stack
 */
struct guest_header {
	uint64_t entry;
	uint64_t stubs;
};

#endif /* __ASSEMBLER__ */
#endif /* VMM_GUEST_H */
