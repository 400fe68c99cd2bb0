/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pods of one side have answered, summed from their own /metrics unless the target has a
 * Prometheus. A pod that says nothing makes the whole unknown: half a side is no side.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

#define ASK_MS 5000u

static int
add_pod(struct cluster *c, const char *name, const char *model, struct traffic *ret, struct err *e)
{
	const uint64_t port = c->s.metrics_port ? c->s.metrics_port : c->s.port;
	cleanup_free char *at = xasprintf("%s:%" PRIu64, name, port);
	cleanup_response struct http_response r = { 0 };
	cleanup_buf struct buf path = { 0 };
	char safe[128];
	int rc;

	kube_path(&path, "", "v1", cluster_namespace(c->t), "pods", at, "proxy/metrics");
	rc = kube_proxy(c->k, "GET", buf_cstr(&path), NULL, (struct str){ 0 }, ASK_MS, &r, e);
	if (rc < 0)
		return rc;
	if (r.status == 200 && cluster_metrics(buf_str(&r.body), model, ret))
		return 0;
	kube_safe(safe, sizeof safe, name);
	return err_set(e, ERR_NOT_FOUND,
	               "pod \"%s\" counts no requests at :%" PRIu64
	               "/metrics (setting metrics-port)",
	               safe, port);
}

int
cluster_side_pods(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                  bool newcomer, json_t **ret, struct err *e)
{
	cleanup_json json_t *all = NULL;
	char hex[DIGEST_HEX_SIZE];
	json_t *pod;
	size_t i;
	int rc = cluster_all_pods(c, n, &all, e);

	if (rc < 0)
		return rc;
	digest_hex(&q->version, hex);
	*ret = json_array();
	json_array_foreach(json_object_get(all, "items"), i, pod)
	{
		if (!kube_pod_is_over(pod) && cluster_is_of_version(pod, hex) == newcomer)
			json_array_append(*ret, pod);
	}
	return 0;
}

static int
ask_pods(struct cluster *c, const struct rollout *q, const struct cluster_names *n, bool newcomer,
         struct traffic *ret, struct err *e)
{
	cleanup_json json_t *pods = NULL;
	const json_t *pod;
	size_t i;
	int rc = cluster_side_pods(c, q, n, newcomer, &pods, e);

	if (rc < 0)
		return rc;
	json_array_foreach(pods, i, pod)
	{
		rc = add_pod(c, kube_text(pod, "metadata.name"),
		             c->s.model_name ? c->s.model_name : n->object, ret, e);
		if (rc < 0) {
			*ret = (struct traffic){ 0 };
			(void)snprintf(ret->why, sizeof ret->why, "%.255s", e->msg);
			err_clear(e);
			return 0;
		}
	}
	ret->known = ret->replicas > 0;
	if (!ret->known)
		(void)snprintf(ret->why, sizeof ret->why, "no pod of %s could be asked",
		               newcomer ? "the newcomer" : "what is stable");
	(void)snprintf(ret->source, sizeof ret->source, "/metrics of %u pod%s", ret->replicas,
	               ret->replicas == 1 ? "" : "s");
	return 0;
}

int
cluster_traffic(void *st, const struct rollout *q, bool newcomer, struct traffic *ret,
                struct err *e)
{
	struct cluster *c = st;
	struct cluster_names n;
	int rc;

	*ret = (struct traffic){ 0 };
	rc = cluster_names(c, q->model, &n, e);
	if (rc == 0)
		rc = cluster_kube(c, e);
	if (rc < 0)
		return rc;
	return c->s.prometheus ? cluster_prometheus(c, q, &n, newcomer, ret, e)
	                       : ask_pods(c, q, &n, newcomer, ret, e);
}
