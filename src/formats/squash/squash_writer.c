/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_writer.h"

#include "base/mem.h"
#include "formats/squash/squash_writer_priv.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define MEMORY_LIMIT_DEFAULT (512ull << 20)
#define MEMORY_LIMIT_MAX (8ull << 30) /* block lists are counted in 32 bits */
#define FILE_SIZE_MAX INT64_MAX	      /* the kernel's loff_t */
#define WORKERS_MAX 256u

/*
 * A tail or small file up to this size shares a fragment block. A larger one is as well compressed alone, costs no
 * copy, and reading it does not decode the tails of others.
 */
static uint32_t piece_max(const struct squash_writer *w)
{
	return w->options.block_size / 4;
}

static struct error *fill_options(struct squash_writer_options *options)
{
	if (options->block_size == 0)
		options->block_size = SQUASH_BLOCK_DEFAULT;
	if (options->block_size < SQUASH_BLOCK_MIN || options->block_size > SQUASH_BLOCK_MAX ||
	    (options->block_size & (options->block_size - 1)) != 0)
		return error_new(ERR_UNSUPPORTED, "squashfs blocks cannot have %u bytes", options->block_size);
	if (options->n_workers == 0)
		options->n_workers = squash_cpus();
	if (options->n_workers > WORKERS_MAX)
		options->n_workers = WORKERS_MAX;
	if (options->memory_limit == 0)
		options->memory_limit = MEMORY_LIMIT_DEFAULT;
	if (options->memory_limit > MEMORY_LIMIT_MAX)
		options->memory_limit = MEMORY_LIMIT_MAX;
	return NULL;
}

/* Room for the superblock, which is written last, and the codec's options behind it: a metadata block stored as it is.
 */
static struct error *start_image(struct squash_writer *w)
{
	uint8_t head[SQUASH_SUPER_SIZE + 2 + SQUASH_CODEC_OPTIONS_MAX] = { 0 };
	uint8_t *options = head + SQUASH_SUPER_SIZE + 2;
	size_t n = squash_codec_options(w->options.codec, w->options.level, options);
	size_t size = SQUASH_SUPER_SIZE;

	if (n) {
		head[SQUASH_SUPER_SIZE] = (uint8_t)n;
		head[SQUASH_SUPER_SIZE + 1] = SQUASH_META_RAW >> 8;
		size += 2 + n;
	}
	return squash_placer_append(&w->placer, head, size);
}

struct error *squash_writer_new(int fd, uint64_t offset, const struct squash_writer_options *options,
				struct squash_writer **ret_writer)
{
	cleanup_with(squash_writer_free) struct squash_writer *w = xcalloc(1, sizeof(*w));

	w->options = *options;
	TRY(fill_options(&w->options));
	w->placer.fd = fd;
	w->placer.offset = offset;

	struct squash_pool_options pool = {
		.codec = w->options.codec,
		.level = w->options.level,
		.block_size = w->options.block_size,
		.n_workers = w->options.n_workers,
		.place = squash_placer_place,
		.place_ctx = &w->placer,
	};

	TRY(squash_pool_new(&pool, &w->pool));
	TRY(start_image(w));
	*ret_writer = take_ptr(&w);
	return NULL;
}

static struct error *account(struct squash_writer *w, uint64_t size)
{
	if (size > w->options.memory_limit - w->memory_used)
		return error_new(ERR_LIMIT, "the block lists of the image need more than %" PRIu64 " bytes of memory",
				 w->options.memory_limit);
	w->memory_used += size;
	return NULL;
}

/* The file gets @n more blocks of its own. */
static struct error *account_blocks(struct squash_writer *w, uint64_t n)
{
	if (!w->file) {
		TRY(account(w, sizeof(*w->file)));
		w->file = xcalloc(1, sizeof(*w->file));
		w->file->content.file = w->file;
		w->file->content.fragment = SQUASH_NO_FRAGMENT;
		w->file->next_owned = w->owned;
		w->owned = w->file;
	}
	w->n_blocks += n;
	if (w->n_blocks > SQUASH_FILE_BLOCKS_MAX)
		return error_new(ERR_LIMIT, "a file has more than %d blocks of %u bytes", SQUASH_FILE_BLOCKS_MAX,
				 w->options.block_size);
	return account(w, n * sizeof(*w->file->words));
}

