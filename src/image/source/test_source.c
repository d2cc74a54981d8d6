/* SPDX-License-Identifier: BSD-3-Clause */
/* Local transports: what they find, what they say, what they refuse. Digests are those of the fixtures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/source/source_priv.h"

#include "image/source/source_platform.h"
#include "image/source/test_tarball.h"
#include "tests/testlib/fixture.h"

#include "base/proc.h"
#include "base/sha256.h"

#define INPUTS FIXTURES "/inputs"
#define TINY_MANIFEST "sha256:e53c6b18c3bc617dc111d4eb6249a16c0fab72fa840a62e9c9c5e7dd5d876104"
#define TINY_CONFIG "sha256:b9e88cd6e19631debf92c806414518d89bd0b2d96db0b238cbf5c6597a036103"
#define TINY_LAYER "sha256:7b79720c360c9db59243b12cc0d1dd8a949889a0f0e1b61555c173cb16fea559"
#define INDEX_AMD64 "sha256:6727587f2c57ac2a0f9effec8affe18b17e7111acd4496a23911c79ff7ef255f"
#define INDEX_ARM64 "sha256:5d256d8163f2d1f0665adf56b64d00c4352942883f932824619754a31586080a"

static char os[] = "linux", amd64[] = "amd64", arm64[] = "arm64", s390x[] = "s390x";

struct place {
	char *dir; /* a directory of its own for each test */
	struct buf said;
	struct source_options options;
};

static void listen(void *ctx, enum log_level level, const char *text)
{
	struct place *p = ctx;

	buf_appendf(&p->said, "%d %s|", (int)level, text);
}

static int set_up(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	assert_ok(fs_mkdtemp("/tmp", "test-source-", &p->dir));
	p->options = (struct source_options){
		.platform = { .os = os, .architecture = amd64 },
		.tmpdir = "/tmp",
		.sink = listen,
		.sink_ctx = p,
	};
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	assert_ok(fs_remove_tree(AT_FDCWD, p->dir));
	buf_free(&p->said);
	free(p->dir);
	free(p);
	return 0;
}

/* Unpack an archive into a new directory below the test's; the caller frees the path. */
static char *unpack(struct place *p, const char *archive, const char *name)
{
	char *path = xasprintf("%s/%s", p->dir, name);
	char tar[] = "tar", flags[] = "xf", where[] = "-C";
	cleanup_free char *file = xstrdup(archive);
	cleanup_free char *program = NULL;
	char *argv[] = { tar, flags, file, where, path, NULL };
	struct proc_spec spec = { .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1 };
	int status;
	pid_t pid;

	assert_ok(fs_mkdirs(AT_FDCWD, path, 0700));
	assert_ok(proc_find("tar", "/usr/bin:/bin", &program));
	spec.path = program;
	assert_ok(proc_spawn(&spec, &pid));
	assert_ok(proc_wait(pid, &status));
	assert_int_equal(status, 0);
	return path;
}

static struct source *open_source(struct place *p, const char *fmt, ...) printf_like(2, 3);
static struct source *open_source(struct place *p, const char *fmt, ...)
{
	struct source *source = NULL;
	va_list ap;

	va_start(ap, fmt);

	cleanup_free char *uri = xvasprintf(fmt, ap);

	va_end(ap);
	assert_ok(source_open(uri, &p->options, NULL, &source));
	return source;
}

static void assert_refused(struct place *p, enum error_kind kind, const char *wanted, const char *fmt, ...)
	printf_like(4, 5);
static void assert_refused(struct place *p, enum error_kind kind, const char *wanted, const char *fmt, ...)
{
	struct source *source = NULL;
	va_list ap;

	va_start(ap, fmt);

	cleanup_free char *uri = xvasprintf(fmt, ap);

	va_end(ap);
	assert_error(source_open(uri, &p->options, NULL, &source), kind, wanted);
	assert_null(source);
}

static void assert_manifest(struct source *source, const char *digest)
{
	assert_string_equal(source->manifest_digest.text, digest);
	source_close(source);
}

