/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test.h"
#include "cli/help.h"
#include "cli/opt.h"

struct fields {
	bool clean, oci;
	const char *cwd, *network;
	struct strv bind, mount, env, type;
	int64_t limit;
	uint32_t group;
};

static const struct opt table[] = {
	{ .name = "bind", .letter = 'B', OPT_AS_STRINGS(struct fields, bind), .env = "BIND,BINDPATH",
	  .traits = OPT_ENV_APPEND, .help = "bind" },
	{ .name = "clean", .letter = 'e', OPT_AS_BOOL(struct fields, clean), .env = "CLEANENV", .help = "clean" },
	{ .name = "cwd", OPT_AS_STRING(struct fields, cwd), .env = "CWD", .help = "directory" },
	{ .name = "env", OPT_AS_STRING_MAP(struct fields, env), .help = "variables" },
	{ .name = "group", OPT_AS_UINT32(struct fields, group), .help = "group" },
	{ .name = "limit", .letter = 'l', OPT_AS_INT(struct fields, limit), .initial = "7", .help = "limit" },
	{ .name = "mount", OPT_AS_STRING_ARRAY(struct fields, mount), .env = "MOUNT", .traits = OPT_ENV_APPEND,
	  .help = "mount" },
	{ .name = "network", OPT_AS_STRING(struct fields, network), .initial = "bridge", .env = "+NETWORK_X",
	  .help = "network" },
	{ .name = "oci", OPT_AS_BOOL(struct fields, oci), .env = "OCI", .help = "mode" },
	{ .name = "old", OPT_AS_BOOL(struct fields, oci), .deprecated = "use --oci", .help = "mode" },
	{ .name = "pwd", OPT_AS_STRING(struct fields, cwd), .env = "PWD", .traits = OPT_HIDDEN, .help = "directory" },
	{ .name = "type", OPT_AS_STRINGS(struct fields, type), .initial = "all", .env = "TYPE", .help = "types" },
	{ 0 },
};

/* One parsed command line; words stay alive as long as the values that borrow them. */
struct parsed {
	struct fields f;
	struct opt_set set;
	const char *words[32];
	const char **args;
	struct error *err;
};

static void parsed_end(struct parsed *p)
{
	opt_release(table, &p->f);
	opt_end(&p->set);
	error_free(p->err);
}

#define cleanup_parsed __attribute__((__cleanup__(parsed_end)))

static void parse_words(struct parsed *p, bool interspersed, const char **words)
{
	size_t n = 0;

	for (; words[n] && n + 1 < ARRAY_LEN(p->words); n++)
		p->words[n] = words[n];
	opt_begin(&p->set, table, &p->f);
	p->err = opt_parse(&p->set, p->words, interspersed, &p->args);
}

#define PARSE(p, ...) parse_words((p), false, (const char *[]){ __VA_ARGS__, NULL })

static void assert_refused(const char *a, const char *b, const char *text)
{
	cleanup_parsed struct parsed p = { 0 };

	parse_words(&p, false, (const char *[]){ a, b, NULL });
	assert_non_null(p.err);
	assert_string_equal(error_text(p.err), text);
	assert_int_equal(error_kind(p.err), ERR_USAGE);
}

static void test_defaults(void **state)
{
	cleanup_parsed struct parsed p = { 0 };

	(void)state;
	parse_words(&p, false, (const char *[]){ NULL });
	assert_null(p.err);
	assert_null(p.args[0]);
	assert_int_equal(p.f.limit, 7);
	assert_string_equal(p.f.network, "bridge");
	assert_string_equal(p.f.type.items[0], "all");
	assert_null(p.f.cwd);
	assert_false(opt_given(&p.set, "limit"));
}

static void test_spellings(void **state)
{
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const char *lines[6][4] = { { "-B", "/a", "x" },   { "-B/a", "x" },  { "-B=/a", "x" },
				      { "--bind", "/a", "x" }, { "--bind=/a", "x" }, { "-eB/a", "x" } };
		cleanup_parsed struct parsed p = { 0 };

		parse_words(&p, false, lines[i]);
		assert_null(p.err);
		assert_int_equal(p.f.bind.n, 1);
		assert_string_equal(p.f.bind.items[0], "/a");
		assert_string_equal(p.args[0], "x");
		assert_int_equal(p.f.clean, i == 5);
	}
}

static void test_order(void **state)
{
	cleanup_parsed struct parsed p = { 0 };
	cleanup_parsed struct parsed mixed = { 0 };
	cleanup_parsed struct parsed dashes = { 0 };

	(void)state;
	PARSE(&p, "--oci", "image", "-l", "--", "-z");
	assert_null(p.err);
	assert_string_equal(p.args[0], "image");
	assert_string_equal(p.args[3], "-z");

	parse_words(&mixed, true, (const char *[]){ "a", "--oci", "b", "-", "--", "-z", NULL });
	assert_null(mixed.err);
	assert_true(mixed.f.oci);
	assert_string_equal(mixed.args[1], "b");
	assert_string_equal(mixed.args[2], "-");
	assert_string_equal(mixed.args[3], "-z");
	assert_null(mixed.args[4]);

	PARSE(&dashes, "--", "image", "--", "ls");
	assert_string_equal(dashes.args[0], "image");
	assert_string_equal(dashes.args[1], "--");
}

