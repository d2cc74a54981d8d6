/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that look into SIF files. */
#include "cli/verbs.h"

const struct verb verb_sif_header = {
	.name = "header",
	.use = "header <sif_path>",
	.brief = "Print the header of a SIF file",
	.description = "The header command prints what the global header of a SIF file says: version,\n"
		       "architecture, id, times, and where the table of descriptors and the data lie.\n"
		       "Fields that are not set are left out.",
	.examples = "$ singularity sif header image.sif",
	.min_args = 1,
	.max_args = 1,
	.interspersed = true,
	.errors_show_usage = true,
};

const struct verb verb_sif_list = {
	.name = "list",
	.use = "list <sif_path>",
	.brief = "List the objects of a SIF file",
	.description = "The list command prints one line for each object: its id, the group it belongs\n"
		       "to, what it is linked to, its first byte and the one behind its last, and its\n"
		       "type.",
	.examples = "$ singularity sif list image.sif",
	.min_args = 1,
	.max_args = 1,
	.interspersed = true,
	.errors_show_usage = true,
};

const struct verb verb_sif_info = {
	.name = "info",
	.use = "info <id> <sif_path>",
	.brief = "Print what is known of one object",
	.description = "The info command prints all fields of the descriptor of one object. The ids\n"
		       "are those that 'list' prints.",
	.examples = "$ singularity sif info 1 image.sif",
	.min_args = 2,
	.max_args = 2,
	.interspersed = true,
	.errors_show_usage = true,
};

const struct verb verb_sif_dump = {
	.name = "dump",
	.use = "dump <id> <sif_path>",
	.brief = "Write the bytes of one object to standard output",
	.description = "The dump command copies an object as it is stored. The ids are those that\n"
		       "'list' prints.",
	.examples = "$ singularity sif dump 3 image.sif > manifest.json",
	.min_args = 2,
	.max_args = 2,
	.interspersed = true,
	.errors_show_usage = true,
};

static const struct verb *const sif_verbs[] = {
	&verb_sif_dump, &verb_sif_header, &verb_sif_info, &verb_sif_list, NULL,
};

const struct verb verb_sif = {
	.name = "sif",
	.alias = "siftool",
	.use = "sif",
	.brief = "Look into SIF files",
	.description = "A SIF file is a container of objects: the layers, the configuration and the\n"
		       "manifest of an image, signatures and others. These commands show what is in it;\n"
		       "they start no container and change nothing.",
	.examples = "$ singularity sif list image.sif\n"
		    "$ singularity sif dump 3 image.sif",
	.helps_if_wrong = true,
	.verbs = sif_verbs,
};