/* Every layer can be read to its end, which means that its digest was right. */
static void read_layers(struct source *source)
{
	for (size_t i = 0; i < source->manifest->n_layers; i++) {
		cleanup_with(blob_reader_close) struct blob_reader *reader = NULL;
		cleanup_buf struct buf out = { 0 };

		assert_ok(source->open_blob(source, &source->manifest->layers[i], &reader));
		assert_ok(blob_reader_read_all(reader, 1 << 20, "layer", &out));
		assert_int_equal(out.len, source->manifest->layers[i].size);
	}
}

static void layout_in_directory_and_archive(void **state)
{
	struct place *p = *state;
	cleanup_free char *dir = unpack(p, INPUTS "/tiny.oci.tar", "tiny");
	cleanup_with(source_close) struct source *s = open_source(p, "oci:%s", dir);
	struct source *archived = open_source(p, "oci-archive:%s", INPUTS "/tiny.oci.tar");

	assert_string_equal(s->manifest_media_type, OCI_MT_MANIFEST);
	assert_string_equal(s->config->architecture, "amd64");
	assert_int_equal(s->config_len, 444);
	assert_int_equal(s->manifest_len, 418);
	assert_int_equal(p->said.len, 0);
	assert_ok(s->start(s));
	assert_string_equal(p->said.data,
			    "-1 Getting image source signatures|-1 Copying blob 7b79720c360c done  |"
			    "-1 Copying config b9e88cd6e1 done  |-1 Writing manifest to image destination|");
	read_layers(s);
	read_layers(archived);
	assert_manifest(archived, TINY_MANIFEST);
}

static void slashes_and_relative_paths(void **state)
{
	struct place *p = *state;
	cleanup_free char *dir = unpack(p, INPUTS "/tiny.oci.tar", "tiny");

	assert_manifest(open_source(p, "oci://%s", dir), TINY_MANIFEST);
	assert_int_equal(chdir(p->dir), 0);
	assert_manifest(open_source(p, "oci:tiny"), TINY_MANIFEST);
	assert_manifest(open_source(p, "oci://tiny"), TINY_MANIFEST);
	assert_manifest(open_source(p, "oci:../%s/tiny/", fs_basename(p->dir)), TINY_MANIFEST);
	assert_int_equal(chdir("/"), 0);
}

static void layout_selectors(void **state)
{
	struct place *p = *state;
	cleanup_free char *dir = unpack(p, INPUTS "/tiny.oci.tar", "tiny");

	assert_manifest(open_source(p, "oci:%s:latest", dir), TINY_MANIFEST);
	assert_manifest(open_source(p, "oci:%s:@0", dir), TINY_MANIFEST);
	assert_manifest(open_source(p, "oci:%s@%s", dir, TINY_MANIFEST), TINY_MANIFEST);
	assert_manifest(open_source(p, "oci:%s:@%s", dir, TINY_MANIFEST), TINY_MANIFEST);
	assert_manifest(open_source(p, "oci-archive:" INPUTS "/tiny.oci.tar:latest"), TINY_MANIFEST);
	assert_refused(p, ERR_NOT_FOUND, "not found in layout", "oci:%s:v2", dir);
	assert_refused(p, ERR_NOT_FOUND, "invalid source index @1, only 1 manifest items available", "oci:%s:@1", dir);
	assert_refused(p, ERR_NOT_FOUND, "tiny@" TINY_CONFIG "\" not found in layout", "oci:%s@%s", dir, TINY_CONFIG);
	assert_refused(p, ERR_NOT_FOUND, "tiny@sha256:zz\" not found in layout", "oci:%s@sha256:zz", dir);
}

/* Whole paths first: a directory may be called anything. */
static void odd_directory_names(void **state)
{
	struct place *p = *state;
	cleanup_free char *at = unpack(p, INPUTS "/tiny.oci.tar", "user@site");
	cleanup_free char *colon = unpack(p, INPUTS "/tiny.oci.tar", "a:b:c");
	cleanup_free char *digest = unpack(p, INPUTS "/tiny.oci.tar", "x@" TINY_CONFIG);

	assert_manifest(open_source(p, "oci:%s", at), TINY_MANIFEST);
	assert_manifest(open_source(p, "oci:%s@%s", at, TINY_MANIFEST), TINY_MANIFEST);
	assert_manifest(open_source(p, "oci:%s", colon), TINY_MANIFEST);
	assert_manifest(open_source(p, "oci:%s:latest", colon), TINY_MANIFEST);
	assert_manifest(open_source(p, "oci:%s", digest), TINY_MANIFEST);
}

