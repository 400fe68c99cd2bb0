/* SPDX-License-Identifier: Apache-2.0 */
/* Who has signed a draft, counted as people and not as keys. */
#include "registry/policy_draft.h"

#include <stdlib.h>

#include "registry/statement.h"

int
policy_draft_read(struct str envelope, struct policy *ret, struct err *e)
{
	struct statement s = { 0 };
	int rc = statement_peek(envelope, &s, e);

	if (rc < 0)
		return rc;
	rc = policy_parse(s.predicate, ret, e);
	if (rc == 0 && (!streq(s.kind, "policy") || !digest_eq(&s.subject, &ret->digest))) {
		policy_fini(ret);
		rc = err_set(e, ERR_SIGNATURE, "policy: not the document that was signed");
	}
	statement_fini(&s);
	return rc;
}

uint64_t
policy_draft_signers(const struct policy *p, struct str envelope)
{
	cleanup_free struct public_key *keys = NULL;
	const size_t n = policy_keys(p, ROLE_BIT(ROLE_ROOT), &keys);
	cleanup_free bool *good = xcalloc(n + 1, sizeof *good);
	struct statement s = { 0 };
	struct err ignored = { 0 };
	uint64_t people = 0;

	if (statement_verify_all(envelope, "policy", keys, n, good, &s, &ignored) < 0)
		return 0;
	statement_fini(&s);
	for (size_t i = 0; i < n; i++)
		if (good[i])
			people |= UINT64_C(1) << (policy_person_of(p, &keys[i]) - p->people);
	return people;
}

bool
policy_draft_suffices(const struct policy *p, struct str envelope)
{
	return (uint64_t)__builtin_popcountll(policy_draft_signers(p, envelope)) >=
	       p->root_threshold;
}

void
policy_draft_missing(const struct policy *p, struct str envelope, struct buf *ret)
{
	const uint64_t signers = policy_draft_signers(p, envelope);
	const size_t start = ret->n;

	if ((uint64_t)__builtin_popcountll(signers) >= p->root_threshold)
		return;
	for (size_t i = 0; i < p->people_n; i++)
		if (p->roles[ROLE_ROOT] & ~signers & UINT64_C(1) << i)
			buf_addf(ret, "%s%s", ret->n > start ? " or " : "", p->people[i].id);
}
