/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence about versions: the newest that counts is found by its chain, whatever the rows say. */
#include "registry/attest.h"

#include "consent_fixture.h"

TestSuite(evidence);

#define FILE_DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000001"

static json_t *
place_json(const struct signed_place *p)
{
	if (digest_is_zero(&p->leaf))
		return json_null();
	return json_pack("{s:o, s:I}", "leaf", json_from_digest(&p->leaf), "seq",
	                 (json_int_t)p->seq);
}

/* What is said of a version: its auc, behind that place. */
struct saying {
	uint64_t number;
	struct digest version;
	const char *auc;
	struct signed_place previous, in_body; /* in_body: of the entry, when it lies */
	bool lies;
	const struct secret_key *by;
};

static int
try_attest(struct site *s, const struct saying *x, struct signed_place *ret, struct err *e)
{
	cleanup_json json_t *o =
	        json_pack("{s:{s:s}, s:s, s:s, s:I, s:o, s:s, s:s, s:o}", "content", "auc", x->auc,
	                  "file", FILE_DIGEST, "model", MODEL, "number", (json_int_t)x->number,
	                  "previous", place_json(&x->previous), "registry", s->r->id, "type",
	                  "metrics", "version", json_from_digest(&x->version));
	json_t *body =
	        json_pack("{s:o, s:s, s:I, s:o, s:s}", "digest", json_from_digest(&x->version),
	                  "file", FILE_DIGEST, "number", (json_int_t)x->number, "previous",
	                  place_json(x->lies ? &x->in_body : &x->previous), "type", "metrics");
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done = { 0 };
	int rc = 0;

	ok(statement_sign("evidence", MODEL, &x->version, o, x->by, &envelope, e), e, "sign");
	if (s->forges)
		done = site_forge(s, "evidence", MODEL, body, &envelope);
	else
		rc = site_try_commit(s, "evidence", MODEL, body, &envelope, &done, e);
	if (rc == 0 && ret)
		*ret = (struct signed_place){ .seq = done.seq, .leaf = done.leaf };
	return rc;
}

static struct signed_place
attest(struct site *s, const struct saying *x)
{
	struct signed_place ret;
	struct err e = { 0 };

	ok(try_attest(s, x, &ret, &e), &e, "attest");
	return ret;
}

/* What the log says of it: "" when nothing counts, and then *ret_rc says why. */
static void
expect_auc(struct site *s, uint64_t number, const struct digest *version, const char *auc, int rc)
{
	struct evidence v;
	struct ledger l;
	struct err e = { 0 };
	int is;

	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	is = ledger_evidence(s->r, &l, MODEL, number, version, EVIDENCE_METRICS, &v, &e);
	cr_expect_eq(is, rc, "v%u: %d, %s", (unsigned)number, is, e.msg);
	if (is == 0) {
		cr_expect_str_eq(json_opt_string(v.content, "auc"), auc);
		evidence_fini(&v);
	}
	ledger_fini(&l);
}

/* The database and the log are of one opinion about where the chain ends. */
static void
expect_last(struct site *s, const struct signed_place *is)
{
	struct signed_place in_log, in_rows;
	struct ledger l;
	struct txn *t;
	struct err e = { 0 };

	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	ok(ledger_evidence_last(&l, MODEL, &in_log, &e), &e, "last");
	ledger_fini(&l);
	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(evidence_last(t, MODEL, &in_rows, &e), &e, "row");
	store_abort(t);
	cr_expect_eq(in_log.seq, is->seq);
	cr_expect(digest_eq(&in_log.leaf, &is->leaf));
	cr_expect_eq(in_rows.seq, is->seq);
	cr_expect(digest_eq(&in_rows.leaf, &is->leaf));
}

/* Two versions, told about in turn: v1 0.99, v2 0.5, v1 0.1. */
struct told {
	struct site s;
	struct digest v1, v2;
	struct signed_place good, other, bad;
};

static void
tell(struct told *t)
{
	site_make(&t->s);
	t->v1 = site_version(&t->s, 1, "one");
	t->v2 = site_version(&t->s, 2, "two");
	t->good = attest(
	        &t->s,
	        &(struct saying){ .number = 1, .version = t->v1, .auc = "0.99", .by = t->s.ana });
	t->other = attest(&t->s, &(struct saying){ .number = 2,
	                                           .version = t->v2,
	                                           .auc = "0.5",
	                                           .previous = t->good,
	                                           .by = t->s.ana });
	t->bad = attest(&t->s, &(struct saying){ .number = 1,
	                                         .version = t->v1,
	                                         .auc = "0.1",
	                                         .previous = t->other,
	                                         .by = t->s.ana });
}

