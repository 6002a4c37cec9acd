// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module and its device.
 */
#include <linux/build_bug.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#define CREATE_TRACE_POINTS
#include <trace/events/vhost_grant.h>

#include "internal.h"

static struct miscdevice vg_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vhost_grant",
	.fops = &vg_space_fops,
	.mode = 0600,
};

/* The ABI is the same for 32 and 64 bit callers, and for ever. */
static void __init vg_check_abi(void)
{
	BUILD_BUG_ON(sizeof(struct vhost_grant_info) != 64);
	BUILD_BUG_ON(sizeof(struct vhost_grant_create_window) != 24);
	BUILD_BUG_ON(sizeof(struct vhost_grant_map_entry) != 32);
	BUILD_BUG_ON(sizeof(struct vhost_grant_map) != 32);
	BUILD_BUG_ON(sizeof(struct vhost_grant_unmap_entry) != 16);
	BUILD_BUG_ON(sizeof(struct vhost_grant_unmap) != 32);
	BUILD_BUG_ON(sizeof(struct vhost_grant_destroy_window) != 8);
	BUILD_BUG_ON(sizeof(struct vhost_grant_query) != 96);
	BUILD_BUG_ON(sizeof(struct vhost_grant_event) != 32);
	BUILD_BUG_ON(sizeof(struct vhost_grant_window_info) != 32);
	BUILD_BUG_ON(sizeof(struct vhost_grant_window_set_hole) != 8);
	BUILD_BUG_ON(offsetof(struct vhost_grant_info, out_features) != 16);
	BUILD_BUG_ON(offsetof(struct vhost_grant_create_window, out_fd) != 16);
	BUILD_BUG_ON(offsetof(struct vhost_grant_map, entries) != 24);
	BUILD_BUG_ON(offsetof(struct vhost_grant_unmap, entries) != 24);
	BUILD_BUG_ON(offsetof(struct vhost_grant_query, out_grants) != 32);
	BUILD_BUG_ON(offsetof(struct vhost_grant_event, count) != 16);
}

static int __init vg_init(void)
{
	int ret;

	vg_check_abi();
	ret = vg_table_init();
	if (ret)
		return ret;
	ret = misc_register(&vg_device);
	if (ret)
		vg_table_exit();
	return ret;
}

static void __exit vg_exit(void)
{
	misc_deregister(&vg_device);
	vg_table_exit();
}

module_init(vg_init);
module_exit(vg_exit);

MODULE_DESCRIPTION("Enforced, revocable memory sharing");
MODULE_AUTHOR("vhost_grant developers");
MODULE_LICENSE("GPL");
