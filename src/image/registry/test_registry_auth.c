/* SPDX-License-Identifier: BSD-3-Clause */
/* Challenges, Base64, credentials: everything about authentication that needs no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/registry/registry_base64.h"
#include "image/registry/registry_challenge.h"
#include "image/registry/registry_credentials.h"

#include "base/fs.h"
#include "base/test.h"

#include <stdio.h>

static void base64_goes_both_ways(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },	   { "f", "Zg==" },	   { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe\xfd", "//79" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_free char *text = base64_encode(cases[i][0], strlen(cases[i][0]));
		cleanup_buf struct buf back = { 0 };

		assert_string_equal(text, cases[i][1]);
		assert_true(base64_decode(cases[i][1], &back));
		assert_string_equal(buf_str(&back), cases[i][0]);
	}
}

static void base64_is_strict(void **state)
{
	static const char *const bad[] = { "Z", "Zm9vY", "Zm 9v", "Zm9v\n", "Zg=a", "====", "Zm9-", "Zg===" };
	cleanup_buf struct buf out = { 0 };
	cleanup_buf struct buf lax = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (base64_decode(bad[i], &out))
			fail_msg("taken: %s", bad[i]);
	assert_true(base64_decode("Zm8", &lax)); /* padding left off, as some tools do */
	assert_string_equal(buf_str(&lax), "fo");
}

#define OR_NULL(s) ((s) ? (s) : "(null)")

