/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/ocisif/ocisif.h"

#include "base/sha256.h"
#include "tests/testlib/fixture.h"

static int empty_file(void)
{
	return fixture_memory("", 0);
}

static void read_back(int fd, struct buf *out)
{
	assert_true(lseek(fd, 0, SEEK_SET) == 0);
	assert_ok(io_read_to_end(fd, FIXTURE_SIZE_MAX, "file", out));
}

/* An image to be written: the source's documents, the layers, and what the conversion says about itself. */
struct source {
	const struct oci_manifest *manifest;
	const struct oci_config *config;
	const char *const *layers; /* bytes of each */
	struct oci_rewrite change;
};

static void write_image(int fd, const struct source *s)
{
	cleanup_with(ocisif_writer_free) struct ocisif_writer *w = NULL;
	cleanup_buf struct buf config = { 0 };
	cleanup_buf struct buf manifest = { 0 };
	cleanup_buf struct buf root = { 0 };
	struct digest digest;

	assert_ok(ocisif_create(fd, ocisif_slots(s->change.n_layers), &w));
	for (size_t i = 0; i < s->change.n_layers; i++) {
		const struct oci_desc *l = &s->change.layers[i];

		assert_ok(ocisif_add_blob(w, s->layers[i], (size_t)l->size, &l->digest));
	}
	oci_config_rewrite(s->config, &s->change, &config);
	digest = sha256_of(config.data, config.len);
	assert_ok(ocisif_add_blob(w, config.data, config.len, &digest));
	oci_manifest_rewrite(s->manifest, &s->change, &digest, config.len, &manifest);
	digest = sha256_of(manifest.data, manifest.len);
	assert_ok(ocisif_add_blob(w, manifest.data, manifest.len, &digest));
	oci_root_index(s->manifest, s->manifest->media_type, &digest, manifest.len, &root);
	digest = sha256_of(root.data, root.len);
	assert_ok(ocisif_finish(w, root.data, root.len, &digest));
}

#define HEX64 "0000000000000000000000000000000000000000000000000000000000000000"

/* The example of formats.md 2.8: digests, places and header bytes are given there. */
static void worked_example_is_reproduced(void **state)
{
	static const char manifest_text[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_MT_MANIFEST "\",\"config\":{\"mediaType\":\"" OCI_MT_CONFIG
		"\",\"size\":1,\"digest\":\"sha256:" HEX64 "\"},\"layers\":[]}";
	static const char config_text[] =
		"{\"os\":\"linux\",\"architecture\":\"amd64\",\"created\":\"2024-01-01T00:00:00Z\","
		"\"config\":{\"Env\":[\"PATH=/bin\"],\"Cmd\":[\"/bin/sh\"]}}";
	static const char layer[4096] = "hsqs";
	static const char *const layers[] = { layer };
	static const uint8_t header[48] = {
		0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6c, 0x1b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x6c, 0x2b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x75, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	};
	static const uint8_t first[32] = {
		0x0b, 0x40, 0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0xf0, 0x00, 0x00, 0x00,
		0x00, 0x6c, 0x2b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00,
	};
	static const struct {
		uint64_t offset;
		const char *digest;
	} objects[] = {
		{ 11116, "sha256:719cbc3103ceb5bda7ee7837616e3a7a0fb531bcd07160aa8a6d0fd1e96d822d" },
		{ 15212, "sha256:82190ed3d1e36ba966e72ee192c8056708a2279c11f772e8f49f6e06c26ebd92" },
		{ 15650, "sha256:24a3809eee6674823e59e106432c0f18bc9921afc9e2331f4da2679f271b88ef" },
		{ 16055, "sha256:24a85a8212a7b894a2163fbb4fa3627672d1eb2c9042cadebd89619a011d0362" },
	};
	cleanup_with(oci_manifest_free) struct oci_manifest *manifest = NULL;
	cleanup_with(oci_config_free) struct oci_config *config = NULL;
	cleanup_with(sif_free) struct sif *sif = NULL;
	cleanup_buf struct buf bytes = { 0 };
	cleanup_fd int fd = empty_file();
	struct oci_desc desc = { .digest = sha256_of(layer, sizeof(layer)), .size = sizeof(layer) };

	(void)state;
	assert_ok(oci_manifest_parse(manifest_text, strlen(manifest_text), &manifest));
	assert_ok(oci_config_parse(config_text, strlen(config_text), &config));
	write_image(fd,
		    &(struct source){ .manifest = manifest,
				      .config = config,
				      .layers = layers,
				      .change = { .media_type = OCI_MT_SQUASHFS,
						  .layers = &desc,
						  .n_layers = 1,
						  .history_created = "2024-01-02T03:04:05Z",
						  .history_created_by = "Singularity-Ce/4.5.1 (Linux amd64) Go/1.26.3",
						  .history_comment = "oci-sif created from " HEX64 } });
	read_back(fd, &bytes);
	assert_int_equal(bytes.len, 16353);
	assert_memory_equal(bytes.data + 0x50, header, sizeof(header));
	assert_memory_equal(bytes.data + 0x1000, first, sizeof(first));
	assert_ok(sif_load(fd, &sif));
	assert_int_equal(sif->n_descrs, ARRAY_LEN(objects));
	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		assert_int_equal(sif->descrs[i].offset, objects[i].offset);
		assert_string_equal(sif->descrs[i].digest.text, objects[i].digest);
	}
}

/* What the reference made of the same source, taken apart: its layers and the history entry that it wrote. */
struct golden {
	struct ocisif *img;
	struct buf bytes;
	struct oci_desc *layers;
	const char **data;
	const struct jv *history;
};

