/* SPDX-License-Identifier: BSD-3-Clause */
/* Entries of credential files: which key matches a repository, and what stands in it. */
#include "image/registry/registry_base64.h"
#include "image/registry/registry_credentials.h"

static const char hub_key[] = "https://index.docker.io/v1/";

static bool is_hub(const char *host, size_t len)
{
	static const char *const names[] = { "index.docker.io", "docker.io", "registry-1.docker.io" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i]) == len && strncmp(names[i], host, len) == 0)
			return true;
	return false;
}

static bool same_host(const char *host, size_t len, const char *registry)
{
	if (strlen(registry) == len && strncmp(host, registry, len) == 0)
		return true;
	return is_hub(host, len) && is_hub(registry, strlen(registry));
}

/* Does @path name @repository or a folder above it? */
static bool covers(const char *path, const char *repository)
{
	size_t len = strlen(path);

	return strncmp(path, repository, len) == 0 && (repository[len] == '\0' || repository[len] == '/');
}

/*
 * How well a key fits: 0 not at all; 1 another path on the host (the reference takes it); 2 the host; more for a path
 * that covers the repository, the longer the better. Keys may be URLs: "https://ghcr.io/v2/".
 */
static size_t fit(const char *key, const struct registry_query *query)
{
	const char *scheme = strstr(key, "://");
	const char *host = scheme ? scheme + 3 : key;
	size_t host_len = strcspn(host, "/");
	const char *start = host + host_len + (host[host_len] == '/');
	cleanup_free char *path = xstrdup(start);
	size_t len = strlen(path);

	if (!same_host(host, host_len, query->registry))
		return 0;
	while (len > 0 && path[len - 1] == '/')
		path[--len] = '\0';
	if (len == 0 || str_eq(path, "v1") || str_eq(path, "v2"))
		return 2;
	return covers(path, query->repository) ? 2 + len : 1;
}

static char *dup_filled(const char *text)
{
	return text && *text ? xstrdup(text) : NULL;
}

/* "user:password" in Base64; old tools padded the password with NULs, which end it here by being C strings. */
static bool decode_auth(const char *auth, struct registry_credentials *c)
{
	cleanup_buf struct buf plain = { 0 };

	if (!base64_decode(auth, &plain))
		return false;

	const char *text = buf_str(&plain);
	const char *colon = strchr(text, ':');

	if (!colon || colon == text)
		return false;
	free(c->username);
	free(c->password);
	c->username = xstrndup(text, (size_t)(colon - text));
	c->password = xstrdup(colon + 1);
	return true;
}

static void warn_entry(const struct registry_query *query, const char *file, const char *key)
{
	cleanup_free char *text = xasprintf("Ignoring the malformed entry %s in %s", key, file);

	if (query->sink)
		query->sink(query->sink_ctx, LOG_WARNING, text);
}

/* False if the entry is malformed or empty (a helper's placeholder). */
static bool read_entry(const struct jv *entry, const char *file, const char *key, const struct registry_query *query,
		       struct registry_credentials *c)
{
	const char *auth = jv_get_str(entry, "auth");

	c->username = dup_filled(jv_get_str(entry, "username"));
	c->password = dup_filled(jv_get_str(entry, "password"));
	c->identity_token = dup_filled(jv_get_str(entry, "identitytoken"));
	c->registry_token = dup_filled(jv_get_str(entry, "registrytoken"));
	bool malformed = auth && *auth && !decode_auth(auth, c);

	if (malformed)
		warn_entry(query, file, key);
	if (!malformed && (c->username || c->identity_token || c->registry_token))
		return true;
	registry_credentials_clear(c);
	return false;
}

void registry_authfile_lookup(const struct jv *doc, const char *file, const struct registry_query *query,
			      struct registry_credentials *ret_credentials, const char **ret_used)
{
	const struct jv *auths = jv_get(doc, "auths");
	size_t best = 0;

	*ret_credentials = (struct registry_credentials){ 0 };
	*ret_used = NULL;
	for (size_t i = 0; i < jv_len(auths); i++) {
		struct registry_credentials found = { 0 };
		const char *key;
		const struct jv *entry = jv_member(auths, i, &key);
		size_t how_well = fit(key, query);

		if (how_well <= best || !read_entry(entry, file, key, query, &found))
			continue;
		registry_credentials_clear(ret_credentials);
		*ret_credentials = found;
		*ret_used = key;
		best = how_well;
	}
}

const char *registry_authfile_helper(const struct jv *doc, const char *registry)
{
	const struct jv *helpers = jv_get(doc, "credHelpers");
	const char *name = jv_get_str(helpers, registry);

	if (!name && is_hub(registry, strlen(registry)))
		name = jv_get_str(helpers, hub_key);
	if (!name && is_hub(registry, strlen(registry)))
		name = jv_get_str(helpers, "docker.io");
	if (!name)
		name = jv_get_str(doc, "credsStore");
	return name && *name ? name : NULL;
}
