/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * User namespaces for an ordinary user: the subordinate id ranges that the system gives him, and writing the id maps of
 * a child's namespace, with newuidmap and newgidmap side by side or, for a single id, by ourselves. user_namespaces(7),
 * subuid(5).
 */
#ifndef RUNTIME_USERNS_H
#define RUNTIME_USERNS_H

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

/* The kernel's limit is 340 extents since 4.15, and nobody needs more than the three of an inner map. */
enum { USERNS_EXTENTS_MAX = 16 };

struct userns_range {
	uint32_t start, count; /* count 0: none */
};

struct userns_extent {
	uint32_t inside, outside, size;
};

struct userns_map {
	struct userns_extent extents[USERNS_EXTENTS_MAX];
	size_t n;
};

/* Smallest range that can hold an image's ids; smaller ones count as none, as the reference has it. */
enum { USERNS_RANGE_MIN = 65536 };

/**
 * userns_parse_ranges() - find a user's range in the text of /etc/subuid or /etc/subgid
 * @user: login name, may be NULL; the decimal @uid is a key too. Both files are keyed by the *user*.
 *
 * The first range of at least USERNS_RANGE_MIN ids wins; count 0 if there is none. Entries that begin with '!' are
 * disabled.
 */
struct userns_range userns_parse_ranges(const char *text, const char *user, uid_t uid);

/**
 * userns_find_ranges() - the ranges of a user, from the files or, where nsswitch.conf names a source for `subid`, from
 * libsubid
 *
 * Never fails: what cannot be read counts as no range.
 */
void userns_find_ranges(const char *user, uid_t uid, struct userns_range *ret_uids, struct userns_range *ret_gids);

/* newuidmap and newgidmap at work on a child's namespace. */
struct userns_job {
	pid_t uid_pid, gid_pid; /* 0: not running */
};

/**
 * userns_start_maps() - start newuidmap and newgidmap for @pid, side by side
 * @newuidmap: absolute path; likewise @newgidmap
 *
 * userns_finish_maps() waits for both; ERR_DENIED with the reference's sentence if one failed.
 */
must_check struct error *userns_start_maps(pid_t pid, const char *newuidmap, const char *newgidmap,
					   const struct userns_map *uids, const struct userns_map *gids,
					   struct userns_job *ret_job);
must_check struct error *userns_finish_maps(struct userns_job *job);

/* userns_write_single() - map only @inside_uid and @inside_gid of @pid's namespace to the caller's ids; setgroups is
 * denied */
must_check struct error *userns_write_single(pid_t pid, uint32_t inside_uid, uint32_t inside_gid);

#endif
