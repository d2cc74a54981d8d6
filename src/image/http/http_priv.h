/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the http room: clients, their lanes, and single transfers. */
#ifndef IMAGE_HTTP_PRIV_H
#define IMAGE_HTTP_PRIV_H

#include "image/http/http.h"
#include "image/http/http_certs.h"
#include "image/http/http_proxy.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

/* What a call holds while it runs: a multi handle with its connections. Idle lanes wait for the next call. */
struct http_lane {
	CURLM *multi;
	bool is_idle;
	struct http_lane *next;
};

struct http_client {
	char *user_agent;
	unsigned int connect_timeout_s, stall_timeout_s, retry_base_ms;
	struct http_proxy_env proxies;
	char *ca_file, *ca_dir; /* of SSL_CERT_FILE and SSL_CERT_DIR; NULL: libcurl's own */
	atomic_bool cancelled;
	atomic_uint http2_errors;
	pthread_mutex_t lock; /* guards the lanes' list and is_idle */
	pthread_cond_t wake;  /* of sleepers; monotonic clock */
	struct http_lane *lanes;
};

/* One request to one URL, without redirects. */
struct http_transfer {
	struct http_client *client;
	const struct http_request *request;
	const struct http_url *url;
	const char *authorization;
	enum http_method method;
	struct http_response *response;
	CURL *easy;
	struct curl_slist *headers;
	const char *proxy;
	struct http_certs certs;
	char errbuf[CURL_ERROR_SIZE];
	size_t header_bytes;
	bool in_body, began, enough;
	struct error *failure; /* of a callback */
	bool is_finished;
	CURLcode code;
};

must_check struct error *http_lane_take(struct http_client *client, struct http_lane **ret_lane);
void http_lane_give_back(struct http_client *client, struct http_lane *lane);

/* http_transfer_init() - make ready; the rest of @t was filled by the caller */
must_check struct error *http_transfer_init(struct http_transfer *t);
/* http_transfer_finish() - what came of it: the callbacks' error, libcurl's as text, or NULL */
must_check struct error *http_transfer_finish(struct http_transfer *t);
void http_transfer_free(struct http_transfer *t);

#endif
