/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target "kubernetes": a Deployment and a Service, with the model as an image volume, from a
 * claim or through a loader. What is done is driver_cluster*.c; here is what it can and what it
 * needs.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

#define NEED(v, g, r)                                      \
	{                                                  \
		.verb = (v), .group = (g), .resource = (r) \
	}
static const struct kube_need needs[] = {
	NEED("get", "apps", "deployments"),
	NEED("create", "apps", "deployments"),
	NEED("patch", "apps", "deployments"),
	NEED("delete", "apps", "deployments"),
	NEED("get", "", "services"),
	NEED("create", "", "services"),
	NEED("patch", "", "services"),
	NEED("delete", "", "services"),
	NEED("get", "", "configmaps"),
	NEED("create", "", "configmaps"),
	NEED("patch", "", "configmaps"),
	NEED("delete", "", "configmaps"),
	NEED("list", "", "pods"),
	NEED("get", "", "pods/log"),
	NEED("get", "", "pods/proxy"),
	NEED("create", "", "pods/proxy"),
	NEED("list", "", "events"),
	{ 0 },
};
/* The dry run tells the rest, and each question takes its time. */
static const struct kube_need first_needs[] = {
	NEED("create", "apps", "deployments"),
	NEED("patch", "apps", "deployments"),
	NEED("delete", "apps", "deployments"),
	NEED("patch", "", "configmaps"),
	NEED("list", "", "pods"),
	NEED("get", "", "pods/proxy"),
	NEED("create", "", "pods/proxy"),
	{ 0 },
};
static const char *const groups[] = { "apps", NULL };
static const struct kube_questions questions = { needs, groups };
static const struct kube_questions first_questions = { first_needs, groups };

static int
kubernetes_open(void *st, const struct target *t, struct err *e)
{
	return cluster_open(st, t, CLUSTER_KUBERNETES, e);
}

static int
kubernetes_render(const struct target *t, const struct rollout *q, struct buf *ret, struct err *e)
{
	return cluster_render(t, CLUSTER_KUBERNETES, q, ret, e);
}

static int
kubernetes_probe(void *st, struct target_facts *ret, struct err *e)
{
	return cluster_probe(st, "kubernetes", ret, e);
}

static int
kubernetes_describe(void *st, json_t **ret, struct err *e)
{
	return cluster_describe(st, &questions, ret, e);
}

static int
kubernetes_preflight(void *st, const struct rollout *q, struct findings *ret, struct err *e)
{
	return cluster_preflight(st, q, &first_questions, ret, e);
}

const struct deploy_driver driver_kubernetes = {
	.name = "kubernetes",
	.state_size = sizeof(struct cluster),
	.open = kubernetes_open,
	.probe = kubernetes_probe,
	.describe = kubernetes_describe,
	.preflight = kubernetes_preflight,
	.render = kubernetes_render,
	.preview = cluster_preview,
	.stage = cluster_stage,
	.apply = cluster_apply,
	.observe = cluster_observe,
	.abort = cluster_abort,
	.rollback_to = cluster_rollback_to,
	.set_weight = kubernetes_set_weight,
	.look_canary = kubernetes_look_canary,
	.traffic = cluster_traffic,
	.promote = cluster_apply,
	.smoke = cluster_smoke,
	.instances = cluster_instances,
	.logs = cluster_logs,
	.release = kubernetes_release,
	.close = cluster_close,
};
