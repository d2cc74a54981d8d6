/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * docker://: an image of a registry as a source. See source.h for what a source is.
 */
#ifndef IMAGE_SOURCE_DOCKER_H
#define IMAGE_SOURCE_DOCKER_H

#include "image/source/source.h"

/**
 * source_docker_open() - resolve a registry reference to the image of the wanted platform
 * @reference: what follows "docker:", with or without the leading "//"
 * @options:   must outlive the source
 * @cache:     blob cache or NULL; must outlive the source, and is cancelled if the source is closed while blobs are on
 * their way
 *
 * With a cache that holds the documents this costs one question for the digest (HEAD), so that limits on pulls are not
 * used up.
 */
must_check struct error *source_docker_open(const char *reference, const struct source_options *options,
					    struct cache *cache, struct source **ret_source);

#endif
