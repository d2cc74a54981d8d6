/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What runs: the arguments (oci-mode.md 5.1, 5.3) and the capabilities (2.4) of the container's process.
 */
#include "runtime/launch/plan_priv.h"

#include "base/fs.h"

#include <strings.h>

/* Index is the capability's number. Newer kernels may have more; the reference knows these. */
static const char *const cap_names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

/* The 15 of OCI mode: chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot
 * mknod audit_write setfcap audit_read */
#define CAPS_DEFAULT UINT64_C(0x20a80425fb)

static const char shell_script[] =
	"PS1='Singularity> '; export PS1; if [ -x /bin/bash ]; then exec /bin/bash --norc; fi; exec /bin/sh";

static uint64_t all_caps(const struct plan_draft *d)
{
	unsigned int n = ARRAY_LEN(cap_names);

	if (d->facts->last_cap + 1 < n)
		n = d->facts->last_cap + 1;
	return (UINT64_C(1) << n) - 1;
}

/* "sys_admin", "CAP_SYS_ADMIN" and "Cap_Sys_Admin" are one; ALL is all that are known. False if @word is none. */
static bool cap_mask(const char *word, uint64_t *ret_mask)
{
	const char *name = strncasecmp(word, "CAP_", 4) == 0 ? word + 4 : word;

	if (strcasecmp(name, "ALL") == 0) {
		*ret_mask = (UINT64_C(1) << ARRAY_LEN(cap_names)) - 1;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(cap_names); i++) {
		if (strcasecmp(cap_names[i] + 4, name) == 0) {
			*ret_mask = UINT64_C(1) << i;
			return true;
		}
	}
	return false;
}

static char *cap_upper(const char *word)
{
	char *name = xasprintf("%s%s", strncasecmp(word, "CAP_", 4) == 0 ? "" : "CAP_", word);

	for (char *c = name; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	return name;
}

static uint64_t cap_list(struct plan_draft *d, const char *list, const char *flag)
{
	cleanup_strv struct strv words = { 0 }, unknown = { 0 };
	uint64_t caps = 0;

	if (!list)
		return 0;
	strv_split(&words, list, ',');
	for (size_t i = 0; i < words.n; i++) {
		cleanup_free char *word = str_trim(words.items[i]);
		uint64_t mask;

		if (!*word)
			continue;
		if (cap_mask(word, &mask))
			caps |= mask;
		else
			strv_add_take(&unknown, cap_upper(word));
	}
	if (unknown.n > 0) {
		cleanup_free char *names = strv_join(&unknown, ",");

		plan_notice(d, LOG_WARNING, "Ignoring unknown %s: %s", flag, names);
	}
	return caps;
}

static uint64_t base_caps(const struct plan_draft *d)
{
	if (d->opt->no_privs)
		return 0;
	if (!d->opt->keep_privs)
		return CAPS_DEFAULT;
	/* An ordinary user is the root of a user namespace, and has all of them there. */
	return d->facts->is_root ? d->facts->effective_caps : all_caps(d);
}

static void set_caps(struct jv *object, const char *name, uint64_t caps)
{
	struct jv *list;

	if (!caps)
		return;
	list = jv_new_array();
	for (size_t i = 0; i < ARRAY_LEN(cap_names); i++)
		if (caps & (UINT64_C(1) << i))
			jv_append_str(list, cap_names[i]);
	jv_set(object, name, list);
}

struct jv *plan_caps(struct plan_draft *d)
{
	uint64_t add = cap_list(d, d->opt->add_caps, "--add-caps");
	uint64_t drop = cap_list(d, d->opt->drop_caps, "--drop-caps");
	uint64_t bounding = (base_caps(d) | add) & ~drop & all_caps(d);
	bool is_root = d->user.uid == 0;
	uint64_t own = is_root ? bounding : add & ~drop & all_caps(d);
	struct jv *object = jv_new_object();

	set_caps(object, "bounding", bounding);
	set_caps(object, "effective", own);
	set_caps(object, "permitted", own);
	/* Root's capabilities come back with every exec; the others need these two to keep theirs. */
	set_caps(object, "inheritable", is_root ? 0 : own);
	set_caps(object, "ambient", is_root ? 0 : own);
	return object;
}

static const char *action_name(enum launch_action action)
{
	switch (action) {
	case LAUNCH_RUN:
		return "run";
	case LAUNCH_EXEC:
		return "exec";
	case LAUNCH_SHELL:
		return "shell";
	case LAUNCH_TEST:
		break;
	}
	return "test";
}

/* entrypoint[0] ACTION APP entrypoint[1..] cmd args: the calling convention of SCIF. */
static struct error *scif_args(struct plan_draft *d, struct strv *ret_args)
{
	cleanup_strv struct strv base = { 0 };

	strv_extend(&base, &d->image->config->entrypoint);
	strv_extend(&base, &d->image->config->cmd);
	if (base.n == 0)
		return error_new(ERR_USAGE, "could not determine executable for container");
	if (d->opt->action == LAUNCH_TEST)
		return error_new(ERR_USAGE, "unrecognized action \"test\"");
	if (!str_eq(fs_basename(base.items[0]), "scif")) {
		cleanup_free char *line = strv_join(&base, " ");

		plan_notice(d, LOG_WARNING,
			    "OCI mode: SCIF app requested (\"%s\") but container entrypoint does not seem to be a scif "
			    "executable (container command-line: \"%s\")",
			    d->opt->app, line);
	}
	strv_add(ret_args, base.items[0]);
	strv_add(ret_args, action_name(d->opt->action));
	strv_add(ret_args, d->opt->app);
	for (size_t i = 1; i < base.n; i++)
		strv_add(ret_args, base.items[i]);
	if (d->opt->args)
		strv_extend(ret_args, d->opt->args);
	return NULL;
}

static void image_args(const struct plan_draft *d, struct strv *ret_args)
{
	bool has_args = d->opt->args && d->opt->args->n > 0;

	strv_extend(ret_args, &d->image->config->entrypoint);
	strv_extend(ret_args, has_args ? d->opt->args : &d->image->config->cmd);
}

struct error *plan_args(struct plan_draft *d, struct strv *ret_args)
{
	if (d->opt->app && *d->opt->app)
		return scif_args(d, ret_args);
	switch (d->opt->action) {
	case LAUNCH_RUN:
	case LAUNCH_TEST:
		image_args(d, ret_args);
		break;
	case LAUNCH_EXEC:
		if (d->opt->args)
			strv_extend(ret_args, d->opt->args);
		break;
	case LAUNCH_SHELL:
		strv_add(ret_args, "/bin/sh");
		strv_add(ret_args, "-c");
		strv_add(ret_args, shell_script);
		break;
	}
	return NULL;
}