static void take_apart(const char *path, struct golden *g)
{
	fixture_read(path, &g->bytes);
	assert_ok(ocisif_open(fixture_open(path), path, &g->img));
	g->layers = xcalloc(g->img->n_layers, sizeof(*g->layers));
	g->data = xcalloc(g->img->n_layers, sizeof(*g->data));
	for (size_t i = 0; i < g->img->n_layers; i++) {
		g->layers[i].digest = g->img->layers[i].desc->digest;
		g->layers[i].size = g->img->layers[i].size;
		g->data[i] = g->bytes.data + g->img->layers[i].offset;
	}
	g->history = jv_at(jv_get(g->img->config->doc, "history"), 0);
}

static void golden_free(struct golden *g)
{
	ocisif_close(g->img);
	buf_free(&g->bytes);
	free(g->layers);
	free(g->data);
}

static void rebuild(const char *name, const char *image)
{
	cleanup_free char *manifest_path = xasprintf(FIXTURES "/inputs/documents/%s.manifest.json", name);
	cleanup_free char *config_path = xasprintf(FIXTURES "/inputs/documents/%s.config.json", name);
	cleanup_free char *image_path = xasprintf(FIXTURES "/images/%s.sif", image);
	cleanup_with(oci_manifest_free) struct oci_manifest *manifest = NULL;
	cleanup_with(oci_config_free) struct oci_config *config = NULL;
	cleanup_buf struct buf text = { 0 };
	cleanup_buf struct buf ours = { 0 };
	cleanup_fd int fd = empty_file();
	struct golden g = { 0 };

	take_apart(image_path, &g);
	fixture_read(manifest_path, &text);
	assert_ok(oci_manifest_parse(text.data, text.len, &manifest));
	buf_clear(&text);
	fixture_read(config_path, &text);
	assert_ok(oci_config_parse(text.data, text.len, &config));
	write_image(fd, &(struct source){ .manifest = manifest,
					  .config = config,
					  .layers = g.data,
					  .change = { .media_type = OCI_MT_SQUASHFS,
						      .layers = g.layers,
						      .n_layers = g.img->n_layers,
						      .history_created = jv_get_str(g.history, "created"),
						      .history_created_by = jv_get_str(g.history, "created_by"),
						      .history_comment = jv_get_str(g.history, "comment") } });
	read_back(fd, &ours);
	assert_int_equal(ours.len, g.bytes.len);
	assert_memory_equal(ours.data, g.bytes.data, ours.len);
	golden_free(&g);
}

static void files_of_the_reference_are_reproduced(void **state)
{
	static const char *const cases[][2] = {
		{ "tiny", "tiny" },
		{ "tiny-full", "tiny-full" },
		{ "layers", "layers" },
		{ "layers", "layers-keep" },
		{ "docker2", "docker2" },
		{ "foreign", "foreign" },
		{ "noplatform", "noplatform" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		rebuild(cases[i][0], cases[i][1]);
}

static void blobs_are_stored_once(void **state)
{
	cleanup_with(ocisif_writer_free) struct ocisif_writer *w = NULL;
	cleanup_fd int fd = empty_file();
	struct digest digest = sha256_of("abc", 3);

	(void)state;
	assert_ok(ocisif_create(fd, ocisif_slots(1), &w));
	assert_int_equal(ocisif_begin_blob(w), 11116);
	assert_false(ocisif_has_blob(w, &digest));
	assert_ok(ocisif_add_blob(w, "abc", 3, &digest));
	assert_true(ocisif_has_blob(w, &digest));
	assert_int_equal(ocisif_begin_blob(w), 11119);
	assert_error(ocisif_add_blob(w, "abc", 3, &digest), ERR_INTERNAL, "is stored twice");
	assert_error(ocisif_end_blob(w, 3, &digest), ERR_INTERNAL, "is stored twice");
}

static void full_tables_are_refused(void **state)
{
	cleanup_with(ocisif_writer_free) struct ocisif_writer *w = NULL;
	cleanup_fd int fd = empty_file();
	struct digest a = sha256_of("a", 1);
	struct digest b = sha256_of("b", 1);

	(void)state;
	assert_error(ocisif_create(fd, SIF_DESCR_MAX + 1, &w), ERR_LIMIT, "capacity not supported");
	assert_ok(ocisif_create(fd, 1, &w));
	assert_ok(ocisif_add_blob(w, "a", 1, &a));
	assert_error(ocisif_add_blob(w, "b", 1, &b), ERR_LIMIT, "insufficient descriptor capacity");
	assert_error(ocisif_finish(w, "b", 1, &b), ERR_LIMIT, "insufficient descriptor capacity");
}

static void a_failing_write_is_reported(void **state)
{
	cleanup_with(ocisif_writer_free) struct ocisif_writer *w = NULL;
	cleanup_fd int fd = empty_file();
	cleanup_free char *path = xasprintf("/proc/self/fd/%d", fd);
	cleanup_fd int read_only = fixture_open(path);
	struct digest digest = sha256_of("a", 1);

	(void)state;
	assert_ok(ocisif_create(read_only, 4, &w));
	assert_error(ocisif_add_blob(w, "a", 1, &digest), ERR_SYSTEM, "write at");
	assert_error(ocisif_finish(w, "a", 1, &digest), ERR_SYSTEM, "write at");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worked_example_is_reproduced), cmocka_unit_test(files_of_the_reference_are_reproduced),
		cmocka_unit_test(blobs_are_stored_once),	cmocka_unit_test(full_tables_are_refused),
		cmocka_unit_test(a_failing_write_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
