/* SPDX-License-Identifier: Apache-2.0 */
/* Puts of the entries about serving: target, plan, what people say of it, job, promotion. */
#include "registry/entry_put.h"

#include <inttypes.h>
#include <string.h>

#include "registry/consent.h"
#include "registry/labels.h"
#include "registry/records.h"

static struct stage_mark *
stage_mark_of(struct model_row *m, const char *stage)
{
	for (size_t i = 0; i < m->stages_n; i++)
		if (streq(m->stages[i].stage, stage))
			return &m->stages[i];
	if (m->stages_n == STAGES_MAX)
		return NULL;
	struct stage_mark *s = &m->stages[m->stages_n++];
	*s = (struct stage_mark){ 0 };
	(void)str_copy(s->stage, sizeof s->stage, stage);
	return s;
}

int
put_target(struct txn *t, const struct entry *n, struct err *e)
{
	struct target_claim claim;
	struct target_row row;
	struct digest last;
	struct authority a;
	int rc = put_authority(t, &a, e);

	if (rc == 0)
		rc = authority_target(&a, n, &claim, e);
	if (rc == 0)
		rc = target_leaf_get(t, claim.name, &last, e);
	if (rc == 0 && !digest_eq(&last, &claim.previous))
		rc = put_refuse(n, e, "does not continue what was said about this target");
	if (rc == 0 && !claim.removes)
		rc = target_row_of(claim.name, claim.body, n->seq, &row, e);
	if (rc == 0)
		rc = claim.removes ? target_del(t, claim.name, e) : target_put(t, &row, e);
	return rc < 0 ? rc : target_leaf_put(t, claim.name, &n->leaf, e);
}

int
put_plan(struct txn *t, const struct entry *n, struct err *e)
{
	struct plan_row p = { .seq = n->seq, .time_s = n->time_s, .state = "open" }, had;
	int rc;

	if (!n->model || str_copy(p.model, sizeof p.model, n->model) < 0)
		return put_refuse(n, e, "names no model");
	rc = json_get_digest(n->body, "id", n->type, &p.id, e);
	if (rc == 0)
		rc = put_string(n, "kind", p.kind, sizeof p.kind, e);
	if (rc == 0)
		rc = put_string(n, "stage", p.stage, sizeof p.stage, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "number", n->type, &p.number, e);
	if (rc < 0)
		return rc;
	rc = plan_get(t, &p.id, &had, e);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	if (rc == 0 && !streq(had.state, PLAN_DISCARDED))
		return put_refuse(n, e, "a plan that is there already");
	if (rc == 0) { /* its id is all that it says */
		(void)str_copy(had.state, sizeof had.state, "open");
		return plan_put(t, &had, e);
	}
	return plan_put(t, &p, e);
}

static int
plan_of(struct txn *t, const struct entry *n, struct plan_row *ret, struct err *e)
{
	struct digest id;
	int rc = json_get_digest(n->body, "plan", n->type, &id, e);

	if (rc == 0)
		rc = plan_get(t, &id, ret, e);
	return rc == -ERR_NOT_FOUND ? put_refuse(n, e, "a plan that does not exist") : rc;
}

/* What was signed is the plan; its row may have been logged by anybody. */
static int
take_signed(struct plan_row *p, const struct entry *n, const json_t *predicate, struct err *e)
{
	const char *kind, *stage;
	int rc = json_get_string(predicate, "kind", n->type, &kind, e);

	if (rc == 0)
		rc = json_get_string(predicate, "stage", n->type, &stage, e);
	if (rc == 0)
		rc = json_get_u64(predicate, "number", n->type, &p->number, e);
	if (rc < 0)
		return rc;
	if (str_copy(p->kind, sizeof p->kind, kind) < 0 ||
	    str_copy(p->stage, sizeof p->stage, stage) < 0 ||
	    str_copy(p->model, sizeof p->model, n->model) < 0)
		return put_refuse(n, e, "a member is too long");
	p->authorisation_seq = n->seq;
	/* when its job failed or was aborted, it is asked for again */
	if (!streq(p->state, "running"))
		(void)str_copy(p->state, sizeof p->state, "open");
	return 0;
}

