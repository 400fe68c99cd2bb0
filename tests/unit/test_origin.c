/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bundle brought, asked again: a proof of another kind is none, and a line of our log counts
 * only when it says what the entry behind it says, under a site that the policy here believes.
 */
#include "registry/origin.h"

#include "bundle_fixture.h"
#include "change_fixture.h"

/* gap has hq's two versions of MODEL, and the proof that came with them as a blob. */
struct arrived {
	struct pair p;
	struct bundle_draft d;
	uint64_t seq; /* of the bundle's line; the versions' are behind it */
};

static void
arrive(struct arrived *a)
{
	struct bundle_arrived done;
	struct bundle_source *s;
	struct err e;

	pair_make(&a->p);
	build(&a->p, want_all, 2, 0, &a->d);
	s = carry(&a->p, &a->d.bundle, "b.tar");
	cr_assert_eq(take_in(&a->p, s, &done, &e), 0, "%s", e.msg);
	a->seq = done.seq;
	bundle_source_close(s);
}

static void
leave_arrived(struct arrived *a)
{
	bundle_draft_fini(&a->d);
	pair_leave(&a->p);
}

/* A "version" line as the import wrote it, to be spoilt. A new reference. */
static json_t *
version_line(struct arrived *a, uint64_t seq)
{
	struct log_reader *rd;
	struct log_line line;
	enum log_step step;
	json_t *o = NULL;
	struct err e = { 0 };

	ok(log_reader_new(a->p.gap.r->log, (struct log_pos){ 1, 0 }, 0, &rd, &e), &e, "reader");
	do {
		ok(log_next(rd, &step, &line, &e), &e, "next");
		cr_assert_eq(step, LOG_LINE);
	} while (line.seq != seq);
	ok(json_parse(line.json, "line", &o, &e), &e, "line");
	log_reader_free(rd);
	return o;
}

static void
here(struct arrived *a, struct policy *ret)
{
	struct ledger l;
	struct err e = { 0 };

	ok(ledger_open(a->p.gap.r, &l, &e), &e, "ledger");
	ok(policy_parse(l.policy.doc, ret, &e), &e, "policy");
	ledger_fini(&l);
}

/* Takes line. */
static int
resolve(struct arrived *a, json_t *line, const struct policy *policy, unsigned counts,
        struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	const struct digest leaf = { { 0 } };
	struct origin_found f;
	struct version_row row;
	struct entry n;
	int rc;

	*e = (struct err){ 0 };
	json_canonical(line, &text);
	json_decref(line);
	ok(entry_parse(buf_str(&text), 99, &leaf, &n, e), e, "entry");
	cr_expect(origin_is(&n));
	rc = origin_resolve(a->p.gap.r->blobs, policy, &n, counts, &f, e);
	cr_expect_eq(rc, -(int)e->code);
	if (counts == COUNTS_VERSIONS) {
		struct err again = { 0 };

		cr_expect_eq(origin_version(a->p.gap.r->blobs, policy, &n, &row, &again), rc);
		if (rc == 0) {
			cr_expect_str_eq(row.signer, "hq/ana");
			cr_expect_eq(row.seq, 99);
			cr_expect_str_eq(f.site->name, "hq");
		}
	}
	entry_fini(&n);
	return rc;
}

