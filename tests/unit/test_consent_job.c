/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs as evidence: who can begin one, and what an abort and a discard take back. */
#include "consent_fixture.h"
#include "registry/consent.h"

TestSuite(consent_job);

#define JOB "00000000000000aa"

static const struct attack yes = { "", "promote", 'b', PLAIN, true };

/* A plan for staging that ana has authorised and ben may approve. ben is released by the caller. */
static struct secret_key *
make(struct site *s, struct plan *p)
{
	struct secret_key *ben;

	site_make(s);
	ben = site_key(4);
	const struct digest v1 = site_version(s, 1, "one");
	ben_joins(s, ben);
	site_plan(s, "promote", &v1, "staging", p);
	site_authorise(s, p, &p->id, s->ana);
	return ben;
}

/* A job's beginning locks the stage, and who resumes it is not asked again: it too waits for the
 * people, and only the agent can sign it. */
Test(consent_job, no_job_begins_without_them)
{
	struct job_claim c;
	struct ledger l;
	struct site s;
	struct plan p;
	struct err e = { 0 };
	struct secret_key *const ben = make(&s, &p);

	cr_expect_eq(site_job(&s, &p, "begin", "running", JOB, s.agent, &e), -ERR_MALFORMED);
	site_append(&s, approval_entry(&s, &p, &p, &yes, ben));
	cr_expect_eq(site_job(&s, &p, "begin", "running", JOB, NULL, &e), -ERR_MALFORMED);
	cr_expect_lt(site_job(&s, &p, "begin", "running", JOB, ben, &e), 0);
	cr_expect_lt(site_job(&s, &p, "begin", "running", JOB, s.ana, &e), 0);
	cr_expect_eq(site_job(&s, &p, "begin", "aborted", "no id", s.agent, &e), -ERR_MALFORMED);
	(void)str_copy(p.stage, sizeof p.stage, "production"); /* the plan says staging */
	cr_expect_eq(site_job(&s, &p, "begin", "running", JOB, s.agent, &e), -ERR_MALFORMED);
	(void)str_copy(p.stage, sizeof p.stage, "staging");
	s.forges = true;
	(void)site_job(&s, &p, "begin", "running", JOB, NULL, &e);
	(void)site_job(&s, &p, "begin", "running", JOB, ben, &e);
	s.forges = false;
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	cr_expect_not(ledger_job(&l, MODEL, "staging", &c));
	ledger_fini(&l);
	ok(site_job(&s, &p, "begin", "running", JOB, s.agent, &e), &e, "begin");
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	cr_assert(ledger_job(&l, MODEL, "staging", &c));
	cr_expect_str_eq(c.id, JOB);
	cr_expect(digest_eq(&c.plan, &p.id));
	cr_expect_not(ledger_job(&l, MODEL, "production", &c));
	ledger_fini(&l);
	plan_fini(&p);
	key_free(ben);
	site_leave(&s);
}

static int
consent_now(struct site *s, const struct plan *p, size_t *ret_approvals, struct err *e)
{
	struct ledger_consent c;
	struct ledger l;
	int rc;

	ok(ledger_open(s->r, &l, e), e, "ledger");
	rc = ledger_consent(s->r, &l, p, &c, e);
	*ret_approvals = rc == 0 ? c.approvals_n : 0;
	ledger_remember(s->r, &l); /* the next one begins at this pin */
	ledger_consent_fini(&c);
	ledger_fini(&l);
	site_reopen(s);
	return rc;
}

/* A promotion that the agent signs, of what `by` and ben's `yes` allowed: offered to the puts, then
 * appended by hand. Does it count? */
static bool
moves_stage(struct site *s, const struct plan *p, const struct change_result *by,
            const struct change_result *said)
{
	const struct promotion before = { 0 };
	cleanup_json json_t *o = site_promotion_predicate(s, p, &before, by);
	cleanup_buf struct buf envelope = { 0 };
	struct err e = { 0 };

	json_object_set_new(o, "approvals", json_pack("[o]", site_place(&said->leaf, said->seq)));
	ok(statement_sign("promotion", MODEL, &p->version, o, s->agent, &envelope, &e), &e, "sign");
	s->forges = true;
	site_promotion_entry(s, p, &envelope);
	s->forges = false;
	return site_stage(s, "staging").exists;
}

static const struct stage_mark *
mark_of(struct site *s, struct model_row *m)
{
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(model_get(t, MODEL, m, &e), &e, "model");
	store_abort(t);
	return model_stage(m, "staging");
}

