/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod: ready, on its way, or stuck, and why, by the states that a kubelet and the scheduler
 * report. What may pass by itself is a failure only after it was held or seen again.
 */
#include "deploy/kube_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SEEN_AGAIN 2 /* restarts: a crash that repeats does not pass */

enum trouble { SLOW, HELD, TERMINAL };

static const struct {
	const char *reason;
	enum trouble trouble;
	const char *code, *advice;
} reasons[] = {
	{ "InvalidImageName", TERMINAL, "image-pull",
	  "mend the image's name in the target's settings" },
	{ "ErrImageNeverPull", TERMINAL, "image-pull",
	  "the node must not pull this image and does not have it: load it there" },
	{ "ImageInspectError", TERMINAL, "image-pull",
	  "the image on the node is damaged: remove it there" },
	{ "CreateContainerConfigError", TERMINAL, "config",
	  "a Secret or ConfigMap that the container names is missing: make it" },
	{ "ContainerCannotRun", TERMINAL, "config",
	  "the container's command does not exist in its image" },
	{ "ImagePullBackOff", HELD, "image-pull",
	  "see that the image is in the registry, that nodes reach it and that a pull secret "
	  "covers it" },
	{ "ErrImagePull", HELD, "image-pull",
	  "see that the image is in the registry, that nodes reach it and that a pull secret "
	  "covers it" },
	{ "RunContainerError", HELD, "config",
	  "look at the pod's events: the container cannot be started" },
	{ "CreateContainerError", HELD, "config",
	  "look at the pod's events: the container cannot be made" },
	{ "CrashLoopBackOff", HELD, "crash-loop",
	  "read the log of its last run: it ends by itself" },
	{ "OOMKilled", HELD, "out-of-memory", "give the target more memory, or a smaller model" },
	{ "Error", HELD, "crash-loop", "read the log of its last run: it ends by itself" },
};

static const char no_model[] = "read its log: the model could not be brought into the pod";

bool
kube_pod_is_of(const json_t *pod, const json_t *template)
{
	static const char *const maps[] = { "metadata.labels", "metadata.annotations" };
	const char *key;
	json_t *value;

	for (size_t i = 0; i < COUNT(maps); i++) {
		const json_t *has = kube_at(pod, maps[i]);

		json_object_foreach(
		        (json_t *)(uintptr_t)kube_at(template, maps[i]), key,
		        value) if (!json_equal(value, json_object_get(has, key))) return false;
	}
	return true;
}

static void
set_trouble(struct kube_look *l, size_t row, bool is_held, const char *reason, const char *message)
{
	char words[400];

	kube_safe(words, sizeof words, message);
	(void)snprintf(l->reason, sizeof l->reason, "%.80s%s%.400s", reason, *words ? ": " : "",
	               words);
	(void)snprintf(l->code, sizeof l->code, "%s", reasons[row].code);
	(void)snprintf(l->advice, sizeof l->advice, "%s", reasons[row].advice);
	l->status =
	        reasons[row].trouble == TERMINAL || is_held ? ROLLOUT_FAILED : ROLLOUT_PROGRESSING;
}

