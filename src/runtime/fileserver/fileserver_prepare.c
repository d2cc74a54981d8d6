/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/fileserver/fileserver_priv.h"

enum { OWNER_LINES_MAX = 340 }; /* as many as a user namespace takes */

static struct error *layers_open(struct fileserver *server, const struct fileserver_options *options)
{
	uint64_t base = 1; /* inode 1 is the directory of the layers */

	server->layers = xcalloc(options->n_layers, sizeof(*server->layers));
	for (size_t i = 0; i < options->n_layers; i++) {
		const struct fileserver_layer *l = &options->layers[i];
		struct layer *layer = &server->layers[i];

		TRY_CTX(squash_open(l->fd, l->offset, l->size, server->cache, &layer->img), "layer %zu", i);
		server->n_layers++;
		layer->ino_base = base;
		base += squash_super(layer->img)->n_inodes;
		if (squash_super(layer->img)->n_xattr_ids > 0)
			server->has_xattrs = true;
	}
	return NULL;
}

struct error *fileserver_prepare(const struct fileserver_options *options, struct fileserver **ret_server)
{
	cleanup_with(fileserver_free) struct fileserver *server = NULL;

	if (options->n_layers > FILESERVER_LAYERS_MAX)
		return error_new(ERR_LIMIT, "image has %zu layers (limit %d)", options->n_layers, FILESERVER_LAYERS_MAX);
	server = xcalloc(1, sizeof(*server));
	server->user_xattrs = options->user_xattrs;
	server->debug = options->debug;
	server->cache = squash_cache_new(FILESERVER_META_BYTES);
	TRY(layers_open(server, options));
	server->blocks = blocks_new(server);
	server->stores = stores_new(server);
	server->merge = merge_new();
	server->merged = options->merge && server->n_layers > 1;
	*ret_server = take_ptr(&server);
	return NULL;
}

static struct error *owners_copy(const struct fileserver_idmap *lines, size_t n, struct owner_map *map)
{
	if (n > OWNER_LINES_MAX)
		return error_new(ERR_LIMIT, "map of owners has %zu lines (limit %d)", n, OWNER_LINES_MAX);
	free(map->lines);
	map->lines = xcalloc(n, sizeof(*lines));
	map->n = n;
	for (size_t i = 0; i < n; i++)
		map->lines[i] = lines[i];
	return NULL;
}

struct error *fileserver_set_owners(struct fileserver *server, const struct fileserver_idmap *uids, size_t n_uids,
				    const struct fileserver_idmap *gids, size_t n_gids)
{
	TRY(owners_copy(uids, n_uids, &server->uids));
	return owners_copy(gids, n_gids, &server->gids);
}

void fileserver_free(struct fileserver *server)
{
	if (!server)
		return;
	stores_free(server->stores);
	blocks_free(server->blocks);
	node_trim(server);
	merge_free(server->merge);
	for (size_t i = 0; i < server->n_layers; i++)
		squash_free(server->layers[i].img);
	squash_cache_free(server->cache);
	free(server->layers);
	free(server->uids.lines);
	free(server->gids.lines);
	free(server->reply);
	free(server);
}

char *fileserver_mount_options(int fd)
{
	return xasprintf("fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions,max_read=%d", fd,
			 FILESERVER_READ_MAX);
}
