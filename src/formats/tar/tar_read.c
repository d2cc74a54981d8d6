/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/tar/tar_priv.h"

#include <inttypes.h>

/* Header fields: offset and width (POSIX.1-2017 pax, "ustar Interchange Format"). */
enum {
	NAME = 0, NAME_LEN = 100,
	MODE = 100,
	UID = 108,
	GID = 116,
	ID_LEN = 8,
	SIZE = 124, SIZE_LEN = 12,
	MTIME = 136,
	CHECKSUM = 148, CHECKSUM_LEN = 8,
	TYPE = 156,
	LINK = 157,
	MAGIC = 257,
	DEV_MAJOR = 329,
	DEV_MINOR = 337,
	PREFIX = 345, PREFIX_LEN = 155, STAR_PREFIX_LEN = 131,
	STAR_TRAILER = 508,
};

static struct error *invalid(const char *what)
{
	return error_new(ERR_CORRUPT, TAR_INVALID " (%s)", what);
}

struct tar *tar_new(const struct tar_input *input)
{
	struct tar *tar = xcalloc(1, sizeof(*tar));

	tar->input = *input;
	return tar;
}

void tar_free(struct tar *tar)
{
	if (!tar)
		return;
	buf_free(&tar->name);
	buf_free(&tar->link);
	buf_free(&tar->long_name);
	buf_free(&tar->long_link);
	tar_pax_free(&tar->pax);
	tar_pax_free(&tar->global);
	free(tar->sparse.pieces);
	free(tar);
}

/* ---- bytes ---- */

/* After this, left > 0 or input_ended. */
static struct error *fill(struct tar *tar)
{
	if (tar->left > 0 || tar->input_ended)
		return NULL;
	TRY(tar->input.next(tar->input.ctx, &tar->data, &tar->left));
	tar->input_ended = tar->left == 0;
	return NULL;
}

struct error *tar_take(struct tar *tar, uint64_t max, const uint8_t **ret_data, size_t *ret_size)
{
	TRY(fill(tar));
	if (tar->left == 0)
		return error_new(ERR_CORRUPT, "archive/tar: unexpected end of the archive");
	*ret_size = max < tar->left ? (size_t)max : tar->left;
	*ret_data = tar->data;
	tar->data += *ret_size;
	tar->left -= *ret_size;
	return NULL;
}

struct error *tar_take_all(struct tar *tar, size_t size, struct buf *out)
{
	while (size > 0) {
		const uint8_t *data = NULL;
		size_t got = 0;

		TRY(tar_take(tar, size, &data, &got));
		buf_append(out, data, got);
		size -= got;
	}
	return NULL;
}

static struct error *skip(struct tar *tar, uint64_t size)
{
	while (size > 0) {
		const uint8_t *data = NULL;
		size_t got = 0;

		if (tar->left == 0 && tar->input.skip)
			return tar->input.skip(tar->input.ctx, size);
		TRY(tar_take(tar, size, &data, &got));
		size -= got;
	}
	return NULL;
}

struct error *tar_block(struct tar *tar, const uint8_t **ret_block)
{
	size_t have = 0;

	TRY(fill(tar));
	if (tar->left == 0) {
		*ret_block = NULL;
		return NULL;
	}
	if (tar->left >= TAR_BLOCK) {
		*ret_block = tar->data;
		tar->data += TAR_BLOCK;
		tar->left -= TAR_BLOCK;
		return NULL;
	}
	while (have < TAR_BLOCK) { /* a block across two chunks */
		const uint8_t *data = NULL;
		size_t got = 0;

		TRY(tar_take(tar, TAR_BLOCK - have, &data, &got));
		memcpy(tar->scratch + have, data, got);
		have += got;
	}
	*ret_block = tar->scratch;
	return NULL;
}

/* ---- headers ---- */

static bool is_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

/* The sum of all bytes with the checksum field taken as blanks; some old writers summed signed bytes. */
static struct error *check_sum(const uint8_t *header)
{
	int64_t stored = 0;
	int64_t as_unsigned = CHECKSUM_LEN * ' ';
	int64_t as_signed = CHECKSUM_LEN * ' ';

