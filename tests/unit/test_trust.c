/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a registry believes of a signature that is good: not of a key that was revoked since, not by
 * a role that may not say it, not under another policy, not about other bytes, and not in a folder
 * that is another one than this person has seen.
 */
#include "registry/authority.h"

#include <inttypes.h>

#include "claim_fixture.h"
#include "registry/base/message.h"
#include "registry/pin.h"

static void
say_nothing(void *arg, enum message_level level, const char *text)
{
}

/* --- approvals and restores --- */

static const struct plan plan = {
	.kind = "promote", .model = MODEL, .stage = "staging", .number = 2, .id = { { 3 } }
};

static void
approval_parts(struct site *s, struct claim_parts *p)
{
	p->type = "approval";
	p->subject = plan.id;
	p->body = json_pack("{s:o}", "plan", json_from_digest(&plan.id));
	p->predicate = site_authorisation_predicate(s, &plan);
	json_object_set_new(p->predicate, "expires", json_string("2030-01-01T00:00:00Z"));
}

static int
ask_approval(const struct authority *a, const struct entry *n, struct err *e)
{
	struct approval v = { 0 };
	int rc = authority_approval(a, n, &v, e);

	cr_expect(rc < 0 || v.expires_s == 1893456000);
	approval_fini(&v);
	return rc;
}

Test(trust, approval)
{
	static const struct claim_case cases[] = {
		{ "good", ANA, "", NULL, NULL, 0 },
		{ "unsigned", NOBODY, "", NULL, NULL, -(int)ERR_MALFORMED },
		{ "by a stranger", EVE, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "by the agent", AGENT, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "an authorisation", ANA, "kind", NULL, "authorisation", -(int)ERR_MALFORMED },
		{ "another subject", ANA, "subject", NULL, NULL, BAD },
		{ "another plan", ANA, "body", "plan", OTHER, BAD },
		{ "another plan in the statement", ANA, "predicate", "plan", OTHER, BAD },
		{ "another model", ANA, "predicate", "model", "\"x\"", BAD },
		{ "no end", ANA, "predicate", "expires", NULL, -(int)ERR_MALFORMED },
		{ "an end that is no time", ANA, "predicate", "expires", "\"soon\"",
		  -(int)ERR_MALFORMED },
		{ "another registry", ANA, "predicate", "registry", "\"x\"", -(int)ERR_UNTRUSTED },
	};

	run_cases(cases, COUNT(cases), approval_parts, ask_approval);
}

static void
restore_parts(struct site *s, struct claim_parts *p)
{
	p->type = "restore";
	p->subject = (struct digest){ { 8 } };
	p->body = json_pack("{s:n, s:o, s:i}", "pinned", "root", json_from_digest(&p->subject),
	                    "size", 9);
	p->predicate = json_deep_copy(p->body);
	json_object_set_new(p->predicate, "registry", json_string(s->r->id));
}

static int
ask_restore(const struct authority *a, const struct entry *n, struct err *e)
{
	struct restore_claim c;

	return authority_restore(a, n, &c, e);
}

/* The same place said in body and statement. */
static int
ask_restore_elsewhere(const struct authority *a, const struct entry *n, struct err *e)
{
	struct entry at = *n;

	at.seq = 10;
	return ask_restore(a, &at, e);
}

Test(trust, restore)
{
	static const struct claim_case cases[] = {
		{ "good", ANA, "", NULL, NULL, 0 },
		{ "unsigned", NOBODY, "", NULL, NULL, -(int)ERR_MALFORMED },
		{ "by a stranger", EVE, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "by the agent", AGENT, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "another subject", ANA, "subject", NULL, NULL, BAD },
		{ "another root", ANA, "body", "root", OTHER, BAD },
		{ "another size", ANA, "predicate", "size", "8", BAD },
		{ "another registry", ANA, "predicate", "registry", "\"x\"", -(int)ERR_UNTRUSTED },
	};
	static const struct claim_case elsewhere = { "moved", ANA, "", NULL, NULL, BAD };

	run_cases(cases, COUNT(cases), restore_parts, ask_restore);
	run_cases(&elsewhere, 1, restore_parts, ask_restore_elsewhere);
}

