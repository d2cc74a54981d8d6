/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/registry/registry_error.h"

#include "base/json.h"
#include "image/http/http_url.h"

#include <strings.h>

/* More of a server's prose helps nobody. */
enum { SHOWN_MAX = 2048 };

/* Nesting of a `detail` that is still printed; distribution has three levels. */
enum { DETAIL_DEPTH_MAX = 16 };

const char *registry_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 416, "Requested Range Not Satisfiable" },
		{ 418, "I'm a teapot" },
		{ 429, "Too Many Requests" },
		{ 451, "Unavailable For Legal Reasons" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "";
}

struct member {
	const char *key;
	const struct jv *value;
};

static int by_key(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;

	return strcmp(x->key, y->key);
}

static void render(struct buf *out, const struct jv *v, int depth);

/* "map[a:1 b:2]", keys sorted */
static void render_object(struct buf *out, const struct jv *v, int depth)
{
	size_t n = jv_len(v);
	cleanup_free struct member *members = xcalloc(n ? n : 1, sizeof(*members));

	for (size_t i = 0; i < n; i++)
		members[i].value = jv_member(v, i, &members[i].key);
	qsort(members, n, sizeof(*members), by_key);
	buf_append_str(out, "map[");
	for (size_t i = 0; i < n; i++) {
		buf_appendf(out, "%s%s:", i ? " " : "", members[i].key);
		render(out, members[i].value, depth + 1);
	}
	buf_append_char(out, ']');
}

/* A decoded JSON value as the reference's language prints it. */
static void render(struct buf *out, const struct jv *v, int depth)
{
	if (depth > DETAIL_DEPTH_MAX || out->len > SHOWN_MAX) {
		buf_append_str(out, "...");
	} else if (jv_is_object(v)) {
		render_object(out, v, depth);
	} else if (jv_is_array(v)) {
		buf_append_char(out, '[');
		for (size_t i = 0; i < jv_len(v); i++) {
			if (i)
				buf_append_char(out, ' ');
			render(out, jv_at(v, i), depth + 1);
		}
		buf_append_char(out, ']');
	} else if (jv_is_string(v)) {
		buf_append_str(out, jv_str(v));
	} else if (jv_is_bool(v)) {
		buf_append_str(out, jv_bool(v, false) ? "true" : "false");
	} else if (jv_is_int(v)) {
		buf_appendf(out, "%lld", (long long)jv_int(v, 0));
	} else if (jv_is_null(v)) {
		buf_append_str(out, "<nil>");
	} else {
		jv_dump(v, out);
	}
}

static void render_one(struct buf *out, const struct jv *item)
{
	const char *code = jv_get_str(item, "code");
	const char *message = jv_get_str(item, "message");
	const struct jv *detail = jv_get(item, "detail");

	buf_appendf(out, "%s: %s", code ? code : "", message ? message : "");
	if (detail && !jv_is_null(detail)) {
		buf_append_str(out, "; ");
		render(out, detail, 0);
	}
}

/* The error list of a registry, or NULL if the body is none. */
static char *render_body(const struct buf *body)
{
	cleanup_with(jv_free) struct jv *doc = NULL;
	cleanup_with(error_free) struct error *err = jv_parse(buf_str(body), body->len, "error", &doc);
	cleanup_buf struct buf out = { 0 };
	const struct jv *errors;

	if (err)
		return NULL;
	errors = jv_get(doc, "errors");
	if (!jv_is_array(errors) || jv_len(errors) == 0)
		return NULL;
	if (jv_len(errors) > 1)
		buf_append_str(&out, "multiple errors returned: ");
	for (size_t i = 0; i < jv_len(errors) && out.len < SHOWN_MAX; i++) {
		if (i)
			buf_append_str(&out, "; ");
		render_one(&out, jv_at(errors, i));
	}
	return http_printable(buf_str(&out), out.len, SHOWN_MAX);
}

/* A body that is no error list: HTML is cut down to its title. */
static char *render_raw(const struct buf *body)
{
	const char *text = buf_str(body);
	const char *title = strcasestr(text, "<title>");
	const char *end = title ? strcasestr(title, "</title>") : NULL;

	if (end) {
		title += strlen("<title>");
		return http_printable(title, (size_t)(end - title), SHOWN_MAX);
	}
	cleanup_free char *trimmed = str_trim(text);

	return http_printable(trimmed, strlen(trimmed), SHOWN_MAX);
}

static enum error_kind kind_of(int status)
{
	if (status == 404)
		return ERR_NOT_FOUND;
	return status == 401 || status == 403 ? ERR_DENIED : ERR_NETWORK;
}

static struct error *with_advice(struct error *err, const struct http_response *response, bool authenticated)
{
	const char *said = http_response_header(response, "retry-after", 0);
	cleanup_free char *after = said ? http_printable(said, strlen(said), 64) : NULL;

	if (response->status == 429)
		return error_hint(
			err,
			"the registry limits how often it is asked%s%s%s (the request was %s); give credentials, "
			"or pull once to a file and share it",
			after ? ": try again after " : "", after ? after : "", after && !strchr(after, ':') ? " s" : "",
			authenticated ? "authenticated" : "anonymous");
	if (response->status == 401 || response->status == 403)
		return error_hint(err, "the image does not exist, or the registry wants other credentials");
	return err;
}

struct error *registry_error_from(const struct http_response *response, const char *method, bool authenticated)
{
	cleanup_free char *url = http_url_redact(response->url);
	cleanup_free char *listed = render_body(&response->body);
	enum error_kind kind = kind_of(response->status);
	const char *status_text = registry_status_text(response->status);
	struct error *err;

	if (listed) {
		err = error_new(kind, "%s %s: %s", method, url, listed);
	} else if (str_eq(method, "HEAD")) {
		err = error_new(
			kind, "%s %s: unexpected status code %d %s (HEAD responses have no body, use GET for details)",
			method, url, response->status, status_text);
	} else {
		cleanup_free char *raw = render_raw(&response->body);

		err = error_new(kind, "%s %s: unexpected status code %d %s%s%s", method, url, response->status,
				status_text, *raw ? ": " : "", raw);
	}
	return with_advice(err, response, authenticated);
}
