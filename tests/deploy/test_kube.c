/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes client against a scripted API server: each request byte by byte, what is sent
 * again and what never is, what recorded refusals mean.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/kube_look.h"
#include "deploy/kube_private.h"
#include "registry/base/clock.h"
#include "tests/deploy/kube_lab.h"

TestSuite(kube);

Test(kube, paths)
{
	static const struct {
		const char *group, *version, *ns, *plural, *name, *sub, *path;
	} cases[] = {
		{ "", "v1", "lab", "pods", NULL, NULL, "/api/v1/namespaces/lab/pods" },
		{ "apps", "v1", "lab", "deployments", "a.b", "status",
		  "/apis/apps/v1/namespaces/lab/deployments/a.b/status" },
		{ NULL, "v1", NULL, "nodes", "n/1?x", NULL, "/api/v1/nodes/n%2F1%3Fx" },
		{ "", "v1", "a/../b", "pods", "p", "proxy/v2/models",
		  "/api/v1/namespaces/a%2F..%2Fb/pods/p/proxy/v2/models" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf b = { 0 };
		kube_path(&b, cases[i].group, cases[i].version, cases[i].ns, cases[i].plural,
		          cases[i].name, cases[i].sub);
		cr_expect_str_eq(buf_cstr(&b), cases[i].path);
	}
}

#define POD "/api/v1/namespaces/lab/pods/p"

Test(kube, writes_byte_by_byte)
{
	static const struct step steps[] = {
		{ .request = "PATCH " POD "?fieldManager=slipway&force=false"
		             "&fieldValidation=Strict&dryRun=All",
		  .headers = "Content-Type: application/apply-patch+yaml\r\n" TOKEN,
		  .body = "{\"metadata\":{\"name\":\"p\",\"resourceVersion\":\"7\"}}",
		  .status = 200,
		  .reply = "{\"kind\":\"Pod\"}" },
		{ .request = "PATCH " POD "?fieldManager=slipway&force=true&fieldValidation=Warn",
		  .headers = "Content-Type: application/apply-patch+yaml\r\n" TOKEN,
		  .body = "{}",
		  .how = STEP_RAW,
		  .reply = "HTTP/1.1 201 Made\r\nAudit-Id: a-1\r\nWarning: 299 - \"old "
		           "\\\"x\\\"\"\r\n"
		           "Content-Length: 14\r\n\r\n{\"kind\":\"Pod\"}" },
		{ .request = "DELETE " POD,
		  .headers = "Content-Type: application/json\r\n" TOKEN,
		  .body = "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"preconditions\":"
		          "{\"uid\":\"u\"},\"propagationPolicy\":\"Foreground\"}",
		  .status = 200,
		  .reply = "{}" },
	};
	struct kube_apply a = { .path = POD,
		                .dry_run = true,
		                .resource_version = "7",
		                .body = str_of("{\"metadata\":{\"name\":\"p\"}}") };
	struct kube_reply r;
	struct lab l;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ .token = TEXT("t0ken") });
	cr_assert_eq(kube_apply(l.k, &a, &r, &l.e), 0, "%s", l.e.msg);
	cr_expect(!r.created && r.object);
	kube_reply_fini(&r);
	a = (struct kube_apply){
		.path = POD, .force = true, .no_strict = true, .body = str_of("{}")
	};
	cr_assert_eq(kube_apply(l.k, &a, &r, &l.e), 0, "%s", l.e.msg);
	cr_expect(r.created);
	cr_expect_str_eq(r.audit_id, "a-1");
	cr_expect_str_eq(buf_cstr(&r.warnings), "old \"x\"\n");
	kube_reply_fini(&r);
	cr_assert_eq(kube_delete(l.k, POD, "u", &l.e), 0, "%s", l.e.msg);
	lab_close(&l);
}

