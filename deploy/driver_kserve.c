/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target "kserve": an InferenceService, in Standard mode looked at through the Deployment that
 * KServe makes of it. What is done is driver_cluster*.c; here is what it can and what it needs.
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
	NEED("get", "serving.kserve.io", "inferenceservices"),
	NEED("create", "serving.kserve.io", "inferenceservices"),
	NEED("patch", "serving.kserve.io", "inferenceservices"),
	NEED("delete", "serving.kserve.io", "inferenceservices"),
	NEED("get", "apps", "deployments"),
	NEED("get", "", "configmaps"),
	NEED("create", "", "configmaps"),
	NEED("patch", "", "configmaps"),
	NEED("delete", "", "configmaps"),
	NEED("list", "", "pods"),
	NEED("get", "", "pods/log"),
	NEED("get", "", "pods/proxy"),
	NEED("create", "", "pods/proxy"),
	NEED("list", "", "events"),
	NEED("get", "serving.kserve.io", "servingruntimes"),
	{ .verb = "get",
	  .group = "serving.kserve.io",
	  .resource = "clusterservingruntimes",
	  .cluster_wide = true },
	{ 0 },
};
/* The dry run tells the rest, and each question takes its time. */
static const struct kube_need first_needs[] = {
	NEED("create", "serving.kserve.io", "inferenceservices"),
	NEED("patch", "serving.kserve.io", "inferenceservices"),
	NEED("delete", "serving.kserve.io", "inferenceservices"),
	NEED("patch", "", "configmaps"),
	NEED("list", "", "pods"),
	NEED("get", "", "pods/proxy"),
	NEED("create", "", "pods/proxy"),
	{ 0 },
};
static const char *const groups[] = { "serving.kserve.io", "apps", NULL };
static const struct kube_questions questions = { needs, groups };
static const struct kube_questions first_questions = { first_needs, groups };

static int
kserve_open(void *st, const struct target *t, struct err *e)
{
	return cluster_open(st, t, CLUSTER_KSERVE, e);
}

static int
kserve_render(const struct target *t, const struct rollout *q, struct buf *ret, struct err *e)
{
	return cluster_render(t, CLUSTER_KSERVE, q, ret, e);
}

static int
kserve_probe(void *st, struct target_facts *ret, struct err *e)
{
	return cluster_probe(st, "kserve", ret, e);
}

static int
kserve_describe(void *st, json_t **ret, struct err *e)
{
	return cluster_describe(st, &questions, ret, e);
}

static int
kserve_preflight(void *st, const struct rollout *q, struct findings *ret, struct err *e)
{
	return cluster_preflight(st, q, &first_questions, ret, e);
}

const struct deploy_driver driver_kserve = {
	.name = "kserve",
	.state_size = sizeof(struct cluster),
	.open = kserve_open,
	.probe = kserve_probe,
	.describe = kserve_describe,
	.preflight = kserve_preflight,
	.render = kserve_render,
	.preview = cluster_preview,
	.stage = cluster_stage,
	.apply = cluster_apply,
	.observe = cluster_observe,
	.abort = cluster_abort,
	.rollback_to = cluster_rollback_to,
	.set_weight = kserve_set_weight,
	.look_canary = kserve_look_canary,
	.traffic = cluster_traffic,
	.promote = cluster_apply,
	.smoke = cluster_smoke,
	.instances = cluster_instances,
	.logs = cluster_logs,
	.close = cluster_close,
};
