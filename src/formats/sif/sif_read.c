/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/sif/sif.h"

#include "base/cursor.h"
#include "base/io.h"

#include <inttypes.h>

/* Header, gap and 13 slots: all that is read of an ordinary OCI-SIF, whose table has 12. */
enum { FIRST_READ = 12288 };

static const char magic[10] = "SIF_MAGIC";
static const char version[3] = "01";

static struct error *read_error(const char *what, size_t got)
{
	return error_new(ERR_CORRUPT, "reading %s: %s", what, got ? "unexpected EOF" : "EOF");
}

static struct error *parse_header(const uint8_t *data, size_t len, struct sif_header *ret_header)
{
	struct sif_header h;
	char tag[sizeof(magic)], spec[sizeof(version)];

	if (len < SIF_HEADER_SIZE)
		return read_error("global header", len);

	struct cursor c = cursor_over(data, SIF_HEADER_SIZE);

	cursor_copy(&c, h.launch, SIF_LAUNCH_LEN);
	cursor_copy(&c, tag, sizeof(tag));
	cursor_copy(&c, spec, sizeof(spec));
	if (memcmp(tag, magic, sizeof(magic)) != 0)
		return error_new(ERR_CORRUPT, "invalid SIF magic");
	if (memcmp(spec, version, sizeof(version)) != 0)
		return error_new(ERR_CORRUPT, "incompatible SIF version");
	cursor_copy(&c, h.arch, SIF_ARCH_LEN);
	cursor_copy(&c, h.id, SIF_ID_LEN);
	h.created = cursor_s64le(&c);
	h.modified = cursor_s64le(&c);
	h.descr_free = cursor_s64le(&c);
	h.descr_total = cursor_u64le(&c);
	h.descr_offset = cursor_u64le(&c);
	h.descr_size = cursor_u64le(&c);
	h.data_offset = cursor_s64le(&c);
	h.data_size = cursor_s64le(&c);
	TRY(cursor_finish(&c, "SIF header"));
	*ret_header = h;
	return NULL;
}

/* Where the table is and how long: inside the file, behind the header, before anything of its size is allocated. */
static struct error *check_table(const struct sif_header *h, uint64_t file_size, size_t *ret_bytes)
{
	if (h->descr_total > INT64_MAX || h->descr_offset > INT64_MAX || h->descr_size > INT64_MAX)
		return error_new(ERR_CORRUPT, "SIF header declares a negative size or position");
	if (h->descr_total > SIF_DESCR_MAX)
		return error_new(ERR_LIMIT, "SIF header declares %" PRIu64 " descriptors (limit %d)", h->descr_total,
				 SIF_DESCR_MAX);

	size_t bytes = (size_t)h->descr_total * SIF_DESCR_SIZE;

	if (h->descr_size < bytes)
		return read_error("descriptors", (size_t)h->descr_size);
	if (bytes && h->descr_offset < SIF_HEADER_SIZE)
		return error_new(ERR_CORRUPT, "descriptor table overlaps the SIF header");
	if (bytes && h->descr_offset >= file_size)
		return read_error("descriptors", 0);
	if (bytes && bytes > file_size - h->descr_offset)
		return read_error("descriptors", 1);
	*ret_bytes = bytes;
	return NULL;
}

/* The digest text of an OCI object ends at the first NUL; anything but a well-formed one leaves it empty. */
static void parse_digest(struct sif_descr *d)
{
	char text[DIGEST_TEXT_LEN + 2] = "";

	if (d->type != SIF_TYPE_OCI_ROOT_INDEX && d->type != SIF_TYPE_OCI_BLOB)
		return;
	memcpy(text, d->extra, sizeof(text) - 1);
	(void)digest_parse(text, &d->digest);
}

static struct error *check_descr(const struct sif_header *h, const struct sif_descr *d)
{
	uint64_t end;
	uint64_t table_end = h->descr_offset + h->descr_total * SIF_DESCR_SIZE;

	if (d->offset > INT64_MAX || d->size > INT64_MAX || !add_ok(d->offset, d->size, &end) || end > INT64_MAX)
		return error_new(ERR_CORRUPT, "object %u has a negative size or position", d->id);
	if (!d->size)
		return NULL;
	if (d->offset < SIF_HEADER_SIZE || (d->offset < table_end && end > h->descr_offset))
		return error_new(ERR_CORRUPT, "object %u overlaps the SIF header or descriptor table", d->id);
	return NULL;
}

static struct error *parse_descr(const struct sif_header *h, const uint8_t *data, struct sif_descr *d)
{
	struct cursor c = cursor_over(data, SIF_DESCR_SIZE);

