/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The requests of the kernel, all but reading. open and opendir are answered ENOSYS, which tells the kernel once that it need not ask and
 * may keep data and directories; so are attribute requests where no layer has any. Everything may be kept for a day.
 */
#include "runtime/fileserver/fileserver_priv.h"

#include "base/log.h"
#include "base/num.h"

enum {
	FIRST_ENTRY = 2, /* a directory's offsets 0 and 1 are "." and ".." */
	REPLY_MAX = 256 << 10,
};

static struct fileserver *server_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* The one place where an error becomes a number for the kernel: damage and limits of the image are EIO. */
static void reply_error(fuse_req_t req, struct error *err)
{
	int errnum = error_kind(err) == ERR_SYSTEM ? error_errno(err) : EIO;

	if (server_of(req)->debug)
		log_debug("file server: %s", error_text(err));
	error_free(err);
	(void)fuse_reply_err(req, errnum > 0 ? errnum : EIO);
}

static struct error *stat_node(struct fileserver *server, fuse_ino_t node, struct stat *ret_st)
{
	struct squash_inode inode;

	if (node == FUSE_ROOT_ID) {
		node_root_stat(server, ret_st);
		return NULL;
	}
	node = merge_top(server, node);
	TRY(node_inode(server, node, &inode));
	node_stat(server, node_layer(server, node), &inode, ret_st);
	return NULL;
}

/* Node id of a layer's root by its name in the root directory; 0 if there is no such layer. */
static fuse_ino_t layer_find(const struct fileserver *server, const char *name)
{
	uint64_t i;

	if (!num_parse_u64(name, server->n_layers - 1, &i) || (name[0] == '0' && name[1]))
		return 0;
	return node_of(i, squash_super(server->layers[i].img)->root_ref);
}

static struct error *child_find(struct fileserver *server, fuse_ino_t parent, const char *name, fuse_ino_t *ret_node)
{
	const struct kept_dir *d;
	const struct squash_dirent *e;

	if (parent == FUSE_ROOT_ID && server->merged) {
		*ret_node = 0;
		return str_eq(name, "0") ? merge_root(server, ret_node) : NULL;
	}
	if (parent == FUSE_ROOT_ID) {
		*ret_node = server->n_layers > 0 ? layer_find(server, name) : 0;
		return NULL;
	}
	if (server->merged)
		return merge_child(server, parent, name, ret_node);
	TRY(node_dir(server, parent, &d));
	e = squash_dir_find(d->dir, name, strlen(name));
	*ret_node = e ? (parent & ~(fuse_ino_t)0xffffffffffff) | e->ref : 0;
	return NULL;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fileserver *server = server_of(req);
	struct fuse_entry_param e = { .attr_timeout = FILESERVER_TIMEOUT_S, .entry_timeout = FILESERVER_TIMEOUT_S };
	struct error *err = child_find(server, parent, name, &e.ino);

	server->counts[COUNT_LOOKUP]++;
	if (!err && e.ino)
		err = stat_node(server, e.ino, &e.attr);
	if (err)
		reply_error(req, err);
	else
		(void)fuse_reply_entry(req, &e); /* node 0: there is nothing, and that stays so */
	if (!err && e.ino && e.ino == server->expected)
		server->expected_known = true;
}

static void op_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fileserver *server = server_of(req);
	struct stat st;
	struct error *err = stat_node(server, node, &st);

	(void)fi;
	server->counts[COUNT_GETATTR]++;
	if (err)
		reply_error(req, err);
	else
		(void)fuse_reply_attr(req, &st, FILESERVER_TIMEOUT_S);
}

static struct error *link_target(struct fileserver *server, fuse_ino_t node, char **ret_target)
{
	struct squash_inode inode;

	TRY(node_inode(server, node, &inode));
	if (!S_ISLNK(inode.mode))
		return error_sys(EINVAL, "node %" PRIx64, (uint64_t)node);
	return squash_link_read(node_layer(server, node)->img, &inode, ret_target);
}

static void op_readlink(fuse_req_t req, fuse_ino_t node)
{
	struct fileserver *server = server_of(req);
	cleanup_free char *target = NULL;
	struct error *err = link_target(server, node, &target);

	server->counts[COUNT_READLINK]++;
	if (err)
		reply_error(req, err);
	else if (strlen(target) > PATH_MAX - 1) /* more would not fit the kernel's page */
		(void)fuse_reply_err(req, ENAMETOOLONG);
	else
		(void)fuse_reply_readlink(req, target);
}

static void op_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	(void)fi;
	server_of(req)->counts[COUNT_OPEN]++;
	(void)fuse_reply_err(req, ENOSYS);
}

