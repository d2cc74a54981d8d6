/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/conf/conf_directives.h"

#include "base/fs.h"
#include "base/num.h"

#include <assert.h>
#include <ctype.h>

/* A configuration of the reference with all its comments has 25 KiB; lists of users may grow. */
#define CONF_FILE_MAX (1024 * 1024)

/* Values by row of conf_directives, while a file is read. */
struct values {
	struct strv *rows;
	size_t n;
};

static size_t count_rows(void)
{
	size_t n = 0;

	while (conf_directives[n].name)
		n++;
	return n;
}

static void values_free(struct values *v)
{
	for (size_t i = 0; i < v->n; i++)
		strv_free(&v->rows[i]);
	free(v->rows);
}

static struct strv *find_row(struct values *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++) {
		if (str_eq(conf_directives[i].name, name))
			return &v->rows[i];
	}
	return NULL;
}

static bool is_name(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (!isalpha((unsigned char)*p) && !strchr(" \t_-", *p))
			return false;
	}
	return *text != '\0';
}

/* What follows "=" is the value, up to the end of the line; it is cut at commas whatever the directive's type is. */
static void add_values(struct strv *row, const char *text)
{
	cleanup_strv struct strv parts = { 0 };

	strv_split(&parts, text, ',');
	for (size_t i = 0; i < parts.n; i++) {
		cleanup_free char *value = str_trim(parts.items[i]);

		if (*value)
			strv_add(row, value);
	}
}

static void read_line(struct values *v, const char *line, struct strv *ret_unknown)
{
	const char *equals = strchr(line, '=');
	cleanup_free char *left = xstrndup(line, equals ? (size_t)(equals - line) : strlen(line));
	cleanup_free char *name = str_trim(left);

	if (*name == '\0' || *name == '#')
		return;

	struct strv *row = equals && is_name(name) ? find_row(v, name) : NULL;

	if (row)
		add_values(row, equals + 1);
	else if (ret_unknown)
		strv_add(ret_unknown, name);
}

static struct error *check_allowed(const struct conf_directive *d, const char *value)
{
	const char *allowed = d->type == CONF_BOOL ? "yes no" : d->allowed;
	char quote = d->type == CONF_BOOL ? '"' : '\'';
	cleanup_strv struct strv words = { 0 };

	if (!allowed)
		return NULL;
	strv_split(&words, allowed, ' ');
	if (strv_has(&words, value))
		return NULL;
	return error_new(ERR_CORRUPT, "value authorized for directive %c%s%c are [%s]", quote, d->name, quote, allowed);
}

static struct error *check_value(const struct conf_directive *d, const char *value)
{
	uint32_t number;

	if (d->type == CONF_UINT && !num_parse_u32(value, UINT32_MAX, &number))
		return error_new(ERR_CORRUPT, "strconv.ParseUint: parsing \"%s\": invalid syntax", value);
	return check_allowed(d, value);
}

/* The first value of a scalar counts. A list that the file does not mention is empty, not its default. */
static struct error *settle(struct values *v)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct conf_directive *d = &conf_directives[i];

		if (d->type == CONF_LIST)
			continue;
		if (v->rows[i].n == 0)
			strv_add(&v->rows[i], d->initial);
		if (v->rows[i].items[0][0] != '\0')
			TRY(check_value(d, v->rows[i].items[0]));
	}
	return NULL;
}

static const char *scalar(struct values *v, const char *name)
{
	const struct strv *row = find_row(v, name);

	assert(row && row->n);
	return row->items[0];
}

static bool yes(struct values *v, const char *name)
{
	return str_eq(scalar(v, name), "yes");
}

static uint32_t number(struct values *v, const char *name)
{
	uint32_t value = 0;

	(void)num_parse_u32(scalar(v, name), UINT32_MAX, &value);
	return value;
}

static char *text_or_null(struct values *v, const char *name)
{
	const char *text = scalar(v, name);

	return *text ? xstrdup(text) : NULL;
}

static void fill_switches(struct values *v, struct site_conf *conf)
{
	const struct {
		const char *name;
		bool *field;
	} switches[] = {
		{ "oci mode", &conf->oci_mode },
		{ "tmp sandbox", &conf->tmp_sandbox },
		{ "systemd cgroups", &conf->systemd_cgroups },
		{ "mount proc", &conf->mount_proc },
		{ "mount sys", &conf->mount_sys },
		{ "mount devpts", &conf->mount_devpts },
		{ "mount home", &conf->mount_home },
		{ "mount tmp", &conf->mount_tmp },
		{ "mount hostfs", &conf->mount_hostfs },
		{ "mount slave", &conf->mount_slave },
		{ "config passwd", &conf->config_passwd },
		{ "config group", &conf->config_group },
		{ "config resolv_conf", &conf->config_resolv_conf },
		{ "user bind control", &conf->user_bind_control },
		{ "always use nv", &conf->always_use_nv },
		{ "always use rocm", &conf->always_use_rocm },
		{ "use nvidia-container-cli", &conf->use_nvidia_container_cli },
	};

	for (size_t i = 0; i < ARRAY_LEN(switches); i++)
		*switches[i].field = yes(v, switches[i].name);
}

