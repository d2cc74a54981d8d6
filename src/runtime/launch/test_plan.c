/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the golden test cannot show: refusals, notices, generated files, and what differs from the reference on purpose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/launch/plan_priv.h"
#include "runtime/launch/test_plan_case.h"
#include "runtime/launch/test_plan_check.h"

#include "base/fs.h"
#include "base/test.h"

static void names_of_the_run(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);
	cleanup_free char *argv = strv_join(&plan->runtime_argv, " ");
	cleanup_free char *wanted = xasprintf("/usr/bin/crun --cgroup-manager=disabled --root %s/state run -b %s %s",
					      plan->session_dir, plan->bundle, plan->container_id);

	assert_string_equal(plan->container_id, "00010203-0405-4607-8809-0a0b00003039");
	assert_true(str_ends(plan->bundle, "/oci-bundle12345"));
	assert_string_equal(argv, wanted);
	case_user(&c);
	c.facts.runtime = LAUNCH_RUNC;
	c.facts.cgroup_hybrid = true;

	cleanup_with(launch_plan_free) struct launch_plan *of_runc = planned(&c);

	assert_false(of_runc->hide_cgroup_unified);
	assert_string_equal(of_runc->runtime_argv.items[1], "--root");
	case_user(&c);
	c.facts.runtime_path = NULL;
	assert_refused(&c, ERR_NOT_FOUND, "neither crun nor runc was found");
}

static void crun_on_a_hybrid_host(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.facts.cgroup2_unified = false;
	c.facts.cgroup_hybrid = true;

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_true(plan->hide_cgroup_unified);
	assert_mount(plan, "/sys/fs/cgroup", "");
}

static void terminals(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.facts.stdin_is_tty = c.facts.stdout_is_tty = c.facts.stderr_is_tty = true;
	c.facts.tty_rows = 24;
	c.facts.tty_cols = 80;

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_true(plan->terminal);
	assert_config(plan, "process.terminal", "true");
	assert_config(plan, "process.consoleSize", "{\"height\":24,\"width\":80}");
	case_user(&c);
	c.facts.stdin_is_tty = c.facts.stderr_is_tty = true;

	cleanup_with(launch_plan_free) struct launch_plan *piped = planned(&c);

	assert_false(piped->terminal);
	assert_config(piped, "process.terminal", "");
}

static void homes(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.opt.home_given = true;
	c.opt.home = "a:b:c";
	assert_refused_early(&c,
			     "while configuring container: home argument has incorrect number of elements: [a b c]");
	case_user(&c);
	c.opt.home_given = true;
	c.opt.home = "/x";
	case_image(&c, "user");
	assert_refused(&c, ERR_USAGE,
		       "a custom --home is not currently supported when running containers that declare a USER");
	case_user(&c);
	c.opt.home_given = true;
	c.opt.home = "x";
	assert_refused(&c, ERR_USAGE, "while configuring home mount: home directory x must be an absolute path");
}

static void homes_of_the_unknown(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.facts.user_home = c.facts.user_name = NULL;
	strv_setenv(&c.host_env, "HOME", "/somewhere");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_mount(plan, "/somewhere", "relatime,mode=755,size=64m,nosuid,uid=1001,gid=1001");
	assert_null(case_file(plan, "etc/passwd"));
	case_user(&c);
	c.facts.user_home = NULL;
	c.opt.host_env = NULL;
	case_image(&c, "nowd");

	cleanup_with(launch_plan_free) struct launch_plan *lost = planned(&c);

	assert_config(lost, "process.cwd", "\"/\"");
	assert_mount(lost, "/", "");
}

static void generated_files(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_string_equal(case_file(plan, "etc/resolv.conf")->data, "nameserver 192.0.2.1\n");
	assert_int_equal(case_file(plan, "etc/resolv.conf")->mode, 0644);
	assert_true(str_ends(case_file(plan, "etc/passwd")->data, "\ntester:x:1001:1001::/home/tester:/bin/bash\n"));
	assert_true(str_ends(case_file(plan, "etc/group")->data, "\ntester:x:1001:tester\n"));
	assert_int_equal(case_file(plan, "config.json")->mode, 0600);
	case_user(&c);
	c.opt.fakeroot = true;
	c.opt.dns = "8.8.8.8, ::1";

	cleanup_with(launch_plan_free) struct launch_plan *fake = planned(&c);

	assert_string_equal(case_file(fake, "etc/resolv.conf")->data, "nameserver 8.8.8.8\nnameserver ::1\n");
	assert_true(str_starts(case_file(fake, "etc/passwd")->data, "root:x:0:0:root:/root:/bin/sh\nbin:"));
	assert_true(str_ends(case_file(fake, "etc/group")->data, "\nroot:x:0:root\n"));
}

