/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening the targets of a stage: rows of the database become drivers with their state, verified
 * versions become sources of bytes. What is deployed is read from blobs that the ledger's manifest
 * names.
 */
#include "deploy/wave.h"

#include <inttypes.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/vec.h"
#include "registry/labels.h"

int
wave_open_blob(struct registry *r, const struct source *s, size_t i, int *ret_fd, struct err *e)
{
	uint64_t size;
	int rc = blob_promised(blob_open(r->blobs, &s->files[i].digest, ret_fd, &size, e), e);

	if (rc == 0 && size != s->files[i].size) {
		close_quietly(steal_fd(ret_fd));
		return err_set(e, ERR_DIGEST,
		               "the blob of \"%s\" has another size than the manifest says",
		               s->files[i].path);
	}
	return rc;
}

static int
open_blob(void *arg, size_t i, int *ret_fd, struct err *e)
{
	const struct wave_target *v = arg;

	return wave_open_blob(v->wave->r, &v->source, i, ret_fd, e);
}

static int
open_held_blob(void *arg, size_t i, int *ret_fd, struct err *e)
{
	const struct wave *w = arg;

	return wave_open_blob(w->r, &w->held_source, i, ret_fd, e);
}

static void
moved(void *arg, uint64_t done, uint64_t total)
{
	const struct wave_target *v = arg;

	if (v->moved)
		v->moved(v->arg, done, total);
}

int
wave_documents(struct registry *r, const struct admitted *v, struct buf *ret_manifest,
               struct buf *ret_config, struct err *e)
{
	int rc = blob_promised(blob_read(r->blobs, &v->version, MANIFEST_MAX, ret_manifest, e), e);

	if (rc < 0 || digest_is_zero(&v->manifest.config))
		return rc;
	return blob_promised(blob_read(r->blobs, &v->manifest.config, MANIFEST_MAX, ret_config, e),
	                     e);
}

/* The label is found and not proved: it only says what the plan then shows. */
static int
load_extra(struct registry *r, const char *model, const struct admitted *v, struct wave_extra *ret,
           struct err *e)
{
	struct version_row row;
	struct txn *t;
	int rc = wave_documents(r, v, &ret->manifest, &ret->config, e);

	if (rc == 0)
		rc = store_read_begin(r->store, &t, e);
	if (rc < 0)
		return rc;
	rc = version_get(t, model, v->number, &row, e);
	store_abort(t);
	if (rc == 0)
		(void)labels_get(row.labels, "format", ret->format, sizeof ret->format);
	return rc;
}

static void
add_extra(const struct wave_extra *x, struct rollout *q)
{
	q->manifest = buf_str(&x->manifest);
	q->config = buf_str(&x->config);
	q->format = x->format[0] ? x->format : NULL;
}

static void
extra_fini(struct wave_extra *x)
{
	buf_fini(&x->manifest);
	buf_fini(&x->config);
}

struct source_file *
wave_files(const struct manifest *m)
{
	struct source_file *v = xcalloc(m->n + 1, sizeof *v);

	for (size_t i = 0; i < m->n; i++)
		v[i] = (struct source_file){ .path = m->files[i].path,
			                     .size = m->files[i].size,
			                     .digest = m->files[i].digest };
	return v;
}

/* What the log says of a cluster's authorities; its other servers have no such member. */
static int
parse_ca(struct wave_target *v, struct err *e)
{
	const json_t *ca = json_object_get(v->body, "ca");

	return !ca || json_is_null(ca) ? 0 : json_get_digest(v->body, "ca", "target", &v->t.ca, e);
}

static int
parse_body(struct wave_target *v, struct err *e)
{
	const char *proof;
	int rc = json_parse(str_of(v->row.body), "target", &v->body, e);

	if (rc < 0)
		return rc;
	v->t = (struct target){
		.name = v->row.name,
		.driver = v->row.driver,
		.url = json_opt_string(v->body, "url"),
		.path = json_opt_string(v->body, "path"),
		.ns = json_opt_string(v->body, "namespace"),
		.object = json_opt_string(v->body, "object"),
		.settings = json_object_get(v->body, "settings"),
		.store = json_opt_string(json_object_get(v->body, "settings"), "store"),
		.identity = v->row.identity,
	};
	v->min_proof = PROOF_OBJECT;
	proof = json_opt_string(v->body, "min_proof");
	v->has_min_proof = proof != NULL;
	rc = parse_ca(v, e);
	if (rc < 0)
		return rc;
	if (proof && proof_parse(proof, &v->min_proof) < 0) {
		err_set(e, ERR_USAGE, "target \"%s\": there is no proof \"%s\"", v->row.name,
		        proof);
		return err_hint(e, "object, workload, instances, listed, answered or soaked");
	}
	return 0;
}

