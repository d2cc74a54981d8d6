/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/launch/test_plan_case.h"

#include "base/fs.h"
#include "base/test.h"

/* Accounts of the images that the rows were made with. */
#define PLAIN_PASSWD                                                                                                   \
	"root:x:0:0:root:/root:/bin/sh\n"                                                                              \
	"bin:x:1:1:bin:/bin:/sbin/nologin\n"                                                                           \
	"nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
#define PLAIN_GROUP "root:x:0:root\nbin:x:1:bin\nnobody:x:65534:\n"
#define USER_PASSWD PLAIN_PASSWD "testuser:x:2000:2001:Test:/home/testuser:/bin/sh\n"
#define USER_GROUP PLAIN_GROUP "testgroup:x:2001:\nstaff2:x:2002:testuser\n"

char *read_fixture(const char *path)
{
	cleanup_free char *full = xasprintf(FIXTURES "/%s", path);
	cleanup_buf struct buf text = { 0 };

	assert_ok(fs_read_file(AT_FDCWD, full, 1 << 20, &text));
	return buf_take(&text);
}

static char *own(struct plan_case *c, char *text)
{
	strv_add_take(&c->owned, text);
	return text;
}

static void set_conf(struct site_conf *conf)
{
	*conf = (struct site_conf){
		.mount_proc = true,
		.mount_sys = true,
		.mount_devpts = true,
		.mount_home = true,
		.mount_tmp = true,
		.mount_dev = CONF_DEV_YES,
		.config_passwd = true,
		.config_group = true,
		.config_resolv_conf = true,
		.user_bind_control = true,
		.sessiondir_max_size = 64,
	};
	strv_add(&conf->bind_path, "/etc/localtime");
	strv_add(&conf->bind_path, "/etc/hosts");
}

static void set_common(struct plan_case *c)
{
	c->facts.root_name = own(c, xstrdup("root"));
	c->facts.root_gecos = own(c, xstrdup("root"));
	c->facts.root_home = own(c, xstrdup("/root"));
	c->facts.root_shell = own(c, xstrdup("/bin/bash"));
	c->facts.root_group_name = own(c, xstrdup("root"));
	c->facts.cwd = own(c, xstrdup("/srv/img"));
	c->facts.umask = 022;
	c->facts.cgroup2_unified = true;
	c->facts.runtime_path = own(c, xstrdup("/usr/bin/crun"));
	c->facts.runtime = LAUNCH_CRUN;
	c->facts.resolv_conf = own(c, xstrdup("nameserver 192.0.2.1\n"));
	c->facts.last_cap = 40;
	c->facts.effective_caps = UINT64_C(0x1fffeffffff);
	c->opt = (struct launch_options){
		.action = LAUNCH_EXEC,
		.image_arg = "plain.sif",
		.image_path = "/srv/img/plain.sif",
		.args = &c->args,
		.binds = &c->binds,
		.mounts = &c->mounts,
		.scratch = &c->scratch,
		.no_mount = &c->no_mount,
		.containlibs = &c->containlibs,
		.env_files = &c->env_files,
		.env = &c->env,
		.host_env = &c->host_env,
	};
	set_conf(&c->conf);
	case_image(c, "plain");
}

