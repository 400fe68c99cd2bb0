/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gates of a plan's stage, asked of signed evidence and of the ledger. What nobody measured is
 * "not checked", and no gate is passed by it.
 */
#pragma once

#include "registry/ledger.h"
#include "registry/plan.h"

enum gate_state { GATE_PASSED, GATE_FAILED, GATE_NOT_CHECKED };
struct gate_result {
	const struct gate *gate; /* of l's policy */
	enum gate_state state;
	char text[256]; /* why */
	char next[512]; /* the command that would satisfy it; "" */
};
struct gate_results {
	struct gate_result v[GATES_MAX];
	size_t n;
};
/* All of them; negative only when something could not be looked at. */
int gates_look(struct registry *r, const struct ledger *l, const struct plan *p, int64_t now_s,
               struct gate_results *ret, struct err *e);
/* POLICY: the first gate that is not passed, why, and the next step. What goes back is not gated.
 */
int gates_check(struct registry *r, const struct ledger *l, const struct plan *p, int64_t now_s,
                struct err *e);
