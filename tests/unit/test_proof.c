/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof files: a good one is accepted by the fingerprint of the first policy alone, and every other
 * one is refused: each byte changed, members swapped with those of another good proof, an entry
 * left out, and what somebody with old keys and the folder can put together.
 */
#include "registry/proof.h"

#include "registry/audit.h"
#include "registry_fixture.h"

#ifdef __SANITIZE_ADDRESS__
#define STRIDE 7
#else
#define STRIDE 1
#endif

struct evidence { /* a site with two policies, the second one with a log key, and what it proved */
	struct site s;
	struct secret_key *log, *other_log;
	struct digest root, v1, v2;
	struct buf old_note, note;
	struct buf v1_staging, v2_staging, v2_production, growth;
};

static json_t *
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

static void
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
static void
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

static int
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

static void
prove(struct evidence *v, const struct digest *version, const char *stage, struct buf *ret)
{
	struct err e = { 0 };

	ok(try_prove(v, version, stage, &v->note, ret, &e), &e, stage);
}

static void
prove_growth(struct evidence *v)
{
	struct ledger l;
	struct err e = { 0 };

	ok(ledger_open(v->s.r, &l, &e), &e, "ledger");
	ok(proof_consistency(v->s.r, &l, buf_str(&v->old_note), buf_str(&v->note), &v->growth, &e),
	   &e, "growth");
	ledger_fini(&l);
}

static void
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

static void
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

static int
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

static void
refused(const struct buf *text, const struct digest *root, enum err_code code, const char *words)
{
	struct err e;
	int rc = check(text, root, &e);

	cr_expect_eq(rc, -(int)code, "%s: %s %s", words, err_name(e.code), e.msg);
	cr_expect(strstr(e.msg, words), "\"%s\" is not in: %s", words, e.msg);
}

Test(proof, a_good_one)
{
	struct evidence v;
	struct proof_result p;
	struct err e = { 0 };

	make(&v);
	ok(proof_check(buf_str(&v.v2_production), &v.root, &p, &e), &e, "check");
	cr_expect_str_eq(p.model, MODEL);
	cr_expect_str_eq(p.stage, "production");
	cr_expect_eq(p.number, 2);
	cr_expect(digest_eq(&p.version, &v.v2));
	cr_expect_str_eq(p.author.person, "ana");
	cr_expect_str_eq(p.deployer.person, "ana");
	cr_expect_str_eq(p.agent.person, "agent");
	cr_expect_eq(p.policy_version, 2);
	cr_expect_not(p.is_rollback || p.is_break_glass);
	proof_result_fini(&p);
	ok(proof_check(buf_str(&v.growth), &v.root, &p, &e), &e, "growth");
	cr_expect_eq(p.kind, PROOF_CONSISTENCY);
	cr_expect_lt(p.old.size, p.head.size);
	proof_result_fini(&p);
	leave(&v);
}

static void
flip_each(struct buf *text, const struct digest *root)
{
	struct err e;

	for (size_t i = 0; i < text->n; i += STRIDE) {
		const char was = text->p[i];

		text->p[i] = (char)(was ^ (i % 2 ? 1 : 0x20));
		cr_expect_lt(check(text, root, &e), 0, "byte %zu", i);
		text->p[i] = was;
	}
	cr_expect_eq(check(text, root, &e), 0);
}

/* Each byte says something that must be so. */
Test(proof, every_byte, .timeout = 600)
{
	struct evidence v;

	make(&v);
	flip_each(&v.v1_staging, &v.root);
	flip_each(&v.growth, &v.root);
	leave(&v);
}

Test(proof, cut_and_longer)
{
	struct evidence v;
	struct err e;

	make(&v);
	for (size_t n = 0; n < v.v1_staging.n; n += 61) {
		const struct buf cut = { v.v1_staging.p, n, 0 };
		cr_expect_lt(check(&cut, &v.root, &e), 0, "%zu bytes", n);
	}
	buf_adds(&v.v1_staging, "\n");
	refused(&v.v1_staging, &v.root, ERR_MALFORMED, "not written as");
	buf_clear(&v.v1_staging);
	while (v.v1_staging.n <= PROOF_MAX)
		buf_adds(&v.v1_staging, "                                ");
	refused(&v.v1_staging, &v.root, ERR_TOO_BIG, "larger");
	leave(&v);
}

/* --- members of other good proofs --- */

static json_t *
open_proof(const struct buf *text)
{
	json_t *o;
	struct err e = { 0 };

	ok(json_parse(buf_str(text), "proof", &o, &e), &e, "parse");
	return o;
}

static void
close_proof(json_t *o, struct buf *ret)
{
	buf_clear(ret);
	json_canonical(o, ret);
	buf_addc(ret, '\n');
	json_decref(o);
}

