/* SPDX-License-Identifier: BSD-3-Clause */
/* cache list, cache clean. */
#include "cli/commands.h"
#include "cli/prompt.h"
#include "cli/verb_cache.h"

#include "base/io.h"
#include "image/cache/cache.h"

#include <time.h>
#include <unistd.h>

enum { NAME_SHOWN = 22, SECONDS_OF_DAY = 24 * 60 * 60, DAYS_MAX = 36500 };

/* The variable is not an option of these commands, but a wrong value in it is an error in all that deal with the cache.
 */
static struct error *check_environment(void)
{
	const char *value = secure_getenv("SINGULARITY_DISABLE_CACHE");
	bool disabled;

	if (!value || !*value)
		return NULL;
	TRY_CTX(opt_bool_parse(value, &disabled), "failed to parse environment variable SINGULARITY_DISABLE_CACHE");
	return NULL;
}

static struct error *open_cache(struct cache **ret_cache)
{
	TRY_CTX(check_environment(), "Failed to create an image cache handle");
	TRY_CTX(cache_open(NULL, ret_cache), "Failed to create an image cache handle");
	return NULL;
}

/* Words of --type to a set. */
static struct error *choose_types(const struct strv *words, bool ret_wanted[CACHE_N_TYPES])
{
	for (size_t i = 0; i < words->n; i++) {
		enum cache_type type;

		if (str_eq(words->items[i], "all")) {
			for (int k = 0; k < CACHE_N_TYPES; k++)
				ret_wanted[k] = true;
		} else if (cache_type_parse(words->items[i], &type)) {
			ret_wanted[type] = true;
		} else {
			return error_hint(
				error_new(ERR_USAGE, "\"%s\" is not a type of cache entries", words->items[i]),
				"the types are library, oci-tmp, shub, oras, net, oci-sif, blob and all");
		}
	}
	return NULL;
}

/* ---- list ---- */

/* "61.24 MiB", never less than KiB. */
static void append_size(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double amount = (double)bytes / 1024;
	size_t unit = 0;

	while (amount >= 1024 && unit + 1 < ARRAY_LEN(units)) {
		amount /= 1024;
		unit++;
	}
	buf_appendf(out, "%.2f %s", amount, units[unit]);
}

