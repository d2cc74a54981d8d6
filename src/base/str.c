/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>

char *buf_reserve(struct buf *b, size_t extra)
{
	size_t need = b->len + extra + 1;

	if (need > b->cap) {
		size_t cap = b->cap ? b->cap : 64;

		while (cap < need)
			cap *= 2;
		b->data = xrealloc(b->data, cap);
		b->cap = cap;
	}
	return b->data + b->len;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
	char *where = buf_reserve(b, len);

	if (len)
		memcpy(where, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_append_str(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_append_char(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

void buf_appendf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cleanup_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	buf_append_str(b, text);
}

char *buf_take(struct buf *b)
{
	char *data = b->data ? b->data : xstrdup("");

	*b = (struct buf){ 0 };
	return data;
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void strv_add_take(struct strv *v, char *s)
{
	if (v->n + 2 > v->cap) {
		v->cap = v->cap ? v->cap * 2 : 8;
		v->items = xreallocarray(v->items, v->cap, sizeof(*v->items));
	}
	v->items[v->n++] = s;
	v->items[v->n] = NULL;
}

void strv_add(struct strv *v, const char *s)
{
	strv_add_take(v, xstrdup(s));
}

void strv_addf(struct strv *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strv_add_take(v, xvasprintf(fmt, ap));
	va_end(ap);
}

void strv_extend(struct strv *v, const struct strv *more)
{
	for (size_t i = 0; i < more->n; i++)
		strv_add(v, more->items[i]);
}

bool strv_has(const struct strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++) {
		if (str_eq(v->items[i], s))
			return true;
	}
	return false;
}

char *strv_join(const struct strv *v, const char *sep)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < v->n; i++) {
		if (i)
			buf_append_str(&b, sep);
		buf_append_str(&b, v->items[i]);
	}
	return buf_take(&b);
}

void strv_split(struct strv *v, const char *s, char sep)
{
	for (;;) {
		const char *end = strchr(s, sep);

		if (!end) {
			strv_add(v, s);
			return;
		}
		strv_add_take(v, xstrndup(s, (size_t)(end - s)));
		s = end + 1;
	}
}

void strv_free(struct strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->items[i]);
	free(v->items);
	*v = (struct strv){ 0 };
}

static size_t find_env(const struct strv *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
			return i;
	}
	return SIZE_MAX;
}

const char *strv_getenv(const struct strv *env, const char *name)
{
	size_t i = find_env(env, name);

	return i == SIZE_MAX ? NULL : env->items[i] + strlen(name) + 1;
}

void strv_setenv(struct strv *env, const char *name, const char *value)
{
	size_t i = find_env(env, name);
	char *item = xasprintf("%s=%s", name, value);

	if (i == SIZE_MAX) {
		strv_add_take(env, item);
		return;
	}
	free(env->items[i]);
	env->items[i] = item;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t len = strlen(s);
	size_t suffix_len = strlen(suffix);

	return len >= suffix_len && str_eq(s + len - suffix_len, suffix);
}

char *str_quote(const char *text)
{
	struct buf quoted = { 0 };

	buf_append_char(&quoted, '"');
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\')
			buf_appendf(&quoted, "\\%c", c);
		else if (c == '\n')
			buf_append_str(&quoted, "\\n");
		else if (c == '\t')
			buf_append_str(&quoted, "\\t");
		else if (c == '\r')
			buf_append_str(&quoted, "\\r");
		else if (iscntrl(c))
			buf_appendf(&quoted, "\\x%02x", c);
		else
			buf_append_char(&quoted, *p);
	}
	buf_append_char(&quoted, '"');
	return buf_take(&quoted);
}

const char *str_after(const char *s, const char *prefix)
{
	return str_starts(s, prefix) ? s + strlen(prefix) : NULL;
}

/* No overlong forms, no surrogates, at most U+10FFFF. */
size_t str_utf8_len(const char *text, size_t left)
{
	const unsigned char *s = (const unsigned char *)text;

	if (s[0] < 0x80)
		return 1;

	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

char *str_trim(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;

	size_t len = strlen(s);

	while (len && isspace((unsigned char)s[len - 1]))
		len--;
	return xstrndup(s, len);
}
