/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/source/tarball.h"

#include "image/source/spool.h"

#include "base/fs.h"
#include "base/io.h"
#include "formats/tar/tar.h"

#include <inttypes.h>

enum {
	CHUNK = 64 * 1024,
	LINKS_MAX = 40, /* as many as Linux follows in one path */
};

struct member {
	char *name; /* cleaned, relative */
	char *link; /* cleaned name that it leads to; NULL if the content is its own */
	uint64_t offset, size;
	size_t order; /* position in the archive */
};

struct tarball {
	int fd;
	uint64_t file_size;
	struct member *members; /* sorted by name, one of each */
	size_t n_members, cap;
};

/* The archive's bytes for the tar reader, with their place in the file. */
struct input {
	const struct tarball *tarball;
	uint8_t chunk[CHUNK];
	uint64_t chunk_offset; /* in the file */
	uint64_t next_offset;  /* what the reader gets next */
};

static struct error *next_chunk(void *ctx, const uint8_t **ret_data, size_t *ret_size)
{
	struct input *in = ctx;

	in->chunk_offset = in->next_offset;
	TRY(io_pread(in->tarball->fd, in->chunk, sizeof(in->chunk), in->chunk_offset, ret_size));
	in->next_offset += *ret_size;
	*ret_data = in->chunk;
	return NULL;
}

static struct error *skip_content(void *ctx, uint64_t size)
{
	struct input *in = ctx;

	if (size > in->tarball->file_size - in->next_offset)
		return error_new(ERR_CORRUPT, "archive/tar: unexpected end of the archive");
	in->next_offset += size;
	return NULL;
}

/* A name inside the archive without "." and leading slashes; NULL if it leaves the archive. */
static char *clean_name(const char *name)
{
	cleanup_free char *clean = fs_clean(name + strspn(name, "/"));

	if (str_eq(clean, "..") || str_starts(clean, "../"))
		return NULL;
	return take_ptr(&clean);
}

/* Where a link leads, NULL if out of the archive: then it leads nowhere. */
static char *link_target(const struct tar_entry *entry, const char *clean)
{
	size_t dir_len = (size_t)(fs_basename(clean) - clean);
	cleanup_free char *path = NULL;

	if (entry->type == TAR_HARDLINK || *entry->link == '/')
		return clean_name(entry->link);
	path = xasprintf("%.*s%s", (int)dir_len, clean, entry->link);
	return clean_name(path);
}

/* The place of the content, from where the reader's first piece of it lies in our chunk. */
static struct error *locate(struct tar *tar, const struct input *in, struct member *m)
{
	struct tar_slice slice = { 0 };

	if (m->size == 0)
		return NULL;
	TRY(tar_read(tar, &slice));
	if (!slice.data)
		return error_new(ERR_UNSUPPORTED, "%s is stored as a sparse file", m->name);
	m->offset = in->chunk_offset + (uint64_t)(slice.data - in->chunk);
	if (m->size > in->tarball->file_size - m->offset)
		return error_new(ERR_CORRUPT, "archive/tar: unexpected end of the archive");
	return NULL;
}

static struct error *add_member(struct tarball *t, struct tar *tar, const struct input *in,
				const struct tar_entry *entry)
{
	cleanup_free char *name = clean_name(entry->name);

	if (!name)
		return error_new(ERR_CORRUPT, "%s: illegal extraction path", entry->name);
	if (t->n_members == TARBALL_MEMBERS_MAX)
		return error_new(ERR_LIMIT, "archive has more than %d members", TARBALL_MEMBERS_MAX);
	GROW(t->members, t->n_members, t->cap);

	struct member *m = &t->members[t->n_members];

	*m = (struct member){ .size = entry->size, .order = t->n_members };
	if (entry->type == TAR_HARDLINK || entry->type == TAR_SYMLINK) {
		m->link = link_target(entry, name);
		if (!m->link)
			return NULL;
	}
	m->name = take_ptr(&name);
	t->n_members++;
	return m->link ? NULL : locate(tar, in, m);
}

static bool is_member(const struct tar_entry *entry)
{
	return entry->type == TAR_FILE || entry->type == TAR_HARDLINK || entry->type == TAR_SYMLINK;
}

static int by_name_and_order(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int names = strcmp(x->name, y->name);

	return names ? names : (x->order > y->order) - (x->order < y->order);
}

static void member_clear(struct member *m)
{
	free(m->name);
	free(m->link);
}

/* Sort, and keep the last of each name. */
static void finish_index(struct tarball *t)
{
	size_t n = 0;

	if (t->n_members == 0)
		return;
	qsort(t->members, t->n_members, sizeof(*t->members), by_name_and_order);
	for (size_t i = 0; i < t->n_members; i++) {
		if (i + 1 < t->n_members && str_eq(t->members[i].name, t->members[i + 1].name))
			member_clear(&t->members[i]);
		else
			t->members[n++] = t->members[i];
	}
	t->n_members = n;
}

static struct error *make_index(struct tarball *t)
{
	cleanup_free struct input *in = xcalloc(1, sizeof(*in));
	const struct tar_input source = { .next = next_chunk, .skip = skip_content, .ctx = in };

	in->tarball = t;

	cleanup_with(tar_free) struct tar *tar = tar_new(&source);

	for (;;) {
		const struct tar_entry *entry = NULL;

		TRY(tar_next(tar, &entry));
		if (!entry)
			break;
		if (is_member(entry))
			TRY(add_member(t, tar, in, entry));
	}
	finish_index(t);
	return NULL;
}

struct error *tarball_open(int fd, const char *path, const char *tmpdir, struct tarball **ret_tarball)
{
	cleanup_with(tarball_close) struct tarball *t = xcalloc(1, sizeof(*t));
	struct stat st;

	t->fd = fd;
	TRY(spool_if_needed(&t->fd, path, tmpdir));
	if (fstat(t->fd, &st) < 0)
		return error_sys(errno, "stat %s", path);
	t->file_size = (uint64_t)st.st_size;
	TRY(make_index(t));
	*ret_tarball = take_ptr(&t);
	return NULL;
}

void tarball_close(struct tarball *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_members; i++)
		member_clear(&t->members[i]);
	free(t->members);
	if (t->fd >= 0)
		(void)close(t->fd);
	free(t);
}

static int compare_key(const void *key, const void *item)
{
	const struct member *m = item;

	return strcmp(key, m->name);
}

static const struct member *find_member(const struct tarball *t, const char *clean)
{
	if (!t->n_members)
		return NULL;
	return bsearch(clean, t->members, t->n_members, sizeof(*t->members), compare_key);
}

bool tarball_has(const struct tarball *t, const char *name)
{
	cleanup_free char *clean = clean_name(name);

	return clean && find_member(t, clean);
}

struct error *tarball_find(const struct tarball *t, const char *name, struct blob_range *ret_range)
{
	cleanup_free char *clean = clean_name(name);
	const struct member *m = clean ? find_member(t, clean) : NULL;

	for (int links = 0; m && m->link; links++) {
		if (links == LINKS_MAX)
			return error_new(ERR_CORRUPT, "link cycle detected for %s", name);
		m = find_member(t, m->link);
	}
	if (!m)
		return error_new(ERR_NOT_FOUND, "file %s not found in tar", name);
	*ret_range = (struct blob_range){ .fd = t->fd, .offset = m->offset, .size = m->size };
	return NULL;
}
