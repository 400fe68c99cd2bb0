/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making proofs. The database says where entries may lie; then the log is read once from its first
 * line, each wanted entry's own bytes are kept and its path to the root is gathered on the way, and
 * the root must be the checkpoint's. What was made goes through the check that a stranger makes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/merkle.h"
#include "registry/evidence.h"
#include "registry/history.h"
#include "registry/proof_private.h"

/* --- reading the log for some of its entries --- */

int
proof_want(struct proof_gather *g, uint64_t seq, struct err *e)
{
	struct proof_wanted *const w = xcalloc(1, sizeof *w);

	w->seq = seq;
	if (merkle_prove_inclusion(&w->prover, seq, g->size) < 0) {
		free(w);
		(void)err_set(e, ERR_NOT_FOUND,
		              "entry %" PRIu64 " lies behind the checkpoint of %" PRIu64 " entries",
		              seq, g->size);
		return err_hint(e, "make a new one with `slipway audit checkpoint`");
	}
	vec_push(&g->wanted, w);
	return 0;
}

/* The policies that the tree holds. */
int
proof_want_policies(struct proof_gather *g, const struct audit_chain *c, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->policies.n && c->policies.v[i].seq < g->size; i++)
		rc = proof_want(g, c->policies.v[i].seq, e);
	return rc;
}

static int
take_line(struct proof_gather *g, const struct log_line *line, struct err *e)
{
	if (line->seq == g->since)
		g->begin = g->edge;
	merkle_append(&g->edge, &line->leaf);
	if (g->growth)
		merkle_prover_add(g->growth, &line->leaf);
	vec_foreach(w, &g->wanted) {
		merkle_prover_add(&(*w)->prover, &line->leaf);
		if ((*w)->seq == line->seq)
			buf_add(&(*w)->json, line->json.p, line->json.n);
	}
	return g->fn && line->seq >= g->since ? g->fn(g->arg, line, e) : 0;
}

