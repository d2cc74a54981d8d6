/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Extended attributes: an inode names a set; a set is a run of (prefix number, name, value); a value that several sets share is
 * stored once and referred to ("out of line").
 */
#include "formats/squash/squash_priv.h"

enum {
	TYPE_OUT_OF_LINE = 0x100,
	TYPE_MASK = 0xff,
	SET_ITEM_SIZE = 16,
	OUT_OF_LINE_SIZE = 8,
};

static const char *const prefixes[] = { "user.", "trusted.", "security." };

static struct error *value_read(struct squash *img, struct squash_pos *pos, bool out_of_line, struct squash_xattr *x)
{
	uint8_t raw[OUT_OF_LINE_SIZE];
	struct cursor c = cursor_over(raw, sizeof(raw));
	struct squash_pos far;
	uint32_t size;

	TRY(squash_meta_read(img, pos, raw, 4));
	if (out_of_line) {
		uint64_t ref;

		TRY(squash_meta_read(img, pos, raw, sizeof(raw)));
		ref = cursor_u64le(&c);
		if (ref >> 48 != 0)
			return error_new(ERR_CORRUPT, "squashfs attribute value is out of range");
		far = squash_pos_of(img->xattr_values, ref);
		pos = &far;
		TRY(squash_meta_read(img, pos, raw, 4));
		c = cursor_over(raw, sizeof(raw));
	}
	size = cursor_u32le(&c);
	if (size > SQUASH_XATTR_VALUE_MAX)
		return error_new(ERR_LIMIT, "squashfs attribute of %u bytes (limit %d)", size, SQUASH_XATTR_VALUE_MAX);
	x->value = xmalloc((size_t)size + 1);
	x->size = size;
	return squash_meta_read(img, pos, x->value, size);
}

static struct error *attribute_read(struct squash *img, struct squash_pos *pos, struct squash_xattrs *set)
{
	uint8_t raw[4];
	struct cursor c = cursor_over(raw, sizeof(raw));
	struct squash_xattr *x = &set->items[set->n];
	char name[SQUASH_NAME_MAX];
	uint16_t type, len;

	TRY(squash_meta_read(img, pos, raw, sizeof(raw)));
	type = cursor_u16le(&c);
	len = cursor_u16le(&c);
	if (len == 0 || len >= sizeof(name))
		return error_new(ERR_CORRUPT, "squashfs attribute with a name of %u bytes", len);
	TRY(squash_meta_read(img, pos, name, len));
	name[len] = '\0';
	if (memchr(name, 0, len))
		return error_new(ERR_CORRUPT, "squashfs attribute with a NUL in its name");
	*x = (struct squash_xattr){ 0 };
	set->n++; /* counted now, so that it is freed if its value cannot be read */
	TRY(value_read(img, pos, type & TYPE_OUT_OF_LINE, x));
	if ((type & TYPE_MASK) < ARRAY_LEN(prefixes)) {
		x->name = xasprintf("%s%s", prefixes[type & TYPE_MASK], name);
	} else { /* a kind of attribute that was added to the format later */
		free(x->value);
		set->n--;
	}
	return NULL;
}

static struct error *set_read(struct squash *img, struct squash_pos pos, uint32_t count, struct squash_xattrs *set)
{
	size_t bytes = 0;

	TRY(alloc_bounded(count, sizeof(*set->items), SQUASH_XATTRS_MAX * sizeof(*set->items), "squashfs attribute set", &set->items));
	for (uint32_t i = 0; i < count; i++) {
		size_t before = set->n;

		TRY(attribute_read(img, &pos, set));
		if (set->n > before)
			bytes += strlen(set->items[before].name) + set->items[before].size;
		if (bytes > SQUASH_XATTR_BYTES_MAX)
			return error_new(ERR_LIMIT, "squashfs attributes of one inode exceed %d bytes", SQUASH_XATTR_BYTES_MAX);
	}
	return NULL;
}

struct error *squash_xattrs_read(struct squash *img, const struct squash_inode *inode, struct squash_xattrs *ret_xattrs)
{
	cleanup_squash_xattrs struct squash_xattrs set = { 0 };
	uint8_t raw[SET_ITEM_SIZE];
	struct cursor c = cursor_over(raw, sizeof(raw));
	uint64_t ref;
	uint32_t count;

	if (inode->xattr_id != SQUASH_NO_XATTR && img->super.n_xattr_ids > 0) {
		if (inode->xattr_id >= img->super.n_xattr_ids)
			return error_new(ERR_CORRUPT, "squashfs inode refers to attribute set %u of %u", inode->xattr_id,
					 img->super.n_xattr_ids);
		TRY(squash_table_entry(img, img->xattr_index, inode->xattr_id, raw));
		ref = cursor_u64le(&c);
		count = cursor_u32le(&c);
		if (ref >> 48 != 0)
			return error_new(ERR_CORRUPT, "squashfs attribute set is out of range");
		TRY(set_read(img, squash_pos_of(img->xattr_values, ref), count, &set));
	}
	*ret_xattrs = set;
	set = (struct squash_xattrs){ 0 };
	return NULL;
}

void squash_xattrs_free(struct squash_xattrs *xattrs)
{
	for (size_t i = 0; i < xattrs->n; i++) {
		free(xattrs->items[i].name);
		free(xattrs->items[i].value);
	}
	free(xattrs->items);
	*xattrs = (struct squash_xattrs){ 0 };
}
