/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a command line to a verb's function: what both programs do before and after the work. The order of the steps is
 * the reference's (cli.md 2.1): find the command and parse its options, help, version, count arguments, environment,
 * log level, site configuration, run. Only this layer prints and exits.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/log.h"
#include "cli/verb.h"
#include "formats/conf/conf.h"

#define CLI_EXIT_USAGE 1
#define CLI_EXIT_FATAL 255

/* Options before the command. */
struct cli_globals {
	const char *config;
	bool debug, nocolor, quiet, silent, verbose, version;
};

extern const struct opt cli_global_options[];

/* What a verb's function may use besides its own options. */
struct cli {
	struct cli_globals globals;
	struct verb_path path;		/* the verb that runs */
	const struct opt_set *options;	/* for opt_given() */
	const char *conf_path;
	const struct site_conf *conf;	/* NULL if the verb needs none */
};

/**
 * A verb's function.
 * @options:    the struct that the verb's table filled; NULL for a verb without options
 * @args:       words after the options
 * @ret_status: exit status of the program, 0 if left alone
 *
 * An error that it returns is printed as FATAL and ends the program with 255, or as a usage error with 1 if the verb
 * says so.
 */
typedef struct error *cli_run(struct cli *cli, const void *options, const struct strv *args, int *ret_status);

/* The verbs a program runs itself; a table ends with an empty row. */
struct cli_command {
	const struct verb *verb;
	cli_run *run;
};

/**
 * cli_main() - the whole program
 * @owner:    which program this is; a command of the other one is handed over by execve() with the same arguments
 * @commands: what this program runs
 *
 * Returns the exit status.
 */
int cli_main(enum verb_owner owner, const struct cli_command *commands, int argc, char **argv);

/* cli_sink() - log_sink that prints; @ctx is not used */
void cli_sink(void *ctx, enum log_level level, const char *text);
/**
 * cli_require_oci_mode() - check --oci, --no-oci and the directive `oci mode` against what this build does
 *
 * Errors: ERR_USAGE if both options were given, ERR_UNSUPPORTED if the answer is not OCI mode.
 */
must_check struct error *cli_require_oci_mode(const struct cli *cli, bool oci, bool no_oci);
/* cli_print() - write text to stdout, all of it */
must_check struct error *cli_print(const char *text);

#endif
