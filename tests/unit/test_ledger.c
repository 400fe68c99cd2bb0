/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forgery: what somebody who can write the folder, and holds no key that counts, can make those
 * believe who decide. Nothing, or an error: never another answer.
 */
#include "registry/ledger.h"

#include <inttypes.h>

#include "crypto/merkle.h"
#include "registry/records.h"
#include "registry_fixture.h"

/* --- entries that are appended, but not signed by whom they must be --- */

enum forgery {
	GOOD,
	UNSIGNED,
	SIGNED_BY_EVE,
	SIGNED_BY_ANA,
	OTHER_REGISTRY,
	OTHER_MODEL,
	OTHER_STAGE,
	OTHER_SUBJECT,
	OTHER_KIND,
	OLD_PREVIOUS,
	NEVER_AUTHORISED,
	AUTHORISED_WITHOUT_SIGNATURE,
	AUTHORISED_BY_EVE,
	AUTHORISED_BY_AGENT,
	AUTHORISED_FOR_ANOTHER_PLAN,
	AUTHORISED_AFTERWARDS,
};

/* The entry that would allow the plan; without one, any other entry is named instead. */
static struct change_result
forge_authorisation(struct site *s, const struct plan *p, enum forgery f,
                    const struct promotion *now)
{
	const struct digest other = { { 1 } };

	switch ((int)f) {
	case NEVER_AUTHORISED:
	case AUTHORISED_AFTERWARDS:
		return (struct change_result){ .seq = now->seq, .leaf = now->leaf };
	case AUTHORISED_WITHOUT_SIGNATURE:
		return site_authorise(s, p, &p->id, NULL);
	case AUTHORISED_BY_EVE:
		return site_authorise(s, p, &p->id, s->eve);
	case AUTHORISED_BY_AGENT:
		return site_authorise(s, p, &p->id, s->agent);
	case AUTHORISED_FOR_ANOTHER_PLAN:
		return site_authorise(s, p, &other, s->ana);
	default:
		return site_authorise(s, p, &p->id, s->ana);
	}
}

static void
forge(struct site *s, const struct plan *p, enum forgery f)
{
	const struct promotion now = site_stage(s, p->stage);
	const struct change_result by = forge_authorisation(s, p, f, &now);
	const struct promotion before = f == OLD_PREVIOUS ? (struct promotion){ 0 } : now;
	cleanup_json json_t *o = site_promotion_predicate(s, p, &before, &by);
	cleanup_buf struct buf envelope = { 0 };
	const struct secret_key *key = f == SIGNED_BY_EVE   ? s->eve
	                               : f == SIGNED_BY_ANA ? s->ana
	                                                    : s->agent;
	struct err e = { 0 };

	if (f == OTHER_REGISTRY)
		json_object_set_new(o, "registry",
		                    json_string("00000000000000000000000000000000"));
	if (f == OTHER_MODEL)
		json_object_set_new(o, "model", json_string("other"));
	if (f == OTHER_STAGE)
		json_object_set_new(o, "stage", json_string("production"));
	ok(statement_sign(f == OTHER_KIND ? "version" : "promotion", MODEL,
	                  f == OTHER_SUBJECT ? &now.version : &p->version, o, key, &envelope, &e),
	   &e, "sign");
	site_promotion_entry(s, p, f == UNSIGNED ? NULL : &envelope);
	if (f == AUTHORISED_AFTERWARDS)
		site_authorise(s, p, &p->id, s->ana);
}