/* A write without a whole answer is unknown and never sent again; only 401 and 429 are. */
Test(kube, what_is_sent_again)
{
#define PUT(how_, status_, reply_)                                                      \
	{                                                                               \
		.request = "PATCH " POD "?fieldManager=slipway&fieldValidation=Strict", \
		.headers = "Content-Type: x/y\r\n" TOKEN, .body = "{}", .how = how_,    \
		.status = status_, .reply = reply_                                      \
	}
	static const struct {
		const char *name;
		struct step steps[3];
		size_t n;
		int rc;
	} cases[] = {
		{ "cut", { PUT(STEP_RAW, 0, "") }, 1, -ERR_OUTCOME_UNKNOWN },
		{ "half",
		  { PUT(STEP_RAW, 0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{") },
		  1,
		  -ERR_OUTCOME_UNKNOWN },
		{ "504", { PUT(STEP_ANSWER, 504, "") }, 1, -ERR_OUTCOME_UNKNOWN },
		{ "500",
		  { PUT(STEP_ANSWER, 500, "{\"kind\":\"Status\",\"message\":\"etcd\"}") },
		  1,
		  -ERR_OUTCOME_UNKNOWN },
		{ "a proxy's 503", { PUT(STEP_ANSWER, 503, "<html>") }, 1, -ERR_OUTCOME_UNKNOWN },
		{ "a proxy's 404", { PUT(STEP_ANSWER, 404, "<html>") }, 1, -ERR_OUTCOME_UNKNOWN },
		{ "the server's 503",
		  { PUT(STEP_ANSWER, 503, "{\"kind\":\"Status\"}") },
		  1,
		  -ERR_UNREACHABLE },
		{ "no JSON", { PUT(STEP_ANSWER, 200, "<html>") }, 1, -ERR_OUTCOME_UNKNOWN },
		{ "busy", { PUT(STEP_ANSWER, 429, ""), PUT(STEP_ANSWER, 200, "{}") }, 2, 0 },
		{ "who are you, and nothing else to say",
		  { PUT(STEP_ANSWER, 401, "") },
		  1,
		  -ERR_DENIED },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kube_reply r = { 0 };
		struct lab l;
		int rc;

		lab_open(&l, cases[i].steps, cases[i].n,
		         (struct kubeconfig){ .token = TEXT("t0ken") });
		rc = kube_patch(l.k, POD, "x/y", str_of("{}"), &r, &l.e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, l.e.msg);
		cr_expect_null(strstr(l.e.msg, "t0ken"));
		kube_reply_fini(&r);
		lab_close(&l);
	}
}

static void
body_of(const json_t *j, struct buf *ret)
{
	const json_t *const b = kube_at(j, "response.body");

	if (json_is_string(b))
		buf_adds(ret, json_string_value(b));
	else if (b && !json_is_null(b))
		json_canonical(b, ret);
}

Test(kube, recorded_refusals)
{
	static const struct {
		const char *step;
		enum err_code code;
		const char *named;
	} cases[] = {
		{ "apply-conflict", ERR_CONFLICT, ".spec.replicas: conflict with \"slipway\"" },
		{ "apply-forbidden", ERR_DENIED, "cannot patch resource \"deployments\"" },
		{ "apply-immutable", ERR_ROLLOUT_FAILED, "spec.template.metadata.labels" },
		{ "apply-invalid", ERR_ROLLOUT_FAILED, "spec.replicas: Invalid value: -1" },
		{ "apply-no-namespace", ERR_NOT_FOUND, "namespaces \"none-such\" not found" },
		{ "apply-over-quota", ERR_POLICY, "exceeded quota" },
		{ "apply-policy-denied", ERR_POLICY, "images must be named by dige" },
		{ "apply-terminating", ERR_CONFLICT, "being deleted" },
		{ "apply-unknown-field-strict", ERR_ROLLOUT_FAILED, ".spec.replcas" },
		{ "isvc-wrong-type", ERR_ROLLOUT_FAILED, ".spec.predictor.minReplicas" },
		{ "isvc-missing-field", ERR_ROLLOUT_FAILED, "modelFormat.name" },
		{ "create-unknown-field-strict", ERR_ROLLOUT_FAILED, "spec.replcas" },
		{ "hook-mode-change", ERR_POLICY, "deploymentMode cannot be changed" },
		{ "delete-wrong-uid", ERR_CONFLICT, "UID in the precondition" },
		{ "update-stale", ERR_CONFLICT, "has been modified" },
		{ "get-missing", ERR_NOT_FOUND, "deployments.apps \"fraud\" not found" },
		{ "unknown-path", ERR_NOT_FOUND, "404 page not found" },
		{ "list-continue-expired", ERR_CONFLICT, "too old" },
		{ "pod-log-no-previous", ERR_NOT_FOUND, "previous terminated container" },
		{ "unauthorized", ERR_DENIED, "does not know who we are" },
		{ "fault-504", ERR_OUTCOME_UNKNOWN, "504" },
		{ "too-many-requests", ERR_UNREACHABLE, "Too many requests" },
		{ "watch-future", ERR_UNREACHABLE, "Too large resource version" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *j = recorded(cases[i].step);
		const char *method = kube_text(j, "request.method");
		const struct kube_call c = { .method = method,
			                     .path = "/p",
			                     .is_read = streq(method, "GET") };
		struct http_response r = { .status = (long)kube_number(j, "response.status", 0) };
		struct kube_reply reply = { 0 };
		struct err e = { 0 };

		body_of(j, &r.body);
		cr_expect_eq(kube_error(&c, &r, &reply, &e), -(int)cases[i].code, "%s: %s %s",
		             cases[i].step, err_name(e.code), e.msg);
		cr_expect(strstr(e.msg, cases[i].named), "%s: %s", cases[i].step, e.msg);
		cr_expect_null(strstr(e.msg, "\\x0a"), "%s: %s", cases[i].step, e.msg);
		cr_expect_eq(reply.conflicts_n, streq(cases[i].step, "apply-conflict") ? 1 : 0,
		             "%s", cases[i].step);
		if (reply.conflicts_n)
			cr_expect(streq(reply.conflicts[0].field, ".spec.replicas") &&
			          streq(reply.conflicts[0].manager, "slipway"));
		kube_reply_fini(&reply);
		http_response_fini(&r);
	}
}

Test(kube, a_deletion_is_answered_by_the_cluster_or_unknown)
{
	static const char *const replies[] = { "<html>", "" };

	for (size_t i = 0; i < COUNT(replies); i++) {
		const struct step step = {
			.request = "DELETE " POD,
			.headers = "Content-Type: application/json\r\n" TOKEN,
			.body = "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
			        "\"preconditions\":{\"uid\":\"u\"},"
			        "\"propagationPolicy\":\"Foreground\"}",
			.status = 200,
			.reply = replies[i],
		};
		struct lab l;

		lab_open(&l, &step, 1, (struct kubeconfig){ .token = TEXT("t0ken") });
		cr_expect_eq(kube_delete(l.k, POD, "u", &l.e), -ERR_OUTCOME_UNKNOWN, "\"%s\"",
		             replies[i]);
		lab_close(&l);
	}
}

/* --- lists --- */

Test(kube, lists_page_after_page_and_anew_when_expired)
{
#define ITEM(n) "{\"metadata\":{\"name\":\"" n "\",\"managedFields\":[1]}}"
#define GET_PODS(query, status_, reply_)                                                        \
	{                                                                                       \
		.request = "GET /api/v1/pods?limit=500&labelSelector=a" query, .headers = JSON, \
		.status = status_, .reply = reply_                                              \
	}
	static const struct step steps[] = {
		GET_PODS("", 200,
		         "{\"metadata\":{\"continue\":\"x=/\"},\"items\":[" ITEM("a") "]}"),
		GET_PODS("&continue=x%3D%2F", 410, "{\"kind\":\"Status\",\"message\":\"old\"}"),
		GET_PODS("", 200, "{\"metadata\":{\"continue\":\"y\"},\"items\":[" ITEM("a") "]}"),
		GET_PODS("&continue=y", 200,
		         "{\"metadata\":{\"resourceVersion\":\"9\"},"
		         "\"items\":[" ITEM("b") "]}"),
		GET_PODS("", 200, "{\"items\":[" ITEM("a") "," ITEM("b") "]}"),
	};
	struct lab l;
	json_t *all = NULL;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ 0 });
	cr_assert_eq(kube_list(l.k, "/api/v1/pods", "labelSelector=a", 9, &all, &l.e), 0, "%s",
	             l.e.msg);
	cr_expect_eq(json_array_size(json_object_get(all, "items")), 2);
	cr_expect_str_eq(kube_text(all, "resourceVersion"), "9");
	cr_expect_null(kube_at(json_array_get(json_object_get(all, "items"), 0),
	                       "metadata.managedFields"));
	json_decref(all);
	cr_expect_eq(kube_list(l.k, "/api/v1/pods", "labelSelector=a", 1, &all, &l.e),
	             -ERR_TOO_BIG);
	lab_close(&l);
}

Test(kube, large_things_come_fewer_at_once)
{
	static const struct step steps[] = {
		{ .request = "GET /p?limit=500",
		  .headers = JSON,
		  .status = 200,
		  .reply = "{\"metadata\":{\"continue\":\"x\"},\"items\":[{}]}" },
		{ .request = "GET /p?limit=500&continue=x", .headers = JSON, .how = STEP_ENDLESS },
		{ .request = "GET /p?limit=100&continue=x",
		  .headers = JSON,
		  .status = 200,
		  .reply = "{\"metadata\":{\"continue\":\"y\"},\"items\":[{}]}" },
		{ .request = "GET /p?limit=100&continue=y", .headers = JSON, .how = STEP_ENDLESS },
		{ .request = "GET /p?limit=20&continue=y", .headers = JSON, .how = STEP_ENDLESS },
		{ .request = "GET /p?limit=4&continue=y", .headers = JSON, .how = STEP_ENDLESS },
	};
	struct lab l;
	json_t *all = NULL;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ 0 });
	cr_expect_eq(kube_list(l.k, "/p", NULL, 9, &all, &l.e), -ERR_TOO_BIG, "%s", l.e.msg);
	cr_expect_null(all);
	lab_close(&l);
}
