/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions as evidence: the database says where their entries may lie, the statements say whether
 * they count. A row that lies leads to an entry that does not verify, and to a refusal.
 */
#include "registry/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "registry/evidence.h"
#include "registry/origin.h"
#include "registry/records.h"

struct by_model {
	const char *model;
	struct version_row row;
	bool found;
};

static int
of_model(void *arg, const struct version_row *v)
{
	struct by_model *w = arg;

	if (!streq(v->model, w->model) || (w->found && v->state.life != LIFE_LIVE))
		return 0;
	w->row = *v;
	w->found = true;
	return v->state.life == LIFE_LIVE;
}

static int
find_row(struct registry *r, const char *model, const struct digest *version,
         struct version_row *ret, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct by_model w = { .model = model };
	char hex[DIGEST_HEX_SIZE];
	int rc = store_read_begin(r->store, &t, e);

	if (rc < 0)
		return rc;
	digest_hex(version, hex);
	rc = version_by_digest(t, hex, 64, of_model, &w, e);
	if (rc < 0)
		return rc;
	if (!w.found)
		return err_set(e, ERR_NOT_FOUND, "\"%s\" has no version sha256:%.12s...", model,
		               hex);
	*ret = w.row;
	return 0;
}

static int
read_manifest(struct registry *r, const struct digest *version, struct manifest *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int rc = blob_promised(blob_read(r->blobs, version, MANIFEST_MAX, &text, e), e);

	return rc < 0 ? rc : manifest_parse(buf_str(&text), ret, e);
}

/* One authority for the file list, the manifest: what the statement says of it must agree. */
static int
compare(const json_t *predicate, const struct manifest *m, struct err *e)
{
	struct digest said, is;
	uint64_t files, bytes;
	int rc = json_get_u64(predicate, "files", "version statement", &files, e);

	if (rc == 0)
		rc = json_get_u64(predicate, "bytes", "version statement", &bytes, e);
	if (rc == 0)
		rc = json_get_digest(predicate, "fileset", "version statement", &said, e);
	if (rc < 0)
		return rc;
	manifest_fileset_digest(m, &is);
	if (files != m->n || bytes != m->bytes || !digest_eq(&said, &is))
		return err_set(e, ERR_DIGEST,
		               "the signed statement describes other files than the manifest");
	rc = json_get_digest(predicate, "oms_root", "version statement", &said, e);
	if (rc < 0)
		return rc;
	manifest_oms_root(m, &is);
	return digest_eq(&said, &is)
	               ? 0
	               : err_set(e, ERR_DIGEST,
	                         "the signed statement has another OMS root than the manifest");
}

/* One that a bundle brought: what its home signed, and the policy here believes today. */
static int
check_origin(struct registry *r, const struct ledger *l, const struct entry *n,
             struct version_row *ret_row, struct statement *ret, struct err *e)
{
	struct origin_found f;
	int rc = origin_version(r->blobs, &l->policy, n, ret_row, e);

	if (rc == 0)
		rc = origin_resolve(r->blobs, &l->policy, n, COUNTS_VERSIONS, &f, e);
	return rc < 0 ? rc : authority_verify(&f.authority, f.entry, ret, e);
}

static int
check_statement(struct registry *r, const struct ledger *l, const struct entry *n,
                struct admitted *ret, struct err *e)
{
	struct statement st = { 0 };
	struct version_row row;
	struct authority a;
	int rc;

	if (origin_is(n))
		rc = check_origin(r, l, n, &row, &st, e);
	else {
		rc = evidence_authority(r, l, n, &a, e);
		if (rc == 0)
			rc = authority_version(&a, n, &row, e);
		if (rc == 0)
			rc = authority_verify(&a, n, &st, e);
	}
	if (rc < 0)
		return rc;
	if (!digest_eq(&row.digest, &ret->version))
		rc = err_set(e, ERR_SIGNATURE, "the signed statement is about another version");
	if (rc == 0)
		rc = compare(st.predicate, &ret->manifest, e);
	if (rc == 0 && json_object_get(st.predicate, "smoke"))
		rc = json_get_digest(st.predicate, "smoke", "version statement", &ret->smoke, e);
	(void)str_copy(ret->signer, sizeof ret->signer, row.signer);
	(void)str_copy(ret->key_id, sizeof ret->key_id, row.key_id);
	statement_fini(&st);
	return rc;
}

