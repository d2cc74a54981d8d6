/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A scripted HTTP server for unit tests: a thread per connection, one request each, an answer written by the test.
 * Misbehaving is the point, so a handler writes whatever bytes it likes.
 */
#ifndef IMAGE_TEST_SERVER_H
#define IMAGE_TEST_SERVER_H

#include "base/str.h"

#include <stdatomic.h>
#include <stdbool.h>

struct test_request {
	char *head; /* request line and headers */
	char *method, *path;
	char *body; /* of a POST */
};

typedef void test_handler(void *ctx, int fd, const struct test_request *request);

struct test_server;

/* test_server_start() - listen on a free port of a loopback address ("127.0.0.1", "127.0.0.2") */
struct test_server *test_server_start(const char *address, test_handler *handler, void *ctx);
void test_server_stop(struct test_server *server);
/* test_server_url() - "http://127.0.0.1:PORT<path>"; caller frees */
char *test_server_url(const struct test_server *server, const char *path);
/* test_server_host() - "127.0.0.1:PORT"; caller frees */
char *test_server_host(const struct test_server *server);
unsigned int test_server_requests(const struct test_server *server);

/* test_write() - bytes as they are; false if the peer went away */
bool test_write(int fd, const void *data, size_t size);
void test_writef(int fd, const char *fmt, ...) printf_like(2, 3);
/* test_reply() - a whole answer; @headers is "" or lines that end in CRLF */
void test_reply(int fd, const char *status, const char *headers, const char *body);
/* test_header() - value of a request header, caller frees; NULL if absent */
char *test_header(const struct test_request *request, const char *name);

#endif