/* It must name the log before it. */
Test(trust, a_restore_of_another_log)
{
	for (int i = 0; i < 2; i++) {
		cleanup_buf struct buf envelope = { 0 };
		struct digest root;
		struct ledger l;
		struct site s;
		struct err e = { 0 };

		site_make(&s);
		ok(ledger_open(s.r, &l, &e), &e, "ledger");
		merkle_root(&l.next_pin.edge, &root);
		root.b[0] ^= (uint8_t)i;
		cleanup_json json_t *o =
		        json_pack("{s:n, s:s, s:o, s:I}", "pinned", "registry", s.r->id, "root",
		                  json_from_digest(&root), "size", (json_int_t)l.size);
		ledger_fini(&l);
		ok(statement_sign("restore", "log", &root, o, s.ana, &envelope, &e), &e, "sign");
		json_t *body = json_deep_copy(o);
		json_object_del(body, "registry");
		message_sink(say_nothing, NULL);
		site_forge(&s, "restore", NULL, body, &envelope);
		ok(ledger_open(s.r, &l, &e), &e, "ledger");
		message_sink(NULL, NULL);
		cr_expect_eq(l.has_restore, i == 0);
		ledger_fini(&l);
		site_leave(&s);
	}
}

/* --- a key that was revoked since --- */

Test(trust, what_a_key_signed_from_its_revocation_on)
{
	static const struct claim_case good = { "", ANA, "", NULL, NULL, 0 };
	struct policy_revoked gone = { 0 };
	const struct policy now = { .revoked = &gone, .revoked_n = 1 };
	struct claim_parts p = { 0 };
	struct ledger l;
	struct entry n;
	struct err e = { 0 };
	struct site s;

	site_make(&s);
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	approval_parts(&s, &p);
	make_entry(&s, &p, &good, &n);
	gone.key.key = s.ana->pub;
	for (uint64_t at = n.seq - 1; at <= n.seq + 1; at++) {
		struct authority a = { .policy = &l.policy, .registry_id = s.r->id, .now = &now };
		struct err why = { 0 };

		gone.at = at;
		cr_expect_eq(ask_approval(&a, &n, &why), at > n.seq ? 0 : -(int)ERR_UNTRUSTED);
		a.now = NULL;
		cr_expect_eq(ask_approval(&a, &n, &why), 0);
	}
	entry_fini(&n);
	ledger_fini(&l);
	site_leave(&s);
}

/* --- under another policy than the one in force --- */

Test(trust, an_entry_names_the_policy_in_force)
{
	static const struct {
		uint64_t policy;
		bool counts;
	} cases[] = { { 1, true }, { 0, false }, { 2, false } };

	message_sink(say_nothing, NULL);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf envelope = { 0 };
		json_t *body = site_target_body("dc1", "/srv"), *n, *statement;
		struct target_row *rows, row;
		struct ledger l;
		struct txn *t;
		struct site s;
		struct err e = { 0 };
		size_t rows_n;

		site_make(&s);
		site_target_sign(&s, body, &(struct digest){ 0 }, s.ana, &envelope);
		n = site_entry(&s, "target", NULL, body);
		cr_assert_eq(json_integer_value(json_object_get(n, "policy")), 1);
		ok(json_parse(buf_str(&envelope), "envelope", &statement, &e), &e, "envelope");
		json_object_set_new(n, "statement", statement);
		json_object_set_new(n, "policy", json_integer((json_int_t)cases[i].policy));
		site_append(&s, n);
		ok(ledger_open(s.r, &l, &e), &e, "ledger");
		ok(ledger_targets(s.r, &l, NULL, &rows, &rows_n, &e), &e, "targets");
		cr_expect_eq(rows_n, cases[i].counts ? 1u : 0u, "ledger, %zu", i);
		ok(store_read_begin(s.r->store, &t, &e), &e, "begin");
		cr_expect_eq(target_get(t, "dc1", &row, &e),
		             cases[i].counts ? 0 : -(int)ERR_NOT_FOUND, "database, %zu", i);
		store_abort(t);
		free(rows);
		ledger_fini(&l);
		site_leave(&s);
	}
	message_sink(NULL, NULL);
}

