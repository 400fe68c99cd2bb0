/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver "kubernetes" against a scripted cluster that knows server-side apply: what is sent and
 * how often, what is put back, who is asked first, and every lie of pods. The writes are read from
 * the server's own log.
 */
#include "tests/deploy/scene.h"

TestSuite(cluster, .timeout = 150);

Test(cluster, a_first_version_is_sent_once_and_whole)
{
	struct scene s;
	struct writes w;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	expect_there(&s, 1);
	expect_writes(&s, "PATCH services/fraud; PATCH deployments/fraud; ");

	/* byte for byte: what was rendered, and the stamps of this plan */
	const struct rollout q = rollout_of(&s, 1, PLAN_A);
	cleanup_buf struct buf rendered = { 0 }, want = { 0 };
	cr_assert_eq(s.d->render(&s.t, &q, &rendered, &e), 0);
	cr_expect_null(strstr(buf_cstr(&rendered), PLAN_A), "no plan is rendered");
	cleanup_json json_t *j = NULL;
	cr_assert_eq(json_parse(buf_str(&rendered), "r", &j, &e), 0);
	json_t *d = json_array_get(json_object_get(j, "apply"), 0);
	cluster_stamp(d, &q, &s.t.identity);
	json_canonical(d, &want);
	writes_of(&s, OBJECT, &w);
	cr_assert_eq(json_array_size(w.bodies), 1);
	cr_expect_str_eq(json_string_value(json_array_get(w.bodies, 0)), buf_cstr(&want));
	writes_fini(&w);

	/* the same again: nothing is sent */
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	expect_writes(&s, "PATCH services/fraud; PATCH deployments/fraud; ");
	end(&s);
}

Test(cluster, an_abort_puts_all_of_it_back)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	cleanup_json json_t *before = live(&s, OBJECT);
	cr_assert_eq(promote(&s, 1, 2, PLAN_B, &e), 0, "%s", e.msg);
	expect_there(&s, 2);
	expect_writes(&s, "PATCH services/fraud; PATCH deployments/fraud; "
	                  "PATCH configmaps/fraud-slipway; PATCH deployments/fraud; ");

	const struct rollout q = rollout_of(&s, 2, PLAN_B);
	const struct precondition p = was(&s, 1, PLAN_B);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(s.d->abort(s.st, &q, &p, &e), 0, "%d: %s", i, e.msg);
	expect_there(&s, 1);
	cleanup_json json_t *after = live(&s, OBJECT);
	cr_expect(json_equal(kube_at(before, "spec"), kube_at(after, "spec")));
	cr_expect(json_equal(kube_at(before, "metadata.annotations"),
	                     kube_at(after, "metadata.annotations")));
	/* what somebody else has done since is left alone */
	cr_assert_eq(promote(&s, 1, 3, PLAN_A, &e), 0, "%s", e.msg);
	cr_expect_eq(s.d->abort(s.st, &q, &p, &e), -ERR_CONFLICT, "%s", e.msg);
	expect_there(&s, 3);
	end(&s);
}

Test(cluster, the_abort_of_a_first_version_leaves_nothing)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	const struct rollout q = rollout_of(&s, 1, PLAN_A);
	const struct precondition p = was(&s, 0, PLAN_A);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(s.d->abort(s.st, &q, &p, &e), 0, "%s", e.msg);
	expect_writes(&s, "PATCH services/fraud; PATCH deployments/fraud; "
	                  "DELETE deployments/fraud; DELETE services/fraud; ");
	const struct observation o = look(&s, 0);
	cr_expect_eq(o.status, ROLLOUT_SUCCEEDED, "%s", o.reason);
	cr_expect(o.serving_empty);
	end(&s);
}

