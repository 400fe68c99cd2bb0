/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people, from the JSON of "promote --dry-run -o json" and its like. */
#pragma once

#include "registry/base/json.h"
#include "tui/view/lines.h"

bool plan_is(const json_t *plan); /* has it what the two need? */
/* What was looked at, what refuses, and what nobody looked at: a line each, the state in front. */
void plan_check_lines(struct lines *l, const json_t *plan);
/* What would change where, what each target holds now, the way back first. */
void plan_lines(struct lines *l, const json_t *plan);
