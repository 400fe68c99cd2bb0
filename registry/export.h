/* SPDX-License-Identifier: Apache-2.0 */
/* A version's files into a new folder, each checked while it is copied. */
#pragma once

#include "registry/base/err.h"
#include "registry/base/progress.h"
#include "registry/blob.h"
#include "registry/manifest.h"

/* dir must not exist or be empty (EXISTS); it is filled under a temporary name beside and
 * renamed when complete, so that a failure or a kill leaves no half folder under dir. DIGEST,
 * NO_SPACE. */
int export_tree(struct blobs *b, const struct manifest *m, const char *dir,
                const struct progress *p, struct err *e);
