/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a plan reaches its targets. Certain failures roll back by themselves, once; an unknown
 * outcome never does (rollout_back.c). Knows no server: drivers do.
 */
#include "deploy/rollout.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "deploy/rollout_private.h"
#include "registry/base/clock.h"
#include "registry/fault.h"
#include "registry/labels.h"

#define FAILED_LOOKS  2 /* a failure must be seen this often: servers say UNAVAILABLE in passing */
#define PROGRESS_STEP (64u << 20)
#define PROGRESS_MS   5000u /* a slow copy says as often that it goes on */

int
rollout_say_line(struct rollout_run *run, struct journal_line *l, struct err *e, const char *fmt,
                 va_list ap)
{
	(void)vsnprintf(l->text, sizeof l->text, fmt, ap);
	__atomic_store_n(&run->state, l->state, __ATOMIC_RELAXED); /* targets go side by side */
	return journal_write(run->journal, l, e);
}

int
rollout_say(struct rollout_run *run, enum job_state state, const char *step, const char *target,
            struct err *e, const char *fmt, ...)
{
	struct journal_line l = { .state = state };
	va_list ap;

	(void)str_copy(l.step, sizeof l.step, step ? step : "");
	(void)str_copy(l.target, sizeof l.target, target ? target : "");
	va_start(ap, fmt);
	const int rc = rollout_say_line(run, &l, e, fmt, ap);
	va_end(ap);
	return rc;
}

void
rollout_wait_ms(uint64_t ms)
{
	(void)poll(NULL, 0, (int)ms);
}

bool
rollout_is_late(const struct rollout_run *run)
{
	return clock_mono_ms() >= __atomic_load_n(&run->deadline_ms, __ATOMIC_RELAXED);
}

int64_t
rollout_until_s(const struct rollout_run *run)
{
	const uint64_t until_ms = __atomic_load_n(&run->deadline_ms, __ATOMIC_RELAXED);
	const uint64_t now_ms = clock_mono_ms();

	return clock_now_s() + (int64_t)(until_ms > now_ms ? (until_ms - now_ms) / 1000 : 0);
}

void
rollout_allow(struct rollout_run *run, uint64_t ms)
{
	const uint64_t least = clock_mono_ms() + ms;

	if (__atomic_load_n(&run->deadline_ms, __ATOMIC_RELAXED) < least)
		__atomic_store_n(&run->deadline_ms, least, __ATOMIC_RELAXED);
}

static void
set_changed(struct wave_target *v, bool is_changed)
{
	__atomic_store_n(&v->is_changed, is_changed, __ATOMIC_RELAXED);
}

bool
rollout_mark(struct wave_target *v)
{
	return __atomic_exchange_n(&v->is_changed, true, __ATOMIC_RELAXED);
}

/* Nothing was sent, or it was not as it should be. */
void
rollout_unmark(struct wave_target *v, bool was, int rc)
{
	if (rc == -ERR_UNREACHABLE || rc == -ERR_CONFLICT || rc == -ERR_DENIED)
		set_changed(v, was);
}

bool
rollout_is_unseen(const struct observation *o)
{
	return o->status == ROLLOUT_UNKNOWN && !o->serving_known && !o->carries_known &&
	       !o->plan_id[0];
}

bool
rollout_is_begun(const struct rollout_run *run)
{
	bool any = run->is_resume;

	for (size_t i = 0; i < run->wave->n; i++)
		any = any || __atomic_load_n(&run->wave->v[i].is_changed, __ATOMIC_RELAXED);
	return any;
}

int
rollout_check_abort(const struct rollout_run *run, struct err *e)
{
	if (!run->abort_wanted || !run->abort_wanted(run->arg))
		return 0;
	return err_set(e, ERR_CANCELLED, "aborted on request");
}

/* Until the switch there is nothing to wait for: who is late stops, and has changed nothing. */
int
rollout_check_stop(const struct rollout_run *run, struct err *e)
{
	int rc = rollout_check_abort(run, e);

	if (rc == 0 && __atomic_load_n(&run->has_failed, __ATOMIC_RELAXED))
		return err_set(e, ERR_CANCELLED, "not begun: another target has failed");
	if (rc < 0 || !rollout_is_late(run))
		return rc;
	if (rollout_is_begun(run))
		return err_set(e, ERR_OUTCOME_UNKNOWN, "timed out before all targets had switched");
	err_set(e, ERR_OUTCOME_UNKNOWN, "timed out before the switch; nothing was changed");
	return err_hint(e, "allow more time with --timeout, then try again");
}

struct byte_count {
	struct rollout_run *run;
	const char *target;
	uint64_t last, last_ms;
};

/* Called with the target, as every call of its source is. */
static int
check_copy(void *arg, struct err *e)
{
	const struct wave_target *v = arg;
	const struct byte_count *c = v->arg;

	return rollout_check_stop(c->run, e);
}

/* --- one target forwards --- */