Test(origin, lines_that_say_something_else)
{
	static const struct {
		const char *member, *key, *json; /* member: of the line, or "" */
		enum err_code code;
		const char *words;
	} cases[] = {
		{ "", "reason", "\"because\"", ERR_OK, "" },
		{ "body", "number", "2", ERR_SIGNATURE, "says what its proof does not" },
		{ "body", "bytes", "4", ERR_SIGNATURE, "says what its proof does not" },
		{ "body", "signer", "\"bob\"", ERR_SIGNATURE, "says what its proof does not" },
		{ "body", "more", "1", ERR_SIGNATURE, "says what its proof does not" },
		{ "", "model", "\"team/face\"", ERR_SIGNATURE, "says what its proof does not" },
		{ "", "type", "\"evidence\"", ERR_SIGNATURE, "says what its proof does not" },
		{ "body", "origin", "[]", ERR_MALFORMED, "" },
		{ "body", "origin", "{}", ERR_MALFORMED, "" },
		{ "origin", "seq", "4", ERR_SIGNATURE, "says what its proof does not" },
		{ "origin", "seq", "77", ERR_SIGNATURE, "says what its proof does not" },
		{ "origin", "seq", "\"2\"", ERR_MALFORMED, "" },
		{ "origin", "registry", "\"00000000000000000000000000000000\"", ERR_SIGNATURE,
		  "names another registry than its proof" },
		{ "origin", "registry", "7", ERR_MALFORMED, "" },
		{ "", "statement",
		  "\"sha256:00000000000000000000000000000000000000000000000000000000000000aa\"",
		  ERR_DIGEST, "" },
		{ "", "statement", "{}", ERR_MALFORMED, "" },
	};
	struct arrived a;
	struct policy policy;

	arrive(&a);
	here(&a, &policy);
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *const line = version_line(&a, a.seq + 1);
		json_t *const body = json_object_get(line, "body");
		json_t *const at = streq(cases[i].member, "body") ? body
		                   : streq(cases[i].member, "origin")
		                           ? json_object_get(body, "origin")
		                           : line;
		struct err e;

		json_object_set_new(at, cases[i].key,
		                    json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
		cr_expect_eq(resolve(&a, line, &policy, COUNTS_VERSIONS, &e), -(int)cases[i].code,
		             "%zu: %s", i, e.msg);
		cr_expect(strstr(e.msg, cases[i].words), "%zu: %s", i, e.msg);
	}
	policy_fini(&policy);
	leave_arrived(&a);
}

/* The other one's line with this one's place: each entry stands for itself. */
Test(origin, sites_and_what_counts_of_them)
{
	static const struct {
		const char *counts;
		bool is_hq;
		unsigned wants;
		enum err_code code;
		const char *words;
	} cases[] = {
		{ "[\"versions\"]", true, COUNTS_VERSIONS, ERR_OK, "" },
		{ "[\"versions\"]", true, COUNTS_EVIDENCE, ERR_UNTRUSTED, "\"hq\" for that" },
		{ "[\"versions\"]", true, COUNTS_VERSIONS | COUNTS_EVIDENCE, ERR_UNTRUSTED,
		  "\"hq\" for that" },
		{ "[\"evidence\",\"versions\"]", true, COUNTS_EVIDENCE, ERR_OK, "" },
		{ "[\"versions\"]", false, COUNTS_VERSIONS, ERR_UNTRUSTED, "does not believe" },
	};
	struct arrived a;

	arrive(&a);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct digest root = a.p.root;
		struct policy policy;
		struct err e;

		root.b[0] ^= !cases[i].is_hq;
		believe(&a.p.gap,
		        json_pack("[{s:o, s:s, s:o}]", "for", json_loads(cases[i].counts, 0, NULL),
		                  "name", "hq", "root", json_from_digest(&root)));
		here(&a, &policy);
		cr_expect_eq(resolve(&a, version_line(&a, a.seq + 1), &policy, cases[i].wants, &e),
		             -(int)cases[i].code, "%zu: %s", i, e.msg);
		cr_expect(strstr(e.msg, cases[i].words), "%zu: %s", i, e.msg);
		policy_fini(&policy);
	}
	leave_arrived(&a);
}

