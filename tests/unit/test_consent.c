/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who must have said yes before a stage moves: each rule about people, time, roles and revoked
 * keys, asked alone, and the same lies told to a registry by whoever holds the agent's key and one
 * deployer's.
 */
#include "registry/authority.h"

#include "consent_fixture.h"
#include "registry/base/message.h"

/* --- a policy with people enough --- */

#define REGISTRY "0123456789abcdef0123456789abcdef"

/* Keys by a letter: ana has a and A, ben b and B, cyd c, dan d, the agent g; x is revoked. */
static void
key_of(char letter, struct public_key *ret)
{
	struct secret_key *k = site_key((uint8_t)letter);

	*ret = k->pub;
	key_free(k);
}

static json_t *
key_text(char letter)
{
	struct public_key key;
	char ssh[KEY_SSH_SIZE];

	key_of(letter, &key);
	key_ssh(&key, ssh);
	return json_string(ssh);
}

static json_t *
person(const char *id, const char *keys)
{
	json_t *list = json_array();

	for (; *keys; keys++)
		json_array_append_new(list, key_text(*keys));
	return json_pack("{s:s, s:o}", "id", id, "keys", list);
}

/* cyd is the only one who is approver and nothing else; ben was one, and is author and scanner. */
static void
bank_policy(struct policy *ret)
{
	cleanup_json json_t *doc =
	        json_pack("{s:s, s:s, s:i, s:n, s:s, s:[o, o, o, o, o], s:[{s:o, s:i}]}",
	                  "registry", REGISTRY, "template", "team", "version", 1, "previous",
	                  "issued", "2026-01-01T00:00:00Z", "people", person("ana", "aA"),
	                  person("ben", "bB"), person("cyd", "c"), person("dan", "d"),
	                  person("agent", "g"), "revoked", "key", key_text('x'), "at", 20);
	struct err e = { 0 };

	json_object_set_new(doc, "roles",
	                    json_pack("{s:[s], s:[s, s], s:[s, s, s], s:[s], s:[s], s:[s]}", "root",
	                              "dan", "author", "ana", "ben", "approver", "ana", "ben",
	                              "cyd", "deployer", "ana", "agent", "agent", "scanner",
	                              "ben"));
	json_object_set_new(
	        doc, "stages",
	        json_pack("[{s:s, s:i, s:b}, {s:s, s:i, s:b, s:i, s:[s]}, {s:s, s:i, s:b, s:i}]",
	                  "name", "staging", "order", 1, "protected", 0, "name", "production",
	                  "order", 2, "protected", 1, "approvals", 1, "break_glass", "root", "name",
	                  "vault", "order", 3, "protected", 1, "approvals", 2));
	ok(policy_parse(doc, ret, &e), &e, "policy");
}

/* --- were they enough --- */

#define NOW 1000

/* Who says yes: PERSON/KEY, then :SECOND in which it ends, @ENTRY. */
struct consent_case {
	const char *name, *stage, *kind; /* "glass": promote, and the glass is broken */
	const char *by, *author, *yes;
	int rc;
};

#define WAITS   -(int)ERR_NEEDS_PERSON
#define REFUSED -(int)ERR_POLICY

