// SPDX-License-Identifier: GPL-2.0-only
/*
 * Try pages. A way to try reads a page, and writes to it what was there, so that
 * nobody notices.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hostile.h"
#include "reach.h"

/* Pages that the kernel cannot read, of which the CPU tries one */
#define SAMPLE	61

/* Of the thread that tries: others may be in the process. */
static __thread sigjmp_buf landing;
static __thread volatile sig_atomic_t armed;

/* Not ours: let the access happen again without a handler, and kill. */
static void on_fault(int signal_number)
{
	if (!armed) {
		signal(signal_number, SIG_DFL);
		return;
	}
	siglongjmp(landing, signal_number);
}

/* Without SA_NODEFER each landing would have to restore the signal mask. */
static void catch_faults(void)
{
	static bool caught;
	struct sigaction action = {
		.sa_handler = on_fault,
		.sa_flags = SA_NODEFER,
	};

	if (caught)
		return;
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	caught = true;
}

int reach_try(void (*access)(void *argument), void *argument)
{
	int refusal;

	catch_faults();
	refusal = sigsetjmp(landing, 0);
	if (!refusal) {
		armed = 1;
		access(argument);
	}
	armed = 0;
	return refusal;
}

/**
 * struct attempt - At one page
 * @page: where it is mapped
 * @found: what came of it
 */
struct attempt {
	void *page;
	struct reached found;
};

/* What holes look like, if they do not fault */
static struct {
	volatile uint64_t *page;
	uint64_t word;
	uint64_t sum;
} scratch;

static void load(void *argument)
{
	struct attempt *attempt = argument;

	attempt->found.sum = reach_sum(attempt->page);
	attempt->found.access |= REACH_READ;
}

/* Atomic: the guest may be writing there */
static void store(void *argument)
{
	struct attempt *attempt = argument;

	__atomic_fetch_or((uint64_t *)attempt->page, 0, __ATOMIC_SEQ_CST);
	attempt->found.access |= REACH_WRITE;
}

static void by_cpu(struct attempt *attempt)
{
	reach_try(load, attempt);
	reach_try(store, attempt);
}

/*
 * What is refused may land in the scratch page, which is then found here, too. The
 * page is to be left as it was; nobody else may use it.
 */
static void change(void *argument)
{
	struct attempt *attempt = argument;
	volatile uint64_t *word = attempt->page;
	const uint64_t before = *word;

	*word = ~before;
	if (scratch.page && *scratch.page != scratch.word)
		*scratch.page = scratch.word;
	else if (*word == ~before)
		attempt->found.access |= REACH_WRITE;
	if (attempt->found.access & REACH_WRITE)
		*word = before;
}

/* The CPU stores something else. Only while the front-end is stopped. */
static void by_change(struct attempt *attempt)
{
	reach_try(load, attempt);
	reach_try(change, attempt);
}

/* The CPU only loads, so that nothing is changed. */
static void by_load(struct attempt *attempt)
{
	reach_try(load, attempt);
}

/* The kernel takes the page for the name of a file, which costs less than a signal. */
static bool kernel_can_read(const void *page)
{
	return !access(page, F_OK) || errno != EFAULT;
}

/* Like the first, but most of what the kernel cannot read is left at that. */
static void quickly(struct attempt *attempt)
{
	static unsigned int count;

	if (kernel_can_read(attempt->page) || ++count % SAMPLE == 0)
		by_cpu(attempt);
}

/* The kernel copies, from the page to a file and back. */
static void by_copy(struct attempt *attempt)
{
	static int file = -1;
	uint64_t copy[REACH_PAGE / sizeof(uint64_t)];

	if (file < 0)
		file = memfd_create("copy", MFD_CLOEXEC);
	if (pwrite(file, attempt->page, REACH_PAGE, 0) != REACH_PAGE ||
	    pread(file, copy, REACH_PAGE, 0) != REACH_PAGE)
		return;
	attempt->found.sum = reach_sum(copy);
	attempt->found.access |= REACH_READ;
	if (pread(file, attempt->page, REACH_PAGE, 0) == REACH_PAGE)
		attempt->found.access |= REACH_WRITE;
}

/* The kernel goes through the page tables, as a debugger has it do. */
static void by_vm_access(struct attempt *attempt)
{
	uint64_t copy[REACH_PAGE / sizeof(uint64_t)];
	struct iovec here = { copy, REACH_PAGE };
	struct iovec there = { attempt->page, REACH_PAGE };

	if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != REACH_PAGE)
		return;
	attempt->found.sum = reach_sum(copy);
	attempt->found.access |= REACH_READ;
	if (process_vm_writev(getpid(), &here, 1, &there, 1, 0) == REACH_PAGE)
		attempt->found.access |= REACH_WRITE;
}

