/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Archives of `docker save`, `podman save` and skopeo: manifest.json names a config and layers by their paths in the
 * archive (transports.md 4.1). There is no image manifest in it, so one is made: of Docker's schema 2, from the digests
 * of what is there. An uncompressed layer's digest is its diff ID, so that only compressed layers must be read to know
 * theirs; reading checks both. The same archive gives the same manifest, hence the same place in the cache.
 */
#include "image/source/source_priv.h"

#include "base/io.h"
#include "base/sha256.h"
#include "formats/oci/oci_ref.h"

enum { HASH_STEP = 256 * 1024, MAGIC_SIZE = 4 };

struct docker_tarball {
	struct source base;
	const struct source_options *options;
	struct tarball *tarball;
	struct blob_range *layers; /* as many as the manifest has */
};

static const struct jv *image_at(const struct jv *images, size_t i)
{
	return jv_at(images, i);
}

/* ---- choosing ---- */

/* Both sides with Docker's defaults: foo/bar is docker.io/foo/bar:latest. Words that are no references are compared as
 * they are. */
static bool same_reference(const char *a, const char *b)
{
	struct oci_ref x = { 0 };
	struct oci_ref y = { 0 };
	cleanup_with(error_free) struct error *bad_x = oci_ref_parse(a, &x);
	cleanup_with(error_free) struct error *bad_y = oci_ref_parse(b, &y);
	bool same;

	if (bad_x || bad_y)
		same = str_eq(a, b);
	else
		same = str_eq(x.registry, y.registry) && str_eq(x.repository, y.repository) && x.tag && y.tag &&
		       str_eq(x.tag, y.tag);
	oci_ref_clear(&x);
	oci_ref_clear(&y);
	return same;
}

static bool has_tag(const struct jv *image, const char *name)
{
	const struct jv *tags = jv_get(image, "RepoTags");

	for (size_t i = 0; i < jv_len(tags); i++) {
		const char *tag = jv_str(jv_at(tags, i));

		if (tag && same_reference(tag, name))
			return true;
	}
	return false;
}

static char *tags_in(const struct jv *images)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < jv_len(images); i++) {
		const struct jv *tags = jv_get(image_at(images, i), "RepoTags");

		for (size_t k = 0; k < jv_len(tags) && text.len < 1000; k++) {
			const char *tag = jv_str(jv_at(tags, k));

			buf_appendf(&text, "%s%s", text.len ? ", " : "", tag ? tag : "?");
		}
	}
	if (!text.len)
		buf_appendf(&text, "%zu images without names", jv_len(images));
	return buf_take(&text);
}

static struct error *choose(const struct jv *images, const struct selector *s, const struct jv **ret_image)
{
	cleanup_free char *tags = tags_in(images);

	switch (s->kind) {
	case SELECT_NONE:
		*ret_image = image_at(images, 0);
		if (jv_len(images) == 1)
			return NULL;
		return error_hint(
			error_new(ERR_USAGE, "tarball must contain only a single image to be used with tarball.Image"),
			"choose with :NAME or :@INDEX, it holds %s", tags);
	case SELECT_INDEX:
		*ret_image = s->index < jv_len(images) ? image_at(images, (size_t)s->index) : NULL;
		if (*ret_image)
			return NULL;
		return error_new(ERR_NOT_FOUND, "invalid source index %s, only %zu manifest items available", s->text,
				 jv_len(images));
	case SELECT_NAME:
	case SELECT_DIGEST:
		break;
	}
	for (size_t i = 0; s->kind == SELECT_NAME && i < jv_len(images); i++) {
		*ret_image = image_at(images, i);
		if (has_tag(*ret_image, s->text))
			return NULL;
	}
	return error_hint(error_new(ERR_NOT_FOUND, "image \"%s\" not found in archive", s->text), "it holds %s", tags);
}

/* ---- the manifest ---- */

