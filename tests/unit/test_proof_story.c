/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries that all lie in a log, each well signed, and that do not tell one story together; and
 * what is wrong with checkpoints before any log is looked at.
 */
#include "proof_fixture.h"

#define SEQS(...) ((const uint64_t[]){ __VA_ARGS__ }), COUNT(((const uint64_t[]){ __VA_ARGS__ }))

static void
tells(struct evidence *v, const struct claim *c, const uint64_t *seqs, size_t n, int rc,
      const char *words)
{
	cleanup_buf struct buf text = { 0 };
	struct err e;

	compose(v, c, seqs, n, &text);
	cr_expect_eq(check(&text, &v->root, &e), rc, "%s: %s %s", words, err_name(e.code), e.msg);
	cr_expect(rc == 0 || strstr(e.msg, words), "\"%s\" is not in: %s", words, e.msg);
}

Test(proof_story, entries_of_other_stories)
{
	struct evidence v;

	make(&v);
	const struct claim v2 = { MODEL, "staging", 2, v.v2 };
	tells(&v, &v2, SEQS(1, 3, 4, 9, 10), 0, "");
	tells(&v, &v2, SEQS(1, 2, 3, 4, 9, 10), -(int)ERR_MALFORMED, "two entries of type version");
	tells(&v, &v2, SEQS(1, 3, 4, 6, 9, 10), -(int)ERR_MALFORMED,
	      "two entries of type authorisation");
	tells(&v, &v2, SEQS(1, 3, 4, 7, 9, 10), -(int)ERR_MALFORMED,
	      "two entries of type promotion");
	tells(&v, &v2, SEQS(1, 3, 4, 8, 9, 10), -(int)ERR_MALFORMED, "does not need, of type plan");
	tells(&v, &v2, SEQS(1, 3, 9, 10), -(int)ERR_MALFORMED, "no entry of type version");
	tells(&v, &v2, SEQS(1, 3, 4, 10), -(int)ERR_MALFORMED, "no entry of type authorisation");
	tells(&v, &v2, SEQS(1, 3, 4, 9), -(int)ERR_MALFORMED, "no entry of type promotion");
	tells(&v, &v2, SEQS(1, 2, 3, 9, 10), -(int)ERR_SIGNATURE, "about another version");
	tells(&v, &v2, SEQS(1, 3, 4, 6, 10), -(int)ERR_SIGNATURE, "about another authorisation");
	tells(&v, &v2, SEQS(1, 3, 4, 12, 10), -(int)ERR_SIGNATURE, "about another authorisation");
	tells(&v, &v2, SEQS(1, 3, 4, 6, 7), -(int)ERR_SIGNATURE, "about another version");
	tells(&v, &v2, SEQS(1, 3, 4, 12, 13), -(int)ERR_SIGNATURE, "about another stage");
	/* the policies: without the newest, without the first */
	tells(&v, &v2, SEQS(1, 4, 9, 10), -(int)ERR_UNTRUSTED, "no key for the log");
	tells(&v, &v2, SEQS(3, 4, 9, 10), -(int)ERR_MALFORMED, "names another policy");
	leave(&v);
}

/* The same bytes under another name and brought in again: good statements, other stories. */
Test(proof_story, versions_of_other_stories)
{
	struct evidence v;
	struct change_result again;
	cleanup_buf struct buf text = { 0 };
	struct entry n;
	struct txn *t;
	struct err e = { 0 };

	make(&v);
	const struct claim v1 = { MODEL, "staging", 1, v.v1 };
	site_version_of(&v.s, "other", 1, "one");
	tells(&v, &v1, SEQS(1, 2, 3, 6, 7), 0, "");
	tells(&v, &v1, SEQS(1, 3, 6, 7, 14), -(int)ERR_SIGNATURE, "about another model");
	ok(store_read_begin(v.s.r->store, &t, &e), &e, "begin");
	ok(history_entry(v.s.r, t, 2, &n, &e), &e, "entry");
	store_abort(t);
	json_t *copy = site_entry(&v.s, "version", MODEL, json_deep_copy(n.body));
	json_object_set_new(copy, "statement", json_deep_copy(n.statement));
	entry_fini(&n);
	again = site_append(&v.s, copy);
	tells(&v, &v1, SEQS(1, 3, 6, 7, again.seq), -(int)ERR_SIGNATURE, "in another order");
	leave(&v);
}

/* --- what an agent's key could sign beside what was allowed --- */

struct lie {
	const char *predicate, *body, *value; /* members that are changed; NULL: none */
	const char *model;
	int rc;
	const char *words;
};

