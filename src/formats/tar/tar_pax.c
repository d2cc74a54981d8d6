/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers of header fields and pax records ("LENGTH KEY=VALUE\n"). Records are cut in place: keys and values become strings
 * inside the record bytes.
 */
#include "base/num.h"
#include "formats/tar/tar_priv.h"

#include <limits.h>

static struct error *invalid(const char *what)
{
	return error_new(ERR_CORRUPT, TAR_INVALID " (%s)", what);
}

/* Big-endian two's complement; the first byte's top bit only marks the encoding (GNU tar manual, "Extensions"). */
static struct error *base256(const uint8_t *field, size_t width, int64_t *ret_value)
{
	uint8_t fill = field[0] & 0x40 ? 0xff : 0;
	uint64_t value = fill ? UINT64_MAX : 0;

	for (size_t i = 0; i < width; i++) {
		uint8_t byte = i == 0 ? (uint8_t)((field[0] & 0x7f) | (fill & 0x80)) : field[i];

		if (i + 8 < width && byte != fill)
			return invalid("number out of range");
		value = value << 8 | byte;
	}
	/* The sign must have survived: 64 bits that say the opposite are a number out of range. */
	if ((value >> 63 != 0) != (fill != 0))
		return invalid("number out of range");
	*ret_value = (int64_t)value;
	return NULL;
}

struct error *tar_number(const uint8_t *field, size_t width, int64_t *ret_value)
{
	uint64_t value = 0;
	size_t i = 0;

	if (field[0] & 0x80)
		return base256(field, width, ret_value);
	while (i < width && (field[i] == ' ' || field[i] == '\0'))
		i++;
	for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0'); /* at most 12 digits: 36 bits */
	if (i < width && field[i] != ' ' && field[i] != '\0')
		return invalid("malformed number");
	*ret_value = (int64_t)value;
	return NULL;
}

void tar_pax_clear(struct tar_pax *pax)
{
	struct tar_pax empty = { .bytes = pax->bytes, .xattrs = pax->xattrs, .xattrs_cap = pax->xattrs_cap };

	free(pax->pieces.pieces);
	buf_clear(&empty.bytes);
	*pax = empty;
}

void tar_pax_free(struct tar_pax *pax)
{
	buf_free(&pax->bytes);
	free(pax->xattrs);
	free(pax->pieces.pieces);
	*pax = (struct tar_pax){ 0 };
}

/* Seconds with an optional fraction, rounded down: "-1.5" is -2. */
static struct error *parse_time(const char *value, int64_t *ret_seconds)
{
	const char *dot = strchr(value, '.');
	cleanup_free char *whole = dot ? xstrndup(value, (size_t)(dot - value)) : xstrdup(value);
	bool negative = value[0] == '-';
	int64_t seconds = 0;
	size_t n_digits = dot ? strspn(dot + 1, "0123456789") : 0;

	if (dot && dot[1 + n_digits] != '\0')
		return invalid("pax time");
	/* "-.5" and ".5" have no whole part; "-0.5" has one without a sign. */
	if (whole[negative] != '\0' && !num_parse_s64(whole, &seconds))
		return invalid("pax time");
	if (whole[negative] == '\0' && n_digits == 0)
		return invalid("pax time");
	if (negative && dot && strspn(dot + 1, "0") < n_digits) {
		if (seconds == INT64_MIN)
			return invalid("pax time");
		seconds--;
	}
	*ret_seconds = seconds;
	return NULL;
}

static struct error *parse_number(const char *value, uint64_t max, uint64_t *ret_value)
{
	return num_parse_u64(value, max, ret_value) ? NULL : invalid("pax number");
}

static struct error *parse_id(const char *value, uint32_t *ret_id)
{
	int64_t number = 0;

	if (!num_parse_s64(value, &number) || number < INT32_MIN || number > UINT32_MAX)
		return invalid("owner out of range");
	*ret_id = (uint32_t)number;
	return NULL;
}

static struct error *add_xattr(struct tar_pax *pax, const char *name, const char *value, size_t size)
{
	if (pax->n_xattrs == TAR_XATTRS_MAX)
		return error_new(ERR_LIMIT, "archive/tar: an entry has more than %d extended attributes", TAR_XATTRS_MAX);
	if (size > TAR_XATTR_SIZE_MAX)
		return error_new(ERR_LIMIT, "archive/tar: extended attribute %s is larger than %d bytes", name,
				 TAR_XATTR_SIZE_MAX);
	GROW(pax->xattrs, pax->n_xattrs, pax->xattrs_cap);
	pax->xattrs[pax->n_xattrs++] = (struct tar_xattr){ .name = name, .value = value, .size = size };
	return NULL;
}

