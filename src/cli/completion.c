/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/completion.h"

#include "cli/help.h"

typedef void visitor(const struct verb_path *path, struct buf *out);

/* Calls @visit for the verb at the end of @path and all below it, parents first. */
static void walk(struct verb_path *path, visitor *visit, struct buf *out)
{
	const struct verb *verb = verb_last(path);

	visit(path, out);
	for (size_t i = 0; verb->verbs && verb->verbs[i]; i++) {
		if (verb->verbs[i]->hidden)
			continue;
		path->verbs[path->n++] = verb->verbs[i];
		walk(path, visit, out);
		path->n--;
	}
}

static void walk_all(visitor *visit, struct buf *out)
{
	struct verb_path path = { .verbs = { &verb_root }, .n = 1 };

	walk(&path, visit, out);
}

static void append_commands(struct buf *out, const struct verb *group)
{
	const char *gap = "";

	for (size_t i = 0; group->verbs && group->verbs[i]; i++) {
		if (group->verbs[i]->hidden)
			continue;
		buf_appendf(out, "%s%s", gap, group->verbs[i]->name);
		gap = " ";
	}
}

/* Both forms of each option; @valued_only leaves out booleans. */
static void append_options(struct buf *out, const struct verb *verb, bool valued_only)
{
	cleanup_free const struct opt **rows = help_sorted_options(verb);
	const char *gap = "";

	for (size_t i = 0; rows[i]; i++) {
		if (valued_only && rows[i]->type == OPT_BOOL)
			continue;
		buf_appendf(out, "%s--%s", gap, rows[i]->name);
		gap = " ";
		if (rows[i]->letter)
			buf_appendf(out, " -%c", rows[i]->letter);
	}
}

static void bash_entry(const struct verb_path *path, struct buf *out)
{
	cleanup_free char *command = verb_command(path);

	buf_appendf(out, "\t'%s')\n\t\tcommands='", command);
	append_commands(out, verb_last(path));
	buf_append_str(out, "'\n\t\toptions='");
	append_options(out, verb_last(path), false);
	buf_append_str(out, "'\n\t\tvalued='");
	append_options(out, verb_last(path), true);
	buf_append_str(out, "'\n\t\t;;\n");
}

void completion_bash(struct buf *out)
{
	buf_append_str(out, "# bash completion for singularity. Written from the option tables: do not edit.\n"
			    "\n"
			    "# What may follow a command, into the variables of the caller.\n"
			    "_singularity_table()\n"
			    "{\n"
			    "\tcase $1 in\n");
	walk_all(bash_entry, out);
	buf_append_str(out, "\tesac\n"
			    "}\n"
			    "\n"
			    "# Leaves COMPREPLY empty where files are wanted: then bash offers them by itself.\n"
			    "_singularity()\n"
			    "{\n"
			    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} command=singularity wants= i word\n"
			    "\tlocal commands options valued\n"
			    "\n"
			    "\tCOMPREPLY=()\n"
			    "\t_singularity_table \"$command\"\n"
			    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			    "\t\tword=${COMP_WORDS[i]}\n"
			    "\t\tif [[ -n $wants ]]; then\n"
			    "\t\t\twants=\n"
			    "\t\telif [[ $word == -* ]]; then\n"
			    "\t\t\t[[ \" $valued \" == *\" $word \"* ]] && wants=$word\n"
			    "\t\telif [[ \" $commands \" == *\" $word \"* ]]; then\n"
			    "\t\t\tcommand+=\" $word\"\n"
			    "\t\t\t_singularity_table \"$command\"\n"
			    "\t\telse\n"
			    "\t\t\treturn\n"
			    "\t\tfi\n"
			    "\tdone\n"
			    "\t[[ -n $wants ]] && return\n"
			    "\tif [[ $cur == -* ]]; then\n"
			    "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
			    "\telif [[ -n $commands ]]; then\n"
			    "\t\tmapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$cur\")\n"
			    "\tfi\n"
			    "}\n"
			    "\n"
			    "complete -o default -F _singularity singularity\n");
}

