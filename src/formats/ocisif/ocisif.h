/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OCI-SIF: an OCI image in one SIF file. Reading finds the one image, its config, and where in the file its layers lie;
 * writing puts blobs in place one after another and the header last. Layout: formats.md 2. Contents are not hashed
 * here.
 */
#ifndef FORMATS_OCISIF_H
#define FORMATS_OCISIF_H

#include "formats/oci/oci.h"
#include "formats/sif/sif.h"

struct ocisif_layer {
	const struct oci_desc *desc; /* borrowed from the manifest */
	uint64_t offset, size;	     /* bytes of the blob in the file, checked to lie inside it */
	bool is_overlay;	     /* an ext3 writable overlay (the last layer only); all others are squashfs */
};

struct ocisif {
	int fd; /* owned, read-only */
	struct sif *sif;
	struct oci_manifest *manifest;
	struct digest manifest_digest;
	struct oci_config *config;   /* NULL if the config is no image config (data container) */
	struct ocisif_layer *layers; /* bottom first */
	size_t n_layers;
};

/**
 * ocisif_open() - read an OCI-SIF
 * @fd:   taken over on success and on failure
 * @path: for messages
 *
 * A handful of preads: header and table, root index, manifest, config. Nothing is hashed, but every blob must be there,
 * be as long as its OCI descriptor says, and lie inside the file.
 *
 * Errors carry the reference's texts (formats.md 2.7, oci-mode.md 4.2): "no match found", "multiple matches found",
 * "image has no layers", `unsupported layer mediaType "..."`. ERR_UNSUPPORTED `not an OCI-SIF: "PATH"` for a SIF of the
 * native kind.
 */
must_check struct error *ocisif_open(int fd, const char *path, struct ocisif **ret_img);
void ocisif_close(struct ocisif *img);
DEFINE_CLEANUP(struct ocisif *, ocisif_close)

/* ocisif_read_blob() - append a whole blob (config, manifest) to @out; ERR_LIMIT above @limit */
must_check struct error *ocisif_read_blob(const struct ocisif *img, const struct digest *digest, size_t limit,
					  struct buf *out);

/*
 * Writing. Order: create; per blob begin (or add); finish. The header is written by finish, so a half-written file is
 * no SIF.
 */
struct ocisif_writer;

/*
 * ocisif_slots() - table capacity for one image with @n_layers different layers: config, manifest, root index and 8
 * spare
 */
size_t ocisif_slots(size_t n_layers);
/* ocisif_create() - @fd (borrowed) is an empty file; @n_slots as formats.md 2.1 counts them */
must_check struct error *ocisif_create(int fd, size_t n_slots, struct ocisif_writer **ret_writer);
/* ocisif_begin_blob() - where the next blob's bytes go; the caller writes them there itself */
uint64_t ocisif_begin_blob(const struct ocisif_writer *w);
/*
 * ocisif_end_blob() - the blob begun has @size bytes and this digest; a digest stored already is refused as
 * ERR_INTERNAL
 */
must_check struct error *ocisif_end_blob(struct ocisif_writer *w, uint64_t size, const struct digest *digest);
/* ocisif_has_blob() - is a blob of this digest stored already (then it is not stored twice) */
bool ocisif_has_blob(const struct ocisif_writer *w, const struct digest *digest);
/* ocisif_add_blob() - begin, write and end in one */
must_check struct error *ocisif_add_blob(struct ocisif_writer *w, const void *data, size_t size,
					 const struct digest *digest);
/* ocisif_finish() - write the root index object, the descriptor table and the header */
must_check struct error *ocisif_finish(struct ocisif_writer *w, const void *root_index, size_t size,
				       const struct digest *digest);
void ocisif_writer_free(struct ocisif_writer *w);
DEFINE_CLEANUP(struct ocisif_writer *, ocisif_writer_free)

#endif