/* --- other bytes, another name --- */

static int
look_at_version(struct site *s, const char *model, const struct digest *version)
{
	struct admitted v = { 0 };
	struct ledger l;
	struct err e = { 0 };
	int rc;

	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	rc = ledger_version(s->r, &l, model, version, &v, &e);
	if (rc == 0)
		admitted_fini(&v);
	ledger_fini(&l);
	return rc;
}

/* A person's statement, signed well, that describes other files than the manifest has. */
Test(trust, a_statement_about_other_files)
{
	static const char *const members[] = { "", "bytes", "files", "fileset", "oms_root" };

	for (size_t i = 0; i < COUNT(members); i++) {
		cleanup_buf struct buf envelope = { 0 };
		struct import_tree t = { 0 };
		char key[KEY_ID_SIZE];
		struct site s;
		struct err e = { 0 };

		site_make(&s);
		cleanup_free char *file = xasprintf("%s/model.bin", s.path);
		ok(fs_write_at(AT_FDCWD, file, "one", 3, 0644, &e), &e, "write");
		ok(import_tree(s.r->blobs, file, NULL, &t, &e), &e, "import");
		cleanup_json json_t *o = site_version_predicate(&s, MODEL, 1, &t.manifest);
		json_t *body =
		        json_pack("{s:o, s:i, s:s}", "digest", json_from_digest(&t.manifest_digest),
		                  "number", 1, "signer", "ana");
		if (i > 0)
			set_member(o, members[i], i < 3 ? "4" : OTHER);
		key_id(&s.ana->pub, key);
		json_object_set_new(body, "key", json_string(key));
		json_object_set(body, "bytes", json_object_get(o, "bytes"));
		json_object_set(body, "files", json_object_get(o, "files"));
		ok(statement_sign("version", MODEL, &t.manifest_digest, o, s.ana, &envelope, &e),
		   &e, "sign");
		site_commit(&s, "version", MODEL, body, &envelope);
		cr_expect_eq(look_at_version(&s, MODEL, &t.manifest_digest),
		             i == 0 ? 0 : -(int)ERR_DIGEST, "%s", members[i]);
		import_tree_fini(&t);
		site_leave(&s);
	}
}

static int
take_row(void *arg, const struct version_row *v)
{
	*(struct version_row *)arg = *v;
	return 1;
}

/* The database says that somebody's signed bytes are another model's, under a free number. */
Test(trust, signed_bytes_under_another_name)
{
	struct version_row row;
	struct model_row m;
	struct txn *t;
	struct site s;
	struct err e = { 0 };

	site_make(&s);
	const struct digest v1 = site_version(&s, 1, "one");
	ok(store_write_begin(s.r->store, &t, &e), &e, "begin");
	ok(version_each(t, MODEL, 0, take_row, &row, &e), &e, "version");
	ok(model_get(t, MODEL, &m, &e), &e, "model");
	(void)str_copy(m.name, sizeof m.name, "other");
	(void)str_copy(row.model, sizeof row.model, "other");
	ok(model_put(t, &m, &e), &e, "forge");
	ok(version_put(t, &row, &e), &e, "forge");
	ok(store_commit(t, &e), &e, "commit");
	cr_expect_eq(look_at_version(&s, MODEL, &v1), 0);
	cr_expect_eq(look_at_version(&s, "other", &v1), -(int)ERR_DIGEST);
	site_leave(&s);
}

