// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "oracle.h"

static int make_room(struct oracle *oracle, size_t more)
{
	size_t room = oracle->room ? oracle->room : 1024;
	void *pages;

	while (room < oracle->nr + more)
		room *= 2;
	pages = realloc(oracle->pages, room * sizeof(*oracle->pages));
	if (!pages)
		return -ENOMEM;
	oracle->pages = pages;
	oracle->room = room;
	return 0;
}

int oracle_add(struct oracle *oracle, const struct guest_range *range,
	       uint64_t iova, uint32_t access)
{
	uint64_t offset;
	int ret;

	ret = make_room(oracle, range->length / REACH_PAGE);
	for (offset = 0; !ret && offset < range->length; offset += REACH_PAGE)
		oracle->pages[oracle->nr++] = (struct oracle_page){
			iova + offset, range->gpa + offset, access,
		};
	return ret;
}

int oracle_of_memory(struct oracle *oracle, const struct guest_memory *memory)
{
	const struct guest_range *range;
	unsigned int i;
	int ret = 0;

	oracle->nr = 0;
	for (i = 0; i < memory->nr && !ret; i++) {
		range = &memory->ranges[i];
		ret = oracle_add(oracle, range, range->gpa, range->readonly ?
				 REACH_READ : REACH_READ | REACH_WRITE);
	}
	return ret;
}

/* Where there is one more that differs, after the last one at @last */
static void differ(struct verdict *verdict, uint64_t at, uint64_t *last)
{
	verdict->runs += at != *last + REACH_PAGE;
	*last = at;
	if (at < verdict->first)
		verdict->first = at;
}

/* What a window can grant has read access. */
static uint32_t granted_access(uint32_t access)
{
	return access ? access | REACH_READ : 0;
}

static void compare_page(const struct oracle_page *page,
			 const struct guest_memory *memory,
			 const struct reached *reached, struct verdict *verdict)
{
	uint64_t bytes[REACH_PAGE / sizeof(uint64_t)];
	const bool access = reached->access == granted_access(page->access);
	const bool content = !guest_memory_read(memory, page->gpa, bytes,
						sizeof(bytes)) &&
			     reach_sum(bytes) == reached->sum;

	verdict->access += !access;
	verdict->content += !content;
	verdict->same += access && content;
	verdict->readonly += access && content && page->access == REACH_READ;
	if (!(access && content) && page->iova < verdict->first)
		verdict->first = page->iova;
}

void oracle_judge(const struct oracle *oracle, const struct guest_memory *memory,
		  const struct reached *reached, size_t nr, uint64_t first,
		  uint64_t last, struct verdict *verdict)
{
	const struct oracle_page *page = oracle->pages;
	const struct oracle_page *end = page + oracle->nr;
	const struct reached *reached_end = reached + nr;
	uint64_t difference = -2 * REACH_PAGE;

	while (page < end || reached < reached_end) {
		if (page < end && (page->iova < first || page->iova > last)) {
			page++;
		} else if (reached == reached_end ||
			   (page < end && page->iova < reached->address)) {
			verdict->missing++;
			differ(verdict, page++->iova, &difference);
		} else if (page == end || page->iova > reached->address) {
			verdict->excess++;
			differ(verdict, reached++->address, &difference);
		} else {
			compare_page(page++, memory, reached++, verdict);
		}
	}
}
