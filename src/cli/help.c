/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/help.h"

#include "base/num.h"

#include <pwd.h>
#include <sys/ioctl.h>

#define TEXT_GAP 3	     /* blanks between the longest option and its text */
#define WRAP_SLACK 5	     /* columns that stay free, so that a last short word need not stand alone */
#define NARROW_TEXT 24	     /* with less room than this the text goes below the option */
#define NARROW_INDENT 16
#define COMMAND_COLUMN_MIN 11

static const char support_line[] = "For additional help or support, please visit https://www.sylabs.io/docs/\n";
static const char footer_line[] = "Run 'singularity --help' for more detailed usage information.\n";

const char *help_type_word(enum opt_type type)
{
	switch (type) {
	case OPT_BOOL:
		return NULL;
	case OPT_STRING:
		return "string";
	case OPT_STRINGS:
		return "strings";
	case OPT_STRING_ARRAY:
		return "stringArray";
	case OPT_STRING_MAP:
		return "stringToString";
	case OPT_INT:
		return "int";
	case OPT_UINT32:
		return "uint32";
	}
	return NULL;
}

char *help_default(const struct opt *row)
{
	if (row->traits & OPT_HOME_DEFAULT) {
		const struct passwd *pw = getpwuid(getuid());

		return pw ? xasprintf(" (default \"%s\")", pw->pw_dir) : xstrdup("");
	}
	if (row->type == OPT_STRING_MAP)
		return xstrdup(" (default [])");
	if (!row->initial)
		return xstrdup("");
	if (row->type == OPT_STRING)
		return xasprintf(" (default \"%s\")", row->initial);
	if (row->type == OPT_STRINGS || row->type == OPT_STRING_ARRAY)
		return xasprintf(" (default [%s])", row->initial);
	return xasprintf(" (default %s)", row->initial);
}

char *help_for_help(const struct verb *verb)
{
	return xasprintf("help for %s", verb->name);
}

static int by_name(const void *a, const void *b)
{
	const struct opt *const *x = a;
	const struct opt *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

const struct opt **help_sorted_options(const struct verb *verb)
{
	static const struct opt help_row = { .name = "help", .letter = 'h', .type = OPT_BOOL };
	const struct opt **rows = xcalloc(2, sizeof(*rows));
	size_t n = 0;

	rows[n++] = &help_row;
	for (const struct opt *row = verb->options; row && row->name; row++) {
		if ((row->traits & OPT_HIDDEN) || row->deprecated)
			continue;
		rows = xreallocarray(rows, n + 2, sizeof(*rows));
		rows[n++] = row;
	}
	rows[n] = NULL;
	qsort(rows, n, sizeof(*rows), by_name);
	return rows;
}

static void append_spaces(struct buf *out, size_t n)
{
	while (n--)
		buf_append_char(out, ' ');
}

static char *left_part(const struct opt *row)
{
	struct buf left = { 0 };
	const char *word = help_type_word(row->type);

	if (row->letter)
		buf_appendf(&left, "  -%c, --%s", row->letter, row->name);
	else
		buf_appendf(&left, "      --%s", row->name);
	if (word)
		buf_appendf(&left, " %s", word);
	return buf_take(&left);
}

/* How much of @text goes on one line of @room columns; a word is never cut */
static size_t line_len(const char *text, size_t room)
{
	size_t len = strlen(text);

	if (len < room + WRAP_SLACK)
		return len;
	for (size_t end = room; end-- > 1;) {
		if (text[end] == ' ')
			return end;
	}
	return len;
}

static void append_wrapped(struct buf *out, const char *text, size_t indent, size_t width)
{
	if (width < indent + NARROW_TEXT) {
		indent = NARROW_INDENT;
		buf_append_char(out, '\n');
		append_spaces(out, indent);
	}
	if (width < indent + NARROW_TEXT) {
		buf_append_str(out, text);
		return;
	}
	for (;;) {
		size_t len = line_len(text, width - indent - WRAP_SLACK);

		buf_append(out, text, len);
		text += len;
		if (*text == '\0')
			return;
		text++;
		buf_append_char(out, '\n');
		append_spaces(out, indent);
	}
}

void help_options(const struct verb *verb, size_t width, struct buf *out)
{
	cleanup_free const struct opt **rows = help_sorted_options(verb);
	cleanup_strv struct strv left = { 0 };
	size_t longest = 0;

	for (size_t i = 0; rows[i]; i++) {
		strv_add_take(&left, left_part(rows[i]));
		if (strlen(left.items[i]) > longest)
			longest = strlen(left.items[i]);
	}
	for (size_t i = 0; rows[i]; i++) {
		cleanup_free char *suffix = help_default(rows[i]);
		cleanup_free char *text =
			rows[i]->help ? xasprintf("%s%s", rows[i]->help, suffix) : help_for_help(verb);

		buf_append_str(out, left.items[i]);
		append_spaces(out, longest + TEXT_GAP - strlen(left.items[i]));
		append_wrapped(out, text, longest + TEXT_GAP, width);
		buf_append_char(out, '\n');
	}
}

static void append_indented(struct buf *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len)
			buf_append_str(out, "  ");
		buf_append(out, text, len);
		buf_append_char(out, '\n');
		text += len;
		if (*text)
			text++;
	}
}

