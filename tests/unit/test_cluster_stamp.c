/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose an object is, whether it is as a plan saw it, what a server's answer says of its version,
 * and which runtime serves which format: all of it without a cluster.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"

TestSuite(cluster_stamp);

#define HEX   "9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa77de4b3c"
#define SHORT "9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa"
#define OTHER "0000000000000000000000000000000000000000000000000000000000000001"
#define CAR   "abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd"

static json_t *
parse(const char *text)
{
	json_t *j = NULL;
	struct err e = { 0 };

	cr_assert_eq(json_parse(str_of(text), "test", &j, &e), 0, "%s: %s", text, e.msg);
	return j;
}

#define OBJECT(notes, more)                                                                 \
	"{\"kind\":\"Deployment\",\"metadata\":{\"name\":\"fraud\",\"annotations\":{" notes \
	"}" more "},\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}}}}}"
#define OURS(hex, number, plan)                                                       \
	"\"slipway.dev/version\":\"sha256:" hex "\",\"slipway.dev/number\":\"" number \
	"\",\"slipway.dev/model\":\"risk/fraud\",\"slipway.dev/registry\":\"r-1\","   \
	"\"slipway.dev/plan\":\"" plan "\""

static const struct {
	const char *live; /* NULL: not there */
	bool empty;
	const char *version; /* of the precondition */
	int rc;
	const char *words; /* of the error */
} cases[] = {
	{ NULL, true, HEX, 0, "" },
	{ NULL, false, HEX, -ERR_CONFLICT, "is gone" },
	{ OBJECT(OURS(HEX, "41", "p-0"), ""), false, HEX, 0, "" },
	{ OBJECT(OURS(HEX, "41", "p-1"), ""), false, OTHER, 1, "" },
	{ OBJECT(OURS(HEX, "41", "p-1"), ""), true, HEX, 1, "" },
	{ OBJECT(OURS(HEX, "41", "p-0"), ""), true, HEX, -ERR_CONFLICT, "has come meanwhile" },
	{ OBJECT(OURS(OTHER, "42", "p-0"), ""), false, HEX, -ERR_CONFLICT, "carries v42" },
	{ OBJECT("", ""), false, HEX, -ERR_CONFLICT, "did not make it" },
	{ OBJECT("", ""), true, HEX, -ERR_CONFLICT, "did not make it" },
	{ OBJECT(OURS(HEX, "x", "p-0"), ""), false, HEX, -ERR_CONFLICT, "did not make it" },
	{ OBJECT(OURS("9f", "41", "p-0"), ""), false, HEX, -ERR_CONFLICT, "did not make it" },
	{ OBJECT(OURS(HEX, "41", "p-1"), ",\"deletionTimestamp\":\"2026-11-26T00:00:00Z\""), false,
	  HEX, -ERR_CONFLICT, "being deleted" },
};

Test(cluster_stamp, preconditions)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *live = cases[i].live ? parse(cases[i].live) : NULL;
		const struct rollout q = { .registry_id = "r-1", .model = "risk/fraud" };
		struct precondition p = { .empty = cases[i].empty, .number = 41, .plan_id = "p-1" };
		struct cluster_stamp s;
		struct err e = { 0 };

		cr_assert_eq(digest_parse(&p.version, cases[i].version, 64), 0);
		cluster_stamp_of(live, &s);
		cr_expect_eq(cluster_is_as(&s, "fraud", &q, &p, &e), cases[i].rc, "%zu: %s", i,
		             e.msg);
		cr_expect(strstr(e.msg, cases[i].words), "%zu: %s", i, e.msg);
	}
}

Test(cluster_stamp, what_a_deletion_waits_for)
{
	static const struct {
		const char *finalizers, *words;
	} waits[] = {
		{ "", "deleted in the background" },
		{ "\"inferenceservice.finalizers\"", "(kserve-controller-manager)" },
		{ "\"foregroundDeletion\",\"x/y\"",
		  "\"foregroundDeletion\" must be taken off by the "
		  "garbage collector" },
		{ "\"x\\u001b/y\"", "\"x\\x1b/y\" must be taken off by whoever set it" },
	};

	for (size_t i = 0; i < COUNT(waits); i++) {
		cleanup_free char *text = xasprintf("{\"metadata\":{\"finalizers\":[%s],"
		                                    "\"deletionTimestamp\":\"x\"}}",
		                                    waits[i].finalizers);
		cleanup_json json_t *live = parse(text);
		struct cluster_stamp s;

		cluster_stamp_of(live, &s);
		cr_expect(s.is_going && strstr(s.waits, waits[i].words), "%s", s.waits);
	}
}

