/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods for people: which there are, in which state and of which version.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"
#include "registry/base/vec.h"

#define PODS_MAX 2000

int
cluster_our_pods(struct cluster *c, json_t **ret, struct err *e)
{
	cleanup_buf struct buf path = { 0 }, query = { 0 };
	int rc;

	rc = cluster_kube(c, e);
	if (rc < 0)
		return rc;
	kube_path(&path, "", "v1", cluster_namespace(c->t), "pods", NULL, NULL);
	buf_adds(&query, "labelSelector=");
	http_escape(&query, CLUSTER_VERSION);
	if (c->t->object) {
		http_escape(&query, ",app.kubernetes.io/name=");
		http_escape(&query, c->t->object);
	}
	return kube_list(c->k, buf_cstr(&path), buf_cstr(&query), PODS_MAX, ret, e);
}

int
cluster_instances(void *st, struct instances *ret, struct err *e)
{
	struct cluster *const c = st;
	cleanup_json json_t *pods = NULL;
	const json_t *pod;
	size_t i;
	int rc;

	rc = cluster_our_pods(c, &pods, e);
	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(pods, "items"), i, pod)
	{
		const struct kube_when w = { kube_now_s(c->k), KUBE_GRACE_S };
		__typeof__(*ret->v) one = { 0 };
		struct cluster_stamp stamp;
		struct kube_look look;

		kube_pod_look(pod, &w, &look);
		cluster_stamp_of(pod, &stamp);
		(void)snprintf(one.name, sizeof one.name, "%s", look.pod);
		(void)snprintf(one.state, sizeof one.state, "%.31s",
		               look.status == ROLLOUT_SUCCEEDED ? "ready"
		               : look.code[0]                   ? look.code
		                                                : "starting");
		one.version_known = stamp.is_ours;
		one.version = stamp.version;
		vec_push(ret, one);
	}
	return 0;
}
