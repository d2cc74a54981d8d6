/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/cli.h"

#include "base/io.h"
#include "base/proc.h"
#include "build_config.h"
#include "cli/help.h"

#include <errno.h>

#define IMAGE_PROGRAM LIBEXECDIR "/singularity-image"

const struct opt cli_global_options[] = {
	{ .name = "config",
	  .letter = 'c',
	  OPT_AS_STRING(struct cli_globals, config),
	  .env = "CONFIG_FILE",
	  .traits = OPT_FILE | OPT_SITE_DEFAULT,
	  .initial = CONFDIR "/singularity.conf",
	  .help = "read another configuration file than the installed singularity.conf" },
	{ .name = "debug",
	  .letter = 'd',
	  OPT_AS_BOOL(struct cli_globals, debug),
	  .env = "DEBUG",
	  .help = "print debugging information, all other messages included" },
	{ .name = "nocolor", OPT_AS_BOOL(struct cli_globals, nocolor), .help = "print messages without colours" },
	{ .name = "quiet",
	  .letter = 'q',
	  OPT_AS_BOOL(struct cli_globals, quiet),
	  .help = "suppress informational messages" },
	{ .name = "silent", .letter = 's', OPT_AS_BOOL(struct cli_globals, silent), .help = "print errors only" },
	{ .name = "verbose",
	  .letter = 'v',
	  OPT_AS_BOOL(struct cli_globals, verbose),
	  .help = "print additional information" },
	{ .name = "version",
	  OPT_AS_BOOL(struct cli_globals, version),
	  .help = "print the name and version of the program" },
	{ 0 },
};

/* A command line while it is being worked on. */
struct request {
	struct cli cli;
	struct opt_set global_set;
	struct opt_set set; /* of the verb */
	void *options;
	const char **words; /* copy of argv's pointers */
	const char **args;  /* inside words: what the options left over */
};

static void request_end(struct request *r)
{
	if (r->options)
		opt_release(r->set.table, r->options);
	free(r->options);
	opt_end(&r->set);
	opt_end(&r->global_set);
	free(r->words);
}

void cli_sink(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	log_msg(level, "%s", text);
}

struct error *cli_print(const char *text)
{
	return io_write_all(STDOUT_FILENO, text, strlen(text));
}

/* Usage errors go to stderr bare: without label, never coloured. */
static int print_usage_error(const struct buf *text)
{
	error_free(io_write_all(STDERR_FILENO, text->data, text->len));
	return CLI_EXIT_USAGE;
}

static int bad_option(const struct verb_path *path, struct error *err)
{
	cleanup_with(error_free) struct error *owned = err;
	cleanup_buf struct buf text = { 0 };

	help_bad_option(path, error_text(owned), &text);
	return print_usage_error(&text);
}

static int bad_usage(const struct verb_path *path, struct error *err)
{
	cleanup_with(error_free) struct error *owned = err;
	cleanup_buf struct buf text = { 0 };

	help_bad_usage(path, error_text(owned), &text);
	return print_usage_error(&text);
}

/* One line, the hint behind the text, so that callers find all they need in the last line of stderr. */
static int fatal(struct error *err)
{
	cleanup_with(error_free) struct error *owned = err;
	const char *hint = error_hint_text(owned);

	if (hint)
		log_msg(LOG_FATAL, "%s: %s", error_text(owned), hint);
	else
		log_msg(LOG_FATAL, "%s", error_text(owned));
	return CLI_EXIT_FATAL;
}

static int print_help(const struct verb_path *path)
{
	cleanup_buf struct buf text = { 0 };

	help_text(path, &text);

	struct error *err = cli_print(buf_str(&text));

	return err ? fatal(err) : 0;
}

static struct error *parse_verb(struct request *r, const struct verb *verb)
{
	static const struct opt no_options[] = { { 0 } };

	opt_end(&r->set);
	if (verb->options_size)
		r->options = xcalloc(1, verb->options_size);
	opt_begin(&r->set, verb->options ? verb->options : no_options, r->options);
	r->cli.options = &r->set;
	r->cli.path.verbs[r->cli.path.n++] = verb;
	return opt_parse(&r->set, r->args + 1, verb->interspersed, &r->args);
}

/*
 * Walks down from the root; options of each level stand before the next level's word. Only verbs, not groups, have a
 * struct.
 */
static struct error *find_verb(struct request *r)
{
	r->cli.path = (struct verb_path){ .verbs = { &verb_root }, .n = 1 };
	opt_begin(&r->global_set, cli_global_options, &r->cli.globals);
	TRY(opt_parse(&r->global_set, r->words + 1, false, &r->args));
	while (r->args[0]) {
		const struct verb *group = verb_last(&r->cli.path);
		const struct verb *verb = group->verbs ? verb_find(group, r->args[0]) : NULL;

		if (!verb)
			return NULL;
		TRY(parse_verb(r, verb));
		if (r->set.help)
			return NULL;
	}
	return NULL;
}

static int print_version(void)
{
	struct error *err = cli_print("singularity-ce version " PACKAGE_VERSION "\n");

	return err ? fatal(err) : 0;
}

static void print_deprecations(const struct strv *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		log_msg(LOG_LOG, "%s", lines->items[i]);
}

