/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When to try again, and how long to wait first: five attempts, delays doubling from the client's base with some
 * jitter, Retry-After honoured up to a minute (transports.md 2.7, target policy).
 */
#ifndef IMAGE_HTTP_RETRY_H
#define IMAGE_HTTP_RETRY_H

#include "image/http/http.h"

enum { HTTP_ATTEMPTS_MAX = 5, HTTP_RETRY_AFTER_MAX_S = 60 };

/* Zero-initialise; one for each thing that is to be had. */
struct http_retry {
	unsigned int failed;
};

/* http_retry_is_transient() - may a request with this outcome succeed if repeated; @err is what http_send() returned or
 * NULL */
bool http_retry_is_transient(const struct http_response *response, const struct error *err);
/* http_retry_after() - seconds a Retry-After value (seconds or HTTP date, seen at @now) asks for; false if it is
 * neither */
bool http_retry_after(const char *value, int64_t now, uint64_t *ret_seconds);
/**
 * http_retry_wait() - after a transient failure: wait until the next attempt
 * @ret_again: false if no attempt is left, or the peer wants more patience than we have
 *
 * Errors: only when the client is cancelled.
 */
must_check struct error *http_retry_wait(struct http_retry *retry, struct http_client *client,
					 const struct http_response *response, bool *ret_again);
/* http_send_patiently() - http_send(), repeated while its failure is transient; not with a sink */
must_check struct error *http_send_patiently(struct http_client *client, const struct http_request *request,
					     struct http_response *ret_response);
/* http_retry_progress() - something new arrived: count attempts from the start again */
void http_retry_progress(struct http_retry *retry);

#endif
