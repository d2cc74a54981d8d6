/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/verbs.h"

#include "cli/cli.h"
#include "cli/verb_action.h"
#include "cli/verb_cache.h"
#include "cli/verb_pull.h"

static const struct verb *const root_verbs[] = {
	&verb_action_image,
	&verb_buildcfg,
	&verb_cache,
	&verb_completion,
	&verb_exec,
	&verb_help,
	&verb_pull,
	&verb_run,
	&verb_shell,
	&verb_sif,
	&verb_test,
	&verb_version,
	NULL,
};

const struct verb verb_root = {
	.name = "singularity",
	.use = "singularity [global options...]",
	.brief = "Linux containers for science and high performance computing",
	.description = "singularity runs OCI containers from single files, without root and without a daemon.\n"
		       "An image is fetched with 'pull' into one OCI-SIF file; 'run', 'exec' and 'shell' start\n"
		       "a container from it and end with the container's exit status.",
	.examples = "$ singularity help <command> [<subcommand>]\n"
		    "$ singularity help pull",
	.options = cli_global_options,
	.options_size = sizeof(struct cli_globals),
	.verbs = root_verbs,
};
