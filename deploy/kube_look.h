/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What objects of a cluster say about a rollout: pods, a Deployment with its pods, an
 * InferenceService with its Deployment. Pure functions over JSON that the API server gave; all of
 * it is foreign, and what comes out is safe for a terminal. A rollout has succeeded only when the
 * newest generation was seen, every replica is of it and ready, and no old one is left; a
 * service's own word "Ready" is never enough, as it may speak of what was there before.
 * Sources: Kubernetes `kubectl rollout status`, the container states of a kubelet; KServe v0.20's
 * status as recorded from its controller.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "deploy/driver.h"
#include "registry/base/json.h"

struct kube_when {
	int64_t now_s;
	unsigned grace_s; /* a state that may pass by itself is a failure after so long */
};
#define KUBE_GRACE_S 60

struct kube_look {
	enum rollout_status status;
	bool is_suspended;   /* paused or stopped by a person: nothing moves */
	char code[32];       /* as struct observation's; "" none */
	char reason[512];    /* in the cluster's words */
	char advice[256];
	char evidence[768];  /* exit code, last state; a line each */
	char pod[128], container[128]; /* whose trouble it is; "" */
	bool is_restarted;   /* container has run before: its log is the previous one's */
	unsigned wanted, updated, ready; /* replicas; ready: of the newest that are */
	unsigned old;                    /* replicas of before that are still there */
};

/* SUCCEEDED: ready; FAILED: will not become ready by waiting (at once, or held for the grace). */
void kube_pod_look(const json_t *pod, const struct kube_when *w, struct kube_look *ret);
/* Does it serve nobody any more: is it being taken away, or has it ended and is only still listed,
 * as one that its node has thrown out? What makes pods makes others in their place. */
bool kube_pod_is_over(const json_t *pod);
/* Was this pod made from that template? All labels and annotations of the template are on it. */
bool kube_pod_is_of(const json_t *pod, const json_t *template);
/* pods: a list's items, at least those that its selector takes; NULL: nobody could read them, and
 * the Deployment's own counts must do. */
void kube_deployment_look(const json_t *deployment, const json_t *pods, const struct kube_when *w,
                          struct kube_look *ret);
/* Its own words alone. Says less than is true: see kube_isvc_look. */
void kube_isvc_words(const json_t *isvc, struct kube_look *ret);
/* deployment: of its predictor, NULL: there is none (yet). */
void kube_isvc_look(const json_t *isvc, const json_t *deployment, const json_t *pods,
                    const struct kube_when *w, struct kube_look *ret);

/* "a.b.c" below o; NULL when a step is absent or no object. */
const json_t *kube_at(const json_t *o, const char *path);
const char *kube_text(const json_t *o, const char *path); /* "" when absent or no string */
int64_t kube_number(const json_t *o, const char *path, int64_t absent);
/* The member of status.conditions with that type; NULL: none. */
const json_t *kube_condition(const json_t *o, const char *type);
/* RFC 3339 in any zone, fractions dropped; 0 when absent or no such time. */
int64_t kube_time(const json_t *o, const char *path);
/* For an object that is being deleted: what for, and who must do it; a sentence. */
void kube_waits_for(const json_t *o, char *ret, size_t size);
/* Safe form of foreign text, cut to size. */
void kube_safe(char *ret, size_t size, const char *foreign);