static void resolv_conf_errors(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.opt.dns = "8.8.8.8,x";
	assert_refused_early(&c, "DNS nameserver x is not a valid IP address");
	case_user(&c);
	c.opt.dns = "8.8.8.8,";
	assert_refused_early(&c, "DNS nameserver  is not a valid IP address");
	case_user(&c);
	c.facts.resolv_conf = NULL;
	assert_refused(&c, ERR_SYSTEM, "could not read host's resolv.conf file: ");
	case_user(&c);
	c.facts.resolv_conf = NULL;
	c.opt.dns = "::1";
	launch_plan_free(planned(&c));
}

static void no_new_proc(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	case_image(&c, "nopasswd");

	cleanup_with(launch_plan_free) struct launch_plan *first = planned(&c);

	case_user(&c);
	case_image(&c, "nopasswd");
	c.facts.proc_is_covered = true;

	cleanup_with(launch_plan_free) struct launch_plan *second = planned(&c);

	assert_true(first->private_pidns);
	assert_false(second->private_pidns);
	assert_null(strstr(case_file(second, "config.json")->data, "\"pid\""));
	assert_non_null(strstr(case_file(second, "config.json")->data, "\"source\":\"/proc\""));
	/* What was said in the first attempt comes first. */
	assert_int_equal(second->n_notices, first->n_notices + 1);
	for (size_t i = 0; i < first->n_notices; i++)
		assert_string_equal(second->notices[i].text, first->notices[i].text);
	assert_notice(second, LOG_WARNING, "shares the host's PID namespace");
}

static void notices(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	case_image(&c, "nopasswd");
	c.opt.ipc = c.opt.pid = c.opt.userns = true;
	c.opt.add_caps = "foo, BAR,chown";
	c.opt.drop_caps = "cap_x";
	strv_add(&c.no_mount, "cwd");
	strv_add(&c.no_mount, "/etc/hosts");
	strv_add(&c.no_mount, "/etc/resolv.conf");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_notice(plan, LOG_INFO, "--oci runtime always uses an IPC namespace, ipc flag is redundant.");
	assert_notice(plan, LOG_INFO, "--oci runtime uses a PID namespace by default, pid flag is redundant.");
	assert_notice(plan, LOG_INFO, "--userns / -u flag is redundant.");
	assert_notice(plan, LOG_WARNING, "Ignoring unknown --add-caps: CAP_FOO,CAP_BAR");
	assert_notice(plan, LOG_WARNING, "Ignoring unknown --drop-caps: CAP_X");
	assert_notice(plan, LOG_WARNING, "--no-mount cwd is not supported in OCI mode, ignoring.");
	assert_notice(plan, LOG_WARNING, "--no-mount /etc/hosts is not supported in OCI mode, ignoring.");
	assert_notice(plan, LOG_WARNING, "passwd file doesn't exist in container, not updating");
	assert_notice(plan, LOG_WARNING, "group file doesn't exist in container, not updating");
	assert_int_equal(plan->n_notices, 9);
}

static void notices_of_the_image(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	case_image(&c, "simple");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_notice(plan, LOG_WARNING, "Container specifies volume mounts, which are not supported by singularity.");
	assert_notice(plan, LOG_INFO, "Container specifies exposed ports.");
	assert_notice(plan, LOG_INFO, "Unless started with --net, singularity uses the host network namespace");
	case_user(&c);
	case_image(&c, "simple");
	c.opt.net = true;
	c.opt.network = "none";

	cleanup_with(launch_plan_free) struct launch_plan *isolated = planned(&c);

	assert_int_equal(isolated->n_notices, 1);
}

/* The default is silent. */
static void no_notice_by_default(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.conf.user_bind_control = false;

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_int_equal(plan->n_notices, 0);
}

static void networks(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.opt.net = true;
	assert_refused_early(&c, "while configuring container: not supported by OCI launcher: Network (except none)");
	case_user(&c);
	c.opt.net = true;
	c.opt.network = "bridge";
	assert_refused_early(&c, "Network (except none)");
	case_user(&c);
	c.opt.network = "bridge";
	launch_plan_free(planned(&c));
}

