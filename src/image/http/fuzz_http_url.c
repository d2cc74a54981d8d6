/* SPDX-License-Identifier: BSD-3-Clause */
/* URLs, Location headers and NO_PROXY lists: the first line is a base, the second is resolved against it. */
#include "image/http/http_proxy.h"
#include "image/http/http_retry.h"
#include "image/http/http_url.h"

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken as a URL must be taken again, and be the same. */
static void check_again(const struct http_url *url)
{
	cleanup_http_url struct http_url again = { 0 };
	cleanup_with(error_free) struct error *err = http_url_parse(url->text, &again);

	if (err || !http_url_same_origin(url, &again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	char *line = strchr(text, '\n');
	cleanup_http_url struct http_url base = { 0 };
	cleanup_http_url struct http_url next = { 0 };
	uint64_t seconds;

	if (line)
		*line++ = '\0';
	else
		line = text;
	free(http_url_redact(text));
	(void)http_retry_after(line, 0, &seconds);

	struct error *err = http_url_parse(text, &base);

	if (!err) {
		check_again(&base);
		(void)http_host_is_private(base.host);
		(void)http_host_is_loopback(base.host);
		(void)http_proxy_bypasses(line, base.host, base.port);
		err = http_url_resolve(&base, line, &next);
		if (!err)
			check_again(&next);
	}
	error_free(err);
	return 0;
}
