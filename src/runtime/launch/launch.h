/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Launching a container in two steps. launch_plan_make() is pure: from what was asked for (options), the image's
 * config, the site's configuration and facts about the host it makes a struct launch_plan; it touches nothing, and is
 * tested by its printed form. launch_execute() walks the plan and decides nothing. oci-mode.md is the specification;
 * design.md 3 the shape.
 */
#ifndef RUNTIME_LAUNCH_H
#define RUNTIME_LAUNCH_H

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "formats/oci/oci.h"

#include <stdint.h>
#include <sys/types.h>

struct site_conf; /* formats/conf */

enum launch_action { LAUNCH_RUN, LAUNCH_EXEC, LAUNCH_SHELL, LAUNCH_TEST };
enum launch_runtime { LAUNCH_CRUN, LAUNCH_RUNC };

/* What the command line asked for (flags and SINGULARITY_ variables merged by cli/). Strings are borrowed; NULL is "not
 * given". */
struct launch_options {
	enum launch_action action;
	const char *image_arg;	 /* as typed, or the local path a URI was pulled to: SINGULARITY_NAME */
	const char *image_path;	 /* absolute path of the OCI-SIF */
	const struct strv *args; /* words after the image */
	const struct strv *binds, *mounts,
		*data; /* --bind, --mount, --data values in order, environment's values after */
	const struct strv *scratch, *no_mount, *containlibs, *env_files;
	const struct strv *env;	     /* --env: NAME=value, later wins */
	const struct strv *host_env; /* the caller's environment, NAME=value */
	const char *cwd, *home, *workdir, *hostname, *dns, *app, *add_caps, *drop_caps, *network;
	bool fakeroot, no_compat, writable_tmpfs, no_home, no_pid, pid, ipc, uts, net, userns, cleanenv, no_umask,
		no_eval;
	bool keep_privs, no_privs, allow_setuid, no_setgroups, no_init, nv, rocm;
	bool home_given; /* --home or SINGULARITY_HOME */
};

struct launch_subid {
	uint32_t start, count; /* count 0: no usable range */
};

/* What the host is like. Gathered by launch_facts_gather() before planning. */
struct launch_facts {
	uid_t uid;
	gid_t gid;
	bool is_root; /* uid 0: mount namespace only */
	struct launch_subid subuid, subgid;
	char *user_name, *user_gecos, *user_home, *user_shell; /* passwd entry of uid; NULL if it has none */
	char *group_name;				       /* of gid; NULL if it has none */
	char *root_name, *root_gecos, *root_home, *root_shell, *root_group_name; /* of uid 0, for --fakeroot */
	bool has_tty_group;
	gid_t tty_gid;
	char *cwd; /* caller's working directory */
	mode_t umask;
	bool stdin_is_tty;
	bool proc_is_covered;	     /* found out by trying: no user namespace may mount a new /proc */
	bool cgroup2_unified;	     /* /sys/fs/cgroup is cgroup2 */
	bool cgroup_hybrid;	     /* controllers of v1, and cgroup2 on /sys/fs/cgroup/unified */
	char *newuidmap, *newgidmap; /* NULL if not on the search path; then there are no ranges either */
	uint16_t tty_rows, tty_cols; /* window size of the terminal on stdin; 0 if there is none */
	bool stdout_is_tty, stderr_is_tty;
	char *runtime_path; /* crun or runc; NULL if neither is on the search path */
	enum launch_runtime runtime;
	char *resolv_conf; /* host's /etc/resolv.conf; NULL if unreadable, then resolv_conf_error says why */
	char *resolv_conf_error;
	unsigned int last_cap;	 /* /proc/sys/kernel/cap_last_cap */
	uint64_t effective_caps; /* of this process: what --keep-privs keeps for root */
	uint32_t n_ids;		 /* ids of this user namespace, from 0 on; 0: unknown, 65536 is assumed */
	struct strv env_texts;	 /* contents of options->env_files, in their order (launch_env_files_read()) */
};

/* What the plan needs of the image. */
struct launch_image {
	const struct oci_config *config;
	char *passwd, *group; /* /etc/passwd, /etc/group of the layers, NULL if there is no such regular file */
	bool var_tmp_is_tmp;  /* /var/tmp resolves to the same place as /tmp */
};

struct launch_idmap {
	uint32_t container_id, host_id, size;
};

/* A file that is written into the bundle before the runtime starts. */
struct launch_file {
	char *name; /* relative to the bundle: "config.json", "etc/passwd" */
	mode_t mode;
	char *data;
	size_t len;
};

/* A path of the host that the container gets; it must exist before anything is set up. */
struct launch_source {
	char *path;    /* absolute */
	char *context; /* for the error: "while configuring home mount" */
};