static void refused_mounts(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.conf.mount_dev = CONF_DEV_NO;
	assert_refused(&c, ERR_DENIED,
		       "while creating OCI spec: while configuring devpts mount: OCI-mode requires /dev to be "
		       "mounted, but 'mount dev = no' in singularity.conf");
	case_user(&c);
	c.conf.mount_devpts = false;
	assert_refused(&c, ERR_DENIED,
		       "OCI-mode requires /dev/pts to be mounted, but 'mount devpts = no' in singularity.conf");
	case_user(&c);
	strv_add(&c.no_mount, "dev");
	assert_refused(&c, ERR_USAGE, "OCI-mode requires /dev to be mounted, but '--no-mount dev' was requested");
	case_user(&c);
	strv_add(&c.no_mount, "devpts");
	assert_refused(&c, ERR_USAGE,
		       "OCI-mode requires /dev/pts to be mounted, but '--no-mount devpts' was requested");
}

static void refused_binds(void **state)
{
	static const struct {
		const char *bind, *text;
	} examples[] = {
		{ "/opt:x",
		  "while creating OCI spec: while configuring user bind mount(s): while adding mount \"/opt\": bind "
		  "destination x must be an absolute path" },
		{ "/dev/null:/x", "device bind source /dev/null must be the same as destination /x" },
		{ "/dev:/x", "host /dev may only be bound to /dev in container" },
		{ "a.sif:/x:id=1", "image bind id values are not supported, but one was supplied ( 1)" },
		{ "a.sif:/x:image-src=/", "binds from an image (image-src) are not supported" },
	};
	struct plan_case c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct launch_plan *plan = NULL;
		struct error *err;

		case_user(&c);
		strv_add(&c.binds, examples[i].bind);
		err = case_plan(&c, &plan);
		if (!err || !strstr(error_text(err), examples[i].text))
			fail_msg("%s: %s", examples[i].bind, err ? error_text(err) : "accepted");
		error_free(err);
		case_free(&c);
	}
	case_user(&c);
	strv_add(&c.binds, "/opt:/x:bad");
	assert_refused_early(&c, "while parsing bind path: while getting bind path: bad is not a valid bind option");
	case_user(&c);
	strv_add(&c.mounts, "type=tmpfs,dst=/x");
	assert_refused_early(&c, "unsupported mount type \"tmpfs\", only 'bind' is supported");
}

/* /development is no device, a relative source counts from the caller's directory, options cut off at commas come back.
 */
static void binds(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	strv_add(&c.binds, "/development:/d");
	strv_add(&c.binds, "../x:/r");
	strv_add(&c.binds, "rw");
	strv_add(&c.binds, "ro");
	strv_add(&c.binds, "/procs/x:/p");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_mount(plan, "/d", "rbind,nodev,nosuid");
	assert_mount(plan, "/r", "rbind,nodev,nosuid,ro");
	assert_mount(plan, "/p", "rbind,nodev,nosuid");
	assert_int_equal(plan->n_sources, 3);
	assert_string_equal(plan->sources[1].path, "/srv/x");
}

static void native_like_mode(void **state)
{
	static char root[] = "/";
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.opt.no_compat = true;
	c.facts.cwd = root;
	strv_add(&c.host_env, "SINGULARITY_X=1");
	strv_add(&c.host_env, "SINGULARITYENV_Y=2");
	strv_add(&c.host_env, "SINGULARITY_SHELL=/bin/x");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	/* The host's root over the container's would leave nothing of the image. */
	assert_mount(plan, "/", "");
	assert_config(plan, "process.cwd", "\"/\"");

	const char *config = case_file(plan, "config.json")->data;

	assert_non_null(strstr(config, "\"SINGULARITY_X=1\""));
	assert_non_null(strstr(config, "\"Y=2\""));
	assert_null(strstr(config, "SINGULARITYENV_Y"));
	assert_null(strstr(config, "SINGULARITY_SHELL"));
}

static void work_directories(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.opt.workdir = "w";
	strv_add(&c.scratch, "/a/b");
	strv_add(&c.scratch, "../../up");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);
	cleanup_free char *dirs = strv_join(&plan->make_dirs_1777, " ");

	assert_string_equal(plan->workdir, "/srv/img/w");
	assert_string_equal(dirs, "tmp var_tmp scratch scratch/a scratch/a/b scratch/up");
	case_user(&c);
	c.opt.workdir = "/w";
	strv_add(&c.scratch, "..");
	assert_refused(&c, ERR_USAGE, "scratch directory .. has no name");
}

