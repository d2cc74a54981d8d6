/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/io.h"
#include "base/test.h"

#include <limits.h>

/* A directory for one test, with a link that leads out of it and a file "inside". */
struct place {
	char *path;
	int fd;
};

static int make_place(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));

	assert_ok(fs_mkdtemp("/tmp", "test-fs-", &place->path));
	assert_ok(fs_open(AT_FDCWD, place->path, O_RDONLY | O_DIRECTORY, 0, &place->fd));
	assert_ok(fs_write_file(place->fd, "inside", "in", 2, 0640, false));
	assert_ok(fs_mkdirs(place->fd, "etc", 0755));
	assert_ok(fs_write_file(place->fd, "etc/passwd", "ours", 4, 0644, false));
	assert_int_equal(symlinkat("/etc/passwd", place->fd, "absolute"), 0);
	assert_int_equal(symlinkat("../../../etc/passwd", place->fd, "climbing"), 0);
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;

	assert_ok(fs_remove_tree(AT_FDCWD, place->path));
	(void)close(place->fd);
	free(place->path);
	free(place);
	return 0;
}

static void open_follows_links(void **state)
{
	const struct place *place = *state;
	cleanup_fd int fd = -EBADF;

	assert_ok(fs_open(place->fd, "absolute", O_RDONLY, 0, &fd));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_error(fs_open(place->fd, "none", O_RDONLY, 0, &fd), ERR_SYSTEM, "open none: no such file or directory");
}

static void beneath_refuses_links_and_climbing(void **state)
{
	const struct place *place = *state;
	cleanup_fd int fd = -EBADF;

	assert_error(fs_open_beneath(place->fd, "absolute", O_RDONLY, 0, &fd), ERR_SYSTEM, "open absolute");
	assert_error(fs_open_beneath(place->fd, "../x", O_RDONLY, 0, &fd), ERR_SYSTEM, "open ../x");
	assert_error(fs_open_beneath(place->fd, "/etc/passwd", O_RDONLY, 0, &fd), ERR_SYSTEM, "open /etc/passwd");
	assert_ok(fs_open_beneath(place->fd, "inside", O_RDONLY, 0, &fd));
}

static void in_root_keeps_links_inside(void **state)
{
	static const char *const names[] = { "absolute", "climbing", "/etc/passwd", "../../etc/passwd" };
	const struct place *place = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup_fd int fd = -EBADF;
		char bytes[8];
		size_t n;

		assert_ok(fs_open_in_root(place->fd, names[i], O_RDONLY, 0, &fd));
		assert_ok(io_read(fd, bytes, sizeof(bytes), &n));
		assert_int_equal(n, 4);
		assert_memory_equal(bytes, "ours", 4);
	}
}

static void proc_is_proc(void **state)
{
	cleanup_fd int fd = -EBADF;

	(void)state;
	assert_ok(fs_open_proc("self/status", O_RDONLY, &fd));
	(void)close(take_fd(&fd));
	assert_error(fs_open_proc("self/none", O_RDONLY, &fd), ERR_SYSTEM, "no such file or directory");
}

static void files_are_read_up_to_the_limit(void **state)
{
	const struct place *place = *state;
	cleanup_buf struct buf text = { 0 };

	assert_ok(fs_read_file(place->fd, "inside", 2, &text));
	assert_string_equal(buf_str(&text), "in");
	assert_error(fs_read_file(place->fd, "inside", 1, &text), ERR_LIMIT, "larger than 1 byte");
	assert_error(fs_read_file(place->fd, "none", 1, &text), ERR_SYSTEM, "no such file or directory");
}

static void written_files_replace_and_keep_their_mode(void **state)
{
	const struct place *place = *state;
	cleanup_buf struct buf text = { 0 };
	mode_t saved = umask(077);
	struct stat st;

	assert_ok(fs_write_file(place->fd, "inside", "new", 3, 0666, true));
	(void)umask(saved);
	assert_ok(fs_read_file(place->fd, "inside", 16, &text));
	assert_string_equal(buf_str(&text), "new");
	assert_int_equal(fstatat(place->fd, "inside", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_error(fs_write_file(place->fd, "none/x", "", 0, 0644, false), ERR_SYSTEM, "open none/");
}

static void directories(void **state)
{
	const struct place *place = *state;
	struct stat st;

	assert_ok(fs_mkdirs(place->fd, "a/b/c", 0755));
	assert_ok(fs_mkdirs(place->fd, "a/b/c", 0755));
	assert_error(fs_mkdirs(place->fd, "inside/x", 0755), ERR_SYSTEM, "");
	assert_int_equal(symlinkat("/etc", place->fd, "a/b/link"), 0);
	assert_ok(fs_remove_tree(place->fd, "a"));
	assert_int_equal(fstatat(place->fd, "a", &st, 0), -1);
	assert_int_equal(stat("/etc/passwd", &st), 0); /* the link was not followed */
	assert_ok(fs_remove_tree(place->fd, "a"));
}

static void temporaries_are_private_and_different(void **state)
{
	const struct place *place = *state;
	cleanup_free char *one = NULL;
	cleanup_free char *two = NULL;
	struct stat st;

	assert_ok(fs_mkdtemp(place->path, "x-", &one));
	assert_ok(fs_mkdtemp(place->path, "x-", &two));
	assert_string_not_equal(one, two);
	assert_true(str_starts(fs_basename(one), "x-"));
	assert_int_equal(stat(one, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);

	cleanup_free char *nowhere = NULL;

	assert_error(fs_mkdtemp("/nonexistent", "x-", &nowhere), ERR_SYSTEM, "no such file or directory");
}

static void links_are_read(void **state)
{
	const struct place *place = *state;
	cleanup_free char *target = NULL;

	assert_ok(fs_read_link(place->fd, "absolute", &target));
	assert_string_equal(target, "/etc/passwd");

	cleanup_free char *none = NULL;

	assert_error(fs_read_link(place->fd, "inside", &none), ERR_SYSTEM, "invalid argument");
}

static void absolute_paths(void **state)
{
	char cwd[PATH_MAX];
	cleanup_free char *relative = NULL;
	cleanup_free char *rooted = NULL;

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_ok(fs_absolute("x/../y", &relative));

	cleanup_free char *wanted = xasprintf("%s/y", str_eq(cwd, "/") ? "" : cwd);

	assert_string_equal(relative, wanted);
	assert_ok(fs_absolute("/a//b/.", &rooted));
	assert_string_equal(rooted, "/a/b");
	assert_string_equal(fs_basename("/a/b"), "b");
	assert_string_equal(fs_basename("b"), "b");
	assert_string_equal(fs_basename("/a/"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(open_follows_links, make_place, remove_place),
		cmocka_unit_test_setup_teardown(beneath_refuses_links_and_climbing, make_place, remove_place),
		cmocka_unit_test_setup_teardown(in_root_keeps_links_inside, make_place, remove_place),
		cmocka_unit_test(proc_is_proc),
		cmocka_unit_test_setup_teardown(files_are_read_up_to_the_limit, make_place, remove_place),
		cmocka_unit_test_setup_teardown(written_files_replace_and_keep_their_mode, make_place, remove_place),
		cmocka_unit_test_setup_teardown(directories, make_place, remove_place),
		cmocka_unit_test_setup_teardown(temporaries_are_private_and_different, make_place, remove_place),
		cmocka_unit_test_setup_teardown(links_are_read, make_place, remove_place),
		cmocka_unit_test(absolute_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