Test(ledger, a_promotion_counts_only_with_both_signatures)
{
	static const struct {
		const char *name;
		enum forgery f;
	} cases[] = {
		{ "good", GOOD },
		{ "unsigned", UNSIGNED },
		{ "signed by a stranger", SIGNED_BY_EVE },
		{ "signed by a person", SIGNED_BY_ANA },
		{ "of another registry", OTHER_REGISTRY },
		{ "of another model", OTHER_MODEL },
		{ "of another stage", OTHER_STAGE },
		{ "about another version", OTHER_SUBJECT },
		{ "a statement of another kind", OTHER_KIND },
		{ "not continuing the stage", OLD_PREVIOUS },
		{ "nobody authorised it", NEVER_AUTHORISED },
		{ "an authorisation without signature", AUTHORISED_WITHOUT_SIGNATURE },
		{ "authorised by a stranger", AUTHORISED_BY_EVE },
		{ "authorised by the agent itself", AUTHORISED_BY_AGENT },
		{ "another plan was authorised", AUTHORISED_FOR_ANOTHER_PLAN },
		{ "authorised after it", AUTHORISED_AFTERWARDS },
	};

	for (size_t i = 0; i < COUNT(cases) * 2; i++) {
		const enum forgery f = cases[i / 2].f;
		const bool pinned = i % 2;
		struct site s;
		struct plan p;

		site_make(&s);
		const struct digest v1 = site_version(&s, 1, "one");
		const struct digest v2 = site_version(&s, 2, "two");
		site_move(&s, "promote", &v1, "staging");
		site_plan(&s, "promote", &v2, "staging", &p);
		if (pinned)
			site_pin(&s);
		s.forges = true;
		forge(&s, &p, f);
		const struct promotion now = site_stage(&s, "staging");
		cr_expect(now.exists);
		cr_expect_eq(now.number, f == GOOD ? 2u : 1u, "%s: v%d holds", cases[i / 2].name,
		             (int)now.number);
		plan_fini(&p);
		site_leave(&s);
	}
}

static json_t *
first_policy(struct site *s)
{
	struct ledger l;
	struct err e = { 0 };

	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	json_t *ret = json_from_digest(&l.policy.digest);
	ledger_fini(&l);
	return ret;
}

Test(ledger, a_policy_counts_only_with_the_root_s_signature)
{
	enum { BY_NOBODY, BY_EVE, BY_ANA };
	static const struct {
		const char *name;
		int by, version;
		bool counts;
	} cases[] = {
		{ "signed by the root", BY_ANA, 2, true },
		{ "unsigned", BY_NOBODY, 2, false },
		{ "signed by whom it makes its root", BY_EVE, 2, false },
		{ "a number left out", BY_ANA, 3, false },
		{ "the number in force again", BY_ANA, 1, false },
	};

	for (size_t i = 0; i < COUNT(cases) * 2; i++) {
		struct ledger l;
		struct err e = { 0 };
		struct site s;

		site_make(&s);
		if (i % 2)
			site_pin(&s);
		const struct secret_key *by = cases[i / 2].by == BY_ANA   ? s.ana
		                              : cases[i / 2].by == BY_EVE ? s.eve
		                                                          : NULL;
		json_t *doc = solo_policy(s.r->id, by == s.ana ? "ana" : "eve",
		                          by == s.ana ? &s.ana->pub : &s.eve->pub, &s.agent->pub,
		                          2000);
		json_object_set_new(doc, "version", json_integer(cases[i / 2].version));
		if (cases[i / 2].version > 1)
			json_object_set_new(doc, "previous", first_policy(&s));
		s.forges = true;
		site_policy(&s, doc, by);
		cr_assert_eq(ledger_open(s.r, &l, &e), 0, "%s", e.msg);
		cr_expect_eq(l.policy.version, cases[i / 2].counts ? 2u : 1u, "%s",
		             cases[i / 2].name);
		cr_expect(policy_has_role(&l.policy, &s.ana->pub, ROLE_ROOT));
		cr_expect_not(policy_has_role(&l.policy, &s.eve->pub, ROLE_ROOT));
		ledger_fini(&l);
		site_leave(&s);
	}
}

/* --- a database that lies --- */

static void
forge_mark(struct txn *t, uint64_t number)
{
	struct model_row m;
	struct err e = { 0 };

	ok(model_get(t, MODEL, &m, &e), &e, "model");
	for (size_t i = 0; i < m.stages_n; i++)
		if (streq(m.stages[i].stage, "staging"))
			m.stages[i].number = number;
	ok(model_put(t, &m, &e), &e, "forge");
}

static void
forge_place(struct txn *t, uint64_t seq, uint64_t place_of)
{
	struct log_pos at;
	struct err e = { 0 };
	uint32_t length;

	ok(log_place_get(t, place_of, &at, &length, &e), &e, "place");
	ok(log_place_put(t, seq, at, length, &e), &e, "forge");
}

