/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a rollout is taken back: what was there before, again, and seen to be there; or left alone
 * where nobody can tell. Knows no server: drivers do.
 */
#include "deploy/rollout_private.h"

#include <stdio.h>

#include "registry/fault.h"
#include "registry/labels.h"

/* With the reason: whoever goes on with a job that died here must know it. */
static int
say_back(struct rollout_run *run, const struct wave_target *v, const struct err *why, struct err *e)
{
	struct journal_line l = { .state = JOB_ROLLING_BACK, .step = "abort" };

	(void)str_copy(l.target, sizeof l.target, v->row.name);
	(void)str_copy(l.code, sizeof l.code, err_name(why->code));
	(void)snprintf(l.text, sizeof l.text, ROLLOUT_PUTS_BACK "%.480s", why->msg);
	run->state = JOB_ROLLING_BACK;
	return journal_write(run->journal, &l, e);
}

/* May a newcomer that could not be taken away still get requests? Then what serves beside it is
 * not all that answers. */
static bool
is_shared(struct wave_target *v)
{
	struct err ignored = { 0 };
	struct canary c = { 0 };

	if (v->q.steps_n == 0 || !v->d->look_canary)
		return false;
	return v->d->look_canary(v->st, &v->q, &c, &ignored) < 0 || !c.percent_known ||
	       c.percent > 0;
}

/* What was there before, again, and seen to be there. */
static int
put_back(struct rollout_run *run, struct wave_target *v, const struct err *why, struct err *e)
{
	struct rollout held;
	struct observation o = { 0 };
	struct err look = { 0 };
	int said = 0, rc = say_back(run, v, why, e);

	if (rc < 0)
		return rc;
	/* a server that refuses every load refuses this one too, and what it serves decides */
	fault_point("before-back");
	if (v->is_changed)
		said = v->d->abort(v->st, &v->q, &v->pre, e);
	fault_point("after-back");
	wave_held(run->wave, &held);
	if (v->pre.empty)
		held = (struct rollout){ .registry_id = held.registry_id,
			                 .model = held.model,
			                 .empty = true };
	for (unsigned i = 0; i < (said < 0 ? 4 : 20); i++) {
		rc = v->d->observe(v->st, &held, &o, &look);
		if (rc == 0 && (o.status == ROLLOUT_SUCCEEDED ||
		                (said == 0 && o.status == ROLLOUT_UNKNOWN && !held.files)) &&
		    !(said < 0 && is_shared(v)))
			return 0;
		rollout_wait_ms(LOOK_FIRST_MS * (i + 1));
	}
	if (said < 0)
		return said;
	return err_set(e, rc == 0 && o.serving_known ? ERR_ROLLOUT_FAILED : ERR_OUTCOME_UNKNOWN,
	               "target \"%s\" is not as it was: %s", v->row.name,
	               rc < 0 ? look.msg : o.reason);
}

static void
fail_line(struct rollout_run *run, enum job_state state, const struct err *why)
{
	struct journal_line l = { .state = state };
	struct err ignored = { 0 };

	(void)str_copy(l.text, sizeof l.text, why->msg);
	(void)str_copy(l.hint, sizeof l.hint, why->hint);
	(void)str_copy(l.code, sizeof l.code, err_name(why->code));
	run->state = state;
	run->code = why->code;
	(void)journal_write(run->journal, &l, &ignored);
}

/* Who cannot be reached, or written to, has not failed: the job stays open, and abort can be asked
 * for again. Its stamp is still this plan's, and no other plan could tell what it finds. */
static int
not_put_back(struct rollout_run *run, const struct wave_target *v, const struct err *e,
             struct err *why)
{
	const bool unwritten = e->code == ERR_SYS || e->code == ERR_NO_SPACE;
	const bool unknown =
	        unwritten || e->code == ERR_UNREACHABLE || e->code == ERR_OUTCOME_UNKNOWN;

