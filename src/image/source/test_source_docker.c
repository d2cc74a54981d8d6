/* SPDX-License-Identifier: BSD-3-Clause */
/* docker:// against a small registry in this process: documents, platforms, cache, downloads that readers follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/cache/cache.h"
#include "image/http/test_server.h"
#include "image/registry/registry_base64.h"
#include "image/source/source_docker.h"

#include "base/fs.h"
#include "base/io.h"
#include "base/sha256.h"
#include "base/test.h"

#include <inttypes.h>
#include <pthread.h>
#include <time.h>

enum { ITEMS_MAX = 64, SLOW_PIECES = 20 };

/* What a path answers. */
struct item {
	char *path, *media_type, *bytes;
	size_t size;
	atomic_uint n_gets;
};

struct shop {
	struct test_server *server;
	char *host, *dir;
	struct item items[ITEMS_MAX];
	size_t n_items;
	const char *slow_path; /* sent in pieces */
	bool no_digest;	       /* HEAD without Docker-Content-Digest */
	struct cache *cache;
	struct source_options options;
	struct buf said;
	pthread_mutex_t lock;
};

static struct item *find(struct shop *shop, const char *path)
{
	for (size_t i = 0; i < shop->n_items; i++)
		if (str_eq(shop->items[i].path, path))
			return &shop->items[i];
	return NULL;
}

