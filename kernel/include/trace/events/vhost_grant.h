/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vhost_grant

#if !defined(_TRACE_VHOST_GRANT_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_VHOST_GRANT_H

#include <linux/tracepoint.h>

TRACE_EVENT(vhost_grant_window_create,
	TP_PROTO(u64 space, u32 window, u64 length, u32 flags),
	TP_ARGS(space, window, length, flags),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u32, window)
		__field(u32, flags)
		__field(u64, length)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->window = window;
		__entry->flags = flags;
		__entry->length = length;
	),
	TP_printk("space=%llu window=%u length=0x%llx flags=0x%x",
		  __entry->space, __entry->window, __entry->length,
		  __entry->flags)
);

DECLARE_EVENT_CLASS(vhost_grant_window,
	TP_PROTO(u64 space, u32 window),
	TP_ARGS(space, window),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u32, window)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->window = window;
	),
	TP_printk("space=%llu window=%u", __entry->space, __entry->window)
);

DEFINE_EVENT(vhost_grant_window, vhost_grant_window_destroy,
	TP_PROTO(u64 space, u32 window),
	TP_ARGS(space, window)
);

DEFINE_EVENT(vhost_grant_window, vhost_grant_peer_gone,
	TP_PROTO(u64 space, u32 window),
	TP_ARGS(space, window)
);

TRACE_EVENT(vhost_grant_map,
	TP_PROTO(u64 space, u32 window, u64 iova, u64 length, u32 flags,
		 int ret),
	TP_ARGS(space, window, iova, length, flags, ret),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u32, window)
		__field(u32, flags)
		__field(u64, iova)
		__field(u64, length)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->window = window;
		__entry->flags = flags;
		__entry->iova = iova;
		__entry->length = length;
		__entry->ret = ret;
	),
	TP_printk("space=%llu window=%u iova=0x%llx length=0x%llx flags=0x%x ret=%d",
		  __entry->space, __entry->window, __entry->iova,
		  __entry->length, __entry->flags, __entry->ret)
);

TRACE_EVENT(vhost_grant_unmap,
	TP_PROTO(u64 space, u32 window, u64 iova, u64 length,
		 unsigned long pages),
	TP_ARGS(space, window, iova, length, pages),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u32, window)
		__field(u64, iova)
		__field(u64, length)
		__field(unsigned long, pages)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->window = window;
		__entry->iova = iova;
		__entry->length = length;
		__entry->pages = pages;
	),
	TP_printk("space=%llu window=%u iova=0x%llx length=0x%llx pages=%lu",
		  __entry->space, __entry->window, __entry->iova,
		  __entry->length, __entry->pages)
);

TRACE_EVENT(vhost_grant_fault,
	TP_PROTO(u64 space, u32 window, u64 iova, u32 access,
		 unsigned int order, int ret),
	TP_ARGS(space, window, iova, access, order, ret),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u32, window)
		__field(u32, access)
		__field(u64, iova)
		__field(unsigned int, order)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->window = window;
		__entry->access = access;
		__entry->iova = iova;
		__entry->order = order;
		__entry->ret = ret;
	),
	TP_printk("space=%llu window=%u iova=0x%llx access=0x%x order=%u ret=0x%x",
		  __entry->space, __entry->window, __entry->iova,
		  __entry->access, __entry->order, __entry->ret)
);

TRACE_EVENT(vhost_grant_violation,
	TP_PROTO(u64 space, u32 window, u64 iova, u32 access, bool readonly),
	TP_ARGS(space, window, iova, access, readonly),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u32, window)
		__field(u32, access)
		__field(u64, iova)
		__field(bool, readonly)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->window = window;
		__entry->access = access;
		__entry->iova = iova;
		__entry->readonly = readonly;
	),
	TP_printk("space=%llu window=%u iova=0x%llx access=0x%x readonly=%d",
		  __entry->space, __entry->window, __entry->iova,
		  __entry->access, __entry->readonly)
);

#endif /* _TRACE_VHOST_GRANT_H */

#include <trace/define_trace.h>
