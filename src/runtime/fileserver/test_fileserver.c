/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths through stacked layers, and the server itself: it is given one end of a socket instead of a FUSE descriptor, and the test plays
 * the kernel on the other, so that no mount and no privilege is needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/fileserver/fileserver.h"

#include "formats/squash/squash_writer.h"
#include "tests/testlib/fixture.h"

#include <linux/fuse.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { MESSAGE_MAX = 256 << 10 };

/* Layers made for a test: "path" directory, "path=text" file, "path>target" link, "path!" whiteout, "path~" opaque directory. */
static int layer_make(const char *const *entries)
{
	cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
	cleanup_with(squash_writer_free) struct squash_writer *w = NULL;
	int fd = memfd_create("layer", MFD_CLOEXEC);
	uint64_t size;

	assert_true(fd >= 0);
	assert_ok(squash_writer_new(fd, 0, &(struct squash_writer_options){ .codec = SQUASH_ZSTD, .n_workers = 1 }, &w));
	for (; *entries; entries++) {
		size_t len = strcspn(*entries, "=>!~");
		const char *rest = *entries + len;
		struct squash_node *node = squash_tree_root(tree);

		for (const char *at = *entries; at < rest;) {
			size_t n = strcspn(at, "/=>!~");
			struct squash_node *child = squash_tree_find(node, at, n);

			if (!child) {
				assert_ok(squash_tree_add(tree, node, at, n, &child));
				child->mode = S_IFDIR | 0755;
			}
			node = child;
			at += n + (at[n] == '/');
		}
		if (*rest == '=') {
			const struct squash_content *content;

			node->mode = S_IFREG | 0644;
			assert_ok(squash_writer_begin_file(w));
			assert_ok(squash_writer_write(w, rest + 1, strlen(rest + 1)));
			assert_ok(squash_writer_end_file(w, &content));
			node->content = content;
		} else if (*rest == '>') {
			node->mode = S_IFLNK | 0777;
			assert_ok(squash_tree_set_target(tree, node, rest + 1));
		} else if (*rest == '!') {
			node->mode = S_IFCHR;
		} else if (*rest == '~') {
			bool kept;

			assert_ok(squash_tree_set_xattr(tree, node, "trusted.overlay.opaque", "y", 1, &kept));
		}
	}
	assert_ok(squash_writer_finish(w, tree, &size));
	return fd;
}

struct served {
	struct fileserver *server;
	struct fileserver_layer layers[4];
	size_t n;
};

static void served_add(struct served *s, int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	s->layers[s->n++] = (struct fileserver_layer){ .fd = fd, .size = (uint64_t)st.st_size };
}

static void served_prepare(struct served *s, bool user_xattrs)
{
	assert_ok(fileserver_prepare(&(struct fileserver_options){ .layers = s->layers, .n_layers = s->n, .user_xattrs = user_xattrs },
				     &s->server));
}

static void served_close(struct served *s)
{
	fileserver_free(s->server);
	for (size_t i = 0; i < s->n; i++)
		assert_ok(io_close(&s->layers[i].fd));
}

static void assert_file(struct fileserver *server, const char *path, const char *text)
{
	cleanup_free char *data = NULL;
	size_t len = 0;

	assert_ok(fileserver_read_file(server, path, 4096, &data, &len));
	if (!text) {
		assert_null(data);
		return;
	}
	assert_non_null(data);
	assert_string_equal(data, text);
	assert_int_equal(len, strlen(text));
}

static void assert_resolves(struct fileserver *server, const char *path, const char *wanted)
{
	cleanup_free char *got = NULL;

	assert_ok(fileserver_resolve(server, path, &got));
	if (!wanted)
		assert_null(got);
	else
		assert_string_equal(got, wanted);
}

