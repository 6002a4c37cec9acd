/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhost_grant: objects, lifetimes, locks.
 *
 * A space (struct vg_space) is an open of /dev/vhost_grant. It is tied to the
 * mm of the process that first creates a window in it, the owner: only that
 * process controls it, and everything it granted is revoked when the file is
 * released or the mm exits, whichever comes first.
 *
 * A window (struct vhost_grant_window) is a file with an inode of its own, so
 * that i_mapping knows every mapping of this window and of nothing else. It
 * lives as long as the space knows its id, or somebody holds the file. A mapping
 * and a KVM binding hold the file. Destroying the window takes the id and the
 * grants; the file stays, empty.
 *
 * The grant table of a window is made of entries (struct vg_entry). An entry
 * never crosses a block, a 2 MiB aligned part of the window, and is either
 *
 *  - small: up to 512 pages, each with a slot that holds the page, one pin of
 *    it, and its permission; a slot that is 0 is a hole; or
 *  - huge: a whole block, backed by one aligned part of one folio with one pin,
 *    and a bitmap of the pages that are still granted.
 *
 * UNMAP makes holes in entries and frees entries that are empty, so it never
 * needs memory. MAP into holes of a small entry fills its slots, or, if that
 * entry does not cover all of it, absorbs it into its own. Small and huge
 * entries are kept in two trees, because the holes of a huge entry may hold
 * small ones; a page is granted by at most one entry.
 *
 * Pages are pinned (FOLL_LONGTERM) from MAP until the revoke has made sure that
 * no page table, EPT or NPT refers to them. Peers get special page table
 * entries only (VM_PFNMAP), which no one can take a reference through.
 *
 * Revoke: mark under table_lock, zap without it, then unpin. A fault looks up
 * and installs under one hold of table_lock, so it either installs before the
 * mark, and is zapped, or sees the hole. KVM looks up under table_lock and
 * discards what it found if its invalidate sequence has moved.
 *
 * Lock order, outermost first:
 *
 *   vg_space.unmap_lock	the buffer of UNMAP
 *     owner's mmap_lock	reads the argument of UNMAP
 *     window.revoke_lock	MAP and revoke: whoever changes the table
 *	 window.bindings_lock
 *	 i_mmap_rwsem
 *	 window.table_lock	for writing; nothing is allocated
 *
 *   vg_space.owner_lock
 *     owner's mmap_lock	registers the mmu notifier
 *
 *   window.hole_lock	the hole policy
 *     window.table_lock	for writing
 *     window.bindings_lock
 *     i_mmap_rwsem
 *
 *   KVM's slots_lock
 *     window.bindings_lock	for writing
 *
 *   window.bindings_lock	for reading
 *     KVM's srcu
 *	 KVM's mmu_lock
 *
 *   i_mmap_rwsem, page table locks, mmu notifiers of the peers, in zapping
 *
 *   peer's mmap_lock or VMA lock
 *     window.table_lock	for reading: look up, and install in the page
 *				table; for writing, to install a huge entry
 *	 page table locks, mmu notifiers of the peer; nothing is allocated
 *	 vg_space.event_lock
 *
 * The mm of the owner exits or the space is released: revoke_lock of each
 * window, with nothing held but SRCU of the mmu notifiers.
 *
 * Of the locks that a revoke takes, a peer's faults hold table_lock and page
 * table locks, its mmap() and munmap() i_mmap_rwsem. Under none of them is memory
 * allocated: that may wait as long as the limits of the peer's memory cgroup
 * make it. What a peer can still withhold is the CPU time to let go of a lock.
 */
#ifndef _MM_VHOST_GRANT_INTERNAL_H
#define _MM_VHOST_GRANT_INTERNAL_H

#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/vhost_grant.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "compat.h"

struct seq_file;

#define VG_BLOCK_ORDER		(PMD_SHIFT - PAGE_SHIFT)
#define VG_BLOCK_PAGES		BIT(VG_BLOCK_ORDER)
/* What the next level of a page table maps, as blocks that lie together */
#define VG_GIANT_ORDER		(PUD_SHIFT - PAGE_SHIFT)
#define VG_GIANT_PAGES		BIT(VG_GIANT_ORDER)