static void missing_layouts_are_named(void **state)
{
	struct place *p = *state;

	assert_refused(p, ERR_SYSTEM, "stat /nowhere/index.json: no such file or directory", "oci:/nowhere");
	assert_refused(p, ERR_NOT_FOUND, "/index.json: no such file or directory", "oci:%s", p->dir);
	assert_refused(p, ERR_SYSTEM, "open /nowhere.tar: no such file or directory", "oci-archive:/nowhere.tar");
	assert_refused(p, ERR_SYSTEM, "open /nowhere.tar: no such file or directory", "docker-archive:/nowhere.tar");
}

static void several_platforms(void **state)
{
	struct place *p = *state;
	cleanup_free char *dir = unpack(p, INPUTS "/index.oci.tar", "index");

	assert_refused(p, ERR_USAGE, "must specify a digest - layout contains multiple images", "oci:%s", dir);
	assert_manifest(open_source(p, "oci:%s@%s", dir, INDEX_ARM64), INDEX_ARM64);
	assert_manifest(open_source(p, "oci-archive:" INPUTS "/index.oci.tar:@1"), INDEX_ARM64);
}

/* Make index.json point to what was index.json, now a blob: build tools write it so. */
static void nest_index(struct place *p, const char *dir)
{
	cleanup_buf struct buf inner = { 0 };
	cleanup_buf struct buf outer = { 0 };
	cleanup_free char *index = xasprintf("%s/index.json", dir);

	(void)p;
	fixture_read(index, &inner);

	struct digest digest = sha256_of(inner.data, inner.len);
	cleanup_free char *blob = xasprintf("%s/blobs/sha256/%s", dir, digest_hex(&digest));

	assert_ok(fs_write_file(AT_FDCWD, blob, inner.data, inner.len, 0644, false));
	buf_appendf(&outer,
		    "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_MT_INDEX
		    "\",\"size\":%zu,\"digest\":\"%s\","
		    "\"annotations\":{\"org.opencontainers.image.ref.name\":\"docker.io/library/x:v1\"}}]}",
		    inner.len, digest.text);
	assert_ok(fs_write_file(AT_FDCWD, index, outer.data, outer.len, 0644, false));
}

static void nested_index_is_resolved_by_platform(void **state)
{
	struct place *p = *state;
	cleanup_free char *dir = unpack(p, INPUTS "/index.oci.tar", "index");

	nest_index(p, dir);
	assert_manifest(open_source(p, "oci:%s", dir), INDEX_AMD64);
	assert_manifest(open_source(p, "oci:%s:v1", dir), INDEX_AMD64);
	assert_manifest(open_source(p, "oci:%s:docker.io/library/x:v1", dir), INDEX_AMD64);
	p->options.platform.architecture = arm64;
	assert_manifest(open_source(p, "oci:%s", dir), INDEX_ARM64);
	p->options.platform.architecture = s390x;
	assert_refused(p, ERR_NOT_FOUND, "no image satisfies requested platform: linux/s390x", "oci:%s", dir);

	p->options.platform.architecture = amd64;
	for (int depth = 1; depth < 7; depth++)
		nest_index(p, dir);
	assert_manifest(open_source(p, "oci:%s", dir), INDEX_AMD64);
	nest_index(p, dir);
	assert_refused(p, ERR_LIMIT, "nested deeper than 8 levels", "oci:%s", dir);
}

static void write_in(const char *dir, const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);

	assert_ok(fs_write_file(AT_FDCWD, path, text, strlen(text), 0644, false));
}

