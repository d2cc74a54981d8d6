/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `singularity-image`: everything about images that talks to the network or needs heavy libraries. Executed by
 * `singularity`.
 */
#include "cli/commands.h"
#include "cli/verb_cache.h"
#include "cli/verb_pull.h"
#include "cli/verbs.h"

#include <signal.h>

static const struct cli_command commands[] = {
	{ &verb_action_image, cmd_action_image },
	{ &verb_buildcfg, cmd_buildcfg },
	{ &verb_cache_clean, cmd_cache_clean },
	{ &verb_cache_list, cmd_cache_list },
	{ &verb_help, cmd_help },
	{ &verb_pull, cmd_pull },
	{ &verb_version, cmd_version },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	/* A limit on file sizes is an error to report, not a reason to die. */
	(void)signal(SIGXFSZ, SIG_IGN);
	return cli_main(VERB_IMAGE, commands, argc, argv);
}
