/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Little-endian stores and a hash for tables, private to the room. The stores are for records of a fixed size built in
 * place, millions of them; struct buf would cost more than the rest of the writer.
 */
#ifndef FORMATS_SQUASH_BYTES_H
#define FORMATS_SQUASH_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Each returns the place behind what it stored. */
static inline uint8_t *store_u16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static inline uint8_t *store_u32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static inline uint8_t *store_u64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

/**
 * squash_hash() - 64 bits that spread well, for hash tables and for finding candidates, never as proof of equality
 * @seed: a secret random number where an image could choose the data so as to make all of it collide
 */
uint64_t squash_hash(uint64_t seed, const void *data, size_t size);

#endif
