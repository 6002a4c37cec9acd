// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that access a page, of every kind that a CPU, or who emulates one, may
 * have trouble with.
 */
#include <emmintrin.h>
#include <string.h>
#include <sys/io.h>

#include "hostile.h"
#include "reach.h"

#define USES_AVX	__attribute__((target("avx2")))
/* What is written there goes nowhere. */
#define DELAY_PORT	0x80

/* Beside the page, for what comes from it or goes to it */
static uint8_t other[REACH_PAGE] __attribute__((aligned(64)));

#define TOUCH(name, code, ...)						\
	static void name(void *page)					\
	{								\
		asm volatile(code : : "r"(page) : "memory", ##__VA_ARGS__); \
	}

TOUCH(load_byte, "movb (%0), %%al", "rax")
TOUCH(load_word, "movw 2(%0), %%ax", "rax")
TOUCH(load_long, "movl 4(%0), %%eax", "rax")
TOUCH(load_quad, "movq 8(%0), %%rax", "rax")
TOUCH(load_unaligned, "movq 13(%0), %%rax", "rax")
TOUCH(load_extended, "movzbl (%0), %%eax", "rax")
TOUCH(load_compare, "cmpq $0, (%0)", "cc")
TOUCH(load_swapped, "movbe (%0), %%rax", "rax")
TOUCH(load_sse, "movups (%0), %%xmm0", "xmm0")
TOUCH(load_sse_low, "movsd (%0), %%xmm0", "xmm0")
TOUCH(load_float, "fldl (%0); fstp %%st(0)", "st")
TOUCH(load_state, "fxrstor (%0)")
TOUCH(load_stack, "pushq (%0); popq %%rax", "rax")
TOUCH(prefetch, "prefetcht0 (%0); clflush (%0)")
TOUCH(store_byte, "movb $0x5a, (%0)")
TOUCH(store_quad, "movq $0x5a, (%0)")
TOUCH(store_unaligned, "movq $0x5a, 13(%0)")
TOUCH(store_uncached, "movnti %%rax, (%0)", "rax")
TOUCH(store_sse, "movups %%xmm0, (%0)")
TOUCH(store_sse_uncached, "movntdq %%xmm0, (%0)")
TOUCH(store_float, "fldz; fstpl (%0)", "st")
TOUCH(store_state, "fxsave (%0)")
TOUCH(store_stack, "pushq $0x5a; popq (%0)")
TOUCH(store_table, "sidt (%0)")
TOUCH(add, "addq $1, (%0)", "cc")
TOUCH(add_locked, "lock addq $1, (%0)", "cc")
TOUCH(exchange, "xchgq %%rax, (%0)", "rax")
TOUCH(bit_locked, "lock btsq $5, (%0)", "cc")
TOUCH(compare_exchange, "lock cmpxchgq %%rcx, (%0)", "rax", "cc")
TOUCH(compare_exchange_16, "lock cmpxchg16b (%0)", "rax", "rdx", "cc")

USES_AVX TOUCH(load_avx, "vmovups (%0), %%ymm0", "xmm0")
USES_AVX TOUCH(store_avx, "vmovups %%ymm0, (%0)")
USES_AVX TOUCH(store_avx_uncached, "vmovntdq %%ymm0, (%0)")
USES_AVX TOUCH(load_broadcast, "vbroadcastsd (%0), %%ymm0", "xmm0")
USES_AVX TOUCH(store_masked, "vpcmpeqd %%ymm1, %%ymm1, %%ymm1; vpmaskmovd %%ymm0, %%ymm1, (%0)",
	       "xmm1")
USES_AVX TOUCH(load_gathered, "vpxor %%ymm1, %%ymm1, %%ymm1; vpcmpeqd %%ymm2, %%ymm2, %%ymm2; vpgatherdd %%ymm2, (%0, %%ymm1, 4), %%ymm0",
	       "xmm0", "xmm1", "xmm2")

static void copy_string(void *to, const void *from, size_t length)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length)
		     : : "memory");
}

static void load_string(void *page)
{
	copy_string(other, page, REACH_PAGE);
}

static void store_string(void *page)
{
	copy_string(page, other, REACH_PAGE);
}

static void copy_within(void *page)
{
	copy_string(page + REACH_PAGE / 2, page, REACH_PAGE / 2);
}

static void fill_string(void *page)
{
	size_t length = REACH_PAGE / 8;

	asm volatile("rep stosq" : "+D"(page), "+c"(length) : "a"(0x5aUL)
		     : "memory");
}

static void find_string(void *page)
{
	size_t length = REACH_PAGE;

	asm volatile("repne scasb" : "+D"(page), "+c"(length) : "a"(0x77)
		     : "cc", "memory");
}

/* The CPU leaves these to who emulates the port. */
static void output_string(void *page)
{
	size_t length = 16;

	asm volatile("rep outsb" : "+S"(page), "+c"(length) : "d"(DELAY_PORT)
		     : "memory");
}

static void input_string(void *page)
{
	size_t length = 16;

	asm volatile("rep insb" : "+D"(page), "+c"(length) : "d"(DELAY_PORT)
		     : "memory");
}

#define NAMED(touch) { #touch, touch }

static const struct {
	const char *name;
	void (*touch)(void *page);
} touches[] = {
	NAMED(load_byte), NAMED(load_word), NAMED(load_long), NAMED(load_quad),
	NAMED(load_unaligned), NAMED(load_extended), NAMED(load_compare),
	NAMED(load_swapped), NAMED(load_sse), NAMED(load_sse_low),
	NAMED(load_float), NAMED(load_stack), NAMED(prefetch),
	NAMED(load_string), NAMED(find_string), NAMED(output_string),
	NAMED(load_avx), NAMED(load_broadcast), NAMED(load_gathered),
	NAMED(store_byte), NAMED(store_quad), NAMED(store_unaligned),
	NAMED(store_uncached), NAMED(store_sse), NAMED(store_sse_uncached),
	NAMED(store_float), NAMED(store_state), NAMED(load_state),
	NAMED(store_stack), NAMED(store_table), NAMED(add), NAMED(add_locked),
	NAMED(exchange), NAMED(bit_locked), NAMED(compare_exchange),
	NAMED(compare_exchange_16), NAMED(store_string), NAMED(copy_within),
	NAMED(fill_string), NAMED(input_string), NAMED(store_avx),
	NAMED(store_avx_uncached), NAMED(store_masked),
};

/* What does not work with ordinary memory either says nothing about the page. */
static bool is_refused(void (*touch)(void *page), const char *name, void *page)
{
	static uint8_t ordinary[REACH_PAGE] __attribute__((aligned(64)));
	const int died = reach_try(touch, page);

	if (!died)
		return false;
	if (reach_try(touch, ordinary) == died) {
		tell("%s does not work at all\n", name);
		return false;
	}
	tell("%s %d\n", name, died);
	return true;
}

/* Who runs as root may use the port; for others the CPU refuses it. */
void touch_page(void *page)
{
	unsigned int refused = 0;
	size_t i;

	ioperm(DELAY_PORT, 1, 1);
	for (i = 0; i < sizeof(touches) / sizeof(touches[0]); i++)
		refused += is_refused(touches[i].touch, touches[i].name, page);
	tell("touched %zu refused %u\n", i, refused);
}
