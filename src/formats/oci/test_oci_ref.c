/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/oci/oci_ref.h"

#include "base/str.h"
#include "base/test.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"

static void references_get_their_defaults(void **state)
{
	static const struct {
		const char *text, *registry, *repository, *tag, *canonical;
	} cases[] = {
		{ "ubuntu", "index.docker.io", "library/ubuntu", "latest", "index.docker.io/library/ubuntu:latest" },
		{ "ubuntu:22.04", "index.docker.io", "library/ubuntu", "22.04",
		  "index.docker.io/library/ubuntu:22.04" },
		{ "docker.io/ubuntu", "index.docker.io", "library/ubuntu", "latest", NULL },
		{ "index.docker.io/ubuntu", "index.docker.io", "library/ubuntu", "latest", NULL },
		{ "org/image:V1_a.b-c", "index.docker.io", "org/image", "V1_a.b-c", NULL },
		{ "quay.io/a", "quay.io", "a", "latest", "quay.io/a:latest" },
		{ "localhost/a", "localhost", "a", "latest", NULL },
		{ "localhost:5000/a/b/c:x", "localhost:5000", "a/b/c", "x", NULL },
		{ "127.0.0.1:5000/a", "127.0.0.1:5000", "a", "latest", NULL },
		{ "[::1]/a", "[::1]", "a", "latest", NULL },
		{ "[::1]:5000/a:b", "[::1]:5000", "a", "b", NULL },
		{ "host/name", "index.docker.io", "host/name", "latest", NULL }, /* no dot: not a registry */
		{ "ubuntu@" D1, "index.docker.io", "library/ubuntu", NULL, "index.docker.io/library/ubuntu@" D1 },
		{ "r.io/a:tag@" D1, "r.io", "a", NULL, "r.io/a@" D1 },
		{ "r.io:443/a@" D1, "r.io:443", "a", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_ref ref = { 0 };

		assert_ok(oci_ref_parse(cases[i].text, &ref));
		assert_string_equal(ref.registry, cases[i].registry);
		assert_string_equal(ref.repository, cases[i].repository);
		assert_string_equal(ref.digest.text, cases[i].tag ? "" : D1);
		if (cases[i].tag)
			assert_string_equal(ref.tag, cases[i].tag);
		else
			assert_null(ref.tag);
		if (cases[i].canonical) {
			cleanup_free char *text = oci_ref_text(&ref);

			assert_string_equal(text, cases[i].canonical);
		}
		oci_ref_clear(&ref);
	}
}

static void bad_references_say_why(void **state)
{
	static const char *const cases[][2] = {
		{ "", "names no repository" },
		{ "quay.io/", "names no repository" },
		{ ":tag", "names no repository" },
		{ "UPPER", "must be lower case" },
		{ "127.0.0.1:5000/UPPER:v1", "must be lower case" },
		{ "a b", "letters, digits" },
		{ "a\xc3\xa4", "letters, digits" },
		{ "quay.io/a//b", "empty, . or .. component" },
		{ "quay.io//a", "empty, . or .. component" },
		{ "quay.io/a/", "empty, . or .. component" },
		{ "quay.io/../a", "empty, . or .. component" },
		{ "quay.io/a/./b", "empty, . or .. component" },
		{ "x:", "tag after the colon is missing" },
		{ "x:a b", "the tag may have" },
		{ "x@sha256:1234", "64 lower-case" },
		{ "x@SHA256:1234", "only sha256" },
		{ "x@sha512:1234", "only sha256" },
		{ "x@", "only sha256" },
		{ "x@" D1 "@" D1, "64 lower-case" },
		{ "host:port/x", "not a number" },
		{ "host:65536/x", "not a number" },
		{ "host:/x", "not a number" },
		{ "[::1/x", "closing bracket" },
		{ "[::1]5000/x", "not a host name" },
		{ "[::1]:/x", "not a number" },
		{ "[:x]/x", "not a host name" },
		{ ":5000/x", "not a host name" },
		{ "user:pw@host.io/x", "only sha256" },
		{ "a.b?c/x", "not a host name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_ref ref = { 0 };
		cleanup_free char *wanted = xasprintf("could not parse reference: %s", cases[i][0]);
		struct error *err = oci_ref_parse(cases[i][0], &ref);

		if (!err || !strstr(error_hint_text(err), cases[i][1]))
			fail_msg("\"%s\": %s", cases[i][0], err ? error_hint_text(err) : "accepted");
		assert_string_equal(error_text(err), wanted);
		assert_error(err, ERR_USAGE, wanted);
	}
}

static void assert_length(const char *prefix, size_t n, bool good)
{
	struct buf text = { 0 };
	struct oci_ref ref = { 0 };

	buf_append_str(&text, prefix);
	while (n--)
		buf_append_char(&text, 'a');
	if (good)
		assert_ok(oci_ref_parse(text.data, &ref));
	else
		assert_error(oci_ref_parse(text.data, &ref), ERR_USAGE, "could not parse");
	oci_ref_clear(&ref);
	buf_free(&text);
}

static void lengths_are_limited(void **state)
{
	(void)state;
	assert_length("r.io/", 255, true);
	assert_length("r.io/", 256, false);
	assert_length("r.io/a:", 128, true);
	assert_length("r.io/a:", 129, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_get_their_defaults),
		cmocka_unit_test(bad_references_say_why),
		cmocka_unit_test(lengths_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
