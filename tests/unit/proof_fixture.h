/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site with two policies, the second one with a log key, three promotions, and what it proves.
 * Its log: 1 policy, 2 version 1, 3 policy with the log key, 4 version 2, then for each promotion
 * plan, authorisation, promotion: of v1 to staging 5 to 7, of v2 to staging 8 to 10, to production
 * 11 to 13.
 */
#pragma once

#include "registry/audit.h"
#include "registry/history.h"
#include "registry/proof.h"
#include "registry/proof_private.h"
#include "registry_fixture.h"

struct evidence { /* a site with two policies, the second one with a log key, and what it proved */
	struct site s;
	struct secret_key *log, *other_log;
	struct digest root, v1, v2;
	struct buf old_note, note;
	struct buf v1_staging, v2_staging, v2_production, growth;
};

static inline json_t *
next_policy(struct site *s)
{
	json_t *doc;
	struct ledger l;
	struct err e = { 0 };

	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	doc = json_deep_copy(l.policy.doc);
	json_object_set_new(doc, "version", json_integer((json_int_t)l.policy.version + 1));
	json_object_set_new(doc, "previous", json_from_digest(&l.policy.digest));
	ledger_fini(&l);
	return doc;
}

static inline void
name_log_key(struct site *s, const struct secret_key *log)
{
	json_t *doc = next_policy(s);
	char ssh[KEY_SSH_SIZE];

	key_ssh(&log->pub, ssh);
	json_array_append_new(json_object_get(doc, "people"),
	                      json_pack("{s:s, s:[s]}", "id", "log", "keys", ssh));
	json_object_set_new(json_object_get(doc, "roles"), "log", json_pack("[s]", "log"));
	site_policy(s, doc, s->ana);
}

/* The log as it is, signed. */
static inline void
checkpoint(struct site *s, const struct secret_key *key, struct buf *ret)
{
	struct tree_head h;
	struct ledger l;
	struct err e = { 0 };

	buf_clear(ret);
	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	proof_head(&l, &h);
	ok(tree_head_sign(s->r->id, &h, key, ret, &e), &e, "sign");
	ledger_fini(&l);
}

static inline int
try_prove(struct evidence *v, const struct digest *version, const char *stage,
          const struct buf *note, struct buf *ret, struct err *e)
{
	struct ledger l;
	int rc = ledger_open(v->s.r, &l, e);

	buf_clear(ret);
	if (rc == 0)
		rc = proof_promotion(v->s.r, &l, MODEL, version, stage, buf_str(note), ret, e);
	ledger_fini(&l);
	return rc;
}

static inline void
prove(struct evidence *v, const struct digest *version, const char *stage, struct buf *ret)
{
	struct err e = { 0 };

	ok(try_prove(v, version, stage, &v->note, ret, &e), &e, stage);
}

static inline void
prove_growth(struct evidence *v)
{
	struct ledger l;
	struct err e = { 0 };

	ok(ledger_open(v->s.r, &l, &e), &e, "ledger");
	ok(proof_consistency(v->s.r, &l, buf_str(&v->old_note), buf_str(&v->note), &v->growth, &e),
	   &e, "growth");
	ledger_fini(&l);
}

static inline void
make(struct evidence *v)
{
	struct ledger l;
	struct err e = { 0 };

	*v = (struct evidence){ 0 };
	site_make(&v->s);
	v->log = site_key(7);
	v->other_log = site_key(8);
	ok(ledger_open(v->s.r, &l, &e), &e, "ledger");
	v->root = l.policy.digest;
	ledger_fini(&l);
	v->v1 = site_version(&v->s, 1, "one");
	name_log_key(&v->s, v->log);
	checkpoint(&v->s, v->log, &v->old_note);
	v->v2 = site_version(&v->s, 2, "two");
	site_move(&v->s, "promote", &v->v1, "staging");
	site_move(&v->s, "promote", &v->v2, "staging");
	site_move(&v->s, "promote", &v->v2, "production");
	checkpoint(&v->s, v->log, &v->note);
	prove(v, &v->v1, "staging", &v->v1_staging);
	prove(v, &v->v2, "staging", &v->v2_staging);
	prove(v, &v->v2, "production", &v->v2_production);
	prove_growth(v);
}

static inline void
leave(struct evidence *v)
{
	struct buf *const bufs[] = { &v->old_note,   &v->note,          &v->v1_staging,
		                     &v->v2_staging, &v->v2_production, &v->growth };

	for (size_t i = 0; i < COUNT(bufs); i++)
		buf_fini(bufs[i]);
	key_free(v->log);
	key_free(v->other_log);
	site_leave(&v->s);
}

static inline int
check(const struct buf *text, const struct digest *root, struct err *e)
{
	struct proof_result p = { 0 };
	int rc;

	*e = (struct err){ 0 };
	rc = proof_check(buf_str(text), root, &p, e);
	cr_expect_eq(rc, -(int)e->code);
	cr_expect(rc < 0 || p.registry_id[0]);
	proof_result_fini(&p);
	return rc;
}

static inline void
refused(const struct buf *text, const struct digest *root, enum err_code code, const char *words)
{
	struct err e;
	int rc = check(text, root, &e);

	cr_expect_eq(rc, -(int)code, "%s: %s %s", words, err_name(e.code), e.msg);
	cr_expect(strstr(e.msg, words), "\"%s\" is not in: %s", words, e.msg);
}

/* --- any entries of the log as a proof, as somebody with the folder and a checkpoint could --- */

struct claim {
	const char *model, *stage;
	uint64_t number;
	struct digest version;
};

static inline void
compose(struct evidence *v, const struct claim *c, const uint64_t *seqs, size_t n, struct buf *ret)
{
	cleanup_buf struct buf note = { 0 };
	cleanup_json json_t *o = json_object();
	struct proof_making m = { .r = v->s.r };
	struct tree_head h;
	struct ledger l;
	struct err e = { 0 };

	ok(ledger_open(v->s.r, &l, &e), &e, "ledger");
	proof_head(&l, &h);
	ledger_fini(&l);
	ok(tree_head_sign(v->s.r->id, &h, v->log, &note, &e), &e, "sign");
	m.g.size = h.size;
	for (size_t i = 0; i < n; i++)
		ok(proof_want(&m.g, seqs[i], &e), &e, "want");
	ok(proof_gather_run(&m.g, v->s.r->log, &h.root, &e), &e, "run");
	json_object_set_new(o, "model", json_string(c->model));
	json_object_set_new(o, "number", json_integer((json_int_t)c->number));
	json_object_set_new(o, "stage", json_string(c->stage));
	json_object_set_new(o, "version", json_from_digest(&c->version));
	buf_clear(ret);
	proof_making_text(&m, o, PROOF_KIND_PROMOTION, buf_str(&note), ret);
	proof_making_fini(&m);
}
