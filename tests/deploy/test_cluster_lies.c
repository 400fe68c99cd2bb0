/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster says and what is true: its own refusals are no answers of a model, pods that have
 * ended are none of a rollout's, a clock that goes otherwise makes nothing late, and nothing serves
 * where no pod is ready. Each of these was a claim, or a way back for nothing.
 */
#include "tests/deploy/scene.h"

TestSuite(cluster_lies, .timeout = 150);

static struct golden *
golden_of(void)
{
	static const char text[] =
	        "{\"apiVersion\":\"slipway/v1\",\"kind\":\"Smoke\",\"protocol\":\"v2\","
	        "\"request\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3],\"datatype\":\"FP32\","
	        "\"data\":[1,2,3]}]},\"expect\":{\"outputs\":[{\"name\":\"sum\",\"data\":[6]}]}}";
	struct golden *g = NULL;
	struct err e = { 0 };

	cr_assert_eq(golden_parse(str_of(text), &g, &e), 0, "%s", e.msg);
	return g;
}

/* The API server cannot, or will not, ask the pods for us: that says nothing about the model. */
Test(cluster_lies, a_server_that_cannot_ask_is_no_answer_of_the_model)
{
	static const struct {
		const char *fault, *reason;
		enum rollout_status status;
		int smoke; /* codes that are no failure of the rollout */
	} cases[] = {
		{ "\"code\":403,\"message\":\"pods is forbidden: User cannot get pods/proxy\"", "",
		  ROLLOUT_SUCCEEDED, -ERR_DENIED },
		{ "\"code\":503,\"message\":\"error trying to reach service: No agent available\"",
		  "No agent available", ROLLOUT_UNKNOWN, -ERR_UNREACHABLE },
		{ "\"code\":500,\"message\":\"etcdserver: leader changed\"", "leader changed",
		  ROLLOUT_UNKNOWN, -ERR_UNREACHABLE },
		{ "\"code\":504,\"message\":\"request timed out\"", "timed out", ROLLOUT_UNKNOWN,
		  -ERR_UNREACHABLE },
		/* nobody listens where the pod should: that is the pod's, and may be so for good */
		{ "\"code\":503,\"message\":\"error trying to reach service: dial tcp "
		  "10.1.1.1:8080: connect: connection refused\"",
		  "answers 503", ROLLOUT_PROGRESSING, -ERR_ROLLOUT_FAILED },
	};
	struct golden *g = golden_of();

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_free char *faults =
		        xasprintf("{\"faults\":[{\"method\":\"GET|POST\",\"path\":\"/pods/.*/proxy/"
		                  "\",\"action\":\"status\",\"always\":true,%s}]}",
		                  cases[i].fault);
		struct proof proof;
		struct scene s;
		struct err e = { 0 };

		begin(&s, "kubernetes");
		cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
		control(&s, faults);
		const struct rollout q = rollout_of(&s, 1, PLAN_A);
		const struct observation o = look(&s, 1);
		cr_expect_eq(o.status, cases[i].status, "%zu: %d: %s", i, o.status, o.reason);
		cr_expect(strstr(o.reason, cases[i].reason), "%zu: %s", i, o.reason);
		cr_expect(!(o.proofs & PROOF_BIT(PROOF_LISTED)), "%zu", i);
		cr_expect_eq(s.d->smoke(s.st, &q, g, &proof, &e), cases[i].smoke, "%zu: %s", i,
		             e.msg);
		end(&s);
	}
	golden_free(g);
}

/* Pods that a node has thrown out stay listed for hours. They are of no rollout any more. */
Test(cluster_lies, pods_that_have_ended_do_not_count)
{
	struct golden *g = golden_of();
	struct proof proof;
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	control(&s, "{\"mode\":\"evicted\"}");
	cr_assert_eq(promote(&s, 1, 2, PLAN_B, &e), 0, "%s", e.msg);
	expect_there(&s, 2);
	const struct rollout q = rollout_of(&s, 2, PLAN_B);
	cr_expect_eq(s.d->smoke(s.st, &q, g, &proof, &e), 0, "%s", e.msg);
	cr_expect(strstr(proof.detail, "each of 2 pods"), "%s", proof.detail);
	golden_free(g);
	end(&s);
}

