/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/commands.h"

#include "base/io.h"
#include "build_config.h"
#include "cli/help.h"

struct error *cmd_version(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	(void)cli, (void)options, (void)args, (void)ret_status;
	return cli_print(PACKAGE_VERSION "\n");
}

/* A word that is no command at the top level: the root's usage on stderr, but success, as the reference does. */
static struct error *print_unknown_topic(const struct strv *args, const struct verb_path *root)
{
	cleanup_free char *words = strv_join(args, " ");
	cleanup_buf struct buf text = { 0 };

	buf_appendf(&text, "Unknown help topic [`%s`]\n", words);
	help_usage(root, &text);
	return io_write_all(STDERR_FILENO, text.data, text.len);
}

struct error *cmd_help(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	struct verb_path path = { .verbs = { &verb_root }, .n = 1 };
	cleanup_buf struct buf text = { 0 };

	(void)cli, (void)options, (void)ret_status;
	for (size_t i = 0; i < args->n && path.n < VERB_DEPTH_MAX; i++) {
		const struct verb *verb = verb_find(verb_last(&path), args->items[i]);

		if (!verb)
			break;
		path.verbs[path.n++] = verb;
	}
	if (args->n && path.n == 1)
		return print_unknown_topic(args, &path);
	help_text(&path, &text);
	return cli_print(buf_str(&text));
}

static const struct {
	const char *name;
	const char *value;
} build_settings[] = {
	{ "IMPLEMENTATION", "singularity in C (OCI mode), compatible with SingularityCE " PACKAGE_VERSION },
	{ "PACKAGE_NAME", "singularity" },
	{ "PACKAGE_VERSION", PACKAGE_VERSION },
	{ "PREFIX", PREFIX },
	{ "BINDIR", BINDIR },
	{ "LIBEXECDIR", LIBEXECDIR },
	{ "SYSCONFDIR", SYSCONFDIR },
	{ "LOCALSTATEDIR", LOCALSTATEDIR },
	{ "SINGULARITY_CONFDIR", CONFDIR },
	{ "SINGULARITY_CONF_FILE", CONFDIR "/singularity.conf" },
	{ "SESSIONDIR", SESSIONDIR },
	{ "SINGULARITY_SUID_INSTALL", "0" },
};

struct error *cmd_buildcfg(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	cleanup_buf struct buf text = { 0 };

	(void)cli, (void)options, (void)ret_status;
	for (size_t i = 0; i < ARRAY_LEN(build_settings); i++) {
		if (args->n == 0)
			buf_appendf(&text, "%s=%s\n", build_settings[i].name, build_settings[i].value);
		else if (str_eq(args->items[0], build_settings[i].name))
			buf_appendf(&text, "%s\n", build_settings[i].value);
	}
	if (text.len == 0)
		return error_new(ERR_USAGE, "no variable named \"%s\"", args->items[0]);
	return cli_print(text.data);
}
