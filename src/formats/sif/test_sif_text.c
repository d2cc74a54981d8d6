/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/sif/sif.h"

#include "base/json.h"
#include "base/num.h"
#include "tests/testlib/fixture.h"

/*
 * How the recorded commands call an image, and where it is; images of which only the header is kept will do for all but
 * dump.
 */
static const struct {
	const char *name, *id_part, *path; /* id_part: only commands with this in their id saw the file as it is now */
} images[] = {
	{ "tiny.sif", "", "tiny.sif" },
	{ "tiny-full.sif", "", "tiny-full.sif" },
	{ "layers-keep.sif", "", "layers-keep.sif" },
	{ "tiny-native.sif", "", "tiny-native.sif" },
	{ "full-native.sif", "", "full-native.sif" },
	{ "s/tiny-native-pgp.sif", "", "signed/tiny-native-pgp.sif" },
	{ "s/tiny-native-ed25519.sif", "", "signed/tiny-native-ed25519.sif" },
	{ "s/tiny-pgp.sif", "", "signed/tiny-pgp.sif" },
	{ "s/tiny-ed25519.sif", "", "signed/tiny-ed25519.sif" },
	{ "s/tiny-cosign.sif", "", "signed/tiny-cosign.sif" },
	{ "o/tiny-overlay.sif", "", "overlay/tiny-overlay-head.sif" },
	{ "o/native-overlay.sif", "", "overlay/native-overlay-head.sif" },
	{ "d/data-dir.sif", "", "data/data-dir.sif" },
	{ "d/new.sif", "-added", "sif-tool/added.sif" },
	{ "d/new.sif", "list-reuse", "sif-tool/new.sif" },
};

static const char *image_path(const char *name, const char *id)
{
	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		if (str_eq(images[i].name, name) && strstr(id, images[i].id_part))
			return images[i].path;
	}
	return NULL;
}

static void print(const char *verb, const char *id, int fd, const struct sif *sif, struct buf *out)
{
	const struct sif_descr *d;
	uint32_t number = 0;

	if (str_eq(verb, "header")) {
		sif_text_header(sif, out);
	} else if (str_eq(verb, "list")) {
		sif_text_list(sif, out);
	} else {
		assert_true(num_parse_u32(id, UINT32_MAX, &number));
		assert_ok(sif_find_id(sif, number, &d));
		if (str_eq(verb, "info")) {
			sif_text_info(d, out);
		} else {
			cleanup_fd int copy = fixture_memory("", 0);

			assert_ok(sif_copy_object(fd, d, copy));
			assert_true(lseek(copy, 0, SEEK_SET) == 0);
			assert_ok(io_read_to_end(copy, FIXTURE_SIZE_MAX, "copy", out));
		}
	}
}

/* One recorded command; false if it is none of those that read an image that is here. */
static bool replay(const struct jv *record)
{
	const struct jv *argv = jv_get(record, "argv");
	const char *verb = jv_str(jv_at(argv, 2));
	const char *wanted = jv_get_str(record, "stdout");
	const char *path = image_path(jv_str(jv_at(argv, jv_len(argv) - 1)), jv_get_str(record, "id"));

	if (!path || !wanted || jv_int(jv_get(record, "rc"), 1) != 0 ||
	    !(str_eq(verb, "header") || str_eq(verb, "list") || str_eq(verb, "info") || str_eq(verb, "dump")))
		return false;

	cleanup_free char *full = xasprintf(FIXTURES "/images/%s", path);
	cleanup_fd int fd = fixture_open(full);
	cleanup_with(sif_free) struct sif *sif = NULL;
	cleanup_buf struct buf out = { 0 };

	assert_ok(sif_load(fd, &sif));
	print(verb, jv_str(jv_at(argv, 3)), fd, sif, &out);
	assert_string_equal(buf_str(&out), wanted);
	return true;
}

static void output_is_the_references(void **state)
{
	cleanup_with(jv_free) struct jv *records = NULL;
	cleanup_buf struct buf text = { 0 };
	size_t n = 0;

	(void)state;
	fixture_read(FIXTURES "/outputs/sif.json", &text);
	assert_ok(jv_parse(text.data, text.len, "recorded commands", &records));
	for (size_t i = 0; i < jv_len(records); i++)
		n += replay(jv_at(records, i));
	assert_int_equal(n, 104); /* all but those that change a file or fail */
}

static void sizes_are_rounded_as_the_reference_does(void **state)
{
	static const struct {
		int64_t size;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ -1023, "-1023 B" },
		{ 1024, "1 KiB" },
		{ 1535, "1 KiB" },
		{ 1536, "2 KiB" },
		{ 2047, "2 KiB" },
		{ 28080, "27 KiB" },
		{ 1048575, "1024 KiB" },
		{ 1048576, "1 MiB" },
		{ INT64_MAX, "8 EiB" },
		{ INT64_MIN, "-8 EiB" },
		{ -1536, "-2 KiB" },
		{ INT64_C(1) << 40, "1 TiB" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sif sif = { .header = { .data_size = cases[i].size } };
		cleanup_free char *wanted = xasprintf("\nData Size:          %s\n", cases[i].text);
		cleanup_buf struct buf out = { 0 };

		sif_text_header(&sif, &out);
		assert_non_null(strstr(buf_str(&out), wanted));
	}
}

