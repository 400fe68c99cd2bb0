/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moves a stage: authorisations, approvals and promotions, each checked by itself, and whether
 * the people behind a promotion were enough. Pure functions: who has found the entries, and in
 * which order they lie in the log, is the caller's affair.
 */
#include <inttypes.h>
#include <string.h>

#include "registry/authority_private.h"
#include "registry/base/clock.h"
#include "registry/labels.h"

/* --- authorisations and approvals --- */

/* What both are: a signature over a plan, by a person. */
static int
plan_statement(const struct authority *a, const struct entry *n, struct statement *ret,
               struct digest *ret_plan, char ret_person[SIGNER_SIZE], struct err *e)
{
	const struct policy_person *who;
	int rc = authority_verify(a, n, ret, e);

	if (rc < 0)
		return rc;
	who = policy_person_of(a->policy, &ret->key);
	(void)str_copy(ret_person, SIGNER_SIZE, who ? who->id : "");
	rc = json_get_digest(n->body, "plan", n->type, ret_plan, e);
	if (rc == 0 && (!digest_eq(&ret->subject, ret_plan) ||
	                !authority_same(ret->predicate, n->body, "plan")))
		rc = authority_other(n, e, "plan");
	if (rc == 0 && (!n->model || !streq(json_opt_string(ret->predicate, "model"), n->model)))
		rc = authority_other(n, e, "model");
	if (rc < 0)
		statement_fini(ret);
	return rc;
}

/* May this person authorise a move of that stage, by this policy? */
static int
may_authorise(const struct policy *p, const struct authorisation *v, struct err *e)
{
	const char *const stage = json_opt_string(v->predicate, "stage");
	const struct policy_stage *const s = stage ? policy_stage(p, stage) : NULL;
	const struct policy_person *const who = policy_person_named(p, v->person);
	const unsigned roles = who ? policy_roles_of(p, who) : 0;

	if (!v->break_glass && (roles & ROLE_BIT(ROLE_DEPLOYER)))
		return 0;
	if (v->break_glass && s && (roles & s->break_glass))
		return 0;
	return err_set(e, ERR_UNTRUSTED, "\"%s\" may not %s for %s by policy %" PRIu64, v->person,
	               v->break_glass ? "break the glass" : "authorise", stage ? stage : "?",
	               p->version);
}

int
authority_authorisation(const struct authority *a, const struct entry *n, struct authorisation *ret,
                        struct err *e)
{
	struct statement s = { 0 };
	const json_t *glass;
	int rc = authority_must_be(n, "authorisation", e);

	*ret = (struct authorisation){ .seq = n->seq, .leaf = n->leaf };
	if (rc == 0)
		rc = plan_statement(a, n, &s, &ret->plan, ret->person, e);
	if (rc < 0)
		return rc;
	glass = json_object_get(s.predicate, "break_glass");
	ret->break_glass = json_is_true(glass);
	ret->key = s.key;
	ret->predicate = json_incref(s.predicate);
	if (glass && !json_is_true(glass))
		rc = err_set(e, ERR_MALFORMED, "authorisation: \"break_glass\" is not true");
	else if (glass && json_string_length(json_object_get(s.predicate, "reason")) == 0)
		rc = err_set(e, ERR_MALFORMED,
		             "authorisation: the glass is broken without a "
		             "reason");
	if (rc == 0)
		rc = may_authorise(a->policy, ret, e);
	statement_fini(&s);
	if (rc < 0)
		authorisation_fini(ret);
	return rc;
}

void
authorisation_fini(struct authorisation *v)
{
	json_decref(v->predicate);
	v->predicate = NULL;
}

int
authority_approval(const struct authority *a, const struct entry *n, struct approval *ret,
                   struct err *e)
{
	struct statement s = { 0 };
	const char *expires;
	int rc = authority_must_be(n, "approval", e);

	*ret = (struct approval){ .seq = n->seq, .leaf = n->leaf };
	if (rc == 0)
		rc = plan_statement(a, n, &s, &ret->plan, ret->person, e);
	if (rc < 0)
		return rc;
	rc = json_get_string(s.predicate, "expires", n->type, &expires, e);
	if (rc == 0 && clock_parse(expires, &ret->expires_s) < 0)
		rc = err_set(e, ERR_MALFORMED, "approval: \"%.40s\" is no time", expires);
	ret->key = s.key;
	if (rc == 0)
		ret->predicate = json_incref(s.predicate);
	statement_fini(&s);
	return rc;
}

void
approval_fini(struct approval *v)
{
	json_decref(v->predicate);
	v->predicate = NULL;
}

/* --- jobs --- */

