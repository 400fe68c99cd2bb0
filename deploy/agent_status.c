/* SPDX-License-Identifier: Apache-2.0 */
/* What targets hold now, of each stage that holds something. Nothing is written, here or there. */
#include <string.h>

#include "deploy/agent_private.h"
#include "deploy/side_by_side.h"
#include "registry/base/clock.h"
#include "registry/base/vec.h"
#include "registry/labels.h"

/* Called with the wave, as every call of its sources is. */
static int
check_time(void *arg, struct err *e)
{
	const struct wave *w = arg;
	const uint64_t end_ms = w->n > 0 ? w->v[0].t.deadline_ms : 0;

	if (end_ms == 0 || clock_mono_ms() < end_ms)
		return 0;
	return err_set(e, ERR_OUTCOME_UNKNOWN, "the files were not compared: no time was left");
}

struct filter {
	const char *model, *stage;
	struct agent_holds *all;
};

static int
add_holds(void *arg, const struct model_row *m)
{
	const struct filter *const f = arg;

	if (f->model && !streq(f->model, m->name))
		return 0;
	for (size_t i = 0; i < m->stages_n; i++) {
		struct plan p = { 0 };
		if (f->stage && !streq(f->stage, m->stages[i].stage))
			continue;
		(void)str_copy(p.model, sizeof p.model, m->name);
		(void)str_copy(p.stage, sizeof p.stage, m->stages[i].stage);
		(void)str_copy(p.kind, sizeof p.kind, "promote");
		p.empty = true;
		vec_push(f->all, p);
	}
	return 0;
}

int
agent_holds(const json_t *request, struct registry *r, struct agent_holds *ret, struct err *e)
{
	struct filter f = { .model = json_opt_string(request, "model"),
		            .stage = json_opt_string(request, "stage"),
		            .all = ret };
	struct txn *t;
	int rc = store_read_begin(r->store, &t, e);

	if (rc < 0)
		return rc;
	rc = model_each(t, f.model, add_holds, &f, e);
	store_abort(t);
	return rc;
}

/* Field by field, where the driver can; that a target cannot be asked is said by "serving". */
static json_t *
drift_json(struct wave_target *v, const struct rollout *held)
{
	json_t *rows = NULL;
	struct err ignored = { 0 };

	if (!v->d->drift || v->d->drift(v->st, held, &rows, &ignored) < 0 || !rows)
		return json_array();
	return rows;
}

struct looks {
	struct wave *wave;
	json_t *targets; /* an object each */
};

enum rollout_status
agent_look(struct wave_target *v, json_t *o)
{
	struct observation seen = { 0 };
	struct rollout held;
	struct err e = { 0 };

	wave_held(v->wave, &held);
	if (v->d->observe(v->st, &held, &seen, &e) < 0) {
		seen = (struct observation){ .status = ROLLOUT_UNKNOWN };
		(void)str_copy(seen.reason, sizeof seen.reason, e.msg);
	}
	json_object_set_new(o, "serving", agent_serving_json(&seen));
	json_object_set_new(o, "drift", drift_json(v, &held));
	agent_set_text(o, "code", e.code ? err_name(e.code) : seen.code);
	agent_set_text(o, "advice", seen.advice);
	agent_set_text(o, "evidence", seen.evidence);
	return seen.status;
}

static void
look_at(void *arg, size_t i)
{
	const struct looks *const all = arg;

	(void)agent_look(&all->wave->v[i], json_array_get(all->targets, i));
}

json_t *
agent_stage_json(const struct wave *w)
{
	json_t *const o = json_object(), *const targets = json_array();

	json_object_set_new(o, "model", json_string(w->plan->model));
	json_object_set_new(o, "stage", json_string(w->plan->stage));
	json_object_set_new(o, "number",
	                    json_integer((json_int_t)(w->now.empty ? 0 : w->now.number)));
	json_object_set_new(o, "proofs", proofs_to_json(w->now.proofs));
	for (size_t i = 0; i < w->n; i++)
		json_array_append_new(targets, agent_head_json(&w->v[i]));
	json_object_set_new(o, "targets", targets);
	return o;
}

int
agent_wave_open(struct registry *r, const struct ledger *l, const struct plan *p,
                uint64_t deadline_ms, struct wave *ret, struct err *e)
{
	int rc = wave_open(r, l, p, ret, e);

	if (rc < 0)
		return rc;
	agent_limit_wave(ret, deadline_ms);
	/* not so for a plan: whether a target drifted decides what it says */
	ret->held_source.check = check_time;
	return 0;
}

static int
status_of(struct registry *r, const struct ledger *l, const struct plan *p,
          uint64_t deadline_ms, json_t *out, struct err *e)
{
	struct wave w;
	json_t *o;
	int rc = agent_wave_open(r, l, p, deadline_ms, &w, e);

	if (rc < 0)
		return rc;
	o = agent_stage_json(&w);
	json_array_append_new(out, o);
	side_by_side(0, w.n, look_at, &(struct looks){ &w, json_object_get(o, "targets") });
	wave_close(&w);
	return 0;
}

int
agent_status(const json_t *request, json_t **ret, struct err *e)
{
	cleanup_registry struct registry *r = NULL;
	const uint64_t deadline_ms = agent_deadline_of(request);
	json_t *list = json_array();
	struct agent_holds h = { 0 };
	struct ledger l = { 0 };
	int rc = agent_open_requested(request, &r, e);

	if (rc == 0)
		rc = ledger_open(r, &l, e);
	if (rc == 0)
		rc = agent_holds(request, r, &h, e);
	for (size_t i = 0; rc == 0 && i < h.n; i++)
		rc = status_of(r, &l, &h.v[i], deadline_ms, list, e);
	vec_fini(&h);
	ledger_fini(&l);
	if (rc < 0) {
		json_decref(list);
		return rc;
	}
	*ret = json_object();
	json_object_set_new(*ret, "stages", list);
	return 0;
}
