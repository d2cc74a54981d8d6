/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the plan ask again and again.
 */
#ifndef RUNTIME_LAUNCH_TEST_PLAN_CHECK_H
#define RUNTIME_LAUNCH_TEST_PLAN_CHECK_H

#include "base/json.h"
#include "base/log.h"
#include "runtime/launch/test_plan_case.h"

/* Plans, fails the test if that fails, and frees the case. */
struct launch_plan *planned(struct plan_case *c);
/* Planning is refused with this; frees the case. */
void assert_refused(struct plan_case *c, enum error_kind kind, const char *text);
/* The options alone are enough to refuse. */
void assert_refused_early(struct plan_case *c, const char *text);
struct jv *config_of(const struct launch_plan *plan);
/* Options of the mount on @destination, joined; "" if there is none. */
char *options_on(const struct launch_plan *plan, const char *destination);
/* The value at a dotted path of config.json, as text. */
void assert_config(const struct launch_plan *plan, const char *path, const char *wanted);
void assert_mount(const struct launch_plan *plan, const char *destination, const char *options);
void assert_notice(const struct launch_plan *plan, enum log_level level, const char *text);

#endif
