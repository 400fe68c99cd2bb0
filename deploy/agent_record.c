/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job writes into the log: its beginning and the promotion, signed with the agent's key, the
 * latter committed only while the log is still what the ledger saw; and its end, a record.
 */
#include "deploy/agent_job.h"

#include <string.h>

#include "registry/change.h"
#include "registry/keyring.h"
#include "registry/labels.h"
#include "registry/statement.h"

#define COMMIT_TRIES 20

int
agent_refresh(struct agent_job *j, struct err *e)
{
	if (j->has_ledger)
		ledger_fini(&j->ledger);
	j->has_ledger = false;
	int rc = ledger_open(j->r, &j->ledger, e);
	j->has_ledger = rc == 0;
	return rc;
}

struct job_entry {
	struct agent_job *j;
	const char *event, *state;
};

static json_t *
job_body(const struct job_entry *c)
{
	const struct plan *p = &c->j->plan;
	json_t *body = json_object();

	json_object_set_new(body, "event", json_string(c->event));
	json_object_set_new(body, "id", json_string(c->j->id));
	json_object_set_new(body, "kind", json_string(p->kind));
	json_object_set_new(body, "number", json_integer((json_int_t)p->number));
	json_object_set_new(body, "plan", json_from_digest(&p->id));
	json_object_set_new(body, "stage", json_string(p->stage));
	json_object_set_new(body, "state", json_string(c->state));
	return body;
}

int
agent_stage_mark(struct txn *t, const struct plan *p, struct stage_mark *ret, struct err *e)
{
	const struct stage_mark *s;
	struct model_row m;
	int rc = model_get(t, p->model, &m, e);

	*ret = (struct stage_mark){ 0 };
	if (rc == -ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, "there is no model \"%s\"", p->model);
	s = rc == 0 ? model_stage(&m, p->stage) : NULL;
	if (s)
		*ret = *s;
	return rc;
}

/* One rollout per (model, stage), of a plan for what it holds: others may have moved it since the
 * plan was checked. */
static int
begin_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct job_entry *c = arg;
	struct stage_mark s;
	int rc = agent_stage_mark(t, &c->j->plan, &s, e);

	if (rc < 0)
		return rc;
	if (s.job[0] && !streq(s.job, c->j->id)) {
		err_set(e, ERR_LOCKED, "%s of \"%s\" is being changed by job %s", c->j->plan.stage,
		        c->j->plan.model, s.job);
		return err_hint(
		        e,
		        "slipway job follow %s (or `job resume`, `job abort` when it stands still)",
		        s.job);
	}
	if (!digest_eq(&s.promotion_leaf, &c->j->plan.previous)) {
		err_set(e, ERR_CONFLICT, "%s of \"%s\" has moved since the plan was made",
		        c->j->plan.stage, c->j->plan.model);
		return err_hint(e, "plan again: the same command makes a new plan");
	}
	*ret_body = job_body(c);
	return 0;
}

static int
end_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct job_entry *c = arg;
	struct job_row row;
	int rc = job_get(t, c->j->id, &row, e);

	if (rc < 0)
		return rc == -ERR_NOT_FOUND
		               ? err_set(e, ERR_NOT_FOUND, "job %s never began", c->j->id)
		               : rc;
	if (row.end_seq)
		return CHANGE_NONE;
	*ret_body = job_body(c);
	return 0;
}

/* What the beginning says, signed: whoever resumes the job need not be asked again. */
static int
sign_begin(const struct job_entry *c, struct buf *ret, struct err *e)
{
	cleanup_json json_t *o = job_body(c);
	struct secret_key *key = NULL;
	int rc = agent_key(c->j, &key, e);

	if (rc < 0)
		return rc;
	json_object_set_new(o, "model", json_string(c->j->plan.model));
	json_object_set_new(o, "registry", json_string(c->j->r->id));
	rc = statement_sign("job", c->j->id, &c->j->plan.id, o, key, ret, e);
	key_free(key);
	return rc;
}

int
agent_log_job(struct agent_job *j, const char *event, const char *state, struct err *e)
{
	struct job_entry c = { .j = j, .event = event, .state = state };
	const bool begins = streq(event, "begin");
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done;
	int rc = begins ? sign_begin(&c, &envelope, e) : 0;

	if (rc < 0)
		return rc;
	const struct change change = {
		.type = "job",
		.model = j->plan.model,
		.check = begins ? begin_check : end_check,
		.arg = &c,
		.statement = begins ? buf_str(&envelope) : (struct str){ 0 },
	};
	return change_commit(j->r, &change, &done, e);
}

/* --- the promotion --- */

static json_t *
targets_json(const struct wave *w)
{
	json_t *array = json_array();

	for (size_t i = 0; i < w->n; i++) {
		json_t *t = json_object();
		json_object_set_new(t, "name", json_string(w->v[i].row.name));
		json_object_set_new(t, "identity", json_from_digest(&w->v[i].row.identity));
		json_object_set_new(t, "rendered", json_from_digest(&w->plan->targets[i].rendered));
		json_object_set_new(t, "proofs", proofs_to_json(w->v[i].proofs));
		json_object_set_new(t, "detail", json_from_str(str_of(w->v[i].detail)));
		json_array_append_new(array, t);
	}
	return array;
}

/* What every target has; without targets nothing was proved. */
static unsigned
common_proofs(const struct wave *w)
{
	unsigned proofs = w->n ? ~0u : 0;

	for (size_t i = 0; i < w->n; i++)
		proofs &= w->v[i].proofs;
	return proofs & ((1u << PROOF_COUNT) - 1);
}

static json_t *
place_or_null(const struct digest *leaf, uint64_t seq)
{
	json_t *o;

	if (digest_is_zero(leaf))
		return json_null();
	o = json_object();
	json_object_set_new(o, "leaf", json_from_digest(leaf));
	json_object_set_new(o, "seq", json_integer((json_int_t)seq));
	return o;
}

