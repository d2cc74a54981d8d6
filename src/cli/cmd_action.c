/* SPDX-License-Identifier: BSD-3-Clause */
/* run, exec, shell, test: from options to a container. What they have in common is all but the action. */
#include "cli/cmd_action.h"

#include "build_config.h"
#include "cli/action_image.h"

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

static struct error *start(struct cli *cli, const struct action_options *o, enum launch_action action,
			   const struct strv *words, int *ret_status)
{
	cleanup_action_image struct action_image image = { .fd = -EBADF };
	cleanup_strv struct strv args = { 0 };
	cleanup_strv struct strv host_env = { 0 };
	struct launch_options launch;

	TRY(cli_require_oci_mode(cli, o->oci, o->no_oci));
	TRY(action_check_supported(o, !str_eq(cli->conf_path, CONFDIR "/singularity.conf")));
	action_fill_launch(o, action, opt_given(cli->options, "home"), &launch);
	TRY(launch_options_check(&launch));
	TRY(action_image_open(cli, o, words->items[0], &image));
	if (image.status) {
		*ret_status = image.status;
		return NULL;
	}
	for (size_t i = 1; i < words->n; i++)
		strv_add(&args, words->items[i]);
	for (char **item = environ; *item; item++)
		strv_add(&host_env, *item);
	launch.image_arg = image.name;
	launch.image_path = image.path;
	launch.args = &args;
	launch.host_env = &host_env;
	return launch_run(&launch, cli->conf, take_fd(&image.fd), cli_sink, NULL, ret_status);
}

struct error *cmd_run(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	return start(cli, options, LAUNCH_RUN, args, ret_status);
}

struct error *cmd_exec(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	return start(cli, options, LAUNCH_EXEC, args, ret_status);
}

struct error *cmd_shell(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	return start(cli, options, LAUNCH_SHELL, args, ret_status);
}

struct error *cmd_test(struct cli *cli, const void *options, const struct strv *args, int *ret_status)
{
	return start(cli, options, LAUNCH_TEST, args, ret_status);
}
