/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completion scripts for shells, written from the tree of commands and their option tables. Hidden commands and options
 * are left out.
 */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "cli/verb.h"

void completion_bash(struct buf *out);
void completion_zsh(struct buf *out);
void completion_fish(struct buf *out);

#endif
