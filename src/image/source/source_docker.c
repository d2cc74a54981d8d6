/* SPDX-License-Identifier: BSD-3-Clause */
/* From a reference to manifest and config: tag, digest, index, platform, each document from the cache or the registry.
 */
#include "image/source/source_docker.h"

#include "base/io.h"
#include "base/sha256.h"
#include "build_config.h"
#include "formats/oci/oci_ref.h"
#include "image/registry/registry_base64.h"
#include "image/source/blob_fetch.h"
#include "image/source/source_platform.h"
#include "image/source/source_priv.h"

#include <inttypes.h>

/* An index in an index is unusual, more is an attack or a mistake. */
enum { INDEX_DEPTH_MAX = 3 };

/* Entries without a platform that are looked into; each costs two requests. */
enum { SILENT_ENTRIES_MAX = 8 };

struct docker_source {
	struct source source;
	const struct source_options *options;
	struct cache *cache;
	struct oci_ref ref;
	struct registry *registry;
	struct blob_fetch *fetch;
};

static struct docker_source *docker_of(struct source *s)
{
	return (struct docker_source *)s; /* its first member */
}

static void warn(const struct docker_source *d, const char *text)
{
	if (d->options->sink)
		d->options->sink(d->options->sink_ctx, LOG_WARNING, text);
}

/* A document of the cache; *ret_found only if the bytes are what the digest says. */
static struct error *cached_document(struct docker_source *d, const struct digest *digest, size_t limit,
				     struct buf *bytes, bool *ret_found)
{
	cleanup_fd int fd = -EBADF;
	struct digest got;

	*ret_found = false;
	TRY(cache_find_blob(d->cache, digest, &fd));
	if (fd < 0)
		return NULL;
	TRY(io_read_to_end(fd, limit, "document", bytes));
	got = sha256_of(buf_str(bytes), bytes->len);
	*ret_found = digest_eq(&got, digest);
	if (!*ret_found) {
		cache_drop_blob(d->cache, digest);
		buf_clear(bytes);
	}
	return NULL;
}

/* A document that is being fetched for the cache: others who want it wait for us. */
struct pending {
	struct cache_claim *claim; /* NULL: not for the cache */
	int fd;			   /* of the claim */
};

static void pending_end(struct pending *pending)
{
	cache_abandon(pending->claim);
}
#define cleanup_pending __attribute__((__cleanup__(pending_end)))

/* Takes a document from the cache, or the right to put it there; neither if there is no cache. */
static struct error *find_or_claim(struct docker_source *d, const struct digest *digest, size_t limit,
				   struct buf *bytes, struct pending *pending, bool *ret_found)
{
	*ret_found = false;
	if (!d->cache)
		return NULL;
	/* A second look, in case another process put it there while we waited for its claim. */
	for (int look = 0; look < 2; look++) {
		TRY(cached_document(d, digest, limit, bytes, ret_found));
		if (*ret_found || !cache_is_writable(d->cache))
			return NULL;
		TRY(cache_claim_blob(d->cache, digest, &pending->claim, &pending->fd));
		if (pending->claim)
			return NULL;
	}
	return NULL;
}

/* Puts the fetched document into the cache. That it cannot be kept is no reason to fail. */
static void keep(struct pending *pending, const struct buf *bytes)
{
	cleanup_with(error_free) struct error *err = NULL;

	if (!pending->claim)
		return;
	err = io_pwrite_all(pending->fd, buf_str(bytes), bytes->len, 0);
	if (!err)
		err = cache_commit(take_ptr(&pending->claim));
	if (err)
		log_debug("%s", error_text(err));
}

/* What the tag stands for, without spending a pull. *ret_found: false if the registry would not say. */
static void ask_digest(struct docker_source *d, const char *reference, struct registry_document *document,
		       bool *ret_found)
{
	cleanup_with(error_free) struct error *err =
		registry_head_manifest(d->registry, reference, &document->digest, &document->media_type);

	*ret_found = !err;
	if (err) {
		cleanup_free char *text = xasprintf("Couldn't use cached digest for registry: %s", error_text(err));

		warn(d, text);
		warn(d, "Falling back to direct digest.");
	}
}

static void move_document(struct registry_document *to, struct registry_document *from)
{
	registry_document_clear(to);
	*to = *from;
	*from = (struct registry_document){ 0 };
}

/* The document that the reference names, an index or a manifest. */
static struct error *root_document(struct docker_source *d, struct registry_document *ret_document)
{
	const char *reference = d->ref.digest.text[0] ? d->ref.digest.text : d->ref.tag;
	cleanup_registry_document struct registry_document known = { 0 };
	cleanup_pending struct pending pending = { 0 };
	bool found = false;

	if (d->cache)
		ask_digest(d, reference, &known, &found);
	if (found)
		TRY(find_or_claim(d, &known.digest, OCI_MANIFEST_MAX, &known.bytes, &pending, &found));
	if (found) {
		move_document(ret_document, &known);
		return NULL;
	}
	TRY(registry_get_manifest(d->registry, reference, NULL, OCI_MANIFEST_MAX, ret_document));
	/* The tag may have moved between the two questions. */
	if (digest_eq(&ret_document->digest, &known.digest))
		keep(&pending, &ret_document->bytes);
	return NULL;
}

