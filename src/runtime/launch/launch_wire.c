/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plan on its way to the stage: fields in a fixed order, numbers as 32 bits, strings with their length before them.
 * Both ends are the same program; the cursor still checks, since a half-sent plan must be an error and not a container.
 */
#include "runtime/launch/launch_priv.h"

#include "base/cursor.h"
#include "base/io.h"

/* Config and generated files: far below this; a plan beyond it is our own mistake. */
enum { WIRE_MAX = 256 << 20 };

static void put_bytes(struct buf *b, const void *data, size_t len)
{
	put_u32le(b, (uint32_t)len);
	buf_append(b, data, len);
}

static void put_str(struct buf *b, const char *s)
{
	put_bytes(b, s, strlen(s));
}

static void put_strv(struct buf *b, const struct strv *v)
{
	put_u32le(b, (uint32_t)v->n);
	for (size_t i = 0; i < v->n; i++)
		put_str(b, v->items[i]);
}

struct error *launch_wire_send(int fd, const struct launch_plan *plan)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_buf struct buf head = { 0 };

	put_u8(&b, plan->outer_userns);
	put_u8(&b, plan->private_pidns);
	put_u8(&b, plan->upper_nosuid);
	put_u8(&b, plan->user_xattrs);
	put_u8(&b, plan->terminal);
	put_u8(&b, plan->hide_cgroup_unified);
	put_u8(&b, plan->runtime_read_only);
	put_u32le(&b, plan->session_size_mib);
	put_str(&b, plan->session_dir);
	put_str(&b, plan->bundle);
	put_str(&b, plan->runtime_path);
	put_str(&b, plan->program);
	put_strv(&b, &plan->runtime_argv);
	put_strv(&b, &plan->runtime_env);
	put_u32le(&b, (uint32_t)plan->n_files);
	for (size_t i = 0; i < plan->n_files; i++) {
		put_str(&b, plan->files[i].name);
		put_u32le(&b, plan->files[i].mode);
		put_bytes(&b, plan->files[i].data, plan->files[i].len);
	}
	if (b.len > WIRE_MAX)
		return error_new(ERR_LIMIT, "the container's configuration needs %zu bytes (limit %d)", b.len,
				 WIRE_MAX);
	put_u32le(&head, (uint32_t)b.len);
	TRY(io_write_all(fd, head.data, head.len));
	return io_write_all(fd, b.data, b.len);
}

static char *get_str(struct cursor *c, size_t *ret_len)
{
	size_t len = cursor_u32le(c);
	const uint8_t *at = cursor_bytes(c, len);
	char *copy = xcalloc(at ? len + 1 : 1, 1);

	if (at && len)
		memcpy(copy, at, len);
	if (ret_len)
		*ret_len = at ? len : 0;
	return copy;
}

static void get_strv(struct cursor *c, struct strv *v)
{
	for (uint32_t n = cursor_u32le(c); n && !c->overrun; n--)
		strv_add_take(v, get_str(c, NULL));
}

static void get_files(struct cursor *c, struct launch_plan *plan)
{
	uint32_t n = cursor_u32le(c);

	if (n > cursor_left(c))
		n = 0;
	plan->files = xcalloc(n, sizeof(*plan->files));
	for (; plan->n_files < n && !c->overrun; plan->n_files++) {
		struct launch_file *file = &plan->files[plan->n_files];

		file->name = get_str(c, NULL);
		file->mode = cursor_u32le(c);
		file->data = get_str(c, &file->len);
	}
}

struct error *launch_wire_recv(int fd, struct launch_plan **ret_plan)
{
	uint8_t head[4];
	size_t n;

	TRY(io_read(fd, head, sizeof(head), &n));
	if (n < sizeof(head)) {
		*ret_plan = NULL;
		return NULL;
	}

	struct cursor c = cursor_over(head, sizeof(head));
	size_t size = cursor_u32le(&c);
	cleanup_free char *data = NULL;

	TRY(alloc_bounded(size, 1, WIRE_MAX, "plan", &data));
	TRY(io_read(fd, data, size, &n));
	c = cursor_over(data, n);

	cleanup_with(launch_plan_free) struct launch_plan *plan = xcalloc(1, sizeof(*plan));

	plan->outer_userns = cursor_u8(&c);
	plan->private_pidns = cursor_u8(&c);
	plan->upper_nosuid = cursor_u8(&c);
	plan->user_xattrs = cursor_u8(&c);
	plan->terminal = cursor_u8(&c);
	plan->hide_cgroup_unified = cursor_u8(&c);
	plan->runtime_read_only = cursor_u8(&c);
	plan->session_size_mib = cursor_u32le(&c);
	plan->session_dir = get_str(&c, NULL);
	plan->bundle = get_str(&c, NULL);
	plan->runtime_path = get_str(&c, NULL);
	plan->program = get_str(&c, NULL);
	get_strv(&c, &plan->runtime_argv);
	get_strv(&c, &plan->runtime_env);
	get_files(&c, plan);
	TRY(cursor_finish(&c, "plan"));
	*ret_plan = take_ptr(&plan);
	return NULL;
}