/* Appended by hand, with a good hash and the right links: no row comes of it. */
Test(origin, forged_lines_make_no_rows)
{
	static const struct {
		const char *key, *json;
	} cases[] = {
		{ "number", "3" }, { "bytes", "9" },  { "signer", "\"eve\"" },
		{ "more", "1" },   { "number", "1" }, /* just the same once more */
	};
	struct arrived a;
	struct version_row v;
	struct txn *t;
	struct err e = { 0 };

	arrive(&a);
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *const line = version_line(&a, a.seq + 1);
		json_t *const body = json_incref(json_object_get(line, "body"));
		json_t *n;

		json_object_set_new(body, cases[i].key,
		                    json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
		n = site_entry(&a.p.gap, "version", MODEL, body);
		json_object_set(n, "statement", json_object_get(line, "statement"));
		json_decref(line);
		site_append(&a.p.gap, n);
	}
	/* another bundle line: the same counter once more, and a higher one that nobody signed */
	for (int i = 0; i < 2; i++) {
		json_t *const line = version_line(&a, a.seq);
		json_t *const body = json_incref(json_object_get(line, "body"));
		json_t *n;

		if (i == 1)
			json_object_set_new(body, "counter", json_integer(2));
		n = site_entry(&a.p.gap, "bundle", NULL, body);
		json_object_set(n, "statement", json_object_get(line, "statement"));
		json_decref(line);
		site_append(&a.p.gap, n);
	}
	ok(store_read_begin(a.p.gap.r->store, &t, &e), &e, "begin");
	cr_expect_eq(version_get(t, MODEL, 3, &v, &e), -ERR_NOT_FOUND);
	ok(version_get(t, MODEL, 1, &v, &e), &e, "v1");
	cr_expect_eq(v.seq, a.seq + 1);
	cr_expect_str_eq(v.signer, "hq/ana");
	struct bundle_claim c;
	ok(bundle_row_last(t, BUNDLE_IMPORTED, a.p.hq.r->id, &c, &e), &e, "last");
	cr_expect_eq(c.counter, 1);
	cr_expect_eq(c.seq, a.seq);
	store_abort(t);
	/* nor is any of it evidence */
	struct ledger l;
	struct bundle_seen seen;
	ok(ledger_open(a.p.gap.r, &l, &e), &e, "ledger");
	ok(ledger_bundle(&l, a.p.hq.r->id, &seen, &e), &e, "seen");
	cr_expect_eq(seen.counter, 1);
	cr_expect_eq(l.passed_over, 2);
	ledger_fini(&l);
	leave_arrived(&a);
}

/* gap gave a number of the model itself: what hq numbers does not go on behind that. */
Test(origin, a_forged_line_for_another_home)
{
	const uint64_t seq = HQ_V2;
	cleanup_buf struct buf proof = { 0 };
	struct digest d;
	struct origin o;
	struct version_row v;
	struct txn *t;
	struct pair p;
	struct err e = { 0 };

	pair_make(&p);
	site_version(&p.gap, 1, "ours");
	prove_entries(&p, &seq, 1, json_array(), &proof);
	ok(blob_put_mem(p.gap.r->blobs, proof.p, proof.n, &d, NULL, &e), &e, "put");
	ok(origin_check(buf_str(&proof), &p.root, &o, &e), &e, "proof");
	json_t *const body = json_deep_copy(origin_entry(&o, seq)->body);
	json_object_set_new(
	        body, "origin",
	        json_pack("{s:s, s:I}", "registry", p.hq.r->id, "seq", (json_int_t)seq));
	json_t *const n = site_entry(&p.gap, "version", MODEL, body);
	json_object_set_new(n, "statement", json_from_digest(&d));
	site_append(&p.gap, n);
	ok(store_read_begin(p.gap.r->store, &t, &e), &e, "begin");
	cr_expect_eq(version_get(t, MODEL, 2, &v, &e), -ERR_NOT_FOUND);
	store_abort(t);
	origin_fini(&o);
	pair_leave(&p);
}

/* --- lines of bundles --- */

