/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the option tables and the tree of commands look like on paper: help texts, option lists and usage errors in the
 * reference's layout (cli.md 2.3, 2.4). Everything is appended to a buffer; nothing is printed here.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/verb.h"

#define HELP_WIDTH 80

/* help_options() - the list of @verb's visible options, one entry a line, wrapped to @width columns */
void help_options(const struct verb *verb, size_t width, struct buf *out);
/* help_type_word() - the word that stands for an option's value, NULL for a boolean */
const char *help_type_word(enum opt_type type);
/* help_default() - the suffix of an option's text: ` (default "x")`, "" if there is none; caller frees */
char *help_default(const struct opt *row);
/* help_sorted_options() - visible rows of @verb and --help, sorted; caller frees the NULL-terminated array */
const struct opt **help_sorted_options(const struct verb *verb);
/* help_for_help() - text of the --help row of @verb; caller frees */
char *help_for_help(const struct verb *verb);

/* help_text() - the full help of the verb at the end of @path */
void help_text(const struct verb_path *path, struct buf *out);
/* help_bad_option() - usage error for what opt_parse() refused: the option list, at the width of the terminal */
void help_bad_option(const struct verb_path *path, const char *message, struct buf *out);
/* help_bad_usage() - any other usage error: the usage line, for a group its commands */
void help_bad_usage(const struct verb_path *path, const char *message, struct buf *out);
/* help_bad_command() - usage error for a first word that is no command, with suggestions */
void help_bad_command(const char *word, struct buf *out);
/* help_usage() - the part that those share: "Usage:", the usage line, the commands of a group */
void help_usage(const struct verb_path *path, struct buf *out);
/* help_usage_footer() - the last line of every usage error, after an empty line */
void help_usage_footer(struct buf *out);

#endif
