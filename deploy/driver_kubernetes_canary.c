/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A newcomer beside what is stable: a second Deployment. Its pods stand behind the same Service, so
 * that its share is the ratio of replicas and no other share can be had, or behind one of their
 * own, to which a route gives a share (driver_kubernetes_route.c). The stable Deployment is not
 * touched before the newcomer takes all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

unsigned
kubernetes_share(uint64_t stable, uint64_t newcomer)
{
	const uint64_t all = stable + newcomer;

	return all ? (unsigned)((200 * newcomer + all) / (2 * all)) : 0;
}

/* How many make that share; the nearest one is told when none does. */
bool
kubernetes_replicas(uint64_t stable, unsigned percent, uint64_t *ret, unsigned *ret_nearest)
{
	uint64_t n;

	if (percent >= 100 || stable == 0)
		return false;
	n = (stable * percent + (100 - percent) / 2) / (100 - percent);
	*ret = n ? n : 1;
	*ret_nearest = kubernetes_share(stable, *ret);
	return *ret_nearest == percent;
}

static bool
has_canary(const struct cluster *c)
{
	return c->s.canary == CANARY_REPLICAS || c->s.canary == CANARY_ROUTE;
}

json_t *
kubernetes_newcomer_name(const struct cluster *c, const struct cluster_names *n, const char *api,
                         const char *kind)
{
	cleanup_free char *name = xasprintf("%s-canary", n->object);

	return cluster_named(cluster_namespace(c->t), api, kind, name);
}

static json_t *
canary_name(const struct cluster *c, const struct cluster_names *n)
{
	return kubernetes_newcomer_name(c, n, "apps/v1", "Deployment");
}

static void
set_track(json_t *map)
{
	if (json_object_get(map, CLUSTER_TRACK))
		json_object_set_new(map, CLUSTER_TRACK, json_string("canary"));
}

/* The rendered Deployment under another name and track. */
json_t *
kubernetes_newcomer(const struct cluster *c, const struct cluster_names *n, const json_t *rendered,
                    uint64_t replicas)
{
	cleanup_json json_t *named = canary_name(c, n);
	json_t *o = json_deep_copy(rendered);
	json_t *spec = json_object_get(o, "spec");
	json_t *template = json_object_get(json_object_get(spec, "template"), "metadata");

	json_object_set_new(json_object_get(o, "metadata"), "name",
	                    json_string(kube_text(named, "metadata.name")));
	json_object_set_new(spec, "replicas", json_integer((json_int_t)replicas));
	set_track(json_object_get(json_object_get(o, "metadata"), "labels"));
	set_track(json_object_get(json_object_get(spec, "selector"), "matchLabels"));
	set_track(json_object_get(template, "labels"));
	return o;
}

static int
names_of(struct cluster *c, const struct rollout *q, struct cluster_names *ret, struct err *e)
{
	int rc = cluster_names(c, q->model, ret, e);

	return rc < 0 ? rc : cluster_kube(c, e);
}

/* One that another plan left or runs is not overwritten, unless what is stable by now came from
 * it. */
static int
check_free(const json_t *live, const struct rollout *q, const struct precondition *p, struct err *e)
{
	struct cluster_stamp s;

	cluster_stamp_of(live, &s);
	if (!s.exists || (s.is_ours && q->plan_id && streq(s.plan_id, q->plan_id)))
		return 0;
	if (s.is_ours && streq(s.registry, q->registry_id) && streq(s.model, q->model) &&
	    !p->empty && digest_eq(&s.version, &p->version))
		return 0;
	return err_set(e, ERR_CONFLICT, "another newcomer is there already: \"%s\"",
	               kube_text(live, "metadata.name"));
}

static int
stable_replicas(struct cluster *c, const json_t *main_object, const struct rollout *q,
                const struct precondition *p, uint64_t *ret, struct err *e)
{
	cleanup_json json_t *live = NULL;
	struct cluster_stamp s;
	int rc;

	rc = cluster_get(c, main_object, &live, e);
	if (rc < 0)
		return rc;
	cluster_stamp_of(live, &s);
	rc = cluster_is_as(&s, kube_text(main_object, "metadata.name"), q, p, e);
	if (rc < 0)
		return rc;
	*ret = (uint64_t)kube_number(live, "spec.replicas", 1);
	return 0;
}

/* How many newcomers; of a share by weights there need only be enough for it. */
static int
newcomers(const struct cluster *c, uint64_t stable, unsigned percent, uint64_t *ret, struct err *e)
{
	unsigned nearest;

	if (c->s.canary == CANARY_ROUTE)
		*ret = kserve_newcomers(stable, percent);
	else if (!kubernetes_replicas(stable, percent, ret, &nearest))
		return err_set(e, ERR_CONFLICT, "%" PRIu64 " replicas cannot be shared at %u%%",
		               stable, percent);
	return 0;
}

/* objects: as rendered, the Deployment first and then its Service. */
static int
send_newcomer(struct cluster *c, const struct rollout *q, const struct precondition *p,
              const struct cluster_names *n, const json_t *objects, uint64_t replicas,
              struct err *e)
{
	cleanup_json json_t *o = kubernetes_newcomer(c, n, json_array_get(objects, 0), replicas);
	cleanup_json json_t *live = NULL;
	int rc;

