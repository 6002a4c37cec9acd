// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of a space: a bounded ring that the owner reads. Nobody ever waits to
 * put one in; what does not fit is counted.
 */
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <trace/events/vhost_grant.h>

#include "internal.h"

int vg_events_init(struct vg_space *space)
{
	spin_lock_init(&space->event_lock);
	init_waitqueue_head(&space->event_wait);
	space->events = kvcalloc(VG_MAX_EVENTS, sizeof(*space->events),
				 GFP_KERNEL_ACCOUNT);
	return space->events ? 0 : -ENOMEM;
}

static struct vhost_grant_event *vg_events_at(struct vg_space *space,
					      unsigned int i)
{
	return &space->events[(space->event_head + i) % VG_MAX_EVENTS];
}

/* A storm at one page must not push out what happened elsewhere. */
static bool vg_events_merge(struct vg_space *space,
			    const struct vhost_grant_event *event)
{
	struct vhost_grant_event *last;

	if (!space->nr_events)
		return false;
	last = vg_events_at(space, space->nr_events - 1);
	if (event->type != VHOST_GRANT_EVENT_VIOLATION ||
	    last->type != event->type || last->window != event->window ||
	    last->iova != event->iova || last->access != event->access)
		return false;
	last->count++;
	return true;
}

static void vg_events_push(struct vg_space *space,
			   const struct vhost_grant_event *event)
{
	bool wake = false;

	spin_lock(&space->event_lock);
	if (vg_events_merge(space, event)) {
		/* The reader has been woken for the first of them. */
	} else if (space->nr_events < VG_MAX_EVENTS) {
		*vg_events_at(space, space->nr_events) = *event;
		wake = !space->nr_events++;
	} else {
		space->events_lost++;
	}
	spin_unlock(&space->event_lock);

	if (wake)
		wake_up_interruptible_poll(&space->event_wait, EPOLLIN);
}

void vg_event_violation(struct vhost_grant_window *w, pgoff_t index, u32 access,
			bool readonly)
{
	struct vhost_grant_event event = {
		.type = VHOST_GRANT_EVENT_VIOLATION,
		.window = w->id,
		.iova = (u64)index << PAGE_SHIFT,
		.count = 1,
		.access = access,
	};

	atomic64_inc(readonly ? &w->readonly : &w->holes);
	trace_vhost_grant_violation(w->space->id, w->id, event.iova, access,
				    readonly);
	vg_events_push(w->space, &event);
}

void vg_event_peer_gone(struct vhost_grant_window *w)
{
	struct vhost_grant_event event = {
		.type = VHOST_GRANT_EVENT_PEER_GONE,
		.window = w->id,
		.count = 1,
	};

	trace_vhost_grant_peer_gone(w->space->id, w->id);
	vg_events_push(w->space, &event);
}

/* The loss is told last: it is of what came after the events in the ring. */
static bool vg_events_pop(struct vg_space *space,
			  struct vhost_grant_event *event)
{
	bool found = true;

	spin_lock(&space->event_lock);
	if (space->nr_events) {
		*event = *vg_events_at(space, 0);
		space->event_head = (space->event_head + 1) % VG_MAX_EVENTS;
		space->nr_events--;
	} else if (space->events_lost) {
		*event = (struct vhost_grant_event) {
			.type = VHOST_GRANT_EVENT_OVERFLOW,
			.count = space->events_lost,
		};
		space->events_lost = 0;
	} else {
		found = false;
	}
	spin_unlock(&space->event_lock);
	return found;
}

/* An event that could not be delivered is told of as lost. */
static void vg_events_lose(struct vg_space *space,
			   const struct vhost_grant_event *event)
{
	spin_lock(&space->event_lock);
	space->events_lost += event->type == VHOST_GRANT_EVENT_OVERFLOW ?
			      event->count : 1;
	spin_unlock(&space->event_lock);
}

static bool vg_events_pending(struct vg_space *space)
{
	bool pending;

	spin_lock(&space->event_lock);
	pending = space->nr_events || space->events_lost;
	spin_unlock(&space->event_lock);
	return pending;
}

static ssize_t vg_events_copy(struct vg_space *space, char __user *buf,
			      size_t count)
{
	struct vhost_grant_event event;
	size_t done = 0;

	while (count - done >= sizeof(event) && vg_events_pop(space, &event)) {
		if (copy_to_user(buf + done, &event, sizeof(event))) {
			vg_events_lose(space, &event);
			return done ? done : -EFAULT;
		}
		done += sizeof(event);
	}
	return done;
}

ssize_t vg_events_read(struct file *file, char __user *buf, size_t count,
		       loff_t *pos)
{
	struct vg_space *space = file->private_data;
	ssize_t ret;

	if (count < sizeof(struct vhost_grant_event))
		return -EINVAL;
	for (;;) {
		ret = vg_events_copy(space, buf, count);
		if (ret)
			return ret;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_interruptible(space->event_wait,
					       vg_events_pending(space));
		if (ret)
			return ret;
	}
}

__poll_t vg_events_poll(struct file *file, struct poll_table_struct *wait)
{
	struct vg_space *space = file->private_data;

	poll_wait(file, &space->event_wait, wait);
	return vg_events_pending(space) ? EPOLLIN | EPOLLRDNORM : 0;
}
