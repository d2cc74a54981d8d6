/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/json.h"

#include <jansson.h>
#include <stdio.h>

/* struct jv is never defined: a jv pointer is a json_t pointer that only this file may look into. */
static json_t *in(const struct jv *v)
{
	return (json_t *)(uintptr_t)v;
}

static struct jv *out_of(json_t *v)
{
	return (struct jv *)v;
}

static struct jv *owned(json_t *v)
{
	if (!v)
		abort(); /* only when memory runs out */
	return out_of(v);
}

static void sanitize(const char *data, size_t len, struct buf *out)
{
	size_t i = 0;

	while (i < len) {
		size_t n = str_utf8_len(data + i, len - i);

		if (n)
			buf_append(out, data + i, n);
		else
			buf_append_str(out, "\xef\xbf\xbd");
		i += n ? n : 1;
	}
}

/* jansson's own depth limit is 2048, fixed when it was built; ours is checked before it sees the text. */
static bool too_deep(const char *data, size_t len)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted) {
			if (data[i] == '\\')
				i++;
			else if (data[i] == '"')
				quoted = false;
		} else if (data[i] == '"') {
			quoted = true;
		} else if (data[i] == '{' || data[i] == '[') {
			if (++depth > JV_DEPTH_MAX)
				return true;
		} else if ((data[i] == '}' || data[i] == ']') && depth) {
			depth--;
		}
	}
	return false;
}

struct error *jv_parse(const char *data, size_t len, const char *what, struct jv **ret_value)
{
	cleanup_buf struct buf clean = { 0 };
	json_error_t why;

	if (too_deep(data, len))
		return error_new(ERR_LIMIT, "%s nests deeper than %d levels", what, JV_DEPTH_MAX);
	sanitize(data, len, &clean);

	json_t *value =
		json_loadb(buf_str(&clean), clean.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);

	if (!value)
		return error_new(ERR_CORRUPT, "%s is not valid JSON: line %d: %s", what, why.line, why.text);
	*ret_value = out_of(value);
	return NULL;
}

void jv_free(struct jv *value)
{
	json_decref(in(value));
}

struct jv *jv_copy(const struct jv *value)
{
	return owned(json_deep_copy(in(value)));
}

bool jv_is_object(const struct jv *v)
{
	return json_is_object(in(v));
}

bool jv_is_array(const struct jv *v)
{
	return json_is_array(in(v));
}

bool jv_is_string(const struct jv *v)
{
	return json_is_string(in(v));
}

bool jv_is_int(const struct jv *v)
{
	return json_is_integer(in(v));
}

bool jv_is_null(const struct jv *v)
{
	return json_is_null(in(v));
}

bool jv_is_bool(const struct jv *v)
{
	return json_is_boolean(in(v));
}

const char *jv_str(const struct jv *v)
{
	return json_string_value(in(v));
}

int64_t jv_int(const struct jv *v, int64_t otherwise)
{
	return json_is_integer(in(v)) ? json_integer_value(in(v)) : otherwise;
}

bool jv_bool(const struct jv *v, bool otherwise)
{
	return json_is_boolean(in(v)) ? json_is_true(in(v)) : otherwise;
}

size_t jv_len(const struct jv *v)
{
	return json_is_array(in(v)) ? json_array_size(in(v)) : json_object_size(in(v));
}

struct jv *jv_at(const struct jv *array, size_t i)
{
	return out_of(json_array_get(in(array), i));
}

struct jv *jv_get(const struct jv *object, const char *key)
{
	return out_of(json_object_get(in(object), key));
}

const char *jv_get_str(const struct jv *object, const char *key)
{
	return jv_str(jv_get(object, key));
}

struct jv *jv_member(const struct jv *object, size_t i, const char **ret_key)
{
	json_t *o = in(object);
	void *iter = json_object_iter(o);

	while (iter && i--)
		iter = json_object_iter_next(o, iter);
	if (!iter)
		return NULL;
	*ret_key = json_object_iter_key(iter);
	return out_of(json_object_iter_value(iter));
}

struct jv *jv_next(const struct jv *object, void **iter, const char **ret_key)
{
	json_t *o = in(object);

	*iter = *iter ? json_object_iter_next(o, *iter) : json_object_iter(o);
	if (!*iter)
		return NULL;
	*ret_key = json_object_iter_key(*iter);
	return out_of(json_object_iter_value(*iter));
}

struct jv *jv_new_object(void)
{
	return owned(json_object());
}

struct jv *jv_new_array(void)
{
	return owned(json_array());
}

struct jv *jv_new_str(const char *s)
{
	cleanup_buf struct buf clean = { 0 };

