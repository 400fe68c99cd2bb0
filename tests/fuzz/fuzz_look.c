/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are what a cluster holds: {"isvc", "deployment", "pods"}. How it is judged says nothing
 * that moves a terminal, and never that a rollout has succeeded when its own counts do not say so.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "deploy/driver_cluster.h"

static void
promise_line(const char *s, size_t size)
{
	PROMISE(memchr(s, '\0', size));
	for (; *s; s++)
		PROMISE((unsigned char)*s >= ' ' && *s != 0x7f);
}

static void
promise_look(const struct kube_look *l)
{
	promise_line(l->code, sizeof l->code);
	promise_line(l->reason, sizeof l->reason);
	promise_line(l->advice, sizeof l->advice);
	promise_line(l->evidence, sizeof l->evidence);
	promise_line(l->pod, sizeof l->pod);
	promise_line(l->container, sizeof l->container);
	PROMISE(l->status != ROLLOUT_SUCCEEDED || (!l->code[0] && !l->is_suspended));
	PROMISE(!l->code[0] || l->advice[0]);
}

static void
at_each_time(const json_t *isvc, const json_t *deployment, const json_t *pods)
{
	static const int64_t times[] = { 0, 1700000000, INT64_MAX / 2, -1 };
	struct kube_look l;

	for (size_t i = 0; i < COUNT(times); i++) {
		const struct kube_when w = { times[i], KUBE_GRACE_S };
		const json_t *pod;
		size_t k;

		json_array_foreach(pods, k, pod)
		{
			kube_pod_look(pod, &w, &l);
			promise_look(&l);
			PROMISE(l.status != ROLLOUT_SUCCEEDED || !kube_pod_is_over(pod) ||
			        !kube_at(pod, "metadata.deletionTimestamp"));
		}
		kube_deployment_look(deployment, pods, &w, &l);
		promise_look(&l);
		if (l.status == ROLLOUT_SUCCEEDED) {
			PROMISE(l.updated >= l.wanted && (!pods || l.ready >= l.wanted));
			PROMISE(l.old == 0);
			PROMISE(kube_number(deployment, "spec.replicas", 1) == (int64_t)l.wanted);
		}
		kube_isvc_look(isvc, deployment, pods, &w, &l);
		promise_look(&l);
		PROMISE(l.status != ROLLOUT_SUCCEEDED || deployment);
	}
}

static void
of_service(const json_t *isvc, const json_t *pods)
{
	struct cluster_names n = { 0 };
	struct cluster_stamp s;
	char plan[DIGEST_HEX_SIZE], waits[224];
	unsigned percent = 0;

	kserve_revision(isvc, &n);
	PROMISE(n.selector[0] && memchr(n.deployment, '\0', sizeof n.deployment));
	(void)kserve_share(isvc, &percent);
	kserve_newcomer_plan(isvc, plan);
	PROMISE(memchr(plan, '\0', sizeof plan));
	cluster_stamp_of(isvc, &s);
	PROMISE(!s.is_ours || (s.registry[0] && s.model[0]));
	kube_waits_for(isvc, waits, sizeof waits);
	promise_line(waits, sizeof waits);
	(void)kube_time(isvc, "metadata.creationTimestamp");
	(void)kube_pod_is_of(json_array_get(pods, 0), isvc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };
	const json_t *isvc, *pods;

	if (json_parse(input(p, n), "the cluster", &j, &e) < 0)
		return 0;
	isvc = json_object_get(j, "isvc");
	pods = json_object_get(j, "pods");
	at_each_time(isvc, json_object_get(j, "deployment"), pods);
	of_service(isvc, pods);
	return 0;
}
