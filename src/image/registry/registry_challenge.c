/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/registry/registry_challenge.h"

#include <ctype.h>
#include <strings.h>

static bool is_token_char(char c)
{
	return c != '\0' && (isalnum((unsigned char)c) || strchr("!#$%&'*+-.^_`|~:/@", c));
}

static size_t token_len(const char *s)
{
	size_t len = 0;

	while (is_token_char(s[len]))
		len++;
	return len;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* Reads a quoted string, *s on its first quote; backslashes quote the next character. A missing end is forgiven. */
static char *read_quoted(const char **s)
{
	cleanup_buf struct buf value = { 0 };
	const char *at = *s + 1;

	while (*at && *at != '"') {
		if (*at == '\\' && at[1])
			at++;
		buf_append_char(&value, *at++);
	}
	*s = *at ? at + 1 : at;
	return buf_take(&value);
}

/* An unquoted value ends at a comma or blank. */
static char *read_bare(const char **s)
{
	size_t len = strcspn(*s, ", \t");
	char *value = xstrndup(*s, len);

	*s += len;
	return value;
}

/* Takes @value; the first of a name counts. */
static void keep_param(struct registry_challenge *challenge, const char *name, size_t len, char *value)
{
	cleanup_free char *owned = value;
	char **where = NULL;

	if (len == 5 && strncasecmp(name, "realm", len) == 0)
		where = &challenge->realm;
	else if (len == 7 && strncasecmp(name, "service", len) == 0)
		where = &challenge->service;
	else if (len == 5 && strncasecmp(name, "scope", len) == 0)
		where = &challenge->scope;
	if (where && !*where)
		*where = take_ptr(&owned);
}

static enum registry_scheme scheme_of(const char *name, size_t len)
{
	if (len == 5 && strncasecmp(name, "basic", len) == 0)
		return REGISTRY_SCHEME_BASIC;
	if (len == 6 && strncasecmp(name, "bearer", len) == 0)
		return REGISTRY_SCHEME_BEARER;
	return REGISTRY_SCHEME_OTHER;
}

/* Puts a finished challenge in the place of the chosen one if it is better; takes what @candidate owns either way. */
static void offer(struct registry_challenge *chosen, struct registry_challenge *candidate)
{
	bool usable = candidate->scheme == REGISTRY_SCHEME_BASIC || candidate->scheme == REGISTRY_SCHEME_BEARER;

	if (chosen->scheme == REGISTRY_SCHEME_NONE || (chosen->scheme == REGISTRY_SCHEME_OTHER && usable)) {
		registry_challenge_clear(chosen);
		*chosen = *candidate;
		*candidate = (struct registry_challenge){ 0 };
		return;
	}
	registry_challenge_clear(candidate);
}

void registry_challenge_parse(const char *header, struct registry_challenge *challenge)
{
	struct registry_challenge current = { 0 };
	const char *s = header;

	while (*(s += strspn(s, ", \t"))) {
		size_t len = token_len(s);
		const char *after = skip_blanks(s + len);

		if (len == 0) {
			s++; /* nothing of ours; go on behind it */
		} else if (*after == '=') {
			const char *name = s;

			s = skip_blanks(after + 1);
			keep_param(&current, name, len, *s == '"' ? read_quoted(&s) : read_bare(&s));
		} else {
			offer(challenge, &current);
			current.scheme = scheme_of(s, len);
			s += len;
		}
	}
	offer(challenge, &current);
}

void registry_challenge_clear(struct registry_challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct registry_challenge){ 0 };
}