	sanitize(s, strlen(s), &clean);
	return owned(json_stringn(buf_str(&clean), clean.len));
}

struct jv *jv_new_int(int64_t n)
{
	return owned(json_integer(n));
}

struct jv *jv_new_bool(bool b)
{
	return owned(json_boolean(b));
}

void jv_set(struct jv *object, const char *key, struct jv *value)
{
	cleanup_buf struct buf clean = { 0 };

	sanitize(key, strlen(key), &clean);
	if (json_object_set_new(in(object), buf_str(&clean), in(value)) < 0)
		abort();
}

void jv_append(struct jv *array, struct jv *value)
{
	if (json_array_append_new(in(array), in(value)) < 0)
		abort();
}

void jv_set_str(struct jv *object, const char *key, const char *s)
{
	jv_set(object, key, jv_new_str(s));
}

void jv_set_int(struct jv *object, const char *key, int64_t n)
{
	jv_set(object, key, jv_new_int(n));
}

void jv_append_str(struct jv *array, const char *s)
{
	jv_append(array, jv_new_str(s));
}

void jv_remove(struct jv *object, const char *key)
{
	(void)json_object_del(in(object), key);
}

static void dump_string(const char *s, size_t len, struct buf *out)
{
	buf_append_char(out, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			buf_appendf(out, "\\%c", c);
		else if (c == '\b')
			buf_append_str(out, "\\b");
		else if (c == '\f')
			buf_append_str(out, "\\f");
		else if (c == '\n')
			buf_append_str(out, "\\n");
		else if (c == '\r')
			buf_append_str(out, "\\r");
		else if (c == '\t')
			buf_append_str(out, "\\t");
		else if (c < 0x20 || c == '<' || c == '>' || c == '&')
			buf_appendf(out, "\\u%04x", c);
		else if (c == 0xe2 && len - i >= 3 && (unsigned char)s[i + 1] == 0x80 &&
			 ((unsigned char)s[i + 2] & 0xfe) == 0xa8) {
			buf_appendf(out, "\\u20%02x", (unsigned char)s[i + 2] == 0xa8 ? 0x28 : 0x29);
			i += 2;
		} else {
			buf_append_char(out, (char)c);
		}
	}
	buf_append_char(out, '"');
}

/* The shortest form that reads back as the same number, and as a number with a fraction. */
static void dump_real(double value, struct buf *out)
{
	enum { DIGITS_SURE = 15, DIGITS_ENOUGH = 17 };
	char text[40];

	for (int digits = DIGITS_SURE; digits <= DIGITS_ENOUGH; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_append_str(out, text);
	if (!strpbrk(text, ".e"))
		buf_append_str(out, ".0");
}

static void new_line(struct buf *out, int indent, int level)
{
	if (indent)
		buf_appendf(out, "\n%*s", indent * level, "");
}

static void dump(json_t *v, int indent, int level, struct buf *out)
{
	const char *key;
	json_t *item;
	size_t i;
	bool first = true;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		buf_append_char(out, '{');
		json_object_foreach(v, key, item)
		{
			if (!first)
				buf_append_char(out, ',');
			first = false;
			new_line(out, indent, level + 1);
			dump_string(key, strlen(key), out);
			buf_append_str(out, indent ? ": " : ":");
			dump(item, indent, level + 1, out);
		}
		if (!first)
			new_line(out, indent, level);
		buf_append_char(out, '}');
		break;
	case JSON_ARRAY:
		buf_append_char(out, '[');
		json_array_foreach(v, i, item)
		{
			if (i)
				buf_append_char(out, ',');
			new_line(out, indent, level + 1);
			dump(item, indent, level + 1, out);
		}
		if (json_array_size(v))
			new_line(out, indent, level);
		buf_append_char(out, ']');
		break;
	case JSON_STRING:
		dump_string(json_string_value(v), json_string_length(v), out);
		break;
	case JSON_INTEGER:
		buf_appendf(out, "%lld", (long long)json_integer_value(v));
		break;
	case JSON_REAL:
		dump_real(json_real_value(v), out);
		break;
	case JSON_TRUE:
		buf_append_str(out, "true");
		break;
	case JSON_FALSE:
		buf_append_str(out, "false");
		break;
	case JSON_NULL:
		buf_append_str(out, "null");
		break;
	}
}

void jv_dump(const struct jv *value, struct buf *out)
{
	dump(in(value), 0, 0, out);
}

void jv_dump_indent(const struct jv *value, int indent, struct buf *out)
{
	dump(in(value), indent, 0, out);
}