/* Takes patch. */
static void
patch_with(json_t *o, json_t *patch)
{
	if (patch)
		json_object_update(o, patch);
	json_decref(patch);
}

/* The entry at seq once more, with other members in what is signed and in the body, signed by key.
 * Takes the patches; NULL: none. */
static struct change_result
restate(struct evidence *v, uint64_t seq, const char *model, json_t *signed_patch,
        json_t *body_patch, const struct secret_key *key)
{
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done;
	struct txn *t;
	struct entry n;
	struct statement st;
	struct err e = { 0 };

	ok(store_read_begin(v->s.r->store, &t, &e), &e, "begin");
	ok(history_entry(v->s.r, t, seq, &n, &e), &e, "entry");
	store_abort(t);
	ok(authority_envelope(&n, &envelope, &e), &e, "envelope");
	ok(statement_peek(buf_str(&envelope), &st, &e), &e, "peek");
	buf_clear(&envelope);
	json_t *body = json_deep_copy(n.body), *predicate = json_deep_copy(st.predicate), *json;
	patch_with(predicate, signed_patch);
	patch_with(body, body_patch);
	ok(statement_sign(n.type, model, &st.subject, predicate, key, &envelope, &e), &e, "sign");
	json_t *o = site_entry(&v->s, n.type, model, body);
	ok(json_parse(buf_str(&envelope), "envelope", &json, &e), &e, "parse");
	json_object_set_new(o, "statement", json);
	statement_fini(&st);
	json_decref(predicate);
	done = site_append(&v->s, o);
	entry_fini(&n);
	return done;
}

static json_t *
member(const char *key, const char *value)
{
	json_t *const o = json_object();

	if (key)
		json_object_set_new(o, key, json_loads(value, JSON_DECODE_ANY, NULL));
	return o;
}

static uint64_t
say(struct evidence *v, const struct lie *x)
{
	return restate(v, 10, x->model ? x->model : MODEL, member(x->predicate, x->value),
	               member(x->body, x->value), v->s.agent)
	        .seq;
}

Test(proof_story, of_an_agent_that_lies)
{
	static const struct lie lies[] = {
		{ NULL, NULL, NULL, NULL, 0, "" },
		{ "model", NULL, "\"other\"", "other", -(int)ERR_SIGNATURE, "about another model" },
		{ "model", NULL, "\"other\"", NULL, -(int)ERR_SIGNATURE, "another model" },
		{ "number", "number", "7", NULL, -(int)ERR_SIGNATURE, "about another version" },
		{ "number", NULL, "7", NULL, -(int)ERR_SIGNATURE, "another number" },
		{ "kind", "kind", "\"rollback\"", NULL, -(int)ERR_SIGNATURE, "another kind" },
		{ "plan", "plan",
		  "\"sha256:00000000000000000000000000000000000000000000000000000000000000aa\"",
		  NULL, -(int)ERR_SIGNATURE, "another plan" },
		{ "previous", NULL, "null", NULL, -(int)ERR_SIGNATURE, "another state" },
		{ "authorisation", NULL,
		  "{\"seq\":9,\"leaf\":\"sha256:"
		  "00000000000000000000000000000000000000000000000000000000000000aa\"}",
		  NULL, -(int)ERR_SIGNATURE, "about another authorisation" },
		{ "registry", NULL, "\"00000000000000000000000000000000\"", NULL,
		  -(int)ERR_UNTRUSTED, "another registry" },
	};
	struct evidence v;

	make(&v);
	site_version_of(&v.s, "other", 1, "one");
	const struct claim v2 = { MODEL, "staging", 2, v.v2 };
	for (size_t i = 0; i < COUNT(lies); i++) {
		const uint64_t seq = say(&v, &lies[i]);
		tells(&v, &v2, SEQS(1, 3, 4, 9, seq), lies[i].rc, lies[i].words);
	}
	leave(&v);
}

/* A stage that the policy does not know has no rules, and so nobody moved it by them. */
Test(proof_story, of_a_stage_that_is_none)
{
	struct evidence v;

	make(&v);
	const struct claim v2 = { MODEL, "canary", 2, v.v2 };
	const struct change_result by =
	        restate(&v, 9, MODEL, member("stage", "\"canary\""), NULL, v.s.ana);
	json_t *said = member("stage", "\"canary\"");
	json_object_set_new(said, "authorisation", site_place(&by.leaf, by.seq));
	const struct change_result moved =
	        restate(&v, 10, MODEL, said, member("stage", "\"canary\""), v.s.agent);
	tells(&v, &v2, SEQS(1, 3, 4, by.seq, moved.seq), -(int)ERR_POLICY, "has no stage");
	leave(&v);
}