	rc = cluster_get(c, o, &live, e);
	if (rc == 0)
		rc = check_free(live, q, p, e);
	if (rc == 0 && c->s.canary == CANARY_ROUTE)
		rc = kubernetes_route_services(c, q, n, json_array_get(objects, 1), e);
	return rc < 0 ? rc : cluster_send(c, q, NULL, o, e);
}

static void
judge(const struct cluster *c, const json_t *live, const json_t *pods, struct canary *ret)
{
	const struct kube_when w = { kube_now_s(c->k), KUBE_GRACE_S };
	struct kube_look l;

	kube_deployment_look(live, json_object_get(pods, "items"), &w, &l);
	cluster_newcomer_is(&l, ret);
}

/* Is it there, and are its pods? */
static int
look_at(struct cluster *c, const struct rollout *q, struct cluster_names *n, struct canary *ret,
        uint64_t *ret_ready, struct err *e)
{
	cleanup_json json_t *named = canary_name(c, n), *live = NULL, *pods = NULL;
	struct cluster_stamp s;
	int rc;

	*ret = (struct canary){ .status = ROLLOUT_PROGRESSING };
	*ret_ready = 0;
	rc = cluster_get(c, named, &live, e);
	if (rc < 0)
		return rc;
	cluster_stamp_of(live, &s);
	if (!s.is_ours || !digest_eq(&s.version, &q->version)) {
		(void)snprintf(ret->reason, sizeof ret->reason, "the newcomer is not there");
		return 0;
	}
	(void)snprintf(n->selector, sizeof n->selector,
	               "app.kubernetes.io/name=%s," CLUSTER_TRACK "=canary", n->object);
	rc = cluster_pods(c, n, &pods, e);
	if (rc < 0)
		return rc;
	judge(c, live, pods, ret);
	*ret_ready = (uint64_t)kube_number(live, "status.readyReplicas", 0);
	return 0;
}

/* Nobody is sent to who is not there yet: then the next look asks for the share again. */
static int
weigh_if_ready(struct cluster *c, const struct rollout *q, struct cluster_names *n,
               unsigned percent, struct err *e)
{
	struct canary seen;
	uint64_t ready;
	int rc = look_at(c, q, n, &seen, &ready, e);

	if (rc < 0 || seen.status != ROLLOUT_SUCCEEDED)
		return rc;
	return kubernetes_route_weigh(c, n, percent, e);
}

int
kubernetes_set_weight(void *st, const struct rollout *q, struct str rendered, unsigned percent,
                      const struct precondition *p, struct err *e)
{
	struct cluster *c = st;
	cleanup_json json_t *j = NULL;
	struct cluster_names n;
	uint64_t stable = 0, replicas = 0;
	const json_t *objects;
	int rc;

	rc = json_parse(rendered, "rendered objects", &j, e);
	if (rc == 0)
		rc = names_of(c, q, &n, e);
	objects = json_object_get(j, "apply");
	if (rc == 0)
		rc = stable_replicas(c, json_array_get(objects, 0), q, p, &stable, e);
	if (rc == 0)
		rc = newcomers(c, stable, percent, &replicas, e);
	if (rc == 0)
		rc = send_newcomer(c, q, p, &n, objects, replicas, e);
	if (rc < 0 || c->s.canary != CANARY_ROUTE)
		return rc;
	return weigh_if_ready(c, q, &n, percent, e);
}

/* Somebody else's stays, and so does its share. */
int
kubernetes_drop_canary(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                       struct err *e)
{
	cleanup_json json_t *named = canary_name(c, n), *live = NULL, *other = NULL;
	cleanup_json json_t *service = kubernetes_newcomer_name(c, n, "v1", "Service");
	const bool is_route = c->s.canary == CANARY_ROUTE;
	struct cluster_stamp s;
	int rc;

	if (!has_canary(c))
		return 0;
	rc = cluster_get(c, named, &live, e);
	cluster_stamp_of(live, &s);
	if (rc < 0 || (s.exists && (!s.is_ours || !streq(s.model, q->model) ||
	                            !streq(s.registry, q->registry_id))))
		return rc;
	if (is_route)
		rc = cluster_get(c, service, &other, e);
	/* the Service goes last: while it is there, all is not done */
	if (rc < 0 || (!s.exists && !cluster_is_of_model(other, q)))
		return rc;
	if (is_route)
		rc = kubernetes_route_back(c, q, n, e);
	if (rc == 0)
		rc = cluster_delete(c, q, named, e);
	if (rc == 0 && cluster_is_of_model(other, q))
		rc = cluster_delete(c, q, service, e);
	return rc;
}

int
kubernetes_canary_plan(struct cluster *c, const struct cluster_names *n, char ret[DIGEST_HEX_SIZE],
                       struct err *e)
{
	cleanup_json json_t *named = canary_name(c, n), *live = NULL;
	struct cluster_stamp s;
	int rc;

