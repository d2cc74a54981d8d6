/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who the container's process is, and how ids translate. Three id spaces meet:
 *
 *   host         the caller's ids
 *   outer        of the user namespace whose root we are (not for host root): 0 is the caller, 1..count their
 *                subordinate ids
 *   container    of the user namespace that the runtime makes, so that the process has the caller's own number
 *
 * With t = the caller's id and s = the size of the subordinate range, the container's ids lie in the outer space so:
 *
 *   container   0 .. t-1     t    t+1 .. s
 *   outer       1 .. t       0    t+1 .. s
 *
 * The files of an image are owned by container ids, so the file server must present owner i as the outer id that stands
 * for i in the container. The one exception is root: the caller cannot be root there, yet should be able to use and
 * replace what the image brought, so root's files are shown as the caller's own (outer 0). A process that is root in
 * the container needs no second user namespace, and then image ids and outer ids are the same.
 */
#include "runtime/launch/plan_priv.h"

#include <inttypes.h>

/* One list of maps that grows. */
struct idmaps {
	struct launch_idmap **list;
	size_t *n;
};

static void map_add(struct idmaps maps, uint32_t container_id, uint32_t host_id, uint32_t size)
{
	if (size == 0)
		return;
	*maps.list = xreallocarray(*maps.list, *maps.n + 1, sizeof(**maps.list));
	(*maps.list)[(*maps.n)++] =
		(struct launch_idmap){ .container_id = container_id, .host_id = host_id, .size = size };
}

static bool map_covers(const struct launch_idmap *list, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (id >= list[i].container_id && id - list[i].container_id < list[i].size)
			return true;
	return false;
}

static void map_outer(struct idmaps outer, uint32_t own, struct launch_subid range)
{
	map_add(outer, 0, own, 1);
	map_add(outer, 1, range.start, range.count);
}

static void map_inner(struct idmaps inner, uint32_t own, uint32_t count)
{
	map_add(inner, 0, 1, own < count ? own : count);
	map_add(inner, own, 0, 1);
	if (own < count)
		map_add(inner, own + 1, own + 1, count - own);
}

/* The inverse of the outer half of map_inner() for owners of image files, but for root's. */
static void map_served(struct idmaps served, uint32_t own, uint32_t count)
{
	uint32_t below = own < count ? own : count;

	map_add(served, 0, 0, 1);
	if (below > 0)
		map_add(served, 1, 2, below - 1);
	if (own > 0)
		map_add(served, own, 0, 1);
	if (own < count)
		map_add(served, own + 1, own + 1, count - own);
}

static struct error *decide_user(struct plan_draft *d)
{
	d->user = (struct plan_user){ .uid = d->facts->uid, .gid = d->facts->gid };
	if (d->facts->is_root)
		d->user.uid = 0;
	if (d->opt->fakeroot)
		d->user = (struct plan_user){ 0 };
	else if (d->has_image_user)
		return plan_user_resolve(d->image->config->user, d->image->passwd, d->image->group, &d->user);
	return NULL;
}

/* The process's ids must exist where the runtime starts it; the runtime's own message would not say why. */
static struct error *check_mapped(const struct plan_draft *d)
{
	const struct launch_plan *plan = d->plan;
	bool uid_ok = d->inner_userns ? map_covers(d->inner_uids, d->n_inner_uids, d->user.uid)
				      : map_covers(plan->outer_uids, plan->n_outer_uids, d->user.uid);
	bool gid_ok = d->inner_userns ? map_covers(d->inner_gids, d->n_inner_gids, d->user.gid)
				      : map_covers(plan->outer_gids, plan->n_outer_gids, d->user.gid);

	if (uid_ok && gid_ok)
		return NULL;

	struct error *err = error_new(ERR_DENIED, "the image wants to run as USER %s (%" PRIu32 ":%" PRIu32 "), %s",
				      d->image->config->user, d->user.uid, d->user.gid,
				      plan->single_id ? "which needs subordinate ids, and you have none"
						      : "which is beyond your subordinate ids");

	return error_hint(err, "run it with --fakeroot, or ask the administrator for %s in /etc/subuid and /etc/subgid",
			  plan->single_id ? "a range" : "a larger range");
}

static void ids_of_root(struct plan_draft *d)
{
	uint32_t n_ids = d->facts->n_ids ? d->facts->n_ids : 65536;

	if (!d->opt->userns)
		return;
	d->inner_userns = true;
	map_add((struct idmaps){ &d->inner_uids, &d->n_inner_uids }, 0, 0, n_ids);
	map_add((struct idmaps){ &d->inner_gids, &d->n_inner_gids }, 0, 0, n_ids);
}

static void warn_single_id(struct plan_draft *d)
{
	cleanup_free char *number = xasprintf("%u", d->facts->uid);
	const char *name = d->facts->user_name ? d->facts->user_name : number;

	if (!d->facts->newuidmap || !d->facts->newgidmap) {
		plan_notice(d, LOG_WARNING,
			    "newuidmap and newgidmap were not found: only your own id exists in the container. For all "
			    "ids, ask the administrator to install them (Debian's package uidmap).");
		return;
	}
	plan_notice(d, LOG_WARNING,
		    "No subordinate ids for %s: only your own id exists in the container. For all ids, ask the "
		    "administrator to give %s 65536 ids in /etc/subuid and /etc/subgid (see subuid(5)).",
		    name, name);
}

static void ids_of_user(struct plan_draft *d)
{
	struct launch_plan *plan = d->plan;
	struct launch_subid subuid = d->facts->subuid, subgid = d->facts->subgid;

	plan->outer_userns = true;
	plan->single_id = subuid.count == 0 || subgid.count == 0;
	if (plan->single_id) {
		subuid = subgid = (struct launch_subid){ 0 };
		plan->served_squash = true;
		warn_single_id(d);
	}
	map_outer((struct idmaps){ &plan->outer_uids, &plan->n_outer_uids }, d->facts->uid, subuid);
	map_outer((struct idmaps){ &plan->outer_gids, &plan->n_outer_gids }, d->facts->gid, subgid);
	d->inner_userns = d->user.uid != 0;
	if (!d->inner_userns)
		return;
	map_inner((struct idmaps){ &d->inner_uids, &d->n_inner_uids }, d->facts->uid, subuid.count);
	map_inner((struct idmaps){ &d->inner_gids, &d->n_inner_gids }, d->facts->gid, subgid.count);
	if (plan->single_id)
		return;
	map_served((struct idmaps){ &plan->served_uids, &plan->n_served_uids }, d->facts->uid, subuid.count);
	map_served((struct idmaps){ &plan->served_gids, &plan->n_served_gids }, d->facts->gid, subgid.count);
}

struct error *plan_ids(struct plan_draft *d)
{
	d->has_image_user = d->image->config->user != NULL;
	TRY(decide_user(d));
	if (d->facts->is_root) {
		ids_of_root(d);
		return NULL;
	}
	ids_of_user(d);
	return check_mapped(d);
}
