/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/http/http_proxy.h"
#include "image/http/http_url.h"

#include "base/str.h"
#include "base/test.h"

#include <stdio.h>

static void urls_are_parsed(void **state)
{
	static const struct {
		const char *text, *whole, *host;
		unsigned int port;
		bool is_https;
	} cases[] = {
		{ "https://Registry.Example/v2/", "https://Registry.Example/v2/", "registry.example", 443, true },
		{ "http://127.0.0.1:5000/v2/?a=b#frag", "http://127.0.0.1:5000/v2/?a=b", "127.0.0.1", 5000, false },
		{ "http://[::1]:5000/", "http://[::1]:5000/", "::1", 5000, false },
		/* What looks like a name but is an address must be judged as one. */
		{ "http://2130706433/", "http://127.0.0.1/", "127.0.0.1", 80, false },
		{ "http://0x7f.1/", "http://127.0.0.1/", "127.0.0.1", 80, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_http_url struct http_url url = { 0 };

		assert_ok(http_url_parse(cases[i].text, &url));
		assert_string_equal(url.text, cases[i].whole);
		assert_string_equal(url.host, cases[i].host);
		assert_int_equal(url.port, cases[i].port);
		assert_int_equal(url.is_https, cases[i].is_https);
	}
}

static void odd_urls_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "", "bad URL" },
		{ "/v2/", "bad URL" },
		{ "file:///etc/passwd", "only http and https" },
		{ "ftp://h/x", "only http and https" },
		{ "https://user:secret@h/", "user name" },
		{ "http://h:99999/", "bad URL" },
		{ "http://h%7f/", "bad URL" },
		{ "http://h%2f.example/", "bad URL" },
		{ "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", "bad URL" }, /* full-width 127 */
		{ "http://h\r\nX: y/", "bad URL" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_url url = { 0 };

		assert_error(http_url_parse(cases[i][0], &url), ERR_NETWORK, cases[i][1]);
		assert_null(url.text);
	}
}

static void length_limit_is_exact(void **state)
{
	cleanup_free char *text = xmalloc(HTTP_URL_MAX + 2);
	cleanup_http_url struct http_url url = { 0 };

	(void)state;
	memset(text, 'a', HTTP_URL_MAX + 1);
	memcpy(text, "http://h/", 9);
	text[HTTP_URL_MAX + 1] = '\0';
	assert_error(http_url_parse(text, &url), ERR_LIMIT, "longer than");
	text[HTTP_URL_MAX] = '\0';
	assert_ok(http_url_parse(text, &url));
}

static void locations_are_resolved(void **state)
{
	static const char *const cases[][2] = {
		{ "/b?x=y", "http://h:1/b?x=y" },  { "c", "http://h:1/v2/c" },	     { "../../../c", "http://h:1/c" },
		{ "//other/d", "http://other/d" }, { "https://s/e", "https://s/e" }, { "?q=1", "http://h:1/v2/a?q=1" },
	};
	cleanup_http_url struct http_url base = { 0 };

	(void)state;
	assert_ok(http_url_parse("http://h:1/v2/a?old=1", &base));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_http_url struct http_url url = { 0 };

		assert_ok(http_url_resolve(&base, cases[i][0], &url));
		assert_string_equal(url.text, cases[i][1]);
	}
	cleanup_http_url struct http_url url = { 0 };

	assert_error(http_url_resolve(&base, "gopher://x/", &url), ERR_NETWORK, "bad URL");
}

static void origin_is_scheme_host_and_port(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "https://h/a", "https://H:443/b", true },	{ "https://h/", "http://h/", false },
		{ "https://h/", "https://h:444/", false },	{ "https://h/", "https://h.evil/", false },
		{ "http://127.0.0.1/", "http://127.1/", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_http_url struct http_url a = { 0 };
		cleanup_http_url struct http_url b = { 0 };

		assert_ok(http_url_parse(cases[i].a, &a));
		assert_ok(http_url_parse(cases[i].b, &b));
		assert_int_equal(http_url_same_origin(&a, &b), cases[i].same);
	}
}

