// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages behind a mapped memslot: KVM before Linux 6.13 cannot map what is
 * not the first page of one. GET_INFO says what this kernel does, MAP refuses
 * what would not work if it is told of the use, and huge pages of anonymous
 * memory can be split in place. A native memslot has no such limit.
 */
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "mark.h"
#include "memory.h"
#include "refusal.h"
#include "vmpeer.h"

#define LENGTH	(2 * HUGE)

FIXTURE(huge) {
	struct mark mark;
	int space;
	bool supported;
	struct source source;
};

FIXTURE_VARIANT(huge) {
	struct sharing sharing;
};

FIXTURE_VARIANT_ADD(huge, mapped_thp) { MAPPED(SOURCE_THP) };
FIXTURE_VARIANT_ADD(huge, mapped_hugetlb) { MAPPED(SOURCE_HUGETLB) };
FIXTURE_VARIANT_ADD(huge, native_thp) { NATIVE(SOURCE_THP) };
FIXTURE_VARIANT_ADD(huge, native_hugetlb) { NATIVE(SOURCE_HUGETLB) };
FIXTURE_VARIANT_ADD(huge, native_plain) { NATIVE_PLAIN(SOURCE_THP) };

FIXTURE_SETUP(huge)
{
	int ret;

	mark_begin(&self->mark);
	if (!kvm_knows_way(variant->sharing.way))
		SKIP(return, NOT_HERE);
	self->space = space_open();
	ASSERT_LE(0, self->space);
	self->supported = variant->sharing.way != VMM_MAPPED ||
			  kvm_maps_huge(self->space);
	ret = source_open(&self->source, variant->sharing.source, LENGTH);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "no huge pages on this machine");
	ASSERT_EQ(0, ret);
	source_fill(&self->source, 7);
}

FIXTURE_TEARDOWN_PARENT(huge)
{
	MARK_END(&self->mark);
}

static struct vmm_outcome check_pages(struct vmpeer *vm, uint64_t iova,
				      uint64_t length)
{
	const struct guest_mailbox box = {
		.command = GUEST_CHECK_PAGES, .length = length,
		.address = vmm_window_gpa(0) + iova,
		.value = source_word(7, iova),
	};

	return vmpeer_run(vm, 0, &box);
}

static struct vmm_outcome read_page(struct vmpeer *vm, uint64_t iova)
{
	return check_pages(vm, iova, PAGE);
}

static bool page_is_hole(struct vmpeer *vm, uint64_t iova)
{
	return refused_hole(vm->shared->way, read_page(vm, iova),
			    vmm_window_gpa(0) + iova, ATTEMPT_READ);
}

/* The feature bit is a statement about KVM: here is what KVM does. */
TEST_F(huge, feature_bit_is_true)
{
	struct window window;
	struct vmpeer vm;

	ASSERT_EQ(0, space_window(self->space, LENGTH, 0, &window));
	ASSERT_EQ(0, source_grant(&self->source, self->space, window.id, 0, 0,
				  LENGTH, RW));
	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, variant->sharing.way,
				  &window, 1));
	EXPECT_EQ(self->supported ? VMM_OK : VMM_HOLE,
		  read_page(&vm, LENGTH - PAGE).result);
	vmpeer_stop(&vm);
}

static bool nothing_is_granted(int space, uint32_t window)
{
	struct vhost_grant_query query;

	return !space_query(space, window, &query) && !query.out_grants &&
	       !query.out_pages_granted && !query.out_pages_pinned;
}

TEST_F(huge, map_refuses_what_kvm_cannot_map)
{
	static const struct {
		uint64_t iova, offset, length;
	} ranges[] = {
		{ 0, 0, LENGTH },
		{ HUGE, 0, HUGE },
		{ 0, HUGE + 3 * PAGE, PAGE },
		{ PAGE, 0, 2 * PAGE },
	};
	const int expected = self->supported ? 0 : -EOPNOTSUPP;
	struct window window;
	size_t i;

	ASSERT_EQ(0, space_window(self->space, LENGTH, variant->sharing.flags,
				  &window));
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		EXPECT_EQ(expected,
			  source_grant(&self->source, self->space, window.id,
				       ranges[i].iova, ranges[i].offset,
				       ranges[i].length, RW))
			TH_LOG("range %zu", i);
		ASSERT_EQ(0, space_unmap_all(self->space, window.id));
		EXPECT_TRUE(nothing_is_granted(self->space, window.id));
	}
}

/* Last page first, on what MAP has accepted. */
TEST_F(huge, every_page_once_split)
{
	struct window window;
	struct vmm_outcome outcome;
	struct vmpeer vm;

	if (!self->supported && variant->sharing.source == SOURCE_HUGETLB)
		SKIP(return, "hugetlb pages cannot be split");
	if (!self->supported)
		ASSERT_EQ(0, split_huge_pages(&self->source));
	ASSERT_EQ(0, space_window(self->space, LENGTH, variant->sharing.flags,
				  &window));
	ASSERT_EQ(0, source_grant(&self->source, self->space, window.id, 0, 0,
				  LENGTH, RW));
	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, variant->sharing.way,
				  &window, 1));
	outcome = check_pages(&vm, 0, LENGTH);
	EXPECT_EQ(VMM_OK, outcome.result);
	EXPECT_EQ(0, outcome.value);
	vmpeer_stop(&vm);
}

/* A huge page of which one page is revoked, where KVM maps huge pages. */
TEST_F(huge, revoke_of_one_page)
{
	struct window window;
	struct vmpeer vm;

	if (!self->supported)
		SKIP(return, "KVM of this kernel cannot map huge pages from a window");
	ASSERT_EQ(0, space_window(self->space, LENGTH, variant->sharing.flags,
				  &window));
	ASSERT_EQ(0, source_grant(&self->source, self->space, window.id, 0, 0,
				  LENGTH, RW));
	ASSERT_EQ(0, vmpeer_start(&vm, PEER_STRANGER, variant->sharing.way,
				  &window, 1));
	ASSERT_EQ(VMM_OK, read_page(&vm, 5 * PAGE).result);
	ASSERT_EQ(0, space_unmap(self->space, window.id, 6 * PAGE, PAGE));
	EXPECT_TRUE(page_is_hole(&vm, 6 * PAGE));
	EXPECT_EQ(VMM_OK, read_page(&vm, 5 * PAGE).result);
	EXPECT_EQ(VMM_OK, read_page(&vm, 7 * PAGE).result);
	EXPECT_TRUE(page_is_hole(&vm, 6 * PAGE));
	vmpeer_stop(&vm);
}

TEST_HARNESS_MAIN