Test(cluster, a_deletion_that_is_lost_is_asked_for_again)
{
	static const char *const faults[] = { "\"drop\"", "\"drop-after\"",
		                              "\"status\",\"code\":504" };

	for (size_t i = 0; i < COUNT(faults); i++) {
		cleanup_free char *fault =
		        xasprintf("{\"faults\":[{\"method\":\"DELETE\",\"path\":"
		                  "\"deployments/fraud\",\"action\":%s}]}",
		                  faults[i]);
		struct scene s;
		struct err e = { 0 };

		begin(&s, "kubernetes");
		cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
		const struct rollout q = rollout_of(&s, 1, PLAN_A);
		const struct precondition p = was(&s, 0, PLAN_A);
		control(&s, fault);
		cr_expect_eq(s.d->abort(s.st, &q, &p, &e), 0, "%s: %s", faults[i], e.msg);
		const struct observation o = look(&s, 0);
		cr_expect_eq(o.status, ROLLOUT_SUCCEEDED, "%s: %s", faults[i], o.reason);
		end(&s);
	}
}

static const struct {
	const char *fault;
	int rc;
	unsigned writes; /* of the Deployment that reached the server */
} lost[] = {
	{ "\"action\":\"drop-after\"", 0, 1 },
	{ "\"action\":\"drop\"", 0, 2 },
	{ "\"action\":\"status\",\"code\":504", 0, 2 },
	{ "\"action\":\"status\",\"code\":409", 0, 2 },
	{ "\"action\":\"status\",\"code\":403", -ERR_DENIED, 1 },
};

Test(cluster, an_answer_that_is_lost_is_no_second_write)
{
	for (size_t i = 0; i < COUNT(lost); i++) {
		struct scene s;
		struct writes w;
		struct err e = { 0 };

		begin(&s, "kubernetes");
		cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
		cleanup_free char *text = xasprintf("{\"faults\":[{\"method\":\"PATCH\",\"path\":"
		                                    "\"deployments/fraud.*Strict$\",%s}]}",
		                                    lost[i].fault);
		control(&s, text);
		cr_expect_eq(promote(&s, 1, 2, PLAN_B, &e), lost[i].rc, "%zu: %s", i, e.msg);
		writes_of(&s, OBJECT, &w);
		cr_expect_eq(json_array_size(w.bodies), 1 + lost[i].writes, "%zu: %zu", i,
		             json_array_size(w.bodies));
		if (lost[i].writes == 2)
			cr_expect(json_equal(json_array_get(w.bodies, 1),
			                     json_array_get(w.bodies, 2)),
			          "%zu: the second is the first", i);
		writes_fini(&w);
		expect_there(&s, lost[i].rc == 0 ? 2 : 1);
		end(&s);
	}
}

Test(cluster, who_else_has_a_field_is_asked_first)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	json_decref(
	        other(&s, "PATCH", OBJECT "?fieldManager=other", "{\"spec\":{\"replicas\":5}}"));
	const struct observation o = look(&s, 1);
	cr_expect(o.is_drifted && o.status != ROLLOUT_SUCCEEDED);
	cr_expect_str_eq(o.reason, "Deployment: .spec.replicas is 5, and 2 was sent; changed by "
	                           "other");
	cr_expect_eq(promote(&s, 1, 2, PLAN_B, &e), -ERR_CONFLICT);
	cr_expect(strstr(e.msg, "\".spec.replicas\" belongs to \"other\""), "%s", e.msg);
	cleanup_json json_t *now = live(&s, OBJECT);
	cr_expect_eq(kube_number(now, "spec.replicas", 0), 5, "it is left alone");

	const struct rollout q = rollout_of(&s, 2, PLAN_B);
	struct findings f = { 0 };
	bool is_blocked = false;
	err_clear(&e);
	cr_assert_eq(s.d->preflight(s.st, &q, &f, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < f.n; i++)
		is_blocked = is_blocked ||
		             (f.v[i].level == FINDING_BLOCK && streq(f.v[i].code, "conflict"));
	cr_expect(is_blocked, "a plan says so too");
	findings_fini(&f);
	end(&s);
}

