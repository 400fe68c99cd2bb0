/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share. */
#pragma once

#include "registry/base/err.h"

/* The folder of that name, with the lock that is held around opening and closing its database. */
int store_open_locked(const char *dir, int *ret, struct err *e);
/* That lock, waited for; not held where locks do not work: such file systems are not written. */
int store_lock_dir(int dirfd, const char *dir, struct err *e);
