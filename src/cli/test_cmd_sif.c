/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs the program (argument 1) with the recorded command lines of `sif`, in a directory laid out as it was for the
 * reference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/proc.h"
#include "tests/testlib/fixture.h"

static char *program; /* absolute: the tests run in a directory of their own */

/* What a command left: exit status and both streams. */
struct outcome {
	int status;
	struct buf out, err;
};

static void outcome_free(struct outcome *o)
{
	buf_free(&o->out);
	buf_free(&o->err);
}

static void run(const struct jv *argv, struct outcome *o)
{
	cleanup_strv struct strv words = { 0 };
	cleanup_fd int out = fixture_memory("", 0);
	cleanup_fd int err = fixture_memory("", 0);
	struct proc_spec spec = { .path = program, .stdin_fd = -1, .stdout_fd = out, .stderr_fd = err };
	pid_t pid;

	for (size_t i = 0; i < jv_len(argv); i++) {
		strv_add(&words, jv_str(jv_at(argv, i)));
		/* The configuration of the place of installation need not be there yet. */
		if (i == 0)
			strv_add(&words, "--config=singularity.conf");
	}
	spec.argv = words.items;
	assert_ok(proc_spawn(&spec, &pid));
	assert_ok(proc_wait(pid, &o->status));
	assert_true(lseek(out, 0, SEEK_SET) == 0 && lseek(err, 0, SEEK_SET) == 0);
	assert_ok(io_read_to_end(out, FIXTURE_SIZE_MAX, "stdout", &o->out));
	assert_ok(io_read_to_end(err, FIXTURE_SIZE_MAX, "stderr", &o->err));
}

static void place(const char *name, const char *fixture, size_t size)
{
	cleanup_free char *path = xasprintf(FIXTURES "/images/%s", fixture);
	cleanup_buf struct buf bytes = { 0 };

	fixture_read(path, &bytes);
	assert_ok(fs_write_file(AT_FDCWD, name, bytes.data, size < bytes.len ? size : bytes.len, 0600, false));
}

/* Object 1 of tiny.sif, and how much of it the recorded dump of a shortened copy printed. */
enum { OBJECT_AT = 11116, OBJECT_LEFT = 884 };

static int set_up(void **state)
{
	char *dir = NULL;

	assert_ok(fs_mkdtemp("/tmp", "sif-test-", &dir));
	assert_int_equal(chdir(dir), 0);
	assert_ok(fs_mkdirs(AT_FDCWD, "d", 0700));
	assert_ok(fs_mkdirs(AT_FDCWD, "s", 0700));
	assert_ok(fs_mkdirs(AT_FDCWD, "k", 0700));
	assert_ok(fs_write_file(AT_FDCWD, "singularity.conf", "", 0, 0600, false));
	place("tiny.sif", "tiny.sif", SIZE_MAX);
	place("tiny-native.sif", "tiny-native.sif", SIZE_MAX);
	place("full-native.sif", "full-native.sif", SIZE_MAX);
	place("layers-keep.sif", "layers-keep.sif", SIZE_MAX);
	place("s/tiny-native-pgp.sif", "signed/tiny-native-pgp.sif", SIZE_MAX);
	place("d/new.sif", "sif-tool/added.sif", SIZE_MAX);
	place("d/short.sif", "tiny.sif", 100);
	place("d/short2.sif", "tiny.sif", 5000);
	place("d/short3.sif", "tiny.sif", OBJECT_AT + OBJECT_LEFT);
	place("k/one-public.asc", "../outputs/sif.json", 1000);
	*state = dir;
	return 0;
}

static int tear_down(void **state)
{
	assert_int_equal(chdir("/"), 0);
	assert_ok(fs_remove_tree(AT_FDCWD, *state));
	free(*state);
	return 0;
}

/* Is this a command of ours whose file is here in the state it had then? */
static bool is_replayed(const char *id, const struct jv *argv)
{
	static const char *const verbs[] = { "header", "list", "info", "dump" };
	const char *file = jv_str(jv_at(argv, jv_len(argv) - 1));
	bool is_ours = false;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		is_ours |= str_eq(jv_str(jv_at(argv, 2)), verbs[i]);
	if (!is_ours || (str_eq(file, "d/new.sif") && !strstr(id, "-added")))
		return false;
	return faccessat(AT_FDCWD, file, F_OK, 0) == 0 || str_eq(file, "none.sif") || str_eq(file, "list");
}