/* Newer archives name their members by digest; such a member must have it. */
static bool digest_in_path(const char *path, struct digest *ret_digest)
{
	const char *hex = str_after(path, "blobs/sha256/");
	cleanup_free char *text = hex ? xasprintf("sha256:%s", hex) : NULL;

	return text && digest_parse(text, ret_digest);
}

static struct error *hash_range(const struct blob_range *range, struct digest *ret_digest)
{
	cleanup_with(sha256_free) struct sha256 *hash = sha256_new();
	cleanup_free char *step = xmalloc(HASH_STEP);

	for (uint64_t done = 0; done < range->size;) {
		size_t want = range->size - done < HASH_STEP ? (size_t)(range->size - done) : HASH_STEP;
		size_t n;

		TRY(io_pread(range->fd, step, want, range->offset + done, &n));
		if (n == 0)
			return error_new(ERR_CORRUPT, "archive became shorter while it was read");
		sha256_update(hash, step, n);
		done += n;
	}
	*ret_digest = sha256_digest(hash);
	return NULL;
}

static const char *layer_type(const uint8_t *magic, size_t n)
{
	if (n >= 2 && memcmp(magic, "\x1f\x8b", 2) == 0)
		return OCI_MT_DOCKER_LAYER_GZIP;
	if (n >= 4 && memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0)
		return OCI_MT_LAYER_ZSTD;
	return OCI_MT_DOCKER_LAYER_TAR;
}

static struct jv *make_desc(const char *media_type, uint64_t size, const struct digest *digest)
{
	struct jv *desc = jv_new_object();

	jv_set_str(desc, "mediaType", media_type);
	jv_set_int(desc, "size", (int64_t)size);
	jv_set_str(desc, "digest", digest->text);
	return desc;
}

/* Each layer decides for itself whether it is compressed. */
static struct error *describe_layer(const struct docker_tarball *t, const char *path, const struct digest *diff_id,
				    struct blob_range *ret_range, struct jv *layers)
{
	uint8_t magic[MAGIC_SIZE];
	struct digest digest = *diff_id;
	const char *type;
	size_t n;

	TRY(tarball_find(t->tarball, path, ret_range));
	TRY(io_pread(ret_range->fd, magic, ret_range->size < sizeof(magic) ? (size_t)ret_range->size : sizeof(magic),
		     ret_range->offset, &n));
	type = layer_type(magic, n);
	if (!str_eq(type, OCI_MT_DOCKER_LAYER_TAR) && !digest_in_path(path, &digest))
		TRY_CTX(hash_range(ret_range, &digest), "%s", path);
	jv_append(layers, make_desc(type, ret_range->size, &digest));
	return NULL;
}

static struct error *describe_layers(struct docker_tarball *t, const struct jv *paths, const struct oci_config *config,
				     struct jv *layers)
{
	if (!jv_is_array(paths) && paths && !jv_is_null(paths))
		return error_new(ERR_CORRUPT, "manifest.json: Layers is no list");
	if (jv_len(paths) > OCI_LAYERS_MAX)
		return error_new(ERR_LIMIT, "manifest.json lists more than %d layers", OCI_LAYERS_MAX);
	if (jv_len(paths) != config->n_diff_ids)
		return error_new(ERR_CORRUPT, "manifest.json lists %zu layers, the config %zu diff IDs", jv_len(paths),
				 config->n_diff_ids);
	t->layers = xcalloc(config->n_diff_ids + 1, sizeof(*t->layers));
	for (size_t i = 0; i < config->n_diff_ids; i++) {
		const char *path = jv_str(jv_at(paths, i));

		if (!path)
			return error_new(ERR_CORRUPT, "manifest.json: layer %zu is no text", i);
		TRY(describe_layer(t, path, &config->diff_ids[i], &t->layers[i], layers));
	}
	return NULL;
}

static struct error *read_config(const struct docker_tarball *t, const struct jv *image, struct buf *out,
				 struct digest *ret_digest)
{
	const char *path = jv_get_str(image, "Config");
	struct blob_range range;
	struct digest named;

