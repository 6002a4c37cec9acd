// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uses windows through the in-kernel interface of vhost_grant as KVM would: an
 * open of /dev/vhost_grant_test stands for a memslot with a small TLB.
 *
 * A translation is looked up without the lock, and cached only if no
 * invalidate() came in between; it holds no reference to its page, so that
 * nothing but invalidate() stands between a revoked page and its next user.
 *
 * Order: bind_lock -> locks of vhost_grant -> lock. Callers of bind() and
 * unbind() hold bind_lock, so invalidate() takes only lock.
 */
#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/vhost_grant.h>
#include <linux/wait.h>

#include "vhost_grant_test.h"

#define VGT_CACHE	16

/**
 * struct vgt_entry - A cached translation
 * @start: first page of the window
 * @nr: number of pages, 0 if the entry is free
 * @pfn: of the page at @start
 * @writable: whether it may be written
 */
struct vgt_entry {
	pgoff_t start;
	unsigned long nr;
	unsigned long pfn;
	bool writable;
};

/**
 * struct vgt_slot - An open of the device
 * @bind_lock: protects the members up to @binding, held for reading while the
 *	window is used
 * @ops: interface of vhost_grant, valid while @file is held
 * @file: of the window, NULL if nothing is bound
 * @window: behind @file
 * @binding: what vhost_grant knows of this slot
 * @invalidate_delay_ms: sleep at the end of invalidate()
 * @wait: woken by invalidate()
 * @lock: protects the members below
 * @seq: number of invalidate() calls
 * @victim: entry to replace next
 * @cache: translations
 * @stats: for the test
 */
struct vgt_slot {
	struct rw_semaphore bind_lock;
	const struct vhost_grant_kvm_ops *ops;
	struct file *file;
	struct vhost_grant_window *window;
	struct vhost_grant_binding binding;
	unsigned int invalidate_delay_ms;
	wait_queue_head_t wait;
	spinlock_t lock; /* what mmu_lock is to KVM */
	unsigned long seq;
	unsigned int victim;
	struct vgt_entry cache[VGT_CACHE];
	struct vhost_grant_test_stats stats;
};

static void vgt_forget(struct vgt_slot *slot, pgoff_t start, pgoff_t end)
{
	struct vgt_entry *entry;

	lockdep_assert_held(&slot->lock);
	for (entry = slot->cache; entry < slot->cache + VGT_CACHE; entry++) {
		if (!entry->nr || entry->start >= end ||
		    start >= entry->start + entry->nr)
			continue;
		entry->nr = 0;
		slot->stats.cached--;
	}
}

static bool vgt_range_ok(const struct vhost_grant_binding *binding,
			 const struct vhost_grant_range *ranges, unsigned int i)
{
	const struct vhost_grant_range *range = &ranges[i];

	return range->start < range->end &&
	       range->start >= binding->range.start &&
	       range->end <= binding->range.end &&
	       (!i || range->start > ranges[i - 1].end);
}

static void vgt_count_range(struct vgt_slot *slot,
			    const struct vhost_grant_range *ranges,
			    unsigned int i)
{
	struct vhost_grant_test_stats *stats = &slot->stats;

	if (!vgt_range_ok(&slot->binding, ranges, i))
		stats->broken++;
	stats->ranges++;
	stats->pages += ranges[i].end - ranges[i].start;
	if (i >= VHOST_GRANT_TEST_RANGES)
		return;
	stats->last[i].start = ranges[i].start;
	stats->last[i].end = ranges[i].end;
}

static void vgt_invalidate(struct vhost_grant_binding *binding,
			   const struct vhost_grant_range *ranges,
			   unsigned int nr)
{
	struct vgt_slot *slot = container_of(binding, struct vgt_slot, binding);
	unsigned int i;

	scoped_guard(spinlock, &slot->lock) {
		slot->seq++;
		slot->stats.calls++;
		slot->stats.running++;
		slot->stats.nr_last = nr;
		if (!nr)
			slot->stats.broken++;
		for (i = 0; i < nr; i++) {
			vgt_count_range(slot, ranges, i);
			vgt_forget(slot, ranges[i].start, ranges[i].end);
		}
	}
	wake_up_all(&slot->wait);

	/* An access that retries now must see the table without the pages. */
	if (slot->invalidate_delay_ms)
		msleep(slot->invalidate_delay_ms);

	scoped_guard(spinlock, &slot->lock)
		slot->stats.running--;
}