/* The page is pinned for a pipe. */
static void by_pin(struct attempt *attempt)
{
	uint64_t copy[REACH_PAGE / sizeof(uint64_t)];
	struct iovec iov = { attempt->page, REACH_PAGE };
	static int pipes[2];

	if (!pipes[1] && pipe2(pipes, O_CLOEXEC))
		return;
	if (vmsplice(pipes[1], &iov, 1, SPLICE_F_NONBLOCK) == REACH_PAGE &&
	    read(pipes[0], copy, REACH_PAGE) == REACH_PAGE) {
		attempt->found.sum = reach_sum(copy);
		attempt->found.access |= REACH_READ;
	}
}

static void fill(void *argument)
{
	volatile uint64_t *word = argument;
	uint64_t value = scratch.word;
	size_t i;

	for (i = 0; i < REACH_PAGE / sizeof(*word); i++) {
		word[i] = value;
		value = value * 6364136223846793005 + 1442695040888963407;
	}
}

int reach_scratch(struct hostile *hostile, uint64_t gpa)
{
	void *page = memory_at_gpa(hostile, gpa, REACH_PAGE);
	int refusal;

	scratch.page = NULL;
	scratch.word = 0x9e3779b97f4a7c15 ^ gpa;
	refusal = page ? reach_try(fill, page) : SIGSEGV;
	if (refusal)
		return refusal;
	scratch.sum = reach_sum(page);
	scratch.page = page;
	return 0;
}

static const struct way {
	const char *name;
	void (*attempt)(struct attempt *attempt);
} ways[] = {
	{ "cpu", by_cpu },
	{ "quick", quickly },
	{ "load", by_load },
	{ "change", by_change },
	{ "copy", by_copy },
	{ "vm-access", by_vm_access },
	{ "pin", by_pin },
};

static const struct way *way_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, name))
			return &ways[i];
	return NULL;
}

static bool try_page(struct hostile *hostile, const struct way *way,
		     const struct region *region, uint64_t offset)
{
	struct attempt attempt = {
		.page = region->base + offset,
		.found.address = region->wire.gpa + offset,
	};

	way->attempt(&attempt);
	if (!attempt.found.access)
		return false;
	if (scratch.page && attempt.found.sum == scratch.sum)
		return false;
	return write(hostile->results, &attempt.found, sizeof(attempt.found)) ==
	       sizeof(attempt.found);
}

static long reach_region(struct hostile *hostile, const struct way *way,
			 const struct region *region,
			 const struct reach_range *range)
{
	const uint64_t gpa = region->wire.gpa, size = region->wire.size;
	uint64_t at = range->first;
	long pages = 0;

	if (at < gpa)
		at += (gpa - at + range->stride - 1) / range->stride *
		      range->stride;
	for (; at <= range->last && at - gpa < size; at += range->stride)
		pages += try_page(hostile, way, region, at - gpa);
	return pages;
}

long reach_range(struct hostile *hostile, const char *how,
		 const struct reach_range *range)
{
	const struct way *way = way_of(how);
	unsigned int i;
	long pages = 0;

	if (!way)
		return -1;
	for (i = 0; i < hostile->nr_regions; i++)
		pages += reach_region(hostile, way, &hostile->regions[i],
				      range);
	return pages;
}

/**
 * struct search - For a text, in one page
 * @page: that is searched
 * @text: what for; it does not go over the end of a page
 * @length: of it
 * @times: that it was found
 * @at: offset of it
 */
struct search {
	const char *page;
	const char *text;
	size_t length;
	long times;
	size_t at;
};

static void search_page(void *argument)
{
	struct search *search = argument;
	const char *end = search->page + REACH_PAGE, *at = search->page;

	while ((at = memmem(at, end - at, search->text, search->length))) {
		search->at = at - search->page;
		search->times++;
		at += search->length;
	}
}

static void find_in_region(struct search *search, const struct region *region,
			   const struct reach_range *range, uint64_t *at)
{
	const uint64_t gpa = region->wire.gpa, size = region->wire.size;
	uint64_t page = range->first > gpa ? range->first : gpa;
	long before;

	for (; page <= range->last && page - gpa < size; page += REACH_PAGE) {
		search->page = region->base + (page - gpa);
		if (!kernel_can_read(search->page))
			continue;
		before = search->times;
		reach_try(search_page, search);
		if (!before && search->times)
			*at = page + search->at;
	}
}

long reach_find(struct hostile *hostile, const char *text,
		const struct reach_range *range, uint64_t *at)
{
	struct search search = { .text = text, .length = strlen(text) };
	unsigned int i;

	for (i = 0; i < hostile->nr_regions; i++)
		find_in_region(&search, &hostile->regions[i], range, at);
	return search.times;
}
