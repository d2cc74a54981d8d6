/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/verb_cache.h"

static const struct opt list_table[] = {
	{ .name = "type",
	  .letter = 'T',
	  OPT_AS_STRINGS(struct cache_list_options, type),
	  .initial = "all",
	  .help = "types to list: library, oci-tmp, shub, oras, net, oci-sif, blob, or all" },
	{ .name = "verbose",
	  .letter = 'v',
	  OPT_AS_BOOL(struct cache_list_options, verbose),
	  .help = "list each entry" },
	{ 0 },
};

static const struct opt clean_table[] = {
	{ .name = "days",
	  .letter = 'D',
	  OPT_AS_INT(struct cache_clean_command, days),
	  .help = "remove only what was not modified for this many days" },
	{ .name = "dry-run",
	  .letter = 'n',
	  OPT_AS_BOOL(struct cache_clean_command, dry_run),
	  .help = "say what would be removed, and remove nothing" },
	{ .name = "force", .letter = 'f', OPT_AS_BOOL(struct cache_clean_command, force), .help = "do not ask" },
	{ .name = "type",
	  .letter = 'T',
	  OPT_AS_STRINGS(struct cache_clean_command, type),
	  .initial = "all",
	  .help = "types to remove: library, oci-tmp, shub, oras, net, oci-sif, blob, or all" },
	{ 0 },
};

const struct verb verb_cache_list = {
	.name = "list",
	.use = "list [list options...]",
	.brief = "Show what the cache holds",
	.description =
		"The cache list command tells how many images and blobs are in the cache, and how much space they\n"
		"take.",
	.examples = "$ singularity cache list\n"
		    "$ singularity cache list --type oci-sif --verbose",
	.options = list_table,
	.options_size = sizeof(struct cache_list_options),
	.owner = VERB_IMAGE,
};

const struct verb verb_cache_clean = {
	.name = "clean",
	.use = "clean [clean options...]",
	.brief = "Remove what the cache holds",
	.description =
		"The cache clean command removes images and blobs from the cache, after a question. What a running\n"
		"container uses is left. Without options all of the cache is removed.",
	.examples = "$ singularity cache clean --days 30\n"
		    "$ singularity cache clean --type blob --force\n"
		    "$ singularity cache clean --dry-run",
	.options = clean_table,
	.options_size = sizeof(struct cache_clean_command),
	.owner = VERB_IMAGE,
};

static const struct verb *const cache_verbs[] = {
	&verb_cache_clean,
	&verb_cache_list,
	NULL,
};

const struct verb verb_cache = {
	.name = "cache",
	.use = "cache <command>",
	.brief = "Manage the local cache of images",
	.description = "What was fetched is kept in a cache: blobs of registries, and finished images. It lies in\n"
		       "$SINGULARITY_CACHEDIR, or in .singularity in the home directory.",
	.examples = "$ singularity help cache clean",
	.verbs = cache_verbs,
};
