/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The blobs of one image on their way from a registry: threads fetch them, newest layer first, into the cache or
 * unnamed temporary files, and readers follow while they arrive.
 *
 * A blob is hashed once, by the thread that fetches it; a reader sees the end only after that hash was right. A blob
 * that lies in the cache is hashed before its first byte is given away, so that a damaged one can be dropped and
 * fetched again unnoticed. Between processes the cache's claims see to it that each blob is fetched once.
 */
#ifndef IMAGE_BLOB_FETCH_H
#define IMAGE_BLOB_FETCH_H

#include "image/cache/cache.h"
#include "image/registry/registry.h"
#include "image/source/source.h"

enum { BLOB_FETCH_THREADS = 4 };

struct blob_fetch;

/**
 * blob_fetch_new() - nothing is fetched yet
 * @registry, @cache: borrowed; @cache NULL: temporary files in options->tmpdir
 * @manifest: borrowed; its layers are what is fetched
 *
 * The lines of the copy go to the sink in the order of the manifest, each once.
 */
struct blob_fetch *blob_fetch_new(struct registry *registry, struct cache *cache, const struct source_options *options,
				  const struct oci_manifest *manifest);
/* blob_fetch_start() - start the threads */
must_check struct error *blob_fetch_start(struct blob_fetch *fetch);
/* blob_fetch_open() - a reader of a blob, which then comes before those that nobody reads yet; readers must be closed
 * before @fetch is freed */
must_check struct error *blob_fetch_open(struct blob_fetch *fetch, const struct oci_desc *desc,
					 struct blob_reader **ret_reader);
/* blob_fetch_free() - end the threads; if something was still on its way, registry and cache are cancelled */
void blob_fetch_free(struct blob_fetch *fetch);

#endif
