/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of pods, Deployments and InferenceServices: states by hand, and every document that
 * KServe's real controller showed in 23 recorded phases, read in place.
 */
#include "deploy/kube_look.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/fs.h"

TestSuite(kube_look);

#define NOW 1795649900 /* 2026-11-25T23:38:20Z */

static json_t *
parse(const char *text)
{
	json_t *j = NULL;
	struct err e = { 0 };

	cr_assert_eq(json_parse(str_of(text), "test", &j, &e), 0, "%s: %s", text, e.msg);
	return j;
}

#define POD(status)                                                                      \
	"{\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"2026-11-25T23:38:10Z\"}," \
	"\"status\":" status "}"
#define STATE(state, last, restarts)                                         \
	POD("{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"c\"," \
	    "\"restartCount\":" restarts ",\"state\":" state ",\"lastState\":" last "}]}")
#define WAIT(reason)        "{\"waiting\":{\"reason\":\"" reason "\",\"message\":\"m\"}}"
#define ENDED(reason, code) "{\"terminated\":{\"reason\":\"" reason "\",\"exitCode\":" code "}}"

Test(kube_look, pods)
{
	static const struct {
		const char *pod;
		int age_s; /* beyond 10 */
		enum rollout_status status;
		const char *code;
	} cases[] = {
		{ POD("{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}"), 0,
		  ROLLOUT_SUCCEEDED, "" },
		{ POD("{}"), 0, ROLLOUT_PROGRESSING, "" },
		{ POD("null"), 900, ROLLOUT_PROGRESSING, "" },
		{ STATE(WAIT("ContainerCreating"), "{}", "0"), 900, ROLLOUT_PROGRESSING, "" },
		{ STATE(WAIT("ErrImagePull"), "{}", "0"), 0, ROLLOUT_PROGRESSING, "image-pull" },
		{ STATE(WAIT("ImagePullBackOff"), "{}", "0"), 60, ROLLOUT_FAILED, "image-pull" },
		{ STATE(WAIT("InvalidImageName"), "{}", "0"), 0, ROLLOUT_FAILED, "image-pull" },
		{ STATE(WAIT("CreateContainerConfigError"), "{}", "0"), 0, ROLLOUT_FAILED,
		  "config" },
		{ STATE(WAIT("CrashLoopBackOff"), ENDED("Error", "1"), "1"), 0, ROLLOUT_PROGRESSING,
		  "crash-loop" },
		{ STATE(WAIT("CrashLoopBackOff"), ENDED("Error", "1"), "2"), 0, ROLLOUT_FAILED,
		  "crash-loop" },
		{ STATE(WAIT("CrashLoopBackOff"), ENDED("OOMKilled", "137"), "2"), 0,
		  ROLLOUT_FAILED, "out-of-memory" },
		{ STATE(WAIT("CrashLoopBackOff"), ENDED("Error", "127"), "0"), 0, ROLLOUT_FAILED,
		  "crash-loop" },
		{ STATE(ENDED("OOMKilled", "137"), "{}", "0"), 0, ROLLOUT_PROGRESSING,
		  "out-of-memory" },
		{ STATE("{\"running\":{}}", ENDED("Error", "1"), "1"), 900, ROLLOUT_PROGRESSING,
		  "" },
		{ POD("{\"phase\":\"Failed\",\"message\":\"evicted\"}"), 0, ROLLOUT_FAILED,
		  "crash-loop" },
		{ POD("{\"initContainerStatuses\":[{\"name\":\"storage-initializer\","
		      "\"restartCount\":3,\"state\":" WAIT(
		              "CrashLoopBackOff") ",\"lastState\":" ENDED("Error", "1") "}]}"),
		  0, ROLLOUT_FAILED, "load" },
		{ POD("{\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":"
		      "\"Unschedulable\",\"message\":\"0/1 nodes: 1 Insufficient nvidia.com/gpu.\","
		      "\"lastTransitionTime\":\"2026-11-25T23:38:10Z\"}]}"),
		  0, ROLLOUT_PROGRESSING, "unschedulable" },
		{ POD("{\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":"
		      "\"Unschedulable\",\"message\":\"0/1 nodes: 1 Insufficient nvidia.com/gpu.\","
		      "\"lastTransitionTime\":\"2026-11-25T23:38:10Z\"}]}"),
		  60, ROLLOUT_FAILED, "unschedulable" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *pod = parse(cases[i].pod);
		const struct kube_when w = { NOW + cases[i].age_s, KUBE_GRACE_S };
		struct kube_look l;

		kube_pod_look(pod, &w, &l);
		cr_expect_eq(l.status, cases[i].status, "%zu %s: %s", i, cases[i].pod, l.reason);
		cr_expect_str_eq(l.code, cases[i].code, "%zu %s", i, cases[i].pod);
		cr_expect(!l.code[0] == !l.advice[0], "%zu: a code has its advice", i);
		cr_expect(l.status == ROLLOUT_SUCCEEDED || l.reason[0], "%zu: a reason", i);
	}
}

Test(kube_look, foreign_text_is_escaped)
{
	cleanup_json json_t *pod = parse(
	        "{\"metadata\":{\"name\":\"a\\u001b[2J\"},\"status\":{\"containerStatuses\":[{"
	        "\"name\":\"c\\u0007\",\"restartCount\":5,\"state\":{\"waiting\":{\"reason\":"
	        "\"CrashLoopBackOff\",\"message\":\"\\u001b]0;x\\u0007\"}},\"lastState\":{"
	        "\"terminated\":{\"reason\":\"\\u009b\",\"message\":\"\\u202e\",\"exitCode\":1}}}]}"
	        "}");
	const struct kube_when w = { NOW, KUBE_GRACE_S };
	struct kube_look l;

	kube_pod_look(pod, &w, &l);
	for (const char *s = l.reason; *s; s++)
		cr_expect((unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f);
	for (const char *s = l.evidence; *s; s++)
		cr_expect((unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f);
	cr_expect(strstr(l.evidence, "\\u{202e}"), "%s", l.evidence);
	cr_expect_str_eq(l.pod, "a\\x1b[2J");
}

/* generation, observed, replicas, updated, ready, available of a Deployment of two */
#define DEPLOYMENT(gen, seen, all, updated, ready, more)                                 \
	"{\"metadata\":{\"generation\":" gen                                             \
	"},\"spec\":{\"replicas\":2,\"template\":{\"metadata\":"                         \
	"{\"labels\":{\"v\":\"2\"}}}},\"status\":{\"observedGeneration\":" seen          \
	",\"replicas\":" all ",\"updatedReplicas\":" updated ",\"readyReplicas\":" ready \
	",\"availableReplicas\":" ready more "}}"
#define A_POD(v, ready)                                             \
	"{\"metadata\":{\"name\":\"p" v "\",\"labels\":{\"v\":\"" v \
	"\",\"x\":\"y\"}},\"status\":{"                             \
	"\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"

#define GOING(v)                                                    \
	"{\"metadata\":{\"name\":\"g" v "\",\"labels\":{\"v\":\"" v \
	"\"},\"deletionTimestamp\":\"2026-11-25T23:38:10Z\"},\"status\":{}}"

Test(kube_look, deployments)
{
	static const struct {
		const char *deployment, *pods;
		enum rollout_status status;
		const char *code;
		unsigned ready, old;
	} cases[] = {
		{ DEPLOYMENT("2", "2", "2", "2", "2", ""), NULL, ROLLOUT_SUCCEEDED, "", 2, 0 },
		{ DEPLOYMENT("2", "2", "2", "2", "2", ""),
		  "[" A_POD("2", "True") "," A_POD("2", "True") "]", ROLLOUT_SUCCEEDED, "", 2, 0 },
		/* its controller has not seen the newest generation */
		{ DEPLOYMENT("3", "2", "2", "2", "2", ""), NULL, ROLLOUT_PROGRESSING, "", 0, 0 },
		/* one of two behind: counts say done, pods do not */
		{ DEPLOYMENT("2", "2", "2", "2", "2", ""),
		  "[" A_POD("2", "True") "," A_POD("1", "True") "]", ROLLOUT_PROGRESSING, "", 1,
		  1 },
		/* scaled down by hand: a third one goes, and holds up nothing */
		{ DEPLOYMENT("2", "2", "2", "2", "2", ""),
		  "[" A_POD("2", "True") "," A_POD("2", "True") "," GOING("2") "]",
		  ROLLOUT_SUCCEEDED, "", 2, 0 },
		/* the only ones that are there go */
		{ DEPLOYMENT("2", "2", "0", "0", "0", ""), "[" GOING("2") "," GOING("2") "]",
		  ROLLOUT_PROGRESSING, "", 0, 0 },
		{ DEPLOYMENT("2", "2", "3", "2", "2", ""), NULL, ROLLOUT_PROGRESSING, "", 2, 0 },
		{ DEPLOYMENT("2", "2", "2", "1", "2", ""), NULL, ROLLOUT_PROGRESSING, "", 2, 0 },
		{ DEPLOYMENT("2", "2", "2", "2", "1", ""), NULL, ROLLOUT_PROGRESSING, "", 1, 0 },
		{ DEPLOYMENT("2", "2", "2", "0", "2",
		             ",\"conditions\":[{\"type\":\"Progressing\",\"status\":\"False\","
		             "\"reason\":\"ProgressDeadlineExceeded\",\"message\":\"m\"}]"),
		  NULL, ROLLOUT_FAILED, "deadline", 2, 0 },
		{ DEPLOYMENT("2", "2", "2", "0", "2",
		             ",\"conditions\":[{\"type\":\"ReplicaFailure\",\"status\":\"True\","
		             "\"message\":\"exceeded quota: q\"}]"),
		  NULL, ROLLOUT_PROGRESSING, "quota", 2, 0 },
		{ DEPLOYMENT("2", "2", "2", "0", "2",
		             ",\"conditions\":[{\"type\":\"ReplicaFailure\",\"status\":\"True\","
		             "\"lastTransitionTime\":\"2026-11-25T23:30:10Z\","
		             "\"message\":\"violates PodSecurity\"}]"),
		  NULL, ROLLOUT_FAILED, "admission", 2, 0 },
		{ "{}", NULL, ROLLOUT_PROGRESSING, "", 0, 0 },
		{ "[]", NULL, ROLLOUT_PROGRESSING, "", 0, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *d = parse(cases[i].deployment);
		cleanup_json json_t *pods = cases[i].pods ? parse(cases[i].pods) : NULL;
		const struct kube_when w = { NOW, KUBE_GRACE_S };
		struct kube_look l;

		kube_deployment_look(d, pods, &w, &l);
		cr_expect_eq(l.status, cases[i].status, "%zu: %s", i, l.reason);
		cr_expect_str_eq(l.code, cases[i].code, "%zu", i);
		cr_expect_eq(l.ready, cases[i].ready, "%zu: %u ready", i, l.ready);
		cr_expect_eq(l.old, cases[i].old, "%zu: %u old", i, l.old);
	}
}

/* --- KServe's real controller, as recorded --- */

static json_t *
read_phase(const char *name)
{
	const char *shared = getenv("SLIPWAY_SHARED");
	cleanup_free char *path = xasprintf("%s/tools/kserve-controller/recorded/%s.json",
	                                    shared ? shared : "../shared", name);
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };
	json_t *j = NULL;

	if (fs_read_at(AT_FDCWD, path, 4u << 20, &text, &e) < 0)
		cr_skip_test("the recorded phases are not here");
	cr_assert_eq(json_parse(buf_str(&text), name, &j, &e), 0, "%s", e.msg);
	return j;
}

/* A recorded document as the API server would have given it. */
static json_t *
isvc_of(const json_t *document)
{
	json_t *o = json_object(), *meta = json_object();

	json_object_set(meta, "generation", json_object_get(document, "generation"));
	json_object_set_new(o, "metadata", meta);
	json_object_set(o, "status", json_object_get(document, "status"));
	return o;
}

/* Each letter is a document: what its own words say, and what is said with the Deployment and pods
 * of a phase's end (NULL: there is none yet). g good, p progressing, f failed, s suspended, u
 * unknown. Phases 02, 07 and 17 to 19 are answers without documents: a refusal or no change. */
static const struct {
	const char *phase, *children, *words, *truth, *code;
} phases[] = {
	{ "01-create", "01-create", "pppppg", "pppppg", "" },
	{ "03-promote", "03-promote", "gggg", "gggg", "" },
	{ "04-promote-crash-loop-unseen", "04-promote-crash-loop-unseen", "ggg", "fff",
	  "crash-loop" },
	{ "05-crash-loop-reconciled-again", "04-promote-crash-loop-unseen", "gg", "ff",
	  "crash-loop" },
	{ "06-crash-loop-deadline-passed", "04-promote-crash-loop-unseen", "f", "f", "crash-loop" },
	{ "08-roll-back", NULL, "fppgg", "ppppp", "" },
	{ "09-promote-image-pull-unseen", NULL, "ggg", "ppp", "" },
	{ "10-roll-back-again", NULL, "ggg", "ppp", "" },
	{ "11-stop", NULL, "gss", "pss", "" },
	{ "12-start-again", NULL, "spppg", "spppp", "" },
	{ "13-create-crash-loop", "13-create-crash-loop", "pppp", "ffff", "crash-loop" },
	{ "14-create-crash-loop-reconciled-again", "13-create-crash-loop", "pfpfp", "fffff",
	  "crash-loop" },
	{ "15-create-crash-loop-repaired", NULL, "pffppg", "pppppp", "" },
	{ "15-create-crash-loop-repaired", "01-create", "pffppg", "puuppg", "" },
	{ "16-create-no-runtime", NULL, "ppf", "ppf", "no-runtime" },
	{ "20-create-bad-scheme-accepted", NULL, "ppp", "ppp", "no-workload" },
	{ "21-create-canary-ignored", "01-create", "pppppg", "pppppg", "" },
	{ "22-create-two-predictors-accepted", NULL, "ppf", "ppf", "no-runtime" },
	{ "23-delete", "01-create", "gg", "gg", "" },
};

static char
letter(const struct kube_look *l)
{
	return l->is_suspended ? 's' : "pgfu"[l->status];
}

Test(kube_look, recorded_phases)
{
	for (size_t i = 0; i < COUNT(phases); i++) {
		cleanup_json json_t *phase = read_phase(phases[i].phase);
		cleanup_json json_t *kin =
		        phases[i].children ? read_phase(phases[i].children) : NULL;
		const json_t *children = json_object_get(kin, "children"), *one;
		const json_t *d = json_array_get(json_object_get(children, "deployments"), 0);
		size_t n;

		json_array_foreach(json_object_get(phase, "documents"), n, one)
		{
			cleanup_json json_t *isvc = isvc_of(one);
			const struct kube_when w = { NOW, KUBE_GRACE_S };
			struct kube_look words, truth;

			kube_isvc_words(isvc, &words);
			kube_isvc_look(isvc, d, json_object_get(children, "pods"), &w, &truth);
			cr_expect_eq(letter(&words), phases[i].words[n], "%s %zu says %c: %s",
			             phases[i].phase, n, letter(&words), words.reason);
			cr_expect_eq(letter(&truth), phases[i].truth[n], "%s %zu is %c: %s",
			             phases[i].phase, n, letter(&truth), truth.reason);
			if (n + 1 == strlen(phases[i].truth))
				cr_expect_str_eq(truth.code, phases[i].code, "%s", phases[i].phase);
		}
		cr_expect_eq(n, strlen(phases[i].words), "%s has %zu documents", phases[i].phase,
		             n);
	}
}