/* A file that failed in its middle leaves in_file set. */
static struct error *check_between_files(const struct squash_writer *w)
{
	if (w->in_file || w->finished)
		return error_new(ERR_INTERNAL, "an image cannot be continued %s",
				 w->in_file ? "amid a file" : "behind its end");
	return NULL;
}

struct error *squash_writer_begin_file(struct squash_writer *w)
{
	TRY(check_between_files(w));
	w->in_file = true;
	w->file_size = 0;
	w->file = NULL;
	w->n_blocks = 0;
	w->n_holes = 0;
	w->hole_size = 0;
	return NULL;
}

static bool is_zero(const uint8_t *data, size_t size)
{
	uint64_t first;

	/* Most blocks are decided by their first bytes; the rest compares the block with itself, one step aside. */
	if (size < sizeof(first))
		return false;
	memcpy(&first, data, sizeof(first));
	return first == 0 && memcmp(data, data + sizeof(first), size - sizeof(first)) == 0;
}

/* Ends the block that is being filled: a hole, or a job for the workers. */
static struct error *end_block(struct squash_writer *w)
{
	struct squash_job *job = w->block;

	TRY(account_blocks(w, 1));
	if (is_zero(job->data, job->size)) {
		w->n_holes++;
		w->hole_size += job->size;
		job->size = 0; /* filled again by what follows */
		return NULL;
	}
	job->kind = SQUASH_JOB_BLOCK;
	job->file = w->file;
	job->n_holes = w->n_holes;
	w->n_holes = 0;
	w->block = NULL;
	squash_pool_submit(w->pool, job);
	return NULL;
}

struct error *squash_writer_reserve(struct squash_writer *w, void **ret_room, size_t *ret_size)
{
	assert(w->in_file);
	if (!w->block)
		TRY(squash_pool_take(w->pool, &w->block));
	*ret_room = w->block->data + w->block->size;
	*ret_size = w->options.block_size - w->block->size;
	return NULL;
}

struct error *squash_writer_commit(struct squash_writer *w, size_t size)
{
	if (size == 0)
		return NULL;
	assert(w->block && size <= w->options.block_size - w->block->size);
	if (size > FILE_SIZE_MAX - w->file_size)
		return error_new(ERR_LIMIT, "a file is larger than %" PRId64 " bytes", FILE_SIZE_MAX);
	w->file_size += size;
	w->block->size += size;
	return w->block->size == w->options.block_size ? end_block(w) : NULL;
}

struct error *squash_writer_write(struct squash_writer *w, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size > 0) {
		void *room = NULL;
		size_t n = 0;

		TRY(squash_writer_reserve(w, &room, &n));
		if (n > size)
			n = size;
		memcpy(room, from, n);
		TRY(squash_writer_commit(w, n));
		from += n;
		size -= n;
	}
	return NULL;
}

static struct error *write_zeros(struct squash_writer *w, uint64_t size)
{
	while (size > 0) {
		void *room = NULL;
		size_t n = 0;

		TRY(squash_writer_reserve(w, &room, &n));
		if (n > size)
			n = (size_t)size;
		memset(room, 0, n);
		TRY(squash_writer_commit(w, n));
		size -= n;
	}
	return NULL;
}

struct error *squash_writer_write_hole(struct squash_writer *w, uint64_t size)
{
	uint64_t block_size = w->options.block_size;
	uint64_t filled = w->block ? w->block->size : 0;
	uint64_t head = filled ? block_size - filled : 0; /* what completes the block that has begun */

	assert(w->in_file);
	if (size > FILE_SIZE_MAX - w->file_size)
		return error_new(ERR_LIMIT, "a file is larger than %" PRId64 " bytes", FILE_SIZE_MAX);
	if (head > size)
		head = size;
	TRY(write_zeros(w, head));
	size -= head;

	uint64_t n = size / block_size;