/* clang-format off */
static const struct consent_case cases[] = {
	/* how many */
	{ "none is wanted", "staging", "promote", "ana/a", "ana", "", 0 },
	{ "one is wanted", "production", "promote", "ana/a", "ben", "", WAITS },
	{ "and there", "production", "promote", "ana/a", "ana", "cyd/c", 0 },
	{ "two are wanted", "vault", "promote", "ana/a", "ana", "cyd/c", WAITS },
	{ "and there are two", "vault", "promote", "ana/a", "ana", "cyd/c ben/b", 0 },
	/* people, not keys or signatures */
	{ "one says yes twice", "vault", "promote", "ana/a", "ana", "cyd/c cyd/c", WAITS },
	{ "one with two keys", "vault", "promote", "ana/a", "ana", "ben/b ben/B", WAITS },
	{ "who authorised it", "production", "promote", "ana/a", "ben", "ana/a", WAITS },
	{ "nor with the other key", "production", "promote", "ana/a", "ben", "ana/A", WAITS },
	{ "nor as one of two", "vault", "promote", "ana/a", "ben", "ana/A cyd/c", WAITS },
	/* the author */
	{ "the author alone", "production", "promote", "ana/a", "ben", "ben/b", WAITS },
	{ "the author with another key", "production", "promote", "ana/a", "ben", "ben/B", WAITS },
	{ "the author beside another", "vault", "promote", "ana/a", "ben", "ben/b cyd/c", 0 },
	{ "an author who has left", "production", "promote", "ana/a", "eve", "ben/b", 0 },
	/* roles, by the policy that is asked */
	{ "no approver", "production", "promote", "ana/a", "ana", "dan/d", WAITS },
	{ "the agent", "production", "promote", "ana/a", "ana", "agent/g", WAITS },
	{ "nobody of the policy", "production", "promote", "ana/a", "ana", "eve/e", WAITS },
	{ "no name", "production", "promote", "ana/a", "ana", "/c", WAITS },
	{ "by no deployer", "staging", "promote", "cyd/c", "ana", "ben/b", REFUSED },
	{ "by the agent", "staging", "promote", "agent/g", "ana", "", REFUSED },
	{ "by nobody", "staging", "promote", "eve/e", "ana", "", REFUSED },
	{ "by root", "staging", "rollback", "dan/d", "ana", "", REFUSED },
	/* time */
	{ "a second before its end", "production", "promote", "ana/a", "ana", "cyd/c:1001", 0 },
	{ "at its end", "production", "promote", "ana/a", "ana", "cyd/c:1000", WAITS },
	{ "a second after", "production", "promote", "ana/a", "ana", "cyd/c:999", WAITS },
	{ "one of two has ended", "vault", "promote", "ana/a", "ana", "cyd/c ben/b:1000", WAITS },
	/* revoked from entry 20 on */
	{ "approved before", "production", "promote", "ana/a", "ana", "cyd/x@19", 0 },
	{ "approved just there", "production", "promote", "ana/a", "ana", "cyd/x@20", WAITS },
	{ "approved after it", "production", "promote", "ana/a", "ana", "cyd/x@21", WAITS },
	{ "authorised before", "staging", "promote", "ana/x@19", "ana", "", 0 },
	{ "authorised just there", "staging", "promote", "ana/x@20", "ana", "", REFUSED },
	{ "authorised after it", "staging", "promote", "ana/x@21", "ana", "", REFUSED },
	{ "a rollback after it", "staging", "rollback", "ana/x@21", "ana", "", REFUSED },
	/* stages */
	{ "a stage that is not there", "moon", "promote", "ana/a", "ana", "cyd/c", REFUSED },
	{ "no stage", NULL, "promote", "ana/a", "ana", "cyd/c", REFUSED },
	/* going back, and the glass */
	{ "a rollback", "production", "rollback", "ana/a", "ana", "", 0 },
	{ "a rollback by no deployer", "production", "rollback", "cyd/c", "ana", "", REFUSED },
	{ "another kind", "production", "roll", "ana/a", "ana", "", WAITS },
	{ "the glass, by root", "production", "glass", "dan/d", "ana", "", 0 },
	{ "by root, unbroken", "production", "promote", "dan/d", "ana", "cyd/c", REFUSED },
	{ "by a role not named", "production", "glass", "ana/a", "ana", "", REFUSED },
	{ "where nobody may", "vault", "glass", "dan/d", "ana", "cyd/c ben/b", REFUSED },
	{ "by a revoked key", "production", "glass", "dan/x@21", "ana", "", REFUSED },
};
/* clang-format on */

static bool
is_glass(const struct consent_case *c)
{
	return streq(c->kind, "glass");
}

