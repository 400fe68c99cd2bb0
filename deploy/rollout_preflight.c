/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All targets are looked at before anything is written: are they as the stage says, or as an
 * earlier run of this job has left them, and does nothing speak against it? Reads only.
 */
#include <inttypes.h>
#include <string.h>

#include "deploy/offline_check.h"
#include "deploy/rollout_private.h"
#include "registry/labels.h"

static int
check_held_copy(void *arg, struct err *e)
{
	const struct wave *w = arg;

	return rollout_check_stop(w->held_arg, e);
}

/* Is the target as the stage says? Our own half-done work, an empty target and a repair pass. */
static int
check_held(const struct rollout_run *run, const struct wave_target *v, const struct observation *o,
           struct err *e)
{
	const struct wave *w = run->wave;
	const bool held_empty = !w->now.exists || w->now.empty;
	/* pods of before may serve for a while: what was written last is what is changed */
	const uint64_t number = o->carries_known ? o->carries_number : o->serving_number;
	const struct digest *const version =
	        o->carries_known ? &o->carries_version : &o->serving_version;

	if (streq(o->plan_id, w->plan_hex))
		return 0;
	if (!o->carries_known && (!o->serving_known || o->serving_empty))
		return 0;
	if (!held_empty && number == w->now.number)
		return 0;
	if (!w->plan->empty && number == w->plan->number && digest_eq(version, &w->plan->version))
		return 0;
	if (!digest_is_zero(version) && digest_eq(version, &w->plan->way_back))
		return 0;
	err_set(e, ERR_CONFLICT, "target \"%s\" holds v%" PRIu64 ", which the stage does not say",
	        v->row.name, number);
	return err_hint(e, "look with `slipway status %s`; somebody else has written there",
	                w->plan->model);
}

static int
check_findings(const struct wave_target *v, const struct findings *f, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].level != FINDING_BLOCK)
			continue;
		err_set(e, ERR_CONFLICT, "target \"%s\": %s", v->row.name, f->v[i].text);
		return err_hint(e, "%s",
		                f->v[i].hint[0] ? f->v[i].hint
		                                : "put it right, then apply the plan again");
	}
	return 0;
}

static int
preflight_one(struct rollout_run *run, struct wave_target *v, struct err *e)
{
	struct findings f = { 0 };
	struct observation o;
	int rc;

	/* by the run before, until it is seen not to be so */
	if (run->is_resume && v->was_begun)
		(void)rollout_mark(v);
	v->t.deadline_ms = run->deadline_ms;
	rc = v->d->probe(v->st, &v->facts, e);
	if (rc == 0)
		rc = wave_look(run->wave, v, &o, e);
	if (rc == 0 && !streq(o.plan_id, run->wave->plan_hex) && !rollout_is_unseen(&o))
		rollout_unmark(v, false, -ERR_CONFLICT);
	if (rc == 0)
		rc = check_held(run, v, &o, e);
	if (rc == 0)
		rc = v->d->preflight(v->st, &v->q, &f, e);
	v->t.deadline_ms = 0; /* after the switch the last look may be late: it tells what serves */
	if (rc == 0)
		wave_check_proof(v, &f);
	if (rc == 0)
		wave_check_canary(run->wave, v, &f);
	if (rc == 0)
		wave_check_take(run->wave, v, &f);
	if (rc == 0 &&
	    !streq(o.plan_id, run->wave->plan_hex)) /* our own half-done work may look foreign */
		rc = check_findings(v, &f, e);
	findings_fini(&f);
	return rc;
}

static int
preflight_blamed(struct rollout_run *run, struct wave_target *v, struct err *e)
{
	char words[sizeof e->msg];
	int rc = preflight_one(run, v, e);

	if (rc == 0)
		return 0;
	memcpy(words, e->msg, sizeof words);
	rc = wave_blame(v, e);
	if (rc != -ERR_UNREACHABLE || run->wave->n == 1 || v->was_begun)
		return rc;
	/* who is dead delays none: what is left of it is for a resume, when it answers again */
	v->dead = *e;
	err_clear(e);
	return rollout_say(run, JOB_APPROVED, "preflight", v->row.name, e, "%s", words);
}

/* With nobody there nothing begins. */
static int
check_dead(const struct wave *w, struct err *e)
{
	size_t dead = 0;

	for (size_t i = 0; i < w->n; i++)
		dead += w->v[i].dead.code != ERR_OK;
	if (dead < w->n || w->n == 0)
		return 0;
	*e = w->v[0].dead;
	return err_prefix(e, "none of %zu targets answers; ", w->n);
}

int
rollout_preflight(struct rollout_run *run, struct err *e)
{
	struct wave *w = run->wave;
	int rc = rollout_say(run, JOB_APPROVED, "preflight", NULL, e, "looking at %zu %s", w->n,
	                     w->n == 1 ? "target" : "targets");

	w->held_arg = run;
	w->held_source.check = check_held_copy;
	if (rc == 0)
		rc = rollout_waves(run, preflight_blamed, e);
	w->held_source.check = NULL;
	if (rc == 0)
		rc = check_dead(w, e);
	if (rc == 0)
		rc = offline_check(w, e);
	return rc < 0 ? rc
	              : rollout_say(run, JOB_PREFLIGHTED, "preflight", NULL, e,
	                            "targets are as the plan says");
}
