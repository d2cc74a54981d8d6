/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * singularity.conf: the site's configuration. Every directive of the reference is known (cli.md 3); an unknown one is
 * reported. The parsed struct holds them all, whether this program uses them or not.
 */
#ifndef FORMATS_CONF_H
#define FORMATS_CONF_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

struct site_conf {
	bool oci_mode, tmp_sandbox, systemd_cgroups;
	bool mount_proc, mount_sys, mount_devpts, mount_home, mount_tmp, mount_hostfs, mount_slave;
	enum { CONF_DEV_NO, CONF_DEV_YES, CONF_DEV_MINIMAL } mount_dev;
	bool config_passwd, config_group, config_resolv_conf;
	bool user_bind_control, always_use_nv, always_use_rocm, use_nvidia_container_cli;
	uint32_t sessiondir_max_size; /* MiB */
	struct strv bind_path;
	char *ldconfig_path, *root_search_path, *user_search_path;
	/* Of this program, not of the reference: how pull compresses. */
	char *squashfs_codec; /* "zstd", "gzip", "lz4" */
	uint32_t squashfs_level; /* 0: the codec's default */
	/* Everything by name as given, NAME=value, defaults included: for `config` and `buildcfg`. */
	struct strv all;
};

/**
 * conf_load() - read @path
 * @ret_unknown: names of directives nobody knows, for a warning; may be NULL
 *
 * Errors: ERR_SYSTEM if the file cannot be read (a missing one is an error, as in the reference), ERR_LIMIT above 1
 * MiB, ERR_CORRUPT for a value that its directive does not allow.
 */
must_check struct error *conf_load(const char *path, struct strv *ret_unknown, struct site_conf **ret_conf);
/* conf_parse() - the same from memory */
must_check struct error *conf_parse(const char *text, size_t len, struct strv *ret_unknown,
				    struct site_conf **ret_conf);
/* conf_print_default() - the configuration file as it is shipped: every directive, its default and what it means */
void conf_print_default(struct buf *out);
void conf_free(struct site_conf *conf);
DEFINE_CLEANUP(struct site_conf *, conf_free)

#endif