static void test_booleans(void **state)
{
	cleanup_parsed struct parsed p = { 0 };
	cleanup_parsed struct parsed off = { 0 };

	(void)state;
	PARSE(&p, "--oci", "false");
	assert_true(p.f.oci);
	assert_string_equal(p.args[0], "false");
	PARSE(&off, "--oci", "--oci=F", "-e=0");
	assert_false(off.f.oci);
	assert_false(off.f.clean);
	assert_true(opt_given(&off.set, "clean"));
	assert_refused(
		"--oci=maybe", NULL,
		"invalid argument \"maybe\" for \"--oci\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax");
	assert_refused(
		"-e=x", NULL,
		"invalid argument \"x\" for \"-e, --clean\" flag: strconv.ParseBool: parsing \"x\": invalid syntax");
}

static void test_lists(void **state)
{
	cleanup_parsed struct parsed p = { 0 };
	cleanup_parsed struct parsed empty = { 0 };

	(void)state;
	PARSE(&p, "-B", "/a,/b:/c", "-B", "\"/d,e\"", "--mount", "src=/a,dst=/b", "--mount", "x", "--type=blob");
	assert_null(p.err);
	assert_int_equal(p.f.bind.n, 3);
	assert_string_equal(p.f.bind.items[2], "/d,e");
	assert_int_equal(p.f.mount.n, 2);
	assert_string_equal(p.f.mount.items[0], "src=/a,dst=/b");
	assert_int_equal(p.f.type.n, 1);
	assert_string_equal(p.f.type.items[0], "blob");

	PARSE(&empty, "--bind", "", "--bind=");
	assert_null(empty.err);
	assert_int_equal(empty.f.bind.n, 0);
	assert_refused(
		"-B", "a\"b",
		"invalid argument \"a\\\"b\" for \"-B, --bind\" flag: parse error on line 1, column 2: bare \" in "
		"non-quoted-field");
}

static void test_pairs(void **state)
{
	cleanup_parsed struct parsed p = { 0 };

	(void)state;
	PARSE(&p, "--env", "A=1,2", "--env", "B=1,C=2", "--env", "\"D=x y\"", "--env", "A=3", "--env", "E=", "--env",
	      "F=\"x, y\"", "--env", "G=\"", "--env", "H=\"\"");
	assert_null(p.err);
	assert_string_equal(strv_getenv(&p.f.env, "A"), "3");
	assert_string_equal(strv_getenv(&p.f.env, "B"), "1");
	assert_string_equal(strv_getenv(&p.f.env, "C"), "2");
	assert_string_equal(strv_getenv(&p.f.env, "D"), "x y");
	assert_string_equal(strv_getenv(&p.f.env, "E"), "");
	assert_string_equal(strv_getenv(&p.f.env, "F"), "x, y");
	assert_string_equal(strv_getenv(&p.f.env, "G"), "");
	assert_string_equal(strv_getenv(&p.f.env, "H"), "");
	assert_refused("--env", "FOO",
		       "invalid argument \"FOO\" for \"--env\" flag: FOO must be formatted as key=value");
	assert_refused("--env", "A=1,B=2,C",
		       "invalid argument \"A=1,B=2,C\" for \"--env\" flag: C must be formatted as key=value");
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = { { "10", 10 },  { "0x10", 16 }, { "-1", -1 },     { "010", 8 },
		     { "0b11", 3 }, { "1_000", 1000 }, { "+5", 5 }, { "9223372036854775807", INT64_MAX },
		     { "-9223372036854775808", INT64_MIN } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cleanup_parsed struct parsed p = { 0 };

		PARSE(&p, "--limit", good[i].text);
		assert_null(p.err);
		assert_int_equal(p.f.limit, good[i].value);
	}
	assert_refused(
		"-l", "x",
		"invalid argument \"x\" for \"-l, --limit\" flag: strconv.ParseInt: parsing \"x\": invalid syntax");
	assert_refused(
		"-l", "",
		"invalid argument \"\" for \"-l, --limit\" flag: strconv.ParseInt: parsing \"\": invalid syntax");
	assert_refused("-l9223372036854775808", NULL,
		       "invalid argument \"9223372036854775808\" for \"-l, --limit\" flag: strconv.ParseInt: parsing "
		       "\"9223372036854775808\": value out of range");
	assert_refused(
		"--group", "-1",
		"invalid argument \"-1\" for \"--group\" flag: strconv.ParseUint: parsing \"-1\": invalid syntax");
	assert_refused(
		"--group", "4294967296",
		"invalid argument \"4294967296\" for \"--group\" flag: strconv.ParseUint: parsing \"4294967296\": "
		"value out of range");
}

