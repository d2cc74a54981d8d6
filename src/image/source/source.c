/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/source/source_priv.h"

#include "image/source/source_docker.h"

#include "base/sha256.h"
#include "formats/uri/uri.h"

/* Digits of a digest that the lines of a copy show: as containers/image shortens them. */
enum { SHORT_BLOB = 12, SHORT_CONFIG = 10 };

static void say(const struct source_options *options, enum log_level level, const char *text)
{
	if (options->sink)
		options->sink(options->sink_ctx, level, text);
}

/* Two blanks at the end: the line is what is left of a progress bar in the program that scripts know these lines from.
 */
static void say_done(const struct source_options *options, const char *what, const struct digest *digest, int len)
{
	cleanup_free char *text = xasprintf("Copying %s %.*s done  ", what, len, digest_hex(digest));

	say(options, LOG_LOG, text);
}

void source_say_signatures(const struct source_options *options)
{
	say(options, LOG_LOG, "Getting image source signatures");
}

void source_say_blob(const struct source_options *options, const struct digest *digest)
{
	say_done(options, "blob", digest, SHORT_BLOB);
}

void source_say_config(const struct source_options *options, const struct digest *digest)
{
	say_done(options, "config", digest, SHORT_CONFIG);
}

void source_say_written(const struct source_options *options)
{
	say(options, LOG_LOG, SOURCE_SAID_WRITTEN);
}

static bool listed_before(const struct oci_manifest *manifest, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (digest_eq(&manifest->layers[k].digest, &manifest->layers[i].digest))
			return true;
	}
	return false;
}

struct error *source_say_local(const struct source *source, const struct source_options *options)
{
	const struct oci_manifest *manifest = source->manifest;

	source_say_signatures(options);
	for (size_t i = 0; i < manifest->n_layers; i++) {
		if (!listed_before(manifest, i))
			source_say_blob(options, &manifest->layers[i].digest);
	}
	source_say_config(options, &manifest->config.digest);
	source_say_written(options);
	return NULL;
}

struct error *source_take_manifest(struct source *source, struct buf *bytes)
{
	TRY(oci_manifest_parse(buf_str(bytes), bytes->len, &source->manifest));
	source->manifest_len = bytes->len;
	source->manifest_digest = sha256_of(buf_str(bytes), bytes->len);
	source->manifest_bytes = buf_take(bytes);
	return NULL;
}

struct error *source_take_config(struct source *source, struct buf *bytes)
{
	if (oci_is_config_type(source->manifest->config.media_type))
		TRY(oci_config_parse(buf_str(bytes), bytes->len, &source->config));
	source->config_len = bytes->len;
	source->config_bytes = buf_take(bytes);
	return NULL;
}

void source_release(struct source *source)
{
	oci_manifest_free(source->manifest);
	oci_config_free(source->config);
	free(source->manifest_bytes);
	free(source->manifest_media_type);
	free(source->config_bytes);
}

static struct error *open_transport(const struct uri *uri, const struct source_options *options, struct cache *cache,
				    struct source **ret_source)
{
	switch (uri->transport) {
	case URI_DOCKER:
		return source_docker_open(uri->rest, options, cache, ret_source);
	case URI_DOCKER_ARCHIVE:
		return source_archive_open(uri->rest, true, options, ret_source);
	case URI_OCI_ARCHIVE:
		return source_archive_open(uri->rest, false, options, ret_source);
	case URI_OCI:
		return source_layout_open(uri->rest, options, ret_source);
	case URI_OCI_SIF:
	case URI_PLAIN:
		return source_ocisif_open(uri_local_path(uri->rest), options, ret_source);
	case URI_UNKNOWN:
	case URI_DOCKER_DAEMON:
	case URI_LIBRARY:
	case URI_SHUB:
	case URI_ORAS:
	case URI_HTTP:
	case URI_HTTPS:
	case URI_INSTANCE:
		break;
	}
	return error_hint(error_new(ERR_UNSUPPORTED, "unsupported transport type: %s", uri->scheme),
			  "images come from docker, docker-archive, oci, oci-archive and oci-sif");
}

struct error *source_open(const char *text, const struct source_options *options, struct cache *cache,
			  struct source **ret_source)
{
	cleanup_uri struct uri uri = { .transport = URI_PLAIN };

	uri_split(text, &uri);
	return open_transport(&uri, options, cache, ret_source);
}
