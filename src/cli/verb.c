/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/verb.h"

#include <strings.h>

/* Longer words are no misspelt command. */
#define SUGGEST_WORD_MAX 64

const struct verb *verb_find(const struct verb *group, const char *word)
{
	for (size_t i = 0; group->verbs && group->verbs[i]; i++) {
		const struct verb *verb = group->verbs[i];

		if (str_eq(verb->name, word) || (verb->alias && str_eq(verb->alias, word)))
			return verb;
	}
	return NULL;
}

const struct verb *verb_last(const struct verb_path *path)
{
	return path->verbs[path->n - 1];
}

char *verb_command(const struct verb_path *path)
{
	cleanup_strv struct strv words = { 0 };

	for (size_t i = 0; i < path->n; i++)
		strv_add(&words, path->verbs[i]->name);
	return strv_join(&words, " ");
}

/* Levenshtein distance of short words, letters without case; one row of the table is kept. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[SUGGEST_WORD_MAX + 1];
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];
			size_t best = diagonal + (strncasecmp(&a[i - 1], &b[j - 1], 1) != 0);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[n];
}

void verb_suggest(const struct verb *group, const char *word, struct strv *ret_names)
{
	size_t len = strlen(word);

	if (len > SUGGEST_WORD_MAX)
		return;
	for (size_t i = 0; group->verbs && group->verbs[i]; i++) {
		const struct verb *verb = group->verbs[i];

		if (!verb->hidden && (strncasecmp(verb->name, word, len) == 0 || edit_distance(word, verb->name) <= 2))
			strv_add(ret_names, verb->name);
	}
}

struct error *verb_check_args(const struct verb *verb, size_t n)
{
	if (n >= verb->min_args && n <= verb->max_args)
		return NULL;
	if (verb->max_args == VERB_ANY_ARGS)
		return error_new(ERR_USAGE, "requires at least %zu arg(s), only received %zu", verb->min_args, n);
	if (verb->min_args == verb->max_args)
		return error_new(ERR_USAGE, "accepts %zu arg(s), received %zu", verb->min_args, n);
	if (verb->min_args == 0)
		return error_new(ERR_USAGE, "accepts at most %zu arg(s), received %zu", verb->max_args, n);
	return error_new(ERR_USAGE, "accepts between %zu and %zu arg(s), received %zu", verb->min_args, verb->max_args,
			 n);
}