int
put_authorisation(struct txn *t, const struct entry *n, struct err *e)
{
	struct authorisation v = { 0 };
	struct authority a;
	struct plan_row p;
	int rc = put_authority(t, &a, e);

	if (rc == 0)
		rc = authority_authorisation(&a, n, &v, e);
	if (rc < 0)
		return rc;
	rc = plan_of(t, n, &p, e);
	if (rc == 0)
		rc = take_signed(&p, n, v.predicate, e);
	if (rc == 0)
		rc = consent_put_authorisation(t, &v, e);
	authorisation_fini(&v);
	return rc < 0 ? rc : plan_put(t, &p, e);
}

int
put_approval(struct txn *t, const struct entry *n, struct err *e)
{
	struct approval v = { 0 };
	struct authority a;
	struct plan_row p;
	int rc = put_authority(t, &a, e);

	if (rc == 0)
		rc = authority_approval(&a, n, &v, e);
	if (rc < 0)
		return rc;
	rc = plan_of(t, n, &p, e);
	if (rc == 0)
		rc = consent_put_approval(t, &v, e);
	approval_fini(&v);
	return rc;
}

int
put_discard(struct txn *t, const struct entry *n, struct err *e)
{
	struct plan_row p;
	int rc = plan_of(t, n, &p, e);

	if (rc < 0)
		return rc;
	if (!streq(p.model, n->model) || !streq(json_opt_string(n->body, "stage"), p.stage))
		return put_refuse(n, e, "a plan of something else");
	if (plan_is_settled(&p))
		return put_refuse(n, e, "a plan that runs or was carried out");
	p.authorisation_seq = 0;
	(void)str_copy(p.state, sizeof p.state, PLAN_DISCARDED);
	rc = consent_drop(t, &p.id, e);
	return rc < 0 ? rc : plan_put(t, &p, e);
}

/* Who signed the version that a consent is about; "" for the emptied stage. */
static int
author_of(struct txn *t, const char *model, uint64_t number, char ret[SIGNER_SIZE], struct err *e)
{
	struct version_row v;
	int rc;

	ret[0] = '\0';
	if (number == 0)
		return 0;
	rc = version_get(t, model, number, &v, e);
	if (rc == -ERR_NOT_FOUND)
		return err_set(e, ERR_SIGNATURE, "there is no version %" PRIu64, number);
	if (rc == 0)
		(void)str_copy(ret, SIGNER_SIZE, v.signer);
	return rc;
}

static int
job_end(struct txn *t, const struct entry *n, const struct job_claim *c, struct plan_row *p,
        struct stage_mark *s, struct err *e)
{
	struct job_row j;
	int rc = job_get(t, c->id, &j, e);

	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? put_refuse(n, e, "a job that never began") : rc;
	if (j.end_seq)
		return put_refuse(n, e, "a job that has ended already");
	if (!digest_eq(&j.plan, &c->plan) || !streq(j.stage, c->stage) || !streq(j.model, n->model))
		return put_refuse(n, e, "the end of a job of something else");
	rc = put_string(n, "state", j.state, sizeof j.state, e);
	if (rc < 0)
		return rc;
	j.end_seq = n->seq;
	j.end_s = n->time_s;
	(void)str_copy(p->state, sizeof p->state, j.state);
	if (streq(s->job, c->id)) {
		s->job[0] = '\0';
		s->moving_to = 0;
		if (streq(j.state, "aborted"))
			s->aborted_seq = n->seq;
	}
	return job_put(t, &j, e);
}

/* A beginning locks its stage, and who resumes the job need not ask again: the agent signs it, of a
 * plan that enough people allowed and that was not carried out yet. */
