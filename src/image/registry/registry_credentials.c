/* SPDX-License-Identifier: BSD-3-Clause */
/* The order in which credentials are looked for. */
#include "image/registry/registry_credentials.h"

#include "base/fs.h"
#include "image/registry/registry_base64.h"

#include <pwd.h>

void registry_credentials_clear(struct registry_credentials *credentials)
{
	char *const secrets[] = { credentials->password, credentials->identity_token, credentials->registry_token };

	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		if (!secrets[i])
			continue;
		explicit_bzero(secrets[i], strlen(secrets[i]));
		free(secrets[i]);
	}
	free(credentials->username);
	free(credentials->origin);
	*credentials = (struct registry_credentials){ 0 };
}

char *registry_credentials_basic(const struct registry_credentials *c)
{
	if (!c->username || !*c->username || !c->password || !*c->password)
		return NULL;

	cleanup_free char *plain = xasprintf("%s:%s", c->username, c->password);
	cleanup_free char *encoded = base64_encode(plain, strlen(plain));

	explicit_bzero(plain, strlen(plain));
	return xasprintf("Basic %s", encoded);
}

static void warn(const struct registry_query *query, const char *text)
{
	if (query->sink)
		query->sink(query->sink_ctx, LOG_WARNING, text);
}

static bool is_blank(const char *text)
{
	return !text || text[strspn(text, " \t\r\n")] == '\0';
}

/* A prefixed variable that is set, even to blanks, keeps the plain one from being looked at. *ret_plain: it was the
 * plain one. */
static const char *from_env(const char *prefixed, const char *plain, bool *ret_plain)
{
	const char *value = secure_getenv(prefixed);

	if (value)
		return is_blank(value) ? NULL : value;
	value = secure_getenv(plain);
	if (is_blank(value))
		return NULL;
	*ret_plain = true;
	return value;
}

/* True if the user or his environment gave a name or a password; then no file is read. */
static bool explicit_credentials(const struct registry_query *query, struct registry_credentials *ret_credentials)
{
	bool plain = false;
	const char *username = query->username;
	const char *password = query->password;

	if (is_blank(username))
		username = from_env("SINGULARITY_DOCKER_USERNAME", "DOCKER_USERNAME", &plain);
	if (is_blank(password))
		password = from_env("SINGULARITY_DOCKER_PASSWORD", "DOCKER_PASSWORD", &plain);
	if (!username && !password)
		return false;
	if (plain && !str_ends(query->registry, "docker.io")) {
		cleanup_free char *text = xasprintf(
			"DOCKER_USERNAME and DOCKER_PASSWORD of the environment are sent to %s", query->registry);

		warn(query, text);
	}
	*ret_credentials = (struct registry_credentials){
		.username = username ? xstrdup(username) : NULL,
		.password = password ? xstrdup(password) : NULL,
	};
	return true;
}

static struct error *look_into(const struct jv *doc, const char *file, const struct registry_query *query,
			       struct registry_credentials *ret_credentials, bool *ret_found)
{
	const char *helper = registry_authfile_helper(doc, query->registry);
	const char *key = NULL;

	*ret_found = false;
	if (helper) {
		bool is_hub = str_ends(query->registry, "docker.io");

		TRY(registry_helper_get(helper, is_hub ? "https://index.docker.io/v1/" : query->registry, query,
					ret_credentials, ret_found));
		if (*ret_found)
			return NULL;
	}
	registry_authfile_lookup(doc, file, query, ret_credentials, &key);
	if (key) {
		ret_credentials->origin = xstrdup(file);
		log_debug("credentials of %s for %s in %s", key, query->registry, file);
		*ret_found = true;
	}
	return NULL;
}

static struct error *load(const char *file, struct jv **ret_doc)
{
	cleanup_buf struct buf text = { 0 };

	TRY(fs_read_file(AT_FDCWD, file, REGISTRY_AUTHFILE_MAX, &text));
	/* An empty file holds no credentials, and is no mistake: /dev/null is a way to ask for none. */
	if (is_blank(buf_str(&text))) {
		*ret_doc = jv_new_object();
		return NULL;
	}
	return jv_parse(buf_str(&text), text.len, "credential file", ret_doc);
}

/* A file of the usual list: absent is fine, broken is a warning. */
static struct error *try_file(const char *file, const struct registry_query *query,
			      struct registry_credentials *ret_credentials, bool *ret_found)
{
	cleanup_with(jv_free) struct jv *doc = NULL;
	cleanup_with(error_free) struct error *err = load(file, &doc);