static int
load_golden(struct registry *r, const struct digest *d, struct wave_target *v, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int rc = blob_promised(blob_read(r->blobs, d, SMOKE_MAX, &text, e), e);

	return rc < 0 ? rc : golden_parse(buf_str(&text), &v->golden, e);
}

static int
no_driver(const struct target_row *row, struct err *e)
{
	cleanup_buf struct buf names = { 0 };

	for (size_t i = 0; deploy_drivers[i]; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", deploy_drivers[i]->name);
	err_set(e, ERR_USAGE, "target \"%s\": there is no driver \"%s\"", row->name, row->driver);
	return err_hint(e, "drivers: %s", buf_cstr(&names));
}

static void
use_reach(struct wave_target *v)
{
	v->t.kubeconfig = v->reach.kubeconfig;
	v->t.context = v->reach.context;
	v->t.bound_url = v->reach.url;
	v->t.bound_ca = v->reach.ca;
	v->t.allow_exec = v->reach.plugin;
	v->t.metrics_url = v->reach.metrics.url;
	v->t.metrics_token = v->reach.metrics.token_file;
	v->t.metrics_login = v->reach.metrics.login_file;
	v->t.metrics_ca = v->reach.metrics.ca_file;
}

/* What plans begin with unless they say; a driver that can share requests has these two. */
static int
check_canary_settings(const struct target *t, struct err *e)
{
	const char *const steps = json_opt_string(t->settings, "steps");
	const char *const limits = json_opt_string(t->settings, "limits");
	struct canary_plan c = { 0 };
	int rc = steps ? canary_steps_parse(steps, &c, e) : 0;

	if (rc == 0 && limits)
		rc = canary_limits_parse(limits, &c, e);
	return rc < 0 ? err_prefix(e, "target \"%s\"", t->name) : 0;
}

int
wave_target_open_by(struct registry *r, const struct target_row *row, struct reach *reach,
                    struct wave_target *ret, struct err *e)
{
	struct digest smoke;
	int rc;

	*ret = (struct wave_target){ .row = *row, .reach = *reach };
	*reach = (struct reach){ 0 };
	rc = parse_body(ret, e);
	if (rc < 0)
		return rc;
	use_reach(ret);
	ret->t.name = ret->row.name;
	ret->t.driver = ret->row.driver;
	ret->d = deploy_driver_find(ret->row.driver);
	if (!ret->d)
		return no_driver(row, e);
	ret->st = xcalloc(1, ret->d->state_size ? ret->d->state_size : 1);
	rc = ret->d->open(ret->st, &ret->t, e);
	if (rc < 0) {
		free(steal(&ret->st));
		return wave_blame(ret, e);
	}
	rc = check_canary_settings(&ret->t, e);
	if (rc == 0 && json_object_get(ret->body, "smoke")) {
		rc = json_get_digest(ret->body, "smoke", "target", &smoke, e);
		if (rc == 0)
			rc = load_golden(r, &smoke, ret, e);
	}
	return rc;
}

/* A person without a home has said nothing. Whether what was said still holds, who connects asks.
 */
int
wave_target_open(struct registry *r, const struct target_row *row, struct wave_target *ret,
                 struct err *e)
{
	struct reach reach = { 0 };
	struct err why = { 0 };
	int rc = reach_load(r->id, row->name, &reach, &why);

	*ret = (struct wave_target){ 0 };
	if (rc < 0 && rc != -ERR_NOT_FOUND && rc != -ERR_USAGE) {
		*e = why;
		return err_prefix(e, "target \"%s\"", row->name);
	}
	return wave_target_open_by(r, row, &reach, ret, e);
}

void
wave_target_close(struct wave_target *v)
{
	if (v->st && v->d->close)
		v->d->close(v->st);
	free(v->st);
	golden_free(v->golden);
	reach_fini(&v->reach);
	buf_fini(&v->rendered);
	json_decref(v->body);
	*v = (struct wave_target){ 0 };
}

bool
wave_can_ask(const struct wave_target *v)
{
	return v->golden && v->d->smoke && (v->facts.proofs & PROOF_BIT(PROOF_ANSWERED));
}

void
wave_check_proof(const struct wave_target *v, struct findings *ret)
{
	const bool can_ask = wave_can_ask(v);
	unsigned can = v->facts.proofs;

	if (!v->has_min_proof || v->q.empty)
		return;
	if (!can_ask)
		can &= ~PROOF_BIT(PROOF_ANSWERED);
	if ((can >> v->min_proof) != 0)
		return;
	if (v->min_proof == PROOF_ANSWERED && v->d->smoke && !v->golden)
		findings_add(ret, FINDING_BLOCK, "proof",
		             "import the version with --smoke, or add the target with one",
		             "it asks for the proof \"%s\", and there is no golden request",
		             proof_name(v->min_proof));
	else
		findings_add(ret, FINDING_BLOCK, "proof", "add it again with a lower --min-proof",
		             "it asks for the proof \"%s\" and can show only \"%s\"",
		             proof_name(v->min_proof), proofs_highest(can));
}

void
wave_check_canary(const struct wave *w, const struct wave_target *v, struct findings *ret)
{
	if (w->plan->canary.steps_n == 0)
		return;
	if (!(v->facts.caps & CAP_WEIGHTS) || !v->d->set_weight)
		findings_add(ret, FINDING_BLOCK, "canary", "plan it without --steps",
		             "it cannot share the requests between two versions%s%s",
		             v->facts.why_not[0] ? ": " : "", v->facts.why_not);
	else if (v->pre.empty)
		findings_add(ret, FINDING_BLOCK, "canary", "plan it without --steps",
		             "nothing serves there that could share the requests");
}

void
wave_check_take(const struct wave *w, const struct wave_target *v, struct findings *ret)
{
	if (w->plan->take.n > 0 && !(v->facts.caps & CAP_FIELDS))
		findings_add(ret, FINDING_BLOCK, "take", "plan it without --take",
		             "it has no fields that could be taken from anybody");
}

int
wave_blame(const struct wave_target *v, struct err *e)
{
	const char *name = v->row.name;

	if (!e->hint[0] && e->code == ERR_UNREACHABLE)
		err_hint(e, "nothing was changed; when `slipway target test %s` is well, try again",
		         name);
	else if (!e->hint[0] && e->code == ERR_DENIED)
		err_hint(e, "nothing was changed; the server at \"%s\" must let this user in",
		         name);
	else if (!e->hint[0] && e->code == ERR_MALFORMED)
		err_hint(e,
		         "nothing was changed; is that the right address? slipway target show %s",
		         name);
	return wave_name(v, e);
}

int
wave_name(const struct wave_target *v, struct err *e)
{
	cleanup_free char *quoted = xasprintf("\"%s\"", v->row.name);

	return strstr(e->msg, quoted) ? -(int)e->code : err_prefix(e, "target \"%s\"", v->row.name);
}

/* The policy may want more than the target says. */
static void
demand_proof(const struct policy_stage *s, struct wave_target *v)
{
	if (s->min_proof < 0 || (v->has_min_proof && (int)v->min_proof >= s->min_proof))
		return;
	v->has_min_proof = true;
	v->min_proof = (enum proof_layer)s->min_proof;
}

static int
open_targets(struct wave *w, const struct ledger *l, struct err *e)
{
	const struct policy_stage *const stage = policy_stage(&l->policy, w->plan->stage);
	cleanup_free struct target_row *rows = NULL;
	size_t n;
	int rc = ledger_targets(w->r, l, w->plan->stage, &rows, &n, e);

	if (rc < 0)
		return rc;
	w->v = xcalloc(n + 1, sizeof *w->v);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		/* the strings of a target point into its own row: opened in place, never moved */
		rc = wave_target_open(w->r, &rows[i], &w->v[i], e);
		if (rc == 0 && stage)
			demand_proof(stage, &w->v[i]);
		w->n++;
	}
	return rc;
}