static void
delete_place(struct txn *t, uint64_t seq)
{
	char key[9] = { 'e' };
	struct err e = { 0 };

	for (int i = 0; i < 8; i++)
		key[1 + i] = (char)(uint8_t)(seq >> (56 - 8 * i));
	ok(txn_del(t, (struct str){ key, sizeof key }, &e), &e, "forge");
}

/* The stage in the database says v2 or nothing: plans are made as if it had not been touched. */
Test(ledger, a_forged_stage_mark_fools_no_plan)
{
	struct plan p;
	struct site s;
	struct txn *t;
	struct err e = { 0 };

	site_make(&s);
	const struct digest v1 = site_version(&s, 1, "one");
	const struct digest v2 = site_version(&s, 2, "two");
	site_move(&s, "promote", &v1, "staging");
	ok(store_write_begin(s.r->store, &t, &e), &e, "begin");
	forge_mark(t, 2);
	ok(store_commit(t, &e), &e, "commit");
	site_reopen(&s);

	cr_expect_eq(site_intend(&s, "promote", &v2, "production", &p, &e), -(int)ERR_POLICY,
	             "v2 was never in staging");
	cr_expect_eq(site_intend(&s, "promote", &v2, "staging", &p, &e), 0, "it is not there yet");
	cr_expect_eq(site_intend(&s, "promote", &v1, "staging", &p, &e), CHANGE_NONE);
	cr_expect_eq(site_intend(&s, "promote", &v1, "production", &p, &e), 0);
	site_leave(&s);
}

enum lie {
	LIE_NONE,
	LIE_MARK,
	LIE_HIDE,
	LIE_HIDE_AUTHORISATION,
	LIE_MOVE,
	LIE_MOVE_AUTHORISATION,
	LIES
};

/* After an old plan somebody promoted v2, and the database no longer shows it. */
static void
lie_about(struct site *s, enum lie what, uint64_t promotion, uint64_t authorisation)
{
	struct txn *t;
	struct err e = { 0 };

	ok(store_write_begin(s->r->store, &t, &e), &e, "begin");
	if (what != LIE_NONE)
		forge_mark(t, 1);
	if (what == LIE_HIDE)
		delete_place(t, promotion);
	if (what == LIE_HIDE_AUTHORISATION)
		delete_place(t, authorisation);
	if (what == LIE_MOVE)
		forge_place(t, promotion, 0);
	if (what == LIE_MOVE_AUTHORISATION)
		forge_place(t, authorisation, 0);
	ok(store_commit(t, &e), &e, "commit");
}

static int
still_holds(struct site *s, const struct plan *p, struct err *e)
{
	struct ledger l;
	int rc = ledger_open(s->r, &l, e);

	if (rc < 0)
		return rc;
	rc = plan_still_holds(s->r, &l, p, e);
	ledger_fini(&l);
	return rc;
}

enum pinned { NO_PIN, PIN_FIRST, PIN_BETWEEN, PIN_LAST, PINS };

/* v2 is promoted by the plan `newer`, seen up to the pin, and then hidden. */
static void
promote_and_hide(struct site *s, const struct plan *newer, enum lie what, enum pinned pin)
{
	const struct promotion now = site_stage(s, "staging");
	const struct change_result by = site_authorise(s, newer, &newer->id, s->ana);
	cleanup_json json_t *o = site_promotion_predicate(s, newer, &now, &by);
	cleanup_buf struct buf envelope = { 0 };
	struct err e = { 0 };

	if (pin == PIN_BETWEEN)
		site_pin(s);
	ok(statement_sign("promotion", MODEL, &newer->version, o, s->agent, &envelope, &e), &e,
	   "sign");
	const struct change_result done = site_promotion_entry(s, newer, &envelope);
	cr_assert_eq(site_stage(s, "staging").number, 2);
	if (pin == PIN_LAST)
		site_pin(s);
	lie_about(s, what, done.seq, by.seq);
	site_reopen(s);
}

