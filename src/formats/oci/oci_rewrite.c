/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing OCI documents the way the reference does: members in the order of its Go structs, empty ones left out, maps
 * sorted (formats.md 2.2). Tables say what is known of each object; members that no table knows follow the known ones,
 * unchanged.
 */
#include "formats/oci/oci.h"

#include <ctype.h>

enum shape { TEXT, NUMBER, FLAG, LIST, MAP, SET, TIME, OBJECT };

struct member {
	const char *key; /* NULL ends a table */
	enum shape shape;
	bool always;		      /* written even if empty */
	const struct member *members; /* of an OBJECT, or of each item of a LIST */
};

static const char unset_time[] = "0001-01-01T00:00:00Z";

static const struct member platform_members[] = {
	{ "architecture", TEXT, true, NULL },
	{ "os", TEXT, true, NULL },
	{ "os.version", TEXT, false, NULL },
	{ "os.features", LIST, false, NULL },
	{ "variant", TEXT, false, NULL },
	{ "features", LIST, false, NULL },
	{ 0 },
};

static const struct member desc_members[] = {
	{ "mediaType", TEXT, true, NULL },
	{ "size", NUMBER, true, NULL },
	{ "digest", TEXT, true, NULL },
	{ "data", TEXT, false, NULL },
	{ "urls", LIST, false, NULL },
	{ "annotations", MAP, false, NULL },
	{ "platform", OBJECT, false, platform_members },
	{ "artifactType", TEXT, false, NULL },
	{ 0 },
};

static const struct member manifest_members[] = {
	{ "schemaVersion", NUMBER, true, NULL },  { "mediaType", TEXT, false, NULL },
	{ "config", OBJECT, true, desc_members }, { "layers", LIST, true, desc_members },
	{ "annotations", MAP, false, NULL },	  { "subject", OBJECT, false, desc_members },
	{ "artifactType", TEXT, false, NULL },	  { 0 },
};

static const struct member index_members[] = {
	{ "schemaVersion", NUMBER, true, NULL },
	{ "mediaType", TEXT, false, NULL },
	{ "manifests", LIST, true, desc_members },
	{ 0 },
};

static const struct member health_members[] = {
	{ "Test", LIST, false, NULL },		{ "Interval", NUMBER, false, NULL }, { "Timeout", NUMBER, false, NULL },
	{ "StartPeriod", NUMBER, false, NULL }, { "Retries", NUMBER, false, NULL },  { 0 },
};

/* Members of "config", what a container runs by default. */
static const struct member run_members[] = {
	{ "AttachStderr", FLAG, false, NULL },
	{ "AttachStdin", FLAG, false, NULL },
	{ "AttachStdout", FLAG, false, NULL },
	{ "Cmd", LIST, false, NULL },
	{ "Healthcheck", OBJECT, false, health_members },
	{ "Domainname", TEXT, false, NULL },
	{ "Entrypoint", LIST, false, NULL },
	{ "Env", LIST, false, NULL },
	{ "Hostname", TEXT, false, NULL },
	{ "Image", TEXT, false, NULL },
	{ "Labels", MAP, false, NULL },
	{ "OnBuild", LIST, false, NULL },
	{ "OpenStdin", FLAG, false, NULL },
	{ "StdinOnce", FLAG, false, NULL },
	{ "Tty", FLAG, false, NULL },
	{ "User", TEXT, false, NULL },
	{ "Volumes", SET, false, NULL },
	{ "WorkingDir", TEXT, false, NULL },
	{ "ExposedPorts", SET, false, NULL },
	{ "ArgsEscaped", FLAG, false, NULL },
	{ "NetworkDisabled", FLAG, false, NULL },
	{ "MacAddress", TEXT, false, NULL },
	{ "StopSignal", TEXT, false, NULL },
	{ "Shell", LIST, false, NULL },
	{ 0 },
};

static const struct member rootfs_members[] = {
	{ "type", TEXT, true, NULL },
	{ "diff_ids", LIST, true, NULL },
	{ 0 },
};

static const struct member history_members[] = {
	{ "author", TEXT, false, NULL },  { "created", TIME, true, NULL },	{ "created_by", TEXT, false, NULL },
	{ "comment", TEXT, false, NULL }, { "empty_layer", FLAG, false, NULL }, { 0 },
};

static const struct member config_members[] = {
	{ "architecture", TEXT, true, NULL },
	{ "author", TEXT, false, NULL },
	{ "container", TEXT, false, NULL },
	{ "created", TIME, true, NULL },
	{ "docker_version", TEXT, false, NULL },
	{ "history", LIST, false, history_members },
	{ "os", TEXT, true, NULL },
	{ "rootfs", OBJECT, true, rootfs_members },
	{ "config", OBJECT, true, run_members },
	{ "os.version", TEXT, false, NULL },
	{ "variant", TEXT, false, NULL },
	{ "os.features", LIST, false, NULL },
	{ 0 },
};

