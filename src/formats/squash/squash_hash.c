/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_bytes.h"

__extension__ typedef unsigned __int128 u128;

/* Odd numbers without pattern (fractions of square roots of primes). */
#define KEY_A 0x6a09e667f3bcc909u
#define KEY_B 0xbb67ae8584caa73bu
#define KEY_C 0x3c6ef372fe94f82bu
#define KEY_D 0xa54ff53a5f1d36f1u

static inline uint64_t load(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* A full product folded to 64 bits: each input bit reaches each output bit. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
	u128 product = (u128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t squash_hash(uint64_t seed, const void *data, size_t size)
{
	const uint8_t *p = data;
	size_t left = size;
	uint64_t h = seed ^ KEY_A;
	uint64_t g = seed ^ KEY_B;

	/* Two chains, so that one multiplication need not wait for the other. */
	for (; left >= 32; left -= 32, p += 32) {
		h = fold(load(p) ^ h, load(p + 8) ^ seed ^ KEY_C);
		g = fold(load(p + 16) ^ g, load(p + 24) ^ seed ^ KEY_D);
	}

	uint8_t tail[32] = { 0 };

	memcpy(tail, p, left);
	h = fold(load(tail) ^ h, load(tail + 8) ^ seed ^ KEY_C);
	g = fold(load(tail + 16) ^ g, load(tail + 24) ^ seed ^ KEY_D);
	return fold(h ^ KEY_D ^ size, g ^ KEY_C);
}
