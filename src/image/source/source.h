/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where images come from: docker://, docker-archive:, oci:, oci-archive:. A source resolves a URI to one image for one
 * platform (manifest, config) and opens its blobs as streams. transports.md 1, 2, 4.
 *
 * Streams verify: a read that reports the end of the blob without error has seen exactly the descriptor's size and
 * digest. So nobody downstream hashes stored bytes again.
 */
#ifndef IMAGE_SOURCE_H
#define IMAGE_SOURCE_H

#include "base/log.h"
#include "formats/oci/oci.h"

/* A stream of a blob's stored bytes. read() may block; one thread at a time. */
struct blob_reader {
	/* Up to @size bytes; *ret_n == 0 is the end, reported only after size and digest were checked. */
	struct error *(*read)(struct blob_reader *r, void *buf, size_t size, size_t *ret_n);
	void (*close)(struct blob_reader *r); /* frees @r */
};

static inline void blob_reader_close(struct blob_reader *r)
{
	if (r)
		r->close(r);
}
DEFINE_CLEANUP(struct blob_reader *, blob_reader_close)

/* Credentials and options of the command line that matter to sources. */
struct source_options {
	struct oci_platform platform; /* required platform; filled from the host if nothing was asked for */
	bool platform_given;	      /* --arch or --platform was used */
	const char *tmpdir;	      /* where large temporary files may go */
	const char *authfile;	      /* NULL: the default credential files */
	const char *docker_username, *docker_password; /* NULL if not given */
	bool no_https;
	/* Messages for the user: "Copying blob ...", WARNING lines. May be called from threads of the source, one call
	 * at a time each. */
	log_sink *sink;
	void *sink_ctx;
};

struct cache;

/* A resolved image. The documents are owned by the source. */
struct source {
	char *manifest_bytes;
	size_t manifest_len;
	char *manifest_media_type;     /* as served */
	struct digest manifest_digest; /* of manifest_bytes */
	struct oci_manifest *manifest;
	char *config_bytes;
	size_t config_len;
	struct oci_config *config; /* NULL if the config is no image config */
	/*
	 * Begin to fetch the blobs: called once, when the caller knows that its cache does not hold the converted
	 * image. Says "Getting image source signatures", then the "Copying ..." lines as blobs arrive, last "Writing
	 * manifest to image destination".
	 */
	struct error *(*start)(struct source *s);
	/* Open a blob of this image; only after start. May be called again for the same blob, and from several threads
	 * at once; several may be open at once. */
	struct error *(*open_blob)(struct source *s, const struct oci_desc *desc, struct blob_reader **ret_reader);
	void (*close)(struct source *s);
};

/**
 * source_open() - resolve @uri to an image
 * @cache: blob cache or NULL when caching is off
 *
 * Prints nothing itself: messages go to the sink. Opening resolves manifest and config alone, so that a cached image
 * costs no blob; start() lets the downloads of a registry begin, newest layer first, in threads that go on until the
 * source is closed.
 *
 * Errors carry the transport's sentence ("could not parse reference: x", "no images found in layout d"); the caller
 * puts "failed to get digest for URI" before it.
 */
must_check struct error *source_open(const char *uri, const struct source_options *options, struct cache *cache,
				     struct source **ret_source);

static inline void source_close(struct source *s)
{
	if (s)
		s->close(s);
}
DEFINE_CLEANUP(struct source *, source_close)

/* The last line of a copy: all blobs have arrived. */
#define SOURCE_SAID_WRITTEN "Writing manifest to image destination"

/* source_say_*() - the lines of a copy, for sources to call; they go to the sink of @options, if it has one */
void source_say_signatures(const struct source_options *options);
void source_say_blob(const struct source_options *options, const struct digest *digest);
void source_say_config(const struct source_options *options, const struct digest *digest);
void source_say_written(const struct source_options *options);

#endif