/* What is allowed, approved and recorded; the promotion's "previous" has a place too. */
static json_t *
said(const struct consent_case *c, bool recorded)
{
	json_t *o =
	        json_pack("{s:s, s:s, s:i, s:s, s:s}", "kind", is_glass(c) ? "promote" : c->kind,
	                  "model", MODEL, "number", 2, "plan", "sha256:1", "version", "sha256:2");

	json_object_set_new(o, "previous",
	                    recorded ? json_pack("{s:s, s:i}", "leaf", "sha256:3", "seq", 4)
	                             : json_string("sha256:3"));
	if (c->stage)
		json_object_set_new(o, "stage", json_string(c->stage));
	if (is_glass(c))
		json_object_set_new(o, "break_glass", json_true());
	return o;
}

struct question {
	struct authorisation by;
	struct approval yes[3];
	struct consent c;
	json_t *recorded;
};

/* The rest of the text. */
static const char *
read_yes(const char *s, struct approval *ret)
{
	const char *const slash = strchr(s, '/');
	char *rest;

	cr_assert(slash && slash - s < SIGNER_SIZE, "%s", s);
	*ret = (struct approval){ .seq = 5, .expires_s = NOW + 1000 };
	memcpy(ret->person, s, (size_t)(slash - s));
	key_of(slash[1], &ret->key);
	rest = (char *)(uintptr_t)slash + 2;
	if (*rest == ':')
		ret->expires_s = strtoll(rest + 1, &rest, 10);
	if (*rest == '@')
		ret->seq = strtoull(rest + 1, &rest, 10);
	cr_assert(*rest == ' ' || *rest == '\0', "%s", s);
	return rest + (*rest == ' ');
}

static void
ask_for(const struct consent_case *c, struct question *q)
{
	struct approval by;

	cr_assert_str_empty(read_yes(c->by, &by));
	*q = (struct question){ .by = { .seq = by.seq, .key = by.key } };
	(void)str_copy(q->by.person, SIGNER_SIZE, by.person);
	q->by.break_glass = is_glass(c);
	q->by.predicate = said(c, false);
	q->c = (struct consent){
		.by = &q->by, .approvals = q->yes, .author = c->author, .now_s = NOW
	};
	for (const char *s = c->yes; *s;) {
		struct approval *const v = &q->yes[q->c.approvals_n++];
		s = read_yes(s, v);
		v->predicate = said(c, false);
	}
	q->recorded = said(c, true);
}

static void
asked(struct question *q)
{
	for (size_t i = 0; i < q->c.approvals_n; i++)
		approval_fini(&q->yes[i]);
	authorisation_fini(&q->by);
	json_decref(q->recorded);
}

Test(consent, enough_people)
{
	struct policy p;

	cr_assert_eq(crypto_init(), 0);
	bank_policy(&p);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { 0 }, why = { 0 };
		struct question q;

		ask_for(&cases[i], &q);
		cr_expect_eq(authority_approved(&p, &q.c, &e), cases[i].rc, "%s: %s", cases[i].name,
		             e.msg);
		cr_expect_eq(e.code, (enum err_code) - cases[i].rc, "%s", cases[i].name);
		/* in the log there is no waiting */
		cr_expect_eq(authority_admits(&p, &q.c, q.recorded, &why), cases[i].rc ? BAD : 0,
		             "%s: %s", cases[i].name, why.msg);
		asked(&q);
	}
	policy_fini(&p);
}

/* When nobody asks by a clock, an approval that has ended since still counts. */
Test(consent, what_was_allowed_stays_allowed)
{
	static const struct consent_case c = { "",    "production", "promote", "ana/a",
		                               "ana", "cyd/c:999",  0 };
	struct err e = { 0 };
	struct question q;
	struct policy p;

	cr_assert_eq(crypto_init(), 0);
	bank_policy(&p);
	ask_for(&c, &q);
	cr_expect_eq(authority_approved(&p, &q.c, &e), WAITS);
	q.c.now_s = 0;
	cr_expect_eq(authority_approved(&p, &q.c, &e), 0);
	/* the clock set back makes it count again, set forward it does not */
	q.c.now_s = NOW - 2;
	cr_expect_eq(authority_approved(&p, &q.c, &e), 0);
	q.c.now_s = NOW * 1000;
	cr_expect_eq(authority_approved(&p, &q.c, &e), WAITS);
	asked(&q);
	policy_fini(&p);
}