int
job_claim_read(const struct entry *n, struct job_claim *ret, bool *ret_begins, struct err *e)
{
	const char *event, *id, *stage;
	int rc = json_get_string(n->body, "event", n->type, &event, e);

	*ret = (struct job_claim){ .seq = n->seq };
	if (rc == 0)
		rc = json_get_string(n->body, "id", n->type, &id, e);
	if (rc == 0)
		rc = json_get_string(n->body, "stage", n->type, &stage, e);
	if (rc == 0)
		rc = json_get_digest(n->body, "plan", n->type, &ret->plan, e);
	if (rc < 0)
		return rc;
	*ret_begins = streq(event, "begin");
	if (!*ret_begins && !streq(event, "end"))
		return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " (job): no such event",
		               n->seq);
	if (strlen(id) != JOB_NAME_SIZE - 1 || strspn(id, "0123456789abcdef") != JOB_NAME_SIZE - 1)
		return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " (job): no job id", n->seq);
	memcpy(ret->id, id, JOB_NAME_SIZE);
	if (!n->model || str_copy(ret->stage, sizeof ret->stage, stage) < 0)
		return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " (job): no model or stage",
		               n->seq);
	return 0;
}

int
authority_job(const struct authority *a, const struct entry *n, struct job_claim *ret,
              struct err *e)
{
	static const char *const members[] = { "event", "id",    "kind", "number",
		                               "plan",  "stage", "state" };
	struct statement s = { 0 };
	bool begins;
	int rc = authority_must_be(n, "job", e);

	if (rc == 0)
		rc = job_claim_read(n, ret, &begins, e);
	if (rc == 0)
		rc = authority_verify(a, n, &s, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < COUNT(members); i++)
		if (!authority_same(s.predicate, n->body, members[i]))
			rc = authority_other(n, e, members[i]);
	if (rc == 0 && !streq(json_opt_string(s.predicate, "model"), n->model))
		rc = authority_other(n, e, "model");
	if (rc == 0 && !digest_eq(&s.subject, &ret->plan))
		rc = authority_other(n, e, "subject");
	statement_fini(&s);
	return rc;
}

/* --- promotions --- */

static int
optional_digest(const json_t *o, const char *key, struct digest *ret, struct err *e)
{
	*ret = (struct digest){ 0 };
	if (json_is_null(json_object_get(o, key)))
		return 0;
	return json_get_digest(o, key, "promotion", ret, e);
}

