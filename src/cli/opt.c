/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/opt.h"

#include <assert.h>

/* Shared by every table; its value lands in the set, not in the verb's struct. */
static const struct opt help_row = { .name = "help", .letter = 'h', .type = OPT_BOOL };

static size_t table_len(const struct opt *table)
{
	size_t n = 0;

	while (table[n].name)
		n++;
	return n;
}

void opt_begin(struct opt_set *set, const struct opt *table, void *into)
{
	size_t n = table_len(table);

	*set = (struct opt_set){ .table = table, .into = into, .given = xcalloc(n + 1, sizeof(bool)) };
	for (size_t i = 0; i < n; i++) {
		if (table[i].initial) {
			struct error *err = opt_set_value(&table[i], into, table[i].initial, true);

			assert(!err);
			error_free(err);
		}
	}
}

void opt_end(struct opt_set *set)
{
	free(set->given);
	set->given = NULL;
	strv_free(&set->deprecations);
}

void opt_release(const struct opt *table, void *into)
{
	for (const struct opt *row = table; row->name; row++) {
		if (row->type == OPT_STRINGS || row->type == OPT_STRING_ARRAY || row->type == OPT_STRING_MAP)
			strv_free((struct strv *)(void *)((char *)into + row->offset));
	}
}

static const struct opt *find_long(const struct opt_set *set, const char *name, size_t len)
{
	for (const struct opt *row = set->table; row->name; row++) {
		if (strncmp(row->name, name, len) == 0 && row->name[len] == '\0')
			return row;
	}
	return len == 4 && strncmp(name, "help", len) == 0 ? &help_row : NULL;
}

static const struct opt *find_letter(const struct opt_set *set, char letter)
{
	for (const struct opt *row = set->table; row->name; row++) {
		if (row->letter == letter)
			return row;
	}
	return letter == help_row.letter ? &help_row : NULL;
}

static bool field_given(const struct opt_set *set, const struct opt *row)
{
	for (size_t i = 0; set->table[i].name; i++) {
		if (set->table[i].offset == row->offset && set->given[i])
			return true;
	}
	return false;
}

static struct error *set_row(struct opt_set *set, const struct opt *row, const char *value)
{
	if (row == &help_row)
		return opt_bool_parse(value, &set->help);

	bool is_first = !field_given(set, row);
	struct error *err = opt_set_value(row, set->into, value, is_first);

	if (!err) {
		set->given[row - set->table] = true;
		if (row->deprecated)
			strv_addf(&set->deprecations, "Flag --%s has been deprecated, %s", row->name, row->deprecated);
		return NULL;
	}

	cleanup_free char *name = row->letter ? xasprintf("-%c, --%s", row->letter, row->name) :
						xasprintf("--%s", row->name);
	cleanup_free char *quoted = str_quote(value);

	return error_wrap(err, "invalid argument %s for \"%s\" flag", quoted, name);
}

/* @word starts with "--" and has more. *pos is the next word; moved if that is the value. */
static struct error *parse_long(struct opt_set *set, const char *word, const char *const *words, size_t *pos)
{
	const char *name = word + 2;

	if (*name == '-' || *name == '=')
		return error_new(ERR_USAGE, "bad flag syntax: %s", word);

	size_t len = strcspn(name, "=");
	const struct opt *row = find_long(set, name, len);

	if (!row)
		return error_new(ERR_USAGE, "unknown flag: --%.*s", (int)len, name);
	if (name[len] == '=')
		return set_row(set, row, name + len + 1);
	if (row->type == OPT_BOOL)
		return set_row(set, row, "true");
	if (!words[*pos])
		return error_new(ERR_USAGE, "flag needs an argument: %s", word);
	return set_row(set, row, words[(*pos)++]);
}