/* A job was aborted at entry 20. */
Test(consent, an_abort_takes_back_what_was_said)
{
	static const struct consent_case aborted[] = {
		{ "both behind it", "production", "promote", "ana/a@21", "ana", "cyd/c@22", 0 },
		{ "authorised before", "production", "promote", "ana/a@19", "ana", "cyd/c@21",
		  REFUSED },
		{ "approved before", "production", "promote", "ana/a@21", "ana", "cyd/c@19",
		  WAITS },
		{ "going back", "production", "rollback", "ana/a@19", "ana", "", REFUSED },
		{ "the glass", "production", "glass", "dan/d@19", "ana", "", REFUSED },
	};
	struct policy p;

	cr_assert_eq(crypto_init(), 0);
	bank_policy(&p);
	for (size_t i = 0; i < COUNT(aborted); i++) {
		struct err e = { 0 };
		struct question q;

		ask_for(&aborted[i], &q);
		q.c.after = 20;
		cr_expect_eq(authority_approved(&p, &q.c, &e), aborted[i].rc, "%s: %s",
		             aborted[i].name, e.msg);
		cr_expect_eq(authority_admits(&p, &q.c, q.recorded, &e), aborted[i].rc ? BAD : 0,
		             "%s: %s", aborted[i].name, e.msg);
		asked(&q);
	}
	policy_fini(&p);
}

/* --- to just this --- */

Test(consent, an_approval_is_for_one_plan)
{
	static const struct consent_case good = { "",    "vault",       "promote", "ana/a",
		                                  "ana", "cyd/c ben/b", 0 };
	static const char *const changes[][2] = {
		{ "plan", "\"sha256:9\"" }, { "kind", "\"rollback\"" },
		{ "model", "\"x\"" },       { "stage", "\"production\"" },
		{ "number", "3" },          { "version", "\"sha256:9\"" },
		{ "version", "null" },      { "previous", "\"sha256:9\"" },
		{ "previous", "null" },     { "plan", NULL },
		{ "kind", NULL },           { "model", NULL },
		{ "stage", NULL },          { "number", NULL },
		{ "version", NULL },        { "previous", NULL },
	};
	struct policy p;

	cr_assert_eq(crypto_init(), 0);
	bank_policy(&p);
	/* 0: the authorisation, 1 and 2: the approvals */
	for (size_t i = 0; i < COUNT(changes) * 3; i++) {
		const char *const *const change = changes[i / 3];
		struct err e = { 0 };
		struct question q;

		ask_for(&good, &q);
		cr_expect_eq(authority_admits(&p, &q.c, q.recorded, &e), 0, "%s", e.msg);
		set_member(i % 3 ? q.yes[i % 3 - 1].predicate : q.by.predicate, change[0],
		           change[1]);
		cr_expect_eq(authority_admits(&p, &q.c, q.recorded, &e), BAD, "%zu: %s", i % 3,
		             change[0]);
		asked(&q);
	}
	policy_fini(&p);
}

/* --- the glass is broken with a reason --- */

static void
glass_parts(struct site *s, struct claim_parts *p)
{
	static const struct plan plan = {
		.kind = "promote", .model = MODEL, .stage = "staging", .number = 2, .id = { { 3 } }
	};

	p->type = "authorisation";
	p->subject = plan.id;
	p->body = json_pack("{s:o}", "plan", json_from_digest(&plan.id));
	p->predicate = site_authorisation_predicate(s, &plan);
	json_object_set_new(p->predicate, "reason", json_string("fire"));
	json_object_set_new(p->predicate, "break_glass", json_true());
}

