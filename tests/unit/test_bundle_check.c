/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement of a bundle: a good one is accepted, and each that somebody with hq's keys, its log
 * or an older bundle could put together is refused for what is wrong with it. Then its files: none
 * left out, none more, none of another size.
 */
#include "registry/bundle_check.h"

#include "bundle_fixture.h"

#define SELF "0123456789abcdef0123456789abcdef"

static int
judge(const struct pair *p, const struct bundle *b, const struct bundle_seen *seen, int64_t now_s,
      const char *self, struct err *e)
{
	struct bundle_expect x = { .root = &p->root, .self = self, .now_s = now_s };
	struct bundle_judged j;
	int rc;

	if (seen)
		x.seen = *seen;
	*e = (struct err){ 0 };
	rc = bundle_judge(b, &x, &j, e);
	cr_expect_eq(rc, -(int)e->code);
	if (rc == 0) {
		cr_expect_str_eq(j.signer, "ana");
		bundle_judged_fini(&j);
	}
	return rc;
}

static void
expect(const struct pair *p, const struct bundle *b, enum err_code code, const char *words)
{
	struct err e = { 0 };

	cr_expect_eq(judge(p, b, NULL, NOW_S, SELF, &e), -(int)code, "%s: %s %s", words,
	             err_name(e.code), e.msg);
	cr_expect(strstr(e.msg, words), "\"%s\" is not in: %s", words, e.msg);
}

/* --- for whom, when --- */

Test(bundle_check, time_and_recipients)
{
	static const struct {
		int64_t after_s; /* it was made */
		const char *recipients[2], *self;
		enum err_code code;
		const char *words;
	} cases[] = {
		{ 0, { NULL }, SELF, ERR_OK, "" },
		{ -DAY_S, { NULL }, SELF, ERR_OK, "" }, /* a clock that is behind */
		{ BUNDLE_DAYS * DAY_S - 1, { NULL }, SELF, ERR_OK, "" },
		{ BUNDLE_DAYS * DAY_S, { NULL }, SELF, ERR_UNTRUSTED, "expired at 2027-04-15T08" },
		{ 0, { SELF }, SELF, ERR_OK, "" },
		{ 0, { SELF }, NULL, ERR_OK, "" }, /* not asked */
		{ 0, { "00000000000000000000000000000000", SELF }, SELF, ERR_OK, "" },
		{ 0,
		  { "00000000000000000000000000000000" },
		  SELF,
		  ERR_UNTRUSTED,
		  "is for 00000000000000000000000000000000, not for" },
		{ 0,
		  { "00000000000000000000000000000000", "11111111111111111111111111111111" },
		  SELF,
		  ERR_UNTRUSTED,
		  "and others, not for" },
	};
	struct bundle_draft d;
	struct pair p;

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bundle b;
		struct err e;

		copy_bundle(&d.bundle, &b);
		free(b.inventory.recipients);
		b.inventory.recipients = xcalloc(2, sizeof *b.inventory.recipients);
		b.inventory.recipients_n = 0;
		for (size_t k = 0; k < 2 && cases[i].recipients[k]; k++)
			(void)str_copy(b.inventory.recipients[b.inventory.recipients_n++],
			               REGISTRY_ID_SIZE, cases[i].recipients[k]);
		remake(&b, p.hq.ana);
		cr_expect_eq(judge(&p, &b, NULL, NOW_S + cases[i].after_s, cases[i].self, &e),
		             -(int)cases[i].code, "%zu: %s", i, e.msg);
		cr_expect(strstr(e.msg, cases[i].words), "%zu: %s", i, e.msg);
		bundle_fini(&b);
	}
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* --- behind what --- */

static void
seen_of(const struct bundle_draft *d, struct bundle_seen *ret)
{
	*ret = (struct bundle_seen){ .counter = d->bundle.inventory.counter,
		                     .inventory = d->bundle.front[FRONT_INVENTORY].digest,
		                     .head_size = d->head.size,
		                     .head_root = d->head.root };
}

