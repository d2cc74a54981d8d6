/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/ocisif/ocisif.h"

#include "base/sha256.h"
#include "tests/testlib/fixture.h"

enum { AT_SLOT = 4096, AT_EXTRA = AT_SLOT + 201 };

static struct error *open_bytes(const struct buf *image, size_t len, struct ocisif **ret_img)
{
	return ocisif_open(fixture_memory(image->data, len), "x.sif", ret_img);
}

static void opens_images_of_the_reference(void **state)
{
	cleanup_with(ocisif_close) struct ocisif *img = NULL;

	(void)state;
	assert_ok(ocisif_open(fixture_open(FIXTURES "/images/tiny-full.sif"), "tiny-full.sif", &img));
	assert_string_equal(img->manifest_digest.text,
			    "sha256:e637f5a67bf290232fed7ef964e3cdb2441e4e5f859d533643d12baece9ad647");
	assert_int_equal(img->n_layers, 1);
	assert_int_equal(img->layers[0].offset, 11116);
	assert_int_equal(img->layers[0].size, 4096);
	assert_false(img->layers[0].is_overlay);
	assert_string_equal(img->config->working_dir, "/opt");
	assert_int_equal(img->config->entrypoint.n, 4);
}

static void opens_every_kind(void **state)
{
	static const struct {
		const char *name;
		size_t n_layers;
		bool has_config;
	} cases[] = {
		{ FIXTURES "/images/layers-keep.sif", 4, true },  { FIXTURES "/images/docker2.sif", 1, true },
		{ FIXTURES "/images/foreign.sif", 1, true },	  { FIXTURES "/images/noplatform.sif", 1, true },
		{ FIXTURES "/images/r-cosign.sif", 1, true },	  { FIXTURES "/images/r-data.sif", 1, false },
		{ FIXTURES "/images/index-digest.sif", 1, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_with(ocisif_close) struct ocisif *img = NULL;

		assert_ok(ocisif_open(fixture_open(cases[i].name), cases[i].name, &img));
		assert_int_equal(img->n_layers, cases[i].n_layers);
		assert_int_equal(img->config != NULL, cases[i].has_config);
	}
}

static void native_images_are_told_apart(void **state)
{
	struct ocisif *img = NULL;

	(void)state;
	assert_error(ocisif_open(fixture_open(FIXTURES "/images/tiny-native.sif"), "n.sif", &img), ERR_UNSUPPORTED,
		     "not an OCI-SIF: \"n.sif\"");
	assert_error(ocisif_open(fixture_memory("no SIF", 6), "n.sif", &img), ERR_CORRUPT, "reading global header");
}

static void reads_blobs_within_a_limit(void **state)
{
	cleanup_with(ocisif_close) struct ocisif *img = NULL;
	cleanup_buf struct buf blob = { 0 };
	struct digest missing = { .text = "sha256:0000000000000000000000000000000000000000000000000000000000000000" };

	(void)state;
	assert_ok(ocisif_open(fixture_open(FIXTURES "/images/tiny.sif"), "tiny.sif", &img));
	assert_error(ocisif_read_blob(img, &img->manifest_digest, 404, &blob), ERR_LIMIT, "larger than 404 bytes");
	assert_error(ocisif_read_blob(img, &missing, 404, &blob), ERR_CORRUPT, "is not in the image");
	buf_append_str(&blob, "x");
	assert_ok(ocisif_read_blob(img, &img->manifest_digest, 405, &blob));
	assert_int_equal(blob.len, 406);
	assert_memory_equal(blob.data, "x{\"schemaVersion\":2,", 19);
}

static void every_truncation_gives_one_error(void **state)
{
	cleanup_buf struct buf image = { 0 };

	(void)state;
	fixture_read(FIXTURES "/images/tiny.sif", &image);
	for (size_t len = 0; len < image.len; len++) {
		struct ocisif *img = NULL;
		struct error *err = open_bytes(&image, len, &img);

		if (!err)
			fail_msg("opened the first %zu bytes", len);
		assert_int_equal(error_kind(err), ERR_CORRUPT);
		assert_null(strchr(error_text(err), '\n'));
		error_free(err);
	}
}

/* A small generator of its own, so that a failure can be repeated. */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void flipped_bits_are_safe(void **state)
{
	cleanup_buf struct buf image = { 0 };
	uint32_t seed = 1;

	(void)state;
	fixture_read(FIXTURES "/images/tiny.sif", &image);
	for (int round = 0; round < 4000; round++) {
		cleanup_with(ocisif_close) struct ocisif *img = NULL;
		cleanup_buf struct buf copy = { 0 };
		/* Header, used slots, or the documents: flips in gaps and in the layer change nothing here. */
		static const size_t ranges[][2] = { { 32, 128 }, { 4096, 4 * 585 }, { 15212, 1276 } };
		const size_t *range = ranges[round % 3];

		buf_append(&copy, image.data, image.len);
		for (uint32_t flips = 1 + next_random(&seed) % 3; flips; flips--) {
			size_t at = range[0] + next_random(&seed) % range[1];

			copy.data[at] = (char)(copy.data[at] ^ 1 << next_random(&seed) % 8);
		}
		error_free(open_bytes(&copy, copy.len, &img));
		if (!img)
			continue;
		for (size_t i = 0; i < img->n_layers; i++)
			assert_true(img->layers[i].offset + img->layers[i].size <= copy.len);
	}
}

/* Replace @old in the file by @new of the same length. */
static void patch(struct buf *image, const char *old, const char *new)
{
	char *at = memmem(image->data, image->len, old, strlen(old));

	assert_non_null(at);
	assert_int_equal(strlen(old), strlen(new));
	memcpy(at, new, strlen(new));
}

static void documents_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		const char *old, *new;
		enum error_kind kind;
		const char *text;
	} cases[] = {
		/* in the root index */
		{ "\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest",
		  "\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifesT", ERR_NOT_FOUND,
		  "no match found" },
		{ "\"size\":405", "\"size\":406", ERR_CORRUPT, "has 405 bytes, its descriptor says 406" },
		{ "sha256:b574c1bac9746d918a7dc2cca1496edafd350c2dcc3562db05d8b560b359926b\",",
		  "sha256:a574c1bac9746d918a7dc2cca1496edafd350c2dcc3562db05d8b560b359926b\",", ERR_CORRUPT,
		  "is not in the image" },
		/* in the manifest */
		{ "v1.squashfs", "v1.squashFS", ERR_UNSUPPORTED,
		  "unsupported layer mediaType \"application/vnd.sylabs.image.layer.v1.squashFS\"" },
		{ "\"size\":4096", "\"size\":4097", ERR_CORRUPT, "its descriptor says 4097" },
		{ "\"size\":573", "\"size\":572", ERR_CORRUPT, "its descriptor says 572" },
		{ "\"layers\":[", "\"layerx\":[", ERR_CORRUPT, "image has no layers" },
		/* in the config */
		{ "{\"architecture\":\"amd64\"", "[\"architecture\":\"amd64\"", ERR_CORRUPT,
		  "image config is not valid JSON" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_buf struct buf image = { 0 };
		struct ocisif *img = NULL;

		fixture_read(FIXTURES "/images/tiny.sif", &image);
		patch(&image, cases[i].old, cases[i].new);
		assert_error(open_bytes(&image, image.len, &img), cases[i].kind, cases[i].text);
	}
}

