/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A KServe InferenceService. Its status speaks of the service, not of the rollout: it stays Ready
 * and UpToDate while new pods crash beside old ones, and its last failure survives the repair. So
 * its Deployment and that one's pods decide, and its own words only add what has no pods.
 */
#include "deploy/kube_look.h"

#include <stdio.h>
#include <string.h>

static bool
is_stopped(const json_t *isvc)
{
	return streq(kube_text(kube_condition(isvc, "Stopped"), "status"), "True");
}

/* Every condition but Stopped is True. Severity Info never counts against it. */
static bool
is_all_true(const json_t *isvc, struct kube_look *l)
{
	const json_t *one;
	size_t i, n = 0;
	char reason[64], message[300], type[64];

	json_array_foreach(kube_at(isvc, "status.conditions"), i, one)
	{
		if (streq(kube_text(one, "type"), "Stopped") ||
		    streq(kube_text(one, "severity"), "Info"))
			continue;
		n++;
		if (streq(kube_text(one, "status"), "True"))
			continue;
		kube_safe(type, sizeof type, kube_text(one, "type"));
		kube_safe(reason, sizeof reason, kube_text(one, "reason"));
		kube_safe(message, sizeof message, kube_text(one, "message"));
		(void)snprintf(l->reason, sizeof l->reason, "%s is not True%s%s%s%s", type,
		               *reason ? ": " : "", reason, *message ? ": " : "", message);
		return false;
	}
	if (n == 0)
		(void)str_copy(l->reason, sizeof l->reason, "its controller has said nothing yet");
	return n > 0;
}

static void
set_failed(const json_t *isvc, const char *transition, struct kube_look *l)
{
	const json_t *info = kube_at(isvc, "status.modelStatus.lastFailureInfo");
	const bool no_spec = streq(transition, "InvalidSpec");
	const char *why = kube_text(info, "reason");
	char reason[64], message[300];

	kube_safe(reason, sizeof reason, *why ? why : transition);
	kube_safe(message, sizeof message, kube_text(info, "message"));
	l->status = ROLLOUT_FAILED;
	(void)snprintf(l->reason, sizeof l->reason, "%s%s%s", reason, *message ? ": " : "",
	               message);
	(void)str_copy(l->code, sizeof l->code, no_spec ? "no-runtime" : "load");
	(void)str_copy(
	        l->advice, sizeof l->advice,
	        no_spec ? "name a runtime that serves this format: `target` setting runtime, "
	                  "and the version's label format"
	                : "read the pod's log: the server could not load the model");
}

void
kube_isvc_words(const json_t *isvc, struct kube_look *ret)
{
	const char *transition = kube_text(isvc, "status.modelStatus.transitionStatus");

	*ret = (struct kube_look){ .status = ROLLOUT_PROGRESSING };
	if (kube_at(isvc, "metadata.deletionTimestamp")) {
		char waits[224];

		kube_waits_for(isvc, waits, sizeof waits);
		(void)snprintf(ret->reason, sizeof ret->reason, "it is being deleted: %s", waits);
	} else if (is_stopped(isvc)) {
		ret->is_suspended = true;
		(void)str_copy(ret->reason, sizeof ret->reason,
		               "it is stopped (annotation serving.kserve.io/stop)");
	} else if (streq(transition, "InProgress")) {
		(void)str_copy(ret->reason, sizeof ret->reason, "the model is being loaded");
		(void)is_all_true(isvc, ret);
	} else if (*transition && !streq(transition, "UpToDate")) {
		set_failed(isvc, transition, ret);
	} else if (is_all_true(isvc, ret)) {
		ret->status = ROLLOUT_SUCCEEDED;
	}
}

/* Nothing runs, not yet or not any more: Ready and a failed load are words about what was. Only a
 * spec that nothing can come of has failed, and one of which nothing came for a while. */
static void
no_deployment(const json_t *isvc, const struct kube_when *w, struct kube_look *l)
{
	const json_t *ready = kube_condition(isvc, "Ready");
	const int64_t since = kube_time(ready, "lastTransitionTime");

	if (streq(l->code, "no-runtime"))
		return;
	if (l->status != ROLLOUT_PROGRESSING) {
		*l = (struct kube_look){ .status = ROLLOUT_PROGRESSING };
		(void)str_copy(l->reason, sizeof l->reason,
		               "what it says is of before: it has no Deployment now");
	}
	if (!streq(kube_text(ready, "status"), "Unknown"))
		return;
	(void)str_copy(l->code, sizeof l->code, "no-workload");
	(void)str_copy(l->advice, sizeof l->advice,
	               "its controller made no Deployment of it: read the service's events");
	if (since && w->now_s - since >= (int64_t)w->grace_s)
		l->status = ROLLOUT_FAILED;
}

void
kube_isvc_look(const json_t *isvc, const json_t *deployment, const json_t *pods,
               const struct kube_when *w, struct kube_look *ret)
{
	struct kube_look words;

	kube_isvc_words(isvc, &words);
	if (words.is_suspended || kube_at(isvc, "metadata.deletionTimestamp") || !deployment) {
		*ret = words;
		if (!words.is_suspended && !deployment)
			no_deployment(isvc, w, ret);
		return;
	}
	kube_deployment_look(deployment, pods, w, ret);
	if (ret->status != ROLLOUT_SUCCEEDED)
		return;
	/* its pods are ready: an old failure that it still tells is over, one of now is not */
	if (words.status == ROLLOUT_SUCCEEDED)
		return;
	ret->status = words.status == ROLLOUT_FAILED ? ROLLOUT_UNKNOWN : ROLLOUT_PROGRESSING;
	memcpy(ret->reason, words.reason, sizeof ret->reason);
}
