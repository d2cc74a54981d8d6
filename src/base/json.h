/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON values over jansson; the only room that includes its header. Objects keep the order of their members, both when
 * parsed and when built, so documents can be rewritten without losing members we do not know.
 *
 * Reading is tolerant by type: jv_get() of a missing member, or jv_str() of something that is no string, gives NULL;
 * the caller says what is wrong with its document. Values got from another value are borrowed and live as long as it
 * does.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

/* Deeper documents are refused; the deepest sane one (a runtime config) has about 8. */
enum { JV_DEPTH_MAX = 128 };

struct jv;

/**
 * jv_parse() - parse one JSON document
 * @what: names the document in errors ("manifest")
 *
 * Invalid UTF-8 is read as U+FFFD, as the reference does. Errors: ERR_CORRUPT for bad syntax, duplicate members and
 * anything after the document; ERR_LIMIT above JV_DEPTH_MAX.
 */
must_check struct error *jv_parse(const char *data, size_t len, const char *what, struct jv **ret_value);
void jv_free(struct jv *value); /* drops one reference of an owned value */
DEFINE_CLEANUP(struct jv *, jv_free)
struct jv *jv_copy(const struct jv *value); /* deep copy, owned */

bool jv_is_object(const struct jv *v); /* all of these take NULL: false */
bool jv_is_array(const struct jv *v);
bool jv_is_string(const struct jv *v);
bool jv_is_int(const struct jv *v);
bool jv_is_null(const struct jv *v);
bool jv_is_bool(const struct jv *v);
const char *jv_str(const struct jv *v); /* NULL if not a string */
int64_t jv_int(const struct jv *v, int64_t otherwise);
bool jv_bool(const struct jv *v, bool otherwise);
size_t jv_len(const struct jv *v);			     /* items of an array, members of an object, else 0 */
struct jv *jv_at(const struct jv *array, size_t i);	     /* borrowed */
struct jv *jv_get(const struct jv *object, const char *key); /* borrowed; NULL if absent or not an object */
const char *jv_get_str(const struct jv *object, const char *key);
/* jv_member() - i-th member of an object in order; NULL past the end */
struct jv *jv_member(const struct jv *object, size_t i, const char **ret_key);
/* jv_next() - members of an object in order, each in constant time: begin with *iter == NULL; NULL after the last */
struct jv *jv_next(const struct jv *object, void **iter, const char **ret_key);

struct jv *jv_new_object(void);
struct jv *jv_new_array(void);
struct jv *jv_new_str(const char *s); /* invalid UTF-8 becomes U+FFFD */
struct jv *jv_new_int(int64_t n);
struct jv *jv_new_bool(bool b);
/* jv_set()/jv_append() - both take ownership of @value */
void jv_set(struct jv *object, const char *key, struct jv *value);
void jv_append(struct jv *array, struct jv *value);
void jv_set_str(struct jv *object, const char *key, const char *s);
void jv_set_int(struct jv *object, const char *key, int64_t n);
void jv_append_str(struct jv *array, const char *s);
void jv_remove(struct jv *object, const char *key);

/* jv_dump() - compact text with the escapes of formats.md 2.2 (<, >, & and U+2028/9 escaped, no blanks, no newline) */
void jv_dump(const struct jv *value, struct buf *out);
/* jv_dump_indent() - the same with members on own lines, indented by @indent spaces a level, "key": value */
void jv_dump_indent(const struct jv *value, int indent, struct buf *out);

#endif
