/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/oci/oci.h"

#include "base/test.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define SHA512                                                                                                         \
	"sha512:1111111111111111111111111111111111111111111111111111111111111111"                                      \
	"1111111111111111111111111111111111111111111111111111111111111111"
#define CONFIG "\"config\":{\"mediaType\":\"" OCI_MT_CONFIG "\",\"size\":10,\"digest\":\"" D1 "\"}"

static struct error *index_of(const char *text, struct oci_index **ret_index)
{
	return oci_index_parse(text, strlen(text), ret_index);
}

static struct error *manifest_of(const char *text, struct oci_manifest **ret_manifest)
{
	return oci_manifest_parse(text, strlen(text), ret_manifest);
}

static struct error *config_of(const char *text, struct oci_config **ret_config)
{
	return oci_config_parse(text, strlen(text), ret_config);
}

static void index_is_parsed(void **state)
{
	cleanup_with(oci_index_free) struct oci_index *index = NULL;

	(void)state;
	assert_ok(index_of(
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_MT_INDEX "\",\"manifests\":["
		"{\"mediaType\":\"" OCI_MT_MANIFEST "\",\"digest\":\"" D1 "\",\"size\":7,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\",\"os.version\":\"\"},"
		"\"annotations\":{\"org.opencontainers.image.ref.name\":\"latest\"}},"
		"{\"mediaType\":\"" OCI_MT_INDEX "\",\"digest\":\"" D2 "\",\"size\":0}]}",
		&index));
	assert_string_equal(index->media_type, OCI_MT_INDEX);
	assert_int_equal(index->n_manifests, 2);
	assert_string_equal(index->manifests[0].platform.variant, "v7");
	assert_null(index->manifests[0].platform.os_version);
	assert_string_equal(index->manifests[0].ref_name, "latest");
	assert_string_equal(index->manifests[1].digest.text, D2);
	assert_int_equal(index->manifests[1].size, 0);
	assert_null(index->manifests[1].platform.os);
	assert_null(index->manifests[1].ref_name);
}

static void index_without_entries_is_one(void **state)
{
	(void)state;
	static const char *const texts[] = { "{\"manifests\":[]}", "{\"manifests\":null}", "{}" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		cleanup_with(oci_index_free) struct oci_index *index = NULL;

		assert_ok(index_of(texts[i], &index));
		assert_int_equal(index->n_manifests, 0);
		assert_null(index->media_type);
	}
}

static void bad_indexes_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum error_kind kind;
		const char *wanted;
	} cases[] = {
		{ "", ERR_CORRUPT, "not valid JSON" },
		{ "[]", ERR_CORRUPT, "image index is not a JSON object" },
		{ "{\"a\":1,\"a\":2}", ERR_CORRUPT, "duplicate" },
		{ "{\"schemaVersion\":1}", ERR_UNSUPPORTED, "schemaVersion" },
		{ "{\"schemaVersion\":\"2\"}", ERR_UNSUPPORTED, "schemaVersion" },
		{ "{\"manifests\":{}}", ERR_CORRUPT, "manifests is not a list" },
		{ "{\"manifests\":[1]}", ERR_CORRUPT, "manifest 0 is not an object" },
		{ "{\"manifests\":[],\"layers\":[]}", ERR_CORRUPT, "both an index and a manifest" },
		{ "{\"manifests\":[],\"config\":{}}", ERR_CORRUPT, "both an index and a manifest" },
		{ "{\"layers\":[]}", ERR_CORRUPT, "image index is an image manifest" },
		{ "{\"mediaType\":\"" OCI_MT_DOCKER_MANIFEST "\"}", ERR_CORRUPT, "is an image manifest" },
		{ "{\"mediaType\":2}", ERR_CORRUPT, "mediaType is not a string" },
		{ "{\"manifests\":[{\"size\":1}]}", ERR_CORRUPT, "manifest 0 has no digest" },
		{ "{\"manifests\":[{\"size\":1,\"digest\":\"../../x\"}]}", ERR_CORRUPT, "invalid digest \"../../x\"" },
		{ "{\"manifests\":[{\"size\":1,\"digest\":\"" SHA512 "\"}]}", ERR_UNSUPPORTED,
		  "unsupported hash: \"sha512\"" },
		{ "{\"manifests\":[{\"digest\":\"" D1 "\"}]}", ERR_CORRUPT, "manifest 0 has no valid size" },
		{ "{\"manifests\":[{\"size\":-1,\"digest\":\"" D1 "\"}]}", ERR_CORRUPT, "no valid size" },
		{ "{\"manifests\":[{\"size\":1.5,\"digest\":\"" D1 "\"}]}", ERR_CORRUPT, "no valid size" },
		{ "{\"manifests\":[{\"size\":1,\"digest\":\"" D1 "\",\"platform\":3}]}", ERR_CORRUPT,
		  "platform is not an object" },
		{ "{\"manifests\":[{\"size\":1,\"digest\":\"" D1 "\",\"platform\":{\"os\":3}}]}", ERR_CORRUPT,
		  "os is not a string" },
		{ "{\"manifests\":[{\"size\":1,\"digest\":\"" D1 "\",\"annotations\":[]}]}", ERR_CORRUPT,
		  "annotations is not" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_index *index = NULL;

		assert_error(index_of(cases[i].text, &index), cases[i].kind, cases[i].wanted);
		assert_null(index);
	}
}

