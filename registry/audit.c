/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose key stands behind an entry. The chain of policies is verified once, from the first on; each
 * entry is then asked about under the policy that was in force at its place and under no other, so
 * that a key which came later or was gone by then stands behind nothing. Decides nothing.
 */
#include "registry/audit.h"

#include <inttypes.h>

#include "registry/attest.h"
#include "registry/authority.h"
#include "registry/bundle_entry.h"
#include "registry/history.h"

int
audit_chain_add(struct audit_chain *c, const char *registry_id, const struct entry *n,
                struct err *e)
{
	const struct policy *const last = audit_chain_at(c, n->seq);
	cleanup_buf struct buf envelope = { 0 };
	struct policy p;
	int rc;

	if (!streq(n->type, "policy"))
		return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " is no policy", n->seq);
	if (n->has_policy != (last != NULL) || (last && n->policy != last->seq))
		return err_set(e, ERR_MALFORMED,
		               "log entry %" PRIu64
		               " (policy): names another policy than the one before it",
		               n->seq);
	rc = authority_envelope(n, &envelope, e);
	if (rc == 0)
		rc = policy_accept(last, buf_str(&envelope), registry_id, &p, e);
	if (rc == -ERR_NEEDS_PERSON)
		e->code = ERR_SIGNATURE; /* it is logged already: nobody will sign it any more */
	if (rc < 0)
		return err_prefix(e, "log entry %" PRIu64 " (policy)", n->seq);
	p.seq = n->seq;
	vec_push(&c->policies, p);
	return 0;
}

const struct policy *
audit_chain_at(const struct audit_chain *c, uint64_t seq)
{
	const struct policy *found = NULL;

	for (size_t i = 0; i < c->policies.n && c->policies.v[i].seq < seq; i++)
		found = &c->policies.v[i];
	return found;
}

void
audit_chain_fini(struct audit_chain *c)
{
	vec_foreach(p, &c->policies)
		policy_fini(p);
	vec_fini(&c->policies);
}

typedef VEC(uint64_t) seq_vec;

/* From the newest policy back to the first one. */
static int
find_policies(struct registry *r, struct txn *t, seq_vec *ret, struct err *e)
{
	struct applied a;
	int rc = applied_get(t, &a, e);
	bool has = rc == 0 && a.has_policy;
	uint64_t seq = rc == 0 ? a.policy_seq : 0;

	while (rc == 0 && has) {
		struct entry n;

		vec_push(ret, seq);
		rc = history_entry(r, t, seq, &n, e);
		if (rc < 0)
			break;
		if (n.has_policy && n.policy >= seq)
			rc = err_set(e, ERR_MALFORMED,
			             "log entry %" PRIu64 " names a later policy as in force", seq);
		has = n.has_policy;
		seq = n.policy;
		entry_fini(&n);
	}
	return rc;
}

int
audit_chain_load(struct registry *r, struct audit_chain *ret, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	seq_vec places = { 0 };
	int rc = store_read_begin(r->store, &t, e);

	*ret = (struct audit_chain){ .blobs = r->blobs, .registry_id = r->id };
	if (rc == 0)
		rc = find_policies(r, t, &places, e);
	for (size_t i = places.n; rc == 0 && i > 0; i--) {
		struct entry n;

		rc = history_entry(r, t, places.v[i - 1], &n, e);
		if (rc < 0)
			break;
		rc = audit_chain_add(ret, r->id, &n, e);
		entry_fini(&n);
	}
	vec_fini(&places);
	if (rc < 0)
		audit_chain_fini(ret);
	return rc;
}

/* --- who --- */

/* Whose key signed a policy that the chain holds. */
static int
policy_signer(const struct policy *p, const struct entry *n, struct statement *ret, struct err *e)
{
	cleanup_free struct public_key *keys = NULL;
	cleanup_buf struct buf envelope = { 0 };
	int rc = authority_envelope(n, &envelope, e);

	if (rc < 0)
		return rc;
	const size_t keys_n = policy_keys(p, ROLE_BIT(ROLE_ROOT), &keys);
	return statement_verify(buf_str(&envelope), "policy", keys, keys_n, ret, e);
}