#define VG_MAX_WINDOW_SIZE	BIT_ULL(47)
#define VG_MAX_WINDOWS		1024
#define VG_MAX_VMAS		64
#define VG_MAX_BINDINGS		32
#define VG_MAX_GRANTS		BIT(24)
#define VG_MAX_EVENTS		256
#define VG_MAX_ENTRIES		65536

/* Of a window, what a change of its hole policy invalidates at a time */
#define VG_HOLE_PART		(16 * VG_BLOCK_PAGES)

/* Ranges that are revoked with one flush. */
#define VG_BATCH		256

/**
 * struct vg_huge - The page of a huge entry
 * @head: first page of the block
 * @live: pages that are granted
 * @touched: pages that a peer was given access to
 */
struct vg_huge {
	struct page *head;
	DECLARE_BITMAP(live, VG_BLOCK_PAGES);
	DECLARE_BITMAP(touched, VG_BLOCK_PAGES);
};

/*
 * A slot of a small entry: the page and flags in the low bits, which are zero
 * in a struct page pointer.
 */
#define VG_SLOT_WRITABLE_BIT	0
#define VG_SLOT_TOUCHED_BIT	1
#define VG_SLOT_REVOKING_BIT	2
#define VG_SLOT_FLAGS		7UL

/**
 * struct vg_entry - Part of the grant table
 * @node: in window.small or window.huge
 * @link: instead of @node, before it is in the table and after it was
 * @start: index of the first page in the window
 * @slots: of a small entry, @slot if it covers one page
 * @huge: of a huge entry
 * @slot: of a small entry of one page, to spare it an array
 * @nr: pages that the entry covers
 * @live: pages that are granted
 * @is_huge: which of the two it is
 * @writable: of a huge entry: granted for writing
 * @absorbs: not in the table yet, and small entries are in its way
 */
struct vg_entry {
	union {
		struct rb_node node;
		struct list_head link;
	};
	pgoff_t start;
	union {
		unsigned long *slots;
		struct vg_huge *huge;
	};
	unsigned long slot;
	u16 nr;
	u16 live;
	bool is_huge;
	bool writable;
	bool absorbs;
};

/**
 * struct vg_space - What an open of /dev/vhost_grant is
 * @ref: the file, and each window
 * @id: unique on this host as long as the module is loaded
 * @owner_lock: serialises the choice of an owner
 * @mm: the owner's, or NULL; a reference to the struct is held by @notifier
 * @owner: the owner's process, to name it; set before @mm
 * @notifier: tells that the owner's mm exits
 * @windows: by id; its lock protects the first reference of a window
 * @next_id: where to look for the next free id
 * @nr_windows: windows in @windows
 * @pinned: pages charged to @mm
 * @unmap_lock: protects @batch
 * @batch: ranges of an UNMAP, there beforehand because UNMAP cannot allocate
 * @event_lock: protects the fields below
 * @event_wait: readers
 * @events: ring of %VG_MAX_EVENTS
 * @event_head: oldest event
 * @nr_events: events in the ring
 * @events_lost: since the last overflow event
 */
struct vg_space {
	struct kref ref;
	u64 id;
	struct mutex owner_lock;	/* serialises the choice of an owner */
	struct mm_struct *mm;
	struct pid *owner;
	struct mmu_notifier notifier;
	struct xarray windows;
	u32 next_id;
	atomic_t nr_windows;
	atomic64_t pinned;
	struct mutex unmap_lock;	/* protects batch */
	struct vhost_grant_range *batch;
	spinlock_t event_lock;		/* protects the ring of events */
	wait_queue_head_t event_wait;
	struct vhost_grant_event *events;
	unsigned int event_head;
	unsigned int nr_events;
	u64 events_lost;
};

