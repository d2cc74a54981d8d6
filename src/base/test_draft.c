/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/draft.h"
#include "base/fs.h"
#include "base/io.h"
#include "base/test.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct place {
	char *path;
	int dirfd;
};

static int set_up(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	assert_ok(fs_mkdtemp("/tmp", "test-draft-", &p->path));
	assert_ok(fs_open(AT_FDCWD, p->path, O_PATH | O_DIRECTORY, 0, &p->dirfd));
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	(void)close(p->dirfd);
	assert_ok(fs_remove_tree(AT_FDCWD, p->path));
	free(p->path);
	free(p);
	return 0;
}

/* The names in the directory, joined by blanks. */
static char *names_in(const struct place *p)
{
	DIR *dir = opendir(p->path);
	struct strv names = { 0 };
	char *joined;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			strv_add(&names, e->d_name);
	}
	(void)closedir(dir);
	joined = names.n ? strv_join(&names, " ") : xstrdup("");
	strv_free(&names);
	return joined;
}

static void assert_names(const struct place *p, const char *wanted)
{
	cleanup_free char *names = names_in(p);

	assert_string_equal(names, wanted);
}

static void assert_content(const struct place *p, const char *name, const char *wanted)
{
	cleanup_buf struct buf b = { 0 };

	assert_ok(fs_read_file(p->dirfd, name, 1000, &b));
	assert_string_equal(buf_str(&b), wanted);
}

static void put(struct place *p, const char *name, const char *text)
{
	assert_ok(fs_write_file(p->dirfd, name, text, strlen(text), 0600, false));
}

