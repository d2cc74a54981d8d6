/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/manual.h"

#include "cli/help.h"
#include "formats/conf/conf_directives.h"

/* Everything with a meaning in scdoc is made literal. */
static void append_text(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr("\\*_#[]<>~`|&-.:", text[i]))
			buf_append_char(out, '\\');
		buf_append_char(out, text[i]);
	}
}

static void append_str(struct buf *out, const char *text)
{
	append_text(out, text, strlen(text));
}

char *manual_name(const struct verb_path *path)
{
	char *name = verb_command(path);

	for (char *p = name; *p; p++) {
		if (*p == ' ')
			*p = '-';
	}
	return name;
}

/* A paragraph whose lines are columns (two blanks in a row) stays as it is; others are filled. */
static void append_paragraph(struct buf *out, const char *text, size_t len)
{
	bool is_table = memmem(text, len, "  ", 2) != NULL;

	if (is_table)
		buf_append_str(out, "```\n");
	if (is_table)
		buf_append(out, text, len);
	else
		append_text(out, text, len);
	buf_append_str(out, is_table ? "\n```\n\n" : "\n\n");
}

static void append_paragraphs(struct buf *out, const char *text)
{
	for (const char *end; (end = strstr(text, "\n\n")); text = end + 2)
		append_paragraph(out, text, (size_t)(end - text));
	append_paragraph(out, text, strlen(text));
}

static void append_synopsis(const struct verb_path *path, struct buf *out)
{
	buf_append_str(out, "# SYNOPSIS\n\n*singularity* ");
	append_str(out, "[global options...]");
	for (size_t i = 1; i < path->n; i++) {
		buf_append_char(out, ' ');
		append_str(out, path->verbs[i]->use);
	}
	if (verb_last(path)->verbs)
		append_str(out, " <command>");
	buf_append_str(out, "\n\n");
}

static void append_option_text(const struct verb *verb, const struct opt *row, struct buf *out)
{
	cleanup_free char *for_help = help_for_help(verb);
	bool varies = row->traits & (OPT_HOME_DEFAULT | OPT_SITE_DEFAULT); /* the text says what it is */
	cleanup_free char *suffix = varies ? xstrdup("") : help_default(row);

	buf_append_char(out, '\t');
	append_str(out, row->help ? row->help : for_help);
	append_str(out, suffix);
	buf_append_str(out, ".\n");
}

static void append_variables(const struct opt *row, struct buf *out)
{
	cleanup_strv struct strv names = { 0 };
	const char *gap = "\n\tEnvironment: ";

	strv_split(&names, row->env, ',');
	for (size_t i = 0; i < names.n; i++) {
		const char *bare = str_after(names.items[i], "+");

		buf_append_str(out, gap);
		append_str(out, "SINGULARITY_");
		append_str(out, bare ? bare : names.items[i]);
		if (bare) {
			buf_append_str(out, ", ");
			append_str(out, bare);
		}
		gap = ", ";
	}
	buf_append_str(out,
		       row->traits & OPT_ENV_APPEND ? "; their values are added to those of the options.\n" : "\n");
}

static void append_options(const struct verb *verb, struct buf *out)
{
	cleanup_free const struct opt **rows = help_sorted_options(verb);

	buf_append_str(out, "# OPTIONS\n\n");
	for (size_t i = 0; rows[i]; i++) {
		const char *word = help_type_word(rows[i]->type);

		if (rows[i]->letter)
			buf_appendf(out, "*-%c*, ", rows[i]->letter);
		buf_append_str(out, "*\\-\\-");
		append_str(out, rows[i]->name);
		buf_append_char(out, '*');
		if (word)
			buf_appendf(out, " _%s_", word);
		buf_append_char(out, '\n');
		append_option_text(verb, rows[i], out);
		if (rows[i]->env)
			append_variables(rows[i], out);
		buf_append_char(out, '\n');
	}
}

static void append_commands(const struct verb_path *path, struct buf *out)
{
	cleanup_free char *name = manual_name(path);
	const struct verb *const *verbs = verb_last(path)->verbs;

	buf_append_str(out, "# COMMANDS\n\n");
	for (size_t i = 0; verbs[i]; i++) {
		if (verbs[i]->hidden)
			continue;
		buf_append_char(out, '*');
		append_str(out, name);
		buf_append_str(out, "\\-");
		append_str(out, verbs[i]->name);
		buf_append_str(out, "*(1)\n\t");
		append_str(out, verbs[i]->brief);
		buf_append_str(out, ".\n\n");
	}
}

