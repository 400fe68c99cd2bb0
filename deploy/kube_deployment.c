/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Deployment with its pods: the rule of `kubectl rollout status`, and beyond it what the pods of
 * the newest template say, as a Deployment itself calls nothing failed before its deadline.
 */
#include "deploy/kube_look.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static void
fail(struct kube_look *l, enum rollout_status s, const char *code, const char *advice,
     const char *words)
{
	l->status = s;
	(void)str_copy(l->code, sizeof l->code, code);
	(void)str_copy(l->advice, sizeof l->advice, advice);
	kube_safe(l->reason, sizeof l->reason, words);
}

/* Pods that could not even be made: quota or admission. Both may pass, so they are held first. */
static bool
no_pods(const json_t *d, const struct kube_when *w, struct kube_look *l)
{
	const json_t *c = kube_condition(d, "ReplicaFailure");
	const char *words = kube_text(c, "message");
	const int64_t since = kube_time(c, "lastTransitionTime");
	const bool is_held = since && w->now_s - since >= (int64_t)w->grace_s;
	const bool is_quota = strstr(words, "exceeded quota") != NULL;

	if (!streq(kube_text(c, "status"), "True"))
		return false;
	fail(l, is_held ? ROLLOUT_FAILED : ROLLOUT_PROGRESSING, is_quota ? "quota" : "admission",
	     is_quota ? "ask for less, or have the namespace's quota raised"
	              : "the cluster's admission refuses such pods: change the target's settings",
	     words);
	return true;
}

/* One that has ended is replaced: it explains why there are too few, and fails nothing. */
static void
say_ended(const struct kube_look *ended, struct kube_look *l)
{
	if (!ended->pod[0] || l->status == ROLLOUT_FAILED || l->code[0] || l->ready >= l->wanted)
		return;
	(void)snprintf(l->reason, sizeof l->reason,
	               "%u of %u new pods are ready; pod \"%s\" has ended: %.300s", l->ready,
	               l->wanted, ended->pod, ended->reason);
}

/* The worse of two; of equals the first that has a name for its trouble. */
static bool
is_worse(const struct kube_look *one, const struct kube_look *worst)
{
	if (one->status == ROLLOUT_SUCCEEDED || worst->status == ROLLOUT_FAILED)
		return false;
	return one->status == ROLLOUT_FAILED || worst->status == ROLLOUT_SUCCEEDED ||
	       (one->code[0] && !worst->code[0]);
}

/* The newest template's pod that is worst off tells why. */
static void
worst_pod(const json_t *template, const json_t *pods, const struct kube_when *w,
          struct kube_look *l)
{
	struct kube_look worst = { .status = ROLLOUT_SUCCEEDED }, ended = { 0 }, one;
	const json_t *pod;
	size_t i;

	json_array_foreach(pods, i, pod)
	{
		if (!kube_pod_is_of(pod, template)) {
			l->old += !kube_pod_is_over(pod);
			continue;
		}
		/* the Deployment does not count it any more: scaled down, drained, replaced */
		if (kube_at(pod, "metadata.deletionTimestamp"))
			continue;
		kube_pod_look(pod, w, &one);
		if (kube_pod_is_over(pod)) {
			ended = one;
			continue;
		}
		l->ready += one.ready;
		if (is_worse(&one, &worst))
			worst = one;
	}
	say_ended(&ended, l);
	if (worst.status == ROLLOUT_SUCCEEDED || (l->reason[0] && !worst.code[0]))
		return;
	l->status = worst.status;
	(void)snprintf(l->reason, sizeof l->reason, "pod \"%s\": %.360s", worst.pod, worst.reason);
	memcpy(l->code, worst.code, sizeof l->code);
	memcpy(l->advice, worst.advice, sizeof l->advice);
	memcpy(l->evidence, worst.evidence, sizeof l->evidence);
	memcpy(l->pod, worst.pod, sizeof l->pod);
	memcpy(l->container, worst.container, sizeof l->container);
	l->is_restarted = worst.is_restarted;
}

/* A count that none can be is never reached, and nothing has reached it. */
static unsigned
count(const json_t *d, const char *path, int64_t absent, unsigned impossible)
{
	const int64_t n = kube_number(d, path, absent);

	return n < 0 || n > INT32_MAX ? impossible : (unsigned)n;
}

/* Is it through, by its own counts? Else how far it has come. */
static bool
is_through(const json_t *d, struct kube_look *l)
{
	const int64_t all = kube_number(d, "status.replicas", 0);
	const int64_t available = kube_number(d, "status.availableReplicas", 0);

	if (l->updated < l->wanted || all > (int64_t)l->updated ||
	    available < (int64_t)l->updated) {
		(void)snprintf(l->reason, sizeof l->reason,
		               "%u of %u replicas are new, %" PRId64 " available, %" PRId64
		               " in all",
		               l->updated, l->wanted, available, all);
		return false;
	}
	return true;
}

void
kube_deployment_look(const json_t *d, const json_t *pods, const struct kube_when *w,
                     struct kube_look *ret)
{
	const json_t *progress = kube_condition(d, "Progressing");
	const bool is_late = streq(kube_text(progress, "reason"), "ProgressDeadlineExceeded");

	*ret = (struct kube_look){
		.status = ROLLOUT_PROGRESSING,
		.wanted = count(d, "spec.replicas", 1, UINT_MAX),
	};
	if (kube_at(d, "metadata.deletionTimestamp")) {
		(void)str_copy(ret->reason, sizeof ret->reason, "it is being deleted");
		return;
	}
	if (json_is_true(kube_at(d, "spec.paused"))) {
		ret->is_suspended = true;
		(void)str_copy(ret->reason, sizeof ret->reason, "it is paused (spec.paused)");
		return;
	}
	if (kube_number(d, "status.observedGeneration", 0) <
	    kube_number(d, "metadata.generation", INT64_MAX)) {
		(void)str_copy(ret->reason, sizeof ret->reason,
		               "its controller has not seen the newest generation yet");
		return;
	}
	ret->updated = count(d, "status.updatedReplicas", 0, 0);
	if (pods)
		worst_pod(kube_at(d, "spec.template"), pods, w, ret);
	else
		ret->ready = count(d, "status.readyReplicas", 0, 0);
	if (ret->status == ROLLOUT_FAILED || ret->code[0])
		ret->status = is_late ? ROLLOUT_FAILED : ret->status;
	else if (is_late)
		fail(ret, ROLLOUT_FAILED, "deadline", "look at its pods and their events",
		     kube_text(progress, "message"));
	else if (!no_pods(d, w, ret) && is_through(d, ret) && ret->reason[0] == '\0')
		ret->status = ROLLOUT_SUCCEEDED;
	if (ret->status == ROLLOUT_SUCCEEDED && pods &&
	    (ret->ready < ret->wanted || ret->old > 0)) {
		ret->status = ROLLOUT_PROGRESSING;
		(void)snprintf(ret->reason, sizeof ret->reason,
		               "%u of %u new pods are ready, %u of before are still there",
		               ret->ready, ret->wanted, ret->old);
	}
}
