/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_tables.h"

#include "base/mem.h"
#include "formats/squash/squash_bytes.h"

#define N_SLOTS (1u << 17) /* twice the most ids there can be, so a free one is always near */

struct error *squash_ids_get(struct squash_ids *ids, uint32_t id, uint16_t *ret_index)
{
	if (!ids->slots)
		ids->slots = xcalloc(N_SLOTS, sizeof(*ids->slots));

	uint32_t at = (id * 0x9e3779b1u) >> 15;

	for (; ids->slots[at]; at = (at + 1) & (N_SLOTS - 1)) {
		uint32_t index = ids->slots[at] - 1;

		if (ids->ids[index] == id) {
			*ret_index = (uint16_t)index;
			return NULL;
		}
	}
	if (ids->n == SQUASH_IDS_MAX)
		return error_new(ERR_LIMIT, "squashfs cannot hold more than %u different user and group ids",
				 SQUASH_IDS_MAX);
	GROW(ids->ids, ids->n, ids->cap);
	ids->ids[ids->n] = id;
	*ret_index = (uint16_t)ids->n;
	ids->slots[at] = ++ids->n;
	return NULL;
}

void squash_ids_release(struct squash_ids *ids)
{
	free(ids->ids);
	free(ids->slots);
}
