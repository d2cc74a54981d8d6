/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_piece.h"

#include "base/mem.h"
#include "formats/squash/squash_format.h"

#include <string.h>

#define BUCKETS_MIN 1024u

static struct squash_piece **bucket_of(const struct squash_pieces *pieces, const uint8_t *key)
{
	uint64_t hash;

	memcpy(&hash, key, sizeof(hash));
	return &pieces->buckets[hash & (pieces->n_buckets - 1)];
}

static void grow(struct squash_pieces *pieces)
{
	struct squash_piece **old = pieces->buckets;
	size_t n_old = pieces->n_buckets;

	pieces->n_buckets = n_old ? n_old * 2 : BUCKETS_MIN;
	pieces->buckets = xcalloc(pieces->n_buckets, sizeof(struct squash_piece *));
	for (size_t i = 0; i < n_old; i++) {
		for (struct squash_piece *piece = old[i], *next; piece; piece = next) {
			struct squash_piece **bucket = bucket_of(pieces, piece->key);

			next = piece->next;
			piece->next = *bucket;
			*bucket = piece;
		}
	}
	free(old);
}

struct squash_piece *squash_pieces_get(struct squash_pieces *pieces, const void *data, size_t size)
{
	uint8_t key[SHA256_SIZE];

	if (pieces->n >= pieces->n_buckets)
		grow(pieces);
	sha256_raw(data, size, key);

	struct squash_piece **bucket = bucket_of(pieces, key);

	for (struct squash_piece *piece = *bucket; piece; piece = piece->next)
		if (memcmp(piece->key, key, sizeof(key)) == 0)
			return piece;

	struct squash_piece *piece = xcalloc(1, sizeof(*piece));

	piece->content.size = size;
	piece->content.fragment = SQUASH_NO_FRAGMENT;
	memcpy(piece->key, key, sizeof(key));
	piece->next = *bucket;
	*bucket = piece;
	pieces->n++;
	return piece;
}

void squash_pieces_release(struct squash_pieces *pieces)
{
	for (size_t i = 0; i < pieces->n_buckets; i++) {
		for (struct squash_piece *piece = pieces->buckets[i], *next; piece; piece = next) {
			next = piece->next;
			free(piece);
		}
	}
	free(pieces->buckets);
}
