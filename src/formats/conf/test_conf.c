/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/test.h"
#include "formats/conf/conf_directives.h"

static struct site_conf *parse(const char *text)
{
	struct site_conf *conf = NULL;

	assert_ok(conf_parse(text, strlen(text), NULL, &conf));
	return conf;
}

static struct error *parse_error(const char *text)
{
	struct site_conf *conf = NULL;
	struct error *err = conf_parse(text, strlen(text), NULL, &conf);

	conf_free(conf);
	return err;
}

static void test_defaults(void **state)
{
	cleanup_with(conf_free) struct site_conf *conf = parse("");

	(void)state;
	assert_true(conf->oci_mode);
	assert_true(conf->mount_home);
	assert_false(conf->mount_hostfs);
	assert_int_equal(conf->mount_dev, CONF_DEV_YES);
	assert_int_equal(conf->sessiondir_max_size, 64);
	assert_int_equal(conf->bind_path.n, 0); /* a missing list is empty */
	assert_null(conf->ldconfig_path);
	assert_string_equal(conf->squashfs_codec, "zstd");
	assert_string_equal(strv_getenv(&conf->all, "enable overlay"), "try");
	assert_string_equal(strv_getenv(&conf->all, "bind path"), "");
}

static void test_syntax(void **state)
{
	cleanup_with(conf_free) struct site_conf *conf = parse("# mount home = no\n"
							       "  mount tmp=no\n"
							       "mount sys\t =  no  \n"
							       "mount dev = minimal\n"
							       "mount dev = no\n"
							       "sessiondir max size =\n"
							       "ldconfig path = /sbin/ldconfig # not a comment\n"
							       "bind path = /a , /b:/c\n"
							       "bind path = /d");

	(void)state;
	assert_true(conf->mount_home);
	assert_false(conf->mount_tmp);
	assert_false(conf->mount_sys);
	assert_int_equal(conf->mount_dev, CONF_DEV_MINIMAL);
	assert_int_equal(conf->sessiondir_max_size, 64);
	assert_string_equal(conf->ldconfig_path, "/sbin/ldconfig # not a comment");
	assert_int_equal(conf->bind_path.n, 3);
	assert_string_equal(conf->bind_path.items[1], "/b:/c");
	assert_string_equal(strv_getenv(&conf->all, "bind path"), "/a,/b:/c,/d");
}

static void test_unknown(void **state)
{
	const char *text = "bogus thing = 1\nno equals sign\nmount home = no\n9 = x\n";
	cleanup_strv struct strv unknown = { 0 };
	cleanup_with(conf_free) struct site_conf *conf = NULL;

	(void)state;
	assert_ok(conf_parse(text, strlen(text), &unknown, &conf));
	assert_false(conf->mount_home);
	assert_int_equal(unknown.n, 3);
	assert_string_equal(unknown.items[0], "bogus thing");
	assert_string_equal(unknown.items[1], "no equals sign");
	assert_string_equal(unknown.items[2], "9");
}

static void test_refused(void **state)
{
	(void)state;
	assert_error(parse_error("mount home = maybe"), ERR_CORRUPT,
		     "value authorized for directive \"mount home\" are [yes no]");
	assert_error(parse_error("mount home = Yes"), ERR_CORRUPT, "are [yes no]");
	assert_error(parse_error("mount dev = foo"), ERR_CORRUPT,
		     "value authorized for directive 'mount dev' are [yes no minimal]");
	assert_error(parse_error("sessiondir max size = x"), ERR_CORRUPT,
		     "strconv.ParseUint: parsing \"x\": invalid syntax");
	assert_error(parse_error("sessiondir max size = -1"), ERR_CORRUPT, "strconv.ParseUint");
	assert_error(parse_error("max loop devices = 4294967296"), ERR_CORRUPT, "strconv.ParseUint");
	conf_free(parse("max loop devices = 4294967295"));
}

static void test_file(void **state)
{
	cleanup_with(conf_free) struct site_conf *conf = NULL;
	cleanup_free char *dir = NULL;

	(void)state;
	assert_ok(fs_mkdtemp("/tmp", "test-conf-", &dir));

	cleanup_free char *path = xasprintf("%s/singularity.conf", dir);
	cleanup_buf struct buf big = { 0 };

	assert_error(conf_load(path, NULL, &conf), ERR_SYSTEM, "no such file or directory");
	assert_ok(fs_write_file(AT_FDCWD, path, "oci mode = no\n", 14, 0644, false));
	assert_ok(conf_load(path, NULL, &conf));
	assert_false(conf->oci_mode);

	for (size_t i = 0; i < 1024 * 1024; i++)
		buf_append_char(&big, '\n');
	assert_ok(fs_write_file(AT_FDCWD, path, big.data, big.len, 0644, false));
	conf_free(take_ptr(&conf));
	assert_ok(conf_load(path, NULL, &conf));
	buf_append_char(&big, '\n');
	assert_ok(fs_write_file(AT_FDCWD, path, big.data, big.len, 0644, false));
	conf_free(take_ptr(&conf));
	assert_error(conf_load(path, NULL, &conf), ERR_LIMIT, "larger than");
	assert_ok(fs_remove_tree(AT_FDCWD, dir));
}

/*
 * What is shipped says nothing else than the table, and the table nothing else than the reference's list of directives.
 */
static void test_shipped(void **state)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_strv struct strv unknown = { 0 };
	cleanup_with(conf_free) struct site_conf *shipped = NULL;

	(void)state;
	conf_print_default(&text);
	assert_ok(conf_parse(text.data, text.len, &unknown, &shipped));
	assert_int_equal(unknown.n, 0);
	for (const struct conf_directive *d = conf_directives; d->name; d++)
		assert_string_equal(strv_getenv(&shipped->all, d->name), d->initial);
	assert_int_equal(shipped->bind_path.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_syntax), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_file),	cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
