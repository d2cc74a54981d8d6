/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers from text. Strict: only digits (and one leading '-' for the signed form), no blanks, no sign games, no wrap.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

/* num_parse_u64() - all of @text as a decimal number <= @max; false leaves *ret_value alone */
bool num_parse_u64(const char *text, uint64_t max, uint64_t *ret_value);
/* num_parse_u32() - the same for 32 bits, for ids */
bool num_parse_u32(const char *text, uint32_t max, uint32_t *ret_value);
/* num_parse_s64() - with an optional leading '-' */
bool num_parse_s64(const char *text, int64_t *ret_value);

/* num_skim_hex() - the hexadecimal number that @text begins with, behind blanks; 0 if none is there, 64 bits at most */
uint64_t num_skim_hex(const char *text);

#endif
