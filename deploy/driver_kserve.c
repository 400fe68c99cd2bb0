/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target "kserve": an InferenceService, in Standard mode looked at through the Deployment that
 * KServe makes of it. What is done is driver_cluster*.c; here is what it can and what it needs.
 */
#include "deploy/driver_cluster.h"

static const struct kube_need all[] = {
	CLUSTER_NEED("get", "serving.kserve.io", "inferenceservices"),
	CLUSTER_NEED("create", "serving.kserve.io", "inferenceservices"),
	CLUSTER_NEED("patch", "serving.kserve.io", "inferenceservices"),
	CLUSTER_NEED("delete", "serving.kserve.io", "inferenceservices"),
	CLUSTER_NEED("get", "apps", "deployments"),
	CLUSTER_NEEDS,
	CLUSTER_NEED("get", "serving.kserve.io", "servingruntimes"),
	{ .verb = "get",
	  .group = "serving.kserve.io",
	  .resource = "clusterservingruntimes",
	  .cluster_wide = true },
	{ 0 },
};
static const struct kube_need first[] = {
	CLUSTER_NEED("create", "serving.kserve.io", "inferenceservices"),
	CLUSTER_NEED("patch", "serving.kserve.io", "inferenceservices"),
	CLUSTER_NEED("delete", "serving.kserve.io", "inferenceservices"),
	CLUSTER_FIRST_NEEDS,
	{ 0 },
};
static const char *const groups[] = { "serving.kserve.io", "apps", NULL };
static const struct cluster_about about = {
	.name = "kserve",
	.kind = CLUSTER_KSERVE,
	.all = { all, groups },
	.first = { first, groups },
};

static int
kserve_open(void *st, const struct target *t, struct err *e)
{
	return cluster_open(st, t, &about, e);
}

static int
kserve_render(const struct target *t, const struct rollout *q, struct buf *ret, struct err *e)
{
	return cluster_render(t, CLUSTER_KSERVE, q, ret, e);
}

const struct deploy_driver driver_kserve = {
	.name = "kserve",
	.state_size = sizeof(struct cluster),
	.open = kserve_open,
	.probe = cluster_probe,
	.describe = cluster_describe,
	.preflight = cluster_preflight,
	.render = kserve_render,
	.preview = cluster_preview,
	.images = cluster_images,
	.fetches = cluster_fetches,
	.stage = cluster_stage,
	.apply = cluster_apply,
	.observe = cluster_observe,
	.drift = cluster_drift,
	.abort = cluster_abort,
	.rollback_to = cluster_rollback_to,
	.set_weight = kserve_set_weight,
	.look_canary = kserve_look_canary,
	.traffic = cluster_traffic,
	.promote = cluster_apply,
	.smoke = cluster_smoke,
	.instances = cluster_instances,
	.events = cluster_events,
	.logs = cluster_logs,
	.watch_place = cluster_watch_place,
	.watch = cluster_watch,
	.close = cluster_close,
};