/* Inside single quotes of a zsh option specification: ":" and brackets have a meaning of their own. */
static void append_zsh_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			buf_append_str(out, "'\\''");
		else if (strchr("[]:\\", *text))
			buf_appendf(out, "\\%c", *text);
		else
			buf_append_char(out, *text);
	}
}

static const char *zsh_action(const struct opt *row)
{
	if (row->traits & OPT_FILE)
		return "_files";
	return row->traits & OPT_DIRECTORY ? "_files -/" : "";
}

static bool repeats(const struct opt *row)
{
	return row->type == OPT_STRINGS || row->type == OPT_STRING_ARRAY || row->type == OPT_STRING_MAP;
}

static void zsh_option(const struct verb *verb, const struct opt *row, struct buf *out)
{
	cleanup_free char *for_help = row->help ? NULL : help_for_help(verb);
	bool is_valued = row->type != OPT_BOOL;
	const char *star = repeats(row) ? "*" : "";

	buf_append_str(out, "\t\t");
	if (row->letter && !repeats(row))
		buf_appendf(out, "'(-%c --%s)'", row->letter, row->name);
	if (row->letter)
		buf_appendf(out, "{'%s-%c%s','%s--%s%s'}", star, row->letter, is_valued ? "+" : "", star, row->name,
			    is_valued ? "=" : "");
	else
		buf_appendf(out, "'%s--%s%s'", star, row->name, is_valued ? "=" : "");
	buf_append_str(out, "'[");
	append_zsh_text(out, row->help ? row->help : for_help);
	buf_append_char(out, ']');
	if (is_valued)
		buf_appendf(out, ":%s:%s", help_type_word(row->type), zsh_action(row));
	buf_append_str(out, "' \\\n");
}

static char *zsh_function(const struct verb_path *path)
{
	cleanup_free char *command = verb_command(path);

	for (char *p = command; *p; p++) {
		if (*p == ' ')
			*p = '_';
	}
	return xasprintf("_%s", command);
}

static void zsh_group_tail(const struct verb *group, const char *function, struct buf *out)
{
	buf_append_str(out, "\t\t'1:command:->command' \\\n\t\t'*::argument:->argument'\n"
			    "\tcase $state in\n\tcommand)\n\t\tcommands=(\n");
	for (size_t i = 0; group->verbs[i]; i++) {
		if (group->verbs[i]->hidden)
			continue;
		buf_appendf(out, "\t\t\t'%s:", group->verbs[i]->name);
		append_zsh_text(out, group->verbs[i]->brief);
		buf_append_str(out, "'\n");
	}
	buf_append_str(out, "\t\t)\n\t\t_describe command commands\n\t\t;;\n\targument)\n"
			    "\t\tcase $line[1] in\n");
	for (size_t i = 0; group->verbs[i]; i++) {
		if (!group->verbs[i]->hidden)
			buf_appendf(out, "\t\t%s) %s_%s ;;\n", group->verbs[i]->name, function, group->verbs[i]->name);
	}
	buf_append_str(out, "\t\tesac\n\t\t;;\n\tesac\n");
}

static void zsh_entry(const struct verb_path *path, struct buf *out)
{
	const struct verb *verb = verb_last(path);
	cleanup_free char *function = zsh_function(path);
	cleanup_free const struct opt **rows = help_sorted_options(verb);

	buf_appendf(out, "\n%s()\n{\n", function);
	if (verb->verbs)
		buf_append_str(out, "\tlocal state line\n\tlocal -a commands\n\n");
	buf_append_str(out, verb->verbs ? "\t_arguments -C -s -S -A '-*' \\\n" : "\t_arguments -s -S -A '-*' \\\n");
	for (size_t i = 0; rows[i]; i++)
		zsh_option(verb, rows[i], out);
	if (verb->verbs)
		zsh_group_tail(verb, function, out);
	else
		buf_append_str(out, "\t\t'*:argument:_files'\n");
	buf_append_str(out, "}\n");
}

