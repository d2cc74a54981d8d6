/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that are made for the container: resolv.conf, passwd and group (oci-mode.md 3.15). They lie in the bundle and
 * are bound over the image's.
 */
#include "runtime/launch/plan_priv.h"

#include <arpa/inet.h>

static bool is_address(const char *text)
{
	struct in6_addr address;

	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

struct error *plan_dns_text(const char *dns, char **ret_text)
{
	cleanup_strv struct strv servers = { 0 };
	cleanup_buf struct buf text = { 0 };

	strv_split(&servers, dns, ',');
	for (size_t i = 0; i < servers.n; i++) {
		cleanup_free char *server = str_trim(servers.items[i]);

		if (!is_address(server))
			return error_new(ERR_USAGE, "DNS nameserver %s is not a valid IP address", server);
		buf_appendf(&text, "nameserver %s\n", server);
	}
	*ret_text = buf_take(&text);
	return NULL;
}

static void etc_file(struct plan_draft *d, const char *name, char *text)
{
	cleanup_free char *file = xasprintf("etc/%s", name);
	cleanup_free char *source = xasprintf("%s/%s", d->plan->bundle, file);
	cleanup_free char *destination = xasprintf("/%s", file);

	plan_file_add(d, file, 0644, text, strlen(text));
	plan_mount_add(d, destination, "bind", source, "bind");
}

static struct error *resolv_conf(struct plan_draft *d)
{
	const struct launch_facts *facts = d->facts;
	char *text;

	if (!d->conf->config_resolv_conf || plan_no_mount(d, "/etc/resolv.conf"))
		return NULL;
	if (d->opt->dns && *d->opt->dns)
		TRY(plan_dns_text(d->opt->dns, &text));
	else if (facts->resolv_conf)
		text = xstrdup(facts->resolv_conf);
	else
		return error_hint(error_new(ERR_SYSTEM, "could not read host's resolv.conf file: %s",
					    facts->resolv_conf_error ? facts->resolv_conf_error : "no such file"),
				  "name servers with --dns, or do without by --no-mount /etc/resolv.conf");
	etc_file(d, "resolv.conf", text);
	return NULL;
}

/* The host's entry for the id that the process has in the container. */
static struct plan_passwd_wanted host_entry(const struct plan_draft *d)
{
	const struct launch_facts *f = d->facts;
	bool root = d->opt->fakeroot && !f->is_root;

	return (struct plan_passwd_wanted){
		.name = root ? f->root_name : f->user_name,
		.gecos = root ? f->root_gecos : f->user_gecos,
		.shell = root ? f->root_shell : f->user_shell,
		.home = d->home,
		.uid = d->user.uid,
		.gid = d->user.gid,
	};
}

static void passwd_file(struct plan_draft *d)
{
	struct plan_passwd_wanted wanted = host_entry(d);

	if (!d->conf->config_passwd)
		return;
	if (!d->image->passwd) {
		plan_notice(d, LOG_WARNING, "passwd file doesn't exist in container, not updating");
		return;
	}
	if (wanted.name)
		etc_file(d, "passwd", plan_passwd_text(d->image->passwd, &wanted));
}

static void group_file(struct plan_draft *d)
{
	const struct launch_facts *f = d->facts;
	const char *name = d->opt->fakeroot ? f->root_group_name : f->group_name;

	if (!d->conf->config_group)
		return;
	if (!d->image->group) {
		plan_notice(d, LOG_WARNING, "group file doesn't exist in container, not updating");
		return;
	}
	if (name)
		etc_file(d, "group", plan_group_text(d->image->group, name, d->user.gid, host_entry(d).name));
}

struct error *plan_etc_files(struct plan_draft *d)
{
	TRY(resolv_conf(d));
	/* With a USER the image says who there is. */
	if (d->has_image_user)
		return NULL;
	passwd_file(d);
	group_file(d);
	return NULL;
}
