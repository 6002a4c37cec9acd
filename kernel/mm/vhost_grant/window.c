// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows: the object, its file, and what a peer may ask of it.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <trace/events/vhost_grant.h>

#include "internal.h"

#define VG_WINDOW_FLAGS	(VHOST_GRANT_WINDOW_KVM_ONLY | \
			 VHOST_GRANT_WINDOW_HOLE_SCRATCH | \
			 VHOST_GRANT_WINDOW_KVM_MAPPED)
#define VG_KVM_FLAGS	(VHOST_GRANT_WINDOW_KVM_ONLY | \
			 VHOST_GRANT_WINDOW_KVM_MAPPED)

static void vg_window_free(struct kref *ref)
{
	struct vhost_grant_window *w = container_of(ref, struct vhost_grant_window, ref);

	vg_hole_destroy(w);
	if (w->inode)
		iput(w->inode);
	vg_space_put(w->space);
	kfree(w);
}

void vg_window_put(struct vhost_grant_window *w)
{
	kref_put(&w->ref, vg_window_free);
}

static int vg_window_info(void *window, struct vg_ucmd *ucmd)
{
	struct vhost_grant_window_info *info = ucmd->arg;
	struct vhost_grant_window *w = window;

	if (info->flags)
		return -EINVAL;
	info->out_length = (u64)w->npages << PAGE_SHIFT;
	info->out_flags = w->flags;
	info->out_hole = READ_ONCE(w->hole);
	info->out_window = w->id;
	info->out_dead = READ_ONCE(w->dead);
	return vg_ioctl_respond(ucmd, sizeof(*info));
}

static const struct vg_ioctl vg_window_ioctls[] = {
	{
		.cmd = VHOST_GRANT_WINDOW_INFO,
		.size = sizeof(struct vhost_grant_window_info),
		.fn = vg_window_info,
	},
	{
		.cmd = VHOST_GRANT_WINDOW_SET_HOLE,
		.size = sizeof(struct vhost_grant_window_set_hole),
		.fn = vg_hole_set,
	},
};

static long vg_window_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	const struct vg_ioctl *op;

	op = vg_ioctl_find(vg_window_ioctls, ARRAY_SIZE(vg_window_ioctls), cmd);
	if (!op)
		return -ENOTTY;
	return vg_ioctl_run(op, file->private_data, (void __user *)arg);
}

static loff_t vg_window_llseek(struct file *file, loff_t offset, int whence)
{
	return fixed_size_llseek(file, offset, whence,
				 i_size_read(file_inode(file)));
}

static int vg_window_release(struct inode *inode, struct file *file)
{
	struct vhost_grant_window *w = file->private_data;

	WRITE_ONCE(w->file_gone, true);
	if (!READ_ONCE(w->dead))
		vg_event_peer_gone(w);
	vg_window_put(w);
	return 0;
}

static u32 vg_window_flags_now(struct vhost_grant_window *w)
{
	u32 flags = w->flags & ~VHOST_GRANT_WINDOW_HOLE_SCRATCH;

	if (READ_ONCE(w->hole) != VHOST_GRANT_HOLE_FAULT)
		flags |= VHOST_GRANT_WINDOW_HOLE_SCRATCH;
	return flags;
}

static void vg_window_counters(struct vhost_grant_window *w,
			       struct vhost_grant_query *q)
{
	q->out_length = (u64)w->npages << PAGE_SHIFT;
	q->out_flags = vg_window_flags_now(w);
	q->out_vmas = atomic_read(&w->nr_vmas);
	q->out_bindings = atomic_read(&w->nr_bindings);
	q->out_peer_gone = READ_ONCE(w->file_gone);
	q->out_grants = READ_ONCE(w->nr_entries);
	q->out_pages_granted = READ_ONCE(w->granted);
	q->out_pages_pinned = READ_ONCE(w->pinned);
	q->out_pages_mapped = atomic64_read(&w->mapped);
	q->out_pages_revoked = READ_ONCE(w->revoked);
	q->out_faults = atomic64_read(&w->faults);
	q->out_violations_hole = atomic64_read(&w->holes);
	q->out_violations_readonly = atomic64_read(&w->readonly);
}

/* VHOST_GRANT_QUERY */
int vg_window_query(void *space, struct vg_ucmd *ucmd)
{
	struct vhost_grant_query *q = ucmd->arg;
	struct vhost_grant_window *w = vg_space_get_window(space, q->window);

	if (!w)
		return -ENOENT;
	vg_window_counters(w, q);
	vg_window_put(w);
	return vg_ioctl_respond(ucmd, sizeof(*q));
}