/**
 * struct vhost_grant_window - A window
 * @ref: the space's table, and the file
 * @space: holds a reference
 * @inode: of the file, held because a revoke may come after the file is gone
 * @id: in the space
 * @flags: as given by the owner
 * @npages: size
 * @revoke_lock: serialises everything that changes the table
 * @dead: the space does not know the window, not yet or not any more, so
 *	nothing is granted; once shared, protected by @revoke_lock
 * @table_lock: protects @small, @huge, @hole, @scratch
 * @small: small entries by index
 * @huge: huge entries by index
 * @hole_lock: serialises changes of @hole
 * @hole: policy
 * @scratch: the page of %VHOST_GRANT_HOLE_SCRATCH and SCRATCH_FINAL, once it was asked for
 * @scratch_used: a peer was given access to @scratch
 * @bindings_lock: protects @bindings
 * @bindings: KVM memslots
 * @nr_bindings: members of @bindings, and those that are about to be
 * @nr_vmas: mappings
 * @file_gone: the file was released
 * @nr_entries: protected by @revoke_lock, as are the next three
 * @granted: pages that are granted
 * @pinned: pages that are pinned and charged
 * @revoked: pages that were revoked
 * @mapped: pages that peers were given access to
 * @faults: resolved
 * @holes: accesses to holes
 * @readonly: writes to read-only grants
 */
struct vhost_grant_window {
	struct kref ref;
	struct vg_space *space;
	struct inode *inode;
	u32 id;
	u32 flags;
	pgoff_t npages;
	struct mutex revoke_lock;	/* serialises changes of the table */
	bool dead;
	struct rw_semaphore table_lock;
	struct rb_root small;
	struct rb_root huge;
	struct mutex hole_lock;		/* serialises changes of hole */
	u32 hole;
	struct page *scratch;
	bool scratch_used;
	struct rw_semaphore bindings_lock;
	struct list_head bindings;
	atomic_t nr_bindings;
	atomic_t nr_vmas;
	bool file_gone;
	unsigned long nr_entries;
	unsigned long granted;
	unsigned long pinned;
	unsigned long revoked;
	atomic64_t mapped;
	atomic64_t faults;
	atomic64_t holes;
	atomic64_t readonly;
};

/**
 * struct vg_ucmd - An ioctl on its way
 * @arg: the argument structure, copied
 * @uarg: where it came from
 * @usize: its size in user space
 */
struct vg_ucmd {
	void *arg;
	void __user *uarg;
	u32 usize;
};

/* ioctl.c */

/**
 * struct vg_ioctl - Row of an ioctl table
 * @cmd: number
 * @size: of the argument structure
 * @owner_only: refused to every process but the owner, and as long as there is
 *	none
 * @fn: gets the object of the file
 */
struct vg_ioctl {
	unsigned int cmd;
	u16 size;
	bool owner_only;
	int (*fn)(void *object, struct vg_ucmd *ucmd);
};

const struct vg_ioctl *vg_ioctl_find(const struct vg_ioctl *table,
				     unsigned int nr, unsigned int cmd);
int vg_ioctl_run(const struct vg_ioctl *op, void *object, void __user *uarg);
int vg_ioctl_respond(const struct vg_ucmd *ucmd, size_t size);
int vg_copy_entry(void *entry, size_t size, u64 entries, u32 entry_size,
		  u32 i);

/* space.c */
extern const struct file_operations vg_space_fops;
void vg_space_put(struct vg_space *space);
struct vhost_grant_window *vg_space_get_window(struct vg_space *space, u32 id);
int vg_space_bind(struct vg_space *space);
int vg_space_add_window(struct vg_space *space, struct vhost_grant_window *w);
int vg_space_remove_window(struct vg_space *space, u32 id);
void vg_space_show_id(struct seq_file *m, struct vg_space *space);

/* window.c */
bool vg_file_is_window(struct file *file);
int vg_window_create(void *space, struct vg_ucmd *ucmd);
int vg_window_query(void *space, struct vg_ucmd *ucmd);
void vg_window_put(struct vhost_grant_window *w);

/* event.c */
int vg_events_init(struct vg_space *space);
void vg_event_violation(struct vhost_grant_window *w, pgoff_t index, u32 access,
			bool readonly);
