/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revisions of an InferenceService in Knative mode: which one is newest, what it gets of the
 * requests, and how a newcomer gets a part. The service itself carries the newcomer then, so going
 * back repairs the spec and not only the weight.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

#define NAME_MAX_ 100

void
kserve_revision(const json_t *live, struct cluster_names *ret)
{
	const char *name = kube_text(live, "status.components.predictor.latestCreatedRevision");

	ret->deployment[0] = '\0';
	ret->service[0] = '\0';
	/* no pod has an empty label */
	(void)snprintf(ret->selector, sizeof ret->selector, "serving.knative.dev/revision=%.*s",
	               NAME_MAX_, *name ? name : "none");
	if (!*name || strlen(name) > NAME_MAX_)
		return;
	(void)snprintf(ret->deployment, sizeof ret->deployment, "%.*s-deployment", NAME_MAX_, name);
	(void)snprintf(ret->service, sizeof ret->service, "%.*s", NAME_MAX_, name);
}

bool
kserve_share(const json_t *live, unsigned *ret)
{
	const char *newest = kube_text(live, "status.components.predictor.latestCreatedRevision");
	const json_t *one;
	unsigned sum = 0;
	size_t i;

	if (!json_is_array(kube_at(live, "status.components.predictor.traffic")))
		return false;
	json_array_foreach(kube_at(live, "status.components.predictor.traffic"), i, one)
	{
		const int64_t percent = kube_number(one, "percent", 0);

		if (streq(kube_text(one, "revisionName"), newest) && percent > 0 && percent <= 100)
			sum += (unsigned)percent;
	}
	*ret = sum;
	return true;
}

int
kserve_set_weight(void *st, const struct rollout *q, struct str rendered, unsigned percent,
                  const struct precondition *p, struct err *e)
{
	cleanup_json json_t *j = NULL;
	cleanup_buf struct buf with = { 0 };
	json_t *spec;
	int rc;

	if (((struct cluster *)st)->s.canary == CANARY_LIST)
		return kserve_set_newcomer(st, q, rendered, percent, p, e);
	rc = json_parse(rendered, "rendered objects", &j, e);
	if (rc < 0)
		return rc;
	spec = json_object_get(json_array_get(json_object_get(j, "apply"), 0), "spec");
	json_object_set_new(json_object_get(spec, "predictor"), "canaryTrafficPercent",
	                    json_integer((json_int_t)percent));
	json_canonical(j, &with);
	return cluster_carry_out(st, q, buf_str(&with), p, e);
}

/* Its own Deployment and pods; the service's words say what is wrong with the revision. */
static int
look_at_revision(struct cluster *c, const json_t *live, const struct cluster_names *n,
                 struct canary *ret, struct err *e)
{
	const struct kube_when w = { kube_now_s(c->k), KUBE_GRACE_S };
	cleanup_json json_t *named =
	        cluster_named(cluster_namespace(c->t), "apps/v1", "Deployment", n->deployment);
	cleanup_json json_t *deployment = NULL, *pods = NULL;
	struct kube_look l;
	int rc;

	rc = cluster_get(c, named, &deployment, e);
	if (rc == 0)
		rc = cluster_pods(c, n, &pods, e);
	if (rc < 0)
		return rc;
	kube_isvc_look(live, deployment, json_object_get(pods, "items"), &w, &l);
	cluster_newcomer_is(&l, ret);
	return 0;
}

int
kserve_look_canary(void *st, const struct rollout *q, struct canary *ret, struct err *e)
{
	struct cluster *c = st;
	cleanup_json json_t *named = NULL, *live = NULL;
	struct cluster_names n;
	struct cluster_stamp s;
	int rc;

	*ret = (struct canary){ .status = ROLLOUT_PROGRESSING };
	rc = cluster_names(c, q->model, &n, e);
	if (rc == 0)
		rc = cluster_kube(c, e);
	if (rc < 0)
		return rc;
	named = cluster_object(c, &n);
	rc = cluster_get(c, named, &live, e);
	if (rc < 0)
		return rc;
	if (c->s.canary == CANARY_LIST)
		return kserve_look_newcomer(c, q, live, &n, ret, e);
	cluster_stamp_of(live, &s);
	if (!s.is_ours || !digest_eq(&s.version, &q->version)) {
		(void)snprintf(ret->reason, sizeof ret->reason, "the newcomer is not there");
		return 0;
	}
	kserve_revision(live, &n);
	ret->percent_known = kserve_share(live, &ret->percent);
	if (!n.deployment[0]) {
		(void)snprintf(ret->reason, sizeof ret->reason, "it has no revision yet");
		return 0;
	}
	return look_at_revision(c, live, &n, ret, e);
}
