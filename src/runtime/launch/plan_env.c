/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The environment of the container's process (oci-mode.md 5.6): the image's, changed by what the caller asked for,
 * completed by a few variables of the host. PATH and LD_LIBRARY_PATH are put together at the end.
 */
#include "runtime/launch/plan_priv.h"

#include "formats/envfile/envfile.h"

#define USER_PREFIX "SINGULARITYENV_"

static const char *const always_passed[] = { "TERM",	    "http_proxy", "HTTP_PROXY", "https_proxy",
					     "HTTPS_PROXY", "no_proxy",	  "NO_PROXY",	"all_proxy",
					     "ALL_PROXY",   "ftp_proxy",  "FTP_PROXY" };

/* In native-like mode everything is passed but these; the last is made by the command line for its own use. */
static const char *const never_passed[] = {
	"HOME", "PATH", "LD_LIBRARY_PATH", "SINGULARITY_SHELL", "SINGULARITY_APPNAME", "USER_PATH"
};
static const char *const never_passed_prefixes[] = { USER_PREFIX, "_SINGULARITY_", "_CONTAINERS_" };

/* Put together by set_paths(). */
static const char *const path_words[] = { "PATH", "APPEND_PATH", "PREPEND_PATH", "LD_LIBRARY_PATH" };

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(name, list[i]))
			return true;
	return false;
}

/* The name of a NAME=value item; NULL for an item without a name or a "=". */
static char *item_name(const char *item)
{
	const char *equals = strchr(item, '=');

	return equals && equals != item ? xstrndup(item, (size_t)(equals - item)) : NULL;
}

static void set_item(struct strv *env, const char *item)
{
	cleanup_free char *name = item_name(item);

	if (name)
		strv_setenv(env, name, item + strlen(name) + 1);
}

static const char *host_getenv(void *ctx, const char *name)
{
	const struct plan_draft *d = ctx;

	if (str_eq(name, "SINGULARITY_IMAGE"))
		return d->opt->image_arg;
	return d->opt->host_env ? strv_getenv(d->opt->host_env, name) : NULL;
}

static struct error *add_env_files(struct plan_draft *d, struct strv *user)
{
	size_t n = d->opt->env_files ? d->opt->env_files->n : 0;

	for (size_t i = 0; i < n && i < d->facts->env_texts.n; i++) {
		cleanup_strv struct strv assigned = { 0 };

		TRY_CTX(envfile_eval(d->facts->env_texts.items[i], host_getenv, d, &assigned),
			"while processing %s: while evaluating environment script", d->opt->env_files->items[i]);
		for (size_t j = 0; j < assigned.n; j++)
			set_item(user, assigned.items[j]);
	}
	return NULL;
}

/* What the caller asked for; later sources win. */
static struct error *user_env(struct plan_draft *d, struct strv *user)
{
	const struct strv *host = d->opt->host_env;

	strv_setenv(user, "SINGULARITY_CONTAINER", d->plan->bundle);
	strv_setenv(user, "SINGULARITY_NAME", d->opt->image_arg);
	for (size_t i = 0; host && i < host->n; i++) {
		const char *item = str_after(host->items[i], USER_PREFIX);

		if (item)
			set_item(user, item);
	}
	TRY(add_env_files(d, user));
	for (size_t i = 0; d->opt->env && i < d->opt->env->n; i++)
		set_item(user, d->opt->env->items[i]);
	if (!d->has_image_user)
		strv_setenv(user, "HOME", d->home);
	return NULL;
}

static bool host_passes(const struct plan_draft *d, const char *name)
{
	if (!d->opt->no_compat || d->opt->cleanenv)
		return is_one_of(name, always_passed, ARRAY_LEN(always_passed));
	if (is_one_of(name, never_passed, ARRAY_LEN(never_passed)))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(never_passed_prefixes); i++)
		if (str_starts(name, never_passed_prefixes[i]))
			return false;
	return true;
}

static void add_host(const struct plan_draft *d, struct strv *env)
{
	const struct strv *host = d->opt->host_env;

	for (size_t i = 0; host && i < host->n; i++) {
		cleanup_free char *name = item_name(host->items[i]);

		if (name && host_passes(d, name) && !strv_getenv(env, name))
			strv_add(env, host->items[i]);
	}
}

static const char *first_of(const char *a, const char *b, const char *otherwise)
{
	return a ? a : b ? b : otherwise;
}

static char *compose_path(const char *base, const char *append, const char *prepend)
{
	char *path = xstrdup(base);

	if (append) {
		size_t len = strlen(path);
		char *longer;

		if (len > 0 && path[len - 1] == ':')
			path[len - 1] = '\0';
		longer = xasprintf("%s:%s", path, append);
		free(path);
		path = longer;
	}
	if (prepend) {
		char *longer = xasprintf("%s:%s", prepend, path[0] == ':' ? path + 1 : path);

		free(path);
		path = longer;
	}
	return path;
}

static void set_paths(struct strv *env, const struct strv *user)
{
	const char *base = first_of(strv_getenv(user, "PATH"), strv_getenv(env, "PATH"), PLAN_DEFAULT_PATH);
	const char *libs = first_of(strv_getenv(user, "LD_LIBRARY_PATH"), strv_getenv(env, "LD_LIBRARY_PATH"), "");
	cleanup_free char *path =
		compose_path(base, strv_getenv(user, "APPEND_PATH"), strv_getenv(user, "PREPEND_PATH"));
	cleanup_free char *with_libs = strstr(libs, PLAN_LIBS_DIR) ? xstrdup(libs)
				       : *libs			   ? xasprintf("%s:" PLAN_LIBS_DIR, libs)
								   : xstrdup(PLAN_LIBS_DIR);

	strv_setenv(env, "PATH", path);
	strv_setenv(env, "LD_LIBRARY_PATH", with_libs);
}

struct error *plan_env(struct plan_draft *d, struct strv *ret_env)
{
	cleanup_strv struct strv user = { 0 };

	TRY(user_env(d, &user));
	strv_extend(ret_env, &d->image->config->env);
	for (size_t i = 0; i < user.n; i++) {
		cleanup_free char *name = item_name(user.items[i]);

		if (name && !is_one_of(name, path_words, ARRAY_LEN(path_words)))
			set_item(ret_env, user.items[i]);
	}
	/* The runtime takes the home of the image's user from the image's passwd file; crun leaves out what is not there. */
	if (d->user.is_unknown && !strv_getenv(ret_env, "HOME"))
		strv_setenv(ret_env, "HOME", "/");
	add_host(d, ret_env);
	set_paths(ret_env, &user);
	return NULL;
}
