/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/convert/convert.h"

#include "formats/ocisif/ocisif.h"
#include "tests/testlib/fixture.h"
#include "tests/testlib/memory_source.h"
#include "tests/testlib/tree_dump.h"

static char linux_name[] = "linux";
static char amd64_name[] = "amd64";
static char arm64_name[] = "arm64";
static const struct oci_platform amd64 = { .os = linux_name, .architecture = amd64_name };
static const struct oci_platform arm64 = { .os = linux_name, .architecture = arm64_name };

static void collect(void *ctx, enum log_level level, const char *text)
{
	buf_appendf(ctx, "%d %s\n", (int)level, text);
}

static struct convert_options options_for(const struct oci_platform *platform, struct buf *messages)
{
	return (struct convert_options){ .squash = { .codec = SQUASH_ZSTD },
					 .now = { .tv_sec = 1700000000, .tv_nsec = 120000000 },
					 .user_agent = "agent/1",
					 .platform = platform,
					 .sink = collect,
					 .sink_ctx = messages };
}

/* The reference loses the opaque mark of a directory that has no entry of its own in the layer (formats.md 2.5). */
static void mend_opaque(struct buf *listing)
{
	static const char lost[] = "/wo 040755 0:0 0\n";
	const char *at = strstr(buf_str(listing), lost);
	cleanup_buf struct buf mended = { 0 };

	if (!at)
		return;
	buf_append(&mended, listing->data, (size_t)(at - listing->data));
	buf_append_str(&mended, "/wo 040755 0:0 0 trusted.overlay.opaque=79\n");
	buf_append_str(&mended, at + strlen(lost));
	buf_clear(listing);
	buf_append(listing, mended.data, mended.len);
}

/* One fixture: our layers hold the trees that the reference's hold. */
static void compare(const char *input, const char *image, bool keep, const struct oci_platform *platform)
{
	cleanup_free char *in = xasprintf(FIXTURES "/inputs/%s.oci.tar", input);
	cleanup_free char *ref = xasprintf(FIXTURES "/images/%s.sif", image);
	cleanup_with(source_close) struct source *source = memory_source_layout(in);
	cleanup_buf struct buf messages = { 0 };
	struct convert_options options = options_for(platform, &messages);
	cleanup_with(ocisif_close) struct ocisif *theirs = NULL;
	cleanup_with(ocisif_close) struct ocisif *ours = NULL;
	int fd = fixture_memory("", 0);

	options.keep_layers = keep;
	assert_ok(convert_to_ocisif(source, &options, fd));
	assert_ok(ocisif_open(fixture_open(ref), ref, &theirs));
	assert_ok(ocisif_open(fd, "ours", &ours));
	assert_int_equal(ours->n_layers, theirs->n_layers);
	for (size_t i = 0; i < ours->n_layers; i++) {
		cleanup_buf struct buf a = { 0 };
		cleanup_buf struct buf b = { 0 };

		tree_dump_layer(ours->fd, i, &a);
		tree_dump_layer(theirs->fd, i, &b);
		if (keep)
			mend_opaque(&b);
		assert_same_tree(buf_str(&a), buf_str(&b), image);
	}
}

static void test_as_reference(void **state)
{
	static const struct {
		const char *input, *image;
		bool keep;
	} cases[] = {
		{ "tiny", "tiny", false },	     { "tiny-full", "tiny-full", false },
		{ "layers", "layers", false },	     { "layers", "layers-keep", true },
		{ "docker2", "docker2", false },     { "zstd", "zstd", false },
		{ "noplatform", "noplatform", false }, { "times", "times", false },
		{ "odd-recreate", "odd-recreate", false }, { "odd-hardlink", "odd-hardlink-keep", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		compare(cases[i].input, cases[i].image, cases[i].keep, &amd64);
	compare("foreign", "foreign", false, &arm64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