static void challenges_are_read_leniently(void **state)
{
	static const struct {
		const char *headers[3];
		enum registry_scheme scheme;
		const char *realm, *service, *scope;
	} cases[] = {
		{ { "Basic realm=\"basic-realm\"" }, REGISTRY_SCHEME_BASIC, "basic-realm", NULL, NULL },
		{ { "Bearer realm=\"https://auth/t\",service=\"s\",scope=\"repository:a:pull,push\"" },
		  REGISTRY_SCHEME_BEARER,
		  "https://auth/t",
		  "s",
		  "repository:a:pull,push" },
		{ { "bearer  realm=https://auth/t ,  service=s" },
		  REGISTRY_SCHEME_BEARER,
		  "https://auth/t",
		  "s",
		  NULL },
		{ { "Negotiate", "Bearer realm=\"r\"" }, REGISTRY_SCHEME_BEARER, "r", NULL, NULL },
		{ { "Negotiate, Bearer realm=\"r\"" }, REGISTRY_SCHEME_BEARER, "r", NULL, NULL },
		{ { "Negotiate abc==, BASIC realm=\"r\"" }, REGISTRY_SCHEME_BASIC, "r", NULL, NULL },
		{ { "Bearer realm=\"r\", Basic realm=\"q\"" }, REGISTRY_SCHEME_BEARER, "r", NULL, NULL },
		{ { "Digest realm=\"d\"" }, REGISTRY_SCHEME_OTHER, "d", NULL, NULL },
		{ { "Bearer realm = \"a\\\"b\\\\c\"" }, REGISTRY_SCHEME_BEARER, "a\"b\\c", NULL, NULL },
		{ { "Bearer realm=\"open end" }, REGISTRY_SCHEME_BEARER, "open end", NULL, NULL },
		{ { "Bearer realm=\"one\",realm=\"two\",error=\"x\"" }, REGISTRY_SCHEME_BEARER, "one", NULL, NULL },
		{ { "Bearer realm=\"\"" }, REGISTRY_SCHEME_BEARER, "", NULL, NULL },
		{ { "" }, REGISTRY_SCHEME_NONE, NULL, NULL, NULL },
		{ { "\"\"\"=,,=" }, REGISTRY_SCHEME_NONE, NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct registry_challenge c = { 0 };

		for (size_t k = 0; cases[i].headers[k]; k++)
			registry_challenge_parse(cases[i].headers[k], &c);
		assert_int_equal(c.scheme, cases[i].scheme);
		assert_string_equal(OR_NULL(c.realm), OR_NULL(cases[i].realm));
		assert_string_equal(OR_NULL(c.service), OR_NULL(cases[i].service));
		assert_string_equal(OR_NULL(c.scope), OR_NULL(cases[i].scope));
		registry_challenge_clear(&c);
	}
}

/* Warnings, joined. */
static void collect(void *ctx, enum log_level level, const char *text)
{
	assert_int_equal(level, LOG_WARNING);
	buf_appendf(ctx, "%s\n", text);
}

static struct jv *document(const char *text)
{
	struct jv *doc = NULL;

	assert_ok(jv_parse(text, strlen(text), "test", &doc));
	return doc;
}

static void check_lookup(const char *text, const char *registry, const char *repository, const char *wanted)
{
	cleanup_with(jv_free) struct jv *doc = document(text);
	const struct registry_query query = { .registry = registry, .repository = repository };
	struct registry_credentials c = { 0 };
	const char *key = NULL;

	registry_authfile_lookup(doc, "file", &query, &c, &key);
	assert_string_equal(OR_NULL(c.username), OR_NULL(wanted));
	assert_int_equal(key != NULL, wanted != NULL);
	registry_credentials_clear(&c);
}

static void the_longest_path_wins(void **state)
{
	static const char keys[] = "{\"auths\":{"
				   "\"https://h/v2/\":{\"username\":\"url\",\"password\":\"p\"},"
				   "\"g\":{\"username\":\"host\",\"password\":\"p\"},"
				   "\"g/org\":{\"username\":\"org\",\"password\":\"p\"},"
				   "\"g/org/deep\":{\"username\":\"deep\",\"password\":\"p\"},"
				   "\"k/only\":{\"username\":\"only\",\"password\":\"p\"},"
				   "\"h:5000\":{\"username\":\"port\",\"password\":\"p\"},"
				   "\"https://index.docker.io/v1/\":{\"username\":\"hub\",\"password\":\"p\"}}}";

	(void)state;
	check_lookup(keys, "h", "x/y", "url");
	check_lookup(keys, "h:5000", "x", "port");
	check_lookup(keys, "h:5001", "x", NULL);
	check_lookup(keys, "g", "x", "host");
	check_lookup(keys, "g", "org/x", "org");
	check_lookup(keys, "g", "org", "org");
	check_lookup(keys, "g", "organic/x", "host"); /* paths are compared by component */
	check_lookup(keys, "g", "org/deep/x", "deep");
	check_lookup(keys, "g", "org/deeper", "org");
	check_lookup(keys, "k", "other", "only"); /* as the reference: the host alone counts if nothing fits better */
	check_lookup(keys, "index.docker.io", "library/alpine", "hub");
	check_lookup(keys, "gg", "x", NULL);
	check_lookup("{\"auths\":{\"docker.io\":{\"auth\":\"dTpw\"}}}", "index.docker.io", "a/b", "u");
	check_lookup("{}", "h", "x", NULL);
	check_lookup("{\"auths\":[]}", "h", "x", NULL);
	check_lookup("{\"auths\":{\"h\":{}}}", "h", "x", NULL);
	check_lookup("{\"auths\":{\"h\":{\"password\":\"nobody's\"}}}", "h", "x", NULL);
	check_lookup("{\"auths\":{\"h\":\"text\"}}", "h", "x", NULL);
}

static void entries_are_decoded(void **state)
{
	static const struct {
		const char *entry, *username, *password, *identity, *registry;
	} cases[] = {
		{ "{\"auth\":\"dTpw\"}", "u", "p", NULL, NULL },
		{ "{\"auth\":\"dTpwOnE=\"}", "u", "p:q", NULL, NULL },
		{ "{\"auth\":\"dTpwAAA=\"}", "u", "p", NULL, NULL }, /* NULs after the password */
		{ "{\"username\":\"a\",\"password\":\"b\",\"auth\":\"dTpw\"}", "u", "p", NULL, NULL },
		{ "{\"username\":\"a\",\"password\":\"b\"}", "a", "b", NULL, NULL },
		{ "{\"identitytoken\":\"i\"}", NULL, NULL, "i", NULL },
		{ "{\"registrytoken\":\"r\"}", NULL, NULL, NULL, "r" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_free char *text = xasprintf("{\"auths\":{\"h\":%s}}", cases[i].entry);
		cleanup_with(jv_free) struct jv *doc = document(text);
		const struct registry_query query = { .registry = "h", .repository = "" };
		struct registry_credentials c = { 0 };
		const char *key = NULL;

		registry_authfile_lookup(doc, "file", &query, &c, &key);
		assert_non_null(key);
		assert_string_equal(OR_NULL(c.username), OR_NULL(cases[i].username));
		assert_string_equal(OR_NULL(c.password), OR_NULL(cases[i].password));
		assert_string_equal(OR_NULL(c.identity_token), OR_NULL(cases[i].identity));
		assert_string_equal(OR_NULL(c.registry_token), OR_NULL(cases[i].registry));
		registry_credentials_clear(&c);
	}
}

static void malformed_entries_are_passed_over(void **state)
{
	static const char *const bad[] = { "dXA=", "OnA=", "%%%%" }; /* no colon, no user, no Base64 */
	cleanup_buf struct buf said = { 0 };
	const struct registry_query query = { .registry = "h", .repository = "r", .sink = collect, .sink_ctx = &said };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_free char *text =
			xasprintf("{\"auths\":{\"h/r\":{\"auth\":\"%s\"},\"h\":{\"auth\":\"dTpw\"}}}", bad[i]);
		cleanup_with(jv_free) struct jv *doc = document(text);
		struct registry_credentials c = { 0 };
		const char *key = NULL;

		buf_clear(&said);
		registry_authfile_lookup(doc, "/the/file", &query, &c, &key);
		assert_string_equal(key, "h");
		assert_string_equal(c.username, "u");
		assert_string_equal(buf_str(&said), "Ignoring the malformed entry h/r in /the/file\n");
		registry_credentials_clear(&c);
	}
}

static void basic_needs_both(void **state)
{
	char u[] = "u", p[] = "p", empty[] = "";
	cleanup_free char *value =
		registry_credentials_basic(&(struct registry_credentials){ .username = u, .password = p });

	(void)state;
	assert_string_equal(value, "Basic dTpw");
	assert_null(registry_credentials_basic(&(struct registry_credentials){ .username = u }));
	assert_null(registry_credentials_basic(&(struct registry_credentials){ .password = p }));
	assert_null(registry_credentials_basic(&(struct registry_credentials){ .username = u, .password = empty }));
	assert_null(registry_credentials_basic(&(struct registry_credentials){ 0 }));
}

/* A directory with everything the search looks at, and an environment that points there. */
struct place {
	char *dir;
	struct buf said;
	struct registry_query query;
};

static const char *const variables[] = {
	"SINGULARITY_DOCKER_USERNAME",
	"SINGULARITY_DOCKER_PASSWORD",
	"DOCKER_USERNAME",
	"DOCKER_PASSWORD",
	"DOCKER_AUTH_CONFIG",
	"SINGULARITY_AUTHFILE",
	"SINGULARITY_CONFIGDIR",
	"REGISTRY_AUTH_FILE",
	"XDG_RUNTIME_DIR",
	"XDG_CONFIG_HOME",
	"DOCKER_CONFIG",
};

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	struct error *err = fs_mkdtemp("/tmp", "test-auth-", &p->dir);

	if (err)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		(void)unsetenv(variables[i]);
	(void)setenv("HOME", p->dir, 1);
	p->query = (struct registry_query){ .registry = "h", .repository = "r", .sink = collect, .sink_ctx = &p->said };
	*state = p;
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;
	struct error *err = fs_remove_tree(AT_FDCWD, p->dir);

	error_free(err);
	buf_free(&p->said);
	free(p->dir);
	free(p);
	return 0;
}

