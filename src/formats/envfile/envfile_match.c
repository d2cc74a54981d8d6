/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Patterns (POSIX "Pattern Matching Notation"): * ? [set] and backslash. Matching goes back to the last star only, so
 * that it takes at most the product of both lengths.
 */
#include "formats/envfile/envfile_priv.h"

/* Does the set that @p starts with hold @c? *ret_end is what follows it; NULL if it is not closed, and then [ is a
 * character. */
static bool set_holds(const char *p, char c, const char **ret_end)
{
	bool negated = p[1] == '!' || p[1] == '^';
	bool found = false;
	const char *first = p + (negated ? 2 : 1);

	for (const char *at = first; *at; at++) {
		if (*at == ']' && at > first) {
			*ret_end = at + 1;
			return found != negated;
		}
		if (*at == '\\' && at[1])
			at++;

		char low = *at;
		char high = low;

		if (at[1] == '-' && at[2] && at[2] != ']') {
			at += 2;
			if (*at == '\\' && at[1])
				at++;
			high = *at;
		}
		found = found || ((unsigned char)c >= (unsigned char)low && (unsigned char)c <= (unsigned char)high);
	}
	*ret_end = NULL;
	return false;
}

/* One element of the pattern against one character; *p moves past it. */
static bool element_matches(struct shell *s, const char **p, char c)
{
	const char *end;
	bool holds;

	switch (**p) {
	case '?':
		(*p)++;
		return true;
	case '[':
		holds = set_holds(*p, c, &end);
		if (!shell_spend(s, end ? (size_t)(end - *p) : strlen(*p)) || !end)
			break;
		*p = end;
		return holds;
	case '\\':
		if ((*p)[1])
			(*p)++;
		break;
	default:
		break;
	}
	return *(*p)++ == c;
}

static bool matches(struct shell *s, const char *p, const char *text, size_t len)
{
	const char *star = NULL;
	size_t star_at = 0;
	size_t i = 0;

	while (i < len) {
		if (!shell_spend(s, 1))
			return false;
		if (*p == '*') {
			star = ++p;
			star_at = i;
			continue;
		}
		if (*p && element_matches(s, &p, text[i])) {
			i++;
			continue;
		}
		if (!star)
			return false;
		p = star;
		i = ++star_at;
	}
	while (*p == '*')
		p++;
	return *p == '\0';
}

char *shell_strip(struct shell *s, const char *value, const char *pattern, bool at_end, bool longest)
{
	size_t len = strlen(value);

	for (size_t i = 0; i <= len && !s->err; i++) {
		size_t n = longest ? len - i : i;
		const char *part = at_end ? value + len - n : value;

		if (matches(s, pattern, part, n))
			return at_end ? xstrndup(value, len - n) : xstrdup(value + n);
	}
	return xstrdup(value);
}
