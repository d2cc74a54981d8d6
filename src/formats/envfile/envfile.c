/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands: lists, && and ||, if, assignments, and the few built-in commands that make sense in a file of variables.
 */
#include "formats/envfile/envfile_priv.h"

#include "base/num.h"

#include <ctype.h>

/* A shell has these for itself. */
static const char *const not_taken[] = { "EUID", "GID", "HOME", "IFS", "OPTIND", "PWD", "UID" };

static void list(struct shell *s);

void shell_fail(struct shell *s, enum error_kind kind, const char *fmt, ...)
{
	unsigned int line = 1;
	va_list ap;

	if (s->err)
		return;
	for (const char *c = s->text; c < s->at; c++)
		line += *c == '\n';
	va_start(ap, fmt);

	cleanup_free char *text = xvasprintf(fmt, ap);

	va_end(ap);
	s->err = error_new(kind, "line %u: %s", line, text);
}

bool shell_spend(struct shell *s, size_t n)
{
	if (s->err)
		return false;
	if (n > ENVFILE_WORK_MAX - s->work) {
		shell_fail(s, ERR_LIMIT, "the script takes too long");
		return false;
	}
	s->work += (unsigned int)n;
	return true;
}

bool shell_enter(struct shell *s)
{
	if (s->err)
		return false;
	if (s->depth >= ENVFILE_DEPTH_MAX) {
		shell_fail(s, ERR_LIMIT, "nested deeper than %d", ENVFILE_DEPTH_MAX);
		return false;
	}
	s->depth++;
	return true;
}

void shell_leave(struct shell *s)
{
	s->depth--;
}

const char *shell_get(struct shell *s, const char *name)
{
	const char *value;

	/* What looking costs. */
	if (!shell_spend(s, s->vars.n + s->unset.n))
		return NULL;
	value = strv_getenv(&s->vars, name);
	if (value || strv_has(&s->unset, name))
		return value;
	return s->lookup(s->ctx, name);
}

void shell_set(struct shell *s, const char *name, const char *value)
{
	if (s->skipping || !shell_spend(s, s->vars.n))
		return;
	if (strlen(value) > ENVFILE_VALUE_MAX)
		shell_fail(s, ERR_LIMIT, "%s is longer than %d bytes", name, ENVFILE_VALUE_MAX);
	else if (s->vars.n >= ENVFILE_VARS_MAX && !strv_getenv(&s->vars, name))
		shell_fail(s, ERR_LIMIT, "more than %d variables", ENVFILE_VARS_MAX);
	else
		strv_setenv(&s->vars, name, value);
}

void shell_unset(struct shell *s, const char *name)
{
	struct strv kept = { 0 };
	size_t len = strlen(name);

	if (s->skipping || !shell_spend(s, s->vars.n + s->unset.n))
		return;
	for (size_t i = 0; i < s->vars.n; i++) {
		char *item = s->vars.items[i];

		if (strncmp(item, name, len) == 0 && item[len] == '=')
			free(item);
		else
			strv_add_take(&kept, item);
	}
	free(s->vars.items);
	s->vars = kept;
	if (strv_has(&s->unset, name))
		return;
	if (s->unset.n >= ENVFILE_VARS_MAX)
		shell_fail(s, ERR_LIMIT, "more than %d variables", ENVFILE_VARS_MAX);
	else
		strv_add(&s->unset, name);
}

static void skip_blanks(struct shell *s)
{
	for (;;) {
		shell_skip_joined(s);
		if (*s->at == '#') {
			s->at += strcspn(s->at, "\n");
			return;
		}
		if (*s->at != ' ' && *s->at != '\t' && !(s->at[0] == '\r' && s->at[1] == '\n'))
			return;
		s->at++;
	}
}

static void skip_lines(struct shell *s)
{
	for (skip_blanks(s); *s->at == '\n'; skip_blanks(s))
		s->at++;
}

/* Is the unquoted word @word at hand? */
static bool at_word(const struct shell *s, const char *word)
{
	size_t len = strlen(word);

	return str_starts(s->at, word) && (s->at[len] == '\0' || strchr(" \t\r\n;&|<>()", s->at[len]));
}

static bool accept_word(struct shell *s, const char *word)
{
	if (s->err || !at_word(s, word))
		return false;
	s->at += strlen(word);
	return true;
}

static bool at_end_of_list(const struct shell *s)
{
	return *s->at == '\0' || at_word(s, "then") || at_word(s, "elif") || at_word(s, "else") || at_word(s, "fi");
}

