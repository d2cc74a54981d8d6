/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Assertions on errors for unit tests. Include after cmocka.h.
 */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include "base/error.h"

#include <string.h>

#define assert_ok(expr)                                                                                                \
	do {                                                                                                           \
		struct error *got_ = (expr);                                                                           \
		if (got_)                                                                                              \
			fail_msg("unexpected error: %s", error_text(got_));                                            \
	} while (0)

/* @wanted is a part of the error's text */
#define assert_error(expr, wanted_kind, wanted)                                                                        \
	do {                                                                                                           \
		struct error *got_ = (expr);                                                                           \
		if (!got_)                                                                                             \
			fail_msg("no error, wanted: %s", (wanted));                                                    \
		if (error_kind(got_) != (wanted_kind) || !strstr(error_text(got_), (wanted)))                          \
			fail_msg("wrong error: kind %d, %s", error_kind(got_), error_text(got_));                      \
		error_free(got_);                                                                                      \
	} while (0)

#endif
