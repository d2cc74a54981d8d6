/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/http/http_url.h"

#include "base/num.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>

static void free_curlu(CURLU *handle)
{
	curl_url_cleanup(handle);
}
DEFINE_CLEANUP(CURLU *, free_curlu)

static char *get_part(CURLU *handle, CURLUPart part, unsigned int flags)
{
	char *text = NULL;

	if (curl_url_get(handle, part, &text, flags) != CURLUE_OK)
		return NULL;
	char *copy = xstrdup(text);

	curl_free(text);
	return copy;
}

static struct error *bad_url(const char *text, const char *why)
{
	cleanup_free char *shown = http_url_redact(text);

	return error_new(ERR_NETWORK, "bad URL \"%s\": %s", shown, why);
}

/*
 * Plain characters alone: libcurl decodes percent escapes in a host, and maps international names when it connects, so
 * that what we judge would not be what is connected to (full-width digits can spell 127.0.0.1).
 */
static bool is_plain_host(const char *host)
{
	for (const char *c = host; *c; c++)
		if (*c <= 0 || (!isalnum((unsigned char)*c) && !strchr("-._~:[]%", *c)))
			return false;
	return *host != '\0' && (*host == '[' || !strpbrk(host, ":[]%"));
}

/* Takes the parts out of @handle; @text is for errors alone. */
static struct error *take_parts(CURLU *handle, const char *text, struct http_url *ret_url)
{
	cleanup_free char *scheme = get_part(handle, CURLUPART_SCHEME, 0);
	cleanup_free char *user = get_part(handle, CURLUPART_USER, 0);
	cleanup_free char *host = get_part(handle, CURLUPART_HOST, 0);
	cleanup_free char *port = get_part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	uint64_t number;

	if (!scheme || (!str_eq(scheme, "http") && !str_eq(scheme, "https")))
		return bad_url(text, "only http and https are spoken");
	if (user)
		return bad_url(text, "it holds a user name");
	if (!host || !is_plain_host(host) || !port || !num_parse_u64(port, UINT16_MAX, &number))
		return bad_url(text, "no host or a bad port");
	if (curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
		return bad_url(text, "bad fragment");

	cleanup_free char *whole = get_part(handle, CURLUPART_URL, 0);
	size_t len = strlen(host);

	if (!whole)
		return bad_url(text, "it cannot be written");
	if (host[0] == '[' && host[len - 1] == ']') {
		memmove(host, host + 1, len - 2);
		host[len - 2] = '\0';
	}
	for (char *c = host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	*ret_url = (struct http_url){ .text = take_ptr(&whole),
				      .host = take_ptr(&host),
				      .port = (uint16_t)number,
				      .is_https = str_eq(scheme, "https") };
	return NULL;
}

static struct error *parse(const char *base, const char *text, struct http_url *ret_url)
{
	cleanup_with(free_curlu) CURLU *handle = curl_url();
	CURLUcode code = CURLUE_OK;

	if (!handle)
		return error_sys(ENOMEM, "parse URL");
	if (strlen(text) > HTTP_URL_MAX)
		return error_new(ERR_LIMIT, "a URL is longer than %d bytes", HTTP_URL_MAX);
	if (base)
		code = curl_url_set(handle, CURLUPART_URL, base, CURLU_PATH_AS_IS);
	if (code == CURLUE_OK)
		code = curl_url_set(handle, CURLUPART_URL, text, 0);
	if (code != CURLUE_OK)
		return bad_url(text, curl_url_strerror(code));
	return take_parts(handle, text, ret_url);
}

struct error *http_url_parse(const char *text, struct http_url *ret_url)
{
	return parse(NULL, text, ret_url);
}

struct error *http_url_resolve(const struct http_url *base, const char *location, struct http_url *ret_url)
{
	return parse(base->text, location, ret_url);
}

void http_url_clear(struct http_url *url)
{
	free(url->text);
	free(url->host);
	*url = (struct http_url){ 0 };
}

bool http_url_same_origin(const struct http_url *a, const struct http_url *b)
{
	return a->is_https == b->is_https && a->port == b->port && str_eq(a->host, b->host);
}

/* Host order. 10/8, 172.16/12, 192.168/16, 127/8, 169.254/16, 0/8. */
static bool v4_is_private(uint32_t ip)
{
	static const struct {
		uint32_t net, mask;
	} nets[] = {
		{ 0x0a000000, 0xff000000 }, { 0xac100000, 0xfff00000 }, { 0xc0a80000, 0xffff0000 },
		{ 0x7f000000, 0xff000000 }, { 0xa9fe0000, 0xffff0000 }, { 0x00000000, 0xff000000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(nets); i++)
		if ((ip & nets[i].mask) == nets[i].net)
			return true;
	return false;
}

/* The IPv4 address inside an IPv4-mapped IPv6 one, or false. */
static bool v4_in_v6(const struct in6_addr *ip, uint32_t *ret_v4)
{
	if (!IN6_IS_ADDR_V4MAPPED(ip))
		return false;
	*ret_v4 = (uint32_t)ip->s6_addr[12] << 24 | (uint32_t)ip->s6_addr[13] << 16 | (uint32_t)ip->s6_addr[14] << 8 |
		  ip->s6_addr[15];
	return true;
}

/* Reads @host as IPv6; a zone ("fe80::1%eth0") does not count. */
static bool parse_v6(const char *host, struct in6_addr *ret_ip)
{
	cleanup_free char *bare = xstrndup(host, strcspn(host, "%"));

	return inet_pton(AF_INET6, bare, ret_ip) == 1;
}

bool http_host_is_private(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	uint32_t mapped;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return v4_is_private(ntohl(v4.s_addr));
	if (!parse_v6(host, &v6))
		return false;
	if (v4_in_v6(&v6, &mapped))
		return v4_is_private(mapped);
	return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6) ||
	       (v6.s6_addr[0] & 0xfe) == 0xfc;
}

bool http_host_is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	uint32_t mapped;

	if (str_eq(host, "localhost") || str_ends(host, ".localhost"))
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (!parse_v6(host, &v6))
		return false;
	if (v4_in_v6(&v6, &mapped))
		return mapped >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool is_harmless_query(const char *name, size_t len)
{
	static const char *const names[] = { "scope", "service", "mount", "from", "digest", "n", "last" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i]) == len && strncmp(names[i], name, len) == 0)
			return true;
	return false;
}

