/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of cache list and cache clean. */
#ifndef CLI_VERB_CACHE_H
#define CLI_VERB_CACHE_H

#include "cli/verb.h"

struct cache_list_options {
	struct strv type;
	bool verbose;
};

struct cache_clean_command {
	struct strv type;
	int64_t days;
	bool dry_run, force;
};

extern const struct verb verb_cache, verb_cache_clean, verb_cache_list;

#endif
