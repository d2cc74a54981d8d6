/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/oci/oci_ref.h"

#include "base/str.h"

#include <ctype.h>

enum { REPOSITORY_MAX = 255, TAG_MAX = 128 };

static const char hub[] = "index.docker.io";

static struct error *invalid(const char *text, const char *why)
{
	return error_hint(error_new(ERR_USAGE, "could not parse reference: %s", text), "%s", why);
}

static bool all_in(const char *s, const char *more)
{
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && !strchr(more, *s))
			return false;
	return true;
}

/* Is the first component a host? Only something with a dot, a port, or the name localhost is. */
static bool is_registry(const char *component)
{
	return strpbrk(component, ".:") || str_eq(component, "localhost");
}

/* Host, IPv4 address or IPv6 address in brackets, each with an optional port. Nothing that would change a URL's
 * meaning. */
static bool registry_is_sane(const char *registry)
{
	for (const char *c = registry; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._:[]", *c))
			return false;
	return *registry != '\0' && *registry != ':';
}

/* Components are not checked further than that they cannot climb: registries differ in what they take. */
static const char *repository_fault(const char *repository)
{
	cleanup_strv struct strv components = { 0 };

	if (!*repository)
		return "the repository is empty";
	if (strlen(repository) > REPOSITORY_MAX)
		return "the repository is longer than 255 characters";
	for (const char *c = repository; *c; c++)
		if (isupper((unsigned char)*c))
			return "a repository has no upper case letters";
	if (!all_in(repository, "_./-"))
		return "a repository is made of a-z, 0-9, '_', '.', '-' and '/'";
	strv_split(&components, repository, '/');
	for (size_t i = 0; i < components.n; i++)
		if (!*components.items[i] || str_eq(components.items[i], ".") || str_eq(components.items[i], ".."))
			return "a part of the repository is empty, \".\" or \"..\"";
	return NULL;
}

static const char *tag_fault(const char *tag)
{
	if (!*tag)
		return "the tag after ':' is empty";
	if (strlen(tag) > TAG_MAX)
		return "the tag is longer than 128 characters";
	for (const char *c = tag; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.-", *c))
			return "a tag is made of letters, digits, '_', '.' and '-'";
	return NULL;
}

static const char *digest_fault(const char *text, struct digest *ret_digest)
{
	if (digest_parse(text, ret_digest))
		return NULL;
	return str_starts(text, "sha256:") ? "a sha256 digest has 64 lower-case hexadecimal digits"
					   : "only sha256 digests are supported";
}

/* Cuts registry and repository apart and fills in Docker's defaults. */
static const char *split_name(const char *name, struct oci_ref *ref)
{
	const char *slash = strchr(name, '/');
	cleanup_free char *first = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
	const char *repository = name;

	if (first && is_registry(first)) {
		if (!registry_is_sane(first))
			return "the registry is no host name";
		repository = slash + 1;
		ref->registry = str_eq(first, "docker.io") ? xstrdup(hub) : take_ptr(&first);
	} else {
		ref->registry = xstrdup(hub);
	}

	bool is_official = str_eq(ref->registry, hub) && *repository && !strchr(repository, '/');

	ref->repository = is_official ? xasprintf("library/%s", repository) : xstrdup(repository);
	return repository_fault(ref->repository);
}

static const char *parse(char *text, struct oci_ref *ref)
{
	char *at = strchr(text, '@');
	const char *fault = at ? digest_fault(at + 1, &ref->digest) : NULL;

	if (fault)
		return fault;
	if (at)
		*at = '\0';

	char *colon = strrchr(text, ':');

	if (colon && !strchr(colon, '/')) {
		*colon = '\0';
		ref->tag = xstrdup(colon + 1);
		fault = tag_fault(ref->tag);
		if (fault)
			return fault;
	} else if (!at) {
		ref->tag = xstrdup("latest");
	}
	return split_name(text, ref);
}

struct error *oci_ref_parse(const char *text, struct oci_ref *ret_ref)
{
	cleanup_free char *copy = xstrdup(text);
	struct oci_ref ref = { 0 };
	const char *fault = parse(copy, &ref);

	if (fault) {
		oci_ref_clear(&ref);
		return invalid(text, fault);
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
	if (ref->digest.text[0])
		return xasprintf("%s/%s@%s", ref->registry, ref->repository, ref->digest.text);
	return xasprintf("%s/%s:%s", ref->registry, ref->repository, ref->tag);
}