static void environment(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	case_config(&c, "{\"config\":{\"Env\":[\"PATH=/img:\",\"LD_LIBRARY_PATH=/x:/.singularity.d/"
			"libs\",\"TERM=image\",\"ODD\"]}}");
	strv_add(&c.host_env, "SINGULARITYENV_APPEND_PATH=/end");
	strv_add(&c.host_env, "SINGULARITYENV_A=host");
	strv_add(&c.host_env, "FOO=bar");
	strv_add(&c.host_env, "no_proxy=x");
	strv_add(&c.env, "PREPEND_PATH=/start");
	strv_add(&c.env, "A=cli");
	strv_add(&c.env, "HOME=/nowhere");
	strv_add(&c.env_files, "file");
	strv_add(&c.facts.env_texts, "A=file; B=$FOO$SINGULARITY_IMAGE");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);
	cleanup_free char *wanted = xasprintf(
		"[\"PATH=/start:/img:/end\",\"LD_LIBRARY_PATH=/x:/.singularity.d/libs\",\"TERM=image\",\"ODD\","
		"\"SINGULARITY_CONTAINER=%s\",\"SINGULARITY_NAME=plain.sif\",\"A=cli\",\"B=barplain.sif\","
		"\"HOME=/home/tester\",\"no_proxy=x\"]",
		plan->bundle);

	assert_config(plan, "process.env", wanted);
	case_user(&c);
	strv_add(&c.env_files, "bad");
	strv_add(&c.facts.env_texts, "A=$(date)");
	assert_refused(&c, ERR_USAGE,
		       "while processing bad: while evaluating environment script: line 1: could not execute \"date\"");
}

/* The runtime finds the home of a user that the image's passwd file has. */
static void home_of_an_image_user(void **state)
{
	static const struct {
		const char *config, *home;
	} examples[] = {
		{ "{\"config\":{\"User\":\"4242\"}}", "\"HOME=/\"" },
		{ "{\"config\":{\"User\":\"4242\",\"Env\":[\"HOME=/own\"]}}", "\"HOME=/own\"" },
		{ "{\"config\":{\"User\":\"1\"}}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct plan_case c;

		case_user(&c);
		case_config(&c, examples[i].config);

		cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);
		const char *config = case_file(plan, "config.json")->data;

		if (examples[i].home)
			assert_non_null(strstr(config, examples[i].home));
		else
			assert_null(strstr(config, "\"HOME="));
	}
}

static void image_without_anything(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.opt.action = LAUNCH_RUN;
	case_config(&c, "{}");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_config(plan, "process.args", "");
	assert_config(plan, "annotations", "{}");
	assert_config(plan, "process.cwd", "\"/home/tester\"");
	case_user(&c);
	c.opt.action = LAUNCH_RUN;
	c.opt.app = "foo";
	case_config(&c, "{}");
	assert_refused(&c, ERR_USAGE, "could not determine executable for container");
	case_user(&c);
	c.opt.action = LAUNCH_TEST;
	c.opt.app = "foo";
	assert_refused(&c, ERR_USAGE, "unrecognized action \"test\"");
}

static void annotations(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.opt.no_setgroups = true;
	case_config(&c,
		    "{\"os\":\"linux\",\"created\":\"2020-01-02T03:04:05.678Z\",\"config\":{\"StopSignal\":\"SIGINT\","
		    "\"Labels\":{\"k\":\"a=b\",\"org.opencontainers.image.os\":\"mine\"}}}");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_config(plan, "annotations",
		      "{\"org.opencontainers.image.os\":\"mine\",\"org.opencontainers.image.created\":\"2020-01-02T03:"
		      "04:05Z\","
		      "\"org.opencontainers.image.stopSignal\":\"SIGINT\",\"k\":\"a=b\",\"run.oci.keep_original_"
		      "groups\":\"1\"}");
	case_user(&c);
	c.opt.no_setgroups = true;
	c.facts.runtime = LAUNCH_RUNC;
	assert_refused(&c, ERR_UNSUPPORTED,
		       "while creating OCI spec: runtime '\"/usr/bin/crun\"' does not support --no-setgroups");
}