	*ret_found = false;
	if (err && (error_errno(err) == ENOENT || error_errno(err) == ENOTDIR))
		return NULL;
	if (err) {
		cleanup_free char *text = xasprintf("Cannot read credentials from %s: %s", file, error_text(err));

		warn(query, text);
		return NULL;
	}
	return look_into(doc, file, query, ret_credentials, ret_found);
}

/* --authfile: that file or nothing. */
static struct error *only_file(const struct registry_query *query, const char *file,
			       struct registry_credentials *ret_credentials)
{
	cleanup_with(jv_free) struct jv *doc = NULL;
	cleanup_with(error_free) struct error *err = load(file, &doc);
	bool found;

	if (err) {
		cleanup_free char *text =
			xasprintf("Unable to find matching credentials in specified file (%s); proceeding with "
				  "anonymous authentication.",
				  error_text(err));

		warn(query, text);
		return NULL;
	}
	return look_into(doc, file, query, ret_credentials, &found);
}

/* DOCKER_AUTH_CONFIG holds a document whose entries come before those of files. */
static void try_env_document(const struct registry_query *query, struct registry_credentials *ret_credentials,
			     bool *ret_found)
{
	const char *text = secure_getenv("DOCKER_AUTH_CONFIG");
	cleanup_with(jv_free) struct jv *doc = NULL;
	const char *key = NULL;

	*ret_found = false;
	if (is_blank(text))
		return;

	cleanup_with(error_free) struct error *err = jv_parse(text, strlen(text), "DOCKER_AUTH_CONFIG", &doc);

	if (err) {
		warn(query, "Ignoring DOCKER_AUTH_CONFIG: it is not JSON");
		return;
	}
	registry_authfile_lookup(doc, "DOCKER_AUTH_CONFIG", query, ret_credentials, &key);
	if (key) {
		ret_credentials->origin = xstrdup("DOCKER_AUTH_CONFIG");
		*ret_found = true;
	}
}

static const char *home_dir(void)
{
	const char *home = secure_getenv("HOME");
	const struct passwd *pw = home && *home ? NULL : getpwuid(getuid());

	return pw ? pw->pw_dir : home;
}

static void add_env_file(struct strv *files, const char *dir, const char *below)
{
	if (dir && *dir)
		strv_addf(files, "%s%s", dir, below);
}

/* The usual files, first to last. */
static void usual_files(struct strv *files)
{
	const char *home = home_dir();
	const char *config_dir = secure_getenv("SINGULARITY_CONFIGDIR");
	const char *xdg_config = secure_getenv("XDG_CONFIG_HOME");
	const char *runtime_dir = secure_getenv("XDG_RUNTIME_DIR");
	const char *docker_config = secure_getenv("DOCKER_CONFIG");

	if (config_dir && *config_dir)
		add_env_file(files, config_dir, "/docker-config.json");
	else
		add_env_file(files, home, "/.singularity/docker-config.json");
	add_env_file(files, secure_getenv("REGISTRY_AUTH_FILE"), "");
	if (runtime_dir && *runtime_dir)
		add_env_file(files, runtime_dir, "/containers/auth.json");
	else
		strv_addf(files, "/run/containers/%u/auth.json", (unsigned int)getuid());
	if (xdg_config && *xdg_config)
		add_env_file(files, xdg_config, "/containers/auth.json");
	else
		add_env_file(files, home, "/.config/containers/auth.json");
	if (docker_config && *docker_config)
		add_env_file(files, docker_config, "/config.json");
	else
		add_env_file(files, home, "/.docker/config.json");
}

struct error *registry_credentials_find(const struct registry_query *query,
					struct registry_credentials *ret_credentials)
{
	const char *authfile = query->authfile;
	cleanup_strv struct strv files = { 0 };
	bool found = false;

	*ret_credentials = (struct registry_credentials){ 0 };
	if (explicit_credentials(query, ret_credentials))
		return NULL;
	try_env_document(query, ret_credentials, &found);
	if (found)
		return NULL;
	if (is_blank(authfile))
		authfile = secure_getenv("SINGULARITY_AUTHFILE");
	if (!is_blank(authfile))
		return only_file(query, authfile, ret_credentials);
	usual_files(&files);
	for (size_t i = 0; i < files.n && !found; i++)
		TRY(try_file(files.items[i], query, ret_credentials, &found));
	return NULL;
}