/* --- another folder than the one seen --- */

static int
open_with_bound(struct site *s, const char *id, uint64_t size, const struct digest *root)
{
	char hex[DIGEST_HEX_SIZE];
	struct ledger l;
	struct err e = { 0 };
	int rc;

	digest_hex(root, hex);
	cleanup_free char *pin = xasprintf("%s:%" PRIu64 ":%s", id, size, hex);
	cr_assert_eq(setenv("SLIPWAY_PIN", pin, 1), 0);
	rc = site_try_open(s, &e);
	if (rc == 0) {
		rc = ledger_open(s->r, &l, &e);
		if (rc == 0)
			ledger_fini(&l);
	}
	cr_assert_eq(unsetenv("SLIPWAY_PIN"), 0);
	return rc;
}

Test(trust, a_bound_that_the_log_does_not_keep)
{
	const int bad = -(int)ERR_DIGEST;
	struct digest root, other;
	struct ledger l;
	struct site s;
	struct err e = { 0 };

	site_make(&s);
	cleanup_free char *id = xstrdup(s.r->id);
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	merkle_root(&l.next_pin.edge, &root);
	const uint64_t size = l.size;
	ledger_fini(&l);
	other = root;
	other.b[31] ^= 1;
	cr_expect_eq(open_with_bound(&s, id, size, &root), 0);
	cr_expect_eq(open_with_bound(&s, id, size, &other), bad);
	cr_expect_eq(open_with_bound(&s, id, size + 1, &root), bad, "it was cut");
	cr_expect_eq(open_with_bound(&s, id, size - 1, &root), bad);
	cr_expect_eq(open_with_bound(&s, "0123456789abcdef0123456789abcdef", size, &root), bad);
	site_reopen(&s);
	site_version(&s, 1, "one");
	cr_expect_eq(open_with_bound(&s, id, size, &root), 0, "it has grown");
	site_leave(&s);
}

Test(trust, a_pin_of_another_registry)
{
	struct pin p;
	struct site s;
	struct err e = { 0 };

	site_make(&s);
	site_pin(&s);
	ok(pin_load(s.r->dir, &p, &e), &e, "pin");
	cr_expect_eq(pin_check(&p, s.r->id, s.r->log, &e), 0);
	cr_expect_eq(pin_check(&p, "0123456789abcdef0123456789abcdef", s.r->log, &e),
	             -(int)ERR_DIGEST);
	p.last_leaf.b[0] ^= 1;
	cr_expect_eq(pin_check(&p, s.r->id, s.r->log, &e), -(int)ERR_DIGEST);
	pin_fini(&p);
	site_leave(&s);
}

/* --- a policy behind another --- */

enum edit {
	AS_IT_IS,
	NUMBER_LEFT_OUT,
	SAME_NUMBER,
	OTHER_PREVIOUS,
	OTHER_FOLDER,
	TAKEN_BACK,
	REVOKED_LATER,
	REVOKED_EARLIER,
	OTHER_DOCUMENT,
	EVE_IS_ROOT,
};

#define BOTH 3 /* ana and ben sign; 1: ana, 2: ben, 4: eve */

/* Ana and ben are roots and both must sign; what eve signed from entry 7 on does not count. */
static json_t *
two_roots(struct site *s, const struct public_key *ben)
{
	json_t *doc = solo_policy(s->r->id, "ana", &s->ana->pub, &s->agent->pub, 1000);
	char ssh[KEY_SSH_SIZE];

	key_ssh(ben, ssh);
	json_array_append_new(json_object_get(doc, "people"),
	                      json_pack("{s:s, s:[s]}", "id", "ben", "keys", ssh));
	json_object_set_new(json_object_get(doc, "roles"), "root",
	                    json_pack("[s, s]", "ana", "ben"));
	json_object_set_new(doc, "root_threshold", json_integer(2));
	key_ssh(&s->eve->pub, ssh);
	json_object_set_new(doc, "revoked", json_pack("[{s:s, s:i}]", "key", ssh, "at", 7));
	return doc;
}

