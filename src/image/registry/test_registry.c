/* SPDX-License-Identifier: BSD-3-Clause */
/* The client against a scripted registry: pings, tokens, manifests, blobs that break off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/http/test_server.h"
#include "image/registry/registry.h"
#include "image/registry/registry_error.h"

#include "base/num.h"
#include "base/sha256.h"
#include "base/test.h"

#include <pthread.h>
#include <stdio.h>

enum { BLOB_SIZE = 200000 };

/* What the registry does; tests set what they need. */
struct script {
	struct test_server *server, *storage; /* the storage is another host */
	char *host;
	const char *challenge;	   /* WWW-Authenticate of a 401; %s is the registry's host */
	const char *wants;	   /* the Authorization that is let through; NULL: none needed */
	const char *token_body;	   /* answer of the token service */
	const char *token_wants;   /* Authorization that the token service lets through, or NULL */
	const char *token_rejects; /* Authorization that it refuses, or NULL */
	const char *post_body;	   /* answer to a POST for a token; NULL: 404 */
	int ping_status;
	atomic_uint n_tokens, n_blob_gets, n_ranges;
	char *token_path, *token_authorization, *token_form; /* of the last token request */
	char *storage_authorization;
	char *media_type, *manifest, *stated_digest;
	char *accept; /* of the last manifest request */
	char *blob;
	struct digest digest;
	enum blob_behaviour {
		BLOB_PLAIN,
		BLOB_CUT,
		BLOB_CUT_NO_RANGES,
		BLOB_CUT_WRONG_RANGE,
		BLOB_CUT_416,
		BLOB_WRONG_BYTES,
		BLOB_TOO_LONG,
		BLOB_SHORT,
		BLOB_WRONG_LENGTH,
		BLOB_MISSING,
		BLOB_REDIRECT,
		BLOB_503_ONCE,
	} behaviour;
	atomic_bool tripped; /* the one-time misbehaviour has happened */
	pthread_mutex_t lock;
};

static void keep(char **where, char *value)
{
	free(*where);
	*where = value;
}

static void send_token(struct script *s, int fd, const struct test_request *request)
{
	cleanup_free char *authorization = test_header(request, "authorization");

	atomic_fetch_add(&s->n_tokens, 1);
	keep(&s->token_path, xstrdup(request->path));
	keep(&s->token_authorization, authorization ? xstrdup(authorization) : NULL);
	if (str_eq(request->method, "POST")) {
		keep(&s->token_form, xstrdup(request->body));
		test_reply(fd, s->post_body ? "200 OK" : "404 Not Found", "", s->post_body ? s->post_body : "");
	} else if (s->token_rejects && authorization && str_eq(authorization, s->token_rejects)) {
		test_reply(fd, "403 Forbidden", "", "stale");
	} else if (s->token_wants && (!authorization || !str_eq(authorization, s->token_wants))) {
		test_reply(fd, "401 Unauthorized", "",
			   "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"bad password\"}]}");
	} else {
		test_reply(fd, "200 OK", "", s->token_body);
	}
}

static void send_manifest(struct script *s, int fd, const struct test_request *request)
{
	cleanup_buf struct buf headers = { 0 };

	keep(&s->accept, test_header(request, "accept"));
	if (!s->manifest) {
		test_reply(fd, "404 Not Found", "",
			   "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\","
			   "\"detail\":{\"Tag\":\"v1\"}}]}");
		return;
	}
	if (s->media_type)
		buf_appendf(&headers, "Content-Type: %s\r\n", s->media_type);
	if (s->stated_digest)
		buf_appendf(&headers, "Docker-Content-Digest: %s\r\n", s->stated_digest);
	test_reply(fd, "200 OK", buf_str(&headers), str_eq(request->method, "HEAD") ? "" : s->manifest);
}

static uint64_t range_of(const struct test_request *request)
{
	cleanup_free char *range = test_header(request, "range");
	uint64_t start = 0;

	if (range && str_after(range, "bytes=")) {
		cleanup_free char *number = xstrndup(range + 6, strcspn(range + 6, "-"));

		assert_true(num_parse_u64(number, UINT64_MAX, &start));
	}
	return start;
}