	ret[0] = '\0';
	if (!has_canary(c))
		return 0;
	rc = cluster_get(c, named, &live, e);
	cluster_stamp_of(live, &s);
	if (rc == 0 && s.is_ours)
		(void)str_copy(ret, DIGEST_HEX_SIZE, s.plan_id);
	return rc;
}

/* The newcomer has done its part once the stable pods are of its version. */
/* A deletion that was never answered is looked after by nobody once the job has ended. */
static int
check_gone(struct cluster *c, const struct rollout *q, const struct cluster_names *n, struct err *e)
{
	cleanup_json json_t *named = canary_name(c, n), *live = NULL;
	int rc = has_canary(c) ? cluster_get(c, named, &live, e) : 0;

	if (rc < 0 || !live || kube_at(live, "metadata.deletionTimestamp") ||
	    !cluster_is_of_model(live, q))
		return rc;
	return err_set(e, ERR_OUTCOME_UNKNOWN,
	               "nobody answers whether Deployment \"%s\" is deleted",
	               kube_text(live, "metadata.name"));
}

int
kubernetes_release(void *st, const struct rollout *q, const struct snapshot *s, struct err *e)
{
	struct cluster *c = st;
	struct cluster_names n;
	int rc;

	(void)s;
	rc = names_of(c, q, &n, e);
	if (rc == 0)
		rc = kubernetes_drop_canary(c, q, &n, e);
	return rc < 0 ? rc : check_gone(c, q, &n, e);
}

/* Which pods take requests: those that are ready, on either side. A stable pod that is not makes
 * another ratio for a while, which nobody has asked for. */
static void
ready_share(const json_t *stable, uint64_t newcomers, struct canary *ret)
{
	const int64_t wanted = kube_number(stable, "spec.replicas", 1);
	const int64_t ready = kube_number(stable, "status.readyReplicas", 0);

	if (!stable || ready < 0)
		return;
	if (ready < wanted && ret->status == ROLLOUT_SUCCEEDED) {
		ret->status = ROLLOUT_PROGRESSING;
		(void)snprintf(ret->reason, sizeof ret->reason,
		               "%" PRId64 " of %" PRId64 " stable pods are ready", ready, wanted);
	}
	if (ready < wanted)
		return;
	ret->percent_known = true;
	ret->percent = kubernetes_share((uint64_t)ready, newcomers);
}

int
kubernetes_look_canary(void *st, const struct rollout *q, struct canary *ret, struct err *e)
{
	struct cluster *c = st;
	cleanup_json json_t *named = NULL, *stable = NULL;
	struct cluster_names n;
	struct cluster_stamp s;
	uint64_t ready = 0;
	int rc;

	*ret = (struct canary){ .status = ROLLOUT_PROGRESSING };
	rc = names_of(c, q, &n, e);
	if (rc == 0)
		rc = look_at(c, q, &n, ret, &ready, e);
	if (rc < 0)
		return rc;
	named = cluster_object(c, &n);
	rc = cluster_get(c, named, &stable, e);
	if (rc < 0)
		return rc;
	if (c->s.canary != CANARY_ROUTE) {
		ready_share(stable, ready, ret);
		return 0;
	}
	cluster_stamp_of(stable, &s);
	ret->took_all = s.is_ours && q->plan_id && streq(s.plan_id, q->plan_id);
	return kubernetes_route_look(c, &n, ret, e);
}

int
kubernetes_check_steps(struct cluster *c, const struct rollout *q, const json_t *live,
                       struct findings *ret, struct err *e)
{
	const uint64_t stable = (uint64_t)kube_number(live, "spec.replicas", 1);
	unsigned nearest = 0;
	uint64_t n;

	if (live && q->steps_n > 0 && c->s.canary == CANARY_ROUTE)
		return kubernetes_check_route(c, q, live, ret, e);
	for (size_t i = 0; live && c->s.canary == CANARY_REPLICAS && i < q->steps_n; i++) {
		if (kubernetes_replicas(stable, q->steps[i].percent, &n, &nearest))
			continue;
		findings_add(ret, FINDING_BLOCK, "share",
		             "take a share that replicas can make, or run more of them",
		             "%" PRIu64 " stable replica%s cannot be shared at %u%%: the nearest "
		             "is %u%%",
		             stable, stable == 1 ? "" : "s", q->steps[i].percent, nearest);
	}
	return 0;
}

void
kubernetes_say_split(const struct cluster *c, const struct rollout *q, struct buf *ret)
{
	char name[CLUSTER_NAME_MAX + 1];
	struct err ignored = { 0 };

	if (q->steps_n == 0 || !has_canary(c) || cluster_name(c->t, q->model, name, &ignored) < 0)
		return;
	if (c->s.canary == CANARY_ROUTE)
		buf_addf(ret,
		         "HTTPRoute %s gives each step's share to the Service %s-canary by weight, "
		         "to the percent; when it is over, all to %s again\n",
		         c->s.route, name, name);
	else
		buf_addf(ret,
		         "Deployment %s-canary stands beside %s behind the same Service: the "
		         "share is the ratio of replicas\n",
		         name, name);
}
