/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares by the weights of an HTTPRoute that somebody else wrote: the target's setting says that
 * they are ours to set, and nothing else of it is. Its rules are one field to a cluster, so that
 * field is taken by force, of the very state that was looked at, and never from a tool that would
 * put it back. Who is not ready is sent nobody; who is still sent somebody is not taken away.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"
#include "registry/base/clock.h"

#define GROUP         "gateway.networking.k8s.io"
#define SEND_TRIES    5
#define TAKE_MS       60000u /* so long may a gateway need for the weights of the way back */
#define TAKE_LEAST_MS 3000u  /* also of a job that is late */
#define TAKE_LOOK_MS  250
#define RULES_FIELD   ".spec.rules"

static json_t *
route_name(const struct cluster *c)
{
	return cluster_named(cluster_namespace(c->t), GROUP "/v1", "HTTPRoute", c->s.route);
}

struct sides {
	char newcomer[CLUSTER_NAME_MAX + 16];
	struct cluster_sides v;
};

static void
sides_of(const char *object, struct sides *ret)
{
	(void)snprintf(ret->newcomer, sizeof ret->newcomer, "%s-canary", object);
	ret->v = (struct cluster_sides){ .stable = object, .newcomer = ret->newcomer };
}

/* Its rules alone: what an apply does not say stays whose it was. */
static json_t *
route_with(const struct cluster *c, json_t *rules)
{
	json_t *o = route_name(c);

	json_object_set_new(o, "spec", json_pack("{s:O}", "rules", rules));
	return o;
}

static const struct rollout *
taking(void)
{
	static const char *const fields[] = { RULES_FIELD };
	static const struct rollout q = { .take = fields, .take_n = COUNT(fields) };

	return &q;
}

/* --- writing --- */

/* Of the state that was looked at, or not at all. */
static int
send_rules(struct cluster *c, const json_t *live, json_t *rules, struct err *e)
{
	cleanup_json json_t *o = route_with(c, rules);
	cleanup_buf struct buf path = { 0 }, body = { 0 };
	struct kube_reply r = { 0 };
	int rc = cluster_path(o, &path, e);

	if (rc < 0)
		return rc;
	json_canonical(o, &body);
	struct kube_apply a = {
		.path = buf_cstr(&path),
		.body = buf_str(&body),
		.resource_version = kube_text(live, "metadata.resourceVersion"),
	};
	rc = kube_apply(c->k, &a, &r, e);
	if (rc == -ERR_CONFLICT && cluster_may_take(taking(), &r)) {
		kube_reply_fini(&r);
		err_clear(e);
		a.force = true;
		rc = kube_apply(c->k, &a, &r, e);
	}
	kube_reply_fini(&r);
	return rc;
}

static int
cannot(const struct cluster *c, const char *why, struct err *e)
{
	err_set(e, ERR_CONFLICT, "HTTPRoute \"%s\": %s", c->s.route, why);
	return err_hint(e, "its weights are read with: kubectl get httproute %s -o yaml",
	                c->s.route);
}

/* One try; 1: it is so now, 0: look again. */
static int
weigh_once(struct cluster *c, const struct cluster_sides *s, unsigned percent, struct err *e)
{
	cleanup_json json_t *named = route_name(c), *live = NULL, *rules = NULL;
	const char *owner;
	char why[256];
	int rc = cluster_get(c, named, &live, e);

	if (rc < 0)
		return rc;
	/* nobody is sent anywhere, so nobody is sent to the newcomer */
	if (percent == 0 && !cluster_route_lists(live, s->newcomer))
		return 1;
	if (!live)
		return cannot(c, "it is not there", e);
	owner = cluster_foreign_owner(live);
	if (owner && percent > 0) {
		(void)snprintf(why, sizeof why, "it is managed by %s, which would put it back",
		               owner);
		return cannot(c, why, e);
	}
	rules = cluster_route_weigh(live, s, percent, why);
	if (!rules)
		return cannot(c, why, e);
	if (json_equal(rules, kube_at(live, "spec.rules")))
		return 1;
	rc = send_rules(c, live, rules, e);
	/* it has moved, or nobody knows: the next look tells */
	return rc == -ERR_CONFLICT || rc == -ERR_OUTCOME_UNKNOWN ? 0 : rc < 0 ? rc : 1;
}

static int
weigh(struct cluster *c, const struct cluster_sides *s, unsigned percent, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < SEND_TRIES; i++) {
		err_clear(e);
		rc = weigh_once(c, s, percent, e);
	}
	if (rc == 0)
		return err_prefix(e, "HTTPRoute \"%s\"", c->s.route);
	return rc < 0 ? rc : 0;
}

int
kubernetes_route_weigh(struct cluster *c, const struct cluster_names *n, unsigned percent,
                       struct err *e)
{
	struct sides s;

	sides_of(n->object, &s);
	return weigh(c, &s.v, percent, e);
}

