/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of audit's verbs share. */
#pragma once

#include "registry/ledger.h"
#include "tui/cmd/cmd.h"

/* The tree as it is now, signed by this machine's log key, or with a path the checkpoint that is
 * there, as its holder made it. NOT_FOUND: the key is not here. */
int audit_checkpoint(struct app *a, const struct ledger *l, const char *path, struct buf *ret,
                     struct err *e);
/* verify FILE or DIR: without any registry. root: --root as it was typed, NULL: not given. */
int audit_verify_file(struct app *a, const char *path, const char *root, struct err *e);