static const struct vhost_grant_binding_ops vgt_binding_ops = {
	.invalidate = vgt_invalidate,
};

/* The window's file keeps vhost_grant loaded, so the symbol can go at once. */
static int vgt_window_get(struct vgt_slot *slot, struct file *file,
			  pgoff_t *npages)
{
	const struct vhost_grant_kvm_ops *(*ops_get)(void);
	int ret = 0;

	ops_get = symbol_get(vhost_grant_kvm_ops_get);
	if (!ops_get)
		return -EOPNOTSUPP;
	slot->ops = ops_get();
	slot->window = slot->ops->window_from_file(file, npages);
	if (IS_ERR(slot->window))
		ret = PTR_ERR(slot->window);
	symbol_put(vhost_grant_kvm_ops_get);
	return ret;
}

static int vgt_bind_file(struct vgt_slot *slot, struct file *file,
			 struct vhost_grant_test_bind *arg)
{
	pgoff_t npages;
	int ret;

	ret = vgt_window_get(slot, file, &npages);
	if (ret)
		return ret;
	arg->out_npages = npages;
	slot->invalidate_delay_ms = arg->invalidate_delay_ms;
	slot->binding.ops = &vgt_binding_ops;
	slot->binding.range.start = arg->start;
	slot->binding.range.end = arg->end;
	return slot->ops->bind(slot->window, &slot->binding);
}

static void vgt_unbind(struct vgt_slot *slot)
{
	lockdep_assert_held_write(&slot->bind_lock);
	if (!slot->file)
		return;
	slot->ops->unbind(slot->window, &slot->binding);
	scoped_guard(spinlock, &slot->lock)
		vgt_forget(slot, 0, ULONG_MAX);
	fput(slot->file);
	slot->file = NULL;
}

static int vgt_ioctl_bind(struct vgt_slot *slot, void __user *uarg)
{
	struct vhost_grant_test_bind arg;
	struct file *file;
	int ret;

	if (copy_from_user(&arg, uarg, sizeof(arg)))
		return -EFAULT;
	if (arg.start >= arg.end ||
	    arg.invalidate_delay_ms > VHOST_GRANT_TEST_MAX_DELAY_MS)
		return -EINVAL;

	guard(rwsem_write)(&slot->bind_lock);
	if (slot->file)
		return -EBUSY;
	file = fget(arg.fd);
	if (!file)
		return -EBADF;
	ret = vgt_bind_file(slot, file, &arg);
	if (ret) {
		fput(file);
		return ret;
	}
	slot->file = file;
	if (copy_to_user(uarg, &arg, sizeof(arg))) {
		vgt_unbind(slot);
		return -EFAULT;
	}
	return 0;
}

static int vgt_ioctl_unbind(struct vgt_slot *slot)
{
	guard(rwsem_write)(&slot->bind_lock);
	if (!slot->file)
		return -ENOTCONN;
	vgt_unbind(slot);
	return 0;
}

/* Look up with a reference, which the caller puts. */
static int vgt_get_page(struct vgt_slot *slot, pgoff_t index, u32 access,
			struct vhost_grant_page *page)
{
	unsigned int max_order = page->order;
	unsigned long mask;
	int ret;

	ret = slot->ops->get_page(slot->window, index, access, page);
	if (ret)
		return ret;
	mask = (1UL << page->order) - 1;
	if (((page_to_pfn(page->page) ^ index) & mask) ||
	    page->order > max_order ||
	    ((access & VHOST_GRANT_WRITE) && !page->writable)) {
		put_page(page->page);
		return -EPROTO;
	}
	return 0;
}