static void test_refused(void **state)
{
	(void)state;
	assert_refused("--foo=1", NULL, "unknown flag: --foo");
	assert_refused("--bin", "x", "unknown flag: --bin");
	assert_refused("-Q", NULL, "unknown shorthand flag: 'Q' in -Q");
	assert_refused("-eQx", NULL, "unknown shorthand flag: 'Q' in -Qx");
	assert_refused("--bind", NULL, "flag needs an argument: --bind");
	assert_refused("-eB", NULL, "flag needs an argument: 'B' in -B");
	assert_refused("--=x", NULL, "bad flag syntax: --=x");
	assert_refused("---x", NULL, "bad flag syntax: ---x");
}

static void test_help_and_deprecated(void **state)
{
	cleanup_parsed struct parsed p = { 0 };

	(void)state;
	PARSE(&p, "-eh", "--old");
	assert_null(p.err);
	assert_true(p.set.help);
	assert_true(p.f.oci);
	assert_int_equal(p.set.deprecations.n, 1);
	assert_string_equal(p.set.deprecations.items[0], "Flag --old has been deprecated, use --oci");
}

/* The functions under test read the environment of this process. */
static void with_env(const char *name, const char *value)
{
	if (value)
		assert_int_equal(setenv(name, value, 1), 0);
	else
		assert_int_equal(unsetenv(name), 0);
}

static void test_environment(void **state)
{
	cleanup_parsed struct parsed p = { 0 };

	(void)state;
	with_env("SINGULARITY_BIND", "/x, /y");
	with_env("SINGULARITY_BINDPATH", "/z");
	with_env("SINGULARITY_MOUNT", "m1\nm2,m3\n");
	with_env("SINGULARITY_CWD", "/env");
	with_env("SINGULARITY_PWD", "/env2");
	with_env("SINGULARITY_TYPE", "a , b");
	with_env("SINGULARITY_CLEANENV", " ");
	with_env("SINGULARITY_OCI", "1");
	with_env("NETWORK_X", "bare");
	PARSE(&p, "-B", "/first", "--pwd", "/cli");
	assert_null(p.err);
	assert_ok(opt_apply_env(&p.set));

	cleanup_free char *binds = strv_join(&p.f.bind, "|");

	assert_string_equal(binds, "/first|/x| /y|/z");
	assert_int_equal(p.f.mount.n, 2);
	assert_string_equal(p.f.mount.items[1], "m2,m3");
	assert_string_equal(p.f.cwd, "/cli"); /* the command line wins over both variables of the field */
	assert_string_equal(p.f.type.items[1], "b");
	assert_int_equal(p.f.type.n, 2);
	assert_false(opt_given(&p.set, "clean"));
	assert_true(p.f.oci);
	assert_string_equal(p.f.network, "bare");

	cleanup_parsed struct parsed both = { 0 };

	with_env("SINGULARITY_NETWORK_X", "prefixed");
	PARSE(&both, "x");
	assert_ok(opt_apply_env(&both.set));
	assert_string_equal(both.f.network, "prefixed");
	assert_string_equal(both.f.cwd, "/env");

	cleanup_parsed struct parsed bad = { 0 };

	with_env("SINGULARITY_OCI", "yes");
	PARSE(&bad, "x");
	assert_error(opt_apply_env(&bad.set), ERR_USAGE,
		     "\nunable to set flag oci to value yes: strconv.ParseBool: parsing \"yes\": invalid syntax");
}

static void test_option_list(void **state)
{
	static const struct opt rows[] = {
		{ .name = "alpha", .letter = 'a', OPT_AS_BOOL(struct fields, clean), .help = "first" },
		{ .name = "bravo", OPT_AS_STRING(struct fields, cwd), .initial = "x",
		  .help = "a text long enough to be wrapped before the eightieth column of the line" },
		{ .name = "gone", OPT_AS_BOOL(struct fields, oci), .deprecated = "use --alpha", .help = "old" },
		{ .name = "india", OPT_AS_STRINGS(struct fields, type), .initial = "all", .help = "list" },
		{ .name = "juliet", OPT_AS_INT(struct fields, limit), .initial = "64", .help = "number" },
		{ .name = "map", OPT_AS_STRING_MAP(struct fields, env), .help = "pairs" },
		{ .name = "secret", OPT_AS_BOOL(struct fields, oci), .traits = OPT_HIDDEN, .help = "hidden" },
		{ 0 },
	};
	const struct verb verb = { .name = "probe", .options = rows };
	cleanup_buf struct buf out = { 0 };

	(void)state;
	help_options(&verb, 80, &out);
	assert_string_equal(buf_str(&out),
			    "  -a, --alpha                first\n"
			    "      --bravo string         a text long enough to be wrapped before the\n"
			    "                             eightieth column of the line (default \"x\")\n"
			    "  -h, --help                 help for probe\n"
			    "      --india strings        list (default [all])\n"
			    "      --juliet int           number (default 64)\n"
			    "      --map stringToString   pairs (default [])\n");
	buf_clear(&out);
	help_options(&verb, 50, &out);
	assert_non_null(strstr(out.data, "      --bravo string         \n                a text long enough to be\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),    cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_order),	    cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_lists),	    cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_numbers),	    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_help_and_deprecated), cmocka_unit_test(test_environment),
		cmocka_unit_test(test_option_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