/* Writes a credential file with one user for "h". */
static void put_file(const struct place *p, const char *below, const char *user)
{
	cleanup_free char *path = xasprintf("%s/%s", p->dir, below);
	cleanup_free char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	cleanup_free char *text = xasprintf("{\"auths\":{\"h\":{\"username\":\"%s\",\"password\":\"p\"}}}", user);

	assert_ok(fs_mkdirs(AT_FDCWD, dir, 0700));
	assert_ok(fs_write_file(AT_FDCWD, path, text, strlen(text), 0600, false));
}

static void assert_user(struct place *p, const char *user)
{
	struct registry_credentials c = { 0 };

	assert_ok(registry_credentials_find(&p->query, &c));
	assert_string_equal(OR_NULL(c.username), OR_NULL(user));
	registry_credentials_clear(&c);
}

static void files_are_asked_in_order(void **state)
{
	static const struct {
		const char *below, *variable, *value;
	} places[] = {
		{ ".docker/config.json", NULL, NULL },
		{ "docker/config.json", "DOCKER_CONFIG", "docker" },
		{ ".config/containers/auth.json", NULL, NULL },
		{ "xdg/containers/auth.json", "XDG_CONFIG_HOME", "xdg" },
		{ "run/containers/auth.json", "XDG_RUNTIME_DIR", "run" },
		{ "registry.json", "REGISTRY_AUTH_FILE", "registry.json" },
		{ ".singularity/docker-config.json", NULL, NULL },
		{ "conf/docker-config.json", "SINGULARITY_CONFIGDIR", "conf" },
	};
	struct place *p = *state;

	assert_user(p, NULL);
	/* From the last to the first: each takes precedence over those before. */
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		cleanup_free char *value = places[i].value ? xasprintf("%s/%s", p->dir, places[i].value) : NULL;

		put_file(p, places[i].below, places[i].below);
		if (value)
			(void)setenv(places[i].variable, value, 1);
		assert_user(p, places[i].below);
	}
	p->query.registry = "other";
	assert_user(p, NULL);
	assert_string_equal(buf_str(&p->said), "");
}