int
ledger_version_any(struct registry *r, const struct ledger *l, const char *model,
               const struct digest *version, struct admitted *ret, struct err *e)
{
	struct version_row row = { 0 };
	uint64_t number;
	struct entry n;
	int rc = find_row(r, model, version, &row, e);

	*ret = (struct admitted){ .version = *version };
	if (rc == 0)
		rc = evidence_entry(r, row.seq, NULL, &n, e);
	if (rc < 0)
		return rc;
	if (!streq(n.type, "version") || !streq(n.model, model))
		rc = err_set(e, ERR_DIGEST, "log entry %" PRIu64 " is no version of \"%s\"", n.seq,
		             model);
	if (rc == 0)
		rc = json_get_u64(n.body, "number", "version entry", &number, e);
	if (rc == 0)
		rc = ledger_standing(l, model, number, version, &ret->standing, e);
	if (rc == 0 && ret->standing.state.life == LIFE_DELETED)
		rc = ledger_refuse_withdrawn(r, l, model, number, &ret->standing, e);
	if (rc == 0)
		rc = read_manifest(r, version, &ret->manifest, e);
	if (rc == 0)
		rc = check_statement(r, l, &n, ret, e);
	if (rc == 0) {
		ret->number = number;
		ret->seq = n.seq;
	}
	entry_fini(&n);
	if (rc < 0) {
		admitted_fini(ret);
		if (e->code != ERR_POLICY)
			err_prefix(e, "%s@v%" PRIu64, model, row.number);
		if (row.is_foreign) /* what the row says only helps to find the way out */
			return err_hint(e,
			                "it came with a copied folder: slipway sign "
			                "%.180s@v%" PRIu64 " takes it",
			                model, row.number);
		return rc;
	}
	return 0;
}

int
ledger_version(struct registry *r, const struct ledger *l, const char *model,
               const struct digest *version, struct admitted *ret, struct err *e)
{
	int rc = ledger_version_any(r, l, model, version, ret, e);

	if (rc < 0 || ret->standing.state.life != LIFE_REVOKED)
		return rc;
	rc = ledger_refuse_withdrawn(r, l, model, ret->number, &ret->standing, e);
	admitted_fini(ret);
	return rc;
}

void
admitted_fini(struct admitted *a)
{
	manifest_fini(&a->manifest);
}

/* The version's row by number, and from there its entry: whose word it is. */
int
ledger_author(struct registry *r, const struct ledger *l, const char *model, uint64_t number,
              const struct digest *version, char ret[SIGNER_SIZE], struct err *e)
{
	struct version_row row, said;
	struct authority a;
	struct txn *t;
	struct entry n;
	int rc = evidence_rows_begin(r, &t, e);

	if (rc < 0)
		return rc;
	rc = version_get(t, model, number, &row, e);
	evidence_rows_end(r, t);
	if (rc == -ERR_NOT_FOUND)
		return err_set(e, ERR_STORE, "the database does not know %s@v%" PRIu64, model,
		               number);
	if (rc == 0)
		rc = evidence_entry(r, row.seq, NULL, &n, e);
	if (rc < 0)
		return rc;
	rc = ledger_policy_at(r, l, n.seq, &a.policy, e);
	a.registry_id = r->id;
	a.now = NULL;
	if (rc == 0)
		rc = origin_is(&n) ? origin_version(r->blobs, a.policy, &n, &said, e)
		                   : authority_version(&a, &n, &said, e);
	if (rc == 0 && (said.number != number || !streq(said.model, model) ||
	                !digest_eq(&said.digest, version)))
		rc = err_set(e, ERR_STORE, "log entry %" PRIu64 " is not %s@v%" PRIu64, n.seq,
		             model, number);
	if (rc == 0)
		(void)str_copy(ret, SIGNER_SIZE, said.signer);
	entry_fini(&n);
	return rc;
}
