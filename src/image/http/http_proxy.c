/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/http/http_proxy.h"

#include "base/num.h"
#include "base/str.h"

#include <arpa/inet.h>

static char *env_either(const char *upper, const char *lower)
{
	const char *value = secure_getenv(upper);

	if (!value || !*value)
		value = secure_getenv(lower);
	return value && *value ? xstrdup(value) : NULL;
}

void http_proxy_env_read(struct http_proxy_env *ret_env)
{
	*ret_env = (struct http_proxy_env){
		/* In a CGI program HTTP_PROXY is a header of the client's choice. */
		.http_proxy = secure_getenv("REQUEST_METHOD") ? NULL : env_either("HTTP_PROXY", "http_proxy"),
		.https_proxy = env_either("HTTPS_PROXY", "https_proxy"),
		.no_proxy = env_either("NO_PROXY", "no_proxy"),
	};
}

void http_proxy_env_clear(struct http_proxy_env *env)
{
	free(env->http_proxy);
	free(env->https_proxy);
	free(env->no_proxy);
	*env = (struct http_proxy_env){ 0 };
}

/* An address of either family as 16 bytes; IPv4 in its mapped form, whose prefix lengths count from 96. */
static bool parse_address(const char *text, uint8_t ret_ip[16], bool *ret_is_v4)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET, text, ret_ip + 12) == 1) {
		memcpy(ret_ip, mapped, sizeof(mapped));
		*ret_is_v4 = true;
		return true;
	}
	*ret_is_v4 = false;
	return inet_pton(AF_INET6, text, ret_ip) == 1;
}

static bool same_prefix(const uint8_t a[16], const uint8_t b[16], unsigned int bits)
{
	unsigned int whole = bits / 8;
	unsigned int rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool matches_cidr(const char *item, const char *slash, const char *host)
{
	cleanup_free char *net_text = xstrndup(item, (size_t)(slash - item));
	uint8_t net[16], ip[16];
	bool net_v4, ip_v4;
	uint64_t bits;

	if (!parse_address(net_text, net, &net_v4) || !parse_address(host, ip, &ip_v4) || net_v4 != ip_v4)
		return false;
	if (!num_parse_u64(slash + 1, net_v4 ? 32 : 128, &bits))
		return false;
	return same_prefix(net, ip, (unsigned int)bits + (net_v4 ? 96 : 0));
}

/* Cuts ":port" off a name or IPv4 item and the brackets off an IPv6 one; false if the port is another one. */
static bool strip_port(char *item, uint16_t port)
{
	char *colon = strrchr(item, ':');
	size_t len = strlen(item);
	uint64_t number;

	if (colon && (colon == strchr(item, ':') || (colon > item && colon[-1] == ']'))) {
		if (!num_parse_u64(colon + 1, UINT16_MAX, &number) || number != port)
			return false;
		*colon = '\0';
		len = strlen(item);
	}
	if (item[0] == '[' && len > 1 && item[len - 1] == ']') {
		item[len - 1] = '\0';
		memmove(item, item + 1, len - 1);
	}
	return true;
}

/* "domain" covers itself and what is below, ".domain" and "*.domain" only what is below. */
static bool matches_domain(const char *item, const char *host)
{
	if (item[0] == '*' && item[1] == '.')
		item++;
	if (item[0] == '.')
		return str_ends(host, item) && strlen(host) > strlen(item);
	if (str_eq(item, host))
		return true;

	size_t host_len = strlen(host);
	size_t item_len = strlen(item);

	return item_len > 0 && str_ends(host, item) && host_len > item_len && host[host_len - item_len - 1] == '.';
}

static bool matches_item(char *item, const char *host, uint16_t port)
{
	const char *slash = strchr(item, '/');
	uint8_t wanted[16], ip[16];
	bool wanted_v4, ip_v4;

	if (str_eq(item, "*"))
		return true;
	if (slash)
		return matches_cidr(item, slash, host);
	if (!strip_port(item, port))
		return false;
	for (char *c = item; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	if (parse_address(item, wanted, &wanted_v4))
		return parse_address(host, ip, &ip_v4) && memcmp(wanted, ip, sizeof(ip)) == 0;
	return matches_domain(item, host);
}

bool http_proxy_bypasses(const char *no_proxy, const char *host, uint16_t port)
{
	cleanup_strv struct strv items = { 0 };

	strv_split(&items, no_proxy, ',');
	for (size_t i = 0; i < items.n; i++) {
		cleanup_free char *item = str_trim(items.items[i]);

		if (*item && matches_item(item, host, port))
			return true;
	}
	return false;
}

const char *http_proxy_for(const struct http_proxy_env *env, const struct http_url *url)
{
	const char *proxy = url->is_https ? env->https_proxy : env->http_proxy;

	if (!proxy || http_host_is_loopback(url->host))
		return NULL;
	if (env->no_proxy && http_proxy_bypasses(env->no_proxy, url->host, url->port))
		return NULL;
	return proxy;
}
