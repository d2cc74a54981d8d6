/* SPDX-License-Identifier: BSD-3-Clause */
/* One request to one URL: what libcurl is told, what its callbacks keep, and how its failures read. */
#include "image/http/http_priv.h"

#include <ctype.h>

/* Below this rate, for the client's stall timeout, a peer counts as silent. Slow lines carry a hundred times as much.
 */
enum { STALL_BYTES_PER_S = 16 };

/* After that many broken HTTP/2 streams a client speaks HTTP/1.1: some storage front ends break long streams for ever.
 */
enum { HTTP2_ERRORS_MAX = 2 };

enum { PROXY_AUTHENTICATION_REQUIRED = 407 };

void http_response_clear(struct http_response *response)
{
	strv_free(&response->headers);
	free(response->url);
	buf_free(&response->body);
	*response = (struct http_response){ .content_length = -1 };
}

const char *http_response_header(const struct http_response *response, const char *name, size_t nth)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < response->headers.n; i++) {
		const char *item = response->headers.items[i];

		if (strncmp(item, name, len) == 0 && item[len] == ':' && nth-- == 0)
			return item + len + 2;
	}
	return NULL;
}

/* Keeps one header line as "name: value". */
static void keep_header(struct http_response *response, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);

	if (!colon)
		return;

	cleanup_free char *name = xstrndup(line, (size_t)(colon - line));
	cleanup_free char *raw = xstrndup(colon + 1, len - (size_t)(colon - line) - 1);
	cleanup_free char *value = str_trim(raw);

	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	strv_addf(&response->headers, "%s: %s", name, value);
}

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
	struct http_transfer *t = ctx;
	size_t len = size * count;

	t->header_bytes += len;
	if (t->header_bytes > HTTP_HEADERS_MAX) {
		t->failure = error_new(ERR_LIMIT, "headers are larger than %d bytes", HTTP_HEADERS_MAX);
		return 0;
	}
	if (t->in_body) /* a trailer */
		return len;
	/* A status line opens the headers of an answer; an interim answer (100, 103) comes before the real one. */
	if (len >= 5 && strncmp(line, "HTTP/", 5) == 0)
		strv_free(&t->response->headers);
	else
		keep_header(t->response, line, len);
	return len;
}

static void take_status(struct http_transfer *t)
{
	long status = 0;
	curl_off_t length = -1;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	t->response->status = (int)status;
	t->response->content_length = length;
}

static bool is_success(int status)
{
	return status >= 200 && status < 300;
}

static bool goes_to_sink(const struct http_transfer *t)
{
	return t->request->sink && (t->response->status == 200 || t->response->status == 206);
}

static struct error *begin_body(struct http_transfer *t)
{
	if (t->in_body)
		return NULL;
	t->in_body = true;
	take_status(t);
	if (!goes_to_sink(t) || !t->request->sink->begin)
		return NULL;
	return t->request->sink->begin(t->request->sink, t->response);
}

static struct error *take_data(struct http_transfer *t, const char *data, size_t size)
{
	struct buf *body = &t->response->body;

	TRY(begin_body(t));
	if (goes_to_sink(t))
		return t->request->sink->data(t->request->sink, data, size);
	if (!is_success(t->response->status)) {
		size_t room = HTTP_ERROR_BODY_MAX - body->len;

		buf_append(body, data, size < room ? size : room);
		t->enough = size >= room;
		return NULL;
	}
	if (size > t->request->body_limit - body->len)
		return error_new(ERR_LIMIT, "answer is larger than %zu bytes", t->request->body_limit);
	buf_append(body, data, size);
	return NULL;
}

static size_t on_data(char *data, size_t size, size_t count, void *ctx)
{
	struct http_transfer *t = ctx;

	t->failure = take_data(t, data, size * count);
	return t->failure || t->enough ? 0 : size * count;
}

static int on_progress(void *ctx, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total, curl_off_t ul_now)
{
	struct http_transfer *t = ctx;

	(void)dl_total;
	(void)dl_now;
	(void)ul_total;
	(void)ul_now;
	return atomic_load(&t->client->cancelled);
}

