/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/http/test_server.h"

#include "base/num.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

enum { HEAD_MAX = 65536, CONNECTIONS_MAX = 256 };

/* First byte of a TLS greeting: plain servers hang up on it. */
enum { TLS_HANDSHAKE = 0x16 };

struct test_server {
	int fd;
	char *address;
	uint16_t port;
	test_handler *handler;
	void *ctx;
	pthread_t acceptor;
	pthread_t workers[CONNECTIONS_MAX];
	size_t n_workers;
	atomic_uint n_requests;
};

struct connection {
	struct test_server *server;
	int fd;
};

bool test_write(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

void test_writef(int fd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cleanup_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	(void)test_write(fd, text, strlen(text));
}

void test_reply(int fd, const char *status, const char *headers, const char *body)
{
	test_writef(fd, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
		    headers, body);
}

char *test_header(const struct test_request *request, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = strstr(request->head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			cleanup_free char *value = xstrndup(line + len + 1, strcspn(line + len + 1, "\r"));

			return str_trim(value);
		}
	}
	return NULL;
}

/* Reads until @end was seen or @want bytes are there. */
static bool read_some(int fd, struct buf *b, const char *end, size_t want)
{
	while (end ? !strstr(buf_str(b), end) : b->len < want) {
		ssize_t n = b->len < HEAD_MAX ? recv(fd, buf_reserve(b, 4096), 4096, 0) : 0;

		if (n <= 0)
			return false;
		b->len += (size_t)n;
		b->data[b->len] = '\0';
		if (b->data[0] == TLS_HANDSHAKE)
			return false;
	}
	return true;
}

static void handle(struct connection *c)
{
	cleanup_buf struct buf in = { 0 };
	struct test_request request = { 0 };
	uint64_t length = 0;

	if (!read_some(c->fd, &in, "\r\n\r\n", 0))
		return;

	size_t head_len = (size_t)(strstr(in.data, "\r\n\r\n") - in.data) + 4;

	request.head = xstrndup(in.data, head_len);
	cleanup_free char *length_text = test_header(&request, "content-length");

	if (length_text && num_parse_u64(length_text, HEAD_MAX, &length) &&
	    read_some(c->fd, &in, NULL, head_len + length))
		request.body = xstrndup(in.data + head_len, length);
	request.method = xstrndup(request.head, strcspn(request.head, " "));
	const char *path = request.head + strlen(request.method) + 1;

	request.path = xstrndup(path, strcspn(path, " "));
	atomic_fetch_add(&c->server->n_requests, 1);
	c->server->handler(c->server->ctx, c->fd, &request);
	free(request.head);
	free(request.method);
	free(request.path);
	free(request.body);
}

static void *work(void *ctx)
{
	struct connection *c = ctx;

	handle(c);
	(void)shutdown(c->fd, SHUT_RDWR);
	(void)close(c->fd);
	free(c);
	return NULL;
}

static void *accept_all(void *ctx)
{
	struct test_server *server = ctx;
	int fd;

	while (server->n_workers < CONNECTIONS_MAX && (fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct connection *c = xcalloc(1, sizeof(*c));

		*c = (struct connection){ .server = server, .fd = fd };
		if (pthread_create(&server->workers[server->n_workers], NULL, work, c) != 0)
			abort();
		server->n_workers++;
	}
	return NULL;
}

struct test_server *test_server_start(const char *address, test_handler *handler, void *ctx)
{
	struct test_server *server = xcalloc(1, sizeof(*server));
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);

	server->address = xstrdup(address);
	server->handler = handler;
	server->ctx = ctx;
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
	    bind(server->fd, (const struct sockaddr *)&at, size) < 0 || listen(server->fd, 64) < 0 ||
	    getsockname(server->fd, (struct sockaddr *)&at, &size) < 0)
		abort();
	server->port = ntohs(at.sin_port);
	if (pthread_create(&server->acceptor, NULL, accept_all, server) != 0)
		abort();
	return server;
}

void test_server_stop(struct test_server *server)
{
	(void)shutdown(server->fd, SHUT_RDWR);
	(void)pthread_join(server->acceptor, NULL);
	for (size_t i = 0; i < server->n_workers; i++)
		(void)pthread_join(server->workers[i], NULL);
	(void)close(server->fd);
	free(server->address);
	free(server);
}

char *test_server_host(const struct test_server *server)
{
	return xasprintf("%s:%u", server->address, server->port);
}

char *test_server_url(const struct test_server *server, const char *path)
{
	return xasprintf("http://%s:%u%s", server->address, server->port, path);
}

unsigned int test_server_requests(const struct test_server *server)
{
	return atomic_load(&server->n_requests);
}
