/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan would change: each target is looked at. Nothing is written, here or there.
 * The answer carries the intent itself; whoever stores it can check that its digest is its id.
 */
#include "deploy/agent.h"

#include <inttypes.h>
#include <string.h>

#include "deploy/agent_private.h"
#include "deploy/offline_check.h"
#include "deploy/side_by_side.h"
#include "deploy/wave.h"
#include "registry/attest.h"
#include "registry/base/clock.h"
#include "registry/base/vec.h"
#include "registry/change.h"
#include "registry/gate_check.h"
#include "registry/labels.h"

#define DEAD_NAMED 5 /* in one line; each has a warning of its own */

static const char *const levels[] = { "ok", "warn", "block", "unknown" };

void
agent_set_text(json_t *o, const char *key, const char *s)
{
	json_t *v = json_from_str(str_of(s));

	json_object_set_new(o, key, v ? v : json_string("(not text)"));
}

json_t *
agent_findings_json(const struct findings *f, bool *ret_blocked)
{
	json_t *array = json_array();

	for (size_t i = 0; i < f->n; i++) {
		json_t *o = json_object();
		agent_set_text(o, "level", levels[f->v[i].level]);
		agent_set_text(o, "code", f->v[i].code);
		agent_set_text(o, "text", f->v[i].text);
		agent_set_text(o, "hint", f->v[i].hint);
		json_array_append_new(array, o);
		*ret_blocked = *ret_blocked || f->v[i].level == FINDING_BLOCK;
	}
	return array;
}

json_t *
agent_facts_json(const struct target_facts *f)
{
	json_t *o = json_object();

	agent_set_text(o, "server", f->server);
	agent_set_text(o, "version", f->version);
	agent_set_text(o, "mode", f->mode);
	json_object_set_new(o, "proofs", proofs_to_json(f->proofs));
	agent_set_text(o, "whyNot", f->why_not);
	return o;
}

static json_t *
lines_json(struct str text)
{
	json_t *array = json_array();

	while (text.n > 0) {
		const char *lf = memchr(text.p, '\n', text.n);
		const size_t n = lf ? (size_t)(lf - text.p) : text.n;
		json_t *line = json_from_str((struct str){ text.p, n });

		if (line && n > 0)
			json_array_append_new(array, line);
		else
			json_decref(line);
		text.p += n + (lf ? 1 : 0);
		text.n -= n + (lf ? 1 : 0);
	}
	return array;
}

/* The version that should serve does, and how many of it is being changed, as by who scales. */
static bool
is_settling(const struct observation *o)
{
	return o->status == ROLLOUT_PROGRESSING && o->replicas_known && o->serving_known &&
	       o->carries_known && digest_eq(&o->serving_version, &o->carries_version) &&
	       (o->proofs & PROOF_BIT(PROOF_OBJECT)) && !(o->proofs & PROOF_BIT(PROOF_WORKLOAD));
}

json_t *
agent_serving_json(const struct observation *o)
{
	json_t *s = json_object();

	json_object_set_new(s, "known", json_boolean(o->serving_known));
	json_object_set_new(s, "empty", json_boolean(o->serving_empty));
	json_object_set_new(s, "number", json_integer((json_int_t)o->serving_number));
	json_object_set_new(s, "version",
	                    digest_is_zero(&o->serving_version)
	                            ? json_null()
	                            : json_from_digest(&o->serving_version));
	json_object_set_new(s, "drifted", json_boolean(o->is_drifted));
	json_object_set_new(s, "settling", json_boolean(is_settling(o)));
	json_object_set_new(s, "status", json_string(rollout_status_name(o->status)));
	json_object_set_new(s, "proofs", proofs_to_json(o->proofs));
	if (o->replicas_known) {
		json_object_set_new(s, "ready", json_integer(o->replicas_ready));
		json_object_set_new(s, "want", json_integer(o->replicas_wanted));
	}
	agent_set_text(s, "reason", o->reason);
	return s;
}

json_t *
agent_head_json(const struct wave_target *v)
{
	json_t *o = json_object();

	agent_set_text(o, "name", v->row.name);
	agent_set_text(o, "driver", v->row.driver);
	agent_set_text(o, "stage", v->row.stage);
	agent_set_text(o, "address", v->t.url ? v->t.url : v->t.path ? v->t.path : "");
	if (v->t.path)
		agent_set_text(o, "path", v->t.path);
	json_object_set_new(o, "minProof",
	                    v->has_min_proof ? json_string(proof_name(v->min_proof)) : json_null());
	return o;
}