static void add_header(struct http_transfer *t, const char *name, const char *value)
{
	cleanup_free char *line = xasprintf("%s: %s", name, value);
	struct curl_slist *list = curl_slist_append(t->headers, line);

	if (list)
		t->headers = list;
}

static void set_headers(struct http_transfer *t)
{
	const struct http_request *r = t->request;

	/* libcurl would say that it takes everything; the registry is to see what we ask for and nothing else. */
	add_header(t, "Accept", r->accept ? r->accept : "*/*");
	if (t->authorization)
		add_header(t, "Authorization", t->authorization);
	if (r->range_start > 0) {
		cleanup_free char *range = xasprintf("bytes=%llu-", (unsigned long long)r->range_start);

		add_header(t, "Range", range);
	}
	if (t->method == HTTP_POST)
		add_header(t, "Expect", "");
	(void)curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_method(struct http_transfer *t)
{
	switch (t->method) {
	case HTTP_GET:
		(void)curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
		break;
	case HTTP_HEAD:
		(void)curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
		break;
	case HTTP_POST:
		(void)curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
		(void)curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->request->form ? t->request->form : "");
		break;
	}
}

static void set_limits(struct http_transfer *t)
{
	(void)curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT, (long)t->client->connect_timeout_s);
	(void)curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_PER_S);
	(void)curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, (long)t->client->stall_timeout_s);
	(void)curl_easy_setopt(t->easy, CURLOPT_TIMEOUT, (long)t->request->timeout_s);
	(void)curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, 256L << 10);
	(void)curl_easy_setopt(t->easy, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(t->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void)curl_easy_setopt(t->easy, CURLOPT_XFERINFODATA, t);
}

static void set_route(struct http_transfer *t)
{
	bool http2 = atomic_load(&t->client->http2_errors) < HTTP2_ERRORS_MAX;

	t->proxy = http_proxy_for(&t->client->proxies, t->url);
	(void)curl_easy_setopt(t->easy, CURLOPT_URL, t->url->text);
	(void)curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(t->easy, CURLOPT_PROXY, t->proxy ? t->proxy : "");
	(void)curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "");
	(void)curl_easy_setopt(t->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	(void)curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
			       (long)(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	(void)curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (t->client->ca_file)
		(void)curl_easy_setopt(t->easy, CURLOPT_CAINFO, t->client->ca_file);
	if (t->client->ca_dir)
		(void)curl_easy_setopt(t->easy, CURLOPT_CAPATH, t->client->ca_dir);
}

static CURLcode on_ssl_context(CURL *easy, void *ssl_ctx, void *ctx)
{
	struct http_transfer *t = ctx;

	(void)easy;
	t->failure = http_certs_use(&t->certs, ssl_ctx);
	return t->failure ? CURLE_ABORTED_BY_CALLBACK : CURLE_OK;
}

static struct error *set_certs(struct http_transfer *t)
{
	TRY(http_certs_find(t->url, &t->certs));
	if (!http_certs_are_there(&t->certs))
		return NULL;
	/* They are for this host alone: not for a store of certificates that other connections share. */
	(void)curl_easy_setopt(t->easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	(void)curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context);
	(void)curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_DATA, t);
	return NULL;
}

struct error *http_transfer_init(struct http_transfer *t)
{
	t->easy = curl_easy_init();
	if (!t->easy)
		return error_sys(ENOMEM, "start an HTTP transfer");
	set_method(t);
	set_headers(t);
	set_limits(t);
	set_route(t);
	TRY(set_certs(t));
	(void)curl_easy_setopt(t->easy, CURLOPT_USERAGENT, t->client->user_agent);
	(void)curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->errbuf);
	(void)curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	(void)curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	(void)curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_data);
	(void)curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	t->response->url = xstrdup(t->url->text);
	return NULL;
}

