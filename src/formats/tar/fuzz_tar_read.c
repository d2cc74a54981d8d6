/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tar reader over arbitrary bytes. The first byte chooses the size of the chunks and whether checksums are made right first:
 * without that, hardly any mutation would get past them.
 */
#include "base/str.h"
#include "formats/tar/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct feed {
	const uint8_t *data;
	size_t left, chunk;
};

static struct error *next(void *ctx, const uint8_t **ret_data, size_t *ret_size)
{
	struct feed *f = ctx;

	*ret_size = f->left < f->chunk ? f->left : f->chunk;
	*ret_data = f->data;
	f->data += *ret_size;
	f->left -= *ret_size;
	return NULL;
}

static void mend_checksums(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		uint8_t *block = data + at;
		unsigned int sum = 0;

		if (memcmp(block + 257, "ustar", 5) != 0)
			continue;
		memset(block + 148, ' ', 8);
		for (int i = 0; i < TAR_BLOCK; i++)
			sum += block[i];
		for (int i = 5; i >= 0; i--, sum /= 8)
			block[148 + i] = (uint8_t)('0' + sum % 8);
		block[154] = '\0';
	}
}

/* Holes are not counted: their sizes are made up by the archive. Whatever is handed out must lie in the input. */
static struct error *read_all(struct tar *tar, const uint8_t *begin, const uint8_t *end)
{
	for (;;) {
		const struct tar_entry *entry = NULL;
		struct tar_slice slice = { 0 };
		uint64_t total = 0;

		TRY(tar_next(tar, &entry));
		if (!entry)
			return tar_drain(tar);
		if (strlen(entry->name) > TAR_PATH_MAX || strlen(entry->link) > TAR_PATH_MAX || entry->mode > 07777 ||
		    entry->n_xattrs > TAR_XATTRS_MAX)
			abort();
		do {
			TRY(tar_read(tar, &slice));
			total += slice.size;
			if (slice.data && (slice.data < begin || slice.data + slice.size > end))
				abort();
		} while (slice.size > 0);
		if (total != entry->size)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t chunks[] = { 1, 100, 512, 1 << 20 };
	cleanup_free uint8_t *copy = NULL;
	struct feed feed = { 0 };
	struct tar_input input = { .next = next, .ctx = &feed };
	cleanup_with(tar_free) struct tar *tar = NULL;

	if (size == 0)
		return 0;
	copy = xmalloc(size);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 4)
		mend_checksums(copy, size - 1);
	feed = (struct feed){ .data = copy, .left = size - 1, .chunk = chunks[data[0] & 3] };
	tar = tar_new(&input);
	error_free(read_all(tar, copy, copy + size - 1));
	return 0;
}