/* An image that cannot be pulled yet is not hopeless for a while, by the cluster's clock. */
Test(cluster_lies, a_clock_that_is_wrong_makes_nothing_late)
{
	static const int ahead[] = { 0, -3600, 3600 };

	for (size_t i = 0; i < COUNT(ahead); i++) {
		cleanup_free char *how =
		        xasprintf("{\"mode\":\"pulling\",\"ahead\":%d}", ahead[i]);
		struct scene s;
		struct err e = { 0 };

		begin(&s, "kubernetes");
		control(&s, how);
		cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
		const struct observation o = look(&s, 1);
		cr_expect_eq(o.status, ROLLOUT_PROGRESSING, "%d: %s", ahead[i], o.reason);
		cr_expect_str_eq(o.code, "image-pull", "%d: %s", ahead[i], o.reason);
		/* two hours pass there */
		cleanup_free char *later = xasprintf("{\"ahead\":%d}", ahead[i] + 7200);
		control(&s, later);
		const struct observation late = look(&s, 1);
		cr_expect_eq(late.status, ROLLOUT_FAILED, "%d: %s", ahead[i], late.reason);
		end(&s);
	}
}

Test(cluster_lies, nothing_serves_where_no_pod_is_ready)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	control(&s, "{\"mode\":\"pending\"}");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	const struct observation o = look(&s, 1);
	cr_expect_not(o.serving_known && o.serving_number == 1, "\"v1 serves\"");
	cr_expect(o.carries_known && o.carries_number == 1);
	/* nobody may look at the pods: then nobody knows */
	control(&s, "{\"mode\":\"ok\"}");
	cr_assert_eq(promote(&s, 1, 2, PLAN_B, &e), 0, "%s", e.msg);
	cr_expect(look(&s, 2).serving_known);
	control(&s, "{\"faults\":[{\"method\":\"GET\",\"path\":\"/pods[?]\",\"action\":\"status\","
	            "\"always\":true,\"code\":403}]}");
	cr_expect_not(look(&s, 2).serving_known);
	end(&s);
}

/* Somebody has scaled it to nothing: every one of no pods is of the version, and none answers. */
Test(cluster_lies, no_pods_prove_nothing)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	s.d->close(s.st);
	json_object_del(s.settings, "replicas");
	cr_assert_eq(s.d->open(s.st, &s.t, &e), 0, "%s", e.msg);
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	expect_there(&s, 1);
	json_decref(
	        other(&s, "PATCH", OBJECT "?fieldManager=other", "{\"spec\":{\"replicas\":0}}"));
	control(&s, "{\"faults\":[{\"method\":\"GET\",\"path\":\"/services/.*/proxy/\","
	            "\"action\":\"status\",\"always\":true,\"code\":403}]}");
	const struct observation o = look(&s, 1);
	cr_expect_neq(o.status, ROLLOUT_SUCCEEDED, "%s", o.reason);
	cr_expect(!(o.proofs & (PROOF_BIT(PROOF_INSTANCES) | PROOF_BIT(PROOF_LISTED))), "%x",
	          o.proofs);
	cr_expect_not(o.serving_known && o.serving_number == 1);
	end(&s);
}