static const char *const method_names[] = { [HTTP_GET] = "Get", [HTTP_HEAD] = "Head", [HTTP_POST] = "Post" };

static long os_errno(const struct http_transfer *t)
{
	long errnum = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &errnum);
	return errnum;
}

/* Failures that another try may cure; a peer that refuses the connection or shows a bad certificate will do so again.
 */
static bool is_transient(const struct http_transfer *t)
{
	static const CURLcode codes[] = {
		CURLE_RECV_ERROR, CURLE_SEND_ERROR,   CURLE_GOT_NOTHING,	CURLE_PARTIAL_FILE,
		CURLE_HTTP2,	  CURLE_HTTP2_STREAM, CURLE_OPERATION_TIMEDOUT,
	};

	if (t->code == CURLE_COULDNT_CONNECT)
		return os_errno(t) != ECONNREFUSED;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (t->code == codes[i])
			return true;
	return false;
}

static char *cause_text(const struct http_transfer *t)
{
	const char *said = t->errbuf[0] ? t->errbuf : curl_easy_strerror(t->code);
	long errnum = os_errno(t);

	if (t->code == CURLE_COULDNT_RESOLVE_HOST)
		return xasprintf("lookup %s: no such host", t->url->host);
	if (t->code == CURLE_COULDNT_CONNECT && errnum != 0 && !t->proxy)
		return xasprintf("dial tcp %s:%u: connect: %s", t->url->host, t->url->port,
				 error_strerror((int)errnum));

	char *text = http_printable(said, strlen(said), CURL_ERROR_SIZE);

	if (isupper((unsigned char)text[0]) && islower((unsigned char)text[1]))
		text[0] = (char)tolower((unsigned char)text[0]);
	return text;
}

/* The proxy answers for itself: to a request, or to CONNECT. */
static bool proxy_refuses(const struct http_transfer *t)
{
	long connect_status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
	return t->proxy && (connect_status == PROXY_AUTHENTICATION_REQUIRED ||
			    t->response->status == PROXY_AUTHENTICATION_REQUIRED);
}

static struct error *proxy_failure(const struct http_transfer *t, const char *cause)
{
	cleanup_free char *proxy = http_url_redact(t->proxy);

	return error_new(ERR_NETWORK, "via proxy %s: %s", proxy, cause);
}

static struct error *curl_failure(struct http_transfer *t)
{
	cleanup_free char *cause = cause_text(t);
	struct error *err;

	if (t->code == CURLE_HTTP2 || t->code == CURLE_HTTP2_STREAM)
		atomic_fetch_add(&t->client->http2_errors, 1);
	err = t->proxy ? proxy_failure(t, cause) : error_new(ERR_NETWORK, "%s", cause);
	if (t->code == CURLE_PEER_FAILED_VERIFICATION)
		return error_hint(err, "put the registry's CA into /etc/containers/certs.d/HOST:PORT/ca.crt, or name its file in "
				       "SSL_CERT_FILE");
	return err;
}

struct error *http_transfer_finish(struct http_transfer *t)
{
	cleanup_free char *shown = http_url_redact(t->url->text);
	struct error *err = NULL;

	if (!t->failure && t->code == CURLE_OK)
		t->failure = begin_body(t); /* there was no body */
	if (t->failure)
		err = take_ptr(&t->failure);
	else if (atomic_load(&t->client->cancelled))
		err = error_new(ERR_NETWORK, "cancelled");
	else if (proxy_refuses(t))
		err = error_hint(proxy_failure(t, "407 Proxy Authentication Required"),
				 "HTTP_PROXY or HTTPS_PROXY has to name a user whom the proxy accepts: http://NAME:PASSWORD@HOST:PORT");
	else if (t->code != CURLE_OK && !t->enough) {
		t->response->transient = is_transient(t);
		err = curl_failure(t);
	}
	return error_wrap(err, "%s \"%s\"", method_names[t->method], shown);
}

void http_transfer_free(struct http_transfer *t)
{
	error_free(t->failure);
	http_certs_clear(&t->certs);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
}
