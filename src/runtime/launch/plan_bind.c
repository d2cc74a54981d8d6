/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two ways to ask for a bind, oci-mode.md 3.8:
 *
 *   --bind    src[:dst[:opt[,opt]]][,src...]     opt = ro | rw | image-src=PATH | id=N
 *   --mount   CSV records (RFC 4180) of key[=value], one record a line
 *
 * In the first a comma separates options as well as binds: after a source and a destination, a word that is an option
 * belongs to the bind before it, everything else starts a new bind. Empty words are passed over; there is no escape.
 */
#include "runtime/launch/plan_priv.h"

#include "base/csv.h"

void plan_binds_free(struct plan_binds *binds)
{
	for (size_t i = 0; i < binds->n; i++) {
		free(binds->items[i].source);
		free(binds->items[i].destination);
		free(binds->items[i].image_src);
		free(binds->items[i].id);
	}
	free(binds->items);
	*binds = (struct plan_binds){ 0 };
}

struct error *plan_binds_add(struct plan_binds *binds, struct plan_bind **ret_bind)
{
	if (binds->n >= PLAN_BINDS_MAX)
		return error_new(ERR_LIMIT, "more than %d binds", PLAN_BINDS_MAX);
	GROW(binds->items, binds->n, binds->cap);
	binds->items[binds->n] = (struct plan_bind){ 0 };
	*ret_bind = &binds->items[binds->n++];
	return NULL;
}

static void replace_text(char **where, char *text)
{
	free(*where);
	*where = text;
}

static bool is_option(const char *word)
{
	return str_eq(word, "ro") || str_eq(word, "rw") || str_starts(word, "image-src=") || str_starts(word, "id=");
}

static void apply_option(struct plan_bind *bind, const char *option)
{
	const char *image_src = str_after(option, "image-src=");
	const char *id = str_after(option, "id=");

	if (str_eq(option, "ro"))
		bind->read_only = true;
	else if (image_src)
		replace_text(&bind->image_src, xstrdup(*image_src ? image_src : "/"));
	else if (id)
		replace_text(&bind->id, xstrdup(id));
}

/* Where the parser of --bind stands. */
struct bind_parser {
	struct plan_binds *binds;
	struct plan_bind *current; /* NULL before the first word */
	const char *spec;	   /* where that begins in the list */
	int n_fields;		   /* colon-separated fields of it so far */
	bool joined;		   /* the last word ended in a colon */
};

/* @at: where the word stands in the list */
static struct error *take_word(struct bind_parser *p, const char *word, const char *at)
{
	bool follows_options = p->current && p->n_fields >= 2;

	if (!p->joined && follows_options && is_option(word)) {
		apply_option(p->current, word);
		p->n_fields = 3;
		return NULL;
	}
	if (!p->joined) {
		TRY(plan_binds_add(p->binds, &p->current));
		p->spec = at;
		p->current->source = xstrdup(word);
		p->current->destination = xstrdup(word);
		p->n_fields = 1;
		return NULL;
	}
	p->n_fields++;
	if (p->n_fields == 2) {
		replace_text(&p->current->destination, xstrdup(word));
		return NULL;
	}
	if (p->n_fields > 3)
		return error_new(ERR_USAGE, "wrong bind syntax: %.*s%s", (int)(at - p->spec), p->spec, word);
	if (!is_option(word))
		return error_new(ERR_USAGE, "while getting bind path: %s is not a valid bind option", word);
	apply_option(p->current, word);
	return NULL;
}

static struct error *parse_words(const char *list, struct plan_binds *binds)
{
	struct bind_parser p = { .binds = binds };

	while (*list) {
		size_t len = strcspn(list, ",:");
		cleanup_free char *raw = xstrndup(list, len);
		cleanup_free char *word = str_trim(raw);

		if (*word) {
			TRY(take_word(&p, word, list));
			p.joined = list[len] == ':';
		} else if (list[len] == ',') {
			p.joined = false;
		}
		list += len + (list[len] != '\0');
	}
	return NULL;
}

struct error *plan_bind_parse(const char *list, struct plan_binds *binds)
{
	TRY_CTX(parse_words(list, binds), "while parsing bind path");
	return NULL;
}

static struct error *set_required(char **where, const char *value, const char *what)
{
	if (!value || !*value)
		return error_new(ERR_USAGE, "%s cannot be empty", what);
	replace_text(where, xstrdup(value));
	return NULL;
}

static struct error *apply_key(struct plan_bind *bind, const char *key, const char *value)
{
	if (str_eq(key, "source") || str_eq(key, "src"))
		return set_required(&bind->source, value, "mount source");
	if (str_eq(key, "destination") || str_eq(key, "dst") || str_eq(key, "target"))
		return set_required(&bind->destination, value, "mount destination");
	if (str_eq(key, "image-src"))
		return set_required(&bind->image_src, value, "img-src");
	if (str_eq(key, "id"))
		return set_required(&bind->id, value, "id");
	if (str_eq(key, "ro") || str_eq(key, "readonly")) {
		bind->read_only = true;
		return NULL;
	}
	if (str_eq(key, "type")) {
		if (!value || !str_eq(value, "bind"))
			return error_new(ERR_USAGE, "unsupported mount type \"%s\", only 'bind' is supported",
					 value ? value : "");
		return NULL;
	}
	if (str_eq(key, "bind-propagation"))
		return error_new(ERR_USAGE,
				 "bind-propagation not supported for individual mounts, check singularity.conf "
				 "for global setting");
	return error_new(ERR_USAGE, "invalid key \"%s\" in mount specification", key);
}

static struct error *mount_record(const struct strv *fields, struct plan_binds *binds)
{
	struct plan_bind *bind;

	TRY(plan_binds_add(binds, &bind));
	for (size_t i = 0; i < fields->n; i++) {
		cleanup_free char *key = xstrdup(fields->items[i]);
		char *equals = strchr(key, '=');

		if (equals)
			*equals = '\0';
		TRY(apply_key(bind, key, equals ? equals + 1 : NULL));
	}
	if (!bind->source || !bind->destination)
		return error_new(ERR_USAGE, "mounts must specify a source and a destination");
	return NULL;
}

struct error *plan_mount_parse(const char *records, struct plan_binds *binds)
{
	cleanup_free char *quoted = str_quote(records);
	const char *at = records;

	for (;;) {
		cleanup_strv struct strv fields = { 0 };

		TRY_CTX(csv_read_next(&at, &fields), "while parsing mount %s: error parsing mount", quoted);
		if (fields.n == 0)
			return NULL;
		TRY_CTX(mount_record(&fields, binds), "while parsing mount %s", quoted);
	}
}