static void op_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	(void)fi;
	server_of(req)->counts[COUNT_OPENDIR]++;
	(void)fuse_reply_err(req, ENOSYS);
}

/* A directory while it is listed. */
struct listing {
	fuse_ino_t node;
	const struct kept_dir *dir; /* its own, or that of its topmost part; NULL for the root */
	const struct strv *names;   /* of a merged directory; else NULL */
};

/* "." and "..", of which the kernel takes no attributes. */
static void dot_entry(struct fileserver *server, const struct listing *l, uint64_t i, char *name, struct fuse_entry_param *e)
{
	const struct layer *layer = node_layer(server, merge_top(server, l->node));
	bool top = !layer || l->dir->inode.ref == squash_super(layer->img)->root_ref;

	e->attr.st_mode = S_IFDIR;
	e->attr.st_ino = !layer ? FUSE_ROOT_ID : i == 0 ? node_ino(layer, l->dir->inode.number) :
			 top    ? FUSE_ROOT_ID : node_ino(layer, l->dir->inode.parent);
	memcpy(name, "..", 3);
	name[i + 1] = '\0';
}

/* Fills e and name with entry @i of a directory, false past its end. Node 0 of a merged directory's entry: not to be shown. */
static bool dir_entry(struct fileserver *server, const struct listing *l, uint64_t i, char *name, struct fuse_entry_param *e)
{
	const struct layer *layer = node_layer(server, l->node);

	*e = (struct fuse_entry_param){ .attr_timeout = FILESERVER_TIMEOUT_S, .entry_timeout = FILESERVER_TIMEOUT_S };
	if (i < FIRST_ENTRY) {
		dot_entry(server, l, i, name, e);
		return true;
	}
	i -= FIRST_ENTRY;
	if (l->names) {
		if (i >= l->names->n)
			return false;
		(void)snprintf(name, SQUASH_NAME_MAX + 1, "%s", l->names->items[i]);
		error_free(merge_child(server, l->node, name, &e->ino));
	} else if (!layer) {
		if (i >= (server->merged ? 1 : server->n_layers))
			return false;
		(void)snprintf(name, SQUASH_NAME_MAX, "%zu", (size_t)i);
		error_free(child_find(server, FUSE_ROOT_ID, name, &e->ino));
	} else {
		const struct squash_dirent *entry;

		if (i >= squash_dir_count(l->dir->dir))
			return false;
		entry = squash_dir_at(l->dir->dir, (size_t)i);
		memcpy(name, entry->name, entry->name_len);
		name[entry->name_len] = '\0';
		e->ino = (l->node & ~(fuse_ino_t)0xffffffffffff) | entry->ref;
		e->attr.st_mode = entry->type;
		e->attr.st_ino = node_ino(layer, entry->number);
	}
	return true;
}

static struct error *listing_open(struct fileserver *server, fuse_ino_t node, struct listing *ret_listing)
{
	*ret_listing = (struct listing){ .node = node };
	if (node == FUSE_ROOT_ID)
		return NULL;
	if (merge_has(server, node))
		TRY(merge_names(server, node, &ret_listing->names));
	return node_dir(server, merge_top(server, node), &ret_listing->dir);
}

/* A removed name, which the merged tree does not show. */
static bool is_hidden(const struct fileserver *server, const struct listing *l, uint64_t i, const struct fuse_entry_param *e)
{
	if (!server->merged || i < FIRST_ENTRY)
		return false;
	return (l->names && !e->ino) || (S_ISCHR(e->attr.st_mode) && e->attr.st_rdev == 0);
}

static struct error *dir_fill(fuse_req_t req, fuse_ino_t node, size_t size, uint64_t offset, size_t *ret_used)
{
	struct fileserver *server = server_of(req);
	struct listing listing;
	struct fuse_entry_param e;
	char name[SQUASH_NAME_MAX + 1];
	size_t used = 0;

	TRY(listing_open(server, node, &listing));
	for (uint64_t i = offset; dir_entry(server, &listing, i, name, &e); i++) {
		size_t need;

		if (e.ino) { /* an entry whose inode is damaged is listed without attributes: asking for them will fail */
			struct error *err = stat_node(server, e.ino, &e.attr);

			if (err)
				e.ino = 0;
			error_free(err);
		}
		if (is_hidden(server, &listing, i, &e))
			continue;
		need = fuse_add_direntry_plus(req, (char *)server->reply + used, size - used, name, &e, (off_t)(i + 1));
		if (need > size - used)
			break;
		used += need;
	}
	*ret_used = used;
	return NULL;
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct fileserver *server = server_of(req);
	struct error *err;
	size_t used;

