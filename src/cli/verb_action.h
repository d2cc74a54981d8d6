/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options of the commands that start a container: run, exec, shell and test. Those of OCI mode only; what the reference
 * parses and then refuses in OCI mode is parsed and refused here too, before anything is fetched.
 */
#ifndef CLI_VERB_ACTION_H
#define CLI_VERB_ACTION_H

#include "cli/verb.h"

struct action_options {
	/* The container. */
	struct strv bind, mount, scratch, no_mount, containlibs, env, env_file;
	const char *add_caps, *app, *cwd, *dns, *drop_caps, *home, *hostname, *network, *workdir;
	bool allow_setuid, cleanenv, fakeroot, ipc, keep_privs, net, no_compat, no_eval, no_home, no_pid, no_privs,
		no_setgroups;
	bool no_umask, pid, userns, uts, writable_tmpfs;
	/* Accepted without effect: images are always mounted, never unpacked. */
	bool tmp_sandbox, no_tmp_sandbox;
	/* Where the image comes from. */
	const char *authfile, *docker_username, *docker_password, *tmpdir;
	bool disable_cache, docker_login, keep_layers, no_https;
	bool oci, no_oci;
	/* Refused in OCI mode. */
	struct strv fusemount, network_args, security;
	const char *netns_path, *pem_path, *proot, *shell;
	bool compat, contain, containall, no_init, nvccli, passphrase, sif_fuse;
};

extern const struct verb verb_run, verb_exec, verb_shell, verb_test;

#endif
