/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/draft.h"
#include "base/io.h"
#include "base/sha256.h"
#include "image/convert/convert_priv.h"
#include "image/layer/layer_rules.h"
#include "image/layer/layer_squashfs.h"
#include "image/layer/layer_stream.h"

/* What one squashfs is made with. */
struct maker {
	struct conversion *c;
	uint64_t offset; /* in the file */
	struct squash_tree *tree;
	struct squash_writer *writer;
	struct layer_rules *rules;
};

static struct error *maker_init(struct maker *m, struct conversion *c, bool overlay_form)
{
	uint32_t block_size = c->options->squash.block_size ? c->options->squash.block_size : 131072;
	struct layer_options options = { .overlay_form = overlay_form,
					 .block_size = block_size,
					 .sink = c->options->sink,
					 .sink_ctx = c->options->sink_ctx };

	m->c = c;
	m->offset = ocisif_begin_blob(c->out);
	m->tree = squash_tree_new(CONVERT_TREE_MAX);
	TRY(squash_writer_new(c->fd, m->offset, &c->options->squash, &m->writer));
	m->rules = layer_rules_new(m->tree, m->writer, &options);
	return NULL;
}

static void maker_clear(struct maker *m)
{
	layer_rules_free(m->rules);
	squash_writer_free(m->writer);
	squash_tree_free(m->tree);
}

/* Reads the finished bytes back, out of the page cache: the superblock at their front was written last. */
static struct error *digest_region(int fd, uint64_t offset, uint64_t size, struct digest *ret_digest)
{
	enum { CHUNK = 1 << 20 };
	cleanup_with(sha256_free) struct sha256 *hash = sha256_new();
	cleanup_free uint8_t *buf = xmalloc(CHUNK);

	while (size > 0) {
		size_t want = size < CHUNK ? (size_t)size : CHUNK;
		size_t got = 0;

		TRY(io_pread(fd, buf, want, offset, &got));
		if (got == 0)
			return error_new(ERR_INTERNAL, "the new layer is shorter than written");
		sha256_update(hash, buf, got);
		offset += got;
		size -= got;
	}
	*ret_digest = sha256_digest(hash);
	return NULL;
}

/* The blob at @offset is complete. What is stored already is not stored twice. */
static struct error *end_blob(struct conversion *c, uint64_t offset, struct oci_desc *layer)
{
	if (!ocisif_has_blob(c->out, &layer->digest))
		return ocisif_end_blob(c->out, layer->size, &layer->digest);
	if (ftruncate(c->fd, (off_t)offset) != 0)
		return error_sys(errno, "truncate");
	return NULL;
}

static struct error *maker_finish(struct maker *m, struct oci_desc *layer)
{
	TRY(layer_rules_finish(m->rules));
	TRY(squash_writer_finish(m->writer, m->tree, &layer->size));
	TRY(digest_region(m->c->fd, m->offset, layer->size, &layer->digest));
	return end_blob(m->c, m->offset, layer);
}

/* ---- reading layers ---- */

/* The input of the tar reader: the stream's, with the progress told on the way. */
struct feed {
	struct conversion *c;
	struct layer_stream *stream;
	struct tar_input input;
	bool counts;
};

static struct error *feed_next(void *ctx, const uint8_t **ret_data, size_t *ret_size)
{
	struct feed *feed = ctx;
	struct conversion *c = feed->c;

	if (feed->counts && c->options->progress)
		c->options->progress(c->options->progress_ctx, c->bytes_done + layer_stream_stored(feed->stream),
				     c->bytes_total);
	return feed->input.next(feed->input.ctx, ret_data, ret_size);
}

static bool is_squashfs(const struct oci_desc *desc)
{
	return str_eq(desc->media_type, OCI_MT_SQUASHFS);
}

static struct error *check_type(const struct oci_desc *desc)
{
	if (oci_is_tar_layer_type(desc->media_type) || is_squashfs(desc))
		return NULL;
	return error_new(ERR_UNSUPPORTED,
			 "while converting layers: could not convert layer to squashfs: unsupported layer type: %s",
			 desc->media_type);
}

/* A squashfs has no stream: it is read at many places. */
static struct layer_stream *open_layer(struct conversion *c, size_t i, bool check)
{
	const struct oci_desc *desc = &c->source->manifest->layers[i];

	return is_squashfs(desc) ? NULL : layer_stream_open(c->source, desc, check ? &c->source->config->diff_ids[i] : NULL);
}

typedef struct error *use_layer(struct layer_rules *rules, const struct layer_input *input);

/* Puts a whole layer through @use. The stream is read to its end: only then are digest and diffID known to be right. */
static struct error *read_tar(struct maker *m, struct layer_stream *stream, bool counts, use_layer *use)
{
	struct feed feed = { .c = m->c, .stream = stream, .input = layer_stream_input(stream), .counts = counts };
	struct tar_input input = { .next = feed_next, .ctx = &feed };
	cleanup_with(tar_free) struct tar *tar = tar_new(&input);
	struct layer_input entries = layer_input_tar(tar);

	TRY(use(m->rules, &entries));
	TRY(tar_drain(tar));
	TRY(layer_stream_finish(stream));
	if (counts)
		m->c->bytes_done += layer_stream_stored(stream);
	return NULL;
}

/* Writes the blob of layer @i at @offset of @fd; the reader verifies it. */
static struct error *copy_blob(struct conversion *c, size_t i, int fd, uint64_t offset, bool counts)
{
	enum { CHUNK = 1 << 20 };
	const struct oci_desc *desc = &c->source->manifest->layers[i];
	cleanup_with(blob_reader_close) struct blob_reader *blob = NULL;
	cleanup_free uint8_t *buf = xmalloc(CHUNK);
	size_t got = 0;