static void send_item(struct shop *shop, int fd, const struct item *item, bool with_body)
{
	struct digest digest = sha256_of(item->bytes, item->size);

	test_writef(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\nContent-Type: %s\r\n",
		    item->size, item->media_type);
	if (!shop->no_digest)
		test_writef(fd, "Docker-Content-Digest: %s\r\n", digest.text);
	test_writef(fd, "\r\n");
	if (!with_body)
		return;
	if (!shop->slow_path || !str_eq(shop->slow_path, item->path)) {
		(void)test_write(fd, item->bytes, item->size);
		return;
	}
	for (size_t i = 0; i < SLOW_PIECES; i++) {
		size_t from = item->size * i / SLOW_PIECES;

		if (!test_write(fd, item->bytes + from, item->size * (i + 1) / SLOW_PIECES - from))
			return;
		(void)nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
}

static void handler(void *ctx, int fd, const struct test_request *request)
{
	struct shop *shop = ctx;
	struct item *item = find(shop, request->path);
	bool is_get = str_eq(request->method, "GET");

	if (str_eq(request->path, "/v2/")) {
		test_reply(fd, "200 OK", "", "{}");
	} else if (!item) {
		test_reply(fd, "404 Not Found", "",
			   "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"no such thing\"}]}");
	} else {
		if (is_get)
			atomic_fetch_add(&item->n_gets, 1);
		send_item(shop, fd, item, is_get);
	}
}

static void collect(void *ctx, enum log_level level, const char *text)
{
	struct shop *shop = ctx;

	(void)pthread_mutex_lock(&shop->lock);
	buf_appendf(&shop->said, "%s%s\n", level == LOG_WARNING ? "WARNING " : "", text);
	(void)pthread_mutex_unlock(&shop->lock);
}

static int open_shop(void **state)
{
	struct shop *shop = xcalloc(1, sizeof(*shop));

	(void)setenv("SINGULARITY_AUTHFILE", "/dev/null", 1);
	(void)unsetenv("DOCKER_AUTH_CONFIG");
	(void)pthread_mutex_init(&shop->lock, NULL);
	shop->server = test_server_start("127.0.0.1", handler, shop);
	shop->host = test_server_host(shop->server);
	assert_ok(fs_mkdtemp("/tmp", "test-docker-", &shop->dir));
	shop->options.platform.os = xstrdup("linux");
	shop->options.platform.architecture = xstrdup("amd64");
	shop->options.tmpdir = shop->dir;
	shop->options.sink = collect;
	shop->options.sink_ctx = shop;
	*state = shop;
	return 0;
}

static int close_shop(void **state)
{
	struct shop *shop = *state;

	test_server_stop(shop->server);
	for (size_t i = 0; i < shop->n_items; i++) {
		free(shop->items[i].path);
		free(shop->items[i].media_type);
		free(shop->items[i].bytes);
	}
	cache_close(shop->cache);
	assert_ok(fs_remove_tree(AT_FDCWD, shop->dir));
	oci_platform_clear(&shop->options.platform);
	buf_free(&shop->said);
	free(shop->host);
	free(shop->dir);
	free(shop);
	return 0;
}

static void use_cache(struct shop *shop)
{
	assert_ok(cache_open(shop->dir, &shop->cache));
}

/* Offers bytes under a path. */
static struct item *offer(struct shop *shop, char *path, const char *media_type, const char *bytes, size_t size)
{
	struct item *item = find(shop, path);

	if (item) {
		free(path);
		return item;
	}
	assert_true(shop->n_items < ITEMS_MAX);
	item = &shop->items[shop->n_items++];
	item->path = path;
	item->media_type = xstrdup(media_type);
	item->bytes = xmalloc(size + 1);
	memcpy(item->bytes, bytes, size);
	item->size = size;
	return item;
}

/* Offers a blob; returns its descriptor as JSON, caller frees. */
static char *offer_blob(struct shop *shop, const char *media_type, const char *bytes, size_t size)
{
	struct digest digest = sha256_of(bytes, size);

	(void)offer(shop, xasprintf("/v2/img/blobs/%s", digest.text), "application/octet-stream", bytes, size);
	return xasprintf("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", media_type, digest.text, size);
}

/* Offers a document under its digest, and under @tag unless NULL; returns its descriptor without the closing brace,
 * caller frees. */
static char *offer_manifest(struct shop *shop, const char *tag, const char *media_type, const char *text)
{
	struct digest digest = sha256_of(text, strlen(text));

	(void)offer(shop, xasprintf("/v2/img/manifests/%s", digest.text), media_type, text, strlen(text));
	if (tag)
		(void)offer(shop, xasprintf("/v2/img/manifests/%s", tag), media_type, text, strlen(text));
	return xasprintf("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu", media_type, digest.text, strlen(text));
}

static char *layer_text(unsigned int i, size_t size)
{
	char *text = xmalloc(size);

	for (size_t k = 0; k < size; k++)
		text[k] = (char)((k * 31 + i * 7 + (k >> 8)) & 0xff);
	return text;
}

/* An image of @n_layers layers of @size bytes for an architecture; NULL: a config that names no platform. */
static char *offer_image(struct shop *shop, const char *tag, const char *arch, unsigned int n_layers, size_t size)
{
	cleanup_free char *config =
		arch ? xasprintf("{\"architecture\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
				 "\"diff_ids\":[]}}",
				 arch)
		     : xstrdup("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
	cleanup_free char *config_desc = offer_blob(shop, OCI_MT_CONFIG, config, strlen(config));
	cleanup_buf struct buf manifest = { 0 };

	buf_appendf(&manifest, "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MT_MANIFEST "\",\"config\":%s,\"layers\":[",
		    config_desc);
	for (unsigned int i = 0; i < n_layers; i++) {
		cleanup_free char *bytes = layer_text(i, size + i);
		cleanup_free char *desc = offer_blob(shop, OCI_MT_LAYER_TAR, bytes, size + i);

		buf_appendf(&manifest, "%s%s", i ? "," : "", desc);
	}
	buf_append_str(&manifest, "]}");
	return offer_manifest(shop, tag, OCI_MT_MANIFEST, buf_str(&manifest));
}

static struct error *open_tag(struct shop *shop, const char *tag, struct source **ret_source)
{
	cleanup_free char *reference = xasprintf("//%s/img:%s", shop->host, tag);

	return source_docker_open(reference, &shop->options, shop->cache, ret_source);
}

static unsigned int n_gets(struct shop *shop, const char *kind)
{
	unsigned int n = 0;

	for (size_t i = 0; i < shop->n_items; i++)
		if (strstr(shop->items[i].path, kind))
			n += atomic_load(&shop->items[i].n_gets);
	return n;
}

/* Reads a whole blob and checks that it is what the descriptor says. */
static struct error *read_blob(struct source *s, const struct oci_desc *desc)
{
	cleanup_with(blob_reader_close) struct blob_reader *r = NULL;
	cleanup_with(sha256_free) struct sha256 *hash = sha256_new();
	uint64_t total = 0;
	char piece[777];
	size_t n;

	TRY(s->open_blob(s, desc, &r));
	do {
		TRY(r->read(r, piece, sizeof(piece), &n));
		sha256_update(hash, piece, n);
		total += n;
	} while (n > 0);

	struct digest got = sha256_digest(hash);

	assert_int_equal(total, desc->size);
	assert_true(digest_eq(&got, &desc->digest));
	return NULL;
}

static struct error *read_all(struct source *s)
{
	for (size_t i = s->manifest->n_layers; i-- > 0;)
		TRY(read_blob(s, &s->manifest->layers[i]));
	return NULL;
}

static char *expected_lines(const struct source *s)
{
	cleanup_buf struct buf lines = { 0 };

	buf_append_str(&lines, "Getting image source signatures\n");
	for (size_t i = 0; i < s->manifest->n_layers; i++)
		buf_appendf(&lines, "Copying blob %.12s done  \n", digest_hex(&s->manifest->layers[i].digest));
	buf_appendf(&lines, "Copying config %.10s done  \n", digest_hex(&s->manifest->config.digest));
	buf_append_str(&lines, "Writing manifest to image destination\n");
	return buf_take(&lines);
}

static void an_image_is_fetched(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *desc = offer_image(shop, "v1", "amd64", 6, 50000);
	cleanup_with(source_close) struct source *s = NULL;

	assert_ok(open_tag(shop, "v1", &s));
	assert_string_equal(s->manifest_media_type, OCI_MT_MANIFEST);
	assert_non_null(strstr(desc, s->manifest_digest.text));
	assert_string_equal(s->config->architecture, "amd64");
	assert_int_equal(n_gets(shop, "/manifests/"), 1);
	assert_int_equal(n_gets(shop, "/blobs/"), 1);
	assert_string_equal(buf_str(&shop->said), "");
	assert_ok(s->start(s));
	assert_ok(read_all(s));
	assert_ok(read_all(s)); /* again: from what is there */
	assert_int_equal(n_gets(shop, "/blobs/"), 7);

	cleanup_free char *lines = expected_lines(s);

	assert_string_equal(buf_str(&shop->said), lines);
}

static void an_image_without_layers_has_its_lines(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *desc = offer_image(shop, "v1", "amd64", 0, 0);
	cleanup_with(source_close) struct source *s = NULL;

	assert_ok(open_tag(shop, "v1", &s));
	assert_ok(s->start(s));

	cleanup_free char *lines = expected_lines(s);

	assert_string_equal(buf_str(&shop->said), lines);
	assert_ok(read_blob(s, &s->manifest->config));
}

static void readers_follow_what_arrives(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *desc = offer_image(shop, "v1", "amd64", 1, 100000);
	cleanup_with(source_close) struct source *s = NULL;
	cleanup_with(blob_reader_close) struct blob_reader *r = NULL;
	char piece[1000];
	size_t n = 0;

	assert_ok(open_tag(shop, "v1", &s));
	cleanup_free char *path = xasprintf("/v2/img/blobs/%s", s->manifest->layers[0].digest.text);

	shop->slow_path = path;
	assert_ok(s->start(s));
	assert_ok(s->open_blob(s, &s->manifest->layers[0], &r));
	assert_ok(r->read(r, piece, sizeof(piece), &n));
	assert_true(n > 0);
	/* The beginning is here, the end is not: nothing was said of the layer. */
	assert_null(strstr(buf_str(&shop->said), "Copying blob"));
	assert_ok(read_all(s));
}

static void documents_and_blobs_are_cached(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *desc = offer_image(shop, "v1", "amd64", 3, 5000);
	cleanup_with(source_close) struct source *first = NULL;
	cleanup_with(source_close) struct source *second = NULL;
	unsigned int before;

	use_cache(shop);
	assert_ok(open_tag(shop, "v1", &first));
	assert_ok(first->start(first));
	assert_ok(read_all(first));
	source_close(take_ptr(&first));
	before = n_gets(shop, "/v2/img/");
	assert_int_equal(before, 5);
	assert_ok(open_tag(shop, "v1", &second));
	assert_ok(second->start(second));
	assert_ok(read_all(second));
	assert_int_equal(n_gets(shop, "/v2/img/"), before);
}

/* Overwrites the file of a cached blob with @bytes. */
static void damage(struct shop *shop, const struct digest *digest, const char *bytes)
{
	cleanup_free char *path = xasprintf("%s/cache/blob/blobs/sha256/%s", shop->dir, digest_hex(digest));

	assert_ok(fs_write_file(AT_FDCWD, path, bytes, strlen(bytes), 0600, false));
}

static void damaged_entries_are_fetched_again(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *desc = offer_image(shop, "v1", "amd64", 2, 5000);
	cleanup_with(source_close) struct source *first = NULL;
	cleanup_with(source_close) struct source *second = NULL;
	cleanup_with(source_close) struct source *third = NULL;

	use_cache(shop);
	assert_ok(open_tag(shop, "v1", &first));
	assert_ok(first->start(first));
	assert_ok(read_all(first));
	damage(shop, &first->manifest->layers[0].digest, "garbage");
	damage(shop, &first->manifest->config.digest, "{}");
	damage(shop, &first->manifest_digest, "{}");
	assert_ok(open_tag(shop, "v1", &second));
	assert_ok(second->start(second));
	assert_ok(read_all(second));
	assert_int_equal(n_gets(shop, "/v2/img/"), 4 + 3);
	assert_ok(open_tag(shop, "v1", &third));
	assert_ok(third->start(third));
	assert_ok(read_all(third));
	assert_int_equal(n_gets(shop, "/v2/img/"), 4 + 3);
}

static void no_digest_is_no_obstacle(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *desc = offer_image(shop, "v1", "amd64", 1, 10);
	cleanup_free char *wanted = xasprintf(
		"WARNING Couldn't use cached digest for registry: HEAD http://%s/v2/img/manifests/v1: response "
		"did not include Docker-Content-Digest header\nWARNING Falling back to direct digest.\n",
		shop->host);
	cleanup_with(source_close) struct source *s = NULL;

	use_cache(shop);
	shop->no_digest = true;
	assert_ok(open_tag(shop, "v1", &s));
	assert_string_equal(buf_str(&shop->said), wanted);
}

static void platforms_are_chosen(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *amd = offer_image(shop, NULL, "amd64", 1, 10);
	cleanup_free char *arm = offer_image(shop, NULL, "arm64", 2, 10);
	cleanup_free char *index =
		xasprintf("{\"schemaVersion\":2,\"manifests\":[%s,\"platform\":{\"architecture\":\"unknown\",\"os\":"
			  "\"unknown\"}},%s,\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\"}},%s,"
			  "\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}}]}",
			  arm, arm, amd);
	cleanup_free char *ignored = offer_manifest(shop, "multi", OCI_MT_INDEX, index);
	cleanup_free char *inner =
		xasprintf("{\"schemaVersion\":2,\"manifests\":[%s,\"platform\":{\"architecture\":\"amd64\",\"os\":"
			  "\"linux\"}}]}",
			  ignored);
	cleanup_free char *nested = offer_manifest(shop, "nested", OCI_MT_DOCKER_LIST, inner);
	cleanup_with(source_close) struct source *s = NULL;

	assert_ok(open_tag(shop, "multi", &s));
	assert_int_equal(s->manifest->n_layers, 1);
	assert_int_equal(n_gets(shop, "/manifests/"), 2);
	source_close(take_ptr(&s));
	assert_ok(open_tag(shop, "nested", &s));
	assert_int_equal(s->manifest->n_layers, 1);
	source_close(take_ptr(&s));
	free(shop->options.platform.architecture);
	shop->options.platform.architecture = xstrdup("s390x");
	struct error *err = open_tag(shop, "multi", &s);

	assert_non_null(err);
	assert_string_equal(error_hint_text(err), "the image index offers linux/arm64, linux/amd64");
	assert_error(err, ERR_NOT_FOUND, "no image satisfies requested platform: linux/s390x");
}

static void silent_entries_are_looked_into(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *amd = offer_image(shop, NULL, "amd64", 1, 10);
	cleanup_free char *arm = offer_image(shop, NULL, "arm64", 2, 10);
	cleanup_free char *index = xasprintf("{\"schemaVersion\":2,\"manifests\":[%s},%s}]}", arm, amd);
	cleanup_free char *desc = offer_manifest(shop, "silent", OCI_MT_INDEX, index);
	cleanup_with(source_close) struct source *s = NULL;

	assert_ok(open_tag(shop, "silent", &s));
	assert_int_equal(s->manifest->n_layers, 1);
	source_close(take_ptr(&s));
	free(shop->options.platform.architecture);
	shop->options.platform.architecture = xstrdup("s390x");
	assert_error(open_tag(shop, "silent", &s), ERR_NOT_FOUND, "no image satisfies");
}

static void endless_nesting_ends(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *desc = offer_image(shop, NULL, "amd64", 1, 10);
	cleanup_with(source_close) struct source *s = NULL;

	for (int i = 0; i < 8; i++) {
		cleanup_free char *index =
			xasprintf("{\"schemaVersion\":2,\"manifests\":[%s,\"platform\":{\"architecture\":\"amd64\","
				  "\"os\":\"linux\"}}]}",
				  desc);

		free(desc);
		desc = offer_manifest(shop, i == 7 ? "deep" : NULL, OCI_MT_INDEX, index);
	}
	assert_error(open_tag(shop, "deep", &s), ERR_LIMIT, "nested more than");
}

static void odd_manifests_are_refused(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *image = offer_image(shop, "image", "amd64", 1, 10);
	const struct item *good = &shop->items[shop->n_items - 1]; /* what was offered last: the tag */
	cleanup_free char *good_text = xstrndup(good->bytes, good->size);
	static const char index[] = "{\"schemaVersion\":2,\"manifests\":[]}";
	const struct {
		const char *tag, *media_type, *text, *wanted;
		enum error_kind kind;
	} cases[] = {
		{ "schema1", "application/vnd.docker.distribution.manifest.v1+prettyjws", "{\"schemaVersion\":1}",
		  "unsupported MediaType: \"application/vnd.docker.distribution.manifest.v1+prettyjws\"",
		  ERR_UNSUPPORTED },
		{ "confused", OCI_MT_INDEX, good_text, "is served as", ERR_CORRUPT },
		{ "confused2", OCI_MT_MANIFEST, index, "is served as", ERR_CORRUPT },
		{ "both", "application/json", "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[],\"config\":{}}",
		  "both an index and a manifest", ERR_CORRUPT },
		{ "text", OCI_MT_MANIFEST, "hello", "manifest", ERR_CORRUPT },
		{ "empty", OCI_MT_INDEX, index, "no image satisfies", ERR_NOT_FOUND },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_free char *desc = offer_manifest(shop, cases[i].tag, cases[i].media_type, cases[i].text);
		cleanup_with(source_close) struct source *s = NULL;

		assert_error(open_tag(shop, cases[i].tag, &s), cases[i].kind, cases[i].wanted);
	}
	/* A type that is none is no lie. */
	cleanup_free char *path = xasprintf("/v2/img/manifests/plain");
	cleanup_with(source_close) struct source *s = NULL;

	(void)offer(shop, take_ptr(&path), "text/plain", good->bytes, good->size);
	assert_ok(open_tag(shop, "plain", &s));
	assert_string_equal(s->manifest_media_type, OCI_MT_MANIFEST);
}

static void huge_documents_are_refused(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *huge = xmalloc(OCI_MANIFEST_MAX + 2);
	cleanup_with(source_close) struct source *s = NULL;
	static const char config[] =
		"{\"schemaVersion\":2,\"layers\":[],\"config\":{\"mediaType\":\"" OCI_MT_CONFIG
		"\",\"size\":99999999999,"
		"\"digest\":\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"}}";

	memset(huge, ' ', OCI_MANIFEST_MAX + 1);
	(void)offer(shop, xstrdup("/v2/img/manifests/huge"), OCI_MT_MANIFEST, huge, OCI_MANIFEST_MAX + 1);
	assert_error(open_tag(shop, "huge", &s), ERR_LIMIT, "larger than");
	(void)offer(shop, xstrdup("/v2/img/manifests/config"), OCI_MT_MANIFEST, config, sizeof(config) - 1);
	assert_error(open_tag(shop, "config", &s), ERR_LIMIT, "image config has 99999999999 bytes");
}