/* Who asks says how long it will wait; absent: each call has its own limit. */
uint64_t
agent_deadline_of(const json_t *request)
{
	const json_int_t ms = json_integer_value(json_object_get(request, "timeout_ms"));

	return ms > 0 ? clock_mono_ms() + (uint64_t)ms : 0;
}

void
agent_limit_wave(struct wave *w, uint64_t deadline_ms)
{
	for (size_t i = 0; i < w->n; i++)
		w->v[i].t.deadline_ms = deadline_ms;
}

/* --- plan --- */

/* The target came to the stage later, or somebody took away what was there. */
static bool
lacks_version(const struct wave *w, const struct observation *o)
{
	const struct digest *const wanted = &w->plan->version;

	if (w->plan->empty)
		return false;
	return (o->carries_known && !digest_eq(&o->carries_version, wanted)) ||
	       (o->serving_known && (o->serving_empty || !digest_eq(&o->serving_version, wanted)));
}

struct previewed {
	json_t *out;
	bool blocked, drift;
	int rc;
	struct err e;
	struct fetches fetches;
};
struct previewed_all {
	bool blocked, drift;
	json_t *missing; /* images, in words; NULL: none */
	json_t *carry;   /* and for the next bundle */
};
struct previews {
	struct wave *wave;
	struct previewed *v; /* of each target */
};

static int
preview(struct wave *w, struct wave_target *v, struct previewed *ret, struct err *e)
{
	struct findings f = { 0 };
	struct preview p = { 0 };
	struct observation o;
	int rc = v->d->probe(v->st, &v->facts, e);

	if (rc == 0)
		rc = wave_look(w, v, &o, e);
	if (rc == 0)
		rc = v->d->preflight(v->st, &v->q, &f, e);
	if (rc == 0)
		wave_check_proof(v, &f);
	if (rc == 0)
		wave_check_canary(w, v, &f);
	if (rc == 0)
		wave_check_take(w, v, &f);
	if (rc == 0)
		rc = v->d->preview(v->st, &v->q, buf_str(&v->rendered), &p, e);
	if (rc == 0 && w->offline)
		rc = offline_fetches(v, &ret->fetches, e);
	else if (rc == 0 && v->d->images)
		rc = v->d->images(v->st, &v->q, &ret->fetches.images, e);
	if (rc == 0) {
		ret->drift = o.is_drifted || lacks_version(w, &o) ||
		             ((o.serving_known || o.carries_known) && o.status == ROLLOUT_FAILED);
		json_object_set_new(ret->out, "facts", agent_facts_json(&v->facts));
		json_object_set_new(ret->out, "serving", agent_serving_json(&o));
		json_object_set_new(ret->out, "findings", agent_findings_json(&f, &ret->blocked));
		json_object_set_new(ret->out, "changes", lines_json(buf_str(&p.text)));
		json_object_set_new(ret->out, "verified", json_boolean(p.verified));
		agent_set_text(ret->out, "golden", wave_can_ask(v) ? "yes" : "no");
	}
	buf_fini(&p.text);
	findings_fini(&f);
	return rc < 0 ? wave_blame(v, e) : 0;
}

static void
preview_one(void *arg, size_t i)
{
	struct previews *const all = arg;
	struct previewed *const one = &all->v[i];

	one->rc = preview(all->wave, &all->wave->v[i], one, &one->e);
}

/* Who is dead delays none, as in the job: the others go without it, and it is said. */
static void
warn_dead(struct previewed *one)
{
	struct findings f = { 0 };

	findings_add(&f, FINDING_WARN, "unreachable",
	             "the others go on without it; when it answers again: slipway job resume JOB",
	             "%s", one->e.msg);
	json_object_set_new(one->out, "facts", json_null());
	json_object_set_new(one->out, "serving", json_null());
	json_object_set_new(one->out, "findings", agent_findings_json(&f, &one->blocked));
	json_object_set_new(one->out, "changes", json_array());
	json_object_set_new(one->out, "verified", json_false());
	findings_fini(&f);
}

