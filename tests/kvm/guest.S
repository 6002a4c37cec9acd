/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest.h"

	.section .header, "a"
	.quad	guest_main
	.quad	stubs

	.section .text
	.balign	GUEST_STUB_SIZE
stubs:
	.set	vector, 0
	.rept	GUEST_VECTORS
	.balign	GUEST_STUB_SIZE
	/* These push an error code of their own */
	.if	vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	.else
	pushq	$0
	.endif
	pushq	$vector
	jmp	report
	.set	vector, vector + 1
	.endr

report:
	outb	%al, $GUEST_PORT_EXCEPTION
1:	hlt
	jmp	1b

	.section .note.GNU-stack, "", @progbits
