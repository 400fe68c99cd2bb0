/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy in its envelope: whether it may come into force, and what one that is says. Thresholds
 * count people, not keys.
 */
#include "registry/policy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/authority.h"
#include "registry/base/clock.h"
#include "registry/history.h"
#include "registry/statement.h"

static const char *const role_names[] = {
	[ROLE_ROOT] = "root",         [ROLE_AUTHOR] = "author", [ROLE_APPROVER] = "approver",
	[ROLE_DEPLOYER] = "deployer", [ROLE_AGENT] = "agent",   [ROLE_SCANNER] = "scanner",
	[ROLE_LOG] = "log",
};
_Static_assert(COUNT(role_names) == ROLE_COUNT, "a role without a name");

const char *
policy_role_name(enum policy_role r)
{
	return role_names[r];
}

int
policy_role_parse(const char *s, enum policy_role *ret)
{
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if (!streq(role_names[i], s))
			continue;
		*ret = (enum policy_role)i;
		return 0;
	}
	return -1;
}

/* Signed by enough people of p's role root. */
static int
signed_by_root(const struct policy *p, struct str envelope, struct digest *ret_subject,
               struct err *e)
{
	cleanup_free struct public_key *keys = NULL;
	const size_t n = policy_keys(p, ROLE_BIT(ROLE_ROOT), &keys);
	cleanup_free bool *good = xcalloc(n + 1, sizeof *good);
	struct statement s = { 0 };
	uint64_t people = 0;
	int rc;

	rc = statement_verify_all(envelope, "policy", keys, n, good, &s, e);
	if (rc < 0)
		return rc;
	*ret_subject = s.subject;
	statement_fini(&s);
	for (size_t i = 0; i < n; i++)
		if (good[i])
			people |= UINT64_C(1) << (policy_person_of(p, &keys[i]) - p->people);
	if ((uint64_t)__builtin_popcountll(people) >= p->root_threshold)
		return 0;
	return err_set(e, ERR_NEEDS_PERSON,
	               "the change wants %" PRIu64 " people of role \"root\", %d signed it",
	               p->root_threshold, __builtin_popcountll(people));
}

/* What was revoked stays revoked, and not from a later place on. */
static int
keeps_revoked(const struct policy *old, const struct policy *p, struct err *e)
{
	for (size_t i = 0; i < old->revoked_n; i++)
		if (!policy_is_revoked(p, &old->revoked[i].key.key, old->revoked[i].at))
			return err_set(e, ERR_MALFORMED,
			               "policy %" PRIu64 " takes back the revocation of key %s",
			               p->version, old->revoked[i].key.id);
	return 0;
}

static int
follows(const struct policy *old, const struct policy *p, const char *registry_id, struct err *e)
{
	if (!streq(p->registry_id, registry_id))
		return err_set(e, ERR_UNTRUSTED, "a policy of another registry, %s",
		               p->registry_id);
	if (p->version == (old ? old->version + 1 : 1) &&
	    (!old || digest_eq(&p->previous, &old->digest)))
		return old ? keeps_revoked(old, p, e) : 0;
	return err_set(e, ERR_MALFORMED, "policy %" PRIu64 " does not follow the one in force",
	               p->version);
}

int
policy_accept(const struct policy *old, struct str envelope, const char *registry_id,
              struct policy *ret, struct err *e)
{
	struct statement claim = { 0 };
	struct policy p = { 0 };
	struct digest subject;
	int rc;

	rc = statement_peek(envelope, &claim, e);
	if (rc < 0)
		return rc;
	rc = policy_parse(claim.predicate, &p, e);
	statement_fini(&claim);
	if (rc < 0)
		return rc;
	rc = signed_by_root(&p, envelope, &subject, e);
	if (rc == 0 && !digest_eq(&subject, &p.digest))
		rc = err_set(e, ERR_SIGNATURE, "a policy that is not the one its signature names");
	if (rc == 0 && old)
		rc = signed_by_root(old, envelope, &subject, e);
	if (rc == 0)
		rc = follows(old, &p, registry_id, e);
	if (rc < 0)
		policy_fini(&p);
	else
		*ret = p;
	return rc;
}

