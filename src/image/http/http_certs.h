/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Certificates for one registry: directories HOST:PORT (or HOST, for the default port) below certs.d, as podman and docker keep them
 * (transports.md 2.1; containers-certs.d(5)). In one: *.crt are CAs that this registry may have beside the system's, NAME.cert with
 * NAME.key is our certificate for it.
 */
#ifndef IMAGE_HTTP_CERTS_H
#define IMAGE_HTTP_CERTS_H

#include "image/http/http_url.h"

#include "base/str.h"

#include <curl/curl.h>

/* Paths of files; zero-initialise. */
struct http_certs {
	struct strv cas;
	char *cert, *key; /* both or neither */
};

/**
 * http_certs_find() - what stands in the first directory there is for the URL's host and port; nothing for http
 *
 * Errors: ERR_USAGE if one of NAME.cert and NAME.key is missing. A directory that may not be read counts as missing.
 */
must_check struct error *http_certs_find(const struct http_url *url, struct http_certs *ret_certs);
void http_certs_clear(struct http_certs *certs);
/* http_certs_are_there() - is there anything to use */
bool http_certs_are_there(const struct http_certs *certs);
/* http_certs_use() - add them to the SSL_CTX of one connection. ERR_USAGE names a file that cannot be used. */
must_check struct error *http_certs_use(const struct http_certs *certs, void *ssl_ctx);

#endif
