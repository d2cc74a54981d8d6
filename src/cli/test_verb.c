/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/test.h"
#include "cli/help.h"
#include "cli/verb.h"

static const struct verb alpha = { .name = "alpha", .alias = "alphas", .use = "alpha", .brief = "First" };
static const struct verb beta = { .name = "beta", .use = "beta [beta options...] <x>", .brief = "Second" };
static const struct verb secret = { .name = "secret", .use = "secret", .brief = "Hidden", .hidden = true };
static const struct verb *const verbs[] = { &alpha, &beta, &secret, NULL };
static const struct verb group = { .name = "group", .use = "group", .brief = "A group", .description = "Text.",
				   .verbs = verbs };

static void test_find(void **state)
{
	(void)state;
	assert_ptr_equal(verb_find(&group, "alpha"), &alpha);
	assert_ptr_equal(verb_find(&group, "alphas"), &alpha);
	assert_ptr_equal(verb_find(&group, "secret"), &secret);
	assert_null(verb_find(&group, "alph"));
	assert_null(verb_find(&group, ""));
	assert_null(verb_find(&alpha, "x"));
}

static void test_command(void **state)
{
	const struct verb_path path = { .verbs = { &verb_root, &group, &beta }, .n = 3 };
	cleanup_free char *command = verb_command(&path);

	(void)state;
	assert_string_equal(command, "singularity group beta");
	assert_ptr_equal(verb_last(&path), &beta);
}

static void assert_suggested(const char *word, const char *joined)
{
	cleanup_strv struct strv names = { 0 };

	verb_suggest(&group, word, &names);

	cleanup_free char *got = strv_join(&names, " ");

	assert_string_equal(got, joined);
}

static void test_suggest(void **state)
{
	char word[66];

	(void)state;
	assert_suggested("alpah", "alpha");  /* two edits */
	assert_suggested("lpah", "");	     /* three */
	assert_suggested("AL", "alpha");     /* a beginning, letters without case */
	assert_suggested("bet", "beta");
	assert_suggested("secre", "");	     /* hidden */
	assert_suggested("", "alpha beta");
	memset(word, 'a', 65);
	word[65] = '\0';
	assert_suggested(word, "");
	assert_suggested(word + 1, "");
}

static void assert_counts(size_t min, size_t max, size_t n, const char *text)
{
	const struct verb verb = { .name = "x", .min_args = min, .max_args = max };

	if (text)
		assert_error(verb_check_args(&verb, n), ERR_USAGE, text);
	else
		assert_ok(verb_check_args(&verb, n));
}

static void test_arguments(void **state)
{
	(void)state;
	assert_counts(1, VERB_ANY_ARGS, 1, NULL);
	assert_counts(2, VERB_ANY_ARGS, 1, "requires at least 2 arg(s), only received 1");
	assert_counts(1, 1, 1, NULL);
	assert_counts(1, 1, 0, "accepts 1 arg(s), received 0");
	assert_counts(1, 2, 2, NULL);
	assert_counts(1, 2, 3, "accepts between 1 and 2 arg(s), received 3");
	assert_counts(0, 1, 1, NULL);
	assert_counts(0, 1, 2, "accepts at most 1 arg(s), received 2");
}

static void test_group_help(void **state)
{
	const struct verb_path path = { .verbs = { &verb_root, &group }, .n = 2 };
	cleanup_buf struct buf text = { 0 };

	(void)state;
	help_text(&path, &text);
	assert_string_equal(text.data, "A group\n\n"
				       "Usage:\n  singularity group\n\n"
				       "Description:\n  Text.\n\n"
				       "Options:\n  -h, --help   help for group\n\n"
				       "Available Commands:\n  alpha       First\n  beta        Second\n\n\n"
				       "For additional help or support, please visit https://www.sylabs.io/docs/\n");
}

static void test_usage_error(void **state)
{
	const struct verb_path path = { .verbs = { &verb_root, &group, &beta }, .n = 3 };
	cleanup_buf struct buf text = { 0 };

	(void)state;
	help_bad_usage(&path, "wrong", &text);
	assert_string_equal(text.data, "Error for command \"beta\": wrong\n\n"
				       "Usage:\n  singularity [global options...] group beta [beta options...] <x>\n\n"
				       "Run 'singularity --help' for more detailed usage information.\n");
}

/* What the tables of all commands must keep to: names in order, texts without full stop, a description for each. */
static void check_verb(const struct verb *verb)
{
	assert_non_null(verb->description);
	assert_false(str_ends(verb->brief, "."));
	assert_true(verb->min_args <= verb->max_args);
	for (const struct opt *row = verb->options; row && row->name; row++) {
		assert_non_null(row->help);
		assert_false(str_ends(row->help, "."));
		assert_true(row->offset < verb->options_size);
		assert_false(str_eq(row->name, "help"));
	}
	for (size_t i = 0; verb->verbs && verb->verbs[i]; i++) {
		if (i)
			assert_true(strcmp(verb->verbs[i - 1]->name, verb->verbs[i]->name) < 0);
		check_verb(verb->verbs[i]);
	}
}

static void test_tables(void **state)
{
	(void)state;
	check_verb(&verb_root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),	  cmocka_unit_test(test_command),    cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_arguments), cmocka_unit_test(test_group_help), cmocka_unit_test(test_usage_error),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
