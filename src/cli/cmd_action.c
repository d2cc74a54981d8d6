/* SPDX-License-Identifier: BSD-3-Clause */
/* run, exec, shell, test: from options to a container. What they have in common is all but the action. */
#include "cli/cmd_action.h"

#include "build_config.h"

static struct error *refuse_names(const struct strv *names)
{
	cleanup_free char *joined = strv_join(names, ",");

	return error_new(ERR_UNSUPPORTED, "while configuring container: not supported by OCI launcher: %s", joined);
}

struct error *action_check_supported(const struct action_options *o, bool other_config)
{
	/* The reference reports all at once, in this order and by these names (oci-mode.md 8.1). */
	const struct {
		bool given;
		const char *name;
	} refused[] = {
		{ o->fusemount.n > 0, "FuseMount" },
		{ o->nvccli, "NvCCLI" },
		{ o->proot != NULL, "Proot" },
		{ o->net && !str_eq(o->network, "none"), "Network (except none)" },
		{ o->network_args.n > 0, "NetworkArgs" },
		{ o->netns_path != NULL, "NetnsPath" },
		{ o->security.n > 0, "SecurityOpts" },
		{ other_config, "ConfigFile" },
		{ o->shell != NULL, "ShellPath" },
		{ o->no_init || o->compat, "NoInit" },
		{ o->contain, "Contain" },
		{ o->containall || o->compat, "ContainAll" },
		{ o->passphrase || o->pem_path, "KeyInfo" },
		{ o->sif_fuse, "SIFFUSE" },
	};
	cleanup_strv struct strv names = { 0 };

	if (o->compat && o->no_compat)
		return error_new(ERR_USAGE, "Cannot use --no-compat with --compat: incompatible options");
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (refused[i].given)
			strv_add(&names, refused[i].name);
	}
	return names.n ? refuse_names(&names) : NULL;
}

void action_fill_launch(const struct action_options *o, enum launch_action action, bool home_given,
			struct launch_options *ret_launch)
{
	static const struct strv none;

	*ret_launch = (struct launch_options){
		.action = action,
		.binds = &o->bind,
		.mounts = &o->mount,
		.data = &none,
		.scratch = &o->scratch,
		.no_mount = &o->no_mount,
		.containlibs = &o->containlibs,
		.env_files = &o->env_file,
		.env = &o->env,
		.cwd = o->cwd,
		.home = o->home,
		.workdir = o->workdir,
		.hostname = o->hostname,
		.dns = o->dns,
		.app = o->app,
		.add_caps = o->add_caps,
		.drop_caps = o->drop_caps,
		.network = o->network,
		.fakeroot = o->fakeroot,
		.no_compat = o->no_compat,
		.writable_tmpfs = o->writable_tmpfs,
		.no_home = o->no_home,
		.no_pid = o->no_pid,
		.pid = o->pid,
		.ipc = o->ipc,
		.uts = o->uts,
		.net = o->net,
		.userns = o->userns,
		.cleanenv = o->cleanenv,
		.no_umask = o->no_umask,
		.no_eval = o->no_eval,
		.keep_privs = o->keep_privs,
		.no_privs = o->no_privs,
		.allow_setuid = o->allow_setuid,
		.no_setgroups = o->no_setgroups,
		.home_given = home_given,
	};
}