void vg_event_peer_gone(struct vhost_grant_window *w);
ssize_t vg_events_read(struct file *file, char __user *buf, size_t count,
		       loff_t *pos);
__poll_t vg_events_poll(struct file *file, struct poll_table_struct *wait);

/* table.c */

/**
 * struct vg_found - What the table says of a page
 * @page: the page
 * @writable: its permission
 * @touched: a peer was given access to it before
 * @entry: entry it is in
 * @i: index in the entry
 */
struct vg_found {
	struct page *page;
	bool writable;
	bool touched;
	struct vg_entry *entry;
	unsigned int i;
};

int __init vg_table_init(void);
void vg_table_exit(void);
struct vg_entry *vg_entry_alloc(pgoff_t start, unsigned int nr);
void vg_entry_free(struct vg_entry *e);
void vg_entry_free_slots(struct vg_entry *e);
struct vg_entry *vg_tree_first(struct rb_root *tree, pgoff_t start,
			       pgoff_t end);
struct vg_entry *vg_tree_next(struct vg_entry *e, pgoff_t end);
void vg_tree_insert(struct rb_root *tree, struct vg_entry *e);
bool vg_table_lookup(struct vhost_grant_window *w, pgoff_t index, struct vg_found *f);
struct vg_entry *vg_table_lookup_huge(struct vhost_grant_window *w, pgoff_t index);
bool vg_table_busy(struct vhost_grant_window *w, struct vg_entry *new);
void vg_touch(struct vhost_grant_window *w, const struct vg_found *f);
void vg_touch_huge(struct vhost_grant_window *w, struct vg_entry *e);
bool vg_touch_giant(struct vhost_grant_window *w, struct vg_entry *e);

/* source.c */

/**
 * struct vg_source - Where the pages of a MAP entry come from
 * @file: the file, or NULL for the owner's address space
 * @pos: address, or offset in @file
 * @write: the grant is RW
 */
struct vg_source {
	struct file *file;
	u64 pos;
	bool write;
};

int vg_source_open(struct vg_source *src,
		   const struct vhost_grant_map_entry *entry);
void vg_source_close(struct vg_source *src);
struct vg_entry *vg_source_pin(struct vg_source *src, pgoff_t start,
			       unsigned int nr);
void vg_unpin_slot(unsigned long slot);
void vg_unpin_entry(struct vg_entry *e);

/* map.c */
int vg_map(void *space, struct vg_ucmd *ucmd);

/* revoke.c */
int vg_unmap(void *space, struct vg_ucmd *ucmd);
void vg_window_kill(struct vhost_grant_window *w);
void vg_window_invalidate(struct vhost_grant_window *w, struct vhost_grant_range *ranges,
			  unsigned int nr);
void vg_uncharge(struct vg_space *space, unsigned long npages);

/* fault.c */
int vg_window_mmap(struct file *file, struct vm_area_struct *vma);

/* hole.c */
int vg_hole_init(struct vhost_grant_window *w);
void vg_hole_destroy(struct vhost_grant_window *w);
int vg_hole_set(void *window, struct vg_ucmd *ucmd);
struct page *vg_hole_page(struct vhost_grant_window *w);
struct page *vg_hole_page_for(struct vhost_grant_window *w, const struct vg_found *f);

/* binding.c */
void vg_bindings_invalidate(struct vhost_grant_window *w,
			    struct vhost_grant_range *ranges, unsigned int nr);

static inline struct page *vg_slot_page(unsigned long slot)
{
	return (struct page *)(slot & ~VG_SLOT_FLAGS);
}

static inline bool vg_slot_live(unsigned long slot)
{
	return slot && !(slot & BIT(VG_SLOT_REVOKING_BIT));
}

static inline pgoff_t vg_entry_end(const struct vg_entry *e)
{
	return e->start + e->nr;
}

/* A huge entry of which nothing has been revoked */
static inline bool vg_entry_is_whole(const struct vg_entry *e)
{
	return e->is_huge && e->live == VG_BLOCK_PAGES;
}

#endif /* _MM_VHOST_GRANT_INTERNAL_H */
