/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The functions of the verbs (cmd_NAME.c). A program lists those it owns in its main file.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

cli_run cmd_buildcfg, cmd_help, cmd_version;
cli_run cmd_action_image, cmd_cache_clean, cmd_cache_list, cmd_pull;
cli_run cmd_run, cmd_exec, cmd_shell, cmd_test;
cli_run cmd_completion_bash, cmd_completion_fish, cmd_completion_zsh;
cli_run cmd_sif_dump, cmd_sif_header, cmd_sif_info, cmd_sif_list;

#endif