/* What hq's log says of a bundle that was built there, and nobody signed. */
Test(origin, built_lines_that_say_something_else)
{
	static const struct {
		const char *key, *json;
		enum err_code code;
	} cases[] = {
		{ "size", "9", ERR_OK },
		{ "counter", "2", ERR_SIGNATURE },
		{ "list", "null", ERR_SIGNATURE },
		{ "proof", "null", ERR_SIGNATURE },
		{ "inventory",
		  "\"sha256:00000000000000000000000000000000000000000000000000000000000000aa\"",
		  ERR_SIGNATURE },
		{ "request", "null", ERR_MALFORMED },
	};
	struct bundle_draft d;
	struct bundle_claim c;
	struct ledger l;
	struct pair p;
	struct err e = { 0 };

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	ok(ledger_open(p.hq.r, &l, &e), &e, "ledger");
	const struct authority by = { .policy = &l.policy, .registry_id = p.hq.r->id };
	json_t *const statement =
	        json_loads(buf_cstr(&d.bundle.front[FRONT_ENVELOPE].text), 0, NULL);
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *const body = bundle_claim_body(&d.claim, NULL);
		const struct entry n = { .type = "bundle", .body = body, .statement = statement };

		json_object_set_new(body, cases[i].key,
		                    json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
		e = (struct err){ 0 };
		cr_expect_eq(bundle_claim(&by, NULL, &n, &c, &e), -(int)cases[i].code, "%zu: %s", i,
		             e.msg);
		json_decref(body);
	}
	/* ana signed a fifth one behind the first, and wrote it into the folder */
	struct bundle b;
	struct txn *t;
	copy_bundle(&d.bundle, &b);
	b.inventory.counter = 5;
	remake(&b, p.hq.ana);
	d.claim.counter = 5;
	d.claim.inventory = b.front[FRONT_INVENTORY].digest;
	site_forge(&p.hq, "bundle", NULL, bundle_claim_body(&d.claim, NULL),
	           &b.front[FRONT_ENVELOPE].text);
	ok(store_read_begin(p.hq.r->store, &t, &e), &e, "begin");
	ok(bundle_row_last(t, BUNDLE_BUILT, p.hq.r->id, &c, &e), &e, "last");
	cr_expect_eq(c.counter, 1);
	store_abort(t);
	bundle_fini(&b);
	json_decref(statement);
	ledger_fini(&l);
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* The line of the bundle that came, with the envelope and inventory of that one. */
static void
expect_other_envelope(struct arrived *a, const struct authority *by, const struct bundle *b,
                      const char *words)
{
	cleanup_buf struct buf text = { 0 };
	const struct digest leaf = { { 0 } };
	json_t *const line = version_line(a, a->seq), *other = NULL;
	struct bundle_claim c;
	struct entry n;
	struct err e = { 0 };

	ok(json_parse(buf_str(&b->front[FRONT_ENVELOPE].text), "envelope", &other, &e), &e, "env");
	json_object_set_new(json_object_get(line, "body"), "envelope", other);
	json_object_set_new(json_object_get(line, "body"), "inventory",
	                    json_from_digest(&b->front[FRONT_INVENTORY].digest));
	json_canonical(line, &text);
	json_decref(line);
	ok(entry_parse(buf_str(&text), 9, &leaf, &n, &e), &e, "entry");
	cr_expect_eq(bundle_claim(by, a->p.gap.r->blobs, &n, &c, &e), -ERR_SIGNATURE, "%s", e.msg);
	cr_expect(strstr(e.msg, words), "%s", e.msg);
	entry_fini(&n);
}

/* What the body of a bundle's line says and its envelope does not. */
Test(origin, bundle_lines_that_say_something_else)
{
	static const struct {
		const char *key, *json;
		enum err_code code;
	} cases[] = {
		{ "size", "9", ERR_OK }, /* of the tar, which nobody signed */
		{ "counter", "2", ERR_SIGNATURE },
		{ "inventory",
		  "\"sha256:00000000000000000000000000000000000000000000000000000000000000aa\"",
		  ERR_SIGNATURE },
		{ "action", "\"build\"", ERR_MALFORMED },
		{ "action", "\"other\"", ERR_MALFORMED },
		{ "envelope", "{}", ERR_MALFORMED },
		{ "envelope", "7", ERR_MALFORMED },
		{ "size", "\"9\"", ERR_MALFORMED },
	};
	cleanup_buf struct buf text = { 0 };
	const struct digest leaf = { { 0 } };
	struct arrived a;
	struct policy policy;
	struct bundle_claim c;
	struct entry n;
	struct err e = { 0 };

	arrive(&a);
	here(&a, &policy);
	const struct authority by = { .policy = &policy, .registry_id = a.p.gap.r->id };
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *const line = version_line(&a, a.seq);

		json_object_set_new(json_object_get(line, "body"), cases[i].key,
		                    json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
		buf_clear(&text);
		json_canonical(line, &text);
		json_decref(line);
		e = (struct err){ 0 };
		ok(entry_parse(buf_str(&text), 9, &leaf, &n, &e), &e, "entry");
		cr_expect_eq(bundle_claim(&by, a.p.gap.r->blobs, &n, &c, &e), -(int)cases[i].code,
		             "%zu: %s", i, e.msg);
		entry_fini(&n);
	}
	/* good envelopes of ana's, over an inventory with another proof, or of another registry */
	struct bundle b;
	copy_bundle(&a.d.bundle, &b);
	memset(b.inventory.registry_id, 'a', 32);
	remake(&b, a.p.hq.ana);
	expect_other_envelope(&a, &by, &b, "another bundle");
	bundle_fini(&b);
	copy_bundle(&a.d.bundle, &b);
	const uint64_t seqs[] = { HQ_V1, HQ_V2 };
	prove_entries(&a.p, seqs, 2, json_array(), &b.front[FRONT_PROOF].text);
	remake(&b, a.p.hq.ana);
	expect_other_envelope(&a, &by, &b, "another proof");
	bundle_fini(&b);
	policy_fini(&policy);
	leave_arrived(&a);
}

/* --- proofs --- */

Test(origin, other_proofs)
{
	struct evidence v;
	struct origin o;
	struct err e = { 0 };
	const uint64_t seqs[] = { HQ_V1 };
	cleanup_buf struct buf text = { 0 };
	struct pair p;

	make(&v); /* a promotion's, and of growth */
	cr_expect_eq(origin_check(buf_str(&v.v1_staging), NULL, &o, &e), -ERR_MALFORMED);
	cr_expect(strstr(e.msg, "of another kind"), "%s", e.msg);
	cr_expect_eq(origin_check(buf_str(&v.growth), NULL, &o, &e), -ERR_MALFORMED);
	cr_expect_eq(origin_check((struct str){ "", 0 }, NULL, &o, &e), -ERR_MALFORMED);
	leave(&v);

	pair_make(&p);
	prove_entries(&p, seqs, 1, json_array(), &text);
	ok(origin_check(buf_str(&text), &p.root, &o, &e), &e, "good");
	cr_expect(digest_eq(&o.root, &p.root));
	cr_expect_eq(origin_newest(&o)->version, 2);
	cr_expect_not_null(origin_entry(&o, HQ_V1));
	cr_expect_null(origin_entry(&o, HQ_V2));
	struct tree_head old = { 0 };
	cr_expect_eq(origin_grew_from(&o, &old, &e), 0); /* of nothing */
	cr_expect_eq(origin_grew_from(&o, &o.trust.head, &e), 0);
	old = o.trust.head;
	old.root.b[0] ^= 1;
	cr_expect_eq(origin_grew_from(&o, &old, &e), -ERR_NOT_FOUND);
	old.size--;
	cr_expect_eq(origin_grew_from(&o, &old, &e), -ERR_NOT_FOUND);
	origin_fini(&o);
	buf_clear(&text); /* no policy at all */
	struct proof_making m = { .r = p.hq.r };
	cleanup_buf struct buf note = { 0 };
	checkpoint(&p.hq, p.log, &note);
	cleanup_json json_t *more = json_pack("{s:[]}", "growth");
	proof_making_text(&m, more, PROOF_KIND_BUNDLE, buf_str(&note), &text);
	cr_expect_eq(origin_check(buf_str(&text), NULL, &o, &e), -ERR_MALFORMED);
	cr_expect(strstr(e.msg, "no policy is in it"), "%s", e.msg);
	pair_leave(&p);
}

/* Without blobs nothing that a bundle brought is proved, whatever was read before. */
Test(origin, without_blobs)
{
	cleanup_buf struct buf text = { 0 };
	const struct digest leaf = { { 0 } };
	struct origin_found f;
	struct arrived a;
	struct policy policy;
	struct entry n;
	struct err e = { 0 };

	arrive(&a);
	here(&a, &policy);
	cr_expect_eq(resolve(&a, version_line(&a, a.seq + 1), &policy, COUNTS_VERSIONS, &e), 0);
	json_t *const line = version_line(&a, a.seq + 1);
	json_canonical(line, &text);
	json_decref(line);
	ok(entry_parse(buf_str(&text), 9, &leaf, &n, &e), &e, "entry");
	cr_expect_eq(origin_resolve(NULL, &policy, &n, COUNTS_VERSIONS, &f, &e), -ERR_UNTRUSTED);
	entry_fini(&n);
	policy_fini(&policy);
	leave_arrived(&a);
}
