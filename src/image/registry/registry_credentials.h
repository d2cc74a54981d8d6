/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose name and password a registry gets: explicit ones, the environment, credential files in the formats of docker
 * and podman, and credential helpers (transports.md 3.1 to 3.3). Secrets are never logged; --debug says which file and
 * entry was used.
 */
#ifndef IMAGE_REGISTRY_CREDENTIALS_H
#define IMAGE_REGISTRY_CREDENTIALS_H

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

enum { REGISTRY_AUTHFILE_MAX = 4 << 20 };

/* All NULL: anonymous. */
struct registry_credentials {
	char *username, *password;
	char *identity_token; /* for the token service, instead of a password */
	char *registry_token; /* a bearer token for the registry itself */
	char *origin;	      /* the file or helper they came from; NULL: the user gave them for this run */
};

struct registry_query {
	const char *registry;		 /* host[:port] */
	const char *repository;		 /* "" at login */
	const char *username, *password; /* of the command line or NULL */
	const char *authfile;		 /* NULL: the usual files */
	log_sink *sink;
	void *sink_ctx;
};

/**
 * registry_credentials_find() - the credentials to use for a repository; anonymous if there are none
 *
 * Unreadable files and absent helper programs are warnings on the sink. Errors: a helper that fails.
 */
must_check struct error *registry_credentials_find(const struct registry_query *query,
						   struct registry_credentials *ret_credentials);
void registry_credentials_clear(struct registry_credentials *credentials);
/* registry_credentials_basic() - value of an Authorization header, or NULL without both user name and password; caller
 * frees */
char *registry_credentials_basic(const struct registry_credentials *credentials);

/**
 * registry_authfile_lookup() - the entry for a repository in a credential file's document
 * @file:     what the file is called in messages
 * @ret_used: the key that matched, borrowed from @doc; NULL if none did
 *
 * The longest path that covers the repository wins, then the host. A malformed entry is a warning and counts as absent.
 */
void registry_authfile_lookup(const struct jv *doc, const char *file, const struct registry_query *query,
			      struct registry_credentials *ret_credentials, const char **ret_used);
/* registry_authfile_helper() - name of the helper program a document wants asked for a registry, borrowed; NULL if none
 */
const char *registry_authfile_helper(const struct jv *doc, const char *registry);
/**
 * registry_helper_get() - ask docker-credential-NAME
 * @ret_found: false if it knows nothing of @server, or (with a warning) if there is no such program
 */
must_check struct error *registry_helper_get(const char *name, const char *server, const struct registry_query *query,
					     struct registry_credentials *ret_credentials, bool *ret_found);

#endif
