/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/ocisif/ocisif.h"

#include "base/io.h"

/* What is added to the slots of a new image, so that an overlay or signatures find room later (formats.md 2.1). */
enum { SPARE_SLOTS = 8 };

struct ocisif_writer {
	int fd; /* borrowed */
	struct sif_writer *sif;
};

size_t ocisif_slots(size_t n_layers)
{
	return n_layers + 2 + 1 + SPARE_SLOTS;
}

struct error *ocisif_create(int fd, size_t n_slots, struct ocisif_writer **ret_writer)
{
	struct sif_writer *sif;

	TRY(sif_create(fd, n_slots, &sif));

	struct ocisif_writer *w = xcalloc(1, sizeof(*w));

	w->fd = fd;
	w->sif = sif;
	*ret_writer = w;
	return NULL;
}

uint64_t ocisif_begin_blob(const struct ocisif_writer *w)
{
	return sif_next_offset(w->sif, SIF_TYPE_OCI_BLOB);
}

bool ocisif_has_blob(const struct ocisif_writer *w, const struct digest *digest)
{
	size_t n;
	const struct sif_descr *added = sif_added(w->sif, &n);

	for (size_t i = 0; i < n; i++) {
		if (digest_eq(&added[i].digest, digest))
			return true;
	}
	return false;
}

static struct error *add(struct ocisif_writer *w, enum sif_type type, uint64_t size, const struct digest *digest)
{
	struct sif_descr d = { .type = (int32_t)type, .size = size, .group = SIF_GROUP_MARK | 1, .digest = *digest };

	memcpy(d.extra, digest->text, strlen(digest->text));
	return sif_add_object(w->sif, &d);
}

struct error *ocisif_end_blob(struct ocisif_writer *w, uint64_t size, const struct digest *digest)
{
	/* The reference refuses to read an image that holds a digest twice. */
	if (ocisif_has_blob(w, digest))
		return error_new(ERR_INTERNAL, "blob %s is stored twice", digest->text);
	return add(w, SIF_TYPE_OCI_BLOB, size, digest);
}

struct error *ocisif_add_blob(struct ocisif_writer *w, const void *data, size_t size, const struct digest *digest)
{
	TRY(io_pwrite_all(w->fd, data, size, ocisif_begin_blob(w)));
	return ocisif_end_blob(w, size, digest);
}

struct error *ocisif_finish(struct ocisif_writer *w, const void *root_index, size_t size, const struct digest *digest)
{
	TRY(io_pwrite_all(w->fd, root_index, size, sif_next_offset(w->sif, SIF_TYPE_OCI_ROOT_INDEX)));
	TRY(add(w, SIF_TYPE_OCI_ROOT_INDEX, size, digest));
	return sif_finish(w->sif);
}

void ocisif_writer_free(struct ocisif_writer *w)
{
	if (!w)
		return;
	sif_writer_free(w->sif);
	free(w);
}
