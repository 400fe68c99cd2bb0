/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each check of what an entry claims by a signature, broken once: an entry that counts, one member
 * of it or of its statement changed by whoever holds the right key or another one.
 */
#include "registry/authority.h"

#include "registry/base/message.h"
#include "registry/entry.h"
#include "claim_fixture.h"

/* --- versions --- */

static void
version_parts(struct site *s, struct claim_parts *p)
{
	char key[KEY_ID_SIZE];

	key_id(&s->ana->pub, key);
	p->type = "version";
	p->subject = (struct digest){ { 1 } };
	p->body = json_pack("{s:i, s:o, s:i, s:s, s:i, s:s}", "bytes", 10, "digest",
	                    json_from_digest(&p->subject), "files", 2, "key", key, "number", 1,
	                    "signer", "ana");
	p->predicate = json_pack("{s:i, s:i, s:s, s:i, s:s}", "bytes", 10, "files", 2, "model",
	                         MODEL, "number", 1, "registry", s->r->id);
}

static int
ask_version(const struct authority *a, const struct entry *n, struct err *e)
{
	struct version_row row;

	return authority_version(a, n, &row, e);
}

Test(authority, version)
{
	static const struct claim_case cases[] = {
		{ "good", ANA, "", NULL, NULL, 0 },
		{ "unsigned", NOBODY, "", NULL, NULL, -(int)ERR_MALFORMED },
		{ "by a stranger", EVE, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "by the agent", AGENT, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "a statement of another kind", ANA, "kind", NULL, "promotion",
		  -(int)ERR_MALFORMED },
		{ "another subject", ANA, "subject", NULL, NULL, BAD },
		{ "another digest", ANA, "body", "digest", OTHER, BAD },
		{ "another model in the statement", ANA, "predicate", "model", "\"x\"", BAD },
		{ "no model in the statement", ANA, "predicate", "model", NULL, BAD },
		{ "another model of the entry", ANA, "entry", "model", "\"x\"", BAD },
		{ "no model of the entry", ANA, "entry", "model", NULL, -(int)ERR_MALFORMED },
		{ "other bytes", ANA, "body", "bytes", "11", BAD },
		{ "bytes unsaid by the statement", ANA, "predicate", "bytes", NULL, BAD },
		{ "other files", ANA, "predicate", "files", "3", BAD },
		{ "another signer", ANA, "body", "signer", "\"eve\"", BAD },
		{ "another key", ANA, "body", "key", "\"SHA256:x\"", BAD },
		{ "another registry", ANA, "predicate", "registry", "\"x\"", -(int)ERR_UNTRUSTED },
		{ "no registry", ANA, "predicate", "registry", NULL, -(int)ERR_MALFORMED },
		{ "another number", ANA, "body", "number", "2", BAD },
		{ "a number that was not signed", ANA, "predicate", "number", NULL, BAD },
		{ "no number", ANA, "body", "number", NULL, -(int)ERR_MALFORMED },
		{ "another type", ANA, "entry", "type", "\"label\"", BAD },
		{ "a statement that is a blob", NOBODY, "entry", "statement", OTHER,
		  -(int)ERR_MALFORMED },
	};

	run_cases(cases, COUNT(cases), version_parts, ask_version);
}

/* --- targets --- */

static void
target_parts(struct site *s, struct claim_parts *p)
{
	cleanup_buf struct buf text = { 0 };

	p->type = "target";
	p->body = site_target_body("dc1", "/srv");
	json_canonical(p->body, &text);
	digest_small(text.p, text.n, &p->subject);
	p->predicate = json_pack("{s:s, s:s, s:n, s:s}", "action", "add", "name", "dc1", "previous",
	                         "registry", s->r->id);
}

static int
ask_target(const struct authority *a, const struct entry *n, struct err *e)
{
	struct target_claim claim;

	return authority_target(a, n, &claim, e);
}

Test(authority, target)
{
	static const struct claim_case cases[] = {
		{ "good", ANA, "", NULL, NULL, 0 },
		{ "unsigned", NOBODY, "", NULL, NULL, -(int)ERR_MALFORMED },
		{ "by a stranger", EVE, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "by the agent", AGENT, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "a statement of another kind", ANA, "kind", NULL, "version",
		  -(int)ERR_MALFORMED },
		{ "another subject", ANA, "subject", NULL, NULL, BAD },
		{ "another name", ANA, "body", "name", "\"dc2\"", BAD },
		{ "another path", ANA, "body", "target", "{\"path\":\"/x\"}", BAD },
		{ "another name in the statement", ANA, "predicate", "name", "\"dc2\"", BAD },
		{ "another action", ANA, "predicate", "action", "\"remove\"", BAD },
		{ "a previous that is none", ANA, "predicate", "previous", "1",
		  -(int)ERR_MALFORMED },
		{ "another registry", ANA, "predicate", "registry", "\"x\"", -(int)ERR_UNTRUSTED },
	};

	run_cases(cases, COUNT(cases), target_parts, ask_target);
}

