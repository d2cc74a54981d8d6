/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/verb_action.h"

/*
 * The first row is for `shell` alone: the other commands' tables begin behind it. Rows that are refused in OCI
 * mode are hidden: callers that give them get the reference's answer, but nobody is told to.
 */
static const struct opt shell_options[] = {
	{ .name = "shell", .letter = 's', OPT_AS_STRING(struct action_options, shell),
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode" },
	{ .name = "add-caps", OPT_AS_STRING(struct action_options, add_caps), .env = "ADD_CAPS",
	  .help = "comma-separated list of capabilities to add" },
	{ .name = "allow-setuid", OPT_AS_BOOL(struct action_options, allow_setuid), .env = "ALLOW_SETUID",
	  .help = "let set-user-ID programs of the container take effect" },
	{ .name = "app", OPT_AS_STRING(struct action_options, app), .env = "APP,APPNAME",
	  .help = "run an application (SCIF) of the container" },
	{ .name = "authfile", OPT_AS_STRING(struct action_options, authfile), .env = "AUTHFILE",
	  .traits = OPT_FILE, .help = "file with registry credentials, in the format of docker and podman" },
	{ .name = "bind", .letter = 'B', OPT_AS_STRINGS(struct action_options, bind), .env = "BIND,BINDPATH",
	  .traits = OPT_ENV_APPEND | OPT_FILE,
	  .help = "bind a host path into the container: src[:dest[:opts]], where opts is \"ro\" or \"rw\"; "
		  "several may be separated by commas" },
	{ .name = "cleanenv", .letter = 'e', OPT_AS_BOOL(struct action_options, cleanenv), .env = "CLEANENV",
	  .help = "pass no variables of the host; matters with --no-compat only" },
	{ .name = "compat", OPT_AS_BOOL(struct action_options, compat), .env = "COMPAT",
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode, which behaves so by default" },
	{ .name = "contain", .letter = 'c', OPT_AS_BOOL(struct action_options, contain), .env = "CONTAIN",
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode, which contains by default" },
	{ .name = "containall", .letter = 'C', OPT_AS_BOOL(struct action_options, containall),
	  .env = "CONTAINALL", .traits = OPT_HIDDEN, .help = "not supported in OCI mode, which contains by default" },
	{ .name = "containlibs", OPT_AS_STRINGS(struct action_options, containlibs), .env = "CONTAINLIBS",
	  .traits = OPT_HIDDEN, .help = "library files to bind into /.singularity.d/libs" },
	{ .name = "cwd", OPT_AS_STRING(struct action_options, cwd), .env = "CWD,TARGET_CWD",
	  .help = "working directory of the program inside the container" },
	{ .name = "disable-cache", OPT_AS_BOOL(struct action_options, disable_cache), .env = "DISABLE_CACHE",
	  .help = "neither read nor write the cache when an image is fetched" },
	{ .name = "dns", OPT_AS_STRING(struct action_options, dns), .env = "DNS",
	  .help = "comma-separated list of name servers for resolv.conf" },
	{ .name = "docker-login", OPT_AS_BOOL(struct action_options, docker_login), .env = "DOCKER_LOGIN",
	  .help = "ask for the user name and password of the registry" },
	{ .name = "docker-password", OPT_AS_STRING(struct action_options, docker_password),
	  .env = "+DOCKER_PASSWORD", .traits = OPT_HIDDEN, .help = "password or token for the registry" },
	{ .name = "docker-username", OPT_AS_STRING(struct action_options, docker_username),
	  .env = "+DOCKER_USERNAME", .traits = OPT_HIDDEN, .help = "user name for the registry" },
	{ .name = "drop-caps", OPT_AS_STRING(struct action_options, drop_caps), .env = "DROP_CAPS",
	  .help = "comma-separated list of capabilities to drop" },
	{ .name = "env", OPT_AS_STRING_MAP(struct action_options, env),
	  .help = "set a variable of the container: NAME=value" },
	{ .name = "env-file", OPT_AS_STRINGS(struct action_options, env_file), .env = "ENV_FILE",
	  .traits = OPT_FILE, .help = "set variables of the container from a file of shell assignments" },
	{ .name = "fakeroot", .letter = 'f', OPT_AS_BOOL(struct action_options, fakeroot), .env = "FAKEROOT",
	  .help = "be root inside the container" },
	{ .name = "fusemount", OPT_AS_STRINGS(struct action_options, fusemount), .env = "FUSESPEC",
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode" },
	{ .name = "home", .letter = 'H', OPT_AS_STRING(struct action_options, home), .env = "HOME",
	  .traits = OPT_HOME_DEFAULT | OPT_DIRECTORY,
	  .help = "home directory: one path is an empty directory in the container, src:dest binds a host "
		  "directory" },
	{ .name = "hostname", OPT_AS_STRING(struct action_options, hostname), .env = "HOSTNAME",
	  .help = "host name of the container; makes a UTS namespace" },
	{ .name = "ipc", .letter = 'i', OPT_AS_BOOL(struct action_options, ipc), .env = "IPC,UNSHARE_IPC",
	  .help = "use an IPC namespace; OCI mode always does" },
	{ .name = "keep-layers", OPT_AS_BOOL(struct action_options, keep_layers), .env = "KEEP_LAYERS",
	  .help = "when an image is fetched, keep its layers instead of squashing them into one" },
	{ .name = "keep-privs", OPT_AS_BOOL(struct action_options, keep_privs), .env = "KEEP_PRIVS",
	  .help = "keep all capabilities of the calling user inside the container" },
	{ .name = "mount", OPT_AS_STRING_ARRAY(struct action_options, mount), .env = "MOUNT",
	  .traits = OPT_ENV_APPEND, .help = "bind a host path: type=bind,source=src,destination=dest[,ro]" },
	{ .name = "net", .letter = 'n', OPT_AS_BOOL(struct action_options, net), .env = "NET,UNSHARE_NET",
	  .help = "use a network namespace; with --network none only" },
	{ .name = "netns-path", OPT_AS_STRING(struct action_options, netns_path), .env = "NETNS_PATH",
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode" },
	{ .name = "network", OPT_AS_STRING(struct action_options, network), .env = "NETWORK",
	  .initial = "bridge",
	  .help = "network of the namespace that --net makes; OCI mode supports \"none\" only" },
	{ .name = "network-args", OPT_AS_STRINGS(struct action_options, network_args), .env = "NETWORK_ARGS",
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode" },
	{ .name = "no-compat", OPT_AS_BOOL(struct action_options, no_compat), .env = "NO_COMPAT",
	  .help = "start from the defaults of native mode: host environment, home, working directory and "
		  "system binds" },
	{ .name = "no-eval", OPT_AS_BOOL(struct action_options, no_eval), .env = "NO_EVAL",
	  .help = "do not evaluate arguments and variables in a shell; OCI mode never does" },
	{ .name = "no-home", OPT_AS_BOOL(struct action_options, no_home), .env = "NO_HOME",
	  .help = "do not provide a home directory" },
	{ .name = "no-https", OPT_AS_BOOL(struct action_options, no_https), .env = "NOHTTPS,NO_HTTPS",
	  .help = "talk to registries over plain HTTP" },
	{ .name = "no-init", OPT_AS_BOOL(struct action_options, no_init), .env = "NOSHIMINIT",
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode" },
	{ .name = "no-mount", OPT_AS_STRINGS(struct action_options, no_mount), .env = "NO_MOUNT",
	  .help = "leave out a mount that the configuration enables: proc, sys, tmp, home, cwd, "
		  "bind-paths or a destination" },
	{ .name = "no-oci", OPT_AS_BOOL(struct action_options, no_oci), .env = "NO_OCI",
	  .traits = OPT_HIDDEN, .help = "not supported: this program runs containers in OCI mode only" },
	{ .name = "no-pid", OPT_AS_BOOL(struct action_options, no_pid), .env = "NO_PID",
	  .help = "share the PID namespace of the host" },
	{ .name = "no-privs", OPT_AS_BOOL(struct action_options, no_privs), .env = "NO_PRIVS",
	  .help = "drop all capabilities inside the container" },
	{ .name = "no-setgroups", OPT_AS_BOOL(struct action_options, no_setgroups), .env = "NO_SETGROUPS",
	  .help = "forbid setgroups inside the container (crun only)" },
	{ .name = "no-tmp-sandbox", OPT_AS_BOOL(struct action_options, no_tmp_sandbox), .env = "NO_TMP_SANDBOX",
	  .help = "never unpack an image; this program never does" },
	{ .name = "no-umask", OPT_AS_BOOL(struct action_options, no_umask), .env = "NO_UMASK",
	  .help = "use the umask 0022 instead of that of the caller; matters with --no-compat only" },
	{ .name = "nohttps", OPT_AS_BOOL(struct action_options, no_https), .traits = OPT_HIDDEN,
	  .deprecated = "use --no-https", .help = "talk to registries over plain HTTP" },
	{ .name = "nvccli", OPT_AS_BOOL(struct action_options, nvccli), .env = "NVCCLI",
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode" },
	{ .name = "oci", OPT_AS_BOOL(struct action_options, oci), .env = "OCI",
	  .help = "run in OCI mode, the only mode of this program" },
	{ .name = "passphrase", OPT_AS_BOOL(struct action_options, passphrase),
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode" },
	{ .name = "pem-path", OPT_AS_STRING(struct action_options, pem_path), .traits = OPT_HIDDEN | OPT_FILE,
	  .help = "not supported in OCI mode" },
	{ .name = "pid", .letter = 'p', OPT_AS_BOOL(struct action_options, pid), .env = "PID,UNSHARE_PID",
	  .help = "use a PID namespace; OCI mode does by default" },
	{ .name = "proot", OPT_AS_STRING(struct action_options, proot), .env = "PROOT", .traits = OPT_HIDDEN,
	  .help = "not supported in OCI mode" },
	{ .name = "pwd", OPT_AS_STRING(struct action_options, cwd), .env = "PWD,TARGET_PWD",
	  .traits = OPT_HIDDEN, .help = "same as --cwd" },
	{ .name = "scratch", .letter = 'S', OPT_AS_STRINGS(struct action_options, scratch),
	  .env = "SCRATCH,SCRATCHDIR",
	  .help = "directory in the container that is empty and goes away with it" },
	{ .name = "security", OPT_AS_STRINGS(struct action_options, security), .env = "SECURITY",
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode" },
	{ .name = "sif-fuse", OPT_AS_BOOL(struct action_options, sif_fuse), .env = "SIF_FUSE",
	  .traits = OPT_HIDDEN, .help = "not supported in OCI mode",
	  .deprecated = "FUSE mounts are now used automatically when kernel mounts are disabled / unavailable." },
	{ .name = "tmp-sandbox", OPT_AS_BOOL(struct action_options, tmp_sandbox), .env = "TMP_SANDBOX",
	  .help = "unpack an image to a directory; this program always mounts it" },
	{ .name = "tmpdir", OPT_AS_STRING(struct action_options, tmpdir), .env = "TMPDIR",
	  .traits = OPT_HIDDEN | OPT_DIRECTORY,
	  .help = "directory for temporary files while an image is fetched" },
	{ .name = "userns", .letter = 'u', OPT_AS_BOOL(struct action_options, userns),
	  .env = "USERNS,UNSHARE_USERNS",
	  .help = "use a user namespace; OCI mode always does for ordinary users" },
	{ .name = "uts", OPT_AS_BOOL(struct action_options, uts), .env = "UTS,UNSHARE_UTS",
	  .help = "use a UTS namespace" },
	{ .name = "workdir", .letter = 'W', OPT_AS_STRING(struct action_options, workdir), .env = "WORKDIR",
	  .traits = OPT_DIRECTORY,
	  .help = "host directory that holds /tmp, /var/tmp and scratch directories of the container" },
	{ .name = "writable-tmpfs", OPT_AS_BOOL(struct action_options, writable_tmpfs), .env = "WRITABLE_TMPFS",
	  .help = "let the container write to a file system in memory; OCI mode does by default" },
	{ 0 },
};
#define ACTION_OPTIONS (&shell_options[1])

#define IMAGE_WORDS                                                                            \
	"The container is an OCI-SIF file, or a URI that is fetched into the cache first:\n"   \
	"\n"                                                                                   \
	"docker://NAME[:TAG|@DIGEST]   an image of a registry\n"                               \
	"docker-archive:FILE[:TAG]     a file that 'docker save' wrote\n"                      \
	"oci:DIRECTORY[:TAG|@DIGEST]   an OCI image layout\n"                                  \
	"oci-archive:FILE[:TAG]        a tar file of an OCI image layout\n"                    \
	"oci-sif:FILE                  an OCI-SIF file"

#define STATUS_WORDS                                                                           \
	"Exit status is that of the program, or 128 and the number of the signal that ended it;\n" \
	"255 if the container could not be started."

const struct verb verb_run = {
	.name = "run",
	.use = "run [run options...] <container>",
	.brief = "Run the default program of a container",
	.description = "The run command starts a container and in it what its image names as entry point and command.\n"
		       "Words behind the container replace the image's command.\n\n" IMAGE_WORDS "\n\n" STATUS_WORDS,
	.examples = "$ singularity run alpine_latest.oci.sif\n"
		    "$ singularity run docker://alpine ls /\n"
		    "$ singularity run --bind /data:/mnt:ro image.oci.sif",
	.options = ACTION_OPTIONS,
	.options_size = sizeof(struct action_options),
	.min_args = 1,
	.max_args = VERB_ANY_ARGS,
};

const struct verb verb_exec = {
	.name = "exec",
	.use = "exec [exec options...] <container> <command>",
	.brief = "Run a command in a container",
	.description =
		"The exec command starts a container and in it the given command, instead of what its image names.\n"
		"All words behind the container belong to the command, options too.\n\n" IMAGE_WORDS
		"\n\n" STATUS_WORDS,
	.examples = "$ singularity exec image.oci.sif cat /etc/os-release\n"
		    "$ singularity exec -B /data docker://debian:12 ls -l /data\n"
		    "$ singularity exec --env THREADS=4 --cwd /work image.oci.sif ./program",
	.options = ACTION_OPTIONS,
	.options_size = sizeof(struct action_options),
	.min_args = 2,
	.max_args = VERB_ANY_ARGS,
};

const struct verb verb_shell = {
	.name = "shell",
	.use = "shell [shell options...] <container>",
	.brief = "Run a shell in a container",
	.description =
		"The shell command starts a container and in it a shell on the caller's terminal.\n\n" IMAGE_WORDS
		"\n\n" STATUS_WORDS,
	.examples = "$ singularity shell image.oci.sif\n"
		    "Singularity> cat /etc/os-release\n"
		    "Singularity> exit",
	.options = shell_options,
	.options_size = sizeof(struct action_options),
	.min_args = 1,
	.max_args = VERB_ANY_ARGS,
};

const struct verb verb_test = {
	.name = "test",
	.use = "test [exec options...] <image path>",
	.brief = "Run the test of a container",
	.description =
		"OCI images have no test of their own: for them the test command does what 'run' does.\n\n" IMAGE_WORDS
		"\n\n" STATUS_WORDS,
	.examples = "$ singularity test image.oci.sif",
	.options = ACTION_OPTIONS,
	.options_size = sizeof(struct action_options),
	.min_args = 1,
	.max_args = VERB_ANY_ARGS,
};
