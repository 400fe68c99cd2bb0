/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the entries of a promotion's proof say together: this version was admitted under this name,
 * a person allowed the plan, as many others approved it as the policy wanted, and the agent moved
 * the stage just so. That each entry lies in the log is known already.
 */
#include <inttypes.h>
#include <string.h>

#include "registry/authority.h"
#include "registry/proof_private.h"

#define WHAT "proof"

struct story {
	const struct proof *p;
	struct proof_result *ret;
	const struct proof_entry *version, *authorisation, *promotion;
	json_t *done; /* the promotion's predicate, owned */
	struct promotion moved;
	struct authorisation by;
	struct approval given[APPROVALS_MAX];
	size_t approvals, approvals_n; /* entries; read into given */
};

static int
malformed(struct err *e, const char *why, const char *what)
{
	return err_set(e, ERR_MALFORMED, WHAT ": %s %s", why, what);
}

static int
differs(struct err *e, const char *what)
{
	return err_set(e, ERR_SIGNATURE, WHAT ": its entries are about another %s", what);
}

/* --- one of each --- */

static int
take(const struct proof_entry **slot, const struct proof_entry *x, struct err *e)
{
	if (*slot)
		return malformed(e, "two entries of type", x->n.type);
	*slot = x;
	return 0;
}

static int
sort_out(struct story *s, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->p->entries.n; i++) {
		const struct proof_entry *const x = &s->p->entries.v[i];

		if (streq(x->n.type, "version"))
			rc = take(&s->version, x, e);
		else if (streq(x->n.type, "authorisation"))
			rc = take(&s->authorisation, x, e);
		else if (streq(x->n.type, "promotion"))
			rc = take(&s->promotion, x, e);
		else if (streq(x->n.type, "approval"))
			s->approvals++;
		else if (!streq(x->n.type, "policy"))
			rc = malformed(e, "an entry that it does not need, of type", x->n.type);
	}
	if (rc < 0)
		return rc;
	if (!s->version || !s->authorisation || !s->promotion)
		return malformed(e, "no entry of type",
		                 !s->version         ? "version"
		                 : !s->authorisation ? "authorisation"
		                                     : "promotion");
	return 0;
}

/* --- whose word it is --- */

static int
signer_of(const struct story *s, const struct proof_entry *x, struct proof_signer *ret,
          bool *ret_break_glass, struct err *e)
{
	struct audit_who who;

	audit_who(&s->p->chain, s->p->registry_id, &x->n, &who);
	if (who.signature != AUDIT_GOOD) {
		*e = who.why;
		return err_prefix(e, WHAT ": entry %" PRIu64 " (%s)", x->n.seq, x->n.type);
	}
	*ret = (struct proof_signer){ .seq = x->n.seq };
	(void)str_copy(ret->person, sizeof ret->person, who.person);
	(void)str_copy(ret->key_id, sizeof ret->key_id, who.key_id);
	if (ret_break_glass)
		*ret_break_glass = who.is_break_glass;
	return 0;
}

static int
find_signers(struct story *s, struct err *e)
{
	struct proof_result *const ret = s->ret;
	int rc = signer_of(s, s->version, &ret->author, NULL, e);

	if (rc == 0)
		rc = signer_of(s, s->authorisation, &ret->deployer, &ret->is_break_glass, e);
	if (rc == 0)
		rc = signer_of(s, s->promotion, &ret->agent, NULL, e);
	if (rc < 0 || s->approvals == 0)
		return rc;
	ret->approvers = xcalloc(s->approvals, sizeof *ret->approvers);
	for (size_t i = 0; rc == 0 && i < s->p->entries.n; i++) {
		const struct proof_entry *const x = &s->p->entries.v[i];

		if (!streq(x->n.type, "approval"))
			continue;
		rc = signer_of(s, x, &ret->approvers[ret->approvers_n], NULL, e);
		ret->approvers_n += rc == 0;
	}
	return rc;
}

/* --- what they say --- */

static struct authority
authority_at(const struct story *s, const struct proof_entry *x)
{
	return (struct authority){ .policy = audit_chain_at(&s->p->chain, x->n.seq),
		                   .registry_id = s->p->registry_id };
}

static int
check_version(struct story *s, struct err *e)
{
	const struct authority a = authority_at(s, s->version);
	struct version_row row;
	int rc = authority_version(&a, &s->version->n, &row, e);

	if (rc < 0)
		return rc;
	if (!streq(row.model, s->p->model))
		return differs(e, "model");
	if (row.number != s->p->number || !digest_eq(&row.digest, &s->p->version))
		return differs(e, "version");
	return 0;
}

