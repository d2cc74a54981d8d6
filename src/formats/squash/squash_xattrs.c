/* SPDX-License-Identifier: BSD-3-Clause */
#include "formats/squash/squash_tables.h"

#include "base/mem.h"
#include "formats/squash/squash_bytes.h"

#define BUCKETS_MIN 64u
#define ENTRY_HEAD_SIZE 4u /* prefix number, length of the rest of the name */
#define VALUE_HEAD_SIZE 4u /* length of the value */
#define REF_TABLE_MAX ((uint64_t)UINT32_MAX << 16)

static const struct {
	const char *text;
	uint16_t number;
} prefixes[] = {
	{ "user.", SQUASH_XATTR_USER },
	{ "trusted.", SQUASH_XATTR_TRUSTED },
	{ "security.", SQUASH_XATTR_SECURITY },
};

static uint64_t hash_set(uint64_t seed, const struct squash_node *node)
{
	uint64_t hash = seed;

	for (uint32_t i = 0; i < node->n_xattrs; i++) {
		const struct squash_xattr *xattr = &node->xattrs[i];

		hash = squash_hash(hash, xattr->name, strlen(xattr->name));
		hash = squash_hash(hash, xattr->value, xattr->size);
	}
	return hash;
}

static bool same_set(const struct squash_node *a, const struct squash_node *b)
{
	if (a->n_xattrs != b->n_xattrs)
		return false;
	for (uint32_t i = 0; i < a->n_xattrs; i++) {
		const struct squash_xattr *x = &a->xattrs[i];
		const struct squash_xattr *y = &b->xattrs[i];

		if (x->size != y->size || strcmp(x->name, y->name) != 0 || memcmp(x->value, y->value, x->size) != 0)
			return false;
	}
	return true;
}

static void link_set(struct squash_xattr_table *xattrs, uint32_t index)
{
	struct squash_xattr_set *set = &xattrs->sets[index];
	uint32_t *bucket = &xattrs->buckets[set->hash & (xattrs->n_buckets - 1)];

	set->next = *bucket;
	*bucket = index + 1;
}

static void grow_buckets(struct squash_xattr_table *xattrs)
{
	free(xattrs->buckets);
	xattrs->n_buckets = xattrs->n_buckets ? xattrs->n_buckets * 2 : BUCKETS_MIN;
	xattrs->buckets = xcalloc(xattrs->n_buckets, sizeof(*xattrs->buckets));
	for (uint32_t i = 0; i < xattrs->n; i++)
		link_set(xattrs, i);
}

static uint32_t write_pair(struct squash_meta *meta, const struct squash_xattr *xattr)
{
	size_t i = 0;

	/* The tree keeps no other prefixes than these. */
	while (i + 1 < ARRAY_LEN(prefixes) && !str_starts(xattr->name, prefixes[i].text))
		i++;

	const char *rest = xattr->name + strlen(prefixes[i].text);
	size_t rest_len = strlen(rest);
	uint8_t head[ENTRY_HEAD_SIZE];
	uint8_t value_head[VALUE_HEAD_SIZE];
	uint8_t *end = store_u16(head, prefixes[i].number);

	(void)store_u16(end, (uint16_t)rest_len);
	(void)store_u32(value_head, (uint32_t)xattr->size);
	squash_meta_append(meta, head, sizeof(head));
	squash_meta_append(meta, rest, rest_len);
	squash_meta_append(meta, value_head, sizeof(value_head));
	squash_meta_append(meta, xattr->value, xattr->size);
	return (uint32_t)(sizeof(head) + rest_len + sizeof(value_head) + xattr->size);
}

static struct error *check_size(const struct squash_node *node)
{
	size_t size = 0;

	for (uint32_t i = 0; i < node->n_xattrs; i++)
		size += strlen(node->xattrs[i].name) + node->xattrs[i].size;
	if (size > SQUASH_XATTR_BYTES_MAX)
		return error_new(ERR_LIMIT, "the extended attributes have %zu bytes (limit %d)", size,
				 SQUASH_XATTR_BYTES_MAX);
	return NULL;
}

static struct error *add_set(struct squash_xattr_table *xattrs, const struct squash_node *node, uint64_t hash)
{
	struct squash_xattr_set set = { .node = node, .hash = hash, .ref = squash_meta_ref(&xattrs->meta) };

	if (set.ref > REF_TABLE_MAX)
		return error_new(ERR_LIMIT, "the extended attributes take more than 4 GiB");
	if (xattrs->n == SQUASH_XATTR_IDS_MAX)
		return error_new(ERR_LIMIT, "the image has more than %d sets of extended attributes",
				 SQUASH_XATTR_IDS_MAX);
	TRY(check_size(node));
	for (uint32_t i = 0; i < node->n_xattrs; i++)
		set.size += write_pair(&xattrs->meta, &node->xattrs[i]);
	GROW(xattrs->sets, xattrs->n, xattrs->cap);
	xattrs->sets[xattrs->n++] = set;
	if (xattrs->n > xattrs->n_buckets)
		grow_buckets(xattrs);
	else
		link_set(xattrs, xattrs->n - 1);
	return NULL;
}

struct error *squash_xattrs_get(struct squash_xattr_table *xattrs, const struct squash_node *node, uint32_t *ret_index)
{
	uint64_t hash = hash_set(xattrs->seed, node);
	uint32_t at = xattrs->n_buckets ? xattrs->buckets[hash & (xattrs->n_buckets - 1)] : 0;

	for (; at; at = xattrs->sets[at - 1].next) {
		const struct squash_xattr_set *set = &xattrs->sets[at - 1];

		if (set->hash == hash && same_set(set->node, node)) {
			*ret_index = at - 1;
			return NULL;
		}
	}
	TRY(add_set(xattrs, node, hash));
	*ret_index = xattrs->n - 1;
	return NULL;
}

void squash_xattrs_release(struct squash_xattr_table *xattrs)
{
	squash_meta_release(&xattrs->meta);
	free(xattrs->sets);
	free(xattrs->buckets);
}