static int
may_begin(struct txn *t, const struct entry *n, const struct plan_row *p,
          const struct stage_mark *s, struct err *e)
{
	struct job_claim signed_claim;
	char author[SIGNER_SIZE];
	struct consent_rows rows = { 0 };
	struct digest before = { 0 };
	struct authority a;
	const json_t *previous;
	int rc = put_authority(t, &a, e);

	if (rc == 0)
		rc = authority_job(&a, n, &signed_claim, e);
	if (rc == 0)
		rc = author_of(t, p->model, p->number, author, e);
	if (rc == 0)
		rc = consent_get(t, &p->id, &rows, e);
	if (rc < 0)
		return rc;
	if (rows.by_n == 0) {
		consent_fini(&rows);
		return put_refuse(n, e, "a job of a plan that nobody has authorised");
	}
	const struct consent c = { .by = &rows.by[rows.by_n - 1],
		                   .approvals = rows.approvals,
		                   .approvals_n = rows.approvals_n,
		                   .author = author,
		                   .after = s->aborted_seq };
	previous = json_object_get(c.by->predicate, "previous");
	if (!json_is_null(previous))
		rc = json_get_digest(c.by->predicate, "previous", n->type, &before, e);
	if (rc == 0 && (!streq(p->model, n->model) || !digest_eq(&before, &s->promotion_leaf)))
		rc = put_refuse(n, e, "a job of a plan for another state of the stage");
	if (rc == 0)
		rc = authority_approved(a.policy, &c, e);
	if (rc == -ERR_NEEDS_PERSON || rc == -ERR_POLICY)
		rc = err_set(e, ERR_MALFORMED,
		             "log entry %" PRIu64
		             " (job): too few people have said yes to its plan",
		             n->seq);
	consent_fini(&rows);
	return rc;
}

static int
job_begin(struct txn *t, const struct entry *n, const struct job_claim *c, struct plan_row *p,
          struct stage_mark *s, struct err *e)
{
	struct job_row j = { .plan = p->id,
		             .begin_seq = n->seq,
		             .begin_s = n->time_s,
		             .number = p->number,
		             .state = "running" };
	struct job_row had;
	int rc;

	if (s->job[0] || job_get(t, c->id, &had, e) == 0)
		return put_refuse(n, e, "a job that is there, or another one that is not done");
	rc = may_begin(t, n, p, s, e);
	if (rc < 0)
		return rc;
	(void)str_copy(j.id, sizeof j.id, c->id);
	(void)str_copy(j.model, sizeof j.model, p->model);
	(void)str_copy(j.stage, sizeof j.stage, p->stage);
	(void)str_copy(j.kind, sizeof j.kind, p->kind);
	(void)str_copy(p->job, sizeof p->job, c->id);
	(void)str_copy(p->state, sizeof p->state, "running");
	(void)str_copy(s->job, sizeof s->job, c->id);
	s->moving_to = p->number;
	return job_put(t, &j, e);
}

int
put_job(struct txn *t, const struct entry *n, struct err *e)
{
	struct stage_mark *s;
	struct job_claim c;
	struct model_row m;
	struct plan_row p;
	bool begins;
	int rc = put_model(t, n, &m, e);

	if (rc == 0)
		rc = job_claim_read(n, &c, &begins, e);
	if (rc == 0)
		rc = plan_of(t, n, &p, e);
	if (rc < 0)
		return rc;
	if (!streq(c.stage, p.stage))
		return put_refuse(n, e, "a job of another stage than its plan's");
	s = stage_mark_of(&m, p.stage);
	if (!s)
		return put_refuse(n, e, "more stages than there may be");
	rc = begins ? job_begin(t, n, &c, &p, s, e) : job_end(t, n, &c, &p, s, e);
	if (rc == 0)
		rc = plan_put(t, &p, e);
	return rc < 0 ? rc : model_put(t, &m, e);
}