/* Appends one name=value of a query, the value hidden unless its name is harmless. */
static void redact_item(struct buf *out, const char *item, size_t len)
{
	const char *equals = memchr(item, '=', len);

	if (!equals || is_harmless_query(item, (size_t)(equals - item))) {
		buf_append(out, item, len);
		return;
	}
	buf_append(out, item, (size_t)(equals - item) + 1);
	buf_append_str(out, "REDACTED");
}

char *http_url_redact(const char *text)
{
	cleanup_buf struct buf out = { 0 };
	const char *authority = strstr(text, "://");

	/* The user part, if there is one, ends at the last '@' before the path. */
	if (authority) {
		authority += 3;
		size_t len = strcspn(authority, "/?#");
		const char *at = memrchr(authority, '@', len);

		buf_append(&out, text, (size_t)(authority - text));
		text = at ? at + 1 : authority;
	}

	size_t path_len = strcspn(text, "?");

	buf_append(&out, text, path_len);
	text += path_len;
	while (*text) {
		buf_append_char(&out, *text++);
		size_t len = strcspn(text, "&");

		redact_item(&out, text, len);
		text += len;
	}
	return http_printable(buf_str(&out), out.len, HTTP_URL_MAX);
}

char *http_printable(const char *text, size_t len, size_t max)
{
	cleanup_buf struct buf out = { 0 };

	for (size_t i = 0; i < len && i < max; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			buf_appendf(&out, "\\x%02x", c);
		else
			buf_append_char(&out, text[i]);
	}
	return buf_take(&out);
}

char *http_query_escape(const char *text)
{
	cleanup_buf struct buf out = { 0 };

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (isalnum(c) || strchr("-._~", c))
			buf_append_char(&out, *text);
		else
			buf_appendf(&out, "%%%02X", c);
	}
	return buf_take(&out);
}