/* All that stood when the job began; the policy says which of them count. */
static json_t *
approvals_json(const struct ledger_consent *c)
{
	const size_t n = c->approvals_n;
	json_t *list = json_array();

	/* the newest, as somebody may have approved again */
	for (size_t i = n > APPROVALS_MAX ? n - APPROVALS_MAX : 0; i < n; i++)
		json_array_append_new(list,
		                      place_or_null(&c->approvals[i].leaf, c->approvals[i].seq));
	return list;
}

static json_t *
promotion_predicate(const struct agent_job *j)
{
	const struct authorisation *by = &j->consent.by;
	const struct plan *p = &j->plan;
	json_t *o = json_object();

	json_object_set_new(o, "registry", json_string(j->r->id));
	json_object_set_new(o, "model", json_string(p->model));
	json_object_set_new(o, "stage", json_string(p->stage));
	json_object_set_new(o, "kind", json_string(p->kind));
	json_object_set_new(o, "number", json_integer((json_int_t)p->number));
	json_object_set_new(o, "version", p->empty ? json_null() : json_from_digest(&p->version));
	json_object_set_new(o, "plan", json_from_digest(&p->id));
	json_object_set_new(o, "job", json_string(j->id));
	json_object_set_new(o, "previous", place_or_null(&j->wave.now.leaf, j->wave.now.seq));
	json_object_set_new(o, "authorisation", place_or_null(&by->leaf, by->seq));
	json_object_set_new(o, "approvals", approvals_json(&j->consent));
	if (by->break_glass)
		json_object_set_new(o, "break_glass", json_true());
	json_object_set_new(o, "proofs", proofs_to_json(common_proofs(&j->wave)));
	json_object_set_new(o, "targets", targets_json(&j->wave));
	return o;
}

/* The stage may move only if the log is still what the ledger saw. */
static int
promotion_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct agent_job *j = arg;
	const struct plan *p = &j->plan;
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc < 0)
		return rc;
	if (a.entries != j->seen_entries)
		return err_set(e, ERR_CONFLICT, "the log grew meanwhile");
	*ret_body = json_object();
	json_object_set_new(*ret_body, "digest",
	                    p->empty ? json_null() : json_from_digest(&p->version));
	json_object_set_new(*ret_body, "job", json_string(j->id));
	json_object_set_new(*ret_body, "kind", json_string(p->kind));
	json_object_set_new(*ret_body, "number", json_integer((json_int_t)p->number));
	json_object_set_new(*ret_body, "plan", json_from_digest(&p->id));
	json_object_set_new(*ret_body, "proofs", proofs_to_json(common_proofs(&j->wave)));
	json_object_set_new(*ret_body, "stage", json_string(p->stage));
	json_object_set_new(*ret_body, "targets", json_integer((json_int_t)j->wave.n));
	return 0;
}

static int
record_once(struct agent_job *j, const struct buf *envelope, struct err *e)
{
	struct promotion now;
	struct change_result done;
	int rc = agent_refresh(j, e);

	if (rc < 0)
		return rc;
	j->seen_entries = j->ledger.size;
	rc = ledger_stage(j->r, &j->ledger, j->plan.model, j->plan.stage, &now, e);
	if (rc < 0)
		return rc;
	if (now.exists && digest_eq(&now.plan, &j->plan.id))
		return 0; /* recorded before a crash */
	rc = plan_still_holds(j->r, &j->ledger, &j->plan, e);
	if (rc < 0) {
		err_prefix(e, "the targets are done, but the stage cannot be moved");
		return -ERR_STORE; /* not a race: trying again will not help */
	}
	const struct change c = { .type = "promotion",
		                  .model = j->plan.model,
		                  .check = promotion_check,
		                  .arg = j,
		                  .statement = buf_str(envelope) };
	return change_commit(j->r, &c, &done, e);
}

int
agent_key(const struct agent_job *j, struct secret_key **ret, struct err *e)
{
	char name[65];
	int rc;

	keyring_agent_name(j->r->id, name);
	rc = keyring_load(name, NULL, ret, e);
	if (rc < 0) {
		err_prefix(e, "the agent's key");
		return err_hint(e, "slipway key new --agent makes this account's; slipway key "
		                   "export --agent --to FILE; root of the registry then says: "
		                   "slipway policy add agent-NAME FILE --role agent");
	}
	if (policy_has_role(&j->ledger.policy, &(*ret)->pub, ROLE_AGENT))
		return 0;
	key_free(*ret);
	*ret = NULL;
	return err_set(e, ERR_POLICY, "the key %s.key is not the agent's in the policy", name);
}

int
agent_record(struct agent_job *j, struct err *e)
{
	cleanup_json json_t *predicate = promotion_predicate(j);
	cleanup_buf struct buf envelope = { 0 };
	struct secret_key *key = NULL;
	int rc = agent_key(j, &key, e);

	if (rc < 0)
		return rc;
	rc = statement_sign("promotion", j->plan.model,
	                    j->plan.empty ? &j->plan.id : &j->plan.version, predicate, key,
	                    &envelope, e);
	key_free(key);
	for (int i = 0; rc == 0 && i < COMMIT_TRIES; i++) {
		rc = record_once(j, &envelope, e);
		if (rc != -ERR_CONFLICT)
			break;
		err_clear(e);
		rc = i + 1 < COMMIT_TRIES
		             ? 0
		             : err_set(e, ERR_LOCKED, "the log never rested long enough");
	}
	if (rc == 0)
		rc = agent_refresh(j, e);
	if (rc == 0)
		ledger_remember(j->r, &j->ledger);
	return rc;
}
