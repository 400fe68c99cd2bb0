/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions and authorisations as evidence: the database says where their entries may lie, the
 * statements say whether they count. A row that lies leads to an entry that does not verify, and to
 * a refusal.
 */
#include "registry/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "registry/evidence.h"
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
	int rc = blob_read(r->blobs, version, MANIFEST_MAX, &text, e);

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

static int
check_statement(struct registry *r, const struct ledger *l, const struct entry *n,
                struct admitted *ret, struct err *e)
{
	const struct authority a = evidence_authority(r, &l->policy);
	struct statement st = { 0 };
	struct version_row row;
	int rc = authority_version(&a, n, &row, e);

	if (rc == 0)
		rc = authority_verify(&a, n, &st, e);
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
		return e->code == ERR_POLICY ? rc :
		                               err_prefix(e, "%s@v%" PRIu64, model, row.number);
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

int
ledger_authorisation(struct registry *r, const struct ledger *l, const struct digest *plan,
                     char ret_signer[SIGNER_SIZE], uint64_t *ret_seq, struct digest *ret_leaf,
                     struct err *e)
{
	const struct authority a = evidence_authority(r, &l->policy);
	cleanup_json json_t *predicate = NULL;
	const struct policy_person *signer;
	struct statement st = { 0 };
	struct plan_row row;
	struct digest allowed;
	struct txn *t;
	struct entry n;
	int rc = store_read_begin(r->store, &t, e);

	if (rc < 0)
		return rc;
	rc = plan_get(t, plan, &row, e);
	store_abort(t);
	if (rc == -ERR_NOT_FOUND || (rc == 0 && row.authorisation_seq == 0))
		return err_set(e, ERR_NOT_FOUND, "nobody has signed this plan");
	if (rc == 0)
		rc = evidence_entry(r, row.authorisation_seq, NULL, &n, e);
	if (rc < 0)
		return rc;
	rc = authority_authorisation(&a, &n, &allowed, &predicate, e);
	if (rc == 0 && !digest_eq(&allowed, plan))
		rc = err_set(e, ERR_SIGNATURE, "the authorisation is for another plan");
	if (rc == 0 && authority_verify(&a, &n, &st, e) == 0) {
		signer = policy_person_of(&l->policy, &st.key);
		(void)str_copy(ret_signer, SIGNER_SIZE, signer ? signer->id : "");
		*ret_seq = n.seq;
		*ret_leaf = n.leaf;
	}
	statement_fini(&st);
	entry_fini(&n);
	return rc;
}