/* An answer from @start on that claims all of it but stops after @send bytes. */
static void send_part(const struct script *s, int fd, uint64_t start, uint64_t send)
{
	if (start > 0)
		test_writef(fd, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %u-%u/%u\r\n",
			    (unsigned int)start, BLOB_SIZE - 1, BLOB_SIZE);
	else
		test_writef(fd, "HTTP/1.1 200 OK\r\n");
	test_writef(fd, "Content-Length: %u\r\nConnection: close\r\n\r\n", BLOB_SIZE - (unsigned int)start);
	(void)test_write(fd, s->blob + start, send < BLOB_SIZE - start ? send : BLOB_SIZE - start);
}

static void send_cut(struct script *s, int fd, const struct test_request *request)
{
	uint64_t start = range_of(request);

	if (!atomic_exchange(&s->tripped, true)) {
		send_part(s, fd, 0, BLOB_SIZE / 2);
		return;
	}
	if (start > 0)
		atomic_fetch_add(&s->n_ranges, 1);
	if (s->behaviour == BLOB_CUT_NO_RANGES)
		start = 0;
	if (start > 0 && s->behaviour == BLOB_CUT_416)
		test_reply(fd, "416 Requested Range Not Satisfiable", "", "");
	else if (start > 0 && s->behaviour == BLOB_CUT_WRONG_RANGE)
		send_part(s, fd, start - 10, BLOB_SIZE);
	else
		send_part(s, fd, start, BLOB_SIZE);
}

