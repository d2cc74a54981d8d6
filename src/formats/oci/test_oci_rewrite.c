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

static void rewrite_config(const char *text, struct buf *out)
{
	cleanup_with(oci_config_free) struct oci_config *config = NULL;
	struct oci_desc layer = { .digest = { .text = D1 } };
	struct oci_rewrite change = {
		.layers = &layer,
		.n_layers = 1,
		.history_created = "2024-01-02T03:04:05Z",
		.history_created_by = "B",
		.history_comment = "C",
	};

	assert_ok(oci_config_parse(text, strlen(text), &config));
	oci_config_rewrite(config, &change, out);
}

static void assert_config(const char *text, const char *wanted)
{
	cleanup_buf struct buf out = { 0 };

	rewrite_config(text, &out);
	assert_string_equal(buf_str(&out), wanted);
}

#define HISTORY "\"history\":[{\"created\":\"2024-01-02T03:04:05Z\",\"created_by\":\"B\",\"comment\":\"C\"}]"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\"]}"

static void an_empty_config_gets_what_must_be_there(void **state)
{
	(void)state;
	assert_config("{}", "{\"architecture\":\"\",\"created\":\"0001-01-01T00:00:00Z\"," HISTORY
			    ",\"os\":\"\"," ROOTFS ",\"config\":{}}");
}

static void members_are_ordered_and_empty_ones_dropped(void **state)
{
	(void)state;
	assert_config(
		"{\"config\":{\"Shell\":[\"s\"],\"User\":\"\",\"Tty\":false,\"OpenStdin\":true,\"Env\":[],\"Cmd\":null,"
		"\"Labels\":{\"b\":\"<\",\"B\":\"2\",\"a\":\"\"},\"Volumes\":{\"/z\":{\"x\":1},\"/a\":null},"
		"\"ExposedPorts\":{},\"Healthcheck\":{\"Retries\":0,\"Interval\":5,\"Test\":[\"NONE\"]},"
		"\"Entrypoint\":[\"\"]},\"os\":\"linux\",\"variant\":\"\",\"os.features\":[\"f\"],\"author\":\"a\","
		"\"created\":\"2024-01-01T00:00:00Z\",\"history\":[1,2,3],\"rootfs\":{\"diff_ids\":[\"" D2 "\"]},"
		"\"architecture\":\"amd64\"}",
		"{\"architecture\":\"amd64\",\"author\":\"a\",\"created\":\"2024-01-01T00:00:00Z\"," HISTORY
		",\"os\":\"linux\"," ROOTFS ",\"config\":{\"Healthcheck\":{\"Test\":[\"NONE\"],\"Interval\":5},"
		"\"Entrypoint\":[\"\"],\"Labels\":{\"B\":\"2\",\"a\":\"\",\"b\":\"\\u003c\"},\"OpenStdin\":true,"
		"\"Volumes\":{\"/a\":{},\"/z\":{}},\"Shell\":[\"s\"]},\"os.features\":[\"f\"]}");
}

static void unknown_members_follow_unchanged(void **state)
{
	(void)state;
	assert_config("{\"zz\":{\"y\":null,\"x\":[]},\"os\":\"linux\",\"aa\":\"\",\"config\":{\"New\":0,\"User\":\"u\","
		      "\"Healthcheck\":{\"StartInterval\":7,\"Test\":[]}}}",
		      "{\"architecture\":\"\",\"created\":\"0001-01-01T00:00:00Z\"," HISTORY ",\"os\":\"linux\"," ROOTFS
		      ",\"config\":{\"Healthcheck\":{\"StartInterval\":7},\"User\":\"u\",\"New\":0},"
		      "\"zz\":{\"y\":null,\"x\":[]},\"aa\":\"\"}");
}

static void members_of_other_types_stay(void **state)
{
	(void)state;
	assert_config(
		"{\"docker_version\":0,\"config\":{\"Hostname\":[],\"Tty\":\"\",\"Healthcheck\":[],\"OnBuild\":\"x\"}}",
		"{\"architecture\":\"\",\"created\":\"0001-01-01T00:00:00Z\",\"docker_version\":0," HISTORY
		",\"os\":\"\"," ROOTFS
		",\"config\":{\"Healthcheck\":[],\"Hostname\":[],\"OnBuild\":\"x\",\"Tty\":\"\"}}");
}

