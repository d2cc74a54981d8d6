/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/http/http.h"
#include "image/http/http_retry.h"
#include "image/http/test_server.h"

#include "base/num.h"
#include "base/test.h"

#include <pthread.h>
#include <time.h>

/* Where redirects to "another host" lead. */
static struct test_server *here, *elsewhere;
static char *elsewhere_host;
static atomic_uint n_failures; /* answers that /flaky still refuses */

static void reply_headers(int fd, const struct test_request *request)
{
	cleanup_free char *authorization = test_header(request, "authorization");
	cleanup_free char *accept = test_header(request, "accept");
	cleanup_free char *range = test_header(request, "range");
	cleanup_free char *agent = test_header(request, "user-agent");
	cleanup_free char *body = xasprintf("%s|%s|%s|%s|%s|%s", request->method, authorization ? authorization : "-",
					    accept ? accept : "-", range ? range : "-", agent ? agent : "-",
					    request->body ? request->body : "-");

	test_reply(fd, "200 OK", "X-Two: a\r\nx-two:  b  \r\n", body);
}

static void flood_headers(int fd)
{
	test_writef(fd, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 100; i++)
		test_writef(fd, "X-Filler-%d: %04000d\r\n", i, 0);
	test_writef(fd, "\r\n");
}

/* More body than anybody wants; ends when the client hangs up. */
static void reply_endless(int fd, const char *status)
{
	static const char filler[4096];

	test_writef(fd, "HTTP/1.1 %s\r\n\r\n", status);
	for (int i = 0; i < 5000 && test_write(fd, filler, sizeof(filler)); i++)
		;
}