Test(cluster_stamp, another_registry_or_model_is_not_ours)
{
	cleanup_json json_t *live = parse(OBJECT(OURS(HEX, "41", "p-1"), ""));
	const struct rollout theirs = { .registry_id = "r-2", .model = "risk/fraud" };
	const struct rollout other = { .registry_id = "r-1", .model = "risk.fraud" };
	const struct precondition p = { .plan_id = "p-1" };
	struct cluster_stamp s;
	struct err e = { 0 };

	cluster_stamp_of(live, &s);
	cr_expect_eq(cluster_is_as(&s, "fraud", &theirs, &p, &e), -ERR_CONFLICT);
	cr_expect(strstr(e.msg, "belongs to the registry r-1"), "%s", e.msg);
	cr_expect_eq(cluster_is_as(&s, "fraud", &other, &p, &e), -ERR_CONFLICT);
	cr_expect(strstr(e.msg, "is of the model \"risk/fraud\""), "%s", e.msg);
}

Test(cluster_stamp, stamps)
{
	cleanup_json json_t *ours = parse(OBJECT(OURS(HEX, "41", "x"), ""));
	cleanup_json json_t *service = parse("{\"metadata\":{\"name\":\"n\"}}");
	const struct rollout q = { .plan_id = HEX, .job_id = "beef" };

	const struct digest target = { { 7 } };

	cluster_stamp(ours, &q, &target);
	cluster_stamp(service, &q, &target);
	cr_expect_str_eq(json_opt_string(kube_at(ours, "metadata.labels"), CLUSTER_PLAN), SHORT);
	cr_expect_str_eq(json_opt_string(kube_at(ours, "metadata.annotations"), CLUSTER_PLAN), HEX);
	cr_expect_str_eq(json_opt_string(kube_at(ours, "metadata.annotations"), CLUSTER_JOB),
	                 "beef");
	cr_expect_str_eq(
	        json_opt_string(kube_at(ours, "spec.template.metadata.labels"), CLUSTER_PLAN),
	        SHORT);
	cr_expect_null(
	        json_opt_string(kube_at(ours, "spec.template.metadata.annotations"), CLUSTER_JOB));
	cr_expect_eq(json_object_size(kube_at(service, "metadata")), 1,
	             "what carries no version is not stamped");
}

Test(cluster_stamp, foreign_owners)
{
	static const struct {
		const char *metadata, *owner;
	} owners[] = {
		{ "{}", NULL },
		{ "{\"labels\":{\"app.kubernetes.io/managed-by\":\"slipway\"}}", NULL },
		{ "{\"labels\":{\"app.kubernetes.io/managed-by\":\"Helm\"}}", "Helm" },
		{ "{\"annotations\":{\"meta.helm.sh/release-name\":\"x\"}}", "Helm" },
		{ "{\"annotations\":{\"argocd.argoproj.io/tracking-id\":\"x\"}}", "Argo CD" },
		{ "{\"labels\":{\"argocd.argoproj.io/instance\":\"x\"}}", "Argo CD" },
		{ "{\"labels\":{\"kustomize.toolkit.fluxcd.io/name\":\"x\"}}", "Flux" },
		{ "{\"ownerReferences\":[{\"kind\":\"Rollout\"}]}", "Argo Rollouts" },
		{ "{\"ownerReferences\":[{\"kind\":\"InferenceService\"}]}", "InferenceService" },
		{ "{\"labels\":{\"helm.toolkit.fluxcd.io/name\":\"x\"}}", "Flux" },
		{ "{\"managedFields\":[{\"manager\":\"slipway\"},{\"manager\":\"kubectl\"}]}",
		  NULL },
		{ "{\"managedFields\":[{\"manager\":\"argocd-controller\"}]}", "Argo CD" },
		{ "{\"managedFields\":[{\"manager\":\"kustomize-controller\"}]}", "Flux" },
		{ "{\"managedFields\":[{\"manager\":\"helm\",\"subresource\":\"scale\"}]}",
		  "Helm" },
		{ "{\"managedFields\":[{\"manager\":\"rollouts-controller\"}]}", "Argo Rollouts" },
		/* what is written as status says nothing of who runs it */
		{ "{\"managedFields\":[{\"manager\":\"rollouts-controller\",\"subresource\":"
		  "\"status\"}]}",
		  NULL },
		{ "{\"managedFields\":[7,{\"manager\":[]}]}", NULL },
		{ "{\"annotations\":[1],\"labels\":7,\"ownerReferences\":{}}", NULL },
	};

	for (size_t i = 0; i < COUNT(owners); i++) {
		cleanup_free char *text = xasprintf("{\"metadata\":%s}", owners[i].metadata);
		cleanup_json json_t *live = parse(text);
		const char *got = cluster_foreign_owner(live);

		cr_expect(streq(got, owners[i].owner), "%s: %s", text, got ? got : "nobody");
	}
}

