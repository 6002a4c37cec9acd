// SPDX-License-Identifier: MIT
/*
 * Uses what an owner grants, and tries what it does not.
 *
 * usage: peer SOCKET
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vgrant.h>

static int check(enum vgrant_op op, const char *what, int ret)
{
	if (ret < 0) {
		fprintf(stderr, "peer: %s: %s\n", what,
			vgrant_strerror(op, ret));
		exit(1);
	}
	return ret;
}

static void check_errno(const char *what, int failed)
{
	if (failed) {
		perror(what);
		exit(1);
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "peer: %s: too long for a socket\n", path);
		exit(1);
	}
	strcpy(addr.sun_path, path);
	check_errno(path,
		    connect(sock, (struct sockaddr *)&addr, sizeof(addr)));
	return sock;
}

/* A system call says EFAULT where a load or store would raise SIGBUS. */
static void try_read(const char *what, const char *addr)
{
	int fds[2];
	ssize_t n;

	check_errno("pipe", pipe(fds));
	n = write(fds[1], addr, 1);
	printf("peer: read of %s: %s\n", what,
	       n == 1 ? "allowed" : strerror(errno));
	close(fds[0]);
	close(fds[1]);
}

static void try_write(const char *what, char *addr)
{
	int fds[2];
	ssize_t n;

	check_errno("pipe", pipe(fds) || write(fds[1], "x", 1) != 1);
	n = read(fds[0], addr, 1);
	printf("peer: write to %s: %s\n", what,
	       n == 1 ? "allowed" : strerror(errno));
	close(fds[0]);
	close(fds[1]);
}

int main(int argc, char **argv)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *addr;
	char *window, byte;
	int sock, fd;

	if (argc != 2) {
		fprintf(stderr, "usage: peer SOCKET\n");
		return 2;
	}
	sock = connect_to(argv[1]);
	fd = check(VGRANT_OP_RECV_WINDOW, argv[1], vgrant_recv_window(sock));
	check(VGRANT_OP_WINDOW_MMAP, "mmap",
	      vgrant_window_mmap(fd, 0, 0, PROT_READ | PROT_WRITE, &addr));
	window = addr;

	printf("peer: the owner says \"%s\"\n", window + page);
	try_write("the read-only page", window + page);
	try_read("a page that is not granted", window + 2 * page);
	strcpy(window, "hello from the peer");
	check_errno("write", write(sock, "", 1) != 1);

	check_errno("read", read(sock, &byte, 1) != 1);
	try_read("the revoked page", window);
	check_errno("write", write(sock, "", 1) != 1);
	return 0;
}