static void repeat(struct buf *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_append_char(out, ',');
		buf_append_str(out, text);
	}
}

static void entries_are_limited(void **state)
{
	(void)state;
	for (size_t extra = 0; extra < 2; extra++) {
		cleanup_with(oci_index_free) struct oci_index *index = NULL;
		cleanup_with(oci_manifest_free) struct oci_manifest *manifest = NULL;
		cleanup_buf struct buf text = { 0 };

		buf_append_str(&text, "{\"manifests\":[");
		repeat(&text, "{\"size\":1,\"digest\":\"" D1 "\"}", OCI_INDEX_ENTRIES_MAX + extra);
		buf_append_str(&text, "]}");
		if (extra)
			assert_error(index_of(text.data, &index), ERR_LIMIT, "10001 manifests (limit 10000)");
		else
			assert_ok(index_of(text.data, &index));
		buf_clear(&text);
		buf_append_str(&text, "{" CONFIG ",\"layers\":[");
		repeat(&text, "{\"size\":1,\"digest\":\"" D1 "\"}", OCI_LAYERS_MAX + extra);
		buf_append_str(&text, "]}");
		if (extra)
			assert_error(manifest_of(text.data, &manifest), ERR_LIMIT, "4097 layers (limit 4096)");
		else
			assert_ok(manifest_of(text.data, &manifest));
	}
}

static void deep_documents_are_refused(void **state)
{
	enum { DEPTH = 10000 };
	struct oci_config *config = NULL;
	cleanup_buf struct buf text = { 0 };

	(void)state;
	buf_append_str(&text, "{\"x\":");
	memset(buf_reserve(&text, DEPTH), '[', DEPTH);
	text.len += DEPTH;
	assert_error(oci_config_parse(text.data, text.len, &config), ERR_LIMIT, "image config nests deeper");
}

static void documents_are_limited(void **state)
{
	struct oci_index *index = NULL;
	struct oci_manifest *manifest = NULL;
	struct oci_config *config = NULL;
	cleanup_buf struct buf text = { 0 };
	const size_t size = OCI_CONFIG_MAX + 1;

	(void)state;
	memset(buf_reserve(&text, size), ' ', size);
	memcpy(text.data, "{}", 2);
	assert_error(oci_index_parse(text.data, OCI_MANIFEST_MAX + 1, &index), ERR_LIMIT, "image index is larger");
	assert_ok(oci_index_parse(text.data, OCI_MANIFEST_MAX, &index));
	oci_index_free(index);
	assert_error(oci_manifest_parse(text.data, OCI_MANIFEST_MAX + 1, &manifest), ERR_LIMIT,
		     "image manifest is larger");
	assert_error(oci_config_parse(text.data, OCI_CONFIG_MAX + 1, &config), ERR_LIMIT, "image config is larger");
	assert_ok(oci_config_parse(text.data, OCI_CONFIG_MAX, &config));
	oci_config_free(config);
}

