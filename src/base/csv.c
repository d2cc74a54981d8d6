/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/csv.h"

/* Where the reader stands. Columns are bytes counted from 1, as in Go's messages. */
struct reader {
	const char *p;
	const char *line_start;
	unsigned int record_line; /* of the record's first byte */
	unsigned int line;
};

static size_t line_end_len(const char *p)
{
	if (*p == '\n')
		return 1;
	return p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

static struct error *parse_error(const struct reader *r, const char *at, const char *what)
{
	size_t column = (size_t)(at - r->line_start) + 1;

	if (r->line != r->record_line)
		return error_new(ERR_USAGE, "record on line %u; parse error on line %u, column %zu: %s", r->record_line,
				 r->line, column, what);
	return error_new(ERR_USAGE, "parse error on line %u, column %zu: %s", r->line, column, what);
}

static void next_line(struct reader *r, size_t end_len)
{
	r->p += end_len;
	r->line_start = r->p;
	r->line++;
}

/* The opening quote is behind r->p; stops behind the closing one. A line end in quotes reads as "\n". */
static struct error *read_quoted(struct reader *r, struct buf *field)
{
	for (;;) {
		size_t end_len = line_end_len(r->p);

		if (*r->p == '\0')
			return parse_error(r, r->p, "extraneous or missing \" in quoted-field");
		if (end_len) {
			buf_append_char(field, '\n');
			next_line(r, end_len);
			continue;
		}
		if (*r->p != '"') {
			buf_append_char(field, *r->p++);
			continue;
		}
		if (r->p[1] == '"') {
			buf_append_char(field, '"');
			r->p += 2;
			continue;
		}
		r->p++;
		if (*r->p == ',' || *r->p == '\0' || line_end_len(r->p))
			return NULL;
		return parse_error(r, r->p - 1, "extraneous or missing \" in quoted-field");
	}
}

static struct error *read_plain(struct reader *r, struct buf *field)
{
	for (; *r->p && *r->p != ',' && !line_end_len(r->p); r->p++) {
		if (*r->p == '"')
			return parse_error(r, r->p, "bare \" in non-quoted-field");
		buf_append_char(field, *r->p);
	}
	return NULL;
}

struct error *csv_read_next(const char **text, struct strv *fields)
{
	struct reader r = { .p = *text, .line_start = *text, .line = 1 };

	for (size_t len = line_end_len(r.p); len; len = line_end_len(r.p))
		next_line(&r, len);
	r.record_line = r.line;
	if (*r.p == '\0') {
		*text = r.p;
		return NULL;
	}
	for (;;) {
		cleanup_buf struct buf field = { 0 };

		if (*r.p == '"') {
			r.p++;
			TRY(read_quoted(&r, &field));
		} else {
			TRY(read_plain(&r, &field));
		}
		strv_add_take(fields, buf_take(&field));
		if (*r.p != ',') {
			*text = r.p;
			return NULL;
		}
		r.p++;
	}
}

struct error *csv_read_record(const char *text, struct strv *fields)
{
	return csv_read_next(&text, fields);
}