static bool
find_reason(const char *reason, size_t *ret)
{
	for (size_t i = 0; i < COUNT(reasons); i++) {
		if (streq(reasons[i].reason, reason)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* How it ended last: the cause of a back-off stands there. */
static const json_t *
last_end(const json_t *status)
{
	const json_t *now = kube_at(status, "state.terminated");

	return now ? now : kube_at(status, "lastState.terminated");
}

static void
add_evidence(struct kube_look *l, const json_t *status)
{
	const json_t *end = last_end(status);
	char reason[64], words[256];

	if (!end)
		return;
	kube_safe(reason, sizeof reason, kube_text(end, "reason"));
	kube_safe(words, sizeof words, kube_text(end, "message"));
	(void)snprintf(l->evidence, sizeof l->evidence,
	               "container \"%s\" of pod \"%s\" ended with exit code %" PRId64
	               "%s%s%s%s, restarts: %" PRId64,
	               l->container, l->pod, kube_number(end, "exitCode", -1), *reason ? ", " : "",
	               reason, *words ? ": " : "", words, kube_number(status, "restartCount", 0));
}

/* A container that is stuck sets l; 0: it is not. */
static int
container_trouble(const json_t *status, bool is_init, int64_t age_s, const struct kube_when *w,
                  struct kube_look *l)
{
	const json_t *wait = kube_at(status, "state.waiting"), *end = last_end(status);
	const int64_t restarts = kube_number(status, "restartCount", 0);
	const int64_t code = kube_number(end, "exitCode", 0);
	const char *reason = kube_text(wait, "reason"), *why = kube_text(end, "reason");
	const bool ends = kube_at(status, "state.terminated") && code != 0;
	const bool is_held = age_s >= (int64_t)w->grace_s || restarts >= SEEN_AGAIN;
	size_t row;

	if (ends)
		reason = why;
	if (!find_reason(reason, &row))
		return 0;
	kube_safe(l->container, sizeof l->container, kube_text(status, "name"));
	l->is_restarted = restarts > 0 && !kube_at(status, "state.terminated");
	if (streq(reason, "CrashLoopBackOff") && streq(why, "OOMKilled"))
		(void)find_reason("OOMKilled", &row);
	set_trouble(l, row, is_held, reason, kube_text(ends ? end : wait, "message"));
	if (code == 126 || code == 127)
		l->status = ROLLOUT_FAILED;
	if (is_init && streq(l->code, "crash-loop")) {
		(void)str_copy(l->code, sizeof l->code, "load");
		(void)str_copy(l->advice, sizeof l->advice, no_model);
	}
	add_evidence(l, status);
	return 1;
}

static int
containers_trouble(const json_t *pod, int64_t age_s, const struct kube_when *w, struct kube_look *l)
{
	static const char *const lists[] = { "status.initContainerStatuses",
		                             "status.containerStatuses" };
	const json_t *one;
	size_t i;

	for (size_t n = 0; n < COUNT(lists); n++)
		json_array_foreach(kube_at(pod, lists[n]), i,
		                   one) if (container_trouble(one, n == 0, age_s, w, l)) return 1;
	return 0;
}

/* The scheduler finds no place. Which of its words count is said: a GPU is another matter than
 * memory. */
static int
scheduling_trouble(const json_t *pod, const struct kube_when *w, struct kube_look *l)
{
	const json_t *c = kube_condition(pod, "PodScheduled");
	const char *message = kube_text(c, "message");
	const int64_t since = kube_time(c, "lastTransitionTime");
	char words[400];

	if (!streq(kube_text(c, "status"), "False") ||
	    !streq(kube_text(c, "reason"), "Unschedulable"))
		return 0;
	kube_safe(words, sizeof words, message);
	(void)snprintf(l->reason, sizeof l->reason, "Unschedulable: %s", words);
	(void)str_copy(l->code, sizeof l->code, "unschedulable");
	(void)str_copy(l->advice, sizeof l->advice,
	               strstr(message, "gpu")
	                       ? "no node has a free GPU: free one, or let the old pod go first"
	                       : "no node has room for it: ask for less, or make room");
	l->status = since && w->now_s - since >= (int64_t)w->grace_s ? ROLLOUT_FAILED
	                                                             : ROLLOUT_PROGRESSING;
	return 1;
}

static bool
is_ready(const json_t *pod)
{
	return streq(kube_text(kube_condition(pod, "Ready"), "status"), "True");
}

/* What a Deployment makes always has the policy Always. */
static bool
is_task(const json_t *pod)
{
	const char *policy = kube_text(pod, "spec.restartPolicy");

	return *policy && !streq(policy, "Always");
}

bool
kube_pod_is_over(const json_t *pod)
{
	const char *phase = kube_text(pod, "status.phase");

	return kube_at(pod, "metadata.deletionTimestamp") || streq(phase, "Failed") ||
	       streq(phase, "Succeeded");
}

static void
phase_look(const json_t *pod, struct kube_look *l)
{
	char words[300], phase[41];

	kube_safe(phase, sizeof phase, kube_text(pod, "status.phase"));
	kube_safe(words, sizeof words, kube_text(pod, "status.message"));
	if (streq(phase, "Failed")) {
		l->status = ROLLOUT_FAILED;
		(void)str_copy(l->code, sizeof l->code, "crash-loop");
		(void)str_copy(l->advice, sizeof l->advice, "read its log: it ended with an error");
	} else if (streq(phase, "Succeeded")) {
		(void)str_copy(words, sizeof words, "it ended, and a server should not");
	}
	(void)snprintf(l->reason, sizeof l->reason, "%s%s%s",
	               *phase ? phase : "not scheduled yet", *words ? ": " : "", words);
}

void
kube_pod_look(const json_t *pod, const struct kube_when *w, struct kube_look *ret)
{
	const int64_t born = kube_time(pod, "metadata.creationTimestamp");
	const int64_t age_s = born ? w->now_s - born : 0;

	*ret = (struct kube_look){ .status = ROLLOUT_PROGRESSING, .wanted = 1, .updated = 1 };
	kube_safe(ret->pod, sizeof ret->pod, kube_text(pod, "metadata.name"));
	if (kube_at(pod, "metadata.deletionTimestamp")) {
		(void)str_copy(ret->reason, sizeof ret->reason, "it is being taken away");
		return;
	}
	if (is_ready(pod) && is_task(pod)) {
		(void)str_copy(ret->reason, sizeof ret->reason,
		               "it is not started again when it ends: no server");
		return;
	}
	if (is_ready(pod)) {
		ret->status = ROLLOUT_SUCCEEDED;
		ret->ready = 1;
		return;
	}
	if (scheduling_trouble(pod, w, ret) || containers_trouble(pod, age_s, w, ret))
		return;
	phase_look(pod, ret);
}