static void private_addresses_are_known(void **state)
{
	static const char *const private[] = {
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",  "127.0.0.1", "169.254.1.1",	    "0.0.0.0",
		"::1",	    "::",	  "fe80::1",	    "fe80::1%eth0", "fd00::1",	 "::ffff:10.1.2.3",
	};
	static const char *const public[] = {
		"11.0.0.1",	  "172.15.255.255",   "172.32.0.0", "192.167.1.1", "8.8.8.8", "2001:db8::1",
		"::ffff:8.8.8.8", "registry.example", "localhost",  "10.example",  "",
	};
	static const char *const loopback[] = { "localhost", "a.localhost", "127.0.0.1",
						"127.9.9.9", "::1",	    "::ffff:127.0.0.1" };
	static const char *const elsewhere[] = { "10.0.0.1",	 "128.0.0.1", "localhost.evil",
						 "notlocalhost", "fe80::1",   "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(private); i++)
		assert_true(http_host_is_private(private[i]));
	for (size_t i = 0; i < ARRAY_LEN(public); i++)
		assert_false(http_host_is_private(public[i]));
	for (size_t i = 0; i < ARRAY_LEN(loopback); i++)
		assert_true(http_host_is_loopback(loopback[i]));
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
		assert_false(http_host_is_loopback(elsewhere[i]));
}

static void secrets_are_taken_out(void **state)
{
	static const char *const cases[][2] = {
		{ "http://h/p", "http://h/p" },
		{ "https://h/t?service=s&scope=repository:a:pull&n=5",
		  "https://h/t?service=s&scope=repository:a:pull&n=5" },
		{ "https://s3/x?X-Amz-Signature=abc&digest=sha256:1",
		  "https://s3/x?X-Amz-Signature=REDACTED&digest=sha256:1" },
		{ "https://s3/x?flag&sig=", "https://s3/x?flag&sig=REDACTED" },
		{ "http://user:pass@proxy:3128/", "http://proxy:3128/" },
		{ "http://a@b@proxy/x@y", "http://proxy/x@y" },
		{ "http://h/a\x1b[31m?token=t", "http://h/a\\x1b[31m?token=REDACTED" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_free char *got = http_url_redact(cases[i][0]);

		assert_string_equal(got, cases[i][1]);
	}
}

static void text_is_made_printable(void **state)
{
	cleanup_free char *text = http_printable("a\x01\x7f\n\xc3\xa9", 6, 100);
	cleanup_free char *cut = http_printable("abcdef", 6, 3);
	cleanup_free char *query = http_query_escape("repository:a/b:pull,push ~é");

	(void)state;
	assert_string_equal(text, "a\\x01\\x7f\\x0a\xc3\xa9");
	assert_string_equal(cut, "abc");
	assert_string_equal(query, "repository%3Aa%2Fb%3Apull%2Cpush%20~%C3%A9");
}

static void no_proxy_is_matched(void **state)
{
	static const struct {
		const char *list, *host;
		uint16_t port;
		bool bypasses;
	} cases[] = {
		{ "*", "h", 80, true },
		{ "", "h", 80, false },
		{ "example.com", "example.com", 443, true },
		{ "example.com", "a.example.com", 443, true },
		{ "example.com", "badexample.com", 443, false },
		{ ".example.com", "example.com", 443, false },
		{ ".example.com", "a.example.com", 443, true },
		{ "*.example.com", "a.example.com", 443, true },
		{ "Example.COM", "example.com", 443, true },
		{ "example.com:443", "example.com", 443, true },
		{ "example.com:444", "example.com", 443, false },
		{ "a, 10.1.2.3 ,b", "10.1.2.3", 80, true },
		{ "10.1.2.3:81", "10.1.2.3", 80, false },
		{ "10.0.0.0/8", "10.255.0.1", 80, true },
		{ "10.0.0.0/9", "10.128.0.1", 80, false },
		{ "10.0.0.0/0", "99.1.1.1", 80, true },
		{ "10.0.0.0/33", "10.0.0.1", 80, false },
		{ "10.0.0.0/8", "name.example", 80, false },
		{ "fd00::/8", "fd12::1", 80, true },
		{ "::/0", "10.0.0.1", 80, false },
		{ "[fd00::1]:80", "fd00::1", 80, true },
		{ "[fd00::1]:81", "fd00::1", 80, false },
		{ "fd00::1", "fd00::1", 80, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (http_proxy_bypasses(cases[i].list, cases[i].host, cases[i].port) != cases[i].bypasses)
			fail_msg("NO_PROXY=%s, %s:%u", cases[i].list, cases[i].host, cases[i].port);
}

static const char *proxy_of(const char *text)
{
	cleanup_http_url struct http_url url = { 0 };
	struct http_proxy_env env = { 0 };
	static char found[64];
	const char *proxy;

	http_proxy_env_read(&env);
	assert_ok(http_url_parse(text, &url));
	proxy = http_proxy_for(&env, &url);
	(void)snprintf(found, sizeof(found), "%s", proxy ? proxy : "none");
	http_proxy_env_clear(&env);
	return found;
}

static void proxies_come_from_the_environment(void **state)
{
	static const char *const names[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
					     "NO_PROXY",   "no_proxy",	 "ALL_PROXY",	"REQUEST_METHOD" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unsetenv(names[i]);
	(void)setenv("ALL_PROXY", "http://all:1", 1);
	assert_string_equal(proxy_of("https://h/"), "none");
	(void)setenv("https_proxy", "http://low:1", 1);
	assert_string_equal(proxy_of("https://h/"), "http://low:1");
	(void)setenv("HTTPS_PROXY", "http://up:1", 1);
	(void)setenv("HTTP_PROXY", "http://plain:1", 1);
	assert_string_equal(proxy_of("https://h/"), "http://up:1");
	assert_string_equal(proxy_of("http://h/"), "http://plain:1");
	assert_string_equal(proxy_of("http://127.0.0.1:5000/"), "none");
	assert_string_equal(proxy_of("http://localhost/"), "none");
	(void)setenv("NO_PROXY", "h", 1);
	assert_string_equal(proxy_of("http://h/"), "none");
	(void)unsetenv("NO_PROXY");
	(void)setenv("REQUEST_METHOD", "GET", 1);
	assert_string_equal(proxy_of("http://h/"), "none");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unsetenv(names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_parsed),
		cmocka_unit_test(odd_urls_are_refused),
		cmocka_unit_test(length_limit_is_exact),
		cmocka_unit_test(locations_are_resolved),
		cmocka_unit_test(origin_is_scheme_host_and_port),
		cmocka_unit_test(private_addresses_are_known),
		cmocka_unit_test(secrets_are_taken_out),
		cmocka_unit_test(text_is_made_printable),
		cmocka_unit_test(no_proxy_is_matched),
		cmocka_unit_test(proxies_come_from_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
