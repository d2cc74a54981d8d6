/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every command's description. Each lives in verb_NAME.c, linked into both programs; verbs.c puts them into the tree.
 * The function that does the work is in cmd_NAME.c, linked into the program that owns the verb.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/verb.h"

extern const struct verb verb_buildcfg, verb_help, verb_version;
extern const struct verb verb_completion, verb_completion_bash, verb_completion_fish, verb_completion_zsh;
extern const struct verb verb_sif, verb_sif_dump, verb_sif_header, verb_sif_info, verb_sif_list;

#endif