static void
change_policy(struct site *s, json_t *doc, enum edit what)
{
	json_t *eve = json_array_get(json_object_get(doc, "revoked"), 0);
	char ssh[KEY_SSH_SIZE];

	key_ssh(&s->eve->pub, ssh);
	if (what == NUMBER_LEFT_OUT || what == SAME_NUMBER)
		json_object_set_new(doc, "version", json_integer(what == SAME_NUMBER ? 2 : 4));
	if (what == OTHER_PREVIOUS)
		set_member(doc, "previous", OTHER);
	if (what == OTHER_FOLDER)
		set_member(doc, "registry", "\"0123456789abcdef0123456789abcdef\"");
	if (what == TAKEN_BACK)
		set_member(doc, "revoked", NULL);
	if (what == REVOKED_LATER || what == REVOKED_EARLIER)
		set_member(eve, "at", what == REVOKED_LATER ? "8" : "6");
	if (what != EVE_IS_ROOT)
		return;
	set_member(doc, "revoked", NULL);
	set_member(doc, "root_threshold", NULL);
	json_array_append_new(json_object_get(doc, "people"),
	                      json_pack("{s:s, s:[s]}", "id", "eve", "keys", ssh));
	json_object_set_new(json_object_get(doc, "roles"), "root", json_pack("[s]", "eve"));
}

static void
sign_policy(struct site *s, json_t *doc, const struct secret_key *ben, int by, bool other_subject,
            struct buf *ret)
{
	const struct secret_key *const keys[] = { s->ana, ben, s->eve };
	cleanup_buf struct buf text = { 0 }, payload = { 0 };
	char id[KEY_ID_SIZE];
	struct digest d;
	struct err e = { 0 };

	json_canonical(doc, &text);
	digest_small(text.p, text.n, &d);
	d.b[0] ^= (uint8_t)other_subject;
	ok(statement_payload("policy", "policy", &d, doc, &payload, &e), &e, "payload");
	for (int i = 0; i < 3; i++) {
		cleanup_buf struct buf sig = { 0 }, before = *ret;

		if (!(by & 1 << i)) {
			before = (struct buf){ 0 };
			continue;
		}
		*ret = (struct buf){ 0 };
		key_id(&keys[i]->pub, id);
		ok(statement_signature(buf_str(&payload), keys[i], &sig, &e), &e, "sign");
		ok(before.n ? statement_add_signature(buf_str(&before), id, sig.p, sig.n, ret, &e)
		            : statement_envelope(buf_str(&payload), id, sig.p, sig.n, ret, &e),
		   &e, "envelope");
	}
}

