/* SPDX-License-Identifier: Apache-2.0 */
/* Beside the agent's answer: what the registry knows of this stage's past. */
#pragma once

#include "tui/cmd/proposal.h"

/* Adds to p->reply, where it is known: of each target "where", a sentence; fileChanges {added,
 * changed, removed, same} against what the stage holds; wayBack.since, when that came there
 * (seconds since 1970); lasted {job, seconds} of the last move of this kind that succeeded there.
 */
int proposal_past(struct app *a, struct proposal *p, struct err *e);