	d->type = cursor_s32le(&c);
	cursor_skip(&c, 1);
	d->id = cursor_u32le(&c);
	d->group = cursor_u32le(&c);
	d->link = cursor_u32le(&c);
	d->offset = cursor_u64le(&c);
	d->size = cursor_u64le(&c);
	d->padded_size = cursor_s64le(&c);
	d->created = cursor_s64le(&c);
	d->modified = cursor_s64le(&c);
	d->uid = cursor_s64le(&c);
	d->gid = cursor_s64le(&c);
	cursor_copy(&c, d->name, SIF_NAME_LEN);
	cursor_copy(&c, d->extra, SIF_EXTRA_LEN);
	TRY(cursor_finish(&c, "SIF descriptor"));
	parse_digest(d);
	return check_descr(h, d);
}

/* Any byte but zero counts as used. */
static bool is_used(const uint8_t *slot)
{
	return slot[4] != 0;
}

static struct error *parse_table(struct sif *sif, const uint8_t *table)
{
	size_t n = 0;

	for (uint64_t i = 0; i < sif->header.descr_total; i++)
		n += is_used(table + i * SIF_DESCR_SIZE);
	sif->descrs = xcalloc(n ? n : 1, sizeof(*sif->descrs));
	for (uint64_t i = 0; i < sif->header.descr_total; i++) {
		const uint8_t *slot = table + i * SIF_DESCR_SIZE;

		if (is_used(slot))
			TRY(parse_descr(&sif->header, slot, &sif->descrs[sif->n_descrs++]));
	}
	return NULL;
}

static struct error *file_size(int fd, uint64_t *ret_size)
{
	off_t end = lseek(fd, 0, SEEK_END);

	if (end < 0)
		return error_sys(errno, "seek");
	*ret_size = (uint64_t)end;
	return NULL;
}

struct error *sif_load(int fd, struct sif **ret_sif)
{
	cleanup_with(sif_free) struct sif *sif = xcalloc(1, sizeof(*sif));
	cleanup_free uint8_t *rest = NULL;
	uint8_t head[FIRST_READ];
	const uint8_t *table;
	size_t got;
	size_t bytes = 0;

	TRY_CTX(io_pread(fd, head, sizeof(head), 0, &got), "reading global header");
	TRY(parse_header(head, got, &sif->header));
	TRY(file_size(fd, &sif->file_size));
	TRY(check_table(&sif->header, sif->file_size, &bytes));
	if (sif->header.descr_offset + bytes <= got) {
		table = head + sif->header.descr_offset;
	} else {
		table = rest = xmalloc(bytes);
		TRY_CTX(io_pread(fd, rest, bytes, sif->header.descr_offset, &got), "reading descriptors");
		if (got < bytes)
			return read_error("descriptors", got);
	}
	TRY(parse_table(sif, table));
	*ret_sif = take_ptr(&sif);
	return NULL;
}

void sif_free(struct sif *sif)
{
	if (!sif)
		return;
	free(sif->descrs);
	free(sif);
}

uint32_t sif_descr_group(const struct sif_descr *d)
{
	return d->group & ~SIF_GROUP_MARK;
}

uint32_t sif_descr_link(const struct sif_descr *d, bool *ret_is_group)
{
	*ret_is_group = (d->link & SIF_GROUP_MARK) == SIF_GROUP_MARK;
	return d->link & ~SIF_GROUP_MARK;
}

struct error *sif_find_id(const struct sif *sif, uint32_t id, const struct sif_descr **ret_descr)
{
	const struct sif_descr *found = NULL;

	if (!sif->n_descrs)
		return error_new(ERR_NOT_FOUND, "no objects in image");
	if (!id)
		return error_new(ERR_USAGE, "invalid object ID");
	for (size_t i = 0; i < sif->n_descrs; i++) {
		if (sif->descrs[i].id != id)
			continue;
		if (found)
			return error_new(ERR_CORRUPT, "multiple objects found");
		found = &sif->descrs[i];
	}
	if (!found)
		return error_new(ERR_NOT_FOUND, "object not found");
	*ret_descr = found;
	return NULL;
}

const struct sif_descr *sif_find_digest(const struct sif *sif, enum sif_type type, const struct digest *digest)
{
	for (size_t i = 0; i < sif->n_descrs; i++) {
		const struct sif_descr *d = &sif->descrs[i];

		if (d->type == (int32_t)type && digest_eq(&d->digest, digest))
			return d;
	}
	return NULL;
}

struct error *sif_object_range(const struct sif *sif, const struct sif_descr *d)
{
	if (d->offset + d->size > sif->file_size)
		return error_new(ERR_CORRUPT, "object %u extends past end of file", d->id);
	return NULL;
}

struct error *sif_copy_object(int fd, const struct sif_descr *d, int out_fd)
{
	enum { STEP = 256 << 10 };
	cleanup_free char *block = xmalloc(STEP);

	for (uint64_t done = 0; done < d->size;) {
		size_t want = d->size - done < STEP ? (size_t)(d->size - done) : STEP;
		size_t got;

		TRY(io_pread(fd, block, want, d->offset + done, &got));
		TRY(io_write_all(out_fd, block, got));
		if (got < want)
			return error_new(ERR_CORRUPT, "EOF");
		done += got;
	}
	return NULL;
}
