/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A newcomer in KServe's Standard mode: an entry of spec.canary beside a predictor that is not
 * touched. The service's own metadata stays that of the stable version, as it is copied to the pods
 * and would restart them, so the newcomer's stamps are on its entry. KServe lists a newcomer in its
 * HTTPRoute once it is ready, and gives its share back in silence when it is not: the route tells.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

#define CHILD_MAX 63 /* name of a Service */

static const json_t *
entry_of(const json_t *live)
{
	return kube_at(json_array_get(kube_at(live, "spec.canary"), 0), "predictor");
}

/* What stands on the newcomer, as on an object. */
static void
newcomer_stamp(const json_t *live, struct cluster_stamp *ret)
{
	const json_t *entry = entry_of(live);
	cleanup_json json_t *as_object = NULL;
	json_t *notes = json_object_get(entry, "annotations");

	if (notes)
		as_object = json_pack("{s:{s:O}}", "metadata", "annotations", notes);
	cluster_stamp_of(as_object, ret);
	ret->exists = entry != NULL;
}

void
kserve_newcomer_plan(const json_t *live, char ret[DIGEST_HEX_SIZE])
{
	struct cluster_stamp s;

	newcomer_stamp(live, &s);
	ret[0] = '\0';
	if (s.is_ours)
		(void)str_copy(ret, DIGEST_HEX_SIZE, s.plan_id);
}

/* As many as its share of the stable ones, and at most so many: KServe allows no more. */
uint64_t
kserve_newcomers(uint64_t stable, unsigned percent)
{
	const uint64_t n = (stable * percent + 99) / 100;

	return n > 0 ? n : 1;
}

static json_t *
stamped(const json_t *metadata, const char *key, const struct rollout *q, size_t n)
{
	json_t *const o = json_deep_copy(json_object_get(metadata, key));

	json_object_del(o, "serving.kserve.io/deploymentMode");
	if (q->plan_id)
		json_object_set_new(o, CLUSTER_PLAN,
		                    json_stringn(q->plan_id, strnlen(q->plan_id, n)));
	return o;
}

json_t *
kserve_with_newcomer(const json_t *stable, const json_t *rendered, const struct rollout *q,
                     unsigned percent)
{
	const json_t *metadata = json_object_get(rendered, "metadata");
	json_t *o = json_deep_copy(stable),
	       *p = json_deep_copy(kube_at(rendered, "spec.predictor"));
	json_t *model = json_object_get(p, "model");
	const int64_t replicas = kube_number(stable, "spec.predictor.minReplicas", 1);
	char name[32];

	(void)snprintf(name, sizeof name, "v%" PRIu64, q->number);
	json_object_set_new(p, "name", json_string(name));
	json_object_set_new(p, "minReplicas",
	                    json_integer((json_int_t)kserve_newcomers(
	                            replicas > 0 ? (uint64_t)replicas : 1, percent)));
	if (model && !json_object_get(model, "resources")) /* as the webhook writes it */
		json_object_set_new(model, "resources", json_object());
	json_object_set_new(p, "labels", stamped(metadata, "labels", q, CLUSTER_LABEL));
	json_object_set_new(p, "annotations", stamped(metadata, "annotations", q, DIGEST_HEX_SIZE));
	json_object_set_new(
	        json_object_get(o, "spec"), "canary",
	        json_pack("[{s:o, s:i}]", "predictor", p, "trafficPercent", (int)percent));
	return o;
}

/* --- at the cluster --- */

/* The service and what our last apply said of it, without a newcomer. */
static int
read_stable(struct cluster *c, const struct cluster_names *n, json_t **ret_live, json_t **ret,
            struct err *e)
{
	cleanup_json json_t *named = cluster_object(c, n);
	int rc = cluster_get(c, named, ret_live, e);

	if (rc < 0)
		return rc;
	*ret = *ret_live ? kube_extract(*ret_live, KUBE_FIELD_MANAGER) : NULL;
	if (!*ret)
		return err_set(e, ERR_CONFLICT,
		               "InferenceService \"%s\": none of its fields are Slipway's",
		               n->object);
	json_object_del(json_object_get(*ret, "spec"), "canary");
	return 0;
}

static int
check_free(const json_t *live, const struct rollout *q, struct err *e)
{
	struct cluster_stamp s;

	newcomer_stamp(live, &s);
	if (json_array_size(kube_at(live, "spec.canary")) <= 1 &&
	    (!s.exists || (s.is_ours && q->plan_id && streq(s.plan_id, q->plan_id))))
		return 0;
	return err_set(e, ERR_CONFLICT, "\"%s\" has another newcomer already",
	               kube_text(live, "metadata.name"));
}