Test(cluster_stamp, what_servers_say)
{
	static const struct {
		const char *answer;
		enum cluster_says says;
	} answers[] = {
		{ "{\"versions\":[\"1\"]}", SAYS_NOTHING },
		{ "{\"versions\":[\"41\"],\"model_version\":\"7\"}", SAYS_NOTHING },
		{ "{\"versions\":[\"sha256:" HEX "\"]}", SAYS_OURS },
		{ "{\"versions\":[\"" SHORT "\"]}", SAYS_OURS },
		{ "{\"model_version\":\"" HEX "\"}", SAYS_OURS },
		{ "{\"versions\":[\"1\"],\"parameters\":{\"digest\":\"sha256:" CAR "\"}}",
		  SAYS_OURS },
		{ "{\"versions\":[\"" SHORT "\"],\"parameters\":{\"digest\":\"sha256:" OTHER "\"}}",
		  SAYS_OTHER },
		{ "{\"versions\":[\"sha256:" OTHER "\"]}", SAYS_OTHER },
		{ "{\"model_version\":\"sha256:" OTHER "\"}", SAYS_OTHER },
		{ "{\"versions\":{},\"parameters\":[],\"model_version\":3}", SAYS_NOTHING },
		{ "[]", SAYS_NOTHING },
	};
	struct digest d;
	char other[80];

	cr_assert_eq(digest_parse(&d, HEX, 64), 0);
	for (size_t i = 0; i < COUNT(answers); i++) {
		cleanup_json json_t *j = parse(answers[i].answer);

		cr_expect_eq(cluster_says(j, &d, "oci://r/m@sha256:" CAR, other), answers[i].says,
		             "%s", answers[i].answer);
	}
}

#define RUNTIME(more)                                                                            \
	"{\"spec\":{\"supportedModelFormats\":[{\"name\":\"onnx\",\"version\":\"1\"},{\"name\":" \
	"\"tensorrt\"}]" more "}}"

Test(cluster_stamp, runtimes)
{
	static const struct {
		const char *runtime, *format, *protocol;
		bool serves;
	} runtimes[] = {
		{ RUNTIME(",\"protocolVersions\":[\"v2\"]"), "onnx", "v2", true },
		{ RUNTIME(",\"protocolVersions\":[\"v2\"]"), "onnx:1", "v2", true },
		{ RUNTIME(",\"protocolVersions\":[\"v2\"]"), "onnx:2", "v2", false },
		{ RUNTIME(",\"protocolVersions\":[\"v2\"]"), "tensorrt:8", "v2", false },
		{ RUNTIME(",\"protocolVersions\":[\"v2\"]"), "onn", "v2", false },
		{ RUNTIME(",\"protocolVersions\":[\"v2\"]"), "onnx", "v1", false },
		{ RUNTIME(""), "onnx", "v2", false },
		{ RUNTIME(""), "onnx", "v1", true },
		{ RUNTIME(",\"protocolVersions\":[\"v2\"],\"disabled\":true"), "onnx", "v2",
		  false },
		{ "{}", "onnx", "v1", false },
	};

	for (size_t i = 0; i < COUNT(runtimes); i++) {
		cleanup_json json_t *j = parse(runtimes[i].runtime);
		char why[256] = "";

		cr_expect_eq(
		        kserve_runtime_serves(j, runtimes[i].format, runtimes[i].protocol, why),
		        runtimes[i].serves, "%zu: %s", i, why);
		cr_expect(runtimes[i].serves || why[0], "%zu: a reason", i);
	}
}

