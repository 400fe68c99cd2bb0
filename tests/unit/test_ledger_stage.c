/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger says of one stage, its targets and its plans, asked directly: places that lead
 * elsewhere, rows that name somebody else's yes, and what a rollback leaves on top.
 */
#include "registry/ledger.h"

#include "consent_fixture.h"
#include "registry/base/message.h"
#include "registry/consent.h"

TestSuite(ledger_stage);

/* --- the chain of promotions --- */

/* v1, v2, back to v1, v3: each with a place that the next one names. */
static void
go_to_and_fro(struct site *s, struct digest v[3])
{
	site_make(s);
	v[0] = site_version(s, 1, "one");
	v[1] = site_version(s, 2, "two");
	v[2] = site_version(s, 3, "three");
	site_move(s, "promote", &v[0], "staging");
	site_move(s, "promote", &v[1], "staging");
	site_move(s, "rollback", &v[0], "staging");
	site_move(s, "promote", &v[2], "staging");
}

/* A promotion of v to staging that eve signed, appended by hand. */
static struct change_result
forge_promotion(struct site *s, const struct digest *v)
{
	const struct promotion now = site_stage(s, "staging");
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done;
	struct plan p;
	struct err e = { 0 };

	site_plan(s, "promote", v, "staging", &p);
	const struct change_result by = site_authorise(s, &p, &p.id, s->ana);
	cleanup_json json_t *o = site_promotion_predicate(s, &p, &now, &by);
	ok(statement_sign("promotion", MODEL, v, o, s->eve, &envelope, &e), &e, "sign");
	s->forges = true;
	done = site_promotion_entry(s, &p, &envelope);
	s->forges = false;
	plan_fini(&p);
	return done;
}

static void
say_nothing(void *arg, enum message_level level, const char *text)
{
}

Test(ledger_stage, what_a_promotion_names_is_the_one_before)
{
	struct promotion at, before;
	struct digest v[3];
	struct ledger l;
	struct site s;
	struct err e = { 0 };

	go_to_and_fro(&s, v);
	at = site_stage(&s, "staging");
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	ok(ledger_before(s.r, &l, MODEL, "staging", &at, &before, &e), &e, "before");
	cr_expect(before.exists && streq(before.kind, "rollback") && before.number == 1);

	/* of another model, of another stage */
	cr_expect_eq(ledger_before(s.r, &l, "other", "staging", &at, &before, &e), BAD);
	cr_expect_eq(ledger_before(s.r, &l, MODEL, "production", &at, &before, &e), BAD);
	/* a place with another entry */
	at.previous.b[0] ^= 1;
	cr_expect_lt(ledger_before(s.r, &l, MODEL, "staging", &at, &before, &e), 0);
	/* an entry that is no promotion */
	const struct change_result by = site_target(&s, "dc1", "/srv", &(struct digest){ 0 });
	at.previous = by.leaf;
	at.previous_seq = by.seq;
	cr_expect_lt(ledger_before(s.r, &l, MODEL, "staging", &at, &before, &e), 0);
	/* one that the agent has not signed */
	message_sink(say_nothing, NULL);
	const struct change_result forged = forge_promotion(&s, &v[1]);
	at.previous = forged.leaf;
	at.previous_seq = forged.seq;
	cr_expect_lt(ledger_before(s.r, &l, MODEL, "staging", &at, &before, &e), 0);
	message_sink(NULL, NULL);
	ledger_fini(&l);
	site_leave(&s);
}

Test(ledger_stage, a_way_back_is_a_promotion)
{
	struct promotion back;
	struct digest v[3], never = { { 1 } };
	struct ledger l;
	struct site s;
	struct err e = { 0 };

	go_to_and_fro(&s, v);
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	/* the newest that promoted it, not the rollback to it */
	ok(ledger_way_back(s.r, &l, MODEL, "staging", &v[0], &back, &e), &e, "to v1");
	cr_expect_str_eq(back.kind, "promote");
	cr_expect(digest_eq(&back.version, &v[0]));
	ok(ledger_way_back(s.r, &l, MODEL, "staging", NULL, &back, &e), &e, "back");
	cr_expect_str_eq(back.kind, "promote");
	cr_expect(digest_eq(&back.version, &v[0]));
	cr_expect_eq(ledger_way_back(s.r, &l, MODEL, "staging", &never, &back, &e), -ERR_NOT_FOUND);
	ledger_fini(&l);
	/* once more to v1: its own promotion is on top, below which there was nothing */
	site_move(&s, "rollback", &v[0], "staging");
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	ok(ledger_way_back(s.r, &l, MODEL, "staging", NULL, &back, &e), &e, "below v1");
	cr_expect_not(back.exists);
	ledger_fini(&l);
	site_leave(&s);
}

/* --- targets --- */

static size_t
targets_of(struct site *s, const char *stage, const char *name, struct digest *ret_leaf)
{
	struct target_row *rows;
	struct ledger l;
	size_t n;
	struct err e = { 0 };

	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	ok(ledger_targets(s->r, &l, stage, &rows, &n, &e), &e, "targets");
	ok(ledger_target_leaf(&l, name, ret_leaf, &e), &e, "leaf");
	free(rows);
	ledger_fini(&l);
	return n;
}

