/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the registry room. */
#ifndef IMAGE_REGISTRY_PRIV_H
#define IMAGE_REGISTRY_PRIV_H

#include "image/http/http_retry.h"
#include "image/http/http_url.h"
#include "image/registry/registry.h"
#include "image/registry/registry_challenge.h"
#include "image/registry/registry_credentials.h"

#include <pthread.h>

struct registry {
	struct http_client *http;
	char *registry, *repository;
	struct http_url base;		     /* "http://127.0.0.1:5000/v2/" */
	bool is_private;		     /* the registry's own address is private, so others may be too */
	struct registry_challenge challenge; /* of the ping */
	log_sink *sink;
	void *sink_ctx;

	pthread_mutex_t lock; /* guards what follows */
	struct registry_credentials credentials;
	struct strv scopes;
	char *token; /* NULL: none yet */
	unsigned int token_generation;
	int64_t token_expires; /* seconds of the monotonic clock */
};

/* registry_authorization() - value of the Authorization header for the registry, NULL for none; may ask the token
 * service */
must_check struct error *registry_authorization(struct registry *registry, char **ret_value,
						unsigned int *ret_generation);
/**
 * registry_reauthorize() - after a 401: learn what it asks for and get another token
 * @generation: of the token that was refused; if another thread renewed it since, that one will do
 * @ret_again:  false if asking again makes no sense
 */
must_check struct error *registry_reauthorize(struct registry *registry, const struct http_response *response,
					      unsigned int generation, bool *ret_again);

/**
 * registry_send_once() - one request, with one more try after a 401 that a new token may cure
 * @to_registry:       false: another host is asked, without credentials
 * @ret_authenticated: whether credentials were sent
 *
 * registry_send() - the same to the registry, repeated while its failure is transient; not with a sink
 *
 * A status is no error of these functions.
 */
must_check struct error *registry_send_once(struct registry *registry, struct http_request *request, bool to_registry,
					    struct http_response *ret_response, bool *ret_authenticated);
must_check struct error *registry_send(struct registry *registry, struct http_request *request,
				       struct http_response *ret_response, bool *ret_authenticated);

/* registry_url() - "<base><repository>/<kind>/<reference>"; caller frees */
char *registry_url(const struct registry *registry, const char *kind, const char *reference);
int64_t registry_now_s(void);

#endif