Test(cluster_stamp, shares_of_replicas)
{
	static const struct {
		uint64_t stable;
		unsigned percent;
		bool is_exact;
		uint64_t n;
		unsigned nearest;
	} shares[] = {
		{ 9, 10, true, 1, 10 },  { 1, 50, true, 1, 50 }, { 3, 25, true, 1, 25 },
		{ 2, 10, false, 1, 33 }, { 4, 20, true, 1, 20 }, { 2, 60, true, 3, 60 },
		{ 1, 99, true, 99, 99 }, { 19, 5, true, 1, 5 },  { 2, 33, true, 1, 33 },
		{ 10, 12, false, 1, 9 },
	};
	uint64_t n;
	unsigned nearest;

	for (size_t i = 0; i < COUNT(shares); i++) {
		cr_expect_eq(kubernetes_replicas(shares[i].stable, shares[i].percent, &n, &nearest),
		             shares[i].is_exact, "%zu", i);
		cr_expect(n == shares[i].n && nearest == shares[i].nearest, "%zu: %lu %u", i,
		          (unsigned long)n, nearest);
	}
	cr_expect_not(kubernetes_replicas(0, 10, &n, &nearest));
	cr_expect_not(kubernetes_replicas(2, 100, &n, &nearest));
}

Test(cluster_stamp, metrics)
{
	static const struct {
		const char *text;
		bool is_known;
		double requests, errors, latency_s;
	} texts[] = {
		{ "# HELP x\nnv_inference_request_success{model=\"m\",version=\"1\"} 40\n"
		  "nv_inference_request_failure{model=\"m\",version=\"1\"} 2\n"
		  "nv_inference_request_duration_us{model=\"m\"} 5e6 1700000000\n"
		  "inference_requests_total{model=\"m\",code=\"500\"} 9\n",
		  true, 42, 2, 5 },
		{ "inference_requests_total{model=\"m\",code=\"200\"} 10\n"
		  "inference_requests_total{model=\"m\",code=\"503\"} 1\r\n"
		  "inference_request_duration_seconds_sum{model=\"m\"} 0.5",
		  true, 11, 1, 0.5 },
		/* MLServer, whose library adds the endings; by another one without them */
		{ "model_infer_request_success_total{model=\"m\",version=\"v1\"} 30.0\n"
		  "model_infer_request_success_created{model=\"m\",version=\"v1\"} 1.7e9\n"
		  "model_infer_request_failure_total{model=\"m\",version=\"v1\"} 2.0\n"
		  "model_infer_request_duration_count{model=\"m\",version=\"v1\"} 32.0\n"
		  "model_infer_request_duration_sum{model=\"m\",version=\"v1\"} 1.5\n",
		  true, 32, 2, 1.5 },
		/* how long it took is not said: that is not no time at all */
		{ "model_infer_request_success{model=\"m\"} 3\n", true, 3, 0, NAN },
		{ "model_infer_request_success{model=\"other\"} 3\n", false, 0, 0, 0 },
		{ "nv_inference_request_success{model=\"other\"} 3\n"
		  "nv_inference_request_success{model=\"m\"} 4\n",
		  true, 4, 0, NAN },
		{ "nv_inference_request_success 7\n", true, 7, 0, NAN },
		{ "nv_inference_request_success 7\nnv_inference_request_duration_us Inf\n",
		  false, 0, 0, 0 },
		{ "nv_inference_request_success NaN\n", false, 0, 0, 0 },
		{ "nv_inference_request_success -1\n", false, 0, 0, 0 },
		{ "nv_inference_request_success{model=\"m\"\n", false, 0, 0, 0 },
		{ "nv_inference_request_success{model=\"m\"}\n", false, 0, 0, 0 },
		{ "<html>nv_inference_request_success 7</html>", false, 0, 0, 0 },
		{ "", false, 0, 0, 0 },
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct traffic t = { 0 };

		cr_expect_eq(cluster_metrics(str_of(texts[i].text), "m", &t), texts[i].is_known,
		             "%zu", i);
		cleanup_free char *got = xasprintf("%g %g %g", t.requests, t.errors, t.latency_s);
		cleanup_free char *want = xasprintf("%g %g %g", texts[i].requests, texts[i].errors,
		                                    texts[i].latency_s);
		cr_expect_str_eq(got, want, "%zu: %s", i, got);
	}
}
