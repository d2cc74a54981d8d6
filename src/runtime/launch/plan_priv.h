/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts that launch_plan_make() is put together from. All of them are pure. The section numbers are those of
 * oci-mode.md, the description of OCI mode that this program follows.
 */
#ifndef RUNTIME_LAUNCH_PLAN_PRIV_H
#define RUNTIME_LAUNCH_PLAN_PRIV_H

#include "base/json.h"
#include "formats/conf/conf.h"
#include "runtime/launch/launch.h"

/* Where libraries of the host appear in a container, and so the end of every LD_LIBRARY_PATH. */
#define PLAN_LIBS_DIR "/.singularity.d/libs"
#define PLAN_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Most binds of one command; the kernel's default limit of mounts in a namespace is 100000. */
enum { PLAN_BINDS_MAX = 10000 };

/* One --bind or --mount request. */
struct plan_bind {
	char *source, *destination; /* as typed; destination defaults to source */
	char *image_src, *id;	    /* of an image bind; NULL if not given */
	bool read_only;
};

struct plan_binds {
	struct plan_bind *items;
	size_t n, cap;
};

struct plan_user {
	uint32_t uid, gid;
	bool is_unknown; /* a number that the image's passwd file does not have */
};

/* Work in progress: what was asked, and what has been decided so far. */
struct plan_draft {
	const struct launch_options *opt;
	const struct launch_image *image;
	const struct site_conf *conf;
	const struct launch_facts *facts;
	struct launch_plan *plan;
	bool no_pid;		  /* without a PID namespace: as asked, or because this host allows no new /proc */
	bool has_image_user;   /* the image declares a USER */
	bool inner_userns;     /* the runtime is asked for a user namespace */
	struct plan_user user; /* of the process, ids in the container */
	char *home_source;     /* NULL: a tmpfs */
	char *home;	       /* where the home directory is in the container */
	struct jv *mounts;     /* array of config.json */
	struct launch_idmap *inner_uids, *inner_gids;
	size_t n_inner_uids, n_inner_gids;
};

/* plan_bind_parse() - the --bind grammar (3.8): one or more comma-separated SRC[:DST[:OPT[,OPT]]]; appends to @binds */
must_check struct error *plan_bind_parse(const char *list, struct plan_binds *binds);
/* plan_mount_parse() - the --mount grammar (3.8): newline-separated CSV records of key[=value]; appends to @binds */
must_check struct error *plan_mount_parse(const char *records, struct plan_binds *binds);
void plan_binds_free(struct plan_binds *binds);
#define cleanup_binds __attribute__((__cleanup__(plan_binds_free)))
/* plan_binds_of() - all that --bind and --mount ask for, in that order */
must_check struct error *plan_binds_of(const struct launch_options *opt, struct plan_binds *binds);
/* plan_binds_add() - append an empty bind; ERR_LIMIT beyond PLAN_BINDS_MAX */
must_check struct error *plan_binds_add(struct plan_binds *binds, struct plan_bind **ret_bind);

/**
 * plan_user_resolve() - ids of an image's USER: [user|uid][:[group|gid]]
 * @passwd, @group: the image's files or NULL
 *
 * A number that the files do not know is used as it is, with group 0; an unknown name is ERR_NOT_FOUND.
 */
must_check struct error *plan_user_resolve(const char *spec, const char *passwd, const char *group,
					   struct plan_user *ret_user);
/* plan_passwd_text() - the image's passwd file with the line of the container's user added, or rewritten (3.15) */
struct plan_passwd_wanted {
	const char *name, *gecos, *home, *shell;
	uint32_t uid, gid;
};
char *plan_passwd_text(const char *passwd, const struct plan_passwd_wanted *wanted);
/* plan_group_text() - the image's group file with the line of the primary group added */
char *plan_group_text(const char *group, const char *name, uint32_t gid, const char *member);

/* plan_home_parse() - --home [SRC:]DST; ERR_USAGE with the reference's sentence */
must_check struct error *plan_home_parse(const char *value, char **ret_source, char **ret_destination);
/* plan_dns_text() - resolv.conf from --dns; ERR_USAGE for what is no address */
must_check struct error *plan_dns_text(const char *dns, char **ret_text);

/* plan_ids() - user, namespaces, maps; fills the plan's id fields and the draft's (1.5, 2.2) */
must_check struct error *plan_ids(struct plan_draft *d);
/* plan_mounts() - everything that is mounted, in order (3) */
must_check struct error *plan_mounts(struct plan_draft *d);
/* plan_args() - the process and its arguments (5.1, 5.3) */
must_check struct error *plan_args(struct plan_draft *d, struct strv *ret_args);
/* plan_env() - the process's environment (5.6) */
must_check struct error *plan_env(struct plan_draft *d, struct strv *ret_env);
/* plan_caps() - the "capabilities" object (2.4); owned by the caller */
struct jv *plan_caps(struct plan_draft *d);
/* plan_config() - config.json as a document (2); owned by the caller */
must_check struct error *plan_config(struct plan_draft *d, struct jv **ret_config);
/* plan_etc_files() - resolv.conf, passwd and group into the bundle, with their mounts (3.15) */
must_check struct error *plan_etc_files(struct plan_draft *d);

void plan_notice(struct plan_draft *d, enum log_level level, const char *fmt, ...) printf_like(3, 4);
/* plan_file_add() - a file of the bundle; takes @data */
void plan_file_add(struct plan_draft *d, const char *name, mode_t mode, char *data, size_t len);
/* plan_mount_add() - one mount; @type NULL leaves the member out, @options are comma-separated; returns the array, to
 * add more */
struct jv *plan_mount_add(struct plan_draft *d, const char *destination, const char *type, const char *source,
			  const char *options);
bool plan_no_mount(const struct plan_draft *d, const char *what);

#endif