static void send_blob(struct script *s, int fd, const struct test_request *request)
{
	cleanup_free char *location = NULL;

	atomic_fetch_add(&s->n_blob_gets, 1);
	switch (s->behaviour) {
	case BLOB_PLAIN:
		send_part(s, fd, range_of(request), BLOB_SIZE);
		break;
	case BLOB_CUT:
	case BLOB_CUT_NO_RANGES:
	case BLOB_CUT_WRONG_RANGE:
	case BLOB_CUT_416:
		send_cut(s, fd, request);
		break;
	case BLOB_WRONG_BYTES:
		s->blob[BLOB_SIZE / 3] ^= 1;
		send_part(s, fd, 0, BLOB_SIZE);
		s->blob[BLOB_SIZE / 3] ^= 1;
		break;
	case BLOB_TOO_LONG: /* without a length, so that only counting helps */
		test_writef(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		for (int i = 0; i < 1000 && test_write(fd, s->blob, BLOB_SIZE); i++)
			;
		break;
	case BLOB_SHORT:
		test_writef(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		(void)test_write(fd, s->blob, 1000);
		break;
	case BLOB_WRONG_LENGTH:
		test_reply(fd, "200 OK", "", "this is something else");
		break;
	case BLOB_MISSING:
		test_reply(fd, "404 Not Found", "", "<html><head><title>No\x1b[1m such\npage</title></head></html>");
		break;
	case BLOB_REDIRECT:
		location = test_server_url(s->storage, "/presigned?sig=secret");
		test_writef(fd, "HTTP/1.1 307 Temporary Redirect\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
			    location);
		break;
	case BLOB_503_ONCE:
		if (!atomic_exchange(&s->tripped, true))
			test_reply(fd, "503 Service Unavailable", "", "");
		else
			send_part(s, fd, 0, BLOB_SIZE);
		break;
	}
}

static void registry_handler(void *ctx, int fd, const struct test_request *request)
{
	struct script *s = ctx;
	cleanup_free char *authorization = test_header(request, "authorization");
	cleanup_free char *challenge = NULL;

	(void)pthread_mutex_lock(&s->lock);
	if (s->challenge) {
		challenge = xstrdup(s->challenge);
		char *mark = strstr(challenge, "HOST");

		if (mark) {
			cleanup_free char *head = xstrndup(challenge, (size_t)(mark - challenge));

			keep(&challenge, xasprintf("%s%s%s", head, s->host, mark + 4));
		}
	}
	if (str_starts(request->path, "/token")) {
		send_token(s, fd, request);
	} else if (str_eq(request->path, "/v2/")) {
		cleanup_free char *headers = challenge ? xasprintf("WWW-Authenticate: %s\r\n", challenge) : xstrdup("");

		test_reply(fd,
			   s->ping_status == 404 ? "404 Not Found"
			   : challenge		 ? "401 Unauthorized"
						 : "200 OK",
			   headers, "{}");
	} else if (s->wants && (!authorization || !str_eq(authorization, s->wants))) {
		cleanup_free char *headers = challenge ? xasprintf("WWW-Authenticate: %s\r\n", challenge) : xstrdup("");

		test_reply(fd, "401 Unauthorized", headers,
			   "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication "
			   "required\",\"detail\":[{\"Type\":\"repository\",\"Action\":\"pull\"}]}]}");
	} else if (str_starts(request->path, "/v2/r/manifests/")) {
		send_manifest(s, fd, request);
	} else {
		(void)pthread_mutex_unlock(&s->lock);
		send_blob(s, fd, request);
		return;
	}
	(void)pthread_mutex_unlock(&s->lock);
}

static void storage_handler(void *ctx, int fd, const struct test_request *request)
{
	struct script *s = ctx;

	keep(&s->storage_authorization, test_header(request, "authorization"));
	send_part(s, fd, range_of(request), BLOB_SIZE);
}

static int make_script(void **state)
{
	struct script *s = xcalloc(1, sizeof(*s));

	(void)unsetenv("DOCKER_AUTH_CONFIG");
	(void)setenv("SINGULARITY_AUTHFILE", "/dev/null", 1);
	(void)pthread_mutex_init(&s->lock, NULL);
	s->blob = xmalloc(BLOB_SIZE);
	for (uint32_t i = 0, x = 1; i < BLOB_SIZE; i++) {
		x = x * 1664525 + 1013904223;
		s->blob[i] = (char)(x >> 24);
	}
	s->digest = sha256_of(s->blob, BLOB_SIZE);
	s->token_body = "{\"token\":\"tok\"}";
	s->server = test_server_start("127.0.0.1", registry_handler, s);
	s->storage = test_server_start("127.0.0.2", storage_handler, s);
	s->host = test_server_host(s->server);
	*state = s;
	return 0;
}

static int drop_script(void **state)
{
	struct script *s = *state;
	char *const texts[] = {
		s->host,       s->token_path, s->token_authorization, s->token_form, s->storage_authorization,
		s->media_type, s->manifest,   s->stated_digest,	      s->accept,     s->blob
	};

	test_server_stop(s->server);
	test_server_stop(s->storage);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	free(s);
	return 0;
}

static void collect(void *ctx, enum log_level level, const char *text)
{
	(void)level;
	buf_appendf(ctx, "%s\n", text);
}

static struct error *open_as(const struct script *s, const char *user, const char *password, const char *authfile,
			     struct buf *said, struct registry **ret_registry)
{
	const struct registry_options options = {
		.registry = s->host,
		.repository = "r",
		.username = user,
		.password = password,
		.authfile = authfile,
		.http = { .retry_base_ms = 1, .connect_timeout_s = 2 },
		.sink = said ? collect : NULL,
		.sink_ctx = said,
	};

	return registry_open(&options, ret_registry);
}

static struct error *get_manifest(struct registry *r, const char *reference, struct registry_document *document)
{
	registry_document_clear(document);
	return registry_get_manifest(r, reference, NULL, 4096, document);
}

static void pings_decide(void **state)
{
	struct script *s = *state;
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_free char *wanted = xasprintf("; GET http://%s/v2/: unexpected status code 404", s->host);

	assert_ok(open_as(s, NULL, NULL, NULL, NULL, &r));
	s->ping_status = 404;
	assert_error(open_as(s, NULL, NULL, NULL, NULL, &r), ERR_NETWORK, wanted);
}

static void manifests_are_checked(void **state)
{
	struct script *s = *state;
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_registry_document struct registry_document m = { 0 };
	struct digest digest = sha256_of("{}", 2);
	struct digest other = sha256_of("x", 1);
	cleanup_free char *missing =
		xasprintf("GET http://%s/v2/r/manifests/v1: MANIFEST_UNKNOWN: manifest unknown; map[Tag:v1]", s->host);

	assert_ok(open_as(s, NULL, NULL, NULL, NULL, &r));
	assert_error(get_manifest(r, "v1", &m), ERR_NOT_FOUND, missing);
	s->manifest = xstrdup("{}");
	s->media_type = xstrdup("application/x; charset=utf-8");
	assert_ok(get_manifest(r, "v1", &m));
	assert_string_equal(buf_str(&m.bytes), "{}");
	assert_string_equal(m.media_type, "application/x");
	assert_true(digest_eq(&m.digest, &digest));
	assert_string_equal(s->accept, registry_accept_any);
	assert_ok(get_manifest(r, digest.text, &m));
	assert_error(get_manifest(r, other.text, &m), ERR_CORRUPT, "does not match requested digest");
	s->stated_digest = xstrdup(digest.text);
	assert_ok(get_manifest(r, "v1", &m));
	keep(&s->stated_digest, xstrdup(other.text));
	assert_error(get_manifest(r, "v1", &m), ERR_CORRUPT, "does not match Docker-Content-Digest");
	registry_document_clear(&m);
	assert_error(registry_get_manifest(r, "v1", "a/b", 1, &m), ERR_LIMIT, "larger than 1 bytes");
	assert_string_equal(s->accept, "a/b");
}

static void heads_need_a_digest(void **state)
{
	struct script *s = *state;
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_free char *media_type = NULL;
	cleanup_free char *missing =
		xasprintf("HEAD http://%s/v2/r/manifests/v1: unexpected status code 404 Not Found (HEAD responses "
			  "have no body, use GET for details)",
			  s->host);
	struct digest digest = { 0 };
	struct digest real = sha256_of("{}", 2);

	assert_ok(open_as(s, NULL, NULL, NULL, NULL, &r));
	assert_error(registry_head_manifest(r, "v1", &digest, &media_type), ERR_NOT_FOUND, missing);
	s->manifest = xstrdup("{}");
	assert_error(registry_head_manifest(r, "v1", &digest, &media_type), ERR_NETWORK,
		     "did not include Docker-Content-Digest");
	s->stated_digest = xstrdup("sha512:abc");
	assert_error(registry_head_manifest(r, "v1", &digest, &media_type), ERR_NETWORK, "bad Docker-Content-Digest");
	keep(&s->stated_digest, xstrdup(real.text));
	assert_error(registry_head_manifest(r, "v1", &digest, &media_type), ERR_NETWORK,
		     "did not include Content-Type");
	s->media_type = xstrdup("a/b");
	assert_ok(registry_head_manifest(r, "v1", &digest, &media_type));
	assert_true(digest_eq(&digest, &real));
	assert_string_equal(media_type, "a/b");
}

static void tokens_are_fetched_once(void **state)
{
	struct script *s = *state;
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_registry_document struct registry_document m = { 0 };

	s->challenge = "Bearer realm=\"http://HOST/token\",service=\"the service\"";
	s->wants = "Bearer tok";
	s->manifest = xstrdup("{}");
	assert_ok(open_as(s, NULL, NULL, NULL, NULL, &r));
	assert_ok(get_manifest(r, "v1", &m));
	assert_ok(get_manifest(r, "v2", &m));
	assert_int_equal(s->n_tokens, 1);
	assert_string_equal(s->token_path, "/token?service=the%20service&scope=repository%3Ar%3Apull");
	assert_null(s->token_authorization);
}

static void passwords_go_to_the_realm_alone(void **state)
{
	struct script *s = *state;
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_registry_document struct registry_document m = { 0 };

	s->challenge = "Bearer realm=\"http://HOST/token?x=y\"";
	s->wants = "Bearer at";
	s->token_wants = "Basic dTpw";
	s->token_body = "{\"token\":\"tok\",\"access_token\":\"at\",\"expires_in\":300}";
	s->manifest = xstrdup("{}");
	assert_ok(open_as(s, "u", "p", NULL, NULL, &r));
	assert_ok(get_manifest(r, "v1", &m));
	assert_string_equal(s->token_path, "/token?x=y&scope=repository%3Ar%3Apull");
	registry_close(take_ptr(&r));
	assert_ok(open_as(s, "u", "wrong", NULL, NULL, &r));
	assert_error(get_manifest(r, "v1", &m), ERR_DENIED, "UNAUTHORIZED: bad password");
	registry_close(take_ptr(&r));
	/* A name without a password is nobody. */
	s->token_wants = NULL;
	assert_ok(open_as(s, "u", NULL, NULL, NULL, &r));
	assert_ok(get_manifest(r, "v1", &m));
	assert_null(s->token_authorization);
}

static void bad_token_answers_are_errors(void **state)
{
	static const struct {
		const char *body, *wanted;
		enum error_kind kind;
	} cases[] = {
		{ "{}", "no token in bearer response:\n{}", ERR_NETWORK },
		{ "{\"token\":\"\"}", "no token in bearer response", ERR_NETWORK },
		{ "not json", "token answer", ERR_CORRUPT },
		{ "{\"token\":\"a\\r\\nX-Evil: b\"}", "characters that no token may have", ERR_CORRUPT },
		{ "{\"token\":\"a b\"}", "characters that no token may have", ERR_CORRUPT },
	};
	struct script *s = *state;

	s->challenge = "Bearer realm=\"http://HOST/token\"";
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_with(registry_close) struct registry *r = NULL;
		cleanup_registry_document struct registry_document m = { 0 };

		s->token_body = cases[i].body;
		assert_ok(open_as(s, NULL, NULL, NULL, NULL, &r));
		assert_error(get_manifest(r, "v1", &m), cases[i].kind, cases[i].wanted);
	}
}

static void odd_realms_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "Bearer service=\"s\"", "missing realm" },
		{ "Bearer realm=\"token\"", "invalid realm" },
		{ "Bearer realm=\"file:///etc/passwd\"", "invalid realm" },
		{ "Bearer realm=\"http://u:p@HOST/token\"", "invalid realm" },
	};
	struct script *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_with(registry_close) struct registry *r = NULL;
		cleanup_registry_document struct registry_document m = { 0 };

		s->challenge = cases[i][0];
		assert_ok(open_as(s, NULL, NULL, NULL, NULL, &r));
		assert_error(get_manifest(r, "v1", &m), ERR_NETWORK, cases[i][1]);
	}
}

