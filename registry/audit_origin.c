/* SPDX-License-Identifier: Apache-2.0 */
/* Whose word an entry is that a bundle brought: a person of another registry's policy. */
#include "registry/bundle_entry.h"
#include "registry/origin.h"

static int
who_version(const struct audit_chain *c, const struct policy *in_force, const struct entry *n,
            struct audit_who *ret, struct err *e)
{
	struct version_row row;
	struct origin_found f;
	struct statement s = { 0 };
	int rc = origin_version(c->blobs, in_force, n, &row, e);

	if (rc == 0)
		rc = origin_resolve(c->blobs, in_force, n, COUNTS_VERSIONS, &f, e);
	if (rc == 0)
		rc = authority_verify(&f.authority, f.entry, &s, e);
	if (rc < 0)
		return rc;
	ret->key = s.key;
	(void)str_copy(ret->person, sizeof ret->person, row.signer);
	(void)str_copy(ret->key_id, sizeof ret->key_id, s.key_id);
	statement_fini(&s);
	return 0;
}

static int
who_bundle(const struct audit_chain *c, const struct policy *in_force, const struct entry *n,
           struct audit_who *ret, struct err *e)
{
	const struct authority a = { .policy = in_force, .registry_id = c->registry_id };
	struct bundle_claim claim;
	int rc = bundle_claim(&a, c->blobs, n, &claim, e);

	if (rc < 0)
		return rc;
	origin_person(claim.site, claim.signer, ret->person);
	return 0;
}

/* Who signed it there; a machine, or what came there in a bundle, has no person. */
static int
who_there(const struct audit_chain *c, const struct policy *in_force, const struct entry *n,
          struct audit_who *ret, struct err *e)
{
	struct origin_found f;
	struct audit_who there = { 0 };
	const struct origin *o;
	char site[SIGNER_SIZE];
	int rc = origin_resolve(c->blobs, in_force, n, COUNTS_VERSIONS, &f, e);

	if (rc == 0 && !streq(f.entry->model, n->model))
		rc = err_set(e, ERR_SIGNATURE, "it is about another model there");
	if (rc == 0)
		rc = origin_of_line(c->blobs, in_force, n, &o, site, e);
	if (rc == 0 && !origin_is(f.entry))
		rc = origin_judge(o, f.entry, &there, e);
	if (rc < 0)
		return rc;
	origin_person(site, there.person, ret->person);
	(void)str_copy(ret->key_id, sizeof ret->key_id, there.key_id);
	ret->key = there.key;
	return 0;
}

void
audit_who_origin(const struct audit_chain *c, const struct policy *in_force, const struct entry *n,
                 struct audit_who *ret)
{
	int rc;

	if (streq(n->type, "version"))
		rc = who_version(c, in_force, n, ret, &ret->why);
	else if (streq(n->type, "bundle"))
		rc = who_bundle(c, in_force, n, ret, &ret->why);
	else if (streq(n->type, "origin"))
		rc = who_there(c, in_force, n, ret, &ret->why);
	else
		rc = err_set(&ret->why, ERR_UNTRUSTED,
		             "entries of this type do not come in bundles");
	ret->signature = rc < 0 ? AUDIT_REFUSED : AUDIT_GOOD;
}
