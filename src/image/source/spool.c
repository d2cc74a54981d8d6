/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/source/spool.h"

#include "base/draft.h"
#include "base/io.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_SIZE = 256 * 1024, MAGIC_SIZE = 6 };

static const struct {
	const char *bytes;
	size_t len;
} magics[] = {
	{ "\x1f\x8b", 2 },	   /* gzip */
	{ "BZh", 3 },		   /* bzip2 */
	{ "\xfd\x37zXZ\0", 6 },	   /* xz */
	{ "\x28\xb5\x2f\xfd", 4 }, /* zstd */
	{ "\x04\x22\x4d\x18", 4 }, /* lz4 */
};

static bool is_compressed(const uint8_t *head, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		if (len >= magics[i].len && memcmp(head, magics[i].bytes, magics[i].len) == 0)
			return true;
	}
	return false;
}

/* libarchive never says ERR_SYSTEM; its texts are good enough to show. */
static struct error *archive_trouble(struct archive *a, const char *path)
{
	const char *text = archive_error_string(a);

	return error_new(ERR_CORRUPT, "%s: %s", path, text ? text : "damaged");
}

static struct error *copy_content(struct archive *a, const char *path, int to, const char *tmpdir)
{
	for (;;) {
		const void *data;
		size_t size;
		la_int64_t offset;
		int rc = archive_read_data_block(a, &data, &size, &offset);

		if (rc == ARCHIVE_EOF)
			return NULL;
		if (rc != ARCHIVE_OK)
			return archive_trouble(a, path);
		TRY_CTX(io_write_all(to, data, size), "while unpacking %s into %s", path, tmpdir);
	}
}

static void unpacker_free(struct archive *a)
{
	(void)archive_read_free(a);
}
DEFINE_CLEANUP(struct archive *, unpacker_free)

/* The raw format: whatever the filters give, as one entry. It refuses an empty stream, which no archive is either. */
static struct error *unpack(int from, const char *path, int to, const char *tmpdir)
{
	cleanup_with(unpacker_free) struct archive *a = archive_read_new();
	struct archive_entry *entry;

	if (!a || archive_read_support_format_raw(a) != ARCHIVE_OK)
		return error_new(ERR_INTERNAL, "libarchive reads no raw data");
	(void)archive_read_support_filter_gzip(a);
	(void)archive_read_support_filter_bzip2(a);
	(void)archive_read_support_filter_xz(a);
	(void)archive_read_support_filter_zstd(a);
	(void)archive_read_support_filter_lz4(a);
	if (archive_read_open_fd(a, from, READ_SIZE) != ARCHIVE_OK || archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return archive_trouble(a, path);
	return copy_content(a, path, to, tmpdir);
}

struct error *spool_if_needed(int *fd, const char *path, const char *tmpdir)
{
	uint8_t head[MAGIC_SIZE];
	cleanup_fd int spool = -EBADF;
	struct stat st;
	size_t n = 0;

	if (fstat(*fd, &st) < 0)
		return error_sys(errno, "stat %s", path);
	if (S_ISREG(st.st_mode))
		TRY_CTX(io_pread(*fd, head, sizeof(head), 0, &n), "read %s", path);
	if (S_ISREG(st.st_mode) && !is_compressed(head, n))
		return NULL;
	if (S_ISDIR(st.st_mode))
		return error_sys(EISDIR, "read %s", path);
	TRY(draft_unnamed(tmpdir, &spool));
	TRY(unpack(*fd, path, spool, tmpdir));
	(void)close(take_fd(fd));
	*fd = take_fd(&spool);
	return NULL;
}
