/* SPDX-License-Identifier: Apache-2.0 */
/* How far a stored plan is, from the database: for showing. Whether it may be applied is read from
 * the log, by who decides. */
#pragma once

#include "registry/policy.h"
#include "registry/records.h"

struct plan_state {
	const char *name;   /* "open", "waiting", "dead", or how its last job stands or ended */
	bool is_open;       /* somebody may still apply it */
	bool is_waiting;    /* for the approval of another person */
	struct err missing; /* of an open one: what is missing, or code 0 */
};
/* Is it open, with a promotion of its stage since it was stored? */
bool plan_is_dead(struct txn *t, const struct plan_row *p);
/* policy NULL: none can be read; then nothing is known of people. ret->name may be p's. */
void plan_state(struct txn *t, const struct policy *policy, const struct plan_row *p,
                struct plan_state *ret);