static int vgt_ioctl_get(struct vgt_slot *slot, void __user *uarg)
{
	struct vhost_grant_test_get arg;
	struct vhost_grant_page page;
	int ret;

	if (copy_from_user(&arg, uarg, sizeof(arg)))
		return -EFAULT;
	scoped_guard(rwsem_read, &slot->bind_lock) {
		if (!slot->file)
			return -ENOTCONN;
		page.order = arg.max_order;
		ret = vgt_get_page(slot, arg.index, arg.access, &page);
	}
	if (ret)
		return ret;
	arg.out_order = page.order;
	arg.out_pfn = page_to_pfn(page.page);
	arg.out_writable = page.writable;
	put_page(page.page);
	return copy_to_user(uarg, &arg, sizeof(arg)) ? -EFAULT : 0;
}

/* The TLB of the slot: true if the access was done from it. */
static bool vgt_access_cached(struct vgt_slot *slot,
			      struct vhost_grant_test_access *arg)
{
	pgoff_t index = arg->offset >> PAGE_SHIFT;
	struct vgt_entry *entry;
	u64 *p;

	lockdep_assert_held(&slot->lock);
	for (entry = slot->cache; entry < slot->cache + VGT_CACHE; entry++) {
		if (index - entry->start >= entry->nr ||
		    (arg->write && !entry->writable))
			continue;
		p = kmap_local_page(pfn_to_page(entry->pfn + index -
						entry->start));
		p += offset_in_page(arg->offset) / sizeof(*p);
		if (arg->write)
			WRITE_ONCE(*p, arg->value);
		else
			arg->value = READ_ONCE(*p);
		kunmap_local(p);
		return true;
	}
	return false;
}

/* Cache all of a huge page that is within the bound range, as KVM does. */
static void vgt_install(struct vgt_slot *slot, pgoff_t index,
			const struct vhost_grant_page *page)
{
	const struct vhost_grant_range *range = &slot->binding.range;
	unsigned long nr = 1UL << page->order;
	pgoff_t start = ALIGN_DOWN(index, nr);
	struct vgt_entry *entry;

	lockdep_assert_held(&slot->lock);
	if (start < range->start || start + nr > range->end) {
		start = index;
		nr = 1;
	}
	vgt_forget(slot, start, start + nr);
	entry = &slot->cache[slot->victim++ % VGT_CACHE];
	if (!entry->nr)
		slot->stats.cached++;
	entry->start = start;
	entry->nr = nr;
	entry->pfn = page_to_pfn(page->page) - (index - start);
	entry->writable = page->writable;
}

/* Give an invalidate() time to come between lookup and installation. */
static int vgt_delay(struct vgt_slot *slot, unsigned long seq, unsigned int ms)
{
	long ret;

	if (!ms)
		return 0;
	scoped_guard(spinlock, &slot->lock)
		slot->stats.delayed++;
	ret = wait_event_interruptible_timeout(slot->wait,
					       READ_ONCE(slot->seq) != seq,
					       msecs_to_jiffies(ms));
	scoped_guard(spinlock, &slot->lock)
		slot->stats.delayed--;
	return ret < 0 ? -EINTR : 0;
}

/* One attempt: 1 if it was in vain because the lookup became stale. */
static int vgt_access_once(struct vgt_slot *slot,
			   struct vhost_grant_test_access *arg)
{
	pgoff_t index = arg->offset >> PAGE_SHIFT;
	struct vhost_grant_page page = { .order = PMD_SHIFT - PAGE_SHIFT };
	u32 access = arg->write ? VHOST_GRANT_WRITE : VHOST_GRANT_READ;
	unsigned long seq;
	int ret;

	scoped_guard(spinlock, &slot->lock) {
		if (vgt_access_cached(slot, arg))
			return 0;
		seq = slot->seq;
	}
	ret = vgt_get_page(slot, index, access, &page);
	if (ret)
		return ret;
	ret = vgt_delay(slot, seq, arg->delay_ms);
	if (ret)
		goto out;

	scoped_guard(spinlock, &slot->lock) {
		if (slot->seq != seq) {
			slot->stats.stale++;
			ret = 1;
			goto out;
		}
		vgt_install(slot, index, &page);
		vgt_access_cached(slot, arg);
	}
out:
	put_page(page.page);
	return ret;
}

static int vgt_access(struct vgt_slot *slot,
		      struct vhost_grant_test_access *arg)
{
	pgoff_t index = arg->offset >> PAGE_SHIFT;
	int ret;

