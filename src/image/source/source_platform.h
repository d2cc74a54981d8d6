/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wanted platform against what an image offers (transports.md 2.6); for all sources.
 */
#ifndef IMAGE_SOURCE_PLATFORM_H
#define IMAGE_SOURCE_PLATFORM_H

#include "image/source/source.h"

/**
 * source_platform_choose() - the entry of an index that fits best, the first of equals
 * @ret_desc: borrowed from @index; NULL if none fits
 *
 * Entries of attestations ("unknown/unknown") and entries without a platform never fit.
 */
void source_platform_choose(const struct oci_index *index, const struct oci_platform *required,
			    const struct oci_desc **ret_desc);
/* source_platform_none() - the error when none fits, its hint a list of what there is; ERR_NOT_FOUND */
must_check struct error *source_platform_none(const struct oci_index *index, const struct oci_platform *required);
/**
 * source_platform_check() - does the image's config satisfy what the options require
 *
 * For whoever pulls to call once after source_open(), so that the sentence has no other before it. A config that
 * declares no platform is a WARNING on the sink.
 */
must_check struct error *source_platform_check(const struct source *source, const struct source_options *options);

#endif