/* Length of NAME in NAME=value or NAME+=value at hand, 0 if there is no assignment. */
static size_t assignment_at(const struct shell *s)
{
	size_t len = shell_name_length(s->at);

	if (len > 0 && (s->at[len] == '=' || (s->at[len] == '+' && s->at[len + 1] == '=')))
		return len;
	return 0;
}

static void assignment(struct shell *s, size_t name_len)
{
	cleanup_free char *name = xstrndup(s->at, name_len);
	cleanup_buf struct buf value = { 0 };
	bool appends = s->at[name_len] == '+';

	s->at += name_len + (appends ? 2 : 1);
	if (*s->at == '(') {
		shell_fail(s, ERR_USAGE, "%s: arrays are not supported", name);
		return;
	}
	shell_value(s, &value);
	if (s->err || s->skipping)
		return;

	const char *old = appends ? shell_get(s, name) : NULL;
	cleanup_free char *whole = xasprintf("%s%s", old ? old : "", buf_str(&value));

	shell_set(s, name, whole);
	s->status = 0;
}

/* `< file` and the like: looked at only to name the file. */
static void redirection(struct shell *s)
{
	cleanup_buf struct buf path = { 0 };

	s->at += strspn(s->at, "0123456789");
	s->at += strspn(s->at, "<>&|-");
	skip_blanks(s);
	shell_value(s, &path);
	if (!s->skipping)
		shell_fail(s, ERR_USAGE, "could not open/create/modify \"%s\": file feature is disabled",
			   buf_str(&path));
}

static bool redirection_at(const struct shell *s)
{
	size_t digits = strspn(s->at, "0123456789");

	return s->at[digits] == '<' || s->at[digits] == '>';
}

/* Unquoted assignments were made as they were read; "NAME=value" in quotes is an argument. */
static void command_export(struct shell *s, const struct strv *args)
{
	for (size_t i = 1; i < args->n && !s->err; i++) {
		const char *arg = args->items[i];
		size_t len = shell_name_length(arg);
		cleanup_free char *name = xstrndup(arg, len);

		if (arg[0] != '-' && (len == 0 || (arg[len] != '=' && arg[len] != '\0')))
			shell_fail(s, ERR_USAGE, "%s: %s is no name", args->items[0], arg);
		else if (arg[len] == '=')
			shell_set(s, name, arg + len + 1);
	}
	s->status = 0;
}

static void command_unset(struct shell *s, const struct strv *args)
{
	for (size_t i = 1; i < args->n; i++)
		if (args->items[i][0] != '-')
			shell_unset(s, args->items[i]);
	s->status = 0;
}

static void command_exit(struct shell *s, const struct strv *args)
{
	uint32_t status = (uint32_t)s->status;

	if (args->n > 1 && !num_parse_u32(args->items[1], 255, &status))
		shell_fail(s, ERR_USAGE, "%s: %s is no exit status", args->items[0], args->items[1]);
	else if (status)
		shell_fail(s, ERR_USAGE, "exit status %u", status);
	s->finished = true;
}

static void command_source(struct shell *s, const struct strv *args)
{
	shell_fail(s, ERR_USAGE, "could not open/create/modify \"%s\": file feature is disabled",
		   args->n > 1 ? args->items[1] : "");
}

static void command_true(struct shell *s, const struct strv *args)
{
	(void)args;
	s->status = 0;
}

static void command_false(struct shell *s, const struct strv *args)
{
	(void)args;
	s->status = 1;
}

/* Everything is exported anyway, and nothing here depends on the options of set. */
static const struct {
	const char *name;
	void (*run)(struct shell *s, const struct strv *args);
} builtins[] = {
	{ ":", command_true },	      { "true", command_true },	    { "false", command_false },
	{ "set", command_true },      { "export", command_export }, { "readonly", command_export },
	{ "unset", command_unset },   { "test", shell_test },	    { "[", shell_test },
	{ "exit", command_exit },     { "return", command_exit },   { ".", command_source },
	{ "source", command_source },
};

static void run_command(struct shell *s, const struct strv *args)
{
	if (s->err || s->skipping || args->n == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
		if (str_eq(args->items[0], builtins[i].name)) {
			builtins[i].run(s, args);
			return;
		}
	}
	shell_fail(s, ERR_USAGE, "could not execute \"%s\": execution is disabled", args->items[0]);
}

static bool takes_assignments(const struct strv *args)
{
	return args->n == 0 || str_eq(args->items[0], "export") || str_eq(args->items[0], "readonly");
}

