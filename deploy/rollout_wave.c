/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets of equal order go side by side, each in a thread with its own driver state; a dead one
 * delays none of them. What came of it is put together here: the gravest failure decides what
 * becomes of the job.
 */
#include <stdio.h>

#include "deploy/rollout_private.h"
#include "deploy/side_by_side.h"

struct step { /* what is done at each target of the stage */
	struct rollout_run *run;
	rollout_fn *fn;
	size_t end; /* of the wave */
	int *rc;
	struct err *e; /* of each target of the stage */
};

/* Certain before unknown before unreached: what is certain is put back at all targets. What was
 * stopped because of another says the least. */
#define STOPPED 1u
#define CERTAIN 4u
static unsigned
gravity(const struct rollout_run *run, const struct err *e)
{
	if (e->code == ERR_CANCELLED)
		return run->abort_wanted && run->abort_wanted(run->arg) ? CERTAIN + 1 : STOPPED;
	if (e->code == ERR_UNREACHABLE)
		return 2;
	return e->code == ERR_OUTCOME_UNKNOWN ? 3 : CERTAIN;
}

/* Who is dead delays none: only a certain failure stops those that have not begun. */
static void
take_one(void *arg, size_t i)
{
	struct step *const s = arg;
	struct wave_target *const v = &s->run->wave->v[i];
	struct err *const e = &s->e[i];

	s->rc[i] = s->fn(s->run, v, e);
	if (s->rc[i] < 0 && e->code != ERR_CANCELLED)
		(void)wave_name(v, e);
	if (s->rc[i] < 0 && gravity(s->run, e) >= CERTAIN)
		__atomic_store_n(&s->run->has_failed, true, __ATOMIC_RELAXED);
}

static int
say_each(const struct step *s, size_t from, size_t *ret_failed, struct err *e)
{
	int rc = 0;

	*ret_failed = 0;
	for (size_t i = from; i < s->end; i++)
		*ret_failed += s->rc[i] < 0 && gravity(s->run, &s->e[i]) > STOPPED;
	for (size_t i = from; *ret_failed > 1 && i < s->end && rc == 0; i++) {
		if (s->rc[i] < 0 && gravity(s->run, &s->e[i]) > STOPPED)
			rc = rollout_say(s->run, s->run->state, "failed",
			                 s->run->wave->v[i].row.name, e, "%s", s->e[i].msg);
	}
	return rc;
}

/* Has one of them? is_other: one that is well, or was not come to. */
static bool
has_switched(const struct step *s, bool is_other)
{
	const struct wave *const w = s->run->wave;
	bool any = false;

	for (size_t i = 0; i < w->n; i++)
		any = any || (w->v[i].is_changed && !(is_other && s->rc[i] < 0));
	return any;
}

/* The gravest, and of how many. */
static int
put_together(const struct step *s, size_t from, struct err *e)
{
	const char *job = s->run->wave->v[from].q.job_id;
	const struct err *worst = NULL;
	bool is_partly;
	size_t failed;
	int rc = say_each(s, from, &failed, e);

	if (rc < 0)
		return rc;
	for (size_t i = from; i < s->end; i++) {
		if (s->rc[i] < 0 && (!worst || gravity(s->run, &s->e[i]) > gravity(s->run, worst)))
			worst = &s->e[i];
	}
	if (!worst)
		return 0;
	job = job ? job : "JOB";
	*e = *worst;
	if (failed > 1)
		err_prefix(e, "%zu of %zu targets failed; ", failed, s->end - from);
	if (e->code != ERR_UNREACHABLE || !has_switched(s, false))
		return -(int)e->code;
	is_partly = has_switched(s, true);
	e->code = is_partly ? ERR_PARTIAL : ERR_OUTCOME_UNKNOWN;
	return err_hint(e,
	                "%s; when it can be reached: slipway job resume %s, or "
	                "slipway job abort %s puts back what was there",
	                is_partly ? "others have switched" : "it was changed before", job, job);
}

int
rollout_waves(struct rollout_run *run, rollout_fn *fn, struct err *e)
{
	const struct wave *const w = run->wave;
	cleanup_free int *rc = xcalloc(w->n + 1, sizeof *rc);
	cleanup_free struct err *errs = xcalloc(w->n + 1, sizeof *errs);
	int ret = 0;

	run->has_failed = false;
	for (size_t from = 0; ret == 0 && from < w->n;) {
		struct step s = { .run = run, .fn = fn, .end = from + 1, .rc = rc, .e = errs };

		while (s.end < w->n && w->v[s.end].row.order == w->v[from].row.order)
			s.end++;
		side_by_side(from, s.end, take_one, &s);
		ret = put_together(&s, from, e);
		from = s.end;
	}
	run->has_failed = false;
	return ret;
}