void
wave_set_steps(struct wave *w)
{
	const struct canary_plan *const c = &w->plan->canary;

	free(w->steps);
	w->steps = xcalloc(c->steps_n + 1, sizeof *w->steps);
	for (size_t i = 0; i < c->steps_n; i++)
		w->steps[i] = (struct rollout_step){ c->steps[i].percent, c->steps[i].hold_s };
	for (size_t i = 0; i < w->n; i++) {
		w->v[i].q.steps = w->steps;
		w->v[i].q.steps_n = c->steps_n;
	}
}

static void
fill_rollouts(struct wave *w)
{
	for (size_t i = 0; i < w->plan->take.n; i++)
		w->take[i] = w->plan->take.v[i];
	for (size_t i = 0; i < w->n; i++) {
		struct wave_target *const v = &w->v[i];

		v->wave = w;
		v->source = (struct source){ .files = w->files,
			                     .n = w->version.manifest.n,
			                     .open = open_blob,
			                     .arg = v,
			                     .progress = moved };
		v->q = (struct rollout){
			.registry_id = w->r->id,
			.model = w->plan->model,
			.plan_id = w->plan_hex,
			.empty = w->plan->empty,
			.number = w->plan->number,
			.version = w->plan->version,
			.files = w->plan->empty ? NULL : &v->source,
			.take = w->take,
			.take_n = w->plan->take.n,
		};
		add_extra(&w->extra, &v->q);
	}
	wave_set_steps(w);
}