static void vg_window_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct vhost_grant_window *w = file->private_data;
	struct vhost_grant_query q;

	vg_window_counters(w, &q);
	seq_puts(m, "vhost_grant:\twindow\n");
	vg_space_show_id(m, w->space);
	seq_printf(m, "window:\t%u\n", w->id);
	seq_printf(m, "length:\t%llu\n", q.out_length);
	seq_printf(m, "flags:\t0x%x\n", w->flags);
	seq_printf(m, "hole:\t%s\n",
		   q.out_flags & VHOST_GRANT_WINDOW_HOLE_SCRATCH ? "scratch" :
								   "fault");
	seq_printf(m, "dead:\t%u\n", READ_ONCE(w->dead));
	seq_printf(m, "vmas:\t%u\n", q.out_vmas);
	seq_printf(m, "bindings:\t%u\n", q.out_bindings);
	seq_printf(m, "grants:\t%llu\n", q.out_grants);
	seq_printf(m, "pages_granted:\t%llu\n", q.out_pages_granted);
	seq_printf(m, "pages_pinned:\t%llu\n", q.out_pages_pinned);
	seq_printf(m, "pages_mapped:\t%llu\n", q.out_pages_mapped);
	seq_printf(m, "pages_revoked:\t%llu\n", q.out_pages_revoked);
	seq_printf(m, "faults:\t%llu\n", q.out_faults);
	seq_printf(m, "violations_hole:\t%llu\n", q.out_violations_hole);
	seq_printf(m, "violations_readonly:\t%llu\n",
		   q.out_violations_readonly);
}

static const struct file_operations vg_window_fops = {
	.owner = THIS_MODULE,
	.llseek = vg_window_llseek,
	.mmap = vg_window_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
	.unlocked_ioctl = vg_window_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vg_window_release,
	.show_fdinfo = vg_window_show_fdinfo,
};

bool vg_file_is_window(struct file *file)
{
	return file->f_op == &vg_window_fops;
}

static struct vhost_grant_window *vg_window_alloc(struct vg_space *space,
						  u32 flags, pgoff_t npages)
{
	struct vhost_grant_window *w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);

	if (!w)
		return NULL;
	kref_init(&w->ref);
	kref_get(&space->ref);
	w->space = space;
	w->flags = flags;
	w->npages = npages;
	w->dead = true;
	w->small = RB_ROOT;
	w->huge = RB_ROOT;
	INIT_LIST_HEAD(&w->bindings);
	mutex_init(&w->revoke_lock);
	init_rwsem(&w->table_lock);
	init_rwsem(&w->bindings_lock);
	if (vg_hole_init(w)) {
		vg_window_put(w);
		return NULL;
	}
	return w;
}

/*
 * The file has an inode of its own: unmap_mapping_pages() works on an inode,
 * and anon_inode_getfile() shares one with the whole system.
 */
static struct file *vg_window_getfile(struct vhost_grant_window *w)
{
	struct file *file;

	file = anon_inode_create_getfile("[vhost_grant_window]",
					 &vg_window_fops, w, O_RDWR, NULL);
	if (IS_ERR(file))
		return file;
	kref_get(&w->ref);
	w->inode = file_inode(file);
	ihold(w->inode);
	i_size_write(w->inode, (loff_t)w->npages << PAGE_SHIFT);
	return file;
}

static int vg_window_publish(struct vhost_grant_window *w, struct file *file,
			     struct vg_ucmd *ucmd)
{
	struct vhost_grant_create_window *cmd = ucmd->arg;
	int fd, ret;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	ret = vg_space_add_window(w->space, w);
	if (ret)
		goto err_fd;
	cmd->out_fd = fd;
	cmd->out_window = w->id;
	ret = vg_ioctl_respond(ucmd, sizeof(*cmd));
	if (ret)
		goto err_window;
	trace_vhost_grant_window_create(w->space->id, w->id, cmd->length,
					cmd->flags);
	fd_install(fd, file);
	return 0;

err_window:
	vg_space_remove_window(w->space, w->id);
err_fd:
	put_unused_fd(fd);
	return ret;
}

static int vg_window_create_file(struct vhost_grant_window *w, struct vg_ucmd *ucmd)
{
	struct file *file = vg_window_getfile(w);
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = vg_window_publish(w, file, ucmd);
	if (ret)
		fput(file);
	return ret;
}

static int vg_window_check(const struct vhost_grant_create_window *cmd)
{
	if (cmd->flags & ~VG_WINDOW_FLAGS ||
	    (cmd->flags & VG_KVM_FLAGS) == VG_KVM_FLAGS)
		return -EINVAL;
	if (!cmd->length || !PAGE_ALIGNED(cmd->length))
		return -EINVAL;
	return cmd->length > VG_MAX_WINDOW_SIZE ? -ERANGE : 0;
}

/* VHOST_GRANT_CREATE_WINDOW */
int vg_window_create(void *space, struct vg_ucmd *ucmd)
{
	struct vhost_grant_create_window *cmd = ucmd->arg;
	struct vhost_grant_window *w;
	int ret;

	ret = vg_window_check(cmd);
	if (!ret)
		ret = vg_space_bind(space);
	if (ret)
		return ret;
	w = vg_window_alloc(space, cmd->flags, cmd->length >> PAGE_SHIFT);
	if (!w)
		return -ENOMEM;
	ret = vg_window_create_file(w, ucmd);
	vg_window_put(w);
	return ret;
}