void
policy_fini(struct policy *p)
{
	for (size_t i = 0; i < p->people_n; i++)
		free(p->people[i].keys);
	for (size_t i = 0; i < p->stages_n; i++)
		free(p->stages[i].gates);
	free(p->people);
	free(p->revoked);
	free(p->sites);
	json_decref(p->offline);
	json_decref(p->doc);
	*p = (struct policy){ 0 };
}

/* --- asking --- */

size_t
policy_keys(const struct policy *p, unsigned roles, struct public_key **ret)
{
	size_t n = 0, max = 0;

	for (size_t i = 0; i < p->people_n; i++)
		max += p->people[i].keys_n;
	*ret = xcalloc(max, sizeof **ret);
	for (size_t i = 0; i < p->people_n; i++) {
		if (!(policy_roles_of(p, &p->people[i]) & roles))
			continue;
		for (size_t k = 0; k < p->people[i].keys_n; k++)
			(*ret)[n++] = p->people[i].keys[k].key;
	}
	return n;
}

const struct policy_person *
policy_person_of(const struct policy *p, const struct public_key *key)
{
	for (size_t i = 0; i < p->people_n; i++)
		for (size_t k = 0; k < p->people[i].keys_n; k++)
			if (memcmp(&p->people[i].keys[k].key, key, sizeof *key) == 0)
				return &p->people[i];
	return NULL;
}

const struct policy_person *
policy_person_named(const struct policy *p, const char *id)
{
	for (size_t i = 0; i < p->people_n; i++)
		if (streq(p->people[i].id, id))
			return &p->people[i];
	return NULL;
}

unsigned
policy_roles_of(const struct policy *p, const struct policy_person *who)
{
	unsigned roles = 0;

	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (p->roles[i] & UINT64_C(1) << (who - p->people))
			roles |= ROLE_BIT(i);
	return roles;
}

bool
policy_is_revoked(const struct policy *p, const struct public_key *key, uint64_t seq)
{
	for (size_t i = 0; i < p->revoked_n; i++)
		if (memcmp(&p->revoked[i].key.key, key, sizeof *key) == 0)
			return seq >= p->revoked[i].at;
	return false;
}

int
policy_check_expiry(const struct policy *p, int64_t now_s, struct err *e)
{
	char when[CLOCK_TEXT_SIZE];

	if (p->expires_s == 0 || now_s < p->expires_s)
		return 0;
	clock_text(when, p->expires_s);
	(void)err_set(e, ERR_POLICY, "policy %" PRIu64 " expired at %s", p->version, when);
	return err_hint(e, "its root must sign the next one: slipway policy set expires DATE; "
	                   "rolling back is allowed meanwhile");
}

bool
policy_has_role(const struct policy *p, const struct public_key *key, enum policy_role role)
{
	const struct policy_person *const who = policy_person_of(p, key);

	return who && (p->roles[role] & UINT64_C(1) << (who - p->people));
}

const struct policy_stage *
policy_stage(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->stages_n; i++)
		if (streq(p->stages[i].name, name))
			return &p->stages[i];
	return NULL;
}

int
policy_of_entry(const struct entry *n, struct policy *ret, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	struct statement s;
	int rc;

	if (!streq(n->type, "policy"))
		return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " is no policy", n->seq);
	rc = authority_envelope(n, &envelope, e);
	if (rc == 0)
		rc = statement_peek(buf_str(&envelope), &s, e);
	if (rc < 0)
		return rc;
	rc = policy_parse(s.predicate, ret, e);
	if (rc == 0 && !digest_eq(&ret->digest, &s.subject)) {
		policy_fini(ret);
		rc = err_set(e, ERR_DIGEST, "policy: not the document that was signed");
	}
	statement_fini(&s);
	return rc;
}

int
policy_current(struct registry *r, struct txn *t, struct policy *ret, struct err *e)
{
	struct applied a;
	struct entry n;
	int rc;

	rc = applied_get(t, &a, e);
	if (rc < 0)
		return rc;
	if (!a.has_policy) {
		(void)err_set(e, ERR_NOT_FOUND, "registry \"%s\" has no policy", r->dir);
		return err_hint(e, "its making was interrupted: remove it, then `slipway init`");
	}
	rc = history_entry(r, t, a.policy_seq, &n, e);
	if (rc < 0)
		return rc;
	rc = policy_of_entry(&n, ret, e);
	if (rc == 0)
		ret->seq = a.policy_seq;
	entry_fini(&n);
	return rc;
}