static void publishes_with_mode(void **state)
{
	struct place *p = *state;
	cleanup_with(draft_free) struct draft *d = NULL;
	mode_t mask = umask(027);
	struct stat st;
	bool existed = true;

	assert_ok(draft_open(p->dirfd, "x.sif", 0777, &d));
	(void)umask(mask);
	assert_ok(io_write_all(draft_fd(d), "new", 3));
	assert_names(p, "");
	assert_ok(draft_publish(d, false, &existed));
	assert_false(existed);
	assert_names(p, "x.sif");
	assert_content(p, "x.sif", "new");
	assert_int_equal(fstatat(p->dirfd, "x.sif", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
}

static void keeps_what_exists(void **state)
{
	struct place *p = *state;
	cleanup_with(draft_free) struct draft *d = NULL;
	bool existed = false;

	put(p, "x", "old");
	assert_ok(draft_open(p->dirfd, "x", 0600, &d));
	assert_ok(draft_publish(d, false, &existed));
	assert_true(existed);
	assert_content(p, "x", "old");
	assert_ok(io_write_all(draft_fd(d), "new", 3));
	assert_ok(draft_publish(d, true, &existed));
	assert_false(existed);
	assert_content(p, "x", "new");
	assert_names(p, "x");
}

static void abandoned_leaves_nothing(void **state)
{
	struct place *p = *state;
	struct draft *d = NULL;

	assert_ok(draft_open(p->dirfd, "x", 0600, &d));
	draft_free(d);
	draft_free(NULL);
	assert_names(p, "");
}

/* The longest name a directory takes has no room for ".part". */
static void longest_name(void **state)
{
	struct place *p = *state;
	cleanup_with(draft_free) struct draft *d = NULL;
	char name[256];
	bool existed;

	memset(name, 'n', 255);
	name[255] = '\0';
	assert_ok(draft_open(p->dirfd, name, 0600, &d));
	assert_ok(draft_publish(d, true, &existed));
	assert_names(p, name);
}

static void missing_directory_is_noticed_at_once(void **state)
{
	struct place *p = *state;
	struct draft *d = NULL;
	int gone = -EBADF;

	assert_int_equal(mkdirat(p->dirfd, "gone", 0700), 0);
	assert_ok(fs_open(p->dirfd, "gone", O_PATH | O_DIRECTORY, 0, &gone));
	assert_int_equal(unlinkat(p->dirfd, "gone", AT_REMOVEDIR), 0);
	assert_error(draft_open(gone, "x", 0600, &d), ERR_SYSTEM, "create x");
	(void)close(gone);
}

/* Somebody was killed between the two system calls of a replacement. */
static void dead_part_is_taken_away(void **state)
{
	struct place *p = *state;
	cleanup_with(draft_free) struct draft *d = NULL;
	bool existed;

	put(p, "x", "old");
	put(p, ".x.part", "half");
	assert_ok(draft_open(p->dirfd, "x", 0600, &d));
	assert_ok(io_write_all(draft_fd(d), "new", 3));
	assert_ok(draft_publish(d, true, &existed));
	assert_content(p, "x", "new");
	assert_names(p, "x");
}

/* The kernel of this process now refuses O_TMPFILE, as NFS does. */
static void deny_tmpfile(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_LEN(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(77);
}

/* Run @child in a process without O_TMPFILE; it must exit 0. */
static void without_tmpfile(struct place *p, void (*child)(struct place *))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		deny_tmpfile();
		child(p);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* no seccomp here */
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define child_check(cond)                                                                                              \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			_exit(__LINE__ % 70 + 1);                                                                      \
	} while (0)
#define child_ok(expr)                                                                                                 \
	do {                                                                                                           \
		struct error *e_ = (expr);                                                                             \
		child_check(!e_);                                                                                      \
	} while (0)

static void publish_named(struct place *p)
{
	struct draft *d = NULL;
	bool existed = true;

	child_ok(draft_open(p->dirfd, "x", 0600, &d));
	child_check(faccessat(p->dirfd, ".x.part", F_OK, 0) == 0);
	child_ok(io_write_all(draft_fd(d), "new", 3));
	child_ok(draft_publish(d, false, &existed));
	child_check(!existed);
	draft_free(d);
	child_ok(draft_open(p->dirfd, "x", 0600, &d));
	child_ok(draft_publish(d, false, &existed));
	child_check(existed);
	draft_free(d);
	child_ok(draft_open(p->dirfd, "y", 0600, &d));
	child_ok(draft_publish(d, true, &existed));
	draft_free(d);

	int fd = -EBADF;

	child_ok(draft_unnamed(p->path, &fd));
	child_ok(io_write_all(fd, "z", 1));
}

static void works_without_tmpfile(void **state)
{
	struct place *p = *state;

	without_tmpfile(p, publish_named);
	assert_content(p, "x", "new");
	assert_content(p, "y", "");

	cleanup_free char *names = names_in(p);

	assert_int_equal(strlen(names), strlen("x y"));
}

static void abandon_by_death(struct place *p)
{
	struct draft *d = NULL;

	child_ok(draft_open(p->dirfd, "x", 0600, &d));
	child_check(faccessat(p->dirfd, ".x.part", F_OK, 0) == 0);
}

static void death_without_tmpfile_is_repaired(void **state)
{
	struct place *p = *state;

	without_tmpfile(p, abandon_by_death);
	assert_names(p, ".x.part");
	without_tmpfile(p, publish_named);
	assert_content(p, "x", "new");
}

/* A live named draft makes the next one wait until it is published. */
static void second_named_draft_waits(void **state)
{
	struct place *p = *state;
	int fd = -EBADF;

	assert_ok(fs_open(p->dirfd, ".x.part", O_RDWR | O_CREAT, 0600, &fd));
	assert_int_equal(flock(fd, LOCK_EX), 0);

	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(fd);
		deny_tmpfile();

		struct draft *d = NULL;
		bool existed = false;

		child_ok(draft_open(p->dirfd, "x", 0600, &d));
		child_ok(draft_publish(d, false, &existed));
		child_check(existed);
		draft_free(d);
		_exit(0);
	}

	int status;

	assert_int_equal(usleep(100000), 0);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(renameat(p->dirfd, ".x.part", p->dirfd, "x"), 0);
	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_names(p, "x");
}

static void unnamed_leaves_nothing(void **state)
{
	struct place *p = *state;
	cleanup_fd int fd = -EBADF;

	assert_ok(draft_unnamed(p->path, &fd));
	assert_ok(io_write_all(fd, "abc", 3));
	assert_names(p, "");
	assert_error(draft_unnamed("/nowhere/at/all", &fd), ERR_SYSTEM, "/nowhere/at/all");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(publishes_with_mode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_what_exists, set_up, tear_down),
		cmocka_unit_test_setup_teardown(abandoned_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(longest_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(missing_directory_is_noticed_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dead_part_is_taken_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(works_without_tmpfile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(death_without_tmpfile_is_repaired, set_up, tear_down),
		cmocka_unit_test_setup_teardown(second_named_draft_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unnamed_leaves_nothing, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
