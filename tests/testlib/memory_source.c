/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/testlib/memory_source.h"

#include "base/sha256.h"
#include "formats/tar/tar.h"
#include "tests/testlib/fixture.h"

#include <inttypes.h>
#include <pthread.h>
#include <zlib.h>

struct blob {
	struct digest digest;
	struct buf bytes;
};

struct memory_source {
	struct source base;
	struct blob *blobs;
	size_t n_blobs, cap;
	struct buf manifest, config;
	pthread_mutex_t lock;
	unsigned int n_opened;
};

struct memory_reader {
	struct blob_reader base;
	const struct buf *bytes;
	size_t at;
	struct digest digest;
	uint64_t size;
};

static struct error *reader_read(struct blob_reader *base, void *buf, size_t size, size_t *ret_n)
{
	struct memory_reader *r = (struct memory_reader *)base;
	size_t left = r->bytes->len - r->at;
	struct digest digest = { 0 };

	*ret_n = size < left ? size : left;
	if (*ret_n > 0)
		memcpy(buf, r->bytes->data + r->at, *ret_n);
	r->at += *ret_n;
	if (*ret_n > 0)
		return NULL;
	digest = sha256_of(buf_str(r->bytes), r->bytes->len);
	if (r->bytes->len != r->size || !digest_eq(&digest, &r->digest))
		return error_new(ERR_CORRUPT, "blob %s: wrong digest", r->digest.text);
	return NULL;
}

static void reader_close(struct blob_reader *base)
{
	free(base);
}

static struct blob *find_blob(struct memory_source *s, const struct digest *digest)
{
	for (size_t i = 0; i < s->n_blobs; i++)
		if (digest_eq(&s->blobs[i].digest, digest))
			return &s->blobs[i];
	return NULL;
}

/* A blob that must be there. The compiler does not know that fail_msg() does not return. */
static const struct buf *must_find(struct memory_source *s, const struct digest *digest)
{
	const struct blob *blob = find_blob(s, digest);

	if (!blob)
		fail_msg("no blob %s", digest->text);
	return blob ? &blob->bytes : &s->manifest;
}

static struct error *open_blob(struct source *base, const struct oci_desc *desc, struct blob_reader **ret_reader)
{
	struct memory_source *s = (struct memory_source *)base;
	const struct blob *blob = find_blob(s, &desc->digest);
	struct memory_reader *r = NULL;

	pthread_mutex_lock(&s->lock);
	s->n_opened++;
	pthread_mutex_unlock(&s->lock);
	if (!blob)
		return error_new(ERR_NOT_FOUND, "no blob %s", desc->digest.text);
	r = xcalloc(1, sizeof(*r));
	*r = (struct memory_reader){ .base = { .read = reader_read, .close = reader_close },
				     .bytes = &blob->bytes,
				     .digest = desc->digest,
				     .size = desc->size };
	*ret_reader = &r->base;
	return NULL;
}

static struct error *start(struct source *base)
{
	(void)base;
	return NULL;
}