/* Whoever aborts a job takes back what everybody said before; a job that failed does not. */
Test(consent_job, an_abort_takes_it_back)
{
	struct model_row m;
	struct plan p, second;
	struct site s;
	size_t n;
	struct err e = { 0 };
	struct secret_key *const ben = make(&s, &p);

	const struct change_result said = site_append(&s, approval_entry(&s, &p, &p, &yes, ben));
	ok(site_job(&s, &p, "begin", "running", JOB, s.agent, &e), &e, "begin");
	ok(site_job(&s, &p, "end", "failed", JOB, NULL, &e), &e, "end");
	ok(consent_now(&s, &p, &n, &e), &e, "after a failure");
	cr_expect_eq(n, 1);
	ok(site_job(&s, &p, "begin", "running", "00000000000000bb", s.agent, &e), &e, "again");
	const struct digest v2 = site_version(&s, 2, "two");
	site_plan(&s, "promote", &v2, "staging", &second);
	for (size_t i = 0; i < 3; i++) { /* an end of something else ends nothing */
		struct plan other = i == 1 ? second : p;
		if (i == 0)
			(void)str_copy(other.stage, sizeof other.stage, "production");
		cr_expect_eq(site_job(&s, &other, i == 2 ? "pause" : "end", "aborted",
		                      "00000000000000bb", NULL, &e),
		             -ERR_MALFORMED, "%zu: %s", i, e.msg);
		s.forges = true;
		(void)site_job(&s, &other, i == 2 ? "pause" : "end", "aborted", "00000000000000bb",
		               NULL, &e);
		s.forges = false;
		ok(consent_now(&s, &p, &n, &e), &e, "still allowed");
	}
	ok(site_job(&s, &p, "end", "aborted", "00000000000000bb", NULL, &e), &e, "abort");
	cr_expect_eq(consent_now(&s, &p, &n, &e), -ERR_NOT_FOUND);
	cr_expect(strstr(e.msg, "aborted"), "%s", e.msg);
	cr_expect_eq(consent_now(&s, &p, &n, &e), -ERR_NOT_FOUND, "with a pin behind the abort");
	cr_expect_lt(site_job(&s, &p, "begin", "running", "00000000000000cc", s.agent, &e), 0);
	const struct change_result by = site_authorise(&s, &p, &p.id, s.ana);
	cr_expect_not(moves_stage(&s, &p, &by, &said), "by the log");
	cr_expect_eq(mark_of(&s, &m)->number, 0, "by the database");
	ok(consent_now(&s, &p, &n, &e), &e, "authorised again");
	cr_expect_eq(n, 0, "the approval was of before the abort");
	cr_expect_lt(site_job(&s, &p, "begin", "running", "00000000000000cc", s.agent, &e), 0);
	const struct change_result again = site_append(&s, approval_entry(&s, &p, &p, &yes, ben));
	ok(site_job(&s, &p, "begin", "running", "00000000000000cc", s.agent, &e), &e, "allowed");
	cr_expect(moves_stage(&s, &p, &by, &again));
	cr_expect_eq(mark_of(&s, &m)->number, 1);
	plan_fini(&second);
	plan_fini(&p);
	key_free(ben);
	site_leave(&s);
}

static int
discard(struct site *s, const struct plan *p, const char *stage)
{
	struct change_result done;
	struct err e = { 0 };

	return site_try_commit(s, "discard", MODEL,
	                       json_pack("{s:o, s:s}", "plan", json_from_digest(&p->id), "stage",
	                                 stage),
	                       NULL, &done, &e);
}

/* Somebody who may write to the database puts the rows back that the discard took away. */
static void
put_rows_back(struct site *s, const struct consent_rows *rows)
{
	struct txn *t;
	struct err e = { 0 };

	ok(store_write_begin(s->r->store, &t, &e), &e, "begin");
	ok(consent_put_authorisation(t, &rows->by[0], &e), &e, "by");
	ok(consent_put_approval(t, &rows->approvals[0], &e), &e, "approval");
	ok(store_commit(t, &e), &e, "commit");
}

/* Whoever discards a plan takes back what everybody said of it; of another plan it stays said. */
Test(consent_job, a_discard_takes_it_back)
{
	struct consent_rows rows;
	struct plan p, other;
	struct site s;
	struct txn *t;
	size_t n;
	struct err e = { 0 };
	struct secret_key *const ben = make(&s, &p);

	const struct change_result said = site_append(&s, approval_entry(&s, &p, &p, &yes, ben));
	const struct digest v2 = site_version(&s, 2, "two");
	site_plan(&s, "promote", &v2, "staging", &other);
	ok(store_read_begin(s.r->store, &t, &e), &e, "begin");
	ok(consent_get(t, &p.id, &rows, &e), &e, "rows");
	store_abort(t);
	cr_expect_eq(discard(&s, &p, "production"), -ERR_MALFORMED);
	cr_expect_eq(discard(&s, &other, "staging"), 0);
	ok(consent_now(&s, &p, &n, &e), &e, "another one was discarded");
	cr_expect_eq(n, 1);
	cr_expect_eq(discard(&s, &p, "staging"), 0);
	cr_expect_eq(consent_now(&s, &p, &n, &e), -ERR_NOT_FOUND);
	cr_expect_lt(site_job(&s, &p, "begin", "running", JOB, s.agent, &e), 0);
	put_rows_back(&s, &rows);
	cr_expect_eq(consent_now(&s, &p, &n, &e), -ERR_NOT_FOUND, "with a pin behind it");
	cr_expect(strstr(e.msg, "discarded"), "%s", e.msg);
	cr_expect_eq(discard(&s, &p, "staging"), 0, "the rows go again");
	const struct change_result by = site_authorise(&s, &p, &p.id, s.ana);
	ok(consent_now(&s, &p, &n, &e), &e, "authorised again");
	cr_expect_eq(n, 0, "the approval was of before");
	cr_expect_not(moves_stage(&s, &p, &by, &said), "by the log");
	const struct change_result again = site_append(&s, approval_entry(&s, &p, &p, &yes, ben));
	ok(site_job(&s, &p, "begin", "running", JOB, s.agent, &e), &e, "allowed");
	cr_expect_eq(discard(&s, &p, "staging"), -ERR_MALFORMED, "its job runs");
	cr_expect(moves_stage(&s, &p, &by, &again));
	cr_expect_eq(discard(&s, &p, "staging"), -ERR_MALFORMED, "it was carried out");
	consent_fini(&rows);
	plan_fini(&other);
	plan_fini(&p);
	key_free(ben);
	site_leave(&s);
}
