/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/cursor.h"

#include <assert.h>

const uint8_t *cursor_bytes(struct cursor *c, size_t n)
{
	if (c->overrun || n > c->len - c->pos) {
		if (!c->overrun)
			c->overrun_at = c->pos;
		c->overrun = true;
		return NULL;
	}

	const uint8_t *at = c->data + c->pos;

	c->pos += n;
	return at;
}

void cursor_copy(struct cursor *c, void *to, size_t n)
{
	const uint8_t *at = cursor_bytes(c, n);

	if (at)
		memcpy(to, at, n);
	else
		memset(to, 0, n);
}

void cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_bytes(c, n);
}

size_t cursor_left(const struct cursor *c)
{
	return c->overrun ? 0 : c->len - c->pos;
}

static uint64_t little_endian(struct cursor *c, size_t n)
{
	const uint8_t *at = cursor_bytes(c, n);
	uint64_t value = 0;

	if (!at)
		return 0;
	for (size_t i = n; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)little_endian(c, 1);
}

uint16_t cursor_u16le(struct cursor *c)
{
	return (uint16_t)little_endian(c, 2);
}

uint32_t cursor_u32le(struct cursor *c)
{
	return (uint32_t)little_endian(c, 4);
}

uint64_t cursor_u64le(struct cursor *c)
{
	return little_endian(c, 8);
}

int16_t cursor_s16le(struct cursor *c)
{
	return (int16_t)cursor_u16le(c);
}

int32_t cursor_s32le(struct cursor *c)
{
	return (int32_t)cursor_u32le(c);
}

int64_t cursor_s64le(struct cursor *c)
{
	return (int64_t)cursor_u64le(c);
}

struct error *cursor_finish(const struct cursor *c, const char *what)
{
	if (!c->overrun)
		return NULL;
	return error_new(ERR_CORRUPT, "%s is truncated at byte %zu", what, c->overrun_at);
}

static void put_le(struct buf *b, uint64_t v, size_t n)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	buf_append(b, bytes, n);
}

void put_u8(struct buf *b, uint8_t v)
{
	put_le(b, v, 1);
}

void put_u16le(struct buf *b, uint16_t v)
{
	put_le(b, v, 2);
}

void put_u32le(struct buf *b, uint32_t v)
{
	put_le(b, v, 4);
}

void put_u64le(struct buf *b, uint64_t v)
{
	put_le(b, v, 8);
}

void put_padded(struct buf *b, const void *data, size_t len, size_t width)
{
	assert(len <= width);
	buf_append(b, data, len);
	memset(buf_reserve(b, width - len), 0, width - len);
	b->len += width - len;
	b->data[b->len] = '\0';
}
