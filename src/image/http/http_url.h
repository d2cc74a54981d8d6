/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * http and https URLs. Parsing and resolving is libcurl's own, so that what we judge (same host? private address?) is
 * what it will connect to. URLs with a user name are refused: credentials never travel in one.
 */
#ifndef IMAGE_HTTP_URL_H
#define IMAGE_HTTP_URL_H

#include "base/error.h"

#include <stdint.h>

/* Longer ones are refused; presigned storage URLs stay below 4 KiB. */
enum { HTTP_URL_MAX = 16384 };

struct http_url {
	char *text;    /* whole, normalised, without fragment */
	char *host;    /* lower case, no brackets; odd forms of IPv4 are made dotted */
	uint16_t port; /* the scheme's default if the URL names none */
	bool is_https;
};

/* http_url_parse() - ERR_NETWORK if @text is no http or https URL */
must_check struct error *http_url_parse(const char *text, struct http_url *ret_url);
/* http_url_resolve() - a Location header, absolute or relative, seen from @base */
must_check struct error *http_url_resolve(const struct http_url *base, const char *location, struct http_url *ret_url);
void http_url_clear(struct http_url *url);
#define cleanup_http_url __attribute__((__cleanup__(http_url_clear)))

/* http_url_same_origin() - scheme, host and port are equal: what a credential is bound to */
bool http_url_same_origin(const struct http_url *a, const struct http_url *b);
/* http_host_is_loopback() - "localhost", a name below it, or a literal loopback address */
bool http_host_is_loopback(const char *host);
/* http_host_is_private() - a literal address that is loopback, private, link-local or unspecified; names are never
 * resolved */
bool http_host_is_private(const char *host);
/**
 * http_url_redact() - @text fit to be printed: no user name, and every query value but those of scope, service, mount,
 * from, digest, n and last replaced by REDACTED, since presigned storage URLs are credentials; caller frees
 */
char *http_url_redact(const char *text);
/* http_printable() - text of a peer fit to be printed: control characters become \xNN, at most @max bytes; caller frees
 */
char *http_printable(const char *text, size_t len, size_t max);
/* http_query_escape() - percent-encode everything that is not unreserved (RFC 3986); caller frees */
char *http_query_escape(const char *text);

#endif
