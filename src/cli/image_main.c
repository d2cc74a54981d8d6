/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `singularity-image`: everything about images that talks to the network or needs heavy libraries. Executed by
 * `singularity`.
 */
#include "cli/commands.h"
#include "cli/verbs.h"

static const struct cli_command commands[] = {
	{ &verb_buildcfg, cmd_buildcfg },
	{ &verb_help, cmd_help },
	{ &verb_version, cmd_version },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return cli_main(VERB_IMAGE, commands, argc, argv);
}