Test(ledger, a_hidden_promotion_kills_the_old_plan_all_the_same)
{
	for (int i = 0; i < LIES * PINS; i++) {
		const enum lie what = (enum lie)(i / PINS);
		const enum pinned pin = (enum pinned)(i % PINS);
		struct plan old, newer;
		struct err e = { 0 };
		struct site s;

		site_make(&s);
		const struct digest v1 = site_version(&s, 1, "one");
		const struct digest v2 = site_version(&s, 2, "two");
		const struct digest v3 = site_version(&s, 3, "three");
		site_move(&s, "promote", &v1, "staging");
		site_plan(&s, "promote", &v3, "staging", &old);
		site_plan(&s, "promote", &v2, "staging", &newer);
		cr_assert_eq(still_holds(&s, &old, &e), 0, "%s", e.msg);
		if (pin == PIN_FIRST)
			site_pin(&s);
		promote_and_hide(&s, &newer, what, pin);
		const int rc = still_holds(&s, &old, &e);
		/* what cannot be looked up is an error; all else is seen as it is */
		const int other = pin == PIN_BETWEEN && what >= LIE_HIDE_AUTHORISATION &&
		                                  what != LIE_MOVE
		                          ? -(int)ERR_STORE
		                          : -(int)ERR_CONFLICT;
		cr_expect_eq(rc, other, "lie %d, pin %d: %d %s", (int)what, (int)pin, rc, e.msg);
		plan_fini(&old);
		plan_fini(&newer);
		site_leave(&s);
	}
}

/* --- the log and the pin --- */

enum cut { CUT_NOTHING, CUT_LINES, CUT_LINE_AT_PIN, CUT_BEFORE_PIN };

static void
damage_log(struct site *s, enum cut what)
{
	cleanup_free char *path = xasprintf("%s/log/00000001.log", s->dir);
	cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };

	ok(fs_read_fd(fd, path, 1u << 20, &text, &e), &e, "read");
	const char *last = memrchr(text.p, '\n', text.n - 1);
	const char *before = memrchr(text.p, '\n', (size_t)(last - text.p));
	cr_assert_not_null(before);
	if (what == CUT_LINES)
		cr_assert_eq(ftruncate(fd, last + 1 - text.p), 0);
	if (what == CUT_LINE_AT_PIN)
		cr_assert_eq(pwrite(fd, "x", 1, last + 80 - text.p), 1);
	if (what == CUT_BEFORE_PIN) /* a whole other line of the same length */
		cr_assert_eq(pwrite(fd, "x", 1, before + 80 - text.p), 1);
}

Test(ledger, a_log_that_is_not_the_one_seen_before_is_exit_6)
{
	static const struct {
		enum cut what;
		bool remove_db;
		int opens;
	} cases[] = {
		{ CUT_NOTHING, false, 0 },
		{ CUT_NOTHING, true, 0 },
		{ CUT_LINES, false, -(int)ERR_DIGEST },
		{ CUT_LINES, true, -(int)ERR_DIGEST },
		{ CUT_LINE_AT_PIN, false, -(int)ERR_DIGEST },
		{ CUT_LINE_AT_PIN, true, -(int)ERR_DIGEST },
		/* O(1): found by who reads the log from its start */
		{ CUT_BEFORE_PIN, false, 0 },
		{ CUT_BEFORE_PIN, true, -(int)ERR_DIGEST },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { 0 };
		struct site s;

		site_make(&s);
		site_version(&s, 1, "one");
		site_pin(&s);
		damage_log(&s, cases[i].what);
		if (cases[i].remove_db) {
			cleanup_free char *db = xasprintf("%s/db/data.mdb", s.dir);
			registry_close(steal(&s.r));
			cr_assert_eq(unlink(db), 0);
		}
		cr_expect_eq(site_try_open(&s, &e), cases[i].opens, "%zu: %s", i, e.msg);
		if (cases[i].opens < 0)
			cr_expect_eq(err_exit_status(&e), 6, "%zu", i);
		site_leave(&s);
	}
}