	if (n) {
		TRY(account_blocks(w, n));
		w->n_holes += n;
		w->hole_size += n * block_size;
		w->file_size += n * block_size;
	}
	return write_zeros(w, size % block_size);
}

static void submit_fragment(struct squash_writer *w)
{
	struct squash_job *job = take_ptr(&w->fragment);

	job->kind = SQUASH_JOB_FRAGMENT;
	w->n_fragments++;
	squash_pool_submit(w->pool, job);
}

/* Copies a new piece to the place that place_piece() gave it. */
static struct error *store_piece(struct squash_writer *w, const struct squash_content *content, const void *data)
{
	if (content->fragment != w->n_fragments)
		submit_fragment(w);
	if (!w->fragment)
		TRY(squash_pool_take(w->pool, &w->fragment));
	memcpy(w->fragment->data + content->fragment_offset, data, content->size);
	w->fragment->size += content->size;
	return NULL;
}

/* Finds the last piece of the file among those known, or gives it a place: in the fragment being filled, or else the
 * next. */
static struct error *place_piece(struct squash_writer *w, struct squash_piece **ret_piece, bool *ret_new)
{
	struct squash_content *content;
	size_t filled = w->fragment ? w->fragment->size : 0;

	*ret_piece = squash_pieces_get(&w->pieces, w->block->data, w->block->size);
	content = &(*ret_piece)->content;
	*ret_new = content->fragment == SQUASH_NO_FRAGMENT;
	if (!*ret_new)
		return NULL;
	TRY(account(w, sizeof(**ret_piece)));

	bool fits = w->block->size <= w->options.block_size - filled;

	content->fragment = w->n_fragments + (fits ? 0 : 1);
	content->fragment_offset = fits ? (uint32_t)filled : 0;
	return NULL;
}

static struct error *submit_end(struct squash_writer *w)
{
	w->file->content.size = w->file_size;
	w->file->sparse = w->hole_size;
	return squash_pool_submit_end(w->pool, w->file, w->n_holes);
}

static struct error *end_with_piece(struct squash_writer *w, const struct squash_content **ret_content)
{
	struct squash_piece *piece = NULL;
	bool is_new = false;

	TRY(place_piece(w, &piece, &is_new));
	*ret_content = &piece->content;
	if (w->file) {
		*ret_content = &w->file->content;
		w->file->content.fragment = piece->content.fragment;
		w->file->content.fragment_offset = piece->content.fragment_offset;
		/* Before any fragment block, so that the file's blocks are still the last ones if they turn out to be
		 * duplicates. */
		TRY(submit_end(w));
	}
	if (is_new)
		TRY(store_piece(w, &piece->content, w->block->data));
	w->block->size = 0;
	return NULL;
}

struct error *squash_writer_end_file(struct squash_writer *w, const struct squash_content **ret_content)
{
	size_t tail = w->block ? w->block->size : 0;
	const struct squash_content *content = NULL;

	assert(w->in_file);
	if (tail > 0 && tail <= piece_max(w)) {
		TRY(end_with_piece(w, &content));
	} else if (w->file_size > 0) {
		if (tail > 0)
			TRY(end_block(w));
		content = &w->file->content;
		TRY(submit_end(w));
	}
	w->in_file = false;
	*ret_content = content;
	return NULL;
}

uint64_t squash_content_size(const struct squash_content *content)
{
	return content ? content->size : 0;
}

struct error *squash_writer_drain(struct squash_writer *w)
{
	TRY(check_between_files(w));
	if (w->fragment)
		submit_fragment(w);
	return squash_pool_drain(w->pool);
}

struct error *squash_writer_finish(struct squash_writer *w, struct squash_tree *tree, uint64_t *ret_size)
{
	TRY(squash_writer_drain(w));
	w->finished = true;
	return squash_tables_write(w, tree, ret_size);
}

void squash_writer_free(struct squash_writer *w)
{
	if (!w)
		return;
	squash_pool_free(w->pool);
	squash_placer_release(&w->placer);
	squash_pieces_release(&w->pieces);
	for (struct squash_extent *file = w->owned, *next; file; file = next) {
		next = file->next_owned;
		free(file->words);
		free(file);
	}
	free(w);
}