static void test_stack(void **state)
{
	static const char *const bottom[] = { "etc/passwd=bottom", "etc/only-below=b", "gone/file=x", "opaque/below=b",	   "file-then-dir=f",
					      "dir-then-file/x=x", "usr/bin/tool=t",   "same=1",      "back/below=b",	   NULL };
	static const char *const middle[] = { "etc/passwd=middle", "gone!", "opaque~", "opaque/above=m", "file-then-dir/in=i",
					      "dir-then-file=f",   "bin>usr/bin", "same!", "back!", NULL };
	static const char *const top[] = { "etc/passwd=top", "gone/new=n", "same=3", "back/new=n", NULL };
	struct served s = { 0 };

	(void)state;
	served_add(&s, layer_make(bottom));
	served_add(&s, layer_make(middle));
	served_add(&s, layer_make(top));
	served_prepare(&s, true);
	assert_file(s.server, "/etc/passwd", "top");
	assert_file(s.server, "etc//./passwd", "top");
	assert_file(s.server, "/etc/only-below", "b");
	assert_file(s.server, "/gone/file", NULL);
	assert_file(s.server, "/gone/new", "n");
	assert_file(s.server, "/back/below", NULL);
	assert_file(s.server, "/back/new", "n");
	assert_file(s.server, "/opaque/below", NULL);
	assert_file(s.server, "/opaque/above", "m");
	assert_file(s.server, "/file-then-dir", NULL);
	assert_file(s.server, "/file-then-dir/in", "i");
	assert_file(s.server, "/dir-then-file", "f");
	assert_file(s.server, "/dir-then-file/x", NULL);
	assert_file(s.server, "/same", "3");
	assert_file(s.server, "/bin/tool", "t");
	assert_file(s.server, "/etc", NULL);
	assert_file(s.server, "/missing/passwd", NULL);
	assert_file(s.server, "/", NULL);
	assert_resolves(s.server, "/bin/tool", "/usr/bin/tool");
	assert_resolves(s.server, "/../etc/../etc/passwd", "/etc/passwd");
	assert_resolves(s.server, "/", "/");
	assert_resolves(s.server, "/etc/", "/etc");
	assert_resolves(s.server, "/nothing", NULL);
	assert_resolves(s.server, "/etc/passwd/..", NULL);
	served_close(&s);
}

static void test_links(void **state)
{
	cleanup_strv struct strv names = { 0 };
	struct served s = { 0 };
	cleanup_free char *data = NULL;
	size_t len;

	(void)state;
	strv_add(&names, "dir/file=text");
	strv_add(&names, "up>../../../dir");
	strv_add(&names, "dir/abs>/dir/file");
	strv_add(&names, "loop>loop");
	strv_add(&names, "dangling>nowhere");
	strv_add(&names, "l00>dir/file");
	for (int i = 1; i <= 40; i++)
		strv_addf(&names, "l%02d>l%02d", i, i - 1);
	served_add(&s, layer_make((const char *const *)names.items));
	served_prepare(&s, false);
	assert_file(s.server, "/up/file", "text");
	assert_file(s.server, "/up/abs", "text");
	assert_file(s.server, "/l39", "text"); /* 40 links */
	assert_file(s.server, "/l40", NULL);   /* 41 */
	assert_file(s.server, "/loop", NULL);
	assert_file(s.server, "/dangling", NULL);
	assert_resolves(s.server, "/up/abs", "/dir/file");
	assert_resolves(s.server, "/loop", NULL);
	assert_ok(fileserver_read_file(s.server, "/dir/file", 4, &data, &len)); /* exactly the limit */
	assert_error(fileserver_read_file(s.server, "/dir/file", 3, &data, &len), ERR_LIMIT, "larger than 3 bytes");
	served_close(&s);
}

static void test_prepare_errors(void **state)
{
	struct fileserver *server = NULL;
	struct fileserver_layer layer = { .fd = fixture_memory("no image", 8), .size = 8 };
	struct fileserver_idmap line = { .size = 1 };
	cleanup_free struct fileserver_idmap *lines = xcalloc(341, sizeof(*lines));
	cleanup_free char *options = fileserver_mount_options(7);

	(void)state;
	assert_error(fileserver_prepare(&(struct fileserver_options){ .layers = &layer, .n_layers = 1 }, &server), ERR_CORRUPT, "layer 0");
	assert_error(fileserver_prepare(&(struct fileserver_options){ .layers = &layer, .n_layers = 4097 }, &server), ERR_LIMIT,
		     "4097 layers");
	assert_ok(fileserver_prepare(&(struct fileserver_options){ 0 }, &server));
	assert_ok(fileserver_set_owners(server, &line, 1, &line, 1));
	assert_ok(fileserver_set_owners(server, lines, 340, NULL, 0));
	assert_error(fileserver_set_owners(server, lines, 341, NULL, 0), ERR_LIMIT, "341 lines");
	fileserver_free(server);
	assert_ok(io_close(&layer.fd));
	assert_string_equal(options, "fd=7,rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions,max_read=131072");
}