	TRY(tar_number(header + CHECKSUM, CHECKSUM_LEN, &stored));
	for (int i = 0; i < TAR_BLOCK; i++) {
		if (i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LEN)
			continue;
		as_unsigned += header[i];
		as_signed += (int8_t)header[i];
	}
	return stored == as_unsigned || stored == as_signed ? NULL : invalid("checksum");
}

static struct error *header_size(const uint8_t *header, uint64_t *ret_size)
{
	int64_t size = 0;

	TRY(tar_number(header + SIZE, SIZE_LEN, &size));
	if (size < 0)
		return invalid("negative size");
	*ret_size = (uint64_t)size;
	return NULL;
}

static struct error *header_id(const uint8_t *field, uint32_t *ret_id)
{
	int64_t id = 0;

	TRY(tar_number(field, ID_LEN, &id));
	if (id < INT32_MIN || id > UINT32_MAX)
		return invalid("owner out of range");
	*ret_id = (uint32_t)id;
	return NULL;
}

static void append_field(struct buf *out, const uint8_t *field, size_t width)
{
	buf_append(out, field, strnlen((const char *)field, width));
}

static void header_name(struct tar *tar, const uint8_t *header)
{
	bool is_ustar = memcmp(header + MAGIC, "ustar\0", 6) == 0;
	bool is_star = is_ustar && memcmp(header + STAR_TRAILER, "tar\0", 4) == 0;

	buf_clear(&tar->name);
	if (is_ustar && header[PREFIX] != '\0') {
		append_field(&tar->name, header + PREFIX, is_star ? STAR_PREFIX_LEN : PREFIX_LEN);
		buf_append_char(&tar->name, '/');
	}
	append_field(&tar->name, header + NAME, NAME_LEN);
}

/* The content of an x, g, L or K record. */
static struct error *take_record(struct tar *tar, const uint8_t *header, struct buf *out)
{
	uint64_t size = 0;