/* A manifest whose single layer is given as a descriptor. */
static void offer_with_layer(struct shop *shop, const char *tag, const char *layer)
{
	static const char config[] = "{\"architecture\":\"amd64\",\"os\":\"linux\"}";
	cleanup_free char *config_desc = offer_blob(shop, OCI_MT_CONFIG, config, sizeof(config) - 1);
	cleanup_free char *text = xasprintf("{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}", config_desc, layer);

	free(offer_manifest(shop, tag, OCI_MT_MANIFEST, text));
}

static struct error *fetch_tag(struct shop *shop, const char *tag)
{
	cleanup_with(source_close) struct source *s = NULL;

	TRY(open_tag(shop, tag, &s));
	TRY(s->start(s));
	return read_all(s);
}

static void embedded_blobs_are_used(void **state)
{
	struct shop *shop = *state;
	struct digest digest = sha256_of("hello", 5);
	cleanup_free char *right = base64_encode("hello", 5);
	cleanup_free char *wrong = base64_encode("hallo", 5);
	const char *const data[] = { right, wrong, "%%" };

	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		static const char *const tags[] = { "right", "wrong", "junk" };
		cleanup_free char *layer = xasprintf("{\"mediaType\":\"" OCI_MT_LAYER_TAR
						     "\",\"digest\":\"%s\",\"size\":5,\"data\":\"%s\"}",
						     digest.text, data[i]);

		offer_with_layer(shop, tags[i], layer);
	}
	assert_ok(fetch_tag(shop, "right"));
	assert_error(fetch_tag(shop, "wrong"), ERR_CORRUPT, "is something else");
	assert_error(fetch_tag(shop, "junk"), ERR_CORRUPT, "not Base64");
}

