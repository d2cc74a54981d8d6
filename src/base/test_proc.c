/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/test.h"

#include <signal.h>

/* Runs sh with @script and returns its status; what it prints is appended to @out. */
static int run_shell(const char *script, char *const *env, const int *keep_fds, size_t n_keep_fds, struct buf *out)
{
	cleanup_free char *text = xstrdup(script);
	char name[] = "sh";
	char option[] = "-c";
	char *const argv[] = { name, option, text, NULL };
	int ends[2];
	int status = -1;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);

	const struct proc_spec spec = { .path = "/bin/sh",
					.argv = argv,
					.env = env,
					.stdin_fd = -1,
					.stdout_fd = ends[1],
					.stderr_fd = -1,
					.keep_fds = keep_fds,
					.n_keep_fds = n_keep_fds };

	assert_ok(proc_spawn(&spec, &pid));
	(void)close(ends[1]);
	assert_ok(io_read_to_end(ends[0], 4096, "output", out));
	(void)close(ends[0]);
	assert_ok(proc_wait(pid, &status));
	return status;
}

static void statuses(void **state)
{
	cleanup_buf struct buf out = { 0 };

	(void)state;
	assert_int_equal(run_shell("echo hello; exit 7", NULL, NULL, 0, &out), 7);
	assert_string_equal(buf_str(&out), "hello\n");
	assert_int_equal(run_shell("kill -9 $$", NULL, NULL, 0, &out), 128 + SIGKILL);
}

static void environment_is_what_was_given(void **state)
{
	cleanup_buf struct buf out = { 0 };
	char variable[] = "ONLY=this";
	char *const env[] = { variable, NULL };

	(void)state;
	assert_int_equal(run_shell("echo \"$ONLY $HOME\"", env, NULL, 0, &out), 0);
	assert_string_equal(buf_str(&out), "this \n");
}

/* Descriptors that are not named do not reach the program, close-on-exec or not. */
static void descriptors_are_closed(void **state)
{
	cleanup_buf struct buf out = { 0 };
	cleanup_fd int leaked = -EBADF;
	cleanup_fd int kept = -EBADF;
	int duplicate;

	(void)state;
	assert_ok(fs_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, &leaked));
	duplicate = dup2(leaked, 200);
	assert_int_equal(duplicate, 200);
	kept = fcntl(leaked, F_DUPFD_CLOEXEC, 9);
	assert_true(kept >= 9);

	const int keep[] = { kept };
	cleanup_free char *script =
		xasprintf("[ -e /proc/self/fd/200 ] && echo leaked; [ -e /proc/self/fd/%d ] && echo kept", kept);

	assert_int_equal(run_shell(script, NULL, keep, 1, &out), 0);
	(void)close(duplicate);
	assert_string_equal(buf_str(&out), "kept\n");
}

static void programs_that_cannot_start(void **state)
{
	char name[] = "x";
	char *const argv[] = { name, NULL };
	struct proc_spec spec = {
		.path = "/nonexistent", .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1
	};
	pid_t pid;

	(void)state;
	assert_error(proc_spawn(&spec, &pid), ERR_SYSTEM, "execute /nonexistent: no such file or directory");
	spec.path = "/etc/passwd";
	assert_error(proc_spawn(&spec, &pid), ERR_SYSTEM, "execute /etc/passwd: permission denied");
}

static void programs_are_found(void **state)
{
	cleanup_free char *found = NULL;
	cleanup_free char *missing = NULL;

	(void)state;
	assert_ok(proc_find("sh", "/nonexistent::/bin", &found));
	assert_string_equal(found, "/bin/sh");
	assert_ok(proc_find("passwd", "/etc", &missing)); /* no program */
	assert_null(missing);
}

/* What @action prints on stderr. */
static void assert_logged(void (*action)(void), const char *wanted)
{
	cleanup_buf struct buf text = { 0 };
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	action();
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	(void)close(ends[1]);
	assert_ok(io_read_to_end(ends[0], 4096, "log", &text));
	(void)close(ends[0]);
	assert_string_equal(buf_str(&text), wanted);
}

static void closed_std_fds_are_held(void **state)
{
	int saved = fcntl(0, F_DUPFD_CLOEXEC, 3);
	struct stat held;
	struct stat null;

	(void)state;
	assert_true(saved >= 3);
	(void)close(0);
	assert_ok(proc_hold_std_fds());
	assert_int_equal(fstat(0, &held), 0);
	assert_int_equal(stat("/dev/null", &null), 0);
	assert_int_equal(held.st_rdev, null.st_rdev);
	assert_int_equal(fcntl(0, F_GETFD), 0);
	assert_int_equal(dup2(saved, 0), 0);
	(void)close(saved);
	/* Open ones are left alone. */
	assert_int_equal(fstat(1, &held), 0);
	assert_ok(proc_hold_std_fds());
	assert_int_equal(fstat(1, &null), 0);
	assert_int_equal(held.st_ino, null.st_ino);
}

static void log_all_levels(void)
{
	log_msg(LOG_FATAL, "f\n\n");
	log_msg(LOG_ERROR, "e");
	log_msg(LOG_WARNING, "w");
	log_msg(LOG_INFO, "i %d", 1);
	log_msg(LOG_VERBOSE, "v");
	log_msg(LOG_LOG, "plain");
}

static void log_levels(void **state)
{
	(void)state;
	log_set_level(LOG_INFO);
	assert_logged(log_all_levels, "FATAL:   f\nERROR:   e\nWARNING: w\nINFO:    i 1\nplain\n");
	log_set_level(LOG_ERROR);
	assert_logged(log_all_levels, "FATAL:   f\nERROR:   e\n");
	log_set_level(LOG_VERBOSE);
	log_set_color(true);
	assert_logged(log_all_levels,
		      "\033[31mFATAL:  \033[0m f\n\033[31mERROR:  \033[0m e\n\033[33mWARNING:\033[0m w\n"
		      "\033[34mINFO:   \033[0m i 1\nVERBOSE: v\nplain\n");
	log_set_color(false);
	log_set_level(LOG_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses),
		cmocka_unit_test(environment_is_what_was_given),
		cmocka_unit_test(descriptors_are_closed),
		cmocka_unit_test(closed_std_fds_are_held),
		cmocka_unit_test(programs_that_cannot_start),
		cmocka_unit_test(programs_are_found),
		cmocka_unit_test(log_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
