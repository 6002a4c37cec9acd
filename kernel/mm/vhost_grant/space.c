// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spaces: the owner's handle, the windows it made, and its memory.
 */
#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/proc_fs.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <trace/events/vhost_grant.h>

#include "internal.h"

static atomic64_t vg_space_ids;

static void vg_space_free(struct kref *ref)
{
	struct vg_space *space = container_of(ref, struct vg_space, ref);

	xa_destroy(&space->windows);
	put_pid(space->owner);
	kvfree(space->events);
	kvfree(space->batch);
	kfree(space);
}

void vg_space_put(struct vg_space *space)
{
	kref_put(&space->ref, vg_space_free);
}

/* Takes a reference, or returns NULL. */
struct vhost_grant_window *vg_space_get_window(struct vg_space *space, u32 id)
{
	struct vhost_grant_window *w;

	xa_lock(&space->windows);
	w = xa_load(&space->windows, id);
	if (w)
		kref_get(&w->ref);
	xa_unlock(&space->windows);
	return w;
}

/* Gives the window an id, and the space a reference to it. */
int vg_space_add_window(struct vg_space *space, struct vhost_grant_window *w)
{
	int ret;

	if (atomic_inc_return(&space->nr_windows) > VG_MAX_WINDOWS) {
		atomic_dec(&space->nr_windows);
		return -ENOSPC;
	}
	kref_get(&w->ref);
	w->dead = false;
	ret = xa_alloc_cyclic(&space->windows, &w->id, w,
			      XA_LIMIT(1, U32_MAX), &space->next_id,
			      GFP_KERNEL_ACCOUNT);
	if (ret >= 0)
		return 0;
	w->dead = true;
	atomic_dec(&space->nr_windows);
	vg_window_put(w);
	return ret == -EBUSY ? -ENOSPC : ret;
}

/* After this nothing is granted in the window, and never will be. */
int vg_space_remove_window(struct vg_space *space, u32 id)
{
	struct vhost_grant_window *w = xa_erase(&space->windows, id);

	if (!w)
		return -ENOENT;
	atomic_dec(&space->nr_windows);
	vg_window_kill(w);
	trace_vhost_grant_window_destroy(space->id, w->id);
	vg_window_put(w);
	return 0;
}

/* VHOST_GRANT_DESTROY_WINDOW */
static int vg_space_destroy_window(void *space, struct vg_ucmd *ucmd)
{
	struct vhost_grant_destroy_window *cmd = ucmd->arg;

	return vg_space_remove_window(space, cmd->window);
}

static u64 vg_features(void)
{
	u64 features = VHOST_GRANT_FEATURE_FILE_SOURCE |
		       VHOST_GRANT_FEATURE_KVM_NATIVE;

	if (IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		features |= VHOST_GRANT_FEATURE_HUGE_MMAP;
	if (VG_KVM_MAPS_HUGE)
		features |= VHOST_GRANT_FEATURE_KVM_MAPPED_HUGE;
	return features;
}

static u64 vg_page_sizes(void)
{
	return PAGE_SIZE |
	       (IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ? PMD_SIZE : 0);
}

/* VHOST_GRANT_GET_INFO */
static int vg_space_info(void *space, struct vg_ucmd *ucmd)
{
	struct vhost_grant_info *info = ucmd->arg;

	if (info->flags)
		return -EINVAL;
	info->out_abi_version = VHOST_GRANT_ABI_VERSION;
	info->out_max_entries = VG_MAX_ENTRIES;
	info->out_features = vg_features();
	info->out_page_sizes = vg_page_sizes();
	info->out_max_window_size = VG_MAX_WINDOW_SIZE;
	info->out_max_grants = VG_MAX_GRANTS;
	info->out_max_windows = VG_MAX_WINDOWS;
	info->out_max_vmas = VG_MAX_VMAS;
	info->out_max_bindings = VG_MAX_BINDINGS;
	info->out_max_events = VG_MAX_EVENTS;
	return vg_ioctl_respond(ucmd, sizeof(*info));
}

static const struct vg_ioctl vg_space_ioctls[] = {
	{
		.cmd = VHOST_GRANT_GET_INFO,
		.size = sizeof(struct vhost_grant_info),
		.fn = vg_space_info,
	},
	{
		.cmd = VHOST_GRANT_CREATE_WINDOW,
		.size = sizeof(struct vhost_grant_create_window),
		.fn = vg_window_create,
	},
	{
		.cmd = VHOST_GRANT_MAP,
		.size = sizeof(struct vhost_grant_map),
		.owner_only = true,
		.fn = vg_map,
	},
	{
		.cmd = VHOST_GRANT_UNMAP,
		.size = sizeof(struct vhost_grant_unmap),
		.owner_only = true,
		.fn = vg_unmap,
	},
	{
		.cmd = VHOST_GRANT_DESTROY_WINDOW,
		.size = sizeof(struct vhost_grant_destroy_window),
		.owner_only = true,
		.fn = vg_space_destroy_window,
	},
	{
		.cmd = VHOST_GRANT_QUERY,
		.size = sizeof(struct vhost_grant_query),
		.fn = vg_window_query,
	},
};

/* A space without an owner has no window yet that could be controlled. */
static int vg_space_check_owner(struct vg_space *space)
{
	struct mm_struct *mm = READ_ONCE(space->mm);

	if (!mm)
		return -ENOENT;
	return mm == current->mm ? 0 : -EXDEV;
}

static long vg_space_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	struct vg_space *space = file->private_data;
	const struct vg_ioctl *op;
	int ret;

	op = vg_ioctl_find(vg_space_ioctls, ARRAY_SIZE(vg_space_ioctls), cmd);
	if (!op)
		return -ENOTTY;
	ret = op->owner_only ? vg_space_check_owner(space) : 0;
	if (ret)
		return ret;
	return vg_ioctl_run(op, space, (void __user *)arg);
}

