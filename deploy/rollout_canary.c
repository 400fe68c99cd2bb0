/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A newcomer gets the requests step by step. At each step its share is set, seen to be so, held for
 * the time that the plan says, and judged; then it takes all. A bad judgement is a certain failure
 * and is put back once; what cannot be told holds the step.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/canary_judge.h"
#include "deploy/rollout_private.h"
#include "registry/base/clock.h"
#include "registry/fault.h"

#define LOOK_MS     2000u /* between looks while a step is held */
#define SAY_MS      15000u
#define PAUSED_MS   60000u /* of a paused step is always left */
#define SHARES_MOST 8u     /* of who is ready and goes away again */
#define LOOKS_MOST  2 /* a failure, a foreign share or a bad judgement must be seen this often */

struct hold {
	const struct canary_step *step;
	struct canary_sides from;
	bool has_from;
	uint64_t until_ms, said_ms;
	unsigned failed, foreign, bad;
	bool is_paused;
	bool is_seen;     /* ready, at its share, by the last look */
	char unseen[512]; /* why not */
	char said[512];
};

bool
rollout_has_canary(const struct rollout_run *run, const struct wave_target *v)
{
	return run->wave->plan->canary.steps_n > 0 && !v->q.empty && v->d->set_weight != NULL;
}

/* What is said of a share. */
struct share {
	enum job_state state;
	unsigned percent, wanted;
	int64_t until_s; /* 0: nobody knows */
	const struct canary_verdict *judged;
};

static int PRINTF(5, 6) say_share(struct rollout_run *run, const struct wave_target *v,
                                  const struct share *s, struct err *e, const char *fmt, ...)
{
	struct journal_line l = { .state = s->state,
		                  .step = "canary",
		                  .has_percent = true,
		                  .percent = s->percent,
		                  .has_wanted = true,
		                  .wanted = s->wanted,
		                  .until_s = s->until_s };
	va_list ap;

	if (s->judged) {
		memcpy(l.gates, s->judged->gates, sizeof l.gates);
		l.gates_n = s->judged->gates_n;
	}
	(void)str_copy(l.target, sizeof l.target, v->row.name);
	va_start(ap, fmt);
	const int rc = rollout_say_line(run, &l, e, fmt, ap);
	va_end(ap);
	return rc;
}

/* On the way to it. */
static struct share
share_of(const struct rollout_run *run, unsigned percent)
{
	return (struct share){ .state = JOB_CANARY,
		               .percent = percent,
		               .wanted = percent,
		               .until_s = rollout_until_s(run) };
}

/* In the target's words, with what it shows and what to do. */
static int
failed(struct wave_target *v, const struct canary *c, struct err *e)
{
	err_set(e, ERR_ROLLOUT_FAILED, "target \"%s\": %s%s%s%s", v->row.name, c->reason,
	        c->code[0] ? " (" : "", c->code, c->code[0] ? ")" : "");
	(void)str_copy(v->advice, sizeof v->advice, c->advice);
	return c->advice[0] ? err_hint(e, "%s", c->advice) : -ERR_ROLLOUT_FAILED;
}

static int
look(struct wave_target *v, struct canary *ret)
{
	struct err why = { 0 };

	*ret = (struct canary){ 0 };
	if (v->d->look_canary(v->st, &v->q, ret, &why) == 0)
		return 0;
	*ret = (struct canary){ .status = ROLLOUT_UNKNOWN };
	(void)str_copy(ret->reason, sizeof ret->reason, why.msg);
	return -1;
}

static int
set_weight(struct wave_target *v, unsigned percent, struct err *e)
{
	bool was;
	int rc;

	fault_point("before-weight");
	was = rollout_mark(v);
	rc = v->d->set_weight(v->st, &v->q, buf_str(&v->rendered), percent, &v->pre, e);
	fault_point("after-weight");
	rollout_unmark(v, was, rc);
	if (rc == -ERR_OUTCOME_UNKNOWN) { /* looking tells */
		err_clear(e);
		rc = 0;
	}
	return rc;
}

