/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libsubid_site.so: subordinate ids from somewhere else than the files, as a site with LDAP has them. libsubid loads it where
 * nsswitch.conf says "subid: site". Every user has 1000 ids, which are too few, and then 70000 ids from 300000 on (groups: 400000).
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>

/* As in shadow's subid.h, which only the development package has. */
struct subid_range {
	unsigned long start, count;
};
enum subid_type { ID_TYPE_UID = 1, ID_TYPE_GID = 2 };
enum subid_status { SUBID_STATUS_SUCCESS = 0, SUBID_STATUS_ERROR = 3 };

enum subid_status shadow_subid_has_range(const char *owner, unsigned long start, unsigned long count, enum subid_type type,
					 bool *result);
enum subid_status shadow_subid_list_owner_ranges(const char *owner, enum subid_type type, struct subid_range **ranges, int *count);
enum subid_status shadow_subid_find_subid_owners(unsigned long id, enum subid_type type, uid_t **uids, int *count);

static unsigned long first_of(enum subid_type type)
{
	return type == ID_TYPE_UID ? 300000 : 400000;
}

enum subid_status shadow_subid_has_range(const char *owner, unsigned long start, unsigned long count, enum subid_type type,
					 bool *result)
{
	(void)owner;
	*result = start >= first_of(type) && start + count <= first_of(type) + 70000;
	return SUBID_STATUS_SUCCESS;
}

enum subid_status shadow_subid_list_owner_ranges(const char *owner, enum subid_type type, struct subid_range **ranges, int *count)
{
	struct subid_range *list = calloc(2, sizeof(*list));

	(void)owner;
	if (!list)
		return SUBID_STATUS_ERROR;
	list[0] = (struct subid_range){ 200000, 1000 };
	list[1] = (struct subid_range){ first_of(type), 70000 };
	*ranges = list;
	*count = 2;
	return SUBID_STATUS_SUCCESS;
}

enum subid_status shadow_subid_find_subid_owners(unsigned long id, enum subid_type type, uid_t **uids, int *count)
{
	(void)id;
	(void)type;
	*uids = NULL;
	*count = 0;
	return SUBID_STATUS_SUCCESS;
}
