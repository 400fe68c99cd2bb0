/* SPDX-License-Identifier: Apache-2.0 */
/* Two JSON files of a model, member by member: what diff says beside "the file changed". */
#pragma once

#include "registry/base/json.h"
#include "registry/blob.h"
#include "registry/manifest.h"

#define DIFF_CONFIG_MAX      ((uint64_t)1 << 20) /* bytes; a longer one is not compared */
#define DIFF_CONFIG_ROWS_MAX 1000u               /* members of one file that differ */

/* from or to NULL: it is not there. */
typedef void diff_config_fn(void *arg, const char *name, const json_t *from, const json_t *to);
/* Is it such a file by its name? */
bool diff_is_config(const struct manifest_file *f);
/* fn for each member that differs, "rope.theta", or that is the same where all is set. false: not
 * compared, or not to its end; *ret_why says why, a literal. */
bool diff_config(struct blobs *b, const struct manifest_file *from, const struct manifest_file *to,
                 bool all, diff_config_fn *fn, void *arg, const char **ret_why);
