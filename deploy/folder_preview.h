/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be said of a model's folder before anything in it is changed: what is in the way, and
 * what a rollout would do there. For every driver whose versions lie in such a folder. Reads only.
 */
#pragma once

#include "deploy/folder.h"

/* Blocks: a stamp that cannot be read (then it counts as none), another registry's, a version that
 * is not ours. */
int folder_findings(struct folder *f, const struct rollout *q, struct folder_stamp *ret_stamp,
                    struct folder_look *ret_look, struct findings *ret, struct err *e);
uint64_t folder_bytes(const struct source *s); /* NULL: 0; UINT64_MAX when they are too many */
/* What changes in the folder of q's model below t's path, a change a line. */
int folder_preview(const struct target *t, const struct rollout *q, struct buf *ret, struct err *e);
