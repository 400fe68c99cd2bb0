/* SPDX-License-Identifier: Apache-2.0 */
/* The files of one version: read once when they are first looked at, narrowed by words, a window of
 * them painted. */
#pragma once

#include "registry/base/vec.h"
#include "registry/checked.h"
#include "registry/manifest.h"
#include "registry/records.h"
#include "tui/view/list.h"

struct version_files {
	struct manifest files;
	struct buf text; /* the manifest's own bytes */
	bool is_read, has_files;
	char filter[128];
	VEC(uint32_t) found; /* those that match; with words only */
	struct list list;
	struct err failed;
};
void version_files_fini(struct version_files *s);
/* A version never changes: what was read once stays. */
void version_files_read(struct version_files *s, const struct view *v,
                        const struct version_row *row);
void version_files_filter(struct version_files *s, const char *words);
void version_files_draw(struct version_files *s, struct view *v, const struct area *a,
                        const struct checked *c);
const struct manifest_file *version_files_chosen(const struct version_files *s); /* NULL */
/* "ok 2h ago, by your verify", "FAILED 2h ago: ..", "not checked: v verifies" */
enum ink checked_text(const struct checked *c, struct buf *ret);
