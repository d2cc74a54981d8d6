/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/http/http_certs.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>

static char *directory_name(const struct http_url *url, bool with_port)
{
	bool is_ipv6 = strchr(url->host, ':');
	struct buf name = { 0 };

	buf_appendf(&name, is_ipv6 ? "[%s]" : "%s", url->host);
	if (with_port)
		buf_appendf(&name, ":%u", url->port);
	return buf_take(&name);
}

static void add_directories(struct strv *dirs, const struct http_url *url, bool with_port)
{
	cleanup_free char *name = directory_name(url, with_port);
	const char *home = secure_getenv("HOME");

	if (home && *home == '/')
		strv_addf(dirs, "%s/.config/containers/certs.d/%s", home, name);
	strv_addf(dirs, "/etc/containers/certs.d/%s", name);
	strv_addf(dirs, "/etc/docker/certs.d/%s", name);
}

/* The partner of NAME.cert is NAME.key, and the other way round; @what says so where it is missing. */
static struct error *find_partner(const char *path, const char *suffix, const char *partner_suffix, const char *what,
				  char **ret_partner)
{
	cleanup_free char *partner = xasprintf("%.*s%s", (int)(strlen(path) - strlen(suffix)), path, partner_suffix);
	struct stat st;

	if (stat(partner, &st) < 0)
		return error_hint(error_new(ERR_USAGE, "%s has no %s beside it", path, partner), "%s", what);
	*ret_partner = take_ptr(&partner);
	return NULL;
}

static struct error *add_file(struct http_certs *certs, const char *dir, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);
	cleanup_free char *partner = NULL;

	if (str_ends(name, ".crt")) {
		strv_add(&certs->cas, path);
	} else if (str_ends(name, ".key")) {
		TRY(find_partner(path, ".key", ".cert", "a key belongs to a client certificate", &partner));
	} else if (str_ends(name, ".cert")) {
		TRY(find_partner(path, ".cert", ".key", "a client certificate needs its key; certificates of CAs end in .crt",
				 &partner));
		if (certs->cert)
			return NULL;
		certs->cert = take_ptr(&path);
		certs->key = take_ptr(&partner);
	}
	return NULL;
}

static struct error *read_directory(const char *dir, struct http_certs *certs, bool *ret_found)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, NULL, alphasort);
	struct error *err = NULL;

	*ret_found = n >= 0;
	for (int i = 0; i < n; i++) {
		if (!err)
			err = add_file(certs, dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return err;
}

struct error *http_certs_find(const struct http_url *url, struct http_certs *ret_certs)
{
	enum { DEFAULT_PORT = 443 };
	cleanup_strv struct strv dirs = { 0 };
	bool found = false;

	if (!url->is_https || url->host[0] == '.') /* a path of its own */
		return NULL;
	add_directories(&dirs, url, true);
	if (url->port == DEFAULT_PORT)
		add_directories(&dirs, url, false);
	for (size_t i = 0; i < dirs.n && !found; i++)
		TRY(read_directory(dirs.items[i], ret_certs, &found));
	return NULL;
}

void http_certs_clear(struct http_certs *certs)
{
	strv_free(&certs->cas);
	free(certs->cert);
	free(certs->key);
	*certs = (struct http_certs){ 0 };
}

bool http_certs_are_there(const struct http_certs *certs)
{
	return certs->cas.n > 0 || certs->cert;
}

static struct error *refused(const char *path)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	struct error *err = error_new(ERR_USAGE, "%s cannot be used: %s", path, reason ? reason : "no certificate or key in PEM form");

	ERR_clear_error();
	return err;
}

struct error *http_certs_use(const struct http_certs *certs, void *ssl_ctx)
{
	SSL_CTX *ctx = ssl_ctx;

	for (size_t i = 0; i < certs->cas.n; i++)
		if (SSL_CTX_load_verify_locations(ctx, certs->cas.items[i], NULL) != 1)
			return refused(certs->cas.items[i]);
	if (!certs->cert)
		return NULL;
	if (SSL_CTX_use_certificate_chain_file(ctx, certs->cert) != 1)
		return refused(certs->cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, certs->key, SSL_FILETYPE_PEM) != 1)
		return refused(certs->key);
	return NULL;
}