static void set_host_env(struct plan_case *c, const char *user)
{
	strv_addf(&c->host_env, "HOME=%s", c->facts.user_home);
	strv_addf(&c->host_env, "USER=%s", user);
	strv_addf(&c->host_env, "LOGNAME=%s", user);
	strv_add(&c->host_env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strv_add(&c->host_env, "TERM=xterm");
	strv_add(&c->host_env, "LANG=C.UTF-8");
}

void case_user(struct plan_case *c)
{
	*c = (struct plan_case){ 0 };
	c->facts.uid = 1001;
	c->facts.gid = 1001;
	c->facts.subuid = c->facts.subgid = (struct launch_subid){ .start = 100000, .count = 65536 };
	c->facts.newuidmap = own(c, xstrdup("/usr/bin/newuidmap"));
	c->facts.newgidmap = own(c, xstrdup("/usr/bin/newgidmap"));
	c->facts.user_name = own(c, xstrdup("tester"));
	c->facts.user_gecos = own(c, xstrdup(""));
	c->facts.user_home = own(c, xstrdup("/home/tester"));
	c->facts.user_shell = own(c, xstrdup("/bin/bash"));
	c->facts.group_name = own(c, xstrdup("tester"));
	set_common(c);
	set_host_env(c, "tester");
}

void case_root(struct plan_case *c)
{
	*c = (struct plan_case){ 0 };
	set_common(c);
	c->facts.is_root = true;
	c->facts.user_name = c->facts.root_name;
	c->facts.user_gecos = c->facts.root_gecos;
	c->facts.user_home = c->facts.root_home;
	c->facts.user_shell = c->facts.root_shell;
	c->facts.group_name = c->facts.root_group_name;
	c->facts.has_tty_group = true;
	c->facts.tty_gid = 5;
	set_host_env(c, "root");
}

void case_config(struct plan_case *c, const char *json)
{
	oci_config_free(c->config);
	c->config = NULL;
	assert_ok(oci_config_parse(json, strlen(json), &c->config));
	c->image.config = c->config;
}

void case_image(struct plan_case *c, const char *name)
{
	cleanup_free char *path = xasprintf("inputs/image-configs/%s.json", name);
	cleanup_free char *json = read_fixture(path);
	bool has_accounts = !str_eq(name, "nopasswd");
	bool has_user = str_starts(name, "user");

	case_config(c, json);
	c->image.passwd = own(c, xstrdup(has_user ? USER_PASSWD : PLAIN_PASSWD));
	c->image.group = own(c, xstrdup(has_user ? USER_GROUP : PLAIN_GROUP));
	if (!has_accounts)
		c->image.passwd = c->image.group = NULL;
	c->image.var_tmp_is_tmp = str_eq(name, "vartmp");
}

/* The words of a command as a shell cuts it: blanks, '...' and "..." without expansion. */
static void shell_words(const char *line, struct strv *ret_words)
{
	while (*line) {
		cleanup_buf struct buf word = { 0 };
		char quote = 0;

		line += strspn(line, " ");
		if (!*line)
			break;
		for (; *line && (quote || *line != ' '); line++) {
			if (quote ? *line == quote : (*line == '\'' || *line == '"'))
				quote = quote ? 0 : *line;
			else
				buf_append_char(&word, *line);
		}
		strv_add_take(ret_words, buf_take(&word));
	}
}

/* A flag of the command line and where its value goes. */
struct flag {
	const char *name;
	size_t offset;
	enum { FLAG_BOOL, FLAG_TEXT, FLAG_LIST, FLAG_LIST_WHOLE } kind;
};

#define OPT(field) offsetof(struct plan_case, opt) + offsetof(struct launch_options, field)
#define LIST(field) offsetof(struct plan_case, field)

static const struct flag flags[] = {
	{ "--no-compat", OPT(no_compat), FLAG_BOOL },
	{ "--fakeroot", OPT(fakeroot), FLAG_BOOL },
	{ "--no-pid", OPT(no_pid), FLAG_BOOL },
	{ "--keep-privs", OPT(keep_privs), FLAG_BOOL },
	{ "--no-privs", OPT(no_privs), FLAG_BOOL },
	{ "--userns", OPT(userns), FLAG_BOOL },
	{ "--writable-tmpfs", OPT(writable_tmpfs), FLAG_BOOL },
	{ "--allow-setuid", OPT(allow_setuid), FLAG_BOOL },
	{ "--ipc", OPT(ipc), FLAG_BOOL },
	{ "--pid", OPT(pid), FLAG_BOOL },
	{ "--net", OPT(net), FLAG_BOOL },
	{ "--uts", OPT(uts), FLAG_BOOL },
	{ "--no-home", OPT(no_home), FLAG_BOOL },
	{ "--no-setgroups", OPT(no_setgroups), FLAG_BOOL },
	{ "--cleanenv", OPT(cleanenv), FLAG_BOOL },
	{ "--no-umask", OPT(no_umask), FLAG_BOOL },
	{ "--network", OPT(network), FLAG_TEXT },
	{ "--home", OPT(home), FLAG_TEXT },
	{ "--workdir", OPT(workdir), FLAG_TEXT },
	{ "--hostname", OPT(hostname), FLAG_TEXT },
	{ "--dns", OPT(dns), FLAG_TEXT },
	{ "--app", OPT(app), FLAG_TEXT },
	{ "--cwd", OPT(cwd), FLAG_TEXT },
	{ "--pwd", OPT(cwd), FLAG_TEXT },
	{ "--add-caps", OPT(add_caps), FLAG_TEXT },
	{ "--drop-caps", OPT(drop_caps), FLAG_TEXT },
	{ "-B", LIST(binds), FLAG_LIST },
	{ "--mount", LIST(mounts), FLAG_LIST_WHOLE },
	{ "--scratch", LIST(scratch), FLAG_LIST },
	{ "--no-mount", LIST(no_mount), FLAG_LIST },
	{ "--containlibs", LIST(containlibs), FLAG_LIST },
	{ "--env-file", LIST(env_files), FLAG_LIST },
};

static void *field_at(struct plan_case *c, size_t offset)
{
	return (char *)c + offset;
}

/* --env: NAME=VALUE with one "=" is taken whole, with more it is a list. */
static void add_env(struct plan_case *c, const char *value)
{
	const char *equals = strchr(value, '=');

	if (strchr(equals + 1, '='))
		strv_split(&c->env, value, ',');
	else
		strv_add(&c->env, value);
}

static size_t apply_flag(struct plan_case *c, const struct strv *words, size_t at)
{
	const char *name = words->items[at];
	const char *value = words->items[at + 1];

	if (str_eq(name, "--oci"))
		return at + 1;
	if (str_eq(name, "--env")) {
		add_env(c, value);
		return at + 2;
	}
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (!str_eq(flags[i].name, name))
			continue;
		switch (flags[i].kind) {
		case FLAG_BOOL:
			*(bool *)field_at(c, flags[i].offset) = true;
			return at + 1;
		case FLAG_TEXT:
			*(const char **)field_at(c, flags[i].offset) = own(c, xstrdup(value));
			break;
		case FLAG_LIST:
			strv_split(field_at(c, flags[i].offset), value, ',');
			break;
		case FLAG_LIST_WHOLE:
			strv_add(field_at(c, flags[i].offset), value);
			break;
		}
		return at + 2;
	}
	fail_msg("the test does not know the flag %s", name);
	return words->n;
}

