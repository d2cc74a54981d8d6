/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/uri/uri.h"

#include "base/fs.h"

static const struct {
	const char *scheme;
	enum uri_transport transport;
} schemes[] = {
	{ "docker", URI_DOCKER },
	{ "docker-archive", URI_DOCKER_ARCHIVE },
	{ "docker-daemon", URI_DOCKER_DAEMON },
	{ "oci", URI_OCI },
	{ "oci-archive", URI_OCI_ARCHIVE },
	{ "oci-sif", URI_OCI_SIF },
	{ "library", URI_LIBRARY },
	{ "shub", URI_SHUB },
	{ "oras", URI_ORAS },
	{ "http", URI_HTTP },
	{ "https", URI_HTTPS },
	{ "instance", URI_INSTANCE },
};

static enum uri_transport transport_of(const char *scheme)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		if (str_eq(scheme, schemes[i].scheme))
			return schemes[i].transport;
	}
	return URI_UNKNOWN;
}

void uri_split(const char *text, struct uri *ret_uri)
{
	const char *colon = strchr(text, ':');
	cleanup_free char *scheme = colon ? xstrndup(text, (size_t)(colon - text)) : NULL;
	enum uri_transport transport = scheme ? transport_of(scheme) : URI_UNKNOWN;

	if (!scheme || (transport == URI_UNKNOWN && !str_starts(colon + 1, "//"))) {
		*ret_uri = (struct uri){ URI_PLAIN, xstrdup(""), xstrdup(text) };
		return;
	}
	*ret_uri = (struct uri){ transport, take_ptr(&scheme), xstrdup(colon + 1) };
}

void uri_clear(struct uri *uri)
{
	free(uri->scheme);
	free(uri->rest);
	*uri = (struct uri){ .transport = URI_PLAIN };
}

const char *uri_local_path(const char *rest)
{
	return str_starts(rest, "//") ? rest + 2 : rest;
}

struct error *uri_output_name(const struct uri *uri, const char *suffix, char **ret_name)
{
	cleanup_free char *rest = xstrdup(uri->rest);
	bool is_download = uri->transport == URI_HTTP || uri->transport == URI_HTTPS;

	/* A directory may be written with a slash behind it; a URL that ends in one names no file. */
	for (size_t len = strlen(rest); !is_download && len && rest[len - 1] == '/'; len--)
		rest[len - 1] = '\0';

	cleanup_free char *name = xstrdup(fs_basename(rest));

	if (!*name || *name == ':')
		return error_new(ERR_USAGE, "%s:%s gives no name for the image file", uri->scheme, uri->rest);
	if (is_download) {
		*ret_name = take_ptr(&name);
		return NULL;
	}

	char *tag = strchr(name, ':');

	if (tag) {
		*tag++ = '\0';
		tag[strcspn(tag, ":,")] = '\0';
	}
	*ret_name = xasprintf("%s_%s.%s", name, tag && *tag ? tag : "latest", suffix);
	return NULL;
}
