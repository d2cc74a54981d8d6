/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inputs of launch_plan_make() for tests: a caller, a host, an image, and options, either plain or as a row of the
 * reference's table of runtime configurations asks for (tests/fixtures/oci-config/table.tsv).
 */
#ifndef RUNTIME_LAUNCH_TEST_PLAN_CASE_H
#define RUNTIME_LAUNCH_TEST_PLAN_CASE_H

#include "formats/conf/conf.h"
#include "runtime/launch/launch.h"

struct plan_case {
	struct launch_options opt;
	struct launch_facts facts;
	struct launch_image image;
	struct site_conf conf;
	struct oci_config *config;
	struct strv args, binds, mounts, scratch, no_mount, containlibs, env_files, env, host_env;
	struct strv owned; /* texts that the options borrow */
};

/* case_user() - user tester, 1001:1001, 65536 subordinate ids, crun, cgroup v2: what most rows were made with */
void case_user(struct plan_case *c);
/* case_root() - host root instead */
void case_root(struct plan_case *c);
/* case_image() - take @name's config out of tests/fixtures/inputs/image-configs */
void case_image(struct plan_case *c, const char *name);
/* case_config() - an image with the config @json instead */
void case_config(struct plan_case *c, const char *json);
/* case_row() - everything from a row: cells are name, profile, runtime, configuration, exit, file, environment,
 * command, argv */
void case_row(struct plan_case *c, const struct strv *cells);
struct error *case_plan(struct plan_case *c, struct launch_plan **ret_plan);
/* case_file() - a file of the plan by name; NULL if it is not there */
const struct launch_file *case_file(const struct launch_plan *plan, const char *name);
void case_free(struct plan_case *c);

/* read_fixture() - text of a file below tests/fixtures; fails the test if it cannot be read; caller frees */
char *read_fixture(const char *path);

#endif
