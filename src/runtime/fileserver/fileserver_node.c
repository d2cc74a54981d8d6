/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes: from a node id to inode, attributes, directory and block list. All of it on the main thread. */
#include "runtime/fileserver/fileserver_priv.h"

#include <sys/sysmacros.h>

enum { UNMAPPED_ID = 65534 };

const struct layer *node_layer(const struct fileserver *server, fuse_ino_t node)
{
	uint64_t layer = node >> 48;

	return layer >= 1 && layer <= server->n_layers ? &server->layers[layer - 1] : NULL;
}

struct error *node_inode(struct fileserver *server, fuse_ino_t node, struct squash_inode *ret_inode)
{
	const struct layer *layer = node_layer(server, node);

	if (!layer)
		return error_sys(ESTALE, "node %" PRIx64, (uint64_t)node);
	return squash_inode_read(layer->img, node & 0xffffffffffff, ret_inode);
}

static uint32_t owner_served(const struct owner_map *map, uint32_t id)
{
	if (map->n == 0)
		return id;
	for (size_t i = 0; i < map->n; i++) {
		const struct fileserver_idmap *line = &map->lines[i];

		if (id >= line->image_id && id - line->image_id < line->size)
			return line->to_one ? line->served_id : line->served_id + (id - line->image_id);
	}
	return UNMAPPED_ID;
}

/*
 * Inode numbers of the layers follow one another, so that they stay small (32-bit programs) and differ within the mount. A damaged
 * image can have numbers beyond its count: these go where no layer's are.
 */
uint64_t node_ino(const struct layer *layer, uint32_t number)
{
	if (number <= squash_super(layer->img)->n_inodes)
		return layer->ino_base + number;
	return (layer->ino_base + 1) << 32 | number;
}

void node_stat(const struct fileserver *server, const struct layer *layer, const struct squash_inode *inode, struct stat *ret_st)
{
	uint64_t stored = inode->sparse < inode->size ? inode->size - inode->sparse : 0;

	*ret_st = (struct stat){
		.st_ino = node_ino(layer, inode->number),
		.st_mode = inode->mode,
		.st_nlink = inode->nlink,
		.st_uid = owner_served(&server->uids, inode->uid),
		.st_gid = owner_served(&server->gids, inode->gid),
		.st_rdev = makedev(inode->rdev_major, inode->rdev_minor),
		.st_size = (off_t)inode->size,
		.st_blocks = S_ISREG(inode->mode) ? (blkcnt_t)(stored / 512 + (stored % 512 != 0)) : 0,
		.st_atim.tv_sec = inode->mtime,
		.st_mtim.tv_sec = inode->mtime,
		.st_ctim.tv_sec = inode->mtime,
	};
}

void node_root_stat(const struct fileserver *server, struct stat *ret_st)
{
	*ret_st = (struct stat){
		.st_ino = FUSE_ROOT_ID,
		.st_mode = S_IFDIR | 0755,
		.st_nlink = 2 + server->n_layers,
		.st_uid = owner_served(&server->uids, 0),
		.st_gid = owner_served(&server->gids, 0),
	};
}

static void dir_drop(struct fileserver *server, struct kept_dir *d)
{
	if (!d->node)
		return;
	server->dir_bytes -= squash_dir_memory(d->dir);
	squash_dir_free(d->dir);
	*d = (struct kept_dir){ 0 };
}

static void file_drop(struct kept_file *f)
{
	squash_map_free(f->map);
	*f = (struct kept_file){ 0 };
}

void node_trim(struct fileserver *server)
{
	for (size_t i = 0; i < N_DIRS; i++)
		dir_drop(server, &server->dirs[i]);
	for (size_t i = 0; i < N_FILES; i++)
		file_drop(&server->files[i]);
}

static struct kept_dir *dir_oldest(struct fileserver *server)
{
	struct kept_dir *oldest = &server->dirs[0];

	for (size_t i = 1; i < N_DIRS; i++)
		if (server->dirs[i].used < oldest->used)
			oldest = &server->dirs[i];
	return oldest;
}

/* The one kept longest among those in use; free places have used == 0 and hold nothing. */
static void dirs_shrink(struct fileserver *server, size_t limit)
{
	while (server->dir_bytes > limit) {
		struct kept_dir *oldest = NULL;

		for (size_t i = 0; i < N_DIRS; i++) {
			struct kept_dir *d = &server->dirs[i];

			if (d->node && (!oldest || d->used < oldest->used))
				oldest = d;
		}
		if (!oldest)
			return;
		dir_drop(server, oldest);
	}
}

struct error *node_dir(struct fileserver *server, fuse_ino_t node, const struct kept_dir **ret_dir)
{
	const struct layer *layer = node_layer(server, node);
	struct squash_inode inode;
	struct squash_dir *dir;
	struct kept_dir *place;

	for (size_t i = 0; i < N_DIRS; i++) {
		if (server->dirs[i].node == node) {
			server->dirs[i].used = ++server->tick;
			*ret_dir = &server->dirs[i];
			return NULL;
		}
	}
	TRY(node_inode(server, node, &inode));
	if (!S_ISDIR(inode.mode))
		return error_sys(ENOTDIR, "node %" PRIx64, (uint64_t)node);
	dirs_shrink(server, FILESERVER_DIR_BYTES);
	TRY(squash_dir_read(layer->img, &inode, &dir));
	place = dir_oldest(server);
	dir_drop(server, place);
	*place = (struct kept_dir){ .node = node, .dir = dir, .inode = inode, .used = ++server->tick };
	server->dir_bytes += squash_dir_memory(dir);
	*ret_dir = place;
	return NULL;
}

struct error *node_file(struct fileserver *server, fuse_ino_t node, struct kept_file **ret_file)
{
	const struct layer *layer = node_layer(server, node);
	struct kept_file *place = &server->files[0];
	struct squash_inode inode;
	struct squash_map *map;

	for (size_t i = 0; i < N_FILES; i++) {
		struct kept_file *f = &server->files[i];

		if (f->node == node) {
			f->used = ++server->tick;
			*ret_file = f;
			return NULL;
		}
		if (f->used < place->used)
			place = f;
	}
	TRY(node_inode(server, node, &inode));
	if (!S_ISREG(inode.mode))
		return error_sys(EINVAL, "node %" PRIx64, (uint64_t)node);
	TRY(squash_map_new(layer->img, &inode, &map));
	file_drop(place);
	*place = (struct kept_file){ .node = node, .map = map, .size = inode.size, .used = ++server->tick };
	*ret_file = place;
	return NULL;
}