/* The document that an entry of an index names. */
static struct error *child_document(struct docker_source *d, const struct oci_desc *desc,
				    struct registry_document *ret_document)
{
	cleanup_registry_document struct registry_document child = { .digest = desc->digest };
	const char *accept = *desc->media_type ? desc->media_type : NULL;
	cleanup_pending struct pending pending = { 0 };
	bool found = false;

	TRY(find_or_claim(d, &desc->digest, OCI_MANIFEST_MAX, &child.bytes, &pending, &found));
	if (!found) {
		TRY(registry_get_manifest(d->registry, desc->digest.text, accept, OCI_MANIFEST_MAX, &child));
		keep(&pending, &child.bytes);
	}
	if (child.bytes.len != desc->size)
		return error_new(ERR_CORRUPT, "manifest %s has %zu bytes, its index says %" PRIu64, desc->digest.text,
				 child.bytes.len, desc->size);
	if (!child.media_type)
		child.media_type = xstrdup(desc->media_type);
	move_document(ret_document, &child);
	return NULL;
}

static struct error *append(void *ctx, const void *data, size_t size)
{
	buf_append(ctx, data, size); /* registry_get_blob() keeps to the descriptor's size, which was checked */
	return NULL;
}

/* A config that stands in its own descriptor. */
static struct error *embedded_config(const struct oci_desc *desc, const char *embedded, struct buf *bytes)
{
	struct digest got;

	if (!base64_decode(embedded, bytes))
		return error_new(ERR_CORRUPT, "the config embedded in the manifest is not Base64");
	got = sha256_of(buf_str(bytes), bytes->len);
	if (!digest_eq(&got, &desc->digest))
		return error_new(ERR_CORRUPT, "the config embedded in the manifest is something else");
	return NULL;
}

/* The image config that a manifest names. */
static struct error *config_bytes(struct docker_source *d, const struct oci_desc *desc, struct buf *bytes)
{
	const struct registry_blob blob = { .digest = desc->digest, .size = desc->size };
	const char *embedded = jv_get_str(desc->doc, "data");
	cleanup_pending struct pending pending = { 0 };
	bool found = false;

	if (desc->size > OCI_CONFIG_MAX)
		return error_new(ERR_LIMIT, "image config has %" PRIu64 " bytes (limit %d)", desc->size,
				 OCI_CONFIG_MAX);
	if (embedded) {
		TRY(embedded_config(desc, embedded, bytes));
	} else {
		TRY(find_or_claim(d, &desc->digest, OCI_CONFIG_MAX, bytes, &pending, &found));
		if (!found)
			TRY(registry_get_blob(d->registry, &blob, append, bytes));
		keep(&pending, bytes);
	}
	if (bytes->len != desc->size)
		return error_new(ERR_CORRUPT, "image config has %zu bytes, its descriptor says %" PRIu64, bytes->len,
				 desc->size);
	return NULL;
}

static bool is_schema1_type(const char *media_type)
{
	return str_starts(media_type, "application/vnd.docker.distribution.manifest.v1+");
}

/*
 * Index or manifest? The document decides, since registries serve odd types; but where a registry says one and sends
 * the other, somebody may want two readers to see two images (CVE-2021-41190).
 */
static struct error *sniff(const struct registry_document *document, bool *ret_is_index)
{
	cleanup_with(jv_free) struct jv *doc = NULL;
	const char *media_type = document->media_type;

	if (is_schema1_type(media_type))
		return error_hint(error_new(ERR_UNSUPPORTED, "unsupported MediaType: \"%s\"", media_type),
				  "docker schema 1 images are not supported; re-push the image with a current tool");
	TRY(jv_parse(buf_str(&document->bytes), document->bytes.len, "manifest", &doc));

	bool is_index = jv_is_array(jv_get(doc, "manifests"));

	if (is_index ? oci_is_manifest_type(media_type) : oci_is_index_type(media_type))
		return error_new(ERR_CORRUPT, "manifest %s is served as \"%s\", but it is %s", document->digest.text,
				 media_type, is_index ? "an index" : "none");
	*ret_is_index = is_index;
	return NULL;
}

/* Does the image of an entry fit that names no platform? Its config knows. */
static struct error *config_fits(struct docker_source *d, const struct oci_desc *desc, bool *ret_fits)
{
	cleanup_registry_document struct registry_document document = { 0 };
	cleanup_with(oci_manifest_free) struct oci_manifest *manifest = NULL;
	cleanup_with(oci_config_free) struct oci_config *config = NULL;
	cleanup_buf struct buf bytes = { 0 };

	TRY(child_document(d, desc, &document));
	TRY(oci_manifest_parse(buf_str(&document.bytes), document.bytes.len, &manifest));
	if (!oci_is_config_type(manifest->config.media_type))
		return NULL;
	TRY(config_bytes(d, &manifest->config, &bytes));
	TRY(oci_config_parse(buf_str(&bytes), bytes.len, &config));