static void append_command_table(struct buf *out, const struct verb *group)
{
	size_t column = COMMAND_COLUMN_MIN;

	buf_append_str(out, "\nAvailable Commands:\n");
	for (size_t i = 0; group->verbs[i]; i++) {
		if (strlen(group->verbs[i]->name) > column)
			column = strlen(group->verbs[i]->name);
	}
	for (size_t i = 0; group->verbs[i]; i++) {
		if (!group->verbs[i]->hidden)
			buf_appendf(out, "  %-*s %s\n", (int)column, group->verbs[i]->name, group->verbs[i]->brief);
	}
}

void help_text(const struct verb_path *path, struct buf *out)
{
	const struct verb *verb = verb_last(path);

	if (path->n == 1) {
		buf_appendf(out, "\nUsage:\n  %s\n", verb->use);
	} else {
		struct verb_path parents = *path;

		parents.n--;
		cleanup_free char *command = verb_command(&parents);

		buf_appendf(out, "%s\n\nUsage:\n  %s %s\n", verb->brief, command, verb->use);
	}
	buf_append_str(out, "\nDescription:\n");
	append_indented(out, verb->description);
	buf_append_str(out, "\nOptions:\n");
	help_options(verb, HELP_WIDTH, out);
	if (verb->verbs)
		append_command_table(out, verb);
	else
		buf_append_char(out, '\n');
	if (verb->examples) {
		buf_append_str(out, "\nExamples:\n");
		append_indented(out, verb->examples);
	}
	buf_appendf(out, "\n\n%s", support_line);
}

/* COLUMNS, else the terminal that stdout is, else 80 */
static size_t usage_width(void)
{
	const char *columns = secure_getenv("COLUMNS");
	struct winsize size;
	uint32_t value;

	if (columns && num_parse_u32(columns, UINT16_MAX, &value) && value)
		return value;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return HELP_WIDTH;
}

void help_usage_footer(struct buf *out)
{
	buf_appendf(out, "\n%s", footer_line);
}

void help_bad_option(const struct verb_path *path, const char *message, struct buf *out)
{
	const struct verb *verb = verb_last(path);

	buf_appendf(out, "Error for command \"%s\": %s\n\nOptions for %s command:\n\n", verb->name, message,
		    verb->name);
	help_options(verb, usage_width(), out);
	help_usage_footer(out);
}

void help_usage(const struct verb_path *path, struct buf *out)
{
	const struct verb *verb = verb_last(path);

	buf_append_str(out, "Usage:\n ");
	for (size_t i = 0; i < path->n; i++)
		buf_appendf(out, " %s", path->verbs[i]->use);
	if (verb->verbs)
		buf_append_str(out, " <command>\n\nAvailable Commands:");
	buf_append_char(out, '\n');
	for (size_t i = 0; verb->verbs && verb->verbs[i]; i++) {
		if (!verb->verbs[i]->hidden && !str_eq(verb->verbs[i]->name, "help"))
			buf_appendf(out, "  %s\n", verb->verbs[i]->name);
	}
}

void help_bad_usage(const struct verb_path *path, const char *message, struct buf *out)
{
	buf_appendf(out, "Error for command \"%s\": %s\n\n", verb_last(path)->name, message);
	help_usage(path, out);
	help_usage_footer(out);
}

void help_bad_command(const char *word, struct buf *out)
{
	const struct verb_path root = { .verbs = { &verb_root }, .n = 1 };
	cleanup_free char *quoted = str_quote(word);
	cleanup_strv struct strv names = { 0 };

	verb_suggest(&verb_root, word, &names);
	buf_appendf(out, "Error: unknown command %s for \"%s\"\n\n", quoted, verb_root.name);
	if (names.n)
		buf_append_str(out, "Did you mean this?\n");
	for (size_t i = 0; i < names.n; i++)
		buf_appendf(out, "\t%s\n", names.items[i]);
	if (names.n)
		buf_append_str(out, "\n\n");
	help_usage(&root, out);
	help_usage_footer(out);
}