static void manifest_is_parsed(void **state)
{
	cleanup_with(oci_manifest_free) struct oci_manifest *m = NULL;

	(void)state;
	assert_ok(manifest_of("{\"schemaVersion\":2," CONFIG ",\"artifactType\":\"a/b\",\"layers\":["
			      "{\"mediaType\":\"" OCI_MT_LAYER_GZIP "\",\"digest\":\"" D2 "\",\"size\":3},"
			      "{\"mediaType\":\"" OCI_MT_SQUASHFS "\",\"digest\":\"" D1 "\",\"size\":4}]}",
			      &m));
	assert_string_equal(m->media_type, "");
	assert_string_equal(m->artifact_type, "a/b");
	assert_string_equal(m->config.media_type, OCI_MT_CONFIG);
	assert_int_equal(m->config.size, 10);
	assert_int_equal(m->n_layers, 2);
	assert_string_equal(m->layers[0].media_type, OCI_MT_LAYER_GZIP);
	assert_int_equal(m->layers[1].size, 4);
	assert_string_equal(jv_get_str(m->layers[1].doc, "digest"), D1);
}

static void bad_manifests_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum error_kind kind;
		const char *wanted;
	} cases[] = {
		{ "null", ERR_CORRUPT, "not a JSON object" },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", ERR_UNSUPPORTED, "schemaVersion" },
		{ "{\"fsLayers\":[]}", ERR_UNSUPPORTED, "obsolete schema 1" },
		{ "{\"manifests\":[]}", ERR_UNSUPPORTED, "image manifest is an index" },
		{ "{\"mediaType\":\"" OCI_MT_DOCKER_LIST "\"," CONFIG "}", ERR_UNSUPPORTED, "is an index" },
		{ "{\"manifests\":[]," CONFIG ",\"layers\":[]}", ERR_CORRUPT, "both an index and a manifest" },
		{ "{\"layers\":[]}", ERR_CORRUPT, "image manifest: config is not an object" },
		{ "{" CONFIG ",\"layers\":1}", ERR_CORRUPT, "layers is not a list" },
		{ "{" CONFIG ",\"layers\":[{\"size\":1}]}", ERR_CORRUPT, "image manifest: layer 0 has no digest" },
		{ "{" CONFIG ",\"artifactType\":[]}", ERR_CORRUPT, "artifactType is not a string" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_manifest *m = NULL;

		assert_error(manifest_of(cases[i].text, &m), cases[i].kind, cases[i].wanted);
		assert_null(m);
	}
}

static void config_is_parsed(void **state)
{
	cleanup_with(oci_config_free) struct oci_config *c = NULL;

	(void)state;
	assert_ok(config_of(
		"{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\",\"os.version\":\"1\",\"author\":\"A\","
		"\"created\":\"2023-11-14T22:13:20Z\",\"os.features\":[\"f\"],"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\",\"" D2 "\"]},"
		"\"config\":{\"User\":\"u\",\"WorkingDir\":\"/w\",\"StopSignal\":\"SIGINT\",\"Env\":[\"A=b\",\"C=\"],"
		"\"Entrypoint\":[\"/e\"],\"Cmd\":null,\"Labels\":{\"z\":\"1\",\"a\":\"\"},\"Volumes\":{\"/v\":{}},"
		"\"ExposedPorts\":{}}}",
		&c));
	assert_string_equal(c->architecture, "arm");
	assert_string_equal(c->os, "linux");
	assert_string_equal(c->variant, "v7");
	assert_string_equal(c->os_version, "1");
	assert_string_equal(c->author, "A");
	assert_string_equal(c->created, "2023-11-14T22:13:20Z");
	assert_int_equal(c->os_features.n, 1);
	assert_int_equal(c->n_diff_ids, 2);
	assert_string_equal(c->diff_ids[1].text, D2);
	assert_string_equal(c->user, "u");
	assert_string_equal(c->working_dir, "/w");
	assert_string_equal(c->stop_signal, "SIGINT");
	assert_string_equal(c->env.items[1], "C=");
	assert_string_equal(c->entrypoint.items[0], "/e");
	assert_int_equal(c->cmd.n, 0);
	assert_string_equal(c->labels.items[0], "z=1");
	assert_string_equal(c->labels.items[1], "a=");
	assert_true(c->has_volumes);
	assert_false(c->has_exposed_ports);
}