/* --- authorisations and promotions --- */

static const struct plan plan = { .kind = "promote",
	                          .model = MODEL,
	                          .stage = "staging",
	                          .number = 2,
	                          .id = { { 3 } },
	                          .version = { { 4 } },
	                          .previous = { { 5 } } };

static void
authorisation_parts(struct site *s, struct claim_parts *p)
{
	p->type = "authorisation";
	p->subject = plan.id;
	p->body = json_pack("{s:o}", "plan", json_from_digest(&plan.id));
	p->predicate = site_authorisation_predicate(s, &plan);
}

static int
ask_authorisation(const struct authority *a, const struct entry *n, struct err *e)
{
	struct authorisation v = { 0 };
	int rc = authority_authorisation(a, n, &v, e);

	cr_expect_str_eq(v.person, rc == 0 ? "ana" : v.person);
	authorisation_fini(&v);
	return rc;
}

Test(authority, authorisation)
{
	static const struct claim_case cases[] = {
		{ "good", ANA, "", NULL, NULL, 0 },
		{ "unsigned", NOBODY, "", NULL, NULL, -(int)ERR_MALFORMED },
		{ "by a stranger", EVE, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "by the agent", AGENT, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "a statement of another kind", ANA, "kind", NULL, "promotion",
		  -(int)ERR_MALFORMED },
		{ "another subject", ANA, "subject", NULL, NULL, BAD },
		{ "another plan", ANA, "body", "plan", OTHER, BAD },
		{ "another plan in the statement", ANA, "predicate", "plan", OTHER, BAD },
		{ "another model", ANA, "predicate", "model", "\"x\"", BAD },
		{ "no model of the entry", ANA, "entry", "model", NULL, BAD },
		{ "another registry", ANA, "predicate", "registry", "\"x\"", -(int)ERR_UNTRUSTED },
	};

	run_cases(cases, COUNT(cases), authorisation_parts, ask_authorisation);
}

static void
promotion_parts(struct site *s, struct claim_parts *p)
{
	const struct promotion before = { .leaf = plan.previous, .seq = 3 };
	const struct change_result by = { .seq = 5, .leaf = { { 6 } } };

	p->type = "promotion";
	p->subject = plan.version;
	p->body = json_pack("{s:o, s:s, s:s, s:i, s:o, s:[s], s:s, s:i}", "digest",
	                    json_from_digest(&plan.version), "job", "0123456789abcdef", "kind",
	                    plan.kind, "number", 2, "plan", json_from_digest(&plan.id), "proofs",
	                    "object", "stage", plan.stage, "targets", 0);
	p->predicate = site_promotion_predicate(s, &plan, &before, &by);
}

static int
ask_promotion(const struct authority *a, const struct entry *n, struct err *e)
{
	struct promotion p;

	return authority_promotion(a, n, &p, NULL, e);
}

/* What was allowed, beside what was done: the promotion's predicate with one member changed. */
static int
ask_allows(const struct authority *a, const struct entry *n, struct err *e)
{
	cleanup_json json_t *done = NULL;
	struct authorisation by = { .person = "ana" };
	const struct consent c = { .by = &by };
	struct site s = { .r = &(struct registry){ 0 } };
	struct promotion p;
	int rc = authority_promotion(a, n, &p, &done, e);

	if (rc < 0)
		return rc;
	(void)str_copy(s.r->id, sizeof s.r->id, a->registry_id);
	by.predicate = site_authorisation_predicate(&s, &plan);
	rc = authority_admits(a->policy, &c, done, e);
	authorisation_fini(&by);
	return rc;
}