/* Stamps of no plan: the stable ones stay as they are. */
static struct rollout
as_it_was(const struct rollout *q)
{
	return (struct rollout){ .registry_id = q->registry_id, .model = q->model };
}

int
kserve_set_newcomer(struct cluster *c, const struct rollout *q, struct str rendered,
                    unsigned percent, const struct precondition *p, struct err *e)
{
	cleanup_json json_t *j = NULL, *live = NULL, *stable = NULL, *o = NULL;
	const struct rollout was = as_it_was(q);
	struct cluster_names n;
	struct cluster_stamp s;
	int rc;

	rc = json_parse(rendered, "rendered objects", &j, e);
	if (rc == 0)
		rc = cluster_names(c, q->model, &n, e);
	if (rc == 0)
		rc = cluster_kube(c, e);
	if (rc == 0)
		rc = read_stable(c, &n, &live, &stable, e);
	if (rc < 0)
		return rc;
	cluster_stamp_of(live, &s);
	rc = cluster_is_as(&s, n.object, q, p, e);
	if (rc != 0) /* 1: it has all already */
		return rc < 0 ? rc : 0;
	rc = check_free(live, q, e);
	if (rc < 0)
		return rc;
	o = kserve_with_newcomer(stable, json_array_get(json_object_get(j, "apply"), 0), q,
	                         percent);
	return cluster_send(c, &was, p, o, e);
}

int
kserve_drop_newcomer(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                     struct err *e)
{
	cleanup_json json_t *named = cluster_object(c, n), *live = NULL, *stable = NULL;
	const struct rollout was = as_it_was(q);
	struct cluster_stamp s;
	int rc;

	if (c->s.canary != CANARY_LIST)
		return 0;
	rc = cluster_get(c, named, &live, e);
	newcomer_stamp(live, &s);
	/* somebody else's stays */
	if (rc < 0 || !s.is_ours || !streq(s.model, q->model) || !streq(s.registry, q->registry_id))
		return rc;
	json_decref(live);
	live = NULL;
	rc = read_stable(c, n, &live, &stable, e);
	return rc < 0 ? rc : cluster_send(c, &was, NULL, stable, e);
}

static json_t *
route_name(const struct cluster *c, const struct cluster_names *n)
{
	return cluster_named(cluster_namespace(c->t), "gateway.networking.k8s.io/v1", "HTTPRoute",
	                     n->service);
}

static int
look_at_share(struct cluster *c, const struct cluster_names *n, const char *service,
              struct canary *ret, struct err *e)
{
	cleanup_json json_t *named = route_name(c, n), *route = NULL;
	char why[256] = "";
	int rc = cluster_get(c, named, &route, e);

	if (rc < 0)
		return rc;
	ret->percent_known = cluster_route_share(route, NULL, service, &ret->percent, why);
	if (ret->percent_known || ret->status != ROLLOUT_SUCCEEDED)
		return 0;
	ret->status = ROLLOUT_PROGRESSING;
	(void)snprintf(ret->reason, sizeof ret->reason, "HTTPRoute \"%s\": %s", n->service, why);
	return 0;
}

/* Its controller has made pods of this very newcomer. */
static bool
follows(const json_t *deployment, const struct rollout *q)
{
	const char *plan = json_opt_string(
	        kube_at(deployment, "spec.template.metadata.annotations"), CLUSTER_PLAN);

	return plan && q->plan_id && streq(plan, q->plan_id);
}

static int
look_at_pods(struct cluster *c, const struct rollout *q, struct cluster_names *n, const char *child,
             struct canary *ret, struct err *e)
{
	const struct kube_when w = { kube_now_s(c->k), KUBE_GRACE_S };
	cleanup_json json_t *named =
	        cluster_named(cluster_namespace(c->t), "apps/v1", "Deployment", child);
	cleanup_json json_t *deployment = NULL, *pods = NULL;
	struct kube_look l;
	int rc = cluster_get(c, named, &deployment, e);

	if (rc < 0)
		return rc;
	if (!follows(deployment, q)) {
		(void)snprintf(ret->reason, sizeof ret->reason,
		               "its controller has not taken the newcomer up yet");
		return 0;
	}
	(void)snprintf(n->selector, sizeof n->selector, "app=isvc.%s", child);
	rc = cluster_pods(c, n, &pods, e);
	if (rc < 0)
		return rc;
	kube_deployment_look(deployment, json_object_get(pods, "items"), &w, &l);
	cluster_newcomer_is(&l, ret);
	return 0;
}