/* What somebody has put in its place since is not ours to delete. */
Test(cluster_lies, what_is_not_ours_is_not_deleted)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	cleanup_json json_t *was_ = live(&s, "/api/v1/namespaces/prod/services/fraud");
	cleanup_free char *which = xasprintf("{\"preconditions\":{\"uid\":\"%s\"}}",
	                                     kube_text(was_, "metadata.uid"));
	json_decref(other(&s, "DELETE", "/api/v1/namespaces/prod/services/fraud", which));
	json_decref(other(&s, "PUT", "/api/v1/namespaces/prod/services/fraud",
	                  "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":"
	                  "\"fraud\",\"namespace\":\"prod\",\"uid\":\"theirs\"},\"spec\":{}}"));
	const struct rollout q = rollout_of(&s, 1, PLAN_A);
	const struct precondition p = was(&s, 0, PLAN_A);
	cr_expect_eq(s.d->abort(s.st, &q, &p, &e), 0, "%s", e.msg);
	cleanup_json json_t *now = live(&s, "/api/v1/namespaces/prod/services/fraud");
	cr_expect_str_eq(kube_text(now, "metadata.uid"), "theirs", "it was deleted");
	cr_expect_eq(look(&s, 0).status, ROLLOUT_SUCCEEDED);
	end(&s);
}

/* A deletion that a finalizer holds up was accepted: asked for again, it goes on, and is no
 * conflict with ourselves. */
Test(cluster_lies, a_deletion_that_hangs_is_still_ours)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	json_decref(other(&s, "PATCH", OBJECT "?fieldManager=other",
	                  "{\"metadata\":{\"finalizers\":[\"example.test/hold\"]}}"));
	for (int i = 0; i < 2; i++) {
		const struct rollout q = rollout_of(&s, 0, PLAN_B);
		struct findings f = { 0 };

		cr_assert_eq(s.d->preflight(s.st, &q, &f, &e), 0, "%s", e.msg);
		for (size_t k = 0; k < f.n; k++)
			cr_expect_neq(f.v[k].level, FINDING_BLOCK, "%d: %s", i, f.v[k].text);
		findings_fini(&f);
		cr_expect_eq(promote(&s, 1, 0, PLAN_B, &e), 0, "%d: %s", i, e.msg);
		const struct observation o = look(&s, 0);
		cr_expect_eq(o.status, ROLLOUT_PROGRESSING, "%d", i);
		cr_expect(strstr(o.reason, "\"example.test/hold\" must be taken off by whoever"),
		          "%d: %s", i, o.reason);
	}
	/* something else is not made of it meanwhile */
	cr_expect_eq(promote(&s, 1, 2, PLAN_B, &e), -ERR_CONFLICT, "%s", e.msg);
	expect_writes(&s, "PATCH services/fraud; PATCH deployments/fraud; "
	                  "DELETE deployments/fraud; DELETE services/fraud; ");
	end(&s);
}

/* A server that sends more of a log than was asked for. */
Test(cluster_lies, evidence_is_a_few_lines)
{
	struct observation o;
	struct scene s;
	struct err e = { 0 };
	unsigned n = 0;

	begin(&s, "kubernetes");
	control(&s, "{\"mode\":\"crash\",\"fill\":100000}");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	o = look(&s, 1);
	cr_expect_eq(o.status, ROLLOUT_FAILED, "%s", o.reason);
	for (const char *p = o.evidence; (p = strstr(p, "log: ")) != NULL; p++)
		n++;
	cr_expect_eq(n, 6, "%s", o.evidence);
	end(&s);
}

/* A golden request is of protocol v2: of a server that speaks another one it cannot be asked. */
Test(cluster_lies, who_speaks_v1_is_not_asked_the_golden_request)
{
	static const char *const protocols[] = { "v2", "v1" };

	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct target_facts facts;
		struct scene s;
		struct err e = { 0 };

		begin(&s, "kubernetes");
		json_object_set_new(s.settings, "protocol", json_string(protocols[i]));
		begin_again(&s);
		cr_assert_eq(s.d->probe(s.st, &facts, &e), 0, "%s", e.msg);
		cr_expect_eq((facts.proofs & PROOF_BIT(PROOF_ANSWERED)) != 0, i == 0);
		cr_expect(facts.proofs & PROOF_BIT(PROOF_LISTED));
		end(&s);
	}
}