	(void)fi;
	server->counts[COUNT_READDIRPLUS]++;
	if (size > REPLY_MAX)
		size = REPLY_MAX;
	if (server->reply_size < size) {
		server->reply = xrealloc(server->reply, size);
		server->reply_size = size;
	}
	err = dir_fill(req, node, size, offset < 0 ? 0 : (uint64_t)offset, &used);
	if (err)
		reply_error(req, err);
	else
		(void)fuse_reply_buf(req, (const char *)server->reply, used);
}

/*
 * With user_xattrs the marks of overlayfs, which layers carry as trusted.overlay.*, appear as user.overlay.*, where an overlay of a user
 * namespace looks for them. What the image itself has under user.overlay.* is hidden: it was a file's own attribute when the layer was
 * made (of a container storage inside the image, say), and would otherwise turn into marks here. Other trusted.* are hidden too:
 * nobody in that namespace could read them. NULL: not served; else caller frees.
 */
static char *xattr_served_name(const struct fileserver *server, const char *stored)
{
	const char *mark = str_after(stored, "trusted.overlay.");

	if (!server->user_xattrs)
		return xstrdup(stored);
	if (mark)
		return xasprintf("user.overlay.%s", mark);
	if (str_starts(stored, "trusted.") || str_starts(stored, "user.overlay."))
		return NULL;
	return xstrdup(stored);
}

static struct error *node_xattrs(struct fileserver *server, fuse_ino_t node, struct squash_xattrs *ret_xattrs)
{
	struct squash_inode inode;

	if (node == FUSE_ROOT_ID)
		return NULL;
	node = merge_top(server, node);
	TRY(node_inode(server, node, &inode));
	return squash_xattrs_read(node_layer(server, node)->img, &inode, ret_xattrs);
}

static void reply_xattr(fuse_req_t req, const void *data, size_t n, size_t size)
{
	if (size == 0)
		(void)fuse_reply_xattr(req, n);
	else if (n > size)
		(void)fuse_reply_err(req, ERANGE);
	else
		(void)fuse_reply_buf(req, data, n);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t node, const char *name, size_t size)
{
	struct fileserver *server = server_of(req);
	cleanup_squash_xattrs struct squash_xattrs set = { 0 };
	struct error *err = node_xattrs(server, node, &set);

	server->counts[COUNT_GETXATTR]++;
	if (err) {
		reply_error(req, err);
		return;
	}
	for (size_t i = 0; i < set.n; i++) {
		cleanup_free char *served = xattr_served_name(server, set.items[i].name);

		if (served && str_eq(served, name)) {
			reply_xattr(req, set.items[i].value, set.items[i].size, size);
			return;
		}
	}
	(void)fuse_reply_err(req, ENODATA);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t node, size_t size)
{
	struct fileserver *server = server_of(req);
	cleanup_squash_xattrs struct squash_xattrs set = { 0 };
	cleanup_buf struct buf list = { 0 };
	struct error *err = node_xattrs(server, node, &set);

	server->counts[COUNT_LISTXATTR]++;
	if (err) {
		reply_error(req, err);
		return;
	}
	for (size_t i = 0; i < set.n; i++) {
		cleanup_free char *served = xattr_served_name(server, set.items[i].name);

		if (served)
			buf_append(&list, served, strlen(served) + 1);
	}
	reply_xattr(req, buf_str(&list), list.len, size);
}

static void op_statfs(fuse_req_t req, fuse_ino_t node)
{
	struct fileserver *server = server_of(req);
	struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = SQUASH_NAME_MAX };

	(void)node;
	server->counts[COUNT_STATFS]++;
	for (size_t i = 0; i < server->n_layers; i++) {
		const struct squash_super *s = squash_super(server->layers[i].img);

		st.f_blocks += (s->bytes_used + 4095) / 4096;
		st.f_files += s->n_inodes;
	}
	(void)fuse_reply_statfs(req, &st);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_ASYNC_READ |
				       FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT);
	conn->want &= ~(unsigned int)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_AUTO_INVAL_DATA);
	conn->max_background = 64;
	conn->congestion_threshold = 48;
}

struct fuse_lowlevel_ops ops_table(const struct fileserver *server)
{
	struct fuse_lowlevel_ops ops = {
		.init = op_init,
		.lookup = op_lookup,
		.getattr = op_getattr,
		.readlink = op_readlink,
		.open = op_open,
		.opendir = op_opendir,
		.readdirplus = op_readdirplus,
		.read = ops_read,
		.statfs = op_statfs,
	};

	if (server->has_xattrs) {
		ops.getxattr = op_getxattr;
		ops.listxattr = op_listxattr;
	}
	return ops;
}