static void bad_blobs_fail_their_readers(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *layer = offer_blob(shop, OCI_MT_LAYER_TAR, "good bytes", 10);
	struct item *item = &shop->items[shop->n_items - 1];

	item->bytes[0] = 'f';
	offer_with_layer(shop, "bad", layer);
	offer_with_layer(shop, "gone",
			 "{\"mediaType\":\"" OCI_MT_LAYER_TAR "\",\"size\":5,"
			 "\"digest\":\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"}");
	assert_error(fetch_tag(shop, "bad"), ERR_CORRUPT, "error verifying sha256 checksum after reading 10 bytes");
	assert_error(fetch_tag(shop, "gone"), ERR_NOT_FOUND, "UNKNOWN: no such thing");
	assert_null(strstr(buf_str(&shop->said), "Writing manifest"));
	use_cache(shop);
	assert_error(fetch_tag(shop, "bad"), ERR_CORRUPT, "error verifying sha256 checksum");

	/* Nothing of it stays in the cache. */
	struct digest digest = sha256_of("good bytes", 10);
	int fd = -EBADF;

	assert_ok(cache_find_blob(shop->cache, &digest, &fd));
	assert_true(fd < 0);
}

static void a_layer_listed_twice_is_fetched_once(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *layer = offer_blob(shop, OCI_MT_LAYER_TAR, "good bytes", 10);
	struct item *item = &shop->items[shop->n_items - 1];
	cleanup_free char *twice = xasprintf("%s,%s", layer, layer);
	struct digest digest = sha256_of("good bytes", 10);
	cleanup_free char *lie = xasprintf("%s,{\"mediaType\":\"" OCI_MT_LAYER_TAR "\",\"size\":5,\"digest\":\"%s\"}",
					   layer, digest.text);

	offer_with_layer(shop, "twice", twice);
	offer_with_layer(shop, "lie", lie);
	assert_ok(fetch_tag(shop, "twice"));
	assert_int_equal(item->n_gets, 1);
	assert_error(fetch_tag(shop, "lie"), ERR_CORRUPT, "is listed with 10 and with 5 bytes");
}