static void
bytes_moved(void *arg, uint64_t done, uint64_t total)
{
	struct byte_count *c = arg;
	struct journal_line l = {
		.state = JOB_STAGED, .step = "stage", .done = done, .total = total
	};
	struct err ignored = { 0 };

	const uint64_t now_ms = clock_mono_ms();
	if (done < c->last + PROGRESS_STEP && done < total && now_ms < c->last_ms + PROGRESS_MS)
		return;
	c->last = done;
	c->last_ms = now_ms;
	(void)str_copy(l.target, sizeof l.target, c->target);
	(void)journal_write(c->run->journal, &l, &ignored);
}

static int
stage_bytes(struct rollout_run *run, struct wave_target *v, struct err *e)
{
	struct byte_count c = { .run = run, .target = v->row.name };
	int rc;

	if (v->q.empty || !v->d->stage)
		return 0;
	rc = rollout_say(run, JOB_STAGED, "stage", v->row.name, e, "copying %zu %s", v->q.files->n,
	                 v->q.files->n == 1 ? "file" : "files");
	if (rc < 0)
		return rc;
	v->moved = bytes_moved;
	v->arg = &c;
	v->source.check = check_copy;
	rc = v->d->stage(v->st, &v->q, e);
	v->moved = NULL;
	v->source.check = NULL;
	return rc;
}

static int
switch_target(struct rollout_run *run, struct wave_target *v, struct err *e)
{
	const struct plan *p = run->wave->plan;
	const struct snapshot s = { .empty = p->empty,
		                    .number = p->number,
		                    .version = p->version,
		                    .rendered = buf_str(&v->rendered) };
	const bool back = streq(p->kind, "rollback");
	bool was;
	int rc = rollout_say(run, JOB_APPLYING, back ? "rollback" : "apply", v->row.name, e, "%s",
	                     p->empty ? "taking the version away" : "switching");

	if (rc < 0)
		return rc;
	fault_point("before-switch");
	fault_pause("before-switch");
	was = rollout_mark(v);
	if (back)
		rc = v->d->rollback_to(v->st, &v->q, &s, &v->pre, e);
	else
		rc = v->d->apply(v->st, &v->q, buf_str(&v->rendered), &v->pre, e);
	fault_point("after-switch");
	rollout_unmark(v, was, rc);
	return rc;
}

/* What a switch said instead of an answer. It tells more than a look from outside. */
struct doubt {
	char text[512]; /* "": none */
	bool tried;     /* the switch was made once more */
};

bool
rollout_can_list(const struct wave_target *v)
{
	return (v->facts.proofs >> PROOF_LISTED) != 0;
}

static int
late(const struct wave_target *v, const struct observation *o, const struct doubt *d, struct err *e)
{
	const char *why = d->text[0] ? d->text : o->reason;
	const char *is_there = rollout_can_list(v) ? "serves" : "is";
	char serving[48] = "";

	if (o->serving_known && o->serving_empty)
		(void)snprintf(serving, sizeof serving, "; no version %s there", is_there);
	else if (o->serving_known)
		(void)snprintf(serving, sizeof serving, "; version %" PRIu64 " %s there",
		               o->serving_number, is_there);
	return err_set(e, ERR_OUTCOME_UNKNOWN, "target \"%s\" has not finished in time: %s%s",
	               v->row.name, why[0] ? why : rollout_status_name(o->status), serving);
}

static int PRINTF(4, 5) say_waiting(struct rollout_run *run, const struct wave_target *v,
                                    struct err *e, const char *fmt, ...)
{
	struct journal_line l = { .state = JOB_PROGRESSING,
		                  .step = "observe",
		                  .until_s = rollout_until_s(run) };
	va_list ap;

	(void)str_copy(l.target, sizeof l.target, v->row.name);
	va_start(ap, fmt);
	const int rc = rollout_say_line(run, &l, e, fmt, ap);
	va_end(ap);
	return rc;
}

static int
say_progress(struct rollout_run *run, const struct wave_target *v, const struct observation *o,
             char said[512], struct err *e)
{
	if (streq(said, o->reason))
		return 0;
	(void)str_copy(said, 512, o->reason);
	return say_waiting(run, v, e, "%s: %s", rollout_status_name(o->status), o->reason);
}

/* The switch had no whole answer, and the version is seen to serve all the same: the same switch
 * once more tidies up what the first one left undone. */
static int
finish_switch(struct rollout_run *run, struct wave_target *v, const struct observation *o,
              struct doubt *d, struct err *e)
{
	int rc;

	if (!d->text[0] || d->tried || v->q.empty || !o->serving_known ||
	    o->serving_number != v->q.number)
		return 0;
	d->tried = true;
	rc = switch_target(run, v, e);
	if (rc != -ERR_OUTCOME_UNKNOWN && rc != -ERR_UNREACHABLE)
		return rc;
	(void)str_copy(d->text, sizeof d->text, e->msg);
	err_clear(e);
	return 0;
}

/* Why, in the server's words and with what it showed: events and last lines are gone tomorrow. */
static int
say_failure(struct rollout_run *run, struct wave_target *v, const struct observation *o,
            struct err *e)
{
	const char *line = o->evidence;
	int rc = 0;