Test(cluster, what_was_taken_away_is_drift)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_expect(look(&s, 1).is_drifted, "nor was it ever there");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	cr_expect_not(look(&s, 1).is_drifted);
	cleanup_json json_t *now = live(&s, OBJECT);
	cleanup_free char *which = xasprintf("{\"preconditions\":{\"uid\":\"%s\"}}",
	                                     kube_text(now, "metadata.uid"));
	cleanup_json json_t *gone = other(&s, "DELETE", OBJECT, which);
	cr_expect_str_eq(kube_text(gone, "status"), "Success", "%s", kube_text(gone, "message"));
	const struct observation o = look(&s, 1);
	cr_expect(o.is_drifted && o.status != ROLLOUT_SUCCEEDED);
	cr_expect_str_eq(o.reason, "\"fraud\" is not there");
	end(&s);
}

static int
promote_taking(struct scene *s, unsigned from, unsigned to, const char *const *take, size_t n,
               struct err *e)
{
	struct rollout q = rollout_of(s, to, PLAN_B);
	const struct precondition p = was(s, from, PLAN_B);
	cleanup_buf struct buf rendered = { 0 };

	q.take = take;
	q.take_n = n;
	err_clear(e);
	cr_assert_eq(s->d->render(&s->t, &q, &rendered, e), 0, "%s", e->msg);
	cr_assert_eq(s->d->stage(s->st, &q, e), 0, "%s", e->msg);
	return s->d->apply(s->st, &q, buf_str(&rendered), &p, e);
}

/* Preflight of v2 with these fields: is it blocked, and is a field said to be taken? */
static void
foresee(struct scene *s, const char *const *take, size_t n, bool *ret_blocked, bool *ret_taken)
{
	struct rollout q = rollout_of(s, 2, PLAN_B);
	struct findings f = { 0 };
	struct err e = { 0 };

	q.take = take;
	q.take_n = n;
	*ret_blocked = *ret_taken = false;
	cr_assert_eq(s->d->preflight(s->st, &q, &f, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < f.n; i++) {
		*ret_blocked =
		        *ret_blocked || (f.v[i].level == FINDING_BLOCK &&
		                         (streq(f.v[i].code, "conflict") ||
		                          streq(f.v[i].code, "autoscaled")));
		*ret_taken = *ret_taken || (streq(f.v[i].code, "take") &&
		                            strstr(f.v[i].text, "taken from \"other\""));
	}
	findings_fini(&f);
}

static size_t
forced(const struct scene *s)
{
	cleanup_buf struct buf log = { 0 };
	struct err e = { 0 };
	size_t n = 0;

	cr_assert_eq(fs_read_at(AT_FDCWD, s->log, 8 << 20, &log, &e), 0, "%s", e.msg);
	for (const char *p = buf_cstr(&log); (p = strstr(p, "force=true")) != NULL; p++)
		n += !strstr(p, "dryRun") || strstr(p, "dryRun") > strchr(p, '\n');
	return n;
}

Test(cluster, fields_are_taken_by_name_alone)
{
	static const char *const replicas[] = { ".spec.revisionHistoryLimit", ".spec.replicas" };
	struct scene s;
	struct err e = { 0 };
	bool is_blocked, is_taken;

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	json_decref(other(&s, "PATCH", OBJECT "?fieldManager=other",
	                  "{\"spec\":{\"replicas\":5,\"revisionHistoryLimit\":9}}"));
	/* two fields are somebody's, and one of them was named */
	foresee(&s, replicas + 1, 1, &is_blocked, &is_taken);
	cr_expect(is_blocked && !is_taken);
	cr_expect_eq(promote_taking(&s, 1, 2, replicas + 1, 1, &e), -ERR_CONFLICT);
	cr_expect(strstr(e.hint, "--take '.spec."), "%s", e.hint);
	cr_expect_eq(forced(&s), 0);
	/* both were */
	foresee(&s, replicas, 2, &is_blocked, &is_taken);
	cr_expect(!is_blocked && is_taken);
	cr_expect_eq(forced(&s), 0, "a plan only tries");
	cr_assert_eq(promote_taking(&s, 1, 2, replicas, 2, &e), 0, "%s", e.msg);
	cr_expect_eq(forced(&s), 1, "of the Deployment alone");
	cleanup_json json_t *now = live(&s, OBJECT);
	cr_expect_eq(kube_number(now, "spec.replicas", 0), 2);
	cr_expect_eq(kube_number(now, "spec.revisionHistoryLimit", 0), 3);
	expect_there(&s, 2);
	/* put back, others have what they had: what was taken as they had it */
	const struct rollout q = rollout_of(&s, 2, PLAN_B);
	const struct precondition p = was(&s, 1, PLAN_B);
	cr_assert_eq(s.d->abort(s.st, &q, &p, &e), 0, "%s", e.msg);
	cleanup_json json_t *back = live(&s, OBJECT);
	cr_expect_eq(kube_number(back, "spec.replicas", 0), 5);
	cr_expect_eq(kube_number(back, "spec.revisionHistoryLimit", 0), 9);
	end(&s);
}

Test(cluster, nothing_is_taken_from_an_autoscaler)
{
	static const char *const replicas[] = { ".spec.replicas" };
	struct scene s;
	struct err e = { 0 };
	bool is_blocked, is_taken;

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	json_decref(other(&s, "PATCH", OBJECT "?fieldManager=kube-controller-manager",
	                  "{\"spec\":{\"replicas\":5}}"));
	foresee(&s, replicas, 1, &is_blocked, &is_taken);
	cr_expect(is_blocked && !is_taken);
	cr_expect_eq(promote_taking(&s, 1, 2, replicas, 1, &e), -ERR_CONFLICT);
	cr_expect_eq(forced(&s), 0);
	end(&s);
}

Test(cluster, a_world_that_moved_is_a_conflict)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_expect_eq(promote(&s, 1, 2, PLAN_B, &e), -ERR_CONFLICT, "gone: %s", e.msg);
	expect_writes(&s, "");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	cr_expect_eq(promote(&s, 0, 2, PLAN_B, &e), -ERR_CONFLICT, "has come: %s", e.msg);
	cr_expect_eq(promote(&s, 3, 2, PLAN_B, &e), -ERR_CONFLICT, "another: %s", e.msg);
	json_decref(other(&s, "PATCH", OBJECT "?fieldManager=other",
	                  "{\"metadata\":{\"annotations\":{\"slipway.dev/registry\":\"r-2\"}}}"));
	cr_expect_eq(promote(&s, 1, 2, PLAN_B, &e), -ERR_CONFLICT, "not ours: %s", e.msg);
	cr_expect(strstr(e.msg, "belongs to the registry r-2"), "%s", e.msg);
	expect_writes(&s, "PATCH services/fraud; PATCH deployments/fraud; ");
	end(&s);
}

