/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/verbs.h"

const struct verb verb_completion_bash = {
	.name = "bash",
	.use = "bash",
	.brief = "Write the completion script for bash",
	.description =
		"The script goes to standard output. Bash reads it when the first word is completed, from a file\n"
		"named after the program.",
	.examples = "$ singularity completion bash > ~/.local/share/bash-completion/completions/singularity",
	.needs_no_conf = true,
};

const struct verb verb_completion_fish = {
	.name = "fish",
	.use = "fish",
	.brief = "Write the completion script for fish",
	.description = "The script goes to standard output.",
	.examples = "$ singularity completion fish > ~/.config/fish/completions/singularity.fish",
	.needs_no_conf = true,
};

const struct verb verb_completion_zsh = {
	.name = "zsh",
	.use = "zsh",
	.brief = "Write the completion script for zsh",
	.description = "The script goes to standard output. Zsh finds it by its name in a directory of $fpath.",
	.examples = "$ singularity completion zsh > \"${fpath[1]}/_singularity\"",
	.needs_no_conf = true,
};

static const struct verb *const shells[] = {
	&verb_completion_bash,
	&verb_completion_fish,
	&verb_completion_zsh,
	NULL,
};

const struct verb verb_completion = {
	.name = "completion",
	.use = "completion",
	.brief = "Write a completion script for a shell",
	.description =
		"The packages install these scripts where the shells look for them; this command is for other cases.",
	.helps_if_alone = true,
	.verbs = shells,
};