static void a_second_refusal_is_final(void **state)
{
	struct script *s = *state;
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_registry_document struct registry_document m = { 0 };

	s->challenge = "Bearer realm=\"http://HOST/token\",scope=\"repository:r:pull,more\"";
	s->wants = "Bearer never";
	assert_ok(open_as(s, NULL, NULL, NULL, NULL, &r));
	assert_error(get_manifest(r, "v1", &m), ERR_DENIED,
		     "UNAUTHORIZED: authentication required; [map[Action:pull Type:repository]]");
	assert_int_equal(s->n_tokens, 2);
	/* What the registry asks for comes first. */
	assert_string_equal(s->token_path, "/token?scope=repository%3Ar%3Apull%2Cmore&scope=repository%3Ar%3Apull");
}

static void basic_is_sent_every_time(void **state)
{
	struct script *s = *state;
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_registry_document struct registry_document m = { 0 };

	s->challenge = "Basic realm=\"basic-realm\"";
	s->wants = "Basic dTpw";
	s->manifest = xstrdup("{}");
	assert_ok(open_as(s, "u", "p", NULL, NULL, &r));
	assert_ok(get_manifest(r, "v1", &m));
	assert_ok(get_manifest(r, "v1", &m));
	registry_close(take_ptr(&r));
	assert_ok(open_as(s, "u", "wrong", NULL, NULL, &r));
	assert_error(get_manifest(r, "v1", &m), ERR_DENIED, "UNAUTHORIZED: authentication required");
	registry_close(take_ptr(&r));
	/* Also where the ping asked for nothing, as the reference does. */
	s->challenge = NULL;
	assert_ok(open_as(s, "u", "p", NULL, NULL, &r));
	assert_ok(get_manifest(r, "v1", &m));
}