/* For the head of the plan: the warnings stand far apart. NULL: all were looked at. */
static json_t *
say_dead(const struct wave *w, const json_t *targets)
{
	cleanup_buf struct buf names = { 0 };
	const json_t *t;
	size_t i, n = 0;

	json_array_foreach(targets, i, t)
	{
		if (!json_is_null(json_object_get(t, "facts")))
			continue;
		if (n < DEAD_NAMED)
			buf_addf(&names, "%s%s", n > 0 ? ", " : "", w->v[i].row.name);
		n++;
	}
	if (n > DEAD_NAMED)
		buf_addf(&names, " and %zu more", n - DEAD_NAMED);
	return n == 0 ? NULL
	              : json_sprintf("%zu of %zu targets %s not answer, the others go on without "
	                             "%s: %s",
	                             n, w->n, n == 1 ? "does" : "do", n == 1 ? "it" : "them",
	                             buf_cstr(&names));
}

/* In the first wave somebody must be there: nothing would begin. */
static int
check_previewed(const struct wave *w, const struct previewed *v, struct err *e)
{
	const struct previewed *dead = NULL;
	bool has_begun = false;

	for (size_t i = 0; i < w->n; i++) {
		if (v[i].rc < 0 && v[i].e.code != ERR_UNREACHABLE) {
			*e = v[i].e;
			return v[i].rc;
		}
		if (v[i].rc < 0 && !dead)
			dead = &v[i];
		if (w->v[i].row.order == w->v[0].row.order)
			has_begun = has_begun || v[i].rc == 0;
	}
	if (has_begun || !dead)
		return 0;
	*e = dead->e;
	return dead->rc;
}

/* All at once, whatever their order: nothing is changed. */
static int
preview_targets(struct wave *w, json_t *targets, struct previewed_all *ret, struct err *e)
{
	cleanup_free struct fetches *fetches = xcalloc(w->n + 1, sizeof *fetches);
	cleanup_free struct previewed *v = xcalloc(w->n + 1, sizeof *v);
	struct previews all = { .wave = w, .v = v };
	int rc;

	for (size_t i = 0; i < w->n; i++) {
		v[i].out = agent_head_json(&w->v[i]);
		json_array_append_new(targets, v[i].out);
	}
	side_by_side(0, w->n, preview_one, &all);
	rc = check_previewed(w, v, e);
	for (size_t i = 0; i < w->n; i++) {
		if (rc == 0 && v[i].rc < 0)
			warn_dead(&v[i]);
		ret->blocked = ret->blocked || v[i].blocked;
		ret->drift = ret->drift || v[i].drift;
		fetches[i] = v[i].fetches;
	}
	if (rc == 0) {
		ret->carry = json_array();
		ret->missing = agent_images(w, fetches, targets, ret->carry, &ret->blocked);
	}
	for (size_t i = 0; i < w->n; i++)
		fetches_fini(&fetches[i]);
	return rc;
}

static int
render_targets(struct wave *w, struct plan *p, struct err *e)
{
	p->targets = xcalloc(w->n + 1, sizeof *p->targets);
	for (size_t i = 0; i < w->n; i++) {
		struct wave_target *v = &w->v[i];
		struct plan_target *t = &p->targets[p->targets_n++];
		int rc = v->d->render(&v->t, &v->q, &v->rendered, e);

		if (rc < 0)
			return err_prefix(e, "target \"%s\"", v->row.name);
		(void)str_copy(t->name, sizeof t->name, v->row.name);
		t->identity = v->row.identity;
		digest_small(v->rendered.p, v->rendered.n, &t->rendered);
	}
	return 0;
}

static json_t *
check_json(const char *name, const char *state, const char *text)
{
	json_t *o = json_object();

	agent_set_text(o, "name", name);
	agent_set_text(o, "state", state);
	agent_set_text(o, "text", text);
	return o;
}

/* A gate that is not passed keeps nobody from looking at the plan, only from going on with it. */
static void
add_gates(const struct wave *w, const struct ledger *l, json_t *array)
{
	static const char *const states[] = { "ok", "refuses", "not checked" };
	struct gate_results all;
	struct err why = { 0 };

	if (gates_look(w->r, l, w->plan, clock_now_s(), &all, &why) < 0) {
		json_array_append_new(array, check_json("gates", "not checked", why.msg));
		return;
	}
	for (size_t i = 0; i < all.n; i++) {
		cleanup_free char *text = xasprintf("%s: %s", all.v[i].gate->text, all.v[i].text);
		json_array_append_new(array, check_json("gate", states[all.v[i].state], text));
	}
}