static uint64_t
taken_until(const struct rollout *q)
{
	const uint64_t now_ms = clock_mono_ms();
	const uint64_t least = now_ms + TAKE_LEAST_MS, most = now_ms + TAKE_MS;

	if (!q->deadline_ms || q->deadline_ms > most)
		return most;
	return q->deadline_ms < least ? least : q->deadline_ms;
}

/* A gateway that has not taken the weights sends requests as before. */
static int
await_back(struct cluster *c, const struct rollout *q, const struct cluster_sides *s, struct err *e)
{
	const uint64_t until_ms = taken_until(q);
	char why[256] = "";

	for (;;) {
		cleanup_json json_t *named = route_name(c), *live = NULL;
		unsigned percent = 0;
		int rc = cluster_get(c, named, &live, e);

		if (rc < 0 || !live)
			return rc;
		if (cluster_route_share(live, s->stable, s->newcomer, &percent, why) &&
		    percent == 0)
			return 0;
		if (percent > 0)
			(void)snprintf(why, sizeof why, "the newcomer gets %u%% again", percent);
		if (clock_mono_ms() >= until_ms)
			break;
		(void)poll(NULL, 0, TAKE_LOOK_MS);
	}
	err_set(e, ERR_OUTCOME_UNKNOWN,
	        "HTTPRoute \"%s\" sends nobody to the newcomer any more, and %s: the newcomer "
	        "stays",
	        c->s.route, why);
	return err_hint(e, "see to its gateway; then ask for the same again");
}

int
kubernetes_route_back(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                      struct err *e)
{
	cleanup_json json_t *named = route_name(c), *live = NULL;
	struct sides s;
	int rc = cluster_get(c, named, &live, e);

	sides_of(n->object, &s);
	/* what is not there sends nobody */
	if (rc < 0 || !live)
		return rc;
	rc = weigh(c, &s.v, 0, e);
	return rc < 0 ? rc : await_back(c, q, &s.v, e);
}

/* --- the newcomer's Service --- */

static json_t *
newcomer_service(const struct cluster *c, const struct cluster_names *n, const json_t *service)
{
	cleanup_json json_t *named = kubernetes_newcomer_name(c, n, "v1", "Service");
	json_t *o = json_deep_copy(service);

	json_object_set_new(json_object_get(o, "metadata"), "name",
	                    json_string(kube_text(named, "metadata.name")));
	json_object_set_new(json_object_get(json_object_get(o, "spec"), "selector"), CLUSTER_TRACK,
	                    json_string("canary"));
	return o;
}

int
kubernetes_route_services(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                          const json_t *service, struct err *e)
{
	cleanup_json json_t *o = newcomer_service(c, n, service), *live = NULL;
	int rc = cluster_get(c, o, &live, e);

	if (rc == 0 && live && !cluster_is_of_model(live, q))
		rc = err_set(e, ERR_CONFLICT,
		             "the Service \"%s\" is there already, and is not of this model",
		             kube_text(o, "metadata.name"));
	/* it may have taken the pods of both until now */
	if (rc == 0)
		rc = cluster_send(c, q, NULL, service, e);
	return rc < 0 ? rc : cluster_send(c, q, NULL, o, e);
}

/* --- looking --- */

int
kubernetes_route_look(struct cluster *c, const struct cluster_names *n, struct canary *ret,
                      struct err *e)
{
	cleanup_json json_t *named = route_name(c), *live = NULL;
	char why[256] = "";
	struct sides s;
	int rc = cluster_get(c, named, &live, e);

	if (rc < 0)
		return rc;
	sides_of(n->object, &s);
	ret->percent_known =
	        cluster_route_share(live, s.v.stable, s.v.newcomer, &ret->percent, why);
	ret->share_waits = ret->percent_known && ret->status == ROLLOUT_SUCCEEDED;
	if (ret->percent_known || ret->status != ROLLOUT_SUCCEEDED)
		return 0;
	ret->status = ROLLOUT_PROGRESSING;
	(void)snprintf(ret->reason, sizeof ret->reason, "HTTPRoute \"%s\": %s", c->s.route, why);
	return 0;
}

/* --- before --- */

/* 1: it is there; 0: why. */
static int
find_route(struct cluster *c, json_t **ret, char why[256], struct err *e)
{
	cleanup_json json_t *named = route_name(c), *group = NULL;
	int rc = cluster_get(c, named, ret, e);

	if (rc == -ERR_DENIED) {
		err_clear(e);
		(void)snprintf(why, 256, "this user may not get httproutes");
		return 0;
	}
	if (rc < 0 || *ret)
		return rc < 0 ? rc : 1;
	rc = kube_get(c->k, "/apis/" GROUP "/v1", &group, e);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	err_clear(e);
	if (rc < 0)
		(void)snprintf(why, 256, "the cluster does not know the API \"" GROUP "/v1\"");
	else
		(void)snprintf(why, 256, "there is no HTTPRoute \"%s\" in namespace \"%s\"",
		               c->s.route, cluster_namespace(c->t));
	return 0;
}