/* @n digits as a number; -1 if one of them is none. */
static int digits(const char *s, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return -1;
		value = value * 10 + (s[i] - '0');
	}
	return value;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* "YYYY-MM-DDTHH:MM:SS" at the start of @s: a time that exists. */
static bool is_date_time(const char *s)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";

	for (size_t i = 0; shape[i]; i++) {
		if (shape[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != shape[i])
			return false;
	}

	int month = digits(s + 5, 2);
	int day = digits(s + 8, 2);

	return month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(digits(s, 4), month) &&
	       digits(s + 11, 2) < 24 && digits(s + 14, 2) < 60 && digits(s + 17, 2) < 60;
}

static bool is_zone(const char *s)
{
	if (str_eq(s, "Z"))
		return true;
	if ((s[0] != '+' && s[0] != '-') || strlen(s) != 6 || s[3] != ':')
		return false;

	int hours = digits(s + 1, 2);
	int minutes = digits(s + 4, 2);

	return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

/*
 * RFC 3339 as the reference prints it: at most nanoseconds, no trailing zeroes, UTC as Z. What is no time becomes the
 * unset time: the reference could not read a config with anything else.
 */
static struct jv *shaped_time(const struct jv *value)
{
	enum { BEFORE_FRACTION = 19, NANO_DIGITS = 9 };
	const char *text = jv_str(value);
	cleanup_buf struct buf out = { 0 };

	if (!text || !is_date_time(text))
		return jv_new_str(unset_time);

	const char *fraction = text + BEFORE_FRACTION;
	size_t n = *fraction == '.' ? strspn(fraction + 1, "0123456789") : 0;
	const char *zone = fraction + (n ? n + 1 : 0);

	if (!is_zone(zone))
		return jv_new_str(unset_time);
	n = n > NANO_DIGITS ? NANO_DIGITS : n;
	while (n && fraction[n] == '0')
		n--;
	buf_append(&out, text, BEFORE_FRACTION + (n ? n + 1 : 0));
	buf_append_str(&out, str_eq(zone + 1, "00:00") ? "Z" : zone);
	return jv_new_str(buf_str(&out));
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A copy with its members sorted; of a set, each is an empty object. */
static struct jv *shaped_map(const struct jv *map, bool is_set)
{
	size_t n = jv_len(map);
	cleanup_free const char **keys = xreallocarray(NULL, n ? n : 1, sizeof(*keys));
	struct jv *out = jv_new_object();
	void *iter = NULL;

	for (size_t i = 0; i < n; i++)
		(void)jv_next(map, &iter, &keys[i]);
	qsort(keys, n, sizeof(*keys), by_bytes);
	for (size_t i = 0; i < n; i++)
		jv_set(out, keys[i], is_set ? jv_new_object() : jv_copy(jv_get(map, keys[i])));
	return out;
}

static struct jv *ordered(const struct jv *object, const struct member *table);

static struct jv *shaped_list(const struct jv *list, const struct member *members)
{
	struct jv *out = jv_new_array();

	for (size_t i = 0; i < jv_len(list); i++) {
		const struct jv *item = jv_at(list, i);

		jv_append(out, members && jv_is_object(item) ? ordered(item, members) : jv_copy(item));
	}
	return out;
}

static bool is_empty(const struct jv *value, enum shape shape)
{
	if (!value || jv_is_null(value))
		return true;
	switch (shape) {
	case TEXT:
		return jv_is_string(value) && !*jv_str(value);
	case NUMBER:
		return jv_is_int(value) && jv_int(value, 0) == 0;
	case FLAG:
		return jv_is_bool(value) && !jv_bool(value, false);
	case LIST:
		return jv_is_array(value) && !jv_len(value);
	case MAP:
	case SET:
		return jv_is_object(value) && !jv_len(value);
	case TIME:
	case OBJECT: /* one that is there is written, even without members */
		break;
	}
	return false;
}

static struct jv *empty(enum shape shape)
{
	switch (shape) {
	case TEXT:
		return jv_new_str("");
	case NUMBER:
		return jv_new_int(0);
	case FLAG:
		return jv_new_bool(false);
	case LIST:
		return jv_new_array();
	case TIME:
		return jv_new_str(unset_time);
	case MAP:
	case SET:
	case OBJECT:
		break;
	}
	return jv_new_object();
}

/* The value as it is written; NULL leaves it out. A value of another type than expected stays as it is. */
static struct jv *shaped(const struct jv *value, const struct member *m)
{
	if (is_empty(value, m->shape) && !m->always)
		return NULL;
	if (!value || jv_is_null(value))
		value = NULL;
	switch (m->shape) {
	case LIST:
		if (jv_is_array(value))
			return shaped_list(value, m->members);
		break;
	case MAP:
	case SET:
		if (jv_is_object(value))
			return shaped_map(value, m->shape == SET);
		break;
	case OBJECT:
		if (jv_is_object(value) || !value)
			return ordered(value, m->members);
		break;
	case TIME:
		return shaped_time(value);
	case TEXT:
	case NUMBER:
	case FLAG:
		break;
	}
	return value ? jv_copy(value) : empty(m->shape);
}

static bool is_known(const char *key, const struct member *table)
{
	for (; table->key; table++) {
		if (str_eq(table->key, key))
			return true;
	}
	return false;
}

/* A copy of @object (NULL: an empty one) in the order of @table. */
static struct jv *ordered(const struct jv *object, const struct member *table)
{
	struct jv *out = jv_new_object();
	const struct jv *value;
	const char *key;
	void *iter = NULL;

	for (const struct member *m = table; m->key; m++) {
		struct jv *known = shaped(jv_get(object, m->key), m);

		if (known)
			jv_set(out, m->key, known);
	}
	while ((value = jv_next(object, &iter, &key))) {
		if (!is_known(key, table))
			jv_set(out, key, jv_copy(value));
	}
	return out;
}

static void dump_ordered(const struct jv *document, const struct member *table, struct buf *out)
{
	cleanup_with(jv_free) struct jv *v = ordered(document, table);

	jv_dump(v, out);
}

static struct jv *new_history(const struct oci_rewrite *change)
{
	struct jv *list = jv_new_array();
	struct jv *entry = jv_new_object();

	jv_set_str(entry, "created", change->history_created);
	jv_set_str(entry, "created_by", change->history_created_by);
	jv_set_str(entry, "comment", change->history_comment);
	jv_append(list, entry);
	return list;
}

void oci_config_rewrite(const struct oci_config *config, const struct oci_rewrite *change, struct buf *out)
{
	cleanup_with(jv_free) struct jv *doc = jv_copy(config->doc);
	struct jv *diff_ids = jv_new_array();

	/* The layers are not compressed as a whole, so a layer's diffID is its digest (formats.md 2.3). */
	for (size_t i = 0; i < change->n_layers; i++)
		jv_append_str(diff_ids, change->layers[i].digest.text);
	if (!jv_is_object(jv_get(doc, "rootfs")))
		jv_set(doc, "rootfs", jv_new_object());
	jv_set_str(jv_get(doc, "rootfs"), "type", "layers");
	jv_set(jv_get(doc, "rootfs"), "diff_ids", diff_ids);
	jv_set(doc, "history", new_history(change));
	dump_ordered(doc, config_members, out);
}

static struct jv *new_desc(const char *media_type, const struct digest *digest, uint64_t size)
{
	struct jv *desc = jv_new_object();

	jv_set_str(desc, "mediaType", media_type);
	jv_set_int(desc, "size", (int64_t)size);
	jv_set_str(desc, "digest", digest->text);
	return desc;
}

static struct jv *new_layers(const struct oci_rewrite *change)
{
	struct jv *layers = jv_new_array();

	for (size_t i = 0; i < change->n_layers; i++) {
		const struct oci_desc *l = &change->layers[i];
		const char *media_type = l->media_type ? l->media_type : change->media_type;

		jv_append(layers, l->doc ? jv_copy(l->doc) : new_desc(media_type, &l->digest, l->size));
	}
	return layers;
}

void oci_manifest_rewrite(const struct oci_manifest *manifest, const struct oci_rewrite *change,
			  const struct digest *config_digest, uint64_t config_size, struct buf *out)
{
	cleanup_with(jv_free) struct jv *doc = jv_copy(manifest->doc);
	struct jv *config = jv_get(doc, "config");

	jv_set_str(config, "digest", config_digest->text);
	jv_set_int(config, "size", (int64_t)config_size);
	jv_remove(config, "data"); /* would be the old config's bytes */
	jv_set(doc, "layers", new_layers(change));
	jv_set_int(doc, "schemaVersion", 2);
	dump_ordered(doc, manifest_members, out);
}

void oci_root_index(const struct oci_manifest *manifest, const char *manifest_media_type, const struct digest *digest,
		    uint64_t size, struct buf *out)
{
	cleanup_with(jv_free) struct jv *doc = jv_new_object();
	struct jv *manifests = jv_new_array();
	struct jv *desc = new_desc(manifest_media_type, digest, size);

	jv_set_str(desc, "artifactType",
		   manifest->artifact_type ? manifest->artifact_type : manifest->config.media_type);
	jv_append(manifests, desc);
	jv_set_int(doc, "schemaVersion", 2);
	jv_set_str(doc, "mediaType", OCI_MT_INDEX);
	jv_set(doc, "manifests", manifests);
	dump_ordered(doc, index_members, out);
}