/* Writes a credential file for the script's registry; returns its path, caller frees and removes. */
static char *authfile_with(const struct script *s, const char *entry)
{
	char *path = xstrdup("/tmp/test-authfile-XXXXXX");
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "we");

	assert_non_null(f);
	(void)fprintf(f, "{\"auths\":{\"%s\":%s}}", s->host, entry);
	(void)fclose(f);
	return path;
}

static void identity_tokens_are_traded(void **state)
{
	struct script *s = *state;
	cleanup_free char *authfile = authfile_with(s, "{\"identitytoken\":\"id&t\"}");
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_registry_document struct registry_document m = { 0 };

	s->challenge = "Bearer realm=\"http://HOST/token\",service=\"s\"";
	s->wants = "Bearer traded";
	s->post_body = "{\"access_token\":\"traded\",\"refresh_token\":\"next\"}";
	s->manifest = xstrdup("{}");
	assert_ok(open_as(s, NULL, NULL, authfile, NULL, &r));
	assert_ok(get_manifest(r, "v1", &m));
	assert_string_equal(s->token_form,
			    "grant_type=refresh_token&refresh_token=id%26t&service=s&scope=repository%3Ar%3Apull"
			    "&client_id=singularity");
	registry_close(take_ptr(&r));
	/* A service that knows no POST is asked by GET. */
	s->post_body = NULL;
	s->wants = "Bearer tok";
	assert_ok(open_as(s, NULL, NULL, authfile, NULL, &r));
	assert_ok(get_manifest(r, "v1", &m));
	(void)unlink(authfile);
}