/* An entry that does not say its platform: the config of its image knows it. */
static void entry_without_platform_is_looked_up(void **state)
{
	struct place *p = *state;
	cleanup_free char *dir = unpack(p, INPUTS "/index.oci.tar", "index");

	write_in(dir, "index.json",
		 "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_MT_MANIFEST
		 "\",\"size\":418,\"digest\":\"" INDEX_ARM64 "\"},{\"mediaType\":\"" OCI_MT_MANIFEST
		 "\",\"size\":418,\"digest\":\"" INDEX_AMD64 "\"}]}");
	nest_index(p, dir);
	assert_manifest(open_source(p, "oci:%s", dir), INDEX_AMD64);
	p->options.platform.architecture = arm64;
	assert_manifest(open_source(p, "oci:%s", dir), INDEX_ARM64);
}

static void hostile_layouts_are_refused(void **state)
{
	struct place *p = *state;
	cleanup_free char *dir = unpack(p, INPUTS "/tiny.oci.tar", "tiny");
	cleanup_free char *config = xasprintf("%s/blobs/sha256/%s", dir, &TINY_CONFIG[7]);
	cleanup_free char *layer = xasprintf("%s/blobs/sha256/%s", dir, &TINY_LAYER[7]);
	cleanup_with(source_close) struct source *s = open_source(p, "oci:%s", dir);
	struct blob_reader *reader = NULL;

	assert_int_equal(unlink(layer), 0);
	assert_int_equal(symlink("/etc/passwd", layer), 0);
	assert_error(s->open_blob(s, &s->manifest->layers[0], &reader), ERR_CORRUPT, "layout blob ");
	assert_int_equal(unlink(layer), 0);
	assert_int_equal(mkdir(layer, 0700), 0);
	assert_error(s->open_blob(s, &s->manifest->layers[0], &reader), ERR_CORRUPT, "is not a regular file");

	assert_ok(fs_write_file(AT_FDCWD, config, "{}", 2, 0644, false));
	assert_refused(p, ERR_CORRUPT, "error verifying size; got 2, want 444", "oci:%s", dir);
	assert_int_equal(unlink(config), 0);
	assert_refused(p, ERR_NOT_FOUND, "no such file or directory", "oci:%s", dir);
	assert_int_equal(symlink("x", config), 0);
	assert_refused(p, ERR_CORRUPT, "is a symlink", "oci:%s", dir);

	write_in(dir, "index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
	assert_refused(p, ERR_NOT_FOUND, "no images found in layout", "oci:%s", dir);
	write_in(dir, "index.json",
		 "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"text/"
		 "plain\",\"size\":444,\"digest\":\"" TINY_CONFIG "\"}]}");
	assert_refused(p, ERR_UNSUPPORTED, "unexpected media type for " TINY_CONFIG ": text/plain", "oci:%s", dir);
}

static void damaged_documents_are_noticed(void **state)
{
	struct place *p = *state;
	cleanup_free char *dir = unpack(p, INPUTS "/tiny.oci.tar", "tiny");
	cleanup_free char *config = xasprintf("%s/blobs/sha256/%s", dir, &TINY_CONFIG[7]);
	cleanup_buf struct buf bytes = { 0 };

	fixture_read(config, &bytes);
	bytes.data[20] ^= 1;
	assert_ok(fs_write_file(AT_FDCWD, config, bytes.data, bytes.len, 0644, false));
	assert_refused(p, ERR_CORRUPT, "error verifying sha256 checksum after reading 444 bytes", "oci:%s", dir);
}

static void docker_archives(void **state)
{
	struct place *p = *state;
	cleanup_with(source_close) struct source *tiny = open_source(p, "docker-archive:" INPUTS "/tiny.docker.tar");
	cleanup_with(source_close) struct source *layers =
		open_source(p, "docker-archive:" INPUTS "/layers.docker.tar");
	cleanup_with(source_close) struct source *again = open_source(p, "docker-archive://" INPUTS "/tiny.docker.tar");

	assert_string_equal(tiny->manifest_media_type, OCI_MT_DOCKER_MANIFEST);
	assert_string_equal(tiny->manifest->config.digest.text, TINY_CONFIG);
	assert_int_equal(tiny->manifest->n_layers, 1);
	assert_string_equal(tiny->manifest->layers[0].media_type, OCI_MT_DOCKER_LAYER_TAR);
	assert_true(digest_eq(&tiny->manifest->layers[0].digest, &tiny->config->diff_ids[0]));
	assert_true(digest_eq(&tiny->manifest_digest, &again->manifest_digest));
	assert_int_equal(layers->manifest->n_layers, 4);
	read_layers(tiny);
	read_layers(layers);
	assert_ok(tiny->start(tiny));
	assert_string_equal(p->said.data,
			    "-1 Getting image source signatures|-1 Copying blob 63d8320e44fe done  |"
			    "-1 Copying config b9e88cd6e1 done  |-1 Writing manifest to image destination|");
}

static void docker_archive_selectors(void **state)
{
	static const char *const good[] = { "example/tiny:v1", "docker.io/example/tiny:v1", "@0", "@1",
					    "example/other:v2" };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		source_close(open_source(p, "docker-archive:" INPUTS "/two.docker.tar:%s", good[i]));
	assert_refused(p, ERR_USAGE, "tarball must contain only a single image to be used with tarball.Image",
		       "docker-archive:" INPUTS "/two.docker.tar");
	assert_refused(p, ERR_NOT_FOUND, "invalid source index @2, only 2 manifest items available",
		       "docker-archive:" INPUTS "/two.docker.tar:@2");
	assert_refused(p, ERR_NOT_FOUND, "image \"example/tiny\" not found in archive",
		       "docker-archive:" INPUTS "/two.docker.tar:example/tiny");
	assert_refused(p, ERR_NOT_FOUND, "image \"nope:v1\" not found in archive",
		       "docker-archive:" INPUTS "/tiny.docker.tar:nope:v1");
}

/* The hint names what could have been chosen. */
static void tags_are_listed(void **state)
{
	struct place *p = *state;
	struct source *source = NULL;
	cleanup_with(error_free) struct error *err =
		source_open("docker-archive:" INPUTS "/two.docker.tar", &p->options, NULL, &source);

	assert_non_null(err);
	assert_non_null(strstr(error_hint_text(err), "example/tiny:v1, example/other:v2"));
}

/* Either transport's word opens an archive of the other kind, if it is one. */
static void kinds_of_archives_are_recognised(void **state)
{
	struct place *p = *state;

	assert_manifest(open_source(p, "docker-archive:" INPUTS "/tiny.oci.tar"), TINY_MANIFEST);
	source_close(open_source(p, "oci-archive:" INPUTS "/tiny.docker.tar"));
}

/* ---- archives made here ---- */

/* A config for layers with these diff IDs. */
static char *config_of(const struct digest *diff_ids, size_t n)
{
	struct buf out = { 0 };

	buf_append_str(&out,
		       "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (size_t i = 0; i < n; i++)
		buf_appendf(&out, "%s\"%s\"", i ? "," : "", diff_ids[i].text);
	buf_append_str(&out, "]}}");
	return buf_take(&out);
}

static struct error *open_tar(struct place *p, struct buf *tar, struct source **ret_source)
{
	static const struct selector none = { .kind = SELECT_NONE };
	struct tarball *tarball = NULL;

	TRY(tarball_open(end_archive(tar), "x.tar", "/tmp", &tarball));
	return source_docker_tarball(tarball, &none, &p->options, ret_source);
}

static void layers_may_be_links_and_doubles(void **state)
{
	struct place *p = *state;
	struct digest diff_ids[2] = { sha256_of("layer", 5), sha256_of("layer", 5) };
	cleanup_free char *config = config_of(diff_ids, 2);
	cleanup_with(source_close) struct source *s = NULL;
	struct buf tar = { 0 };

	add_member(&tar, "id1/layer.tar", '2', "../real.tar", "", 0);
	add_member(&tar, "id2/layer.tar", '1', "real.tar", "", 0);
	add_file(&tar, "real.tar", "layer");
	add_file(&tar, "c.json", config);
	add_file(&tar, "manifest.json",
		 "[{\"Config\":\"c.json\",\"RepoTags\":null,\"Layers\":[\"id1/layer.tar\",\"./id2/layer.tar\"]}]");
	assert_ok(open_tar(p, &tar, &s));
	assert_int_equal(s->manifest->n_layers, 2);
	read_layers(s);
	/* One line for one blob. */
	assert_ok(s->start(s));
	assert_ptr_equal(strstr(strstr(p->said.data, "Copying blob") + 1, "Copying blob"), NULL);
}

static void compressed_layers_are_described_by_their_bytes(void **state)
{
	static const char gzip[] = "\x1f\x8b\x08rest", zstd[] = "\x28\xb5\x2f\xfdrest";
	struct place *p = *state;
	struct digest stored = sha256_of(zstd, strlen(zstd));
	struct digest diff_ids[2] = { sha256_of("plain 1", 7), sha256_of("plain 2", 7) };
	cleanup_free char *path = xasprintf("blobs/sha256/%s", digest_hex(&stored));
	cleanup_free char *config = config_of(diff_ids, 2);
	cleanup_free char *list = xasprintf("[{\"Config\":\"c.json\",\"Layers\":[\"1.tar.gz\",\"%s\"]}]", path);
	cleanup_with(source_close) struct source *s = NULL;
	struct buf tar = { 0 };

	add_file(&tar, "manifest.json", list);
	add_file(&tar, "1.tar.gz", gzip);
	add_file(&tar, path, zstd);
	add_file(&tar, "c.json", config);
	assert_ok(open_tar(p, &tar, &s));
	assert_string_equal(s->manifest->layers[0].media_type, OCI_MT_DOCKER_LAYER_GZIP);
	assert_string_equal(s->manifest->layers[1].media_type, OCI_MT_LAYER_ZSTD);
	assert_true(digest_eq(&s->manifest->layers[1].digest, &stored));
	read_layers(s);
}

static void broken_docker_archives_are_refused(void **state)
{
	static const struct {
		const char *manifest;
		enum error_kind kind;
		const char *wanted;
	} cases[] = {
		{ "nonsense", ERR_CORRUPT, "manifest.json is not valid JSON" },
		{ "{}", ERR_CORRUPT, "manifest.json lists no images" },
		{ "[]", ERR_CORRUPT, "manifest.json lists no images" },
		{ "[7]", ERR_CORRUPT, "manifest.json names no config" },
		{ "[{}]", ERR_CORRUPT, "manifest.json names no config" },
		{ "[{\"Config\":\"no.json\",\"Layers\":[\"l.tar\"]}]", ERR_NOT_FOUND, "file no.json not found in tar" },
		{ "[{\"Config\":\"l.tar\",\"Layers\":[\"l.tar\"]}]", ERR_CORRUPT, "not valid JSON" },
		{ "[{\"Config\":\"c.json\",\"Layers\":[\"no.tar\"]}]", ERR_NOT_FOUND, "file no.tar not found in tar" },
		{ "[{\"Config\":\"c.json\",\"Layers\":[1]}]", ERR_CORRUPT, "layer 0 is no text" },
		{ "[{\"Config\":\"c.json\",\"Layers\":\"l.tar\"}]", ERR_CORRUPT, "Layers is no list" },
		{ "[{\"Config\":\"c.json\",\"Layers\":[]}]", ERR_CORRUPT, "lists 0 layers, the config 1 diff IDs" },
		{ "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\",\"l.tar\"]}]", ERR_CORRUPT,
		  "lists 2 layers, the config 1" },
		{ "[{\"Config\":\"blobs/sha256/"
		  "0000000000000000000000000000000000000000000000000000000000000000\",\"Layers\":[\"l.tar\"]}]",
		  ERR_CORRUPT, "has the digest sha256:" },
	};
	struct place *p = *state;
	struct digest diff_id = sha256_of("layer", 5);
	cleanup_free char *config = config_of(&diff_id, 1);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct source *s = NULL;
		struct buf tar = { 0 };

		add_file(&tar, "l.tar", "layer");
		add_file(&tar, "c.json", config);
		add_file(&tar, "blobs/sha256/0000000000000000000000000000000000000000000000000000000000000000", config);
		add_file(&tar, "manifest.json", cases[i].manifest);
		assert_error(open_tar(p, &tar, &s), cases[i].kind, cases[i].wanted);
		assert_null(s);
	}
}

static void wrong_layer_is_noticed_when_read(void **state)
{
	struct place *p = *state;
	struct digest diff_id = sha256_of("layer", 5);
	cleanup_free char *config = config_of(&diff_id, 1);
	cleanup_with(source_close) struct source *s = NULL;
	cleanup_with(blob_reader_close) struct blob_reader *reader = NULL;
	cleanup_buf struct buf out = { 0 };
	struct buf tar = { 0 };

	add_file(&tar, "l.tar", "LAYER");
	add_file(&tar, "c.json", config);
	add_file(&tar, "manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]");
	assert_ok(open_tar(p, &tar, &s));
	assert_ok(s->open_blob(s, &s->manifest->layers[0], &reader));
	assert_error(blob_reader_read_all(reader, 100, "layer", &out), ERR_CORRUPT, "error verifying sha256 checksum");
	assert_error(s->open_blob(s, &s->manifest->config, &reader), ERR_NOT_FOUND, "is not in the archive");
}

static void existing_ocisif(void **state)
{
	struct place *p = *state;
	cleanup_with(source_close) struct source *s = open_source(p, "oci-sif:" FIXTURES "/images/layers-keep.sif");
	cleanup_with(source_close) struct source *plain = open_source(p, FIXTURES "/images/tiny.sif");

	assert_int_equal(s->manifest->n_layers, 4);
	assert_string_equal(s->manifest->layers[0].media_type, OCI_MT_SQUASHFS);
	assert_non_null(s->config);
	read_layers(s);
	read_layers(plain);
	assert_refused(p, ERR_SYSTEM, "open /nowhere.sif: no such file or directory", "oci-sif:/nowhere.sif");
	assert_refused(p, ERR_UNSUPPORTED, "", "oci-sif:" FIXTURES "/images/tiny-native.sif");
}

static void other_transports_are_refused(void **state)
{
	static const char *const uris[] = { "library://a/b", "shub://a/b",	"oras://a/b", "http://a/b",
					    "https://a/b",   "docker-daemon:a", "foo://a",    "instance://a" };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(uris); i++)
		assert_refused(p, ERR_UNSUPPORTED, "unsupported transport type: ", "%s", uris[i]);
}

