/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/sif/sif.h"

#include "base/sha256.h"
#include "tests/testlib/fixture.h"

static int empty_file(void)
{
	return fixture_memory("", 0);
}

static void read_back(int fd, struct buf *out)
{
	assert_true(lseek(fd, 0, SEEK_SET) == 0);
	assert_ok(io_read_to_end(fd, FIXTURE_SIZE_MAX, "file", out));
}

static void empty_containers_are_as_long_as_their_table(void **state)
{
	static const size_t cases[][2] = { { 48, 32176 }, { 1, 4681 }, { 0, 4096 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_with(sif_writer_free) struct sif_writer *w = NULL;
		cleanup_with(sif_free) struct sif *sif = NULL;
		cleanup_fd int fd = empty_file();
		cleanup_buf struct buf bytes = { 0 };

		assert_ok(sif_create(fd, cases[i][0], &w));
		assert_ok(sif_finish(w));
		read_back(fd, &bytes);
		assert_int_equal(bytes.len, cases[i][1]);
		assert_memory_equal(bytes.data + 32,
				    "SIF_MAGIC\0"
				    "01\0"
				    "00",
				    16);
		assert_ok(sif_load(fd, &sif));
		assert_int_equal(sif->header.descr_free, cases[i][0]);
		assert_int_equal(sif->n_descrs, 0);
	}
}

static struct sif_descr partition(int fs, int type, uint64_t size)
{
	struct sif_descr d = { .type = SIF_TYPE_FS, .size = size, .group = SIF_GROUP_MARK | 1 };

	d.extra[0] = (uint8_t)fs;
	d.extra[4] = (uint8_t)type;
	memcpy(d.extra + 8, "01", 3);
	return d;
}

static void add(struct sif_writer *w, int fd, const struct sif_descr *d, const void *data)
{
	assert_ok(io_pwrite_all(fd, data, (size_t)d->size, sif_next_offset(w, (enum sif_type)d->type)));
	assert_ok(sif_add_object(w, d));
}

/* The example of two partitions: file, header and second descriptor are given there byte for byte. */
static void two_partitions_are_the_worked_example(void **state)
{
	static const uint8_t header[96] = {
		0x53, 0x49, 0x46, 0x5f, 0x4d, 0x41, 0x47, 0x49, 0x43, 0x00, 0x30, 0x31, 0x00, 0x30, 0x31, 0x00,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x09, 0x6e, 0x88, 0xf1, 0xff, 0xff, 0xff, 0x00, 0x09, 0x6e, 0x88, 0xf1, 0xff, 0xff, 0xff,
		0x2e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x30, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xb0, 0x6d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0xb0, 0x7d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x50, 0x22, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	};
	static const uint8_t second[73] = {
		0x04, 0x40, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0xf0, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0xfc, 0x1f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x6e, 0x88,
		0xf1, 0xff, 0xff, 0xff, 0x00, 0x09, 0x6e, 0x88, 0xf1, 0xff, 0xff, 0xff,
	};
	static const uint8_t extra[12] = { 1, 0, 0, 0, 2, 0, 0, 0, 0x30, 0x31, 0, 0 };
	static const char squashfs[4096] = "hsqs";
	cleanup_with(sif_writer_free) struct sif_writer *w = NULL;
	cleanup_with(sif_free) struct sif *sif = NULL;
	cleanup_fd int fd = empty_file();
	cleanup_buf struct buf bytes = { 0 };
	struct sif_descr raw = partition(4, 1, 4);
	struct sif_descr primary = partition(1, 2, sizeof(squashfs));

	(void)state;
	assert_ok(sif_create(fd, 48, &w));
	add(w, fd, &raw, "\xfa\xce\xfe\xed");
	add(w, fd, &primary, squashfs);
	assert_ok(sif_finish(w));
	read_back(fd, &bytes);
	assert_int_equal(bytes.len, 40960);
	assert_memory_equal(bytes.data + 32, header, sizeof(header));
	assert_memory_equal(bytes.data + 0x1249, second, sizeof(second));
	assert_memory_equal(bytes.data + 0x1312, extra, sizeof(extra));
	assert_ok(sif_load(fd, &sif));
	assert_int_equal(sif->descrs[0].offset, 32768);
	assert_int_equal(sif->descrs[0].padded_size, 596);
}

/* The example of a signed image: the digest of the whole file is given there, and what `list` and `info` print of it.
 */
static void a_signed_image_is_the_worked_example(void **state)
{
	static const char envelope[] =
		"{\"payloadType\":\"application/vnd.sylabs.sif-metadata+json\",\"payload\":\""
		"eyJ2ZXJzaW9uIjoxLCJoZWFkZXIiOnsiZGlnZXN0Ijoic2hhMjU2OjYzNWZhMGExNGE4ZWYwYzAz"
		"NTFlZDNlOTg1Nzk5ZWQxZDRmNzVjZTk3M2RlYTNjYzc2Yzk5NzEwNzk1Y2MzZjEifSwib2JqZWN0"
		"cyI6W3sicmVsYXRpdmVJZCI6MCwiZGVzY3JpcHRvckRpZ2VzdCI6InNoYTI1NjozZTQ3Nzc2YWQw"
		"MzAzOTQyOTY3MmVkY2NlY2EzYTFmMzYyZjVlZjk4YzY4ZDI0NjdmM2JlNWRhMGU2MDYyNTViIiwi"
		"b2JqZWN0RGlnZXN0Ijoic2hhMjU2OjQ0MTM2ZmEzNTViMzY3OGExMTQ2YWQxNmY3ZTg2NDllOTRm"
		"YjRmYzIxZmU3N2U4MzEwYzA2MGY2MWNhYWZmOGEifV19"
		"\",\"signatures\":[{\"keyid\":\"SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8\",\"sig\":\""
		"ZIv7z6U+X9mzAXRWVBBCxkOrSGh79wRip3A9FL+lC6kDg3riay8UqyGIbhFlZ9B0xnByibHnhS0HbblC6I/bBw==\"}]}";
	static const char list[] = "------------------------------------------------------------------------------\n"
				   "ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE\n"
				   "------------------------------------------------------------------------------\n"
				   "1    |1       |NONE    |32176-32178               |JSON.Generic\n"
				   "2    |NONE    |1   (G) |32178-32848               |Signature (SHA-256)\n";
	static const char info[] = "  Data Type:  Signature\n  ID:         2\n  Group ID:   NONE\n  Linked ID:  1 (G)\n"
				   "  Offset:     32178\n  Size:       670\n  Hash Type:  SHA-256\n";
	cleanup_with(sif_writer_free) struct sif_writer *w = NULL;
	cleanup_with(sif_free) struct sif *sif = NULL;
	cleanup_fd int fd = empty_file();
	cleanup_buf struct buf bytes = { 0 };
	cleanup_buf struct buf text = { 0 };
	struct sif_descr data = { .type = SIF_TYPE_JSON, .size = 2, .group = SIF_GROUP_MARK | 1, .name = "data.json" };
	struct sif_descr signature = { .type = SIF_TYPE_SIGNATURE,
				       .size = sizeof(envelope) - 1,
				       .group = SIF_GROUP_MARK,
				       .link = SIF_GROUP_MARK | 1,
				       .extra = { 1 } };

	(void)state;
	assert_ok(sif_create(fd, 48, &w));
	add(w, fd, &data, "{}");
	add(w, fd, &signature, envelope);
	assert_ok(sif_finish(w));
	read_back(fd, &bytes);
	assert_int_equal(bytes.len, 32848);

	struct digest digest = sha256_of(bytes.data, bytes.len);

	assert_string_equal(digest.text, "sha256:1d45928cc68048efd048391a4394867478f62fd4c457a845858a0c4fb756aa1a");
	assert_ok(sif_load(fd, &sif));
	sif_text_list(sif, &text);
	assert_string_equal(buf_str(&text), list);
	buf_clear(&text);
	sif_text_info(&sif->descrs[1], &text);
	assert_string_equal(buf_str(&text), info);
}

static void full_tables_and_second_primaries_are_refused(void **state)
{
	cleanup_with(sif_writer_free) struct sif_writer *w = NULL;
	cleanup_fd int fd = empty_file();
	struct sif_descr primary = partition(1, 2, 1);
	struct sif_descr huge = { .type = SIF_TYPE_RAW, .size = INT64_MAX };

	(void)state;
	assert_ok(sif_create(fd, 2, &w));
	add(w, fd, &primary, "x");
	assert_error(sif_add_object(w, &primary), ERR_USAGE, "image already contains a primary partition");
	assert_error(sif_add_object(w, &huge), ERR_LIMIT, "too large");
	primary.extra[4] = 1;
	add(w, fd, &primary, "x");
	assert_error(sif_add_object(w, &primary), ERR_LIMIT,
		     "insufficient descriptor capacity to add data object(s) to image");
}

static void capacity_is_limited(void **state)
{
	cleanup_with(sif_writer_free) struct sif_writer *w = NULL;
	cleanup_fd int fd = empty_file();

	(void)state;
	assert_error(sif_create(fd, SIF_DESCR_MAX + 1, &w), ERR_LIMIT, "descriptor capacity not supported");
	assert_ok(sif_create(fd, SIF_DESCR_MAX, &w));
	assert_ok(sif_finish(w));
	sif_writer_free(take_ptr(&w));
	assert_error(sif_create(fd, 1, &w), ERR_INTERNAL, "needs an empty file");
	assert_error(sif_create(-1, 1, &w), ERR_SYSTEM, "stat: bad file descriptor");
}

static void unfinished_files_are_no_sif(void **state)
{
	cleanup_with(sif_writer_free) struct sif_writer *w = NULL;
	cleanup_fd int fd = empty_file();
	struct sif_descr d = { .type = SIF_TYPE_RAW, .size = 3 };
	struct sif *sif = NULL;

	(void)state;
	assert_ok(sif_create(fd, 2, &w));
	add(w, fd, &d, "abc");
	assert_error(sif_load(fd, &sif), ERR_CORRUPT, "invalid SIF magic");
	assert_ok(sif_add_object(w, &d)); /* described, never written */
	assert_error(sif_finish(w), ERR_INTERNAL, "object 2 of the new SIF was not written");
	assert_error(sif_load(fd, &sif), ERR_CORRUPT, "invalid SIF magic");
}

static void what_was_not_described_is_cut_off(void **state)
{
	cleanup_with(sif_writer_free) struct sif_writer *w = NULL;
	cleanup_fd int fd = empty_file();
	cleanup_buf struct buf bytes = { 0 };
	struct sif_descr d = { .type = SIF_TYPE_RAW, .size = 3 };

	(void)state;
	assert_ok(sif_create(fd, 2, &w));
	assert_ok(io_pwrite_all(fd, "abcdef", 6, sif_next_offset(w, SIF_TYPE_RAW)));
	assert_ok(sif_add_object(w, &d));
	assert_ok(sif_finish(w));
	read_back(fd, &bytes);
	assert_int_equal(bytes.len, SIF_TABLE_OFFSET + 2 * SIF_DESCR_SIZE + 3);
	assert_string_equal(bytes.data + bytes.len - 3, "abc");
}

static void encoding_is_the_inverse_of_reading(void **state)
{
	cleanup_with(sif_free) struct sif *sif = NULL;
	cleanup_buf struct buf bytes = { 0 };
	cleanup_buf struct buf again = { 0 };
	cleanup_fd int fd = fixture_open(FIXTURES "/images/signed/tiny-native-pgp.sif");

	(void)state;
	assert_ok(sif_load(fd, &sif));
	read_back(fd, &bytes);
	sif_encode_header(&sif->header, &again);
	assert_memory_equal(again.data, bytes.data, SIF_HEADER_SIZE);
	buf_clear(&again);
	for (size_t i = 0; i < sif->n_descrs; i++)
		sif_encode_descr(&sif->descrs[i], &again);
	assert_int_equal(again.len, 5 * SIF_DESCR_SIZE);
	assert_memory_equal(again.data, bytes.data + SIF_TABLE_OFFSET, again.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_containers_are_as_long_as_their_table),
		cmocka_unit_test(two_partitions_are_the_worked_example),
		cmocka_unit_test(a_signed_image_is_the_worked_example),
		cmocka_unit_test(full_tables_and_second_primaries_are_refused),
		cmocka_unit_test(capacity_is_limited),
		cmocka_unit_test(unfinished_files_are_no_sif),
		cmocka_unit_test(what_was_not_described_is_cut_off),
		cmocka_unit_test(encoding_is_the_inverse_of_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
