/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receipts. What is told is not told again: each line has its own place in the other log. Whose
 * bundles they were is asked of our own rows, by number and inventory.
 */
#include "registry/receipt.h"

#include <inttypes.h>
#include <string.h>

#include "registry/base/vec.h"
#include "registry/change.h"
#include "registry/history.h"
#include "registry/origin.h"

/* --- making --- */

struct make {
	struct registry *r;
	const char *source;
	struct txn *t;
	struct err *e;
	VEC(uint64_t) seqs;
};

static int
take_bundle(void *arg, const struct bundle_claim *c)
{
	struct make *const m = arg;

	vec_push(&m->seqs, c->seq);
	return 0;
}

/* What happened here to the versions of a model that came from there. */
static int
take_entry(void *arg, const struct entry *n)
{
	struct make *const m = arg;

	if ((streq(n->type, "version") && origin_is(n)) || streq(n->type, "promotion"))
		vec_push(&m->seqs, n->seq);
	return 0;
}

static int
take_model(void *arg, const struct model_row *row)
{
	struct make *const m = arg;

	return streq(row->home, m->source)
	               ? history_each(m->r, m->t, row->name, take_entry, m, m->e)
	               : 0;
}

static int
gather(struct make *m, struct err *e)
{
	int rc = store_read_begin(m->r->store, &m->t, e);

	if (rc < 0)
		return rc;
	rc = bundle_row_each(m->t, BUNDLE_IMPORTED, m->source, take_bundle, m, e);
	if (rc == 0 && m->seqs.n == 0)
		rc = err_set(e, ERR_NOT_FOUND, "nothing came from registry %s", m->source);
	if (rc == 0)
		rc = model_each(m->t, NULL, take_model, m, e);
	store_abort(m->t);
	return rc;
}

static int
make_text(struct make *m, const struct ledger *l, struct str checkpoint, struct buf *ret,
          struct err *e)
{
	struct proof_making p = { .r = m->r, .l = l };
	cleanup_json json_t *o = json_object();
	int rc = proof_making_begin(&p, checkpoint, e);

	for (size_t i = 0; rc == 0 && i < m->seqs.n; i++)
		rc = proof_want(&p.g, m->seqs.v[i], e);
	if (rc == 0 && p.g.wanted.n > PROOF_ENTRIES_MAX)
		rc = err_set(e, ERR_TOO_BIG, "more than %d log entries for one receipt",
		             PROOF_ENTRIES_MAX);
	if (rc == 0)
		rc = proof_gather_run(&p.g, m->r->log, &p.head.root, e);
	if (rc == 0) {
		json_object_set_new(o, "site", json_string(m->source));
		proof_making_text(&p, o, PROOF_KIND_RECEIPT, checkpoint, ret);
	}
	proof_making_fini(&p);
	return rc;
}

int
receipt_make(struct registry *r, const struct ledger *l, const char *source, struct str checkpoint,
             struct buf *ret, struct err *e)
{
	struct make m = { .r = r, .source = source, .e = e };
	struct origin again;
	int rc = gather(&m, e);

	if (rc == 0)
		rc = make_text(&m, l, checkpoint, ret, e);
	vec_fini(&m.seqs);
	if (rc == 0)
		rc = origin_check(buf_str(ret), NULL, &again, e);
	if (rc < 0)
		return rc;
	origin_fini(&again);
	return 0;
}

/* --- reading --- */

struct came {
	struct registry *r;
	const struct ledger *l;
	struct origin origin;
	struct digest blob;
	struct receipt_came *ret;
	uint64_t known; /* size of the log there, at the last receipt */
	struct change_lines lines;
};

/* Its number and inventory are those of one that was built here. */
static int
is_ours(struct came *c, struct txn *t, const struct entry *n, struct err *e)
{
	const json_t *const origin = json_object_get(n->body, "origin");
	struct bundle_claim built;
	struct digest inventory;
	uint64_t counter;
	int rc;

	if (!streq(json_opt_string(origin, "registry"), c->r->id))
		return 0; /* of somebody else */
	rc = json_get_u64(n->body, "counter", "receipt", &counter, e);
	if (rc == 0)
		rc = json_get_digest(n->body, "inventory", "receipt", &inventory, e);
	if (rc < 0)
		return rc;
	rc = bundle_row_get(t, BUNDLE_BUILT, c->r->id, counter, &built, e);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	if (rc < 0 || !digest_eq(&built.inventory, &inventory))
		return err_set(e, ERR_DIGEST,
		               "the receipt tells of a bundle %" PRIu64 " that was not built here",
		               counter);
	c->ret->bundles++;
	if (counter > c->ret->last)
		c->ret->last = counter;
	return 0;
}

/* A version of ours: the model is numbered here, and has those bytes under that number. */
static int
is_about_ours(struct txn *t, const struct entry *n, bool *ret, struct err *e)
{
	struct version_row v = { 0 };
	struct digest d;
	uint64_t number = json_opt_u64(n->body, "number");
	int rc;

	*ret = false;
	if (!n->model || number == 0)
		return 0;
	rc = version_get(t, n->model, number, &v, e);
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? 0 : rc;
	rc = json_get_digest(n->body, "digest", "receipt", &d, e);
	*ret = rc == 0 && digest_eq(&d, &v.digest);
	return rc;
}