/* The entry at seq becomes another one of the same length, with a good hash. */
static void
rewrite_line(struct site *s, uint64_t seq)
{
	cleanup_free char *path = xasprintf("%s/log/00000001.log", s->dir);
	cleanup_free char *start = xasprintf("\n%" PRIu64 " ", seq);
	cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);
	cleanup_buf struct buf text = { 0 };
	struct digest leaf;
	struct err e = { 0 };
	char *head, *json, *second;

	ok(fs_read_fd(fd, path, 1u << 20, &text, &e), &e, "read");
	head = memmem(text.p, text.n, start, strlen(start));
	cr_assert_not_null(head);
	head += strlen(start);
	json = head + DIGEST_HEX_SIZE;
	const size_t n = (size_t)((char *)memchr(json, '\n', text.n) - json);
	second = memmem(json, n, "\"time\":\"", 8);
	cr_assert_not_null(second);
	second[26] = second[26] == '0' ? '1' : '0';
	merkle_leaf(json, n, &leaf);
	digest_hex(&leaf, head);
	head[DIGEST_HEX_SIZE - 1] = ' ';
	cr_assert_eq(pwrite(fd, text.p, text.n, 0), (ssize_t)text.n);
}

/* A pin remembers its last line and, of each promotion, the leaf: opening looks at the first, and
 * who asks the stage at the second. */
Test(ledger, a_line_rewritten_before_the_pin_is_no_evidence)
{
	struct promotion now;
	struct ledger l;
	struct err e = { 0 };
	struct site s;

	site_make(&s);
	const struct digest v1 = site_version(&s, 1, "one");
	site_move(&s, "promote", &v1, "staging");
	site_version(&s, 2, "two");
	site_pin(&s);
	rewrite_line(&s, site_stage(&s, "staging").seq);
	site_reopen(&s);
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	cr_expect_eq(ledger_stage(s.r, &l, MODEL, "staging", &now, &e), -(int)ERR_DIGEST, "%s",
	             e.msg);
	cr_expect_eq(err_exit_status(&e), 6);
	ledger_fini(&l);
	site_leave(&s);
}

/* Each entry of a model names the one before it: a line that was signed or written for another
 * place in the chain changes nothing. */
Test(ledger, a_line_that_does_not_continue_its_model)
{
	static const struct {
		int previous; /* from the entry that it should be; 99: none */
		bool counts;
	} cases[] = { { 0, true }, { -1, false }, { 1, false }, { 99, false } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		const int by = cases[i].previous;
		struct model_row m;
		struct txn *t;
		json_t *n;
		struct err e = { 0 };
		struct site s;

		site_make(&s);
		site_version(&s, 1, "one");
		n = site_entry(
		        &s, "label", MODEL,
		        json_pack("{s:n, s:[], s:{s:s}}", "number", "remove", "set", "k", "v"));
		const json_int_t last = json_integer_value(json_object_get(n, "previous"));
		json_object_set_new(n, "previous",
		                    by == 99 ? json_null() : json_integer(last + by));
		site_append(&s, n);
		ok(store_read_begin(s.r->store, &t, &e), &e, "begin");
		ok(model_get(t, MODEL, &m, &e), &e, "model");
		store_abort(t);
		cr_expect_eq(strstr(m.labels, "k") != NULL, cases[i].counts, "%d", by);
		site_leave(&s);
	}
}

/* Who the registry is, and which bytes a model has, is said once. */
Test(ledger, what_is_said_once)
{
	char id[REGISTRY_ID_SIZE];
	struct model_row m;
	struct applied a;
	struct txn *t;
	struct err e = { 0 };
	struct site s;

	site_make(&s);
	(void)str_copy(id, sizeof id, s.r->id);
	site_append(&s,
	            site_entry(&s, "registry", NULL,
	                       json_pack("{s:s, s:i, s:s}", "created", "2026-01-01T00:00:00Z",
	                                 "format", 1, "id", "0123456789abcdef0123456789abcdef")));
	site_version(&s, 1, "one");
	s.forges = true;
	site_version(&s, 2, "one");
	ok(store_read_begin(s.r->store, &t, &e), &e, "begin");
	ok(applied_get(t, &a, &e), &e, "applied");
	ok(model_get(t, MODEL, &m, &e), &e, "model");
	store_abort(t);
	cr_expect_str_eq(a.registry_id, id);
	cr_expect_eq(m.latest, 1);
	cr_expect_eq(m.live_n, 1);
	site_leave(&s);
}