int
kserve_look_newcomer(struct cluster *c, const struct rollout *q, const json_t *live,
                     struct cluster_names *n, struct canary *ret, struct err *e)
{
	char child[128];
	struct cluster_stamp s, main_stamp;
	int rc;

	cluster_stamp_of(live, &main_stamp);
	if (main_stamp.is_ours && q->plan_id && streq(main_stamp.plan_id, q->plan_id)) {
		ret->took_all = true;
		(void)snprintf(ret->reason, sizeof ret->reason, "it is no newcomer any more");
		return 0;
	}
	newcomer_stamp(live, &s);
	if (!s.is_ours || !digest_eq(&s.version, &q->version)) {
		(void)snprintf(ret->reason, sizeof ret->reason, "the newcomer is not there");
		ret->percent_known = true;
		return 0;
	}
	(void)snprintf(child, sizeof child, "%s-v%" PRIu64 "-predictor", n->object, q->number);
	rc = look_at_pods(c, q, n, child, ret, e);
	return rc < 0 ? rc : look_at_share(c, n, child, ret, e);
}

/* --- before --- */

/* KServe lays an entry over the stable predictor, so what the newcomer does not say it inherits.
 * The first such field; NULL: none. */
static const char *
inherited(const json_t *from, const json_t *to)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)from, key, v)
	{
		if (!json_object_get(to, key))
			return key;
	}
	return NULL;
}

static const char *
any_inherited(const json_t *stable, const json_t *rendered)
{
	static const char *const maps[] = { "spec.predictor", "spec.predictor.model" };
	const char *key = NULL;

	for (size_t i = 0; !key && i < COUNT(maps); i++)
		key = inherited(kube_at(stable, maps[i]), kube_at(rendered, maps[i]));
	return key;
}

static int
check_route(struct cluster *c, const struct cluster_names *n, struct findings *ret, struct err *e)
{
	static const char hint[] = "have KServe's ingress use the Gateway API, or plan it "
	                           "without --steps";
	cleanup_json json_t *named = route_name(c, n), *route = NULL;
	int rc = cluster_get(c, named, &route, e);

	if (rc == -ERR_DENIED) {
		err_clear(e);
		findings_add(ret, FINDING_BLOCK, "route", "have the administrator allow it",
		             "nobody could tell who gets what: this user may not get httproutes");
		return 0;
	}
	if (rc == 0 && !route)
		findings_add(ret, FINDING_BLOCK, "route", hint,
		             "KServe has made no HTTPRoute \"%s\", and without one it shares no "
		             "requests",
		             n->service);
	return rc;
}

static int
check_entry(struct cluster *c, const struct rollout *q, const json_t *live, struct findings *ret,
            struct err *e)
{
	cleanup_json json_t *wanted = NULL, *stable = kube_extract(live, KUBE_FIELD_MANAGER);
	const struct rollout was = as_it_was(q);
	cleanup_json json_t *o = NULL;
	const json_t *rendered;
	const char *key;
	int rc = cluster_wanted(c, q, &wanted, e);

	if (rc < 0 || !stable) /* none of ours: another finding says so */
		return rc;
	rendered = json_array_get(json_object_get(wanted, "apply"), 0);
	key = any_inherited(stable, rendered);
	if (key)
		findings_add(ret, FINDING_BLOCK, "inherited", "plan it without --steps",
		             "the newcomer would inherit \"%s\" from the stable one", key);
	o = kserve_with_newcomer(stable, rendered, q, q->steps[q->steps_n - 1].percent);
	return cluster_try(c, &was, o, ret, e);
}

int
kserve_check_steps(struct cluster *c, const struct rollout *q, const json_t *live,
                   struct findings *ret, struct err *e)
{
	struct cluster_names n;
	char child[128];
	int rc;

	if (q->steps_n == 0 || !live || c->s.canary != CANARY_LIST)
		return 0;
	rc = cluster_names(c, q->model, &n, e);
	if (rc < 0)
		return rc;
	(void)snprintf(child, sizeof child, "%s-v%" PRIu64 "-predictor", n.object, q->number);
	if (strlen(child) > CHILD_MAX) {
		findings_add(ret, FINDING_BLOCK, "name", "give the target a shorter --object",
		             "\"%s\" is too long for the newcomer's Service", child);
		return 0;
	}
	if (json_array_size(kube_at(live, "spec.canary")) > 0)
		findings_add(ret, FINDING_BLOCK, "newcomer",
		             "end that job first: slipway job list, or remove the entry there",
		             "\"%s\" has a newcomer already", n.object);
	rc = check_route(c, &n, ret, e);
	return rc < 0 ? rc : check_entry(c, q, live, ret, e);
}
