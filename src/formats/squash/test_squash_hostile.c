/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Damaged and hostile images: the sample whose tables are stored as they are, with single fields changed. What is not touched must stay
 * readable; what is must give the right error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "formats/squash/squash.h"

#include "tests/testlib/fixture.h"

#include <sys/stat.h>

enum { /* of the superblock */
	AT_MAGIC = 0,
	AT_BLOCK_SIZE = 12,
	AT_FRAGMENTS = 16,
	AT_CODEC = 20,
	AT_BLOCK_LOG = 22,
	AT_N_IDS = 26,
	AT_MAJOR = 28,
	AT_ROOT = 32,
	AT_BYTES_USED = 40,
	AT_ID_TABLE = 48,
	AT_XATTR_TABLE = 56,
	AT_INODE_TABLE = 64,
	AT_DIR_TABLE = 72,
	AT_FRAGMENT_TABLE = 80,
};

struct image {
	struct buf bytes;
	int fd;
	struct squash *img;
};

static uint64_t load(const struct image *i, size_t at, size_t size)
{
	uint64_t v = 0;

	assert_true(at + size <= i->bytes.len);
	for (size_t k = size; k-- > 0;)
		v = v << 8 | (uint8_t)i->bytes.data[at + k];
	return v;
}

static void put(struct image *i, size_t at, size_t size, uint64_t v)
{
	assert_true(at + size <= i->bytes.len);
	for (size_t k = 0; k < size; k++)
		i->bytes.data[at + k] = (char)(v >> 8 * k);
}

static struct image image_load(void)
{
	struct image i = { .fd = -EBADF };

	fixture_read(FIXTURES "/squash/plain.sqfs", &i.bytes);
	return i;
}

static struct error *image_open(struct image *i)
{
	i->fd = fixture_memory(i->bytes.data, i->bytes.len);
	return squash_open(i->fd, 0, i->bytes.len, NULL, &i->img);
}

static void image_close(struct image *i)
{
	squash_free(i->img);
	if (i->fd >= 0)
		assert_ok(io_close(&i->fd));
	buf_free(&i->bytes);
}

/* Opening with one field changed. */
static void assert_refused(size_t at, size_t size, uint64_t value, enum error_kind kind, const char *text)
{
	struct image i = image_load();

	put(&i, at, size, value);
	assert_error(image_open(&i), kind, text);
	assert_null(i.img);
	image_close(&i);
}

static void test_superblock(void **state)
{
	(void)state;
	assert_refused(AT_MAGIC, 4, 0x68737173, ERR_UNSUPPORTED, "magic");
	assert_refused(AT_MAJOR, 2, 3, ERR_UNSUPPORTED, "version 3.0");
	assert_refused(AT_MAJOR + 2, 2, 1, ERR_UNSUPPORTED, "version 4.1");
	assert_refused(AT_CODEC, 2, 0, ERR_UNSUPPORTED, "compression 0");
	assert_refused(AT_CODEC, 2, 7, ERR_UNSUPPORTED, "compression 7");
	assert_refused(AT_BLOCK_SIZE, 4, 8192, ERR_CORRUPT, "block size");
	assert_refused(AT_BLOCK_LOG, 2, 200, ERR_CORRUPT, "block size");
	assert_refused(AT_N_IDS, 2, 0, ERR_CORRUPT, "no owner ids");
	assert_refused(AT_ROOT, 8, (uint64_t)1 << 48, ERR_CORRUPT, "root inode");
	assert_refused(AT_BYTES_USED, 8, (uint64_t)1 << 40, ERR_CORRUPT, "in a space of");
	assert_refused(AT_BYTES_USED, 8, 95, ERR_CORRUPT, "95 bytes");
	assert_refused(AT_INODE_TABLE, 8, 95, ERR_CORRUPT, "out of order");
	assert_refused(AT_DIR_TABLE, 8, 96, ERR_CORRUPT, "out of order");
	assert_refused(AT_DIR_TABLE, 8, UINT64_MAX, ERR_CORRUPT, "out of order");
	assert_refused(AT_ID_TABLE, 8, UINT64_MAX - 4, ERR_CORRUPT, "id table");
	assert_refused(AT_FRAGMENT_TABLE, 8, 1 << 30, ERR_CORRUPT, "fragment table");
	assert_refused(AT_FRAGMENTS, 4, SQUASH_FRAGMENTS_MAX + 1, ERR_LIMIT, "16777217 fragment blocks");
	assert_refused(AT_FRAGMENTS, 4, SQUASH_FRAGMENTS_MAX, ERR_CORRUPT, "fragment table"); /* within the limit, not in the image */
	assert_refused(AT_XATTR_TABLE, 8, 1 << 30, ERR_CORRUPT, "xattr table");
}