/*
 * The owner's mm exits, perhaps while another process still has the space
 * open, or the space is released.
 */
static void vg_space_mm_release(struct mmu_notifier *notifier,
				struct mm_struct *mm)
{
	struct vg_space *space = container_of(notifier, struct vg_space,
					      notifier);
	struct vhost_grant_window *w;
	unsigned long id;

	xa_for_each(&space->windows, id, w) {
		/* The release of the space may take it away meanwhile. */
		w = vg_space_get_window(space, id);
		if (!w)
			continue;
		vg_window_kill(w);
		vg_window_put(w);
	}
}

static const struct mmu_notifier_ops vg_space_notifier_ops = {
	.release = vg_space_mm_release,
};

static int vg_space_bind_locked(struct vg_space *space)
{
	int ret;

	lockdep_assert_held(&space->owner_lock);
	if (space->mm)
		return space->mm == current->mm ? 0 : -EXDEV;
	space->notifier.ops = &vg_space_notifier_ops;
	ret = mmu_notifier_register(&space->notifier, current->mm);
	if (ret)
		return ret;
	space->owner = get_pid(task_tgid(current));
	/* Pairs with vg_space_show_id(): who sees @mm sees @owner. */
	smp_store_release(&space->mm, current->mm);
	return 0;
}

/**
 * vg_space_bind() - Make the caller the owner, if there is none
 * @space: space
 *
 * Not at open(), so that a manager can open the device and pass it to a VMM
 * that may not; and because open() of a misc device holds a lock that all of
 * them share, and this takes the caller's mmap_lock.
 *
 * Return: 0, -EXDEV if another process is the owner, -ENOMEM or -EINTR.
 */
int vg_space_bind(struct vg_space *space)
{
	int ret;

	mutex_lock(&space->owner_lock);
	ret = vg_space_bind_locked(space);
	mutex_unlock(&space->owner_lock);
	return ret;
}

static void vg_space_drop_windows(struct vg_space *space)
{
	struct vhost_grant_window *w;
	unsigned long id;

	xa_for_each(&space->windows, id, w)
		vg_space_remove_window(space, id);
}

static int vg_space_release(struct inode *inode, struct file *file)
{
	struct vg_space *space = file->private_data;

	vg_space_drop_windows(space);
	if (space->mm)
		mmu_notifier_unregister(&space->notifier, space->mm);
	vg_space_put(space);
	return 0;
}

static int vg_space_open(struct inode *inode, struct file *file)
{
	struct vg_space *space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);

	if (!space)
		return -ENOMEM;
	kref_init(&space->ref);
	xa_init_flags(&space->windows, XA_FLAGS_ALLOC1);
	mutex_init(&space->owner_lock);
	mutex_init(&space->unmap_lock);
	space->id = atomic64_inc_return(&vg_space_ids);
	/* As read, and as narrowed to what peers were given. */
	space->batch = kvcalloc(2 * VG_BATCH, sizeof(*space->batch),
				GFP_KERNEL_ACCOUNT);
	if (vg_events_init(space) || !space->batch) {
		vg_space_put(space);
		return -ENOMEM;
	}
	file->private_data = space;
	return nonseekable_open(inode, file);
}

/* The owner is 0 as long as there is none, or out of sight. */
void vg_space_show_id(struct seq_file *m, struct vg_space *space)
{
	struct pid_namespace *ns = proc_pid_ns(file_inode(m->file)->i_sb);
	pid_t owner = 0;

	/* Pairs with vg_space_bind_locked(). */
	if (smp_load_acquire(&space->mm))
		owner = pid_nr_ns(space->owner, ns);
	seq_printf(m, "space:\t%llu\n", space->id);
	seq_printf(m, "owner:\t%d\n", owner);
}

static void vg_space_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct vg_space *space = file->private_data;

	seq_puts(m, "vhost_grant:\tspace\n");
	vg_space_show_id(m, space);
	seq_printf(m, "windows:\t%d\n", atomic_read(&space->nr_windows));
	seq_printf(m, "pages_pinned:\t%lld\n", atomic64_read(&space->pinned));
	seq_printf(m, "events:\t%u\n", READ_ONCE(space->nr_events));
	seq_printf(m, "events_lost:\t%llu\n", READ_ONCE(space->events_lost));
}

const struct file_operations vg_space_fops = {
	.owner = THIS_MODULE,
	.open = vg_space_open,
	.release = vg_space_release,
	.read = vg_events_read,
	.poll = vg_events_poll,
	.unlocked_ioctl = vg_space_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = vg_space_show_fdinfo,
};
