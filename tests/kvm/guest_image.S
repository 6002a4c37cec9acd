/* SPDX-License-Identifier: GPL-2.0-only */
	.section .rodata
	.globl	guest_image
	.globl	guest_image_end
	.balign	16
guest_image:
	.incbin	GUEST_BIN
guest_image_end:

	.section .note.GNU-stack, "", @progbits
