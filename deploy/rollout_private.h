/* SPDX-License-Identifier: Apache-2.0 */
/* What rollout.c and rollout_back.c share; nobody else includes this. */
#pragma once

#include <stdarg.h>

#include "deploy/rollout.h"

#define LOOK_FIRST_MS 50u
#define LOOK_MOST_MS  2000u

/* rollout_wave.c: fn for every target, wave after wave (those of equal order), side by side within
 * one. Stops behind the first wave in which one failed. One failure is told as it is; of several
 * the gravest, each with a line of the journal. A switch that did not reach some targets while
 * others have switched is PARTIAL. */
typedef int rollout_fn(struct rollout_run *run, struct wave_target *v, struct err *e);
int rollout_waves(struct rollout_run *run, rollout_fn *fn, struct err *e);

/* The line with this text, and its state is the job's. */
int rollout_say_line(struct rollout_run *run, struct journal_line *l, struct err *e,
                     const char *fmt, va_list ap) PRINTF(4, 0);

void rollout_wait_ms(uint64_t ms);
bool rollout_is_late(const struct rollout_run *run);
int64_t rollout_until_s(const struct rollout_run *run); /* when waiting ends, by today's clock */
/* At least so long from now on. */
void rollout_allow(struct rollout_run *run, uint64_t ms);
int rollout_check_abort(const struct rollout_run *run, struct err *e); /* CANCELLED */
/* rollout_proof.c */
/* The layers that the policy wants, by looking and by asking. */
int rollout_prove(struct rollout_run *run, struct wave_target *v, struct err *e);
/* Until the switch: who is late stops as well (OUTCOME_UNKNOWN). */
int rollout_check_stop(const struct rollout_run *run, struct err *e);
/* rollout_preflight.c: looks at all targets, wave after wave; what this job has changed before is
 * marked so. UNREACHABLE, DENIED, MALFORMED: nobody can look; CONFLICT: what is in the way. */
int rollout_preflight(struct rollout_run *run, struct err *e);
/* The golden request, again while the old version may still be draining. */
int rollout_answer(struct rollout_run *run, struct wave_target *v, struct err *e);

/* Does the plan share the requests, and can this target? */
bool rollout_has_canary(const struct rollout_run *run, const struct wave_target *v);
/* Step by step until the newcomer takes all; codes of a switch. *ret_held: OUTCOME_UNKNOWN came of
 * a step, which stays as it is. */
int rollout_canary(struct rollout_run *run, struct wave_target *v, bool *ret_held, struct err *e);
/* Before a write: it may happen. Says whether an earlier one has. */
bool rollout_mark(struct wave_target *v);
/* After it: rc may say that it did not; what was written before (was) is there all the same. */
void rollout_unmark(struct wave_target *v, bool was, int rc);
/* Can nobody say what is there? Then it is not known to be untouched either. */
bool rollout_is_unseen(const struct observation *o);
/* Has this job, here or before it was interrupted, left anything at a target? */
bool rollout_is_begun(const struct rollout_run *run);
/* "Serving" is said only where the server can be asked; a folder has files. */
bool rollout_can_list(const struct wave_target *v);

/* rollout_back.c; all of them end the job with a line of its journal and return why. */
/* Puts back what this job has changed, in reverse order. */
int rollout_back(struct rollout_run *run, struct err *why);
/* Unknown stays unknown: nothing is put back, and the job can be resumed; but for a job that has
 * changed nothing, there is nothing to go on with. */
int rollout_leave(struct rollout_run *run, struct err *why);
/* Looks for what any run of this job has left, and puts that back. */
int rollout_abort(struct rollout_run *run, struct err *e);