static void empty_config_is_one(void **state)
{
	cleanup_with(oci_config_free) struct oci_config *c = NULL;

	(void)state;
	assert_ok(config_of("{\"os\":\"\",\"config\":null,\"rootfs\":null}", &c));
	assert_null(c->os);
	assert_null(c->user);
	assert_int_equal(c->n_diff_ids, 0);
	assert_int_equal(c->env.n, 0);
}

static void bad_configs_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "[]", "image config is not a JSON object" },
		{ "{\"os\":1}", "os is not a string" },
		{ "{\"config\":[]}", "config is not an object" },
		{ "{\"config\":{\"Env\":\"A=b\"}}", "Env is not a list" },
		{ "{\"config\":{\"Env\":[\"A=b\",1]}}", "Env is not a list of strings" },
		{ "{\"config\":{\"Cmd\":{}}}", "Cmd is not a list" },
		{ "{\"config\":{\"Labels\":{\"a\":1}}}", "Labels is not a map of strings" },
		{ "{\"config\":{\"Volumes\":[]}}", "Volumes is not an object" },
		{ "{\"rootfs\":{\"diff_ids\":[\"x\"]}}", "diff_ids: invalid digest \"x\"" },
		{ "{\"rootfs\":{\"diff_ids\":[5]}}", "diff_ids has no digest" },
		{ "{\"rootfs\":[]}", "rootfs is not an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_config *c = NULL;

		assert_error(config_of(cases[i][0], &c), ERR_CORRUPT, cases[i][1]);
		assert_null(c);
	}
}

static void many_labels_take_linear_time(void **state)
{
	cleanup_with(oci_config_free) struct oci_config *c = NULL;
	cleanup_buf struct buf text = { 0 };

	(void)state;
	buf_append_str(&text, "{\"config\":{\"Labels\":{\"x\":\"\"");
	for (int i = 0; i < 200000; i++)
		buf_appendf(&text, ",\"%d\":\"\"", i);
	buf_append_str(&text, "}}}");
	assert_ok(config_of(text.data, &c));
	assert_int_equal(c->labels.n, 200001);
}

static void media_types_are_known(void **state)
{
	(void)state;
	assert_true(oci_is_index_type(OCI_MT_INDEX));
	assert_true(oci_is_index_type(OCI_MT_DOCKER_LIST));
	assert_false(oci_is_index_type(OCI_MT_MANIFEST));
	assert_true(oci_is_manifest_type(OCI_MT_DOCKER_MANIFEST));
	assert_false(oci_is_manifest_type(""));
	assert_true(oci_is_config_type(OCI_MT_DOCKER_CONFIG));
	assert_false(oci_is_config_type("application/vnd.oci.empty.v1+json"));
	assert_true(oci_is_tar_layer_type(OCI_MT_LAYER_ZSTD));
	assert_true(oci_is_tar_layer_type("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"));
	assert_false(oci_is_tar_layer_type(OCI_MT_SQUASHFS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_is_parsed),
		cmocka_unit_test(index_without_entries_is_one),
		cmocka_unit_test(bad_indexes_are_refused),
		cmocka_unit_test(entries_are_limited),
		cmocka_unit_test(documents_are_limited),
		cmocka_unit_test(manifest_is_parsed),
		cmocka_unit_test(bad_manifests_are_refused),
		cmocka_unit_test(config_is_parsed),
		cmocka_unit_test(empty_config_is_one),
		cmocka_unit_test(bad_configs_are_refused),
		cmocka_unit_test(many_labels_take_linear_time),
		cmocka_unit_test(media_types_are_known),
		cmocka_unit_test(deep_documents_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