/* The kernel's side of a connection. */
struct kernel {
	int fd;
	pid_t pid;
	uint64_t unique;
	uint8_t reply[MESSAGE_MAX];
	size_t size; /* of the last reply's body */
	int error;
};

static void kernel_send(struct kernel *k, uint32_t opcode, uint64_t node, const void *body, size_t size)
{
	struct fuse_in_header h = { .len = (uint32_t)(sizeof(h) + size), .opcode = opcode, .unique = ++k->unique, .nodeid = node };
	uint8_t message[4096];

	assert_true(sizeof(h) + size <= sizeof(message));
	memcpy(message, &h, sizeof(h));
	if (size)
		memcpy(message + sizeof(h), body, size);
	assert_int_equal(send(k->fd, message, h.len, 0), h.len);
}

/* The answer to the last request; notices of the server in between (unique 0) are passed over. */
static void kernel_receive(struct kernel *k)
{
	static uint8_t message[MESSAGE_MAX];
	struct fuse_out_header h;

	do {
		ssize_t n = recv(k->fd, message, sizeof(message), 0);

		assert_true(n >= (ssize_t)sizeof(h));
		memcpy(&h, message, sizeof(h));
		assert_int_equal(h.len, n);
	} while (h.unique == 0);
	assert_int_equal(h.unique, k->unique);
	k->size = h.len - sizeof(h);
	k->error = -h.error;
	memcpy(k->reply, message + sizeof(h), k->size);
}

static int ask(struct kernel *k, uint32_t opcode, uint64_t node, const void *body, size_t size)
{
	kernel_send(k, opcode, node, body, size);
	kernel_receive(k);
	return k->error;
}

static struct kernel *kernel_start(struct served *s)
{
	struct kernel *k = xcalloc(1, sizeof(*k));
	struct fuse_init_in init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_readahead = 131072, .flags = UINT32_MAX };
	struct fuse_init_out out;
	int fuse[2], sock[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fuse), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	k->pid = fork();
	if (k->pid == 0) {
		(void)close(fuse[0]);
		(void)close(fuse[1]);
		(void)close(sock[0]);
		_exit(fileserver_run(s->server, sock[1]));
	}
	assert_true(k->pid > 0);
	assert_ok(io_send_fd(sock[0], "f", 1, fuse[1]));
	(void)close(sock[0]);
	(void)close(sock[1]);
	(void)close(fuse[1]);
	k->fd = fuse[0];
	assert_int_equal(ask(k, FUSE_INIT, 0, &init, sizeof(init)), 0);
	memcpy(&out, k->reply, sizeof(out) < k->size ? sizeof(out) : k->size);
	assert_true(out.flags & FUSE_DO_READDIRPLUS);
	assert_false(out.flags & FUSE_READDIRPLUS_AUTO);
	assert_false(out.flags & FUSE_AUTO_INVAL_DATA);
	assert_true(out.flags & FUSE_CACHE_SYMLINKS);
	return k;
}

