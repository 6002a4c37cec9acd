// SPDX-License-Identifier: GPL-2.0-only
/*
 * An owner and a peer for vgrantctl to look at. Prints their pids when all is
 * set up, then obeys signals: SIGUSR1 makes the owner revoke everything and the
 * peer touch a hole, SIGUSR2 makes the peer close its file descriptor.
 */
#include <err.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <linux/vhost_grant.h>

#define PAGE		4096UL
#define WINDOW_SIZE	(64UL << 20)
#define GRANTED		6
#define TOUCHED		3
#define HOLE		(32UL << 20)

static sigjmp_buf refused;

static int wait_signal(void)
{
	sigset_t set;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	if (sigwait(&set, &signal))
		errx(1, "sigwait failed");
	return signal;
}

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void on_sigbus(int signal)
{
	siglongjmp(refused, signal);
}

static void touch(char *page)
{
	__atomic_store_n(page, 1, __ATOMIC_RELAXED);
}

static void touch_hole(char *window)
{
	if (!sigsetjmp(refused, 1))
		touch(window + HOLE);
}

/* Named to see that vgrantctl escapes it. */
static void peer(int fd, int ready)
{
	struct sigaction action = { .sa_handler = on_sigbus };
	char *window;

	prctl(PR_SET_NAME, "pe er\n\x1b");
	window = mmap(NULL, WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	if (window == MAP_FAILED)
		err(1, "mmap of the window");
	sigaction(SIGBUS, &action, NULL);
	for (unsigned long i = 0; i < TOUCHED; i++)
		touch(window + i * PAGE);
	if (write(ready, "", 1) != 1)
		err(1, "write");
	for (;;) {
		if (wait_signal() == SIGUSR1)
			touch_hole(window);
		else
			close(fd);
	}
}

static void call(int space, unsigned long cmd, void *arg, int expected)
{
	if (ioctl(space, cmd, arg) != expected)
		err(1, "ioctl 0x%lx", cmd);
}

static struct vhost_grant_create_window create_window(int space)
{
	struct vhost_grant_create_window create = {
		.size = sizeof(create),
		.length = WINDOW_SIZE,
	};

	call(space, VHOST_GRANT_CREATE_WINDOW, &create, 0);
	return create;
}

static void map(int space, unsigned int window)
{
	struct vhost_grant_map_entry entry = {
		.length = GRANTED * PAGE,
		.flags = VHOST_GRANT_READ | VHOST_GRANT_WRITE,
	};
	struct vhost_grant_map cmd = {
		.size = sizeof(cmd),
		.window = window,
		.nr = 1,
		.entry_size = sizeof(entry),
		.entries = (unsigned long)&entry,
	};
	void *memory = mmap(NULL, GRANTED * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	entry.source = (unsigned long)memory;
	call(space, VHOST_GRANT_MAP, &cmd, 1);
}

static void unmap(int space, unsigned int window)
{
	struct vhost_grant_unmap cmd = {
		.size = sizeof(cmd),
		.flags = VHOST_GRANT_UNMAP_ALL,
		.window = window,
	};

	call(space, VHOST_GRANT_UNMAP, &cmd, 0);
}

static pid_t start_peer(int space, int window_fd)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		close(space);
		close(ready[0]);
		peer(window_fd, ready[1]);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		errx(1, "the peer has failed");
	return pid;
}

int main(void)
{
	int space = open("/dev/vhost_grant", O_RDWR | O_CLOEXEC);
	struct vhost_grant_create_window window;
	pid_t pid;

	if (space < 0)
		err(1, "open /dev/vhost_grant");
	block_signals();
	window = create_window(space);
	map(space, window.out_window);
	pid = start_peer(space, window.out_fd);
	printf("owner=%d peer=%d\n", (int)getpid(), (int)pid);
	fflush(stdout);
	for (;;)
		if (wait_signal() == SIGUSR1)
			unmap(space, window.out_window);
}
