/* SPDX-License-Identifier: Apache-2.0 */
/* The put of evidence about a version. */
#include "registry/attest.h"
#include "registry/entry_put.h"

int
put_evidence(struct txn *t, const struct entry *n, struct err *e)
{
	struct evidence v = { 0 };
	struct version_row row;
	struct authority a;
	int rc = put_authority(t, &a, e);

	if (rc == 0)
		rc = authority_evidence(&a, n, &v, e);
	if (rc < 0)
		return rc;
	rc = version_get(t, n->model, v.number, &row, e);
	if (rc == -ERR_NOT_FOUND || (rc == 0 && !digest_eq(&row.digest, &v.version)))
		rc = put_refuse(n, e, "a version that does not exist");
	if (rc == 0)
		rc = evidence_put(t, n->model, &v, e);
	evidence_fini(&v);
	return rc;
}
