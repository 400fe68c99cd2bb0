/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a logged target and this person's own way to it to a cluster that may be asked. No
 * credential is used before the address and the authorities of the log, of what the person bound,
 * and of the kubeconfig are the same three times. What `target test` says is gathered here too.
 */
#pragma once

#include "deploy/driver.h"
#include "deploy/kube.h"
#include "deploy/kubeconfig.h"

struct kube_target { /* stays where it is while it is open */
	struct kubeconfig config;
	struct kube *kube;
};
/* Sends nothing. t is borrowed until kube_target_close. DENIED, each with the command that mends
 * it: nobody said how to reach it; the target changed since; the kubeconfig leads elsewhere now;
 * its server is not checked; a plugin that was not allowed, or is another one now. NOT_FOUND and
 * MALFORMED of kubeconfig_load. */
int kube_target_open(const struct target *t, struct kube_target *ret, struct err *e);
void kube_target_close(struct kube_target *k);

struct kube_need {                           /* what a driver does there */
	const char *verb, *group, *resource; /* resource may be "pods/log" */
	bool cluster_wide;
	bool is_optional; /* without it less is shown, and the work is done all the same */
};
struct kube_questions {
	const struct kube_need *needs; /* ends with verb NULL */
	const char *const *groups;     /* API groups that it speaks, NULL-terminated */
	bool no_gpus;                  /* none are wanted: all nodes are much to read */
};
/* {"address", "version", "clockDifferenceMs", "identity", "impersonates",
 *  "namespace": {"name", "state": "exists" | "missing" | "ending" | "unknown"},
 *  "may": [{"verb", "group", "resource", "state": "yes" | "no" | "unknown", "needed", "why"}],
 *  "apis": [{"group", "versions", "state": "served" | "missing" | "unknown"}],
 *  "gpus": {"state": "known" | "unknown", "all", "free", "why"}} (none when not asked)
 * Only what was answered is known; what may not be asked is "unknown". UNREACHABLE, DENIED (no
 * valid credential), MALFORMED: there is nothing to say at all. */
int kube_target_test(struct kube_target *k, const struct target *t, const struct kube_questions *q,
                     json_t **ret, struct err *e);
