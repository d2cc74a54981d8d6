/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads squashfs 4.0 images that lie anywhere in a file (format: the kernel's Documentation/filesystems/squashfs.rst and
 * squashfs_fs.h): little-endian, all six compressions, blocks of 4 KiB to 1 MiB. Versions 1 to 3 are refused.
 *
 * The image is hostile: every offset, size and count is checked before use, names cannot climb (no "/", ".", "..", duplicates),
 * and what is kept in memory has named limits. A directory may still contain itself: who walks a tree limits its depth
 * (SQUASH_DEPTH_MAX). Damage in one place breaks only what needs that place.
 *
 * Threads: metadata calls (everything but squash_block_load()) are for one thread at a time per cache; squash_block_load() may be
 * called from any number of threads with a decoder each.
 */
#ifndef FORMATS_SQUASH_H
#define FORMATS_SQUASH_H

#include "formats/squash/squash_codec.h"
#include "formats/squash/squash_tree.h"

#include <stdbool.h>

enum {
	SQUASH_META_SIZE = 8192,	    /* largest metadata block, fixed by the format */
	SQUASH_BLOCK_MIN = 4096,
	SQUASH_BLOCK_MAX = 1 << 20,
	SQUASH_NAME_MAX = 256,		    /* the format's own limit of a name */
	SQUASH_LINK_MAX = 65535,	    /* longest symbolic link accepted; Linux itself stops at 4095 */
	SQUASH_DEPTH_MAX = 1024,	    /* for walkers: a path of PATH_MAX bytes has at most 2048 components */
	SQUASH_DIR_SIZE_MAX = 64 << 20,	    /* listing of one directory: a million names of 50 bytes */
	SQUASH_FRAGMENTS_MAX = 1 << 24,	    /* 2 TiB of full 128 KiB fragment blocks; the index of these is 256 KiB */
	SQUASH_XATTR_IDS_MAX = 1 << 24,	    /* the same bound for sets of extended attributes */
	SQUASH_XATTRS_MAX = 8192,	    /* attributes of one inode: listxattr() cannot tell more (64 KiB of names) */
	SQUASH_XATTR_VALUE_MAX = 65536,	    /* as XATTR_SIZE_MAX of Linux */
	SQUASH_XATTR_BYTES_MAX = 1 << 20,   /* names and values of one inode */
	SQUASH_FILE_BLOCKS_MAX = 1 << 26,   /* blocks of one file: 8 TiB of 128 KiB blocks; their list is 256 MiB */
};

#define SQUASH_NO_XATTR UINT32_MAX

/* Decoded metadata blocks, shared by any number of images: what bounds the memory of a reader of many layers. */
struct squash_cache;
struct squash_cache *squash_cache_new(size_t max_bytes);
void squash_cache_free(struct squash_cache *cache); /* after the images that use it */
DEFINE_CLEANUP(struct squash_cache *, squash_cache_free)
/* squash_cache_trim() - forget all blocks, give the memory back */
void squash_cache_trim(struct squash_cache *cache);

/* The superblock, checked. Positions are bytes from the start of the image. */
struct squash_super {
	uint32_t n_inodes;
	uint32_t mkfs_time;
	uint32_t block_size;	/* power of two, SQUASH_BLOCK_MIN .. SQUASH_BLOCK_MAX */
	uint32_t n_fragments;
	unsigned int codec;	/* enum squash_codec */
	uint16_t flags;
	uint32_t n_ids;		/* at least 1 */
	uint64_t root_ref;
	uint64_t bytes_used;	/* at most the bytes given to squash_open() */
	uint64_t id_table, xattr_table, inode_table, dir_table, fragment_table; /* UINT64_MAX: none */
	uint32_t n_xattr_ids;	/* 0: the image has no extended attributes */
};

/* A place in the metadata: where a block starts in the image, and a byte of its content. */
struct squash_pos {
	uint64_t block;
	uint32_t offset;
};

struct squash_inode {
	uint64_t ref;	 /* 48 bits: names the inode within its image */
	uint32_t number; /* 1 .. n_inodes in well-formed images, but not checked */
	uint32_t mode;	 /* type and permission bits, as st_mode */
	uint32_t uid, gid;
	uint32_t mtime;
	uint32_t nlink;
	uint32_t rdev_major, rdev_minor;
	uint32_t xattr_id; /* SQUASH_NO_XATTR: none */
	uint64_t size;	   /* file: bytes; directory: listing + 3; link: bytes of the target */
	uint64_t sparse;   /* file: bytes that are holes, as the writer counted them */
	uint64_t start;	   /* file: first data block */
	uint32_t fragment, fragment_offset; /* file: where its tail is; UINT32_MAX: no fragment */
	uint32_t parent;   /* directory: inode number of its parent */
	struct squash_pos pos; /* file: its block list; directory: its listing; link: its target */
};

/* An open image. */
struct squash;