Test(authority, promotion)
{
	static const struct claim_case cases[] = {
		{ "good", AGENT, "", NULL, NULL, 0 },
		{ "unsigned", NOBODY, "", NULL, NULL, -(int)ERR_MALFORMED },
		{ "by a stranger", EVE, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "by a person", ANA, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "a statement of another kind", AGENT, "kind", NULL, "authorisation",
		  -(int)ERR_MALFORMED },
		{ "another subject", AGENT, "subject", NULL, NULL, BAD },
		{ "another stage", AGENT, "body", "stage", "\"production\"", BAD },
		{ "another kind of move", AGENT, "body", "kind", "\"rollback\"", BAD },
		{ "another number", AGENT, "body", "number", "3", BAD },
		{ "another plan", AGENT, "body", "plan", OTHER, BAD },
		{ "another job", AGENT, "body", "job", "\"x\"", BAD },
		{ "more proofs", AGENT, "body", "proofs", "[\"answered\"]", BAD },
		{ "another version", AGENT, "body", "digest", OTHER, BAD },
		{ "emptied by the body alone", AGENT, "body", "digest", "null", BAD },
		{ "emptied by the statement alone", AGENT, "predicate", "version", "null", BAD },
		{ "another model", AGENT, "predicate", "model", "\"x\"", BAD },
		{ "too long a kind", AGENT, "predicate", "kind", "\"promote-promote-promote\"",
		  -(int)ERR_MALFORMED },
		{ "a previous without a leaf", AGENT, "predicate", "previous", "{\"seq\":1}",
		  -(int)ERR_MALFORMED },
		{ "another registry", AGENT, "predicate", "registry", "\"x\"",
		  -(int)ERR_UNTRUSTED },
	};

	run_cases(cases, COUNT(cases), promotion_parts, ask_promotion);
}

Test(authority, a_promotion_is_just_what_was_allowed)
{
	static const struct claim_case cases[] = {
		{ "good", AGENT, "", NULL, NULL, 0 },
		{ "after another promotion", AGENT, "predicate", "previous",
		  "{\"leaf\":" OTHER ",\"seq\":1}", BAD },
		{ "after none", AGENT, "predicate", "previous", "null", BAD },
	};
	static const char *const members[][2] = {
		{ "plan", OTHER },       { "kind", "\"rollback\"" }, { "model", "\"x\"" },
		{ "stage", "\"prod\"" }, { "number", "3" },          { "version", OTHER },
		{ "version", "null" },   { "previous", "null" },     { "previous", NULL },
		{ "number", NULL },      { "version", NULL },        { "break_glass", "true" },
	};
	struct policy policy;
	struct err e = { 0 };
	struct site s;

	run_cases(cases, COUNT(cases), promotion_parts, ask_allows);
	site_make(&s);
	cleanup_json json_t *doc = solo_policy(s.r->id, "ana", &s.ana->pub, &s.agent->pub, 1000);
	ok(policy_parse(doc, &policy, &e), &e, "policy");
	for (size_t i = 0; i < COUNT(members); i++) {
		struct claim_parts done = { 0 };
		struct err why = { 0 };

		promotion_parts(&s, &done);
		struct authorisation by = { .person = "ana" };
		const struct consent c = { .by = &by };
		by.predicate = site_authorisation_predicate(&s, &plan);
		cr_expect_eq(authority_admits(&policy, &c, done.predicate, &why), 0, "%s", why.msg);
		set_member(by.predicate, members[i][0], members[i][1]);
		cr_expect_eq(authority_admits(&policy, &c, done.predicate, &why), BAD, "%s",
		             members[i][0]);
		authorisation_fini(&by);
		json_decref(done.body);
		json_decref(done.predicate);
	}
	policy_fini(&policy);
	site_leave(&s);
}

/* --- the same statement again --- */

enum replay {
	SECOND_VERSION,
	AFTER_DELETE,
	REMOVED_TARGET,
	TARGET_TWICE,
	EMPTY_AS_ALLOWED,
	REPLAYS
};

/* The body and the envelope of the entry at seq, once more. */
static struct change_result
append_again(struct site *s, uint64_t seq, uint64_t number)
{
	const char *type, *model;
	struct entry n = { 0 };
	struct log_pos at;
	cleanup_buf struct buf b = { 0 };
	struct log_line line;
	uint32_t length;
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(log_place_get(t, seq, &at, &length, &e), &e, "place");
	store_abort(t);
	ok(log_read_at(s->r->log, at, length, &b, &line, &e), &e, "read");
	ok(entry_parse(line.json, seq, &line.leaf, &n, &e), &e, "parse");
	type = n.type;
	model = n.model;
	json_t *again = site_entry(s, type, model, json_deep_copy(n.body));
	if (number)
		json_object_set_new(json_object_get(again, "body"), "number",
		                    json_integer((json_int_t)number));
	json_object_set_new(again, "statement", json_deep_copy(n.statement));
	const struct change_result done = site_append(s, again);
	entry_fini(&n);
	return done;
}

static unsigned refused;

static void
count_refusals(void *arg, enum message_level level, const char *text)
{
	refused += level == MESSAGE_WARNING && strstr(text, "does not count");
}

static uint64_t
last_seq(struct site *s)
{
	struct applied a;
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(applied_get(t, &a, &e), &e, "applied");
	store_abort(t);
	return a.entries - 1;
}