static void remove_xattr(struct tar_pax *pax, const char *name)
{
	for (size_t i = 0; i < pax->n_xattrs; i++)
		if (str_eq(pax->xattrs[i].name, name))
			pax->xattrs[i--] = pax->xattrs[--pax->n_xattrs];
}

/* The records of the sparse forms 0.0 (offset and numbytes, repeated for every piece), 0.1 (map) and 1.0 (major, minor). */
static struct error *parse_sparse(struct tar_pax *pax, const char *key, const char *value)
{
	uint64_t number = 0;

	if (str_eq(key, "name")) {
		pax->sparse_name = value;
	} else if (str_eq(key, "map")) {
		pax->sparse_map = value;
	} else if (str_eq(key, "size") || str_eq(key, "realsize")) {
		TRY(parse_number(value, INT64_MAX, &pax->sparse_size));
		pax->has_sparse_size = true;
	} else if (str_eq(key, "offset")) {
		return parse_number(value, INT64_MAX, &pax->piece_offset);
	} else if (str_eq(key, "numbytes")) {
		TRY(parse_number(value, INT64_MAX, &number));
		return tar_sparse_add(&pax->pieces, pax->piece_offset, number);
	} else if (str_eq(key, "major") || str_eq(key, "minor")) {
		TRY(parse_number(value, UINT_MAX, &number));
		*(key[1] == 'a' ? &pax->sparse_major : &pax->sparse_minor) = (unsigned int)number;
	}
	return NULL;
}

/* An empty value takes an override back (POSIX pax, "Extended Header"). */
static struct error *parse_known(struct tar_pax *pax, const char *key, const char *value)
{
	bool given = value[0] != '\0';

	if (str_eq(key, "path")) {
		pax->path = given ? value : NULL;
	} else if (str_eq(key, "linkpath")) {
		pax->link = given ? value : NULL;
	} else if (str_eq(key, "size")) {
		pax->has_size = given;
		if (given)
			return parse_number(value, INT64_MAX, &pax->size);
	} else if (str_eq(key, "uid")) {
		pax->has_uid = given;
		if (given)
			return parse_id(value, &pax->uid);
	} else if (str_eq(key, "gid")) {
		pax->has_gid = given;
		if (given)
			return parse_id(value, &pax->gid);
	} else if (str_eq(key, "mtime")) {
		pax->has_mtime = given;
		if (given)
			return parse_time(value, &pax->mtime);
	} else if (str_starts(key, "GNU.sparse.")) {
		return parse_sparse(pax, key + strlen("GNU.sparse."), value);
	}
	return NULL;
}

static struct error *parse_record(struct tar_pax *pax, char *key, char *value, size_t value_len)
{
	const char *xattr = str_after(key, "SCHILY.xattr.");

	if (xattr && value_len == 0) {
		remove_xattr(pax, xattr);
		return NULL;
	}
	if (xattr)
		return xattr[0] ? add_xattr(pax, xattr, value, value_len) : invalid("xattr without a name");
	if (strlen(value) != value_len)
		return invalid("pax record holds NUL");
	return parse_known(pax, key, value);
}

/* Cuts one record at @at: its length counts itself, the blank, key, "=", value and newline. */
static struct error *cut_record(struct buf *bytes, size_t *at, char **ret_key, char **ret_value, size_t *ret_value_len)
{
	char *start = bytes->data + *at;
	size_t left = bytes->len - *at;
	char *blank = memchr(start, ' ', left < 8 ? left : 8);
	uint64_t len = 0;
	char *equals = NULL;

	if (!blank)
		return invalid("pax record");
	*blank = '\0';
	if (!num_parse_u64(start, left, &len) || len < (size_t)(blank + 1 - start) + 3 || start[len - 1] != '\n')
		return invalid("pax record");
	start[len - 1] = '\0';
	equals = memchr(blank + 1, '=', len - (size_t)(blank + 1 - start));
	if (!equals || equals == blank + 1 || memchr(blank + 1, '\0', (size_t)(equals - blank - 1)))
		return invalid("pax record");
	*equals = '\0';
	*ret_key = blank + 1;
	*ret_value = equals + 1;
	*ret_value_len = (size_t)(start + len - 1 - (equals + 1));
	*at += len;
	return NULL;
}

struct error *tar_pax_parse(struct tar_pax *pax)
{
	size_t at = 0;

	while (at < pax->bytes.len) {
		char *key = NULL;
		char *value = NULL;
		size_t value_len = 0;

		TRY(cut_record(&pax->bytes, &at, &key, &value, &value_len));
		TRY(parse_record(pax, key, value, value_len));
	}
	return NULL;
}