#define MANIFEST_1                                                                                                     \
	"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"size\":2,\"digest\":\"%s\"},\"layers\":[{"             \
	"\"mediaType\":\"" OCI_MT_SQUASHFS "\",\"size\":5,\"digest\":\"%s\"}]}"

/*
 * An image of one layer whose root index has one entry for each of @entries: members added to the descriptor of its
 * manifest.
 */
static struct error *open_made(const char *const *entries, struct ocisif **ret_img)
{
	cleanup_with(ocisif_writer_free) struct ocisif_writer *w = NULL;
	cleanup_fd int fd = fixture_memory("", 0);
	struct digest config = sha256_of("{}", 2);
	struct digest layer = sha256_of("layer", 5);
	cleanup_free char *manifest = xasprintf(MANIFEST_1, config.text, layer.text);
	struct digest digest = sha256_of(manifest, strlen(manifest));
	cleanup_buf struct buf root = { 0 };

	buf_append_str(&root, "{\"manifests\":[");
	for (size_t i = 0; entries[i]; i++)
		buf_appendf(&root, "%s{\"size\":%zu,\"digest\":\"%s\",%s}", i ? "," : "", strlen(manifest), digest.text,
			    entries[i]);
	buf_append_str(&root, "]}");
	/* The other way round than writers do it: the place of an object means nothing. */
	assert_ok(ocisif_create(fd, ocisif_slots(1), &w));
	assert_ok(ocisif_add_blob(w, manifest, strlen(manifest), &digest));
	assert_ok(ocisif_add_blob(w, "{}", 2, &config));
	assert_ok(ocisif_add_blob(w, "layer", 5, &layer));
	digest = sha256_of(root.data, root.len);
	assert_ok(ocisif_finish(w, root.data, root.len, &digest));
	return ocisif_open(take_fd(&fd), "x.sif", ret_img);
}