/* Whoever writes the database puts the better one back. */
static void
restore_row(struct told *t)
{
	cleanup_json json_t *content = json_pack("{s:s}", "auc", "0.99");
	const struct evidence v = { .seq = t->good.seq,
		                    .number = 1,
		                    .version = t->v1,
		                    .type = EVIDENCE_METRICS,
		                    .person = "ana",
		                    .content = content };
	struct txn *txn;
	struct err e = { 0 };

	ok(store_write_begin(t->s.r->store, &txn, &e), &e, "begin");
	ok(evidence_put(txn, MODEL, &v, &t->good.leaf, &e), &e, "row");
	ok(store_commit(txn, &e), &e, "commit");
}

Test(evidence, the_newest_counts_whatever_the_rows_say)
{
	struct told t;

	tell(&t);
	expect_last(&t.s, &t.bad);
	for (int pinned = 0; pinned < 2; pinned++) {
		expect_auc(&t.s, 1, &t.v1, "0.1", 0);
		expect_auc(&t.s, 2, &t.v2, "0.5", 0);
		expect_auc(&t.s, 3, &t.v1, "", -ERR_NOT_FOUND);
		expect_auc(&t.s, 2, &t.v1, "", -ERR_NOT_FOUND);
		restore_row(&t);
		expect_auc(&t.s, 1, &t.v1, "0.1", 0);
		expect_auc(&t.s, 2, &t.v2, "0.5", 0);
		site_pin(&t.s);
	}
	site_leave(&t.s);
}

/* Nor is the old one the newest when it is logged once more, or anything that leaves one out. */
Test(evidence, a_statement_continues_the_last_one)
{
	struct saying x;
	struct told t;
	struct err e = { 0 };

	tell(&t);
	x = (struct saying){ .number = 1, .version = t.v1, .auc = "0.99", .by = t.s.ana };
	for (int i = 0; i < 5; i++) {
		const struct signed_place at[] = { { 0 },
			                           t.good,
			                           t.other,
			                           { t.bad.seq, t.good.leaf },
			                           { t.good.seq, t.bad.leaf } };
		x.previous = at[i];
		cr_expect_eq(try_attest(&t.s, &x, NULL, &e), -ERR_SIGNATURE, "%d: %s", i, e.msg);
		cr_expect_not_null(strstr(e.msg, "does not continue"), "%s", e.msg);
		t.s.forges = true;
		(void)attest(&t.s, &x);
		t.s.forges = false;
		expect_last(&t.s, &t.bad);
		expect_auc(&t.s, 1, &t.v1, "0.1", 0);
	}
	x.previous = t.bad;
	x.by = t.s.eve;
	cr_expect_lt(try_attest(&t.s, &x, NULL, &e), 0);
	t.s.forges = true;
	(void)attest(&t.s, &x);
	x.by = t.s.ana;
	x.lies = true; /* who walks back reads the entry */
	x.in_body = t.good;
	(void)attest(&t.s, &x);
	t.s.forges = false;
	cr_expect_eq(try_attest(&t.s, &x, NULL, &e), -ERR_SIGNATURE, "%s", e.msg);
	expect_last(&t.s, &t.bad);
	x.lies = false;
	t.bad = attest(&t.s, &x);
	expect_last(&t.s, &t.bad);
	expect_auc(&t.s, 1, &t.v1, "0.99", 0);
	site_leave(&t.s);
}

/* What a key said that is revoked by now does not count, and uncovers nothing that it took back. */
Test(evidence, of_a_revoked_key_none_counts)
{
	struct signed_place last;
	struct secret_key *ben;
	struct ledger l;
	struct told t;
	struct err e = { 0 };
	char ssh[KEY_SSH_SIZE];
	json_t *doc;

	tell(&t);
	ben = site_key(4);
	ben_joins(&t.s, ben);
	last = attest(
	        &t.s,
	        &(struct saying){
	                .number = 1, .version = t.v1, .auc = "0.2", .previous = t.bad, .by = ben });
	expect_auc(&t.s, 1, &t.v1, "0.2", 0);
	ok(ledger_open(t.s.r, &l, &e), &e, "ledger");
	doc = solo_policy(t.s.r->id, "ana", &t.s.ana->pub, &t.s.agent->pub, 3000);
	json_object_set_new(doc, "previous", json_from_digest(&l.policy.digest));
	json_object_set_new(doc, "version", json_integer(3));
	ledger_fini(&l);
	key_ssh(&ben->pub, ssh);
	json_object_set_new(doc, "revoked",
	                    json_pack("[{s:s, s:i}]", "key", ssh, "at", (int)last.seq));
	site_policy(&t.s, doc, t.s.ana);
	expect_last(&t.s, &last);
	expect_auc(&t.s, 1, &t.v1, "", -ERR_UNTRUSTED);
	expect_auc(&t.s, 2, &t.v2, "0.5", 0);
	last = attest(&t.s, &(struct saying){ .number = 1,
	                                      .version = t.v1,
	                                      .auc = "0.3",
	                                      .previous = last,
	                                      .by = t.s.ana });
	expect_auc(&t.s, 1, &t.v1, "0.3", 0);
	key_free(ben);
	site_leave(&t.s);
}
