/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streaming a blob. A connection that breaks is taken up again where it broke (Range), so that a long download over a
 * bad line ends some day; the running hash goes on. A server without ranges sends all again: what was seen is skipped,
 * since whoever reads the stream has it already; if the server sent something else the second time, the digest at the
 * end says so.
 */
#include "base/num.h"
#include "base/sha256.h"
#include "image/registry/registry_error.h"
#include "image/registry/registry_priv.h"

#include <inttypes.h>

/* New bytes that show that a line works, if badly: attempts count from the start again. */
enum { PROGRESS_BYTES = 1 << 20 };

struct stream {
	struct http_sink sink;
	const struct registry_blob *blob;
	registry_blob_fn *take;
	void *ctx;
	struct sha256 *hash;
	uint64_t have;	  /* bytes that went through */
	uint64_t skip;	  /* bytes of this answer to drop */
	bool no_ranges;	  /* ranges went wrong: ask for everything */
	bool bad_range;	  /* of this answer */
	bool final_error; /* an error of this answer is ours or final */
};

static struct stream *stream_of(struct http_sink *sink)
{
	return (struct stream *)sink; /* its first member */
}

/* "bytes 100-199/200": where it starts; false if it cannot be read. */
static bool content_range_start(const char *value, uint64_t *ret_start)
{
	const char *range = value ? str_after(value, "bytes ") : NULL;

	if (!range)
		return false;

	cleanup_free char *start = xstrndup(range, strcspn(range, "-"));

	return range[strlen(start)] == '-' && num_parse_u64(start, UINT64_MAX, ret_start);
}

static struct error *begin(struct http_sink *sink, const struct http_response *response)
{
	struct stream *s = stream_of(sink);
	uint64_t start = 0;

	s->skip = s->have;
	if (response->status == 206) {
		if (!content_range_start(http_response_header(response, "content-range", 0), &start) ||
		    start != s->have) {
			s->bad_range = true;
			return error_new(ERR_NETWORK, "answer to a range request starts elsewhere");
		}
		s->skip = 0;
	}
	if (response->content_length >= 0 && (uint64_t)response->content_length != s->blob->size - start) {
		s->final_error = true;
		return error_new(ERR_CORRUPT, "blob %s: Content-Length is %" PRId64 ", want %" PRIu64,
				 s->blob->digest.text, response->content_length, s->blob->size - start);
	}
	return NULL;
}

static struct error *data(struct http_sink *sink, const void *bytes, size_t size)
{
	struct stream *s = stream_of(sink);
	const char *from = bytes;
	size_t drop = s->skip < size ? (size_t)s->skip : size;
	struct error *err;

	s->skip -= drop;
	from += drop;
	size -= drop;
	if (size == 0)
		return NULL;
	if (size > s->blob->size - s->have) {
		s->final_error = true;
		return error_new(ERR_CORRUPT, "blob %s is larger than the %" PRIu64 " bytes of its descriptor",
				 s->blob->digest.text, s->blob->size);
	}
	sha256_update(s->hash, from, size);
	err = s->take(s->ctx, from, size);
	if (err) {
		s->final_error = true;
		return err;
	}
	s->have += size;
	return NULL;
}

static struct error *check_end(const struct stream *s)
{
	struct digest got = sha256_digest(s->hash);

	if (s->have != s->blob->size)
		return error_new(ERR_CORRUPT, "error verifying size; got %" PRIu64 ", want %" PRIu64, s->have,
				 s->blob->size);
	if (!digest_eq(&got, &s->blob->digest))
		return error_new(ERR_CORRUPT,
				 "error verifying sha256 checksum after reading %" PRIu64
				 " bytes; got \"%s\", want \"%s\"",
				 s->have, got.text, s->blob->digest.text);
	return NULL;
}

/* One answer judged: done, to be repeated, or an error. */
enum verdict { VERDICT_DONE, VERDICT_AGAIN, VERDICT_ERROR };

static enum verdict judge(struct stream *s, const struct http_response *response, const struct error *err)
{
	bool complete = s->have == s->blob->size;

	if (s->final_error)
		return VERDICT_ERROR;
	if (s->bad_range || response->status == 416) {
		bool first = !s->no_ranges;

		s->no_ranges = true;
		return first ? VERDICT_AGAIN : VERDICT_ERROR;
	}
	if (http_retry_is_transient(response, err))
		return complete ? VERDICT_DONE : VERDICT_AGAIN;
	if (err || (response->status != 200 && response->status != 206))
		return VERDICT_ERROR;
	return complete ? VERDICT_DONE : VERDICT_AGAIN;
}

/* Streams what is missing from @url. *ret_elsewhere: it is not there, another place may be asked. */
static struct error *fetch_from(struct registry *r, struct stream *s, const char *url, bool to_registry,
				bool *ret_elsewhere)
{
	struct http_retry retry = { 0 };
	bool authenticated = false;

	*ret_elsewhere = false;
	for (;;) {
		cleanup_http_response struct http_response response = { 0 };
		uint64_t before = s->have;
		struct http_request request = {
			.method = HTTP_GET, .url = url, .range_start = s->no_ranges ? 0 : s->have, .sink = &s->sink
		};
		bool again = true;

		s->bad_range = false;
		struct error *err = registry_send_once(r, &request, to_registry, &response, &authenticated);
		enum verdict verdict = judge(s, &response, err);

		if (verdict == VERDICT_DONE) {
			error_free(err);
			return NULL;
		}
		if (verdict == VERDICT_AGAIN) {
			if (s->have - before >= PROGRESS_BYTES)
				http_retry_progress(&retry);
			cleanup_with(error_free) struct error *wait_err =
				http_retry_wait(&retry, r->http, &response, &again);

			if (!wait_err && again) {
				error_free(err);
				continue;
			}
		}
		*ret_elsewhere = !s->final_error;
		if (err)
			return err;
		if (response.status == 200 || response.status == 206)
			return check_end(s);
		return registry_error_from(&response, "GET", authenticated);
	}
}

/* Of a foreign layer: https, or http with a registry that is reached so itself. Loopback and private ones as for
 * redirects. */
static bool may_fetch(const struct registry *r, const char *text)
{
	cleanup_http_url struct http_url url = { 0 };
	cleanup_with(error_free) struct error *err = http_url_parse(text, &url);

	if (err || (!url.is_https && r->base.is_https))
		return false;
	return r->is_private || !http_host_is_private(url.host);
}

static struct error *fetch(struct registry *r, struct stream *s)
{
	cleanup_free char *url = registry_url(r, "blobs", s->blob->digest.text);
	bool elsewhere = false;
	struct error *err = fetch_from(r, s, url, true, &elsewhere);
	size_t n_urls = s->blob->urls ? s->blob->urls->n : 0;

	for (size_t i = 0; i < n_urls && err && elsewhere && !http_client_cancelled(r->http); i++) {
		const char *other = s->blob->urls->items[i];

		if (!may_fetch(r, other))
			continue;

		struct error *other_err = fetch_from(r, s, other, false, &elsewhere);

		error_free(other_err ? other_err : err);
		if (!other_err)
			err = NULL; /* what the registry said no longer matters */
	}
	return err;
}

struct error *registry_get_blob(struct registry *r, const struct registry_blob *blob, registry_blob_fn *take, void *ctx)
{
	cleanup_with(sha256_free) struct sha256 *hash = sha256_new();
	struct stream stream = {
		.sink = { .begin = begin, .data = data }, .blob = blob, .take = take, .ctx = ctx, .hash = hash
	};

	TRY(fetch(r, &stream));
	return check_end(&stream);
}