/* --- checkpoints --- */

#define ID    "0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffff"

static void
note_is(const char *note, size_t n, int rc, const char *words)
{
	struct tree_head h;
	struct err e = { 0 };

	cr_expect_eq(tree_head_peek((struct str){ note, n }, ID, &h, &e), rc, "%s: %s", words,
	             e.msg);
	cr_expect(rc == 0 || strstr(e.msg, words), "\"%s\" is not in: %s", words, e.msg);
}

Test(proof_story, notes_of_another_form)
{
#define ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
#define SIG  "\n\xe2\x80\x94 slipway/" ID " AAAA\n"
	static const struct {
		const char *note;
		int rc;
		const char *words;
	} cases[] = {
		{ "slipway/" ID "\n9\n" ROOT "policy 1\n" SIG, 0, "" },
		{ "slipway/" OTHER "\n9\n" ROOT "policy 1\n" SIG, -(int)ERR_UNTRUSTED,
		  "another log" },
		{ "other/" ID "\n9\n" ROOT "policy 1\n" SIG, -(int)ERR_UNTRUSTED, "another log" },
		{ "slipway/" ID "\n9\n" ROOT SIG, -(int)ERR_MALFORMED, "which policy" },
		{ "slipway/" ID "\n9\n" ROOT "policy \n" SIG, -(int)ERR_MALFORMED, "which policy" },
		{ "slipway/" ID "\n9\n" ROOT "policy 01\n" SIG, -(int)ERR_MALFORMED,
		  "which policy" },
		{ "slipway/" ID "\n9\n" ROOT "policx 1\n" SIG, -(int)ERR_MALFORMED,
		  "which policy" },
		{ "slipway/" ID "\n9\n" ROOT "more\npolicy 1\n" SIG, -(int)ERR_MALFORMED,
		  "the form" },
		{ "slipway/" ID "\n9\n" ROOT "policy 1\nmore\n" SIG, -(int)ERR_MALFORMED,
		  "which policy" },
		{ "slipway/" ID "\n09\n" ROOT "policy 1\n" SIG, -(int)ERR_MALFORMED,
		  "not the text" },
		{ "slipway/" ID "\n9\nAAAA\npolicy 1\n" SIG, -(int)ERR_MALFORMED, "not the text" },
		{ "slipway/" ID "\n9\n" ROOT "policy 1\n", -(int)ERR_MALFORMED, "no signed note" },
		{ "\n\n", -(int)ERR_MALFORMED, "not the text" },
		{ "", -(int)ERR_MALFORMED, "no signed note" },
	};
	cleanup_buf struct buf large = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++)
		note_is(cases[i].note, strlen(cases[i].note), cases[i].rc, cases[i].words);
	buf_adds(&large, cases[0].note);
	while (large.n <= TREE_HEAD_MAX)
		buf_adds(&large, "\xe2\x80\x94 witness AAAA\n");
	note_is(large.p, large.n, -(int)ERR_MALFORMED, "no signed note");
}

/* What witnesses add is left out, and counts for nothing where it stands. */
Test(proof_story, notes_with_witnesses)
{
	static const char witness[] = "\xe2\x80\x94 witness AAAAAAAA\n";
	struct evidence v;
	cleanup_buf struct buf note = { 0 }, trimmed = { 0 };
	struct audit_chain chain;
	struct tree_head h;
	struct err e = { 0 };

	make(&v);
	ok(audit_chain_load(v.s.r, &chain, &e), &e, "chain");
	const struct policy *const with_key = &chain.policies.v[1], *const without =
	                                                                    &chain.policies.v[0];
	ok(tree_head_verify(buf_str(&v.note), with_key, v.s.r->id, &h, &e), &e, "verify");
	cr_expect_eq(h.policy_seq, 3);
	cr_expect_eq(tree_head_verify(buf_str(&v.note), without, v.s.r->id, &h, &e),
	             -(int)ERR_UNTRUSTED);
	buf_add(&note, v.note.p, v.note.n);
	buf_adds(&note, witness);
	cr_expect_eq(tree_head_verify(buf_str(&note), with_key, v.s.r->id, &h, &e),
	             -(int)ERR_MALFORMED);
	ok(tree_head_trim(buf_str(&note), v.s.r->id, &trimmed, &e), &e, "trim");
	cr_expect(str_eq(buf_str(&trimmed), buf_str(&v.note)));
	cr_expect_eq(tree_head_trim(buf_str(&note), OTHER, &trimmed, &e), -(int)ERR_MALFORMED);
	audit_chain_fini(&chain);
	leave(&v);
}