void completion_zsh(struct buf *out)
{
	buf_append_str(out, "#compdef singularity\n"
			    "# zsh completion for singularity. Written from the option tables: do not edit.\n");
	walk_all(zsh_entry, out);
	buf_append_str(out, "\n_singularity \"$@\"\n");
}

static void append_fish_text(struct buf *out, const char *text)
{
	buf_append_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buf_append_char(out, '\\');
		buf_append_char(out, *text);
	}
	buf_append_char(out, '\'');
}

/* "command option" and "command subcommand" pairs that the walk over the words needs */
static void fish_pairs(const struct verb_path *path, struct buf *out)
{
	const struct verb *verb = verb_last(path);
	cleanup_free char *command = verb_command(path);
	cleanup_free const struct opt **rows = help_sorted_options(verb);

	for (size_t i = 0; verb->verbs && verb->verbs[i]; i++) {
		if (!verb->verbs[i]->hidden)
			buf_appendf(out, "set -a __singularity_commands '%s %s'\n", command, verb->verbs[i]->name);
	}
	for (size_t i = 0; rows[i]; i++) {
		if (rows[i]->type == OPT_BOOL)
			continue;
		buf_appendf(out, "set -a __singularity_valued '%s --%s'\n", command, rows[i]->name);
		if (rows[i]->letter)
			buf_appendf(out, "set -a __singularity_valued '%s -%c'\n", command, rows[i]->letter);
	}
}

static void fish_entry(const struct verb_path *path, struct buf *out)
{
	const struct verb *verb = verb_last(path);
	cleanup_free char *command = verb_command(path);
	cleanup_free char *for_help = help_for_help(verb);
	cleanup_free const struct opt **rows = help_sorted_options(verb);

	for (size_t i = 0; verb->verbs && verb->verbs[i]; i++) {
		if (verb->verbs[i]->hidden)
			continue;
		buf_appendf(out, "complete -c singularity -n '__singularity_at %s' -f -a %s -d ", command,
			    verb->verbs[i]->name);
		append_fish_text(out, verb->verbs[i]->brief);
		buf_append_char(out, '\n');
	}
	for (size_t i = 0; rows[i]; i++) {
		buf_appendf(out, "complete -c singularity -n '__singularity_at %s' -l %s", command, rows[i]->name);
		if (rows[i]->letter)
			buf_appendf(out, " -s %c", rows[i]->letter);
		if (rows[i]->type != OPT_BOOL)
			buf_append_str(out, rows[i]->traits & (OPT_FILE | OPT_DIRECTORY) ? " -r" : " -x");
		buf_append_str(out, " -d ");
		append_fish_text(out, rows[i]->help ? rows[i]->help : for_help);
		buf_append_char(out, '\n');
	}
}

void completion_fish(struct buf *out)
{
	buf_append_str(out, "# fish completion for singularity. Written from the option tables: do not edit.\n"
			    "\n"
			    "set -g __singularity_commands\n"
			    "set -g __singularity_valued\n");
	walk_all(fish_pairs, out);
	buf_append_str(out,
		       "\n"
		       "# Is the command that was typed so far the one given, with nothing but options behind it?\n"
		       "function __singularity_at\n"
		       "\tset -l command singularity\n"
		       "\tset -l wants 0\n"
		       "\tfor word in (commandline -opc)[2..-1]\n"
		       "\t\tif test $wants = 1\n"
		       "\t\t\tset wants 0\n"
		       "\t\telse if string match -q -- '-*' $word\n"
		       "\t\t\tcontains -- \"$command $word\" $__singularity_valued; and set wants 1\n"
		       "\t\telse if contains -- \"$command $word\" $__singularity_commands\n"
		       "\t\t\tset command \"$command $word\"\n"
		       "\t\telse\n"
		       "\t\t\treturn 1\n"
		       "\t\tend\n"
		       "\tend\n"
		       "\ttest \"$command\" = \"$argv\"\n"
		       "end\n"
		       "\n");
	walk_all(fish_entry, out);
}
