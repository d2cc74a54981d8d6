/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The passwd and group files of an image, and the USER of an image config (image-spec "config.User"; oci-mode.md 5.4
 * and 3.15). Both files come from the image and are hostile: a line that is not well-formed is passed over.
 */
#include "runtime/launch/plan_priv.h"

#include "base/num.h"

/* Ids that Docker accepts in USER; it keeps the sign bit free. */
enum { USER_ID_MAX = INT32_MAX };

enum { PASSWD_FIELDS = 7, GROUP_FIELDS = 4 };

/* One line of either file, cut at its colons. The last field runs to the end of the line. */
struct entry {
	const char *line; /* where it starts in the text */
	size_t line_len;  /* without the newline */
	const char *field[PASSWD_FIELDS];
	size_t field_len[PASSWD_FIELDS];
	uint32_t id;  /* uid or gid: field 2 */
	uint32_t gid; /* of a passwd line: field 3 */
};

static bool field_id(const struct entry *e, size_t i, uint32_t *ret_id)
{
	char digits[16];

	if (e->field_len[i] >= sizeof(digits))
		return false;
	memcpy(digits, e->field[i], e->field_len[i]);
	digits[e->field_len[i]] = '\0';
	return num_parse_u32(digits, UINT32_MAX, ret_id);
}

static bool cut_fields(struct entry *e, size_t n_fields)
{
	const char *at = e->line;
	const char *end = e->line + e->line_len;

	for (size_t i = 0; i < n_fields; i++) {
		const char *colon = i + 1 < n_fields ? memchr(at, ':', (size_t)(end - at)) : end;

		if (!colon)
			return false;
		e->field[i] = at;
		e->field_len[i] = (size_t)(colon - at);
		at = colon + 1;
	}
	return true;
}

/* Blank lines, comments and the +/- lines of NIS are no entries, nor is what lacks fields or has no numbers for ids. */
static bool parse_entry(struct entry *e, size_t n_fields)
{
	if (e->line_len == 0 || strchr("#+-:", e->line[0]))
		return false;
	if (!cut_fields(e, n_fields) || !field_id(e, 2, &e->id))
		return false;
	return n_fields != PASSWD_FIELDS || field_id(e, 3, &e->gid);
}

/* Advances *@text to the line after the entry; false at the end. */
static bool next_entry(const char **text, size_t n_fields, struct entry *ret_entry)
{
	while (*text && **text) {
		size_t len = strcspn(*text, "\n");

		*ret_entry = (struct entry){ .line = *text, .line_len = len };
		*text += len;
		if (**text == '\n')
			(*text)++;
		if (parse_entry(ret_entry, n_fields))
			return true;
	}
	return false;
}

static bool find_by_id(const char *text, size_t n_fields, uint32_t id, struct entry *ret_entry)
{
	while (next_entry(&text, n_fields, ret_entry))
		if (ret_entry->id == id)
			return true;
	return false;
}

static bool find_by_name(const char *text, size_t n_fields, const char *name, struct entry *ret_entry)
{
	size_t len = strlen(name);

	while (next_entry(&text, n_fields, ret_entry))
		if (ret_entry->field_len[0] == len && memcmp(ret_entry->field[0], name, len) == 0)
			return true;
	return false;
}

static bool all_digits(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

/* A number, or a name that happens to be one, or a name. */
static struct error *resolve_one(const char *what, const char *spec, const char *text, size_t n_fields,
				 struct entry *ret_entry, bool *ret_found)
{
	uint32_t id = 0;
	bool is_number = all_digits(spec);

	if (is_number && !num_parse_u32(spec, USER_ID_MAX, &id))
		return error_new(ERR_USAGE, "%s: id %.32s is above %d", what, spec, USER_ID_MAX);
	*ret_found = (is_number && find_by_id(text, n_fields, id, ret_entry)) ||
		     find_by_name(text, n_fields, spec, ret_entry);
	if (*ret_found)
		return NULL;
	if (!is_number)
		return error_new(ERR_NOT_FOUND, "%s: unknown %s %s", what, what, spec);
	*ret_entry = (struct entry){ .id = id };
	return NULL;
}

struct error *plan_user_resolve(const char *spec, const char *passwd, const char *group, struct plan_user *ret_user)
{
	const char *colon = strchr(spec, ':');
	cleanup_free char *user = colon ? xstrndup(spec, (size_t)(colon - spec)) : xstrdup(spec);
	struct plan_user result = { 0 };
	struct entry entry;
	bool found;

	/* ":group" means root with another group, as Docker has it. */
	TRY(resolve_one("user", *user ? user : "0", passwd, PASSWD_FIELDS, &entry, &found));
	result.uid = entry.id;
	result.gid = found ? entry.gid : 0;
	result.is_unknown = !found;
	if (colon && colon[1]) {
		TRY(resolve_one("group", colon + 1, group, GROUP_FIELDS, &entry, &found));
		result.gid = entry.id;
	}
	*ret_user = result;
	return NULL;
}

static void append_passwd_line(struct buf *out, const struct plan_passwd_wanted *w, const char *shell, size_t shell_len)
{
	buf_appendf(out, "%s:x:%u:%u:%s:%s:", w->name, w->uid, w->gid, w->gecos ? w->gecos : "", w->home);
	buf_append(out, shell, shell_len);
	buf_append_char(out, '\n');
}

static void end_line(struct buf *out)
{
	if (out->len > 0 && out->data[out->len - 1] != '\n')
		buf_append_char(out, '\n');
}

char *plan_passwd_text(const char *passwd, const struct plan_passwd_wanted *wanted)
{
	cleanup_buf struct buf out = { 0 };
	struct entry entry;

	if (find_by_id(passwd, PASSWD_FIELDS, wanted->uid, &entry)) {
		const char *rest = entry.line + entry.line_len;

		buf_append(&out, passwd, (size_t)(entry.line - passwd));
		append_passwd_line(&out, wanted, entry.field[6], entry.field_len[6]);
		buf_append_str(&out, *rest == '\n' ? rest + 1 : rest);
	} else {
		const char *shell = wanted->shell ? wanted->shell : "";

		buf_append_str(&out, passwd);
		end_line(&out);
		append_passwd_line(&out, wanted, shell, strlen(shell));
	}
	return buf_take(&out);
}

char *plan_group_text(const char *group, const char *name, uint32_t gid, const char *member)
{
	cleanup_buf struct buf out = { 0 };

	buf_append_str(&out, group);
	end_line(&out);
	buf_appendf(&out, "%s:x:%u:%s\n", name, gid, member ? member : "");
	return buf_take(&out);
}
