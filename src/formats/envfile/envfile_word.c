/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Words: quoting and expansion (POSIX "Quoting", "Word Expansions"). A word is read by one of three loops that differ
 * in what ends it: a blank or an operator, a double quote, or the closing brace (parentheses) of an expansion.
 */
#include "formats/envfile/envfile_priv.h"

#include <ctype.h>
#include <inttypes.h>

/* Where the text of a word goes. */
struct sink {
	struct buf text;
	struct strv *fields; /* NULL: one text */
	bool is_word;	     /* the current field exists even if it is empty: something was quoted */
	bool is_pattern;     /* quoted characters get a backslash */
};

static void expansion(struct shell *s, struct sink *out, bool quoted);

static void put(struct shell *s, struct sink *out, char c, bool quoted)
{
	if (!shell_spend(s, 1))
		return;
	if (out->text.len >= 2 * ENVFILE_VALUE_MAX) {
		shell_fail(s, ERR_LIMIT, "a value is longer than %d bytes", ENVFILE_VALUE_MAX);
		return;
	}
	if (out->is_pattern && quoted)
		buf_append_char(&out->text, '\\');
	buf_append_char(&out->text, c);
}

static void end_field(struct shell *s, struct sink *out)
{
	bool exists = out->text.len > 0 || out->is_word;

	if (exists && out->fields->n >= ENVFILE_FIELDS_MAX)
		shell_fail(s, ERR_LIMIT, "more than %d arguments", ENVFILE_FIELDS_MAX);
	else if (exists)
		strv_add(out->fields, buf_str(&out->text));
	buf_clear(&out->text);
	out->is_word = false;
}

/* What an expansion gave. Unquoted in an argument it is cut at blanks. */
static void put_expanded(struct shell *s, struct sink *out, const char *text, bool quoted)
{
	for (; *text && !s->err; text++) {
		if (out->fields && !quoted && strchr(" \t\n", *text) && shell_spend(s, 1))
			end_field(s, out);
		else
			put(s, out, *text, quoted);
	}
}

size_t shell_name_length(const char *text)
{
	size_t n = 0;

	if (!isalpha((unsigned char)text[0]) && text[0] != '_')
		return 0;
	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return n;
}

void shell_skip_joined(struct shell *s)
{
	while (s->at[0] == '\\' && s->at[1] == '\n')
		s->at += 2;
}

static void single_quoted(struct shell *s, struct sink *out)
{
	for (s->at++; *s->at && *s->at != '\'' && !s->err; s->at++)
		put(s, out, *s->at, true);
	if (!s->err && !*s->at)
		shell_fail(s, ERR_USAGE, "a quote ' is not closed");
	if (!s->err)
		s->at++;
	out->is_word = true;
}

/* After a backslash inside double quotes only these lose their meaning; before others the backslash stays. */
static void escaped_in_double(struct shell *s, struct sink *out)
{
	s->at++;
	if (*s->at == '\n') {
		s->at++;
		return;
	}
	if (!*s->at || !strchr("$`\"\\", *s->at)) {
		put(s, out, '\\', true);
		return;
	}
	put(s, out, *s->at++, true);
}

static void double_quoted(struct shell *s, struct sink *out)
{
	out->is_word = true;
	for (s->at++; *s->at && *s->at != '"' && !s->err;) {
		if (*s->at == '\\')
			escaped_in_double(s, out);
		else if (*s->at == '$' || *s->at == '`')
			expansion(s, out, true);
		else
			put(s, out, *s->at++, true);
	}
	if (!s->err && !*s->at)
		shell_fail(s, ERR_USAGE, "a quote \" is not closed");
	if (!s->err)
		s->at++;
}

static void escaped(struct shell *s, struct sink *out)
{
	s->at++;
	if (*s->at == '\n') {
		s->at++;
		return;
	}
	if (*s->at) {
		put(s, out, *s->at++, true);
		out->is_word = true;
	}
}

/* One step through text that is not in double quotes. */
static void unquoted(struct shell *s, struct sink *out)
{
	switch (*s->at) {
	case '\'':
		single_quoted(s, out);
		break;
	case '"':
		double_quoted(s, out);
		break;
	case '\\':
		escaped(s, out);
		break;
	case '$':
	case '`':
		expansion(s, out, false);
		break;
	default:
		put(s, out, *s->at++, false);
	}
}

/* The ~ at hand, if there is a home. */
static void put_home(struct shell *s, struct sink *out)
{
	const char *home = shell_get(s, "HOME");

	if (!home)
		return;
	s->at++;
	put_expanded(s, out, home, true);
}

