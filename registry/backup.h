/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of a living registry in another folder: the log up to a point, each line checked, and the
 * blobs that were there then. Blobs come first and the log's tail last, so that an interrupted
 * backup knows no line whose blobs it lacks. A backup is a registry folder without a database that
 * names no inode of its own: it opens read-only until somebody accepts it as restored.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "registry/base/progress.h"
#include "registry/registry.h"

struct backup_result {
	bool was_there;                /* an earlier backup was brought up to date */
	uint64_t entries, new_entries; /* in it now; of these written this time */
	uint64_t blobs, blob_bytes;    /* that the log needs, each there and of the right size */
	uint64_t new_blobs, new_bytes; /* written this time, hashed on the way */
	uint64_t damaged;              /* of the registry: other bytes than their name says */
};
/* r: opened with REGISTRY_NO_DB. dir: new, empty, or an earlier backup of this registry. EXISTS:
 * something else is there; CONFLICT: a backup of another registry; LOCKED: another one runs there;
 * DIGEST: the log is no continuation of the backup's, or a blob is damaged or missing (then all the
 * rest is there). */
int backup_run(struct registry *r, const char *dir, const struct progress *p,
               struct backup_result *ret, struct err *e);