static void
set_growth(struct bundle *b, json_t *growth, const struct secret_key *by)
{
	struct buf *const text = &b->front[FRONT_PROOF].text;
	cleanup_json json_t *o = NULL;
	struct err e = { 0 };

	ok(json_parse(buf_str(text), "proof", &o, &e), &e, "proof");
	json_object_set_new(o, "growth", growth);
	buf_clear(text);
	json_canonical(o, text);
	buf_addc(text, '\n');
	remake(b, by);
}

static json_t *
growth_of(const struct bundle *b)
{
	cleanup_json json_t *o = NULL;
	struct err e = { 0 };

	ok(json_parse(buf_str(&b->front[FRONT_PROOF].text), "proof", &o, &e), &e, "proof");
	return json_deep_copy(json_object_get(o, "growth"));
}

Test(bundle_check, older_same_and_another)
{
	struct bundle_draft one, two;
	struct bundle_seen at_one, at_two, other;
	struct bundle b;
	struct pair p;
	struct err e = { 0 };

	pair_make(&p);
	build(&p, want_v1, 1, 0, &one);
	seen_of(&one, &at_one);
	build(&p, want_v2, 1, 0, &two);
	seen_of(&two, &at_two);
	cr_expect_eq(judge(&p, &two.bundle, &at_one, NOW_S, SELF, &e), 0, "%s", e.msg);
	cr_expect_eq(judge(&p, &one.bundle, &at_two, NOW_S, SELF, &e), -ERR_UNTRUSTED);
	cr_expect(strstr(e.msg, "bundle 1 is older than bundle 2"), "%s", e.msg);
	/* the same once more, also when it has expired meanwhile */
	cr_expect_eq(judge(&p, &one.bundle, &at_one, NOW_S, SELF, &e), 0, "%s", e.msg);
	cr_expect_eq(judge(&p, &one.bundle, &at_one, NOW_S + 1000 * DAY_S, SELF, &e), 0);
	other = at_one;
	other.inventory.b[0] ^= 1;
	cr_expect_eq(judge(&p, &one.bundle, &other, NOW_S, SELF, &e), -ERR_UNTRUSTED);
	cr_expect(strstr(e.msg, "another bundle with the number 1"), "%s", e.msg);

	/* a log that did not grow from what came */
	other = at_one;
	other.head_root.b[0] ^= 1;
	cr_expect_eq(judge(&p, &two.bundle, &other, NOW_S, SELF, &e), -ERR_DIGEST);
	cr_expect(strstr(e.msg, "another one than before"), "%s", e.msg);
	other = at_one;
	other.head_size--;
	cr_expect_eq(judge(&p, &two.bundle, &other, NOW_S, SELF, &e), -ERR_UNTRUSTED);
	cr_expect(strstr(e.msg, "does not show that"), "%s", e.msg);
	cr_expect(strstr(e.hint, "--since 1"), "%s", e.hint);

	/* what it says of that growth is left out, or forged */
	copy_bundle(&two.bundle, &b);
	json_t *const growth = growth_of(&b);
	cr_assert_eq(json_array_size(growth), 1);
	set_growth(&b, json_array(), p.hq.ana);
	cr_expect_eq(judge(&p, &b, &at_one, NOW_S, SELF, &e), -ERR_UNTRUSTED);
	cr_expect_eq(judge(&p, &b, NULL, NOW_S, SELF, &e), 0, "%s", e.msg); /* the first */
	json_t *forged = json_deep_copy(growth);
	json_array_remove(json_object_get(json_array_get(forged, 0), "hashes"), 0);
	set_growth(&b, forged, p.hq.ana);
	cr_expect_eq(judge(&p, &b, &at_one, NOW_S, SELF, &e), -ERR_DIGEST, "%s", e.msg);
	/* another root, with which the receiver would have to agree */
	forged = json_deep_copy(growth);
	other = at_one;
	other.head_root.b[0] ^= 1;
	json_object_set_new(json_array_get(forged, 0), "root", json_from_digest(&other.head_root));
	set_growth(&b, forged, p.hq.ana);
	cr_expect_eq(judge(&p, &b, &other, NOW_S, SELF, &e), -ERR_DIGEST, "%s", e.msg);
	cr_expect_eq(judge(&p, &b, &at_one, NOW_S, SELF, &e), -ERR_DIGEST, "%s", e.msg);
	forged = json_deep_copy(growth);
	json_object_set_new(json_array_get(forged, 0), "hashes", json_pack("[s]", "00"));
	set_growth(&b, forged, p.hq.ana);
	cr_expect_eq(judge(&p, &b, &at_one, NOW_S, SELF, &e), -ERR_MALFORMED, "%s", e.msg);
	json_decref(growth);
	bundle_fini(&b);
	bundle_draft_fini(&one);
	bundle_draft_fini(&two);
	pair_leave(&p);
}

