/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about the program itself. */
#include "cli/verbs.h"

const struct verb verb_version = {
	.name = "version",
	.use = "version",
	.brief = "Print the version of the program",
	.description = "The version command prints the version number alone, in one line on standard output.",
	.examples = "$ singularity version",
	.max_args = VERB_ANY_ARGS,
};

const struct verb verb_help = {
	.name = "help",
	.use = "help [command]",
	.brief = "Print the help of a command",
	.description = "The help command prints the same text as the option --help of the command that it is given.\n"
		       "Words behind the last command that exists are ignored.",
	.examples = "$ singularity help\n"
		    "$ singularity help exec\n"
		    "$ singularity help cache clean",
	.max_args = VERB_ANY_ARGS,
	.interspersed = true,
	.needs_no_conf = true,
};

const struct verb verb_buildcfg = {
	.name = "buildcfg",
	.use = "buildcfg [parameter]",
	.brief = "Print the settings that were chosen when the program was built",
	.description =
		"Without a parameter all settings are printed as NAME=VALUE, one a line; with one, its value alone.\n"
		"IMPLEMENTATION tells this program from others of the same name.",
	.examples = "$ singularity buildcfg\n"
		    "$ singularity buildcfg SESSIONDIR",
	.max_args = 1,
	.hidden = true,
	.needs_no_conf = true,
	.errors_show_usage = true,
};