	err_set(why, unknown ? ERR_OUTCOME_UNKNOWN : ERR_ROLLOUT_FAILED,
	        "%s; and target \"%s\" could not be put back: %s", run->fail_text, v->row.name,
	        e->msg);
	if (unknown)
		err_hint(why, "when \"%s\" %s again: slipway job abort %s", v->row.name,
		         unwritten ? "can be written" : "answers",
		         v->q.job_id ? v->q.job_id : "JOB");
	else
		err_hint(why,
		         "a person must look at \"%s\" now; then `slipway status %s`, and a new "
		         "plan or a rollback",
		         v->row.name, run->wave->plan->model);
	fail_line(run, unknown ? JOB_DETACHED : JOB_ROLLBACK_FAILED, why);
	return -(int)why->code;
}

static const char *
as_before(const struct wave *w, bool is_listed)
{
	if (w->now.exists && !w->now.empty)
		return is_listed ? "the old version serves" : "the old version is there";
	return is_listed ? "nothing is served" : "no version is there";
}

int
rollout_back(struct rollout_run *run, struct err *why)
{
	const enum job_state done = why->code == ERR_CANCELLED ? JOB_ABORTED : JOB_ROLLED_BACK;
	struct wave *w = run->wave;
	bool any = false, is_listed = true;
	const char *advice = "look into it";

	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].advice[0])
			advice = w->v[i].advice;
	}
	for (size_t i = w->n; i-- > 0;) {
		struct err e = { 0 };

		/* put back before the run died: it is still looked at */
		if (!w->v[i].is_changed && !run->goes_back)
			continue;
		any = true;
		is_listed = is_listed && rollout_can_list(&w->v[i]);
		if (put_back(run, &w->v[i], why, &e) < 0)
			return not_put_back(run, &w->v[i], &e, why);
	}
	if (any && why->code != ERR_CANCELLED)
		why->code = ERR_ROLLOUT_FAILED;
	if (any)
		err_hint(why, "%s, as before; %s, then plan anew", as_before(w, is_listed), advice);
	run->is_rolled_back = any;
	fail_line(run, any ? done : why->code == ERR_CANCELLED ? JOB_ABORTED : JOB_FAILED, why);
	return -(int)why->code;
}

int
rollout_leave(struct rollout_run *run, struct err *why)
{
	if (why->code != ERR_PARTIAL)
		why->code = ERR_OUTCOME_UNKNOWN;
	fail_line(run, run->is_abort || rollout_is_begun(run) ? JOB_DETACHED : JOB_FAILED, why);
	return -(int)why->code;
}

/* For an abort: our stamp, or our version still served where an earlier abort put back the stamp
 * and did not reach the server. */
static void
mark_changed(const struct wave *w, struct wave_target *v, const struct observation *o)
{
	const bool serves_ours =
	        o->serving_known && o->status != ROLLOUT_SUCCEEDED &&
	        (w->plan->empty ? o->serving_empty : o->serving_number == w->plan->number);

	v->is_changed = serves_ours || streq(o->plan_id, w->plan_hex);
	if (!serves_ours)
		return;
	v->pre = (struct precondition){ .empty = !w->now.exists || w->now.empty,
		                        .number = w->now.number,
		                        .version = w->now.version,
		                        .plan_id = w->plan_hex };
}

int
rollout_abort(struct rollout_run *run, struct err *e)
{
	struct wave *w = run->wave;

	for (size_t i = 0; i < w->n; i++) {
		struct observation o;

		if (wave_look(w, &w->v[i], &o, e) < 0) {
			if (w->v[i].was_begun || e->code != ERR_UNREACHABLE)
				return rollout_leave(run, e);
			err_clear(e); /* nothing was ever written there */
			continue;
		}
		mark_changed(w, &w->v[i], &o);
	}
	if (run->goes_back)
		err_set(e, run->code, "%s", run->fail_text);
	else
		err_set(e, ERR_CANCELLED, "aborted on request");
	(void)str_copy(run->fail_text, sizeof run->fail_text, e->msg);
	return rollout_back(run, e);
}