/* People allowed just this, before it: those whom the promotion names, and they were enough. */
static int
check_consent(const struct authority *a, const struct consent_rows *rows, const char *author,
              uint64_t aborted, const struct promotion *p, const json_t *predicate, struct err *e)
{
	struct approval named[APPROVALS_MAX];
	struct consent c = { .by = consent_authorisation_at(rows, &p->authorisation),
		             .approvals = named,
		             .author = author,
		             .after = aborted };

	if (!c.by)
		return err_set(e, ERR_SIGNATURE, "nobody has authorised its plan before it");
	for (size_t i = 0; i < p->approvals_n; i++) {
		const struct approval *const v = consent_approval_at(rows, &p->approvals[i]);
		if (!v)
			return err_set(e, ERR_SIGNATURE, "it names an approval that there is not");
		named[c.approvals_n++] = *v;
	}
	return authority_admits(a->policy, &c, predicate, e);
}

static int
check_allowed(struct txn *t, const struct authority *a, const struct entry *n,
              const struct promotion *p, const json_t *predicate, struct err *e)
{
	const char *const stage = json_opt_string(n->body, "stage");
	const struct stage_mark *s;
	char author[SIGNER_SIZE];
	struct consent_rows rows;
	struct model_row m;
	int rc = put_model(t, n, &m, e);

	if (rc == 0)
		rc = author_of(t, n->model, p->number, author, e);
	if (rc == 0)
		rc = consent_get(t, &p->plan, &rows, e);
	if (rc < 0)
		return rc;
	s = stage ? model_stage(&m, stage) : NULL;
	rc = check_consent(a, &rows, author, s ? s->aborted_seq : 0, p, predicate, e);
	consent_fini(&rows);
	return rc;
}

/* What goes back needs no second person, so it must really go back. */
static int
check_held(struct txn *t, const struct entry *n, const struct promotion *p, struct err *e)
{
	const char *const stage = json_opt_string(n->body, "stage");
	int rc;

	if (p->empty || streq(p->kind, "promote"))
		return 0;
	rc = held_get(t, n->model, stage ? stage : "", &p->version, e);
	return rc == -ERR_NOT_FOUND
	               ? err_set(e, ERR_SIGNATURE, "a rollback to what the stage never held")
	               : rc;
}

static int
move_stage(struct txn *t, const struct entry *n, const struct promotion *p, struct err *e)
{
	char stage[WORD_SIZE];
	uint64_t targets;
	struct stage_mark *s;
	struct model_row m;
	int rc = put_model(t, n, &m, e);

	if (rc == 0)
		rc = put_string(n, "stage", stage, sizeof stage, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "targets", n->type, &targets, e);
	if (rc < 0)
		return rc;
	s = stage_mark_of(&m, stage);
	if (!s)
		return put_refuse(n, e, "more stages than there may be");
	if (!digest_eq(&s->promotion_leaf, &p->previous))
		return put_refuse(n, e, "does not continue what the stage held");
	s->number = p->number;
	s->promotion_seq = n->seq;
	s->promotion_leaf = n->leaf;
	s->time_s = n->time_s;
	s->targets = (uint32_t)targets;
	s->proofs = p->proofs;
	s->break_glass = p->break_glass;
	rc = model_put(t, &m, e);
	if (rc == 0 && streq(p->kind, "promote"))
		rc = held_put(t, n->model, stage, &p->version, e);
	return rc;
}

int
put_promotion(struct txn *t, const struct entry *n, struct err *e)
{
	cleanup_json json_t *predicate = NULL;
	struct promotion p;
	struct authority a;
	int rc = put_authority(t, &a, e);

	if (rc == 0)
		rc = authority_promotion(&a, n, &p, &predicate, e);
	if (rc == 0)
		rc = check_allowed(t, &a, n, &p, predicate, e);
	if (rc == 0)
		rc = check_held(t, n, &p, e);
	return rc < 0 ? rc : move_stage(t, n, &p, e);
}
