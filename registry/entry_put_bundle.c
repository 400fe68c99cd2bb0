/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts of what bundles brought: their proofs lie in blobs (the store's context), whose digests the
 * entries name, so that a rebuild gives the same rows. A model that came so keeps its home's
 * numbers.
 */
#include <string.h>

#include "registry/attest.h"
#include "registry/bundle_entry.h"
#include "registry/entry_put.h"
#include "registry/origin.h"
#include "registry/records.h"
#include "registry/ref.h"
#include "registry/registry.h"

static struct blobs *
blobs_of(const struct txn *t)
{
	const struct row_context *const context = txn_context(t);

	return context ? context->blobs : NULL;
}

/* Counters only grow: an older bundle is none, whoever brings it again. */
int
put_bundle(struct txn *t, const struct entry *n, struct err *e)
{
	struct bundle_claim c, last;
	struct authority a;
	int rc = put_authority(t, &a, e);

	if (rc == 0)
		rc = bundle_claim(&a, blobs_of(t), n, &c, e);
	if (rc == 0)
		rc = bundle_row_last(t, c.way, c.registry_id, &last, e);
	if (rc < 0)
		return rc;
	if (c.counter <= last.counter || (c.way == BUNDLE_BUILT && c.counter != last.counter + 1))
		return put_refuse(n, e, "a bundle that is not the next");
	return bundle_row_put(t, &c, e);
}

/* For showing; whether it counts is asked again by who decides. */
static int
put_evidence_of(struct txn *t, const struct entry *n, const struct origin_found *f, struct err *e)
{
	struct evidence v = { 0 };
	char there[SIGNER_SIZE];
	int rc;

	if (!streq(f->entry->type, "evidence"))
		return 0;
	rc = authority_evidence(&f->authority, f->entry, &v, e);
	if (rc < 0)
		return rc;
	(void)str_copy(there, sizeof there, v.person);
	origin_person(f->site->name, there, v.person);
	v.seq = n->seq;
	rc = evidence_put_carried(t, n->model, &v, e);
	evidence_fini(&v);
	return rc;
}

/* What another registry's log says of a model of ours, or of one that came from there: told once, a
 * record of its story. */
int
put_origin(struct txn *t, const struct entry *n, struct err *e)
{
	struct origin_found f;
	struct model_row m;
	struct authority a;
	bool is_told;
	int rc = put_model(t, n, &m, e);

	if (rc == 0)
		rc = put_authority(t, &a, e);
	if (rc == 0)
		rc = origin_resolve(blobs_of(t), a.policy, n, COUNTS_VERSIONS, &f, e);
	if (rc == 0 && !streq(f.entry->model, n->model))
		rc = put_refuse(n, e, "about another model");
	if (rc == 0)
		rc = bundle_told_get(t, f.authority.registry_id, f.entry->seq, &is_told, e);
	if (rc == 0 && is_told)
		rc = put_refuse(n, e, "told already");
	if (rc == 0)
		rc = bundle_told_put(t, f.authority.registry_id, f.entry->seq, e);
	return rc < 0 ? rc : put_evidence_of(t, n, &f, e);
}

/* What its home said and what we have must be one. */
static int
fits_home(struct txn *t, const struct entry *n, const struct model_row *m,
          const struct version_row *v, struct err *e)
{
	struct version_row had = { 0 };
	int rc;

	if (m->latest > 0 &&
	    !streq(m->home, json_opt_string(json_object_get(n->body, "origin"), "registry")))
		return put_refuse(n, e, "a model that has another home");
	rc = version_get(t, n->model, v->number, &had, e);
	if (rc == 0)
		return put_refuse(n, e, "a number that is taken");
	return rc == -ERR_NOT_FOUND ? put_is_new(t, n, v, e) : rc;
}

int
put_carried_version(struct txn *t, const struct entry *n, struct err *e)
{
	struct model_row m = { 0 };
	struct version_row v;
	struct authority a;
	int rc = put_authority(t, &a, e);

	if (rc == 0)
		rc = origin_version(blobs_of(t), a.policy, n, &v, e);
	if (rc == 0)
		rc = ref_check_model(n->model, e);
	if (rc < 0)
		return rc;
	rc = model_get(t, n->model, &m, e);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	(void)str_copy(m.name, sizeof m.name, n->model);
	rc = fits_home(t, n, &m, &v, e);
	if (rc < 0)
		return rc;
	(void)str_copy(m.home, sizeof m.home,
	               json_opt_string(json_object_get(n->body, "origin"), "registry"));
	if (v.number > m.latest)
		m.latest = v.number;
	m.live_n++;
	if (v.number >= m.latest_live)
		put_newest(&m, &v);
	rc = version_put(t, &v, e);
	return rc < 0 ? rc : model_put(t, &m, e);
}