static void
add_evidence(const struct wave *w, const struct ledger *l, enum evidence_type type, json_t *array)
{
	const struct plan *const p = w->plan;
	cleanup_buf struct buf text = { 0 };
	struct evidence v;
	struct err none = { 0 };

	if (p->empty ||
	    ledger_evidence(w->r, l, p->model, p->number, &p->version, type, &v, &none) < 0) {
		/* lineage and licence are asked for by gates alone */
		if (type == EVIDENCE_METRICS || type == EVIDENCE_SCAN)
			json_array_append_new(array,
			                      check_json(evidence_type_name(type), "not checked",
			                                 "no evidence is attached"));
		return;
	}
	if (type == EVIDENCE_METRICS)
		evidence_metrics_text(v.content, &text);
	else if (type == EVIDENCE_SCAN)
		buf_addf(&text, "verdict %s", json_opt_string(v.content, "verdict"));
	else if (type == EVIDENCE_LICENCE)
		buf_adds(&text, json_opt_string(v.content, "spdx"));
	buf_addf(&text, "%sattested by %s", text.n ? ", " : "", v.person);
	json_array_append_new(array, check_json(evidence_type_name(type), "ok", buf_cstr(&text)));
	evidence_fini(&v);
}

/* What was looked at before this plan, and what nobody looked at: never silently "ok". */
static json_t *
checks_json(const struct wave *w, const struct ledger *l)
{
	json_t *array = json_array();
	cleanup_free char *signed_by = NULL, *evidence = NULL;

	if (!w->plan->empty) {
		signed_by = xasprintf("signed by %s (%s)", w->version.signer, w->version.key_id);
		json_array_append_new(array, check_json("signature", "ok", signed_by));
	}
	evidence = xasprintf("log verified from %s to entry %" PRIu64,
	                     l->from_start ? "its beginning (no pin)" : "the pin", l->size - 1);
	json_array_append_new(array, check_json("log", "ok", evidence));
	add_gates(w, l, array);
	for (int i = 0; i < EVIDENCE_TYPES; i++)
		add_evidence(w, l, (enum evidence_type)i, array);
	json_array_append_new(
	        array, check_json("witness", "not checked", "nobody else has seen this log"));
	return array;
}

/* The command that undoes this plan, and where it leads: rollback steps down from what was promoted
 * last, so what a rollback left is named. */
static json_t *
way_back_json(const struct wave *w, const struct plan *p, bool is_repair)
{
	const uint64_t now = w->now.empty ? 0 : w->now.number;
	cleanup_free char *command =
	        streq(p->kind, "rollback") && now > 0
	                ? xasprintf("slipway rollback %s --stage %s --to %s@v%" PRIu64, p->model,
	                            p->stage, p->model, now)
	                : xasprintf("slipway rollback %s --stage %s", p->model, p->stage);
	json_t *o = json_object();

	json_object_set_new(o, "number", json_integer((json_int_t)now));
	json_object_set_new(o, "command", is_repair ? json_null() : json_string(command));
	return o;
}

static json_t *
plan_reply(const struct wave *w, const struct ledger *l, const struct plan *p, json_t *targets)
{
	const struct policy_stage *stage = policy_stage(&l->policy, p->stage);
	char hex[DIGEST_HEX_SIZE];
	json_t *o = json_object();

	digest_hex(&p->id, hex);
	json_object_set_new(o, "id", json_string(hex));
	json_object_set_new(o, "intent", json_stringn(p->text.p, p->text.n));
	json_object_set_new(o, "kind", json_string(p->kind));
	json_object_set_new(o, "model", json_string(p->model));
	json_object_set_new(o, "stage", json_string(p->stage));
	json_object_set_new(o, "number", json_integer((json_int_t)p->number));
	json_object_set_new(o, "version", p->empty ? json_null() : json_from_digest(&p->version));
	json_object_set_new(o, "nowNumber",
	                    json_integer((json_int_t)(w->now.empty ? 0 : w->now.number)));
	json_object_set_new(o, "bytes", json_integer((json_int_t)w->version.manifest.bytes));
	json_object_set_new(o, "files", json_integer((json_int_t)w->version.manifest.n));
	json_object_set_new(o, "protected", json_boolean(stage && stage->is_protected));
	json_object_set_new(o, "policy", json_integer((json_int_t)l->policy.version));
	json_object_set_new(o, "canary",
	                    p->canary.steps_n > 0 ? canary_json(&p->canary) : json_null());
	json_object_set_new(o, "take", p->take.n > 0 ? plan_take_json(&p->take) : json_null());
	json_object_set_new(o, "checks", checks_json(w, l));
	json_object_set(o, "targets", targets);
	return o;
}