	const struct oci_platform platform = {
		.os = config->os,
		.architecture = config->architecture,
		.variant = config->variant,
		.os_version = config->os_version,
	};

	*ret_fits = oci_platform_satisfies(&platform, &d->options->platform);
	return NULL;
}

/* The entry for the wanted platform, if need be by asking those that do not say. */
static struct error *choose(struct docker_source *d, const struct oci_index *index, const struct oci_desc **ret_desc)
{
	int asked = 0;

	source_platform_choose(index, &d->options->platform, ret_desc);
	for (size_t i = 0; i < index->n_manifests && !*ret_desc && asked < SILENT_ENTRIES_MAX; i++) {
		const struct oci_desc *desc = &index->manifests[i];
		bool fits = false;

		if (desc->platform.os || desc->platform.architecture || !oci_is_manifest_type(desc->media_type))
			continue;
		asked++;
		TRY(config_fits(d, desc, &fits));
		if (fits)
			*ret_desc = desc;
	}
	return *ret_desc ? NULL : source_platform_none(index, &d->options->platform);
}

/* Walks from the root document down to a manifest. */
static struct error *find_manifest(struct docker_source *d, struct registry_document *ret_document)
{
	cleanup_registry_document struct registry_document document = { 0 };

	TRY(root_document(d, &document));
	for (int depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
		cleanup_with(oci_index_free) struct oci_index *index = NULL;
		cleanup_registry_document struct registry_document child = { 0 };
		const struct oci_desc *desc = NULL;
		bool is_index = false;

		TRY(sniff(&document, &is_index));
		if (!is_index) {
			move_document(ret_document, &document);
			return NULL;
		}
		TRY(oci_index_parse(buf_str(&document.bytes), document.bytes.len, &index));
		TRY(choose(d, index, &desc));
		TRY(child_document(d, desc, &child));
		move_document(&document, &child);
	}
	return error_new(ERR_LIMIT, "image indexes are nested more than %d deep", INDEX_DEPTH_MAX);
}

/* The type to go by: as served, unless a registry serves something that is none. */
static char *manifest_type(const struct registry_document *document, const struct oci_manifest *manifest)
{
	if (oci_is_manifest_type(document->media_type))
		return xstrdup(document->media_type);
	return xstrdup(oci_is_manifest_type(manifest->media_type) ? manifest->media_type : OCI_MT_MANIFEST);
}

static struct error *load_manifest(struct docker_source *d)
{
	cleanup_registry_document struct registry_document document = { 0 };
	struct source *s = &d->source;

	TRY(find_manifest(d, &document));
	TRY(source_take_manifest(s, &document.bytes));
	s->manifest_media_type = manifest_type(&document, s->manifest);
	return NULL;
}

static struct error *load_config(struct docker_source *d)
{
	cleanup_buf struct buf bytes = { 0 };

	TRY(config_bytes(d, &d->source.manifest->config, &bytes));
	return source_take_config(&d->source, &bytes);
}

static struct error *docker_start(struct source *s)
{
	struct docker_source *d = docker_of(s);

	d->fetch = blob_fetch_new(d->registry, d->cache, d->options, s->manifest);
	return blob_fetch_start(d->fetch);
}

static struct error *docker_open_blob(struct source *s, const struct oci_desc *desc, struct blob_reader **ret_reader)
{
	return blob_fetch_open(docker_of(s)->fetch, desc, ret_reader);
}

static void docker_close(struct source *s)
{
	struct docker_source *d = docker_of(s);

	blob_fetch_free(d->fetch);
	registry_close(d->registry);
	oci_ref_clear(&d->ref);
	source_release(s);
	free(d);
}

static struct error *connect_registry(struct docker_source *d)
{
	cleanup_free char *agent =
		xasprintf("Singularity/%s (Linux %s)", PACKAGE_VERSION, oci_host_platform()->architecture);
	const struct registry_options options = {
		.registry = d->ref.registry,
		.repository = d->ref.repository,
		.no_https = d->options->no_https,
		.username = d->options->docker_username,
		.password = d->options->docker_password,
		.authfile = d->options->authfile,
		.http = { .user_agent = agent },
		.sink = d->options->sink,
		.sink_ctx = d->options->sink_ctx,
	};

	return registry_open(&options, &d->registry);
}

struct error *source_docker_open(const char *reference, const struct source_options *options, struct cache *cache,
				 struct source **ret_source)
{
	struct docker_source *d = xcalloc(1, sizeof(*d));
	cleanup_with(source_close) struct source *s = &d->source;
	const char *rest = str_after(reference, "//");

	s->start = docker_start;
	s->open_blob = docker_open_blob;
	s->close = docker_close;
	d->options = options;
	d->cache = cache;
	TRY(oci_ref_parse(rest ? rest : reference, &d->ref));
	TRY(connect_registry(d));
	TRY(load_manifest(d));
	TRY(load_config(d));
	*ret_source = take_ptr(&s);
	return NULL;
}