static void test_block_sizes(void **state)
{
	struct image i = image_load();

	(void)state;
	for (uint16_t log = 10; log <= 21; log++) {
		struct error *err;

		put(&i, AT_BLOCK_LOG, 2, log);
		put(&i, AT_BLOCK_SIZE, 4, 1u << log);
		err = image_open(&i);
		assert_int_equal(err == NULL, log >= 12 && log <= 20);
		error_free(err);
		squash_free(i.img);
		i.img = NULL;
		assert_ok(io_close(&i.fd));
	}
	image_close(&i);
}

static void test_truncated(void **state)
{
	struct squash *img = NULL;
	struct image i = image_load();

	(void)state;
	i.fd = fixture_memory(i.bytes.data, i.bytes.len);
	assert_error(squash_open(i.fd, 0, 95, NULL, &img), ERR_CORRUPT, "superblock");
	assert_error(squash_open(i.fd, 0, i.bytes.len - 1, NULL, &img), ERR_CORRUPT, "in a space of");
	assert_error(squash_open(i.fd, i.bytes.len - 50, 4096, NULL, &img), ERR_CORRUPT, "ends at byte");
	assert_error(squash_open(i.fd, UINT64_MAX, 4096, NULL, &img), ERR_CORRUPT, "outside of any file");
	assert_error(squash_open(-EBADF, 0, 4096, NULL, &img), ERR_SYSTEM, "");
	image_close(&i);
}

static void test_xattr_table(void **state)
{
	struct image i = image_load();
	size_t table = load(&i, AT_XATTR_TABLE, 8);

	(void)state;
	image_close(&i);
	assert_refused(table, 8, UINT64_MAX, ERR_CORRUPT, "outside of the image");
	assert_refused(table + 8, 4, SQUASH_XATTR_IDS_MAX + 1, ERR_LIMIT, "attribute sets");
	assert_refused(table + 8, 4, SQUASH_XATTR_IDS_MAX, ERR_CORRUPT, "xattr table");
}

/* Where in the file an inode or listing lies: tables are stored as they are, in blocks of 8192 behind two bytes. */
static size_t place(uint64_t block, uint32_t offset)
{
	return (size_t)block + 2 + offset;
}

static size_t inode_place(const struct image *i, uint64_t ref)
{
	return place(load(i, AT_INODE_TABLE, 8) + (ref >> 16), ref & 0xffff);
}

static struct squash_inode lookup(struct image *i, const char *name)
{
	cleanup_with(squash_dir_free) struct squash_dir *dir = NULL;
	const struct squash_dirent *e;
	struct squash_inode inode;

	assert_ok(squash_inode_read(i->img, squash_super(i->img)->root_ref, &inode));
	if (str_eq(name, "."))
		return inode;
	assert_ok(squash_dir_read(i->img, &inode, &dir));
	e = squash_dir_find(dir, name, strlen(name));
	if (!e)
		fail_msg("%s is missing", name);
	else
		assert_ok(squash_inode_read(i->img, e->ref, &inode));
	return inode;
}

/* Changes bytes of an open image; what was read of it before is forgotten. */
static void reput(struct image *i, size_t at, size_t size, uint64_t v)
{
	put(i, at, size, v);
	squash_free(i->img);
	i->img = NULL;
	assert_ok(io_close(&i->fd));
	assert_ok(image_open(i));
}

