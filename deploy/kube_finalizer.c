/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an object that is being deleted waits for: a finalizer, and the controller that must take it
 * off. One that hangs means that this controller does not run. Knows the names that others chose.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/kube_look.h"

static const struct {
	const char *finalizer, *controller;
} known[] = {
	{ "inferenceservice.finalizers", "KServe's controller (kserve-controller-manager)" },
	{ "foregroundDeletion", "the garbage collector (kube-controller-manager)" },
	{ "orphan", "the garbage collector (kube-controller-manager)" },
	{ "service.kubernetes.io/load-balancer-cleanup", "the cloud's service controller" },
	{ "resources-finalizer.argocd.argoproj.io", "Argo CD (argocd-application-controller)" },
	{ "finalizers.fluxcd.io", "Flux (its controllers)" },
};

void
kube_waits_for(const json_t *o, char *ret, size_t size)
{
	const json_t *all = kube_at(o, "metadata.finalizers");
	const char *name = json_string_value(json_array_get(all, 0)), *who = "whoever set it";
	char safe[64];

	if (!name) {
		(void)snprintf(ret, size, "it is deleted in the background");
		return;
	}
	for (size_t i = 0; i < COUNT(known); i++) {
		if (streq(name, known[i].finalizer))
			who = known[i].controller;
	}
	kube_safe(safe, sizeof safe, name);
	(void)snprintf(ret, size,
	               "its finalizer \"%s\" must be taken off by %s; when it stays, that is not "
	               "running",
	               safe, who);
}
