// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extensible ioctls: argument structures that begin with their size.
 */
#include <linux/uaccess.h>

#include "internal.h"

union vg_arg {
	struct vhost_grant_info info;
	struct vhost_grant_create_window create;
	struct vhost_grant_map map;
	struct vhost_grant_unmap unmap;
	struct vhost_grant_destroy_window destroy;
	struct vhost_grant_query query;
	struct vhost_grant_window_info window_info;
	struct vhost_grant_window_set_hole set_hole;
};

const struct vg_ioctl *vg_ioctl_find(const struct vg_ioctl *table,
				     unsigned int nr, unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (table[i].cmd == cmd)
			return &table[i];
	return NULL;
}

/* @usize is read once: a size that changes meanwhile must not count. */
int vg_ioctl_run(const struct vg_ioctl *op, void *object, void __user *uarg)
{
	union vg_arg arg;
	struct vg_ucmd ucmd = { .arg = &arg, .uarg = uarg };
	int ret;

	if (get_user(ucmd.usize, (u32 __user *)uarg))
		return -EFAULT;
	if (ucmd.usize < op->size)
		return -EINVAL;
	if (ucmd.usize > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&arg, op->size, uarg, ucmd.usize);
	if (ret)
		return ret;
	return op->fn(object, &ucmd);
}

/* The @size field goes back as the caller gave it. */
int vg_ioctl_respond(const struct vg_ucmd *ucmd, size_t size)
{
	*(u32 *)ucmd->arg = ucmd->usize;
	if (copy_to_user(ucmd->uarg, ucmd->arg, min_t(size_t, size, ucmd->usize)))
		return -EFAULT;
	return 0;
}

/**
 * vg_copy_entry() - Read one element of an array argument
 * @entry: where to
 * @size: of the element as this kernel knows it
 * @entries: address of the array
 * @entry_size: of the element as the caller knows it
 * @i: index of the element
 *
 * Return: 0, -EINVAL (too short), -E2BIG or -EFAULT.
 */
int vg_copy_entry(void *entry, size_t size, u64 entries, u32 entry_size,
		  u32 i)
{
	if (entry_size < size)
		return -EINVAL;
	if (entry_size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(entry, size,
				     u64_to_user_ptr(entries + (u64)i * entry_size),
				     entry_size);
}