/* Pods of before may serve for a while: what is changed next is what was written last. */
Test(cluster, a_pod_of_before_is_not_what_is_changed)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	control(&s, "{\"mode\":\"linger\"}");
	cr_assert_eq(promote(&s, 1, 2, PLAN_B, &e), 0, "%s", e.msg);
	const struct observation o = look(&s, 2);
	cr_expect_eq(o.serving_number, 1, "%s", o.reason);
	cr_expect(o.carries_known);
	cr_expect_eq(o.carries_number, 2);
	cr_expect(digest_eq(&o.carries_version, &s.v[2].id));
	cr_expect_neq(o.status, ROLLOUT_SUCCEEDED);
	end(&s);
}

Test(cluster, pods_that_fail_or_lie)
{
	static const struct {
		const char *mode;
		enum rollout_status status;
		const char *code, *reason;
	} cases[] = {
		{ "crash", ROLLOUT_FAILED, "crash-loop", "CrashLoopBackOff" },
		{ "pending", ROLLOUT_PROGRESSING, "", "0 available" },
		{ "stale", ROLLOUT_FAILED, "wrong-version", "answers with the version \"sha256:" },
		{ "mute", ROLLOUT_PROGRESSING, "", "Service \"fraud\" answers 503" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scene s;
		struct err e = { 0 };

		begin(&s, "kubernetes");
		cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
		cleanup_free char *mode = xasprintf("{\"mode\":\"%s\"}", cases[i].mode);
		control(&s, mode);
		cr_assert_eq(promote(&s, 1, 2, PLAN_B, &e), 0, "%s", e.msg);
		const struct observation o = look(&s, 2);
		cr_expect_eq(o.status, cases[i].status, "%s: %s", cases[i].mode, o.reason);
		cr_expect_str_eq(o.code, cases[i].code, "%s: %s", cases[i].mode, o.reason);
		cr_expect(strstr(o.reason, cases[i].reason), "%s: %s", cases[i].mode, o.reason);
		cr_expect(!o.code[0] || o.advice[0], "%s: advice", cases[i].mode);
		cr_expect(!(o.proofs & PROOF_BIT(PROOF_LISTED)), "%s", cases[i].mode);
		if (streq(cases[i].mode, "crash"))
			cr_expect(strstr(o.evidence, "exit code 3") &&
			                  strstr(o.evidence, "no\\x1b[2J model"),
			          "%s", o.evidence);
		end(&s);
	}
}

Test(cluster, each_pod_answers_the_golden_request)
{
	static const char text[] = "{\"apiVersion\":\"slipway/"
	                           "v1\",\"kind\":\"Smoke\",\"protocol\":\"v2\",\"request\":{"
	                           "\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":"
	                           "\"FP32\",\"data\":[1,2,3]}"
	                           "]},\"expect\":{\"outputs\":[{\"name\":\"sum\",\"data\":[6]}]}}";
	struct golden *g = NULL;
	struct proof proof;
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(golden_parse(str_of(text), &g, &e), 0, "%s", e.msg);
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	const struct rollout one = rollout_of(&s, 1, PLAN_A), two = rollout_of(&s, 2, PLAN_B);
	cr_expect_eq(s.d->smoke(s.st, &one, g, &proof, &e), 0, "%s", e.msg);
	cr_expect_eq(proof.layers, PROOF_BIT(PROOF_ANSWERED));
	cr_expect(strstr(proof.detail, "each of 2 pods"), "%s", proof.detail);
	control(&s, "{\"mode\":\"stale\"}");
	cr_assert_eq(promote(&s, 1, 2, PLAN_B, &e), 0, "%s", e.msg);
	cr_expect_eq(s.d->smoke(s.st, &two, g, &proof, &e), -ERR_ROLLOUT_FAILED, "%s", e.msg);
	golden_free(g);
	end(&s);
}

Test(cluster, what_is_put_back_is_of_the_settings_then)
{
	static const char other_image[] =
	        "reg.site/other@sha256:"
	        "2222222222222222222222222222222222222222222222222222222222222222";
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	/* the target was changed since */
	s.d->close(s.st);
	json_object_set_new(s.settings, "image", json_string(other_image));
	json_object_set_new(s.settings, "cpu", json_string("1"));
	s.t.identity.b[0] = 1;
	cr_assert_eq(s.d->open(s.st, &s.t, &e), 0, "%s", e.msg);
	expect_there(&s, 1);
	cr_assert_eq(promote(&s, 1, 2, PLAN_B, &e), 0, "%s", e.msg);
	expect_there(&s, 2);
	const struct rollout q = rollout_of(&s, 2, PLAN_B);
	const struct precondition p = was(&s, 1, PLAN_B);
	cr_assert_eq(s.d->abort(s.st, &q, &p, &e), 0, "%s", e.msg);
	expect_there(&s, 1);
	/* what somebody else has changed is drift all the same */
	json_decref(
	        other(&s, "PATCH", OBJECT "?fieldManager=other", "{\"spec\":{\"replicas\":5}}"));
	cr_expect(look(&s, 1).is_drifted);
	end(&s);
}

Test(cluster, nothing_is_a_version_too)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	cr_assert_eq(promote(&s, 1, 2, PLAN_B, &e), 0, "%s", e.msg);
	cr_expect_eq(promote(&s, 1, 0, PLAN_A, &e), -ERR_CONFLICT, "%s", e.msg);
	cr_assert_eq(promote(&s, 2, 0, PLAN_A, &e), 0, "%s", e.msg);
	const struct observation o = look(&s, 0);
	cr_expect_eq(o.status, ROLLOUT_SUCCEEDED, "%s", o.reason);
	cleanup_json json_t *record = live(&s, RECORD);
	cr_expect_eq(kube_number(record, "code", 0), 404, "its record goes with it");
	end(&s);
}