static void test_inodes(void **state)
{
	struct image i = image_load();
	struct squash_inode inode, again;
	size_t at;

	(void)state;
	assert_ok(image_open(&i));
	inode = lookup(&i, "empty");
	at = inode_place(&i, inode.ref);
	assert_error(squash_inode_read(i.img, (uint64_t)1 << 48, &again), ERR_CORRUPT, "out of range");
	assert_error(squash_inode_read(i.img, UINT64_MAX, &again), ERR_CORRUPT, "out of range");
	assert_error(squash_inode_read(i.img, (load(&i, AT_DIR_TABLE, 8) - load(&i, AT_INODE_TABLE, 8)) << 16, &again), ERR_CORRUPT,
		     "out of range");
	assert_error(squash_inode_read(i.img, 0xffff, &again), ERR_CORRUPT, "of a metadata block of");
	assert_error(squash_inode_read(i.img, 1 << 16, &again), ERR_CORRUPT, ""); /* the middle of a block */
	for (unsigned int type = 15; type <= 16; type++) {
		reput(&i, at, 2, type == 16 ? 0 : type);
		assert_error(squash_inode_read(i.img, inode.ref, &again), ERR_CORRUPT, "unknown type");
	}
	reput(&i, at, 2, 2);
	reput(&i, at + 4, 2, load(&i, AT_N_IDS, 2));
	assert_error(squash_inode_read(i.img, inode.ref, &again), ERR_CORRUPT, "id table");
	reput(&i, at + 4, 2, 0);
	reput(&i, at + 2, 2, 0xf1ff); /* type bits in the permissions count for nothing */
	assert_ok(squash_inode_read(i.img, inode.ref, &again));
	assert_int_equal(again.mode, S_IFREG | 0777);
	image_close(&i);
}

static void test_links(void **state)
{
	struct image i = image_load();
	struct squash_inode inode, again;
	char *target = NULL;
	size_t at;

	(void)state;
	assert_ok(image_open(&i));
	inode = lookup(&i, "absolute");
	at = inode_place(&i, inode.ref);
	reput(&i, at + 24 + 3, 1, 0); /* a NUL within "/dir/deep" */
	assert_error(squash_link_read(i.img, &inode, &target), ERR_CORRUPT, "NUL");
	reput(&i, at + 20, 4, 0);
	assert_error(squash_inode_read(i.img, inode.ref, &again), ERR_CORRUPT, "link of 0 bytes");
	reput(&i, at + 20, 4, SQUASH_LINK_MAX + 1);
	assert_error(squash_inode_read(i.img, inode.ref, &again), ERR_CORRUPT, "link of 65536 bytes");
	reput(&i, at + 20, 4, SQUASH_LINK_MAX);
	assert_ok(squash_inode_read(i.img, inode.ref, &again));
	image_close(&i);
}

static void assert_dir_refused(struct image *i, size_t at, size_t size, uint64_t v, enum error_kind kind, const char *text)
{
	uint64_t before = load(i, at, size);
	struct squash_inode inode;
	struct squash_dir *dir = NULL;

	reput(i, at, size, v);
	assert_ok(squash_inode_read(i->img, squash_super(i->img)->root_ref, &inode));
	assert_error(squash_dir_read(i->img, &inode, &dir), kind, text);
	reput(i, at, size, before);
}