/* Something printed before the container starts. */
struct launch_notice {
	enum log_level level;
	char *text;
};

struct launch_plan {
	/* Namespaces of the stage that becomes the runtime. */
	bool outer_userns;			      /* not for host root */
	struct launch_idmap *outer_uids, *outer_gids; /* of that user namespace; container_id = id inside it */
	size_t n_outer_uids, n_outer_gids;
	bool single_id;	    /* no subordinate range: written by ourselves, no newuidmap */
	bool private_pidns; /* the stage is PID 1 of a namespace of its own (not with --no-pid) */
	/* Owners as the file server presents them: image id -> id of the outer user namespace. */
	struct launch_idmap *served_uids,
		*served_gids; /* container_id = image id, host_id = served id; n == 0: identity */
	size_t n_served_uids, n_served_gids;
	bool served_squash; /* with single_id: every owner is served as id 0, since there is no other id */
	/* Session tmpfs and bundle. */
	char *session_dir; /* mount point of the session tmpfs */
	uint32_t session_size_mib;
	char *bundle; /* absolute path below session_dir */
	bool upper_nosuid;
	bool user_xattrs; /* overlay with userxattr */
	struct launch_file *files;
	size_t n_files;
	/* The runtime. */
	char *runtime_path;
	enum launch_runtime runtime;
	char *container_id;	  /* UUID v4 */
	struct strv runtime_argv; /* with --root and -b as planned */
	struct strv runtime_env;
	bool terminal;		/* process.terminal */
	bool runtime_read_only; /* crun's binary is bound read-only, so that it need not copy itself: see launch_stage.c
				 */
	char *program;		/* process.args[0], "" if there is none */
	char *program_path;	/* PATH of the container, in which it is looked for */
	struct strv make_dirs_1777; /* directories to make below workdir before mounting: relative paths */
	char *workdir;		    /* absolute; NULL without --workdir */
	struct launch_source *sources;
	size_t n_sources;
	bool hide_cgroup_unified; /* cover /sys/fs/cgroup/unified: crun refuses hybrid hosts */
	struct launch_notice *notices;
	size_t n_notices;
};

/**
 * launch_env_files_read() - read the files of --env-file, so that planning needs no file
 * @ret_texts: one text per file, in order
 *
 * Errors: `could not read environment file "F": ...`; ERR_LIMIT above 1 MiB, ERR_CORRUPT for a NUL byte.
 */
must_check struct error *launch_env_files_read(const struct strv *paths, struct strv *ret_texts);
/**
 * launch_facts_gather() - what is needed to make namespaces: ids, ranges, programs
 *
 * launch_facts_complete() adds the rest; apart, so that it is done while the id maps are written.
 */
must_check struct error *launch_facts_gather(const struct site_conf *conf, const struct launch_options *options,
					     struct launch_facts **ret_facts);
must_check struct error *launch_facts_complete(const struct launch_options *options, struct launch_facts *facts);
void launch_facts_free(struct launch_facts *facts);
DEFINE_CLEANUP(struct launch_facts *, launch_facts_free)

/**
 * launch_options_check() - refuse what OCI mode does not do, before anything is fetched or opened
 * Errors: ERR_USAGE with the reference's sentence (oci-mode.md 8.1).
 */
must_check struct error *launch_options_check(const struct launch_options *options);

/**
 * launch_plan_make() - decide everything
 * @random: 16 bytes for the container id and the bundle's name, so that the function stays pure
 */
must_check struct error *launch_plan_make(const struct launch_options *options, const struct launch_image *image,
					  const struct site_conf *conf, const struct launch_facts *facts,
					  const uint8_t random[16], struct launch_plan **ret_plan);
/**
 * launch_plan_check_sources() - every path of the host that the plan binds must exist; as the user, before any
 * namespace is entered
 *
 * Errors: ERR_SYSTEM in the reference's words (`... cannot stat bind source ...`).
 */
must_check struct error *launch_plan_check_sources(const struct launch_plan *plan);
void launch_plan_free(struct launch_plan *plan);
DEFINE_CLEANUP(struct launch_plan *, launch_plan_free)
/* launch_plan_print() - the whole plan as text, for --debug and the golden tests */
void launch_plan_print(const struct launch_plan *plan, struct buf *out);

/**
 * launch_run() - open the image, plan, execute, wait; the whole life of a container
 * @image_fd: OCI-SIF, taken over
 * @sink:     receives the plan's notices before the container starts
 * @ret_status: exit status of the container (128 + n if signal n ended it)
 */
must_check struct error *launch_run(const struct launch_options *options, const struct site_conf *conf, int image_fd,
				    log_sink *sink, void *sink_ctx, int *ret_status);

#endif