static void times_may_be_anything(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text; /* NULL: no line */
	} cases[] = {
		{ SIF_TIME_UNSET, NULL },
		{ 0, "1970-01-01 00:00:00 +0000 UTC" },
		{ 1593475316, "2020-06-30 00:01:56 +0000 UTC" },
		{ -1, "1969-12-31 23:59:59 +0000 UTC" },
		{ SIF_TIME_UNSET + 1, "0001-01-01 00:00:01 +0000 UTC" },
		{ INT64_MAX, "9223372036854775807" },
		{ INT64_MIN, "-9223372036854775808" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sif_descr d = { .created = cases[i].seconds, .modified = SIF_TIME_UNSET };
		cleanup_buf struct buf out = { 0 };
		char *line;

		sif_text_info(&d, &out);
		line = strstr(out.data, "Created At:");
		if (!cases[i].text) {
			assert_null(line);
			continue;
		}
		assert_non_null(line);
		assert_memory_equal(line + strlen("Created At:  "), cases[i].text, strlen(cases[i].text));
	}
}

static void control_characters_are_escaped(void **state)
{
	struct sif sif = { .header = { .launch = "#!x\x1b[2J\n\n" } };
	struct sif_descr d = { .name = "a\x1b]0;t\x07\nb\xc2\x9b"
				       "c\xc3\xa9\xff\x7f",
			       .created = SIF_TIME_UNSET };
	cleanup_buf struct buf out = { 0 };

	(void)state;
	sif_text_header(&sif, &out);
	assert_non_null(strstr(buf_str(&out), "Launch Script:      #!x\\x1b[2J\\x0a\n"));
	buf_clear(&out);
	sif_text_info(&d, &out);
	assert_non_null(strstr(buf_str(&out), "a\\x1b]0;t\\x07\\x0ab\\xc2\\x9bc\xc3\xa9\\xff\\x7f\n"));
}

static void fields_without_end_are_read_to_their_width(void **state)
{
	struct sif sif = { 0 };
	struct sif_descr d = { .created = SIF_TIME_UNSET };
	cleanup_buf struct buf out = { 0 };

	(void)state;
	memset(sif.header.launch, 'x', SIF_LAUNCH_LEN);
	memset(d.name, 'n', SIF_NAME_LEN);
	sif_text_header(&sif, &out);
	assert_non_null(strstr(buf_str(&out), " xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"));
	buf_clear(&out);
	sif_text_info(&d, &out);
	assert_non_null(strstr(buf_str(&out), "nnnnnnnn\n"));
}

static void unknown_numbers_have_a_line(void **state)
{
	static const struct {
		int32_t type;
		const char *text;
	} cases[] = {
		{ 0x4004, "|FS (Unknown/Unknown/unknown)\n" },
		{ 0x4005, "|Signature (unknown)\n" },
		{ 0x4008, "|Cryptographic Message (Unknown/Unknown)\n" },
		{ 0x4009, "|SBOM (unknown)\n" },
		{ 0x400c, "|Unknown\n" },
		{ -1, "|Unknown\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sif_descr d = { .type = cases[i].type, .id = 1, .link = UINT32_MAX, .group = 0x0ffffffe };
		struct sif sif = { .descrs = &d, .n_descrs = 1 };
		cleanup_buf struct buf out = { 0 };

		memset(d.extra, 0xee, sizeof(d.extra));
		sif_text_list(&sif, &out);
		assert_string_equal(strrchr(buf_str(&out), '|'), cases[i].text);
		assert_non_null(strstr(buf_str(&out), "\n1    |268435454 |268435455 (G) |0-0 "));
		buf_clear(&out);
		sif_text_info(&d, &out);
		assert_int_equal(out.data[out.len - 1], '\n');
	}
}

static void architectures_have_names(void **state)
{
	static const char *const cases[][2] = {
		{ "01", "386" }, { "02", "amd64" }, { "09", "mips64" }, { "10", "mips64le" }, { "13", "loong64" },
		{ "00", NULL },	 { "14", NULL },    { "2", NULL },	{ "xx", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sif sif = { 0 };
		cleanup_buf struct buf out = { 0 };

		memcpy(sif.header.arch, cases[i][0], strlen(cases[i][0]));
		sif_text_header(&sif, &out);

		const char *line = strstr(buf_str(&out), "Primary Architecture: ");

		assert_int_equal(line != NULL, cases[i][1] != NULL);
		if (line)
			assert_memory_equal(line + 22, cases[i][1], strlen(cases[i][1]));
	}
}

static void copying_stops_at_the_end_of_the_file(void **state)
{
	cleanup_fd int fd = fixture_memory("0123456789", 10);
	cleanup_fd int copy = fixture_memory("", 0);
	cleanup_buf struct buf out = { 0 };
	struct sif_descr d = { .id = 1, .offset = 4, .size = 6 };

	(void)state;
	assert_ok(sif_copy_object(fd, &d, copy));
	d.size = 7;
	assert_error(sif_copy_object(fd, &d, copy), ERR_CORRUPT, "EOF");
	d.offset = 10;
	assert_error(sif_copy_object(fd, &d, copy), ERR_CORRUPT, "EOF");
	d.size = 0;
	assert_ok(sif_copy_object(fd, &d, copy));
	assert_true(lseek(copy, 0, SEEK_SET) == 0);
	assert_ok(io_read_to_end(copy, 100, "copy", &out));
	assert_string_equal(buf_str(&out), "456789456789");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_the_references),
		cmocka_unit_test(sizes_are_rounded_as_the_reference_does),
		cmocka_unit_test(times_may_be_anything),
		cmocka_unit_test(control_characters_are_escaped),
		cmocka_unit_test(fields_without_end_are_read_to_their_width),
		cmocka_unit_test(unknown_numbers_have_a_line),
		cmocka_unit_test(architectures_have_names),
		cmocka_unit_test(copying_stops_at_the_end_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