static int
plan_with_targets(struct registry *r, const json_t *request, const struct ledger *l, struct plan *p,
                  bool held, json_t **ret, struct err *e)
{
	cleanup_json json_t *targets = json_array();
	struct agent_canary_from from = { 0 };
	struct previewed_all seen = { 0 };
	struct wave w;
	int rc = wave_open(r, l, p, &w, e);

	if (rc < 0)
		return rc;
	agent_limit_wave(&w, agent_deadline_of(request));
	if (!held)
		rc = agent_canary(request, &w, l, p, &from, e);
	wave_set_steps(&w);
	if (rc == 0)
		rc = render_targets(&w, p, e);
	if (rc == 0)
		rc = preview_targets(&w, targets, &seen, e);
	if (rc == 0)
		rc = plan_seal(p, e);
	if (rc == 0) {
		*ret = plan_reply(&w, l, p, targets);
		json_object_set_new(*ret, "canaryFrom", agent_from_json(&from));
		json_object_set_new(*ret, "absent", say_dead(&w, targets));
		json_object_set(*ret, "missingImages", seen.missing);
		json_object_set(*ret, "carry", seen.carry);
		json_object_set_new(*ret, "already", json_boolean(held && !seen.drift));
		json_object_set_new(*ret, "repair", json_boolean(held && seen.drift));
		json_object_set_new(*ret, "blocked", json_boolean(seen.blocked));
		json_object_set_new(*ret, "wayBack", way_back_json(&w, p, held));
	}
	json_decref(seen.missing);
	json_decref(seen.carry);
	wave_close(&w);
	return rc;
}

/* The version that "to" names: a digest as the caller resolved it. Absent: one step back. */
static int
wanted_version(const json_t *request, struct digest *ret, bool *ret_has, struct err *e)
{
	*ret_has = json_object_get(request, "to") != NULL;
	return *ret_has ? json_get_digest(request, "to", "request", ret, e) : 0;
}

static int
make_plan(struct registry *r, const json_t *request, json_t **ret, struct err *e)
{
	const json_t *const take = json_object_get(request, "take");
	const char *kind, *model, *stage;
	struct plan p = { 0 };
	struct digest version;
	struct ledger l;
	bool has, held;
	int rc = json_get_string(request, "kind", "request", &kind, e);

	if (rc == 0)
		rc = json_get_string(request, "model", "request", &model, e);
	if (rc == 0)
		rc = json_get_string(request, "stage", "request", &stage, e);
	if (rc == 0)
		rc = wanted_version(request, &version, &has, e);
	if (rc == 0)
		rc = ledger_open(r, &l, e);
	if (rc < 0)
		return rc;
	rc = plan_intend(r, &l, kind, model, has ? &version : NULL, stage, &p, e);
	held = rc == CHANGE_NONE;
	if (rc >= 0 && take)
		rc = plan_take_read(take, &p.take, e) < 0 ? -(int)e->code : rc;
	if (rc >= 0)
		rc = plan_with_targets(r, request, &l, &p, held, ret, e);
	plan_fini(&p);
	ledger_fini(&l);
	return rc;
}

int
agent_open_requested(const json_t *request, struct registry **ret, struct err *e)
{
	const char *dir;
	int rc = json_get_string(request, "registry", "request", &dir, e);

	return rc < 0 ? rc : registry_open(dir, REGISTRY_READ, ret, e);
}

int
agent_plan(const json_t *request, json_t **ret, struct err *e)
{
	cleanup_registry struct registry *r = NULL;
	int rc = agent_open_requested(request, &r, e);

	return rc < 0 ? rc : make_plan(r, request, ret, e);
}
