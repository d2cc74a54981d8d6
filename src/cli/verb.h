/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tree of commands. A verb is described by one constant: words for help and manual, its option table, how many
 * arguments it takes, and which of the two programs runs it. Both programs link all descriptions, so help, usage errors
 * and completion are the same from either; the functions that do the work are linked only into the owner (cli.h, struct
 * cli_command).
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include "cli/opt.h"

enum verb_owner {
	VERB_CONTAINER, /* `singularity`: containers, and all that needs no heavy library */
	VERB_IMAGE,	/* `singularity-image`: network, conversion, keys */
};

#define VERB_ANY_ARGS SIZE_MAX

struct verb {
	const char *name;
	const char *alias;	 /* second name or NULL */
	/* usage string behind the parents' words: "pull [pull options...] [output file] <URI>" */
	const char *use;
	const char *brief;	 /* one sentence, no full stop */
	const char *description; /* paragraphs, lines of at most 78 columns, no trailing newline */
	const char *examples;	 /* lines, no trailing newline; NULL for a group without */
	const struct opt *options; /* NULL: none but --help */
	size_t options_size;	 /* of the struct the options land in */
	size_t min_args, max_args; /* VERB_ANY_ARGS: no upper limit */
	bool interspersed;	 /* options may follow arguments */
	bool hidden;		 /* works, but is not listed */
	bool needs_no_conf;	 /* runs before singularity.conf is read */
	bool errors_show_usage;	 /* what the verb returns is printed as a usage error, exit status 1 */
	bool helps_if_alone;	 /* a group: without a sub-command it prints its help instead of a usage error */
	bool helps_if_wrong;	 /* a group: likewise behind a word that is none of its commands, and without one */
	enum verb_owner owner;
	const struct verb *const *verbs; /* sub-commands sorted by name, NULL-terminated; NULL: no group */
};

/* Where a command was found: from the root down to the verb. */
#define VERB_DEPTH_MAX 4
struct verb_path {
	const struct verb *verbs[VERB_DEPTH_MAX];
	size_t n;
};

extern const struct verb verb_root;

/* verb_find() - the sub-command of @group that @word names (or its alias), NULL if there is none */
const struct verb *verb_find(const struct verb *group, const char *word);
/* verb_last() - the verb a path leads to */
const struct verb *verb_last(const struct verb_path *path);
/* verb_command() - the words from the root: "singularity sif list"; caller frees */
char *verb_command(const struct verb_path *path);
/* verb_suggest() - names of @group that resemble @word (two edits, or it starts one of them) */
void verb_suggest(const struct verb *group, const char *word, struct strv *ret_names);
/* verb_check_args() - ERR_USAGE with cobra's words if @n arguments are too few or too many */
must_check struct error *verb_check_args(const struct verb *verb, size_t n);

#endif
