/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods for people: which there are, in which state, of which version, and what they print.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"
#include "registry/base/clock.h"
#include "registry/base/vec.h"

#define PODS_MAX  2000
#define FOLLOW_MS (365ull * 24 * 3600 * 1000)
#define LOG_MS    30000u

/* All pods of ours in the namespace: without a model's name there is no other selector. */
static int
our_pods(struct cluster *c, json_t **ret, struct err *e)
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
	cleanup_json json_t *pods = NULL;
	const json_t *pod;
	size_t i;
	int rc;

	rc = our_pods(st, &pods, e);
	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(pods, "items"), i, pod)
	{
		const struct kube_when w = { clock_now_s(), KUBE_GRACE_S };
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

struct log_lines {
	line_fn *fn;
	void *arg;
};

static int
pass_line(void *arg, struct str line, struct err *e)
{
	const struct log_lines *l = arg;

	(void)e;
	return l->fn(l->arg, line);
}

static const char *
server_container(const json_t *pod)
{
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(pod, "spec.containers"), i, one)
	{
		const char *name = kube_text(one, "name");

		if (streq(name, "server") || streq(name, "kserve-container"))
			return name;
	}
	return kube_text(json_array_get(kube_at(pod, "spec.containers"), 0), "name");
}

static int
log_of(struct cluster *c, const json_t *pod, const struct log_query *q, struct log_lines *l,
       struct err *e)
{
	cleanup_buf struct buf path = { 0 }, query = { 0 };

	kube_path(&path, "", "v1", cluster_namespace(c->t), "pods", kube_text(pod, "metadata.name"),
	          NULL);
	buf_adds(&query, "container=");
	http_escape(&query, server_container(pod));
	if (q->tail_lines)
		buf_addf(&query, "&tailLines=%llu", (unsigned long long)q->tail_lines);
	if (q->previous)
		buf_adds(&query, "&previous=true");
	if (q->follow)
		buf_adds(&query, "&follow=true");
	return kube_log(c->k, buf_cstr(&path), buf_cstr(&query),
	                clock_mono_ms() + (q->follow ? FOLLOW_MS : LOG_MS), pass_line, l, e);
}

static bool
is_asked(const json_t *pod, const struct log_query *q)
{
	struct cluster_stamp stamp;

	cluster_stamp_of(pod, &stamp);
	return (!q->instance || streq(q->instance, kube_text(pod, "metadata.name"))) &&
	       (!q->model || streq(q->model, stamp.model));
}

int
cluster_logs(void *st, const struct log_query *q, line_fn *fn, void *arg, struct err *e)
{
	struct log_lines l = { fn, arg };
	cleanup_json json_t *pods = NULL;
	const json_t *pod;
	bool any = false;
	size_t i;
	int rc;

	rc = our_pods(st, &pods, e);
	json_array_foreach(json_object_get(pods, "items"), i, pod)
	{
		if (rc != 0 || !is_asked(pod, q))
			continue;
		any = true;
		rc = log_of(st, pod, q, &l, e);
	}
	if (rc == 0 && !any)
		return err_set(e, ERR_NOT_FOUND, "there is no such pod");
	return rc;
}
