/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of squash_cpus() that reads files, private to the room so that a test can show it other ones.
 */
#ifndef FORMATS_SQUASH_CPUS_H
#define FORMATS_SQUASH_CPUS_H

/* squash_cpus_at() - the least of @n_affinity and the quotas found below @root_fd, which stands for "/"; at least 1 */
unsigned int squash_cpus_at(int root_fd, unsigned int n_affinity);

#endif