static void registry_tokens_are_used_as_they_are(void **state)
{
	struct script *s = *state;
	cleanup_free char *authfile = authfile_with(s, "{\"registrytoken\":\"rt\"}");
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_registry_document struct registry_document m = { 0 };

	s->challenge = "Bearer realm=\"http://HOST/token\"";
	s->wants = "Bearer rt";
	s->manifest = xstrdup("{}");
	assert_ok(open_as(s, NULL, NULL, authfile, NULL, &r));
	assert_ok(get_manifest(r, "v1", &m));
	assert_int_equal(s->n_tokens, 0);
	s->wants = "Bearer other";
	assert_error(get_manifest(r, "v1", &m), ERR_DENIED, "UNAUTHORIZED");
	assert_int_equal(s->n_tokens, 0);
	(void)unlink(authfile);
}

static void stale_files_do_not_hide_public_images(void **state)
{
	struct script *s = *state;
	cleanup_free char *authfile = authfile_with(s, "{\"auth\":\"dTpvbGQ=\"}");
	cleanup_free char *wanted =
		xasprintf("credentials for %s from %s were rejected; trying anonymously\n", s->host, authfile);
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_registry_document struct registry_document m = { 0 };
	cleanup_buf struct buf said = { 0 };

	s->challenge = "Bearer realm=\"http://HOST/token\"";
	s->wants = "Bearer tok";
	s->token_rejects = "Basic dTpvbGQ=";
	s->manifest = xstrdup("{}");
	assert_ok(open_as(s, NULL, NULL, authfile, &said, &r));
	assert_ok(get_manifest(r, "v1", &m));
	assert_string_equal(buf_str(&said), wanted);
	assert_int_equal(s->n_tokens, 2);
	registry_close(take_ptr(&r));
	/* What the user gave for this run is not second-guessed. */
	buf_clear(&said);
	assert_ok(open_as(s, "u", "old", NULL, &said, &r));
	assert_error(get_manifest(r, "v1", &m), ERR_DENIED, "403 Forbidden: stale");
	assert_string_equal(buf_str(&said), "");
	registry_close(take_ptr(&r));
	(void)unlink(authfile);
}

static void the_first_refusal_is_reported(void **state)
{
	struct script *s = *state;
	cleanup_free char *authfile = authfile_with(s, "{\"auth\":\"dTpvbGQ=\"}");
	cleanup_free char *wanted =
		xasprintf("credentials for %s from %s were rejected; trying anonymously\n", s->host, authfile);
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_registry_document struct registry_document m = { 0 };
	cleanup_buf struct buf said = { 0 };

	s->challenge = "Bearer realm=\"http://HOST/token\"";
	s->wants = "Bearer tok";
	s->token_wants = "Basic bmV3";
	s->manifest = xstrdup("{}");
	assert_ok(open_as(s, NULL, NULL, authfile, &said, &r));
	assert_error(get_manifest(r, "v1", &m), ERR_DENIED, "bad password");
	assert_string_equal(buf_str(&said), wanted);
	assert_int_equal(s->n_tokens, 2);
	(void)unlink(authfile);
}

/* What a blob's bytes went to. */
static struct error *take(void *ctx, const void *data, size_t size)
{
	buf_append(ctx, data, size);
	return NULL;
}

static struct error *get_blob(struct script *s, enum blob_behaviour behaviour, struct buf *bytes)
{
	cleanup_with(registry_close) struct registry *r = NULL;
	const struct registry_blob blob = { .digest = s->digest, .size = BLOB_SIZE };