static void drip(int fd)
{
	test_writef(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	for (int i = 0; i < 60 && test_write(fd, "x", 1); i++)
		(void)nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
}

static void redirect(int fd, const char *status, const char *host, const char *path)
{
	cleanup_free char *location = xasprintf("Location: %s%s%s\r\n", host ? "http://" : "", host ? host : "", path);

	test_reply(fd, status, location, "");
}

static void flaky(int fd, const char *status, const char *headers)
{
	if (atomic_load(&n_failures) > 0) {
		atomic_fetch_sub(&n_failures, 1);
		test_reply(fd, status, headers, "not yet");
		return;
	}
	test_reply(fd, "200 OK", "", "at last");
}

static void handler(void *ctx, int fd, const struct test_request *request)
{
	const char *path = request->path;

	(void)ctx;
	if (str_eq(path, "/echo"))
		reply_headers(fd, request);
	else if (str_eq(path, "/hundred"))
		test_reply(fd, "200 OK", "",
			   "0123456789012345678901234567890123456789012345678901234567890123456789"
			   "012345678901234567890123456789");
	else if (str_eq(path, "/404"))
		test_reply(fd, "404 Not Found", "", "nothing here");
	else if (str_eq(path, "/flood"))
		flood_headers(fd);
	else if (str_eq(path, "/endless"))
		reply_endless(fd, "200 OK");
	else if (str_eq(path, "/endless-error"))
		reply_endless(fd, "500 Oops");
	else if (str_eq(path, "/short"))
		test_writef(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
	else if (str_eq(path, "/garbage"))
		test_writef(fd, "hello, this is not HTTP\r\n\r\n");
	else if (str_eq(path, "/drip"))
		drip(fd);
	else if (str_eq(path, "/interim"))
		test_writef(fd,
			    "HTTP/1.1 100 Continue\r\nX-Old: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	else if (str_eq(path, "/loop"))
		redirect(fd, "302 Found", NULL, "/loop");
	else if (str_eq(path, "/here"))
		redirect(fd, "307 Temporary Redirect", NULL, "/echo");
	else if (str_eq(path, "/see-other"))
		redirect(fd, "303 See Other", NULL, "/echo");
	else if (str_eq(path, "/elsewhere"))
		redirect(fd, "302 Found", elsewhere_host, "/echo");
	else if (str_eq(path, "/there-and-back"))
		redirect(fd, "302 Found", elsewhere_host, "/back");
	else if (str_eq(path, "/file"))
		test_reply(fd, "302 Found", "Location: file:///etc/passwd\r\n", "");
	else if (str_eq(path, "/nowhere"))
		test_reply(fd, "302 Found", "", "no location");
	else if (str_eq(path, "/flaky"))
		flaky(fd, "503 Service Unavailable", "");
	else if (str_eq(path, "/patience"))
		flaky(fd, "429 Too Many Requests", "Retry-After: 1\r\n");
	else if (str_eq(path, "/too-much-patience"))
		flaky(fd, "429 Too Many Requests", "Retry-After: 3600\r\n");
	else if (str_eq(path, "/401"))
		test_reply(fd, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", "");
	else if (str_starts(path, "/redirects/")) {
		uint64_t left = 0;

		if (num_parse_u64(path + 11, 100, &left) && left > 0) {
			cleanup_free char *next = xasprintf("/redirects/%u", (unsigned int)left - 1);

			redirect(fd, "302 Found", NULL, next);
		} else {
			test_reply(fd, "200 OK", "", "end");
		}
	}
}

static void elsewhere_handler(void *ctx, int fd, const struct test_request *request)
{
	(void)ctx;
	if (str_eq(request->path, "/back")) {
		cleanup_free char *host = test_server_host(here);

		redirect(fd, "302 Found", host, "/echo");
	} else {
		reply_headers(fd, request);
	}
}

static struct http_client *client_with(unsigned int stall_timeout_s)
{
	const struct http_client_options options = { .user_agent = "tester",
						     .stall_timeout_s = stall_timeout_s,
						     .retry_base_ms = 1 };
	struct http_client *client = NULL;

	assert_ok(http_client_new(&options, &client));
	return client;
}

static struct error *get(const char *path, struct http_request request, struct http_response *response)
{
	cleanup_with(http_client_free) struct http_client *client = client_with(0);
	cleanup_free char *url = test_server_url(here, path);

	request.url = url;
	if (request.body_limit == 0)
		request.body_limit = 4096;
	return http_send(client, &request, response);
}

static void an_exchange_carries_what_was_asked(void **state)
{
	cleanup_http_response struct http_response r = { 0 };

	(void)state;
	assert_ok(get("/echo", (struct http_request){ .accept = "a/b", .authorization = "Bearer t", .range_start = 5 },
		      &r));
	assert_int_equal(r.status, 200);
	assert_string_equal(buf_str(&r.body), "GET|Bearer t|a/b|bytes=5-|tester|-");
	assert_int_equal(r.content_length, r.body.len);
	assert_string_equal(http_response_header(&r, "x-two", 0), "a");
	assert_string_equal(http_response_header(&r, "x-two", 1), "b");
	assert_null(http_response_header(&r, "x-two", 2));
	assert_null(http_response_header(&r, "x", 0));
	assert_ok(get("/echo", (struct http_request){ .method = HTTP_POST, .form = "a=b&c=d" }, &r));
	assert_string_equal(buf_str(&r.body), "POST|-|*/*|-|tester|a=b&c=d");
	assert_ok(get("/404", (struct http_request){ .method = HTTP_HEAD }, &r));
	assert_int_equal(r.status, 404);
	assert_int_equal(r.content_length, 12);
	assert_int_equal(r.body.len, 0);
}

static void interim_answers_are_passed_over(void **state)
{
	cleanup_http_response struct http_response r = { 0 };

	(void)state;
	assert_ok(get("/interim", (struct http_request){ 0 }, &r));
	assert_int_equal(r.status, 200);
	assert_string_equal(buf_str(&r.body), "ok");
	assert_null(http_response_header(&r, "x-old", 0));
}

static void body_limits_are_exact(void **state)
{
	cleanup_http_response struct http_response r = { 0 };

	(void)state;
	assert_ok(get("/hundred", (struct http_request){ .body_limit = 100 }, &r));
	assert_int_equal(r.body.len, 100);
	assert_error(get("/hundred", (struct http_request){ .body_limit = 99 }, &r), ERR_LIMIT, "larger than 99 bytes");
	assert_false(r.transient);
	assert_error(get("/endless", (struct http_request){ .body_limit = 65536 }, &r), ERR_LIMIT,
		     "larger than 65536 bytes");
	assert_error(get("/flood", (struct http_request){ 0 }, &r), ERR_LIMIT, "headers are larger");
	/* Of an error only the beginning is of interest. */
	assert_ok(get("/endless-error", (struct http_request){ 0 }, &r));
	assert_int_equal(r.status, 500);
	assert_int_equal(r.body.len, HTTP_ERROR_BODY_MAX);
}

static void broken_answers_are_transient(void **state)
{
	cleanup_http_response struct http_response r = { 0 };

	(void)state;
	assert_error(get("/short", (struct http_request){ 0 }, &r), ERR_NETWORK, "Get \"http://127.0.0.1:");
	assert_true(r.transient);
	assert_error(get("/empty", (struct http_request){ 0 }, &r), ERR_NETWORK, "empty reply");
	assert_true(r.transient);
	assert_error(get("/garbage", (struct http_request){ 0 }, &r), ERR_NETWORK, "Get \"");
	assert_false(r.transient);
}

static void refused_connections_say_so(void **state)
{
	cleanup_with(http_client_free) struct http_client *client = client_with(0);
	cleanup_http_response struct http_response r = { 0 };
	struct test_server *server = test_server_start("127.0.0.1", handler, NULL);
	cleanup_free char *url = test_server_url(server, "/?token=secret&n=1");
	cleanup_free char *host = test_server_host(server);
	cleanup_free char *wanted = xasprintf(
		"Get \"http://%s/?token=REDACTED&n=1\": dial tcp %s: connect: connection refused", host, host);

	(void)state;
	test_server_stop(server);
	assert_error(http_send(client, &(struct http_request){ .url = url }, &r), ERR_NETWORK, wanted);
	assert_false(r.transient);
	assert_error(http_send(client, &(struct http_request){ .url = "http://no-such-host.invalid/" }, &r),
		     ERR_NETWORK, "no such host");
}

static void credentials_stay_with_their_origin(void **state)
{
	struct http_request request = { .authorization = "Basic c2VjcmV0", .allow_private = true };
	cleanup_http_response struct http_response r = { 0 };

	(void)state;
	assert_ok(get("/here", request, &r));
	assert_non_null(strstr(buf_str(&r.body), "GET|Basic c2VjcmV0|"));
	assert_ok(get("/elsewhere", request, &r));
	assert_non_null(strstr(buf_str(&r.body), "GET|-|"));
	assert_non_null(strstr(r.url, elsewhere_host));
	/* Back at the origin it is the origin again, as in every browser and client. */
	assert_ok(get("/there-and-back", request, &r));
	assert_non_null(strstr(buf_str(&r.body), "GET|Basic c2VjcmV0|"));
}

static void redirects_are_bounded_and_checked(void **state)
{
	cleanup_http_response struct http_response r = { 0 };

	(void)state;
	assert_ok(get("/redirects/10", (struct http_request){ 0 }, &r));
	assert_string_equal(buf_str(&r.body), "end");
	assert_error(get("/redirects/11", (struct http_request){ 0 }, &r), ERR_NETWORK, "stopped after 10 redirects");
	assert_error(get("/loop", (struct http_request){ 0 }, &r), ERR_NETWORK, "stopped after 10 redirects");
	assert_error(get("/file", (struct http_request){ 0 }, &r), ERR_NETWORK, "bad URL");
	assert_error(get("/elsewhere", (struct http_request){ 0 }, &r), ERR_DENIED,
		     "SSRF protection: redirect from \"127.0.0.1\" to private/link-local host \"127.0.0.2\" denied");
	assert_ok(get("/nowhere", (struct http_request){ 0 }, &r));
	assert_int_equal(r.status, 302);
	assert_ok(get("/see-other", (struct http_request){ .method = HTTP_POST, .form = "x" }, &r));
	assert_non_null(strstr(buf_str(&r.body), "GET|"));
	assert_ok(get("/here", (struct http_request){ .method = HTTP_POST, .form = "x" }, &r));
	assert_non_null(strstr(buf_str(&r.body), "POST|"));
}

struct counting_sink {
	struct http_sink sink;
	size_t bytes, begun, fail_at;
	int status;
};

static struct error *sink_begin(struct http_sink *sink, const struct http_response *response)
{
	struct counting_sink *s = (struct counting_sink *)sink;

	s->begun++;
	s->status = response->status;
	return s->fail_at == 1 ? error_new(ERR_CORRUPT, "begin says no") : NULL;
}

static struct error *sink_data(struct http_sink *sink, const void *data, size_t size)
{
	struct counting_sink *s = (struct counting_sink *)sink;

	(void)data;
	s->bytes += size;
	return s->fail_at == 2 ? error_new(ERR_CORRUPT, "data says no") : NULL;
}

static void sinks_take_good_bodies_alone(void **state)
{
	struct counting_sink s = { .sink = { .begin = sink_begin, .data = sink_data } };
	cleanup_http_response struct http_response r = { 0 };

	(void)state;
	assert_ok(get("/hundred", (struct http_request){ .sink = &s.sink }, &r));
	assert_int_equal(s.bytes, 100);
	assert_int_equal(s.begun, 1);
	assert_int_equal(s.status, 200);
	assert_int_equal(r.body.len, 0);
	assert_ok(get("/404", (struct http_request){ .sink = &s.sink }, &r));
	assert_int_equal(s.begun, 1);
	assert_string_equal(buf_str(&r.body), "nothing here");
	s.fail_at = 1;
	assert_error(get("/hundred", (struct http_request){ .sink = &s.sink }, &r), ERR_CORRUPT, "begin says no");
	assert_int_equal(s.bytes, 100);
	assert_false(r.transient);
	s.fail_at = 2;
	assert_error(get("/hundred", (struct http_request){ .sink = &s.sink }, &r), ERR_CORRUPT, "data says no");
}

static void silence_and_dripping_end(void **state)
{
	cleanup_with(http_client_free) struct http_client *client = client_with(1);
	cleanup_free char *url = test_server_url(here, "/drip");
	cleanup_http_response struct http_response r = { 0 };
	time_t before = time(NULL);

	(void)state;
	assert_error(http_send(client, &(struct http_request){ .url = url, .body_limit = 4096 }, &r), ERR_NETWORK,
		     "too slow");
	assert_true(r.transient);
	assert_in_range(time(NULL) - before, 0, 8);
	assert_error(get("/drip", (struct http_request){ .timeout_s = 1 }, &r), ERR_NETWORK, "timed out");
	assert_in_range(time(NULL) - before, 0, 12);
}

static void *cancel_soon(void *client)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	http_client_cancel(client);
	return NULL;
}

static void cancelling_ends_a_call(void **state)
{
	cleanup_with(http_client_free) struct http_client *client = client_with(0);
	cleanup_free char *url = test_server_url(here, "/drip");
	cleanup_http_response struct http_response r = { 0 };
	time_t before = time(NULL);
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, client), 0);
	assert_error(http_send(client, &(struct http_request){ .url = url, .body_limit = 4096 }, &r), ERR_NETWORK,
		     "cancelled");
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(http_client_cancelled(client));
	assert_error(http_client_sleep(client, 60000), ERR_NETWORK, "cancelled");
	assert_in_range(time(NULL) - before, 0, 5);
	assert_false(http_retry_is_transient(&r, NULL));
}

static struct error *patiently(const char *path, struct http_response *response)
{
	cleanup_with(http_client_free) struct http_client *client = client_with(0);
	cleanup_free char *url = test_server_url(here, path);

	return http_send_patiently(client, &(struct http_request){ .url = url, .body_limit = 4096 }, response);
}

static void retries_are_bounded(void **state)
{
	cleanup_http_response struct http_response r = { 0 };
	unsigned int before = test_server_requests(here);

	(void)state;
	atomic_store(&n_failures, 4);
	assert_ok(patiently("/flaky", &r));
	assert_string_equal(buf_str(&r.body), "at last");
	assert_int_equal(test_server_requests(here) - before, HTTP_ATTEMPTS_MAX);
	atomic_store(&n_failures, 5);
	assert_ok(patiently("/flaky", &r));
	assert_int_equal(r.status, 503);
	atomic_store(&n_failures, 0);
	before = test_server_requests(here);
	assert_ok(patiently("/404", &r));
	assert_int_equal(test_server_requests(here) - before, 1);
	before = test_server_requests(here);
	assert_error(patiently("/short", &r), ERR_NETWORK, "Get");
	assert_int_equal(test_server_requests(here) - before, HTTP_ATTEMPTS_MAX);
}

static void patience_is_what_the_peer_asks_for(void **state)
{
	cleanup_http_response struct http_response r = { 0 };
	struct timespec before, after;
	unsigned int n = test_server_requests(here);

	(void)state;
	atomic_store(&n_failures, 1);
	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	assert_ok(patiently("/patience", &r));
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	assert_int_equal(r.status, 200);
	assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 1000);
	assert_int_equal(test_server_requests(here) - n, 2);
	atomic_store(&n_failures, 1);
	n = test_server_requests(here);
	assert_ok(patiently("/too-much-patience", &r));
	assert_int_equal(r.status, 429);
	assert_int_equal(test_server_requests(here) - n, 1);
	atomic_store(&n_failures, 0);
}

