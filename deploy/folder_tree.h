/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of files in a folder that others can write to: copied in, read back, removed. Everything is
 * reached by openat2 beneath a descriptor; links and special files are DENIED and named. `where` is
 * the tree's path for messages. Nothing here knows of version numbers, stamps or servers.
 */
#pragma once

#include <sys/types.h>

#include "deploy/driver.h"

/* openat2 with RESOLVE_BENEATH, NO_SYMLINKS and NO_MAGICLINKS. 0 or -1 with errno. */
int beneath_open(int dirfd, const char *path, int flags, mode_t mode);
/* errno of such a call as an error about where/name: a link, a special file or a way out is DENIED.
 */
int beneath_error(struct err *e, const char *where, const char *name);

/* All of s into the empty folder dirfd, hashed while copied, synced. NO_SPACE, DIGEST, DENIED. */
int tree_copy(int dirfd, const char *where, const struct source *s, struct err *e);
/* Exactly the files of s, hashed from the disk. DIGEST: one differs, is missing or is too many;
 * DENIED. */
int tree_verify(int dirfd, const char *where, const struct source *s, struct err *e);
/* Syncs every folder of the tree. */
int tree_sync(int dirfd, const char *where, struct err *e);
/* Removes name below dirfd with all that it holds; links inside are unlinked, never followed.
 * Absent is success; DENIED when name itself is not a folder. */
int tree_remove(int dirfd, const char *where, const char *name, struct err *e);