static void test_directories(void **state)
{
	struct image i = image_load();
	struct squash_inode root;
	size_t at, entry;

	(void)state;
	assert_ok(image_open(&i));
	root = lookup(&i, ".");
	at = place(root.pos.block, root.pos.offset);
	entry = at + 12; /* "absolute", then "block" */
	assert_int_equal(load(&i, entry + 6, 2), strlen("absolute") - 1);
	assert_memory_equal(i.bytes.data + entry + 8, "absoluteX", 8);
	assert_dir_refused(&i, at, 4, 256, ERR_CORRUPT, "run of 257 entries");
	assert_dir_refused(&i, at, 4, UINT32_MAX, ERR_CORRUPT, "entries");
	assert_dir_refused(&i, at, 4, 255, ERR_CORRUPT, ""); /* more than there are */
	assert_dir_refused(&i, entry + 4, 2, 8, ERR_CORRUPT, "unknown type");
	assert_dir_refused(&i, entry + 4, 2, 0, ERR_CORRUPT, "unknown type");
	assert_dir_refused(&i, entry + 6, 2, 256, ERR_CORRUPT, ""); /* a name of 257 bytes */
	assert_dir_refused(&i, entry + 8, 1, '/', ERR_CORRUPT, "forbidden name");
	assert_dir_refused(&i, entry + 15, 1, 0, ERR_CORRUPT, "forbidden name");
	/* the size in the inode: of the extended kind, since it has an index or attributes, or the basic */
	at = inode_place(&i, root.ref);
	if (load(&i, at, 2) == 1)
		assert_dir_refused(&i, at + 24, 2, 0xffff, ERR_CORRUPT, "");
	else
		assert_dir_refused(&i, at + 20, 4, UINT32_MAX, ERR_LIMIT, "limit");
	image_close(&i);
}

/* Reads root with the first two names replaced. */
static struct error *root_with_names(const char *first, const char *second, size_t *ret_n)
{
	cleanup_with(squash_dir_free) struct squash_dir *dir = NULL;
	struct image i = image_load();
	struct squash_inode root;
	struct error *err;
	size_t at;

	assert_ok(image_open(&i));
	root = lookup(&i, ".");
	at = place(root.pos.block, root.pos.offset) + 12;
	/* "absolute" and "block" share 8 + 8 + 8 + 5 bytes. */
	assert_int_equal(strlen(first) + strlen(second), 13);
	put(&i, at + 6, 2, strlen(first) - 1);
	memcpy(i.bytes.data + at + 8, first, strlen(first));
	memcpy(i.bytes.data + at + 8 + strlen(first), "\0\0\0\0\4\0", 6);
	put(&i, at + 8 + strlen(first) + 6, 2, strlen(second) - 1);
	memcpy(i.bytes.data + at + 16 + strlen(first), second, strlen(second));
	squash_free(i.img);
	i.img = NULL;
	assert_ok(io_close(&i.fd));
	assert_ok(image_open(&i));
	err = squash_dir_read(i.img, &root, &dir);
	if (!err) {
		*ret_n = squash_dir_count(dir);
		for (size_t k = 1; k < *ret_n; k++) {
			const struct squash_dirent *e = squash_dir_at(dir, k);

			assert_ptr_equal(squash_dir_find(dir, e->name, e->name_len), e);
		}
	}
	image_close(&i);
	return err;
}

static void test_names(void **state)
{
	size_t n, n_plain;

	(void)state;
	assert_ok(root_with_names("absolute", "block", &n_plain));
	assert_ok(root_with_names("zz", "aaaaaaaaaaa", &n)); /* out of order: sorted */
	assert_int_equal(n, n_plain);
	assert_error(root_with_names(".", "aaaaaaaaaaaa", &n), ERR_CORRUPT, "forbidden name");
	assert_error(root_with_names("..", "aaaaaaaaaaa", &n), ERR_CORRUPT, "forbidden name");
	assert_ok(root_with_names("...", "aaaaaaaaaa", &n));
	assert_error(root_with_names("aaaaaaaa", "hello", &n), ERR_CORRUPT, "two entries of one name");
}

