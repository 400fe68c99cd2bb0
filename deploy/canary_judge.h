/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a newcomer that shares the requests good enough? Two looks at what both sides have answered,
 * and the limits of the plan. Pure: no clock, no server. What cannot be told is inconclusive, never
 * good and never bad.
 */
#pragma once

#include "deploy/driver.h"
#include "registry/canary.h"
#include "registry/journal.h"

struct canary_sides {
	struct traffic newcomer, stable;
};
/* ERROR: what should tell cannot be asked; it holds the step as what cannot be told does */
enum canary_outcome { CANARY_GOOD, CANARY_BAD, CANARY_INCONCLUSIVE, CANARY_ERROR };
const char *canary_outcome_name(enum canary_outcome o);
struct canary_verdict {
	enum canary_outcome outcome;
	bool begins_anew; /* a counter went back or a replica came or went: from must be taken again
	                   */
	struct journal_reading gates[JOURNAL_READINGS];
	size_t gates_n;
	char text[400]; /* what was counted and what is wanted, or why nothing can be told */
};
void canary_judge(const struct canary_plan *c, const struct canary_sides *from,
                  const struct canary_sides *to, struct canary_verdict *ret);
