/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/convert/convert.h"

#include "base/sha256.h"
#include "formats/ocisif/ocisif.h"
#include "formats/squash/squash.h"
#include "tests/testlib/fixture.h"
#include "tests/testlib/memory_source.h"
#include "tests/testlib/tar_make.h"
#include "tests/testlib/tree_dump.h"

#include <fcntl.h>
#include <inttypes.h>

static char linux_name[] = "linux";
static char amd64_name[] = "amd64";
static char arm64_name[] = "arm64";
static const struct oci_platform amd64 = { .os = linux_name, .architecture = amd64_name };
static const struct oci_platform arm64 = { .os = linux_name, .architecture = arm64_name };

static void collect(void *ctx, enum log_level level, const char *text)
{
	buf_appendf(ctx, "%d %s\n", (int)level, text);
}

static struct convert_options options_for(const struct oci_platform *platform, struct buf *messages)
{
	return (struct convert_options){ .squash = { .codec = SQUASH_ZSTD },
					 .now = { .tv_sec = 1700000000, .tv_nsec = 120000000 },
					 .user_agent = "agent/1",
					 .platform = platform,
					 .sink = collect,
					 .sink_ctx = messages };
}

/* Exchanges one line of a listing, if it is there. */
static void mend(struct buf *listing, const char *line, const char *mended)
{
	const char *at = strstr(buf_str(listing), line);
	cleanup_buf struct buf out = { 0 };

	if (!at)
		return;
	buf_append(&out, listing->data, (size_t)(at - listing->data));
	buf_append_str(&out, mended);
	buf_append_str(&out, at + strlen(line));
	buf_clear(listing);
	buf_append(listing, out.data, out.len);
}

/* One fixture: our layers hold the trees that the reference's hold. */
static void compare(const char *input, const char *image, bool keep, const struct oci_platform *platform)
{
	cleanup_free char *in = xasprintf(FIXTURES "/inputs/%s.oci.tar", input);
	cleanup_free char *ref = xasprintf(FIXTURES "/images/%s.sif", image);
	cleanup_with(source_close) struct source *source = memory_source_layout(in);
	cleanup_buf struct buf messages = { 0 };
	struct convert_options options = options_for(platform, &messages);
	cleanup_with(ocisif_close) struct ocisif *theirs = NULL;
	cleanup_with(ocisif_close) struct ocisif *ours = NULL;
	int fd = fixture_memory("", 0);

	options.keep_layers = keep;
	assert_ok(convert_to_ocisif(source, &options, fd));
	assert_ok(ocisif_open(fixture_open(ref), ref, &theirs));
	assert_ok(ocisif_open(fd, "ours", &ours));
	assert_int_equal(ours->n_layers, theirs->n_layers);
	for (size_t i = 0; i < ours->n_layers; i++) {
		cleanup_buf struct buf a = { 0 };
		cleanup_buf struct buf b = { 0 };

		tree_dump_layer(ours->fd, i, &a);
		tree_dump_layer(theirs->fd, i, &b);
		/* The reference loses the opaque mark of a directory without an entry of its own (formats.md 2.5). */
		if (keep)
			mend(&b, "/wo 040755 0:0 0\n", "/wo 040755 0:0 0 trusted.overlay.opaque=79\n");
		assert_same_tree(buf_str(&a), buf_str(&b), image);
	}
}

