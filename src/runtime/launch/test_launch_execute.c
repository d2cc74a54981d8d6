/* SPDX-License-Identifier: BSD-3-Clause */
/* The executing half without namespaces: the wire, the monitor over stand-ins for stage and server, the guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test.h"
#include "runtime/launch/launch_priv.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct launch_plan *sample_plan(void)
{
	struct launch_plan *plan = xcalloc(1, sizeof(*plan));

	plan->outer_userns = true;
	plan->private_pidns = true;
	plan->user_xattrs = true;
	plan->session_size_mib = 64;
	plan->session_dir = xstrdup("/session");
	plan->bundle = xstrdup("/session/oci-bundle1");
	plan->runtime_path = xstrdup("/usr/bin/crun");
	plan->program = xstrdup("/bin/true");
	strv_add(&plan->runtime_argv, "crun");
	strv_add(&plan->runtime_argv, "");
	strv_add(&plan->runtime_env, "A=b");
	plan->files = xcalloc(1, sizeof(*plan->files));
	plan->n_files = 1;
	plan->files[0] =
		(struct launch_file){ .name = xstrdup("config.json"), .mode = 0600, .data = xstrdup("{}"), .len = 2 };
	return plan;
}

static void plan_crosses_the_wire(void **state)
{
	cleanup_with(launch_plan_free) struct launch_plan *plan = sample_plan();
	cleanup_with(launch_plan_free) struct launch_plan *got = NULL;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_ok(launch_wire_send(ends[0], plan));
	assert_ok(launch_wire_recv(ends[1], &got));
	assert_true(got->outer_userns && got->private_pidns && got->user_xattrs);
	assert_false(got->terminal || got->upper_nosuid || got->hide_cgroup_unified);
	assert_int_equal(got->session_size_mib, 64);
	assert_string_equal(got->bundle, "/session/oci-bundle1");
	assert_string_equal(got->program, "/bin/true");
	assert_int_equal(got->runtime_argv.n, 2);
	assert_string_equal(got->runtime_argv.items[1], "");
	assert_string_equal(got->runtime_env.items[0], "A=b");
	assert_int_equal(got->n_files, 1);
	assert_int_equal(got->files[0].mode, 0600);
	assert_memory_equal(got->files[0].data, "{}", 2);
	close(ends[0]);
	close(ends[1]);
}

static void end_of_stream_is_no_plan(void **state)
{
	struct launch_plan *got = (struct launch_plan *)8;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	assert_ok(launch_wire_recv(ends[0], &got));
	assert_null(got);
	close(ends[0]);
}

static void half_a_plan_is_an_error(void **state)
{
	static const uint8_t bytes[] = { 40, 0, 0, 0, 1, 1, 0, 0 };
	struct launch_plan *got = NULL;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], bytes, sizeof(bytes)), sizeof(bytes));
	close(ends[1]);
	assert_error(launch_wire_recv(ends[0], &got), ERR_CORRUPT, "plan is truncated");
	close(ends[0]);
}

/* A monitor over two children that run shell commands; "" stands for an error that the stage sends. */
static struct error *monitor(const char *stage, const char *server, int send_to_self, int *ret_status)
{
	sigset_t mask;
	int signal_fd = -EBADF;
	int status[2];
	int alive[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, alive), 0);
	assert_ok(launch_monitor_block_signals(&mask, &signal_fd));
	assert_int_equal(pipe2(status, O_CLOEXEC), 0);

	struct launch_monitor m = {
		.status_fd = status[0], .signal_fd = signal_fd, .parent_pidfd = -EBADF, .files = "/nonexistent",
		.server_socket = alive[0],
	};

	m.stage = fork();
	if (m.stage == 0) {
		close(alive[0]);
		close(alive[1]);
		sigprocmask(SIG_SETMASK, &mask, NULL);
		if (!*stage)
			error_send(status[1], error_new(ERR_DENIED, "stage says no"));
		else
			execl("/bin/sh", "sh", "-c", stage, (char *)NULL);
		_exit(255);
	}
	m.server = fork();
	if (m.server == 0) {
		close(alive[0]);
		sigprocmask(SIG_SETMASK, &mask, NULL);
		close(status[1]);
		execl("/bin/sh", "sh", "-c", server, (char *)NULL);
		_exit(255);
	}
	close(status[1]);
	close(alive[1]);
	if (send_to_self)
		kill(getpid(), send_to_self);

	struct error *err = launch_monitor_wait(&m, ret_status);

	sigprocmask(SIG_SETMASK, &mask, NULL);
	close(signal_fd);
	close(alive[0]);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* both were reaped */
	return err;
}