static void times_are_rendered_anew(void **state)
{
	static const char *const cases[][2] = {
		{ "2023-11-14T22:13:20.123456789+01:00", "2023-11-14T22:13:20.123456789+01:00" },
		{ "2023-11-14T22:13:20.1200Z", "2023-11-14T22:13:20.12Z" },
		{ "2023-11-14T22:13:20.000-07:30", "2023-11-14T22:13:20-07:30" },
		{ "2023-11-14T22:13:20+00:00", "2023-11-14T22:13:20Z" },
		{ "2023-11-14T22:13:20.1234567899Z", "2023-11-14T22:13:20.123456789Z" },
		{ "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z" },
		/* no times: the unset one */
		{ "2023-02-29T00:00:00Z", "0001-01-01T00:00:00Z" },
		{ "2023-11-31T00:00:00Z", "0001-01-01T00:00:00Z" },
		{ "2023-13-01T00:00:00Z", "0001-01-01T00:00:00Z" },
		{ "2023-00-01T00:00:00Z", "0001-01-01T00:00:00Z" },
		{ "2023-11-14T24:00:00Z", "0001-01-01T00:00:00Z" },
		{ "2023-11-14T22:13:60Z", "0001-01-01T00:00:00Z" },
		{ "2023-11-14T22:13:20", "0001-01-01T00:00:00Z" },
		{ "2023-11-14T22:13:20.Z", "0001-01-01T00:00:00Z" },
		{ "2023-11-14T22:13:20+24:00", "0001-01-01T00:00:00Z" },
		{ "2023-11-14T22:13:20+1:00", "0001-01-01T00:00:00Z" },
		{ "2023-11-14 22:13:20Z", "0001-01-01T00:00:00Z" },
		{ "2023", "0001-01-01T00:00:00Z" },
		{ "", "0001-01-01T00:00:00Z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_free char *text = xasprintf("{\"created\":\"%s\"}", cases[i][0]);
		cleanup_free char *wanted = xasprintf("\"created\":\"%s\",", cases[i][1]);
		cleanup_buf struct buf out = { 0 };

		rewrite_config(text, &out);
		assert_non_null(strstr(buf_str(&out), wanted));
	}
}

static void rewrite_manifest(const char *text, const struct oci_desc *layers, size_t n, struct buf *out)
{
	cleanup_with(oci_manifest_free) struct oci_manifest *m = NULL;
	struct oci_rewrite change = { .media_type = OCI_MT_SQUASHFS, .layers = layers, .n_layers = n };
	struct digest config = { .text = D2 };

	assert_ok(oci_manifest_parse(text, strlen(text), &m));
	oci_manifest_rewrite(m, &change, &config, 99, out);
}

static void manifest_keeps_all_but_config_and_layers(void **state)
{
	static char ext3[] = OCI_MT_EXT3;
	struct oci_desc layers[] = { { .digest = { .text = D1 }, .size = 4096 },
				     { .digest = { .text = D2 }, .size = 8192, .media_type = ext3 } };
	cleanup_buf struct buf out = { 0 };

	(void)state;
	rewrite_manifest("{\"x\":1,\"annotations\":{\"b\":\"2\",\"a\":\"1\"},\"layers\":[{\"mediaType\":\"t\",\"size\":"
			 "1,\"digest\":\"" D1 "\",\"urls\":[\"u\"]}],\"config\":{\"annotations\":{},\"digest\":\"" D1
			 "\",\"size\":1,\"data\":\"e30=\",\"mediaType\":\"" OCI_MT_DOCKER_CONFIG
			 "\"},\"artifactType\":\"a\",\"mediaType\":\"" OCI_MT_DOCKER_MANIFEST "\"}",
			 layers, 2, &out);
	assert_string_equal(buf_str(&out),
			    "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MT_DOCKER_MANIFEST
			    "\",\"config\":{\"mediaType\":\"" OCI_MT_DOCKER_CONFIG "\",\"size\":99,\"digest\":\"" D2
			    "\"},\"layers\":[{\"mediaType\":\"" OCI_MT_SQUASHFS "\",\"size\":4096,\"digest\":\"" D1
			    "\"},{\"mediaType\":\"" OCI_MT_EXT3 "\",\"size\":8192,\"digest\":\"" D2
			    "\"}],\"annotations\":{\"a\":\"1\",\"b\":\"2\"},\"artifactType\":\"a\",\"x\":1}");
}

static void kept_layers_keep_their_descriptor(void **state)
{
	static const char text[] =
		"{\"config\":{\"digest\":\"" D1 "\",\"size\":1},\"layers\":[{\"digest\":\"" D1
		"\",\"annotations\":{\"k\":\"v\"},\"size\":7,\"mediaType\":\"" OCI_MT_SQUASHFS "\"}]}";
	cleanup_with(oci_manifest_free) struct oci_manifest *m = NULL;
	cleanup_buf struct buf out = { 0 };

	(void)state;
	assert_ok(oci_manifest_parse(text, strlen(text), &m));
	rewrite_manifest(text, m->layers, 1, &out);
	assert_string_equal(buf_str(&out),
			    "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"\",\"size\":99,\"digest\":\"" D2
			    "\"},\"layers\":[{\"mediaType\":\"" OCI_MT_SQUASHFS "\",\"size\":7,\"digest\":\"" D1
			    "\",\"annotations\":{\"k\":\"v\"}}]}");
}

static void root_index_names_the_artifact(void **state)
{
	static const char *const cases[][2] = {
		{ "", OCI_MT_CONFIG }, /* of its own it has none: the config's type */
		{ ",\"artifactType\":\"application/vnd.sylabs.data-container.v1\"",
		  "application/vnd.sylabs.data-container.v1" },
	};
	struct digest digest = { .text = D2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_free char *text = xasprintf("{\"config\":{\"mediaType\":\"" OCI_MT_CONFIG "\",\"digest\":\"" D1
						    "\",\"size\":1}%s}",
						    cases[i][0]);
		cleanup_free char *wanted =
			xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" OCI_MT_INDEX
				  "\",\"manifests\":[{\"mediaType\":\"m\",\"size\":5,\"digest\":\"" D2
				  "\",\"artifactType\":\"%s\"}]}",
				  cases[i][1]);
		cleanup_with(oci_manifest_free) struct oci_manifest *m = NULL;
		cleanup_buf struct buf out = { 0 };

		assert_ok(oci_manifest_parse(text, strlen(text), &m));
		oci_root_index(m, "m", &digest, 5, &out);
		assert_string_equal(buf_str(&out), wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_config_gets_what_must_be_there),
		cmocka_unit_test(members_are_ordered_and_empty_ones_dropped),
		cmocka_unit_test(unknown_members_follow_unchanged),
		cmocka_unit_test(members_of_other_types_stay),
		cmocka_unit_test(times_are_rendered_anew),
		cmocka_unit_test(manifest_keeps_all_but_config_and_layers),
		cmocka_unit_test(kept_layers_keep_their_descriptor),
		cmocka_unit_test(root_index_names_the_artifact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
