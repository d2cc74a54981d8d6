/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Client of one repository in a registry (OCI distribution-spec 1.1, Docker Registry HTTP API V2): finding the scheme,
 * authentication, manifests, blobs with resume. May be used by any number of threads. transports.md 2.
 *
 * Everything that has a digest is checked against it here, while it arrives; nothing is parsed here but JSON of the
 * token service and of refusals. A credential goes to the registry's own origin and to its token service, nowhere else.
 */
#ifndef IMAGE_REGISTRY_H
#define IMAGE_REGISTRY_H

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "image/http/http.h"

struct registry_options {
	const char *registry;		 /* host[:port], "index.docker.io" for Docker Hub */
	const char *repository;		 /* "library/ubuntu" */
	bool no_https;			 /* plain HTTP may be tried with this registry too */
	const char *username, *password; /* explicit ones or NULL */
	const char *authfile;		 /* NULL: the usual files */
	struct http_client_options http;
	log_sink *sink; /* warnings about credentials */
	void *sink_ctx;
};

struct registry;

/* registry_open() - find the credentials and the registry; asks /v2/ once, first by https (transports.md 2.1) */
must_check struct error *registry_open(const struct registry_options *options, struct registry **ret_registry);
void registry_close(struct registry *registry);
DEFINE_CLEANUP(struct registry *, registry_close)
/* registry_cancel() - make running and later calls of other threads fail soon */
void registry_cancel(struct registry *registry);

/* The documents a manifest request takes, one comma-joined line (some proxies drop repeated headers). */
extern const char registry_accept_any[];

/* registry_head_manifest() - digest and media type of what a tag or digest names; both must be in the answer, else
 * ERR_NETWORK */
must_check struct error *registry_head_manifest(struct registry *registry, const char *reference,
						struct digest *ret_digest, char **ret_media_type);

struct registry_document {
	struct buf bytes;
	char *media_type;     /* as served, without parameters; "" if the registry did not say */
	struct digest digest; /* of bytes */
};

void registry_document_clear(struct registry_document *document);
#define cleanup_registry_document __attribute__((__cleanup__(registry_document_clear)))

/**
 * registry_get_manifest() - fetch a manifest or index
 * @reference: tag or digest text; the bytes must have that digest, and the one the registry states, if any
 * @accept:    media types; NULL: registry_accept_any
 * @limit:     most bytes
 */
must_check struct error *registry_get_manifest(struct registry *registry, const char *reference, const char *accept,
					       size_t limit, struct registry_document *ret_document);

/* Takes the verified-so-far bytes of a blob, in order, each once. */
typedef struct error *registry_blob_fn(void *ctx, const void *data, size_t size);

struct registry_blob {
	struct digest digest;
	uint64_t size;
	const struct strv *urls; /* of a foreign layer, asked after the registry; NULL if there are none */
};

/**
 * registry_get_blob() - stream a blob, resuming it where a connection broke
 *
 * Success means that exactly @size bytes of that digest went through @take. Errors: ERR_CORRUPT for a wrong size or
 * digest, those of http_send() and registry_error_from().
 */
must_check struct error *registry_get_blob(struct registry *registry, const struct registry_blob *blob,
					   registry_blob_fn *take, void *ctx);

#endif