static void an_authfile_is_the_only_file(void **state)
{
	struct place *p = *state;
	cleanup_free char *given = xasprintf("%s/given.json", p->dir);
	cleanup_free char *missing = xasprintf("%s/none.json", p->dir);
	cleanup_free char *wanted =
		xasprintf("Unable to find matching credentials in specified file (open %s: no such file or "
			  "directory); proceeding with anonymous authentication.\n",
			  missing);

	put_file(p, ".singularity/docker-config.json", "usual");
	put_file(p, "given.json", "given");
	assert_user(p, "usual");
	(void)setenv("SINGULARITY_AUTHFILE", given, 1);
	assert_user(p, "given");
	p->query.authfile = missing;
	assert_user(p, NULL);
	assert_string_equal(buf_str(&p->said), wanted);
	buf_clear(&p->said);
	p->query.authfile = given;
	p->query.registry = "other";
	assert_user(p, NULL);
	assert_string_equal(buf_str(&p->said), "");
	p->query.registry = "h";
	p->query.authfile = "/dev/null";
	assert_user(p, NULL);
	assert_string_equal(buf_str(&p->said), "");
}

static void broken_files_are_warnings(void **state)
{
	struct place *p = *state;

	put_file(p, ".docker/config.json", "good");
	put_file(p, ".singularity/docker-config.json", "x\",");
	assert_user(p, "good");
	assert_non_null(strstr(buf_str(&p->said), "Cannot read credentials from"));
	assert_non_null(strstr(buf_str(&p->said), "/.singularity/docker-config.json: "));
}

static void explicit_ones_come_first(void **state)
{
	struct place *p = *state;

	put_file(p, ".singularity/docker-config.json", "file");
	(void)setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"h\":{\"auth\":\"ZW52OnA=\"}}}", 1);
	assert_user(p, "env");
	(void)setenv("DOCKER_USERNAME", "plain", 1);
	assert_user(p, "plain");
	assert_string_equal(buf_str(&p->said),
			    "DOCKER_USERNAME and DOCKER_PASSWORD of the environment are sent to h\n");
	buf_clear(&p->said);
	(void)setenv("SINGULARITY_DOCKER_USERNAME", "  ", 1);
	assert_user(p, "env"); /* set to blanks: hides the plain one and counts as unset */
	(void)setenv("SINGULARITY_DOCKER_USERNAME", "prefixed", 1);
	assert_user(p, "prefixed");
	p->query.username = "flag";
	assert_user(p, "flag");
	p->query.username = " ";
	assert_user(p, "prefixed");
	(void)setenv("DOCKER_AUTH_CONFIG", "{", 1);
	(void)unsetenv("SINGULARITY_DOCKER_USERNAME");
	(void)unsetenv("DOCKER_USERNAME");
	assert_user(p, "file");
	assert_string_equal(buf_str(&p->said), "Ignoring DOCKER_AUTH_CONFIG: it is not JSON\n");
	p->query.password = "only a password";
	assert_user(p, NULL);
}

/* Installs docker-credential-NAME as a shell script. */
static void put_helper(const struct place *p, const char *name, const char *script)
{
	cleanup_free char *path = xasprintf("%s/docker-credential-%s", p->dir, name);
	cleanup_free char *text = xasprintf("#!/bin/sh\n%s\n", script);
	cleanup_free char *search = xasprintf("%s:/usr/bin:/bin", p->dir);

	assert_ok(fs_write_file(AT_FDCWD, path, text, strlen(text), 0700, false));
	(void)setenv("PATH", search, 1);
}

static struct error *ask_helper(const struct place *p, const char *name, struct registry_credentials *c, bool *found)
{
	registry_credentials_clear(c);
	return registry_helper_get(name, "the-server", &p->query, c, found);
}