static void simple_command(struct shell *s)
{
	cleanup_strv struct strv args = { 0 };
	const char *start = s->at;

	for (skip_blanks(s); !s->err && *s->at && !strchr("\n;&|()", *s->at); skip_blanks(s)) {
		size_t name_len = assignment_at(s);

		if (!shell_spend(s, 1))
			return;
		if (redirection_at(s))
			redirection(s);
		else if (name_len > 0 && takes_assignments(&args))
			assignment(s, name_len);
		else
			shell_fields(s, &args);
	}
	if (!s->err && (s->at == start || *s->at == '(' || *s->at == ')'))
		shell_fail(s, ERR_USAGE, "unexpected \"%c\"", *s->at);
	run_command(s, &args);
}

static void refuse_syntax(struct shell *s)
{
	static const char *const words[] = { "while", "until", "for", "case", "function", "select", "{", "[[" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (at_word(s, words[i]))
			shell_fail(s, ERR_USAGE, "%s is not supported in environment files", words[i]);
}

static void expect_word(struct shell *s, const char *word)
{
	if (!s->err && !s->finished && !accept_word(s, word))
		shell_fail(s, ERR_USAGE, "expected \"%s\"", word);
}

/* A branch; @taken says whether it has an effect. */
static void branch(struct shell *s, bool taken)
{
	if (!taken)
		s->skipping++;
	list(s);
	if (!taken)
		s->skipping--;
}

/* After "if": conditions and branches up to "fi". */
static void if_command(struct shell *s)
{
	bool was_taken = false;
	bool has_else = false;

	do {
		branch(s, !was_taken);
		expect_word(s, "then");

		bool taken = !was_taken && s->status == 0;

		/* Without a branch to take, the status is that of success. */
		if (!was_taken && !s->skipping)
			s->status = 0;
		branch(s, taken);
		was_taken = was_taken || taken;
	} while (accept_word(s, "elif"));
	has_else = accept_word(s, "else");
	if (has_else)
		branch(s, !was_taken);
	expect_word(s, "fi");
	skip_blanks(s);
	if (!s->err && !s->finished && *s->at && !strchr("\n;&|", *s->at))
		shell_fail(s, ERR_USAGE, "unexpected word after \"fi\"");
}

static void command(struct shell *s)
{
	bool negated = false;

	skip_blanks(s);
	while (accept_word(s, "!")) {
		negated = !negated;
		skip_blanks(s);
	}
	refuse_syntax(s);
	if (!shell_enter(s))
		return;
	if (accept_word(s, "if"))
		if_command(s);
	else
		simple_command(s);
	shell_leave(s);
	if (negated && !s->skipping)
		s->status = !s->status;
}

static void and_or(struct shell *s)
{
	command(s);
	for (skip_blanks(s); !s->err && (str_starts(s->at, "&&") || str_starts(s->at, "||")); skip_blanks(s)) {
		bool run = (s->at[0] == '&') == (s->status == 0);

		s->at += 2;
		skip_lines(s);
		if (!run || s->finished)
			s->skipping++;
		command(s);
		if (!run || s->finished)
			s->skipping--;
	}
}

static void list(struct shell *s)
{
	for (skip_lines(s); !s->err && !s->finished && !at_end_of_list(s); skip_lines(s)) {
		and_or(s);
		skip_blanks(s);
		if (s->err || s->finished)
			return;
		if (*s->at == ';')
			s->at++;
		else if (*s->at == '|' || *s->at == '&')
			shell_fail(s, ERR_USAGE,
				   *s->at == '|' ? "pipes are not supported" : "no command runs in the background");
		else if (*s->at && *s->at != '\n')
			shell_fail(s, ERR_USAGE, "unexpected \"%c\"", *s->at);
	}
}

static void take_assigned(const struct shell *s, struct strv *ret_assigned)
{
	for (size_t i = 0; i < s->vars.n; i++) {
		size_t len = strcspn(s->vars.items[i], "=");
		bool taken = true;

		for (size_t j = 0; j < ARRAY_LEN(not_taken); j++)
			if (strlen(not_taken[j]) == len && strncmp(s->vars.items[i], not_taken[j], len) == 0)
				taken = false;
		if (taken)
			strv_add(ret_assigned, s->vars.items[i]);
	}
}

struct error *envfile_eval(const char *text, envfile_lookup *lookup, void *ctx, struct strv *ret_assigned)
{
	struct shell s = { .text = text, .at = text, .lookup = lookup, .ctx = ctx };

	list(&s);
	if (!s.err && !s.finished && *s.at)
		shell_fail(&s, ERR_USAGE, "unexpected \"%.*s\"", (int)strcspn(s.at, " \t\n;"), s.at);
	if (!s.err)
		take_assigned(&s, ret_assigned);
	strv_free(&s.vars);
	strv_free(&s.unset);
	return s.err;
}