static int
check_promotion(struct story *s, struct err *e)
{
	const struct authority a = authority_at(s, s->promotion);
	const struct entry *const n = &s->promotion->n;
	int rc = authority_promotion(&a, n, &s->moved, &s->done, e);

	if (rc < 0)
		return rc;
	if (!streq(n->model, s->p->model))
		return differs(e, "model");
	if (!streq(json_opt_string(n->body, "stage"), s->p->stage))
		return differs(e, "stage");
	if (s->moved.number != s->p->number || !digest_eq(&s->moved.version, &s->p->version))
		return differs(e, "version");
	if (!policy_stage(a.policy, s->p->stage))
		return err_set(e, ERR_POLICY, WHAT ": policy %" PRIu64 " has no stage \"%s\"",
		               a.policy->version, s->p->stage);
	return 0;
}

static bool
is_named(const struct signed_place *at, const struct proof_entry *x)
{
	return at->seq == x->n.seq && digest_eq(&at->leaf, &x->leaf);
}

/* The agent signed which entry allowed it: just this one, before it. */
static int
check_authorisation(struct story *s, struct err *e)
{
	const struct authority a = authority_at(s, s->authorisation);
	const struct proof_entry *const x = s->authorisation;
	int rc = authority_authorisation(&a, &x->n, &s->by, e);

	if (rc < 0)
		return rc;
	if (!is_named(&s->moved.authorisation, x))
		return differs(e, "authorisation");
	if (s->version->n.seq >= x->n.seq || x->n.seq >= s->promotion->n.seq)
		return err_set(e, ERR_SIGNATURE, WHAT ": its entries are in another order");
	return 0;
}

/* Each approval that the promotion names, and no other, is there and stands before it. */
static int
read_approvals(struct story *s, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->p->entries.n; i++) {
		const struct proof_entry *const x = &s->p->entries.v[i];
		const struct authority a = authority_at(s, x);
		if (!streq(x->n.type, "approval"))
			continue;
		if (s->approvals_n == s->moved.approvals_n ||
		    !is_named(&s->moved.approvals[s->approvals_n], x))
			return differs(e, "set of approvals");
		if (x->n.seq >= s->promotion->n.seq)
			return err_set(e, ERR_SIGNATURE, WHAT ": its entries are in another order");
		rc = authority_approval(&a, &x->n, &s->given[s->approvals_n], e);
		s->approvals_n += rc == 0;
	}
	if (rc == 0 && s->approvals_n != s->moved.approvals_n)
		rc = differs(e, "set of approvals");
	return rc;
}

/* People said yes to just this, and they were as many as the policy wanted then. */
static int
check_consent(struct story *s, struct err *e)
{
	const struct authority a = authority_at(s, s->promotion);
	int rc = read_approvals(s, e);

	if (rc < 0)
		return rc;
	const struct consent c = { .by = &s->by,
		                   .approvals = s->given,
		                   .approvals_n = s->approvals_n,
		                   .author = s->ret->author.person };
	return authority_admits(a.policy, &c, s->done, e);
}

static int
check(struct story *s, struct err *e)
{
	int rc = sort_out(s, e);

	if (rc == 0)
		rc = find_signers(s, e);
	if (rc == 0)
		rc = check_version(s, e);
	if (rc == 0)
		rc = check_promotion(s, e);
	if (rc == 0)
		rc = check_authorisation(s, e);
	return rc < 0 ? rc : check_consent(s, e);
}

int
proof_story(const struct proof *p, struct proof_result *ret, struct err *e)
{
	struct story s = { .p = p, .ret = ret };
	int rc = check(&s, e);

	if (rc == 0) {
		(void)str_copy(ret->model, sizeof ret->model, p->model);
		(void)str_copy(ret->stage, sizeof ret->stage, p->stage);
		ret->number = p->number;
		ret->version = p->version;
		ret->promotion_seq = s.promotion->n.seq;
		ret->promotion_leaf = s.promotion->leaf;
		ret->time_s = s.promotion->n.time_s;
		ret->is_rollback = streq(s.moved.kind, "rollback");
	}
	for (size_t i = 0; i < s.approvals_n; i++)
		approval_fini(&s.given[i]);
	authorisation_fini(&s.by);
	json_decref(s.done);
	return rc;
}