static void helpers_are_asked(void **state)
{
	struct place *p = *state;
	struct registry_credentials c = { 0 };
	bool found = false;

	put_helper(p, "good",
		   "[ \"$1\" = get ] && read server; echo "
		   "\"{\\\"Username\\\":\\\"u-$server\\\",\\\"Secret\\\":\\\"s\\\"}\"");
	assert_ok(ask_helper(p, "good", &c, &found));
	assert_true(found);
	assert_string_equal(c.username, "u-the-server");
	assert_string_equal(c.password, "s");
	put_helper(p, "token", "echo '{\"Username\":\"<token>\",\"Secret\":\"idt\"}'");
	assert_ok(ask_helper(p, "token", &c, &found));
	assert_null(c.username);
	assert_string_equal(c.identity_token, "idt");
	put_helper(p, "none", "echo credentials not found in native keychain; exit 1");
	assert_ok(ask_helper(p, "none", &c, &found));
	assert_false(found);
	assert_string_equal(buf_str(&p->said), "");
	assert_ok(ask_helper(p, "absent", &c, &found));
	assert_false(found);
	assert_string_equal(buf_str(&p->said),
			    "Credential helper docker-credential-absent is not installed; proceeding without it\n");
	registry_credentials_clear(&c);
}

static void broken_helpers_are_errors(void **state)
{
	struct place *p = *state;
	struct registry_credentials c = { 0 };
	bool found = false;

	put_helper(p, "fails", "echo locked; exit 3");
	assert_error(ask_helper(p, "fails", &c, &found), ERR_DENIED,
		     "error getting credentials - err: exit status 3, out: `locked`");
	put_helper(p, "garbage", "echo hello");
	assert_error(ask_helper(p, "garbage", &c, &found), ERR_CORRUPT,
		     "error getting credentials from docker-credential-garbage");
	put_helper(p, "partial", "echo '{\"Username\":\"u\"}'");
	assert_error(ask_helper(p, "partial", &c, &found), ERR_CORRUPT, "no Secret");
	put_helper(p, "endless",
		   "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done");
	assert_error(ask_helper(p, "endless", &c, &found), ERR_LIMIT, "larger than");
	assert_error(ask_helper(p, "../../bin/evil", &c, &found), ERR_CORRUPT, "bad name");
	assert_error(ask_helper(p, "", &c, &found), ERR_CORRUPT, "bad name");
	assert_false(found);
	registry_credentials_clear(&c);
}

static void files_name_helpers(void **state)
{
	cleanup_with(jv_free) struct jv *doc =
		document("{\"credsStore\":\"all\",\"credHelpers\":{\"h\":\"one\",\"docker.io\":\"hub\"}}");
	cleanup_with(jv_free) struct jv *empty = document("{\"credsStore\":\"\"}");
	struct place *p = *state;
	cleanup_free char *path = xasprintf("%s/a.json", p->dir);
	static const char text[] = "{\"credHelpers\":{\"h\":\"good\"},\"auths\":{\"g\":{\"auth\":\"dTpw\"}}}";

	assert_string_equal(registry_authfile_helper(doc, "h"), "one");
	assert_string_equal(registry_authfile_helper(doc, "g"), "all");
	assert_string_equal(registry_authfile_helper(doc, "index.docker.io"), "hub");
	assert_null(registry_authfile_helper(empty, "h"));
	put_helper(p, "good",
		   "read server; echo \"{\\\"Username\\\":\\\"helped-$server\\\",\\\"Secret\\\":\\\"s\\\"}\"");
	assert_ok(fs_write_file(AT_FDCWD, path, text, strlen(text), 0600, false));
	p->query.authfile = path;
	assert_user(p, "helped-h");
	p->query.registry = "g";
	assert_user(p, "u");
}

#define WITH_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_goes_both_ways),
		cmocka_unit_test(base64_is_strict),
		cmocka_unit_test(challenges_are_read_leniently),
		cmocka_unit_test(the_longest_path_wins),
		cmocka_unit_test(entries_are_decoded),
		cmocka_unit_test(malformed_entries_are_passed_over),
		cmocka_unit_test(basic_needs_both),
		WITH_PLACE(files_are_asked_in_order),
		WITH_PLACE(an_authfile_is_the_only_file),
		WITH_PLACE(broken_files_are_warnings),
		WITH_PLACE(explicit_ones_come_first),
		WITH_PLACE(helpers_are_asked),
		WITH_PLACE(broken_helpers_are_errors),
		WITH_PLACE(files_name_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