	guard(rwsem_read)(&slot->bind_lock);
	if (!slot->file)
		return -ENOTCONN;
	if (index < slot->binding.range.start ||
	    index >= slot->binding.range.end)
		return -ERANGE;
	do {
		if (signal_pending(current))
			return -EINTR;
		ret = vgt_access_once(slot, arg);
		arg->delay_ms = 0;
	} while (ret > 0);
	return ret;
}

static int vgt_ioctl_access(struct vgt_slot *slot, void __user *uarg)
{
	struct vhost_grant_test_access arg;
	int ret;

	if (copy_from_user(&arg, uarg, sizeof(arg)))
		return -EFAULT;
	if (!IS_ALIGNED(arg.offset, sizeof(u64)) ||
	    arg.delay_ms > VHOST_GRANT_TEST_MAX_DELAY_MS)
		return -EINVAL;
	ret = vgt_access(slot, &arg);
	if (ret)
		return ret;
	return copy_to_user(uarg, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static void vgt_stats(struct vgt_slot *slot,
		      struct vhost_grant_test_stats *stats)
{
	spin_lock(&slot->lock);
	*stats = slot->stats;
	spin_unlock(&slot->lock);
}

static int vgt_ioctl_stats(struct vgt_slot *slot, void __user *uarg)
{
	struct vhost_grant_test_stats *stats __free(kfree) =
		kmalloc(sizeof(*stats), GFP_KERNEL);

	if (!stats)
		return -ENOMEM;
	vgt_stats(slot, stats);
	return copy_to_user(uarg, stats, sizeof(*stats)) ? -EFAULT : 0;
}

static long vgt_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vgt_slot *slot = file->private_data;
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VHOST_GRANT_TEST_BIND:
		return vgt_ioctl_bind(slot, uarg);
	case VHOST_GRANT_TEST_UNBIND:
		return vgt_ioctl_unbind(slot);
	case VHOST_GRANT_TEST_GET:
		return vgt_ioctl_get(slot, uarg);
	case VHOST_GRANT_TEST_ACCESS:
		return vgt_ioctl_access(slot, uarg);
	case VHOST_GRANT_TEST_STATS:
		return vgt_ioctl_stats(slot, uarg);
	default:
		return -ENOTTY;
	}
}

static int vgt_open(struct inode *inode, struct file *file)
{
	struct vgt_slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return -ENOMEM;
	init_rwsem(&slot->bind_lock);
	init_waitqueue_head(&slot->wait);
	spin_lock_init(&slot->lock);
	file->private_data = slot;
	return 0;
}

static int vgt_release(struct inode *inode, struct file *file)
{
	struct vgt_slot *slot = file->private_data;

	scoped_guard(rwsem_write, &slot->bind_lock)
		vgt_unbind(slot);
	kfree(slot);
	return 0;
}

/* Memory as some drivers map it, for a test that it cannot be granted. */
static struct page *vgt_reserved;

static int vgt_mmap(struct file *file, struct vm_area_struct *vma)
{
	return vm_insert_page(vma, vma->vm_start, vgt_reserved);
}

static const struct file_operations vgt_fops = {
	.owner = THIS_MODULE,
	.open = vgt_open,
	.release = vgt_release,
	.mmap = vgt_mmap,
	.unlocked_ioctl = vgt_ioctl,
};

static struct miscdevice vgt_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vhost_grant_test",
	.mode = 0600,
	.fops = &vgt_fops,
};

static void vgt_free_reserved(void)
{
	ClearPageReserved(vgt_reserved);
	__free_page(vgt_reserved);
}

static int __init vgt_init(void)
{
	int ret;

	vgt_reserved = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!vgt_reserved)
		return -ENOMEM;
	SetPageReserved(vgt_reserved);
	ret = misc_register(&vgt_device);
	if (ret)
		vgt_free_reserved();
	return ret;
}

static void __exit vgt_exit(void)
{
	misc_deregister(&vgt_device);
	vgt_free_reserved();
}

module_init(vgt_init);
module_exit(vgt_exit);

MODULE_DESCRIPTION("Test of the in-kernel interface of vhost_grant");
MODULE_LICENSE("GPL");