	s->behaviour = behaviour;
	atomic_store(&s->tripped, false);
	atomic_store(&s->n_blob_gets, 0);
	atomic_store(&s->n_ranges, 0);
	buf_clear(bytes);
	TRY(open_as(s, "u", "p", NULL, NULL, &r));
	return registry_get_blob(r, &blob, take, bytes);
}

static void assert_whole(const struct script *s, const struct buf *bytes)
{
	assert_int_equal(bytes->len, BLOB_SIZE);
	assert_memory_equal(bytes->data, s->blob, BLOB_SIZE);
}

static void blobs_arrive(void **state)
{
	struct script *s = *state;
	cleanup_buf struct buf bytes = { 0 };

	assert_ok(get_blob(s, BLOB_PLAIN, &bytes));
	assert_whole(s, &bytes);
	assert_int_equal(s->n_blob_gets, 1);
	assert_ok(get_blob(s, BLOB_503_ONCE, &bytes));
	assert_whole(s, &bytes);
	/* Storage on another host never sees the credentials. */
	assert_ok(get_blob(s, BLOB_REDIRECT, &bytes));
	assert_whole(s, &bytes);
	assert_null(s->storage_authorization);
}

static void broken_blobs_are_resumed(void **state)
{
	static const enum blob_behaviour cuts[] = { BLOB_CUT, BLOB_CUT_NO_RANGES, BLOB_CUT_WRONG_RANGE, BLOB_CUT_416 };
	struct script *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		cleanup_buf struct buf bytes = { 0 };

		assert_ok(get_blob(s, cuts[i], &bytes));
		assert_whole(s, &bytes);
		assert_int_equal(s->n_ranges, 1);
		assert_int_equal(s->n_blob_gets, i < 2 ? 2 : 3);
	}
}

static void lying_blobs_are_refused(void **state)
{
	static const struct {
		enum blob_behaviour behaviour;
		enum error_kind kind;
		const char *wanted;
		unsigned int gets;
	} cases[] = {
		{ BLOB_WRONG_BYTES, ERR_CORRUPT,
		  "error verifying sha256 checksum after reading 200000 bytes; got \"sha256:", 1 },
		{ BLOB_TOO_LONG, ERR_CORRUPT, "is larger than the 200000 bytes", 1 },
		{ BLOB_WRONG_LENGTH, ERR_CORRUPT, "Content-Length is 22, want 200000", 1 },
		{ BLOB_SHORT, ERR_CORRUPT, "error verifying size; got", 5 },
		{ BLOB_MISSING, ERR_NOT_FOUND, "unexpected status code 404 Not Found: No\\x1b[1m such\\x0apage", 1 },
	};
	struct script *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_buf struct buf bytes = { 0 };

		assert_error(get_blob(s, cases[i].behaviour, &bytes), cases[i].kind, cases[i].wanted);
		assert_in_range(bytes.len, 0, BLOB_SIZE);
		assert_int_equal(s->n_blob_gets, cases[i].gets);
	}
}

static void foreign_blobs_are_asked_for_elsewhere(void **state)
{
	struct script *s = *state;
	cleanup_with(registry_close) struct registry *r = NULL;
	cleanup_strv struct strv urls = { 0 };
	const struct registry_blob blob = { .digest = s->digest, .size = BLOB_SIZE, .urls = &urls };
	cleanup_buf struct buf bytes = { 0 };

	strv_add(&urls, "ftp://nowhere/");
	strv_add_take(&urls, test_server_url(s->storage, "/layer"));
	s->behaviour = BLOB_MISSING;
	assert_ok(open_as(s, "u", "p", NULL, NULL, &r));
	assert_ok(registry_get_blob(r, &blob, take, &bytes));
	assert_whole(s, &bytes);
	assert_null(s->storage_authorization);
	/* Nowhere at all: what the registry said is what counts. */
	strv_free(&urls);
	buf_clear(&bytes);
	assert_error(registry_get_blob(r, &blob, take, &bytes), ERR_NOT_FOUND, "unexpected status code 404");
}

static struct error *refuse(void *ctx, const void *data, size_t size)
{
	(void)ctx;
	(void)data;
	(void)size;
	return error_sys(ENOSPC, "write");
}