/* The path ends at a group: alone, or followed by a word that names none of its commands. */
static int lacks_command(const struct request *r)
{
	const struct verb *group = verb_last(&r->cli.path);
	cleanup_buf struct buf text = { 0 };

	if (group->helps_if_wrong || (!r->args[0] && group->helps_if_alone))
		return print_help(&r->cli.path);
	if (r->cli.path.n > 1)
		return bad_usage(&r->cli.path, error_new(ERR_USAGE, "invalid command"));
	if (r->args[0]) {
		help_bad_command(r->args[0], &text);
	} else {
		help_usage(&r->cli.path, &text);
		help_usage_footer(&text);
	}
	return print_usage_error(&text);
}

static void choose_log_level(const struct cli_globals *globals)
{
	if (globals->debug)
		log_set_level(LOG_DEBUG);
	else if (globals->verbose)
		log_set_level(LOG_VERBOSE);
	else if (globals->quiet)
		log_set_level(LOG_WARNING);
	else if (globals->silent)
		log_set_level(LOG_ERROR);
	log_set_color(!globals->nocolor && isatty(STDERR_FILENO));
}

static struct error *apply_environment(struct request *r)
{
	TRY_CTX(opt_apply_env(&r->global_set),
		"While parsing global environment variables: while updating flags from environment");
	choose_log_level(&r->cli.globals);
	TRY_CTX(opt_apply_env(&r->set), "While parsing environment variables: while updating flags from environment");
	return NULL;
}

static struct error *load_conf(struct cli *cli, struct site_conf **ret_conf)
{
	cleanup_strv struct strv unknown = { 0 };
	cleanup_with(conf_free) struct site_conf *conf = NULL;

	cli->conf_path = cli->globals.config;
	log_debug("Singularity version: %s", PACKAGE_VERSION);
	log_debug("Parsing configuration file %s", cli->conf_path);
	TRY_CTX(conf_load(cli->conf_path, &unknown, &conf), "While initializing: couldn't parse configuration file %s",
		cli->conf_path);
	for (size_t i = 0; i < unknown.n; i++)
		log_msg(LOG_WARNING, "Unknown directive \"%s\" in %s, ignoring it.", unknown.items[i], cli->conf_path);
	cli->conf = *ret_conf = take_ptr(&conf);
	return NULL;
}

static cli_run *find_command(const struct cli_command *commands, const struct verb *verb)
{
	for (; commands->verb; commands++) {
		if (commands->verb == verb)
			return commands->run;
	}
	return NULL;
}

/* The other program parses the same words again; it prints what has to be printed about them. */
static struct error *hand_over(char **argv)
{
	log_debug("Executing %s", IMAGE_PROGRAM);
	(void)execve(IMAGE_PROGRAM, argv, environ);
	return error_hint(error_sys(errno, "execute %s", IMAGE_PROGRAM), "the installation is incomplete");
}

static struct error *run_verb(struct request *r, cli_run *run, int *ret_status)
{
	cleanup_strv struct strv args = { 0 };

	for (const char **arg = r->args; *arg; arg++)
		strv_add(&args, *arg);
	return run(&r->cli, r->options, &args, ret_status);
}

static size_t count_args(const struct request *r)
{
	size_t n = 0;

	while (r->args[n])
		n++;
	return n;
}

static int serve(struct request *r, enum verb_owner owner, const struct cli_command *commands, char **argv)
{
	struct error *err = find_verb(r);
	const struct verb *verb = verb_last(&r->cli.path);
	cleanup_with(conf_free) struct site_conf *conf = NULL;
	int status = 0;

	if (err)
		return bad_option(&r->cli.path, err);
	if (r->set.help || r->global_set.help)
		return print_help(&r->cli.path);
	if (r->cli.globals.version)
		return print_version();
	if (verb->verbs)
		return lacks_command(r);
	err = verb_check_args(verb, count_args(r));
	if (err)
		return bad_usage(&r->cli.path, err);

	cli_run *run = find_command(commands, verb);

	if (!run)
		return fatal(verb->owner == owner ? error_new(ERR_INTERNAL, "no function for command %s", verb->name) :
						    hand_over(argv));
	print_deprecations(&r->set.deprecations);
	err = apply_environment(r);
	if (!err && !verb->needs_no_conf)
		err = load_conf(&r->cli, &conf);
	if (err)
		return fatal(err);
	err = run_verb(r, run, &status);
	if (err)
		return verb->errors_show_usage ? bad_usage(&r->cli.path, err) : fatal(err);
	return status;
}

int cli_main(enum verb_owner owner, const struct cli_command *commands, int argc, char **argv)
{
	struct request r = { .words = xcalloc((size_t)argc + 2, sizeof(char *)) };

	/* Without /dev/null the descriptors stay closed, and whoever writes to them is told. */
	error_free(proc_hold_std_fds());
	for (int i = 0; i < argc; i++)
		r.words[i] = argv[i];

	int status = serve(&r, owner, commands, argv);

	request_end(&r);
	return status;
}

struct error *cli_require_oci_mode(const struct cli *cli, bool oci, bool no_oci)
{
	if (oci && no_oci)
		return error_new(ERR_USAGE, "While initializing: --oci and --no-oci cannot be used together");
	if (no_oci || (!oci && !cli->conf->oci_mode))
		return error_new(ERR_UNSUPPORTED, "this build runs containers in OCI mode only");
	return NULL;
}