static int
by_seq(const void *a, const void *b)
{
	const struct proof_wanted *const *const x = a, *const *const y = b;

	return (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

int
proof_gather_run(struct proof_gather *g, struct log *l, const struct digest *root, struct err *e)
{
	struct log_reader *rd;
	struct digest is;
	int rc = log_reader_new(l, (struct log_pos){ 1, 0 }, 0, &rd, e);

	if (rc < 0)
		return rc;
	while (rc == 0 && g->edge.size < g->size) {
		struct log_line line;
		enum log_step step;

		rc = log_next(rd, &step, &line, e);
		if (rc == 0 && step != LOG_LINE)
			rc = err_set(e, ERR_DIGEST,
			             "the checkpoint has %" PRIu64 " entries, the log %" PRIu64,
			             g->size, g->edge.size);
		if (rc == 0)
			rc = take_line(g, &line, e);
	}
	log_reader_free(rd);
	if (rc < 0)
		return rc;
	merkle_root(&g->edge, &is);
	if (!digest_eq(&is, root))
		return err_set(e, ERR_DIGEST, "the checkpoint is not one of this log");
	if (g->wanted.n > 1)
		qsort(g->wanted.v, g->wanted.n, sizeof(struct proof_wanted *), by_seq);
	return 0;
}

void
proof_gather_fini(struct proof_gather *g)
{
	vec_foreach(w, &g->wanted) {
		buf_fini(&(*w)->json);
		free(*w);
	}
	vec_fini(&g->wanted);
	free(g->growth);
	g->growth = NULL;
}

json_t *
proof_hashes_json(const struct merkle_prover *p)
{
	json_t *const array = json_array();
	const struct digest *hashes;
	char hex[DIGEST_HEX_SIZE];
	size_t n;

	if (merkle_prover_proof(p, &hashes, &n) < 0)
		abort(); /* the run ended well, so that every leaf was added */
	for (size_t i = 0; i < n; i++) {
		digest_hex(&hashes[i], hex);
		json_array_append_new(array, json_string(hex));
	}
	return array;
}

json_t *
proof_entries_json(const struct proof_gather *g)
{
	json_t *const array = json_array();

	for (size_t i = 0; i < g->wanted.n; i++) {
		const struct proof_wanted *const w = g->wanted.v[i];
		json_t *const o = json_object();
		json_t *const text = json_from_str(buf_str(&w->json));

		json_object_set_new(o, "seq", json_integer((json_int_t)w->seq));
		json_object_set_new(o, "json", text ? text : json_null());
		json_object_set_new(o, "inclusion", proof_hashes_json(&w->prover));
		json_array_append_new(array, o);
	}
	return array;
}

/* --- both kinds --- */

void
proof_making_fini(struct proof_making *m)
{
	audit_chain_fini(&m->chain);
	proof_gather_fini(&m->g);
}

int
proof_making_begin(struct proof_making *m, struct str checkpoint, struct err *e)
{
	const struct policy *p;
	int rc = audit_chain_load(m->r, &m->chain, e);

	if (rc == 0)
		rc = tree_head_peek(checkpoint, m->r->id, &m->head, e);
	if (rc < 0)
		return rc;
	p = audit_chain_at(&m->chain, m->head.size);
	if (!p)
		return err_set(e, ERR_UNTRUSTED, "the checkpoint was made before the first policy");
	rc = tree_head_verify(checkpoint, p, m->r->id, &m->head, e);
	m->g.size = m->head.size;
	return rc < 0 ? rc : proof_want_policies(&m->g, &m->chain, e);
}

void
proof_making_text(const struct proof_making *m, json_t *o, const char *kind, struct str checkpoint,
                  struct buf *ret)
{
	json_object_set_new(o, "apiVersion", json_string(PROOF_API));
	json_object_set_new(o, "checkpoint", json_from_str(checkpoint));
	json_object_set_new(o, "entries", proof_entries_json(&m->g));
	json_object_set_new(o, "kind", json_string(kind));
	json_object_set_new(o, "registry", json_string(m->r->id));
	json_canonical(o, ret);
	buf_addc(ret, '\n');
}

static int
making_end(struct proof_making *m, json_t *o, const char *kind, struct str checkpoint,
           struct buf *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct proof_result again;
	int rc;

	proof_making_text(m, o, kind, checkpoint, &text);
	rc = proof_check(buf_str(&text), &m->chain.policies.v[0].digest, &again, e);
	if (rc < 0)
		return err_prefix(e, "what the log holds proves nothing");
	proof_result_fini(&again);
	buf_add(ret, text.p, text.n);
	return 0;
}

void
proof_head(const struct ledger *l, struct tree_head *ret)
{
	*ret = (struct tree_head){ .size = l->size, .policy_seq = l->policy.seq };
	merkle_root(&l->next_pin.edge, &ret->root);
}

/* --- promotions --- */

static int
find_promotion(const struct proof_making *m, const char *model, const struct digest *version,
               const char *stage, struct promotion *ret, struct err *e)
{
	struct promotion at, before;
	int rc = ledger_stage(m->r, m->l, model, stage, &at, e);

	while (rc == 0 && at.exists && !digest_eq(&at.version, version)) {
		rc = ledger_before(m->r, m->l, model, stage, &at, &before, e);
		at = before;
	}
	if (rc < 0)
		return rc;
	if (!at.exists) {
		(void)err_set(e, ERR_NOT_FOUND, "%s of \"%s\" never held that version", stage,
		              model);
		return err_hint(e, "slipway history %.200s shows what it held", model);
	}
	*ret = at;
	return 0;
}

static int
want_version(struct proof_making *m, const char *model, uint64_t number, struct err *e)
{
	struct version_row row;
	struct txn *t;
	int rc = store_read_begin(m->r->store, &t, e);

	if (rc < 0)
		return rc;
	rc = version_get(t, model, number, &row, e);
	store_abort(t);
	if (rc == -ERR_NOT_FOUND) {
		(void)err_set(e, ERR_STORE, "the database does not know %s@v%" PRIu64, model,
		              number);
		return err_hint(e, "slipway rebuild makes it anew from the log");
	}
	return rc < 0 ? rc : proof_want(&m->g, row.seq, e);
}

/* The agent signed which entry allowed it. */
static int
want_authorisation(struct proof_making *m, const struct entry *n, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	struct statement st = { 0 };
	uint64_t seq;
	int rc = authority_envelope(n, &envelope, e);

	if (rc == 0)
		rc = statement_peek(buf_str(&envelope), &st, e);
	if (rc < 0)
		return rc;
	rc = json_get_u64(json_object_get(st.predicate, "authorisation"), "seq", "promotion", &seq,
	                  e);
	statement_fini(&st);
	return rc < 0 ? rc : proof_want(&m->g, seq, e);
}

static int
want_promotion(struct proof_making *m, const struct promotion *p, const char *model, struct err *e)
{
	struct entry n;
	int rc = evidence_entry(m->r, p->seq, &p->leaf, &n, e);

	if (rc < 0)
		return rc;
	rc = proof_want(&m->g, p->seq, e);
	if (rc == 0)
		rc = want_version(m, model, p->number, e);
	if (rc == 0)
		rc = want_authorisation(m, &n, e);
	for (size_t i = 0; rc == 0 && i < p->approvals_n; i++)
		rc = proof_want(&m->g, p->approvals[i].seq, e);
	entry_fini(&n);
	return rc;
}

static int
make_promotion(struct proof_making *m, const char *model, const struct digest *version,
               const char *stage, struct str checkpoint, struct buf *ret, struct err *e)
{
	cleanup_json json_t *o = json_object();
	struct promotion p;
	int rc = proof_making_begin(m, checkpoint, e);

	if (rc == 0)
		rc = find_promotion(m, model, version, stage, &p, e);
	if (rc == 0)
		rc = want_promotion(m, &p, model, e);
	if (rc == 0)
		rc = proof_gather_run(&m->g, m->r->log, &m->head.root, e);
	if (rc < 0)
		return rc;
	json_object_set_new(o, "model", json_string(model));
	json_object_set_new(o, "number", json_integer((json_int_t)p.number));
	json_object_set_new(o, "stage", json_string(stage));
	json_object_set_new(o, "version", json_from_digest(version));
	return making_end(m, o, PROOF_KIND_PROMOTION, checkpoint, ret, e);
}

int
proof_promotion(struct registry *r, const struct ledger *l, const char *model,
                const struct digest *version, const char *stage, struct str checkpoint,
                struct buf *ret, struct err *e)
{
	struct proof_making m = { .r = r, .l = l };
	int rc = make_promotion(&m, model, version, stage, checkpoint, ret, e);

	proof_making_fini(&m);
	return rc;
}

/* --- consistency --- */

static int
make_consistency(struct proof_making *m, struct str old, struct str checkpoint, struct buf *ret,
                 struct err *e)
{
	cleanup_json json_t *o = json_object();
	cleanup_buf struct buf trimmed = { 0 };
	struct tree_head then;
	int rc = proof_making_begin(m, checkpoint, e);

	if (rc == 0)
		rc = tree_head_trim(old, m->r->id, &trimmed, e);
	if (rc == 0)
		rc = tree_head_peek(buf_str(&trimmed), m->r->id, &then, e);
	if (rc < 0)
		return rc;
	m->g.growth = xcalloc(1, sizeof *m->g.growth);
	if (merkle_prove_consistency(m->g.growth, then.size, m->head.size) < 0)
		return err_set(e, ERR_DIGEST,
		               "the old checkpoint has %" PRIu64 " entries, the log %" PRIu64,
		               then.size, m->head.size);
	rc = proof_gather_run(&m->g, m->r->log, &m->head.root, e);
	if (rc < 0)
		return rc;
	json_object_set_new(o, "consistency", proof_hashes_json(m->g.growth));
	json_object_set_new(o, "oldCheckpoint", json_from_str(buf_str(&trimmed)));
	return making_end(m, o, PROOF_KIND_CONSISTENCY, checkpoint, ret, e);
}

int
proof_consistency(struct registry *r, const struct ledger *l, struct str old_checkpoint,
                  struct str checkpoint, struct buf *ret, struct err *e)
{
	struct proof_making m = { .r = r, .l = l };
	int rc = make_consistency(&m, old_checkpoint, checkpoint, ret, e);

	proof_making_fini(&m);
	return rc;
}
