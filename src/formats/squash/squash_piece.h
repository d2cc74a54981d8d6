/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pieces that lie in fragment blocks (small files, tails of large ones), found again by content. Private to the
 * room. The key is SHA-256: the fragment block may long be compressed, so comparing bytes would mean decoding it, and a
 * collision would give one file another's content. Only pieces are hashed, a fraction of an image.
 */
#ifndef FORMATS_SQUASH_PIECE_H
#define FORMATS_SQUASH_PIECE_H

#include "base/sha256.h"
#include "formats/squash/squash_place.h"

struct squash_piece {
	struct squash_content content; /* as if the piece were a whole file; such files of equal content share it */
	struct squash_piece *next;
	uint8_t key[SHA256_SIZE];
};

struct squash_pieces {
	struct squash_piece **buckets;
	size_t n_buckets, n;
};

/* squash_pieces_get() - the piece of this content, if needed a new one: then content.fragment is SQUASH_NO_FRAGMENT */
struct squash_piece *squash_pieces_get(struct squash_pieces *pieces, const void *data, size_t size);
void squash_pieces_release(struct squash_pieces *pieces);

#endif