	if (!path)
		return error_new(ERR_CORRUPT, "manifest.json names no config");
	TRY(tarball_find(t->tarball, path, &range));
	TRY(blob_range_read(&range, NULL, OCI_CONFIG_MAX, path, out));
	*ret_digest = sha256_of(buf_str(out), out->len);
	if (digest_in_path(path, &named) && !digest_eq(&named, ret_digest))
		return error_new(ERR_CORRUPT, "%s has the digest %s", path, ret_digest->text);
	return NULL;
}

static struct error *make_manifest(struct docker_tarball *t, const struct jv *image)
{
	cleanup_with(oci_config_free) struct oci_config *config = NULL;
	cleanup_with(jv_free) struct jv *manifest = jv_new_object();
	cleanup_buf struct buf config_bytes = { 0 };
	cleanup_buf struct buf bytes = { 0 };
	struct digest digest;

	TRY(read_config(t, image, &config_bytes, &digest));
	TRY(oci_config_parse(buf_str(&config_bytes), config_bytes.len, &config));

	struct jv *layers = jv_new_array();

	jv_set_int(manifest, "schemaVersion", 2);
	jv_set_str(manifest, "mediaType", OCI_MT_DOCKER_MANIFEST);
	jv_set(manifest, "config", make_desc(OCI_MT_DOCKER_CONFIG, config_bytes.len, &digest));
	jv_set(manifest, "layers", layers);
	TRY(describe_layers(t, jv_get(image, "Layers"), config, layers));
	jv_dump(manifest, &bytes);
	t->base.manifest_media_type = xstrdup(OCI_MT_DOCKER_MANIFEST);
	TRY(source_take_manifest(&t->base, &bytes));
	return source_take_config(&t->base, &config_bytes);
}

static struct error *load(struct docker_tarball *t, const struct selector *selector)
{
	cleanup_with(jv_free) struct jv *images = NULL;
	cleanup_buf struct buf bytes = { 0 };
	const struct jv *image = NULL;
	struct blob_range range;

	TRY(tarball_find(t->tarball, "manifest.json", &range));
	TRY(blob_range_read(&range, NULL, OCI_MANIFEST_MAX, "manifest.json", &bytes));
	TRY(jv_parse(buf_str(&bytes), bytes.len, "manifest.json", &images));
	if (!jv_is_array(images) || jv_len(images) == 0)
		return error_new(ERR_CORRUPT, "manifest.json lists no images");
	TRY(choose(images, selector, &image));
	return make_manifest(t, image);
}

/* ---- the source ---- */

static struct error *docker_start(struct source *base)
{
	return source_say_local(base, ((struct docker_tarball *)base)->options);
}

static struct error *docker_open_blob(struct source *base, const struct oci_desc *desc, struct blob_reader **ret_reader)
{
	const struct docker_tarball *t = (const struct docker_tarball *)base;

	for (size_t i = 0; i < base->manifest->n_layers; i++) {
		if (digest_eq(&base->manifest->layers[i].digest, &desc->digest))
			return blob_range_open(&t->layers[i], desc, ret_reader);
	}
	return error_new(ERR_NOT_FOUND, "blob %s is not in the archive", desc->digest.text);
}

static void docker_close(struct source *base)
{
	struct docker_tarball *t = (struct docker_tarball *)base;

	source_release(base);
	tarball_close(t->tarball);
	free(t->layers);
	free(t);
}

struct error *source_docker_tarball(struct tarball *tarball, const struct selector *selector,
				    const struct source_options *options, struct source **ret_source)
{
	struct docker_tarball *t = xcalloc(1, sizeof(*t));
	cleanup_with(source_close) struct source *source = &t->base;

	t->base = (struct source){ .start = docker_start, .open_blob = docker_open_blob, .close = docker_close };
	t->options = options;
	t->tarball = tarball;
	TRY(load(t, selector));
	*ret_source = take_ptr(&source);
	return NULL;
}