static int
use_version_smoke(struct wave *w, struct err *e)
{
	int rc = 0;

	if (w->plan->empty || digest_is_zero(&w->version.smoke))
		return 0;
	/* the version's own golden request knows its answers; a target's is for versions without
	 * one */
	for (size_t i = 0; rc == 0 && i < w->n; i++) {
		golden_free(w->v[i].golden);
		w->v[i].golden = NULL;
		rc = load_golden(w->r, &w->version.smoke, &w->v[i], e);
	}
	return rc;
}

static int
load_versions(struct wave *w, const struct ledger *l, struct err *e)
{
	int rc = 0;

	if (!w->plan->empty)
		rc = ledger_version(w->r, l, w->plan->model, &w->plan->version, &w->version, e);
	if (rc == 0 && !w->plan->empty)
		rc = load_extra(w->r, w->plan->model, &w->version, &w->extra, e);
	if (rc < 0)
		return rc;
	w->files = wave_files(&w->version.manifest);
	if (w->now.exists && !w->now.empty) {
		struct err gone = { 0 };
		/* a held version that was deleted can still be looked at, but not put back */
		if (ledger_version(w->r, l, w->plan->model, &w->now.version, &w->held, &gone) < 0)
			w->held = (struct admitted){ 0 };
		else
			(void)load_extra(w->r, w->plan->model, &w->held, &w->held_extra, &gone);
	}
	w->held_files = wave_files(&w->held.manifest);
	w->held_source = (struct source){
		.files = w->held_files, .n = w->held.manifest.n, .open = open_held_blob, .arg = w
	};
	return 0;
}

int
wave_open(struct registry *r, const struct ledger *l, const struct plan *p, struct wave *ret,
          struct err *e)
{
	int rc;

	*ret = (struct wave){ .r = r, .plan = p };
	ret->offline = json_incref(l->policy.offline);
	digest_hex(&p->id, ret->plan_hex);
	rc = ledger_stage(r, l, p->model, p->stage, &ret->now, e);
	if (rc == 0)
		rc = load_versions(ret, l, e);
	if (rc == 0)
		rc = open_targets(ret, l, e);
	if (rc < 0) {
		wave_close(ret);
		return rc;
	}
	fill_rollouts(ret);
	rc = use_version_smoke(ret, e);
	if (rc < 0)
		wave_close(ret);
	return rc;
}

void
wave_close(struct wave *w)
{
	for (size_t i = 0; i < w->n; i++)
		wave_target_close(&w->v[i]);
	free(w->v);
	free(w->files);
	free(w->held_files);
	free(w->steps);
	json_decref(w->offline);
	admitted_fini(&w->version);
	admitted_fini(&w->held);
	extra_fini(&w->extra);
	extra_fini(&w->held_extra);
	*w = (struct wave){ 0 };
}

void
wave_held(const struct wave *w, struct rollout *ret)
{
	*ret = (struct rollout){
		.registry_id = w->r->id,
		.model = w->plan->model,
		.empty = !w->now.exists || w->now.empty,
		.number = w->now.number,
		.version = w->now.version,
		.files = w->held.manifest.n ? &w->held_source : NULL,
	};
	add_extra(&w->held_extra, ret);
}

int
wave_look(struct wave *w, struct wave_target *v, struct observation *ret, struct err *e)
{
	struct rollout held;
	int rc;

	wave_held(w, &held);
	*ret = (struct observation){ 0 };
	rc = v->d->observe(v->st, &held, ret, e);
	if (rc < 0)
		return rc;
	v->pre = (struct precondition){ .empty = held.empty,
		                        .number = held.number,
		                        .version = held.version,
		                        .plan_id = w->plan_hex };
	if (streq(ret->plan_id, w->plan_hex) || (!ret->serving_known && !ret->carries_known))
		return 0; /* our own half-done work: what the stage holds is what was there */
	if (ret->carries_known) {
		v->pre.empty = false;
		v->pre.number = ret->carries_number;
		v->pre.version = ret->carries_version;
	} else if (ret->serving_empty) {
		v->pre = (struct precondition){ .empty = true, .plan_id = w->plan_hex };
	} else {
		v->pre.empty = false;
		v->pre.number = ret->serving_number;
		/* altered bytes have no version: the driver compares its stamp with what the stage
		 * holds */
		v->pre.version =
		        digest_is_zero(&ret->serving_version) ? held.version : ret->serving_version;
	}
	return 0;
}