static void retry_after_is_parsed(void **state)
{
	uint64_t s = 77;

	(void)state;
	assert_true(http_retry_after("120", 0, &s));
	assert_int_equal(s, 120);
	assert_true(http_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1445412470, &s));
	assert_int_equal(s, 10);
	assert_true(http_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1500000000, &s));
	assert_int_equal(s, 0);
	assert_false(http_retry_after("", 0, &s));
	assert_false(http_retry_after("-5", 0, &s));
	assert_false(http_retry_after("soon", 0, &s));
	assert_false(http_retry_after("99999999999999999999", 0, &s));
}

static struct error *either(const char *first, const char *second, struct http_response *r, bool *ret_second)
{
	cleanup_with(http_client_free) struct http_client *client = client_with(0);
	const struct http_request a = { .url = first, .body_limit = 4096 };
	const struct http_request b = { .url = second, .body_limit = 4096 };

	return http_send_either(client, &a, &b, 300, r, ret_second);
}

static void the_first_that_answers_wins(void **state)
{
	cleanup_http_response struct http_response r = { 0 };
	cleanup_free char *good = test_server_url(here, "/hundred");
	cleanup_free char *unauthorized = test_server_url(here, "/401");
	cleanup_free char *missing = test_server_url(here, "/404");
	cleanup_free char *slow = test_server_url(here, "/drip");
	cleanup_free char *moved = test_server_url(here, "/here");
	cleanup_free char *host = test_server_host(here);
	cleanup_free char *tls = xasprintf("https://%s/", host);
	bool second = true;

	(void)state;
	assert_ok(either(good, missing, &r, &second));
	assert_false(second);
	assert_int_equal(r.body.len, 100);
	assert_ok(either(tls, unauthorized, &r, &second));
	assert_true(second);
	assert_int_equal(r.status, 401);
	assert_ok(either(slow, good, &r, &second));
	assert_true(second);
	assert_ok(either(missing, moved, &r, &second));
	assert_true(second);
	assert_non_null(strstr(buf_str(&r.body), "GET|"));
	assert_error(either(tls, missing, &r, &second), ERR_NETWORK, "; GET http://");
	assert_error(either(tls, missing, &r, &second), ERR_NETWORK, "unexpected status code 404");
}

static int start(void **state)
{
	(void)state;
	here = test_server_start("127.0.0.1", handler, NULL);
	elsewhere = test_server_start("127.0.0.2", elsewhere_handler, NULL);
	elsewhere_host = test_server_host(elsewhere);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	test_server_stop(here);
	test_server_stop(elsewhere);
	free(elsewhere_host);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exchange_carries_what_was_asked),
		cmocka_unit_test(interim_answers_are_passed_over),
		cmocka_unit_test(body_limits_are_exact),
		cmocka_unit_test(broken_answers_are_transient),
		cmocka_unit_test(refused_connections_say_so),
		cmocka_unit_test(credentials_stay_with_their_origin),
		cmocka_unit_test(redirects_are_bounded_and_checked),
		cmocka_unit_test(sinks_take_good_bodies_alone),
		cmocka_unit_test(silence_and_dripping_end),
		cmocka_unit_test(cancelling_ends_a_call),
		cmocka_unit_test(retries_are_bounded),
		cmocka_unit_test(patience_is_what_the_peer_asks_for),
		cmocka_unit_test(retry_after_is_parsed),
		cmocka_unit_test(the_first_that_answers_wins),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
