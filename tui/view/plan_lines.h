/* SPDX-License-Identifier: Apache-2.0 */
/* The plan that a dry run printed, as rows for the preview: what changes where, what was not
 * checked, the way back. Members that are not known here are left out; false: this is no plan, show
 * it as any JSON. */
#pragma once

#include <stdbool.h>

#include "registry/base/json.h"
#include "tui/view/lines.h"

bool plan_lines(struct lines *l, const json_t *plan);