/* The word of ${name-word}, up to and past its brace. In double quotes a ' is a character like others, but not in a
 * pattern. */
static void operand(struct shell *s, struct sink *out, bool quoted)
{
	bool plain_text = quoted && !out->is_pattern;

	if (!plain_text && *s->at == '~' && (s->at[1] == '}' || s->at[1] == '/'))
		put_home(s, out);
	while (*s->at && *s->at != '}' && !s->err) {
		if (!plain_text)
			unquoted(s, out);
		else if (*s->at == '\\')
			escaped_in_double(s, out);
		else if (*s->at == '"')
			double_quoted(s, out);
		else if (*s->at == '$' || *s->at == '`')
			expansion(s, out, true);
		else
			put(s, out, *s->at++, true);
	}
	if (!s->err && !*s->at)
		shell_fail(s, ERR_USAGE, "${ is not closed");
	if (!s->err)
		s->at++;
}

/* An operand that is read but not used. */
static void skip_operand(struct shell *s, bool quoted)
{
	struct sink nothing = { 0 };

	s->skipping++;
	operand(s, &nothing, quoted);
	s->skipping--;
	buf_free(&nothing.text);
}

static char *take_operand(struct shell *s, bool quoted, bool is_pattern)
{
	struct sink sink = { .is_pattern = is_pattern };

	operand(s, &sink, quoted);
	return buf_take(&sink.text);
}

/* ${name:-word} and its relatives: @op is one of - = + ?, @colon says that empty counts as unset. */
static void conditional(struct shell *s, struct sink *out, const char *name, const char *value, bool colon, bool quoted)
{
	bool is_set = value && !(colon && !*value);
	char op = *s->at++;

	if (op == '+' ? !is_set : is_set) {
		skip_operand(s, quoted);
		if (op != '+')
			put_expanded(s, out, value, quoted);
		return;
	}

	cleanup_free char *word = take_operand(s, quoted, false);

	if (s->err || s->skipping)
		return;
	if (op == '?')
		shell_fail(s, ERR_USAGE, "%s: %s", name, *word ? word : "parameter not set");
	else if (op == '=')
		shell_set(s, name, word);
	put_expanded(s, out, word, quoted);
}

static void strip(struct shell *s, struct sink *out, const char *value, bool quoted)
{
	char op = *s->at++;
	bool longest = *s->at == op;

	if (longest)
		s->at++;

	cleanup_free char *pattern = take_operand(s, quoted, true);

	if (s->err || s->skipping)
		return;

	cleanup_free char *rest = shell_strip(s, value ? value : "", pattern, op == '%', longest);

	put_expanded(s, out, rest, quoted);
}

static void put_number(struct shell *s, struct sink *out, int64_t number)
{
	cleanup_free char *digits = xasprintf("%" PRId64, number);

	put_expanded(s, out, digits, true);
}

/* ${#name} */
static void length(struct shell *s, struct sink *out)
{
	size_t len = shell_name_length(s->at + 1);
	cleanup_free char *name = xstrndup(s->at + 1, len);
	const char *value = shell_get(s, name);

	if (len == 0 || s->at[1 + len] != '}') {
		shell_fail(s, ERR_USAGE, "bad substitution");
		return;
	}
	s->at += len + 2;
	put_number(s, out, value ? (int64_t)strlen(value) : 0);
}

static void braces(struct shell *s, struct sink *out, bool quoted)
{
	if (*s->at == '#' && s->at[1] != '}') {
		length(s, out);
		return;
	}

	size_t len = shell_name_length(s->at);
	cleanup_free char *name = xstrndup(s->at, len);
	/* A copy: what the operand does may change the variable. */
	const char *found = shell_get(s, name);
	cleanup_free char *value = found ? xstrdup(found) : NULL;
	bool colon = s->at[len] == ':';

	if (len == 0) {
		shell_fail(s, ERR_USAGE, "bad substitution");
		return;
	}
	s->at += len + (colon ? 1 : 0);
	if (*s->at == '}' && !colon) {
		s->at++;
		put_expanded(s, out, value ? value : "", quoted);
	} else if (*s->at && strchr("-=+?", *s->at)) {
		conditional(s, out, name, value, colon, quoted);
	} else if ((*s->at == '#' || *s->at == '%') && !colon) {
		strip(s, out, value, quoted);
	} else {
		shell_fail(s, ERR_USAGE, "bad substitution");
	}
}

