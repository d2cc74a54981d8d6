/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text and byte buffers that grow, and vectors of strings. All of it owns its memory; everything aborts when memory
 * runs out, so callers bound what input can make them append.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/mem.h"

#include <string.h>

/* A growing byte buffer; data[len] is always NUL once anything was appended. Zero-initialise: struct buf b = {0}. */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

void buf_append(struct buf *b, const void *data, size_t len);
void buf_append_str(struct buf *b, const char *s);
void buf_append_char(struct buf *b, char c);
void buf_appendf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
/* buf_reserve() - make sure that @extra more bytes (and a NUL) fit; returns where they go; then add to b->len */
char *buf_reserve(struct buf *b, size_t extra);
/* buf_take() - hand the NUL-terminated bytes to the caller; never NULL; the buffer is empty afterwards */
char *buf_take(struct buf *b);
/* buf_str() - the bytes as a string, "" if nothing was appended; owned by the buffer */
const char *buf_str(const struct buf *b);
void buf_clear(struct buf *b); /* forget the content, keep the memory */
void buf_free(struct buf *b);  /* give the memory back; the buffer may be used again */
#define cleanup_buf __attribute__((__cleanup__(buf_free), __unused__))

/* A vector of owned strings, NULL-terminated for execve once anything was added. */
struct strv {
	char **items;
	size_t n;
	size_t cap;
};

void strv_add(struct strv *v, const char *s);
void strv_add_take(struct strv *v, char *s); /* takes ownership of @s */
void strv_addf(struct strv *v, const char *fmt, ...) printf_like(2, 3);
void strv_extend(struct strv *v, const struct strv *more);
bool strv_has(const struct strv *v, const char *s);
/* strv_join() - the items with @sep between them; caller frees */
char *strv_join(const struct strv *v, const char *sep);
/* strv_split() - cut @s at every @sep; empty items are kept; "" gives one empty item */
void strv_split(struct strv *v, const char *s, char sep);
void strv_free(struct strv *v);
#define cleanup_strv __attribute__((__cleanup__(strv_free), __unused__))

/* strv_getenv()/strv_setenv() - a vector used as an environment: NAME=value items */
const char *strv_getenv(const struct strv *env, const char *name);
void strv_setenv(struct strv *env, const char *name, const char *value);

static inline bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix);
/* str_quote() - a Go string literal of @text, as messages of the reference have it; caller frees */
char *str_quote(const char *text);
/* str_after() - what follows @prefix in @s, or NULL if @s does not start with it */
const char *str_after(const char *s, const char *prefix);
/* str_utf8_len() - length of the UTF-8 sequence at @s, of which @left > 0 bytes are there; 0 if it is none (RFC 3629)
 */
size_t str_utf8_len(const char *s, size_t left);
/* str_trim() - a copy without leading and trailing white space */
char *str_trim(const char *s);

#endif
