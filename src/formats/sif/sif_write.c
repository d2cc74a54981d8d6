/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/sif/sif.h"

#include "base/cursor.h"
#include "base/io.h"

#include <sys/stat.h>

/* The partition type of the root filesystem, and where type and architecture stand in the extra field (formats.md 1.5).
 */
enum { PART_PRIMARY = 2, EXTRA_PART_TYPE = 4, EXTRA_PART_ARCH = 8 };

struct sif_writer {
	int fd; /* borrowed */
	struct sif_header header;
	struct sif_descr *descrs; /* descr_total of them */
	size_t n_descrs;
	uint64_t end; /* where the last object ends */
	bool has_primary;
};

void sif_encode_header(const struct sif_header *h, struct buf *out)
{
	buf_append(out, h->launch, SIF_LAUNCH_LEN);
	buf_append(out,
		   "SIF_MAGIC\0"
		   "01",
		   13);
	buf_append(out, h->arch, SIF_ARCH_LEN);
	buf_append(out, h->id, SIF_ID_LEN);
	put_u64le(out, (uint64_t)h->created);
	put_u64le(out, (uint64_t)h->modified);
	put_u64le(out, (uint64_t)h->descr_free);
	put_u64le(out, h->descr_total);
	put_u64le(out, h->descr_offset);
	put_u64le(out, h->descr_size);
	put_u64le(out, (uint64_t)h->data_offset);
	put_u64le(out, (uint64_t)h->data_size);
}

void sif_encode_descr(const struct sif_descr *d, struct buf *out)
{
	put_u32le(out, (uint32_t)d->type);
	put_u8(out, 1);
	put_u32le(out, d->id);
	put_u32le(out, d->group);
	put_u32le(out, d->link);
	put_u64le(out, d->offset);
	put_u64le(out, d->size);
	put_u64le(out, (uint64_t)d->padded_size);
	put_u64le(out, (uint64_t)d->created);
	put_u64le(out, (uint64_t)d->modified);
	put_u64le(out, (uint64_t)d->uid);
	put_u64le(out, (uint64_t)d->gid);
	buf_append(out, d->name, SIF_NAME_LEN);
	buf_append(out, d->extra, SIF_EXTRA_LEN);
}

struct error *sif_create(int fd, size_t n_slots, struct sif_writer **ret_writer)
{
	struct stat st;

	if (n_slots > SIF_DESCR_MAX)
		return error_new(ERR_LIMIT, "descriptor capacity not supported");
	if (fstat(fd, &st) < 0)
		return error_sys(errno, "stat");
	if (st.st_size)
		return error_new(ERR_INTERNAL, "a new SIF needs an empty file");

	struct sif_writer *w = xcalloc(1, sizeof(*w));
	struct sif_header *h = &w->header;

	w->fd = fd;
	w->descrs = xcalloc(n_slots ? n_slots : 1, sizeof(*w->descrs));
	memcpy(h->arch, "00", SIF_ARCH_LEN);
	h->created = SIF_TIME_UNSET;
	h->modified = SIF_TIME_UNSET;
	h->descr_total = n_slots;
	h->descr_offset = SIF_TABLE_OFFSET;
	h->descr_size = n_slots * SIF_DESCR_SIZE;
	w->end = SIF_TABLE_OFFSET + h->descr_size;
	h->data_offset = (int64_t)w->end;
	*ret_writer = w;
	return NULL;
}

uint64_t sif_next_offset(const struct sif_writer *w, enum sif_type type)
{
	if (type != SIF_TYPE_FS)
		return w->end;
	return (w->end + SIF_FS_ALIGN - 1) / SIF_FS_ALIGN * SIF_FS_ALIGN;
}

static bool is_primary(const struct sif_descr *d)
{
	struct cursor c = cursor_over(d->extra, SIF_EXTRA_LEN);

	cursor_skip(&c, EXTRA_PART_TYPE);
	return d->type == SIF_TYPE_FS && cursor_s32le(&c) == PART_PRIMARY;
}

struct error *sif_add_object(struct sif_writer *w, const struct sif_descr *d)
{
	uint64_t offset = sif_next_offset(w, (enum sif_type)d->type);
	uint64_t end;

	if (w->n_descrs == w->header.descr_total)
		return error_new(ERR_LIMIT, "insufficient descriptor capacity to add data object(s) to image");
	if (!add_ok(offset, d->size, &end) || end > INT64_MAX - SIF_FS_ALIGN)
		return error_new(ERR_LIMIT, "object is too large for a SIF");
	if (is_primary(d)) {
		if (w->has_primary)
			return error_new(ERR_USAGE, "image already contains a primary partition");
		w->has_primary = true;
		memcpy(w->header.arch, d->extra + EXTRA_PART_ARCH, SIF_ARCH_LEN);
	}

	struct sif_descr *slot = &w->descrs[w->n_descrs++];

	*slot = *d;
	slot->id = (uint32_t)w->n_descrs;
	slot->offset = offset;
	slot->padded_size = (int64_t)(end - w->end);
	slot->created = SIF_TIME_UNSET;
	slot->modified = SIF_TIME_UNSET;
	slot->uid = 0;
	slot->gid = 0;
	w->end = end;
	return NULL;
}

const struct sif_descr *sif_added(const struct sif_writer *w, size_t *ret_n)
{
	*ret_n = w->n_descrs;
	return w->descrs;
}

/*
 * An object that was described but not written would end a valid-looking image early. What was written but not
 * described (a layer that turned out to be there already) goes: equal images are equal files.
 */
static struct error *settle_length(const struct sif_writer *w)
{
	struct stat st;

	if (fstat(w->fd, &st) < 0)
		return error_sys(errno, "stat");
	if (w->n_descrs && (uint64_t)st.st_size < w->end)
		return error_new(ERR_INTERNAL, "object %zu of the new SIF was not written", w->n_descrs);
	if ((uint64_t)st.st_size > w->end && ftruncate(w->fd, (off_t)w->end) < 0)
		return error_sys(errno, "truncate");
	return NULL;
}

struct error *sif_finish(struct sif_writer *w)
{
	cleanup_buf struct buf table = { 0 };
	cleanup_buf struct buf head = { 0 };
	struct sif_header *h = &w->header;

	TRY(settle_length(w));
	h->descr_free = (int64_t)(h->descr_total - w->n_descrs);
	h->data_size = (int64_t)w->end - h->data_offset;
	for (size_t i = 0; i < w->n_descrs; i++)
		sif_encode_descr(&w->descrs[i], &table);
	memset(buf_reserve(&table, h->descr_size - table.len), 0, h->descr_size - table.len);
	sif_encode_header(h, &head);
	TRY(io_pwrite_all(w->fd, table.data, h->descr_size, SIF_TABLE_OFFSET));
	/* The gap behind the header, too: an empty container is as long as its table reaches. */
	if (!h->descr_size)
		put_padded(&head, "", 0, SIF_TABLE_OFFSET - SIF_HEADER_SIZE);
	return io_pwrite_all(w->fd, head.data, head.len, 0);
}

void sif_writer_free(struct sif_writer *w)
{
	if (!w)
		return;
	free(w->descrs);
	free(w);
}
