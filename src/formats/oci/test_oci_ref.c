/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/oci/oci_ref.h"

#include "base/str.h"
#include "base/test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define A128 A64 A64
#define A250 A128 A64 A16 A16 A16 "aaaaaaaaaa"

static void references_get_defaults(void **state)
{
	static const struct {
		const char *text, *registry, *repository, *tag, *canonical;
	} cases[] = {
		{ "alpine", "index.docker.io", "library/alpine", "latest", "index.docker.io/library/alpine:latest" },
		{ "alpine:3.19", "index.docker.io", "library/alpine", "3.19", "index.docker.io/library/alpine:3.19" },
		{ "docker.io/alpine", "index.docker.io", "library/alpine", "latest",
		  "index.docker.io/library/alpine:latest" },
		{ "index.docker.io/library/alpine", "index.docker.io", "library/alpine", "latest",
		  "index.docker.io/library/alpine:latest" },
		{ "a/b", "index.docker.io", "a/b", "latest", "index.docker.io/a/b:latest" },
		{ "localhost/b", "localhost", "b", "latest", "localhost/b:latest" },
		{ "h:5000/b", "h:5000", "b", "latest", "h:5000/b:latest" },
		{ "h.example/b/c:T_1.x-y", "h.example", "b/c", "T_1.x-y", "h.example/b/c:T_1.x-y" },
		{ "[::1]:5000/aa", "[::1]:5000", "aa", "latest", "[::1]:5000/aa:latest" },
		{ "host:5000", "index.docker.io", "library/host", "5000", "index.docker.io/library/host:5000" },
		{ "h.example/x@sha256:" HEX64, "h.example", "x", NULL, "h.example/x@sha256:" HEX64 },
		{ "h.example/x:v1@sha256:" HEX64, "h.example", "x", "v1", "h.example/x@sha256:" HEX64 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_ref ref = { 0 };

		assert_ok(oci_ref_parse(cases[i].text, &ref));
		cleanup_free char *canonical = oci_ref_text(&ref);

		assert_string_equal(ref.registry, cases[i].registry);
		assert_string_equal(ref.repository, cases[i].repository);
		if (cases[i].tag)
			assert_string_equal(ref.tag, cases[i].tag);
		else
			assert_null(ref.tag);
		assert_string_equal(canonical, cases[i].canonical);
		oci_ref_clear(&ref);
	}
}

static void faults_are_named(void **state)
{
	static const char *const cases[][2] = {
		{ "", "repository is empty" },
		{ "h.example/", "repository is empty" },
		{ "127.0.0.1:5000/UPPER:v1", "upper case" },
		{ "h.example/a b", "is made of" },
		{ "h.example/a//b", "empty, \".\" or \"..\"" },
		{ "h.example/a/../../b", "empty, \".\" or \"..\"" },
		{ "h.example/./b", "empty, \".\" or \"..\"" },
		{ "x:", "tag after ':' is empty" },
		{ "x:a b", "a tag is made of" },
		{ "x:" A128 "a", "longer than 128" },
		{ "h.example/" A250 "aaaaaa", "longer than 255" },
		{ "x@sha256:abc", "64 lower-case" },
		{ "x@sha256:" HEX64 "0", "64 lower-case" },
		{ "x@sha512:" HEX64 HEX64, "only sha256" },
		{ "user@h.example/x", "only sha256" },
		{ "h\\.example/x", "no host name" },
		{ ":5000/x", "no host name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_ref ref = { 0 };
		cleanup_with(error_free) struct error *err = oci_ref_parse(cases[i][0], &ref);
		cleanup_free char *wanted = xasprintf("could not parse reference: %s", cases[i][0]);

		assert_non_null(err);
		assert_int_equal(error_kind(err), ERR_USAGE);
		assert_string_equal(error_text(err), wanted);
		assert_non_null(strstr(error_hint_text(err), cases[i][1]));
		assert_null(ref.registry);
	}
}

static void limits_are_exact(void **state)
{
	struct oci_ref ref = { 0 };

	(void)state;
	assert_ok(oci_ref_parse("h.example/" A250 "aaaaa:" A128, &ref));
	assert_int_equal(strlen(ref.repository), 255);
	assert_int_equal(strlen(ref.tag), 128);
	oci_ref_clear(&ref);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_get_defaults),
		cmocka_unit_test(faults_are_named),
		cmocka_unit_test(limits_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