/* --- whose --- */

static void
put_envelope(struct bundle *b, const struct buf *envelope)
{
	buf_clear(&b->front[FRONT_ENVELOPE].text);
	buf_add(&b->front[FRONT_ENVELOPE].text, envelope->p, envelope->n);
}

Test(bundle_check, roots_and_signers)
{
	cleanup_buf struct buf envelope = { 0 };
	struct bundle_draft d;
	struct bundle b;
	struct pair p;
	struct err e = { 0 };

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	expect(&p, &d.bundle, ERR_OK, "");
	p.root.b[0] ^= 1;
	expect(&p, &d.bundle, ERR_UNTRUSTED, "another fingerprint");
	p.root.b[0] ^= 1;

	copy_bundle(&d.bundle, &b);
	remake(&b, p.hq.eve);
	expect(&p, &b, ERR_UNTRUSTED, "");
	remake(&b, p.hq.agent); /* a machine is no person */
	expect(&p, &b, ERR_UNTRUSTED, "");
	remake(&b, p.log);
	expect(&p, &b, ERR_UNTRUSTED, "");
	remake(&b, p.gap.ana);
	expect(&p, &b, ERR_UNTRUSTED, "");

	/* ana's, over another inventory, or of another kind, or one that says something else */
	remake(&b, p.hq.ana);
	buf_clear(&b.front[FRONT_ENVELOPE].text);
	struct bundle_inventory *const v = &b.inventory;
	v->counter = 2;
	sign_inventory(&b, p.hq.ana, &b.front[FRONT_ENVELOPE].text);
	v->counter = 1;
	expect(&p, &b, ERR_SIGNATURE, "over another inventory");
	cleanup_json json_t *o = bundle_predicate(v);
	const struct digest other = { { 1 } };
	ok(statement_sign("bundle", "b", &other, o, p.hq.ana, &envelope, &e), &e, "sign");
	put_envelope(&b, &envelope);
	expect(&p, &b, ERR_SIGNATURE, "over another inventory");
	buf_clear(&envelope);
	ok(statement_sign("version", "b", &b.front[FRONT_INVENTORY].digest, o, p.hq.ana, &envelope,
	                  &e),
	   &e, "sign");
	put_envelope(&b, &envelope);
	expect(&p, &b, ERR_MALFORMED, "");

	/* an inventory of another registry, or of another first policy, around hq's proof */
	struct bundle c;
	copy_bundle(&d.bundle, &c);
	memset(c.inventory.registry_id, 'a', 32);
	remake(&c, p.hq.ana);
	expect(&p, &c, ERR_SIGNATURE, "of another registry than its proof");
	bundle_fini(&c);
	copy_bundle(&d.bundle, &c);
	c.inventory.root.b[0] ^= 1;
	remake(&c, p.hq.ana);
	expect(&p, &c, ERR_SIGNATURE, "of another registry than its proof");
	bundle_fini(&c);
	bundle_fini(&b);
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* ana gets a second key, and her first one is revoked from the entry `at` on. */
static void
revoke_first_key(struct pair *p, const struct secret_key *second, uint64_t at)
{
	char ssh[KEY_SSH_SIZE], hers[KEY_SSH_SIZE];
	struct site *const s = &p->hq;
	json_t *doc = next_policy(s);

	key_ssh(&second->pub, ssh);
	key_ssh(&s->ana->pub, hers);
	json_array_append_new(
	        json_object_get(json_array_get(json_object_get(doc, "people"), 0), "keys"),
	        json_string(ssh));
	site_policy(s, doc, s->ana);
	doc = next_policy(s);
	json_array_remove(
	        json_object_get(json_array_get(json_object_get(doc, "people"), 0), "keys"), 0);
	json_object_set_new(doc, "revoked",
	                    json_pack("[{s:s, s:I}]", "key", hers, "at", (json_int_t)at));
	cleanup_buf struct buf envelope = { 0 }, body = { 0 };
	struct digest d;
	struct err e = { 0 };
	json_canonical(doc, &body);
	digest_small(body.p, body.n, &d);
	ok(statement_sign("policy", "policy", &d, doc, second, &envelope, &e), &e, "sign");
	site_commit(s, "policy", NULL,
	            json_pack("{s:o, s:O}", "digest", json_from_digest(&d), "version",
	                      json_object_get(doc, "version")),
	            &envelope);
	json_decref(doc);
}

static void
prove_again(struct pair *p, struct bundle *b, const uint64_t *seqs, size_t n,
            const struct secret_key *by)
{
	prove_entries(p, seqs, n, json_array(), &b->front[FRONT_PROOF].text);
	remake(b, by);
}

Test(bundle_check, a_revoked_signer)
{
	const uint64_t v1 = HQ_V1;

	for (int i = 0; i < 2; i++) {
		struct secret_key *second;
		struct bundle_draft d;
		struct bundle b;
		struct pair p;

		pair_make(&p);
		second = site_key(9);
		build(&p, want_v1, 1, 0, &d);
		/* from the version's entry on, or from behind it */
		revoke_first_key(&p, second, i == 0 ? HQ_V1 + 1 : HQ_V1);
		copy_bundle(&d.bundle, &b);
		prove_again(&p, &b, &v1, 1, p.hq.ana);
		expect(&p, &b, ERR_UNTRUSTED, "");
		remake(&b, second);
		expect(&p, &b, i == 0 ? ERR_OK : ERR_UNTRUSTED, i == 0 ? "" : "revoke");
		key_free(second);
		bundle_fini(&b);
		bundle_draft_fini(&d);
		pair_leave(&p);
	}
}

/* --- its versions --- */

Test(bundle_check, versions_and_their_entries)
{
	const uint64_t v1[] = { HQ_V1 }, both[] = { HQ_V1, HQ_V2 }, wrong[] = { HQ_O1 };
	struct bundle_draft d;
	struct bundle b;
	struct pair p;

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	copy_bundle(&d.bundle, &b);
	expect(&p, &b, ERR_OK, "");
	prove_again(&p, &b, NULL, 0, p.hq.ana);
	expect(&p, &b, ERR_SIGNATURE, "face-detect@v1 is not proved");
	prove_again(&p, &b, wrong, 1, p.hq.ana);
	expect(&p, &b, ERR_SIGNATURE, "is not proved");
	prove_again(&p, &b, both, 2, p.hq.ana);
	expect(&p, &b, ERR_MALFORMED, "proves versions that it does not name");
	prove_again(&p, &b, v1, 1, p.hq.ana);
	expect(&p, &b, ERR_OK, "");

	struct bundle_version *v = b.inventory.versions;
	v->digest.b[0] ^= 1;
	remake(&b, p.hq.ana);
	expect(&p, &b, ERR_SIGNATURE, "is another one in the source's log");
	v = b.inventory.versions;
	v->digest.b[0] ^= 1;
	v->number = 2;
	remake(&b, p.hq.ana);
	expect(&p, &b, ERR_SIGNATURE, "is another one in the source's log");
	v = b.inventory.versions;
	v->number = 1;
	(void)str_copy(v->model, sizeof v->model, OTHER);
	remake(&b, p.hq.ana);
	expect(&p, &b, ERR_SIGNATURE, "is another one in the source's log");
	v = b.inventory.versions;
	(void)str_copy(v->model, sizeof v->model, MODEL);
	v->seq = HQ_V2;
	remake(&b, p.hq.ana);
	expect(&p, &b, ERR_SIGNATURE, "is not proved");
	v = b.inventory.versions;
	v->seq = 1; /* a policy */
	remake(&b, p.hq.ana);
	expect(&p, &b, ERR_SIGNATURE, "is not proved");
	bundle_fini(&b);
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* Entries of hq's log that nobody who may signed, and one that is no statement at all. */
Test(bundle_check, entries_that_do_not_count)
{
	uint64_t seqs[2] = { HQ_V1, 0 };
	struct bundle_draft d;
	struct bundle b;
	struct pair p;

	pair_make(&p);
	site_label(&p.hq, "k", "v");
	seqs[1] = HQ_O1 + 1;
	build(&p, want_v1, 1, 0, &d);
	copy_bundle(&d.bundle, &b);
	prove_again(&p, &b, seqs, 2, p.hq.ana);
	expect(&p, &b, ERR_SIGNATURE, "(label) is not signed");

	/* eve wrote a version into the folder, and the log's key signed a tree with it */
	struct secret_key *const ana = p.hq.ana;
	p.hq.forges = true;
	p.hq.ana = p.hq.eve;
	site_version(&p.hq, 3, "eve's");
	p.hq.ana = ana;
	p.hq.forges = false;
	seqs[0] = HQ_O1 + 3;
	b.inventory.versions[0].number = 3;
	b.inventory.versions[0].seq = seqs[0];
	prove_again(&p, &b, seqs, 1, p.hq.ana);
	expect(&p, &b, ERR_UNTRUSTED, "face-detect@v3");
	bundle_fini(&b);
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* --- its files --- */

static bool
have_all(void *arg, const struct digest *d, uint64_t size)
{
	(*(int *)arg)++;
	return true;
}

static bool
have_none(void *arg, const struct digest *d, uint64_t size)
{
	return false;
}

struct contents {
	struct bundle_contents *c;
	struct origin origin;
};

/* The blobs of hq pass in the order of the list. */
static int
pass(struct pair *p, const struct bundle *b, bool (*have)(void *, const struct digest *, uint64_t),
     int *asked, struct err *e)
{
	struct contents x = { 0 };
	int rc = 0;

	*e = (struct err){ 0 };
	ok(origin_check(buf_str(&b->front[FRONT_PROOF].text), &p->root, &x.origin, e), e, "proof");
	x.c = bundle_contents_new(b, &x.origin);
	for (size_t i = 0; rc == 0 && i < b->list.n; i++) {
		cleanup_buf struct buf bytes = { 0 };

		bundle_contents_begin(x.c, i);
		if (blob_read(p->hq.r->blobs, &b->list.v[i].digest, 1u << 20, &bytes, e) < 0)
			*e = (struct err){ 0 };
		for (size_t k = 0; k < bytes.n; k += 7) /* in pieces */
			bundle_contents_take(x.c, bytes.p + k, bytes.n - k < 7 ? bytes.n - k : 7);
		rc = bundle_contents_end(x.c, i, e);
	}
	if (rc == 0)
		rc = bundle_contents_finish(x.c, have, asked, e);
	bundle_contents_free(x.c);
	origin_fini(&x.origin);
	return rc;
}

Test(bundle_check, files)
{
	struct bundle_draft d;
	struct bundle b;
	struct pair p;
	struct err e = { 0 };
	int asked = 0;

	pair_make(&p);
	build(&p, want_all, 3, 0, &d);
	copy_bundle(&d.bundle, &b);
	const struct bundle_list whole = b.list;
	cr_expect_eq(whole.n, 9); /* a file, a config and a manifest each */
	cr_expect_eq(pass(&p, &b, NULL, NULL, &e), 0, "%s", e.msg);
	cr_expect_eq(pass(&p, &b, have_none, NULL, &e), 0, "%s", e.msg);
	struct bundle_blob v[16];
	b.list.v = v;
	for (size_t i = 0; i < whole.n; i++) {
		/* without that one */
		b.list.n = 0;
		for (size_t k = 0; k < whole.n; k++)
			if (k != i)
				v[b.list.n++] = whole.v[k];
		cr_expect_eq(pass(&p, &b, NULL, NULL, &e), -ERR_DIGEST, "%zu", i);
		cr_expect(strstr(e.msg, "lacks blob"), "%s", e.msg);
		cr_expect_eq(pass(&p, &b, have_none, NULL, &e), -ERR_DIGEST, "%zu", i);
		asked = 0;
		cr_expect_eq(pass(&p, &b, have_all, &asked, &e), 0, "%s", e.msg);
		cr_expect_eq(asked, 1);
		/* of a difference nobody is asked, and where it came in, everybody is */
		b.inventory.since = 1;
		cr_expect_eq(pass(&p, &b, NULL, NULL, &e), 0, "%s", e.msg);
		cr_expect_eq(pass(&p, &b, have_none, NULL, &e), -ERR_DIGEST, "%zu", i);
		cr_expect(strstr(e.hint, "builds on bundle 1"), "%s", e.hint);
		b.inventory.since = 0;
		/* with one more, in the order of the list */
		b.list.n = whole.n + 1;
		memcpy(v, whole.v, whole.n * sizeof *v);
		v[whole.n] = whole.v[i];
		v[whole.n].digest.b[31] ^= 1;
		bundle_list_sort(&b.list);
		cr_expect_eq(pass(&p, &b, NULL, NULL, &e), -ERR_MALFORMED, "%zu", i);
		cr_expect(strstr(e.msg, "which no version of it needs"), "%s", e.msg);
	}
	b.list = whole;
	bundle_fini(&b);
	bundle_draft_fini(&d);
	pair_leave(&p);
}

/* The list has another size for a file than the manifest that names it, or a manifest itself. */
Test(bundle_check, sizes)
{
	struct bundle_draft d;
	struct bundle b;
	struct pair p;
	struct err e = { 0 };
	struct digest file;
	size_t found = 0;

	pair_make(&p);
	build(&p, want_v1, 1, 0, &d);
	copy_bundle(&d.bundle, &b);
	digest_small("one", 3, &file);
	for (size_t i = 0; i < b.list.n; i++) {
		const bool is_manifest = digest_eq(&b.list.v[i].digest, &p.v1),
		           is_file = digest_eq(&b.list.v[i].digest, &file);

		b.list.v[i].size++;
		cr_expect_eq(pass(&p, &b, NULL, NULL, &e),
		             is_manifest || is_file ? -(int)ERR_DIGEST : 0, "%zu: %s", i, e.msg);
		b.list.v[i].size--;
		found += is_manifest || is_file;
	}
	cr_expect_eq(found, 2);
	/* a manifest that is none */
	const struct bundle_list whole = b.list;
	b.inventory.versions[0].digest = file;
	cr_expect_eq(pass(&p, &b, NULL, NULL, &e), -ERR_MALFORMED);
	cr_expect(strstr(e.msg, "manifest of face-detect@v1"), "%s", e.msg);
	cr_expect_eq(whole.n, 3);
	bundle_fini(&b);
	bundle_draft_fini(&d);
	pair_leave(&p);
}