#define IMAGE "\"mediaType\":\"" OCI_MT_MANIFEST "\""
#define INDEX "\"mediaType\":\"" OCI_MT_INDEX "\""
#define NAME(n) ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" n "\"}"

static void the_one_image_is_chosen(void **state)
{
	static const struct {
		const char *entries[4];
		const char *text; /* NULL: opens */
	} cases[] = {
		{ { IMAGE }, NULL }, /* without artifactType, as older versions wrote it */
		{ { "\"mediaType\":\"" OCI_MT_DOCKER_MANIFEST "\"" }, NULL },
		{ { IMAGE NAME("latest") }, NULL },
		{ { IMAGE NAME("_cosign:sha256-1.sig"), IMAGE, INDEX }, NULL },
		{ { NULL }, "no match found" },
		{ { INDEX }, "no match found" }, /* nested indexes are not searched */
		{ { IMAGE NAME("_cosign:sha256-1.sig") }, "no match found" },
		{ { IMAGE, IMAGE }, "multiple matches found" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_with(ocisif_close) struct ocisif *img = NULL;
		struct error *err = open_made(cases[i].entries, &img);

		if (!cases[i].text)
			assert_ok(err);
		else
			assert_error(err, i < 7 ? ERR_NOT_FOUND : ERR_CORRUPT, cases[i].text);
		if (img)
			assert_int_equal(img->layers[0].size, 5);
	}
}

static void two_root_indexes_are_refused(void **state)
{
	cleanup_buf struct buf image = { 0 };
	struct ocisif *img = NULL;

	(void)state;
	fixture_read(FIXTURES "/images/tiny.sif", &image);
	image.data[AT_SLOT + SIF_DESCR_SIZE] = 0x0a;
	assert_error(open_bytes(&image, image.len, &img), ERR_CORRUPT, "multiple root indexes found");
}

static void doubled_blobs_are_read(void **state)
{
	cleanup_with(ocisif_close) struct ocisif *img = NULL;
	cleanup_buf struct buf image = { 0 };

	(void)state;
	fixture_read(FIXTURES "/images/tiny.sif", &image);
	/* A second slot for the layer, in a free one, at another place. */
	memcpy(image.data + AT_SLOT + 4 * SIF_DESCR_SIZE, image.data + AT_SLOT, SIF_DESCR_SIZE);
	image.data[AT_SLOT + 4 * SIF_DESCR_SIZE + 17]++;
	assert_ok(open_bytes(&image, image.len, &img));
	assert_int_equal(img->layers[0].offset, 11116);
}

static void an_overlay_is_allowed_only_as_last_layer(void **state)
{
	cleanup_with(ocisif_close) struct ocisif *img = NULL;
	cleanup_buf struct buf image = { 0 };

	(void)state;
	fixture_read(FIXTURES "/images/layers-keep.sif", &image);
	patch(&image, "v1.squashfs\",\"size\":4096,\"digest\":\"sha256:c969",
	      "v1.ext3\",    \"size\":4096,\"digest\":\"sha256:c969");
	assert_ok(open_bytes(&image, image.len, &img));
	assert_false(img->layers[2].is_overlay);
	assert_true(img->layers[3].is_overlay);
	patch(&image, "v1.squashfs\",\"size\":4096,\"digest\":\"sha256:32f7",
	      "v1.ext3\",    \"size\":4096,\"digest\":\"sha256:32f7");
	ocisif_close(take_ptr(&img));
	assert_error(open_bytes(&image, image.len, &img), ERR_UNSUPPORTED,
		     "unsupported layer mediaType \"application/vnd.sylabs.image.layer.v1.ext3\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_images_of_the_reference),
		cmocka_unit_test(opens_every_kind),
		cmocka_unit_test(native_images_are_told_apart),
		cmocka_unit_test(reads_blobs_within_a_limit),
		cmocka_unit_test(every_truncation_gives_one_error),
		cmocka_unit_test(flipped_bits_are_safe),
		cmocka_unit_test(documents_that_do_not_fit_are_refused),
		cmocka_unit_test(the_one_image_is_chosen),
		cmocka_unit_test(two_root_indexes_are_refused),
		cmocka_unit_test(doubled_blobs_are_read),
		cmocka_unit_test(an_overlay_is_allowed_only_as_last_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