/* The server ends by itself when its file system is gone. */
static void kernel_stop(struct kernel *k)
{
	int status;

	(void)close(k->fd);
	assert_int_equal(waitpid(k->pid, &status, 0), k->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	free(k);
}

static struct fuse_entry_out look(struct kernel *k, uint64_t parent, const char *name)
{
	struct fuse_entry_out e = { 0 };

	assert_int_equal(ask(k, FUSE_LOOKUP, parent, name, strlen(name) + 1), 0);
	assert_int_equal(k->size, sizeof(e));
	memcpy(&e, k->reply, sizeof(e));
	assert_int_equal(e.entry_valid, 86400);
	return e;
}

static int read_at(struct kernel *k, uint64_t node, uint64_t offset, uint32_t size)
{
	struct fuse_read_in in = { .offset = offset, .size = size };

	return ask(k, FUSE_READ, node, &in, sizeof(in));
}

static int get_xattr(struct kernel *k, uint64_t node, const char *name, uint32_t size)
{
	struct fuse_getxattr_in in = { .size = size };
	uint8_t body[512];

	memcpy(body, &in, sizeof(in));
	memcpy(body + sizeof(in), name, strlen(name) + 1);
	return ask(k, name[0] ? FUSE_GETXATTR : FUSE_LISTXATTR, node, body, sizeof(in) + (name[0] ? strlen(name) + 1 : 0));
}

static struct served samples_serve(bool user_xattrs)
{
	struct served s = { 0 };

	served_add(&s, fixture_open(FIXTURES "/squash/xz.sqfs"));
	served_add(&s, fixture_open(FIXTURES "/squash/plain.sqfs"));
	served_prepare(&s, user_xattrs);
	return s;
}

static void test_serve_nodes(void **state)
{
	struct served s = samples_serve(false);
	struct fileserver_idmap uids[] = { { .served_id = 5, .size = 1 }, { .image_id = 1000, .served_id = 70000, .size = 235 } };
	struct fileserver_idmap gids[] = { { .size = 1 }, { .image_id = 4000, .served_id = 9, .size = 1000, .to_one = true } };
	struct fuse_entry_out layer, hello, other, none;
	struct fuse_attr_out attr;
	struct kernel *k;

	(void)state;
	assert_ok(fileserver_set_owners(s.server, uids, 2, gids, 2));
	k = kernel_start(&s);
	for (size_t i = 0; i < 2; i++) {
		layer = look(k, FUSE_ROOT_ID, i ? "1" : "0");
		hello = look(k, layer.nodeid, "hello");
		assert_int_equal(hello.attr.mode, S_IFREG | 04755);
		assert_int_equal(hello.attr.uid, 5);
		assert_int_equal(hello.attr.gid, 0);
		assert_int_equal(hello.attr.nlink, 2);
		assert_int_equal(hello.attr.size, 6);
		assert_int_equal(hello.attr.mtime, 1000000000);
		assert_int_equal(look(k, look(k, layer.nodeid, "dir").nodeid, "hard").nodeid, hello.nodeid);
		assert_int_equal(look(k, layer.nodeid, "blocks").attr.uid, 70234);
		assert_int_equal(look(k, layer.nodeid, "blocks").attr.gid, 9);
		assert_int_equal(look(k, layer.nodeid, "char").attr.rdev, 0x103);
	}
	other = look(k, look(k, FUSE_ROOT_ID, "0").nodeid, "hello");
	assert_int_not_equal(other.nodeid, hello.nodeid);
	assert_int_not_equal(other.attr.ino, hello.attr.ino);
	assert_true(hello.attr.ino < UINT32_MAX);
	none = look(k, layer.nodeid, "none"); /* kept as missing */
	assert_int_equal(none.nodeid, 0);
	assert_int_equal(look(k, FUSE_ROOT_ID, "2").nodeid, 0);
	assert_int_equal(look(k, FUSE_ROOT_ID, "00").nodeid, 0);
	assert_int_equal(look(k, FUSE_ROOT_ID, "x").nodeid, 0);
	assert_int_equal(ask(k, FUSE_LOOKUP, hello.nodeid, "x", 2), ENOTDIR);
	assert_int_equal(ask(k, FUSE_LOOKUP, UINT64_MAX, "x", 2), ESTALE);
	assert_int_equal(ask(k, FUSE_GETATTR, FUSE_ROOT_ID, &(struct fuse_getattr_in){ 0 }, sizeof(struct fuse_getattr_in)), 0);
	memcpy(&attr, k->reply, sizeof(attr));
	assert_int_equal(attr.attr.mode, S_IFDIR | 0755);
	assert_int_equal(attr.attr.ino, FUSE_ROOT_ID);
	assert_int_equal(ask(k, FUSE_READLINK, look(k, layer.nodeid, "absolute").nodeid, NULL, 0), 0);
	assert_memory_equal(k->reply, "/dir/deep", k->size);
	assert_int_equal(ask(k, FUSE_READLINK, hello.nodeid, NULL, 0), EINVAL);
	assert_int_equal(ask(k, FUSE_OPEN, hello.nodeid, &(struct fuse_open_in){ 0 }, sizeof(struct fuse_open_in)), ENOSYS);
	assert_int_equal(ask(k, FUSE_OPENDIR, layer.nodeid, &(struct fuse_open_in){ 0 }, sizeof(struct fuse_open_in)), ENOSYS);
	assert_int_equal(ask(k, FUSE_STATFS, FUSE_ROOT_ID, NULL, 0), 0);
	assert_int_equal(ask(k, FUSE_UNLINK, layer.nodeid, "hello", 6), ENOSYS);
	kernel_stop(k);
	served_close(&s);
}

static void test_serve_reads(void **state)
{
	struct served s = samples_serve(false);
	struct kernel *k = kernel_start(&s);
	cleanup_buf struct buf blocks = { 0 };

	(void)state;
	for (int i = 0; blocks.len < 8292; i++)
		buf_appendf(&blocks, "%07d\n", i * 7919);
	for (size_t i = 0; i < 2; i++) {
		uint64_t layer = look(k, FUSE_ROOT_ID, i ? "1" : "0").nodeid;
		uint64_t node = look(k, layer, "blocks").nodeid;
		uint64_t sparse = look(k, layer, "sparse").nodeid;

		for (uint32_t at = 0; at < 8292; at += 1000) {
			assert_int_equal(read_at(k, node, at, 5000), 0);
			assert_int_equal(k->size, 8292 - at < 5000 ? 8292 - at : 5000);
			assert_memory_equal(k->reply, blocks.data + at, k->size);
		}
		for (uint32_t at = 0; at < 12288; at += 4096) {
			assert_int_equal(read_at(k, node, at, 4096), 0);
			assert_memory_equal(k->reply, blocks.data + at, k->size);
		}
		assert_int_equal(read_at(k, node, 8292, 4096), 0);
		assert_int_equal(k->size, 0);
		assert_int_equal(read_at(k, node, UINT64_MAX, 4096), EINVAL);
		assert_int_equal(read_at(k, node, INT64_MAX, UINT32_MAX), 0);
		assert_int_equal(k->size, 0);
		assert_int_equal(read_at(k, sparse, 0, 131072), 0);
		assert_int_equal(k->size, 12292);
		for (size_t b = 0; b < 12288; b++)
			assert_int_equal(k->reply[b], 0);
		assert_memory_equal(k->reply + 12288, "end\n", 4);
		assert_int_equal(read_at(k, look(k, layer, "dir").nodeid, 0, 10), EINVAL);
	}
	kernel_stop(k);
	served_close(&s);
}

/* Many reads at once are each answered once, in any order. */
static void test_serve_many_reads(void **state)
{
	enum { N = 200 };
	struct served s = samples_serve(false);
	struct kernel *k = kernel_start(&s);
	uint64_t node = look(k, look(k, FUSE_ROOT_ID, "0").nodeid, "blocks").nodeid;
	uint64_t first = k->unique + 1;
	bool seen[N] = { 0 };
	size_t n_seen = 0;

	(void)state;
	for (int i = 0; i < N; i++) {
		struct fuse_read_in in = { .offset = (uint64_t)(i % 3) * 4096, .size = 4096 };

		kernel_send(k, FUSE_READ, node, &in, sizeof(in));
	}
	while (n_seen < N) {
		struct fuse_out_header h;
		ssize_t n = recv(k->fd, k->reply, sizeof(k->reply), 0);
		size_t i;

		assert_true(n >= (ssize_t)sizeof(h));
		memcpy(&h, k->reply, sizeof(h));
		if (h.unique == 0)
			continue;
		i = h.unique - first;
		assert_true(i < N);
		assert_false(seen[i]);
		assert_int_equal(h.error, 0);
		assert_int_equal(h.len - sizeof(h), i % 3 == 2 ? 100 : 4096);
		seen[i] = true;
		n_seen++;
	}
	kernel_stop(k);
	served_close(&s);
}

static void test_serve_directories(void **state)
{
	struct served s = samples_serve(false);
	struct kernel *k = kernel_start(&s);
	uint64_t layer = look(k, FUSE_ROOT_ID, "1").nodeid;
	uint64_t many = look(k, layer, "many").nodeid;
	struct fuse_read_in in = { .size = 4096 };
	size_t n = 0;

	(void)state;
	for (;;) {
		size_t at = 0;

		assert_int_equal(ask(k, FUSE_READDIRPLUS, many, &in, sizeof(in)), 0);
		assert_true(k->size <= 4096);
		if (k->size == 0)
			break;
		while (at < k->size) {
			struct fuse_direntplus *d = (struct fuse_direntplus *)(void *)(k->reply + at);

			if (n == 0)
				assert_memory_equal(d->dirent.name, ".", d->dirent.namelen);
			else if (n == 1)
				assert_memory_equal(d->dirent.name, "..", d->dirent.namelen);
			else
				assert_int_equal(d->entry_out.attr.mode, S_IFREG | 0644);
			if (n > 1)
				assert_int_equal(d->entry_out.attr.ino, d->dirent.ino);
			in.offset = d->dirent.off;
			at += FUSE_DIRENTPLUS_SIZE(d);
			n++;
		}
	}
	assert_int_equal(n, 302);
	in.offset = UINT64_MAX; /* never given out */
	assert_int_equal(ask(k, FUSE_READDIRPLUS, many, &in, sizeof(in)), 0);
	in.offset = 1000;
	assert_int_equal(ask(k, FUSE_READDIRPLUS, many, &in, sizeof(in)), 0);
	assert_int_equal(k->size, 0);
	in.offset = 2;
	assert_int_equal(ask(k, FUSE_READDIRPLUS, FUSE_ROOT_ID, &in, sizeof(in)), 0);
	assert_memory_equal(((struct fuse_direntplus *)(void *)k->reply)->dirent.name, "0", 1);
	assert_int_equal(ask(k, FUSE_READDIRPLUS, look(k, layer, "hello").nodeid, &in, sizeof(in)), ENOTDIR);
	kernel_stop(k);
	served_close(&s);
}

static void check_xattrs(bool user_xattrs)
{
	struct served s = samples_serve(user_xattrs);
	struct kernel *k = kernel_start(&s);
	uint64_t layer = look(k, FUSE_ROOT_ID, "1").nodeid;
	uint64_t hello = look(k, layer, "hello").nodeid;
	uint64_t dir = look(k, layer, "dir").nodeid;

	assert_int_equal(get_xattr(k, hello, "user.small", 100), 0);
	assert_memory_equal(k->reply, "value", k->size);
	assert_int_equal(get_xattr(k, hello, "user.small", 5), 0);
	assert_int_equal(get_xattr(k, hello, "user.small", 4), ERANGE);
	assert_int_equal(get_xattr(k, hello, "user.small", 0), 0);
	assert_int_equal(((struct fuse_getxattr_out *)(void *)k->reply)->size, 5);
	assert_int_equal(get_xattr(k, hello, "user.none", 100), ENODATA);
	assert_int_equal(get_xattr(k, dir, "trusted.overlay.opaque", 100), user_xattrs ? ENODATA : 0);
	assert_int_equal(get_xattr(k, dir, "user.overlay.opaque", 100), user_xattrs ? 0 : ENODATA);
	assert_int_equal(get_xattr(k, FUSE_ROOT_ID, "user.small", 100), ENODATA);
	assert_int_equal(get_xattr(k, dir, "", 1000), 0);
	assert_string_equal((const char *)k->reply, user_xattrs ? "user.overlay.opaque" : "trusted.overlay.opaque");
	kernel_stop(k);
	served_close(&s);
}

static void test_serve_xattrs(void **state)
{
	(void)state;
	check_xattrs(false);
	check_xattrs(true);
}

/* Where no layer has attributes, the kernel learns that it need not ask. */
static void test_serve_without_xattrs(void **state)
{
	struct served s = { 0 };
	struct kernel *k;

	(void)state;
	served_add(&s, fixture_open(FIXTURES "/squash/zstd-1m.sqfs"));
	served_prepare(&s, true);
	k = kernel_start(&s);
	assert_int_equal(get_xattr(k, FUSE_ROOT_ID, "user.small", 100), ENOSYS);
	assert_int_equal(get_xattr(k, FUSE_ROOT_ID, "", 100), ENOSYS);
	kernel_stop(k);
	served_close(&s);
}

/* A user's own user.overlay.* attribute must not become a mark. */
static void test_forged_marks(void **state)
{
	static const char *const names[] = { "user.overlay.opaque", "trusted.other" };

	(void)state;
	for (int user_xattrs = 0; user_xattrs < 2; user_xattrs++) {
		cleanup_with(squash_tree_free) struct squash_tree *tree = squash_tree_new(0);
		cleanup_with(squash_writer_free) struct squash_writer *w = NULL;
		struct served s = { 0 };
		struct kernel *k;
		uint64_t size;
		bool kept;
		int fd = memfd_create("layer", MFD_CLOEXEC);

		assert_ok(squash_writer_new(fd, 0, &(struct squash_writer_options){ .codec = SQUASH_ZSTD, .n_workers = 1 }, &w));
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			assert_ok(squash_tree_set_xattr(tree, squash_tree_root(tree), names[i], "y", 1, &kept));
		assert_ok(squash_writer_finish(w, tree, &size));
		served_add(&s, fd);
		served_prepare(&s, user_xattrs);
		k = kernel_start(&s);
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			assert_int_equal(get_xattr(k, look(k, FUSE_ROOT_ID, "0").nodeid, names[i], 10), user_xattrs ? ENODATA : 0);
		kernel_stop(k);
		served_close(&s);
	}
}

/* Damage costs the read that meets it, nothing else. */
static void test_serve_damaged(void **state)
{
	cleanup_buf struct buf bytes = { 0 };
	struct served s = { 0 };
	struct kernel *k;
	uint64_t layer, node;

	(void)state;
	fixture_read(FIXTURES "/squash/zstd.sqfs", &bytes);
	memset(bytes.data + 96 + 20, 0xff, 32); /* the first data block: of "blocks", the only file with whole ones */
	served_add(&s, fixture_memory(bytes.data, bytes.len));
	served_prepare(&s, false);
	k = kernel_start(&s);
	layer = look(k, FUSE_ROOT_ID, "0").nodeid;
	node = look(k, layer, "blocks").nodeid;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(read_at(k, node, 0, 4096), EIO);
		assert_int_equal(read_at(k, node, 0, 131072), EIO);
		assert_int_equal(read_at(k, node, 4096, 4096), 0);
		assert_int_equal(read_at(k, look(k, layer, "hello").nodeid, 0, 10), 0);
		assert_memory_equal(k->reply, "hello\n", 6);
	}
	kernel_stop(k);
	served_close(&s);
}

/* Nothing came over the socket: the launcher has died. */
static void test_run_without_mount(void **state)
{
	struct served s = samples_serve(false);
	int sock[2];
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(sock[0]);
		_exit(fileserver_run(s.server, sock[1]));
	}
	(void)close(sock[0]);
	(void)close(sock[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 1);
	served_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stack),		   cmocka_unit_test(test_links),
		cmocka_unit_test(test_prepare_errors),	   cmocka_unit_test(test_serve_nodes),
		cmocka_unit_test(test_serve_reads),	   cmocka_unit_test(test_serve_many_reads),
		cmocka_unit_test(test_serve_directories),  cmocka_unit_test(test_serve_xattrs),
		cmocka_unit_test(test_serve_without_xattrs), cmocka_unit_test(test_forged_marks),
		cmocka_unit_test(test_serve_damaged),	   cmocka_unit_test(test_run_without_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