static void closing_does_not_wait_for_slow_peers(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *desc = offer_image(shop, "v1", "amd64", 1, 1000000);
	cleanup_with(source_close) struct source *s = NULL;
	struct timespec before, after;

	use_cache(shop);
	assert_ok(open_tag(shop, "v1", &s));
	cleanup_free char *path = xasprintf("/v2/img/blobs/%s", s->manifest->layers[0].digest.text);

	shop->slow_path = path;
	assert_ok(s->start(s));
	(void)nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	source_close(take_ptr(&s));
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 < 200);
}

struct puller {
	struct shop *shop;
	struct error *err;
	pthread_t thread;
};

static void *pull(void *ctx)
{
	struct puller *p = ctx;
	cleanup_with(cache_close) struct cache *cache = NULL;
	cleanup_with(source_close) struct source *s = NULL;
	cleanup_free char *reference = xasprintf("//%s/img:v1", p->shop->host);

	p->err = cache_open(p->shop->dir, &cache);
	if (!p->err)
		p->err = source_docker_open(reference, &p->shop->options, cache, &s);
	if (!p->err)
		p->err = s->start(s);
	if (!p->err)
		p->err = read_all(s);
	return NULL;
}

static void many_at_once_fetch_once(void **state)
{
	struct shop *shop = *state;
	cleanup_free char *desc = offer_image(shop, "v1", "amd64", 5, 30000);
	struct puller pullers[8] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(pullers); i++) {
		pullers[i].shop = shop;
		assert_int_equal(pthread_create(&pullers[i].thread, NULL, pull, &pullers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(pullers); i++) {
		assert_int_equal(pthread_join(pullers[i].thread, NULL), 0);
		assert_ok(pullers[i].err);
	}
	assert_int_equal(n_gets(shop, "/blobs/"), 6);
	assert_int_equal(n_gets(shop, "/manifests/"), 1);
}

static void bad_references_are_refused(void **state)
{
	struct shop *shop = *state;
	struct source *s = NULL;

	assert_error(source_docker_open("//127.0.0.1:5000/UPPER:v1", &shop->options, NULL, &s), ERR_USAGE,
		     "could not parse reference: 127.0.0.1:5000/UPPER:v1");
	assert_int_equal(test_server_requests(shop->server), 0);
}

#define IN_SHOP(f) cmocka_unit_test_setup_teardown(f, open_shop, close_shop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SHOP(an_image_is_fetched),
		IN_SHOP(an_image_without_layers_has_its_lines),
		IN_SHOP(readers_follow_what_arrives),
		IN_SHOP(documents_and_blobs_are_cached),
		IN_SHOP(damaged_entries_are_fetched_again),
		IN_SHOP(no_digest_is_no_obstacle),
		IN_SHOP(platforms_are_chosen),
		IN_SHOP(silent_entries_are_looked_into),
		IN_SHOP(endless_nesting_ends),
		IN_SHOP(odd_manifests_are_refused),
		IN_SHOP(huge_documents_are_refused),
		IN_SHOP(embedded_blobs_are_used),
		IN_SHOP(bad_blobs_fail_their_readers),
		IN_SHOP(a_layer_listed_twice_is_fetched_once),
		IN_SHOP(closing_does_not_wait_for_slow_peers),
		IN_SHOP(many_at_once_fetch_once),
		IN_SHOP(bad_references_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
