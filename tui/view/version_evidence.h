/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a version comes from, what was attested about it, what the gates of each stage say to that,
 * and where it runs: parts of a page, by the rows of the database. What counts when it is promoted
 * is decided by the plan, from signed evidence.
 */
#pragma once

#include "registry/policy.h"
#include "registry/records.h"
#include "tui/view/sheet.h"

/* Into an empty sheet; p NULL: no policy was read. */
void version_evidence(struct sheet *s, const struct view *v, struct txn *t,
                      const struct model_row *m, const struct version_row *row,
                      const struct policy *p);
