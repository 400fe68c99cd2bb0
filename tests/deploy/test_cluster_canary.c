/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A newcomer beside what is stable, at a scripted cluster: its share by replicas, read back, judged
 * by its pods' own counts, taken over and taken back; stable stays whole.
 */
#include "tests/deploy/scene.h"

TestSuite(cluster_canary, .timeout = 60);

static void
begin_canary(struct scene *s, const char *replicas)
{
	struct err e = { 0 };

	begin(s, "kubernetes");
	json_object_set_new(s->settings, "canary", json_string("replicas"));
	json_object_set_new(s->settings, "replicas", json_string(replicas));
	json_object_set_new(s->settings, "metrics-port", json_string("8002"));
	begin_again(s);
	cr_assert_eq(promote(s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
}

Test(cluster_canary, a_newcomer_shares_by_replicas)
{
	cleanup_buf struct buf rendered = { 0 };
	struct traffic fresh, stable;
	struct target_facts facts;
	struct observation o;
	struct canary c;
	struct scene s;
	struct err e = { 0 };

	begin_canary(&s, "3");
	cr_assert_eq(s.d->probe(s.st, &facts, &e), 0, "%s", e.msg);
	cr_expect(facts.caps & CAP_WEIGHTS);
	const struct rollout q = canary_of(&s, &rendered);
	const struct precondition p = was(&s, 1, PLAN_B);
	cleanup_json json_t *before = live(&s, OBJECT);
	cr_expect_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 10, &p, &e), -ERR_CONFLICT);
	err_clear(&e);
	cr_assert_eq(s.d->look_canary(s.st, &q, &c, &e), 0, "%s", e.msg);
	cr_expect(c.status == ROLLOUT_PROGRESSING && c.percent_known && c.percent == 0);
	for (unsigned percent = 25; percent <= 50; percent += 25) {
		cr_assert_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), percent, &p, &e), 0,
		             "%s", e.msg);
		cr_assert_eq(s.d->look_canary(s.st, &q, &c, &e), 0, "%s", e.msg);
		cr_expect_eq(c.status, ROLLOUT_SUCCEEDED, "%s", c.reason);
		cr_expect(c.percent_known && c.percent == percent, "%u", c.percent);
	}
	cleanup_json json_t *after = live(&s, OBJECT);
	cr_expect(json_equal(before, after), "stable stays whole");

	/* who resumes or aborts finds our id, and neither side is taken for the other */
	o = look(&s, 1);
	cr_expect_str_eq(o.plan_id, PLAN_B);
	cr_expect_eq(o.status, ROLLOUT_SUCCEEDED, "%s", o.reason);
	o = look(&s, 2);
	cr_expect_neq(o.status, ROLLOUT_SUCCEEDED);
	cr_assert_eq(s.d->traffic(s.st, &q, true, &fresh, &e), 0, "%s", e.msg);
	cr_assert_eq(s.d->traffic(s.st, &q, false, &stable, &e), 0, "%s", e.msg);
	cleanup_free char *sums =
	        xasprintf("%g %g %g", fresh.requests, fresh.errors, fresh.latency_s);
	cr_expect(fresh.known && fresh.replicas == 3, "%s", fresh.why);
	cr_expect_str_eq(sums, "126 6 15");
	cr_expect(stable.known && stable.replicas == 3);
	cleanup_buf struct buf log = { 0 };
	cr_assert_eq(fs_read_at(AT_FDCWD, s.log, 8 << 20, &log, &e), 0, "%s", e.msg);
	cr_expect(strstr(buf_cstr(&log), "%3A8002/proxy/metrics"), "where they count");
	cr_expect(strstr(buf_cstr(&log), "%3A8080/proxy/v2/models/"), "where they answer");

	cr_assert_eq(s.d->promote(s.st, &q, buf_str(&rendered), &p, &e), 0, "%s", e.msg);
	expect_there(&s, 2);
	cr_assert_eq(s.d->release(s.st, &q, NULL, &e), 0, "%s", e.msg);
	cleanup_json json_t *gone = live(&s, OBJECT "-canary");
	cr_expect_eq(kube_number(gone, "code", 0), 404);
	end(&s);
}

Test(cluster_canary, a_newcomer_that_is_taken_back)
{
	cleanup_buf struct buf rendered = { 0 };
	struct canary c;
	struct scene s;
	struct err e = { 0 };

	begin_canary(&s, "1");
	const struct rollout q = canary_of(&s, &rendered);
	const struct precondition p = was(&s, 1, PLAN_B);
	control(&s, "{\"mode\":\"crash\"}");
	cr_assert_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 50, &p, &e), 0, "%s", e.msg);
	cr_assert_eq(s.d->look_canary(s.st, &q, &c, &e), 0, "%s", e.msg);
	cr_expect_eq(c.status, ROLLOUT_FAILED, "%s", c.reason);
	cr_expect_str_eq(c.code, "crash-loop");
	for (int i = 0; i < 2; i++)
		cr_assert_eq(s.d->abort(s.st, &q, &p, &e), 0, "%s", e.msg);
	expect_there(&s, 1);
	cleanup_json json_t *gone = live(&s, OBJECT "-canary");
	cr_expect_eq(kube_number(gone, "code", 0), 404);
	expect_writes(&s, "PATCH services/fraud; PATCH deployments/fraud; "
	                  "PATCH deployments/fraud-canary; DELETE deployments/fraud-canary; ");

	/* a stable pod that is not ready changes the ratio, and nobody else has done so */
	control(&s, "{\"mode\":\"ok\"}");
	cr_assert_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 50, &p, &e), 0, "%s", e.msg);
	cr_assert_eq(s.d->look_canary(s.st, &q, &c, &e), 0, "%s", e.msg);
	cr_expect(c.status == ROLLOUT_SUCCEEDED && c.percent_known && c.percent == 50, "%s",
	          c.reason);
	json_decref(other(&s, "PATCH", OBJECT "?fieldManager=other&subresource=status",
	                  "{\"metadata\":{\"annotations\":{\"x\":\"0\"}},"
	                  "\"status\":{\"readyReplicas\":0}}"));
	cr_assert_eq(s.d->look_canary(s.st, &q, &c, &e), 0, "%s", e.msg);
	cr_expect(c.status == ROLLOUT_PROGRESSING && !c.percent_known, "%u", c.percent);
	cr_expect_str_eq(c.reason, "0 of 1 stable pods are ready");
	json_decref(other(&s, "PATCH", OBJECT "?fieldManager=other&subresource=status",
	                  "{\"metadata\":{\"annotations\":{\"x\":\"1\"}},"
	                  "\"status\":{\"readyReplicas\":1}}"));
	cr_assert_eq(s.d->abort(s.st, &q, &p, &e), 0, "%s", e.msg);

	/* another plan's newcomer is not overwritten */
	control(&s, "{\"mode\":\"ok\"}");
	struct rollout theirs = q;
	theirs.plan_id = PLAN_A;
	cr_assert_eq(s.d->set_weight(s.st, &theirs, buf_str(&rendered), 50, &p, &e), 0, "%s",
	             e.msg);
	cr_expect_eq(s.d->set_weight(s.st, &q, buf_str(&rendered), 50, &p, &e), -ERR_CONFLICT);
	end(&s);
}
