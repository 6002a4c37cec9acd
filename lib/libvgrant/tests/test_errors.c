// SPDX-License-Identifier: MIT
/* Every error that a call is documented to return has its line. */
#include <errno.h>
#include <string.h>
#include <vgrant.h>

#include "seam.h"

struct documented {
	enum vgrant_op op;
	int errors[24];
};

static const struct documented documented[] = {
	{ VGRANT_OP_OPEN, { EINVAL, ENOENT, ENXIO, ENODEV, EACCES, EPERM,
			    ENOTTY, EBADF, ENOMEM, EMFILE, ENFILE } },
	{ VGRANT_OP_CREATE_WINDOW, { EINVAL, E2BIG, ERANGE, EXDEV, EFAULT,
				     ENOSPC, ENOMEM, EMFILE, ENFILE } },
	{ VGRANT_OP_DESTROY_WINDOW, { EINVAL, E2BIG, ENOENT, EXDEV, EFAULT } },
	{ VGRANT_OP_QUERY, { EINVAL, E2BIG, ENOENT, EFAULT } },
	{ VGRANT_OP_MAP, { EINVAL, E2BIG, EOVERFLOW, ERANGE, EEXIST, ENOENT,
			   EXDEV, EFAULT, EACCES, EPERM, EBADF, ENODEV, ENXIO,
			   EOPNOTSUPP, ENOSPC, ENOMEM, EINTR, EIO } },
	{ VGRANT_OP_UNMAP, { EINVAL, E2BIG, EOVERFLOW, ERANGE, ENOENT, EXDEV,
			     EFAULT, EIO } },
	{ VGRANT_OP_READ_EVENTS, { EAGAIN, EINTR, EINVAL, EFAULT } },
	{ VGRANT_OP_SPLIT_HUGE, { EINVAL, ENOMEM, EAGAIN } },
	{ VGRANT_OP_WINDOW_INFO, { EINVAL, E2BIG, EFAULT, EBADF, ENOTTY } },
	{ VGRANT_OP_WINDOW_SET_HOLE, { EINVAL, E2BIG, EFAULT, ENOMEM, EPERM, EBADF,
				       ENOTTY } },
	{ VGRANT_OP_WINDOW_MMAP, { EINVAL, EACCES, ENODEV, ENOSPC, ENOMEM,
				   EBADF, ENOTTY } },
	{ VGRANT_OP_SEND_WINDOW, { EPIPE, ECONNRESET, EBADF, ENOTSOCK, ENOTCONN,
				   EAGAIN, ETOOMANYREFS, EINVAL } },
	{ VGRANT_OP_RECV_WINDOW, { ECONNRESET, EPROTO, ENOTTY, EBADF, ENOTSOCK,
				   ENOTCONN, EAGAIN, EMFILE } },
	{ VGRANT_OP_IOTLB, { EINVAL, EOVERFLOW, ERANGE, EBADF, EEXIST, ENOENT,
			     ENOMEM } },
	{ VGRANT_OP_KVM_WAYS, { EBADF, EBADFD, ENOTTY, EIO } },
	{ VGRANT_OP_KVM_SLOT, { EINVAL, EOVERFLOW, ERANGE, EOPNOTSUPP, EBADF,
				EBADFD, ENOTTY, ENODEV, EEXIST, EBUSY, ENOSPC,
				ENOENT, ENOMEM, EIO } },
	{ VGRANT_OP_KVM_PREFAULT, { EINVAL, EOVERFLOW, EOPNOTSUPP, EBADF,
				    EBADFD, EINTR, EAGAIN, EFAULT, ENOMEM, EIO } },
};

#define NR_OPS	(sizeof(documented) / sizeof(*documented))

/* "What was wrong: what to do", in one line. */
static void check_line(enum vgrant_op op, int err)
{
	const char *line = vgrant_strerror(op, -err);
	const char *colon;

	assert_non_null(line);
	assert_string_equal(line, vgrant_strerror(op, err));
	assert_string_not_equal(line, strerror(err));
	colon = strchr(line, ':');
	assert_non_null(colon);
	assert_true(colon > line + 8 && strlen(colon) > 8);
	assert_null(strchr(line, '\n'));
	assert_int_not_equal(line[strlen(line) - 1], '.');
}

static void documented_errors(void **state)
{
	size_t i;
	const int *err;

	(void)state;
	for (i = 0; i < NR_OPS; i++) {
		for (err = documented[i].errors; *err; err++)
			check_line(documented[i].op, *err);
	}
}

/* The same number means different things to different calls. */
static void depends_on_call(void **state)
{
	static const int err[] = { ENOENT, EINVAL, ENODEV, ENOSPC };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(err) / sizeof(*err); i++)
		assert_string_not_equal(
			vgrant_strerror(VGRANT_OP_MAP, err[i]),
			vgrant_strerror(i ? VGRANT_OP_WINDOW_MMAP :
					    VGRANT_OP_OPEN, err[i]));
}

/* One bad input of a native slot is not taken for another. */
static void slot_errors_differ(void **state)
{
	static const int err[] = { EINVAL, EOVERFLOW, ERANGE, EOPNOTSUPP, EBADF,
				   EBADFD, ENOTTY, ENODEV, EEXIST, EBUSY, ENOSPC,
				   ENOENT, ENOMEM, EIO };
	const size_t nr = sizeof(err) / sizeof(*err);
	size_t i, j;

	(void)state;
	for (i = 0; i < nr; i++) {
		for (j = i + 1; j < nr; j++)
			assert_string_not_equal(
				vgrant_strerror(VGRANT_OP_KVM_SLOT, err[i]),
				vgrant_strerror(VGRANT_OP_KVM_SLOT, err[j]));
	}
}

static void unknown_errors(void **state)
{
	(void)state;
	assert_string_equal(vgrant_strerror(VGRANT_OP_MAP, EXFULL),
			    strerror(EXFULL));
	assert_non_null(vgrant_strerror(VGRANT_OP_MAP, 123456));
	assert_non_null(vgrant_strerror((enum vgrant_op)99, ENOMEM));
	assert_string_equal(vgrant_strerror(VGRANT_OP_MAP, 0),
			    "nothing is wrong");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documented_errors),
		cmocka_unit_test(depends_on_call),
		cmocka_unit_test(slot_errors_differ),
		cmocka_unit_test(unknown_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
