/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sparse files: where in the expanded file the stored bytes belong. GNU tar manual, "Storing Sparse Files": the old GNU form has
 * its map in the header and in blocks after it, pax 0.0 and 0.1 in records, pax 1.0 as text in front of the data.
 */
#include "base/num.h"
#include "formats/tar/tar_priv.h"

static struct error *invalid(const char *what)
{
	return error_new(ERR_CORRUPT, TAR_INVALID " (%s)", what);
}

struct error *tar_sparse_add(struct tar_sparse *sparse, uint64_t offset, uint64_t size)
{
	if (sparse->n == TAR_SPARSE_MAX)
		return error_new(ERR_LIMIT, "archive/tar: a sparse file has more than %d pieces", TAR_SPARSE_MAX);
	GROW(sparse->pieces, sparse->n, sparse->cap);
	sparse->pieces[sparse->n++] = (struct tar_piece){ .offset = offset, .size = size };
	return NULL;
}

struct error *tar_sparse_check(const struct tar_sparse *sparse, uint64_t size, uint64_t stored)
{
	uint64_t end = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < sparse->n; i++) {
		const struct tar_piece *piece = &sparse->pieces[i];

		if (piece->offset < end)
			return invalid("sparse map out of order");
		if (!add_ok(piece->offset, piece->size, &end) || end > size)
			return invalid("sparse map exceeds the file");
		sum += piece->size; /* pieces are apart and end within 63 bits: no overflow */
	}
	if (sum != stored)
		return invalid("sparse map does not match the data");
	return NULL;
}

/* @n_slots pairs of 12-digit numbers; an empty one ends the map. */
static struct error *gnu_slots(struct tar_sparse *sparse, const uint8_t *slots, size_t n_slots)
{
	for (size_t i = 0; i < n_slots && slots[i * 24] != '\0'; i++) {
		int64_t offset = 0;
		int64_t size = 0;

		TRY(tar_number(slots + i * 24, 12, &offset));
		TRY(tar_number(slots + i * 24 + 12, 12, &size));
		if (offset < 0 || size < 0)
			return invalid("negative sparse map");
		TRY(tar_sparse_add(sparse, (uint64_t)offset, (uint64_t)size));
	}
	return NULL;
}

struct error *tar_sparse_gnu(struct tar *tar, const uint8_t *header)
{
	enum { HEADER_SLOTS = 4, BLOCK_SLOTS = 21, HEADER_AT = 386, HEADER_MORE = 482, BLOCK_MORE = 504, REALSIZE = 483 };
	bool more = header[HEADER_MORE] != 0;
	int64_t size = 0;

	TRY(tar_number(header + REALSIZE, 12, &size));
	if (size < 0)
		return invalid("negative size");
	TRY(gnu_slots(&tar->sparse, header + HEADER_AT, HEADER_SLOTS));
	while (more) { /* ends: every full block adds pieces up to the limit, and an empty one ends it */
		const uint8_t *block = NULL;
		size_t before = tar->sparse.n;

		TRY(tar_block(tar, &block));
		if (!block)
			return invalid("sparse map is cut off");
		TRY(gnu_slots(&tar->sparse, block, BLOCK_SLOTS));
		more = block[BLOCK_MORE] != 0 && tar->sparse.n > before;
	}
	tar->entry.size = (uint64_t)size;
	return NULL;
}

/* Form 0.1: "offset,size,offset,size". */
static struct error *parse_list(struct tar_sparse *sparse, const char *list)
{
	uint64_t pair[2] = { 0 };
	unsigned int i = 0;

	for (const char *at = list; *at;) {
		size_t len = strcspn(at, ",");
		char number[24] = { 0 };

		if (len >= sizeof(number))
			return invalid("sparse map");
		memcpy(number, at, len);
		if (!num_parse_u64(number, INT64_MAX, &pair[i]))
			return invalid("sparse map");
		if (i == 1)
			TRY(tar_sparse_add(sparse, pair[0], pair[1]));
		i = 1 - i;
		at += len + (at[len] == ',');
	}
	return i == 0 ? NULL : invalid("sparse map");
}

/* One line of form 1.0's map: a decimal number and a newline, taken from the content. */
static struct error *map_line(struct tar *tar, uint64_t *used, uint64_t *ret_number)
{
	char digits[24];
	size_t n = 0;

	for (;;) {
		const uint8_t *byte = NULL;
		size_t got = 0;

		if (tar->stored_left == 0 || n == sizeof(digits) - 1)
			return invalid("sparse map");
		TRY(tar_take(tar, 1, &byte, &got));
		tar->stored_left--;
		(*used)++;
		if (*byte == '\n')
			break;
		digits[n++] = (char)*byte;
	}
	digits[n] = '\0';
	return num_parse_u64(digits, INT64_MAX, ret_number) ? NULL : invalid("sparse map");
}

/* Form 1.0: count, then offset and size of each piece, filled up to a whole block. */
static struct error *parse_map(struct tar *tar)
{
	uint64_t used = 0;
	uint64_t count = 0;
	uint64_t fill = 0;

	TRY(map_line(tar, &used, &count));
	for (uint64_t i = 0; i < count; i++) { /* bounded by the stored bytes and by TAR_SPARSE_MAX */
		uint64_t offset = 0;
		uint64_t size = 0;

		TRY(map_line(tar, &used, &offset));
		TRY(map_line(tar, &used, &size));
		TRY(tar_sparse_add(&tar->sparse, offset, size));
	}
	fill = (TAR_BLOCK - used % TAR_BLOCK) % TAR_BLOCK;
	if (fill > tar->stored_left)
		return invalid("sparse map");
	while (fill > 0) {
		const uint8_t *data = NULL;
		size_t got = 0;

		TRY(tar_take(tar, fill, &data, &got));
		fill -= got;
		tar->stored_left -= got;
	}
	return NULL;
}

struct error *tar_sparse_pax(struct tar *tar)
{
	struct tar_pax *pax = &tar->pax;

	if (pax->sparse_major > 1 || (pax->sparse_major == 1 && pax->sparse_minor != 0))
		return error_new(ERR_UNSUPPORTED, "archive/tar: sparse format %u.%u", pax->sparse_major, pax->sparse_minor);
	if (!pax->has_sparse_size)
		return invalid("sparse file without a size");
	tar->entry.size = pax->sparse_size;
	if (pax->sparse_major == 1)
		return parse_map(tar);
	if (pax->sparse_map)
		return parse_list(&tar->sparse, pax->sparse_map);
	free(tar->sparse.pieces);
	tar->sparse = pax->pieces;
	pax->pieces = (struct tar_sparse){ 0 };
	return NULL;
}