static void capabilities(void **state)
{
	static const struct {
		const char *add, *drop;
		bool no_privs, keep_privs;
		unsigned int last_cap;
		const char *bounding;
	} examples[] = {
		{ "chown", NULL, true, false, 40, "[\"CAP_CHOWN\"]" },
		{ "ALL", "all", false, false, 40, "" },
		{ " CAP_Chown , kill,", "chown", true, true, 40, "[\"CAP_KILL\"]" },
		{ "cap_all", NULL, true, false, 2, "[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_DAC_READ_SEARCH\"]" },
		{ NULL, NULL, false, true, 1, "[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\"]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		struct plan_case c;

		case_user(&c);
		c.opt.add_caps = examples[i].add;
		c.opt.drop_caps = examples[i].drop;
		c.opt.no_privs = examples[i].no_privs;
		c.opt.keep_privs = examples[i].keep_privs;
		c.facts.last_cap = examples[i].last_cap;

		cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

		assert_config(plan, "process.capabilities.bounding", examples[i].bounding);
		assert_config(plan, "process.noNewPrivileges", examples[i].no_privs ? "true" : "");
	}
}

static void sources_must_exist(void **state)
{
	struct plan_case c;

	(void)state;
	case_user(&c);
	strv_add(&c.binds, "/:/host");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	assert_ok(launch_plan_check_sources(plan));
	case_user(&c);
	strv_add(&c.binds, "/no/such:/x");

	cleanup_with(launch_plan_free) struct launch_plan *bad = planned(&c);

	assert_error(launch_plan_check_sources(bad), ERR_SYSTEM,
		     "while creating OCI spec: while configuring user bind mount(s): while adding mount \"/no/such\": "
		     "cannot stat "
		     "bind source /no/such: stat /no/such: no such file or directory");
}

static void env_files(void **state)
{
	cleanup_strv struct strv paths = { 0 }, texts = { 0 };
	cleanup_free char *dir = NULL;
	cleanup_free char *path = NULL;

	(void)state;
	assert_ok(fs_mkdtemp("/tmp", "env", &dir));
	path = xasprintf("%s/f", dir);
	strv_add(&paths, path);
	assert_error(launch_env_files_read(&paths, &texts), ERR_SYSTEM, "could not read environment file \"");
	assert_ok(fs_write_file(AT_FDCWD, path, "A=1\n", 4, 0600, false));
	assert_ok(launch_env_files_read(&paths, &texts));
	assert_int_equal(texts.n, 1);
	assert_string_equal(texts.items[0], "A=1\n");
	assert_ok(fs_write_file(AT_FDCWD, path, "A\0B", 3, 0600, false));
	assert_error(launch_env_files_read(&paths, &texts), ERR_CORRUPT, "it contains a NUL byte");
	assert_ok(fs_remove_tree(AT_FDCWD, dir));
}

static void printed(void **state)
{
	cleanup_buf struct buf text = { 0 };
	struct plan_case c;

	(void)state;
	case_user(&c);
	c.opt.workdir = "/w";
	strv_add(&c.binds, "/opt");

	cleanup_with(launch_plan_free) struct launch_plan *plan = planned(&c);

	launch_plan_print(plan, &text);
	assert_non_null(strstr(buf_str(&text), "flags outer-userns private-pidns upper-nosuid user-xattrs runtime-read-only\n"));
	assert_non_null(strstr(buf_str(&text), "outer-uid 1 100000 65536\n"));
	assert_non_null(strstr(buf_str(&text), "workdir /w\nmake-dirs tmp var_tmp scratch\nsource /opt\n"));
	assert_non_null(strstr(buf_str(&text), "runtime /usr/bin/crun --cgroup-manager=disabled --root "));
	assert_non_null(strstr(buf_str(&text), "file etc/resolv.conf 0644 21\nnameserver 192.0.2.1\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_the_run),
		cmocka_unit_test(crun_on_a_hybrid_host),
		cmocka_unit_test(terminals),
		cmocka_unit_test(homes),
		cmocka_unit_test(homes_of_the_unknown),
		cmocka_unit_test(generated_files),
		cmocka_unit_test(resolv_conf_errors),
		cmocka_unit_test(no_new_proc),
		cmocka_unit_test(notices),
		cmocka_unit_test(notices_of_the_image),
		cmocka_unit_test(no_notice_by_default),
		cmocka_unit_test(networks),
		cmocka_unit_test(refused_mounts),
		cmocka_unit_test(refused_binds),
		cmocka_unit_test(binds),
		cmocka_unit_test(native_like_mode),
		cmocka_unit_test(work_directories),
		cmocka_unit_test(environment),
		cmocka_unit_test(home_of_an_image_user),
		cmocka_unit_test(image_without_anything),
		cmocka_unit_test(annotations),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(sources_must_exist),
		cmocka_unit_test(env_files),
		cmocka_unit_test(printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