/* @word is "-" and letters: booleans, of which the last letter may take a value, in the same word or the next */
static struct error *parse_letters(struct opt_set *set, const char *word, const char *const *words, size_t *pos)
{
	for (const char *p = word + 1; *p; p++) {
		const struct opt *row = find_letter(set, *p);

		if (!row)
			return error_new(ERR_USAGE, "unknown shorthand flag: '%c' in -%s", *p, p);
		if (p[1] == '=' && p[2] != '\0')
			return set_row(set, row, p + 2);
		if (row->type == OPT_BOOL) {
			TRY(set_row(set, row, "true"));
			continue;
		}
		if (p[1] != '\0')
			return set_row(set, row, p + 1);
		if (!words[*pos])
			return error_new(ERR_USAGE, "flag needs an argument: '%c' in -%s", *p, p);
		return set_row(set, row, words[(*pos)++]);
	}
	return NULL;
}

struct error *opt_parse(struct opt_set *set, const char **words, bool interspersed, const char ***ret_args)
{
	size_t pos = 0;
	size_t n_args = 0; /* arguments found between options, moved to the front */

	while (words[pos]) {
		const char *word = words[pos];

		if (word[0] != '-' || word[1] == '\0') {
			if (!interspersed)
				break;
			words[n_args++] = word;
			pos++;
			continue;
		}
		pos++;
		if (str_eq(word, "--"))
			break;
		TRY(word[1] == '-' ? parse_long(set, word, words, &pos) : parse_letters(set, word, words, &pos));
	}
	*ret_args = words + pos - n_args;
	memmove(*ret_args, words, n_args * sizeof(*words));
	return NULL;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n\v\f")] == '\0';
}

/* Lists from variables: blanks around commas go, as the reference does; appended ones are kept as they are. */
static char *trim_list(const char *text)
{
	cleanup_strv struct strv parts = { 0 };
	cleanup_strv struct strv trimmed = { 0 };

	strv_split(&parts, text, ',');
	for (size_t i = 0; i < parts.n; i++)
		strv_add_take(&trimmed, str_trim(parts.items[i]));
	return strv_join(&trimmed, ",");
}

static struct error *set_from_env(const struct opt *row, void *into, const char *value, bool is_first)
{
	if (row->type == OPT_STRING_ARRAY) {
		cleanup_strv struct strv lines = { 0 };

		strv_split(&lines, value, '\n');
		for (size_t i = 0; i < lines.n; i++) {
			if (!is_blank(lines.items[i]))
				TRY(opt_set_value(row, into, lines.items[i], is_first && i == 0));
		}
		return NULL;
	}
	if (row->type != OPT_STRINGS || (row->traits & OPT_ENV_APPEND))
		return opt_set_value(row, into, value, is_first);

	cleanup_free char *trimmed = trim_list(value);

	return opt_set_value(row, into, trimmed, is_first);
}

static struct error *try_variable(struct opt_set *set, const struct opt *row, const char *variable, bool *ret_found)
{
	const char *value = secure_getenv(variable);

	*ret_found = value && !is_blank(value);
	if (!*ret_found)
		return NULL;

	bool is_first = !field_given(set, row);

	/* The reference lists such errors one per line behind its sentence, hence the line end. */
	TRY_CTX(set_from_env(row, set->into, value, is_first), "\nunable to set flag %s to value %s", row->name, value);
	set->given[row - set->table] = true;
	return NULL;
}

static struct error *apply_row(struct opt_set *set, const struct opt *row)
{
	cleanup_strv struct strv names = { 0 };

	strv_split(&names, row->env, ',');
	for (size_t i = 0; i < names.n; i++) {
		const char *bare = str_after(names.items[i], "+");
		cleanup_free char *prefixed = xasprintf("SINGULARITY_%s", bare ? bare : names.items[i]);
		bool found;

		TRY(try_variable(set, row, prefixed, &found));
		if (!found && bare)
			TRY(try_variable(set, row, bare, &found));
		if (found && !(row->traits & OPT_ENV_APPEND))
			return NULL;
	}
	return NULL;
}

struct error *opt_apply_env(struct opt_set *set)
{
	for (const struct opt *row = set->table; row->name; row++) {
		if (row->env && ((row->traits & OPT_ENV_APPEND) || !field_given(set, row)))
			TRY(apply_row(set, row));
	}
	return NULL;
}

bool opt_given(const struct opt_set *set, const char *name)
{
	const struct opt *row = find_long(set, name, strlen(name));

	assert(row && row != &help_row);
	return field_given(set, row);
}
