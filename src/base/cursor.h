/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounds-checked reading of binary formats. The first overrun sticks; later reads give 0 (or NULL), and cursor_finish()
 * turns it into an error. No struct is ever laid over file bytes. The put_ functions are the writing side.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct cursor {
	const uint8_t *data; /* borrowed */
	size_t len;
	size_t pos;
	bool overrun;
	size_t overrun_at; /* position of the first read that did not fit */
};

static inline struct cursor cursor_over(const void *data, size_t len)
{
	return (struct cursor){ .data = data, .len = len };
}

/* cursor_bytes() - the next @n bytes, borrowed from the input; NULL on overrun */
const uint8_t *cursor_bytes(struct cursor *c, size_t n);
/* cursor_copy() - the next @n bytes into @to; zeroes on overrun */
void cursor_copy(struct cursor *c, void *to, size_t n);
void cursor_skip(struct cursor *c, size_t n);
size_t cursor_left(const struct cursor *c);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16le(struct cursor *c);
uint32_t cursor_u32le(struct cursor *c);
uint64_t cursor_u64le(struct cursor *c);
int16_t cursor_s16le(struct cursor *c);
int32_t cursor_s32le(struct cursor *c);
int64_t cursor_s64le(struct cursor *c);
/* cursor_finish() - ERR_CORRUPT "<what> is truncated at byte N" if any read ran over */
must_check struct error *cursor_finish(const struct cursor *c, const char *what);

void put_u8(struct buf *b, uint8_t v);
void put_u16le(struct buf *b, uint16_t v);
void put_u32le(struct buf *b, uint32_t v);
void put_u64le(struct buf *b, uint64_t v);
/* put_padded() - @len bytes of @data, then zeroes up to @width; @len <= @width */
void put_padded(struct buf *b, const void *data, size_t len, size_t width);

#endif