static void
add_line(struct came *c, const struct entry *n)
{
	const struct change_line line = {
		"origin", n->model, origin_body_told(n, c->origin.proof.registry_id, c->ret->site),
		&c->blob
	};

	vec_push(&c->lines, line);
}

static int
see(struct came *c, struct txn *t, const struct entry *n, struct err *e)
{
	bool ours;
	int rc;

	if (streq(n->type, "bundle"))
		return is_ours(c, t, n, e);
	if (!streq(n->type, "version") && !streq(n->type, "promotion"))
		return 0;
	rc = is_about_ours(t, n, &ours, e);
	if (rc < 0 || !ours)
		return rc;
	if (streq(n->type, "version"))
		c->ret->versions++;
	else
		c->ret->promotions++;
	rc = bundle_told_get(t, c->origin.proof.registry_id, n->seq, &ours, e);
	if (rc == 0 && !ours)
		add_line(c, n);
	return rc;
}

static int
see_all(struct came *c, struct txn *t, struct err *e)
{
	struct bundle_claim last;
	int rc = bundle_row_last(t, BUNDLE_RECEIPT, c->origin.proof.registry_id, &last, e);

	c->known = last.counter;
	for (size_t i = 0; rc == 0 && i < c->origin.proof.entries.n; i++)
		rc = see(c, t, &c->origin.proof.entries.v[i].n, e);
	c->ret->news = c->lines.n;
	return rc;
}

static int
open_text(struct came *c, struct str text, struct err *e)
{
	const struct policy_site *site;
	int rc = origin_check(text, NULL, &c->origin, e);

	if (rc < 0)
		return rc;
	(void)str_copy(c->ret->registry_id, sizeof c->ret->registry_id,
	               c->origin.proof.registry_id);
	if (c->origin.proof.kind != PROOF_RECEIPT)
		return err_set(e, ERR_MALFORMED, "no receipt");
	if (!streq(c->origin.proof.site, c->r->id))
		return err_set(e, ERR_UNTRUSTED, "the receipt is for registry %s",
		               c->origin.proof.site);
	site = policy_site_by_root(&c->l->policy, &c->origin.root);
	if (!site) {
		(void)err_set(e, ERR_UNTRUSTED, "the policy does not believe registry %s",
		              c->ret->registry_id);
		return err_hint(e,
		                "slipway policy trust-site NAME --root FINGERPRINT, with the one "
		                "that people there told you");
	}
	(void)str_copy(c->ret->site, sizeof c->ret->site, site->name);
	return 0;
}

static void
fini(struct came *c)
{
	origin_fini(&c->origin);
	vec_foreach(line, &c->lines)
		json_decref(line->body);
	vec_fini(&c->lines);
}

static int
read_text(struct came *c, struct str text, struct err *e)
{
	struct txn *t;
	int rc = open_text(c, text, e);

	if (rc == 0)
		rc = store_read_begin(c->r->store, &t, e);
	if (rc < 0)
		return rc;
	rc = see_all(c, t, e);
	store_abort(t);
	return rc;
}

int
receipt_read(struct registry *r, const struct ledger *l, struct str text, struct receipt_came *ret,
             struct err *e)
{
	struct came c = { .r = r, .l = l, .ret = ret };
	int rc;

	*ret = (struct receipt_came){ 0 };
	rc = read_text(&c, text, e);
	fini(&c);
	return rc;
}

/* --- taking in --- */

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	struct came *const c = arg;
	struct bundle_claim claim = { .way = BUNDLE_RECEIPT, .versions = c->ret->versions };
	struct bundle_claim last;
	int rc = bundle_row_last(t, BUNDLE_RECEIPT, c->origin.proof.registry_id, &last, e);

	if (rc < 0)
		return rc;
	if (last.counter != c->known)
		return err_set(e, ERR_CONFLICT, "another receipt came meanwhile: import again");
	(void)str_copy(claim.registry_id, sizeof claim.registry_id, c->origin.proof.registry_id);
	(void)str_copy(claim.site, sizeof claim.site, c->ret->site);
	*ret_body = bundle_claim_body(&claim, NULL);
	return 0;
}

static int
commit(struct came *c, struct str text, const char *reason, struct err *e)
{
	const struct change change = {
		.type = "bundle",
		.check = check,
		.arg = c,
		.reason = reason,
		.blob = &c->blob,
		.statement_blob = &c->blob,
		.more = &c->lines,
	};
	struct change_result done;
	int rc = blob_put_mem(c->r->blobs, text.p, text.n, &c->blob, NULL, e);

	if (rc == 0)
		rc = change_commit(c->r, &change, &done, e);
	if (rc == 0)
		c->ret->changed = done.changed;
	return rc;
}

int
receipt_import(struct registry *r, const struct ledger *l, struct str text, const char *reason,
               struct receipt_came *ret, struct err *e)
{
	struct came c = { .r = r, .l = l, .ret = ret };
	int rc;

	*ret = (struct receipt_came){ 0 };
	rc = read_text(&c, text, e);
	if (rc == 0 && c.origin.trust.head.size > c.known)
		rc = commit(&c, text, reason, e);
	fini(&c);
	return rc;
}
