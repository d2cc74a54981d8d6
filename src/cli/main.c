/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `singularity`: parses every command line and runs containers. Commands that need heavy libraries go to
 * singularity-image.
 */
#include "cli/commands.h"
#include "cli/verb_action.h"
#include "cli/verbs.h"

static const struct cli_command commands[] = {
	{ &verb_buildcfg, cmd_buildcfg },
	{ &verb_completion_bash, cmd_completion_bash },
	{ &verb_completion_fish, cmd_completion_fish },
	{ &verb_completion_zsh, cmd_completion_zsh },
	{ &verb_exec, cmd_exec },
	{ &verb_help, cmd_help },
	{ &verb_run, cmd_run },
	{ &verb_shell, cmd_shell },
	{ &verb_sif_dump, cmd_sif_dump },
	{ &verb_sif_header, cmd_sif_header },
	{ &verb_sif_info, cmd_sif_info },
	{ &verb_sif_list, cmd_sif_list },
	{ &verb_test, cmd_test },
	{ &verb_version, cmd_version },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return cli_main(VERB_CONTAINER, commands, argc, argv);
}