/* What somebody has paused takes a write and does nothing of it. */
Test(cluster_lies, what_is_paused_is_refused_beforehand)
{
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	for (unsigned i = 0; i < 3; i++) {
		/* not paused; paused; paused, and to be taken away */
		const struct rollout q = rollout_of(&s, i < 2 ? 2 : 0, PLAN_B);
		struct findings f = { 0 };
		bool is_blocked = false;

		if (i == 1)
			json_decref(other(&s, "PATCH", OBJECT "?fieldManager=other",
			                  "{\"spec\":{\"paused\":true}}"));
		cr_assert_eq(s.d->preflight(s.st, &q, &f, &e), 0, "%s", e.msg);
		for (size_t k = 0; k < f.n; k++)
			is_blocked = is_blocked || (f.v[k].level == FINDING_BLOCK &&
			                            streq(f.v[k].code, "paused"));
		cr_expect_eq(is_blocked, i == 1, "%u", i);
		findings_fini(&f);
	}
	end(&s);
}

/* That one pod has answered makes nothing final of what another says in passing. */
Test(cluster_lies, one_pod_does_not_speak_for_another)
{
	struct golden *g = golden_of();
	struct proof proof;
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	control(&s, "{\"faults\":[{\"method\":\"POST\",\"path\":\"-1%3A8080/proxy/\",\"action\":"
	            "\"status\",\"code\":503,\"always\":true}]}");
	const struct rollout q = rollout_of(&s, 1, PLAN_A);
	cr_expect_eq(s.d->smoke(s.st, &q, g, &proof, &e), -ERR_UNREACHABLE, "%s", e.msg);
	cr_expect(strstr(e.msg, "golden request to pod \"fraud-"), "%s", e.msg);
	cr_expect_str_eq(proof.detail, "", "%s", proof.detail);
	cr_expect_eq(proof.layers, 0);
	golden_free(g);
	end(&s);
}

/* So long may a model load behind pods that are ready: what another version took, or nobody could
 * see, does not count. */
Test(cluster_lies, each_version_has_its_own_time_to_load)
{
	struct cluster *c;
	struct scene s;
	struct err e = { 0 };

	begin(&s, "kubernetes");
	c = s.st;
	cr_assert_eq(promote(&s, 0, 1, PLAN_A, &e), 0, "%s", e.msg);
	control(&s, "{\"mode\":\"mute\"}");
	cr_expect_eq(look(&s, 1).status, ROLLOUT_PROGRESSING);
	cr_assert(c->mute_since_ms > 0);
	c->mute_since_ms = 1; /* when the machine began */
	cr_expect_eq(look(&s, 1).status, ROLLOUT_FAILED);
	/* what is put back in its place begins anew */
	cr_assert_eq(promote(&s, 1, 2, PLAN_B, &e), 0, "%s", e.msg);
	cr_expect_eq(look(&s, 2).status, ROLLOUT_PROGRESSING);
	c->mute_since_ms = 1;
	control(&s, "{\"faults\":[{\"method\":\"GET\",\"path\":\"/services/.*/proxy/\",\"action\":"
	            "\"status\",\"code\":504,\"always\":true}]}");
	cr_expect_eq(look(&s, 2).status, ROLLOUT_UNKNOWN);
	control(&s, "{\"faults\":[]}");
	cr_expect_eq(look(&s, 2).status, ROLLOUT_PROGRESSING);
	c->mute_since_ms = 1;
	control(&s, "{\"mode\":\"pending\"}");
	json_decref(other(&s, "PATCH", OBJECT "?fieldManager=other",
	                  "{\"spec\":{\"minReadySeconds\":4}}"));
	cr_expect_eq(look(&s, 2).status, ROLLOUT_PROGRESSING);
	cr_expect_eq(c->mute_since_ms, 0, "its pods are not ready");
	end(&s);
}