static int
approvals_read(const json_t *o, struct promotion *p, struct err *e)
{
	json_t *list, *v;
	size_t i;
	int rc;

	if (!json_object_get(o, "approvals"))
		return 0;
	rc = json_get_array(o, "approvals", "promotion", &list, e);
	if (rc == 0 && json_array_size(list) > APPROVALS_MAX)
		rc = err_set(e, ERR_TOO_BIG, "promotion: more than %d approvals", APPROVALS_MAX);
	if (rc < 0)
		return rc;
	json_array_foreach(list, i, v)
	{
		rc = authority_place(v, "promotion", &p->approvals[p->approvals_n++], e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
promotion_members(const json_t *o, struct promotion *p, struct err *e)
{
	const json_t *previous = json_object_get(o, "previous");
	const json_t *allowed = json_object_get(o, "authorisation");
	struct signed_place before = { 0 };
	const char *kind;
	int rc = json_get_string(o, "kind", "promotion", &kind, e);

	if (rc == 0)
		rc = json_get_u64(o, "number", "promotion", &p->number, e);
	if (rc == 0)
		rc = optional_digest(o, "version", &p->version, e);
	if (rc == 0)
		rc = json_get_digest(o, "plan", "promotion", &p->plan, e);
	if (rc == 0 && json_is_object(previous))
		rc = authority_place(previous, "promotion", &before, e);
	if (rc == 0 && json_is_object(allowed))
		rc = authority_place(allowed, "promotion", &p->authorisation, e);
	if (rc == 0)
		rc = approvals_read(o, p, e);
	if (rc < 0)
		return rc;
	p->previous = before.leaf;
	p->previous_seq = before.seq;
	if (!streq(kind, "promote") && !streq(kind, "rollback"))
		return err_set(e, ERR_MALFORMED, "promotion: an unknown kind");
	(void)str_copy(p->kind, sizeof p->kind, kind);
	p->empty = digest_is_zero(&p->version);
	p->break_glass = json_is_true(json_object_get(o, "break_glass"));
	p->proofs = proofs_from_json(json_object_get(o, "proofs"));
	p->exists = true;
	return 0;
}

static int
promotion_agrees(const struct entry *n, const struct statement *s, const struct promotion *p,
                 struct err *e)
{
	static const char *const members[] = { "stage", "kind", "number", "plan", "job", "proofs" };

	for (size_t i = 0; i < COUNT(members); i++)
		if (!authority_same(s->predicate, n->body, members[i]))
			return authority_other(n, e, members[i]);
	if (!n->model || !streq(json_opt_string(s->predicate, "model"), n->model))
		return authority_other(n, e, "model");
	if (!json_equal(json_object_get(s->predicate, "version"),
	                json_object_get(n->body, "digest")))
		return authority_other(n, e, "version");
	if (!digest_eq(&s->subject, p->empty ? &p->plan : &p->version))
		return authority_other(n, e, "subject");
	return 0;
}

int
authority_promotion(const struct authority *a, const struct entry *n, struct promotion *ret,
                    json_t **ret_predicate, struct err *e)
{
	struct statement s = { 0 };
	int rc = authority_must_be(n, "promotion", e);

	if (rc == 0)
		rc = authority_verify(a, n, &s, e);
	*ret = (struct promotion){ .seq = n->seq, .leaf = n->leaf, .time_s = n->time_s };
	if (rc < 0)
		return rc;
	rc = promotion_members(s.predicate, ret, e);
	if (rc == 0)
		rc = promotion_agrees(n, &s, ret, e);
	if (rc == 0 && ret_predicate)
		*ret_predicate = json_incref(s.predicate);
	statement_fini(&s);
	return rc;
}

/* --- were they enough --- */

/* Does this approval count: by whom the policy has as approver today, in time, with a key that was
 * not revoked, and not by the one who authorised? */
static bool
counts(const struct policy *p, const struct consent *c, const struct approval *v)
{
	const struct policy_person *const who = policy_person_named(p, v->person);

	if (!who || !(policy_roles_of(p, who) & ROLE_BIT(ROLE_APPROVER)))
		return false;
	if (policy_is_revoked(p, &v->key, v->seq))
		return false;
	if (c->now_s != 0 && v->expires_s <= c->now_s)
		return false;
	if (v->seq < c->after)
		return false;
	return !streq(v->person, c->by->person);
}

/* People of the policy, as bits: one who approves twice, or with two keys, is one. */
static uint64_t
people_who_approved(const struct policy *p, const struct consent *c)
{
	uint64_t people = 0;

	for (size_t i = 0; i < c->approvals_n; i++)
		if (counts(p, c, &c->approvals[i]))
			people |= UINT64_C(1)
			          << (policy_person_named(p, c->approvals[i].person) - p->people);
	return people;
}

int
authority_approved(const struct policy *p, const struct consent *c, struct err *e)
{
	const char *const stage = json_opt_string(c->by->predicate, "stage");
	const struct policy_stage *const s = stage ? policy_stage(p, stage) : NULL;
	const struct policy_person *const author =
	        c->author ? policy_person_named(p, c->author) : NULL;
	uint64_t people;
	int rc;

	if (!s)
		return err_set(e, ERR_POLICY, "the policy has no stage \"%s\"", stage ? stage : "");
	if (c->by->seq < c->after)
		return err_set(e, ERR_POLICY, "its job was aborted since \"%s\" authorised it",
		               c->by->person);
	if (policy_is_revoked(p, &c->by->key, c->by->seq))
		return err_set(e, ERR_POLICY, "the key that authorised it is revoked (%s)",
		               c->by->person);
	rc = may_authorise(p, c->by, e);
	if (rc < 0) {
		e->code = ERR_POLICY;
		return -ERR_POLICY;
	}
	if (streq(json_opt_string(c->by->predicate, "kind"), "rollback") || c->by->break_glass ||
	    s->approvals == 0)
		return 0;
	people = people_who_approved(p, c);
	if ((uint64_t)__builtin_popcountll(people) < s->approvals)
		return err_set(e, ERR_NEEDS_PERSON,
		               "%s wants %" PRIu64 " approval%s by others than \"%s\", there %s %d",
		               s->name, s->approvals, s->approvals == 1 ? "" : "s", c->by->person,
		               __builtin_popcountll(people) == 1 ? "is" : "are",
		               __builtin_popcountll(people));
	if (author)
		people &= ~(UINT64_C(1) << (author - p->people));
	if (!people)
		return err_set(e, ERR_NEEDS_PERSON,
		               "\"%s\" made the version and cannot be the only one to approve it",
		               c->author);
	return 0;
}

static int
allows(const json_t *said, const json_t *promotion, const char *what, struct err *e)
{
	static const char *const members[] = {
		"plan", "kind", "model", "stage", "number", "version"
	};
	const json_t *before = json_object_get(promotion, "previous");
	const json_t *leaf = json_is_object(before) ? json_object_get(before, "leaf") : before;

	for (size_t i = 0; i < COUNT(members); i++)
		if (!authority_same(said, promotion, members[i]))
			return err_set(e, ERR_SIGNATURE, "it was %s for another %s", what,
			               members[i]);
	if (!json_equal(json_object_get(said, "previous"), leaf))
		return err_set(e, ERR_SIGNATURE, "it was %s for another state of the stage", what);
	return 0;
}

int
authority_admits(const struct policy *p, const struct consent *c, const json_t *promotion,
                 struct err *e)
{
	int rc = allows(c->by->predicate, promotion, "authorised", e);

	if (rc == 0 && !authority_same(c->by->predicate, promotion, "break_glass"))
		rc = err_set(e, ERR_SIGNATURE, "it does not say whether the glass was broken");
	for (size_t i = 0; rc == 0 && i < c->approvals_n; i++)
		rc = allows(c->approvals[i].predicate, promotion, "approved", e);
	if (rc == 0)
		rc = authority_approved(p, c, e);
	if (rc == -ERR_NEEDS_PERSON || rc == -ERR_POLICY)
		e->code = ERR_SIGNATURE; /* a promotion that was not allowed */
	return rc < 0 ? -(int)e->code : 0;
}