static void append_examples(const struct verb *verb, struct buf *out)
{
	if (verb->examples)
		buf_appendf(out, "# EXAMPLES\n\n```\n%s\n```\n\n", verb->examples);
}

static const char program_sections[] =
	"# IMPLEMENTATION\n\n"
	"This is the implementation of singularity in C. It does what SingularityCE does in OCI mode, has no other\n"
	"mode, and answers *singularity \\-\\-version* as SingularityCE does; *singularity buildcfg IMPLEMENTATION* "
	"tells the two\n"
	"apart.\n\n"
	"# ENVIRONMENT\n\n"
	"*SINGULARITY\\_NAME*\n"
	"\tMost options can be set by a variable; the page of each command names them. The command line wins.\n\n"
	"*SINGULARITYENV\\_NAME*\n"
	"\tSets the variable NAME inside the container.\n\n"
	"*SINGULARITY\\_CACHEDIR*\n"
	"\tThe directory that holds the cache, instead of ~/.singularity.\n\n"
	"*SINGULARITY\\_CONFIGDIR*\n"
	"\tThe user's directory, instead of ~/.singularity.\n\n"
	"*SINGULARITY\\_TMPDIR*, *TMPDIR*\n"
	"\tThe directory for temporary files, instead of /tmp.\n\n"
	"# FILES\n\n"
	"_singularity.conf_\n"
	"\tThe site's configuration, see *singularity.conf*(5).\n\n"
	"_~/.singularity/cache_\n"
	"\tThe cache of fetched blobs and images.\n\n"
	"# EXIT STATUS\n\n"
	"*0*\n\tSuccess.\n\n"
	"*1*\n\tThe command line is wrong.\n\n"
	"*255*\n\tThe command failed; the last line on standard error begins with \"FATAL:\" and says why.\n\n"
	"*run*, *exec*, *shell* and *test* end with the status of the container's program, or with 128 and the number "
	"of the\n"
	"signal that ended it.\n\n"
	"# SEE ALSO\n\n"
	"*singularity.conf*(5), *crun*(1), *runc*(8)\n";

void manual_page(const struct verb_path *path, struct buf *out)
{
	const struct verb *verb = verb_last(path);
	cleanup_free char *name = manual_name(path);

	buf_appendf(out, "%s(1)\n\n# NAME\n\n", name);
	append_str(out, name);
	buf_append_str(out, " - ");
	append_str(out, verb->brief);
	buf_append_str(out, "\n\n");
	append_synopsis(path, out);
	buf_append_str(out, "# DESCRIPTION\n\n");
	append_paragraphs(out, verb->description);
	append_options(verb, out);
	if (verb->verbs)
		append_commands(path, out);
	append_examples(verb, out);
	buf_append_str(out, path->n == 1 ? program_sections : "# SEE ALSO\n\n*singularity*(1)\n");
}

static void append_directive(const struct conf_directive *d, struct buf *out)
{
	static const char *const types[] = {
		[CONF_BOOL] = "yes or no", [CONF_UINT] = "a number", [CONF_STRING] = "text", [CONF_LIST] = "a list",
	};

	buf_append_char(out, '*');
	append_str(out, d->name);
	buf_append_str(out, "*\n\t");
	if (d->comment) {
		append_str(out, d->comment);
		buf_append_char(out, ' ');
	}
	buf_append_str(out, "Value: ");
	append_str(out, d->allowed ? d->allowed : types[d->type]);
	buf_append_str(out, "; default: ");
	append_str(out, *d->initial ? d->initial : "none");
	buf_append_str(out, ".\n\n");
}

void manual_conf(struct buf *out)
{
	buf_append_str(
		out,
		"singularity.conf(5)\n\n# NAME\n\nsingularity.conf - the site's configuration of singularity\n\n"
		"# DESCRIPTION\n\n"
		"The file holds one directive a line: _name_ = _value_. Blanks around names and values do not count. "
		"Lines\n"
		"that begin with # are comments; text behind a value belongs to it. Values are cut at commas: a "
		"directive\n"
		"that is a list takes all of them, from all its lines; of any other the first value counts. An empty "
		"value\n"
		"is as good as none. A directive that is missing takes its default, but a missing list is empty.\n\n"
		"Directives of SingularityCE that have no meaning for this program are read and checked all the same. "
		"A name\n"
		"that nobody knows is ignored with a warning. A wrong value stops every command.\n\n"
		"# DIRECTIVES\n\n");
	for (const struct conf_directive *d = conf_directives; d->name; d++)
		append_directive(d, out);
	buf_append_str(out, "# SEE ALSO\n\n*singularity*(1)\n");
}
