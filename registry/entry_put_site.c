/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts of the entries about the folder itself: adoption and restore. Whoever may append could write
 * an adoption, so it counts only in a folder whose registry.json (the store's context) names that
 * incarnation as the next one: elsewhere it is a line without effect.
 */
#include <string.h>

#include "registry/entry_put.h"
#include "registry/identity.h"
#include "registry/records.h"
#include "registry/registry.h"

/* The policy goes; rows of what had authority stay, and records.c no longer finds them. */
static int
begin_anew(struct txn *t, const struct entry *n, const char *id, struct applied *a, struct err *e)
{
	a->has_policy = false;
	a->policy_seq = 0;
	a->born = n->seq;
	a->incarnation++;
	(void)str_copy(a->registry_id, sizeof a->registry_id, id);
	const int rc = policy_doc_put(t, (struct str){ NULL, 0 }, e);
	return rc < 0 ? rc : applied_put(t, a, e);
}

int
put_adoption(struct txn *t, const struct entry *n, struct err *e)
{
	const struct row_context *const context = txn_context(t);
	const struct identity *const is = context ? context->identity : NULL;
	struct adoption_claim c;
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc == 0)
		rc = adoption_claim(n, &c, e);
	if (rc < 0)
		return rc;
	if (!identity_has(is, a.incarnation + 1, c.id))
		return put_refuse(n, e, "this folder did not become that registry");
	if (!streq(c.previous_id, a.registry_id))
		return put_refuse(n, e, "of a copy of another registry");
	return begin_anew(t, n, c.id, &a, e);
}

int
put_restore(struct txn *t, const struct entry *n, struct err *e)
{
	struct restore_claim c;
	struct authority a;
	int rc = put_authority(t, &a, e);

	return rc < 0 ? rc : authority_restore(&a, n, &c, e);
}