static void
swap_members(const struct evidence *v, const struct buf *from, const struct buf *to)
{
	cleanup_json json_t *a = open_proof(from);
	const char *key;
	json_t *value;

	json_object_foreach(a, key, value)
	{
		cleanup_buf struct buf text = { 0 };
		json_t *const b = open_proof(to);
		const json_t *const old = json_object_get(b, key);
		const bool is_same = old && json_equal(old, value);
		struct err e;

		json_object_set(b, key, value);
		close_proof(b, &text);
		cr_expect_eq(check(&text, &v->root, &e) == 0, is_same, "\"%s\": %s", key, e.msg);
	}
}

static void
swap_entries(const struct evidence *v, const struct buf *from, const struct buf *to)
{
	cleanup_json json_t *a = open_proof(from);
	const json_t *const theirs = json_object_get(a, "entries");

	for (size_t i = 0; i < json_array_size(theirs); i++) {
		cleanup_buf struct buf text = { 0 };
		json_t *const b = open_proof(to);
		json_t *const mine = json_object_get(b, "entries"), *const x = json_array_get(
		                                                            theirs, i);
		const bool is_same = json_equal(json_array_get(mine, i), x);
		struct err e;

		json_array_set(mine, i, x);
		close_proof(b, &text);
		cr_expect_eq(check(&text, &v->root, &e) == 0, is_same, "entry %zu: %s", i, e.msg);
	}
}

Test(proof, members_of_another)
{
	struct evidence v;

	make(&v);
	const struct buf *const all[] = { &v.v1_staging, &v.v2_staging, &v.v2_production,
		                          &v.growth };
	for (size_t i = 0; i < COUNT(all); i++)
		for (size_t k = 0; k < COUNT(all); k++) {
			swap_members(&v, all[i], all[k]);
			if (i < 3 && k < 3)
				swap_entries(&v, all[i], all[k]);
		}
	leave(&v);
}

/* What is said on top is what the entries say. */
Test(proof, other_claims)
{
	static const struct {
		const char *key, *value, *words;
		enum err_code code;
	} cases[] = {
		{ "stage", "\"production\"", "another stage", ERR_SIGNATURE },
		{ "model", "\"other\"", "another model", ERR_SIGNATURE },
		{ "number", "1", "another version", ERR_SIGNATURE },
		{ "version",
		  "\"sha256:00000000000000000000000000000000000000000000000000000000000000"
		  "aa\"",
		  "another version", ERR_SIGNATURE },
		{ "registry", "\"00000000000000000000000000000000\"", "another registry",
		  ERR_UNTRUSTED },
		{ "kind", "\"ConsistencyProof\"", "members", ERR_MALFORMED },
		{ "kind", "\"Proof\"", "is none", ERR_MALFORMED },
		{ "apiVersion", "\"slipway/v2\"", "is none", ERR_MALFORMED },
		{ "more", "1", "members", ERR_MALFORMED },
		{ "entries", "[]", "no policy", ERR_MALFORMED },
		{ "checkpoint", "\"\"", "note", ERR_MALFORMED },
	};
	struct evidence v;

	make(&v);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf text = { 0 };
		json_t *const o = open_proof(&v.v2_staging);

		json_object_set_new(o, cases[i].key,
		                    json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
		close_proof(o, &text);
		refused(&text, &v.root, cases[i].code, cases[i].words);
	}
	v.root.b[0] ^= 1;
	refused(&v.v2_staging, &v.root, ERR_UNTRUSTED, "another fingerprint");
	refused(&v.growth, &v.root, ERR_UNTRUSTED, "another fingerprint");
	leave(&v);
}

/* Without one of its entries, or with one twice. */
Test(proof, entries_missing)
{
	struct evidence v;
	size_t n;

	make(&v);
	json_t *o = open_proof(&v.v2_staging);
	n = json_array_size(json_object_get(o, "entries"));
	json_decref(o);
	cr_assert_eq(n, 5);
	for (size_t i = 0; i < n; i++) {
		cleanup_buf struct buf text = { 0 };
		struct err e;

		o = open_proof(&v.v2_staging);
		json_array_remove(json_object_get(o, "entries"), i);
		close_proof(o, &text);
		cr_expect_lt(check(&text, &v.root, &e), 0, "without entry %zu", i);
		o = open_proof(&v.v2_staging);
		json_t *const entries = json_object_get(o, "entries");
		json_array_insert(entries, i, json_array_get(entries, i));
		close_proof(o, &text);
		refused(&text, &v.root, ERR_MALFORMED, "out of order");
	}
	leave(&v);
}