Test(trust, a_policy_continues_the_one_in_force)
{
	static const struct {
		const char *name;
		int by;
		enum edit what;
		int rc;
	} cases[] = {
		{ "good", BOTH, AS_IT_IS, 0 },
		{ "one signature of two", 1, AS_IT_IS, -(int)ERR_NEEDS_PERSON },
		{ "the other one", 2, AS_IT_IS, -(int)ERR_NEEDS_PERSON },
		{ "with a stranger", 5, AS_IT_IS, -(int)ERR_NEEDS_PERSON },
		{ "by a stranger", 4, AS_IT_IS, -(int)ERR_UNTRUSTED },
		{ "by whom it makes its root", 4, EVE_IS_ROOT, -(int)ERR_UNTRUSTED },
		{ "and one root", 5, EVE_IS_ROOT, -(int)ERR_NEEDS_PERSON },
		{ "a number left out", BOTH, NUMBER_LEFT_OUT, -(int)ERR_MALFORMED },
		{ "the same number", BOTH, SAME_NUMBER, -(int)ERR_MALFORMED },
		{ "behind another", BOTH, OTHER_PREVIOUS, -(int)ERR_MALFORMED },
		{ "of another registry", BOTH, OTHER_FOLDER, -(int)ERR_UNTRUSTED },
		{ "a revocation taken back", BOTH, TAKEN_BACK, -(int)ERR_MALFORMED },
		{ "from later on", BOTH, REVOKED_LATER, -(int)ERR_MALFORMED },
		{ "from earlier on", BOTH, REVOKED_EARLIER, 0 },
		{ "another document", BOTH, OTHER_DOCUMENT, -(int)ERR_SIGNATURE },
	};
	struct secret_key *ben;
	struct site s;

	site_make(&s);
	ben = site_key(4);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *doc = two_roots(&s, &ben->pub);
		cleanup_buf struct buf envelope = { 0 };
		struct policy old, fresh;
		struct err e = { 0 };
		int rc;

		json_object_set_new(doc, "version", json_integer(2));
		set_member(doc, "previous", OTHER);
		ok(policy_parse(doc, &old, &e), &e, "policy");
		json_object_set_new(doc, "version", json_integer(3));
		json_object_set_new(doc, "previous", json_from_digest(&old.digest));
		change_policy(&s, doc, cases[i].what);
		sign_policy(&s, doc, ben, cases[i].by, cases[i].what == OTHER_DOCUMENT, &envelope);
		rc = policy_accept(&old, buf_str(&envelope), s.r->id, &fresh, &e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		if (rc == 0)
			policy_fini(&fresh);
		policy_fini(&old);
	}
	key_free(ben);
	site_leave(&s);
}

Test(trust, a_policy_ends_with_its_second)
{
	const struct policy p = { .version = 2, .expires_s = 1000 }, never = { .version = 2 };
	struct err e = { 0 };

	cr_expect_eq(policy_check_expiry(&p, 999, &e), 0);
	cr_expect_eq(policy_check_expiry(&p, 1000, &e), -(int)ERR_POLICY);
	cr_expect_eq(policy_check_expiry(&p, 1001, &e), -(int)ERR_POLICY);
	cr_expect_eq(policy_check_expiry(&never, INT64_MAX, &e), 0);
}

/* --- a yes that is old --- */

/* What the database says that staging holds. */
static uint64_t
mark_of(struct site *s)
{
	struct model_row m;
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(model_get(t, MODEL, &m, &e), &e, "model");
	store_abort(t);
	cr_assert_eq(m.stages_n, 1);
	return m.stages[0].number;
}

/* What was allowed while the stage held nothing, carried out (again) when it holds v2: by the puts,
 * by the ledger, with a pin before it and without. */
Test(trust, an_old_yes_moves_nothing)
{
	message_sink(say_nothing, NULL);
	for (int i = 0; i < 4; i++) {
		const bool again = i & 1, pinned = i & 2;
		const struct promotion nothing = { 0 };
		cleanup_buf struct buf envelope = { 0 };
		struct change_result by;
		struct plan p;
		struct site s;
		struct err e = { 0 };

		site_make(&s);
		const struct digest v1 = site_version(&s, 1, "one");
		const struct digest v2 = site_version(&s, 2, "two");
		site_plan(&s, "promote", &v1, "staging", &p);
		by = site_authorise(&s, &p, &p.id, s.ana);
		cleanup_json json_t *o = site_promotion_predicate(&s, &p, &nothing, &by);
		ok(statement_sign("promotion", MODEL, &v1, o, s.agent, &envelope, &e), &e, "sign");
		if (again)
			site_promotion_entry(&s, &p, &envelope);
		site_move(&s, "promote", &v2, "staging");
		if (pinned)
			site_pin(&s);
		s.forges = true;
		site_promotion_entry(&s, &p, &envelope);
		cr_expect_eq(site_stage(&s, "staging").number, 2, "ledger, %d", i);
		cr_expect_eq(mark_of(&s), 2, "database, %d", i);
		plan_fini(&p);
		site_leave(&s);
	}
	message_sink(NULL, NULL);
}