static int
ask_glass(const struct authority *a, const struct entry *n, struct err *e)
{
	struct policy *const p = (struct policy *)(uintptr_t)a->policy;
	struct authorisation v = { 0 };

	p->stages[0].break_glass = ROLE_BIT(ROLE_ROOT);
	int rc = authority_authorisation(a, n, &v, e);
	cr_expect(rc < 0 || v.break_glass);
	authorisation_fini(&v);
	return rc;
}

static int
ask_whole_glass(const struct authority *a, const struct entry *n, struct err *e)
{
	struct authorisation v = { 0 };
	int rc = authority_authorisation(a, n, &v, e);

	authorisation_fini(&v);
	return rc;
}

Test(consent, break_glass)
{
	static const struct claim_case glass[] = {
		{ "good", ANA, "", NULL, NULL, 0 },
		{ "no reason", ANA, "predicate", "reason", NULL, -(int)ERR_MALFORMED },
		{ "an empty reason", ANA, "predicate", "reason", "\"\"", -(int)ERR_MALFORMED },
		{ "a reason that is no text", ANA, "predicate", "reason", "1",
		  -(int)ERR_MALFORMED },
		{ "unbroken", ANA, "predicate", "break_glass", "false", -(int)ERR_MALFORMED },
		{ "half broken", ANA, "predicate", "break_glass", "1", -(int)ERR_MALFORMED },
		{ "a stage that is not there", ANA, "predicate", "stage", "\"moon\"",
		  -(int)ERR_UNTRUSTED },
		{ "by the agent", AGENT, "", NULL, NULL, -(int)ERR_UNTRUSTED },
	};
	static const struct claim_case whole[] = {
		{ "nobody may", ANA, "", NULL, NULL, -(int)ERR_UNTRUSTED },
	};

	run_cases(glass, COUNT(glass), glass_parts, ask_glass);
	run_cases(whole, COUNT(whole), glass_parts, ask_whole_glass);
}

/* --- the same, told to a registry --- */

static void
leaf_of(const json_t *entry, struct digest *ret)
{
	cleanup_buf struct buf json = { 0 }, line = { 0 };
	struct err e = { 0 };

	json_canonical(entry, &json);
	ok(log_format(0, buf_str(&json), &line, ret, &e), &e, "line");
}

/* The promotion as the agent signs it, first offered to the puts, then appended by hand. */
static void
tell(struct site *s, const struct plan *p, const struct attack *a, const json_t *predicate)
{
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done;
	json_t *body;
	struct err e = { 0 };

	ok(statement_sign("promotion", MODEL, &p->version, predicate, s->agent, &envelope, &e), &e,
	   "sign");
	body = json_pack("{s:o, s:s, s:s, s:I, s:o, s:[s], s:s, s:i}", "digest",
	                 json_from_digest(&p->version), "job", "0123456789abcdef", "kind", p->kind,
	                 "number", (json_int_t)p->number, "plan", json_from_digest(&p->id),
	                 "proofs", "object", "stage", p->stage, "targets", 0);
	if (!a->counts)
		cr_expect_eq(site_try_commit(s, "promotion", MODEL, json_incref(body), &envelope,
		                             &done, &e),
		             BAD, "%s: %s", a->name, e.msg);
	json_decref(body);
	s->forges = !a->counts;
	site_promotion_entry(s, p, &envelope);
}