/* What is signed and what the entry says are one, for the types that have such a rule. */
static int
agrees(const struct authority *a, const struct entry *n, struct err *e)
{
	struct version_row version;
	struct target_claim target;
	struct promotion promotion;
	struct job_claim job;
	struct bundle_claim bundle;
	struct authorisation by = { 0 };
	struct approval approval = { 0 };
	struct evidence evidence = { 0 };
	int rc;

	if (streq(n->type, "version"))
		return authority_version(a, n, &version, e);
	if (streq(n->type, "target"))
		return authority_target(a, n, &target, e);
	if (streq(n->type, "authorisation")) {
		rc = authority_authorisation(a, n, &by, e);
		authorisation_fini(&by);
		return rc;
	}
	if (streq(n->type, "evidence")) {
		rc = authority_evidence(a, n, &evidence, e);
		evidence_fini(&evidence);
		return rc;
	}
	if (streq(n->type, "approval")) {
		rc = authority_approval(a, n, &approval, e);
		approval_fini(&approval);
		return rc;
	}
	if (streq(n->type, "job"))
		return authority_job(a, n, &job, e);
	if (streq(n->type, "bundle"))
		return bundle_claim(a, NULL, n, &bundle, e);
	if (streq(n->type, "promotion"))
		return authority_promotion(a, n, &promotion, NULL, e);
	return 0;
}

static int
life_agrees(const struct authority *a, const struct entry *n, struct err *e)
{
	struct life_claim claim;

	if (!streq(n->type, "lifecycle") && !streq(n->type, "delete"))
		return 0;
	return authority_lifecycle(a, n, &claim, e);
}

/* A revocation names the place from which on a key says nothing, and may come later than that; none
 * is ever taken back, so that the newest policy knows them all. */
static int
still_counts(const struct audit_chain *c, const struct entry *n, const struct public_key *key,
             struct err *e)
{
	const struct policy *const newest = &c->policies.v[c->policies.n - 1];

	if (!policy_is_revoked(newest, key, n->seq))
		return 0;
	return err_set(e, ERR_UNTRUSTED, "policy %" PRIu64 " revokes its key from an earlier place",
	               newest->version);
}

static int
verify(const struct audit_chain *c, const char *registry_id, const struct entry *n,
       const struct policy **ret_policy, struct statement *ret, struct err *e)
{
	const struct policy *const in_force = audit_chain_at(c, n->seq);
	const struct authority a = { .policy = in_force, .registry_id = registry_id };
	int rc;

	*ret_policy = in_force;
	if (streq(n->type, "policy")) {
		/* its own keys: the chain has accepted it, or it does not count */
		*ret_policy = audit_chain_at(c, n->seq + 1);
		if (!*ret_policy || (*ret_policy)->seq != n->seq)
			return err_set(e, ERR_UNTRUSTED, "this policy never came into force");
		return policy_signer(*ret_policy, n, ret, e);
	}
	if (!in_force)
		return n->statement ? err_set(e, ERR_UNTRUSTED, "no policy was in force yet")
		                    : err_set(e, ERR_BUG, "a record");
	rc = authority_verify(&a, n, ret, e);
	if (rc < 0)
		return rc;
	if (!n->has_policy || n->policy != in_force->seq)
		rc = err_set(e, ERR_UNTRUSTED, "it names another policy than the one in force");
	if (rc == 0)
		rc = agrees(&a, n, e);
	if (rc == 0)
		rc = life_agrees(&a, n, e);
	if (rc == 0)
		rc = still_counts(c, n, &ret->key, e);
	if (rc < 0)
		statement_fini(ret);
	return rc;
}

void
audit_who(const struct audit_chain *c, const char *registry_id, const struct entry *n,
          struct audit_who *ret)
{
	const struct policy_person *person;
	const struct policy *p;
	struct statement s = { 0 };

	*ret = (struct audit_who){ 0 };
	if (json_object_get(n->body, "origin") && audit_chain_at(c, n->seq)) {
		audit_who_origin(c, audit_chain_at(c, n->seq), n, ret);
		return;
	}
	if (verify(c, registry_id, n, &p, &s, &ret->why) < 0) {
		/* BUG: no role may sign entries of this type */
		ret->signature = ret->why.code == ERR_BUG ? AUDIT_UNSIGNED : AUDIT_REFUSED;
		return;
	}
	ret->signature = AUDIT_GOOD;
	ret->key = s.key;
	person = policy_person_of(p, &s.key);
	(void)str_copy(ret->person, sizeof ret->person, person ? person->id : "");
	(void)str_copy(ret->key_id, sizeof ret->key_id, s.key_id);
	ret->is_break_glass = streq(n->type, "authorisation") &&
	                      json_is_true(json_object_get(s.predicate, "break_glass"));
	statement_fini(&s);
}

const char *
audit_signature_name(enum audit_signature s)
{
	return s == AUDIT_GOOD ? "good" : s == AUDIT_UNSIGNED ? "unsigned" : "refused";
}

void
audit_by(const struct entry *n, struct buf *ret)
{
	const json_t *const uid = json_object_get(n->by, "uid");
	const char *const host = json_opt_string(n->by, "host");

	if (json_is_integer(uid))
		buf_addf(ret, "uid %" JSON_INTEGER_FORMAT, json_integer_value(uid));
	else
		buf_adds(ret, "nobody named");
	if (host)
		buf_addf(ret, " at %s", host);
}