static void append_row(struct buf *out, const struct cache_entry *entry, enum cache_type type)
{
	cleanup_buf struct buf size = { 0 };
	struct tm tm;
	char date[32] = "";

	if (localtime_r(&entry->mtime, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	append_size(&size, entry->size);
	buf_appendf(out, "%-24.*s %-22s %-16s %s\n", NAME_SHOWN, entry->name, date, buf_str(&size),
		    cache_type_name(type));
}

/* What a list adds up to: blobs and all other files apart. */
struct totals {
	size_t n;
	uint64_t size;
	bool is_wanted;
};

static void append_totals(struct buf *out, const struct totals *files, const struct totals *blobs)
{
	buf_append_str(out, "There are ");
	if (files->is_wanted) {
		buf_appendf(out, "%zu container file(s) using ", files->n);
		append_size(out, files->size);
		buf_append_char(out, ' ');
	}
	if (blobs->is_wanted) {
		buf_appendf(out, "%s%zu oci blob file(s) using ", files->is_wanted ? "and " : "", blobs->n);
		append_size(out, blobs->size);
		buf_append_char(out, ' ');
	}
	buf_append_str(out, "of space\nTotal space used: ");
	append_size(out, files->size + blobs->size);
	buf_append_char(out, '\n');
}

static struct error *list_type(const struct cache *cache, enum cache_type type, bool verbose, struct totals *totals,
			       struct buf *out)
{
	cleanup_with(cache_listing_free) struct cache_listing *listing = NULL;

	TRY(cache_list(cache, type, &listing));
	for (size_t i = 0; verbose && i < listing->n_entries; i++)
		append_row(out, &listing->entries[i], type);
	totals->is_wanted = true;
	totals->n += listing->n_entries;
	totals->size += listing->size;
	return NULL;
}

struct error *cmd_cache_list(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	const struct cache_list_options *o = options;
	cleanup_with(cache_close) struct cache *cache = NULL;
	cleanup_buf struct buf out = { 0 };
	struct totals files = { 0 };
	struct totals blobs = { 0 };
	bool wanted[CACHE_N_TYPES] = { false };

	(void)cli, (void)args, (void)ret_status;
	TRY(choose_types(&o->type, wanted));
	TRY(open_cache(&cache));
	if (o->verbose)
		buf_appendf(&out, "%-24s %-22s %-16s %s\n", "NAME", "DATE CREATED", "SIZE", "TYPE");
	for (int i = 0; i < CACHE_N_TYPES; i++) {
		if (wanted[i])
			TRY(list_type(cache, (enum cache_type)i, o->verbose, i == CACHE_BLOB ? &blobs : &files, &out));
	}
	if (o->verbose)
		buf_append_char(&out, '\n');
	append_totals(&out, &files, &blobs);
	return cli_print(buf_str(&out));
}

/* ---- clean ---- */

static void report(void *ctx, enum cache_clean_event event, enum cache_type type, const char *name,
		   const struct error *why)
{
	size_t *n_failed = ctx;

	switch (event) {
	case CACHE_REMOVED:
		log_msg(LOG_INFO, "Removing %s cache entry: %s", cache_type_name(type), name);
		break;
	case CACHE_IN_USE:
		log_msg(LOG_INFO, "Keeping %s cache entry, which is in use: %s", cache_type_name(type), name);
		break;
	case CACHE_NOT_REMOVED:
		log_msg(LOG_ERROR, "Could not remove cache entry '%s': %s", name, error_text(why));
		++*n_failed;
		break;
	}
}

/* Yes only if the answer is exactly that. */
static struct error *ask(bool *ret_yes)
{
	cleanup_free char *answer = NULL;

	TRY(cli_print(
		"This will delete everything in your cache (containers from all sources and OCI blobs).\n"
		"Hint: You can see exactly what would be deleted by canceling and using the --dry-run option.\n"));
	TRY_CTX(prompt_line("Do you want to continue? [y/N] ", false, &answer), "could not prompt user");
	*ret_yes = str_eq(answer, "y") || str_eq(answer, "Y");
	return NULL;
}

static struct error *clean_types(struct cache *cache, const bool wanted[CACHE_N_TYPES],
				 const struct cache_clean_command *o)
{
	size_t n_failed = 0;
	struct cache_clean_options options = { .dry_run = o->dry_run, .report = report, .ctx = &n_failed };

	options.by_age = o->days > 0;
	options.before = time(NULL) - (time_t)o->days * SECONDS_OF_DAY;
	for (int i = 0; i < CACHE_N_TYPES; i++) {
		size_t n;

		if (!wanted[i])
			continue;
		TRY_CTX(cache_clean(cache, (enum cache_type)i, &options, &n), "could not clean cache");
		if (n == 0)
			log_msg(LOG_INFO, "No cached files to remove at %s/%s", cache_root(cache),
				cache_type_name((enum cache_type)i));
	}
	if (n_failed)
		return error_new(ERR_SYSTEM, "could not clean cache: failed to remove %zu cache entries", n_failed);
	return NULL;
}

static struct error *clean(const struct cache_clean_command *o)
{
	cleanup_with(cache_close) struct cache *cache = NULL;
	bool wanted[CACHE_N_TYPES] = { false };
	bool go_on = true;

	if (o->days < 0 || o->days > DAYS_MAX)
		return error_new(ERR_USAGE, "the number of days must lie between 0 and %d", DAYS_MAX);
	TRY(choose_types(&o->type, wanted));
	TRY(open_cache(&cache));
	if (o->dry_run)
		TRY(cli_print("User requested a dry run. Not actually deleting any data!\n"));
	else if (!o->force)
		TRY(ask(&go_on));
	if (!go_on) {
		log_msg(LOG_INFO, "Handle cleanup canceled");
		return NULL;
	}
	return clean_types(cache, wanted, o);
}

struct error *cmd_cache_clean(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	(void)cli, (void)args, (void)ret_status;
	return error_wrap(clean(options), "Handle clean failed");
}
