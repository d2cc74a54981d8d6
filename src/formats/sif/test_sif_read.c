/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/sif/sif.h"

#include "tests/testlib/fixture.h"

/* Positions of header fields. */
enum {
	AT_MAGIC = 32,
	AT_VERSION = 42,
	AT_FREE = 80,
	AT_TOTAL = 88,
	AT_TABLE = 96,
	AT_TABLE_SIZE = 104,
	AT_SLOT = 4096
};

static int setup(void **state)
{
	static struct buf image;

	buf_clear(&image);
	fixture_read(FIXTURES "/images/tiny.sif", &image);
	*state = &image;
	return 0;
}

static int release(void **state)
{
	buf_free(*state);
	return 0;
}

static struct error *load(const struct buf *image, size_t len, struct sif **ret_sif)
{
	cleanup_fd int fd = fixture_memory(image->data, len);

	return sif_load(fd, ret_sif);
}

static void put_le(struct buf *image, size_t at, uint64_t value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		image->data[at + i] = (char)(value >> 8 * i);
}

static void assert_refused(const struct buf *image, enum error_kind kind, const char *text)
{
	struct sif *sif = NULL;

	assert_error(load(image, image->len, &sif), kind, text);
	assert_null(sif);
}

static void reads_what_the_reference_wrote(void **state)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	const struct buf *image = *state;
	bool is_group = true;

	assert_ok(load(image, image->len, &sif));
	assert_int_equal(sif->file_size, 16488);
	assert_int_equal(sif->header.descr_total, 12);
	assert_int_equal(sif->header.descr_free, 8);
	assert_int_equal(sif->header.data_offset, 11116);
	assert_true(sif->header.created == SIF_TIME_UNSET);
	assert_memory_equal(sif->header.arch, "00", SIF_ARCH_LEN);
	assert_int_equal(sif->n_descrs, 4);

	const struct sif_descr *d = &sif->descrs[0];

	assert_int_equal(d->type, SIF_TYPE_OCI_BLOB);
	assert_int_equal(d->id, 1);
	assert_int_equal(d->offset, 11116);
	assert_int_equal(d->size, 4096);
	assert_int_equal(d->group, SIF_GROUP_MARK | 1);
	assert_int_equal(sif_descr_group(d), 1);
	assert_int_equal(sif_descr_link(d, &is_group), 0);
	assert_false(is_group);
	assert_string_equal(d->digest.text, "sha256:50e6c0fd2c1981cdf53c75718a64bade2ee2f03cb32ab270fe07c535a214d248");
	assert_int_equal(sif->descrs[3].type, SIF_TYPE_OCI_ROOT_INDEX);
}

static void reads_links_and_names(void **state)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	cleanup_fd int fd = fixture_open(FIXTURES "/images/signed/tiny-native-pgp.sif");
	const struct sif_descr *d;
	bool is_group = false;

	(void)state;
	assert_ok(sif_load(fd, &sif));
	assert_int_equal(sif->header.descr_total, 48);
	assert_ok(sif_find_id(sif, 2, &d));
	assert_string_equal(d->name, "inspect-metadata.json");
	assert_ok(sif_find_id(sif, 5, &d));
	assert_int_equal(d->type, SIF_TYPE_SIGNATURE);
	assert_int_equal(sif_descr_group(d), 0);
	assert_int_equal(sif_descr_link(d, &is_group), 1);
	assert_true(is_group);
}

static void finds_by_id(void **state)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	struct buf *image = *state;
	const struct sif_descr *d;

	put_le(image, AT_SLOT + 2 * SIF_DESCR_SIZE + 5, 2, 4);
	assert_ok(load(image, image->len, &sif));
	assert_ok(sif_find_id(sif, 4, &d));
	assert_int_equal(d->offset, 16190);
	assert_error(sif_find_id(sif, 2, &d), ERR_CORRUPT, "multiple objects found");
	assert_error(sif_find_id(sif, 3, &d), ERR_NOT_FOUND, "object not found");
	assert_error(sif_find_id(sif, 0, &d), ERR_USAGE, "invalid object ID");
	sif->n_descrs = 0;
	assert_error(sif_find_id(sif, 1, &d), ERR_NOT_FOUND, "no objects in image");
}