static int
may_weigh(struct cluster *c, char why[256], struct err *e)
{
	enum kube_may answer = KUBE_MAY_UNKNOWN;
	char server[256];
	int rc = kube_may(c->k, "patch", GROUP, "httproutes", cluster_namespace(c->t), c->s.route,
	                  &answer, server, e);

	if (rc < 0 || answer != KUBE_MAY_NOT)
		return rc < 0 ? rc : 1;
	(void)snprintf(why, 256, "this user may not patch httproutes");
	return 0;
}

/* Whose it is and how it is; object NULL: its rules are not looked at. */
static bool
is_weighable(const struct cluster *c, const json_t *live, const char *object, char why[256])
{
	const char *owner = cluster_foreign_owner(live);
	cleanup_json json_t *rules = NULL;
	char no[200] = "", rule[256] = "";
	struct sides s;

	if (owner)
		(void)snprintf(no, sizeof no, "it is managed by %s, which would put it back",
		               owner);
	else if (kube_at(live, "metadata.deletionTimestamp"))
		(void)snprintf(no, sizeof no, "it is being deleted");
	if (!no[0] && object) {
		sides_of(object, &s);
		rules = cluster_route_weigh(live, &s.v, 1, rule);
		if (!rules)
			(void)snprintf(no, sizeof no, "%.199s", rule);
	}
	if (!no[0] && !cluster_route_is_taken(live, rule))
		(void)snprintf(no, sizeof no, "%.199s", rule);
	if (no[0])
		(void)snprintf(why, 256, "HTTPRoute \"%.60s\": %.180s", c->s.route, no);
	return !no[0];
}

int
kubernetes_route_probe(struct cluster *c, char why[256], struct err *e)
{
	cleanup_json json_t *live = NULL;
	int rc = find_route(c, &live, why, e);

	if (rc == 1)
		rc = may_weigh(c, why, e);
	return rc <= 0 ? rc : is_weighable(c, live, c->t->object, why);
}

static int
check_service(struct cluster *c, const struct rollout *q, const json_t *service,
              struct findings *ret, struct err *e)
{
	cleanup_json json_t *live = NULL;
	int rc = cluster_get(c, service, &live, e);

	if (rc < 0 || !live || cluster_is_of_model(live, q))
		return rc < 0 ? rc : cluster_try(c, q, service, ret, e);
	findings_add(ret, FINDING_BLOCK, "foreign-object",
	             "give the target another --object, or remove it there first",
	             "the Service \"%s\" is there already, and is not of this model",
	             kube_text(service, "metadata.name"));
	return 0;
}

/* The newcomer, its Service and the weights of the last step, as the server takes them. */
static int
try_all(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
        const json_t *live, json_t *rules, struct findings *ret, struct err *e)
{
	const unsigned percent = q->steps[q->steps_n - 1].percent;
	cleanup_json json_t *wanted = NULL, *service = NULL, *deployment = NULL;
	cleanup_json json_t *route = route_with(c, rules);
	const json_t *objects;
	int rc = cluster_wanted(c, q, &wanted, e);

	if (rc < 0)
		return rc;
	objects = json_object_get(wanted, "apply");
	service = newcomer_service(c, n, json_array_get(objects, 1));
	deployment = kubernetes_newcomer(
	        c, n, json_array_get(objects, 0),
	        kserve_newcomers((uint64_t)kube_number(live, "spec.replicas", 1), percent));
	rc = check_service(c, q, service, ret, e);
	if (rc == 0)
		rc = cluster_try(c, q, deployment, ret, e);
	return rc < 0 ? rc : cluster_try(c, taking(), route, ret, e);
}

int
kubernetes_check_route(struct cluster *c, const struct rollout *q, const json_t *live,
                       struct findings *ret, struct err *e)
{
	const unsigned percent = q->steps[q->steps_n - 1].percent;
	cleanup_json json_t *route = NULL, *rules = NULL;
	char why[256] = "";
	struct cluster_names n;
	struct sides s;
	int rc = cluster_names(c, q->model, &n, e);

	if (rc == 0)
		rc = find_route(c, &route, why, e);
	if (rc <= 0) /* probe says so */
		return rc;
	sides_of(n.object, &s);
	rules = cluster_route_weigh(route, &s.v, percent, why);
	if (rules)
		return cluster_foreign_owner(route) ? 0 : try_all(c, q, &n, live, rules, ret, e);
	if (!c->t->object) /* else probe has looked at it */
		findings_add(ret, FINDING_BLOCK, "route", "plan it without --steps",
		             "HTTPRoute \"%s\": %s", c->s.route, why);
	return 0;
}
