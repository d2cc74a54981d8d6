/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a registry's refusal says to the user: distribution-spec error bodies, rendered as the reference does, and one
 * line of advice (transports.md 2.9). Server text is printable afterwards, secrets of URLs are gone.
 */
#ifndef IMAGE_REGISTRY_ERROR_H
#define IMAGE_REGISTRY_ERROR_H

#include "image/http/http.h"

/**
 * registry_error_from() - error of an answer whose status is no success
 * @method:        "GET", "HEAD"
 * @authenticated: credentials were sent; said in advice on rate limits
 *
 * Kinds: ERR_NOT_FOUND for 404, ERR_DENIED for 401 and 403, else ERR_NETWORK.
 */
must_check struct error *registry_error_from(const struct http_response *response, const char *method,
					     bool authenticated);
/* registry_status_text() - "Not Found" for 404; "" for unknown ones */
const char *registry_status_text(int status);

#endif