static void finds_first_of_equal_digests(void **state)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	struct buf *image = *state;
	char *extra = image->data + AT_SLOT + 201;
	struct digest digest;

	memcpy(extra + SIF_DESCR_SIZE, extra, SIF_EXTRA_LEN);
	extra[2 * SIF_DESCR_SIZE + 7] = 'B'; /* upper case is no digest */
	assert_ok(load(image, image->len, &sif));
	digest = sif->descrs[0].digest;
	assert_ptr_equal(sif_find_digest(sif, SIF_TYPE_OCI_BLOB, &digest), &sif->descrs[0]);
	assert_null(sif_find_digest(sif, SIF_TYPE_OCI_ROOT_INDEX, &digest));
	assert_string_equal(sif->descrs[2].digest.text, "");
}

static void short_files_have_the_reference_texts(void **state)
{
	const struct buf *image = *state;
	struct sif *sif = NULL;

	assert_error(load(image, 0, &sif), ERR_CORRUPT, "reading global header: EOF");
	assert_error(load(image, 1, &sif), ERR_CORRUPT, "reading global header: unexpected EOF");
	assert_error(load(image, SIF_HEADER_SIZE - 1, &sif), ERR_CORRUPT, "reading global header: unexpected EOF");
	assert_error(load(image, SIF_HEADER_SIZE, &sif), ERR_CORRUPT, "reading descriptors: EOF");
	assert_error(load(image, AT_SLOT, &sif), ERR_CORRUPT, "reading descriptors: EOF");
	assert_error(load(image, AT_SLOT + 1, &sif), ERR_CORRUPT, "reading descriptors: unexpected EOF");
	assert_error(load(image, 11115, &sif), ERR_CORRUPT, "reading descriptors: unexpected EOF");
	assert_null(sif);
}

static void every_truncation_is_safe(void **state)
{
	const struct buf *image = *state;

	for (size_t len = 0; len <= image->len; len += len < 12000 ? 1 : 97) {
		cleanup_with(sif_free) struct sif *sif = NULL;
		cleanup_with(error_free) struct error *err = load(image, len, &sif);

		assert_true(len < 11116 ? err != NULL : err == NULL);
		if (err)
			continue;
		/* The root index is the last object: it is there only in the whole file. */
		error_free(err = sif_object_range(sif, &sif->descrs[3]));
		assert_true((err != NULL) == (len < image->len));
		err = NULL;
	}
}

static void magic_and_version_are_checked(void **state)
{
	struct buf *image = *state;

	image->data[AT_VERSION + 2] = '0';
	assert_refused(image, ERR_CORRUPT, "incompatible SIF version");
	image->data[AT_MAGIC + 9] = 'x';
	assert_refused(image, ERR_CORRUPT, "invalid SIF magic");
}

static void lying_tables_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
		enum error_kind kind;
		const char *text;
	} cases[] = {
		{ AT_TOTAL, UINT64_MAX, ERR_CORRUPT, "negative" },
		{ AT_TOTAL, UINT64_C(1) << 31, ERR_LIMIT, "2147483648 descriptors (limit 16384)" },
		{ AT_TOTAL, INT64_MAX, ERR_LIMIT, "(limit 16384)" },
		{ AT_TOTAL, SIF_DESCR_MAX + 1, ERR_LIMIT, "(limit 16384)" },
		{ AT_TOTAL, SIF_DESCR_MAX, ERR_CORRUPT, "reading descriptors: unexpected EOF" },
		{ AT_TABLE, UINT64_MAX, ERR_CORRUPT, "negative" },
		{ AT_TABLE, 0, ERR_CORRUPT, "overlaps the SIF header" },
		{ AT_TABLE, 127, ERR_CORRUPT, "overlaps the SIF header" },
		{ AT_TABLE, INT64_MAX, ERR_CORRUPT, "reading descriptors: EOF" },
		{ AT_TABLE, 16487, ERR_CORRUPT, "reading descriptors: unexpected EOF" },
		{ AT_TABLE_SIZE, UINT64_MAX, ERR_CORRUPT, "negative" },
		{ AT_TABLE_SIZE, 0, ERR_CORRUPT, "reading descriptors: EOF" },
		{ AT_TABLE_SIZE, 7019, ERR_CORRUPT, "reading descriptors: unexpected EOF" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf *image = *state;

		setup(state);
		put_le(image, cases[i].at, cases[i].value, 8);
		assert_refused(image, cases[i].kind, cases[i].text);
	}
}

