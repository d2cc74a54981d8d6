/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bearer token flow: a registry answers 401 and names a token service (realm), which gives a token for scopes.
 * Tokens are kept for the life of the client, at most as long as the service says; threads share them.
 */
#include "image/registry/registry_error.h"
#include "image/registry/registry_priv.h"

#include "base/json.h"

#include <time.h>

enum {
	TOKEN_ANSWER_MAX = 64 << 10,
	TOKEN_TIMEOUT_S = 60,
	TOKEN_LIFE_S = 60,  /* if the service does not say (Docker token specification) */
	TOKEN_MARGIN_S = 5, /* renewed that long before it ends */
	SCOPES_MAX = 16,    /* that a registry may add by its challenges */
};

int64_t registry_now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* A token goes into a header: visible ASCII only, so that it cannot end the line. */
static bool is_header_safe(const char *token)
{
	for (const char *c = token; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	return *token != '\0';
}

static struct error *check_realm(const struct registry *r, const struct http_url *realm)
{
	if (!realm->is_https && r->base.is_https)
		return error_new(ERR_DENIED, "invalid realm in www-authenticate: scheme of \"%s\" must be https",
				 realm->text);
	if (str_eq(realm->host, r->base.host) && realm->port == r->base.port)
		return NULL;
	if (!r->is_private && http_host_is_private(realm->host))
		return error_new(ERR_DENIED,
				 "invalid realm in www-authenticate: realm host \"%s\" is a private or "
				 "link-local address",
				 realm->host);
	return NULL;
}

static void append_pair(struct buf *out, const char *name, const char *value)
{
	cleanup_free char *escaped = http_query_escape(value);

	buf_appendf(out, "%s%s=%s", out->len ? "&" : "", name, escaped);
}

static char *get_query(const struct registry *r)
{
	cleanup_buf struct buf query = { 0 };

	if (r->challenge.service)
		append_pair(&query, "service", r->challenge.service);
	for (size_t i = 0; i < r->scopes.n; i++)
		append_pair(&query, "scope", r->scopes.items[i]);
	return buf_take(&query);
}

static char *refresh_form(const struct registry *r, const char *identity_token)
{
	cleanup_buf struct buf form = { 0 };
	cleanup_free char *scopes = strv_join(&r->scopes, " ");

	append_pair(&form, "grant_type", "refresh_token");
	append_pair(&form, "refresh_token", identity_token);
	append_pair(&form, "service", r->challenge.service ? r->challenge.service : "");
	append_pair(&form, "scope", scopes);
	append_pair(&form, "client_id", "singularity");
	return buf_take(&form);
}

static struct error *read_token(struct registry *r, const struct http_response *response)
{
	cleanup_with(jv_free) struct jv *doc = NULL;
	const struct buf *body = &response->body;

	TRY(jv_parse(buf_str(body), body->len, "token answer", &doc));

	const char *token = jv_get_str(doc, "access_token");
	const char *refresh = jv_get_str(doc, "refresh_token");
	int64_t life = jv_int(jv_get(doc, "expires_in"), TOKEN_LIFE_S);

	if (!token || !*token)
		token = jv_get_str(doc, "token");
	if (!token || !*token) {
		cleanup_free char *shown = http_printable(buf_str(body), body->len, 512);

		return error_new(ERR_NETWORK, "no token in bearer response:\n%s", shown);
	}
	if (!is_header_safe(token))
		return error_new(ERR_CORRUPT, "the token of the token service holds characters that no token may have");
	if (life < TOKEN_LIFE_S || life > INT32_MAX)
		life = TOKEN_LIFE_S;
	free(r->token);
	r->token = xstrdup(token);
	r->token_generation++;
	r->token_expires = registry_now_s() + life - TOKEN_MARGIN_S;
	if (refresh && *refresh && r->credentials.identity_token) {
		free(r->credentials.identity_token);
		r->credentials.identity_token = xstrdup(refresh);
	}
	return NULL;
}

/* An identity token is traded by POST; services that do not know that answer 404, *ret_done false. */
static struct error *ask_by_post(struct registry *r, const struct http_url *realm, struct http_response *response,
				 bool *ret_done)
{
	cleanup_free char *form = refresh_form(r, r->credentials.identity_token);
	struct http_request request = {
		.method = HTTP_POST,
		.url = realm->text,
		.form = form,
		.body_limit = TOKEN_ANSWER_MAX,
		.timeout_s = TOKEN_TIMEOUT_S,
		.allow_private = r->is_private,
	};

	TRY(http_send_patiently(r->http, &request, response));
	*ret_done = response->status != 404;
	return NULL;
}

static struct error *ask_by_get(struct registry *r, const struct http_url *realm, const char *basic,
				struct http_response *response)
{
	cleanup_free char *query = get_query(r);
	cleanup_free char *url =
		xasprintf("%s%s%s", realm->text, *query ? strchr(realm->text, '?') ? "&" : "?" : "", query);
	struct http_request request = {
		.method = HTTP_GET,
		.url = url,
		.authorization = basic,
		.body_limit = TOKEN_ANSWER_MAX,
		.timeout_s = TOKEN_TIMEOUT_S,
		.allow_private = r->is_private,
	};

	return http_send_patiently(r->http, &request, response);
}

static bool refused(const struct http_response *response)
{
	return response->status == 401 || response->status == 403 || response->status == 400;
}

static void warn_stale(const struct registry *r)
{
	cleanup_free char *text = xasprintf("credentials for %s from %s were rejected; trying anonymously", r->registry,
					    r->credentials.origin);

	if (r->sink)
		r->sink(r->sink_ctx, LOG_WARNING, text);
}

/*
 * Credentials that lie in some file go stale, and a registry refuses them even for what everybody may have: try
 * without. The first refusal is what the user hears of if that fails too.
 */
static struct error *after_refusal(struct registry *r, const struct http_url *realm, const char *method,
				   struct http_response *response, struct error **ret_first)
{
	*ret_first = registry_error_from(response, method, true);
	if (!r->credentials.origin || !refused(response))
		return take_ptr(ret_first);
	warn_stale(r);
	registry_credentials_clear(&r->credentials);
	return ask_by_get(r, realm, NULL, response);
}

/* Gets a token for the scopes in r->scopes. Lock held. */
static struct error *fetch_token(struct registry *r)
{
	cleanup_http_url struct http_url realm = { 0 };
	cleanup_http_response struct http_response response = { 0 };
	cleanup_with(error_free) struct error *first = NULL;
	cleanup_free char *basic = registry_credentials_basic(&r->credentials);
	const char *method = "GET";
	bool done = false;

	if (!r->challenge.realm)
		return error_new(ERR_NETWORK, "malformed www-authenticate, missing realm");
	TRY_CTX(http_url_parse(r->challenge.realm, &realm), "invalid realm in www-authenticate");
	TRY(check_realm(r, &realm));
	if (r->credentials.identity_token)
		TRY(ask_by_post(r, &realm, &response, &done));
	if (done)
		method = "POST";
	else
		TRY(ask_by_get(r, &realm, basic, &response));
	if (response.status != 200 && (basic || done))
		TRY(after_refusal(r, &realm, method, &response, &first));
	if (response.status != 200)
		return first ? take_ptr(&first) : registry_error_from(&response, "GET", false);
	return read_token(r, &response);
}

static struct error *bearer_value(struct registry *r, char **ret_value)
{
	if (r->credentials.registry_token) {
		if (!is_header_safe(r->credentials.registry_token))
			return error_new(ERR_CORRUPT,
					 "the registry token in %s holds characters that no token may have",
					 r->credentials.origin);
		*ret_value = xasprintf("Bearer %s", r->credentials.registry_token);
		return NULL;
	}
	if (!r->token || registry_now_s() >= r->token_expires)
		TRY(fetch_token(r));
	*ret_value = xasprintf("Bearer %s", r->token);
	return NULL;
}

struct error *registry_authorization(struct registry *r, char **ret_value, unsigned int *ret_generation)
{
	struct error *err = NULL;

	(void)pthread_mutex_lock(&r->lock);
	*ret_value = NULL;
	if (r->challenge.scheme == REGISTRY_SCHEME_BEARER)
		err = bearer_value(r, ret_value);
	else
		*ret_value = registry_credentials_basic(&r->credentials);
	*ret_generation = r->token_generation;
	(void)pthread_mutex_unlock(&r->lock);
	return err;
}

/* Puts scopes that a registry asks for first; false if there were too many already. */
static void want_scope(struct registry *r, const char *scope)
{
	struct strv wanted = { 0 };

	if (strv_has(&r->scopes, scope) || r->scopes.n >= SCOPES_MAX)
		return;
	strv_add(&wanted, scope);
	strv_extend(&wanted, &r->scopes);
	strv_free(&r->scopes);
	r->scopes = wanted;
}

struct error *registry_reauthorize(struct registry *r, const struct http_response *response, unsigned int generation,
				   bool *ret_again)
{
	struct registry_challenge challenge = { 0 };
	struct error *err = NULL;
	const char *header;

	for (size_t i = 0; (header = http_response_header(response, "www-authenticate", i)); i++)
		registry_challenge_parse(header, &challenge);
	(void)pthread_mutex_lock(&r->lock);
	*ret_again = false;
	if (challenge.scheme == REGISTRY_SCHEME_BEARER && !r->credentials.registry_token) {
		*ret_again = true;
		if (generation == r->token_generation) {
			if (challenge.scope)
				want_scope(r, challenge.scope);
			if (challenge.realm) {
				registry_challenge_clear(&r->challenge);
				r->challenge = challenge;
				challenge = (struct registry_challenge){ 0 };
			}
			err = fetch_token(r);
		}
	}
	(void)pthread_mutex_unlock(&r->lock);
	registry_challenge_clear(&challenge);
	return err;
}
