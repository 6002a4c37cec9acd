// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where granted pages come from: pinning memory of the owner, by address or
 * from a file, and letting it go.
 *
 * Works in the owner's context, without any lock of ours.
 */
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <uapi/linux/falloc.h>
#include <uapi/linux/fcntl.h>

#include "internal.h"

static bool vg_file_is_hugetlb(struct file *file)
{
	return is_file_hugepages(file);
}

static unsigned int vg_file_seals(struct file *file)
{
#ifdef CONFIG_HUGETLBFS
	if (vg_file_is_hugetlb(file))
		return HUGETLBFS_I(file_inode(file))->seals;
#endif
	return SHMEM_I(file_inode(file))->seals;
}

static int vg_source_check_file(struct vg_source *src, u64 end)
{
	struct file *file = src->file;

	if (!shmem_mapping(file->f_mapping) && !vg_file_is_hugetlb(file))
		return -ENODEV;
	if (!(file->f_mode & FMODE_READ) ||
	    (src->write && !(file->f_mode & FMODE_WRITE)))
		return -EACCES;
	if (src->write &&
	    vg_file_seals(file) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	return end > (u64)i_size_read(file_inode(file)) ? -ENXIO : 0;
}

#ifdef CONFIG_HUGETLBFS
static bool vg_hugetlb_has_hole(struct file *file, u64 pos, u64 end)
{
	u64 step = huge_page_size(hstate_file(file));
	struct folio *folio;

	for (pos = round_down(pos, step); pos < end; pos += step) {
		cond_resched();
		folio = filemap_get_folio(file->f_mapping, pos >> PAGE_SHIFT);
		if (IS_ERR(folio))
			return true;
		folio_put(folio);
	}
	return false;
}

/*
 * memfd_pin_folios() fills a hole of a hugetlb file from the pages that others
 * have reserved (mm/memfd.c, memfd_alloc_folio()), so no hole may be left for
 * it. fallocate() needs the inode's lock: called with it held shared, returns
 * with it held shared.
 */
static int vg_source_fill(struct vg_source *src, u64 end)
{
	struct inode *inode = file_inode(src->file);
	int ret;

	if (!(src->file->f_mode & FMODE_WRITE))
		return -EACCES;
	inode_unlock_shared(inode);
	ret = vfs_fallocate(src->file, FALLOC_FL_KEEP_SIZE, src->pos,
			    end - src->pos);
	inode_lock_shared(inode);
	return ret == -ENOSPC ? -ENOMEM : ret;
}
#else
static bool vg_hugetlb_has_hole(struct file *file, u64 pos, u64 end)
{
	return false;
}

static int vg_source_fill(struct vg_source *src, u64 end)
{
	return 0;
}
#endif

/* Once more after each fill: the file may have changed meanwhile. */
static int vg_source_prepare(struct vg_source *src, u64 end)
{
	int ret;

	for (;;) {
		ret = vg_source_check_file(src, end);
		if (ret || !vg_file_is_hugetlb(src->file) ||
		    !vg_hugetlb_has_hole(src->file, src->pos, end))
			return ret;
		ret = vg_source_fill(src, end);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

/**
 * vg_source_open() - Check the source of a MAP entry
 * @src: filled in; vg_source_close() when this returned 0
 * @entry: checked for everything but its source
 *
 * The inode stays locked until the pages are pinned: sealing a file takes its
 * lock, and fails if it finds a pin.
 *
 * Return: 0 or the errno of the uapi header.
 */
int vg_source_open(struct vg_source *src,
		   const struct vhost_grant_map_entry *entry)
{
	int ret;

	src->file = NULL;
	src->pos = entry->source;
	src->write = entry->flags & VHOST_GRANT_WRITE;
	if (!(entry->flags & VHOST_GRANT_SOURCE_FILE))
		return 0;

	src->file = fget(entry->fd);
	if (!src->file)
		return -EBADF;
	inode_lock_shared(file_inode(src->file));
	ret = vg_source_prepare(src, entry->source + entry->length);
	if (ret)
		vg_source_close(src);
	return ret;
}

void vg_source_close(struct vg_source *src)
{
	if (!src->file)
		return;
	inode_unlock_shared(file_inode(src->file));
	fput(src->file);
}

/*
 * Let go of a page whose translations are gone. It may be dirty only if a peer
 * had it; to mark it so takes the lock of its folio.
 */
void vg_unpin_slot(unsigned long slot)
{
	unsigned long dirty = BIT(VG_SLOT_WRITABLE_BIT) |
			      BIT(VG_SLOT_TOUCHED_BIT);
	struct page *page = vg_slot_page(slot);

	unpin_user_pages_dirty_lock(&page, 1, (slot & dirty) == dirty);
}

static void vg_unpin_huge(struct vg_entry *e)
{
	struct vg_huge *huge = e->huge;
	bool touched = !bitmap_empty(huge->touched, VG_BLOCK_PAGES);

	unpin_user_pages_dirty_lock(&huge->head, 1, e->writable && touched);
}

/* Let go of whatever an entry holds, granted or being revoked. */
void vg_unpin_entry(struct vg_entry *e)
{
	unsigned int i;

	if (e->is_huge) {
		vg_unpin_huge(e);
		return;
	}
	for (i = 0; i < e->nr; i++)
		if (e->slots[i])
			vg_unpin_slot(e->slots[i]);
}

/*
 * Whether a failed RW pin is because the owner may only read there: then it
 * can be pinned for reading.
 */
static bool vg_address_is_readonly(unsigned long addr)
{
	struct page *page;

	if (pin_user_pages_fast(addr, 1, FOLL_LONGTERM, &page) != 1)
		return false;
	unpin_user_page(page);
	return true;
}

/*
 * Pins the pages from slot @i on, one pin each. Returns how many it pinned. The
 * slots after those are cleared: GUP may have left pages there that it gave up.
 */
static long vg_pin_addresses(struct vg_source *src, struct vg_entry *e,
			     unsigned int i)
{
	unsigned int flags = FOLL_LONGTERM | (src->write ? FOLL_WRITE : 0);
	unsigned long addr = src->pos + (u64)i * PAGE_SIZE;
	unsigned int first;
	long n;

	n = pin_user_pages_fast(addr, e->nr - i, flags,
				(struct page **)e->slots + i);
	first = i + max(n, 0L);
	memset(e->slots + first, 0, (e->nr - first) * sizeof(*e->slots));
	if (n == -EFAULT && src->write && vg_address_is_readonly(addr))
		return -EACCES;
	return n ? n : -EFAULT;
}

static int vg_pin_address(struct vg_source *src, struct vg_entry *e)
{
	unsigned int done;
	long n;

	for (done = 0; done < e->nr; done += n) {
		n = vg_pin_addresses(src, e, done);
		if (n < 0)
			return n;
	}
	return 0;
}

/*
 * fallocate() leaves pages in a tmpfs file that are cleared when somebody
 * first uses them. That is now: memfd_pin_folios() does not do it.
 */
static void vg_clear_unused(struct folio *folio)
{
	if (folio_test_uptodate(folio))
		return;
	folio_lock(folio);
	if (!folio_test_uptodate(folio)) {
		folio_zero_range(folio, 0, folio_size(folio));
		flush_dcache_folio(folio);
		folio_mark_uptodate(folio);
	}
	folio_unlock(folio);
}

/* Pins one folio. Returns the page of it that is at @pos, or ERR_PTR(). */
static struct page *vg_pin_folio(struct vg_source *src, u64 pos, u64 length)
{
	struct folio *folio;
	pgoff_t offset;
	long n;

	n = memfd_pin_folios(src->file, pos, pos + length - 1, &folio, 1,
			     &offset);
	if (n != 1)
		return ERR_PTR(n ? n : -EFAULT);
	vg_clear_unused(folio);
	return folio_page(folio, offset >> PAGE_SHIFT);
}

static int vg_pin_file_page(struct vg_source *src, struct vg_entry *e,
			    unsigned int i)
{
	struct page *page;

	page = vg_pin_folio(src, src->pos + (u64)i * PAGE_SIZE, PAGE_SIZE);
	if (IS_ERR(page))
		return PTR_ERR(page);
	e->slots[i] = (unsigned long)page;
	return 0;
}

/* Turns an entry into a huge one; the pin of @head's folio goes with it. */
static int vg_make_huge(struct vg_entry *e, struct page *head)
{
	struct vg_huge *huge = kzalloc(sizeof(*huge), GFP_KERNEL_ACCOUNT);

	if (!huge)
		return -ENOMEM;
	huge->head = head;
	bitmap_fill(huge->live, VG_BLOCK_PAGES);
	vg_entry_free_slots(e);
	e->huge = huge;
	e->is_huge = true;
	return 0;
}

static bool vg_is_block(const struct vg_entry *e)
{
	return IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) &&
	       e->nr == VG_BLOCK_PAGES;
}

/* Whether a block is within one folio, and aligned in memory. */
static bool vg_is_folio_block(struct page *first)
{
	struct folio *folio = page_folio(first);

	return IS_ALIGNED(page_to_pfn(first), VG_BLOCK_PAGES) &&
	       folio_page_idx(folio, first) + VG_BLOCK_PAGES <=
	       folio_nr_pages(folio);
}

/* Returns 1 if the block of the file is not an aligned part of one folio. */
static int vg_pin_file_block(struct vg_source *src, struct vg_entry *e)
{
	struct page *first = vg_pin_folio(src, src->pos, PMD_SIZE);
	int ret;

	if (IS_ERR(first))
		return PTR_ERR(first);
	ret = vg_is_folio_block(first) ? vg_make_huge(e, first) : 1;
	if (ret)
		unpin_user_page(first);
	return ret;
}

/*
 * memfd_pin_folios() pins a folio once, however many of its pages were asked
 * for. As each slot owns a pin, pages that do not make a block are taken one
 * by one.
 */
static int vg_pin_file(struct vg_source *src, struct vg_entry *e)
{
	unsigned int i;
	int ret;

	if (vg_is_block(e)) {
		ret = vg_pin_file_block(src, e);
		if (ret <= 0)
			return ret;
	}
	for (i = 0, ret = 0; i < e->nr && !ret; i++)
		ret = vg_pin_file_page(src, e, i);
	return ret;
}

/* Whether pages pinned by address are one aligned part of one folio. */
static bool vg_slots_are_block(const struct vg_entry *e)
{
	struct page *first = vg_slot_page(e->slots[0]);
	unsigned int i;

	if (!vg_is_block(e) || !vg_is_folio_block(first))
		return false;
	for (i = 1; i < e->nr; i++)
		if (vg_slot_page(e->slots[i]) != nth_page(first, i))
			return false;
	return true;
}

/* One pin of the folio is enough for all; the others are given back. */
static int vg_merge_slots(struct vg_entry *e)
{
	struct page *head = vg_slot_page(e->slots[0]);
	int ret;

	ret = vg_make_huge(e, head);
	if (!ret)
		unpin_user_page_range_dirty_lock(nth_page(head, 1),
						 VG_BLOCK_PAGES - 1, false);
	return ret;
}

/*
 * Memory that the kernel reserves, or that belongs to a device, is not ours to
 * give: VFIO in the peer, for one, trusts reserved pages to need no pin.
 */
static bool vg_is_ordinary(struct page *page)
{
	return !PageReserved(page) && !is_zone_device_page(page);
}

static int vg_check_pages(struct vg_entry *e)
{
	unsigned int i;

	if (e->is_huge)
		return vg_is_ordinary(e->huge->head) ? 0 : -EFAULT;
	for (i = 0; i < e->nr; i++)
		if (!vg_is_ordinary(vg_slot_page(e->slots[i])))
			return -EFAULT;
	return 0;
}

static void vg_set_writable(struct vg_entry *e)
{
	unsigned int i;

	e->writable = true;
	if (e->is_huge)
		return;
	for (i = 0; i < e->nr; i++)
		e->slots[i] |= BIT(VG_SLOT_WRITABLE_BIT);
}

/* Pinning has reasons of its own to fail; the ABI names those that help. */
static int vg_pin_errno(int ret)
{
	switch (ret) {
	case 0:
	case -ENOMEM:
	case -EINTR:
	case -EACCES:
		return ret;
	default:
		return -EFAULT;
	}
}

static int vg_fill_entry(struct vg_source *src, struct vg_entry *e)
{
	int ret;

	ret = src->file ? vg_pin_file(src, e) : vg_pin_address(src, e);
	ret = vg_pin_errno(ret);
	if (!ret)
		ret = vg_check_pages(e);
	if (!ret && !e->is_huge && vg_slots_are_block(e))
		ret = vg_merge_slots(e);
	if (ret)
		return ret;
	e->live = e->nr;
	if (src->write)
		vg_set_writable(e);
	return 0;
}

/**
 * vg_source_pin() - Pin the next pages of a source
 * @src: advanced past them
 * @start: index of the first page in the window
 * @nr: number of pages, all in one block
 *
 * Return: an entry that grants them, not in any table yet, or ERR_PTR().
 */
struct vg_entry *vg_source_pin(struct vg_source *src, pgoff_t start,
			       unsigned int nr)
{
	struct vg_entry *e = vg_entry_alloc(start, nr);
	int ret;

	if (!e)
		return ERR_PTR(-ENOMEM);
	ret = vg_fill_entry(src, e);
	if (ret) {
		vg_unpin_entry(e);
		vg_entry_free(e);
		return ERR_PTR(ret);
	}
	src->pos += (u64)nr * PAGE_SIZE;
	return e;
}
