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

#include <inttypes.h>

/* An index in an index is unusual, more is an attack or a mistake. */
enum { INDEX_DEPTH_MAX = 3 };

struct docker_source {
	struct source source;
	const struct source_options *options;
	struct cache *cache;
	struct oci_ref ref;
	struct registry *registry;
	char *media_type; /* what source.manifest_media_type points to */
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
	if (!d->cache)
		return NULL;
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

/* Keeps a document for next time. That it cannot be kept is no reason to fail. */
static void keep_document(struct docker_source *d, const struct digest *digest, const struct buf *bytes)
{
	struct cache_claim *claim = NULL;
	int fd = -EBADF;

	if (!d->cache || !cache_is_writable(d->cache))
		return;

	cleanup_with(error_free) struct error *err = cache_claim_blob(d->cache, digest, &claim, &fd);

	if (!err && claim) {
		err = io_pwrite_all(fd, buf_str(bytes), bytes->len, 0);
		if (err)
			cache_abandon(claim);
		else
			err = cache_commit(claim);
	}
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

/* The document that the reference names, an index or a manifest. */
static struct error *root_document(struct docker_source *d, struct registry_document *ret_document)
{
	const char *reference = d->ref.digest.text[0] ? d->ref.digest.text : d->ref.tag;
	cleanup_registry_document struct registry_document known = { 0 };
	bool found = false;

	if (d->cache)
		ask_digest(d, reference, &known, &found);
	if (found)
		TRY(cached_document(d, &known.digest, OCI_MANIFEST_MAX, &known.bytes, &found));
	if (found) {
		*ret_document = known;
		known = (struct registry_document){ 0 };
		return NULL;
	}
	TRY(registry_get_manifest(d->registry, reference, NULL, OCI_MANIFEST_MAX, ret_document));
	return NULL;
}

/* The document that an entry of an index names. */
static struct error *child_document(struct docker_source *d, const struct oci_desc *desc,
				    struct registry_document *ret_document)
{
	cleanup_registry_document struct registry_document child = { .digest = desc->digest };
	bool found = false;

	TRY(cached_document(d, &desc->digest, OCI_MANIFEST_MAX, &child.bytes, &found));
	if (!found)
		TRY(registry_get_manifest(d->registry, desc->digest.text, *desc->media_type ? desc->media_type : NULL,
					  OCI_MANIFEST_MAX, &child));
	if (child.bytes.len != desc->size)
		return error_new(ERR_CORRUPT, "manifest %s has %zu bytes, its index says %" PRIu64, desc->digest.text,
				 child.bytes.len, desc->size);
	if (!child.media_type)
		child.media_type = xstrdup(desc->media_type);
	*ret_document = child;
	child = (struct registry_document){ 0 };
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

static void move_document(struct registry_document *to, struct registry_document *from)
{
	registry_document_clear(to);
	*to = *from;
	*from = (struct registry_document){ 0 };
}

/* Walks from the root document down to a manifest. */
static struct error *find_manifest(struct docker_source *d, struct registry_document *ret_document)
{
	cleanup_registry_document struct registry_document document = { 0 };

	TRY(root_document(d, &document));
	for (int depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
		cleanup_with(oci_index_free) struct oci_index *index = NULL;
		cleanup_registry_document struct registry_document child = { 0 };
		const struct oci_desc *desc;
		bool is_index = false;

		TRY(sniff(&document, &is_index));
		keep_document(d, &document.digest, &document.bytes);
		if (!is_index) {
			move_document(ret_document, &document);
			return NULL;
		}
		TRY(oci_index_parse(buf_str(&document.bytes), document.bytes.len, &index));
		source_platform_choose(index, &d->options->platform, &desc);
		if (!desc)
			return source_platform_none(index, &d->options->platform);
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
	TRY(oci_manifest_parse(buf_str(&document.bytes), document.bytes.len, &s->manifest));
	d->media_type = manifest_type(&document, s->manifest);
	s->manifest_media_type = d->media_type;
	s->manifest_digest = document.digest;
	s->manifest_len = document.bytes.len;
	s->manifest_bytes = buf_take(&document.bytes);
	return NULL;
}

static struct error *append(void *ctx, const void *data, size_t size)
{
	buf_append(ctx, data, size); /* registry_get_blob() keeps to the descriptor's size, which was checked */
	return NULL;
}

static struct error *embedded_config(const struct oci_desc *desc, struct buf *bytes, bool *ret_found)
{
	const char *embedded = jv_get_str(desc->doc, "data");
	struct digest got;

	*ret_found = false;
	if (!embedded)
		return NULL;
	if (!base64_decode(embedded, bytes))
		return error_new(ERR_CORRUPT, "the config embedded in the manifest is not Base64");
	got = sha256_of(buf_str(bytes), bytes->len);
	if (!digest_eq(&got, &desc->digest))
		return error_new(ERR_CORRUPT, "the config embedded in the manifest is something else");
	*ret_found = true;
	return NULL;
}

static struct error *config_bytes(struct docker_source *d, struct buf *bytes)
{
	const struct oci_desc *desc = &d->source.manifest->config;
	const struct registry_blob blob = { .digest = desc->digest, .size = desc->size };
	bool found = false;

	if (desc->size > OCI_CONFIG_MAX)
		return error_new(ERR_LIMIT, "image config has %" PRIu64 " bytes (limit %d)", desc->size,
				 OCI_CONFIG_MAX);
	TRY(embedded_config(desc, bytes, &found));
	if (!found)
		TRY(cached_document(d, &desc->digest, OCI_CONFIG_MAX, bytes, &found));
	if (!found)
		TRY(registry_get_blob(d->registry, &blob, append, bytes));
	if (bytes->len != desc->size)
		return error_new(ERR_CORRUPT, "image config has %zu bytes, its descriptor says %" PRIu64, bytes->len,
				 desc->size);
	keep_document(d, &desc->digest, bytes);
	return NULL;
}

static struct error *load_config(struct docker_source *d)
{
	cleanup_buf struct buf bytes = { 0 };
	struct source *s = &d->source;

	TRY(config_bytes(d, &bytes));
	if (oci_is_config_type(s->manifest->config.media_type))
		TRY(oci_config_parse(buf_str(&bytes), bytes.len, &s->config));
	s->config_len = bytes.len;
	s->config_bytes = buf_take(&bytes);
	return NULL;
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
	oci_manifest_free(s->manifest);
	oci_config_free(s->config);
	free(s->manifest_bytes);
	free(s->config_bytes);
	free(d->media_type);
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
