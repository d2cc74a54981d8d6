/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/io.h"
#include "base/test.h"
#include "cli/action_image.h"
#include "cli/cmd_action.h"

#define REFUSED "while configuring container: not supported by OCI launcher: "

/* Parses @words with the table of `shell`, the only one that has every row. */
struct parsed {
	struct action_options o;
	struct opt_set set;
	const char *words[32];
};

static void parse(struct parsed *p, const char **words)
{
	const char **args;
	size_t n = 0;

	for (; words[n] && n + 1 < ARRAY_LEN(p->words); n++)
		p->words[n] = words[n];
	opt_begin(&p->set, verb_shell.options, &p->o);
	assert_ok(opt_parse(&p->set, p->words, false, &args));
}

static void parsed_end(struct parsed *p)
{
	opt_release(verb_shell.options, &p->o);
	opt_end(&p->set);
}

#define cleanup_parsed __attribute__((__cleanup__(parsed_end)))
#define PARSE(p, ...) parse((p), (const char *[]){ __VA_ARGS__, NULL })

static void assert_check(const char **words, bool other_config, const char *text)
{
	cleanup_parsed struct parsed p = { 0 };
	cleanup_with(error_free) struct error *err = NULL;

	parse(&p, words);
	err = action_check_supported(&p.o, other_config);
	if (text)
		assert_non_null(err);
	else
		assert_null(err);
	if (err)
		assert_string_equal(error_text(err), text);
}

#define CHECK(text, ...) assert_check((const char *[]){ __VA_ARGS__, NULL }, false, text)

static void test_refused(void **state)
{
	(void)state;
	CHECK(NULL, "--oci");
	CHECK(REFUSED "Contain", "--contain");
	CHECK(REFUSED "Contain", "-c");
	CHECK(REFUSED "ContainAll", "-C");
	CHECK(REFUSED "NoInit,ContainAll", "--compat");
	CHECK(REFUSED "FuseMount,SecurityOpts,NoInit", "--no-init", "--security", "y", "--fusemount", "x");
	CHECK(REFUSED "NvCCLI,Proot", "--proot", "x", "--nvccli");
	CHECK(REFUSED "NetworkArgs,NetnsPath,ShellPath", "--shell", "x", "--netns-path", "p", "--network-args", "a");
	CHECK(REFUSED "KeyInfo", "--passphrase");
	CHECK(REFUSED "KeyInfo", "--pem-path", "x");
	CHECK(REFUSED "SIFFUSE", "--sif-fuse");
	CHECK("Cannot use --no-compat with --compat: incompatible options", "--compat", "--no-compat");
}

static void test_network(void **state)
{
	(void)state;
	CHECK(REFUSED "Network (except none)", "--net");
	CHECK(REFUSED "Network (except none)", "-n", "--network", "bridge");
	CHECK(NULL, "--net", "--network", "none");
	CHECK(NULL, "--network", "foo");
}

static void test_other_config(void **state)
{
	(void)state;
	assert_check((const char *[]){ "--contain", NULL }, true, REFUSED "ConfigFile,Contain");
	assert_check((const char *[]){ NULL }, true, REFUSED "ConfigFile");
}

static void test_fill(void **state)
{
	cleanup_parsed struct parsed p = { 0 };
	struct launch_options launch;

	(void)state;
	PARSE(&p, "-B", "/a,/b", "--mount", "m", "--env", "A=1", "--pwd", "/w", "-H", "/h", "--no-home", "-f", "-S",
	      "/s", "--no-mount", "tmp", "image");
	action_fill_launch(&p.o, LAUNCH_EXEC, true, &launch);
	assert_int_equal(launch.action, LAUNCH_EXEC);
	assert_int_equal(launch.binds->n, 2);
	assert_string_equal(launch.mounts->items[0], "m");
	assert_string_equal(strv_getenv(launch.env, "A"), "1");
	assert_string_equal(launch.cwd, "/w");
	assert_string_equal(launch.home, "/h");
	assert_string_equal(launch.scratch->items[0], "/s");
	assert_string_equal(launch.no_mount->items[0], "tmp");
	assert_string_equal(launch.network, "bridge");
	assert_true(launch.home_given);
	assert_true(launch.no_home);
	assert_true(launch.fakeroot);
	assert_false(launch.no_pid);
	assert_null(launch.dns);
	assert_int_equal(launch.data->n, 0);
}

static char *write_image(const char *dir, const char *name, size_t offset, const char *magic)
{
	char bytes[4096] = { 0 };
	char *path = xasprintf("%s/%s", dir, name);

	memcpy(bytes + offset, magic, strlen(magic));
	assert_ok(fs_write_file(AT_FDCWD, path, bytes, sizeof(bytes), 0644, false));
	return path;
}

static void assert_image(const char *arg, enum error_kind kind, const char *text)
{
	const struct action_options options = { 0 };
	const struct cli cli = { 0 };
	cleanup_action_image struct action_image image = { .fd = -EBADF };

	if (text)
		assert_error(action_image_open(&cli, &options, arg, &image), kind, text);
	else
		assert_ok(action_image_open(&cli, &options, arg, &image));
	assert_int_equal(image.fd >= 0, !text);
}

static void test_image(void **state)
{
	cleanup_free char *dir = NULL;

	(void)state;
	assert_ok(fs_mkdtemp("/tmp", "test-action-", &dir));

	cleanup_free char *sif = write_image(dir, "a:b.sif", 32, "SIF_MAGIC");
	cleanup_free char *squashfs = write_image(dir, "squashfs", 0, "hsqs");
	cleanup_free char *ext = write_image(dir, "ext", 1080, "\x53\xef");
	cleanup_free char *text = write_image(dir, "text", 0, "text");
	cleanup_free char *prefixed = xasprintf("oci-sif:%s", sif);
	cleanup_free char *missing = xasprintf("%s/none", dir);
	cleanup_free char *sentence = xasprintf("failed to retrieve path for %s: lstat %s: no such file or directory",
						missing, missing);

	assert_image(sif, 0, NULL);
	assert_image(prefixed, 0, NULL);
	assert_image(squashfs, ERR_UNSUPPORTED, "OCI mode cannot run bare squashfs images");
	assert_image(ext, ERR_UNSUPPORTED, "OCI mode cannot run bare ext3 images");
	assert_image(dir, ERR_UNSUPPORTED, "OCI mode cannot run bare directory/sandbox images");
	assert_image(text, ERR_CORRUPT, "image format not recognized");
	assert_image("/dev/null", ERR_CORRUPT, "image format not recognized");
	assert_image(missing, ERR_SYSTEM, sentence);
	assert_image("foo://bar", ERR_UNSUPPORTED, "Unable to handle foo://bar uri: unsupported transport type: foo");
	assert_ok(fs_remove_tree(AT_FDCWD, dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_network), cmocka_unit_test(test_other_config),
		cmocka_unit_test(test_fill),	cmocka_unit_test(test_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
