/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database that somebody has edited: a policy that it hides is in force all the same, a verdict
 * that it shows is seen by check. Stages and promotions are in test_ledger.c.
 */
#include "registry/ledger.h"

#include "registry/change.h"
#include "registry/check.h"
#include "registry/records.h"
#include "registry_fixture.h"

static json_t *
digest_of_policy(struct site *s)
{
	struct ledger l;
	struct err e = { 0 };

	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	json_t *ret = json_from_digest(&l.policy.digest);
	ledger_fini(&l);
	return ret;
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

/* The first policy is in force again, and of the second one nothing is found. */
static void
hide_policy(struct site *s, const struct str *first, const struct applied *then, bool place_too)
{
	struct applied now;
	struct txn *t;
	struct err e = { 0 };

	ok(store_write_begin(s->r->store, &t, &e), &e, "begin");
	ok(applied_get(t, &now, &e), &e, "applied");
	if (place_too)
		delete_place(t, now.policy_seq);
	now.policy_seq = then->policy_seq;
	ok(applied_put(t, &now, &e), &e, "forge");
	ok(policy_doc_put(t, *first, &e), &e, "forge");
	ok(store_commit(t, &e), &e, "commit");
	site_reopen(s);
}

Test(edited, a_hidden_policy_is_in_force_all_the_same)
{
	enum { NEVER, BEFORE, AFTER, PINNED };

	for (int i = 0; i < 2 * PINNED; i++) {
		cleanup_buf struct buf first = { 0 };
		struct applied then;
		struct err e = { 0 };
		struct ledger l;
		struct site s;
		struct txn *t;
		struct str doc;

		site_make(&s);
		ok(store_read_begin(s.r->store, &t, &e), &e, "begin");
		ok(applied_get(t, &then, &e), &e, "applied");
		ok(policy_doc_get(t, &doc, &e), &e, "policy");
		buf_add(&first, doc.p, doc.n);
		store_abort(t);
		if (i / 2 == BEFORE)
			site_pin(&s);
		json_t *second = solo_policy(s.r->id, "ana", &s.ana->pub, &s.agent->pub, 3000);
		json_object_set_new(second, "version", json_integer(2));
		json_object_set_new(second, "previous", digest_of_policy(&s));
		site_policy(&s, second, s.ana);
		if (i / 2 == AFTER)
			site_pin(&s);
		hide_policy(&s, &(struct str){ first.p, first.n }, &then, i % 2);
		ok(store_read_begin(s.r->store, &t, &e), &e, "begin");
		ok(policy_doc_get(t, &doc, &e), &e, "policy");
		cr_expect(str_eq(doc, (struct str){ first.p, first.n }), "it is not hidden");
		store_abort(t);
		/* twice: what the first one pins must be enough */
		for (int again = 0; again < 2; again++) {
			cr_assert_eq(ledger_open(s.r, &l, &e), 0, "%d: %s", i, e.msg);
			cr_expect_eq(l.policy.version, 2u, "%d", i);
			ok(ledger_save_pin(s.r, &l, &e), &e, "pin");
			ledger_fini(&l);
			site_reopen(&s);
		}
		site_leave(&s);
	}
}

static void
count_database(void *arg, const char *what, const struct err *problem)
{
	unsigned *const n = arg;

	(void)problem;
	*n += streq(what, "database");
}

/* What list and status show is the database's; whoever wants to know asks check, and a rebuild
 * brings back what the log says. */
Test(edited, a_forged_verdict_is_seen_by_check_and_gone_by_a_rebuild)
{
	struct check_result found;
	struct version_row v;
	struct site s;
	struct txn *t;
	struct err e = { 0 };

	site_make(&s);
	(void)site_version(&s, 1, "one");
	for (int lies = 2; lies >= 0; lies--) {
		unsigned told = 0;

		ok(store_write_begin(s.r->store, &t, &e), &e, "begin");
		ok(version_get(t, MODEL, 1, &v, &e), &e, "row");
		if (lies == 2)
			v.is_signed = !v.is_signed;
		else if (lies == 1)
			(void)str_copy(v.signer, sizeof v.signer, "ben");
		ok(version_put(t, &v, &e), &e, "forge");
		ok(store_commit(t, &e), &e, "commit");
		store_close(steal(&s.r->store)); /* check opens it itself */
		ok(check_registry(s.r, true, NULL, count_database, &told, &found, &e), &e, "check");
		cr_expect_eq(told, lies ? 1u : 0u, "%d", lies);
		ok(change_rebuild(s.r, NULL, &e), &e, "rebuild");
		site_reopen(&s);
	}
	site_leave(&s);
}