/* It was not ready when its share was asked for; is now. */
static int
give_share(struct rollout_run *run, struct wave_target *v, unsigned percent, struct err *e)
{
	const struct share s = share_of(run, percent);
	int rc = say_share(run, v, &s, e, "it is ready: giving it %u%%", percent);

	return rc < 0 ? rc : set_weight(v, percent, e);
}

/* Is it ready at its share, by the target's own word? */
static int
await_share(struct rollout_run *run, struct wave_target *v, unsigned percent, struct err *e)
{
	const struct share s = share_of(run, percent);
	uint64_t pause = LOOK_FIRST_MS;
	unsigned bad = 0, given = 0;
	char said[512] = "";

	for (;;) {
		struct canary c;
		int rc;

		(void)look(v, &c);
		if (c.status == ROLLOUT_SUCCEEDED && c.percent_known && c.percent == percent)
			return 0;
		bad = c.status == ROLLOUT_FAILED ? bad + 1 : 0;
		if (bad >= LOOKS_MOST)
			return failed(v, &c, e);
		if (c.status == ROLLOUT_SUCCEEDED && c.percent_known)
			(void)snprintf(c.reason, sizeof c.reason,
			               "it gets %u%%, %u%% were asked for", c.percent, percent);
		rc = rollout_check_abort(run, e);
		if (rc == 0 && c.share_waits && given < SHARES_MOST) {
			given++;
			rc = give_share(run, v, percent, e);
		} else if (rc == 0 && !streq(said, c.reason))
			rc = say_share(run, v, &s, e, "%s: %s", rollout_status_name(c.status),
			               c.reason);
		if (rc == 0 && rollout_is_late(run))
			rc = err_set(e, ERR_OUTCOME_UNKNOWN,
			             "target \"%s\" does not give the newcomer %u%% in time: %s",
			             v->row.name, percent, c.reason);
		if (rc < 0)
			return rc;
		(void)str_copy(said, sizeof said, c.reason);
		rollout_wait_ms(pause);
		pause = pause * 2 < LOOK_MS ? pause * 2 : LOOK_MS;
	}
}

static void
count(struct wave_target *v, struct canary_sides *ret)
{
	struct err why = { 0 };

	*ret = (struct canary_sides){ 0 };
	if (!v->d->traffic) {
		(void)str_copy(ret->newcomer.why, sizeof ret->newcomer.why,
		               "this driver counts none");
		return;
	}
	if (v->d->traffic(v->st, &v->q, true, &ret->newcomer, &why) < 0) {
		ret->newcomer = (struct traffic){ .is_error = true };
		(void)str_copy(ret->newcomer.why, sizeof ret->newcomer.why, why.msg);
	}
	err_clear(&why);
	if (v->d->traffic(v->st, &v->q, false, &ret->stable, &why) < 0) {
		ret->stable = (struct traffic){ .is_error = true };
		(void)str_copy(ret->stable.why, sizeof ret->stable.why, why.msg);
	}
}

/* One look while a step is held. */
static int
check_newcomer(struct hold *h, struct wave_target *v, unsigned *ret_percent, struct err *e)
{
	struct canary c;

	(void)look(v, &c);
	h->failed = c.status == ROLLOUT_FAILED ? h->failed + 1 : 0;
	if (h->failed >= LOOKS_MOST)
		return failed(v, &c, e);
	if (c.percent_known)
		*ret_percent = c.percent;
	h->is_seen =
	        c.status == ROLLOUT_SUCCEEDED && c.percent_known && c.percent == h->step->percent;
	memcpy(h->unseen, c.reason, sizeof h->unseen);
	h->foreign = c.percent_known && c.percent != h->step->percent ? h->foreign + 1 : 0;
	if (h->foreign < LOOKS_MOST)
		return 0;
	err_set(e, ERR_OUTCOME_UNKNOWN,
	        "target \"%s\" gives the newcomer %u%%, not the %u%% that were set: somebody else "
	        "has changed it",
	        v->row.name, c.percent, h->step->percent);
	return err_hint(e, "slipway job resume sets it again, slipway job abort puts back what was "
	                   "there");
}