/**
 * squash_open() - check an image's superblock and tables
 * @fd:     borrowed; must stay open as long as the image
 * @offset: first byte of the image in the file
 * @size:   bytes that belong to the image; more than it uses is fine (padding)
 * @cache:  shared cache of metadata, borrowed; NULL: one of its own
 *
 * Errors: ERR_CORRUPT, ERR_UNSUPPORTED (no squashfs 4.0, unknown compression), ERR_LIMIT, ERR_SYSTEM.
 */
must_check struct error *squash_open(int fd, uint64_t offset, uint64_t size, struct squash_cache *cache, struct squash **ret_img);
void squash_free(struct squash *img);
DEFINE_CLEANUP(struct squash *, squash_free)
const struct squash_super *squash_super(const struct squash *img);
int squash_fd(const struct squash *img); /* the file it lies in, borrowed */
/* squash_trim() - free the metadata decoder's memory until it is needed again */
void squash_trim(struct squash *img);

/* squash_inode_read() - the inode named by a reference out of a directory or the superblock. Errors: ERR_CORRUPT, ERR_LIMIT. */
must_check struct error *squash_inode_read(struct squash *img, uint64_t ref, struct squash_inode *ret_inode);
/* squash_link_read() - target of a symbolic link, NUL-terminated, caller frees. ERR_CORRUPT if it holds a NUL or is empty. */
must_check struct error *squash_link_read(struct squash *img, const struct squash_inode *inode, char **ret_target);

struct squash_dirent {
	const char *name; /* not NUL-terminated; lives as long as the directory */
	uint16_t name_len;
	uint16_t type;	  /* S_IF bits */
	uint32_t number;  /* inode number */
	uint64_t ref;
};

/* A whole directory, sorted by name (bytes). */
struct squash_dir;
must_check struct error *squash_dir_read(struct squash *img, const struct squash_inode *inode, struct squash_dir **ret_dir);
void squash_dir_free(struct squash_dir *dir);
DEFINE_CLEANUP(struct squash_dir *, squash_dir_free)
size_t squash_dir_count(const struct squash_dir *dir);
size_t squash_dir_memory(const struct squash_dir *dir); /* bytes it occupies */
/* squash_dir_at() - entry @i < squash_dir_count(); squash_dir_find() - the entry of this name, or NULL */
const struct squash_dirent *squash_dir_at(const struct squash_dir *dir, size_t i);
const struct squash_dirent *squash_dir_find(const struct squash_dir *dir, const char *name, size_t name_len);

/* Where a piece of a file is stored. */
struct squash_block {
	uint64_t start;	      /* in the image */
	uint32_t stored_size; /* 0: a hole, reads as zeroes */
	bool compressed;
	bool is_fragment;     /* the block is shared: its unpacked size is not known before */
	uint32_t offset;      /* of the piece in the unpacked block; 0 unless a fragment */
	uint32_t length;      /* bytes of the file in it */
};

/*
 * The list of a file's blocks. Only a window of it and one mark per window are kept, so that even the largest file costs little.
 */
struct squash_map;
must_check struct error *squash_map_new(struct squash *img, const struct squash_inode *inode, struct squash_map **ret_map);
void squash_map_free(struct squash_map *map);
DEFINE_CLEANUP(struct squash_map *, squash_map_free)
/* squash_map_count() - blocks of the file, a fragment counted as one */
uint64_t squash_map_count(const struct squash_map *map);
/* squash_map_block() - where block @i < squash_map_count() is; it holds the bytes from i * block_size */
must_check struct error *squash_map_block(struct squash_map *map, uint64_t i, struct squash_block *ret_block);

/**
 * squash_block_load() - read and unpack a block; any thread
 * @decoder:  of the image's compression, for this thread alone
 * @scratch:  block_size bytes of working memory
 * @out:      block_size bytes for a fragment, else @block->length
 * @ret_size: bytes unpacked; equal to @block->length unless a fragment, then at least offset + length
 *
 * Not for holes. Errors: ERR_CORRUPT, ERR_SYSTEM.
 */
must_check struct error *squash_block_load(const struct squash *img, struct squash_decoder *decoder,
					   const struct squash_block *block, void *scratch, void *out, size_t *ret_size);

/* A regular file open for plain reading: its map and the block last unpacked. */
struct squash_file;
must_check struct error *squash_file_open(struct squash *img, const struct squash_inode *inode, struct squash_file **ret_file);
/* squash_file_read() - up to @size bytes from @offset; *ret_size < size only at the end of the file */
must_check struct error *squash_file_read(struct squash_file *file, uint64_t offset, void *buf, size_t size, size_t *ret_size);
void squash_file_free(struct squash_file *file);
DEFINE_CLEANUP(struct squash_file *, squash_file_free)

struct squash_xattrs {
	struct squash_xattr *items; /* names with their prefix */
	size_t n;
};

/* squash_xattrs_read() - all extended attributes of an inode; n is 0 without any. Attributes of an unknown kind are left out. */
must_check struct error *squash_xattrs_read(struct squash *img, const struct squash_inode *inode, struct squash_xattrs *ret_xattrs);
void squash_xattrs_free(struct squash_xattrs *xattrs);
#define cleanup_squash_xattrs __attribute__((__cleanup__(squash_xattrs_free)))

#endif