static void lying_objects_are_refused(void **state)
{
	enum { OFFSET = AT_SLOT + 17, SIZE = AT_SLOT + 25 };
	static const struct {
		uint64_t offset, size;
		const char *text; /* NULL: accepted when loading */
	} cases[] = {
		{ UINT64_MAX, 1, "negative" },
		{ 11116, UINT64_MAX, "negative" },
		{ INT64_MAX, 1, "negative" },
		{ INT64_MAX - 1, 1, NULL },
		{ 0, 1, "overlaps" },
		{ 127, 1, "overlaps" },
		{ 128, 4096 - 128, NULL }, /* the gap between header and table belongs to nobody */
		{ 128, 4096 - 127, "overlaps" },
		{ 11115, 1, "overlaps" },
		{ 4096, 0, NULL },
		{ 11116, 1 << 20, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_with(sif_free) struct sif *sif = NULL;
		struct buf *image = *state;

		setup(state);
		put_le(image, OFFSET, cases[i].offset, 8);
		put_le(image, SIZE, cases[i].size, 8);
		if (cases[i].text)
			assert_refused(image, ERR_CORRUPT, cases[i].text);
		else
			assert_ok(load(image, image->len, &sif));
	}
}

static void files_of_ones_are_refused(void **state)
{
	struct buf *image = *state;

	memset(image->data + AT_SLOT, 0xff, (size_t)12 * SIF_DESCR_SIZE);
	assert_refused(image, ERR_CORRUPT, "object 4294967295 has a negative size or position");
	memset(image->data + AT_VERSION + 3, 0xff, image->len - AT_VERSION - 3);
	assert_refused(image, ERR_CORRUPT, "negative");
}

static void objects_past_the_end_are_refused_on_use(void **state)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	struct buf *image = *state;

	assert_ok(load(image, image->len - 1, &sif));
	assert_ok(sif_object_range(sif, &sif->descrs[2]));
	assert_error(sif_object_range(sif, &sif->descrs[3]), ERR_CORRUPT, "object 4 extends past end of file");
}

static void odd_but_valid_tables_are_read(void **state)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	struct buf *image = *state;

	image->data[AT_SLOT + 4] = (char)0xff;	  /* any byte but 0 is "used" */
	put_le(image, AT_SLOT, 0x7fffffff, 4);	  /* unknown type */
	put_le(image, AT_TABLE_SIZE, 1 << 20, 8); /* larger than needed */
	put_le(image, AT_FREE, UINT64_MAX, 8);	  /* wrong counters are only shown */
	assert_ok(load(image, image->len, &sif));
	assert_int_equal(sif->n_descrs, 4);
	assert_int_equal(sif->descrs[0].type, 0x7fffffff);
}

static void table_may_lie_elsewhere(void **state)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	struct buf *image = *state;
	size_t end = image->len;

	buf_append(image, image->data + AT_SLOT, (size_t)12 * SIF_DESCR_SIZE);
	memset(image->data + AT_SLOT, 0xff, (size_t)12 * SIF_DESCR_SIZE);
	put_le(image, AT_TABLE, end, 8);
	assert_ok(load(image, image->len, &sif));
	assert_int_equal(sif->n_descrs, 4);
	assert_int_equal(sif->descrs[1].offset, 15212);
}

static void empty_table_is_no_error(void **state)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	struct buf *image = *state;

	put_le(image, AT_TOTAL, 0, 8);
	put_le(image, AT_TABLE, 0, 8);
	put_le(image, AT_TABLE_SIZE, 0, 8);
	assert_ok(load(image, SIF_HEADER_SIZE, &sif));
	assert_int_equal(sif->n_descrs, 0);
}

static void what_cannot_be_read_is_a_system_error(void **state)
{
	cleanup_fd int fd = fixture_open("/");
	struct sif *sif = NULL;

	(void)state;
	assert_error(sif_load(fd, &sif), ERR_SYSTEM, "is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads_what_the_reference_wrote, setup),
		cmocka_unit_test_setup(reads_links_and_names, setup),
		cmocka_unit_test_setup(finds_by_id, setup),
		cmocka_unit_test_setup(finds_first_of_equal_digests, setup),
		cmocka_unit_test_setup(short_files_have_the_reference_texts, setup),
		cmocka_unit_test_setup(every_truncation_is_safe, setup),
		cmocka_unit_test_setup(magic_and_version_are_checked, setup),
		cmocka_unit_test_setup(lying_tables_are_refused, setup),
		cmocka_unit_test_setup(lying_objects_are_refused, setup),
		cmocka_unit_test_setup(files_of_ones_are_refused, setup),
		cmocka_unit_test_setup(objects_past_the_end_are_refused_on_use, setup),
		cmocka_unit_test_setup(odd_but_valid_tables_are_read, setup),
		cmocka_unit_test_setup(table_may_lie_elsewhere, setup),
		cmocka_unit_test_setup(empty_table_is_no_error, setup),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_a_system_error, setup, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