static void test_file_blocks(void **state)
{
	struct image i = image_load();
	struct squash_inode inode, again;
	struct squash_file *file = NULL;
	struct squash_map *map = NULL;
	char data[8292];
	size_t at, n;

	(void)state;
	assert_ok(image_open(&i));
	inode = lookup(&i, "blocks");
	at = inode_place(&i, inode.ref);
	assert_int_equal(load(&i, at, 2), 9); /* it has attributes: extended, 40 bytes and then its list behind the first 16 */
	reput(&i, at + 56 + 4, 4, 4097 | 1 << 24);
	assert_ok(squash_file_open(i.img, &inode, &file));
	assert_error(squash_file_read(file, 4096, data, 1, &n), ERR_CORRUPT, "data block of 4097 bytes");
	assert_ok(squash_file_read(file, 0, data, 4096, &n)); /* what lies before the damage is fine */
	squash_file_free(file);
	reput(&i, at + 56 + 4, 4, 4095 | 1 << 24);
	assert_ok(squash_file_open(i.img, &inode, &file));
	assert_error(squash_file_read(file, 4096, data, 1, &n), ERR_CORRUPT, "holds 4095 bytes");
	squash_file_free(file);
	reput(&i, at + 56 + 4, 4, 4096); /* said to be compressed */
	assert_ok(squash_file_open(i.img, &inode, &file));
	assert_error(squash_file_read(file, 4096, data, 1, &n), ERR_CORRUPT, "do not unpack");
	assert_error(squash_file_read(file, 0, data, sizeof(data), &n), ERR_CORRUPT, "do not unpack");
	squash_file_free(file);
	reput(&i, at + 56 + 4, 4, 1 << 26);
	assert_ok(squash_file_open(i.img, &inode, &file));
	assert_error(squash_file_read(file, 4096, data, 1, &n), ERR_CORRUPT, "data block of");
	squash_file_free(file);
	reput(&i, at + 56 + 4, 4, 4096 | 1 << 24);
	reput(&i, at + 16, 8, UINT64_MAX - 5000); /* start */
	assert_ok(squash_inode_read(i.img, inode.ref, &again));
	assert_ok(squash_file_open(i.img, &again, &file));
	assert_error(squash_file_read(file, 0, data, 1, &n), ERR_CORRUPT, "");
	squash_file_free(file);
	reput(&i, at + 24, 8, UINT64_MAX); /* size */
	assert_error(squash_inode_read(i.img, inode.ref, &again), ERR_CORRUPT, "file of");
	reput(&i, at + 24, 8, (uint64_t)SQUASH_FILE_BLOCKS_MAX * 4096 + 1);
	assert_ok(squash_inode_read(i.img, inode.ref, &again));
	assert_error(squash_map_new(i.img, &again, &map), ERR_LIMIT, "67108865 blocks");
	reput(&i, at + 24, 8, (uint64_t)SQUASH_FILE_BLOCKS_MAX * 4096); /* allowed, but the list is not there */
	assert_ok(squash_inode_read(i.img, inode.ref, &again));
	assert_ok(squash_file_open(i.img, &again, &file));
	assert_error(squash_file_read(file, again.size - 1, data, 1, &n), ERR_CORRUPT, "");
	squash_file_free(file);
	image_close(&i);
}

static void test_fragments(void **state)
{
	struct image i = image_load();
	struct squash_inode inode, again;
	struct squash_map *map = NULL;
	struct squash_file *file = NULL;
	char data[8];
	size_t at, item, n;

	(void)state;
	assert_ok(image_open(&i));
	inode = lookup(&i, "hello");
	at = inode_place(&i, inode.ref) + 16; /* extended: start 8, size 8, sparse 8, links 4, fragment 4, offset 4 */
	item = place(load(&i, load(&i, AT_FRAGMENT_TABLE, 8), 8), 16 * inode.fragment);
	reput(&i, at + 32, 4, 4096 - 5); /* six bytes do not fit */
	assert_ok(squash_inode_read(i.img, inode.ref, &again));
	assert_error(squash_map_new(i.img, &again, &map), ERR_CORRUPT, "outside of its fragment");
	reput(&i, at + 32, 4, 4096 - 6); /* they would, but the fragment is shorter */
	assert_ok(squash_inode_read(i.img, inode.ref, &again));
	assert_ok(squash_file_open(i.img, &again, &file));
	assert_error(squash_file_read(file, 0, data, 6, &n), ERR_CORRUPT, "holds");
	squash_file_free(file);
	reput(&i, at + 28, 4, load(&i, AT_FRAGMENTS, 4));
	assert_ok(squash_inode_read(i.img, inode.ref, &again));
	assert_error(squash_map_new(i.img, &again, &map), ERR_CORRUPT, "refers to fragment");
	reput(&i, item + 8, 4, 4097);
	assert_error(squash_map_new(i.img, &inode, &map), ERR_CORRUPT, "has a bad size");
	reput(&i, item + 8, 4, 0);
	assert_error(squash_map_new(i.img, &inode, &map), ERR_CORRUPT, "has a bad size");
	image_close(&i);
}