static void a_full_disk_is_final(void **state)
{
	struct script *s = *state;
	cleanup_with(registry_close) struct registry *r = NULL;
	const struct registry_blob blob = { .digest = s->digest, .size = BLOB_SIZE };

	assert_ok(open_as(s, NULL, NULL, NULL, NULL, &r));
	assert_error(registry_get_blob(r, &blob, refuse, NULL), ERR_SYSTEM, "no space left");
	assert_int_equal(s->n_blob_gets, 1);
}

static void check_rendering(int status, const char *method, const char *body, const char *wanted)
{
	cleanup_http_response struct http_response response = { .status = status };

	response.url = xstrdup("https://h/v2/?sig=x");
	buf_append_str(&response.body, body);
	cleanup_with(error_free) struct error *err = registry_error_from(&response, method, false);

	assert_string_equal(error_text(err), wanted);
}

static void refusals_read_as_the_reference_has_them(void **state)
{
	(void)state;
	check_rendering(
		400, "GET",
		"{\"errors\":[{\"code\":\"A\",\"message\":\"b\"},{\"code\":\"C\",\"message\":\"d\",\"detail\":null}]}",
		"GET https://h/v2/?sig=REDACTED: multiple errors returned: A: b; C: d");
	check_rendering(
		400, "GET",
		"{\"errors\":[{\"code\":\"A\",\"message\":\"b\",\"detail\":{\"z\":[1,true,null,\"s\"],\"a\":{}}}]}",
		"GET https://h/v2/?sig=REDACTED: A: b; map[a:map[] z:[1 true <nil> s]]");
	check_rendering(500, "GET", "",
			"GET https://h/v2/?sig=REDACTED: unexpected status code 500 Internal Server Error");
	check_rendering(502, "GET", " plain\ttext \n",
			"GET https://h/v2/?sig=REDACTED: unexpected status code 502 Bad Gateway: plain\\x09text");
	check_rendering(404, "GET", "{\"errors\":[]}",
			"GET https://h/v2/?sig=REDACTED: unexpected status code 404 Not Found: {\"errors\":[]}");
	check_rendering(
		777, "HEAD", "",
		"HEAD https://h/v2/?sig=REDACTED: unexpected status code 777  (HEAD responses have no body, use GET "
		"for details)");
}

static void refusals_come_with_advice(void **state)
{
	cleanup_http_response struct http_response response = { .status = 429 };

	(void)state;
	response.url = xstrdup("https://h/");
	strv_add(&response.headers, "retry-after: 3600\x1b");
	cleanup_with(error_free) struct error *limited = registry_error_from(&response, "GET", false);

	assert_int_equal(error_kind(limited), ERR_NETWORK);
	assert_non_null(strstr(error_hint_text(limited), "try again after 3600\\x1b s (the request was anonymous)"));
	response.status = 403;
	cleanup_with(error_free) struct error *denied = registry_error_from(&response, "GET", true);

	assert_int_equal(error_kind(denied), ERR_DENIED);
	assert_non_null(strstr(error_hint_text(denied), "other credentials"));
}

#define SCRIPTED(f) cmocka_unit_test_setup_teardown(f, make_script, drop_script)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRIPTED(pings_decide),
		SCRIPTED(manifests_are_checked),
		SCRIPTED(heads_need_a_digest),
		SCRIPTED(tokens_are_fetched_once),
		SCRIPTED(passwords_go_to_the_realm_alone),
		SCRIPTED(bad_token_answers_are_errors),
		SCRIPTED(odd_realms_are_refused),
		SCRIPTED(a_second_refusal_is_final),
		SCRIPTED(basic_is_sent_every_time),
		SCRIPTED(identity_tokens_are_traded),
		SCRIPTED(registry_tokens_are_used_as_they_are),
		SCRIPTED(stale_files_do_not_hide_public_images),
		SCRIPTED(the_first_refusal_is_reported),
		SCRIPTED(blobs_arrive),
		SCRIPTED(broken_blobs_are_resumed),
		SCRIPTED(lying_blobs_are_refused),
		SCRIPTED(foreign_blobs_are_asked_for_elsewhere),
		SCRIPTED(a_full_disk_is_final),
		cmocka_unit_test(refusals_read_as_the_reference_has_them),
		cmocka_unit_test(refusals_come_with_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