static void apply_command(struct plan_case *c, const char *command)
{
	static const struct {
		const char *name;
		enum launch_action action;
	} actions[] = {
		{ "run", LAUNCH_RUN },
		{ "exec", LAUNCH_EXEC },
		{ "shell", LAUNCH_SHELL },
		{ "test", LAUNCH_TEST },
	};
	cleanup_strv struct strv words = { 0 };
	size_t at = 2;

	shell_words(command, &words);
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (str_eq(words.items[1], actions[i].name))
			c->opt.action = actions[i].action;
	while (words.items[at][0] == '-')
		at = apply_flag(c, &words, at);
	c->opt.home_given = c->opt.home != NULL;
	c->opt.image_arg = own(c, xstrdup(words.items[at]));

	const char *file = str_after(c->opt.image_arg, "oci-sif:");
	cleanup_free char *image = xstrdup(file ? file : c->opt.image_arg);

	*strchr(image, '.') = '\0';
	case_image(c, image);
	for (at++; at < words.n; at++)
		strv_add(&c->args, words.items[at]);
}

/* Variables that stand for flags; the command line merges them, here the test does. */
static void apply_environment(struct plan_case *c, const char *environment)
{
	cleanup_strv struct strv items = { 0 };

	shell_words(environment, &items);
	for (size_t i = 0; i < items.n; i++) {
		const char *item = items.items[i];

		strv_add(&c->host_env, item);
		if (str_starts(item, "SINGULARITY_BIND"))
			strv_add(&c->binds, strchr(item, '=') + 1);
		else if (str_starts(item, "SINGULARITY_MOUNT="))
			strv_add(&c->mounts, strchr(item, '=') + 1);
		else if (str_starts(item, "SINGULARITY_HOME="))
			c->opt.home = own(c, xstrdup(strchr(item, '=') + 1));
	}
	c->opt.home_given = c->opt.home != NULL;
}

