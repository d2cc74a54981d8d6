/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP requests over libcurl; the only room that includes its headers. One call is one exchange, redirects included, in
 * the calling thread; a client may be used by any number of threads and keeps connections open between their calls.
 *
 * Peers are hostile. Headers, bodies kept in memory, redirects, silence and (if asked for) the whole time are bounded.
 * A credential goes to the origin of the first URL alone, never on through a redirect elsewhere; nothing goes from
 * https to http. Whoever wants retries looks at `transient` and http_retry.h. RFC 9110, 9112;
 * transports.md 2.1, 2.2, 2.7.
 */
#ifndef IMAGE_HTTP_H
#define IMAGE_HTTP_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

enum {
	HTTP_REDIRECTS_MAX = 10,
	HTTP_HEADERS_MAX = 256 << 10,	/* bytes of headers in one response; servers send 2 KiB */
	HTTP_ERROR_BODY_MAX = 64 << 10, /* what is read of the body of an error */
};

/* Zero means the default in brackets. */
struct http_client_options {
	const char *user_agent;
	unsigned int connect_timeout_s; /* [30] until the connection stands, TLS included */
	unsigned int stall_timeout_s;	/* [60] with less than a few bytes a second */
	unsigned int retry_base_ms;	/* [2000] the first delay of http_retry.h */
};

struct http_client;
struct http_url;

must_check struct error *http_client_new(const struct http_client_options *options, struct http_client **ret_client);
void http_client_free(struct http_client *client);
DEFINE_CLEANUP(struct http_client *, http_client_free)
/* http_client_cancel() - make every running and later call of any thread fail soon */
void http_client_cancel(struct http_client *client);
bool http_client_cancelled(struct http_client *client);
/* http_client_sleep() - wait; ERR_NETWORK at once when the client is cancelled */
must_check struct error *http_client_sleep(struct http_client *client, unsigned int ms);

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST };

struct http_response {
	int status;		/* 0 while nothing was answered */
	int64_t content_length; /* -1 if the peer did not say */
	struct strv headers;	/* "name: value", names in lower case, of the last answer */
	char *url;		/* what answered last, redirects followed */
	struct buf body;	/* unless a sink took it */
	bool transient;		/* of a failed call: worth another try */
};

void http_response_clear(struct http_response *response);
#define cleanup_http_response __attribute__((__cleanup__(http_response_clear)))
/* http_response_header() - value of the @nth header of that (lower-case) name, counted from 0; NULL if there is none */
const char *http_response_header(const struct http_response *response, const char *name, size_t nth);

/* Takes the body of an answer with status 200 or 206 as it arrives. An error ends the exchange. */
struct http_sink {
	/* Status and headers are known; may be NULL */
	struct error *(*begin)(struct http_sink *sink, const struct http_response *response);
	struct error *(*data)(struct http_sink *sink, const void *data, size_t size);
};

struct http_request {
	enum http_method method;
	const char *url;
	const char *accept;	   /* NULL: no such header */
	const char *authorization; /* value of the header, NULL for none; for the origin of @url only */
	const char *form;	   /* body of a POST, application/x-www-form-urlencoded */
	uint64_t range_start;	   /* above 0: ask for the bytes from here on */
	size_t body_limit;	   /* of a 2xx body without sink; more is ERR_LIMIT */
	unsigned int timeout_s;	   /* of the whole exchange; 0: only silence ends it */
	bool allow_private;	   /* follow redirects to private addresses */
	struct http_sink *sink;	   /* NULL: the body goes to the response */
};

/**
 * http_send() - one exchange
 * @ret_response: cleared, then filled, also when the call fails
 *
 * Every status is a success of this function. Errors: ERR_NETWORK (`Get "URL": cause`), ERR_LIMIT for answers beyond a
 * limit, ERR_DENIED for redirects that are refused, whatever the sink returns.
 */
must_check struct error *http_send(struct http_client *client, const struct http_request *request,
				   struct http_response *ret_response);

/**
 * http_send_either() - the same request by two URLs, for a peer of unknown scheme
 * @first, @second: must not have a sink; the second starts when the first fails, or after @delay_ms
 * @ret_second_won: which of them answered with 200 or 401
 *
 * Errors: if neither did, both reasons, "first; second"; a status is a reason.
 */
must_check struct error *http_send_either(struct http_client *client, const struct http_request *first,
					  const struct http_request *second, unsigned int delay_ms,
					  struct http_response *ret_response, bool *ret_second_won);

#endif