/* 1: it is good enough now. */
static int
judge(struct hold *h, const struct rollout_run *run, struct wave_target *v,
      struct canary_verdict *ret, struct err *e)
{
	struct canary_sides now;

	count(v, &now);
	if (!h->has_from) {
		h->from = now;
		h->has_from = true;
	}
	canary_judge(&run->wave->plan->canary, &h->from, &now, ret);
	if (ret->begins_anew)
		h->from = now;
	h->bad = ret->outcome == CANARY_BAD ? h->bad + 1 : 0;
	if (h->bad >= LOOKS_MOST)
		return err_set(e, ERR_ROLLOUT_FAILED, "target \"%s\" at %u%%: %s", v->row.name,
		               h->step->percent, ret->text);
	return ret->outcome == CANARY_GOOD;
}

/* What it waits for, said when it changes and four times a minute. */
static int
say_hold(struct hold *h, struct rollout_run *run, const struct wave_target *v, unsigned percent,
         const struct canary_verdict *c, struct err *e)
{
	const uint64_t now_ms = clock_mono_ms();
	const uint64_t left_s = now_ms < h->until_ms ? (h->until_ms - now_ms + 999) / 1000 : 0;
	struct share s = {
		.state = JOB_HOLD, .percent = percent, .wanted = h->step->percent, .judged = c
	};
	char wait[96];

	if (h->is_paused)
		(void)snprintf(wait, sizeof wait, "paused: waits for `slipway job resume`");
	else if (left_s > 0) {
		s.until_s = clock_now_s() + (int64_t)left_s;
		(void)snprintf(wait, sizeof wait, "held for %" PRIu64 " s more", left_s);
	} else {
		s.until_s = rollout_until_s(run);
		(void)snprintf(wait, sizeof wait, "held until it can be told");
	}
	if (streq(h->said, c->text) && now_ms - h->said_ms < SAY_MS)
		return 0;
	h->said_ms = now_ms;
	(void)str_copy(h->said, sizeof h->said, c->text);
	return say_share(run, v, &s, e, "%u%% wanted, %u%% seen, %s%s%s%s%s", h->step->percent,
	                 percent, wait, c->text[0] ? "; " : "",
	                 c->text[0] ? canary_outcome_name(c->outcome) : "", c->text[0] ? ": " : "",
	                 c->text);
}

static int
never_told(const struct wave_target *v, const struct hold *h, const struct canary_verdict *c,
           struct err *e)
{
	err_set(e, ERR_OUTCOME_UNKNOWN,
	        "target \"%s\" at %u%%: nobody can tell whether it is good: %s", v->row.name,
	        h->step->percent, h->is_seen || !h->unseen[0] ? c->text : h->unseen);
	return err_hint(e,
	                "it stays at this step: slipway job resume looks again, slipway job abort "
	                "puts back what was there");
}

static bool
is_paused(const struct rollout_run *run)
{
	return run->pause_wanted && run->pause_wanted(run->arg);
}

static int
say_good(struct rollout_run *run, const struct wave_target *v, const struct canary_step *step,
         unsigned percent, const struct canary_verdict *c, struct err *e)
{
	const struct share s = {
		.state = JOB_HOLD, .percent = percent, .wanted = step->percent, .judged = c
	};

	return say_share(run, v, &s, e, "%u%% is good%s%s", step->percent, c->text[0] ? ": " : "",
	                 c->text);
}

