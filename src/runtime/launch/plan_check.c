/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two checks around planning: of the options before an image is fetched, and of the host's files before anything is
 * mounted.
 */
#include "runtime/launch/plan_priv.h"

#include "base/fs.h"

#include <sys/stat.h>

/* More than any sensible list of variables; the kernel takes 128 KiB for one of them. */
enum { ENV_FILE_MAX = 1 << 20 };

static struct error *check_home(const struct launch_options *opt)
{
	cleanup_free char *source = NULL;
	cleanup_free char *destination = NULL;

	if (!opt->home || !*opt->home)
		return NULL;
	return plan_home_parse(opt->home, &source, &destination);
}

static struct error *check_binds(const struct launch_options *opt)
{
	cleanup_binds struct plan_binds binds = { 0 };

	return plan_binds_of(opt, &binds);
}

static struct error *check_dns(const struct launch_options *opt)
{
	cleanup_free char *text = NULL;

	if (!opt->dns || !*opt->dns)
		return NULL;
	return plan_dns_text(opt->dns, &text);
}

struct error *launch_options_check(const struct launch_options *opt)
{
	if (opt->net && !(opt->network && str_eq(opt->network, "none")))
		return error_hint(error_new(ERR_USAGE, "while configuring container: not supported by OCI launcher: "
						       "Network (except none)"),
				  "use --net --network none for a container with a loopback device alone");
	TRY_CTX(check_home(opt), "while configuring container");
	TRY_CTX(check_binds(opt), "while creating OCI spec: while configuring user bind mount(s)");
	return check_dns(opt);
}

struct error *launch_env_files_read(const struct strv *paths, struct strv *ret_texts)
{
	cleanup_strv struct strv texts = { 0 };

	for (size_t i = 0; i < paths->n; i++) {
		cleanup_buf struct buf text = { 0 };
		const char *path = paths->items[i];

		TRY_CTX(fs_read_file(AT_FDCWD, path, ENV_FILE_MAX, &text), "could not read environment file \"%s\"",
			path);
		if (memchr(buf_str(&text), '\0', text.len))
			return error_new(ERR_CORRUPT, "could not read environment file \"%s\": it contains a NUL byte",
					 path);
		strv_add_take(&texts, buf_take(&text));
	}
	*ret_texts = texts;
	texts = (struct strv){ 0 };
	return NULL;
}

static struct error *check_source(const struct launch_source *source)
{
	struct stat st;

	if (stat(source->path, &st) == 0)
		return NULL;
	return error_wrap(error_sys(errno, "cannot stat bind source %s: stat %s", source->path, source->path),
			  "while creating OCI spec: %s", source->context);
}

struct error *launch_plan_check_sources(const struct launch_plan *plan)
{
	for (size_t i = 0; i < plan->n_sources; i++)
		TRY(check_source(&plan->sources[i]));
	return NULL;
}