static void fill(struct values *v, struct site_conf *conf)
{
	fill_switches(v, conf);
	conf->mount_dev = CONF_DEV_NO;
	if (yes(v, "mount dev"))
		conf->mount_dev = CONF_DEV_YES;
	else if (str_eq(scalar(v, "mount dev"), "minimal"))
		conf->mount_dev = CONF_DEV_MINIMAL;
	conf->sessiondir_max_size = number(v, "sessiondir max size");

	const struct strv *bind_path = find_row(v, "bind path");

	assert(bind_path);
	strv_extend(&conf->bind_path, bind_path);
	conf->ldconfig_path = text_or_null(v, "ldconfig path");
	conf->root_search_path = xstrdup(scalar(v, "root search path"));
	conf->user_search_path = xstrdup(scalar(v, "user search path"));
	conf->squashfs_codec = xstrdup(scalar(v, "squashfs codec"));
	conf->squashfs_level = number(v, "squashfs level");
	for (size_t i = 0; i < v->n; i++) {
		if (conf_directives[i].type != CONF_LIST) {
			strv_addf(&conf->all, "%s=%s", conf_directives[i].name, v->rows[i].items[0]);
			continue;
		}

		cleanup_free char *joined = strv_join(&v->rows[i], ",");

		strv_addf(&conf->all, "%s=%s", conf_directives[i].name, joined);
	}
}

static struct error *parse_into(struct values *v, const char *text, size_t len, struct strv *ret_unknown,
				struct site_conf *conf)
{
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((newline ? newline : end) - text);
		cleanup_free char *line = xstrndup(text, line_len);

		read_line(v, line, ret_unknown);
		text += line_len + 1;
	}
	TRY(settle(v));
	fill(v, conf);
	return NULL;
}

struct error *conf_parse(const char *text, size_t len, struct strv *ret_unknown, struct site_conf **ret_conf)
{
	cleanup_with(conf_free) struct site_conf *conf = xcalloc(1, sizeof(*conf));
	struct values v = { .n = count_rows() };

	v.rows = xcalloc(v.n, sizeof(*v.rows));

	struct error *err = parse_into(&v, text, len, ret_unknown, conf);

	values_free(&v);
	TRY(err);
	*ret_conf = take_ptr(&conf);
	return NULL;
}

struct error *conf_load(const char *path, struct strv *ret_unknown, struct site_conf **ret_conf)
{
	cleanup_buf struct buf text = { 0 };

	TRY(fs_read_file(AT_FDCWD, path, CONF_FILE_MAX, &text));
	return conf_parse(buf_str(&text), text.len, ret_unknown, ret_conf);
}

void conf_free(struct site_conf *conf)
{
	if (!conf)
		return;
	strv_free(&conf->bind_path);
	strv_free(&conf->all);
	free(conf->ldconfig_path);
	free(conf->root_search_path);
	free(conf->user_search_path);
	free(conf->squashfs_codec);
	free(conf);
}

static void append_comment(struct buf *out, const struct conf_directive *d)
{
	cleanup_strv struct strv lines = { 0 };

	strv_split(&lines, d->comment, '\n');
	buf_append_char(out, '\n');
	for (size_t i = 0; i < lines.n; i++)
		buf_appendf(out, "# %s\n", lines.items[i]);
}

void conf_print_default(struct buf *out)
{
	buf_append_str(out,
		       "# singularity.conf: the site's configuration of singularity.\n"
		       "#\n"
		       "# One directive a line: name = value. Lines that begin with # are comments; text after a value "
		       "belongs to it.\n"
		       "# A directive that is missing takes the default shown here, but a missing list is empty.\n");
	for (const struct conf_directive *d = conf_directives; d->name; d++) {
		cleanup_strv struct strv values = { 0 };

		if (d->comment)
			append_comment(out, d);
		strv_split(&values, d->initial, d->type == CONF_LIST ? ',' : '\n');
		for (size_t i = 0; i < values.n; i++) {
			if (*values.items[i])
				buf_appendf(out, "%s = %s\n", d->name, values.items[i]);
			else
				buf_appendf(out, "# %s =\n", d->name);
		}
	}
}