static int
hold(struct rollout_run *run, struct wave_target *v, const struct canary_step *step, struct err *e)
{
	struct hold h = { .step = step, .until_ms = clock_mono_ms() + step->hold_s * 1000 };
	unsigned percent = step->percent;

	v->q.counts_since_ms = clock_mono_ms();
	for (;;) {
		const bool was_paused = h.is_paused;
		struct canary_verdict c;
		int rc = rollout_check_abort(run, e);

		h.is_paused = is_paused(run);
		if (h.is_paused != was_paused)
			h.said_ms = 0;
		if (rc == 0)
			rc = check_newcomer(&h, v, &percent, e);
		if (rc == 0)
			rc = judge(&h, run, v, &c, e);
		if (rc < 0)
			return rc;
		if (rc == 1 && !h.is_paused && h.is_seen && clock_mono_ms() >= h.until_ms)
			return say_good(run, v, step, percent, &c, e);
		rc = say_hold(&h, run, v, percent, &c, e);
		if (rc < 0)
			return rc;
		if (h.is_paused) /* whoever paused it decides how long */
			rollout_allow(run, PAUSED_MS);
		else if (rollout_is_late(run))
			return never_told(v, &h, &c, e);
		rollout_wait_ms(h.until_ms > clock_mono_ms() &&
		                                h.until_ms - clock_mono_ms() < LOOK_MS
		                        ? h.until_ms - clock_mono_ms() + 1
		                        : LOOK_MS);
	}
}

/* The golden request goes to the newcomer before anybody's does for long. */
static int
ask_newcomer(struct rollout_run *run, struct wave_target *v, unsigned percent, struct err *e)
{
	if (!wave_can_ask(v))
		return 0;
	const struct share s = share_of(run, percent);
	int rc = say_share(run, v, &s, e, "asking the newcomer the golden request");

	return rc < 0 ? rc : rollout_answer(run, v, e);
}

static int
take_step(struct rollout_run *run, struct wave_target *v, const struct canary_step *step,
          struct err *e)
{
	const struct share s = share_of(run, step->percent);
	int rc = say_share(run, v, &s, e, "giving the newcomer %u%%", step->percent);

	if (rc < 0)
		return rc;
	rc = set_weight(v, step->percent, e);
	if (rc == 0)
		rc = await_share(run, v, step->percent, e);
	if (rc == 0)
		rc = ask_newcomer(run, v, step->percent, e);
	return rc < 0 ? rc : hold(run, v, step, e);
}

/* Which step an interrupted job was at: the highest one whose share it already has. steps_n: it has
 * all. */
static size_t
step_reached(const struct rollout_run *run, struct wave_target *v)
{
	const struct canary_plan *const c = &run->wave->plan->canary;
	struct observation o = { 0 };
	struct err ignored = { 0 };
	struct canary seen;
	size_t at = 0;

	if (!run->is_resume)
		return 0;
	if (v->d->observe(v->st, &v->q, &o, &ignored) == 0 && o.status == ROLLOUT_SUCCEEDED)
		return c->steps_n;
	if (look(v, &seen) == 0 && seen.took_all)
		return c->steps_n;
	if (!seen.percent_known)
		return 0;
	while (at + 1 < c->steps_n && c->steps[at + 1].percent <= seen.percent)
		at++;
	return at;
}

int
rollout_canary(struct rollout_run *run, struct wave_target *v, bool *ret_held, struct err *e)
{
	const struct canary_plan *const c = &run->wave->plan->canary;
	const struct share all = { .state = JOB_PROMOTING, .percent = 100, .wanted = 100 };
	bool was;
	int rc = 0;

	for (size_t i = step_reached(run, v); rc == 0 && i < c->steps_n; i++)
		rc = take_step(run, v, &c->steps[i], e);
	/* of a step it is an answer; of a switch it asks for a look */
	*ret_held = rc == -ERR_OUTCOME_UNKNOWN;
	if (rc == 0)
		rc = say_share(run, v, &all, e, "the newcomer takes all");
	if (rc < 0)
		return rc;
	fault_point("before-promote");
	was = rollout_mark(v);
	rc = v->d->promote(v->st, &v->q, buf_str(&v->rendered), &v->pre, e);
	fault_point("after-promote");
	rollout_unmark(v, was, rc);
	return rc;
}
