/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which proxy a URL goes through. The rules are those of the reference, not libcurl's: upper case first, ALL_PROXY
 * ignored, loopback never proxied, NO_PROXY with addresses, CIDR, domains and ports (transports.md 2.2).
 */
#ifndef IMAGE_HTTP_PROXY_H
#define IMAGE_HTTP_PROXY_H

#include "image/http/http_url.h"

/* What the environment says; members may be NULL. */
struct http_proxy_env {
	char *http_proxy, *https_proxy, *no_proxy;
};

void http_proxy_env_read(struct http_proxy_env *ret_env);
void http_proxy_env_clear(struct http_proxy_env *env);
/* http_proxy_for() - the proxy to use for @url, "scheme://[user:pass@]host:port", borrowed from @env; NULL: go directly
 */
const char *http_proxy_for(const struct http_proxy_env *env, const struct http_url *url);
/* http_proxy_bypasses() - does a NO_PROXY list exempt this host and port */
bool http_proxy_bypasses(const char *no_proxy, const char *host, uint16_t port);

#endif
