/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/uri/uri.h"

#include "base/test.h"

#define HEX "e53c6b18c3bc617dc111d4eb6249a16c0fab72fa840a62e9c9c5e7dd5d876104"

static void split_at_the_first_colon(void **state)
{
	static const struct {
		const char *text;
		enum uri_transport transport;
		const char *scheme, *rest;
	} cases[] = {
		{ "ubuntu", URI_PLAIN, "", "ubuntu" },
		{ "ubuntu:22.04", URI_PLAIN, "", "ubuntu:22.04" },
		{ "", URI_PLAIN, "", "" },
		{ "foo://bar", URI_UNKNOWN, "foo", "//bar" },
		{ "://bar", URI_UNKNOWN, "", "//bar" },
		{ "docker://localhost:5000/x", URI_DOCKER, "docker", "//localhost:5000/x" },
		{ "docker:", URI_DOCKER, "docker", "" },
		{ "docker-archive:/x/y.tar:a:b", URI_DOCKER_ARCHIVE, "docker-archive", "/x/y.tar:a:b" },
		{ "docker-daemon:a", URI_DOCKER_DAEMON, "docker-daemon", "a" },
		{ "oci:dir", URI_OCI, "oci", "dir" },
		{ "oci-archive:f", URI_OCI_ARCHIVE, "oci-archive", "f" },
		{ "oci-sif:f", URI_OCI_SIF, "oci-sif", "f" },
		{ "library://a/b", URI_LIBRARY, "library", "//a/b" },
		{ "shub://a/b", URI_SHUB, "shub", "//a/b" },
		{ "oras://a/b", URI_ORAS, "oras", "//a/b" },
		{ "http://a/b", URI_HTTP, "http", "//a/b" },
		{ "https://a/b", URI_HTTPS, "https", "//a/b" },
		{ "instance://a", URI_INSTANCE, "instance", "//a" },
		{ "OCI:dir", URI_PLAIN, "", "OCI:dir" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_uri struct uri uri = { .transport = URI_PLAIN };

		uri_split(cases[i].text, &uri);
		assert_int_equal(uri.transport, cases[i].transport);
		assert_string_equal(uri.scheme, cases[i].scheme);
		assert_string_equal(uri.rest, cases[i].rest);
	}
}

static void output_names_of_the_reference(void **state)
{
	static const char *const cases[][2] = {
		{ "docker://localhost:5000/a/b", "b_latest.oci.sif" },
		{ "docker://alpine:3.19", "alpine_3.19.oci.sif" },
		{ "docker://ubuntu@sha256:" HEX, "ubuntu@sha256_" HEX ".oci.sif" },
		{ "oci:/x/dir", "dir_latest.oci.sif" },
		{ "oci:/x/dir/", "dir_latest.oci.sif" },
		{ "oci:/x/dir:v1", "dir_v1.oci.sif" },
		{ "docker-archive:/x/img.tar", "img.tar_latest.oci.sif" },
		{ "docker-archive:img.tar:foo/bar:v1", "bar_v1.oci.sif" },
		{ "library://e/c/n:a,b", "n_a.oci.sif" },
		{ "docker://a:", "a_latest.oci.sif" },
		{ "https://h/p/x.sif?q=1", "x.sif?q=1" },
		{ "http://h/x:y", "x:y" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_uri struct uri uri = { .transport = URI_PLAIN };
		cleanup_free char *name = NULL;

		uri_split(cases[i][0], &uri);
		assert_ok(uri_output_name(&uri, "oci.sif", &name));
		assert_string_equal(name, cases[i][1]);
	}
}

static void empty_output_name_is_refused(void **state)
{
	static const char *const cases[] = { "http://h/", "docker://", "docker:", "oci:///", "oci::x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_uri struct uri uri = { .transport = URI_PLAIN };
		char *name = NULL;

		uri_split(cases[i], &uri);
		assert_error(uri_output_name(&uri, "sif", &name), ERR_USAGE, "gives no name");
	}
}

static void slashes_before_a_path(void **state)
{
	(void)state;
	assert_string_equal(uri_local_path("/a"), "/a");
	assert_string_equal(uri_local_path("//a"), "a");
	assert_string_equal(uri_local_path("///a"), "/a");
	assert_string_equal(uri_local_path("a//b"), "a//b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_at_the_first_colon),
		cmocka_unit_test(output_names_of_the_reference),
		cmocka_unit_test(empty_output_name_is_refused),
		cmocka_unit_test(slashes_before_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
