/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence that came in bundles. It lies in the proofs that lines of ours name: in the one that
 * brought the version, which no row can hide, and in later ones. The newest by its place in the log
 * of its home counts.
 */
#include <inttypes.h>

#include "registry/attest.h"
#include "registry/evidence.h"
#include "registry/history.h"
#include "registry/origin.h"
#include "registry/records.h"

struct carried {
	struct registry *r;
	const struct ledger *l;
	const char *model;
	uint64_t number;
	const struct digest *version;
	enum evidence_type type;
	struct evidence *best; /* seq: of its entry at home */
	bool is_found;
	struct err *e;
};

static void
take(struct carried *c, struct evidence *v, const char *site)
{
	char there[SIGNER_SIZE];

	if (c->is_found && c->best->seq >= v->seq) {
		evidence_fini(v);
		return;
	}
	if (c->is_found)
		evidence_fini(c->best);
	(void)str_copy(there, sizeof there, v->person);
	origin_person(site, there, v->person);
	*c->best = *v;
	c->is_found = true;
}

/* All that the proof has which brought the version. */
static int
look_in_proof(struct carried *c, const struct entry *line, struct err *e)
{
	const struct policy_site *believed;
	const struct origin *o;
	char site[SIGNER_SIZE];
	int rc = origin_of_line(c->r->blobs, &c->l->policy, line, &o, site, e);

	if (rc < 0)
		return rc;
	believed = policy_site_named(&c->l->policy, site);
	if (!believed || !(believed->counts & COUNTS_EVIDENCE))
		return -ERR_NOT_FOUND;
	for (size_t i = 0; rc == 0 && i < o->proof.entries.n; i++) {
		const struct entry *const n = &o->proof.entries.v[i].n;
		const struct authority a = { .policy = audit_chain_at(&o->proof.chain, n->seq),
			                     .registry_id = o->proof.registry_id,
			                     .now = origin_newest(o) };
		struct evidence v = { 0 };

		if (!streq(n->type, "evidence") || !streq(n->model, c->model) ||
		    !evidence_is_about(n, c->number, c->version, c->type))
			continue;
		rc = authority_evidence(&a, n, &v, e);
		if (rc == 0)
			take(c, &v, site);
	}
	return rc;
}

/* A line of a later bundle. */
static int
look_at_line(void *arg, const struct entry *line)
{
	struct carried *const c = arg;
	const struct entry there = { .type = json_text(line->body, "type"),
		                     .body = json_object_get(line->body, "body") };
	struct evidence v = { 0 };
	struct origin_found f;
	int rc;

	if (!streq(line->type, "origin") || !streq(there.type, "evidence") ||
	    !evidence_is_about(&there, c->number, c->version, c->type))
		return 0;
	rc = origin_resolve(c->r->blobs, &c->l->policy, line, COUNTS_EVIDENCE, &f, c->e);
	if (rc == 0)
		rc = authority_evidence(&f.authority, f.entry, &v, c->e);
	if (rc == 0)
		take(c, &v, f.site->name);
	return rc;
}

static int
look(struct carried *c, struct txn *t, struct err *e)
{
	struct version_row row = { 0 };
	struct entry line;
	int rc = version_get(t, c->model, c->number, &row, e);

	if (rc < 0)
		return rc; /* also NOT_FOUND, without text */
	rc = evidence_entry(c->r, row.seq, NULL, &line, e);
	if (rc < 0)
		return rc;
	rc = origin_is(&line) ? look_in_proof(c, &line, e) : -ERR_NOT_FOUND;
	entry_fini(&line);
	if (rc == 0)
		rc = history_each(c->r, t, c->model, look_at_line, c, e);
	return rc;
}

int
ledger_carried_evidence(struct registry *r, const struct ledger *l, const char *model,
                        uint64_t number, const struct digest *version, enum evidence_type type,
                        struct evidence *ret, struct err *e)
{
	struct carried c = { .r = r,
		             .l = l,
		             .model = model,
		             .number = number,
		             .version = version,
		             .type = type,
		             .best = ret,
		             .e = e };
	struct txn *t;
	int rc = evidence_rows_begin(r, &t, e);

	if (rc < 0)
		return rc;
	rc = look(&c, t, e);
	evidence_rows_end(r, t);
	if (rc == 0 && !c.is_found)
		rc = -ERR_NOT_FOUND;
	if (rc < 0 && c.is_found)
		evidence_fini(ret);
	return rc;
}