static void recorded_commands_answer_the_same(void **state)
{
	cleanup_with(jv_free) struct jv *records = NULL;
	cleanup_buf struct buf text = { 0 };
	size_t n = 0;

	(void)state;
	fixture_read(FIXTURES "/outputs/sif.json", &text);
	assert_ok(jv_parse(text.data, text.len, "recorded commands", &records));
	for (size_t i = 0; i < jv_len(records); i++) {
		const struct jv *record = jv_at(records, i);
		const char *out = jv_get_str(record, "stdout"); /* not text: the dump of the shortened image */
		struct outcome o = { 0 };

		if (!is_replayed(jv_get_str(record, "id"), jv_get(record, "argv")))
			continue;
		run(jv_get(record, "argv"), &o);
		assert_int_equal(o.status, jv_int(jv_get(record, "rc"), -1));
		assert_string_equal(buf_str(&o.err), jv_get_str(record, "stderr"));
		if (out)
			assert_string_equal(buf_str(&o.out), out);
		else
			assert_int_equal(o.out.len, OBJECT_LEFT);
		outcome_free(&o);
		n++;
	}
	assert_int_equal(n, 63);
}

static void run_words(const char *second, const char *third, const char *fourth, struct outcome *o)
{
	cleanup_with(jv_free) struct jv *argv = jv_new_array();

	jv_append_str(argv, "singularity");
	jv_append_str(argv, "sif");
	if (second)
		jv_append_str(argv, second);
	if (third)
		jv_append_str(argv, third);
	if (fourth)
		jv_append_str(argv, fourth);
	run(argv, o);
}

static void the_group_prints_its_help(void **state)
{
	static const char *const words[] = { NULL, "bogus", "add", "--help" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct outcome o = { 0 };

		run_words(words[i], NULL, NULL, &o);
		assert_int_equal(o.status, 0);
		assert_non_null(strstr(buf_str(&o.out), "Available Commands:\n  dump"));
		assert_int_equal(o.err.len, 0);
		outcome_free(&o);
	}
}

static void bad_ids_and_files_are_usage_errors(void **state)
{
	static const char *const cases[][3] = {
		{ "4294967296", "tiny.sif", "parsing \"4294967296\": value out of range\n\nUsage:\n" },
		{ "-1", "tiny.sif", "unknown shorthand flag: '1' in -1\n" },
		{ "+1", "tiny.sif", "while converting id: strconv.ParseUint: parsing \"+1\": invalid syntax\n" },
		{ "", "tiny.sif", "parsing \"\": invalid syntax\n" },
		{ "1", "d", "Error for command \"dump\": reading global header: read at 0: is a directory\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct outcome o = { 0 };

		run_words("dump", cases[i][0], cases[i][1], &o);
		assert_int_equal(o.status, 1);
		assert_int_equal(o.out.len, 0);
		if (!strstr(buf_str(&o.err), cases[i][2]))
			fail_msg("%s", buf_str(&o.err));
		outcome_free(&o);
	}
}

static void a_missing_configuration_is_fatal(void **state)
{
	struct outcome o = { 0 };

	(void)state;
	assert_int_equal(unlink("singularity.conf"), 0);
	run_words("list", "tiny.sif", NULL, &o);
	assert_int_equal(o.status, 255);
	assert_non_null(strstr(buf_str(&o.err), "FATAL:   While initializing: couldn't parse configuration file"));
	outcome_free(&o);
	assert_ok(fs_write_file(AT_FDCWD, "singularity.conf", "", 0, 0600, false));
}

static void options_may_follow_the_file(void **state)
{
	struct outcome o = { 0 };

	(void)state;
	run_words("list", "tiny.sif", "--help", &o);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(buf_str(&o.out), "singularity sif list <sif_path>"));
	outcome_free(&o);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_commands_answer_the_same),
		cmocka_unit_test(the_group_prints_its_help),
		cmocka_unit_test(bad_ids_and_files_are_usage_errors),
		cmocka_unit_test(a_missing_configuration_is_fatal),
		cmocka_unit_test(options_may_follow_the_file),
	};

	if (argc != 2)
		return 2;
	assert_ok(fs_absolute(argv[1], &program));

	int failed = cmocka_run_group_tests(tests, set_up, tear_down);

	free(program);
	return failed;
}