static void
attack(struct site *s, struct plan *p, const struct plan *other, const struct attack *a,
       const struct secret_key *ben)
{
	const struct promotion now = site_stage(s, "staging");
	const struct secret_key *const by = a->yes == 'b'   ? ben
	                                    : a->yes == 'e' ? s->eve
	                                    : a->yes == 'g' ? s->agent
	                                                    : s->ana;
	const bool is_other = a->trick == OTHER_PLAN || a->trick == RELABELLED;
	struct change_result yes = { 0 };
	json_t *n;

	(void)str_copy(p->kind, sizeof p->kind, a->kind);
	const struct change_result allowed = site_authorise(s, p, &p->id, s->ana);
	n = approval_entry(s, a->trick == OTHER_PLAN ? other : p, is_other ? other : p, a, by);
	if (a->trick == AFTERWARDS || a->trick == NOWHERE) {
		leaf_of(n, &yes.leaf);
		yes.seq = allowed.seq + 2;
	} else if (a->yes != '-') {
		yes = site_append(s, json_incref(n));
	}
	cleanup_json json_t *o = site_promotion_predicate(s, p, &now, &allowed);
	if (!digest_is_zero(&yes.leaf) && a->trick != UNNAMED)
		json_object_set_new(o, "approvals",
		                    json_pack("[o]", site_place(&yes.leaf, yes.seq)));
	if (a->trick == GLASS)
		json_object_set_new(o, "break_glass", json_true());
	tell(s, p, a, o);
	if (a->trick == AFTERWARDS)
		cr_expect_eq(site_append(s, json_incref(n)).seq, yes.seq);
	json_decref(n);
}

static void
count_nothing(void *arg, enum message_level level, const char *text)
{
}

static void
expect_held(struct site *s, const struct attack *a, const char *when)
{
	const uint64_t number = a->counts ? 2 : 1;
	struct model_row m;
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(model_get(t, MODEL, &m, &e), &e, "model");
	store_abort(t);
	cr_assert_eq(m.stages_n, 1);
	cr_expect_eq(m.stages[0].number, number, "%s: database, %s", a->name, when);
	cr_expect_eq(site_stage(s, "staging").number, number, "%s: ledger, %s", a->name, when);
}

Test(consent, the_agent_alone_moves_nothing)
{
	static const struct attack attacks[] = {
		{ "as it should be", "promote", 'b', PLAIN, true },
		{ "no approval", "promote", '-', PLAIN, false },
		{ "by who authorised it", "promote", 'a', PLAIN, false },
		{ "by a stranger", "promote", 'e', PLAIN, false },
		{ "by the agent", "promote", 'g', PLAIN, false },
		{ "of another plan", "promote", 'b', OTHER_PLAN, false },
		{ "of another plan, said to be of this", "promote", 'b', RELABELLED, false },
		{ "for another state of the stage", "promote", 'b', OTHER_STATE, false },
		{ "not named", "promote", 'b', UNNAMED, false },
		{ "logged after it", "promote", 'b', AFTERWARDS, false },
		{ "never logged", "promote", 'b', NOWHERE, false },
		{ "as if the glass were broken", "promote", '-', GLASS, false },
		{ "back to what was never held", "rollback", '-', PLAIN, false },
		{ "the same, approved", "rollback", 'b', PLAIN, false },
	};

	message_sink(count_nothing, NULL);
	for (size_t i = 0; i < COUNT(attacks) * 2; i++) {
		const struct attack *const a = &attacks[i / 2];
		struct plan p, other;
		struct err e = { 0 };
		struct site s;

		site_make(&s);
		struct secret_key *ben = site_key(4);
		const struct digest v1 = site_version(&s, 1, "one");
		const struct digest v2 = site_version(&s, 2, "two");
		const struct digest v3 = site_version(&s, 3, "three");
		site_move(&s, "promote", &v1, "staging");
		ben_joins(&s, ben);
		site_plan(&s, "promote", &v3, "staging", &other);
		site_plan(&s, "promote", &v2, "staging", &p);
		if (i % 2)
			site_pin(&s);
		attack(&s, &p, &other, a, ben);
		expect_held(&s, a, i % 2 ? "pinned" : "no pin");
		ok(change_rebuild(s.r, NULL, &e), &e, "rebuild");
		expect_held(&s, a, "rebuilt");
		plan_fini(&p);
		plan_fini(&other);
		key_free(ben);
		site_leave(&s);
	}
	message_sink(NULL, NULL);
}
