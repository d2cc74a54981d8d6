/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/testlib/tree_dump.h"

#include "base/sha256.h"
#include "base/test.h"
#include "formats/ocisif/ocisif.h"
#include "formats/squash/squash.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

struct dump {
	struct squash *img;
	struct buf *out;
	/* first names of inodes seen, by inode number */
	struct seen {
		uint32_t number;
		char *path;
	} *seen;
	size_t n_seen, cap;
};

static const char *first_name(struct dump *d, const struct squash_inode *inode, const char *path)
{
	for (size_t i = 0; i < d->n_seen; i++)
		if (d->seen[i].number == inode->number)
			return d->seen[i].path;
	GROW(d->seen, d->n_seen, d->cap);
	d->seen[d->n_seen++] = (struct seen){ .number = inode->number, .path = xstrdup(path) };
	return path;
}

static void dump_content(struct dump *d, const struct squash_inode *inode)
{
	enum { CHUNK = 1 << 16 };
	cleanup_with(squash_file_free) struct squash_file *file = NULL;
	cleanup_with(sha256_free) struct sha256 *hash = sha256_new();
	cleanup_free uint8_t *buf = xmalloc(CHUNK);
	uint64_t at = 0;

	assert_ok(squash_file_open(d->img, inode, &file));
	while (at < inode->size) {
		size_t got = 0;

		assert_ok(squash_file_read(file, at, buf, CHUNK, &got));
		assert_true(got > 0);
		sha256_update(hash, buf, got);
		at += got;
	}
	struct digest digest = sha256_digest(hash);

	buf_appendf(d->out, " %" PRIu64 " %.12s", inode->size, digest_hex(&digest));
}

static void dump_inode(struct dump *d, const struct squash_inode *inode, const char *path)
{
	cleanup_squash_xattrs struct squash_xattrs xattrs = { 0 };

	buf_appendf(d->out, "%s %06o %u:%u %u", path[0] ? path : "/", inode->mode, inode->uid, inode->gid, inode->mtime);
	if (!S_ISDIR(inode->mode))
		buf_appendf(d->out, " n%u", inode->nlink);
	if (S_ISREG(inode->mode))
		dump_content(d, inode);
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		buf_appendf(d->out, " %u,%u", inode->rdev_major, inode->rdev_minor);
	if (S_ISLNK(inode->mode)) {
		cleanup_free char *target = NULL;

		assert_ok(squash_link_read(d->img, inode, &target));
		buf_appendf(d->out, " -> %s", target);
	}
	assert_ok(squash_xattrs_read(d->img, inode, &xattrs));
	for (size_t i = 0; i < xattrs.n; i++) {
		buf_appendf(d->out, " %s=", xattrs.items[i].name);
		for (size_t k = 0; k < xattrs.items[i].size; k++)
			buf_appendf(d->out, "%02x", ((const uint8_t *)xattrs.items[i].value)[k]);
	}
	if (inode->nlink > 1 && !S_ISDIR(inode->mode))
		buf_appendf(d->out, " =%s", first_name(d, inode, path));
	buf_append_char(d->out, '\n');
}

static void dump_tree(struct dump *d, uint64_t ref, const char *path, unsigned int depth)
{
	struct squash_inode inode = { 0 };
	cleanup_with(squash_dir_free) struct squash_dir *dir = NULL;

	assert_true(depth <= SQUASH_DEPTH_MAX);
	assert_ok(squash_inode_read(d->img, ref, &inode));
	dump_inode(d, &inode, path);
	if (!S_ISDIR(inode.mode))
		return;
	assert_ok(squash_dir_read(d->img, &inode, &dir));
	for (size_t i = 0; i < squash_dir_count(dir); i++) {
		const struct squash_dirent *entry = squash_dir_at(dir, i);
		cleanup_free char *below = xasprintf("%s/%.*s", path, (int)entry->name_len, entry->name);

		dump_tree(d, entry->ref, below, depth + 1);
	}
}

void tree_dump(int fd, uint64_t offset, uint64_t size, struct buf *out)
{
	cleanup_with(squash_free) struct squash *img = NULL;
	struct dump d = { .out = out };

	assert_ok(squash_open(fd, offset, size, NULL, &img));
	d.img = img;
	dump_tree(&d, squash_super(img)->root_ref, "", 0);
	for (size_t i = 0; i < d.n_seen; i++)
		free(d.seen[i].path);
	free(d.seen);
}

void tree_dump_layer(int fd, size_t i, struct buf *out)
{
	cleanup_with(ocisif_close) struct ocisif *img = NULL;

	assert_ok(ocisif_open(fcntl(fd, F_DUPFD_CLOEXEC, 3), "test image", &img));
	assert_true(i < img->n_layers);
	tree_dump(img->fd, img->layers[i].offset, img->layers[i].size, out);
}

void assert_same_tree(const char *ours, const char *theirs, const char *what)
{
	const char *a = ours;
	const char *b = theirs;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return;
	while (a > ours && a[-1] != '\n') {
		a--;
		b--;
	}
	fail_msg("%s differs:\nours   %.*s\ntheirs %.*s", what, (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
}

static const char *find_line(const char *listing, const char *path)
{
	size_t len = strlen(path);

	for (const char *at = listing; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, path, len) == 0 && at[len] == ' ')
			return at;
		if (!*at)
			break;
	}
	return NULL;
}

void assert_line(const char *listing, const char *path, const char *part)
{
	const char *line = find_line(listing, path);

	if (!line)
		fail_msg("no %s in:\n%s", path, listing);
	cleanup_free char *copy = xstrndup(line, strcspn(line, "\n"));

	if (!strstr(copy, part))
		fail_msg("\"%s\" is not in: %s", part, copy);
}

void assert_no_line(const char *listing, const char *path)
{
	if (find_line(listing, path))
		fail_msg("%s is in:\n%s", path, listing);
}
