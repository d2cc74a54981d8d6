/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads. A read is cut into pieces, one a block; it is answered when all its blocks are in memory, by whichever thread has the last one.
 * What a block holds beside the answer belongs to the same file and goes into the kernel's page cache, once.
 */
#include "runtime/fileserver/fileserver_priv.h"

enum {
	AHEAD_BLOCKS = 2,
	PAGE = 4096,
};

static const uint8_t zeroes[FILESERVER_READ_MAX];

static bool range_is_whole_pages(const struct kept_file *f, uint64_t offset, size_t size)
{
	return offset % PAGE == 0 && (size % PAGE == 0 || offset + size == f->size);
}

/* Fills piece @p with the file's bytes from @offset on, at most @size, out of block @w (number @i). Returns how many. */
static uint32_t piece_fill(struct kept_file *f, uint32_t block_size, uint64_t i, const struct squash_block *w, uint64_t offset,
			   size_t size, struct read_request *r, struct piece *p)
{
	uint32_t skip = (uint32_t)(offset - i * block_size);
	uint32_t n = w->length - skip < size ? w->length - skip : (uint32_t)size;

	*p = (struct piece){ .waiter.request = r, .offset = w->offset + skip, .length = n };
	if (w->stored_size > 0 && n < w->length && !(w->is_fragment && f->tail_stored) && range_is_whole_pages(f, offset, n)) {
		p->store_at = i * block_size;
		p->store_offset = w->offset;
		p->store_length = w->length;
		/* Other files share a fragment: that ours was stored is noted with the file, not with the block. */
		f->tail_stored = f->tail_stored || w->is_fragment;
	}
	return n;
}

static struct error *request_plan(struct kept_file *f, uint32_t block_size, struct read_request *r, size_t size,
				  struct squash_block *where)
{
	uint64_t offset = r->offset;

	for (size_t k = 0; k < r->n_pieces; k++) {
		uint64_t i = offset / block_size;
		uint32_t n;

		TRY(squash_map_block(f->map, i, &where[k]));
		n = piece_fill(f, block_size, i, &where[k], offset, size, r, &r->pieces[k]);
		offset += n;
		size -= n;
	}
	return NULL;
}

/* Who reads on where the last read ended gets the next blocks unpacked meanwhile. */
static void read_ahead(struct fileserver *server, uint32_t layer, struct kept_file *f, uint32_t block_size, uint64_t offset, size_t size)
{
	bool sequential = offset > 0 && offset == f->next_offset;
	uint64_t next = (offset + size + block_size - 1) / block_size;
	uint64_t end = next + AHEAD_BLOCKS;

	f->next_offset = offset + size;
	if (!sequential) {
		f->ahead = next;
		return;
	}
	if (end > squash_map_count(f->map))
		end = squash_map_count(f->map);
	for (uint64_t i = f->ahead > next ? f->ahead : next; i < end; i++) {
		struct squash_block w;
		struct error *err = squash_map_block(f->map, i, &w);

		if (err) { /* the read that meets it will tell */
			error_free(err);
			return;
		}
		if (w.stored_size > 0)
			blocks_ahead(server->blocks, layer, &w);
		f->ahead = i + 1;
	}
}

static struct error *read_start(struct fileserver *server, fuse_req_t req, fuse_ino_t node, size_t size, uint64_t offset)
{
	const struct layer *layer = node_layer(server, node);
	cleanup_free struct read_request *r = NULL;
	struct squash_block where[FILESERVER_READ_MAX / SQUASH_BLOCK_MIN + 1];
	struct kept_file *f;
	uint32_t block_size;
	uint32_t number;
	size_t n = 0;

	TRY(node_file(server, node, &f));
	if (offset >= f->size)
		size = 0;
	else if (size > f->size - offset)
		size = (size_t)(f->size - offset);
	if (size == 0) {
		(void)fuse_reply_buf(req, NULL, 0);
		return NULL;
	}
	block_size = squash_super(layer->img)->block_size;
	number = (uint32_t)(layer - server->layers);
	n = (size_t)((offset + size - 1) / block_size - offset / block_size + 1);
	r = xcalloc(1, sizeof(*r) + n * sizeof(r->pieces[0]));
	*r = (struct read_request){ .server = server, .req = req, .node = node, .offset = offset, .n_pieces = n };
	TRY(request_plan(f, block_size, r, size, where));
	blocks_submit(server->blocks, number, take_ptr(&r), where);
	read_ahead(server, number, f, block_size, offset, size);
	return NULL;
}

void ops_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct fileserver *server = fuse_req_userdata(req);
	struct error *err;

	(void)fi;
	server->counts[COUNT_READ]++;
	if (size > FILESERVER_READ_MAX)
		size = FILESERVER_READ_MAX;
	err = offset < 0 ? error_sys(EINVAL, "read") : read_start(server, req, node, size, (uint64_t)offset);
	if (err)
		(void)fuse_reply_err(req, error_kind(err) == ERR_SYSTEM ? error_errno(err) : EIO);
	error_free(err);
}

static bool gather(const struct read_request *r, struct iovec *iov)
{
	if (r->failed)
		return false;
	for (size_t k = 0; k < r->n_pieces; k++) {
		const struct piece *p = &r->pieces[k];
		const uint8_t *data = p->block ? block_data(p->block, p->offset, p->length) : zeroes;

		if (!data)
			return false;
		/* iovec is not const-correct: nothing writes through it */
		iov[k] = (struct iovec){ .iov_base = (void *)(uintptr_t)data, .iov_len = p->length };
	}
	return true;
}

void read_request_answer(struct read_request *r)
{
	struct blocks *blocks = r->server->blocks;
	struct iovec iov[FILESERVER_READ_MAX / SQUASH_BLOCK_MIN + 1];
	bool good = gather(r, iov);

	if (good)
		(void)fuse_reply_iov(r->req, iov, (int)r->n_pieces);
	else
		(void)fuse_reply_err(r->req, EIO);
	for (size_t k = 0; k < r->n_pieces; k++) {
		struct piece *p = &r->pieces[k];

		if (!p->block)
			continue;
		if (good && p->store_length > 0)
			stores_add(r->server->stores, r, p);
		else
			block_release(blocks, p->block);
	}
	free(r);
}
