/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof files: a good one is accepted by the fingerprint of the first policy alone, and every other
 * one is refused: each byte changed, members swapped with those of another good proof, an entry
 * left out, and what somebody with old keys and the folder can put together.
 */
#include "registry/proof.h"

#include "proof_fixture.h"

#ifdef __SANITIZE_ADDRESS__
#define STRIDE 7
#else
#define STRIDE 1
#endif

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

/* --- members of other types --- */

static void
set_each(const struct evidence *v, const struct buf *good, const char *key, bool in_entry)
{
	static const char *const values[] = { "null", "0",  "-1",  "1.5",     "\"\"", "\"x\"",
		                              "[]",   "{}", "[0]", "[\"x\"]", "[[]]", "true" };

	for (size_t i = 0; i < COUNT(values); i++) {
		cleanup_buf struct buf text = { 0 };
		json_t *const o = open_proof(good);
		json_t *const at = in_entry ? json_array_get(json_object_get(o, "entries"), 1) : o;
		struct err e;

		json_object_set_new(at, key, json_loads(values[i], JSON_DECODE_ANY, NULL));
		close_proof(o, &text);
		cr_expect_lt(check(&text, &v->root, &e), 0, "\"%s\" is %s", key, values[i]);
	}
}

/* One is not there, and one that nobody knows in its place. */
static void
rename_each(const struct evidence *v, const struct buf *good, const char *key, bool in_entry)
{
	cleanup_buf struct buf text = { 0 };
	json_t *const o = open_proof(good);
	json_t *const at = in_entry ? json_array_get(json_object_get(o, "entries"), 1) : o;

	json_object_set(at, "else", json_object_get(at, key));
	json_object_del(at, key);
	close_proof(o, &text);
	refused(&text, &v->root, ERR_MALFORMED, "is missing");
}

Test(proof, members_of_other_types)
{
	static const char *const in_entry[] = { "inclusion", "json", "seq" };
	struct evidence v;

	make(&v);
	const struct buf *const all[] = { &v.v2_staging, &v.growth };
	for (size_t i = 0; i < COUNT(all); i++) {
		cleanup_json json_t *names = open_proof(all[i]);
		const char *key;
		json_t *value;

		json_object_foreach(names, key, value)
		{
			set_each(&v, all[i], key, false);
			rename_each(&v, all[i], key, false);
		}
		for (size_t k = 0; k < COUNT(in_entry); k++) {
			set_each(&v, all[i], in_entry[k], true);
			rename_each(&v, all[i], in_entry[k], true);
		}
	}
	leave(&v);
}

/* More of something than fits. */
Test(proof, too_many)
{
	cleanup_free char *json = xcalloc(1, LOG_JSON_MAX + 2);
	cleanup_buf struct buf text = { 0 };
	struct evidence v;
	json_t *o, *entry, *path, *list;

	make(&v);
	o = open_proof(&v.v2_staging);
	path = json_object_get(json_array_get(json_object_get(o, "entries"), 1), "inclusion");
	while (json_array_size(path) < 80)
		json_array_append(path, json_array_get(path, 0));
	close_proof(o, &text);
	refused(&text, &v.root, ERR_MALFORMED, "hashes");
	o = open_proof(&v.growth);
	path = json_object_get(o, "consistency");
	while (json_array_size(path) < 80)
		json_array_append(path, json_array_get(path, 0));
	close_proof(o, &text);
	refused(&text, &v.root, ERR_MALFORMED, "hashes");
	memset(json, ' ', LOG_JSON_MAX + 1);
	o = open_proof(&v.v2_staging);
	entry = json_array_get(json_object_get(o, "entries"), 1);
	json_object_set_new(entry, "json", json_string(json));
	close_proof(o, &text);
	refused(&text, &v.root, ERR_MALFORMED, "no line of a log");
	o = open_proof(&v.v2_staging);
	list = json_object_get(o, "entries");
	while (json_array_size(list) <= PROOF_ENTRIES_MAX)
		json_array_append(list, json_array_get(list, 0));
	close_proof(o, &text);
	refused(&text, &v.root, ERR_TOO_BIG, "entries");
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

/* Old checkpoints that the log's key did sign, of another tree and before any policy. */
Test(proof, growth_of_another_log)
{
	struct evidence v;
	struct tree_head h;

	make(&v);
	for (int i = 0; i < 2; i++) {
		cleanup_buf struct buf text = { 0 }, note = { 0 };
		struct err e = { 0 };
		json_t *const o = open_proof(&v.growth);

		ok(tree_head_peek(buf_str(&v.old_note), v.s.r->id, &h, &e), &e, "peek");
		h.root.b[0] ^= 1;
		if (i == 1)
			h.policy_seq = 0;
		ok(tree_head_sign(v.s.r->id, &h, v.log, &note, &e), &e, "sign");
		json_object_set_new(o, "oldCheckpoint", json_from_str(buf_str(&note)));
		close_proof(o, &text);
		if (i == 0)
			refused(&text, &v.root, ERR_DIGEST, "is not the beginning");
		else
			refused(&text, &v.root, ERR_MALFORMED, "policy of the old checkpoint");
	}
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
