/* SPDX-License-Identifier: Apache-2.0 */
/* The put of evidence about a version. */
#include "registry/attest.h"
#include "registry/entry_put.h"

/* Whether there is such a version is not asked, as the ledger does not either: the two would differ
 * about where the chain ends. Evidence about none is shown for none. */
int
put_evidence(struct txn *t, const struct entry *n, struct err *e)
{
	struct evidence v = { 0 };
	struct signed_place last;
	struct authority a;
	int rc = put_authority(t, &a, e);

	if (rc == 0)
		rc = authority_evidence(&a, n, &v, e);
	if (rc < 0)
		return rc;
	rc = evidence_last(t, n->model, &last, e);
	if (rc == 0)
		rc = evidence_continues(&v, &last, e);
	if (rc == 0)
		rc = evidence_put(t, n->model, &v, &n->leaf, e);
	evidence_fini(&v);
	return rc;
}
