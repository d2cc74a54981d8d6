/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/source/blob_range.h"

#include "base/io.h"
#include "base/sha256.h"

#include <fcntl.h>
#include <inttypes.h>

enum { READ_STEP = 256 * 1024 };

struct range_reader {
	struct blob_reader base;
	int fd;
	uint64_t offset, size, done;
	struct digest digest;
	struct sha256 *hash;
};

static struct error *check_digest(const struct range_reader *r)
{
	struct digest got = sha256_digest(r->hash);

	if (digest_eq(&got, &r->digest))
		return NULL;
	return error_new(ERR_CORRUPT,
			 "error verifying sha256 checksum after reading %" PRIu64 " bytes; got \"%s\", want \"%s\"",
			 r->size, got.text, r->digest.text);
}

static struct error *range_read(struct blob_reader *base, void *buf, size_t size, size_t *ret_n)
{
	struct range_reader *r = (struct range_reader *)base;
	size_t n;

	if (size > r->size - r->done)
		size = (size_t)(r->size - r->done);
	if (size == 0) {
		TRY(check_digest(r));
		*ret_n = 0;
		return NULL;
	}
	TRY_CTX(io_pread(r->fd, buf, size, r->offset + r->done, &n), "read blob %s", r->digest.text);
	if (n < size)
		return error_new(ERR_CORRUPT, "error verifying size; got %" PRIu64 ", want %" PRIu64, r->done + n,
				 r->size);
	sha256_update(r->hash, buf, n);
	r->done += n;
	*ret_n = n;
	return NULL;
}

static void range_close(struct blob_reader *base)
{
	struct range_reader *r = (struct range_reader *)base;

	if (r->fd >= 0)
		(void)close(r->fd);
	sha256_free(r->hash);
	free(r);
}

struct error *blob_range_open(const struct blob_range *range, const struct oci_desc *desc,
			      struct blob_reader **ret_reader)
{
	if (range->size != desc->size)
		return error_new(ERR_CORRUPT, "error verifying size; got %" PRIu64 ", want %" PRIu64, range->size,
				 desc->size);

	int fd = fcntl(range->fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return error_sys(errno, "duplicate descriptor");
	(void)posix_fadvise(fd, (off_t)range->offset, (off_t)range->size, POSIX_FADV_SEQUENTIAL);

	struct range_reader *r = xcalloc(1, sizeof(*r));

	*r = (struct range_reader){
		.base = { range_read, range_close },
		.fd = fd,
		.offset = range->offset,
		.size = range->size,
		.digest = desc->digest,
		.hash = sha256_new(),
	};
	*ret_reader = &r->base;
	return NULL;
}

struct error *blob_reader_read_all(struct blob_reader *reader, size_t limit, const char *what, struct buf *out)
{
	size_t start = out->len;

	for (;;) {
		size_t n;

		if (out->len - start > limit)
			return error_new(ERR_LIMIT, "%s is larger than %zu bytes", what, limit);
		TRY_CTX(reader->read(reader, buf_reserve(out, READ_STEP), READ_STEP, &n), "while reading %s", what);
		if (n == 0)
			return NULL;
		out->len += n;
		out->data[out->len] = '\0';
	}
}

struct error *blob_range_read(const struct blob_range *range, const struct oci_desc *desc, size_t limit,
			      const char *what, struct buf *out)
{
	cleanup_with(blob_reader_close) struct blob_reader *reader = NULL;
	size_t n;

	if (range->size > limit)
		return error_new(ERR_LIMIT, "%s is larger than %zu bytes", what, limit);
	if (desc) {
		TRY_CTX(blob_range_open(range, desc, &reader), "while reading %s", what);
		return blob_reader_read_all(reader, limit, what, out);
	}
	TRY_CTX(io_pread(range->fd, buf_reserve(out, (size_t)range->size), (size_t)range->size, range->offset, &n),
		"while reading %s", what);
	if (n < range->size)
		return error_new(ERR_CORRUPT, "%s ends after %zu of %" PRIu64 " bytes", what, n, range->size);
	out->len += n;
	out->data[out->len] = '\0';
	return NULL;
}