static void apply_configuration(struct plan_case *c, const char *configuration)
{
	const struct {
		const char *line;
		bool *off;
	} switches[] = {
		{ "mount proc = no", &c->conf.mount_proc },
		{ "mount sys = no", &c->conf.mount_sys },
		{ "mount home = no", &c->conf.mount_home },
		{ "mount tmp = no", &c->conf.mount_tmp },
		{ "config passwd = no", &c->conf.config_passwd },
		{ "config group = no", &c->conf.config_group },
		{ "config resolv_conf = no", &c->conf.config_resolv_conf },
		{ "user bind control = no", &c->conf.user_bind_control },
	};
	const char *bind_path = str_after(configuration, "bind path = ");

	for (size_t i = 0; i < ARRAY_LEN(switches); i++)
		if (str_eq(configuration, switches[i].line))
			*switches[i].off = false;
	if (str_eq(configuration, "mount dev = minimal"))
		c->conf.mount_dev = CONF_DEV_MINIMAL;
	if (str_eq(configuration, "sessiondir max size = 16"))
		c->conf.sessiondir_max_size = 16;
	/* The line stood in the place of each of the two default ones. */
	for (size_t i = 0; bind_path && i < c->conf.bind_path.n; i++) {
		free(c->conf.bind_path.items[i]);
		c->conf.bind_path.items[i] = xstrdup(bind_path);
	}
}

void case_row(struct plan_case *c, const struct strv *cells)
{
	const char *profile = cells->items[1];

	if (str_eq(profile, "u"))
		case_user(c);
	else
		case_root(c);
	if (str_eq(profile, "r"))
		c->facts.cgroup2_unified = false;
	if (str_eq(cells->items[2], "runc")) {
		c->facts.runtime = LAUNCH_RUNC;
		c->facts.runtime_path = own(c, xstrdup("/usr/local/sbin/runc"));
	}
	apply_configuration(c, cells->items[3]);
	apply_command(c, cells->items[7]);
	apply_environment(c, cells->items[6]);
	for (size_t i = 0; i < c->env_files.n; i++) {
		cleanup_free char *path = xasprintf("inputs/env-file-%zu", i + 1);

		strv_add_take(&c->facts.env_texts, read_fixture(path));
	}
}

struct error *case_plan(struct plan_case *c, struct launch_plan **ret_plan)
{
	static const uint8_t random[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 0, 0x30, 0x39 };

	return launch_plan_make(&c->opt, &c->image, &c->conf, &c->facts, random, ret_plan);
}

const struct launch_file *case_file(const struct launch_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_files; i++)
		if (str_eq(plan->files[i].name, name))
			return &plan->files[i];
	return NULL;
}

void case_free(struct plan_case *c)
{
	struct strv *lists[] = { &c->args,     &c->binds,	&c->mounts,	    &c->scratch,
				 &c->no_mount, &c->containlibs, &c->env_files,	    &c->env,
				 &c->host_env, &c->owned,	&c->conf.bind_path, &c->facts.env_texts };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		strv_free(lists[i]);
	oci_config_free(c->config);
}
