/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of options: how the text of each type is read. */
#include "cli/opt.h"

#include "base/csv.h"

#include <ctype.h>
#include <limits.h>

static struct error *number_error(const char *parser, const char *text, const char *what)
{
	cleanup_free char *quoted = str_quote(text);

	return error_new(ERR_USAGE, "strconv.%s: parsing %s: %s", parser, quoted, what);
}

struct error *opt_bool_parse(const char *text, bool *ret_value)
{
	static const char *const words[2][6] = {
		{ "0", "f", "F", "FALSE", "false", "False" },
		{ "1", "t", "T", "TRUE", "true", "True" },
	};

	for (unsigned int truth = 0; truth < 2; truth++) {
		for (size_t i = 0; i < ARRAY_LEN(words[0]); i++) {
			if (str_eq(text, words[truth][i])) {
				*ret_value = truth == 1;
				return NULL;
			}
		}
	}
	return number_error("ParseBool", text, "invalid syntax");
}

/* "0x", "0o", "0b" or a plain leading zero; returns the base and moves *p past the prefix */
static unsigned int take_base(const char **p)
{
	const char *s = *p;

	if (s[0] != '0' || s[1] == '\0')
		return 10;

	int letter = tolower((unsigned char)s[1]);

	*p += letter == 'x' || letter == 'o' || letter == 'b' ? 2 : 1;
	if (letter == 'x')
		return 16;
	return letter == 'b' ? 2 : 8;
}

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : UINT_MAX;
}

/* Digits of a Go literal: single "_" between them are skipped. */
static bool parse_magnitude(const char *text, uint64_t *ret_value, bool *ret_overflow)
{
	const char *p = text;
	unsigned int base = take_base(&p);
	uint64_t value = 0;

	*ret_overflow = false;
	if (*p == '\0')
		return false;
	for (; *p; p++) {
		if (*p == '_' && p > text && p[-1] != '_' && p[1] != '\0')
			continue;

		unsigned int digit = digit_value(*p);

		if (digit >= base)
			return false;
		if (!mul_ok(value, base, &value) || !add_ok(value, digit, &value))
			*ret_overflow = true;
	}
	*ret_value = value;
	return true;
}

static struct error *parse_int(const char *text, int64_t *ret_value)
{
	bool is_negative = text[0] == '-';
	const char *digits = text + (is_negative || text[0] == '+' ? 1 : 0);
	uint64_t limit = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
	uint64_t magnitude;
	bool overflow;

	if (!parse_magnitude(digits, &magnitude, &overflow))
		return number_error("ParseInt", text, "invalid syntax");
	if (overflow || magnitude > limit)
		return number_error("ParseInt", text, "value out of range");
	*ret_value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return NULL;
}

static struct error *parse_uint32(const char *text, uint32_t *ret_value)
{
	uint64_t value;
	bool overflow;

	if (!parse_magnitude(text, &value, &overflow))
		return number_error("ParseUint", text, "invalid syntax");
	if (overflow || value > UINT32_MAX)
		return number_error("ParseUint", text, "value out of range");
	*ret_value = (uint32_t)value;
	return NULL;
}

static struct error *add_pair(struct strv *map, const char *pair)
{
	const char *equals = strchr(pair, '=');

	if (!equals)
		return error_new(ERR_USAGE, "%s must be formatted as key=value", pair);

	cleanup_free char *key = xstrndup(pair, (size_t)(equals - pair));

	strv_setenv(map, key, equals + 1);
	return NULL;
}

static size_t count_char(const char *text, char wanted)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == wanted;
	return n;
}

/* Quotes around the pair do not count, and those around its value alone neither: A="x y" is A=x y. */
static char *unquote_pair(const char *text)
{
	const char *value = strchr(text, '=') + 1;
	size_t len = strlen(text);

	if (len > (size_t)(value - text) + 1 && *value == '"' && text[len - 1] == '"')
		return xasprintf("%.*s%.*s", (int)(value - text), text, (int)(strlen(value) - 2), value + 1);
	while (len && text[len - 1] == '"')
		len--;
	while (len && text[0] == '"') {
		text++;
		len--;
	}
	return xstrndup(text, len);
}

/* One "=" makes one pair, whose commas belong to the value; more of them make a CSV record of pairs. */
static struct error *add_pairs(struct strv *map, const char *text)
{
	if (count_char(text, '=') == 1) {
		cleanup_free char *pair = unquote_pair(text);

		return add_pair(map, pair);
	}
	if (!strchr(text, '='))
		return add_pair(map, text);

	cleanup_strv struct strv pairs = { 0 };

	TRY(csv_read_record(text, &pairs));
	for (size_t i = 0; i < pairs.n; i++)
		TRY(add_pair(map, pairs.items[i]));
	return NULL;
}

struct error *opt_set_value(const struct opt *row, void *into, const char *value, bool is_first)
{
	void *field = (char *)into + row->offset;

	if (is_first && (row->type == OPT_STRINGS || row->type == OPT_STRING_ARRAY || row->type == OPT_STRING_MAP))
		strv_free(field);
	switch (row->type) {
	case OPT_BOOL:
		return opt_bool_parse(value, field);
	case OPT_STRING:
		*(const char **)field = value;
		return NULL;
	case OPT_STRINGS:
		return csv_read_record(value, field);
	case OPT_STRING_ARRAY:
		strv_add(field, value);
		return NULL;
	case OPT_STRING_MAP:
		return add_pairs(field, value);
	case OPT_INT:
		return parse_int(value, field);
	case OPT_UINT32:
		return parse_uint32(value, field);
	}
	return NULL;
}