	TRY(header_size(header, &size));
	if (size > TAR_RECORD_MAX)
		return error_new(ERR_LIMIT, "archive/tar: special record of %" PRIu64 " bytes (limit %d)", size,
				 TAR_RECORD_MAX);
	buf_clear(out);
	TRY(tar_take_all(tar, (size_t)size, out));
	return skip(tar, (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

static struct error *take_pax(struct tar *tar, const uint8_t *header, struct tar_pax *pax)
{
	tar_pax_clear(pax);
	TRY(take_record(tar, header, &pax->bytes));
	return tar_pax_parse(pax);
}

/* x, g, L, K: taken in, for what follows. *ret_special is false for anything else. */
static struct error *take_special(struct tar *tar, const uint8_t *header, bool *ret_special)
{
	*ret_special = true;
	switch (header[TYPE]) {
	case 'x':
	case 'X': /* Solaris' older letter for the same */
		return take_pax(tar, header, &tar->pax);
	case 'g':
		return take_pax(tar, header, &tar->global);
	case 'L':
		tar->has_long_name = true;
		return take_record(tar, header, &tar->long_name);
	case 'K':
		tar->has_long_link = true;
		return take_record(tar, header, &tar->long_link);
	default:
		*ret_special = false;
		return NULL;
	}
}

static struct error *entry_type(const struct tar *tar, uint8_t flag, enum tar_type *ret_type)
{
	size_t len = tar->name.len;

	switch (flag) {
	case '\0':
	case '0':
		/* Before there were directory entries, a slash at the end of a name said so. */
		*ret_type = len > 0 && tar->name.data[len - 1] == '/' ? TAR_DIR : TAR_FILE;
		return NULL;
	case '7': /* contiguous file */
	case 'S':
		*ret_type = TAR_FILE;
		return NULL;
	case '1':
		*ret_type = TAR_HARDLINK;
		return NULL;
	case '2':
		*ret_type = TAR_SYMLINK;
		return NULL;
	case '3':
		*ret_type = TAR_CHAR;
		return NULL;
	case '4':
		*ret_type = TAR_BLOCKDEV;
		return NULL;
	case '5':
		*ret_type = TAR_DIR;
		return NULL;
	case '6':
		*ret_type = TAR_FIFO;
		return NULL;
	default:
		return error_new(ERR_UNSUPPORTED, "unpack entry: %s: unknown typeflag '\\x%02x'", buf_str(&tar->name), flag);
	}
}

/* Order of precedence: header, GNU long names, pax records, the name that a sparse file really has. */
static struct error *entry_names(struct tar *tar, const uint8_t *header)
{
	header_name(tar, header);
	buf_clear(&tar->link);
	append_field(&tar->link, header + LINK, NAME_LEN);
	if (tar->has_long_name) {
		buf_clear(&tar->name);
		buf_append_str(&tar->name, buf_str(&tar->long_name));
	}
	if (tar->has_long_link) {
		buf_clear(&tar->link);
		buf_append_str(&tar->link, buf_str(&tar->long_link));
	}
	if (tar->pax.path || tar->pax.sparse_name) {
		buf_clear(&tar->name);
		buf_append_str(&tar->name, tar->pax.sparse_name ? tar->pax.sparse_name : tar->pax.path);
	}
	if (tar->pax.link) {
		buf_clear(&tar->link);
		buf_append_str(&tar->link, tar->pax.link);
	}
	if (tar->name.len > TAR_PATH_MAX || tar->link.len > TAR_PATH_MAX)
		return error_new(ERR_LIMIT, "archive/tar: a name is longer than %d bytes: %.64s...", TAR_PATH_MAX,
				 tar->name.len > TAR_PATH_MAX ? tar->name.data : tar->link.data);
	return NULL;
}

static struct error *entry_device(const uint8_t *header, struct tar_entry *entry)
{
	int64_t major = 0;
	int64_t minor = 0;

	TRY(tar_number(header + DEV_MAJOR, ID_LEN, &major));
	TRY(tar_number(header + DEV_MINOR, ID_LEN, &minor));
	if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff)
		return invalid("device number out of range");
	entry->dev_major = (uint32_t)major;
	entry->dev_minor = (uint32_t)minor;
	return NULL;
}

static struct error *entry_owner(struct tar *tar, const uint8_t *header)
{
	struct tar_entry *entry = &tar->entry;
	const struct tar_pax *pax = &tar->pax;
	const struct tar_pax *global = &tar->global;

	if (pax->has_uid || global->has_uid)
		entry->uid = pax->has_uid ? pax->uid : global->uid;
	else
		TRY(header_id(header + UID, &entry->uid));
	if (pax->has_gid || global->has_gid)
		entry->gid = pax->has_gid ? pax->gid : global->gid;
	else
		TRY(header_id(header + GID, &entry->gid));
	if (pax->has_mtime || global->has_mtime)
		entry->mtime = pax->has_mtime ? pax->mtime : global->mtime;
	else
		TRY(tar_number(header + MTIME, SIZE_LEN, &entry->mtime));
	return NULL;
}

/* Sets how much content follows and how it expands. Only regular files have any; what others declare is not there. */
static struct error *entry_content(struct tar *tar, const uint8_t *header)
{
	struct tar_pax *pax = &tar->pax;
	bool is_pax_sparse = pax->sparse_major > 0 || pax->sparse_map || pax->pieces.n > 0 || pax->has_sparse_size;
	uint64_t stored = 0;

	if (tar->entry.type != TAR_FILE)
		return NULL;
	TRY(header_size(header, &stored));
	if (pax->has_size)
		stored = pax->size;
	tar->stored_left = stored;
	tar->padding = (unsigned int)((TAR_BLOCK - stored % TAR_BLOCK) % TAR_BLOCK);
	tar->entry.size = stored;
	tar->is_sparse = is_pax_sparse || header[TYPE] == 'S';
	if (!tar->is_sparse)
		return NULL;
	TRY(is_pax_sparse ? tar_sparse_pax(tar) : tar_sparse_gnu(tar, header));
	return tar_sparse_check(&tar->sparse, tar->entry.size, tar->stored_left);
}

static struct error *make_entry(struct tar *tar, const uint8_t *header)
{
	struct tar_entry *entry = &tar->entry;
	int64_t mode = 0;

	TRY(entry_names(tar, header));
	TRY(entry_type(tar, header[TYPE], &entry->type));
	TRY(tar_number(header + MODE, ID_LEN, &mode));
	entry->mode = (uint32_t)(mode & 07777);
	TRY(entry_owner(tar, header));
	if (entry->type == TAR_CHAR || entry->type == TAR_BLOCKDEV)
		TRY(entry_device(header, entry));
	entry->xattrs = tar->pax.xattrs;
	entry->n_xattrs = tar->pax.n_xattrs;
	TRY(entry_content(tar, header));
	entry->name = buf_str(&tar->name);
	entry->link = entry->type == TAR_HARDLINK || entry->type == TAR_SYMLINK ? buf_str(&tar->link) : "";
	return NULL;
}

static struct error *finish_entry(struct tar *tar)
{
	TRY(skip(tar, tar->stored_left));
	tar->stored_left = 0;
	/* The last entry's padding may be missing together with the end of the archive. */
	while (tar->padding > 0) {
		TRY(fill(tar));
		if (tar->left == 0)
			break;
		const uint8_t *data = NULL;
		size_t got = 0;

		TRY(tar_take(tar, tar->padding, &data, &got));
		tar->padding -= (unsigned int)got;
	}
	tar->padding = 0;
	tar->entry = (struct tar_entry){ 0 };
	tar->is_sparse = false;
	tar->sparse.n = 0;
	tar->sparse.at = 0;
	tar->position = 0;
	tar->has_long_name = false;
	tar->has_long_link = false;
	tar_pax_clear(&tar->pax);
	return NULL;
}

/* One zero block must be followed by another or by the end of the input. */
static struct error *end_archive(struct tar *tar)
{
	const uint8_t *second = NULL;

	TRY(tar_block(tar, &second));
	if (second && !is_zero(second))
		return invalid("data after a zero block");
	tar->ended = true;
	return NULL;
}

struct error *tar_next(struct tar *tar, const struct tar_entry **ret_entry)
{
	*ret_entry = NULL;
	if (tar->ended)
		return NULL;
	TRY(finish_entry(tar));
	for (int n_specials = 0; n_specials <= TAR_SPECIALS_MAX; n_specials++) {
		const uint8_t *header = NULL;
		bool is_special = false;

		TRY(tar_block(tar, &header));
		if (!header) {
			tar->ended = true;
			return NULL;
		}
		if (is_zero(header))
			return end_archive(tar);
		TRY(check_sum(header));
		TRY(take_special(tar, header, &is_special));
		if (is_special)
			continue;
		TRY(make_entry(tar, header));
		*ret_entry = &tar->entry;
		return NULL;
	}
	return error_new(ERR_LIMIT, "archive/tar: more than %d special records before one entry", TAR_SPECIALS_MAX);
}

/* ---- content ---- */

/* The next piece of data, at most @max bytes, straight from the chunk. */
static struct error *read_data(struct tar *tar, uint64_t max, struct tar_slice *ret_slice)
{
	size_t got = 0;

	TRY(tar_take(tar, max, &ret_slice->data, &got));
	ret_slice->size = got;
	tar->stored_left -= got;
	tar->position += got;
	return NULL;
}

static struct error *read_sparse(struct tar *tar, struct tar_slice *ret_slice)
{
	struct tar_sparse *sparse = &tar->sparse;
	uint64_t hole_end = tar->entry.size;

	while (sparse->at < sparse->n) {
		const struct tar_piece *piece = &sparse->pieces[sparse->at];

		if (tar->position < piece->offset) {
			hole_end = piece->offset;
			break;
		}
		if (tar->position < piece->offset + piece->size)
			return read_data(tar, piece->offset + piece->size - tar->position, ret_slice);
		sparse->at++;
	}
	*ret_slice = (struct tar_slice){ .size = hole_end - tar->position };
	tar->position = hole_end;
	return NULL;
}

struct error *tar_read(struct tar *tar, struct tar_slice *ret_slice)
{
	*ret_slice = (struct tar_slice){ 0 };
	if (tar->is_sparse)
		return read_sparse(tar, ret_slice);
	if (tar->stored_left == 0)
		return NULL;
	return read_data(tar, tar->stored_left, ret_slice);
}

struct error *tar_drain(struct tar *tar)
{
	tar->ended = true;
	tar->stored_left = 0;
	do {
		tar->left = 0;
		TRY(fill(tar));
	} while (!tar->input_ended);
	return NULL;
}
