/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files by (dirfd, relative path). Four named policies; nothing else in the tree calls open(). All descriptors are
 * close-on-exec. Error texts are "open PATH: no such file or directory", as the reference prints them.
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include "base/error.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>

/* fs_open() - a path the user typed, with the user's rights; links are followed. @mode counts with O_CREAT only. */
must_check struct error *fs_open(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd);
/* fs_open_beneath() - a path in one of our own trees: no links, never above @dirfd */
must_check struct error *fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd);
/* fs_open_in_root() - a path from an image: @dirfd is its root, links are resolved inside it */
must_check struct error *fs_open_in_root(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd);
/* fs_open_proc() - a path below /proc, checked to lie on procfs */
must_check struct error *fs_open_proc(const char *path_below_proc, int flags, int *ret_fd);

/* fs_read_file() - append a whole file to @b; ERR_LIMIT beyond @limit bytes */
must_check struct error *fs_read_file(int dirfd, const char *path, size_t limit, struct buf *b);
/**
 * fs_write_file() - make a file appear whole: a temporary beside it, written, renamed over @name
 * @name: relative to @dirfd; replaced if it exists; @mode is exact (the umask does not count)
 * @sync: fsync before the rename, for what must survive a crash
 */
must_check struct error *fs_write_file(int dirfd, const char *name, const void *data, size_t size, mode_t mode,
				       bool sync);
/* fs_mkdirs() - make @path and its missing parents with @mode (less the umask); existing directories are fine */
must_check struct error *fs_mkdirs(int dirfd, const char *path, mode_t mode);
/**
 * fs_mkdtemp() - make a directory of mode 0700 with a fresh random name below @parent (an absolute or relative path)
 * @prefix:   start of the name
 * @ret_path: path of the directory, caller frees
 */
must_check struct error *fs_mkdtemp(const char *parent, const char *prefix, char **ret_path);
/* fs_remove_tree() - remove a tree of ours without following links or crossing mounts; a missing one is fine */
must_check struct error *fs_remove_tree(int dirfd, const char *path);
/* fs_read_link() - target of a symbolic link, caller frees; ERR_LIMIT above PATH_MAX */
must_check struct error *fs_read_link(int dirfd, const char *path, char **ret_target);
/* fs_absolute() - @path against the current directory, lexically cleaned (no "." "..", no doubled slashes); caller
 * frees */
must_check struct error *fs_absolute(const char *path, char **ret_path);
/* fs_clean() - lexical cleaning alone, as Go's path.Clean; caller frees */
char *fs_clean(const char *path);
/* fs_basename() - what follows the last slash; borrowed from @path */
const char *fs_basename(const char *path);

#endif
