// SPDX-License-Identifier: MIT
/*
 * Grants two pages to whoever connects, takes one back, and tells what the
 * peer tried afterwards.
 *
 * usage: owner SOCKET, then in another terminal: peer SOCKET
 */
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
		fprintf(stderr, "owner: %s: %s\n", what,
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

static int wait_for_peer(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "owner: %s: too long for a socket\n", path);
		exit(1);
	}
	strcpy(addr.sun_path, path);
	unlink(path);
	check_errno(path, bind(sock, (struct sockaddr *)&addr, sizeof(addr)));
	check_errno(path, listen(sock, 1));
	printf("owner: waiting at %s\n", path);
	fflush(stdout);
	peer = accept(sock, NULL, NULL);
	check_errno("accept", peer < 0);
	close(sock);
	unlink(path);
	return peer;
}

/* The peer says "done" with a byte. */
static void wait_for_byte(int sock)
{
	char byte;

	if (read(sock, &byte, 1) != 1) {
		fprintf(stderr, "owner: the peer is gone\n");
		exit(1);
	}
}

/* A page that is in no file, and one of a memfd. */
static char *grant_pages(struct vgrant_space *space, uint32_t window)
{
	uint64_t page = vgrant_page_size(space);
	int memfd = memfd_create("greeting", MFD_CLOEXEC);
	char *shared = mmap(NULL, page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check_errno("mmap", shared == MAP_FAILED);
	check_errno("memfd", memfd < 0 || ftruncate(memfd, page) ||
		    write(memfd, "hello from a memfd", 18) != 18);
	check(VGRANT_OP_MAP, "grant read-write",
	      vgrant_map(space, window, 0, page, shared,
			 VHOST_GRANT_READ | VHOST_GRANT_WRITE));
	check(VGRANT_OP_MAP, "grant read-only",
	      vgrant_map_file(space, window, page, page, memfd, 0,
			      VHOST_GRANT_READ));
	close(memfd);
	return shared;
}

static void print_events(struct vgrant_space *space)
{
	struct vhost_grant_event events[8];
	int i, n = check(VGRANT_OP_READ_EVENTS, "events",
			 vgrant_read_events(space, events, 8));

	for (i = 0; i < n; i++) {
		if (events[i].type == VHOST_GRANT_EVENT_VIOLATION)
			printf("owner: the peer tried to %s %#llx, %llu times\n",
			       events[i].access & VHOST_GRANT_WRITE ?
			       "write" : "read",
			       (unsigned long long)events[i].iova,
			       (unsigned long long)events[i].count);
	}
}

int main(int argc, char **argv)
{
	struct vgrant_space *space;
	uint32_t window;
	char *shared;
	int fd, sock;

	if (argc != 2) {
		fprintf(stderr, "usage: owner SOCKET\n");
		return 2;
	}
	check(VGRANT_OP_OPEN, VGRANT_DEVICE, vgrant_open(NULL, 0, &space));
	fd = check(VGRANT_OP_CREATE_WINDOW, "create window",
		   vgrant_create_window(space, 2 << 20, 0, &window));
	shared = grant_pages(space, window);
	sock = wait_for_peer(argv[1]);
	check(VGRANT_OP_SEND_WINDOW, "send", vgrant_send_window(sock, fd));
	close(fd);

	wait_for_byte(sock);
	printf("owner: the peer wrote \"%s\"\n", shared);
	check(VGRANT_OP_UNMAP, "revoke",
	      vgrant_unmap(space, window, 0, vgrant_page_size(space)));
	printf("owner: revoked\n");
	check_errno("write", write(sock, "", 1) != 1);

	wait_for_byte(sock);
	print_events(space);
	vgrant_close(space);
	return 0;
}
