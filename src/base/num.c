/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/num.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

bool num_parse_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return false;
	}
	if (value > max)
		return false;
	*ret_value = value;
	return true;
}

bool num_parse_u32(const char *text, uint32_t max, uint32_t *ret_value)
{
	uint64_t value;

	if (!num_parse_u64(text, max, &value))
		return false;
	*ret_value = (uint32_t)value;
	return true;
}

bool num_parse_s64(const char *text, int64_t *ret_value)
{
	bool negative = *text == '-';
	uint64_t value;

	if (!num_parse_u64(text + negative, negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &value))
		return false;
	*ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

uint64_t num_skim_hex(const char *text)
{
	uint64_t value = 0;

	text += strspn(text, " \t");
	for (; isxdigit((unsigned char)*text); text++)
		value = value << 4 |
			(unsigned int)(isdigit((unsigned char)*text) ? *text - '0'
								     : tolower((unsigned char)*text) - 'a' + 10);
	return value;
}
