/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a rollout is taken back: what was there before, again, and seen to be there; or left alone
 * where nobody can tell. Knows no server: drivers do.
 */
#include "deploy/rollout_private.h"

#include <stdio.h>

#include "deploy/side_by_side.h"
#include "registry/base/clock.h"
#include "registry/fault.h"
#include "registry/labels.h"

#define FAILED_LOOKS 2
#define FILES_MS     10000u
#define REFUSED_MS   500u /* what refused the way back may be as it was all the same */
#define BACK_LOOK_MS 500u

/* With the reason: whoever goes on with a job that died here must know it. */
static int
say_back(struct rollout_run *run, const struct wave_target *v, const struct err *why, struct err *e)
{
	struct journal_line l = { .state = JOB_ROLLING_BACK, .step = "abort" };

	(void)str_copy(l.target, sizeof l.target, v->row.name);
	(void)str_copy(l.code, sizeof l.code, err_name(why->code));
	(void)snprintf(l.text, sizeof l.text, ROLLOUT_PUTS_BACK "%.480s", why->msg);
	__atomic_store_n(&run->state, JOB_ROLLING_BACK, __ATOMIC_RELAXED);
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

/* Why it is not as it was. What is only starting has not failed, and may be waited for again. */
static int
not_as_it_was(const struct wave_target *v, int looked, const struct observation *o,
              const struct err *look, struct err *e)
{
	const bool is_starting = o->replicas_known && o->status == ROLLOUT_PROGRESSING;
	const bool is_known = looked == 0 && o->status != ROLLOUT_UNKNOWN && !is_starting;

	return err_set(e, is_known ? ERR_ROLLOUT_FAILED : ERR_OUTCOME_UNKNOWN,
	               "target \"%s\" is not as it was%s: %s", v->row.name,
	               is_starting ? " yet" : "", looked < 0 ? look->msg : o->reason);
}

/* Looks until it is as it was; said: of the call that puts it back. Pods need their time, files are
 * there or are not. */
static int
await_back(const struct rollout_run *run, struct wave_target *v, int said, struct err *e)
{
	const uint64_t began = clock_mono_ms();
	uint64_t pause = LOOK_FIRST_MS, until = began + (said < 0 ? REFUSED_MS : FILES_MS);
	struct observation o;
	struct err look;
	struct rollout held;
	unsigned failed = 0;
	int rc;

	wave_held(run->wave, &held);
	if (v->pre.empty)
		held = (struct rollout){ .registry_id = held.registry_id,
			                 .model = held.model,
			                 .empty = true };
	do {
		look = (struct err){ 0 };
		o = (struct observation){ 0 };
		rc = v->d->observe(v->st, &held, &o, &look);
		if (rc == 0 &&
		    (o.status == ROLLOUT_SUCCEEDED ||
		     (said == 0 && o.status == ROLLOUT_UNKNOWN && !held.files && !held.empty)) &&
		    !(said < 0 && is_shared(v)))
			return 0;
		if (said == 0 && rc == 0 && o.replicas_known && began + run->back_ms > until)
			until = began + run->back_ms;
		failed = rc == 0 && o.status == ROLLOUT_FAILED ? failed + 1 : 0;
		if (said == 0 && failed >= FAILED_LOOKS)
			break;
		rollout_wait_ms(pause);
		pause = pause + LOOK_FIRST_MS < BACK_LOOK_MS ? pause + LOOK_FIRST_MS : BACK_LOOK_MS;
	} while (clock_mono_ms() < until);
	return not_as_it_was(v, rc, &o, &look, e);
}

/* What was there before, again, and seen to be there. */
static int
put_back(struct rollout_run *run, struct wave_target *v, const struct err *why, struct err *e)
{
	struct err late = { 0 };
	int said = 0, rc = say_back(run, v, why, e);

	if (rc < 0)
		return rc;
	/* a server that refuses every load refuses this one too, and what it serves decides */
	fault_point("before-back");
	if (v->is_changed)
		said = v->d->abort(v->st, &v->q, &v->pre, e);
	fault_point("after-back");
	rc = await_back(run, v, said, &late);
	if (rc < 0 && said == 0)
		*e = late;
	return rc == 0 ? 0 : said < 0 ? said : rc;
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

/* What became of all that was put back. */
struct back {
	bool any, is_listed;
	struct wave_target *bad; /* the gravest that is not as it was; NULL: none */
	struct err e;            /* why */
	size_t bad_n;
};

static bool
is_unknown(const struct err *e)
{
	return e->code == ERR_SYS || e->code == ERR_NO_SPACE || e->code == ERR_UNREACHABLE ||
	       e->code == ERR_DENIED || e->code == ERR_OUTCOME_UNKNOWN;
}

/* Who cannot be reached, or written to, has not failed: the job stays open, and abort can be asked
 * for again. Its stamp is still this plan's, and no other plan could tell what it finds. */
static int
not_put_back(struct rollout_run *run, const struct back *b, struct err *why)
{
	const struct wave_target *const v = b->bad;
	const char *when = b->e.code == ERR_SYS || b->e.code == ERR_NO_SPACE ? "can be written"
	                   : b->e.code == ERR_DENIED                         ? "lets this user in"
	                                                                     : "answers";
	const bool unknown = is_unknown(&b->e);
	char others[48] = "";

	if (b->bad_n > 1)
		(void)snprintf(others, sizeof others, " and %zu more", b->bad_n - 1);
	err_set(why, unknown ? ERR_OUTCOME_UNKNOWN : ERR_ROLLOUT_FAILED,
	        "%s; and target \"%s\"%s could not be put back: %s", run->fail_text, v->row.name,
	        others, b->e.msg);
	if (unknown)
		err_hint(why, "when \"%s\" %s again: slipway job abort %s", v->row.name, when,
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

struct way_back {
	struct rollout_run *run;
	const struct err *why;
	struct err *e; /* of each target of the stage */
	bool *is_asked;
};

static void
put_one_back(void *arg, size_t i)
{
	const struct way_back *const b = arg;
	struct wave_target *const v = &b->run->wave->v[i];

	/* put back before the run died: it is still looked at */
	b->is_asked[i] = v->is_changed || (b->run->goes_back && v->was_begun);
	if (b->is_asked[i] && put_back(b->run, v, b->why, &b->e[i]) == 0)
		err_clear(&b->e[i]);
}

static void
put_together(const struct way_back *b, struct back *ret)
{
	struct wave *const w = b->run->wave;

	*ret = (struct back){ .is_listed = true };
	for (size_t i = w->n; i-- > 0;) {
		if (!b->is_asked[i])
			continue;
		ret->any = true;
		ret->is_listed = ret->is_listed && rollout_can_list(&w->v[i]);
		ret->bad_n += b->e[i].code != ERR_OK;
		if (b->e[i].code == ERR_OK ||
		    (ret->bad && (is_unknown(&b->e[i]) || !is_unknown(&ret->e))))
			continue;
		ret->bad = &w->v[i];
		ret->e = b->e[i];
	}
}

/* Wave after wave in reverse order, side by side within one. Who cannot be put back keeps nobody
 * from being put back. */
static void
put_all_back(struct rollout_run *run, const struct err *why, struct back *ret)
{
	const struct wave *const w = run->wave;
	cleanup_free struct err *errs = xcalloc(w->n + 1, sizeof *errs);
	cleanup_free bool *is_asked = xcalloc(w->n + 1, sizeof *is_asked);
	struct way_back b = { run, why, errs, is_asked };

	for (size_t end = w->n, from; end > 0; end = from) {
		from = end - 1;
		while (from > 0 && w->v[from - 1].row.order == w->v[from].row.order)
			from--;
		side_by_side(from, end, put_one_back, &b);
	}
	put_together(&b, ret);
}

int
rollout_back(struct rollout_run *run, struct err *why)
{
	const enum job_state done = why->code == ERR_CANCELLED ? JOB_ABORTED : JOB_ROLLED_BACK;
	struct wave *w = run->wave;
	const char *advice = "look into it";
	struct back b;

	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].advice[0])
			advice = w->v[i].advice;
	}
	put_all_back(run, why, &b);
	if (b.bad)
		return not_put_back(run, &b, why);
	const bool any = b.any, is_listed = b.is_listed;
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
		if (rollout_is_unseen(&o) && w->v[i].was_begun) {
			err_set(e, ERR_OUTCOME_UNKNOWN, "target \"%s\" cannot be looked at: %s",
			        w->v[i].row.name, o.reason);
			err_hint(e, "when it can: slipway job abort %s",
			         w->v[i].q.job_id ? w->v[i].q.job_id : "JOB");
			return rollout_leave(run, e);
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
