/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process of the demo, with a user of its own, that does what the narrator
 * asks of it. Processes are forks of the narrator, so a request is a function.
 */
#ifndef ACTOR_H
#define ACTOR_H

#include <sys/types.h>

struct actor {
	pid_t pid;
	uid_t uid;
	int socket;
};

typedef long (*actor_function)(unsigned long a, unsigned long b);

/* What a call returns that an actor did not live to answer. */
#define ACTOR_DIED	(-1000000L)

/*
 * @prepare runs in the new process while it is still root, with no file
 * descriptor of the narrator's but stdin, stdout and stderr. 0 or -errno.
 */
int actor_start(struct actor *actor, uid_t uid, int (*prepare)(void));
long actor_call(struct actor *actor, actor_function function, unsigned long a,
		unsigned long b);
/* The function receives @fd as its @a. */
long actor_give_fd(struct actor *actor, actor_function function, int fd,
		   unsigned long b);
/* The function returns a file descriptor; the narrator's copy or -errno. */
int actor_take_fd(struct actor *actor, actor_function function, unsigned long a,
		  unsigned long b);
/* The process does not get to know. */
void actor_kill(struct actor *actor);

#endif
