/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/fileserver/fileserver_priv.h"

#include <sys/prctl.h>

bool sandbox_enter(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}