/* The value of user.big is shared, hence out of line: damage the way there. */
static void test_xattrs(void **state)
{
	struct image i = image_load();
	struct squash_inode inode, again;
	struct squash_xattrs set;
	size_t at, table, item, values;

	(void)state;
	assert_ok(image_open(&i));
	inode = lookup(&i, "hello");
	at = inode_place(&i, inode.ref) + 16 + 36;
	assert_int_equal(load(&i, at, 4), inode.xattr_id);
	reput(&i, at, 4, squash_super(i.img)->n_xattr_ids);
	assert_ok(squash_inode_read(i.img, inode.ref, &again));
	assert_error(squash_xattrs_read(i.img, &again, &set), ERR_CORRUPT, "attribute set");
	reput(&i, at, 4, inode.xattr_id);

	table = load(&i, AT_XATTR_TABLE, 8);
	item = place(load(&i, table + 16, 8), 16 * inode.xattr_id);
	values = place(load(&i, table, 8) + (load(&i, item, 8) >> 16), load(&i, item, 8) & 0xffff);
	reput(&i, item + 8, 4, SQUASH_XATTRS_MAX + 1);
	assert_error(squash_xattrs_read(i.img, &inode, &set), ERR_LIMIT, "attribute set");
	reput(&i, item + 8, 4, SQUASH_XATTRS_MAX); /* allowed, but not there */
	assert_error(squash_xattrs_read(i.img, &inode, &set), ERR_CORRUPT, "");
	reput(&i, item + 8, 4, 2);
	reput(&i, item + 6, 2, 1);
	assert_error(squash_xattrs_read(i.img, &inode, &set), ERR_CORRUPT, "out of range");
	reput(&i, item + 6, 2, 0);
	assert_ok(squash_xattrs_read(i.img, &inode, &set));
	assert_int_equal(set.n, 2);
	squash_xattrs_free(&set);

	reput(&i, values + 2, 2, 0);
	assert_error(squash_xattrs_read(i.img, &inode, &set), ERR_CORRUPT, "name of 0 bytes");
	reput(&i, values + 2, 2, 256);
	assert_error(squash_xattrs_read(i.img, &inode, &set), ERR_CORRUPT, "name of 256 bytes");
	image_close(&i);
}

static void test_metadata_blocks(void **state)
{
	struct image i = image_load();
	struct squash_inode root;
	size_t at;

	(void)state;
	assert_ok(image_open(&i));
	at = load(&i, AT_INODE_TABLE, 8);
	reput(&i, at, 2, 0x8000);
	assert_error(squash_inode_read(i.img, 0, &root), ERR_CORRUPT, "bad size");
	reput(&i, at, 2, 0x8000 | 8193);
	assert_error(squash_inode_read(i.img, 0, &root), ERR_CORRUPT, "bad size");
	reput(&i, at, 2, 8192); /* compressed, it says */
	assert_error(squash_inode_read(i.img, 0, &root), ERR_CORRUPT, "do not unpack");
	reput(&i, at, 2, 0x8000 | 8192);
	assert_ok(squash_inode_read(i.img, 0, &root));
	image_close(&i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_superblock),  cmocka_unit_test(test_block_sizes), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_xattr_table), cmocka_unit_test(test_inodes),	cmocka_unit_test(test_links),
		cmocka_unit_test(test_directories), cmocka_unit_test(test_names),	cmocka_unit_test(test_file_blocks),
		cmocka_unit_test(test_fragments),   cmocka_unit_test(test_xattrs),	cmocka_unit_test(test_metadata_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
