/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The steps of run, exec, shell and test that can be tested alone.
 */
#ifndef CLI_CMD_ACTION_H
#define CLI_CMD_ACTION_H

#include "cli/commands.h"
#include "cli/verb_action.h"
#include "runtime/launch/launch.h"

/**
 * action_check_supported() - refuse what OCI mode does not do, all of it in one line
 * @other_config: a configuration file was chosen with --config
 *
 * Errors: ERR_UNSUPPORTED with the reference's list; ERR_USAGE for --compat with --no-compat.
 */
must_check struct error *action_check_supported(const struct action_options *o, bool other_config);

/*
 * action_fill_launch() - options as launch.h wants them; the result borrows from @o. Image, arguments and environment
 * are left open.
 */
void action_fill_launch(const struct action_options *o, enum launch_action action, bool home_given,
			struct launch_options *ret_launch);

#endif
