/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/oci/oci_ref.h"

#include "base/num.h"
#include "base/str.h"

#include <stdint.h>

/* The reference's limits; a longer name is refused by registries. */
enum { REPOSITORY_MAX = 255, TAG_MAX = 128, REGISTRY_MAX = 255 };

static const char docker_hub[] = "index.docker.io";
static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
static const char mixed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

static bool only(const char *text, const char *allowed)
{
	return !text[strspn(text, allowed)];
}

/* Each check gives the reason why the text is refused, or NULL. */

static const char *check_port(const char *port)
{
	uint64_t number;

	return num_parse_u64(port, UINT16_MAX, &number) ? NULL : "the port of the registry is not a number up to 65535";
}

/* host, host:port, [IPv6], [IPv6]:port */
static const char *check_registry(const char *registry)
{
	static const char bad_host[] = "the registry is not a host name or address";
	cleanup_free char *host = xstrdup(registry);
	char *rest;

	if (strlen(registry) > REGISTRY_MAX)
		return "the registry name is longer than 255 characters";
	if (*host == '[') {
		rest = strchr(host, ']');
		if (!rest)
			return "the registry address lacks a closing bracket";
		*rest++ = '\0';
		if (!host[1] || !only(host + 1, "0123456789abcdefABCDEF:."))
			return bad_host;
		if (*rest && *rest++ != ':')
			return bad_host;
		return *rest || rest[-1] == ':' ? check_port(rest) : NULL;
	}
	rest = strchr(host, ':');
	if (rest)
		*rest++ = '\0';
	if (!*host || !only(host, mixed))
		return bad_host;
	return rest ? check_port(rest) : NULL;
}

/*
 * Stricter than the reference in one point: components "", "." and ".." would be taken out of the URL on the way, so
 * that another repository than the one named is asked for.
 */
static const char *check_repository(const char *repository)
{
	cleanup_strv struct strv parts = { 0 };

	if (!*repository)
		return "it names no repository";
	if (strlen(repository) > REPOSITORY_MAX)
		return "the repository name is longer than 255 characters";
	strv_split(&parts, repository, '/');
	for (size_t i = 0; i < parts.n; i++) {
		const char *part = parts.items[i];

		if (!only(part, lower))
			return only(part, mixed) ? "the repository name must be lower case"
						 : "the repository name may have letters, digits and _ . - / only";
		if (str_eq(part, "") || str_eq(part, ".") || str_eq(part, ".."))
			return "the repository name has an empty, . or .. component";
	}
	return NULL;
}

static const char *check_tag(const char *tag)
{
	if (!*tag)
		return "the tag after the colon is missing";
	if (strlen(tag) > TAG_MAX)
		return "the tag is longer than 128 characters";
	return only(tag, mixed) ? NULL : "the tag may have letters, digits and _ . - only";
}

static const char *parse_digest(const char *text, struct digest *ret_digest)
{
	if (digest_parse(text, ret_digest))
		return NULL;
	return str_starts(text, "sha256:") ? "a sha256 digest has 64 lower-case hexadecimal digits"
					   : "only sha256 digests are supported";
}

/* The first component is a registry only if it cannot be part of a Docker Hub name. */
static bool is_registry(const char *component)
{
	return str_eq(component, "localhost") || strpbrk(component, ".:");
}

static const char *split_name(const char *name, struct oci_ref *ref)
{
	const char *slash = strchr(name, '/');
	cleanup_free char *first = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
	const char *reason = NULL;

	if (first && is_registry(first)) {
		reason = check_registry(first);
		ref->registry = xstrdup(str_eq(first, "docker.io") ? docker_hub : first);
		name = slash + 1;
	} else {
		ref->registry = xstrdup(docker_hub);
	}
	ref->repository = str_eq(ref->registry, docker_hub) && *name && !strchr(name, '/')
				  ? xasprintf("library/%s", name)
				  : xstrdup(name);
	return reason ? reason : check_repository(ref->repository);
}

/* @rest is cut up on the way. */
static const char *split(char *rest, struct oci_ref *ref)
{
	const char *reason = NULL;
	char *at = strchr(rest, '@');

	if (at) {
		*at = '\0';
		reason = parse_digest(at + 1, &ref->digest);
		if (reason)
			return reason;
	}

	char *colon = strrchr(rest, ':');

	if (colon && !strchr(colon, '/')) {
		*colon = '\0';
		reason = check_tag(colon + 1);
		/* Beside a digest a tag says nothing: content is asked for by digest. */
		if (!at)
			ref->tag = xstrdup(colon + 1);
	} else if (!at) {
		ref->tag = xstrdup("latest");
	}
	return reason ? reason : split_name(rest, ref);
}

struct error *oci_ref_parse(const char *text, struct oci_ref *ret_ref)
{
	cleanup_free char *rest = xstrdup(text);
	struct oci_ref ref = { 0 };
	const char *reason = split(rest, &ref);

	if (reason) {
		oci_ref_clear(&ref);
		return error_hint(error_new(ERR_USAGE, "could not parse reference: %s", text), "%s", reason);
	}
	*ret_ref = ref;
	return NULL;
}

void oci_ref_clear(struct oci_ref *ref)
{
	free(ref->registry);
	free(ref->repository);
	free(ref->tag);
	*ref = (struct oci_ref){ 0 };
}

char *oci_ref_text(const struct oci_ref *ref)
{
	if (*ref->digest.text)
		return xasprintf("%s/%s@%s", ref->registry, ref->repository, ref->digest.text);
	return xasprintf("%s/%s:%s", ref->registry, ref->repository, ref->tag);
}
