/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/oci/oci.h"

#include "base/test.h"

static void assert_text(const struct oci_platform *p, const char *wanted)
{
	cleanup_free char *text = oci_platform_text(p);

	assert_string_equal(text, wanted);
}

static void architectures_are_normalised(void **state)
{
	static const char *const cases[][2] = {
		{ "amd64", "linux/amd64" },    { "x86_64", "linux/amd64" },  { "x86-64", "linux/amd64" },
		{ "AMD64", "linux/amd64" },    { "i386", "linux/386" },	     { "aarch64", "linux/arm64" },
		{ "arm64", "linux/arm64" },    { "arm64v8", "linux/arm64" }, { "arm", "linux/arm/v7" },
		{ "armhf", "linux/arm/v7" },   { "armel", "linux/arm/v6" },  { "armv6", "linux/arm/v6" },
		{ "arm32v5", "linux/arm/v5" }, { "s390x", "linux/s390x" },   { "riscv64", "linux/riscv64" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_platform p = { 0 };

		assert_ok(oci_platform_from_arch(cases[i][0], &p));
		assert_text(&p, cases[i][1]);
		oci_platform_clear(&p);
	}
}

static void bad_architectures_are_refused(void **state)
{
	static const char *const cases[] = { "", "linux/amd64", "a b", "a\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_platform p = { 0 };

		assert_error(oci_platform_from_arch(cases[i], &p), ERR_USAGE, "is not a valid architecture");
	}
}

static void platforms_are_parsed(void **state)
{
	static const char *const cases[][2] = {
		{ "linux/amd64", "linux/amd64" },	{ "linux/arm64/v8", "linux/arm64" },
		{ "linux/arm64/8", "linux/arm64" },	{ "linux/aarch64/V8", "linux/arm64" },
		{ "linux/arm64/v9", "linux/arm64/v9" }, { "linux/arm", "linux/arm/v7" },
		{ "linux/arm/7", "linux/arm/v7" },	{ "linux/arm/5", "linux/arm/v5" },
		{ "linux/amd64/v2", "linux/amd64/v2" }, { "linux/i386/x", "linux/386" },
		{ "linux/AMD64", "linux/amd64" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_platform p = { 0 };

		assert_ok(oci_platform_parse(cases[i][0], &p));
		assert_text(&p, cases[i][1]);
		oci_platform_clear(&p);
	}
}

static void bad_platforms_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "linux/a/b/c", "too many slashes in platform spec: linux/a/b/c" },
		{ "Linux/AMD64", "\"Linux\" is not a valid platform OS for singularity" },
		{ "windows/amd64", "\"windows\" is not a valid platform OS for singularity" },
		{ "", "\"\" is not a valid platform OS for singularity" },
		{ "linux/", "\"linux/\" is not a valid platform" },
		{ "linux/arm/", "\"linux/arm/\" is not a valid platform" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_platform p = { 0 };

		assert_error(oci_platform_parse(cases[i][0], &p), ERR_USAGE, cases[i][1]);
	}
}

static void linux_alone_means_this_host(void **state)
{
	struct oci_platform p = { 0 };

	(void)state;
	assert_ok(oci_platform_parse("linux", &p));
	assert_int_equal(oci_platform_score(oci_host_platform(), &p), OCI_PLATFORM_EXACT);
	assert_string_equal(p.architecture, oci_host_platform()->architecture);
	oci_platform_clear(&p);
}

/* Cuts "os/arch/variant:os.version" without normalising it, as a document would have it. */
static struct oci_platform raw(const char *text)
{
	struct oci_platform p = { 0 };
	cleanup_strv struct strv version = { 0 };
	cleanup_strv struct strv parts = { 0 };

	strv_split(&version, text, ':');
	strv_split(&parts, version.items[0], '/');
	p.os = *parts.items[0] ? xstrdup(parts.items[0]) : NULL;
	p.architecture = parts.n > 1 ? xstrdup(parts.items[1]) : NULL;
	p.variant = parts.n > 2 ? xstrdup(parts.items[2]) : NULL;
	p.os_version = version.n > 1 ? xstrdup(version.items[1]) : NULL;
	return p;
}

static unsigned score(const char *image, const char *required)
{
	struct oci_platform have = raw(image);
	struct oci_platform want = raw(required);
	unsigned result = oci_platform_score(&have, &want);

	assert_int_equal(oci_platform_satisfies(&have, &want), result > 0);
	oci_platform_clear(&have);
	oci_platform_clear(&want);
	return result;
}

static void images_fit_or_do_not(void **state)
{
	(void)state;
	assert_int_equal(score("linux/amd64", "linux/amd64"), OCI_PLATFORM_EXACT);
	assert_int_equal(score("linux/x86_64", "linux/amd64"), OCI_PLATFORM_EXACT);
	assert_int_equal(score("linux/arm64/v8", "linux/arm64"), OCI_PLATFORM_EXACT);
	assert_int_equal(score("linux/arm64", "linux/arm64/v8"), OCI_PLATFORM_EXACT);
	assert_int_equal(score("linux/arm/v6", "linux/arm/v6"), OCI_PLATFORM_EXACT);
	assert_int_equal(score("linux/arm64", "linux/amd64"), 0);
	assert_int_equal(score("windows/amd64", "linux/amd64"), 0);
	assert_int_equal(score("unknown/unknown", "linux/amd64"), 0);
	assert_int_equal(score("", "linux/amd64"), 0);
	assert_int_equal(score("linux", "linux/amd64"), 0);
	assert_int_equal(score("linux/arm64/v8", "linux/arm64/v9"), 0);
	assert_int_equal(score("linux/amd64", "linux/amd64/v2"), 0);
	assert_int_equal(score("linux/amd64:1", "linux/amd64:2"), 0);
	assert_int_equal(score("linux/amd64", "linux/amd64:2"), 0);
	assert_int_equal(score("linux/amd64:2", "linux/amd64"), OCI_PLATFORM_EXACT);
}

static void the_better_fit_has_the_higher_score(void **state)
{
	(void)state;
	/* on ARM the nearest that is not above what the processor has */
	assert_true(score("linux/arm/v7", "linux/arm/v7") > score("linux/arm/v6", "linux/arm/v7"));
	assert_true(score("linux/arm/v6", "linux/arm/v7") > score("linux/arm/v5", "linux/arm/v7"));
	assert_true(score("linux/arm/v5", "linux/arm/v7") > score("linux/arm", "linux/arm/v7"));
	assert_true(score("linux/arm", "linux/arm/v7") > 0);
	assert_int_equal(score("linux/arm/v8", "linux/arm/v7"), 0);
	assert_int_equal(score("linux/arm/odd", "linux/arm/v7"), 0);
	/* nothing asked for: one that asks nothing of the processor first */
	assert_true(score("linux/amd64", "linux/amd64") > score("linux/amd64/v2", "linux/amd64"));
	assert_true(score("linux/amd64/v2", "linux/amd64") > score("linux/amd64/v3", "linux/amd64"));
	assert_true(score("linux/amd64/odd", "linux/amd64") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(architectures_are_normalised),
		cmocka_unit_test(bad_architectures_are_refused),
		cmocka_unit_test(platforms_are_parsed),
		cmocka_unit_test(bad_platforms_are_refused),
		cmocka_unit_test(linux_alone_means_this_host),
		cmocka_unit_test(images_fit_or_do_not),
		cmocka_unit_test(the_better_fit_has_the_higher_score),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