	TRY_CTX(c->source->open_blob(c->source, desc, &blob), "layer %s", desc->digest.text);
	do {
		TRY_CTX(blob->read(blob, buf, CHUNK, &got), "layer %s", desc->digest.text);
		TRY(io_pwrite_all(fd, buf, got, offset));
		offset += got;
		if (!counts)
			continue;
		c->bytes_done += got;
		if (c->options->progress)
			c->options->progress(c->options->progress_ctx, c->bytes_done, c->bytes_total);
	} while (got > 0);
	return NULL;
}

/* The same for a layer that is a squashfs, through an unnamed temporary file. Its diffID is its blob's digest. */
static struct error *read_squashfs(struct maker *m, size_t i, bool counts, use_layer *use)
{
	struct conversion *c = m->c;
	const struct oci_desc *desc = &c->source->manifest->layers[i];
	const struct digest *diff_id = &c->source->config->diff_ids[i];
	cleanup_fd int fd = -EBADF;
	cleanup_with(layer_squashfs_free) struct layer_squashfs *walk = NULL;
	struct layer_input entries = { 0 };

	if (!digest_eq(diff_id, &desc->digest))
		return error_new(ERR_CORRUPT, "layer %s: it is a squashfs, and the image config says %s", desc->digest.text,
				 diff_id->text);
	TRY(draft_unnamed(c->options->tmpdir ? c->options->tmpdir : "/tmp", &fd));
	TRY(copy_blob(c, i, fd, 0, counts));
	TRY_CTX(layer_squashfs_open(fd, desc->size, &walk), "layer %s", desc->digest.text);
	entries = layer_squashfs_input(walk);
	TRY_CTX(use(m->rules, &entries), "layer %s", desc->digest.text);
	return NULL;
}

static struct error *read_layer(struct maker *m, size_t i, struct layer_stream *stream, bool counts, use_layer *use)
{
	return stream ? read_tar(m, stream, counts, use) : read_squashfs(m, i, counts, use);
}

static struct error *fill_from(struct maker *m, size_t i)
{
	while (layer_rules_wants(m->rules)) {
		cleanup_with(layer_stream_close) struct layer_stream *stream = open_layer(m->c, i, false);

		TRY(read_layer(m, i, stream, false, layer_rules_fill));
	}
	return NULL;
}

static struct error *squash_layers(struct maker *m, size_t n_source)
{
	cleanup_with(layer_stream_close) struct layer_stream *next = open_layer(m->c, n_source - 1, true);

	for (size_t i = n_source; i-- > 0;) {
		cleanup_with(layer_stream_close) struct layer_stream *stream = take_ptr(&next);

		if (i > 0)
			next = open_layer(m->c, i - 1, true); /* inflates its first bytes meanwhile */
		TRY_CTX(read_layer(m, i, stream, true, layer_rules_apply), "while squashing layer %zu", i + 1);
		TRY(fill_from(m, i));
	}
	return NULL;
}

struct error *convert_squash(struct conversion *c, size_t n_source)
{
	struct maker m = { 0 };
	struct error *err = NULL;

	for (size_t i = 0; i < n_source; i++)
		TRY(check_type(&c->source->manifest->layers[i]));
	err = maker_init(&m, c, false);
	if (!err)
		err = squash_layers(&m, n_source);
	if (!err)
		err = maker_finish(&m, &c->layers[0]);
	maker_clear(&m);
	return err;
}

/* ---- kept layers ---- */

static struct error *keep_layer(struct maker *m, size_t i)
{
	struct conversion *c = m->c;
	cleanup_with(layer_stream_close) struct layer_stream *stream = open_layer(c, i, true);

	TRY_CTX(read_layer(m, i, stream, true, layer_rules_apply), "while converting layer %zu", i + 1);
	c->is_repeatable[i] = !layer_rules_lacks(m->rules);
	TRY(fill_from(m, i));
	/* Hard links into older layers: their content comes along, since no link can lead out of an image. */
	for (size_t k = i; k-- > 0 && layer_rules_lacks(m->rules);) {
		layer_rules_older(m->rules);
		TRY(fill_from(m, k));
	}
	return maker_finish(m, &c->layers[i]);
}

struct error *convert_keep(struct conversion *c, size_t i, bool overlay_form)
{
	const struct oci_desc *source = c->source->manifest->layers;
	struct maker m = { 0 };
	struct error *err = NULL;

	TRY(check_type(&source[i]));
	for (size_t k = 0; k < i; k++) {
		if (!digest_eq(&source[k].digest, &source[i].digest) || !c->is_repeatable[k])
			continue;
		c->layers[i].digest = c->layers[k].digest;
		c->layers[i].size = c->layers[k].size;
		c->is_repeatable[i] = true;
		c->bytes_done += source[i].size;
		return NULL;
	}
	err = maker_init(&m, c, overlay_form);
	if (!err)
		err = keep_layer(&m, i);
	maker_clear(&m);
	return err;
}

struct error *convert_copy(struct conversion *c, size_t from, size_t to)
{
	const struct oci_desc *desc = &c->source->manifest->layers[from];
	uint64_t offset = ocisif_begin_blob(c->out);

	c->layers[to] = *desc;
	if (ocisif_has_blob(c->out, &desc->digest)) {
		c->bytes_done += desc->size;
		return NULL;
	}
	TRY(copy_blob(c, from, c->fd, offset, true));
	return end_blob(c, offset, &c->layers[to]);
}
