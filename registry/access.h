/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may open a registry, and what of it may be believed: the owner of the folder and of the
 * folders above, the owner of the database, file systems on which locks mean nothing. Looks at
 * files and users only; knows no entry and no key.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "registry/base/err.h"
#include "registry/registry.h"

/* The folder dir, opened. DENIED: a symbolic link, another's folder, or one that everybody may
 * write or replace; NOT_FOUND: there is none. REGISTRY_TRUST_OWNER in flags: from now on this
 * person trusts its owner ($XDG_STATE_HOME/slipway/owners, by path). */
int access_open_root(const char *dir, unsigned flags, int *ret_rootfd, struct err *e);
/* Fills is_private, is_db_foreign and why_not_writable of a registry whose root and log are open;
 * log_inode_then is what registry.json says. */
void access_judge(struct registry *r, unsigned flags, uint64_t log_inode_then);
/* The folder of this person's own database of r, made; free() it. */
int access_private_dir(struct registry *r, char **ret, struct err *e);
