/* SPDX-License-Identifier: BSD-3-Clause */
/* Manifests: the question for a digest, and the document. */
#include "base/sha256.h"
#include "image/registry/registry_error.h"
#include "image/registry/registry_priv.h"

/* A document is small; a peer that drips it gets this long. */
enum { DOCUMENT_TIMEOUT_S = 600 };

void registry_document_clear(struct registry_document *document)
{
	buf_free(&document->bytes);
	free(document->media_type);
	*document = (struct registry_document){ 0 };
}

/* The Content-Type without parameters. */
static char *media_type_of(const struct http_response *response)
{
	const char *value = http_response_header(response, "content-type", 0);
	cleanup_free char *bare = xstrndup(value ? value : "", strcspn(value ? value : "", ";"));

	return str_trim(bare);
}

struct error *registry_head_manifest(struct registry *r, const char *reference, struct digest *ret_digest,
				     char **ret_media_type)
{
	cleanup_free char *url = registry_url(r, "manifests", reference);
	cleanup_http_response struct http_response response = { 0 };
	struct http_request request = {
		.method = HTTP_HEAD, .url = url, .accept = registry_accept_any, .timeout_s = DOCUMENT_TIMEOUT_S
	};
	bool authenticated = false;
	struct digest digest;

	TRY(registry_send(r, &request, &response, &authenticated));
	if (response.status != 200)
		return registry_error_from(&response, "HEAD", authenticated);

	const char *stated = http_response_header(&response, "docker-content-digest", 0);
	cleanup_free char *media_type = media_type_of(&response);

	if (!stated)
		return error_new(ERR_NETWORK, "HEAD %s: response did not include Docker-Content-Digest header", url);
	if (!digest_parse(stated, &digest))
		return error_new(ERR_NETWORK, "HEAD %s: bad Docker-Content-Digest header", url);
	if (!*media_type)
		return error_new(ERR_NETWORK, "HEAD %s: response did not include Content-Type header", url);
	*ret_digest = digest;
	*ret_media_type = take_ptr(&media_type);
	return NULL;
}

/* The bytes must have the digest that was asked for, and the one that the registry claims. */
static struct error *check_digest(const struct http_response *response, const char *url, const char *reference,
				  const struct digest *computed)
{
	const char *stated = http_response_header(response, "docker-content-digest", 0);
	struct digest wanted;

	if (digest_parse(reference, &wanted) && !digest_eq(&wanted, computed))
		return error_new(ERR_CORRUPT,
				 "manifest digest: \"%s\" does not match requested digest: \"%s\" for \"%s\"",
				 computed->text, wanted.text, url);
	/* Other algorithms cannot be judged; a claim in ours that is wrong means that something on the way changed the
	 * document. */
	if (stated && digest_parse(stated, &wanted) && !digest_eq(&wanted, computed))
		return error_new(ERR_CORRUPT,
				 "manifest digest: \"%s\" does not match Docker-Content-Digest: \"%s\" for \"%s\"",
				 computed->text, wanted.text, url);
	return NULL;
}

struct error *registry_get_manifest(struct registry *r, const char *reference, const char *accept, size_t limit,
				    struct registry_document *ret_document)
{
	cleanup_free char *url = registry_url(r, "manifests", reference);
	cleanup_http_response struct http_response response = { 0 };
	struct http_request request = {
		.method = HTTP_GET,
		.url = url,
		.accept = accept ? accept : registry_accept_any,
		.body_limit = limit,
		.timeout_s = DOCUMENT_TIMEOUT_S,
	};
	bool authenticated = false;

	TRY(registry_send(r, &request, &response, &authenticated));
	if (response.status != 200)
		return registry_error_from(&response, "GET", authenticated);

	struct digest computed = sha256_of(buf_str(&response.body), response.body.len);

	TRY(check_digest(&response, url, reference, &computed));
	*ret_document = (struct registry_document){ .media_type = media_type_of(&response), .digest = computed };
	ret_document->bytes = response.body;
	response.body = (struct buf){ 0 };
	return NULL;
}