static void test_as_reference(void **state)
{
	static const struct {
		const char *input, *image;
		bool keep;
	} cases[] = {
		{ "tiny", "tiny", false },	     { "tiny-full", "tiny-full", false },
		{ "layers", "layers", false },	     { "layers", "layers-keep", true },
		{ "docker2", "docker2", false },     { "zstd", "zstd", false },
		{ "noplatform", "noplatform", false }, { "times", "times", false },
		{ "odd-recreate", "odd-recreate", false }, { "odd-hardlink", "odd-hardlink-keep", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		compare(cases[i].input, cases[i].image, cases[i].keep, &amd64);
	compare("foreign", "foreign", false, &arm64);
}


/* ---- images made here ---- */

struct made {
	int fd;
	struct buf messages;
};

static void made_clear(struct made *m)
{
	if (m->fd >= 0)
		(void)close(m->fd);
	buf_free(&m->messages);
}

#define cleanup_made __attribute__((__cleanup__(made_clear)))

static struct made new_made(void)
{
	return (struct made){ .fd = fixture_memory("", 0) };
}

static void open_made(const struct made *m, struct ocisif **ret_img)
{
	assert_ok(ocisif_open(fcntl(m->fd, F_DUPFD_CLOEXEC, 3), "made", ret_img));
}

static void read_document(const struct ocisif *img, const struct digest *digest, struct buf *out)
{
	assert_ok(ocisif_read_blob(img, digest, OCI_CONFIG_MAX, out));
}

static void test_documents(void **state)
{
	cleanup_with(source_close) struct source *source = memory_source_layout(FIXTURES "/inputs/layers.oci.tar");
	cleanup_made struct made m = new_made();
	struct convert_options options = options_for(&amd64, &m.messages);
	cleanup_with(ocisif_close) struct ocisif *img = NULL;
	cleanup_buf struct buf config = { 0 };
	cleanup_buf struct buf manifest = { 0 };

	(void)state;
	assert_ok(convert_to_ocisif(source, &options, m.fd));
	open_made(&m, &img);
	read_document(img, &img->manifest->config.digest, &config);
	read_document(img, &img->manifest_digest, &manifest);
	cleanup_free char *history = xasprintf("\"history\":[{\"created\":\"2023-11-14T22:13:20.12Z\",\"created_by\":\"agent/1\","
					       "\"comment\":\"oci-sif created from %s\"}]",
					       digest_hex(&source->manifest_digest));
	cleanup_free char *rootfs = xasprintf("\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}",
					      img->layers[0].desc->digest.text);
	cleanup_free char *layers = xasprintf("\"layers\":[{\"mediaType\":\"%s\",\"size\":%" PRIu64 ",\"digest\":\"%s\"}]",
					      OCI_MT_SQUASHFS, img->layers[0].size, img->layers[0].desc->digest.text);

	assert_non_null(strstr(config.data, history));
	assert_non_null(strstr(config.data, rootfs));
	assert_non_null(strstr(manifest.data, layers));
	assert_non_null(strstr(manifest.data, "\"annotations\":{\"b\":\"2\",\"org.example.manifest\":\"yes\"}"));
	assert_string_equal(buf_str(&m.messages), "1 Squashing image to single layer\n1 Writing OCI-SIF image\n");
}

/* The digest in the documents is that of the bytes; more workers change nothing; nor does a second run. */
static void test_same_bytes_again(void **state)
{
	cleanup_buf struct buf first = { 0 };

	(void)state;
	for (unsigned int workers = 1; workers <= 4; workers++) {
		cleanup_with(source_close) struct source *source = memory_source_layout(FIXTURES "/inputs/layers.oci.tar");
		cleanup_made struct made m = new_made();
		struct convert_options options = options_for(&amd64, &m.messages);
		cleanup_with(ocisif_close) struct ocisif *img = NULL;
		cleanup_buf struct buf bytes = { 0 };

		options.squash.n_workers = workers;
		assert_ok(convert_to_ocisif(source, &options, m.fd));
		open_made(&m, &img);
		assert_true(lseek(m.fd, 0, SEEK_SET) == 0);
		assert_ok(io_read_to_end(m.fd, FIXTURE_SIZE_MAX, "image", &bytes));
		struct digest layer = sha256_of(bytes.data + img->layers[0].offset, img->layers[0].size);

		assert_string_equal(layer.text, img->layers[0].desc->digest.text);
		if (workers == 1)
			buf_append(&first, bytes.data, bytes.len);
		assert_int_equal(first.len, bytes.len);
		assert_memory_equal(first.data, bytes.data, bytes.len);
	}
}

static void test_codecs(void **state)
{
	static const enum squash_codec codecs[] = { SQUASH_GZIP, SQUASH_LZ4, SQUASH_ZSTD };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		cleanup_with(source_close) struct source *source = memory_source_layout(FIXTURES "/inputs/layers.oci.tar");
		cleanup_made struct made m = new_made();
		struct convert_options options = options_for(&amd64, &m.messages);
		cleanup_with(ocisif_close) struct ocisif *img = NULL;
		cleanup_with(squash_free) struct squash *squash = NULL;

		options.squash = (struct squash_writer_options){ .codec = codecs[i], .block_size = 4096 };
		assert_ok(convert_to_ocisif(source, &options, m.fd));
		open_made(&m, &img);
		assert_ok(squash_open(img->fd, img->layers[0].offset, img->layers[0].size, NULL, &squash));
		assert_int_equal(squash_super(squash)->codec, codecs[i]);
		assert_int_equal(squash_super(squash)->block_size, 4096);
	}
}

static void refuse(struct source *source, const struct convert_options *options, enum error_kind kind, const char *text)
{
	cleanup_made struct made m = new_made();
	cleanup_with(ocisif_close) struct ocisif *img = NULL;

	assert_error(convert_to_ocisif(source, options, m.fd), kind, text);
	error_free(ocisif_open(fcntl(m.fd, F_DUPFD_CLOEXEC, 3), "refused", &img));
	assert_null(img); /* what is left is no image */
}

static void test_platform(void **state)
{
	cleanup_with(source_close) struct source *foreign = memory_source_layout(FIXTURES "/inputs/foreign.oci.tar");
	cleanup_with(source_close) struct source *none = memory_source_layout(FIXTURES "/inputs/noplatform.oci.tar");
	cleanup_buf struct buf messages = { 0 };
	struct convert_options options = options_for(&amd64, &messages);
	cleanup_made struct made m = new_made();

	(void)state;
	refuse(foreign, &options, ERR_UNSUPPORTED,
	       "while fetching OCI image: while checking OCI image: image (linux/arm64/v8) does not satisfy required platform "
	       "(linux/amd64)");
	assert_string_equal(buf_str(&messages), "");
	assert_ok(convert_to_ocisif(none, &options, m.fd));
	assert_string_equal(buf_str(&messages),
			    "-2 OCI image doesn't declare a platform. It may not be compatible with this system.\n"
			    "1 Squashing image to single layer\n"
			    "1 Writing OCI-SIF image\n");
}

static void test_damaged_layers(void **state)
{
	cleanup_buf struct buf tar = { 0 };
	cleanup_buf struct buf messages = { 0 };
	struct convert_options options = options_for(&amd64, &messages);
	cleanup_free char *wrong = xasprintf("sha256:%064d", 7);

	(void)state;
	tar_make_file(&tar, "f", "x");
	for (int keep = 0; keep < 2; keep++) {
		struct memory_layer layers[] = { { .plain = &tar }, { .plain = &tar, .wrong_diff_id = wrong, .gzip = true } };
		cleanup_with(source_close) struct source *bad_id = memory_source_make(layers, 2);

		options.keep_layers = keep;
		refuse(bad_id, &options, ERR_CORRUPT, "uncompressed digest is");
		layers[1].wrong_diff_id = NULL;
		cleanup_with(source_close) struct source *bad_blob = memory_source_make(layers, 2);
		struct buf *blob = memory_source_blob(bad_blob, &bad_blob->manifest->layers[1].digest);

		blob->data[4] ^= 1; /* the time in the gzip header: the content stays right */
		refuse(bad_blob, &options, ERR_CORRUPT, "wrong digest");
		layers[1].media_type = "application/vnd.example.other";
		cleanup_with(source_close) struct source *bad_type = memory_source_make(layers, 2);

		refuse(bad_type, &options, ERR_UNSUPPORTED,
		       "while converting layers: could not convert layer to squashfs: unsupported layer type: "
		       "application/vnd.example.other");
		layers[1].media_type = OCI_MT_SQUASHFS;
		cleanup_with(source_close) struct source *bad_squashfs = memory_source_make(layers, 2);

		if (!keep)
			refuse(bad_squashfs, &options, ERR_CORRUPT, "it is a squashfs, and the image config says");
	}
}

static void test_config_does_not_fit(void **state)
{
	cleanup_buf struct buf tar = { 0 };
	cleanup_buf struct buf messages = { 0 };
	struct convert_options options = options_for(&amd64, &messages);
	struct memory_layer layer = { .plain = &tar };
	cleanup_with(source_close) struct source *source = memory_source_make(&layer, 1);
	size_t n_layers = source->manifest->n_layers;

	(void)state;
	source->config->n_diff_ids = 0;
	refuse(source, &options, ERR_CORRUPT, "image config lists 0 diff_ids for 1 layers");
	source->config->n_diff_ids = 1;
	source->manifest->n_layers = 0;
	refuse(source, &options, ERR_CORRUPT, "image has no layers");
	source->manifest->n_layers = n_layers;
	struct oci_config *config = source->config;

	source->config = NULL;
	refuse(source, &options, ERR_UNSUPPORTED, "image config is of type");
	source->config = config;
}

/* The content of a hidden link target is read again: of that layer alone, and once. */
static void test_reads_again_only_what_it_must(void **state)
{
	cleanup_buf struct buf bottom = { 0 };
	cleanup_buf struct buf middle = { 0 };
	cleanup_buf struct buf top = { 0 };
	cleanup_made struct made m = new_made();
	struct convert_options options = options_for(&amd64, &m.messages);
	struct memory_layer layers[] = { { .plain = &bottom }, { .plain = &middle, .gzip = true }, { .plain = &top } };
	cleanup_buf struct buf list = { 0 };

	(void)state;
	tar_make_file(&bottom, "other", "x");
	tar_make_file(&middle, "a", "old");
	tar_make_hardlink(&middle, "b", "a");
	tar_make_file(&top, "a", "new");
	cleanup_with(source_close) struct source *source = memory_source_make(layers, 3);

	assert_ok(convert_to_ocisif(source, &options, m.fd));
	assert_int_equal(memory_source_opened(source), 4);
	tree_dump_layer(m.fd, 0, &list);
	assert_line(buf_str(&list), "/b", " 3 cba06b5736fa"); /* "old" */
	assert_line(buf_str(&list), "/a", " 3 11507a0e2f5e"); /* "new" */
}

/* ---- kept layers ---- */

static void test_kept_zstd(void **state)
{
	cleanup_with(source_close) struct source *source = memory_source_layout(FIXTURES "/inputs/zstd.oci.tar");
	cleanup_made struct made m = new_made();
	struct convert_options options = options_for(&amd64, &m.messages);
	cleanup_with(ocisif_close) struct ocisif *img = NULL;

	(void)state;
	options.keep_layers = true;
	assert_ok(convert_to_ocisif(source, &options, m.fd));
	open_made(&m, &img);
	assert_int_equal(img->n_layers, source->manifest->n_layers);
	assert_string_equal(buf_str(&m.messages), "1 Writing OCI-SIF image\n");
}

/* The same layer twice: stored once, listed twice; and different tars that give the same squashfs likewise. */
static void test_kept_duplicates(void **state)
{
	cleanup_buf struct buf tar = { 0 };
	cleanup_buf struct buf same = { 0 };
	cleanup_made struct made m = new_made();
	struct convert_options options = options_for(&amd64, &m.messages);
	struct memory_layer layers[] = { { .plain = &tar }, { .plain = &tar }, { .plain = &same } };
	cleanup_with(ocisif_close) struct ocisif *img = NULL;

	(void)state;
	tar_make_file(&tar, "f", "x");
	tar_make_file(&same, "./f", "x");
	tar_make_end(&same);
	options.keep_layers = true;
	cleanup_with(source_close) struct source *source = memory_source_make(layers, 3);

	assert_ok(convert_to_ocisif(source, &options, m.fd));
	open_made(&m, &img);
	assert_int_equal(img->n_layers, 3);
	assert_int_equal(img->layers[0].offset, img->layers[1].offset);
	assert_int_equal(img->layers[0].offset, img->layers[2].offset);
	assert_int_equal(memory_source_opened(source), 2);
	for (size_t i = 0; i < 3; i++) {
		cleanup_buf struct buf list = { 0 };

		tree_dump_layer(m.fd, i, &list);
		assert_line(buf_str(&list), "/f", "100644");
	}
}

/* The same layer twice, but what its link means differs. */
static void test_kept_duplicates_with_links(void **state)
{
	cleanup_buf struct buf base = { 0 };
	cleanup_buf struct buf links = { 0 };
	cleanup_buf struct buf newer = { 0 };
	cleanup_made struct made m = new_made();
	struct convert_options options = options_for(&amd64, &m.messages);
	struct memory_layer layers[] = { { .plain = &base }, { .plain = &links }, { .plain = &newer }, { .plain = &links } };
	static const char *const wanted[] = { " 3 cba06b5736fa", " 3 11507a0e2f5e" };

	(void)state;
	tar_make_file(&base, "a", "old");
	tar_make_hardlink(&links, "b", "a");
	tar_make_file(&newer, "a", "new");
	options.keep_layers = true;
	cleanup_with(source_close) struct source *source = memory_source_make(layers, 4);

	assert_ok(convert_to_ocisif(source, &options, m.fd));
	for (size_t i = 0; i < 2; i++) {
		cleanup_buf struct buf list = { 0 };

		tree_dump_layer(m.fd, 1 + 2 * i, &list);
		assert_line(buf_str(&list), "/b", wanted[i]);
	}
}

/* ---- layers that are squashfs already ---- */

static void add_bytes(const struct ocisif *img, size_t i, struct buf *out)
{
	size_t got = 0;

	assert_ok(io_pread(img->fd, buf_reserve(out, img->layers[i].size), img->layers[i].size, img->layers[i].offset, &got));
	out->len += got;
}

static void test_all_squashfs_is_unchanged(void **state)
{
	cleanup_with(ocisif_close) struct ocisif *tiny = NULL;
	cleanup_buf struct buf layer = { 0 };
	cleanup_made struct made m = new_made();
	struct convert_options options = options_for(&amd64, &m.messages);
	cleanup_with(ocisif_close) struct ocisif *img = NULL;

	(void)state;
	assert_ok(ocisif_open(fixture_open(FIXTURES "/images/tiny.sif"), "tiny", &tiny));
	add_bytes(tiny, 0, &layer);
	struct memory_layer layers[] = { { .plain = &layer, .media_type = OCI_MT_SQUASHFS },
					 { .plain = &layer, .media_type = OCI_MT_SQUASHFS } };

	for (size_t n = 1; n <= 2; n++) {
		cleanup_with(source_close) struct source *source = memory_source_make(layers, n);

		assert_int_equal(ftruncate(m.fd, 0), 0);
		options.keep_layers = n > 1;
		assert_ok(convert_to_ocisif(source, &options, m.fd));
		ocisif_close(take_ptr(&img));
		open_made(&m, &img);
		assert_string_equal(img->manifest_digest.text, source->manifest_digest.text);
		assert_int_equal(img->layers[0].size, tiny->layers[0].size);
	}
}

/* A data container has no image config; it passes through as it is. */
static void test_data_container(void **state)
{
	cleanup_with(ocisif_close) struct ocisif *data = NULL;
	cleanup_buf struct buf layer = { 0 };
	cleanup_made struct made m = new_made();
	struct convert_options options = options_for(&amd64, &m.messages);
	cleanup_with(ocisif_close) struct ocisif *img = NULL;

	(void)state;
	assert_ok(ocisif_open(fixture_open(FIXTURES "/images/r-data.sif"), "data", &data));
	add_bytes(data, 0, &layer);
	struct memory_layer layers = { .plain = &layer, .media_type = OCI_MT_SQUASHFS };
	cleanup_with(source_close) struct source *source = memory_source_make(&layers, 1);
	struct oci_config *config = take_ptr(&source->config);

	assert_ok(convert_to_ocisif(source, &options, m.fd));
	source->config = config;
	open_made(&m, &img);
	assert_string_equal(img->manifest_digest.text, source->manifest_digest.text);
}

/* Times of directories left out: a kept layer has entries for directories that its tar only implied. */
static void without_directory_times(struct buf *listing)
{
	cleanup_buf struct buf out = { 0 };

	for (const char *at = buf_str(listing); *at;) {
		size_t len = strcspn(at, "\n");
		cleanup_free char *line = xstrndup(at, len);
		char *mode = strstr(line, " 04");
		char *owner = mode ? strchr(mode + 1, ' ') : NULL;
		char *time = owner ? strchr(owner + 1, ' ') : NULL;

		if (time)
			*time = '\0';
		buf_appendf(&out, "%s\n", line);
		at += len + (at[len] == '\n');
	}
	buf_clear(listing);
	buf_append(listing, out.data, out.len);
}

static void test_squashfs_layers_are_squashed(void **state)
{
	cleanup_with(ocisif_close) struct ocisif *kept = NULL;
	cleanup_with(ocisif_close) struct ocisif *squashed = NULL;
	struct buf bytes[4] = { { 0 }, { 0 }, { 0 }, { 0 } }; /* freed below */
	struct memory_layer layers[4];
	cleanup_made struct made m = new_made();
	struct convert_options options = options_for(&amd64, &m.messages);
	cleanup_buf struct buf ours = { 0 };
	cleanup_buf struct buf theirs = { 0 };

	(void)state;
	assert_ok(ocisif_open(fixture_open(FIXTURES "/images/layers-keep.sif"), "kept", &kept));
	assert_ok(ocisif_open(fixture_open(FIXTURES "/images/layers.sif"), "squashed", &squashed));
	for (size_t i = 0; i < 4; i++) {
		add_bytes(kept, i, &bytes[i]);
		layers[i] = (struct memory_layer){ .plain = &bytes[i], .media_type = OCI_MT_SQUASHFS };
	}
	cleanup_with(source_close) struct source *source = memory_source_make(layers, 4);

	assert_ok(convert_to_ocisif(source, &options, m.fd));
	tree_dump_layer(m.fd, 0, &ours);
	tree_dump_layer(squashed->fd, 0, &theirs);
	without_directory_times(&ours);
	without_directory_times(&theirs);
	/* A squashfs does not have the mode that the tar's hard link had of its own. */
	mend(&theirs, "/hl/b 100644 ", "/hl/b 100640 ");
	assert_same_tree(buf_str(&ours), buf_str(&theirs), "squashed again");
	for (size_t i = 0; i < 4; i++)
		buf_free(&bytes[i]);
}

/* A tar below and a squashfs above, squashed; the squashfs has a content of several blocks, a hole and a fragment. */
static void test_tar_and_squashfs(void **state)
{
	cleanup_buf struct buf tar = { 0 };
	cleanup_buf struct buf top = { 0 };
	cleanup_buf struct buf layer = { 0 };
	cleanup_made struct made first = new_made();
	cleanup_made struct made m = new_made();
	struct convert_options options = options_for(&amd64, &m.messages);
	cleanup_with(ocisif_close) struct ocisif *img = NULL;
	cleanup_buf struct buf before = { 0 };
	cleanup_buf struct buf after = { 0 };
	cleanup_free char *big = xcalloc(400001, 1);

	(void)state;
	for (int i = 0; i < 140000; i++)
		big[i] = (char)(i * 7919 >> 3);
	memcpy(big + 399000, "tail", 4);
	tar_make(&top, &(struct tar_spec){ .name = "big", .data = big, .size = 400001 });
	tar_make_file(&top, ".wh.gone", "");
	struct memory_layer only = { .plain = &top };
	cleanup_with(source_close) struct source *source1 = memory_source_make(&only, 1);

	assert_ok(convert_to_ocisif(source1, &options, first.fd));
	open_made(&first, &img);
	add_bytes(img, 0, &layer);
	tree_dump_layer(first.fd, 0, &before);
	tar_make_file(&tar, "below", "x");
	struct memory_layer both[] = { { .plain = &tar }, { .plain = &layer, .media_type = OCI_MT_SQUASHFS } };
	cleanup_with(source_close) struct source *source2 = memory_source_make(both, 2);

	assert_ok(convert_to_ocisif(source2, &options, m.fd));
	tree_dump_layer(m.fd, 0, &after);
	cleanup_free char *wanted =
		xasprintf("/ 040755 0:0 0\n/below 100644 0:0 1700000000 n1 1 2d711642b726\n%s", strstr(before.data, "/big"));

	assert_line(before.data, "/big", " 400001 ");
	assert_string_equal(wanted, buf_str(&after));
}

/* The writable overlay stays the last layer, byte for byte. */
static void test_overlay_layer(void **state)
{
	cleanup_buf struct buf tar = { 0 };
	cleanup_buf struct buf ext3 = { 0 };
	cleanup_made struct made m = new_made();
	struct convert_options options = options_for(&amd64, &m.messages);
	struct memory_layer layers[] = { { .plain = &tar }, { .plain = &tar }, { .plain = &ext3, .media_type = OCI_MT_EXT3 } };
	cleanup_with(ocisif_close) struct ocisif *img = NULL;
	cleanup_buf struct buf got = { 0 };

	(void)state;
	tar_make_file(&tar, "f", "x");
	for (int i = 0; i < 3000000; i++)
		buf_append_char(&ext3, (char)i);
	cleanup_with(source_close) struct source *source = memory_source_make(layers, 3);

	assert_ok(convert_to_ocisif(source, &options, m.fd));
	open_made(&m, &img);
	assert_int_equal(img->n_layers, 2);
	assert_true(img->layers[1].is_overlay);
	add_bytes(img, 1, &got);
	assert_int_equal(got.len, ext3.len);
	assert_memory_equal(got.data, ext3.data, got.len);
	assert_string_equal(buf_str(&m.messages),
			    "1 Squashing image to single layer\n"
			    "1 Image contains a writable overlay\n"
			    "1 Writing OCI-SIF image\n");
	layers[1].media_type = OCI_MT_EXT3; /* not the last */
	cleanup_with(source_close) struct source *bad = memory_source_make(layers, 3);

	refuse(bad, &options, ERR_UNSUPPORTED, "unsupported layer type: " OCI_MT_EXT3);
}

struct progress {
	uint64_t last, total;
	unsigned int n;
};

static void note(void *ctx, uint64_t done, uint64_t total)
{
	struct progress *p = ctx;

	assert_true(done >= p->last);
	assert_true(done <= total);
	*p = (struct progress){ .last = done, .total = total, .n = p->n + 1 };
}

static void test_progress(void **state)
{
	(void)state;
	for (int keep = 0; keep < 2; keep++) {
		cleanup_with(source_close) struct source *source = memory_source_layout(FIXTURES "/inputs/layers.oci.tar");
		cleanup_made struct made m = new_made();
		struct convert_options options = options_for(&amd64, &m.messages);
		struct progress p = { 0 };

		options.keep_layers = keep;
		options.progress = note;
		options.progress_ctx = &p;
		assert_ok(convert_to_ocisif(source, &options, m.fd));
		assert_true(p.n >= 4);
		assert_int_equal(p.total, 508 + 200 + 792 + 237);
	}
}

/* No room: one clear error, with the errno that says so. */
static void test_file_cannot_grow_class_m(void **state)
{
	cleanup_with(source_close) struct source *source = memory_source_layout(FIXTURES "/inputs/tiny.oci.tar");
	cleanup_buf struct buf messages = { 0 };
	struct convert_options options = options_for(&amd64, &messages);
	int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	struct error *err = NULL;

	(void)state;
	assert_true(fd >= 0);
	err = convert_to_ocisif(source, &options, fd);
	assert_non_null(err);
	assert_int_equal(error_errno(err), ENOSPC);
	error_free(err);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_reference),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_same_bytes_again),
		cmocka_unit_test(test_codecs),
		cmocka_unit_test(test_platform),
		cmocka_unit_test(test_damaged_layers),
		cmocka_unit_test(test_config_does_not_fit),
		cmocka_unit_test(test_reads_again_only_what_it_must),
		cmocka_unit_test(test_kept_zstd),
		cmocka_unit_test(test_kept_duplicates),
		cmocka_unit_test(test_kept_duplicates_with_links),
		cmocka_unit_test(test_all_squashfs_is_unchanged),
		cmocka_unit_test(test_data_container),
		cmocka_unit_test(test_squashfs_layers_are_squashed),
		cmocka_unit_test(test_tar_and_squashfs),
		cmocka_unit_test(test_overlay_layer),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_file_cannot_grow_class_m),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