static void status_is_the_stages(void **state)
{
	int status = -1;

	(void)state;
	assert_ok(monitor("exit 7", "exec sleep 10", 0, &status));
	assert_int_equal(status, 7);
	assert_ok(monitor("kill -KILL $$", "exec sleep 10", 0, &status));
	assert_int_equal(status, 137);
	assert_ok(
		monitor("sleep 0.05; exit 3", "exit 0", 0, &status)); /* a server that ended by itself is no failure */
	assert_int_equal(status, 3);
}

static void stage_error_is_returned(void **state)
{
	int status = -1;

	(void)state;
	assert_error(monitor("", "exec sleep 10", 0, &status), ERR_DENIED, "stage says no");
	assert_int_equal(status, -1);
}

static void dead_server_takes_the_stage_along(void **state)
{
	int status = -1;

	(void)state;
	assert_error(monitor("exec sleep 10", "kill -KILL $$", 0, &status), ERR_SYSTEM, "killed by signal 9");
	assert_error(monitor("exec sleep 10", "exit 1", 0, &status), ERR_SYSTEM, "file server of the container failed");
}

static void signal_waits_until_it_is_caught(void **state)
{
	int status = -1;

	(void)state;
	/*
	 * The signal is sent before the shell has its trap; delivered at once it would kill the shell: 138, not 9. The
	 * loops start no process, since a shell that starts one blocks its signals for a moment, and blocked counts as
	 * taken.
	 */
	assert_ok(monitor("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; trap 'exit 9' USR1; "
			  "while [ $i -lt 9000000 ]; do i=$((i+1)); done",
			  "exec sleep 10", SIGUSR1, &status));
	assert_int_equal(status, 9);
}

static int shell(const char *command)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(255);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void guard_kills_what_is_left(void **state)
{
	(void)state;

	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		size_t n = 1;

		prctl(PR_SET_CHILD_SUBREAPER, 1);
		if (shell("(setsid sleep 10 & setsid sh -c 'sleep 10 & sleep 10' &) ; exit 0"))
			_exit(2);
		launch_guard_kill_children(NULL, 0);
		free(launch_guard_list_children(&n));
		_exit(n == 0 ? 0 : 1);
	}

	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void guard_spares_what_was_there(void **state)
{
	(void)state;

	pid_t old = fork();

	if (old == 0) {
		execl("/bin/sleep", "sleep", "10", (char *)NULL);
		_exit(1);
	}

	pid_t new = fork();

	if (new == 0) {
		execl("/bin/sleep", "sleep", "10", (char *)NULL);
		_exit(1);
	}
	launch_guard_kill_children(&old, 1);
	assert_int_equal(kill(old, 0), 0);
	assert_int_equal(waitpid(new, NULL, WNOHANG), -1);
	kill(old, SIGKILL);
	waitpid(old, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_crosses_the_wire),	   cmocka_unit_test(end_of_stream_is_no_plan),
		cmocka_unit_test(half_a_plan_is_an_error),	   cmocka_unit_test(status_is_the_stages),
		cmocka_unit_test(stage_error_is_returned),	   cmocka_unit_test(dead_server_takes_the_stage_along),
		cmocka_unit_test(signal_waits_until_it_is_caught), cmocka_unit_test(guard_kills_what_is_left),
		cmocka_unit_test(guard_spares_what_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
