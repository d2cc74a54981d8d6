/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a registry, and requests to it with authentication and retries. */
#include "image/registry/registry_error.h"
#include "image/registry/registry_priv.h"

#include <arpa/inet.h>

/* The reference starts plain HTTP that long after https. */
enum { HTTP_HEAD_START_MS = 300, PING_TIMEOUT_S = 60, PING_BODY_MAX = 64 << 10 };

const char registry_accept_any[] = "application/vnd.docker.distribution.manifest.v1+json,"
				   "application/vnd.docker.distribution.manifest.v1+prettyjws,"
				   "application/vnd.docker.distribution.manifest.v2+json,"
				   "application/vnd.oci.image.manifest.v1+json,"
				   "application/vnd.docker.distribution.manifest.list.v2+json,"
				   "application/vnd.oci.image.index.v1+json";

/*
 * Hosts with which plain HTTP is tried unasked: loopback names and addresses, and literal IPv4 of private networks. A
 * bare "localhost" is not among them: the reference wants the port.
 */
static bool http_is_expected(const char *registry)
{
	cleanup_free char *url_text = xasprintf("http://%s/", registry);
	cleanup_http_url struct http_url url = { 0 };
	cleanup_with(error_free) struct error *err = http_url_parse(url_text, &url);
	struct in_addr v4;

	if (err || str_eq(registry, "localhost"))
		return false;
	if (http_host_is_loopback(url.host))
		return true;
	/* Link-local and unspecified addresses are private too, but not expected to be registries. */
	return inet_pton(AF_INET, url.host, &v4) == 1 && http_host_is_private(url.host) &&
	       !str_starts(url.host, "169.254.") && !str_starts(url.host, "0.");
}

static struct error *learn_challenge(struct registry *r, const struct http_response *response)
{
	const char *header;

	if (response->status == 200)
		return NULL;
	if (response->status != 401)
		return registry_error_from(response, "GET", false);
	for (size_t i = 0; (header = http_response_header(response, "www-authenticate", i)); i++)
		registry_challenge_parse(header, &r->challenge);
	return NULL;
}

/* GET /v2/, by https and, where that is allowed, by http. */
static struct error *ping(struct registry *r, bool allow_http)
{
	cleanup_free char *https_url = xasprintf("https://%s/v2/", r->registry);
	cleanup_free char *http_url = xasprintf("http://%s/v2/", r->registry);
	cleanup_http_response struct http_response response = { 0 };
	struct http_request https = { .url = https_url, .body_limit = PING_BODY_MAX, .timeout_s = PING_TIMEOUT_S };
	struct http_request http = https;
	bool by_http = false;

	http.url = http_url;
	https.allow_private = http.allow_private = r->is_private;
	if (allow_http)
		TRY(http_send_either(r->http, &https, &http, HTTP_HEAD_START_MS, &response, &by_http));
	else
		TRY(http_send_patiently(r->http, &https, &response));
	http_url_clear(&r->base);
	TRY(http_url_parse(by_http ? http_url : https_url, &r->base));
	return learn_challenge(r, &response);
}

static struct error *find_credentials(struct registry *r, const struct registry_options *options)
{
	const struct registry_query query = {
		.registry = options->registry,
		.repository = options->repository,
		.username = options->username,
		.password = options->password,
		.authfile = options->authfile,
		.sink = options->sink,
		.sink_ctx = options->sink_ctx,
	};

	return registry_credentials_find(&query, &r->credentials);
}

struct error *registry_open(const struct registry_options *options, struct registry **ret_registry)
{
	cleanup_with(registry_close) struct registry *r = xcalloc(1, sizeof(*r));
	cleanup_free char *url_text = xasprintf("https://%s/v2/", options->registry);

	(void)pthread_mutex_init(&r->lock, NULL);
	r->registry = xstrdup(options->registry);
	r->repository = xstrdup(options->repository);
	r->sink = options->sink;
	r->sink_ctx = options->sink_ctx;
	TRY(http_url_parse(url_text, &r->base));
	r->is_private = http_host_is_private(r->base.host) || http_host_is_loopback(r->base.host);
	TRY(http_client_new(&options->http, &r->http));
	TRY(find_credentials(r, options));
	TRY(ping(r, options->no_https || http_is_expected(options->registry)));
	strv_addf(&r->scopes, "repository:%s:pull", r->repository);
	*ret_registry = take_ptr(&r);
	return NULL;
}

void registry_close(struct registry *r)
{
	if (!r)
		return;
	http_client_free(r->http);
	http_url_clear(&r->base);
	registry_challenge_clear(&r->challenge);
	registry_credentials_clear(&r->credentials);
	strv_free(&r->scopes);
	(void)pthread_mutex_destroy(&r->lock);
	free(r->token);
	free(r->registry);
	free(r->repository);
	free(r);
}

void registry_cancel(struct registry *r)
{
	http_client_cancel(r->http);
}

char *registry_url(const struct registry *r, const char *kind, const char *reference)
{
	return xasprintf("%s%s/%s/%s", r->base.text, r->repository, kind, reference);
}

struct error *registry_send_once(struct registry *r, struct http_request *request, bool to_registry,
				 struct http_response *ret_response, bool *ret_authenticated)
{
	request->allow_private = r->is_private;
	for (int tries = 0;; tries++) {
		cleanup_free char *authorization = NULL;
		unsigned int generation = 0;
		bool again = false;

		if (to_registry)
			TRY(registry_authorization(r, &authorization, &generation));
		request->authorization = authorization;
		*ret_authenticated = authorization != NULL;

		struct error *err = http_send(r->http, request, ret_response);

		request->authorization = NULL;
		if (err || ret_response->status != 401 || tries > 0 || !to_registry)
			return err;
		TRY(registry_reauthorize(r, ret_response, generation, &again));
		if (!again)
			return NULL;
	}
}

struct error *registry_send(struct registry *r, struct http_request *request, struct http_response *ret_response,
			    bool *ret_authenticated)
{
	struct http_retry retry = { 0 };

	for (;;) {
		bool again = false;
		struct error *err = registry_send_once(r, request, true, ret_response, ret_authenticated);

		if (!http_retry_is_transient(ret_response, err))
			return err;

		struct error *wait_err = http_retry_wait(&retry, r->http, ret_response, &again);

		if (wait_err || !again) {
			error_free(wait_err);
			return err;
		}
		error_free(err);
	}
}