	while (rc == 0 && *line) {
		const size_t n = strcspn(line, "\n");

		rc = rollout_say(run, JOB_PROGRESSING, "evidence", v->row.name, e, "%.*s", (int)n,
		                 line);
		line += n + (line[n] == '\n');
	}
	if (rc < 0)
		return rc;
	err_set(e, ERR_ROLLOUT_FAILED, "target \"%s\": %s%s%s%s", v->row.name, o->reason,
	        o->code[0] ? " (" : "", o->code, o->code[0] ? ")" : "");
	(void)str_copy(v->advice, sizeof v->advice, o->advice);
	return o->advice[0] ? err_hint(e, "%s", o->advice) : -ERR_ROLLOUT_FAILED;
}

/* Looks until it has succeeded. An error of a look is no failure of the rollout. */
static int
watch(struct rollout_run *run, struct wave_target *v, struct doubt *d, struct err *e)
{
	uint64_t pause = LOOK_FIRST_MS;
	char said[512] = "";
	unsigned failed = 0;

	for (;;) {
		struct observation o = { 0 };
		struct err look = { 0 };
		int rc;

		if (v->d->observe(v->st, &v->q, &o, &look) < 0) {
			o.status = ROLLOUT_UNKNOWN;
			(void)str_copy(o.reason, sizeof o.reason, look.msg);
		}
		if (o.status == ROLLOUT_SUCCEEDED) {
			v->proofs |= o.proofs;
			return 0;
		}
		failed = o.status == ROLLOUT_FAILED ? failed + 1 : 0;
		if (failed >= FAILED_LOOKS)
			return say_failure(run, v, &o, e);
		rc = say_progress(run, v, &o, said, e);
		if (rc == 0)
			rc = rollout_check_abort(run, e);
		if (rc == 0 && rollout_is_late(run))
			rc = late(v, &o, d, e);
		if (rc == 0)
			rc = finish_switch(run, v, &o, d, e);
		if (rc < 0)
			return rc;
		rollout_wait_ms(pause);
		pause = pause * 2 < LOOK_MOST_MS ? pause * 2 : LOOK_MOST_MS;
	}
}

static int
forward(struct rollout_run *run, struct wave_target *v, struct err *e)
{
	struct journal_line l = { .state = JOB_VERIFYING, .step = "proved" };
	struct doubt d = { 0 };
	bool is_held = false;
	int rc = rollout_check_stop(run, e);

	if (rc == 0 && v->dead.code != ERR_OK) {
		*e = v->dead;
		return -(int)e->code;
	}
	if (rc == 0)
		rc = stage_bytes(run, v, e);
	if (rc == 0)
		rc = rollout_check_stop(run, e);
	if (rc < 0)
		return rc;
	rc = rollout_has_canary(run, v) ? rollout_canary(run, v, &is_held, e)
	                                : switch_target(run, v, e);
	if (rc == -ERR_OUTCOME_UNKNOWN && !is_held) { /* perhaps it did: looking tells */
		(void)str_copy(d.text, sizeof d.text, e->msg);
		err_clear(e);
		rc = rollout_say(run, JOB_PROGRESSING, "observe", v->row.name, e, "%s; looking",
		                 d.text);
	}
	if (rc == 0)
		rc = watch(run, v, &d, e);
	if (rc == 0)
		rc = rollout_prove(run, v, e);
	if (rc < 0)
		return rc;
	l.proofs = v->proofs;
	(void)str_copy(l.target, sizeof l.target, v->row.name);
	(void)str_copy(l.text, sizeof l.text, v->detail);
	return journal_write(run->journal, &l, e);
}

static bool
is_blind(int rc)
{
	return rc == -ERR_UNREACHABLE || rc == -ERR_DENIED || rc == -ERR_MALFORMED ||
	       rc == -ERR_OUTCOME_UNKNOWN || rc == -ERR_PARTIAL;
}

static int
leave_unseen(struct rollout_run *run, struct err *e)
{
	const char *job = run->wave->v[0].q.job_id ? run->wave->v[0].q.job_id : "JOB";

	e->code = ERR_OUTCOME_UNKNOWN;
	err_hint(e,
	         "what was changed before is as it was left; when it can be looked at: slipway job "
	         "resume %s, or slipway job abort %s puts back what was there",
	         job, job);
	return rollout_leave(run, e);
}

int
rollout_run(struct rollout_run *run, struct err *e)
{
	int rc;

	if (run->is_abort || run->goes_back)
		return rollout_abort(run, e);
	rc = rollout_preflight(run, e);
	/* what an interrupted job has left is still there when nobody can look at it now */
	if (run->is_resume && is_blind(rc))
		return leave_unseen(run, e);
	if (rc == 0)
		rc = rollout_waves(run, forward, e);
	if (rc == 0)
		return 0;
	(void)str_copy(run->fail_text, sizeof run->fail_text, e->msg);
	return e->code == ERR_OUTCOME_UNKNOWN || e->code == ERR_PARTIAL ? rollout_leave(run, e)
	                                                                : rollout_back(run, e);
}
