/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside the convert room: one conversion, shared by the plan (convert.c) and the layers (convert_layers.c). */
#ifndef IMAGE_CONVERT_PRIV_H
#define IMAGE_CONVERT_PRIV_H

#include "formats/ocisif/ocisif.h"
#include "image/convert/convert.h"

/* Memory of the tree of one squashfs: some five million entries, five times what the largest known images have. */
#define CONVERT_TREE_MAX (UINT64_C(1) << 30)

struct conversion {
	struct source *source;
	const struct convert_options *options;
	int fd;
	struct ocisif_writer *out;
	/* The new layers, bottom first. A layer that is kept as it was has its doc set. */
	struct oci_desc *layers;
	size_t n_layers;
	bool *is_repeatable;	     /* per new layer of a kept conversion: depends on its blob alone */
	uint64_t bytes_done, bytes_total; /* of stored layers, for the progress */
};

/* convert_squash() - layers 0 .. @n_source - 1 of the source become the new layer 0 */
must_check struct error *convert_squash(struct conversion *c, size_t n_source);
/* convert_keep() - layer @i of the source becomes the new layer @i; @overlay_form: other layers lie above or below it */
must_check struct error *convert_keep(struct conversion *c, size_t i, bool overlay_form);
/* convert_copy() - layer @from of the source is stored as it is, as the new layer @to */
must_check struct error *convert_copy(struct conversion *c, size_t from, size_t to);

#endif
