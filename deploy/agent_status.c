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

struct holds { /* every stage of every model that holds something */
	const char *model, *stage;
	VEC(struct plan) list;
};

static int
add_holds(void *arg, const struct model_row *m)
{
	struct holds *h = arg;

	if (h->model && !streq(h->model, m->name))
		return 0;
	for (size_t i = 0; i < m->stages_n; i++) {
		struct plan p = { 0 };
		if (h->stage && !streq(h->stage, m->stages[i].stage))
			continue;
		(void)str_copy(p.model, sizeof p.model, m->name);
		(void)str_copy(p.stage, sizeof p.stage, m->stages[i].stage);
		(void)str_copy(p.kind, sizeof p.kind, "promote");
		p.empty = true;
		vec_push(&h->list, p);
	}
	return 0;
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

static void
look_at(void *arg, size_t i)
{
	const struct looks *const all = arg;
	struct wave_target *const v = &all->wave->v[i];
	json_t *const o = json_array_get(all->targets, i);
	struct observation seen = { 0 };
	struct rollout held;
	struct err e = { 0 };

	wave_held(all->wave, &held);
	if (v->d->observe(v->st, &held, &seen, &e) < 0) {
		seen = (struct observation){ .status = ROLLOUT_UNKNOWN };
		(void)str_copy(seen.reason, sizeof seen.reason, e.msg);
	}
	json_object_set_new(o, "serving", agent_serving_json(&seen));
	json_object_set_new(o, "drift", drift_json(v, &held));
	agent_set_text(o, "code", e.code ? err_name(e.code) : "");
}

static int
status_of(struct registry *r, const struct ledger *l, const struct plan *p,
          uint64_t deadline_ms, json_t *out, struct err *e)
{
	json_t *o = json_object(), *targets = json_array();
	struct wave w;
	int rc = wave_open(r, l, p, &w, e);

	json_array_append_new(out, o);
	json_object_set_new(o, "model", json_string(p->model));
	json_object_set_new(o, "stage", json_string(p->stage));
	json_object_set_new(o, "targets", targets);
	if (rc < 0)
		return rc;
	agent_limit_wave(&w, deadline_ms);
	/* not so for a plan: whether a target drifted decides what it says */
	w.held_source.check = check_time;
	json_object_set_new(o, "number",
	                    json_integer((json_int_t)(w.now.empty ? 0 : w.now.number)));
	json_object_set_new(o, "proofs", proofs_to_json(w.now.proofs));
	for (size_t i = 0; i < w.n; i++)
		json_array_append_new(targets, agent_head_json(&w.v[i]));
	side_by_side(0, w.n, look_at, &(struct looks){ &w, targets });
	wave_close(&w);
	return 0;
}

int
agent_status(const json_t *request, json_t **ret, struct err *e)
{
	cleanup_registry struct registry *r = NULL;
	struct holds h = { .model = json_opt_string(request, "model"),
		           .stage = json_opt_string(request, "stage") };
	const uint64_t deadline_ms = agent_deadline_of(request);
	json_t *list = json_array();
	struct ledger l = { 0 };
	struct txn *t;
	int rc = agent_open_requested(request, &r, e);

	if (rc == 0)
		rc = ledger_open(r, &l, e);
	if (rc == 0)
		rc = store_read_begin(r->store, &t, e);
	if (rc == 0) {
		rc = model_each(t, h.model, add_holds, &h, e);
		store_abort(t);
	}
	for (size_t i = 0; rc == 0 && i < h.list.n; i++)
		rc = status_of(r, &l, &h.list.v[i], deadline_ms, list, e);
	vec_fini(&h.list);
	ledger_fini(&l);
	if (rc < 0) {
		json_decref(list);
		return rc;
	}
	*ret = json_object();
	json_object_set_new(*ret, "stages", list);
	return 0;
}
