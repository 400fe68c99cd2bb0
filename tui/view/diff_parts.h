/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of `diff --all -o json` as a page of parts: files, config, metrics, .. each with what is
 * the same folded away below it. Pure. */
#pragma once

#include "registry/base/json.h"
#include "tui/view/sheet.h"

#define DIFF_PARTS_ROWS_MAX 20000u /* more are counted and not shown */

/* One row of "diff" or "plan diff" that is a change: what stands on both sides, in its colour. n
 * goes to it. */
void diff_row(struct sheet *s, const json_t *row);
/* Into an empty sheet; false: this is no such answer. The caller settles it. */
bool diff_parts(struct sheet *s, const json_t *answer);