static void platform_is_checked_by_the_config(void **state)
{
	struct place *p = *state;
	cleanup_with(source_close) struct source *foreign = open_source(p, "oci-archive:" INPUTS "/foreign.oci.tar");
	cleanup_with(source_close) struct source *none = open_source(p, "oci-archive:" INPUTS "/noplatform.oci.tar");

	assert_error(source_platform_check(foreign, &p->options), ERR_UNSUPPORTED,
		     "image (linux/arm64/v8) does not satisfy required platform (linux/amd64)");
	assert_int_equal(p->said.len, 0);
	assert_ok(source_platform_check(none, &p->options));
	assert_string_equal(p->said.data,
			    "-2 OCI image doesn't declare a platform. It may not be compatible with this system.|");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(layout_in_directory_and_archive),
		CASE(slashes_and_relative_paths),
		CASE(layout_selectors),
		CASE(odd_directory_names),
		CASE(missing_layouts_are_named),
		CASE(several_platforms),
		CASE(nested_index_is_resolved_by_platform),
		CASE(entry_without_platform_is_looked_up),
		CASE(hostile_layouts_are_refused),
		CASE(damaged_documents_are_noticed),
		CASE(docker_archives),
		CASE(docker_archive_selectors),
		CASE(tags_are_listed),
		CASE(kinds_of_archives_are_recognised),
		CASE(layers_may_be_links_and_doubles),
		CASE(compressed_layers_are_described_by_their_bytes),
		CASE(broken_docker_archives_are_refused),
		CASE(wrong_layer_is_noticed_when_read),
		CASE(existing_ocisif),
		CASE(other_transports_are_refused),
		CASE(platform_is_checked_by_the_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