static void
replay_one(struct site *s, enum replay what)
{
	const struct digest v1 = site_version(s, 1, "one");
	const uint64_t version = last_seq(s);
	struct change_result target;
	struct plan p;

	if (what == AFTER_DELETE)
		site_delete(s, 1, &v1);
	if (what == SECOND_VERSION)
		append_again(s, version, 2);
	if (what == AFTER_DELETE) /* not even under the number that it had */
		append_again(s, version, 1);
	if (what == REMOVED_TARGET || what == TARGET_TWICE) {
		target = site_target(s, "dc1", "/srv", &(struct digest){ 0 });
		if (what == REMOVED_TARGET)
			site_target(s, "dc1", NULL, &target.leaf);
		append_again(s, target.seq, 0);
	}
	if (what != EMPTY_AS_ALLOWED)
		return;
	/* an emptied stage's promotion is about the plan, as an authorisation is */
	site_move(s, "promote", &v1, "staging");
	site_plan(s, "rollback", NULL, "staging", &p);
	s->forges = true;
	const struct promotion now = site_stage(s, "staging");
	const struct change_result none = { 0 };
	cleanup_json json_t *o = site_promotion_predicate(s, &p, &now, &none);
	cleanup_buf struct buf envelope = { 0 };
	struct err e = { 0 };
	ok(statement_sign("promotion", MODEL, &p.id, o, s->agent, &envelope, &e), &e, "sign");
	site_commit(s, "authorisation", MODEL, json_pack("{s:o}", "plan", json_from_digest(&p.id)),
	            &envelope);
	cr_expect_eq(refused, 1);
	site_promotion_entry(s, &p, &envelope);
	cr_expect_eq(refused, 2);
	cr_expect_eq(site_stage(s, "staging").number, 1);
	refused = 1;
	plan_fini(&p);
}

Test(authority, a_statement_counts_once)
{
	message_sink(count_refusals, NULL);
	for (int i = 0; i < REPLAYS; i++) {
		struct target_row *rows;
		struct model_row m;
		struct ledger l;
		struct txn *t;
		struct err e = { 0 };
		struct site s;
		size_t n;

		refused = 0;
		site_make(&s);
		replay_one(&s, (enum replay)i);
		cr_expect_eq(refused, 1, "%d: %u refused", i, refused);
		ok(store_read_begin(s.r->store, &t, &e), &e, "begin");
		ok(model_get(t, MODEL, &m, &e), &e, "model");
		store_abort(t);
		cr_expect_eq(m.latest, 1, "%d", i);
		cr_expect_eq(m.live_n, i == AFTER_DELETE ? 0u : 1u, "%d", i);
		ok(ledger_open(s.r, &l, &e), &e, "ledger");
		ok(ledger_targets(s.r, &l, NULL, &rows, &n, &e), &e, "targets");
		cr_expect_eq(n, i == TARGET_TWICE ? 1u : 0u, "%d", i);
		free(rows);
		ledger_fini(&l);
		site_leave(&s);
	}
	message_sink(NULL, NULL);
}

/* --- plans made by hand --- */

Test(authority, a_plan_that_no_plan_would_be)
{
	static const struct {
		const char *name, *kind;
		unsigned version, number, way_back; /* 0: null */
		int rc;
	} cases[] = {
		{ "as it would be", "promote", 2, 2, 1, 0 },
		{ "another number", "promote", 2, 3, 1, -(int)ERR_CONFLICT },
		{ "another way back", "promote", 2, 2, 2, -(int)ERR_CONFLICT },
		{ "nothing promoted", "promote", 0, 0, 1, -(int)ERR_CONFLICT },
		{ "back to nothing", "rollback", 0, 0, 1, 0 },
		{ "back to what it holds", "rollback", 1, 1, 1, 0 },
		{ "back to what it never held", "rollback", 2, 2, 1, -(int)ERR_CONFLICT },
	};
	struct digest v[3] = { 0 };
	struct ledger l;
	struct site s;
	struct err e = { 0 };

	site_make(&s);
	v[1] = site_version(&s, 1, "one");
	v[2] = site_version(&s, 2, "two");
	site_move(&s, "promote", &v[1], "staging");
	const struct promotion now = site_stage(&s, "staging");
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct plan p = { .model = MODEL,
			          .stage = "staging",
			          .number = cases[i].number,
			          .empty = cases[i].version == 0,
			          .version = v[cases[i].version],
			          .way_back = v[cases[i].way_back],
			          .previous = now.leaf };
		struct err why = { 0 };

		(void)str_copy(p.kind, sizeof p.kind, cases[i].kind);
		const int rc = plan_still_holds(s.r, &l, &p, &why);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, why.msg);
		if (cases[i].rc < 0)
			cr_expect_eq(err_exit_status(&why), 5, "%s", cases[i].name);
	}
	ledger_fini(&l);
	site_leave(&s);
}