/* The expression of $(( )), its expansions made, up to and past the closing parentheses. */
static void arithmetic(struct shell *s, struct sink *out)
{
	struct sink expression = { 0 };
	unsigned int open = 0;
	const char *start = s->at;

	while (*s->at && (open > 0 || *s->at != ')') && !s->err) {
		if (*s->at == '(')
			open++;
		else if (*s->at == ')')
			open--;
		if (*s->at == '$' || *s->at == '`')
			expansion(s, &expression, true);
		else
			put(s, &expression, *s->at++, false);
	}
	if (!s->err && (s->at[0] != ')' || s->at[1] != ')')) {
		s->at = start;
		shell_fail(s, ERR_USAGE, "$(( is not closed");
	}
	if (!s->err) {
		s->at += 2;
		if (!s->skipping)
			put_number(s, out, shell_arithmetic(s, buf_str(&expression.text)));
	}
	buf_free(&expression.text);
}

/* $(command) and `command`: nothing is run. Read only to be passed over where it would not have been run either. */
static void command(struct shell *s, char closing)
{
	const char *start = s->at + strspn(s->at, " \t\n");
	unsigned int open = 0;

	if (!s->skipping && *start != closing) {
		int len = (int)strcspn(start, closing == '`' ? " \t\n`" : " \t\n)");

		shell_fail(s, ERR_USAGE, "could not execute \"%.*s\": execution is disabled", len, start);
		return;
	}
	for (; *s->at && (open > 0 || *s->at != closing); s->at++) {
		if (*s->at == '(')
			open++;
		else if (*s->at == ')' && open > 0)
			open--;
		else if (*s->at == '\\' && s->at[1])
			s->at++;
	}
	if (!*s->at)
		shell_fail(s, ERR_USAGE, "a command substitution is not closed");
	else
		s->at++;
}

static void named(struct shell *s, struct sink *out, bool quoted)
{
	size_t len = shell_name_length(s->at);
	cleanup_free char *name = xstrndup(s->at, len);
	const char *value = shell_get(s, name);
	cleanup_free char *copy = xstrdup(value ? value : "");

	s->at += len;
	put_expanded(s, out, copy, quoted);
}

/* $?, $#, and the parameters that a script without arguments does not have. False if @c names none. */
static bool special(struct shell *s, struct sink *out, char c)
{
	if (c == '?' || c == '#')
		put_number(s, out, c == '?' ? s->status : 0);
	else if (c == '\0' || !strchr("@*0123456789", c))
		return false;
	s->at++;
	return true;
}

static void expansion_at(struct shell *s, struct sink *out, bool quoted)
{
	char c = *++s->at;

	if (s->at[-1] == '`') {
		command(s, '`');
	} else if (c == '(' && s->at[1] == '(') {
		s->at += 2;
		arithmetic(s, out);
	} else if (c == '(') {
		s->at++;
		command(s, ')');
	} else if (c == '{') {
		s->at++;
		braces(s, out, quoted);
	} else if (shell_name_length(s->at) > 0) {
		named(s, out, quoted);
	} else if (c == '$' || c == '!') {
		shell_fail(s, ERR_USAGE, "$%c has no value here", c);
	} else if (!special(s, out, c)) {
		put(s, out, '$', quoted);
	}
}

static void expansion(struct shell *s, struct sink *out, bool quoted)
{
	if (!shell_enter(s))
		return;
	expansion_at(s, out, quoted);
	shell_leave(s);
}

static bool ends_word(char c)
{
	return c == '\0' || strchr(" \t\n;&|<>()", c) != NULL;
}

/* ~ and ~/path at the start of a word, or after a colon of a value, stand for the home directory. */
static void tilde(struct shell *s, struct sink *out, bool at_start)
{
	bool after_colon = !out->fields && s->at > s->text && s->at[-1] == ':';

	if (*s->at != '~' || !(at_start || after_colon) || !(ends_word(s->at[1]) || strchr("/:", s->at[1])))
		return;
	put_home(s, out);
}

static void read_word(struct shell *s, struct sink *out)
{
	const char *start = s->at;

	while (!s->err) {
		shell_skip_joined(s);
		tilde(s, out, s->at == start);
		if (s->at[0] == '\r' && s->at[1] == '\n')
			break;
		if (ends_word(*s->at))
			break;
		unquoted(s, out);
	}
}

void shell_value(struct shell *s, struct buf *ret_value)
{
	struct sink out = { 0 };

	read_word(s, &out);
	*ret_value = out.text;
}

void shell_fields(struct shell *s, struct strv *fields)
{
	struct sink out = { .fields = fields };

	read_word(s, &out);
	end_field(s, &out);
	buf_free(&out.text);
}
