/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers of the squashfs 4.0 format that the writer needs besides those in squash.h, private to the room.
 * Specification: the kernel's fs/squashfs/squashfs_fs.h.
 */
#ifndef FORMATS_SQUASH_FORMAT_H
#define FORMATS_SQUASH_FORMAT_H

#include "formats/squash/squash.h"

#include <stdint.h>

#define SQUASH_MAGIC 0x73717368u /* "hsqs" */
#define SQUASH_SUPER_SIZE 96u
#define SQUASH_MAJOR 4
#define SQUASH_MINOR 0
#define SQUASH_BLOCK_DEFAULT (1u << 17)
#define SQUASH_PADDING 4096u
#define SQUASH_META_RAW 0x8000u	      /* header of a metadata block: stored uncompressed */
#define SQUASH_BLOCK_RAW (1u << 24)   /* size word of a data block: stored uncompressed */
#define SQUASH_NO_TABLE UINT64_MAX    /* superblock: the table is absent */
#define SQUASH_NO_FRAGMENT UINT32_MAX /* inode: no piece in a fragment block */
#define SQUASH_IDS_MAX 65535u	      /* the superblock counts them in 16 bits */
#define SQUASH_DIR_RUN_MAX 256u	      /* entries below one directory header */
#define SQUASH_FRAGMENT_ENTRY_SIZE 16u
#define SQUASH_XATTR_OUT_OF_LINE 0x100u

enum squash_flags {
	SQUASH_FLAG_NO_FRAGMENTS = 0x0010,
	SQUASH_FLAG_DUPLICATES = 0x0040,
	SQUASH_FLAG_NO_XATTRS = 0x0200,
	SQUASH_FLAG_CODEC_OPTIONS = 0x0400,
};

enum squash_inode_type {
	SQUASH_DIR = 1,
	SQUASH_REG = 2,
	SQUASH_SYMLINK = 3,
	SQUASH_BLKDEV = 4,
	SQUASH_CHRDEV = 5,
	SQUASH_FIFO = 6,
	SQUASH_SOCKET = 7,
};

#define SQUASH_EXTENDED 7 /* added to an inode type: the long form */

enum squash_xattr_prefix {
	SQUASH_XATTR_USER = 0,
	SQUASH_XATTR_TRUSTED = 1,
	SQUASH_XATTR_SECURITY = 2,
};

#endif