/* --- with the folder and keys that are no longer good --- */

/* ana's key is revoked from a place in the past: what she allowed behind it proves nothing. */
Test(proof, a_revoked_key)
{
	struct evidence v;
	cleanup_buf struct buf text = { 0 };
	struct secret_key *bob;
	struct err e = { 0 };
	char ssh[KEY_SSH_SIZE], hers[KEY_SSH_SIZE];

	make(&v);
	bob = site_key(9);
	json_t *doc = next_policy(&v.s);
	json_t *const person = json_array_get(json_object_get(doc, "people"), 0);
	key_ssh(&bob->pub, ssh);
	key_ssh(&v.s.ana->pub, hers);
	json_array_append_new(json_object_get(person, "keys"), json_string(ssh));
	site_policy(&v.s, doc, v.s.ana);
	doc = next_policy(&v.s);
	json_array_remove(
	        json_object_get(json_array_get(json_object_get(doc, "people"), 0), "keys"), 0);
	json_object_set_new(doc, "revoked", json_pack("[{s:s, s:i}]", "key", hers, "at", 4));
	cleanup_buf struct buf body = { 0 }, envelope = { 0 };
	struct digest d;
	json_canonical(doc, &body);
	digest_small(body.p, body.n, &d);
	ok(statement_sign("policy", "policy", &d, doc, bob, &envelope, &e), &e, "sign");
	site_commit(&v.s, "policy", NULL,
	            json_pack("{s:o, s:O}", "digest", json_from_digest(&d), "version",
	                      json_object_get(doc, "version")),
	            &envelope);
	json_decref(doc);
	checkpoint(&v.s, v.log, &v.note);
	cr_expect_lt(try_prove(&v, &v.v2, "staging", &v.note, &text, &e), 0);
	cr_expect(strstr(e.msg, "revokes its key"), "%s", e.msg);
	/* the older checkpoint is of a time when nobody said so */
	cr_expect_eq(check(&v.v2_staging, &v.root, &e), 0);
	key_free(bob);
	leave(&v);
}

/* A checkpoint by a key that the newest policy does not give the role, and one that names an older
 * policy than the tree holds. */
Test(proof, other_checkpoints)
{
	struct evidence v;
	struct tree_head h;
	struct ledger l;
	cleanup_buf struct buf text = { 0 };
	cleanup_buf struct buf note = { 0 };
	struct err e = { 0 };

	make(&v);
	checkpoint(&v.s, v.other_log, &note);
	cr_expect_eq(try_prove(&v, &v.v2, "staging", &note, &text, &e), -(int)ERR_UNTRUSTED, "%s",
	             e.msg);
	ok(ledger_open(v.s.r, &l, &e), &e, "ledger");
	proof_head(&l, &h);
	ledger_fini(&l);
	h.policy_seq = 1;
	buf_clear(&note);
	ok(tree_head_sign(v.s.r->id, &h, v.log, &note, &e), &e, "sign");
	json_t *o = open_proof(&v.v2_staging);
	json_object_set_new(o, "checkpoint", json_from_str(buf_str(&note)));
	close_proof(o, &text);
	refused(&text, &v.root, ERR_UNTRUSTED, "which is not there");
	/* the tree of another log */
	h.policy_seq = 3;
	h.root.b[0] ^= 1;
	buf_clear(&note);
	ok(tree_head_sign(v.s.r->id, &h, v.log, &note, &e), &e, "sign");
	o = open_proof(&v.v2_staging);
	json_object_set_new(o, "checkpoint", json_from_str(buf_str(&note)));
	close_proof(o, &text);
	refused(&text, &v.root, ERR_DIGEST, "not in the tree");
	cr_expect_eq(try_prove(&v, &v.v2, "staging", &note, &text, &e), -(int)ERR_DIGEST);
	leave(&v);
}

Test(proof, of_what_was_not)
{
	struct evidence v;
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };
	const struct digest none = { { 1 } };

	make(&v);
	cr_expect_eq(try_prove(&v, &v.v1, "production", &v.note, &text, &e), -(int)ERR_NOT_FOUND);
	cr_expect(strstr(e.msg, "never held"), "%s", e.msg);
	e = (struct err){ 0 };
	cr_expect_eq(try_prove(&v, &none, "staging", &v.note, &text, &e), -(int)ERR_NOT_FOUND);
	/* the checkpoint is older than the promotion */
	e = (struct err){ 0 };
	cr_expect_eq(try_prove(&v, &v.v2, "staging", &v.old_note, &text, &e), -(int)ERR_NOT_FOUND);
	cr_expect(strstr(e.msg, "behind the checkpoint"), "%s", e.msg);
	leave(&v);
}
