/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who said yes to a plan, as evidence: the database says where the entries may lie, each of them is
 * read from the log and verified under the policy of its place and today's revocations. A row that
 * was taken away can only make a yes less. Whoever aborts a job takes back what was said before.
 */
#include <string.h>

#include "registry/consent.h"
#include "registry/evidence.h"
#include "registry/plan.h"

/* The newest authorisation that verifies; an older one when the newest was revoked since. */
static int
find_authorisation(struct registry *r, const struct ledger *l, const struct plan *p,
                   const struct consent_rows *rows, struct ledger_consent *ret, struct err *e)
{
	const uint64_t from = ledger_void_before(l, p->model, p->stage, &p->id);
	struct err why = { 0 };

	for (size_t i = rows->by_n; i > 0; i--) {
		struct authority a;
		struct entry n;
		int rc;

		if (rows->by[i - 1].seq < from) {
			(void)err_set(&why, ERR_NOT_FOUND,
			              "its job was aborted, or it was discarded, since it was "
			              "authorised");
			break;
		}
		rc = evidence_entry(r, rows->by[i - 1].seq, NULL, &n, e);
		if (rc < 0)
			return rc;
		rc = evidence_authority(r, l, &n, &a, &why);
		if (rc == 0)
			rc = authority_authorisation(&a, &n, &ret->by, &why);
		entry_fini(&n);
		if (rc == 0 && digest_eq(&ret->by.plan, &p->id))
			return 0;
		if (rc == 0)
			authorisation_fini(&ret->by);
	}
	if (rows->by_n == 0 || why.code == ERR_OK)
		return err_set(e, ERR_NOT_FOUND, "nobody has authorised this plan");
	*e = why;
	e->code = ERR_NOT_FOUND; /* none that counts */
	return -ERR_NOT_FOUND;
}

static int
find_approvals(struct registry *r, const struct ledger *l, const struct plan *p,
               const struct consent_rows *rows, struct ledger_consent *ret, struct err *e)
{
	const uint64_t from = ledger_void_before(l, p->model, p->stage, &p->id);

	ret->approvals = xcalloc(rows->approvals_n + 1, sizeof *ret->approvals);
	for (size_t i = 0; i < rows->approvals_n; i++) {
		if (rows->approvals[i].seq < from)
			continue;
		struct approval *const v = &ret->approvals[ret->approvals_n];
		struct err why = { 0 };
		struct authority a;
		struct entry n;
		int rc = evidence_entry(r, rows->approvals[i].seq, NULL, &n, e);

		if (rc < 0)
			return rc;
		rc = evidence_authority(r, l, &n, &a, &why);
		if (rc == 0)
			rc = authority_approval(&a, &n, v, &why);
		entry_fini(&n);
		if (rc == 0 && digest_eq(&v->plan, &p->id))
			ret->approvals_n++;
		else if (rc == 0)
			approval_fini(v);
	}
	return 0;
}

int
ledger_consent(struct registry *r, const struct ledger *l, const struct plan *p,
               struct ledger_consent *ret, struct err *e)
{
	struct consent_rows rows;
	struct txn *t;
	int rc = evidence_rows_begin(r, &t, e);

	*ret = (struct ledger_consent){ 0 };
	if (rc < 0)
		return rc;
	rc = consent_get(t, &p->id, &rows, e);
	evidence_rows_end(r, t);
	if (rc < 0)
		return rc;
	rc = find_authorisation(r, l, p, &rows, ret, e);
	if (rc == 0)
		rc = find_approvals(r, l, p, &rows, ret, e);
	if (rc == 0 && !p->empty)
		rc = ledger_author(r, l, p->model, p->number, &p->version, ret->author, e);
	consent_fini(&rows);
	if (rc < 0)
		ledger_consent_fini(ret);
	return rc;
}

void
ledger_consent_fini(struct ledger_consent *c)
{
	for (size_t i = 0; i < c->approvals_n; i++)
		approval_fini(&c->approvals[i]);
	free(c->approvals);
	authorisation_fini(&c->by);
	*c = (struct ledger_consent){ 0 };
}

int
ledger_is_approved(const struct ledger *l, const struct ledger_consent *c, int64_t now_s,
                   struct err *e)
{
	const struct consent ask = { .by = &c->by,
		                     .approvals = c->approvals,
		                     .approvals_n = c->approvals_n,
		                     .author = c->author[0] ? c->author : NULL,
		                     .now_s = now_s };

	return authority_approved(&l->policy, &ask, e);
}
