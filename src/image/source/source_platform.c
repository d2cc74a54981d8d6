/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/source/source_platform.h"

/* Platforms that are listed when none fits; official images have a dozen. */
enum { LISTED_MAX = 20 };

void source_platform_choose(const struct oci_index *index, const struct oci_platform *required,
			    const struct oci_desc **ret_desc)
{
	unsigned int best = 0;

	*ret_desc = NULL;
	for (size_t i = 0; i < index->n_manifests; i++) {
		unsigned int score = oci_platform_score(&index->manifests[i].platform, required);

		if (score > best) {
			best = score;
			*ret_desc = &index->manifests[i];
		}
	}
}

static bool is_real(const struct oci_platform *p)
{
	return p->os && p->architecture && !str_eq(p->os, "unknown");
}

struct error *source_platform_none(const struct oci_index *index, const struct oci_platform *required)
{
	cleanup_free char *wanted = oci_platform_text(required);
	cleanup_strv struct strv offers = { 0 };

	for (size_t i = 0; i < index->n_manifests && offers.n < LISTED_MAX; i++) {
		const struct oci_platform *p = &index->manifests[i].platform;
		cleanup_free char *text = is_real(p) ? oci_platform_text(p) : NULL;

		if (text && !strv_has(&offers, text))
			strv_add(&offers, text);
	}

	cleanup_free char *list = offers.n ? strv_join(&offers, ", ") : xstrdup("nothing that names a platform");

	return error_hint(error_new(ERR_NOT_FOUND, "no image satisfies requested platform: %s", wanted),
			  "the image index offers %s", list);
}

struct error *source_platform_check(const struct source *source, const struct source_options *options)
{
	const struct oci_config *config = source->config;

	if (!config || (!config->os && !config->architecture)) {
		if (options->sink)
			options->sink(
				options->sink_ctx, LOG_WARNING,
				"OCI image doesn't declare a platform. It may not be compatible with this system.");
		return NULL;
	}

	const struct oci_platform have = {
		.os = config->os,
		.architecture = config->architecture,
		.variant = config->variant,
		.os_version = config->os_version,
	};

	if (oci_platform_satisfies(&have, &options->platform))
		return NULL;

	cleanup_free char *have_text = oci_platform_text(&have);
	cleanup_free char *wanted = oci_platform_text(&options->platform);

	return error_new(ERR_UNSUPPORTED, "image (%s) does not satisfy required platform (%s)", have_text, wanted);
}