static void close_source(struct source *base)
{
	struct memory_source *s = (struct memory_source *)base;

	for (size_t i = 0; i < s->n_blobs; i++)
		buf_free(&s->blobs[i].bytes);
	free(s->blobs);
	buf_free(&s->manifest);
	buf_free(&s->config);
	oci_manifest_free(s->base.manifest);
	oci_config_free(s->base.config);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static struct memory_source *new_source(void)
{
	struct memory_source *s = xcalloc(1, sizeof(*s));

	s->base.start = start;
	s->base.open_blob = open_blob;
	s->base.close = close_source;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

/* Takes the bytes over. */
static struct digest add_blob(struct memory_source *s, struct buf *bytes)
{
	struct blob blob = { .digest = sha256_of(buf_str(bytes), bytes->len), .bytes = *bytes };

	*bytes = (struct buf){ 0 };
	GROW(s->blobs, s->n_blobs, s->cap);
	s->blobs[s->n_blobs++] = blob;
	return blob.digest;
}

/* Documents are parsed out of s->manifest and s->config. */
static void set_documents(struct memory_source *s)
{
	s->base.manifest_bytes = s->manifest.data;
	s->base.manifest_len = s->manifest.len;
	s->base.manifest_digest = sha256_of(s->manifest.data, s->manifest.len);
	s->base.config_bytes = s->config.data;
	s->base.config_len = s->config.len;
	assert_ok(oci_manifest_parse(s->manifest.data, s->manifest.len, &s->base.manifest));
	s->base.manifest_media_type = s->base.manifest->media_type;
	if (oci_is_config_type(s->base.manifest->config.media_type))
		assert_ok(oci_config_parse(s->config.data, s->config.len, &s->base.config));
}

/* ---- a layout in a tar ---- */

struct chunk {
	const struct buf *bytes;
	bool given;
};

static struct error *next_chunk(void *ctx, const uint8_t **ret_data, size_t *ret_size)
{
	struct chunk *c = ctx;

	*ret_data = (const uint8_t *)c->bytes->data;
	*ret_size = c->given ? 0 : c->bytes->len;
	c->given = true;
	return NULL;
}

static void load_layout(struct memory_source *s, const char *path, struct buf *index)
{
	cleanup_buf struct buf bytes = { 0 };
	struct chunk chunk = { .bytes = &bytes };
	struct tar_input input = { .next = next_chunk, .ctx = &chunk };
	cleanup_with(tar_free) struct tar *tar = tar_new(&input);

	fixture_read(path, &bytes);
	for (;;) {
		const struct tar_entry *entry = NULL;
		struct tar_slice slice = { 0 };
		struct buf content = { 0 };

		assert_ok(tar_next(tar, &entry));
		if (!entry)
			break;
		if (entry->type != TAR_FILE)
			continue;
		do {
			assert_ok(tar_read(tar, &slice));
			if (slice.data)
				buf_append(&content, slice.data, (size_t)slice.size);
		} while (slice.size > 0);
		if (str_eq(entry->name, "index.json"))
			buf_append(index, content.data, content.len);
		(void)add_blob(s, &content);
	}
}

struct source *memory_source_layout(const char *path)
{
	struct memory_source *s = new_source();
	cleanup_buf struct buf index_text = { 0 };
	cleanup_with(oci_index_free) struct oci_index *index = NULL;
	cleanup_with(oci_manifest_free) struct oci_manifest *manifest = NULL;
	const struct buf *blob = NULL;

	load_layout(s, path, &index_text);
	assert_ok(oci_index_parse(index_text.data, index_text.len, &index));
	blob = must_find(s, &index->manifests[0].digest);
	buf_append(&s->manifest, blob->data, blob->len);
	assert_ok(oci_manifest_parse(s->manifest.data, s->manifest.len, &manifest));
	blob = must_find(s, &manifest->config.digest);
	buf_append(&s->config, blob->data, blob->len);
	set_documents(s);
	return &s->base;
}

/* ---- an image made of parts ---- */

static void gzip(const struct buf *plain, struct buf *out)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)plain->data;
	z.avail_in = (uInt)plain->len;
	z.avail_out = (uInt)deflateBound(&z, plain->len);
	z.next_out = (Bytef *)buf_reserve(out, z.avail_out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len = z.total_out;
	deflateEnd(&z);
}

struct source *memory_source_make(const struct memory_layer *layers, size_t n_layers)
{
	struct memory_source *s = new_source();
	cleanup_buf struct buf descs = { 0 };
	cleanup_buf struct buf diff_ids = { 0 };

	for (size_t i = 0; i < n_layers; i++) {
		const struct memory_layer *l = &layers[i];
		struct digest diff_id = sha256_of(buf_str(l->plain), l->plain->len);
		const char *type = l->gzip ? OCI_MT_LAYER_GZIP : OCI_MT_LAYER_TAR;
		struct buf stored = { 0 };
		size_t size = 0;

		if (l->gzip)
			gzip(l->plain, &stored);
		else
			buf_append(&stored, buf_str(l->plain), l->plain->len);
		size = stored.len;
		buf_appendf(&descs, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", i ? "," : "",
			    l->media_type ? l->media_type : type, add_blob(s, &stored).text, size);
		buf_appendf(&diff_ids, "%s\"%s\"", i ? "," : "", l->wrong_diff_id ? l->wrong_diff_id : diff_id.text);
	}
	buf_appendf(&s->config, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
		    buf_str(&diff_ids));
	buf_appendf(&s->manifest,
		    "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},"
		    "\"layers\":[%s]}",
		    OCI_MT_MANIFEST, OCI_MT_CONFIG, sha256_of(s->config.data, s->config.len).text, s->config.len, buf_str(&descs));
	set_documents(s);
	return &s->base;
}

unsigned int memory_source_opened(const struct source *source)
{
	return ((const struct memory_source *)source)->n_opened;
}

struct buf *memory_source_blob(struct source *source, const struct digest *digest)
{
	struct blob *blob = find_blob((struct memory_source *)source, digest);

	return blob ? &blob->bytes : NULL;
}
