/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/testlib/tar_make.h"

#include <assert.h>
#include <stdio.h>

static void put(uint8_t *block, size_t at, size_t width, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	memcpy(block + at, text ? text : "", len < width ? len : width);
}

static void put_octal(uint8_t *block, size_t at, size_t width, unsigned long long value)
{
	char digits[32];

	(void)snprintf(digits, sizeof(digits), "%0*llo", (int)width - 1, value);
	memcpy(block + at, digits, width - 1);
}

static unsigned int default_mode(char type)
{
	return type == '5' ? 0755 : type == '2' ? 0777 : 0644;
}

static void fill_header(const struct tar_spec *spec, size_t size, uint8_t *block)
{
	char type = spec->type ? spec->type : '0';

	memset(block, 0, TAR_BLOCK);
	put(block, 0, 100, spec->name);
	put_octal(block, 100, 8, spec->mode ? spec->mode : default_mode(type));
	put_octal(block, 108, 8, spec->uid);
	put_octal(block, 116, 8, spec->gid);
	put_octal(block, 124, 12, size);
	put_octal(block, 136, 12, spec->mtime < 0 ? 0 : spec->mtime ? (unsigned long long)spec->mtime : 1700000000);
	block[156] = (uint8_t)type;
	put(block, 157, 100, spec->link);
	if (!spec->v7)
		memcpy(block + 257, spec->old_gnu ? "ustar  \0" : "ustar\00000", 8);
	put_octal(block, 329, 8, spec->dev_major);
	put_octal(block, 337, 8, spec->dev_minor);
	put(block, 345, 155, spec->prefix);
}

static void put_checksum(uint8_t *block)
{
	unsigned int sum = 0;

	memset(block + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	put_octal(block, 148, 7, sum);
	block[154] = '\0';
}

void tar_make_data(struct buf *out, const void *data, size_t size)
{
	static const char zeroes[TAR_BLOCK];

	buf_append(out, data, size);
	buf_append(out, zeroes, (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

void tar_make_with(struct buf *out, const struct tar_spec *spec, size_t at, const void *field, size_t len)
{
	uint8_t block[TAR_BLOCK];
	size_t size = spec->size || !spec->data ? spec->size : strlen(spec->data);
	bool in_checksum = at < 156 && at + len > 148;

	assert(at + len <= TAR_BLOCK);
	fill_header(spec, size, block);
	if (in_checksum)
		put_checksum(block);
	if (len > 0)
		memcpy(block + at, field, len);
	if (!in_checksum)
		put_checksum(block);
	buf_append(out, block, sizeof(block));
	if (spec->data)
		tar_make_data(out, spec->data, size);
}

void tar_make(struct buf *out, const struct tar_spec *spec)
{
	tar_make_with(out, spec, 0, NULL, 0);
}

void tar_make_record(struct buf *records, const char *key, const void *value, size_t size)
{
	size_t body = strlen(key) + size + 3; /* blank, "=", newline */
	size_t len = body + 1;
	char digits[24];

	while ((size_t)snprintf(digits, sizeof(digits), "%zu", len) + body != len)
		len++;
	buf_appendf(records, "%zu %s=", len, key);
	buf_append(records, value, size);
	buf_append_char(records, '\n');
}

void tar_make_pax(struct buf *out, char type, const struct buf *records)
{
	tar_make(out, &(struct tar_spec){ .type = type, .name = "pax", .data = buf_str(records), .size = records->len });
}

void tar_make_pax1(struct buf *out, const char *key, const char *value)
{
	cleanup_buf struct buf records = { 0 };

	tar_make_record(&records, key, value, strlen(value));
	tar_make_pax(out, 'x', &records);
}

void tar_make_end(struct buf *out)
{
	static const char zeroes[2 * TAR_BLOCK];

	buf_append(out, zeroes, sizeof(zeroes));
}

void tar_make_file(struct buf *out, const char *name, const char *text)
{
	tar_make(out, &(struct tar_spec){ .name = name, .data = text });
}

void tar_make_dir(struct buf *out, const char *name)
{
	tar_make(out, &(struct tar_spec){ .type = '5', .name = name });
}

void tar_make_symlink(struct buf *out, const char *name, const char *target)
{
	tar_make(out, &(struct tar_spec){ .type = '2', .name = name, .link = target });
}

void tar_make_hardlink(struct buf *out, const char *name, const char *target)
{
	tar_make(out, &(struct tar_spec){ .type = '1', .name = name, .link = target });
}

static struct error *next_chunk(void *ctx, const uint8_t **ret_data, size_t *ret_size)
{
	struct tar_chunks *c = ctx;
	size_t left = c->bytes->len - c->at;
	size_t size = c->chunk && c->chunk < left ? c->chunk : left;

	free(c->held); /* a slice that outlives its chunk is found by the sanitizer */
	c->held = xmalloc(size);
	if (size > 0)
		memcpy(c->held, c->bytes->data + c->at, size);
	c->at += size;
	*ret_data = c->held;
	*ret_size = size;
	return NULL;
}

struct tar_input tar_chunks_input(struct tar_chunks *chunks)
{
	return (struct tar_input){ .next = next_chunk, .ctx = chunks };
}

void tar_chunks_clear(struct tar_chunks *chunks)
{
	free(chunks->held);
	chunks->held = NULL;
}
