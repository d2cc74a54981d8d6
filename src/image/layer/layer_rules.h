/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layer rules: what of a stack of layers is there in the end. Layers come newest first; the first entry met for a path settles it,
 * so contents go straight to the squashfs writer and only the tree stays in memory. formats.md 3.4, 3.6, 3.7; image-spec "Layer
 * Filesystem Changeset".
 *
 *  - Names are cleaned lexically below the root: nothing climbs out, and nothing touches the host: there is no unpacked tree.
 *  - A whiteout hides older layers, never its own. Of two entries of one name in one layer the last wins, as when unpacking.
 *  - A directory has the attributes of its newest entry; one without any is 0755 0:0 with time 0. Where a newer layer has something
 *    below a path that is no directory in an older one, it is a directory.
 *  - Below a symbolic link of its own layer an entry lands where the link points (inside the root), as when unpacking.
 *  - A hard link shares the inode of its target. Where a newer layer hides the target, the first link becomes the file, with the
 *    link's own mode, owner and time; its content is found by reading that layer once more: see layer_rules_wants().
 *  - Marks of overlayfs (trusted.overlay.*, user.overlay.*) inside a layer are dropped: they would be obeyed when mounted.
 *
 * The overlay form is for one layer that is kept apart: whiteouts become character devices 0:0, opaque directories get
 * trusted.overlay.opaque=y (formats.md 2.5).
 */
#ifndef IMAGE_LAYER_RULES_H
#define IMAGE_LAYER_RULES_H

#include "base/log.h"
#include "formats/squash/squash_writer.h"
#include "formats/tar/tar.h"

enum {
	/* Entries of all layers together, 16 Mi: some ten times the largest images known. Entries that others hide cost no memory, and
	 * this bounds the time they take and the contents that go unused. */
	LAYER_ENTRIES_MAX = 1 << 24,
	/* Blocks of all contents together, holes included, 64 Mi: 8 TiB in blocks of 128 KiB; their list is 4 bytes a block. */
	LAYER_BLOCKS_MAX = 1 << 26,
	/* Bytes of names of hard links that wait for their target. */
	LAYER_LINK_TEXT_MAX = 256 << 20,
	/* Symbolic links followed for one name, as Linux does. */
	LAYER_SYMLINKS_MAX = 40,
	/* Links to links to links ... across hidden names. */
	LAYER_LINK_CHAIN_MAX = 32,
};

/* Steps spent on entries that replace others of their own layer; beyond, the archive is made to waste time. */
#define LAYER_REWORK_MAX UINT64_C(1000000000)

/* Entries of a layer, oldest-first order of the archive. A tar reader, or whatever else can give the same. */
struct layer_input {
	struct error *(*next)(void *ctx, const struct tar_entry **ret_entry);
	struct error *(*read)(void *ctx, struct tar_slice *ret_slice);
	void *ctx;
};

struct layer_input layer_input_tar(struct tar *tar);

struct layer_options {
	bool overlay_form;
	uint32_t block_size; /* of the squashfs, for LAYER_BLOCKS_MAX */
	log_sink *sink;	     /* warnings; may be NULL */
	void *sink_ctx;
};

struct layer_rules;

/* layer_rules_new() - @tree (empty) and @writer are borrowed */
struct layer_rules *layer_rules_new(struct squash_tree *tree, struct squash_writer *writer, const struct layer_options *options);
void layer_rules_free(struct layer_rules *rules);
DEFINE_CLEANUP(struct layer_rules *, layer_rules_free)

/**
 * layer_rules_apply() - all entries of the next older layer
 *
 * Errors: ERR_CORRUPT, ERR_LIMIT, ERR_UNSUPPORTED for what the layer holds; what input, tree and writer report.
 */
must_check struct error *layer_rules_apply(struct layer_rules *rules, const struct layer_input *input);
/**
 * layer_rules_wants() - must the layer just applied be read once more
 *
 * True while hard links lack a content that this layer may hold. Then layer_rules_fill() with the same layer's entries.
 */
bool layer_rules_wants(const struct layer_rules *rules);
/**
 * layer_rules_fill() - take contents alone out of a layer
 * @input: the layer just applied; or, in overlay form, an older one: then go on to the next older one while layer_rules_lacks()
 */
must_check struct error *layer_rules_fill(struct layer_rules *rules, const struct layer_input *input);
/* layer_rules_lacks() - are there hard links whose target no layer gave so far */
bool layer_rules_lacks(const struct layer_rules *rules);
/* layer_rules_older() - the next fill is from an older layer than the one applied (overlay form) */
void layer_rules_older(struct layer_rules *rules);
/* layer_rules_finish() - after the last layer: links without target are dropped with a warning, the tree is ready to be written */
must_check struct error *layer_rules_finish(struct layer_rules *rules);

#endif
