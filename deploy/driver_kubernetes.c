/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target "kubernetes": a Deployment and a Service, with the model as an image volume, from a
 * claim or through a loader. What is done is driver_cluster*.c; here is what it can and what it
 * needs.
 */
#include "deploy/driver_cluster.h"

#define ROUTES "gateway.networking.k8s.io"
#define NEEDS                                                                                      \
	CLUSTER_NEED("get", "apps", "deployments"), CLUSTER_NEED("create", "apps", "deployments"), \
	        CLUSTER_NEED("patch", "apps", "deployments"),                                      \
	        CLUSTER_NEED("delete", "apps", "deployments"),                                     \
	        CLUSTER_NEED("get", "", "services"), CLUSTER_NEED("create", "", "services"),       \
	        CLUSTER_NEED("patch", "", "services"), CLUSTER_NEED("delete", "", "services"),     \
	        CLUSTER_NEEDS
static const struct kube_need all[] = { NEEDS, { 0 } };
static const struct kube_need all_with_route[] = {
	NEEDS,
	CLUSTER_NEED("get", ROUTES, "httproutes"),
	CLUSTER_NEED("patch", ROUTES, "httproutes"),
	{ 0 },
};
static const struct kube_need first[] = {
	CLUSTER_NEED("create", "apps", "deployments"),
	CLUSTER_NEED("patch", "apps", "deployments"),
	CLUSTER_NEED("delete", "apps", "deployments"),
	CLUSTER_FIRST_NEEDS,
	{ 0 },
};
static const char *const groups[] = { "apps", NULL };
static const char *const no_groups[] = { NULL }; /* every cluster has it */
static const char *const groups_with_route[] = { "apps", ROUTES, NULL };
static const struct cluster_about about = {
	.name = "kubernetes",
	.kind = CLUSTER_KUBERNETES,
	.all = { all, groups },
	.first = { first, no_groups },
};
/* A route is asked about where it is needed: a plan without steps needs none. */
static const struct cluster_about about_route = {
	.name = "kubernetes",
	.kind = CLUSTER_KUBERNETES,
	.all = { all_with_route, groups_with_route },
	.first = { first, no_groups },
};

static int
kubernetes_open(void *st, const struct target *t, struct err *e)
{
	struct cluster *c = st;
	int rc = cluster_open(st, t, &about, e);

	if (rc == 0 && c->s.canary == CANARY_ROUTE)
		c->about = &about_route;
	return rc;
}

static int
kubernetes_render(const struct target *t, const struct rollout *q, struct buf *ret, struct err *e)
{
	return cluster_render(t, CLUSTER_KUBERNETES, q, ret, e);
}

const struct deploy_driver driver_kubernetes = {
	.name = "kubernetes",
	.state_size = sizeof(struct cluster),
	.open = kubernetes_open,
	.probe = cluster_probe,
	.describe = cluster_describe,
	.preflight = cluster_preflight,
	.render = kubernetes_render,
	.preview = cluster_preview,
	.images = cluster_images,
	.fetches = cluster_fetches,
	.stage = cluster_stage,
	.apply = cluster_apply,
	.observe = cluster_observe,
	.drift = cluster_drift,
	.abort = cluster_abort,
	.rollback_to = cluster_rollback_to,
	.set_weight = kubernetes_set_weight,
	.look_canary = kubernetes_look_canary,
	.traffic = cluster_traffic,
	.promote = cluster_apply,
	.smoke = cluster_smoke,
	.instances = cluster_instances,
	.events = cluster_events,
	.logs = cluster_logs,
	.watch_place = cluster_watch_place,
	.watch = cluster_watch,
	.release = kubernetes_release,
	.close = cluster_close,
};
