/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/test.h"

static void directories_open_as_paths(void **state)
{
	cleanup_free char *dir = NULL;
	cleanup_fd int top = -EBADF;
	int fd = -EBADF;

	(void)state;
	assert_ok(fs_mkdtemp("/tmp", "beneath", &dir));
	assert_ok(fs_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, &top));
	assert_ok(fs_mkdirs(top, "a/b", 0755));
	assert_int_equal(symlinkat("/etc", top, "link"), 0);
	assert_ok(fs_open_beneath(top, "a/b", O_PATH | O_DIRECTORY, 0, &fd));
	(void)close(take_fd(&fd));
	assert_ok(fs_open_beneath(top, ".", O_PATH | O_DIRECTORY, 0, &fd));
	(void)close(take_fd(&fd));
	assert_error(fs_open_beneath(top, "link", O_PATH | O_DIRECTORY, 0, &fd), ERR_SYSTEM, "open link: ");
	assert_error(fs_open_beneath(top, "../etc", O_PATH, 0, &fd), ERR_SYSTEM, "open ../etc: ");
	assert_ok(fs_remove_tree(AT_FDCWD, dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_open_as_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
