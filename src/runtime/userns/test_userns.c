/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test.h"
#include "runtime/userns/userns.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static void first_large_range_wins(void **state)
{
	static const struct {
		const char *text;
		uint32_t start, count;
	} cases[] = {
		{ "", 0, 0 },
		{ "other:1:65536\n", 0, 0 },
		{ "tester:100000:65536\n", 100000, 65536 },
		{ "tester:100000:65536", 100000, 65536 },
		{ "1001:200000:70000\n", 200000, 70000 },
		{ "tester:100000:1000\ntester:300000:70000\ntester:400000:65536\n", 300000, 70000 },
		{ "!tester:100000:65536\n", 0, 0 },
		{ "tester:100000:65535\n", 0, 0 },
		{ "tester:100000\n", 0, 0 },
		{ "tester:x:65536\n", 0, 0 },
		{ "tester:4294967295:65536\n", 0, 0 }, /* runs over the end of the ids */
		{ "tester2:1:65536\ntester:5:65536\n", 5, 65536 },
		{ "# tester:1:65536\n\n:::\ntester:5:65536", 5, 65536 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct userns_range got = userns_parse_ranges(cases[i].text, "tester", 1001);

		assert_int_equal(got.start, cases[i].start);
		assert_int_equal(got.count, cases[i].count);
	}
	assert_int_equal(userns_parse_ranges("1001:7:65536\n", NULL, 1001).start, 7);
}

static void failing_mapper_is_named(void **state)
{
	struct userns_map map = { .extents = { { 0, 0, 1 } }, .n = 1 };
	struct userns_job job;

	(void)state;
	assert_ok(userns_start_maps(getpid(), "/bin/false", "/bin/true", &map, &map, &job));
	assert_error(userns_finish_maps(&job), ERR_DENIED, "'newuidmap' execution failed");
	assert_ok(userns_start_maps(getpid(), "/bin/true", "/bin/false", &map, &map, &job));
	assert_error(userns_finish_maps(&job), ERR_DENIED, "'newgidmap' execution failed");
	assert_ok(userns_start_maps(getpid(), "/bin/true", "/bin/true", &map, &map, &job));
	assert_ok(userns_finish_maps(&job));
	assert_error(userns_start_maps(getpid(), "/nonexistent/newuidmap", "/bin/true", &map, &map, &job), ERR_SYSTEM,
		     "execute /nonexistent/newuidmap: no such file or directory");
}

/* A child in a new user namespace waits for its map and then reports the id it has. */
static void single_id_is_mapped(void **state)
{
	int go[2], ready[2];

	(void)state;
	assert_int_equal(pipe(go) | pipe(ready), 0);

	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		char byte = 'x';

		close(go[1]);
		if (unshare(CLONE_NEWUSER) < 0)
			_exit(77);
		(void)!write(ready[1], &byte, 1);
		(void)!read(go[0], &byte, 1);
		_exit(getuid() == 5 && getgid() == 6 ? 0 : 1);
	}
	close(ready[1]);

	char byte;
	int status;

	if (read(ready[0], &byte, 1) != 1) {
		(void)waitpid(pid, &status, 0);
		skip();
	}
	assert_ok(userns_write_single(pid, 5, 6));
	close(go[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(go[0]);
	close(ready[0]);
	assert_error(userns_write_single(pid, 5, 6), ERR_SYSTEM, "no such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_large_range_wins),
		cmocka_unit_test(failing_mapper_is_named),
		cmocka_unit_test(single_id_is_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