Test(ledger_stage, targets_of_a_stage)
{
	const struct digest none = { 0 };
	struct digest leaf;
	struct site s;

	site_make(&s);
	cr_expect_eq(targets_of(&s, NULL, "dc1", &leaf), 0);
	cr_expect(digest_is_zero(&leaf));
	const struct change_result added = site_target(&s, "dc1", "/srv", &none);
	cr_expect_eq(targets_of(&s, NULL, "dc1", &leaf), 1);
	cr_expect(digest_eq(&leaf, &added.leaf));
	cr_expect_eq(targets_of(&s, "staging", "dc2", &leaf), 1);
	cr_expect(digest_is_zero(&leaf));
	cr_expect_eq(targets_of(&s, "production", "dc1", &leaf), 0);
	const struct change_result removed = site_target(&s, "dc1", NULL, &added.leaf);
	cr_expect_eq(targets_of(&s, NULL, "dc1", &leaf), 0);
	/* whoever adds it again continues what was said last */
	cr_expect(digest_eq(&leaf, &removed.leaf));
	site_leave(&s);
}

/* --- who said yes --- */

/* Two plans, of v1 and v2, that ana has authorised (the second: if wanted) and of which ben
 * approved the first. */
static struct secret_key *
two_plans(struct site *s, bool both, struct plan *p, struct plan *second)
{
	static const struct attack yes = { "", "promote", 'b', PLAIN, true };
	site_make(s);
	struct secret_key *const ben = site_key(4);
	const struct digest v1 = site_version(s, 1, "one");
	const struct digest v2 = site_version(s, 2, "two");
	ben_joins(s, ben);
	site_plan(s, "promote", &v1, "staging", p);
	site_plan(s, "promote", &v2, "staging", second);
	site_authorise(s, p, &p->id, s->ana);
	site_append(s, approval_entry(s, p, p, &yes, ben));
	if (both)
		site_authorise(s, second, &second->id, s->ana);
	return ben;
}

/* As whoever can write the database would: what was said of `from` is noted beside `to` too. */
static void
forge_rows(struct site *s, const struct plan *from, const struct plan *to)
{
	struct consent_rows rows;
	struct txn *t;
	struct err e = { 0 };

	ok(store_write_begin(s->r->store, &t, &e), &e, "begin");
	ok(consent_get(t, &from->id, &rows, &e), &e, "rows");
	cr_assert(rows.by_n == 1 && rows.approvals_n == 1);
	rows.by[0].plan = rows.approvals[0].plan = to->id;
	ok(consent_put_authorisation(t, &rows.by[0], &e), &e, "authorisation");
	ok(consent_put_approval(t, &rows.approvals[0], &e), &e, "approval");
	consent_fini(&rows);
	ok(store_commit(t, &e), &e, "commit");
}

static int
consent_of(struct site *s, const struct plan *p, struct ledger_consent *ret, struct ledger *l)
{
	struct err e = { 0 };

	ok(ledger_open(s->r, l, &e), &e, "ledger");
	return ledger_consent(s->r, l, p, ret, &e);
}

Test(ledger_stage, a_yes_to_another_plan_is_none)
{
	for (int both = 0; both < 2; both++) {
		struct ledger_consent c;
		struct plan p, second;
		struct ledger l;
		struct site s;
		struct secret_key *const ben = two_plans(&s, both, &p, &second);

		forge_rows(&s, &p, &second);
		cr_expect_eq(consent_of(&s, &second, &c, &l), both ? 0 : -ERR_NOT_FOUND);
		cr_expect_eq(c.approvals_n, 0);
		ledger_consent_fini(&c);
		ledger_fini(&l);
		cr_expect_eq(consent_of(&s, &p, &c, &l), 0);
		cr_expect_eq(c.approvals_n, 1);
		ledger_consent_fini(&c);
		ledger_fini(&l);
		plan_fini(&p);
		plan_fini(&second);
		key_free(ben);
		site_leave(&s);
	}
}

Test(ledger_stage, it_is_asked_by_the_clock_and_the_author)
{
	const int64_t end = 1893456000; /* 2030-01-01 */
	struct ledger_consent c;
	struct plan p, second;
	struct ledger l;
	struct site s;
	struct err e = { 0 };
	struct secret_key *const ben = two_plans(&s, false, &p, &second);

	cr_assert_eq(consent_of(&s, &p, &c, &l), 0);
	cr_expect_str_eq(c.author, "ana");
	ok(ledger_is_approved(&l, &c, end - 1, &e), &e, "a second before");
	cr_expect_eq(ledger_is_approved(&l, &c, end, &e), -ERR_NEEDS_PERSON);
	ok(ledger_is_approved(&l, &c, 0, &e), &e, "by no clock");
	(void)str_copy(c.author, sizeof c.author, "ben");
	cr_expect_eq(ledger_is_approved(&l, &c, end - 1, &e), -ERR_NEEDS_PERSON);
	ledger_consent_fini(&c);
	ledger_fini(&l);
	plan_fini(&p);
	plan_fini(&second);
	key_free(ben);
	site_leave(&s);
}
